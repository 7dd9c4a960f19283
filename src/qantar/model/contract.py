"""What mechanisms and engines say to each other, once a step: whole counts one way, rates of places the other.

An engine knows these arrays and `rules` only: nothing of mechanisms, prices, police or Kazakhstan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.model.rules import DEAD, FIGHTING, FULL, KILLING, N_STATES, PROTESTING, QUOTAS, TAKING, WITHDRAWN

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

    Sums over sectors are made once, when somebody asks. The same object twice means that nobody moved in between.
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

    @cached_property
    def crowd(self) -> float:
        """Who is out in the whole country."""
        return float(self.out.sum())

    @property
    def fighting(self) -> Floats:
        """Who fights, by place."""
        return np.asarray(self.by_place[FIGHTING])

    @property
    def withdrawn(self) -> Floats:
        """Who has gone home and rests, by place."""
        return np.asarray(self.by_place[WITHDRAWN])

    @property
    def dead(self) -> Floats:
        """Who was killed since the start, by place."""
        return np.asarray(self.by_place[DEAD])

    @cached_property
    def harmed(self) -> bool:
        """Whether anybody was killed or detained in the last step."""
        return bool(self.moved.any())

    @cached_property
    def killed(self) -> Floats:
        """Who was killed in the last step, by place."""
        return np.asarray(self.moved[list(KILLING)].sum(axis=0), float) if self.harmed else np.zeros(self.moved.shape[1])

    @cached_property
    def detained(self) -> Floats:
        """Who was detained in the last step, by place."""
        return np.asarray(self.moved[list(TAKING)].sum(axis=0), float) if self.harmed else np.zeros(self.moved.shape[1])


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
