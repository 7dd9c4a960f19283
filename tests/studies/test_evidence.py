"""What ships as evidence was made by this version of the model: the hash is checked, and a small sample is simulated again."""

from __future__ import annotations

import csv
import functools
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from conftest import REPOSITORY
from kit.packaged import scenario
from qantar.draws import Purpose, uniform
from qantar.effects import contrast
from qantar.effects.experiment_file import load_experiments
from qantar.effects.measures import seen_of
from qantar.effects.parameter_sets import Draws
from qantar.effects.planted import Effort as PlantedEffort
from qantar.effects.planted import truth_of
from qantar.effects.versions import FILE
from qantar.ensemble.histories import Runs, first
from qantar.ensemble.one_run import one_run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, model_hash
from qantar.files.result import command_line, csv_rows_of
from qantar.forecast.baselines import facts_of, score_onsets
from qantar.forecast.held_out import MODEL, nearest_draws, resimulate, without_local_steps, without_region
from qantar.forecast.rivals import HOME, Terms, compare, fitted_draws
from qantar.forecast.scores import coverage_days
from qantar.inference import calibration as fitted
from qantar.inference.calibration import Floats, Ints, record_ranks, simulated_records
from qantar.inference.diagnostics import coverage, uniformity
from qantar.inference.distance import FORCE, MOBILIZATION, Target, distances, items_of, last_day, scales_of, target_of, up_to
from qantar.inference.posterior import FIT, NEURAL, Fit, fits, read_fit, unpack
from qantar.inference.prior import varied
from qantar.inference.problem import spec_of
from qantar.inference.rejection import Setup, stop_of
from qantar.inference.variance import SEED
from qantar.record.observables import observe
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import arm_edits, resolve
from qantar.studies import experiments as trials
from qantar.studies import methods, planted
from qantar.studies.kind import Result, table_csv
from qantar.studies.making import make_all
from qantar.studies.sensitivity import Effort
from qantar.studies.shipped import read_shipped
from qantar.studies.shipped import shipped as results
from qantar.stylized import comparison
from qantar.stylized.experiment import Shape, load_experiment, packaged_folder
from qantar.stylized.navco import packed_counts

CASE = "kazakhstan-2022"
TABLE = REPOSITORY / "evidence" / "prior-table.npz"
STALE = "the evidence was made by another version of the model: run make evidence (hours), or undo the change"
SAMPLE = 3
"""Histories of each kind that are simulated again."""


@functools.cache
def table() -> tuple[Runs, dict[str, object]]:
    return unpack(TABLE)


def country(scale: float) -> Plan:
    return resolve(scenario(), scale=scale)


def some(n: int, of: int) -> list[int]:
    """Numbers that nobody chose."""
    return [int(uniform(7, int(Purpose.STUDY), k, 0, 1) * of) for k in range(n)]


def test_all_that_ships_is_of_one_piece(tmp_path: Path) -> None:
    """What was made is of this model, its command and all that was made before it: nothing is left to make."""

    def make(words: Sequence[str]) -> None:
        pytest.fail(f"{STALE}: {' '.join(words)}")

    assert make_all(CASE, scenario().case.folder, tmp_path, REPOSITORY / "evidence", make, lambda step: None) == []


def test_the_table_of_the_priors_is_of_this_model_and_scenario() -> None:
    runs, made = table()
    assert made["model_sha256"] == model_hash(), STALE
    assert fits(made, country(float(str(made["scale"]))))
    assert not fits(made, resolve(scenario(), scale=0.05))
    assert runs.n >= 20_000


def test_draws_of_the_table_simulated_again_are_the_same() -> None:
    runs, made = table()
    recipe = Recipe(country(0.1), int(str(made["seed"])), part=50)
    for number in some(SAMPLE, runs.n):
        again = seen_of([one_run(recipe, number)]).runs
        assert np.array_equal(again.presence[0], runs.presence[number])
        assert np.array_equal(again.seat_lost[0], runs.seat_lost[number])
        for name in ("participants", "detained", "killed"):
            assert getattr(again, name)[0] == pytest.approx(getattr(runs, name)[number], rel=1e-6)
        assert again.whole["p_rally_rate"][0] == draw(recipe.seed, number)["rally_rate"]


