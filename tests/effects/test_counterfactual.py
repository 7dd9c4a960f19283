"""Effects: closed forms, the rule at its borders, what pairing saves, and the same result however it is computed.

Checks that rest on luck have fixed seeds and reject correct code with probability below 1e-4 each over seeds.
"""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.packaged import scenario
from qantar.cli.main import main
from qantar.effects.answer import amount, sentence
from qantar.effects.decision import finding_of, noise_of
from qantar.effects.effect import BASE, answer_of
from qantar.effects.figure import draw_effects
from qantar.effects.inert import acting, why_inert
from qantar.effects.measures import OUTCOMES
from qantar.effects.pairing import Effects, as_dict, counterfactual, in_order, is_paired, pairing_gain, plans_of, resamples
from qantar.engine.loop import simulate
from qantar.ensemble import local, one_run, warm
from qantar.ensemble.histories import arrays
from qantar.ensemble.local import write_part
from qantar.ensemble.pool import in_processes
from qantar.ensemble.run import STAMP
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, Store, kept_draws
from qantar.errors import DataError, QantarError, ScenarioError, StudyError
from qantar.files.result import csv_rows_of, read_result
from qantar.inference.posterior import HEAD, read_draws
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, parse_set, resolve
from qantar.scenario.schema import Edit
from qantar.studies.counterfactual import STUDY, left_out, outcome_of, smallest_of
from qantar.studies.kind import ask, perform

DRAWS, REPLICATES, SEED = 3, 2, 5


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm.compiled(now=True)


@cache
def plan(*edits: tuple[str, Any]) -> Plan:
    """A tiny country of a day with somebody out; `edits` are paths and values."""
    pressure = {"parameters.base_pressure": 4e-5, "parameters.potential": 1.0}
    first = {"time.hours": 24, **pressure, "drivers.all": "policy"}
    return resolve(
        scenario(), [*(Edit(path=p, value=v) for p, v in first.items()), *(Edit(path=p, value=v) for p, v in edits)], scale=0.001
    )


SAME = ("parameters.relax_hours", 500.0)
"""What is taken back after some days of quiet, in a history of one day: another plan, whose histories are computed again."""
NOBODY, LOUD = ("parameters.base_pressure", 0.0), ("parameters.base_pressure", 1e-2)


def compare(root: Path, arms: dict[str, Plan], **more: Any) -> Effects:
    return counterfactual(plan(), arms, **({"draws": DRAWS, "replicates": REPLICATES, "seed": SEED, "runner": Runner(root)} | more))


def codes(error: QantarError) -> list[str]:
    return [p.code for p in error.problems]


# --- effects ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Effects, Path]:
    """Three arms whose effects are known, and the store that they came from."""
    root = tmp_path_factory.mktemp("found")
    return compare(root, {"same": plan(SAME), "nobody": plan(NOBODY), "loud": plan(LOUD)}, runner=Runner(root, 1)), root


def test_an_arm_that_changes_nothing_gives_exactly_nothing(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    assert effects.recipes["same"].key() != effects.base.key()  # computed again indeed
    assert effects.differ == {"same": 0.0, "nobody": 1.0, "loud": 1.0}
    assert effects.history_sha256["same"] == effects.history_sha256[BASE]
    for name in OUTCOMES:
        effect = effects.of("same", name)
        assert (effect.arm_values == effect.base_values).all(), name
        assert effect.as_dict()["finding"] == "same"
        assert replace(effect, direction=1).as_dict()["finding"] == "null"
        assert effect.as_dict()["pairs_same"] == DRAWS * REPLICATES
    assert (effects.of("same", "peak").base_values > 0).all()  # there was something to be equal


def own_seed(recipe: Recipe, run: int) -> int:
    """A defect: an arm has seeds of its own."""
    return history_seed(recipe.seed + len(recipe.plan.edits), *divmod(run, recipe.replicates))


def test_seeds_that_differ_between_arms_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run, "seed_of", own_seed)
    with pytest.raises(AssertionError):
        compare(tmp_path, {"same": plan(SAME)}, draws=2, replicates=1)


