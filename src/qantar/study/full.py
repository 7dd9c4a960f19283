"""Everything that ships with a case, made again on this machine: each result by the command it names, and which tables differ.

In: a case whose `fit/` holds results of this version of the model. Out: one `Repeated` a result. Each is written to a folder of its own and
its histories to the durable store, so nothing that is finished is made again: the same call goes on where it was stopped.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qantar.study.evidence import json_of
from qantar.study.posterior import FIT
from qantar.study.run import command_of, perform
from qantar.study.store import model_hash

MINUTES = {
    "calibrate": 125,
    "experiments": 200,
    "heldout": 60,
    "methods": 95,
    "neural": 2,
    "planted": 75,
    "rivals": 120,
    "scale": 45,
    "sensitivity": 11,
    "warning": 8,
}
"""What each took for the packaged case on two cores, from an empty store; others are not foretold."""
CORES = 2
SAME = 1e-6
"""Numbers that differ by less than this part are the same: the last digits of a fit depend on the machine's linear algebra."""


@dataclass(frozen=True)
class Shipped:
    """A result that ships: its name (`calibrate` for the fit itself), its folder, and the words of its command without "qantar"."""

    name: str
    folder: Path
    words: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """A result made again: whether it could be made, and the tables that differ from what ships."""

    name: str
    command: str
    made: bool
    differ: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all is as it ships."""
        return self.made and not self.differ


def shipped(case: Path) -> list[Shipped]:
    """Results of this version of the model in the `fit/` of a case, the shortest first: none waits for another.

    Parameters
    ----------
    case : folder of the case
    """
    found = []
    for folder in [case / FIT, *sorted(p for p in (case / FIT).glob("*") if p.is_dir())]:
        made = json_of(folder / "result.json")
        if made.get("model_sha256") == model_hash() and (words := command_of(folder)):
            found.append(Shipped("calibrate" if folder.name == FIT else folder.name, folder, tuple(words)))
    return sorted(found, key=lambda r: MINUTES.get(r.name, 0))


def expected(results: Sequence[Shipped], processes: int | None = None) -> float:
    """Minutes that results will take from an empty store, as far as it is known.

    >>> expected([Shipped("scale", Path("fit/scale"), ("scale", "kazakhstan-2022"))], processes=1)
    90.0
    """
    return sum(MINUTES.get(r.name, 0) for r in results) * CORES / (processes or os.cpu_count() or 1)


def repeat(
    results: Sequence[Shipped],
    place: Path,
    store: Path,
    *,
    processes: int | None = None,
    begun: Callable[[Shipped], None] = lambda result: None,
) -> list[Repeated]:
    """Make results again, each in a process of its own, and compare their tables with what ships.

    Parameters
    ----------
    place : folder of the folders of results; what is there already is not made again
    begun : called with a result before it is made

    Returns
    -------
    One for each; a command that fails has said why on standard error, and the others go on.
    """
    found = []
    for result in results:
        folder, command = place / result.name, " ".join(("qantar", *result.words))
        if not _whole(folder, result):
            begun(result)
            if perform(result.words, folder, store, *([f"--processes={processes}"] if processes else [])):
                found.append(Repeated(result.name, command, False, ()))
                continue
        differ = [p.name for p in sorted(result.folder.glob("*.csv")) if not _same(p, folder / p.name)]
        found.append(Repeated(result.name, command, True, tuple(differ)))
    return found


def _whole(folder: Path, result: Shipped) -> bool:
    """Whether a folder holds a result of the same command by this model: folders appear whole or not at all."""
    made, ships = json_of(folder / "result.json"), json_of(result.folder / "result.json")
    return bool(made) and all(made.get(k) == ships.get(k) for k in ("command", "model_sha256", "plan_sha256"))


def _same(one: Path, other: Path) -> bool:
    """Whether two tables hold the same cells, numbers to `SAME`."""
    if not other.is_file():
        return False
    rows, there = (list(csv.reader(io.StringIO(p.read_text(encoding="utf-8"), newline=""))) for p in (one, other))
    cells = [[c for row in table for c in row] for table in (rows, there)]
    return [len(r) for r in rows] == [len(r) for r in there] and all(map(_alike, *cells))


def _alike(a: str, b: str) -> bool:
    """Whether two cells say the same.

    >>> _alike("3.53625331", "3.53625332"), _alike("0.5", "0.6"), _alike("peak", "peak"), _alike("", "0")
    (True, False, True, False)
    """
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=SAME, abs_tol=SAME)
    except ValueError:
        return False
