"""Where pairs of cells with coordinates lie, many looked up at once: in a region, close to one, or in one with the two exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from qantar.importing.country import Country
from qantar.importing.written import degrees, written

_POINTS = 200_000
"""Points whose region is remembered."""
Pair = tuple[str, str]
"""Cells with latitude and longitude."""


class Spot(NamedTuple):
    """Where two cells with coordinates lie: a region, or the reason why none."""

    region: str
    lat: str
    lon: str
    note: str
    """`near`, `swapped` or empty; without a region the reason"""


class Spots:
    """What is known of points of a country by the cells that name them."""

    def __init__(self, country: Country) -> None:
        self.country = country
        self._known: dict[Pair, Spot] = {}

    def __getitem__(self, pair: Pair) -> Spot:
        return self._known[pair]

    def look_up(self, pairs: Iterable[Pair]) -> None:
        """Regions of all points that are not known yet."""
        if len(self._known) > _POINTS:
            self._known.clear()
        new = list(dict.fromkeys(pair for pair in pairs if pair not in self._known))
        points = {pair: (lat, lon) for pair in new if (lat := degrees(pair[0])) is not None and (lon := degrees(pair[1])) is not None}
        found = np.array(list(points.values()), float).reshape(-1, 2)
        lats, lons = found[:, 0], found[:, 1]
        here, there = self.country.region_of(lons, lats), self.country.region_of(lats, lons)
        beside = self.country.region_beside(lons, lats, here)
        for k, (pair, (y, x)) in enumerate(points.items()):
            if here[k]:
                self._known[pair] = Spot(here[k], written(y), written(x), "")
            elif beside[k]:
                self._known[pair] = Spot(beside[k], written(y), written(x), "near")
            elif there[k]:
                self._known[pair] = Spot(there[k], written(x), written(y), "swapped")
            else:
                self._known[pair] = Spot("", "", "", "outside_country" if abs(y) <= 90 and abs(x) <= 180 else "bad_coordinates")
        for pair in new:
            if pair not in points:
                blank = not (pair[0].strip() or pair[1].strip())
                self._known[pair] = Spot("", "", "", "" if blank else "bad_coordinates")