@functools.cache
def shipped() -> Fit:
    found = read_fit(scenario().case.folder)
    assert found is not None, "no posterior ships with the case"
    return found


def test_the_posterior_is_of_this_model_and_scenario_and_used_by_the_study() -> None:
    made = shipped().posterior.made
    assert made["model_sha256"] == model_hash(), STALE
    assert fits(made, country(float(made["scale"])))
    assert command_line(made).startswith(f"qantar calibrate {CASE}")
    assert made["setup"]["table"] >= 20_000
    assert len(shipped().posterior.values) == made["setup"]["particles"]


def test_particles_simulated_again_lie_where_the_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = shipped().posterior
    plan = country(float(found.made["scale"]))
    spec = spec_of(scenario())
    target = target_of(observe(scenario().case.record), plan, detained=tuple(spec.detained))
    scales = scales_of(target)
    for k in some(SAMPLE, len(found.values)):
        recipe = Recipe(plan, 1, sampling="given", stop_above=stop_of(target))
        monkeypatch.setattr("qantar.ensemble.one_run.seed_of", lambda recipe, run, seed=int(found.seeds[k]): seed)
        again = seen_of([one_run(recipe, 0, [found.values[k]])]).runs
        items = items_of(again, target, plan)
        assert distances(items, target, scales, MOBILIZATION)[0] == pytest.approx(found.mobilization[k], rel=1e-4)
        assert distances(items, target, scales, FORCE)[0] == pytest.approx(found.force[k], rel=1e-4)


def quiet_uprisings_of_the_table() -> Ints:
    return np.array([int(r["draw"]) for r in evidence("calibrate").tables["pseudo"]])


def ranks_of_records(among: Ints) -> Floats:
    made, plan = shipped().posterior.made, country(0.1)
    spec = spec_of(scenario())
    target = target_of(observe(scenario().case.record), plan, detained=tuple(spec.detained))
    return record_ranks(spec.fitted, table()[0], target, plan, int(made["seed"]), among)


def test_intervals_of_the_posterior_hold_the_truth_of_simulated_records() -> None:
    """All shares and ranks computed again from the table; error budget: 24 shares at 99.9 %, 8 tests of ranks at 0.1 %."""
    names, ranks = spec_of(scenario()).fitted, ranks_of_records(quiet_uprisings_of_the_table())
    rows = {(r["parameter"], float(r["level"])): r for r in evidence("calibrate").tables["coverage"]}
    again = coverage(ranks, names)
    assert set(rows) == {(c.parameter, c.level) for c in again}
    for c, p in zip(again, np.repeat(uniformity(ranks), 3), strict=True):
        row = rows[c.parameter, c.level]
        assert (int(row["held"]), int(row["of"]), row["holds"]) == (c.held, c.of, str(int(c.holds)))
        assert c.of >= 500
        assert c.holds, c
        assert float(row["ranks_uniform_p"]) == pytest.approx(p, rel=1e-3)
        assert p > 0.001, c.parameter


