"""Tables as workbooks (XLSX), for those who fill them in with a spreadsheet: written with help for the hand, read back as plain cells.

In: a model with its rows and the words of help, or a workbook. Out: bytes, or rows of texts with the row each stands on. Nothing of a
workbook is computed: a formula is refused, as what it shows depends on the program that shows it. Dates that a spreadsheet made of what
was typed become ISO dates again, numbers plain digits. A sheet called `help` is not read.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qantar.errors import DataError, Problem, Problems, fail
from qantar.files.cells import Row, printable
from qantar.files.text import read_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

SUFFIX = ".xlsx"
ROWS_MAX = 50_000
"""Rows of a table, in a workbook or in CSV."""
HELP = "help"
"""The sheet of instructions."""
SHEET_MAX, PART_MAX = 200_000_000, 40_000_000
"""Bytes that the sheets of a workbook may unpack to together, and every other part of it: formatted rows without a word swell a sheet."""
CELL_MAX = 131_072
"""Characters of a cell, as in CSV."""
WRITTEN_MAX = 32_767
"""Characters of a cell of a spreadsheet, those beyond the first 65,536 of Unicode counted twice; one that is longer would be cut."""
_CODED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LIKE_CODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
FREE_ROWS = 1_000
"""Rows below the written ones that have drop-down lists."""
WIDE, NARROW = 40, 12
"""Width of a column of texts and of any other, in characters."""


@dataclass(frozen=True)
class Beside:
    """A column for the eye: it stands in the workbook beside the others, and is never read back."""

    name: str
    """without the round brackets that mark it"""
    about: str
    cells: Sequence[str]
    """one a row of the table"""


def to_workbook(
    name: str,
    model: type[Row],
    rows: Sequence[Sequence[object]],
    about: Mapping[str, str],
    notes: Sequence[str],
    beside: Sequence[Beside] = (),
    folded: Collection[str] = (),
    order: Sequence[str] = (),
) -> bytes:
    """A workbook of one table: drop-down lists, a header that stays, what each column means as a comment; all cells are text.

    Parameters
    ----------
    name : of the table, which its sheet bears
    about : meaning of each column, for the comment on its head
    notes : lines of the sheet of instructions
    beside : columns for the eye
    folded : columns that are shown only when the mark above them is clicked
    order : columns that stand first, in this order; the others follow as in the model. Reading does not depend on it
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.title = name
    known = [*model.model_fields, *(f"({extra.name})" for extra in beside)]
    columns = [*(c for c in order if c in known), *(c for c in known if c not in order)]
    whole = [dict(zip(known, (*row, *(e.cells[r] for e in beside)), strict=True)) for r, row in enumerate(rows)]
    written: list[list[object]] = [[cells[c] for c in columns] for cells in whole]
    about = {**about, **{f"({extra.name})": extra.about for extra in beside}}
    written.insert(0, [*columns])
    for r, cells in enumerate(written, 1):
        for c, cell in enumerate(cells, 1):
            if cell not in ("", None):
                _write(sheet, r, c, cell)
    for c, column in enumerate(columns, 1):
        _dress(sheet, c, column, model, about, last=len(rows) + 1)
        if column in folded:
            sheet.column_dimensions[get_column_letter(c)].outline_level = 1
            sheet.column_dimensions[get_column_letter(c)].hidden = True
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    _instruct(book.create_sheet(HELP), notes)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(sheet: Worksheet, row: int, column: int, value: object) -> None:
    """One cell as text, also where it begins as a formula does."""
    from openpyxl.styles import Alignment

    cell = sheet.cell(row, column)
    text = coded(printable(str(value)).replace("\r\n", "\n").replace("\r", "\n"))
    if len(text.encode("utf-16-le", "surrogatepass")) > 2 * WRITTEN_MAX:
        raise DataError(
            [Problem(f"{sheet.title}{SUFFIX}", row, str(sheet.cell(1, column).value), "cell_too_long", {"high": f"{WRITTEN_MAX:,}"})]
        )
    cell.value = text
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = True
    cell.alignment = Alignment(wrap_text=True, vertical="top")


