"""Independent tasks in processes of their own: each is handed over as it is finished, and all end with the process that asked.

One task alone, or one process, needs no other process: starting one takes longer than a small history.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from typing import Any, Protocol, TypeVar

T = TypeVar("T", bound=tuple[Any, ...])
R = TypeVar("R")


class Each(Protocol):
    """Who does independent tasks, whether processes of this machine or of others."""

    def __call__(self, function: Callable[..., R], tasks: Sequence[T], done: Callable[[T, R], None]) -> None:
        """Call a function with each task, and `done` with task and result as they are finished.

        Raises
        ------
        BrokenExecutor
            If whoever did one of them is gone; what was finished before was handed over.
        """
        ...


def cores() -> int:
    """Processes where nobody says how many."""
    return os.cpu_count() or 1


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
    n = min(processes or cores(), len(tasks))
    pool = None
    if n > 1:
        with suppress(OSError, NotImplementedError):  # some systems let nobody share memory: then one after the other
            pool = ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"), initializer=follow_parent)
    if pool is None:
        for task in tasks:
            done(task, function(*task))
        return
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


def follow_parent() -> None:
    """Ctrl-C is for the process that started this one; when that is gone, so is this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
