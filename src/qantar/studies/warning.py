"""Early warning, honestly: what the model would have said day by day, before it was known, and what that was worth.

    wave        the first day on which more regions than the scenario's quiet period allows are reported with unrest at once
    origin      the evening of each day from the first of the quiet period to the day before the wave; after it, nothing is left to warn of
    forecast    share of histories whose wave begins in the next h days, among those that had none so far

Up to the eve of the record's window the histories begin with the quiet period: draws of the priors, under a state that acts by policy.
Those that had a wave already are dropped, evening by evening, which is all that the quiet days teach. They run h days into the window,
twice: with what was announced for its days (steps that are `given`, as a price from a date on), and without. From the first evening of the
window on they begin with the window, from the draws of the table nearest to what was known that evening, as in `heldout`; the state replays
what it had decided by then and goes on by policy.

Beside it, on the same evenings: one probability for all, the share of origins that a wave followed, which nobody knew beforehand; and the
plain hazard regression of `warning`, with regions reported in the last three days and a price announced for the next h.

A posterior fitted to the window has seen what is to be foreseen. It can be used, and what comes of it is hindsight and called so.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Runs, arrays
from qantar.ensemble.local import run_ensemble
from qantar.ensemble.run import STAMP
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import StudyError, fail
from qantar.forecast.alarms import Warnings, ahead, first_days, hazard_regression, judge
from qantar.forecast.baselines import Facts, facts_of
from qantar.forecast.held_out import again, by_policy, known_on, nearest_draws, record_days, until
from qantar.forecast.scores import Difference, Share, brier, log_score, paired, probability
from qantar.inference.abc_smc import prior_table, spec_of
from qantar.inference.distance import items_of, scales_of, target_of
from qantar.record.observables import observe
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, quiet_plan, resolve
from qantar.scenario.schema import Quiet

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
HORIZON = 3
THRESHOLDS = (0.1, 0.3, 0.5)
"""Probabilities at which an alarm would be raised: fixed before anything was computed."""
LOOK_BACK = 3
"""Days of reports that the regression is shown."""
MODEL, UNAWARE, CONSTANT, REGRESSION = "model", "unaware", "constant", "regression"
"""Forecasters: the model; the model without what was announced; the share of all origins, in hindsight; the plain regression."""
HINDSIGHT = "hindsight: parameters were fitted to the days to be foreseen"
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

    plan: Plan
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
    histories: int
    """asked for at each origin"""
    hindsight: bool
    """whether parameters are from a posterior that was fitted to the window"""
    worth: list[Worth]
    warnings: dict[str, list[Warnings]]
    """by forecaster, one for each of `THRESHOLDS`"""

    def date(self, day: int) -> dt.date:
        """The calendar day of a number."""
        return self.first + dt.timedelta(days=int(day))

    def as_dict(self) -> dict[str, Any]:
        """What the tables do not say, for machines."""
        wave = None if self.wave is None else str(self.date(self.wave))
        days = {"first": str(self.first), "eve": str(self.date(self.eve)), "wave": wave, "last_seen": str(self.date(self.end))}
        rules = {"least_regions": self.least, "thresholds": list(THRESHOLDS), "look_back_days": LOOK_BACK, "reference": REFERENCE}
        return {**days, **rules, "hindsight": self.hindsight, "stamp": HINDSIGHT if self.hindsight else STAMP}

    @property
    def followed(self) -> Bools:
        """Whether a wave followed each origin within h days."""
        return followed_by(self.origins, self.wave, self.h)


def followed_by(origins: Ints, wave: int | None, h: int) -> Bools:
    """Whether the wave begins within h days after each origin.

    >>> followed_by(np.array([0, 1, 4]), 4, 3).tolist()
    [False, True, False]
    """
    return np.zeros(len(origins), np.bool_) if wave is None else np.asarray((origins < wave) & (wave <= origins + h))


def origins_of(wave: int | None, end: int, h: int) -> Ints:
    """Evenings at which nothing has begun and whose h days were seen to the end.

    >>> origins_of(None, 6, 3).tolist(), origins_of(3, 6, 3).tolist()
    ([0, 1, 2, 3], [0, 1, 2])
    """
    last = end - h if wave is None else min(wave - 1, end - h)
    return np.arange(last + 1)


def known_on_the_day(reported: Floats, prices: Sequence[int], origins: Ints, h: int) -> Floats:
    """What the regression is shown, shape (origins, 2): regions reported in the last `LOOK_BACK` days, and whether a price takes effect.

    Parameters
    ----------
    reported : float array, shape (regions, days), 1, 0 or NaN
    prices : days on which a price that was announced takes effect; it counts from h days before to `LOOK_BACK` days after

    Examples
    --------
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

    Parameters
    ----------
    m : histories behind a probability; all are made as coarse for the log score
    """
    happened = followed_by(origins, wave, h)
    common = ~np.isnan([f.p for f in forecasts]).any(axis=0)
    loss = {}
    for f in forecasts:
        p = np.where(common, f.p, np.nan)
        loss[f.name] = (brier(p, happened), log_score(m * np.where(happened, p, 1 - p), m))
    worth = [Worth(n, _over(b, h), _over(x, h), _over(x - loss[REFERENCE][1], h)) for n, (b, x) in loss.items()]
    days = np.array([] if wave is None else [float(wave)])
    return worth, {f.name: [judge(f.p, origins.astype(float), days, h=h, threshold=t, end=end) for t in THRESHOLDS] for f in forecasts}


def outlook(
    scenario: Scenario,
    root: Path,
    *,
    seed: int,
    draws: int = 400,
    table: int = 4_000,
    horizon: int = HORIZON,
    scale: float = 0.1,
    posterior: Sequence[Values] | None = None,
    known: Runs | None = None,
    processes: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Outlook:
    """Forecasts at rolling origins through the quiet period and the window, and what they were worth.

    Parameters
    ----------
    scenario : Scenario
        With a `[calibration]` section whose quiet period ends where the window begins.
    draws : int, >= 8
        Histories behind each forecast. In the window: a quarter of them draws, four histories each.
    table : int
        Draws of the priors from which the nearest are taken in the window.
    horizon : int, >= 1, days
    posterior : sequence of values, optional
        In place of draws of the priors, everywhere. It was fitted to the window, so this is hindsight.
    known : Runs, optional
        Histories of the table's first draws, as in `prior_table`.

    Raises
    ------
    ScenarioError
        If the scenario does not say what is fitted.
    StudyError
        If there is no quiet period, or it does not end where the window begins; and as `run_ensemble`.
    ResultError
        As `run_ensemble`.
    """
    quiet = _quiet(scenario)
    plan = resolve(scenario, scale=scale)
    record = observe(scenario.case.record)
    facts = facts_of(record, plan)
    days, least = _days(quiet, plan), quiet.most_regions + 1
    end = days + record_days(facts) - 1
    began = int(first_days(np.nansum(facts.presence, axis=0).astype(np.int64), least))
    wave = days + began if began >= 0 else None
    origins = origins_of(wave, end, horizon)
    calm, told = (
        _from_quiet(p, seed, draws, root, posterior, least, processes, partial(progress, what))
        for p, what in zip(_quiet_plans(scenario, horizon, scale), ("quiet", "announced"), strict=True)
    )
    counts: dict[str, list[Share]] = {MODEL: [], UNAWARE: []}
    for t in origins[origins < days]:
        counts[UNAWARE].append(ahead(calm, int(t), horizon))
        counts[MODEL].append(ahead(told, int(t), horizon))
    inside = [int(t) - days for t in origins[origins >= days]]
    if inside:
        spec = spec_of(scenario)
        target = target_of(record, plan, detained=tuple(spec.detained))
        if posterior is None:
            runs = prior_table(plan, table, seed, root, part=50, known=known, processes=processes, progress=partial(progress, "table"))
            items = items_of(runs, target, plan)
            scales = scales_of(items, target)
        for n, day in enumerate(inside):
            short = known_on(plan, day, horizon)
            if posterior is None:
                near = nearest_draws(items, until(target, day, facts.n_days), scales, draws)
                runs = again(short, near, seed, root, processes=processes)
            else:
                runs = _fitted(short, posterior, seed, 300 + day, root, draws, processes=processes)
            progress("ahead", n + 1, len(inside))
            found = ahead(first_days(runs.presence.sum(axis=2), least), day, horizon)
            counts[MODEL].append(found)
            counts[UNAWARE].append(found)  # the day has come: what was announced is no news any more
    happened = followed_by(origins, wave, horizon)
    forecasts = [Forecast(name, np.array([_p(s) for s in rows]), tuple(rows)) for name, rows in counts.items()]
    none = (None,) * len(origins)
    forecasts.append(Forecast(CONSTANT, np.full(len(origins), happened.mean()), none))
    x = known_on_the_day(_reported(facts, days), _prices(plan, days), origins, horizon)
    waves = np.array([] if wave is None else [float(wave)])
    forecasts.append(Forecast(REGRESSION, hazard_regression(x, origins.astype(float), waves, h=float(horizon)), none))
    worth, warnings = assess(origins, wave, forecasts, h=horizon, end=end, m=draws)
    start = _start(calm, told, days, horizon)
    first = dt.datetime.fromisoformat(plan.start).date() - dt.timedelta(days=days)
    return Outlook(
        plan, first, days - 1, origins, wave, end, horizon, least, forecasts, start, draws, posterior is not None, worth, warnings
    )  # fmt: skip


def _fitted(
    plan: Plan,
    values: Sequence[Values],
    seed: int,
    key: int,
    root: Path,
    draws: int,
    *,
    processes: int | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Runs:
    """At least so many histories of fitted sets of parameters under a plan; `key` keeps their luck apart from that of others."""
    each = math.ceil(draws / len(values))
    base = history_seed(seed, (1 << 35) + key, 0)
    recipe = Recipe(plan, base, sampling="given", given=keep_draws(root, values), replicates=each, part=25 * each)
    n = len(values) * each
    return arrays(*run_ensemble(recipe, n, root, processes=processes, progress=progress).read(n))


def _quiet(scenario: Scenario) -> Quiet:
    """The scenario's quiet period, which must end where its window begins."""
    spec = spec_of(scenario)
    file, time = scenario.case.folder / "scenario.toml", scenario.file.time
    if spec.quiet is None:
        raise fail(StudyError, file, "no_quiet")
    until_ = spec.quiet.start + dt.timedelta(hours=spec.quiet.hours)
    if until_ != time.start:
        raise fail(StudyError, file, "quiet_apart", value=f"{until_:%Y-%m-%dT%H:%M}", start=f"{time.start:%Y-%m-%dT%H:%M}")
    return spec.quiet


