"""The residents whom something has happened to: one growing table, and an index that finds them.

Everyone else is what they were born as: quiet, with nothing but a resistance that follows from their number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine import memory
from qantar.engine.memory import grown, reserve
from qantar.model.contract import Ints
from qantar.model.rules import QUIET

NIL = -1
EXACT, BOUND, ENDLESS = range(3)
"""What `work` begins with: the resistance, a bound below it, or one that is never reached."""
CLASS_MAX = 2**32
"""Residents of one class at most: a row holds the number within the class."""


ROW = np.dtype(
    [
        ("work", "<u8"),  # resistance + sum over changes of (new factor - old) x clock, in 2^-56, modulo 2^64
        ("queued", "<i8"),  # smallest key in the queue, NEVER if there is none
        ("offset", "<u4"),  # number within the class
        ("class_", "<i4"),
        ("local", "<i2"),  # contacts active in person, active online, killed or detained
        ("online", "<i2"),
        ("harmed", "<i2"),
        ("state", "i1"),
        ("basis", "i1"),
    ],
    align=True,
)
"""One touched resident: 32 bytes side by side, two to a line of the cache, because rows are met in random order."""


class Touched(NamedTuple):
    """Rows of touched residents; what is rarely asked for stands apart."""

    direct: bool
    """whether the index has an entry for every resident; else it is a hash table"""
    entries: NDArray[np.int32]
    """one more than a row, 0 for nobody: so an index costs nothing until it is used"""
    start: Ints
    """first resident of each class, and one past the last"""
    used: Ints
    rows: Any
    """array of `ROW`"""
    first: NDArray[np.int32]
    """newest row of each class"""
    after: NDArray[np.int32]
    """the row of the same class before each row"""
    episode: NDArray[np.int32]


def touched(class_start: Ints) -> Touched:
    """An empty table with room for everybody, or for `memory.MOST`, reserved."""
    n = int(class_start[-1])
    if np.diff(class_start).max(initial=0) > CLASS_MAX:
        raise ValueError(f"a class can have {CLASS_MAX} residents, one has {np.diff(class_start).max()}")
    direct, most = n <= memory.MOST, max(1, min(n, memory.MOST))
    entries = reserve(max(1, n), np.int32, dense=True) if direct else np.zeros(2048, np.int32)
    first = np.full(len(class_start) - 1, NIL, np.int32)
    rows, after, episode = reserve(most, ROW, dense=True), reserve(most, np.int32), reserve(most, np.int32)
    return Touched(direct, entries, class_start, np.zeros(1, np.int64), rows, first, after, episode)


def with_room(t: Touched, more: int) -> Touched:
    """The same table with room for more residents."""
    needed = min(int(t.used[0]) + more, int(t.start[-1]))
    if needed > len(t.rows):
        t = t._replace(rows=grown(t.rows, needed), after=grown(t.after, needed), episode=grown(t.episode, needed))
    if not t.direct and needed * 4 > len(t.entries) * 3:
        t = t._replace(entries=reserve(1 << (needed * 3 // 2).bit_length(), np.int32, dense=True))
        _rehash(t)
    return t


@leaf
def who_of(t: Touched, slot: int) -> int:
    """The resident of a row."""
    return t.start[t.rows[slot].class_] + int(t.rows[slot].offset)  # type: ignore[no-any-return]


@leaf
def _hashed(i: int, size: int) -> int:
    return int((np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & (size - 1)


@leaf
def seek(t: Touched, i: int) -> int:
    """Where in the index a resident stands or would stand."""
    if t.direct:
        return i
    h = _hashed(i, len(t.entries))
    while t.entries[h] != 0 and who_of(t, t.entries[h] - 1) != i:
        h = (h + 1) & (len(t.entries) - 1)
    return h


@leaf
def _rehash(t: Touched) -> None:
    """Everybody into an empty index."""
    for slot in range(t.used[0]):
        h = _hashed(who_of(t, slot), len(t.entries))
        while t.entries[h] != 0:
            h = (h + 1) & (len(t.entries) - 1)
        t.entries[h] = slot + 1


@leaf
def find(t: Touched, i: int) -> int:
    """The row of a resident, NIL if untouched."""
    return t.entries[seek(t, i)] - 1  # type: ignore[no-any-return]


@leaf
def touch(t: Touched, where: int, i: int, c: int, work: int, basis: int, queued: int) -> int:
    """A new row, for entry `where` of the index, of a resident who has none, as they were born; there must be room."""
    slot = t.used[0]
    t.used[0] += 1
    t.entries[where] = slot + 1
    t.after[slot], t.episode[slot] = t.first[c], 0
    t.first[c] = slot
    row = t.rows[slot]
    row.work, row.queued, row.offset, row.class_ = work, queued, i - t.start[c], c
    row.local = row.online = row.harmed = 0
    row.state, row.basis = QUIET, basis
    return slot  # type: ignore[no-any-return]
