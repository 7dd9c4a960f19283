"""Who lives where, as arithmetic: residents 0..N-1 are ordered by region, place, sector and hardship bin.

In: how many residents each class has. Out: `Blocks`, a few arrays from which any resident's class, place and region
follow, and the range of residents of any class, place or region. Nothing of size N is stored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf

Ints = NDArray[np.int64]
RESIDENTS_MAX = 2**40 - 1
"""Residents are keys of draws, which hold 40 bits."""


class Blocks(NamedTuple):
    """The layout of a population. A class is (place x n_sectors + sector) x n_bins + bin."""

    n: int
    """residents"""
    n_regions: int
    n_places: int
    n_classes: int
    n_sectors: int
    n_bins: int
    place_start: Ints
    """first resident of each place; one more entry than places"""
    class_start: Ints
    """first resident of each class; one more entry than classes"""
    region_of_place: Ints
    region_start: Ints
    """first resident of each region; one more entry than regions"""
    hint: Ints
    """a class at or before that of the residents of each stretch of 2^shift"""
    shift: int


def lay_out(sizes: Ints, region_of_place: Ints) -> Blocks:
    """Residents in order.

    Parameters
    ----------
    sizes : int array, shape (places, sectors, bins)
        Residents of each class, >= 0. Places of one region stand side by side, regions from 0 up.
    region_of_place : int array, shape (places,)
        Number of the region of each place, ascending.

    Examples
    --------
    >>> blocks = lay_out(np.array([[[2, 1]], [[0, 3]]]), np.array([0, 1]))
    >>> blocks.n, [class_of(i, blocks) for i in range(6)], [place_of(i, blocks) for i in range(6)]
    (6, [0, 0, 1, 3, 3, 3], [0, 0, 0, 1, 1, 1])
    """
    n_places, n_sectors, n_bins = sizes.shape
    if sizes.min(initial=0) < 0 or sizes.sum(dtype=float) > RESIDENTS_MAX:
        raise ValueError(f"class sizes must be 0 or more, {RESIDENTS_MAX} in all at most")
    if not n_places or len(region_of_place) != n_places or region_of_place[0] < 0 or np.any(np.diff(region_of_place) < 0):
        raise ValueError("there must be places, ordered by region, regions from 0 up")
    class_start = np.concatenate([[0], np.cumsum(sizes.ravel())]).astype(np.int64)
    place_start = class_start[:: n_sectors * n_bins].copy()
    n = int(class_start[-1])
    n_regions = int(region_of_place[-1]) + 1
    first_place = np.searchsorted(region_of_place, np.arange(n_regions))
    shift = max(0, n.bit_length() - 13)
    stretches = np.arange((n >> shift) + 1, dtype=np.int64) << shift
    hint = np.searchsorted(class_start, stretches, side="right") - 1
    return Blocks(
        n,
        n_regions,
        n_places,
        sizes.size,
        n_sectors,
        n_bins,
        place_start,
        class_start,
        np.asarray(region_of_place, np.int64),
        np.append(place_start[first_place], n),
        np.clip(hint, 0, len(class_start) - 2).astype(np.int64),
        shift,
    )


@leaf
def class_of(i: int, blocks: Blocks) -> int:
    """The class of a resident."""
    c = blocks.hint[i >> blocks.shift]
    while blocks.class_start[c + 1] <= i:
        c += 1
    return c  # type: ignore[no-any-return]


@leaf
def place_of(i: int, blocks: Blocks) -> int:
    """The place of a resident."""
    return class_of(i, blocks) // (blocks.n_sectors * blocks.n_bins)


def apportion(total: int, weights: NDArray[np.float64]) -> Ints:
    """Whole numbers in proportion to weights that add up to the total: largest remainders, ties by position.

    Source: the Hamilton or largest-remainder method (Balinski and Young 1982, Fair Representation).

    >>> apportion(10, np.array([1.0, 1.0, 1.0])).tolist()
    [4, 3, 3]
    """
    if not (np.all(weights >= 0) and np.isfinite(weights.sum())):
        raise ValueError("weights must be numbers of 0 or more")
    share = weights.ravel() / weights.sum() if weights.sum() > 0 else np.zeros(weights.size)
    exact = share * total
    whole = np.floor(exact).astype(np.int64)
    missing = total - int(whole.sum()) if share.sum() > 0 else 0
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[:missing]] += 1
    return whole.reshape(weights.shape)
