"""The map: GeoJSON to SVG paths in a conic equal-area projection, and signs of what happened on it.

In: a `Case`. Out: plain strings and numbers for the page; nothing is fetched and nothing depends on the machine.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qantar.cases.case import Case, rings
from qantar.record.load import Record

WIDTH = 800.0
MARGIN = 14.0
HEIGHT_MAX = 1100.0
"""Of a sheet: two screens of a phone."""
FINE, ROUGH = 0.3, 1.0
"""How far borders of regions and of countries around may be moved, in units of a sheet of 800."""
Point = tuple[float, float]


def albers(parallel_1: float, parallel_2: float, meridian: float) -> Callable[[float, float], Point]:
    """Albers' conic equal-area projection on the sphere, y downwards (Snyder 1987, USGS Prof. Paper 1395, eqs 14-1 to 14-6).

    >>> x, y = albers(43, 53, 67.5)(67.5, 48.0)
    >>> abs(x) < 1e-12
    True
    """
    p1, p2, l0 = (math.radians(v) for v in (parallel_1, parallel_2, meridian))
    n = (math.sin(p1) + math.sin(p2)) / 2
    c = math.cos(p1) ** 2 + 2 * n * math.sin(p1)

    def project(lon: float, lat: float) -> Point:
        rho = math.sqrt(max(0.0, c - 2 * n * math.sin(math.radians(lat)))) / n  # at a pole rounding may go below 0
        theta = n * math.remainder(math.radians(lon) - l0, 2 * math.pi)  # the short way round the globe
        return rho * math.sin(theta), rho * math.cos(theta)

    return project


@dataclass(frozen=True)
class Shape:
    """One area on the map: an SVG path, and where its label goes."""

    id: str
    name_en: str
    name_zh: str
    path: str
    x: float
    y: float
    area: float


@dataclass(frozen=True)
class Sheet:
    """Everything drawn, in the coordinates of one SVG view box."""

    width: int
    height: int
    regions: tuple[Shape, ...]
    neighbours: tuple[Shape, ...]
    lakes: tuple[Shape, ...]
    places: dict[str, Point]


def draw(case: Case) -> Sheet:
    """The map sheet of a case: its regions fill the width, or the height of a country that is long from north to south.

    Neighbours are cut by the frame; without regions the sheet is empty.
    """
    if not case.shapes["regions"]:
        return Sheet(int(WIDTH), int(2 * MARGIN), (), (), (), {})
    p = case.head.projection
    project = albers(p.parallel_1, p.parallel_2, p.meridian)
    points = [project(*xy[:2]) for f in case.shapes["regions"] for ring in rings(f["geometry"]) for xy in ring]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    scale, beside = (WIDTH - 2 * MARGIN) / (right - left), MARGIN
    if (bottom - top) * scale > HEIGHT_MAX - 2 * MARGIN:
        scale = (HEIGHT_MAX - 2 * MARGIN) / (bottom - top)
        beside = (WIDTH - (right - left) * scale) / 2

    def place(lon: float, lat: float) -> Point:
        x, y = project(lon, lat)
        return round((x - left) * scale + beside, 1), round((y - top) * scale + MARGIN, 1)

    cities = {r.region_id for r in case.record.regions if r.type == "city"}
    frame = (WIDTH, (bottom - top) * scale + 2 * MARGIN)
    return Sheet(
        width=int(WIDTH),
        height=math.ceil(frame[1]),
        regions=tuple(_circle(f, place) if f["properties"]["id"] in cities else _shape(f, place, None) for f in case.shapes["regions"]),
        neighbours=tuple(s for f in case.shapes["neighbours"] if (s := _shape(f, place, frame)).path),
        lakes=tuple(s for f in case.shapes["lakes"] if (s := _shape(f, place, frame)).path),
        places={key: place(lon, lat) for key, lon, lat in _places(case.record)},
    )


def _places(record: Record) -> Iterator[tuple[str, float, float]]:
    """Where signs can stand: settlements by their id, and points of events without one by the event's."""
    yield from ((s.settlement_id, s.lon, s.lat) for s in record.settlements)
    yield from ((e.event_id, e.lon, e.lat) for e in record.events if e.settlement_id is None and e.lon is not None and e.lat is not None)


def _shape(feature: dict[str, Any], place: Callable[[float, float], Point], frame: Point | None) -> Shape:
    pieces = []
    box: list[Point] = []
    for ring in rings(feature["geometry"]):
        points = [place(*xy[:2]) for xy in ring]
        kept = [b for a, b in zip([None, *points], points, strict=False) if a != b]  # rounding makes doubles
        if len(kept) > 3 and (frame is None or _touches(kept, frame)):
            pieces.append(_closed(_thinned(kept[:-1], FINE if frame is None else ROUGH)))
            box += kept
    names = feature["properties"]
    if "label_lon" in names:
        x, y = place(names["label_lon"], names["label_lat"])
    else:
        x, y = (sum(v) / len(box) for v in zip(*box, strict=True)) if box else (0.0, 0.0)
    return Shape(names.get("id", ""), names["name_en"], names.get("name_zh", ""), "".join(pieces), x, y, names.get("area_km2", 1))


