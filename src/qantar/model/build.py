"""From a plan to the country that mechanisms see, and the driver that replays recorded decisions."""

from __future__ import annotations

import datetime as dt

import numpy as np

from qantar.model.world import Land, StateStep
from qantar.population.blocks import Blocks
from qantar.scenario.scenario import Plan


def land_of(plan: Plan, blocks: Blocks) -> Land:
    """What does not change in a history."""
    region = np.array([p["region"] for p in plan.places], np.int64)
    residents = np.diff(blocks.place_start)
    regions = plan.regions
    start = dt.datetime.fromisoformat(plan.start)
    return Land(
        residents=residents,
        region=region,
        lat=np.array([p["lat"] for p in plan.places], float),
        lon=np.array([p["lon"] for p in plan.places], float),
        local_hour=np.array([p["local_hour"] for p in plan.places], float),
        hardship=np.array(plan.hardship),
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
        ids = [r["id"] for r in plan.regions]
        whole = tuple(range(len(plan.places)))

        def numbers(names: list[str]) -> tuple[int, ...]:
            wanted = {
                n
                for name in names
                for n, p in enumerate(plan.places)
                if name == p["id"] or (name in ids and ids.index(name) == p["region"])
            }
            country = any(name not in ids and all(name != p["id"] for p in plan.places) for name in names)
            return whole if country else tuple(sorted(wanted))

        self.steps = [StateStep(s["id"], s["kind"], numbers(s["places"]), s["at"], s["size"], s["source"]) for s in plan.steps]

    def due(self, start: float, end: float) -> tuple[StateStep, ...]:
        """Decisions from hour `start` up to `end`, in order of time; what lies before the start falls due at once."""
        return tuple(s for s in self.steps if start <= s.at < end or (start == 0 and s.at < 0))
