"""The record model: what of a simulated history would have been reported. Plain arrays in, plain arrays out.

With millions of residents somebody is always out; "unrest present" is what got reported. A region's day is reported with
probability 1 / (1 + (half / S)^a), S being the day's largest gathering in one place; `half` is larger while the internet is
cut. Days are local calendar days. Every simulated history passes through here before it is compared with anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.draws import Purpose, uniform

Floats = NDArray[np.float64]
_REPORT = int(Purpose.REPORT)


@dataclass(frozen=True)
class Reported:
    """What would have been reported, in people of the country. Days count from 0, the first local calendar day."""

    presence: NDArray[np.bool_]
    """unrest reported, shape (days, regions)"""
    onset: NDArray[np.int64]
    """first reported day of each region, -1 if never, shape (regions,)"""
    gathering: Floats
    """largest gathering in one place, shape (days, regions)"""
    participants: Floats
    """officially, shape (days,)"""
    detained: Floats
    """officially since the start, shape (days,)"""
    killed: Floats
    """finally and officially, both sides, shape (regions,)"""


def local_days(n_steps: int, step_hours: float, first_hour: float, local_hour: Floats) -> NDArray[np.int64]:
    """Local calendar day of each step and place, shape (steps, places); what is before the first day belongs to it.

    >>> local_days(25, 1.0, 0.0, np.array([0.0, -1.0]))[[0, 23, 24]].tolist()
    [[0, 0], [0, 0], [1, 0]]
    """
    hours = first_hour + step_hours * np.arange(n_steps)[:, None] + local_hour[None, :]
    return np.maximum(0, np.floor(hours / 24)).astype(np.int64)


def daily_peak(series: Floats, day: NDArray[np.int64]) -> Floats:
    """Largest value of each day and place, shape (days, places).

    >>> daily_peak(np.array([[1.0], [5.0], [2.0]]), np.array([[0], [0], [1]])).tolist()
    [[5.0], [2.0]]
    """
    peak = np.zeros((int(day.max()) + 1, series.shape[1]))
    for row, of in zip(series, day, strict=True):
        peak[of, np.arange(len(row))] = np.maximum(peak[of, np.arange(len(row))], row)
    return peak


def daily_sum(series: Floats, day: NDArray[np.int64]) -> Floats:
    """Sum of each day and place, shape (days, places)."""
    total = np.zeros((int(day.max()) + 1, series.shape[1]))
    np.add.at(total, (day, np.arange(series.shape[1])[None, :]), series)
    return total


def report_probability(gathering: Floats, half: Floats | float, steepness: float) -> Floats:
    """Probability that a day with this largest gathering is reported: 0 for nobody, 1/2 at `half`.

    >>> report_probability(np.array([0.0, 100.0, 1e9]), 100.0, 2.0).round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (1 + (half / np.asarray(gathering, float)) ** steepness))


def report(
    *,
    peak: Floats,
    detained: Floats,
    killed: Floats,
    security_killed: Floats,
    cut: Floats,
    region: NDArray[np.int64],
    settlement: NDArray[np.bool_],
    values: dict[str, float],
    seed: int,
    scale: float = 1.0,
) -> Reported:
    """What of a history would have been reported.

    Parameters
    ----------
    peak, detained, killed : float array, shape (days, places)
        Largest number out, and sums, of each local day; people of the country.
    security_killed : float array, shape (regions,)
    cut : float array, shape (days, regions)
        Share of the day without any internet.
    region, settlement : array, shape (places,)
        Region of each place, and whether it is one settlement or the rest of a region.
    values : mapping
        Parameters of the group "record".
    seed : int
        Of the history; the draws are keyed by region and day.
    scale : float
        Residents of the model for each of the country: one person of a scaled-down model is one person in the street, not a
        gathering of 1 / scale.
    """
    n_days, n_regions = cut.shape
    in_one_place = np.maximum(0.0, peak - (1 / scale - 1)) * np.where(settlement, 1.0, values["rest_share"])
    gathering = np.zeros((n_days, n_regions))
    np.maximum.at(gathering, (np.arange(n_days)[:, None], region[None, :]), in_one_place)
    half = values["reported_half"] * (1 + (values["reported_cut"] - 1) * cut)
    p = report_probability(gathering, half, values["reported_steepness"])
    u = np.array([[uniform(seed, _REPORT, r, d, 0) for r in range(n_regions)] for d in range(n_days)])
    presence = u < p
    onset = np.where(presence.any(axis=0), presence.argmax(axis=0), -1)
    dead = np.bincount(region, killed.sum(axis=0), n_regions) + security_killed
    return Reported(
        presence,
        onset,
        gathering,
        peak.sum(axis=1) * 10 ** values["participants_bias"],
        np.cumsum(detained.sum(axis=1)) * values["detained_reported"],
        dead * values["deaths_reported"],
    )
