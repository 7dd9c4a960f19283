"""Forecasts of all cases side by side: frozen questions, plain rules, and what was made elsewhere (`forecast.bench`)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from qantar.cases.case import Case, load_case
from qantar.ensemble.run import case_sha256
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.files.cells import to_csv
from qantar.files.result import read_result
from qantar.files.write import sha256_of
from qantar.forecast.bench import Scored, log_loss, score
from qantar.forecast.contagion import contagion, events_looked_at
from qantar.forecast.dependence import RECORDS
from qantar.forecast.elsewhere import AT_ALL, Answers, keys_of, read_entries
from qantar.forecast.entries import REFERENCE, Task, forecasts
from qantar.forecast.held_out import REFERENCE as OF_PARTITION
from qantar.forecast.scores import told_apart
from qantar.forecast.splits import (
    ANY,
    FILE,
    FIRST,
    HELD_OUT,
    WEEK,
    Contagion,
    Split,
    Step,
    frozen,
    questions_of,
    read_benchmark,
    wave_for,
    wave_of,
    with_benchmark,
)
from qantar.forecast.steps import common, grown
from qantar.inference.posterior import FIT, current_plan
from qantar.record.complete import UNREST
from qantar.scenario.scenario import load_scenario
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Intervals, Pair, Row, Sentence, Table, heads, joined, label, pair
from qantar.studies.cells import around, calendar_day, either, intervals, number, percent, within
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Study

HELD = "heldout"
"""The study whose stored scores stand for the model where `qantar heldout` asks."""
QUESTIONS = "questions.csv"


class BenchmarkOptions(Options):
    """What can be asked."""

    cases: Annotated[tuple[str, ...], Option("cli.arg_benchmark_cases", argument=True, metavar="[CASE]...")] = ()
    entry: Annotated[Path | None, Option("cli.opt_entry", metavar="FILE")] = None
    questions: Annotated[bool, Option("cli.opt_questions")] = False
    seed: kind.Seed = 1


def run(asked: Asked[BenchmarkOptions], runner: Runner) -> Outcome:
    """Every split of the cases with all forecasts of it, contagion with its checks, and steps of records."""
    options = asked.options
    cases = [load_case(name) for name in options.cases or with_benchmark()]
    files = {case.head.id: read_benchmark(case) for case in cases}
    if len(files) < len(cases):
        raise fail(StudyError, "benchmark", "case_twice", cases=", ".join(c.head.id for c in cases))
    hashes = {case.head.id: frozen(case, files[case.head.id].splits) for case in cases}
    tasks = {case.head.id: tasks_of(case, files[case.head.id].splits) for case in cases}
    every = {name: task for own in tasks.values() for name, task in own.items()}
    more: Answers = {} if options.entry is None else read_entries(options.entry, every)
    tables: dict[str, list[dict[str, Any]]] = {"splits": [], "scores": [], "contagion": [], "planted": [], "steps": []}
    for n, case in enumerate(cases):
        runner.progress("benchmark", n, len(cases))
        asks = files[case.head.id]
        for split in asks.splits:
            found = (
                held_out_rows(case, split, runner)
                if split.target in HELD_OUT
                else split_rows(case, tasks[case.head.id][split.id], more, options.seed)
            )
            if found is not None:
                tables["splits"].append({**found[0], "sha256": hashes[case.head.id][split.id], "frozen": split.sha256 is not None})
                tables["scores"] += found[1]
        add_contagion(case, asks.contagion, options.seed, tables)
        add_steps(case, asks.step, tables)
    runner.progress("benchmark", len(cases), len(cases))
    facts = {
        "cases": {c.head.id: {"record_sha256": case_sha256(c), "questions_sha256": sha256_of(c.folder / FILE)} for c in cases},
        "reference": REFERENCE,
        "planted_records": RECORDS,
    }
    return Outcome(tables, facts, None, options.seed, {QUESTIONS: questions_csv(every)} if options.questions else {})


def tasks_of(case: Case, splits: Sequence[Split]) -> dict[str, Task]:
    """Splits that are scored here, with their units and questions."""
    found = {}
    for split in splits:
        if split.target not in HELD_OUT:
            wave = wave_for(case, split)
            found[split.id] = Task(split, wave, questions_of(wave, split))
    return found


def questions_csv(tasks: Mapping[str, Task]) -> str:
    """What is asked, to be filled in: a row a question, without its answer."""
    rows = [
        ["", name, unit, day, 1 if task.questions.largest == 1 else AT_ALL, "", task.wave.names[u][0]]
        for name, task in tasks.items()
        for (unit, day), u in zip(keys_of(task), task.questions.unit, strict=True)
    ]
    return to_csv(["entry", "split", "unit", "date", "value", "p", "(name)"], rows)


Rows = tuple[dict[str, Any], list[dict[str, Any]]]


def _split(case: Case, split: Split, units: int, questions: int, events: float, reference: str) -> dict[str, Any]:
    return {
        "case": case.head.id, "split": split.id, "target": split.target, "units": units, "questions": questions, "events": events,
        "reference": reference, "asks_en": split.asks_en, "asks_zh": split.asks_zh, "note_en": split.note_en, "note_zh": split.note_zh,
    }  # fmt: skip


def split_rows(case: Case, task: Task, more: Mapping[str, Mapping[str, Any]], seed: int) -> Rows:
    """A split and the scores of all forecasts of it."""
    split, asked = task.split, task.questions
    said = forecasts(task)
    found = score(task, {**said, **more.get(split.id, {})}, seed)
    events = int((asked.answer > 0).sum()) if split.target != WEEK else int((asked.answer < asked.largest).sum())
    about = _split(case, split, len(task.wave.ids), len(asked), events, REFERENCE)
    plain = log_loss(said[REFERENCE][:, 1], asked.answer == 1) if split.target in (FIRST, ANY) else math.nan
    about |= {"period_shared": found.shared.period, "unit_shared": found.shared.unit, "plain_log_loss": plain}
    return about, [_scored(split, s, elsewhere=s.entry not in said) for s in found.scored]


def _scored(split: Split, s: Scored, *, elsewhere: bool) -> dict[str, Any]:
    return {
        "split": split.id, "entry": s.entry, "from": "elsewhere" if elsewhere else "here", "log": s.log, "crps": s.crps, "brier": s.brier,
        "auc": s.order, "covered": math.nan if s.covered is None else s.covered.share, "against": s.against.naive.mean,
        "naive_se": s.against.naive.se, "se": s.against.se, "naive_wrong": s.against.wrong, "separated": s.against.separated,
    }  # fmt: skip


def held_out_rows(case: Case, split: Split, runner: Runner) -> Rows | None:
    """What `qantar heldout` found, as it ships with the case; None, and a note, where nothing of this model and scenario does."""
    stored = read_result(case.folder / FIT / HELD, HELD)
    if stored is None or current_plan(stored.made, load_scenario(str(case.folder))) is None:
        runner.note(pair("benchmark.no_heldout", split=split.id, case=case.head.id))
        return None
    partition = HELD_OUT[split.target]
    rows = [r for r in stored.rows("scores.csv") if r["partition"] == partition]
    scored = []
    for r in rows:
        mean, se = float(r["against_mean"]), float(r["against_se"])
        other = float(r["other_mean"])
        scored.append(
            {
                "split": split.id, "entry": r["forecaster"], "from": "ships", "log": float(r["log_mean"]),
                "crps": other, "brier": other if partition == "day" else math.nan, "auc": math.nan,
                "covered": float(r["held"]) / float(r["held_of"]) if r.get("held") else math.nan, "against": mean, "naive_se": se,
                "se": se, "naive_wrong": math.nan, "separated": bool(told_apart(np.array(mean), np.array(se))),
            }
        )  # fmt: skip
    units = int(float(rows[0]["log_n"]))
    about = _split(case, split, units, units, math.nan, OF_PARTITION[partition])
    return about | {"period_shared": math.nan, "unit_shared": math.nan, "plain_log_loss": math.nan}, scored


def add_contagion(case: Case, asked: Contagion | None, seed: int, tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """Whether events nearby go with events, given each day's level, with both checks of the interval."""
    if asked is None:
        return
    wave = wave_of(case, asked.units, asked.residents, asked.last_day or case.head.last_day)
    start = wave.day(asked.first_day) if asked.first_day else 0
    found = contagion(wave, asked.target, asked.near_km, asked.days, start, seed)
    low, high = found.found.interval
    zero = found.zero.interval()
    tables["contagion"].append(
        {
            "case": case.head.id, **asked.model_dump(mode="json", include={"target", "units", "near_km", "days"}), "number": len(wave.ids),
            "events": events_looked_at(wave, asked.target, start), "value": found.found.value, "low": low, "high": high,
            "covers_zero": found.found.covers(0.0), "zero": found.zero.hits, "zero_of": found.zero.of, "zero_low": zero[0],
            "zero_high": zero[1], "as_large": found.as_large.hits,
        }
    )  # fmt: skip
    for p in found.planted:
        of = p.covered.interval()
        tables["planted"].append(
            {
                "case": case.head.id,
                "planted": p.planted,
                "mean": p.mean,
                "covered": p.covered.hits,
                "of": p.covered.of,
                "low": of[0],
                "high": of[1],
            }
        )


