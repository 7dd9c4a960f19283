"""The step that a reader copies, from the starter file or the manual, carries what `check` asks for where the events say less."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import qantar
from qantar.messages import LANGUAGES
from qantar.scenario.schema import StepSpec, step_fault

STARTER = Path(qantar.__file__).parent / "cases" / "starter"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "counterfactual.md"


def from_starter(lang: str) -> str:
    """The example of the file, its comment marks taken off and its blanks filled."""
    file = (STARTER / f"scenario.{lang}.toml").read_text(encoding="utf-8")
    (example,) = re.findall(r"^# \[\[steps\]\]\n(?:# .*\n)+", file, re.MULTILINE)
    return re.sub(r"^# ", "", example, flags=re.MULTILINE).replace("$iso2", "KE").replace("${first_day}", "2024-06-15")


def from_page() -> str:
    (block,) = (b for b in re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if "[[steps]]" in b)
    return str(block)


@pytest.mark.parametrize("words", [*map(from_starter, LANGUAGES), from_page()], ids=[*LANGUAGES, "page"])
def test_the_example_is_a_step_that_says_what_is_assumed(words: str) -> None:
    for step in map(StepSpec.model_validate, tomllib.loads(words)["steps"]):
        assert (step.place, step.hour, step_fault(step.kind, step.size)) == ("assumed", "assumed", None)


def test_the_size_of_a_slowed_internet_is_named() -> None:
    said = [(STARTER / f"scenario.{lang}.toml").read_text(encoding="utf-8") for lang in LANGUAGES] + [from_page()]
    assert ["1 fixed lines only or slowed down" in said[0], "1只有固定线路或降速" in said[1], "or slowed down" in said[2]] == [True] * 3
