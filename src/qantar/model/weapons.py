"""Arms: from protest to fighting, armouries that are lost, and how much weapons weigh.

    protesters begin to fight at   escalation_rate x (1 + harm of the region)^escalation_force x exp(-organization_discipline x organized)
                                   per hour; harm is that of `repression`: 10 x killed + detained, half-life 24 h
    fighters go home with half-life fight_hours (faster at night, as protesters do)
    weapons of a place             armoury x officers; where the crowd is stronger than the units, the share
                                   loot_rate x edge per hour of what is left in store falls into its hands
    strength of the crowd          F = fighters x (1 + arms_effect x share of them who are armed)
                                   + those who changed sides x (1 + arms_effect)
    edge                           (F - D) / (F + D), D units that act; 0 where the units are stronger

Whether force makes a crowd fight has a free sign, and whether weapons count has half of its prior at zero. That force can turn protest
violent: Davenport (2007, Annu. Rev. Polit. Sci. 10), della Porta (2013, Clandestine Political Violence). The forms are assumptions.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts, Floats
from qantar.model.forces import acting
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "arms"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """The rate of turning to fighting; armouries."""
    land = world.land
    if world.harm.any() or land.organizations:
        harm = np.log1p(world.harm / land.scale)[land.region]
        power = params["escalation_force"] * harm - params["organization_discipline"] * world.organized
        world.escalation += params["escalation_rate"] * np.exp(np.clip(power, -60, 60))
    else:
        world.escalation += params["escalation_rate"]
    if not counts.fighting.any():
        return
    lost = world.stock * -np.expm1(-params["loot_rate"] * edge(strength(world, counts, params), acting(world, params)) * world.dt)
    world.captured = world.captured + lost * params["armoury"] * land.police
    world.stock = world.stock - lost


def strength(world: World, counts: Counts, params: Values) -> Floats:
    """The crowd's strength in a fight, by place, in people of the model's scale."""
    fighters = counts.fighting
    armed = np.minimum(fighters, world.captured)
    return np.asarray(fighters + params["arms_effect"] * armed + world.defectors * (1 + params["arms_effect"]), float)


def edge(crowd: Floats, units: Floats) -> Floats:
    """How far the crowd is stronger than the units: 0 if not, 1 if there are no units.

    >>> edge(np.array([10.0, 30.0, 5.0, 0.0]), np.array([20.0, 10.0, 0.0, 0.0])).tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    both = crowd + units
    return np.maximum(0.0, np.divide(crowd - units, both, out=np.zeros_like(both), where=both > 0))
