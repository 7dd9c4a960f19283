"""Does it matter that only one resident in ten is simulated: the posterior again, with everyone.

Every particle gets one new history at the scale it was fitted at and one with everyone, both with luck that nothing was fitted to, both
broken off where the calibration breaks off. What the fit compares with the record is then compared between the two, item by item, and the
share broken off. The luck of the two is not the same, because residents are not: differences are means over particles, paired, with
their standard errors; "separated" means two of them. Of so many rows about one in twenty is separated by chance.
Hundreds of pairs also find differences that do not matter: each is held against the error that the fit allows the record as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.messages import text
from qantar.record.observables import observe
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve
from qantar.study.calibrate import spec_of, stop_of
from qantar.study.ensemble import run_ensemble
from qantar.study.fit import ERRORS, items_of, target_of
from qantar.study.reporting import history_seed
from qantar.study.scores import paired
from qantar.study.store import Recipe, keep_draws
from qantar.study.summary import Runs, arrays

Floats = NDArray[np.float64]
CHANCE = 0.05
"""Share of rows that two standard errors separate by chance."""


def predictive(
    plan: Plan,
    values: Sequence[Values],
    root: Path,
    seed: int,
    *,
    processes: int | None = None,
    part: int = 10,
    stop_above: float = 2_000_000.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Runs:
    """One more history of each set of parameters, with a seed that nothing was fitted to."""
    base = history_seed(seed, 1 << 34, 0)
    recipe = Recipe(plan, base, sampling="given", given=keep_draws(root, values), part=part, stop_above=stop_above)
    return arrays(*run_ensemble(recipe, len(values), root, processes=processes, progress=progress).read(len(values)))


def at_scales(
    scenario: Scenario,
    values: Sequence[Values],
    root: Path,
    *,
    seed: int,
    scale: float,
    full: float = 1.0,
    processes: int | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[dict[str, Any]]:
    """Both scales side by side, a row for each number.

    Parameters
    ----------
    values : sets of parameters
    scale, full : residents simulated for each resident of the country

    Raises
    ------
    ScenarioError
        If the scenario does not say what is fitted.
    StudyError, ResultError
        As `run_ensemble`.
    """
    record, detained = observe(scenario.case.record), tuple(spec_of(scenario).detained)
    found = []
    for what, of in (("after", scale), ("verify", full)):
        plan = resolve(scenario, scale=of)
        target = target_of(record, plan, detained=detained)
        runs = predictive(
            plan, values, root, seed, processes=processes, part=4, stop_above=stop_of(target),
            progress=lambda done, total, what=what: progress(what, done, total),  # type: ignore[misc]
        )  # fmt: skip
        found.append(np.column_stack([items_of(runs, target, plan), runs.stopped]))
    return compared([*((i.block, i.of, i.day) for i in target.items), ("stopped", "", -1)], *found)


def compared(names: Sequence[tuple[str, str, int]], small: Floats, full: Floats) -> list[dict[str, Any]]:
    """Means at two scales, their paired difference with its standard error, and both in units of the spread at the smaller scale.

    A difference is "beyond" if it is larger than the error that the fit allows the record (`fit.ERRORS`).

    >>> row = compared([("deaths", "country", -1)], np.array([[1.0], [2.0]]), np.array([[1.5], [2.5]]))[0]
    >>> row["difference"], row["se"], row["separated"]
    (0.5, 0.0, True)
    """
    rows = []
    for k, (block, of, day) in enumerate(names):
        d = paired(full[:, k], small[:, k])
        spread = float(small[:, k].std()) or 1.0
        rows.append(
            {
                "block": block,
                "of": of,
                "day": day,
                "scaled_down": float(small[:, k].mean()),
                "everyone": float(full[:, k].mean()),
                "difference": d.mean,
                "se": d.se,
                "n": d.n,
                "in_spreads": d.mean / spread,
                "in_spreads_se": d.se / spread,
                "separated": d.separated,
                "record_error": ERRORS.get(block, math.nan),
                "beyond": abs(d.mean) > ERRORS.get(block, math.inf),
            }
        )
    return rows


def name_of(row: Mapping[str, Any], lang: str, places: Mapping[str, str]) -> str:
    """What a row compares, in words: the block, what of (by the names of places), the day of the window."""
    of = "" if str(row["of"]) in ("", "country") else text("report.colon", lang) + places.get(str(row["of"]), str(row["of"]))
    day = text("scale.day", lang, n=int(row["day"]) + 1) if int(row["day"]) >= 0 else ""
    return text(f"scale.block.{row['block']}", lang) + of + day
