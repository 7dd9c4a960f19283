"""Acts of the state in a list that is imported become steps of the scenario, so that a what-if can leave one out."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from conftest import HERE
from qantar.cases.acts import MOST, with_steps
from qantar.cases.case import load_case
from qantar.errors import Problems
from qantar.importing.run import Summary, import_file
from qantar.messages import text
from qantar.scenario.scenario import read_scenario

WEEK = '[time]\nstart = "2030-03-01T00:00"\nhours = 240\n[government]\ncapital = "XA-ONE"\n'
CUT = {"event_id": "E1", "date": "2030-03-02", "region_id": "XA-ONE", "kind": "internet_cut", "scope": "event"}
HEAD = "event_id_cnty,event_date,time_precision,event_type,sub_event_type,country,admin1,location,latitude,longitude,geo_precision,source,notes,fatalities"


def row(number: int, day: str, kind: str, note: str) -> str:
    return f"XAA{number},{day},1,{kind},Tinyland,Onia,Oneville,15.0,10.5,1,Gazette,{note},0"


ACTS = "\n".join(
    [
        HEAD,
        row(1, "2030-03-02", "Protests,Peaceful protest", "People marched."),
        row(2, "2030-03-03", "Strategic developments,Other", "The ministry cut the internet."),
        row(3, "2030-03-04", "Strategic developments,Other", "The internet was restored."),
    ]
)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """The tiny country over a few days more; its scenario has no step."""
    folder = tmp_path / "tiny"
    shutil.copytree(HERE / "tiny", folder)
    (tmp_path / "list.csv").write_text(ACTS, encoding="utf-8")
    scenario = (folder / "scenario.toml").read_text(encoding="utf-8")
    (folder / "scenario.toml").write_text(scenario.replace("hours = 48", "hours = 144"), encoding="utf-8")
    return folder


def brought(case: Path, **options: bool) -> Summary:
    return import_file(case.parent / "list.csv", case, **options)


def test_an_import_drafts_a_step_for_each_act_and_the_scenario_can_be_read(case: Path) -> None:
    before = (case / "scenario.toml").read_text(encoding="utf-8")
    done = brought(case)
    assert done.steps == ["internet-cut", "internet-restored"]
    assert "scenario.toml" in done.written
    assert (case / "scenario.toml").read_text(encoding="utf-8").startswith(before.rstrip())
    problems = Problems()
    scenario = read_scenario(case, problems, load_case(str(case)))
    assert scenario is not None
    assert not [p for p in problems.found if "steps" in (p.key or "")]
    assert [(s.kind, s.size, s.events, s.hour) for s in scenario.file.steps] == [
        ("internet", 0, ["acled-XAA2"], "assumed"),
        ("internet", 2, ["acled-XAA3"], "assumed"),
    ]


def test_what_a_person_made_of_the_steps_is_left_alone(case: Path) -> None:
    assert brought(case, dry_run=True).written == []
    assert text("new.acts", "en") not in (case / "scenario.toml").read_text(encoding="utf-8")
    brought(case)
    told = (case / "scenario.toml").read_text(encoding="utf-8")
    emptied = told[: told.index("[[steps]]")]  # somebody does not want them
    (case / "scenario.toml").write_text(emptied, encoding="utf-8")
    again = brought(case)
    assert (again.steps, "scenario.toml" in again.written) == ([], False)
    assert (case / "scenario.toml").read_text(encoding="utf-8") == emptied


def test_an_act_in_the_capital_is_taken_for_the_country_and_says_so() -> None:
    said, ids = with_steps(WEEK, [CUT, {**CUT, "event_id": "E2", "region_id": "XA-TWO", "date": "2030-03-04"}], "XA")
    assert ids == ["internet-cut", "internet-cut-2"]
    capital, other = said.split("[[steps]]")[1:]
    assert 'places = ["XA"]' in capital
    assert 'place = "assumed"' in capital
    assert 'places = ["XA-TWO"]' in other
    assert 'place = "assumed"' not in other


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": "date uncertain"},
        {"confidence": "low"},
        {"date": "2030-02-28"},
        {"kind": "internet_restored"},  # of what was never cut
        {"kind": "price_cut"},  # to which price nobody says
    ],
)
def test_what_is_no_certain_act_of_these_days_has_no_step(changed: dict[str, str]) -> None:
    assert with_steps(WEEK, [{**CUT, **changed}], "XA") == (WEEK, [])


@pytest.mark.parametrize(
    "scenario",
    [
        "[time",
        "time = 3\n",
        f"x = {'[' * 5000}\n{WEEK}",
        WEEK.replace("240", "inf"),
        WEEK.replace("240", "1e300"),
        f"steps = []\n{WEEK}",  # somebody wants none; behind it a step could not be read
    ],
)
def test_a_scenario_that_cannot_be_read_or_has_a_list_of_steps_is_left_as_it_is(scenario: str) -> None:
    assert with_steps(scenario, [CUT], "XA") == (scenario, [])


@pytest.mark.parametrize("changed", [{"date": "soon"}, {"date": "2030-3-2"}, {"time_local": "25:99"}])
def test_an_act_whose_day_or_hour_cannot_be_read_has_no_step_and_the_others_have(changed: dict[str, str]) -> None:
    assert with_steps(WEEK, [{**CUT, **changed}, {**CUT, "event_id": "E2"}], "XA")[1] == ["internet-cut"]


@pytest.mark.parametrize("event", ['E"]\n[time]\n#', "E\\", "E\x7f", "E\U0001f600"])
def test_an_id_is_text_in_the_steps_whatever_stands_in_it(event: str) -> None:
    said, _ = with_steps(f"government = 3\n{WEEK.partition('[government]')[0]}", [{**CUT, "event_id": event}], "XA")
    (step,) = tomllib.loads(said)["steps"]
    assert step["events"] == [event]


def test_a_list_with_more_acts_than_a_person_would_look_over_drafts_none() -> None:
    rows = [{**CUT, "event_id": f"E{n}", "region_id": f"XA-{n}"} for n in range(MOST + 1)]
    assert with_steps(WEEK, rows, "XA")[1] == []
    assert len(with_steps(WEEK, rows[1:], "XA")[1]) == MOST
