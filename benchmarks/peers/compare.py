"""`python -m benchmarks peers`: one history of the same work by each program; `--help` names the options.

Each program runs in a process of its own with one thread, then those that can with two. A first tiny history loads or compiles code and is
not counted. Then the set-up, then up to three histories of seeds 1, 2, 3; the quickest counts. A size that would take longer than the limit
by the trend of the next smaller one is not run, and the row says so.

All programs simulate the same ties under the same rules with draws of their own, so their figures must agree within chance. The error comes
from twenty histories of qantar at 100,000 residents, scaled with the square root of residents.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.environment import folder, prepare
from qantar.ensemble.model_hash import model_hash

SETTINGS = {"hardly any": 7.2e-7, "few": 7.2e-5, "many": 1.25e-3}
"""Pressure per hour under which about one in 10,000, 1 % and 20 % of residents join in 384 hours."""
SIZES = (10**5, 10**6, 10**7)
TINY = 1000
SPREAD, SPREAD_SEEDS = 10**5, 20
WITHIN = 4.0
"""Standard errors within which figures agree."""
TRIES = 3
ENOUGH = 100.0
"""Seconds after which no further history is begun."""
LIMIT = 600.0
THREADS = 2
FIGURES = ("joins", "out", "resting")
Row = dict[str, Any]


class Peer(NamedTuple):
    """A program: its module, whether it needs the environment of others, whether it can use threads, and what to call it."""

    module: str
    foreign: bool
    threads: bool
    name: str


PEERS = {
    "qantar": Peer("with_qantar", False, False, "qantar"),
    "dense": Peer("dense", False, True, "dense loop (Numba)"),
    "laser": Peer("with_laser", True, True, "LASER, as its models"),
    "laser-resistance": Peer("with_laser_resistance", True, True, "LASER, resistances"),
    "mesa": Peer("with_mesa", True, False, "Mesa"),
}
COLUMNS = ["setting", "peer", "threads", "residents", "seeds", "joins", "joins_se", "z_joins", "z_out", "z_resting", "agrees"]
COLUMNS += ["seconds", "cpu_s", "ratio", "cpu_ratio", "set_up_s", "contacts_s", "compile_s", "peak_mb", "expected_s", "note", "versions"]
NUMBERS = set(COLUMNS) - {"setting", "peer", "agrees", "note", "versions"}


@dataclass
class Comparison:
    """What has been measured so far, and where."""

    root: Path
    peers: list[str]
    python: dict[str, str]
    limit: float
    tries: int
    rows: list[Row] = field(default_factory=list)
    spread: dict[str, Any] = field(default_factory=dict)
    """standard deviation of each figure at `SPREAD` residents, by setting"""
    compiling: dict[str, float] = field(default_factory=dict)
    contacts: dict[int, float] = field(default_factory=dict)
    """seconds to write down the ties of so many residents"""
    settings: list[str] = field(default_factory=lambda: list(SETTINGS))

    def country(self, residents: int) -> Path:
        """The folder of a country, which is made once."""
        at = self.root / str(residents)
        if residents not in self.contacts:
            from benchmarks.peers.country import make

            start = time.perf_counter()
            make(residents, at)
            self.contacts[residents] = time.perf_counter() - start
        return at

    def run(self, peer: str, residents: int, setting: str, seeds: int, threads: int = 1, enough: float = ENOUGH) -> Row:
        """What a program's process says; with a note only, if it says nothing."""
        words = [self.country(residents), self.country(TINY), SETTINGS[setting], seeds, enough]
        command = [self.python[peer], "-m", f"benchmarks.peers.{PEERS[peer].module}", *map(str, words)]
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment |= {"NUMBA_NUM_THREADS": str(threads), "NUMBA_CACHE_DIR": str(self.root / "compiled")}
        here = Path(__file__).parents[2]
        try:
            done = subprocess.run(command, env=environment, cwd=here, stdout=subprocess.PIPE, timeout=self.limit + enough, check=True)
        except subprocess.TimeoutExpired:
            return {"note": f"stopped after {self.limit + enough:.0f} s"}
        except subprocess.CalledProcessError as error:
            return {"note": f"ended with status {error.returncode}"}
        return dict(json.loads(done.stdout))

    def prepare(self) -> None:
        """Compile everything once into an empty folder, and see how far figures spread."""
        for peer in self.peers:
            found = self.run(peer, TINY, "many", 1)
            self.compiling[peer] = found.get("first_s", math.nan)
        for setting in self.settings:
            outcomes = self.run("qantar", SPREAD, setting, SPREAD_SEEDS, enough=self.limit)
            self.spread[setting] = np.std(outcomes["outcomes"], axis=0, ddof=1)

    def measure(self, setting: str, residents: int) -> Iterator[Row]:
        """A row for each program at a size, qantar first."""
        ours: Row = {}
        for peer in self.peers:
            for threads in (1, THREADS) if PEERS[peer].threads else (1,):
                row: Row = {"setting": setting, "peer": peer, "threads": threads, "residents": residents}
                expected = self._expected(row)
                if expected is not None and expected > self.limit:
                    row |= {"expected_s": expected, "note": "not run"}
                else:
                    row |= self._judged(row, self.run(peer, residents, setting, self.tries, threads), ours)
                if peer == "qantar":
                    ours = row
                self.rows.append(row)
                yield row

    def _expected(self, row: Row) -> float | None:
        """Seconds by the trend: as many a resident as at the size before, measured or expected, with one thread."""
        before = [r for r in self.rows if (r["setting"], r["peer"], r["threads"]) == (row["setting"], row["peer"], 1)]
        before = [r for r in before if r["residents"] < row["residents"]]
        each = [seconds / r["residents"] for r in before if (seconds := r.get("seconds") or r.get("expected_s"))]
        return each[-1] * row["residents"] if each else None

    def _judged(self, row: Row, found: Row, ours: Row) -> Row:
        """Figures of a program beside those of qantar."""
        if "outcomes" not in found:
            return found
        n, peer = len(found["outcomes"]), row["peer"]
        mean = np.mean(found["outcomes"], axis=0)
        sd = self.spread[row["setting"]] * math.sqrt(row["residents"] / SPREAD)
        told: Row = {
            "seeds": n,
            "mean": mean.tolist(),
            "joins": float(mean[0]),
            "joins_se": float(sd[0] / math.sqrt(n)),
            "seconds": min(found["seconds"]),
            "cpu_s": min(found["cpu"]),
            "set_up_s": found["set_up_s"],
            "contacts_s": None if peer == "qantar" else self.contacts[row["residents"]],
            "compile_s": self.compiling[peer],
            "peak_mb": found["peak_mb"],
            "versions": found["versions"],
        }
        if "mean" in ours:
            z = (mean - ours["mean"]) / (sd * math.sqrt(1 / n + 1 / ours["seeds"]))
            told |= {f"z_{name}": float(value) for name, value in zip(FIGURES, z, strict=True)}
            told |= {"agrees": bool(np.abs(z).max() <= WITHIN)}
            told |= {"ratio": told["seconds"] / ours["seconds"], "cpu_ratio": told["cpu_s"] / ours["cpu_s"]}
        return told


