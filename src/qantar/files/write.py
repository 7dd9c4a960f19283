"""Folders and files that are written whole or not at all, and never over anything that is not ours.

What cannot be written, or would lose something, is a ResultError; what stood in the place stands there still.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from qantar.errors import Problems, ResultError, fail
from qantar.files.locks import lock
from qantar.files.markup import read_json
from qantar.files.result import FILES, LARGEST, RESULT, SEAL, SHOWN, names_files, read_result, seal_of, sealed, sha256

PACKED = ".npz"
"""How packed tables end."""
ASIDE, MARK, NEW, OLD = ".qantar-", "place", "new", "old"
"""A folder beside a place that is being written: the name of the place, what is new, and what stood there before."""
TOGETHER = "together"
"""What stands for files of one folder that are replaced together."""
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)
"""What a system answers where a folder is renamed to a place in which something stands."""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What a system refuses, as a problem of ours."""
    try:
        yield
    except OSError as error:
        raise fail(ResultError, path, "cannot_write", reason=error.strerror or "") from None


def foreign(folder: Path) -> list[str]:
    """Names of what replacing a result at this place would lose; none where nothing is, or a result as it was written."""
    if not (mode := _mode(folder)):
        return []
    if not stat.S_ISDIR(mode):
        return [folder.name]
    try:
        content = _regular(folder / RESULT) or b""
        made = json.loads(content)
        ours = {**made[FILES], RESULT: sha256(content)} if names_files(made) and made[SEAL] == seal_of(made) else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        ours = {}
    try:
        there = sorted(folder.iterdir())
    except FileNotFoundError:  # another process moved it away
        return []
    return [p.name for p in there if p.name not in ours or ours[p.name] != sha256_of(p)]


def sha256_of(path: Path) -> str:
    """SHA-256 of a plain file that may be read; "" for anything else."""
    return "" if (content := _regular(path)) is None else sha256(content)


def _regular(path: Path) -> bytes | None:
    """The bytes of a plain file; None for a link, a folder, a pipe, nothing, and what may not be read."""
    try:
        found = path.lstat()
        return path.read_bytes() if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST else None
    except OSError:
        return None


def _mode(path: Path) -> int:
    """What stands in a place, a link as itself; 0 for nothing. Raises OSError where nothing could stand."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def refuse_foreign(out: Path, lost: Callable[[Path], list[str]] = foreign) -> None:
    """Refuse a place that cannot be written to or holds anything but a result as qantar wrote it; before hours of work.

    What a stopped process had moved out of this place is put back first. `lost` names what replacing a folder would lose.
    """
    with _writing(out):
        _restore(out)
        if names := lost(out):
            raise fail(ResultError, out, "not_a_result", found=", ".join(names[:SHOWN]))
        _try(out)


def _try(out: Path) -> None:
    """Raises OSError where nothing can be written: below what is no folder or not ours to change, or in place of the folder one is in."""
    if out.name in ("", "..") or Path.cwd().is_relative_to(out.resolve()):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    above = next(p for p in out.absolute().parents if p.exists())
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    Path(tempfile.mkdtemp(dir=above, prefix=ASIDE)).rmdir()


def write_result(out: Path, files: Mapping[str, Any]) -> Path:
    """Write a result; gives the folder it is in.

    That is `out`, unless something has come there meanwhile that is not ours: then `out-2` or the next free name, so that neither the
    hours of computing nor what came there is lost.
    """
    return write_tree(out, lambda new: _fill(new, files))


def write_tree(out: Path, build: Callable[[Path], None], lost: Callable[[Path], list[str]] = foreign) -> Path:
    """As `write_result`, for a folder that `build` makes; `lost` names what replacing an older one would lose."""
    with _writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _restore(out)
        home = out.parent.resolve() / out.name  # wherever the current folder is moved
        with _aside(home) as aside:
            build(aside / NEW)
            for path in [*(aside / NEW).rglob("*"), aside / NEW]:
                flush(path)
            place = next(p for p in _places(home) if _placed(aside, p, lost if p == home else _anything))
        return out.with_name(place.name)


def _fill(folder: Path, files: Mapping[str, str | bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _placed(aside: Path, place: Path, lost: Callable[[Path], list[str]]) -> bool:
    """Put what was written aside in a place, if nothing is lost by that; whether it stands there now.

    What stood there is looked at again when it has been moved aside, where nobody puts anything into it any more.
    """
    if lost(place):
        return False
    if _mode(place):
        try:
            place.rename(aside / OLD)
        except FileNotFoundError:  # another process was first
            pass
        except OSError:  # not ours to move
            return False
        if lost(aside / OLD):
            _put_back(aside, place)
            return False
    try:
        (aside / NEW).rename(place)
    except OSError as error:
        if error.errno in TAKEN:  # something has come this moment
            return False
        raise
    flush(place.parent)
    return True


def _anything(place: Path) -> list[str]:
    """Whatever stands in a place: beside the one that was asked for nothing is replaced."""
    return [place.name] if _mode(place) else []


def _places(out: Path) -> Iterator[Path]:
    """A place, and those beside it where it is taken: `x`, `x-2`, `x-3`, ..., of files `x.npz`, `x-2.npz`, ..."""
    yield out
    for n in count(2):
        yield out.with_name(f"{out.stem}-{n}{out.suffix}" if out.suffix == PACKED else f"{out.name}-{n}")


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A folder of this process beside a place, which says whose place that is: what a crash leaves in it is found by the next command."""
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=ASIDE))
    try:
        with (aside / MARK).open("w", encoding="utf-8") as mark:
            lock(mark)  # as long as the process lives
            mark.write(out.name)
            mark.flush()
            flush(aside / MARK)
            yield aside
    finally:
        _clear(aside, out)


