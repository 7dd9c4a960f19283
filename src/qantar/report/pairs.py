"""Text in both languages as HTML: the page holds both and shows one.

Where both say the same, it stands once; where one is missing, the other stands for it, marked as what it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from markupsafe import Markup

from qantar.messages import LANGUAGES, days_in_words
from qantar.studies.blocks import pair


def both(en: object, zh: object) -> Markup:
    """A piece of text in both languages; the page shows one.

    >>> print(both("fact", "事实"), both("7", "7"), both("fact", ""))
    <span lang="en">fact</span><span lang="zh">事实</span> 7 <span class="any" lang="en">fact</span>
    """
    if zh in (None, "") or en in (None, ""):
        return Markup('<span class="any" lang="{}">{}</span>').format("zh" if zh else "en", zh or en or "")
    return Markup("{}").format(en) if en == zh else Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(en, zh)


def message(key: str, **args: object) -> Markup:
    """The same as HTML."""
    return both(*pair(key, **args))


def attributes(name: str, key: str, **args: object) -> Markup:
    """An attribute in both languages: the English one in force, the Chinese one kept for the switch, which keeps the English one then."""
    en, zh = pair(key, **args)
    return Markup('{0}="{1}" data-{0}-zh="{2}"').format(Markup(name), en, zh)


def option(key: str, **args: object) -> Markup:
    """The text of an <option>, which may hold no elements."""
    en, zh = pair(key, **args)
    return Markup('data-text-zh="{1}">{0}').format(en, zh)


def safe_link(address: str) -> str:
    """The address if a browser may follow it, else nothing. Incomplete ones (with an ellipsis) are not links."""
    return address if address.startswith(("http://", "https://")) and "…" not in address else ""


def day_in(year: int) -> Callable[..., Markup]:
    """How a calendar day or a stretch of days is written in both languages: the year only where it is not the case's own."""

    def day(first: dt.date | None, last: dt.date | None = None) -> Markup:
        if first is None:
            return message("report.unknown")
        en, zh = (days_in_words(first, last or first, lang, year) for lang in LANGUAGES)
        return both(en.replace(" ", "\u00a0"), zh)

    return day
