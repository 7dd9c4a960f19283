"""The country as mechanisms see it: arrays by place and region, what has been decided, and who acts where.

Nothing here is about one resident. `Place` numbers run over places in order of region; the arrays of a `World` are changed
by mechanisms only, each its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.draws import Purpose, uniform
from qantar.model.contract import Counts, Floats, Ints
from qantar.model.rules import FULL, QUOTAS

Bools = NDArray[np.bool_]
_PLACE = int(Purpose.PLACE)
(KILLED, ARRESTED, SEARCHED, SECURITY, FIGHTERS_KILLED, FIGHTERS_TAKEN, SEAT, AIRPORT, SEED_PLACE, SPLIT_PLACE, SHOCK, DEFECT) = range(12)
"""What draws by place, region or day are for: part of their key, so never used again for something else."""
GUARD, ARMY, FOREIGN = range(3)
UNITS = ("national guard", "army", "foreign troops")


@dataclass(frozen=True)
class StateStep:
    """A decision of the state, from `at` on (hours since the start), in these places. Effects do not know who made it.

    `size` is a price (local money a litre), a level of demand that is granted, a level of internet, a number of foreign troops,
    the share of units that are told to stand aside, or 1 for on, 0 for off.
    """

    id: str
    kind: str
    places: tuple[int, ...]
    at: float
    size: float
    source: str = ""


class Organization(NamedTuple):
    """Committees, unions or parties: where they are present, whom they reach, and what they ask for."""

    id: str
    presence: Floats
    """share of residents among whom it is present at all, shape (places, sectors)"""
    demand_gap: float
    """levels by which its demand leads (above 0) or lags (below 0) the crowd's"""
    start: float
    end: float
    """hours between which it acts"""


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
    guard: Floats
    """National Guard by base, in people of the model's scale"""
    army: Floats
    """army by base, likewise"""
    site_guards: float
    """men of the Guard who are tied to strategic sites until someone relieves them, likewise"""
    seat: Ints
    """place of the seat of government of each region, shape (regions,)"""
    capital: int
    """region of the country's seat of government"""
    settlement: Bools
    """whether a place is one settlement, not the rest of a region"""
    devaluation: float
    """log of the dollar's price at the start over that of the reference year"""
    foreign_owned: Floats
    """share of a region's output in foreign hands, shape (regions,); 0 where it is not known"""
    output: Floats
    """share of each sector in the country's output, shape (sectors,)"""
    revenue: Floats
    """share of each sector in the state's revenue, shape (sectors,)"""
    sector_residents: Ints
    """shape (places, sectors)"""
    organizations: tuple[Organization, ...]
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

    def visible(self, people: float) -> float:
        """A crowd of so many people of the country, but two of the model at least: one person is no crowd at any scale."""
        return max(people, 2 / self.scale)

    def by_region(self, of_place: Floats) -> Floats:
        """Sums over the places of each region."""
        return np.bincount(self.region, of_place, self.n_regions).astype(float)


