"""Calibration: distance, priors, both modules, what is claimed of them, files, and real runs that are killed.

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
from scipy.special import ndtr, ndtri
from scipy.stats import kstest, truncnorm

from conftest import CASE, Ran, run_qantar
from kit.packaged import scenario, shortened
from kit.processes import children, needs_proc, runs_still, wait_for
from qantar.cases.case import cases_folder
from qantar.draws import Purpose, uniform
from qantar.ensemble import warm
from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Feature, Runs, chosen
from qantar.ensemble.runner import Runner
from qantar.errors import QantarError, ResultError, ScenarioError, StudyError
from qantar.inference import calibration as fitted
from qantar.inference import diagnostics as inference
from qantar.inference import neural as networks
from qantar.inference import rejection as module
from qantar.inference.between import MEDIAN, SHARE, between
from qantar.inference.diagnostics import (
    Learned,
    coverage,
    effective_families,
    leave_one_out,
    narrowing,
    nearest,
    ridges,
    uniformity,
)
from qantar.inference.distance import (
    DECLINE_LEAST,
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
from qantar.inference.rejection import FORCE_GROUPS, FORCE_NAMES, Particles, Setup, Stage, Task, calibrate, follow, moving, points_of
from qantar.model.outcome import UPRISING
from qantar.record.observables import Observables, observe
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Prior, draw, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import parse_set, resolve

Ints = np.ndarray[Any, np.dtype[np.int64]]
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
    stair = of_block("stair", t)
    assert [t.items[k].day for k in stair] == [(c.date - first).days for c in r.regions_with_unrest] == [0, 1, 2, 3, 4]
    assert list(zip(t.low[stair], t.high[stair], strict=True)) == [(c.interval.low, c.interval.high) for c in r.regions_with_unrest]
    (decline,) = of_block("decline", t)  # five days after the 5th, when most were out, at most a tenth of them is left
    assert (t.items[decline].day, t.low[decline], t.high[decline]) == (9, pytest.approx(-3), pytest.approx(-1))
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
    assert [short.items[k].day for k in of_block("stair", short)] == [0, 1, 2]
    assert not of_block("decline", short)
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


def test_the_stair_and_the_decline_of_a_history() -> None:
    runs = runs_like(6)
    for region, day in enumerate((0, 2, 2, 4, 7)):
        runs.presence[0, day, region] = True
    runs.presence[1, 3:, :] = True
    runs.participants[1, 4], runs.participants[1, 9] = 1000, 200
    runs.participants[2, [4, 9, 12]] = 1000, 200, 1e6  # a later wave alters nothing
    runs.participants[3, 4] = 1000
    runs.participants[4, 9] = 50  # the most so far
    found = {(i.block, i.day): c.tolist() for i, c in zip(target().items, items_of(runs, target(), plan()).T, strict=True)}
    assert [found["stair", day][:3] for day in range(5)] == [[1, 0, 0], [1, 0, 0], [3, 0, 0], [3, 17, 0], [4, 17, 0]]
    left = [0, np.log10(0.2), np.log10(0.2), np.log10(DECLINE_LEAST), 0, 0]  # without a crowd nothing fell
    assert found["decline", 9] == pytest.approx(left)
    away = deviations(items_of(runs, target(), plan()), target())
    (k,) = of_block("decline", target())
    assert away[:, k] == pytest.approx(np.maximum(0, np.array(left) + 1))
    assert away[0, of_block("stair", target())] == pytest.approx([0, 0, 5, 8, 12])  # recorded: 1, 1, 8 or 9, 11 to 14, 16 or 17


# --- distances --------------------------------------------------------------------------------------------------------

SMALL = Target(
    (*(Item("onset", x) for x in "ABC"), Item("participants", "country", 1), Item("deaths", "country"), Item("fallen", "country")),
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
    assert distances(ROWS, SMALL, scales, FORCE) == pytest.approx([0, 5, 6])  # what fell is blank: no block of it
    assert distances(ROWS, SMALL, scales, ("fallen",)).tolist() == [0, 0, 0]  # a record that says nothing


def test_scales_are_the_error_of_the_record_alone() -> None:
    assert scales_of(SMALL) == pytest.approx([ERRORS[b] for b in ("onset", "onset", "onset", "participants", "deaths", "fallen")])
    assert {i.block for i in target().items} == set(ERRORS) == {*MOBILIZATION, *FORCE}


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
    scales = scales_of(target())
    for k in range(40):
        half = np.minimum(target().high - target().low, ONSET_CAP) / 2  # as wide as the record, and as blank
        own = Target(target().items, items[k] - half, items[k] + half)
        for blocks in (MOBILIZATION, FORCE):
            found = distances(items, own, scales, blocks)
            assert found[k] == pytest.approx(0, abs=1e-12)
            assert (np.delete(found, k) > 0.05).all()


def test_the_middle_and_the_summary_by_hand() -> None:
    assert middle_of(SMALL) == pytest.approx([2.5, 6, NAN, 3, 2.2, NAN], nan_ok=True)  # an open end: two days after the earliest
    found = summary_of(ROWS, SMALL)  # participants, deaths, how many seats fell
    assert found == pytest.approx(np.array([[3, 2.2, 1], [4, 1.5, 0], [0, 3, 1]]))


def test_blanks_of_the_record_are_taken_as_simulated() -> None:
    # The record's onset of C and seat of A are blank. What is learned must not depend on a value made up for them.
    onsets = np.tile(ROWS[0], (30, 1))
    onsets[:, 2], onsets[:, 5] = 7, np.arange(30) % 2
    seen = networks.record_summary(SMALL, onsets)
    assert seen[:2] == pytest.approx([3, 2.2])
    assert seen[-1] == pytest.approx(0.5)


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


# --- calibration against a closed form --------------------------------------------------------------------------------

NOISE, SEEN = 0.5, 1.0
"""The engine is replaced by: log10 participants = 3 + score of one parameter + NOISE * luck; the record says 3 + SEEN."""
FEW = [
    n
    for n in NAMES
    if n in ("base_pressure", "arrest_rate", "tie_local", "deterrence", "frailty", "hardship", "seize_rate", "aside_rate", "media_gain")
]
"""Parameters of the closed form: a few do, and are quick."""
PEOPLE_AT, FORCE_AT, CALM_AT, BESIDE_AT = (FEW.index(n) for n in ("base_pressure", "arrest_rate", "tie_local", "seize_rate"))
FREE = np.array([parameters()[n].group in FORCE_GROUPS or n in FORCE_NAMES for n in FEW])
TARGET = Target((Item("participants", "country", 4), Item("detained", "country", 5)), np.array([3 + SEEN, 3.0]), np.array([3 + SEEN, 3.0]))
SETUP = Setup(table=1500, draws=1500, rounds=0, near=100, force_draws=15, particles=250)
KEY = int(Purpose.STUDY)


def few_points(seed: int, numbers: Sequence[int]) -> Floats:
    """In place of `points_of`: uniform points with few coordinates."""
    return np.array([[uniform(seed, KEY, int(n), 1 << 30, k) for k in range(len(FEW))] for n in numbers])


def simulated(points: Floats, seeds: Sequence[int], beside: float = 0.0) -> Runs:
    """Closed-form histories: participants by one parameter, detained by one of force and a little by the first.

    Parameters
    ----------
    beside : how much another parameter of force does to participants
    """
    z = ndtri(points)
    luck = ndtri(np.array([[uniform(int(s), KEY, 0, 0, k) for k in (1, 2)] for s in seeds]).reshape(-1, 2))
    runs = runs_like(len(points), whole={"run": np.arange(len(points)), "seed": np.asarray(seeds)})
    runs.participants[:, 4] = 10 ** (3 + z[:, PEOPLE_AT] + beside * z[:, BESIDE_AT] + NOISE * luck[:, 0]) - 1
    runs.detained[:, 5] = 10 ** (3 + z[:, FORCE_AT] + 0.5 * z[:, PEOPLE_AT] + NOISE * luck[:, 1]) - 1
    return runs


def histories(wave: Callable[[Floats], Any], beside: float = 0.0) -> Callable[..., Runs]:
    """In place of `_histories`: the closed form, and a quiet period that has a wave in three regions where `wave` says so."""

    def instead(task: Task, p: Plan, points: Floats, seeds: Any, what: str, part: int, ending: Ending) -> Runs:
        runs = simulated(points, seeds, beside)
        if what == "quiet":
            runs.presence[:, 2, :3] = np.asarray(wave(points))[:, None]
        return runs

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
        points, np.tile(ROWS[0], (n, 1)), np.linspace(0.1, 0.7, n), np.linspace(1 / 3, 2, n), np.arange(n) + 2**62, np.arange(n), np.ones(n)
    )


def exact(tolerance: float) -> tuple[float, float]:
    """Mean and standard deviation of the score, given that the history is within the tolerance: x is normal, score given x too."""
    wide = np.sqrt(1 + NOISE**2)
    x = truncnorm((SEEN - tolerance) / wide, (SEEN + tolerance) / wide, scale=wide)
    gain = 1 / (1 + NOISE**2)
    return gain * float(x.mean()), float(np.sqrt(NOISE**2 * gain + gain**2 * x.var()))


def check_posterior(found: Particles) -> None:
    """Particles against the exact law: they are independent, so errors are 4 standard errors of their number."""
    scores = ndtri(found.points[:, PEOPLE_AT])
    (tolerance,) = (stage.tolerance for stage in found.trace if stage.module == "mobilization")
    mean, sd = exact(tolerance)
    n = len(scores)
    assert len(np.unique(found.origin)) == n == SETUP.near
    assert tolerance < 0.5
    assert max(found.mobilization) == tolerance
    assert scores.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(n))
    assert scores.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * n))
    others = ndtri(np.delete(found.points, [PEOPLE_AT], axis=1))  # nothing is said of the others: as the prior
    assert np.abs(others.mean(axis=0)).max() < 4 / np.sqrt(n)
    assert others.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n * len(others.T)))


def first_module(tmp_path: Path, **more: Any) -> Particles:
    return module.nearest(a_task(tmp_path, **more), prior_runs(), SETUP)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(module, "_histories", histories(lambda points: np.zeros(len(points), bool)))
    monkeypatch.setattr(module, "points_of", few_points)
    monkeypatch.setattr(module, "parameters", lambda: {n: parameters()[n] for n in FEW})
    return monkeypatch


def check_own_history(found: Particles, beside: float = 0.0) -> None:
    """Every particle is the history of its seed at its point, and its distances are that history's."""
    again = items_of(simulated(found.points, found.seeds.tolist(), beside), TARGET, plan())
    assert again == pytest.approx(found.items)
    assert distances(again, TARGET, np.ones(2), MOBILIZATION) == pytest.approx(found.mobilization)
    assert distances(again, TARGET, np.ones(2), FORCE) == pytest.approx(found.force)
    assert found.seeds.tolist() == [history_seed(SEED, int(k), 0) for k in found.origin]


