"""Calibration: distance, priors, moves, both modules, what is claimed of them, files, and real runs that are killed.

Most of it replaces the engine by a closed form of one or two parameters, so that the right answer is known. Seeds are fixed; each test says
what error it allows, and plants the fault that it is there to find.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest, truncnorm

from conftest import CASE, Ran, run_qantar
from kit.packaged import scenario
from kit.processes import children, needs_proc, runs_still, wait_for
from qantar.cases.case import cases_folder
from qantar.draws import Purpose, uniform
from qantar.ensemble import warm
from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner
from qantar.errors import QantarError, ResultError, ScenarioError, StudyError
from qantar.inference import abc_smc as module
from qantar.inference import calibration as fitted
from qantar.inference import diagnostics as inference
from qantar.inference.abc_smc import FORCE_GROUPS, FORCE_NAMES, Particles, Round, Setup, Task, calibrate, follow, moved, moving, points_of
from qantar.inference.diagnostics import (
    Learned,
    adjusted,
    coverage,
    effective_families,
    leave_one_out,
    narrowing,
    nearest,
    ridges,
    uniformity,
)
from qantar.inference.distance import (
    ERRORS,
    FORCE,
    MOBILIZATION,
    ONSET_CAP,
    Item,
    Target,
    deviations,
    distances,
    items_of,
    middle_of,
    scales_of,
    summary_of,
    target_of,
)
from qantar.inference.ending import calm
from qantar.inference.posterior import CSV, JSON, KEPT, PEOPLE, pack, read_posterior, unpack, write_posterior
from qantar.inference.prior import point_of, value_at, values_at
from qantar.inference.problem import prior_table
from qantar.record.observables import Observables, observe
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import draw, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import parse_set, resolve

Floats = np.ndarray[Any, np.dtype[np.float64]]
NAN = float("nan")
SEED = 2022
NAMES = list(parameters())


@cache
def plan() -> Plan:
    return resolve(scenario(), scale=0.001)


@cache
def record() -> Observables:
    return observe(scenario().case.record)


@cache
def target() -> Target:
    spec = scenario().file.calibration
    assert spec is not None
    return target_of(record(), plan(), detained=tuple(spec.detained))


def of_block(block: str, t: Target) -> list[int]:
    return [k for k, item in enumerate(t.items) if item.block == block]


def said(error: QantarError) -> list[str]:
    assert all(p.render("en") and p.render("zh") for p in error.problems)
    return [p.code for p in error.problems]


def runs_like(n: int, *, days: int = 16, **more: Any) -> Runs:
    """Histories in which nothing happens, but for what is given."""
    regions = len(plan().regions)
    empty = {
        "presence": np.zeros((n, days, regions), bool),
        "participants": np.zeros((n, days)),
        "detained": np.zeros((n, days)),
        "killed": np.zeros((n, regions)),
        "seat_lost": np.zeros((n, regions), bool),
        "stopped": np.zeros(n, bool),
        "whole": {"run": np.arange(n)},
    }
    return Runs(**(empty | more))


# --- from the record to intervals -------------------------------------------------------------------------------------


def test_the_target_is_the_record_as_intervals() -> None:
    t, r = target(), record()
    first = dt.date(2022, 1, 1)
    assert (t.low <= t.high)[~np.isnan(t.low)].all()
    assert (np.isnan(t.low) == np.isnan(t.high)).all()
    ids = [region.id for region in plan().regions]
    onsets = {o.region_id: o for o in r.onsets}
    rows = of_block("onset", t)
    assert [t.items[k].of for k in rows] == ids
    for k in rows:
        o = onsets[t.items[k].of]
        assert t.low[k] == (o.earliest - first).days
        assert t.high[k] == (16 if o.latest is None else (o.latest - first).days)  # no last day: also never
    assert [t.items[k].of for k in rows if t.high[k] == 16] == ["KZ-AKM"]
    seats = of_block("seats", t)
    assert [t.items[k].of for k in seats] == ids
    assert {t.items[k].of for k in seats if np.isnan(t.low[k])} == {i for i in ids if r.seats_entered[i] is None}  # blanks, and no other
    assert 0 < np.isnan(t.low[seats]).sum() < 17
    assert {t.items[k].of for k in seats if t.low[k] == 1} == {i for i, entered in r.seats_entered.items() if entered}
    assert not np.isnan(np.delete(t.low, seats)).any()
    for block, dated in (("participants", r.participants), ("detained", r.detained)):
        known = {(d.date - first).days: d.interval for d in dated}
        for k in of_block(block, t):
            there = known[t.items[k].day]
            assert (10 ** t.low[k] - 1, 10 ** t.high[k] - 1) == pytest.approx((there.low, there.high))
    assert [t.items[k].day for k in of_block("participants", t)] == [1, 3, 4]
    assert [t.items[k].day for k in of_block("detained", t)] == [5, 10]  # the 6th and the 11th, as the scenario says
    assert r.deaths_total is not None
    (k,), (share,) = of_block("deaths", t), of_block("share", t)
    assert (10 ** t.low[k] - 1, 10 ** t.high[k] - 1) == pytest.approx((r.deaths_total.interval.low, r.deaths_total.interval.high))
    assert (t.items[share].of, t.low[share], t.high[share]) == ("KZ-ALA", pytest.approx(139 / 238), pytest.approx(151 / 238))


def test_counts_of_detained_are_chosen_by_date_and_cut_at_the_end() -> None:
    every = target_of(record(), plan())
    assert [every.items[k].day for k in of_block("detained", every)] == [(d.date - dt.date(2022, 1, 1)).days for d in record().detained]
    short = target_of(record(), resolve(scenario(), parse_set(["time.hours=72"]), scale=0.001))
    assert [short.items[k].day for k in of_block("detained", short)] == [2]
    assert [short.items[k].day for k in of_block("participants", short)] == [1]
    assert short.high[of_block("onset", short)[0]] == 3  # never, in three days


def test_the_items_of_a_history() -> None:
    ids = [r.id for r in plan().regions]
    man, ala, akm = (ids.index(f"KZ-{x}") for x in ("MAN", "ALA", "AKM"))
    runs = runs_like(2)
    runs.presence[0, 3:5, man] = True
    runs.participants[0, 4], runs.detained[0, 5] = 999, 99
    runs.killed[0, [ala, man]] = 6, 3
    runs.seat_lost[0, ala] = True
    found = {(i.block, i.of, i.day): c for i, c in zip(target().items, items_of(runs, target(), plan()).T, strict=True)}
    assert found["onset", "KZ-MAN", -1].tolist() == [3, 16]
    assert found["onset", "KZ-AKM", -1].tolist() == [16, 16]
    assert akm != man
    assert found["participants", "country", 4] == pytest.approx([3, 0])
    assert found["detained", "country", 5] == pytest.approx([2, 0])
    assert found["deaths", "country", -1] == pytest.approx([1, 0])
    assert found["share", "KZ-ALA", -1] == pytest.approx([2 / 3, 0])  # without any dead: no share, not a fault
    assert (found["seats", "KZ-ALA", -1].tolist(), found["seats", "KZ-MAN", -1].tolist()) == ([1, 0], [0, 0])


# --- distances --------------------------------------------------------------------------------------------------------

SMALL = Target(
    (*(Item("onset", x) for x in "ABC"), Item("participants", "country", 1), Item("deaths", "country"), Item("seats", "A")),
    np.array([2.0, 4.0, NAN, 3.0, 2.0, NAN]),
    np.array([3.0, 16.0, NAN, 3.0, 2.4, NAN]),
)
ROWS = np.array([[2, 9, 0, 3, 2.2, 1], [0, 1, 16, 4, 1.5, 0], [16, 16, 16, 0, 3.0, 1]], float)
AWAY = np.array([[0, 0, 0, 0, 0, 0], [2, 3, 0, 1, 0.5, 0], [5, 0, 0, 3, 0.6, 0]], float)


def check_deviations(f: Callable[[Floats, Target], Floats]) -> None:
    assert f(ROWS, SMALL) == pytest.approx(AWAY)


def test_deviations_are_how_far_outside_an_interval() -> None:
    assert ONSET_CAP == 5
    check_deviations(deviations)


@pytest.mark.parametrize("fault", ["from the middle", "blanks as zero", "no cap"])
def test_a_wrong_deviation_is_caught(fault: str) -> None:
    def wrong(items: Floats, t: Target) -> Floats:
        if fault == "from the middle":
            away = np.abs(items - (t.low + np.minimum(t.high, t.low + 4)) / 2)
            return np.where(np.isnan(t.low), 0.0, np.minimum(away, ONSET_CAP))
        if fault == "blanks as zero":
            return deviations(items, Target(t.items, np.nan_to_num(t.low), np.nan_to_num(t.high)))
        return np.nan_to_num(np.maximum(np.maximum(t.low - items, items - t.high), 0.0))

    with pytest.raises(AssertionError):
        check_deviations(wrong)


def test_distances_by_hand_each_block_once() -> None:
    scales = np.array([1, 2, 1, 0.5, 0.1, 1.0])
    onset, people = (2**2 + 1.5**2) / 2, (1 / 0.5) ** 2  # two onsets are known, the third is blank
    found = distances(ROWS, SMALL, scales, MOBILIZATION)
    assert found == pytest.approx([0, np.sqrt((onset + people) / 2), np.sqrt((25 / 2 + 36) / 2)])
    assert found[1] != pytest.approx(np.sqrt((2**2 + 1.5**2 + people) / 3))  # not each item once
    assert distances(ROWS, SMALL, scales, ("onset",))[1] == pytest.approx(np.sqrt(onset))
    assert distances(ROWS, SMALL, scales, FORCE) == pytest.approx([0, 5, 6])  # seats are blank: no block of theirs
    assert distances(ROWS, SMALL, scales, ("seats",)).tolist() == [0, 0, 0]  # a record that says nothing


def test_scales_are_the_error_of_the_record_and_the_spread_of_the_priors() -> None:
    spread = np.array([1, 1, 1, 1.0, 0.2, 0])
    items = np.array([0, -1, 1, 40, -1])[:, None] * spread  # median absolute deviation 1, whatever one outlier does
    assert scales_of(items, SMALL) == pytest.approx(
        [1, 1, 1, np.hypot(ERRORS["participants"], 1), np.hypot(ERRORS["deaths"], 0.2), ERRORS["seats"]]
    )


def test_a_history_is_at_no_distance_from_its_own_record() -> None:
    rng = np.random.default_rng(1)
    runs = runs_like(
        40,
        presence=rng.random((40, 16, 17)) < 0.1,
        participants=10 ** rng.uniform(0, 6, (40, 16)),
        detained=10 ** rng.uniform(0, 4, (40, 16)),
        killed=rng.poisson(8.0, (40, 17)).astype(float),
        seat_lost=rng.random((40, 17)) < 0.3,
    )
    items = items_of(runs, target(), plan())
    scales = scales_of(items, target())
    for k in range(40):
        half = np.minimum(target().high - target().low, ONSET_CAP) / 2  # as wide as the record, and as blank
        own = Target(target().items, items[k] - half, items[k] + half)
        for blocks in (MOBILIZATION, FORCE):
            found = distances(items, own, scales, blocks)
            assert found[k] == pytest.approx(0, abs=1e-12)
            assert (np.delete(found, k) > 0.05).all()


def test_the_middle_and_the_summary_by_hand() -> None:
    assert middle_of(SMALL) == pytest.approx([2.5, 6, NAN, 3, 2.2, NAN], nan_ok=True)  # an open end: two days after the earliest
    found = summary_of(ROWS, SMALL)
    # Onsets 2, 9, 0: on day 1 one of three has risen, on day 2 one and a half, then two.
    assert found[0] == pytest.approx([1 / 3, 1.5 / 3, 2 / 3, 2 / 3, 3, 2.2, 1])
    assert found[1] == pytest.approx([1.5 / 3, 2 / 3, 2 / 3, 2 / 3, 4, 1.5, 0])
    assert found[2] == pytest.approx([0, 0, 0, 0, 0, 3, 1])


def test_blanks_of_the_record_are_taken_as_simulated() -> None:
    # The record's onset of C and seat of A are blank. What is learned must not depend on a value made up for them.
    particles = particles_at(points_of(1, range(30)))
    seen: list[Floats] = []

    def look(scores: Floats, summaries: Floats, at: Floats) -> Floats:
        seen.append(at)
        return scores

    onsets = np.tile(ROWS[0], (30, 1))
    onsets[:, 2], onsets[:, 5] = 7, np.arange(30) % 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "adjusted", look)
        fitted._scores(["base_pressure"], replace(particles, items=onsets), SMALL, 1)
    assert seen[0][0] == pytest.approx(0)  # nobody on day 1: A 2.5, B 6, C as simulated, 7
    assert seen[0][-1] == pytest.approx(0.5)


# --- priors as a cube -------------------------------------------------------------------------------------------------


def test_a_point_of_the_cube_is_the_draw() -> None:
    for number in range(30):
        point = point_of(SEED, number)
        assert ((point > 0) & (point < 1)).all()
        found, drawn = values_at(point), draw(SEED, number)
        assert list(found) == list(drawn)
        for name, value in drawn.items():
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-15), name


def test_spikes_have_their_share_and_the_rest_its_order() -> None:
    grid = (np.arange(400) + 0.5) / 400
    for name, p in parameters().items():
        x = np.array([value_at(p, float(q)) for q in grid])
        if p.prior.spike:
            assert (x == 0).mean() == pytest.approx(p.prior.spike, abs=1 / 400), name
        assert (np.diff(x[grid > p.prior.spike]) >= 0).all()
    points = points_of(SEED, range(1500))
    spikes = np.array([p.prior.spike for p in parameters().values()])
    share = (points <= spikes).mean(axis=0)
    error = np.sqrt(spikes * (1 - spikes) / 1500)
    assert (np.abs(share - spikes) <= 4.9 * error).all()  # 124 coordinates, 1e-6 each
    assert min(kstest(c, "uniform").pvalue for c in points.T) > 1e-6  # of the cube


# --- moves ------------------------------------------------------------------------------------------------------------

WIDTH, MANY, TIMES = 6, 2500, 6


def uniform_cube(n: int = MANY, width: int = WIDTH) -> Floats:
    return np.random.default_rng(5).random((n, width))


def check_cube(move: Callable[[Floats, int], Floats]) -> None:
    """The cube stays uniform under repeated moves, each coordinate and pairs of them; rejects at 1e-6 a number."""
    points = uniform_cube()
    for number in range(TIMES):
        points = move(points, number)
    assert min(kstest(c, "uniform").pvalue for c in points.T) > 1e-6
    r = np.corrcoef(ndtri(points).T) - np.eye(WIDTH)
    assert np.abs(r).max() < 4.9 / np.sqrt(MANY)


def test_moves_leave_a_uniform_cube_uniform() -> None:
    check_cube(lambda points, number: moved(points, SEED, number))


def walked(points: Floats, number: int) -> Floats:
    """The plain random walk, z + b xi, in place of the move that keeps the prior."""
    step = moved(points, SEED, number)
    kept = points == step
    return np.where(
        kept, points, np.clip(norm_cdf(ndtri(points) + 0.5 * np.random.default_rng(number).normal(size=points.shape)), 1e-12, 1 - 1e-12)
    )


def norm_cdf(z: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


def test_a_random_walk_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_cube(walked)


def test_moves_are_of_two_kinds_and_leave_what_is_frozen() -> None:
    points = uniform_cube(600)
    free = np.array([True, False, True, True, False, True])
    found = moved(points, SEED, 3, free)
    assert np.array_equal(found[:, ~free], points[:, ~free])
    assert (found[:, free] != points[:, free]).any(axis=1).mean() > 0.7
    change = np.abs(ndtri(found) - ndtri(points))[:, free]
    share = (change > 0).mean()
    expected = 0.5 * 0.5 + 0.5 * module.FRESH  # of a small move half the coordinates, of a large one a quarter
    assert share == pytest.approx(expected, abs=4.9 * np.sqrt(0.25 / change.size) * 1.5)  # coordinates of a particle go together
    r = [np.corrcoef(ndtri(points[m, k]), ndtri(found[m, k]))[0, 1] for k in (0, 2) for m in [found[:, k] != points[:, k]]]
    small, large = 0.25 / expected, 0.125 / expected
    assert r == pytest.approx([small * np.sqrt(1 - module.STEP**2) + large * 0] * 2, abs=0.15)
    assert np.array_equal(moved(points, SEED, 3, np.zeros(WIDTH, bool)), points)


def test_moves_are_pure_functions_of_seed_and_round() -> None:
    points = uniform_cube(50)
    assert np.array_equal(moved(points, SEED, 1), moved(points, SEED, 1))
    assert not np.array_equal(moved(points, SEED, 1), moved(points, SEED, 2))
    assert not np.array_equal(moved(points, SEED, 1), moved(points, SEED + 1, 1))
    assert np.array_equal(moved(points[:20], SEED, 1), moved(points, SEED, 1)[:20])  # whoever else there is


# --- calibration against a closed form --------------------------------------------------------------------------------

NOISE, SEEN = 0.5, 1.0
"""The engine is replaced by: log10 participants = 3 + score of one parameter + NOISE * luck; the record says 3 + SEEN."""
FEW = [
    n
    for n in NAMES
    if n in ("base_pressure", "arrest_rate", "tie_local", "deterrence", "frailty", "hardship", "seize_rate", "aside_rate", "media_gain")
]
"""Parameters of the closed form: a few do, and are quick."""
PEOPLE_AT, FORCE_AT, CALM_AT = (FEW.index(n) for n in ("base_pressure", "arrest_rate", "tie_local"))
FREE = np.array([parameters()[n].group in FORCE_GROUPS or n in FORCE_NAMES for n in FEW])
TARGET = Target((Item("participants", "country", 4), Item("detained", "country", 5)), np.array([3 + SEEN, 3.0]), np.array([3 + SEEN, 3.0]))
SETUP = Setup(table=1500, particles=1000, rounds=3, force_rounds=5)
KEY = int(Purpose.STUDY)


def few_points(seed: int, numbers: Sequence[int]) -> Floats:
    """In place of `points_of`: uniform points with few coordinates."""
    return np.array([[uniform(seed, KEY, int(n), 1 << 30, k) for k in range(len(FEW))] for n in numbers])


def simulated(points: Floats, seeds: Sequence[int]) -> Runs:
    """Closed-form histories: participants by the one parameter, detained by the one of force and a little by the first."""
    z = ndtri(points)
    luck = ndtri(np.array([[uniform(int(s), KEY, 0, 0, k) for k in (1, 2)] for s in seeds]).reshape(-1, 2))
    runs = runs_like(len(points), whole={"run": np.arange(len(points)), "seed": np.asarray(seeds)})
    runs.participants[:, 4] = 10 ** (3 + z[:, PEOPLE_AT] + NOISE * luck[:, 0]) - 1
    runs.detained[:, 5] = 10 ** (3 + z[:, FORCE_AT] + 0.5 * z[:, PEOPLE_AT] + NOISE * luck[:, 1]) - 1
    return runs


def histories(wave: Callable[[Floats], Any]) -> Callable[..., tuple[Runs, Any]]:
    """In place of `_histories`: the closed form, and a quiet period that has a wave in three regions where `wave` says so."""

    def instead(
        task: Task, p: Plan, points: Floats, key: tuple[int, int], what: str, setup: Setup, ending: Ending | None
    ) -> tuple[Runs, Any]:
        first = history_seed(task.seed, (1 << 30) + 1000 * key[0] + key[1], 1)
        seeds = np.array([history_seed(first, k, 0) for k in range(len(points))])
        runs = simulated(points, seeds)
        if what == "quiet":
            runs.presence[:, 2, :3] = np.asarray(wave(points))[:, None]
        return runs, seeds

    return instead


@cache
def prior_runs() -> Runs:
    return simulated(few_points(SEED, range(SETUP.table)), [history_seed(SEED, k, 0) for k in range(SETUP.table)])


def a_task(tmp_path: Path, **more: Any) -> Task:
    fixed = {
        "plan": plan(),
        "target": TARGET,
        "scales": np.ones(2),
        "quiet": None,
        "quiet_regions": 2,
        "seed": SEED,
        "runner": Runner(tmp_path),
    }
    return Task(**(fixed | more))


def particles_at(points: Floats) -> Particles:
    n = len(points)
    return Particles(
        points, np.tile(ROWS[0], (n, 1)), np.linspace(0.1, 0.7, n), np.linspace(1 / 3, 2, n), np.arange(n) + 2**62, np.arange(n)
    )


def exact(tolerance: float) -> tuple[float, float]:
    """Mean and standard deviation of the score, given that the history is within the tolerance: x is normal, score given x too."""
    wide = np.sqrt(1 + NOISE**2)
    x = truncnorm((SEEN - tolerance) / wide, (SEEN + tolerance) / wide, scale=wide)
    gain = 1 / (1 + NOISE**2)
    return gain * float(x.mean()), float(np.sqrt(NOISE**2 * gain + gain**2 * x.var()))


def check_posterior(found: Particles) -> None:
    """Particles against the exact law: a thousand count as at least a hundred independent ones; errors are 4 standard errors of those."""
    scores = ndtri(found.points[:, PEOPLE_AT])
    tolerance = [r.tolerance for r in found.trace if r.module == "mobilization"][-1]
    mean, sd = exact(tolerance)
    assert effective_families(found.origin) > 100
    assert found.distinct() > 300
    assert tolerance < 0.25
    assert max(found.mobilization) <= tolerance
    assert scores.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(100))
    assert scores.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * 100))
    others = ndtri(np.delete(found.points, [PEOPLE_AT], axis=1))  # nothing is said of the others: as the prior
    assert np.abs(others.mean(axis=0)).max() < 4 / np.sqrt(100)
    assert others.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 100 * len(others.T)))


def first_module(tmp_path: Path, **more: Any) -> Particles:
    return calibrate(a_task(tmp_path, **more), prior_runs(), replace(SETUP, force_rounds=0))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(module, "_histories", histories(lambda points: np.zeros(len(points), bool)))
    monkeypatch.setattr(module, "points_of", few_points)
    monkeypatch.setattr(module, "parameters", lambda: {n: parameters()[n] for n in FEW})
    return monkeypatch


def test_particles_are_the_exact_posterior_given_the_tolerance(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = first_module(tmp_path)
    check_posterior(found)
    assert len(found.seeds) == SETUP.particles
    tolerances = [r.tolerance for r in found.trace]
    assert tolerances == sorted(tolerances, reverse=True)
    assert [r.number for r in found.trace] == list(range(len(found.trace)))
    # Every particle is the history of its seed at its point, and its distance is that history's.
    again = items_of(simulated(found.points, found.seeds.tolist()), TARGET, plan())
    assert again == pytest.approx(found.items)
    assert distances(again, TARGET, np.ones(2), MOBILIZATION) == pytest.approx(found.mobilization)
    assert distances(again, TARGET, np.ones(2), FORCE) == pytest.approx(found.force)
    assert np.array_equal(first_module(tmp_path).points, found.points)


@pytest.mark.parametrize("fault", ["accepts everything", "never moves"])
def test_a_wrong_calibration_is_caught(closed: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    if fault == "accepts everything":
        taken = module._taken
        closed.setattr(module, "_taken", lambda p, accepted, *rest: taken(p, np.ones_like(accepted), *rest))
    else:
        closed.setattr(module, "moved", lambda points, seed, number, free=None: points)
    with pytest.raises(AssertionError):
        check_posterior(first_module(tmp_path))


def test_rounds_end_when_nearly_nothing_is_accepted(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed.setattr(module, "moved", lambda points, seed, number, free=None: np.where(np.arange(len(FEW)) == PEOPLE_AT, 1e-9, points))
    found = first_module(tmp_path)
    assert [(r.module, r.accepted) for r in found.trace] == [("mobilization", 0.0)]


def test_a_proposal_that_was_ended_would_not_have_been_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small, few = resolve(scenario(), scale=0.001), Setup(table=12, particles=6, rounds=1, force_rounds=1, keep=4, part=6)
    table = prior_table(small, 12, SEED, Runner(tmp_path / "table"), part=6)
    scales = scales_of(items_of(table, target(), small), target())
    ended: list[int] = []
    one = module._histories

    def counted(task: Task, p: Plan, points: Floats, key: tuple[int, int], what: str, setup: Setup, ending: Ending | None) -> Any:
        found = one(task, p, points, key, what, setup, ending if name == "ended" else None)
        ended.append(int(found[0].stopped.sum()))
        return found

    monkeypatch.setattr(module, "_histories", counted)
    given = {}
    for name in ("ended", "whole"):
        given[name] = calibrate(a_task(tmp_path / name, plan=small, target=target(), scales=scales), table, few)
        assert (sum(ended) > 0) == (name == "ended")
        ended.clear()
    assert given["ended"].trace == given["whole"].trace
    for array in ("points", "items", "mobilization", "force", "origin", "seeds"):
        assert np.array_equal(getattr(given["ended"], array), getattr(given["whole"], array))


# --- the quiet period -------------------------------------------------------------------------------------------------


def waves(points: Floats) -> Any:
    return points[:, CALM_AT] > 0.4


def test_a_quiet_period_is_one_without_a_wave() -> None:
    runs = runs_like(4)
    runs.presence[1, 2, :2] = True
    runs.presence[2, 2, :3] = True  # three regions on one day
    runs.presence[3, [1, 2, 3], [0, 1, 2]] = True  # three regions on three days
    assert calm(runs, 2).tolist() == [True, True, False, True]
    assert calm(replace(runs, stopped=np.array([True, False, False, False])), 2).tolist() == [False, True, False, True]


def test_no_particle_has_a_wave_in_the_quiet_period(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed.setattr(module, "_histories", histories(waves))
    found = first_module(tmp_path, quiet=plan())
    assert not waves(found.points).any()
    assert found.distinct() > 250
    assert kstest(found.points[:, CALM_AT] / 0.4, "uniform").pvalue > 1e-6  # but for that, the prior
    assert all(0.3 < r.quiet < 1 for r in found.trace)
    closed.setattr(module, "_calm", lambda task, points, number, setup: np.ones(len(points), bool))
    assert waves(first_module(tmp_path, quiet=plan()).points).any()  # without the check there are some


def test_a_table_without_a_quiet_draw_is_said(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed.setattr(module, "_histories", histories(lambda points: np.ones(len(points), bool)))
    with pytest.raises(StudyError) as caught:
        first_module(tmp_path, quiet=plan())
    assert said(caught.value) == ["never_quiet"]


# --- the second module ------------------------------------------------------------------------------------------------


def test_the_second_module_moves_force_only_and_drops_nobody(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = a_task(tmp_path)
    before = calibrate(task, prior_runs(), replace(SETUP, rounds=1, force_rounds=0))
    limit = max(before.mobilization)
    found = follow(task, before, SETUP)
    assert FREE[FORCE_AT]
    assert not FREE[PEOPLE_AT]
    assert np.array_equal(found.points[:, ~FREE], before.points[:, ~FREE])
    assert np.array_equal(found.origin, before.origin)
    assert len(found.seeds) == len(before.seeds)
    assert max(found.mobilization) <= limit
    assert (found.force <= np.maximum(before.force, np.median(before.force))).all()  # nobody gets worse than half of them were
    assert np.median(found.force) < 0.8 * np.median(before.force)
    stayed = found.seeds == before.seeds  # nothing was accepted
    assert 0 < stayed.mean() < 0.5
    assert np.array_equal(found.points[stayed], before.points[stayed])
    assert np.array_equal(found.force[stayed], before.force[stayed])
    assert [r.module for r in found.trace].count("force") == SETUP.force_rounds
    loose = before
    for number in range(SETUP.force_rounds):
        loose = module._force(task, loose, number, np.inf, SETUP)
    assert max(loose.mobilization) > limit  # what the limit is for


def test_no_particle_of_the_second_module_has_a_wave_either(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def loud(points: Floats) -> Any:
        return points[:, FORCE_AT] > 0.6

    closed.setattr(module, "_histories", histories(loud))
    assert not loud(calibrate(a_task(tmp_path, quiet=plan()), prior_runs(), replace(SETUP, rounds=1, force_rounds=2)).points).any()


def test_the_second_module_leaves_what_the_first_has_learned() -> None:
    spec = scenario().file.calibration
    assert spec is not None
    assert set(spec.mobilization) & moving()  # there is something to hold
    assert set(spec.force) <= moving(spec.mobilization)
    assert not moving(spec.mobilization) & set(spec.mobilization)


# --- what a fit is worth ----------------------------------------------------------------------------------------------

DRAWS, RECORDS = 2500, 400


@cache
def gaussian() -> tuple[Floats, Floats]:
    """Scores of two parameters, and one summary: the first plus noise. Nothing can be learned of the second."""
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(DRAWS, 2))
    return scores, scores[:, :1] + NOISE * rng.normal(size=(DRAWS, 1))


def check_coverage() -> None:
    """All intervals hold as often as chance allows (99.9 %), ranks are uniform at 1e-4."""
    ranks = leave_one_out(*gaussian(), np.arange(RECORDS), near=250, tie=lambda row, p: uniform(1, int(Purpose.STUDY), row, p, 0))
    assert ((ranks > 0) & (ranks < 1)).all()
    assert [(c.parameter, c.level) for c in coverage(ranks, ["a", "b"])] == [(n, x) for n in "ab" for x in inference.LEVELS]
    assert all(c.holds and c.of == RECORDS for c in coverage(ranks, ["a", "b"]))
    assert min(uniformity(ranks)) > 1e-4


def test_intervals_of_a_linear_gaussian_table_hold() -> None:
    check_coverage()
    told: list[tuple[int, int]] = []
    leave_one_out(*gaussian(), [5, 7], near=250, tie=lambda row, p: 0.5, progress=lambda *x: told.append(x))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("fault", ["overconfident", "biased", "sees the truth"])
def test_a_wrong_posterior_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    right = inference.adjusted

    def wrong(scores: Floats, summaries: Floats, at: Floats, w: Floats | None = None) -> Floats:
        found = right(scores, summaries, at, w)
        middle = found.mean(axis=0)
        return middle + 0.6 * (found - middle) if fault == "overconfident" else found + 0.3

    monkeypatch.setattr(inference, "adjusted", wrong)
    if fault == "sees the truth":  # a draw that is not left out sits in the middle of its own posterior
        monkeypatch.setattr(
            inference, "adjusted", lambda scores, s, at, w=None: np.vstack([np.quantile(scores, q, axis=0) for q in (0, 1)])[[0, 1] * 125]
        )
    with pytest.raises(AssertionError):
        check_coverage()


def test_the_nearest_draws_and_their_weights_by_hand() -> None:
    rows, w = nearest(np.array([[0.0, 0], [3, 4], [0, 1], [6, 8]]), np.zeros(2), 3, np.array([1.0, 1.0]))
    assert rows.tolist() == [0, 2, 1]
    assert w == pytest.approx([1, 1 - 1 / 100, 1 - 25 / 100])  # distances 0, 1, 5 of the next one's 10


def test_adjustment_goes_no_farther_than_the_draws() -> None:
    s = np.linspace(-1, 1, 41)[:, None]
    near, far = (adjusted(2 * s, s, np.array([x])) for x in (1.0, 50.0))
    assert near == pytest.approx(far)
    assert near.mean() == pytest.approx(2 / (1 + inference.RIDGE))
    flat = np.ones((41, 1))
    assert np.array_equal(adjusted(2 * s, flat, np.array([5.0])), 2 * s)  # nothing to be learned from what never varies


def pick(k: int, t: int) -> float:
    return uniform(9, int(Purpose.STUDY), k, t, 0)


def test_narrowing_of_known_samples() -> None:
    rng = np.random.default_rng(4)
    n = 400
    scores = rng.normal(size=(n, 2)) * [0.5, 1.0] + [2, 0]
    middle, low, high = narrowing(scores, np.arange(n), pick)
    assert middle == pytest.approx([0.5, 0.0], abs=0.1)  # standard errors 0.018 and 0.035
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert ((low < [0.5, 0.0]) & (high > [0.5, 0.0])).all()
    expected = 2 * 1.96 * np.array([0.5, 1.0]) / np.sqrt(2 * n)
    assert high - low == pytest.approx(expected, rel=0.25)
    # Four copies of each of a hundred say no more than the hundred: the interval is twice as wide.
    copies = np.tile(scores[:100], (4, 1))
    _, a, b = narrowing(copies, np.tile(np.arange(100), 4), pick)
    assert b - a == pytest.approx(2 * expected, rel=0.35)
    _, c, d = narrowing(copies, np.arange(n), pick)  # as if they were four hundred
    assert ((d - c) < 0.65 * (b - a)).all()
    again = narrowing(scores, np.arange(n), pick)
    assert all(np.array_equal(x, y) for x, y in zip((middle, low, high), again, strict=True))


def test_one_ancestor_says_nothing_for_certain() -> None:
    middle, low, high = narrowing(np.random.default_rng(4).normal(size=(50, 1)) * 0.3, np.zeros(50, int), pick)
    assert middle[0] == pytest.approx(0.7, abs=0.15)
    assert (low[0], high[0]) == (0, 1)
    assert learned(middle[0], low[0], high[0]).word == "hardly"


def learned(middle: float, low: float, high: float) -> Learned:
    return Learned("a", (0, 0, 0), (0, 0, 0), middle, low, high)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.3, 0.5, "learned"), (0.2, 0.9, "hardly"), (0.12, 0.2, "hardly"), (0.05, 0.2, "not"), (-0.2, 0.1, "not"), (-0.2, 0.3, "hardly")],
)
def test_words_go_by_the_interval(low: float, high: float, word: str) -> None:
    assert learned((low + high) / 2, low, high).word == word


def test_ridges_by_hand() -> None:
    a = np.array([1.0, 2, 3, 4])
    scores = np.stack([a, -a, [1, -1, -1, 1], [2, 1, 4, 3]], axis=1)
    assert ridges(scores, ["a", "b", "c", "d"]) == [
        ("b", "a", pytest.approx(-1)), ("d", "a", pytest.approx(0.6)), ("d", "b", pytest.approx(-0.6)),
    ]  # fmt: skip
    assert ridges(scores[:2], ["a", "b", "c", "d"]) == []


def test_families_that_count() -> None:
    assert effective_families(np.array([3, 3, 3])) == 1
    assert effective_families(np.arange(7)) == pytest.approx(7)
    assert effective_families(np.array([0, 0, 0, 5])) == pytest.approx(1.6)


def test_what_ships_is_a_sample_drawn_once() -> None:
    p = particles_at(points_of(1, range(8)))
    order = fitted._kept(p, 8, SEED)
    assert sorted(order) == list(range(8))
    assert order != sorted(order)
    assert fitted._kept(p, 3, SEED) == order[:3]
    assert fitted._kept(p, 99, SEED) == order
    assert fitted._kept(p, 8, SEED + 1) != order


# --- files ------------------------------------------------------------------------------------------------------------


def some_runs(n: int, seed: int = 6) -> Runs:
    rng = np.random.default_rng(seed)
    whole = {
        "run": np.arange(n), "seed": rng.integers(0, 2**62, n), "stopped": rng.random(n) < 0.2, "joins": rng.random(n) * 1e6,
        "peak": rng.random(n) * 1e6, "security_killed": rng.random(n) * 20, "seats_lost": rng.integers(0, 17, n),
        "changed_sides": rng.random(n), "stood_aside": rng.random(n),
        "outcome": np.array([("quiet", "uprising")[k % 2] for k in range(n)], object),
        "sha256": np.array([f"{k:064x}" for k in range(n)], object), "p_frailty": rng.random(n),
    }  # fmt: skip
    return runs_like(
        n,
        presence=rng.random((n, 16, 17)) < 0.3,
        participants=10 ** rng.uniform(0, 6, (n, 16)),
        detained=rng.random((n, 16)) * 1e4,
        killed=rng.poisson(3.0, (n, 17)).astype(float),
        seat_lost=rng.random((n, 17)) < 0.2,
        stopped=whole["stopped"],
        whole=whole,
    )


def test_a_packed_table_comes_back_and_gives_the_same_bytes(tmp_path: Path) -> None:
    runs, made = some_runs(13), {"seed": 2022, "program": "qantar"}
    content = pack(runs, made)
    assert pack(some_runs(13), dict(reversed(made.items()))) == content
    assert pack(some_runs(13, seed=7), made) != content
    path = tmp_path / "table.npz"
    path.write_bytes(content)
    found, told = unpack(path)
    assert told == made
    for name in ("presence", "seat_lost", "stopped"):
        assert np.array_equal(getattr(found, name), getattr(runs, name)), name
    for name in PEOPLE:
        assert getattr(found, name) == pytest.approx(getattr(runs, name), rel=1e-6), name
    assert set(found.whole) == {"run", *KEPT}
    for name in KEPT:
        there = runs.whole[name]
        same = np.allclose(found.whole[name], there, rtol=1e-6) if there.dtype.kind == "f" else found.whole[name].tolist() == there.tolist()
        assert same, name
    assert pack(found, made) == content


def test_a_file_that_is_no_packed_table_is_said(tmp_path: Path) -> None:
    content = pack(some_runs(20), {})
    middle = len(content) // 2
    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    flipped = bytearray(content)
    with zipfile.ZipFile(tmp_path / "whole.npz", "w") as whole:  # a member whose packed bytes are spoilt
        whole.writestr("made.npy", b"spoilt")
    flipped[middle : middle + 40] = bytes(40)
    for name, data in (("cut", content[:middle]), ("empty", b""), ("text", b"run,region\n1,2\n"), ("flipped", bytes(flipped))):
        (tmp_path / f"{name}.npz").write_bytes(data)
    for name in ("cut.npz", "empty.npz", "text.npz", "flipped.npz", "whole.npz", "array.npy", "other.npz", "missing.npz"):
        with pytest.raises(ResultError) as caught:
            unpack(tmp_path / name)
        assert said(caught.value) == ["not_packed"], name
        assert name in str(caught.value)


def write(folder: Path, rows: Sequence[int] = (0, 2, 3)) -> Particles:
    p = replace(
        particles_at(points_of(3, range(5))), origin=np.array([4, 4, 2, 1, 0]), trace=[Round("force", 0, 1 / 3, 1.0, 0.5, 1.0, 5, 0.1)]
    )
    folder.mkdir(exist_ok=True)
    for name, text in write_posterior(p, rows, {"seed": 7, "command": "qantar calibrate"}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return p


def test_a_posterior_comes_back_in_every_digit(tmp_path: Path) -> None:
    assert read_posterior(tmp_path) is None
    p = write(tmp_path / "p")
    found = read_posterior(tmp_path / "p")
    assert found is not None
    assert found.values == [p.values()[k] for k in (0, 2, 3)]  # exactly
    assert (
        max(
            abs(v - w) / (1e-300 + abs(w))
            for a, k in zip(found.values, (0, 2, 3), strict=True)
            for v, w in zip(a.values(), values_at(p.points[k]).values(), strict=True)
        )
        < 1e-9
    )
    assert found.seeds.tolist() == [2**62 + k for k in (0, 2, 3)]  # more digits than a float holds
    assert found.ancestors.tolist() == [4, 2, 1]
    assert found.mobilization == pytest.approx(p.mobilization[[0, 2, 3]], rel=1e-5)
    assert found.force == pytest.approx(p.force[[0, 2, 3]], rel=1e-5)
    assert (found.made["seed"], found.made["rounds"][0]["tolerance"]) == (7, 0.333333)


@pytest.mark.parametrize(
    "fault", ["cut", "word", "nan", "column", "renamed", "no rows", "short rows", "empty", "bytes", "no json", "bad json", "list"]
)
def test_a_broken_posterior_is_said(tmp_path: Path, fault: str) -> None:
    write(tmp_path)
    path = tmp_path / CSV
    text = path.read_text(encoding="utf-8")
    head, first, *rest = text.splitlines()
    spoilt = {
        "cut": text[: len(text) - 200],
        "word": text.replace(first, first[: first.rindex(",")] + ",much"),
        "nan": text.replace(first, first[: first.rindex(",")] + ",nan"),
        "column": "\n".join(line[: line.rindex(",")] for line in (head, first, *rest)),
        "renamed": text.replace("base_pressure", "pressure"),
        "no rows": head,
        "short rows": f"{head}\n1\n2\n",
        "empty": "",
    }
    if fault in spoilt:
        path.write_text(spoilt[fault], encoding="utf-8")
    elif fault == "bytes":
        path.write_bytes(b"\xff\xfe\x00" * 50)
    elif fault == "no json":
        (tmp_path / JSON).unlink()
    else:
        (tmp_path / JSON).write_text({"bad json": "{", "list": "[]"}[fault], encoding="utf-8")
    with pytest.raises(ResultError) as caught:
        read_posterior(tmp_path)
    assert said(caught.value) == ["not_a_posterior"]
    assert CSV in str(caught.value)


# --- what a scenario says is fitted -----------------------------------------------------------------------------------

SOURCE = (cases_folder() / CASE / "scenario.toml").read_text(encoding="utf-8")


@pytest.fixture
def country(tmp_path: Path) -> Path:
    """A copy of the packaged case, free to be changed."""
    return Path(shutil.copytree(cases_folder() / CASE, tmp_path / "country"))


def test_a_scenario_that_does_not_say_what_is_fitted(country: Path, qantar: Callable[..., Ran]) -> None:
    start, end = SOURCE.index("[calibration]"), SOURCE.index("# --- Arms")
    (country / "scenario.toml").write_text(SOURCE[:start] + SOURCE[end:], encoding="utf-8")
    done = qantar("calibrate", "country", "--quick")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "scenario.toml: the scenario does not say what is fitted." in done.err
    assert 'mobilization = ["base_pressure"]' in done.err
    (country / "scenario.toml").write_text(SOURCE.replace('"base_pressure", "price', '"base_presure", "price'), encoding="utf-8")
    done = qantar("calibrate", "country", "--quick")
    assert done.code == 2
    line = SOURCE[: SOURCE.index("\nmobilization = ")].count("\n") + 2
    assert f"scenario.toml, line {line}, calibration.mobilization.0: " in done.err
    assert "Traceback" not in done.err
    assert sorted(p.name for p in country.parent.iterdir()) == ["country"]  # nothing written


def test_a_fitted_parameter_cannot_be_fixed(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        fitted.fit(fitted.Terms(scenario(), SETUP, 1, parse_set(["parameters.arrest_rate=0.01"])), Runner(tmp_path))
    assert said(caught.value) == ["fitted_twice"]
    assert "parameters.arrest_rate" in str(caught.value)
    assert not list(tmp_path.iterdir())


# --- real runs, through the command line ------------------------------------------------------------------------------

WORDS = (
    "calibrate", "country", "--quick", "--table", "30", "--particles", "10", "--rounds", "1", "--force-rounds", "1", "--scale", "0.0005", "--set", "time.hours=48",
    "--set", "parameters.base_pressure=0.00001",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case that is loud and short, fitted in two parameters, and its calibration by two processes."""
    warm.compiled(now=True)  # once, and not in every process started here
    home = tmp_path_factory.mktemp("calibrate")
    shutil.copytree(cases_folder() / CASE, home / "country")
    start, end = SOURCE.index("[calibration]"), SOURCE.index("# --- Arms")
    section = '[calibration]\nmobilization = ["protest_hours"]\nforce = ["arrest_rate"]\n'
    (home / "country" / "scenario.toml").write_text(SOURCE[:start] + section + SOURCE[end:], encoding="utf-8")
    done = run_qantar(*WORDS, "--processes", "2", "--store", "store", "--out", "whole", cwd=home)
    assert done.code == 0, done.err
    return home


