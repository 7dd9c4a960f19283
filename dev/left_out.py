"""What a prior from other waves changes for Kazakhstan, and how far uprisings foretell each other's dead and detained.

    python dev/left_out.py [STORE]

Reads evidence/waves/result (`qantar waves`) and the uprisings in evidence/priors; writes evidence/waves/kazakhstan.csv, posterior.csv and
force.csv, which dev/findings.py tells. `DRAWS` draws of either prior are simulated whole, under the same luck, at the scale of the fit
that ships: the first of its table, and the same draws moved to where they lie in the other prior. Histories are kept in STORE, so that a
run that was killed goes on where it was. Of each prior, in the same way:

- the share of draws with a peak as recorded;
- the `NEAR` nearest to how unrest spread, of those that leave December quiet: how near they are, parameters, and features shown;
- for each region the `REGION_NEAR` nearest to all other regions: a log score of its first day, which was held back.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from priors import PARTIAL, uprisings
from scipy import stats

from qantar.ensemble.histories import HALF, Runs, chosen, features, first
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import STORE, Recipe, keep_draws
from qantar.files.result import read_result
from qantar.forecast.baselines import Facts, facts_of
from qantar.forecast.held_out import without_region
from qantar.forecast.scores import log_score_days, paired
from qantar.inference.calibration import task_of
from qantar.inference.distance import MOBILIZATION, Target, distances, items_of, scales_of, target_of
from qantar.inference.posterior import FIT, known_table
from qantar.inference.prior import columns_of, values_at
from qantar.inference.priors import Priors, moved, read_priors
from qantar.inference.problem import Problem, spec_of
from qantar.inference.rejection import Task, points_of, quiet_before, stop_of
from qantar.record.observables import Observables, observe
from qantar.reporting.history import history_seed
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.statistics import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOME = Path(__file__).parents[1] / "evidence"
WAVES = HOME / "waves"
CASE = "kazakhstan-2022"
PEAK = (1e4, 3e5)
"""People out at once in the largest hour, as the record has it within a factor of some five."""
DRAWS, NEAR, REGION_NEAR, PART = 300, 20, 20, 10
REDRAWS = 200


def write(name: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table beside the result."""
    with (WAVES / name).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows([f"{x:.5g}" if isinstance(x, float) else x for x in row] for row in rows)


def drawn_anew(n: int, estimate: Callable[[Ints], float]) -> tuple[float, float]:
    """The middle 95 % of an estimate when its draws are drawn anew."""
    rng = np.random.default_rng(1)
    low, high = np.quantile([estimate(rng.integers(0, n, n)) for _ in range(REDRAWS)], (0.025, 0.975))
    return float(low), float(high)


def moved_to(points: Floats, priors: Priors) -> Floats:
    """Draws of the table's priors, as draws of others: as far along in these as they were in those."""
    found = points.copy()
    for column, (name, prior) in zip(columns_of(list(priors)), priors.items(), strict=True):
        found[:, column] = [moved(name, float(u), prior) for u in points[:, column]]
    return found


