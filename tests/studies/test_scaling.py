"""Two scales side by side: the same parameters, luck of their own, and a difference in the model that is found."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qantar.ensemble.runner import Runner
from qantar.inference.distance import ERRORS
from qantar.messages import keys_under
from qantar.scenario.parameters import draw
from qantar.scenario.scenario import Scenario, load_scenario
from qantar.studies import scale as scaling
from qantar.studies.scale import at_scales, compared

CASE = "kazakhstan-2022"


@functools.cache
def short() -> Scenario:
    """The packaged case for three days."""
    found = load_scenario(CASE)
    return Scenario(found.case, found.file.model_copy(update={"time": found.file.time.model_copy(update={"hours": 72})}))


def run(root: Path, **change: Any) -> list[dict[str, Any]]:
    values = [{**draw(5, k), **change} for k in range(4)]
    return at_scales(short(), values, Runner(root), seed=5, scale=0.0005, full=0.001)


def test_every_number_of_the_fit_is_compared(tmp_path: Path) -> None:
    rows = run(tmp_path)
    assert {r["block"] for r in rows} == {
        "onset",
        "first",
        "stair",
        "participants",
        "deaths",
        "share",
        "seats",
        "fallen",
        "stopped",
    }  # dated later: detained, decline
    assert all(r["n"] <= 4 for r in rows)
    assert run(tmp_path) == rows  # from the store, and the same


def test_every_block_of_the_distance_has_a_name() -> None:
    assert {*ERRORS, "stopped"} <= set(keys_under("scale.block"))


def test_the_same_scale_twice_is_no_difference(tmp_path: Path) -> None:
    rows = at_scales(short(), [draw(5, k) for k in range(3)], Runner(tmp_path), seed=5, scale=0.0005, full=0.0005)
    assert all(r["difference"] == 0 or np.isnan(r["difference"]) for r in rows)
    assert not any(r["separated"] for r in rows)


def test_a_fault_of_scaling_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scaling.items_of

    def forgot(runs: Any, target: Any, plan: Any) -> Any:
        items = whole(runs, target, plan).copy()
        if plan.scale == 0.001:  # counts that were not multiplied back
            items[:, [i.block == "participants" for i in target.items]] -= 3
        return items

    monkeypatch.setattr(scaling, "items_of", forgot)
    rows = run(tmp_path)
    assert all(r["separated"] for r in rows if r["block"] == "participants")


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(1)
    level = rng.normal(0, 10, (300, 1))
    (row,) = compared([("onset", "x", -1)], level, level + 0.5 + rng.normal(0, 1, (300, 1)))
    assert row["separated"]  # though the level varies twenty times as much
    assert row["difference"] == pytest.approx(0.5, abs=0.2)
    assert row["in_spreads"] == pytest.approx(0.05, abs=0.02)
