"""Which days a text names: by day and month, or by the day that was named before (the next day, на следующий день, 次日).

In: a text and its language. Out: days. Words of days that hang on another are in `days.toml`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import tomllib
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from qantar.lookup.numerals import number

OTHER_TIME = frozenset({dt.date.max})
"""What `day_after` gives for a time that is no day: months later."""


def dates_in(text: str, language: str, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Days between `first` and `last` that a text names by day and month; both ends of "4-5 January".

    >>> span = dt.date(2021, 12, 30), dt.date(2022, 1, 20)
    >>> [d.day for d in dates_in("On 4-5 January, not in May; on December 31 too.", "en", *span)]
    [4, 5, 31]
    >>> [str(d) for d in dates_in("1月5日，去年7月2日", "zh", *span)], [d.day for d in dates_in("6 января 2022", "ru", *span)]
    (['2022-01-05'], [6])
    """
    for match in _dated(text, language):
        month, year = match["month"], match["year"]
        number = int(month) if month.isdigit() else months(language)[month.casefold()]
        for day in filter(None, (match["day"], match["end"])):
            for y in [int(year)] if year else range(first.year, last.year + 1):
                with suppress(ValueError):  # no such day
                    if first <= dt.date(y, number, int(day)) <= last:
                        yield dt.date(y, number, int(day))


def _dated(text: str, language: str) -> Iterator[re.Match[str]]:
    """Where a text names days; of two readings that overlap the first form counts: "10 January 7 men" names the tenth only."""
    taken: list[tuple[int, int]] = []
    for match in (m for pattern in day_patterns(language) for m in pattern.finditer(text)):
        if not any(start < match.end() and match.start() < end for start, end in taken):
            taken.append(match.span())
            yield match


@cache
def months(language: str) -> dict[str, int]:
    """Number of a month by its name, whole or short."""
    from babel import Locale

    forms = Locale(language).months["format"]
    return {name.rstrip(".").casefold(): n for width in ("wide", "abbreviated") for n, name in forms[width].items()}


@cache
def day_patterns(language: str) -> tuple[re.Pattern[str], ...]:
    """A day with its month in the ways a language writes it, perhaps the last of several days and the year."""
    iso = r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?P<end>)\b"
    if language == "zh":
        forms = [
            r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]?(?:(?:至|到|[-–—~～])(?P<end>\d{1,2})[日号])?(?<=[日号])"
        ]
    else:
        name = "|".join(sorted(map(re.escape, months(language)), key=len, reverse=True))
        after = r"(?:st|nd|rd|th)?(?: of)?" if language == "en" else ""
        forms = [
            rf"\b(?P<day>\d{{1,2}})(?:\s?[-–—]\s?(?P<end>\d{{1,2}}))?{after}\s+(?P<month>{name})\b\.?(?:,?\s+(?P<year>\d{{4}})\b)?",
            rf"\b(?P<month>{name})\.?\s+(?P<day>\d{{1,2}})(?:\s?[-–—]\s?(?P<end>\d{{1,2}}))?\b(?![,.]\d)(?:,\s+(?P<year>\d{{4}})\b)?",
        ]
    return tuple(re.compile(form, re.IGNORECASE) for form in (*forms, iso))


def day_after(text: str, language: str, before: Collection[dt.date]) -> frozenset[dt.date]:
    """The day that a text names by the days named before it; none if it names none, `OTHER_TIME` if it names a time far from them.

    >>> days = {dt.date(2022, 1, 5)}
    >>> [str(d) for t in ("The next day it rained.", "Two days later, too.", "That night all was quiet.") for d in day_after(t, "en", days)]
    ['2022-01-06', '2022-01-07', '2022-01-05']
    >>> [str(d) for t in ("Спустя три дня", "Накануне") for d in day_after(t, "ru", days)], day_after("两天后", "zh", days)
    (['2022-01-08', '2022-01-04'], frozenset({datetime.date(2022, 1, 7)}))
    >>> [d.day for d in day_after("Two days later they met, and on the same day they left.", "en", days)]
    [7]
    >>> [str(d) for t in ("Until the 2nd it rained.", "The march of the 31st") for d in day_after(t, "en", {dt.date(2022, 1, 29)})]
    ['2022-02-02', '2022-01-31']
    >>> day_after("Two months later", "en", days) == OTHER_TIME, day_after("It rained.", "en", days), day_after("The next day", "en", ())
    (True, frozenset(), frozenset())
    """
    if not before:
        return frozenset()
    if _hanging("far", language).search(text):
        return OTHER_TIME
    found: dict[int, frozenset[dt.date]] = {}
    if same := _hanging("same", language).search(text):
        found[same.start()] = frozenset(before)
    for name, days in (("days_later", 1), ("days_earlier", -1), ("weeks_later", 7)):
        if (moved := _hanging(name, language).search(text)) and (many := _many(moved, language)) is not None:
            found.setdefault(moved.start(), frozenset({_moved(before, many * days)}))
    for name, days in (("next", 1), ("before", -1)):
        if moved := _hanging(name, language).search(text):
            found.setdefault(moved.start(), frozenset({_moved(before, days)}))
    for numbered in _hanging("of_month", language).finditer(text):
        if (on := _nearest(before, int(numbered[1]))) is not None:
            found.setdefault(numbered.start(), frozenset({on}))
    return found[min(found)] if found else frozenset()


