"""Simulate a scenario over draws of parameters and seeds, and hold the histories against the record.

The histories themselves stay in the store; the digest over all of them stands in the result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import model_validator

from qantar.engine.loop import ENGINES
from qantar.ensemble.histories import QUANTILES, curves
from qantar.ensemble.run import Result as Simulated
from qantar.ensemble.run import plain
from qantar.ensemble.run import run as simulate
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import StudyError, fail
from qantar.files.cells import Choice, to_csv
from qantar.files.write import sha256_of
from qantar.inference.packed import PAGE, packed
from qantar.inference.posterior import CSV, FIT, posterior_of
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Sentence, Table, heads, pair
from qantar.studies.cells import recorded_feature, scale_words, shown_share, simulated_numbers
from qantar.studies.kind import Asked, Options, Outcome, Result, Ships, Study

FACTS = (
    "recipe", "runs", "key", "plan", "history_sha256", "calibrated", "posterior", "replayed", "stamp", "residents", "network"
)  # fmt: skip
BASIS = {"prior": "out.not_calibrated", "default": "out.defaults_only", "given": "out.calibrated"}
"""What is said of the parameters, by how they were drawn."""


class RunOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    draws: Annotated[int, kind.whole("cli.opt_draws", "draws", 1, 100_000)] = 100
    replicates: Annotated[int, kind.whole("cli.opt_replicates", "histories", 1, 10_000)] = 1
    seed: kind.LongSeed = 1
    scale: kind.Scale = kind.STUDY_SCALE
    engine: Annotated[str, kind.Option("cli.opt_engine", Choice(ENGINES))] = "event"
    defaults: Annotated[bool, kind.Option("cli.opt_defaults")] = False
    posterior: Annotated[bool, kind.Option("cli.opt_posterior")] = False
    set_: kind.Settings = ()
    arm: kind.Arms = ()
    pack: Annotated[Path | None, kind.Option("cli.opt_pack_histories", metavar="FOLDER", neutral=True, writes="folder")] = None

    @model_validator(mode="after")
    def _pack_the_posterior(self) -> Self:
        changed = self.arm or self.set_ or self.replicates > 1 or self.defaults
        if self.pack is not None and (changed or not self.posterior):
            raise fail(StudyError, "--pack", "of_posterior")
        return self


def run(asked: Asked[RunOptions], runner: Runner) -> Outcome:
    """The runs, what they show of the record, and where they come from."""
    options, scenario = asked.options, asked.named
    plan = resolve(scenario, asked.edits, scale=options.scale)
    sampling = "default" if options.defaults else "prior"
    recipe, draws, made = Recipe(plan, options.seed, options.engine, sampling, options.replicates), options.draws, None
    if options.posterior:
        posterior = posterior_of(scenario)
        made, draws = posterior.made, min(draws, len(posterior.values))
        recipe = replace(recipe, sampling="given", given=keep_draws(runner.store, posterior.values))
    n = options.replicates * (1 if recipe.sampling == "default" else draws)
    found = simulate(recipe, n, scenario.case, runner, made)
    facts = {k: found.provenance[k] for k in FACTS}
    if options.posterior:
        facts["posterior_sha256"] = sha256_of(scenario.case.folder / FIT / CSV)
    elsewhere = {} if options.pack is None else {options.pack: packed(found, scenario.case.folder, kind.command_of(STUDY.name, asked))}
    return Outcome({}, facts, plan, options.seed, files=tables_of(found), elsewhere=elsewhere)


def tables_of(found: Simulated) -> dict[str, str]:
    """Features, presence by region and day, national curves and runs as tables, every row with its stamp."""
    plan, whole = found.recipe.plan, found.runs.whole
    first = dt.datetime.fromisoformat(plan.start).date()
    ids = [r.id for r in plan.regions]
    shares = found.runs.presence.mean(axis=0)
    days = [str(first + dt.timedelta(days=d)) for d in range(len(shares))]
    of_features = [f.as_dict() for f in found.features]
    quantiles = [f"q{100 * q:02.0f}" for q in QUANTILES]
    marks, stamp = ["stamp", "scale"], [found.provenance["stamp"], f"{plan.scale:g}"]
    return {
        "features.csv": to_csv([*of_features[0], *marks], [[*map(plain, row.values()), *stamp] for row in of_features]),
        "presence.csv": to_csv(
            ["region_id", "date", "share_reported", *marks],
            [[r, day, f"{shares[d, k]:.4f}", *stamp] for k, r in enumerate(ids) for d, day in enumerate(days)],
        ),
        "curves.csv": to_csv(
            ["quantity", "date", *quantiles, *marks],
            [
                [name, day, *(f"{x:.6g}" for x in table[:, d]), *stamp]
                for name, table in curves(found.runs).items()
                for d, day in enumerate(days)
            ],
        ),
        "runs.csv": to_csv([*marks, *whole], [[*stamp, *(plain(whole[c][k]) for c in whole)] for k in range(found.runs.n)]),
    }


def page(result: Result) -> Iterator[Block]:
    """What was simulated, how many histories show each feature of the record, and what that is not."""
    made, plan, recipe = result.made, result.made["plan"], result.made["recipe"]
    of_run = {"hours": plan["hours"], "seed": recipe["seed"], "engine": recipe["engine"], "residents": f"{made['residents']:,}"}
    yield Sentence(pair("out.run_head", case=made["scenario"], runs=made["runs"], scale=scale_words(made["scale"]), **of_run), "lead")
    net = made["network"]
    ties = {"degree": f"{net['degree']:.1f}", "clustering": f"{net['clustering']:.2f}", "path": f"{net['path_length']:.1f}"}
    yield Sentence(pair("out.network", **ties))
    if plan["edits"]:
        edits = "; ".join(f"{e['path']} {e.get('op', 'set')} {e.get('value', '')}".strip() for e in plan["edits"])
        yield Sentence(pair("out.edits", edits=edits))
    if made["replayed"]:
        yield Sentence(pair("out.replayed", n=len(made["replayed"])))
    columns = heads("out", ("feature", "recorded", "simulated", "shown"), words=["feature"])
    rows = [
        [recorded_feature(r, result), r["recorded"], simulated_numbers(r), shown_share(r["share"], r["share_low"], r["share_high"])]
        for r in result.tables["features"]
    ]
    yield Table(columns, rows, pair("out.features_title"), look="features")
    if stopped := sum(r["stopped"] == "True" for r in result.tables["runs"]):
        yield Sentence(pair("out.runs_stopped", n=stopped, limit=f"{recipe['stop_above']:,.0f}"))
    yield Sentence(pair(BASIS[recipe["sampling"]]))
    yield Sentence(pair("out.history_sha", sha=made["history_sha256"]))


STUDY = Study(
    "run",
    RunOptions,
    run,
    page,
    Ships(minutes=1, options={"posterior": True, "draws": 60}, folder=PAGE, packed=True),
    small={"scenario": "kazakhstan-2022", "draws": 3, "scale": 0.005},
    columns={
        "features": ("kind", "of", "recorded", "share", "share_low", "share_high", "median", "low", "high"),
        "presence": ("region_id", "date", "share_reported"),
        "curves": ("quantity", "date", "q05", "q50", "q95"),
        "runs": ("run", "stopped", "sha256"),
    },
    facts=FACTS,
    part="simulated",
)
