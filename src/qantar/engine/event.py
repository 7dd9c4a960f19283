"""The event engine: the same history as the plain one, at a cost that follows events.

It keeps, for touched residents only, the work that brings them out and the counts of their contacts (`touched`, `resident`); and,
for those who could join before the class's horizon, a key in a queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf, prefetch
from qantar.engine import busy, queue, touched
from qantar.engine.busy import BUSY, NIL, Met
from qantar.engine.contacts import AHEAD, Room, count_woken, is_seen, meet, room, sweep, tell, told, told_by_switched
from qantar.engine.due import due
from qantar.engine.exits import exits_of
from qantar.engine.history import Moves
from qantar.engine.horizon import days_anew, enqueue, enqueue_rows, raised, touched_due, untouched_due
from qantar.engine.queue import Calendar, push
from qantar.engine.resident import Clocks, Nation, factor_at, sooner, touch_resident, worked
from qantar.engine.touched import ENDLESS, EXACT, Touched, seek, who_of
from qantar.model.contract import Counts, Ints, Rates
from qantar.model.rules import (
    DEAD,
    FULL,
    N_STATES,
    NEVER,
    PROTESTING,
    QUIET,
    QUOTAS,
    Law,
    advance,
    birth_keys,
    is_active,
    own_resistance,
)
from qantar.population.blocks import Blocks, class_of
from qantar.population.ties import Ties

CHUNK = 4096
"""Moves whose contacts are updated between two looks at the room that is left."""
WAKES = 8
"""How often classes may wake alone while somebody is seen."""


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
        if _advance(self.clocks, rates, self.nation.blocks):
            self._wake()
        self._raise_horizons()
        joiners = self._ready()
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

        After `WAKES` of these under protest, all are told everything.
        """
        woken = (self.clocks.now > 0) & ~self.clocks.awake
        dead = np.flatnonzero(self.table.rows["state"][: self.table.used[0]] == DEAD)
        if len(self.busy) or len(dead):
            self.wakes += 1
            woken = woken if self.wakes < WAKES else ~self.clocks.awake
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
        if not len(passed):
            return
        low = self.clocks.horizon[passed].copy()
        raised(self.clocks, passed, self.nation.blocks.n)
        days_anew(passed, self.clocks, self.calendar)
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
        """States, then counts of contacts, then keys at the new clock."""
        if not len(joiners) and not len(leaving):
            return self._nobody(moved)
        self._make_room(len(joiners))
        movers = np.concatenate([np.arange(len(self.busy), len(self.busy) + len(joiners)), leaving])
        new = np.concatenate([np.full(len(joiners), PROTESTING), new])
        self.busy = busy.extended(self.busy, len(joiners))
        _enter(joiners, self.busy[len(self.busy) - len(joiners) :], self.table, self.clocks, self.nation)
        old = self.busy["state"][movers].astype(np.int64)
        self.moves.add(self.t, self.busy["who"][movers], old, new)
        joined = np.zeros(self.n.shape[1:], np.int64)
        back = np.empty(len(movers), np.int64)
        n = _set_states(movers, new, back, self.busy, self.table, self.clocks, self.nation, self.n.reshape(N_STATES, -1), joined.ravel())
        self._tell(movers, old, new)
        self._make_room(0, n)
        _rekey(back[:n], self.table, self.calendar, self.clocks, self.nation)
        self.busy = self.busy[: _stay(self.busy)]
        self.t += 1
        self.counts = Counts(self.n.copy(), joined, moved)
        return self.counts

    def _tell(self, movers: Ints, old: Ints, new: Ints) -> None:
        """Contacts count anew, as many movers at a time as there is room for."""
        done, chunk, width = 0, CHUNK, self.nation.ties.degree_max
        while done < len(movers):
            self._make_room(chunk * width)
            self.met = busy.with_room(self.met, chunk, width)
            done, n = _spread(
                done, movers, old, new, chunk, self.busy, self.met, self.room, self.table, self.calendar, self.clocks, self.nation
            )
            self.updates += n

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
def _advance(clocks: Clocks, rates: Rates, blocks: Blocks) -> bool:
    """Pressure of the step is added to every clock; whether a class wakes."""
    wakes = False
    for p in range(blocks.n_places):
        for s in range(blocks.n_sectors):
            for k in range(blocks.n_bins):
                c = (p * blocks.n_sectors + s) * blocks.n_bins + k
                clocks.before[c] = clocks.now[c]
                if blocks.class_start[c + 1] > blocks.class_start[c]:
                    clocks.now[c] += advance(rates.a[p], rates.g[c], rates.b[p, s], rates.dt)
                    wakes |= clocks.now[c] > 0 and not clocks.awake[c]
    return wakes


