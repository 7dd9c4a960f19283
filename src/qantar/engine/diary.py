"""What a history keeps of each step, written down by compiled code as the step ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qantar.compiled import leaf
from qantar.model.contract import Floats, Ints
from qantar.model.forces import standing
from qantar.model.rules import FIGHTING, KILLING, N_STATES, NONE, PROTESTING, TAKING
from qantar.model.world import Bools, World


class Diary(NamedTuple):
    """One row a step; fields as in a `History`."""

    protesting: Floats
    fighting: Floats
    joined: Floats
    killed: Floats
    detained: Floats
    security_killed: Floats
    states: Floats
    seat_lost: Bools
    offline: Floats
    changed_sides: Floats
    aside: Floats


def diary(steps: int, places: int, regions: int) -> Diary:
    """An empty one."""
    return Diary(
        protesting=np.zeros((steps, places)),
        fighting=np.zeros((steps, places)),
        joined=np.zeros((steps, places)),
        killed=np.zeros((steps, places)),
        detained=np.zeros((steps, places)),
        security_killed=np.zeros((steps, regions)),
        states=np.zeros((steps, N_STATES)),
        seat_lost=np.zeros((steps, regions), np.bool_),
        offline=np.zeros((steps, regions)),
        changed_sides=np.zeros(steps),
        aside=np.zeros(steps),
    )


@leaf
def note(d: Diary, t: int, w: World, n: Ints, joined: Ints, moved: Ints) -> tuple[float, bool]:
    """What there is at the end of a step; everyone out, and whether an emergency or an order to shoot is in force."""
    crowd, force = 0.0, False
    for k in range(len(w.place)):
        here = w.place[k]
        d.fighting[t, k] = n[FIGHTING, k].sum()
        d.protesting[t, k] = n[PROTESTING, k].sum() + d.fighting[t, k]
        d.joined[t, k] = joined[k].sum()
        for quota in KILLING:
            d.killed[t, k] += moved[quota, k]
        for quota in TAKING:
            d.detained[t, k] += moved[quota, k]
        crowd += d.protesting[t, k]
        force = force or here.emergency or here.shoot_order
    for state in range(N_STATES):
        d.states[t, state] = n[state].sum()
    _note_state(d, t, w)
    return crowd, force


@leaf
def _note_state(d: Diary, t: int, w: World) -> None:
    """What has become of seats, the internet and units of the state."""
    p = w.params[0]
    changed = aside = every = 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        if here.connectivity == NONE:
            d.offline[t, here.region] += here.residents
        units = standing(here, p)
        every += units
        changed += here.defectors
        aside += here.left * units
    d.changed_sides[t], d.aside[t] = changed / max(every, 1e-300), aside / max(every, 1e-300)
    for r in range(len(w.region)):
        region = w.region[r]
        d.offline[t, r] /= max(1.0, region.people)
        d.security_killed[t, r], d.seat_lost[t, r] = region.security_dead, region.seat_lost
