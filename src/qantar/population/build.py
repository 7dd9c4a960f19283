"""From a plan to a population: how many residents of which class, and which layers of ties."""

from __future__ import annotations

import numpy as np

from qantar.population.blocks import Blocks, Ints, apportion, lay_out
from qantar.population.ties import Layer
from qantar.scenario.scenario import Plan


def class_sizes(plan: Plan) -> Ints:
    """Residents by place, sector and hardship bin, at the plan's scale; whole numbers that add up.

    Sectors and bands of a region are taken to be independent of each other and of the place.
    """
    people = np.array([p.population for p in plan.places], float)
    residents = apportion(round(people.sum() * plan.scale), people)
    shares = {number: np.outer(r.sectors, r.bands) for number, r in enumerate(plan.regions)}
    return np.stack([apportion(int(n), shares[p.region]) for n, p in zip(residents, plan.places, strict=True)])


def blocks_of(plan: Plan) -> Blocks:
    """The residents of a plan, in order."""
    return lay_out(class_sizes(plan), np.array([p.region for p in plan.places], np.int64))


def layers_of(plan: Plan) -> list[Layer]:
    """The layers of ties of a plan; where a layer gives no size of group, sectors do."""
    by_sector = tuple(s.workgroup for s in plan.sectors)
    sizes = [by_sector if x.group is None else (x.group,) * len(by_sector) for x in plan.layers]
    return [Layer(x.id, x.scope, size, x.repeats, x.online) for x, size in zip(plan.layers, sizes, strict=True)]
