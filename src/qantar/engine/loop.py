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
from qantar.model import assemble, government, outcome
from qantar.model.build import Recorded, land_of
from qantar.model.contract import Counts, Floats, Rates
from qantar.model.forces import standing
from qantar.model.outcome import Outcome
from qantar.model.rules import DEAD, NONE
from qantar.model.world import Bools, Draws, Expected, StateStep, World, new_world
from qantar.population.build import blocks_of, layers_of
from qantar.population.ties import tie
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Plan

ENGINES = ("event", "plain", "mean")

ORDER = (
    ("decisions of the record", "model/build.py"),
    ("decisions by policy", "model/government.py"),
    *((name, f"model/{name}.py") for name in assemble.MECHANISMS),
    ("rates", "model/assemble.py"),
    ("connectivity", "engine/event.py"),
    ("clocks", "engine/event.py"),
    ("who joins", "engine/event.py"),
    ("who is taken, fights, leaves, returns", "engine/event.py"),
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
    """out at the end of the step, fighters among them"""
    fighting: Floats
    """fighting at the end of the step"""
    joined: Floats
    """who joined in the step"""
    killed: Floats
    """killed in the step, without security"""
    detained: Floats
    """detained in the step"""
    security_killed: Floats
    """since the start, shape (steps, regions)"""
    states: Floats
    """residents by state, shape (steps, states)"""
    seat_lost: Bools
    """whether the crowd holds the seat of government at the end of the step, shape (steps, regions)"""
    airport_lost: Bools
    """likewise of airports"""
    offline: Floats
    """share of a region's residents in places without any internet, shape (steps, regions)"""
    changed_sides: Floats
    """share of the state's units that have changed sides, shape (steps,)"""
    aside: Floats
    """share of the state's units that stand aside by themselves, weighted by units, shape (steps,)"""
    decisions: tuple[StateStep, ...]
    """in order of time, whoever made them"""
    lost_output: float
    """of a month's output of the country, the share lost to strikes"""
    outcome: Outcome
    moves: Moves | None
    """every move of every resident; None for the mean-field twin"""
    updates: int
    """contact counts changed (event engine)"""
    visits: int
    """entries of queues taken off (event engine)"""
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
    world, recorded, draws = new_world(land, plan.step_hours), Recorded(plan), (Expected if engine == "mean" else Draws)(seed)
    by_policy = {kind for kind, driver in plan.drivers.items() if driver == "policy"}
    policy = government.Policy(land, values, plan.signal, by_policy, plan.forces["foreign"])
    everyone = np.maximum(land.by_region(land.residents.astype(float)), 1)
    decisions: list[StateStep] = []
    force = False
    n_steps = int(np.ceil(plan.hours / plan.step_hours))
    rows: dict[str, list[Floats | Bools | float]] = {}

    def note(**columns: Floats | Bools | float) -> None:
        for name, value in columns.items():
            rows.setdefault(name, []).append(value)

    for t in range(n_steps):
        world.steps = recorded.due(t, world.dt)
        if by_policy:
            view = government.visible_state(world, runner.counts)
            if plan.policy_from is not None:
                policy.follow(world.steps)
            if plan.policy_from is not None and world.hour(t) <= plan.policy_from:
                policy.look(view, world.dt)
            else:
                world.steps += policy.decide(view, world.hour(t), world.dt)
        decisions += world.steps
        rates = assemble.step(world, runner.counts, values, draws, t, plan.mechanisms)
        counts = runner.step(rates)
        force = force or bool(world.emergency.any() or world.shoot_order.any())
        changed_sides, aside = _lost_units(world, values)
        if world.steps or t == 0:
            offline = land.by_region(land.residents * (world.connectivity == NONE)) / everyone
        note(
            protesting=counts.out,
            fighting=counts.fighting,
            joined=counts.joined.sum(axis=1),
            killed=counts.killed,
            detained=counts.detained,
            security_killed=world.security_dead.copy(),
            states=counts.by_place.sum(axis=1),
            seat_lost=world.seat_lost.copy(),
            airport_lost=world.airport_lost.copy(),
            offline=offline,
            changed_sides=changed_sides,
            aside=aside,
        )
        if watch is not None:
            watch(t, counts)
        if counts.crowd > stop_above * plan.scale:
            break
    tables = {k: np.array(v, bool if k in ("seat_lost", "airport_lost") else float) for k, v in rows.items()}
    ended = outcome.judge(
        tables["protesting"].sum(axis=1) / plan.scale,
        step_hours=plan.step_hours,
        seat_lost=tables["seat_lost"],
        capital=land.capital,
        granted=world.granted,
        asked=world.asked,
        protest_days=world.protest_days,
        force=force,
        killed=float(counts.n[DEAD].sum()) / plan.scale,
        security_killed=float(world.security_dead.sum()) / plan.scale,
        detained=float(tables["detained"].sum()) / plan.scale,
    )
    return History(
        plan.step_hours,
        plan.scale,
        **tables,
        decisions=tuple(decisions),
        lost_output=world.lost_output,
        outcome=ended,
        moves=getattr(runner, "moves", None),
        updates=getattr(runner, "updates", 0),
        visits=getattr(runner, "visits", 0),
        stopped=t + 1 < n_steps,
    )


def _lost_units(world: World, values: Values) -> tuple[float, float]:
    """Shares of the state's units that have changed sides, and that stand aside by themselves."""
    if not (world.defectors.any() or world.left.any()):
        return 0.0, 0.0
    units = standing(world, values)
    every = max(units.sum(), 1e-300)
    return world.defectors.sum() / every, world.left @ units / every
