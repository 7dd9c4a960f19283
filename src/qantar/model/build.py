"""From a plan to the country that mechanisms see, and the driver that replays recorded decisions."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from qantar.model.world import Land, StateStep
from qantar.population.blocks import Blocks
from qantar.scenario.scenario import Plan


def land_of(plan: Plan, blocks: Blocks) -> Land:
    """What does not change in a history."""
    region = np.array([p["region"] for p in plan.places], np.int64)
    residents = np.diff(blocks.place_start)
    regions = plan.regions
    in_bin = np.diff(blocks.class_start).reshape(-1, blocks.n_bins).sum(axis=0)
    start = dt.datetime.fromisoformat(plan.start)
    return Land(
        residents=residents,
        region=region,
        lat=np.array([p["lat"] for p in plan.places], float),
        lon=np.array([p["lon"] for p in plan.places], float),
        local_hour=np.array([p["local_hour"] for p in plan.places], float),
        hardship=np.array(plan.hardship),
        mean_hardship=float(in_bin @ np.array(plan.hardship) / max(1, in_bin.sum())),
        takes_part=np.array([s["takes_part"] for s in plan.sectors], np.bool_),
        fuel_dependence=np.array([regions[r]["fuel"] for r in region]),
        price=np.full(len(region), plan.price),
        inflation_excess=plan.inflation_excess,
        internet=plan.internet,
        police=np.array([regions[r]["police"] for r in region]) * residents,
        days_off=np.array(plan.days_off, np.bool_),
        first_hour=start.hour + start.minute / 60,
        scale=plan.scale,
    )


class Recorded:
    """The driver that yields the decisions of the record when they fall due. What came of them is not replayed."""

    def __init__(self, plan: Plan) -> None:
        places = {plan.country: tuple(range(len(plan.places)))}
        for number, region in enumerate(plan.regions):
            places[region["id"]] = tuple(n for n, p in enumerate(plan.places) if p["region"] == number)
        for n, p in enumerate(plan.places):
            if p["settlement"]:
                places[p["id"]] = (n,)

        def numbers(names: list[str]) -> tuple[int, ...]:
            return tuple(sorted({n for name in names for n in places[name]}))

        self.steps = [StateStep(s["id"], s["kind"], numbers(s["places"]), s["at"], s["size"], s["source"]) for s in plan.steps]

    def due(self, t: int, dt: float) -> tuple[StateStep, ...]:
        """Decisions made since the last step, in order of time: none acts before it is made. At step 0, all made by then."""
        before = (t - 1) * dt if t else -math.inf
        return tuple(s for s in self.steps if before < s.at <= t * dt)