def test_ranks_among_draws_of_another_prior_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records chosen by their peak and a quiet month before it, neighbours not: ranks lean, and their test says so."""
    records = simulated_records(quiet_uprisings_of_the_table(), int(shipped().posterior.made["seed"]))
    monkeypatch.setattr(fitted, "simulated_records", lambda *_: records)
    assert min(uniformity(ranks_of_records(np.flatnonzero(~table()[0].stopped)))) < 0.001


# --- held-out scores, early warning, scale ------------------------------------------------------------------------------


def evidence(kind: str) -> Result:
    found = results(scenario().case)
    assert kind not in found.stale, STALE
    assert kind in found.shown, f"no evidence of kind {kind} ships with the case"
    result = found.shown[kind]
    assert command_line(dict(result.made)).startswith(f"qantar {kind} {CASE}")
    return result


def test_scores_of_the_baselines_are_computed_again() -> None:
    rows = {(r["partition"], r["forecaster"]): r for r in evidence("heldout").tables["scores"]}
    facts = facts_of(observe(scenario().case.record), country(0.1))
    again = score_onsets(facts, m=int(evidence("heldout").made["near"]))
    assert len(again) >= 5
    for score in again:
        row = rows["region", score.name]
        assert float(row["log_mean"]) == pytest.approx(float(np.mean(score.log)), rel=1e-6), score.name
        assert float(row["other_mean"]) == pytest.approx(float(np.mean(score.crps)), rel=1e-6), score.name
        sure, possible = coverage_days(score.p, facts.low, facts.high)
        assert tuple(int(row[k]) for k in ("held", "held_possibly", "held_of")) == (sure.hits, possible.hits, sure.of), score.name
    assert {(p, MODEL) for p in ("region", "day")} <= set(rows)


def test_a_history_held_out_is_simulated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a region no decision names alone until the third day, the first day of the nearest draws is that of the table."""
    runs, made = table()
    plan = country(0.1)
    target = target_of(observe(scenario().case.record), plan, detained=tuple(spec_of(scenario()).detained))
    items = items_of(runs, target, plan)
    draws = nearest_draws(items, without_region(target, "KZ-MAN"), scales_of(target), 400)
    small = [int(k) for k in draws if float(runs.whole["joins"][k]) < 20_000][:SAMPLE]
    again_ = resimulate(without_local_steps(plan), np.array(small), int(str(made["seed"])), Runner(tmp_path), "ahead")
    assert np.array_equal(again_.presence[:, :3], runs.presence[small, :3])
    assert not np.array_equal(again_.participants, runs.participants[small])  # and later a price is not cut there


def test_early_warning_ships_with_one_wave_and_every_evening() -> None:
    found = evidence("warning")
    evenings = {r["date"] for r in found.tables["origins"] if r["forecaster"] == MODEL}
    assert len(evenings) == 33  # 1 December to 2 January
    assert found.made["wave"] == "2022-01-03"
    assert not found.made["hindsight"]


def test_fitted_sets_were_simulated_with_everyone() -> None:
    found = evidence("scale")
    rows = found.tables["items"]
    assert int(found.made["draws"]) >= 100
    assert len(rows) == len(items_of(*_one(), country(0.1))[0]) + 1
    assert all(int(r["n"]) >= 100 for r in rows)
    beyond = [r["of"] for r in rows if r["beyond"] == "1"]
    assert not beyond  # nowhere does scale matter more than the error that the record is allowed


def test_rivals_are_what_their_fits_say(tmp_path: Path) -> None:
    """The comparison, again from the fits that were kept; nothing is simulated."""
    found = evidence("rivals")
    made, rows = found.made, found.tables["rivals"]
    assert [r["rival"] for r in rows] == [HOME, *(a for a in scenario().file.arms if a.startswith("rival-") and a != HOME)]
    setup = Setup(**made["setup"])
    assert (setup.table, setup.particles) >= (3_000, 150)
    again = compare(
        Terms(scenario(), setup, int(made["seed"]), near=int(made["near"])), [r["rival"] for r in rows],
        Runner(tmp_path, progress=lambda *told: pytest.fail(f"simulated again: {told}")), TABLE.parent / "rivals",
    )  # fmt: skip
    assert again.tolerance == pytest.approx(float(made["tolerance"]))
    for one, row in zip(again.rows(), rows, strict=True):
        for name in ("log_share", "near_difference", "near_se", "log_score", "held_out_difference", "held_out_se"):
            assert float(row[name]) == pytest.approx(one[name], rel=1e-5, abs=1e-9)
        assert row["held_out_separated"] == str(int(one["held_out_separated"]))


