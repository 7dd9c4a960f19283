"""Common shock: the same news moves every region at once, and regions do not move each other. Off unless a rival switches it on.

    log pressure of all places  += s(t), an Ornstein-Uhlenbeck path in steps of six hours with standard
                                   deviation shock_sd and memory shock_hours

Together with `diffusion` switched off this is the rival "regions react to national news on their own": national effects are free,
contagion is absent (Manski 1993, Rev. Econ. Stud. 60, on telling the two apart). The path is drawn, not read from the record.
"""

from __future__ import annotations

import math

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import SHOCK, Draws, World
from qantar.scenario.parameters import Values

NAME = "shock"
HOURS = 6.0
"""Hours over which the path stays the same, whatever the step."""


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Move along the path."""
    number = int(world.hour(t) // HOURS)
    last, value = world.cache.get("shock", (-1, 0.0))
    keep = math.exp(-HOURS / params["shock_hours"])
    for k in range(last + 1, number + 1):
        spread = params["shock_sd"] * (math.sqrt(1 - keep * keep) if k else 1.0)
        value = keep * value * (k > 0) + spread * draws.normal(SHOCK, 0, k)
    world.cache["shock"] = (number, value)
    world.terms["shock"] = np.full(world.land.n_places, value)
