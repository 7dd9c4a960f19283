"""Economy: a good whose price jumps presses on those who depend on it; inflation presses on the poor.

    log pressure of a place  += price_slope x dependence x log(price now / price before)
    log pressure of a class  += inflation_slope x (inflation - inflation of the reference year) x hardship

Dependence is the share of households whose car runs on the good: mean x (figure of the region / mean)^fuel_contrast, because
figures by region are poor and a contrast of 0 says that all depend alike. A price below the old one counts as well (with the other
sign). Wages do not enter: official real wages rose in 2021. The effect of food and fuel prices on unrest is found in panels
of countries (Bellemare 2015, Amer. J. Agric. Econ. 97; Natalini, Bravo and Newman 2020, Energy Policy 147); a slope
per household that depends on the good is an assumption. Strikes and their cost are not modelled yet.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "economy"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over new prices; give the terms of price and inflation."""
    land = world.land
    for s in world.decisions("price"):
        world.price[list(s.places)] = s.size
    mean = float(land.fuel_dependence @ land.residents / max(1, land.residents.sum()))
    dependence = mean * (land.fuel_dependence / mean) ** params["fuel_contrast"] if mean else land.fuel_dependence
    world.terms["price"] = params["price_slope"] * dependence * np.log(world.price / land.price)
    if "inflation" not in world.class_terms:
        world.class_terms["inflation"] = params["inflation_slope"] * land.inflation_excess * land.hardship[None, None, :]
