"""Demands: what the crowd of a region asks for, and what a concession at, above or below it does.

    demand D of a region rises from 1 (prices) with each day of protest there by demand_drift,
             and with blood by demand_repression x log10(1 + killed there); it ends at 3 (the system)
    asked A = D + min(1, organization_demand x organized) x gap where organizations reach (`organization`), within 0 to 3
    log pressure of its places  += (concession_met if granted >= rung of A else concession_short) x 0.5^(hours since / concession_hours)

The rung of A is the nearest whole level: demands are an order, not a scale. Both effects have free signs: a concession may
satisfy, or show weakness and teach that protest pays (Rasler 1996, Am. Sociol. Rev. 61, for Iran; Klein and Regan 2018, Int.
Organ. 72, on concession and disruption costs). The ladder is an assumption.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "demands"
LAST = 3.0
PRESENT = 10
"""Protesters, in people of the country, from whom on a region counts as in protest for its demands."""


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over concessions, let demands rise, give the term."""
    land = world.land
    moving = counts.crowd / land.scale >= land.visible(PRESENT) or counts.harmed or len(land.organizations) > 0
    if "concession" in world.terms and not moving and not world.granted.any() and not world.decisions("concession"):
        return
    decided = world.decisions("concession")
    for s in decided:
        regions = np.unique(land.region[list(s.places)])
        world.granted[regions] = np.maximum(world.granted[regions], s.size)
        world.granted_at[regions] = world.hour(t)
    if moving or decided or "concession" not in world.terms:
        _rise(world, counts, params)
    effect = np.where(world.granted >= np.floor(world.asked + 0.5), params["concession_met"], params["concession_short"])
    fade = 0.5 ** ((world.hour(t) - world.granted_at) / params["concession_hours"])
    world.terms["concession"] = (effect * np.where(world.granted > 0, fade, 0.0))[land.region]


def _rise(world: World, counts: Counts, params: Values) -> None:
    """What is asked, from the days of protest and the dead so far."""
    land = world.land
    present = land.by_region(counts.out) / land.scale >= land.visible(PRESENT)
    days = world.protest_days = world.protest_days + present * world.dt / 24.0
    killed = land.by_region(counts.dead) / land.scale
    rise = params["demand_drift"] * days + params["demand_repression"] * np.log10(1 + killed)
    world.demand = np.where(days > 0, np.minimum(1.0 + rise, LAST), 0.0)
    world.asked = world.demand
    if land.organizations:
        weight = np.minimum(1.0, params["organization_demand"] * world.organized) * land.residents
        shift = land.by_region(weight * world.gap) / np.maximum(1, land.by_region(land.residents.astype(float)))
        world.asked = np.where(world.demand > 0, np.clip(world.demand + shift, 0.0, LAST), 0.0)
