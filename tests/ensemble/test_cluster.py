"""A cluster of real processes: what it makes is what one process makes, whoever is killed; and what it refuses.

All processes that are killed here were started here, and are killed by their number.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.cluster.driver import Job, digest
from benchmarks.cluster.machines import Machines
from benchmarks.cluster.small import small_plan
from conftest import CASE
from kit.processes import wait_for
from qantar import errors
from qantar.cli.main import main
from qantar.ensemble import cluster as module
from qantar.ensemble import local, warm
from qantar.ensemble.cluster import joined, mark
from qantar.ensemble.depot import Depot
from qantar.ensemble.local import run_ensembles, write_part
from qantar.ensemble.runner import Runner, at_work
from qantar.ensemble.store import PART, Recipe, Store
from qantar.ensemble.worker import kept_plan, pack, perform, plan_folder, terms
from qantar.errors import QantarError, ResultError, StudyError
from qantar.files import locks
from qantar.files.locks import claimed, is_claimed
from qantar.messages import catalogue

pytest.importorskip("distributed")
SEED, RUNS = 11, 3 * PART
"""Of every ensemble here, and its runs."""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A scheduler and two workers. They note each history that they begin."""
    warm.compiled(now=True)
    folder = tmp_path_factory.mktemp("machines")
    (folder / "plan.json").write_text(small_plan().as_json(), encoding="utf-8")
    with Machines(folder, counted=folder / "begun") as found:
        found.start_scheduler()
        for _ in range(2):
            found.start_worker(environment={"QANTAR_STORE": str(folder / "of-a-worker")})
        yield found


def begun(machines: Machines, seed: int) -> list[int]:
    """Histories of a seed that workers have begun."""
    assert machines.counted
    lines = machines.counted.read_text().splitlines() if machines.counted.exists() else []
    return [int(run) for of, run in map(str.split, lines) if int(of) == seed]


