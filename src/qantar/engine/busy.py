"""Those who are neither quiet nor dead, side by side, with the contacts they told about themselves.

Everyone here is looked at in every step, so what a step needs stands in one row after the other instead of in the table, where it
would be met in random order. Contacts are found once for an episode, and kept as rows of the table until they have been told of its end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine.memory import grown
from qantar.model.contract import Ints

NIL = -1
BUSY = np.dtype([("who", "<i8"), ("slot", "<i4"), ("class_", "<i4"), ("met", "<i4"), ("state", "<i4")])
"""A resident: number, row in the table of touched, class, row of `Met` (NIL: none yet), state."""


class Met(NamedTuple):
    """Contacts by row: rows of the table of touched residents, those in person first; `free` rows can be used again."""

    slots: NDArray[np.int32]
    """shape (rows x degree_max,)"""
    n_local: NDArray[np.int16]
    n_all: NDArray[np.int16]
    free: NDArray[np.int32]
    ends: Ints
    """free rows, rows ever used"""


def met() -> Met:
    """No contacts yet."""
    return Met(np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int16), np.empty(0, np.int32), np.zeros(2, np.int64))


def with_room(m: Met, more: int, degree_max: int) -> Met:
    """Room for the contacts of so many more residents."""
    needed = int(m.ends[1]) + more
    if needed <= len(m.free):
        return m
    size = max(needed, 2 * len(m.free))
    return Met(grown(m.slots, size * degree_max), grown(m.n_local, size), grown(m.n_all, size), grown(m.free, size), m.ends)


@leaf
def take(m: Met) -> int:
    """A row to use; there must be room."""
    if m.ends[0] > 0:
        m.ends[0] -= 1
        return m.free[m.ends[0]]  # type: ignore[no-any-return]
    m.ends[1] += 1
    return m.ends[1] - 1  # type: ignore[no-any-return]


@leaf
def release(m: Met, row: int) -> None:
    """A row that is not needed any more."""
    m.free[m.ends[0]] = row
    m.ends[0] += 1


def extended(busy: Any, more: int) -> Any:
    """The same rows and, after them, so many that are not filled in; they are copied only where there is no room behind them."""
    n, store = len(busy), busy.base
    if store is None or store.dtype != busy.dtype or len(store) < n + more:
        store = np.empty(max(1024, 2 * (n + more)), busy.dtype)
        store[:n] = busy
    return store[: n + more]
