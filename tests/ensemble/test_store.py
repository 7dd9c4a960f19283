"""The store: parts whole or absent, whoever is killed when; and the same numbers from any number of processes.

All processes that are killed here were started here, and are killed by their number.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.processes import children, needs_proc, runs_still, wait_for
from qantar.ensemble import local as ensemble
from qantar.ensemble import store, warm
from qantar.ensemble.local import run_ensembles, write_part
from qantar.ensemble.one_run import one_run, seed_of, values_of
from qantar.ensemble.pool import held_processes, in_processes
from qantar.ensemble.store import DAYS, DRAWS, FORMAT, PART, RUNS, SEAL, Recipe, Store, keep_draws, kept_draws
from qantar.errors import Problem, QantarError, ResultError, StudyError
from qantar.files.places import user_store
from qantar.inference.ending import Restless
from qantar.scenario.parameters import defaults, draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.scenario.schema import Edit

SEED, ALL = 11, 12
"""Of every ensemble here, and its runs: three parts."""


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm.compiled(now=True)  # once, and not in every process started here


LOUD = {"base_pressure": 1e-4, "potential": 0.5}
"""What every draw gets, so that something happens before the first rally could."""


@cache
def plan() -> Plan:
    edits = [Edit(path="time.hours", value=24), *(Edit(path=f"parameters.{name}", value=value) for name, value in LOUD.items())]
    return resolve(load_scenario(CASE), edits, scale=0.002)


def recipe(**more: Any) -> Recipe:
    return Recipe(**({"plan": plan(), "seed": SEED} | more))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All runs, done here without any other process."""
    root = tmp_path_factory.mktemp("whole")
    for number in range(ALL // PART):
        write_part(recipe(), root, number, ALL)
    return Store.of(root, recipe())


def content(s: Store, runs: int = ALL) -> list[tuple[str, bytes]]:
    """Everything in a store, exactly."""
    return [
        (f"{n} {k}", np.asarray(v).tobytes() if v.dtype != object else repr(v.tolist()).encode())
        for n, t in enumerate(s.read(runs))
        for k, v in t.items()
    ]


def parts(root: Path) -> list[Path]:
    return sorted(root.glob("*/part-*"))


def assert_whole_parts_only(root: Path, whole: Store) -> int:
    """Every part that is there holds exactly its runs; gives how many there are."""
    found = parts(root)
    for part in found:
        assert sorted(p.name for p in part.iterdir()) == sorted((DAYS, RUNS, SEAL))
        only = (int(part.name[5:]),)
        assert content(replace(whole, folder=part.parent, only=only)) == content(replace(whole, only=only))
    return len(found)


# --- what is done -------------------------------------------------------------------------------------------------------------


def test_runs_are_draws_and_replicates() -> None:
    many = recipe(replicates=3)
    assert [seed_of(many, k) for k in range(7)] == [seed_of(many, k) for k in range(7)]
    assert len({seed_of(many, k) for k in range(60)}) == 60
    assert [values_of(many, k) for k in (0, 2)] == [draw(SEED, 0) | LOUD] * 2
    assert values_of(many, 3) == draw(SEED, 1) | LOUD
    assert values_of(recipe(sampling="default"), 5) == defaults() | LOUD


def test_a_run_is_a_pure_function_of_the_recipe_and_its_number(whole: Store) -> None:
    days, runs = whole.read(ALL)
    assert set(days) == {"run", "region", "day", "presence", "gathering", "participants", "detained", "killed", "seat_lost"}
    assert list(runs["run"]) == list(range(ALL))
    assert len(set(runs["sha256"])) == ALL  # something happens in every one
    assert runs["joins"].min() > 0
    d, w = one_run(recipe(), 6)
    assert {k: v for k, v in w.items() if not (runs[k][6] == v or (v != v and np.isnan(runs[k][6])))} == {}  # no date: not a number
    order = np.lexsort((d["day"], d["region"]))
    for name, column in d.items():
        assert np.array_equal(days[name][days["run"] == 6], column[order]), name
    assert runs["p_frailty"][6] == draw(SEED, 6)["frailty"]
    assert (runs["p_base_pressure"] == 1e-4).all()


def test_a_history_may_be_broken_off() -> None:
    _, w = one_run(recipe(stop_above=1000), 0)
    assert w["stopped"]
    assert w["peak"] > 1000


# --- the store ----------------------------------------------------------------------------------------------------------------


def table(first: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    run = np.repeat(np.arange(first, first + PART, dtype=np.int32), 2)
    days = {
        "run": run[::-1].copy(),
        "region": np.tile(np.array([1, 0], np.int16), PART),
        "day": np.zeros(2 * PART, np.int16),
        "presence": run[::-1] % 2 == 0,
        "share": run[::-1] / 7,
    }
    runs = {"run": np.arange(first, first + PART), "seed": np.arange(PART) + 2**62, "sha256": np.array([f"{k:064x}" for k in range(PART)])}
    return days, runs | {"joins": np.array([0.1, 1e300, 5e-324, -0.0])}


def test_what_is_written_is_read_in_order_and_to_the_last_bit(tmp_path: Path) -> None:
    s = Store.of(tmp_path / "it's here", recipe())
    assert s.missing(3 * PART) == [0, 1, 2]
    assert not s.folder.exists()
    for number in (2, 0):
        s.write(number, *table(number * PART))
    assert s.missing(3 * PART) == [1]
    assert (s.missing(2 * PART + 1), s.missing(1), s.missing(0)) == ([1], [], [])
    some = replace(s, only=(2, 1))
    assert (some.missing(3 * PART), some.missing(PART)) == ([1], [])
    with pytest.raises(ResultError, match="part-00001"):  # what is not there is not left out in silence
        s.read(3 * PART)
    days, runs = replace(s, only=(2, 0)).read(3 * PART)
    assert runs["run"].tolist() == [*range(PART), *range(2 * PART, 3 * PART)]
    assert runs["joins"].tobytes() == np.tile(table()[1]["joins"], 2).tobytes()
    assert runs["seed"].tolist() == [*range(2**62, 2**62 + PART)] * 2
    assert days["region"].tolist() == [0, 1] * (2 * PART)
    assert days["share"].tobytes() == (days["run"] / 7).tobytes()
    assert (days["presence"] == (days["run"] % 2 == 0)).all()
    assert s.read(2)[1]["run"].tolist() == [0, 1]  # a part may hold more than was asked for
    assert s.read(0) == ({}, {})
    assert not list(s.folder.glob(".*"))


def test_a_part_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    s = Store(tmp_path)
    s.write(0, *table())
    before = s.read(PART)[1]["run"].tolist()
    s.write(0, *table(PART))
    assert s.read(PART)[1]["run"].tolist() == before
    assert not list(tmp_path.glob(".*"))


def test_what_was_interrupted_is_not_loaded_and_is_swept(tmp_path: Path) -> None:
    s = Store(tmp_path)
    s.write(1, *table(PART))
    left, mine = (tmp_path / f".0123456789ab-part-0000{number}" for number in (0, 2))
    for aside in (left, mine):
        shutil.copytree(s.part(1), aside)
        (aside / DAYS).write_bytes(b"PAR1 half of a")
    (tmp_path / ".claim-00000").touch()
    foreign = [tmp_path / name for name in (".x-part-1", ".0123-part-mine", ".0123-part-00007")]
    for path in foreign[:2]:
        path.mkdir()
    foreign[2].write_text("a file of somebody")
    assert s.missing(2 * PART) == [0]
    assert replace(s, only=(1,)).read(2 * PART)[1]["run"].tolist() == [*range(PART, 2 * PART)]
    with s.claimed(2) as alone:
        assert alone
        s.sweep()
        assert mine.exists()  # of a process that runs
    assert not left.exists()
    assert not list(tmp_path.glob(".claim-*"))
    assert all(path.exists() for path in foreign)  # nothing that is not of a store
    assert s.part(1).is_dir()
    Store(tmp_path / "nothing here").sweep()


def _spoil_swap(s: Store) -> None:
    for name in (DAYS, RUNS, SEAL):
        one, other = s.part(0) / name, s.part(1) / name
        first = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(first)


def _spoil_recipe(s: Store) -> None:
    shutil.rmtree(s.part(1))
    other = replace(s, folder=s.folder / "other", key="another recipe")
    other.write(1, *table(PART))
    other.part(1).rename(s.part(1))


def _spoil_rows(s: Store) -> None:
    shutil.rmtree(s.part(1))
    other = replace(s, folder=s.folder / "other")
    days, runs = table(PART)
    other.write(1, days, {k: v[1:] for k, v in runs.items()})
    other.part(1).rename(s.part(1))


def _spoil_place(s: Store) -> None:
    shutil.rmtree(s.part(1))
    s.part(1).write_text("a file")


SPOILT: dict[str, Callable[[Store], object]] = {
    "half a table": lambda s: (s.part(1) / RUNS).write_bytes(b"PAR1 half of a"),
    "no table": lambda s: (s.part(1) / DAYS).unlink(),
    "no seal, as in the first format": lambda s: (s.part(1) / SEAL).unlink(),
    "an empty seal": lambda s: (s.part(1) / SEAL).write_bytes(b""),
    "a seal that is a list": lambda s: (s.part(1) / SEAL).write_bytes(b"[1]"),
    "a seal without runs": lambda s: (s.part(1) / SEAL).write_bytes(b'{"runs": []}'),
    "a table of another part": lambda s: (s.part(1) / RUNS).write_bytes((s.part(0) / RUNS).read_bytes()),
    "parts swapped": _spoil_swap,
    "a part of another recipe": _spoil_recipe,
    "rows missing": _spoil_rows,
    "a file in place of a part": _spoil_place,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_part_that_is_not_what_was_written_is_said_by_name(tmp_path: Path, spoil: Callable[[Store], object]) -> None:
    s = Store.of(tmp_path, recipe())
    for number in range(2):
        s.write(number, *table(number * PART))
    s.read(2 * PART)
    spoil(s)
    with pytest.raises(ResultError) as caught:
        _ = s.missing(2 * PART) or s.read(2 * PART)
    assert said(caught.value) == ["broken_store"]
    assert caught.value.problems[0].file in {str(s.part(0)), str(s.part(1))}  # what has to be deleted


FLIPS = 1200


def test_no_flipped_bit_changes_a_number_in_silence(tmp_path: Path) -> None:
    s = Store.of(tmp_path, recipe())
    for number in range(2):
        s.write(number, *table(number * PART))
    name = keep_draws(tmp_path, [draw(SEED, k) for k in range(3)])
    files = [s.part(number) / table for number in range(2) for table in (DAYS, RUNS, SEAL)]
    files.append(tmp_path / f"draws-{name[:24]}" / DRAWS)
    lots = np.random.default_rng(1)
    found = 0
    for k in range(FLIPS):
        path = files[k % len(files)]
        whole = path.read_bytes()
        spoilt = bytearray(whole)
        spoilt[lots.integers(len(whole))] ^= 1 << int(lots.integers(8))
        path.write_bytes(spoilt)
        kept_draws.cache_clear()
        try:
            kept_draws(tmp_path, name)
            assert path.name == DRAWS or s.read(2 * PART)
        except ResultError as error:
            found += said(error) == ["broken_store"]
        path.write_bytes(whole)
    assert found == FLIPS
    kept_draws.cache_clear()
    assert len(s.read(2 * PART)[1]["run"]) == 2 * PART  # and what is whole is read
    assert kept_draws(tmp_path, name)


def test_draws_that_are_not_what_they_were_named_after_are_not_used(tmp_path: Path) -> None:
    rows = [draw(SEED, 0)]
    name = keep_draws(tmp_path, rows)
    path = tmp_path / f"draws-{name[:24]}" / DRAWS
    for spoil in (lambda: path.write_text("[{}]"), path.unlink):
        spoil()
        kept_draws.cache_clear()
        with pytest.raises(ResultError, match=name[:24]):
            keep_draws(tmp_path, rows)


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"QANTAR_STORE": "here", "HOME": "/nowhere"}, "here"),
        ({"XDG_CACHE_HOME": "{tmp}/cache", "HOME": "{tmp}"}, "{tmp}/cache/qantar-store"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "{tmp}"}, "{tmp}/.cache/qantar-store"),
        ({"HOME": "{tmp}"}, "{tmp}/.cache/qantar-store"),
    ],
)
def test_the_store_has_one_place_a_user(tmp_path: Path, environment: dict[str, str], place: str) -> None:
    found = user_store({k: v.replace("{tmp}", str(tmp_path)) for k, v in environment.items()})
    assert found == Path(place.replace("{tmp}", str(tmp_path)))


