"""The work by LASER (laser-core), written as its disease models (laser-generic) are.

People are a `LaserFrame` with one array a property; components run one after the other in each tick, each with a kernel over all people;
whoever is susceptible draws a number in each tick; states end when a timer, drawn on entry, has run down. Classes are its nodes. Contacts
of single people it does not know: that component is ours. `Wearing` and `RestingAnew` do without the draws: a resistance is one more
property, as in the dense loop.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from laser.core import LaserFrame, random

from benchmarks.peers.work import OUT, QUIET, RESTING, Outcome, Work, main


class Model:
    """People, nodes and components."""

    def __init__(self, work: Work, start: Any, contacts: Any, seed: int, *, resistances: bool) -> None:
        random.seed(1000 * seed)  # thread k is seeded with k more: histories of neighbouring seeds must not share draws
        sizes = np.diff(work.class_start)
        self.people = LaserFrame(work.rules.residents)
        self.people.add_scalar_property("nodeid", dtype=np.uint16)
        self.people.nodeid[:] = np.repeat(np.arange(len(sizes), dtype=np.uint16), sizes)
        self.people.add_scalar_property("state", dtype=np.int8, default=QUIET)
        self.people.add_scalar_property("timer", dtype=np.uint16)
        self.people.add_scalar_property("active", dtype=np.uint8)
        self.people.add_scalar_property("moved", dtype=np.int8)
        self.nodes = LaserFrame(len(sizes))
        self.nodes.add_vector_property("joined", work.rules.hours, dtype=np.int32)
        # One who comes to rest in a tick is not yet counted down in it, nor does one who is quiet again draw in it.
        first: list[Any] = [Wearing(self, work), RestingAnew(self)] if resistances else [Joining(self, work), Resting(self)]
        self.components = [*first, Leaving(self, work), Contacts(self, start, contacts)]

    def run(self, ticks: int) -> None:
        """All components in each tick."""
        for tick in range(ticks):
            for component in self.components:
                component.step(tick)


class Joining:
    """Transmission: those who are quiet join by a draw."""

    def __init__(self, model: Model, work: Work) -> None:
        self.model, self.leave = model, work.rules.leave
        factor = 1 + work.rules.gain * np.arange(work.rules.degree_max + 1)
        self.chance = -np.expm1(-work.pressure[:, None] * factor).astype(np.float32)

    def step(self, tick: int) -> None:
        """One tick."""
        people = self.model.people
        joined = np.zeros((nb.get_num_threads(), self.model.nodes.count), np.int32)
        _join(people.state, people.nodeid, people.active, people.timer, people.moved, self.chance, self.leave, joined)
        self.model.nodes.joined[tick] = joined.sum(axis=0)


class Resting:
    """Whoever has rested is quiet again."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def step(self, tick: int) -> None:
        """One tick."""
        _rest(self.model.people.state, self.model.people.timer)


class Wearing:
    """Instead of `Joining`: pressure wears down a resistance."""

    def __init__(self, model: Model, work: Work) -> None:
        self.model, self.leave = model, work.rules.leave
        model.people.add_scalar_property("left", dtype=np.float32)
        model.people.left[:] = random.prng().exponential(size=model.people.count)
        factor = 1 + work.rules.gain * np.arange(work.rules.degree_max + 1)
        self.worn = (work.pressure[:, None] * factor).astype(np.float32)

    def step(self, tick: int) -> None:
        """One tick."""
        people = self.model.people
        joined = np.zeros((nb.get_num_threads(), self.model.nodes.count), np.int32)
        _wear(people.state, people.nodeid, people.active, people.timer, people.moved, people.left, self.worn, self.leave, joined)
        self.model.nodes.joined[tick] = joined.sum(axis=0)


class RestingAnew(Resting):
    """Instead of `Resting`: with a new resistance."""

    def step(self, tick: int) -> None:
        """One tick."""
        _rest_anew(self.model.people.state, self.model.people.timer, self.model.people.left)


class Leaving:
    """Whoever is out goes home and rests."""

    def __init__(self, model: Model, work: Work) -> None:
        self.model, self.back = model, work.rules.back

    def step(self, tick: int) -> None:
        """One tick."""
        people = self.model.people
        _leave(people.state, people.timer, people.moved, self.back)


class Contacts:
    """Contacts of those who moved."""

    def __init__(self, model: Model, start: Any, contacts: Any) -> None:
        self.model, self.start, self.contacts = model, start, contacts

    def step(self, tick: int) -> None:
        """One tick."""
        _tell(self.model.people.moved, self.model.people.active, self.start, self.contacts)


@nb.njit(nogil=True, parallel=True, cache=True)
def _join(state: Any, nodeid: Any, active: Any, timer: Any, moved: Any, chance: Any, leave: float, joined: Any) -> None:
    for i in nb.prange(len(state)):
        if state[i] == QUIET:
            p = chance[nodeid[i], active[i]]
            if p > 0 and np.random.rand() < p:
                state[i] = OUT
                timer[i] = 1 + np.random.geometric(leave)  # one more, because it is counted down in this tick too
                moved[i] = 1
                joined[nb.get_thread_id(), nodeid[i]] += 1  # type: ignore[attr-defined]


@nb.njit(nogil=True, parallel=True, cache=True)
def _wear(state: Any, nodeid: Any, active: Any, timer: Any, moved: Any, left: Any, worn: Any, leave: float, joined: Any) -> None:
    for i in nb.prange(len(state)):
        if state[i] == QUIET:
            left[i] -= worn[nodeid[i], active[i]]
            if left[i] <= 0:
                state[i] = OUT
                timer[i] = 1 + np.random.geometric(leave)
                moved[i] = 1
                joined[nb.get_thread_id(), nodeid[i]] += 1  # type: ignore[attr-defined]


@nb.njit(nogil=True, parallel=True, cache=True)
def _rest_anew(state: Any, timer: Any, left: Any) -> None:
    for i in nb.prange(len(state)):
        if state[i] == RESTING:
            timer[i] -= 1
            if timer[i] == 0:
                state[i] = QUIET
                left[i] = np.random.exponential()


@nb.njit(nogil=True, parallel=True, cache=True)
def _rest(state: Any, timer: Any) -> None:
    for i in nb.prange(len(state)):
        if state[i] == RESTING:
            timer[i] -= 1
            if timer[i] == 0:
                state[i] = QUIET


@nb.njit(nogil=True, parallel=True, cache=True)
def _leave(state: Any, timer: Any, moved: Any, back: float) -> None:
    for i in nb.prange(len(state)):
        if state[i] == OUT:
            timer[i] -= 1
            if timer[i] == 0:
                state[i] = RESTING
                timer[i] = np.random.geometric(back)
                moved[i] = -1


@nb.njit(nogil=True, cache=True)
def _tell(moved: Any, active: Any, start: Any, contacts: Any) -> None:
    for i in range(len(moved)):  # by one thread: two people may have the same contact
        if moved[i] != 0:
            for k in range(start[i], start[i + 1]):
                active[contacts[k]] += moved[i]
            moved[i] = 0


def set_up(work: Work) -> tuple[Any, Any]:
    """The contacts."""
    return work.read("start"), work.read("contacts")


def history(work: Work, ready: tuple[Any, Any], seed: int, *, resistances: bool = False) -> Outcome:
    """One history."""
    model = Model(work, *ready, seed, resistances=resistances)
    model.run(work.rules.hours)
    state = model.people.state
    return Outcome(int(model.nodes.joined.sum()), int((state == OUT).sum()), int((state == RESTING).sum()))


if __name__ == "__main__":
    main(set_up, history, ("laser-core",))
