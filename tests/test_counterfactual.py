"""Effects: closed forms, the rule at its borders, what pairing saves, and the same result however it is computed.

Checks that rest on luck have fixed seeds and reject correct code with probability below 1e-4 each over seeds.
"""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from qantar import warm
from qantar.cli import main
from qantar.errors import DataError, QantarError, ScenarioError, StudyError
from qantar.report.effects import draw_effects
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.scenario.schema import Edit
from qantar.study import counterfactual as module
from qantar.study import ensemble
from qantar.study.counterfactual import (
    BASE,
    OUTCOMES,
    Effects,
    as_dict,
    counterfactual,
    expected,
    files_of,
    finding_of,
    is_paired,
    noise_of,
    pairing_gain,
    plans_of,
    read_draws,
    resamples,
    smallest_of,
)
from qantar.study.ensemble import run_ensemble, write_part
from qantar.study.posterior import HEAD
from qantar.study.reporting import history_seed
from qantar.study.run import STAMP
from qantar.study.store import Recipe, Store, kept_draws
from qantar.study.summary import arrays

DRAWS, REPLICATES, SEED = 3, 2, 5


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm.compiled(now=True)


def inline(recipe: Recipe, n: int, root: Path, *, progress: Callable[[int, int], None] = lambda *_: None, **_: Any) -> Store:
    """In place of processes: the same parts, here."""
    store = Store.of(root, recipe)
    for number in store.missing(n):
        write_part(recipe, root, number, n)
        progress(min(n, (number + 1) * recipe.part), n)
    return store


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_ensemble", inline)


@cache
def scenario() -> Scenario:
    return load_scenario(CASE)


@cache
def plan(*edits: tuple[str, Any]) -> Plan:
    """A tiny country of a day with somebody out; `edits` are paths and values."""
    first = [Edit(path="time.hours", value=24), Edit(path="parameters.base_pressure", value=1e-4), Edit(path="drivers.all", value="policy")]
    return resolve(scenario(), [*first, *(Edit(path=p, value=v) for p, v in edits)], scale=0.001)


SAME = ("time.hours", 24)
"""A change of nothing: a plan of another name, whose histories are computed again."""
NOBODY, LOUD = ("parameters.base_pressure", 0.0), ("parameters.base_pressure", 1e-2)


def compare(root: Path, arms: dict[str, Plan], **more: Any) -> Effects:
    return counterfactual(plan(), arms, **({"draws": DRAWS, "replicates": REPLICATES, "seed": SEED, "root": root} | more))


def codes(error: QantarError) -> list[str]:
    return [p.code for p in error.problems]


# --- effects ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Effects, Path]:
    """Three arms whose effects are known, and the store that they came from."""
    root = tmp_path_factory.mktemp("found")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run_ensemble", inline)
        return compare(root, {"same": plan(SAME), "nobody": plan(NOBODY), "loud": plan(LOUD)}), root


def test_an_arm_that_changes_nothing_gives_exactly_nothing(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    assert effects.recipes["same"].key() != effects.base.key()  # computed again indeed
    assert effects.differ == {"same": 0.0, "nobody": 1.0, "loud": 1.0}
    assert effects.history_sha256["same"] == effects.history_sha256[BASE]
    for name in OUTCOMES:
        effect = effects.of("same", name)
        assert (effect.arm_values == effect.base_values).all(), name
        assert effect.as_dict()["finding"] == "null"
        assert effect.as_dict()["pairs_same"] == DRAWS * REPLICATES
    assert (effects.of("same", "peak").base_values > 0).all()  # there was something to be equal


def own_seed(recipe: Recipe, run: int) -> int:
    """A defect: an arm has seeds of its own."""
    return history_seed(recipe.seed + len(recipe.plan.edits), *divmod(run, recipe.replicates))


@pytest.mark.usefixtures("here")
def test_seeds_that_differ_between_arms_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "seed_of", own_seed)
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
        assert effect.as_dict()["finding"] == rise
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
    assert smallest_of(["peak=0.3", "regions=2"]) == {"peak": 0.3, "regions": 2.0}
    for words, code in ((["peak"], "bad_form"), (["peak=low"], "bad_form")):
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
    monkeypatch.setattr(module, "run_ensemble", inline)
    near = compare(tmp_path, {"near": plan(("parameters.base_pressure", 1.02e-4))}, draws=6, replicates=4)
    assert near.differ["near"] == 1.0
    effect = near.of("near", "peak")
    assert effect.gain[0] > 5  # measured: 16 (1.7 to 421); 2 % more pressure leaves most luck as it was
    assert effect.gain[1] > 1
    assert pairing_gain(effect.base_values, np.roll(effect.arm_values, 1, axis=1), SEED)[2] < 1  # a defect: the next seed's history


# --- worlds that share no luck ------------------------------------------------------------------------------------------------


@cache
def grown() -> Plan:
    places = [{**p, "population": round(1.1 * p["population"])} for p in plan().places]
    return plan().model_copy(update={"places": places, "edits": [*plan().edits, {"path": "people", "value": 1.1}]})


@pytest.mark.usefixtures("here")
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
    assert not [s for s in arms["no-price-rise"].steps if s["kind"] == "price"]
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
        (["--arm", "no-troops", "--direction", "up"], "rise, fall"),
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
    assert (problem.file, problem.code) == ("--arm no-internet-cutt", "not_one_of")
    assert all(problem.part(which, lang) for which in ("what", "rule", "mend") for lang in ("en", "zh"))


