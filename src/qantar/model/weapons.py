"""Arms: armouries that are lost, and how much weapons weigh.

    weapons of a place             armoury x officers; where the crowd is stronger than the units, the share
                                   loot_rate x edge per hour of what is left in store falls into its hands
    strength of the crowd          F = fighters x (1 + arms_effect x share of them who are armed)
                                   + crowd_weight x those out who do not fight + those who changed sides x (1 + arms_effect)
    edge                           (F - D) / (F + D), D units that act; 0 where the units are stronger

Whether weapons count, and whether a crowd presses by standing there, have mass at zero. The forms are assumptions.
"""

from __future__ import annotations

import math
from typing import Any

from qantar.compiled import leaf
from qantar.model.forces import acting
from qantar.model.world import Columns, World

NAME = "arms"
PLACE: Columns = {
    "captured": 0.0,  # weapons in the crowd's hands
    "stock": 1.0,  # share of the place's weapons still in store
}


@leaf
def step(w: World) -> None:
    """Armouries."""
    p, now = w.params[0], w.country[0]
    for k in range(len(w.place)):
        here = w.place[k]
        if here.out > 0 or here.defectors > 0:
            stronger = edge(strength(here, p), acting(here, p))
            lost = here.stock * -math.expm1(-p.loot_rate * stronger * now.dt)
            here.captured += lost * p.armoury * here.police
            here.stock -= lost


@leaf
def strength(here: Any, p: Any) -> float:
    """The crowd's strength in a fight in a place, in people of the model's scale."""
    armed = min(here.fighting, here.captured)
    mass = p.crowd_weight * (here.out - here.fighting)
    return here.fighting + mass + p.arms_effect * armed + here.defectors * (1 + p.arms_effect)  # type: ignore[no-any-return]


@leaf
def edge(crowd: float, units: float) -> float:
    """How far the crowd is stronger than the units: 0 if not, 1 if there are no units.

    >>> [edge(crowd, units) for crowd, units in ((10.0, 20.0), (30.0, 10.0), (5.0, 0.0), (0.0, 0.0))]
    [0.0, 0.5, 1.0, 0.0]
    """
    both = crowd + units
    return max(0.0, (crowd - units) / both) if both > 0 else 0.0
