"""Who is tied to whom, computed and never stored.

Each layer divides blocks of residents (a place, a workplace, a region, the country) into groups of a fixed size: a keyed
permutation of the block gives each resident a position, and positions side by side form a group, in which all are tied to
all. Groups of two are random matchings, larger ones are cliques. Ties are symmetric by construction, because everyone in a
group computes the same group. Whatever is left over at the end of a block forms a smaller group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.draws import Purpose, bits, permute, unpermute
from qantar.population.blocks import Blocks, Ints, class_of

_BLOCK = int(Purpose.BLOCK)  # a member of an enumeration costs a call from Python 40 µs
NIL = -1
PLACE, WORKPLACE, REGION, COUNTRY = range(4)
SCOPES = ("place", "workplace", "region", "country")
"""Blocks that a layer may divide; a workplace is a sector of a place."""


@dataclass(frozen=True)
class Layer:
    """A kind of tie: in blocks of `scope`, `repeats` divisions into groups of `sizes[sector]` residents.

    A size of 1 means no tie. Only layers of scope `workplace` may have sizes that differ by sector.
    """

    name: str
    scope: str
    sizes: tuple[int, ...]
    repeats: int = 1
    online: bool = False


class Ties(NamedTuple):
    """All divisions, those in person first, and their blocks side by side."""

    online: NDArray[np.bool_]
    """whether the ties of a division are online"""
    block_of: NDArray[np.int32]
    """block in which a class has ties, NIL for none, shape (divisions, classes)"""
    start: Ints
    """first resident of a block"""
    size: Ints
    """residents of a block"""
    group: NDArray[np.int32]
    """size of a block's groups"""
    key: NDArray[np.uint64]
    """key of a block's permutation"""
    width: NDArray[np.uint32]
    """of a block's grid (`draws.sides`)"""
    height: NDArray[np.uint32]
    degree_max: int


def tie(blocks: Blocks, layers: Sequence[Layer], seed: int) -> Ties:
    """The ties of a population under one seed.

    Raises
    ------
    ValueError
        If sizes differ by sector in a layer whose blocks hold several sectors.
    """
    divisions = [(layer, SCOPES.index(layer.scope)) for layer in sorted(layers, key=lambda x: x.online) for _ in range(layer.repeats)]
    for layer, scope in divisions:
        if scope != WORKPLACE and len(set(layer.sizes)) > 1:
            raise ValueError(f"layer {layer.name}: sizes differ within a block")
    degree_max = int(np.maximum(np.array([x.sizes for x, _ in divisions]) - 1, 0).max(axis=1).sum()) if divisions else 0
    if degree_max > np.iinfo(np.int16).max:
        raise ValueError(f"a resident could have {degree_max} contacts; the engines count to {np.iinfo(np.int16).max}")
    edges = (blocks.place_start, blocks.class_start[:: blocks.n_bins], blocks.region_start, np.array([0, blocks.n]))
    bounds = [edges[scope] for _, scope in divisions]
    key = np.empty(sum(len(x) - 1 for x in bounds), np.uint64)
    _draw_keys(seed, np.array([len(x) - 1 for x in bounds], np.int64), key)
    start = np.concatenate([np.empty(0, np.int64)] + [x[:-1] for x in bounds])
    size = np.concatenate([np.empty(0, np.int64)] + [np.diff(x) for x in bounds])
    width = np.ceil(np.sqrt(size)).astype(np.int64)
    height = (size + width - 1) // np.maximum(width, 1)
    block_of, group = _blocks_of_classes(blocks, divisions, size)
    online = np.array([layer.online for layer, _ in divisions], np.bool_)
    return Ties(online, block_of, start, size, group, key, width.astype(np.uint32), height.astype(np.uint32), degree_max)


@leaf
def _draw_keys(seed: int, many: Ints, key: NDArray[np.uint64]) -> None:
    """The key of each block of divisions with so many each."""
    first = 0
    for d in range(len(many)):
        for block in range(many[d]):
            key[first + block] = bits(seed, _BLOCK, block, d, 0)
        first += many[d]


def _blocks_of_classes(blocks: Blocks, divisions: list[tuple[Layer, int]], size: Ints) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The block of each class in each division, NIL where nobody is tied; and the size of each block's groups."""
    class_ = np.arange(blocks.n_classes)
    workplace = class_ // blocks.n_bins
    place = workplace // blocks.n_sectors
    within = (place, workplace, blocks.region_of_place[place], 0 * class_)
    many = (blocks.n_places, blocks.n_places * blocks.n_sectors, blocks.n_regions, 1)
    block_of, group = np.empty((len(divisions), blocks.n_classes), np.int32), np.ones(len(size), np.int32)
    first = 0
    for d, (layer, scope) in enumerate(divisions):
        block_of[d] = first + within[scope]
        group[block_of[d]] = np.array(layer.sizes).reshape(blocks.n_sectors)[workplace % blocks.n_sectors]
        first += many[scope]
    block_of[(group[block_of] < 2) | (size[block_of] < 2)] = NIL
    return block_of, group


@leaf
def contacts(i: int, blocks: Blocks, ties: Ties, out: Ints) -> tuple[int, int]:
    """Writes the contacts of a resident to `out`; gives how many are in person, and how many in all.

    `out` needs room for `ties.degree_max`. Contacts in person come first. Someone met in two layers stands there twice.
    """
    c = class_of(i, blocks)
    n_local = n_all = 0
    for d in range(len(ties.block_of)):
        block = ties.block_of[d, c]
        if block != NIL:
            g, start, size, key = ties.group[block], ties.start[block], ties.size[block], ties.key[block]
            own = permute(key, size, i - start)
            low = own - own % g
            for position in range(low, min(low + g, size)):
                if position != own:
                    out[n_all] = start + unpermute(key, size, position)
                    n_all += 1
        if not ties.online[d]:
            n_local = n_all
    return n_local, n_all
