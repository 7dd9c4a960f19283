"""Civil violence, Model I: decentralized rebellion against a central authority (Epstein 2002, PNAS 99, suppl. 3: 7243-7250).

    grievance           G = H (1 - L)          H hardship, uniform on (0, 1); L legitimacy, the same for all
    risk of arrest      P = 1 - exp(-k (C / A))  C cops, A actives in sight, whoever asks counted among the actives
    net risk            N = R P                R risk aversion, uniform on (0, 1); the paper's jail term has no weight in Model I
    rule A              be active if G - N > T, else quiet
    rule C              a cop arrests one active in sight, each alike, for a term uniform on 0 to J_max
    rule M              move to a free cell in sight, each alike

People act one after the other in an order drawn for each tick: move, then decide or arrest.

What the paper leaves open, and what is taken: (1) C / A as it stands, its whole part (NetLogo's Rebellion) or rounded (Mesa's example): all
three. Everything else is Rebellion's: (2) sight is a disc, the lattice has no edges; (3) first move, then decide; (4) a cop moves to the
cell of the arrested; (5) who is in jail stays in the cell and does not stand in the way; (6) the term is a whole number below J_max, and
the tick of the arrest counts; (7) whoever is active already counts itself twice (`twice`): Rebellion adds one to the actives in sight,
among whom it stands.
Source of the rules: Epstein (2002); Wilensky (2004), NetLogo Rebellion; Mesa 3, examples, epstein_civil_violence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

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
from qantar.compiled import leaf, prefetch
from qantar.study_keys import StudyKey, keys_of

Floats: TypeAlias = NDArray[np.float64]
NONE, FLOOR, ROUND = 0, 1, 2
ROUNDINGS = {"floor": FLOOR, "round": ROUND, "none": NONE}
"""What is done to cops per active."""
OUTBURST = 50
"""Actives above which an outburst is counted (Epstein 2002, p. 7246)."""
AHEAD = 12
"""People whose numbers are fetched while others act."""
_PEOPLE, _ORDER, _ACTS = int(StudyKey.CLASSIC_PEOPLE), int(StudyKey.CLASSIC_ORDER), int(StudyKey.CLASSIC_ACTS)


class Rules(NamedTuple):
    """Numbers by which people act."""

    k: float
    threshold: float
    term_max: int
    rounding: int
    twice: bool


@dataclass(frozen=True)
class Civil:
    """Parameters, as circulating versions have them; shares of cells, ticks."""

    side: int = 40
    vision: int = 7
    citizens: float = 0.70
    cops: float = 0.04
    legitimacy: float = 0.82
    term_max: int = 30
    k: float = 2.3
    threshold: float = 0.1
    rounding: int = FLOOR
    twice: bool = True

    def rules(self) -> Rules:
        """What people need to act."""
        return Rules(self.k, self.threshold, self.term_max, self.rounding, self.twice)


class World(NamedTuple):
    """Everybody: cops first, then citizens; `first` and `following` list the actives of each cell."""

    n_cops: int
    cell: Ints
    grievance: Floats
    risk_aversion: Floats
    active: NDArray[np.bool_]
    term: Ints
    """ticks in jail that are left"""
    order: Ints
    here: Counts
    """cops and citizens at liberty in each cell"""
    cops_seen: Counts
    active_seen: Counts
    first: Ints
    following: Ints


@leaf
def arrest_risk(cops: int, active: int, k: float, rounding: int) -> float:
    """P = 1 - exp(-k C / A), with C / A as it stands, its whole part, or rounded (half to even).

    >>> [round(arrest_risk(1, 2, 2.3, r), 2) for r in (NONE, FLOOR, ROUND)], round(arrest_risk(1, 1, 2.3, NONE), 2)
    ([0.68, 0.0, 0.0], 0.9)
    """
    ratio = cops / active
    if rounding == FLOOR:
        ratio = math.floor(ratio)
    elif rounding == ROUND:
        ratio = np.rint(ratio)
    return 1 - math.exp(-k * ratio)


@leaf
def rebels(grievance: float, risk_aversion: float, risk: float, threshold: float) -> bool:
    """Rule A: G - R P > T.

    >>> rebels(0.15, 0.5, 0.0, 0.1), rebels(0.15, 0.5, 0.9, 0.1)
    (True, False)
    """
    return grievance - risk_aversion * risk > threshold


def new_world(civil: Civil, seed: int) -> World:
    """Everybody quiet, one to a cell."""
    cells = civil.side**2
    n_cops, people = round(civil.cops * cells), round(civil.cops * cells) + round(civil.citizens * cells)
    places, hardship, risk_aversion = np.arange(cells, dtype=np.int32), np.empty(people), np.empty(people)
    _draw(seed, places, hardship, risk_aversion)
    cell = places[:people].copy()
    here, cops_seen, active_seen = (np.zeros(cells, np.int16) for _ in range(3))
    here[cell] = 1
    see = sight(civil.side, civil.vision)
    for c in cell[:n_cops]:
        spread(cops_seen, see, c, 1)
    grievance = hardship * (1 - civil.legitimacy)
    return World(
        n_cops, cell, grievance, risk_aversion, np.zeros(people, np.bool_), np.zeros(people, np.int32), np.arange(people, dtype=np.int32),
        here, cops_seen, active_seen, np.full(cells, -1, np.int32), np.full(people, -1, np.int32),
    )  # fmt: skip


@leaf
def _draw(seed: int, places: Ints, hardship: Floats, risk_aversion: Floats) -> None:
    shuffle(places, keys_of(seed, _PEOPLE, 0))
    uniforms(hardship, keys_of(seed, _PEOPLE, 1))
    uniforms(risk_aversion, keys_of(seed, _PEOPLE, 2))


@leaf
def _set_active(w: World, see: Sight, who: int, active: bool) -> None:
    w.active[who] = active
    spread(w.active_seen, see, w.cell[who], 1 if active else -1)
    if active:
        enter(w.first, w.following, w.cell[who], who)
    else:
        leave(w.first, w.following, w.cell[who], who)


@leaf
def _move(w: World, see: Sight, who: int, to: int) -> None:
    """Rule M, of those whom others look for: what is seen of them moves along."""
    if who < w.n_cops:
        spread(w.cops_seen, see, w.cell[who], -1)
        spread(w.cops_seen, see, to, 1)
        w.cell[who] = to
    else:
        _set_active(w, see, who, False)
        w.cell[who] = to
        _set_active(w, see, who, True)


@leaf
def tick(w: World, see: Sight, rules: Rules, seed: int, t: int) -> int:
    """One tick; gives the number of actives at its end."""
    acts = keys_of(seed, _ACTS, t)
    shuffle(w.order, keys_of(seed, _ORDER, t))
    for position in range(len(w.order)):
        if position + 2 * AHEAD < len(w.order):  # whoever is next lies anywhere: on a large lattice waiting for memory is most of the work
            later, near = w.order[position + 2 * AHEAD], w.cell[w.order[position + AHEAD]]
            prefetch(w.cell, later)
            prefetch(w.term, later)
            prefetch(w.grievance, later)
            prefetch(w.here, near)
            prefetch(w.cops_seen, near)
        who = w.order[position]
        if w.term[who] > 0:
            continue
        cell = free_cell(w.here, see, w.cell[who], who * SLOTS, acts)
        w.here[w.cell[who]] -= 1
        w.here[cell] += 1
        if who < w.n_cops or w.active[who]:
            _move(w, see, who, cell)
        else:
            w.cell[who] = cell
        if who < w.n_cops:
            seen = w.active_seen[cell]
            if seen > 0:
                suspect = one_seen(w.first, w.following, see, cell, below(who * SLOTS + TRIES + 1, acts, seen))
                _set_active(w, see, suspect, False)
                w.term[suspect] = below(who * SLOTS + TRIES + 2, acts, rules.term_max)
                w.here[w.cell[suspect]] += 1 - (w.term[suspect] > 0)
                w.here[cell] -= 1
                _move(w, see, who, w.cell[suspect])
        elif w.grievance[who] > rules.threshold:  # else G - N > T cannot hold
            others = w.active_seen[cell] - (w.active[who] and not rules.twice)
            risk = arrest_risk(w.cops_seen[cell], 1 + others, rules.k, rules.rounding)
            active = rebels(w.grievance[who], w.risk_aversion[who], risk, rules.threshold)
            if active != w.active[who]:
                _set_active(w, see, who, active)
    actives = 0
    for who in range(w.n_cops, len(w.cell)):
        actives += w.active[who]
        if w.term[who] > 0:
            w.term[who] -= 1
            w.here[w.cell[who]] += w.term[who] == 0
    return actives


@leaf
def run(w: World, see: Sight, rules: Rules, seed: int, actives: NDArray[np.int64]) -> None:
    """Ticks, until there are as many as `actives` has room for."""
    for t in range(len(actives)):
        actives[t] = tick(w, see, rules, seed, t)


def simulate(civil: Civil, seed: int, ticks: int) -> NDArray[np.int64]:
    """Actives at the end of each tick, shape (ticks,).

    >>> simulate(Civil(side=10), 1, 5).shape
    (5,)
    """
    actives = np.zeros(ticks, np.int64)
    run(new_world(civil, seed), sight(civil.side, civil.vision), civil.rules(), seed, actives)
    return actives


def waits(actives: NDArray[np.int64], above: int = OUTBURST) -> NDArray[np.int64]:
    """Ticks between outbursts: from the first tick after one to the first tick of the next.

    >>> waits(np.array([0, 60, 60, 3, 2, 1, 51, 0])).tolist()
    [3]
    """
    out = actives > above
    starts = np.flatnonzero(out[1:] & ~out[:-1]) + 1
    ends = np.flatnonzero(~out[1:] & out[:-1]) + 1
    ends = ends[: np.searchsorted(ends, starts[-1])] if len(starts) else ends[:0]
    return starts[len(starts) - len(ends) :] - ends
