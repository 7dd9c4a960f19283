"""What can be observed in a record: intervals and blanks, never more than the sources hold.

In: a `Record`. Out: `Observables`, plain arrays and small tuples. Onset of a region is an interval of local calendar days, open to the
right where even the latest day is unknown; where no unrest is recorded at all it opens on the day after the last one that is reported
quiet, or on the case's first day. Presence is 1, 0 or missing (NaN, so that no sum can take it for a zero); a 0 before the stated first
day, on a day on which the onset interval already allows a start, is missing too. Deaths are known for some units; what is left is a range
for all others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.files.cells import spellings
from qantar.record.complete import UNREST
from qantar.record.record import Record
from qantar.record.schema import SPAN_MAX, Disagreement, Event, OnsetRow, Total


@dataclass(frozen=True)
class Interval:
    """A range of numbers that the sources allow; `value` is the one the record prefers, if any.

    As text it is the preferred value with its range, or the range, or the one number:

    >>> [str(i) for i in (Interval(139, 151, 151), Interval(0, None, 16), Interval(700, 700, 700))]
    ['151 (139–151)', '0–16', '700']
    """

    low: float
    value: float | None
    high: float

    @property
    def at_least(self) -> float:
        """The preferred value; where there is none, the low end."""
        return self.low if self.value is None else self.value

    @property
    def at_most(self) -> float:
        """The preferred value; where there is none, the high end."""
        return self.high if self.value is None else self.value

    def __str__(self) -> str:
        low, high = _figure(self.low), _figure(self.high)
        if low == high:
            return low
        return f"{low}–{high}" if self.value is None else f"{_figure(self.value)} ({low}–{high})"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,g}"


@dataclass(frozen=True)
class Dated:
    """A national figure as of a date."""

    date: dt.date
    interval: Interval
    stated_by: str
    source: str
    total_id: str


@dataclass(frozen=True)
class Onset:
    """First local calendar day of unrest in a region: any day from `earliest` to `latest` fits the sources."""

    region_id: str
    earliest: dt.date
    latest: dt.date | None
    stated: dt.date | None
    confidence: str | None
    """None where nothing is recorded of which anybody could be sure"""

    @property
    def firm(self) -> bool:
        """Whether the sources leave one day only."""
        return self.latest == self.earliest


@dataclass(frozen=True)
class UnitDeaths:
    """Deaths in one unit, or in all units without a figure of their own (`region_id` is then empty).

    `settlement_id` is set where the count is of one settlement, not of its whole region.
    """

    region_id: str
    interval: Interval
    basis: str
    sources: tuple[str, ...]
    settlement_id: str | None = None


@dataclass(frozen=True)
class Observables:
    """Everything a simulated history will be compared with.

    `presence` has shape (regions, days), float: 1 unrest reported, 0 reported quiet or not yet begun, NaN missing.
    `doubtful` has the same shape, bool: a 1 that rests on low confidence or on a day that only the earlier end of the
    onset interval covers.
    """

    region_ids: tuple[str, ...]
    days: tuple[dt.date, ...]
    onsets: tuple[Onset, ...]
    presence: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    regions_with_unrest: tuple[Dated, ...]
    participants: tuple[Dated, ...]
    detained: tuple[Dated, ...]
    deaths_over_time: tuple[Dated, ...]
    deaths: tuple[UnitDeaths, ...]
    deaths_total: UnitDeaths | None
    seats_entered: dict[str, bool | None]

    def words(self) -> dict[str, list[str]]:
        """Presence by region, each day as a word: present, doubtful, absent or missing."""
        unrest = np.where(self.doubtful, "doubtful", "present")
        words = np.select([np.isnan(self.presence), self.presence == 0], ["missing", "absent"], unrest)
        return dict(zip(self.region_ids, words.tolist(), strict=True))


def observe(record: Record) -> Observables:
    """All observables of a record, regions in the order of regions.csv.

    >>> from qantar import load_case
    >>> seen = observe(load_case("kazakhstan-2022").record)
    >>> len(seen.onsets), sum(o.firm for o in seen.onsets), seen.presence.shape
    (17, 6, (17, 8))
    """
    region_ids = tuple(r.region_id for r in record.regions)
    rows = {r.region_id: r for r in record.region_onset}
    known = [p.date for p in record.presence]
    if known and "presence" in record.derived and (record.span[1] - record.span[0]).days < SPAN_MAX:
        known = [*record.span]  # nobody chose these days, so none of the case's is left out
    days = days_between(min(known), max(known)) if known else ()
    reported = {(p.region_id, p.date): p.unrest for p in record.presence}
    presence = np.array([[_present(rows[r], reported.get((r, day)), day) for day in days] for r in region_ids])
    shape = (len(region_ids), len(days))
    onsets = tuple(_onset(record, rows[r]) for r in region_ids)
    doubtful = [[presence[i, j] == 1 and _uncertain(o, day) for j, day in enumerate(days)] for i, o in enumerate(onsets)]
    total = preferred(record, record.country, "deaths_cumulative")
    return Observables(
        region_ids=region_ids,
        days=days,
        onsets=onsets,
        presence=presence.reshape(shape),
        doubtful=np.array(doubtful, bool).reshape(shape),
        regions_with_unrest=_series(record, "regions_with_protest"),
        participants=_series(record, "participants"),
        detained=_series(record, "detained_cumulative"),
        deaths_over_time=_series(record, "deaths_cumulative"),
        deaths=_deaths_by_unit(record, total),
        deaths_total=total,
        seats_entered={r: None if rows[r].seat_entered is None else bool(rows[r].seat_entered) for r in region_ids},
    )


def days_between(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """Every calendar day from the first to the last, both included."""
    return tuple(first + dt.timedelta(days=n) for n in range((last - first).days + 1))


def strikes_alone(record: Record) -> tuple[dict[str, set[dt.date]], set[str]]:
    """Days of each region on which a strike is recorded and nothing that shows unrest; and the regions with strikes that have no more."""
    struck: dict[str, set[dt.date]] = {}
    risen: dict[str, set[dt.date]] = {}
    for e in record.events:
        kept = struck if e.kind == "strike" else risen if e.kind in UNREST else None
        if kept is not None:
            kept.setdefault(e.region_id, set()).update(days_between(e.date, e.date_end or e.date))
    alone = {region: days - risen.get(region, set()) for region, days in struck.items()}
    return alone, struck.keys() - risen.keys()


def _uncertain(onset: Onset, day: dt.date) -> bool:
    return onset.confidence == "low" or onset.latest is None or day < onset.latest  # it may begin later


def _onset(record: Record, row: OnsetRow) -> Onset:
    quiet = [p.date for p in record.presence if p.region_id == row.region_id and p.unrest == 0]
    earliest = row.onset_earliest or (max(quiet) + dt.timedelta(days=1) if quiet else record.span[0])
    told = quiet or row.onset_earliest or row.onset_latest
    return Onset(row.region_id, earliest, row.onset_latest, row.onset_date, row.confidence if told else None)


def _present(row: OnsetRow, flag: int | None, day: dt.date) -> float:
    stated = row.onset_date or row.onset_latest
    may_have_begun = flag == 0 and stated is not None and row.onset_earliest is not None and row.onset_earliest <= day < stated
    return float("nan") if flag is None or may_have_begun else float(flag)


def interval(rows: list[Total], value: float | None = None) -> Interval:
    """The range over several statements."""
    lows = [r.value_low for r in rows]
    highs = [r.value_low if r.value_high is None else r.value_high for r in rows]
    return Interval(min(lows), value, max(highs))


def _series(record: Record, quantity: str) -> tuple[Dated, ...]:
    """National statements of a quantity in order of date; withdrawn ones and one party's claims stay in the table only."""
    rows = [t for t in record.totals if (t.quantity, t.region_id) == (quantity, record.country) and t.status not in ("withdrawn", "claim")]
    return tuple(
        Dated(t.as_of, interval([t], t.value_low if t.value_high == t.value_low else None), t.stated_by, t.source, t.total_id)
        for t in sorted(rows, key=lambda t: (t.as_of, t.total_id))
    )


