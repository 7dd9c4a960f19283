"""A government by policy against the record: when it would have taken the dated steps, had it seen what was recorded.

In: a scenario and its record. Out: for each signal a policy may react to, hours of the five dated decisions over prior draws, and their
errors. Nothing is fitted; five dates carry little.

What the state could see of the record, hour by hour (region and day are what the record holds; finer times only where an event has one):
    people    of a region's day: for each settlement the largest crowd given for it, else `UNCOUNTED` where unrest is reported; on days with
              an official national figure all are scaled to it. From the hour of the first counted crowd of the day, else from noon,
              to the end of the day.
    clashes   `CLASH` people in each of the two largest cities from a violent event to the end of its day
    seats     a region whose seat is known to have been entered: from its first seizure or loss of control (else the last attack) to the
              first event "retaken" (else 48 hours)
Events over two days without an hour are of a night and begin at 22:00, others without one at noon, local time.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.errors import StudyError, fail
from qantar.model.build import land_of
from qantar.model.government import DATED, Policy, VisibleState, first_hours, largest_cities
from qantar.model.world import Land, StateStep
from qantar.population.build import blocks_of
from qantar.record.complete import VIOLENCE
from qantar.record.observables import Observables, observe
from qantar.record.record import Record
from qantar.record.schema import Event
from qantar.scenario.parameters import draw
from qantar.scenario.plan import Plan, country_offset
from qantar.scenario.scenario import Scenario
from qantar.scenario.schema import POLICY_KINDS, SIGNALS

Floats = NDArray[np.float64]
UNCOUNTED = 200.0
"""Where unrest is reported without a number: "hundreds", at its low end, as the record codes that word."""
CLASH = 500.0
"""Fighters in a city with a clash: "hundreds", at the middle of its range on a log scale. No number is recorded."""
NOON, NIGHT = 12.0, 22.0
SEAT = ("building_seized", "control_lost", "building_attacked", "retaken")


def recorded_hours(plan: Plan) -> dict[str, float]:
    """Hour of the first decision of each dated kind among those of the plan."""
    return first_hours((s.kind, s.size, s.at) for s in plan.steps)


@dataclass(frozen=True)
class Dates:
    """What a policy with one signal would have done, over draws. Hours; never counts as the end of the history."""

    signal: str
    hours: Floats
    """of each draw and decision, shape (draws, 5)"""
    recorded: Floats
    """shape (5,)"""
    never: Floats
    """share of draws in which a decision is never taken, shape (5,)"""

    def errors(self) -> Floats:
        """Mean absolute error of each draw, hours."""
        return np.asarray(np.abs(self.hours - self.recorded).mean(axis=1))


def constant_error(recorded: Floats) -> float:
    """Mean absolute error of "everything at the median hour".

    >>> constant_error(np.array([1.0, 2.0, 6.0]))
    1.6666666666666667
    """
    return float(np.abs(recorded - np.median(recorded)).mean())


def sights(scenario: Scenario, plan: Plan, land: Land | None = None) -> list[VisibleState]:
    """What the state could see of the record in each hour of the plan; who has laid out the land need not do it again."""
    record, seen = scenario.case.record, observe(scenario.case.record)
    ids, hours = [r.id for r in plan.regions], plan.hours
    start, ahead = dt.datetime.fromisoformat(plan.start), country_offset(scenario.case)

    def hour(region: str, day: dt.date, local: float) -> float:
        """Hours since the start, of a local hour of a region's day."""
        midnight = (dt.datetime.combine(day, dt.time()) - start).total_seconds() / 3600
        return midnight + local + ahead - record.utc_offset(region)

    def begins(e: Event) -> float:
        if e.time_local is not None:
            clock = dt.time.fromisoformat(e.time_local)
            return hour(e.region_id, e.date, clock.hour + clock.minute / 60)
        return hour(e.region_id, e.date, NIGHT if e.date_end is not None and e.date_end > e.date else NOON)

    people = _people(record, seen, ids, hours, hour)
    land = land or land_of(plan, blocks_of(plan))
    events = [e for e in record.events if e.scope.startswith("event")]
    clashes = np.zeros(hours)
    for city in {plan.places[int(c)].id for c in largest_cities(land)}:
        own = np.zeros(hours)
        for e in events:
            if e.settlement_id == city and e.kind in VIOLENCE:
                own[_hours(begins(e), hour(e.region_id, e.date_end or e.date, 24.0))] = CLASH
        clashes += own
    seats = np.zeros((hours, len(ids)), np.bool_)
    for k, region in enumerate(ids):
        if seen.seats_entered[region]:
            by_kind = {kind: [begins(e) for e in events if (e.region_id, e.kind) == (region, kind)] for kind in SEAT}
            back = by_kind["retaken"]
            attacks = [x for x in by_kind["building_attacked"] if not back or x < min(back)]
            taken = by_kind["building_seized"] + by_kind["control_lost"] or attacks[-1:]
            if taken:
                seats[_hours(min(taken), min(back, default=min(taken) + 48.0)), k] = True
    return [VisibleState(people[t], float(clashes[t]), seats[t]) for t in range(hours)]


