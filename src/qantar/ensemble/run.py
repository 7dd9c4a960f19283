"""A result of `qantar run`: a small folder with its provenance, from which the same folder can be made again.

`result.json` is written last and names the SHA-256 of every other file: if it is there, the result is whole. The histories
themselves stay in the store; the digest over all of them stands in the result.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import qantar
from qantar.cases.case import Case, file_hashes
from qantar.draws import SCHEME
from qantar.engine.loop import ENGINES
from qantar.ensemble.histories import QUANTILES, Feature, Runs, arrays, curves, features, presence_shares
from qantar.ensemble.local import run_ensemble
from qantar.ensemble.one_run import seed_of
from qantar.ensemble.store import Recipe, keep_draws, model_hash
from qantar.errors import ResultError, fail
from qantar.files.result import Stored, read_result, sealed
from qantar.files.tables import to_csv
from qantar.population.build import blocks_of, layers_of
from qantar.population.measure import measure
from qantar.population.ties import tie
from qantar.record.observables import Observables
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Plan

LIBRARIES = ("numpy", "numba", "llvmlite", "duckdb", "pydantic")
STAMP = "illustration, not fitted"
REMADE = ("calibrate", "counterfactual", "experiments", "heldout", "methods", "planted", "rivals", "scale", "sensitivity", "warning")
"""Commands whose results name the command that makes them again."""
FITTED = "fitted to this record; holds in this model"


SAMPLINGS = ("prior", "default", "given")


def case_sha256(case: Case) -> str:
    """SHA-256 over the tables of a case: a result is compared with the record it was compared with, or not at all."""
    names = sorted(p.name for p in case.folder.iterdir() if p.suffix in (".csv", ".toml"))
    return hashlib.sha256(json.dumps(file_hashes(case.folder, names)).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What a set of runs says: the runs, the features, the digest over all histories."""

    recipe: Recipe
    runs: Runs
    features: list[Feature]
    history_sha256: str
    provenance: dict[str, Any]


def run(
    recipe: Recipe,
    n: int,
    record: Observables,
    record_sha256: str,
    root: Path,
    *,
    posterior: dict[str, Any] | None = None,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Do the runs that the store lacks and summarize all of them.

    Parameters
    ----------
    posterior : dict, optional
        How the draws were made, where the recipe's draws are those of a posterior; without it everything is stamped as not fitted.

    Raises
    ------
    StudyError, ResultError
        As `run_ensemble`.
    """
    store = run_ensemble(recipe, n, root, processes=processes, progress=progress)
    runs = arrays(*store.read(n))
    digest = hashlib.sha256("".join(runs.whole["sha256"]).encode()).hexdigest()
    found = features(runs, record, recipe.plan)
    return Result(recipe, runs, found, digest, _provenance(recipe, n, digest, record_sha256, posterior))


def made_by() -> dict[str, Any]:
    """Program, libraries and model that a result was made with; no name of a user, a machine or a folder."""
    return {
        "program": f"qantar {qantar.__version__}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "model_sha256": model_hash(),
        "draw_scheme": SCHEME,
    }


def _provenance(recipe: Recipe, n: int, digest: str, record_sha256: str, posterior: dict[str, Any] | None) -> dict[str, Any]:
    """What is needed to repeat the runs."""
    blocks = blocks_of(recipe.plan)
    network = measure(blocks, tie(blocks, layers_of(recipe.plan), seed_of(recipe, 0)), seed=recipe.seed)
    return {
        "kind": "run",
        **made_by(),
        "scenario": recipe.plan.case,
        "record_sha256": record_sha256,
        "recipe": recipe.as_dict(),
        "runs": n,
        "key": recipe.key(),
        "plan_sha256": recipe.plan.sha256(),
        "plan": recipe.plan.model_dump(),
        "history_sha256": digest,
        "calibrated": posterior is not None,
        "posterior": posterior,
        "replayed": recipe.plan.replayed(),
        "stamp": FITTED if posterior is not None else STAMP,
        "residents": blocks.n,
        "network": {k: round(float(getattr(network, k)), 4) for k in network.__dataclass_fields__},
    }


def files_of(result: Result) -> dict[str, str]:
    """The folder's files as text, `result.json` last."""
    first = dt.datetime.fromisoformat(result.recipe.plan.start).date()
    ids = [r.id for r in result.recipe.plan.regions]
    shares = presence_shares(result.runs)
    days = [str(first + dt.timedelta(days=d)) for d in range(len(shares))]
    heads = [f"q{100 * q:02.0f}" for q in QUANTILES]
    curve_rows: list[list[Any]] = []
    for name, table in curves(result.runs).items():
        curve_rows += [[name, day, *(f"{x:.6g}" for x in table[:, d])] for d, day in enumerate(days)]
    feature_rows = [f.as_dict() for f in result.features]
    columns = list(feature_rows[0])
    whole = result.runs.whole
    stamp = [result.provenance["stamp"], f"{result.recipe.plan.scale:g}"]
    files = {
        "features.csv": to_csv([*columns, "stamp", "scale"], [[*(plain(row[c]) for c in columns), *stamp] for row in feature_rows]),
        "presence.csv": to_csv(
            ["region_id", "date", "share_reported", "stamp", "scale"],
            [[r, day, f"{shares[d, k]:.4f}", *stamp] for k, r in enumerate(ids) for d, day in enumerate(days)],
        ),
        "curves.csv": to_csv(["quantity", "date", *heads, "stamp", "scale"], [[*row, *stamp] for row in curve_rows]),
        "runs.csv": to_csv(["stamp", "scale", *whole], [[*stamp, *(plain(whole[c][k]) for c in whole)] for k in range(result.runs.n)]),
    }
    return sealed(files, result.provenance)


def plain(value: Any) -> object:
    """A cell that reads the same everywhere: numbers by their shortest exact form."""
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.10g}" if isinstance(value, float) else value


