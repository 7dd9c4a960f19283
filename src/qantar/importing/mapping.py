"""The mapping file: what the columns of any table of events mean, written by `--propose`, completed by its reader.

In: a TOML file. Out: a `Form`. The counts of a place on a day are events too: a row with a `count` of three is one row of the record, a
total of that day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from qantar.errors import DataError, Problems, nearest
from qantar.files.cells import Choice, Confidence, FolderName, Strict, Title
from qantar.files.decode import ENCODINGS
from qantar.files.markup import TomlNotes, read_toml
from qantar.files.text import read_text
from qantar.importing.days import ORDERS
from qantar.importing.form import Cell, Form
from qantar.record.schema import EVENT_KINDS

Kind = Annotated[str, BeforeValidator(Choice(EVENT_KINDS))]


class MappedSource(Strict):
    """The row of sources.csv for the table."""

    key: FolderName
    title: Title
    publisher: str = ""
    date: str = ""
    address: str = ""
    licence: Title
    redistribution: Annotated[str, BeforeValidator(Choice(("yes", "no")))] = "no"


class Reading(Strict):
    """How the file is read, where it cannot be told from itself."""

    encoding: Annotated[str, BeforeValidator(Choice(tuple(ENCODINGS)))] | None = None
    sheet: str | None = None
    date_order: Annotated[str, BeforeValidator(Choice(ORDERS))] | None = None


class Columns(Strict):
    """Names of columns of the table, by what they say."""

    date: str
    date_end: str | None = None
    date_latest: str | None = None
    id: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    region: str | None = None
    settlement: str | None = None
    country: str | None = None
    type: str | None = None
    count: str | None = None
    participants: str | None = None
    participants_low: str | None = None
    participants_high: str | None = None
    deaths: str | None = None
    deaths_low: str | None = None
    deaths_high: str | None = None
    injured: str | None = None
    detained: str | None = None
    actor: str | None = None
    note: str | None = None
    note_more: str | None = None
    note_source: str | None = None


class EveryRow(Strict):
    """What holds of every row."""

    kind: Kind | None = None
    confidence: Confidence = "medium"


class MappingFile(Strict):
    """`mapping.toml`."""

    source: MappedSource
    read: Reading = Field(default_factory=Reading)
    columns: Columns
    every_row: EveryRow = Field(default_factory=EveryRow)
    kinds: dict[str, Annotated[str, BeforeValidator(Choice(("", *EVENT_KINDS)))]] = Field(default_factory=dict)


def is_mapping(path: Path) -> bool:
    """Whether a file is a mapping, be it a wrong one: no other file says what columns mean."""
    try:
        there = path.suffix == ".toml" and path.is_file()
    except (OSError, ValueError):  # longer than a name can be, or with a NUL
        there = False
    return there and re.search(r"^\[columns\]", read_text(path), re.MULTILINE) is not None


def read_mapping(path: Path) -> MappingFile:
    """A mapping file; a DataError with every problem of it."""
    problems = Problems()
    mapping = check_mapping(path, problems)
    problems.raise_as(DataError)
    assert mapping is not None  # no problem means it was read
    return mapping


def check_mapping(path: Path, problems: Problems) -> MappingFile | None:
    """A mapping file as far as it can be read; what is wrong in it goes to `problems`."""
    mapping = read_toml(path, MappingFile, problems)
    if mapping is not None:
        notes, columns = TomlNotes.of(path, problems), mapping.columns
        if (columns.latitude is None) != (columns.longitude is None) or not (columns.latitude or columns.region or columns.settlement):
            notes.add("columns", "mapping_without_place")
        if not (columns.type or mapping.every_row.kind):
            notes.add("columns", "mapping_without_kind")
    return mapping


def form_of(path: Path, mapping: MappingFile, first: Sequence[str]) -> Form:
    """How to read a table with this header by a mapping; a DataError if the header lacks a column that the mapping names."""
    header = [c.strip().lstrip("\ufeff") for c in first]
    named = {f: n for f, n in mapping.columns.model_dump().items() if n is not None}
    problems = Problems()
    notes = TomlNotes.of(path, problems)
    for field, name in named.items():
        if name.strip() not in header:
            notes.add(f"columns.{field}", "mapping_column", value=name, choices=nearest(name, filter(None, header)))
    problems.raise_as(DataError)
    kinds = {t.strip().casefold(): kind for t, kind in mapping.kinds.items()}
    told = mapping.source.model_dump()
    source = {
        **told,
        "publisher": told["publisher"].strip() or "(not said)",
        "address_complete": "yes" if mapping.source.address else "n/a",
        "seen": "whole",
    }
    return Form(
        mapping.source.key,
        {f: header.index(n.strip()) for f, n in named.items()},
        len(header),
        has_header=True,
        source=source,
        kinds=kinds,
        types=_types,
        confidence=lambda cell: mapping.every_row.confidence,
        every_kind=mapping.every_row.kind or "",
        names=header,
        date_order=mapping.read.date_order,
        of_mapping=True,
    )


def _types(cell: Cell) -> tuple[str, ...]:
    """The whole cell, then what it lists."""
    whole = cell("type").strip()
    return tuple(dict.fromkeys(filter(None, (whole, *listed(whole)))))


def listed(cell: str) -> list[str]:
    """What a cell of types lists.

    >>> listed("arson:2; march")
    ['arson', 'march']
    """
    return [bare for part in re.split(r"[;；|]", cell) if (bare := re.sub(r":\s*\d+$", "", part.strip()).strip())]
