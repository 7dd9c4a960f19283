"""Early warning: what the model would have said day by day, before it was known, and what that was worth (docs/explanation/forecasts.md).

    wave        the first day on which more regions than the scenario's quiet period allows are reported with unrest at once
    origin      the evening of each day from the first of the quiet period to the day before the wave; after it, nothing is left to warn of
    forecast    share of histories whose wave begins in the next h days, among those that had none so far

Up to the eve of the record's window the histories begin with the quiet period, under a state that acts by policy. They run h days into the
window, twice: with what was announced for its days (steps that are `given`, as a price from a date on), and without. From the first evening
of the window on they begin with the window, from the draws of the table nearest to what was known that evening, as in `held_out`; the state
replays what it had decided by then and goes on by policy.

Beside it, on the same evenings: one probability for all, the share of origins that a wave followed, which nobody knew beforehand; and the
plain hazard regression of `alarms`, with regions reported in the last three days and a price announced for the next h.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import StudyError, fail
from qantar.forecast.alarms import Warnings, ahead, first_days, follows, hazard_regression, judge
from qantar.forecast.baselines import Facts, facts_of
from qantar.forecast.held_out import by_policy, known_on, nearest_draws, record_days, resimulate, until
from qantar.forecast.scores import Difference, Share, event_scores, paired, probability
from qantar.inference.distance import target_of
from qantar.inference.problem import Problem, prior_table, spec_of
from qantar.messages import LANGUAGES, text
from qantar.record.observables import Observables, observe
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, quiet_plan, resolve
from qantar.scenario.schema import Quiet

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOUR_WEEKS = dt.timedelta(weeks=4)
"""Of a scenario without a quiet period, the one that is proposed."""
HORIZON = 3
THRESHOLDS = (0.1, 0.3, 0.5)
"""Probabilities at which an alarm would be raised: fixed before anything was computed."""
LOOK_BACK = 3
"""Days of reports that the regression is shown."""
MODEL, UNAWARE, CONSTANT, REGRESSION = "model", "unaware", "constant", "regression"
"""Forecasters: the model; the model without what was announced; the share of all origins, in hindsight; the plain regression."""
REFERENCE = CONSTANT
"""What the others are compared with."""
WITH, WITHOUT, USUAL, MONTH = "with", "without", "usual", "month"
"""What is said of the eve: with what was announced, without it, on a usual quiet evening, and a wave at all in the quiet period."""


@dataclass(frozen=True)
class Forecast:
    """One forecaster at all origins."""

    name: str
    p: Floats
    """probability of a wave within h days, shape (origins,); NaN where there is none"""
    counts: tuple[Share | None, ...]
    """the histories behind each; None for a forecaster without histories"""


@dataclass(frozen=True)
class Worth:
    """Scores of a forecaster over origins; smaller is better."""

    forecaster: str
    brier: Difference
    log: Difference
    """nats"""
    against: Difference
    """log score less that of `REFERENCE`, paired by origin"""


@dataclass(frozen=True)
class Outlook:
    """Everything an early-warning study says."""

    first: dt.date
    """day 0: the first of the quiet period"""
    eve: int
    """the last day before the window"""
    origins: Ints
    wave: int | None
    """day of the record's wave"""
    end: int
    """the last day of which the record says anything"""
    h: int
    least: int
    """regions at once that make a wave"""
    forecasts: list[Forecast]
    start: dict[str, Share]
    """`WITH`, `WITHOUT`, `USUAL`, `MONTH`"""
    hindsight: bool
    """whether parameters are from a posterior that was fitted to the window"""
    worth: list[Worth]
    warnings: dict[str, list[Warnings]]
    """by forecaster, one for each of `THRESHOLDS`"""

    def date(self, day: int) -> dt.date:
        """The calendar day of a number."""
        return self.first + dt.timedelta(days=int(day))

    @property
    def followed(self) -> Bools:
        """Whether a wave followed each origin within h days."""
        return np.asarray(follows(self.origins, waves_of(self.wave), self.h).any(axis=1))


def waves_of(wave: int | None) -> Floats:
    """Days of waves, of which a record has one or none."""
    return np.array([] if wave is None else [float(wave)])


def origins_of(wave: int | None, end: int, h: int) -> Ints:
    """Evenings at which nothing has begun and whose h days were seen to the end.

    >>> origins_of(None, 6, 3).tolist(), origins_of(3, 6, 3).tolist()
    ([0, 1, 2, 3], [0, 1, 2])
    """
    last = end - h if wave is None else min(wave - 1, end - h)
    return np.arange(last + 1)


