"""The rules for one resident: scalar functions, compiled, used by every engine.

A resident draws a resistance E once per episode. While quiet, work is done on it at the rate of the class's pressure times
a factor phi of active contacts; when the work reaches E, the resident joins (Sellke 1983, J. Appl. Probab. 20: an epidemic
seen through resistances). All of it is held in integers, so that no order of additions can matter:

    clock M      of a class, in 2^-48: its pressure added up over the steps
    factor phi   in 2^-8, 256 for someone without active contacts
    resistance R in 2^-56: what is left of E

Work is factor times clock, so 2^-8 x 2^-48 = 2^-56: exact. Ranges, so that no product overflows 63 bits:
a step adds at most 4 to a clock and a history has at most 4,096 steps (M <= 2^62, so that twice M fits); R is below 128 (2^63) or NEVER;
phi is 1/8 to 4,096; R / phi is at most 2^58; and phi x (M - M0) stays below R, for someone who has not joined.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.draws import Purpose, stream, to_unit, uniform, word

QUIET, PROTESTING, DETAINED, WITHDRAWN, DEAD, FIGHTING = range(6)
STATES = ("quiet", "protesting", "detained", "withdrawn", "dead", "fighting")
N_STATES = 6

CLOCK, FACTOR, RESISTANCE = 2**48, 2**8, 2**56
NEVER = 2**63 - 1
STEP_MAX = 4 * CLOCK
FACTOR_MIN, FACTOR_MAX = 32, 2**20
LESS = 1 - 1e-12
"""Less than one by more than a few operations round."""

NONE, MOBILE_CUT, FULL = range(3)
LEVELS = ("none", "mobile cut", "full")
"""Internet in a place. Under a mobile cut those with a fixed line stay online."""

_RESISTANCE = int(Purpose.RESISTANCE)
_FIXED_LINE = int(Purpose.FIXED_LINE)
_EXIT = int(Purpose.EXIT)
_QUOTA = int(Purpose.QUOTA)

QUOTAS = ((PROTESTING, DEAD), (PROTESTING, DETAINED), (WITHDRAWN, DETAINED), (FIGHTING, DEAD), (FIGHTING, DETAINED))
"""Moves of which a whole number happens in each place and step, in this order; the smallest keyed draws are taken."""
KILLING = tuple(k for k, (_, new) in enumerate(QUOTAS) if new == DEAD)
TAKING = tuple(k for k, (_, new) in enumerate(QUOTAS) if new == DETAINED)
"""Numbers of the quotas that kill and that detain."""


class Law(NamedTuple):
    """What holds for all residents through one history."""

    seed: int
    frailty: float
    """variance-like spread of resistances, >= 0; 0: exponential"""
    potential: float
    """share of residents who would take part in this wave at all, 0 to 1"""
    factors: NDArray[np.int64]
    """phi in 2^-8 by (contacts active in person, active online, killed or detained in person), each capped at the edge"""
    fixed_line: float
    """share of residents who stay online under a mobile cut"""


@leaf
def resistance(u: float, frailty: float) -> int:
    """Resistance in 2^-56 for a uniform draw: exponential with mean 1 under a gamma frailty of variance `frailty`.

    E = k ((1 - u)^(-1/k) - 1) with k = 1 / frailty, so P(E > x) = (1 + x/k)^(-k): a Lomax law, exponential for frailty 0
    (Vaupel, Manton and Stallard 1979, Demography 16, for gamma frailty). 128 or more counts as never.

    >>> resistance(0.5, 0.0) / 2**56                      # the median of an exponential: log 2
    0.6931471805599453
    >>> resistance(0.75, 1.0) / 2**56                     # P(E > 3) = 1/4
    3.0
    >>> resistance(1 - 2**-52, 2.0) == NEVER
    True
    """
    exponential = -math.log1p(-u)
    e = exponential if frailty == 0.0 else math.expm1(exponential * frailty) / frailty
    if e >= 127.999:
        return NEVER
    return max(1, int(np.rint(e * RESISTANCE)))


@leaf
def first_resistance(u: float, potential: float, frailty: float) -> int:
    """The resistance of the first episode: NEVER for those outside the mobilization potential (Klandermans and Oegema 1987, Am. Sociol.
    Rev. 52), who are those with the largest draws; what is left of the draw of the others is uniform again.

    >>> first_resistance(0.25, 0.5, 0.0) == resistance(0.5, 0.0), first_resistance(0.5, 0.5, 0.0) == NEVER
    (True, True)
    """
    share = u / potential if u < potential else 1.0
    return NEVER if share >= 1.0 else resistance(share, frailty)


@leaf
def least_resistance(drawn: np.uint64, potential: float) -> int:
    """A bound below the first resistance of a draw of 64 bits, whatever the frailty: E >= -log(1 - u) >= u. Costs no logarithm.

    >>> round(least_resistance(np.uint64(2**63), 1.0) / 2**56, 9)         # u = 1/2
    0.5
    >>> least_resistance(np.uint64(2**63), 0.4) == NEVER
    True
    """
    share = to_unit(drawn) / potential * LESS if potential > 0.0 else 1.0
    return NEVER if share >= 1.0 else int(share * RESISTANCE)


@leaf
def own_resistance(i: int, episode: int, law: Law) -> int:
    """The resistance of a resident in an episode, from identity alone; who has joined once is within the potential."""
    u = to_unit(word(i, *stream(law.seed, _RESISTANCE, 0, episode)))
    return resistance(u, law.frailty) if episode else first_resistance(u, law.potential, law.frailty)


@leaf
def birth_keys(seed: int) -> tuple[np.uint64, np.uint64]:
    """Keys of everybody's first resistance."""
    return stream(seed, _RESISTANCE, 0, 0)


