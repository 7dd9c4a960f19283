"""One world of a what-if, in a process of its own that stays warm: it is told what to live through, and tells what happens, hour by hour.

In: messages of the server over a pipe. Out: rows of numbers about ten times a second, and at the end of a history what a comparison reads
of it. A history ends at the next step when the server says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from qantar.effects.measures import Seen
from qantar.effects.pairing import is_paired
from qantar.engine.diary import Diary
from qantar.engine.loop import Country, History, country_of, simulate
from qantar.ensemble.histories import Runs
from qantar.ensemble.pool import follow_parent
from qantar.ensemble.warm import PARTS, exercise
from qantar.errors import Problem, QantarError
from qantar.model.build import land_of
from qantar.reporting.history import reported
from qantar.scenario.parameters import Values, defaults
from qantar.scenario.plan import Plan

EVERY = 0.1
"""Seconds between two messages of a history."""
Row = tuple[float, int, int, int, int, int, int, list[int]]
"""Hours since the start; people out; since the start detained, killed, and killed of the state's; regions with somebody out; seats of
government that the crowd holds; people out by region. People are of the country, whatever the scale."""


@dataclass(frozen=True)
class Prepare:
    """Build the country of a plan, and load all that simulates."""

    plan: Plan


@dataclass(frozen=True)
class Live:
    """Live through one history."""

    plan: Plan
    values: Values
    seed: int
    stop_above: float


@dataclass(frozen=True)
class Stop:
    """End the history at the next step."""


@dataclass(frozen=True)
class Hours:
    """What happened since the last message."""

    rows: list[Row]


@dataclass(frozen=True)
class Ended:
    """What was asked is done; of a history that was not stopped, what a comparison reads of it."""

    seen: Seen | None = None


@dataclass(frozen=True)
class Failed:
    """It could not be done: a mistake of whoever asked, or ours, by its name."""

    problems: list[Problem]
    name: str = ""


def world(wire: Connection) -> None:
    """Do what comes over the wire until it closes."""
    follow_parent()
    at = _World(wire)
    while True:
        try:
            asked = wire.recv()
        except (EOFError, OSError):
            return
        if isinstance(asked, Stop):  # what it was meant for has ended by itself
            continue
        try:
            wire.send(at.prepare(asked.plan) if isinstance(asked, Prepare) else at.live(asked))
        except QantarError as error:
            wire.send(Failed(error.problems))
        except Exception as error:  # whatever it was: the server goes on, and says so
            wire.send(Failed([], type(error).__name__))


class _World:
    def __init__(self, wire: Connection) -> None:
        self.wire = wire
        self.plan: Plan | None = None
        self.country: Country | None = None
        self.warm = False

    def prepare(self, plan: Plan) -> Ended:
        """Everything that the first history would wait for."""
        for part in () if self.warm else PARTS:
            exercise(part)
        self.warm = True
        simulate(plan, defaults(), 1, over=lambda t, rows: True, country=self._country(plan))
        return Ended()

    def live(self, asked: Live) -> Ended:
        """One history, told as it happens."""
        tell = _Teller(self.wire, asked.plan)
        history = simulate(
            asked.plan, asked.values, asked.seed, stop_above=asked.stop_above, over=tell, country=self._country(asked.plan)
        )  # fmt: skip
        tell.send()
        return Ended(None if tell.stopped else seen_of(history, asked.plan, asked.values, asked.seed))

    def _country(self, plan: Plan) -> Country:
        """That of the plan; who lives where and by what ties is kept, where the last plan had the same people."""
        if self.plan is None or self.country is None or not is_paired(self.plan, plan):
            self.plan, self.country = plan, country_of(plan)
        elif self.plan != plan:
            self.plan, self.country = plan, self.country._replace(land=land_of(plan, self.country.blocks))
        return self.country


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


def seen_of(history: History, plan: Plan, values: Values, seed: int) -> Seen:
    """What a comparison reads of a history, as `ensemble.one_run` and the store hand it over."""
    report, end = reported(history, plan, values, seed), history.outcome
    whole = {
        "seed": seed,
        "sha256": history.sha256(),
        **{k: getattr(end, k) for k in ("peak", "killed", "security_killed", "detained", "seats_lost")},
    }
    seats, stopped = np.atleast_2d(history.seat_lost.any(axis=0)), np.array([history.stopped])
    by_day = report.presence[None], report.participants[None], report.detained[None]
    return Seen(Runs(*by_day, report.killed[None], seats, stopped, {k: np.array([v]) for k, v in whole.items()}), report.gathering[None])