def known_on_the_day(reported: Floats, prices: Sequence[int], origins: Ints, h: int) -> Floats:
    """What the regression is shown, shape (origins, 2): regions reported in the last `LOOK_BACK` days, and whether a price takes effect.

    Reported has shape (regions, days), 1, 0 or NaN; a price that was announced counts from h days before to `LOOK_BACK` days after.

    >>> known_on_the_day(np.array([[0.0, 0, 1, 0, 0, 0]]), [4], np.array([0, 1, 2, 4, 5]), 3).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]
    """
    seen = [(reported[:, max(0, t - LOOK_BACK + 1) : t + 1] == 1).any(axis=1).sum() for t in origins]
    near = [any(t - LOOK_BACK < day <= t + h for day in prices) for t in origins]
    return np.stack([np.array(seen, float), np.array(near, float)], axis=1)


def assess(
    origins: Ints, wave: int | None, forecasts: Sequence[Forecast], *, h: int, end: int, m: int
) -> tuple[list[Worth], dict[str, list[Warnings]]]:
    """Scores on the evenings on which everybody said something, and what alarms were worth.

    h successive origins look at the same days, so they count as one: standard errors are those of origins taken one by one, times sqrt(h).
    All probabilities are made as coarse as m histories make them.
    """
    days, waves = origins.astype(float), waves_of(wave)
    happened = follows(days, waves, h).any(axis=1).astype(float)
    common = ~np.isnan([f.p for f in forecasts]).any(axis=0)
    loss = {f.name: event_scores(np.where(common, f.p, np.nan), happened, m) for f in forecasts}
    worth = [Worth(n, _over(b, h), _over(x, h), _over(x - loss[REFERENCE][0], h)) for n, (x, b) in loss.items()]
    return worth, {f.name: [judge(f.p, days, waves, h=h, threshold=t, end=end) for t in THRESHOLDS] for f in forecasts}


@dataclass(frozen=True)
class Terms:
    """What forecasts are made of.

    Parameters
    ----------
    draws : at least 8; histories behind each forecast
    table : draws of the priors from which the nearest are taken in the window
    horizon : days ahead, at least 1
    posterior : sets of parameters in place of draws of the priors, everywhere; they were fitted to the window, so this is hindsight
    known : as in `prior_table`
    """

    seed: int
    draws: int = 400
    table: int = 4_000
    horizon: int = HORIZON
    scale: float = 0.1
    posterior: Sequence[Values] | None = None
    known: Runs | None = None


def outlook(scenario: Scenario, runner: Runner, terms: Terms) -> Outlook:
    """Forecasts at rolling origins through the quiet period and the window, and what they were worth.

    Raises ScenarioError if the scenario does not say what is fitted, StudyError if its quiet period does not end where the window begins,
    and what a runner raises.
    """
    quiet, h = _quiet(scenario), terms.horizon
    plan = resolve(scenario, scale=terms.scale)
    record = observe(scenario.case.record)
    facts = facts_of(record, plan)
    first, least = quiet.start.date(), quiet.most_regions + 1
    days = (dt.datetime.fromisoformat(plan.start).date() - first).days  # the number of the window's first day
    end = days + record_days(facts) - 1
    began = int(first_days(np.nansum(facts.presence, axis=0).astype(np.int64), least))
    wave = days + began if began >= 0 else None
    if wave is None:  # said before hours are spent
        en, zh = (text("report.evidence.warning_none", lang, least=least) for lang in LANGUAGES)
        runner.note((en, zh))
    origins = origins_of(wave, end, h)
    stages = zip(_quiet_plans(scenario, h, terms.scale), ("quiet", "announced"), strict=True)
    calm, announced = (_from_quiet(p, terms, least, runner, stage) for p, stage in stages)
    inside = [int(t) - days for t in origins[origins >= days]]
    later = _in_window(scenario, plan, record, inside, least, terms, runner)  # the day has come: what was announced is no news any more
    counts = {name: [*(ahead(x, int(t), h) for t in origins[origins < days]), *later] for name, x in ((MODEL, announced), (UNAWARE, calm))}
    forecasts = [
        *(Forecast(n, np.array([float(probability(s.hits, s.of)) if s.of else math.nan for s in c]), tuple(c)) for n, c in counts.items()),
        *_comparators(facts, plan, days, origins, wave, h),
    ]
    worth, warnings = assess(origins, wave, forecasts, h=h, end=end, m=terms.draws)
    start, hindsight = _start(calm, announced, days, h), terms.posterior is not None
    return Outlook(first, days - 1, origins, wave, end, h, least, forecasts, start, hindsight, worth, warnings)


