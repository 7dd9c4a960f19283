"""Other waves on the rule of rallies, each foretold from all others, and priors for a case that they do not know (`forecast.pooled`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from qantar.cases.case import Case, load_case
from qantar.ensemble.run import case_sha256
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.files.programs import sha256_of as program_sha256
from qantar.files.write import kept_in
from qantar.forecast import pooled, rallies
from qantar.forecast.pooled import LEARNED, Summary, foretold, inside, natural, prior_of, world
from qantar.forecast.rallies import NAMES, SHARED, Rallies, fit, wave_in
from qantar.forecast.splits import read_benchmark, with_benchmark
from qantar.inference.priors import write_priors
from qantar.scenario.parameters import Prior, parameters
from qantar.scenario.scenario import load_scenario
from qantar.statistics import wilson
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Row, Sentence, Table, heads, joined, pair
from qantar.studies.cells import parameter, short
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Study

TOLD_BY = 2
"""Records that must tell of a parameter before it gets a prior: from one alone nothing follows of how far waves differ."""
PLANTED = 400
"""Draws of each round of a fit to a planted record, of which there are many, at most."""
FIRST = 100
"""Number of the first planted world: those before it gave `pooled.WIDER`."""
NORMAL_90 = 1.645
LEVELS = (0.5, 0.9)
Q = (0.05, 0.5, 0.95)
PROGRAM = program_sha256({"rallies": Path(rallies.__file__).read_text(encoding="utf-8")})
"""A fit that was kept serves as long as this does not change."""


class WavesOptions(Options):
    """What can be asked."""

    cases: Annotated[tuple[str, ...], Option("cli.arg_waves_cases", argument=True, metavar="[CASE]...")] = ()
    draws: Annotated[int, kind.whole("cli.opt_wave_draws", "draws", 20, 1_000_000)] = 800
    worlds: Annotated[int, kind.whole("cli.opt_wave_worlds", "number", 0, 1000)] = 0
    seed: kind.Seed = 1
    kept: Annotated[Path | None, kind.Option("cli.opt_wave_kept", metavar="FOLDER", neutral=True)] = None


def run(asked: Asked[WavesOptions], runner: Runner) -> Outcome:
    """Fit each wave, foretell each from the others, and one more from all; then the same of planted worlds."""
    options = asked.options
    cases = [load_case(name) for name in options.cases or with_contagion()]
    if len({c.head.id for c in cases}) < max(2, len(cases)):
        raise fail(StudyError, "waves", "waves_few", n=len({c.head.id for c in cases}))
    found: dict[str, Summary] = {}
    tables: dict[str, list[dict[str, Any]]] = {"waves": [], "own": [], "foretold": [], "priors": [], "planted": []}
    total = len(cases) + pooled.WORLD * options.worlds
    for k, case in enumerate(cases):
        runner.progress("waves", k, total)
        wave = wave_in(case, online_of(case))
        found[case.head.id] = own = kept_fit(wave, options, k, options.draws)
        tables["waves"].append(about(case, wave, own))
        tables["own"] += own_rows(case.head.id, own, sized=len(wave.sizes) > 0)
    sized = {row["case"] for row in tables["waves"] if row["sizes"]}
    files = {}
    for k, left in enumerate([*found, ""]):
        others = [s.information(sized=name in sized) for name, s in found.items() if name != left]
        new = foretold(others, options.seed, k).new
        values = natural(new)
        tell = {
            name: sum(s.alone(j, sized=case in sized) is not None for case, s in found.items() if case != left)
            for j, name in enumerate(SHARED)
        }
        priors = {name: prior_of(name, values[:, j]) for j, name in enumerate(SHARED) if tell[name] >= TOLD_BY}
        if priors:
            files[f"prior{'-without-' + left if left else ''}.toml"] = write_priors(priors, [name for name in found if name != left])
        tables["priors"] += [{"without": left, "parameter": name, **p.model_dump()} for name, p in priors.items()]
        for j, name in enumerate(SHARED):
            row = row_of(left, name, np.quantile(new[:, j], Q), float(new[:, j].std()))
            tables["foretold"].append({**row, "p": chance(found.get(left), j, new[:, j], sized=left in sized)})
    tables["planted"] = planted_rows(wave_in(cases[0], online_of(cases[0])) if options.worlds else None, options, runner, len(cases), total)
    runner.progress("waves", total, total)
    facts = {"draws": options.draws, "worlds": options.worlds, "cases": {c.head.id: case_sha256(c) for c in cases}}
    return Outcome(tables, facts, None, options.seed, files)


def with_contagion() -> list[str]:
    """Packaged cases that say at which places and days contagion is looked for."""
    return [name for name in with_benchmark() if read_benchmark(load_case(name)).contagion is not None]


def online_of(case: Case) -> float:
    """Share of residents online, as the scenario of a case has it."""
    return float(load_scenario(str(case.folder)).file.information.internet.value) / 100


def about(case: Case, wave: Rallies, own: Summary) -> dict[str, Any]:
    """What a wave is fitted to, and how well the draws mix."""
    n, days = wave.counts.shape
    rows = wave.sizes[wave.sizes[:, 1] >= wave.start]
    return {
        "case": case.head.id, "places": n, "days": days - wave.start, "rallies": wave.counts[:, wave.start :].sum(), "sizes": len(rows),
        "worth": own.worth,
    }  # fmt: skip


def row_of(case: str, name: str, quantiles: Any, spread: float) -> dict[str, Any]:
    """A parameter in its own unit; spread in that of the broad prior."""
    log, middle, sd = NAMES[name]
    values = middle * np.exp(sd * quantiles) if log else middle + sd * quantiles
    return {"case": case, "parameter": name, **dict(zip(("q05", "q50", "q95"), map(float, values), strict=True)), "spread": spread}


def own_rows(case: str, own: Summary, *, sized: bool) -> list[dict[str, Any]]:
    """Each parameter by the record: of a shared one that it tells of, the middle and 90 % interval of the record alone; else of the fit."""
    rows = []
    for k, name in enumerate(NAMES):
        by = own.alone(SHARED.index(name), sized=sized) if name in SHARED else None
        quantiles = own.quantiles[:, k] if by is None else by[0] + by[1] * NORMAL_90 * np.array([-1, 0, 1])
        rows.append({**row_of(case, name, quantiles, own.covariance[k, k] ** 0.5), "told": int(by is not None)})
    return rows


def chance(own: Summary | None, j: int, new: Any, *, sized: bool) -> float:
    """Whether a wave lies where the others foretell it, as a probability; NaN where its record does not tell."""
    by = None if own is None else own.alone(j, sized=sized)
    return float("nan") if by is None else inside(*by, new)


def kept_fit(wave: Rallies, options: WavesOptions, number: int, draws: int) -> Summary:
    """A fit from the folder of finished ones; else it is made, and kept there."""
    arrays = [wave.residents, wave.points, wave.counts, wave.sized, wave.unsized, *wave.elsewhere, wave.sizes]
    terms = [[hashlib.sha256(np.ascontiguousarray(a, float).tobytes()).hexdigest() for a in arrays], wave.start, wave.online, draws,
            options.seed, number, str(wave.first), PROGRAM]  # fmt: skip
    key = hashlib.sha256(json.dumps(terms).encode()).hexdigest()[:24]
    folders = [] if options.kept is None else [options.kept]
    kept, _ = kept_in(folders, f"wave-{key}.json", lambda: Summary.of(fit(wave, options.seed, number, draws)).as_dict())
    return Summary.from_dict(kept)


def planted_rows(places: Rallies | None, options: WavesOptions, runner: Runner, done: int, total: int) -> list[dict[str, Any]]:
    """How often what is foretold of a wave that nobody saw holds it, and how often a record that tells does; by parameter."""
    if places is None:
        return []
    from scipy.special import ndtri

    ends = ndtri(0.5 + np.array(LEVELS) / 2)
    held, of = np.zeros((2, len(LEVELS), len(SHARED)), int), np.zeros((2, len(SHARED)), int)
    for k in range(FIRST, FIRST + options.worlds):
        records, truths, left = world(places, options.seed, k)
        informed = []
        for n, (record, truth) in enumerate(zip(records, truths, strict=True)):
            runner.progress("waves", done + pooled.WORLD * (k - FIRST) + n, total)
            own = kept_fit(record, options, 1000 + pooled.WORLD * k + n, min(PLANTED, options.draws))
            sized = len(record.sizes) > 0
            informed.append(own.information(sized=sized))
            for j in range(len(SHARED)):
                if (by := own.alone(j, sized=sized)) is not None:
                    held[1, :, j] += np.abs(truth[j] - by[0]) <= ends * by[1]
                    of[1, j] += 1
        new = foretold(informed, options.seed, 1000 + k).new
        low, high = (np.quantile(new, [0.5 + sign * level / 2 for level in LEVELS], axis=0) for sign in (-1, 1))
        held[0] += (left >= low) & (left <= high)
        of[0] += 1
    return [
        {"of": word, "parameter": name, "level": level, "held": int(held[w, i, j]), "n": int(of[w, j])}
        for w, word in enumerate(("foretold", "own"))
        for i, level in enumerate(LEVELS)
        for j, name in enumerate(SHARED)
    ]


OUTSIDE = 0.05
"""Below this probability a wave lies outside what the others foretell of it."""


def page(result: Result) -> Iterator[Block]:
    """Whether waves lie where others foretell them, what is foretold of one more, and whether planted ones do."""
    made, told = result.made, [r for r in result.tables["foretold"] if r["p"]]
    outside = sum(float(r["p"]) < OUTSIDE for r in told)
    yield Sentence(pair("waves.lead", n=len(result.tables["waves"]), tested=len(told), outside=outside), "lead")
    yield Sentence(pair("waves.text", learned=f"{100 * LEARNED:.0f}"))
    columns = heads("waves", ("case", "places", "days", "rallies", "sizes", "worth"), words=["case"])
    cells: list[list[Cell]] = [
        [r["case"], *(f"{float(r[k]):,.0f}" for k in ("places", "days", "rallies", "sizes", "worth"))] for r in result.tables["waves"]
    ]
    yield Table(columns, cells, pair("waves.by_wave"))
    own = {(r["case"], r["parameter"]): r for r in result.tables["own"]}
    for case in made["cases"]:
        rows: list[list[Cell]] = []
        for r in result.tables["foretold"]:
            if r["case"] == case:
                mine = own[case, r["parameter"]]
                far = f"{100 * float(r['p']):.0f} %" + (" !" if float(r["p"]) < OUTSIDE else "") if r["p"] else pair("waves.untold")
                rows.append([parameter(r["parameter"]), three(mine), three(r), far])
        yield Table(heads_of("out.parameter", "own", "others", "chance"), rows, pair("waves.of", case=case))
    new = {r["parameter"]: r for r in result.tables["foretold"] if not r["case"]}
    written = {r["parameter"]: str(as_prior(r)) for r in result.tables["priors"] if not r["without"]}
    rows = [
        [parameter(name), three(row), str(parameters()[name].prior), written.get(name, pair("waves.as_table"))] for name, row in new.items()
    ]
    yield Table(heads_of("out.parameter", "new", "table", "prior"), rows, pair("waves.one_more"))
    yield Sentence(pair("waves.one_more_text"), "note")
    if result.tables["planted"]:
        yield of_planted(result)


def heads_of(first: str, *names: str) -> list[Any]:
    """Columns of words, the first of another table."""
    return [*heads(first.partition(".")[0], [first.partition(".")[2]], [first.partition(".")[2]]), *heads("waves", names, names)]


def three(row: Row) -> str:
    """Middle and 90 % interval."""
    return (
        f"{short(row['q50'])} ({short(row['q05'])}–{short(row['q95'])})"
        if float(row["q05"]) >= 0
        else (f"{short(row['q50'])} ({short(row['q05'])} … {short(row['q95'])})").replace("-", "−")
    )


def as_prior(row: Row) -> Prior:
    """A prior of a stored row."""
    return Prior(kind=row["kind"], a=float(row["a"]), b=float(row["b"]), spike=float(row["spike"]))


def of_planted(result: Result) -> Table:
    """Shares of intervals that held the truth, over all parameters and for each."""
    rows: list[list[Cell]] = []
    kept: dict[tuple[str, str, str], tuple[float, float]] = {}
    for r in result.tables["planted"]:
        for name in (r["parameter"], ""):
            hits, n = kept.get((r["of"], name, r["level"]), (0.0, 0.0))
            kept[r["of"], name, r["level"]] = hits + float(r["held"]), n + float(r["n"])
    for name in ("", *SHARED):
        cells: list[Cell] = []
        for of in ("foretold", "own"):
            for level in LEVELS:
                hits, n = kept[of, name, str(level)]
                low, high = wilson(hits, n)
                cells.append(f"{hits:.0f} / {n:.0f} ({100 * low:.0f}–{100 * high:.0f} %)" if n else "–")
        rows.append([parameter(name) if name else pair("waves.all"), *cells])
    columns = heads("out", ["parameter"], ["parameter"])
    for of in ("foretold", "own"):
        for level in LEVELS:
            held = joined([pair(f"waves.of_{of}"), pair("report.colon"), pair("waves.held", level=f"{100 * level:.0f}")])
            columns.append(Column(held))
    return Table(columns, rows, pair("waves.planted", n=result.made["worlds"]))


STUDY = Study(
    "waves",
    WavesOptions,
    run,
    page,
    small={"cases": ["france-2023", "kazakhstan-2022"], "draws": 20},
    columns={
        "waves": ("case", "places", "days", "rallies", "sizes", "worth"),
        "own": ("case", "parameter", "q05", "q50", "q95", "spread", "told"),
        "foretold": ("case", "parameter", "q05", "q50", "q95", "spread", "p"),
    },
    facts=("draws", "worlds", "cases"),
    simulates=False,
)