def test_without_pressure_nobody_comes_and_the_effect_is_all_there_was(found: tuple[Effects, Path]) -> None:
    effects, root = found
    n = DRAWS * REPLICATES
    runs = arrays(*Store.of(root, effects.base).read(n))
    number = runs.whole["draw"]
    expected_of = {
        "peak": np.log10(1 + runs.whole["peak"]),
        "participant_days": np.log10(1 + runs.participants.sum(axis=1)),
        "regions": (runs.onset() >= 0).sum(axis=1),
        "killed": np.log10(1 + runs.whole["killed"]),
        "security_killed": np.log10(1 + runs.whole["security_killed"]),
        "detained": np.log10(1 + runs.whole["detained"]),
        "seats_lost": runs.whole["seats_lost"],
        "uprising": runs.whole["peak"] >= 1000,
    }
    assert set(expected_of) == set(OUTCOMES)
    for name, y in expected_of.items():
        effect = effects.of("nobody", name)
        assert (effect.arm_values == 0).all(), name
        by_hand = [-np.mean(y[number == k]) for k in range(DRAWS)]
        assert effect.values == pytest.approx(by_hand, abs=1e-12), name
        assert effect.as_dict()["median"] == pytest.approx(np.median(by_hand)), name
    assert len(set(effects.of("nobody", "peak").values)) == DRAWS  # else a mix-up of draws and seeds would not be seen


def test_a_sure_effect_has_its_sign_and_a_fall_is_asked_by_turning_it(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    for arm, rise, fall in (("loud", "supported", "reversed"), ("nobody", "reversed", "supported")):
        effect = effects.of(arm, "peak")
        assert effect.as_dict()["finding"] == {"loud": "more", "nobody": "fewer"}[arm]
        assert replace(effect, direction=1).as_dict()["finding"] == rise
        assert replace(effect, direction=-1).as_dict()["finding"] == fall
    assert (effects.of("loud", "peak").values > 0).all()


# --- the rule -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([0.5] * 9 + [0.0], "supported"),
        ([0.5] * 89 + [0.0] * 11, "undecided"),
        ([0.5] * 90 + [0.0] * 10, "supported"),
        ([0.5] * 8 + [0.0] * 2, "undecided"),
        ([0.499] * 10, "null"),
        ([-0.499] * 9 + [0.5], "null"),
        ([-0.5] * 9 + [0.5], "reversed"),
        ([-0.5] * 5 + [0.0] * 4 + [0.5], "mixed"),
        ([-0.5] * 5 + [0.0] * 3 + [0.5] * 2, "undecided"),
        ([0.1 + 0.2 + 0.2] * 10, "supported"),
        ([0.5 - 1e-9] * 10, "null"),
    ],
)
def test_the_rule_at_its_borders(values: list[float], name: str) -> None:
    for order in (1, -1):
        found = finding_of(np.array(values)[::order], 0.5)
        assert found.name == name
        assert (found.draws, found.reached) == (len(values), sum(v >= 0.5 - 1e-12 for v in values))
    turned = finding_of(-np.array(values), 0.5, -1)
    assert turned == finding_of(np.array(values), 0.5)


def test_the_smallest_effects_are_asked_for_by_name(tmp_path: Path) -> None:
    assert smallest_of(("peak=0.3", "regions=2")) == {"peak": 0.3, "regions": 2.0}
    for words, code in ((("peak",), "bad_form"), (("peak=low",), "bad_form")):
        with pytest.raises(StudyError) as caught:
            smallest_of(words)
        assert codes(caught.value) == [code]
    for more, code in (({"smallest": {"peek": 1.0}}, "not_one_of"), ({"smallest": {"peak": 0.0}}, "not_above_zero"),
                       ({"smallest": {"peak": math.nan}}, "not_above_zero"), ({"direction": "up"}, "not_one_of")):  # fmt: skip
        with pytest.raises(StudyError) as caught:
            compare(tmp_path, {"same": plan(SAME)}, **more)
        assert codes(caught.value) == [code]
    with pytest.raises(StudyError) as caught:
        compare(tmp_path, {})
    assert codes(caught.value) == ["no_arm"]
    assert not list(tmp_path.iterdir())


# --- what pairing saves -------------------------------------------------------------------------------------------------------


