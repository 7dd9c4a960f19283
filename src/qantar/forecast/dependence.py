"""How uncertain a difference of scores is where what happens hangs together: on planted records.

Towns of one day share the day's news, weeks of one region its habits. The usual standard error takes questions for independent and is too
small. So records are planted: answers are drawn from the middle between two forecasts (so that neither is favoured) and hang together
within a day and within a unit as the answers of the record do. Over planted records the difference of the two scores has a spread; that
is its standard error, widened where periods are few (`few`), unless the usual one is larger.

Answers of one group share luck: question q is answered by the quantile Phi(z_q) of its probabilities,

    z_q = sqrt(a) Z_period + sqrt(b) Z_unit + sqrt(1 - a - b) Z_q          all Z independent normal (a Gaussian copula)

and a and b are what makes the sums of residuals over groups as large as they are in the record. A forecast that is off in all units at
once also makes them large: then little can be told from few periods, and the standard error says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.power import between
from qantar.forecast.scores import Difference, log_score_days, paired, told_apart
from qantar.statistics import NORMAL_95
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RECORDS = 200
"""Planted for each pair of forecasts."""
TRIED = 60
"""Planted for each strength that is tried."""
STRENGTHS = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5])
"""Shared parts of luck that are tried; between them it is interpolated."""
HISTORIES = 1000
"""All probabilities are made as coarse as so many histories make them: the number of samples of a VIEWS forecast."""


@dataclass(frozen=True)
class Groups:
    """Which period and which unit each question is of, shape (questions,), numbered from 0."""

    period: Ints
    unit: Ints

    @classmethod
    def of(cls, period: Ints, unit: Ints) -> Groups:
        """From any numbers."""
        return cls(np.unique(period, return_inverse=True)[1], np.unique(unit, return_inverse=True)[1])


@dataclass(frozen=True)
class Shared:
    """Parts of luck that answers of one period, and of one unit, share."""

    period: float
    unit: float


@dataclass(frozen=True)
class Calibrated:
    """A difference of two mean scores with its standard error on planted records."""

    naive: Difference
    """as if questions were independent"""
    se: float
    wrong: float
    """share of planted records on which the naive rule tells the two apart from what they differ by on average: it promises about 0.05"""

    @property
    def separated(self) -> bool:
        """Whether the difference is at least two calibrated standard errors from zero."""
        return bool(told_apart(np.array(self.naive.mean), np.array(self.se)))


def luck(seed: int, groups: Groups, records: int) -> tuple[Floats, Floats, Floats]:
    """Normal draws of periods, units and questions, shapes (records, .)."""
    rng = np.random.Generator(np.random.Philox(word(seed, StudyKey.PLANTED_ANSWER, records)))
    sizes = groups.period.max() + 1, groups.unit.max() + 1, len(groups.unit)
    draws = [rng.standard_normal((records, n)) for n in sizes]
    return draws[0], draws[1], draws[2]


def plant(p: Floats, shared: Shared, groups: Groups, draws: tuple[Floats, Floats, Floats]) -> Ints:
    """Answers drawn from probabilities, shape (records, questions)."""
    from scipy.special import ndtri

    by_period, by_unit, own = draws
    z = np.sqrt(shared.period) * by_period[:, groups.period] + np.sqrt(shared.unit) * by_unit[:, groups.unit]
    z += np.sqrt(1 - shared.period - shared.unit) * own
    thresholds = ndtri(np.clip(np.cumsum(p, axis=1)[:, :-1], 0.0, 1.0))
    answers = np.zeros(z.shape, np.int64)
    for threshold in thresholds.T:
        answers += z > threshold
    return answers


def excess(answers: Ints, p: Floats, group: Ints) -> Floats:
    """How much larger sums over groups vary than if questions were independent, shape (records,); 1 if they are."""
    value = np.arange(p.shape[1])
    mean = p @ value
    variance = p @ value**2 - mean**2
    residual = answers - mean
    sums = np.stack([np.bincount(group, r) for r in np.atleast_2d(residual)])
    return np.asarray((sums**2).sum(axis=1) / max(float(variance.sum()), 1e-12))


def shared_luck(answers: Ints, p: Floats, groups: Groups, seed: int) -> Shared:
    """Shared parts under which planted records vary over periods, and over units, as the record does; 0 where it varies less.

    Parameters
    ----------
    answers : of the record, shape (questions,)
    p : a forecast, shape (questions, largest + 1)
    """
    draws, found = luck(seed, groups, TRIED), []
    for name, group in (("period", groups.period), ("unit", groups.unit)):
        target = float(excess(answers, p, group)[0])
        ways = [Shared(**{"period": 0.0, "unit": 0.0, name: s}) for s in STRENGTHS.tolist()]
        tried = [float(excess(plant(p, way, groups, draws), p, group).mean()) for way in ways]
        rising = np.maximum.accumulate(tried)
        found.append(float(np.interp(target, rising, STRENGTHS)) if rising[-1] > rising[0] else 0.0)
    return Shared(found[0], found[1] if found[0] + found[1] < 1 else 0.0)


def losses(p: Floats, answers: Ints) -> Floats:
    """Log score of each answer, in nats; p of shape (questions, largest + 1), answers (..., questions)."""
    low = np.asarray(answers)
    every = np.stack([log_score_days(p, np.full(len(p), k), np.full(len(p), k), HISTORIES) for k in range(p.shape[1])], axis=1)
    return np.asarray(every[np.arange(len(p)), low])


def calibrated(p: Floats, reference: Floats, answers: Ints, groups: Groups, shared: Shared, seed: int) -> Calibrated:
    """The log score of a forecast less that of the reference, with its standard error on planted records."""
    naive = paired(losses(p, answers), losses(reference, answers))
    if np.array_equal(p, reference):
        return Calibrated(naive, 0.0, 0.0)
    planted = plant(between(p, reference, 0.5, HISTORIES), shared, groups, luck(seed, groups, RECORDS))
    each = losses(p, planted) - losses(reference, planted)
    mean, se = each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])
    spread = float(mean.std(ddof=1)) * few(int(groups.period.max()) + 1)
    return Calibrated(naive, max(spread, naive.se), float(told_apart(mean - mean.mean(), se).mean()))


def few(periods: int) -> float:
    """How much wider an interval must be, as what periods share was itself learnt from few of them: Student's quantile over the normal.

    Of a single period nothing of the kind can be learnt: 1, and the error is a lower bound.

    >>> round(few(10), 2), few(1)
    (1.15, 1.0)
    """
    from scipy.stats import t

    return float(t.ppf(0.975, periods - 1)) / NORMAL_95 if periods > 1 else 1.0
