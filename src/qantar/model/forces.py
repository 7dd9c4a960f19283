"""Forces: police in every place, National Guard and army at bases, sent where the crowd is, and the time it takes.

    police of a place          officers x share on duty; they stay
    Guard, army of a base      men x share that is ready; the army acts and moves to places under an emergency only
    needed in a place          force_ratio x everyone out, where at least force_visible are out; less who is there or on the way
    sent each hour             of every unit not needed where it stands, the share reinforce_rate, spread over places in need
    arrives after              muster_hours + the shorter of road (1.3 x distance / travel_kmh) and air (airlift_hours, while the
                               airport of the place's region is held)

Units act unless they stand aside (`loyalty`, `split`); those who stand aside count as there, so nobody is sent in their place. What a
loss of revenue does to them is a coefficient of `economy`. Units stay where they were sent until they are needed elsewhere. Men of
the Guard at strategic sites are tied until someone relieves them (`intervention`). Road lengths 1.3 times the straight line are
usual (Ballou, Rahardja and Sakai 2002, Transp. Res. A 36: 1.2 to 1.5 between cities). That forces follow the size of the crowd is an
assumption, and it is how the state answers in every scenario: no record of movements by hour was found.
"""

from __future__ import annotations

import math

import numpy as np

from qantar.model.contract import Counts, Floats
from qantar.model.diffusion import distances
from qantar.model.world import ARMY, FOREIGN, GUARD, UNITS, Draws, World
from qantar.scenario.parameters import Values

NAME = "forces"
DETOUR = 1.3


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Units arrive; others set out."""
    land = world.land
    if "bases" not in world.cache:
        world.cache["bases"] = True
        ready = np.maximum(0.0, land.guard.sum() * params["guard_ready"] - land.site_guards)  # relieved ones have come already
        world.force[GUARD] += land.guard * (ready / max(land.guard.sum(), 1e-300))
        world.force[ARMY] += land.army * params["army_ready"]
    if t in world.on_the_way:
        world.force += world.on_the_way.pop(t)
    n = counts.out
    if counts.crowd / land.scale < land.visible(params["force_visible"]):
        return
    wanted = np.where(n / land.scale >= land.visible(params["force_visible"]), params["force_ratio"] * n, 0.0)
    if not wanted.any():
        return
    present = standing(world, params)
    coming = sum(world.on_the_way.values(), np.zeros_like(world.force)).sum(axis=0)
    need = np.maximum(0.0, wanted - present - coming)
    if not need.any():
        return
    surplus = np.maximum(0.0, present - wanted)
    for unit in (GUARD, ARMY):
        if unit == ARMY:  # in its barracks, where there is no emergency
            surplus = surplus + np.where(world.emergency, 0.0, world.force[ARMY])
        idle = np.minimum(surplus, world.force[unit])  # who is not needed where they stand
        surplus = surplus - idle
        free = idle * -math.expm1(-params["reinforce_rate"] * world.dt)
        targets = need * (world.emergency if unit == ARMY else 1.0)
        sent = min(free.sum(), targets.sum())
        if sent > 0:
            _send(world, params, unit, free * (sent / free.sum()), targets / targets.sum(), t)
            need = np.maximum(0.0, need - targets * (sent / targets.sum()))


def _send(world: World, params: Values, unit: int, leaving: Floats, share: Floats, t: int) -> None:
    """Units leave their places for others, in proportion to `share`, and arrive when the road or the air allows."""
    world.force[unit] -= leaving
    sources, targets = np.flatnonzero(leaving), np.flatnonzero(share)
    km = _distances(world)[np.ix_(sources, targets)]
    road = DETOUR * km / params["travel_kmh"]
    air = np.where(world.airport_lost[world.land.region[targets]], np.inf, params["airlift_hours"])
    hours = np.where(km > 0, params["muster_hours"] + np.minimum(road, air), 0.0)
    steps = t + np.maximum(1, np.ceil(hours / world.dt)).astype(int)
    amount = leaving[sources, None] * share[targets]
    first = int(steps.min())
    arriving = np.zeros((int(steps.max()) - first + 1, world.land.n_places))
    np.add.at(arriving, (steps - first, targets[None, :]), amount)
    for s in np.flatnonzero(arriving.any(axis=1)):
        world.on_the_way.setdefault(first + int(s), np.zeros((len(UNITS), world.land.n_places)))[unit] += arriving[s]


def _distances(world: World) -> Floats:
    if "km" not in world.cache:
        world.cache["km"] = distances(world.land)
    return np.asarray(world.cache["km"])


def standing(world: World, params: Values) -> Floats:
    """Units in each place, whether they act or not; police by its share on duty, the army under an emergency only."""
    police = world.land.police * params["police_on_duty"]
    total: Floats = police + world.force[GUARD] + world.force[ARMY] * world.emergency + world.force[FOREIGN]
    return total


def acting(world: World, params: Values) -> Floats:
    """Units in each place that act: those there, less who was told to stand aside, who has left, and what lost revenue costs."""
    own = standing(world, params) - world.force[FOREIGN]
    readiness = math.exp(-params["strike_capacity"] * world.lost_revenue)
    of_state: Floats = (
        np.maximum(0.0, own - world.defectors) * (1 - np.maximum(world.ordered, world.let_pass)) * (1 - world.left) * readiness
    )
    return of_state + world.force[FOREIGN]  # type: ignore[no-any-return]
