"""Loads a record from its folder: every table checked cell by cell, then against each other, then frozen.

In: a folder with the files of `schema.MODELS`. Out: a `Record`, or one `DataError` with every problem found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from qantar.errors import DataError, Problems, nearest
from qantar.record.schema import (
    MODELS,
    Adjacency,
    Disagreement,
    EconomyRow,
    Event,
    Force,
    OnsetRow,
    PresenceRow,
    Region,
    RegionValue,
    Settlement,
    Source,
    Total,
    Variable,
)
from qantar.tables import Row, Table, read_table

GATHERINGS = ("protest", "march", "road_blocked")
"""Kinds of event that count as unrest being present in a region. A strike or a clash alone does not start it."""


@dataclass(frozen=True)
class Record:
    """The observed events of one case and everything that describes its country. Rows keep their line numbers."""

    folder: Path
    country: str
    sources: Table[Source]
    regions: Table[Region]
    region_values: Table[RegionValue]
    settlements: Table[Settlement]
    adjacency: Table[Adjacency]
    events: Table[Event]
    presence: Table[PresenceRow]
    region_onset: Table[OnsetRow]
    totals: Table[Total]
    economy: Table[EconomyRow]
    forces: Table[Force]
    disagreements: Table[Disagreement]

    def region(self, region_id: str) -> Region:
        """The region with this ISO 3166-2 id."""
        return next(r for r in self.regions if r.region_id == region_id)

    def value(self, region_id: str, variable: str) -> float | None:
        """One figure of a region, or None when it was not found.

        >>> from qantar import load_case
        >>> load_case("kazakhstan-2022").record.value("KZ-MAN", "population")
        740893.0
        """
        found = (v.value for v in self.region_values if (v.region_id, v.variable) == (region_id, variable))
        return next(found, None)

    def utc_offset(self, region_id: str) -> float:
        """Hours ahead of UTC; the country itself keeps the time of its capital city (the largest offset)."""
        if region_id == self.country:
            return max(r.utc_offset for r in self.regions)
        return self.region(region_id).utc_offset

    def tables(self) -> dict[str, Table[Any]]:
        """Every table by its name."""
        return {name: getattr(self, name) for name in MODELS}

    def instant(self, event: Event) -> dt.datetime | None:
        """When an event began, in UTC; None when its hour is not known. Times in the record are local."""
        if event.time_local is None:
            return None
        local = dt.datetime.combine(event.date, dt.time.fromisoformat(event.time_local))
        return (local - dt.timedelta(hours=self.utc_offset(event.region_id))).replace(tzinfo=dt.UTC)

    def local_day(self, region_id: str, instant: dt.datetime) -> dt.date:
        """The calendar day of a UTC instant in a region: days of the record are local days."""
        return (instant + dt.timedelta(hours=self.utc_offset(region_id))).date()


@cache
def variables() -> Table[Variable]:
    """The register of quantities (`record/variables.csv`)."""
    problems = Problems()
    with resources.as_file(resources.files(__package__) / "variables.csv") as path:
        table = read_table(path, "variables", Variable, problems)
    problems.raise_as(DataError)
    return table


def load_record(folder: Path, country: str) -> Record:
    """The record in `folder`, complete and consistent.

    Raises
    ------
    DataError
        With every problem of every table.
    """
    problems = Problems()
    record = read_record(folder, country, problems)
    problems.raise_as(DataError)
    return record


def read_record(folder: Path, country: str, problems: Problems) -> Record:
    """As `load_record`, but adds to `problems` and goes on with the good rows."""
    tables: dict[str, Any] = {n: read_table(folder / f"{n}.csv", n, m, problems) for n, m in MODELS.items()}
    record = Record(folder, country, **tables)
    for table in tables.values():
        check_alone(table, problems)
    if all(t.readable for t in tables.values()):  # what a table lacks can only be told once all of them can be read
        _check_keys(record, problems)
        _check_sums(record, problems)
        _check_onsets(record, problems)
    return record


def check_alone(table: Table[Any], problems: Problems) -> None:
    """What can be checked in one table without the others: repeated ids, units and limits, order of pairs."""
    if columns := _IDS.get(table.name):
        check_repeated(table, columns, problems)
    if column := _QUANTITY.get(table.name):
        _check_units(table, column, problems)
    for line, row in table.numbered():
        for low, high in _ORDERED:
            a, b = getattr(row, low, None), getattr(row, high, None)
            if isinstance(a, str) and isinstance(b, str):  # moments: an hour that is not known orders nothing
                a, b = a[: min(len(a), len(b))], b[: min(len(a), len(b))]
            if a is not None and b is not None and a > b:
                problems.add(table.file, line, low, "low_above_high", value=a, other=high, other_value=b)


_IDS = {
    "sources": "key",
    "regions": "region_id",
    "settlements": "settlement_id",
    "events": "event_id",
    "region_values": "region_id variable reference_date",
    "presence": "region_id date",
    "adjacency": "region_a region_b",
    "region_onset": "region_id",
    "totals": "total_id",
    "forces": "force_id",
    "disagreements": "disagreement_id",
}
_QUANTITY = {"region_values": "variable", "economy": "series", "totals": "quantity"}


def check_repeated(table: Table[Any], columns: str, problems: Problems) -> set[str]:
    """The ids of a table, one column or several joined; a repeated one is a problem."""
    seen: dict[str, int] = {}
    names = columns.split()
    for line, row in table.numbered():
        value = " ".join(str(getattr(row, name)) for name in names)
        if value in seen:
            problems.add(table.file, line, names[-1], "repeated_id", value=value, first=seen[value])
        seen.setdefault(value, line)
    return set(seen)


def cited(row: Row) -> dict[str, str]:
    """Source keys of a row, each with the column it stands in."""
    single = {c: getattr(row, c, None) for c in ("source", "deaths_source", "taken_source")}
    keys = {key: column for column, key in single.items() if key}
    columns = [c for c in ("sources_more", "sources") if c in type(row).model_fields]
    return {**{key: c for c in columns for key in getattr(row, c)}, **keys}


def check_sources(table: Table[Any], known: Iterable[str], problems: Problems) -> None:
    """Every source key must have its row in sources.csv."""
    known = set(known)
    for line, row in table.numbered():
        for key, column in cited(row).items():
            if key not in known:
                problems.add(table.file, line, column, "unknown_source", value=key, choices=nearest(key, known))


def _check_keys(record: Record, problems: Problems) -> None:
    sources = {s.key for s in record.sources}
    regions = {r.region_id for r in record.regions}
    for table in record.tables().values():
        if table.name != "sources":
            check_sources(table, sources, problems)
        for line, row in table.numbered():
            for column in ("region_id", "region_a", "region_b"):
                region = getattr(row, column, None)
                if region and region not in regions and region != record.country:
                    problems.add(table.file, line, column, "unknown_region", value=region, choices=nearest(region, regions))
    _check_places(record, problems)
    known = {e.event_id for e in record.events} | {t.total_id for t in record.totals} | {f.force_id for f in record.forces}
    for line, row in record.disagreements.numbered():
        for key in row.rows:
            if key not in known:
                problems.add(record.disagreements.file, line, "rows", "unknown_row", value=key, choices=nearest(key, known))


def _check_places(record: Record, problems: Problems) -> None:
    home = {s.settlement_id: s.region_id for s in record.settlements}
    for table in (record.events, record.totals):
        for line, row in table.numbered():
            place = row.settlement_id
            if place and place not in home:
                problems.add(table.file, line, "settlement_id", "unknown_settlement", value=place, choices=nearest(place, home))
            elif place and home[place] != row.region_id:
                args = {"value": place, "home": home[place], "region": row.region_id}
                problems.add(table.file, line, "settlement_id", "settlement_elsewhere", **args)


def _check_units(table: Table[Any], column: str, problems: Problems) -> None:
    register = {v.variable: v for v in variables()}
    for line, row in table.numbered():
        quantity = getattr(row, column)
        entry = register.get(quantity)
        if entry is None:
            problems.add(table.file, line, column, "unknown_variable", value=quantity, choices=nearest(quantity, register))
            continue
        unit = getattr(row, "unit", entry.unit)
        if unit != entry.unit:
            problems.add(table.file, line, "unit", "wrong_unit", value=unit, variable=quantity, unit=entry.unit)
        for value_column in ("value", "value_low", "value_high"):
            value = getattr(row, value_column, None)
            if value is not None:
                _check_range(table.file, line, value_column, value, entry, problems)


def _check_range(file: str, line: int, column: str, value: float, entry: Variable, problems: Problems) -> None:
    if entry.low is not None and value < entry.low:
        problems.add(file, line, column, "below", value=f"{value:g}", low=f"{entry.low:g}", unit=entry.unit)
    if entry.high is not None and value > entry.high:
        problems.add(file, line, column, "above", value=f"{value:g}", high=f"{entry.high:g}", unit=entry.unit)


_ORDERED = (
    ("participants_low", "participants_high"),
    ("value_low", "value_high"),
    ("strength_low", "strength_high"),
    ("max_crowd_low", "max_crowd_high"),
    ("date", "date_end"),
    ("arrival", "departure"),
    ("onset_earliest", "onset_date"),
    ("onset_earliest", "onset_latest"),
    ("onset_date", "onset_latest"),
    ("emergency_from", "emergency_lifted"),
    ("deaths_security", "deaths"),
    ("injured_security", "injured"),
    ("low", "high"),
)
"""Pairs of columns of which the first may not exceed the second."""


def _check_sums(record: Record, problems: Problems) -> None:
    population = {v.region_id: v.value for v in record.region_values if v.variable == "population"}
    whole = population.pop(record.country, None)
    parts = sum(population.values())
    if whole is not None and record.regions.rows and whole != parts:
        problems.add(record.region_values.file, None, "population", "sum_differs", whole=f"{whole:.0f}", parts=f"{parts:.0f}")
    for region, people in population.items():
        towns = sum(s.population_used or 0 for s in record.settlements if s.region_id == region)
        if towns > people:
            args = {"value": towns, "region": region, "whole": f"{people:.0f}"}
            problems.add(record.settlements.file, None, "population_used", "parts_exceed", **args)


def _check_onsets(record: Record, problems: Problems) -> None:
    """The summary by region must agree with the events: no day called quiet on which a gathering is recorded."""
    onsets = record.region_onset
    described = {r.region_id for r in onsets}
    for region in record.regions:
        if region.region_id not in described:
            problems.add(onsets.file, None, "region_id", "region_absent", value=region.region_id)
    for line, row in onsets.numbered():
        gatherings = [e for e in record.events if e.region_id == row.region_id and e.kind in GATHERINGS]
        first = min((e.date for e in gatherings), default=None)
        if first and not row.onset_earliest <= first <= (row.onset_latest or first):
            args = {"value": first, "earliest": row.onset_earliest, "latest": row.onset_latest or "-"}
            problems.add(onsets.file, line, "onset_earliest", "onset_conflict", **args)
    earliest = {r.region_id: r.onset_earliest for r in onsets}
    for line, presence in record.presence.numbered():
        if presence.unrest == 1 and presence.date < earliest.get(presence.region_id, presence.date):
            args = {"value": presence.date, "earliest": earliest[presence.region_id], "latest": "-"}
            problems.add(record.presence.file, line, "date", "onset_conflict", **args)
        certain = [e.event_id for e in record.events if _certain_gathering(e, presence)]
        if presence.unrest == 0 and certain:
            problems.add(record.presence.file, line, "unrest", "presence_conflict", event=certain[0], day=presence.date)


def _certain_gathering(event: Event, here: PresenceRow) -> bool:
    """Whether an event leaves no doubt that there was unrest in this region on this day."""
    one_day = event.date == here.date and event.date_end is None
    sure = event.one_happening and event.confidence != "low"
    return event.region_id == here.region_id and event.kind in GATHERINGS and one_day and sure
