"""What every kind of study keeps, whatever it studies; files of tests say for which kinds (a file is one worker's).

The smallest study of each kind is done twice through the command line; then its folder, its JSON, its words, its page and its repetition are
held against each other. A kind that is added to the list is tested by being there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kit.packaged import shortened
from qantar.cli.main import main
from qantar.errors import ResultError
from qantar.files.result import read_result
from qantar.report.sections import section_of, templates
from qantar.scenario.scenario import Scenario, load_scenario
from qantar.studies import kind, study
from qantar.studies.blocks import Block, Figure, Sentence, Table, in_language
from qantar.studies.kind import Study, as_json, ask, command_of, flag, options_of, page_of, result_of
from qantar.studies.repeat import asked_again
from qantar.studies.shipped import is_current
from qantar.stylized import countries

PROVENANCE = {"result_version", "kind", "program", "python", "libraries", "model_sha256", "draw_scheme", "command", "files", "seal"}
SLOW = ("heldout", "rivals", "sensitivity")
"""Kinds whose smallest study takes longest: half of the time of all."""
SHORT = ("calibrate", "experiments", "heldout", "planted", "rivals", "sensitivity", "warning")
"""Kinds that simulate a hundred histories and more: they are given eleven days in steps of two hours, and five days of the quiet period."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Done:
    """A small study as it was done: where it is, and what was printed."""

    study: Study[Any]
    folder: Path
    printed: str
    store: Path
    again: Path
    """the same done a second time, from an empty store"""
    json: str
    """what the second printed, told to print for machines"""


def words_of(described: Study[Any]) -> list[str]:
    """The smallest study's options as they are typed."""
    words: list[str] = []
    known = options_of(described.options)
    for name, value in described.small.items():
        each = value if isinstance(value, list | tuple) else [value]
        if known[name].argument:
            words += map(str, each)
        else:
            words += [f"--{flag(name)}" if v is True else f"--{flag(name)}={v}" for v in each if v is not False]
    return words


@pytest.fixture(scope="module")
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, capsys_module: Any) -> Iterator[Done]:
    described = study(request.param)
    with pytest.MonkeyPatch.context() as patch:
        if described.name in SHORT:
            patch.setattr(kind, "load_scenario", short)
        yield twice(described, tmp_path_factory.mktemp(described.name), capsys_module)


@cache
def short(name: str) -> Scenario:
    """A scenario that is read once, and cheap: what holds of every kind does not depend on how long its histories are."""
    return shortened(load_scenario(name), quiet_days=5, hours=264, step_hours=2.0)


def twice(described: Study[Any], home: Path, capsys_module: Any) -> Done:
    """A study done from nothing, and again from nothing."""

    def do(folder: str, store: str, *more: str) -> str:
        words = [described.name, *words_of(described), f"--out={home / folder}", f"--store={home / store}", *more]
        status, printed, errors = capsys_module(words)
        assert status == 0, errors
        return str(printed)

    return Done(described, home / "out", do("out", "store"), home / "store", home / "again", do("again", "fresh", "--json"))


@pytest.fixture(scope="module")
def capsys_module() -> Any:
    """Runs the command line in this process and gives its status and both streams."""
    import contextlib
    import io

    def ran(words: list[str]) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(words)
        return int(str(ended.value.code or 0)), out.getvalue(), err.getvalue()

    return ran