def _closed(points: list[Point]) -> str:
    """A ring as a path of steps from point to point, in tenths, which is half as long as one of places.

    >>> _closed([(10.0, 2.5), (10.3, 2.5), (9.0, 4.0)])
    'M10 2.5l.3 0-1.3 1.5z'
    """
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(tenths)]
    words = "".join(("" if n else "l") + _step(x, first=not n) + _step(y) for n, (x, y) in enumerate(steps))
    return f"M{points[0][0]:g} {points[0][1]:g}{words}z"


def _step(tenths: int, *, first: bool = False) -> str:
    """A number after another: a minus sign parts them as well as a blank does."""
    word = f"{tenths / 10:g}".replace("0.", ".", 1) if abs(tenths) < 10 else f"{tenths / 10:g}"
    return word if first or tenths < 0 else " " + word


def _thinned(points: list[Point], most: float) -> list[Point]:
    """A ring with fewer points, none of those left out farther than `most` from it (Douglas and Peucker 1973).

    >>> _thinned([(0, 0), (5, 0.1), (10, 0), (10, 8), (0, 8)], 0.2)
    [(0, 0), (10, 0), (10, 8), (0, 8)]
    """
    kept = {0, len(points) - 1}
    open_pieces = [(0, len(points) - 1)]
    while open_pieces:
        first, last = open_pieces.pop()
        (x, y), (x2, y2) = points[first], points[last]
        long = math.dist((x, y), (x2, y2))
        far, at = most, 0
        for k in range(first + 1, last):
            px, py = points[k]
            away = abs((x2 - x) * (py - y) - (y2 - y) * (px - x)) / long if long else math.dist((x, y), (px, py))
            if away > far:
                far, at = away, k
        if at:
            kept.add(at)
            open_pieces += [(first, at), (at, last)]
    return [points[k] for k in sorted(kept)] if len(kept) > 2 else points


def _circle(feature: dict[str, Any], place: Callable[[float, float], Point], radius: float = 11) -> Shape:
    """A region that is one city, too small to be seen or touched in its own shape."""
    names = feature["properties"]
    x, y = place(names["label_lon"], names["label_lat"])
    path = f"M{x - radius:g} {y:g}a{radius:g} {radius:g} 0 1 0 {2 * radius:g} 0a{radius:g} {radius:g} 0 1 0 {-2 * radius:g} 0Z"
    return Shape(names["id"], names["name_en"], names.get("name_zh", ""), path, x, y, 0)


def _touches(points: list[Point], frame: Point) -> bool:
    xs, ys = zip(*points, strict=True)
    return bool(max(xs) > 0 and min(xs) < frame[0] and max(ys) > 0 and min(ys) < frame[1])


SIGNS = {
    "crowd": "protest march strike road_blocked rail_blocked talks",
    "violence": "clash building_attacked building_seized armoury_seized airport_seized looting control_lost prison_attacked "
    "infrastructure_attacked symbol_attacked",
    "state": "repression detained retaken airport_retaken emergency_declared stand_aside",
}
"""Kinds of event that a sign of the map stands for."""
SIGN_OF = {kind: sign for sign, kinds in SIGNS.items() for kind in kinds.split()}


@dataclass(frozen=True)
class Sign:
    """One or more events of a kind, at a place, on a day: where it is drawn and what it stands for."""

    day: int
    kind: str
    x: float
    y: float


def signs(record: Record, sheet: Sheet, days: Sequence[dt.date]) -> list[Sign]:
    """Signs of the map, side by side where a place has several kinds on one day, above the circle of a city region."""
    cities = {r.region_id for r in record.regions if r.type == "city"}
    found: dict[tuple[str, int], set[str]] = {}
    lifted: set[str] = set()
    for event in record.events:
        sign, place = SIGN_OF.get(event.kind), event.settlement_id or event.event_id
        if sign is None or place not in sheet.places or not event.one_happening:
            continue
        for n, day in enumerate(days):
            if event.date <= day <= (event.date_end or event.date):
                found.setdefault((place, n), set()).add(sign)
        if event.region_id in cities:
            lifted.add(place)
    drawn = []
    for (place, n), kinds in sorted(found.items()):
        x, y = sheet.places[place]
        for i, kind in enumerate(k for k in SIGNS if k in kinds):
            drawn.append(Sign(n, kind, round(x + 13 * (i - (len(kinds) - 1) / 2), 1), y - 20 if place in lifted else y))
    return drawn
