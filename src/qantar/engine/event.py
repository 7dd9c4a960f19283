"""The event engine: the same history as the plain one, at a cost that follows events.

Nothing is computed for someone whom nothing has happened to. A resident under a constant factor joins when the class clock
passes a fixed time; only a contact's move changes that time. So the engine keeps, for touched residents only, what is left
of the resistance, the clock when that was true and the factor since; and, for those who could join before the class's
horizon, a key in a queue. In integers phi x (M2 - M0) = phi x (M1 - M0) + phi x (M2 - M1) exactly: settling more or less
often, or in another order, changes nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.draws import Purpose, bits
from qantar.engine import queue, touched
from qantar.engine.history import Moves
from qantar.engine.queue import NIL, Heaps, pop, push
from qantar.engine.touched import Touched, find, touch
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
    clock_needed,
    factor,
    is_active,
    is_harmed,
    is_online,
    lot,
    next_state,
    own_resistance,
    word_below,
    worn,
)
from qantar.population.blocks import Blocks, class_of
from qantar.population.ties import Ties, contacts

HORIZON_MIN = CLOCK // 64
"""A class's first horizon: who could join before the clock shows this is listed when the clock first moves."""
CHUNK = 4096
"""Moves whose contacts are updated between two looks at the room that is left."""
STRETCH = 4096
"""Residents whose draws are looked at in one go: their numbers stay in the cache."""
_RESISTANCE = int(Purpose.RESISTANCE)
_QUOTAS = np.array(QUOTAS)


class Clocks(NamedTuple):
    """Of each class, in 2^-48: pressure added up so far, and how far ahead everyone is listed or queued."""

    now: Ints
    horizon: Ints


class Nation(NamedTuple):
    """Everything a kernel needs to know about the population, and where the internet works."""

    blocks: Blocks
    ties: Ties
    law: Law
    level: Ints


class EventEngine:
    """Steps a population under rates."""

    def __init__(self, blocks: Blocks, ties: Ties, law: Law) -> None:
        self.nation = Nation(blocks, ties, law, np.full(blocks.n_places, FULL, np.int64))
        self.clocks = Clocks(np.zeros(blocks.n_classes, np.int64), np.zeros(blocks.n_classes, np.int64))
        self.table = touched.touched(blocks.n_classes, 1024)
        self.heaps = queue.heaps(blocks.n_classes, 1024)
        self.busy = np.empty(0, np.int64)
        """slots of all who are neither quiet nor dead"""
        self.n = np.zeros((N_STATES, blocks.n_places, blocks.n_sectors), np.int64)
        sizes = np.diff(blocks.class_start).reshape(blocks.n_places, blocks.n_sectors, blocks.n_bins)
        self.n[QUIET] = sizes.sum(axis=2)
        self.moves = Moves([])
        self.updates = 0
        """contact counts changed so far"""
        self.t = 0
        self.counts = Counts(self.n.copy(), np.zeros(self.n.shape[1:], np.int64), np.zeros((len(QUOTAS), blocks.n_places), np.int64))

    def step(self, rates: Rates) -> Counts:
        """One step; gives the counts at its end."""
        self._connect(rates.connectivity)
        _advance(self.clocks, rates, self.nation.blocks)
        self._raise_horizons()
        joiners = _due(self.clocks, self.table, self.heaps)
        slots, new, moved = _exits(self.busy, self.table, rates, self.nation, self.t)
        return self._apply(joiners, slots, new, moved)

    def _connect(self, level: Ints) -> None:
        """Withdraw or restore those whose internet changes, then look again at everyone touched in those places."""
        changed = np.flatnonzero(level != self.nation.level)
        if not len(changed):
            return
        before = self.nation.level.copy()
        self.nation.level[:] = level
        active = self.busy[is_active_array(self.table.rows["state"][self.busy])]
        for chunk in _chunks(active):
            self._make_room(len(chunk) * self.nation.ties.degree_max)
            self.updates += _switch(chunk, before, self.table, self.heaps, self.clocks, self.nation)
        self._make_room(0, int(self.table.used[0]))
        _sweep(changed, self.table, self.heaps, self.clocks, self.nation)

    def _raise_horizons(self) -> None:
        """List who could join before a farther clock, wherever the clock has passed the horizon."""
        passed = np.flatnonzero(self.clocks.now > self.clocks.horizon)
        if not len(passed):
            return
        low = self.clocks.horizon[passed].copy()
        self.clocks.horizon[passed] = np.maximum(2 * np.minimum(self.clocks.now[passed], 2**62 - 1), HORIZON_MIN)
        who, key, class_ = _low_resistances(passed, low, self.clocks, self.table, self.nation)
        self._make_room(0, len(who) + int(self.table.used[0]))
        _enqueue(who, key, class_, self.heaps)
        _enqueue_touched(passed, self.table, self.heaps, self.clocks)

    def _apply(self, joiners: Ints, slots: Ints, new: NDArray[np.int64], moved: Ints) -> Counts:
        """States, then counts of contacts, then keys at the new clock."""
        table_room = len(joiners)
        self._make_room(table_room)
        entering = _slots_of(joiners, self.table, self.clocks, self.nation)
        slots = np.concatenate([entering, slots])
        new = np.concatenate([np.full(len(entering), PROTESTING), new])
        old = self.table.rows["state"][slots].astype(np.int64)
        joined = np.zeros(self.n.shape[1:], np.int64)
        _set_states(slots, new, self.table, self.clocks, self.nation, self.n, joined)
        self.moves.add(self.t, self.table.rows["who"][slots], old, new)
        for part in _chunks(np.arange(len(slots))):
            self._make_room(len(part) * self.nation.ties.degree_max)
            self.updates += _tell(slots[part], old[part], new[part], self.table, self.heaps, self.clocks, self.nation)
        back = slots[new == QUIET]
        self._make_room(0, len(back))
        _rekey(back, self.table, self.heaps, self.clocks, self.nation)
        everyone = np.concatenate([self.busy, entering])
        state = self.table.rows["state"][everyone]
        self.busy = everyone[(state != QUIET) & (state != DEAD)]
        self.t += 1
        self.counts = Counts(self.n.copy(), joined, moved)
        return self.counts

    def _make_room(self, residents: int, keys: int | None = None) -> None:
        self.table = touched.with_room(self.table, residents)
        self.heaps = queue.with_room(self.heaps, residents if keys is None else keys)


