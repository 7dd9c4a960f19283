"""The rows of a plan: regions, places, sectors, layers, organizations and steps, each frozen, in the units of the model."""

from __future__ import annotations

from qantar.files.cells import Strict

AnyNumber = int | float
"""A number as somebody wrote it: a plan's name is the hash of its text, in which 90 and 90.0 are not the same."""


class Region(Strict):
    """A region of the country."""

    id: str
    sectors: list[float]
    """share of each sector in the residents, in the order of the plan's sectors"""
    bands: list[float]
    """share of each income band in the residents, in the order of `hardship`"""
    fuel: float
    """share of households whose car runs on the good whose price moved"""
    police: float
    """officers a resident"""
    seat: str
    """id of the place of its seat of government"""
    adjacent: list[str]
    """ids of the regions next to it"""


class Place(Strict):
    """A settlement of known size, or what is left of a region."""

    id: str
    region: int
    """number of its region"""
    name_en: str
    name_zh: str
    lat: float
    lon: float
    """degrees"""
    local_hour: float
    """hours to add to the country's time for local time"""
    population: int
    """residents of the country, not of the model"""
    settlement: bool
    """whether it is one settlement, not the rest of a region"""


class Sector(Strict):
    """What people live on."""

    id: str
    takes_part: bool
    """whether its people can join at all"""
    workgroup: int
    """people in a group of a layer that has no size of its own"""


class Layer(Strict):
    """A kind of tie."""

    id: str
    scope: str
    """what it divides into groups: place, workplace, region or country"""
    group: int | None
    """people in a group; none: the workgroup of their sector"""
    repeats: int
    """how often it divides"""
    online: bool


class Organization(Strict):
    """Committees, unions or parties."""

    id: str
    presence: float
    """share of residents among whom it is present, where it is"""
    places: list[str]
    """ids of places, regions or the country; empty: everywhere"""
    sectors: list[str]
    """ids; empty: all"""
    demand_gap: float
    """levels by which its demand leads (above 0) or lags (below 0) the crowd's"""
    start: float
    end: float
    """hours since the start between which it acts"""


class Step(Strict):
    """A decision of the state."""

    id: str
    kind: str
    places: list[str]
    """ids of settlements, regions or the country"""
    at: AnyNumber
    """hours since the start"""
    size: AnyNumber
    """in the unit of its kind, see `model.world.StateStep`"""
    source: str
    """ids of the events that record it, joined by semicolons; or assumption, or edit"""
    given: bool
    """whether it is no answer to unrest: then it is replayed whoever decides"""
    hour: str
    """whether its hour is recorded or assumed"""
