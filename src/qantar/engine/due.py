"""Whom the clocks have overtaken: what is taken off the calendar is looked at again, because keys are bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf, prefetch
from qantar.engine.contacts import AHEAD
from qantar.engine.queue import Calendar, push, take_due
from qantar.engine.resident import Clocks, Nation, factor_at, left, sooner
from qantar.engine.touched import NIL, Touched, find, seek
from qantar.model.contract import Ints
from qantar.model.rules import NEVER, QUIET, clock_needed


@leaf
def due(key: Ints, who: Ints, slot: NDArray[np.int32], clocks: Clocks, table: Touched, calendar: Calendar, nation: Nation) -> int:
    """Everyone whose time the clocks have passed, to the front of `who`; gives how many. There must be room for the whole calendar."""
    taken = ready = 0
    for c in range(len(clocks.now)):
        if calendar.soonest[c] <= clocks.now[c]:
            taken = take_due(calendar, c, clocks.before[c], clocks.now[c], clocks.horizon[c], key, who, taken)
    for x in range(taken):
        prefetch(table.entries, seek(table, who[min(x + AHEAD, taken - 1)]))
        slot[x] = find(table, who[x])
    for x in range(taken):
        prefetch(table.rows, max(slot[min(x + AHEAD, taken - 1)], 0))
        if slot[x] == NIL or _is_due(key[x], who[x], table.rows[slot[x]], clocks, calendar, nation):
            who[ready] = who[x]
            ready += 1
    return ready


@leaf
def _is_due(key: int, i: int, row: Any, clocks: Clocks, calendar: Calendar, nation: Nation) -> bool:
    """Whether a touched resident's time has come. Who surfaces too early goes back with the true key."""
    if key != row.queued:
        return False
    row.queued = NEVER
    if row.state != QUIET:
        return False
    c = row.class_
    phi, before = factor_at(row, nation.level[c], nation), clocks.before[c]
    if clock_needed(left(row, phi, before), phi) <= clocks.now[c] - before:  # nobody is queued by a bound alone
        return True
    if sooner(row, phi, before, clocks.horizon[c], nation):
        push(calendar, c, row.queued, i)
    return False
