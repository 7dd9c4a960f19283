"""The border: text, CSV, TOML and JSON files become checked rows, or problems with file, line, key, rule and mend."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from qantar.errors import DataError, Problems, fail, nearest
from qantar.files.cells import R, Row, Table, twins

_BYTES_OF_TABLES = {".csv": 40_000_000, ".xlsx": 40_000_000, ".geojson": 20_000_000, ".json": 20_000_000, ".toml": 500_000}
_BYTES_OF_PAGES = dict.fromkeys((".html", ".htm", ".xhtml"), 5_000_000) | dict.fromkeys((".mhtml", ".mht", ".docx", ".pdf"), 20_000_000)
BYTES_MAX = _BYTES_OF_TABLES | _BYTES_OF_PAGES
DOCUMENT_MAX = 500_000
"""Bytes of a file that is read, by ending; any other is a document. Ten to a hundred times what ships, and read within seconds."""
ROWS_MAX = 50_000
"""Rows of a table."""
DEPTH_MAX = 32
"""Levels of lists and tables inside each other."""


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """What goes wrong while a file is opened and read becomes one clear problem."""
    try:
        yield
    except FileNotFoundError:
        folder = path.parent
        there = nearest(path.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise fail(DataError, path, "file_missing", there=there or "-") from None
    except OSError as error:
        raise fail(DataError, path, "file_unreadable", reason=error.strerror or "") from None
    except ValueError as error:  # a name with a NUL
        raise fail(DataError, path, "file_unreadable", reason=str(error)) from None


def size_of(path: Path, most: int) -> int:
    """Bytes of a regular file of at most `most`, before it is opened: a pipe would wait for a writer, a device never ends."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise fail(DataError, path, "is_folder")
    if not stat.S_ISREG(found.st_mode):
        raise fail(DataError, path, "not_a_file")
    if found.st_size > most:
        raise fail(DataError, path, "file_too_large", value=f"{found.st_size / 1e6:.1f}", high=f"{most / 1e6:g}")
    return found.st_size


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file: a regular one, of at most `most` bytes (by default by its ending), or one clear problem."""
    most = BYTES_MAX.get(path.suffix.lower(), DOCUMENT_MAX) if most is None else most
    with opening(path):
        size_of(path, most)
        with path.open("rb") as file:
            data = file.read(most + 1)
    if len(data) > most:  # it grows while it is read
        raise fail(DataError, path, "file_too_large", value=f"{len(data) / 1e6:.1f}", high=f"{most / 1e6:g}")
    return data


NO_TEXT = {
    "Word 97 / Excel 97": (b"\xd0\xcf\x11\xe0",),
    "RTF": (b"{\\rtf",),
    "GZIP": (b"\x1f\x8b",),
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "Parquet": (b"PAR1",),
}
"""First bytes of files that are read neither as a table nor as a document, whatever they are called."""
_NO_TABLE = NO_TEXT | {"Word / Excel / ZIP": (b"PK\x03\x04",), "PDF": (b"%PDF",)}


def read_text(path: Path, most: int | None = None) -> str:
    """The text of a UTF-8 file (a byte-order mark is allowed), or one clear problem."""
    data = read_bytes(path, most)
    for kind, marks in _NO_TABLE.items():
        if data.startswith(marks):
            raise fail(DataError, path, "office_file", kind=kind)
    try:
        text = data.decode("utf-8-sig")
        start = data.find(0) if every_other_is_nought(data) else -1
    except UnicodeDecodeError as error:
        text, start = "", error.start
    if start < 0:
        return text
    problems, guess = Problems(), guess_encoding(data)
    args = {"byte": f"0x{data[start]:02X}", **({"guess": guess} if guess else {})}
    problems.add(path, data.count(b"\n", 0, start) + 1, "", "not_utf8" if guess else "not_utf8_unknown", **args)
    raise DataError(problems.found)


def every_other_is_nought(data: bytes) -> bool:
    """Whether this is Western text in UTF-16, which is UTF-8 as well."""
    return 5 * data.count(0) > 2 * len(data)


ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030", "big5": "Big5", "cp1251": "CP1251", "cp1252": "Windows-1252",
    "koi8-r": "KOI8-R",
}  # fmt: skip
"""Encodings of texts in Chinese, Russian and English, by the name Python has for each, with the name people have."""
CODECS = {name: codec for codec, name in ENCODINGS.items()}


def name_of(codec: str) -> str:
    """The name people have for an encoding, in whichever way a program writes its own.

    >>> name_of("koi8_r"), name_of("utf-16-le"), name_of("utf-8-sig")
    ('KOI8-R', 'UTF-16', 'UTF-8')
    """
    plain = codec.replace("_", "-")
    return ENCODINGS[plain.removesuffix("-sig").removesuffix("-le").removesuffix("-be")]


def guess_encoding(data: bytes) -> str:
    """The encoding that a text in none is likely in, or an empty string: a wrong guess makes letters that look right to a program.

    What is not ASCII decides. In Western texts such bytes stand alone between letters. In GB18030 they come in pairs whose first byte
    lies in the upper half of the code, the frequent characters below 0xD8. Small Cyrillic letters are the last 32 bytes of CP1251 and the
    32 before of KOI8-R.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or every_other_is_nought(data):
        return "UTF-16"
    runs = re.findall(rb"[\x80-\xff]+", data[:200_000])
    high = b"".join(runs)
    alone = sum(len(run) == 1 for run in runs)

    def share(low: int, top: int) -> float:
        return sum(low <= byte <= top for byte in high) / len(high)

    if 2 * alone >= len(high):
        return "Windows-1252" if share(0xC0, 0xFF) + share(0x91, 0x97) > 0.6 else ""
    if share(0xE0, 0xFF) > 0.6:
        return "CP1251"
    if share(0xC0, 0xDF) > 0.75:
        return "KOI8-R"
    leads = [run[k] for run in runs if len(run) % 2 == 0 for k in range(0, len(run), 2)]
    if 4 * len(leads) > len(high) and sum(0xA1 <= b <= 0xD7 for b in leads) > 0.7 * len(leads):
        return "GB18030"
    return ""


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
    from qantar.files.sheet import read_sheet

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


