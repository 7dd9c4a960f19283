"""Every malformed input of the table is refused: the right code at the right place, nothing else, in both languages, and soon."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from conftest import CASE
from kit.malformed import ANY, SPOILT, TINY, Spoilt
from qantar.account.document import read_document
from qantar.cases.case import cases_folder
from qantar.effects.experiment_file import FOLDER, read_experiments
from qantar.errors import Problem, Problems, QantarError
from qantar.lookup.check import check
from qantar.messages import LANGUAGES
from qantar.scenario.scenario import FILE, Scenario, load_scenario, parse_set, read_scenario, with_arms


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny case in which one file at a time is spoilt."""
    return Path(shutil.copytree(TINY, tmp_path_factory.mktemp("malformed") / "tiny"))


@cache
def scenario() -> Scenario:
    return load_scenario(CASE)


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def replaced(source: Path, content: bytes | str) -> str:
    old, new = str(content).split("\0", 1)
    text = source.read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new, 1)


def _folder(spoilt: Spoilt, place: Path) -> list[Problem]:
    problems = Problems()
    whole = (TINY / spoilt.file).read_bytes()
    try:
        written(place / spoilt.file, spoilt.content)
        check(str(place), problems)
    finally:
        (place / spoilt.file).write_bytes(whole)
    return problems.found


def _alone(spoilt: Spoilt, place: Path) -> list[Problem]:
    problems = Problems()
    folder = place.parent / "alone"
    folder.mkdir(exist_ok=True)
    check(str(written(folder / spoilt.file, spoilt.content)), problems)
    return problems.found


def _scenario(spoilt: Spoilt, place: Path) -> list[Problem]:
    problems = Problems()
    folder = place.parent / "scenario"
    folder.mkdir(exist_ok=True)
    written(folder / FILE, replaced(cases_folder() / CASE / FILE, spoilt.content))
    read_scenario(folder, problems, scenario().case)
    return problems.found


def _experiment(spoilt: Spoilt, place: Path) -> list[Problem]:
    problems = Problems()
    folder = place.parent / "case"
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    written(folder / FOLDER / spoilt.file, replaced(cases_folder() / CASE / FOLDER / spoilt.file, spoilt.content))
    read_experiments(replace(scenario(), case=replace(scenario().case, folder=folder)), problems)
    return problems.found


def _arm(spoilt: Spoilt, place: Path) -> list[Problem]:
    with_arms(scenario(), [str(written(place.parent / spoilt.file, spoilt.content))])
    return []


def _set(spoilt: Spoilt, place: Path) -> list[Problem]:
    parse_set([str(spoilt.content)])
    return []


def _outline(spoilt: Spoilt, place: Path) -> list[Problem]:
    read_document(written(place.parent / spoilt.file, spoilt.content))
    return []


DOORS: dict[str, Callable[[Spoilt, Path], list[Problem]]] = {
    "folder": _folder,
    "alone": _alone,
    "scenario": _scenario,
    "experiment": _experiment,
    "arm": _arm,
    "set": _set,
    "outline": _outline,
}


def answer(spoilt: Spoilt, place: Path) -> list[Problem]:
    """The problems through its door, whether noted or raised; any other exception is a fault of ours."""
    try:
        return DOORS[spoilt.door](spoilt, place)
    except QantarError as error:
        return error.problems


def test_the_table_holds_enough_and_each_only_once() -> None:
    inputs = {(s.door, s.file, s.content) for s in SPOILT}
    assert len(inputs) == len(SPOILT) >= 400
    assert {s.door for s in SPOILT} == set(DOORS)
    assert all(s.codes for s in SPOILT)


def test_what_is_not_spoilt_is_clean(place: Path) -> None:
    problems = Problems()
    check(str(place), problems)
    assert not problems.found


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda s: re.sub(r"[^\w.=-]+", "_", f"{s.door}-{s.file}-{s.what}", flags=re.ASCII))
def test_a_malformed_input_is_refused_where_it_is_wrong(spoilt: Spoilt, place: Path) -> None:
    found = answer(spoilt, place)
    codes = {p.code for p in found}
    assert codes, "accepted"
    assert codes <= spoilt.codes, [(p.file, p.line, p.key, p.code) for p in found][:5]
    hits = [p for p in found if spoilt.key in ("", p.key) and spoilt.line in (ANY, p.line)]
    assert hits, [(p.file, p.line, p.key, p.code) for p in found][:5]
    assert len(found) <= 201
    for lang in LANGUAGES:
        text = hits[0].render(lang)
        assert all(c.isprintable() or c == "\n" for c in text)
        assert len(text) < 1500
        assert hits[0].as_dict(lang)["rule"]
