"""How kernels are compiled: once, to a folder that belongs to exactly these sources on this machine.

Numba's cache looks at the file of a kernel only, not at the files it calls: after an edit there the old rule would run
on. The folder's name is therefore a hash of every source of the package, of Python, NumPy, Numba and its settings; the
processor is part of Numba's own key. Compiled code is loaded from there and run, so nobody else may write to it.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import platform
import re
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic, overload

KEPT = 3
"""Folders of other versions that are kept; older ones are deleted."""
IN_USE = 24 * 3600
"""Seconds since a process last started with a folder during which it counts as in use and is kept in any case."""


def fingerprint() -> str:
    """Name of everything that compiled code depends on."""
    home, total = Path(__file__).parent, hashlib.sha256()
    # Names too: code that moves from one file to the next must not give the same hash. Editors leave dangling links.
    for path in sorted(p for p in home.rglob("*.py") if p.is_file()):
        total.update(path.relative_to(home).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    # Numba's key lacks the two settings: without them a run with checked bounds would load unchecked code.
    settings = [str(vars(numba.config)[name]) for name in ("BOUNDSCHECK", "OPT")]
    versions = [numba.__version__, np.__version__, platform.python_version(), platform.machine()]
    total.update(repr(versions + settings).encode())
    return total.hexdigest()[:16]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where compiled code goes: the user's cache folder if it is safe and can be written to, else a temporary one.

    `NUMBA_CACHE_DIR` is taken as it is, also after an edit: who sets it has to empty it.
    """
    if environment.get("NUMBA_CACHE_DIR"):
        return Path(environment["NUMBA_CACHE_DIR"])
    name = fingerprint()
    for root in _roots(environment):
        folder = root / name
        try:
            for place in (root, folder):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _ours_alone(place):
                    raise PermissionError(place)
            os.utime(folder)  # what _prune reads
            # As Numba does: if this fails there, it silently goes to a folder whose name says nothing of the sources.
            tempfile.TemporaryFile(dir=folder).close()
            _prune(root, folder)
            return folder
        except OSError:
            continue
    last = Path(tempfile.mkdtemp(prefix="qantar-"))
    atexit.register(_leave, last, os.getpid())
    return last


def _roots(environment: Mapping[str, str]) -> Iterator[Path]:
    """Folders to try, best first."""
    home = environment.get("HOME")
    for base in (environment.get("XDG_CACHE_HOME"), environment.get("LOCALAPPDATA"), home and f"{home}/.cache"):
        # A relative one would be another folder in every working directory; the XDG standard says to ignore it.
        if base and Path(base).is_absolute():
            yield Path(base) / "qantar"
    yield Path(tempfile.gettempdir()) / f"qantar-{os.getuid() if hasattr(os, 'getuid') else 0}"


def _ours_alone(folder: Path) -> bool:
    """Whether this is a real folder, ours, that nobody else can write to: in a shared place anyone can make its name first."""
    if not hasattr(os, "getuid"):  # Windows, where all places tried lie in the user's own profile
        return True
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _prune(root: Path, current: Path) -> None:
    """Delete folders of other versions, except the newest few and those that a running process may use."""
    others = []
    for path in root.iterdir():
        if re.fullmatch("[0-9a-f]{16}", path.name) and path != current:
            with contextlib.suppress(OSError):  # another process may be deleting it too
                others.append((path.lstat().st_mtime, path))
    for used, old in sorted(others, reverse=True)[KEPT:]:
        if time.time() - used > IN_USE:
            shutil.rmtree(old, ignore_errors=True)


def _leave(folder: Path, owner: int) -> None:
    """Delete a folder at the end of the process that made it, not of its forks."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


FOLDER = cache_folder()
_declaring = threading.Lock()

F = TypeVar("F")

if TYPE_CHECKING:

    def jit(function: F) -> F:
        """As below, with the type of the function itself."""
        return function

    def leaf(function: F) -> F:
        """As below, with the type of the function itself."""
        return function
else:

    def jit(function: Any, **options: Any) -> Any:
        """A kernel compiled without Python objects and kept on disk; the plain function is its `py_func`.

        It must not read a global that comes from a data file: only sources decide whether compiled code is still valid.
        """
        # Numba fixes a kernel's folder when the kernel is declared. Set here and not in the environment: that is read only
        # if Numba was not loaded before, and it would pass to other programs started from here and to other packages.
        with _declaring:
            before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(FOLDER)
            try:
                kernel = numba.njit(cache=True, error_model="numpy", **options)(function)
            finally:
                numba.config.CACHE_DIR = before
        # Numba counts data files 1, 2, ...: two processes that compile for different types at once take the same number,
        # and the index of one type then names the code of the other, for ever. (With compiling switched off there is no cache.)
        with contextlib.suppress(AttributeError):
            stem = kernel._cache._impl.filename_base
            kernel._cache._cache_file._data_name = lambda number: f"{stem}.{uuid4().hex[:12]}.nbc"
        return kernel

    def leaf(function: Any) -> Any:
        """The same for a kernel that makes no arrays: then nobody has to count who holds which.

        Counting cost half of a contact update (two atomic operations for each array that is passed on). Slices of an array
        are fine, new arrays are refused by the compiler.
        """
        return jit(function, _nrt=False)


def prefetch(array: Any, k: int) -> None:
    """Tell the processor that item k of an array will soon be read and written. Where nothing is compiled, nothing happens."""


@intrinsic
def _prefetch(_context: Any, array: Any, k: Any) -> Any:
    def code(target: Any, builder: Any, signature: Any, given: Any) -> Any:
        kit: Any = cgutils
        items = target.make_array(signature.args[0])(target, builder, given[0])
        item = kit.get_item_pointer(target, builder, signature.args[0], items, [given[1]], wraparound=False, boundscheck=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        instruction = kit.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(instruction, [builder.bitcast(item, byte), number(1), number(3), number(1)])  # to write, keep, data
        return target.get_dummy_value()

    return numba.types.void(array, numba.types.intp), code


@overload(prefetch)
def _prefetched(array: Any, k: Any) -> Any:
    def told(array: Any, k: Any) -> Any:
        return _prefetch(array, k)  # type: ignore[call-arg]

    return told
