"""An object store behind the folder of stores: every finished part is kept there too, and what is there is taken and not made again.

A part is one object, a plain ZIP of its files, written by one request: it is there whole or not at all, and as the seal inside says
what it is, a wrong object is refused as a wrong folder is. Two that put the same part put the same numbers.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from qantar.ensemble.store import Store
from qantar.errors import QantarError, ResultError, StudyError, fail, needs
from qantar.files.write import write_once

FETCHED = 64
"""Objects that are asked for at a time."""
LOCAL = "file"
"""Protocol of plain folders, where a file is put in place by renaming it: only requests of object stores are whole by themselves."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of files in an archive: the same part is the same bytes."""


@dataclass(frozen=True)
class Depot:
    """An object store by its address, such as `s3://bucket/folder`; handed to other processes as it is."""

    address: str

    def fetch(self, store: Store, numbers: Sequence[int]) -> int:
        """Take those parts of a store that are here and not there; gives how many came.

        Raises
        ------
        ResultError
            If the object store does not answer, an object is not what it is named after, or the store cannot be written.
        """
        wanted = {f"{store.folder.name}/part-{n:05d}.zip": n for n in numbers if not store.part(n).is_dir()}
        if len(wanted) > FETCHED:  # a list of what is there costs less than asking for each
            here = self._names(store.folder.name)
            wanted = {name: n for name, n in wanted.items() if name in here}
        came = 0
        for name, content in self._contents(list(wanted)):
            store.take(wanted[name], _unpacked(content), f"{self.address}/{name}")
            came += 1
        return came

    def put(self, store: Store, number: int) -> None:
        """Keep a part of a store, unless it is kept already."""
        self._put(f"{store.folder.name}/part-{number:05d}.zip", lambda: _packed(store.files_of(number)))

    def put_folder(self, folder: Path) -> None:
        """Keep a folder of the root that is named after what it holds: a table of draws, a plan."""
        self._put(f"{folder.name}.zip", lambda: _packed({path.name: path.read_bytes() for path in sorted(folder.iterdir())}))

    def fetch_folder(self, folder: Path) -> None:
        """Take such a folder, unless it is there; whoever reads it compares it with its name."""
        if not folder.is_dir():
            for _, content in self._contents([f"{folder.name}.zip"]):
                write_once(folder, _unpacked(content))

    def check(self) -> None:
        """Refuse what cannot be reached, before hours of work.

        Raises
        ------
        StudyError
            If the library for such addresses is not installed, or the object store does not answer.
        """
        needs("fsspec", "scale", f"--depot {self.address}")
        try:
            self._put("reached", lambda: b"")
        except QantarError as error:
            reason = error.problems[0].args.get("reason", "")
            raise fail(StudyError, f"--depot {self.address}", "depot_unreachable", reason=reason) from None

    def _names(self, folder: str) -> set[str]:
        """Names of all objects of a folder."""
        with self._asking(folder) as (files, base):
            try:
                return {f"{folder}/{str(path).rpartition('/')[2]}" for path in files.ls(f"{base}/{folder}", detail=False)}
            except FileNotFoundError:
                return set()

    def _contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Those of some objects that are here, as bytes."""
        for start in range(0, len(names), FETCHED):
            some = names[start : start + FETCHED]
            with self._asking(some[0]) as (files, base):
                found = files.cat([f"{base}/{name}" for name in some], on_error="return")
                for content in found.values():
                    if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                        raise content
            for path, content in found.items():
                if isinstance(content, bytes):
                    yield next(name for name in some if str(path).endswith(name)), content

    def _put(self, name: str, make: Any) -> None:
        with self._asking(name) as (files, base):
            place = f"{base}/{name}"
            if files.exists(place):
                return
            content = make()
            if LOCAL not in _protocols(files):
                files.pipe_file(place, content)
                return
            aside = f"{place}.{uuid4().hex[:12]}"
            files.makedirs(files._parent(place), exist_ok=True)
            files.pipe_file(aside, content)
            files.mv(aside, place)

    @contextmanager
    def _asking(self, what: str) -> Iterator[tuple[Any, str]]:
        """The file system and the path on it; whatever goes wrong there is a problem of the user's."""
        try:
            files, base = _opened(self.address)
            files.invalidate_cache()  # others put objects there too
            yield files, base
        except QantarError:
            raise
        except Exception as error:  # each kind of object store has errors of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise fail(ResultError, f"{self.address}/{what}", "depot_fails", reason=reason) from None


@functools.cache
def _opened(address: str) -> tuple[Any, str]:
    import fsspec

    files, path = fsspec.core.url_to_fs(address)
    return files, str(path).rstrip("/")


def _protocols(files: Any) -> Iterable[str]:
    return (files.protocol,) if isinstance(files.protocol, str) else files.protocol


def _packed(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), content)
    return whole.getvalue()


def _unpacked(content: bytes) -> dict[str, bytes]:
    """The files of an object; none where it is no archive, which no seal fits."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name == Path(name).name}  # nothing leaves its folder
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return {}