@dataclass
class World:
    """State of the country in one history."""

    land: Land
    dt: float
    price: Floats
    """of the good whose price moved, by place"""
    connectivity: Ints
    """internet, a level of `rules.LEVELS`, by place"""
    emergency: Bools
    shoot_order: Bools
    framing: Bools
    """whether an emergency, an order to shoot, hostile words of the state are in force, by place"""
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
    b: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """pressure that needs no grievance, per hour, shape (places, sectors): calls and seeds"""
    organized: Floats = field(default_factory=lambda: np.zeros(0))
    """share of residents within reach of an organization, by place"""
    gap: Floats = field(default_factory=lambda: np.zeros(0))
    """levels by which the organizations of a place lead or lag the crowd, weighed by their reach"""
    asked: Floats = field(default_factory=lambda: np.zeros(0))
    """by region: the demand that is put to the state, after organizations have had their say"""
    force: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """units in place beside the police, shape (units, places), in people of the model's scale"""
    on_the_way: dict[int, Floats] = field(default_factory=dict)
    """units that arrive at the beginning of a step, shape (units, places)"""
    foreign_due: Floats = field(default_factory=lambda: np.zeros(0))
    """foreign troops decided on and not there yet, by place"""
    foreign_since: Floats = field(default_factory=lambda: np.zeros(0))
    """hour of the decision, by place"""
    tied: float = 0.0
    """men of the Guard at strategic sites"""
    ordered: Floats = field(default_factory=lambda: np.zeros(0))
    """share of units ordered to stand aside and obeying, by place"""
    let_pass: Floats = field(default_factory=lambda: np.zeros(0))
    """the same of orders in drawn cities, by place"""
    left: Floats = field(default_factory=lambda: np.zeros(0))
    """share of units that have left their posts by themselves, by place"""
    defectors: Floats = field(default_factory=lambda: np.zeros(0))
    """who have changed sides, by place"""
    captured: Floats = field(default_factory=lambda: np.zeros(0))
    """weapons in the crowd's hands, by place"""
    stock: Floats = field(default_factory=lambda: np.zeros(0))
    """share of each place's weapons still in store"""
    escalation: Floats = field(default_factory=lambda: np.zeros(0))
    """rate per hour at which protesters of a place begin to fight"""
    staying: Floats = field(default_factory=lambda: np.zeros(0))
    """factor of the half-life of staying out, by place"""
    seat_lost: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    airport_lost: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    """by region: whether the crowd holds the seat of government, the airport"""
    contested: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    """places whose seat is lost, or where the crowd is stronger than the units, by place"""
    lost_revenue: float = 0.0
    """of a month's revenue of the state, the share lost to strikes so far"""
    lost_output: float = 0.0
    """of a month's output, the share lost to strikes so far"""
    quota: Ints = field(default_factory=lambda: np.zeros((len(QUOTAS), 0), np.int64))
    protest_days: Floats = field(default_factory=lambda: np.zeros(0))
    """by region: days with protest so far"""
    steps: tuple[StateStep, ...] = ()
    """decisions that take effect now"""
    counts: Counts | None = None
    """what the engine told at the last step"""
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
        b=np.zeros((places, len(land.takes_part))),
        organized=np.zeros(places),
        gap=np.zeros(places),
        asked=np.zeros(regions),
        force=np.zeros((len(UNITS), places)),
        foreign_due=np.zeros(places),
        foreign_since=np.full(places, np.inf),
        tied=land.site_guards,
        ordered=np.zeros(places),
        let_pass=np.zeros(places),
        left=np.zeros(places),
        defectors=np.zeros(places),
        captured=np.zeros(places),
        stock=np.ones(places),
        escalation=np.zeros(places),
        staying=np.ones(places),
        seat_lost=np.zeros(regions, np.bool_),
        airport_lost=np.zeros(regions, np.bool_),
        contested=np.zeros(places, np.bool_),
        quota=np.zeros((len(QUOTAS), places), np.int64),
        protest_days=np.zeros(regions),
    )


class Draws:
    """Numbers for places, regions and the country, keyed by what they are for, where, and step or count."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def poisson(self, what: tuple[int, ...], mean: Floats, t: int) -> Floats:
        """Poisson numbers with these means, a row for each of what they are for, shape (rows, places)."""
        return _poisson(self.seed, np.array(what), mean, t)

    def quota(self, numbers: Floats) -> Ints:
        """Numbers as the engine wants them."""
        return numbers.astype(np.int64)

    def exponential(self, what: int, who: int, when: int) -> float:
        """An exponential number with mean 1."""
        return -math.log1p(-uniform(self.seed, _PLACE, who, what, when))

    def normal(self, what: int, who: int, when: int) -> float:
        """A standard normal number."""
        return NormalDist().inv_cdf(uniform(self.seed, _PLACE, who, what, when))

    def pick(self, what: int, weights: Floats, k: int) -> Ints:
        """K different numbers, likelier the larger their weight: the smallest exponential clocks (Efraimidis and Spirakis 2006)."""
        race = [self.exponential(what, i, 0) / w if w > 0 else math.inf for i, w in enumerate(weights)]
        return np.argsort(race, kind="stable")[: min(k, int((weights > 0).sum()))]


class Expected(Draws):
    """In place of draws, their means: for the mean-field twin. What is picked is what is likeliest, the first among equals."""

    def poisson(self, what: tuple[int, ...], mean: Floats, t: int) -> Floats:
        """The means themselves."""
        return mean

    def quota(self, numbers: Floats) -> Ints:
        """The means: the twin moves parts of people."""
        return numbers  # type: ignore[return-value]

    def exponential(self, what: int, who: int, when: int) -> float:
        """The median: what happens at a rate happens when half would have seen it."""
        return math.log(2)

    def normal(self, what: int, who: int, when: int) -> float:
        """The mean."""
        return 0.0


@jit
def _poisson(seed: int, what: Ints, mean: Floats, t: int) -> Floats:
    """By inversion; above 500, where the spread is below 5 %, the mean rounded up or down at random."""
    out = np.zeros(mean.shape)
    for row in range(len(what)):
        for p in range(mean.shape[1]):
            m = mean[row, p]
            if m > 0.0:
                u = uniform(seed, _PLACE, p, what[row], t)
                if m > 500.0:
                    out[row, p] = math.floor(m + u)
                else:
                    term = math.exp(-m)
                    total = term
                    while u > total and out[row, p] < 1000:
                        out[row, p] += 1
                        term *= m / out[row, p]
                        total += term
    return out
