"""What a posterior foretells: a new history of each of its sets of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan


def predictive(
    plan: Plan, values: Sequence[Values], runner: Runner, seed: int, stage: str, *, part: int = 10, stop_above: float = 2_000_000.0
) -> Runs:
    """One more history of each set of parameters, with a seed that nothing was fitted to."""
    return runner.of_values(plan, values, history_seed(seed, 1 << 34, 0), stage, part=part, stop_above=stop_above)
