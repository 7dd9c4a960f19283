"""All forecasts of a split beside each other: log score, CRPS, Brier score, coverage, and the difference from a plain regression.

In: a split with its questions (`splits`), what ours say (`entries`) and what was made elsewhere (`elsewhere`). Out: a `Scored` an entry.

As in the VIEWS prediction challenge (Hegre et al. 2024, arXiv 2407.11045) whole distributions are judged: CRPS in the unit of the answer,
the log score (there: ignorance) in nats, and how many answers lie inside central 90 % intervals. The Brier score and the area under the
ROC curve are of the event "anything at all": an answer above 0; of `week`, any day but never.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.dependence import Calibrated, Groups, Shared, calibrated, losses, shared_luck
from qantar.forecast.entries import REFERENCE, Task
from qantar.forecast.scores import Share, auc, brier, coverage_days, crps_days
from qantar.forecast.splits import ANY, FIRST, WEEK

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """One forecast of one split; means over questions, smaller is better but for `order`."""

    entry: str
    log: float
    crps: float
    brier: float
    order: float
    """area under the ROC curve"""
    covered: Share | None
    """answers in central 90 % intervals; None where the answer is yes or no"""
    against: Calibrated
    """log score less that of the reference"""


@dataclass(frozen=True)
class Table:
    """All forecasts of one split, ours first."""

    shared: Shared
    scored: list[Scored]


def score(task: Task, said: Mapping[str, Floats], seed: int) -> Table:
    """Score what every entry says, shape (questions, largest + 1); the reference must be among them."""
    asked, target = task.questions, task.split.target
    groups = Groups.of(asked.day if target != WEEK else asked.answer * 0, asked.unit)
    reference = said[REFERENCE]
    shared = shared_luck(asked.answer, reference, groups, seed)
    happened = asked.answer != task.nothing
    scored = []
    for entry, p in said.items():
        event = 1 - p[:, task.nothing]
        scored.append(
            Scored(
                entry,
                float(losses(p, asked.answer).mean()),
                float(crps_days(p, asked.answer, asked.answer).mean()),
                float(brier(event, happened).mean()),
                auc(event, happened),
                None if target in (FIRST, ANY) else coverage_days(p, asked.answer, asked.answer)[0],
                calibrated(p, reference, asked.answer, groups, shared, seed),
            )
        )
    return Table(shared, scored)


def log_loss(p: Floats, happened: NDArray[np.bool_]) -> float:
    """Mean surprise of yes-or-no questions without any rounding of probabilities, as regressions report it; NaN of none."""
    said = np.where(happened, p, 1 - p)
    return float(-np.log(np.maximum(said, 1e-15)).mean()) if len(said) else math.nan
