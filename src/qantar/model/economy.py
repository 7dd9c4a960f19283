"""Economy: a good whose price jumps, inflation, devaluation, what foreigners own; and what strikes cost.

    log pressure of a place  += price_slope x dependence x log(price now / price before)
    log pressure of a place  += foreign_slope x share of the region's output in foreign hands
    log pressure of a class  += (inflation_slope x (inflation - that of the reference year)
                                 + devaluation_slope x log(dollar now / dollar in the reference year)) x hardship
    at work no more          =  strike_idle x those of a sector who are out, all of the sector at most
    output, revenue lost     += share of the sector in output, revenue x share idle x hours / hours of a month
    units of the state act   x  exp(-strike_capacity x share of a month's revenue lost so far)      (`forces`)

Dependence is the share of households whose car runs on the good: mean x (figure of the region / mean)^fuel_contrast, because
figures by region are poor and a contrast of 0 says that all depend alike. A price below the old one counts as well (with the other
sign). Hardship is that of the bands of income, which follow from poverty rates: the published study of regions in January 2022 points to
poverty. Wages do not enter: official real wages rose in 2021. The effect of food and fuel prices on unrest is found in panels
of countries (Bellemare 2015, Amer. J. Agric. Econ. 97; Natalini, Bravo and Newman 2020, Energy Policy 147); a slope
per household that depends on the good is an assumption, and so is all about strikes. No figure of foreign ownership by region was
found for the packaged case: there the share is 0 everywhere, and its slope moves nothing.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts
from qantar.model.rules import FIGHTING, PROTESTING
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "economy"
MONTH_HOURS = 730.0


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over new prices; give the terms; add up what strikes cost."""
    land = world.land
    prices = world.decisions("price")
    for s in prices:
        world.price[list(s.places)] = s.size
    if prices or "price" not in world.terms:
        mean = float(land.fuel_dependence @ land.residents / max(1, land.residents.sum()))
        dependence = mean * (land.fuel_dependence / mean) ** params["fuel_contrast"] if mean else land.fuel_dependence
        world.terms["price"] = params["price_slope"] * dependence * np.log(world.price / land.price)
    if "inflation" not in world.class_terms:
        world.terms["foreign owners"] = (params["foreign_slope"] * land.foreign_owned)[land.region]
        lost = params["inflation_slope"] * land.inflation_excess + params["devaluation_slope"] * land.devaluation
        world.class_terms["inflation"] = lost * land.hardship[None, None, :]
    if not counts.crowd:
        return
    people = np.maximum(1, land.sector_residents.sum(axis=0))
    striking = (counts.n[PROTESTING] + counts.n[FIGHTING]).sum(axis=0)
    idle = np.minimum(1.0, params["strike_idle"] * striking / people) * world.dt / MONTH_HOURS
    world.lost_output += float(land.output @ idle)
    world.lost_revenue += float(land.revenue @ idle)
