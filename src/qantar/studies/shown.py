"""Some of what ships with a case, simulated again on this machine: a sample drawn by lot.

In: the histories that a page draws (`inference.packed`) and the effects of experiments. Out: `Sample`; histories are compared move by move,
by the SHA-256 of the whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import in_processes
from qantar.ensemble.run import Result
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.inference.posterior import read_fit
from qantar.scenario.scenario import Scenario, load_scenario
from qantar.study_keys import StudyKey, lot
from qantar.verdicts.repeated import RepeatedEffect, repeat_effects

SAMPLE, EFFECTS = 2, 1
"""How many histories and how many effects a study simulates again unless it is asked for more."""


@dataclass(frozen=True)
class SameHistory:
    """A history that ships, simulated again: its number and both digests."""

    run: int
    shipped: str
    found: str

    @property
    def same(self) -> bool:
        """Whether every move is the same."""
        return self.shipped == self.found


@dataclass(frozen=True)
class Sample:
    """What was simulated again on this machine to check what ships, by lot."""

    seed: int
    histories: tuple[SameHistory, ...]
    of: int
    """histories that ship"""
    effects: tuple[RepeatedEffect, ...]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        histories = [{"run": h.run, "sha256": h.shipped, "same": h.same} for h in self.histories]
        effects = [{**asdict(e), "same": e.same} for e in self.effects]
        return {"seed": self.seed, "of": self.of, "histories": histories, "effects": effects}


def lots(n: int, of: int, seed: int) -> list[int]:
    """Numbers of the histories that are simulated again, each at most once, in the order they are drawn.

    >>> lots(3, 60, 1) == lots(5, 60, 1)[:3], len(set(lots(60, 60, 1)))
    (True, 60)
    """
    order = np.argsort([lot(seed, StudyKey.REPEATED_HISTORY, k) for k in range(of)], kind="stable")
    return [int(k) for k in order[: min(n, of)]]


def sample(scenario: Scenario, result: Result | None, runner: Runner | None = None, *, histories: int, effects: int, seed: int) -> Sample:
    """Simulate some of what ships again and compare.

    Parameters
    ----------
    result : as `inference.packed.read` gives it; None where no histories ship
    runner : whose processes are used, and who is told (stage `again`) how many pieces are done
    histories, effects : how many of each, by lot

    Returns
    -------
    What was compared, in the order of the lots.
    """
    runner = runner or Runner()
    progress = runner.stage("again")
    numbers = lots(histories, result.runs.n, seed) if result else []
    # The effects first: each of them takes several histories.
    tasks = [("effects", effects, seed)] * (effects > 0) + [("history", k, 0) for k in numbers]
    found: dict[tuple[str, int], Any] = {}

    def done(task: tuple[str, Path, Recipe | None, int, int], value: Any) -> None:
        found[task[0], task[3]] = value
        progress(len(found), len(tasks))

    progress(0, len(tasks))
    recipe = result.recipe if result else None
    in_processes(_again, [(what, scenario.case.folder, recipe, a, b) for what, a, b in tasks], runner.processes, done)
    same = tuple(SameHistory(k, str(result.runs.whole["sha256"][k]), found["history", k]) for k in numbers if result)
    return Sample(seed, same, result.runs.n if result else 0, tuple(found.get(("effects", effects), ())))


def _again(what: str, case: Path, recipe: Recipe | None, number: int, seed: int) -> Any:
    """One piece, in a process of its own: the digest of a history, or effects of experiments."""
    if what == "effects" or recipe is None:
        return repeat_effects(load_scenario(str(case)), number, seed)
    fit = read_fit(case)
    return one_run(recipe, number, fit.posterior.values if fit else [])[1]["sha256"]
