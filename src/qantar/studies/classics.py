"""Published models of unrest run again: what the paper says, and what comes out here, side by side (docs/explanation/classics.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from qantar.classics.comparison import MODELS, SEEDS, TICKS, WITH_LUCK, Figure, Run, figures_of, runs_of
from qantar.ensemble.pool import in_processes
from qantar.ensemble.runner import Runner
from qantar.files.cells import Choice
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Row, Sentence, Table, heads, joined, label, pair
from qantar.studies.cells import number
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Rows, Study


class ClassicsOptions(Options):
    """What can be asked."""

    model: Annotated[str | None, Option("cli.arg_classic", Choice(tuple(MODELS)), argument=True, metavar="MODEL")] = None
    seeds: Annotated[int, kind.whole("cli.opt_classic_seeds", "number", 1, 1000)] = SEEDS
    ticks: Annotated[int, kind.whole("cli.opt_classic_ticks", "number", 100, 100_000)] = TICKS
    seed: kind.Seed = 1

    def variant(self) -> str:
        """The model, if one alone is asked for."""
        return self.model or ""


def run(asked: Asked[ClassicsOptions], runner: Runner) -> Outcome:
    """Every model that is asked for, with luck of each seed, and its figures."""
    options = asked.options
    models = [options.model] if options.model else list(MODELS)
    tasks = [([m], options.seed + k, options.ticks) for k in range(options.seeds) for m in models if m in WITH_LUCK]
    found: dict[tuple[int, str], list[Run]] = {}
    progress = runner.stage("classics")

    def done(task: tuple[list[str], int, int], runs: list[Run]) -> None:
        found[task[1], task[0][0]] = runs
        progress(len(found), len(tasks))

    if tasks:
        progress(0, len(tasks))  # the first may take longest: something is compiled
    in_processes(runs_of, tasks, runner.processes, done)
    runs = [run for (name,), seed, _ in tasks for run in found[seed, name]]
    figures = figures_of(models, runs)
    facts = {"seeds": options.seeds, "ticks": options.ticks, "within": sum(f.within for f in figures), "of": len(figures)}
    return Outcome({"figures": [row_of(f) for f in figures], "runs": [asdict(r) for r in runs]}, facts, seed=options.seed)


def row_of(figure: Figure) -> dict[str, Any]:
    """A figure with whether it was obtained."""
    return {**asdict(figure), "within": figure.within}


def page(result: Result) -> Iterator[Block]:
    """How many figures were obtained, and a table a model."""
    made, rows = result.made, result.tables["figures"]
    yield Sentence(pair("classics.lead", within=made["within"], of=made["of"]), "lead")
    if missed := [name for name in MODELS if any(r["within"] == "0" for r in rows if r["model"] == name)]:
        yield Sentence(
            pair("classics.missed", names=joined([pair(f"classics.model.{name}") for name in missed], pair("report.semicolon"))), "warn"
        )
    for name in MODELS:
        if own := [r for r in rows if r["model"] == name]:
            yield Table(
                heads("classics", ("what", "published", "obtained", "tolerance", "agrees", "source"), words=("what", "agrees", "source")),
                [cells(row) for row in own],
                pair(f"classics.model.{name}"),
            )
            yield Sentence(pair(f"classics.taken.{name}"), "note")
        if name == "moro" and (runs := [r for r in result.tables["runs"] if r["model"] == name]):
            yield by_numbers(runs)
    if result.tables["runs"]:
        yield Sentence(pair("classics.luck", seeds=made["seeds"], ticks=made["ticks"]), "note")


def by_numbers(runs: Rows) -> Table:
    """How much hangs on a number that the paper's text, as far as it could be seen, does not give: outcomes by share of revolutionaries."""
    by: dict[str, list[Row]] = {}
    for row in runs:
        by.setdefault(row["variant"], []).append(row)
    outcomes = ("success", "anarchy", "failure")
    rows: list[list[Cell]] = []
    for variant, own in by.items():
        share = [f"{100 * sum(r['outcome'] == word for r in own) / len(own):.0f} %" for word in outcomes]
        killed = sum(float(r["value"]) for r in own) / len(own)
        rows.append([variant, *share, f"{100 * killed:.0f} %"])
    columns = [*heads("classics", ["setting"], ["setting"]), *heads("classics.word", outcomes), *heads("classics", ["killed"])]
    return Table(columns, rows, pair("classics.by_numbers"))


def cells(row: Row) -> list[Cell]:
    """What is compared, both figures, how near is near enough, whether they agree, and the source."""
    what = joined([pair(f"classics.quantity.{row['quantity']}"), pair("report.colon"), label("classics.variant", row["variant"])])
    agrees = pair("out.yes" if row["within"] == "1" else "out.no")
    return [what, figure(row["published"]), obtained(row), row["tolerance"] or "–", agrees, source(row["source"])]


def figure(cell: str) -> Cell:
    """A number as it is read, or a word."""
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return label("classics.word", cell) if cell else "–"


def obtained(row: Mapping[str, str]) -> Cell:
    """What came out: with its interval where chance is in it, with the share of histories where they are counted."""
    found = figure(row["obtained"])
    if row["error"]:
        return f"{number(row['obtained'])} ± {number(row['error'])}"
    return pair("classics.share", outcome=found, share=f"{100 * float(row['share']):.0f}") if row["share"] else found


def source(cell: str) -> Cell:
    """Where the figure was published; in words where it was not."""
    return label("classics.source_word", cell)


STUDY = Study(
    "classics",
    ClassicsOptions,
    run,
    page,
    small={"seeds": 1, "ticks": 200},
    columns={
        "figures": ("model", "quantity", "variant", "published", "obtained", "error", "tolerance", "source", "share", "within"),
        "runs": ("model", "variant", "seed", "outcome", "value", "n", "peak"),
    },
    facts=("seeds", "ticks", "within", "of"),
    simulates=False,
)
