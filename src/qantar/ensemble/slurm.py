"""Jobs of SLURM in which workers run: as many as were asked for, others in place of those that end, and reasons where that is vain.

What a job is stands in the site's file `jobqueue.yaml`, from which dask-jobqueue makes its script. Jobs are handed in, looked after and
taken back with SLURM's own commands (`sbatch`, `squeue`, `scontrol`, `scancel`), so that what SLURM says of them can be told.
"""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qantar.errors import LONGEST, QantarError, ResultError, StudyError, fail, needs
from qantar.messages import LANGUAGES, text

SLURM = "slurm"
"""In place of an address: jobs of SLURM."""
ASKED = f"--cluster {SLURM}"
COMMANDS = ("sbatch", "squeue", "scontrol", "scancel")
TRIES = 3
"""Jobs in a row that end without a worker having come, or refusals, after which it is vain."""
SOON, LATER, REFUSED = 3.0, 15.0, 60.0
"""Seconds between two looks at the jobs while no worker is there and while some are, and until SLURM is asked again for what it refused."""
TOLD = 60.0
"""Seconds without a worker after which that is told, and again each time twice as many have passed."""
ANSWERED = 60.0
"""Seconds that a command of SLURM may take."""
ENDED = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT")
)
"""States of a job that SLURM will not start again (man squeue)."""
NEVER = frozenset(
    ("AccountNotAllowed", "BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionConfig", "PartitionTimeLimit", "QOSNotAllowed")
)
"""Reasons for which a job waits until somebody changes it or its queue."""
LINES = 12
"""Last lines of a job's log that are looked at; as many are told as fit."""
Note = Callable[[tuple[str, str]], None]


@dataclass
class Job:
    """A job that was handed in."""

    id: str
    name: str
    """how its workers are called, or how their names begin"""
    state: str = "PENDING"
    reason: str = ""


