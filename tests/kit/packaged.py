"""The packaged scenario and its plan, read once for all tests of a worker."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
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


def shortened(scenario: Scenario, *, quiet_days: int = 10, **time: float) -> Scenario:
    """A scenario with only the last days of the quiet period of its fit, and another length or step: what does not rest on them is cheap."""
    file = scenario.file
    fitted = file.calibration
    if fitted is not None and fitted.quiet is not None:
        first = fitted.quiet.start + dt.timedelta(hours=fitted.quiet.hours, days=-quiet_days)
        fitted = fitted.model_copy(update={"quiet": fitted.quiet.model_copy(update={"start": first, "hours": 24 * quiet_days})})
    return replace(scenario, file=file.model_copy(update={"time": file.time.model_copy(update=time), "calibration": fitted}))


def freed(plan: Plan) -> Plan:
    """The same plan with a free base pressure: the packaged scenario has none, since what begins there is a rally."""
    return plan.model_copy(update={"parameters": {k: v for k, v in plan.parameters.items() if k != "base_pressure"}})