def is_active_array(state: NDArray[np.int8]) -> NDArray[np.bool_]:
    """`rules.is_active` for many."""
    return np.array([is_active(s) for s in range(N_STATES)])[state]


def _chunks(items: Ints) -> list[Ints]:
    return [items[k : k + CHUNK] for k in range(0, len(items), CHUNK)]


# --- one resident ----------------------------------------------------------------------------------------------------
# Hot functions take the arrays and numbers they need, not the tuples: each array that is passed on costs two atomic counts.


@jit
def _touch(i: int, table: Touched, clocks: Clocks, nation: Nation) -> int:
    """A row for a resident who has none. An untouched one stands in the queue if below the horizon."""
    c = class_of(i, nation.blocks)
    r = own_resistance(i, 0, nation.law.seed, nation.law.frailty)
    key = clock_needed(r, 256)
    return touch(table, i, c, r, key if key <= clocks.horizon[c] else NEVER)


@jit
def _settle(row: Any, now: int) -> None:
    """Work done since the last look is taken off the resistance."""
    row.left = worn(row.left, row.phi, now - row.since)
    row.since = now


@jit
def _join_time(row: Any) -> int:
    """Clock at which the resident of a row joins if nothing changes; NEVER if so."""
    needed = clock_needed(row.left, row.phi)
    return NEVER if needed == NEVER else row.since + needed


@jit
def _new_factor(row: Any, level: int, seed: int, fixed_line: float, factors: Ints) -> int:
    """The factor of the present counts of contacts."""
    return factor(row.local, row.online, row.harmed, row.online > 0 and is_online(row.who, level, seed, fixed_line), factors)


@jit
def _sooner(row: Any, horizon: int) -> bool:
    """Whether the resident must be queued: due before the horizon, and sooner than what stands in the queue."""
    key = _join_time(row)
    if key <= horizon and key < row.queued:
        row.queued = key
        return True
    return False


# --- the step --------------------------------------------------------------------------------------------------------


