"""The border: text, CSV, TOML and JSON files become checked rows, or problems with file, line, key, rule and mend.

Each table is a pydantic model of one row. A cell's type is a small callable (`Number`, `Choice`, ...) that both
parses the cell and says in help and manual what is allowed, so that a limit stands in one place.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import re
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Generic, NoReturn, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from qantar.errors import DataError, Problems, ResultError, fail, nearest

# --- cells -----------------------------------------------------------------------------------------------------------


def _wrong(code: str, **args: object) -> NoReturn:
    raise PydanticCustomError(code, "{code}", {"code": code, **{k: str(v) for k, v in args.items()}})


@dataclass(frozen=True)
class Number:
    """A number with its unit and limits, written plainly: digits, one point, no thousands marks."""

    unit: str
    low: float | None = None
    high: float | None = None
    whole: bool = False

    def __call__(self, cell: object) -> object:
        given = isinstance(cell, int | float) and not isinstance(cell, bool)
        if given and math.isfinite(cell):  # type: ignore[arg-type]
            value = float(cell)  # type: ignore[arg-type]
        elif not given and isinstance(cell, str) and re.fullmatch(r"-?\d+(\.\d+)?", cell, re.ASCII):
            value = float(cell)
        else:
            _wrong("not_a_number", value=cell, unit=self.unit)
        if self.whole and (value != int(value) or (isinstance(cell, str) and "." in cell)):
            _wrong("not_whole", value=cell, unit=self.unit)
        if self.low is not None and value < self.low:
            _wrong("below", value=cell, low=f"{self.low:g}", unit=self.unit)
        if self.high is not None and value > self.high:
            _wrong("above", value=cell, high=f"{self.high:g}", unit=self.unit)
        return int(value) if self.whole else value

    def allowed(self) -> str:
        """What fits, in words."""
        low, high = ("" if x is None else f"{x:g}" for x in (self.low, self.high))
        return f"{'whole number' if self.whole else 'number'} [{low or '-inf'}, {high or 'inf'}], {self.unit}"


@dataclass(frozen=True)
class Choice:
    """One of a closed list of words."""

    words: tuple[str, ...]

    def __call__(self, cell: object) -> object:
        if cell not in self.words:
            _wrong("not_one_of", value=cell, choices=nearest(str(cell), self.words))
        return cell

    def allowed(self) -> str:
        """What fits, in words."""
        return " | ".join(self.words)


@dataclass(frozen=True)
class Form:
    """Text of one form, given by a regular expression, with an example of a right one."""

    pattern: str
    example: str

    def __call__(self, cell: object) -> object:
        if not isinstance(cell, str) or not re.fullmatch(self.pattern, cell, re.ASCII):
            _wrong("bad_form", value=cell, example=self.example)
        return cell

    def allowed(self) -> str:
        """What fits, in words."""
        return f"like {self.example}"


class Day:
    """A calendar day, ISO 8601."""

    def __call__(self, cell: object) -> object:
        if isinstance(cell, dt.date):
            return cell
        try:
            if isinstance(cell, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", cell, re.ASCII):
                return dt.date.fromisoformat(cell)
        except ValueError:
            pass
        _wrong("not_a_date", value=cell)

    def allowed(self) -> str:
        """What fits, in words."""
        return "date YYYY-MM-DD"


def _split(cell: object) -> object:
    return tuple(filter(None, cell.split(";"))) if isinstance(cell, str) else cell


def _plain_text(cell: object) -> object:
    if isinstance(cell, str) and any(ord(c) < 32 and c not in "\n\t" for c in cell):
        _wrong("control_character", value=ascii(cell))
    return cell


Text = Annotated[str, BeforeValidator(_plain_text)]
Date = Annotated[dt.date, BeforeValidator(Day())]
Clock = Annotated[str, BeforeValidator(Form(r"([01]\d|2[0-3]):[0-5]\d", "16:30"))]
Moment = Annotated[
    str, BeforeValidator(Form(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d)?", "2022-01-05T16:30"))
]
Key = Annotated[str, BeforeValidator(Form(r"[A-Za-z0-9_.-]+", "pgo_2022_01_15"))]
Keys = Annotated[tuple[str, ...], BeforeValidator(_split)]
Confidence = Annotated[str, BeforeValidator(Choice(("high", "medium", "low")))]


class Strict(BaseModel):
    """Checked once, then frozen; a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(Strict):
    """One row of a table."""

    @classmethod
    def allowed(cls, column: str) -> str:
        """What a cell of this column may hold, in words for help and manual."""
        info = cls.model_fields[column]
        inner = [m for part in get_args(info.annotation) for m in getattr(part, "__metadata__", ())]
        for part in (*info.metadata, *inner):
            allowed = getattr(getattr(part, "func", None), "allowed", None)
            if allowed is not None:
                return str(allowed())
        return "keys joined by ;" if info.annotation == tuple[str, ...] else "text"


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Table(Generic[R]):
    """The rows of one file, each with the line it starts on."""

    name: str
    file: str
    rows: tuple[R, ...]
    lines: tuple[int, ...]
    readable: bool = True
    """False when the file or its header could not be read: then nothing can be said about what it lacks."""

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def numbered(self) -> Iterator[tuple[int, R]]:
        """Pairs of (line in the file, row)."""
        return zip(self.lines, self.rows, strict=True)


