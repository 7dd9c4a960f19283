"""One run of a recipe: which parameters and seed it has, and its history as columns. All that decides a number of an ensemble is here."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qantar.engine.diary import Diary
from qantar.engine.loop import Country, simulate
from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Runs
from qantar.ensemble.store import Recipe
from qantar.model.government import first_hours
from qantar.reporting.history import history_seed, reported
from qantar.reporting.model import local_days
from qantar.scenario.parameters import Values, defaults, draw
from qantar.scenario.plan import Plan


def values_of(recipe: Recipe, run: int, given: Sequence[Values] = ()) -> Values:
    """The parameters of a run; what the plan fixes stays fixed."""
    number = run // recipe.replicates
    samplings = {"given": lambda: given[number], "prior": lambda: draw(recipe.seed, number), "default": defaults}
    return {**samplings[recipe.sampling](), **recipe.plan.parameters}


def seed_of(recipe: Recipe, run: int) -> int:
    """The seed of a run."""
    return recipe.seeds[run // recipe.replicates] if recipe.seeds else history_seed(recipe.seed, *divmod(run, recipe.replicates))


def one_run(
    recipe: Recipe, run: int, given: Sequence[Values] = (), country: Country | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A history as columns: by region and day, and as a whole.

    Parameters
    ----------
    given : draws that the recipe names, if it names any
    country : that of the recipe's plan, where somebody has it already
    """
    values, seed = values_of(recipe, run, given), seed_of(recipe, run)
    over = _by_day(recipe.plan, values, seed, recipe.ending) if recipe.ending else None
    history = simulate(recipe.plan, values, seed, engine=recipe.engine, stop_above=recipe.stop_above, over=over, country=country)
    report = reported(history, recipe.plan, values, seed)
    n_days, n_regions = report.presence.shape
    day, region = np.meshgrid(np.arange(n_days), np.arange(n_regions), indexing="ij")
    days = {
        "run": np.full(day.size, run, np.int32),
        "region": region.ravel().astype(np.int16),
        "day": day.ravel().astype(np.int16),
        "presence": report.presence.ravel(),
        "gathering": report.gathering.ravel(),
        "participants": np.repeat(report.participants, n_regions),
        "detained": np.repeat(report.detained, n_regions),
        "killed": np.tile(report.killed, n_days),
        "seat_lost": np.tile(history.seat_lost.any(axis=0), n_days),
    }
    end = history.outcome
    first = first_hours((d.kind, d.size, d.at) for d in history.decisions)
    whole = {
        "run": run,
        "draw": run // recipe.replicates,
        "seed": seed,
        "sha256": history.sha256(),
        "stopped": history.stopped,
        "joins": history.joined.sum() / recipe.plan.scale,
        "peak": end.peak,
        "outcome": end.name,
        "hours": end.hours,
        "killed": end.killed,
        "security_killed": end.security_killed,
        "detained": end.detained,
        "seats_lost": end.seats_lost,
        "fighting": history.fighting.sum(axis=1).max() / recipe.plan.scale,
        "changed_sides": history.changed_sides.max(),
        "stood_aside": history.aside.max(),
        **{f"h_{kind}": hour for kind, hour in first.items()},
        **{f"p_{name}": value for name, value in values.items()},
    }
    return days, whole


def _by_day(plan: Plan, values: Values, seed: int, ending: Ending) -> Callable[[int, Diary], bool]:
    """Puts what was reported so far before a rule, each time a day has ended everywhere."""
    start = dt.datetime.fromisoformat(plan.start)
    local = np.array([p.local_hour for p in plan.places])
    n_steps = math.ceil(plan.hours / plan.step_hours)
    ended = local_days(n_steps + 1, plan.step_hours, start.hour + start.minute / 60, local).min(axis=1)

    def over(t: int, rows: Diary) -> bool:
        if ended[t + 1] == ended[t] or t + 1 == n_steps:
            return False
        so_far = Diary._make(kept[: t + 1] for kept in rows)
        report, days = reported(so_far, plan, values, seed), int(ended[t + 1])
        by_day = (report.presence[None, :days], report.participants[None, :days], report.detained[None, :days])
        seats = np.atleast_2d(so_far.seat_lost.any(axis=0))
        return ending.over(Runs(*by_day, report.killed[None], seats, np.zeros(1, np.bool_), {}), plan)

    return over