def _days(quiet: Quiet, plan: Plan) -> int:
    """Days of the quiet period: the number of the window's first day."""
    return (dt.datetime.fromisoformat(plan.start).date() - quiet.start.date()).days


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


def _from_quiet(
    plan: Plan,
    seed: int,
    draws: int,
    root: Path,
    posterior: Sequence[Values] | None,
    least: int,
    processes: int | None,
    progress: Callable[[int, int], None],
) -> Ints:
    """Day of the wave of each history that begins with the quiet period, -1 if it has none."""
    if posterior is None:
        recipe = Recipe(plan, seed, part=20)
        runs = arrays(*run_ensemble(recipe, draws, root, processes=processes, progress=progress).read(draws))
    else:
        # One key for both plans: the same luck, so that they differ by what was announced and by nothing else.
        runs = _fitted(plan, posterior, seed, 299, root, draws, processes=processes, progress=progress)
    return first_days(runs.presence.sum(axis=2), least)


def _start(calm: Ints, told: Ints, days: int, h: int) -> dict[str, Share]:
    """What would have been said on the eve, and how often a quiet period makes the model say as much.

    The usual evening is every h-th, so that no stretch of a history counts twice.
    """
    usual = [ahead(calm, t, h) for t in range(0, days - h, h)]
    hits, of = (sum(getattr(s, k) for s in usual) for k in ("hits", "of"))
    month = int(((calm >= 0) & (calm < days)).sum())
    return {
        WITH: ahead(told, days - 1, h),
        WITHOUT: ahead(calm, days - 1, h),
        USUAL: Share(hits, of),
        MONTH: Share(month, len(calm)),
    }


