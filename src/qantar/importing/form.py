"""What qantar must know of a downloaded table to read events from it: which column says what, and how each provider means its codes.

In: the header of a file. Out: a `Form`, the same for a known provider and for a table with a mapping file.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from qantar.importing.words import foremost

Cell = Callable[[str], str]
"""Gives the cell of a row by the name of a field of ours, empty where the table has none."""
Span = tuple[dt.date, dt.date]
IN_NOTE = "(note)"
"""Instead of a kind in `kinds.csv`: the type is a catch-all, and what an authority did is read from the note of the row."""

FIELDS = (
    "id", "date", "date_end", "date_latest", "time_precision", "latitude", "longitude", "place_precision", "region", "settlement",
    "country", "type", "subtype", "by", "by_2", "count", "participants", "participants_low", "participants_high", "deaths_low", "deaths",
    "deaths_high", "injured", "detained", "actor", "actor_2", "note", "note_more", "note_source", "certainty", "updated",
)  # fmt: skip
"""What a column can be. `date_end`: the last day of something that lasted; `date_latest`: the latest day on which it can have been."""


def kind_among(types: Sequence[str], kinds: Mapping[str, str]) -> str | None:
    """The kind of a cell, listed whole and then in its parts: its own, else the foremost of its parts; None where none is known."""
    known = [t for t in (t.strip().casefold() for t in types) if t in kinds]
    if not known:
        return None
    return kinds.get(types[0].strip().casefold(), "") or foremost(kinds[t] for t in known)


@dataclass(frozen=True)
class Form:
    """How a table is read."""

    key: str
    """Key of its row in sources.csv, and how ids of its events begin."""
    columns: Mapping[str, int]
    """Number of the column of each field that the table has."""
    width: int
    has_header: bool
    source: Mapping[str, str]
    """The row of sources.csv."""
    kinds: Mapping[str, str]
    """Kind of qantar for each type, small letters; empty for a type that is none of qantar's kinds."""
    types: Callable[[Cell], tuple[str, ...]]
    """Types of a row, the most exact first."""
    days: Callable[[str, dt.date, dt.date], Span] = lambda precision, first, latest: (first, latest)
    """First and last day on which something can have been, from the code of precision and the two days given."""
    precision: Callable[[str], str] = lambda code: "point"
    """How well a place is known, from the code of its precision: `point`, `rough` (some kilometres), `region` or `country`."""
    confidence: Callable[[Cell], str] = lambda cell: "medium"
    every_kind: str = ""
    """Kind of every row of a table without types."""
    names: Sequence[str] = field(default_factory=tuple)
    """The header as it stands in the file."""
    date_order: str | None = None
    word_for_settlement: Callable[[str], str] = str.strip
    of_mapping: bool = False
    """whether a mapping file says it, and no provider"""
    word_for_crowd: Callable[[str], str] = str.strip
    """What a cell that has a crowd among other things says of it."""
    word_for_country: Callable[[str], str] = str.strip
    """The country that a cell means, as it is compared: a code of the provider's becomes that of ISO 3166-1."""

    def kind(self, types: Sequence[str]) -> str | None:
        """The kind for some types; empty where qantar has none; None where a type is not known."""
        if self.every_kind and not types:
            return self.every_kind
        if self.of_mapping:
            return kind_among(types, self.kinds)
        found = [self.kinds[t] for t in (t.strip().casefold() for t in types) if t in self.kinds]
        return next(filter(None, found), "") if found else None


@dataclass(frozen=True)
class Provider:
    """A known data set: names of its columns over the years, and what its codes mean."""

    key: str
    title: str
    publisher: str
    address: str
    licence: str
    redistribution: str
    columns: Mapping[str, tuple[str, ...]]
    """Headers of each field, newest first."""
    needed: frozenset[str]
    """Fields by which the header is known."""
    types: Callable[[Cell], tuple[str, ...]]
    days: Callable[[str, dt.date, dt.date], Span] = lambda precision, first, latest: (first, latest)
    precision: Callable[[str], str] = lambda code: "point"
    confidence: Callable[[Cell], str] = lambda cell: "medium"
    without_header: Callable[[Sequence[str]], Sequence[str] | None] = lambda cells: None
    """Names of the columns of a file that has none, from its first row; None if it is not of this provider."""
    word_for_settlement: Callable[[str], str] = str.strip
    word_for_crowd: Callable[[str], str] = str.strip
    word_for_country: Callable[[str], str] = str.strip

    def form(self, first: Sequence[str]) -> Form | None:
        """How to read a file with this first row, None if it is not of this provider."""
        names = self.without_header(first)
        has_header = names is None
        header = [c.strip().lstrip("\ufeff") for c in (first if names is None else names)]
        at = {name.lower(): k for k, name in reversed(list(enumerate(header)))}
        columns = {f: at[n] for f, ways in self.columns.items() for n in reversed(ways) if n in at}
        if not self.needed <= set(columns):
            return None
        return Form(
            self.key, columns, len(header), has_header, self.source(), kinds_of(self.key), self.types, self.days, self.precision,
            self.confidence, names=header, word_for_settlement=self.word_for_settlement, word_for_crowd=self.word_for_crowd,
            word_for_country=self.word_for_country,
        )  # fmt: skip

    def source(self) -> dict[str, str]:
        """The row of sources.csv."""
        return {
            "key": self.key, "title": self.title, "publisher": self.publisher, "address": self.address, "address_complete": "yes",
            "licence": self.licence, "seen": "whole", "redistribution": self.redistribution,
        }  # fmt: skip


@cache
def kinds_of(provider: str) -> dict[str, str]:
    """Kind of qantar for each type of a provider (`kinds.csv`), small letters."""
    with Path(__file__).with_name("kinds.csv").open(encoding="utf-8", newline="") as file:
        return {r["type"].casefold(): r["kind"] for r in csv.DictReader(file) if r["provider"] == provider}