LASTING = ("final", "revised", "independent")
"""Statements about the whole, made after the events: where they differ, that is disagreement and not the passing of time."""


def preferred(record: Record, region_id: str, quantity: str, settlement_id: str | None = None) -> UnitDeaths | None:
    """The final statement, inside the range of all lasting ones; None without a final one. A range prefers no number."""
    unit = (quantity, region_id, settlement_id)
    rows = [t for t in record.totals if (t.quantity, t.region_id, t.settlement_id) == unit and t.status in LASTING]
    final = next((t for t in rows if t.status == "final"), None)
    if final is None:
        return None
    basis = "events" if "totals" in record.derived else "final"  # a sum over the events that are listed is nobody's count
    value = final.value_low if final.value_high in (None, final.value_low) else None
    sources = (final.source, *(final.sources_more if basis == "events" else ()))  # of a sum, those of all its events
    return UnitDeaths(region_id, interval(rows, value), basis, sources, settlement_id)


def perhaps_twice(events: Iterable[Event]) -> list[list[Event]]:
    """Single happenings of one day, place and kind: perhaps one that was written down twice, so that sums count it twice."""
    groups: dict[tuple[int, str], list[Event]] = {}
    for k, together in enumerate(at_one_place(events)):
        for e in together:
            groups.setdefault((k, e.kind), []).append(e)
    return [found for found in groups.values() if len(found) > 1]