def _dress(sheet: Worksheet, c: int, column: str, model: type[Row], about: Mapping[str, str], last: int) -> None:
    """Width, format, comment and drop-down list of one column."""
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letter, head = get_column_letter(c), sheet.cell(1, c)
    for_the_eye = column not in model.model_fields
    allowed, choices = ("text", ()) if for_the_eye else (model.allowed(column), model.choices(column))
    dress = sheet.column_dimensions[letter]
    wide = for_the_eye or (allowed == "text" and column.endswith(("_en", "_zh", "title")))
    dress.width = WIDE if wide else max(NARROW, len(column) + 4)
    dress.number_format = "@"  # what is typed later stays text too: 3-6 is no day, =A1 no formula
    dress.alignment = Alignment(wrap_text=True, vertical="top")
    head.font, head.fill = Font(bold=True), PatternFill("solid", start_color="FFE8EEF4")
    told = about.get(column, column) + ("" if allowed == "text" else f"\n[{allowed}]")
    head.comment = Comment(told, "qantar", width=360, height=40 + 20 * (len(told) // 45 + told.count("\n")))
    for r in range(2, last + 1) if for_the_eye else ():
        sheet.cell(r, c).font, sheet.cell(r, c).fill = Font(color="FF555555"), PatternFill("solid", start_color="FFF2F2F2")
    if choices:
        rule = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=not model.model_fields[column].is_required())
        rule.showErrorMessage, rule.errorTitle, rule.error = True, column, ", ".join(choices)[:250]
        rule.add(f"{letter}2:{letter}{last + FREE_ROWS}")
        sheet.add_data_validation(rule)


def _instruct(sheet: Worksheet, notes: Sequence[str]) -> None:
    sheet.column_dimensions["A"].width = 110
    for r, line in enumerate(notes, 1):
        _write(sheet, r, 1, line)


def read_sheet(path: Path, name: str, problems: Problems) -> tuple[str, list[tuple[int, list[str]]]]:
    """The sheet `name`, or the only one beside the instructions: how it is called in problems, and its rows, each with its number.

    Empty rows are left out. Cells are texts; every row is as long as the first. What is wrong in it is added to `problems`; a DataError if
    this is no workbook, or one that cannot be read.
    """
    data = read_bytes(path)
    last = _last_row(path, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that are of no interest
        try:
            from openpyxl import load_workbook

            book = load_workbook(io.BytesIO(data), read_only=True)
            sheet = _the_sheet(book, path, name, problems)
            label = labelled(path, sheet.title if sheet else name)
            if last > ROWS_MAX + 1:
                problems.add(label, last, "", "too_many_rows", high=f"{ROWS_MAX:,}")
            if sheet is None or last > ROWS_MAX + 1:
                return label, []
            found = [(r, cells) for r, cells in enumerate(sheet.iter_rows(max_row=last), 1) if any(c.value is not None for c in cells)]
        except Exception as error:  # whatever a damaged archive makes the library say
            raise fail(DataError, path, "broken_sheet", reason=f"{type(error).__name__}: {error}"[:200]) from None
    return label, list(_told(found, label, problems))


def _told(found: list[tuple[int, Any]], label: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows as texts, as many as the first has; what stands beside them is noted."""
    heads: list[str] = []
    for row, cells in found:
        told = [_plain(cell, label, row, heads[c] if c < len(heads) else "", problems) for c, cell in enumerate(cells)]
        while told and not told[-1].strip():
            told.pop()
        heads = heads or told
        if len(told) > len(heads):
            problems.add(label, row, "", "cells_beyond", found=len(told), expected=len(heads))
        if told:
            yield row, [*told, *[""] * (len(heads) - len(told))][: len(heads)]


def labelled(path: Path, sheet: str) -> str:
    """How a sheet of a workbook is called in problems.

    >>> labelled(Path("claims.xlsx"), "claims")
    'claims.xlsx [claims]'
    """
    return f"{path.name} [{sheet}]"


def file_of(label: str) -> str:
    """The file of a label, or of a plain name.

    >>> file_of("claims.xlsx [claims]"), file_of("a [b].csv")
    ('claims.xlsx', 'a [b].csv')
    """
    before, mark, _ = label.partition(f"{SUFFIX} [")
    return before + SUFFIX if mark else label


def _last_row(path: Path, data: bytes) -> int:
    """Number of the last row of any sheet that holds something, so that the empty ones below it are not read; 0 if all are empty.

    A DataError if this is no workbook, if it unpacks to too much, declares entities, or has merged cells.
    """
    last, size = 0, 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.infolist():
                is_sheet = bool(re.search(r"worksheets/[^/]*\.xml$", part.filename, re.IGNORECASE))
                size += part.file_size if is_sheet else 0
                if size > SHEET_MAX or (not is_sheet and part.file_size > PART_MAX):
                    most = SHEET_MAX if is_sheet else PART_MAX
                    value = f"{(size if is_sheet else part.file_size) / 1e6:.0f}"
                    raise fail(DataError, path, "sheet_too_large", value=value, high=f"{most / 1e6:.0f}")
                if not part.filename.lower().endswith((".xml", ".rels")):
                    continue
                content = archive.read(part)
                if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                    raise fail(DataError, path, "broken_sheet", reason="DOCTYPE")
                if is_sheet:
                    if merged := _MERGED.search(content):
                        raise fail(DataError, path, "merged_cells", value=merged[1].decode(errors="replace"))
                    last = max(last, _last_filled(content))
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise fail(DataError, path, "broken_sheet", reason=str(error)[:200]) from None
    return last


_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?\bref="([^"]{1,40})"')
_CONTENT = (b"</v>", b":v>", b"</is>", b":is>", b"</f>", b":f>", b"<f ", b":f ")
"""What stands in a cell that holds something; a match elsewhere does no harm."""


def _last_filled(content: bytes) -> int:
    end = max(content.rfind(mark) for mark in _CONTENT)
    if end < 0:
        return 0
    start = max(content.rfind(mark, 0, end) for mark in (b"<row ", b":row "))
    number = re.compile(rb'[^>]*?\br="(\d{1,7})"').match(content, start + 5)
    return int(number[1]) if start >= 0 and number else len(re.findall(rb"<(?:\w+:)?row\b", content[:end]))


def _the_sheet(book: Any, path: Path, name: str, problems: Problems) -> Any:
    """The one sheet that is read; others than the instructions are refused, as nobody could tell which counts."""
    titles = [sheet.title for sheet in book.worksheets]
    tables = [title for title in book.sheetnames if title != HELP]
    wanted = tables[0] if len(tables) == 1 else name
    if wanted not in titles:
        problems.add(labelled(path, name), None, "", "no_such_sheet", value=name, choices=", ".join(book.sheetnames))
        return None
    for other in book.sheetnames:
        if other not in (wanted, HELP):
            problems.add(labelled(path, wanted), None, "", "other_sheet", value=other, read=wanted)
    return book[wanted]


def _plain(cell: Any, label: str, row: int, column: str, problems: Problems) -> str:
    """The text of a cell; a formula or an error is noted."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type in ("f", "e") or not isinstance(value, str | bool | int | float | dt.date | dt.time | dt.timedelta):
        shown = getattr(value, "text", None) or value  # of a formula over several cells its text
        problems.add(label, row, column or cell.column_letter, "formula_cell", value=shown)
        return str(shown)
    text = decoded(plain_text(value))
    if len(text) > CELL_MAX:
        problems.add(label, row, column or cell.column_letter, "cell_too_long", high=f"{CELL_MAX:,}")
    return text


def coded(text: str) -> str:
    """A text as a workbook holds it, in which `_x000D_` would be a line break: what is written so by hand must not be.

    >>> coded("_x000D_ and x_y"), decoded(coded("_x000D_ and _x0041_x0042_"))
    ('_x005F_x000D_ and x_y', '_x000D_ and _x0041_x0042_')
    """
    return _LIKE_CODED.sub("_x005F_", text)


def decoded(text: str) -> str:
    """The text that a cell of a workbook shows.

    >>> decoded("one_x000D_"), decoded("a_x000D_" + chr(10) + "b_x0007_")
    ('one', 'a\\nb')
    """
    if "_x" not in text:
        return text
    return _CODED.sub(lambda m: c if (c := chr(int(m[1], 16))).isprintable() or c in "\n\t" else "", text)


def plain_text(value: object) -> str:
    """What a spreadsheet made of what was typed, as it stands in CSV.

    >>> [plain_text(x) for x in (3.0, 0.1, 1e20, dt.datetime(2022, 1, 5), dt.datetime(2022, 1, 5, 16, 30), dt.time(9, 5), "x", True)]
    ['3', '0.1', '100000000000000000000', '2022-01-05', '2022-01-05T16:30', '09:05', 'x', 'TRUE']
    """
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(timespec="minutes")
    return value.isoformat(timespec="minutes") if isinstance(value, dt.time) else str(value)
