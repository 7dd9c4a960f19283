"""Rivals: other accounts of the same record, fitted on equal terms and compared on what they were not shown.

Each rival is an arm of the scenario. All have a table of draws of the same size from the same priors, the same scales, the same rounds and
the same seed; none reads where or when a recorded event happened. Two comparisons:

- *how much of the prior comes near*: at the smallest tolerance that every rival reached, the share of its prior whose histories lie
  within it. The product of the shares that survived each round estimates it (Didelot, Everitt, Johansen and Lawson 2011, Bayesian
  Anal. 6); its logarithm has a standard error of sqrt(sum (1 - f) / (f n)), n the independent ancestors. A ratio of two is an approximate
  Bayes factor *for this distance*; it is printed as a difference of logarithms with its error, never as a probability of a model.
- *held out*: paired differences by region of the log score of its onset (`heldout`); "not separated" below two standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.record.observables import observe
from qantar.scenario.scenario import Scenario, arm_edits, quiet_plan, resolve
from qantar.study.baselines import facts_of
from qantar.study.calibrate import Particles, Setup, Task, calibrate, prior_table, spec_of
from qantar.study.fit import items_of, scales_of, target_of
from qantar.study.heldout import MODEL, NEAR, region_out
from qantar.study.inference import effective_families
from qantar.study.scores import Difference, log_score_days, paired

Floats = NDArray[np.float64]
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


def mass_at(p: Particles, table: int, tolerance: float) -> Mass:
    """The share of the prior within a tolerance, from the table and the rounds of the first module.

    Parameters
    ----------
    table : draws of the priors in the table
    tolerance : at least the last tolerance reached
    """
    rounds = [r for r in p.trace if r.module == "mobilization"]
    n = effective_families(p.origin)
    log, variance = math.log(len(p.seeds) / table), 1 / len(p.seeds)
    for r in rounds:
        if r.tolerance < tolerance:
            break
        log += math.log(r.alive)
        variance += (1 - r.alive) / (r.alive * max(n, 1.0))
    return Mass(log, math.sqrt(variance))


def common_tolerance(fits: dict[str, Particles]) -> float:
    """The smallest tolerance that every rival reached."""
    return max(min(r.tolerance for r in p.trace if r.module == "mobilization") for p in fits.values())


def held_out(scores: dict[str, Floats], home: str = HOME) -> dict[str, Difference]:
    """Log score of each rival less that of one, paired by region.

    >>> found = held_out({"rival-home-grown": np.array([1.0, 2.0, 1.5]), "b": np.array([2.0, 2.5, 2.7])})
    >>> round(found["b"].mean, 2), found["b"].separated
    (0.9, True)
    """
    return {name: paired(log, scores[home]) for name, log in scores.items() if name != home}


@dataclass(frozen=True)
class Rival:
    """One account: what it reached, how much of its prior comes near, and its held-out log score by region."""

    arm: str
    particles: Particles
    log_score: Floats
    """nats lost on the onset of each region, shape (regions,)"""
    families: float


@dataclass(frozen=True)
class Comparison:
    """All accounts side by side."""

    rivals: list[Rival]
    table: int
    tolerance: float
    """the smallest that all reached"""
    home: str

    def rows(self) -> list[dict[str, Any]]:
        """A row an account; differences from `home`."""
        masses = {r.arm: mass_at(r.particles, self.table, self.tolerance) for r in self.rivals}
        differences = held_out({r.arm: r.log_score for r in self.rivals}, self.home)
        rows = []
        for r in self.rivals:
            near = masses[r.arm].minus(masses[self.home])
            out = differences.get(r.arm)
            rows.append(
                {
                    "rival": r.arm,
                    "tolerance": float(min(x.tolerance for x in r.particles.trace if x.module == "mobilization")),
                    "families": r.families,
                    "log_share": masses[r.arm].log,
                    "log_share_se": masses[r.arm].se,
                    "near_difference": near.mean if out else 0.0,
                    "near_se": near.se if out else 0.0,
                    "near_separated": bool(out and near.separated),
                    "log_score": float(np.mean(r.log_score)),
                    "held_out_difference": out.mean if out else 0.0,
                    "held_out_se": out.se if out else 0.0,
                    "held_out_separated": bool(out and out.separated),
                }
            )
        return rows


def compare(
    scenario: Scenario,
    arms: Sequence[str],
    setup: Setup,
    root: Path,
    *,
    seed: int,
    scale: float = 0.1,
    near: int = NEAR,
    processes: int | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Comparison:
    """Fit every rival and compare.

    Parameters
    ----------
    arms : names of arms
        The first is the one others are compared with.
    setup : Setup
        The same for all.

    Raises
    ------
    ScenarioError
        If an arm does not exist, or the scenario does not say what is fitted.
    """
    spec = spec_of(scenario)
    record = observe(scenario.case.record)
    scales: Floats | None = None
    found = []
    for arm in arms:
        edits = arm_edits(scenario, arm)
        plan = resolve(scenario, edits, scale=scale)
        target = target_of(record, plan, detained=tuple(spec.detained))

        def told(what: str, done: int, total: int, arm: str = arm) -> None:
            progress(f"{arm}: {what}", done, total)

        table = prior_table(plan, setup.table, seed, root, part=setup.part, processes=processes, progress=partial(told, "table"))
        items = items_of(table, target, plan)
        scales = scales_of(items, target) if scales is None else scales  # those of the first: one distance for all
        most = spec.quiet.most_regions if spec.quiet else 0
        quiet = quiet_plan(scenario, edits, scale=scale)
        particles = calibrate(Task(plan, target, scales, quiet, most, seed, root, processes, told, tuple(spec.mobilization)), table, setup)
        facts = facts_of(record, plan)
        onsets = region_out(
            plan, record, target, items, scales, seed, root,
            near=near, twin=False, processes=processes, progress=partial(told, "heldout"),
        )  # fmt: skip
        score = log_score_days(onsets[MODEL], facts.low, facts.high, near)
        found.append(Rival(arm, particles, score, effective_families(particles.origin)))
    return Comparison(found, setup.table, common_tolerance({r.arm: r.particles for r in found}), arms[0])
