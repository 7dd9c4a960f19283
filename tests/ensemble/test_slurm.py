"""What becomes of jobs of SLURM: others in place of those that end, and words and an end where no job can do anything.

SLURM is played here; a real one is shown by `python -m benchmarks.cluster slurm`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from qantar.ensemble import slurm as module
from qantar.ensemble.slurm import LATER, REFUSED, SOON, TOLD, TRIES, Jobs
from qantar.errors import LONGEST, Problem, StudyError


class Played:
    """SLURM as far as its four commands are asked: jobs by number, with state and reason."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[str, str]] = {}
        self.scripts: list[str] = []
        self.first = "PENDING", "Priority"
        """state and reason of a job that is handed in"""
        self.refuses, self.answers, self.log = "", True, "/dev/null"
        self.taken_back: list[str] = []
        self.now = 0.0

    def call(self, *words: str, given: str = "") -> str:
        if words[0] == "sbatch":
            if self.refuses:
                raise subprocess.CalledProcessError(1, words, "", f"sbatch: error: {self.refuses}\n")
            self.scripts.append(given)
            self.jobs[str(len(self.scripts))] = self.first
            return f"Welcome to the cluster of 2026\n{len(self.scripts)};here\n"
        if not self.answers:
            raise subprocess.CalledProcessError(1, words, "", "Unable to contact slurm controller")
        if words[0] == "squeue":
            return "".join(f"{job}|{state}|{reason}\n" for job, (state, reason) in self.jobs.items()) + "77|RUNNING|of another command\n"
        if words[0] == "scontrol":
            state, reason = self.jobs[words[-1]]
            return f"JobId={words[-1]}\n   JobState={state} Reason={reason}\n   Requeue=1 ExitCode=127:0\n   StdErr={self.log}\n   StdOut=/dev/null\n"
        assert words[0] == "scancel"
        self.taken_back += words[1:]
        return ""

    def all(self, state: str, reason: str = "None") -> None:
        """So it is with every job from now on."""
        self.jobs = dict.fromkeys(self.jobs, (state, reason))
        self.first = state, reason


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    monkeypatch.setattr(module, "_call", found.call)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.fixture
def notes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def jobs(played: Played, notes: list[tuple[str, str]]) -> Jobs:
    return Jobs(lambda name: f"worker {name}", 2, notes.append)


def pass_by(played: Played, jobs: Jobs, seconds: float) -> None:
    """Let time go, with a look at the jobs every second."""
    end = played.now + seconds
    while played.now < end:
        played.now += 1
        jobs.look()


def ends(look: Callable[[], object]) -> Problem:
    with pytest.raises(StudyError) as caught:
        look()
    (problem,) = caught.value.problems
    assert problem.file == "--cluster slurm"
    assert problem.render("en")
    assert problem.render("zh")
    return problem


