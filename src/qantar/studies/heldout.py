"""Held out: does the model foresee what it was not shown, better than forecasts that know no mechanism (`forecast.held_out`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np

from qantar.ensemble.runner import Runner
from qantar.forecast.held_out import MODEL, REFERENCE, as_rows, held_out
from qantar.forecast.planted import Planted
from qantar.inference.posterior import known_table
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Figure, Row, Sentence, Table, heads, label, pair
from qantar.studies.cells import around, intervals, told_apart
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
    options, scenario = asked.options, asked.named
    plan = resolve(scenario, scale=options.scale)
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    scored = held_out(scenario, options.table, options.near, runner, seed=options.seed, scale=options.scale, known=known)
    ties = {**asdict(scored.ties), "separated": scored.ties.separated}
    facts = {
        "table": options.table, "near": options.near, "detectable": asdict(scored.power), "ties": ties,
        "planted": of_planted(scored.planted),
    }  # fmt: skip
    return Outcome({"scores": as_rows(scored.scores)}, facts, plan, options.seed)


def of_planted(found: Planted) -> dict[str, Any]:
    """The difference from the average on the real record, and how often it is as large on records that the model made itself."""
    shares = {name: found.at_least(fast) for name, fast in (("all", False), ("fast", True))}
    by = {name: {"at_least": x.hits, "of": x.of, "low": x.interval()[0], "high": x.interval()[1]} for name, x in shares.items() if x.of}
    return {"difference": found.real, "median": float(np.median(found.differences)) if len(found.differences) else None, **by}


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
    difference = around({k: str(v) for k, v in ties.items()}, "mean", "se")
    yield Sentence(pair(f"report.evidence.heldout_ties_{word}", difference=difference))
    yield Sentence(pair("report.evidence.heldout_text"))
    for name in ("all", "fast"):
        if own := result.made["planted"].get(name):
            share = f"{100 * own['at_least'] / own['of']:.0f} % ({100 * own['low']:.0f}–{100 * own['high']:.0f})"
            difference = f"{result.made['planted']['difference']:.2f}"
            yield Sentence(pair(f"report.evidence.heldout_planted_{name}", difference=difference, share=share, of=own["of"]))
    for partition in REFERENCE:
        if own := [r for r in rows if r["partition"] == partition]:
            marks = intervals([label("forecaster", r["forecaster"]) for r in own], own, "against_mean", "against_se")
            yield Figure(f"heldout-{partition}", marks, scores(partition, own))
    yield Sentence(pair("heldout.note"), "note")


def scores(partition: str, rows: Sequence[Row]) -> Table:
    """Scores of one partition, a row a forecaster."""
    held = partition == "region" and "held" in rows[0]
    keys = ("forecaster", "log", f"other_{partition}", f"against_{partition}", "rule", *(["held"] if held else []))

    def cells(r: Row) -> list[Cell]:
        apart: Cell = "–" if float(r["against_mean"]) == 0 else told_apart(r["separated"])
        counted = [pair("heldout.held_of", sure=r["held"], possible=r["held_possibly"], of=r["held_of"])] if held else []
        means = [around(r, f"{k}_mean", f"{k}_se") for k in ("log", "other", "against")]
        return [label("forecaster", r["forecaster"]), *means, apart, *counted]

    return Table(heads("heldout", keys, words=("forecaster", "rule", "held")), list(map(cells, rows)))


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
    facts=("ties", "planted"),
)