def parts(store: Path) -> set[str]:
    return {p.relative_to(store).as_posix() for p in store.glob("*/part-*")} | {p.name for p in store.glob("draws-*")}


@pytest.mark.timeout(600)
def test_a_calibration_is_written_and_read(home: Path) -> None:
    found = read_posterior(home / "whole")
    assert found is not None
    assert len(found.values) == 10
    assert 5 <= len(set(found.seeds.tolist())) <= 10  # at most all have parted
    assert len(set(found.mobilization.tolist())) > 3  # histories differ, and so does what is accepted
    with (home / "whole" / "rounds.csv").open(encoding="utf-8") as file:
        rounds = list(csv.DictReader(file))
    assert [r["module"] for r in rounds] == ["mobilization", "force"]
    assert any(0 < float(r["accepted"]) < 1 for r in rounds)
    with (home / "whole" / "learned.csv").open(encoding="utf-8") as file:
        learned = list(csv.DictReader(file))
    assert [r["parameter"] for r in learned] == ["protest_hours", "arrest_rate"]
    for r in learned:
        assert float(r["low"]) <= float(r["narrowing"]) <= float(r["high"])
    made = json.loads((home / "whole" / "result.json").read_text(encoding="utf-8"))
    assert made["kind"] == "calibrate"
    assert made["tolerance"] == pytest.approx(max(found.mobilization), abs=1e-3)


