"""What a step does once it is known who moves: states, then counts of contacts, then keys at the new clock. One call for all of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qantar.compiled import leaf, prefetch
from qantar.engine.busy import NIL, Met
from qantar.engine.contacts import AHEAD, Room, meet, tell, told
from qantar.engine.queue import Calendar, push
from qantar.engine.resident import Clocks, Nation, factor_at, sooner, touch_resident, worked
from qantar.engine.touched import ENDLESS, EXACT, Touched, seek, who_of
from qantar.model.contract import Ints
from qantar.model.rules import DEAD, NEVER, PROTESTING, QUIET, own_resistance
from qantar.population.blocks import class_of


class Movers(NamedTuple):
    """Those who move in a step: which of the busy, who, from what state to what."""

    which: Ints
    who: Ints
    old: Ints
    new: Ints


def movers(n_busy: int, joiners: Ints, leaving: Ints, goes: Ints) -> Movers:
    """First those who join, after all the busy, then those among the busy who leave their state."""
    n, first = len(joiners), n_busy - len(joiners)
    which, who, old, new = (np.empty(n + len(leaving), np.int64) for _ in range(4))
    which[:n], which[n:] = np.arange(first, n_busy), leaving
    who[:n] = joiners
    new[:n], new[n:] = PROTESTING, goes
    return Movers(which, who, old, new)


@leaf
def move(
    done: int,
    m: Movers,
    n_joiners: int,
    chunk: int,
    busy: Any,
    met: Met,
    room: Room,
    table: Touched,
    calendar: Calendar,
    clocks: Clocks,
    nation: Nation,
    n: Ints,
    joined: Ints,
) -> tuple[int, int, int]:
    """All that follows from the moves, contacts a chunk after the other from `done` on, while there is room.

    Gives how many are done, contact counts changed, and how many stay busy: once all are done, they stand in front.
    """
    if done == 0:
        _enter(m, n_joiners, busy, table, clocks, nation)
        _set_states(m, busy, table, clocks, nation, n, joined)
    updates, most = 0, chunk * nation.ties.degree_max
    while done < len(m.which):
        short = min(table.used[0] + most, nation.blocks.n) > len(table.rows)
        if short or calendar.free[1] + most + len(m.which) > len(calendar.entry) or met.ends[1] + chunk > len(met.free):
            return done, updates, len(busy)
        end = min(done + chunk, len(m.which))
        meet(m.which[done:end], m.new[done:end], busy, met, room, table, clocks, nation)
        told_now = told(m.which[done:end], m.old[done:end], m.new[done:end], busy, met, room, nation)
        tell(told_now, room, table, calendar, clocks, nation)
        updates += told_now
        done = end
    _rekey(m, busy, table, calendar, clocks, nation)
    return done, updates, _stay(busy)


@leaf
def _enter(m: Movers, n_joiners: int, busy: Any, table: Touched, clocks: Clocks, nation: Nation) -> None:
    """Rows among the busy, of those who are about to leave the quiet."""
    for x in range(n_joiners):
        i = m.who[x]
        where = seek(table, i)
        slot = table.entries[where] - 1
        if slot == NIL:
            slot = touch_resident(i, class_of(i, nation.blocks), where, table, clocks, nation)
        b = busy[m.which[x]]
        b.who, b.slot, b.class_, b.met, b.state = i, slot, table.rows[slot].class_, NIL, QUIET


@leaf
def _set_states(m: Movers, busy: Any, table: Touched, clocks: Clocks, nation: Nation, n: Ints, joined: Ints) -> None:
    """New states; who comes back to quiet draws the resistance of the next episode, from the present clock."""
    law, last = nation.law, len(m.which) - 1
    for x in range(len(m.which)):
        prefetch(table.rows, busy[m.which[min(x + AHEAD, last)]].slot)
        b = busy[m.which[x]]
        row, group = table.rows[b.slot], b.class_ // nation.blocks.n_bins
        if b.state == QUIET:
            joined[group] += 1
        n[b.state, group] -= 1
        n[m.new[x], group] += 1
        m.who[x], m.old[x] = b.who, b.state
        row.state = b.state = m.new[x]
        row.queued = NEVER
        if m.new[x] == QUIET:
            table.episode[b.slot] += 1
            r = own_resistance(b.who, table.episode[b.slot], law)
            row.basis = ENDLESS if r == NEVER else EXACT
            row.work = np.uint64(r) + worked(factor_at(row, nation.level[b.class_], nation), clocks.now[b.class_])


@leaf
def _rekey(m: Movers, busy: Any, table: Touched, calendar: Calendar, clocks: Clocks, nation: Nation) -> None:
    """Keys of those who have just come back."""
    for x in range(len(m.which)):
        if m.new[x] == QUIET:
            slot, c = busy[m.which[x]].slot, busy[m.which[x]].class_
            row = table.rows[slot]
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