@pytest.fixture(scope="module", autouse=True)
def small_countries() -> Iterator[None]:
    """Drawn countries have few residents and two days here: what holds of every kind does not depend on how many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(countries, "SCALE", 0.0001)
        patch.setattr(countries, "HOURS", 48)
        countries.base_plan.cache_clear()
        yield
    countries.base_plan.cache_clear()


def blocks_of(done: Done) -> list[Block]:
    stored = read_result(done.folder)
    assert stored is not None
    asked = ask(done.study, done.study.small)
    return list(page_of(done.study, result_of(stored.content, stored.made, asked.scenario)))


def test_a_result_is_whole_and_says_how_it_was_made(done: Done) -> None:
    stored = read_result(done.folder, done.study.name)
    assert stored is not None
    assert set(stored.made) >= PROVENANCE | set(done.study.facts)
    asked = ask(done.study, done.study.small)
    assert stored.made["command"] == command_of(done.study.name, asked)
    if asked.scenario is not None:
        assert {"scenario", "plan_sha256", "record_sha256"} <= set(stored.made)
    for name, columns in done.study.columns.items():
        assert set(columns) <= set(stored.rows(f"{name}.csv")[0])


def test_json_is_what_is_stored(done: Done) -> None:
    stored = read_result(done.again)
    assert stored is not None
    assert json.loads(done.json) == json.loads(json.dumps({"folder": str(done.again), **as_json(result_of(stored.content, stored.made))}))


def test_options_kept_as_data_ask_for_the_same(done: Done) -> None:
    stored = read_result(done.folder)
    assert stored is not None
    command = stored.made["command"]
    if not any(isinstance(v, dict) for v in command["options"].values()):  # of a file only its hash is kept
        described, asked = asked_again(command)
        assert (described, command_of(done.study.name, asked)) == (done.study, command)


def test_the_same_question_gives_the_same_files(done: Done) -> None:
    assert {p.name: p.read_bytes() for p in done.again.iterdir()} == {p.name: p.read_bytes() for p in done.folder.iterdir()}


def test_a_folder_of_somebody_else_is_not_written_over(done: Done, tmp_path: Path, capsys_module: Any) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    words = [done.study.name, *words_of(done.study), f"--out={tmp_path / 'mine'}", f"--store={done.store}"]
    status, _, errors = capsys_module(words)
    assert status == 2
    assert "thesis.txt" in errors
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_spoilt_file_is_named(done: Done, tmp_path: Path) -> None:
    for name in [p.name for p in done.folder.iterdir()]:
        spoilt = Path(shutil.copytree(done.folder, tmp_path / name))
        content = bytearray((spoilt / name).read_bytes())
        content[len(content) // 2] ^= 1
        (spoilt / name).write_bytes(bytes(content))
        with pytest.raises(ResultError, match=re.escape(name)):
            read_result(spoilt)


def test_a_result_of_another_model_is_not_current(done: Done) -> None:
    stored = read_result(done.folder)
    asked = ask(done.study, done.study.small)
    assert stored is not None
    if asked.scenario is not None:
        made = {**stored.made, "model_sha256": "0" * 64}
        assert not is_current(result_of(stored.content, made), asked.scenario)


def test_it_is_told_in_both_languages(done: Done) -> None:
    blocks = blocks_of(done)
    assert [b for b in blocks if isinstance(b, Sentence) and b.role == "lead"]
    for block in blocks:
        words = block.words if isinstance(block, Sentence) else None
        tables = [block] if isinstance(block, Table) else [block.table] if isinstance(block, Figure) else []
        for table in tables:
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert all(in_language(c.head, "zh") for c in table.columns)
        if words is not None:
            assert CHINESE.search(in_language(words, "zh"))
            assert not re.search(r"\{\w+\}", in_language(words, "en") + in_language(words, "zh"))
    lead = next(b for b in blocks if isinstance(b, Sentence) and b.role == "lead")
    assert " ".join(in_language(lead.words, "en").split()) in " ".join(done.printed.split())


def test_it_makes_a_section_of_the_page(done: Done) -> None:
    stored = read_result(done.folder)
    assert stored is not None
    section = section_of(done.study.name, result_of(stored.content, stored.made, ask(done.study, done.study.small).scenario))
    html = templates().from_string('{% import "blocks.html.j2" as blocks %}{{ blocks.section(section) }}').render(section=section)
    assert html.count(f'id="{done.study.part or done.study.name}"') == 1
    for figure in (b for b in blocks_of(done) if isinstance(b, Figure)):
        assert f'id="figure-{figure.name}{f"-{figure.number}" if figure.number else ""}"' in html
        assert html.count("<svg") >= 1
    assert done.study.name in html