@pytest.mark.parametrize("home", ["", "{tmp}/file"])
def test_without_a_home_that_can_be_written_to_the_store_is_temporary(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("")
    assert user_store({"HOME": home.replace("{tmp}", str(tmp_path))}).parent == Path(tempfile.gettempdir())


def said(error: QantarError) -> list[str]:
    assert all(p.render("en") and p.render("zh") for p in error.problems)
    return [p.code for p in error.problems]


@pytest.mark.parametrize("where", ["under a file", "no such device"])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" if where == "under a file" else Path("/proc/nowhere")
    s = Store.of(root, recipe())
    assert s.missing(PART) == [0]
    with pytest.raises(ResultError) as caught:
        s.write(0, *table())
    assert said(caught.value) == ["cannot_write"]
    assert str(s.folder) in str(caught.value)


@pytest.mark.parametrize("kind", [ResultError, StudyError])
def test_errors_survive_the_way_from_one_process_to_another(kind: type[QantarError]) -> None:
    error = kind([Problem("a.toml", 3, "b", "cannot_write", {"reason": "full"})])
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, kind)
    assert copy.problems == error.problems
    assert str(copy) == str(error)


def test_an_ensemble_says_that_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "TRIES", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError) as caught:
        run_ensembles([recipe()], PART, tmp_path / "file", processes=1)
    assert said(caught.value) == ["cannot_write"]