def _by_this_model(folder: Path, made: Mapping[str, Any]) -> None:
    """Refuses a result of another version of the model."""
    if made.get("model_sha256") != model_hash() or made.get("draw_scheme") != SCHEME:
        was = {"program": made.get("program"), "expected": str(made.get("model_sha256"))[:12]}
        raise fail(ResultError, folder, "other_model", **was, found=model_hash()[:12])


def _there(folder: Path) -> Stored:
    """The result in a folder; an error where there is none."""
    if (found := read_result(folder)) is None:
        raise fail(ResultError, folder, "folder_without", marker="result.json")
    return found


def load(folder: Path) -> dict[str, Any]:
    """The provenance of a result of `qantar run`, after checking that everything is as it was written.

    Raises
    ------
    ResultError
        When it is not whole.
    """
    made = _there(folder).made
    needed = {"model_sha256", "record_sha256", "scenario", "draw_scheme", "plan", "recipe", "runs", "program"}
    if made.get("kind") != "run" or not needed <= set(made) or _recipe_of(made) is None:
        raise fail(ResultError, folder, "not_a_run")
    return made


def _recipe_of(made: Mapping[str, Any]) -> Recipe | None:
    """The recipe that a run keeps as data; None if it is none that the command could have made."""
    numbers = {"seed": (0, 2**63 - 1), "replicates": (1, 10_000), "part": (1, 10_000)}
    try:
        recipe = Recipe(Plan.model_validate(made["plan"]), **made["recipe"])
        whole = all(type(getattr(recipe, k)) is int and low <= getattr(recipe, k) <= high for k, (low, high) in numbers.items())
        words = isinstance(recipe.given, str) and isinstance(made["scenario"], str) and isinstance(made["history_sha256"], str)
        asked = type(made["runs"]) is int and 1 <= made["runs"] <= 1_000_000 and float(recipe.stop_above) > 0
    except (ValueError, TypeError, KeyError):
        return None
    return recipe if whole and words and asked and recipe.sampling in SAMPLINGS and recipe.engine in ENGINES else None


def command_of(folder: Path) -> dict[str, Any] | None:
    """The name and the options of the command that wrote a result, as data; None for a run, which holds all that it was made from.

    Raises
    ------
    ResultError
        When the folder is no result, or was made by another version of the model.
    """
    made = _there(folder).made
    if made.get("kind") == "run":
        return None
    asked = made.get("command")
    if not isinstance(asked, dict) or asked.get("name") not in REMADE or not isinstance(asked.get("options"), dict):
        raise fail(ResultError, folder, "not_a_run")
    _by_this_model(folder, made)
    return asked


def perform(words: Sequence[str], out: Path, store: Path, *more: str) -> int:
    """Run a command of ours in a process of its own, into a folder and with a store of the caller's; gives its exit status."""
    asked = [sys.executable, "-m", "qantar", *words, f"--out={out}", f"--store={store}", *more]
    return subprocess.run(asked, check=False, stdout=subprocess.DEVNULL).returncode


def remake(folder: Path, words: Sequence[str]) -> tuple[int, list[str]]:
    """Run the command of a result again in a process of its own, with an empty store.

    Returns
    -------
    Its exit status, and the names of the files of the folder that differ; all, if it failed.
    """
    names = sorted(p.name for p in folder.iterdir() if p.is_file())
    with tempfile.TemporaryDirectory(prefix="qantar-") as root:
        out, store = Path(root) / "out", Path(root) / "store"
        status = perform(words, out, store)
        return status, [n for n in names if not (out / n).is_file() or (out / n).read_bytes() != (folder / n).read_bytes()]


def rerun(
    folder: Path,
    record_of: Callable[[str], tuple[Observables, str]],
    *,
    draws_of: Callable[[str], list[Values]] = lambda name: [],
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Any], list[str]]:
    """Make a result again from its own provenance, with every history computed anew.

    Returns
    -------
    The new provenance and the names of files that differ; none if the result is the same.

    Raises
    ------
    ResultError
        When the folder is not a whole result, or was made by another version of the model.
    """
    old = load(folder)
    record, record_sha256 = record_of(old["scenario"])
    if old["record_sha256"] != record_sha256:
        raise fail(ResultError, folder, "other_record", value=old["scenario"])
    _by_this_model(folder, old)
    recipe = _recipe_of(old)
    assert recipe is not None  # `load` has made sure
    with tempfile.TemporaryDirectory(prefix="qantar-") as root:
        if recipe.given and keep_draws(Path(root), draws_of(old["scenario"])) != recipe.given:
            raise fail(ResultError, folder, "other_posterior", value=old["scenario"])
        result = run(
            recipe, old["runs"], record, record_sha256, Path(root), posterior=old.get("posterior"), processes=processes, progress=progress
        )
    new = json.loads(files_of(result)["result.json"])
    names: Sequence[str] = sorted(set(new["files"]) | set(old["files"]))
    differ = [name for name in names if new["files"].get(name) != old["files"].get(name)]
    return new, differ + (["histories"] if new["history_sha256"] != old["history_sha256"] else [])