def _restore(out: Path) -> None:
    """Put back what a stopped process had moved out of this place, and take away what else it left."""
    if out.parent.is_dir():
        for aside in sorted(out.parent.glob(f"{ASIDE}*")):
            if _is_left(aside, out.name):
                _clear(aside, out)


def _is_left(aside: Path, name: str) -> bool:
    """Whether a process of this user that has ended left a folder for a place of this name."""
    try:
        found = aside.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
            return False
        if _regular(aside / MARK) != name.encode() or {p.name for p in aside.iterdir()} - {MARK, NEW, OLD}:
            return False
        with (aside / MARK).open("r+", encoding="utf-8") as mark:
            return bool(lock(mark))
    except OSError:
        return False


def _clear(aside: Path, out: Path) -> None:
    """Take a folder aside away, after what it holds of a place has been put back; where the new stands there, the old may go."""
    if _mode(aside / NEW) and _mode(aside / OLD):
        _put_back(aside, out)
    if not (_mode(aside / NEW) and _mode(aside / OLD)):
        for name in (OLD, NEW, ""):  # the mark last: until then the next command goes on
            shutil.rmtree(aside / name, ignore_errors=True)


def _put_back(aside: Path, out: Path) -> None:
    """Move what stood in a place back, or beside it where something else has come; what cannot be moved stays where it is."""
    with suppress(OSError):
        (aside / OLD).rename(next(p for p in _places(out) if not _mode(p)))


def flush(path: Path) -> None:
    """A file, or the names in a folder, to the disk, where a system can do that."""
    if sys.platform != "win32":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def copy_result(folder: Path, place: Path, *without: str) -> None:
    """Put a result somewhere else, without files of some endings, sealed anew: what ships with a case leaves out what the page draws."""
    if (found := read_result(folder)) is None:
        raise fail(ResultError, folder, "folder_without", marker=RESULT)
    refuse_foreign(place)
    write_result(place, sealed({n: c for n, c in found.content.items() if not n.endswith(without)}, found.made))


def write_new(out: Path, files: Mapping[str, str | bytes]) -> None:
    """Write a folder that is not there yet; what is there is left alone."""
    with _writing(out):
        if names := _anything(out):
            raise fail(ResultError, out, "not_a_result", found=", ".join(names))
        out.parent.mkdir(parents=True, exist_ok=True)
        with _aside(out) as aside:
            _fill(aside / NEW, files)
            (aside / NEW).rename(out)  # over an empty folder at most


def write_once(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write a folder unless it is there, whoever is first."""
    if not folder.is_dir():
        try:
            write_new(folder, files)
        except ResultError:
            if not folder.is_dir():
                raise


def refuse_foreign_file(path: Path, ours: Callable[[Path], bool]) -> None:
    """Refuse a file that is there and was not made by qantar, as `ours` tells."""
    with _writing(path):
        if _taken(path, ours):
            raise fail(ResultError, path, "not_our_file")
        _try(path)


def _taken(path: Path, ours: Callable[[Path], bool]) -> bool:
    """Whether anything but a plain file of ours stands in the place of a file."""
    mode = _mode(path)
    return bool(mode) and not (stat.S_ISREG(mode) and ours(path))


def is_packed(path: Path) -> bool:
    """Whether a file is a packed table of qantar: an archive that says how it was made."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "made.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def write_file(path: Path, content: bytes, ours: Callable[[Path], bool]) -> Path:
    """As `write_bytes`, but beside what has come there meanwhile and is not ours; gives where it is."""
    with _writing(path):
        place = next(p for p in _places(path) if not _taken(p, ours if p == path else lambda _: False))
    write_bytes(place, content)
    return place


def write_files(folder: Path, build: Callable[[Path], Sequence[str]]) -> None:
    """Replace files of a folder that belong together: `build` makes all of them in a folder aside, then each is put into its place.

    `build` gives their names in the order in which they go there: a stop between two of them must leave a folder that is whole.
    """
    with _writing(folder):
        place = folder / TOGETHER
        _restore(place)
        with _aside(place) as aside:
            (aside / NEW).mkdir()
            names = build(aside / NEW)
            for name in names:
                flush(aside / NEW / name)
            for name in names:
                (aside / NEW / name).replace(folder / name)
            flush(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file: beside its place first, then renamed. Whether it may be replaced is for the caller to decide."""
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _aside(path) as aside:
            (aside / NEW).write_bytes(content)
            flush(aside / NEW)
            (aside / NEW).replace(path)
            flush(path.parent)


def keep(path: Path, said: Mapping[str, Any]) -> None:
    """Write what was computed as JSON with its own SHA-256."""
    data = json.loads(json.dumps(said))
    write_bytes(path, (json.dumps({**data, SEAL: seal_of(data)}) + "\n").encode())


def kept_in(folders: Sequence[Path], name: str, make: Callable[[], Mapping[str, Any]]) -> tuple[dict[str, Any], Path]:
    """What a file of this name keeps, in the first folder that has it, and where it was; where none has, it is made. Every folder keeps it.

    Raises
    ------
    ResultError
        If it cannot be read or written.
    """
    ready = next((folder / name for folder in folders if (folder / name).is_file()), None)
    said = dict(make()) if ready is None else read_kept(ready)
    for folder in folders:
        if not (folder / name).is_file():
            keep(folder / name, said)
    return said, ready or Path(name)


def read_kept(path: Path) -> dict[str, Any]:
    """What `keep` wrote; a ResultError if it is not as it was written."""
    problems = Problems()
    said = read_json(path, problems)
    if problems.found or not isinstance(said, dict) or said.pop(SEAL, None) != seal_of(said):
        raise fail(ResultError, path, "broken_store", reason=f"SHA-256 {SEAL}")
    return said
