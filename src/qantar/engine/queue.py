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
    """smallest key of a class; without any, the first clock beyond the horizon: nothing is to do before the clock shows this"""
    entry: Any
    """array of `ENTRY`; `after` is the one of the same day before it"""
    free: Ints
    """the first free entry, the first that was never used, how often one was taken"""


def calendar(n_classes: int, most: int) -> Calendar:
    """An empty calendar with room for so many entries reserved."""
    first, none = np.zeros(n_classes * DAYS, np.int32), np.zeros(n_classes, np.int64)
    entry = reserve(1 + min(most, MOST), ENTRY, dense=True)
    return Calendar(first, none, none.copy(), np.ones(n_classes, np.int64), entry, np.array([NOBODY, 1, 0]))


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
def set_days(q: Calendar, c: int, passed: int, now: int, horizon: int) -> None:
    """New days for a class whose clock has passed a horizon, up to a farther one. All its keys are due: they go to the first day."""
    if q.soonest[c] <= passed:
        due = NOBODY
        for day in range(c * DAYS, (c + 1) * DAYS):
            x = q.first[day]
            q.first[day] = NOBODY
            while x != NOBODY:
                after = q.entry[x].after
                q.entry[x].after = due
                due, x = x, after
        q.first[c * DAYS] = due
    else:
        q.soonest[c] = horizon + 1
    q.low[c], q.shift[c] = now, 0
    while (horizon - now) >> q.shift[c] >= DAYS:
        q.shift[c] += 1


@leaf
def take_due(q: Calendar, c: int, before: int, now: int, horizon: int, key: Ints, who: Ints, n: int) -> int:
    """Takes off, after the n that there are, all of class c whose keys the clock has reached since `before`; gives how many there are."""
    day, last = c * DAYS + _day(q, c, before), c * DAYS + _day(q, c, now)
    soonest = horizon + 1
    while day <= last or (soonest > horizon and day < (c + 1) * DAYS):  # beyond what is due, up to the next key
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
        day += 1
    q.soonest[c] = soonest
    return n
