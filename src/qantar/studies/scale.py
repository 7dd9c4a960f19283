"""Does it matter that only one resident in ten is simulated: the posterior again, with everyone.

Every particle gets one new history at the scale it was fitted at and one with everyone, with luck that nothing was fitted to, broken off
where the calibration breaks off. What the fit compares with the record is compared between the two, item by item, and the share broken
off. Residents differ, so luck does: differences are means over particles, paired; "separated" means two standard errors. Hundreds of pairs
also find differences that do not matter: each is held against the error that the fit allows the record as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.runner import Runner
from qantar.forecast.scores import paired
from qantar.inference.calibration import predictive
from qantar.inference.distance import ERRORS, items_of, target_of
from qantar.inference.posterior import posterior_of
from qantar.inference.problem import spec_of
from qantar.inference.rejection import stop_of
from qantar.record.observables import observe
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Edit, Scenario, resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Pair, Row, Sentence, Table, heads, joined, pair
from qantar.studies.cells import around, intervals, number, region_names, told_apart
from qantar.studies.kind import Asked, Options, Outcome, Result, Ships, Study

Floats = NDArray[np.float64]
CHANCE = 0.05
"""Share of rows that two standard errors separate by chance."""


class ScaleOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    draws: Annotated[int, kind.whole("cli.opt_scale_draws", "draws", 2, 100_000)] = 200
    seed: kind.Seed = 2022
    set_: kind.Settings = ()


def run(asked: Asked[ScaleOptions], runner: Runner) -> Outcome:
    """Both scales side by side, a row for each number."""
    options, scenario = asked.options, asked.named
    posterior = posterior_of(scenario)
    plan = resolve(scenario, asked.edits, scale=posterior.made["scale"])
    values = posterior.values[: options.draws]
    residents = sum(p.population for p in plan.places)
    rows = at_scales(scenario, values, runner, seed=options.seed, scale=plan.scale, edits=asked.edits)
    return Outcome({"items": rows}, {"draws": len(values), "residents": residents}, plan, options.seed)


def at_scales(
    scenario: Scenario, values: Sequence[Values], runner: Runner, *, seed: int, scale: float, full: float = 1.0, edits: Sequence[Edit] = ()
) -> list[dict[str, Any]]:
    """What the fit compares with the record, of histories at two scales.

    Parameters
    ----------
    values : sets of parameters
    scale, full : residents simulated for each resident of the country

    Raises
    ------
    ScenarioError
        If the scenario does not say what is fitted.
    StudyError, ResultError
        As `run_ensembles`.
    """
    record, detained = observe(scenario.case.record), tuple(spec_of(scenario).detained)
    columns = []
    for stage, of in (("after", scale), ("verify", full)):
        plan = resolve(scenario, edits, scale=of)
        target = target_of(record, plan, detained=detained)
        runs = predictive(plan, values, runner, seed, stage, part=4, stop_above=stop_of(target))
        columns.append(np.column_stack([items_of(runs, target, plan), runs.stopped]))
    return compared([*((i.block, i.of, i.day) for i in target.items), ("stopped", "", -1)], *columns)


def compared(names: Sequence[tuple[str, str, int]], small: Floats, full: Floats) -> list[dict[str, Any]]:
    """Means at two scales, their paired difference with its standard error, and both in units of the spread at the smaller scale.

    A difference is "beyond" if it is larger than the error that the fit allows the record (`fit.ERRORS`).

    >>> row = compared([("deaths", "country", -1)], np.array([[1.0], [2.0]]), np.array([[1.5], [2.5]]))[0]
    >>> row["difference"], row["se"], row["separated"]
    (0.5, 0.0, True)
    """
    rows = []
    for k, (block, of, day) in enumerate(names):
        d = paired(full[:, k], small[:, k])
        spread = float(small[:, k].std()) or 1.0
        means = {"scaled_down": float(small[:, k].mean()), "everyone": float(full[:, k].mean())}
        in_spreads = {"in_spreads": d.mean / spread, "in_spreads_se": d.se / spread, "separated": d.separated}
        against_record = {"record_error": ERRORS.get(block, math.nan), "beyond": abs(d.mean) > ERRORS.get(block, math.inf)}
        item = {"block": block, "of": of, "day": day, **means, "difference": d.mean, "se": d.se, "n": d.n}
        rows.append({**item, **in_spreads, **against_record})
    return rows


def page(result: Result) -> Iterator[Block]:
    """How many numbers differ between the scales, and by how much."""
    rows, made = result.tables["items"], result.made
    apart, beyond = (sum(r[k] == "1" for r in rows) for k in ("separated", "beyond"))
    n = f"{1 / float(made['scale']):g}"
    filled: dict[str, Any] = {"draws": made["draws"], "residents": f"{int(made['residents']):,}", "n": n, "of": len(rows)}
    filled |= {"apart": apart, "chance": f"{CHANCE * len(rows):.0f}", "beyond": beyond}
    yield Sentence(pair("report.gist.scale", **filled), "lead")
    yield Sentence(pair(f"report.evidence.scale_{'some' if apart else 'none'}", **filled))
    yield Sentence(pair("report.evidence.scale_text", n=n))
    named = [name_of(r, region_names(result)) for r in rows]
    columns = [*heads("scale", ("item", "scaled_down", "everyone", "difference"), words=["item"]), Column(pair("heldout.rule"))]
    cells: list[list[Cell]] = [
        [name, number(r["scaled_down"]), number(r["everyone"]), around(r, "difference", "se"), told_apart(r["separated"])]
        for name, r in zip(named, rows, strict=True)
    ]
    yield Figure("scale", intervals(named, rows, "in_spreads", "in_spreads_se"), Table(columns, cells))


def name_of(row: Row, places: Mapping[str, Pair]) -> Pair:
    """What a row compares, in words: the block, what of (by the names of places), the day of the window."""
    parts: list[Cell] = [pair(f"scale.block.{row['block']}")]
    if row["of"] not in ("", "country"):
        parts += [pair("report.colon"), places.get(row["of"], row["of"])]
    if int(row["day"]) >= 0:
        parts.append(pair("scale.day", n=int(row["day"]) + 1))
    return joined(parts)


STUDY = Study(
    "scale",
    ScaleOptions,
    run,
    page,
    Ships(minutes=25, options={"draws": 100}),
    small={"scenario": "kazakhstan-2022", "draws": 2, "set_": ("time.hours=48",)},
    columns={
        "items": (
            "block", "of", "day", "scaled_down", "everyone", "difference", "se", "n", "in_spreads", "in_spreads_se", "separated", "beyond"
        )
    },
    facts=("draws", "scale", "residents"),
)  # fmt: skip
