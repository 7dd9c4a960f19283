"""Thresholds: who joins when how many others have (Granovetter 1978, Am. J. Sociol. 83: 1420-1443).

    threshold   the number of others who must be out before somebody joins
    F(x)        share of people whose threshold is at most x
    outcome     the least r with r = n F(r): nobody more joins

What the paper leaves open, and what is taken: of thresholds drawn from a normal distribution those below 0 join at once and those above n
never; the crowd is taken as a number that need not be whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def joined(thresholds: Sequence[float]) -> int:
    """How many join in the end.

    >>> joined(range(100)), joined([0, 2, *range(2, 100)])
    (100, 1)
    """
    crowd = 0
    for threshold in sorted(thresholds):
        if threshold > crowd:
            break
        crowd += 1
    return crowd


def normal_cdf(z: float) -> float:
    """Share of a standard normal distribution below z."""
    return math.erfc(-z / math.sqrt(2)) / 2


def normal_outcome(sd: float, mean: float = 25.0, n: int = 100, steps: int = 1_000_000) -> float:
    """How many join in the end of n with normal thresholds: the crowd of the day before decides who is out today, from nobody on.

    >>> round(normal_outcome(10.0), 2), round(normal_outcome(13.0), 1)
    (0.77, 100.0)
    """
    crowd = 0.0
    for _ in range(steps):
        before, crowd = crowd, n * normal_cdf((crowd - mean) / sd)
        if crowd - before < 1e-12:
            break
    return crowd


def critical_sd(mean: float = 25.0, n: int = 100) -> tuple[float, float]:
    """The standard deviation at which the outcome jumps, and the outcome just before.

    There n F(x) touches x with slope 1. With z = (x - mean) / sd that is sd = n phi(z) and mean + n z phi(z) = n Phi(z), solved by halving.

    >>> [round(x, 3) for x in critical_sd()]
    [12.222, 6.2]
    """

    def density(z: float) -> float:
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    low, high = -4.0, -1.0
    for _ in range(60):
        z = (low + high) / 2
        low, high = (z, high) if mean + n * z * density(z) > n * normal_cdf(z) else (low, z)
    return n * density(z), n * normal_cdf(z)
