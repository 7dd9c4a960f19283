"""The event engine: the same history as the plain one, at a cost that follows events.

It keeps, for touched residents only, what is left of the resistance, the clock when that was true and the factor since
(`resident`); and, for those who could join before the class's horizon, a key in a queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit, leaf
from qantar.draws import to_unit, word
from qantar.engine import busy, queue, touched
from qantar.engine.busy import BUSY, Met, release, take
from qantar.engine.exits import exits_of
from qantar.engine.history import Moves
from qantar.engine.queue import NIL, Heaps, pop, push
from qantar.engine.resident import Clocks, Nation, join_time, new_factor, retime, sooner, touch_resident
from qantar.engine.touched import Touched, bucket_of, find, seek, slot_of
from qantar.model.contract import Counts, Ints, Rates
from qantar.model.rules import (
    CLOCK,
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
    clock_needed,
    is_active,
    is_harmed,
    is_online,
    own_resistance,
    resistance,
    word_below,
)
from qantar.population.blocks import Blocks
from qantar.population.ties import Ties, contacts

HORIZON_MIN = CLOCK >> 16
"""A class's first horizon: who could join before the clock shows this is listed when the clock first moves."""
HORIZON_GROWTH = (3, 8)
"""How many times farther than the clock each horizon after it lies, in a country and in the world (`MANY` residents).

Farther means fewer looks at everyone (17 ms for 19 million, 7 s for 8 billion), and more entries in the queues that never come up.
"""
MANY = 1 << 29
CHUNK = 4096
"""Moves whose contacts are updated between two looks at the room that is left."""
STRETCH = 4096
"""Residents whose draws are looked at in one go: their numbers stay in the cache."""
CLOCK_MAX = 2**62
"""No clock runs farther (`rules`)."""


