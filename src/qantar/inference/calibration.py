"""One calibration from the table of the priors to a folder of results.

In: a scenario with a `[calibration]` section. Out: `Fitted`: particles, coverage on simulated records, what was learned, the fit before and
after; `files_of` gives it as tables.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qantar
from qantar.draws import SCHEME
from qantar.ensemble.histories import Feature, Runs, features
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import model_hash
from qantar.errors import ScenarioError, fail
from qantar.files.cells import to_csv
from qantar.inference.abc_smc import Particles, Setup, Task, calibrate, points_of
from qantar.inference.diagnostics import (
    Coverage,
    Learned,
    adjusted,
    coverage,
    effective_families,
    leave_one_out,
    narrowing,
    ridges,
    scores_of,
    uniformity,
)
from qantar.inference.distance import Target, items_of, middle_of, summary_of, target_of
from qantar.inference.posterior import pack, write_posterior
from qantar.inference.predictive import predictive
from qantar.inference.prior import value_at
from qantar.inference.problem import Problem, prior_table, spec_of
from qantar.model.outcome import UPRISING
from qantar.record.observables import observe
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import Edit, Plan, Scenario, quiet_plan, resolve
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
PSEUDO = 500
"""Simulated records on which intervals are checked."""
PSEUDO_LEAST = 30
"""Fewer than so many say nothing about intervals."""
Q = (0.05, 0.5, 0.95)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fitted:
    """Everything a calibration says."""

    scenario: Scenario
    plan: Plan
    setup: Setup
    seed: int
    target: Target
    particles: Particles
    rows: list[int]
    """particles that ship"""
    learned: list[Learned]
    ridges: list[tuple[str, str, float]]
    coverage: list[Coverage]
    uniform: dict[str, float]
    """p-value of the ranks' uniformity, by parameter"""
    pseudo: int
    """simulated records behind it"""
    before: list[Feature]
    after: list[Feature]
    """features shown by draws of the priors, and by the particles that ship under new seeds"""
    table: Runs
    made: dict[str, Any]

    @property
    def families(self) -> float:
        """Independent ancestors that the particles stand for."""
        return effective_families(self.particles.origin)


def fit(
    scenario: Scenario,
    setup: Setup,
    runner: Runner,
    *,
    seed: int,
    edits: Sequence[Edit] = (),
    scale: float = 0.1,
    known: Runs | None = None,
    command: Mapping[str, Any] | None = None,
) -> Fitted:
    """Calibrate a scenario.

    Parameters
    ----------
    scenario : Scenario
        With a `[calibration]` section.
    setup : Setup
        How much is computed.
    seed : int
        Of the draws of the priors, the moves and all histories.
    known : Runs, optional
        Histories of the first draws, from a packed table of this plan, seed and version of the model.

    Raises
    ------
    ScenarioError
        If the scenario does not say what is fitted, or an edit does not fit.
    StudyError, ResultError
        As `run_ensemble`.
    """
    spec = spec_of(scenario)
    problem = problem_of(scenario, setup, runner, seed=seed, edits=edits, scale=scale, known=known)
    plan, target, table, record = problem.plan, problem.target, problem.table, problem.record
    quiet = quiet_plan(scenario, edits, scale=scale)
    most = spec.quiet.most_regions if spec.quiet else 0
    task = Task(plan, target, problem.scales, quiet, most, seed, runner, tuple(spec.mobilization))
    particles = calibrate(task, table, setup)
    rows = _kept(particles, setup.keep, seed)
    ranks = record_ranks(spec.fitted, table, target, plan, seed, runner.stage("pseudo"))
    covered = coverage(ranks, spec.fitted) if len(ranks) else []
    p_values = dict(zip(spec.fitted, uniformity(ranks).tolist(), strict=True)) if len(ranks) else {}
    values = particles.values()
    again = predictive(plan, [values[k] for k in rows], runner, seed, "after", part=setup.part)
    learned, pairs = _learned(spec.fitted, particles, target, seed)
    made = {
        "program": f"qantar {qantar.__version__}",
        "command": command,
        "scenario": plan.case,
        "model_sha256": model_hash(),
        "draw_scheme": SCHEME,
        "plan_sha256": plan.sha256(),
        "scale": scale,
        "seed": seed,
        "setup": dataclasses.asdict(setup),
        "edits": [e.model_dump() for e in edits],
        "mobilization": spec.mobilization,
        "force": spec.force,
        "tolerance": round(float(particles.mobilization.max()), 4),
        "families": round(effective_families(particles.origin), 1),
        "distinct": particles.distinct(),
    }
    before = features(table, record, plan)
    return Fitted(
        scenario, plan, setup, seed, target, particles, rows, learned, pairs, covered, p_values, len(ranks), before,
        features(again, record, plan), table, made,
    )  # fmt: skip


