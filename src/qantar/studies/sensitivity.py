"""Which parameters move what, over the whole prior: a screening, then shares of variance of those that move most (`inference.variance`)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np

from qantar.effects.measures import EVERYWHERE, MEASURES, Window, read_seen
from qantar.ensemble.run import STAMP, made_by
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Store
from qantar.errors import StudyError, fail, needs
from qantar.inference import variance
from qantar.inference.prior import varied
from qantar.inference.variance import OTHERS, SEED, Floats, Index
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Named, Pair, Row, Sentence, Shares, Table, heads, joined, label, pair
from qantar.studies.cells import percent, within
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study

OUTPUTS = ("participants", "regions", "killed", "detained", "seats")
"""log10(1 + peak of official participants), regions with reported unrest by the end of the fifth day, log10(1 + reported deaths),
log10(1 + reported detained), seats of government that the crowd ever held."""
DAYS = 5
DRAWN = ("participants", "regions")
"""Outputs whose shares are drawn; the table holds all."""
SHOWN = 12
"""Parameters of the screening that are shown; the table holds all."""
TITLES = {"total": "out.sens_total", "alone": "out.sens_alone", "size": "out.sens_size"}


class SensitivityOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    trajectories: Annotated[int | None, kind.whole("cli.opt_trajectories", "trajectories", 2, 10_000)] = None
    draws: Annotated[int | None, kind.whole("cli.opt_rows", "rows", 2, 2**16)] = None
    quick: Annotated[bool, Option("cli.opt_look")] = False
    seed: kind.LongSeed = 1
    scale: kind.QuickScale = None
    set_: kind.Settings = ()
    arm: kind.Arms = ()


@dataclass(frozen=True)
class Effort:
    """How much is computed."""

    trajectories: int = 20
    """of the screening, at least 2"""
    draws: int = 128
    """rows of the shares of variance, a power of 2"""
    most: int = 8
    """parameters that go on from the first to the second"""

    def histories(self, n: int) -> tuple[int, int]:
        """How many histories screening and shares take, with n parameters.

        >>> Effort(trajectories=2, draws=4, most=3).histories(10)
        (24, 28)
        """
        return self.trajectories * (n + 2), self.draws * (min(self.most, n) + 2 + (self.most < n) + 1)


QUICK = Effort(trajectories=4, draws=16, most=4)
"""A look, not a result."""


def run(asked: Asked[SensitivityOptions], runner: Runner) -> Outcome:
    """Indices of all inputs, and what they are of."""
    needs("SALib", "sensitivity", "sensitivity")
    options, scenario = asked.options, asked.named
    plan = resolve(scenario, asked.edits, scale=kind.scale_of(options.scale, options.quick))
    wanted = {"trajectories": options.trajectories, "draws": options.draws and 1 << (options.draws - 1).bit_length()}
    effort = replace(QUICK if options.quick else Effort(), **{k: v for k, v in wanted.items() if v is not None})
    rows, facts = indices(plan, effort, options.seed, runner)
    facts |= {
        "libraries": made_by()["libraries"] | {name: version(name) for name in ("SALib", "scipy")},
        "effort": asdict(effort),
        "quick": options.quick,
        "plan": plan.model_dump(),
        "calibrated": False,
        "replayed": plan.replayed(),
        "stamp": STAMP,
    }
    return Outcome({"indices": rows}, facts, plan, options.seed)


def indices(plan: Plan, effort: Effort, seed: int, runner: Runner) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Screen all parameters that can matter in a plan, then share out the variance among the few that move most.

    Returns
    -------
    The rows of the table, and what is said of all of them.

    Raises
    ------
    StudyError
        If nothing can vary, or a process dies again and again.
    ResultError
        If the store cannot be written.
    """
    names, left_out = varied(plan)
    if not names:
        raise fail(StudyError, plan.case, "nothing_varies")
    first_n, second_n = effort.histories(len(names))
    total, processes = first_n + second_n, runner.hands
    minutes = max(1, round(total * variance.pace(plan, seed) / processes / 60))
    runner.note(pair("out.sens_plan", n=f"{total:,}", minutes=f"{minutes:,}", processes=processes))
    design = variance.screening_design(names, effort.trajectories, seed)
    screened = variance.evaluate(design, names, plan, seed, runner.within("histories", 0, total), outputs_of)
    sizes = [x for k, name in enumerate(OUTPUTS) for x in variance.screening(design, screened.outputs[:, :, k], name, seed)]
    order = variance.ranked(sizes)
    chosen, others = order[: effort.most], [n for n in names if n not in order[: effort.most]]
    design = variance.shares_design(chosen, others, effort.draws, seed)
    shared = variance.evaluate(design, [*chosen, *others], plan, seed, runner.within("histories", first_n, total), outputs_of)
    of_variance = {name: variance.shares(design, shared.outputs[:, :, k], name, seed) for k, name in enumerate(OUTPUTS)}
    facts = {
        "histories": total,
        "keys": [*screened.keys, *shared.keys],
        "history_sha256": hashlib.sha256("".join([*screened.history_sha256, *shared.history_sha256]).encode()).hexdigest(),
        "ranked": order,
        "left_out": left_out,
        "constant": [name for name, found in of_variance.items() if not found],
    }
    return table_of([*sizes, *(x for found in of_variance.values() for x in found)], plan), facts


