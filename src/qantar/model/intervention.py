"""Intervention: foreign troops, how many, when, and what they free the state's own units to do.

    after intervention_delay hours, intervention_pace an hour arrive in the places of the decision, until all are there; a decision
    of size 0 sends them home
    relieved   intervention_frees men of the Guard for each foreign soldier, of those tied to strategic sites; they join the units
               in the places where the foreign troops arrive
    fighting   the share intervention_fights of the foreign troops acts like a unit of the state; the others guard
    log pressure of the country  += intervention_effect while any are in the country          (free sign)
    rate of units that leave      x exp(-intervention_loyalty) while any are in the country    (free sign, `loyalty`)

In the record foreign troops guarded sites and freed some 1,600 men; none was seen fighting, so most of the prior of fighting is at
zero; what foreign troops do, they do whether or not units of the state stand aside. Whether an intervention calms, enrages or does
nothing is left open: the coefficients have free signs.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import FOREIGN, GUARD, Draws, World
from qantar.scenario.parameters import Values

NAME = "intervention"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over decisions; let troops arrive and relieve others."""
    land = world.land
    for s in world.decisions("intervention"):
        places = np.array(s.places)
        share = land.residents[places] / max(1, land.residents[places].sum())
        if s.size == 0:
            world.foreign_due[:] = 0.0
            world.force[FOREIGN] = 0.0
            world.cache["foreign"] = False
        world.foreign_due[places] += s.size * land.scale * share
        world.foreign_since[places] = world.hour(t)
    waiting = world.foreign_due * (world.hour(t) >= world.foreign_since + params["intervention_delay"]) if world.foreign_due.any() else None
    if waiting is not None and waiting.any():
        arriving = waiting * min(1.0, params["intervention_pace"] * land.scale * world.dt / waiting.sum())
        world.foreign_due = world.foreign_due - arriving
        world.force[FOREIGN] += arriving * params["intervention_fights"]
        world.tied = min(world.tied, float(land.guard.sum()) * params["guard_ready"])  # no more than are ready at all
        relieved = min(world.tied, float(arriving.sum()) * params["intervention_frees"])
        world.tied -= relieved
        world.force[GUARD] += arriving * (relieved / arriving.sum())
        world.cache["foreign"] = True
    effect = params["intervention_effect"] * world.cache.get("foreign", False)
    if "intervention" not in world.terms or world.terms["intervention"][0] != effect:
        world.terms["intervention"] = np.full(land.n_places, effect)