# --- files -----------------------------------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """The text of a UTF-8 file (a byte-order mark is allowed), or one clear problem."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        there = nearest(path.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise fail(DataError, path, "file_missing", there=there or "-") from None
    except IsADirectoryError:
        raise fail(DataError, path, "is_folder") from None
    except OSError as error:
        raise fail(DataError, path, "file_unreadable", reason=error.strerror or "") from None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise fail(DataError, path, "office_file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems = Problems()
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(path, line, "", "not_utf8", byte=f"0x{data[error.start]:02X}", guess=_guess_encoding(data))
        raise DataError(problems.found) from None


def _guess_encoding(data: bytes) -> str:
    """The likeliest encoding of a text that is not UTF-8: by script, where most letters are not Latin."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    for name, script in (("gb18030", "\u4e00-\u9fff"), ("cp1251", "\u0400-\u04ff")):
        try:
            decoded = data.decode(name)
        except UnicodeDecodeError:
            continue
        if 2 * len(re.findall(f"[{script}]", decoded)) > len(re.findall(r"\w", decoded)):
            return name.upper()
    return "Windows-1252"


def read_table(path: Path, name: str, model: type[R], problems: Problems) -> Table[R]:
    """All good rows of a CSV file; everything else is added to `problems`.

    The header must name known columns only and every required one; each row must have as many cells as the header.
    """
    try:
        source = read_text(path)
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
        return Table(name, path.name, (), (), readable=False)
    rows: list[R] = []
    lines: list[int] = []
    header: list[str] = []
    spare: list[str] = []
    readable = True
    for line, raw in _csv_rows(source, path.name, problems):
        if not header:
            header = [c.strip() for c in raw]
            while len(header) > 1 and not header[-1]:  # spreadsheets add empty columns at the end
                header.pop()
            spare = [""] * (len(raw) - len(header))
            readable = _header_ok(header, model, path.name, problems)
            if not readable:
                break
            continue
        cells = raw[: len(header)] if spare and raw[len(header) :] == spare else raw
        if len(cells) != len(header):
            problems.add(path.name, line, "", "cell_count", found=len(cells), expected=len(header))
        else:
            row = parse_row(dict(zip(header, map(str.strip, cells), strict=True)), model, path.name, line, problems)
            if row is not None:
                rows.append(row)
                lines.append(line)
    if not header:
        problems.add(path.name, None, "", "empty_file")
    broken = any(p.file == path.name and p.code == "broken_csv" for p in problems.found)
    return Table(name, path.name, tuple(rows), tuple(lines), readable=readable and bool(header) and not broken)


def _csv_rows(source: str, file: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    if "\0" in source:
        problems.add(file, source.count("\n", 0, source.index("\0")) + 1, "", "broken_csv", reason="NUL")
        return
    reader = csv.reader(io.StringIO(source, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(file, line, "", "broken_csv", reason=error)


def _header_ok(header: list[str], model: type[Row], file: str, problems: Problems) -> bool:
    fields = model.model_fields
    before = len(problems.found)
    for mark in (";", "\t"):
        if len(header) == 1 and mark in header[0]:
            problems.add(file, 1, "", "wrong_delimiter", value={";": ";", "\t": "TAB"}[mark])
            return False
    for column in header:
        if column not in fields:
            problems.add(file, 1, column, "unknown_column", value=column, choices=nearest(column, fields))
        elif header.count(column) > 1 and not any(p.key == column for p in problems.found[before:]):
            problems.add(file, 1, column, "repeated_column", value=column)
    for column, info in fields.items():
        if info.is_required() and column not in header:
            problems.add(file, 1, column, "missing_column", value=column)
    return len(problems.found) == before


def parse_row(cells: dict[str, str], model: type[R], file: str, line: int, problems: Problems) -> R | None:
    """One row from its cells; an empty cell means not known, and is left to the column's default."""
    try:
        return model.model_validate({k: v for k, v in cells.items() if v != ""})
    except ValidationError as error:
        for item in error.errors(include_url=False):
            add_validation(item, file, line, ".".join(map(str, item["loc"])), problems, in_table=True)
        return None


def add_validation(item: Any, file: str, line: int | None, key: str, problems: Problems, *, in_table: bool) -> None:
    """One pydantic error as a problem of ours."""
    kind, args = item["type"], dict(item.get("ctx") or {})
    if kind == "missing":
        source = key.split(".")[-1] in ("source", "sources")
        problems.add(file, line, key, "missing_source" if source else "empty_cell" if in_table else "missing_key", value=key)
    elif kind == "extra_forbidden":
        problems.add(file, line, key, "unknown_key", value=key.split(".")[-1], choices=args.get("choices", "-"))
    elif "code" in args:
        problems.add(file, line, key, args.pop("code"), **args)
    else:
        problems.add(file, line, key, "wrong_type", value=item.get("input"), expected=item["msg"])


M = TypeVar("M", bound=BaseModel)


def read_toml(path: Path, model: type[M], problems: Problems) -> M | None:
    """A TOML file as a checked model, each problem with its line."""
    try:
        source = read_text(path)
        data = tomllib.loads(source)
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
        return None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place.group(1)) if place else source.count("\n") + 1
        problems.add(path.name, line, "", "broken_toml", reason=str(error).split(" (at")[0])
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        places = toml_lines(source)
        for item in error.errors(include_url=False):
            loc = tuple(str(p) for p in item["loc"] if p != "[key]")  # pydantic's mark of a wrong key of a table
            found = next((places[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in places), None)
            if item["type"] == "extra_forbidden":
                item["ctx"] = {"choices": nearest(loc[-1], _fields_at(model, loc[:-1]))}
            add_validation(item, path.name, found, ".".join(loc), problems, in_table=False)
        return None


def _fields_at(model: type[BaseModel], loc: Sequence[str]) -> list[str]:
    """Keys that may stand at a place of a file; a number is an element of a list, a free name one of named tables."""
    inner: Any = model
    for step in loc:
        models = _models_in(inner)
        here = next((m for m in models if step in m.model_fields), None)
        if here is not None:
            inner = here.model_fields[step].annotation
    found = _models_in(inner)
    return list(found[0].model_fields) if found else []


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Models that an annotation speaks of, itself or inside list, dict, union or Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models_in(part)]


