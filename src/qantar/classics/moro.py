"""A violent revolution: citizens, an armed organization, and police (Moro 2016, PLoS ONE 11(4): e0154175).

From the paper, as far as it could be seen (abstract, introduction, the section on outcomes): a lattice without edges; citizens who are
oppressed and riot by themselves, too weakly to overthrow anybody; an armed organization that fights the police; loyal police.

    p, r       precision of police and of revolutionaries: the chance that a shot kills
    n          1.2 in all three published histories; here the actives for each policeman in sight beyond which a revolutionary comes out
    success    all police are killed
    anarchy    the revolution fails, many police are killed
    failure    the revolution fails, few police are killed

Its equations and its table of numbers could not be seen. **So this is a reconstruction**, and what is taken is ours:

    citizens          as in `epstein` (grievance, risk of arrest with the whole part of C / A, jail), active revolutionaries counted in A
    revolutionaries   hidden until actives in sight (others, and itself) are more than n for each policeman in sight, hidden again below;
                      one who is out shoots at one policeman in sight, each alike
    police            pick one active in sight, each alike: a citizen is arrested, a revolutionary is shot at
    numbers           those of `epstein`, with as many revolutionaries as police
    many              at least half of the police

The three outcomes are published for one history each, of one seed; here each is asked of many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qantar.classics.epstein import FLOOR, arrest_risk, rebels
from qantar.classics.lattice import (
    SLOTS,
    TRIES,
    Counts,
    Ints,
    Sight,
    below,
    enter,
    free_cell,
    leave,
    one_seen,
    shuffle,
    sight,
    spread,
    uniforms,
)
from qantar.compiled import leaf
from qantar.draws import to_unit, word
from qantar.study_keys import StudyKey, keys_of

Floats: TypeAlias = NDArray[np.float64]
PUBLISHED: Mapping[tuple[float, float], str] = {(0.4, 0.3): "success", (0.9, 0.3): "anarchy", (0.9, 0.1): "failure"}
"""Outcome by p and r (Moro 2016, fig. 1)."""
MANY = 0.5
"""Share of police killed from which on a failed revolution leaves anarchy."""
_PEOPLE, _ORDER, _ACTS = int(StudyKey.CLASSIC_PEOPLE), int(StudyKey.CLASSIC_ORDER), int(StudyKey.CLASSIC_ACTS)


@dataclass(frozen=True)
class Revolution:
    """Parameters; shares of cells, ticks."""

    p: float
    r: float
    n: float = 1.2
    side: int = 40
    vision: int = 7
    citizens: float = 0.70
    police: float = 0.04
    revolutionaries: float = 0.04
    legitimacy: float = 0.82
    term_max: int = 30
    k: float = 2.3
    threshold: float = 0.1


class Rules(NamedTuple):
    """Numbers by which people act."""

    p: float
    r: float
    n: float
    k: float
    threshold: float
    term_max: int


class World(NamedTuple):
    """Everybody: police first, then revolutionaries, then citizens; each cell has a list of its police and one of its actives."""

    n_police: int
    n_armed: int
    """police and revolutionaries"""
    cell: Ints
    """-1 for the dead"""
    grievance: Floats
    risk_aversion: Floats
    active: NDArray[np.bool_]
    term: Ints
    order: Ints
    here: Counts
    police_seen: Counts
    active_seen: Counts
    first_police: Ints
    first_active: Ints
    following: Ints
    """a policeman is on no list of actives, so that one column serves both"""


def new_world(rev: Revolution, seed: int) -> World:
    """Everybody quiet or hidden, one to a cell."""
    cells = rev.side**2
    n_police = round(rev.police * cells)
    n_armed = n_police + round(rev.revolutionaries * cells)
    people = n_armed + round(rev.citizens * cells)
    places, hardship, risk_aversion = np.arange(cells, dtype=np.int32), np.empty(people), np.empty(people)
    here, police_seen, active_seen = (np.zeros(cells, np.int16) for _ in range(3))
    first_police, first_active = (np.full(cells, -1, np.int32) for _ in range(2))
    _draw(seed, places, hardship, risk_aversion)
    cell = places[:people].copy()
    here[cell] = 1
    world = World(
        n_police, n_armed, cell, hardship * (1 - rev.legitimacy), risk_aversion, np.zeros(people, np.bool_), np.zeros(people, np.int32),
        np.arange(people, dtype=np.int32), here, police_seen, active_seen, first_police, first_active, np.full(people, -1, np.int32),
    )  # fmt: skip
    _post(world, sight(rev.side, rev.vision))
    return world


@leaf
def _draw(seed: int, places: Ints, hardship: Floats, risk_aversion: Floats) -> None:
    shuffle(places, keys_of(seed, _PEOPLE, 0))
    uniforms(hardship, keys_of(seed, _PEOPLE, 1))
    uniforms(risk_aversion, keys_of(seed, _PEOPLE, 2))


@leaf
def _post(w: World, see: Sight) -> None:
    for who in range(w.n_police):
        _show(w, see, who, True)


@leaf
def _show(w: World, see: Sight, who: int, seen: bool) -> None:
    """A policeman, or somebody active, appears in a cell or disappears from it."""
    first, counts = (w.first_police, w.police_seen) if who < w.n_police else (w.first_active, w.active_seen)
    spread(counts, see, w.cell[who], 1 if seen else -1)
    if seen:
        enter(first, w.following, w.cell[who], who)
    else:
        leave(first, w.following, w.cell[who], who)


@leaf
def _set_active(w: World, see: Sight, who: int, active: bool) -> None:
    if active != w.active[who]:
        w.active[who] = active
        _show(w, see, who, active)


@leaf
def _kill(w: World, see: Sight, who: int) -> None:
    if who < w.n_police:
        _show(w, see, who, False)
    else:
        _set_active(w, see, who, False)
    w.here[w.cell[who]] -= 1
    w.cell[who] = -1


@leaf
def _police_act(w: World, see: Sight, rules: Rules, who: int, number: int, seed: int, t: int) -> None:
    acts, cell = keys_of(seed, _ACTS, t), w.cell[who]
    if w.active_seen[cell] == 0:
        return
    other = one_seen(w.first_active, w.following, see, cell, below(number, acts, w.active_seen[cell]))
    if other >= w.n_armed:
        _set_active(w, see, other, False)
        w.term[other] = below(number + 1, acts, rules.term_max)
        w.here[w.cell[other]] -= w.term[other] > 0
    elif to_unit(word(number + 1, acts[0], acts[1])) < rules.p:
        _kill(w, see, other)


@leaf
def _revolutionary_acts(w: World, see: Sight, rules: Rules, who: int, number: int, seed: int, t: int) -> None:
    acts, cell = keys_of(seed, _ACTS, t), w.cell[who]
    police = w.police_seen[cell]
    _set_active(w, see, who, w.active_seen[cell] + (not w.active[who]) > rules.n * police)
    if w.active[who] and police > 0 and to_unit(word(number + 1, acts[0], acts[1])) < rules.r:
        _kill(w, see, one_seen(w.first_police, w.following, see, cell, below(number, acts, police)))


@leaf
def tick(w: World, see: Sight, rules: Rules, seed: int, t: int) -> None:
    """One tick: each moves, then decides, shoots or arrests, in an order drawn anew."""
    acts = keys_of(seed, _ACTS, t)
    shuffle(w.order, keys_of(seed, _ORDER, t))
    for who in w.order:
        if w.term[who] > 0 or w.cell[who] < 0:
            continue
        to = free_cell(w.here, see, w.cell[who], who * SLOTS, acts)
        w.here[w.cell[who]] -= 1
        w.here[to] += 1
        shown = who < w.n_police or w.active[who]
        if shown:
            _show(w, see, who, False)
        w.cell[who] = to
        if shown:
            _show(w, see, who, True)
        if who < w.n_police:
            _police_act(w, see, rules, who, who * SLOTS + TRIES + 1, seed, t)
        elif who < w.n_armed:
            _revolutionary_acts(w, see, rules, who, who * SLOTS + TRIES + 1, seed, t)
        elif w.grievance[who] > rules.threshold:
            risk = arrest_risk(w.police_seen[to], 1 + w.active_seen[to], rules.k, FLOOR)
            _set_active(w, see, who, rebels(w.grievance[who], w.risk_aversion[who], risk, rules.threshold))
    for who in range(w.n_armed, len(w.cell)):
        if w.term[who] > 0:
            w.term[who] -= 1
            w.here[w.cell[who]] += w.term[who] == 0


@leaf
def _run(w: World, see: Sight, rules: Rules, seed: int, ticks: int) -> int:
    for t in range(ticks):
        tick(w, see, rules, seed, t)
        police, revolutionaries = 0, 0
        for who in range(w.n_armed):
            if w.cell[who] >= 0:
                police += who < w.n_police
                revolutionaries += who >= w.n_police
        if police == 0 or revolutionaries == 0:
            return t + 1
    return ticks


class Ended(NamedTuple):
    """How a history ended: share of police killed, of revolutionaries killed, ticks."""

    police: float
    revolutionaries: float
    ticks: int

    @property
    def outcome(self) -> str:
        """In the paper's words."""
        return "success" if self.police == 1 else "anarchy" if self.police >= MANY else "failure"


def simulate(rev: Revolution, seed: int, ticks: int = 1000) -> Ended:
    """A history, until one side is dead or so many ticks have passed."""
    w = new_world(rev, seed)
    rules = Rules(rev.p, rev.r, rev.n, rev.k, rev.threshold, rev.term_max)
    lasted = _run(w, sight(rev.side, rev.vision), rules, seed, ticks)
    dead = w.cell < 0
    return Ended(float(dead[: w.n_police].mean()), float(dead[w.n_police : w.n_armed].mean()), int(lasted))
