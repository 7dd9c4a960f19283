"""What of a case a sentence may be about: events and judged claims of the same day and place.

In: sentences, a case, the claims of a ledger of that case. Out: ids. A sentence and an event belong together if the sentence
names a day of the event and a place of it: its settlement, or its region. No more is compared; whether they say the same, a reader finds
out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from qantar.account.candidates import place_pattern
from qantar.account.ledger import Claim
from qantar.cases.case import Case
from qantar.messages import LANGUAGES
from qantar.record.observables import days_between


@dataclass(frozen=True)
class Likely:
    """Ids of events and of claims that share a day and a place with a sentence, in the order of their tables."""

    events: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def likely(sentences: Iterable[str], language: str, case: Case, claims: Iterable[Claim] = ()) -> list[Likely]:
    """For each sentence of a document in `language` what it may be about."""
    span = case.head.first_day, case.head.last_day
    places = {lang: Places(case, lang) for lang in {language, *LANGUAGES}}
    known: dict[str, tuple[set[dt.date], set[str]]] = {}
    for claim in claims:
        said = [_about(getattr(claim, f"claim_{lang}"), lang, span, places[lang]) for lang in LANGUAGES]
        known[claim.claim_id] = {day for days, _ in said for day in days}, {place for _, where in said for place in where}
    events = [(e.event_id, e.date, e.date_end or e.date, {e.region_id, e.settlement_id}) for e in case.record.events]
    by_day = {d: [(key, at) for key, first, last, at in events if first <= d <= last] for d in days_between(*span)}

    @cache
    def near(days: frozenset[dt.date], where: frozenset[str]) -> Likely:
        hits = {key for d in days for key, at in by_day[d] if at & where}
        claimed = tuple(key for key, (on, at) in known.items() if on & days and at & where)
        return Likely(tuple(key for key, *_ in events if key in hits), claimed)

    named = (_about(sentence, language, span, places[language]) for sentence in sentences)
    return [near(frozenset(days), frozenset(where)) for days, where in named]


def _about(text: str, language: str, span: tuple[dt.date, dt.date], places: Places) -> tuple[set[dt.date], set[str]]:
    """Days and places that a text names; places only beside a day."""
    days = set(dates_in(text, language, *span))
    return days, places.within(text) if days else set()


class Places:
    """Ids of regions and settlements by their names in one language, and the pattern of all these names (`any`)."""

    def __init__(self, case: Case, language: str) -> None:
        self.any = place_pattern(tuple(case.place_names()), language)
        self.each = {key: place_pattern(names, language) for key, names in case.record.names().items()}
        self.known: dict[str, set[str]] = {}

    def within(self, text: str) -> set[str]:
        """Ids of the places that a text names."""
        found: set[str] = set()
        for hit in {m.group(0) for m in self.any.finditer(text)}:
            if hit not in self.known:
                self.known[hit] = {key for key, pattern in self.each.items() if pattern.fullmatch(hit)}
            found |= self.known[hit]
        return found


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
