"""Rivals: other accounts of the same record, fitted on equal terms, compared on what they were not shown (docs/explanation/forecasts.md).

Each rival is an arm of the scenario. They are compared on how unrest spread (the first module), so their histories end with the last day
that it is dated by: force and harm, which most accounts leave alone, come later. Two comparisons:

- *how much of the prior comes near*: at the smallest tolerance that any rival reached, the share f of the prior whose histories lie within
  it and stay quiet before: the weights of such draws, each a share of a draw of the prior (`inference.proposal`), over the number of draws
  of all laws. Below that tolerance every such draw of every rival is known. Half a draw of the prior's weight where none is found stands in
  for none, so that it is not minus infinity; the logarithm has a standard error of sqrt(sum w^2) / sum w. A ratio of two is an
  approximate Bayes factor *for this distance* (Didelot, Everitt, Johansen and Lawson 2011, Bayesian Anal. 6); it is printed as a
  difference of logarithms with its error, never as a probability of a model.
- *held out*: paired differences by region of the log score of its onset (`held_out`); "not separated" below two standard errors.

A fit takes a quarter of an hour on two cores, so each one that is finished is kept as a small file, in the store and where it is asked
for. It is used only for the same plan, setup, seed, scales and model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.runner import Runner
from qantar.ensemble.store import model_hash
from qantar.errors import ResultError, fail
from qantar.files.write import kept_in, read_kept
from qantar.forecast.baselines import facts_of
from qantar.forecast.held_out import MODEL, NEAR, region_out
from qantar.forecast.scores import Difference, log_score_days, paired
from qantar.inference.calibration import task_of
from qantar.inference.distance import MOBILIZATION, Target, last_day, scales_of, target_of, up_to
from qantar.inference.enough import announce, enough_regions
from qantar.inference.problem import Problem, prior_table, spec_of
from qantar.inference.rejection import Setup, nearest, of_equal_weight
from qantar.record.observables import Observables, observe
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, arm_edits, resolve

Floats = NDArray[np.float64]
DRAWS = 60
"""Draws that are kept of each account, of equal weight."""
HOME = "rival-home-grown"
"""The account that others are compared with."""


@dataclass(frozen=True)
class Mass:
    """Natural logarithm of the share of a prior that comes within a tolerance, and its standard error."""

    log: float
    se: float

    def minus(self, other: Mass) -> Difference:
        """The difference from another: an approximate log Bayes factor for the distance used."""
        return Difference(self.log - other.log, math.hypot(self.se, other.se), 2)


def mass_at(r: Rival, draws: int, tolerance: float) -> Mass:
    """The share of the prior within a tolerance (at most the rival's own), from the weights of those of so many draws that are.

    >>> mass = mass_at(Rival("a", np.array([0.5, 1.0, 1.5]), np.ones(3), np.zeros(0)), 200, 1.0)
    >>> round(math.exp(mass.log), 9), round(mass.se, 3)
    (0.01, 0.707)
    """
    found = r.weights[r.distances <= tolerance]
    if not len(found):
        return Mass(math.log(0.5 / draws), 1.0)
    return Mass(math.log(found.sum() / draws), math.sqrt(float((found**2).sum())) / float(found.sum()))


@dataclass(frozen=True)
class Rival:
    """One account: what it reached, how much of its prior comes near, and its held-out log score by region."""

    arm: str
    distances: Floats
    """of the draws nearest to the record that stay quiet before, shape (draws,)"""
    weights: Floats
    """how much each counts, in draws of the prior"""
    log_score: Floats
    """nats lost on the onset of each region, shape (regions,)"""

    @property
    def tolerance(self) -> float:
        """Within which all of them lie."""
        return float(self.distances.max())


@dataclass(frozen=True)
class Comparison:
    """All accounts side by side."""

    rivals: list[Rival]
    draws: int
    """of each, of all laws"""
    home: str

    @property
    def tolerance(self) -> float:
        """The smallest that any rival reached: of one with a larger one, all draws within this are known too."""
        return min(r.tolerance for r in self.rivals)

    def regions(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Nats lost on the onset of each region when it was held out, a row an account and region."""
        return [{"rival": r.arm, "region": i, "log_score": float(x)} for r in self.rivals for i, x in zip(ids, r.log_score, strict=True)]

    def rows(self) -> list[dict[str, Any]]:
        """A row an account; differences from `home`."""
        masses = {r.arm: mass_at(r, self.draws, self.tolerance) for r in self.rivals}
        first = next(r for r in self.rivals if r.arm == self.home)
        rows = []
        for r in self.rivals:
            near, out = masses[r.arm].minus(masses[self.home]), paired(r.log_score, first.log_score)
            if r is first:
                near = out = Difference(0.0, 0.0, 0)
            of_near = {"near_difference": near.mean, "near_se": near.se, "near_separated": near.separated}
            of_held_out = {"held_out_difference": out.mean, "held_out_se": out.se, "held_out_separated": out.separated}
            mass = {"log_share": masses[r.arm].log, "log_share_se": masses[r.arm].se}
            of_fit = {"rival": r.arm, "tolerance": r.tolerance, **mass}
            rows.append({**of_fit, **of_near, "log_score": float(np.mean(r.log_score)), **of_held_out})
        return rows


@dataclass(frozen=True)
class Terms:
    """What is the same for every account."""

    scenario: Scenario
    setup: Setup
    seed: int
    scale: float = 0.1
    near: int = NEAR
    """nearest draws that foresee each region"""

    def as_dict(self) -> dict[str, Any]:
        """What a finished fit depends on besides its plan and the record as the distance takes it."""
        spec = spec_of(self.scenario).model_dump(mode="json")
        return {"setup": dataclasses.asdict(self.setup), "seed": self.seed, "near": self.near, "model": model_hash(), "spec": spec}


def compare(terms: Terms, arms: Sequence[str], runner: Runner, kept: Path | None = None) -> Comparison:
    """Fit every rival, an arm each, and compare them with the first; finished fits are read from the store and from `kept`, and kept there.

    Raises ScenarioError if an arm does not exist, or the scenario does not say what is fitted, and ResultError if a finished fit cannot be
    read or written.
    """
    scenario = terms.scenario
    folders = [runner.store, *([kept] if kept is not None else [])]
    rivals = []
    record, whole = observe(scenario.case.record), resolve(scenario, scale=terms.scale)
    runner.note(enough_regions(target_of(record, whole), whole))
    announce(whole, terms.seed, len(arms) * (terms.setup.in_all + terms.near * len(whole.regions)), runner)
    for arm in arms:
        plan = resolve(scenario, arm_edits(scenario, arm), scale=terms.scale)
        plan = up_to(plan, last_day(target_of(record, plan), MOBILIZATION, plan))
        target = target_of(record, plan).only(MOBILIZATION)
        of_record = {"low": target.low.tolist(), "high": target.high.tolist(), "scales": scales_of(target).tolist()}
        key = {**terms.as_dict(), **of_record, "plan": plan.sha256()}
        name = f"rival-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]}.json"
        made = partial(_fitted, terms, arm, plan, record, target, runner.named(arm))
        rivals.append(_from_data(*kept_in(folders, name, made), arm))
    return Comparison(rivals, terms.setup.in_all, arms[0])


def _fitted(terms: Terms, arm: str, plan: Plan, record: Observables, target: Target, runner: Runner) -> dict[str, Any]:
    """One rival as data."""
    setup, seed = terms.setup, terms.seed
    problem = Problem(plan, record, target, prior_table(plan, setup.table, seed, runner, part=setup.part), seed)
    task = task_of(problem, terms.scenario, arm_edits(terms.scenario, arm), runner)
    particles = nearest(task, problem.table, setup)
    facts = facts_of(record, plan)
    onsets = region_out(problem, runner, near=terms.near, twin=False)
    return {
        "arm": arm,
        "distances": particles.mobilization.tolist(),
        "weights": particles.weights.tolist(),
        "log_score": log_score_days(onsets[MODEL], facts.low, facts.high, terms.near).tolist(),
        "seed": seed,
        "model": model_hash(),
        "parameters": list(parameters()),
        "draws": [[float(f"{x:.6g}") for x in v.values()] for v in of_equal_weight(particles, DRAWS, seed).values()],
    }


def fitted_draws(folder: Path, arms: Sequence[str]) -> dict[str, list[Values]]:
    """Parameters of the draws of its own priors that came nearest to how unrest spread under each account, from the fits that are kept in a
    folder; without those of another version of the model. Of several fits of one account the largest counts.

    Raises
    ------
    ResultError
        If a fit cannot be read.
    """
    found: dict[str, list[Values]] = {}
    worth: dict[str, int] = {}
    for path in sorted(folder.glob("rival-*.json")) if folder.is_dir() else []:
        content = read_kept(path)
        arm, near = str(content.get("arm")), len(content.get("distances", []))
        if arm in arms and content.get("model") == model_hash() and near > worth.get(arm, 0):
            worth[arm] = near
            found[arm] = [dict(zip(content["parameters"], row, strict=True)) for row in content["draws"]]
    return found


def _from_data(content: Mapping[str, Any], path: Path, arm: str) -> Rival:
    """A finished fit."""
    try:
        return Rival(arm, *(np.array(content[k], float) for k in ("distances", "weights", "log_score")))
    except (ValueError, KeyError, TypeError) as error:
        raise fail(ResultError, path, "not_packed", reason=str(error)) from None
