"""Histories made by a cluster whose processes are killed at random times: nothing is lost, nothing is doubled, every bit is the same."""

from __future__ import annotations

import math
import subprocess
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cluster.driver import Job, digest
from benchmarks.cluster.machines import Machines, write_table
from benchmarks.cluster.small import small_plan

VICTIMS = {"worker": 0.6, "driver": 0.3, "scheduler": 0.1}
"""Which kind of process is killed, by share."""
LONGEST = 900.0
"""Seconds after which a round counts as hanging."""


@dataclass(frozen=True)
class Round:
    """What happened while some histories were made."""

    seed: int
    depot: bool
    """whether histories also went to an object store"""
    worker: int
    driver: int
    scheduler: int
    histories: int
    begun: int
    """histories that a worker began, those included that were lost with it"""
    seconds: float
    sha256: str
    same: bool
    """as an undisturbed serial run, by SHA-256 over every cell"""

    @property
    def kills(self) -> int:
        """Processes killed."""
        return self.worker + self.driver + self.scheduler


def disturbed(job: Job, folder: Path, seed: int, kills: int, every: float, drivers: int = 2, workers: int = 2) -> Counter[str]:
    """Make the histories of a job while processes are killed; gives how many of each kind were.

    Parameters
    ----------
    kills : at most so many
    every : seconds from the first part that is finished after a kill to the next kill, in the mean; the times are exponential
    drivers : commands that ask for the same at the same time
    """
    lots = np.random.default_rng(seed)
    killed: Counter[str] = Counter()
    with Machines(folder, counted=folder / "begun") as machines, (folder / "drivers.log").open("ab") as log:
        machines.start_scheduler()
        job = replace(job, cluster=machines.address)
        asking: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(workers):
                machines.start_worker()
            asking += [job.start(folder / f"job-{k}.json", log=log) for k in range(drivers)]
            end, at, there = time.monotonic() + LONGEST, math.inf, 0
            while any(process.poll() != 0 for process in asking):
                if time.monotonic() > end:
                    raise TimeoutError(f"no end after {LONGEST:.0f} s: {folder}")
                _replace_the_dead(machines, asking, job, folder, log)
                if math.isinf(at) and job.there() > there:  # they are at work, and not only starting
                    at = time.monotonic() + lots.exponential(every)
                if sum(killed.values()) < kills and time.monotonic() > at:
                    kind = str(lots.choice(list(VICTIMS), p=list(VICTIMS.values())))
                    scheduler = [machines.scheduler] if machines.scheduler else []
                    alive = {"worker": machines.workers, "driver": asking, "scheduler": scheduler}[kind]
                    victims = [process for process in alive if process.poll() is None]
                    if victims:
                        victims[int(lots.integers(len(victims)))].kill()
                        killed[kind] += 1
                        at, there = math.inf, job.there()
                time.sleep(0.02)
        finally:
            for process in asking:
                if process.poll() is None:
                    process.kill()
                process.wait()
    return killed


def _replace_the_dead(machines: Machines, asking: list[subprocess.Popen[bytes]], job: Job, folder: Path, log: Any) -> None:
    """Start again what was killed, or has ended because the scheduler was."""
    if machines.scheduler and machines.scheduler.poll() is not None:
        machines.start_scheduler()
    for worker in [w for w in machines.workers if w.poll() is not None]:
        machines.workers.remove(worker)
        machines.start_worker()
    for k, process in enumerate(asking):
        if process.poll() not in (None, 0):
            asking[k] = job.start(folder / f"job-{k}.json", log=log)


def one_round(folder: Path, seed: int, kills: int, every: float, runs: int, depot: bool = False) -> Round:
    """Three recipes by two commands at once, disturbed, beside the same made serially."""
    folder.mkdir(parents=True)
    plan = folder / "plan.json"
    plan.write_text(small_plan().as_json(), encoding="utf-8")
    address = (folder / "depot").as_uri() if depot else None
    job = Job(str(plan), (seed, seed + 1, seed + 2), runs, str(folder / "store"), "", address)
    start = time.monotonic()
    killed = disturbed(job, folder, seed, kills, every)
    seconds = time.monotonic() - start
    found = digest(folder / "store", job.recipes(), runs)
    left = [*(folder / "store").glob("2-*/.*")]
    if job.there() != job.parts() or left:
        raise ValueError(f"{job.there()} parts in place of {job.parts()}, {left}")
    begun = len((folder / "begun").read_text().splitlines())
    same = found == job.serially(str(folder / "serial"))
    counts = {kind: killed[kind] for kind in VICTIMS}
    return Round(seed, depot, **counts, histories=3 * runs, begun=begun, seconds=round(seconds, 1), sha256=found, same=same)


def rounds(folder: Path, seed: int, kills: int, every: float, runs: int, out: Path, depot: bool = False) -> list[Round]:
    """Round after round until so many processes were killed; the table is written after each."""
    done: list[Round] = []
    while sum(r.kills for r in done) < kills:
        number = seed + 1000 * len(done)
        done.append(one_round(folder / f"round-{len(done)}", number, kills - sum(r.kills for r in done), every, runs, depot))
        write_table(out, Round.__dataclass_fields__, map(asdict, done))
    return done