M = TypeVar("M", bound=BaseModel)


def read_toml(path: Path, model: type[M], problems: Problems) -> M | None:
    """A TOML file as a checked model, each problem with its line; None if it cannot be used.

    A key that nobody knows is a problem, and says nothing of the others, unless it may be one that is not there, misspelt: else the file is
    read without it, so that the rest is checked too.
    """
    try:
        source = read_text(path)
        for pattern, code, args in _NOT_PARSED:
            if hit := pattern.search(source):
                problems.add(path.name, source.count("\n", 0, hit.start()) + 1, "", code, value=hit.group(0), **args)
                return None
        data = tomllib.loads(source)
        if deeper_than(data, DEPTH_MAX):
            raise RecursionError
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
        return None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place.group(1)) if place else source.count("\n") + 1
        problems.add(path.name, line, "", "broken_toml", reason=str(error).split(" (at")[0])
        return None
    except RecursionError:
        problems.add(path.name, None, "", "too_deep", high=DEPTH_MAX)
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        places = toml_lines(source)
        for item in error.errors(include_url=False):
            loc = tuple(str(p) for p in item["loc"] if p != "[key]")  # pydantic's mark of a wrong key of a table
            if item["type"] == "extra_forbidden":
                item["ctx"] = {"choices": nearest(loc[-1], _fields_at(model, loc[:-1]))}
            add_validation(item, path.name, _line_of(loc, places), ".".join(loc), problems, in_table=False)
        return _without_unknown(data, model, error)


def _without_unknown(data: Any, model: type[M], error: ValidationError) -> M | None:
    """The model of a file without its unknown keys, if nothing else is wrong with it."""
    faults = error.errors(include_url=False)
    if any(item["type"] != "extra_forbidden" for item in faults):
        return None
    try:
        for item in faults:
            *way, key = item["loc"]
            inner = data
            for step in way:
                inner = inner[step]
            meant = get_close_matches(str(key), _fields_at(model, list(map(str, way))), 1, 0.5)
            if meant and meant[0] not in inner:
                return None
            del inner[key]
        return model.model_validate(data)
    except (LookupError, TypeError, ValidationError):  # a path that names a choice, or what only shows once the whole is there
        return None


_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_NOT_PARSED: tuple[tuple[re.Pattern[str], str, dict[str, object]], ...] = (
    (re.compile(rf"^[ \t]*\[?\[?[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{DEPTH_MAX}}}", re.MULTILINE), "too_deep", {"high": DEPTH_MAX}),
    (re.compile(r"(?<![\w\"'])-?(?:\d[\d_]{999}|0[xob][0-9A-Fa-f_]{999})"), "not_a_number", {"unit": "1"}),
)
"""A key of many parts and a number of a thousand digits: found before the file is parsed, as parsing takes time that grows with the
square of either."""


def deeper_than(data: Any, most: int) -> bool:
    """Whether lists and tables lie inside each other in more levels than this.

    >>> deeper_than([[1], {"a": [2]}], 3), deeper_than([[1], {"a": [2]}], 2)
    (False, True)
    """
    level = [data]
    for _ in range(most):
        level = [inner for x in level if isinstance(x, list | dict) for inner in (x.values() if isinstance(x, dict) else x)]
    return any(isinstance(x, list | dict) for x in level)


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


@dataclass(frozen=True)
class TomlNotes:
    """Problems of a TOML file that its model alone cannot see, by the lines of its keys."""

    file: str
    lines: dict[tuple[str, ...], int]
    problems: Problems

    @classmethod
    def of(cls, path: Path, problems: Problems) -> TomlNotes:
        """Of a file that was read without a problem."""
        return cls(path.name, toml_lines(read_text(path)), problems)

    def add(self, key: str, code: str, **args: object) -> None:
        self.problems.add(self.file, _line_of(key.split("."), self.lines), key, code, **args)

    def among(self, key: str, value: str, known: Collection[str], code: str = "not_one_of") -> None:
        """What a key names must be there."""
        if value not in known:
            self.add(key, code, value=value, choices=nearest(value, known))


def _line_of(key: Sequence[str], lines: Mapping[tuple[str, ...], int]) -> int | None:
    """The line of a key, or of the innermost table around it that has one."""
    return next((lines[inner] for n in range(len(key), 0, -1) if (inner := tuple(key[:n])) in lines), None)


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
        data = json.loads(read_text(path), parse_int=_whole)
        json.dumps(data, ensure_ascii=False).encode()  # half a character by its number is none
        if deeper_than(data, DEPTH_MAX):
            raise RecursionError
        return data
    except DataError as error:
        problems.found += [replace(p, file=path.name) for p in error.problems]
    except json.JSONDecodeError as error:
        problems.add(path.name, error.lineno, "", "broken_json", reason=error.msg)
    except UnicodeEncodeError as error:
        problems.add(path.name, None, "", "broken_json", reason=error.reason)
    except RecursionError:
        problems.add(path.name, None, "", "too_deep", high=DEPTH_MAX)
    return None


def _whole(digits: str) -> int | float:
    """A whole number; beyond what a double holds it is infinite, and refused where a number is asked for."""
    return int(digits) if len(digits) < 300 else float(digits)


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
