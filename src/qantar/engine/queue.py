"""Who is next in each class: skew heaps (Sleator and Tarjan 1986, SIAM J. Comput. 15) in one pool, ordered by clock time.

Each class has a heap of (key, resident); a key is a bound below which the resident cannot join. Keys are lazy: a smaller
key is pushed beside the old one, and what surfaces is looked at again before anything is decided.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine.memory import MOST, grown, reserve
from qantar.model.contract import Ints

NIL = -1


NODE = np.dtype([("key", "<i8"), ("who", "<i8"), ("left", "<i4"), ("right", "<i4")], align=True)


class Heaps(NamedTuple):
    """Nodes of all heaps; `root` by class; `free`: the first free node, how many were ever used, how often one was taken."""

    root: NDArray[np.int32]
    node: Any
    """array of `NODE`"""
    free: Ints


def heaps(n_classes: int, most: int) -> Heaps:
    """Empty heaps with room for so many nodes reserved."""
    return Heaps(np.full(n_classes, NIL, np.int32), reserve(max(1, min(most, MOST)), NODE, dense=True), np.array([NIL, 0, 0]))


def with_room(h: Heaps, more: int) -> Heaps:
    """The same heaps with room for more nodes."""
    needed = int(h.free[1]) + more
    return h if needed <= len(h.node) else h._replace(node=grown(h.node, needed))


@leaf
def push(h: Heaps, c: int, key: int, who: int) -> None:
    """Add a resident to the heap of class c; there must be room."""
    x = h.free[0]
    if x == NIL:
        x = h.free[1]
        h.free[1] += 1
    else:
        h.free[0] = h.node[x].left
    node = h.node[x]
    node.key, node.who, node.left, node.right = key, who, NIL, NIL
    h.root[c] = _meld(h.node, h.root[c], x)


@leaf
def pop(h: Heaps, c: int) -> tuple[int, int]:
    """Take key and resident off the top of a heap that is not empty."""
    x = h.root[c]
    node = h.node[x]
    h.root[c] = _meld(h.node, node.left, node.right)
    node.left = h.free[0]
    h.free[0] = x
    h.free[2] += 1
    return node.key, node.who


@leaf
def _meld(node: Any, a: int, b: int) -> int:
    """One heap out of two: walk down the right edges in order of keys, swapping children on the way."""
    if a == NIL or b == NIL:
        return b if a == NIL else a
    if node[b].key < node[a].key:
        a, b = b, a
    root = a
    while True:
        rest = node[a].right
        node[a].right = node[a].left
        if rest == NIL:
            node[a].left = b
            return root
        if node[b].key < node[rest].key:
            rest, b = b, rest
        node[a].left = rest
        a = rest