def toml_lines(source: str) -> dict[tuple[str, ...], int]:
    """Line of every key of a TOML text, by path; an element of an array of tables counts from "0".

    >>> toml_lines('title = "x"\\n[a]\\nb = 1\\n[[s]]\\nn = 1\\n[[s]]\\nn = 2\\n')[("s", "1", "n")]
    7
    """
    places: dict[tuple[str, ...], int] = {}
    prefix: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    open_string = ""
    depth = 0
    for number, raw in enumerate(source.splitlines(), 1):
        line = raw.strip()
        if not open_string and depth == 0 and line and not line.startswith("#"):
            if table := re.match(r"\[\[\s*([^\]]+?)\s*\]\]", line):
                base = tuple(_key_parts(table.group(1)))
                counts[base] = counts.get(base, -1) + 1
                prefix = (*base, str(counts[base]))
                places.setdefault(base, number)
                places[prefix] = number
                continue
            if table := re.match(r"\[\s*([^\]]+?)\s*\]", line):
                prefix = tuple(_key_parts(table.group(1)))
                places[prefix] = number
                continue
            if entry := re.match(r"""((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""", line):
                places[(*prefix, *_key_parts(entry.group(1)))] = number
                line = line[entry.end() :]
        for token in re.findall(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[\]{}]', line):
            if token in ('"""', "'''"):
                open_string = "" if open_string == token else (open_string or token)
            elif not open_string and token in "[{":
                depth += 1
            elif not open_string and token in "]}":
                depth -= 1
    return places


