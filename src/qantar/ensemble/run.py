"""A set of runs held against the record: the histories as arrays, the features they show, and where all of it comes from."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import qantar
from qantar.cases.case import Case, file_hashes
from qantar.draws import SCHEME
from qantar.ensemble.histories import Feature, Runs, features
from qantar.ensemble.one_run import seed_of
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, model_hash
from qantar.population.build import blocks_of, layers_of
from qantar.population.measure import measure
from qantar.population.ties import tie
from qantar.record.observables import observe
from qantar.record.schema import MODELS

LIBRARIES = ("numpy", "numba", "llvmlite", "duckdb", "pydantic")
STAMP = "illustration, not fitted"
FITTED = "fitted to this record; holds in this model"


def case_sha256(case: Case) -> str:
    """SHA-256 over the record of a case: a result is compared with the record it was compared with, or not at all.

    Ledgers of accounts, which may lie in the same folder, change no result.
    """
    names = ["case.toml", *(f"{name}.csv" for name in MODELS)]
    return hashlib.sha256(json.dumps(file_hashes(case.folder, names)).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What a set of runs says: the runs, the features, the digest over all histories."""

    recipe: Recipe
    runs: Runs
    features: list[Feature]
    history_sha256: str
    provenance: dict[str, Any]


def run(recipe: Recipe, n: int, case: Case, runner: Runner, posterior: dict[str, Any] | None = None) -> Result:
    """Do the runs that the store lacks and hold all of them against the record of a case.

    Parameters
    ----------
    posterior : how the draws were made, if they are those of a posterior; without it everything is stamped as not fitted

    Raises
    ------
    StudyError, ResultError
        As `run_ensembles`.
    """
    runs, plan, blocks = runner.histories(recipe, n), recipe.plan, blocks_of(recipe.plan)
    network = measure(blocks, tie(blocks, layers_of(plan), seed_of(recipe, 0)), seed=recipe.seed)
    provenance = {
        "kind": "run",
        **made_by(),
        "scenario": plan.case,
        "record_sha256": case_sha256(case),
        "recipe": recipe.as_dict(),
        "runs": n,
        "key": recipe.key(),
        "plan_sha256": plan.sha256(),
        "plan": plan.model_dump(),
        "history_sha256": runs.sha256(),
        "calibrated": posterior is not None,
        "posterior": posterior,
        "replayed": plan.replayed(),
        "stamp": FITTED if posterior is not None else STAMP,
        "residents": blocks.n,
        "network": {k: round(float(getattr(network, k)), 4) for k in network.__dataclass_fields__},
    }
    return Result(recipe, runs, features(runs, observe(case.record), plan), runs.sha256(), provenance)


def made_by() -> dict[str, Any]:
    """Program, libraries and model that a result was made with; no name of a user, a machine or a folder."""
    return {
        "program": f"qantar {qantar.__version__}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "model_sha256": model_hash(),
        "draw_scheme": SCHEME,
    }


def plain(value: Any) -> object:
    """A cell that reads the same everywhere: numbers by their shortest exact form."""
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.10g}" if isinstance(value, float) else value
