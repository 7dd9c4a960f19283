"""From a history to what would have been reported of it, by local day and region, in people of the country."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
from numpy.typing import NDArray

from qantar.draws import Purpose, bits
from qantar.engine.diary import Diary
from qantar.engine.loop import History
from qantar.reporting.model import Floats, Reported, daily_peak, daily_sum, local_days, report
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Plan


def reported(history: History | Diary, plan: Plan, values: Values, seed: int) -> Reported:
    """A history through the record model; counts of a scaled-down model are multiplied back first."""
    start = dt.datetime.fromisoformat(plan.start)
    first_hour = start.hour + start.minute / 60
    local = np.array([p.local_hour for p in plan.places])
    region = np.array([p.region for p in plan.places])
    day = local_days(len(history.protesting), plan.step_hours, first_hour, local)
    n_days = math.ceil((first_hour + plan.hours) / 24)
    peak = _carried(_padded(daily_peak(history.protesting, day), n_days), day[-1]) / plan.scale
    detained, killed = (_padded(daily_sum(x, day), n_days) / plan.scale for x in (history.detained, history.killed))
    return report(
        peak=peak,
        detained=detained,
        killed=killed,
        security_killed=history.security_killed[-1] / plan.scale,
        cut=_cut(history.offline, plan.step_hours, math.ceil(plan.hours / plan.step_hours), first_hour, n_days),
        region=region,
        settlement=np.array([p.settlement for p in plan.places]),
        values=values,
        seed=seed,
        scale=plan.scale,
    )


def history_seed(seed: int, draw: int, replicate: int) -> int:
    """The seed of a history: every draw has networks and luck of its own."""
    return int(bits(seed, Purpose.HISTORY, draw, replicate, 0)) >> 1


def _padded(daily: Floats, n_days: int) -> Floats:
    """Room for days that a history broken off did not reach: nothing is added to sums."""
    out = np.zeros((n_days, daily.shape[1]))
    out[: len(daily)] = daily[:n_days]
    return out


def _carried(peak: Floats, last: NDArray[np.int64]) -> Floats:
    """From each place's last day on, at least as many were out as on that day."""
    days = np.arange(len(peak))[:, None]
    return np.where(days > last, peak[np.minimum(last, len(peak) - 1), np.arange(peak.shape[1])], peak)


def _cut(offline: Floats, step_hours: float, steps: int, first_hour: float, n_days: int) -> Floats:
    """Share of each day without any internet, weighted by residents, shape (days, regions): as it was in the history.

    Where that was broken off, it stays as it was, as the crowd does.
    """
    there = offline[np.minimum(np.arange(steps), len(offline) - 1)]
    day = np.minimum(n_days - 1, ((first_hour + np.arange(steps) * step_hours) // 24).astype(int))
    cut = np.zeros((n_days, offline.shape[1]))
    np.add.at(cut, day, there * step_hours / 24.0)
    return cut
