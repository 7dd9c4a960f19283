"""Rules that end a history early (`ensemble.ending`): it can come no nearer to the record than is asked, or it is not quiet any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qantar.ensemble.histories import Runs
from qantar.inference.distance import Floats, Target, least_distances
from qantar.scenario.plan import Plan

ROUNDING = 1e-9
"""Two ways to add up one distance differ by less."""


@dataclass(frozen=True, eq=False)
class Beyond:
    """Ends a history that is farther from a record than `limit` in these blocks, whatever comes: early rejection (Prangle 2016, Stat.
    Comput. 26) with a continuation probability of 0 or 1, so that what is accepted is the same.
    """

    target: Target
    scales: Floats
    blocks: tuple[str, ...]
    limit: float

    def over(self, so_far: Runs, plan: Plan) -> bool:
        """Whether the least that its distance can become is above the limit."""
        return bool(least_distances(so_far, self.target, self.scales, self.blocks, plan)[0] > self.limit + ROUNDING)

    def as_dict(self) -> dict[str, Any]:
        """As data."""
        t = self.target.only(self.blocks)
        items = [[i.block, i.of, i.day, low, high] for i, low, high in zip(t.items, t.low.tolist(), t.high.tolist(), strict=True)]
        return {"rule": "beyond", "limit": self.limit, "items": items, "scales": self.scales[self.target.blocks(self.blocks)].tolist()}


@dataclass(frozen=True)
class Restless:
    """Ends a history on the first day on which more than `most` regions are reported: it is not quiet (`calm`)."""

    most: int

    def over(self, so_far: Runs, plan: Plan) -> bool:
        """Whether a day had more regions with reported unrest."""
        return not calm(so_far, self.most)[0]

    def as_dict(self) -> dict[str, Any]:
        """As data."""
        return {"rule": "restless", "most": self.most}


def calm(runs: Runs, most: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether no day of a history has more regions with reported unrest than `most`; one that was broken off has."""
    return np.asarray((runs.presence.sum(axis=2).max(axis=1, initial=0) <= most) & ~runs.stopped)
