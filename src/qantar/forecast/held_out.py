"""Held out: does the model foresee what it was not shown, better than forecasts that know no mechanism (docs/explanation/forecasts.md).

Two partitions, both scored against the same baselines (`baselines`) with the same number of histories:

- *region out*: one region's onset, every national total that contains it, and the state's decisions that concern one region alone are
  withheld. Its first reported day in the histories of the table nearest to the other regions' onsets is the forecast. How large a
  difference from a baseline is where the model is true is asked of records that it made itself (`planted`).
- *day ahead*: only what was known at the end of a day is shown; from then on the state acts by policy. The forecast is which regions
  report unrest on the next day.

The nearest histories of the table stand for the posterior here: a fit of its own for each of 17 regions would take a night each. They are
simulated again under the changed plan with their parameters and their luck; until a decision differs they are the histories of the table.
A record that calls no day of any region quiet has no second partition: whoever always says unrest would be right.
The mean-field twin of the same draws is one more rival: it says whether ties between people improve anything.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Runs, chosen
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.forecast.baselines import Facts, facts_of, onset_forecast, score_days, score_onsets
from qantar.forecast.planted import Planted, planted
from qantar.forecast.power import Detectable, detectable
from qantar.forecast.scores import Difference, Share, coverage_days, event_scores, log_score_days, paired
from qantar.inference.distance import Target, distances, target_of, up_to
from qantar.inference.enough import announce, enough_regions, told
from qantar.inference.problem import Problem, prior_table, spec_of
from qantar.record.observables import observe
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve
from qantar.scenario.schema import POLICY_KINDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEAR = 400
"""Histories that stand for a posterior: the number that scores are made for."""
MODEL, TWIN = "model", "mean-field twin"
"""Names of the forecasts that are no baselines."""


def without_region(target: Target, region: str) -> Target:
    """The onsets of a record but for one region: what fell later, and national totals, would say when the region rose."""
    blank = np.array([i.of == region or i.block != "onset" for i in target.items])
    return Target(target.items, np.where(blank, np.nan, target.low), np.where(blank, np.nan, target.high))


def until(target: Target, day: int, never: int) -> Target:
    """A record as known at the end of a day: later onsets are only known to be later, later counts are not known at all."""
    onset = np.array([i.block == "onset" for i in target.items])
    blank = np.array([i.block not in ("stair", "participants", "detained") or i.day > day for i in target.items]) & ~onset
    low = np.where(blank, np.nan, np.where(onset & (target.low > day), day + 1, target.low))
    high = np.where(blank, np.nan, np.where(onset & ((target.low > day) | (target.high > day)), never, target.high))
    return Target(target.items, low, high)


def nearest_draws(items: Floats, target: Target, scales: Floats, n: int = NEAR) -> Ints:
    """Numbers of the histories of the table nearest to what is known of a record."""
    blocks = tuple(dict.fromkeys(i.block for i, x in zip(target.items, target.low, strict=True) if not np.isnan(x)))
    return np.argsort(distances(items, target, scales, blocks), kind="stable")[:n]


def without_local_steps(plan: Plan) -> Plan:
    """A plan without the decisions that name one region, or places of it, alone."""
    home = {r.id: number for number, r in enumerate(plan.regions)} | {p.id: p.region for p in plan.places}
    local = [{home.get(place) for place in s.places} for s in plan.steps]  # of the whole country: no home
    steps = [s for s, homes in zip(plan.steps, local, strict=True) if s.given or len(homes) != 1 or None in homes]
    return plan.model_copy(update={"steps": steps})


def by_policy(plan: Plan, hour: float) -> Plan:
    """A plan in which the state decides by itself after an hour; what it had decided by then, and what is given, is replayed."""
    drivers = {kind: "policy" if kind in POLICY_KINDS else driver for kind, driver in plan.drivers.items()}
    steps = [s.model_copy(update={"given": True}) if s.at <= hour else s for s in plan.steps]
    return plan.model_copy(update={"drivers": drivers, "steps": steps, "policy_from": hour if hour > 0 else None})


def known_on(plan: Plan, day: int, ahead: int) -> Plan:
    """A plan to so many days after a day: what the state had decided by that evening and what is given, the rest by policy."""
    offset = dt.datetime.fromisoformat(plan.start).hour
    free = by_policy(plan, 24.0 * (day + 1) - offset)
    steps = [s for s in free.steps if s.given]  # a later decision that no policy takes would be knowledge of what came
    return up_to(free.model_copy(update={"steps": steps}), day + ahead)


def resimulate(plan: Plan, draws: Ints, seed: int, runner: Runner, stage: str, *, engine: str = "event") -> Runs:
    """Histories of the table of the priors, by their numbers in it, under a changed plan with the parameters and the luck they had."""
    numbers, order = np.unique(draws, return_inverse=True)
    recipe = Recipe(plan, seed, engine, part=1, only=tuple(numbers.tolist()))
    n = int(numbers[-1]) + 1
    return chosen(runner.histories(recipe, n, stage, n - len(numbers)), order)


@dataclass(frozen=True)
class Score:
    """One forecaster in one partition: mean scores with their standard errors over regions, and against the best-known baseline."""

    partition: str
    forecaster: str
    log: Difference
    """log score in nats; smaller is better"""
    other: Difference
    """CRPS in days (region out) or Brier score (day ahead); smaller is better"""
    against: Difference
    """log score less that of `REFERENCE`, paired by region"""
    held: tuple[Share, Share] | None = None
    """regions whose first day a central 90 % interval holds: all of what the record allows, and a part of it (region out)"""


@dataclass(frozen=True)
class HeldOut:
    """Everything that was scored."""

    scores: list[Score]
    power: Detectable
    ties: Difference
    """`worth_of_ties`"""
    planted: Planted


REFERENCE = {"region": "average", "day": "logistic"}
"""The baseline that others are compared with, fixed beforehand: the strongest simple one of its kind."""


def region_out(problem: Problem, runner: Runner, *, near: int = NEAR, twin: bool = True) -> dict[str, Floats]:
    """Forecasts of each region's first reported day from all others, shape (regions, days + 1), by the model and its twin."""
    never, regions = facts_of(problem.record, problem.plan).n_days, problem.plan.regions
    draws = np.stack([nearest_draws(problem.items, without_region(problem.target, r.id), problem.scales, near) for r in regions])
    local = without_local_steps(problem.plan)
    forecasts = {}
    for name, engine in ((MODEL, "event"), *([(TWIN, "mean")] if twin else [])):
        onset = resimulate(local, draws.ravel(), problem.seed, runner, "heldout", engine=engine).onset()
        days = np.where(onset < 0, never, onset).reshape(*draws.shape, -1)
        counts = [np.bincount(days[number, :, number], minlength=never + 1) for number in range(len(draws))]
        forecasts[name] = np.stack(counts) / draws.shape[1]
    return forecasts


