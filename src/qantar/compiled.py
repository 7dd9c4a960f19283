"""How kernels are compiled: once, to a folder that belongs to exactly these sources on this machine.

Numba's cache looks at the file of a kernel only, not at the files it calls: after an edit there the old rule would run
on. The folder's name is therefore a hash of every source of the package, of Numba, NumPy, Python and the processor.
It must be set before any kernel is declared, which is why kernels take `jit` from here.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

KEPT = 3
"""Folders of other versions that are kept; older ones are deleted."""


def fingerprint() -> str:
    """Name of everything that compiled code depends on."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        total.update(path.read_bytes())
    for name in (version("numba"), version("numpy"), platform.python_version(), platform.machine(), platform.processor()):
        total.update(name.encode() + b"\0")
    return total.hexdigest()[:16]


def cache_folder(environment: dict[str, str] | os._Environ[str] = os.environ) -> Path:
    """Where compiled code goes: the user's cache folder if it can be written to, else a temporary one."""
    if "NUMBA_CACHE_DIR" in environment:
        return Path(environment["NUMBA_CACHE_DIR"])
    base = environment.get("XDG_CACHE_HOME") or environment.get("LOCALAPPDATA") or environment.get("HOME", "") + "/.cache"
    shared = Path(tempfile.gettempdir()) / f"qantar-{os.getuid() if hasattr(os, 'getuid') else 0}"
    for root in (Path(base) / "qantar", shared):
        try:
            folder = root / fingerprint()
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                _prune(root, folder)
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="qantar-"))


def _prune(root: Path, current: Path) -> None:
    others = sorted((p for p in root.iterdir() if p.is_dir() and p != current), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in others[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())

import numba  # noqa: E402  (reads the folder when it is loaded)

F = TypeVar("F")

if TYPE_CHECKING:

    def jit(function: F) -> F:
        """As below, with the type of the function itself."""
        return function
else:

    def jit(function: Any) -> Any:
        """A kernel compiled without Python objects and kept on disk; the plain function is its `py_func`."""
        return numba.njit(cache=True, error_model="numpy")(function)