class Jobs:
    """The jobs of one command.

    Parameters
    ----------
    script : of a job whose workers are called so
    wanted : jobs that should be there
    note : is told what somebody who waits should read
    options : for `sbatch`
    """

    def __init__(self, script: Callable[[str], str], wanted: int, note: Note, options: Sequence[str] = ()) -> None:
        self.script, self.wanted, self.note, self.options = script, wanted, note, options
        self.alive: list[Job] = []
        self.vain: list[Job] = []
        """ended since a worker came for the last time, and none of theirs ever did"""
        self.ended: Job | None = None
        """the last one that ended"""
        self.came: set[str] = set()
        """names of all workers that ever came"""
        self._counted, self._refusals, self._next, self._ask = 0, 0, -math.inf, -math.inf
        self._since, self._tell = time.monotonic(), TOLD
        self._handed, self._told_fewer = 0, False

    def look(self, now: bool = False) -> None:
        """See to the jobs, if it is time: to be called again and again by whoever waits for workers.

        Raises
        ------
        StudyError
            If no worker runs and none is to be expected.
        """
        at = time.monotonic()
        if at < self._next and not now:
            return
        self._see()
        if self._working():
            if len(self.vain) >= TRIES:  # some nodes may be bad: those that are at work go on
                self._fewer(at, f"{self.vain[-1].id} {self.vain[-1].state} {_reason(self.vain[-1].reason)}".strip())
                self.vain = []
        else:
            if len(self.vain) >= TRIES:
                raise self.failure()
            if self.alive and all(job.state == "PENDING" and job.reason in NEVER for job in self.alive):
                raise fail(StudyError, ASKED, "slurm_never", job=self.alive[0].id, reason=self.alive[0].reason)
        self._fill()
        self._say()
        self._next = time.monotonic() + (LATER if self._working() else SOON)

    def failure(self) -> QantarError:
        """What to say where jobs end before they have done anything."""
        job = self.ended or self.vain[-1]
        told = _details(job.id)
        logs = [re.sub("%[jJA]", job.id, path) for name in ("StdErr", "StdOut") if (path := told.get(name)) and path != "/dev/null"]
        lines = next((found for path in logs if (found := _last_lines(Path(path)))), "-")
        state = [told.get("JobState", job.state), _code(told.get("ExitCode", "")), _reason(told.get("Reason", job.reason))]
        words = {"job": job.id, "n": max(1, len(self.vain)), "state": " ".join(filter(None, state)) or "?"}
        return fail(StudyError, ASKED, "slurm_ends", **words, log=logs[0] if logs else "-", lines=lines)

    def take_back(self) -> None:
        """End those that are left."""
        if self.alive:
            with suppress(OSError, subprocess.SubprocessError):
                _call("scancel", *(job.id for job in self.alive))

    def _working(self) -> bool:
        return any(self._came(job) for job in self.alive)

    def _came(self, job: Job) -> bool:
        return any(worker == job.name or worker.rpartition("-")[0] == job.name for worker in self.came)

    def _see(self) -> None:
        """Ask how they are."""
        if len(self.came) > self._counted:
            self._counted, self.vain = len(self.came), []
        states = _states() if self.alive else {}
        if states is None:  # SLURM does not answer now
            return
        for job in list(self.alive):
            job.state, job.reason = states.get(job.id, ("", ""))
            if job.state in ENDED or not job.state:  # or SLURM has forgotten it
                self.alive.remove(job)
                self.ended = job
                if not self._came(job):
                    self.vain.append(job)

    def _fill(self) -> None:
        """Hand in what is lacking."""
        while len(self.alive) < self.wanted and time.monotonic() >= self._ask:
            name = f"job{self._handed}"
            try:
                found = re.search(r"(?m)^(\d+)(;|$)", _call("sbatch", "--parsable", *self.options, given=self.script(name)))
                self.alive.append(Job(found[1], name))  # type: ignore[index]
            except (OSError, subprocess.SubprocessError, TypeError) as error:
                self._refusals += 1
                reason = " ".join((getattr(error, "stderr", "") or str(error)).split())
                if not self.alive and (not self._handed or self._refusals >= TRIES):
                    raise fail(StudyError, ASKED, "slurm_refuses", reason=reason) from None
                self._fewer(time.monotonic(), reason)
            else:
                self._refusals = 0
                self._handed += 1

    def _fewer(self, at: float, reason: str) -> None:
        """Go on with those that are there, and ask for others after a while; told once."""
        self._ask = at + REFUSED
        if not self._told_fewer:
            self._told_fewer = True
            self.note(_said("cluster.slurm_fewer", n=len(self.alive), wanted=self.wanted, reason=reason))

    def _say(self) -> None:
        """Tell of jobs that have let somebody wait for long."""
        if self._working():
            self._since, self._tell = time.monotonic(), TOLD
        elif (waited := time.monotonic() - self._since) >= self._tell:
            self._tell *= 2
            states = Counter(" ".join(filter(None, [job.state, _reason(job.reason)])) for job in self.alive)
            listed = ", ".join(f"{n} {state}" for state, n in states.items()) or "-"
            ids = " ".join(job.id for job in self.alive[:3])
            self.note(_said("cluster.slurm_waits", n=round(waited / 60) or 1, states=listed, ids=ids))


