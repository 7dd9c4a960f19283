"""Benchmark of forecasts: nobody sees the future, uncertainty holds on planted records, contagion is found where it is, bad tables are refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import REPOSITORY
from qantar.cases.case import case_names, find_folder, load_case
from qantar.errors import DataError, QantarError, StudyError
from qantar.forecast.bench import score
from qantar.forecast.contagion import Contagious, Where, estimate, permuted, plant, recover
from qantar.forecast.dependence import Groups, Shared, calibrated, losses, luck, shared_luck
from qantar.forecast.dependence import plant as planted_answers
from qantar.forecast.elsewhere import AT_ALL, keys_of, read_entries
from qantar.forecast.entries import REFERENCE, Task, forecasts, log_residents
from qantar.forecast.hazards import fit_logit
from qantar.forecast.scores import crps_days
from qantar.forecast.splits import ANY, COUNT, FILE, FIRST, WEEK, Split, Wave, frozen, questions_of, read_benchmark
from qantar.forecast.steps import common, grown

START = dt.date(2031, 3, 3)
TARGETS = (FIRST, ANY, WEEK, COUNT)


def a_wave(events: np.ndarray) -> Wave:
    """Towns on a grid a third of a degree apart."""
    n = len(events)
    side = int(np.ceil(np.sqrt(n)))
    points = np.array([(k % side / 3, k // side / 3) for k in range(n)])
    residents = 1e4 * np.exp(np.random.default_rng(4).normal(size=n))
    return Wave(START, tuple(f"T{k}" for k in range(n)), tuple((f"Town {k}", f"城{k}") for k in range(n)), residents, points, events)


def a_task(target: str, events: np.ndarray) -> Task:
    def day(n: int) -> dt.date:
        return START + dt.timedelta(days=n)

    split = Split(
        id="s", asks_en="?", asks_zh="？", target=target, units="places", near_km=60, largest=20 if target == COUNT else 1,
        train_first=day(0), train_last=day(27), test_first=day(28), test_last=day(41),
    )  # fmt: skip
    wave = a_wave(events)
    return Task(split, wave, questions_of(wave, split))


def some_events(rate: float = 0.04, units: int = 36) -> np.ndarray:
    return np.random.default_rng(5).poisson(rate, (units, 42))


@pytest.mark.parametrize("target", TARGETS)
def test_a_forecast_sees_nothing_of_the_day_that_is_asked_for_nor_of_later_ones(target: str) -> None:
    events = some_events()
    task = a_task(target, events)
    said = forecasts(task)
    for day in (28, 35):
        changed = events.copy()
        changed[:, day:] = np.random.default_rng(day).poisson(3.0, changed[:, day:].shape)
        other = a_task(target, changed)
        own = {q: k for k, q in enumerate(zip(other.questions.unit, other.questions.day, strict=True))}
        same = [(k, own[q]) for k, q in enumerate(zip(task.questions.unit, task.questions.day, strict=True)) if q[1] <= day and q in own]
        assert len(same) >= 10
        mine, theirs = map(list, zip(*same, strict=True))
        for name, p in forecasts(other).items():
            assert np.allclose(p[theirs], said[name][mine]), (name, day)


def test_a_forecast_follows_what_was_seen() -> None:
    events = some_events()
    busier = events.copy()
    busier[:18, 21:28] += 1
    for target in (ANY, COUNT):
        before, after = (forecasts(a_task(target, x)) for x in (events, busier))
        for name in set(before) - {"never", REFERENCE, "nearby"}:  # which may have learnt that much is followed by little
            assert after[name][:18, 0].mean() < before[name][:18, 0].mean(), (target, name)


@pytest.mark.parametrize("target", TARGETS)
def test_every_forecast_is_a_distribution_and_the_regression_has_all_scores(target: str) -> None:
    task = a_task(target, some_events())
    said = forecasts(task)
    for p in said.values():
        assert p.shape == (len(task.questions), task.questions.largest + 1)
        assert np.allclose(p.sum(axis=1), 1)
        assert p.min() >= -1e-12
    table = score(task, said, seed=1)
    by_name = {s.entry: s for s in table.scored}
    assert by_name[REFERENCE].against.naive.mean == 0
    assert by_name["never"].log > by_name["mean"].log
    assert all((s.covered is None) == (target in (FIRST, ANY)) for s in table.scored)
    if target in (FIRST, ANY):
        assert all(s.crps == pytest.approx(s.brier) for s in table.scored)  # of yes and no they are one


def test_the_regression_finds_what_was_put_in() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(20_000, 2))
    happened = rng.random(len(x)) < 1 / (1 + np.exp(2 - 0.8 * x[:, 0] + 0.5 * x[:, 1]))
    assert fit_logit(happened, x) == pytest.approx([-2, 0.8, -0.5], abs=0.08)


def test_answers_that_hang_together_do_not_make_forecasts_look_apart() -> None:
    """Two forecasts are equally far from the truth on either side; the day's luck is shared by all its towns."""
    days, towns, records = 10, 60, 60
    period, unit = (a.ravel() for a in np.meshgrid(np.arange(days), np.arange(towns), indexing="ij"))
    groups, truth = Groups.of(period, unit), 0.1
    yes = {name: np.full(len(period), p) for name, p in (("truth", truth), ("low", 0.0795), ("high", 0.1235))}
    p = {name: np.stack([1 - x, x], axis=1) for name, x in yes.items()}
    expected = {n: -(truth * np.log(x[0]) + (1 - truth) * np.log(1 - x[0])) for n, x in yes.items()}
    assert expected["low"] == pytest.approx(expected["high"], abs=1e-4)
    answers = planted_answers(p["truth"], Shared(0.15, 0.0), groups, luck(7, groups, records))
    usual, ours = [], []
    for k, record in enumerate(answers):
        shared = shared_luck(record, p["low"], groups, seed=k)
        found = calibrated(p["high"], p["low"], record, groups, shared, seed=k)
        usual.append(found.naive.separated)
        ours.append(found.separated)
        assert found.se >= found.naive.se
    assert np.mean(usual) > 0.25
    assert np.mean(ours) <= 0.12


