"""One resident whom something has happened to: work done, the clock at which they join, what a change of their contacts does.

Nothing is computed for someone whom nothing has happened to. A resident under a constant factor joins when the class clock
passes a fixed time; only a contact's move changes that time. In integers phi x (M2 - M0) = phi x (M1 - M0) + phi x (M2 - M1)
exactly: settling more or less often, or in another order, changes nothing.

Functions take the arrays and numbers they need, not the tuples: each array that is passed on costs two atomic counts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qantar.compiled import leaf
from qantar.draws import to_unit, word
from qantar.engine.touched import Touched, touch
from qantar.model.contract import Ints
from qantar.model.rules import NEVER, Law, clock_needed, factor, is_online, resistance, worn
from qantar.population.blocks import Blocks, class_of
from qantar.population.ties import Ties


class Clocks(NamedTuple):
    """Of each class, in 2^-48: pressure added up so far, and how far ahead everyone is listed or queued."""

    now: Ints
    horizon: Ints


class Nation(NamedTuple):
    """Everything a kernel needs to know about the population, and where the internet works."""

    blocks: Blocks
    ties: Ties
    law: Law
    level: Ints
    born: tuple[np.uint64, np.uint64]
    """keys of everybody's first resistance"""


@leaf
def touch_resident(i: int, where: int, table: Touched, clocks: Clocks, nation: Nation) -> int:
    """A row for a resident who has none, whose place in the index is `where`. An untouched one stands in the queue if below the horizon."""
    c = class_of(i, nation.blocks)
    r = resistance(to_unit(word(i, nation.born[0], nation.born[1])), nation.law.frailty)
    key = clock_needed(r, 256)
    return touch(table, where, i, c, r, key if key <= clocks.horizon[c] else NEVER)


@leaf
def settle(row: Any, now: int) -> None:
    """Work done since the last look is taken off the resistance."""
    row.left = worn(row.left, row.phi, now - row.since)
    row.since = now


@leaf
def join_time(row: Any) -> int:
    """Clock at which the resident of a row joins if nothing changes; NEVER if so."""
    needed = clock_needed(row.left, row.phi)
    return NEVER if needed == NEVER else row.since + needed


@leaf
def new_factor(row: Any, level: int, seed: int, fixed_line: float, factors: Ints) -> int:
    """The factor of the present counts of contacts."""
    return factor(row.local, row.online, row.harmed, row.online > 0 and is_online(row.who, level, seed, fixed_line), factors)


@leaf
def sooner(row: Any, horizon: int) -> bool:
    """Whether the resident must be queued: due before the horizon, and sooner than what stands in the queue."""
    key = join_time(row)
    if key <= horizon and key < row.queued:
        row.queued = key
        return True
    return False


@leaf
def retime(row: Any, now: int, horizon: int, level: int, seed: int, fixed_line: float, factors: Ints) -> bool:
    """Someone quiet whose contacts changed: settle, new factor; whether the new key must be queued."""
    settle(row, now)
    row.phi = new_factor(row, level, seed, fixed_line, factors)
    return sooner(row, horizon)
