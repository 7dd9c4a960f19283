"""What contacts see: who meets whom, and what a move changes in the rows of those who see it.

Rows of contacts lie anywhere in the table. So whom to tell what is written down first, as one flat list, and while a row is changed
the processor already fetches the one that is `AHEAD` of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit, leaf, prefetch
from qantar.engine.busy import NIL, Met, release, take
from qantar.engine.queue import Calendar, push
from qantar.engine.resident import Clocks, Nation, change, factor_at, sooner, touch_resident, worked
from qantar.engine.touched import Touched, seek, who_of
from qantar.model.contract import Ints
from qantar.model.rules import DEAD, QUIET, is_active, is_harmed, is_online
from qantar.population.batch import BATCH, Batch, batch, contacts_of
from qantar.population.blocks import class_of
from qantar.population.ties import Ties

AHEAD = 16
"""How many rows the processor is told of before they are needed."""
LOCAL = np.array([-1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0])
HARMED = np.array([-1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0, 0])
ONLINE = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 1])
"""What can be told, by number: so many more contacts active in person, killed or detained, active online."""


class Room(NamedTuple):
    """Where contacts are written for a moment, and whom to tell what."""

    batch: Batch
    met: NDArray[np.int32]
    """row of `Met` of each resident of the batch"""
    entry: NDArray[np.int32]
    """in the index, of each contact of the batch"""
    slots: NDArray[np.int32]
    what: NDArray[np.int8]


def room(ties: Ties, movers: int) -> Room:
    """Room for what so many movers tell."""
    width = max(1, ties.degree_max)
    slots, what = np.empty(movers * width, np.int32), np.empty(movers * width, np.int8)
    return Room(batch(ties), np.empty(BATCH, np.int32), np.empty(BATCH * width, np.int32), slots, what)


@leaf
def told_in_person(active: int, harmed: int) -> int:
    """The number of what contacts in person are told."""
    return 3 * (active + 1) + harmed + 1


@leaf
def told_online(active: int) -> int:
    """Likewise of online contacts."""
    return 10 + active


@leaf
def is_seen(state: int) -> bool:
    """Whether a state changes the counts of contacts."""
    return is_active(state) or is_harmed(state)


@leaf
def meet(movers: Ints, new: Ints, busy: Any, met: Met, room: Room, table: Touched, clocks: Clocks, nation: Nation) -> None:
    """Contacts of those whom contacts will see from now on, as rows of the table; whoever is awake and has no row gets one."""
    b, n = room.batch, 0
    for x in range(len(movers)):
        mover = busy[movers[x]]
        if mover.met == NIL and is_seen(new[x]):
            mover.met = take(met)
            b.who[n], b.class_[n], room.met[n] = mover.who, mover.class_, mover.met
            n += 1
            if n == BATCH:
                contacts_of(b, n, nation.ties)
                _keep(n, room, met, table, clocks, nation)
                n = 0
    contacts_of(b, n, nation.ties)
    _keep(n, room, met, table, clocks, nation)


@leaf
def _keep(n: int, room: Room, met: Met, table: Touched, clocks: Clocks, nation: Nation) -> None:
    """Rows of the contacts of n residents, into `Met`."""
    b, width, entries = room.batch, nation.ties.degree_max, table.entries
    for m in range(n):  # apart from what follows, so that the processor waits for many entries at once
        end = m * width + b.n_all[m]
        for k in range(m * width, end):
            prefetch(entries, seek(table, b.contacts[min(k + AHEAD, end - 1)]))
            room.entry[k] = entries[seek(table, b.contacts[k])]
    for m in range(n):
        met.n_local[room.met[m]], met.n_all[room.met[m]] = _kept(m, room, met.slots[room.met[m] * width :], table, clocks, nation)


@leaf
def _kept(m: int, room: Room, slots: NDArray[np.int32], table: Touched, clocks: Clocks, nation: Nation) -> tuple[int, int]:
    """Rows of the contacts of one of the batch, without those who sleep: how many in person, and in all."""
    b, first = room.batch, m * nation.ties.degree_max
    n_local = n = 0
    for k in range(b.n_all[m]):
        i, entry = b.contacts[first + k], room.entry[first + k]
        if entry == 0:
            c = class_of(i, nation.blocks)
            if not clocks.awake[c]:
                continue
            where = seek(table, i)  # perhaps taken a moment ago by another one
            entry = table.entries[where]
            if entry == 0:
                entry = touch_resident(i, c, where, table, clocks, nation) + 1
        slots[n] = entry - 1
        n += 1
        n_local += int(k < b.n_local[m])
    return n_local, n


@leaf
def count_woken(woken: NDArray[np.bool_], busy: Any, met: Met, table: Touched, nation: Nation) -> int:
    """What all these have in the counts of their contacts in classes that have just woken; gives how many.

    Their clock stood at 0, so whatever their factor was, no work was done.
    """
    width, law, n = nation.ties.degree_max, nation.law, 0
    for x in range(len(busy)):
        b = busy[x]
        if b.met != NIL:
            reached = is_online(b.who, nation.level[b.class_], law.seed, law.fixed_line)
            first, far, end = b.met * width, b.met * width + met.n_local[b.met], b.met * width + met.n_all[b.met]
            for k in range(first, end if reached else far):
                row = table.rows[met.slots[k]]
                if woken[row.class_]:
                    row.local += int(k < far and is_active(b.state))
                    row.harmed += int(k < far and is_harmed(b.state))
                    row.online += int(k >= far and is_active(b.state))
                    n += 1
    return n


@leaf
def told(movers: Ints, old: Ints, new: Ints, busy: Any, met: Met, room: Room, nation: Nation) -> int:
    """Writes down whom these moves are told; gives how many. Whom nobody will see any more needs no contacts."""
    width, n = nation.ties.degree_max, 0
    for x in range(len(movers)):
        active = int(is_active(new[x])) - int(is_active(old[x]))
        harmed = int(is_harmed(new[x])) - int(is_harmed(old[x]))
        b = busy[movers[x]]
        m = b.met
        if active != 0 or harmed != 0:
            n_local, n_all = met.n_local[m], met.n_all[m]
            if not is_online(b.who, nation.level[b.class_], nation.law.seed, nation.law.fixed_line):
                n_all = n_local
            near, far = told_in_person(active, harmed), told_online(active)
            for k in range(n_all):
                room.slots[n + k] = met.slots[m * width + k]
                room.what[n + k] = near if k < n_local else far
            n += n_all
        if m != NIL and (new[x] == DEAD or not is_seen(new[x])):
            release(met, m)
            b.met = NIL
    return n


@leaf
def told_by_switched(active: Ints, after: Ints, busy: Any, met: Met, room: Room, nation: Nation) -> int:
    """Likewise of active residents who go offline and leave their online contacts' counts, or come back and enter them."""
    width, law, n = nation.ties.degree_max, nation.law, 0
    for x in active:
        b = busy[x]
        was = is_online(b.who, nation.level[b.class_], law.seed, law.fixed_line)
        change = int(is_online(b.who, after[b.class_], law.seed, law.fixed_line)) - int(was)
        if change != 0:
            for k in range(b.met * width + met.n_local[b.met], b.met * width + met.n_all[b.met]):
                room.slots[n], room.what[n] = met.slots[k], told_online(change)
                n += 1
    return n


