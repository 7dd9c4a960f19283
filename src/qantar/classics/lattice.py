"""A square lattice without edges, on which people see every cell within a radius: what models on lattices share.

Cells are numbered row by row. What somebody sees is kept up to date where something moves, not counted anew where somebody looks: `seen[c]`
is how many there are within the radius of cell c. A radius is a list of half-widths, one a row: cells whose centres are no farther away.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.draws import to_unit, word

Ints: TypeAlias = NDArray[np.int32]
Counts: TypeAlias = NDArray[np.int16]
Keys: TypeAlias = tuple[np.uint64, np.uint64]
"""Two keys of a stream of draws (`draws.stream`)."""
TRIES = 32
"""Cells that are tried before all that are free are counted; which one is taken has the same chances either way."""
SLOTS = 64
"""Numbers of a stream that belong to one person: tries of a move, and two more."""


class Sight(NamedTuple):
    """Cells within a radius."""

    side: int
    """of the lattice, cells"""
    radius: int
    half: Ints
    """half-width of each row from -radius to radius, shape (2 radius + 1,)"""
    right: Ints
    """offsets of each cell within the radius, shape (cells,)"""
    down: Ints


def sight(side: int, radius: int) -> Sight:
    """The disc of a radius, the middle included.

    >>> s = sight(40, 7)
    >>> len(s.right), s.half.tolist()[:4]
    (149, [0, 3, 4, 5])
    """
    rows = np.arange(-radius, radius + 1)
    half = np.sqrt(radius**2 - rows**2).astype(np.int32)
    down = np.repeat(rows, 2 * half + 1).astype(np.int32)
    right = np.concatenate([np.arange(-h, h + 1) for h in half]).astype(np.int32)
    return Sight(side, radius, half, right, down)


@leaf
def below(number: int, keys: Keys, n: int) -> int:
    """A whole number from 0 to n - 1, all alike: number of a stream, n below 2^32."""
    return int((word(number, keys[0], keys[1]) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32))


@leaf
def at(see: Sight, row: int, column: int, k: int) -> int:
    """The k-th cell within the radius of a cell."""
    y, x = row + see.down[k], column + see.right[k]
    y += see.side if y < 0 else (-see.side if y >= see.side else 0)
    x += see.side if x < 0 else (-see.side if x >= see.side else 0)
    return int(y * see.side + x)


@leaf
def spread(seen: Counts, see: Sight, cell: int, change: int) -> None:
    """Somebody at a cell comes (1) or goes (-1): all cells from which it is seen."""
    side, y, x = see.side, cell // see.side, cell % see.side
    for row in range(-see.radius, see.radius + 1):
        h = see.half[row + see.radius]
        start = (y + row + side) % side * side
        left, right = x - h, x + h + 1
        for c in range(start + max(left, 0), start + min(right, side)):
            seen[c] += change
        for c in range(start + side + min(left, 0), start + side):
            seen[c] += change
        for c in range(start, start + max(right - side, 0)):
            seen[c] += change


@leaf
def free_cell(here: Counts, see: Sight, cell: int, number: int, keys: Keys) -> int:
    """A free cell within the radius, all alike; the cell itself if none is free. `here`: how many stand in the way in each cell."""
    n, row, column = len(see.right), cell // see.side, cell % see.side
    for k in range(TRIES):
        found = at(see, row, column, below(number + k, keys, n))
        if here[found] == 0:
            return found
    free = 0
    for k in range(n):
        free += here[at(see, row, column, k)] == 0
    if free == 0:
        return cell
    left = below(number + TRIES, keys, free)
    for k in range(n):
        found = at(see, row, column, k)
        if here[found] == 0:
            if left == 0:
                return found
            left -= 1
    return cell


@leaf
def enter(first: Ints, following: Ints, cell: int, who: int) -> None:
    """Put somebody on the list of a cell."""
    following[who] = first[cell]
    first[cell] = who


@leaf
def leave(first: Ints, following: Ints, cell: int, who: int) -> None:
    """Take somebody off it."""
    if first[cell] == who:
        first[cell] = following[who]
        return
    other = first[cell]
    while following[other] != who:
        other = following[other]
    following[other] = following[who]


@leaf
def one_seen(first: Ints, following: Ints, see: Sight, cell: int, left: int) -> int:
    """Number `left` of those on the lists of all cells within the radius; -1 if there are not so many."""
    row, column = cell // see.side, cell % see.side
    for k in range(len(see.right)):
        who = first[at(see, row, column, k)]
        while who >= 0:
            if left == 0:
                return int(who)
            left -= 1
            who = following[who]
    return -1


@leaf
def uniforms(found: NDArray[np.float64], keys: Keys) -> None:
    """Numbers in (0, 1), one for each person."""
    for k in range(len(found)):
        found[k] = to_unit(word(k, keys[0], keys[1]))


@leaf
def shuffle(order: Ints, keys: Keys) -> None:
    """Another order, all alike."""
    for k in range(len(order) - 1, 0, -1):
        other = below(k, keys, k + 1)
        order[k], order[other] = order[other], order[k]
