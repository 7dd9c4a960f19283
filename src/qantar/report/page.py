"""The page: one HTML file with everything in it, English and Chinese, light and dark, readable without scripts.

In: an account with its case and verdicts. Out: the HTML as text. Every user-written string is escaped; links lead only
to http and https addresses; a content security policy forbids everything but what is in the file.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import math
from collections import Counter
from collections.abc import Callable
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

import qantar
from qantar.account.ledger import KINDS, VERDICTS
from qantar.account.load import Loaded
from qantar.account.verdicts import FLAGS, agreement, judge, tally
from qantar.messages import LANGUAGES, text
from qantar.record.observables import Observables, disagreement, observe
from qantar.record.schema import Event
from qantar.report.curves import draw_all
from qantar.report.map import draw
from qantar.scenario.case import file_hashes

_SIGNS = {
    "crowd": "protest march strike road_blocked rail_blocked talks",
    "violence": "clash building_attacked building_seized armoury_seized airport_seized looting control_lost prison_attacked "
    "infrastructure_attacked symbol_attacked",
    "state": "repression detained retaken airport_retaken emergency_declared stand_aside",
}


def marker(event: Event) -> str:
    """Which sign an event gets on the map: of the crowd, of violence, of the state, or none."""
    return next((name for name, kinds in _SIGNS.items() if event.kind in kinds.split()), "")


def both(en: object, zh: object) -> Markup:
    """A piece of text in both languages; the page shows one. Chinese falls back to English, marked as English."""
    if zh in (None, ""):
        return Markup('<span lang="en">{}</span>').format(en)
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh">{}</span>').format(en, zh)


def message(key: str, **args: object) -> Markup:
    """A message of the catalogue in both languages; an argument that differs between them is a pair."""
    return both(*(text(key, lang, **_of(lang, args)) for lang in LANGUAGES))


def _of(lang: str, args: dict[str, object]) -> dict[str, object]:
    return {k: v[LANGUAGES.index(lang)] if isinstance(v, tuple) else v for k, v in args.items()}


def attributes(name: str, key: str, **args: object) -> Markup:
    """An attribute in both languages: the English one in force, the other kept for the switch."""
    en, zh = (text(key, lang, **args) for lang in LANGUAGES)
    return Markup('{0}="{1}" data-{0}-en="{1}" data-{0}-zh="{2}"').format(Markup(name), en, zh)


def option(key: str, **args: object) -> Markup:
    """The text of an <option>, which may hold no elements."""
    en, zh = (text(key, lang, **args) for lang in LANGUAGES)
    return Markup('data-text-en="{0}" data-text-zh="{1}">{0}').format(en, zh)


def safe_link(address: str) -> str:
    """The address if a browser may follow it, else nothing. Incomplete ones (with an ellipsis) are not links."""
    return address if address.startswith(("http://", "https://")) and "…" not in address else ""


def render(loaded: Loaded) -> str:
    """The whole page of an account.

    The same account gives the same bytes: nothing of the machine, the user or the time goes in.
    """
    account, case = loaded.account, loaded.case
    seen = observe(case.record)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qantar.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(
        t=message, both=both, attr=attributes, option=option, safe_link=safe_link, day=_day_in(case.head.first_day.year), marker=marker
    )
    style, script = (
        resources.files("qantar.report").joinpath("templates", name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    judged = judge(account)
    days = seen.days or _window(case.head.first_day, case.head.last_day)
    presence = _presence(seen, len(days))
    return environment.get_template("page.html.j2").render(
        head=account.head,
        case=case.head,
        account=account,
        judged=judged,
        tally=tally(judged),
        kinds=[k for k in KINDS if any(j.claim.kind == k for j in judged)],
        verdicts=[v for v in VERDICTS if any(j.claim.verdict == v for j in judged)],
        flags=Counter(f for j in judged for f in j.flags),
        flag_names=FLAGS,
        agreement=agreement(account),
        sections=sorted({j.claim.section for j in judged}),
        record=case.record,
        regions={r.region_id: r for r in case.record.regions},
        settlements={s.settlement_id: s for s in case.record.settlements},
        sources=_cited(loaded),
        seen=seen,
        days=days,
        presence=presence,
        sheet=draw(case),
        figures={lang: {n: Markup(s) for n, s in draw_all(case.record, seen, lang).items()} for lang in LANGUAGES},
        counts=[Counter(row[n] for row in presence.values()) for n in range(len(days))],
        peak=_peak(presence),
        disagreements=[(d, disagreement(case.record, d)) for d in case.record.disagreements],
        onsets={r.region_id: r for r in case.record.region_onset},
        hashes=file_hashes(case.folder) | file_hashes(account.folder),
        version=qantar.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _cited(loaded: Loaded) -> dict[str, Any]:
    """Sources that the page cites, in the order of the table."""
    rows = [
        *loaded.account.claims,
        *loaded.case.record.events,
        *loaded.case.record.totals,
        *loaded.case.record.region_onset,
        *loaded.case.record.disagreements,
    ]
    used = {key for row in rows for key in (row.source, *row.sources_more)} | {
        key for row in loaded.account.second_reading for key in row.sources
    }
    return {key: source for key, source in loaded.account.sources.items() if key in used}


def _window(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    return tuple(first + dt.timedelta(days=n) for n in range((last - first).days + 1))


def _presence(seen: Observables, n_days: int) -> dict[str, list[str]]:
    """Presence by region as words for CSS and tables: present, doubtful (low confidence), absent, missing."""
    low = {o.region_id for o in seen.onsets if o.confidence == "low"}
    if not seen.days:
        return {region: ["missing"] * n_days for region in seen.region_ids}
    return {
        region: ["missing" if math.isnan(v) else "absent" if v == 0 else "doubtful" if region in low else "present" for v in row]
        for region, row in zip(seen.region_ids, seen.presence.tolist(), strict=True)
    }


def _peak(presence: dict[str, list[str]]) -> int:
    """The day on which most regions have unrest: what the map shows first."""
    days = range(len(next(iter(presence.values()), [])))
    return max(days, key=lambda n: sum(row[n] in ("present", "doubtful") for row in presence.values()), default=0)


def _day_in(year: int) -> Callable[[dt.date | None], Markup]:
    """How a calendar day is written in both languages: the year only where it is not the case's own."""

    def day(date: dt.date | None) -> Markup:
        if date is None:
            return message("report.unknown")
        other = date.year != year
        en = f"{date.day} {date:%b}" + (f" {date.year}" if other else "")
        return both(en, (f"{date.year}年" if other else "") + f"{date.month}月{date.day}日")

    return day
