"""A record: the observed events of one case, and everything that describes its country, as frozen tables."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from qantar.errors import DataError, Problems
from qantar.files.cells import Row, Table
from qantar.files.read import read_table
from qantar.record.complete import Span, zone_offset
from qantar.record.schema import (
    MODELS,
    MONEY,
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

_WORDS = ("note", "note_zh", "actor", "actor_zh", "number_basis")
"""Columns in which a row has the words of its source."""


@dataclass(frozen=True)
class Record:
    """The observed events of one case and everything that describes its country. Rows keep their line numbers."""

    folder: Path
    country: str
    span: Span
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
    variables: Table[Variable]
    currency: str = MONEY
    missing: tuple[str, ...] = ()
    """tables without a file"""
    derived: tuple[str, ...] = ()
    """tables that follow from the events, in part or as a whole"""

    def region(self, region_id: str) -> Region:
        """The region with this ISO 3166-2 id."""
        return next(r for r in self.regions if r.region_id == region_id)

    def value(self, region_id: str, variable: str) -> float | None:
        """One figure of a region, or None when it was not found.

        >>> from qantar import load_case
        >>> load_case("kazakhstan-2022").record.value("KZ-MAN", "population")
        740893.0
        """
        figures = (v.value for v in self.region_values if (v.region_id, v.variable) == (region_id, variable))
        return next(figures, None)

    @property
    def register(self) -> dict[str, Variable]:
        """Quantities that the case may speak of, by name: the general ones, in its currency, and its own."""
        return register_of(self.variables, self.currency)

    def utc_offset(self, region_id: str, day: dt.date | None = None) -> float:
        """Hours ahead of UTC, on a day or on the first of the case; the country itself keeps the largest offset of its regions."""
        if region_id == self.country:
            return max(self.utc_offset(r.region_id, day) for r in self.regions)
        region = self.region(region_id)
        return zone_offset(region.time_zone, day) if day and region.time_zone else region.utc_offset

    def tables(self) -> dict[str, Table[Any]]:
        """Every table by its name."""
        return {name: getattr(self, name) for name in MODELS}

    def withheld(self) -> dict[str, int]:
        """Sources whose terms forbid to pass their rows on, with the number of rows that cite each."""
        bound = [s.key for s in self.sources if s.redistribution == "no"]
        counts = Counter(key for keys in self._cites() for key in keys) if bound else Counter[str]()
        return {key: n for key in bound if (n := counts[key])}

    def licences(self) -> list[str]:
        """Licences of the sources that rows cite, in the order of sources.csv."""
        cites = {key for keys in self._cites() for key in keys}
        return list(dict.fromkeys(s.licence for s in self.sources if s.key in cites))

    def _cites(self) -> Iterator[Iterable[str]]:
        """What each row cites that stands in a table; what follows from the events is not theirs."""
        tables = (table for name, table in self.tables().items() if name != "sources")
        return (cited(row) for table in tables for line, row in table.numbered() if line)

    def for_others(self) -> Record:
        """The record as it may be shown to anybody: without the words of rows of which a source forbids to pass them on."""
        bound = self.withheld()

        def bare(row: Any) -> Any:
            words = [c for c in _WORDS if getattr(row, c, "")] if bound.keys() & cited(row).keys() else []
            return row.model_copy(update=dict.fromkeys(words, "")) if words else row

        tables: dict[str, Any] = {name: replace(table, rows=tuple(map(bare, table))) for name, table in self.tables().items()}
        return replace(self, **tables) if bound else self

    def instant(self, event: Event) -> dt.datetime | None:
        """When an event began, in UTC; None when its hour is not known. Times in the record are local."""
        if event.time_local is None:
            return None
        local = dt.datetime.combine(event.date, dt.time.fromisoformat(event.time_local))
        return (local - dt.timedelta(hours=self.utc_offset(event.region_id, event.date))).replace(tzinfo=dt.UTC)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Every name of each region and settlement, in all languages of the tables, by its id."""
        rows: list[tuple[str, Region | Settlement]] = [*((r.region_id, r) for r in self.regions)]
        rows += ((s.settlement_id, s) for s in self.settlements)
        return {key: tuple(filter(None, (r.name_en, r.name_zh, r.name_kk, r.name_ru, *r.aliases))) for key, r in rows}


def register_of(own: Iterable[Variable], currency: str) -> dict[str, Variable]:
    """Quantities by name: the general ones, with money in this currency, and those of a case's own."""
    general = (v.model_copy(update={"unit": v.unit.replace(MONEY, currency)}) for v in variables())
    return {v.variable: v for v in (*general, *own)}


@cache
def variables() -> Table[Variable]:
    """The general register of quantities (`record/variables.csv`)."""
    problems = Problems()
    table = read_table(Path(__file__).with_name("variables.csv"), "variables", Variable, problems)
    problems.raise_as(DataError)
    return table


def cited(row: Row) -> dict[str, str]:
    """Source keys of a row, each with the column it stands in."""
    fields = type(row).model_fields
    keys = {key: c for c in ("source", "deaths_source", "taken_source") if c in fields and (key := getattr(row, c))}
    columns = [c for c in ("sources_more", "sources") if c in fields]
    return {**{key: c for c in columns for key in getattr(row, c)}, **keys}
