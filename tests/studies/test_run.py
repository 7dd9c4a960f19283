"""`qantar run` and `qantar rerun`: the same histories by any engine and any number of processes, kept, repeated, not overstated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import CASE, Ran, call_qantar
from kit.shipped import reseal
from qantar.ensemble.runner import Runner
from qantar.errors import ResultError
from qantar.studies.repeat import rerun

SMALL = ("run", CASE, "--scale", "0.02", "--draws", "3", "--set", "time.hours=24", "--set", "parameters.base_pressure=0.00005")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small result and its store."""
    home = tmp_path_factory.mktemp("run")
    assert call_qantar(*SMALL, "--seed", "7", "--out", "r", cwd=home).code == 0
    return home


def digest(done: Ran) -> str:
    assert done.code == 0, done.err
    found = done.json()["history_sha256"]
    assert len(found) == 64
    return str(found)


def test_engines_and_processes_give_one_digest(ran: Path, qantar: Callable[..., Ran]) -> None:
    expected = json.loads((ran / "r" / "result.json").read_text(encoding="utf-8"))["history_sha256"]
    for number, words in enumerate((("--engine", "plain"), ("--processes", "1"), ("--processes", "4"))):
        assert digest(qantar(*SMALL, "--seed", "7", *words, "--store", f"store-{number}", "--json")) == expected, words
    assert digest(qantar(*SMALL, "--seed", "8", "--store", "other", "--json")) != expected


def test_a_repeated_run_computes_nothing_and_gives_the_same_files(ran: Path) -> None:
    parts = {p: p.stat().st_mtime_ns for p in (ran / "results" / "store").rglob("*.parquet")}
    assert parts
    before = {p.name: p.read_bytes() for p in (ran / "r").iterdir()}
    assert call_qantar(*SMALL, "--seed", "7", "--out", "r", cwd=ran).code == 0
    assert {p: p.stat().st_mtime_ns for p in (ran / "results" / "store").rglob("*.parquet")} == parts
    assert {p.name: p.read_bytes() for p in (ran / "r").iterdir()} == before


def test_a_result_is_made_again_from_itself(ran: Path, qantar: Callable[..., Ran], tmp_path: Path) -> None:
    copy = shutil.copytree(ran / "r", tmp_path / "copy")  # without its store
    again = qantar("rerun", "copy", "--json")
    assert again.code == 0, again.err
    assert again.json()["same"] is True
    assert again.json()["files"] == json.loads((copy / "result.json").read_text(encoding="utf-8"))["files"]
    assert "The same" in qantar("rerun", "copy").out


def test_a_result_that_was_touched_is_not_made_again(ran: Path, qantar: Callable[..., Ran], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ran / "r", tmp_path / "copy"))
    (copy / "features.csv").write_text("spoilt")
    assert "features.csv" in qantar("rerun", "copy").err
    (copy / "features.csv").unlink()
    assert qantar("rerun", "copy").code == 2
    (copy / "result.json").unlink()
    assert "result.json" in qantar("rerun", "copy").err
    other = Path(shutil.copytree(ran / "r", tmp_path / "other"))
    reseal(other, model_sha256="0" * 64)
    assert "made by" in qantar("rerun", "other").err


def test_a_result_that_says_something_else_is_not_the_same(ran: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ran / "r", tmp_path / "copy"))
    features = copy / "features.csv"
    features.write_text(features.read_text(encoding="utf-8").replace("KZ-AKM", "KZ-XXX"), encoding="utf-8")
    reseal(copy)
    assert rerun(copy, Runner(processes=1))[1] == ["features.csv"]
    reseal(copy, residents=7)
    assert rerun(copy, Runner(processes=1))[1] == ["features.csv", "result.json"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"command": "rm -r ."}, "not_a_run"),
        ({"command": {"name": "study", "options": {}}}, "not_a_run"),
        ({"model_sha256": "0" * 64}, "other_model"),
        ({"record_sha256": "0" * 64}, "other_record"),
        ({"posterior_sha256": "0" * 64}, "other_posterior"),
    ],
)
def test_a_result_of_something_else_is_refused(ran: Path, tmp_path: Path, change: dict[str, Any], code: str) -> None:
    copy = Path(shutil.copytree(ran / "r", tmp_path / "copy"))
    reseal(copy, **change)
    with pytest.raises(ResultError) as caught:
        rerun(copy, Runner(processes=1))
    assert [p.code for p in caught.value.problems] == [code]


def test_what_is_printed_says_what_it_is_not(ran: Path) -> None:
    shown = call_qantar(*SMALL, "--seed", "7", "--out", "r", cwd=ran).out
    assert "Parameters are drawn from their priors" in shown
    assert "Illustration, not fitted" in shown
    assert "one simulated resident for every 50" in " ".join(shown.split())
    assert "probability" not in shown
    assert "Mangystau" in shown
    assert "parameters.base_pressure" in shown  # what was changed is said
    assert "没有按记录作任何拟合" in call_qantar("--lang", "zh", *SMALL, "--seed", "7", "--out", "r", cwd=ran).out
    written = json.loads((ran / "r" / "result.json").read_text(encoding="utf-8"))
    assert written["calibrated"] is False
    assert not [k for k in written if "prob" in k]
    assert written["network"]["degree"] >= 15


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "parameters.price_effec=1"), "price_effect"),
        (("--set", "parameters.legitimacy=62"), "outside 0 to 1"),
        (("--set", "steps.internet-cutt=off"), "internet-cut"),
        (("--set", "price"), "parameters.price_effect=0"),
        (("--arm", "bench"), "bench-loud"),
        (("--arm", "bench.toml"), "bench.toml: there is no such file"),
        (("--engine", "fast"), "plain"),
    ],
)
def test_a_wrong_change_is_told_and_nothing_is_written(
    qantar: Callable[..., Ran], tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = qantar(*SMALL, *words)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_somebody_else_is_refused(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = qantar(*SMALL, "--out", "mine")
    assert done.code == 2
    assert "thesis.txt" in done.err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
