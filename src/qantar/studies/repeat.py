"""Everything that ships with a case, made again on this machine: each result by the command it names, and which tables differ.

In: a case whose `fit/` holds results of this version of the model. Out: one `Repeated` a result. Each is written to a folder of its own and
its histories to a store beside them that begins empty, so nothing of other studies is taken over, and nothing that is finished is made
again: the same call goes on where it was stopped. Where a result rests on another (experiments on the fit), it reads the one that ships.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qantar.cases.case import cases_folder
from qantar.ensemble.run import command_of, perform
from qantar.errors import ResultError
from qantar.files.result import command_line, read_result
from qantar.inference.posterior import FIT

MINUTES = {
    "calibrate": 80,
    "experiments": 200,
    "heldout": 60,
    "methods": 95,
    "neural": 2,
    "planted": 85,
    "rivals": 120,
    "scale": 45,
    "sensitivity": 11,
    "warning": 8,
}
"""What each took for the packaged case on two cores; others are not foretold."""
FROM_TABLE, TABLE_MINUTES = ("calibrate", "experiments", "heldout", "neural", "warning"), 45
"""Those that begin with the table of draws of the priors, which the first of them makes, and what that took."""
CORES = 2
SAME = 1e-6
"""Numbers that differ by less than this part are the same: the last digits of a fit depend on the machine's linear algebra."""
NOTHING = 1e-12
"""Numbers smaller than this are nothing: the least that any table holds is a base pressure of 6e-9."""


@dataclass(frozen=True)
class Shipped:
    """A result that ships: its name (`calibrate` for the fit itself), its folder, and the command that makes it, as data."""

    name: str
    folder: Path
    command: Mapping[str, Any]


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
    """Results of this version of the model in the `fit/` of a case, the shortest first, those from the table of the priors last.

    Parameters
    ----------
    case : folder of the case
    """
    found = []
    for folder in [case / FIT, *sorted(p for p in (case / FIT).glob("*") if p.is_dir())]:
        try:
            command = command_of(folder)
        except ResultError:  # none, of another model, or no command of ours: nothing that can be made again
            continue
        if command:
            found.append(Shipped("calibrate" if folder.name == FIT else folder.name, folder, command))
    return sorted(found, key=lambda r: (r.name in FROM_TABLE, MINUTES.get(r.name, 0)))


def expected(results: Sequence[Shipped], processes: int | None = None, *, table: bool = False) -> float:
    """Minutes that results will take, as far as it is known; with `table`, where the table of the priors is there.

    >>> expected([Shipped("scale", Path("fit/scale"), {"name": "scale", "options": {}})], processes=1)
    90.0
    """
    minutes = sum(MINUTES.get(r.name, 0) for r in results) + TABLE_MINUTES * (not table and any(r.name in FROM_TABLE for r in results))
    return minutes * CORES / (processes or os.cpu_count() or 1)


def repeat(
    results: Sequence[Shipped],
    case: Path,
    place: Path,
    *,
    words_of: Callable[[Mapping[str, Any]], list[str]],
    processes: int | None = None,
    begun: Callable[[str, float], None] = lambda name, minutes: None,
) -> list[Repeated]:
    """Make results again, each in a process of its own, and compare their tables with what ships.

    Parameters
    ----------
    case : whose results they are
    place : folder of the folders of results and of their store; what is there already is not made again
    words_of : checks a command kept as data, and gives its words
    begun : called with the name of a result before it is made, and the minutes it is expected to take

    Returns
    -------
    One for each; a command that fails has said why on standard error, and the others go on.
    """
    found, table = [], False
    for result in results:
        folder, command = place / result.name, command_line({"command": result.command})
        if not _whole(folder, result):
            begun(result.name, expected([result], processes, table=table))
            if perform(words_of(_for(case, result.command)), folder, place / "store", *([f"--processes={processes}"] if processes else [])):
                found.append(Repeated(result.name, command, False, ()))
                continue
        table |= result.name in FROM_TABLE
        differ = [p.name for p in sorted(result.folder.glob("*.csv")) if not _same(p, folder / p.name)]
        found.append(Repeated(result.name, command, True, tuple(differ)))
    return found


def _for(case: Path, command: Mapping[str, Any]) -> dict[str, Any]:
    """A command about a case, wherever that lies now: a copy is not the case it was copied from.

    >>> about = {"name": "scale", "options": {"scenario": "kazakhstan-2022", "seed": 1}}
    >>> _for(Path("/home/me/mine"), about)["options"], _for(Path("/home/me/mine"), {"name": "methods", "options": {"seed": 1}})["options"]
    ({'scenario': '/home/me/mine', 'seed': 1}, {'seed': 1})
    """
    options = dict(command["options"])
    if "scenario" in options and cases_folder() / str(options["scenario"]) != case:
        options["scenario"] = str(case)
    return {**command, "options": options}


def _whole(folder: Path, result: Shipped) -> bool:
    """Whether a folder holds a result of this model: folders appear whole or not at all, and hold what this study asked for."""
    made, ships = read_result(folder), read_result(result.folder)
    return (
        made is not None
        and ships is not None
        and all(made.made.get(k) == ships.made.get(k) for k in ("seed", "program", "model_sha256", "plan_sha256"))
    )


def _same(one: Path, other: Path) -> bool:
    """Whether two tables hold the same cells, numbers to `SAME`."""
    if not other.is_file():
        return False
    rows, there = (list(csv.reader(io.StringIO(p.read_text(encoding="utf-8"), newline=""))) for p in (one, other))
    cells = [[c for row in table for c in row] for table in (rows, there)]
    return [len(r) for r in rows] == [len(r) for r in there] and all(map(_alike, *cells))


def _alike(a: str, b: str) -> bool:
    """Whether two cells say the same.

    >>> _alike("3.53625331", "3.53625332"), _alike("0.5", "0.6"), _alike("peak", "peak"), _alike("", "0"), _alike("3e-7", "1e-9")
    (True, False, True, False, False)
    """
    if a == b or (a.isdigit() and b.isdigit()):  # a count or a seed has no last digits to lose
        return a == b
    try:
        return math.isclose(float(a), float(b), rel_tol=SAME, abs_tol=NOTHING)
    except ValueError:
        return False
