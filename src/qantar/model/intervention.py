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

from typing import Any

import numpy as np

from qantar.compiled import leaf
from qantar.model.world import FOREIGN, GUARD, INTERVENTION, Bools, Columns, Land, World

NAME = "intervention"
PLACE: Columns = {
    "foreign_due": 0.0,  # foreign troops decided on and not there yet
    "foreign_since": np.inf,  # hour of the decision
    "arriving": 0.0,
}
COUNTRY: Columns = {
    "all_guard": 0.0,  # men of the Guard in the whole country
    "tied": 0.0,  # of them, at strategic sites
    "foreign_here": False,
}
TERMS = ("intervention",)


def begin(w: World, land: Land) -> World:
    """Men at sites."""
    w.country["all_guard"], w.country["tied"] = land.guard.sum(), land.site_guards
    return w


@leaf
def step(w: World) -> None:
    """Take over decisions; let troops arrive and relieve others."""
    p, now = w.params[0], w.country[0]
    for d in range(len(w.decisions.kind)):
        if w.decisions.kind[d] == INTERVENTION:
            _take_over(w.place, w.decisions.size[d], w.decisions.where[d], now)
    waiting = 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        here.arriving = here.foreign_due if now.hour >= here.foreign_since + p.intervention_delay else 0.0
        waiting += here.arriving
    if waiting > 0:
        _arrive(w.place, min(1.0, p.intervention_pace * now.scale * now.dt / waiting), p, now)
    for k in range(len(w.place)):
        w.term[k].intervention = p.intervention_effect * now.foreign_here


@leaf
def _take_over(place: Any, size: float, where: Bools, now: Any) -> None:
    """Troops are asked for, in proportion to residents of the places of a decision, or sent home."""
    residents = 0.0
    for k in range(len(place)):
        residents += place[k].residents * where[k]
        if size == 0:
            place[k].foreign_due = place[k].force[FOREIGN] = 0.0
    now.foreign_here = now.foreign_here and size != 0
    for k in range(len(place)):
        if where[k]:
            here = place[k]
            here.foreign_due += size * now.scale * (here.residents / max(1.0, residents))
            here.foreign_since = now.hour


@leaf
def _arrive(place: Any, share: float, p: Any, now: Any) -> None:
    """A share of those who wait arrive, and men of the Guard are free to join them."""
    arrived = 0.0
    for k in range(len(place)):
        here = place[k]
        here.arriving *= share
        here.foreign_due -= here.arriving
        here.force[FOREIGN] += here.arriving * p.intervention_fights
        arrived += here.arriving
    now.tied = min(now.tied, now.all_guard * p.guard_ready)  # no more than are ready at all
    relieved = min(now.tied, arrived * p.intervention_frees)
    now.tied -= relieved
    for k in range(len(place)):
        place[k].force[GUARD] += place[k].arriving * (relieved / arrived)
    now.foreign_here = True
