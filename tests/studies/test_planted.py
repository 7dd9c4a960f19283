"""Planted worlds: known answers, the same again, resumed; and rates that see a rule that is too generous."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.shipped import reseal
from qantar.cases.case import cases_folder
from qantar.effects.decision import Finding
from qantar.ensemble import pool
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError
from qantar.files.write import write_result
from qantar.inference.posterior import FIT
from qantar.report.page import render
from qantar.studies import planted as module
from qantar.studies.kind import Outcome, ask, perform
from qantar.studies.planted import (
    KINDS,
    SHOCK,
    STUDY,
    Setup,
    arms_of,
    drawn,
    plan_of,
    rates,
    shock_of,
    true_effect,
    truth_of,
    wanted,
    world,
    worlds,
)
from qantar.verdicts.load import load_account

SMALL = Setup(scale=0.0005, hours=72, draws=12, near=4, seeds=2, true_seeds=2)
LOUD = replace(SMALL, scale=0.004, hours=96)


@pytest.mark.parametrize("kind", KINDS)
def test_an_arm_differs_from_its_base_by_what_its_kind_says(kind: str) -> None:
    plan = plan_of(3, 1, SMALL)
    assert SHOCK not in plan.parameters  # left to the draws
    assert [(s.kind, s.at) for s in plan.steps] == [("price", module.QUIET)]  # the record has days without the shock
    recorded, arm = arms_of(plan, kind)
    assert (recorded == plan) == (kind != "unseen")
    assert (arm == plan) == (kind in ("nothing", "unseen"))
    for other in (recorded, arm):
        changed = {k for k, v in other.model_dump().items() if v != plan.model_dump()[k]}
        assert changed == (set() if other == plan else {"parameters"})
        assert other == plan or other.parameters == {**plan.parameters, SHOCK: 0.0}


def test_the_truth_is_planted_as_the_kind_says_and_draws_do_not_know_it() -> None:
    for k in range(5):
        assert truth_of(3, k, "on", SMALL)[SHOCK] >= module.SHOCK_MOST / 2
        assert truth_of(3, k, "off", SMALL)[SHOCK] <= module.SHOCK_LEAST * (module.SHOCK_MOST / module.SHOCK_LEAST) ** (1 / 3)
    logs = np.log([shock_of(3, 0, k) / module.SHOCK_LEAST for k in range(400)]) / np.log(module.SHOCK_MOST / module.SHOCK_LEAST)
    assert 0 < logs.min() < logs.max() < 1
    assert abs(logs.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 400)  # even on the logarithm: five standard errors


def test_all_is_known_of_a_world_but_two_coefficients() -> None:
    truth = truth_of(3, 0, "on", SMALL)
    for k in range(3):
        differs = {name for name, value in drawn(3, 0, k, SMALL).items() if value != truth[name]}
        assert differs == {SHOCK, module.UNKNOWN}


@pytest.mark.parametrize("kind", KINDS)
def test_a_world_compares_what_its_kind_says_with_the_luck_it_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, int, int]] = []
    simulated = module.simulated

    def noted(plan: Any, values: Any, seed: int, replicates: int) -> Any:
        calls.append((plan, seed, replicates))
        return simulated(plan, values, seed, replicates)

    monkeypatch.setattr(module, "simulated", noted)
    setup = replace(SMALL, true_seeds=3)
    world(3, 1, kind, setup)
    base, arm = arms_of(plan_of(3, 1, setup), kind)
    truth, made, twice = ([c for c in calls if c[2] == n] for n in (3, 1, 2))
    assert [c[0] for c in truth] == [base, arm]
    assert len({c[1] for c in truth}) == 1
    assert [c[0] for c in made] == [base, base]  # what is known, and the record, both of the country that makes the record
    assert made[0][1] != made[1][1]  # nobody shares the luck of the record
    assert [c[0] for c in twice] == [base, arm] * 2
    assert (twice[0][1] == twice[1][1]) == (kind != "nothing")  # only there luck differs
    assert not {c[1] for c in twice} & {c[1] for c in truth + made}


def test_the_shock_raises_the_peak_wherever_it_is_and_nothing_does_nothing() -> None:
    strong = max(range(8), key=lambda k: shock_of(3, k, LOUD.draws, "unseen"))
    assert true_effect(3, 1, "on", LOUD) > module.SMALLEST
    assert true_effect(3, strong, "unseen", LOUD) > module.SMALLEST
    assert true_effect(3, strong, "drawn", LOUD) == true_effect(3, strong, "unseen", LOUD)  # the same shock, taken away or brought
    assert true_effect(3, 1, "off", LOUD) < module.SMALLEST
    assert true_effect(3, 1, "nothing", LOUD) == 0


def test_what_stands_for_a_posterior_is_nearer_to_the_truth_than_the_priors(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = replace(LOUD, draws=60, near=6)
    seen: list[list[float]] = []
    peak = module._peak

    def noted(plan: Any, values: Any, seed: int, replicates: int) -> Any:
        seen.append([v[SHOCK] for v in values])
        return peak(plan, values, seed, replicates)

    monkeypatch.setattr(module, "_peak", noted)
    world(3, 1, "on", setup)
    truth = truth_of(3, 1, "on", setup)[SHOCK]
    prior, posterior = (np.abs(np.log(np.array(seen[k]) / truth)).mean() for k in (2, 4))
    assert len(seen[2]) == len(seen[4]) == 6
    assert posterior < prior / 2


def test_a_world_is_the_same_again_and_off_has_next_to_no_effect() -> None:
    found = world(3, 1, "off", SMALL)
    assert found == world(3, 1, "off", SMALL)
    assert abs(found["effect"]) < module.SMALLEST
    assert not found["true"]
    assert found["verdict"] in ("supported", "contradicted", "undecided", "not-decidable")


class Here:
    """A pool that does everything at once, in this process."""

    _processes = None

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def submit(self, function: Any, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except BrokenProcessPool as broken:
            future.set_exception(broken)
        return future

    def shutdown(self, **_: Any) -> None: ...


def test_worlds_that_were_done_are_read_and_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, str]] = []

    def one(seed: int, number: int, kind: str, setup: Setup) -> dict[str, Any]:
        done.append((number, kind))
        return {"kind": kind, "number": number, "effect": 0.0, "true": False, "verdict": "undecided", "basis": "experiment"}

    monkeypatch.setattr(pool, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(module, "world", one)
    first = worlds(3, 2, Runner(tmp_path))
    assert [(w["number"], w["kind"]) for w in first] == wanted(2)
    assert sorted(done) == sorted(wanted(2))
    next(tmp_path.rglob("on-0001.json")).unlink()
    assert worlds(3, 2, Runner(tmp_path)) == first
    assert done[len(wanted(2)) :] == [(1, "on")]
    monkeypatch.setattr(module, "_rules", lambda: "0" * 64)  # judged by other rules: nothing is read
    worlds(3, 2, Runner(tmp_path))
    assert len(done) == 2 * len(wanted(2)) + 1


def test_a_world_whose_process_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(module, "world", dies)
    monkeypatch.setattr(pool, "ProcessPoolExecutor", Here)
    with pytest.raises(StudyError) as caught:
        worlds(3, 1, Runner(tmp_path))
    assert [p.code for p in caught.value.problems] == ["world_dies"]
    assert all(p.render("en") and p.render("zh") for p in caught.value.problems)


def files_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """A result of these worlds, as the study writes it."""
    outcome = Outcome({}, {"setup": module.FULL.as_dict(), "rates": rates(found)}, seed=3, files=module.tables_of(found))
    return perform(replace(STUDY, run=lambda asked, runner: outcome), ask(STUDY, {"seed": 3}), Runner())


def test_rates_that_ship_are_on_the_page_unless_another_model_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qantar.report.page.draw_all", lambda *_: {})
    case = tmp_path / CASE
    shutil.copytree(cases_folder() / CASE, case, ignore=shutil.ignore_patterns(FIT))
    assert 'id="planted"' not in render(load_account(str(case)))
    one = {"kind": "on", "number": 0, "effect": 1.0, "true": True, "verdict": "supported", "basis": "experiment"}
    found = [{**one, "number": k, "verdict": "contradicted" if k < 7 else "supported"} for k in range(100)]
    folder = case / FIT / "planted"
    write_result(folder, files_of(found))
    page = render(load_account(str(case)))
    (shown,) = re.findall('<details id="planted">.*?</details>', page, re.DOTALL)
    assert "7 / 100" in shown
    assert "93 / 100" in shown
    assert "Of 100 that do enough, 93 were called supported and 7 contradicted" in page
    for changed in ({"model_sha256": "0" * 64}, {"setup": {}}):
        reseal(folder, **changed)
        assert 'id="planted"' not in render(load_account(str(case)))
        write_result(folder, files_of(found))


def test_rates_count_errors_against_the_truth_and_catch_a_generous_rule() -> None:
    def row(kind: str, true: bool, verdict: str, basis: str = "experiment") -> dict[str, Any]:
        return {"kind": kind, "true": true, "verdict": verdict, "basis": basis}

    honest = [row("on", True, "supported")] * 60 + [row("on", True, "undecided")] * 36 + [row("on", True, "contradicted")] * 4
    honest += [row("off", False, "contradicted")] * 95 + [row("off", False, "supported")] * 5
    honest += [row("drawn", True, "supported")] * 28 + [row("drawn", False, "supported")] * 2
    honest += [row("drawn", False, "contradicted")] * 27 + [row("drawn", True, "contradicted")] * 3
    honest += [row("nothing", False, "contradicted")] * 100 + [row("unseen", False, "supported", "assumed")] * 100
    assert all(r["holds"] in (True, None) for r in rates(honest))
    found = {r["rate"]: r for r in rates(honest)}
    assert (found["wrong supported"]["hits"], found["wrong supported"]["of"]) == (7, 129)
    assert (found["right supported"]["hits"], found["right supported"]["of"]) == (88, 131)
    assert (found["untrue among supported"]["hits"], found["untrue among supported"]["of"]) == (2, 30)
    assert (found["true among contradicted"]["hits"], found["true among contradicted"]["of"]) == (3, 30)
    generous = [{**r, "verdict": "supported", "basis": "experiment"} for r in honest]
    assert {r["rate"] for r in rates(generous) if r["holds"] is False} == {
        "wrong supported", "untrue among supported", "nothing supported", "unseen decided by experiment"
    }  # fmt: skip
    silent = {r["rate"]: r for r in rates([{**r, "verdict": "undecided"} for r in honest])}
    assert silent["untrue among supported"]["holds"] is None  # nothing to judge
    assert silent["right supported"]["share"] == silent["right contradicted"]["share"] == 0  # breaks no bar, finds nothing
    json.dumps(rates(honest))


def test_a_rule_that_supports_everything_is_seen_in_the_worlds_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    from qantar.effects import decision

    monkeypatch.setattr(decision, "finding_of", lambda values, *_: Finding("supported", len(values), 0, 0))
    monkeypatch.setattr(decision, "DRAWS_LEAST", 0)
    monkeypatch.setattr(decision, "detectable", lambda seeds: 0.0)
    monkeypatch.setattr(decision, "moves", lambda seeds: np.ones(len(seeds), bool))
    found = [world(3, 1, kind, SMALL) for kind in ("off", "nothing")]
    assert [w["verdict"] for w in found] == ["supported"] * 2
    assert not [w for w in found if w["true"]]
