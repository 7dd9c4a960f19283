"""The country as mechanisms see it: arrays by place and region, what has been decided, and who acts where.

Nothing here is about one resident. `Place` numbers run over places in order of region; the arrays of a `World` are changed
by mechanisms only, each its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.draws import Purpose, uniform
from qantar.model.contract import Counts, Floats, Ints
from qantar.model.rules import DEAD, DETAINED, FULL, PROTESTING

Bools = NDArray[np.bool_]
_PLACE = int(Purpose.PLACE)


@dataclass(frozen=True)
class StateStep:
    """A decision of the state, from `at` on (hours since the start), in these places. Effects do not know who made it.

    `size` is a price (local money a litre), a level of demand that is granted, a level of internet, or 1 for on, 0 for off.
    """

    id: str
    kind: str
    places: tuple[int, ...]
    at: float
    size: float
    source: str = ""


@dataclass(frozen=True)
class Land:
    """What does not change in a history. Arrays of shape (places,) unless said otherwise."""

    residents: Ints
    region: Ints
    lat: Floats
    lon: Floats
    local_hour: Floats
    """hours to add to the country's time for local time"""
    hardship: Floats
    """of each hardship bin, 0 to 1, shape (bins,)"""
    mean_hardship: float
    """over residents"""
    takes_part: Bools
    """of each sector: whether its people can join at all, shape (sectors,)"""
    fuel_dependence: Floats
    """share of households whose car runs on the good whose price moved, 0 to 1"""
    price: Floats
    """of that good before the start, local money a litre"""
    inflation_excess: float
    """yearly inflation at the start above that of the reference year, as a share"""
    internet: float
    """share of residents who use the internet"""
    police: Floats
    """officers by place, in people of the model's scale"""
    days_off: Bools
    """of each day of the history, shape (days,)"""
    first_hour: float
    """hour of the day at which the history starts, the country's time"""
    scale: float
    """residents of the model per resident of the country"""

    @property
    def n_places(self) -> int:
        """Places."""
        return len(self.residents)

    @property
    def n_regions(self) -> int:
        """Regions."""
        return int(self.region[-1]) + 1

    def by_region(self, of_place: Floats) -> Floats:
        """Sums over the places of each region."""
        return np.bincount(self.region, of_place, self.n_regions).astype(float)


@dataclass
class World:
    """State of the country in one history."""

    land: Land
    dt: float
    price: Floats
    connectivity: Ints
    emergency: Bools
    shoot_order: Bools
    framing: Bools
    legitimacy: Floats
    """by region, 0 to 1"""
    demand: Floats
    """by region: what the crowd asks for; 0 nothing, 1 prices, 2 the government, 3 the system"""
    granted: Floats
    """by region: the highest demand granted so far"""
    granted_at: Floats
    """by region: hour of the last concession"""
    harm: Floats
    """by region: killed and detained lately, weighted, in people of the model's scale"""
    news: Floats
    """by place: protesters whom people there have heard of lately"""
    security_dead: Floats
    """by region, since the start"""
    terms: dict[str, Floats] = field(default_factory=dict)
    """terms of the log pressure by place, one entry a mechanism and effect"""
    class_terms: dict[str, Floats] = field(default_factory=dict)
    """terms of the log pressure by class, shape (places, sectors, bins) or what broadcasts to it"""
    quota: Ints = field(default_factory=lambda: np.zeros((3, 0), np.int64))
    protest_days: Floats = field(default_factory=lambda: np.zeros(0))
    """by region: days with protest so far"""
    steps: tuple[StateStep, ...] = ()
    """decisions that take effect now"""
    cache: dict[str, Any] = field(default_factory=dict)

    def decisions(self, kind: str) -> list[StateStep]:
        """Steps of one kind that take effect now."""
        return [s for s in self.steps if s.kind == kind]

    def hour(self, t: int) -> float:
        """Hours since the start at the beginning of step t."""
        return t * self.dt

    def local_hour(self, t: int) -> Floats:
        """Hour of the day in each place at the beginning of step t, 0 to 24."""
        return (self.land.first_hour + self.hour(t) + self.land.local_hour) % 24.0


def new_world(land: Land, dt: float) -> World:
    """The country at the start."""
    places, regions = land.n_places, land.n_regions
    off = np.zeros(places, np.bool_)
    return World(
        land,
        dt,
        price=land.price.copy(),
        connectivity=np.full(places, FULL, np.int64),
        emergency=off.copy(),
        shoot_order=off.copy(),
        framing=off.copy(),
        legitimacy=np.ones(regions),
        demand=np.zeros(regions),
        granted=np.zeros(regions),
        granted_at=np.full(regions, -np.inf),
        harm=np.zeros(regions),
        news=np.zeros(places),
        security_dead=np.zeros(regions),
        quota=np.zeros((3, places), np.int64),
        protest_days=np.zeros(regions),
    )


def protesting(counts: Counts) -> Floats:
    """Protesters by place."""
    return np.asarray(counts.n[PROTESTING].sum(axis=1), float)


def killed_and_detained(counts: Counts) -> tuple[Floats, Floats]:
    """Who was killed and who was detained in the last step, by place."""
    return counts.moved[0].astype(float), (counts.moved[1] + counts.moved[2]).astype(float)


def harmed_so_far(counts: Counts) -> tuple[Floats, Floats]:
    """Dead since the start and in detention now, by place."""
    return counts.n[DEAD].sum(axis=1).astype(float), counts.n[DETAINED].sum(axis=1).astype(float)


class Draws:
    """Whole numbers from rates of places, keyed by what, place and step."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def poisson(self, what: int, mean: Floats, t: int) -> Floats:
        """Poisson numbers with these means."""
        return _poisson(self.seed, what, np.asarray(mean, float), t)

    def quota(self, numbers: Floats) -> Ints:
        """Numbers as the engine wants them."""
        return numbers.astype(np.int64)


class Expected(Draws):
    """In place of draws, their means: for the mean-field twin."""

    def poisson(self, what: int, mean: Floats, t: int) -> Floats:
        """The means themselves."""
        return np.asarray(mean, float)

    def quota(self, numbers: Floats) -> Ints:
        """The means: the twin moves parts of people."""
        return numbers  # type: ignore[return-value]


@jit
def _poisson(seed: int, what: int, mean: Floats, t: int) -> Floats:
    """By inversion; above 500, where the spread is below 5 %, the mean rounded up or down at random."""
    out = np.zeros(len(mean))
    for p in range(len(mean)):
        if mean[p] > 0.0:
            u = uniform(seed, _PLACE, p, what, t)
            if mean[p] > 500.0:
                out[p] = math.floor(mean[p] + u)
            else:
                term = math.exp(-mean[p])
                total = term
                while u > total and out[p] < 1000:
                    out[p] += 1
                    term *= mean[p] / out[p]
                    total += term
    return out
