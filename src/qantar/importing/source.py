"""A downloaded table as rows of text, whatever its encoding, separator or container; read as a stream, as often as needed.

In: a CSV or text file (also the only one in a ZIP archive), an XLSX workbook, or JSON. Out: a `Source`, whose `lines()` are pairs of line
and cells. Nothing of the file is executed: of a formula the value that the workbook keeps is read, in a text it is text.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from qantar.errors import DataError, Problem, fail, nearest
from qantar.files.decode import CODECS, every_other_is_nought, guess_encoding, name_of
from qantar.files.read import SEPARATOR_LINE
from qantar.files.sheet import decoded, plain_text
from qantar.files.text import NO_TEXT, opening, size_of
from qantar.importing.apart import days_together
from qantar.importing.headers import readings
from qantar.importing.objects import rows_of

TOP = 20
"""Rows that are looked at for a title above the header."""
BYTES_MAX = 4_000_000_000
"""Bytes of a table, unpacked: all of UCDP or twenty years of ACLED take a tenth."""
BOOK_MAX = 1_000_000_000
"""Bytes of a workbook, unpacked: the texts of all its cells are held in memory."""
JSON_MAX = 200_000_000
"""Bytes of a JSON file, which is held in memory whole."""
CELLS_MAX = 1_000
"""Columns of a table."""
SEPARATORS = (",", ";", "\t", "|")
_CHUNK = 1 << 20
Lines = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class Source:
    """A table to import; `lines` begins anew at every call, at the first row that is not empty."""

    path: Path
    kind: str
    """`csv`, `xlsx` or `json`"""
    encoding: str
    """name people have for it; empty for a workbook"""
    separator: str
    guessed: bool
    """whether the encoding was told from the bytes alone"""
    sha256: str
    open_lines: Callable[[], Lines] = field(repr=False)
    sheet: str = ""
    heads: tuple[tuple[str, list[str]], ...] = ()
    """all sheets of a workbook that hold anything, each with its header"""
    counts_from_1904: bool = False
    """whether numbers of days count from 1904 and not from 1900"""

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def titles(self) -> int:
        """Rows above the header that are a title."""
        return titles([cells for _, cells in islice(self.open_lines(), TOP)])

    def lines(self) -> Lines:
        """Rows that are not empty, from the header on, each with the line it starts on; days in three columns in one more."""
        return days_together(islice(self.open_lines(), self.titles, None), cut=self.kind == "xlsx")


def titles(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows of a table are a title: they fill one cell where others fill three, or two where others fill five.

    >>> titles([["Protests of July"], ["day", "town", "what"], ["1 July", "", ""]]), titles([["day", "town"], ["1 July", "Galle"]])
    (1, 0)
    """
    filled = [sum(bool(c.strip()) for c in cells) for cells in rows]
    most = max(filled, default=0)
    return next((k for k, n in enumerate(filled) if 2 * n >= most or n > 2), 0)


def open_source(path: Path, encoding: str | None = None, sheet: str | None = None) -> Source:
    """A file ready to be read, or a DataError that says what it is instead."""
    with opening(path):
        size_of(path, BYTES_MAX)
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    for kind, marks in _OTHER.items():
        if start.startswith(marks):
            raise fail(DataError, path, "no_table", kind=kind)
    if not start.startswith(b"PK\x03\x04"):
        if path.suffix.lower() in (".json", ".geojson"):
            return _objects(path, sha256)
        return _text(path, lambda stack: stack.enter_context(path.open("rb")), encoding, sha256)
    member = _member(path)
    if member is None:
        return _workbook(path, sheet, sha256)
    return _text(path, lambda stack: stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(member)), encoding, sha256)


_OTHER = NO_TEXT | {"PDF": (b"%PDF",)}
"""First bytes of files that are no table of text, whatever they are called."""