def test_processes_stay_for_the_next_tasks_of_a_study_and_end_with_it() -> None:
    def pids() -> set[int]:
        found: set[int] = set()
        in_processes(os.getpid, [(), ()], 2, lambda _, pid: found.add(pid))
        return found

    with held_processes():
        first, second = pids(), pids()
        assert second <= {child.pid for child in active_children()}
        assert first & second
        with pytest.raises(TypeError):
            in_processes(os.getpid, [("too much",)] * 2, 2, lambda *_: None)
        assert not active_children()  # whatever went wrong there, nothing of it goes on
        third = pids()
        (dead, *_) = third
        os.kill(dead, signal.SIGTERM)  # while it waits
        assert wait_for(lambda: dead not in {child.pid for child in active_children()}, 30)
        assert dead not in pids()
    assert not active_children()
    assert not third & (first | second | pids())


# --- what names a store ---------------------------------------------------------------------------------------------------------


def test_the_key_changes_with_everything_that_runs_depend_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"plan": plan().model_copy(update={"price": 61.0})},
        {"seed": SEED + 1},
        {"engine": "plain"},
        {"sampling": "default"},
        {"replicates": 2},
        {"stop_above": 1e5},
        {"ending": Restless(2)},
        {"seeds": (1, 2)},
    ]
    keys = [recipe(**change).key() for change in changes]
    assert len(set(keys)) == len(changes)
    assert set(recipe(ending=Restless(2), seeds=(1,)).as_dict()) == {f for f in Recipe.__dataclass_fields__ if f not in ("plan", "only")}
    assert recipe(only=(1, 2)).key() == keys[0]  # what is looked at changes nothing that is kept
    assert recipe().key() == keys[0]
    assert Store.of(tmp_path, recipe()).folder.name == FORMAT + keys[0][:24]
    monkeypatch.setattr(store, "model_hash", lambda: "another model")
    assert recipe().key() not in keys
    monkeypatch.undo()
    monkeypatch.setattr(store, "SCHEME", 999)
    assert recipe().key() not in keys
    monkeypatch.undo()
    for library in ("numpy", "numba", "llvmlite"):
        monkeypatch.setattr(store, "version", lambda name, newer=library: version(name) + ".1" * (name == newer))
        assert recipe().key() not in keys, library
        monkeypatch.undo()
    monkeypatch.setattr(store.platform, "python_version", lambda: "3.99.0")
    assert recipe().key() not in keys
    monkeypatch.undo()
    assert recipe().key() == keys[0]


