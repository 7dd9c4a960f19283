"""Arrays that are reserved for as many as there may be and cost nothing until they are used.

The system gives pages when they are first written to, so room for everybody is a promise, not memory: nothing has to be copied
when more residents are touched. Rows and an index are used at random from end to end; there large pages (2 MB) save a walk through the
page tables at each look.
"""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGE = 1 << 21
"""Bytes from which on an array lies in pages of its own."""
MOST = 1 << 26
"""Items that are reserved at most: a promise of 2 GiB of rows. Beyond that, arrays are copied to twice the room."""
_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


def reserve(n: int, dtype: DTypeLike, *, dense: bool = False) -> NDArray[Any]:
    """An array of n items, all zero. A `dense` one will be used from end to end, at random: large pages suit it.

    >>> int(reserve(1 << 20, np.int64)[12345])
    0
    """
    size = n * np.dtype(dtype).itemsize
    if size >= LARGE and hasattr(mmap, "MAP_PRIVATE"):
        with contextlib.suppress(OSError, ValueError):
            pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
            if dense:
                with contextlib.suppress(OSError, AttributeError):
                    pages.madvise(mmap.MADV_HUGEPAGE)
            return np.frombuffer(pages, dtype)
    return np.zeros(n, dtype)


def grown(array: NDArray[Any], needed: int) -> NDArray[Any]:
    """The same array, or a copy with twice the room if more is needed than was reserved."""
    if needed <= len(array):
        return array
    new = reserve(max(needed, 2 * len(array)), array.dtype)
    new[: len(array)] = array
    return new
