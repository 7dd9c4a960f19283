"""The work that all do, and how each is timed. Uses NumPy only: the programs of others run where qantar is not installed.

    hour by hour, for everyone by the state at the beginning of the hour:
    quiet      joins with probability 1 - exp(-pressure of the class x (1 + gain x contacts out))
    out        goes home with probability `leave`, and rests
    resting    is quiet again with probability `back`
    then contacts of all who moved are counted anew

Ties are those of qantar, written down once as arrays: contacts of resident i stand at start[i] to start[i + 1].
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import peak_mb

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Small = NDArray[np.uint8]
Singles = NDArray[np.float32]
Numbers = NDArray[np.int32]
"""Numbers of residents."""
States = NDArray[np.int8]
QUIET, OUT, RESTING = range(3)
ARRAYS = ("class_start", "share", "start", "contacts")
T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """Numbers that hold for everyone through a history."""

    residents: int
    hours: int
    gain: float
    """what one contact who is out adds to the factor"""
    leave: float
    back: float
    degree_max: int


@dataclass(frozen=True)
class Work:
    """A country in a folder, and how loud it is there. Arrays are read when somebody asks for them."""

    folder: Path
    rules: Rules
    base: float
    """pressure per hour on a resident with share 1"""

    @cached_property
    def pressure(self) -> Floats:
        """Pressure per hour of each class."""
        return np.asarray(self.base * self.read("share"), float)

    @cached_property
    def class_start(self) -> Ints:
        """First resident of each class; one more entry than classes."""
        return np.asarray(self.read("class_start"), np.int64)

    def read(self, name: str) -> Any:
        """One of `ARRAYS`."""
        return np.load(self.folder / f"{name}.npy")


class Outcome(NamedTuple):
    """What a history comes to."""

    joins: int
    out: int
    """out after the last hour"""
    resting: int


def write(folder: Path, rules: Rules, **arrays: NDArray[Any]) -> None:
    """A country as files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.json").write_text(json.dumps(asdict(rules)), encoding="utf-8")
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", arrays[name])


def read(folder: Path, base: float) -> Work:
    """A country that was written, at a pressure."""
    return Work(folder, Rules(**json.loads((folder / "rules.json").read_text(encoding="utf-8"))), base)


def main(set_up: Callable[[Work], T], history: Callable[[Work, T, int], Outcome], packages: tuple[str, ...]) -> None:
    """What runs in the process of one program: `FOLDER TINY BASE SEEDS LIMIT`. Prints JSON.

    A history of the tiny country goes first, so that code is compiled. Then the set-up, then histories of seeds 1, 2, ... until all are
    done or the limit has passed. Memory is the peak up to the end of the first of them.
    """
    parser = argparse.ArgumentParser()
    for name, kind in (("folder", Path), ("tiny", Path), ("base", float), ("seeds", int), ("limit", float)):
        parser.add_argument(name, type=kind)
    asked = parser.parse_args()
    start = time.perf_counter()
    tiny = read(asked.tiny, asked.base)
    history(tiny, set_up(tiny), 1)
    first = time.perf_counter() - start
    start = time.perf_counter()
    work = read(asked.folder, asked.base)
    ready = set_up(work)
    made = time.perf_counter() - start
    seconds: list[float] = []
    cpu: list[float] = []
    outcomes, peak = [], None
    for seed in range(1, asked.seeds + 1):
        start, used = time.perf_counter(), time.process_time()
        outcomes.append(history(work, ready, seed))
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        peak = peak if seed > 1 else peak_mb()
        if sum(seconds) + min(seconds) > asked.limit:
            break
    versions = {name: known for name in (*packages, "numba", "numpy") if (known := _version(name))}
    found = {"first_s": first, "set_up_s": made, "seconds": seconds, "cpu": cpu, "outcomes": outcomes, "peak_mb": peak}
    print(json.dumps(found | {"versions": versions}))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
