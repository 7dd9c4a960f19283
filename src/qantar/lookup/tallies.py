"""What the events of a record add up to, beside the sentences of a text that count or order them: tolls, regions, crowds, days.

In: a document and a case. Out: for each sentence `Tally` lines with the rows added up. A tally is shown where a sentence speaks of a whole
or a rank (in all, alone, first, last, the largest, all regions, fewer protests), because the rows of one day do not answer that. It is no
verdict and compares nothing: what no event counts is missing from it. Where others counted, their statement stands in its place, and
also beside a sentence that has a number and no day. The words that ask for one are in `proposals.toml`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from qantar.account.candidates import READ_MAX
from qantar.account.document import Document, Position
from qantar.cases.case import Case
from qantar.lookup.counts import clauses, says, words, years_in
from qantar.lookup.days import without_comparison
from qantar.lookup.likely import Places, When, days_of, place_of
from qantar.lookup.rows import counted, key_of, names_of_places, span_in_words, what_it_says
from qantar.messages import LANGUAGES, days_in_words, text
from qantar.record.complete import UNREST
from qantar.record.observables import days_between, observe
from qantar.record.schema import Event, Total

FEW = 3
"""Crowds that are told, regions that are named as the last, and happenings of which one was the first."""
UNITS = 6
"""Regions of which a toll is told."""
ROWS = 20
"""Rows, at most, that a tally names."""
DEAD = "deaths_cumulative"
NO_COUNT = ("withdrawn", "claim", "computed", "day")
"""Statements that are no count of a whole, or were taken back."""
BEFORE, AFTER = dt.timedelta(days=3), dt.timedelta(days=7)
"""Days around those of a sentence of which events are counted."""


@dataclass(frozen=True)
class Tally:
    """A sum or an order over events in a line, the rows it rests on where they are few, and their sources."""

    said: str
    rows: tuple[str, ...]
    sources: tuple[str, ...]
    whole: bool = False
    """whether it sums up all there is, beside which rows of one day say nothing"""


def tallies(document: Document, case: Case) -> dict[Position, list[Tally]]:
    """For each sentence what the events of the record add up to on what it counts or orders; English where its language is not spoken."""
    adding = _Adding(case, document.language)
    return {s.position: adding.of(s.text[:READ_MAX], when) for s, when in days_of(document, case).items()}


class _Adding:
    """The events of a case, as sentences of one language ask for sums over them."""

    def __init__(self, case: Case, language: str) -> None:
        self.case, self.language = case, language
        self.lang = language if language in LANGUAGES else LANGUAGES[0]
        self.places, self.names = Places(case, language, listed=True), names_of_places(case, self.lang)
        self.span = (case.head.first_day, case.head.last_day)
        within = [e for e in case.record.events if e.region_id != case.record.country and _within(e, self.span)]
        self.events = [e for e in within if e.scope in ("event", "date uncertain")]
        self.region_of = {s.settlement_id: s.region_id for s in case.record.settlements}
        self.regions = {r.region_id for r in case.record.regions}

    def of(self, sentence: str, when: When) -> list[Tally]:
        said = "; ".join(clause.words for clause in clauses(sentence, self.language) if self._is_of_the_case(clause.said))

        def speaks(name: str) -> bool:
            return says(f"tally.{name}", said, self.language)

        where, found = self.places.within(sentence), list[Tally | None]()
        quantities = [q for q in words()["count"] if q != "participants" and says(f"count.{q}", said, self.language)]
        if speaks("dead"):
            quantities = list(dict.fromkeys((DEAD, *quantities)))
        found += [tally for quantity in quantities for tally in self._of_quantity(quantity, speaks, where, when)]
        asked = {self.region_of.get(place, place) for place in where} & self.regions
        found += [
            self._stated(quantity, asked)
            for quantity in quantities
            if speaks("whole") or (when.how in ("", "before") and _numbered(quantity, sentence, self.language))
        ]
        if speaks("regions"):
            found.append(self._regions(quantities))
        if speaks("crowd") and speaks("largest"):
            found.append(self._crowds())
        if speaks("crowds"):
            found.append(self._course_of("participants", when.days))
        if speaks("course"):
            found.append(self._course(when.days))
        return [tally for tally in found if tally]

    def _is_of_the_case(self, said: str) -> bool:
        """Whether a part of a sentence names no year, but to compare, or one of the case."""
        years = years_in(without_comparison(said, self.language), self.language)
        return not years or any(self.span[0].year <= y <= self.span[1].year for y in years)

    def _of_quantity(self, quantity: str, speaks: Callable[[str], bool], where: set[str], when: When) -> Iterator[Tally | None]:
        """What a sentence asks of a quantity: the days or happenings with most, sums, the first and the last, or its course."""
        if speaks("worst_day"):
            yield self._days_with_most(quantity)
        elif speaks("most"):
            yield self._most(quantity)
        elif speaks("whole") or (where and when.how != "named" and not speaks("rank")):
            yield self._toll(quantity, where, when)
        if speaks("rank"):
            yield self._ends(quantity)
        elif speaks("change"):
            yield self._course_of(quantity, when.days)

    @cached_property
    def counted(self) -> set[str]:
        """Quantities of which the record has counts of others than its events."""
        return {t.quantity for t in self.case.record.totals} - ({"deaths_cumulative"} if "totals" in self.case.record.derived else set())

    @cached_property
    def begun(self) -> list[tuple[dt.date, str]]:
        """The day by which each region had risen, in order."""
        return sorted((o.latest, o.region_id) for o in observe(self.case.record).onsets if o.latest)

    def _toll(self, quantity: str, where: set[str], when: When) -> Tally | None:
        """Sums of a quantity over the country, the places named, and regions; beside them rows say nothing, but those of one day named.

        None where somebody counted it: the sum over events is then less than what is known.
        """
        name, rows = self._with(quantity)
        if not rows or quantity in self.counted:
            return None
        country = self.case.record.country
        of_unit: dict[str, list[Event]] = {}
        for e in rows:
            town = place_of(e) or ""
            apart = town in where and self.names.get(town, town) != self.names[e.region_id]
            for unit in (country, e.region_id, *([town] if apart else [])):
                of_unit.setdefault(unit, []).append(e)
        asked = {*where, *(self.region_of[town] for town in where if town in self.region_of)} & of_unit.keys()
        order = sorted(of_unit, key=lambda unit: (unit != country, unit not in asked, -_sum(of_unit[unit], name)[-1]))
        units = (f"{self.names.get(unit, unit)} {_sum_in_words(_sum(of_unit[unit], name))}" for unit in order[: UNITS + 1])
        told = text("tally.toll", self.lang, quantity=text(f"row.{name}", self.lang), units=self._listed(units))
        return replace(_tally(told, [e for unit in asked for e in of_unit[unit]] or rows), whole=len(when.days) != 1 or when.how != "named")

    def _most(self, quantity: str) -> Tally | None:
        """The happenings with most of a quantity."""
        name, rows = self._with(quantity)
        largest = sorted(rows, key=lambda e: _sum([e], name)[::-1], reverse=True)[:FEW]
        events = (f"{self._on(e)} {span_in_words(counted(e, name) or (None, None))}" for e in largest)
        told = text("tally.most", self.lang, quantity=text(f"row.{name}", self.lang), events=self._listed(events))
        return _tally(told, largest) if largest else None

    def _days_with_most(self, quantity: str) -> Tally | None:
        """The days with most of a quantity; what is of no certain day is left out."""
        name, rows = self._with(quantity)
        of_day: dict[dt.date, list[Event]] = {}
        for e in rows:
            if e.date_end in (None, e.date):
                of_day.setdefault(e.date, []).append(e)
        most = sorted(of_day, key=lambda day: (-_sum(of_day[day], name)[-1], day))[:FEW]
        days = (f"{self._day(day)} {_sum_in_words(_sum(of_day[day], name))}" for day in most)
        told = text("tally.most_days", self.lang, quantity=text(f"row.{name}", self.lang), days=self._listed(days))
        return _tally(told, [e for day in most for e in of_day[day]]) if most else None

    def _course_of(self, quantity: str, days: Iterable[dt.date]) -> Tally | None:
        """How many of a quantity there were on each day around those of a sentence; then what is of no certain day.

        Of crowds also how many were out that nobody counted.
        """
        name, rows = self._with(quantity)
        first, last = self._around(days)
        crowds = [e for e in self.events if name == "participants" and e.kind in UNREST and not counted(e, name)]
        left = Counter(self._day(e.date) for e in crowds if e.date_end in (None, e.date))
        near = [e for e in rows if e.date <= last and (e.date_end or e.date) >= first]
        by_day = [(self._day(day), [e for e in near if e.date == (e.date_end or e.date) == day]) for day in days_between(first, last)]
        spans = [(days_in_words(e.date, e.date_end, self.lang, self.span[0].year), [e]) for e in near if e.date_end not in (None, e.date)]
        more = {day: text("tally.uncounted", self.lang, n=n) for day, n in left.items()}
        told = [f"{day} {_sum_in_words(_sum(some, name))}{more.get(day, '')}" for day, some in (*by_day, *spans)]
        said = text("tally.course_of", self.lang, quantity=text(f"row.{name}", self.lang), days=self._listed(told))
        return _tally(said, near) if near else None

    def _stated(self, quantity: str, asked: set[str]) -> Tally | None:
        """What others counted, the final or else the latest statement for each region that is named, or for the country.

        Statements on a part of the same people (the dead of the security forces) by the same day stand beside it.
        """
        if quantity not in self.counted:
            return None
        held = [t for t in self.case.record.totals if t.status not in NO_COUNT]
        stem = quantity.removesuffix("_cumulative")
        rows: list[Total] = []
        for unit in sorted(asked) or [self.case.record.country]:
            own = [t for t in held if t.region_id == unit and t.quantity == quantity]
            if own:
                best = max(own, key=lambda t: (t.status == "final", t.as_of))
                rows += [best, *(t for t in held if (t.region_id, t.as_of) == (unit, best.as_of) and t.quantity.startswith(f"{stem}_"))]
        rows = list({t.total_id: t for t in rows}.values())[:UNITS]
        told = text("report.semicolon", self.lang).join(what_it_says(t, self.names, self.lang) for t in rows)
        return _tally(text("tally.stated", self.lang, counts=told), rows) if rows else None

    def _ends(self, quantity: str) -> Tally | None:
        """The first and the last happening with any of a quantity; some, where their days are not certain."""
        name, rows = self._with(quantity)
        if not rows:
            return None
        by_then, from_then = min(e.date_end or e.date for e in rows), max(e.date for e in rows)
        first, last = [e for e in rows if e.date <= by_then], [e for e in rows if (e.date_end or e.date) >= from_then]
        told = text(
            "tally.ends", self.lang, quantity=text(f"row.{name}", self.lang), first=self._either(first), last=self._either(last)
        )  # fmt: skip
        return _tally(told, list(dict.fromkeys((*first, *last))))

    def _with(self, quantity: str) -> tuple[str, list[Event]]:
        """A quantity as events have it, and those with any."""
        name = quantity.removesuffix("_cumulative")
        return name, [e for e in self.events if (most := counted(e, name)) and most[1]]

    def _regions(self, quantities: Sequence[str]) -> Tally | None:
        """How many regions had risen by which day, or had the first of a quantity that is spoken of."""
        firsts: dict[str, tuple[dt.date, Event | None]] = {}
        what = text("tally.unrest", self.lang)
        if quantities:
            name, rows = self._with(quantities[0])
            what = text(f"row.{name}", self.lang)
            for e in sorted(rows, key=lambda e: (e.date_end or e.date, e.date)):
                firsts.setdefault(e.region_id, (e.date_end or e.date, e))
        else:
            unrest = {(e.region_id, e.date): e for e in reversed(self.events) if e.kind in UNREST}
            firsts = {region: (day, unrest.get((region, day))) for day, region in self.begun}
        if not firsts:
            return None
        by_day, so_far = [], 0
        for day, n in sorted(Counter(day for day, _ in firsts.values()).items()):
            so_far += n
            by_day.append(f"{self._day(day)} {so_far}")
        begun = sorted((day, region) for region, (day, _) in firsts.items())
        last = begun[-FEW:] if len(begun) > FEW else begun[-1:]
        told = text(
            "tally.regions", self.lang, what=what, days=self._listed(by_day), all=len(self.regions),
            last=self._listed(f"{self.names[region]} {self._day(day)}" for day, region in last),
        )  # fmt: skip
        return _tally(told, [e for _, e in firsts.values() if e])

    def _crowds(self) -> Tally | None:
        """The largest crowds."""
        known = [e for e in self.events if counted(e, "participants")]
        largest = sorted(known, key=lambda e: -(e.participants_high or e.participants_low or 0))[:FEW]
        crowds = (f"{self._on(e)} {span_in_words(counted(e, 'participants') or (None, None))}" for e in largest)
        return _tally(text("tally.crowds", self.lang, crowds=self._listed(crowds)), largest) if largest else None

    def _course(self, days: Iterable[dt.date]) -> Tally | None:
        """How many happenings that show unrest there were on each day around those of a sentence, or on each day of the case."""
        first, last = self._around(days)
        rows = [e for e in self.events if e.kind in UNREST and e.one_happening and first <= e.date <= last]
        many = Counter(day for e in rows for day in days_between(e.date, e.date_end or e.date))
        told = [f"{self._day(day)} {many[day]}" for day in days_between(first, last)]
        return _tally(text("tally.course", self.lang, days=self._listed(told)), rows) if rows else None

    def _around(self, days: Iterable[dt.date]) -> tuple[dt.date, dt.date]:
        """The first and the last day around some days; of the case, where there are none."""
        around = sorted(days)
        return (max(self.span[0], around[0] - BEFORE), min(self.span[1], around[-1] + AFTER)) if around else self.span

    def _either(self, events: Iterable[Event]) -> str:
        """One happening, or some of which one was it: those of uncertain days."""
        some = sorted(events, key=lambda e: ((e.date_end or e.date) - e.date, e.date))
        return text("tally.or", self.lang).join(dict.fromkeys(self._on(e) for e in some[:FEW]))

    def _on(self, event: Event) -> str:
        where = event.settlement or self.names.get(event.settlement_id or event.region_id, "")
        return f"{days_in_words(event.date, event.date_end or event.date, self.lang, self.span[0].year)} {where}"

    def _day(self, day: dt.date) -> str:
        return days_in_words(day, day, self.lang, self.span[0].year)

    def _listed(self, parts: Iterable[str]) -> str:
        return text("error.sep", self.lang).join(parts)


def _within(event: Event, span: tuple[dt.date, dt.date]) -> bool:
    return span[0] <= event.date and (event.date_end or event.date) <= span[1]


def _sum(events: Iterable[Event], name: str) -> tuple[int, int, int]:
    """Least, best and most of a quantity over events; the best of an event without one is its most."""
    sums = [0, 0, 0]
    for e in events:
        low, high = counted(e, name) or (0, 0)
        best = getattr(e, name, None)
        sums = [a + (b or 0) for a, b in zip(sums, (low, high if best is None else best, high), strict=True)]
    return sums[0], sums[1], sums[2]


def _sum_in_words(found: tuple[int, int, int]) -> str:
    """A sum as one number, or the best with its range.

    >>> _sum_in_words((3, 3, 3)), _sum_in_words((54, 61, 70)), _sum_in_words((17, 18, 18))
    ('3', '61 (54–70)', '17–18')
    """
    low, best, high = found
    return f"{best:,} ({span_in_words((low, high))})" if low < best < high else span_in_words((low, high))


def _numbered(quantity: str, sentence: str, language: str) -> bool:
    """Whether a clause that speaks of a quantity has a number."""
    spoken = (c.words for c in clauses(sentence, language) if says(f"count.{quantity}", c.words, language))
    measure = words()["measure"].get(language, r"(?!)")
    return any(re.search(r"(?<!\w)\d", re.sub(measure, " ", said, flags=re.IGNORECASE), re.ASCII) for said in spoken)


def _tally(said: str, rows: Sequence[Event | Total]) -> Tally:
    ids = tuple(key_of(row) for row in rows)
    return Tally(said, ids if len(ids) <= ROWS else (), tuple(dict.fromkeys(e.source for e in rows)))
