"""A government by policy against the record: when it would have taken the dated steps, by signal (`effects.policy_dates`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects.policy_dates import Dates, constant_error, date_policies, recorded_hours
from qantar.ensemble.run import STAMP
from qantar.ensemble.runner import Runner
from qantar.model.government import DATED
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Row, Sentence, Table, heads, pair
from qantar.studies.kind import Asked, Options, Outcome, Result, Study


class PolicyOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    draws: Annotated[int, kind.whole("cli.opt_policy_draws", "draws", 1, 100_000)] = 200
    seed: kind.LongSeed = 1


def run(asked: Asked[PolicyOptions], runner: Runner) -> Outcome:
    """Errors of every signal over draws, and hours since the start at which each step would have been taken."""
    options, scenario = asked.options, asked.named
    plan = resolve(scenario)
    dates = date_policies(scenario, plan, draws=options.draws, seed=options.seed, progress=runner.stage("draws"))
    recorded, seen = recorded_hours(plan), dates[0].recorded
    facts = {
        "stamp": STAMP,
        "draws": options.draws,
        "start": plan.start,
        "recorded": {name: moment(plan.start, hours) for name, hours in recorded.items()},
        "constant": {"at": moment(plan.start, float(np.median(seen))), "error": constant_error(seen)},
    }
    return Outcome({"signals": signals(dates), "steps": steps(dates)}, facts, plan, options.seed)


def moment(start: str, hours: float) -> str:
    """Hours since the start as a date, to the minute.

    >>> moment("2022-01-02T00:00", 73.5)
    '2022-01-05T01:30'
    """
    return (dt.datetime.fromisoformat(start) + dt.timedelta(hours=hours)).isoformat(timespec="minutes")


def quantiles(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Median, 5 and 95 % over draws."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), np.quantile(values, (0.5, 0.05, 0.95)).tolist(), strict=True))


def signals(dates: Sequence[Dates]) -> list[dict[str, Any]]:
    """Mean error of the dates, a row a signal, beside that of one date for all."""

    def row(signal: str, errors: NDArray[np.float64], constant: float) -> dict[str, Any]:
        better = {"share_better_than_constant": float((errors < constant).mean()), "least_error": float(errors.min())}
        return {"signal": signal, **quantiles("error", errors), **better}

    return [row(d.signal, d.errors(), constant_error(d.recorded)) for d in dates]


def steps(dates: Sequence[Dates]) -> list[dict[str, Any]]:
    """Hours of each step, a row a signal and step."""
    return [
        {"signal": d.signal, "step": name, **quantiles("hours", d.hours[:, k]), "never": float(d.never[k])}
        for d in dates
        for k, name in enumerate(DATED)
    ]


def page(result: Result) -> Iterator[Block]:
    """Errors of each signal against the recorded dates, and the dates themselves."""
    made, rows, taken = result.made, result.tables["signals"], result.tables["steps"]
    constant = f"{made['constant']['error']:.1f}"
    yield Sentence(pair("out.policy_head", case=made["scenario"], draws=made["draws"]), "lead")
    columns = heads("out", ("signal", "error", "better", "least"), words=["signal"])
    yield Table(columns, [*map(cells, rows), [pair("out.constant"), constant, "", ""]])
    yield Sentence(pair("out.policy_note", at=made["constant"]["at"].replace("T", " "), error=constant), "note")
    names, by = [row["signal"] for row in rows], {(row["signal"], row["step"]): row for row in taken}
    columns = [*heads("out", ("what", "recorded"), words=("what", "recorded")), *heads("signal", names, words=names)]
    dated: list[list[Cell]] = [
        [pair(f"dated.{step}"), f"{dt.datetime.fromisoformat(when):%d %H:%M}", *(date(made, by[name, step]) for name in names)]
        for step, when in made["recorded"].items()
    ]
    yield Table(columns, dated, pair("out.policy_steps"))


def cells(row: Row) -> list[Cell]:
    """A signal, its error with an interval, how often it is nearer than one date for all, and its least error."""
    middle, low, high, better = (float(row[k]) for k in ("error", "error_low", "error_high", "share_better_than_constant"))
    error, least = f"{middle:.0f} ({low:.0f}–{high:.0f})", f"{float(row['least_error']):.1f}"
    return [pair(f"signal.{row['signal']}"), error, f"{100 * better:.0f} %", least]


def date(made: Mapping[str, Any], row: Row) -> str:
    """Day and hour of a step at the median, and how often it is never taken: `05 16h (20 %)`."""
    at = dt.datetime.fromisoformat(made["start"]) + dt.timedelta(hours=float(row["hours"]))
    return f"{at:%d %Hh} ({100 * float(row['never']):.0f} %)"


STUDY = Study(
    "policy",
    PolicyOptions,
    run,
    page,
    small={"scenario": "kazakhstan-2022", "draws": 2},
    columns={
        "signals": ("signal", "error", "error_low", "error_high", "share_better_than_constant", "least_error"),
        "steps": ("signal", "step", "hours", "hours_low", "hours_high", "never"),
    },
    facts=("draws", "start", "recorded", "constant"),
    simulates=False,
)
