"""`qantar check` and every door: what is wrong, where, the rule and the mend; all at once; nothing written."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from conftest import CASE, HERE, Ran
from qantar.cases.case import cases_folder
from qantar.errors import Problems, ScenarioError
from qantar.lookup.check import TABLES, check

INVALID = sorted(p for p in (HERE / "invalid").iterdir() if p.is_dir())


def test_the_list_of_invalid_files_is_not_empty() -> None:
    assert len(INVALID) >= 18


@pytest.mark.parametrize("folder", INVALID, ids=lambda p: p.name)
def test_an_invalid_file_says_what_where_rule_and_mend(tiny: Path, qantar: Callable[..., Ran], folder: Path) -> None:
    expected = tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))
    for path in folder.iterdir():
        if path.name != "expect.toml":
            (tiny / path.name).unlink()
            shutil.copytree(path, tiny / path.name) if path.is_dir() else shutil.copy(path, tiny / path.name)
    before = sorted(p.name for p in tiny.parent.iterdir())
    ran = qantar("study", str(tiny), "--out", str(tiny.parent / "result"))
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for fragment in expected["fragments"]:
        assert fragment in ran.err
    where = [
        expected["file"],
        *([f"line {expected['line']}"] if "line" in expected else []),
        *([expected["key"]] if expected["key"] else []),
    ]
    assert ", ".join(where) + ": " in ran.err
    assert sorted(p.name for p in tiny.parent.iterdir()) == before  # nothing written
    machine = qantar("--lang", "zh", "check", str(tiny), "--json")
    problems = json.loads(machine.out)["problems"] if machine.out else json.loads(machine.err)["error"]["problems"]
    hit = next(p for p in problems if p["key"] == expected["key"] and Path(p["file"]).name == expected["file"])
    assert hit["line"] == expected.get("line")
    assert all(hit[part] for part in ("what", "rule", "mend"))


def test_every_packaged_file_is_clean() -> None:
    for path in sorted(p for p in (cases_folder() / CASE).iterdir() if p.is_file()):
        problems = Problems()
        (found,) = check(str(path), problems)
        assert not problems.found, problems.found[0].render()
        assert found.rows > 0, path.name
        assert found.kind != "other", path.name


def test_a_folder_of_experiments_or_results_is_checked_as_a_whole() -> None:
    problems = Problems()
    found = check(str(cases_folder() / CASE / "experiments"), problems)
    assert len(found) == 16
    assert {c.kind for c in found} == {"experiment"}
    assert not problems.found


def test_the_packaged_case_is_clean_as_a_whole() -> None:
    problems = Problems()
    assert len(check(CASE, problems)) == 29 + 16
    assert not problems.found


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_alone_is_known_by_its_columns(tmp_path: Path, name: str) -> None:
    places = (HERE / "tiny", HERE / "argued", Path(str(files("qantar.record"))))
    source = next(p for folder in places if (p := folder / f"{name}.csv").is_file())
    (tmp_path / "some name.csv").write_bytes(source.read_bytes())
    problems = Problems()
    (found,) = check(str(tmp_path / "some name.csv"), problems)
    assert not problems.found
    assert found.kind == f"table {name}"


def test_a_table_alone_is_still_checked_for_units_and_order(tmp_path: Path) -> None:
    text = (HERE / "tiny" / "economy.csv").read_text().replace("percent", "share")
    (tmp_path / "economy.csv").write_text(text)
    problems = Problems()
    check(str(tmp_path / "economy.csv"), problems)
    assert [p.code for p in problems.found] == ["wrong_unit"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("nowhere/x.csv", "no_such_path"),
        ("kazakhstan-2021", "no_such_path"),
        (".", "folder_without"),
        ("essay.md", "unknown_file_kind"),
        ("odd.csv", "unknown_table"),
    ],
)
def test_what_cannot_be_checked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, code: str) -> None:
    (tmp_path / "essay.md").write_text("x")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r".") as caught:
        check(path, Problems())
    assert caught.value.problems[0].code == code  # type: ignore[attr-defined]
    if code == "no_such_path":
        assert CASE in str(caught.value)
        assert isinstance(caught.value, ScenarioError)


def test_a_result_is_checked_against_its_hashes(study_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(study_folder, tmp_path / "r"))
    problems = Problems()
    check(str(folder), problems)
    assert not problems.found
    (folder / "verdicts.csv").write_text("changed")
    check(str(folder / "result.json"), problems)
    assert [(p.file, p.code) for p in problems.found] == [("verdicts.csv", "hash_differs")]
