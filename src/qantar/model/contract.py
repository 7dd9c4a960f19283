"""What mechanisms and engines say to each other, once a step: whole counts one way, rates of places the other.

An engine knows these arrays and `rules` only: nothing of mechanisms, prices, police or Kazakhstan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.model.rules import FIGHTING, FULL, N_STATES, PROTESTING, QUOTAS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Rates(NamedTuple):
    """What holds in one step. The pressure of a class is a[place] x g[class] + b[place, sector], per hour."""

    dt: float
    """hours of the step"""
    a: Floats
    """per hour, shape (places,), >= 0"""
    g: Floats
    """shape (classes,), >= 0"""
    b: Floats
    """per hour, shape (places, sectors), >= 0"""
    connectivity: Ints
    """internet of each place, a level of `rules.LEVELS`"""
    leave: Floats
    """probability in this step to go from a state to another, shape (states, places, states); rows sum to 1 at most"""
    quota: Ints
    """how many make each move of `rules.QUOTAS`, shape (quotas, places)"""


@dataclass(frozen=True, eq=False)
class Counts:
    """What an engine tells: residents by state now, and how many moved in the last step. Floats in the mean-field twin.

    Sums over sectors are made once, when somebody asks.
    """

    n: Ints
    """shape (states, places, sectors)"""
    joined: Ints
    """who joined in the last step, shape (places, sectors)"""
    moved: Ints
    """who moved by quota in the last step, shape (quotas, places)"""

    @cached_property
    def by_place(self) -> Floats:
        """Residents by state and place."""
        return np.asarray(self.n.sum(axis=2), float)

    @cached_property
    def out(self) -> Floats:
        """Who is out, peaceful or fighting, by place."""
        return np.asarray(self.by_place[PROTESTING] + self.by_place[FIGHTING])

    @property
    def fighting(self) -> Floats:
        """Who fights, by place."""
        return np.asarray(self.by_place[FIGHTING])

    @cached_property
    def harmed(self) -> bool:
        """Whether anybody was killed or detained in the last step."""
        return bool(self.moved.any())


def no_rates(n_places: int, n_sectors: int, n_classes: int, dt: float = 1.0) -> Rates:
    """Rates under which nothing happens and everyone is online."""
    return Rates(
        dt,
        np.zeros(n_places),
        np.ones(n_classes),
        np.zeros((n_places, n_sectors)),
        np.full(n_places, FULL, np.int64),
        np.zeros((N_STATES, n_places, N_STATES)),
        np.zeros((len(QUOTAS), n_places), np.int64),
    )