def test_the_key_changes_with_the_size_of_parts() -> None:
    assert recipe(part=8).key() != recipe().key()


def test_draws_that_are_given_are_run_as_they_are(tmp_path: Path) -> None:
    rows = [{**draw(SEED, k), "base_pressure": 1e-4} for k in (6, 1)]
    name = keep_draws(tmp_path, rows)
    assert keep_draws(tmp_path, [dict(reversed(list(r.items()))) for r in rows]) == name  # the order of columns is no other table
    assert keep_draws(tmp_path, rows[::-1]) != name
    assert kept_draws(tmp_path, name) == [dict(sorted(r.items())) for r in rows]
    given = recipe(sampling="given", given=name, replicates=2, part=3)
    assert given.key() != recipe(sampling="given", given="other", replicates=2, part=3).key()
    for number in Store.of(tmp_path, given).missing(4):
        write_part(given, tmp_path, number, 4)
    _, runs = Store.of(tmp_path, given).read(4)
    assert runs["run"].tolist() == [0, 1, 2, 3]  # the last part ends where the table does
    assert runs["p_frailty"].tolist() == [rows[0]["frailty"]] * 2 + [rows[1]["frailty"]] * 2
    assert runs["seed"].tolist() == [seed_of(recipe(replicates=2), k) for k in range(4)]  # arms share the luck of a draw