def _reported(facts: Facts, days: int) -> Floats:
    """Presence from the first day of the quiet period on: nothing was reported in it, which the scenario says is an assumption."""
    return np.concatenate([np.zeros((len(facts.low), days)), facts.presence], axis=1)


def _prices(plan: Plan, days: int) -> list[int]:
    """Days on which a price that is given takes effect."""
    offset = dt.datetime.fromisoformat(plan.start).hour
    return sorted({days + int((s.at + offset) // 24) for s in plan.steps if s.kind == "price" and s.given})


def _p(found: Share) -> float:
    """NaN where no history is left to ask."""
    return float(probability(found.hits, found.of)) if found.of else math.nan


def _over(x: Floats, h: int) -> Difference:
    """Mean over origins; h of them look at the same days."""
    d = paired(x, 0.0)
    return Difference(d.mean, d.se * math.sqrt(h), d.n)


def as_tables(found: Outlook) -> dict[str, list[dict[str, Any]]]:
    """The tables for machines."""
    origins: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    alarms: list[dict[str, Any]] = []
    for f in found.forecasts:
        for t, p, count, followed in zip(found.origins, f.p, f.counts, found.followed, strict=True):
            low, high = count.interval() if count else (math.nan, math.nan)
            behind = {"shown": count.hits if count else "", "of": count.of if count else ""}
            said = {"probability": float(p), "low": low, "high": high, **behind, "followed": bool(followed)}
            origins.append({"date": str(found.date(t)), "forecaster": f.name, **said})
    for w in found.worth:
        (bl, bh), (ll, lh) = w.brier.interval(), w.log.interval()
        of = {"forecaster": w.forecaster, "n": w.brier.n, "brier": w.brier.mean, "brier_low": bl, "brier_high": bh}
        against = {"against": w.against.mean, "against_se": w.against.se, "separated": w.against.separated}
        scores.append({**of, "log": w.log.mean, "log_low": ll, "log_high": lh, **against})
    for name, rows in found.warnings.items():
        for a in rows:
            low, high = a.false_alarms.interval()
            counted = {"alarms": a.precision.of, "true": a.precision.hits}
            ends = {
                f"{k}_{side}": v for k in ("precision", "recall") for side, v in zip(("low", "high"), getattr(a, k).interval(), strict=True)
            }
            rate = {"false_per_month": a.false_alarms.per_month, "false_low": low, "false_high": high}
            of_waves = {"waves": a.recall.of, "warned": a.recall.hits, "lead_days": float(a.lead[0]) if len(a.lead) else math.nan}
            alarms.append({"forecaster": name, "threshold": a.threshold, **counted, **rate, **of_waves, **ends})
    start = []
    for what, share in found.start.items():
        low, high = share.interval()
        start.append({"what": what, "share": share.share, "low": low, "high": high, "shown": share.hits, "of": share.of})
    return {"origins": origins, "scores": scores, "alarms": alarms, "start": start}
