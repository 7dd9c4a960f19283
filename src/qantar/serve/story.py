"""The days of a case as the local page tells them: what the record has of each day and hour, and what simulated histories have of each day.

In: a case, with the histories that ship with it if any do. Out: plain values, the same for the page and for programs. Nothing is put
between what is known: an event without an hour has its day, and simulated shares are of whole days.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qantar.cases.case import Case, load_case
from qantar.ensemble.histories import QUANTILES
from qantar.ensemble.run import Result
from qantar.errors import Problems, QantarError
from qantar.inference.packed import read, ships
from qantar.record.observables import Observables, days_between, observe
from qantar.record.record import cited
from qantar.record.schema import Event, Source
from qantar.report.map import SIGN_OF, Sheet, Sign, draw, signs
from qantar.report.pairs import safe_link
from qantar.report.simulated import Simulated, simulated
from qantar.scenario.plan import FILE
from qantar.scenario.scenario import read_scenario
from qantar.serve.part import Served
from qantar.studies.blocks import Pair

COUNTS = (0.05, 0.5, 0.95)
"""Quantiles over histories of how many regions report unrest on a day."""
NOON = 12
"""Hour that a page shows of a day that nobody chose an hour of."""


@dataclass(frozen=True)
class Story:
    """Everything that is told of a case."""

    case: Case
    days: tuple[dt.date, ...]
    seen: Observables
    sheet: Sheet
    sim: Simulated | None
    without: str
    """why no histories stand beside the record, as the end of a message's key; empty where they do"""
    withheld: dict[str, int]
    """sources whose words are left out, with their rows"""

    @cached_property
    def presence(self) -> dict[str, list[str]]:
        """Of each region, each day as a word; a day that the record says nothing of is missing."""
        at = {day: n for n, day in enumerate(self.seen.days)}
        words = self.seen.words() if at else {}
        return {r: [words[r][at[day]] if day in at else "missing" for day in self.days] for r in self.seen.region_ids}

    @cached_property
    def shares(self) -> dict[str, list[float | None]]:
        """Of each simulated region and day, the share of histories that report unrest; None outside of what was simulated."""
        if self.sim is None:
            return {}
        by_day = self.sim.result.runs.presence.mean(axis=0)
        return {r.id: self._on_days(by_day[:, k].tolist()) for k, r in enumerate(self.sim.result.recipe.plan.regions)}

    @cached_property
    def risen(self) -> list[list[float] | None]:
        """Of each day, how many regions report unrest: quantiles over histories."""
        if self.sim is None:
            return [None] * len(self.days)
        return self._on_days(np.quantile(self.sim.result.runs.presence.sum(axis=2), COUNTS, axis=0).T.tolist())

    def curve(self, name: str) -> list[list[float] | None]:
        """Of each day, quantiles of a national number."""
        return self._on_days([values for _, values in self.sim.table[name]]) if self.sim else [None] * len(self.days)

    def stated(self, name: str, day: dt.date) -> list[str]:
        """What the record states of a national number on a day."""
        return [str(d.interval) for d in getattr(self.seen, name) if d.date == day]

    def _on_days(self, values: list[Any]) -> list[Any]:
        assert self.sim is not None
        first = dt.datetime.fromisoformat(self.sim.result.recipe.plan.start).date()
        places = ((day - first).days for day in self.days)
        return [values[n] if 0 <= n < len(values) else None for n in places]

    @cached_property
    def counts(self) -> list[Counter[str]]:
        """Of each day, how many regions are in which state."""
        return [Counter(row[n] for row in self.presence.values()) for n in range(len(self.days))]

    @cached_property
    def events(self) -> list[int]:
        """Of each day, how many events have it among theirs."""
        found = [0] * len(self.days)
        for event in self.case.record.events:
            first, last = ((day - self.days[0]).days for day in (event.date, event.date_end or event.date))
            for n in range(max(first, 0), min(last + 1, len(self.days))):
                found[n] += 1
        return found

    @property
    def fullest(self) -> int:
        """The first of the days on which most regions have unrest, or else most events."""
        return max(range(len(self.days)), key=lambda n: (self.counts[n]["present"] + self.counts[n]["doubtful"], self.events[n], -n))

    def timed(self, day: dt.date) -> list[Event]:
        """Events that began at a known hour of a day, the latest first."""
        there = [e for e in self.case.record.events if e.date == day and e.time_local]
        return sorted(there, key=lambda e: (e.time_local or "", e.event_id), reverse=True)

    def untimed(self, day: dt.date) -> list[Event]:
        """Events of a day without an hour, and those that go on from a day before; single happenings first."""
        there = (e for e in self.case.record.events if e.date <= day <= (e.date_end or e.date))
        return sorted((e for e in there if e.date < day or not e.time_local), key=lambda e: (not e.one_happening, e.date, e.event_id))

    def around(self) -> list[Event]:
        """Events before the first day or after the last."""
        outside = (e for e in self.case.record.events if (e.date_end or e.date) < self.days[0] or e.date > self.days[-1])
        return sorted(outside, key=lambda e: (e.date, e.event_id))

    def signs(self, day: dt.date) -> list[Sign]:
        """Signs of a day on the map."""
        return signs(self.case.record, self.sheet, (day,))

    def places_of(self, event: Event) -> list[Pair]:
        """Where it happened: settlement and region, once where both have one name; nothing for the whole country."""
        town, region = self.settlements.get(event.settlement_id or ""), self.regions.get(event.region_id)
        named = [town or (event.settlement, event.settlement), region or ("", "")]
        return list(dict.fromkeys(names for names in named if any(names)))

    @cached_property
    def regions(self) -> dict[str, Pair]:
        """Names of regions by id."""
        return {r.region_id: (r.name_en or r.name_zh, r.name_zh or r.name_en) for r in self.case.record.regions}

    @cached_property
    def settlements(self) -> dict[str, Pair]:
        """Names of settlements by id."""
        return {s.settlement_id: (s.name_en or s.name_zh, s.name_zh or s.name_en) for s in self.case.record.settlements}

    @property
    def towns(self) -> list[str]:
        """Settlements of the map of which the record has an event."""
        named = {e.settlement_id for e in self.case.record.events}
        return [s for s in self.settlements if s in named and s in self.sheet.places]

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Sources by key."""
        return {s.key: s for s in self.case.record.sources}


def story_of(served: Served, name: str) -> Story:
    """The story of a case; raises what `load_case` does.

    Beyond this machine words that may not be passed on are left out: whoever serves them to others passes them on. On this machine they
    stand, as they do in the terminal.
    """
    return served.home.keep("story", name, lambda asked: _story(load_case(asked), whole=not served.others))


def _story(case: Case, *, whole: bool) -> Story:
    result, without = _histories(case)
    record = case.record if whole else case.record.for_others()
    shown = Case(case.folder, case.head, record, case.shapes, case.questions)
    seen, days = observe(record), days_between(case.head.first_day, case.head.last_day)
    sim = simulated(result, days) if result else None
    return Story(shown, days, seen, draw(case), sim, without, {} if whole else case.record.withheld())


def _histories(case: Case) -> tuple[Result | None, str]:
    """The histories that ship with a case; or why there are none to show. A fault in them hides no record."""
    if not ships(case.folder) or not (case.folder / FILE).is_file():
        return None, "none"
    try:
        scenario = read_scenario(case.folder, Problems(), case)
        result = read(scenario) if scenario is not None else None
    except QantarError:
        return None, "faulty"
    return result, "" if result else "stale"


def cite(source: Source) -> tuple[str, str, str]:
    """How a source is named in a line: words, address that may be followed, and whether it was seen at all."""
    named = source.title if source.publisher.startswith("(") else source.publisher
    mark = {"memory": "recalled", "copy-address-lost": "lost"}.get(source.seen, "")
    return ", ".join(filter(None, (named, source.date))), safe_link(source.address), mark


def as_values(story: Story) -> dict[str, Any]:
    """The same for programs."""
    head, record, used = story.case.head, story.case.record, {key for e in story.case.record.events for key in cited(e)}
    places = {e.settlement_id for e in record.events}
    return {
        "title_en": head.title_en,
        "title_zh": head.title_zh,
        "days": list(_days(story)),
        "regions": [
            {"id": r.region_id, "name_en": r.name_en, "name_zh": r.name_zh, "recorded": story.presence[r.region_id],
             "simulated": _rounded(story.shares.get(r.region_id))}
            for r in record.regions
        ],
        "settlements": [
            {"id": s.settlement_id, "name_en": s.name_en, "name_zh": s.name_zh, "region": s.region_id, "lat": s.lat, "lon": s.lon}
            for s in record.settlements if s.settlement_id in places
        ],
        "events": [_event(e) for e in record.events],
        "sources": {key: _source(s) for key, s in story.sources.items() if key in used},
        "simulated": _made(story.sim) if story.sim else None,
        "withheld": story.withheld,
    }  # fmt: skip


def _days(story: Story) -> Iterator[dict[str, Any]]:
    curves = {name: story.curve(name) for name in ("participants", "detained")}
    for n, day in enumerate(story.days):
        simulated = {"regions": story.risen[n], **{name: _rounded(rows[n], 1) for name, rows in curves.items()}}
        yield {
            "date": day,
            "events": story.events[n],
            "recorded": {"regions": dict(story.counts[n]), **{name: story.stated(name, day) for name in curves}},
            "simulated": simulated if story.risen[n] is not None else None,
        }


def _rounded(values: list[Any] | None, digits: int = 3) -> list[Any] | None:
    return None if values is None else [x if x is None else round(x, digits) for x in values]


def _event(event: Event) -> dict[str, Any]:
    """What a row says, without its empty cells."""
    row = event.model_dump(exclude={"lat", "lon"} if event.settlement_id else set())
    return {**{k: v for k, v in row.items() if v not in (None, "", ())}, "sign": SIGN_OF.get(event.kind)}


def _source(source: Source) -> dict[str, Any]:
    row = source.model_dump(include={"title", "publisher", "date", "address", "seen"})
    return {k: v for k, v in row.items() if v}


def _made(sim: Simulated) -> dict[str, Any]:
    plan, runs = sim.result.recipe.plan, sim.result.runs
    return {
        "histories": runs.n,
        "scale": plan.scale,
        "calibrated": bool(sim.result.provenance["calibrated"]),
        "first_day": plan.start[:10],
        "days": runs.presence.shape[1],
        "quantiles": {"regions": COUNTS, "participants": QUANTILES, "detained": QUANTILES},
    }
