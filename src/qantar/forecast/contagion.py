"""Do events follow events nearby, beyond what the whole country does on the day: a small model with an interval, and how often that holds.

    chance of an event in unit i on day t = 1 - exp(-exp(a_t + b log residents_i + c log(1 + neighbours with an event on the days before)))

Every day has an effect a_t of its own: whatever moves the whole country at once, news, a weekend, a minister's calendar, is given and says
nothing about c. Of first events only units count that had none so far. Doubling (1 + neighbours) multiplies the rate by 2^c. The interval
is normal, 95 %, with the sandwich error of units as clusters: a unit may have many events or none for reasons of its own.

What c is not: towns whose neighbours are alike in what was not measured rise together without any contagion. The interval holds for
chance, not for that.

Two checks. *Permuted*: each unit's days of events, with its residents, are moved to another's place on the map. National timing and every
unit's own history are kept and only nearness is lost, so the interval must cover zero in about 95 % of such records. *Planted*: events are
drawn from the model itself, with a c that is known, on the same map and with the same timing; the interval must cover that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.entries import log_residents, nearby
from qantar.forecast.hazards import fit_hazards
from qantar.forecast.scores import Share
from qantar.forecast.splits import FIRST, Wave, free_before
from qantar.statistics import NORMAL_95
from qantar.study_keys import StudyKey, word

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
PERMUTED, PLANTED = 100, 50
"""Records of each check."""
KNOWN = (0.0, 0.5)
"""Values of c that are planted."""


@dataclass(frozen=True)
class Where:
    """What is asked of a wave.

    Parameters
    ----------
    first_only : whether first events are meant, or all
    near : 1 for units nearby, as `Wave.near` gives it
    days : for which an event is looked back at
    start : the first day that is looked at; earlier ones only count as what was before
    """

    first_only: bool
    near: Any
    days: int
    start: int = 0


@dataclass(frozen=True)
class Estimate:
    """c with its standard error; NaN where nothing can be said."""

    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return self.value - NORMAL_95 * self.error, self.value + NORMAL_95 * self.error

    def covers(self, x: float) -> bool:
        """Whether x lies in the interval."""
        return self.interval[0] <= x <= self.interval[1]


def estimate(happened: Bools, residents: Floats, where: Where) -> Estimate:
    """C from events by unit and day, shape (units, days), and log residents about zero, shape (units,)."""
    x = nearby(happened, where.near, where.days)
    cells = free_before(happened) if where.first_only else np.ones(happened.shape, bool)
    cells[:, : max(where.start, 1)] = False  # nothing is known to have been before the first day
    unit, day = np.nonzero(cells)
    columns = np.stack([residents[unit], x[unit, day] - x[unit, day].mean()], axis=1)
    if columns.std(axis=0)[1] == 0:  # nobody ever had an event nearby
        return Estimate(np.nan, np.nan)
    found = fit_hazards(happened[unit, day], columns, day, unit)
    return Estimate(float(found.value[1]), float(found.error[1]))


def permuted(happened: Bools, residents: Floats, where: Where, seed: int, records: int = PERMUTED) -> list[Estimate]:
    """C where each unit's events and residents were moved to the place of another."""
    found = []
    for k in range(records):
        moved = np.random.Generator(np.random.Philox(word(seed, StudyKey.UNIT_SHUFFLE, k))).permutation(len(happened))
        found.append(estimate(happened[moved], residents[moved], where))
    return found


def plant(happened: Bools, residents: Floats, where: Where, c: float, seed: int, records: int) -> Bools:
    """Records of the model itself: as many events a day are expected as a record has, c as given; shape (records, units, days).

    Among units that may have one, the log rate rises with log residents by 1, and with events nearby by c.
    """
    rng = np.random.Generator(np.random.Philox(word(seed, StudyKey.PLANTED_WAVE, round(1000 * c), records)))
    n, days = happened.shape
    planted = np.zeros((records, n, days), bool)
    counted = (happened & free_before(happened) if where.first_only else happened).sum(axis=0)
    for day in range(days):
        lately = planted[:, :, max(0, day - where.days) : day].any(axis=2)
        log_rate = residents + c * np.log1p((where.near @ lately.T.astype(float)).T)
        may = ~planted[:, :, :day].any(axis=2) if where.first_only else np.ones((records, n), bool)
        chance = _chances(np.where(may, np.exp(log_rate), 0.0), np.minimum(counted[day], 0.9 * may.sum(axis=1)))
        planted[:, :, day] = rng.random((records, n)) < chance
    return planted


def _chances(rate: Floats, events: Floats) -> Floats:
    """1 - exp(-exp(level) rate), the level such that so many events are expected; shapes (records, units) and (records,)."""
    chance, some = np.zeros_like(rate), events > 0
    if not some.any():
        return chance
    r, wanted = rate[some], events[some]
    level = np.log(wanted / r.sum(axis=1))
    for _ in range(30):  # the expected number is concave in exp(level), so Newton comes from below and does not overshoot
        missed = np.exp(-np.exp(level)[:, None] * r)
        step = (wanted - (1 - missed).sum(axis=1)) / (r * missed).sum(axis=1) / np.exp(level)
        level = level + np.log1p(np.maximum(step, 0))
        if step.max() < 1e-6:
            break
    chance[some] = -np.expm1(-np.exp(level)[:, None] * r)
    return chance


@dataclass(frozen=True)
class Recovered:
    """What became of a planted value."""

    planted: float
    mean: float
    covered: Share


def recover(happened: Bools, residents: Floats, where: Where, c: float, seed: int, records: int = PLANTED) -> Recovered:
    """The mean estimate and how often the interval covers, over records planted with a known c."""
    found = [estimate(record, residents, where) for record in plant(happened, residents, where, c, seed, records)]
    known = [e for e in found if not np.isnan(e.value)]
    return Recovered(c, float(np.mean([e.value for e in known])), Share(sum(e.covers(c) for e in known), len(known)))


@dataclass(frozen=True)
class Contagious:
    """Everything that is said about contagion in one wave."""

    found: Estimate
    permuted: list[Estimate]
    planted: list[Recovered]

    @property
    def zero(self) -> Share:
        """Permuted records on which the interval covers zero."""
        known = [e for e in self.permuted if not np.isnan(e.value)]
        return Share(sum(e.covers(0.0) for e in known), len(known))

    @property
    def as_large(self) -> Share:
        """Permuted records with an estimate at least as far from zero."""
        known = [e for e in self.permuted if not np.isnan(e.value)]
        return Share(sum(abs(e.value) >= abs(self.found.value) for e in known), len(known))


def contagion(wave: Wave, target: str, km: float, days: int, start: int, seed: int) -> Contagious:
    """The estimate with both checks."""
    happened, residents = wave.events > 0, log_residents(wave)
    where = Where(target == FIRST, wave.near(km), days, start)
    return Contagious(
        estimate(happened, residents, where),
        permuted(happened, residents, where, seed),
        [recover(happened, residents, where, c, seed) for c in KNOWN],
    )


def events_looked_at(wave: Wave, target: str, start: int) -> int:
    """Days of units with an event (or first events) that the estimate rests on."""
    happened = wave.events > 0
    counted = happened & free_before(happened) if target == FIRST else happened
    return int(counted[:, max(start, 1) :].sum())
