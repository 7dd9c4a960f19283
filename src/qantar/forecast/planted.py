"""How large a held-out difference is when the model is true: histories of the table play the record, one after the other.

In: a problem. Out: for each history that plays the record, the log score of the model less that of the average of the other regions, by the
very rule that scores the real record, but for the second simulation (`held_out.region_out`): the forecasts are read off the table. The real
record is scored in the same way beside them, and the p-value is the share of simulated records with a difference at least as large. A model
can lose to the average and be true: where all regions rise within two days, whoever says "as the others" is hard to beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.baselines import facts_of, pooled
from qantar.forecast.power import hidden
from qantar.forecast.scores import Share, log_score_days
from qantar.inference.distance import ONSET_CAP
from qantar.inference.problem import Problem
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RECORDS = 200
"""Histories that play the record, at most."""
FAR = 1e6
"""A squared distance that no history has."""
FAST = 1
"""Days by which the spread of a simulated record may differ from the real one's for it to count as equally fast."""


@dataclass(frozen=True)
class Planted:
    """Differences of log scores, model less average, in nats a region."""

    real: float
    differences: Floats
    """of simulated records, shape (records,)"""
    fast: NDArray[np.bool_]
    """which of them spread as fast as the real one"""

    def at_least(self, fast: bool = False) -> Share:
        """Simulated records with a difference at least as large as the real one."""
        chosen = self.differences[self.fast] if fast else self.differences
        return Share(int((chosen >= self.real).sum()), len(chosen))


def planted(problem: Problem, near: int) -> Planted:
    """The real record, and histories of the table with as many regions risen as it has, each held out region by region.

    Parameters
    ----------
    near : histories that stand for a posterior, as in the real comparison
    """
    facts = facts_of(problem.record, problem.plan)
    never, low, high = facts.n_days, np.asarray(facts.low), np.asarray(facts.high)
    days = np.where((onset := problem.table.onset()) < 0, never, onset)
    least, spread = int((high < never).sum()), _spread(low[None], never)[0]
    risen = np.flatnonzero(((days < never).sum(axis=1) >= least) & ~problem.table.stopped)
    order = np.argsort([lot(problem.seed, StudyKey.RECORD_CHOICE, int(k), 1) for k in risen], kind="stable")
    records = risen[order[:RECORDS]]
    u = np.array([[lot(problem.seed, StudyKey.RECORD_INTERVAL, r, int(k)) for r in range(len(low))] for k in records]).reshape(-1, len(low))
    lows, highs = hidden(days[records], low, high, u, never=never)
    differences = [_difference(days, a, b, never, near, int(k)) for a, b, k in zip(lows, highs, records, strict=True)]
    fast = np.abs(_spread(days[records], never) - spread) <= FAST
    return Planted(_difference(days, low, high, never, near), np.array(differences), fast)


def _spread(onset: Ints, never: int) -> Ints:
    """Days from the first to the twelfth region of each record, or to the last if there are fewer."""
    ordered = np.sort(onset, axis=1)
    return np.asarray(ordered[:, min(11, ordered.shape[1] - 1)] - ordered[:, 0])


def _difference(days: Ints, low: Ints, high: Ints, never: int, near: int, itself: int = -1) -> float:
    """Mean log score of the nearest histories less that of the average of the others, over the regions of one record."""
    away = np.minimum(np.maximum(np.maximum(low - days, days - high), 0), ONSET_CAP).astype(float) ** 2
    if itself >= 0:
        away[itself] = FAR
    total, m = away.sum(axis=1), min(near, len(days) - 1)
    allowed = (np.arange(never + 1) >= low[:, None]) & (np.arange(never + 1) <= high[:, None])
    lost = np.empty((2, len(low)))
    for r in range(len(low)):
        others = np.arange(len(low)) != r
        nearest = np.argpartition(total - away[:, r], m)[:m]
        forecasts = np.bincount(days[nearest, r], minlength=never + 1) / m, pooled(allowed[others])
        lost[:, r] = [log_score_days(p, low[r], high[r], m) for p in forecasts]
    return float((lost[0] - lost[1]).mean())
