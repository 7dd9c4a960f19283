"""Results that ship with a case: how a study's tables become a folder, and how such a folder is read again.

A folder holds tables and `result.json`, written last: kind, command, seed, hashes of model and plan, and the SHA-256 of every table. What
ships lies in `fit/KIND` of the case, beside the posterior. It is shown only where it was made for the present plan by the present model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qantar.ensemble.run import made_by, plain
from qantar.errors import ResultError, fail
from qantar.files.result import RESULT, Stored, read_result, sealed
from qantar.files.tables import to_csv
from qantar.inference.posterior import FIT, fits
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve

Row = Mapping[str, Any]
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "rivals": {
        "rivals": (
            "rival", "tolerance", "families", "near_difference", "near_se", "near_separated",
            "log_score", "held_out_difference", "held_out_se", "held_out_separated",
        ),
        "regions": ("rival", "region", "log_score"),
    },
    "warning": {
        "origins": ("date", "forecaster", "probability", "low", "high", "shown", "of", "followed"),
        "scores": (
            "forecaster", "n", "brier", "brier_low", "brier_high", "log", "log_low", "log_high", "against", "against_se", "separated"
        ),
        "alarms": (
            "forecaster", "threshold", "alarms", "true", "false_per_month", "false_low", "false_high", "waves", "warned", "lead_days"
        ),
        "start": ("what", "share", "low", "high", "shown", "of"),
    },
}  # fmt: skip
"""Columns that a reader may count on, by kind and table."""
SAID = {
    "rivals": ("home", "tolerance"),
    "warning": ("eve", "wave", "horizon", "least_regions", "thresholds", "hindsight"),
}
"""What `result.json` holds besides command and seed, by kind."""


@dataclass(frozen=True)
class Evidence:
    """A result folder that was read: how it was made, and its tables, cells as text."""

    made: dict[str, Any]
    tables: dict[str, list[dict[str, str]]]


def files_of(kind: str, plan: Plan, tables: Mapping[str, Sequence[Row]], **made: Any) -> dict[str, str]:
    """A study's folder as text, `result.json` last.

    Parameters
    ----------
    tables : rows by name of the table; all rows of a table have the same columns
    made : what else repeats the study: at least command, seed and record_sha256
    """
    files = {f"{name}.csv": to_csv(list(rows[0]), [[_cell(v) for v in row.values()] for row in rows]) for name, rows in tables.items()}
    provenance = {
        "kind": kind,
        **made_by(),
        "scenario": plan.case,
        "scale": plan.scale,
        "plan_sha256": plan.sha256(),
        **made,
    }
    return sealed(files, provenance)


def read_evidence(folder: Path, kind: str) -> Evidence | None:
    """What ships with a case; None if nothing of this kind does.

    Parameters
    ----------
    folder : of the case
    kind : a key of `NEEDED`

    Raises
    ------
    ResultError
        If a table is missing, was changed after it was written, or lacks a column.
    """
    home = folder / FIT / kind
    if (found := read_result(home, kind)) is None:
        return None
    if not {"command", "seed", *SAID.get(kind, ())} <= set(found.made):
        raise fail(ResultError, home / RESULT, "not_of_kind", value=kind)
    return Evidence(found.made, {name: _table(found, f"{name}.csv", columns) for name, columns in NEEDED[kind].items()})


def of_this(evidence: Evidence, scenario: Scenario) -> bool:
    """Whether it was made for this scenario, unchanged, by this version of the model."""
    scale = evidence.made.get("scale")
    known = isinstance(scale, int | float) and 0 < scale <= 1
    return known and fits(evidence.made, resolve(scenario, scale=float(scale or 0)))


def _table(found: Stored, name: str, columns: Sequence[str]) -> list[dict[str, str]]:
    rows = found.rows(name)
    if not rows or (missing := [c for c in columns if c not in rows[0]]):
        raise fail(ResultError, found.folder / name, "missing_column", value=missing[0] if rows else columns[0])
    return rows


def _cell(value: Any) -> object:
    """A number of ten digits, yes and no as 1 and 0, nothing for what is not a number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "" if value != value else float(f"{value:.10g}")
    return plain(value)