@leaf
def tell(n: int, room: Room, table: Touched, calendar: Calendar, clocks: Clocks, nation: Nation) -> None:
    """The first n who are told something count anew, and get new keys."""
    rows, slots, what = table.rows, room.slots, room.what
    for k in range(n):
        prefetch(rows, slots[min(k + AHEAD, n - 1)])
        row = rows[slots[k]]
        if change(row, LOCAL[what[k]], ONLINE[what[k]], HARMED[what[k]], clocks, nation):
            push(calendar, row.class_, row.queued, who_of(table, slots[k]))


@jit
def sweep(after: Ints, table: Touched, clocks: Clocks, nation: Nation) -> Ints:
    """Where internet changes to `after`, everyone quiet who has active online contacts gets a new factor; rows to queue."""
    slots, n = np.empty(1024, np.int32), 0
    for slot in range(table.used[0]):
        row = table.rows[slot]
        c = row.class_
        if row.online > 0 and row.state == QUIET and after[c] != nation.level[c]:
            now, old, phi = clocks.now[c], factor_at(row, nation.level[c], nation), factor_at(row, after[c], nation)
            row.work += worked(phi, now) - worked(old, now)
            if phi > old and sooner(row, phi, now, clocks.horizon[c], nation):
                if n == len(slots):
                    slots = np.concatenate((slots, np.empty(n, np.int32)))
                slots[n] = slot
                n += 1
    return slots[:n].astype(np.int64)
