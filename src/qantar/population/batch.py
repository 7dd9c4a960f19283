"""Contacts of many residents at once: the same as `ties.contacts`, found side by side.

A permutation is a chain of multiplications, each waiting for the one before. Chains of different residents wait for nothing of each
other: laid side by side in lanes, the processor takes four or eight through a round together. No division is left either: a number
below 2^53 divided as a float and cut is exact where the divisor is a grid's side or a group's size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.draws import permute, permute_round, rounds, unpermute, unpermute_round
from qantar.population.blocks import Ints
from qantar.population.ties import NIL, Ties

BATCH = 128
"""Residents whose contacts are found together: their lanes stay in the nearest cache."""
ROUNDS = tuple(sorted({rounds(n) for n in (1, 2**40)}))
"""Numbers of rounds that there are."""


class Lanes(NamedTuple):
    """Positions on their way through a permutation: column and row in the grid of their block, and where the answer goes."""

    key: NDArray[np.uint64]
    x: NDArray[np.uint32]
    y: NDArray[np.uint32]
    width: NDArray[np.uint32]
    height: NDArray[np.uint32]
    block: NDArray[np.int32]
    to: NDArray[np.int32]


class Batch(NamedTuple):
    """Room for a batch: residents with their classes, lanes there and back, contacts by row of `degree_max`, how many of them."""

    who: Ints
    class_: Ints
    there: Lanes
    back: Lanes
    contacts: Ints
    n_local: Ints
    n_all: Ints


def batch(ties: Ties) -> Batch:
    """Room for the contacts of `BATCH` residents."""
    most = max(1, int(ties.group.max(initial=1)))
    contacts = np.empty(BATCH * max(1, ties.degree_max), np.int64)
    who, class_, n_local, n_all = (np.empty(BATCH, np.int64) for _ in range(4))
    return Batch(who, class_, _lanes(BATCH), _lanes(BATCH * most), contacts, n_local, n_all)


def _lanes(n: int) -> Lanes:
    return Lanes(np.empty(n, np.uint64), *np.empty((4, n), np.uint32), *np.empty((2, n), np.int32))


@leaf
def contacts_of(b: Batch, n: int, ties: Ties) -> None:
    """The contacts of the first n residents of a batch."""
    for m in range(n):
        b.n_local[m] = b.n_all[m] = 0
    for d in range(len(ties.block_of)):
        for count in ROUNDS:
            going = _enter(b, n, d, count, ties)
            if going > 0:
                _go(b.there, going, count)
                returning = _spread(b, going, ties)
                _return(b, returning, count, ties)
        if not ties.online[d]:
            for m in range(n):
                b.n_local[m] = b.n_all[m]


@leaf
def _enter(b: Batch, n: int, d: int, count: int, ties: Ties) -> int:
    """One lane for each resident tied in division d, in a block of so many rounds; gives how many."""
    going = 0
    for m in range(n):
        block = ties.block_of[d, b.class_[m]]
        if block != NIL and rounds(ties.size[block]) == count:
            _put(b.there, going, block, b.who[m] - ties.start[block], m, ties)
            going += 1
    return going


@leaf
def _put(a: Lanes, k: int, block: int, position: int, to: int, ties: Ties) -> None:
    """Lane k: a position in a block, and where the answer belongs."""
    width = ties.width[block]
    y = int(float(position) / float(width))
    a.key[k], a.width[k], a.height[k], a.block[k], a.to[k] = ties.key[block], width, ties.height[block], block, to
    a.x[k], a.y[k] = position - y * int(width), y


@leaf
def _go(a: Lanes, n: int, count: int) -> None:
    """All lanes once through the rounds of `permute`."""
    for r in range(count):
        if r % 2 == 0:
            permute_round(a.key, r, a.x, a.y, a.width, n)
        else:
            permute_round(a.key, r, a.y, a.x, a.height, n)


@leaf
def _spread(b: Batch, going: int, ties: Ties) -> int:
    """One lane back for each other position in the group of each lane; gives how many."""
    a, returning = b.there, 0
    for k in range(going):
        block, m = a.block[k], a.to[k]
        own, size, g = int(a.y[k]) * int(a.width[k]) + int(a.x[k]), ties.size[block], ties.group[block]
        if own >= size:  # outside the block: walks on, alone
            own = permute(ties.key[block], size, own)
        low = int(float(own) / float(g)) * g
        for position in range(low, min(low + g, size)):
            if position != own:
                _put(b.back, returning, block, position, m * ties.degree_max + b.n_all[m], ties)
                b.n_all[m] += 1
                returning += 1
    return returning


@leaf
def _return(b: Batch, n: int, count: int, ties: Ties) -> None:
    """All lanes through `unpermute`, and the residents who stand there."""
    a = b.back
    for r in range(count - 1, -1, -1):
        if r % 2 == 0:
            unpermute_round(a.key, r, a.x, a.y, a.width, n)
        else:
            unpermute_round(a.key, r, a.y, a.x, a.height, n)
    for k in range(n):
        block = a.block[k]
        i, size = int(a.y[k]) * int(a.width[k]) + int(a.x[k]), ties.size[block]
        if i >= size:
            i = unpermute(ties.key[block], size, i)
        b.contacts[a.to[k]] = ties.start[block] + i
