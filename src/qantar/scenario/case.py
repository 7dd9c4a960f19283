"""A case: a country, a stretch of days, the record of what happened, and the shapes of its regions.

In: the name of a packaged case or a folder with `case.toml`. Out: a `Case`, everything in it checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.errors import DataError, Problems, ScenarioError, fail, nearest
from qantar.record.load import Record, read_record
from qantar.tables import Date, Form, Key, Number, Strict, Text, read_json, read_toml

GEOMETRY = ("regions", "neighbours", "lakes")


class Projection(Strict):
    """A conic equal-area projection for the maps: two parallels and the central meridian, degrees."""

    parallel_1: Annotated[float, BeforeValidator(Number("degrees north", -90, 90))]
    parallel_2: Annotated[float, BeforeValidator(Number("degrees north", -90, 90))]
    meridian: Annotated[float, BeforeValidator(Number("degrees east", -180, 180))]

    @model_validator(mode="after")
    def _is_a_cone(self) -> Projection:
        if abs(self.parallel_1 + self.parallel_2) < 1:
            raise PydanticCustomError("no_cone", "{code}", {"code": "no_cone", "value": f"{self.parallel_1:g}, {self.parallel_2:g}"})
        return self


class Attribution(Strict):
    """Who must be named for which data, and under which licence."""

    text_en: Text
    text_zh: Text
    licence: Text


class Term(Strict):
    """A word of the country or the time that a newcomer does not know."""

    term_en: Text
    term_zh: Text
    meaning_en: Text
    meaning_zh: Text


class CaseFile(Strict):
    """`case.toml`."""

    id: Key
    title_en: Text
    title_zh: Text
    country: Annotated[str, BeforeValidator(Form(r"[A-Z]{2}", "KZ"))]
    country_en: Text
    country_zh: Text
    first_day: Date
    last_day: Date
    limits_en: Text = ""
    limits_zh: Text = ""
    projection: Projection
    attributions: list[Attribution] = Field(min_length=1)
    glossary: list[Term] = Field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One country in one stretch of days. `shapes` maps regions, neighbours and lakes to GeoJSON features."""

    folder: Path
    head: CaseFile
    record: Record
    shapes: dict[str, list[dict[str, Any]]]

    def place_names(self) -> list[str]:
        """Every name of every region and settlement, in all languages of the tables."""
        rows = [*self.record.regions, *self.record.settlements]
        names = [n for r in rows for n in (r.name_en, r.name_zh, r.name_kk, r.name_ru, *r.aliases)]
        return sorted({n for n in names if n})


def cases_folder() -> Path:
    """Where the packaged cases lie."""
    return Path(str(resources.files(__package__))) / "cases"


def case_names() -> list[str]:
    """Names of the packaged cases.

    >>> case_names()
    ['kazakhstan-2022']
    """
    return sorted(p.name for p in cases_folder().iterdir() if (p / "case.toml").is_file())


def find_folder(name: str, marker: str) -> Path:
    """The folder meant by a packaged name or a path; `marker` is the file that must be in it.

    Raises
    ------
    ScenarioError
        When there is no such case or folder, with the nearest names.
    """
    if name in case_names():
        return cases_folder() / name
    folder = Path(name)
    if (folder / marker).is_file():
        return folder
    if folder.is_dir():
        raise fail(ScenarioError, name, "folder_without", marker=marker)
    raise fail(ScenarioError, name, "no_such_case", value=name, choices=nearest(name, case_names()))


def load_case(name: str) -> Case:
    """A packaged case by name, or an own one by folder.

    Raises
    ------
    ScenarioError, DataError
        With every problem found in any of its files.
    """
    problems = Problems()
    case = read_case(find_folder(name, "case.toml"), problems)
    problems.raise_as(DataError)
    assert case is not None  # no problem means the head was read
    return case


def read_case(folder: Path, problems: Problems) -> Case | None:
    """As `load_case`, but adds to `problems`; None if `case.toml` itself is unusable."""
    head = read_toml(folder / "case.toml", CaseFile, problems)
    if head is None:
        return None
    if head.first_day > head.last_day:
        problems.add("case.toml", None, "first_day", "low_above_high", value=head.first_day, other="last_day", other_value=head.last_day)
    record = read_record(folder, head.country, problems)
    regions = {r.region_id for r in record.regions}
    shapes = {name: read_shapes(folder / f"{name}.geojson", problems, regions if name == "regions" else None) for name in GEOMETRY}
    return Case(folder, head, record, shapes)


def read_shapes(path: Path, problems: Problems, regions: set[str] | None = None) -> list[dict[str, Any]]:
    """Features of a GeoJSON file: polygons with closed rings inside the globe; for `regions`, one feature each."""
    data = read_json(path, problems)
    if data is None:
        return []
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or data.get("type") != "FeatureCollection":
        problems.add(path.name, None, "type", "not_geojson")
        return []
    before = len(problems.found)
    for index, feature in enumerate(features):
        if fault := _shape_fault(feature, labelled=regions is not None):
            problems.add(path.name, None, f"features.{index}.{fault}", "bad_shape")
    if regions is not None:
        ids = [(f.get("properties") or {}).get("id", "") for f in features if isinstance(f, dict)]
        for region in sorted({i for i in ids if ids.count(i) > 1}):
            problems.add(path.name, None, region, "repeated_id", value=region, first=1)
        for region in sorted(regions ^ set(ids)):
            problems.add(
                path.name,
                None,
                region,
                "region_absent" if region in regions else "unknown_region",
                value=region,
                choices=nearest(region, regions),
            )
    return features if len(problems.found) == before else []


def _shape_fault(feature: Any, *, labelled: bool) -> str:
    """The path of the first fault in a feature, or an empty string."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return "geometry.type"
    if not isinstance(geometry.get("coordinates"), list):
        return "geometry.coordinates"
    names = feature.get("properties")
    if not isinstance(names, dict) or not isinstance(names.get("name_en"), str):
        return "properties.name_en"
    for label in ("label_lon", "label_lat") if labelled else ():
        if not isinstance(names.get(label), int | float):
            return f"properties.{label}"
    for ring in rings(geometry):
        if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
            return "geometry.coordinates"
        for point in ring:
            if not (isinstance(point, list) and len(point) >= 2 and all(isinstance(x, int | float) for x in point)):
                return "geometry.coordinates"
            if not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90):
                return "geometry.coordinates"
    return ""


def rings(geometry: dict[str, Any]) -> list[Any]:
    """All rings of a polygon or multipolygon, holes included."""
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for part in parts for ring in part] if all(isinstance(p, list) for p in parts) else [None]


def file_hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a folder, by name."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(names)}