def add_steps(case: Case, asked: Step | None, tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """How many times as many rows there are from a day on, by kind and by unit, and whether one factor will do."""
    if asked is None:
        return
    before, after = (asked.day + dt.timedelta(weeks=sign * asked.weeks) for sign in (-1, 1))
    wave = wave_of(case, asked.units, 0, after - dt.timedelta(days=1))
    start = wave.day(before)
    if start < 0 or after > case.head.last_day + dt.timedelta(days=1):
        raise fail(StudyError, case.folder / FILE, "step_outside", value=asked.day, weeks=asked.weeks)
    by_unit = wave.events[:, start:].reshape(len(wave.ids), 2, asked.weeks, 7).sum(axis=3)
    kinds = [k for k in UNREST if any(e.kind == k and before <= e.date < after for e in case.record.events)]
    by_kind = np.zeros((len(kinds), 2, asked.weeks))
    for e in case.record.events:
        if e.kind in kinds and before <= e.date < after:
            day = (e.date - before).days
            by_kind[kinds.index(e.kind), day // (7 * asked.weeks), day // 7 % asked.weeks] += 1
    for what, names, weeks in (("all", ["all"], by_unit.sum(axis=0, keepdims=True)), ("kind", kinds, by_kind), ("unit", wave.ids, by_unit)):
        found = grown(list(names), weeks.astype(float))
        one = asdict(common(found)) if len(found) > 1 else {"apart": math.nan, "chance": math.nan, "of": len(found)}
        called = dict(zip(wave.ids, wave.names, strict=True))
        for g in found:
            low, high = g.interval()
            en, zh = called.get(g.name, ("", ""))
            tables["steps"].append(
                {
                    "case": case.head.id, "day": asked.day.isoformat(), "weeks": asked.weeks, "what": what, "name": g.name, "name_en": en,
                    "name_zh": zh, "before": g.before, "after": g.after, "factor": g.factor,
                    "low": low, "high": high, "apart": one["apart"], "chance": one["chance"],
                }
            )  # fmt: skip


# --- what it tells --------------------------------------------------------------------------------------------------------


def page(result: Result) -> Iterator[Block]:
    """How the forecasts of each split did, then contagion, then steps."""
    splits, scores = result.tables["splits"], result.tables["scores"]
    told = {word: sum(_better(rows) == word for rows in _by_split(scores).values()) for word in ("better", "same")}
    cases = len({r["case"] for r in splits})
    yield Sentence(pair("report.gist.benchmark", splits=len(splits), cases=cases, better=told["better"], same=told["same"]), "lead")
    if loose := [r["split"] for r in splits if r["frozen"] != "1"]:
        yield Sentence(pair("benchmark.loose", splits=", ".join(loose)), "warn")
    yield _short(scores, {r["split"]: r["reference"] for r in splits})
    yield Sentence(pair("benchmark.text", records=result.made["planted_records"]))
    for n, split in enumerate(splits, 1):
        yield Sentence(joined([split["split"], pair("error.colon"), either(split, "asks")]), "head")
        yield Sentence(_about(split))
        if split["note_en"]:
            yield Sentence(either(split, "note"), "warn")
        yield _figure(n, split, [r for r in scores if r["split"] == split["split"]])
    yield Sentence(pair("benchmark.note"), "note")
    if contagious := result.tables.get("contagion"):
        yield from _contagion(contagious, result.tables["planted"])
    if steps := result.tables.get("steps"):
        yield from _steps(steps)


def _by_split(scores: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in scores:
        found.setdefault(row["split"], []).append(row)
    return found


def _better(rows: Sequence[Row]) -> str:
    """Whether any forecast is told apart from the reference and better."""
    return "better" if any(r["separated"] == "1" and float(r["against"]) < 0 for r in rows) else "same"


def _short(scores: Sequence[Row], references: Mapping[str, str]) -> Table:
    """On how many questions each forecast was better than the reference, worse, or neither."""
    by_entry: dict[tuple[str, str], list[Row]] = {}
    for r in scores:
        if r["entry"] != references[r["split"]]:
            by_entry.setdefault((r["entry"], "elsewhere" if r["from"] == "elsewhere" else ""), []).append(r)
    words = ("better", "same", "worse")
    cells: list[list[Cell]] = [
        [_called(rows[0]), str(len(rows)), *(str(sum(_apart(r) == word for r in rows)) for word in words)] for rows in by_entry.values()
    ]
    columns = heads("benchmark", ("entry", "asked", *(f"apart_{word}" for word in words)), words=("entry",))
    return Table(columns, cells, pair("benchmark.short"))


def _about(split: Row) -> Pair:
    reference = _entry(split["reference"])
    if split["target"] in HELD_OUT:
        return pair("benchmark.about_held", n=split["units"], reference=reference)
    said = pair(
        "benchmark.about", n=f"{int(split['questions']):,}", units=f"{int(split['units']):,}", events=f"{int(float(split['events'])):,}",
        reference=reference,
    )  # fmt: skip
    if split["target"] == WEEK:
        return joined([said, pair("error.space"), pair("benchmark.one_period")])
    if split["plain_log_loss"] == "":
        return said
    return joined([said, pair("error.space"), pair("benchmark.plain", loss=number(split["plain_log_loss"], 4))])


def _entry(name: str, *, elsewhere: bool = False) -> Cell:
    """What an entry is called: ours in words, others as they call themselves, in quotes."""
    if elsewhere:
        return pair("benchmark.quoted", name=name)
    words = label("bench_entry", name)
    return words if words != name else label("forecaster", name)


def _called(r: Row) -> Cell:
    return _entry(r["entry"], elsewhere=r["from"] == "elsewhere")


def _figure(n: int, split: Row, rows: Sequence[Row]) -> Figure:
    shown = {"log": lambda r: number(r["log"], 4), "crps": lambda r: number(r["crps"], 3), "brier": lambda r: number(r["brier"], 4)}
    shown |= {"auc": lambda r: number(r["auc"], 3), "covered": lambda r: percent(r["covered"])}
    twice = all(r["crps"] == r["brier"] for r in rows)  # of yes or no they are one
    told = [k for k in shown if any(r[k] for r in rows) and not (twice and k == "crps")]

    def cells(r: Row) -> list[Cell]:
        same = r["entry"] == split["reference"]
        word = pair("benchmark.reference") if same else pair(f"benchmark.apart_{_apart(r)}")
        return [_called(r), *(shown[k](r) for k in told), "–" if same else around(r, "against", "se", 3), word]

    marks = intervals(
        [_entry(r["entry"]) for r in rows if r["entry"] != "never"], [r for r in rows if r["entry"] != "never"], "against", "se"
    )
    keys = ("entry", *told, "against", "apart")
    return Figure("benchmark", marks, Table(heads("benchmark", keys, words=("entry", "apart")), list(map(cells, rows))), n)


def _apart(r: Row) -> str:
    return "same" if r["separated"] != "1" else "better" if float(r["against"]) < 0 else "worse"


def _contagion(rows: Sequence[Row], planted: Sequence[Row]) -> Iterator[Block]:
    yield Sentence(pair("benchmark.contagion_head"), "head")
    yield Sentence(pair("benchmark.contagion_text"))
    for r in rows:
        word = "zero" if r["covers_zero"] == "1" else "more" if float(r["value"]) > 0 else "less"
        yield Sentence(
            pair(
                f"benchmark.contagion_{word}", case=r["case"], interval=within(r["value"], r["low"], r["high"]),
                km=f"{float(r['near_km']):g}",
                days=r["days"], zero=r["zero"], of=r["zero_of"], as_large=r["as_large"],
            )
        )  # fmt: skip
    table = Table(
        heads("benchmark", ("case", "number", "happened", "value", "permuted"), words=("case",)),
        [[r["case"], r["number"], r["events"], within(r["value"], r["low"], r["high"]), f"{r['zero']} / {r['zero_of']}"] for r in rows],
    )
    ends = [(float(r["value"]), (float(r["high"]) - float(r["low"])) / 2) if r["value"] else None for r in rows]
    yield Figure("contagion", Intervals([r["case"] for r in rows], ends), table)
    cells: list[list[Cell]] = [[r["case"], number(r["planted"], 1), number(r["mean"]), f"{r['covered']} / {r['of']}"] for r in planted]
    columns = [Column(pair("benchmark.case")), *heads("benchmark", ("planted", "recovered", "held"))]
    yield Table(columns, cells, pair("benchmark.planted_title"))


def _steps(rows: Sequence[Row]) -> Iterator[Block]:
    whole = [r for r in rows if r["what"] == "all"]
    yield Sentence(pair("benchmark.steps_head"), "head")
    for r in whole:
        of = {w: next(x for x in rows if (x["case"], x["what"]) == (r["case"], w)) for w in ("kind", "unit")}
        yield Sentence(
            pair(
                "benchmark.steps", case=r["case"], day=calendar_day(r["day"]), weeks=r["weeks"],
                factor=within(r["factor"], r["low"], r["high"], 1),
                by_kind=_chance(of["kind"]), by_unit=_chance(of["unit"]),
            )
        )  # fmt: skip
    yield Sentence(pair("benchmark.steps_text"))
    for r in whole:
        own = [x for x in rows if x["case"] == r["case"]]
        cells: list[list[Cell]] = [[_step_name(x), x["before"], x["after"], within(x["factor"], x["low"], x["high"], 1)] for x in own]
        yield Table(
            heads("benchmark", ("name", "before", "after", "factor"), words=("name",)), cells, pair("benchmark.steps_title", case=r["case"])
        )


def _step_name(r: Row) -> Cell:
    if r["what"] == "all":
        return pair("benchmark.of_all")
    return label("event", r["name"]) if r["what"] == "kind" else either(r, "name")


def _chance(r: Row) -> str:
    p = float(r["chance"])
    return f"{number(r['apart'], 1)} (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})"


STUDY = Study(
    "benchmark",
    BenchmarkOptions,
    run,
    page,
    small={"cases": ("france-2023",), "questions": True},
    columns={
        "splits": ("case", "split", "target", "units", "questions", "events", "reference", "sha256", "frozen"),
        "scores": ("split", "entry", "from", "log", "crps", "brier", "auc", "covered", "against", "naive_se", "se", "separated"),
    },
    facts=("cases", "reference", "planted_records"),
    simulates=False,
)
