"""An ensemble: many histories over draws of parameters and seeds, on all cores, into the store.

Every run is a pure function of the recipe and its number, so the order of runs and the number of processes change nothing.
Processes are our own and are started afresh; if one dies, the part it worked on is done again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from qantar.ensemble.one_run import one_run
from qantar.ensemble.store import Recipe, Store, kept_draws
from qantar.errors import StudyError, fail

TRIES = 3
"""How often processes may die in a row without finishing anything."""


def write_part(recipe: Recipe, root: Path, number: int, runs: int) -> int:
    """Run and store one part; gives its number. Called in a process of its own."""
    given = kept_draws(root, recipe.given) if recipe.sampling == "given" else []
    last = len(given) * recipe.replicates if given else (number + 1) * recipe.part
    done = [one_run(recipe, run, given) for run in range(number * recipe.part, min((number + 1) * recipe.part, last))]
    days = {k: np.concatenate([d[k] for d, _ in done]) for k in done[0][0]}
    whole = {k: np.array([w[k] for _, w in done]) for k in done[0][1]}
    Store.of(root, recipe).write(number, days, whole)
    return number


def run_ensemble(
    recipe: Recipe,
    runs: int,
    root: Path,
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """Do the runs that the store lacks.

    Parameters
    ----------
    recipe : Recipe
    runs : int
        How many; the store keeps whole parts, so it may hold a few more.
    root : Path
        Folder of stores.
    processes : int, optional
        By default one a core.
    progress : callable
        Called with runs done and runs in all.

    Raises
    ------
    StudyError
        If a part's process dies again and again.
    ResultError
        If a part cannot be written.
    """
    store = Store.of(root, recipe)
    store.sweep()
    missing = store.missing(runs)
    total = -(-runs // recipe.part) * recipe.part
    left = set(missing)

    def tell() -> None:
        progress(min(total - len(left) * recipe.part, runs), runs)

    tell()
    idle = 0
    while left:
        before = len(left)
        _work(recipe, root, left, runs, processes or os.cpu_count() or 1, tell)
        idle = idle + 1 if len(left) == before else 0
        if idle >= TRIES:
            raise fail(StudyError, store.folder, "part_dies", part=min(left), n=TRIES)
    if missing:
        store.sweep()
    return store


def _work(recipe: Recipe, root: Path, left: set[int], runs: int, processes: int, done: Callable[[], None]) -> None:
    """Do parts until all are done or a process dies; parts that are done leave `left`."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(left)), mp_context=context, initializer=_quiet)
    try:
        waiting: set[Future[int]] = {pool.submit(write_part, recipe, root, n, runs) for n in sorted(left)}
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                left.discard(future.result())
                done()
    except BrokenProcessPool:
        pass
    except KeyboardInterrupt:
        for process in list((pool._processes or {}).values()):  # parts are whole or absent: nothing is lost by not waiting
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _quiet() -> None:
    """Ctrl-C is for the process that started this one; when that is gone, so is this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
