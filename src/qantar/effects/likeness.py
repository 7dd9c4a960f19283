"""Whether simulated histories look like the case that they are to say something of.

In: histories and what the record holds. Out: the share of them that looks like it, by what (`decision.LIKENESS`). What the record does not
say is left out. Experiments change what is fitted last (force) and draw what is tested anew, so that a base may be another country than the
one that was fitted: an effect in a country of a million protesters says nothing of one of fifty thousand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qantar.effects.decision import LIKE_FACTOR
from qantar.ensemble.histories import DECLINE_DAYS, DECLINE_TO, Runs
from qantar.model.outcome import UPRISING
from qantar.record.observables import Interval, Observables

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def likeness(runs: Runs, record: Observables) -> dict[str, float]:
    """Shares of histories by what they must have in common with the case.

    peak: the largest official count of participants, within `LIKE_FACTOR` of the largest of the record. dead: likewise all that died. over:
    an uprising of which at most a tenth of the largest count is out five days later. seats: at least one seat of government was entered.
    """
    counts = runs.participants
    found: dict[str, Bools] = {}
    if record.participants:
        found["peak"] = _near(counts.max(axis=1), max((d.interval for d in record.participants), key=lambda i: i.high))
    if record.deaths_total is not None:
        found["dead"] = _near(runs.killed.sum(axis=1), record.deaths_total.interval)
    if record.participants:  # without a count nobody knows when it ended
        found["over"] = np.asarray(left(runs, DECLINE_DAYS) <= DECLINE_TO)
    if any(record.seats_entered.values()):
        found["seats"] = np.asarray(runs.seat_lost.any(axis=1))
    return {name: float(shown.mean()) for name, shown in found.items()}


def left(runs: Runs, days: int, least: float = UPRISING) -> Floats:
    """Share of the largest official count that is still out so many days later, or on the last day, shape (runs,); NaN if it was small."""
    counts = runs.participants
    peak, later = counts.max(axis=1), np.minimum(counts.argmax(axis=1) + days, counts.shape[1] - 1)
    there = counts[np.arange(len(counts)), later]
    return np.asarray(np.divide(there, peak, out=np.full(len(counts), np.nan), where=peak >= least))


def _near(value: Floats, known: Interval) -> Bools:
    return np.asarray((value >= known.low / LIKE_FACTOR) & (value <= known.high * LIKE_FACTOR))
