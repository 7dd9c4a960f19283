"""`qantar study --full`: what ships is made again by its own commands, compared table by table, and not made twice."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import CASE, Ran
from qantar.cases.case import cases_folder
from qantar.cli import main as cli
from qantar.ensemble.store import model_hash
from qantar.files.result import command_words, sealed, write_result
from qantar.inference.posterior import FIT
from qantar.report.page import render
from qantar.studies import repeat as module
from qantar.studies.repeat import Repeated, Shipped, expected, repeat, shipped
from qantar.studies.shown import PAGE
from qantar.verdicts.load import Loaded
from shipped import reseal

PACKAGED = cases_folder() / CASE


@pytest.fixture
def mine(tmp_path: Path, qantar: Callable[..., Ran]) -> Path:
    """A case with one small result in its `fit/`: a hypothesis that is not testable, with its power."""
    case = Path(shutil.copytree(PACKAGED, tmp_path / "mine", ignore=shutil.ignore_patterns(FIT)))
    assert qantar("experiments", "mine", "--only", "H03", "--out", "made").code == 0
    shutil.copytree(tmp_path / "made", case / FIT / "experiments")
    return case


def test_what_ships_is_made_again_compared_and_not_made_twice(mine: Path, tmp_path: Path, qantar: Callable[..., Ran]) -> None:
    ran = qantar("study", "mine", "--full", "--draws", "0", "--out", "out", "--json")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[1].startswith("Making 1 results that ship again: about")  # how long, before it begins
    said = [{k: r[k] for k in ("name", "made", "differ", "same")} for r in ran.json()["made_again"]]
    assert said == [{"name": "experiments", "made": True, "differ": [], "same": True}]
    assert "1 of 1 results that ship were made again in full" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    table = mine / FIT / "experiments" / "experiments.csv"
    before = table.read_text(encoding="utf-8")
    table.write_text(before.replace("0.0615", "0.0616"), encoding="utf-8")
    assert table.read_text(encoding="utf-8") != before
    reseal(table.parent)
    written = (tmp_path / "out-full" / "experiments" / "result.json").stat().st_mtime_ns
    again = qantar("study", "mine", "--full", "--draws", "0", "--out", "out")
    assert "Not the same: experiments (experiments.csv)." in again.err + again.out
    assert (tmp_path / "out-full" / "experiments" / "result.json").stat().st_mtime_ns == written


def test_a_command_that_fails_is_said_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], **_: Any) -> SimpleNamespace:
        asked.append(words)
        return SimpleNamespace(returncode=2 if "rivals" in words else 0)

    monkeypatch.setattr(subprocess, "run", run)
    results = [Shipped(name, tmp_path / "fit" / name, {"name": name, "options": {"scenario": "case"}}) for name in ("rivals", "scale")]
    for r in results:
        write_result(r.folder, sealed({"items.csv": "a\n1\n"}, {"kind": r.name}))
    told: list[tuple[str, float]] = []
    found = repeat(
        results,
        tmp_path / "case",
        tmp_path / "again",
        words_of=lambda c: command_words({"command": c}),
        processes=1,
        begun=lambda *x: told.append(x),
    )
    assert found == [Repeated("rivals", "qantar rivals case", False, ()), Repeated("scale", "qantar scale case", True, ("items.csv",))]
    assert told == [("rivals", 240.0), ("scale", 90.0)]
    assert asked[0][3:5] == ["rivals", str(tmp_path / "case")]  # the case at hand, not one of its name
    assert not any(r.same for r in found)
    assert asked[1][-3:] == [f"--out={tmp_path / 'again' / 'scale'}", f"--store={tmp_path / 'again' / 'store'}", "--processes=1"]


def test_the_page_says_what_differs_and_what_could_not_be_made(loaded: Loaded) -> None:
    page = render(
        loaded, repeated=[Repeated("rivals", "qantar rivals case", False, ()), Repeated("scale", "qantar scale case", True, ("items.csv",))]
    )
    assert "0 of 2 results that ship" in page
    assert re.search("<code>qantar rivals case</code> <strong>[^/]*could not be made", page)
    assert "未能重做" in page
    assert "<code>qantar scale case</code> <strong>≠ items.csv</strong>" in page


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("name,x\na,1.00000001\n", True),  # the last digits are those of a machine's linear algebra
        ("name,x\na,1.001\n", False),
        ("name,x\na,1e-9\n", False),
        ("name,x\nb,1.0\n", False),
        ("name,x\na,\n", False),
        ("name,x\na,1.0\na,1.0\n", False),
        ("name,y\na,1.0\n", False),
    ],
)
def test_tables_are_the_same_to_the_sixth_digit(tmp_path: Path, other: str, same: bool) -> None:
    (tmp_path / "one.csv").write_text("name,x\na,1.0\n", encoding="utf-8")
    (tmp_path / "other.csv").write_text(other, encoding="utf-8")
    assert module._same(tmp_path / "one.csv", tmp_path / "other.csv") is same
    assert not module._same(tmp_path / "one.csv", tmp_path / "nowhere.csv")


def test_all_that_ships_with_the_packaged_case_can_be_made_again() -> None:
    found = shipped(PACKAGED)
    assert {r.name for r in found} | {PAGE} == {
        "calibrate",
        *(p.parent.name for p in (PACKAGED / FIT).glob("*/result.json")),
    }  # that one is compared in every study
    order = [(r.name in module.FROM_TABLE, module.MINUTES[r.name]) for r in found]
    assert order == sorted(order)  # known, the shortest first, those from the table last
    assert expected(found, 1) == 2 * expected(found, 2) > 60
    assert expected(found, 2) - expected(found, 2, table=True) == module.TABLE_MINUTES
    for r in found:
        made = json.loads((r.folder / "result.json").read_text(encoding="utf-8"))
        assert r.command == made["command"]
        assert cli._checked(r.command)[0] == made["kind"]  # its options are still those of the command


def test_small_numbers_and_seeds_are_not_the_same_by_being_near() -> None:
    assert module._alike("3.14e-07", "3.14000000001e-07")
    assert not module._alike("3.14e-07", "3.15e-07")
    assert not module._alike("6004838293757243001", "6004838293757243002")
    assert module._alike("1e-17", "0.0")


def test_what_has_no_command_of_ours_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / FIT / "mine"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"model_sha256": model_hash(), "command": "rm -r ."}), encoding="utf-8")
    assert shipped(tmp_path) == []


def test_what_another_model_made_is_not_made_again(mine: Path) -> None:
    path = mine / FIT / "experiments" / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"model_sha256": "', '"model_sha256": "0'), encoding="utf-8")
    assert shipped(mine) == []
