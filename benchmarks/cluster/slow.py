"""A worker in another network namespace, behind a link that is narrow, slow and cut now and then: the same histories, bit by bit.

Needs Linux, root and iproute2. The link is a pair of virtual devices, narrowed by `tc tbf`. Delay comes from a relay (`relay.py`), as
the qdisc `netem` is a module that not every kernel has.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.cluster.driver import Job, digest
from benchmarks.cluster.machines import Machines, write_table
from benchmarks.cluster.small import small_plan

NEAR, FAR = "qantar-near", "qantar-far"
HERE, THERE = "10.77.0.1", "10.77.0.2"
PORT = 8799


@dataclass(frozen=True)
class Trial:
    """A link and what came over it."""

    rate: str
    delay_ms: int
    cuts: int
    depot: bool
    """whether histories come by an object store: the far worker then does not share the folder"""
    histories: int
    seconds: float
    sha256: str
    same: bool


class Link:
    """Two network namespaces and a link between them, as long as the block runs."""

    def __init__(self, rate: str) -> None:
        self.rate = rate

    def __enter__(self) -> Link:
        self._remove()
        for name in (NEAR, FAR):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "q-near", "netns", NEAR, "type", "veth", "peer", "name", "q-far", "netns", FAR)
        for name, device, address in ((NEAR, "q-near", HERE), (FAR, "q-far", THERE)):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", device)
            for up in (device, "lo"):
                run("ip", "-n", name, "link", "set", up, "up")
            run("tc", "-n", name, "qdisc", "add", "dev", device, "root", "tbf", "rate", self.rate, "burst", "16kb", "latency", "400ms")
        return self

    def cut(self, seconds: float) -> None:
        """Nothing passes for a while."""
        run("ip", "-n", FAR, "link", "set", "q-far", "down")
        time.sleep(seconds)
        run("ip", "-n", FAR, "link", "set", "q-far", "up")

    def _remove(self) -> None:
        for name in (NEAR, FAR):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remove()


def run(*words: str) -> None:
    """A command that must succeed."""
    subprocess.run(words, check=True, capture_output=True, text=True)


def at(name: str) -> Sequence[str]:
    """Words that put a command into a namespace."""
    return ["ip", "netns", "exec", name]


def without(folder: Path) -> Sequence[str]:
    """Words that hide what a folder holds from a command."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{folder}" && exec "$@"', "sh"]


def trial(folder: Path, seed: int, runs: int, rate: str, delay_ms: int, cuts: int, depot: bool) -> Trial:
    """Histories by one worker behind a link, asked for from the near side."""
    folder.mkdir(parents=True)
    plan = folder / "plan.json"
    plan.write_text(small_plan().as_json(), encoding="utf-8")
    (folder / "store").mkdir()
    lots = np.random.default_rng(seed)
    relay = [*at(FAR), sys.executable, "-m", "benchmarks.cluster.relay", str(PORT), HERE, str(PORT), str(delay_ms / 1000)]
    with Link(rate) as link, Machines(folder, at(NEAR)) as machines:
        machines.start_scheduler("--host", HERE, "--port", str(PORT))
        relaying = subprocess.Popen(relay)
        job = Job(str(plan), (seed,), runs, str(folder / "store"), machines.address, (folder / "depot").as_uri() if depot else None)
        start = time.monotonic()
        try:
            more = {"QANTAR_STORE": str(folder / "far")}
            far = [*at(FAR), *(without(Path(job.store)) if depot else [])]
            machines.start_worker(f"tcp://{THERE}:{PORT}", far, more, "--host", THERE)
            asking = job.start(folder / "job.json", at(NEAR))
            left = cuts
            while asking.poll() is None:
                if left and job.there():
                    link.cut(float(lots.uniform(0.5, 3)))
                    left -= 1
                time.sleep(float(lots.uniform(0.1, 1)))
            if asking.returncode:
                raise ValueError(f"the command failed: {asking.returncode}")
        finally:
            for process in (relaying, *([asking] if "asking" in locals() else [])):
                with suppress(ProcessLookupError):
                    process.kill()
                process.wait()
        seconds = time.monotonic() - start
    if depot != (folder / "far").is_dir():  # only who does not see the store keeps histories in a folder of its own
        raise ValueError("the worker kept histories where it should not")
    found = digest(Path(job.store), job.recipes(), runs)
    same = found == job.serially(str(folder / "serial"))
    return Trial(rate, delay_ms, cuts - left, depot, runs, round(seconds, 1), found, same)


def shown(folder: Path, seed: int, runs: int, out: Path) -> bool:
    """All links, and whether every one gave the same."""
    links = [("100mbit", 0, 0, False), ("1mbit", 50, 3, False), ("256kbit", 200, 3, False), ("1mbit", 50, 2, True)]
    done = [trial(folder / str(k), seed + k, runs, *of) for k, of in enumerate(links)]
    write_table(out, Trial.__dataclass_fields__, map(asdict, done))
    return all(t.same for t in done)
