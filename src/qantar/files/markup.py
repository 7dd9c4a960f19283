"""TOML and JSON files become checked models and plain values, or problems with the line of each key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from qantar.errors import DataError, Problems, nearest
from qantar.files.read import add_validation
from qantar.files.text import read_text

M = TypeVar("M", bound=BaseModel)
DEPTH_MAX = 32
"""Levels of lists and tables inside each other."""


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
        text = read_text(path)
        data = json.loads(text, parse_int=_whole)
        if "\\u" in text:
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


def deeper_than(data: Any, most: int) -> bool:
    """Whether lists and tables lie inside each other in more levels than this.

    >>> deeper_than([[1], {"a": [2]}], 3), deeper_than([[1], {"a": [2]}], 2)
    (False, True)
    """
    nested = (list, dict)
    level = [data] if isinstance(data, nested) else []
    for _ in range(most):
        level = [inner for x in level for inner in (x.values() if isinstance(x, dict) else x) if isinstance(inner, nested)]
    return bool(level)
