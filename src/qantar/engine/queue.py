"""Who is next in each class: a calendar of (key, resident), in one pool.

A key is a bound on the clock below which the resident cannot join. From the clock at which its horizon was last raised to the horizon,
a class has `DAYS` lists; a step takes off the days that the clock has passed, and of the day it stands in what is due. Nothing is
sorted: those who are due in a step are due together. Keys are lazy: a smaller one is pushed beside the old one, and what is taken off
is looked at again before anything is decided.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine.memory import MOST, grown, reserve
from qantar.model.contract import Ints
from qantar.model.rules import NEVER

NOBODY = 0
"""No entry: the first one is never used, so that days cost nothing until they are."""
DAYS = 256
ENTRY = np.dtype([("key", "<i8"), ("who", "<i8"), ("after", "<i4")], align=True)


class Calendar(NamedTuple):
    """Entries of all classes."""

    first: NDArray[np.int32]
    """newest entry of each day of each class"""
    low: Ints
    """clock of each class at which its first day begins"""
    shift: Ints
    """a day is 2^shift long"""
    soonest: Ints
    """a bound below which a class has no key"""
    entry: Any
    """array of `ENTRY`; `after` is the one of the same day before it"""
    free: Ints
    """the first free entry, the first that was never used, how often one was taken"""


def calendar(n_classes: int, most: int) -> Calendar:
    """An empty calendar with room for so many entries reserved."""
    first, none = np.zeros(n_classes * DAYS, np.int32), np.zeros(n_classes, np.int64)
    entry = reserve(1 + min(most, MOST), ENTRY, dense=True)
    return Calendar(first, none, none.copy(), np.full(n_classes, NEVER), entry, np.array([NOBODY, 1, 0]))


def with_room(q: Calendar, more: int) -> Calendar:
    """The same calendar with room for more entries."""
    needed = int(q.free[1]) + more
    return q if needed <= len(q.entry) else q._replace(entry=grown(q.entry, needed))


@leaf
def _day(q: Calendar, c: int, key: int) -> int:
    return min(max(key - q.low[c], 0) >> q.shift[c], DAYS - 1)  # type: ignore[no-any-return]


@leaf
def push(q: Calendar, c: int, key: int, who: int) -> None:
    """Add a resident of class c; there must be room."""
    x = q.free[0]
    if x == NOBODY:
        x = q.free[1]
        q.free[1] += 1
    else:
        q.free[0] = q.entry[x].after
    day = c * DAYS + _day(q, c, key)
    entry = q.entry[x]
    entry.key, entry.who, entry.after = key, who, q.first[day]
    q.first[day] = x
    q.soonest[c] = min(q.soonest[c], key)


@leaf
def begin(q: Calendar, c: int, low: int, horizon: int) -> None:
    """New days for a class whose clock shows `low`, beyond all its keys: they all go to the first day."""
    old = q.first[c * DAYS]
    for day in range(c * DAYS + 1, (c + 1) * DAYS):
        x = q.first[day]
        q.first[day] = NOBODY
        while x != NOBODY:
            after = q.entry[x].after
            q.entry[x].after = old
            old, x = x, after
    q.first[c * DAYS] = old
    q.low[c], q.shift[c] = low, 0
    while (horizon - low) >> q.shift[c] >= DAYS:
        q.shift[c] += 1


@leaf
def take_due(q: Calendar, c: int, before: int, now: int, key: Ints, who: Ints, n: int) -> int:
    """Takes off, after the n that there are, all of class c whose keys the clock has reached since `before`; gives how many there are."""
    last = _day(q, c, now)
    soonest = q.low[c] + ((last + 1) << q.shift[c]) if last < DAYS - 1 else NEVER
    for day in range(c * DAYS + _day(q, c, before), c * DAYS + last + 1):
        x = q.first[day]
        q.first[day] = NOBODY
        while x != NOBODY:
            entry, here = q.entry[x], x
            x = entry.after
            if entry.key <= now:
                key[n], who[n] = entry.key, entry.who
                n += 1
                entry.after, q.free[0] = q.free[0], here
                q.free[2] += 1
            else:
                entry.after, q.first[day] = q.first[day], here
                soonest = min(soonest, entry.key)
    q.soonest[c] = soonest
    return n