# --- ensembles ------------------------------------------------------------------------------------------------------------------


def test_processes_change_nothing_and_only_what_is_missing_is_done(tmp_path: Path, whole: Store) -> None:
    asked = 2 * PART - 2
    done: list[tuple[int, int]] = []
    (s,) = run_ensembles([recipe()], asked, tmp_path, processes=2, progress=lambda *x: done.append(x))
    assert content(s, asked) == content(whole, asked)
    assert done in ([(0, 6), (4, 6), (6, 6)], [(0, 6), (2, 6), (6, 6)])  # parts of four and two, in whichever order they are done
    kept = {p: p.stat().st_mtime_ns for p in (s.part(0) / DAYS, s.part(0) / RUNS)}
    shutil.rmtree(s.part(1))
    stale = s.folder / ".0123456789ab-part-00001"
    stale.mkdir()
    done.clear()
    run_ensembles([recipe()], asked, tmp_path, processes=1, progress=lambda *x: done.append(x))
    assert content(s, asked) == content(whole, asked)
    assert done == [(4, 6), (6, 6)]
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert not stale.exists()
    done.clear()
    run_ensembles([recipe()], asked, tmp_path, progress=lambda *x: done.append(x))
    assert done == [(6, 6)]  # nothing to do, and no process is started for it


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_process_that_is_killed_costs_its_part_a_second_try(tmp_path: Path, whole: Store) -> None:
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done == PART and not killed:
            victim = active_children()[0].pid
            assert victim
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    (s,) = run_ensembles([recipe()], ALL, tmp_path, processes=2, progress=kill)
    assert killed
    assert content(s) == content(whole)


def test_a_store_that_is_whole_is_swept_too(tmp_path: Path, whole: Store) -> None:
    s = Store.of(tmp_path, recipe())
    shutil.copytree(whole.folder, s.folder)
    (s.folder / ".0123456789ab-part-00001").mkdir()
    run_ensembles([recipe()], ALL, tmp_path)
    assert not list(s.folder.glob(".*"))


def broken(*finished: int) -> Callable[..., None]:
    """In place of the pool: does so many parts, then dies; another number every time, over and over."""
    rounds = itertools.cycle(finished)

    def work(function: object, tasks: list[ensemble.Task], processes: int | None, done: Callable[[Any, bool], None]) -> None:
        for task in tasks[: next(rounds)]:
            Store.of(task[1], task[0]).part(task[2]).mkdir(parents=True)
            done(task, True)
        raise BrokenProcessPool

    return work


def test_a_part_that_kills_every_process_is_given_up_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "in_processes", broken(0))
    with pytest.raises(StudyError) as caught:
        run_ensembles([recipe()], ALL, tmp_path)
    assert said(caught.value) == ["part_dies"]


@pytest.mark.parametrize("finished", [(2,), (1, *[0] * (ensemble.TRIES - 1))])
def test_a_few_deaths_in_a_long_ensemble_do_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: tuple[int, ...]) -> None:
    monkeypatch.setattr(ensemble, "in_processes", broken(*finished))
    done: list[int] = []
    run_ensembles([recipe()], 100 * PART, tmp_path, progress=lambda n, _: done.append(n))
    assert done == [PART * k for k in range(101)]


