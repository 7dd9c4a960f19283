"""One resident whom something has happened to: what is left of the resistance, the clock at which they join, a change of contacts.

Nothing is computed for someone whom nothing has happened to. A resident under a constant factor phi joins when the class clock M
passes a fixed time; only a contact's move changes that time. With R the resistance, and M1, M2, ... the clocks at which the factor
changed by d1, d2, ..., what is left at clock M is

    R - (phi - d1 - d2 - ...) M1 - ... - phi (M - Mk)  =  (R + d1 M1 + d2 M2 + ...) - phi M

The bracket is the `work` of a row, the factor follows from the row's counts: there is nothing else to settle. Both terms may run
over; their difference fits, so that it is right modulo 2^64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.draws import to_unit, word
from qantar.engine.touched import BOUND, ENDLESS, EXACT, Touched, touch
from qantar.model.contract import Ints
from qantar.model.rules import NEVER, QUIET, Law, clock_needed, factor, first_resistance, is_online, least_resistance
from qantar.population.blocks import Blocks
from qantar.population.ties import Ties


class Clocks(NamedTuple):
    """Of each class, in 2^-48: pressure added up so far, and how far ahead everyone is listed or queued."""

    now: Ints
    before: Ints
    """before the pressure of this step: what is left then fits 63 bits for everyone quiet"""
    horizon: Ints
    awake: NDArray[np.bool_]
    """whether there ever was pressure: a class that sleeps has no rows, and nobody in it is told anything (`EventEngine._wake`)"""


class Nation(NamedTuple):
    """Everything a kernel needs to know about the population, and where the internet works."""

    blocks: Blocks
    ties: Ties
    law: Law
    level: Ints
    """of internet, by class"""
    born: tuple[np.uint64, np.uint64]
    """keys of everybody's first resistance"""


@leaf
def touch_resident(i: int, c: int, where: int, table: Touched, clocks: Clocks, nation: Nation) -> int:
    """A row for a resident who has none, whose place in the index is `where`. An untouched one stands in the queue if below the horizon.

    Beyond the horizon a bound on the resistance will do until somebody needs more.
    """
    drawn = word(i, nation.born[0], nation.born[1])
    bound = least_resistance(drawn, nation.law.potential)
    if bound == NEVER:
        return touch(table, where, i, c, NEVER, ENDLESS, NEVER)
    if bound >> 8 > clocks.horizon[c]:
        return touch(table, where, i, c, bound, BOUND, NEVER)
    r = first_resistance(to_unit(drawn), nation.law.potential, nation.law.frailty)
    key = clock_needed(r, 256)
    return touch(table, where, i, c, r, ENDLESS if r == NEVER else EXACT, key if key <= clocks.horizon[c] else NEVER)


@leaf
def worked(phi: int, clock: int) -> np.uint64:
    """Factor times clock, modulo 2^64."""
    return np.uint64(phi) * np.uint64(clock)


@leaf
def left(row: Any, phi: int, clock: int) -> int:
    """What is left of the resistance, or of the bound below it, at a clock under the present factor."""
    return np.int64(row.work - worked(phi, clock))  # type: ignore[return-value]


@leaf
def factor_at(row: Any, level: int, nation: Nation) -> int:
    """The factor of the present counts of contacts at a level of internet."""
    law = nation.law
    connected = row.online > 0 and is_online(nation.blocks.class_start[row.class_] + int(row.offset), level, law.seed, law.fixed_line)
    return factor(row.local, row.online, row.harmed, connected, law.factors)


@leaf
def sooner(row: Any, phi: int, clock: int, horizon: int, nation: Nation) -> bool:
    """Whether the resident must be queued: due before the horizon, and sooner than what stands in the queue."""
    rest = left(row, phi, clock)
    if row.basis == ENDLESS or float(rest) > float(phi) * float(horizon - clock) * 1.000000001:  # far more than floats err
        return False
    if row.basis == BOUND:
        drawn = word(nation.blocks.class_start[row.class_] + int(row.offset), nation.born[0], nation.born[1])
        r = first_resistance(to_unit(drawn), nation.law.potential, nation.law.frailty)
        if r == NEVER:
            row.basis = ENDLESS
            return False
        row.work += np.uint64(r - least_resistance(drawn, nation.law.potential))
        row.basis = EXACT
        rest = left(row, phi, clock)
    key = clock + clock_needed(rest, phi)
    if key <= horizon and key < row.queued:
        row.queued = key
        return True
    return False


@leaf
def change(row: Any, local: int, online: int, harmed: int, clocks: Clocks, nation: Nation) -> bool:
    """So many more contacts of each kind; whether the resident is quiet and the new key must be queued."""
    if row.state != QUIET:
        row.local += local
        row.online += online
        row.harmed += harmed
        return False
    c = row.class_
    old = factor_at(row, nation.level[c], nation)
    row.local += local
    row.online += online
    row.harmed += harmed
    phi = factor_at(row, nation.level[c], nation)
    row.work += worked(phi, clocks.now[c]) - worked(old, clocks.now[c])
    return phi > old and sooner(row, phi, clocks.now[c], clocks.horizon[c], nation)