def _hours(first: float, last: float) -> slice:
    """Whole hours from one time to another, as indices."""
    return slice(max(0, math.ceil(first)), max(0, math.ceil(last)))


def _people(record: Record, seen: Observables, ids: Sequence[str], hours: int, hour: Callable[[str, dt.date, float], float]) -> Floats:
    """People out by hour and region, shape (hours, regions)."""
    people = np.zeros((hours, len(ids)))
    official = {d.date: d.interval.value or (d.interval.low + d.interval.high) / 2 for d in seen.participants}
    for d, day in enumerate(seen.days):
        counts, since = np.zeros(len(ids)), np.zeros(len(ids))
        for k, region in enumerate(ids):
            rows = [e for e in record.events if e.region_id == region and e.date == day and e.participants_low is not None]
            largest: dict[str, float] = {}
            for e in rows:
                low, high = float(e.participants_low or 0), float(e.participants_high or e.participants_low or 0)
                largest[e.settlement] = max(largest.get(e.settlement, 0.0), math.sqrt(low * high))
            present = seen.presence[list(seen.region_ids).index(region), d] == 1
            counts[k] = sum(largest.values()) or (UNCOUNTED if present else 0.0)
            timed = [dt.time.fromisoformat(e.time_local) for e in rows if e.time_local is not None]
            since[k] = min((c.hour + c.minute / 60 for c in timed), default=NOON)
        if day in official and counts.sum() > 0:
            counts *= official[day] / counts.sum()
        for k, region in enumerate(ids):
            people[_hours(hour(region, day, since[k]), hour(region, day, 24.0)), k] = counts[k]
    return people


def date_policies(
    scenario: Scenario,
    plan: Plan,
    *,
    draws: int,
    seed: int = 1,
    signals: Sequence[str] = SIGNALS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Dates]:
    """Every signal over the same draws of the priors; the plan is at full scale and in steps of an hour.

    Raises
    ------
    StudyError
        If one of the five decisions is not among those of the plan: then there is no date to hold a policy against.
    """
    if lacking := [name for name, hour in recorded_hours(plan).items() if math.isnan(hour)]:
        raise fail(StudyError, plan.case, "undated", lacking=", ".join(lacking), dated=", ".join(DATED))
    land = land_of(plan, blocks_of(plan))
    seen = sights(scenario, plan, land)
    recorded = np.array(list(recorded_hours(plan).values()))
    found = []
    for number, signal in enumerate(signals):
        hours = np.empty((draws, len(DATED)))
        for k in range(draws):
            policy = Policy(land, draw(seed, k, plan.parameters), signal, set(POLICY_KINDS), plan.forces["foreign"])
            steps: list[StateStep] = []
            for t, sight in enumerate(seen):
                steps += policy.decide(sight, float(t), 1.0)
            hours[k] = list(first_hours((s.kind, s.size, s.at) for s in steps).values())
            progress(number * draws + k + 1, len(signals) * draws)
        never = np.isnan(hours)
        found.append(Dates(signal, np.where(never, float(plan.hours), hours), recorded, never.mean(axis=0)))
    return found
