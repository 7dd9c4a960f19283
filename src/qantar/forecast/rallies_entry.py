"""The rule of rallies, fitted to the training days of a split, as a forecast of what the split asks (`forecast.rallies`).

One day ahead (`first`, `any`): each evening's chances, given what was there; of a unit that was free so far, only that. A week ahead
(`week`, `count`): each draw goes on from the evening before by its own rule. Places are known by the days before the question, parameters
by the training days alone. All kinds of unrest that a split counts are taken for rallies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qantar.cases.case import Case
from qantar.forecast.entries import Task
from qantar.forecast.rallies import Fit, Rallies, day_effects, fit, later, rallies_of, rates, values_of
from qantar.forecast.rallies_ahead import chances, closeness, kilometres, onwards
from qantar.forecast.splits import COUNT, WEEK
from qantar.record.complete import UNREST
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
USED = 50
"""Draws of a fit that forecast."""
WORTH, MORE = 25, 8
"""Independent draws below which a fit is made with so many times more."""
TIMES = 12
"""Weeks that each of them goes on."""
BEFORE = 7
"""Days before the first that is trained on, which are remembered."""


def wave_of_task(case: Case, task: Task, online: float) -> Rallies:
    """The units of a split as the rule sees them, from shortly before the training days on; `start` is the first of these."""
    first, _ = task.train
    whole = rallies_of(case, task.wave, task.split.units, UNREST, online, first)
    return later(whole, max(0, first - BEFORE))


def fitted(r: Rallies, task: Task, seed: int, draws: int) -> Fit:
    """The rule, by the training days alone; once more with more draws where they are worth too few."""
    first, last = task.train
    known = r.until(r.start + last - first + 1)
    found = fit(known, seed, 0, draws)
    return found if found.worth >= WORTH else fit(known, seed, 0, MORE * draws)


def answers(r: Rallies, task: Task, found: Fit, seed: int) -> Floats:
    """Probabilities of the answers, shape (questions, largest + 1)."""
    asked, shift = task.questions, task.train[0] - r.start
    rows = np.linspace(0, len(found.z) - 1, min(USED, len(found.z))).astype(int)
    said = np.zeros((len(asked), asked.largest + 1))
    days = np.unique(asked.day)
    ahead = task.split.target in (WEEK, COUNT)
    km = kilometres(r) if ahead else np.zeros((0, 0), np.float32)
    pasts = {int(day): r.until(int(day) - shift) for day in days} if ahead else {}
    for k, z in enumerate(found.z[rows]):
        v = values_of(z)
        if ahead:
            close = closeness(km, v)
            draw = np.random.default_rng(word(seed, StudyKey.WAVE_AHEAD, k, 1))
            rate = rates(r, v)
            for day in days:
                now, some = int(day) - shift, np.flatnonzero(asked.day == day)
                past = pasts[int(day)]
                alike = day_effects(past, rate[:, r.start : now], v)[1]
                spread = v["evenness"] + past.counts[:, r.start :].sum(axis=1)
                for _ in range(TIMES):
                    w = alike * draw.gamma(spread, 1 / spread)
                    counts = onwards(past, v, w, now, 7, draw, close).counts[asked.unit[some]]
                    if task.split.target == COUNT:
                        answer = np.minimum(counts.sum(axis=1), asked.largest).astype(int)
                    else:
                        happened = counts[:, : asked.largest] > 0
                        answer = np.where(happened.any(axis=1), happened.argmax(axis=1), asked.largest)
                    np.add.at(said, (some, answer), 1.0 / TIMES)
        else:
            p = chances(r, v, days - shift)[asked.unit, np.searchsorted(days, asked.day)]
            said += np.stack([1 - p, p], axis=1)
    return np.asarray(said / len(rows))
