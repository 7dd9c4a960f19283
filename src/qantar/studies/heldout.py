"""Held out: does the model foresee what it was not shown, better than forecasts that know no mechanism (`forecast.held_out`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

from qantar.ensemble.runner import Runner
from qantar.forecast.held_out import MODEL, REFERENCE, as_rows, held_out
from qantar.forecast.scores import SEPARATED
from qantar.inference.posterior import known_table
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Intervals,
    Row,
    Sentence,
    Table,
    around,
    label,
    mark,
    pair,
    told_apart,
    within,
)  # fmt: skip
from qantar.studies.kind import Asked, Options, Outcome, Result, Ships, Study


class HeldOutOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    table: Annotated[int, kind.whole("cli.opt_table", "draws", 100, 1_000_000)] = 20_000
    near: Annotated[int, kind.whole("cli.opt_near", "histories", 5, 10_000)] = 400
    known: kind.KnownTable = None
    seed: kind.Seed = 2022
    scale: kind.Scale = 0.1


def run(asked: Asked[HeldOutOptions], runner: Runner) -> Outcome:
    """Scores of all forecasters in both partitions, what ties are worth, and what a comparison of this size can tell apart."""
    options, scenario = asked.options, asked.scenario
    assert scenario is not None  # its options name one
    plan = resolve(scenario, scale=options.scale)
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    scored = held_out(scenario, options.table, options.near, runner, seed=options.seed, scale=options.scale, known=known)
    ties = {**asdict(scored.ties), "separated": scored.ties.separated}
    facts = {"table": options.table, "near": options.near, "detectable": asdict(scored.power), "ties": ties}
    return Outcome({"scores": as_rows(scored.scores)}, facts, plan, options.seed)


def page(result: Result) -> Iterator[Block]:
    """Who foresaw better, in words, then a figure a partition."""
    rows, ties = result.tables["scores"], result.made["ties"]
    lead = "lead"
    for partition in REFERENCE:
        for row in rows:
            if (row["partition"], row["forecaster"]) == (partition, MODEL):
                word = "same" if row["separated"] != "1" else "better" if float(row["against_mean"]) < 0 else "worse"
                yield Sentence(pair(f"report.evidence.heldout_{partition}_{word}"), lead)
                lead = ""
    word = "same" if not ties["separated"] else "better" if ties["mean"] < 0 else "worse"
    low, high = (str(ties["mean"] + s * SEPARATED * ties["se"]) for s in (-1, 1))
    yield Sentence(pair(f"report.evidence.heldout_ties_{word}", difference=within(str(ties["mean"]), low, high)))
    yield Sentence(pair("report.evidence.heldout_text"))
    for partition in REFERENCE:
        if own := [r for r in rows if r["partition"] == partition]:
            yield Figure(f"heldout-{partition}", intervals(own, "forecaster", "against_mean", "against_se"), scores(partition, own))
    yield Sentence(pair("heldout.note"), "note")


def intervals(rows: Sequence[Row], group: str, mean: str, se: str) -> Intervals:
    """A mark a row with two standard errors either way."""
    return Intervals([label(group, r[group]) for r in rows], [mark(r, mean, se) for r in rows])


def scores(partition: str, rows: Sequence[Row]) -> Table:
    """Scores of one partition, a row a forecaster."""
    held = partition == "region" and "held" in rows[0]
    keys = ("log", f"other_{partition}", f"against_{partition}")
    columns = [
        Column(pair("heldout.forecaster")),
        *(Column(pair(f"heldout.{k}"), number=True) for k in keys),
        Column(pair("heldout.rule")),
    ]

    def cells(r: Row) -> list[Cell]:
        apart: Cell = "–" if float(r["against_mean"]) == 0 else told_apart(r["separated"])
        counted = pair("heldout.held_of", sure=r["held"], possible=r["held_possibly"], of=r["held_of"]) if held else ""
        pairs = ("log", "other", "against")
        row = [label("forecaster", r["forecaster"]), *(around(r, f"{k}_mean", f"{k}_se") for k in pairs), apart]
        return [*row, counted] if held else row

    return Table([*columns, *([Column(pair("heldout.held"))] if held else [])], [cells(r) for r in rows])


STUDY = Study(
    "heldout",
    HeldOutOptions,
    run,
    page,
    Ships(minutes=60, places={"known": kind.PRIOR_TABLE}),
    small={"scenario": "kazakhstan-2022", "table": 100, "near": 5, "scale": 0.001},
    columns={
        "scores": ("partition", "forecaster", "log_mean", "log_se", "other_mean", "other_se", "against_mean", "against_se", "separated")
    },
    facts=("ties",),
)
