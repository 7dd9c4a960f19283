"""A case: a country, a stretch of days, the record of what happened, and the shapes of its regions.

In: the name of a packaged case or a folder with `case.toml`. Out: a `Case`, everything in it checked.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.errors import DataError, Problems, ScenarioError, fail, nearest
from qantar.files.cells import Date, FolderName, Form, Key, Number, Row, Strict, Table, Text, Told, is_number, printable
from qantar.files.markup import read_json, read_toml
from qantar.files.read import read_table
from qantar.record.checks import check_alone, check_repeated
from qantar.record.load import read_record
from qantar.record.record import Record
from qantar.record.schema import MODELS, MONEY, SPAN_MAX, Region

GEOMETRY = ("regions", "neighbours", "lakes")
QUESTIONS, ACCOUNTS = "questions.csv", "accounts"
"""In the folder of a case: what accounts are compared on, and further accounts than the one beside the case."""


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


class Attribution(Told):
    """Who must be named for which data, and under which licence."""

    text_en: Text
    text_zh: Text
    licence: Text


class Term(Told):
    """A word of the country or the time that a newcomer does not know."""

    term_en: Text
    term_zh: Text
    meaning_en: Text
    meaning_zh: Text


class CaseFile(Told):
    """`case.toml`."""

    id: FolderName
    title_en: Text
    title_zh: Text
    country: Annotated[str, BeforeValidator(Form(r"[A-Z]{2}", "KZ"))]
    country_en: Text
    country_zh: Text
    first_day: Date
    last_day: Date
    currency: Text = MONEY
    """what units of money are called in the tables of the case, like tenge"""
    limits_en: Text = ""
    limits_zh: Text = ""
    projection: Projection
    attributions: list[Attribution] = Field(min_length=1)
    glossary: list[Term] = Field(default_factory=list)


class Question(Row):
    """A question about these days that accounts answer differently."""

    question_id: Key
    question_en: Text
    question_zh: Text


@dataclass(frozen=True)
class Case:
    """One country in one stretch of days. `shapes` maps regions, neighbours and lakes to GeoJSON features."""

    folder: Path
    head: CaseFile
    record: Record
    shapes: dict[str, list[dict[str, Any]]]
    questions: Table[Question]

    def place_names(self) -> list[str]:
        """Every name of every region and settlement, in all languages of the tables."""
        return sorted({name for names in self.record.names().values() for name in names})


def cases_folder() -> Path:
    """Where the packaged cases lie."""
    return Path(str(resources.files(__package__)))


def case_names() -> list[str]:
    """Names of the packaged cases.

    >>> case_names()
    ['france-2023', 'germany-2015-arvig', 'kazakhstan-2022', 'us-2020']
    """
    return sorted(p.name for p in cases_folder().iterdir() if (p / "case.toml").is_file())


def account_names() -> list[str]:
    """Names of the packaged accounts besides those that are called as their case.

    >>> account_names()
    ['kazakhstan-2022/official', 'kazakhstan-2022/split']
    """
    found = (p.parent for case in case_names() for p in (cases_folder() / case / ACCOUNTS).glob("*/account.toml"))
    return sorted(f"{p.parent.parent.name}/{p.name}" for p in found)


def packaged_names() -> list[str]:
    """Every name that stands for something that ships: cases, and further accounts of theirs."""
    return [*case_names(), *account_names()]


def find_folder(name: str, marker: str) -> Path:
    """The folder meant by a packaged name or a path, with the file `marker` in it; a ScenarioError with the nearest names if none is."""
    if name in case_names():
        return cases_folder() / name
    if name in account_names():
        case, _, account = name.partition("/")
        return cases_folder() / case / ACCOUNTS / account
    folder = Path(name)
    with suppress(OSError, ValueError):  # longer than a name can be, or with a NUL
        if (folder / marker).exists():  # what it is, its reader says
            return folder
        if folder.is_dir():
            raise fail(ScenarioError, name, "folder_without", marker=marker)
    raise fail(ScenarioError, name, "no_such_case", value=name, choices=nearest(name, packaged_names()))


def load_case(name: str) -> Case:
    """A packaged case by name, or an own one by folder; a ScenarioError or DataError has every problem of any of its files."""
    problems = Problems()
    case = read_case(find_folder(name, "case.toml"), problems)
    problems.raise_as(DataError)
    assert case is not None  # no problem means the head was read
    return case


def read_case(folder: Path, problems: Problems) -> Case | None:
    """As `load_case`, but adds to `problems`; None if `case.toml` itself is unusable."""
    head = read_toml(folder / "case.toml", CaseFile, problems)
    if head is None:
        for name, model in MODELS.items():
            if (path := folder / f"{name}.csv").is_file():  # what is wrong in a table by itself is said all the same
                check_alone(read_table(path, name, model, problems), problems)
        return None
    first, last = head.first_day, head.last_day
    if first > last:
        problems.add("case.toml", None, "first_day", "low_above_high", value=first, other="last_day", other_value=last)
    elif (last - first).days >= SPAN_MAX:
        problems.add("case.toml", None, "last_day", "long_span", value=last, first=first, high=SPAN_MAX)
    shapes = {}
    for name in GEOMETRY:
        path = folder / f"{name}.geojson"
        there = name == "regions" or path.exists() or path.is_symlink()  # a country may have no lakes, and be drawn without its neighbours
        shapes[name] = read_shapes(path, problems, of_regions=name == "regions") if there else []
    outlines, drawn = shapes["regions"], not any(p.file == "regions.geojson" for p in problems.found)
    span, locate = (min(first, last), max(first, last)), partial(_region_at, outlines)
    record = read_record(folder, head.country, problems, span=span, locate=locate, currency=head.currency)
    if record.regions.readable and drawn:
        _check_ids("regions.geojson", [str(f["properties"]["id"]) for f in outlines], record.regions, problems)
        _check_places(record, outlines, problems)
    return Case(folder, head, record, shapes, _questions(folder, problems))


def _questions(folder: Path, problems: Problems) -> Table[Question]:
    """What accounts are compared on; a case need not have any."""
    path = folder / QUESTIONS
    if not path.exists() and not path.is_symlink():
        return Table("questions", QUESTIONS, (), ())
    table = read_table(path, "questions", Question, problems)
    check_repeated(table, "question_id", problems)
    return table


def read_shapes(path: Path, problems: Problems, *, of_regions: bool = False) -> list[dict[str, Any]]:
    """Features of a GeoJSON file: polygons with closed rings inside the globe; those `of_regions` have labels and ids."""
    data = read_json(path, problems)
    if data is None:
        return []
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or data.get("type") != "FeatureCollection":
        problems.add(path.name, None, "type", "not_geojson")
        return []
    before = len(problems.found)
    for index, feature in enumerate(features):
        if problems.full(path.name):
            break
        for key, code, args in _shape_faults(feature, labelled=of_regions):
            problems.add(path.name, None, f"features.{index}.{key}", code, **args)
    return features if len(problems.found) == before else []


def _check_ids(file: str, ids: list[str], regions: Table[Region], problems: Problems) -> None:
    """Every region has one shape, every shape is of a region."""
    known = regions.ids()
    for region, times in Counter(ids).items():
        if times > 1:
            problems.add(file, None, region, "repeated_id", value=region, first=1)
    for region in sorted(known ^ set(ids)):
        if problems.full(file):
            return
        if region in regions.spoilt:
            continue
        code = "region_absent" if region in known else "unknown_region"
        problems.add(file, None, region, code, value=region, choices=nearest(region, known))


Fault = tuple[str, str, dict[str, object]]


def _shape_faults(feature: Any, *, labelled: bool) -> Iterator[Fault]:
    """What is wrong with a feature: path, code of the catalogue and arguments; of its geometry the first fault only."""
    names = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(names, dict):
        yield "properties", "missing_key", {"value": "properties"}
    else:
        yield from _name_faults(names, labelled=labelled)
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        yield "geometry.type", "not_a_polygon", {}
    elif not isinstance(geometry.get("coordinates"), list):
        yield "geometry.coordinates", "bad_shape", {}
    elif not rings(geometry):
        yield "geometry.coordinates", "empty_shape", {}
    elif not all(map(is_ring, rings(geometry))):
        yield "geometry.coordinates", "bad_shape", {}


_NUMBERS = {"label_lon": ("degrees east", 180), "label_lat": ("degrees north", 90), "area_km2": ("km2", 6e8)}
"""Numbers of a feature, and how far they can be from 0."""


def _name_faults(names: dict[str, Any], *, labelled: bool) -> Iterator[Fault]:
    words = {"name_en": True, "name_zh": False, **({"id": True} if labelled else {})}
    for key, needed in words.items():
        value = names.get(key)
        if value in (None, "") and not isinstance(value, bool):
            if needed:
                yield f"properties.{key}", "missing_key", {"value": key}
        elif not isinstance(value, str):
            yield f"properties.{key}", "bad_form", {"value": value, "example": "KZ-MAN" if key == "id" else "Mangystau"}
        elif printable(value) != value:
            yield f"properties.{key}", "control_character", {"value": value}
    for key, (unit, high) in _NUMBERS.items():
        if key not in names and not (labelled and key.startswith("label")):
            continue
        value = names.get(key)
        if value is None:
            yield f"properties.{key}", "missing_key", {"value": key}
        elif not is_number(value):
            yield f"properties.{key}", "not_a_number", {"value": value, "unit": unit}
        elif abs(value) > high or (value < 0 and key == "area_km2"):
            low = 0 if key == "area_km2" else -high
            yield f"properties.{key}", "outside", {"value": value, "low": low, "high": f"{high:g}", "unit": unit}


def is_ring(ring: Any) -> bool:
    """Whether this is a closed line round an area: four points or more on the globe, the last of them the first."""
    long = isinstance(ring, list) and len(ring) >= 4 and all(map(_is_point, ring))
    return long and ring[0][:2] == ring[-1][:2] and _has_area(ring)


def _is_point(point: Any) -> bool:
    if not (isinstance(point, list) and len(point) >= 2):
        return False
    x, y = point[:2]  # as JSON gives them: yes and no are of a type of their own, and what is not finite is outside
    return type(x) in (int, float) and type(y) in (int, float) and -180 <= x <= 180 and -90 <= y <= 90


def _has_area(ring: list[Any]) -> bool:
    """Whether the points of a ring do not all lie on one line."""
    (x0, y0), far = ring[0][:2], max(ring, key=lambda p: abs(p[0] - ring[0][0]) + abs(p[1] - ring[0][1]))
    return any((p[0] - x0) * (far[1] - y0) != (p[1] - y0) * (far[0] - x0) for p in ring)


BESIDE = 1.0
"""Degrees that a place may lie outside the frame of its region: outlines are simplified, coasts and islands left out."""


def _check_places(record: Record, features: list[dict[str, Any]], problems: Problems) -> None:
    """Regions and their capitals lie inside their shapes, other settlements near them: exchanged latitudes and longitudes show here."""
    geometry = {str(f["properties"]["id"]): f["geometry"] for f in features}
    frames = {region: _frame(found) for region, found in geometry.items()}
    tables: tuple[Table[Any], ...] = (record.regions, record.settlements, record.events)
    for table in tables:
        for line, row in problems.rows(table):
            if row.region_id not in geometry or row.lat is None or row.lon is None:
                continue
            west, south, east, north = frames[row.region_id]
            near = west - BESIDE <= row.lon <= east + BESIDE and south - BESIDE <= row.lat <= north + BESIDE
            exact = table.name == "regions" or row.kind == "region_capital"  # no event is of that kind
            if not near or (exact and not _covers(geometry[row.region_id], row.lon, row.lat)):
                args = {"value": f"{row.lat:g}, {row.lon:g}", "region": row.region_id}
                problems.add(table.file, line, "lat", "outside_region", **args)


NEAR = 0.25
"""Degrees that a point may lie off every shape to be counted to the nearest: harbours lie outside a simplified coast."""


def _region_at(features: list[dict[str, Any]], lon: float, lat: float) -> str | None:
    """The region of a point: that whose shape covers it, else the one it lies nearest to, if near."""
    if not features:
        return None
    for feature in features:
        if _covers(feature["geometry"], lon, lat):
            return str(feature["properties"]["id"])

    off = [min(_off(lon, lat, a, b) for ring in rings(f["geometry"]) for a, b in itertools.pairwise(ring)) for f in features]
    return str(features[off.index(min(off))]["properties"]["id"]) if min(off) <= NEAR else None


def _off(lon: float, lat: float, a: Sequence[float], b: Sequence[float]) -> float:
    """How far a point lies off a line between two others, in degrees.

    >>> _off(1, 1, (0, 0), (4, 0)), _off(7, 4, (0, 0), (4, 0))
    (1.0, 5.0)
    """
    along, across = b[0] - a[0], b[1] - a[1]
    length = along**2 + across**2
    share = min(1.0, max(0.0, ((lon - a[0]) * along + (lat - a[1]) * across) / length)) if length else 0.0
    return math.hypot(lon - a[0] - share * along, lat - a[1] - share * across)


def _frame(geometry: dict[str, Any]) -> tuple[float, float, float, float]:
    """West, south, east and north of a geometry."""
    xs, ys = zip(*((p[0], p[1]) for ring in rings(geometry) for p in ring), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _covers(geometry: dict[str, Any], lon: float, lat: float) -> bool:
    """Whether a point lies inside: a line from it to the east crosses the rings an odd number of times; on an edge counts as inside.
    The same as `polygons.inside` for one point, without NumPy, which would take half of the time of a small command.

    >>> square = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
    >>> _covers(square, 1, 1), _covers(square, 3, 1), _covers(square, 2, 1)
    (True, False, True)
    """
    inside = False
    for ring in rings(geometry):
        for a, b in itertools.pairwise(ring):
            low, high = sorted((a[1], b[1]))
            if not low <= lat <= high:
                continue
            cross = (lon - a[0]) * (b[1] - a[1]) - (lat - a[1]) * (b[0] - a[0])
            if cross == 0 and min(a[0], b[0]) <= lon <= max(a[0], b[0]):
                return True
            if (a[1] > lat) != (b[1] > lat) and (cross < 0) == (b[1] > a[1]):
                inside = not inside
    return inside


def rings(geometry: dict[str, Any]) -> list[Any]:
    """All rings of a polygon or multipolygon, holes included."""
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for part in parts for ring in part] if all(isinstance(p, list) for p in parts) else [None]


def file_hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a folder, by name; of those that are there."""
    there = [name for name in sorted(names) if (folder / name).exists()]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}