def problem_of(
    scenario: Scenario, setup: Setup, runner: Runner, *, seed: int, edits: Sequence[Edit], scale: float, known: Runs | None
) -> Problem:
    """What any fit stands on; arguments and errors as `fit`."""
    spec = spec_of(scenario)
    plan, record = resolve(scenario, edits, scale=scale), observe(scenario.case.record)
    if fixed := [name for name in spec.fitted if name in plan.parameters]:
        raise fail(ScenarioError, f"parameters.{fixed[0]}", "fitted_twice", value=fixed[0])
    target = target_of(record, plan, detained=tuple(spec.detained))
    return Problem(plan, record, target, prior_table(plan, setup.table, seed, runner, part=setup.part, known=known), seed)


def _kept(particles: Particles, keep: int, seed: int) -> list[int]:
    """Particles that ship, in an order drawn once: the first n of them are a sample of all."""
    lots = [lot(seed, StudyKey.POSTERIOR_ORDER, k) for k in range(len(particles.seeds))]
    return [int(k) for k in np.argsort(lots, kind="stable")[:keep]]


def uprisings(table: Runs) -> NDArray[np.int64]:
    """Numbers of the histories with at least `UPRISING` out at once that were run to their end."""
    return np.flatnonzero((np.asarray(table.whole["peak"], float) >= UPRISING) & ~table.stopped)


def simulated_records(table: Runs, seed: int) -> NDArray[np.int64]:
    """Numbers of the histories that play the record: `uprisings`, at most `PSEUDO` of them, none if they are too few."""
    candidates = uprisings(table)
    order = np.argsort([lot(seed, StudyKey.RECORD_CHOICE, int(k)) for k in candidates], kind="stable")
    return candidates[order[:PSEUDO]] if len(candidates) >= PSEUDO_LEAST else candidates[:0]


def record_summary(target: Target, items: Floats) -> Floats:
    """The summary of a record at the middle of its intervals, shape (numbers,); a blank is as simulated."""
    middle = middle_of(target)
    return np.asarray(summary_of(np.where(np.isnan(middle), items.mean(axis=0), middle)[None], target)[0][0])


def prior_scores(names: Sequence[str], seed: int, n: int) -> Floats:
    """Normal scores of some parameters of the first n draws of the priors, shape (n, names)."""
    columns = [list(parameters()).index(name) for name in names]
    return scores_of(points_of(seed, np.arange(n))[:, columns])


