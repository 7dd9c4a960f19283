"""Histories that end early: nobody is ended who could still come near enough, and who goes on is what it was."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kit.packaged import scenario
from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Runs, arrays
from qantar.ensemble.local import run_ensembles
from qantar.ensemble.store import Recipe
from qantar.inference import distance as module
from qantar.inference.distance import FORCE, MOBILIZATION, Floats, Target, distances, items_of, least_distances, scales_of, target_of
from qantar.inference.ending import Beyond, Restless, calm
from qantar.record.observables import observe
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve

RUNS, SEED = 24, 11
BOTH = MOBILIZATION + FORCE


@cache
def plan() -> Plan:
    """A country of few residents in which about half of the histories have a wave."""
    small = resolve(scenario(), scale=0.001)
    return small.model_copy(update={"parameters": {**small.parameters, "base_pressure": 1e-5}})


@cache
def target() -> Target:
    return target_of(observe(scenario().case.record), plan())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return simulated(tmp_path_factory.mktemp("whole"), None)


def simulated(root: Path, ending: Ending | None) -> Runs:
    (store,) = run_ensembles([Recipe(plan(), SEED, part=12, stop_above=1e9, ending=ending)], RUNS, root, processes=1)
    return arrays(*store.read(RUNS))


def scales() -> Floats:
    return scales_of(target())


def invented(n: int = 60) -> Runs:
    """Histories of the record's size with anything: waves that come again, regions in any order."""
    rng = np.random.default_rng(4)
    days, regions = 16, len(plan().regions)
    return Runs(
        presence=rng.random((n, days, regions)) < 0.1 * rng.random((n, 1, 1)),
        participants=10 ** rng.uniform(0, 6, (n, days)),
        detained=np.cumsum(10 ** rng.uniform(0, 4, (n, days)), axis=1),
        killed=rng.poisson(8.0, (n, regions)).astype(float),
        seat_lost=rng.random((n, regions)) < 0.2,
        stopped=np.zeros(n, bool),
        whole={"run": np.arange(n)},
    )


def known_to(runs: Runs, days: int) -> Runs:
    """What is known of histories when so many days have ended; deaths and seats, which a whole history does not date, are not."""
    none = np.zeros_like(runs.killed), np.zeros_like(runs.seat_lost)
    return replace(
        runs,
        presence=runs.presence[:, :days],
        participants=runs.participants[:, :days],
        detained=runs.detained[:, :days],
        killed=none[0],
        seat_lost=none[1],
    )


def check_bound(runs: Runs, blocks: tuple[str, ...] = BOTH) -> list[float]:
    """The least distance is never more than the distance, and rises day by day; gives its mean after each day."""
    found = distances(items_of(runs, target(), plan()), target(), scales(), blocks)
    least = [least_distances(known_to(runs, days), target(), scales(), blocks, plan()) for days in range(1, runs.presence.shape[1] + 1)]
    assert all((x <= found + 1e-9).all() for x in least)
    assert all((later >= earlier - 1e-9).all() for earlier, later in itertools.pairwise(least))
    return [float(x.mean()) for x in least]


def test_the_least_distance_is_a_bound_that_rises_to_the_distance(whole: Runs) -> None:
    means = check_bound(whole)
    assert 0 <= means[0] < 0.1 * means[-1]
    assert means[5] > 0.3 * means[-1]
    mobilized = distances(items_of(whole, target(), plan()), target(), scales(), MOBILIZATION)
    at_the_end = least_distances(known_to(whole, whole.presence.shape[1]), target(), scales(), MOBILIZATION, plan())
    assert at_the_end == pytest.approx(mobilized)


def test_the_least_distance_is_a_bound_whatever_happens() -> None:
    check_bound(invented())
    check_bound(invented(), MOBILIZATION)


