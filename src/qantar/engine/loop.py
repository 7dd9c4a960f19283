"""One history: the hour in order, the same for every engine.

`order` prints it. The loop knows that there are decisions, mechanisms and an engine, not what they do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from qantar.engine.diary import Diary, diary, note
from qantar.engine.event import EventEngine
from qantar.engine.history import Moves
from qantar.engine.meanfield import MeanFieldEngine
from qantar.engine.plain import PlainEngine
from qantar.model import assemble, government, outcome
from qantar.model.build import Recorded, land_of
from qantar.model.contract import Counts, Floats, Rates
from qantar.model.outcome import Outcome
from qantar.model.rules import DEAD
from qantar.model.world import Bools, Land, StateStep, World
from qantar.population.blocks import Blocks
from qantar.population.build import blocks_of, layers_of
from qantar.population.ties import Layer, tie
from qantar.scenario.parameters import Values
from qantar.scenario.scenario import Plan

ENGINES = ("event", "plain", "mean")

ORDER = (
    ("decisions of the record", "model/build.py"),
    ("decisions by policy", "model/government.py"),
    *((name, f"model/{module.__name__.rpartition('.')[2]}.py") for name, module in assemble.MECHANISMS.items()),
    ("rates", "model/assemble.py"),
    ("connectivity", "engine/event.py"),
    ("clocks", "engine/event.py"),
    ("who joins", "engine/due.py"),
    ("who is taken, fights, leaves, returns", "engine/exits.py"),
    ("states", "engine/movers.py"),
    ("contacts' counts", "engine/contacts.py"),
    ("keys", "engine/contacts.py"),
    ("history", "engine/diary.py"),
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
    offline: Floats
    """share of a region's residents in places without any internet, shape (steps, regions)"""
    changed_sides: Floats
    """share of the state's units that have changed sides, shape (steps,)"""
    aside: Floats
    """share of the state's units that stand aside by themselves, weighted by units, shape (steps,)"""
    decisions: tuple[StateStep, ...]
    """in order of time, whoever made them"""
    outcome: Outcome
    moves: Moves | None
    """every move of every resident; None for the mean-field twin"""
    updates: int
    """contact counts changed (event engine)"""
    visits: int
    """entries of queues taken off (event engine)"""
    stopped: bool
    """whether the history was broken off, because too many were out or no more was asked; its later steps are missing"""

    def sha256(self) -> str:
        """The digest of all moves; for the mean-field twin, which has none, of who is out, to a millionth of a person."""
        if self.moves is not None:
            return self.moves.sha256()
        return hashlib.sha256(np.rint(self.protesting * 1e6).astype("<i8").tobytes()).hexdigest()


class Country(NamedTuple):
    """What all histories of a plan share."""

    blocks: Blocks
    layers: list[Layer]
    land: Land


def country_of(plan: Plan) -> Country:
    """Who lives where, by which layers they are tied, and what mechanisms see."""
    blocks = blocks_of(plan)
    return Country(blocks, layers_of(plan), land_of(plan, blocks))


def simulate(
    plan: Plan,
    values: Values,
    seed: int,
    *,
    engine: str = "event",
    stop_above: float = np.inf,
    over: Callable[[int, Diary], bool] | None = None,
    country: Country | None = None,
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
    over : callable, optional
        Called after each step with its number and what was noted so far; if it says yes, the history is broken off.
    country : Country, optional
        That of the plan, where somebody has it already.
    """
    values = {**values, **plan.parameters}
    blocks, layers, land = country or country_of(plan)
    law = assemble.law_of(values, seed, plan.mechanisms)
    if engine == "mean":
        runner: Engine = MeanFieldEngine(blocks, law)
    else:
        runner = (PlainEngine if engine == "plain" else EventEngine)(blocks, tie(blocks, layers, seed), law)
    world = assemble.new_world(land, values, plan.step_hours, seed, plan.mechanisms, expected=engine == "mean")
    state, rows = _State(plan, land, values), diary(_n_steps(plan), land.n_places, land.n_regions)
    decisions: list[StateStep] = []
    force = False
    for t in range(_n_steps(plan)):
        now = state.decisions(t, world, runner.counts)
        decisions += now
        counts = runner.step(assemble.step(world, runner.counts, t, now))
        crowd, forced = note(rows, t, world, counts.n, counts.joined, counts.moved)
        force |= forced
        if crowd > stop_above * plan.scale or (over is not None and over(t, rows)):
            rows = Diary._make(kept[: t + 1] for kept in rows)
            break
    return _history(plan, rows, decisions, world, runner, capital=land.capital, force=force)


def _n_steps(plan: Plan) -> int:
    return int(np.ceil(plan.hours / plan.step_hours))


class _State:
    """Who decides for the state: the record, or a policy that sees what there is to see."""

    def __init__(self, plan: Plan, land: Land, values: Values) -> None:
        by_policy = {kind for kind, driver in plan.drivers.items() if driver == "policy"}
        self.land, self.recorded, self.policy_from = land, Recorded(plan), plan.policy_from
        self.policy = government.Policy(land, values, plan.signal, by_policy, plan.forces["foreign"]) if by_policy else None

    def decisions(self, t: int, world: World, counts: Counts) -> tuple[StateStep, ...]:
        """What is decided now, in order of time. Until a given hour a policy only watches."""
        dt = float(world.country["dt"][0])
        steps = self.recorded.due(t, dt)
        if self.policy is None:
            return steps
        view, hour = government.visible_state(self.land, world, counts), t * dt
        if self.policy_from is not None:
            self.policy.follow(steps)
            if hour <= self.policy_from:
                self.policy.look(view, dt)
                return steps
        return steps + self.policy.decide(view, hour, dt)


def _history(
    plan: Plan, rows: Diary, decisions: Sequence[StateStep], world: World, runner: Engine, *, capital: int, force: bool
) -> History:
    """The whole of it, and how it ended."""
    region = world.region
    ended = outcome.judge(
        rows.protesting.sum(axis=1) / plan.scale,
        step_hours=plan.step_hours,
        seat_lost=rows.seat_lost,
        capital=capital,
        granted=region["granted"],
        asked=region["asked"],
        protest_days=region["protest_days"],
        force=force,
        killed=float(runner.counts.n[DEAD].sum()) / plan.scale,
        security_killed=float(region["security_dead"].sum()) / plan.scale,
        detained=float(rows.detained.sum()) / plan.scale,
    )
    return History(
        plan.step_hours,
        plan.scale,
        **rows._asdict(),
        decisions=tuple(decisions),
        outcome=ended,
        moves=getattr(runner, "moves", None),
        updates=getattr(runner, "updates", 0),
        visits=getattr(runner, "visits", 0),
        stopped=len(rows.aside) < _n_steps(plan),
    )
