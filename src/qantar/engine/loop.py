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
from qantar.model.world import Bools, Draws, Expected, Land, StateStep, World, new_world
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
    ("who is taken, fights, leaves, returns", "engine/exits.py"),
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
    world, draws = new_world(land, plan.step_hours), (Expected if engine == "mean" else Draws)(seed)
    state, diary = _State(plan, land, values), _Diary(land, values)
    n_steps = int(np.ceil(plan.hours / plan.step_hours))
    for t in range(n_steps):
        world.steps = state.decisions(t, world, runner.counts)
        counts = runner.step(assemble.step(world, runner.counts, values, draws, t, plan.mechanisms))
        diary.add(world, counts)
        if watch is not None:
            watch(t, counts)
        if counts.crowd > stop_above * plan.scale:
            break
    return diary.history(plan, world, runner, stopped=t + 1 < n_steps)


class _State:
    """Who decides for the state: the record, or a policy that sees what there is to see."""

    def __init__(self, plan: Plan, land: Land, values: Values) -> None:
        by_policy = {kind for kind, driver in plan.drivers.items() if driver == "policy"}
        self.recorded, self.policy_from = Recorded(plan), plan.policy_from
        self.policy = government.Policy(land, values, plan.signal, by_policy, plan.forces["foreign"]) if by_policy else None

    def decisions(self, t: int, world: World, counts: Counts) -> tuple[StateStep, ...]:
        """What is decided now, in order of time. Until a given hour a policy only watches."""
        steps = self.recorded.due(t, world.dt)
        if self.policy is None:
            return steps
        view, hour = government.visible_state(world, counts), world.hour(t)
        if self.policy_from is not None:
            self.policy.follow(steps)
            if hour <= self.policy_from:
                self.policy.look(view, world.dt)
                return steps
        return steps + self.policy.decide(view, hour, world.dt)


class _Diary:
    """Writes down what a history keeps of each step."""

    def __init__(self, land: Land, values: Values) -> None:
        self.land, self.values = land, values
        self.residents = np.maximum(land.by_region(land.residents.astype(float)), 1)
        self.offline = np.zeros(land.n_regions)
        self.rows: list[dict[str, Floats | Bools | float]] = []
        self.decisions: list[StateStep] = []
        self.force = False

    def add(self, world: World, counts: Counts) -> None:
        """What there is at the end of a step."""
        if world.steps or not self.rows:
            self.offline = self.land.by_region(self.land.residents * (world.connectivity == NONE)) / self.residents
        self.decisions += world.steps
        self.force = self.force or bool(world.emergency.any() or world.shoot_order.any())
        changed_sides, aside = _lost_units(world, self.values)
        row = {
            "protesting": counts.out,
            "fighting": counts.fighting,
            "joined": counts.joined.sum(axis=1),
            "killed": counts.killed,
            "detained": counts.detained,
            "security_killed": world.security_dead.copy(),
            "states": counts.by_place.sum(axis=1),
            "seat_lost": world.seat_lost.copy(),
            "airport_lost": world.airport_lost.copy(),
            "offline": self.offline,
            "changed_sides": changed_sides,
            "aside": aside,
        }
        self.rows.append(row)

    def history(self, plan: Plan, world: World, runner: Engine, *, stopped: bool) -> History:
        """The whole of it, and how it ended."""
        kinds = {"seat_lost": bool, "airport_lost": bool}
        tables = {name: np.array([row[name] for row in self.rows], kinds.get(name, float)) for name in self.rows[0]}
        ended = outcome.judge(
            tables["protesting"].sum(axis=1) / plan.scale,
            step_hours=plan.step_hours,
            seat_lost=tables["seat_lost"],
            capital=self.land.capital,
            granted=world.granted,
            asked=world.asked,
            protest_days=world.protest_days,
            force=self.force,
            killed=float(runner.counts.n[DEAD].sum()) / plan.scale,
            security_killed=float(world.security_dead.sum()) / plan.scale,
            detained=float(tables["detained"].sum()) / plan.scale,
        )
        return History(
            plan.step_hours,
            plan.scale,
            **tables,
            decisions=tuple(self.decisions),
            lost_output=world.lost_output,
            outcome=ended,
            moves=getattr(runner, "moves", None),
            updates=getattr(runner, "updates", 0),
            visits=getattr(runner, "visits", 0),
            stopped=stopped,
        )


def _lost_units(world: World, values: Values) -> tuple[float, float]:
    """Shares of the state's units that have changed sides, and that stand aside by themselves."""
    if not (world.defectors.any() or world.left.any()):
        return 0.0, 0.0
    units = standing(world, values)
    every = max(units.sum(), 1e-300)
    return world.defectors.sum() / every, world.left @ units / every
