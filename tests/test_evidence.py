"""What ships as evidence was made by this version of the model: the hash is checked, and a small sample is simulated again."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from qantar.draws import Purpose, uniform
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.study.ensemble import one_run
from qantar.study.posterior import fits, unpack
from qantar.study.store import Recipe, model_hash
from qantar.study.summary import Runs, arrays

CASE = "kazakhstan-2022"
TABLE = Path(__file__).parents[1] / "docs" / "evidence" / "prior-table.npz"
STALE = "the evidence was made by another version of the model: run make evidence (hours), or undo the change"
SAMPLE = 3
"""Histories of each kind that are simulated again."""


@functools.cache
def scenario() -> Scenario:
    return load_scenario(CASE)


@functools.cache
def table() -> tuple[Runs, dict[str, object]]:
    return unpack(TABLE)


def country(scale: float) -> Plan:
    return resolve(scenario(), scale=scale)


def some(n: int, of: int) -> list[int]:
    """Numbers that nobody chose."""
    return [int(uniform(7, int(Purpose.STUDY), k, 0, 1) * of) for k in range(n)]


def test_the_table_of_the_priors_is_of_this_model_and_scenario() -> None:
    runs, made = table()
    assert made["model_sha256"] == model_hash(), STALE
    assert fits(made, country(float(str(made["scale"]))))
    assert not fits(made, resolve(scenario(), scale=0.05))
    assert runs.n >= 1000


def test_draws_of_the_table_simulated_again_are_the_same() -> None:
    runs, made = table()
    recipe = Recipe(country(0.1), int(str(made["seed"])), part=50)
    for number in some(SAMPLE, runs.n):
        days, whole = one_run(recipe, number)
        order = np.lexsort((days["day"], days["region"]))  # as the store gives them
        again = arrays({k: v[order] for k, v in days.items()}, {k: np.array([v]) for k, v in whole.items()})
        assert np.array_equal(again.presence[0], runs.presence[number])
        assert np.array_equal(again.seat_lost[0], runs.seat_lost[number])
        for name in ("participants", "detained", "killed"):
            assert getattr(again, name)[0] == pytest.approx(getattr(runs, name)[number], rel=1e-6)
        assert whole["p_base_pressure"] == draw(recipe.seed, number)["base_pressure"]
