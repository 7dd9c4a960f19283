"""Proper scores of probabilistic predictions, how often their intervals hold, and when two predictors are told apart.

In: predictions as probabilities, and what was recorded, as an interval [low, high]. Out: one penalty for each thing predicted; smaller is
better. A score is proper if nobody who believes G expects a smaller penalty by saying anything else.

    crps_days  integral of (F(z) - 1{y <= z})^2 dz (Gneiting and Raftery 2007, J. Am. Stat. Assoc. 102) without the stretch from low to
               high, where the record cannot say whether y <= z holds
    log_score  -log p, in nats; p = (k + 1/2) / (M + 1) where k of M histories show what happened, the same M for all that are compared
    brier      (p - happened)^2

The first is the threshold-weighted CRPS of Gneiting and Ranjan (2011, J. Bus. Econ. Stat. 29), weight 0 inside the interval, 1 outside.
It is proper (not strictly: how mass lies inside is not judged) where the stretch in doubt is a property of the reporting, left out
whatever happens. Where the interval moves with the outcome it is not (Rindt et al. 2022, AISTATS, on the survival CRPS). The log score
of an interval's mass is proper there too, if an interval is as likely whichever of its days was the true one; so it comes first.

With p from counts the log score is proper up to 1/(2M): the best forecast is off by at most that. Days are whole; "never" is the day
after the last, so that never instead of the last day costs one day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qantar.statistics import wilson

Floats = NDArray[np.float64]
HISTORIES = 400
"""M of every probability from counts, over all draws of the parameters."""
SEPARATED = 2.0
"""Standard errors below which two predictors are not separated."""


def outside(x: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """How far x lies below low (negative) or above high; 0 between them. Ends may be infinite.

    >>> outside([1.0, 2.5, 7.0], 2, 3).tolist(), outside(7.0, 2, np.inf).item()
    ([-1.0, 0.0, 4.0], 0.0)
    """
    value = np.asarray(x, dtype=float)
    return np.asarray(np.minimum(value - np.asarray(low), 0.0) + np.maximum(value - np.asarray(high), 0.0))


def crps_days(p: Floats, low: ArrayLike, high: ArrayLike) -> Floats:
    """CRPS, in days, of probabilities over whole days, shape (..., n_days + 1), the last for never; low and high from 0 to n_days.

    >>> crps_days(np.array([0.5, 0.5, 0.0]), 1, 1).item(), crps_days(np.array([0.5, 0.5, 0.0]), 0, 1).item()
    (0.25, 0.0)
    """
    day = np.arange(p.shape[-1] - 1)
    by = np.cumsum(p, axis=-1)[..., :-1]
    early, late = day < np.asarray(low)[..., None], day >= np.asarray(high)[..., None]
    return np.asarray((early * by**2 + late * (1 - by) ** 2).sum(axis=-1))


def probability(k: ArrayLike, m: int = HISTORIES) -> Floats:
    """Probability of what k of m histories show, never 0 or 1; k need not be whole.

    >>> probability([0, 1], 1).tolist()
    [0.25, 0.75]
    """
    return np.asarray((np.asarray(k, dtype=float) + 0.5) / (m + 1))


def log_score(k: ArrayLike, m: int = HISTORIES) -> Floats:
    """Nats lost where k of m histories show what happened: -log of `probability`; NaN where k is.

    >>> log_score(0).round(2).item()                       # the worst that can be said with 400 histories
    6.69
    """
    return np.asarray(-np.log(probability(k, m)))


def log_score_days(p: Floats, low: ArrayLike, high: ArrayLike, m: int = HISTORIES) -> Floats:
    """Nats lost on an onset known to lie between two days; p of shape (..., n_days + 1) is made as coarse as m histories would make it."""
    return log_score(m * mass(p, low, high), m)


def mass(p: Floats, low: ArrayLike, high: ArrayLike) -> Floats:
    """Probability of the days from low to high, shape (...).

    >>> mass(np.array([0.25, 0.25, 0.5]), 1, 2).item()
    0.75
    """
    day = np.arange(p.shape[-1])
    allowed = (day >= np.asarray(low)[..., None]) & (day <= np.asarray(high)[..., None])
    return np.asarray((p * allowed).sum(axis=-1))


def brier(p: ArrayLike, happened: ArrayLike) -> Floats:
    """Squared error of a probability (Brier 1950, Mon. Weather Rev. 78), 0 to 1; NaN where it is not known whether it happened.

    >>> brier([0.25, 1.0], [1, 1]).tolist()
    [0.5625, 0.0]
    """
    return np.asarray((np.asarray(p, dtype=float) - np.asarray(happened, dtype=float)) ** 2)


def event_scores(p: Floats, happened: Floats, m: int) -> tuple[Floats, Floats]:
    """Log and Brier score of probabilities, made as coarse as m histories make them; NaN where it is not known whether it happened."""
    said = np.where(np.isnan(happened), np.nan, np.where(happened == 1, p, 1 - p))
    return log_score(m * said, m), brier(p, happened)


def auc(p: Floats, happened: NDArray[np.bool_]) -> float:
    """How often what happened had been given a higher probability than what did not, equal ones counting half; NaN without both.

    The area under the ROC curve (Hanley and McNeil 1982, Radiology 143); it knows of no calibration, only of order.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    from scipy.stats import rankdata

    hits = int(happened.sum())
    misses = len(happened) - hits
    if not hits or not misses:
        return math.nan
    return float((rankdata(p)[happened].sum() - hits * (hits + 1) / 2) / (hits * misses))


