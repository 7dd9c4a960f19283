"""Violence: whether a place turns violent is an event of the place, not of each protester.

    where at least 50 people are out, peace ends at the rate
        violence_rate x (1 + harm of the region)^violence_force x exp(-organization_discipline x organized)    per hour
    there protesters begin to fight at escalation_rate per hour, until fewer than 50 are out
    fighters go home with half-life fight_hours (faster at night, as protesters do)

Harm is that of `repression`: 10 x killed + detained, half-life 24 h. A place has a patience of its own, drawn once for each time it turns:
it ends when the rates added up reach it. So some cities fight and others do not, with crowds of the same size: of 15,239 protests in 162
countries a fifth to a quarter turned violent, large ones no more often than small ones (Clark and Regan, Mass Mobilization Protest Data).
Whether force makes a crowd fight has a free sign and mass at zero (Davenport 2007, Annu. Rev. Polit. Sci. 10; della Porta 2013,
Clandestine Political Violence). The forms are assumptions.
"""

from __future__ import annotations

import math

from qantar.compiled import leaf
from qantar.model.chance import VIOLENCE, exponential
from qantar.model.world import Columns, World, visible

NAME = "violence"
PLACE: Columns = {
    "violent": False,
    "violence_work": 0.0,  # done since it last turned
    "violence_turns": 0,  # how often it has turned violent
}
LEAST = 50.0
"""People out, below whom there is nothing that could turn: protests of fewer are not in the data."""


@leaf
def step(w: World) -> None:
    """Places turn violent, and calm down; the rate at which protesters begin to fight."""
    p, now = w.params[0], w.country[0]
    least = visible(LEAST, now.scale) * now.scale
    for k in range(len(w.place)):
        here = w.place[k]
        if here.out < least:
            here.violent = False
        elif not here.violent:
            harm = math.log1p(w.region[here.region].harm / now.scale)
            power = p.violence_force * harm - p.organization_discipline * here.organized
            here.violence_work += p.violence_rate * math.exp(min(max(power, -60.0), 60.0)) * now.dt
            if here.violence_work >= exponential(now, VIOLENCE, k, here.violence_turns):
                here.violent = True
                here.violence_turns += 1
                here.violence_work = 0.0
        here.escalation += p.escalation_rate * here.violent
