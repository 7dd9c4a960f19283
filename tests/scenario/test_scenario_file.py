"""What may stand in the file of a scenario, and what it becomes. Faults in it are a table: `tests/invalid/scenario.toml`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from conftest import CASE
from kit.faults import said
from kit.packaged import plan, scenario
from qantar.cases.case import cases_folder
from qantar.errors import Problem, Problems, QantarError, ScenarioError
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, read_scenario, resolve
from qantar.scenario.schema import STEPS_MAX, Edit

SOURCE = (cases_folder() / CASE / "scenario.toml").read_text(encoding="utf-8")

# What is replaced, by what, the text whose line is named, the key and the code.


def problems_of(folder: Path, *changes: tuple[str, str]) -> tuple[list[Problem], str]:
    """Everything that is wrong with the packaged scenario after these replacements, and its text."""
    text = SOURCE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "scenario.toml").write_text(text, encoding="utf-8")
    problems = Problems()
    found = read_scenario(folder, problems, scenario().case)
    assert (found is None) == bool(problems.found)
    return said(problems.found), text


def test_the_file_is_clean_before_it_is_spoilt(tmp_path: Path) -> None:
    assert problems_of(tmp_path)[0] == []


@pytest.mark.parametrize("variable", ["kazakh" + "_share", "poverty_rate", "avg_wage"])
def test_only_numbers_of_people_spread_a_sector_and_never_ethnicity(tmp_path: Path, variable: str) -> None:
    assert variable in {v.variable for v in scenario().case.record.region_values}
    found, _ = problems_of(tmp_path, ('spread = "mining_employed"', f'spread = "{variable}"'))
    assert [(p.key, p.code) for p in found] == [("sectors.0.spread", "not_one_of")]


def changed_by(folder: Path, *changes: tuple[str, str]) -> Plan:
    """The plan of the packaged scenario after these replacements, none of which is a fault."""
    assert problems_of(folder, *changes)[0] == []
    found = read_scenario(folder, Problems(), scenario().case)
    assert found is not None
    return resolve(found)


def lines_of(*names: str) -> list[tuple[str, str]]:
    """Replacements that leave out these keys of the file."""
    return [(re.search(rf"^{name} = .*\n", SOURCE, re.M)[0], "") for name in names]  # type: ignore[index]


def test_keys_that_may_be_left_out(tmp_path: Path) -> None:
    found = changed_by(tmp_path, *lines_of("guard", "army", "site_guards", "foreign", "dollar", "capital", "signal"))
    assert found.forces == dict.fromkeys(plan().forces, 0)
    assert found.devaluation == 0
    assert found.capital == "KZ-ALA"  # the region with the largest seat
    assert found.signal == "threat"
    (none,) = changed_by(tmp_path, *lines_of("demand_gap")).organizations
    assert none.demand_gap == 0


def test_new_keys_reach_the_plan_in_its_units(tmp_path: Path) -> None:
    calls = 'demand_gap = 0.5\nplaces = ["KZ-MAN"]\nsectors = ["mining"]\nstart = "2022-01-02T12:30"\nend = "2022-01-05T00:00"'
    drivers = '{ internet = "policy", stand_aside = "off" }'
    found = changed_by(
        tmp_path,
        ("demand_gap = 0", calls),
        ('signal = "threat"', f'signal = "clashes"\ndrivers = {drivers}'),
        ('value = 0, unit = "share"', 'value = 0.25, unit = "share"'),
    )
    (network,) = found.organizations
    assert network.model_dump() == {
        "id": "network",
        "presence": 0.25,
        "places": ["KZ-MAN"],
        "sectors": ["mining"],
        "demand_gap": 0.5,
        "start": 36.5,
        "end": 96.0,
    }
    assert found.signal == "clashes"
    assert {k: v for k, v in found.drivers.items() if v != "recorded"} == {"internet": "policy", "stand_aside": "off"}


def test_an_organization_without_an_end_acts_as_long_as_any_history() -> None:
    assert plan().organizations[0].end == STEPS_MAX


def test_only_workplaces_may_take_their_groups_from_sectors(tmp_path: Path) -> None:
    found, _ = problems_of(tmp_path, ('scope = "country"\ngroup = 2', 'scope = "country"'))
    assert [(p.key, p.code) for p in found] == [("layers.4.group", "missing_key")]


def test_residents_may_have_two_thousand_contacts_and_no_more(tmp_path: Path) -> None:
    near = "group = 2\nrepeats = 3"  # beside households 3, the widest workgroup 7, neighbourhood 5, far 2
    assert problems_of(tmp_path, (near, "group = 40\nrepeats = 50"), ("\ngroup = 6", "\ngroup = 39"))[0] == []  # 1950 + 38 + 12
    found, _ = problems_of(tmp_path, (near, "group = 40\nrepeats = 50"), ("\ngroup = 6", "\ngroup = 40"))
    assert [(p.key, p.code) for p in found] == [("layers", "outside")]


def test_a_folder_is_loaded_by_its_path_and_its_faults_are_raised(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(cases_folder() / CASE, tmp_path / "mine"))
    assert resolve(load_scenario(str(folder))).sha256() == plan().sha256()
    (folder / "scenario.toml").write_text(SOURCE.replace('events = ["E003"]', 'events = ["E999"]'), encoding="utf-8")
    with pytest.raises(QantarError) as caught:
        load_scenario(str(folder))
    assert [p.code for p in said(caught.value.problems)] == ["unknown_event"]
    (folder / "scenario.toml").unlink()
    with pytest.raises(ScenarioError) as missing:
        load_scenario(str(folder))
    assert [p.code for p in said(missing.value.problems)] == ["folder_without"]
    with pytest.raises(ScenarioError) as unknown:
        load_scenario("kazakhstan-2202")
    assert CASE in said(unknown.value.problems)[0].render()


@pytest.mark.parametrize("size", [0.01, 1e9])
def test_sizes_at_the_limits_are_let_through_by_file_and_edits(tmp_path: Path, size: float) -> None:
    changed = resolve(scenario(), [Edit(path="steps.price-free.size", value=size)])
    assert [s.size for s in changed.steps if s.id == "price-free"] == [size]
    assert problems_of(tmp_path, ("size = 120", f"size = {size}"))[0] == []
