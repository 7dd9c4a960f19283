"""Which points lie in a polygon, many at once.

In: rings of points, longitude before latitude, the outer one and its holes alike. Out: for each point, whether it lies inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 1_000_000
"""Pairs of a point and an edge that are looked at together: some tens of megabytes."""


def edges_of(rings: Iterable[Sequence[Any] | Floats]) -> Floats:
    """Edges of closed rings, one a row: both coordinates of one end, then of the other."""
    points = [np.array([p[:2] for p in ring], float) for ring in rings]
    return np.vstack([np.hstack([p[:-1], p[1:]]) for p in points])


def inside(edges: Floats, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Whether a line from each point to the east crosses the edges an odd number of times; what lies on an edge is inside.

    >>> square = edges_of([[(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]])
    >>> inside(square, np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    array([ True, False,  True])
    """
    found = np.zeros(len(lon), bool)
    low, high = np.minimum(edges[:, :2], edges[:, 2:]).min(axis=0), np.maximum(edges[:, :2], edges[:, 2:]).max(axis=0)
    for some in blocks(np.flatnonzero((lon >= low[0]) & (lon <= high[0]) & (lat >= low[1]) & (lat <= high[1])), len(edges)):
        found[some] = _crossed(edges, lon[some], lat[some])
    return found


def blocks(points: NDArray[np.intp], edges: int) -> Iterator[NDArray[np.intp]]:
    """Numbers of points, in groups small enough to be held against all edges at once."""
    size = max(1, _AT_ONCE // max(edges, 1))
    return (points[k : k + size] for k in range(0, len(points), size))


def _crossed(edges: Floats, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    ax, ay, bx, by = edges.T[:, :, None]
    side = (lon - ax) * (by - ay) - (lat - ay) * (bx - ax)
    crosses = ((ay > lat) != (by > lat)) & ((side < 0) == (by > ay))
    between = (np.minimum(ax, bx) <= lon) & (lon <= np.maximum(ax, bx)) & (np.minimum(ay, by) <= lat) & (lat <= np.maximum(ay, by))
    on_edge = ((side == 0) & between).any(axis=0)
    return np.asarray(on_edge | (crosses.sum(axis=0) % 2 == 1))