def test_particles_are_the_exact_posterior_given_the_tolerance(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = first_module(tmp_path)
    check_posterior(found)
    check_own_history(found)
    (stage,) = found.trace
    assert (stage.tried, stage.draws, stage.quiet) == (SETUP.table, SETUP.near, 1)
    assert stage.within == pytest.approx(SETUP.near / SETUP.table)
    assert np.array_equal(first_module(tmp_path).points, found.points)
    far = np.delete(np.arange(SETUP.table), found.origin)  # nobody nearer was left out
    left_out = distances(items_of(prior_runs(), TARGET, plan()), TARGET, np.ones(2), MOBILIZATION)[far]
    assert left_out.min() >= stage.tolerance


ROUNDS = replace(SETUP, table=500, draws=500, rounds=2, proposed=500)
"""As many draws in all as `SETUP`."""


def in_rounds(tmp_path: Path) -> Particles:
    return module.nearest(a_task(tmp_path), chosen(prior_runs(), slice(ROUNDS.table)), ROUNDS)


def check_weighted(found: Particles) -> None:
    """Weighted particles against the exact law: errors are 4 standard errors of the draws that they are worth."""
    w, scores = found.weights / found.weights.sum(), ndtri(found.points)
    mean, sd = exact(found.trace[-1].tolerance)
    worth = 1 / (w**2).sum()
    assert worth == pytest.approx(found.trace[-1].worth)
    assert worth >= SETUP.near
    middle = w @ scores
    assert middle[PEOPLE_AT] == pytest.approx(mean, abs=4 * sd / np.sqrt(worth))
    assert np.sqrt(w @ (scores[:, PEOPLE_AT] - middle[PEOPLE_AT]) ** 2) == pytest.approx(sd, rel=4 / np.sqrt(2 * worth))
    assert np.abs(np.delete(middle, PEOPLE_AT)).max() < 4 / np.sqrt(worth)


def test_draws_around_those_that_came_near_give_the_same_law_nearer_to_the_record(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, found = first_module(tmp_path), in_rounds(tmp_path)
    check_weighted(found)
    check_own_history(found)
    assert found.trace[-1].tolerance < 0.85 * plain.trace[-1].tolerance
    assert found.weights.max() <= 3  # a third of the draws are of the priors
    assert len(np.unique(found.origin)) == len(found.origin)
    assert found.trace[-1].within == pytest.approx(plain_share(found.trace[-1].tolerance), rel=0.2)
    whole = calibrate(a_task(tmp_path), chosen(prior_runs(), slice(ROUNDS.table)), ROUNDS)
    mean, sd = exact(found.trace[-1].tolerance)
    assert ndtri(whole.points[:, PEOPLE_AT]).mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(SETUP.near / 2))
    assert (whole.weights == 1).all()


def test_under_another_prior_the_same_draws_give_its_posterior(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    away = -1.0  # middle of the score under the other prior; that of the table is 0
    closed.setattr(module, "favour", lambda points, priors: np.exp(away * ndtri(points[:, PEOPLE_AT]) - away**2 / 2))
    found = in_rounds(tmp_path)
    w, scores = found.weights / found.weights.sum(), ndtri(found.points[:, PEOPLE_AT])
    tolerance, wide, gain = found.trace[-1].tolerance, np.sqrt(1 + NOISE**2), 1 / (1 + NOISE**2)
    ends = ((SEEN + sign * tolerance - away) / wide for sign in (-1, 1))
    mean = away + gain * (float(truncnorm(*ends, loc=away, scale=wide).mean()) - away)
    assert w @ scores == pytest.approx(mean, abs=4 / np.sqrt(found.trace[-1].worth))
    assert mean < exact(tolerance)[0] - 0.15  # what would come out without weights
    closed.setattr(module, "favour", lambda points, priors: np.ones(len(points)))
    assert np.array_equal(
        in_rounds(tmp_path).weights, module.nearest(a_task(tmp_path, priors={}), chosen(prior_runs(), slice(500)), ROUNDS).weights
    )


def test_force_is_drawn_anew_from_the_other_prior(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = Prior(kind="lognormal", a=0.02, b=0.1)
    task, before = a_task(tmp_path, priors={"arrest_rate": other}), first_module(tmp_path)
    (drawn,) = module._anew(task, before, range(1), np.inf, SETUP)
    p = parameters()["arrest_rate"]
    assert [p.prior.quantile(float(np.median(x.points[:, FORCE_AT]))) for x in (drawn,)] == [pytest.approx(0.02, rel=0.05)]
    assert np.median(before.points[:, FORCE_AT]) == pytest.approx(0.5, abs=0.2)


def plain_share(tolerance: float) -> float:
    """Share of the priors within the tolerance."""
    wide = np.sqrt(1 + NOISE**2)
    return float(ndtr((SEEN + tolerance) / wide) - ndtr((SEEN - tolerance) / wide))


@pytest.mark.parametrize("fault", ["all weigh the same", "turned over", "another law"])
def test_a_wrong_weight_is_caught(closed: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    right = module.weights_of
    wrong: dict[str, Any] = {
        "all weigh the same": lambda points, laws, counts: np.ones(len(points)),
        "turned over": lambda points, laws, counts: 1 / right(points, laws, counts),
        "another law": lambda points, laws, counts: right(points, [replace(x, mean=x.mean - 1) for x in laws], counts),
    }
    closed.setattr(module, "weights_of", wrong[fault])
    with pytest.raises(AssertionError):
        check_weighted(in_rounds(tmp_path))


@pytest.mark.parametrize("fault", ["accepts everything", "the farthest"])
def test_a_wrong_calibration_is_caught(closed: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    far = distances(items_of(prior_runs(), TARGET, plan()), TARGET, np.ones(2), MOBILIZATION)
    wrong = {"accepts everything": np.full(SETUP.table, 0.1), "the farthest": far.max() - far}
    closed.setattr(module, "distances", lambda items, t, scales, blocks: wrong[fault])
    with pytest.raises(AssertionError):
        check_posterior(first_module(tmp_path))


def test_draws_beyond_the_table_are_taken_if_they_are_near(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A table of 700 and 800 more, looked at in chunks that do not end with parts, give what a table of all gives."""

    class Beside(Runner):
        def within(self, stage: str, before: int, total: int) -> Beside:
            return self

        def histories(self, recipe: Any, n: int, stage: str = "histories", before: int = 0) -> Runs:
            numbers = np.concatenate([np.arange(k * recipe.part, min((k + 1) * recipe.part, n)) for k in recipe.only])
            runs = simulated(few_points(SEED, numbers), [history_seed(SEED, int(k), 0) for k in numbers])
            far = distances(items_of(runs, TARGET, plan()), TARGET, np.ones(2), MOBILIZATION)
            assert recipe.ending.limit == pytest.approx(known)
            return replace(runs, stopped=far > recipe.ending.limit, whole={**runs.whole, "draw": numbers})

    closed.setattr(module, "CHUNK", 130)
    closed.setattr(module, "LOOK", 0.5)
    setup, part = replace(SETUP, table=705, near=150), chosen(prior_runs(), slice(705))
    known = np.quantile(distances(items_of(part, TARGET, plan()), TARGET, np.ones(2), MOBILIZATION), 0.5, method="higher")
    found = module.nearest(a_task(tmp_path, runner=Beside(tmp_path)), part, setup)
    whole = module.nearest(a_task(tmp_path), prior_runs(), replace(SETUP, near=150))
    assert found.trace == whole.trace
    for array in module.ARRAYS:
        assert np.array_equal(getattr(found, array), getattr(whole, array))


def test_histories_that_were_broken_off_are_never_near(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    near = first_module(tmp_path).origin[:20]
    stopped = np.isin(np.arange(SETUP.table), near)
    found = module.nearest(a_task(tmp_path), replace(prior_runs(), stopped=stopped), SETUP)
    assert not set(near.tolist()) & set(found.origin.tolist())


def test_a_history_that_was_ended_would_not_have_been_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small, few = (
        resolve(shortened(scenario(), step_hours=2.0), scale=0.001),
        Setup(table=12, draws=12, rounds=1, proposed=6, near=4, force_draws=4, particles=4, part=6),
    )
    table = prior_table(small, 12, SEED, Runner(tmp_path / "table"), part=6)
    ended: list[int] = []
    one = module._histories

    def counted(task: Task, p: Plan, points: Floats, seeds: Any, what: str, part: int, ending: Any) -> Runs:
        found = one(task, p, points, seeds, what, part, ending if name == "ended" else replace(ending, limit=np.inf))
        ended.append(int(found.stopped.sum()))
        return found

    monkeypatch.setattr(module, "_histories", counted)
    given = {}
    for name in ("ended", "whole"):
        given[name] = calibrate(a_task(tmp_path / name, plan=small, target=target(), scales=scales_of(target())), table, few)
        assert (sum(ended) > 0) == (name == "ended")
        ended.clear()
    assert given["ended"].trace == given["whole"].trace
    for array in module.ARRAYS:
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
    assert len(found.origin) == SETUP.near
    assert kstest(found.points[:, CALM_AT] / 0.4, "uniform").pvalue > 1e-6  # but for that, the prior
    assert found.trace[0].quiet == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / SETUP.near))
    closed.setattr(module, "calm", lambda runs, most: np.ones(runs.n, bool))
    assert waves(first_module(tmp_path, quiet=plan()).points).any()  # without the check there are some


def test_a_draw_has_one_luck_in_its_quiet_period(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[int, int] = {}
    one = histories(waves)

    def noted(task: Task, p: Plan, points: Floats, seeds: Any, what: str, part: int, ending: Ending) -> Runs:
        if what == "quiet":
            for point, seed in zip(points[:, PEOPLE_AT].tolist(), seeds.tolist(), strict=True):  # which the second module leaves alone
                assert asked.setdefault(point, seed) == seed
        return one(task, p, points, seeds, what, part, ending)

    closed.setattr(module, "_histories", noted)
    calibrate(a_task(tmp_path, quiet=plan()), prior_runs(), SETUP)
    assert len(set(asked.values())) == len(asked) > SETUP.near
    assert not set(asked.values()) & {history_seed(SEED, k, 0) for k in range(SETUP.table)}


def test_a_table_without_a_quiet_draw_is_said(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed.setattr(module, "_histories", histories(lambda points: np.ones(len(points), bool)))
    with pytest.raises(StudyError) as caught:
        first_module(tmp_path, quiet=plan())
    assert said(caught.value) == ["never_quiet"]


# --- the second module ------------------------------------------------------------------------------------------------

BESIDE = 0.3


def loud(points: Floats) -> Any:
    """A parameter of force that sets the quiet period alight."""
    return points[:, FORCE_AT] > 0.6


def check_second(task: Task, before: Particles, beside: float = 0.0, wave: Callable[[Floats], Any] | None = None) -> Particles:
    """Force only, under the same luck, every draw once and none left out, as near as before, quiet, and nearer to force."""
    found = follow(task, before, SETUP)
    assert np.array_equal(found.points[:, ~FREE], before.points[:, ~FREE])
    assert np.array_equal(found.origin, before.origin)
    assert np.array_equal(found.seeds, before.seeds)
    check_own_history(found, beside)
    assert max(found.mobilization) <= max(before.mobilization)
    assert (found.force <= before.force).all()
    stayed = (found.points == before.points).all(axis=1)
    assert np.array_equal(found.force[stayed], before.force[stayed])
    assert 0 < stayed.mean() < 0.5
    assert np.median(found.force) < 0.5 * np.median(before.force)
    if wave is not None:
        assert not wave(found.points)[~stayed].any()
    assert [s.module for s in found.trace] == ["mobilization", "force"]
    assert (found.trace[1].tried, found.trace[1].draws) == (SETUP.near * SETUP.force_draws, SETUP.near)
    return found


def test_the_second_module_takes_the_nearest_of_each_draw(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert FREE[[FORCE_AT, BESIDE_AT]].all()
    assert not FREE[[PEOPLE_AT, CALM_AT]].any()
    task = a_task(tmp_path)
    found = check_second(task, first_module(tmp_path))
    # The nearest of so many independent scores: how few are nearer is known exactly, draw by draw.
    z = ndtri(found.points)
    luck = ndtri([uniform(int(s), KEY, 0, 0, 2) for s in found.seeds])
    centre = -(0.5 * z[:, PEOPLE_AT] + NOISE * luck)
    assert found.force == pytest.approx(np.abs(z[:, FORCE_AT] - centre))
    nearer = ndtr(centre + found.force) - ndtr(centre - found.force)
    assert kstest((1 - nearer) ** (SETUP.force_draws + 1), "uniform").pvalue > 1e-6
    assert found.trace[1].within == 1
    assert np.array_equal(follow(task, first_module(tmp_path), SETUP).points, found.points)


def test_new_force_leaves_how_unrest_spread_as_near_as_it_was(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed.setattr(module, "_histories", histories(loud, BESIDE))
    few = few_points(SEED, range(SETUP.table))
    table = simulated(few, [history_seed(SEED, k, 0) for k in range(SETUP.table)], BESIDE)
    task = a_task(tmp_path, quiet=plan())
    found = check_second(task, module.nearest(task, table, SETUP), BESIDE, loud)
    assert 0.1 < found.trace[1].within < 0.9
    assert 0.4 < found.trace[1].quiet < 0.9


@pytest.mark.parametrize(
    "fault", ["new luck", "force decides which draws stay", "any distance", "quiet period ignored", "moves everything"]
)
def test_a_wrong_second_module_is_caught(closed: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    one, task = histories(loud, BESIDE), a_task(tmp_path, quiet=plan())
    closed.setattr(module, "_histories", one)
    few = few_points(SEED, range(SETUP.table))
    before = module.nearest(task, simulated(few, [history_seed(SEED, k, 0) for k in range(SETUP.table)], BESIDE), SETUP)
    if fault == "new luck":
        closed.setattr(module, "_histories", lambda t, p, points, seeds, *rest: one(t, p, points, np.asarray(seeds) + 1, *rest))
    elif fault == "force decides which draws stay":
        stack = np.stack

        def twice(arrays: Any, **more: Any) -> Any:
            found = stack(arrays, **more)
            return found[:, np.r_[0, 0, 2 : found.shape[1]]] if found.shape[:2] == (SETUP.force_draws + 1, SETUP.near) else found

        closed.setattr(np, "stack", twice)
    elif fault == "any distance":
        closed.setattr(module, "_nearest_quiet", lambda t, numbers, force, points, setup: (nearest_of_all(points, before), 1.0))
    elif fault == "quiet period ignored":
        closed.setattr(module, "calm", lambda runs, most: np.ones(runs.n, bool))
    else:
        closed.setattr(module, "moving", lambda held: set(FEW))
    with pytest.raises(AssertionError):
        check_second(task, before, BESIDE, loud)


def nearest_of_all(points: Floats, before: Particles) -> Any:
    """The time of drawing nearest to force, whatever it does to how unrest spread."""
    runs = [simulated(p, before.seeds.tolist(), BESIDE) for p in points]
    return np.stack([distances(items_of(r, TARGET, plan()), TARGET, np.ones(2), FORCE) for r in runs]).argmin(axis=0)


def test_the_second_module_leaves_what_the_first_has_learned() -> None:
    spec = scenario().file.calibration
    assert spec is not None
    assert moving(["arrest_rate"]) == moving() - {"arrest_rate"}
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
    ranks = leave_one_out(*gaussian(), np.arange(RECORDS), near=100, tie=lambda row, p: uniform(1, int(Purpose.STUDY), row, p, 0))
    assert ((ranks > 0) & (ranks < 1)).all()
    assert [(c.parameter, c.level) for c in coverage(ranks, ["a", "b"])] == [(n, x) for n in "ab" for x in inference.LEVELS]
    assert all(c.holds and c.of == RECORDS for c in coverage(ranks, ["a", "b"]))
    assert min(uniformity(ranks)) > 1e-4


def test_intervals_of_a_linear_gaussian_table_hold() -> None:
    check_coverage()
    told: list[tuple[int, int]] = []
    leave_one_out(*gaussian(), [5, 7], near=100, tie=lambda row, p: 0.5, progress=lambda *x: told.append(x))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("fault", ["overconfident", "biased", "sees the truth"])
def test_a_wrong_posterior_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    right = inference.nearest
    scores, summaries = gaussian()

    def wrong(others: Floats, at: Floats, n: int, spread: Floats) -> tuple[Ints, Floats]:
        row = int(np.flatnonzero(summaries[:, 0] == at[0])[0])
        rows, w = right(others, at + 0.3 * (fault == "biased"), n, spread)
        own = np.delete(scores[:, 0], row)[rows]
        middle = {"biased": own, "overconfident": own.mean(), "sees the truth": scores[row, 0]}[fault]
        return rows, w * np.exp(-((own - middle) ** 2) / own.var())

    monkeypatch.setattr(inference, "nearest", wrong)
    with pytest.raises(AssertionError):
        check_coverage()


@pytest.fixture
def records(closed: pytest.MonkeyPatch) -> Runs:
    """A table in which nearly every history has an uprising, and six in ten draws a wave in the quiet period."""
    closed.setattr(module, "_histories", histories(waves))
    closed.setattr(fitted, "points_of", few_points)
    closed.setattr(fitted, "columns_of", lambda names: [FEW.index(n) for n in names])
    runs = prior_runs()
    peak = np.where(np.arange(runs.n) % 10 == 0, 0.0, 10.0 * UPRISING)
    return replace(runs, whole={**runs.whole, "peak": peak}, stopped=np.arange(runs.n) % 10 == 1)


def test_histories_that_play_the_record_are_quiet_before(records: Runs, closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = a_task(tmp_path, quiet=plan())
    among = fitted.quiet_uprisings(task, records, SETUP)
    expected = [k for k in range(records.n) if k % 10 > 1 and not waves(few_points(SEED, [k]))[0]]
    assert among.tolist() == expected
    played = fitted.simulated_records(among, SEED)
    assert len(set(played.tolist())) == min(fitted.PSEUDO, len(among)) == len(played)
    assert set(played.tolist()) <= set(expected)
    assert not len(fitted.simulated_records(among[:10], SEED))
    assert fitted.quiet_uprisings(a_task(tmp_path), records, SETUP).tolist() == [k for k in range(records.n) if k % 10 > 1]
    closed.setattr(fitted, "LOOKED_AT", 300)  # of a large table not all: some by lot, others by another seed
    some = fitted.quiet_uprisings(task, records, SETUP)
    assert set(some.tolist()) < set(expected)
    assert len(some) == pytest.approx(0.4 * 300, abs=4 * np.sqrt(0.24 * 300))


def test_ranks_are_uniform_among_draws_that_are_quiet_too(records: Runs, tmp_path: Path) -> None:
    names = ["base_pressure", "arrest_rate", "tie_local"]
    task = a_task(tmp_path, quiet=plan())
    among = fitted.quiet_uprisings(task, records, SETUP)
    ranks = fitted.record_ranks(names, records, TARGET, plan(), SEED, among)
    assert min(uniformity(ranks)) > 1e-4
    assert all(c.holds for c in coverage(ranks, names))
    # Records that are quiet among draws that are not: ranks of what decides over the quiet period lean, and their test says so.
    everyone = fitted.uprisings(records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "simulated_records", lambda candidates, seed: among)
        leaning = fitted.record_ranks(names, records, TARGET, plan(), SEED, everyone)
    assert uniformity(leaning)[2] < 1e-6
    assert not len(fitted.record_ranks(names, records, TARGET, plan(), SEED, among[:5]))


def test_what_differs_between_runs_by_hand() -> None:
    def seen(*shown: int) -> list[Feature]:
        return [Feature("onset", name, "", n, 200, 0, 0, 0) for name, n in zip("AB", shown, strict=True)]

    scores = [np.array([[-1.0, 0], [m, 0], [1, 0]]) for m in (0.0, 0.1, 0.2)]
    rows = between(["a", "b"], scores, [seen(100, 0), seen(110, 0), seen(120, 0)])
    assert [(r.number, r.of) for r in rows] == [(MEDIAN, "a"), (MEDIAN, "b"), (SHARE, "onset:A"), (SHARE, "onset:B")]
    places = ndtr([0.0, 0.1, 0.2])
    assert rows[0].mean == pytest.approx(places.mean())
    assert rows[0].sd == pytest.approx(np.std(places, ddof=1))
    assert rows[0].expected == pytest.approx(np.mean([np.std(ndtr([-1, m, 1])) for m in (0.0, 0.1, 0.2)]))
    assert (rows[1].sd, rows[1].expected, rows[1].ratio) == (0, 0, 0)
    assert (rows[2].mean, rows[2].sd) == pytest.approx((0.55, 0.05))
    assert rows[2].ratio == pytest.approx(0.05 / np.sqrt(0.55 * 0.45 / 200))
    assert (rows[3].mean, rows[3].ratio) == (0, 0)


def test_runs_of_other_seeds_differ_as_the_posterior_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[int, bool, bool]] = []

    def fit(terms: fitted.Terms, runner: Runner, command: Any = None, *, checked: bool = True) -> fitted.Run:
        asked.append((terms.seed, terms.known is not None, checked))
        scores = np.random.default_rng(terms.seed).normal(size=(200, len(fitted.spec_of(terms.scenario).fitted)))
        return fitted.Run({"a.csv": "a\n"}, {"seed": terms.seed}, scores, [Feature("onset", "A", "", 100, 200, 0, 0, 0)])

    monkeypatch.setattr(fitted, "fit", fit)
    monkeypatch.setattr(fitted.Run, "of", lambda found: found)
    terms = fitted.Terms(scenario(), SETUP, 7, known=prior_runs())
    first, rows, table = fitted.repeated(terms, 3, Runner(tmp_path))
    assert asked == [(7, True, True), (8, False, False), (9, False, False)]  # the table at hand is that of the first seed
    assert (first.made, table) == ({"seed": 7}, {})
    medians = [r.ratio for r in rows if r.number == MEDIAN]
    assert len(medians) == len(fitted.spec_of(scenario()).fitted)
    assert 0 < max(medians) < 0.4  # of two hundred independent draws, about 0.09 each
    assert fitted.repeated(terms, 1, Runner(tmp_path))[1] == []
    assert fitted.between_csv(rows).splitlines()[0] == "number,of,mean,sd,expected,ratio"

    # A finished run is kept: it is not made again, unless it was another's.
    asked.clear()
    kept = tmp_path / "kept"
    assert fitted.repeated(terms, 2, Runner(tmp_path), None, kept)[1] == fitted.repeated(terms, 2, Runner(tmp_path))[1]
    assert [seed for seed, *_ in asked] == [7, 8, 7, 8]
    asked.clear()
    again, same, _ = fitted.repeated(terms, 3, Runner(tmp_path), None, kept)
    assert same == rows
    assert (again.files, again.made, again.after) == (first.files, first.made, first.after)
    assert np.array_equal(again.scores, first.scores)
    assert [seed for seed, *_ in asked] == [9]
    fitted.repeated(replace(terms, setup=replace(SETUP, near=9)), 1, Runner(tmp_path), None, kept)
    assert [seed for seed, *_ in asked] == [9, 7]


def test_the_nearest_draws_and_their_weights_by_hand() -> None:
    rows, w = nearest(np.array([[0.0, 0], [3, 4], [0, 1], [6, 8]]), np.zeros(2), 3, np.array([1.0, 1.0]))
    assert rows.tolist() == [0, 2, 1]
    assert w == pytest.approx([1, 1 - 1 / 100, 1 - 25 / 100])  # distances 0, 1, 5 of the next one's 10


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


def test_what_ships_is_a_sample_in_an_order_drawn_once(closed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = replace(SETUP, particles=SETUP.near, force_draws=0)
    first, second = first_module(tmp_path), calibrate(a_task(tmp_path), prior_runs(), setup)
    assert sorted(second.origin) == sorted(first.origin)  # of equal weight: each once
    assert second.origin.tolist() != sorted(second.origin) != first.origin.tolist() != second.origin.tolist()
    again = calibrate(a_task(tmp_path), prior_runs(), setup)
    assert np.array_equal(again.origin, second.origin)
    many = calibrate(a_task(tmp_path), prior_runs(), replace(setup, particles=2 * SETUP.near))
    assert sorted(many.origin) == sorted([*first.origin, *first.origin])


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


def write(folder: Path) -> Particles:
    p = replace(
        particles_at(points_of(3, range(5))), origin=np.array([4, 4, 2, 1, 0]), trace=[Stage("force", 5, 1 / 3, 1.0, 0.5, 5, 5.0, 0.1)]
    )
    folder.mkdir(exist_ok=True)
    for name, text in write_posterior(p, {"seed": 7, "command": "qantar calibrate"}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return p


def test_a_posterior_comes_back_in_every_digit(tmp_path: Path) -> None:
    assert read_posterior(tmp_path) is None
    p = write(tmp_path / "p")
    found = read_posterior(tmp_path / "p")
    assert found is not None
    assert found.values == p.values()  # exactly
    assert (
        max(
            abs(v - w) / (1e-300 + abs(w))
            for k, a in enumerate(found.values)
            for v, w in zip(a.values(), values_at(p.points[k]).values(), strict=True)
        )
        < 1e-9
    )
    assert found.seeds.tolist() == [2**62 + k for k in range(5)]  # more digits than a float holds
    assert found.ancestors.tolist() == [4, 4, 2, 1, 0]
    assert found.mobilization == pytest.approx(p.mobilization, rel=1e-5)
    assert found.force == pytest.approx(p.force, rel=1e-5)
    assert (found.made["seed"], found.made["modules"][0]["tolerance"]) == (7, 0.333333)


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
    assert 'mobilization = ["rally_rate"]' in done.err
    (country / "scenario.toml").write_text(SOURCE.replace('mobilization = ["rally_rate"', 'mobilization = ["raly_rate"'), encoding="utf-8")
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
    "calibrate", "country", "--quick", "--table", "30", "--draws", "40", "--rounds", "0", "--near", "10", "--force-draws", "2", "--particles", "10", "--scale", "0.0005", "--set", "time.hours=48",
    "--set", "parameters.base_pressure=0.00001",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case that is loud and short, fitted in two parameters, and its calibration by two processes."""
    if not warm.compiled():
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
    assert len(set(found.seeds.tolist())) == len(set(found.ancestors.tolist())) == 10  # without rounds all weigh the same
    assert len(set(found.mobilization.tolist())) > 3  # histories differ, and so does what is accepted
    with (home / "whole" / "modules.csv").open(encoding="utf-8") as file:
        modules = list(csv.DictReader(file))
    assert [(r["module"], r["tried"], r["draws"]) for r in modules] == [("mobilization", "40", "10"), ("force", "20", "10")]
    assert 0 < float(modules[0]["within"]) < 1
    assert 0 <= float(modules[1]["within"]) <= 1
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
        # Not before they are at work: while it hands out tasks, Python 3.11 may wait for ever for a process that died at its start.
        assert wait_for(lambda: any(store.glob("*/part-*")), 120)
        worker = next(pid for pid in children(process.pid) if b"spawn_main" in command(pid))
        os.kill(worker, signal.SIGKILL)
        assert wait_for(lambda: any(store.glob("draws-*")), 240)  # its part was done again: the table is whole, force has begun
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
