"""Changes of single cells of a ledger, as a page makes them: each is checked, written at once, and never over what somebody else wrote.

Whoever changes a cell says what was in it when they looked. If something else is in it by now, nothing is written and they are told what.
Cells are written to the CSV; a workbook that counts is first taken over into it, and is written anew by `qantar account sheet`.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qantar.account.ledger import read_head
from qantar.account.twins import WRITTEN, the_one, twin
from qantar.account.workbook import HANDLED, ORDER, align
from qantar.errors import DataError, Problems, StudyError, fail, nearest
from qantar.files.alike import cells_of, in_brackets
from qantar.files.cells import Row, printable, to_csv
from qantar.files.read import inside, parse_row, read_table
from qantar.files.write import write_bytes

_LOCKS: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
"""One a ledger: two pages of one program write one after the other."""


@dataclass
class Written:
    """A table of a ledger as it stands in its file: cells as text, the header apart."""

    name: str
    path: Path
    columns: list[str]
    rows: list[dict[str, str]]

    @property
    def model(self) -> type[Row]:
        """The model of its rows."""
        return HANDLED[self.name]

    @property
    def key(self) -> str:
        """The column that names a row."""
        return next(iter(self.model.model_fields))

    def row(self, name: str) -> dict[str, str]:
        """A row by its id; a StudyError with the nearest ids if there is none."""
        for row in self.rows:
            if row.get(self.key) == name:
                return row
        raise fail(StudyError, self.path.name, "no_such_row", value=name, choices=nearest(name, [r.get(self.key, "") for r in self.rows]))

    def write(self) -> None:
        """Write the file."""
        write_bytes(self.path, to_csv(self.columns, [[row.get(c, "") for c in self.columns] for row in self.rows]).encode())


def open_tables(folder: Path) -> dict[str, Written]:
    """The tables of a ledger that can be edited by hand, each with all of its columns; nothing is written.

    Raises
    ------
    DataError
        If a table cannot be read at all, or both its files were changed.
    """
    problems = Problems()
    head = read_head(folder, problems)
    problems.raise_as(DataError)
    assert head is not None  # no problem means it was read
    found = {}
    for name, model in HANDLED.items():
        file = getattr(head.files, name)
        named = inside(folder, file, file="account.toml", line=None, key=f"files.{name}", problems=problems) if file else None
        path = the_one(named, name, problems) if named else None
        if path is not None:
            found[name] = Written(name, path, *_cells(path, name, model))
    problems.raise_as(DataError)
    return found


def _cells(path: Path, name: str, model: type[Row]) -> tuple[list[str], list[dict[str, str]]]:
    """All columns of a table and its rows; a DataError if anything of it would be lost when it is written again."""
    header, *body = cells_of(path, name) or [[]]
    if not header or {*header} - {*model.model_fields} or any(len(row) != len(header) for row in body):
        problems = Problems()
        read_table(path, name, model, problems)
        problems.raise_as(DataError)
        raise fail(DataError, path, "empty_file")
    columns = [*header, *(c for c in model.model_fields if c not in header)]
    return columns, [dict(zip(header, row, strict=True)) for row in body]


def for_the_eye(folder: Path) -> dict[str, dict[str, str]]:
    """What the workbook of claims has beside each claim, by column and claim id: what was said, and what the record has."""
    names = [column[1:-1] for column in ORDER if column.startswith("(")]
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    book = folder / "claims.xlsx"
    for row in in_brackets(book, "claims") if book.is_file() else ():
        for name in names:
            found[name][row.get("claim_id", "")] = row.get(f"({name})", "")
    return found


def set_cell(folder: Path, table: str, row: str, column: str, seen: str, value: str) -> dict[str, str]:
    """Write one cell; gives the row as it stands now.

    Parameters
    ----------
    row : its id
    seen : what was in the cell when whoever changes it looked

    Raises
    ------
    StudyError
        If there is no such table, row or column, or if another value than `seen` is in the cell by now (`changed_meanwhile`).
    DataError
        If the value does not fit the column, or the table cannot be read.
    """
    with _opened(folder, table) as written:
        cells = written.row(row)
        if column not in written.model.model_fields or column == written.key:
            choices = nearest(column, [c for c in written.model.model_fields if c != written.key])
            raise fail(StudyError, written.path.name, "unknown_cell", value=column, choices=choices)
        value = _plain(value)
        now = cells.get(column, "")
        if now not in (_plain(seen), value):
            raise fail(StudyError, written.path.name, "changed_meanwhile", row=row, column=column, value=now)
        if now != value:
            _check({**cells, column: value}, written, column)
            cells[column] = value
            written.write()
        return dict(cells)


def add_row(folder: Path, table: str, cells: Mapping[str, str]) -> dict[str, str]:
    """Write a row at the end, with the next free id where it has none; gives it as it stands.

    Raises
    ------
    DataError
        If a cell does not fit its column.
    StudyError
        If there is a row of this id, or no such column.
    """
    with _opened(folder, table) as written:
        row = {column: _plain(cell) for column, cell in cells.items()}
        if unknown := [c for c in row if c not in written.model.model_fields]:
            raise fail(
                StudyError, written.path.name, "unknown_cell", value=unknown[0], choices=nearest(unknown[0], written.model.model_fields)
            )
        ids = [r.get(written.key, "") for r in written.rows]
        if written.key == "claim_id":
            row.setdefault(written.key, next_id(ids))
        if row.get(written.key) in ids:
            raise fail(StudyError, written.path.name, "row_there", value=row[written.key])
        _check(row, written)
        written.rows.append(row)
        written.write()
        return row


def remove_row(folder: Path, table: str, row: str, seen: Mapping[str, str]) -> None:
    """Take a row out, if it is as whoever takes it out saw it.

    Raises
    ------
    StudyError
        If there is no such row, or somebody changed it meanwhile.
    """
    with _opened(folder, table) as written:
        cells = written.row(row)
        for column in written.columns:
            if cells.get(column, "") != _plain(seen.get(column, "")):
                raise fail(StudyError, written.path.name, "changed_meanwhile", row=row, column=column, value=cells.get(column, ""))
        written.rows.remove(cells)
        written.write()


def next_id(ids: list[str]) -> str:
    """The id after the highest number, written as that one is.

    >>> next_id(["C001", "C002"]), next_id([]), next_id(["C9"])
    ('C003', 'C001', 'C10')
    """
    found = [(int(m[2]), m[1], len(m[2])) for i in ids if (m := re.fullmatch(r"([A-Za-z][A-Za-z_.-]*)(\d{1,9})", i))]
    number, head, width = max(found, default=(0, "C", 3))
    return f"{head}{number + 1:0{width}d}"


@contextmanager
def _opened(folder: Path, table: str) -> Iterator[Written]:
    """A table that may be written, its CSV the file that counts, until the end of the block."""
    with _LOCKS[folder.resolve()]:
        found = open_tables(folder)
        if table in found and found[table].path.suffix != ".csv":
            align(folder)
            found = open_tables(folder)
        elif table in found and (book := twin(found[table].path)) is not None and book.is_file() and not (folder / WRITTEN).is_file():
            align(folder)  # without a mark nobody could tell afterwards which of the two was changed
        if table not in found:
            raise fail(StudyError, table, "no_such_table", choices=nearest(table, found))
        written = found[table]
        written.path = written.path.with_suffix(".csv")
        yield written


def _check(cells: Mapping[str, str], written: Written, column: str = "") -> None:
    """Whether a row fits; asked about one column, only what is wrong with that one counts."""
    problems = Problems()
    parse_row({k: v for k, v in cells.items() if k in written.model.model_fields}, written.model, written.path.name, 0, problems)
    problems.found = [p for p in problems.found if column in ("", p.key)]
    problems.raise_as(DataError)


def _plain(cell: str) -> str:
    return printable(cell).strip().replace("\r\n", "\n").replace("\r", "\n")
