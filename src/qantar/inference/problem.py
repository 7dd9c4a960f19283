"""What every fit and every forecast stands on: a plan, the record as intervals, and histories of draws of the priors held against it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Runs, first, joined
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.errors import ScenarioError, fail
from qantar.inference.distance import Target, items_of, scales_of
from qantar.record.observables import Observables
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario
from qantar.scenario.schema import CalibrationSpec

Floats = NDArray[np.float64]
PART = 50
"""Histories in a part of the table, where nobody says otherwise."""


@dataclass(frozen=True)
class Problem:
    """A record to be explained or foreseen.

    Parameters
    ----------
    plan : what is simulated
    record : what is asked of the record
    target : the same as intervals of items
    table : histories of draws 0, 1, ... of the priors at the seed
    """

    plan: Plan
    record: Observables
    target: Target
    table: Runs
    seed: int

    @cached_property
    def items(self) -> Floats:
        """What is compared with the record, of each history of the table, shape (histories, items)."""
        return items_of(self.table, self.target, self.plan)

    @cached_property
    def scales(self) -> Floats:
        """Scales of the distance, shape (items,)."""
        return scales_of(self.target)


def prior_table(plan: Plan, size: int, seed: int, runner: Runner, *, part: int = PART, known: Runs | None = None) -> Runs:
    """The histories of the first draws of the priors: those that are not `known` from a packed table, nor in the store, are simulated."""
    have = 0 if known is None else min(known.n, size) // part * part
    parts = [first(known, have)] if known is not None and have else []
    if size > have:
        recipe = Recipe(plan, seed, part=part, only=tuple(range(have // part, -(-size // part))) if have else ())
        parts.append(runner.histories(recipe, size, "table"))
    return parts[0] if len(parts) == 1 else joined(parts)


def spec_of(scenario: Scenario) -> CalibrationSpec:
    """What a scenario says is fitted.

    Raises
    ------
    ScenarioError
        If it says nothing.
    """
    spec = scenario.file.calibration
    if spec is None:
        raise fail(ScenarioError, scenario.case.folder / "scenario.toml", "no_calibration")
    return spec
