"""Every fault of the tables in `tests/invalid` is refused at the door it comes through: the rule, the place, nothing else, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import HERE
from kit.faults import PACKAGED, TINY, Fault, change, faults, hold, tiny, together
from kit.packaged import plan, scenario
from qantar.account.document import read_document
from qantar.effects.experiment_file import FOLDER, load_experiments, read_experiments
from qantar.errors import Problem, Problems, QantarError, ScenarioError
from qantar.lookup.check import check
from qantar.record.load import load_record
from qantar.scenario.edits import apply, parse_set
from qantar.scenario.parameters import read_parameters
from qantar.scenario.scenario import FILE, read_scenario, resolve, with_arms
from qantar.scenario.schema import Edit
from qantar.stylized.experiment import load_experiment
from qantar.verdicts.load import load_account

ALL = faults()
GROUPS = together()
Answer = tuple[list[Problem], str]
"""Problems that were found, and the text they were found in."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the tiny case, without and with an argument and rival stories, in which one file at a time is spoilt."""
    home = tmp_path_factory.mktemp("faults")
    for name in ("tiny", "argued"):
        shutil.copytree(TINY, home / name)
    shutil.copytree(HERE / "argued", home / "argued", dirs_exist_ok=True)
    files = [("rivals", "rivals.toml"), *((name, f"{name}.csv") for name in ("arguments", "items", "weights"))]
    head = tiny("account.toml").replace("[files]\n", "[files]\n" + "".join(f'{name} = "{file}"\n' for name, file in files))
    (home / "argued" / "account.toml").write_text(head, encoding="utf-8")
    return home


def spoilt(path: Path, whole: str, *made: Fault) -> str:
    """Writes a file with these faults in it, and gives its text."""
    content = whole.encode()
    for fault in made:
        content = fault.content(content.decode())
    path.parent.mkdir(parents=True, exist_ok=True)
    if not any(fault.row.get("absent") for fault in made):
        path.write_bytes(content)
    return content.decode(errors="replace")


def in_tiny(read: Callable[[Path, Problems], object], name: str = "tiny") -> Callable[..., Answer]:
    """A door through which a whole copy of the tiny case is read, with faults in some of its files."""

    def answer(place: Path, *made: Fault) -> Answer:
        folder, problems, text = place / name, Problems(), ""
        sound = {fault.file: (folder / fault.file).read_text(encoding="utf-8") for fault in made}
        try:
            for fault in made:
                text = spoilt(folder / fault.file, sound[fault.file], fault)
            read(folder, problems)
        except QantarError as error:
            problems.found += error.problems
        finally:
            for file, whole in sound.items():
                (folder / file).write_text(whole, encoding="utf-8")
        return problems.found, text

    return answer


def alone(place: Path, fault: Fault) -> Answer:
    problems = Problems()
    sound = tiny(fault.file) if (TINY / fault.file).exists() else ""
    text = spoilt(place / "alone" / fault.file, sound, fault)
    check(str(place / "alone" / fault.file), problems)
    return problems.found, text


def in_scenario(place: Path, *made: Fault) -> Answer:
    problems = Problems()
    text = spoilt(place / "scenario" / FILE, (PACKAGED / FILE).read_text(encoding="utf-8"), *made)
    read = read_scenario(place / "scenario", problems, scenario().case)
    assert (read is None) == bool(problems.found)
    return problems.found, text


def in_experiment(place: Path, fault: Fault) -> Answer:
    problems, folder = Problems(), place / "experiments"
    shutil.rmtree(folder, ignore_errors=True)
    text = spoilt(folder / FOLDER / fault.file, (PACKAGED / FOLDER / fault.file).read_text(encoding="utf-8"), fault)
    asked = replace(scenario(), case=replace(scenario().case, folder=folder))
    assert not read_experiments(asked, problems)
    with pytest.raises(ScenarioError):
        load_experiments(asked)
    return problems.found, text


def in_methods(place: Path, fault: Fault) -> Answer:
    text = spoilt(place / fault.file, (PACKAGED / FOLDER / fault.file).read_text(encoding="utf-8"), fault)
    load_experiment(PACKAGED, place / fault.file)
    return [], text


def in_parameters(place: Path, fault: Fault) -> Answer:
    text = spoilt(place / fault.file, fault.sound, fault)
    read_parameters(place / fault.file)
    return [], text


def in_arm(place: Path, fault: Fault) -> Answer:
    text = spoilt(place / fault.file, fault.sound, fault)
    with_arms(scenario(), [str(place / fault.file)])
    return [], text


def in_words(place: Path, fault: Fault) -> Answer:
    parse_set([fault.content("").decode()])
    return [], ""


def in_document(place: Path, fault: Fault) -> Answer:
    text = spoilt(place / "document.md", "", fault)
    read_document(place / "document.md")
    return [], text


def in_change(place: Path, fault: Fault) -> Answer:
    """A change after a right one: it is named as the second, and no change is made."""
    right, wrong = Edit(path="parameters.frailty", value=2), change(fault)
    problems = Problems()
    assert apply(plan(), [wrong], problems) == plan()
    assert [p.code for p in problems.found] == [fault.row["rule"]]
    resolve(scenario(), [right, wrong])
    return [], ""


DOORS: dict[str, Callable[..., Answer]] = {
    "folder": in_tiny(lambda folder, problems: check(str(folder), problems)),
    "ledger": in_tiny(lambda folder, _: load_account(str(folder))),
    "argued": in_tiny(lambda folder, _: load_account(str(folder)), "argued"),
    "record": in_tiny(lambda folder, _: load_record(folder, "XA")),
    "alone": alone,
    "scenario": in_scenario,
    "experiment": in_experiment,
    "methods": in_methods,
    "parameters": in_parameters,
    "arm": in_arm,
    "words": in_words,
    "document": in_document,
    "change": in_change,
}


def answer(place: Path, *made: Fault) -> Answer:
    """The problems through their door, whether noted or raised; any other exception is a fault of ours."""
    try:
        return DOORS[made[0].door](place, *made)
    except QantarError as error:
        return error.problems, ""


@pytest.mark.parametrize("fault", ALL, ids=str)
def test_a_fault_is_refused_where_it_is(fault: Fault, place: Path) -> None:
    hold(fault, *answer(place, fault))


@pytest.mark.parametrize("name", GROUPS)
def test_faults_that_are_made_at_once_are_found_at_once(name: str, place: Path) -> None:
    made = GROUPS[name]
    found, _ = answer(place, *made)
    assert {(p.file, p.key, p.code) for p in found} == {(fault.file or FILE, fault.key, fault.row["rule"]) for fault in made}
    assert len({(p.file, p.line) for p in found if p.line}) > len(made) - 3  # faults of one line share it


def test_the_tables_hold_enough_and_each_input_only_once(place: Path) -> None:
    answers = ("key", "rule", "also", "many", "at", "says", "together", "named")
    inputs = {(fault.door, *sorted((k, str(v)) for k, v in fault.row.items() if k not in answers)) for fault in ALL}
    assert len(inputs) == len(ALL) >= 1000
    assert {fault.door for fault in ALL} == set(DOORS)


def test_what_is_not_spoilt_is_clean(place: Path) -> None:
    for door in ("folder", "ledger", "argued", "record", "scenario"):
        assert DOORS[door](place)[0] == []
