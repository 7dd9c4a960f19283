"""What a record has to be fitted to is said first; a record that dates nothing is refused before anything is simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import CASE
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError
from qantar.inference.calibration import Terms
from qantar.inference.distance import Target, target_of
from qantar.inference.enough import counts_of, enough
from qantar.inference.rejection import Setup
from qantar.record.observables import observe
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve


@pytest.fixture(scope="module")
def case() -> tuple[Target, Plan]:
    scenario = load_scenario(CASE)
    plan = resolve(scenario, scale=0.01)
    return target_of(observe(scenario.case.record), plan), plan


def without(target: Target, *blocks: str) -> Target:
    blank = np.array([i.block in blocks for i in target.items])
    return replace(target, low=np.where(blank, np.nan, target.low), high=np.where(blank, np.nan, target.high))


def test_what_the_packaged_record_knows(case: tuple[Target, Plan]) -> None:
    # Akmola's first day has no last bound but a first one; participants of 2, 4 and 5 January; three seats are not known.
    assert counts_of(*case) == {"onset": 17, "participants": 3, "detained": 9, "deaths": 1, "seats": 14}


@pytest.mark.parametrize("block", ["participants", "detained", "deaths", "seats"])
def test_what_is_lacking_is_said_with_what_it_costs(block: str, case: tuple[Target, Plan]) -> None:
    target, plan = case
    whole, thin = enough(target, plan), enough(without(target, block), plan)
    assert whole[0].count("Without") == 0
    assert thin[0].count("Without") == 1
    assert thin[1] != whole[1]


def test_a_record_that_dates_nothing_is_refused(case: tuple[Target, Plan]) -> None:
    target, plan = case
    enough(without(target, "onset"), plan)  # participants are enough to begin with
    with pytest.raises(StudyError) as caught:
        enough(without(target, "onset", "participants"), plan)
    assert caught.value.problems[0].code == "record_thin"


def test_it_is_said_before_anything_is_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    runner = Runner(tmp_path, note=said.append)
    monkeypatch.setattr("qantar.inference.calibration.prior_table", lambda *given, **more: said.append("table"))
    Terms(load_scenario(CASE), Setup(), 1, scale=0.01).problem(runner)
    assert (len(said), said[1]) == (2, "table")
