"""Civil violence beside plain C: the same actives tick by tick, and the figures on the page are those that were measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.civil import measure
from conftest import REPOSITORY
from qantar.classics.epstein import ROUNDINGS, Civil


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = measure.compiled(tmp_path_factory.mktemp("c"))
    if found is None:
        pytest.skip("no C compiler")
    return found


@pytest.mark.parametrize("rounding", ROUNDINGS.values())
def test_the_c_program_does_the_same_work(program: Path, rounding: int) -> None:
    civil = Civil(side=47, rounding=rounding)
    theirs, _ = measure.in_c(program, civil, 80, 3)
    assert measure.ours(civil, 80, 3)[0] == theirs
    assert measure.ours(replace(civil, vision=6), 80, 3)[0] != theirs


def test_the_page_shows_what_was_measured() -> None:
    found = json.loads((REPOSITORY / "evidence" / "civil.json").read_text(encoding="utf-8"))
    page = " ".join((REPOSITORY / "docs" / "explanation" / "classics.md").read_text(encoding="utf-8").split())
    assert f"took {found['ours_s']:.2f} seconds of processor time, {found['of_c']:.2f} times the C program" in page
    assert f"Mesa's example took {round(found['of_mesa_at_its_largest'], -1):.0f} times" in page
    assert f"are {round(found['of_mesa'], -1):.0f} times ours" in page
    assert found["of_c"] <= measure.MOST_OF_C
    assert found["of_mesa"] >= measure.LEAST_OF_MESA
    assert (found["side"], found["ticks"], max(map(int, found["mesa_us_a_cell"]))) == (measure.SIDE, measure.TICKS, measure.MESA_SIDES[-1])
