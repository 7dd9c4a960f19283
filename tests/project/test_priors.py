"""Priors from elsewhere: the estimates are what the script makes of the tables, and no table holds the event that is explained."""

from __future__ import annotations

import csv
import importlib
import io
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from conftest import REPOSITORY
from qantar.forecast.hazards import fit_hazards

TABLES = REPOSITORY / "evidence" / "priors"


@pytest.fixture(scope="module")
def dev() -> dict[str, ModuleType]:
    sys.path.insert(0, str(REPOSITORY / "dev"))
    try:
        return {name: importlib.import_module(name) for name in ("fits", "protest_waves", "priors")}
    finally:
        sys.path.remove(str(REPOSITORY / "dev"))


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def alike(a: str, b: str) -> bool:
    """Numbers are printed to three digits, of which the last may differ between machines."""
    try:
        return math.isclose(float(a), float(b), rel_tol=0.01, abs_tol=0.003)
    except ValueError:
        return a == b


@pytest.mark.timeout(1800)  # half a minute of one core, on a machine that may have much other work
def test_estimates_are_what_the_script_makes_of_the_tables(dev: dict[str, ModuleType]) -> None:
    made, kept = rows(dev["priors"].content()), rows((TABLES / "estimates.csv").read_text(encoding="utf-8"))
    assert len(made) == len(kept) > 60
    for new, old in zip(made, kept, strict=True):
        assert all(alike(a, b) for a, b in zip(new, old, strict=True)), f"run dev/priors.py: {old[0]}"


@pytest.mark.parametrize("path", sorted(TABLES.glob("*.csv")), ids=lambda p: p.stem)
def test_no_table_holds_the_event_that_is_explained(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "kazakhstan-2022" not in text
    assert not [line for line in text.splitlines() if "Kazakhstan" in line and "2022-01" in line]


def test_tables_are_small() -> None:
    assert sum(p.stat().st_size for p in TABLES.iterdir()) < 500_000


def test_sizes_are_found_where_they_are_known_and_where_they_are_truncated(dev: dict[str, ModuleType]) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    size = np.exp(4.0 + 0.4 * x + 1.2 * rng.normal(size=len(x)))
    fit = dev["fits"].fit_sizes
    seen = size >= 50
    for found in (fit(size, size, x), fit(size[seen], size[seen], x[seen], 50.0)):
        assert found == pytest.approx((4.0, 0.4, 1.2), abs=0.12)
    ignored = fit(size[seen], size[seen], x[seen])
    assert ignored.slope < 0.3  # without the truncation the slope is too small


def test_hazards_are_found_beyond_effects_of_days() -> None:
    rng = np.random.default_rng(2)
    city, day = (a.ravel() for a in np.meshgrid(np.arange(400), np.arange(40), indexing="ij"))
    x = rng.normal(size=(len(day), 2))
    mean = np.exp(-2.5 + rng.normal(size=40)[day] + x @ np.array([0.9, 0.0]))
    found = fit_hazards(rng.random(len(day)) < -np.expm1(-mean), x, day, city)
    assert found.value == pytest.approx([0.9, 0.0], abs=0.12)
    assert found.error == pytest.approx([0.03, 0.03], abs=0.02)


def test_cities_that_differ_are_not_taken_for_momentum(dev: dict[str, ModuleType]) -> None:
    rng = np.random.default_rng(3)
    own, days = np.exp(1.5 * rng.normal(size=600)), np.exp(0.5 * rng.normal(size=40))
    events = (rng.random((600, 40)) < -np.expm1(-0.05 * own[:, None] * days)).astype(float)
    none = np.full(600, np.nan)
    wave = dev["protest_waves"].Wave(none, none, 1e5 * np.exp(0.5 * rng.normal(size=600)), events, events)
    seen, expected = dev["protest_waves"].again_next_day(wave, 0.0)
    assert np.log(seen.sum() / expected.sum()) == pytest.approx(0, abs=0.1)
    yesterday = np.zeros(wave.happened.shape)
    yesterday[:, 1:] = wave.happened[:, :-1]
    naive = dev["protest_waves"].with_day_effects(wave, yesterday).value[1]
    assert naive > 0.5  # what the comparison of cities alone would say