def test_where_nothing_is_shared_the_usual_error_is_kept() -> None:
    period, unit = (a.ravel() for a in np.meshgrid(np.arange(12), np.arange(80), indexing="ij"))
    groups, rng = Groups.of(period, unit), np.random.default_rng(8)
    chance = rng.uniform(0.05, 0.4, len(period))
    p = np.stack([1 - chance, chance], axis=1)
    other = np.stack([1 - (x := np.clip(chance * 1.3, 0, 1)), x], axis=1)
    answers = (rng.random(len(period)) < chance).astype(int)
    shared = shared_luck(answers, p, groups, seed=1)
    assert max(shared.period, shared.unit) < 0.05
    found = calibrated(other, p, answers, groups, shared, seed=1)
    assert found.naive.se <= found.se <= 2 * found.naive.se
    assert np.allclose(
        losses(p, answers), -np.log(np.where(answers == 1, (1000 * chance + 0.5) / 1001, (1000 * (1 - chance) + 0.5) / 1001))
    )
    assert crps_days(p, answers, answers) == pytest.approx((chance - answers) ** 2)


# --- contagion ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def timing() -> np.ndarray:
    """Events with days of many and of few, by unit and day."""
    rng = np.random.default_rng(9)
    return rng.random((400, 30)) < (0.02 * np.exp(rng.normal(size=30)))


@pytest.mark.parametrize("first_only", [False, True])
@pytest.mark.parametrize("c", [0.0, 0.7])
def test_contagion_is_found_where_it_was_planted_and_only_there(timing: np.ndarray, first_only: bool, c: float) -> None:
    wave = a_wave(timing.astype(int))
    where = Where(first_only, wave.near(60), 5)
    found = recover(timing, log_residents(wave), where, c, seed=1, records=60)
    assert found.mean == pytest.approx(c, abs=0.08)
    assert found.covered.share >= 0.9
    if c:
        records = plant(timing, log_residents(wave), where, c, seed=2, records=30)
        assert np.mean([estimate(r, log_residents(wave), where).covers(0.0) for r in records]) < 0.5