def record_ranks(
    names: list[str], table: Runs, target: Target, plan: Plan, seed: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Floats:
    """Ranks of true parameters on simulated records, among draws of the same prior: that of histories with an uprising.

    How many are out at the peak is not in the summary, so the nearest draws of the whole table are no posterior of a record that was
    chosen by it: among them are histories that fell short because arrests were quick, and the ranks of `arrest_rate` leaned low.
    """
    rows, among = simulated_records(table, seed), uprisings(table)
    if not len(rows):
        return np.empty((0, len(names)))
    summaries, _ = summary_of(items_of(table, target, plan), target)
    return leave_one_out(
        prior_scores(names, seed, table.n)[among],
        summaries[among],
        np.searchsorted(among, rows),
        near=min(300, len(among) // 2),
        tie=lambda k, p: lot(seed, StudyKey.RANK_TIE, int(among[k]), p),
        progress=progress,
    )


def _learned(names: list[str], p: Particles, target: Target, seed: int) -> tuple[list[Learned], list[tuple[str, str, float]]]:
    """What was learned of each fitted parameter, after adjustment to the middle of the record's intervals, and the ridges."""
    columns = [list(parameters()).index(n) for n in names]
    summaries, _ = summary_of(p.items, target)
    scores = adjusted(scores_of(p.points[:, columns]), summaries, record_summary(target, p.items))
    narrowed = narrowing(scores, p.origin, lambda t, k: lot(seed, StudyKey.ANCESTOR_RESAMPLE, k, t))
    return [learned_of(name, scores[:, k], *(float(x[k]) for x in narrowed)) for k, name in enumerate(names)], ridges(scores, names)


def learned_of(name: str, scores: Floats, narrowed: float, low: float, high: float) -> Learned:
    """Quantiles of a parameter before and after, from its normal scores after, with how much narrower it became."""
    from scipy.special import ndtr

    places = np.clip(ndtr(np.quantile(scores, Q)), 1e-12, 1 - 1e-12)
    before, after = ([value_at(parameters()[name], float(q)) for q in three] for three in (Q, places))
    return Learned(name, (before[0], before[1], before[2]), (after[0], after[1], after[2]), narrowed, low, high)


def files_of(found: Fitted) -> dict[str, str]:
    """The posterior, what was learned of it, how it fits and how it was reached, as the files of a result."""
    posterior = write_posterior(found.particles, found.rows, found.made)
    before = {(f.kind, f.of): f for f in found.before}
    shares = []
    for f in found.after:
        old = before[(f.kind, f.of)]
        ends = [*(_short(x) for x in old.interval()), *(_short(x) for x in f.interval())]
        shares.append([f.kind, f.of, f.recorded, _short(old.share), *ends[:2], _short(f.share), *ends[2:], _short(f.median)])
    trace = [dataclasses.asdict(r) for r in found.particles.trace]
    simulated = [[f.kind, f.of, *map(_short, (f.median, f.low, f.high))] for f in found.after]
    return {
        **posterior,
        **tables_of(found.learned, found.ridges, found.coverage, found.uniform),
        "fit.csv": to_csv(["kind", "of", "recorded", "prior_share", "prior_low", "prior_high", "share", "low", "high", "median"], shares),
        "simulated.csv": to_csv(["kind", "of", "median", "low", "high"], simulated),
        "rounds.csv": to_csv(list(trace[0]) if trace else ["module"], [[_short(v) for v in r.values()] for r in trace]),
    }


def tables_of(
    learned: list[Learned], pairs: list[tuple[str, str, float]], covered: list[Coverage], p_values: dict[str, float]
) -> dict[str, str]:
    """What was learned, ridges and coverage as tables."""
    heads = ["prior_q05", "prior_q50", "prior_q95", "posterior_q05", "posterior_q50", "posterior_q95"]
    of_learned = [
        [x.parameter, *map(_short, x.prior), *map(_short, x.posterior), _short(x.narrowing), _short(x.low), _short(x.high), x.word]
        for x in learned
    ]
    return {
        "learned.csv": to_csv(["parameter", *heads, "narrowing", "low", "high", "word"], of_learned),
        "ridges.csv": to_csv(["parameter", "with", "correlation"], [[a, b, _short(r)] for a, b, r in pairs]),
        "coverage.csv": to_csv(
            ["parameter", "level", "held", "of", "chance_low", "chance_high", "holds", "ranks_uniform_p"],
            [
                [c.parameter, c.level, c.held, c.of, _short(c.low), _short(c.high), int(c.holds), _short(p_values[c.parameter])]
                for c in covered
            ],
        ),
    }


def packed_table(found: Fitted) -> bytes:
    """The table of the priors as one archive."""
    keys = ("program", "setup", "scenario", "model_sha256", "draw_scheme", "plan_sha256", "scale", "seed")
    return pack(found.table, {k: found.made[k] for k in keys})


def _short(x: Any) -> Any:
    if not isinstance(x, float):
        return x
    return "" if math.isnan(x) else float(f"{x:.5g}")
