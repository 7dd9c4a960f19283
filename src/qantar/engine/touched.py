"""The residents whom something has happened to: one growing table, found by hashing.

Everyone else is what they were born as: quiet, with nothing but a resistance that follows from their number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.engine.queue import longer
from qantar.model.contract import Ints
from qantar.model.rules import QUIET

NIL = -1


ROW = np.dtype(
    [
        ("who", "<i8"),
        ("left", "<i8"),  # of the resistance at clock `since`, 2^-56
        ("since", "<i8"),  # clock of the class when last settled, 2^-48
        ("queued", "<i8"),  # smallest key in the queue, NEVER if there is none
        ("phi", "<i4"),  # factor that has applied since then, 2^-8
        ("class_", "<i4"),
        ("after", "<i4"),  # next row of the class
        ("episode", "<i4"),
        ("local", "<i2"),  # contacts active in person, active online, killed or detained
        ("online", "<i2"),
        ("harmed", "<i2"),
        ("state", "i1"),
        ("spare", "<i8"),
    ],
    align=True,
)
"""One touched resident: 64 bytes, one line of a processor's cache, because rows are met in random order."""


class Touched(NamedTuple):
    """Rows of touched residents; `buckets` maps a hash to a row, `first` gives the first row of a class."""

    buckets: NDArray[np.int32]
    used: Ints
    first: NDArray[np.int32]
    rows: Any
    """array of `ROW`"""


def touched(n_classes: int, room: int) -> Touched:
    """An empty table with room for so many residents."""
    index = np.full(1 << (2 * room - 1).bit_length(), NIL, np.int32)
    return Touched(index, np.zeros(1, np.int64), np.full(n_classes, NIL, np.int32), np.zeros(room, ROW))


def with_room(t: Touched, more: int) -> Touched:
    """The same table with room for more residents."""
    needed = int(t.used[0]) + more
    if needed > len(t.rows):
        t = t._replace(rows=longer(t.rows, max(needed, len(t.rows) * 3 // 2)))
    if needed * 5 > len(t.buckets) * 3:
        t = t._replace(buckets=np.full(1 << (2 * needed - 1).bit_length(), NIL, np.int32))
        _rehash(t)
    return t


@jit
def _place(index: NDArray[np.int32], rows: Any, i: int) -> int:
    """Where in the index a resident stands or would stand."""
    mask = len(index) - 1
    h = int((np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    while index[h] != NIL and rows[index[h]].who != i:
        h = (h + 1) & mask
    return h


@jit
def _rehash(t: Touched) -> None:
    for slot in range(t.used[0]):
        t.buckets[_place(t.buckets, t.rows, t.rows[slot].who)] = slot


@jit
def find(index: NDArray[np.int32], rows: Any, i: int) -> int:
    """The slot of a resident, NIL if untouched."""
    return index[_place(index, rows, i)]  # type: ignore[no-any-return]


@jit
def touch(t: Touched, i: int, c: int, resistance: int, queued: int) -> int:
    """A new slot for a resident who has none, as they were born; there must be room."""
    slot = t.used[0]
    t.used[0] += 1
    t.buckets[_place(t.buckets, t.rows, i)] = slot
    row = t.rows[slot]
    row.who, row.class_, row.after = i, c, t.first[c]
    t.first[c] = slot
    row.left, row.since, row.phi = resistance, 0, 256
    row.local = row.online = row.harmed = 0
    row.episode, row.state, row.queued = 0, QUIET, queued
    return slot  # type: ignore[no-any-return]