# --- a posterior --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_draws_of_a_posterior_are_used_and_the_rest_comes_from_the_priors(tmp_path: Path) -> None:
    file = tmp_path / "posterior.csv"
    rows = [f"{k},{k},1,0.5,0.5,{k / 10},{k + 1}e-3" for k in range(6)]
    file.write_text("\n".join([",".join([*HEAD, "frailty", "protest_hours"]).replace("protest_hours", "arrest_rate"), *rows]) + "\n")
    given = read_draws(file)
    assert given[2] == {"frailty": 0.2, "arrest_rate": 0.003}
    free = plan().model_copy(update={"parameters": {"base_pressure": 1e-4}})
    result = counterfactual(free, {"same": plan(SAME)}, draws=3, replicates=1, seed=SEED, posterior=given, root=tmp_path)
    assert (result.basis, result.draws, as_dict(result)["calibrated"]) == ("posterior", 3, True)
    assert STAMP not in files_of(result, "")["effects.csv"]
    kept = kept_draws(tmp_path, result.base.given)
    assert [row["frailty"] for row in kept] == [0.0, 0.2, 0.4]  # at even distances
    assert kept[1] == draw(SEED, 1) | given[2]
    whole = Store.of(tmp_path, result.base).read(3)[1]
    assert whole["p_frailty"].tolist() == [0.0, 0.2, 0.4]
    assert (whole["p_base_pressure"] == 1e-4).all()  # what the plan fixes stays fixed
    more = counterfactual(free, {"same": plan(SAME)}, draws=9, replicates=1, seed=SEED, posterior=given, root=tmp_path)
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
    assert module.run_ensemble is run_ensemble  # in processes indeed
    two = compare(tmp_path, {"loud": plan(LOUD)}, processes=2)
    assert two.history_sha256 == {k: effects.history_sha256[k] for k in (BASE, "loud")}  # of one process: this one
    assert as_dict(two)["effects"] == [e for e in as_dict(effects)["effects"] if e["arm"] == "loud"]


def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path, found: tuple[Effects, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    effects, _ = found
    computed: list[tuple[str, int]] = []

    def counted(recipe: Recipe, n: int, root: Path, **more: Any) -> Store:
        before = Store.of(root, recipe).missing(n)
        store = inline(recipe, n, root, **more)
        computed.extend((recipe.key(), k) for k in before)
        return store

    def stop(done: int, total: int) -> None:
        assert total == 2 * DRAWS * REPLICATES
        if done > DRAWS * REPLICATES:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_ensemble", counted)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path, {"loud": plan(LOUD)}, progress=stop)
    first = len(computed)
    assert first == 2  # both parts of the base; the arm's first is there too
    told: list[tuple[float, int, int]] = []
    again = compare(tmp_path, {"loud": plan(LOUD)}, expect=lambda *x: told.append(x))
    assert [n for _, n in computed[first:]] == [1]  # only what was missing
    assert [x[1:] for x in told] == [(12, 2)]
    assert told[0][0] > 0
    assert expected([again.base], DRAWS * REPLICATES, tmp_path) == (0.0, 6, 0)
    for name in OUTCOMES:
        assert np.array_equal(again.of("loud", name).values, effects.of("loud", name).values), name


# --- what is written and said -------------------------------------------------------------------------------------------------


def test_the_files_carry_their_stamp_and_are_the_same_again(found: tuple[Effects, Path]) -> None:
    effects, _ = found
    files = files_of(effects, "x", draw_effects(effects))
    assert list(files)[-1] == "result.json"
    assert files == files_of(effects, "x", draw_effects(effects))
    for name in ("effects.csv", "draws.csv"):
        rows = list(csv.DictReader(files[name].splitlines()))
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


@pytest.mark.usefixtures("here")
def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    words = ["counterfactual", CASE, "--arm", "parameters.base_pressure=0", "--arm", "steps.troops=off", "--set", "time.hours=24",
             "--set", "parameters.base_pressure=0.0001", "--scale", "0.001", "--draws", "8", "--replicates", "2", "--direction", "fall", "--prior"]  # fmt: skip

    def done(*more: str, lang: str = "en") -> tuple[str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--lang", lang, *words, *more])
        assert ended.value.code == 0
        return tuple(capsys.readouterr())  # type: ignore[return-value]

    out, err = done()
    assert "48 histories, about" in err
    for said in ("Supported in this model", "Illustration, not fitted", "1:1000 model", "contradicted:", "supported",
                 "it needed 1 [1, 1] times fewer runs",  # an arm where nothing varies leaves nothing to share
                 "Arm steps.troops=off changes none of these histories", "the state answers by policy", "security forces killed"):  # fmt: skip
        assert said in " ".join(out.split()), said
    assert "probability of" not in out
    again, err = done(lang="zh")
    assert "全部48段历史均已保存" in err
    for said in ("在本模型中支持", "仅为示意，未经拟合", "否定：没有", "支持"):
        assert said in again, said
    told = json.loads(done("--json")[0])
    assert told["effects"][0]["finding"] == "supported"
    assert told["effects"][0]["direction"] == "fall"
    assert sorted(p.name for p in (tmp_path / told["folder"]).iterdir()) == sorted([*told["files"], "result.json"])