def day_ahead(problem: Problem, days: Sequence[int], runner: Runner, *, near: int = NEAR) -> Floats:
    """Probability that each region reports unrest on the day after each of these, shape (days, regions)."""
    never, total = facts_of(problem.record, problem.plan).n_days, len(days) * near
    shares = []
    for k, day in enumerate(days):
        draws = nearest_draws(problem.items, until(problem.target, day, never), problem.scales, near)
        runs = resimulate(known_on(problem.plan, day, 1), draws, problem.seed, runner.within("ahead", k * near, total), "ahead")
        shares.append(runs.presence[:, day + 1, :].mean(axis=0))
    return np.stack(shares)


def scores(facts: Facts, onsets: dict[str, Floats], days: list[int], ahead: Floats, m: int) -> list[Score]:
    """All forecasters, baselines first, in both partitions; without days in the first alone."""
    by_onset = score_onsets(facts, onsets, m=m)
    reference = next(s.log for s in by_onset if s.name == REFERENCE["region"])
    found = [
        Score(
            "region", s.name, paired(s.log, 0.0), paired(s.crps, 0.0), paired(s.log, reference), coverage_days(s.p, facts.low, facts.high)
        )
        for s in by_onset
    ]
    if not days:
        return found
    rows = [d + 1 for d in days]  # the first origin of `score_days` is the day before the first
    daily = {s.name: (s.log[rows], s.brier[rows]) for s in score_days(facts, m=m)}
    daily[MODEL] = event_scores(ahead, facts.presence[:, rows].T, m)
    by_region = {n: tuple(_mean(x) for x in pair) for n, pair in daily.items()}
    reference = by_region[REFERENCE["day"]][0]
    return found + [Score("day", n, paired(a, 0.0), paired(b, 0.0), paired(a, reference)) for n, (a, b) in by_region.items()]


