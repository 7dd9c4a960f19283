"""Answers of the model to the questions of the benchmark: writes evidence/benchmark/entries.csv for `qantar benchmark --entry`.

    python dev/benchmark_model.py prior [HISTORIES]      the simulated country, fitted to nothing, for us-2020
    python dev/benchmark_model.py fitted [CASE]...       its rule of rallies, fitted to the training days of each split

Each replaces its own rows and leaves the others. The second is `forecast.rallies_entry`; it simulates no country.

Of the first: the model as it is packaged, fitted to nothing: coefficients are drawn from the priors (docs/explanation/priors.md), the
scenario is the one that `qantar new` wrote. One thing is changed: quiet times have as many rallies for each resident as in Kazakhstan, from
where that prior comes. Every evening the `NEAR` histories whose count of towns that have risen come nearest to the record so far are the
forecast: the chance that a town without a rally so far has its first one reported on the next day.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qantar.cases.case import load_case
from qantar.engine.loop import simulate
from qantar.forecast import rallies_entry
from qantar.forecast.elsewhere import keys_of
from qantar.forecast.entries import Task
from qantar.forecast.splits import WEEK, read_benchmark, with_benchmark
from qantar.inference.distance import up_to
from qantar.reporting.history import history_seed
from qantar.reporting.model import daily_peak, local_days, report_probability
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.studies.benchmark import tasks_of
from qantar.studies.waves import online_of

Floats = NDArray[np.float64]
Rows = Iterator[list[str]]
CASE, FROM = "us-2020", "kazakhstan-2022"
NAME, FITTED = "qantar-prior", "qantar-rallies"
LEAST = 10
"""Independent draws below which a fit says nothing."""
LEFT = ("us-2020-first", "us-2020-week")
"""Questions that the second does not answer: most of their towns are in the table because a rally was listed there at some time, and with
them the table would have more rows than one may have."""
FILE = Path(__file__).parents[1] / "evidence" / "benchmark" / "entries.csv"
SEED, SCALE, NEAR, LAST, DRAWS = 2020, 0.1, 10, 14, 400
"""Base of all draws, residents simulated for each resident, histories that are the forecast, the last day that is asked for, and draws of
each round of a fit."""


def residents(plan: Plan) -> float:
    """Of the whole country."""
    return float(sum(p.population for p in plan.places))


def reported(plan: Plan, k: int, more: float) -> Floats:
    """Chance that a rally in each place is reported on each day of a history, shape (places, days)."""
    values = {**draw(SEED, k), **plan.parameters}
    values["rally_rate"] *= more
    history = simulate(plan, values, history_seed(SEED, k, 0), engine="event")
    day = local_days(len(history.protesting), plan.step_hours, 0.0, np.array([p.local_hour for p in plan.places]))
    out = np.maximum(0.0, daily_peak(history.protesting, day) / plan.scale - (1 / plan.scale - 1))[: LAST + 1]
    seen = report_probability(out, values["reported_half"], values["reported_steepness"])
    return np.pad(seen, ((0, LAST + 1 - len(seen)), (0, 0))).T  # a history that ended early has no rallies after its end


def answers(task: Task, chance: Floats) -> Floats:
    """Probabilities of an event (of a week: of each day, then never) for every question; chance of shape (histories, units, days)."""
    left = np.cumprod(1 - chance, axis=2)  # nothing reported to the end of each day
    before = np.concatenate([np.ones_like(left[:, :, :1]), left[:, :, :-1]], axis=2)
    risen = np.log1p((1 - left).sum(axis=1))
    record = np.log1p(np.cumsum(task.happened, axis=1).astype(bool).sum(axis=0))
    asked, said = task.questions, np.zeros((len(task.questions), task.questions.largest + 1))
    for day in np.unique(asked.day):
        away = ((risen[:, :day] - record[:day]) ** 2).mean(axis=1)
        near = np.argsort(away, kind="stable")[:NEAR]
        rows = np.flatnonzero(asked.day == day)
        unit = asked.unit[rows]
        so_far = before[near][:, unit, day].mean(axis=0)
        if task.split.target == WEEK:
            days = day + np.arange(asked.largest)
            said[rows, :-1] = (before * chance)[near][:, unit][:, :, days].mean(axis=0) / so_far[:, None]
            said[rows, -1] = 1 - said[rows, :-1].sum(axis=1)
        else:
            said[rows, 1] = (before * chance)[near][:, unit, day].mean(axis=0) / so_far
    return said


def prior(histories: int) -> Rows:
    """Simulate, forecast."""
    plan = up_to(resolve(load_scenario(CASE), scale=SCALE), LAST)
    more = residents(plan) / residents(resolve(load_scenario(FROM), scale=SCALE))
    chance = np.empty((histories, len(plan.places), LAST + 1))
    for k in range(histories):
        chance[k] = reported(plan, k, more)
        print(f"{k + 1} of {histories}: {(1 - np.prod(1 - chance[k], axis=1)).sum():.0f} towns", flush=True)
    case, number = load_case(CASE), {p.id: k for k, p in enumerate(plan.places)}
    for task in tasks_of(case, read_benchmark(case).splits).values():
        own = chance[:, [number[i] for i in task.wave.ids]]
        yield from rows_of(NAME, task, answers(task, own))


def fitted(cases: Sequence[str]) -> Rows:
    """Fit and forecast each split of some cases that is scored here; splits that train on the same days of the same units share a fit."""
    for name in cases:
        case, fits = load_case(name), {}
        for split, task in tasks_of(case, [s for s in read_benchmark(case).splits if s.id not in LEFT]).items():
            began = time.process_time()
            wave = rallies_entry.wave_of_task(case, task, online_of(case))
            trained = task.split.units, task.split.residents, task.train
            if trained not in fits:
                fits[trained] = rallies_entry.fitted(wave, task, SEED, DRAWS)
            found = fits[trained]
            if found.worth < LEAST:
                print(f"{split}: the fit is worth {found.worth:.0f} draws: no answers", flush=True)
                continue
            said = rallies_entry.answers(wave, task, found, SEED)
            print(f"{split}: worth {found.worth:.0f} draws, {time.process_time() - began:.0f} s", flush=True)
            yield from rows_of(FITTED, task, said)


def rows_of(entry: str, task: Task, said: Floats) -> Rows:
    """As the table has them."""
    for (unit, day), p in zip(keys_of(task), said, strict=True):
        values = (1,) if task.questions.largest == 1 else range(len(p))
        said_of = ([entry, task.split.id, unit, str(day), str(v), f"{p[v]:.5f}"] for v in values)
        yield from (row for row in said_of if float(row[-1]) > 0 or len(values) == 1)  # what is left out counts as 0


def main(which: str, *more: str) -> None:
    """Make one entry anew."""
    made = list(prior(int(more[0]) if more else 60) if which == "prior" else fitted(more or with_benchmark()))
    new = {(entry, split) for entry, split, *_ in made}
    with FILE.open(encoding="utf-8", newline="") as file:
        head, *kept = csv.reader(file)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *(r for r in kept if (r[0], r[1]) not in new), *made])


if __name__ == "__main__":
    main(*sys.argv[1:])
