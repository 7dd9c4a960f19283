"""Folders of results: written whole or not at all, read with care, never over anything that is not ours.

A result is a folder of flat files and `result.json`, which says how it was made (`made`), the SHA-256 of every other file (`files`) and the
SHA-256 of all that (`seal`). What the hashes prove to be a result as it was written may be replaced; anything else at its place (a file
of the user, an edited table, a folder, a link) stays, and the new result goes beside it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shlex
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from qantar.errors import Problems, ResultError, fail
from qantar.tables import read_json

RESULT, FILES, SEAL = "result.json", "files", "seal"
RESULT_VERSION = 2
"""Of the form of `result.json`."""
SHOWN = 5
"""Names that a refusal lists at most."""


Content = TypeVar("Content", str, bytes, str | bytes)


def sha256(content: str | bytes) -> str:
    """SHA-256 in hexadecimal digits; of text, in UTF-8."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def sealed(files: Mapping[str, Content], made: Mapping[str, Any]) -> dict[str, Content | str]:
    """The files of a result, `result.json` last.

    Parameters
    ----------
    files : content by name
    made : provenance; must be data that JSON can hold

    >>> list(sealed({"a.csv": "x\\n1\\n"}, {"kind": "run"}))
    ['a.csv', 'result.json']
    """
    whole = {
        "result_version": RESULT_VERSION,
        **{k: v for k, v in made.items() if k != SEAL},
        FILES: {name: sha256(content) for name, content in files.items()},
    }
    whole = json.loads(json.dumps(whole))  # tuples become lists: what is sealed is what will be read
    return {**files, RESULT: json.dumps({**whole, SEAL: seal_of(whole)}, indent=1, ensure_ascii=False) + "\n"}


def seal_of(made: Mapping[str, Any]) -> str:
    """SHA-256 of everything that `result.json` says besides its seal, however it is laid out."""
    return sha256(json.dumps({k: v for k, v in made.items() if k != SEAL}, sort_keys=True).encode())


