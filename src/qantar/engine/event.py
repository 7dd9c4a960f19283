"""The event engine: the same history as the plain one, at a cost that follows events.

It keeps, for touched residents only, the work that brings them out and the counts of their contacts (`touched`, `resident`); and,
for those who could join before the class's horizon, a key in a queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.engine import busy, queue, touched
from qantar.engine.busy import BUSY, NIL
from qantar.engine.contacts import count_woken, is_seen, meet, room, sweep, tell, told_by_switched
from qantar.engine.due import due
from qantar.engine.exits import exits_of
from qantar.engine.history import Moves
from qantar.engine.horizon import days_anew, enqueue, enqueue_rows, raised, touched_due, untouched_due
from qantar.engine.movers import move, movers
from qantar.engine.resident import Clocks, Nation
from qantar.engine.touched import Touched, who_of
from qantar.model.contract import Counts, Floats, Ints, Rates
from qantar.model.rules import (
    DEAD,
    FULL,
    N_STATES,
    QUIET,
    QUOTAS,
    Law,
    advance,
    birth_keys,
    is_active,
)
from qantar.population.blocks import Blocks
from qantar.population.ties import Ties

CHUNK = 4096
"""Moves whose contacts are updated between two looks at the room that is left."""
WAKES, PASSED, DUE = 1, 2, 4
"""Signs of a step: a class wakes, a clock has passed its horizon, a clock has reached a key."""
WAKES_MAX = 8
"""How often classes may wake alone while somebody is seen."""
NOBODY = np.empty(0, np.int64)


class EventEngine:
    """Steps a population under rates."""

    def __init__(self, blocks: Blocks, ties: Ties, law: Law) -> None:
        first, second = birth_keys(law.seed)
        born = (np.uint64(first), np.uint64(second))  # through Python they become plain numbers, which may pass for signed ones
        self.nation = Nation(blocks, ties, law, np.full(blocks.n_classes, FULL, np.int64), born)
        self.place = (np.arange(blocks.n_classes) // (blocks.n_sectors * blocks.n_bins)).astype(np.int32)
        """of each class"""
        self.level = np.full(blocks.n_places, FULL, np.int64)
        now, before, horizon = (np.zeros(blocks.n_classes, np.int64) for _ in range(3))
        self.clocks = Clocks(now, before, horizon, np.zeros(blocks.n_classes, np.bool_))
        self.wakes = 0
        self.table = touched.touched(blocks.class_start)
        self.calendar = queue.calendar(blocks.n_classes, blocks.n)
        self.busy = np.empty(0, BUSY)
        self.met = busy.met()
        self.room = room(ties, CHUNK)
        self.n = np.zeros((N_STATES, blocks.n_places, blocks.n_sectors), np.int64)
        sizes = np.diff(blocks.class_start).reshape(blocks.n_places, blocks.n_sectors, blocks.n_bins)
        self.n[QUIET] = sizes.sum(axis=2)
        self.moves = Moves([])
        self.updates = 0
        """contact counts changed so far"""
        self.t = 0
        self.counts = Counts(self.n.copy(), np.zeros(self.n.shape[1:], np.int64), np.zeros((len(QUOTAS), blocks.n_places), np.int64))

    @property
    def visits(self) -> int:
        """Entries of queues taken off so far."""
        return int(self.calendar.free[2])

    def step(self, rates: Rates) -> Counts:
        """One step; gives the counts at its end."""
        self._connect(rates.connectivity)
        signs = _advance(self.clocks, self.calendar.soonest, self.nation.blocks.class_start, rates.a, rates.g, rates.b, rates.dt)
        if signs & WAKES:
            self._wake()
        if signs & PASSED:
            self._raise_horizons()
        joiners = self._ready() if signs else NOBODY
        if not len(self.busy) and not len(joiners):
            return self._nobody(np.zeros(rates.quota.shape, np.int64))
        leaving, new, moved = exits_of(self.busy, self.place, rates, self.nation.law.seed, self.t)
        return self._apply(joiners, leaving, new, moved)

    def _connect(self, level: Ints) -> None:
        """Withdraw or restore those whose internet changes, then look again at everyone touched in those places."""
        if np.array_equal(level, self.level):
            return
        self.level[:] = level
        after = level[self.place]
        for chunk in _chunks(np.flatnonzero(is_active_array(self.busy["state"]))):
            self._make_room(0, len(self.room.slots))
            n = told_by_switched(chunk, after, self.busy, self.met, self.room, self.nation)
            tell(n, self.room, self.table, self.calendar, self.clocks, self.nation)
            self.updates += n
        slots = sweep(after, self.table, self.clocks, self.nation)
        self.nation.level[:] = after
        self._make_room(0, len(slots))
        enqueue_rows(slots, self.table, self.calendar)

    def _wake(self) -> None:
        """Classes whose clock has begun to run: their members' counts, from the contacts of everyone who is seen.

        After `WAKES_MAX` of these under protest, all are told everything.
        """
        woken = (self.clocks.now > 0) & ~self.clocks.awake
        dead = np.flatnonzero(self.table.rows["state"][: self.table.used[0]] == DEAD)
        if len(self.busy) or len(dead):
            self.wakes += 1
            woken = woken if self.wakes < WAKES_MAX else ~self.clocks.awake
        self.clocks.awake[woken] = True
        n = len(self.busy)
        self.busy, self.met = busy.extended(self.busy, len(dead)), busy.met()
        _rise(dead, self.busy[n:], self.table)
        self.busy["met"] = NIL
        state = self.busy["state"].astype(np.int64)
        for part in _chunks(np.flatnonzero(is_seen_array(state))):
            self._make_room(len(part) * self.nation.ties.degree_max)
            self.met = busy.with_room(self.met, len(part), self.nation.ties.degree_max)
            meet(part, state[part], self.busy, self.met, self.room, self.table, self.clocks, self.nation)
        self.updates += count_woken(woken, self.busy, self.met, self.table, self.nation)
        for m in self.busy["met"][n:]:
            busy.release(self.met, m)
        self.busy = self.busy[:n]

    def _raise_horizons(self) -> None:
        """List who could join before a farther clock, wherever the clock has passed the horizon."""
        passed = np.flatnonzero(self.clocks.now > self.clocks.horizon)
        low = self.clocks.horizon[passed].copy()
        raised(self.clocks, passed, self.nation.blocks.n)
        days_anew(passed, low, self.clocks, self.calendar)
        who, key, class_ = untouched_due(passed, low, self.clocks, self.table, self.nation)
        slots = touched_due(passed, self.table, self.clocks, self.nation)
        self._make_room(0, len(who) + len(slots))
        enqueue(who, key, class_, self.calendar)
        enqueue_rows(slots, self.table, self.calendar)

    def _ready(self) -> Ints:
        """Whom the clocks have overtaken."""
        most = int(self.calendar.free[1])
        key, who, slot = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32)
        return who[: due(key, who, slot, self.clocks, self.table, self.calendar, self.nation)]

    def _apply(self, joiners: Ints, leaving: Ints, new: NDArray[np.int64], moved: Ints) -> Counts:
        """States, then counts of contacts, then keys at the new clock; as many moves at a time as there is room for."""
        if not len(joiners) and not len(leaving):
            return self._nobody(moved)
        self.busy = busy.extended(self.busy, len(joiners))
        m = movers(len(self.busy), joiners, leaving, new)
        joined = np.zeros(self.n.shape[1:], np.int64)
        done, width, groups = 0, self.nation.ties.degree_max, (self.n.reshape(N_STATES, -1), joined.ravel())
        while done < len(m.which):
            self._make_room(len(joiners) + CHUNK * width, len(m.which) + CHUNK * width)
            self.met = busy.with_room(self.met, CHUNK, width)
            mine = (self.busy, self.met, self.room, self.table, self.calendar, self.clocks, self.nation)
            done, updates, stay = move(done, m, len(joiners), CHUNK, *mine, *groups)
            self.updates += updates
        self.busy = self.busy[:stay]
        self.moves.add(self.t, m.who, m.old, m.new)
        self.t += 1
        self.counts = Counts(self.n.copy(), joined, moved)
        return self.counts

    def _nobody(self, moved: Ints) -> Counts:
        """A step in which nobody moves; the second in a row changes nothing at all."""
        self.t += 1
        if self.counts.harmed or self.counts.joined.any():
            self.counts = Counts(self.counts.n, np.zeros(self.n.shape[1:], np.int64), moved)
        return self.counts

    def _make_room(self, residents: int, keys: int | None = None) -> None:
        self.table = touched.with_room(self.table, residents)
        self.calendar = queue.with_room(self.calendar, residents if keys is None else keys)


def is_active_array(state: NDArray[np.int32]) -> NDArray[np.bool_]:
    """`rules.is_active` for many."""
    return np.array([is_active(s) for s in range(N_STATES)])[state]


def is_seen_array(state: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`contacts.is_seen` for many."""
    return np.array([is_seen(s) for s in range(N_STATES)])[state]