@contextmanager
def jobs_of_slurm(workers: int, logs: Path | None, note: Note) -> Iterator[tuple[Any, Jobs]]:
    """A scheduler in this process, and jobs that will bring it so many workers; they are handed in when they are looked at.

    Parameters
    ----------
    logs : folder for what jobs say, where the site's file names none; it is gone again if all ends well

    Raises
    ------
    StudyError
        If SLURM is not here, or its file does not say what a job is.
    """
    needs("dask_jobqueue", "scale", ASKED)
    if lacking := [name for name in COMMANDS if shutil.which(name) is None]:
        raise fail(StudyError, ASKED, "no_slurm", command=", ".join(lacking))
    import dask

    with _own_signals():
        from dask_jobqueue import SLURMCluster
        from dask_jobqueue.slurm import SLURMJob

    try:
        described = dask.config.get("jobqueue.slurm")
        options = {"dashboard_address": ":0", **(described.get("scheduler-options") or {})}  # its usual port may be taken on a login node
        each = int(described["cores"])
        own = None if described.get("log-directory") else logs
        cluster = SLURMCluster(processes=each, scheduler_options=options)  # one history at a time a process
    except Exception as error:  # ValueError, TypeError, RuntimeError: what its file lacks
        raise fail(StudyError, ASKED, "slurm_asks", reason=" ".join(str(error).split()) or type(error).__name__) from None
    if own:
        try:
            own.mkdir(parents=True)
        except OSError as error:
            raise fail(ResultError, own, "cannot_write", reason=error.strerror or "") from None
    more = [f"--output={own / 'job-%j.log'}"] if own else []  # not by the script: there a path with blanks is not one word
    with cluster:
        at = getattr(cluster.scheduler, "contact_address", None) or cluster.scheduler.address
        jobs = Jobs(lambda name: SLURMJob(at, name, processes=each).job_script(), math.ceil(workers / each), note, more)
        cluster.scheduler.add_plugin(_counting(jobs.came))
        well = False
        try:
            yield cluster, jobs
            well = True
        finally:
            jobs.take_back()
            if own:
                _clear(own, well)


@contextmanager
def _own_signals() -> Iterator[None]:
    """What Ctrl-C does here, though dask-jobqueue lets it end the process, as if all were well, from the moment it is loaded."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _clear(logs: Path, well: bool) -> None:
    """Leave logs only where somebody may want to read them."""
    if well:
        shutil.rmtree(logs, ignore_errors=True)
    for folder in (logs, logs.parent):
        with suppress(OSError):  # it holds something
            folder.rmdir()


def _counting(came: set[str]) -> Any:
    """What notes the name of each worker that comes."""
    from distributed import SchedulerPlugin

    class Counting(SchedulerPlugin):  # type: ignore[misc]
        def add_worker(self, scheduler: Any, worker: str) -> None:
            came.add(str(scheduler.workers[worker].name))

    return Counting()


def _call(*words: str, given: str = "") -> str:
    return subprocess.run(words, input=given, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=ANSWERED).stdout


def _states() -> dict[str, tuple[str, str]] | None:
    """State and reason of all jobs of this user that SLURM still knows; None where it does not answer."""
    try:
        said = _call("squeue", "--me", "--noheader", "--states=all", "--format=%i|%T|%r")
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [line.strip().split("|", 2) for line in said.splitlines()]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _details(job: str) -> dict[str, str]:
    """What SLURM says of a job by name, nothing if it has forgotten it."""
    try:
        said = _call("scontrol", "show", "job", job)
    except (OSError, subprocess.SubprocessError):
        return {}
    paths = re.findall(r"(?m)^\s*(StdErr|StdOut)=(.+)$", said)  # they may hold blanks
    return dict(re.findall(r"(\w+)=(\S*)", said)) | dict(paths)


def _last_lines(path: Path) -> str:
    """As many of the last lines of a log as can be told, and of the last one its end."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    told = ""
    for line in [line.rstrip() for line in reversed(lines[-LINES:]) if line.strip()]:
        if told and len(line) + 1 + len(told) > LONGEST:
            break
        told = f"{line}\n{told}" if told else line[-LONGEST:]
    return told


def _code(code: str) -> str:
    """`3:0` is an exit with 3, `0:9` an end by signal 9."""
    status, _, signal = code.partition(":")
    return f"exit {status}" if status not in ("", "0") else f"signal {signal}" if signal not in ("", "0") else ""


def _reason(reason: str) -> str:
    return "" if reason in ("", "None") else f"({reason})"


def _said(key: str, **values: object) -> tuple[str, str]:
    en, zh = (text(key, lang, **values) for lang in LANGUAGES)
    return en, zh
