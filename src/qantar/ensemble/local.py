"""Ensembles: many histories over draws of parameters and seeds, on all cores, into the store.

Every run is a pure function of the recipe and its number, so the order of runs and the number of processes change nothing.
If a process dies, the part it worked on is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import numpy as np

from qantar.engine.loop import country_of
from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import in_processes
from qantar.ensemble.store import Recipe, Store, kept_draws
from qantar.errors import StudyError, fail

TRIES = 3
"""How often processes may die in a row without finishing anything."""


def write_part(recipe: Recipe, root: Path, number: int, runs: int) -> int:
    """Run and store one part; gives its number. Called in a process of its own."""
    given = kept_draws(root, recipe.given) if recipe.sampling == "given" else []
    last = len(given) * recipe.replicates if given else (number + 1) * recipe.part
    country = country_of(recipe.plan)
    done = [one_run(recipe, run, given, country) for run in range(number * recipe.part, min((number + 1) * recipe.part, last))]
    days = {k: np.concatenate([d[k] for d, _ in done]) for k in done[0][0]}
    whole = {k: np.array([w[k] for _, w in done]) for k in done[0][1]}
    Store.of(root, recipe).write(number, days, whole)
    return number


def run_ensembles(
    recipes: Sequence[Recipe],
    runs: int,
    root: Path,
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Store]:
    """Do the runs that the stores of some recipes lack, by one set of processes: one a recipe would start a hundred times.

    Parameters
    ----------
    runs : of each recipe; a store keeps whole parts, so it may hold a few more
    root : folder of stores
    processes : by default one a core
    progress : called with runs done and runs in all

    Raises
    ------
    StudyError
        If a part's process dies again and again.
    ResultError
        If a part cannot be written.
    """
    stores = [Store.of(root, recipe) for recipe in recipes]
    for store in stores:
        store.sweep()
    tasks = [(recipe, root, part, runs) for recipe, store in zip(recipes, stores, strict=True) for part in store.missing(runs)]
    left = {id(task): task for task in tasks}
    total = len(recipes) * runs
    done = total - sum(recipe.size(part, runs) for recipe, _, part, _ in tasks)
    progress(done, total)

    def finished(task: tuple[Recipe, Path, int, int], number: int) -> None:
        nonlocal done
        del left[id(task)]
        done += task[0].size(number, runs)
        progress(done, total)

    idle = 0
    while left:
        before = len(left)
        with suppress(BrokenProcessPool):
            in_processes(write_part, list(left.values()), processes, finished)
        idle = idle + 1 if len(left) == before else 0
        if idle >= TRIES:
            recipe, _, part, _ = next(iter(left.values()))
            raise fail(StudyError, Store.of(root, recipe).folder, "part_dies", part=part, n=TRIES)
    if tasks:
        for store in stores:
            store.sweep()
    return stores
