"""Results: what a folder of one holds, how it is sealed, and how it is read with care.

A result is a folder of flat files and `result.json`, which says how it was made (`made`), the SHA-256 of every other file (`files`) and the
SHA-256 of all that (`seal`). What the hashes prove to be a result as it was written may be replaced; anything else at its place (a file
of the user, an edited table, a folder, a link) stays, and the new result goes beside it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from qantar.errors import Problems, ResultError, fail
from qantar.files.markup import read_json

RESULT, FILES, SEAL = "result.json", "files", "seal"
RESULT_VERSION = 2
"""Of the form of `result.json`."""
LARGEST = 2**28
"""Bytes that a file of a result has at most: what is larger is somebody else's, and is not read."""
SHOWN = 5
"""Names that a refusal lists at most."""
Content = TypeVar("Content", str, bytes, str | bytes)


def sha256(content: str | bytes) -> str:
    """SHA-256 in hexadecimal digits; of text, in UTF-8."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def sealed(files: Mapping[str, Content], made: Mapping[str, Any]) -> dict[str, Content | str]:
    """The files of a result, `result.json` last: `files` by name, `made` as data that JSON can hold.

    >>> list(sealed({"a.csv": "x\\n1\\n"}, {"kind": "run"}))
    ['a.csv', 'result.json']
    """
    said = {k: v for k, v in made.items() if k != SEAL}
    whole = {"result_version": RESULT_VERSION, **said, FILES: {name: sha256(content) for name, content in files.items()}}
    whole = json.loads(json.dumps(whole))  # tuples become lists: what is sealed is what will be read
    return {**files, RESULT: json.dumps({**whole, SEAL: seal_of(whole)}, indent=1, ensure_ascii=False) + "\n"}


def seal_of(made: Mapping[str, Any]) -> str:
    """SHA-256 of everything that `result.json` says besides its seal, however it is laid out."""
    return sha256(json.dumps({k: v for k, v in made.items() if k != SEAL}, sort_keys=True).encode())


@dataclass(frozen=True)
class Stored:
    """A result that was read and is as it was written."""

    folder: Path
    made: dict[str, Any]
    content: dict[str, bytes]
    """of every file but `result.json`"""
    said: bytes
    """`result.json` itself"""

    def rows(self, name: str) -> list[dict[str, str]]:
        """Rows of a CSV table of it, cells as text without the quote mark that protects spreadsheets; none if it has no such table."""
        return csv_rows_of(self.content.get(name, b""))


def csv_rows_of(content: str | bytes) -> list[dict[str, str]]:
    """Rows of a table of ours, cells as text without the quote mark that protects spreadsheets."""
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    return [{k: v.removeprefix("'") for k, v in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]


def made_of(files: Mapping[str, str | bytes]) -> dict[str, Any]:
    """What the `result.json` of a result says."""
    made: dict[str, Any] = json.loads(files[RESULT])
    return made


def read_result(folder: Path, *kinds: str) -> Stored | None:
    """A result with all its files, of one of these kinds (of any if none is named); None where there is none at all.

    A ResultError if anything of it is missing or not as it was written, or it is of another kind.
    """
    if (made := read_head(folder, *kinds)) is None:
        return None
    problems, content = Problems(), {}
    for name, expected in made[FILES].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size > LARGEST:
            problems.add(path, None, "", "file_missing", there="-")
        elif sha256(found := path.read_bytes()) != expected:
            problems.add(path, None, "", "hash_differs", expected=expected[:12])
        else:
            content[name] = found
    problems.raise_as(ResultError)
    return Stored(folder, made, content, (folder / RESULT).read_bytes())


def read_head(folder: Path, *kinds: str) -> dict[str, Any] | None:
    """What `result.json` says of a result, as `read_result` reads it, whatever became of its other files."""
    if not os.path.lexists(folder / RESULT):
        if folder.is_dir() and (left := sorted(p.name for p in folder.iterdir() if p.is_file())):
            raise fail(ResultError, folder, "result_incomplete", found=", ".join(left[:SHOWN]))
        return None
    problems = Problems()
    made = read_json(folder / RESULT, problems)
    problems.found = [replace(p, file=str(folder / RESULT)) for p in problems.found]  # of many results: which
    problems.raise_as(ResultError)
    if isinstance(made, dict) and str(made.get("program", "")).startswith("qantar ") and made.get("result_version", 1) != RESULT_VERSION:
        form = {"form": made.get("result_version", 1), "here": RESULT_VERSION}
        raise fail(ResultError, folder / RESULT, "other_form", program=made["program"], again=_again(made), **form)
    if not isinstance(made, dict) or not names_files(made) or made.get(SEAL) != seal_of(made):
        raise fail(ResultError, folder / RESULT, "seal_differs")
    if kinds and made.get("kind") not in kinds:
        raise fail(ResultError, folder / RESULT, "not_of_kind", value=kinds[0])
    return made


def read_checked(
    folder: Path, kind: str, facts: Iterable[str] = (), columns: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Stored | None:
    """As `read_result` of one kind, with all that a reader counts on (`complete`)."""
    stored = read_result(folder, kind)
    return stored and complete(stored, facts, columns)


def complete(stored: Stored, facts: Iterable[str], columns: Mapping[str, Sequence[str]]) -> Stored:
    """A result that was read, if it has all that a reader counts on; else a ResultError names the file that lacks something, as one of
    an earlier version may.

    `facts` is what `result.json` must say, `columns` what tables must have, by their names without ending; a table without rows has none.
    """
    lacking = {RESULT: [fact for fact in facts if fact not in stored.made]}
    for name, needed in columns.items():
        rows = stored.rows(f"{name}.csv")
        lacking[f"{name}.csv"] = [c for c in needed if not rows or c not in rows[0]]
    for file, names in lacking.items():
        if names:
            program, again = stored.made.get("program", "qantar"), _again(stored.made)
            raise fail(ResultError, stored.folder / file, "result_lacks", program=program, lacking=", ".join(names[:SHOWN]), again=again)
    return stored


def _again(made: Mapping[str, Any]) -> str:
    """The command that made a result, of whatever version."""
    if isinstance(made.get("command"), str):
        return str(made["command"])
    try:
        return command_line(made)
    except (KeyError, TypeError, AttributeError):
        return f"qantar {made.get('kind', '')}".strip()


def names_files(made: Mapping[str, Any]) -> bool:
    """Whether `files` maps plain names to hashes: no folder, no way out of this one."""
    files = made.get(FILES)
    return isinstance(files, dict) and all(
        re.fullmatch(r"[\w-][\w.-]*", name) and name != RESULT and isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
        for name, value in files.items()
    )


def command_words(made: Mapping[str, Any]) -> list[str]:
    """Words of the command that made a result, from the name and the options it keeps as data.

    >>> command_words({"command": {"name": "heldout", "options": {"scenario": "kazakhstan-2022", "near": 400, "quick": True}}})
    ['heldout', 'kazakhstan-2022', '--near=400', '--quick']
    """
    asked = made["command"]
    words = [str(asked["name"])]
    for name, value in asked["options"].items():
        if isinstance(value, dict):  # a file: only its SHA-256 was kept
            words += [f"--{name}=FILE"]
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [str(one)] if name in ARGUMENTS else [f"--{name}"] * one if isinstance(one, bool) else [f"--{name}={one}"]
    return words


ARGUMENTS = ("scenario", "account")
"""Options that stand alone, without their name."""


def command_line(made: Mapping[str, Any]) -> str:
    """The command that made a result, for people to read."""
    return shlex.join(["qantar", *command_words(made)])
