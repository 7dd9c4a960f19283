"""Grievance: hardship times what is missing in legitimacy, G = H (1 - L).

    log pressure of a class  += grievance_slope x (G - mean G of all residents at the start)

G is Epstein's (2002, PNAS 99, suppl. 3, eq. 1). That pressure is log-linear in it is an assumption. Hardship H belongs to the
bin; legitimacy L starts at the same value everywhere and may move, with free signs:

    L = legitimacy + legitimacy_concession x demand granted + legitimacy_repression x log10(1 + killed in the region)
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "grievance"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Legitimacy of each region, then grievance of each class."""
    land = world.land
    blood = (float(counts.dead.sum()), float(world.granted.sum()))  # neither ever falls, so equal sums say that nothing changed
    if world.cache.get("legitimacy moved by") == blood:
        return
    world.cache["legitimacy moved by"] = blood
    killed = land.by_region(counts.dead) / land.scale
    moved = params["legitimacy_concession"] * world.granted + params["legitimacy_repression"] * np.log10(1 + killed)
    world.legitimacy = np.clip(params["legitimacy"] + moved, 0.0, 1.0)
    g = land.hardship[None, None, :] * (1 - world.legitimacy[land.region])[:, None, None]
    mean = land.mean_hardship * (1 - params["legitimacy"])
    world.class_terms["grievance"] = params["grievance_slope"] * (g - mean)