def _chunks(items: Ints) -> list[Ints]:
    return [items[k : k + CHUNK] for k in range(0, len(items), CHUNK)]


# --- the step --------------------------------------------------------------------------------------------------------


@leaf
def _advance(clocks: Clocks, soonest: Ints, class_start: Ints, a: Floats, g: Floats, b: Floats, dt: float) -> int:
    """Pressure of the step is added to every clock. What there is to do: `WAKES`, `PASSED`, `DUE` or nothing."""
    n_places, n_sectors = b.shape
    n_bins = len(g) // (n_places * n_sectors)
    signs = 0
    for p in range(n_places):
        for s in range(n_sectors):
            for c in range((p * n_sectors + s) * n_bins, (p * n_sectors + s + 1) * n_bins):
                now = clocks.now[c]
                clocks.before[c] = now
                if class_start[c + 1] > class_start[c]:
                    now += advance(a[p], g[c], b[p, s], dt)
                    clocks.now[c] = now
                    if soonest[c] <= now:
                        signs |= DUE if now <= clocks.horizon[c] else PASSED if clocks.awake[c] else PASSED | WAKES
    return signs


@leaf
def _rise(dead: Ints, rising: Any, table: Touched) -> None:
    """The dead as they would stand among the busy."""
    for x in range(len(dead)):
        b = rising[x]
        b.who, b.slot, b.class_, b.met, b.state = who_of(table, dead[x]), dead[x], table.rows[dead[x]].class_, NIL, DEAD
