"""Held-out forecasts and rivals: nothing withheld is read, shares of priors add up, equal terms."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from kit.packaged import scenario
from qantar.engine.loop import simulate
from qantar.ensemble.runner import Runner
from qantar.errors import ResultError
from qantar.forecast.baselines import facts_of
from qantar.forecast.held_out import (
    MODEL,
    REFERENCE,
    TWIN,
    by_policy,
    day_ahead,
    nearest_draws,
    record_days,
    region_out,
    resimulate,
    scores,
    until,
    without_local_steps,
    without_region,
    worth_of_ties,
)
from qantar.forecast.rivals import HOME, Comparison, Rival, Terms, compare, mass_at
from qantar.forecast.scores import log_score_days
from qantar.inference.distance import Target, distances, target_of, up_to
from qantar.inference.problem import Problem, prior_table
from qantar.inference.rejection import Setup
from qantar.record.observables import Observables, observe
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve

CASE = "kazakhstan-2022"


ALMATY, MANGYSTAU = "KZ-ALA", "KZ-MAN"


def country(hours: int = 384, scale: float = 0.0005) -> Plan:
    return resolve(scenario(), scale=scale).model_copy(update={"hours": hours})


@functools.cache
def record() -> Observables:
    return observe(scenario().case.record)


@functools.cache
def target() -> Target:
    return target_of(record(), country())


def known(found: Target) -> dict[tuple[str, str, int], tuple[float, float]]:
    rows = zip(found.items, found.low, found.high, strict=True)
    return {(i.block, i.of, i.day): (a, b) for i, a, b in rows if not np.isnan(a)}


def number(region: str) -> int:
    return [r.id for r in country().regions].index(region)


def test_a_region_held_out_is_not_in_what_is_left() -> None:
    left = known(without_region(target(), ALMATY))
    assert {block for block, _, _ in left} == {"onset"}  # every national total holds the region, and seats fell later
    assert all(of != ALMATY for _, of, _ in left)
    before = known(target())
    assert len(left) == sum(block == "onset" and of != ALMATY for block, of, _ in before)
    assert all(left[key] == before[key] for key in left)


def test_what_is_left_does_not_depend_on_what_was_withheld() -> None:
    onsets = [
        dataclasses.replace(o, earliest=o.earliest.replace(day=7), latest=None) if o.region_id == ALMATY else o for o in record().onsets
    ]
    participants = tuple(dataclasses.replace(d, interval=dataclasses.replace(d.interval, low=1, high=9)) for d in record().participants)
    changed = dataclasses.replace(
        record(), onsets=tuple(onsets), participants=participants, seats_entered={**record().seats_entered, ALMATY: False}
    )
    other = target_of(changed, country())
    assert known(other) != known(target())
    assert known(without_region(other, ALMATY)) == known(without_region(target(), ALMATY))


def test_a_day_ahead_knows_what_was_known_then_and_no_more() -> None:
    never = 16
    left = known(until(target(), 2, never))
    assert left["onset", MANGYSTAU, -1] == known(target())["onset", MANGYSTAU, -1]
    assert left["onset", "KZ-ZAP", -1] == (2, 2)  # rose on the day itself
    assert left["onset", "KZ-ZHA", -1] == (3, never)  # on the 4th: later, no more
    assert left["onset", "KZ-AKT", -1] == (2, never)  # on the 3rd or later
    assert ("participants", "country", 1) in left
    assert all(day <= 2 for block, _, day in left if block != "onset")
    assert not any(block in ("deaths", "share", "seats") for block, _, _ in left)
    later = [dataclasses.replace(o, earliest=o.earliest.replace(day=6)) if o.earliest.day >= 4 else o for o in record().onsets]
    changed = target_of(dataclasses.replace(record(), onsets=tuple(later)), country())
    assert known(until(changed, 2, never)) == left


def test_decisions_that_concern_one_region_alone_are_withheld() -> None:
    plan = country()
    left = {s.id for s in without_local_steps(plan).steps}
    gone = {s.id for s in plan.steps} - left
    assert {"emergency-almaty", "emergency-mangystau", "price-mangystau", "price-caps-65", "troops"} <= gone
    assert {"emergency-all", "cabinet", "price-free"} <= left
    assert "price-free-atyrau" in left  # given: no answer to unrest


def test_histories_keep_parameters_and_luck_under_another_plan(tmp_path: Path) -> None:
    plan, seed = country(hours=96), 5
    table = prior_table(plan, 6, seed, Runner(tmp_path), part=3)
    told: list[tuple[int, int]] = []
    runner = Runner(tmp_path, progress=lambda stage, done, total: told.append((done, total)))
    runs = resimulate(plan, np.array([5, 1, 1, 3]), seed, runner, "ahead")
    for name in ("participants", "killed", "presence"):
        assert np.array_equal(getattr(runs, name), getattr(table, name)[[5, 1, 1, 3]])
    assert told[-1] == (3, 3)  # a history that is asked for twice is simulated once
    late = plan.model_copy(update={"steps": [s for s in plan.steps if s.at < 60]})
    same = resimulate(late, np.array([0, 4]), seed, Runner(tmp_path), "ahead")
    assert np.array_equal(same.participants[:, :2], table.participants[[0, 4], :2])  # until a decision differs


def test_a_policy_replays_what_had_been_decided_and_decides_the_rest() -> None:
    free = by_policy(country(), 72.0)
    given = {s.id for s in free.steps if s.given}
    assert {"price-free", "price-mangystau"} <= given
    assert "cabinet" not in given
    assert {"concession", "internet", "emergency", "price"} <= {k for k, d in free.drivers.items() if d == "policy"}


def test_up_to_its_hour_a_policy_only_looks_on() -> None:
    rungs = {k: 0.001 for k in parameters() if k.startswith("rung_")}  # so low that it would decide at the first sight of anybody
    values = defaults() | rungs | {"base_pressure": 3e-6, "decide_hours": 0.0}
    plan = up_to(country(scale=0.002), 5)
    recorded, handed_over = simulate(plan, values, 3), simulate(by_policy(plan, 92.0), values, 3)
    own = [s for s in handed_over.decisions if s.source == "policy"]
    assert own
    assert min(s.at for s in own) > 92
    assert np.array_equal(handed_over.protesting[:92], recorded.protesting[:92])
    replayed = {s.id for s in handed_over.decisions if s.source != "policy"}
    assert "price-mangystau-2" in replayed
    assert "cabinet" not in replayed
    early = simulate(by_policy(plan, 92.0).model_copy(update={"policy_from": None}), values, 3)
    assert min(s.at for s in early.decisions if s.source == "policy") < 92  # else nothing above was tested


def test_nearest_draws_are_near_in_what_is_known_only() -> None:
    t = without_region(target(), ALMATY)
    items = np.tile(np.nan_to_num(target().low), (40, 1))
    column = next(k for k, i in enumerate(t.items) if i.block == "onset" and i.of == "KZ-SEV")
    items[:, column] += np.arange(40) % 5
    withheld = [k for k, i in enumerate(t.items) if i.of == ALMATY or i.block == "participants"]
    items[:, withheld] = np.random.default_rng(1).normal(size=(40, len(withheld))) * 9
    chosen = nearest_draws(items, t, np.ones(len(t.items)), 8)
    assert set(chosen.tolist()) == {k for k in range(40) if k % 5 == 0}
    whole = distances(items, target(), np.ones(len(t.items)), ("onset", "participants"))
    assert set(np.argsort(whole)[:8].tolist()) != set(chosen.tolist())  # had the withheld been read


def test_forecasts_and_scores_end_to_end(tmp_path: Path) -> None:
    plan = country(hours=96)
    facts = facts_of(record(), plan)
    t = target_of(record(), plan)
    items = np.random.default_rng(2).uniform(0, 6, (30, len(t.items)))
    problem = Problem(plan, record(), t, None, 5)  # type: ignore[arg-type]
    vars(problem)["items"] = items  # of a table that nobody simulated
    onsets = region_out(problem, Runner(tmp_path), near=2)
    assert {*onsets} == {MODEL, TWIN}
    for p in onsets.values():
        assert p.shape == (17, facts.n_days + 1)
        assert p.sum(axis=1) == pytest.approx(np.ones(17))
    ahead = day_ahead(problem, [1, 2], Runner(tmp_path), near=4)
    assert ahead.shape == (2, 17)
    assert ((ahead >= 0) & (ahead <= 1)).all()
    found = scores(facts, onsets, [1, 2], ahead, 4)
    names = {(s.partition, s.forecaster) for s in found}
    assert {("region", MODEL), ("region", TWIN), ("region", "never"), ("day", MODEL), ("day", "logistic")} <= names
    own = next(s for s in found if (s.partition, s.forecaster) == ("region", MODEL))
    assert own.log.mean == pytest.approx(float(np.mean(log_score_days(onsets[MODEL], facts.low, facts.high, 4))))
    ties = worth_of_ties(facts, onsets, 4)
    twin = next(s for s in found if (s.partition, s.forecaster) == ("region", TWIN))
    assert ties.mean == pytest.approx(own.log.mean - twin.log.mean)
    for partition, name in REFERENCE.items():
        assert next(s for s in found if (s.partition, s.forecaster) == (partition, name)).against.mean == 0
    assert record_days(facts) <= facts.n_days


def rival(*distances: float) -> Rival:
    """An account whose quiet draws lie so far from the record."""
    return Rival("a", np.array(distances), np.ones(len(distances)), np.zeros(17))


def test_the_share_of_a_prior_that_comes_near() -> None:
    home, other, none = (
        rival(0.5, 1, 1.5, 2),
        dataclasses.replace(rival(1.5, 2, 2.5, 3), arm="b"),
        dataclasses.replace(rival(4, 5), arm="c"),
    )
    assert mass_at(home, 1000, 2.0).log == pytest.approx(np.log(4 / 1000))
    assert mass_at(home, 1000, 1.0).log == pytest.approx(np.log(2 / 1000))
    assert mass_at(home, 1000, 1.0).se == pytest.approx(np.sqrt(1 / 2))
    weighted = dataclasses.replace(home, weights=np.array([3, 0.5, 0.5, 1]))
    assert mass_at(weighted, 1000, 1.5).log == pytest.approx(np.log(4 / 1000))
    assert mass_at(weighted, 1000, 1.5).se == pytest.approx(np.sqrt(9.5) / 4)
    assert mass_at(none, 1000, 2.0).log == pytest.approx(np.log(0.5 / 1000))  # none there: not minus infinity
    both = Comparison([home, other, none], 1000, "a")
    assert both.tolerance == 2  # within 3, which only the second reached, the first may have draws that were not kept
    rows = {r["rival"]: r for r in both.rows()}
    assert [rows[k]["near_difference"] for k in "abc"] == pytest.approx([0, np.log(2 / 4), np.log(0.5 / 4)])
    assert rows["b"]["near_se"] == pytest.approx(np.hypot(mass_at(home, 1000, 2.0).se, mass_at(other, 1000, 2.0).se))


def test_shares_are_those_of_all_draws() -> None:
    """Two accounts with known laws of the distance: kept are the nearest 200, and the shares are those of the laws, within 4 errors."""
    rng = np.random.default_rng(3)
    accounts = [
        Rival(arm, np.sort(rng.uniform(0, width, 10_000))[:200], np.ones(200), np.zeros(17)) for arm, width in (("a", 1.0), ("b", 4.0))
    ]
    found = Comparison(accounts, 10_000, "a")
    row = found.rows()[1]
    assert row["near_difference"] == pytest.approx(np.log(1 / 4), abs=4 * row["near_se"])
    assert row["near_separated"]
    assert row["near_se"] < 0.2


def test_held_out_differences_are_paired() -> None:
    home = np.linspace(0, 3, 17)
    scores = {HOME: home, "better": home - 0.1, "noise": home + np.resize([-1.0, 1.0], 17)}
    accounts = [dataclasses.replace(rival(3.0), arm=arm, log_score=score) for arm, score in scores.items()]
    found = {r["rival"]: r for r in Comparison(accounts, 1000, HOME).rows()}
    assert found["better"]["held_out_difference"] == pytest.approx(-0.1)
    assert found["better"]["held_out_separated"]  # though single scores differ by thirty times as much
    assert not found["noise"]["held_out_separated"]


def test_rivals_are_fitted_on_equal_terms(tmp_path: Path) -> None:
    small = scenario().file
    spec = small.calibration
    assert spec is not None
    fast = small.model_copy(
        update={"calibration": spec.model_copy(update={"quiet": None}), "time": small.time.model_copy(update={"hours": 96})}
    )
    setup = Setup(table=12, draws=12, rounds=0, near=6, part=6)
    told: list[str] = []
    given = Scenario(scenario().case, fast)
    arms = [HOME, "rival-seeding"]
    terms = Terms(given, setup, seed=3, scale=0.0005, near=2)
    runner = Runner(tmp_path, progress=lambda w, d, n: told.append(w))
    found = compare(terms, arms, runner)
    rows = found.rows()
    assert [r["rival"] for r in rows] == arms
    assert rows[0]["near_difference"] == rows[0]["held_out_difference"] == 0
    assert {len(r.distances) for r in found.rivals} == {6}
    assert {w.partition(": ")[2] for w in told} == {"table", "heldout"}
    fits = sorted(tmp_path.glob("rival-*.json"))
    assert len(fits) == 2

    # A finished fit is not made again, here or from where it ships; one of another seed is not taken.
    told.clear()
    elsewhere = tmp_path / "kept"
    again = compare(terms, arms, runner, elsewhere)
    assert again.rows() == rows
    assert not told
    assert [p.name for p in sorted(elsewhere.iterdir())] == [p.name for p in fits]
    moved = compare(terms, arms, dataclasses.replace(runner, store=tmp_path / "empty"), elsewhere)
    assert moved.rows() == rows
    assert not told
    compare(dataclasses.replace(terms, seed=4), arms[:1], runner)
    assert told
    fits[0].write_text("{}")
    with pytest.raises(ResultError):
        compare(terms, arms, runner)
