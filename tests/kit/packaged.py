"""The packaged scenario and its plan, read once for all tests of a worker."""

from __future__ import annotations

from functools import cache

from conftest import CASE
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, load_scenario, resolve


@cache
def scenario() -> Scenario:
    return load_scenario(CASE)


@cache
def plan() -> Plan:
    return resolve(scenario())


def freed(plan: Plan) -> Plan:
    """The same plan with a free base pressure: the packaged scenario has none, since what begins there is a rally."""
    return plan.model_copy(update={"parameters": {k: v for k, v in plan.parameters.items() if k != "base_pressure"}})
