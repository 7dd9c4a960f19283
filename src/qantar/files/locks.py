"""Locks of the system on files: held by a process as long as it lives, however it ends, and seen by all that share the folder."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""What a system answers where another process holds the lock."""


def lock(file: IO[str]) -> bool | None:
    """Lock an open file until it is closed or the process ends: True if that was done, False if another process holds it.

    None where the file system knows no locks, as some that clusters share do.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


@contextmanager
def claimed(path: Path) -> Iterator[bool | None]:
    """Hold the lock of a file that is there only meanwhile; gives what `lock` gives. Its folder must be there.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    while True:
        with path.open("a", encoding="utf-8") as file:
            got = lock(file)
            if got and not _stands(file, path):  # whoever held it took the file away as we opened it
                continue
            try:
                yield got
            finally:
                if got is not False:
                    with suppress(OSError):  # Windows keeps what is open; the next holder takes it away
                        path.unlink()
            return


def is_claimed(path: Path) -> bool:
    """Whether another process holds the lock of a file; the file is left as it is."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return lock(file) is False
    except OSError:
        return False


def _stands(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
