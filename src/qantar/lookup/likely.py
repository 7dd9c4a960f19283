"""What of a case a sentence may be about: events and judged claims of the same day and place.

In: sentences, a case, the claims of a ledger of that case. Out: ids. `likely` is strict: a sentence and an event belong together if the
sentence names a day of the event and a place of it, its settlement or its region. `near` reads a document as a person does: a sentence
that names no day goes on with that of the sentence before, and a day alone or a place alone is enough. No more is compared; whether they
say the same, a reader finds out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from qantar.account.candidates import place_pattern, scored
from qantar.account.document import Document, Position, Section, Sentence
from qantar.account.ledger import Claim
from qantar.cases.case import Case
from qantar.messages import LANGUAGES, text
from qantar.record.observables import days_between
from qantar.record.schema import Event


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


OF_ITS_DAY = {"act", "figure", "place", "finished"}
"""Signs of a sentence that tells what happened: only such a one goes on with the day of the sentence before."""
OF_ANOTHER_DAY = {"act", "place"}
"""Those of a sentence that goes on with the day of the paragraph before."""


def near(document: Document, case: Case) -> dict[Position, tuple[str, ...]]:
    """For each sentence of a document the ids of the rows of the record near it, those at its places first, then those that share words.

    A sentence that names a day is near all rows of that day. One that names none and tells what happened goes on with the day before it in
    its section (at first that of the heading), unless it names another month or year; if it names places, only their rows count, and they
    alone do where no day is known. Totals belong to the day they count up to.
    """
    places, language = Places(case, document.language), document.language
    region_of = {s.settlement_id: s.region_id for s in case.record.settlements}
    rows = [
        _Near(e.event_id, e.date, e.date_end or e.date, e.region_id, e.settlement_id, _told_in(e, language)) for e in case.record.events
    ]
    rows += [_Near(t.total_id, t.as_of, t.as_of, t.region_id, t.settlement_id, set()) for t in case.record.totals]
    found: dict[Position, tuple[str, ...]] = {}
    for sentence, days, own in _days(document, case):
        where = places.within(sentence.text)
        around = {region_of[town] for town in where if town in region_of}
        on = [row for row in rows if any(row.first <= day <= row.last for day in days)]
        here = [row for row in on if row.at(where, around)] or [row for row in rows if not own and row.at(where, around)]
        said = words_of(sentence.text, language)
        ranked = [sorted(some, key=lambda row: -len(row.words & said)) for some in (here, [] if here and not own else on)]
        found[sentence.position] = tuple(dict.fromkeys(row.key for some in ranked for row in some))
    return found


class _Near(NamedTuple):
    """A row of the record: its id, its days, its place, and the words it is told in."""

    key: str
    first: dt.date
    last: dt.date
    region: str
    town: str | None
    words: set[str]

    def at(self, where: set[str], around: set[str]) -> bool:
        """Whether it is at one of the places named; `around` are the regions of the towns among them.

        A region that is called like its town counts for what has no town: of Nairobi the region only what is not placed in another town.
        """
        return self.town in where or (self.region in where and (self.town is None or self.region not in around))


def _told_in(event: Event, language: str) -> set[str]:
    lang = language if language in LANGUAGES else LANGUAGES[0]
    return words_of(f"{text(f'event.{event.kind}', lang)} {(language == 'zh' and event.note_zh) or event.note}", language)


def words_of(said: str, language: str) -> set[str]:
    """Beginnings of the longer words of a text, and its numbers; of Chinese each two signs that stand together.

    >>> sorted(words_of("200 cars were burnt", "en")), sorted(words_of("冲进机场", "zh"))
    (['200', 'burnt'], ['冲进', '机场', '进机'])
    """
    numbers = set(re.findall(r"\d{2,}", said))
    if language == "zh":
        return numbers | {said[k : k + 2] for k in range(len(said) - 1) if said[k : k + 2].isalpha()}
    return numbers | {word[:5].casefold() for word in re.findall(r"[^\W\d]{5,}", said)}


def _days(document: Document, case: Case) -> Iterator[tuple[Sentence, set[dt.date], bool]]:
    """Each sentence with the days it is about, and whether it names them itself."""
    language, span = document.language, (case.head.first_day, case.head.last_day)
    for section in document.sections:
        last, since = set(dates_in(section.title, language, *span)), 0
        for c in scored(_sentences(section), language, case.place_names(), case.head.country):
            own, paragraph = set(dates_in(c.sentence.text, language, *span)), c.sentence.position[1]
            if own or another_time(c.sentence.text, language):
                last, since = own, paragraph
            goes_on = c.kind == "fact" and (OF_ITS_DAY if paragraph == since else OF_ANOTHER_DAY) & c.signs.keys()
            yield c.sentence, last if own or goes_on else set(), bool(own)


def _sentences(section: Section) -> Iterator[Sentence]:
    for paragraph in section.paragraphs:
        yield from paragraph


def another_time(text: str, language: str) -> bool:
    """Whether a text names a month or a year that is not part of a day.

    >>> [another_time(t, "en") for t in ("By the end of July all was quiet.", "In 1992 too.", "They may march.", "1,992 came on 4 May.")]
    [True, True, False, False]
    >>> another_time("1992年也是如此。", "zh"), another_time("当天1992人被捕。", "zh"), another_time("В июле все стихло.", "ru")
    (True, False, True)
    """
    rest = text
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
