"""A plan whose histories take some hundredths of a second, with something happening in them."""

from __future__ import annotations

from functools import cache

from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.scenario.schema import Edit

LOUD = {"base_pressure": 1e-4, "potential": 0.5}


@cache
def small_plan() -> Plan:
    """A day of the packaged country at 1:500, loud enough that people join before the first rally could."""
    edits = [Edit(path="time.hours", value=24), *(Edit(path=f"parameters.{name}", value=value) for name, value in LOUD.items())]
    return resolve(load_scenario("kazakhstan-2022"), edits, scale=0.002)