def machine() -> Row:
    """What this runs on, and how busy it is; no date."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    load = [round(x, 1) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version(), "load": load}


def _number(value: float | None, digits: int = 3) -> str:
    """Digits that mean something.

    >>> _number(12345.6), _number(1.23456), _number(None)
    ('12,346', '1.23', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"


def line(row: Row) -> str:
    """A row for people, as a line of a table in Markdown."""
    name = PEERS[row["peer"]].name + (f", {int(row['threads'])} threads" if int(row["threads"]) > 1 else "")
    size = f"{int(row['residents']):,}"
    if row.get("seconds") is None:
        hours = f"not run: about {row['expected_s'] / 60:,.0f} minutes by the trend" if row.get("expected_s") else row["note"]
        return f"| {name} | {size} | {hours} | | | | | |"
    agrees = "" if row.get("agrees") is None else ("yes" if row["agrees"] else "**no**") + f" ({row['z_joins']:+.1f})"
    cells = [_number(row["joins"]), agrees if row["peer"] != "qantar" else ""]
    cells += [_number(row[key]) for key in ("seconds", "cpu_s")]
    ratio = "1" if row["peer"] == "qantar" else _number(row["cpu_ratio" if int(row["threads"]) == 1 else "ratio"], 2)
    return "| " + " | ".join([name, size, *cells, ratio, _number(row["peak_mb"])]) + " |"


HEAD = (
    "| program | residents | joins | agrees (z) | seconds | CPU seconds | times qantar | MB |\n"
    + "| --- |"
    + " ---: |" * 2
    + " --- |"
    + " ---: |" * 4
)


def table(rows: list[Row]) -> str:
    """The rows of a setting for people."""
    return "\n".join([HEAD, *map(line, rows)])


def as_csv(rows: list[Row], more: Row) -> str:
    """All rows; what holds for the whole run stands in each, so that none needs another file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*COLUMNS, *more], lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        cells = {key: f"{value:.8g}" if isinstance(value, float) else value for key, value in row.items()}
        cells["versions"] = " ".join(f"{name} {number}" for name, number in row.get("versions", {}).items())
        writer.writerow(cells | more)
    return out.getvalue()


def read_csv(text: str) -> list[Row]:
    """Rows as they were before `as_csv`, as far as tables need them."""
    rows: list[Row] = []
    for cells in csv.DictReader(io.StringIO(text)):
        row: Row = {key: float(value) for key, value in cells.items() if key in NUMBERS and value}
        row |= {key: cells[key] for key in ("setting", "peer", "note")}
        rows.append(row | ({"agrees": cells["agrees"] == "True"} if cells["agrees"] else {}))
    return rows


def arguments(words: list[str]) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description="The event engine beside others on the same work.")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", default=list(SIZES), help="residents")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS), help="how many join, repeatable; all if not given")
    parser.add_argument("--only", action="append", choices=[p for p in PEERS if p != "qantar"], help="a program, repeatable, beside qantar")
    parser.add_argument("--json", action="store_true", help="rows for machines")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the rows to this table")
    parser.add_argument("--venv", type=Path, metavar="FOLDER", default=folder(), help="environment of the others, made if it is not there")
    parser.add_argument("--limit", type=float, metavar="SECONDS", default=LIMIT, help="longest history that is tried")
    parser.add_argument("--tries", type=int, metavar="N", default=TRIES, help="histories of which the quickest counts")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure what is asked for."""
    asked = arguments(words)
    peers = ["qantar", *(p for p in PEERS if p != "qantar" and (not asked.only or p in asked.only))]
    python = dict.fromkeys(peers, sys.executable)
    if any(PEERS[p].foreign for p in peers):
        try:
            python |= dict.fromkeys((p for p in peers if PEERS[p].foreign), str(prepare(asked.venv)))
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"the programs of others could not be installed: {error}\n")
            return 2
    before = machine()
    with tempfile.TemporaryDirectory(prefix="qantar-peers-") as root:
        all_of_it = Comparison(Path(root), peers, python, asked.limit, asked.tries, settings=asked.setting or list(SETTINGS))
        all_of_it.prepare()
        for residents in sorted(asked.sizes):
            for setting in all_of_it.settings:
                for row in all_of_it.measure(setting, residents):
                    print(setting, line(row), file=sys.stderr, flush=True)
    rows = sorted(all_of_it.rows, key=lambda r: (list(SETTINGS).index(r["setting"]), r["residents"]))
    about = before | {
        "load_after": machine()["load"],
        "model_sha256": model_hash(),
        "command": shlex.join(["python", "-m", "benchmarks", "peers", *words]),
    }
    if asked.out is not None:
        asked.out.write_text(as_csv(rows, about), encoding="utf-8", newline="\n")
    if asked.json:
        print(json.dumps({"machine": about, "rows": rows}, indent=1))
    else:
        for setting in all_of_it.settings:
            print(f"{setting} join (pressure {SETTINGS[setting]:g} an hour)\n\n{table([r for r in rows if r['setting'] == setting])}\n")
        print(", ".join(f"{key} {value}" for key, value in about.items()))
    return 0
