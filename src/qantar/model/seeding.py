"""Organized seeding, whoever did it: groups that begin in a few drawn places. Off unless a rival switches it on.

    seed_places settlements, drawn with chances in proportion to residents; from seed_hour on, for seed_hours,
    b[place, sector]             += seed_people / (seed_hours x residents who can take part), so about seed_people join in each
    rate of turning to fighting  += seed_escalation there

Places and hour are drawn by one law for every country and never read from the record. Nothing in it says who stands behind such
groups, so no verdict can.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import SEED_PLACE, Draws, World
from qantar.scenario.parameters import Values

NAME = "seeding"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Push in the drawn places while it lasts."""
    land = world.land
    if "seeds" not in world.cache:
        weights = np.where(land.settlement, land.residents, 0).astype(float)
        world.cache["seeds"] = draws.pick(SEED_PLACE, weights, round(params["seed_places"]))
    if params["seed_hour"] <= world.hour(t) < params["seed_hour"] + params["seed_hours"]:
        places = world.cache["seeds"]
        able = np.maximum((land.sector_residents * land.takes_part)[places].sum(axis=1), 1)
        rate = params["seed_people"] * land.scale / (params["seed_hours"] * able)
        world.b[places] += rate[:, None] * land.takes_part
        world.escalation[places] += params["seed_escalation"]
