"""What a fit is worth: coverage on simulated records, what was learned and what cannot be told apart.

In: a table of draws of the priors with their summaries, and the particles of a calibration. Everything is done on normal scores of
the place of a parameter in its prior, where every prior is a standard normal law, so that 1 is "as wide as the prior".

Coverage: histories of the table play the record in turn, are left out, and the share of intervals that hold the true value is counted
(Prangle, Blum, Popovic and Sisson 2014, Aust. N. Z. J. Stat. 56; Talts et al. 2018, arXiv 1804.06788, on ranks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEVELS = (0.5, 0.8, 0.95)
LEARNED, NOT_LEARNED, RIDGE_AT = 0.25, 0.1, 0.4
"""Words: narrowing above which something was learned, below which nothing was; correlation from which on two parameters form a ridge."""


def scores_of(points: Floats) -> Floats:
    """Normal scores of places in the prior, shape as given."""
    from scipy.special import ndtri

    return np.asarray(ndtri(points))


def nearest(summaries: Floats, record: Floats, n: int, spread: Floats) -> tuple[Ints, Floats]:
    """The n draws nearest to a record and their Epanechnikov weights."""
    far = np.sqrt((((summaries - record) / spread) ** 2).mean(axis=1))
    order = np.argsort(far, kind="stable")[: n + 1]
    width = max(float(far[order[-1]]), 1e-12)
    rows = order[:n]
    return rows, np.maximum(1e-6, 1 - (far[rows] / width) ** 2)


@dataclass(frozen=True)
class Coverage:
    """How often intervals hold the truth: one row a parameter and level."""

    parameter: str
    level: float
    held: int
    of: int
    low: float
    high: float
    """what binomial chance allows, 99.9 % of the time"""

    @property
    def holds(self) -> bool:
        """Whether the share lies within chance of the level."""
        return self.low <= self.held / self.of <= self.high


def leave_one_out(
    scores: Floats,
    summaries: Floats,
    rows: Sequence[int] | Ints,
    *,
    near: int = 300,
    tie: Callable[[int, int], float],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Floats:
    """Rank of each true score among those of the nearest other draws, between 0 and 1, shape (rows, parameters).

    Parameters
    ----------
    scores : of the parameters that are checked, shape (draws, parameters)
    rows : draws that play the record in turn
    near : draws that stand for the posterior
    tie : a uniform number for a row and a parameter, which breaks ties between ranks, so that ranks are uniform and not lumped
    """
    spread = np.maximum(summaries.std(axis=0), 1e-9)
    ranks = np.empty((len(rows), scores.shape[1]))
    for k, row in enumerate(rows):
        others = np.delete(np.arange(len(scores)), row)
        chosen, w = nearest(summaries[others], summaries[row], near, spread)
        below = ((scores[others[chosen]] < scores[row]) * w[:, None]).sum(axis=0)
        ties = np.array([tie(int(row), p) for p in range(scores.shape[1])])
        ranks[k] = (below + ties * w.mean()) / (w.sum() + w.mean())
        progress(k + 1, len(rows))
    return ranks


def coverage(ranks: Floats, names: Sequence[str]) -> list[Coverage]:
    """Shares of central intervals that hold the truth, from ranks, with what chance allows.

    >>> uniform = (np.arange(1000)[:, None] + 0.5) / 1000
    >>> [(c.level, c.held, c.holds) for c in coverage(uniform, ["a"])]
    [(0.5, 500, True), (0.8, 800, True), (0.95, 950, True)]
    >>> [c.holds for c in coverage(0.25 + uniform / 2, ["a"])]    # intervals twice too wide
    [False, False, False]
    """
    from scipy.stats import binom

    found = []
    n = len(ranks)
    for p, name in enumerate(names):
        for level in LEVELS:
            held = int((np.abs(ranks[:, p] - 0.5) <= level / 2).sum())
            low, high = (float(x) / n for x in binom.ppf((0.0005, 0.9995), n, level))
            found.append(Coverage(name, level, held, n, low, high))
    return found


def uniformity(ranks: Floats) -> Floats:
    """P-value that ranks are uniform, a parameter each (Kolmogorov-Smirnov), shape (parameters,)."""
    from scipy.stats import kstest

    return np.array([kstest(column, "uniform").pvalue for column in ranks.T])


@dataclass(frozen=True)
class Learned:
    """What a record says of one parameter: quantiles of its value before and after, and how much narrower it became."""

    parameter: str
    prior: tuple[float, float, float]
    posterior: tuple[float, float, float]
    """5 %, 50 %, 95 %, in the parameter's unit"""
    narrowing: float
    """1 - standard deviation of the score after, over that before (1): 0 nothing learned, 1 known exactly"""
    low: float
    high: float
    """95 % interval of the narrowing over bootstrap samples of particles' ancestors"""

    @property
    def word(self) -> str:
        """learned, hardly or not: by the interval, not by the middle."""
        return "learned" if self.low > LEARNED else "not" if self.high < LEARNED and self.low <= NOT_LEARNED else "hardly"


def narrowing(scores: Floats, families: Ints, pick: Callable[[int, int], float], times: int = 200) -> tuple[Floats, Floats, Floats]:
    """Narrowing of each score and its 95 % interval; families are resampled, because copies of one ancestor are no news.

    Parameters
    ----------
    scores : shape (particles, parameters)
    families : ancestor of each particle, shape (particles,)
    pick : a uniform number for a resample and a place in it
    """
    names = np.unique(families)
    middle = np.asarray(1 - scores.std(axis=0))
    if len(names) < 2:  # a single ancestor: how others would have fared is not known
        return middle, np.minimum(middle, 0.0), np.ones_like(middle)
    members = [np.flatnonzero(families == f) for f in names]
    found = []
    for t in range(times):
        rows = np.concatenate([members[int(pick(t, k) * len(names))] for k in range(len(names))])
        found.append(1 - scores[rows].std(axis=0))
    low, high = (np.asarray(np.quantile(np.array(found), q, axis=0)) for q in (0.025, 0.975))
    return middle, low, high


def ridges(scores: Floats, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Pairs of parameters that the record ties together without telling them apart: those with correlated scores, strongest first."""
    if len(scores) < 3:
        return []
    r = np.atleast_2d(np.corrcoef(scores.T))
    pairs = [(names[i], names[j], float(r[i, j])) for i in range(len(names)) for j in range(i) if abs(r[i, j]) >= RIDGE_AT]
    return sorted(pairs, key=lambda x: -abs(x[2]))


def effective_families(families: Ints) -> float:
    """How many independent ancestors particles stand for: 1 / sum of squared shares.

    >>> effective_families(np.array([0, 0, 1, 1]))
    2.0
    """
    shares = np.bincount(families) / len(families)
    return float(1 / (shares**2).sum()) if len(families) else math.nan
