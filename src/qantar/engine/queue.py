"""Who is next in each class: skew heaps (Sleator and Tarjan 1986, SIAM J. Comput. 15) in one pool, ordered by clock time.

Each class has a heap of (key, resident); a key is a bound below which the resident cannot join. Keys are lazy: a smaller
key is pushed beside the old one, and what surfaces is looked at again before anything is decided.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine.memory import MOST, grown, reserve
from qantar.model.contract import Ints

NIL = -1


class Heaps(NamedTuple):
    """Nodes of all heaps; `root` by class; `free`: the first free node, how many were ever used, how often one was taken."""

    root: NDArray[np.int32]
    key: Ints
    who: Ints
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    free: Ints


def heaps(n_classes: int, most: int) -> Heaps:
    """Empty heaps with room for so many nodes reserved."""
    n = max(1, min(most, MOST))
    key, who, left, right = (reserve(n, t) for t in (np.int64, np.int64, np.int32, np.int32))
    return Heaps(np.full(n_classes, NIL, np.int32), key, who, left, right, np.array([NIL, 0, 0]))


def with_room(h: Heaps, more: int) -> Heaps:
    """The same heaps with room for more nodes."""
    needed = int(h.free[1]) + more
    if needed <= len(h.key):
        return h
    return h._replace(**{name: grown(getattr(h, name), needed) for name in ("key", "who", "left", "right")})


@leaf
def push(h: Heaps, c: int, key: int, who: int) -> None:
    """Add a resident to the heap of class c; there must be room."""
    node = h.free[0]
    if node == NIL:
        node = h.free[1]
        h.free[1] += 1
    else:
        h.free[0] = h.left[node]
    h.key[node], h.who[node], h.left[node], h.right[node] = key, who, NIL, NIL
    h.root[c] = _meld(h, h.root[c], node)


@leaf
def pop(h: Heaps, c: int) -> tuple[int, int]:
    """Take key and resident off the top of a heap that is not empty."""
    node = h.root[c]
    h.root[c] = _meld(h, h.left[node], h.right[node])
    h.left[node] = h.free[0]
    h.free[0] = node
    h.free[2] += 1
    return h.key[node], h.who[node]


@leaf
def _meld(h: Heaps, a: int, b: int) -> int:
    """One heap out of two: walk down the right edges in order of keys, swapping children on the way."""
    if a == NIL or b == NIL:
        return b if a == NIL else a
    if h.key[b] < h.key[a]:
        a, b = b, a
    root = a
    while True:
        rest = h.right[a]
        h.right[a] = h.left[a]
        if rest == NIL:
            h.left[a] = b
            return root
        if h.key[b] < h.key[rest]:
            rest, b = b, rest
        h.left[a] = rest
        a = rest
