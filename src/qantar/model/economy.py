"""Economy: a good whose price jumps, inflation, devaluation.

    log pressure of a place  += price_effect x dependence / that of the place that depends most x log2(price now / price before)
    log pressure of a class  += (inflation_slope x (inflation - that of the reference year)
                                 + devaluation_slope x log(dollar now / dollar in the reference year)) x hardship

Dependence is (cars on the good a household / those where there are most)^fuel_contrast, because a household may own a car and use it
little: a contrast of 0 says that all depend alike. A price below the old one counts as well (with the other
sign). Hardship is that of the bands of income, which follow from poverty rates: the published study of regions in January 2022 points to
poverty. Wages do not enter: official real wages rose in 2021. The effect of food and fuel prices on unrest is found in panels
of countries (Bellemare 2015, Amer. J. Agric. Econ. 97; Natalini, Bravo and Newman 2020, Energy Policy 147); a slope
per household that depends on the good is an assumption.
"""

from __future__ import annotations

import math

import numpy as np

from qantar.compiled import leaf
from qantar.model.world import PRICE, Columns, Land, World, decided

NAME = "economy"
PLACE: Columns = {
    "price": 0.0,  # of the good whose price moved, local money a litre
    "old_price": 0.0,  # before the start
    "dependence": 0.0,  # against that of the place that depends most, with the contrast of regions
    "dearer": False,  # whether its price has ever been above the old one
}
COUNTRY: Columns = {"inflation_excess": 0.0, "devaluation": 0.0}
TERMS = ("price",)
CLASS_TERMS = ("inflation",)


def begin(w: World, land: Land) -> World:
    """How much people depend on the good, and what it costs before the start."""
    w.place["dependence"] = (land.fuel_dependence / max(land.fuel_dependence.max(), 1e-300)) ** w.params["fuel_contrast"][0]
    w.place["old_price"] = land.price
    return w


@leaf
def step(w: World) -> None:
    """Take over new prices; give the terms."""
    p, now = w.params[0], w.country[0]
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        here.price = decided(w.decisions, PRICE, k, here.price)
        here.dearer |= here.price > here.old_price
        term.price = p.price_effect * here.dependence * math.log2(here.price / here.old_price)
    lost = p.inflation_slope * now.inflation_excess + p.devaluation_slope * now.devaluation
    for r, s, b in np.ndindex(w.class_term.shape):
        w.class_term[r, s, b].inflation = lost * w.hardship[b]