def recipe(seed: int = SEED) -> Recipe:
    return Recipe(small_plan(), seed)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that one process makes of what a test asks for."""
    return tmp_path_factory.mktemp("serial")


def alone(serial: Path, seed: int, runs: int) -> str:
    """The digest of the same histories, made by this process alone."""
    run_ensembles([recipe(seed)], runs, serial, processes=1)
    return digest(serial, [recipe(seed)], runs)


def said(error: QantarError) -> list[str]:
    assert all(p.render("en") and p.render("zh") for p in error.problems)
    return [p.code for p in error.problems]


# --- the same, once --------------------------------------------------------------------------------------------------------------


def test_a_cluster_gives_what_one_process_gives_and_is_asked_for_what_is_missing(machines: Machines, serial: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    with at_work(Runner(tmp_path, progress=lambda stage, *x: done.append(x)), str(machines.file)) as runner:
        assert runner.hands == 2
        runs = runner.histories(recipe(), RUNS)
        assert done == [(0, 12), (4, 12), (8, 12), (12, 12)]
        assert digest(tmp_path, [recipe()], RUNS) == alone(serial, SEED, RUNS)
        shutil.rmtree(Store.of(tmp_path, recipe()).part(1))
        again = runner.histories(recipe(), RUNS)
    assert runs.sha256() == again.sha256()
    assert sorted(begun(machines, SEED)) == sorted([*range(RUNS), *range(PART, 2 * PART)])
    assert not list(tmp_path.glob("2-*/.*"))


def test_killed_workers_and_commands_lose_nothing_and_double_nothing(machines: Machines, serial: Path, tmp_path: Path) -> None:
    seed, runs = SEED + 1, 16 * PART
    job = Job(str(machines.folder / "plan.json"), (seed,), 100 * runs, str(tmp_path), str(machines.file))
    asking = job.start(tmp_path / "job.json")
    try:
        assert wait_for(lambda: job.there() >= 2, 60)
        machines.workers.pop(0).kill()
        machines.start_worker(environment={"QANTAR_STORE": str(machines.folder / "of-a-worker")})
        there = job.there()
        assert wait_for(lambda: job.there() > there, 60)
        assert asking.poll() is None
    finally:
        asking.kill()
        asking.wait()
    with at_work(Runner(tmp_path), machines.address) as runner:
        runner.histories(recipe(seed), runs)
    assert digest(tmp_path, [recipe(seed)], runs) == alone(serial, seed, runs)
    found = begun(machines, seed)
    assert set(found) >= set(range(runs))
    assert len(found) - len(set(found)) <= PART  # no more than what the killed worker was at
    assert wait_for(lambda: not list(tmp_path.glob("2-*/.*")), 20)  # what a worker was at as the command was killed, it ends


def test_what_another_process_is_making_is_waited_for_and_not_made_twice(serial: Path, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from qantar.files.locks import claimed\n"
    code += "with claimed(Path(sys.argv[1])) as alone: print(alone, flush=True); sys.stdin.read()"
    s = Store.of(tmp_path, recipe())
    s.folder.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(s.folder / ".claim-00001")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "True\n"
    assert s.is_claimed(1)
    assert write_part(recipe(), tmp_path, 1, RUNS) is False
    left: list[int] = []

    def leave(done: int, total: int) -> None:
        if done == RUNS - PART:  # all others are there
            left.append(len(list(s.folder.glob("part-*"))))
            other.communicate()

    run_ensembles([recipe()], RUNS, tmp_path, processes=1, progress=leave)
    assert left == [2]
    assert digest(tmp_path, [recipe()], RUNS) == alone(serial, SEED, RUNS)
    assert not list(s.folder.glob(".*"))


def test_locks_end_with_their_holder_and_where_there_are_none_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "claim"
    with claimed(path) as first:
        with claimed(path) as second:
            assert (first, second) == (True, False)
        assert is_claimed(path)
    assert not path.exists()
    assert not is_claimed(path)

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    if sys.platform != "win32":
        monkeypatch.setattr("fcntl.flock", no_locks)
        with claimed(path) as found:
            assert found is None
        assert not path.exists()
        monkeypatch.setattr(local, "histories_of", lambda *_: pytest.fail("made"))
        monkeypatch.setattr(Store, "write", lambda *_: None)
        with pytest.raises(BaseException, match="made"):
            write_part(recipe(), tmp_path, 0, PART)
    assert locks.HELD


# --- what is refused -------------------------------------------------------------------------------------------------------------


def test_a_worker_refuses_another_model_before_it_simulates(machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**terms(), "model_sha256": "0" * 64, "numpy": "1.0"}
    with at_work(Runner(tmp_path), str(machines.file)) as runner:
        monkeypatch.setattr(module, "terms", lambda: other)
        with pytest.raises(StudyError) as caught:
            runner.histories(recipe(SEED + 2), PART)
    assert said(caught.value) == ["other_program"] * 2
    assert [p.key for p in caught.value.problems] == ["model_sha256", "numpy"]
    assert caught.value.problems[0].args == {"there": terms()["model_sha256"], "here": "0" * 64}
    assert caught.value.problems[0].file.startswith("tcp://")
    assert begun(machines, SEED + 2) == []


def test_machines_with_another_program_are_named_before_anything_is_asked(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "terms", _Otherwise())
    with pytest.raises(StudyError) as caught, joined(machines.address, tmp_path):
        pass
    assert said(caught.value) == ["other_program"] * 3  # the scheduler, and each worker
    assert len({p.file for p in caught.value.problems}) == 3


class _Otherwise:
    """Says of this machine that it has another model, and is `terms` where it is sent."""

    def __call__(self) -> dict[str, str]:
        return {**terms(), "model_sha256": "0" * 64}

    def __reduce__(self) -> str | tuple[object, ...]:
        return getattr, (sys.modules["qantar.ensemble.worker"], "terms")


def test_machines_without_the_program_are_named(machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = types.ModuleType("nowhere")
    exec("def asked(): ...", nowhere.__dict__)
    monkeypatch.setitem(sys.modules, "nowhere", nowhere)
    with monkeypatch.context() as m:
        m.setattr(module, "terms", nowhere.__dict__["asked"])
        with pytest.raises(StudyError) as caught, joined(machines.address, tmp_path):
            pass
    assert said(caught.value) == ["no_qantar_there"] * 3
    monkeypatch.setattr(module, "perform", nowhere.__dict__["asked"])
    with joined(machines.address, tmp_path) as found, pytest.raises(StudyError) as caught:
        found.each(write_part, [(recipe(), tmp_path, 0, PART, None)], lambda task, result: None)
    assert said(caught.value) == ["no_qantar_there"]


def test_a_store_that_workers_do_not_share_is_refused(machines: Machines, tmp_path: Path) -> None:
    with joined(machines.address, tmp_path) as found:
        found._mark = "of another folder"
        with pytest.raises(StudyError) as caught:
            run_ensembles([recipe(SEED + 3)], PART, tmp_path, each=found.each)
    assert said(caught.value) == ["store_not_shared"]
    assert begun(machines, SEED + 3) == []


def test_without_a_shared_folder_an_object_store_carries_everything(machines: Machines, serial: Path, tmp_path: Path) -> None:
    depot = Depot((tmp_path / "depot").as_uri())
    with joined(machines.address, tmp_path / "here", depot) as found:
        found._mark = "of another folder"
        run_ensembles([recipe(SEED + 4)], RUNS, tmp_path / "here", each=found.each, depot=depot)
    assert digest(tmp_path / "here", [recipe(SEED + 4)], RUNS) == alone(serial, SEED + 4, RUNS)
    assert sorted(begun(machines, SEED + 4)) == list(range(RUNS))
    assert digest(machines.folder / "of-a-worker", [recipe(SEED + 4)], RUNS) == alone(serial, SEED + 4, RUNS)


def test_a_part_that_does_not_come_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LATEST", 0.3)
    with pytest.raises(StudyError) as caught:
        run_ensembles([recipe()], PART, tmp_path, each=lambda function, tasks, done: [done(task, True) for task in tasks])
    assert said(caught.value) == ["part_unseen"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "no-such-place", "tls://x"])
def test_an_address_where_nothing_answers_is_said(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REACHED", 0.3)
    with pytest.raises(StudyError) as caught, joined(address, tmp_path):
        pass
    assert said(caught.value) == ["cluster_unreachable"]
    assert caught.value.problems[0].file == f"--cluster {address}"


def test_a_cluster_without_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOINED", 3.0)
    monkeypatch.setattr(module, "REACHED", 100.0)  # it answers, however busy this machine is
    with Machines(tmp_path) as nobody:
        nobody.start_scheduler()
        with pytest.raises(StudyError) as caught, joined(nobody.address, tmp_path):
            pass
    assert said(caught.value) == ["cluster_empty"]


def test_the_extra_and_the_commands_of_slurm_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StudyError) as caught, joined("slurm", tmp_path):
        pass
    assert said(caught.value) == ["no_slurm"]
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    for more in ({"cluster": "tcp://x:1"}, {"depot": "memory://x"}):
        with pytest.raises(StudyError) as caught, at_work(Runner(tmp_path), **more):
            pass
        assert said(caught.value) == ["missing_extra"]


def test_a_command_says_so_in_the_language_asked_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "REACHED", 0.3)
    places = [f"--store={tmp_path / 'store'}", f"--out={tmp_path / 'out'}"]
    with pytest.raises(SystemExit) as ended:
        main(["--lang=zh", "run", CASE, "--draws=4", "--cluster=tcp://127.0.0.1:9", *places])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert catalogue("zh")["error.cluster_unreachable.mend"] in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


# --- what goes to a worker -------------------------------------------------------------------------------------------------------


def test_a_task_is_small_as_its_plan_goes_by_the_store(tmp_path: Path) -> None:
    kept: list[str] = []

    def keep(plan: object) -> str:
        kept.append(small_plan().sha256())
        module.write_once(plan_folder(tmp_path, kept[-1]), {"plan.json": small_plan().as_json()})
        return kept[-1]

    packed = pack(write_part, [(recipe(), tmp_path, n, RUNS, None) for n in range(2)], keep)
    assert len(packed) < 2000 < len(small_plan().as_json())
    seconds, results = perform(terms(), str(tmp_path), mark(tmp_path), None, packed)
    assert results == [True, True]
    assert seconds > 0
    assert Store.of(tmp_path, recipe()).missing(RUNS) == [2]
    other = small_plan().model_copy(update={"price": 61.0})
    (plan_folder(tmp_path, kept[0]) / "plan.json").write_text(other.as_json(), encoding="utf-8")
    kept_plan.cache_clear()
    with pytest.raises(ResultError) as caught:
        kept_plan(tmp_path, kept[0], None)
    assert said(caught.value) == ["broken_store"]


@pytest.mark.skipif(os.name == "nt", reason="the commands that stand for SLURM's are shell scripts")
def test_jobs_of_slurm_do_the_work(serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = pytest.importorskip("dask")
    if find_spec("dask_jobqueue") is None:  # it is loaded below, as a command loads it
        pytest.skip("dask-jobqueue is not installed")
    commands = tmp_path / "bin"
    commands.mkdir()
    job = tmp_path / "job"  # a copy, as SLURM takes one: the file is gone when the command has ended
    played = {
        "sbatch": f"cat > {job}.$$\nsh {job}.$$ > {job}.log 2>&1 &\necho $! | tee {job}.id",
        "squeue": f'read id < {job}.id\nkill -0 $id 2> /dev/null && echo "$id|RUNNING|None" || echo "$id|COMPLETED|None"',
        "scontrol": "exit 1",
        "scancel": 'kill "$@"',
    }
    for name, words in played.items():
        (commands / name).write_text(f"#!/bin/sh\n{words}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    with pytest.raises(StudyError) as caught, joined("slurm", tmp_path):  # no word of how large a job is
        pass
    assert said(caught.value) == ["slurm_asks"]
    asked = {"cores": 1, "memory": "2GB", "python": sys.executable, "local-directory": str(tmp_path)}
    notes: list[object] = []
    words = dask.config.set({f"jobqueue.slurm.{name}": value for name, value in asked.items()})
    with words, at_work(Runner(tmp_path / "store", 1, note=notes.append), "slurm") as runner:
        runner.histories(recipe(), RUNS)
    assert digest(tmp_path / "store", [recipe()], RUNS) == alone(serial, SEED, RUNS)
    assert [note for note in notes if "SLURM" in str(note)]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # what drives SLURM lets Ctrl-C end all as if it were well
