"""Forecasts of a benchmark that know no mechanism, and a plain regression: what every other forecast is held against.

In: the units of a split by days, and its questions. Out: probabilities of 0 to `largest`, shape (questions, largest + 1). Parameters are
learnt from the training days alone; what happened until the evening before a question is known to it, what happened later is not (a test
changes the future and looks for a difference).

    never       nothing happens
    unchanged   as on the day before (of `count`: in the week before): the share of units asked; of `any` apart for units with an event then
                and without, each with the share that was followed by one in training
    recent      the same from the last seven days (four weeks)
    mean        the same from all of the training days
    level       of `count`: each unit's mean in training times what the country had in the week before, over its mean in training; if only
                the way of recording changed, and for all units alike, this is right from the second week on
    regression  logistic, on log(1 + units with an event the day before), weekend, log residents; of `any` also the share of earlier days
                with an event. Of `count`: Poisson, on log(own last week + 1/2), the country's likewise, log residents
    nearby      the regression and log(1 + units within `near_km` that had an event in the last `LOOK_BACK` days)

Counts are spread as negative binomial around their mean, their size parameter from the training weeks by likelihood. A forecast for a
whole week (`week`) takes each day's chance from the evening before the first; what the country and the neighbours do stays as it was then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.baselines import distribution, expit
from qantar.forecast.hazards import fit_logit
from qantar.forecast.splits import ANY, COUNT, FIRST, WEEK, Questions, Split, Wave, dated, free_before

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LOOK_BACK = 3
"""Days for which an event nearby is looked back at."""
RECENT = {FIRST: 7, ANY: 7, WEEK: 7, COUNT: 4}
"""Days, or weeks, of what is recent."""
WEEKEND = (5, 6)
"""Saturday and Sunday."""
REFERENCE = "regression"
"""What all others are compared with: fixed beforehand."""
SIZES = np.geomspace(0.05, 500, 60)
"""Size parameters of a negative binomial that are tried; the last is nearly Poisson."""


@dataclass(frozen=True)
class Task:
    """A split with its units and questions."""

    split: Split
    wave: Wave
    questions: Questions

    @cached_property
    def train(self) -> tuple[int, int]:
        """First and last day that is learnt from."""
        first, last, _, _ = dated(self.split)
        return self.wave.day(first), self.wave.day(last)

    @property
    def evening(self) -> int:
        """The last day before the test."""
        return self.wave.day(dated(self.split)[2]) - 1

    @property
    def nothing(self) -> int:
        """The answer that nothing happened."""
        return self.questions.largest if self.split.target == WEEK else 0

    @cached_property
    def happened(self) -> Bools:
        """Whether a unit had an event on a day, shape (units, days)."""
        return np.asarray(self.wave.events > 0)

    @cached_property
    def asked(self) -> Bools:
        """Units and days of which one might ask, shape (units, days)."""
        return free_before(self.happened) if self.split.target in (FIRST, WEEK) else np.ones(self.happened.shape, bool)


def before(happened: Bools, days: int) -> Floats:
    """On how many of the days before each a unit had an event, looking back so far; shape (units, days).

    >>> before(np.array([[True, False, True, False]]), 2).tolist()
    [[0.0, 1.0, 1.0, 1.0]]
    """
    total = np.pad(np.cumsum(happened, axis=1, dtype=float), ((0, 0), (1, 0)))
    day = np.arange(happened.shape[1])
    return np.asarray(total[:, day] - total[:, np.maximum(day - days, 0)])


def log_residents(wave: Wave) -> Floats:
    """About zero, shape (units,)."""
    x = np.log(np.maximum(wave.residents, 1.0))
    return np.asarray(x - x.mean())


def nearby(happened: Bools, near: Any, days: int) -> Floats:
    """log(1 + units nearby that had an event on the days before), shape (units, days); near as `Wave.near` gives it."""
    return np.asarray(np.log1p(near @ (before(happened, days) > 0).astype(float)))


def _columns(task: Task, happened: Bools, with_nearby: bool) -> Floats:
    """What a yes-or-no question is told, shape (units, days, columns)."""
    wave, shape = task.wave, happened.shape
    weekend = [(wave.first.weekday() + d) % 7 in WEEKEND for d in range(shape[1])]
    national = np.log1p(before(happened, 1).sum(axis=0))
    found = [np.broadcast_to(x, shape) for x in (national, np.array(weekend, float), log_residents(wave)[:, None])]
    if task.split.target == ANY:
        found.append(before(happened, shape[1]) / np.maximum(np.arange(shape[1]), 1))
    if with_nearby:
        found.append(nearby(happened, wave.near(task.split.near_km), LOOK_BACK))
    return np.stack(found, axis=2)


def _regression(with_nearby: bool) -> Callable[[Task], Floats]:
    """Chances of every unit and day."""

    def chances(task: Task) -> Floats:
        columns = _columns(task, task.happened, with_nearby)
        first, last = task.train
        cells = task.asked[:, first : last + 1]
        b = fit_logit(task.happened[:, first : last + 1][cells], columns[:, first : last + 1][cells])
        if task.split.target == WEEK:
            k = task.evening + 1  # from the first day tested on, only the calendar is known
            columns[:, k:] = np.where(np.arange(columns.shape[2]) == 1, columns[:, k:], columns[:, k : k + 1])
        return expit(b[0] + columns @ b[1:])

    return chances


def _share(days: int | None) -> Callable[[Task], Floats]:
    """The share of units asked that had an event, on so many days before each (None: on the training days)."""

    def chances(task: Task) -> Floats:
        hits, cells = (task.happened & task.asked).astype(float), task.asked.astype(float)
        k = task.evening + 1
        if task.split.target == ANY:
            return _own(task, days)
        if days is None:
            first, last = task.train
            share = (hits[:, first : last + 1].sum() + 0.5) / (cells[:, first : last + 1].sum() + 1)
            return np.full(hits.shape, share)
        by_day = [_window(x.sum(axis=0), days) for x in (hits, cells)]
        share = (by_day[0] + 0.5) / (by_day[1] + 1)
        if task.split.target == WEEK:
            share[k:] = share[k]
        return np.tile(share, (len(hits), 1))

    return chances


def _window(x: Floats, days: int) -> Floats:
    """Sums over so many days before each day."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    day = np.arange(len(x))
    return np.asarray(total[day] - total[np.maximum(day - days, 0)])


