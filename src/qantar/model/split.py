"""Elite split: orders to stand aside in cities that are drawn, not read from the record. Off unless a rival switches it on.

    split_cities seats of government, drawn without regard to anything, are told to stand aside from split_hour on, for
    split_hours; order_obeyed says how many do (`loyalty`)

It stands for someone in power who lets things happen, and says nothing about who. A recorded order is another thing: a decision
in the scenario of kind `stand_aside`.
"""

from __future__ import annotations

import numpy as np

from qantar.compiled import leaf
from qantar.model.chance import SPLIT_PLACE, pick
from qantar.model.world import Columns, Land, World

NAME = "split"
PLACE: Columns = {
    "told": False,  # whether its units will be told to stand aside
    "let_pass": 0.0,  # share of units that obey that order
}


def begin(w: World, land: Land) -> World:
    """Draw the cities."""
    cities = pick(w.country, SPLIT_PLACE, np.ones(land.n_regions), round(w.params["split_cities"][0]))
    w.place["told"][land.seat[cities]] = True
    return w


@leaf
def step(w: World) -> None:
    """Give and lift the orders when their hour comes."""
    p, now = w.params[0], w.country[0]
    first, last, before = p.split_hour, p.split_hour + p.split_hours, (now.t - 1) * now.dt
    begins = before < first <= now.hour or (now.t == 0 and first <= 0)
    ends = before < last <= now.hour
    for k in range(len(w.place)):
        here = w.place[k]
        if begins and here.told:
            here.let_pass = p.order_obeyed
        if ends:
            here.let_pass = 0.0