def test_planted_waves_have_the_timing_of_the_record(timing: np.ndarray) -> None:
    wave = a_wave(timing.astype(int))
    records = plant(timing, log_residents(wave), Where(False, wave.near(60), 5), 0.5, seed=3, records=60)
    assert np.corrcoef(records.mean(axis=0).sum(axis=0), timing.sum(axis=0))[0, 1] > 0.97
    assert records.mean(axis=0).sum() == pytest.approx(timing.sum(), rel=0.05)


def test_a_common_cause_of_all_places_is_no_contagion_and_permuting_takes_nearness_away(timing: np.ndarray) -> None:
    wave = a_wave(timing.astype(int))
    residents, where = log_residents(wave), Where(False, wave.near(60), 5)
    assert estimate(timing, residents, where).covers(0.0)  # days differ tenfold, places do not
    spread = plant(timing, residents, where, 0.9, seed=4, records=1)[0]
    there = Contagious(estimate(spread, residents, where), permuted(spread, residents, where, 1, records=60), [])
    assert not there.found.covers(0.0)
    assert there.zero.share >= 0.9
    assert there.as_large.share <= 0.05


def test_the_same_seed_gives_the_same(timing: np.ndarray) -> None:
    wave = a_wave(timing.astype(int))
    happened, residents, where = timing, log_residents(wave), Where(True, wave.near(60), 5, 3)
    one, other, third = (
        (permuted(happened, residents, where, seed, records=3), recover(happened, residents, where, 0.5, seed, records=3))
        for seed in (1, 1, 2)
    )
    assert one == other
    assert one != third


# --- a step of the record -------------------------------------------------------------------------------------------------


def test_one_factor_for_all_is_told_from_factors_of_their_own() -> None:
    rng = np.random.default_rng(10)
    level = rng.uniform(2, 15, 16)
    alike = [common(grown(list("abcdefghijklmnop"), _weeks(rng, level, np.full(16, 4.0)))).chance for _ in range(60)]
    apart = [common(grown(list("abcdefghijklmnop"), _weeks(rng, level, rng.uniform(1, 9, 16)))).chance for _ in range(20)]
    assert np.mean(np.array(alike) < 0.05) <= 0.15
    assert np.mean(np.array(apart) < 0.05) >= 0.9


