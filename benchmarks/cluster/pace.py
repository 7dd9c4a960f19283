"""What a cluster adds to a history, and from that, by a simulation of queues, how many workers one scheduler and one store can feed.

Costs are processor time of each process, from the system's own account, so that they hold on a busy machine too.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import Worker

from benchmarks.cluster.machines import Machines, write_table
from benchmarks.cluster.small import small_plan
from qantar.ensemble.cluster import AHEAD, batch, joined
from qantar.ensemble.local import histories_of, run_ensembles
from qantar.ensemble.store import PART, Recipe, Store

RUNS, EMPTY, WRITES = 200, 600, 40
CROWDS = (2, 50)
"""Workers among which empty tasks are handed out, to see whether the scheduler is slower among many."""
HISTORIES = (0.03, 0.3, 3.0, 30.0)
"""Seconds of a history that plans are made for: a day at 1:500, a fortnight at 1:10, ..., everyone with a large crowd."""
WORKERS = (1, 2, 10, 50, 100, 200, 500, 1000)
ENOUGH = 0.8
"""Share of all workers' time that must go into histories; below, it is said that the plan breaks."""
Row = dict[str, Any]


def cpu(*processes: psutil.Process) -> float:
    """Seconds of processor time that processes have used."""
    return sum(sum(p.cpu_times()[:2]) for p in processes)


def nothing(number: int) -> int:
    """An empty task."""
    return number


def histories(folder: Path, workers: int) -> dict[str, float]:
    """Milliseconds of a history by a cluster: of driver, scheduler and workers, and by the clock."""
    warm, asked = Recipe(small_plan(), 1), Recipe(small_plan(), 2)
    with Machines(folder) as machines:
        machines.start_scheduler()
        for _ in range(workers):
            machines.start_worker()
        assert machines.scheduler
        kinds = {
            "driver": [psutil.Process()],
            "scheduler": [psutil.Process(machines.scheduler.pid)],
            "workers": [psutil.Process(w.pid) for w in machines.workers],
        }
        with joined(machines.address, folder / "store") as cluster:
            while cluster.size() < workers:
                time.sleep(0.1)
            run_ensembles([warm], 8 * PART * workers, folder / "store", each=cluster.each)  # engines are loaded
            before, start = {kind: cpu(*of) for kind, of in kinds.items()}, time.perf_counter()
            run_ensembles([asked], RUNS, folder / "store", each=cluster.each)
            seconds = time.perf_counter() - start
            used = {kind: 1000 * (cpu(*of) - before[kind]) / RUNS for kind, of in kinds.items()}
    return {**used, "clock": 1000 * seconds / RUNS}


