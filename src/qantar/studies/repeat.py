"""Results made again on this machine, each as the command it keeps as data says, and what of them differs.

Options that name a place are not taken from a result, and of a file it keeps the SHA-256: whoever has the file must give the command
himself. What ships with a case is made again with a store that begins empty, and what is finished stays, so that the same call goes on
where it was stopped. Where a result rests on another (experiments on the fit), it reads the one that ships.
"""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qantar.draws import SCHEME
from qantar.ensemble.run import case_sha256
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import model_hash
from qantar.errors import QantarError, ResultError, fail
from qantar.files.result import RESULT, Stored, command_line, made_of, read_result
from qantar.files.write import sha256_of, write_result
from qantar.inference.posterior import CSV, FIT
from qantar.studies import KINDS, studies, study
from qantar.studies.kind import ARM_FILE, Asked, Ships, Study, ask, flag, options_of, perform
from qantar.studies.shipped import place_of

TABLE_MINUTES = 45
"""What the table of draws of the priors took for the packaged case on two cores, which the first result from it makes."""
CORES = 2
SAME = 1e-6
"""Numbers that differ by less than this part are the same: the last digits of a fit depend on the machine's linear algebra."""
NOTHING = 1e-12
"""Numbers smaller than this are nothing: the least that any table holds is a base pressure of 6e-9."""
OF_MACHINE = ("python", "libraries")
"""What a result says of the machine that made it."""


def read_made(folder: Path) -> Stored:
    """A result that this version of the model made.

    Raises
    ------
    ResultError
        Where there is none, it is not as it was written, or another version made it.
    """
    if (stored := read_result(folder)) is None:
        raise fail(ResultError, folder, "folder_without", marker=RESULT)
    made = stored.made
    command = made.get("command")
    if not isinstance(command, dict) or command.get("name") not in KINDS or not isinstance(command.get("options"), dict):
        raise fail(ResultError, folder, "not_a_run")
    if made.get("model_sha256") != model_hash() or made.get("draw_scheme") != SCHEME:
        was = {"program": made.get("program"), "expected": str(made.get("model_sha256"))[:12]}
        raise fail(ResultError, folder, "other_model", **was, found=model_hash()[:12])
    return stored


def asked_again(command: Mapping[str, Any], case: str | None = None) -> tuple[Study[Any], Asked[Any]]:
    """The study of a command that a result keeps, with its options, checked.

    Parameters
    ----------
    case : where the case lies now; without it, the packaged case or the folder that is called as the result says

    Raises
    ------
    ResultError
        If an option names a place, or is none of the study: what a result says is data of somebody.
    StudyError, ScenarioError, DataError
        As `kind.ask`.
    """
    described = study(command["name"])
    options = {flag(name): option for name, option in options_of(described.options).items()}
    values: dict[str, Any] = {}
    for key, value in command["options"].items():
        each = value if isinstance(value, list) else [value]
        if any(isinstance(v, dict) for v in each):
            raise fail(ResultError, f"{described.name} --{key}", "made_from_file", command=described.name)
        if key not in options or options[key].neutral or not all(_plain(key, v) for v in each):
            raise fail(ResultError, f"{described.name} --{key}", "not_repeated", value=value)
        values[key] = tuple(value) if isinstance(value, list) else value
    if case is not None and "scenario" in values:
        values["scenario"] = case
    return described, ask(described, values)


def _plain(name: str, value: object) -> bool:
    """Whether a value is a number, a word or yes; one that could be read as a place is none."""
    if not isinstance(value, str):
        return isinstance(value, int | float)
    place = name in ("scenario", "cases") and (value in ("", ".", "..") or "/" in value or "\\" in value)
    return value.isprintable() and not place and not (name == "arm" and Path(value).suffix == ARM_FILE)


