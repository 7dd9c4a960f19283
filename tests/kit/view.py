"""What a test reads of a world or sets in it, and the hour mechanism by mechanism in Python, so that defects can be planted between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from qantar.engine import loop
from qantar.engine.loop import History
from qantar.model import assemble
from qantar.model.contract import Counts
from qantar.model.world import World
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan


class View:
    """A world by the names of its columns, whichever table they stand in. Units come first in `force`, as in `UNITS`."""

    def __init__(self, tables: World) -> None:
        object.__setattr__(self, "tables", tables)

    def __getattr__(self, name: str) -> Any:
        w = self.tables
        if name == "force":
            return w.place["force"].T
        for rows in (w.place, w.region):
            if name in rows.dtype.names:
                return rows[name]
        return w.country[name][0] if name in w.country.dtype.names else getattr(w, name)

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)[:] = value

    def copy(self) -> View:
        """As it is now."""
        w = self.tables
        kept = {name: getattr(w, name).copy() for name in ("country", "region", "place", "on_the_way")}
        return View(w._replace(**kept))


def hour(w: World, t: int, n: np.ndarray, moved: np.ndarray) -> None:
    """The same as `assemble.hour`: what it calls, one after the other."""
    assemble.look(w, t, n, moved)
    for number, mechanism in enumerate(assemble.MECHANISMS.values()):
        if w.on[number]:
            mechanism.step(w)
    assemble.rate(w)


@contextmanager
def quick_records() -> Iterator[None]:
    """Mechanisms in Python read millions of cells of rows of NumPy, whose own way to a cell by its name takes ten times as long."""
    usual, cell = np.record.__getattribute__, np.void.__getitem__

    def read(row: Any, name: str) -> Any:
        try:
            return cell(row, name)
        except ValueError:  # no cell of that name
            return usual(row, name)

    with patch.object(np.record, "__getattribute__", read):
        yield


def in_python(module: ModuleType) -> dict[str, Any]:
    """The compiled functions of a module as plain ones, which read its constants when they are called."""
    return {name: f.py_func for name, f in vars(module).items() if hasattr(f, "py_func") and f.__module__ == module.__name__}


def counted(plan: Plan, values: Values, seed: int, engine: str) -> tuple[History, list[Counts]]:
    """A history, and what its engine told after each step."""
    found: list[Counts] = []
    note = loop.note

    def noted(*about: Any) -> tuple[float, bool]:
        found.append(Counts(*(x.copy() for x in about[-3:])))
        return note(*about)

    with patch.object(loop, "note", noted):
        return loop.simulate(plan, values, seed, engine=engine), found
