"""What the cells of a table say, the same of CSV and workbook: to compare two of them, and for the hash of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from qantar.errors import DataError, Problems
from qantar.files.cells import is_guarded
from qantar.files.read import rows_of
from qantar.files.sheet import read_sheet


def cells_of(path: Path, name: str) -> list[list[str]]:
    """Rows of a table in CSV or of a workbook, the header first; none if it cannot be read as it should."""
    quiet = Problems()
    try:
        found = list(rows_of(path, name, quiet)[1])
    except DataError:
        return []
    return [] if quiet.found else [[_bare(cell) for cell in cells] for _, cells in found]


def in_brackets(path: Path, name: str) -> Iterator[dict[str, str]]:
    """Rows of a workbook with the columns that are for the eye, whose names stand in round brackets; none if it cannot be read."""
    try:
        _, found = read_sheet(path, name, Problems())
    except DataError:
        return
    heads = [cell.strip() for cell in found[0][1]] if found else []
    yield from (dict(zip(heads, map(_bare, cells), strict=False)) for _, cells in found[1:])


def _bare(cell: str) -> str:
    """A cell without blanks around it, with one kind of line ends, and without the mark that keeps it from being a formula in CSV."""
    text = cell.strip().replace("\r\n", "\n").replace("\r", "\n")
    return text[1:] if text[:1] == "'" and is_guarded(text) else text


def rows_sha256(path: Path, name: str, columns: Sequence[str] = ()) -> str | None:
    """SHA-256 of what the cells of a table say, the same of CSV and workbook; None if it cannot be read.

    It is the same in whatever order its columns stand: those of `columns` count in their order, others after them.
    """
    found = cells_of(path, name)
    if not found:
        return None
    head, *body = found
    at = sorted(range(len(head)), key=lambda c: (columns.index(head[c]) if head[c] in columns else len(columns), c))
    return digest([[row[c] for c in at if c < len(row)] for row in (head, *body)])


def digest(rows: Sequence[Sequence[str]]) -> str:
    """The same of rows of cells, the first of them the header: empty cells, rows and columns do not count."""
    head, *body = [[_bare(cell) for cell in row] for row in rows]
    filled = [[[c, cell] for c, cell in zip(head, row, strict=False) if cell] for row in body]
    whole = json.dumps([row for row in filled if row], ensure_ascii=False)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
