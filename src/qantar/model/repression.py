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

import math
from typing import NamedTuple

import numpy as np

from qantar.compiled import leaf
from qantar.model.contract import Counts, Floats
from qantar.model.forces import acting
from qantar.model.world import ARRESTED, FIGHTERS_KILLED, FIGHTERS_TAKEN, KILLED, SEARCHED, SECURITY, Bools, Draws, World
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
    land = world.land
    p = ForceRates(*(params[name] for name in ForceRates._fields))
    means, there, deterrence = np.empty((6, land.n_places)), np.empty((5, land.n_places)), np.empty(land.n_places)
    crowd = (counts.out, counts.fighting, counts.withdrawn, acting(world, params))
    at = (world.emergency, world.shoot_order, world.contested)
    _expect(*crowd, *at, world.captured, p, land.scale, means, there, deterrence)
    drawn = draws.poisson((KILLED, ARRESTED, SEARCHED, FIGHTERS_KILLED, FIGHTERS_TAKEN, SECURITY), means * world.dt, t)
    world.quota = draws.quota(np.minimum(drawn[:5], there))
    if drawn[5].any():
        world.security_dead = world.security_dead + land.by_region(drawn[5])
    world.terms["deterrence"] = deterrence


class ForceRates(NamedTuple):
    """Parameters of a meeting of units and crowd."""

    lethality: float
    lethality_before: float
    lethality_order: float
    lethality_fight: float
    lethality_security: float
    seat_lethality: float
    arrest_rate: float
    arrest_emergency: float
    search_rate: float
    search_before: float
    arms_effect: float
    deterrence: float


@leaf
def _expect(
    n: Floats,
    f: Floats,
    home: Floats,
    q: Floats,
    emergency: Bools,
    shoot_order: Bools,
    contested: Bools,
    captured: Floats,
    p: ForceRates,
    scale: float,
    means: Floats,
    there: Floats,
    deterrence: Floats,
) -> None:
    """Place by place: means per hour of the five quotas and of security killed, how many there are for each quota, and deterrence."""
    for k in range(len(n)):
        facing = n[k] * q[k] / max(n[k] + q[k], 1e-300)
        of_fighters = facing * f[k] / n[k] if n[k] > 0 else 0.0
        peaceful = facing - of_fighters
        held = (1.0 if emergency[k] else p.lethality_before) * (math.exp(p.seat_lethality) if contested[k] else 1.0)
        lethal = p.lethality * held * (p.lethality_order if shoot_order[k] else 1.0)
        arrest = p.arrest_rate * (p.arrest_emergency if emergency[k] else 1.0)
        searched = p.search_rate * (1.0 if emergency[k] else p.search_before)
        armed = min(f[k], captured[k]) / f[k] if f[k] > 0 else 0.0
        risk_of_units = peaceful + p.lethality_fight * of_fighters * (1 + p.arms_effect * armed)
        means[0, k], means[1, k], means[2, k] = lethal * peaceful, arrest * peaceful, searched * home[k]
        means[3, k], means[4, k] = lethal * p.lethality_fight * of_fighters, arrest * of_fighters
        means[5, k] = p.lethality_security * held * risk_of_units
        there[0, k], there[1, k], there[2, k], there[3, k], there[4, k] = n[k] - f[k], n[k] - f[k], home[k], f[k], f[k]
        risk, before = 1 - math.exp(-EPSTEIN_K * q[k] / (n[k] + scale)), 1 - math.exp(-EPSTEIN_K * q[k] / scale)
        deterrence[k] = -p.deterrence * (risk - before)