def rerun(folder: Path, runner: Runner, case: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Make a result again from its own command, every history computed anew, and compare it byte by byte.

    Parameters
    ----------
    runner : of its own, its store is not used
    case : the case it was compared with, if it is not a packaged one

    Returns
    -------
    What the new `result.json` says, and the names of files that differ; none if the result is the same. Of `result.json` what it says of
    the machine is not compared.

    Raises
    ------
    ResultError
        When the folder is not a whole result of this version of the model, or was made for another record or posterior.
    """
    stored = read_made(folder)
    described, asked = asked_again(stored.made["command"], case)
    if asked.scenario is not None:
        of, home = asked.scenario.case.head.id, asked.scenario.case.folder
        if stored.made.get("record_sha256", case_sha256(asked.scenario.case)) != case_sha256(asked.scenario.case):
            raise fail(ResultError, folder, "other_record", value=of)
        posterior = sha256_of(home / FIT / CSV)
        if stored.made.get("posterior_sha256", posterior) != posterior:
            raise fail(ResultError, folder, "other_posterior", value=of)
    with tempfile.TemporaryDirectory(prefix="qantar-") as root:
        files = perform(described, asked, replace(runner, store=Path(root)))
    made = made_of(files)
    new, old = made["files"], stored.made["files"]
    differ = sorted(name for name in {*new, *old} if new.get(name) != old.get(name))
    now, then = ({k: v for k, v in said.items() if k not in (*OF_MACHINE, "files", "seal")} for said in (made, stored.made))
    return made, differ + [RESULT] * (now != then)


@dataclass(frozen=True)
class Repeatable:
    """A result that ships and can be made again: its name (`calibrate` for the fit itself), how it ships, and as it was read."""

    name: str
    ships: Ships
    stored: Stored

    @property
    def command(self) -> Mapping[str, Any]:
        """What makes it, as data."""
        return dict(self.stored.made["command"])


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


def repeatable(case: Path) -> list[Repeatable]:
    """Results of this version of the model in the folder of a case, the shortest first, those from the table of the priors last."""
    found = []
    for described in studies():
        for ships in described.shipping():
            if not ships.packed:  # of packed histories some are compared in every study
                with suppress(ResultError):  # none, of another model, or no command of ours: nothing that can be made again
                    found.append(Repeatable(ships.folder or described.name, ships, read_made(place_of(case, described, ships))))
    return sorted(found, key=lambda r: (r.ships.from_table, r.ships.minutes))


def expected(results: Sequence[Repeatable], processes: int | None = None, *, table: bool = False) -> float:
    """Minutes that results will take; with `table`, where the table of the priors is there."""
    minutes = sum(r.ships.minutes for r in results) + TABLE_MINUTES * (not table and any(r.ships.from_table for r in results))
    return minutes * CORES / (processes or os.cpu_count() or 1)


def repeat(
    results: Sequence[Repeatable],
    case: Path,
    place: Path,
    *,
    runner: Runner,
    begun: Callable[[str, float], None] = lambda name, minutes: None,
    failed: Callable[[QantarError], None] = lambda error: None,
) -> list[Repeated]:
    """Make results again and compare their tables with what ships.

    Parameters
    ----------
    case : folder of the case
    place : folder that gets a folder for each, and their store
    runner : of its own, its store is not used
    begun : called with the name of a result before it is made, and the minutes it is expected to take
    failed : called with what is wrong where one cannot be made; the others go on
    """
    found, table, own = [], False, replace(runner, store=place / "store")
    for result in results:
        folder, command = place / result.name, command_line({"command": result.command})
        if not _whole(folder, result):
            begun(result.name, expected([result], runner.processes, table=table))
            try:
                described, asked = asked_again(result.command, str(case))
                write_result(folder, perform(described, asked, own))
            except QantarError as error:
                failed(error)
                found.append(Repeated(result.name, command, False, ()))
                continue
        table |= result.ships.from_table
        made = read_result(folder)
        tables = {n: c for n, c in result.stored.content.items() if n.endswith(".csv")}
        differ = [n for n in sorted(tables) if not same_table(tables[n], made.content.get(n) if made else None)]
        found.append(Repeated(result.name, command, True, tuple(differ)))
    return found


def _whole(folder: Path, result: Repeatable) -> bool:
    """Whether a folder holds a result of this model: folders appear whole or not at all, and hold what this study asked for."""
    there, same = read_result(folder), ("seed", "program", "model_sha256", "plan_sha256")
    return there is not None and all(there.made.get(k) == result.stored.made.get(k) for k in same)


def same_table(one: bytes, other: bytes | None) -> bool:
    """Whether two tables hold the same cells, numbers to `SAME`."""
    if other is None:
        return False
    rows, there = (list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""))) for content in (one, other))
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