def outputs_of(store: Store, n: int) -> Floats:
    """The outputs of the first n histories, shape (n, outputs), in the order of `OUTPUTS`; those that experiments ask for as they do."""
    seen = read_seen(store, n)
    columns = (
        np.log10(1 + seen.runs.participants.max(axis=1)),
        MEASURES["regions"].of(seen, Window(slice(DAYS), slice(None))),
        MEASURES["killed"].of(seen, EVERYWHERE),
        np.log10(1 + seen.runs.detained[:, -1]),
        MEASURES["seats"].of(seen, EVERYWHERE),
    )
    return np.stack([np.asarray(c, float) for c in columns], axis=1)


def table_of(found: Sequence[Index], plan: Plan) -> list[dict[str, Any]]:
    """A row an index, numbers of six digits."""
    groups = {name: p.group for name, p in parameters().items()}
    return [
        {"measure": x.measure, "output": x.output, "input": x.input, "group": groups.get(x.input, "")}
        | {k: kind.cell(getattr(x, k), 6) for k in ("value", "low", "high")}
        | {"stamp": STAMP, "scale": f"{plan.scale:g}"}
        for x in found
    ]


def page(result: Result) -> Iterator[Block]:
    """What moves how many people come out, in words; shares of variance, the screening, and what could not matter."""
    rows, made = result.tables["indices"], result.made
    cells = {(r["measure"], r["output"], r["input"]): r for r in rows}
    sizes = [Index(r["measure"], r["output"], r["input"], *(float(r[k]) for k in ("value", "low", "high"))) for r in rows]
    order = variance.ranked([x for x in sizes if x.measure == "size"])
    chosen = list(dict.fromkeys(r["input"] for r in rows if r["measure"] in ("alone", "total")))
    have = [o for o in OUTPUTS if ("total", o) in {(r["measure"], r["output"]) for r in rows}]
    yield Sentence(most(cells), "lead")
    yield Sentence(pair("report.evidence.sensitivity_text"))
    if "scenario" in made and order:
        about = {"case": made["scenario"], "scale": f"{1 / float(made['scale']):g}", "seed": made["seed"], "varied": len(order)}
        yield Sentence(pair("out.sens_head", n=f"{int(made['histories']):,}", **about))
    for output in (o for o in DRAWN if o in have):
        yield figure_of(cells, output, [n for n in chosen if ("total", output, n) in cells])
    yield grid("total", cells, chosen, have)
    yield Sentence(pair("out.sens_notes"), "note")
    yield grid("alone", cells, chosen, have, explained=chosen)
    yield grid("size", cells, [*order[:SHOWN], SEED], [o for o in OUTPUTS if ("size", o, SEED) in cells], explained=chosen)
    yield from rest(result, cells, order)


