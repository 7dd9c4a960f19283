"""Regions and towns of the countries of the world, from the file that ships (`world.zip`, made by dev/geodata.py).

In: a country by its ISO 3166-1 code or its name. Out: its regions with their outlines, and its towns. Nothing comes from a network.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from qantar.cases.outlines import Outline
from qantar.errors import ScenarioError, fail, nearest

FILE = Path(__file__).with_name("world.zip")


@dataclass(frozen=True)
class Area:
    """A first-level unit: its outline in degrees, and the people of all its known places."""

    id: str
    """as the data have it: ISO 3166-2 where there is a code"""
    name: str
    name_zh: str
    local: str
    """the name in the country's own letters or spelling"""
    type: str
    outline: Outline
    people: int
    residents: int = 0
    """all that live there, as somebody counted them; 0 where nobody did whose figures may be passed on"""
    counted_by: str = ""
    """key of the source of these in `about`"""


@dataclass(frozen=True)
class Town:
    """A settlement of GeoNames."""

    geonameid: int
    name: str
    lat: float
    lon: float
    people: int
    area: int
    """number of its region"""
    zone: str
    """IANA time zone"""
    aliases: str
    """other names of a larger town, in many scripts, joined by semicolons"""


@dataclass(frozen=True)
class Country:
    """A country, its residents as GeoNames has them, its regions and towns; the largest town first."""

    iso2: str
    iso3: str
    name_en: str
    name_zh: str
    people: int
    capital: str
    areas: tuple[Area, ...]
    towns: tuple[Town, ...]


def country_names() -> list[tuple[str, str, str]]:
    """Every country: ISO 3166-1 code of two letters, English and Chinese name, by the English one."""
    return sorted(((code, *both) for code, both in _called().items()), key=lambda c: c[1])


def country(word: str) -> Country:
    """The country meant by an ISO 3166-1 code of two or three letters, or by its English or Chinese name.

    >>> found = country("KAZ")
    >>> found.iso2, found.name_en, len(found.areas)
    ('KZ', 'Kazakhstan', 17)

    Raises
    ------
    ScenarioError
        If none is called so, with the nearest names.
    """
    names = _names()
    code = names.get(" ".join(word.casefold().split()))
    if code is None:
        shown = sorted({name for both in _called().values() for name in both})
        raise fail(ScenarioError, "--country", "no_such_country", value=word, choices=nearest(word, shown))
    head, packed = _index()[code], _member(f"{code}.json")
    called = _called()[code]
    return Country(
        iso2=code,
        iso3=head["iso3"],
        name_en=called[0],
        name_zh=called[1],
        people=head["people"],
        capital=head["capital"],
        areas=tuple(_area(row, packed["quantum"]) for row in packed["regions"]),
        towns=_towns(packed),
    )


def countries() -> list[str]:
    """ISO 3166-1 codes (two letters) of all countries of which there are regions and residents."""
    return sorted(_index())


def of_fips(code: str) -> str:
    """The ISO 3166-1 code (two letters) for one of FIPS 10-4, which some data sets use; any other word as it is.

    >>> of_fips("CI"), of_fips("Chile")
    ('CL', 'Chile')
    """
    return _by_fips().get(code, code)


def about() -> dict[str, Any]:
    """What the file was made from: data, licence, package and SHA-256 of regions, of settlements and of residents."""
    said: dict[str, Any] = _member("about.json")
    return said


def _member(name: str) -> Any:
    with zipfile.ZipFile(FILE) as archive:
        return json.loads(archive.read(name))


@cache
def _index() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = _member("index.json")
    return found


@cache
def _by_fips() -> dict[str, str]:
    return {head["fips"]: code for code, head in _index().items() if head["fips"]}


@cache
def _called() -> dict[str, tuple[str, str]]:
    """English and Chinese name of each country, as the Unicode CLDR has them."""
    from babel import Locale

    english, chinese = (Locale(lang).territories for lang in ("en", "zh"))
    return {code: (english.get(code, head["name"]), chinese.get(code, head["name"])) for code, head in _index().items()}


@cache
def _names() -> dict[str, str]:
    """The code of each country by everything it may be called, in small letters."""
    found: dict[str, str] = {}
    for code, head in _index().items():
        for name in (code, head["iso3"], head["name"], *_called()[code]):
            found.setdefault(name.casefold(), code)
            found.setdefault(name.casefold().replace("’", "'"), code)
    return found


def _area(row: dict[str, Any], quantum: float) -> Area:
    outline = [[_ring(steps, quantum) for steps in polygon] for polygon in row["rings"]]
    return Area(
        row["id"],
        row["name"],
        row["name_zh"],
        row["local"],
        row["type"],
        outline,
        row["people"],
        row.get("residents", 0),
        row.get("counted_by", ""),
    )


def _ring(steps: list[int], quantum: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A closed ring from whole steps: the first point, then how far to the next."""
    xy = np.cumsum(np.array(steps).reshape(-1, 2), axis=0)
    return np.round(np.vstack([xy, xy[:1]]) * quantum, 4)


def _towns(packed: dict[str, Any]) -> tuple[Town, ...]:
    columns = [packed["settlements"][name] for name in ("id", "name", "lat", "lon", "people", "region")]
    zones = [packed["zones"][n] for n in packed["settlements"]["zone"]]
    return tuple(Town(*row) for row in zip(*columns, zones, packed["settlements"]["aliases"], strict=True))
