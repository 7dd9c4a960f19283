"""Outlines of regions as arrays: which points lie in them, their areas, who touches whom, and a projection that suits a country.

In: regions as lists of polygons, a polygon as its outer ring and its holes, a ring as closed points of (longitude, latitude) in degrees.
Out: numbers and ids. Islands, and countries on both sides of the antimeridian, are as good as any.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qantar.cases.polygons import edges_of, inside

Floats = NDArray[np.float64]
Ring = Floats
Polygon = list[Ring]
Outline = list[Polygon]

EARTH_KM = 6371.0088
"""Mean radius of the Earth."""
SNAP = 1e-3
"""Degrees within which two corners are one when shared borders are measured (about 100 m)."""


def ring_area(ring: Ring) -> float:
    """Area in km2 on the sphere (between the ring's sides and the equator, summed up with signs).

    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
    >>> round(ring_area(square))
    12364
    """
    lon, s = np.radians(ring[:, 0]), np.sin(np.radians(ring[:, 1]))
    return abs(float(np.sum((lon[1:] - lon[:-1]) * (s[1:] + s[:-1])) / 2)) * EARTH_KM**2


def area(outline: Outline) -> float:
    """Area of a region in km2, without its holes."""
    return max(0.0, sum(ring_area(p[0]) - sum(map(ring_area, p[1:])) for p in outline))


def contains(outline: Outline, points: Floats) -> NDArray[np.bool_]:
    """Whether each point (longitude, latitude) lies in a region."""
    return inside(edges_of(itertools.chain.from_iterable(outline)), points[:, 0], points[:, 1])


def corners(outline: Outline) -> Floats:
    """All corners of a region."""
    return np.concatenate([ring[:-1] for polygon in outline for ring in polygon])


def homes(outlines: Sequence[Outline], points: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The number of the region in which each point lies, or that with the nearest corner; and the km to that corner, 0 for those inside."""
    home, off = np.full(len(points), -1, np.intp), np.zeros(len(points))
    for n, outline in enumerate(outlines):
        left = np.flatnonzero(home < 0)
        home[left[contains(outline, points[left])]] = n
    if (home < 0).any():
        every = np.concatenate([corners(o) for o in outlines])
        owner = np.repeat(np.arange(len(outlines)), [len(corners(o)) for o in outlines])
        for k in np.flatnonzero(home < 0):
            away = distance_km(points[k], every)
            home[k], off[k] = owner[int(np.argmin(away))], away.min()
    return home, off


def distance_km(a: Floats, b: Floats) -> Floats:
    """Great-circle kilometres between points (longitude, latitude).

    >>> round(float(distance_km(np.array([179.0, 0.0]), np.array([-179.0, 0.0]))), 1)
    222.4
    """
    (x, y), (x2, y2) = np.radians(a.T), np.radians(b.T)
    h = np.sin((y2 - y) / 2) ** 2 + np.cos(y) * np.cos(y2) * np.sin((x2 - x) / 2) ** 2
    found: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
    return found


def label_point(outline: Outline) -> tuple[float, float]:
    """A point well inside the largest piece of a region: the middle of the widest of some chords from west to east."""
    polygon = max(outline, key=lambda p: ring_area(p[0]))
    low, high = float(polygon[0][:, 1].min()), float(polygon[0][:, 1].max())
    best, point = -1.0, (float(polygon[0][0, 0]), float(polygon[0][0, 1]))
    for k in range(1, 32):
        y = low + (high - low) * (k / 32 + 0.00137)  # off the round numbers on which corners lie
        crossings = sorted(itertools.chain.from_iterable(_crossings(ring, y) for ring in polygon))
        for west, east in zip(crossings[::2], crossings[1::2], strict=False):
            weight = (east - west) * (1 - abs(k - 16) / 32)  # rather in the middle than at an end
            if weight > best:
                best, point = weight, ((west + east) / 2, y)
    return point


def _crossings(ring: Ring, y: float) -> list[float]:
    a, b = ring[:-1], ring[1:]
    cut = (a[:, 1] > y) != (b[:, 1] > y)
    found: list[float] = (a[cut, 0] + (y - a[cut, 1]) * (b[cut, 0] - a[cut, 0]) / (b[cut, 1] - a[cut, 1])).tolist()
    return found


def inside_near(outline: Outline, point: tuple[float, float]) -> tuple[float, float]:
    """A point of the region near one outside it: on the way from the nearest side to the middle of that piece.

    A coast that was simplified leaves harbours in the sea.
    """
    target = np.array(point)
    polygon = min(outline, key=lambda p: float(distance_km(target, p[0]).min()))
    middle = np.array(label_point([polygon]))
    for share in (0.02, 0.05, 0.1, 0.2, 0.4, 0.7):
        for near in polygon[0][np.argsort(distance_km(target, polygon[0]))[:8]]:
            tried = np.round(near + share * (middle - near), 5)
            if contains(outline, tried[None])[0]:
                return float(tried[0]), float(tried[1])
    return float(middle[0]), float(middle[1])


def borders(outlines: Sequence[Outline]) -> dict[tuple[int, int], float]:
    """Pairs of regions that share a border of some length, and its kilometres.

    A side is shared if both of its ends are corners of the other region; of two counts the smaller holds.
    """
    sides = [_sides(outline) for outline in outlines]
    spots: dict[tuple[int, int], set[int]] = {}
    for n, outline in enumerate(outlines):
        for spot in map(tuple, np.rint(corners(outline) / SNAP).astype(int).tolist()):
            spots.setdefault(spot, set()).add(n)
    length: dict[tuple[int, int], float] = {}
    for n, (ends, km) in enumerate(sides):
        for (a, b), long in zip(ends, km, strict=True):
            for other in (spots[a] & spots[b]) - {n}:
                length[n, other] = length.get((n, other), 0.0) + long
    return {(a, b): min(km, length[b, a]) for (a, b), km in sorted(length.items()) if a < b and (b, a) in length}


Spot = tuple[int, int]


def _sides(outline: Outline) -> tuple[list[tuple[Spot, Spot]], list[float]]:
    """Sides of a region as pairs of snapped corners, and their lengths in km."""
    ends: list[tuple[Spot, Spot]] = []
    lengths: list[float] = []
    for ring in itertools.chain.from_iterable(outline):
        spots = [(x, y) for x, y in np.rint(ring / SNAP).astype(int).tolist()]
        for (a, b), km in zip(itertools.pairwise(spots), distance_km(ring[:-1], ring[1:]).tolist(), strict=True):
            if a != b:
                ends.append((a, b))
                lengths.append(km)
    return ends, lengths


def projection(outlines: Sequence[Outline]) -> tuple[float, float, float]:
    """Two parallels and the central meridian of a conic map, degrees, for all regions together.

    The parallels lie a sixth of the height from either end (Snyder 1987); near the equator they are moved until they make a cone. The
    meridian is the middle by area, unless its antipode would cut the country: then the middle of the arc on which it lies.
    """
    points = np.concatenate([corners(o) for o in outlines])
    south, north = float(points[:, 1].min()), float(points[:, 1].max())
    low, high = south + (north - south) / 6, north - (north - south) / 6
    if abs(low + high) < 2.2:
        shift = math.copysign(1.1, low + high) - (low + high) / 2
        low, high = low + shift, high + shift
    meridian = _meridian(points[:, 0], [(label_point(o)[0], area(o)) for o in outlines])
    return round(low, 2), round(high, 2), round(meridian, 2)


def _meridian(lons: Floats, weighted: Iterable[tuple[float, float]]) -> float:
    """The middle of longitudes by weight, or of the shortest arc that holds them all.

    >>> _meridian(np.array([177.0, -179.0]), [(178.0, 1.0)])
    178.0
    """
    around = np.sort(np.unique(np.round(lons, 2)))
    gaps = np.diff(around, append=around[0] + 360)
    widest = int(np.argmax(gaps))
    start, end = around[widest], around[widest] + gaps[widest]  # the country lies from `end` on, eastwards, to `start`
    x = sum(w * math.cos(math.radians(lon)) for lon, w in weighted)
    y = sum(w * math.sin(math.radians(lon)) for lon, w in weighted)
    middle = math.degrees(math.atan2(y, x))
    cut = (middle + 180 - start) % 360
    if not 0 < cut < end - start:
        middle = (start + end) / 2 + 180
    return float((middle + 180) % 360 - 180)
