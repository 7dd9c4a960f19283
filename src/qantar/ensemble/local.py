"""An ensemble: many histories over draws of parameters and seeds, on all cores, into the store.

Every run is a pure function of the recipe and its number, so the order of runs and the number of processes change nothing.
Processes are our own and are started afresh; if one dies, the part it worked on is done again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from qantar.engine.loop import simulate
from qantar.ensemble.store import Recipe, Store, kept_draws
from qantar.errors import StudyError, fail
from qantar.model.government import first_hours
from qantar.reporting.history import history_seed, reported
from qantar.scenario.parameters import Values, defaults, draw

TRIES = 3
"""How often processes may die in a row without finishing anything."""


def values_of(recipe: Recipe, run: int, given: Sequence[Values] = ()) -> Values:
    """The parameters of a run; what the plan fixes stays fixed."""
    number = run // recipe.replicates
    samplings = {"given": lambda: given[number], "prior": lambda: draw(recipe.seed, number), "default": defaults}
    return {**samplings[recipe.sampling](), **recipe.plan.parameters}


def seed_of(recipe: Recipe, run: int) -> int:
    """The seed of a run."""
    return history_seed(recipe.seed, *divmod(run, recipe.replicates))


def one_run(recipe: Recipe, run: int, given: Sequence[Values] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """A history as columns: by region and day, and as a whole."""
    values, seed = values_of(recipe, run, given), seed_of(recipe, run)
    history = simulate(recipe.plan, values, seed, engine=recipe.engine, stop_above=recipe.stop_above)
    report = reported(history, recipe.plan, values, seed)
    n_days, n_regions = report.presence.shape
    day, region = np.meshgrid(np.arange(n_days), np.arange(n_regions), indexing="ij")
    days = {
        "run": np.full(day.size, run, np.int32),
        "region": region.ravel().astype(np.int16),
        "day": day.ravel().astype(np.int16),
        "presence": report.presence.ravel(),
        "gathering": report.gathering.ravel(),
        "participants": np.repeat(report.participants, n_regions),
        "detained": np.repeat(report.detained, n_regions),
        "killed": np.tile(report.killed, n_days),
        "seat_lost": np.tile(history.seat_lost.any(axis=0), n_days),
    }
    end = history.outcome
    first = first_hours((d.kind, d.size, d.at) for d in history.decisions)
    whole = {
        "run": run,
        "draw": run // recipe.replicates,
        "seed": seed,
        "sha256": history.sha256(),
        "stopped": history.stopped,
        "joins": history.joined.sum() / recipe.plan.scale,
        "peak": end.peak,
        "outcome": end.name,
        "hours": end.hours,
        "killed": end.killed,
        "security_killed": end.security_killed,
        "detained": end.detained,
        "seats_lost": end.seats_lost,
        "fighting": history.fighting.sum(axis=1).max() / recipe.plan.scale,
        "changed_sides": history.changed_sides.max(),
        "stood_aside": history.aside.max(),
        "lost_output": history.lost_output,
        **{f"h_{kind}": hour for kind, hour in first.items()},
        **{f"p_{name}": value for name, value in values.items()},
    }
    return days, whole


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