def most(cells: Mapping[tuple[str, str, str], Row]) -> Pair:
    """How much of the variance of the number of people luck leaves, and which parameter has the largest share."""
    totals = {name: r for (measure, output, name), r in cells.items() if (measure, output) == ("total", "participants")}
    known = [r for name, r in totals.items() if name in parameters()]
    if SEED not in totals or not known:
        return pair("report.evidence.sensitivity_none")
    largest = max(known, key=lambda r: float(r["value"]))
    shares = {k: percent(r["value"], r["low"], r["high"]) for k, r in (("luck", totals[SEED]), ("most", largest))}
    return pair("report.evidence.sensitivity_most", **shares, name=meaning(largest["input"]))


def meaning(name: str) -> Pair:
    """What a parameter means."""
    row = parameters()[name]
    return row.meaning_en, row.meaning_zh


def figure_of(cells: Mapping[tuple[str, str, str], Row], output: str, names: Sequence[str]) -> Figure:
    """Shares of variance of one output, alone and in all."""
    measures = ("alone", "total")
    of = {m: [cells.get((m, output, n)) for n in names] for m in measures}
    marks = {m: [None if r is None else (float(r["low"]), float(r["value"]), float(r["high"])) for r in of[m]] for m in measures}
    labels = [label("sensitivity", n) for n in names]
    columns = [Column(pair("out.sens_input")), *heads("sensitivity", measures)]
    rows = [[name, *map(_interval, row)] for name, *row in zip(labels, *of.values(), strict=True)]
    table = Table(columns, rows, look="")
    return Figure(f"sensitivity-{output}", Shares(labels, [(pair(f"sensitivity.{m}"), marks[m]) for m in measures]), table)


def grid(
    measure: str, cells: Mapping[tuple[str, str, str], Row], names: Sequence[str], outputs: Sequence[str], explained: Collection[str] = ()
) -> Table:
    """One measure of inputs on outputs; inputs that were explained before are only named."""

    def row(name: str) -> list[Cell]:
        shown = label("sensitivity", name) if name in (SEED, OTHERS, *explained) else Named(name, meaning(name))
        return [shown, *(_interval(cells.get((measure, output, name))) for output in outputs)]

    columns = [Column(pair("out.sens_input")), *heads("sensitivity", outputs)]
    return Table(columns, list(map(row, names)), pair(TITLES[measure]), "features")


def _interval(row: Row | None) -> str:
    """An index with its interval; 0 where nothing happened at all."""
    if row is None:
        return ""
    return "0" if float(row["value"]) == float(row["high"]) == 0 else within(row["value"], row["low"], row["high"])


def rest(result: Result, cells: Mapping[tuple[str, str, str], Row], order: Sequence[str]) -> Iterator[Sentence]:
    """Parameters without any effect, outputs without variance, and what could not matter in the plan, with the reason."""
    still = [n for n in order if all(float(r["value"]) == 0 for (m, _, name), r in cells.items() if (m, name) == ("size", n))]
    comma = pair("error.sep")
    none = joined(still, comma) if still else pair("out.sens_none")
    yield Sentence(pair("out.sens_more", n=max(0, len(order) - SHOWN), none=none), "note")
    if constant := result.made.get("constant"):
        yield Sentence(pair("out.sens_constant", outputs=joined([pair(f"sensitivity.{o}") for o in constant], comma)), "note")
    for why, names in result.made.get("left_out", {}).items():
        yield Sentence(pair("out.sens_left", why=pair(f"sensitivity.{why}"), names=joined(names, comma)), "note")


STUDY = Study(
    "sensitivity",
    SensitivityOptions,
    run,
    page,
    Ships(minutes=11),
    small={
        "scenario": "kazakhstan-2022", "trajectories": 2, "draws": 4, "scale": 0.001,
        "set_": ("time.hours=48", *(f"mechanisms.{name}=off" for name in ("grievance", "demands", "intervention", "control", "diffusion"))),
    },
    columns={"indices": ("measure", "output", "input", "value", "low", "high")},
)  # fmt: skip
