"""One hour of the model: mechanisms in order, then the rates for the engine.

    pressure of a class = base_pressure x time of day x day off x exp(terms of the place) x exp(terms of the class) + calls and seeds

Those out leave with a half-life, faster at night; rest; and come back to quiet with a new resistance. Protesters may begin to fight;
fighters leave with a half-life of their own. Detained are let go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from qantar.compiled import leaf
from qantar.model import (
    control,
    demands,
    diffusion,
    economy,
    forces,
    grievance,
    information,
    intervention,
    loyalty,
    organization,
    repression,
    seeding,
    shock,
    split,
    weapons,
)
from qantar.model.contract import Counts, Floats, Rates
from qantar.model.rules import DETAINED, FIGHTING, N_STATES, PROTESTING, QUIET, WITHDRAWN, Law
from qantar.model.world import Bools, Draws, World
from qantar.scenario.parameters import Values

MECHANISMS: dict[str, ModuleType] = {
    m.NAME: m
    for m in (
        information,
        economy,
        grievance,
        organization,
        demands,
        split,
        loyalty,
        intervention,
        forces,
        weapons,
        seeding,
        control,
        repression,
        diffusion,
        shock,
    )
}
"""In the order in which they act within a step. One that is off is not called at all."""

NIGHT = (23.0, 7.0)
LOG_PRESSURE_MAX = 60.0
"""Terms are cut here, far beyond any effect, so that no coefficient overflows."""


def law_of(params: Values, seed: int, mechanisms: Sequence[str]) -> Law:
    """What the engine must know for a whole history."""
    table = diffusion.factors(params, ties="diffusion" in mechanisms, harm="repression" in mechanisms)
    return Law(seed, params["frailty"], table, params["fixed_line"])


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int, mechanisms: Sequence[str]) -> Rates:
    """All mechanisms that are on, then the rates of this step."""
    for kind, flag in (("emergency", world.emergency), ("shoot_order", world.shoot_order)):
        for s in world.decisions(kind):
            flag[list(s.places)] = s.size > 0
    world.b[:] = 0.0
    world.escalation[:] = 0.0
    for name, mechanism in MECHANISMS.items():
        if name in mechanisms:
            mechanism.step(world, counts, params, draws, t)
    world.counts = counts
    return assemble(world, params, t)


def assemble(world: World, params: Values, t: int) -> Rates:
    """Rates from the terms the mechanisms left."""
    land = world.land
    night = is_night(world.local_hour(t))
    today = int((land.first_hour + world.hour(t)) // 24)
    day_off = today < len(land.days_off) and land.days_off[today]
    log_a = sum(world.terms.values(), np.zeros(land.n_places)) + (params["day_off_effect"] if day_off else 0.0)
    profile = np.where(night, params["night_activity"], 1.0)
    a = params["base_pressure"] * profile * np.exp(np.minimum(np.maximum(log_a, -LOG_PRESSURE_MAX), LOG_PRESSURE_MAX))
    return Rates(
        world.dt,
        a,
        _class_factor(world),
        world.b.copy(),
        world.connectivity.copy(),
        _leave(world, params, night),
        world.quota,
    )


def is_night(hour: Floats) -> Bools:
    """Whether an hour of the day, 0 to 24, lies in the night."""
    return (hour >= NIGHT[0]) | (hour < NIGHT[1])


def _class_factor(world: World) -> Floats:
    """G by class, computed again only when a term of a class was replaced."""
    terms = tuple(world.class_terms.values())
    before = world.cache.get("class terms", ())
    if "g" not in world.cache or len(before) != len(terms) or any(x is not y for x, y in zip(before, terms, strict=True)):
        land = world.land
        log_g = sum(terms, np.zeros((land.n_places, len(land.takes_part), len(land.hardship))))
        g = np.exp(np.clip(log_g, -LOG_PRESSURE_MAX, LOG_PRESSURE_MAX)) * land.takes_part[None, :, None]
        world.cache["g"], world.cache["class terms"] = g.ravel(), terms
    return np.asarray(world.cache["g"])


def _leave(world: World, params: Values, night: Bools) -> Floats:
    """Probabilities of leaving a state in this step, computed again only when something they depend on changed."""
    now = (night, world.staying, world.escalation)
    before = world.cache.get("leave of")
    if before is not None and all(np.array_equal(x, y) for x, y in zip(before, now, strict=True)):
        return np.asarray(world.cache["leave"])
    world.cache["leave of"] = tuple(x.copy() for x in now)
    p = np.zeros((N_STATES, world.land.n_places, N_STATES))
    hours = StayTimes(*(params[name] for name in StayTimes._fields))
    _leaving(*now, hours, world.dt, p)
    world.cache["leave"] = p
    return p


class StayTimes(NamedTuple):
    """How long people stay in a state: half-lives in hours, and how much sooner they leave at night."""

    protest_hours: float
    fight_hours: float
    rest_hours: float
    detention_hours: float
    night_leaving: float


@leaf
def _leaving(night: Bools, staying: Floats, escalation: Floats, hours: StayTimes, dt: float, p: Floats) -> None:
    """Place by place: two rates compete for one protester."""
    for k in range(len(night)):
        sooner = hours.night_leaving if night[k] else 1.0
        leaving = math.log(2) * sooner / (hours.protest_hours * staying[k])
        either = -math.expm1(-(leaving + escalation[k]) * dt)
        p[PROTESTING, k, FIGHTING] = either * escalation[k] / (leaving + escalation[k])
        p[PROTESTING, k, WITHDRAWN] = either - p[PROTESTING, k, FIGHTING]
        p[FIGHTING, k, WITHDRAWN] = -math.expm1(-math.log(2) * sooner * dt / hours.fight_hours)
        p[WITHDRAWN, k, QUIET] = 1 - 0.5 ** (dt / hours.rest_hours)
        p[DETAINED, k, QUIET] = 1 - 0.5 ** (dt / hours.detention_hours)