def _member(path: Path) -> zipfile.ZipInfo | None:
    """The only table in an archive; None for a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise fail(DataError, path, "broken_archive", reason=error) from None
    is_book = any(i.filename == "xl/workbook.xml" for i in inside)
    size, most = sum(i.file_size for i in inside), BOOK_MAX if is_book else BYTES_MAX
    if size > most:
        raise fail(DataError, path, "file_too_large", value=f"{size / 1e6:.1f}", high=f"{most / 1e6:g}")
    if is_book:
        return None
    tables = [i for i in inside if i.filename.lower().endswith((".csv", ".tsv", ".txt", ".tab"))]
    if len(tables) != 1 or tables[0].flag_bits & 1:
        raise fail(DataError, path, "archive_of_several", n=len(tables))
    return tables[0]


def _objects(path: Path, sha256: str) -> Source:
    with opening(path):
        size_of(path, JSON_MAX)
        data = path.read_bytes()
    return Source(path, "json", name_of("utf-8"), "", guessed=False, sha256=sha256, open_lines=rows_of(path, data))


# --- text ----------------------------------------------------------------------------------------------------------------


def _text(path: Path, opened: Callable[[ExitStack], IO[bytes]], encoding: str | None, sha256: str) -> Source:
    with ExitStack() as stack:
        try:
            codec, guessed = (encoding, False) if encoding else _encoding(path, opened(stack))
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise fail(DataError, path, "broken_archive", reason=error) from None
    if codec == "utf-8":
        codec = "utf-8-sig"
    with ExitStack() as stack:
        raw = opened(stack)
        try:
            text = io.TextIOWrapper(raw, encoding=codec, newline="")
            top = list(islice((line for line in iter(partial(text.readline, _CHUNK), "") if line.strip("\r\n")), TOP))
        except UnicodeError:
            raise fail(DataError, path, "not_in_encoding", encoding=name_of(codec)) from None
    if not top:
        raise fail(DataError, path, "empty_file")
    separator, skipped = _separator(top)
    quoting = csv.QUOTE_NONE if _BARE.match(top[0]) else csv.QUOTE_MINIMAL

    def lines() -> Lines:
        with ExitStack() as stack:
            raw = opened(stack)
            text = stack.enter_context(io.TextIOWrapper(raw, encoding=codec, newline=""))
            yield from _csv_lines(path, text, separator, quoting, skipped, name_of(codec))

    return Source(path, "csv", name_of(codec), separator, guessed, sha256, lines)


_BARE = re.compile(r"\d+\t(?:19|20)\d{6}\t", re.ASCII)
"""How a file of GDELT begins, in which a quotation mark is a letter like any other."""


def _csv_lines(path: Path, text: IO[str], separator: str, quoting: Any, skipped: bool, encoding: str) -> Lines:
    line = 1
    try:
        if skipped:
            text.readline()
            line = 2
        above = line - 1
        reader = csv.reader(text, delimiter=separator, quoting=quoting, strict=True)
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + above + 1
    except csv.Error as error:
        if "field limit" in str(error):
            problem = Problem(str(path), line, "", "cell_too_long", {"high": f"{csv.field_size_limit():,}"})
        else:
            problem = Problem(str(path), line, "", "broken_csv", {"reason": str(error)})
        raise DataError([problem]) from None
    except UnicodeError:
        raise DataError([Problem(str(path), line, "", "not_in_encoding", {"encoding": encoding})]) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError([Problem(str(path), line, "", "broken_archive", {"reason": str(error)})]) from None


def _separator(top: Sequence[str]) -> tuple[str, bool]:
    """By what the cells of a table are separated, from its first lines, and whether the first says only this.

    >>> _separator(["a;b;c"]), _separator(['"a,b;c"\\tb']), _separator(["sep=;\\n"]), _separator(["Protests, 2022", "a;b;c"])
    ((';', False), ('\\t', False), (';', True), (';', False))
    """
    if told := SEPARATOR_LINE.match(top[0]):
        return told.group(1), True
    bare = [re.sub(r'"[^"]*"', "", line) for line in top]
    most = [max(SEPARATORS, key=line.count) for line in bare]
    if bare[0].count(most[0]) < 2 and (len(bare) == 1 or most[0] not in bare[1]):  # a title; its commas part nothing
        return next((s for line, s in zip(bare, most, strict=True) if line.count(s) > 1), most[0]), False
    return most[0], False


def _encoding(path: Path, raw: IO[bytes]) -> tuple[str, bool]:
    """The encoding of a text, and whether it was guessed from the bytes.

    Everything is read once: a letter that is not UTF-8 may be the only one, far down. A file that is UTF-8 up to there is damaged, and is
    refused rather than read in another encoding with wrong letters.
    """
    chunk = raw.read(_CHUNK)
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", False
    if every_other_is_nought(chunk):  # Western text in UTF-16 without its mark
        return ("utf-16-le" if chunk[1::2].count(0) > chunk[::2].count(0) else "utf-16-be"), True
    decoder = codecs.getincrementaldecoder("utf-8")()
    letters, lines = 0, 1
    while chunk:
        following = raw.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not following)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode("utf-8", "ignore")
            letters += len(before) - sum(map(str.isascii, before))
            lines += before.count("\n")
            guess = "" if letters >= 3 else CODECS.get(guess_encoding(chunk + following + raw.read(_CHUNK)), "")
            if not guess:
                raise DataError(
                    [Problem(str(path), lines, "", "unknown_encoding", {"byte": f"0x{error.object[error.start]:02X}"})]
                ) from None
            return guess, True
        if not text.isascii():
            letters += len(text) - len(text.encode("ascii", "ignore"))
        lines += text.count("\n")
        chunk = following
    return "utf-8", False


# --- workbooks -----------------------------------------------------------------------------------------------------------


def _workbook(path: Path, sheet: str | None, sha256: str) -> Source:
    _refuse_entities(path)
    with ExitStack() as stack:
        book = _opened_book(path, stack)
        names = [s.title for s in book.worksheets]
        counts = book.epoch.year == 1904
        if sheet is not None and sheet not in names:
            raise fail(DataError, path, "sheet_unknown", value=sheet, choices=nearest(sheet, names))
        tops = {name: [cells for _, cells in islice(_rows(path, book[name]), TOP)] for name in ([sheet] if sheet else names)}
    heads = tuple((name, rows[titles(rows)]) for name, rows in tops.items() if rows)
    if not heads:
        raise fail(DataError, path, "empty_file")
    chosen = max(heads, key=lambda head: len({r.field for name in head[1] for r in readings(name)[:1]}))[0]

    def lines() -> Lines:
        with ExitStack() as stack:
            yield from _rows(path, _opened_book(path, stack)[chosen])

    return Source(path, "xlsx", "", "", guessed=False, sha256=sha256, open_lines=lines, sheet=chosen, heads=heads, counts_from_1904=counts)


def _rows(path: Path, sheet: Any) -> Lines:
    """Rows of a sheet that are not empty."""
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()  # what a file says of its size need not be so
    line = 0
    try:
        for line, values in enumerate(sheet.iter_rows(values_only=True, max_col=CELLS_MAX), 1):
            cells = ["" if v is None else decoded(plain_text(v)) for v in values]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield line, cells
    except _BROKEN_BOOK as error:
        raise DataError([Problem(str(path), line + 1, "", "broken_archive", {"reason": str(error)})]) from None


_BROKEN_BOOK = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, IndexError, AttributeError, SyntaxError, OSError)
"""What the library raises for a workbook that is not one: a missing part, broken XML (a SyntaxError), a number that is none."""


def _opened_book(path: Path, stack: ExitStack) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    file = stack.enter_context(path.open("rb"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and filters that are not read
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, *_BROKEN_BOOK) as error:
        raise fail(DataError, path, "broken_archive", reason=error) from None
    stack.callback(book.close)
    return book


def _refuse_entities(path: Path) -> None:
    """No part of a workbook defines entities of its own: a few lines of such definitions can unfold to gigabytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as file:
                        if b"<!DOCTYPE" in file.read(4096).upper():
                            raise fail(DataError, path, "broken_archive", reason=f"{part.filename}: <!DOCTYPE")
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise fail(DataError, path, "broken_archive", reason=error) from None