@dataclass(frozen=True)
class Share:
    """Hits among cases, with its 95 % interval (which takes the cases for independent)."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """NaN of nothing."""
        return self.hits / self.of if self.of else math.nan

    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        return wilson(self.hits, self.of)


def coverage_days(p: Floats, low: ArrayLike, high: ArrayLike, level: float = 0.9) -> tuple[Share, Share]:
    """How often central intervals of whole days hold what was recorded: for certain (all of [low, high]), and possibly (a part of it).

    The central interval runs from the first day by which (1 - level) / 2 of the probability lies to the first by which (1 + level) / 2
    does, so it holds at least `level`: days are whole, and a forecast that is sure of one day has an interval of one. Shapes as in
    `crps_days`.

    >>> sure, possible = coverage_days(np.array([[0.02, 0.48, 0.48, 0.02]] * 3), [1, 2, 3], [2, 3, 3])      # from day 1 to day 2
    >>> sure.share, possible.share
    (0.3333333333333333, 0.6666666666666666)
    """
    by = np.cumsum(p, axis=1)
    first, last = (np.argmax(by >= share - 1e-12, axis=1) for share in ((1 - level) / 2, (1 + level) / 2))
    a, b = np.asarray(low), np.asarray(high)
    return Share(int(((a >= first) & (b <= last)).sum()), len(a)), Share(int(((b >= first) & (a <= last)).sum()), len(a))


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences over n regions, and its standard error; NaN where there are fewer than two."""

    mean: float
    se: float
    n: int

    @property
    def separated(self) -> bool:
        """Whether the mean is at least two standard errors from zero."""
        return bool(told_apart(np.array(self.mean), np.array(self.se)))

    def interval(self) -> tuple[float, float]:
        """Mean less and plus two standard errors."""
        return self.mean - SEPARATED * self.se, self.mean + SEPARATED * self.se


def told_apart(mean: Floats, se: Floats) -> NDArray[np.bool_]:
    """The one rule of "separated", elementwise; a difference that is nothing never is, nor one whose error is not known.

    >>> told_apart(np.array([2.0, 1.9, 0.0, 1.0]), np.array([1.0, 1.0, 0.0, np.nan])).tolist()
    [True, False, False, False]
    """
    return np.asarray((np.abs(mean) >= SEPARATED * se) & (mean != 0))


def paired(a: Floats, b: Floats | float) -> Difference:
    """Score a less score b, region by region; pairs with a blank are left out. Against 0 it is the mean of one score.

    The standard error takes regions for independent. In one country's week they are not: it is a lower bound.

    >>> d = paired(np.array([1.0, 3.0, np.nan]), np.array([0.0, 1.0, 5.0]))
    >>> d.mean, d.se, d.n, d.separated
    (1.5, 0.5, 2, True)
    """
    differences = a - b
    known = differences[~np.isnan(differences)]
    n = len(known)
    if not n:
        return Difference(math.nan, math.nan, 0)
    return Difference(float(known.mean()), float(known.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan, n)