def _nearest(before: Collection[dt.date], day: int) -> dt.date | None:
    """The day of this number, of the months around the days named before, that is nearest to the last of them."""
    last, near = max(before), []
    for month in (last.replace(day=1) - dt.timedelta(days=1), last, last.replace(day=28) + dt.timedelta(days=4)):
        with suppress(ValueError):  # no such day
            near.append(month.replace(day=day))
    return min(near, key=lambda on: abs(on - last)) if near else None


def days_named(text: str, language: str, first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """Days that a text names by day and month, and those that it names behind them by these.

    >>> [d.day for d in sorted(days_named("On 4 May they came, and the next day too.", "en", dt.date(2022, 5, 1), dt.date(2022, 5, 31)))]
    [4, 5]
    """
    own = frozenset(dates_in(text, language, first, last))
    ends = [match.end() for match in _dated(text, language)]
    return own | (day_after(text[max(ends) :], language, own) - OTHER_TIME) if own and ends else own


def _many(found: re.Match[str], language: str) -> int | None:
    """How many days or weeks a text says; a word for one week alone says one."""
    word = next(filter(None, found.groups())).casefold()
    if word in ("a", "a couple of") or word.startswith("недел"):
        return 2 if "couple" in word else 1
    many = number(word.split()[0], language)
    return many if many is not None and many < 100 else None


def _moved(days: Collection[dt.date], by: int) -> dt.date:
    return (max(days) if by > 0 else min(days)) + dt.timedelta(days=by)


def month_ends(text: str, language: str, first: dt.date, last: dt.date) -> list[dt.date]:
    """Last days of months, between `first` and the end of the month of `last`, that a text names as such.

    >>> [str(d) for d in month_ends("By the end of January", "en", dt.date(2021, 12, 7), dt.date(2022, 1, 31))]
    ['2022-01-31']
    """
    found = []
    for match in _month_end(language).finditer(text):
        name = next(filter(None, match.groups())).casefold()
        month = int(name.rstrip("月")) if language == "zh" else months(language)[name]
        ends = (dt.date(y, month, calendar.monthrange(y, month)[1]) for y in range(first.year, last.year + 1) if 0 < month < 13)
        found += [end for end in ends if first <= end <= last or (end.year, end.month) == (last.year, last.month)]
    return found


@cache
def _month_end(language: str) -> re.Pattern[str]:
    name = "|".join(sorted(map(re.escape, months(language)), key=len, reverse=True)) if language != "zh" else ""
    return re.compile("|".join(form.format(month=name) for form in _data()["month_end"][language]), re.IGNORECASE)


@cache
def _hanging(name: str, language: str) -> re.Pattern[str]:
    words = "|".join(_data()[name][language])
    return re.compile(words if language == "zh" else rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("days.toml").read_text(encoding="utf-8"))


def without_comparison(text: str, language: str) -> str:
    """A text without what compares with long ago.

    >>> without_comparison("A crowd came, the largest since 1990.", "en"), without_comparison("自1990年以来最大的集会。", "zh")
    ('A crowd came, the  .', ' 。')
    """
    return _hanging("compared", language).sub(" ", text)


def another_time(text: str, language: str) -> bool:
    """Whether a text names a month or a year that is not part of a day.

    >>> [another_time(t, "en") for t in ("By the end of July all was quiet.", "In 1992 too.", "They may march.", "1,992 came on 4 May.")]
    [True, True, False, False]
    >>> another_time("1992年也是如此。", "zh"), another_time("当天1992人被捕。", "zh"), another_time("В июле все стихло.", "ru")
    (True, False, True)
    """
    rest = without_comparison(text, language)
    for pattern in day_patterns(language):
        rest = pattern.sub(" ", rest)
    return bool(_month_or_year(language).search(rest))


@cache
def _month_or_year(language: str) -> re.Pattern[str]:
    if language == "zh":
        return re.compile(r"\d{4}年|(?<!\d)\d{1,2}月|[去前今]年")
    if language == "ru":  # months decline: июль, в июле, к июлю
        names = r"(?:январ|феврал|апрел|июн|июл|август|сентябр|октябр|ноябр|декабр)\w*|март[аеу]?|ма[еяй]"
        return re.compile(rf"\b(?:{names}|(?:19|20)\d\d)\b", re.IGNORECASE)
    names = "|".join(sorted((n.title() for n in months(language) if len(n) > 3), key=len, reverse=True))
    return re.compile(rf"\b(?:{names}|(?:in|by|since|of|last) May|(?<![\d,.])(?:1[5-9]|20)\d\d(?![\d,.]\d|\s?(?:people|men|women)))\b")
