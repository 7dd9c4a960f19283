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

import math
from typing import Any

from qantar.compiled import leaf
from qantar.model.contract import Floats
from qantar.model.world import Columns, World

NAME = "organization"
PLACE: Columns = {
    "organized": 0.0,  # share of those who can take part that is within reach of an organization
    "gap": 0.0,  # levels by which the organizations of a place lead or lag the crowd, weighed by their reach
    "staying": 1.0,  # factor of the half-life of staying out
}
TERMS = ("lag",)
CALL_FROM = 10.0
"""Hour of the day at which calls begin."""


@leaf
def step(w: World) -> None:
    """Reach, calls, what holds a crowd together, what is asked."""
    p, now = w.params[0], w.country[0]
    everyone = 0.0
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        everyone += _meet(here, w.able[k], w.organization, w.presence[:, k], p, now)
        here.staying = math.exp(p.organization_retention * here.organized)
        term.lag = p.lag_effect * here.gap * here.organized
    served = min(1.0, p.organization_capacity * now.scale / max(everyone, 1e-300))
    for k in range(len(w.place)):
        if CALL_FROM <= w.place[k].clock < CALL_FROM + p.call_hours:
            for s in range(len(w.sector)):
                reach = _reach(w.organization, w.presence[:, k, s], p, now)[0]
                w.b[k, s] += p.call_rate * reach * served * w.sector[s].takes_part


@leaf
def _meet(here: Any, able: Floats, bodies: Any, presence: Floats, p: Any, now: Any) -> float:
    """Who is within reach in a place, and what is asked there; gives how many they are. `presence` is by organization and sector."""
    people = within = asked = 0.0
    for s in range(len(able)):
        reach, gap = _reach(bodies, presence[:, s], p, now)
        people += able[s]
        within += reach * able[s]
        asked += gap * (reach * able[s])
    here.organized = within / max(people, 1e-300)
    here.gap = asked / max(within, 1e-300)
    return within


@leaf
def _reach(bodies: Any, presence: Floats, p: Any, now: Any) -> tuple[float, float]:
    """Share of a sector within reach of the organizations at work, and by how much these lead."""
    weight = leading = 0.0
    for o in range(len(bodies)):
        if bodies[o].start <= now.hour < bodies[o].end:
            weight += presence[o]
            leading += presence[o] * bodies[o].demand_gap
    return min(1.0, p.organization_reach * weight), leading / max(weight, 1e-300)
