"""The border: rows of CSV files and workbooks become checked ones, or problems with file, line, key, rule and mend."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qantar.errors import DataError, Problems, nearest
from qantar.files.cells import R, Row, Table, twins
from qantar.files.sheet import ROWS_MAX, read_sheet
from qantar.files.text import read_text


def read_table(path: Path, name: str, model: type[R], problems: Problems) -> Table[R]:
    """All good rows of a CSV file, or of a workbook; everything else is added to `problems`.

    The header must name known columns only and every required one; each row must have as many cells as the header. A column whose name
    stands in round brackets is for the eye and is left out.
    """
    file, before = path.name, len(problems.found)
    try:
        file, raw_rows = rows_of(path, name, problems)
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
        return Table(name, path.name, (), (), readable=False)
    rows: list[R] = []
    lines: list[int] = []
    spoilt: set[str] = set()
    header: list[str] = []
    spare: list[str] = []
    readable = True
    for line, raw in raw_rows:
        if not header:
            header = [c.strip() for c in raw]
            while len(header) > 1 and not header[-1]:  # spreadsheets add empty columns at the end
                header.pop()
            spare = [""] * (len(raw) - len(header))
            readable = _header_ok(header, model, file, line, problems)
            if not readable:
                break
            name_at = next(iter(model.model_fields))
            first = header.index(name_at) if name_at in header else len(header)
            continue
        if len(lines) + len(spoilt) >= ROWS_MAX:
            problems.add(file, line, "", "too_many_rows", high=f"{ROWS_MAX:,}")
            readable = False
        if not readable or problems.full(file):
            readable = False
            break
        cells = raw[: len(header)] if raw[len(header) :] == spare else raw
        row = None
        if len(cells) != len(header):
            problems.add(file, line, "", "cell_count", found=len(cells), expected=len(header))
        else:
            row = parse_row(dict(zip(header, map(str.strip, cells), strict=True)), model, file, line, problems)
        if row is not None:
            rows.append(row)
            lines.append(line)
        elif first < len(raw):
            spoilt.add(raw[first].strip())
    if not header and len(problems.found) == before:
        problems.add(file, None, "", "empty_file")
    broken = any(p.file == file and p.code in _UNREADABLE for p in problems.found[before:])
    return Table(name, file, tuple(rows), tuple(lines), readable and bool(header) and not broken, frozenset(spoilt))


_UNREADABLE = ("broken_csv", "cell_too_long", "no_such_sheet")
"""Faults after which nothing can be said about what a table lacks."""


def rows_of(path: Path, name: str, problems: Problems) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """How a table in CSV or a workbook is called in problems, and its rows with their lines, without the columns that are for the eye."""
    if path.suffix.lower() != ".xlsx":
        return path.name, _to_be_read(csv_rows(read_text(path), path.name, problems))
    label, found = read_sheet(path, name, problems)
    return label, _to_be_read(found)


def _to_be_read(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Rows without the columns whose names stand in round brackets, and without rows that have nothing else.

    >>> list(_to_be_read([(1, ["id", "(text)", "kind"]), (2, ["C1", "It was so.", "fact"]), (3, ["", "Left over.", ""])]))
    [(1, ['id', 'kind']), (2, ['C1', 'fact'])]
    """
    beside: set[int] | None = None
    for line, cells in rows:
        if beside is None:
            beside = {k for k, c in enumerate(cells) if re.fullmatch(r"\(.+\)", c.strip())}
        kept = [c for k, c in enumerate(cells) if k not in beside]
        if any(kept):
            yield line, kept


SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\t;,]*\r?\n', re.IGNORECASE)
"""A first line that tells a spreadsheet by what cells are separated."""