def alone(folder: Path) -> tuple[float, float]:
    """Milliseconds of processor time of a history by this process: simulated only, and kept as well."""
    me, asked = psutil.Process(), Recipe(small_plan(), 2)
    histories_of(asked, folder, 0)
    before = cpu(me)
    for number in range(RUNS // PART):
        histories_of(asked, folder, number)
    simulated = cpu(me) - before
    run_ensembles([asked], PART, folder, processes=1)
    before = cpu(me)
    run_ensembles([asked], RUNS + PART, folder, processes=1)
    return 1000 * simulated / RUNS, 1000 * (cpu(me) - before) / RUNS


@contextmanager
def crowd(address: str, n: int) -> Iterator[None]:
    """So many workers in a thread of this process: they do nothing, so it is the scheduler that is measured."""
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def stay() -> None:
        there = [Worker(address, nthreads=1, dashboard=False, validate=False) for _ in range(n)]
        await asyncio.gather(*there)
        ready.set()
        await over.wait()
        await asyncio.gather(*(w.close() for w in there))

    thread = threading.Thread(target=loop.run_until_complete, args=(stay(),))
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def empty(folder: Path, workers: int) -> tuple[float, float]:
    """Milliseconds of the scheduler for a task, and in a second for each worker without any: workers say that they live."""
    with Machines(folder) as machines:
        machines.start_scheduler()
        assert machines.scheduler
        scheduler = psutil.Process(machines.scheduler.pid)
        with crowd(machines.address, workers), joined(machines.address, folder / "store") as cluster:
            cluster.each(nothing, [(k,) for k in range(100)], lambda task, result: None)
            step = AHEAD * workers
            before, start = cpu(scheduler), time.perf_counter()
            time.sleep(5)
            idle = (cpu(scheduler) - before) / (time.perf_counter() - start)
            before, start = cpu(scheduler), time.perf_counter()
            for at in range(0, EMPTY, step):
                cluster._batch = 1  # each alone, whatever was measured of the last: so many at a time are asked for at once
                cluster.each(nothing, [(1000 + k,) for k in range(at, at + step)], lambda task, result: None)
            used = cpu(scheduler) - before - idle * (time.perf_counter() - start)
        return 1000 * used / EMPTY, 1000 * idle / workers


def writes(folder: Path) -> tuple[float, float]:
    """Milliseconds to write a part: by the clock, the quickest of many, as others use the machine; and of processor time."""
    asked = Recipe(small_plan(), 2)
    tables, me, times = histories_of(asked, folder, 0), psutil.Process(), []
    store = Store.of(folder, asked)
    before = cpu(me)
    for number in range(WRITES):
        start = time.perf_counter()
        store.write(number, *tables)
        times.append(time.perf_counter() - start)
    return 1000 * min(times), 1000 * (cpu(me) - before) / WRITES


def plan(workers: int, history: float, costs: dict[str, float], parts: int = 40) -> Row:
    """Parts that go round scheduler, workers, store and driver, each but the workers one at a time; what share of their time workers work.

    Parameters
    ----------
    history : seconds
    costs : seconds: of the scheduler for a task, of the driver for one, of the store for a part
    parts : a worker, at least
    """
    lots, size = np.random.default_rng(1), batch(PART * history, workers)
    rounds = max(20, parts // size)
    free = dict.fromkeys(("scheduler", "driver", "store"), 0.0)
    busy, left = np.zeros(workers), np.full(workers, rounds)
    used = dict.fromkeys(free, 0.0)

    def wait(what: str, at: float, seconds: float) -> float:
        free[what] = max(at, free[what]) + seconds
        used[what] += seconds
        return free[what]

    events = [(0.0, k, "ask", k % workers) for k in range(AHEAD * workers)]
    heapq.heapify(events)
    kept: list[float] = []
    end, count = np.inf, len(events)

    def push(at: float, what: str, worker: int) -> None:
        nonlocal count
        count += 1
        heapq.heappush(events, (at, count, what, worker))

    while events and np.isinf(end):
        at, _, what, worker = heapq.heappop(events)
        if what == "ask":
            if left[worker] == 0:  # what comes when work runs out is no matter of size
                end = at
            else:
                left[worker] -= 1
                push(wait("scheduler", wait("driver", at, costs["driver"]), costs["scheduler"]), "work", worker)
        elif what == "work":
            seconds = float(lots.lognormal(-0.125, 0.5, size * PART).sum()) * history  # of mean one: histories differ
            busy[worker] = max(at, busy[worker]) + seconds
            push(float(busy[worker]), "write", worker)
        elif what == "write":
            kept.append(wait("store", at, size * costs["store"]))
            push(kept[-1], "ask", worker)
    start = end / 4  # by then all are under way
    share = sum(start < at <= end for at in kept) * size * PART * history / (end - start) / workers
    slowest = max(used, key=lambda name: used[name])
    made, load = round(share * workers / history, 1), round(min(1.0, used[slowest] / end), 3)
    asked = {"history_s": history, "workers": workers, "batch": size}
    return asked | {
        "histories_per_s": made,
        "share": round(min(1.0, share), 3),
        "slowest": slowest,
        "its_load": load,
        "holds": share >= ENOUGH,
    }


def measured(folder: Path, out: Path) -> None:
    """Measure, plan, and write `pace.csv` and `plan.csv`."""
    rows: list[Row] = []

    def note(name: str, value: float, unit: str = "ms") -> float:
        rows.append({"name": name, "value": round(value, 3), "unit": unit})
        return value

    def of(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    note("load_average", os.getloadavg()[0], "processes")
    # Others use the machine, and a history costs more when they do: before, between and after.
    by_itself, by_clusters = [alone(of("alone-0"))], {}
    for workers in (1, 2):
        by_clusters[workers] = histories(of(f"cluster-{workers}"), workers)
        by_itself.append(alone(of(f"alone-{workers}")))
    simulated = note("history_simulated", float(np.mean([s for s, _ in by_itself])))
    kept = note("history_kept_by_one_process", float(np.mean([k for _, k in by_itself])))
    note("history_kept_spread", float(np.ptp([k for _, k in by_itself])))
    clocks = {}
    for workers, found in by_clusters.items():
        for kind in ("driver", "scheduler", "workers"):
            note(f"history_{kind}_of_{workers}", found[kind])
        whole = found["driver"] + found["scheduler"] + found["workers"]
        note(f"added_by_cluster_of_{workers}", whole - kept)
        note(f"added_by_store_and_cluster_of_{workers}", whole - simulated)
        clocks[workers] = note(f"history_clock_of_{workers}", found["clock"])
        driver = found["driver"] * PART
    note("speed_up_by_a_second_worker", clocks[1] / clocks[2], "times")
    for n in CROWDS:
        task, idle = empty(of(f"empty-{n}"), n)
        scheduler = note(f"scheduler_task_among_{n}", task)
        note(f"scheduler_second_of_one_of_{n}", idle)
    clock, processor = writes(of("writes"))
    note("write_part_clock", clock)
    note("write_part_processor", processor)
    note("load_average_at_the_end", os.getloadavg()[0], "processes")
    costs = {"scheduler": scheduler / 1000, "driver": driver / 1000, "store": clock / 1000}
    write_table(out / "pace.csv", rows[0], rows)
    slow = costs | {"store": 10 * costs["store"]}
    store = {"this disk": costs, "ten times slower": slow}
    plans = [{"store": name, **plan(w, h, c)} for name, c in store.items() for h in HISTORIES for w in WORKERS]
    write_table(out / "plan.csv", plans[0], plans)