@jit
def _switch(slots: Ints, before: Ints, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> int:
    """Active residents who go offline leave their online contacts' counts, those who come back enter them."""
    room = np.empty(max(1, nation.ties.degree_max), np.int64)
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    rows, index, now, horizon, level = table.rows, table.buckets, clocks.now, clocks.horizon, nation.level
    seed, fixed_line, factors = nation.law.seed, nation.law.fixed_line, nation.law.factors
    updates = 0
    for slot in slots:
        i, p = rows[slot].who, rows[slot].class_ // per_place
        after = is_online(i, level[p], seed, fixed_line)
        change = int(after) - int(is_online(i, before[p], seed, fixed_line))
        if change != 0:
            n_local, n_all = contacts(i, nation.blocks, nation.ties, room)
            for k in range(n_local, n_all):
                other = find(index, rows, room[k])
                if other == NIL:
                    other = _touch(room[k], table, clocks, nation)
                row = rows[other]
                row.online += change
                if row.state == QUIET:
                    _settle(row, now[row.class_])
                    row.phi = _new_factor(row, level[row.class_ // per_place], seed, fixed_line, factors)
                    if _sooner(row, horizon[row.class_]):
                        push(heaps, row.class_, row.queued, row.who)
            updates += n_all - n_local
    return updates


@jit
def _sweep(places: Ints, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> None:
    """In places whose internet changed, everyone quiet who has active online contacts gets a new factor."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    for p in places:
        for c in range(p * per_place, (p + 1) * per_place):
            slot = table.first[c]
            while slot != NIL:
                row = table.rows[slot]
                if row.state == QUIET and row.online > 0:
                    _settle(row, clocks.now[c])
                    row.phi = _new_factor(row, nation.level[p], nation.law.seed, nation.law.fixed_line, nation.law.factors)
                    if _sooner(row, clocks.horizon[c]):
                        push(heaps, c, row.queued, row.who)
                slot = row.after


@jit
def _advance(clocks: Clocks, rates: Rates, blocks: Blocks) -> None:
    """Pressure of the step is added to every clock."""
    for p in range(blocks.n_places):
        for s in range(blocks.n_sectors):
            for k in range(blocks.n_bins):
                c = (p * blocks.n_sectors + s) * blocks.n_bins + k
                if blocks.class_start[c + 1] > blocks.class_start[c]:
                    clocks.now[c] += advance(rates.a[p], rates.g[c], rates.b[p, s], rates.dt)


@jit
def _low_draws(seed: int, start: int, end: int, limit: np.uint64, found: Ints) -> int:
    """Residents from `start` to `end` whose first draw is below the limit, written to `found`; gives how many."""
    n = 0
    for i in range(start, end):
        if bits(seed, _RESISTANCE, i, 0, 0) < limit:
            found[n] = i
            n += 1
    return n


@jit
def _low_resistances(classes: Ints, low: Ints, clocks: Clocks, table: Touched, nation: Nation) -> tuple[Ints, Ints, Ints]:
    """Untouched residents of these classes who join between an old horizon and the new one: who, key, class."""
    who, key, class_ = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    found = np.empty(STRETCH, np.int64)
    n = 0
    law = nation.law
    for x in range(len(classes)):
        c = classes[x]
        limit = word_below(clocks.horizon[c], law.frailty)
        end = nation.blocks.class_start[c + 1]
        for start in range(nation.blocks.class_start[c], end, STRETCH):
            for k in range(_low_draws(law.seed, start, min(start + STRETCH, end), limit, found)):
                i = found[k]
                needed = clock_needed(own_resistance(i, 0, law.seed, law.frailty), 256)
                if low[x] < needed <= clocks.horizon[c] and find(table.buckets, table.rows, i) == NIL:
                    if n == len(who):
                        who = np.concatenate((who, np.empty(n, np.int64)))
                        key = np.concatenate((key, np.empty(n, np.int64)))
                        class_ = np.concatenate((class_, np.empty(n, np.int64)))
                    who[n], key[n], class_[n] = i, needed, c
                    n += 1
    return who[:n], key[:n], class_[:n]


@jit
def _enqueue(who: Ints, key: Ints, class_: Ints, heaps: Heaps) -> None:
    for x in range(len(who)):
        push(heaps, class_[x], key[x], who[x])


@jit
def _enqueue_touched(classes: Ints, table: Touched, heaps: Heaps, clocks: Clocks) -> None:
    """Touched residents of these classes whose time has come below the horizon."""
    for c in classes:
        slot = table.first[c]
        while slot != NIL:
            row = table.rows[slot]
            if row.state == QUIET and _sooner(row, clocks.horizon[c]):
                push(heaps, c, row.queued, row.who)
            slot = row.after


@jit
def _due(clocks: Clocks, table: Touched, heaps: Heaps) -> Ints:
    """Everyone whose time the clocks have passed. What surfaces too early goes back with its true key."""
    found = np.empty(max(1, heaps.free[1]), np.int64)
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
                    due = _join_time(row) <= now
                    if not due and _sooner(row, clocks.horizon[c]):
                        push(heaps, c, row.queued, row.who)
            if due:
                found[n] = i
                n += 1
    return found[:n]


@jit
def _exits(busy: Ints, table: Touched, rates: Rates, nation: Nation, step: int) -> tuple[Ints, Ints, Ints]:
    """Moves of those who are not quiet: by quota first, the rest by their own draw. Slots, new states, moves by quota."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    n_places = nation.blocks.n_places
    who, place = np.empty(len(busy), np.int64), np.empty(len(busy), np.int64)
    old, new = np.empty(len(busy), np.int64), np.empty(len(busy), np.int64)
    for x in range(len(busy)):
        row = table.rows[busy[x]]
        who[x], place[x], old[x], new[x] = row.who, row.class_ // per_place, row.state, row.state
    moved = np.zeros((len(_QUOTAS), n_places), np.int64)
    for number in range(len(_QUOTAS)):
        if rates.quota[number].sum() > 0:
            _take(number, rates.quota[number], who, place, old, new, moved[number], nation.law.seed, step)
    n = 0
    slots, states = np.empty(len(busy), np.int64), np.empty(len(busy), np.int64)
    for x in range(len(busy)):
        following = new[x]
        if following == old[x]:
            following = next_state(who[x], old[x], step, rates.leave[old[x], place[x]], nation.law.seed)
        if following != old[x]:
            slots[n], states[n] = busy[x], following
            n += 1
    return slots[:n], states[:n], moved


@jit
def _take(number: int, quota: Ints, who: Ints, place: Ints, old: Ints, new: Ints, moved: Ints, seed: int, step: int) -> None:
    """In each place, those of a quota's state with the smallest lots move, as many as the quota says."""
    state, target = _QUOTAS[number]
    start = np.zeros(len(quota) + 1, np.int64)
    for x in range(len(who)):
        if old[x] == state and new[x] == state:
            start[place[x] + 1] += 1
    start = np.cumsum(start)
    filled = start.copy()
    there = np.empty(start[-1], np.int64)
    for x in range(len(who)):
        if old[x] == state and new[x] == state:
            there[filled[place[x]]] = x
            filled[place[x]] += 1
    for p in range(len(quota)):
        k = min(quota[p], start[p + 1] - start[p])
        if k > 0:
            for x in _smallest(there[start[p] : start[p + 1]], k, number, who, seed, step):
                new[x] = target
            moved[p] = k


@jit
def _smallest(candidates: Ints, k: int, number: int, who: Ints, seed: int, step: int) -> Ints:
    """The k of the candidates with the smallest lots, ties by resident number."""
    by_number = np.argsort(who[candidates], kind="mergesort")
    lots = np.empty(len(candidates), np.uint64)
    for x in range(len(candidates)):
        lots[x] = lot(who[candidates[by_number[x]]], number, step, seed)
    order = np.argsort(lots, kind="mergesort")
    return candidates[by_number[order[:k]]]


@jit
def _slots_of(who: Ints, table: Touched, clocks: Clocks, nation: Nation) -> Ints:
    slots = np.empty(len(who), np.int64)
    for x in range(len(who)):
        slots[x] = find(table.buckets, table.rows, who[x])
        if slots[x] == NIL:
            slots[x] = _touch(who[x], table, clocks, nation)
    return slots


@jit
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


@jit
def _tell(slots: Ints, old: Ints, new: Ints, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> int:
    """Contacts of those who moved count anew, and get new keys."""
    room = np.empty(max(1, nation.ties.degree_max), np.int64)
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    rows, index, now, horizon, level = table.rows, table.buckets, clocks.now, clocks.horizon, nation.level
    seed, fixed_line, factors = nation.law.seed, nation.law.fixed_line, nation.law.factors
    updates = 0
    for x in range(len(slots)):
        active = int(is_active(new[x])) - int(is_active(old[x]))
        harmed = int(is_harmed(new[x])) - int(is_harmed(old[x]))
        if active == 0 and harmed == 0:
            continue
        i, p = rows[slots[x]].who, rows[slots[x]].class_ // per_place
        n_local, n_all = contacts(i, nation.blocks, nation.ties, room)
        if not is_online(i, level[p], seed, fixed_line):
            n_all = n_local
        for k in range(n_all):
            other = find(index, rows, room[k])
            if other == NIL:
                other = _touch(room[k], table, clocks, nation)
            row = rows[other]
            if k < n_local:
                row.local += active
                row.harmed += harmed
            else:
                row.online += active
            if row.state == QUIET:
                _settle(row, now[row.class_])
                row.phi = _new_factor(row, level[row.class_ // per_place], seed, fixed_line, factors)
                if _sooner(row, horizon[row.class_]):
                    push(heaps, row.class_, row.queued, row.who)
        updates += n_all
    return updates


@jit
def _rekey(slots: Ints, table: Touched, heaps: Heaps, clocks: Clocks, nation: Nation) -> None:
    """Factor and key of those who have just come back."""
    per_place = nation.blocks.n_sectors * nation.blocks.n_bins
    level, law = nation.level, nation.law
    for slot in slots:
        row = table.rows[slot]
        row.phi = _new_factor(row, level[row.class_ // per_place], law.seed, law.fixed_line, law.factors)
        if _sooner(row, clocks.horizon[row.class_]):
            push(heaps, row.class_, row.queued, row.who)
