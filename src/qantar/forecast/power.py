"""What a paired comparison on a record this small can tell apart, known before it is made.

In: two known forecasters of onset days and the intervals of a record. Out: the smallest mean difference of their log scores that the rule
of two standard errors separates with the power asked for.

One forecaster is the truth: onsets are drawn from it, region by region. The other is moved towards its rival, in proportion to
truth^(1 - w) rival^w day by day, and w is halved in until the power is as asked: the mean difference then shrinks with w^2, its standard
error with w. (A mixture would not do. Near the truth its differences are w (1 - rival / truth), so skewed that a small record without the
rare case is "separated" however small w is.) No probability counts as less than that of no history in M.

Each onset is then hidden as in the record: in a region whose interval has k days, all k intervals that hold the drawn day are equally
likely; where the record says "not before", the day is known before then and not after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.scores import HISTORIES, Difference, Share, log_score_days, paired, probability, told_apart
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HALVINGS = 12


@dataclass(frozen=True)
class Detectable:
    """What a comparison of this size separates: `difference` in nats a region, with its interval over simulated records."""

    difference: Difference
    power: Share
    """records that are separated, the truth being better"""
    wrong: Share
    """records that are separated, the truth being worse"""
    weight: float
    """of the rival; 1 where even the rival itself is not separated with the power asked for"""


def hidden(day: Ints, low: Ints, high: Ints, u: Floats, *, never: int) -> tuple[Ints, Ints]:
    """Intervals of drawn days, as wide as those of the record; all of shape (..., regions), u between 0 and 1.

    >>> a, b = hidden(np.array([3, 3, 7]), np.array([1, 2, 5]), np.array([1, 4, 9]), np.array([0.5, 0.99, 0.5]), never=9)
    >>> a.tolist(), b.tolist()
    ([3, 1, 5], [3, 3, 9])
    """
    width = high - low
    first = day - np.floor(u * (width + 1)).astype(np.int64)
    open_end = high >= never
    after = open_end & (day >= low)
    a = np.where(after, low, np.where(open_end, day, np.maximum(first, 0)))
    b = np.where(after, never, np.where(open_end, day, np.minimum(first + width, never)))
    return a, b


def between(truth: Floats, rival: Floats, weight: float, m: int = HISTORIES) -> Floats:
    """A forecaster on the way from the truth (weight 0) to its rival (1), both of shape (regions, n_days + 1).

    >>> between(np.array([[0.8, 0.2]]), np.array([[0.2, 0.8]]), 0.5).tolist()
    [[0.5, 0.5]]
    """
    least = float(probability(0, m))
    p = np.maximum(truth, least) ** (1 - weight) * np.maximum(rival, least) ** weight
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def score_differences(truth: Floats, other: Floats, intervals: tuple[Ints, Ints], u: Floats, m: int = HISTORIES) -> Floats:
    """Log score of the other less that of the truth, shape (records, regions), from luck u of shape (records, regions, 2)."""
    never = truth.shape[1] - 1
    day = np.minimum((u[:, :, :1] > np.cumsum(truth, axis=1)).sum(axis=2), never)
    low, high = hidden(day, *intervals, u[:, :, 1], never=never)
    return log_score_days(other, low, high, m) - log_score_days(truth, low, high, m)


def detectable(
    truth: Floats,
    rival: Floats,
    intervals: tuple[Ints, Ints],
    *,
    power: float = 0.8,
    records: int = 1000,
    seed: int = 1,
    m: int = HISTORIES,
) -> Detectable:
    """The smallest mean difference of log scores that is separated with this power, on records like this one.

    Parameters
    ----------
    truth, rival : shape (regions, n_days + 1), rows sum to 1
    intervals : low and high of the record's onsets, shape (regions,); n_days stands for never
    records : simulated; the same luck serves all weights
    """
    keys = (StudyKey.RECORD_DAY, StudyKey.RECORD_INTERVAL)
    u = np.array([[[lot(seed, key, i, r) for key in keys] for r in range(len(truth))] for i in range(records)])

    def at(weight: float) -> Detectable:
        found = score_differences(truth, between(truth, rival, weight, m), intervals, u, m)
        mean, se = found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(len(truth))
        apart = told_apart(mean, se)
        right, wrong = (Share(int((apart & better).sum()), records) for better in (mean > 0, mean < 0))
        return Detectable(paired(mean, 0.0), right, wrong, weight)

    low, best = 0.0, at(1.0)
    if best.power.share < power:
        return best
    for _ in range(HALVINGS):
        middle = at((low + best.weight) / 2)
        if middle.power.share >= power:
            best = middle
        else:
            low = middle.weight
    return best