def pairs(rng: np.random.Generator, draws: int, replicates: int, rho: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Base and arm with normal luck of correlation rho; each draw has a level of its own, which must not matter."""
    x, z = rng.normal(size=(2, draws, replicates))
    level = 10 * rng.normal(size=(2, draws, 1))
    return level[0] + x, level[1] + scale * (rho * x + math.sqrt(1 - rho**2) * z)


@pytest.mark.parametrize(("rho", "scale"), [(0.0, 1.0), (0.9, 1.0), (0.98, 1.0), (-0.5, 1.0), (0.9, 2.0)])
def test_the_gain_is_the_closed_form(rho: float, scale: float) -> None:
    # 400 draws of 8 seeds: the ratio has a standard error of 4 %.
    gain, low, high = pairing_gain(*pairs(np.random.default_rng(3), 400, 8, rho, scale), seed=1)
    exact = (1 + scale**2) / (1 + scale**2 - 2 * rho * scale)  # 1 / (1 - rho) for equal variances
    assert gain == pytest.approx(exact, rel=0.16)
    assert low < gain < high
    assert high / low < 1.35


def test_pairs_that_are_no_pairs_save_nothing() -> None:
    x, y = pairs(np.random.default_rng(3), 400, 8, 0.95)
    assert pairing_gain(x, y, 1)[1] > 10
    low, high = pairing_gain(x, np.roll(y, 1, axis=0), 1)[1:]  # a defect: histories of the next draw
    assert 0.8 < low < 1 < high < 1.25


def test_the_interval_of_the_gain_holds_it_as_often_as_it_says() -> None:
    # 300 trials at 95 %: 255 to 297 held with probability above 0.9999 if 90 to 96 % are, which a resample of 60 draws gives.
    held = 0
    for trial in range(300):
        _, low, high = pairing_gain(*pairs(np.random.default_rng([7, trial]), 60, 4, 0.8), seed=2)
        held += low <= 5 <= high
    assert 255 <= held <= 297


def test_resamples_are_a_function_of_the_seed_and_even() -> None:
    found = resamples(4, 20)
    assert np.array_equal(found, resamples.__wrapped__(4, 20))
    assert not np.array_equal(found, resamples(5, 20))
    counts = np.bincount(found.ravel(), minlength=20)
    assert len(counts) == 20
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 54  # chi-squared, 19 degrees: 1e-5 is 56


def test_what_cannot_be_measured_is_not_a_number() -> None:
    x = np.arange(10.0).reshape(5, 2)
    assert np.isnan(pairing_gain(x[:, :1], x[:, :1], 1)).all()
    assert np.isnan(pairing_gain(0 * x, 0 * x, 1)).all()
    assert pairing_gain(x, x + 1, 1) == (math.inf,) * 3
    assert np.isnan(pairing_gain(x[:4], x[:4] + 1, 1)).all()  # too few draws in which anything varies
    assert math.isnan(noise_of(x[:, :1]))
    assert noise_of(np.array([[0.0, 2.0], [1.0, 3.0]])) == pytest.approx(1.0)  # sqrt(2 / 2)


def test_pairs_of_one_world_save_runs(found: tuple[Effects, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    effects, _ = found
    assert effects.unpaired == []
    near = compare(tmp_path, {"near": plan(("parameters.base_pressure", 4.08e-5))}, draws=6, replicates=4)
    assert near.differ["near"] == 1.0
    effect = near.of("near", "peak")
    assert effect.gain[0] > 5  # measured: 53 (7 to 340); 2 % more pressure leaves most luck as it was
    assert effect.gain[1] > 1
    assert pairing_gain(effect.base_values, np.roll(effect.arm_values, 1, axis=1), SEED)[2] < 1  # a defect: the next seed's history


# --- worlds that share no luck ------------------------------------------------------------------------------------------------


@cache
def grown() -> Plan:
    places = [p.model_copy(update={"population": round(1.1 * p.population)}) for p in plan().places]
    return plan().model_copy(update={"places": places, "edits": [*plan().edits, {"path": "people", "value": 1.1}]})


def test_a_pair_that_renumbers_residents_is_called_unpaired(tmp_path: Path) -> None:
    assert is_paired(plan(), plan(LOUD))
    assert is_paired(plan(), plan(("regions.KZ-MAN.police", 0.01)))
    assert not is_paired(plan(), grown())
    assert not is_paired(plan(), plan(("time.step_hours", 0.5)))
    result = compare(tmp_path, {"grown": grown(), "same": plan(SAME)}, draws=2)
    assert result.unpaired == ["grown"]
    told = as_dict(result)
    assert [told["arms"][k]["paired"] for k in ("grown", "same")] == [False, True]
    assert all(e["gain"] is None for e in told["effects"] if e["arm"] == "grown")


# --- base and arms from a scenario --------------------------------------------------------------------------------------------


def test_both_worlds_are_governed_by_policy_unless_replayed() -> None:
    edits = [Edit(path="time.hours", value=48)]
    base, arms = plans_of(scenario(), ["no-price-rise", "parameters.base_pressure=0;drivers.internet=off"], edits, scale=0.01)
    for p in (base, *arms.values()):
        assert p.drivers["emergency"] == "policy"
        assert p.hours == 48
    own = arms["parameters.base_pressure=0;drivers.internet=off"]
    assert (own.parameters["base_pressure"], own.drivers["internet"], base.drivers["internet"]) == (0.0, "off", "policy")
    assert not [s for s in arms["no-price-rise"].steps if s.kind == "price"]
    base, arms = plans_of(scenario(), ["no-price-rise"], recorded=True)
    assert base.drivers["emergency"] == "recorded"
    assert not base.replayed()
    assert "emergency-all" in arms["no-price-rise"].replayed()  # downstream of the change


def test_a_measure_that_an_arm_takes_away_is_not_taken_by_policy_either() -> None:
    _, arms = plans_of(scenario(), ["no-internet-cut", "no-troops"])
    assert arms["no-internet-cut"].drivers["internet"] == "off"
    assert arms["no-troops"].drivers["intervention"] == "off"


def test_a_wrong_arm_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words, told in (
        (["--arm", "no-internet-cutt"], "no-internet-cut"),
        (["--arm", "parameters.media_gian=0"], "media_gain"),
        (["--arm", "no-troops", "--delta", "peek=1"], "peak"),
        (["--arm", "no-troops", "--direction", "up"], "either, rise, fall"),
        (["--arm", "steps.troops=off"], "Add --recorded"),
        (["--arm", "no-troops", "--posterior", "none.csv"], "none.csv"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["counterfactual", CASE, *words])
        err = capsys.readouterr().err
        assert stopped.value.code == 2
        assert told in err
        assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
    with pytest.raises(ScenarioError) as caught:
        plans_of(scenario(), ["no-internet-cutt"])
    (problem,) = caught.value.problems
    assert (problem.file, problem.code) == ("--arm no-internet-cutt", "no_such_arm")
    assert all(problem.part(which, lang) for which in ("what", "rule", "mend") for lang in ("en", "zh"))


# --- a posterior --------------------------------------------------------------------------------------------------------------


def test_draws_of_a_posterior_are_used_and_the_rest_comes_from_the_priors(tmp_path: Path) -> None:
    file = tmp_path / "posterior.csv"
    rows = [f"{k},{k},1,0.5,0.5,{k / 10},{k + 1}e-3" for k in range(6)]
    file.write_text("\n".join([",".join([*HEAD, "frailty", "protest_hours"]).replace("protest_hours", "arrest_rate"), *rows]) + "\n")
    given = read_draws(file)
    assert given[2] == {"frailty": 0.2, "arrest_rate": 0.003}
    free = plan().model_copy(update={"parameters": {"base_pressure": 1e-4}})
    result = counterfactual(free, {"same": plan(SAME)}, draws=3, replicates=1, seed=SEED, posterior=given, runner=Runner(tmp_path))
    assert (result.basis, result.draws, as_dict(result)["calibrated"]) == ("posterior", 3, True)
    assert result.stamp != STAMP
    kept = kept_draws(tmp_path, result.base.given)
    assert [row["frailty"] for row in kept] == [0.0, 0.2, 0.4]  # at even distances
    assert kept[1] == draw(SEED, 1) | given[2]
    whole = Store.of(tmp_path, result.base).read(3)[1]
    assert whole["p_frailty"].tolist() == [0.0, 0.2, 0.4]
    assert (whole["p_base_pressure"] == 1e-4).all()  # what the plan fixes stays fixed
    more = counterfactual(free, {"same": plan(SAME)}, draws=9, replicates=1, seed=SEED, posterior=given, runner=Runner(tmp_path))
    assert more.draws == 6


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("frailty\n", "empty_file"),
        ("frailtee\n0.1\n", "unknown_parameter"),
        ("frailty\nlow\n", "not_a_number"),
        ("frailty\nnan\n", "not_a_number"),
        ("frailty\n-1\n", "outside"),
        ("frailty\n0.1,2\n", "cell_count"),
        ("frailty,frailty\n0.1,0.1\n", "repeated_column"),
    ],
)
def test_a_wrong_posterior_is_told(tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_draws(tmp_path / "p.csv")
    assert codes(caught.value) == [code]
    assert all(p.render(lang) for p in caught.value.problems for lang in ("en", "zh"))


# --- however it is computed ---------------------------------------------------------------------------------------------------


def test_one_and_two_processes_give_the_same_result(tmp_path: Path, found: tuple[Effects, Path]) -> None:
    effects, _ = found
    two = compare(tmp_path, {"loud": plan(LOUD)}, runner=Runner(tmp_path, 2))
    assert two.history_sha256 == {k: effects.history_sha256[k] for k in (BASE, "loud")}  # of one process: this one
    assert as_dict(two)["effects"] == [e for e in as_dict(effects)["effects"] if e["arm"] == "loud"]


def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path, found: tuple[Effects, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    effects, _ = found
    made: list[tuple[str, int]] = []

    def counted(recipe: Recipe, root: Path, number: int, *more: Any) -> bool:
        made.append((recipe.key(), number))
        return write_part(recipe, root, number, *more)

    def stop(stage: str, done: int, total: int) -> None:
        assert total == 2 * DRAWS * REPLICATES
        if done > DRAWS * REPLICATES:
            raise KeyboardInterrupt

    monkeypatch.setattr(local, "write_part", counted)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path, {"loud": plan(LOUD)}, runner=Runner(tmp_path, progress=stop))
    assert [number for _, number in made] == [0, 0]  # the first part of the base and of the arm, of four histories each
    told: list[tuple[int, int]] = []
    again = compare(tmp_path, {"loud": plan(LOUD)}, runner=Runner(tmp_path, progress=lambda stage, *x: told.append(x)))
    assert sorted(made) == sorted(set(made))  # nothing twice
    assert told == [(8, 12), (10, 12), (12, 12)]  # what was kept counts as done at once
    for name in OUTCOMES:
        assert np.array_equal(again.of("loud", name).values, effects.of("loud", name).values), name


def test_a_part_that_a_dying_process_left_is_made_after_all(
    tmp_path: Path, found: tuple[Effects, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], processes: int | None, done: Callable[..., None]) -> None:
        in_processes(function, tasks[:1], 1, done)
        raise BrokenProcessPool

    monkeypatch.setattr("qantar.ensemble.runner.in_processes", dies)
    assert as_dict(compare(tmp_path, {"loud": plan(LOUD)}))["effects"] == [e for e in as_dict(found[0])["effects"] if e["arm"] == "loud"]


def test_parts_come_in_an_order_that_speaks_for_all_draws(tmp_path: Path) -> None:
    recipes = [Recipe(plan(*edits), SEED, replicates=4) for edits in ((), (NOBODY,), (LOUD,))]
    first, order = in_order(recipes, 400, tmp_path)
    numbers = [[number for k, number in order if k == which] for which in range(3)]
    assert all(sorted(found) == list(range(100)) for found in numbers)
    assert first == [0, 64, 32] == [number for _, number in order[:9:3]]
    assert [number for _, number in order[:9]] == [0, 0, 0, 64, 64, 64, 32, 32, 32]  # pairs to compare
    early = [number for _, number in order[:21]]
    assert len(set(early)) == 3 + 12  # then every one at another draw
    assert max(b - a for a, b in pairwise(sorted(set(early)))) <= 25  # all over
    Store.of(tmp_path, recipes[1]).part(64).mkdir(parents=True)
    assert len(in_order(recipes, 400, tmp_path)[1]) == 299
    assert in_order(recipes[:1], 3, tmp_path)[1] == [(0, 0)]


# --- what is written and said -------------------------------------------------------------------------------------------------


def test_the_files_carry_their_stamp_and_are_the_same_again(found: tuple[Effects, Path]) -> None:
    effects, root = found
    study = replace(STUDY, run=lambda asked, runner: outcome_of(effects, scenario()))
    files, again = (perform(study, ask(STUDY, STUDY.small), Runner(root)) for _ in range(2))
    assert list(files)[-1] == "result.json"
    assert files == again
    for name in ("effects.csv", "draws.csv"):
        rows = csv_rows_of(files[name])
        assert len(rows) == 3 * len(OUTCOMES) * (DRAWS if name == "draws.csv" else 1)
        assert all(math.isfinite(float(row["effect" if name == "draws.csv" else "median"])) for row in rows)  # a fall too is a number
        assert {(row["stamp"], row["scale"]) for row in rows} == {(STAMP, "0.001")}
    result = json.loads(files["result.json"], parse_constant=pytest.fail)  # no NaN, no Infinity
    assert result["kind"] == "counterfactual"
    assert set(result["files"]) == set(files) - {"result.json"}
    assert list(result["arms"]) == [BASE, "same", "nobody", "loud"]  # as asked: no ranking
    assert Plan.model_validate(result["plans"]["loud"]) == plan(LOUD)
    for lang in ("en", "zh"):
        drawn = files[f"effects-{lang}.svg"]
        assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
        assert all(arm in drawn for arm in ("same", "nobody", "loud"))
    assert "not fitted" in files["effects-en.svg"]
    assert "not judged" not in files["effects-en.svg"]
    peak = effects.of("nobody", "peak").as_dict()
    assert f"{amount(peak['base_median'])} → 0" in files["effects-en.svg"]  # in people, too
    assert "not judged" in draw_effects(replace(effects, uprisings=0.2))["effects-en.svg"]


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["counterfactual", CASE, "--arm", "parameters.base_pressure=0", "--arm", "parameters.relax_hours=500", "--set", "time.hours=24",
             "--set", "parameters.base_pressure=0.00004", "--set", "parameters.potential=1", "--set", "parameters.rally_rate=0",
             "--scale", "0.001", "--draws", "8", "--replicates", "2", "--prior"]  # fmt: skip

    def done(*more: str, lang: str = "en", columns: int = 80) -> tuple[str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as ended:
            main(["--lang", lang, *words, *more])
        assert ended.value.code == 0
        return tuple(capsys.readouterr())  # type: ignore[return-value]

    out, err = done()
    assert "histories 0 / 48" in err
    assert "So far parameters.relax_hours=500 has changed none of 12 histories" in err
    assert "uprising" not in err  # somebody out is a thousand here
    for said in ("Illustration, not fitted", "Each simulated person stands for 1000", "fewer",
                 "the state answers what it sees (by policy)", "0/0/8", "0/8/0",
                 "With luck of their own, 1 times as many histories (1 to 1) would be needed",  # an arm where nothing varies leaves nothing to share
                 "Nothing can be said of parameters.relax_hours=500: it changed none of 16 histories",
                 "In this model, which is not fitted to anything and with a state that answers what it sees, the largest crowd would have been "
                 "smaller under parameters.base_pressure=0 than unchanged: in 8 of 8 sets of values for what is not known, at the median 0 people "
                 "instead of"):  # fmt: skip
        assert said in " ".join(out.split()), said
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert "probability of" not in out
    assert "contradicted" not in out
    again, err = done(lang="zh")
    assert "48 / 48" in err
    for said in ("更少", "没有差别", "仅为示意，未经拟合", "同时上街的最多人数会更少：未知量的8组取值中有8组如此", "无从判断"):
        assert said in again, said
    told = json.loads(done("--json", "--direction", "fall")[0])
    assert told["effects"][0]["finding"] == "supported"
    assert told["effects"][0]["answer"] == "fewer"
    assert told["effects"][0]["direction"] == "fall"
    assert told["arms"]["parameters.base_pressure=0"]["sentence_en"].startswith("In this model")
    assert sorted(p.name for p in (tmp_path / told["folder"]).iterdir()) == sorted([*told["files"], "result.json"])
    assert "contradicted:" in done("--direction", "rise", columns=160)[0]


def test_a_base_without_uprisings_is_not_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    words = ["counterfactual", CASE, "--arm", "parameters.base_pressure=0.01", "--set", "time.hours=12", "--set", "parameters.base_pressure=0",
             "--scale", "0.001", "--draws", "8", "--replicates", "2", "--prior"]  # fmt: skip
    for more, helps in (([], True), (["--recorded"], False)):
        with pytest.raises(SystemExit) as ended:
            main([*words, *more])
        assert ended.value.code == 0
        out, err = capsys.readouterr()
        assert "in 0 of 12 histories without a change" in err
        assert ("--recorded" in err) == helps
        said = " ".join(out.split())
        assert said.startswith("What parameters.base_pressure=0.01 would have changed cannot be judged here: without the change only 0 of 16 "
                               "histories become an uprising (1,000 people or more out at once)")  # fmt: skip
        assert ("With --recorded" in said) == helps
        assert (f"Next: fit the case to its record (`qantar calibrate {CASE} --quick`" in said) == (not helps)
        assert said.count("not judged") == len(OUTCOMES)  # though every draw has more people out
        assert "8/0/0" in said
        assert "contradicted" not in said
    stored = read_result(tmp_path / "results" / f"{CASE}-counterfactual")
    assert stored is not None
    assert (stored.made["judged"], stored.made["uprisings"]) == (False, 0.0)
    assert {e["finding"] for e in stored.rows("effects.csv")} == {"not-judged"}
    assert stored.rows("effects.csv")[0]["more"] == "8"


def test_the_share_of_uprisings_in_the_table_is_the_one_that_is_counted(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    effect = effects.of("loud", "uprising")
    uneven = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])  # its median over draws is 0
    told = replace(effect, base_values=uneven, arm_values=1 - uneven).as_dict()
    assert (round(told["base_median"], 3), round(told["arm_median"], 3)) == (0.167, 0.833)


def test_half_of_the_base_must_be_uprisings(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    assert (effects.uprisings, effects.judged) == (1.0, True)
    assert [replace(effects, uprisings=x).judged for x in (0.5, 0.49)] == [True, False]
    assert replace(effects.of("loud", "peak"), judged=False, direction=1).as_dict()["finding"] == "not-judged"


def test_levels_are_in_people_and_effects_so_many_times(found: tuple[Effects, Path]) -> None:
    effects, root = found
    row = effects.of("nobody", "peak").as_dict()
    peaks = np.asarray(arrays(*Store.of(root, effects.base).read(6)).whole["peak"], float).reshape(DRAWS, REPLICATES)
    by_hand = np.exp(np.log1p(peaks).mean(axis=1)) - 1
    assert row["base_median"] == pytest.approx(np.median(by_hand))
    assert row["arm_median"] == row["arm_high"] == 0
    assert row["times_median"] == pytest.approx(1 / (1 + np.median(by_hand)))
    assert (row["level_unit"], row["more"], row["same"], row["fewer"]) == ("people", 0, 0, DRAWS)
    assert effects.of("nobody", "regions").as_dict()["times_median"] is None


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([0.5] * 9 + [-0.5], "more"),
        ([-0.5] * 9 + [0.5], "fewer"),
        ([0.499] * 9 + [-0.5], "same"),
        ([-0.5] * 5 + [0.0] * 4 + [0.5], "not-more"),
        ([0.5] * 5 + [0.0] * 4 + [-0.5], "not-fewer"),
        ([-0.5] * 5 + [0.5] * 5, "undecided"),
        ([0.5] * 8 + [0.0] * 2, "not-fewer"),
    ],
)
def test_the_rule_in_both_directions(values: list[float], name: str) -> None:
    found = answer_of(np.array(values), 0.5)
    assert found.name == name
    turned = {"more": "fewer", "fewer": "more", "not-more": "not-fewer", "not-fewer": "not-more"}
    assert answer_of(-np.array(values), 0.5).name == turned.get(name, name)
    assert (found.reached, found.reversed) == (sum(v >= 0.5 for v in values), sum(v <= -0.5 for v in values))


@pytest.mark.parametrize(("change", "gone"), [("steps.E020=off", 1), ("drivers.internet=off", 2), ("parameters.media_gain=0", 0)])
def test_an_arm_without_a_name_says_what_it_leaves_out(change: str, gone: int) -> None:
    country = load_scenario(CASE)
    first = next(s for s in country.file.steps if s.kind == "internet")
    base, arms = plans_of(country, [change.replace("E020", first.id)], recorded=True)
    (arm,) = arms.values()
    found = left_out(base, arm)
    assert len(found) >= gone
    assert bool(found) == bool(gone)
    if gone:
        assert f"{first.id} ({first.at:%Y-%m-%d %H:%M})" in found


def test_an_arm_that_is_not_there_names_the_change_that_may_be_meant() -> None:
    country = load_scenario(CASE)
    step = next(s for s in country.file.steps if s.kind == "internet").id
    with pytest.raises(ScenarioError) as caught:
        plans_of(country, [step], recorded=True)
    assert f"steps.{step}=off" in str(caught.value)


@pytest.mark.parametrize("answer", ["more", "fewer", "same", "not-more", "not-fewer", "undecided"])
@pytest.mark.parametrize("basis", ["prior", "posterior"])
def test_every_answer_is_one_sentence_with_its_numbers(answer: str, basis: str) -> None:
    row = {"outcome": "peak", "answer": answer, "draws": 20, "more": 3, "same": 4, "fewer": 13, "smallest": 0.1, "base_median": 50_000.0,
           "arm_median": 1_234_567.0}  # fmt: skip
    other = {**row, "outcome": "killed", "answer": "fewer"}
    about = {"basis": basis, "judged": True, "by_policy": False, "histories": 80, "uprisings": 1.0, "pairs_that_differ": 0.5}
    en, zh = (sentence("my-arm", [row, other], about, lang) for lang in ("en", "zh"))
    assert en.count("my-arm") == zh.count("my-arm") == 1
    assert ("not fitted" in en) == (basis == "prior")
    counts = {"more": "3 of 20", "fewer": "13 of 20", "same": "4 of 20", "not-more": "smaller in 13", "not-fewer": "larger in 3"}
    assert counts.get(answer, "larger in 3, smaller in 13, about as large (within 26 %) in 4") in en
    assert en.endswith("Fewer: protesters and fighters killed.")
    assert zh.endswith("更少的还有：抗议者与搏斗者死亡人数。")
    if answer in ("more", "fewer", "same"):
        assert "1.23m" in en
        assert "50,000" in en
        assert "123万" in zh


# --- arms that cannot change anything -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "own", "why"),
    [
        (["drivers.all=policy"], ["steps.troops=off"], "arm_not_in_force"),
        (["drivers.all=policy"], ["steps.troops.size=5"], "arm_not_in_force"),
        (["drivers.internet=off"], ["steps.internet-cut=off"], "arm_not_in_force"),
        ([], ["government.signal=seats"], "arm_without_policy"),
        ([], ["parameters.rung_shoot=0.5"], "arm_without_policy"),
        ([], ["time.hours=384"], "arm_without_effect"),
        (["time.hours=24"], ["steps.troops=off"], "arm_without_effect"),
        (["parameters.media_gain=0"], ["parameters.media_gain=0"], "arm_without_effect"),
        (["mechanisms.diffusion=off"], ["parameters.media_gain=0"], "arm_without_effect"),
        (["organizations.network.presence=0"], ["organizations.network.demand_gap=1"], "arm_without_effect"),
        ([], ["steps.troops=off"], None),
        (["drivers.all=policy"], ["drivers.internet=off"], None),
        (["drivers.all=policy"], ["steps.price-free=off"], None),  # given: replayed whoever decides
        (["drivers.all=policy"], ["parameters.rung_shoot=0.5"], None),
        ([], ["parameters.media_gain=0"], None),
        ([], ["time.hours=383"], None),
    ],
)
def test_an_arm_that_cannot_change_anything_is_known_before(shared: list[str], own: list[str], why: str | None) -> None:
    base, arm = (resolve(scenario(), parse_set(words), scale=0.001) for words in (shared, [*shared, *own]))
    assert why_inert(base, arm) == why


def test_plans_that_act_alike_give_the_same_histories() -> None:
    # What `acting` leaves out is left out by the model, too: digests of whole histories of five days, under both kinds of state.
    for shared, own in (
        (["drivers.all=policy"], ["steps.troops=off", "steps.emergency-all=off"]),
        ([], ["parameters.rung_shoot=0.1", "government.signal=seats"]),
        (["mechanisms.diffusion=off"], ["parameters.media_gain=0"]),
        (["organizations.network.presence=0"], ["organizations.network.demand_gap=1"]),
        (["time.hours=100"], ["steps.troops=off"]),
    ):
        words = ["time.hours=120", *shared, "parameters.base_pressure=0.0001"]
        base, arm = (resolve(scenario(), parse_set(w), scale=0.001) for w in (words, [*words, *own]))
        assert acting(base) == acting(arm), own
        assert base.sha256() != arm.sha256()
        one, other = (simulate(p, draw(SEED, 1), 1) for p in (base, arm))
        assert one.sha256() == other.sha256(), own
        assert one.joined.sum() > 0


def test_all_inert_arms_are_refused_at_once_before_anything_is_made(tmp_path: Path) -> None:
    gone = plan().model_copy(update={"steps": [s for s in plan().steps if s.id != "troops"]})
    with pytest.raises(StudyError) as caught:
        compare(tmp_path, {"same": plan(("time.hours", 24)), "loud": plan(LOUD), "gone": gone})
    assert [(p.file, p.code) for p in caught.value.problems] == [("--arm gone", "arm_not_in_force"), ("--arm same", "arm_without_effect")]
    assert all(p.render(lang) for p in caught.value.problems for lang in ("en", "zh"))
    assert not list(tmp_path.iterdir())