def _comparators(facts: Facts, plan: Plan, days: int, origins: Ints, wave: int | None, h: int) -> list[Forecast]:
    """The share of all origins that a wave followed, and the plain regression."""
    none, waves = (None,) * len(origins), waves_of(wave)
    constant = np.full(len(origins), follows(origins, waves, h).any(axis=1).mean())
    # Nothing was reported in the quiet period, which the scenario says is an assumption.
    reported = np.concatenate([np.zeros((len(facts.low), days)), facts.presence], axis=1)
    hour = dt.datetime.fromisoformat(plan.start).hour
    prices = [days + int((s.at + hour) // 24) for s in plan.steps if s.kind == "price" and s.given]
    x = known_on_the_day(reported, prices, origins, h)
    regression = hazard_regression(x, origins.astype(float), waves, h=float(h))
    return [Forecast(CONSTANT, constant, none), Forecast(REGRESSION, regression, none)]


def _in_window(
    scenario: Scenario, plan: Plan, record: Observables, evenings: Sequence[int], least: int, terms: Terms, runner: Runner
) -> list[Share]:
    """Forecasts on evenings of the window, numbered from its first: from what was known on each."""
    if not evenings:
        return []
    target, silent = target_of(record, plan, detained=tuple(spec_of(scenario).detained)), runner.quiet()
    problem = None
    if terms.posterior is None:
        table = prior_table(plan, terms.table, terms.seed, runner, known=terms.known)
        problem = Problem(plan, record, target, table, terms.seed)
    shares, never = [], facts_of(record, plan).n_days
    for n, day in enumerate(evenings):
        short = known_on(plan, day, terms.horizon)
        if problem is not None:
            near = nearest_draws(problem.items, until(target, day, never), problem.scales, terms.draws)
            runs = resimulate(short, near, terms.seed, silent, "ahead")
        elif terms.posterior is not None:
            runs = _fitted(short, terms.posterior, terms, 300 + day, silent, "ahead")
        runner.progress("ahead", n + 1, len(evenings))
        shares.append(ahead(first_days(runs.presence.sum(axis=2), least), day, terms.horizon))
    return shares


def _fitted(plan: Plan, values: Sequence[Values], terms: Terms, key: int, runner: Runner, stage: str) -> Runs:
    """At least so many histories of fitted sets of parameters under a plan; `key` keeps their luck apart from that of others."""
    each = math.ceil(terms.draws / len(values))
    base = history_seed(terms.seed, (1 << 35) + key, 0)
    recipe = Recipe(plan, base, sampling="given", given=keep_draws(runner.store, values), replicates=each, part=25 * each)
    return runner.histories(recipe, len(values) * each, stage)


def _quiet(scenario: Scenario) -> Quiet:
    """The scenario's quiet period, which must end where its window begins."""
    spec = spec_of(scenario)
    file, time = scenario.case.folder / "scenario.toml", scenario.file.time
    if spec.quiet is None:
        raise fail(
            StudyError, file, "no_quiet", start=f"{time.start - FOUR_WEEKS:%Y-%m-%dT%H:%M}", hours=FOUR_WEEKS // dt.timedelta(hours=1)
        )
    until_ = spec.quiet.start + dt.timedelta(hours=spec.quiet.hours)
    if until_ != time.start:
        raise fail(StudyError, file, "quiet_apart", value=f"{until_:%Y-%m-%dT%H:%M}", start=f"{time.start:%Y-%m-%dT%H:%M}")
    return spec.quiet


def _quiet_plans(scenario: Scenario, h: int, scale: float) -> tuple[Plan, Plan]:
    """The quiet period and h days more, by policy: without the steps that are given from the window's start on, and with them."""
    spec = spec_of(scenario)
    assert spec.quiet is not None  # `_quiet` was there first
    quiet = spec.quiet.model_copy(update={"hours": spec.quiet.hours + 24 * h})
    file = scenario.file.model_copy(update={"calibration": spec.model_copy(update={"quiet": quiet})})
    longer = quiet_plan(Scenario(scenario.case, file), scale=scale)
    assert longer is not None
    free = by_policy(longer, 0.0)
    given = [s for s in free.steps if s.given]
    before = [s for s in given if s.at < spec.quiet.hours]
    return free.model_copy(update={"steps": before}), free.model_copy(update={"steps": given})


def _from_quiet(plan: Plan, terms: Terms, least: int, runner: Runner, stage: str) -> Ints:
    """Day of the wave of each history that begins with the quiet period, -1 if it has none."""
    if terms.posterior is None:
        runs = runner.histories(Recipe(plan, terms.seed, part=20), terms.draws, stage)
    else:
        # One key for both plans: the same luck, so that they differ by what was announced and by nothing else.
        runs = _fitted(plan, terms.posterior, terms, 299, runner, stage)
    return first_days(runs.presence.sum(axis=2), least)


def _start(calm: Ints, announced: Ints, days: int, h: int) -> dict[str, Share]:
    """What would have been said on the eve, and how often a quiet period makes the model say as much.

    The usual evening is every h-th, so that no stretch of a history counts twice.
    """
    usual = [ahead(calm, t, h) for t in range(0, days - h, h)]
    hits, of = (sum(getattr(s, k) for s in usual) for k in ("hits", "of"))
    month = int(((calm >= 0) & (calm < days)).sum())
    return {WITH: ahead(announced, days - 1, h), WITHOUT: ahead(calm, days - 1, h), USUAL: Share(hits, of), MONTH: Share(month, len(calm))}


def _over(x: Floats, h: int) -> Difference:
    """Mean over origins; h of them look at the same days."""
    d = paired(x, 0.0)
    return Difference(d.mean, d.se * math.sqrt(h), d.n)
