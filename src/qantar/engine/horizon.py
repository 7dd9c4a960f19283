"""Who could join before a farther clock: of the untouched by their draws, of the touched by their rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit, leaf, prefetch
from qantar.draws import to_unit, word
from qantar.engine.contacts import AHEAD
from qantar.engine.queue import Calendar, push, set_days
from qantar.engine.resident import Clocks, Nation, factor_at, sooner
from qantar.engine.touched import NIL, Touched, find, who_of
from qantar.model.contract import Ints
from qantar.model.rules import CLOCK, NEVER, QUIET, clock_needed, first_resistance, word_below

HORIZON_MIN = (CLOCK >> 8, CLOCK >> 12)
"""A class's first horizon, in a country and in the world (`MANY` residents): who could join before it is listed when the clock first moves.

Four in a thousand of a country, and one in four thousand of the world, are few to list, and no other look at everyone is needed while no
more than these could join.
"""
HORIZON_GROWTH = (4, 8)
"""How many times farther than the clock each horizon after it lies, likewise.

Farther means fewer looks at everyone (17 ms for 19 million, 7 s for 8 billion), and more entries in the queues that never come up.
"""
MANY = 1 << 29
STRETCH = 4096
"""Residents whose draws or rows are looked at in one go: their numbers stay in the cache."""
CLOCK_MAX = 2**62
"""No clock runs farther (`rules`)."""


def raised(clocks: Clocks, passed: Ints, residents: int) -> None:
    """Horizons of these classes, farther than their clocks."""
    growth, least = (x[int(residents >= MANY)] for x in (HORIZON_GROWTH, HORIZON_MIN))
    farther = growth * np.minimum(clocks.now[passed], CLOCK_MAX // growth)
    clocks.horizon[passed] = np.maximum(farther, least)


@leaf
def days_anew(passed: Ints, low: Ints, clocks: Clocks, calendar: Calendar) -> None:
    """Days of these classes, which have passed the horizons `low`, up to the new ones."""
    for x in range(len(passed)):
        c = passed[x]
        set_days(calendar, c, low[x], clocks.now[c], clocks.horizon[c])


@leaf
def _low_draws(k1: np.uint64, k2: np.uint64, start: int, end: int, limit: np.uint64, low: Ints) -> int:
    """Residents from `start` to `end` whose first draw is below the limit, written to `low`; gives how many.

    Most stretches of 64 hold none, and counting in them is what the processor does eight residents at a time.
    """
    n = 0
    for first in range(start, end, 64):
        last = min(first + 64, end)
        below = 0
        for i in range(first, last):
            below += int(word(i, k1, k2) < limit)
        if below:
            for i in range(first, last):
                if word(i, k1, k2) < limit:
                    low[n] = i
                    n += 1
    return n


@jit
def untouched_due(classes: Ints, low: Ints, clocks: Clocks, table: Touched, nation: Nation) -> tuple[Ints, Ints, Ints]:
    """Untouched residents of these classes who join between an old horizon and the new one: who, key, class."""
    who, key, class_ = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    drawn = np.empty(STRETCH, np.int64)
    n = 0
    law = nation.law
    for x in range(len(classes)):
        c = classes[x]
        limit = word_below(clocks.horizon[c], law.frailty, law.potential)
        end = nation.blocks.class_start[c + 1]
        for start in range(nation.blocks.class_start[c], end, STRETCH):
            for k in range(_low_draws(nation.born[0], nation.born[1], start, min(start + STRETCH, end), limit, drawn)):
                i = drawn[k]
                u = to_unit(word(i, nation.born[0], nation.born[1]))
                needed = clock_needed(first_resistance(u, law.potential, law.frailty), 256)
                if low[x] < needed <= clocks.horizon[c] and find(table, i) == NIL:
                    if n == len(who):
                        who = np.concatenate((who, np.empty(n, np.int64)))
                        key = np.concatenate((key, np.empty(n, np.int64)))
                        class_ = np.concatenate((class_, np.empty(n, np.int64)))
                    who[n], key[n], class_[n] = i, needed, c
                    n += 1
    return who[:n], key[:n], class_[:n]


@leaf
def enqueue(who: Ints, key: Ints, class_: Ints, calendar: Calendar) -> None:
    """Residents with their keys, into the queue."""
    for x in range(len(who)):
        push(calendar, class_[x], key[x], who[x])


@jit
def touched_due(classes: Ints, table: Touched, clocks: Clocks, nation: Nation) -> Ints:
    """Rows of touched residents of these classes whose time has come below the horizon."""
    slots, n = np.empty(1024, np.int32), 0
    some = np.empty(STRETCH, np.int32)
    for c in classes:
        slot = table.first[c]
        while slot != NIL:
            many = 0
            while slot != NIL and many < STRETCH:
                some[many] = slot
                many += 1
                slot = table.after[slot]
            if n + many > len(slots):
                slots = np.concatenate((slots, np.empty(n + many, np.int32)))
            n = _among(some[:many], c, slots, n, table, clocks, nation)
    return slots[:n].astype(np.int64)


@leaf
def _among(some: NDArray[np.int32], c: int, slots: NDArray[np.int32], n: int, table: Touched, clocks: Clocks, nation: Nation) -> int:
    """Those of some rows of class c whose time has come, added to the n that are known; gives how many there are now."""
    for k in range(len(some)):
        prefetch(table.rows, some[min(k + AHEAD, len(some) - 1)])
        row = table.rows[some[k]]
        if row.state == QUIET and row.queued == NEVER:
            phi = factor_at(row, nation.level[c], nation)
            if sooner(row, phi, clocks.before[c], clocks.horizon[c], nation):
                slots[n] = some[k]
                n += 1
    return n


@leaf
def enqueue_rows(slots: Ints, table: Touched, calendar: Calendar) -> None:
    """The keys of rows, into the queue."""
    for slot in slots:
        push(calendar, table.rows[slot].class_, table.rows[slot].queued, who_of(table, slot))
