"""The histories that a page draws: packed whole, read with care, the same page from either, a sample simulated again by lot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import CASE, HERE, Ran
from kit.shipped import reseal
from qantar.cases.case import cases_folder
from qantar.cli import main as cli
from qantar.cli import text as terminal
from qantar.ensemble.run import Result, run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws, model_hash
from qantar.errors import ResultError
from qantar.files.result import read_result
from qantar.files.write import refuse_foreign, write_result
from qantar.inference.packed import HISTORIES, PAGE, packed, read
from qantar.inference.posterior import CSV, FIT, read_posterior
from qantar.report import write as written
from qantar.report.page import render
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.studies import shown
from qantar.studies.shown import SameHistory, Sample, lots, sample
from qantar.verdicts import repeated as trials
from qantar.verdicts.load import load_account
from qantar.verdicts.repeated import RepeatedEffect

PACKAGED = cases_folder() / CASE
SCALE = 0.001
ASKED = {"name": "run", "options": {"scenario": CASE, "posterior": True}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A copy of the packaged case that ships three histories of a tiny country, and these histories as they were simulated."""
    home = tmp_path_factory.mktemp("shown")
    case = Path(shutil.copytree(PACKAGED, home / "case", ignore=shutil.ignore_patterns("experiments", "methods", PAGE)))
    scenario = load_scenario(str(case))
    posterior = read_posterior(case / FIT)
    assert posterior is not None
    given = keep_draws(home / "store", posterior.values)
    recipe = Recipe(resolve(scenario, scale=SCALE), 1, sampling="given", given=given)
    made = posterior.made
    found = run(recipe, 3, scenario.case, Runner(home / "store", 1), made)
    write_result(case / FIT / PAGE, packed(found, case, ASKED))
    return case, found


@pytest.fixture
def case(small: tuple[Path, Result], tmp_path: Path) -> Path:
    """The same, free to be spoilt."""
    return Path(shutil.copytree(small[0], tmp_path / "case"))


def of(case: Path) -> Scenario:
    return load_scenario(str(case))


def test_what_ships_is_of_this_model_and_posterior() -> None:
    found = read(of(PACKAGED))
    assert found is not None, "the histories of the page are stale: run make evidence"
    assert found.runs.n == 60
    assert found.provenance["calibrated"]
    assert len(set(found.runs.whole["sha256"])) > 50
    assert (PACKAGED / FIT / PAGE / HISTORIES).stat().st_size < 50_000


def test_packed_histories_are_those_that_were_simulated(small: tuple[Path, Result]) -> None:
    case, simulated = small
    found = read(of(case))
    assert found is not None
    for name in ("presence", "participants", "detained", "killed", "seat_lost", "stopped"):
        assert np.array_equal(getattr(found.runs, name), getattr(simulated.runs, name)), name
    assert list(found.runs.whole["sha256"]) == list(simulated.runs.whole["sha256"])
    assert found.features == simulated.features or str(found.features) == str(simulated.features)  # NaN is not NaN
    assert found.provenance == simulated.provenance
    assert packed(found, case, "qantar run") == packed(simulated, case, "qantar run")


def test_the_page_is_the_same_from_either(small: tuple[Path, Result]) -> None:
    case, simulated = small
    loaded = load_account(str(case))
    found = read(of(case))
    assert render(loaded, found) == render(loaded, simulated)
    assert '<section id="simulated"' in render(loaded, found)


@pytest.mark.parametrize("bit", range(0, 8 * 400, 97))
def test_a_flipped_bit_is_refused(case: Path, bit: int) -> None:
    path = case / FIT / PAGE / HISTORIES
    content = bytearray(path.read_bytes())
    content[(bit * 31 // 8) % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(ResultError, match="changed"):
        read(of(case))


def test_a_hash_that_was_made_to_fit_does_not_help(case: Path, small: tuple[Path, Result]) -> None:
    _, simulated = small
    whole = {**simulated.runs.whole, "sha256": np.array(["0" * 64, *simulated.runs.whole["sha256"][1:]])}
    forged = replace(simulated, runs=replace(simulated.runs, whole=whole))
    write_result(case / FIT / PAGE, packed(forged, case, ASKED))
    with pytest.raises(ResultError, match="digest"):
        read(of(case))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "run"}, "not as qantar wrote it"),
        ({"files": {}}, "not as qantar wrote it"),
        ({"files": 3}, "not as qantar wrote it"),
        ({"files": {HISTORIES: "x"}}, "not as qantar wrote it"),
    ],
)
def test_a_spoilt_description_is_named(case: Path, change: dict[str, object], match: str) -> None:
    path = case / FIT / PAGE / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ResultError, match=match):
        read(of(case))


@pytest.mark.parametrize("change", [{"model_sha256": "0"}, {"plan_sha256": "0"}, {"scale": "x"}, {"scale": 7}, {"posterior_sha256": "0"}])
def test_what_was_made_otherwise_is_not_shown_and_the_page_says_so(case: Path, change: dict[str, object]) -> None:
    reseal(case / FIT / PAGE, **change)
    assert read(of(case)) is None
    page = render(load_account(str(case)))
    assert 'id="stale-simulated"' in page
    assert '<section id="simulated"' not in page


def test_another_posterior_makes_them_stale(case: Path) -> None:
    path = case / FIT / CSV
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert read(of(case)) is None