def test_rounds_without_any_part_finished_are_counted_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "in_processes", broken(1, *[0] * ensemble.TRIES))
    done: list[int] = []
    with pytest.raises(StudyError) as caught:
        run_ensembles([recipe()], ALL, tmp_path, progress=lambda n, _: done.append(n))
    assert said(caught.value) == ["part_dies"]
    assert caught.value.problems[0].args == {"part": "1", "n": str(ensemble.TRIES)}
    assert done == [0, PART]


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_an_interrupt_does_not_wait_for_the_parts_under_way(tmp_path: Path) -> None:
    workers: list[Any] = []

    def interrupt(done: int, total: int) -> None:
        if done:
            workers.extend(active_children())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ensembles([recipe()], 100 * ALL, tmp_path, processes=2, progress=interrupt)
    assert len(workers) == 2
    assert [w.exitcode for w in workers] == [-signal.SIGTERM] * 2
    assert not active_children()


DRIVER = """
import sys
from pathlib import Path
from qantar.scenario.plan import Plan
from qantar.ensemble.local import run_ensembles
from qantar.ensemble.store import Recipe

if __name__ == "__main__":
    plan = Plan.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    run_ensembles([Recipe(plan, int(sys.argv[2]))], int(sys.argv[3]), Path(sys.argv[4]), processes=2)
"""


@contextlib.contextmanager
def driver(tmp_path: Path, runs: int) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """An ensemble in a process of its own, once its first part is there; and the processes that it started."""
    (tmp_path / "plan.json").write_text(plan().as_json(), encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER)
    words = [tmp_path / "driver.py", tmp_path / "plan.json", SEED, runs, tmp_path / "root"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *map(str, words)], start_new_session=True, **quiet)  # type: ignore[call-overload]
    started: list[int] = []
    try:
        assert wait_for(lambda: bool(parts(tmp_path / "root")), 60)
        started = children(process.pid)
        yield process, started
    finally:
        for pid in (process.pid, *started):
            if runs_still(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """What a driver leaves that is killed on its way: its folder, and which of its processes still run seconds later."""
    folder = tmp_path_factory.mktemp("killed")
    with driver(folder, 100 * ALL) as (process, started):
        assert len(started) >= 2
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(runs_still, started)), 4)
        return folder / "root", [pid for pid in started if runs_still(pid)]


def keep_first(root: Path, n: int) -> list[Path]:
    """Delete parts from the n-th on, for which there is nothing to compare with; gives all that were there."""
    there = parts(root)
    for part in there:
        if int(part.name[5:]) >= n:
            shutil.rmtree(part)
    return there


@needs_proc
def test_a_driver_that_is_killed_leaves_whole_parts_and_a_second_call_does_the_rest(killed: tuple[Path, list[int]], whole: Store) -> None:
    root, _ = killed
    assert 1 <= len(keep_first(root, ALL // PART - 1)) < 100 * ALL // PART
    assert assert_whole_parts_only(root, whole) >= 1
    assert len(parts(root)) < ALL // PART
    (s,) = run_ensembles([recipe()], ALL, root, processes=1)  # the same recipe, though from another process
    assert content(s) == content(whole)
    assert not list(root.glob("*/.*"))


@needs_proc
def test_no_process_outlives_a_driver_that_is_killed(killed: tuple[Path, list[int]]) -> None:
    assert killed[1] == []


@needs_proc
def test_an_interrupt_ends_everything_and_leaves_whole_parts(tmp_path: Path, whole: Store) -> None:
    with driver(tmp_path, 100 * ALL) as (process, started):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        assert process.wait(30) != 0
        assert wait_for(lambda: not any(map(runs_still, started)), 10)
    root = tmp_path / "root"
    assert 1 <= len(keep_first(root, ALL // PART)) < 100 * ALL // PART
    assert assert_whole_parts_only(root, whole) >= 1
    (s,) = run_ensembles([recipe()], ALL, root, processes=1)  # what was under way is swept and done again
    assert content(s) == content(whole)
    assert not list(root.glob("*/.*"))
