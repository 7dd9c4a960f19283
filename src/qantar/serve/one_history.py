"""One of the histories that ship with a case, lived through once more for its hours, in a process of its own that stays for the next.

In: a case and the number of the history. Out: how many people are out in each place at each hour. The server's own process computes
nothing; a process that dies is replaced by the next request.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from qantar.engine.loop import simulate
from qantar.ensemble.one_run import seed_of, values_of
from qantar.ensemble.pool import follow_parent
from qantar.ensemble.warm import compiled
from qantar.errors import StudyError, fail
from qantar.inference.packed import read
from qantar.inference.posterior import posterior_of
from qantar.scenario.scenario import load_scenario

WAITING = 4
"""Requests at once, one of which is at work."""


class Histories:
    """The worker of a server."""

    def __init__(self) -> None:
        self._lock, self._places = threading.Lock(), threading.BoundedSemaphore(WAITING)
        self._pool: ProcessPoolExecutor | None = None

    def of(self, case: str, run: int) -> dict[str, Any]:
        """A history of a case by its number, from 0.

        Raises
        ------
        QantarError
            If no histories ship with the case, or not so many; if too many ask; or if the process was ended meanwhile.
        """
        if not self._places.acquire(blocking=False):
            raise fail(StudyError, case, "too_many_runs", n=WAITING)
        try:
            with self._lock:
                pool = self._pool = self._pool or ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), follow_parent)
            return pool.submit(hours_of, case, run).result()
        except BrokenProcessPool:
            with self._lock:
                self._pool = None
            raise fail(StudyError, case, "worker_ended") from None
        finally:
            self._places.release()

    def close(self) -> None:
        """The server ends."""
        if self._pool is not None:
            for process in (self._pool._processes or {}).values():
                process.terminate()


def hours_of(case: str, run: int) -> dict[str, Any]:
    """People out by place and hour of local time, from the midnight before the history starts; and whether it is the one that ships.

    A place where nobody ever goes out is left out, and of each place the hours before the first and after the last of anybody.
    """
    scenario = load_scenario(case)
    result = read(scenario)
    if result is None:
        raise fail(StudyError, scenario.case.head.id, "no_posterior", value=scenario.case.head.id)
    if run >= result.runs.n:
        raise fail(StudyError, "run", "above", value=run, high=result.runs.n - 1, unit="histories")
    compiled(now=not compiled())
    recipe, given = result.recipe, posterior_of(scenario).values
    plan, values = recipe.plan, values_of(recipe, run, given)
    history = simulate(plan, values, seed_of(recipe, run), engine=recipe.engine, stop_above=recipe.stop_above)
    out = np.rint(history.protesting / plan.scale).astype(int)
    start = dt.datetime.fromisoformat(plan.start)
    places = []
    for place, people in zip(plan.places, out.T, strict=True):
        there = np.flatnonzero(people)
        if len(there):
            began = start.hour + start.minute / 60 + place.local_hour + float(there[0]) * plan.step_hours
            crowd = people[there[0] : there[-1] + 1].tolist()
            places.append({"id": place.id, "settlement": place.settlement, "from": began, "out": crowd})
    same = history.sha256() == result.runs.whole["sha256"][run]
    return {"run": run, "runs": result.runs.n, "first_day": start.date(), "step_hours": plan.step_hours,
            "same": bool(same), "stopped": history.stopped, "places": places}  # fmt: skip