def kazakhstan(store: Path) -> None:
    """Both priors side by side."""
    scenario = load_scenario(CASE)
    made = json.loads((scenario.case.folder / FIT / "posterior.json").read_text(encoding="utf-8"))
    plan, record, seed = resolve(scenario, scale=made["scale"]), observe(scenario.case.record), made["seed"]
    known = known_table(HOME / "prior-table.npz", plan, seed)
    target = target_of(record, plan, detained=tuple(spec_of(scenario).detained))
    priors = read_priors(WAVES / "result" / "prior.toml")
    points = points_of(seed, np.arange(DRAWS))
    runner = Runner(store, processes=1, progress=lambda what, done, total: print(what, done, total, flush=True))
    problem = Problem(plan, record, target, first(known, DRAWS), seed)
    task = task_of(problem, scenario, (), runner)
    there = moved_to(points, priors)
    name = keep_draws(runner.store, [values_at(row) for row in there])
    seeds = tuple(history_seed(seed, k, 0) for k in range(DRAWS))
    recipe = Recipe(plan, seed, sampling="given", given=name, seeds=seeds, part=PART, stop_above=stop_of(target))
    sides = {"table": (points, problem.table), "waves": (there, runner.histories(recipe, DRAWS, "waves"))}
    rows: list[list[Any]] = []
    after: dict[str, tuple[Floats, Floats]] = {}
    scored = {}
    facts = facts_of(record, plan)
    for prior, (own, runs) in sides.items():
        items, scales = items_of(runs, target, plan), problem.scales
        away = np.where(runs.stopped, np.inf, distances(items, target, scales, MOBILIZATION))
        peak = np.asarray(runs.whole["peak"], float)
        hits = int(((peak >= PEAK[0]) & (peak <= PEAK[1]) & ~runs.stopped).sum())
        rows.append(["peak", prior, hits / DRAWS, *wilson(hits, DRAWS), DRAWS])
        near = nearest_quiet(task, own, away)
        rows.append(["limit", prior, float(away[near].max()), math.nan, math.nan, len(near)])
        middle, shown = partial(_middle, away[near]), partial(_shown, chosen(runs, near), record, plan)
        everyone = np.arange(len(near))
        rows.append(["middle", prior, middle(everyone), *drawn_anew(len(near), middle), len(near)])
        rows.append(["shown", prior, shown(everyone), *drawn_anew(len(near), shown), len(near)])
        after[prior] = own, own[near]
        scored[prior] = surprise(runs, items, target, plan, facts)
        found = paired(scored[prior], 0.0)
        rows.append(["score", prior, found.mean, found.mean - 2 * found.se, found.mean + 2 * found.se, DRAWS])
    whole = paired(surprise(known, items_of(known, target, plan), target, plan, facts), 0.0)
    rows.append(["score", "all of the table", whole.mean, whole.mean - 2 * whole.se, whole.mean + 2 * whole.se, known.n])
    found = paired(scored["waves"], scored["table"])
    rows.append(["score", "waves less table", found.mean, found.mean - 2 * found.se, found.mean + 2 * found.se, len(plan.regions)])
    write("kazakhstan.csv", ("what", "prior", "value", "low", "high", "of"), rows)
    names = list(dict.fromkeys([*spec_of(scenario).fitted, *priors]))
    write(
        "posterior.csv",
        ("parameter", "prior", "before_q05", "before_q50", "before_q95", "q05", "q50", "q95"),
        [[n, prior, *quantiles(before, n), *quantiles(fitted, n)] for n in names for prior, (before, fitted) in after.items()],
    )


def surprise(runs: Runs, items: Floats, target: Target, plan: Plan, facts: Facts) -> Floats:
    """Log score of each region's first day, by the histories nearest to all other regions, shape (regions,)."""
    days = np.where(runs.onset() < 0, facts.n_days, runs.onset())
    said = []
    for k, region in enumerate(plan.regions):
        part = without_region(target, region.id)
        far = np.where(runs.stopped, np.inf, distances(items, part, scales_of(part), MOBILIZATION))
        some = np.argsort(far, kind="stable")[:REGION_NEAR]
        said.append(np.bincount(days[some, k], minlength=facts.n_days + 1) / len(some))
    return np.asarray(log_score_days(np.array(said), facts.low, facts.high, REGION_NEAR))


def _middle(away: Floats, rows: Ints) -> float:
    return float(np.median(away[rows]))


def _shown(runs: Runs, record: Observables, plan: Plan, rows: Ints) -> float:
    """Recorded features that half of some histories or more show."""
    return float(sum(f.share >= HALF for f in features(chosen(runs, rows), record, plan)))


def nearest_quiet(task: Task, points: Floats, away: Floats) -> Ints:
    """The nearest that leave the quiet period quiet."""
    order, found = np.argsort(away, kind="stable"), np.zeros(0, np.int64)
    for start in range(0, len(order), NEAR):
        some = order[start : start + NEAR]
        some = some[np.isfinite(away[some])]
        if len(found) >= NEAR or not len(some):
            break
        found = np.append(found, some[quiet_before(task, some, points[some], PART)])
    return found[:NEAR]


def quantiles(points: Floats, name: str) -> list[float]:
    """5, 50 and 95 % of a parameter."""
    values = [values_at(row)[name] for row in points]
    return [float(x) for x in np.quantile(values, (0.05, 0.5, 0.95))]


def force() -> None:
    """Each uprising's dead and detained a participant-day, foretold from all others: Student's t of the decimal logs."""
    known = uprisings()
    rows = []
    for what in ("deaths", "detained"):
        ratio = {k: math.log10(v[what] / v["participant_days"]) for k, v in known.items() if v[what] > 0 and v["participant_days"] > 0}
        ratio = {k: v for k, v in ratio.items() if what != "detained" or k not in PARTIAL}
        for name, value in ratio.items():
            others = np.array([v for k, v in ratio.items() if k != name])
            wide = others.std(ddof=1) * math.sqrt(1 + 1 / len(others))
            low, high = stats.t.interval(0.9, len(others) - 1, others.mean(), wide)
            p = 2 * float(stats.t.sf(abs(value - others.mean()) / wide, len(others) - 1))
            rows.append([what, name, value, float(others.mean()), float(low), float(high), p])
    write("force.csv", ("what", "uprising", "log10", "foretold", "low", "high", "p"), rows)


if __name__ == "__main__":
    assert read_result(WAVES / "result", "waves") is not None
    force()
    kazakhstan(Path(sys.argv[1]) if len(sys.argv) > 1 else STORE)