def _weeks(rng: np.random.Generator, level: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return rng.poisson(np.stack([np.tile(level[:, None], 8), np.tile((level * factor)[:, None], 8)], axis=1)).astype(float)


def test_a_factor_comes_with_an_interval_that_holds_it() -> None:
    rng = np.random.default_rng(11)
    held = [
        low <= 3.0 <= high
        for _ in range(300)
        for low, high in [grown(["all"], _weeks(rng, np.array([6.0]), np.array([3.0])))[0].interval()]
    ]
    assert np.mean(held) >= 0.92


# --- what is asked, and tables from elsewhere -----------------------------------------------------------------------------


def test_the_splits_that_ship_are_what_was_frozen() -> None:
    shipped = [name for name in case_names() if (find_folder(name, "case.toml") / FILE).is_file()]
    assert len(shipped) == 4
    for name in shipped:
        case = load_case(name)
        splits = read_benchmark(case).splits
        assert all(s.sha256 for s in splits)
        assert frozen(case, splits) == {s.id: s.sha256 for s in splits}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A case of one's own with questions."""
    return Path(shutil.copytree(find_folder("france-2023", "case.toml"), tmp_path / "mine"))


SPOILT: tuple[tuple[str, str, type[QantarError], str, str], ...] = (
    ("train_last = 2023-05-23", "train_last = 2023-05-29", DataError, "split_days", "splits.1.test_first"),
    ("test_last = 2023-06-29", "test_last = 2023-07-29", DataError, "split_days", "splits.1.last_day"),
    ("train_first = 2023-04-18\n", "", DataError, "missing_key", "splits.1.train_first"),
    (
        'target = "any"\nunits = "regions"\ntrain',
        'target = "count"\nlargest = 9\nunits = "regions"\ntrain',
        DataError,
        "split_weeks",
        "splits.1.test_last",
    ),
    ('target = "any"\nunits = "regions"\ntrain', 'target = "all"\nunits = "regions"\ntrain', DataError, "not_one_of", "splits.0.target"),
    ("near_km = 120\nsha", "near_km = 130\nsha", StudyError, "split_changed", "splits.1.sha256"),
    ("test_last = 2023-06-29", "test_last = 2023-06-28", StudyError, "split_changed", "splits.1.sha256"),
)


@pytest.mark.parametrize(("text", "becomes", "error", "code", "key"), SPOILT)
def test_what_is_wrong_with_a_question_is_said(
    copied: Path, text: str, becomes: str, error: type[QantarError], code: str, key: str
) -> None:
    source = (copied / FILE).read_text(encoding="utf-8")
    assert text in source
    (copied / FILE).write_text(source.replace(text, becomes, 1), encoding="utf-8")
    case = load_case(str(copied))
    with pytest.raises(error) as caught:
        frozen(case, read_benchmark(case).splits)
    (problem,) = caught.value.problems
    assert (problem.code, problem.key) == (code, key)
    assert FILE in problem.file
    assert re.search(r"[\u4e00-\u9fff]", problem.render("zh"))


def test_a_row_that_is_added_to_the_record_later_is_seen(copied: Path) -> None:
    events = copied / "events.csv"
    head, first, *others = events.read_text(encoding="utf-8").splitlines()
    events.write_text("\n".join([head, *others]) + "\n", encoding="utf-8")
    case = load_case(str(copied))
    with pytest.raises(StudyError, match="not what was frozen"):
        frozen(case, read_benchmark(case).splits)
    assert first


Rows = list[list[str]]


@pytest.fixture(scope="module")
def asked() -> dict[str, Task]:
    return {target: dataclasses.replace(a_task(target, some_events(units=9))) for target in TARGETS}


def table(
    tmp_path: Path, tasks: dict[str, Task], change: Callable[[Rows], Any] = lambda rows: None, *, of: tuple[str, ...] = TARGETS
) -> Path:
    """A table that answers all questions as the regression does, changed; line 1 is the head."""
    rows: Rows = []
    for target in of:
        task = tasks[target]
        p = forecasts(task)[REFERENCE]
        for (unit, day), chances in zip(keys_of(task), p, strict=True):
            rows += [["mine", target, unit, str(day), str(k), f"{x:.12f}"] for k, x in enumerate(chances) if k or len(chances) > 2]
    change(rows)
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(",".join(r) for r in [["entry", "split", "unit", "date", "value", "p"], *rows]) + "\n", encoding="utf-8")
    return path


def test_what_a_table_says_is_scored_as_what_we_say_ourselves(asked: dict[str, Task], tmp_path: Path) -> None:
    found = read_entries(table(tmp_path, asked), asked)
    assert set(found) == set(TARGETS)
    for target, entries in found.items():
        said = forecasts(asked[target])
        by_name = {s.entry: s for s in score(asked[target], said | entries, seed=1).scored}
        assert by_name["mine"].log == pytest.approx(by_name[REFERENCE].log, abs=1e-6)
        assert by_name["mine"].crps == pytest.approx(by_name[REFERENCE].crps, abs=1e-6)


def test_draws_are_probabilities(asked: dict[str, Task], tmp_path: Path) -> None:
    def four_draws(rows: Rows) -> None:
        keys = dict.fromkeys(tuple(r[:4]) for r in rows)
        rows[:] = [[*key, value, p] for key in keys for value, p in (("0", "0.5"), ("3", "0.5"))]

    found = read_entries(table(tmp_path, asked, four_draws, of=(COUNT,)), asked)[COUNT]["mine"]
    assert np.array_equal(found[:, [0, 3]], np.full((len(found), 2), 0.5))