def _own(task: Task, days: int | None) -> Floats:
    """Of `any`: by what the unit itself did, learnt in training.

    The share of days with an event that followed a day (or a stretch) with one, and without; over all training days its own share, with one
    day of the country's mean.
    """
    first, last = task.train
    if days is None:
        mine = task.happened[:, first : last + 1]
        own = (mine.sum(axis=1) + mine.mean()) / (last - first + 2)
        return np.tile(own[:, None], (1, task.happened.shape[1]))
    lately = before(task.happened, days) > 0
    train = np.arange(task.happened.shape[1])
    train_cells = np.broadcast_to((train >= first) & (train <= last), lately.shape)
    shares = []
    for state in (False, True):
        cells = train_cells & (lately == state)
        shares.append(((task.happened & cells).sum() + 0.5) / (cells.sum() + 1))
    return np.asarray(np.where(lately, shares[1], shares[0]))


DAILY: dict[str, Callable[[Task], Floats]] = {
    "never": lambda task: np.zeros(task.happened.shape),
    "unchanged": _share(1),
    "recent": _share(7),
    "mean": _share(None),
    REFERENCE: _regression(with_nearby=False),
    "nearby": _regression(with_nearby=True),
}
"""Chances of an event, shape (units, days)."""


def _weekly(task: Task) -> tuple[Floats, int]:
    """Rows by unit and week, and the number of the first week that is tested; the weeks end where the test does."""
    k, (first, _) = task.evening + 1, task.train
    start = first + (k - first) % 7
    weeks = (task.wave.events.shape[1] - start) // 7
    rows = task.wave.events[:, start : start + 7 * weeks].reshape(len(task.wave.ids), weeks, 7).sum(axis=2)
    return rows.astype(float), (k - start) // 7


def _lagged(rows: Floats, weeks: int) -> Floats:
    """Mean of so many weeks before each, of as many as there are; of the first week itself, shape (units, weeks)."""
    total = np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0)))
    week = np.arange(1, rows.shape[1])
    from_ = np.maximum(week - weeks, 0)
    return np.asarray(np.concatenate([rows[:, :1], (total[:, week] - total[:, from_]) / (week - from_)], axis=1))


