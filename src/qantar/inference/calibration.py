"""One calibration from the table of the priors to a folder of results.

In: a scenario with a `[calibration]` section. Out: `Fitted`: particles, coverage on simulated records, what was learned, the fit before and
after; `files_of` gives it as tables.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qantar
from qantar.draws import SCHEME
from qantar.ensemble.histories import Feature, Runs, chosen, features
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws, model_hash
from qantar.errors import ScenarioError, fail
from qantar.files.cells import to_csv
from qantar.files.write import kept_in
from qantar.inference.between import Between, between
from qantar.inference.diagnostics import (
    Coverage,
    Learned,
    coverage,
    leave_one_out,
    narrowing,
    ridges,
    scores_of,
    uniformity,
)
from qantar.inference.distance import Target, items_of, scales_of, summary_of, target_of
from qantar.inference.enough import announce, enough
from qantar.inference.posterior import pack, write_posterior
from qantar.inference.prior import columns_of, value_at
from qantar.inference.priors import Priors, favour, moved, places
from qantar.inference.problem import Problem, prior_table, spec_of
from qantar.inference.proposal import equal
from qantar.inference.rejection import Particles, Setup, Task, calibrate, points_of, quiet_before
from qantar.model.outcome import UPRISING
from qantar.record.observables import observe
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.scenario import Edit, Plan, Scenario, quiet_plan, resolve
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PSEUDO = 500
"""Simulated records on which intervals are checked."""
NEIGHBOURS = 50
"""Draws that stand for the posterior of such a record, of some thousand: more are farther off than a fit would take, and too wide."""
PSEUDO_LEAST = 30
"""Fewer than so many say nothing about intervals."""
LOOKED_AT = 2_000
"""Histories with an uprising of which the quiet period is simulated, at most: those that leave it quiet play the record, and stand for the
prior among which a record's parameters are ranked."""
WHOLE = 4_000
"""Draws with whole histories in a fit that only tells how far fits differ, at most: as many are looked at, fewer of them to their end."""
Q = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Terms:
    """What is fitted, and how much is computed for it.

    Parameters
    ----------
    scenario : with a `[calibration]` section
    seed : of the draws of the priors, of parameters drawn anew and of all histories
    known : histories of the first draws, from a packed table of this plan, seed and version of the model
    priors : what holds in place of the table's priors (`inference.priors`)
    """

    scenario: Scenario
    setup: Setup
    seed: int
    edits: Sequence[Edit] = ()
    scale: float = 0.1
    known: Runs | None = None
    priors: Priors = field(default_factory=dict)

    def key(self) -> str:
        """A name for all that a fit depends on."""
        plan = resolve(self.scenario, self.edits, scale=self.scale)
        spec = spec_of(self.scenario)
        target = target_of(observe(self.scenario.case.record), plan, detained=tuple(spec.detained))
        said = {
            "setup": dataclasses.asdict(self.setup),
            "seed": self.seed,
            "model": model_hash(),
            "plan": plan.sha256(),
            "spec": spec.model_dump(mode="json"),
            "record": [[i.block, i.of, i.day, str(a), str(b)] for i, a, b in zip(target.items, target.low, target.high, strict=True)],
            "scales": scales_of(target).tolist(),
        }
        said |= {"priors": _dumped(self.priors)} if self.priors else {}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]

    def problem(self, runner: Runner, histories: int = 0) -> Problem:
        """The record as intervals, and the table of the priors.

        Parameters
        ----------
        histories : how many whoever asks will make at most: announced where they are many

        Raises
        ------
        ScenarioError
            If the scenario does not say what is fitted, or an edit does not fit.
        StudyError, ResultError
            If the record dates nothing; and as `run_ensembles`.
        """
        spec = spec_of(self.scenario)
        plan, record = resolve(self.scenario, self.edits, scale=self.scale), observe(self.scenario.case.record)
        if fixed := [name for name in spec.fitted if name in plan.parameters]:
            raise fail(ScenarioError, f"parameters.{fixed[0]}", "fitted_twice", value=fixed[0])
        target = target_of(record, plan, detained=tuple(spec.detained))
        runner.note(enough(target, plan, quiet=spec.quiet is not None))
        announce(plan, self.seed, histories, runner)
        table = prior_table(plan, self.setup.table, self.seed, runner, part=self.setup.part, known=self.known)
        return Problem(plan, record, target, table, self.seed)