def csv_rows(source: str, file: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV text that are not empty, each with the line it starts on."""
    if "\0" in source:
        problems.add(file, source.count("\n", 0, source.index("\0")) + 1, "", "control_character", value="\0")
        return
    line = 1
    if told := SEPARATOR_LINE.match(source):
        if told.group(1) != ",":
            problems.add(file, 1, "", "wrong_delimiter", value={"\t": "TAB"}.get(told.group(1), told.group(1)))
            return
        source, line = source[told.end() :], 2
    reader = csv.reader(io.StringIO(source, newline=""), strict=True)
    above = line
    try:
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + above
    except csv.Error as error:
        if "field limit" in str(error):
            problems.add(file, line, "", "cell_too_long", high=f"{csv.field_size_limit():,}")
        else:
            problems.add(file, line, "", "broken_csv", reason=error)


def _header_ok(header: list[str], model: type[Row], file: str, line: int, problems: Problems) -> bool:
    fields = model.model_fields
    before = len(problems.found)
    for mark, name in ((";", ";"), ("\t", "TAB")):
        if len(header) == 1 and mark in header[0]:
            problems.add(file, line, "", "wrong_delimiter", value=name)
            return False
    for column, times in Counter(header).items():
        if problems.full(file):
            return False
        if column not in fields:
            problems.add(file, line, column, "unknown_column", value=column, choices=nearest(column, fields))
        elif times > 1:
            problems.add(file, line, column, "repeated_column", value=column)
    stand_in = {here for here, other in twins(model) if other in header}
    for column, info in fields.items():
        if info.is_required() and column not in header and column not in stand_in:
            problems.add(file, line, column, "missing_column", value=column)
    return len(problems.found) == before


def parse_row(cells: dict[str, str], model: type[R], file: str, line: int, problems: Problems) -> R | None:
    """One row from its cells; an empty cell means not known, and is left to the column's default.

    But in a column that is written for the whole table or not at all (`Row.whole`), it is a fault.
    """
    empty = [c for c in model.whole if cells.get(c) == ""]
    for column in empty:
        problems.add(file, line, column, "missing_source" if column == "source" else "empty_cell", value=column)
    try:
        row = model.model_validate({k: v for k, v in cells.items() if v != ""})
        return None if empty else row
    except ValidationError as error:
        for item in error.errors(include_url=False):
            add_validation(item, file, line, str(item["loc"][0]) if item["loc"] else "", problems, in_table=True)
        return None


_KINDS = {
    "string_type": "not_a_text",
    **dict.fromkeys(("list_type", "tuple_type"), "not_a_list"),
    **dict.fromkeys(("model_type", "dict_type"), "not_a_table"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "neither_true_nor_false"),
}
"""What a value is not, by pydantic's name of the error."""


def add_validation(item: Any, file: str, line: int | None, key: str, problems: Problems, *, in_table: bool) -> None:
    """One pydantic error as a problem of ours."""
    kind, args = item["type"], dict(item.get("ctx") or {})
    if kind == "missing":
        source = key.split(".")[-1] in ("source", "sources")
        problems.add(file, line, key, "missing_source" if source else "empty_cell" if in_table else "missing_key", value=key)
    elif kind == "extra_forbidden":
        problems.add(file, line, key, "unknown_key", value=key.split(".")[-1], choices=args.get("choices", ""))
    elif "code" in args:
        problems.add(file, line, key, args.pop("code"), **args)
    elif kind in ("too_short", "too_long"):
        most = kind == "too_long"
        limit = args["max_length" if most else "min_length"]
        problems.add(file, line, key, "too_many" if most else "too_few", value=args["actual_length"], limit=limit)
    else:
        problems.add(file, line, key, _KINDS.get(kind, "wrong_type"), value=item.get("input"))


def inside(folder: Path, name: str, *, file: str, line: int | None, key: str, problems: Problems) -> Path | None:
    """The path of a file that another file names, if it stays inside the folder: no absolute path, no `..`, no link out."""
    path = Path(name)
    if name != path.as_posix() or len(name) > 255 or "\0" in name:  # also "x.csv/" and "./x.csv"
        problems.add(file, line, key, "bad_form", value=name, example="claims.csv")
        return None
    plain = not (path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name)
    with suppress(OSError, RuntimeError):  # a link in a circle leads nowhere
        if plain and (folder / path).resolve().is_relative_to(folder.resolve()):
            return folder / path
    problems.add(file, line, key, "path_escapes", value=name)
    return None
