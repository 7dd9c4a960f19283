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

import math
from typing import Any

import numpy as np

from qantar.compiled import leaf
from qantar.model.world import CONCESSION, Bools, Columns, World, visible

NAME = "demands"
REGION: Columns = {
    "demand": 0.0,  # what the crowd asks for; 0 nothing, 1 prices, 2 the government, 3 the system
    "asked": 0.0,  # what is put to the state, after organizations have had their say
    "granted": 0.0,  # the highest demand granted so far
    "granted_at": -np.inf,  # hour of the last concession
    "protest_days": 0.0,  # days with protest so far
    "shift": 0.0,  # by which organizations move what is asked, summed over residents
}
TERMS = ("concession",)
LAST = 3.0
PRESENT = 10.0
"""Protesters, in people of the country, from whom on a region counts as in protest for its demands."""


@leaf
def step(w: World) -> None:
    """Take over concessions, let demands rise, give the term."""
    p, now = w.params[0], w.country[0]
    for d in range(len(w.decisions.kind)):
        if w.decisions.kind[d] == CONCESSION:
            _grant(w.place, w.region, w.decisions.size[d], w.decisions.where[d], now.hour)
    for r in range(len(w.region)):
        w.region[r].shift = 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        w.region[here.region].shift += min(1.0, p.organization_demand * here.organized) * here.residents * here.gap
    for r in range(len(w.region)):
        _rise(w.region[r], p, now)
    for k in range(len(w.place)):
        w.term[k].concession = _effect(w.region[w.place[k].region], p, now)


@leaf
def _grant(place: Any, region: Any, size: float, where: Bools, hour: float) -> None:
    """A concession is known in the regions of its places."""
    for k in range(len(place)):
        if where[k]:
            here = region[place[k].region]
            here.granted, here.granted_at = max(here.granted, size), hour


@leaf
def _rise(here: Any, p: Any, now: Any) -> None:
    """What is asked in a region, from the days of protest and the dead so far."""
    here.protest_days += (here.out / now.scale >= visible(PRESENT, now.scale)) * now.dt / 24.0
    rise = p.demand_drift * here.protest_days + p.demand_repression * math.log10(1 + here.dead / now.scale)
    here.demand = min(1.0 + rise, LAST) if here.protest_days > 0 else 0.0
    shifted = here.demand + here.shift / max(1.0, here.people)
    here.asked = min(max(shifted, 0.0), LAST) if here.demand > 0 else 0.0


@leaf
def _effect(here: Any, p: Any, now: Any) -> float:
    """What the last concession still does."""
    if not here.granted > 0:
        return 0.0
    effect = p.concession_met if here.granted >= math.floor(here.asked + 0.5) else p.concession_short
    return effect * 0.5 ** ((now.hour - here.granted_at) / p.concession_hours)  # type: ignore[no-any-return]