class EventEngine:
    """Steps a population under rates."""

    def __init__(self, blocks: Blocks, ties: Ties, law: Law) -> None:
        first, second = birth_keys(law.seed)
        born = (np.uint64(first), np.uint64(second))  # through Python they become plain numbers, which may pass for signed ones
        self.nation = Nation(blocks, ties, law, np.full(blocks.n_places, FULL, np.int64), born)
        self.clocks = Clocks(np.zeros(blocks.n_classes, np.int64), np.zeros(blocks.n_classes, np.int64))
        self.table = touched.touched(blocks.n_classes, blocks.n)
        self.heaps = queue.heaps(blocks.n_classes, blocks.n)
        self.busy = np.empty(0, BUSY)
        self.met = busy.met()
        self.room = tuple(np.empty(max(1, ties.degree_max), np.int64) for _ in range(2))
        """where contacts are written for a moment"""
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
        return int(self.heaps.free[2])

    def step(self, rates: Rates) -> Counts:
        """One step; gives the counts at its end."""
        self._connect(rates.connectivity)
        _advance(self.clocks, rates, self.nation.blocks)
        self._raise_horizons()
        joiners = _due(self.clocks, self.table, self.heaps)
        leaving, new, moved = exits_of(self.busy, rates, self.nation.law.seed, self.t)
        return self._apply(joiners, leaving, new, moved)

    def _connect(self, level: Ints) -> None:
        """Withdraw or restore those whose internet changes, then look again at everyone touched in those places."""
        changed = level != self.nation.level
        if not changed.any():
            return
        before = self.nation.level.copy()
        self.nation.level[:] = level
        active = np.flatnonzero(is_active_array(self.busy["state"]))
        for chunk in _chunks(active):
            self._make_room(0, len(chunk) * self.nation.ties.degree_max)
            self.updates += _switch(self.busy[chunk], before, self.met, self.table, self.heaps, self.clocks, self.nation)
        slots = _sweep(changed, self.table, self.clocks, self.nation)
        self._make_room(0, len(slots))
        _enqueue_rows(slots, self.table, self.heaps)

    def _raise_horizons(self) -> None:
        """List who could join before a farther clock, wherever the clock has passed the horizon."""
        passed = np.flatnonzero(self.clocks.now > self.clocks.horizon)
        if not len(passed):
            return
        low = self.clocks.horizon[passed].copy()
        growth = HORIZON_GROWTH[int(self.nation.blocks.n >= MANY)]
        farther = growth * np.minimum(self.clocks.now[passed], CLOCK_MAX // growth)
        self.clocks.horizon[passed] = np.maximum(farther, HORIZON_MIN)
        who, key, class_ = _low_resistances(passed, low, self.clocks, self.table, self.nation)
        slots = _touched_due(passed, self.table, self.clocks)
        self._make_room(0, len(who) + len(slots))
        _enqueue(who, key, class_, self.heaps)
        _enqueue_rows(slots, self.table, self.heaps)

    def _apply(self, joiners: Ints, leaving: Ints, new: NDArray[np.int64], moved: Ints) -> Counts:
        """States, then counts of contacts, then keys at the new clock."""
        if not len(joiners) and not len(leaving):
            return self._nobody(moved)
        blocks = self.nation.blocks
        self._make_room(len(joiners))
        entering = _slots_of(joiners, self.table, self.clocks, self.nation)
        place = self.table.rows["class_"][entering] // (blocks.n_sectors * blocks.n_bins)
        movers = np.concatenate([np.arange(len(self.busy), len(self.busy) + len(entering)), leaving])
        if len(entering):
            self.busy = busy.entered(self.busy, joiners, entering, place)
        new = np.concatenate([np.full(len(entering), PROTESTING), new])
        old = self.busy["state"][movers].astype(np.int64)
        slots = self.busy["slot"][movers].astype(np.int64)
        joined = np.zeros(self.n.shape[1:], np.int64)
        _set_states(slots, new, self.table, self.clocks, self.nation, self.n, joined)
        self.busy["state"][movers] = new
        self.moves.add(self.t, self.busy["who"][movers], old, new)
        for part in _chunks(np.arange(len(movers))):
            self._make_room(len(part) * self.nation.ties.degree_max)
            self.met = busy.with_room(self.met, len(part), self.nation.ties.degree_max)
            _meet(movers[part], new[part], self.busy, self.met, self.table, self.clocks, self.nation, *self.room)
            self.updates += _tell(movers[part], old[part], new[part], self.busy, self.met, self.table, self.heaps, self.clocks, self.nation)
        back = slots[new == QUIET]
        self._make_room(0, len(back))
        _rekey(back, self.table, self.heaps, self.clocks, self.nation)
        self.busy = self.busy[: _stay(self.busy)]
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
        self.heaps = queue.with_room(self.heaps, residents if keys is None else keys)


def is_active_array(state: NDArray[np.int32]) -> NDArray[np.bool_]:
    """`rules.is_active` for many."""
    return np.array([is_active(s) for s in range(N_STATES)])[state]


def _chunks(items: Ints) -> list[Ints]:
    return [items[k : k + CHUNK] for k in range(0, len(items), CHUNK)]


# --- the step --------------------------------------------------------------------------------------------------------


@leaf
def _switch(active: Any, before: Ints, met: Met, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> int:
    """Active residents who go offline leave their online contacts' counts, those who come back enter them."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    rows, now, horizon, level = table.rows, clocks.now, clocks.horizon, nation.level
    seed, fixed_line, factors = nation.law.seed, nation.law.fixed_line, nation.law.factors
    friends, width = met.slots, nation.ties.degree_max
    updates = 0
    for x in range(len(active)):
        i, p, m = active[x].who, active[x].place, active[x].met
        change = int(is_online(i, level[p], seed, fixed_line)) - int(is_online(i, before[p], seed, fixed_line))
        if change != 0:
            for k in range(m * width + met.n_local[m], m * width + met.n_all[m]):
                row = rows[friends[k]]
                row.online += change
                c = row.class_
                if row.state == QUIET and retime(row, now[c], horizon[c], level[c // per_place], seed, fixed_line, factors):
                    push(heaps, c, row.queued, row.who)
            updates += met.n_all[m] - met.n_local[m]
    return updates


@jit
def _sweep(changed: NDArray[np.bool_], table: Touched, clocks: Clocks, nation: Nation) -> Ints:
    """In places whose internet changed, everyone quiet who has active online contacts gets a new factor; whom to queue."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    rows, now, horizon, level = table.rows, clocks.now, clocks.horizon, nation.level
    seed, fixed_line, factors = nation.law.seed, nation.law.fixed_line, nation.law.factors
    slots, n = np.empty(1024, np.int32), 0
    for slot in range(table.used[0]):
        row = rows[slot]
        c = row.class_
        met = row.online > 0 and changed[c // per_place] and row.state == QUIET
        if met and retime(row, now[c], horizon[c], level[c // per_place], seed, fixed_line, factors):
            if n == len(slots):
                slots = np.concatenate((slots, np.empty(n, np.int32)))
            slots[n] = slot
            n += 1
    return slots[:n].astype(np.int64)


@leaf
def _advance(clocks: Clocks, rates: Rates, blocks: Blocks) -> None:
    """Pressure of the step is added to every clock."""
    for p in range(blocks.n_places):
        for s in range(blocks.n_sectors):
            for k in range(blocks.n_bins):
                c = (p * blocks.n_sectors + s) * blocks.n_bins + k
                if blocks.class_start[c + 1] > blocks.class_start[c]:
                    clocks.now[c] += advance(rates.a[p], rates.g[c], rates.b[p, s], rates.dt)


@leaf
def _low_draws(k1: np.uint64, k2: np.uint64, start: int, end: int, limit: np.uint64, low: Ints) -> int:
    """Residents from `start` to `end` whose first draw is below the limit, written to `low`; gives how many.

    Most stretches of 64 hold none, and counting in them is what the processor does eight residents at a time.
    """
    n = 0
    for first in range(start, end, 64):
        last = min(first + 64, end)
        below = 0
        for i in range(first, last):
            below += int(word(i, k1, k2) < limit)
        if below:
            for i in range(first, last):
                if word(i, k1, k2) < limit:
                    low[n] = i
                    n += 1
    return n


@jit
def _low_resistances(classes: Ints, low: Ints, clocks: Clocks, table: Touched, nation: Nation) -> tuple[Ints, Ints, Ints]:
    """Untouched residents of these classes who join between an old horizon and the new one: who, key, class."""
    who, key, class_ = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    drawn = np.empty(STRETCH, np.int64)
    n = 0
    law = nation.law
    for x in range(len(classes)):
        c = classes[x]
        limit = word_below(clocks.horizon[c], law.frailty)
        end = nation.blocks.class_start[c + 1]
        for start in range(nation.blocks.class_start[c], end, STRETCH):
            for k in range(_low_draws(nation.born[0], nation.born[1], start, min(start + STRETCH, end), limit, drawn)):
                i = drawn[k]
                needed = clock_needed(resistance(to_unit(word(i, nation.born[0], nation.born[1])), law.frailty), 256)
                if low[x] < needed <= clocks.horizon[c] and find(table.buckets, table.rows, i) == NIL:
                    if n == len(who):
                        who = np.concatenate((who, np.empty(n, np.int64)))
                        key = np.concatenate((key, np.empty(n, np.int64)))
                        class_ = np.concatenate((class_, np.empty(n, np.int64)))
                    who[n], key[n], class_[n] = i, needed, c
                    n += 1
    return who[:n], key[:n], class_[:n]


@leaf
def _enqueue(who: Ints, key: Ints, class_: Ints, heaps: Heaps) -> None:
    for x in range(len(who)):
        push(heaps, class_[x], key[x], who[x])


@jit
def _touched_due(classes: Ints, table: Touched, clocks: Clocks) -> Ints:
    """Rows of touched residents of these classes whose time has come below the horizon."""
    slots, n = np.empty(1024, np.int32), 0
    for c in classes:
        slot = table.first[c]
        while slot != NIL:
            row = table.rows[slot]
            if row.state == QUIET and sooner(row, clocks.horizon[c]):
                if n == len(slots):
                    slots = np.concatenate((slots, np.empty(n, np.int32)))
                slots[n] = slot
                n += 1
            slot = row.after
    return slots[:n].astype(np.int64)


@leaf
def _enqueue_rows(slots: Ints, table: Touched, heaps: Heaps) -> None:
    for slot in slots:
        row = table.rows[slot]
        push(heaps, row.class_, row.queued, row.who)


@jit
def _due(clocks: Clocks, table: Touched, heaps: Heaps) -> Ints:
    """Everyone whose time the clocks have passed. What surfaces too early goes back with its true key."""
    ready = np.empty(max(1, heaps.free[1]), np.int64)
    n = 0
    for c in range(len(heaps.root)):
        now = clocks.now[c]
        while heaps.root[c] != NIL and heaps.key[heaps.root[c]] <= now:
            key, i = pop(heaps, c)
            slot = find(table.buckets, table.rows, i)
            due = slot == NIL
            if not due and key == table.rows[slot].queued:
                row = table.rows[slot]
                row.queued = NEVER
                if row.state == QUIET:
                    due = join_time(row) <= now
                    if not due and sooner(row, clocks.horizon[c]):
                        push(heaps, c, row.queued, row.who)
            if due:
                ready[n] = i
                n += 1
    return ready[:n]


@jit
def _slots_of(who: Ints, table: Touched, clocks: Clocks, nation: Nation) -> Ints:
    slots = np.empty(len(who), np.int64)
    for x in range(len(who)):
        where = seek(table.buckets, table.rows, who[x], bucket_of(who[x], len(table.buckets) - 1))
        entry = table.buckets[where]
        slots[x] = slot_of(entry) if entry != 0 else touch_resident(who[x], where, table, clocks, nation)
    return slots


@leaf
def _set_states(slots: Ints, new: Ints, table: Touched, clocks: Clocks, nation: Nation, n: Ints, joined: Ints) -> None:
    """New states; who comes back to quiet draws the resistance of the next episode and starts at the present clock."""
    for x in range(len(slots)):
        row = table.rows[slots[x]]
        group = row.class_ // nation.blocks.n_bins
        p, s = group // nation.blocks.n_sectors, group % nation.blocks.n_sectors
        if row.state == QUIET:
            joined[p, s] += 1
        n[row.state, p, s] -= 1
        n[new[x], p, s] += 1
        row.state = new[x]
        row.queued = NEVER
        if new[x] == QUIET:
            row.episode += 1
            row.left = own_resistance(row.who, row.episode, nation.law.seed, nation.law.frailty)
            row.since = clocks.now[row.class_]


@leaf
def _meet(movers: Ints, new: Ints, busy: Any, met: Met, table: Touched, clocks: Clocks, nation: Nation, room: Ints, where: Ints) -> None:
    """Contacts of those whom contacts will see from now on, as rows of the table; whoever has no row gets one."""
    width = nation.ties.degree_max
    rows, buckets, friends = table.rows, table.buckets, met.slots
    mask = len(buckets) - 1
    for x in range(len(movers)):
        b = busy[movers[x]]
        if b.met == NIL and (is_active(new[x]) or is_harmed(new[x])):
            n_local, n_all = contacts(b.who, nation.blocks, nation.ties, room)
            m = take(met)
            b.met, met.n_local[m], met.n_all[m] = m, n_local, n_all
            for k in range(n_all):  # apart from what follows, so that the processor waits for many buckets at once
                where[k] = seek(buckets, rows, room[k], bucket_of(room[k], mask))
            for k in range(n_all):
                h = where[k]
                if buckets[h] != 0:  # perhaps taken a moment ago by another one
                    h = seek(buckets, rows, room[k], h)
                entry = buckets[h]
                friends[m * width + k] = slot_of(entry) if entry != 0 else touch_resident(room[k], h, table, clocks, nation)


@leaf
def _tell(movers: Ints, old: Ints, new: Ints, busy: Any, met: Met, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> int:
    """Contacts of those who moved count anew, and get new keys. Whom nobody will see any more needs no contacts."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    rows, now, horizon, level = table.rows, clocks.now, clocks.horizon, nation.level
    seed, fixed_line, factors = nation.law.seed, nation.law.fixed_line, nation.law.factors
    friends, width = met.slots, nation.ties.degree_max
    updates = 0
    for x in range(len(movers)):
        active = int(is_active(new[x])) - int(is_active(old[x]))
        harmed = int(is_harmed(new[x])) - int(is_harmed(old[x]))
        b = busy[movers[x]]
        m = b.met
        if active != 0 or harmed != 0:
            n_local, n_all = met.n_local[m], met.n_all[m]
            if not is_online(b.who, level[b.place], seed, fixed_line):
                n_all = n_local
            for k in range(n_all):
                row = rows[friends[m * width + k]]
                if k < n_local:
                    row.local += active
                    row.harmed += harmed
                else:
                    row.online += active
                c = row.class_
                if row.state == QUIET and retime(row, now[c], horizon[c], level[c // per_place], seed, fixed_line, factors):
                    push(heaps, c, row.queued, row.who)
            updates += n_all
        if m != NIL and (new[x] == DEAD or not (is_active(new[x]) or is_harmed(new[x]))):
            release(met, m)
            b.met = NIL
    return updates


@leaf
def _stay(busy: Any) -> int:
    """Moves those who are still busy to the front, in their order; gives how many."""
    n = 0
    for x in range(len(busy)):
        if busy[x].state != QUIET and busy[x].state != DEAD:
            busy[n] = busy[x]
            n += 1
    return n


@leaf
def _rekey(slots: Ints, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> None:
    """Factor and key of those who have just come back."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    level, law = nation.level, nation.law
    for slot in slots:
        row = table.rows[slot]
        row.phi = new_factor(row, level[row.class_ // per_place], law.seed, law.fixed_line, law.factors)
        if sooner(row, clocks.horizon[row.class_]):
            push(heaps, row.class_, row.queued, row.who)