@needs_proc
@pytest.mark.timeout(600)
def test_a_calibration_that_is_killed_goes_on_to_the_same_particles(home: Path) -> None:
    store = home / "killed"
    words = [sys.executable, "-m", "qantar", *WORDS, "--store", "killed", "--out", "again"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*words, "--processes", "2"], cwd=home, **quiet)  # type: ignore[call-overload]
    started: list[int] = []
    try:
        assert wait_for(lambda: any(b"spawn_main" in command(pid) for pid in children(process.pid)), 120)
        worker = next(pid for pid in children(process.pid) if b"spawn_main" in command(pid))
        os.kill(worker, signal.SIGKILL)
        assert wait_for(lambda: any(store.glob("draws-*")), 240)  # its part was done again: the table is whole, moves have begun
        started = children(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(runs_still, started)), 5)
    finally:
        for pid in (process.pid, *started):
            if runs_still(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    there = parts(store)
    assert 3 <= len(there) < len(parts(home / "store"))
    assert there <= parts(home / "store")
    assert not (home / "again").exists()
    done = run_qantar(*words[3:], "--processes", "1", cwd=home)
    assert done.code == 0, done.err
    assert parts(store) == parts(home / "store")  # nothing lost, nothing twice
    names = sorted(p.name for p in (home / "whole").iterdir())
    assert names == sorted(p.name for p in (home / "again").iterdir())
    for name in names:
        assert (home / "again" / name).read_bytes() == (home / "whole" / name).read_bytes(), name


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
