"""A posterior as files: what `qantar calibrate` finds, how it is written, packed and read again.

`posterior.csv` holds one row a particle: the ancestor it descends from, its distances, the seed of its history and every parameter, in all
its digits. `posterior.json` beside it says which command made it, from which model, plan and seed. A table of draws of the
priors is packed as small NumPy archives (`pack`), because its parameters are a pure function of seed and number and need not be kept.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import PEOPLE, Runs
from qantar.ensemble.store import model_hash
from qantar.errors import DataError, Problems, ResultError, fail
from qantar.files.cells import to_csv
from qantar.files.result import read_result
from qantar.files.text import read_text
from qantar.inference.distance import target_of
from qantar.inference.rejection import Particles
from qantar.messages import LANGUAGES, text
from qantar.record.observables import observe
from qantar.scenario.edits import parameter_fault
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.scenario import Plan, Scenario, resolve

Floats = NDArray[np.float64]
CSV, JSON = "posterior.csv", "posterior.json"
HEAD = ("particle", "ancestor", "seed", "mobilization", "force")
KEPT = ("stopped", "joins", "peak", "security_killed", "seats_lost", "changed_sides", "stood_aside", "outcome")
"""Columns of the table of runs that are packed: neither parameters nor seeds, which follow from the number of the draw."""


@dataclass(frozen=True)
class Posterior:
    """Particles as they ship."""

    values: list[Values]
    seeds: NDArray[np.int64]
    ancestors: NDArray[np.int64]
    mobilization: Floats
    force: Floats
    made: dict[str, Any]
    """provenance: command, seed, model_sha256, plan_sha256, modules, ..."""


def write_posterior(particles: Particles, made: dict[str, Any]) -> dict[str, str]:
    """The two files as text."""
    p = particles
    table = [
        [k, int(p.origin[k]), int(p.seeds[k]), f"{p.mobilization[k]:.6g}", f"{p.force[k]:.6g}"] + [values[name] for name in parameters()]
        for k, values in enumerate(p.values())
    ]
    modules = [{k: (round(v, 6) if isinstance(v, float) else v) for k, v in asdict(r).items()} for r in particles.trace]
    return {
        CSV: to_csv([*HEAD, *parameters()], table),
        JSON: json.dumps({**made, "modules": modules}, indent=1, ensure_ascii=False) + "\n",
    }


def read_posterior(folder: Path) -> Posterior | None:
    """The posterior of a case folder or of a result; None if there is none.

    Raises
    ------
    ResultError
        When its columns are not the parameters of this version, or it is not whole.
    """
    if not (folder / CSV).is_file():
        return None
    try:
        made = json.loads((folder / JSON).read_text(encoding="utf-8"))
        head, *lines = (folder / CSV).read_text(encoding="utf-8").splitlines()
        names = head.split(",")
        rows = np.array([[float(x) for x in line.split(",")] for line in lines])
        seeds = np.array([int(line.split(",")[HEAD.index("seed")]) for line in lines])
    except (OSError, ValueError, IndexError) as error:
        raise fail(ResultError, folder / CSV, "not_a_posterior", reason=str(error)) from None
    fitting = tuple(names) == (*HEAD, *parameters()) and rows.shape[1:] == (len(names),)
    if not fitting or not isinstance(made, dict) or not np.isfinite(rows).all():
        raise fail(ResultError, folder / CSV, "not_a_posterior", reason="columns")
    values = [dict(zip(parameters(), row[len(HEAD) :].tolist(), strict=True)) for row in rows]
    return Posterior(values, seeds, rows[:, 1].astype(np.int64), rows[:, 3], rows[:, 4], made)


FIT, NEURAL = "fit", "neural"
"""Folder of a case in which a calibration ships: the files of `qantar calibrate`, and in it those of a second opinion by networks."""


@dataclass(frozen=True)
class Fit:
    """A calibration that ships with a case."""

    posterior: Posterior
    fit: list[dict[str, str]]
    """in what share of histories each feature of the record shows, before and after"""


def read_fit(folder: Path) -> Fit | None:
    """The calibration of a case folder; None if it has none.

    Raises
    ------
    ResultError
        As `read_posterior`.
    """
    if (stored := read_result(folder / FIT, "calibrate")) is None:
        return None
    if (posterior := read_posterior(folder / FIT)) is None:
        raise fail(ResultError, folder / FIT, "file_missing", there=CSV)
    return Fit(posterior, stored.rows("fit.csv"))


def fits(made: Mapping[str, Any], plan: Plan) -> bool:
    """Whether a result was made for this plan by this version of the model."""
    return bool(made.get("model_sha256") == model_hash() and made.get("plan_sha256") == plan.sha256())


def current_plan(made: Mapping[str, Any], scenario: Scenario) -> Plan | None:
    """The plan of a result, if it was made for this scenario and its record, unchanged, by this version of the model."""
    plan = _own_plan(made, scenario)
    return plan if plan and fits(made, plan) and not _of_another_record(made, scenario, plan) else None


def _own_plan(made: Mapping[str, Any], scenario: Scenario) -> Plan | None:
    """The scenario at the scale of a result; None where it has none."""
    scale = made.get("scale")
    return resolve(scenario, scale=float(scale)) if isinstance(scale, int | float) and 0 < scale <= 1 else None


def _of_another_record(made: Mapping[str, Any], scenario: Scenario, plan: Plan) -> bool:
    """Whether the record says another thing now than the one a result was fitted to; of a result that does not say it nobody can tell."""
    if (fitted_to := made.get("target_sha256")) is None:
        return False
    spec = scenario.file.calibration
    now = target_of(observe(scenario.case.record), plan, detained=tuple(spec.detained) if spec else ())
    return bool(fitted_to != now.sha256())


def why_unused(made: Mapping[str, Any], scenario: Scenario, plan: Plan | None = None) -> str:
    """Why a fit is not used; empty if it is.

    Another "model" made it, it is of another "scenario" or "record", or not at the "scale" of a plan.
    """
    if made.get("model_sha256") != model_hash():
        return "model"
    own = _own_plan(made, scenario)
    if own is None or not fits(made, own):
        return "scenario"
    if _of_another_record(made, scenario, own):
        return "record"
    return "" if plan is None or fits(made, plan) else "scale"


def told_unused(scenario: Scenario, plan: Plan | None = None) -> tuple[str, str] | None:
    """That a fit lies in the folder of a case and why it is not used, in English and Chinese; None where none lies there, or it is.

    Parameters
    ----------
    plan : what it must be of; any at its own scale without it
    """
    fit = read_fit(scenario.case.folder)
    if fit is None or not (why := why_unused(fit.posterior.made, scenario, plan)):
        return None
    told = {"folder": scenario.case.folder / FIT, "scale": f"{fit.posterior.made['scale']:g}"}
    en, zh = (text(f"fitted.unused_{why}", lang, **told) for lang in LANGUAGES)
    return en, zh


def shipped_posterior(scenario: Scenario) -> Posterior | None:
    """The posterior that ships with a scenario, if it was made for it, unchanged, by this version of the model."""
    fit = read_fit(scenario.case.folder)
    return fit.posterior if fit is not None and current_plan(fit.posterior.made, scenario) else None


def posterior_of(scenario: Scenario) -> Posterior:
    """The same.

    Raises
    ------
    ResultError
        If there is none.
    """
    if (posterior := shipped_posterior(scenario)) is None:
        code = "no_posterior" if read_fit(scenario.case.folder) is None else "posterior_stale"
        raise fail(ResultError, scenario.case.folder / FIT, code, value=scenario.case.head.id)
    return posterior


def read_draws(path: Path) -> list[Values]:
    """Draws from a file: a CSV with one column a parameter and one row a draw, all of the same weight.

    What `write_posterior` writes beside the parameters is passed over.

    Raises
    ------
    DataError
        With every cell that does not fit.
    """
    problems = Problems()
    rows = list(csv.reader(io.StringIO(read_text(path))))
    names = rows[0] if rows else []
    if len(rows) < 2:
        raise fail(DataError, path, "empty_file")
    for name in {n for n in names if names.count(n) > 1}:
        problems.add(path.name, 1, name, "repeated_column", value=name)
    found: list[Values] = []
    for line, cells in enumerate(rows[1:], 2):
        if len(cells) != len(names):
            problems.add(path.name, line, "", "cell_count", found=len(cells), expected=len(names))
            continue
        values = {name: _number(cell) for name, cell in zip(names, cells, strict=True) if name not in HEAD}
        for name, value in values.items():
            if fault := parameter_fault(name, value):
                problems.add(path.name, line, name, fault[0], **fault[1])
        found.append(values)  # type: ignore[arg-type]
    problems.raise_as(DataError)
    return found


def _number(cell: str) -> float | str:
    """A number, or what stands there instead."""
    try:
        return float(cell)
    except ValueError:
        return cell


def pack(runs: Runs, made: dict[str, Any], *, more: Sequence[str] = (), exact: bool = False) -> bytes:
    """Histories as one compressed archive; the same histories give the same bytes.

    Presence and seats are bits, people are kept to seven digits.

    Parameters
    ----------
    more : columns of the table of runs that are kept beside `KEPT`
    exact : whether numbers keep all their digits
    """
    out = io.BytesIO()
    content: dict[str, Any] = {f"w_{name}": _plain(runs.whole[name], exact) for name in (*KEPT, *more)}
    content |= {k: getattr(runs, k).astype(np.float64 if exact else np.float32) for k in PEOPLE}
    np.savez_compressed(
        out,
        made=np.frombuffer(json.dumps(made, sort_keys=True).encode(), np.uint8),
        shape=np.array(runs.presence.shape),
        presence=np.packbits(runs.presence),
        seat_lost=np.packbits(runs.seat_lost),
        **content,
    )
    return out.getvalue()


def unpack(path: Path) -> tuple[Runs, dict[str, Any]]:
    """Histories that were packed, and how they were made.

    Raises
    ------
    ResultError
        When the file is not such an archive.
    """
    if not (path.is_file() and zipfile.is_zipfile(path)):
        raise fail(ResultError, path, "not_packed", reason="no archive")
    try:
        with np.load(path, allow_pickle=False) as found:
            n, days, regions = (int(x) for x in found["shape"])
            made = json.loads(found["made"].tobytes())
            presence = np.unpackbits(found["presence"], count=n * days * regions).reshape(n, days, regions).astype(bool)
            seats = np.unpackbits(found["seat_lost"], count=n * regions).reshape(n, regions).astype(bool)
            people = {k: found[k].astype(float) for k in PEOPLE}
            more = [k.removeprefix("w_") for k in found.files if k.startswith("w_") and k.removeprefix("w_") not in KEPT]
            whole = {name: found[f"w_{name}"] for name in (*KEPT, *more)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise fail(ResultError, path, "not_packed", reason=str(error)) from None
    stopped = whole["stopped"].astype(bool)
    return Runs(presence=presence, seat_lost=seats, stopped=stopped, whole={"run": np.arange(n), **whole}, **people), made


def known_table(path: Path, plan: Plan, seed: int) -> Runs:
    """A packed table of the priors, if it is of this plan and seed and was made by this version of the model.

    Raises
    ------
    ResultError
        When it is not.
    """
    runs, made = unpack(path)
    if not fits(made, plan) or made.get("seed") != seed:
        raise fail(ResultError, path, "not_packed", reason="another model, scenario or seed")
    return runs


def _plain(column: NDArray[Any], exact: bool = False) -> NDArray[Any]:
    """A column without Python objects."""
    if column.dtype.kind == "O":
        return np.array([str(x) for x in column])
    return column.astype(np.float32) if column.dtype.kind == "f" and not exact else column
