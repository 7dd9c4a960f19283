"""The guards, each with an attempt to break it: what qantar must not be made to do, whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import CASE, REPOSITORY, Ran
from qantar.cli.main import build
from qantar.effects.measures import MEASURES, OUTCOMES
from qantar.ensemble.one_run import one_run
from qantar.ensemble.store import Recipe
from qantar.errors import QantarError
from qantar.scenario.parameters import draw, parameters
from qantar.scenario.scenario import load_scenario, parse_set, resolve
from qantar.scenario.schema import Edit
from qantar.verdicts.load import Loaded

NEVER = re.compile(r"ethnic|kazakh_share|russian_share|relig|faith|nationality|language_share", re.IGNORECASE)


@pytest.fixture(scope="module")
def history() -> tuple[dict[str, Any], dict[str, Any]]:
    return one_run(Recipe(resolve(load_scenario(CASE), scale=0.002), 1), 0, [draw(1, 0)])


def test_a_history_leaves_no_figure_below_a_region(history: tuple[dict[str, Any], dict[str, Any]]) -> None:
    days, whole = history
    assert set(days) == {"run", "region", "day", "presence", "gathering", "participants", "detained", "killed", "seat_lost"}
    assert len(set(days["region"].tolist())) == 17
    for name in whole:
        assert not re.search(r"sector|band|class|place|person|resident|who", name) or name.startswith("p_"), name


@pytest.mark.parametrize("variable", ["kazakh_share", "religion", "ethnicity"])
def test_no_attribute_of_ethnicity_or_religion_can_be_put_into_a_pressure(variable: str) -> None:
    scenario = load_scenario(CASE)
    for path in (f"parameters.{variable}", f"regions.KZ-MAN.{variable}", f"land.{variable}"):
        with pytest.raises(QantarError):
            resolve(scenario, parse_set([f"{path}=1"]))
    with pytest.raises(QantarError):
        resolve(scenario, [Edit(path="organizations.network.sectors", value=[variable])])


def test_no_parameter_mechanism_or_measure_names_ethnicity_or_religion() -> None:
    names = [*parameters(), *MEASURES, *OUTCOMES, *(p.meaning_en for p in parameters().values())]
    assert not [n for n in names if NEVER.search(n)]
    for path in (REPOSITORY / "src" / "qantar" / "model").glob("*.py"):
        assert not NEVER.search(path.read_text(encoding="utf-8")), path.name


def options() -> Iterator[tuple[str, str]]:
    command: Any = build("en")
    for name, sub in command.commands.items():
        for inner in getattr(sub, "commands", {"": sub}).values():
            for p in inner.params:
                yield name, " ".join(p.opts)


def test_no_command_or_option_searches_for_an_arm_or_ranks_actions() -> None:
    found = list(options())
    assert len(found) > 100
    for command, option in found:
        assert not re.search(r"optimi|best|maximi|minimi|search|recommend|rank|sort", f"{command} {option}"), (command, option)


def test_deaths_are_counted_on_both_sides_in_every_history_and_comparison(history: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert {"killed", "security_killed"} <= set(history[1])
    assert {"killed", "security_killed"} <= set(OUTCOMES)


@pytest.mark.timeout(300)  # several studies
def test_what_was_never_fitted_says_so_wherever_it_leaves(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    small = ("--scale", "0.002", "--draws", "2", "--processes", "1", "--store", str(tmp_path / "store"))
    run = qantar("run", CASE, *small, "--out", str(tmp_path / "run"), "--json").json()
    assert (run["calibrated"], run["stamp"]) == (False, "illustration, not fitted")
    arm = ("--arm", "no-price-rise", "--replicates", "1", "--prior")
    effects = qantar("counterfactual", CASE, *arm, *small, "--out", str(tmp_path / "cf"), "--json").json()
    assert effects["stamp"] == "illustration, not fitted"
    for path in (tmp_path / "run" / "runs.csv", tmp_path / "cf" / "effects.csv"):
        assert "illustration, not fitted" in path.read_text(encoding="utf-8"), path.name


def test_contested_facts_carry_who_says_so(loaded: Loaded) -> None:
    for d in loaded.case.record.disagreements:
        assert d.versions_en
        assert d.source
    stand_aside = load_scenario(CASE).file.arms["stand-aside"]
    assert "prosecutors" in stand_aside.note_en
    instigation = (loaded.case.folder / "experiments" / "H15.toml").read_text(encoding="utf-8")
    assert "prosecutors" in instigation


def test_no_verdict_names_a_culprit_or_a_cause_of_unrest_in_general(loaded: Loaded) -> None:
    pages = [*(REPOSITORY / "docs" / "explanation").glob("*.md"), REPOSITORY / "README.md", REPOSITORY / "docs" / "responsible-use.md"]
    said = " ".join(p.read_text(encoding="utf-8") for p in pages)
    assert not re.search(
        r"\b(causes|cause of|leads to) (unrest|revolutions?|uprisings?) in general(?! is| can| here)", said.replace("\n", " ")
    ) or ("nothing" in said)
    assert "nothing learned here is a cause of unrest in general" in said.replace("\n  ", " ").replace("\n", " ")
    # Aggregates carry no actor: no outcome, measure or rival can say "foreign".
    rivals = [name for name in load_scenario(CASE).file.arms if name.startswith("rival-")]
    assert not [n for n in (*rivals, *MEASURES, *OUTCOMES) if re.search(r"foreign|cia|plot", n)]
