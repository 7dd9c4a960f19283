"""Planted worlds: records of histories, the study's own procedure, the truth beside it, resumed; and rates that see a broken rule."""

from __future__ import annotations

import json
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit import packaged
from qantar.effects import decision
from qantar.effects import planted as module
from qantar.effects.asking import Asking
from qantar.effects.contrast import Answer, answers
from qantar.effects.decision import Chance, Finding, Said
from qantar.effects.experiment_file import load_experiments
from qantar.effects.parameter_sets import Draws
from qantar.effects.planted import (
    NEAR,
    NOT_THERE,
    THERE,
    Effort,
    Open,
    Planting,
    Told,
    parts_of,
    record_of,
    row_of,
    trimmed,
    worlds,
)
from qantar.ensemble import local
from qantar.ensemble.histories import chosen, features
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError
from qantar.inference.calibration import Terms, task_of
from qantar.inference.distance import FORCE, MOBILIZATION, distances, items_of, target_of
from qantar.inference.problem import spec_of
from qantar.inference.rejection import calibrate
from qantar.messages import catalogue
from qantar.record.observables import Onset
from qantar.scenario.parameters import draw
from qantar.scenario.scenario import Scenario
from qantar.studies.blocks import Figure, Sentence, Shares, Table, in_language
from qantar.studies.kind import Outcome, as_json, ask, files_of, result_of
from qantar.studies.planted import STUDY, rates


@cache
def scenario() -> Scenario:
    """The packaged one in steps of two hours: half the time, and nothing here rests on them."""
    return packaged.shortened(packaged.scenario(), step_hours=2.0)