def held_out(
    scenario: Scenario, size: int, near: int, runner: Runner, *, seed: int, scale: float = 0.1, known: Runs | None = None
) -> HeldOut:
    """Both partitions on a scenario's record, what ties are worth, and what a comparison of this size can tell apart.

    Histories of so many draws of the priors, of which those that are near stand for a posterior. Raises ScenarioError if the scenario does
    not say what is fitted.
    """
    plan, record = resolve(scenario, scale=scale), observe(scenario.case.record)
    target = target_of(record, plan, detained=tuple(spec_of(scenario).detained))
    runner.note(enough_regions(target, plan))
    facts = facts_of(record, plan)
    days = days_foreseen(facts)
    if not days:
        runner.note(told("no_quiet_day"))
    announce(plan, seed, size + near * (2 * len(plan.regions) + len(days)), runner)
    problem = Problem(plan, record, target, prior_table(plan, size, seed, runner, known=known), seed)
    reference = onset_forecast(REFERENCE["region"], facts)
    power = detectable(reference, onset_forecast("population", facts), (facts.low, facts.high))
    onsets = region_out(problem, runner, near=near)
    ahead = day_ahead(problem, days, runner, near=near) if days else np.empty((0, len(plan.regions)))
    return HeldOut(scores(facts, onsets, days, ahead, near), power, worth_of_ties(facts, onsets, near), planted(problem, near))


def worth_of_ties(facts: Facts, onsets: dict[str, Floats], m: int) -> Difference:
    """Log score of the model less that of its twin without ties, paired by region; below 0, ties between people improve the forecast."""
    model, twin = (log_score_days(onsets[name], facts.low, facts.high, m) for name in (MODEL, TWIN))
    return paired(model, twin)


def record_days(facts: Facts) -> int:
    """Days from the start to the last on which presence is known anywhere; 0 without any."""
    return int(np.flatnonzero(~np.isnan(facts.presence).all(axis=0)).max(initial=-1)) + 1


def days_foreseen(facts: Facts) -> list[int]:
    """Evenings from which the next day is foreseen; none where no day of any region is known as quiet: whoever always says unrest is right.

    >>> facts_with = lambda cells: Facts(*[np.zeros(1)] * 2, np.array([cells]), *[np.zeros(4)] * 2, *[np.ones(1)] * 3, 3)
    >>> days_foreseen(facts_with([0.0, 1.0, 1.0, np.nan])), days_foreseen(facts_with([np.nan, 1.0, 1.0, np.nan]))
    ([1], [])
    """
    return list(range(1, record_days(facts) - 1)) if (facts.presence == 0).any() else []


def as_rows(found: list[Score]) -> list[dict[str, object]]:
    """The table for machines: a row a forecaster and partition."""
    return [
        {
            "partition": s.partition,
            "forecaster": s.forecaster,
            **{f"{name}_{k}": v for name in ("log", "other", "against") for k, v in dataclasses.asdict(getattr(s, name)).items()},
            "separated": s.against.separated,
            "held": "" if s.held is None else s.held[0].hits,
            "held_possibly": "" if s.held is None else s.held[1].hits,
            "held_of": "" if s.held is None else s.held[0].of,
        }
        for s in found
    ]


def _mean(cells: Floats) -> Floats:
    """Means over days by region; NaN where nothing is known."""
    known = (~np.isnan(cells)).sum(axis=0)
    return np.asarray(np.divide(np.nansum(cells, axis=0), known, out=np.full(cells.shape[1], np.nan), where=known > 0))
