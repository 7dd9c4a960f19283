"""What kind of network the ties make: degree, clustering and path length, from a keyed sample of residents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qantar.draws import Purpose, bits
from qantar.population.blocks import Blocks
from qantar.population.ties import Ties, contacts


@dataclass(frozen=True)
class Network:
    """Figures of a network; `sampled` residents and `pairs` pairs were looked at.

    `degree` counts contacts with repeats, as the engines do. `clustering` is the mean share of pairs of a resident's
    contacts that are tied themselves (Watts and Strogatz 1998, Nature 393). `path_length` is the mean number of ties
    between two residents, over the pairs that are connected at all.
    """

    degree: float
    degree_local: float
    degree_sd: float
    clustering: float
    path_length: float
    connected: float
    sampled: int
    pairs: int


def measure(blocks: Blocks, ties: Ties, *, seed: int, sampled: int = 400, pairs: int = 60) -> Network:
    """Sample residents and measure.

    Examples
    --------
    A place of eight in two groups of four: everyone has three contacts, all tied to each other.

    >>> from qantar.population.blocks import lay_out
    >>> from qantar.population.ties import Layer, tie
    >>> blocks = lay_out(np.array([[[8]]]), np.array([0]))
    >>> network = measure(blocks, tie(blocks, [Layer("home", "place", (4,))], 1), seed=1)
    >>> network.degree, network.clustering, network.path_length
    (3.0, 1.0, 1.0)
    """
    if not blocks.n:
        raise ValueError("nobody lives here")
    who = [int(bits(seed, Purpose.SAMPLE, k, 0, 0)) % blocks.n for k in range(min(sampled, 4 * blocks.n))]
    room = np.empty(max(1, ties.degree_max), np.int64)

    def around(i: int) -> tuple[list[int], int]:
        n_local, n_all = contacts(i, blocks, ties, room)
        return room[:n_all].tolist(), n_local

    degrees, local, clustering = [], [], []
    for i in who:
        near, n_local = around(i)
        degrees.append(len(near))
        local.append(n_local)
        others = sorted(set(near))
        if len(others) > 1:
            linked = sum(len(set(around(j)[0]) & set(others)) for j in others)
            clustering.append(linked / (len(others) * (len(others) - 1)))
    ends = [
        (int(bits(seed, Purpose.SAMPLE, k, 1, 0)) % blocks.n, int(bits(seed, Purpose.SAMPLE, k, 2, 0)) % blocks.n) for k in range(pairs)
    ]
    ends = [(a, b) for a, b in ends if a != b]
    lengths = [_distance(a, b, around) for a, b in ends]
    connected = [x for x in lengths if x is not None]
    return Network(
        float(np.mean(degrees)),
        float(np.mean(local)),
        float(np.std(degrees)),
        float(np.mean(clustering)) if clustering else 0.0,
        float(np.mean(connected)) if connected else 0.0,
        len(connected) / max(1, len(ends)),
        len(who),
        len(ends),
    )


def _distance(a: int, b: int, around: object) -> int | None:
    """Ties between two residents, searched from both ends; None if not connected."""
    seen = ({a}, {b})
    edge = [{a}, {b}]
    for steps in range(1, 64):
        side = 0 if len(edge[0]) <= len(edge[1]) else 1
        edge[side] = {j for i in edge[side] for j in around(i)[0]} - seen[side]  # type: ignore[operator]
        if not edge[side]:
            return None
        if edge[side] & seen[1 - side]:
            return steps
        seen[side].update(edge[side])
    return None
