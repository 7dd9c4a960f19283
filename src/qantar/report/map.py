"""The map: GeoJSON to SVG paths in a conic equal-area projection, and signs of what happened on it.

In: a `Case`. Out: plain strings and numbers for the page; nothing is fetched and nothing depends on the machine.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from qantar.cases.case import Case, rings
from qantar.record.complete import GATHERINGS, VIOLENCE
from qantar.record.record import Record
from qantar.report.figures import width_of

WIDTH = 800.0
MARGIN = 14.0
HEIGHT_MAX = 1100.0
"""Of a sheet without its boxes: two screens of a phone."""
FINE, ROUGH = 0.3, 1.0
"""How far borders of regions and of countries around may be moved, in units of a sheet of 800."""
TINY, FAR = 0.05, 0.25
"""Parts of a country that hold together no more than this share of its area, and lie farther from the rest than this share of the rest's
diagonal, are drawn in boxes below it: else they would make most of a sheet sea."""
RADIUS = 11.0
"""Of a circle that stands for a region too small to be seen."""
AROUND = 24.0
"""Between a part in its box and the box: room for a sign and a label."""
SMALL, LABEL, CODE = 13.0, 17.0, 23.0
"""Sizes of labels (`page.css`): of names, of Chinese names on a phone, of codes."""
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Place = Callable[[float, float], Point]


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
    code: Point = (0.0, 0.0)
    """where its code goes, which stands for the name where there is little room"""


@dataclass(frozen=True)
class Inset:
    """A box that holds parts which lie elsewhere, and the regions they belong to."""

    x: float
    y: float
    width: float
    height: float
    regions: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """Everything drawn, in the coordinates of one SVG view box."""

    width: int
    height: int
    regions: tuple[Shape, ...]
    neighbours: tuple[Shape, ...]
    lakes: tuple[Shape, ...]
    places: dict[str, Point]
    insets: tuple[Inset, ...] = ()
    crowded: bool = False
    """whether so many names would lie on others that codes stand for them"""


def draw(case: Case) -> Sheet:
    """The map sheet of a case: its regions fill the width, or the height of a country that is long from north to south.

    Neighbours are cut by the frame; without regions the sheet is empty.
    """
    if not case.shapes["regions"]:
        return Sheet(int(WIDTH), int(2 * MARGIN), (), (), (), {})
    p = case.head.projection
    project = albers(p.parallel_1, p.parallel_2, p.meridian)
    main, far = _mainland([part for f in case.shapes["regions"] for part in _parts(f, project)])
    left, top, right, bottom = main
    scale, beside = (WIDTH - 2 * MARGIN) / (right - left), MARGIN
    if (bottom - top) * scale > HEIGHT_MAX - 2 * MARGIN:
        scale = (HEIGHT_MAX - 2 * MARGIN) / (bottom - top)
        beside = (WIDTH - (right - left) * scale) / 2
    frame = (WIDTH, (bottom - top) * scale + 2 * MARGIN)

    def on_sheet(x: float, y: float) -> Point:
        return (x - left) * scale + beside, (y - top) * scale + MARGIN

    moved = list(_below([(*on_sheet(*group.box[:2]), *on_sheet(*group.box[2:])) for group in far], math.ceil(frame[1])))
    insets = tuple(Inset(x, y, round(wide, 1), round(high, 1), g.regions) for g, ((x, y, wide, high), _) in zip(far, moved, strict=True))

    def place(lon: float, lat: float, moves: bool = True) -> Point:
        x, y = project(lon, lat)
        shifts = (shift for group, (_, shift) in zip(far, moved, strict=True) if moves and _holds(group.box, x, y))
        (u, v), (dx, dy) = on_sheet(x, y), next(shifts, (0, 0))
        return round(u + dx, 1), round(v + dy, 1)

    around = partial(place, moves=False)
    cities = {r.region_id for r in case.record.regions if r.type == "city"}
    lost = {r for group in far for r in group.regions if group.only(r) and group.size(r) * scale < 2 * RADIUS}

    def region(f: dict[str, Any]) -> Shape:
        if f["properties"]["id"] in cities:
            return _circle(f, place)
        return replace(_circle(f, place), area=1) if f["properties"]["id"] in lost else _shape(f, place, None)

    regions, crowded = _labelled([region(f) for f in case.shapes["regions"]])
    return Sheet(
        width=int(WIDTH),
        height=math.ceil(max([frame[1], *(i.y + i.height + MARGIN for i in insets)])),
        regions=regions,
        neighbours=tuple(s for f in case.shapes["neighbours"] if (s := _shape(f, around, frame)).path),
        lakes=tuple(s for f in case.shapes["lakes"] if (s := _shape(f, around, frame)).path),
        places={key: place(lon, lat) for key, lon, lat in _places(case.record)},
        insets=insets,
        crowded=crowded,
    )


@dataclass(frozen=True)
class _Part:
    """A piece of a region, or several that lie together: the box around, and the area of each region in it, as projected."""

    box: Box
    areas: dict[str, float]
    wholes: frozenset[str] = frozenset()
    """regions that lie nowhere else"""

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted(self.areas))

    def only(self, region: str) -> bool:
        return region in self.wholes

    def size(self, region: str) -> float:
        """About how wide a region is drawn."""
        return math.sqrt(self.areas[region])


def _parts(feature: dict[str, Any], project: Place) -> Iterator[_Part]:
    """The polygons of a region, without their holes."""
    geometry = feature["geometry"]
    for polygon in geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]:
        points = [project(*xy[:2]) for xy in polygon[0]]
        xs, ys = zip(*points, strict=True)
        area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(points))) / 2
        yield _Part((min(xs), min(ys), max(xs), max(ys)), {feature["properties"]["id"]: area})


def _mainland(parts: Sequence[_Part]) -> tuple[Box, list[_Part]]:
    """The box around all parts but the far ones, and those, each with what lies near it; none where together they are not tiny."""
    whole = sum(sum(p.areas.values()) for p in parts)
    near = [p for p in parts if sum(p.areas.values()) > TINY * whole] or [max(parts, key=lambda p: sum(p.areas.values()))]
    box, rest = _around(near), [p for p in parts if p not in near]
    while found := [p for p in rest if _gap(box, p.box) <= FAR * _diagonal(box)]:
        box, rest = _around([*near, *found]), [p for p in rest if p not in found]
        near += found
    if sum(sum(p.areas.values()) for p in rest) > TINY * whole:
        return _around(parts), []
    groups: list[_Part] = []
    for part in rest:
        beside = [g for g in groups if _gap(g.box, part.box) <= FAR / 2 * _diagonal(box)]
        groups = [g for g in groups if g not in beside] + [_joined([part, *beside])]
    there = [{r for p in some for r in p.areas} for some in (near, *([g] for g in groups))]
    once = frozenset(r for r in set().union(*there) if sum(r in some for some in there) == 1)
    return box, [replace(g, wholes=once) for g in groups]


def _joined(parts: Sequence[_Part]) -> _Part:
    names = {r for p in parts for r in p.areas}
    return _Part(_around(parts), {r: sum(p.areas.get(r, 0) for p in parts) for r in names})


def _around(parts: Sequence[_Part]) -> Box:
    lefts, tops, rights, bottoms = zip(*(p.box for p in parts), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _gap(a: Box, b: Box) -> float:
    """How far two boxes lie apart."""
    return math.hypot(max(0, a[0] - b[2], b[0] - a[2]), max(0, a[1] - b[3], b[1] - a[3]))


def _diagonal(box: Box) -> float:
    return math.hypot(box[2] - box[0], box[3] - box[1])


def _holds(box: Box, x: float, y: float) -> bool:
    """Whether a point lies in a box or, as a harbour may, a little outside."""
    edge = _diagonal(box) / 10
    return box[0] - edge <= x <= box[2] + edge and box[1] - edge <= y <= box[3] + edge


def _below(boxes: Sequence[Box], height: float) -> Iterator[tuple[Box, Point]]:
    """Where boxes go in rows below a sheet of this height: left, top, width and height, and how far what is in them moves."""
    x, y, tallest = MARGIN, height, 0.0
    for left, top, right, bottom in boxes:
        wide, high = right - left + 2 * AROUND, bottom - top + 2 * AROUND
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y, tallest = MARGIN, y + tallest + MARGIN, 0.0
        yield (round(x, 1), round(y, 1), wide, high), (x + AROUND - left, y + AROUND - top)
        x, tallest = x + wide + MARGIN, max(tallest, high)


CROWDED = 0.2
"""Share of the regions whose names lie on others, from which a map is too crowded for names."""


def _labelled(shapes: Sequence[Shape]) -> tuple[tuple[Shape, ...], bool]:
    """The shapes with their names and codes inside the sheet, none on another where that can be; and whether names are too crowded."""
    names, stuck = _apart(shapes, LABEL, lambda s: max(width_of(s.name_en, SMALL), width_of(s.name_zh, LABEL)))
    codes, _ = _apart(shapes, CODE, lambda s: width_of(s.id[3:], CODE))
    drawn = tuple(replace(s, x=x, y=y, code=code) if s.area else s for s, (x, y), code in zip(shapes, names, codes, strict=True))
    return drawn, stuck > CROWDED * len(shapes)


MOVED = 3
"""Lines that a label may be moved: farther off it would name another region."""
EXACT = 1e-6
"""What a sum of distances may lack of itself."""


def _apart(shapes: Sequence[Shape], height: float, width: Callable[[Shape], float]) -> tuple[list[Point], int]:
    """Where labels of this size go, from north to south moved down to lie on none before; and how many stay, as it would be too far."""
    lowest = max((s.y for s in shapes), default=0.0) + height
    set_down: list[tuple[float, float, float]] = []
    found, stuck = {}, 0
    for n, shape in sorted(enumerate(shapes), key=lambda item: item[1].y):
        half = width(shape) / 2
        x, y = min(max(shape.x, half), WIDTH - half), shape.y
        while shape.area and (near := [v for u, v, other in set_down if abs(u - x) < half + other and abs(v - y) < height - EXACT]):
            y = max(near) + height
        if y > min(shape.y + MOVED * height, lowest):
            y, stuck = shape.y, stuck + 1
        if shape.area:
            set_down.append((x, y, half))
        found[n] = round(x, 1), round(y, 1)
    return [found[n] for n in range(len(shapes))], stuck


def _places(record: Record) -> Iterator[tuple[str, float, float]]:
    """Where signs can stand: settlements by their id, and points of events without one by the event's."""
    yield from ((s.settlement_id, s.lon, s.lat) for s in record.settlements)
    yield from ((e.event_id, e.lon, e.lat) for e in record.events if e.settlement_id is None and e.lon is not None and e.lat is not None)