@pytest.mark.parametrize(
    "fault",
    [
        "who has not risen never will",
        "who is not detained yet never will be",
        "no further region rises",
        "a crowd that is left stays",
        "the most of the whole history",
    ],
)
def test_a_wrong_bound_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    reach = module.reach_of

    def of_block(block: str) -> Floats:
        return np.array([i.block == block for i in target().items])

    def wrong(runs: Runs, target: Target, plan: Plan) -> tuple[Floats, Floats]:
        low, high = reach(runs, target, plan)
        if fault.startswith("who has"):
            return np.where(of_block("onset"), high, low), high
        if fault == "a crowd that is left stays":
            return np.where(of_block("decline"), high, low), high
        return low, np.where(of_block("stair" if fault.startswith("no") else "detained"), low, high)

    def of_whole(runs: Runs, day: int) -> Floats:
        peak = runs.participants.max(axis=1)
        return np.asarray(np.log10(np.maximum(runs.participants[:, day] / peak, module.DECLINE_LEAST)))

    if fault.startswith("the most"):
        monkeypatch.setattr(module, "_left", of_whole)
    else:
        monkeypatch.setattr(module, "reach_of", wrong)
    with pytest.raises(AssertionError):
        check_bound(invented(), BOTH if fault.startswith("who is") else MOBILIZATION)


def test_what_the_stair_and_the_decline_can_become_by_hand() -> None:
    runs = replace(invented(1), presence=np.zeros((1, 16, len(plan().regions)), bool), participants=np.zeros((1, 16)))
    runs.presence[0, 0, 3] = runs.presence[0, 2, 5] = runs.presence[0, 4, :] = True
    runs.participants[0, [4, 9, 12]] = 1000, 200, 1e6
    of = {(i.block, i.day): k for k, i in enumerate(target().items)}

    def reached(days: int, block: str, day: int) -> list[float]:
        low, high = module.reach_of(known_to(runs, days), target(), plan())
        return [float(low[0, of[block, day]]), float(high[0, of[block, day]])]

    everyone = len(plan().regions)
    assert [reached(3, "stair", day) for day in range(5)] == [[1, 1], [1, 1], [2, 2], [2, everyone], [2, everyone]]
    assert [reached(5, "stair", day) for day in range(5)] == [[1, 1], [1, 1], [2, 2], [2, 2], [everyone, everyone]]
    assert reached(9, "decline", 9) == pytest.approx([np.log10(module.DECLINE_LEAST), 0])
    assert reached(10, "decline", 9) == reached(16, "decline", 9) == pytest.approx([np.log10(0.2)] * 2)


def test_only_those_that_cannot_come_near_are_ended(whole: Runs, tmp_path: Path) -> None:
    found = distances(items_of(whole, target(), plan()), target(), scales(), MOBILIZATION)
    limit = float(np.median(found))
    runs = simulated(tmp_path, Beyond(target(), scales(), MOBILIZATION, limit))
    assert (found[runs.stopped] > limit).all()
    assert runs.stopped.sum() > RUNS / 4
    assert not whole.stopped.any()
    for name in ("presence", "participants", "detained", "killed", "seat_lost"):
        assert np.array_equal(getattr(runs, name)[~runs.stopped], getattr(whole, name)[~runs.stopped])
    assert (runs.whole["joins"][runs.stopped] <= whole.whole["joins"][runs.stopped]).all()


def test_a_restless_history_ends_on_its_first_restless_day(whole: Runs, tmp_path: Path) -> None:
    quiet = calm(whole, 2)
    runs = simulated(tmp_path, Restless(2))
    assert 0 < quiet.sum() < RUNS
    assert np.array_equal(calm(runs, 2), quiet)
    assert np.array_equal(runs.whole["sha256"][quiet], whole.whole["sha256"][quiet])
    assert (runs.whole["sha256"][~quiet] != whole.whole["sha256"][~quiet]).any()


def test_what_is_kept_under_a_rule_is_never_taken_for_whole_histories() -> None:
    recipe = Recipe(plan(), SEED)
    rules = [Restless(2), Restless(3), *(Beyond(target(), np.ones(len(target().items)), MOBILIZATION, limit) for limit in (1.0, 2.0))]
    assert len({recipe.key(), *(replace(recipe, ending=rule).key() for rule in rules)}) == 5
    assert "ending" not in recipe.as_dict()