def test_nothing_foreign_is_overwritten(case: Path, small: tuple[Path, Result], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(ResultError, match=r"thesis\.txt"):
        refuse_foreign(tmp_path / "mine")
    assert write_result(tmp_path / "mine", packed(small[1], case, ASKED)) == tmp_path / "mine-2"


def test_lots_fall_on_every_history_and_follow_the_seed() -> None:
    drawn = [lots(2, 60, seed) for seed in range(400)]
    assert {k for pair in drawn for k in pair} == set(range(60))
    assert all(len(set(pair)) == 2 for pair in drawn)
    assert lots(5, 3, 1) != lots(5, 3, 2)
    assert sorted(lots(5, 3, 1)) == [0, 1, 2]


def test_a_sample_is_simulated_again_and_a_wrong_digest_is_found(small: tuple[Path, Result]) -> None:
    case, simulated = small
    done: list[tuple[int, int]] = []
    found = sample(of(case), simulated, Runner(processes=1, progress=lambda _, *x: done.append(x)), histories=2, effects=0, seed=3)
    assert [h.run for h in found.histories] == lots(2, 3, 3)
    assert all(h.same for h in found.histories)
    assert done == [(0, 2), (1, 2), (2, 2)]
    digests = simulated.runs.whole["sha256"].copy()
    digests[found.histories[0].run] = "0" * 64
    other = replace(simulated, runs=replace(simulated.runs, whole={**simulated.runs.whole, "sha256": digests}))
    again = sample(of(case), other, Runner(processes=1), histories=1, effects=0, seed=3)
    assert [h.same for h in again.histories] == [False]


WRONG = Sample(1, (SameHistory(4, "a" * 64, "a" * 64), SameHistory(7, "b" * 64, "c" * 64)), 60, (RepeatedEffect("H05", "a", 3, 1.0, 2.0),))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_does_not_come_out_the_same_is_said_loudly(small: tuple[Path, Result], lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    case, simulated = small
    terminal.sample_lines({"simulated_again": WRONG.as_dict()}, lang)
    printed = capsys.readouterr().out
    assert printed.count("WARNING" if lang == "en" else "警告") == 2
    page = render(load_account(str(case)), simulated, WRONG)
    assert page.count("WARNING") == page.count("警告：") == 2
    assert "≠ bbbbbbbbbbbb" in page


def test_effects_are_drawn_among_those_that_are_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = of(PACKAGED)
    stored = read_result(PACKAGED / FIT / "experiments")
    assert stored is not None
    rows = [r for r in stored.rows("draws.csv") if r["basis"] == "posterior" and not r["rival"]]
    assert sum(float(r["effect"]) == 0 for r in rows) > 0.3 * len(rows)  # lots among all would often fall on one
    monkeypatch.setattr(trials, "effect_of", lambda *a, **k: 1.0)
    found = trials.repeat_effects(scenario, 200, 1)
    assert len(found) == 200
    assert all(a.shipped != 0 for a in found)


def test_an_own_account_is_judged_by_its_readers_alone_and_simulates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path(tmp_path / "mine")
    mine.mkdir()
    for name in ("account.toml", *filter(None, load_account(PACKAGED.name).account.head.files.model_dump().values())):
        shutil.copyfile(PACKAGED / name, mine / name)  # the very same ids, which mean other claims here
    monkeypatch.setattr(shown, "in_processes", lambda *a: pytest.fail("simulated"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["study", "mine"])
    assert ended.value.code == 0
    assert "in this model" not in capsys.readouterr().out.split("Causes")[0]
    made = json.loads((tmp_path / "results" / "mine" / "result.json").read_text(encoding="utf-8"))
    assert made["model"] is None
    assert made["simulated_again"] is None
    assert not any("model" in word for counts in made["verdicts"].values() for word in counts)
    page = (tmp_path / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    for section in ("simulated", "fit", "heldout", "rivals", "scale", "sensitivity", "warning"):
        assert f'<section id="{section}"' not in page
    assert f"<code>qantar study {CASE}</code>" in page
    assert page.count('class="findings"') == 1


def test_the_second_time_nothing_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qantar: Callable[..., Ran]) -> None:
    tiny = Path(shutil.copytree(HERE / "tiny", tmp_path / "tiny"))
    monkeypatch.chdir(tmp_path)

    def study(*more: str) -> dict[str, object]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["study", "tiny", *more])
        assert ended.value.code == 0
        made: dict[str, object] = json.loads((tmp_path / "results" / "tiny" / "result.json").read_text(encoding="utf-8"))
        return made

    first = study()
    report = tmp_path / "results" / "tiny" / "report.html"
    drawn = report.stat().st_mtime_ns
    assert study() == first
    assert report.stat().st_mtime_ns == drawn
    report.write_text("mine")  # what was changed is not taken for the result
    assert written.unchanged(report.parent, str(first["inputs_sha256"])) is None
    report.unlink()
    study()
    assert report.read_text(encoding="utf-8") != "mine"
    claims = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(claims.replace("It began on 2 March.", "It began on 2 March 2030."), encoding="utf-8")
    assert study()["inputs_sha256"] != first["inputs_sha256"]
    assert "2 March 2030" in report.read_text(encoding="utf-8")
    assert study("--seed", "2")["inputs_sha256"] != study()["inputs_sha256"]


def test_the_hash_of_the_model_stands_with_what_ships() -> None:
    made = json.loads((PACKAGED / FIT / PAGE / "result.json").read_text())
    assert made["model_sha256"] == model_hash()
    assert {"posterior": True, "draws": 60}.items() <= made["command"]["options"].items()


@pytest.mark.parametrize("words", [[], ["--arm", "by-policy"], ["--set", "price_effect=1"], ["--replicates", "2"], ["--defaults"]])
def test_only_histories_of_the_posterior_as_it_is_are_packed(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["run", CASE, "--pack", str(tmp_path / "p"), *words, *(["--posterior"] if words else [])]
    with pytest.raises(SystemExit) as ended:
        cli.main(asked)
    assert ended.value.code == 2
    assert "--posterior" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()
