"""The histories that a page draws: how they ship with a case, how they are read, and how some of them are simulated again.

In: a case whose `fit/page` holds `histories.npz` and a `result.json` with its SHA-256. Out: the `Result` that simulating them anew would
give, to the last digit, because everything is kept as it came. A sample drawn by lot is compared move by move: by the SHA-256 of whole
histories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qantar.draws import Purpose, uniform
from qantar.ensemble.histories import features
from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import in_processes
from qantar.ensemble.run import Result
from qantar.ensemble.store import Recipe
from qantar.errors import ResultError, fail
from qantar.files.result import read_result, sealed, sha256_of
from qantar.inference.posterior import CSV, FIT, fits, pack, read_posterior, unpack
from qantar.record.observables import observe
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.studies.experiments import Again, check_again

PAGE, HISTORIES = "page", "histories.npz"
KIND = "histories"
DIGESTS = ("sha256",)
"""Columns of the table of runs that are kept beside those of a packed table."""
SAMPLE, EFFECTS = 2, 1
"""How many histories and how many effects a study simulates again unless it is asked for more."""
LOTS_KEY = (1 << 29) + 1
"""Key of the lots that say which histories are simulated again."""


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
    effects: tuple[Again, ...]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        histories = [{"run": h.run, "sha256": h.shipped, "same": h.same} for h in self.histories]
        effects = [{**asdict(e), "same": e.same} for e in self.effects]
        return {"seed": self.seed, "of": self.of, "histories": histories, "effects": effects}


def packed(result: Result, case: Path, command: Mapping[str, Any]) -> dict[str, bytes | str]:
    """The histories of a run as the files that a case ships, `result.json` last.

    Parameters
    ----------
    case : folder of the case whose posterior the run draws from
    """
    kept = {k: v for k, v in result.provenance.items() if k != "plan"}
    histories = pack(result.runs, kept, more=DIGESTS, exact=True)
    made = {
        "kind": KIND,
        "command": command,
        **{k: kept[k] for k in ("program", "model_sha256", "plan_sha256", "draw_scheme", "scenario", "runs", "history_sha256")},
        "seed": result.recipe.seed,
        "scale": result.recipe.plan.scale,
        "posterior_sha256": sha256_of(case / FIT / CSV),
    }
    return sealed({HISTORIES: histories}, made)


def ships(case: Path) -> bool:
    """Whether any histories ship with a case, of whatever model."""
    return (case / FIT / PAGE / "result.json").is_file()


def read(scenario: Scenario) -> Result | None:
    """The histories that ship with a case, against its record as it is now.

    None if there are none, or if they were made for another scenario, from another posterior or by another version of the model.

    Raises
    ------
    ResultError
        If they were changed after they were written, or cannot be read.
    """
    case = scenario.case
    home = case.folder / FIT / PAGE
    if not ships(case.folder):
        return None
    stored = read_result(home, KIND)
    if stored is None or HISTORIES not in stored.content:
        raise fail(ResultError, home, "file_missing", there=HISTORIES)
    made = stored.made
    scale = made.get("scale")
    if not isinstance(scale, int | float) or not 0 < scale <= 1:
        return None
    plan = resolve(scenario, scale=float(scale))
    posterior = case.folder / FIT / CSV
    if not fits(made, plan) or not posterior.is_file() or made.get("posterior_sha256") != sha256_of(posterior):
        return None
    runs, kept = unpack(home / HISTORIES)
    try:
        digest = hashlib.sha256("".join(runs.whole["sha256"]).encode()).hexdigest()
        recipe = Recipe(plan, **kept["recipe"])
        same = digest == kept["history_sha256"] and runs.n == kept["runs"] and kept["calibrated"] is True
    except (KeyError, TypeError) as error:
        raise fail(ResultError, home / HISTORIES, "not_packed", reason=str(error)) from None
    if not same:
        raise fail(ResultError, home / HISTORIES, "not_packed", reason="digest of the histories")
    return Result(recipe, runs, features(runs, observe(case.record), plan), digest, {**kept, "plan": plan.model_dump()})


def lots(n: int, of: int, seed: int) -> list[int]:
    """Numbers of the histories that are simulated again, each at most once, in the order they are drawn.

    >>> lots(3, 60, 1) == lots(5, 60, 1)[:3], len(set(lots(60, 60, 1)))
    (True, 60)
    """
    order = np.argsort([uniform(seed, int(Purpose.STUDY), k, 0, LOTS_KEY) for k in range(of)], kind="stable")
    return [int(k) for k in order[: min(n, of)]]


def sample(
    scenario: Scenario,
    result: Result | None,
    *,
    histories: int,
    effects: int,
    seed: int,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sample:
    """Simulate some of what ships again and compare.

    Parameters
    ----------
    result : as `read` gives it; None where no histories ship
    histories, effects : how many of each, by lot
    progress : called with the number of pieces done and of all

    Returns
    -------
    What was compared, in the order of the lots.
    """
    numbers = lots(histories, result.runs.n, seed) if result else []
    # The effects first: each of them takes several histories.
    tasks = [("effects", effects, seed)] * (effects > 0) + [("history", k, 0) for k in numbers]
    found: dict[tuple[str, int], Any] = {}

    def done(task: tuple[str, Path, Recipe | None, int, int], value: Any) -> None:
        found[task[0], task[3]] = value
        progress(len(found), len(tasks))

    progress(0, len(tasks))
    recipe = result.recipe if result else None
    in_processes(_again, [(what, scenario.case.folder, recipe, a, b) for what, a, b in tasks], processes, done)
    same = tuple(SameHistory(k, str(result.runs.whole["sha256"][k]), found["history", k]) for k in numbers if result)
    return Sample(seed, same, result.runs.n if result else 0, tuple(found.get(("effects", effects), ())))


def _again(what: str, case: Path, recipe: Recipe | None, number: int, seed: int) -> Any:
    """One piece, in a process of its own: the digest of a history, or effects of experiments."""
    if what == "effects" or recipe is None:
        return check_again(load_scenario(str(case)), number, seed)
    return one_run(recipe, number, _values(case))[1]["sha256"]


def _values(case: Path) -> list[Values]:
    posterior = read_posterior(case / FIT)
    return posterior.values if posterior else []
