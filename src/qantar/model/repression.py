"""Repression: arrests on the square limited by who is there to make them, lives lost on both sides, deterrence and backlash.

    everyone out n, of whom f fight; q units that act (`forces`, `loyalty`)
    meeting of units and crowd           c = n q / (n + q), people of either side who face each other; c f / n of them face fighters
    arrests on the square                Poisson, mean arrest_rate x c per hour, x arrest_emergency under an emergency
    arrests at home                      Poisson, mean search_rate x h u / (h + u) per hour, h gone home, u police off the square and units
                                         that face nobody there; before an emergency x search_before
    killed protesters                    Poisson, mean lethality x c per hour under an emergency, x lethality_order under
                                         an order to shoot; outside an emergency x lethality_before; x lethality_fight for fighters
    killed security                      Poisson, mean lethality_security x (c without fighters + lethality_fight x c with fighters x
                                         (1 + arms_effect x share of fighters who are armed)); outside an emergency x lethality_before
    both kinds of killing                x exp(seat_lethality) where a seat of government is fought over or lost (`control`)
    log pressure of a place  -= deterrence x (risk(n) - risk(0)), risk(n) = 1 - exp(-2.3 q / (n + 1))
    log pressure of a place  += backlash x log(1 + harm of the region), harm = 10 x killed + detained, half-life 24 h
    log pressure of a place  += curfew_effect under an emergency

1 - exp(-k q / n) with k = 2.3 is Epstein's (2002) risk of arrest. c is at most q, so what a given force can do to a crowd is bounded
however large the crowd, and the other way round. Deterrence and backlash have free signs: both are found
(Davenport 2007, Annu. Rev. Polit. Sci. 10; Aytac, Schiumerini and Stokes 2018, J. Confl. Resolut. 62, for backlash).
"""

from __future__ import annotations

import math
from typing import Any

from qantar.compiled import leaf
from qantar.model.chance import ARRESTED, FIGHTERS_KILLED, FIGHTERS_TAKEN, KILLED, SEARCHED, SECURITY, drawn
from qantar.model.contract import Floats
from qantar.model.forces import acting
from qantar.model.world import Columns, World

NAME = "repression"
REGION: Columns = {
    "harm": 0.0,  # killed and detained lately, weighted, in people of the model's scale
    "security_dead": 0.0,  # since the start
}
TERMS = ("deterrence", "backlash", "curfew")
EPSTEIN_K = 2.3
HARM_HOURS = 24.0


@leaf
def step(w: World) -> None:
    """Quotas and terms."""
    p, now = w.params[0], w.country[0]
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        units = acting(here, p)
        w.region[here.region].security_dead += _meet(here, units, k, p, now, w.quota[:, k])
        term.deterrence = -p.deterrence * (_risk(units, here.out, now.scale) - _risk(units, 0.0, now.scale))
        term.curfew = p.curfew_effect * here.emergency
    for r in range(len(w.region)):
        region = w.region[r]
        region.harm = region.harm * 0.5 ** (now.dt / HARM_HOURS) + (10 * region.killed + region.detained)
    for k in range(len(w.place)):
        w.term[k].backlash = math.log1p(w.region[w.place[k].region].harm / now.scale) * p.backlash


@leaf
def _risk(units: float, n: float, scale: float) -> float:
    """Epstein's risk of arrest for who joins a crowd of n."""
    return 1 - math.exp(-EPSTEIN_K * units / (n + scale))


@leaf
def _meet(here: Any, q: float, k: int, p: Any, now: Any, quota: Floats) -> float:
    """Units and crowd in a place: how many are killed and taken, by quota; gives how many of security are killed."""
    n, f, home = here.out, here.fighting, here.withdrawn
    facing = n * q / max(n + q, 1e-300)
    of_fighters = facing * f / n if n > 0 else 0.0
    peaceful = facing - of_fighters
    held = (1.0 if here.emergency else p.lethality_before) * (math.exp(p.seat_lethality) if here.contested else 1.0)
    lethal = p.lethality * held * (p.lethality_order if here.shoot_order else 1.0)
    arrest = p.arrest_rate * (p.arrest_emergency if here.emergency else 1.0)
    idle = here.police * (1 - p.police_on_duty) + q - facing
    searched = p.search_rate * (1.0 if here.emergency else p.search_before) * home * idle / max(home + idle, 1e-300)
    armed = min(f, here.captured) / f if f > 0 else 0.0
    quota[0] = min(drawn(now, KILLED, k, lethal * peaceful * now.dt), n - f)
    quota[1] = min(drawn(now, ARRESTED, k, arrest * peaceful * now.dt), n - f)
    quota[2] = min(drawn(now, SEARCHED, k, searched * now.dt), home)
    quota[3] = min(drawn(now, FIGHTERS_KILLED, k, lethal * p.lethality_fight * of_fighters * now.dt), f)
    quota[4] = min(drawn(now, FIGHTERS_TAKEN, k, arrest * of_fighters * now.dt), f)
    risk_of_units = peaceful + p.lethality_fight * of_fighters * (1 + p.arms_effect * armed)
    return drawn(now, SECURITY, k, p.lethality_security * held * risk_of_units * now.dt)
