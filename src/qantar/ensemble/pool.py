"""Independent tasks in processes of their own: each is handed over as it is finished, and all end with the process that asked.

The ensemble keeps a loop of its own, which tries parts again: it lies under the hash of the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, TypeVar

from qantar.ensemble.local import _quiet

T = TypeVar("T", bound=tuple[Any, ...])
R = TypeVar("R")


def in_processes(function: Callable[..., R], tasks: Sequence[T], processes: int | None, done: Callable[[T, R], None]) -> None:
    """Call a function with each task, and `done` with task and result in the order they are finished.

    Parameters
    ----------
    function : of a module, so that another process can find it
    tasks : its arguments, each time
    processes : at most so many; by default one a core

    Raises
    ------
    BrokenProcessPool
        If a process dies; what was finished before was handed over.
    """
    if not tasks:
        return
    pool = ProcessPoolExecutor(min(processes or os.cpu_count() or 1, len(tasks)), mp_context=get_context("spawn"), initializer=_quiet)
    try:
        waiting = {pool.submit(function, *task): task for task in tasks}
        for future in as_completed(waiting):
            done(waiting[future], future.result())
    except KeyboardInterrupt:
        for process in list((pool._processes or {}).values()):  # results are whole or absent: nothing is lost by not waiting
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
