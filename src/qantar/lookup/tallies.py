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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from qantar.account.candidates import READ_MAX
from qantar.account.document import Document, Position
from qantar.cases.case import Case
from qantar.lookup.counts import clauses, says, words
from qantar.lookup.likely import Places, When, days_of
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


def tallies(document: Document, case: Case) -> dict[Position, list[Tally]]:
    """For each sentence what the events of the record add up to on what it counts or orders; English where its language is not spoken."""
    adding = _Adding(case, document.language)
    return {s.position: adding.of(s.text[:READ_MAX], when) for s, when in days_of(document, case).items()}


class _Adding:
    """The events of a case, as sentences of one language ask for sums over them."""

    def __init__(self, case: Case, language: str) -> None:
        self.case, self.language = case, language
        self.lang = language if language in LANGUAGES else LANGUAGES[0]
        self.places, self.names = Places(case, language), names_of_places(case, self.lang)
        self.span = (case.head.first_day, case.head.last_day)
        within = [e for e in case.record.events if e.region_id != case.record.country and _within(e, self.span)]
        self.events = [e for e in within if e.scope in ("event", "date uncertain")]
        self.region_of = {s.settlement_id: s.region_id for s in case.record.settlements}
        self.regions = {r.region_id for r in case.record.regions}

    def of(self, sentence: str, when: When) -> list[Tally]:
        said = "; ".join(clause.words for clause in clauses(sentence, self.language))
        where = self.places.within(sentence)
        asked = {self.region_of.get(place, place) for place in where} & self.regions
        found = []
        for quantity in (q for q in words()["count"] if q != "participants" and says(f"count.{q}", said, self.language)):
            if says("tally.whole", said, self.language):
                found.append(self._toll(quantity, asked))
            if says("tally.rank", said, self.language):
                found.append(self._ends(quantity))
            if says("tally.whole", said, self.language) or (when.how in ("", "before") and _numbered(quantity, sentence, self.language)):
                found.append(self._stated(quantity, asked))
        if says("tally.regions", said, self.language):
            found.append(self._regions())
        if says("tally.crowd", said, self.language) and says("tally.largest", said, self.language):
            found.append(self._crowds())
        if says("tally.course", said, self.language):
            found.append(self._course(when.days))
        return [tally for tally in found if tally]

    @cached_property
    def counted(self) -> set[str]:
        """Quantities of which the record has counts of others than its events."""
        return {t.quantity for t in self.case.record.totals} - ({"deaths_cumulative"} if "totals" in self.case.record.derived else set())

    @cached_property
    def begun(self) -> list[tuple[dt.date, str]]:
        """The day by which each region had risen, in order."""
        return sorted((o.latest, o.region_id) for o in observe(self.case.record).onsets if o.latest)

    def _toll(self, quantity: str, asked: set[str]) -> Tally | None:
        """Sums of a quantity over the country and its regions, those named first.

        None where somebody counted it: the sum over events is then less than what is known.
        """
        if quantity in self.counted:
            return None
        name, rows = self._with(quantity)
        sums: dict[str, list[int]] = {}
        for e in rows:
            low, high = counted(e, name) or (0, 0)
            for unit in (e.region_id, self.case.record.country):
                least, most = sums.setdefault(unit, [0, 0])
                sums[unit] = [least + (low or 0), most + (high or 0)]
        if not rows:
            return None
        country = self.case.record.country
        order = sorted(sums, key=lambda unit: (unit != country, unit not in asked, -sums[unit][1]))
        units = (f"{self.names[unit]} {span_in_words((sums[unit][0], sums[unit][1]))}" for unit in order[: UNITS + 1])
        told = text("tally.toll", self.lang, quantity=text(f"row.{name}", self.lang), units=self._listed(units))
        return _tally(told, [e for e in rows if e.region_id in asked] or rows)

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

    def _regions(self) -> Tally | None:
        """How many regions had risen by which day."""
        begun = self.begun
        if not begun:
            return None
        by_day, so_far = [], 0
        for day, n in sorted(Counter(day for day, _ in begun).items()):
            so_far += n
            by_day.append(f"{self._day(day)} {so_far}")
        last = begun[-FEW:] if len(begun) > FEW else begun[-1:]
        told = text(
            "tally.regions", self.lang, days=self._listed(by_day), all=len(self.regions),
            last=self._listed(f"{self.names[region]} {self._day(day)}" for day, region in last),
        )  # fmt: skip
        firsts = (next((e for e in self.events if (e.region_id, e.date) == (r, day) and e.kind in UNREST), None) for day, r in begun)
        return _tally(told, [e for e in firsts if e])

    def _crowds(self) -> Tally | None:
        """The largest crowds."""
        known = [e for e in self.events if counted(e, "participants")]
        largest = sorted(known, key=lambda e: -(e.participants_high or e.participants_low or 0))[:FEW]
        crowds = (f"{self._on(e)} {span_in_words(counted(e, 'participants') or (None, None))}" for e in largest)
        return _tally(text("tally.crowds", self.lang, crowds=self._listed(crowds)), largest) if largest else None

    def _course(self, days: Iterable[dt.date]) -> Tally | None:
        """How many happenings that show unrest there were on each day around those of a sentence, or on each day of the case."""
        around = sorted(days)
        first, last = (max(self.span[0], around[0] - BEFORE), min(self.span[1], around[-1] + AFTER)) if around else self.span
        rows = [e for e in self.events if e.kind in UNREST and e.one_happening and first <= e.date <= last]
        many = Counter(day for e in rows for day in days_between(e.date, e.date_end or e.date))
        told = [f"{self._day(day)} {many[day]}" for day in days_between(first, last)]
        return _tally(text("tally.course", self.lang, days=self._listed(told)), rows) if rows else None

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


def _numbered(quantity: str, sentence: str, language: str) -> bool:
    """Whether a clause that speaks of a quantity has a number."""
    spoken = (c.words for c in clauses(sentence, language) if says(f"count.{quantity}", c.words, language))
    measure = words()["measure"].get(language, r"(?!)")
    return any(re.search(r"(?<!\w)\d", re.sub(measure, " ", said, flags=re.IGNORECASE), re.ASCII) for said in spoken)


def _tally(said: str, rows: Sequence[Event | Total]) -> Tally:
    ids = tuple(key_of(row) for row in rows)
    return Tally(said, ids if len(ids) <= ROWS else (), tuple(dict.fromkeys(e.source for e in rows)))
