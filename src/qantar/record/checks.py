"""What a record must fulfil beyond its single cells: within a table, between tables, and against the days and sums of the case."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from qantar.errors import Problems, nearest
from qantar.files.cells import Table
from qantar.record.complete import UNREST, Span, gathering
from qantar.record.record import Record, cited, register_of
from qantar.record.schema import (
    DAYS_AROUND,
    MONEY,
    OWN,
    OnsetRow,
    Variable,
    residents_by_region,
    residents_of,
)


def check_days(table: Table[Any], span: Span, problems: Problems) -> None:
    """No date far from the days of the case: a mistyped year would draw centuries."""
    around = DAYS_AROUND.get(table.name)
    if around is None or not table.rows or not table.readable:
        return
    low, high = (span[0] - dt.timedelta(days=around), span[1] + dt.timedelta(days=around))
    columns = [c for c, info in type(table.rows[0]).model_fields.items() if "date" in str(info.annotation)]
    for line, row in problems.rows(table):
        for column in columns:
            day = getattr(row, column)
            if day is not None and not low <= day <= high:
                problems.add(table.file, line, column, "day_outside", value=day, low=low, high=high)


def check_alone(table: Table[Any], problems: Problems, register: Mapping[str, Variable] | None = None) -> None:
    """What can be checked in one table without the others: repeated ids, order of pairs; units and limits by the `register` of its case."""
    if not table.readable:
        return
    if columns := _IDS.get(table.name):
        check_repeated(table, columns, problems)
    if column := _QUANTITY.get(table.name):
        _check_units(table, column, register or register_of((), MONEY), problems)
    if table.name in _UNIQUE:
        _check_twice(table, problems)
    ordered = [pair for pair in _ORDERED if all(has(table, column) for column in pair)]
    for line, row in problems.rows(table) if ordered else ():
        for low, high in ordered:
            a, b = getattr(row, low), getattr(row, high)
            if isinstance(a, str) and isinstance(b, str):  # moments: an hour that is not known orders nothing
                a, b = a[: min(len(a), len(b))], b[: min(len(a), len(b))]
            if a is not None and b is not None and a > b:
                problems.add(table.file, line, low, "low_above_high", value=a, other=high, other_value=b)


def has(table: Table[Any], column: str) -> bool:
    """Whether the rows of a table have a column: to ask each row would take longer than to check it."""
    return bool(table.rows) and column in type(table.rows[0]).model_fields


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
    "variables": "variable",
}
_UNIQUE = ("events", "totals", "forces", "disagreements")
"""Tables whose ids say nothing of the row: two rows that differ in their ids alone are one row twice."""
_QUANTITY = {"region_values": "variable", "economy": "series", "totals": "quantity"}


def _check_twice(table: Table[Any], problems: Problems) -> None:
    seen: dict[tuple[object, ...], str] = {}
    for line, row in problems.rows(table):
        own, *cells = (getattr(row, column) for column in type(row).model_fields)
        first = seen.setdefault(tuple(cells), own)
        if first != own:
            problems.add(table.file, line, next(iter(type(row).model_fields)), "repeated_row", value=own, first=first)


def check_repeated(table: Table[Any], columns: str, problems: Problems) -> set[str]:
    """The ids of a table, one column or several joined; a repeated one is a problem."""
    seen: dict[str, int] = {}
    names = columns.split()
    for line, row in problems.rows(table):
        value = " ".join(str(getattr(row, name)) for name in names)
        if value in seen:
            problems.add(table.file, line, names[-1], "repeated_id", value=value, first=seen[value])
        seen.setdefault(value, line)
    return set(seen) | table.spoilt


def check_sources(table: Table[Any], known: Iterable[str], problems: Problems) -> None:
    """Every source key must have its row in sources.csv."""
    known = set(known)
    for line, row in problems.rows(table):
        for key, column in cited(row).items():
            if key not in known:
                problems.add(table.file, line, column, "unknown_source", value=key, choices=nearest(key, known))


def check_between(record: Record, problems: Problems, *, readable: bool) -> None:
    """What can be checked only once all tables are there; first days not, where some table could not be read."""
    _check_keys(record, problems)
    _check_adjacency(record, problems)
    _check_sums(record, problems)
    _check_residents(record, problems)
    if readable:  # first days may follow from any of the events
        _check_onsets(record, problems)


def _check_keys(record: Record, problems: Problems) -> None:
    """That what a row names is there; of a table that cannot be read nobody can say what it lacks."""
    sources, regions = {*record.sources.ids(), OWN}, record.regions.ids()
    for table in record.tables().values():
        if table.name != "sources" and record.sources.readable:
            check_sources(table, sources, problems)
        named = [column for column in ("region_id", "region_a", "region_b") if has(table, column)]
        for line, row in problems.rows(table) if record.regions.readable else ():
            for column in named:
                region = getattr(row, column)
                if region and region not in regions and region != record.country:
                    problems.add(table.file, line, column, "unknown_region", value=region, choices=nearest(region, regions))
    if record.settlements.readable:
        _check_places(record, problems)
    counted = (record.events, record.totals, record.forces)
    known = {key for table in counted for key in table.ids()}
    for line, row in problems.rows(record.disagreements) if all(t.readable for t in counted) else ():
        for key in row.rows:
            if key not in known:
                problems.add(record.disagreements.file, line, "rows", "unknown_row", value=key, choices=nearest(key, known))


def _check_places(record: Record, problems: Problems) -> None:
    """Settlements exist, lie in the region of the row, and bear the name that stands beside their id."""
    home, names = {s.settlement_id: s.region_id for s in record.settlements}, record.names()
    named: dict[str, set[str]] = {}
    for key in home:
        for name in names[key]:
            named.setdefault(name.casefold(), set()).add(key)
    tables: tuple[Table[Any], ...] = (record.events, record.totals)
    for table in tables:
        for line, row in problems.rows(table):
            place = row.settlement_id
            if not place or place in record.settlements.spoilt:
                continue
            if place not in home:
                problems.add(table.file, line, "settlement_id", "unknown_settlement", value=place, choices=nearest(place, home))
                continue
            if home[place] != row.region_id:
                args = {"value": place, "home": home[place], "region": row.region_id}
                problems.add(table.file, line, "settlement_id", "settlement_elsewhere", **args)
            name = getattr(row, "settlement", "")
            bearers = named.get(name.casefold(), set())
            if bearers and place not in bearers:
                args = {"value": name, "id": place, "other": min(bearers)}
                problems.add(table.file, line, "settlement", "settlement_name", **args)


def _check_adjacency(record: Record, problems: Problems) -> None:
    """A pair is of two regions, and says the same both ways round if it stands both ways."""
    table = record.adjacency
    stated: dict[tuple[str, str], int] = {}
    for line, row in problems.rows(table):
        a, b = row.region_a, row.region_b
        if a == b:
            problems.add(table.file, line, "region_b", "pair_of_one", value=a)
        if stated.get((b, a), row.adjacent) != row.adjacent:
            problems.add(table.file, line, "adjacent", "adjacency_differs", a=a, b=b, value=row.adjacent)
        stated[a, b] = row.adjacent


def _check_units(table: Table[Any], column: str, register: Mapping[str, Variable], problems: Problems) -> None:
    with_unit = has(table, "unit")
    values = [name for name in ("value", "value_low", "value_high") if has(table, name)]
    for line, row in problems.rows(table):
        quantity = getattr(row, column)
        entry = register.get(quantity)
        if entry is None:
            problems.add(table.file, line, column, "unknown_variable", value=quantity, choices=nearest(quantity, register))
            continue
        unit = row.unit if with_unit else entry.unit
        if unit != entry.unit and MONEY not in entry.unit:  # whose currency nobody named
            problems.add(table.file, line, "unit", "wrong_unit", value=unit, variable=quantity, unit=entry.unit)
        for value_column in values:
            value = getattr(row, value_column)
            if value is None:
                continue
            if entry.low is not None and value < entry.low:
                problems.add(table.file, line, value_column, "below", value=f"{value:g}", low=f"{entry.low:g}", unit=entry.unit)
            if entry.high is not None and value > entry.high:
                problems.add(table.file, line, value_column, "above", value=f"{value:g}", high=f"{entry.high:g}", unit=entry.unit)


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
    ("deaths_low", "deaths"),
    ("deaths_low", "deaths_high"),
    ("deaths", "deaths_high"),
    ("injured_security", "injured"),
    ("low", "high"),
)
"""Pairs of columns of which the first may not exceed the second."""


def _check_sums(record: Record, problems: Problems) -> None:
    counted = (record.region_values, record.regions, record.settlements)
    if any(t.spoilt or not t.readable for t in counted[:2]) or not counted[2].readable:
        return  # what is missing may stand in a row with a fault
    population = residents_by_region(record.region_values)
    whole = population.pop(record.country, None)
    parts = sum(population.values())
    if whole is not None and record.regions.rows and whole != parts:
        problems.add(record.region_values.file, None, "population", "sum_differs", whole=f"{whole:.0f}", parts=f"{parts:.0f}")
    towns: Counter[str] = Counter()
    for s in record.settlements:
        towns[s.region_id] += s.population_used or 0
    for region, people in population.items():
        if towns[region] > people:
            args = {"value": towns[region], "region": region, "whole": f"{people:.0f}"}
            problems.add(record.settlements.file, None, "population_used", "parts_exceed", **args)


_COUNTS = {
    "events": ("participants_low", "participants_high", "deaths", "deaths_high", "injured", "detained"),
    "region_onset": ("max_crowd_low", "max_crowd_high", "deaths_official", "taken_to_police"),
    "totals": ("value_low", "value_high"),
}
"""Columns that count residents."""


def _check_residents(record: Record, problems: Problems) -> None:
    """Nobody is counted who does not live there: no crowd and no toll is larger than the country."""
    whole = residents_of(record.country, record.region_values)
    people = {v.variable for v in record.register.values() if v.unit == "people"}
    for name, columns in _COUNTS.items():
        table: Table[Any] = getattr(record, name)
        for line, row in problems.rows(table) if whole and not record.region_values.spoilt else ():
            for column in columns:
                value = getattr(row, column)
                if value is not None and value > whole and getattr(row, "quantity", "participants") in people:
                    problems.add(table.file, line, column, "more_than_residents", value=f"{value}", whole=f"{whole:.0f}")


def _check_onsets(record: Record, problems: Problems) -> None:
    """The summary by region must agree with the events: no day called quiet on which a gathering is recorded."""
    onsets = record.region_onset
    first: dict[str, dt.date] = {}
    certain: dict[tuple[str, dt.date], str] = {}
    for event in record.events:
        if event.kind in UNREST and (found := gathering(event, record.span)):
            first[event.region_id] = min(found.first, first.get(event.region_id, found.first))
            for day in found.days if found.certain else ():
                certain.setdefault((event.region_id, day), event.event_id)
    for line, row in problems.rows(onsets):
        if line:  # what follows from the events agrees with them
            _check_onset(onsets.file, line, row, first, problems)
    earliest = {r.region_id: r.onset_earliest or r.onset_date or r.onset_latest for r in onsets}
    for line, presence in problems.rows(record.presence):
        begun = earliest.get(presence.region_id, presence.date)
        if not line or presence.region_id in onsets.spoilt:
            continue
        if presence.unrest == 1 and (begun is None or presence.date < begun):
            args = {"value": presence.date, "earliest": begun or "-", "latest": "-"}
            problems.add(record.presence.file, line, "date", "onset_conflict", **args)
        event_id = certain.get((presence.region_id, presence.date))
        if presence.unrest == 0 and event_id:
            problems.add(record.presence.file, line, "unrest", "presence_conflict", event=event_id, day=presence.date)


def _check_onset(file: str, line: int, row: OnsetRow, first: Mapping[str, dt.date], problems: Problems) -> None:
    seen = first.get(row.region_id)
    if row.onset_earliest is None and (row.onset_date or row.onset_latest):
        problems.add(file, line, "onset_earliest", "empty_cell", value="onset_earliest")
    elif seen and (row.onset_earliest is None or not row.onset_earliest <= seen <= (row.onset_latest or seen)):
        args = {"value": seen, "earliest": row.onset_earliest or "-", "latest": row.onset_latest or "-"}
        problems.add(file, line, "onset_earliest", "onset_conflict", **args)
