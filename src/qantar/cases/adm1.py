"""Regions from a GeoJSON file of the user's own, whatever its properties are called.

In: a file of polygons in degrees. Out: regions as `world` has them, and which properties were taken for their ids and names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qantar.cases.case import is_ring, rings
from qantar.cases.outlines import Outline
from qantar.cases.world import Area
from qantar.errors import DataError, Problems
from qantar.files.cells import is_number, printable
from qantar.files.markup import read_json

ID_KEYS = (
    "iso31662", "shapeiso", "isocode", "iso", "id", "regionid", "adm1pcode", "pcode", "hasc", "hasc1", "code", "gid1", "shapeid", "gid",
)  # fmt: skip
NAME_KEYS = (
    "nameen", "adm1en", "adm1name", "shapename", "name1", "nameeng", "name", "namelocal", "nom", "nombre", "title", "region", "province",
)  # fmt: skip
CHINESE_KEYS = ("namezh", "adm1zh", "namezhcn", "namechs")
"""Keys of properties in small letters and digits only, the likeliest first."""
REGIONS_MAX = 999
"""Regions that ids with three digits can tell apart."""
NAME_MAX = 200
"""Characters of a name."""


@dataclass(frozen=True)
class Own:
    """Regions of a file, and the properties that they were read from; "" where none was."""

    areas: tuple[Area, ...]
    id_key: str
    name_key: str


def read_adm1(path: Path) -> Own:
    """The regions of a GeoJSON file.

    Raises
    ------
    DataError
        With what is wrong with the file: no GeoJSON, no polygons, a projected grid instead of degrees, no names, repeated ids.
    """
    problems = Problems()
    data = read_json(path, problems)
    features = data.get("features") if isinstance(data, dict) and data.get("type") == "FeatureCollection" else None
    if problems.found or not isinstance(features, list) or not features:
        if not problems.found:
            problems.add(path.name, None, "type", "not_geojson")
        problems.raise_as(DataError)
    assert isinstance(features, list)
    if len(features) > REGIONS_MAX:
        problems.add(path.name, None, "features", "outside", value=len(features), low=1, high=REGIONS_MAX, unit="regions")
    for n, feature in enumerate(features):
        if problems.full(path.name):
            break
        for key, code, args in _faults(feature):
            problems.add(path.name, None, f"features.{n}.{key}", code, **args)
    problems.raise_as(DataError)
    own = _read(path.name, features, problems)
    problems.raise_as(DataError)
    return own


def _faults(feature: Any) -> Iterator[tuple[str, str, dict[str, object]]]:
    """The first fault of a feature: path, code and arguments."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
        yield "properties", "missing_key", {"value": "properties"}
    elif not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        yield "geometry.type", "not_a_polygon", {}
    elif not isinstance(geometry.get("coordinates"), list):
        yield "geometry.coordinates", "bad_shape", {}
    elif not (found := rings(geometry)):
        yield "geometry.coordinates", "empty_shape", {}
    elif far := next((p for ring in found for p in _points(ring) if abs(p[0]) > 180 or abs(p[1]) > 90), None):
        yield "geometry.coordinates", "projected", {"value": f"{far[0]:g}, {far[1]:g}"}
    elif not all(map(is_ring, found)):
        yield "geometry.coordinates", "bad_shape", {}


def _points(ring: Any) -> Iterator[list[Any]]:
    """Those points of a ring that are pairs of numbers."""
    for p in ring if isinstance(ring, list) else ():
        if isinstance(p, list) and len(p) >= 2 and all(map(is_number, p[:2])):
            yield p


def _read(file: str, features: list[dict[str, Any]], problems: Problems) -> Own:
    """Ids, names and outlines; ids must differ, and every region needs a name."""
    rows = [{**({"id": f["id"]} if "id" in f else {}), **f["properties"]} for f in features]
    said = [{k: _word(v) for k, v in row.items()} for row in rows]
    name_key, id_key = _key(said, NAME_KEYS, any_words=True), _key(said, ID_KEYS)
    chinese = _key(said, CHINESE_KEYS)
    if not name_key:
        there = ", ".join(sorted({k for row in said for k in row})[:20])
        problems.add(file, None, "properties", "no_region_names", value=printable(there) or "-")
        return Own((), "", "")
    for value, times in Counter(row[id_key] for row in said).items() if id_key else ():
        if times > 1 and not problems.full(file):
            first = 1 + next(n for n, row in enumerate(said) if row[id_key] == value)
            problems.add(file, None, f"properties.{id_key}", "repeated_id", value=value, first=first)
    areas = [
        Area(
            id=row[id_key] if id_key else "",
            name=row[name_key],
            name_zh=row[chinese] if chinese else "",
            local="",
            type="",
            outline=_outline(feature["geometry"]),
            people=0,
        )
        for row, feature in zip(said, features, strict=True)
    ]
    return Own(tuple(areas), id_key, name_key)


def _word(value: object) -> str:
    """What a property says, as one printable line; whole numbers count as words, for ids."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(printable(str(value)).split())[:NAME_MAX]


def _key(rows: list[dict[str, str]], likely: tuple[str, ...], *, any_words: bool = False) -> str:
    """The likeliest property that every region has; with `any_words` else the one with words that differ most; "" if none is."""
    shared = [k for k in rows[0] if all(row.get(k) for row in rows)]
    plain = {k: re.sub("[^a-z0-9]", "", k.lower()) for k in shared}
    for key in likely:
        if found := [k for k in shared if plain[k] == key]:
            return found[0]
    wordy = [k for k in shared if any_words and plain[k] not in ID_KEYS and all(re.search(r"[^\W\d_]", row[k]) for row in rows)]
    return max(wordy, key=lambda k: len({row[k] for row in rows}), default="")


def _outline(geometry: dict[str, Any]) -> Outline:
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [[np.round(np.array([p[:2] for p in ring], float), 5) for ring in part] for part in parts]
