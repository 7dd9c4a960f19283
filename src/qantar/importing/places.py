"""Where a row of a downloaded table lies: the region by its coordinates, or region and settlement by their names.

In: the regions, settlements and shapes of a case. Out: ids. Names are compared without accents, case and marks, in every script that the
tables of the case have; of region names also without the word for their kind, so that "Almaty Region" is "Almaty" where that is one region.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from qantar.cases.case import rings
from qantar.cases.polygons import blocks, edges_of, inside
from qantar.files.cells import fold, spellings

NEAR_KM = 10.0
"""A point at most this far outside every region belongs to the nearest: outlines are simplified, piers and islands left out."""
ALIKE = 0.8
"""Names that share at least so much of their letters may be one, mistyped."""
_KM_A_DEGREE = 111.2
_KINDS = {
    *("region", "oblast", "province", "department", "departement", "state", "city", "district", "county", "prefecture", "governorate"),
    *("municipality", "territory", "republic", "wilayah", "land", "область", "край", "республика", "город", "район"),
}
WHOLE_COUNTRY = frozenset(map(fold, (
    "national", "nationwide", "nation-wide", "nationally", "countrywide", "country-wide", "whole country", "the whole country",
    "entire country", "all country", "all regions", "all over the country", "across the country",
    "nacional", "todo el país", "todo el territorio", "a nivel nacional", "ámbito nacional", "territorio nacional", "todas las regiones",
    "todo o país", "em todo o país", "âmbito nacional", "território nacional",
    "tout le pays", "dans tout le pays", "ensemble du pays", "l'ensemble du pays", "pays entier", "territoire national",
    "échelle nationale",    "landesweit", "bundesweit", "ganzes Land", "im ganzen Land", "das ganze Land",
    "вся страна", "по всей стране", "по стране", "вся республика", "по всей республике", "республика", "все регионы", "общенациональный",
    "全国", "全國", "全国范围", "全国各地", "国家级", "全境", "كل البلاد", "جميع أنحاء البلاد", "عموم البلاد", "على مستوى البلاد", "وطني",
)))  # fmt: skip
"""What stands for the whole country where a region is to be named, as it is compared."""
_CHINESE_KINDS = ("自治区", "自治州", "省", "市", "州", "县", "区")


def bare(folded: str) -> str:
    """A folded name without the word for the kind of region."""
    for kind in _CHINESE_KINDS:
        if folded.endswith(kind) and len(folded) > len(kind) + 1:
            return folded.removesuffix(kind)
    words = folded.split()
    if words[-1:] and words[-1] in _KINDS:
        words.pop()
    elif words and words[0] in _KINDS:
        words = words[1:]
    return " ".join(words[1:] if words[:1] == ["of"] else words)


@dataclass(frozen=True)
class Place:
    """What names say: ids where they are known, else why not (`no_place`, `unknown_place`, `ambiguous_place`, `ambiguous_region`)."""

    region: str = ""
    settlement: str = ""
    reason: str = ""
    elsewhere: str = ""
    """regions of the settlements that have the name, where none of them lies in the region that is named; the regions of one name"""


class Names:
    """Regions and settlements of a case by any of their names."""

    def __init__(self, regions: Sequence[Any], settlements: Iterable[Any]) -> None:
        self._regions: dict[str, set[str]] = defaultdict(set)
        self._short: dict[str, set[str]] = defaultdict(set)
        self._settlements: dict[str, set[str]] = defaultdict(set)
        self.home: dict[str, str] = {s.settlement_id: s.region_id for s in settlements}
        for r in regions:
            for name in (*_names(r), r.region_id):
                self._regions[fold(name)].add(r.region_id)
                self._short[bare(fold(name))].add(r.region_id)
            self._short[fold(r.region_id.rpartition("-")[2])].add(r.region_id)
        self._written: dict[str, str] = {}
        for s in settlements:
            for name in _names(s):
                self._settlements[fold(name)].add(s.settlement_id)
                self._written.setdefault(fold(name), f"{name} ({s.region_id})")
        for r in regions:
            for name in _names(r):
                self._written.setdefault(fold(name), f"{name} ({r.region_id})")

    def region(self, name: str) -> set[str]:
        """Ids of the regions that a name may mean; the whole name first."""
        for folded in spellings(name):
            if found := self._regions.get(folded) or self._short.get(folded) or self._short.get(bare(folded)):
                return found
        return set()

    def settlement(self, name: str, region: str = "") -> set[str]:
        """Ids of the settlements that a name may mean, of one region if that is known."""
        return self._towns(name, {region} if region else set())

    def _towns(self, name: str, regions: set[str]) -> set[str]:
        """The settlements that a name may mean, without or with what stands in brackets behind it; of some regions if these are known."""
        for folded in spellings(name):
            if found := {s for s in self._settlements.get(folded, ()) if not regions or self.home[s] in regions}:
                return found
        return set()

    def like(self, name: str) -> str:
        """The settlement, or else the region, whose name is spelt like this one, or almost, with the region; empty where there is none."""
        return next((self._written[n] for n in get_close_matches(fold(name), self._written, 1, ALIKE)), "")

    def find(self, region: str, settlement: str) -> Place:
        """The place of a row without coordinates."""
        if not (region.strip() or settlement.strip()):
            return Place(reason="no_place")
        regions = self.region(region)
        towns = self._towns(settlement, regions)
        if not (region.strip() or towns):  # "Oneville (Onia)" may say the region
            regions = next(filter(None, map(self.region, reversed(spellings(settlement)[1:]))), set())
        if len(towns) == 1:
            (town,) = towns
            return Place(self.home[town], town)
        homes = {self.home[s] for s in towns}
        if len(regions) == 1:
            others = () if towns else {self.home[s] for s in self.settlement(settlement)}
            return Place(next(iter(regions)), elsewhere=" ".join(sorted(others)))
        if len(homes) == 1:
            return Place(next(iter(homes)))
        if len(regions) > 1 and not homes:
            return Place(reason="ambiguous_region", elsewhere=", ".join(sorted(regions)))
        if len(regions | homes) > 1:
            return Place(reason="ambiguous_place")
        if not region.strip() and len(named := self.region(settlement)) == 1:
            return Place(next(iter(named)))  # a place that is a region itself, like a capital
        return Place(reason="unknown_place")


def _names(row: Any) -> list[str]:
    fields = type(row).model_fields
    return [*(v for f in fields if f.startswith("name_") and (v := getattr(row, f))), *getattr(row, "aliases", ())]


class Shapes:
    """Regions as polygons: many points at once."""

    def __init__(self, features: Sequence[dict[str, Any]]) -> None:
        self.ids = [str(f["properties"].get("id", "")) for f in features]
        self._edges = [edges_of(rings(f["geometry"])) for f in features]
        self._frames = [(e[:, [0, 2]].min(), e[:, [1, 3]].min(), e[:, [0, 2]].max(), e[:, [1, 3]].max()) for e in self._edges]

    def inside(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Index of the region of each point, -1 where there is none."""
        found = np.full(len(lon), -1)
        for k, edges in enumerate(self._edges):
            left = np.flatnonzero(found < 0)
            found[left[inside(edges, lon[left], lat[left])]] = k
        return found

    def nearest(self, lon: np.ndarray, lat: np.ndarray, km: float = NEAR_KM) -> np.ndarray:
        """Index of the nearest region of each point, -1 where none is as near as `km`."""
        found, best = np.full(len(lon), -1), np.full(len(lon), km)
        room = km / _KM_A_DEGREE
        for k, (edges, (west, south, east, north)) in enumerate(zip(self._edges, self._frames, strict=True)):
            wide = room / np.maximum(np.cos(np.radians(lat)), 0.05)
            close = (lon >= west - wide) & (lon <= east + wide) & (lat >= south - room) & (lat <= north + room)
            for some in blocks(np.flatnonzero(close), len(edges)):
                away = _distance(edges, lon[some], lat[some])
                nearer = away < best[some]
                found[some[nearer]], best[some[nearer]] = k, away[nearer]
        return found


def _distance(edges: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Kilometres to the nearest edge, on a plane that touches the globe at each point."""
    ax, ay, bx, by = edges.T[:, :, None]
    east = _KM_A_DEGREE * np.cos(np.radians(lat))
    px, py, qx, qy = (ax - lon) * east, (ay - lat) * _KM_A_DEGREE, (bx - lon) * east, (by - lat) * _KM_A_DEGREE
    dx, dy = qx - px, qy - py
    along = np.clip(-(px * dx + py * dy) / np.maximum(dx * dx + dy * dy, 1e-12), 0, 1)
    return np.asarray(np.hypot(px + along * dx, py + along * dy).min(axis=0))
