"""Networks against a closed form, what they refuse, and one small run from the table that ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE, REPOSITORY, call_qantar
from qantar import errors
from qantar.ensemble.histories import first
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError
from qantar.inference import neural as module
from qantar.inference.calibration import Terms
from qantar.inference.neural import LEAST, Lesson, Neural, files_of, neural, of_scenario
from qantar.inference.posterior import unpack
from qantar.inference.problem import spec_of
from qantar.inference.rejection import Setup
from qantar.scenario.scenario import load_scenario

TABLE = REPOSITORY / "evidence" / "prior-table.npz"
SOME = 4_000
"""Histories of the table that are learned from here: of all 20,000, networks learn more, in three times the time."""
NOISE, AT = 0.5, 1.2
"""What is seen is the first score and so much noise; the record. The second score leaves no trace."""
NETWORKS: dict[Any, Any] = {}
TRAINED = module._trained
GAIN = 0.5 * np.log(1 + 1 / NOISE**2)


def closed_form() -> Neural:
    rng = np.random.default_rng(5)
    scores = rng.standard_normal((1500, 2))
    seen = scores[:, :1] + NOISE * rng.standard_normal((1500, 1))
    names = ["base_pressure", "arrest_rate"]
    return neural(Lesson(names, scores, seen, np.array([AT]), np.ones(1500, bool), np.arange(300), 3), members=2)


@pytest.fixture(autouse=True, scope="module")
def _compiled_quickly() -> Iterator[None]:
    """Most of what small networks cost is compiling them, and most of that is to make large ones quick."""
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True)
def _trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that was trained on the same data with the same seed is not trained again."""
    trained = module._trained

    def once(scores: Any, context: Any, seed: int) -> Any:
        key = (scores.tobytes(), context.tobytes(), seed)
        if key not in NETWORKS:
            NETWORKS[key] = trained(scores, context, seed)
        return NETWORKS[key]

    monkeypatch.setattr(module, "_trained", once)


def check(found: Neural) -> None:
    mean, sd = AT / (1 + NOISE**2), NOISE / np.sqrt(1 + NOISE**2)
    assert found.scores[:, 0].mean() == pytest.approx(mean, abs=0.2)
    assert found.scores[:, 0].std() == pytest.approx(sd, abs=0.12)
    assert found.scores[:, 1].mean() == pytest.approx(0, abs=0.2)
    assert found.scores[:, 1].std() == pytest.approx(1, abs=0.2)
    assert found.gain == pytest.approx(GAIN, abs=0.15)
    assert all(c.holds for c in found.findings.coverage)
    assert found.findings.learned[0].narrowing == pytest.approx(1 - sd, abs=0.12)
    assert (found.pseudo, found.trained) == (300, 1200)


def test_networks_find_a_posterior_that_is_known() -> None:
    check(closed_form())


def test_the_same_seed_trains_the_same_network() -> None:
    rng = np.random.default_rng(5)
    scores, seen = rng.standard_normal((200, 2)), rng.standard_normal((200, 1))  # as many columns as above: compiled once
    one, two, other = (module._sampled(TRAINED(scores, seen, seed), np.zeros((1, 1)), 10, 1) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("fault", ["blind", "too sure"])
def test_wrong_networks_are_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    trained, sampled = module._trained, module._sampled
    if fault == "blind":
        monkeypatch.setattr(module, "_trained", lambda scores, context, seed: trained(scores, np.roll(context, 1, axis=0), seed))
    else:

        def narrow(*args: Any) -> Any:
            draws = sampled(*args)
            return draws.mean(axis=1, keepdims=True) + 0.5 * (draws - draws.mean(axis=1, keepdims=True))

        monkeypatch.setattr(module, "_sampled", narrow)
    with pytest.raises(AssertionError):
        check(closed_form())


def test_too_little_to_learn_from_is_said() -> None:
    use = np.zeros(2000, bool)
    use[: LEAST - 1] = True
    with pytest.raises(StudyError) as caught:
        neural(Lesson(["a"], np.zeros((2000, 1)), np.zeros((2000, 1)), np.zeros(1), use, np.arange(0), 1))
    assert [p.code for p in caught.value.problems] == ["few_to_learn"]
    assert all(p.render("en") and p.render("zh") for p in caught.value.problems)


def test_two_networks_from_the_table_that_ships(tmp_path: Path) -> None:
    runs, made = unpack(TABLE)
    given = load_scenario(CASE)
    known = first(runs, SOME)
    found = of_scenario(Terms(given, Setup(table=SOME), int(str(made["seed"])), known=known), Runner(tmp_path, 1), members=2)
    fitted = spec_of(given).fitted
    assert [x.parameter for x in found.findings.learned] == fitted
    assert found.pseudo == 500
    assert found.gain > 2 * found.gain_se > 0
    files = files_of(found)
    assert set(files) == {"learned.csv", "ridges.csv", "coverage.csv", "sample.csv"}
    assert files["sample.csv"].splitlines()[0].split(",") == fitted
    assert len(files["sample.csv"].splitlines()) == 1 + len(found.scores)
    assert not list(tmp_path.glob("*/part-*"))  # nothing was simulated


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "magic"], "neural, rejection"),
        (["--method", "neural", "--near", "30"], "--near"),
        (["--method", "neural", "--force-draws", "3"], "--force-draws"),
        (["--method", "neural", "--runs", "3"], "--runs"),
        (["--method", "neural", "--pack", "x.npz"], "--pack"),
        (["--method", "neural", "--set", "parameters.potential=0.1"], "potential"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], said: str, tmp_path: Path) -> None:
    ran = call_qantar("calibrate", CASE, *words, cwd=tmp_path)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="qantar\\[neural\\]"):
        errors.needs("flowjax", "neural", "--method neural")
