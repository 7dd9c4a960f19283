"""The histories that a page draws: how they ship with a case, and how they are read.

In: a case whose `fit/page` holds `histories.npz` and a `result.json` with its SHA-256. Out: the `Result` that simulating them anew would
give, to the last digit, because everything is kept as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qantar.ensemble.histories import features
from qantar.ensemble.run import Result
from qantar.ensemble.store import Recipe
from qantar.errors import ResultError, fail
from qantar.files.result import read_result, sealed
from qantar.files.write import sha256_of
from qantar.inference.posterior import CSV, FIT, current_plan, pack, unpack
from qantar.record.observables import observe
from qantar.scenario.scenario import Scenario

PAGE, HISTORIES = "page", "histories.npz"
KIND = "histories"
DIGESTS = ("sha256",)
"""Columns of the table of runs that are kept beside those of a packed table."""


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
    plan, posterior = current_plan(stored.made, scenario), case.folder / FIT / CSV
    if plan is None or not posterior.is_file() or stored.made.get("posterior_sha256") != sha256_of(posterior):
        return None
    runs, kept = unpack(home / HISTORIES)
    try:
        recipe = Recipe(plan, **kept["recipe"])
        same = runs.sha256() == kept["history_sha256"] and runs.n == kept["runs"] and kept["calibrated"] is True
    except (KeyError, TypeError) as error:
        raise fail(ResultError, home / HISTORIES, "not_packed", reason=str(error)) from None
    if not same:
        raise fail(ResultError, home / HISTORIES, "not_packed", reason="digest of the histories")
    return Result(recipe, runs, features(runs, observe(case.record), plan), runs.sha256(), {**kept, "plan": plan.model_dump()})