def _key_parts(dotted: str) -> list[str]:
    return [p.strip().strip("\"'") for p in dotted.split(".")]


def read_json(path: Path, problems: Problems) -> Any:
    """A JSON file, or None with the problem noted."""
    try:
        return json.loads(read_text(path))
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
    except json.JSONDecodeError as error:
        problems.add(path.name, error.lineno, "", "broken_json", reason=error.msg)
    return None


def inside(folder: Path, name: str, *, file: str, line: int | None, key: str, problems: Problems) -> Path | None:
    """The path of a file that another file names, if it stays inside the folder: no absolute path, no `..`, no link out."""
    path = Path(name)
    escapes = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    if escapes or not (folder / path).resolve().is_relative_to(folder.resolve()):
        problems.add(file, line, key, "path_escapes", value=name)
        return None
    return folder / path


# --- writing ---------------------------------------------------------------------------------------------------------


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds what qantar did not write: a result is replaced, nothing else is.

    Raises
    ------
    ResultError
        If there is anything else at `out`.
    """
    if not out.is_dir():
        names = [out.name] if out.exists() else []
    else:
        names = sorted(p.name for p in out.iterdir())
        try:
            ours = {"result.json", *json.loads((out / "result.json").read_text(encoding="utf-8"))["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            ours = set()
        names = [n for n in names if n not in ours][:5]
    if names:
        raise fail(ResultError, out, "not_a_result", found=", ".join(names))


def write_folder(out: Path, files: dict[str, str]) -> None:
    """Write a folder of text files whole or not at all: beside its place first, then renamed.

    What stood there before is replaced; whether it may be is for the caller to decide.

    Raises
    ------
    ResultError
        When it cannot be written; what stood there before stands there still.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".qantar-") as aside:
            new, old = Path(aside) / "new", Path(aside) / "old"
            new.mkdir()
            for name, content in files.items():
                (new / name).write_text(content, encoding="utf-8", newline="\n")
            if out.exists():
                out.rename(old)
            try:
                new.rename(out)
            except OSError:
                if old.exists():
                    old.rename(out)
                raise
    except OSError as error:
        raise fail(ResultError, out, "cannot_write", reason=error.strerror or "") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside its place first, then renamed.

    Raises
    ------
    ResultError
        When it cannot be written.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise fail(ResultError, path, "cannot_write", reason=error.strerror or "") from None


def to_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV text safe to open in a spreadsheet: a cell that would be read as a formula gets a leading quote mark.

    >>> to_csv(["a", "b"], [["=1+1", -5]])
    "a,b\\n'=1+1,-5\\n"
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_quoted(cell) for cell in row] for row in rows)
    return out.getvalue()


def _quoted(cell: object) -> object:
    if not isinstance(cell, str):
        return "" if cell is None else cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n")
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\n") else text
