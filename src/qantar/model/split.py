"""Elite split: orders to stand aside in cities that are drawn, not read from the record. Off unless a rival switches it on.

    split_cities seats of government, drawn without regard to anything, are told to stand aside from split_hour on, for
    split_hours; order_obeyed says how many do (`loyalty`)

It stands for someone in power who lets things happen, and says nothing about who. A recorded order is another thing: a decision
in the scenario of kind `stand_aside`.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import SPLIT_PLACE, Draws, World
from qantar.scenario.parameters import Values

NAME = "split"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Give and lift the orders when their hour comes."""
    if "split" not in world.cache:
        seats = draws.pick(SPLIT_PLACE, np.ones(world.land.n_regions), round(params["split_cities"]))
        world.cache["split"] = world.land.seat[seats]
    begin, end = params["split_hour"], params["split_hour"] + params["split_hours"]
    now, before = world.hour(t), world.hour(t - 1)
    if before < begin <= now or (t == 0 and begin <= 0):
        world.let_pass[world.cache["split"]] = params["order_obeyed"]
    if before < end <= now:
        world.let_pass[:] = 0.0