def at_one_place(events: Iterable[Event]) -> list[list[Event]]:
    """Single happenings of each day and place; "Ayacucho (Huamanga)" is Ayacucho, and Huamanga too if nothing else is called so."""
    single = [(e, spellings(e.settlement)) for e in events if e.one_happening]
    ids = {(e.region_id, names[0]): e.settlement_id for e, names in single if names and e.settlement_id}
    owners: dict[tuple[str, str], set[str]] = {}  # of what stands in brackets or before them, the places that are called so too

    def called(e: Event, names: Sequence[str]) -> str:
        own = next((ids[e.region_id, name] for name in names[:2] if (e.region_id, name) in ids), "")
        return e.settlement_id or own or next(iter(names[1:2] or names), "")

    for e, names in single:
        for part in names[1:]:
            owners.setdefault((e.region_id, part), set()).add(called(e, names))
    groups: dict[tuple[object, ...], list[Event]] = {}
    for e, names in single:
        point = () if e.lat is None or e.lon is None else (round(e.lat, 2), round(e.lon, 2))
        place = called(e, names)
        others = owners.get((e.region_id, place), set())
        groups.setdefault((e.date, e.region_id, (next(iter(others)) if len(others) == 1 else place) or point), []).append(e)
    return list(groups.values())


def dead_perhaps_twice(record: Record) -> list[list[Event]]:
    """Of these, the groups of which a toll that is a sum over the events adds up the dead of more than one row."""
    if "totals" not in record.derived:
        return []
    groups = ([e for e in group if any((e.deaths_low, e.deaths, e.deaths_high))] for group in perhaps_twice(record.events))
    return [found for found in groups if len(found) > 1]


def _deaths_by_unit(record: Record, total: UnitDeaths | None) -> tuple[UnitDeaths, ...]:
    """Deaths of the units that have a figure, and what is left for the rest, if the final counts hold.

    A unit (a region, or a settlement where the count is of one) with a final count is known. A region with a partial
    count only has at least the dead that a statement not withdrawn counts in it, and at most what the final counts and the
    other regions' floors leave over. Deaths of the rest lie between 0 and that same remainder.
    """
    if total is None:
        return ()
    dead = [t for t in record.totals if t.quantity == "deaths_cumulative" and t.status == "final" and t.region_id != record.country]
    units = dict.fromkeys((t.region_id, t.settlement_id) for t in dead)
    known = [u for r, s in units if (u := preferred(record, r, "deaths_cumulative", s))]
    left = max(0, total.interval.at_most - sum(u.interval.at_least for u in known))
    counted = {u.region_id for u in known}
    rows = [r for r in record.region_onset if r.deaths_official is not None and r.region_id not in counted]
    floors = {r.region_id: _floor(record, r.region_id) for r in rows}
    partial = []
    for row in rows:
        low, keys = floors[row.region_id]
        high = max(low, left - sum(f for r, (f, _) in floors.items() if r != row.region_id))
        value = row.deaths_official if row.deaths_official is not None and low <= row.deaths_official <= high else None
        sources = tuple(dict.fromkeys(filter(None, (row.deaths_source, *keys))))
        partial.append(UnitDeaths(row.region_id, Interval(low, value, high), "withdrawn", sources))
    if "totals" in record.derived:  # sums over events say nothing of where no event was recorded
        return (*known, *partial)
    rest = max(0, left - sum(f for f, _ in floors.values()))
    return (*known, *partial, UnitDeaths("", Interval(0, None, rest), "computed", ()))


def _floor(record: Record, region_id: str) -> tuple[int, list[str]]:
    """The most dead of a region that any statement on part of them counts, and its sources."""
    dead = [t for t in record.totals if t.region_id == region_id and t.quantity.startswith("deaths_")]
    rows = [t for t in dead if t.status not in ("withdrawn", "claim", "computed")]
    return max((t.value_low for t in rows), default=0), [t.source for t in rows]


def disagreement(record: Record, row: Disagreement) -> Interval | None:
    """The range of a documented disagreement over the rows it names; None where it is not about a number."""
    ends: dict[str, tuple[float | None, float | None]] = {e.event_id: (e.participants_low, e.participants_high) for e in record.events}
    ends |= {f.force_id: (f.strength_low, f.strength_high) for f in record.forces}
    ends |= {t.total_id: (t.value_low, t.value_high) for t in record.totals}
    bounds = [x for pair in ((row.low, row.high), *(ends[key] for key in row.rows)) for x in pair if x is not None]
    return Interval(min(bounds), None, max(bounds)) if bounds else None
