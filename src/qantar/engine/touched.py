"""The residents whom something has happened to: one growing table, found by hashing.

Everyone else is what they were born as: quiet, with nothing but a resistance that follows from their number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine.memory import MOST, grown, reserve
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
    ],
    align=True,
)
"""One touched resident: 56 bytes side by side, because rows are met in random order."""


class Touched(NamedTuple):
    """Rows of touched residents; `buckets` maps a hash to a row, `first` gives the first row of a class."""

    buckets: NDArray[np.int64]
    """0 for nobody, else one more than the row below the low 32 bits of the resident's number: so others are passed by without a
    look at their rows, and an index costs nothing until it is used"""
    used: Ints
    first: NDArray[np.int32]
    rows: Any
    """array of `ROW`"""


LOW = 0xFFFFFFFF


def touched(n_classes: int, most: int) -> Touched:
    """An empty table with room for so many residents reserved."""
    return Touched(
        np.zeros(2048, np.int64), np.zeros(1, np.int64), np.full(n_classes, NIL, np.int32), reserve(max(1, min(most, MOST)), ROW)
    )


def with_room(t: Touched, more: int) -> Touched:
    """The same table with room for more residents."""
    needed = int(t.used[0]) + more
    t = t._replace(rows=grown(t.rows, needed))
    if needed * 4 > len(t.buckets) * 3:
        old = t.buckets
        t = t._replace(buckets=reserve(1 << (needed * 3 // 2).bit_length(), np.int64, dense=True))
        _rehash(old, t.buckets)
    return t


@leaf
def bucket_of(i: int, mask: int) -> int:
    """Where a search for a resident begins: by the low 32 bits of the number, which is what a bucket knows of it."""
    return int((np.uint64(i & LOW) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask


@leaf
def slot_of(bucket: int) -> int:
    """The row that a bucket names, NIL for an empty one."""
    return (bucket & LOW) - 1


@leaf
def seek(buckets: NDArray[np.int64], rows: Any, i: int, h: int) -> int:
    """The bucket where a resident stands or would stand, from a bucket at or before it."""
    mask = len(buckets) - 1
    while buckets[h] != 0 and ((buckets[h] >> 32) & LOW != i & LOW or rows[slot_of(buckets[h])].who != i):
        h = (h + 1) & mask
    return h


@leaf
def _rehash(old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
    """All entries of an index into a larger one; no row is looked at, because all are different."""
    mask = len(new) - 1
    for entry in old:
        if entry != 0:
            h = bucket_of(entry >> 32, mask)
            while new[h] != 0:
                h = (h + 1) & mask
            new[h] = entry


@leaf
def find(buckets: NDArray[np.int64], rows: Any, i: int) -> int:
    """The slot of a resident, NIL if untouched."""
    entry = buckets[seek(buckets, rows, i, bucket_of(i, len(buckets) - 1))]
    return slot_of(entry)


@leaf
def touch(t: Touched, where: int, i: int, c: int, resistance: int, queued: int) -> int:
    """A new slot, for bucket `where`, of a resident who has none, as they were born; there must be room."""
    slot = t.used[0]
    t.used[0] += 1
    t.buckets[where] = (i & LOW) << 32 | (slot + 1)
    row = t.rows[slot]
    row.who, row.class_, row.after = i, c, t.first[c]
    t.first[c] = slot
    row.left, row.since, row.phi = resistance, 0, 256
    row.local = row.online = row.harmed = 0
    row.episode, row.state, row.queued = 0, QUIET, queued
    return slot  # type: ignore[no-any-return]
