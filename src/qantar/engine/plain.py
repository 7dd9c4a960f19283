"""The plain engine: every resident, every step, as the mathematics reads. Slow on purpose; the event engine must equal it.

Counts of contacts are not kept up to date but counted anew at each step from who is active now.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.engine.history import Moves
from qantar.model.contract import Counts, Ints, Rates
from qantar.model.rules import (
    N_STATES,
    PROTESTING,
    QUIET,
    QUOTAS,
    Law,
    advance,
    clock_needed,
    factor,
    is_active,
    is_harmed,
    is_online,
    lot,
    next_state,
    own_resistance,
    worn,
)
from qantar.population.blocks import Blocks, class_of
from qantar.population.ties import Ties, contacts


class PlainEngine:
    """Steps a population under rates; `state`, `episode` and `left` (of the resistance) hold one number a resident."""

    def __init__(self, blocks: Blocks, ties: Ties, law: Law) -> None:
        self.blocks, self.ties, self.law = blocks, ties, law
        self.state = np.zeros(blocks.n, np.int64)
        self.episode = np.zeros(blocks.n, np.int64)
        self.left = _first_resistances(blocks.n, law)
        self.class_ = _classes(blocks)
        self.moves = Moves([])
        self.t = 0
        self.counts = count(blocks, self.state, self.class_)

    def step(self, rates: Rates) -> Counts:
        """One step; gives the counts at its end."""
        blocks, law, per_place = self.blocks, self.law, self.blocks.n_sectors * self.blocks.n_bins
        local, online, harmed = _count_contacts(self.state, self.class_, rates.connectivity, blocks, self.ties, law)
        place = self.class_ // per_place
        new = self.state.copy()
        _join(new, self.state, self.left, self.class_, local, online, harmed, rates, blocks, law)
        moved = np.zeros((len(QUOTAS), blocks.n_places), np.int64)
        for number, (old, target) in enumerate(QUOTAS):
            for p in np.flatnonzero(rates.quota[number]):
                there = np.flatnonzero((place == p) & (self.state == old) & (new == old))
                taken = sorted(there, key=lambda i: (int(lot(int(i), number, self.t, law.seed)), int(i)))[: rates.quota[number, p]]
                new[taken] = target
                moved[number, p] = len(taken)
        for i in np.flatnonzero((self.state != QUIET) & (new == self.state)):
            new[i] = next_state(int(i), int(self.state[i]), self.t, rates.leave[self.state[i], place[i]], law.seed)
        changed = np.flatnonzero(new != self.state)
        self.moves.add(self.t, changed, self.state[changed], new[changed])
        joined = np.zeros((blocks.n_places, blocks.n_sectors), np.int64)
        for i in changed:
            if self.state[i] == QUIET:
                joined.ravel()[self.class_[i] // blocks.n_bins] += 1
            elif new[i] == QUIET:
                self.episode[i] += 1
                self.left[i] = own_resistance(int(i), int(self.episode[i]), law)
        self.state = new
        self.t += 1
        self.counts = count(blocks, self.state, self.class_, joined, moved)
        return self.counts


def count(blocks: Blocks, state: Ints, class_: Ints, joined: Ints | None = None, moved: Ints | None = None) -> Counts:
    """Residents by state, place and sector."""
    width = blocks.n_places * blocks.n_sectors
    n = np.bincount(state * width + class_ // blocks.n_bins, minlength=N_STATES * width)
    return Counts(
        n.reshape(N_STATES, blocks.n_places, blocks.n_sectors),
        np.zeros((blocks.n_places, blocks.n_sectors), np.int64) if joined is None else joined,
        np.zeros((len(QUOTAS), blocks.n_places), np.int64) if moved is None else moved,
    )


@jit
def _first_resistances(n: int, law: Law) -> Ints:
    left = np.empty(n, np.int64)
    for i in range(n):
        left[i] = own_resistance(i, 0, law)
    return left


@jit
def _classes(blocks: Blocks) -> Ints:
    classes = np.empty(blocks.n, np.int64)
    for i in range(blocks.n):
        classes[i] = class_of(i, blocks)
    return classes


@jit
def _count_contacts(
    state: Ints, class_: Ints, connectivity: Ints, blocks: Blocks, ties: Ties, law: Law
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """How many contacts of each resident are active in person, active and online, killed or detained."""
    local, online, harmed = np.zeros(blocks.n, np.int16), np.zeros(blocks.n, np.int16), np.zeros(blocks.n, np.int16)
    room = np.empty(max(1, ties.degree_max), np.int64)
    per_place = blocks.n_sectors * blocks.n_bins
    for i in range(blocks.n):
        if is_active(state[i]) or is_harmed(state[i]):
            n_local, n_all = contacts(i, blocks, ties, room)
            connected = is_online(i, connectivity[class_[i] // per_place], law.seed, law.fixed_line)
            for k in range(n_all):
                j = room[k]
                if k < n_local:
                    local[j] += is_active(state[i])
                    harmed[j] += is_harmed(state[i])
                elif connected:
                    online[j] += is_active(state[i])
    return local, online, harmed


@jit
def _join(
    new: Ints,
    state: Ints,
    left: Ints,
    class_: Ints,
    local: NDArray[np.int16],
    online: NDArray[np.int16],
    harmed: NDArray[np.int16],
    rates: Rates,
    blocks: Blocks,
    law: Law,
) -> None:
    """Everyone quiet joins if this step's work reaches what is left of the resistance; else it is worn down by it."""
    per_place = blocks.n_sectors * blocks.n_bins
    for i in range(blocks.n):
        if state[i] == QUIET:
            c = class_[i]
            p = c // per_place
            m = advance(rates.a[p], rates.g[c], rates.b[p, (c // blocks.n_bins) % blocks.n_sectors], rates.dt)
            connected = is_online(i, rates.connectivity[p], law.seed, law.fixed_line)
            phi = factor(local[i], online[i], harmed[i], connected, law.factors)
            if m >= clock_needed(left[i], phi):
                new[i] = PROTESTING
            else:
                left[i] = worn(left[i], phi, m)
