"""`--cluster slurm` on a real SLURM of this machine: `munged`, `slurmctld` and two `slurmd`, started here by hand and ended here by number.

Histories are made while jobs are cancelled, reach their time limit or wait for a node, and compared by SHA-256 with those of one process
that nobody disturbed; and it is seen what the command says, and that it ends, where no job can do anything.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.cluster.driver import Job, digest
from benchmarks.cluster.machines import COUNTED, COUNTING, QUIET, SLOWED, python_path, write_table
from benchmarks.cluster.small import small_plan

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
CONFIGURATION = """\
ClusterName=shown
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=2
MinJobAge=100000
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=3000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=3000
PartitionName=normal Nodes=n1,n2 Default=YES MaxTime=60 State=UP
"""
USUAL: Mapping[str, Any] = {
    "cores": 1,
    "memory": "1GB",
    "walltime": "00:20:00",
    "queue": "normal",
    "worker-extra-args": ["--preload", str(COUNTING)],
}
"""What a job is, if a trial does not say otherwise."""
LONGEST = 1800.0
"""Seconds after which a trial counts as hanging."""


@dataclass(frozen=True)
class Trial:
    """What was done to jobs, and what came of it."""

    trial: str
    jobs: str
    """handed in, by the state in which they ended"""
    histories: int
    begun: int
    """histories that a worker began, those included that were lost with it"""
    seconds: float
    status: int
    """exit status of the command"""
    said: str
    """what it said, the first words of it"""
    sha256: str
    as_it_should: bool
    """the same histories as one undisturbed process makes; or an end with status 2, with words, and no job left"""


class Slurm:
    """A SLURM of two nodes with one core each, as long as the block runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Slurm:
        (self.folder / "state").mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        words = {"host": socket.gethostname().partition(".")[0], "user": getpass.getuser(), "folder": self.folder, "ports": _free_ports(3)}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**words), encoding="utf-8")
        munge = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        places = [f"--{name}-file={munge[name]}" for name in ("pid", "log", "seed")]
        self._start("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={munge['socket']}", *places)
        _until(munge["socket"].exists)
        self._start("slurmctld", "-D")
        for node in ("n1", "n2"):
            self._start("slurmd", "-D", "-N", node)
        _until(lambda: self.call("sinfo", "--noheader", "--format=%D %T", check=False).strip() == "2 idle")
        return self

    def call(self, *words: str, check: bool = True) -> str:
        """What one of SLURM's commands answers."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=check, timeout=60).stdout

    def jobs(self, *states: str) -> dict[str, str]:
        """State of each job that was handed in, or of those in certain states."""
        rows = self.call("squeue", "--noheader", "--states=all", "--format=%i %T").splitlines()
        return {job: state for job, state in map(str.split, rows) if not states or state in states}

    def clear(self) -> None:
        """End what there is."""
        if left := list(self.jobs("PENDING", "RUNNING", "COMPLETING")):
            self.call("scancel", *left, check=False)
            _until(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING"))

    def _start(self, *words: str) -> None:
        with (self.folder / f"{words[0]}.out").open("ab") as log:
            self._processes.append(subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.clear()
        finally:
            for process in reversed(self._processes):
                process.terminate()
                process.wait()


class Trials:
    """Trials one after the other; jobs of a trial are those that were handed in since the one before."""

    def __init__(self, slurm: Slurm, folder: Path, seed: int, runs: int) -> None:
        self.slurm, self.folder, self.seed, self.runs = slurm, folder, seed, runs
        self.lots = np.random.default_rng(seed)
        self.done: list[Trial] = []
        self._before: set[str] = set()
        self.plan = folder / "plan.json"
        self.plan.write_text(small_plan().as_json(), encoding="utf-8")

    def histories(
        self,
        name: str,
        workers: int,
        disturb: Callable[[Job], object] = lambda job: None,
        times: int = 1,
        described: Mapping[str, Any] = USUAL,
        killed: bool = False,
    ) -> None:
        """Have histories made, as many as otherwise or some times as many, while something is done to the jobs.

        Where it is to be `killed`, the command is, once a part is there, and asked again when all its jobs have ended by themselves.
        """
        place, seed = self.folder / name, self.seed + 10 * len(self.done)
        place.mkdir()
        runs = times * self.runs
        job = Job(str(self.plan), (seed, seed + 1, seed + 2), runs, str(place / "store"), "slurm", processes=workers)
        start = time.monotonic()
        with _environment(self._described(place, described)), (place / "said").open("wb") as log:
            asking = job.start(place / "job.json", log=log)
            try:
                if killed:
                    _until(lambda: job.there() > 0)
                    asking.kill()
                    asking.wait()
                    _until(lambda: not set(self.slurm.jobs("PENDING", "RUNNING", "COMPLETING")) - self._before)
                    asking = job.start(place / "job.json", log=log)
                disturb(job)
                status = asking.wait(LONGEST)
            finally:
                if asking.poll() is None:
                    asking.kill()
                    asking.wait()
        found = "" if status else digest(Path(job.store), job.recipes(), runs)
        same = found == job.serially(str(place / "serial"))
        self._note(name, place, 3 * runs, start, status, found, same)

    def refused(self, name: str, words: str, described: Mapping[str, Any]) -> None:
        """Ask with jobs that cannot do anything, by the command that users type."""
        place = self.folder / name
        place.mkdir()
        places = [f"--store={place / 'store'}", f"--out={place / 'out'}"]
        start = time.monotonic()
        with (place / "said").open("wb") as log:
            environment = {**os.environ, **self._described(place, described)}
            command = [sys.executable, "-m", "qantar", "run", "kazakhstan-2022", "--draws=4", "--scale=0.002", "--cluster=slurm", *places]
            status = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False, timeout=LONGEST).returncode
        said = (place / "said").read_text(encoding="utf-8")
        right = status == 2 and words in said and "Traceback" not in said and not (place / "out").exists()
        self._note(name, place, 0, start, status, "", right)

    def _described(self, place: Path, described: Mapping[str, Any]) -> dict[str, str]:
        """The environment of a command whose jobs are described so."""
        file = place / "jobqueue.yaml"
        file.write_text(json.dumps({"jobqueue": {"slurm": {**USUAL, **described}}}), encoding="utf-8")  # JSON is YAML
        slurm = {"SLURM_CONF": self.slurm.environment["SLURM_CONF"], "DASK_CONFIG": str(file)}
        return {**QUIET, **slurm, "PYTHONPATH": python_path(), COUNTED: str(place / "begun")}

    def _note(self, name: str, place: Path, histories: int, start: float, status: int, found: str, right: bool) -> None:
        seconds = time.monotonic() - start
        _until(lambda: not self.slurm.jobs("COMPLETING"))
        states = {job: state for job, state in self.slurm.jobs().items() if job not in self._before}
        left = [state for state in states.values() if state in ("PENDING", "RUNNING")]
        self._before |= set(states)
        jobs = ", ".join(f"{n} {state}" for state, n in sorted(Counter(states.values()).items()))
        begun = len((place / "begun").read_text().splitlines()) if (place / "begun").exists() else 0
        lines = (place / "said").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if "SLURM:" in line or line.startswith("--cluster")]
        said = lines[0].replace(str(self.folder), "…") if lines else ""
        self.done.append(Trial(name, jobs, histories, begun, round(seconds, 1), status, said, found, right and not left))
        sys.stdout.write(f"{self.done[-1]}\n")
        sys.stdout.flush()

    # --- what is done to jobs ------------------------------------------------------------------------------------------------

    def cancel(self, times: int) -> Callable[[Job], None]:
        """Cancel a running job, each time some tenths of a second after the next part was finished."""

        def disturb(job: Job) -> None:
            for _ in range(times):
                at = job.there() + 1
                while job.there() < min(at, job.parts()):
                    time.sleep(0.05)
                time.sleep(float(self.lots.exponential(0.3)))
                if running := sorted(set(self.slurm.jobs("RUNNING")) - self._before):
                    self.slurm.call("scancel", str(self.lots.choice(running)), check=False)

        return disturb

    def occupied(self) -> Callable[[Job], None]:
        """Let others have both nodes until the command has said that it waits."""
        self.slurm.call("sbatch", "--job-name=others", "--array=1-2", "--output=/dev/null", "--wrap=sleep 3600")
        _until(lambda: len(self.slurm.jobs("RUNNING")) == 2)
        self._before |= set(self.slurm.jobs())

        def disturb(job: Job) -> None:
            said = Path(job.store).parent / "said"
            _until(lambda: "SLURM:" in said.read_text(encoding="utf-8"))
            self.slurm.call("scancel", "--name=others")

        return disturb


class _environment:  # noqa: N801
    """Variables that processes started in the block inherit."""

    def __init__(self, more: Mapping[str, str]) -> None:
        self._more, self._before = more, dict(os.environ)

    def __enter__(self) -> None:
        os.environ.update(self._more)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


def _free_ports(n: int) -> list[int]:
    found = [socket.socket() for _ in range(n)]
    for s in found:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in found]
    for s in found:
        s.close()
    return ports


def _until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError(f"no end after {LONGEST:.0f} s")
        time.sleep(0.1)


def lacking() -> list[str]:
    """Programs of SLURM that are not installed here."""
    return [name for name in NEEDED if shutil.which(name) is None]


def shown(folder: Path, seed: int, runs: int, out: Path) -> bool:
    """All trials; whether each ended as it should."""
    with Slurm(folder / "slurm") as slurm:
        trials = Trials(slurm, folder, seed, runs)
        try:
            trials.histories("undisturbed", 2)
            trials.histories("scancel", 2, trials.cancel(4))
            trials.histories("command killed", 2, killed=True)
            slowly = [f"export {SLOWED}=0.25"]  # SLURM counts minutes, and histories are else done sooner
            trials.histories("time limit", 1, times=6, described={"walltime": "00:02:00", "job-script-prologue": slowly})
            trials.histories("others before", 1, trials.occupied())
            trials.refused("no such queue", "takes no job", {"queue": "nonesuch"})
            trials.refused("no such Python", "No such file or directory", {"python": "/nonesuch/python"})
            trials.refused("a Python without the program", "No module named", {"python": f"{sys.executable} -I -S"})
            trials.refused("more memory than a node has", "takes no job", {"memory": "64GB"})
            trials.refused("more cores than a node has", "will never start", {"cores": 64})
            nowhere = {"scheduler-options": {"contact_address": "tcp://127.0.0.1:9"}, "death-timeout": 5}
            trials.refused("nodes that do not reach this machine", "before they have done anything", nowhere)
        finally:
            write_table(out, Trial.__dataclass_fields__, map(asdict, trials.done))
    limits = [t for t in trials.done if "TIMEOUT" in t.jobs]
    return bool(limits) and all(t.as_it_should for t in trials.done)
