"""The country as mechanisms see it: tables of places and regions, what has been decided, and who acts where.

Nothing here is about one resident. A `Land` is what does not change and is read by Python; a `World` is what compiled code works on:
NumPy tables with named columns (record arrays), few enough that handing them over costs a microsecond. Row k of `place` is a
place, row k of `term` what each mechanism adds to its log pressure; `params`, `country` have one row. A mechanism declares the columns it
needs in a dictionary of names and values at the start, and changes no others but those of `force`, `b`, `quota`, `escalation` and `rally`,
where several meet. A column that `Land` has by the same name starts as it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.model.contract import Floats, Ints

Bools = NDArray[np.bool_]
Columns = dict[str, Any]
"""Columns of a table and the value of each at the start, which also says its type."""
GUARD, ARMY, FOREIGN = range(3)
UNITS = ("national guard", "army", "foreign troops")
PRICE, CONCESSION, INTERNET, EMERGENCY, SHOOT_ORDER, FRAMING, INTERVENTION, STAND_ASIDE = range(8)
KINDS = ("price", "concession", "internet", "emergency", "shoot_order", "framing", "intervention", "stand_aside")
"""Decisions of the state."""
EARTH_KM = 6371.0
LOG_PRESSURE_MAX = 60.0


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

    @cached_property
    def km(self) -> Floats:
        """Great-circle distances between places (haversine); by stretches of rows, so that no copy as large as the whole is made."""
        lat, lon = np.radians(self.lat), np.radians(self.lon)
        km = np.empty((len(lat), len(lat)))
        for first in range(0, len(lat), 64):
            rows = slice(first, first + 64)
            a = np.sin((lat[rows, None] - lat) / 2) ** 2
            a += np.cos(lat[rows, None]) * np.cos(lat) * np.sin((lon[rows, None] - lon) / 2) ** 2
            km[rows] = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(a, 0, 1)))
        return km

    def visible(self, people: float) -> float:
        """A crowd of so many people of the country, but two of the model at least: one person is no crowd at any scale."""
        return visible(people, self.scale)

    def by_region(self, of_place: Floats) -> Floats:
        """Sums over the places of each region."""
        return np.bincount(self.region, of_place, self.n_regions).astype(float)


@leaf
def day_off(now: Any, days_off: Bools, p: Any) -> float:
    """What a day off adds to the log pressure, on a day off."""
    day = int((now.first_hour + now.hour) // 24)
    return p.day_off_effect if day < len(days_off) and days_off[day] else 0.0


@leaf
def excitement(terms: Floats, more: float) -> float:
    """The log pressure of all terms and of what comes on top, cut far beyond any effect, so that no coefficient overflows."""
    total = 0.0
    for term in terms:
        total += term
    return min(max(total + more, -LOG_PRESSURE_MAX), LOG_PRESSURE_MAX)


@leaf
def visible(people: float, scale: float) -> float:
    """A crowd of so many people of the country, but two of the model at least: one person is no crowd at any scale."""
    return max(people, 2.0 / scale)


class Decisions(NamedTuple):
    """Decisions that take effect in this step, in order of time."""

    kind: Ints
    """which of `KINDS`"""
    size: Floats
    where: Bools
    """shape (decisions, places)"""


class World(NamedTuple):
    """State of the country in one history. What columns mean is said by the mechanism that declares them."""

    params: Any
    """one row, a column a parameter"""
    country: Any
    """one row"""
    region: Any
    place: Any
    sector: Any
    term: Any
    """terms of the log pressure by place, a column a term"""
    class_term: Any
    """terms of the log pressure by class, shape (regions, sectors, bins), a column a term"""
    organization: Any
    on: Bools
    """of each mechanism, whether it acts"""
    decisions: Decisions
    hardship: Floats
    """of each bin"""
    days_off: Bools
    able: Floats
    """residents who can take part, shape (places, sectors)"""
    presence: Floats
    """of each organization, shape (organizations, places, sectors)"""
    km: Floats
    """distances, shape (places, places)"""
    nearness: Floats
    """how much people in one place see of a crowd in another, shape (places, places)"""
    nearby: Floats
    """people out nearby, by place"""
    on_the_way: Floats
    """Guard and army that arrive at the beginning of a step, shape (steps, units, places); steps go round"""
    terms: Floats
    """the same numbers as `term`, shape (places, terms)"""
    class_terms: Floats
    """the same numbers as `class_term`, shape (regions, sectors, bins, terms)"""
    factor: Floats
    """of the pressure, by region, sector and bin"""
    a: Floats
    g: Floats
    b: Floats
    leave: Floats
    quota: Floats
    connectivity: Ints
    """rates of the step (`contract.Rates`); quotas are not cut to whole numbers here"""


COUNTRY: Columns = {
    "t": 0,  # step
    "hour": 0.0,  # hours since the start at its beginning
    "dt": 1.0,  # hours of a step
    "scale": 1.0,
    "first_hour": 0.0,
    "seed": 0,
    "expected": False,  # whether numbers are the expected ones, not drawn
    "out": 0.0,  # everyone out
    "fighting": 0.0,
}
REGION: Columns = {
    "seat": 0,  # the place of it
    "people": 0.0,  # residents
    "out": 0.0,
    "dead": 0.0,  # since the start
    "killed": 0.0,  # in the last step, as are the detained
    "detained": 0.0,
}
PLACE: Columns = {
    "region": 0,
    "residents": 0.0,
    "settlement": False,
    "local_hour": 0.0,
    "police": 0.0,
    "clock": 0.0,  # hour of the day there, 0 to 24
    "out": 0.0,  # who is out, peaceful or fighting
    "fighting": 0.0,
    "withdrawn": 0.0,
    "emergency": False,
    "shoot_order": False,
    "force": np.zeros(len(UNITS)),  # units in place beside the police, in people of the model's scale
    "escalation": 0.0,  # rate per hour at which protesters begin to fight
    "rally": 0.0,  # pressure per hour of the rallies that are on
}
SECTOR: Columns = {"takes_part": False}
ORGANIZATION: Columns = {"demand_gap": 0.0, "start": 0.0, "end": 0.0}


def first_row(columns: Columns) -> Any:
    """A table of one row with these columns, each at its value at the start. Columns are attributes of a row, in Python as compiled."""
    kinds = [(name, np.asarray(value).dtype, np.shape(value)) for name, value in columns.items()]
    row = np.zeros(1, np.dtype((np.record, np.dtype(kinds, align=True))))
    for name, value in columns.items():
        row[name] = value
    return row


def filled(rows: Any, land: Land) -> Any:
    """The same rows, where columns that are known of the land say what they are there."""
    for name in rows.dtype.names:
        if hasattr(land, name):
            rows[name] = getattr(land, name)
    return rows


def decisions_of(steps: Sequence[StateStep], n_places: int) -> Decisions:
    """Decisions as arrays."""
    where = np.zeros((len(steps), n_places), np.bool_)
    for row, step in zip(where, steps, strict=True):
        row[list(step.places)] = True
    kinds = [KINDS.index(s.kind) for s in steps]
    return Decisions(np.array(kinds, np.int64), np.array([s.size for s in steps], float), where)


@leaf
def decided(decisions: Decisions, kind: int, k: int, otherwise: float) -> float:
    """Size of the last decision of a kind that takes effect now in place k, or another value if there is none."""
    for d in range(len(decisions.kind) - 1, -1, -1):
        if decisions.kind[d] == kind and decisions.where[d, k]:
            return decisions.size[d]  # type: ignore[no-any-return]
    return otherwise


def merged(parts: Iterable[Columns]) -> Columns:
    """All columns of several declarations.

    >>> merged([{"x": 0.0}, {"y": 1}])
    {'x': 0.0, 'y': 1}
    """
    found: Columns = {}
    for part in parts:
        if twice := found.keys() & part.keys():
            raise ValueError(f"two mechanisms declare {sorted(twice)}")
        found |= part
    return found