@dataclass(frozen=True)
class Findings:
    """What a fit says of the fitted parameters, and whether that may be believed."""

    learned: list[Learned]
    ridges: list[tuple[str, str, float]]
    coverage: list[Coverage]
    uniform: dict[str, float]
    """p-value of the ranks' uniformity, by parameter"""

    def tables(self) -> dict[str, str]:
        """What was learned, ridges and coverage as the files of a result."""
        heads = ["prior_q05", "prior_q50", "prior_q95", "posterior_q05", "posterior_q50", "posterior_q95"]
        learned = [[x.parameter, *map(_short, (*x.prior, *x.posterior, x.narrowing, x.low, x.high)), x.word] for x in self.learned]
        covered = [
            [c.parameter, c.level, c.held, c.of, _short(c.low), _short(c.high), int(c.holds), _short(self.uniform[c.parameter])]
            for c in self.coverage
        ]
        of_coverage = ["parameter", "level", "held", "of", "chance_low", "chance_high", "holds", "ranks_uniform_p"]
        return {
            "learned.csv": to_csv(["parameter", *heads, "narrowing", "low", "high", "word"], learned),
            "ridges.csv": to_csv(["parameter", "with", "correlation"], [[a, b, _short(r)] for a, b, r in self.ridges]),
            "coverage.csv": to_csv(of_coverage, covered),
        }


def findings(
    names: Sequence[str], scores: Floats, narrowed: tuple[Floats, Floats, Floats], ranks: Floats, priors: Priors | None = None
) -> Findings:
    """What normal scores at the record, with how much narrower they became, and ranks on simulated records say.

    Parameters
    ----------
    scores : shape (draws, parameters)
    narrowed : narrowing of each parameter, and its 95 % interval
    ranks : shape (records, parameters)
    priors : of which the scores are, where they are not those of the table
    """
    from scipy.special import ndtr

    learned = []
    for k, name in enumerate(names):
        at = np.clip(ndtr(np.quantile(scores[:, k], Q)), 1e-12, 1 - 1e-12)
        own, prior = parameters()[name], (priors or {}).get(name)
        before, after = ([value_at(own, float(q) if prior is None else moved(name, float(q), prior)) for q in three] for three in (Q, at))
        middle, low, high = (float(x[k]) for x in narrowed)
        learned.append(Learned(name, (before[0], before[1], before[2]), (after[0], after[1], after[2]), middle, low, high))
    if not len(ranks):
        return Findings(learned, ridges(scores, names), [], {})
    p_values = dict(zip(names, uniformity(ranks).tolist(), strict=True))
    return Findings(learned, ridges(scores, names), coverage(ranks, names), p_values)


@dataclass(frozen=True)
class Fitted:
    """Everything a calibration says."""

    particles: Particles
    scores: Floats
    """normal scores of the fitted parameters, shape (particles, parameters)"""
    findings: Findings
    pseudo: Ints
    """numbers of the histories of the table with an uprising that leave the quiet period quiet, of those that were looked at"""
    before: list[Feature]
    after: list[Feature]
    """features shown by draws of the priors, and by the particles that ship under new seeds"""
    made: dict[str, Any]


def fit(terms: Terms, runner: Runner, command: Mapping[str, Any] | None = None, *, checked: bool = True) -> Fitted:
    """Calibrate a scenario; errors as `Terms.problem`.

    Parameters
    ----------
    checked : whether intervals are checked on simulated records
    """
    spec, setup, seed = spec_of(terms.scenario), terms.setup, terms.seed
    asked = {
        "table": True, "looked": setup.draws > setup.table, "proposed": setup.rounds > 0, "force": setup.force_draws > 0, "pseudo": checked,
        "after": True,
    }  # fmt: skip
    runner = runner.of_stages([name for name, is_done in asked.items() if is_done])
    problem = terms.problem(runner, setup.in_all + setup.near * setup.force_draws + setup.particles)
    plan, table, record = problem.plan, problem.table, problem.record
    task = replace(task_of(problem, terms.scenario, terms.edits, runner), priors=terms.priors)
    particles = calibrate(task, table, setup)
    checked = checked and not terms.priors  # simulated records are of the table's priors
    pseudo = quiet_uprisings(task, table, setup) if checked else np.zeros(0, np.int64)
    ranks = record_ranks(spec.fitted, table, problem.target, plan, seed, pseudo, runner.stage("pseudo"))
    again = predictive(plan, particles.values(), runner, seed, "after", part=setup.part)
    made = {
        "program": f"qantar {qantar.__version__}",
        "command": command,
        "scenario": plan.case,
        "model_sha256": model_hash(),
        "draw_scheme": SCHEME,
        "plan_sha256": plan.sha256(),
        "target_sha256": problem.target.sha256(),
        "scale": terms.scale,
        "seed": seed,
        "setup": dataclasses.asdict(setup),
        "edits": [e.model_dump() for e in terms.edits],
        "mobilization": spec.mobilization,
        "force": spec.force,
        **({"priors": _dumped(terms.priors)} if terms.priors else {}),
        "tolerance": round(float(particles.mobilization.max()), 4),
        "independent": round(particles.trace[-1].worth),
    }
    scores, narrowed = _scores(spec.fitted, particles, seed, terms.priors)
    learned = findings(spec.fitted, scores, narrowed, ranks, terms.priors)
    before, after = (features(runs, record, plan) for runs in (_as_before(table, terms), again))
    return Fitted(particles, scores, learned, pseudo, before, after, made)


