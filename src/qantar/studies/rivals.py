"""Rivals: other accounts of the same record, fitted on equal terms and compared on what they were not shown (`forecast.rivals`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.forecast.held_out import NEAR
from qantar.forecast.rivals import HOME, Terms, compare
from qantar.inference.rejection import QUICK, Setup
from qantar.scenario.scenario import Scenario, resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Row, Sentence, Table, heads, joined, pair
from qantar.studies.cells import arm_name, arm_note, around, intervals, number, told_apart
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study

QUICK_NEAR = 40
FULL = Setup(table=6_000, draws=6_000, rounds=2, proposed=3_000, near=100)
"""How much is tried for each account where nothing else is asked."""
LEAST = 2
"""Accounts that make a comparison."""


class RivalsOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    arm: Annotated[tuple[str, ...], Option("cli.opt_rivals", metavar="ARM")] = ()
    quick: kind.Quick = False
    table: Annotated[int | None, kind.whole("cli.opt_table", "draws", 30, 1_000_000)] = None
    rounds: Annotated[int | None, kind.whole("cli.opt_rounds", "number", 0, 20)] = None
    proposed: Annotated[int | None, kind.whole("cli.opt_proposed", "draws", 10, 1_000_000)] = None
    near: Annotated[int | None, kind.whole("cli.opt_nearest", "number", 10, 100_000)] = None
    kept: Annotated[Path | None, Option("cli.opt_kept", metavar="FOLDER", neutral=True)] = None
    seed: kind.Seed = 2022
    scale: kind.QuickScale = None


def setup_of(options: RivalsOptions) -> Setup:
    """How much is tried: what is asked for, and else the terms of a quick look or of a full one. All draws looked at are in the table."""
    given = {name: n for name in ("table", "rounds", "proposed", "near") if (n := getattr(options, name)) is not None}
    whole = replace(QUICK if options.quick else FULL, **given)
    return replace(whole, draws=whole.table)


def run(asked: Asked[RivalsOptions], runner: Runner) -> Outcome:
    """Every account fitted, what it comes near, and what it foresees, a row an account; and its score by region."""
    options, scenario = asked.options, asked.named
    plan = resolve(scenario, scale=kind.scale_of(options.scale, options.quick))
    own = [name for name in scenario.file.arms if name.startswith("rival-")]
    arms = asked.arms or sorted(own, key=lambda name: name != HOME)  # that one first, the others in their order
    if len({*arms}) < LEAST:
        raise fail(StudyError, plan.case, "rivals_few", found=", ".join(arms) or "-")
    setup = setup_of(options)
    near = QUICK_NEAR if options.quick else NEAR
    compared = compare(Terms(scenario, setup, options.seed, plan.scale, near), arms, runner, options.kept)
    tables = {"rivals": compared.rows(), "regions": compared.regions([r.id for r in plan.regions])}
    facts = {"quick": options.quick, "tolerance": compared.tolerance, "home": compared.home, "setup": asdict(setup), "near": near}
    return Outcome(tables, facts, plan, options.seed)


def page(result: Result) -> Iterator[Block]:
    """Which accounts foresee better than the first, in words; then both comparisons, and what each account says."""
    rows, home, scenario = result.tables["rivals"], result.made["home"], result.scenario
    lead = "lead"
    for word, keys in ranked(rows, home).items():
        if keys:
            names = joined([arm_name(key, scenario) for key in keys], pair("report.comma"))
            yield Sentence(pair(f"report.evidence.rivals_{word}", names=names, home=arm_name(home, scenario)), lead)
            lead = ""
    for comparison in ("held_out", "near"):
        yield compared_with(home, rows, comparison, scenario)
    columns = [Column(pair("rivals.rival")), Column(pair("report.evidence.rival_says"))]
    columns += heads("rivals", ("tolerance", "score"))
    told: list[list[Cell]] = []
    for r in rows:
        nearness = [number(r["tolerance"]), number(r["log_score"])]
        told.append([arm_name(r["rival"], scenario), arm_note(r["rival"], scenario), *nearness])
    yield Table(columns, told, pair("rivals.title", tolerance=number(str(result.made["tolerance"]))), look="features")
    yield Sentence(pair("rivals.note"), "note")


def ranked(rows: Sequence[Row], home: str) -> dict[str, list[str]]:
    """Accounts that foresee regions better than one, worse, or not so that it can be told; one without a comparison is in none."""
    words: dict[str, list[str]] = {"better": [], "worse": [], "alike": []}
    for r in rows:
        if r["rival"] != home and r["held_out_difference"] != "":
            word = "alike" if r["held_out_separated"] != "1" else "better" if float(r["held_out_difference"]) < 0 else "worse"
            words[word].append(r["rival"])
    return words


def compared_with(home: str, rows: Sequence[Row], comparison: str, scenario: Scenario | None) -> Figure:
    """One comparison of every account with the first."""
    mean, se = f"{comparison}_difference", f"{comparison}_se"
    names = [arm_name(r["rival"], scenario) for r in rows]
    columns = [*heads("rivals", ("rival", comparison), words=["rival"]), Column(pair("heldout.rule"))]
    cells: list[list[Cell]] = [
        [name, around(r, mean, se), "–" if r["rival"] == home else told_apart(r[f"{comparison}_separated"])]
        for name, r in zip(names, rows, strict=True)
    ]
    return Figure(f"rivals-{comparison.replace('_', '-')}", intervals(names, rows, mean, se), Table(columns, cells, look=""))


STUDY = Study(
    "rivals",
    RivalsOptions,
    run,
    page,
    Ships(minutes=60, options={"table": 3_000, "proposed": 1_500}, places={"kept": "rivals"}),
    small={
        "scenario": "kazakhstan-2022", "arm": ("rival-home-grown", "rival-seeding"),
        "table": 30, "rounds": 1, "proposed": 10, "near": 10, "scale": 0.001,
    },
    columns={
        "rivals": (
            "rival", "tolerance", "near_difference", "near_se", "near_separated",
            "log_score", "held_out_difference", "held_out_se", "held_out_separated",
        ),
        "regions": ("rival", "region", "log_score"),
    },
    facts=("home", "tolerance"),
)  # fmt: skip
