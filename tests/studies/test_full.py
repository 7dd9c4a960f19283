"""`qantar study --full`: what ships is made again by its own commands, compared table by table, and not made twice."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import CASE, Ran, call_qantar
from kit.shipped import reseal
from qantar.cases.case import cases_folder
from qantar.draws import SCHEME
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import model_hash
from qantar.errors import QantarError, StudyError, fail
from qantar.files.result import sealed
from qantar.files.write import write_result
from qantar.inference.posterior import FIT
from qantar.report.page import render
from qantar.scenario.plan import FILE
from qantar.studies import KINDS, study
from qantar.studies import repeat as module
from qantar.studies.kind import command_of
from qantar.studies.repeat import Repeatable, Repeated, asked_again, expected, read_made, repeat, repeatable
from qantar.verdicts.load import Loaded

PACKAGED = cases_folder() / CASE


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of two days of a tiny country, without rounds and new force."""
    home = tmp_path_factory.mktemp("full")
    a_case(home)
    words = ("--table", "30", "--draws", "30", "--rounds", "0", "--near", "10", "--force-draws", "0", "--particles", "10")
    small = (*words, "--scale", "0.0005", "--set", "time.hours=48")
    assert (done := call_qantar("calibrate", "mine", "--quick", *small, "--out", "made", cwd=home)).code == 0, done.err
    return home / "made"


def a_case(home: Path) -> Path:
    """The packaged case without what ships with it, and with a quiet period of two days."""
    case = Path(shutil.copytree(PACKAGED, home / "mine", ignore=shutil.ignore_patterns(FIT)))
    before = (case / FILE).read_text(encoding="utf-8")
    (case / FILE).write_text(before.replace("hours = 744", "hours = 48"), encoding="utf-8")
    assert (case / FILE).read_text(encoding="utf-8") != before
    return case


@pytest.fixture
def mine(fit: Path, tmp_path: Path) -> Path:
    """A case that ships it."""
    case = a_case(tmp_path)
    shutil.copytree(fit, case / FIT)
    return case


@pytest.mark.timeout(300)
def test_what_ships_is_made_again_compared_and_not_made_twice(mine: Path, tmp_path: Path, qantar: Callable[..., Ran]) -> None:
    ran = qantar("study", "mine", "--full", "--draws", "0", "--out", "out", "--json")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[1].startswith("Making 1 result that ships again: about")  # how long, before it begins
    said = [{k: r[k] for k in ("name", "made", "differ", "same")} for r in ran.json()["made_again"]]
    assert said == [{"name": "calibrate", "made": True, "differ": [], "same": True}]
    assert "1 of 1 results that ship were made again in full" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    table = mine / FIT / "fit.csv"
    before = table.read_text(encoding="utf-8")
    table.write_text(before.replace("KZ-AKM", "KZ-XXX"), encoding="utf-8")
    assert table.read_text(encoding="utf-8") != before
    reseal(table.parent)
    written = (tmp_path / "out-full" / "calibrate" / "result.json").stat().st_mtime_ns
    again = qantar("study", "mine", "--full", "--draws", "0", "--out", "out")
    assert "Not the same: calibrate (fit.csv)." in again.err + again.out
    assert (tmp_path / "out-full" / "calibrate" / "result.json").stat().st_mtime_ns == written


def result(folder: Path, name: str, **options: Any) -> Repeatable:
    """A result of this model as it would ship."""
    made = {"kind": name, "command": {"name": name, "options": options}, "model_sha256": model_hash(), "draw_scheme": SCHEME}
    write_result(folder / name, sealed({"items.csv": "a\n1\n"}, made))
    ships = study(name).ships
    assert ships is not None
    return Repeatable(name, ships, read_made(folder / name))


