"""Organized seeding, whoever did it: groups that begin in a few drawn places. Off unless a rival switches it on.

    seed_places settlements, drawn with chances in proportion to residents; from seed_hour on, for seed_hours,
    b[place, sector]             += seed_people / (seed_hours x those within the potential who can take part), so about seed_people join
    rate of turning to fighting  += seed_escalation there

Places and hour are drawn by one law for every country and never read from the record. Nothing in it says who stands behind such
groups, so no verdict can.
"""

from __future__ import annotations

import numpy as np

from qantar.compiled import leaf
from qantar.model.chance import SEED_PLACE, pick
from qantar.model.world import Columns, Land, World

NAME = "seeding"
PLACE: Columns = {"seeded": False}


def begin(w: World, land: Land) -> World:
    """Draw the places."""
    weights = np.where(land.settlement, land.residents, 0).astype(float)
    w.place["seeded"][pick(w.country, SEED_PLACE, weights, round(w.params["seed_places"][0]))] = True
    return w


@leaf
def step(w: World) -> None:
    """Push in the drawn places while it lasts."""
    p, now = w.params[0], w.country[0]
    if not p.seed_hour <= now.hour < p.seed_hour + p.seed_hours:
        return
    for k in range(len(w.place)):
        if w.place[k].seeded:
            able = max(w.able[k].sum() * p.potential, 1.0)
            for s in range(len(w.sector)):
                w.b[k, s] += p.seed_people * now.scale / (p.seed_hours * able) * w.sector[s].takes_part
            w.place[k].escalation += p.seed_escalation
