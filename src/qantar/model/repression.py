"""Repression: police by place, arrests limited by their number, lives lost on both sides, deterrence and backlash.

    meeting of police q and crowd n      c = n q / (n + q), people of either side who face each other
    arrests on the square                Poisson, mean arrest_rate x c per hour, x arrest_emergency under an emergency
    arrests at home                      Poisson, mean search_rate x those gone home per hour; before an emergency x search_before
    killed protesters                    Poisson, mean lethality x c per hour under an emergency, x lethality_order under
                                         an order to shoot; outside an emergency x lethality_before
    killed security                      Poisson, mean lethality_security x c per hour, outside an emergency x lethality_before
    log pressure of a place  -= deterrence x (risk(n) - risk(0)), risk(n) = 1 - exp(-2.3 q / (n + 1))
    log pressure of a place  += backlash x log(1 + harm of the region), harm = 10 x killed + detained, half-life 24 h
    log pressure of a place  += curfew_effect under an emergency

1 - exp(-k q / n) with k = 2.3 is Epstein's (2002) risk of arrest. Deterrence and backlash have free signs: both are found
(Davenport 2007, Annu. Rev. Polit. Sci. 10; Aytac, Schiumerini and Stokes 2018, J. Confl. Resolut. 62, for backlash). Police are residents x
a density x the share on duty; reinforcements, weapons lost and units that stand aside are not modelled yet.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.rules import WITHDRAWN
from qantar.model.world import Draws, World, killed_and_detained, protesting
from qantar.scenario.parameters import Values

NAME = "repression"
EPSTEIN_K = 2.3
HARM_HOURS = 24.0
KILLED, ARRESTED, SEARCHED, SECURITY = range(4)
"""What the draws are for; the first three are the engine's quotas."""


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over emergencies and orders; give quotas and terms."""
    land, dt = world.land, world.dt
    for s in world.decisions("emergency"):
        world.emergency[list(s.places)] = s.size > 0
    for s in world.decisions("shoot_order"):
        world.shoot_order[list(s.places)] = s.size > 0
    n = protesting(counts)
    q = land.police * params["police_on_duty"]
    facing = np.where(n + q > 0, n * q / np.maximum(n + q, 1e-300), 0.0)
    lethal = (
        params["lethality"]
        * np.where(world.emergency, 1.0, params["lethality_before"])
        * np.where(world.shoot_order, params["lethality_order"], 1.0)
    )
    arrest = params["arrest_rate"] * np.where(world.emergency, params["arrest_emergency"], 1.0)
    home = counts.n[WITHDRAWN].sum(axis=1)
    searched = params["search_rate"] * np.where(world.emergency, 1.0, params["search_before"])
    quota = [
        np.minimum(draws.poisson(KILLED, lethal * facing * dt, t), n),
        np.minimum(draws.poisson(ARRESTED, arrest * facing * dt, t), n),
        np.minimum(draws.poisson(SEARCHED, searched * home * dt, t), home),
    ]
    world.quota = draws.quota(np.stack(quota))
    security = draws.poisson(
        SECURITY, params["lethality_security"] * np.where(world.emergency, 1.0, params["lethality_before"]) * facing * dt, t
    )
    world.security_dead = world.security_dead + land.by_region(security)
    killed, detained = killed_and_detained(counts)
    world.harm = np.asarray(world.harm * 0.5 ** (dt / HARM_HOURS) + land.by_region(10 * killed + detained), float)
    risk, before = (1 - np.exp(-EPSTEIN_K * q / (m + land.scale)) for m in (n, 0.0))
    world.terms["deterrence"] = -params["deterrence"] * (risk - before)
    world.terms["backlash"] = np.log1p(world.harm / land.scale)[land.region] * params["backlash"]
    world.terms["curfew"] = np.where(world.emergency, params["curfew_effect"], 0.0)
