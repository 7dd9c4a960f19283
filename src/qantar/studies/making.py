"""Everything that ships with a case, made anew in one go, in an order in which nothing is read before it is made (`qantar evidence`).

In: a case and a way to run a command. Out: every result in the `fit` of the case, and a note on what each rests. It may be stopped and
started again: what is finished ships at once, and is not made again as long as the model, its command and all that was made before it are
the same. In a clone nothing is left to make, or what ships is not of one piece.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qantar.ensemble.store import model_hash
from qantar.files.result import RESULT
from qantar.files.write import keep, read_kept
from qantar.inference.posterior import FIT
from qantar.studies.shipped import install, to_make

DONE = "done.json"
"""What was finished, and on what it rests; it lies beside the case."""


@dataclass(frozen=True)
class Step:
    """One result that ships: its number, what it is, how many minutes it takes on two cores."""

    number: int
    of: int
    name: str
    minutes: float


def make_all(
    case: str, folder: Path, made: Path, beside: Path, run: Callable[[Sequence[str]], None], begun: Callable[[Step], None]
) -> list[str]:
    """Make what ships with a case; gives the names of what was made, without what had been.

    Parameters
    ----------
    case : its name, or its folder
    folder : of the case, in whose `fit` results ship
    made : where results are made
    beside : where tables lie that several of them read, and the note of what is finished
    run : runs a command of qantar, given its words
    begun : called before each

    Raises
    ------
    ResultError
        When a result or the note of what is done cannot be read or written.
    """
    notes = beside / DONE
    done = read_kept(notes) if notes.is_file() else {}
    fresh, rests_on, steps = [], model_hash(), to_make(case)
    for number, one in enumerate(steps, 1):
        rests_on = _joined(rests_on, json.dumps([one["words"], one["places"]]))
        name, place = one["folder"] or FIT, folder / FIT / one["folder"]
        if done.get(name) != rests_on or not (place / RESULT).is_file():
            begun(Step(number, len(steps), name, one["minutes"]))
            out, packed = made / name, made / f"{name}-packed"
            places = [f"--{option}={beside / at}" for option, at in one["places"].items()]
            run([*one["words"], *places, *(["--pack", str(packed)] if one["packed"] else []), "--out", str(out)])
            install(packed if one["packed"] else out, place)
            done[name] = rests_on
            keep(notes, done)
            fresh.append(name)
        rests_on = _joined(rests_on, (place / RESULT).read_text(encoding="utf-8"))
    return fresh


def _joined(one: str, other: str) -> str:
    return hashlib.sha256(f"{one}\n{other}".encode()).hexdigest()
