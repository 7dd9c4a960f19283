"""Machines that do the work together: a cluster of dask.distributed that runs already, or one that SLURM starts for this command.

Workers keep what they finish in the store themselves, which they must share (or in an object store): so whoever dies, worker, scheduler or
this command, loses no more than what was under way, and the same command goes on from there.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from qantar.ensemble.depot import Depot
from qantar.ensemble.pool import R, T
from qantar.ensemble.slurm import SLURM, Jobs, Note, jobs_of_slurm
from qantar.ensemble.worker import ID, MARK, PLAN, compare, pack, perform, plan_folder, terms
from qantar.errors import Problems, QantarError, ResultError, StudyError, fail, needs
from qantar.files.write import write_once
from qantar.scenario.plan import Plan

PROGRAM = ("qantar", "model_sha256")
"""What a scheduler must have as this machine has it."""
LOGS = "slurm-logs"
"""Folder of the store for what jobs of SLURM say, while there are some."""
MOMENT = 0.1
"""Seconds after which it is seen again whether something was finished."""
REACHED, JOINED = 20.0, 60.0
"""Seconds until a scheduler must answer, and until the first of its workers must be there."""
AHEAD = 3
"""Batches a worker has before it: one under way, others so that it need not wait for the next."""
RATE, LEAST = 200.0, 0.25
"""Tasks a second that a scheduler is asked to hand out at most, a third of what it can, and seconds that a task should take at least, so
that handing it out costs little of it (docs/how-to/scale.md). Parts that are quicker go together."""
LARGEST = 64
"""Parts in a batch at most."""


class Cluster:
    """A cluster that answers, for the histories of one store. It is made by `joined`."""

    def __init__(self, client: Any, address: str, store: Path, depot: Depot | None, jobs: Jobs | None = None) -> None:
        self._client, self.address, self._store, self._depot, self._jobs = client, address, store, depot, jobs
        self._mark = mark(store)
        self._plans: dict[int, tuple[Plan, str]] = {}
        self._batch = 1
        self._size, self._asked = 1, -math.inf

    def size(self) -> int:
        """Workers that are there, as of a second ago: each makes one history at a time."""
        if time.monotonic() > self._asked + 1:
            with suppress(OSError):  # the scheduler may be gone
                self._size = max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
            self._asked = time.monotonic()
        return self._size

    def each(self, function: Callable[..., R], tasks: Sequence[T], done: Callable[[T, R], None]) -> None:
        """Call a function with each task on some worker, and `done` with task and result as they are finished.

        Raises
        ------
        BrokenExecutor
            If a task took several workers with it, or the scheduler was lost; what was finished before was handed over.
        StudyError
            If a worker must not or cannot do it, the cluster is gone for good, or jobs of SLURM end before they do anything.
        """
        from distributed import as_completed

        if self._client.status not in ("running", "connecting"):
            raise fail(StudyError, self.address, "cluster_gone")
        rest, lost, finished = list(reversed(tasks)), False, False
        waiting: dict[Any, list[T]] = {}
        flow = as_completed(loop=self._client.loop)

        def more() -> None:
            while rest and len(waiting) < AHEAD * self.size():
                some = [rest.pop() for _ in range(min(self._batch, len(rest)))]
                future = self._submit(function, some)
                waiting[future] = some
                flow.add(future)

        try:
            more()
            while waiting:
                future = self._next(flow)
                some = waiting.pop(future)
                if future.status == "finished":
                    finished = True
                    seconds, results = future.result()
                    self._batch = batch(seconds / len(some), self.size())
                    for task, result in zip(some, results, strict=True):
                        done(task, result)
                else:
                    _refuse(future, self.address)
                    lost = True
                future.release()
                if not lost:
                    more()
        finally:
            if waiting:
                with suppress(Exception):  # the scheduler may be gone
                    self._client.cancel(list(waiting))
        if lost:
            if self._jobs and self._jobs.ended and not finished:
                raise self._jobs.failure()
            raise BrokenExecutor

    def _next(self, flow: Any) -> Any:
        """What is finished next; while it is waited for, jobs are seen to."""
        while True:
            if self._jobs:
                self._jobs.look()
            if flow.has_ready():
                return next(flow)
            with flow.thread_condition:
                flow.thread_condition.wait(MOMENT)

    def _submit(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Any:
        """Ask for some tasks. The key is what is asked: two commands that ask the same of one scheduler at one time share the answer."""
        given = (dict(terms()), str(self._store), self._mark, self._depot, pack(function, tasks, self._keep))
        key = f"qantar-{hashlib.sha256(repr(given).encode()).hexdigest()}"
        return self._client.submit(perform, *given, key=key, pure=False)

    def _keep(self, plan: Plan) -> str:
        """Keep a plan where workers find it; gives its name."""
        if id(plan) not in self._plans:
            name = plan.sha256()
            folder = plan_folder(self._store, name)
            write_once(folder, {PLAN: plan.as_json()})
            if self._depot:
                self._depot.put_folder(folder)
            self._plans[id(plan)] = plan, name  # the plan too: while it is held, no other has its id
        return self._plans[id(plan)][1]


def batch(seconds: float, workers: int) -> int:
    """How many parts go together, where one takes so long: as many as `LEAST` needs, and as keep all workers below `RATE` tasks a second.

    >>> batch(0.4, 2), batch(0.06, 2), batch(0.4, 1000), batch(0.001, 1000)
    (1, 5, 13, 64)
    """
    return min(LARGEST, max(1, math.ceil(max(workers / RATE, LEAST) / max(seconds, 1e-6))))


def _refuse(future: Any, where: str) -> None:
    """Raise what a worker says, unless it is that workers died or the scheduler was lost."""
    from distributed import KilledWorker

    error = future.exception() if future.status == "error" else None
    if isinstance(error, QantarError):
        raise error
    for cause in (error, getattr(error, "__cause__", None)):  # a scheduler wraps what it could not load
        if isinstance(cause, (ImportError, AttributeError)):
            raise fail(StudyError, where, "no_qantar_there", reason=_words(cause)) from None
    if error is not None and not isinstance(error, KilledWorker):
        raise error


def mark(store: Path) -> str:
    """What stands in a folder of stores, made if it is not there: another folder of the same name elsewhere has another."""
    write_once(store / MARK, {ID: uuid4().hex})
    try:
        return (store / MARK / ID).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise fail(ResultError, store / MARK, "broken_store", reason=getattr(error, "strerror", "") or ID) from None


@contextmanager
def joined(
    address: str, store: Path, depot: Depot | None = None, workers: int | None = None, note: Note = lambda words: None
) -> Iterator[Cluster]:
    """A cluster, once it was seen that all its machines have this model, these libraries and the store.

    Parameters
    ----------
    address : of a scheduler that runs (`tcp://host:8786`), the name of its file (`dask scheduler --scheduler-file`), or `slurm`
    workers : that SLURM should run; by default one
    note : is told what becomes of jobs, as far as somebody who waits should know it

    Raises
    ------
    StudyError
        If the extra is not installed, nothing answers, no worker comes, jobs end at once, or a machine has another program.
    """
    needs("distributed", "scale", f"--cluster {address}")
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is said in a sentence
    with ExitStack() as held:
        logs = None if depot else store / LOGS / uuid4().hex[:8]  # with an object store, jobs may see no folder of this machine
        scheduler, jobs = held.enter_context(jobs_of_slurm(workers or 1, logs, note)) if address == SLURM else (None, None)
        try:
            at = {"scheduler_file": address} if Path(address).is_file() else {"address": scheduler or address}
            client = held.enter_context(distributed.Client(**at, timeout=REACHED, set_as_default=False))
        except Exception as error:  # a scheduler of another version fails in ways of its own
            raise fail(StudyError, f"--cluster {address}", "cluster_unreachable", reason=_words(error)) from None
        cluster = Cluster(client, f"--cluster {address}", store, depot, jobs)
        _wait(client, address, jobs)
        _compare(client)
        yield cluster


def _wait(client: Any, address: str, jobs: Jobs | None) -> None:
    """Until the first worker is there."""
    while True:
        if jobs:
            jobs.look()
        try:
            client.wait_for_workers(1, 1 if jobs else JOINED)
            return
        except TimeoutError:
            if not jobs:
                raise fail(StudyError, f"--cluster {address}", "cluster_empty", seconds=round(JOINED)) from None


def _compare(client: Any) -> None:
    """Refuse a cluster of which a machine has another program than this one."""
    problems, ours, scheduler = Problems(), terms(), client.scheduler.address
    try:
        found = {scheduler: client.run_on_scheduler(terms)}
    except Exception as error:  # whatever loading it there raises
        found = {scheduler: error}
    found |= client.run(terms, on_error="return")
    for where, theirs in found.items():
        if isinstance(theirs, OSError) and where != scheduler:
            continue  # it has died meanwhile; who comes in its place is looked at with its first task
        if isinstance(theirs, Exception):
            problems.add(where, None, "", "no_qantar_there", reason=_words(theirs))
        else:  # a scheduler needs no library that simulates
            compare(where, {k: ours[k] for k in PROGRAM} if where == scheduler else ours, theirs, problems)
    problems.raise_as(StudyError)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