def test_effects_that_ship_are_what_their_histories_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number of every counterfactual hypothesis, again from what was kept of its histories; nothing is simulated."""
    monkeypatch.setattr(contrast, "run_part_arms", lambda *a, **k: pytest.fail("simulated again"))
    made = json.loads((scenario().case.folder / FIT / trials.STUDY.name / "result.json").read_text(encoding="utf-8"))
    assert made["model_sha256"] == model_hash(), STALE
    said = made["command"]["options"]
    written = [w for w in load_experiments(scenario()) if w.spec.type == "counterfactual"]
    runner = Runner(tmp_path)
    draws = trials.draws_of(scenario(), int(said["table"]), runner, seed=int(said["seed"]), scale=float(said["scale"]), known=table()[0])
    n, under, everyone = (int(said[k]) for k in ("draws", "rivals", "everyone"))
    accounts = sorted({name for w in written for name in w.spec.rivals})
    fits = {arm: Draws(values) for arm, values in fitted_draws(TABLE.parent / "rivals", accounts).items()}
    assert sorted(fits) == accounts
    kept = TABLE.parent / "experiments"
    again = trials.Trying(scenario(), draws, runner, most=n, rivals=under, everyone=everyone, folder=kept, fits=fits).all(written)
    shipped = {t["hypothesis"]: t for t in made["trials"]}
    assert len(again) >= 11
    for trial, _ in again:
        row = shipped[trial.hypothesis]
        assert (trial.verdict, trial.basis, trial.flips, trial.words) == tuple(row[k] for k in ("verdict", "basis", "flips", "words"))
        for mine, theirs in zip(trial.rows, row["rows"], strict=True):
            assert theirs.keys() == mine.keys()
            for name in {*mine} - {"curve"}:
                same = pytest.approx(mine[name], rel=1e-5, abs=1e-9) if isinstance(mine[name], float) else mine[name]
                assert theirs[name] == same, name


def test_the_home_grown_account_is_the_table_of_the_priors_to_the_fifth_of_january() -> None:
    runs, made = table()
    plan = resolve(scenario(), arm_edits(scenario(), HOME), scale=0.1)
    early = up_to(plan, last_day(target_of(observe(scenario().case.record), plan), MOBILIZATION, plan))
    for number in some(SAMPLE, 10_000):
        again = seen_of([one_run(Recipe(early, int(str(made["seed"])), part=50), number)]).runs
        assert np.array_equal(again.presence[0, :5], runs.presence[number, :5])
        assert again.participants[0, :5] == pytest.approx(runs.participants[number, :5], rel=1e-6)


def test_what_moves_what_was_computed_for_all_that_varies() -> None:
    found = evidence("sensitivity")
    names, _ = varied(country(0.1))
    screened = {r["input"] for r in found.tables["indices"] if r["measure"] == "size"}
    assert screened == {*names, SEED}
    effort = Effort(**found.made["effort"])
    assert (effort.trajectories, effort.draws) >= (20, 128)
    assert found.made["histories"] == sum(effort.histories(len(names)))


def test_networks_agree_with_the_rounds_on_what_was_learned() -> None:
    folder = scenario().case.folder / FIT / NEURAL
    made = json.loads((folder / "result.json").read_text())
    assert made["model_sha256"] == model_hash(), STALE
    assert fits(made, country(0.1))
    assert command_line(made) == f"qantar calibrate {CASE} --method=neural --seed=2022 --table=20000"
    with (folder / "learned.csv").open() as file:
        networks = {r["parameter"]: r for r in csv.DictReader(file)}
    rounds = {r["parameter"]: r for r in evidence("calibrate").tables["learned"]}
    assert {r["parameter"]: r for r in evidence("calibrate").others[NEURAL].tables["learned"]} == networks
    assert set(networks) == set(rounds)
    learned = {name for name in rounds if rounds[name]["word"] == "learned"}
    assert learned
    for name in learned:  # what one method learned, the other moved the same way, as far as both know
        (one, other), before = (float(by[name]["posterior_q50"]) for by in (rounds, networks)), float(rounds[name]["prior_q50"])
        assert (one > before) == (other > before), name
    assert all(networks[name]["word"] != "not" for name in learned)
    with (folder / "coverage.csv").open() as file:
        assert sum(r["holds"] != "1" for r in csv.DictReader(file)) <= 3
    assert made["gain"] > 2 * made["gain_se"]


def _one() -> tuple[Runs, Target]:
    runs, _ = table()
    target = target_of(observe(scenario().case.record), country(0.1), detained=tuple(spec_of(scenario()).detained))
    return first(runs, 1), target


def test_an_independent_program_finds_the_same_posterior() -> None:
    """Two parameters of a tiny country, at one tolerance: our rounds and those of pyabc (`dev/pyabc_check.py`)."""
    with (TABLE.parent / "pyabc.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["parameter"] for r in rows] == ["rally_rate", "protest_hours"]
    for r in rows:
        assert r["model_sha256"] == model_hash(), STALE
        mean, sd, there, there_sd = (float(r[k]) for k in ("mean", "sd", "pyabc_mean", "pyabc_sd"))
        error = np.hypot(sd / np.sqrt(float(r["effective"])), there_sd / np.sqrt(float(r["pyabc_effective"])))
        assert abs(mean - there) < 3 * error, r["parameter"]
        assert 0.6 < sd / there_sd < 1.6, r["parameter"]
    # The record moved at least one of them, or agreement would be no news: a score of the prior has mean 0 and standard deviation 1.
    assert any(abs(float(r["pyabc_mean"])) > 0.5 or float(r["pyabc_sd"]) < 0.7 for r in rows)


def test_methods_that_ship_are_what_their_histories_said() -> None:
    """Every number is made again from what was kept of the histories, and a few histories are simulated again."""
    folder = scenario().case.folder / FIT / "methods"
    made = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert made["model_sha256"] == model_hash(), STALE
    home = packaged_folder()
    written = load_experiment(home)
    assert made["experiment_sha256"] == written.sha256
    shape = Shape(made["countries"], made["draws"], made["seeds"])
    assert shape.countries == written.experiment.countries
    runs, about = comparison.unpack(TABLE.parent / "methods.npz")
    assert {k: about[k] for k in ("model_sha256", "countries", "draws", "seeds", "seed")} == {
        k: made[k] for k in ("model_sha256", "countries", "draws", "seeds", "seed")
    }
    outcome = methods.outcome_of(home.parent, written, packed_counts(home), runs, shape, made["seed"])
    files = {f"{name}.csv": table_csv(rows) for name, rows in outcome.tables.items()} | dict(outcome.files)
    assert set(files) == set(made["files"])
    ships = {name: (folder / name).read_text(encoding="utf-8") for name in files}
    said, before = ([(r["hypothesis"], r["rules_version"], r["verdict"], r["basis"]) for r in csv.DictReader(io.StringIO(content))]
                    for content in (str(files.pop(FILE)), ships.pop(FILE)))  # fmt: skip
    assert said == before  # reasons are words, which may be put better
    assert files == ships
    recipes = comparison.recipes_of(made["seed"], shape.countries, shape.seeds)
    for k in some(SAMPLE, len(recipes) * shape.draws * shape.seeds):
        recipe, run = divmod(k, shape.draws * shape.seeds)
        whole = one_run(recipes[recipe], run)[1]
        assert str(whole["sha256"]).startswith(str(runs[recipe]["sha256"][run]))
        assert all(np.isclose(float(whole[c]), float(runs[recipe][c][run])) for c in ("peak", "changed_sides", "stood_aside"))
        assert whole["outcome"] == runs[recipe]["outcome"][run]


def test_rates_of_planted_worlds_are_those_of_their_worlds() -> None:
    """The rates again from the worlds that ship, against the bars that were stated; and the truth of some of them."""
    made = json.loads((scenario().case.folder / FIT / "planted" / "result.json").read_text(encoding="utf-8"))
    assert made["model_sha256"] == model_hash(), STALE
    shipped = read_shipped(scenario().case.folder, planted.STUDY)
    assert shipped is not None  # what the page shows
    assert made["effort"] == asdict(PlantedEffort())
    rows, found = shipped.tables["worlds"], planted.rates(shipped.tables["worlds"])
    assert [dict(r) for r in shipped.tables["rates"]] == csv_rows_of(table_csv(found))
    parts = {p["hypothesis"] + p["part"] for p in made["parts"] if p["tried"]}
    assert Counter(r["hypothesis"] + r["part"] for r in rows) == dict.fromkeys(parts, made["worlds_made"])
    for r in (rows[k] for k in some(SAMPLE, len(rows))):
        part = next(
            p for w in load_experiments(scenario()) if w.spec.hypothesis == r["hypothesis"] for p in w.spec.parts if p.id == r["part"]
        )
        assert r["truth"] == truth_of(part, float(r["effect_low"]), float(r["effect_high"]))
        assert float(r["smallest"]) == part.smallest