@leaf
def _rise(dead: Ints, rising: Any, table: Touched) -> None:
    """The dead as they would stand among the busy."""
    for x in range(len(dead)):
        b = rising[x]
        b.who, b.slot, b.class_, b.met, b.state = who_of(table, dead[x]), dead[x], table.rows[dead[x]].class_, NIL, DEAD


@leaf
def _enter(who: Ints, entering: Any, table: Touched, clocks: Clocks, nation: Nation) -> None:
    """Rows among the busy, of those who are about to leave the quiet."""
    for x in range(len(who)):
        where = seek(table, who[x])
        slot = table.entries[where] - 1
        if slot == NIL:
            slot = touch_resident(who[x], class_of(who[x], nation.blocks), where, table, clocks, nation)
        b = entering[x]
        b.who, b.slot, b.class_, b.met, b.state = who[x], slot, table.rows[slot].class_, NIL, QUIET


@leaf
def _set_states(
    movers: Ints, new: Ints, back: Ints, busy: Any, table: Touched, clocks: Clocks, nation: Nation, n: Ints, joined: Ints
) -> int:
    """New states; who comes back to quiet draws the resistance of the next episode, from the present clock: rows in `back`."""
    law, returned = nation.law, 0
    for x in range(len(movers)):
        prefetch(table.rows, busy[movers[min(x + AHEAD, len(movers) - 1)]].slot)
        b = busy[movers[x]]
        row, group = table.rows[b.slot], b.class_ // nation.blocks.n_bins
        if b.state == QUIET:
            joined[group] += 1
        n[b.state, group] -= 1
        n[new[x], group] += 1
        row.state = b.state = new[x]
        row.queued = NEVER
        if new[x] == QUIET:
            table.episode[b.slot] += 1
            r = own_resistance(b.who, table.episode[b.slot], law.seed, law.frailty)
            row.basis = ENDLESS if r == NEVER else EXACT
            row.work = np.uint64(r) + worked(factor_at(row, nation.level[b.class_], nation), clocks.now[b.class_])
            back[returned] = b.slot
            returned += 1
    return returned


@leaf
def _spread(
    done: int,
    movers: Ints,
    old: Ints,
    new: Ints,
    chunk: int,
    busy: Any,
    met: Met,
    room: Room,
    table: Touched,
    calendar: Calendar,
    clocks: Clocks,
    nation: Nation,
) -> tuple[int, int]:
    """Contacts of movers count anew, a chunk after the other from `done` on while there is room; gives how many are done, and updates."""
    updates = 0
    while done < len(movers):
        most = chunk * nation.ties.degree_max
        short = min(table.used[0] + most, nation.blocks.n) > len(table.rows) or calendar.free[1] + most > len(calendar.entry)
        if short or met.ends[1] + chunk > len(met.free):
            break
        end = min(done + chunk, len(movers))
        meet(movers[done:end], new[done:end], busy, met, room, table, clocks, nation)
        n = told(movers[done:end], old[done:end], new[done:end], busy, met, room, nation)
        tell(n, room, table, calendar, clocks, nation)
        updates += n
        done = end
    return done, updates


@leaf
def _rekey(slots: Ints, table: Touched, calendar: Calendar, clocks: Clocks, nation: Nation) -> None:
    """Keys of those who have just come back."""
    for slot in slots:
        row = table.rows[slot]
        c = row.class_
        if sooner(row, factor_at(row, nation.level[c], nation), clocks.now[c], clocks.horizon[c], nation):
            push(calendar, c, row.queued, who_of(table, slot))


@leaf
def _stay(busy: Any) -> int:
    """Moves those who are still busy to the front, in their order; gives how many."""
    n = 0
    for x in range(len(busy)):
        if busy[x].state != QUIET and busy[x].state != DEAD:
            if n < x:
                busy[n] = busy[x]
            n += 1
    return n
