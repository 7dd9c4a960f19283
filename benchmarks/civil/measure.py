"""`python -m benchmarks civil`: Epstein's civil violence on 1,000 x 1,000 cells, our kernel beside plain C and Mesa's own example.

The C program (`plain.c`) has the same rules, the same way to keep what is seen up to date, and the same draws: it must give the same
actives tick by tick. Both are timed in turn, processor seconds, the least of `TRIES` counts, from the start on: the first ticks of a large
lattice are one large outburst. Mesa's example sees four-way neighbours within seven steps (113 cells, ours 149), decides before it moves
and leaves the arrested where they are: another variant, not slower work. For a million cells it would need more memory than most machines
have, so it is run at `MESA_SIDES`, after a first tick that is not counted, and the seconds a cell of the largest are taken to our lattice.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.environment import folder, prepare
from qantar.classics import epstein
from qantar.classics.epstein import Civil
from qantar.classics.lattice import sight

SIDE, TICKS, TRIES, SEED = 1000, 5, 5, 1
MESA_SIDES, MESA_TICKS = (100, 200, 400), 1
MOST_OF_C, LEAST_OF_MESA = 1.2, 200.0
HERE = Path(__file__).parent
COMPILER = ("cc", "gcc", "clang")


def compiled(into: Path) -> Path | None:
    """The C program, if there is a compiler."""
    compiler = next(filter(None, map(shutil.which, COMPILER)), None)
    if compiler is None:
        return None
    subprocess.run([compiler, "-O3", "-march=native", "-o", str(into / "plain"), str(HERE / "plain.c"), "-lm"], check=True)
    return into / "plain"


def in_c(program: Path, civil: Civil, ticks: int, seed: int) -> tuple[list[int], float]:
    """Actives of each tick, and processor seconds."""
    words = [str(program), *map(str, (civil.side, civil.vision, ticks, seed, civil.rounding))]
    *actives, seconds = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    return list(map(int, actives)), float(seconds)


def ours(civil: Civil, ticks: int, seed: int) -> tuple[list[int], float]:
    """The same of our kernel, which has been compiled."""
    world, see, actives = epstein.new_world(civil, seed), sight(civil.side, civil.vision), np.zeros(ticks, np.int64)
    begun = time.process_time()
    epstein.run(world, see, civil.rules(), seed, actives)
    return actives.tolist(), time.process_time() - begun


def with_mesa(python: Path, side: int) -> dict[str, Any]:
    """Seconds a tick of Mesa's example."""
    words = [str(python), str(HERE / "with_mesa.py"), str(side), str(MESA_TICKS), str(SEED)]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found


def measure(side: int, ticks: int, tries: int, venv: Path | None) -> dict[str, Any]:
    """Everything, as data; Mesa only where its environment is wanted."""
    civil, found = Civil(side=side), {"side": side, "ticks": ticks, "machine": platform.machine(), "python": platform.python_version()}
    epstein.simulate(Civil(side=20), SEED, 2)  # compiles
    with tempfile.TemporaryDirectory() as place:
        program = compiled(Path(place))
        seconds: dict[str, list[float]] = {"ours": [], "c": []}
        for _ in range(tries):
            actives, took = ours(civil, ticks, SEED)
            seconds["ours"].append(took)
            if program is not None:
                theirs, took = in_c(program, civil, ticks, SEED)
                assert theirs == actives, "the C program does other work"
                seconds["c"].append(took)
    found |= {"ours_s": min(seconds["ours"]) / ticks, "actives": actives}
    if seconds["c"]:
        found |= {"c_s": min(seconds["c"]) / ticks, "of_c": min(seconds["ours"]) / min(seconds["c"])}
    if venv is not None:
        python = prepare(venv)
        rows = {n: with_mesa(python, n) for n in MESA_SIDES}
        last = MESA_SIDES[-1]
        seconds_of_mesa = rows[last]["seconds"] / last**2 * side**2
        same = min(ours(Civil(side=last), ticks, SEED)[1] for _ in range(tries)) / ticks
        found |= {"mesa": rows[last]["mesa"], "mesa_us_a_cell": {n: 1e6 * row["seconds"] / n**2 for n, row in rows.items()}}
        found |= {"mesa_mb": {n: row["peak_mb"] for n, row in rows.items()}, "of_mesa_at_its_largest": rows[last]["seconds"] / same}
        found |= {"mesa_s": seconds_of_mesa, "of_mesa": seconds_of_mesa / found["ours_s"]}
    return found


def main(words: list[str]) -> int:
    """Measure and print; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks civil", description="Epstein's civil violence on a large lattice.")
    parser.add_argument("--side", type=int, default=SIDE, help="cells along an edge [%(default)s]")
    parser.add_argument("--ticks", type=int, default=TICKS, help="[%(default)s]")
    parser.add_argument("--tries", type=int, default=TRIES, help="of which the quickest counts [%(default)s]")
    parser.add_argument("--venv", type=Path, default=folder(), help="environment in which Mesa is installed [%(default)s]")
    parser.add_argument("--without-mesa", action="store_true")
    asked = parser.parse_args(words)
    found = measure(asked.side, asked.ticks, asked.tries, None if asked.without_mesa else asked.venv)
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return int(found.get("of_c", 0) > MOST_OF_C or found.get("of_mesa", LEAST_OF_MESA) < LEAST_OF_MESA)
