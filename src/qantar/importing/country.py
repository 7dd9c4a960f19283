"""What an import needs of a case: its days, its regions with their shapes, and the names of its places.

In: a folder with `case.toml`, `regions.csv` and, where there are, `settlements.csv`, `region_values.csv`, `regions.geojson`,
`neighbours.geojson`. The events are not read: they may be missing, or be what is to be mended.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qantar.cases import world
from qantar.cases.case import CaseFile, read_shapes
from qantar.cases.outlines import contains
from qantar.errors import DataError, Problems, ScenarioError, fail
from qantar.files.cells import fold
from qantar.files.markup import read_toml
from qantar.files.read import read_table
from qantar.importing.places import NEAR_KM, WHOLE_COUNTRY, Names, Shapes, bare
from qantar.record.schema import Region, RegionValue, Settlement, residents_of


@dataclass(frozen=True)
class Country:
    """The country of a case, as far as places and days go."""

    folder: Path
    code: str
    """that stands for the whole country"""
    first: dt.date
    last: dt.date
    names: Names
    shapes: Shapes
    neighbours: Shapes
    called: frozenset[str]
    middles: dict[str, tuple[float, float]]
    """longitude and latitude in the middle of each region"""
    residents: float
    """of the whole country; infinite where they are not known"""

    def region_of(self, lon: np.ndarray, lat: np.ndarray) -> list[str]:
        """The region that each point lies in, empty where it lies in none."""
        return [self.shapes.ids[k] if k >= 0 else "" for k in self.shapes.inside(lon, lat)]

    def region_beside(self, lon: np.ndarray, lat: np.ndarray, inside: list[str]) -> list[str]:
        """The region that each point outside all of them is within some kilometres of, unless it lies in another country."""
        found = [""] * len(lon)
        out = np.flatnonzero(np.array([not r for r in inside], bool))
        out = out[self.neighbours.inside(lon[out], lat[out]) < 0]
        for k, region in zip(out, self.shapes.nearest(lon[out], lat[out], NEAR_KM), strict=True):
            found[k] = self.shapes.ids[region] if region >= 0 else ""
        return found

    def is_whole(self, name: str) -> bool:
        """Whether a cell for a region or a town stands for the whole country."""
        return fold(name) in (self.called | WHOLE_COUNTRY) - {""} and not self.names.region(name)

    def is_another(self, name: str) -> bool:
        """Whether a cell names another country than this one."""
        return bool(name.strip()) and fold(name) not in self.called

    def within(self, name: str) -> list[str]:
        """Regions of the case in a larger unit of this name, one of former times perhaps, which the regions that ship have; else none."""
        wanted = bare(fold(name))
        try:
            areas = world.country(self.code).areas if wanted else ()
        except ScenarioError:  # a country of somebody's own
            return []
        unit = next((a for a in areas if wanted in {bare(fold(n)) for n in (a.name, a.name_zh, a.local)}), None)
        if unit is None or not self.middles:
            return []
        held = contains(unit.outline, np.array(list(self.middles.values())))
        found = [region for region, lies in zip(self.middles, held, strict=True) if lies]
        return found if len(found) > 1 else []


def read_country(folder: Path) -> Country:
    """The country of the case in a folder; a DataError with every problem of the files that are read."""
    if not (folder / "case.toml").is_file():
        raise fail(ScenarioError, folder, "folder_without", marker="case.toml")
    problems = Problems()
    head = read_toml(folder / "case.toml", CaseFile, problems)
    regions = read_table(folder / "regions.csv", "regions", Region, problems)
    towns = folder / "settlements.csv"
    settlements = read_table(towns, "settlements", Settlement, problems).rows if towns.exists() else ()
    values = folder / "region_values.csv"
    figures = read_table(values, "region_values", RegionValue, problems).rows if values.exists() else ()
    shapes = {}
    for name in ("regions", "neighbours"):
        path = folder / f"{name}.geojson"
        there = path.exists() or path.is_symlink()
        shapes[name] = read_shapes(path, problems, of_regions=name == "regions") if there else []
    problems.raise_as(DataError)
    assert head is not None  # no problem means it was read
    called = frozenset(fold(n) for n in (head.country, head.country_en, head.country_zh))
    names = Names(regions.rows, settlements)
    outlines, around = Shapes(shapes["regions"]), Shapes(shapes["neighbours"])
    residents = residents_of(head.country, figures) or math.inf
    middles = {r.region_id: (r.lon, r.lat) for r in regions}
    return Country(folder, head.country, head.first_day, head.last_day, names, outlines, around, called, middles, residents)
