"""Validates any file or folder of a case, a ledger or a result: which kind it is, how much it holds, what is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from qantar.account.ledger import LEDGER_MODELS, AccountFile
from qantar.account.load import read_loaded
from qantar.errors import DataError, Problems, ScenarioError, fail, nearest
from qantar.record.load import check_alone
from qantar.record.schema import MODELS
from qantar.scenario.case import CaseFile, case_names, find_folder, read_case, read_shapes
from qantar.scenario.scenario import FILE, read_scenario
from qantar.scenario.schema import ScenarioFile
from qantar.study.experiments import FOLDER as EXPERIMENTS
from qantar.study.experiments import read_experiments
from qantar.tables import Row, Strict, read_json, read_table, read_text, read_toml

TABLES: dict[str, type[Row]] = {**MODELS, **LEDGER_MODELS}
"""Every table that has a model, by the name its file carries."""

_FILES: dict[str, type[Strict]] = {"scenario": ScenarioFile, "account": AccountFile, "case": CaseFile}


@dataclass(frozen=True)
class Checked:
    """One file: what it is (a key of `check.kind` in the catalogue, or `table NAME`) and how many rows or keys it holds."""

    file: str
    kind: str
    rows: int


def check(target: str, problems: Problems) -> list[Checked]:
    """Check a packaged case by name, or a path; everything found goes to `problems`.

    Raises
    ------
    ScenarioError
        When there is nothing of that name.
    """
    if target in case_names():
        return _check_folder(find_folder(target, "case.toml"), problems)
    path = Path(target)
    if path.is_dir():
        return _check_folder(path, problems)
    if not path.exists():
        there = [*case_names(), *(p.name for p in path.parent.iterdir())] if path.parent.is_dir() else case_names()
        raise fail(ScenarioError, target, "no_such_path", value=target, choices=nearest(path.name, there))
    return _check_in_its_folder(path, problems)


def _check_folder(folder: Path, problems: Problems, *, scenario: bool = True) -> list[Checked]:
    if (folder / "result.json").is_file():
        return _check_result(folder, problems)
    if folder.name == EXPERIMENTS and (folder.parent / "case.toml").is_file():
        whole = Problems()
        found = [c for c in _check_folder(folder.parent, whole) if c.file.startswith(f"{EXPERIMENTS}/")]
        problems.found += [p for p in whole.found if (folder / p.file).is_file()]
        return found
    if (folder / "account.toml").is_file():
        read_loaded(folder, problems)
    elif (folder / "case.toml").is_file():
        read_case(folder, problems)
    else:
        raise fail(ScenarioError, folder, "folder_without", marker="case.toml, account.toml, result.json")
    case = read_case(folder, Problems()) if scenario and (folder / FILE).is_file() else None
    if case is not None and (country := read_scenario(folder, problems, case)) is not None:
        read_experiments(country, problems)
    files = sorted(p for p in folder.iterdir() if p.suffix in (".csv", ".toml", ".geojson"))
    tried = sorted((folder / EXPERIMENTS).glob("*.toml")) if scenario else []
    return [*(Checked(p.name, *_kind_and_size(p)) for p in files), *(Checked(f"{EXPERIMENTS}/{p.name}", "experiment", 1) for p in tried)]


def _check_in_its_folder(path: Path, problems: Problems) -> list[Checked]:
    """A single file: with its neighbours where it belongs to a case or a ledger, else by itself."""
    whole = Problems()
    if path.parent.name == EXPERIMENTS and (path.parent.parent / "case.toml").is_file():
        _check_folder(path.parent.parent, whole)
        problems.found += [p for p in whole.found if p.file == path.name]
        return [Checked(path.name, "experiment", 1)]
    if path.suffix in (".csv", ".toml", ".geojson") and {"account.toml", "case.toml"} & {p.name for p in path.parent.iterdir()}:
        _check_folder(path.parent, whole, scenario=path.name == FILE)
        problems.found += [p for p in whole.found if p.file in (path.name, str(path))]
        if path.stem in TABLES or path.suffix != ".csv":
            return [Checked(path.name, *_kind_and_size(path))]
    if path.suffix == ".csv":
        name = path.stem if path.stem in TABLES else _guess_table(path)
        table = read_table(path, name, TABLES[name], problems)
        check_alone(table, problems)
        return [Checked(path.name, f"table {name}", len(table))]
    if path.name == "result.json":
        return _check_result(path.parent, problems)
    if path.suffix == ".toml":
        source = read_text(path)
        kind = (
            "scenario"
            if path.name == FILE or re.search(r"^mechanisms\s*=", source, re.MULTILINE)
            else "account"
            if "[document]" in source
            else "case"
        )
        read_toml(path, _FILES[kind], problems)
        return [Checked(path.name, kind, 1)]
    if path.suffix == ".geojson":
        return [Checked(path.name, "shapes", len(read_shapes(path, problems)))]
    raise fail(ScenarioError, path, "unknown_file_kind", choices=".csv, .toml, .geojson, result.json")


def _guess_table(path: Path) -> str:
    """The table whose columns fit the header best; a header that fits none is an error."""
    header = set(next(csv.reader(io.StringIO(read_text(path))), []))
    best = max(TABLES, key=lambda name: len(header & set(TABLES[name].model_fields)))
    if len(header & set(TABLES[best].model_fields)) < 2:
        raise fail(DataError, path, "unknown_table", choices=", ".join(TABLES))
    return best


def _kind_and_size(path: Path) -> tuple[str, int]:
    quiet = Problems()  # the folder check has reported what is wrong already
    if path.suffix == ".geojson":
        return "shapes", len(read_shapes(path, quiet))
    if path.suffix == ".toml":
        return path.stem, 1
    if path.stem in TABLES:
        return f"table {path.stem}", len(read_table(path, path.stem, TABLES[path.stem], quiet))
    return "other", 0


def _check_result(folder: Path, problems: Problems) -> list[Checked]:
    """A result is whole when `result.json` is there and every file has the SHA-256 it names."""
    data = read_json(folder / "result.json", problems)
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, dict):
        problems.add("result.json", None, "files", "missing_key", value="files")
        return []
    for name, expected in files.items():
        path = folder / name
        if "/" in name or not path.is_file():
            problems.add("result.json", None, f"files.{name}", "file_missing", there="-")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            problems.add(name, None, "", "hash_differs", expected=str(expected)[:12])
    return [Checked("result.json", "result", len(files))]
