"""Independent tasks in processes of their own: each is handed over as it is finished, and all end with the process that asked.

One task alone, or one process, needs no other process: starting one takes longer than a small history.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from contextvars import ContextVar
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
    held, most = _held.get(), processes or cores()
    n = min(most, len(tasks))
    pool = None
    if n > 1:
        pool = _waiting(held, most) if held is not None else None
        pool = pool or _pool(n if held is None else most)
    if pool is None:
        for task in tasks:
            done(task, function(*task))
        return
    whole = False
    try:
        waiting = {pool.submit(function, *task): task for task in tasks}
        for future in as_completed(waiting):
            done(waiting[future], future.result())
        whole = True
    except KeyboardInterrupt:
        for process in list((pool._processes or {}).values()):  # results are whole or absent: nothing is lost by not waiting
            process.terminate()
        raise
    finally:
        if whole and held is not None:
            held[most] = pool
        else:
            pool.shutdown(wait=True, cancel_futures=True)


_held: ContextVar[dict[int, ProcessPoolExecutor] | None] = ContextVar("_held", default=None)
"""Processes that wait for the next tasks, by how many they are at most; none where they end with their tasks."""


def _waiting(held: dict[int, ProcessPoolExecutor], most: int) -> ProcessPoolExecutor | None:
    """Processes that wait, if none of them has died meanwhile."""
    pool = held.pop(most, None)
    if pool is not None:
        try:
            pool.submit(int).result()
        except BrokenExecutor:
            pool.shutdown()
            return None
    return pool


@contextmanager
def held_processes() -> Iterator[None]:
    """Until the end of the block processes stay for the next tasks: a study has up to a dozen stages, and to start takes a second each."""
    held: dict[int, ProcessPoolExecutor] = {}
    before = _held.set(held)
    try:
        yield
    finally:
        _held.reset(before)
        for pool in held.values():
            pool.shutdown(wait=True, cancel_futures=True)


def _pool(n: int) -> ProcessPoolExecutor | None:
    """At most so many processes, each started when all others are at work; None where a system lets nobody share memory."""
    with suppress(OSError, NotImplementedError):
        return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"), initializer=follow_parent)
    return None


def follow_parent() -> None:
    """Ctrl-C is for the process that started this one; when that is gone, so is this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