@pytest.mark.parametrize("target", TARGETS)
def test_who_only_says_whether_is_scored_on_whether(asked: dict[str, Task], tmp_path: Path, target: str) -> None:
    """The reference's own chances of anything at all give the reference again; other chances differ by what they say of that alone."""
    task, said = asked[target], forecasts(asked[target])[REFERENCE]

    def whether(factor: float) -> np.ndarray:
        def only(rows: Rows) -> None:
            rows[:] = [
                ["mine", target, unit, str(day), AT_ALL, f"{factor * (1 - p[task.nothing]):.12f}"]
                for (unit, day), p in zip(keys_of(task), said, strict=True)
            ]

        return read_entries(table(tmp_path, asked, only, of=(target,)), asked)[target]["mine"]

    assert whether(1) == pytest.approx(said, abs=1e-9)
    half, something = whether(0.5), np.arange(said.shape[1]) != task.nothing
    assert half[:, something] == pytest.approx(0.5 * said[:, something], abs=1e-9)
    assert half.sum(axis=1) == pytest.approx(1)


def test_a_question_is_answered_by_whether_or_by_values(asked: dict[str, Task], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_entries(table(tmp_path, asked, lambda rows: rows.insert(3, [*rows[2][:4], AT_ALL, "0.2"]), of=(COUNT,)), asked)
    assert (caught.value.problems[0].code, caught.value.problems[0].line) == ("forecast_mixed", 5)


FAULTS: tuple[tuple[str, Callable[[Rows], Any], str, str, int | None], ...] = (
    ("no split", lambda rows: rows[2].__setitem__(1, "frist"), "no_such_split", "split", 4),
    ("no unit", lambda rows: rows[2].__setitem__(2, "T99"), "no_such_name", "unit", 4),
    ("no day", lambda rows: rows[2].__setitem__(3, "2031-01-01"), "not_asked", "date", 4),
    ("bad day", lambda rows: rows[2].__setitem__(3, "soon"), "not_a_date", "date", 4),
    ("no number", lambda rows: rows[2].__setitem__(5, "often"), "not_a_number", "p", 4),
    ("above one", lambda rows: rows[2].__setitem__(5, "1.2"), "above", "p", 4),
    ("no chance", lambda rows: rows[2].__setitem__(5, ""), "empty_cell", "p", 4),
    ("too large", lambda rows: rows[2].__setitem__(4, "2"), "forecast_too_large", "value", 4),
    ("ours", lambda rows: rows[2].__setitem__(0, "mean"), "forecast_name_taken", "entry", 4),
    ("twice", lambda rows: rows.insert(3, rows[2]), "forecast_twice", "value", 5),
    ("one left out", lambda rows: rows.pop(2), "forecast_incomplete", "", None),
    ("nothing", lambda rows: rows.clear(), "no_forecasts", "", None),
    ("sum", lambda rows: rows.insert(3, [*rows[2][:4], "0", "0.2"]), "forecast_sum", "p", 4),
)


@pytest.mark.parametrize(("name", "change", "code", "key", "line"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_fault_of_a_table_is_named_with_its_line(
    asked: dict[str, Task], tmp_path: Path, name: str, change: Callable[[Rows], Any], code: str, key: str, line: int | None
) -> None:
    with pytest.raises(DataError) as caught:
        read_entries(table(tmp_path, asked, change, of=(FIRST,)), asked)
    problem = caught.value.problems[0]
    assert (problem.code, problem.key, problem.line) == (code, key, line), name
    for lang in ("en", "zh"):
        assert "{" not in problem.render(lang)
    assert problem.file == "mine.csv"


def test_the_stored_table_and_the_page_of_findings_are_of_one_make() -> None:
    spec = importlib.util.spec_from_file_location("findings", REPOSITORY / "dev" / "findings.py")
    assert spec is not None
    assert spec.loader is not None
    findings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(findings)
    for path, content in findings.pages().items():
        assert path.read_text(encoding="utf-8") == content, f"run dev/findings.py: {path.name} is out of date"
