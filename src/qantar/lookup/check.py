"""Validates any file or folder of a case, a ledger or a result: which kind it is, how much it holds, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from qantar.account.account import Account
from qantar.account.kept import KEPT, not_kept
from qantar.account.ledger import read_claims
from qantar.account.schema import LEDGER_MODELS, AccountFile
from qantar.account.twins import WRITTEN, twin
from qantar.account.weights import RivalsFile
from qantar.cases.case import GEOMETRY, Case, CaseFile, Question, find_folder, packaged_names, read_shapes
from qantar.errors import DataError, Problems, QantarError, ResultError, ScenarioError, fail, nearest
from qantar.files.cells import Row, Strict, Table
from qantar.files.markup import read_toml
from qantar.files.read import read_table, rows_of
from qantar.files.result import read_result
from qantar.files.sheet import file_of
from qantar.files.text import read_text
from qantar.forecast.splits import FILE as BENCHMARK
from qantar.forecast.splits import Benchmark, frozen, read_benchmark
from qantar.lookup.propose import beyond_the_sum
from qantar.messages import LANGUAGES
from qantar.record.checks import check_alone
from qantar.record.observables import perhaps_twice
from qantar.record.schema import MODELS
from qantar.scenario.plan import EXPERIMENTS, FILE
from qantar.scenario.schema import ScenarioFile
from qantar.verdicts.load import Loaded, read_parts

TABLES: dict[str, type[Row]] = {**MODELS, **LEDGER_MODELS, "questions": Question}
"""Every table that has a model, by the name its file carries."""

_FILES: dict[str, type[Strict]] = {
    "scenario": ScenarioFile, "account": AccountFile, "case": CaseFile, "rivals": RivalsFile, "benchmark": Benchmark,
}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """One file: what it is (a key of `check.kind` in the catalogue, `table NAME`, or `absent NAME`) and how many rows or keys it holds."""

    file: str
    kind: str
    rows: int


@dataclass(frozen=True)
class Looked:
    """What was looked at, and what was not."""

    files: list[Checked]
    ledger: Account | None = None
    """of the folder, with its record where that can be used"""
    whole: Loaded | None = None
    """ledger and case of a folder that was looked at as a whole"""
    waits: tuple[str, ...] = ()
    """what cannot be looked at before a mistake is mended: keys of `check.wait` in the catalogue"""


def check(target: str, problems: Problems) -> list[Checked]:
    """Check a packaged case by name, or a path; everything found goes to `problems`. A ScenarioError if nothing has that name."""
    return look(target, problems).files


def look(target: str, problems: Problems) -> Looked:
    """As `check`, with what was read."""
    if target in packaged_names():
        return _check_folder(find_folder(target, "account.toml"), problems)
    path = Path(target)
    try:
        is_there, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError):  # longer than a name can be, or with a NUL
        is_there = is_folder = False
    if is_folder:
        return _check_folder(path, problems)
    if not is_there:
        there = [*packaged_names(), *(p.name for p in path.parent.iterdir())] if path.parent.is_dir() else packaged_names()
        raise fail(ScenarioError, target, "no_such_path", value=target, choices=nearest(path.name, there))
    return _check_in_its_folder(path, problems)


@dataclass(frozen=True)
class Doubtful:
    """What is no mistake of form and yet wants a look."""

    perhaps_twice: list[list[str]]
    """rows that may be one event, each group by its ids"""
    beyond_the_sum: list[str]
    """facts called contradicted that count no fewer dead than a sum over events, which is a lower bound"""


def doubtful(loaded: Loaded) -> Doubtful:
    """What to look at in what has no mistake; where sums are over the events, what may be in them twice."""
    record = loaded.case.record
    twice = perhaps_twice(record.events) if "totals" in record.derived and not loaded.own else []
    denied = [c for c in loaded.account.claims if c.kind == "fact" and c.verdict == "contradicted"]
    beyond = [beyond_the_sum((getattr(c, f"claim_{lang}") for c in denied), lang, loaded.case) for lang in LANGUAGES if denied]
    claims = [c.claim_id for c, *found in zip(denied, *beyond, strict=True) if any(found)]
    return Doubtful([[e.event_id for e in group] for group in twice], claims)


def _check_folder(folder: Path, problems: Problems, *, scenario: bool = True) -> Looked:
    if (folder / "result.json").is_file():
        return Looked(_check_result(folder, problems))
    if folder.name == EXPERIMENTS and (folder.parent / "case.toml").is_file():
        around = Problems()
        found = _check_folder(folder.parent, around)
        problems.found += [p for p in around.found if (folder / p.file).is_file()]
        return Looked([c for c in found.files if c.file.startswith(f"{EXPERIMENTS}/")], waits=found.waits)
    has_ledger, has_case = (folder / "account.toml").exists(), (folder / "case.toml").exists()
    if not (has_ledger or has_case):
        raise fail(ScenarioError, folder, "folder_without", marker="case.toml, account.toml, result.json")
    account, read = read_parts(folder, problems)
    case = read if read and read.folder == folder else None
    waits = ["case"] if has_case and case is None else ["account"] if account is None else []
    if scenario and (folder / FILE).exists():
        waits += _check_scenario(folder, case, problems)
    if scenario and (folder / BENCHMARK).exists():
        _check_benchmark(folder, case, problems)
    tables = [*case.record.tables().values(), case.questions] if case else []
    if has_ledger and account:
        tables += [*(getattr(account, name) for name in LEDGER_MODELS), account.own_sources]
    for result in sorted(folder.glob("fit/**/result.json")) if scenario else []:  # what ships with a case bears its verdicts
        found_in = Problems()
        _check_result(result.parent, found_in)
        problems.found += [replace(p, file=(result.parent.relative_to(folder) / p.file).as_posix()) for p in found_in.found]
    ledger = (account or read_claims(folder)) if has_ledger else None
    whole = Loaded(account, read) if account and read else None
    return Looked(_files(folder, case, tables, scenario=scenario), ledger, whole, tuple(waits))


def _files(folder: Path, case: Case | None, tables: Sequence[Table[Any]], *, scenario: bool) -> list[Checked]:
    """The files of a folder, its experiments, and the tables of a case that it does not have."""
    shapes = case.shapes if case else {}
    sizes = {file_of(t.file): len(t) for t in tables} | {f"{name}.geojson": len(found) for name, found in shapes.items()}
    files = sorted(p for p in folder.iterdir() if p.suffix in (".csv", ".xlsx", ".toml", ".geojson") and not p.name.startswith("~$"))
    tried = sorted((folder / EXPERIMENTS).glob("*.toml")) if scenario else []
    named = {file_of(t.file): t.name for t in tables}
    absent = [Checked(f"{name}.csv", f"absent {name}", 0) for name in (case.record.missing if case else ()) if name != "variables"]
    experiments = (Checked(f"{EXPERIMENTS}/{p.name}", "experiment", 1) for p in tried)
    return [*(_checked(p, sizes, named) for p in files), *experiments, *absent]


def _check_scenario(folder: Path, case: Case | None, problems: Problems) -> list[str]:
    """Check scenario and experiments as far as they can be; gives what has to wait."""
    from qantar.effects.experiment_file import read_experiments, read_forms
    from qantar.scenario.scenario import read_scenario  # these load the compiler, which a table need not wait for

    if case is None:
        read_toml(folder / FILE, ScenarioFile, problems)
        list(read_forms(folder, problems))
        return []
    whole = not any((folder / p.file).is_file() and p.file in _of_case(case) for p in problems.found)
    if (country := read_scenario(folder, problems, case, whole=whole)) is not None:
        read_experiments(country, problems)
        return []
    list(read_forms(folder, problems))
    return ["scenario" if read_toml(folder / FILE, ScenarioFile, Problems()) is None else "arms"]


def _check_benchmark(folder: Path, case: Case | None, problems: Problems) -> None:
    """Check what forecasts of a case are asked, and whether that is still what was frozen."""
    if case is None:
        read_toml(folder / BENCHMARK, Benchmark, problems)
        return
    try:
        frozen(case, read_benchmark(case).splits)
    except QantarError as error:
        problems.found += [replace(p, file=Path(p.file).name) for p in error.problems]


def _of_case(case: Case) -> set[str]:
    """Files of a case, without those of a ledger that may lie beside them."""
    return {"case.toml", *(f"{name}.geojson" for name in GEOMETRY), *(t.file for t in case.record.tables().values())}


def _check_in_its_folder(path: Path, problems: Problems) -> Looked:
    """A single file: with its neighbours where it belongs to a case or a ledger, else by itself."""
    whole = Problems()
    if path.parent.name == EXPERIMENTS and (path.parent.parent / "case.toml").is_file():
        _check_folder(path.parent.parent, whole)
        problems.found += [p for p in whole.found if p.file == path.name]
        return Looked([Checked(path.name, "experiment", 1)])
    if path.suffix in (".csv", ".xlsx", ".toml", ".geojson") and {"account.toml", "case.toml"} & {p.name for p in path.parent.iterdir()}:
        found = _check_folder(path.parent, whole, scenario=path.name == FILE)
        problems.found += [p for p in whole.found if file_of(p.file) in (path.name, str(path))]
        if path.stem in TABLES or path.suffix not in (".csv", ".xlsx"):
            return Looked([c for c in found.files if c.file == path.name], found.ledger, waits=found.waits)
    if path.suffix in (".csv", ".xlsx"):
        name = path.stem if path.stem in TABLES else _guess_table(path)
        table = read_table(path, name, TABLES[name], problems)
        check_alone(table, problems)
        return Looked([Checked(path.name, f"table {name}", len(table))], read_claims(path.parent))
    if path.name == "result.json":
        return Looked(_check_result(path.parent, problems))
    if path.suffix == ".toml":
        source = read_text(path)
        marks = {"account": "[document]", "rivals": "[[stories]]", "benchmark": "[[splits]]"}
        kind = next((kind for kind, mark in marks.items() if mark in source), "case")
        if path.name == FILE or re.search(r"^mechanisms\s*=", source, re.MULTILINE):
            kind = "scenario"
        read_toml(path, _FILES[kind], problems)
        return Looked([Checked(path.name, kind, 1)], read_claims(path.parent))
    if path.suffix == ".geojson":
        return Looked([Checked(path.name, "shapes", len(read_shapes(path, problems)))])
    raise fail(ScenarioError, path, "unknown_file_kind", choices=".csv, .xlsx, .toml, .geojson, result.json")


def _guess_table(path: Path) -> str:
    """The table whose first column and most of whose required columns the header has, and that has most of its columns; else an error."""
    problems = Problems()
    _, rows = rows_of(path, "", problems)
    header = {c.strip() for _, cells in islice(rows, 1) for c in cells}
    problems.raise_as(DataError)

    def fit(name: str) -> tuple[float, float]:
        fields = TABLES[name].model_fields
        needed = {c for c, info in fields.items() if info.is_required()}
        if next(iter(fields)) not in header:
            return 0, 0
        return len(header & {*fields}) / max(1, len(header)), len(header & needed) / len(needed)

    best = max(TABLES, key=lambda name: sum(fit(name)))
    if min(fit(best)) < 0.5:
        raise fail(DataError, path, "unknown_table", choices=", ".join(TABLES))
    return best


def _checked(path: Path, sizes: dict[str, int], named: dict[str, str]) -> Checked:
    """What a file of a folder is; one that was not read as a part of the folder's case or ledger is read for its size."""
    other = twin(path)
    if path.name not in sizes and other is not None and other.name in sizes:
        return Checked(path.name, "unread", 0)  # the table stands in the other file
    if path.name in (WRITTEN, KEPT):
        return Checked(path.name, path.stem, 0)
    if path.suffix == ".toml":
        return Checked(path.name, path.stem if path.stem in _FILES else "other", 1)
    if path.suffix == ".geojson":
        return Checked(path.name, "shapes", sizes.get(path.name, 0))
    name = named.get(path.name, path.stem)
    if name in TABLES:
        size = sizes[path.name] if path.name in sizes else len(read_table(path, name, TABLES[name], Problems()))
        return Checked(path.name, f"table {name}", size)
    return Checked(path.name, "other", 0)


def _check_result(folder: Path, problems: Problems) -> list[Checked]:
    """A result is whole when `result.json` and every file it names are as they were written."""
    try:
        found = read_result(folder)
    except ResultError as error:
        problems.found += [replace(p, file=Path(p.file).name) for p in error.problems]
        return []
    return [Checked("result.json", "result", len(found.content) if found else 0)]


def waiting(ledger: Account | None, *, packaged: bool) -> dict[str, int]:
    """How many claims of a ledger wait for what."""
    claims = ledger.claims if ledger else ()
    return {
        "open": sum(c.verdict == "open" and not c.blank for c in claims),
        "blank": sum(c.blank for c in claims),
        "proposed": sum(c.only_proposed for c in claims),
        "drafts": sum(c.drafted and not c.blank for c in claims),
        "unparaphrased": sum(c.unparaphrased and c.verdict != "open" for c in claims),
        "not_kept": len(not_kept((c for c in ledger.claims if not c.blank), ledger.kept)) if ledger and not packaged else 0,
    }