@dataclass(frozen=True)
class Run:
    """What is kept of one fit: enough to print it, and to hold it against others."""

    files: dict[str, str]
    made: dict[str, Any]
    scores: Floats
    """as in `Fitted`"""
    after: list[Feature]

    @classmethod
    def of(cls, found: Fitted) -> Run:
        """A fit that was just made."""
        return cls(files_of(found), found.made, found.scores, found.after)

    def as_dict(self) -> dict[str, Any]:
        """As data."""
        after = [dataclasses.asdict(f) for f in self.after]
        return {"files": self.files, "made": self.made, "scores": self.scores.tolist(), "after": after}


def repeated(
    terms: Terms, runs: int, runner: Runner, command: Mapping[str, Any] | None = None, kept: Path | None = None, packed: Path | None = None
) -> tuple[Run, list[Between], dict[Path, bytes]]:
    """A fit, how far it differs from others of the same terms with the next seeds, and the table of the priors; errors as `fit`.

    Parameters
    ----------
    runs : how many fits there are in all; each has draws of its own
    kept : folder of finished fits: one that is there is not made again, a new one is added
    packed : where the table of the first is wanted
    """
    short = replace(terms.setup, table=min(terms.setup.table, WHOLE), draws=max(terms.setup.draws, terms.setup.table))
    others = [replace(terms, seed=terms.seed + k, setup=short, known=None) for k in range(1, runs)]
    found, table = _kept_or_made(terms, runner, command, kept, checked=True), {}
    if packed is not None:
        table[packed] = packed_table(terms.problem(runner).table, found.made)
    fits = [found, *(_kept_or_made(own, runner.named(str(own.seed)), None, kept, checked=False) for own in others)]
    names = spec_of(terms.scenario).fitted
    return found, between(names, [f.scores for f in fits], [f.after for f in fits]) if others else [], table


def _kept_or_made(terms: Terms, runner: Runner, command: Mapping[str, Any] | None, kept: Path | None, *, checked: bool) -> Run:
    """A fit from a folder of finished ones; else it is made, and kept there."""
    folders = [] if kept is None else [kept]
    said, _ = kept_in(folders, f"fit-{terms.key()}.json", lambda: Run.of(fit(terms, runner, command, checked=checked)).as_dict())
    return Run(said["files"], said["made"], np.array(said["scores"]), [Feature(**f) for f in said["after"]])


def task_of(problem: Problem, scenario: Scenario, edits: Sequence[Edit], runner: Runner) -> Task:
    """What a scenario's `[calibration]` section asks of a problem."""
    spec, plan = spec_of(scenario), problem.plan
    quiet = quiet_plan(scenario, edits, scale=plan.scale)
    most = spec.quiet.most_regions if spec.quiet else 0
    return Task(plan, problem.target, problem.scales, quiet, most, problem.seed, runner, tuple(spec.mobilization))


def predictive(
    plan: Plan, values: Sequence[Values], runner: Runner, seed: int, stage: str, *, part: int, stop_above: float = 2_000_000.0
) -> Runs:
    """What a posterior foretells: one more history of each set of parameters, with a seed that nothing was fitted to."""
    kept = keep_draws(runner.store, values)
    recipe = Recipe(plan, history_seed(seed, 1 << 34, 0), sampling="given", given=kept, part=part, stop_above=stop_above)
    return runner.histories(recipe, len(values), stage)


def uprisings(table: Runs) -> Ints:
    """Numbers of the histories with at least `UPRISING` out at once that were run to their end."""
    return np.flatnonzero((np.asarray(table.whole["peak"], float) >= UPRISING) & ~table.stopped)


def simulated_records(candidates: Ints, seed: int) -> Ints:
    """Which of these histories play the record: at most `PSEUDO` of them, by lot, none if they are too few."""
    return _by_lot(candidates, seed)[:PSEUDO] if len(candidates) >= PSEUDO_LEAST else candidates[:0]


def quiet_uprisings(task: Task, table: Runs, setup: Setup) -> Ints:
    """Numbers of the histories with an uprising that leave the quiet period quiet, as the record does, of at most `LOOKED_AT`, by lot."""
    candidates = np.sort(_by_lot(uprisings(table), task.seed)[:LOOKED_AT])
    points = points_of(task.seed, candidates) if len(candidates) else np.empty((0, 0))
    return candidates[quiet_before(task, candidates, points, setup.part)]


