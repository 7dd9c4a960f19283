"""Early warning: what alarms raised from predicted probabilities were worth, and a plain regression to compare them with.

In: at rolling origins (days on which a prediction was made) the probability of a wave within the next h days; and the days of waves. Out:
false alarms per quiet month, lead time, precision and recall at a threshold, each with its interval.

    a wave follows origin t   if it begins on a day w with t < w <= t + h; origins whose h days were not seen to the end are left out
    an alarm                  begins at an origin with p >= threshold and stands for h days, or until a wave: what is raised meanwhile
                              belongs to it, and a warning that never ends is a new alarm every h days
    true, false               a wave follows one of the alarm's origins, or none
    recall                    waves that follow an origin with p >= threshold, of those that follow any origin
    lead time                 days from the first such origin to the wave, at most h
    quiet months              origins that no wave follows, by 30.44 days

Alarms and waves are counted rather than origins, whose h days overlap. In one country few waves are seen: read the intervals first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.baselines import INTERCEPT_SD, SLOPE_SD
from qantar.forecast.scores import Share

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MONTH_DAYS = 30.44


def follows(origins: Floats | Ints, waves: Floats, h: float) -> Bools:
    """Whether a wave follows each origin within h days, shape (origins, waves).

    >>> follows(np.array([0.0, 5.0, 8.0]), np.array([8.0]), 3.0).ravel().tolist()
    [False, True, False]
    """
    ahead = waves[None, :] - origins[:, None]
    return np.asarray((ahead > 0) & (ahead <= h))


def first_days(reported: Ints, least: int) -> Ints:
    """The day on which a wave begins: the first with at least so many regions reported, shape (..., days), at once; -1 if there is none.

    >>> first_days(np.array([[0, 1, 3, 5], [2, 2, 2, 2]]), least=3).tolist()
    [2, -1]
    """
    hit = reported >= least
    return np.where(hit.any(axis=-1), hit.argmax(axis=-1), -1)


def ahead(wave: Ints, origin: int, h: int) -> Share:
    """Histories whose wave (`first_days`) begins in the h days after the origin, among those that had none by then.

    >>> ahead(np.array([0, 2, 5, -1]), origin=0, h=2)                       # the first has had its wave, the second rises in time
    Share(hits=1, of=3)
    """
    left = wave[(wave < 0) | (wave > origin)]
    return Share(int(((left > origin) & (left <= origin + h)).sum()), len(left))


@dataclass(frozen=True)
class Rate:
    """Events in a time, with the exact 95 % interval of a Poisson rate (Garwood 1936, Biometrika 28); NaN to infinity of no time."""

    count: int
    months: float

    @property
    def per_month(self) -> float:
        """NaN of no time."""
        return self.count / self.months if self.months else math.nan

    def interval(self) -> tuple[float, float]:
        """Low and high per month.

        >>> [round(x, 3) for x in Rate(0, 2.0).interval()]
        [0.0, 1.844]
        """
        from scipy.stats import chi2

        if not self.months:
            return 0.0, math.inf
        low = float(chi2.ppf(0.025, 2 * self.count)) / 2 if self.count else 0.0
        return low / self.months, float(chi2.ppf(0.975, 2 * self.count + 2)) / 2 / self.months


@dataclass(frozen=True)
class Warnings:
    """What warnings at one threshold were worth."""

    threshold: float
    precision: Share
    """alarms that were true"""
    recall: Share
    """waves that were warned of"""
    false_alarms: Rate
    """per quiet month"""
    lead: Floats
    """days, of each wave that could be warned of; NaN where it was not"""


def judge(p: Floats, origins: Floats, waves: Floats, *, h: float, threshold: float, end: float) -> Warnings:
    """Alarms against what happened.

    Parameters
    ----------
    p : shape (origins,), 0 to 1; NaN where no prediction was made, which is left out
    origins : shape (origins,), days, each the next of the last
    waves : shape (waves,), days on which a wave began
    h : days
    threshold : 0 to 1
    end : the last day of which it is known whether a wave began
    """
    seen = (origins + h <= end) & ~np.isnan(p)
    days, loud = origins[seen], p[seen] >= threshold
    after = follows(days, waves, h)
    true, possible = np.asarray(after.any(axis=1)), np.asarray(after.any(axis=0))
    alarms = [bool(true[rows].any()) for rows in _alarms(days[loud], np.flatnonzero(loud), waves, h)]
    warned = np.asarray((after & loud[:, None]).any(axis=0))
    first = [waves[w] - days[after[:, w] & loud].min() if warned[w] else math.nan for w in np.flatnonzero(possible)]
    return Warnings(
        threshold,
        Share(sum(alarms), len(alarms)),
        Share(int(warned.sum()), int(possible.sum())),
        Rate(len(alarms) - sum(alarms), float((~true).sum()) / MONTH_DAYS),
        np.array(first),
    )


def _alarms(days: Floats, rows: Ints, waves: Floats, h: float) -> list[list[int]]:
    """Origins above the threshold, gathered into alarms."""
    found: list[list[int]] = []
    start = -math.inf
    for day, row in zip(days, rows, strict=True):
        if not found or day >= start + h or ((waves > start) & (waves <= day)).any():
            found.append([])
            start = day
        found[-1].append(int(row))
    return found


def hazard_regression(x: Floats, origins: Floats, waves: Floats, *, h: float) -> Floats:
    """A plain comparator on the same origins: P(a wave within h days) = 1 - exp(-h exp(b0 + b x)).

    At each origin fitted to those origins alone whose h days were over by then; x brought to mean 0 and deviation 1 over these; the b have
    normal priors around 0 (`INTERCEPT_SD`, `SLOPE_SD`), which keeps them finite where no wave was seen yet.

    x is what was known on the day of each origin, shape (origins, covariates); the other arguments are those of `judge`. Shape (origins,);
    NaN where there was nothing to learn from yet.
    """
    happened = np.asarray(follows(origins, waves, h).any(axis=1))
    p = np.full(len(origins), np.nan)
    for i, day in enumerate(origins):
        past = origins + h <= day
        if past.any():
            middle, spread = x[past].mean(axis=0), x[past].std(axis=0)
            standard = (x - middle) / np.where(spread > 0, spread, 1.0)
            b = _fit(standard[past], happened[past], h)
            p[i] = -np.expm1(-_cumulative(standard[i : i + 1], b, h)[0])
    return p


def _cumulative(x: Floats, b: Floats, h: float) -> Floats:
    """Hazard times h; bounded, for the optimizer's wild steps."""
    return np.asarray(h * np.exp(np.clip(b[0] + x @ b[1:], -30.0, 5.0)))


def _fit(x: Floats, happened: Bools, h: float) -> Floats:
    """The b that maximize the penalized likelihood of what happened, intercept first."""
    from scipy.optimize import minimize

    scale = np.array([INTERCEPT_SD, *[SLOPE_SD] * x.shape[1]])

    def loss(b: Floats) -> tuple[float, Floats]:
        z = _cumulative(x, b, h)
        cost, slope = np.where(happened, -np.log(-np.expm1(-z)), z), np.where(happened, -z / np.expm1(z), z)
        return float(((b / scale) ** 2).sum() / 2 + cost.sum()), b / scale**2 + np.array([slope.sum(), *(slope @ x)])

    return np.asarray(minimize(loss, np.array([-3.0, *[0.0] * x.shape[1]]), jac=True, method="L-BFGS-B").x)