@leaf
def advance(a: float, g: float, b: float, dt: float) -> int:
    """What a step of dt hours adds to a clock at the pressure a g + b per hour, in 2^-48; at most 4.

    >>> advance(0.25, 2.0, 0.0, 1.0) == 2**47
    True
    """
    pressure = a * g + b
    return int(np.rint(min(pressure * dt, 4.0) * CLOCK)) if pressure > 0.0 else 0  # not a number: no pressure


@leaf
def factor(x_local: int, x_online: int, x_harmed: int, connected: bool, factors: NDArray[np.int64]) -> int:
    """Phi in 2^-8 for these counts of contacts; online ones count for someone who is online only."""
    a, b, c = factors.shape
    return factors[min(x_local, a - 1), min(x_online, b - 1) if connected else 0, min(x_harmed, c - 1)]  # type: ignore[no-any-return]


@leaf
def clock_needed(r: int, phi: int) -> int:
    """How far the clock must run until the work reaches r: ceil(r / phi); NEVER stays NEVER.

    >>> clock_needed(1000, 256), clock_needed(1024, 256)
    (4, 4)
    """
    return NEVER if r == NEVER else (r + (phi - 1 if r <= NEVER - phi else 0)) // phi


@leaf
def worn(r: int, phi: int, advanced: int) -> int:
    """What is left of r after the clock ran on by `advanced` without reaching it."""
    return r if r == NEVER else r - phi * advanced


@leaf
def is_online(i: int, level: int, seed: int, fixed_line: float) -> bool:
    """Whether a resident is online at a level of internet in the place."""
    if level == MOBILE_CUT:
        return uniform(seed, _FIXED_LINE, i, 0, 0) < fixed_line
    return level == FULL


@leaf
def is_active(state: int) -> bool:
    """Whether contacts see someone in this state acting."""
    return state in (PROTESTING, FIGHTING)


@leaf
def is_harmed(state: int) -> bool:
    """Whether contacts see someone in this state as killed or detained."""
    return state in (DETAINED, DEAD)


@leaf
def exit_keys(step: int, seed: int) -> tuple[np.uint64, np.uint64]:
    """Keys of a step's draws of those who are not quiet."""
    return stream(seed, _EXIT, 0, step)


@leaf
def next_state(i: int, state: int, step: int, p: NDArray[np.float64], seed: int) -> int:
    """Where someone who is not quiet goes; p[next] are probabilities in this step, what is missing from 1 stays."""
    return following(to_unit(word(i, *exit_keys(step, seed))), state, p)


@leaf
def following(u: float, state: int, p: NDArray[np.float64]) -> int:
    """The next state for a draw."""
    total = 0.0
    for new in range(len(p)):
        total += p[new]
        if u < total:
            return new
    return state


@leaf
def lot_keys(quota: int, step: int, seed: int) -> tuple[np.uint64, np.uint64]:
    """Keys of the lots of a quota in a step."""
    return stream(seed, _QUOTA, quota, step)


@leaf
def lot(i: int, quota: int, step: int, seed: int) -> np.uint64:
    """The draw that decides who is taken; the smallest are."""
    return word(i, *lot_keys(quota, step, seed))


@leaf
def word_below(clock: int, frailty: float, potential: float) -> np.uint64:
    """A bound on the draw (64 bits) of anyone who could join untouched before the clock shows this, rounded up: of those within the
    potential, the share 1 - P(E > M).

    >>> 0.632 < word_below(2**48, 0.0, 1.0) / 2**64 < 0.633                     # 1 - exp(-1)
    True
    """
    m = clock / CLOCK
    exponential = m if frailty == 0.0 else math.log1p(m * frailty) / frailty
    u = potential * -math.expm1(-exponential) * (1 + 1e-9) + 1e-15
    return np.uint64(0xFFFFFFFFFFFFFFFF) if u >= 1.0 - 1e-9 else np.uint64(u * 18446744073709551616.0)