def _shape(feature: dict[str, Any], place: Place, frame: Point | None) -> Shape:
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


def _circle(feature: dict[str, Any], place: Place, radius: float = RADIUS) -> Shape:
    """A region that is too small to be seen or touched in its own shape, as one city is."""
    names = feature["properties"]
    x, y = place(names["label_lon"], names["label_lat"])
    path = f"M{x - radius:g} {y:g}a{radius:g} {radius:g} 0 1 0 {2 * radius:g} 0a{radius:g} {radius:g} 0 1 0 {-2 * radius:g} 0Z"
    return Shape(names["id"], names["name_en"], names.get("name_zh", ""), path, x, y, 0)


def _touches(points: list[Point], frame: Point) -> bool:
    xs, ys = zip(*points, strict=True)
    return bool(max(xs) > 0 and min(xs) < frame[0] and max(ys) > 0 and min(ys) < frame[1])


SIGNS = {
    "crowd": (*GATHERINGS, "strike", "talks"),
    "violence": VIOLENCE,
    "state": ("repression", "detained", "retaken", "airport_retaken", "emergency_declared", "stand_aside"),
}
"""Kinds of event that a sign of the map stands for."""
SIGN_OF = {kind: sign for sign, kinds in SIGNS.items() for kind in kinds}


@dataclass(frozen=True)
class Sign:
    """One or more events of a kind, at a place, on a day: where it is drawn and what it stands for."""

    day: int
    kind: str
    x: float
    y: float
    hour: int = 0
    """of that day, from which one of them is recorded; 0 where one has no hour"""


def signs(record: Record, sheet: Sheet, days: Sequence[dt.date]) -> list[Sign]:
    """Signs of the map, side by side where a place has several kinds on one day, above the circle of a city region."""
    cities = {r.region_id for r in record.regions if r.type == "city"}
    found: dict[tuple[str, int], dict[str, int]] = {}
    lifted: set[str] = set()
    for event in record.events:
        sign, place = SIGN_OF.get(event.kind), event.settlement_id or event.event_id
        if sign is None or place not in sheet.places or not event.sure_of_its_day:
            continue
        for n, day in enumerate(days):
            if event.date <= day <= (event.date_end or event.date):
                kinds = found.setdefault((place, n), {})
                hour = int(event.time_local[:2]) if event.time_local and day == event.date else 0
                kinds[sign] = min(hour, kinds.get(sign, hour))
        if event.region_id in cities:
            lifted.add(place)
    drawn = []
    for (place, n), kinds in sorted(found.items()):
        x, y = sheet.places[place]
        for i, kind in enumerate(k for k in SIGNS if k in kinds):
            across = round(x + 13 * (i - (len(kinds) - 1) / 2), 1)
            drawn.append(Sign(n, kind, across, y - 20 if place in lifted else y, kinds[kind]))
    return drawn
