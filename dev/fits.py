"""Fits behind the priors: sizes that are known within bounds, intervals by drawing anew.

Nothing here knows of a data set; `priors.py` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
SEED = 20251
DRAWS = 400


class Sizes(NamedTuple):
    """Log size = level + slope x + sd x normal."""

    level: float
    slope: float
    sd: float


def fit_sizes(low: Floats, high: Floats, x: Floats, least: float = 0.0) -> Sizes:
    """Sizes known to lie between `low` and `high` (equal: known), on x, where none below `least` is ever seen: maximum likelihood.

    A size that is known counts by its density, one that is not by the chance of the interval; both are divided by the chance
    that a size is at least `least`.
    """
    exact, least_log = low >= high, np.log(least) if least > 0 else -np.inf
    a, b = np.log(low), np.log(np.maximum(high, low))

    def surprise(theta: Floats) -> float:
        mean, sd = theta[0] + theta[1] * x, np.exp(theta[2])
        from_a, from_b = (a - mean) / sd, (b - mean) / sd
        known = -(from_a**2) / 2 - np.log(sd * np.sqrt(2 * np.pi))
        within = np.log(np.maximum(ndtr(from_b) - ndtr(from_a), 1e-300))
        return -float(np.sum(np.where(exact, known, within) - log_ndtr((mean - least_log) / sd)))

    start = np.array([np.mean((a + b) / 2), 0.2, 0.2])
    found = minimize(surprise, start, method="Nelder-Mead", options={"maxiter": 2000, "xatol": 1e-4, "fatol": 1e-4})
    return Sizes(float(found.x[0]), float(found.x[1]), float(np.exp(found.x[2])))


def redraws(n: int, draws: int) -> list[Ints]:
    """Which of n cases are in each of some samples, drawn with replacement."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, n, n) for _ in range(draws)]


def drawn_anew(n: int, estimate: Callable[[Ints], float], draws: int = DRAWS) -> tuple[float, float]:
    """The middle 95 % of an estimate when its n cases are drawn anew with replacement."""
    values = [estimate(k) for k in redraws(n, draws)]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def left_out(n: int, estimate: Callable[[Ints], float]) -> tuple[float, float]:
    """The smallest and largest value of an estimate with one case left out."""
    values = [estimate(np.delete(np.arange(n), k)) for k in range(n)]
    return min(values), max(values)


def slope(x: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Of a straight line through points."""
    w = np.ones_like(x) if weight is None else weight
    mean = np.average(x, weights=w)
    return float(np.sum(w * (x - mean) * y) / np.sum(w * (x - mean) ** 2))