def _poisson(task: Task, rows: Floats, tested: int) -> Floats:
    """The Poisson regression, fitted to the weeks before those tested."""
    last = _lagged(rows, 1)
    country = np.log((last.sum(axis=0) + 0.5) / len(rows))
    columns = np.stack(
        [
            np.ones(rows.shape),
            np.log(last + 0.5),
            np.broadcast_to(country, rows.shape),
            np.tile(log_residents(task.wave)[:, None], (1, rows.shape[1])),
        ],
        axis=2,
    )
    x, y = columns[:, 1:tested].reshape(-1, columns.shape[2]), rows[:, 1:tested].ravel()
    b, penalty = np.zeros(x.shape[1]), np.array([1 / 25, *[1 / 4] * (x.shape[1] - 1)])
    b[0] = np.log(y.mean() + 1e-3)
    for _ in range(50):
        mean = np.exp(np.clip(x @ b, -10, 8))
        step = np.linalg.solve(x.T @ (mean[:, None] * x) + np.diag(penalty), x.T @ (y - mean) - penalty * b)
        b = b + np.clip(step, -1, 1)
    return np.asarray(np.exp(np.clip(columns @ b, -10, 8)))


def _mean_of(rows: Floats, tested: int) -> Floats:
    return np.tile(rows[:, :tested].mean(axis=1, keepdims=True), (1, rows.shape[1]))


def _level(rows: Floats, tested: int) -> Floats:
    country = _lagged(rows, 1).sum(axis=0) / max(float(rows[:, :tested].sum(axis=0).mean()), 1e-9)
    return np.asarray(_mean_of(rows, tested) * country)


WEEKLY: dict[str, Callable[[Task, Floats, int], Floats]] = {
    "unchanged": lambda task, rows, tested: _lagged(rows, 1),
    "recent": lambda task, rows, tested: _lagged(rows, RECENT[COUNT]),
    "mean": lambda task, rows, tested: _mean_of(rows, tested),
    "level": lambda task, rows, tested: _level(rows, tested),
    REFERENCE: _poisson,
}
"""Means of counts, shape (units, weeks), from the counts and the number of the first week that is tested."""


def negative_binomial(mean: Floats, size: float, largest: int) -> Floats:
    """Probabilities of 0 to `largest` (that, or more), shape (..., largest + 1); the variance is mean + mean^2 / size.

    >>> negative_binomial(np.array([0.0]), 1.0, 2).tolist()
    [[1.0, 0.0, 0.0]]
    """
    from scipy.stats import nbinom

    below = nbinom.cdf(np.arange(largest), size, size / (size + np.asarray(mean)[..., None]))
    return np.asarray(np.diff(below, axis=-1, prepend=0.0, append=1.0))


def size_of(mean: Floats, counts: Floats) -> float:
    """The size parameter under which counts are most likely around their means."""
    from scipy.stats import nbinom

    likelihood = [nbinom.logpmf(counts, s, s / (s + np.maximum(mean, 1e-3))).sum() for s in SIZES]
    return float(SIZES[int(np.argmax(likelihood))])


def forecasts(task: Task) -> dict[str, Floats]:
    """What every entry says to the questions of a split, shape (questions, largest + 1)."""
    asked, target = task.questions, task.split.target
    if target == COUNT:
        rows, tested = _weekly(task)
        week = tested + (asked.day - task.evening - 1) // 7
        found = {"never": np.tile(np.eye(asked.largest + 1)[0], (len(asked), 1))}
        for name, of in WEEKLY.items():
            mean = np.maximum(of(task, rows, tested), 0.05)
            size = size_of(mean[:, 1:tested], rows[:, 1:tested])
            found[name] = negative_binomial(mean[asked.unit, week], size, asked.largest)
        return found
    chances = {name: of(task) for name, of in DAILY.items()}
    if target == WEEK:
        return {name: distribution(p[asked.unit, task.evening + 1 :]) for name, p in chances.items()}
    return {name: np.stack([1 - (own := p[asked.unit, asked.day]), own], axis=1) for name, p in chances.items()}
