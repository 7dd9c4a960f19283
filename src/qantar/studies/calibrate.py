"""Fit the parameters that a scenario names to its record, by simulation alone: by rejection, or by networks as a second opinion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import isnan
from pathlib import Path
from typing import Annotated, Self

from pydantic import model_validator

from qantar.ensemble.histories import HALF
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail, needs
from qantar.files.cells import Choice
from qantar.inference import neural as networks
from qantar.inference.between import MEDIAN, SHARE
from qantar.inference.calibration import Terms, between_csv, repeated
from qantar.inference.posterior import NEURAL, known_table
from qantar.inference.prior import varied
from qantar.inference.priors import read_priors
from qantar.inference.rejection import QUICK, Setup
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Row, Sentence, Shares, Table, heads, pair
from qantar.studies.cells import (
    feature_label,
    parameter,
    recorded_feature,
    region_names,
    scale_words,
    short,
    shown_share,
    simulated_numbers,
)
from qantar.studies.kind import Asked, Options, Outcome, Result, Ships, Study

REJECTION = "rejection"
FACTS = ("setup", "edits", "mobilization", "force", "tolerance", "independent")


class CalibrateOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    method: Annotated[str, kind.Option("cli.opt_method", Choice((REJECTION, NEURAL)), metavar="METHOD")] = REJECTION
    quick: kind.Quick = False
    seed: kind.Seed = 2022
    scale: kind.QuickScale = None
    table: Annotated[int | None, kind.whole("cli.opt_table", "draws", 30, 1_000_000)] = None
    draws: Annotated[int | None, kind.whole("cli.opt_looked", "draws", 30, 10_000_000)] = None
    rounds: Annotated[int | None, kind.whole("cli.opt_rounds", "number", 0, 20)] = None
    proposed: Annotated[int | None, kind.whole("cli.opt_proposed", "draws", 10, 1_000_000)] = None
    near: Annotated[int | None, kind.whole("cli.opt_nearest", "number", 10, 100_000)] = None
    force_draws: Annotated[int | None, kind.whole("cli.opt_force_draws", "number", 0, 100_000)] = None
    particles: Annotated[int | None, kind.whole("cli.opt_particles", "number", 10, 100_000)] = None
    runs: Annotated[int | None, kind.whole("cli.opt_runs", "number", 1, 9)] = None
    prior: Annotated[Path | None, kind.Option("cli.opt_prior", metavar="FILE")] = None
    set_: kind.Settings = ()
    arm: kind.Arms = ()
    kept: Annotated[Path | None, kind.Option("cli.opt_kept", metavar="FOLDER", neutral=True)] = None
    pack: Annotated[Path | None, kind.Option("cli.opt_pack", metavar="FILE", neutral=True, writes="file")] = None
    known: kind.KnownTable = None

    @model_validator(mode="after")
    def _networks_reject_nothing(self) -> Self:
        for name in ("draws", "rounds", "proposed", "near", "force_draws", "particles", "runs", "prior", "kept", "pack"):
            if self.method == NEURAL and getattr(self, name) is not None:
                raise fail(StudyError, f"--{kind.flag(name)}", "of_rejection")
        return self

    def variant(self) -> str:
        """A second opinion does not take the place of the fit."""
        return NEURAL if self.method == NEURAL else ""


def run(asked: Asked[CalibrateOptions], runner: Runner) -> Outcome:
    """The fit, by either method."""
    options, scenario = asked.options, asked.named
    if options.method == NEURAL:
        needs("flowjax", "neural", "--method neural")
    effort = {
        k: v for k in ("table", "draws", "rounds", "proposed", "near", "force_draws", "particles") if (v := getattr(options, k)) is not None
    }
    setup = replace(QUICK if options.quick else Setup(), **effort)
    plan = resolve(scenario, asked.edits, scale=kind.scale_of(options.scale, options.quick))
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    priors = {} if options.prior is None else read_priors(options.prior, scenario.case.head.id)
    priors = {name: prior for name, prior in priors.items() if name in varied(plan)[0]}  # to weigh by others would only waste draws
    terms = Terms(scenario, setup, options.seed, asked.edits, plan.scale, known, priors)
    if options.method == NEURAL:
        return by_networks(options, terms, plan, runner)
    runs, command = options.runs or 1, kind.command_of(STUDY.name, asked)
    found, rows, elsewhere = repeated(terms, runs, runner, command, options.kept, options.pack)
    facts = {"quick": options.quick, "runs": runs, **{k: found.made[k] for k in FACTS}}
    facts |= {"priors": found.made["priors"]} if priors else {}
    files = {**found.files, **({"between.csv": between_csv(rows)} if rows else {})}
    return Outcome({}, facts, plan, options.seed, files=files, elsewhere=elsewhere)


def by_networks(options: CalibrateOptions, terms: Terms, plan: Plan, runner: Runner) -> Outcome:
    """A second opinion."""
    found = networks.of_scenario(terms, runner)
    gain, gain_se = (None if isnan(x) else x for x in (found.gain, found.gain_se))
    facts = {
        "method": NEURAL, "quick": options.quick, "library": networks.libraries(), "table": terms.setup.table,
        "networks": networks.MEMBERS, "trained": found.trained, "pseudo": found.pseudo, "gain": gain, "gain_se": gain_se,
        "edits": [e.model_dump() for e in terms.edits],
    }  # fmt: skip
    return Outcome({}, facts, plan, options.seed, files=networks.files_of(found))


def page(result: Result) -> Iterator[Block]:
    """What was learned, what cannot be told apart, whether intervals are right, and how well it fits."""
    if result.made.get("method") == NEURAL:
        yield from _of_networks(result)
        return
    made, learned = result.made, result.tables["learned"]
    shown = [float(r["share"]) >= HALF for r in result.tables["fit"]]
    counts = {"n": len(learned), "learned": sum(r["word"] == "learned" for r in learned), "shown": sum(shown), "of": len(shown)}
    yield Sentence(pair("report.fit_lead", **counts), "lead")
    setup = made["setup"]
    effort = {
        "table": f"{max(setup['draws'], setup['table']):,}",
        "proposed": f"{setup['rounds'] * setup['proposed']:,}",
        "near": setup["near"],
        "draws": setup["force_draws"],
        "independent": made["independent"],
    }
    found = {"tolerance": f"{made['tolerance']:.2f}"}
    yield Sentence(pair("report.fit_text", n=len(learned), **effort, **found))
    if priors := made.get("priors"):
        yield Sentence(pair("report.fit_priors", n=len(priors), names=", ".join(priors)), "note")
    yield from _between(result)
    yield Sentence(pair("report.fit_features"), "head")
    stamp = Sentence(pair("report.stamp_fitted", scale=scale_words(made["scale"])), "stamp")
    yield stamp
    yield _fit(result)
    yield from _learned(result, stamp)
    yield Sentence(pair("report.fit_alike"))
    yield from _coverage(result)


def _of_networks(result: Result) -> Iterator[Block]:
    made = result.made
    yield Sentence(pair("fitted.neural_head", case=made["scenario"], n=f"{made['trained']:,}"), "lead")
    if (gain := made["gain"]) is not None:
        error = 2 * made["gain_se"]
        yield Sentence(pair("fitted.neural_gain", n=made["pseudo"], gain=f"{gain:.2f}", error=f"{error:.2f}"))
        if gain <= error:
            yield Sentence(pair("fitted.neural_useless"), "warn")
    yield from _learned(result)
    yield from _coverage(result)
    yield Sentence(pair("fitted.neural_note"), "note")


def _between(result: Result) -> Iterator[Block]:
    """How far independent runs differ: the medians and the shares that differ most."""
    rows = result.tables.get("between", ())
    if not rows:
        return
    most = {number: max((r for r in rows if r["number"] == number), key=lambda r: float(r["ratio"])) for number in (MEDIAN, SHARE)}
    ratios = {number: f"{float(r['ratio']):.1f}" for number, r in most.items()}
    of_kind, _, of = most[SHARE]["of"].partition(":")
    feature = feature_label(of_kind, of, region_names(result))
    yield Sentence(pair("report.fit_between", n=result.made["runs"], parameter=most[MEDIAN]["of"], feature=feature, **ratios))


def _fit(result: Result) -> Figure:
    """Share of histories that show each recorded feature, before and after; where it is kept, what they show instead."""
    simulated = {(r["kind"], r["of"]): r for r in result.tables.get("simulated", ())}
    columns = [*heads("out", ("feature", "recorded"), words=["feature"]), *heads("report", ("before", "after"))]
    rows: list[list[Cell]] = []
    for r in result.tables["fit"]:
        before, after = (shown_share(r[f"{k}share"], r[f"{k}low"], r[f"{k}high"]) for k in ("prior_", ""))
        instead = [simulated_numbers(simulated[r["kind"], r["of"]])] if simulated else []
        rows.append([recorded_feature(r, result), r["recorded"], before, after, *instead])
    table = Table([*columns, *heads("out", ["simulated"] if simulated else [])], rows, pair("report.fit_features_text"), look="features")
    marks = [[(float(r[f"{k}low"]), float(r[f"{k}share"]), float(r[f"{k}high"])) for r in result.tables["fit"]] for k in ("prior_", "")]
    series = list(zip((pair("report.before"), pair("report.after")), marks, strict=True))
    return Figure("calibrate", Shares([row[0] for row in rows], series), table)


def _learned(result: Result, *stamp: Sentence) -> Iterator[Block]:
    """Each fitted parameter before and after, how much narrower it became, by both methods where both ship; and what varies together."""
    second = {r["parameter"]: r for other in result.others.values() for r in other.tables["learned"]}
    yield Sentence(pair("report.fit_learned"), "head")
    yield from stamp
    columns = [Column(pair("out.parameter")), *heads("report", ("before", "after")), *heads("out", ["narrowing"])]
    columns += [*heads("report", ["by_networks"] if second else []), Column(pair("out.said"))]
    rows: list[list[Cell]] = []
    for r in result.tables["learned"]:
        before, after = (f"{short(r[f'{k}_q50'])} ({short(r[f'{k}_q05'])}–{short(r[f'{k}_q95'])})" for k in ("prior", "posterior"))
        narrower = [
            shown_share(x["narrowing"], x["low"], x["high"]) if x else "–" for x in (r, *([second.get(r["parameter"])] if second else []))
        ]
        rows.append([parameter(r["parameter"]), before, after, *narrower, pair(f"fitted.{r['word']}")])
    yield Table(columns, rows, pair("report.fit_learned_text"), look="")
    if second:
        yield Sentence(pair("report.by_networks_text"), "note")
    for r in result.tables["ridges"]:
        yield Sentence(pair("fitted.ridge", a=r["parameter"], b=r["with"], r=f"{float(r['correlation']):.2f}"))


def _coverage(result: Result) -> Iterator[Block]:
    """Whether intervals held the truth of simulated records."""
    rows = result.tables["coverage"]
    if not rows:
        yield Sentence(pair("fitted.no_coverage"))
        return
    yield Sentence(pair("report.fit_coverage"), "head")
    by = {name: list(own) for name, own in groupby(rows, key=lambda r: r["parameter"])}
    levels = [f"{100 * float(r['level']):.0f} %" for r in next(iter(by.values()))]
    columns = [Column(pair("out.parameter")), *(Column(level, number=True) for level in levels), *heads("fitted", ["uniform"])]
    cells = [[name, *map(held, own), short(own[0]["ranks_uniform_p"])] for name, own in by.items()]
    yield Table(columns, cells, pair("report.fit_coverage_text", n=rows[0]["of"]), look="")


def held(row: Row) -> str:
    """Share of intervals that held the truth, with what chance allows; marked where it is outside."""
    share = 100 * float(row["held"]) / float(row["of"])
    low, high = (f"{100 * float(row[k]):.0f}" for k in ("chance_low", "chance_high"))
    return f"{share:.0f} %{'' if row['holds'] == '1' else ' !'} ({low}–{high})"


TABLES: Mapping[str, Sequence[str]] = {
    "learned": ("parameter", "prior_q05", "prior_q50", "prior_q95", "posterior_q05", "posterior_q50", "posterior_q95",
                "narrowing", "low", "high", "word"),
    "fit": ("kind", "of", "recorded", "prior_share", "prior_low", "prior_high", "share", "low", "high", "median"),
}  # fmt: skip

STUDY = Study(
    "calibrate",
    CalibrateOptions,
    run,
    page,
    Ships(minutes=80, options={"runs": 3}, places={"pack": kind.PRIOR_TABLE, "kept": "fits"}, folder=""),
    small={
        "scenario": "kazakhstan-2022",
        "quick": True,
        "table": 30,
        "draws": 40,
        "rounds": 1,
        "proposed": 10,
        "near": 10,
        "force_draws": 1,
        "particles": 10,
        "runs": 2,
        "scale": 0.001,
    },
    columns=TABLES,
    facts=FACTS,
    also=(Ships(minutes=2, options={"method": NEURAL, "table": 20_000}, places={"known": kind.PRIOR_TABLE}, folder=NEURAL),),
    part="fit",
)