# --- reading ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """A result that was read and is as it was written."""

    folder: Path
    made: dict[str, Any]
    content: dict[str, bytes]

    def rows(self, name: str) -> list[dict[str, str]]:
        """Rows of a CSV table of it, cells as text without the quote mark that protects spreadsheets; none if it has no such table."""
        text = self.content.get(name, b"").decode("utf-8")
        return [{k: v.removeprefix("'") for k, v in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]


def read_result(folder: Path, *kinds: str) -> Stored | None:
    """A result with all its files; None where there is none at all.

    Parameters
    ----------
    kinds : what its `kind` may be; anything if none is named

    Raises
    ------
    ResultError
        If anything of it is missing or not as it was written, or it is of another kind.
    """
    if not (folder / RESULT).exists():
        if folder.is_dir() and (left := sorted(p.name for p in folder.iterdir() if p.is_file())):
            raise fail(ResultError, folder, "result_incomplete", found=", ".join(left[:SHOWN]))
        return None
    problems = Problems()
    made = read_json(folder / RESULT, problems)
    problems.raise_as(ResultError)
    if not isinstance(made, dict) or not _names_files(made) or made.get(SEAL) != seal_of(made):
        raise fail(ResultError, folder / RESULT, "seal_differs")
    if kinds and made.get("kind") not in kinds:
        raise fail(ResultError, folder / RESULT, "not_of_kind", value=kinds[0])
    content = {}
    for name, expected in made[FILES].items():
        path = folder / name
        if not path.is_file():
            problems.add(path, None, "", "file_missing", there="-")
        elif sha256(found := path.read_bytes()) != expected:
            problems.add(path, None, "", "hash_differs", expected=expected[:12])
        else:
            content[name] = found
    problems.raise_as(ResultError)
    return Stored(folder, made, content)


def _names_files(made: Mapping[str, Any]) -> bool:
    """Whether `files` maps plain names to hashes: no folder, no way out of this one."""
    files = made.get(FILES)
    return isinstance(files, dict) and all(
        re.fullmatch(r"[\w-][\w.-]*", name) and name != RESULT and isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
        for name, value in files.items()
    )


# --- writing ------------------------------------------------------------------------------------------------------------------


def foreign(out: Path) -> list[str]:
    """Names of what replacing a result at this place would lose; none where nothing is, or a result as it was written."""
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            return [out.name]
        there = sorted(out.iterdir()) if out.exists() else []
    except OSError as error:
        raise fail(ResultError, out, "cannot_write", reason=error.strerror or "") from None
    try:
        made = json.loads((out / RESULT).read_bytes())
        ours = made[FILES] | {RESULT: sha256((out / RESULT).read_bytes())} if _names_files(made) and made[SEAL] == seal_of(made) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        ours = {}
    return [p.name for p in there if p.is_symlink() or not p.is_file() or sha256(p.read_bytes()) != ours.get(p.name)]


def refuse_foreign(out: Path) -> None:
    """Refuse a place that holds anything but a result as qantar wrote it.

    Raises
    ------
    ResultError
        Naming what is there.
    """
    _restore(out)
    if names := foreign(out):
        raise fail(ResultError, out, "not_a_result", found=", ".join(names[:SHOWN]))


def write_result(out: Path, files: Mapping[str, Any]) -> Path:
    """Write a result; gives the folder it is in.

    That is `out`, unless something has come there meanwhile that is not ours: then `out-2` or the next free name, so that neither the
    hours of computing nor what came there is lost.

    Raises
    ------
    ResultError
        When it cannot be written; what stood there before stands there still.
    """
    _restore(out)
    place = out if not foreign(out) else _beside(out)
    new = place.with_name(f".{place.name}.{uuid4().hex[:8]}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _fill(new, files)
        return _swap(new, place)
    except OSError as error:
        raise fail(ResultError, out, "cannot_write", reason=error.strerror or "") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, str | bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def copy_result(folder: Path, place: Path, *without: str) -> None:
    """Put a result somewhere else, without files of some endings, sealed anew: what ships with a case leaves out what the page draws.

    Raises
    ------
    ResultError
        If there is no whole result, or something else at the place.
    """
    if (found := read_result(folder)) is None:
        raise fail(ResultError, folder, "folder_without", marker=RESULT)
    refuse_foreign(place)
    write_result(place, sealed({n: c for n, c in found.content.items() if not n.endswith(without)}, found.made))


def _swap(new: Path, place: Path) -> Path:
    """Put a folder in its place; what came there since it was looked at moves back, and the new one goes beside it."""
    old = _old(place)
    if place.exists():
        place.rename(old)
        if foreign(old):
            old.rename(place)
            return _swap(new, _beside(place))
    try:
        new.rename(place)
    except BaseException:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
    return place


def _old(place: Path) -> Path:
    """Where a result is while another takes its place: a name that says whose it is, so that a crash loses nothing."""
    return place.with_name(f".{place.name}.old")


def _restore(out: Path) -> None:
    """What a crash between two renames left aside goes back to its place; if the new result is there, the old one may go."""
    old = _old(out)
    try:
        if not old.is_dir() or old.is_symlink() or foreign(old):
            return
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(out)
    except OSError:  # a name too long, a folder that may not be read: said when it is written
        return


def _beside(out: Path) -> Path:
    """The first free name beside a folder."""
    return next(p for n in count(2) if not (p := out.with_name(f"{out.name}-{n}")).exists() and not p.is_symlink())


def write_new(out: Path, files: Mapping[str, str | bytes]) -> None:
    """Write a folder that is not there yet, whole or not at all; what is there is left alone.

    Raises
    ------
    ResultError
        When it is there, or cannot be written.
    """
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        names = sorted(p.name for p in out.iterdir()) if out.is_dir() else [out.name]
        raise fail(ResultError, out, "not_a_result", found=", ".join(names[:SHOWN]))
    new = out.with_name(f".{out.name}.{uuid4().hex[:8]}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _fill(new, files)
        new.rename(out)  # over an empty folder; not over anything else
    except OSError as error:
        raise fail(ResultError, out, "cannot_write", reason=error.strerror or "") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def refuse_foreign_file(path: Path, ours: Callable[[Path], bool]) -> None:
    """Refuse a file that is there and was not made by qantar.

    Parameters
    ----------
    ours : tells whether a file is one that may be replaced

    Raises
    ------
    ResultError
        If it is not.
    """
    if path.is_symlink() or (path.exists() and not (path.is_file() and ours(path))):
        raise fail(ResultError, path, "not_our_file")


def is_packed(path: Path) -> bool:
    """Whether a file is a packed table of qantar: an archive that says how it was made."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "made.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def write_file(path: Path, content: bytes, ours: Callable[[Path], bool]) -> Path:
    """As `write_bytes`, but beside what has come there meanwhile and is not ours; gives where it is."""
    try:
        refuse_foreign_file(path, ours)
    except ResultError:
        path = next(p for n in count(2) if not (p := path.with_stem(f"{path.stem}-{n}")).exists())
    write_bytes(path, content)
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside its place first, then renamed. Whether it may be replaced is for the caller to decide.

    Raises
    ------
    ResultError
        When it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise fail(ResultError, path, "cannot_write", reason=error.strerror or "") from None


# --- how a result is made again -------------------------------------------------------------------------------------------------


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