def _by_lot(candidates: Ints, seed: int) -> Ints:
    lots = [lot(seed, StudyKey.RECORD_CHOICE, int(k)) for k in candidates]
    return candidates[np.argsort(lots, kind="stable")]


def prior_scores(names: Sequence[str], seed: int, n: int) -> Floats:
    """Normal scores of some parameters of the first n draws of the priors, shape (n, names)."""
    return scores_of(points_of(seed, np.arange(n))[:, columns_of(names)])


def record_ranks(
    names: list[str],
    table: Runs,
    target: Target,
    plan: Plan,
    seed: int,
    among: Ints,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Floats:
    """Ranks of true parameters on simulated records, among draws of the same prior.

    How many are out at the peak is not in the summary, nor is the quiet period, so the nearest draws of the whole table are no posterior
    of a record that was chosen by them: among them are histories that fell short because arrests were quick, and the ranks of
    `arrest_rate` leaned low.

    Parameters
    ----------
    among : numbers of the histories of the table that could play the record, in rising order: `quiet_uprisings`
    """
    rows = simulated_records(among, seed)
    if not len(rows):
        return np.empty((0, len(names)))
    summaries = summary_of(items_of(table, target, plan), target)
    return leave_one_out(
        prior_scores(names, seed, table.n)[among],
        summaries[among],
        np.searchsorted(among, rows),
        near=min(NEIGHBOURS, len(among) // 2),
        tie=lambda k, p: lot(seed, StudyKey.RANK_TIE, int(among[k]), p),
        progress=progress,
    )


def _as_before(table: Runs, terms: Terms) -> Runs:
    """Histories of draws of the priors that hold: those of the table, as often as they weigh."""
    if not terms.priors:
        return table
    weights = favour(points_of(terms.seed, np.arange(table.n)), terms.priors)
    return chosen(table, equal(weights, table.n, lot(terms.seed, StudyKey.EQUAL_WEIGHT, 1)))


def _dumped(priors: Priors) -> dict[str, dict[str, Any]]:
    return {name: p.model_dump() for name, p in sorted(priors.items())}


def _scores(names: Sequence[str], p: Particles, seed: int, priors: Priors) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    """Normal scores of the fitted parameters in the priors that hold, and how much narrower they became."""
    scores = scores_of(places(p.points, priors)[:, columns_of(names)])
    return scores, narrowing(scores, p.origin, lambda t, k: lot(seed, StudyKey.ANCESTOR_RESAMPLE, k, t))


def files_of(found: Fitted) -> dict[str, str]:
    """The posterior, what was learned of it, how it fits and how it was reached, as the files of a result."""
    before = {(f.kind, f.of): f for f in found.before}
    shares = []
    for f in found.after:
        old = before[(f.kind, f.of)]
        ends = [*(_short(x) for x in old.interval()), *(_short(x) for x in f.interval())]
        shares.append([f.kind, f.of, f.recorded, _short(old.share), *ends[:2], _short(f.share), *ends[2:], _short(f.median)])
    trace = [dataclasses.asdict(r) for r in found.particles.trace]
    simulated = [[f.kind, f.of, *map(_short, (f.median, f.low, f.high))] for f in found.after]
    return {
        **write_posterior(found.particles, found.made),
        **found.findings.tables(),
        "pseudo.csv": to_csv(["draw"], [[int(k)] for k in found.pseudo]),
        "fit.csv": to_csv(["kind", "of", "recorded", "prior_share", "prior_low", "prior_high", "share", "low", "high", "median"], shares),
        "simulated.csv": to_csv(["kind", "of", "median", "low", "high"], simulated),
        "modules.csv": to_csv(list(trace[0]), [[_short(v) for v in r.values()] for r in trace]),
    }


def between_csv(rows: Sequence[Between]) -> str:
    """How far runs differ, as a table."""
    cells = [[r.number, r.of, *map(_short, (r.mean, r.sd, r.expected, r.ratio))] for r in rows]
    return to_csv(["number", "of", "mean", "sd", "expected", "ratio"], cells)


def packed_table(table: Runs, made: Mapping[str, Any]) -> bytes:
    """The table of the priors of a fit as one archive."""
    keys = ("program", "setup", "scenario", "model_sha256", "draw_scheme", "plan_sha256", "scale", "seed")
    return pack(table, {k: made[k] for k in keys})


def _short(x: Any) -> Any:
    if not isinstance(x, float):
        return x
    return "" if math.isnan(x) else float(f"{x:.5g}")
