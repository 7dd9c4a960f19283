"""The mean-field twin: the same mechanisms without ties, and expected parts of people instead of people.

Everyone of a class who became quiet in the same six hours forms a cohort; under the class clock the part of a cohort still
quiet is the survival function of the resistances, P(E > M - M0) with factor 1. It is a baseline and a rival: where the
engines score no better, ties have not earned their place.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts, Floats, Rates
from qantar.model.rules import CLOCK, N_STATES, PROTESTING, QUIET, QUOTAS, STEP_MAX, Law
from qantar.population.blocks import Blocks

COHORT_HOURS = 6.0
"""Hours of return that share a cohort: hardly any clock moves by more than a thousandth in them."""


class MeanFieldEngine:
    """Steps expected counts under rates; `n` has shape (states, places, sectors, bins) and is not whole."""

    def __init__(self, blocks: Blocks, law: Law) -> None:
        self.shape = (blocks.n_places, blocks.n_sectors, blocks.n_bins)
        self.frailty = law.frailty
        self.n = np.zeros((N_STATES, *self.shape))
        self.n[QUIET] = np.diff(blocks.class_start).reshape(self.shape)
        self.clock = np.zeros(self.shape)
        self.cohorts: list[tuple[Floats, Floats]] = [(law.potential * self.n[QUIET], self.clock.copy())]
        """members when the cohort began, and the clocks then"""
        self.window = -1
        self.t = 0
        self.counts = self._count(np.zeros(self.shape), np.zeros((len(QUOTAS), blocks.n_places)))

    def step(self, rates: Rates) -> Counts:
        """One step; gives the expected counts at its end."""
        pressure = rates.a[:, None, None] * rates.g.reshape(self.shape) + rates.b[:, :, None]
        before = self.clock.copy()
        self.clock += np.clip(pressure * rates.dt, 0, STEP_MAX / CLOCK)
        joining = np.zeros(self.shape)
        for members, since in self.cohorts:
            joining += members * (self._survival(before - since) - self._survival(self.clock - since))
        joining = np.minimum(joining, self.n[QUIET])
        new = self.n.copy()
        new[QUIET] -= joining
        new[PROTESTING] += joining
        moved = np.zeros((len(QUOTAS), self.shape[0]))
        staying = self.n.copy()  # of those not quiet, who has not moved by quota
        for number, (old, target) in enumerate(QUOTAS):
            there = staying[old].sum(axis=(1, 2))
            taken = np.minimum(rates.quota[number], there)
            part = staying[old] * np.divide(taken, there, out=np.zeros_like(there), where=there > 0)[:, None, None]
            staying[old] -= part
            new[old] -= part
            new[target] += part
            moved[number] = taken
        back = np.zeros(self.shape)
        for old in range(1, N_STATES):
            for following in range(N_STATES):
                part = staying[old] * rates.leave[old, :, following][:, None, None]
                new[old] -= part
                new[following] += part
                back += part if following == QUIET else 0.0
        if back.any():
            self._return(back, int(self.t * rates.dt / COHORT_HOURS))
        self.n = new
        self.t += 1
        self.counts = self._count(joining, moved)
        return self.counts

    def _return(self, back: Floats, window: int) -> None:
        """Those who come back enter the cohort of this stretch of hours; its clock is the mean of its members'."""
        if window == self.window:
            members, since = self.cohorts.pop()
            total = members + back
            since = np.divide(members * since + back * self.clock, total, out=self.clock.copy(), where=total > 0)
            self.cohorts.append((total, since))
        else:
            self.cohorts.append((back, self.clock.copy()))
        self.window = window

    def _survival(self, m: Floats) -> Floats:
        """P(E > m) under the frailty."""
        return np.exp(-m) if self.frailty == 0 else (1 + self.frailty * m) ** (-1 / self.frailty)

    def _count(self, joined: Floats, moved: Floats) -> Counts:
        return Counts(self.n.sum(axis=3), joined.sum(axis=2), moved)  # type: ignore[arg-type]
