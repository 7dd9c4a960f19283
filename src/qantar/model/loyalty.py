"""Loyalty: units that stand aside, by order or by themselves, and men who change sides.

    ordered  = share told to stand aside x order_obeyed, from the decision on
    left     rises at aside_rate x (crowd's share of those who face each other)
                       x (crowd / acting units)^aside_outnumbered x (1 + harm of the region / 10)^aside_deaths
                       x exp(-intervention_loyalty while foreign troops are in the country)
             less those who change sides, and falls back with half-life aside_hours
             harm as in `repression`: ten for each dead, one for each detained
    changed sides: the share defect_share of those who leave; they count with the crowd, armed (`arms`, `control`)

An order from above is an input of its own, apart from what units do by themselves: in the record men left buildings on a written
order, and police said that they would not use force. How outnumbering and blood act has free signs; that a unit may leave at all
has half of its prior on zero. On loyalty shifts: Chenoweth and Stephan (2011, Why Civil Resistance Works), Nepstad (2013, Int. Sociol.
28), Bellin (2012, Comp. Polit. 44); no study gives a rate by hour: the forms are assumptions.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.forces import acting, standing
from qantar.model.world import DEFECT, FOREIGN, Draws, World
from qantar.scenario.parameters import Values

NAME = "loyalty"
RATE_MAX = 10.0
"""No rate by hour is higher: a unit that leaves within six minutes has left."""


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over orders; move the shares of those who have left."""
    land, dt = world.land, world.dt
    for s in world.decisions("stand_aside"):
        world.ordered[list(s.places)] = s.size * params["order_obeyed"]
    q = acting(world, params) if counts.crowd and params["aside_rate"] else None
    if world.left.any():
        world.left *= 0.5 ** (dt / params["aside_hours"])
    if q is None:
        return
    n = counts.out
    facing = np.divide(n, n + q, out=np.zeros_like(n), where=n > 0)
    odds = np.log(np.maximum(n, land.scale) / np.maximum(q, land.scale))
    blood = np.log1p(world.harm / (10 * land.scale))[land.region]
    foreign = float(world.cache.get("foreign", False))
    power = params["aside_outnumbered"] * odds + params["aside_deaths"] * blood - params["intervention_loyalty"] * foreign
    rate = np.minimum(params["aside_rate"] * facing * np.exp(np.clip(power, -60, 60)), RATE_MAX)
    leaving = (1 - world.left) * -np.expm1(-rate * dt)
    loyal = np.maximum(0.0, standing(world, params) - world.force[FOREIGN] - world.defectors)
    turning = draws.poisson((DEFECT,), (loyal * leaving * params["defect_share"])[None], t)[0]
    world.defectors = world.defectors + np.minimum(turning, loyal)
    world.left = world.left + leaving * (1 - params["defect_share"])