SEED = 2022
SMALL = Effort(worlds=1, table=40, draws=3, force_draws=1, true_seeds=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def planting(store: Path) -> Planting:
    """A table of a tiny country, and two experiments that could be decided."""
    problem = Terms(scenario(), SMALL.setup(SMALL.table), SEED, scale=0.001).problem(Runner(store))
    specs = [w.spec for w in load_experiments(scenario()) if w.spec.hypothesis in ("H02", "H12")]
    return Planting(scenario(), problem, parts_of(scenario(), specs, problem.table, SEED), SMALL)


@pytest.fixture(scope="module")
def number(planting: Planting, store: Path) -> int:
    (found,) = planting.numbers(Runner(store))
    return found


@pytest.fixture(scope="module")
def told(planting: Planting, number: int, store: Path) -> Told:
    return worlds(planting, [number], Runner(store))


@pytest.fixture(scope="module")
def rows(told: Told) -> list[dict[str, Any]]:
    return told.parts


def by_region(onset: Onset) -> str:
    return onset.region_id


# --- Records -------------------------------------------------------------------------------------------------------------


def test_a_history_is_at_no_distance_from_its_own_record_and_another_is(planting: Planting, number: int) -> None:
    problem = planting.problem
    target = target_of(planting.record(number), problem.plan, detained=tuple(spec_of(scenario()).detained))
    items = items_of(problem.table, target, problem.plan)
    for blocks, farther in ((MOBILIZATION, SMALL.table / 2), (FORCE, 5)):  # few die in a country so small
        away = distances(items, target, problem.scales[: len(target.items)], blocks)
        assert away[number] == 0
        assert (away > 0).sum() > farther


def test_a_record_of_a_world_says_as_much_as_that_of_the_case(planting: Planting, number: int) -> None:
    real, own = planting.problem.record, planting.record(number)
    history = chosen(planting.problem.table, np.array([number]))
    for kind in ("participants", "detained", "regions_with_unrest"):
        assert [d.date for d in getattr(own, kind)] == [d.date for d in getattr(real, kind)]
    day = [(d.date - real.participants[0].date).days + 1 for d in real.participants]
    assert [d.interval.low for d in own.participants] == history.participants[0, day].tolist()
    assert {r for r, entered in own.seats_entered.items() if entered is None} == {r for r, x in real.seats_entered.items() if x is None}
    assert own.deaths_total is not None
    assert own.deaths_total.interval.value == history.killed.sum()
    for o, known in zip(sorted(own.onsets, key=by_region), sorted(real.onsets, key=by_region), strict=True):
        if o.latest is not None and known.latest is not None:
            assert o.latest - o.earliest <= known.latest - known.earliest
    u = np.full(len(planting.problem.plan.regions), 0.5)
    louder = replace(history, participants=2 * history.participants)
    said = [record_of(h, real, planting.problem.plan, u).participants[-1].interval.low for h in (history, louder)]
    assert said[1] == 2 * said[0]


# --- Which worlds and parts ----------------------------------------------------------------------------------------------


def test_parts_that_no_world_could_decide_are_not_tried(planting: Planting) -> None:
    every = parts_of(scenario(), [w.spec for w in load_experiments(scenario())], planting.problem.table, SEED)
    tried = {f"{p.spec.hypothesis}{p.part.id}" for p in every if p.could_be_decided}
    assert tried == {"H02b", "H12a", "H13a", "H14a", "H14b"}
    assert all(p.ceiling < 0.9 for p in every if not p.could_be_decided)
    assert [p.learned for p in every if p.spec.hypothesis == "H02"] == [True]  # its ceiling depends on what is learned of the news


def test_worlds_are_taken_with_and_without_a_fitted_carrier_in_turn(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    acting, silent = ([k for k in range(40) if (draw(SEED, k)["media_gain"] > 0) == acts] for acts in (True, False))
    candidates = np.array([*acting, *silent[:5]])
    monkeypatch.setattr(module, "quiet_uprisings", lambda *_: candidates)
    monkeypatch.setattr(Planting, "is_like_itself", lambda self, k: k != acting[0])
    monkeypatch.setattr(Planting, "is_as_large", lambda self, k: True)
    ten = replace(planting, effort=replace(SMALL, worlds=10))
    assert ten.numbers(Runner()) == sorted(ten.numbers(Runner()))
    assert len({*ten.numbers(Runner())} & {*acting}) == 5
    assert acting[0] not in replace(planting, effort=replace(SMALL, worlds=40)).numbers(Runner())  # it does not look like itself
    by_lot = replace(ten, asked=[p for p in ten.asked if not p.learned])  # what is not fitted cannot bear on a verdict
    assert len({*by_lot.numbers(Runner())} & {*acting}) > 5


def test_an_experiment_is_cut_down_to_its_parts_and_nothing_else() -> None:
    spec = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H13")
    own = trimmed(spec, spec.parts[:1], 5)
    assert [*own.arms] == ["neither", "disloyal"]
    changed = {k for k in own.model_dump() if getattr(own, k) != getattr(spec, k)}
    assert changed == {"parts", "arms", "rivals", "seed"}


# --- The procedure -------------------------------------------------------------------------------------------------------


def test_a_world_is_not_among_the_draws_that_are_fitted_to_it(planting: Planting, number: int, store: Path) -> None:
    record, table = planting.record(number), planting.problem.table
    fitted = planting.posterior(number, record, Runner(store))
    assert len(fitted.origin) == SMALL.draws
    assert number not in fitted.origin
    target = target_of(record, planting.problem.plan, detained=tuple(spec_of(scenario()).detained))
    task = task_of(replace(planting.problem, record=record, target=target), scenario(), (), Runner(store))
    assert number in calibrate(task, table, SMALL.setup(table.n)).origin  # who does not leave it out fits a world to itself


def test_the_truth_is_at_the_true_parameters_under_luck_of_its_own(
    planting: Planting, number: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[Any], int, int]] = []

    def noted(scenario: Any, spec: Any, values: Any, basis: str, runner: Runner, **how: Any) -> Any:
        asked.append((basis, list(values), spec.seed, spec.replicates))
        return answers(scenario, spec, values, basis, runner, **how)

    monkeypatch.setattr(module, "answers", noted)
    monkeypatch.setattr("qantar.effects.asking.answers", noted)
    planting.world(number, store)
    true, fitted = ([a for a in asked if a[0] == basis] for basis in ("truth", "posterior"))
    assert all(values == [draw(SEED, number)] and n == SMALL.true_seeds for _, values, _, n in true)
    assert all(len(values) == SMALL.draws for _, values, _, _ in fitted)
    assert not {seed for *_, seed, _ in true} & {seed for *_, seed, _ in fitted}
    learned = planting.posterior(number, planting.record(number), Runner(store)).values()
    of_news, of_troops = fitted[0][1], fitted[-1][1]
    assert [v["media_gain"] for v in of_news] == [v["media_gain"] for v in learned]  # fitted: as it was learned
    assert [v["near_gain"] for v in of_news] != [v["near_gain"] for v in learned]  # tested and not fitted: drawn anew
    assert [v["intervention_frees"] for v in of_troops] != [v["intervention_frees"] for v in learned]


def test_luck_is_the_base_against_itself_and_nothing_under_the_same_seeds(planting: Planting, number: int, store: Path) -> None:
    runner, spec = Runner(store), trimmed(planting.asked[0].spec, [planting.asked[0].part], 11)
    fitted = planting.posterior(number, planting.record(number), runner)
    draws = Draws(fitted.values(), fitted.origin.tolist())
    said = Asking(scenario(), {"posterior": draws}, runner, 0.001, SMALL.draws, record=planting.record(number)).answers(spec)
    other, same = (planting.luck(spec, seed, draws, said, "policy", runner)[0] for seed in (12, 11))
    assert other is not None
    assert same is not None
    assert np.any(other.seeds)
    assert not np.any(same.seeds)
    assert (other.ceiling, other.like) == (1.0, {})  # no guard withholds what luck says


def test_worlds_are_the_same_again_and_nothing_is_simulated_twice(
    planting: Planting, number: int, store: Path, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = told.parts
    assert [(r["hypothesis"], r["part"]) for r in rows] == [("H02", "b"), ("H12", "a")]
    assert {r["verdict"] for r in rows} <= {"not-judged", "not-decidable"}  # three draws decide nothing
    assert worlds(planting, [number], Runner(tmp_path)) == told
    monkeypatch.setattr(local, "one_run", lambda *_: pytest.fail("simulated again"))
    assert worlds(planting, [number], Runner(store), tmp_path / "kept") == told
    monkeypatch.setattr("qantar.ensemble.runner.in_processes", lambda call, tasks, *_: tasks and pytest.fail("asked again"))
    assert worlds(planting, [number], Runner(tmp_path / "empty"), tmp_path / "kept") == told
    other = replace(planting, effort=replace(SMALL, true_seeds=SMALL.true_seeds + 1))
    assert other.name(number) != planting.name(number) != planting.name(number + 1)


def test_what_would_be_seen_again_is_counted_at_the_true_parameters_and_at_the_fitted(
    planting: Planting, number: int, store: Path, told: Told
) -> None:
    """A world whose own history is given as the new ones shows all there is; what was fitted to it, with other luck, less."""
    record, runner = planting.record(number), Runner(store)
    itself = features(chosen(planting.problem.table, np.array([number])), record, planting.problem.plan)
    assert [(r["world"], r["kind"], r["of"]) for r in told.shown] == [(number, f.kind, f.of) for f in itself]
    assert all(0 <= r[k] <= 1 for r in told.shown for k in ("true", "fitted"))
    assert np.mean([f.share for f in itself]) >= 0.9  # what January alone had (a rise after each price cut) is not every world's
    nobody = [{**draw(SEED, number), "base_pressure": 0.0, "rally_rate": 0.0}] * 3
    quiet = [r["quiet"] for r in planting.shown(record, {"quiet": nobody}, 1, runner)]
    assert np.mean(quiet) < np.mean([f.share for f in itself])


def test_a_world_whose_process_dies_is_said(planting: Planting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(module, "one_world", dies)
    with pytest.raises(StudyError) as caught:
        worlds(planting, [1], Runner(tmp_path))
    assert [p.code for p in caught.value.problems] == ["world_dies"]
    assert all(p.render("en") and p.render("zh") for p in caught.value.problems)


def test_a_rule_that_supports_everything_is_seen_in_the_worlds_themselves(
    planting: Planting, number: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "judge", lambda seeds, *_: Said("supported", Finding("supported", 3, 0, 0), Chance(1.0, 0.5, 1.0)))
    found = worlds(planting, [number], Runner(store)).parts
    assert [r["verdict"] for r in found] == ["supported"] * 2
    assert NOT_THERE in {r["truth"] for r in found}
    broken = {r["rate"] for r in rates(found) if r["of_part"] == "all" and r["holds"] is False}
    assert {"wrong", "luck-supported"} <= broken


# --- Rates ---------------------------------------------------------------------------------------------------------------


def row(truth: str, verdict: str, *, luck: str = "contradicted", part: str = "a", reason: str = "") -> dict[str, Any]:
    return {
        "world": 1,
        "hypothesis": "H12",
        "part": part,
        "effect": 0.1,
        "truth": truth,
        "verdict": verdict,
        "reason": reason,
        "luck": luck,
    }


HONEST = [row(THERE, "supported")] * 9 + [row(THERE, "undecided")] * 9 + [row(THERE, "contradicted")] * 2
HONEST += [row(NOT_THERE, "contradicted", part="b", luck="")] * 18 + [row(NOT_THERE, "supported", part="b", luck="")]
HONEST += [row(NEAR, "supported"), row(NOT_THERE, "not-decidable", reason="power")]


def test_rates_count_what_contradicts_the_truth_and_leave_near_ties_out() -> None:
    found = {(r["of_part"], r["rate"]): r for r in rates(HONEST)}
    counts = {rate: (found["all", rate]["hits"], found["all", rate]["of"]) for rate in ("wrong", "found", "ruled-out", "luck-supported")}
    assert counts == {"wrong": (3, 30), "found": (9, 20), "ruled-out": (18, 20), "luck-supported": (0, 22)}
    assert [found["all", rate]["holds"] for rate in ("wrong", "found", "luck-supported")] == [True, True, True]
    assert found["H12 b", "wrong"]["hits"] == 1
    assert found["H12 a", NEAR]["hits"] == 1
    assert sum(found["H12 a", word]["hits"] for word in ("supported", "contradicted", "undecided", "not-decidable")) == 22
    json.dumps(rates(HONEST))


@pytest.mark.parametrize(
    ("rule", "breaks"),
    [
        (lambda r: {"verdict": "supported", "luck": r["luck"] and "supported"}, {"wrong", "luck-supported"}),
        (lambda r: {"verdict": "contradicted"}, {"wrong", "found"}),
        (lambda r: {"verdict": "undecided"}, {"found"}),
    ],
)
def test_a_rule_that_always_says_the_same_breaks_a_bar(rule: Any, breaks: set[str]) -> None:
    assert {r["rate"] for r in rates([{**r, **rule(r)} for r in HONEST]) if r["of_part"] == "all" and r["holds"] is False} == breaks


@pytest.mark.parametrize(
    ("direction", "asserts", "effect", "truth"),
    [
        ("rise", "effect", 0.3, THERE),
        ("fall", "effect", 0.3, NOT_THERE),
        ("fall", "effect", -0.3, THERE),
        ("rise", "absence", 0.3, NOT_THERE),
    ],
)
def test_the_truth_is_of_what_is_claimed(planting: Planting, direction: str, asserts: str, effect: float, truth: str) -> None:
    part = planting.asked[0].part.model_copy(update={"direction": direction, "asserts": asserts, "smallest": 0.1})
    said = Answer("H02", part, "posterior", "", np.ones((40, 2)), np.empty(0), 1)
    for spread, expected in ((0.01, truth), (1.0, NEAR)):
        seeds = np.array([[effect - spread, effect + spread] * 5])
        assert row_of(said, replace(said, seeds=seeds), None)["truth"] == expected


def test_the_page_says_every_number_and_names_what_could_not_be_decided(planting: Planting) -> None:
    asked = ask(STUDY, {"scenario": "kazakhstan-2022", "scale": 0.001})
    shut = Open(planting.asked[0].spec, planting.asked[0].part, 0.5, learned=False)
    facts = {
        "effort": {"worlds": 40, "table": 20_000, "draws": 40, "force_draws": 8, "true_seeds": 20, "part": 50}, "quick": False,
        "worlds_made": 40, "parts": [shut.as_dict()], "rules": {"version": 3}, "rates": rates(HONEST),
    }  # fmt: skip
    shown = [
        {"world": k, "kind": "onset", "of": str(n), "true": float(n < 24 + k), "fitted": float(n < 12 + 2 * k)}
        for k in range(3)
        for n in range(43)
    ]
    outcome = Outcome({"worlds": HONEST, "rates": rates(HONEST), "features": shown}, facts, planting.problem.plan, SEED)
    files = files_of(STUDY, asked, outcome)
    result = result_of(files, json.loads(files["result.json"]))
    assert as_json(result)["rates"][0]["hits"] == 3
    blocks = list(STUDY.page(result))
    lead = next(b for b in blocks if isinstance(b, Sentence) and b.role == "lead")
    assert "Of 30 verdicts that decided something, 3 were wrong. Of 20 effects that were there, 9 were found." in in_language(
        lead.words, "en"
    )
    assert "30个结论中，3个是错的" in in_language(lead.words, "zh")
    again = " ".join(in_language(b.words, "en") for b in blocks if isinstance(b, Sentence))
    assert "true parameters show 25 of 43 recorded features (24 to 26)" in again
    assert "fitted to the record of the world it is 14 (12 to 16)" in again
    tables = [b for b in blocks if isinstance(b, Table)]
    (drawn,) = [b for b in blocks if isinstance(b, Figure)]
    assert [in_language(drawn.table.rows[0][0], "en"), *drawn.table.rows[0][1:]] == ["first unrest in …", "58 % (0–100)", "33 % (0–100)"]
    assert isinstance(drawn.plot, Shares)
    assert drawn.plot.series[1][1] == [(0.0, pytest.approx(42 / 129), 1.0)]
    assert [*tables[0].rows[0][1:3]] == ["3 / 30", "10\u00a0% [3.5, 26]"]
    assert tables[1].rows[0][:7] == ["H12 a", "20 / 22", "10", "2", "9", "1", "2 / 11"]
    assert in_language(tables[1].rows[0][7], "en") == "the effect would not stand out from luck (1)"
    assert any("H02b 50 %" in in_language(b.words, "en") for b in blocks if isinstance(b, Sentence))


def test_every_reason_that_withholds_a_verdict_has_words() -> None:
    gates = {"quiet", "unlike", "lacking", "control", "answered", "unattainable", "ceiling", "still", "draws", "blind", "power", "ancestor"}
    assert gates <= set(decision.REASONS)
    assert {f"planted.why_{reason}" for reason in gates} <= set(catalogue("en"))