def test_one_that_cannot_be_made_is_said_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def perform(described: Any, given: Any, runner: Runner) -> dict[str, str]:
        asked.append((described.name, given, runner))
        if described.name == "heldout":
            raise fail(StudyError, "--near", "not_one_of", value=1, choices=2)
        return sealed({"items.csv": "a\n2\n"}, {"kind": described.name})

    monkeypatch.setattr(module, "perform", perform)
    results = [result(tmp_path / FIT, name, scenario="elsewhere") for name in ("heldout", "scale")]
    told: list[tuple[str, float]] = []
    faults: list[QantarError] = []
    runner = Runner(tmp_path / "never", 1)
    found = repeat(results, PACKAGED, tmp_path / "again", runner=runner, begun=lambda *x: told.append(x), failed=faults.append)
    lines = ["qantar heldout elsewhere", "qantar scale elsewhere"]
    assert found == [Repeated("heldout", lines[0], False, ()), Repeated("scale", lines[1], True, ("items.csv",))]
    assert told == [("heldout", 210.0), ("scale", 50.0)]
    assert [p.code for e in faults for p in e.problems] == ["not_one_of"]
    assert asked[0][1].scenario.case.folder == PACKAGED  # the case at hand, not one of its name
    assert {(r.store, r.processes) for *_, r in asked} == {(tmp_path / "again" / "store", 1)}
    assert not any(r.same for r in found)


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
def test_tables_are_the_same_to_the_sixth_digit(other: str, same: bool) -> None:
    assert module.same_table(b"name,x\na,1.0\n", other.encode()) is same
    assert not module.same_table(b"name,x\na,1.0\n", None)


def test_all_that_ships_with_the_packaged_case_can_be_made_again() -> None:
    found = repeatable(PACKAGED)
    ships = [json.loads(p.read_text(encoding="utf-8"))["command"]["name"] for p in (PACKAGED / FIT).rglob("result.json")]
    assert len(found) == sum(name in KINDS and name != "run" for name in ships)  # histories are compared in every study
    order = [(r.ships.from_table, r.ships.minutes) for r in found]
    assert order == sorted(order)  # the shortest first, those from the table last
    assert expected(found, 1) == 2 * expected(found, 2) > 60
    assert expected(found, 2) - expected(found, 2, table=True) == module.TABLE_MINUTES
    for r in found:
        described, asked = asked_again(r.command)  # its options are still those of the study
        assert described.name == r.stored.made["kind"]
        kept = command_of(described.name, asked)["options"]
        assert r.command["options"].items() <= kept.items()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"scenario": "../elsewhere"}, "not_repeated"),
        ({"scenario": "/etc"}, "not_repeated"),
        ({"scenario": CASE, "arm": ["mine.toml"]}, "not_repeated"),
        ({"scenario": CASE, "arm": ["mine.toml/"]}, "not_repeated"),
        ({"scenario": CASE, "arm": [{"sha256": "0" * 64}]}, "made_from_file"),
        ({"scenario": CASE, "known": {"sha256": "0" * 64}}, "made_from_file"),
        ({"scenario": CASE, "known": "table.npz"}, "not_repeated"),
        ({"scenario": CASE, "pack": "somewhere"}, "not_repeated"),
        ({"scenario": CASE, "out": "somewhere"}, "not_repeated"),
        ({"scenario": CASE, "store": "somewhere"}, "not_repeated"),
        ({"scenario": CASE, "set": [["a"]]}, "not_repeated"),
        ({"scenario": CASE, "draws": -1}, "below"),
        ({"scenario": CASE, "engine": "fast"}, "not_one_of"),
    ],
)
def test_no_place_is_taken_from_a_result(options: dict[str, Any], code: str) -> None:
    with pytest.raises(QantarError) as caught:
        asked_again({"name": "run", "options": options} if "known" not in options else {"name": "heldout", "options": options})
    assert [p.code for p in caught.value.problems] == [code]
    assert all(p.render("en") and p.render("zh") for p in caught.value.problems)


def test_small_numbers_and_seeds_are_not_the_same_by_being_near() -> None:
    assert module._alike("3.14e-07", "3.14000000001e-07")
    assert not module._alike("3.14e-07", "3.15e-07")
    assert not module._alike("6004838293757243001", "6004838293757243002")
    assert module._alike("1e-17", "0.0")


def test_what_has_no_command_of_ours_is_left_alone(tmp_path: Path) -> None:
    for command in ("rm -r .", {"name": "rm", "options": {}}, {"name": "scale"}, {"name": "scale", "options": "-r ."}):
        made = {"kind": "scale", "model_sha256": model_hash(), "draw_scheme": SCHEME, "command": command}
        write_result(tmp_path / FIT / "scale", sealed({}, made))
        assert repeatable(tmp_path) == []


def test_what_another_model_made_is_not_made_again(mine: Path) -> None:
    path = mine / FIT / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"model_sha256": "', '"model_sha256": "0'), encoding="utf-8")
    assert repeatable(mine) == []
