"""Ensembles: many histories over draws of parameters and seeds, into the store, by whoever does the work: processes here, or a cluster.

Every run is a pure function of the recipe and its number, so the order of runs and who does them change nothing.
If a process dies, the part it worked on is done again. What others make meanwhile is waited for and not made twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qantar.engine.loop import Country, country_of
from qantar.ensemble.depot import Depot
from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import Each, in_processes
from qantar.ensemble.store import Recipe, Store, draws_folder, kept_draws
from qantar.errors import StudyError, fail
from qantar.scenario.plan import Plan

TRIES = 3
"""How often processes may die in a row without finishing anything."""
PAUSE = 0.2
"""Seconds between two looks at what others are making."""
LATEST = 100.0
"""Seconds after which a finished part must be seen here: a shared folder may be looked up in a memory that is a minute old."""
AT_HAND = 8
"""Plans whose countries are at hand: 0.1 MB each, and some of the time of a short history."""
TOGETHER = 16
"""Parts that are fetched at a time while others are under way."""
Task = tuple[Recipe, Path, int, int, Depot | None]
"""Arguments of `write_part`."""
Tables = tuple[dict[str, Any], dict[str, Any]]
"""By region and day, and as a whole: columns by name."""


def write_part(recipe: Recipe, root: Path, number: int, runs: int, depot: Depot | None = None) -> bool:
    """Run and store one part, unless it is there; False if another process makes it now. Called in a process of its own."""
    store = Store.of(root, recipe)
    with store.claimed(number) as alone:
        if alone is False:
            return False
        if not store.part(number).is_dir() and not (depot and depot.fetch(store, [number])):
            store.write(number, *histories_of(recipe, root, number, depot))
        if depot:
            depot.put(store, number)
    return True


def histories_of(recipe: Recipe, root: Path, number: int, depot: Depot | None = None) -> Tables:
    """The tables of a part, simulated."""
    given = []
    if recipe.sampling == "given":
        if depot:
            depot.fetch_folder(draws_folder(root, recipe.given))
        given = kept_draws(root, recipe.given)
    country = _country(recipe.plan)
    last = len(given) * recipe.replicates if given else (number + 1) * recipe.part
    done = [one_run(recipe, run, given, country) for run in range(number * recipe.part, min((number + 1) * recipe.part, last))]
    days = {k: np.concatenate([d[k] for d, _ in done]) for k in done[0][0]}
    return days, {k: np.array([w[k] for _, w in done]) for k in done[0][1]}


def _country(plan: Plan) -> Country:
    """What all histories of a plan share; of the latest plans it is at hand, as a worker gets one plan again and again."""
    if id(plan) not in _countries:
        while len(_countries) >= AT_HAND:
            _countries.pop(next(iter(_countries)), None)
        _countries[id(plan)] = plan, country_of(plan)  # the plan too: while it is held, no other has its id
    return _countries[id(plan)][1]


_countries: dict[int, tuple[Plan, Country]] = {}


def run_ensembles(
    recipes: Sequence[Recipe],
    runs: int,
    root: Path,
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    each: Each | None = None,
    depot: Depot | None = None,
    order: Sequence[tuple[int, int]] | None = None,
    finished: Callable[[int, int], None] = lambda recipe, number: None,
) -> list[Store]:
    """Do the runs that the stores of some recipes lack, by one set of processes: one a recipe would start a hundred times.

    Parameters
    ----------
    runs : of each recipe; a store keeps whole parts, so it may hold a few more
    root : folder of stores
    processes : by default one a core
    progress : called with runs done and runs in all
    each : who does the work; by default processes of this machine
    depot : where parts are kept besides, and taken from if they are there
    order : of the parts that are missing: index of the recipe and number; by default recipe by recipe
    finished : called with each part that was missing, by index of the recipe and number, when it is there

    Raises
    ------
    StudyError
        If a part's process dies again and again.
    ResultError
        If a part cannot be written.
    """
    each = each or partial(in_processes, processes=processes)
    stores = [Store.of(root, recipe) for recipe in recipes]
    for recipe, store in zip(recipes, stores, strict=True):
        store.sweep()
        if depot and recipe.given:
            depot.put_folder(draws_folder(root, recipe.given))
    missing = [set(store.missing(runs)) for store in stores]
    wanted = (
        [(k, n) for k, n in order if n in missing[k]] if order else [(k, n) for k, numbers in enumerate(missing) for n in sorted(numbers)]
    )
    work = _Work(recipes, stores, runs, depot, dict.fromkeys(wanted), progress, finished)
    if depot:
        work.look()
    work.progress(work.done, work.total)
    _until_done(work, each, lambda k, n: (recipes[k], root, n, runs, depot))
    if wanted:
        for store in stores:
            store.sweep()
    return stores


def _until_done(work: _Work, each: Each, task: Callable[[int, int], Task]) -> None:
    """Hand out what is left and claimed by nobody, again and again, until all of it is there."""
    idle = 0
    while work.left:
        before = len(work.left)
        work.look()
        tasks = [task(k, n) for k, n in work.left if not work.stores[k].is_claimed(n)]
        if not tasks:
            time.sleep(PAUSE * bool(work.left))
            continue
        try:
            each(write_part, tasks, done=work.handed)
            died = False
        except BrokenExecutor:
            died = True
        work.arrive()
        idle = idle + 1 if died and len(work.left) == before else 0
        if idle >= TRIES:
            k, n = next(iter(work.left))
            raise fail(StudyError, work.stores[k].folder, "part_dies", part=n, n=TRIES)


class _Work:
    """What is left to do of some ensembles: parts by index of the recipe and number, in order."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        stores: Sequence[Store],
        runs: int,
        depot: Depot | None,
        left: dict[tuple[int, int], None],
        progress: Callable[[int, int], None],
        finished: Callable[[int, int], None],
    ) -> None:
        self.stores, self.depot, self.left, self.progress, self.finished = stores, depot, left, progress, finished
        self.index = {id(recipe): k for k, recipe in enumerate(recipes)}
        self.size = [partial(recipe.size, runs=runs) for recipe in recipes]
        self.total = len(recipes) * runs
        self.done = self.total - sum(self.size[k](n) for k, n in left)
        """runs that are there"""
        self.come: list[tuple[int, int]] = []
        """finished by somebody, and not seen here so far"""

    def look(self) -> None:
        """Count what others have made meanwhile."""
        if self.depot:
            for k, store in enumerate(self.stores):
                self.depot.fetch(store, [n for of, n in self.left if of == k])
        for key in [key for key in self.left if self._seen(key)]:
            self._count(key)

    def handed(self, task: Task, made: bool) -> None:
        """Take over what a worker says of a part."""
        if made:
            self.come.append((self.index[id(task[0])], task[2]))
            if self._seen(self.come[-1]):
                self._count(self.come.pop())
            elif len(self.come) >= TOGETHER:
                self.arrive()

    def arrive(self) -> None:
        """Wait until all that somebody has finished is seen here.

        Raises
        ------
        StudyError
            If it does not come: then the folder of whoever made it is another one.
        """
        end = time.monotonic() + LATEST
        while self.come:
            if self.depot:
                for k, store in enumerate(self.stores):
                    self.depot.fetch(store, [n for of, n in self.come if of == k])
            for key in [key for key in self.come if self._seen(key)]:
                self.come.remove(key)
                self._count(key)
            if self.come:
                k, n = self.come[0]
                if time.monotonic() > end:
                    raise fail(StudyError, self.stores[k].part(n), "part_unseen", seconds=round(LATEST))
                next(self.stores[k].folder.glob("*"), None)  # a network's folder is looked at anew when it is listed
                time.sleep(PAUSE)

    def _seen(self, key: tuple[int, int]) -> bool:
        return self.stores[key[0]].part(key[1]).is_dir()

    def _count(self, key: tuple[int, int]) -> None:
        if key in self.left:
            del self.left[key]
            self.done += self.size[key[0]](key[1])
            self.progress(self.done, self.total)
            self.finished(*key)
