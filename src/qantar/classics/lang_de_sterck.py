"""The Arab Spring as a compartmental model (Lang and De Sterck 2014, Math. Soc. Sci. 69: 12-21; arXiv 1210.1841).

    dr/dt = c1 v(r) (1 - r) - c2 p(r) r        r share of people who take part
    v(r)  = 1 if r > 1 - alpha, else 0         a revolution is seen once it is large enough; alpha visibility
    p(r)  = 1 if r < beta, else 0              police can act up to a size; beta capacity of the police
    c*    = c1 / (c1 + c2)                     where growth and decay balance if both are at work

    region               where                       ends of r, by where it starts
    failed state         beta < 1 - alpha            0 below beta; where it is up to 1 - alpha; 1 above
    stable               c* < 1 - alpha < beta       0 below beta; 1 above
    meta-stable          1 - alpha < c* < beta       0 below 1 - alpha; c* below beta; 1 above
    unstable             1 - alpha < beta < c*       0 below 1 - alpha; 1 above

What is taken: what happens exactly at a step of v or p is left out (no start lies there). The paper also has smooth steps; these are sharp.
Names of regions are those of the abstract, given in the order in which a small revolution has an ever easier time. The four sets of numbers
are ours: one a region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
STARTS = (np.arange(1000) + 0.5) / 1000
STEP, STEPS = 0.02, 2000
NEAR = 1e-3
"""Ends that are nearer are one."""


class Regime(NamedTuple):
    """A country."""

    alpha: float
    beta: float
    c1: float
    c2: float

    @property
    def balance(self) -> float:
        """c*."""
        return self.c1 / (self.c1 + self.c2)


REGIMES: Mapping[str, Regime] = {
    "stable": Regime(0.4, 0.8, 1.0, 1.0),
    "meta_stable": Regime(0.7, 0.7, 1.0, 1.0),
    "unstable": Regime(0.7, 0.5, 1.4, 0.6),
    "failed": Regime(0.3, 0.3, 1.0, 1.0),
}


class End(NamedTuple):
    """Where starts between two values end; NaN if each stays where it is."""

    low: float
    high: float
    end: float


def rate(r: Floats, regime: Regime) -> Floats:
    """dr/dt."""
    seen, policed = r > 1 - regime.alpha, r < regime.beta
    return regime.c1 * seen * (1 - r) - regime.c2 * policed * r


def stated(regime: Regime) -> list[End]:
    """Ends as the paper's analysis has them: the table above."""
    alpha, beta = 1 - regime.alpha, regime.beta
    if beta < alpha:
        return [End(0, beta, 0), End(beta, alpha, np.nan), End(alpha, 1, 1)]
    if regime.balance < alpha:
        return [End(0, beta, 0), End(beta, 1, 1)]
    if regime.balance < beta:
        return [End(0, alpha, 0), End(alpha, beta, regime.balance), End(beta, 1, 1)]
    return [End(0, alpha, 0), End(alpha, 1, 1)]


def found(regime: Regime) -> list[End]:
    """Ends that are found by following the equation from a thousand starts (Runge and Kutta's method).

    >>> [(round(e.high, 2), round(e.end, 2)) for e in found(REGIMES["meta_stable"])]
    [(0.3, 0.0), (0.7, 0.5), (1.0, 1.0)]
    """
    r = STARTS.copy()
    for _ in range(STEPS):
        k1 = rate(r, regime)
        k2 = rate(r + STEP / 2 * k1, regime)
        k3 = rate(r + STEP / 2 * k2, regime)
        r += STEP / 6 * (k1 + 2 * k2 + 2 * k3 + rate(r + STEP * k3, regime))
    still = r == STARTS
    ends = np.where(still, np.nan, r)
    parts = np.flatnonzero((still[1:] != still[:-1]) | (np.abs(np.diff(np.nan_to_num(ends, nan=-1.0))) > NEAR)) + 1
    edges = [0.0, *((STARTS[parts] + STARTS[parts - 1]) / 2).tolist(), 1.0]
    middles = [float(np.median(part)) for part in np.split(ends, parts)]
    return [End(low, high, end) for low, high, end in zip(edges[:-1], edges[1:], middles, strict=True)]
