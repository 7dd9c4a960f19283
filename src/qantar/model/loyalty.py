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

import math
from typing import Any

from qantar.compiled import leaf
from qantar.model.chance import DEFECT, drawn
from qantar.model.forces import acting, standing
from qantar.model.world import FOREIGN, STAND_ASIDE, Columns, World, decided

NAME = "loyalty"
PLACE: Columns = {
    "ordered": 0.0,  # share of units ordered to stand aside and obeying
    "left": 0.0,  # share of units that have left their posts by themselves
    "defectors": 0.0,  # who have changed sides
}
RATE_MAX = 10.0
"""No rate by hour is higher: a unit that leaves within six minutes has left."""


@leaf
def step(w: World) -> None:
    """Take over orders; move the shares of those who have left."""
    p, now = w.params[0], w.country[0]
    for k in range(len(w.place)):
        here = w.place[k]
        told = decided(w.decisions, STAND_ASIDE, k, -1.0)
        if told >= 0:
            here.ordered = told * p.order_obeyed
        units = acting(here, p)
        here.left *= 0.5 ** (now.dt / p.aside_hours)
        if here.out > 0 and p.aside_rate > 0:
            _leave(here, units, w.region[here.region].harm, k, p, now)


@leaf
def _leave(here: Any, units: float, harm: float, k: int, p: Any, now: Any) -> None:
    """Units leave a place with a crowd, and some of them change sides."""
    odds = math.log(max(here.out, now.scale) / max(units, now.scale))
    blood = math.log1p(harm / (10 * now.scale))
    power = p.aside_outnumbered * odds + p.aside_deaths * blood - p.intervention_loyalty * now.foreign_here
    rate = min(p.aside_rate * (here.out / (here.out + units)) * math.exp(min(max(power, -60.0), 60.0)), RATE_MAX)
    leaving = (1 - here.left) * -math.expm1(-rate * now.dt)
    loyal = max(0.0, standing(here, p) - here.force[FOREIGN] - here.defectors)
    here.defectors += min(drawn(now, DEFECT, k, loyal * leaving * p.defect_share), loyal)
    here.left += leaving * (1 - p.defect_share)
