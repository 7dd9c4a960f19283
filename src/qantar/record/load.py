"""Loads a record from its folder: every table checked cell by cell, completed, held against the others, then frozen.

In: a folder with files of `schema.MODELS`: regions and events at least. Out: a `Record`, or one `DataError` with every problem found.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qantar.errors import DataError, Problems
from qantar.files.cells import FIRST_DAY, LAST_DAY, Table
from qantar.files.read import read_table
from qantar.record.checks import check_alone, check_between, check_days
from qantar.record.complete import Locate, Span, complete_rows, complete_tables
from qantar.record.record import Record, register_of
from qantar.record.schema import (
    MODELS,
    MONEY,
)

NEEDED = ("regions", "events")
"""Tables that a case cannot do without. Any other that is missing is empty, or follows from the events."""


def load_record(folder: Path, country: str, span: Span = (FIRST_DAY, LAST_DAY)) -> Record:
    """The record in `folder`, complete and consistent, else a DataError with every problem of every table.

    `span` is the first and last day of the case; by default any that can be recorded.
    """
    problems = Problems()
    record = read_record(folder, country, problems, span=span)
    problems.raise_as(DataError)
    return record


def read_record(
    folder: Path,
    country: str,
    problems: Problems,
    *,
    span: Span = (FIRST_DAY, LAST_DAY),
    locate: Locate = lambda lon, lat: None,
    currency: str = MONEY,
) -> Record:
    """As `load_record`, but adds to `problems` and goes on with the good rows.

    Parameters
    ----------
    locate : tells the region of a point
    currency : what units of money are called in the tables
    """
    missing = tuple(name for name in MODELS if name not in NEEDED and _is_missing(folder, name))
    tables: dict[str, Any] = {
        name: Table(name, f"{name}.csv", (), ()) if name in missing else read_table(folder / f"{name}.csv", name, model, problems)
        for name, model in MODELS.items()
    }
    register = register_of(tables["variables"], currency)
    for name, table in complete_rows(tables, span, locate, problems).items():
        check_alone(table, problems, register)
        check_days(table, span, problems)
        tables[name] = _without_faults(table, problems)
    readable = all(t.readable for t in tables.values())
    derived: tuple[str, ...] = ()
    if readable:
        tables, derived = complete_tables(tables, country, span, missing)
    record = Record(folder, country, span, **tables, currency=currency, missing=missing, derived=derived)
    check_between(record, problems, readable=readable)
    return record


def _is_missing(folder: Path, name: str) -> bool:
    """Whether a table has no file, nor one with nearly its name."""
    path = folder / f"{name}.csv"
    if path.exists() or path.is_symlink():
        return False
    return not get_close_matches(name, {p.stem for p in folder.glob("*.csv")} - {*MODELS}, 1, 0.8)


def _without_faults(table: Table[Any], problems: Problems) -> Table[Any]:
    """A table without the rows that have a fault: held against other tables they would show once more, in other words."""
    faulty = {p.line for p in problems.found if p.file == table.file}
    good = [(line, row) for line, row in table.numbered() if line not in faulty]
    spoilt = {str(next(iter(row.__dict__.values()))) for line, row in table.numbered() if line in faulty}
    lines, rows = zip(*good, strict=True) if good else ((), ())
    return replace(table, rows=tuple(rows), lines=tuple(lines), spoilt=table.spoilt | spoilt)
