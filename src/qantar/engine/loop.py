"""One history: the hour in order, the same for every engine.

`order` prints it. The loop knows that there are decisions, mechanisms and an engine, not what they do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qantar.engine.event import EventEngine
from qantar.engine.history import Moves
from qantar.engine.meanfield import MeanFieldEngine
from qantar.engine.plain import PlainEngine
from qantar.model import assemble
from qantar.model.build import Recorded, land_of
from qantar.model.contract import Counts, Floats, Rates
from qantar.model.rules import PROTESTING
from qantar.model.world import Draws, Expected, new_world
from qantar.population.build import blocks_of, layers_of
from qantar.population.ties import tie
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Plan

ENGINES = ("event", "plain", "mean")

ORDER = (
    ("decisions", "model/build.py"),
    *((name, f"model/{name}.py") for name in assemble.MECHANISMS),
    ("rates", "model/assemble.py"),
    ("connectivity", "engine/event.py"),
    ("clocks", "engine/event.py"),
    ("who joins", "engine/event.py"),
    ("who is killed or detained, leaves, returns", "engine/event.py"),
    ("states", "engine/event.py"),
    ("contacts' counts", "engine/event.py"),
    ("keys", "engine/event.py"),
    ("history", "engine/history.py"),
)
"""What happens in one step, and the file that does it. Engines decide from the state at the start of the step."""


class Engine(Protocol):
    """What the loop needs of an engine."""

    counts: Counts

    def step(self, rates: Rates) -> Counts:
        """One step under these rates."""
        ...


@dataclass(frozen=True)
class History:
    """What happened by step and place; in people of the model's scale. Shapes (steps, places) unless said otherwise."""

    step_hours: float
    scale: float
    protesting: Floats
    """out at the end of the step"""
    joined: Floats
    """who joined in the step"""
    killed: Floats
    """protesters killed in the step"""
    detained: Floats
    """detained in the step"""
    security_killed: Floats
    """since the start, shape (steps, regions)"""
    states: Floats
    """residents by state, shape (steps, states)"""
    moves: Moves | None
    """every move of every resident; None for the mean-field twin"""
    updates: int
    """contact counts changed (event engine)"""
    stopped: bool
    """whether the history was broken off because too many were out; its later steps are missing"""

    def sha256(self) -> str:
        """The digest of all moves; for the mean-field twin, which has none, of who is out, to a millionth of a person."""
        if self.moves is not None:
            return self.moves.sha256()
        return hashlib.sha256(np.rint(self.protesting * 1e6).astype("<i8").tobytes()).hexdigest()


def simulate(
    plan: Plan,
    values: Values,
    seed: int,
    *,
    engine: str = "event",
    stop_above: float = np.inf,
    watch: Callable[[int, Counts], None] | None = None,
) -> History:
    """One history of a plan under these parameters.

    Parameters
    ----------
    plan : Plan
    values : mapping
        Value of every parameter; what the plan fixes stays fixed.
    seed : int, 0 to 2^63 - 1
    engine : "event", "plain" or "mean"
    stop_above : float
        People of the country who are out at once, above which the history is broken off.
    watch : callable, optional
        Called with step and counts after each step.
    """
    values = {**values, **plan.parameters}
    blocks = blocks_of(plan)
    land = land_of(plan, blocks)
    law = assemble.law_of(values, seed, plan.mechanisms)
    if engine == "mean":
        runner: Engine = MeanFieldEngine(blocks, law)
    else:
        runner = (PlainEngine if engine == "plain" else EventEngine)(blocks, tie(blocks, layers_of(plan), seed), law)
    world, driver, draws = new_world(land, plan.step_hours), Recorded(plan), (Expected if engine == "mean" else Draws)(seed)
    n_steps = int(np.ceil(plan.hours / plan.step_hours))
    rows: dict[str, list[Floats]] = {k: [] for k in ("protesting", "joined", "killed", "detained", "security_killed", "states")}
    for t in range(n_steps):
        world.steps = driver.due(t, world.dt)
        rates = assemble.step(world, runner.counts, values, draws, t, plan.mechanisms)
        counts = runner.step(rates)
        rows["protesting"].append(counts.n[PROTESTING].sum(axis=1))
        rows["joined"].append(counts.joined.sum(axis=1))
        rows["killed"].append(counts.moved[0].copy())
        rows["detained"].append(counts.moved[1] + counts.moved[2])
        rows["security_killed"].append(world.security_dead.copy())
        rows["states"].append(counts.n.sum(axis=(1, 2)))
        if watch is not None:
            watch(t, counts)
        if rows["protesting"][-1].sum() > stop_above * plan.scale:
            break
    tables = {k: np.array(v, float) for k, v in rows.items()}
    moves, updates = getattr(runner, "moves", None), getattr(runner, "updates", 0)
    return History(plan.step_hours, plan.scale, **tables, moves=moves, updates=updates, stopped=t + 1 < n_steps)
