"""A process that stays warm beside the server and lives through one history at a time, telling what happens hour by hour.

In: messages of the server over a pipe. Out: rows of numbers about ten times a second, and at the end of a history what was asked of it. A
history ends at the next step when the server says so.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from qantar.effects.measures import Seen
from qantar.engine.diary import Diary
from qantar.engine.loop import History, simulate
from qantar.ensemble.histories import Runs
from qantar.ensemble.one_run import seed_of, values_of
from qantar.ensemble.pool import follow_parent
from qantar.ensemble.store import Recipe
from qantar.ensemble.warm import PARTS, exercise
from qantar.errors import Problem, QantarError
from qantar.reporting.history import reported
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan

EVERY = 0.1
"""Seconds between two messages of a history."""
STANDS_BACK = 5
"""How far a world lets the server go first, where there are fewer cores than work (`os.nice`)."""
Row = tuple[float, int, int, int, int, int, int, list[int]]
"""Hours since the start; people out; since the start detained, killed, and killed of the state's; regions with somebody out; seats of
government that the crowd holds; people out by region. People are of the country, whatever the scale."""


@dataclass(frozen=True)
class Warm:
    """Load all that simulates."""


@dataclass(frozen=True)
class Live:
    """Live through one history."""

    recipe: Recipe
    values: Values
    seed: int
    reads: Callable[[History, Live], Any]
    """what is asked of it once it has ended"""

    @classmethod
    def of(cls, recipe: Recipe, run: int, given: Sequence[Values], reads: Callable[[History, Live], Any]) -> Live:
        """A run of a recipe; `given` are the draws that it names, if it names any."""
        return cls(recipe, values_of(recipe, run, given), seed_of(recipe, run), reads)

    @property
    def plan(self) -> Plan:
        """What is simulated."""
        return self.recipe.plan


@dataclass(frozen=True)
class Stop:
    """End the history at the next step."""


@dataclass(frozen=True)
class Hours:
    """What happened since the last message."""

    rows: list[Row]


@dataclass(frozen=True)
class Ended:
    """It is done; with what was asked of a history, unless that was told to end."""

    found: Any = None


@dataclass(frozen=True)
class Failed:
    """It could not be done: a mistake of whoever asked, or ours, by its name."""

    problems: list[Problem]
    name: str = ""


def world(wire: Connection) -> None:
    """Do what comes over the wire until it closes."""
    follow_parent()
    with contextlib.suppress(AttributeError, OSError):  # a system without it: then all are equal
        os.nice(STANDS_BACK)
    while True:
        try:
            asked = wire.recv()
        except (EOFError, OSError):
            return
        if isinstance(asked, Stop):  # what it was meant for has ended by itself
            continue
        try:
            wire.send(live(wire, asked) if isinstance(asked, Live) else warm())
        except QantarError as error:
            wire.send(Failed(error.problems))
        except Exception as error:  # whatever it was: the server goes on, and says so
            wire.send(Failed([], type(error).__name__))


def warm() -> Ended:
    """Everything that the first history would wait for."""
    for part in PARTS:
        exercise(part)
    return Ended()


def live(wire: Connection, asked: Live) -> Ended:
    """One history, told as it happens."""
    tell, recipe = _Teller(wire, asked.plan), asked.recipe
    history = simulate(asked.plan, asked.values, asked.seed, engine=recipe.engine, stop_above=recipe.stop_above, over=tell)
    tell.send()
    return Ended(None if tell.stopped else asked.reads(history, asked))


class _Teller:
    """Called after each step: notes a row, sends what has come together, and looks whether it should end."""

    def __init__(self, wire: Connection, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.wire, self.plan, self.clock = wire, plan, clock
        self.region = np.array([p.region for p in plan.places])
        self.detained = self.killed = 0.0
        self.rows: list[Row] = []
        self.due = 0.0
        self.stopped = False

    def __call__(self, t: int, diary: Diary) -> bool:
        self.rows.append(self._row(t, diary))
        if self.clock() >= self.due:
            self.send()
        while not self.stopped and self.wire.poll():
            self.stopped = isinstance(self.wire.recv(), Stop)
        return self.stopped

    def send(self) -> None:
        """All rows that were not sent yet."""
        if self.rows:
            self.wire.send(Hours(self.rows))
        self.rows, self.due = [], self.clock() + EVERY

    def _row(self, t: int, diary: Diary) -> Row:
        def people(n: float) -> int:
            return round(float(n) / self.plan.scale)

        self.detained += diary.detained[t].sum()
        self.killed += diary.killed[t].sum()
        out = np.bincount(self.region, diary.protesting[t], len(self.plan.regions)) / self.plan.scale
        by_region = np.rint(out).astype(int).tolist()
        lost = people(self.killed), people(diary.security_killed[t].sum())
        hour = (t + 1) * self.plan.step_hours
        return hour, round(float(out.sum())), people(self.detained), *lost, int((out > 0).sum()), int(diary.seat_lost[t].sum()), by_region


def seen_of(history: History, asked: Live) -> Seen:
    """What a comparison reads of a history, as `ensemble.one_run` and the store hand it over."""
    report, end = reported(history, asked.plan, asked.values, asked.seed), history.outcome
    whole = {
        "seed": asked.seed,
        "sha256": history.sha256(),
        **{k: getattr(end, k) for k in ("peak", "killed", "security_killed", "detained", "seats_lost")},
    }
    seats, stopped = np.atleast_2d(history.seat_lost.any(axis=0)), np.array([history.stopped])
    by_day = report.presence[None], report.participants[None], report.detained[None]
    return Seen(Runs(*by_day, report.killed[None], seats, stopped, {k: np.array([v]) for k, v in whole.items()}), report.gathering[None])


def crowds_of(history: History, asked: Live) -> dict[str, Any]:
    """People out by place and hour of local time, from the midnight before the history starts.

    A place where nobody ever goes out is left out, and of each place the hours before the first and after the last of anybody.
    """
    out = np.rint(history.protesting / asked.plan.scale).astype(int)
    start = dt.datetime.fromisoformat(asked.plan.start)
    places = []
    for place, people in zip(asked.plan.places, out.T, strict=True):
        there = np.flatnonzero(people)
        if len(there):
            began = start.hour + start.minute / 60 + place.local_hour + float(there[0]) * asked.plan.step_hours
            crowd = people[there[0] : there[-1] + 1].tolist()
            places.append({"id": place.id, "settlement": place.settlement, "from": began, "out": crowd})
    return {"sha256": history.sha256(), "first_day": start.date(), "step_hours": asked.plan.step_hours,
            "stopped": history.stopped, "places": places}  # fmt: skip
