"""Forces: police in every place, National Guard and army at bases, sent where the crowd is, and the time it takes.

    police of a place          officers x share on duty; they stay
    Guard, army of a base      men x share that is ready; the army acts and moves to places under an emergency only
    needed in a place          force_ratio x everyone out, where at least force_visible are out; less who is there or on the way
    sent each hour             of every unit not needed where it stands, the share reinforce_rate, spread over places in need
    arrives after              muster_hours + the shorter of road (1.3 x distance / travel_kmh) and air (airlift_hours)

Units act unless they stand aside (`loyalty`, `split`); those who stand aside count as there, so nobody is sent in their place. Units stay
where they were sent until they are needed elsewhere. Men of the Guard at strategic sites are tied until someone relieves them
(`intervention`). Road lengths 1.3 times the straight line are usual (Ballou, Rahardja and Sakai 2002, Transp. Res. A 36: 1.2 to 1.5
between cities). That forces follow the size of the crowd is an assumption, and it is how the state answers in every scenario: no record
of movements by hour was found.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qantar.compiled import leaf
from qantar.model.contract import Floats
from qantar.model.world import ARMY, FOREIGN, GUARD, Columns, Land, World, visible

NAME = "forces"
PLACE: Columns = {
    "wanted": 0.0,  # units
    "need": 0.0,  # of them, those neither there nor on the way
    "surplus": 0.0,  # units there that are not wanted
    "leaving": 0.0,  # units of a kind that set out
    "share": 0.0,  # of all that set out, those who go here
}
COUNTRY: Columns = {"last_arrival": -1}  # step at which the last of those on the way arrive
DETOUR = 1.3


def begin(w: World, land: Land) -> World:
    """Units stand at their bases; room for those who travel."""
    p, now = w.params[0], w.country[0]
    ready = np.maximum(0.0, land.guard.sum() * p.guard_ready - land.site_guards)  # relieved ones have come already
    w.place["force"][:, GUARD] += land.guard * (ready / max(land.guard.sum(), 1e-300))
    w.place["force"][:, ARMY] += land.army * p.army_ready
    longest = p.muster_hours + DETOUR * land.km.max() / p.travel_kmh
    return w._replace(km=land.km, on_the_way=np.zeros((int(longest / now.dt) + 3, 2, land.n_places)))


@leaf
def step(w: World) -> None:
    """Units arrive; others set out."""
    p, now = w.params[0], w.country[0]
    arriving = w.on_the_way[now.t % len(w.on_the_way)]
    least, needed = visible(p.force_visible, now.scale), 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        for unit in (GUARD, ARMY):
            here.force[unit] += arriving[unit, k]
            arriving[unit, k] = 0.0
        present = standing(here, p)
        here.wanted = p.force_ratio * here.out if here.out / now.scale >= least else 0.0
        here.surplus = max(0.0, present - here.wanted)
        here.need = max(0.0, here.wanted - present)
        needed += here.need
    if needed > 0:
        _not_coming(w.place, w.on_the_way, now)
        for unit in (GUARD, ARMY):
            if _set_out(w.place, unit, p, now):
                _send(w.place, unit, w.km, w.on_the_way, p, now)


@leaf
def _not_coming(place: Any, on_the_way: Floats, now: Any) -> None:
    """Nobody is sent for those who are on the way."""
    for t in range(now.t + 1, now.last_arrival + 1):
        arriving = on_the_way[t % len(on_the_way)]
        for k in range(len(place)):
            place[k].need -= arriving[GUARD, k] + arriving[ARMY, k]
    for k in range(len(place)):
        place[k].need = max(0.0, place[k].need)


@leaf
def _set_out(place: Any, unit: int, p: Any, now: Any) -> bool:
    """How many of a kind leave each place, and which share of them goes where; whether any do."""
    free = needed = 0.0
    for k in range(len(place)):
        here = place[k]
        if unit == ARMY and not here.emergency:
            here.surplus += here.force[ARMY]  # in its barracks
        idle = min(here.surplus, here.force[unit])  # who is not needed where they stand
        here.surplus -= idle
        here.leaving = idle * -math.expm1(-p.reinforce_rate * now.dt)
        here.share = here.need if unit == GUARD or here.emergency else 0.0
        free += here.leaving
        needed += here.share
    sent = min(free, needed)
    if sent > 0:
        for k in range(len(place)):
            here = place[k]
            here.leaving *= sent / free
            here.need = max(0.0, here.need - here.share * (sent / needed))
            here.share /= needed
    return sent > 0


@leaf
def _send(place: Any, unit: int, km: Floats, on_the_way: Floats, p: Any, now: Any) -> None:
    """Units leave their places for others and arrive when the road or the air allows."""
    for k in range(len(place)):
        if place[k].leaving > 0:
            place[k].force[unit] -= place[k].leaving
            for target in range(len(place)):
                there = place[target]
                if there.share > 0:
                    ahead = max(1, math.ceil(_hours(km[k, target], p) / now.dt))
                    now.last_arrival = max(now.last_arrival, now.t + ahead)
                    on_the_way[(now.t + ahead) % len(on_the_way), unit, target] += place[k].leaving * there.share


@leaf
def _hours(km: float, p: Any) -> float:
    """Hours from one place to another."""
    if km == 0:
        return 0.0
    return p.muster_hours + min(DETOUR * km / p.travel_kmh, p.airlift_hours)  # type: ignore[no-any-return]


@leaf
def standing(here: Any, p: Any) -> float:
    """Units in a place, whether they act or not; police by its share on duty, the army under an emergency only."""
    police = here.police * p.police_on_duty
    return police + here.force[GUARD] + here.force[ARMY] * here.emergency + here.force[FOREIGN]  # type: ignore[no-any-return]


@leaf
def acting(here: Any, p: Any) -> float:
    """Units in a place that act: those there, less who was told to stand aside and who has left."""
    own = max(0.0, standing(here, p) - here.force[FOREIGN] - here.defectors)
    of_state = own * (1 - max(here.ordered, here.let_pass)) * (1 - here.left)
    return of_state + here.force[FOREIGN]  # type: ignore[no-any-return]
