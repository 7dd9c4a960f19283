"""Fits behind the priors: sizes that are known within bounds, days on which cities rally, intervals by drawing anew.

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


class Hazards(NamedTuple):
    """Coefficients of a log hazard and their standard errors."""

    value: Floats
    error: Floats


def fit_hazards(happened: Bools, columns: Floats, group: Ints, cluster: Ints) -> Hazards:
    """Whether something happened in a cell: chance 1 - exp(-exp(effect of the group + columns x coefficients)).

    Groups have effects of their own (days, or cities), which are found with the coefficients. Cells are taken to be alike within a
    cluster: errors add up the scores of each before they are squared (sandwich). Groups in which it never or always happened say
    nothing about the coefficients and are left out.
    """
    share = np.bincount(group, happened) / np.maximum(np.bincount(group), 1)
    keep = (share > 0) & (share < 1)
    cells = keep[group]
    y, x = happened[cells].astype(float), columns[cells]
    _, first, g = np.unique(group[cells], return_index=True, return_inverse=True)
    c = np.unique(cluster[cells], return_inverse=True)[1]
    n = g.max() + 1
    beta = np.zeros(x.shape[1])
    effect = np.log(-np.log1p(-np.bincount(g, y) / np.bincount(g)))
    for _ in range(100):
        score, weight = _cells(y, np.clip(effect[g] + x @ beta, -30.0, 3.0))
        centred, own, information = _centred(x, weight, g, n)
        step = np.linalg.solve(information, centred.T @ score)
        of_group = np.bincount(g, score, n) / own
        mean = x[first] - centred[first]
        beta = beta + np.clip(step, -1.0, 1.0)
        effect = effect + np.clip(of_group - mean @ step, -1.0, 1.0)
        if np.abs(step).max() < 1e-7:
            break
    score, weight = _cells(y, np.clip(effect[g] + x @ beta, -30.0, 3.0))
    centred, _, information = _centred(x, weight, g, n)
    each = np.stack([np.bincount(c, score * column) for column in centred.T], axis=1)
    inverse = np.linalg.inv(information)
    return Hazards(beta, np.sqrt(np.diag(inverse @ (each.T @ each) @ inverse)))


def _cells(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    """Slope and expected curvature of the log likelihood of each cell in its log hazard."""
    mean = np.exp(eta)
    missed = np.exp(-mean)
    score = y * mean * missed / -np.expm1(-mean) - (1 - y) * mean
    return score, mean**2 * missed / -np.expm1(-mean)


def _centred(x: Floats, weight: Floats, g: Ints, n: int) -> tuple[Floats, Floats, Floats]:
    """Columns less their weighted mean in the group, weight of each group, information about the coefficients."""
    own: Floats = np.bincount(g, weight, n).astype(np.float64)
    mean = np.stack([np.bincount(g, weight * column, n) / own for column in x.T], axis=1)
    centred = x - mean[g]
    return centred, own, centred.T @ (weight[:, None] * centred)


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
