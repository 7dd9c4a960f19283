"""Organization: committees, unions and parties, whom they reach, when they call, and what they ask for.

    reach R of place and sector    sum over organizations at work of presence x organization_reach
    calls, for call_hours a day from 10:00, whatever anybody's grievance; who is within reach is not kept, so all of a sector share it:
        b[place, sector]        += call_rate x R x min(1, organization_capacity / everyone within reach)
    half-life of protesting      x exp(organization_retention x organized), organized = share within reach of those who can take part
    rate of turning to fighting  x exp(-organization_discipline x organized)      (`arms`)
    asked of the state            = demand + min(1, organization_demand x organized) x gap        (`demands`)
    log pressure                 += lag_effect x gap x organized

Whether those who are not organized go home sooner, whether organization keeps a crowd peaceful, and whether a demand that lags behind
the crowd's lowers anything are coefficients with a free sign. In the record of Kazakhstan, January 2022, no leading organization was
found: presence is 0 there, and only arms change it. Resource mobilization: McCarthy and Zald (1977, Am. J. Sociol. 82); that
organization sustains and disciplines: Pinckney (2016, Making or Breaking Nonviolent Discipline); the forms are assumptions.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "organization"
CALL_FROM = 10.0
"""Hour of the day at which calls begin."""


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Reach, calls, what holds a crowd together, what is asked."""
    land, now = world.land, world.hour(t)
    if not land.organizations:
        return
    at_work = [o for o in land.organizations if o.start <= now < o.end]
    world.staying[:] = 1.0
    world.organized[:] = 0.0
    world.gap[:] = 0.0
    world.terms.pop("lag", None)
    if not at_work:
        return
    reach = np.minimum(1.0, params["organization_reach"] * sum(o.presence for o in at_work))
    people = land.sector_residents * land.takes_part
    within = reach * people
    everyone = np.maximum(people.sum(axis=1), 1e-300)
    world.organized = within.sum(axis=1) / everyone
    weight = sum(o.presence for o in at_work)
    gap = sum(o.presence * o.demand_gap for o in at_work) / np.maximum(weight, 1e-300)
    world.gap = (gap * within).sum(axis=1) / np.maximum(within.sum(axis=1), 1e-300)
    calling = (world.local_hour(t) >= CALL_FROM) & (world.local_hour(t) < CALL_FROM + params["call_hours"])
    served = min(1.0, params["organization_capacity"] * land.scale / max(within.sum(), 1e-300))
    world.b += params["call_rate"] * reach * served * calling[:, None] * land.takes_part
    world.staying = np.exp(params["organization_retention"] * world.organized)
    world.terms["lag"] = params["lag_effect"] * world.gap * world.organized
