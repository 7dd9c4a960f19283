"""Repression: arrests on the square limited by who is there to make them, lives lost on both sides, deterrence and backlash.

    everyone out n, of whom f fight; q units that act (`forces`, `loyalty`)
    meeting of units and crowd           c = n q / (n + q), people of either side who face each other; c f / n of them face fighters
    arrests on the square                Poisson, mean arrest_rate x c per hour, x arrest_emergency under an emergency
    arrests at home                      Poisson, mean search_rate x those gone home per hour; before an emergency x search_before
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

import numpy as np

from qantar.model.contract import Counts
from qantar.model.forces import acting
from qantar.model.world import ARRESTED, FIGHTERS_KILLED, FIGHTERS_TAKEN, KILLED, SEARCHED, SECURITY, Draws, World
from qantar.scenario.parameters import Values

NAME = "repression"
EPSTEIN_K = 2.3
HARM_HOURS = 24.0


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Quotas and terms."""
    land = world.land
    if counts.crowd or counts.withdrawn.any() or "deterrence" not in world.terms:
        _meet(world, counts, params, draws, t)
    elif world.counts is not None and (world.counts.crowd or world.counts.withdrawn.any()):  # the last ones have gone
        world.quota = np.zeros_like(world.quota)
        world.terms["deterrence"] = np.zeros(land.n_places)
    if counts.harmed or world.harm.any() or "backlash" not in world.terms:
        world.harm = world.harm * 0.5 ** (world.dt / HARM_HOURS) + land.by_region(10 * counts.killed + counts.detained)
        world.terms["backlash"] = np.log1p(world.harm / land.scale)[land.region] * params["backlash"]
    if world.decisions("emergency") or "curfew" not in world.terms:
        world.terms["curfew"] = np.where(world.emergency, params["curfew_effect"], 0.0)


def _meet(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Units and crowd: who is killed and taken, on both sides, and what the risk keeps from joining."""
    land, dt = world.land, world.dt
    n, f, q, home = counts.out, counts.fighting, acting(world, params), counts.withdrawn
    facing = n * q / np.maximum(n + q, 1e-300)
    of_fighters = facing * np.divide(f, n, out=np.zeros_like(n), where=n > 0)
    peaceful = facing - of_fighters
    held = np.where(world.emergency, 1.0, params["lethality_before"]) * np.exp(params["seat_lethality"] * world.contested)
    lethal = params["lethality"] * held * np.where(world.shoot_order, params["lethality_order"], 1.0)
    arrest = params["arrest_rate"] * np.where(world.emergency, params["arrest_emergency"], 1.0)
    searched = params["search_rate"] * np.where(world.emergency, 1.0, params["search_before"])
    means = [lethal * peaceful, arrest * peaceful, searched * home, lethal * params["lethality_fight"] * of_fighters, arrest * of_fighters]
    taken = draws.poisson((KILLED, ARRESTED, SEARCHED, FIGHTERS_KILLED, FIGHTERS_TAKEN), np.stack(means) * dt, t)
    world.quota = draws.quota(np.minimum(taken, np.stack([n - f, n - f, home, f, f])))
    armed = np.divide(np.minimum(f, world.captured), f, out=np.zeros_like(f), where=f > 0)
    risk_of_units = peaceful + params["lethality_fight"] * of_fighters * (1 + params["arms_effect"] * armed)
    lost = draws.poisson((SECURITY,), (params["lethality_security"] * held * risk_of_units * dt)[None], t)[0]
    if lost.any():
        world.security_dead = world.security_dead + land.by_region(lost)
    risk, before = (1 - np.exp(-EPSTEIN_K * q / (m + land.scale)) for m in (n, 0.0))
    world.terms["deterrence"] = -params["deterrence"] * (risk - before)