def test_jobs_that_end_at_once_end_the_command_with_the_last_lines_of_their_log(played: Played, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "job %J.err"
    (tmp_path / "job 4.err").write_text(
        "loading modules\n" + "x" * LONGEST + "\n\npython: not found\nworker: no such command\n", encoding="utf-8"
    )
    played.log = str(log)
    jobs.look()
    played.all("FAILED", "NonZeroExitCode")
    problem = ends(lambda: pass_by(played, jobs, TRIES * SOON + 1))
    assert problem.code == "slurm_ends"
    assert problem.args == {
        "job": "4",
        "n": "4",  # two, and two in their place
        "state": "FAILED exit 127 (NonZeroExitCode)",
        "log": str(tmp_path / "job 4.err"),
        "lines": "python: not found\nworker: no such command",
    }
    assert len(played.scripts) == 4
    jobs.take_back()
    assert played.taken_back == []


def test_a_job_that_slurm_does_not_take_is_said_in_its_words(played: Played, jobs: Jobs) -> None:
    played.refuses = "invalid partition\n specified: nonesuch"
    problem = ends(jobs.look)
    assert (problem.code, problem.args) == ("slurm_refuses", {"reason": "sbatch: error: invalid partition specified: nonesuch"})


def test_fewer_jobs_than_were_asked_for_do_the_work_and_others_are_asked_for_later(
    played: Played, jobs: Jobs, notes: list[tuple[str, str]]
) -> None:
    jobs.wanted = 1
    jobs.look()
    jobs.wanted, played.refuses = 3, "QOSMaxSubmitJobPerUserLimit"
    played.all("RUNNING")
    jobs.came.add("job0-0")
    pass_by(played, jobs, 3 * LATER)
    assert [n for n, _ in notes if "1 of 3 jobs for now (sbatch: error: QOSMaxSubmitJobPerUserLimit)" in n] == [n for n, _ in notes]
    assert len(notes) == 1
    played.refuses = ""
    pass_by(played, jobs, REFUSED)
    assert played.scripts == ["worker job0", "worker job1", "worker job2"]
    assert len(notes) == 1


def test_jobs_of_which_slurm_says_that_they_never_start_are_taken_back(played: Played, jobs: Jobs) -> None:
    jobs.look()
    played.all("PENDING", "PartitionTimeLimit")
    problem = ends(lambda: pass_by(played, jobs, SOON + 1))
    assert (problem.code, problem.args) == ("slurm_never", {"job": "1", "reason": "PartitionTimeLimit"})
    jobs.take_back()
    assert played.taken_back == ["1", "2"]


def test_who_waits_for_long_is_told_so_ever_less_often(played: Played, jobs: Jobs, notes: list[tuple[str, str]]) -> None:
    jobs.look()
    assert notes == []
    pass_by(played, jobs, 5 * TOLD)
    assert [n[0] for n in notes] == [
        f"SLURM: no worker for {t}; jobs: 2 PENDING (Priority). `scontrol show job 1 2` says more; Ctrl-C takes the jobs back."
        for t in ("1 minute", "2 minutes", "4 minutes")
    ]
    assert all("2 PENDING (Priority)" in zh for _, zh in notes)
    jobs.came.add("job1")  # a job of one worker calls it as itself
    played.all("RUNNING")
    pass_by(played, jobs, 5 * TOLD)
    assert len(notes) == 3


def test_a_job_that_has_worked_is_replaced_as_often_as_it_ends(played: Played, jobs: Jobs) -> None:
    jobs.look()
    for k in range(3 * TRIES):
        played.all("RUNNING")
        jobs.came |= {f"job{n}-0" for n in range(len(played.scripts))}
        pass_by(played, jobs, LATER + 1)
        played.jobs = dict.fromkeys(played.jobs, ("TIMEOUT", "TimeLimit"))
        pass_by(played, jobs, LATER + 1)
        assert len(played.scripts) == 2 * (k + 2)
        assert jobs.vain == []


def test_bad_nodes_do_not_end_what_others_are_at(played: Played, jobs: Jobs, notes: list[tuple[str, str]]) -> None:
    jobs.look()
    jobs.came.add("job0-0")
    played.all("FAILED", "NonZeroExitCode")
    played.jobs["1"] = "RUNNING", "None"
    pass_by(played, jobs, 20 * LATER)
    assert [n[0] for n in notes] == [
        f"SLURM: 1 of 2 jobs for now ({TRIES + 1} FAILED (NonZeroExitCode)); the work goes on, and others are asked for later."
    ]
    assert TRIES + 1 < len(played.scripts) < 2 + 20
    played.jobs["1"] = "CANCELLED", "None"
    assert ends(lambda: pass_by(played, jobs, 10 * REFUSED)).code == "slurm_ends"


def test_while_slurm_does_not_answer_nothing_is_decided(played: Played, jobs: Jobs) -> None:
    jobs.look()
    played.answers = False
    pass_by(played, jobs, 30)
    assert [job.id for job in jobs.alive] == ["1", "2"]
    played.answers, played.jobs = True, {}  # and has forgotten them
    pass_by(played, jobs, SOON + 1)
    assert [job.id for job in jobs.alive] == ["3", "4"]
