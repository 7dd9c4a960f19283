"""From histories to numbers that can be compared with the record, and how far a history is from it.

Every history becomes one row of `items`: first reported day of each region, official participants, detained, deaths, the share of
the country's deaths in one region, and which seats of government fell. A record is an interval for each item, or a blank:

    deviation  e = how far the item lies outside its interval; 0 inside; a blank counts nothing
    distance   d = sqrt( mean over blocks of the mean over items of (e / s)^2 )

Blocks are onsets, participants, detained, deaths, share and seats: each counts once, however many items it has. Scales s are fixed before
anything is fitted: s^2 = (error of the record)^2 + (spread of the item over the draws of the priors)^2, the spread being the
median absolute deviation. The same functions serve a recorded and a simulated ("pseudo") record.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Runs
from qantar.record.observables import Interval, Observables
from qantar.scenario.scenario import Plan

Floats = NDArray[np.float64]
ERRORS = {"onset": 1.0, "participants": 0.3, "detained": 0.2, "deaths": 0.15, "share": 0.15, "seats": 0.5}
"""Errors of the record by block: days; log10 (0.3 is the bias assumed of official counts, `record`); share; a seat more or less."""
ONSET_CAP = 5.0
"""Days: no onset counts as farther off, so that one region that never rose does not outweigh all others."""
MOBILIZATION = ("onset", "participants")
FORCE = ("detained", "deaths", "share", "seats")
"""The two modules: how unrest spread, and what force and harm followed."""
ZONES = 6
"""Hours after a day's end by which it has ended everywhere in a country."""


@dataclass(frozen=True)
class Item:
    """One number that a record may hold: block, what of, day (index) where it is dated."""

    block: str
    of: str
    day: int = -1


@dataclass(frozen=True)
class Target:
    """A record as intervals, one for each item; NaN where it says nothing."""

    items: tuple[Item, ...]
    low: Floats
    high: Floats

    @property
    def onset(self) -> NDArray[np.bool_]:
        """Which items are onsets."""
        return np.array([i.block == "onset" for i in self.items])

    def blocks(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which items belong to these blocks and are not blank."""
        return np.array([i.block in names for i in self.items]) & ~np.isnan(self.low)

    def only(self, names: tuple[str, ...]) -> Target:
        """What a record says in these blocks, without its blanks."""
        mask = self.blocks(names)
        return Target(tuple(i for i, m in zip(self.items, mask, strict=True) if m), self.low[mask], self.high[mask])


def target_of(record: Observables, plan: Plan, *, detained: tuple[dt.date, ...] = ()) -> Target:
    """The record of a case as intervals.

    Parameters
    ----------
    detained : dates whose counts of detained are used, all if none is named: later ones contain the earlier ones
    """
    first, n_days = dt.datetime.fromisoformat(plan.start).date(), whole_days(plan)
    rows: list[tuple[Item, float, float]] = []
    onsets = {o.region_id: o for o in record.onsets}
    for r in plan.regions:
        if (o := onsets.get(r.id)) is None:
            rows.append((Item("onset", r.id), np.nan, np.nan))
        else:
            rows.append((Item("onset", r.id), (o.earliest - first).days, n_days if o.latest is None else (o.latest - first).days))
    for block, counts in (("participants", record.participants), ("detained", record.detained)):
        for count in counts:
            day = (count.date - first).days
            if 0 <= day < n_days and (block == "participants" or not detained or count.date in detained):
                rows.append((Item(block, "country", day), *_logs(count.interval)))
    if (total := record.deaths_total) is not None:
        rows.append((Item("deaths", "country"), *_logs(total.interval)))
        main = max(record.deaths, key=lambda u: u.interval.value or 0, default=None)
        if main is not None and main.region_id and (known := total.interval.value):
            rows.append((Item("share", main.region_id), main.interval.low / known, main.interval.high / known))
    for r in plan.regions:
        entered = record.seats_entered.get(r.id)
        value = np.nan if entered is None else float(entered)
        rows.append((Item("seats", r.id), value, value))
    items, low, high = zip(*rows, strict=True)
    return Target(items, np.array(low, float), np.array(high, float))


def _logs(interval: Interval) -> tuple[float, float]:
    return float(np.log10(1 + interval.low)), float(np.log10(1 + interval.high))


def items_of(runs: Runs, target: Target, plan: Plan) -> Floats:
    """The items of each history, shape (runs, items); days that the plan does not reach the end of are not looked at."""
    ids = [r.id for r in plan.regions]
    never = whole_days(plan)
    onset = runs.onset().astype(float)
    onset[(onset < 0) | (onset > never)] = never
    total = runs.killed.sum(axis=1)
    columns: list[Floats] = []
    for item in target.items:
        if item.block == "onset":
            columns.append(onset[:, ids.index(item.of)])
        elif item.block in ("participants", "detained"):
            columns.append(np.log10(1 + getattr(runs, item.block)[:, item.day]))
        elif item.block == "deaths":
            columns.append(np.log10(1 + total))
        elif item.block == "share":
            columns.append(np.divide(runs.killed[:, ids.index(item.of)], total, out=np.zeros(runs.n), where=total > 0))
        else:
            columns.append(runs.seat_lost[:, ids.index(item.of)].astype(float))
    return np.stack(columns, axis=1)


def scales_of(items: Floats, target: Target) -> Floats:
    """The scale of each item, from the error of the record and the spread over draws of the priors, shape (items,)."""
    errors = np.array([ERRORS[i.block] for i in target.items])
    spread = np.median(np.abs(items - np.median(items, axis=0)), axis=0)
    return np.asarray(np.sqrt(errors**2 + np.where(target.onset, 0.0, spread) ** 2))


def deviations(items: Floats, target: Target) -> Floats:
    """How far each item lies outside its interval, shape (runs, items); 0 for blanks.

    >>> t = Target((Item("onset", "A"), Item("onset", "B")), np.array([2.0, np.nan]), np.array([3.0, np.nan]))
    >>> deviations(np.array([[1.0, 9.0], [3.0, 9.0], [16.0, 9.0]]), t)[:, 0].tolist()
    [1.0, 0.0, 5.0]
    """
    return _gaps(items, items, target)


def _gaps(low: Floats, high: Floats, target: Target) -> Floats:
    """How far items that lie somewhere from low to high lie outside their intervals at least."""
    away = np.maximum(np.maximum(target.low - high, low - target.high), 0.0)
    away = np.where(target.onset, np.minimum(away, ONSET_CAP), away)
    return np.where(np.isnan(target.low), 0.0, away)


def distances(items: Floats, target: Target, scales: Floats, blocks: tuple[str, ...]) -> Floats:
    """Distance of each history from a record in these blocks, shape (runs,); 0 where the record says nothing in them."""
    return _distances(deviations(items, target), target, scales, blocks)


def _distances(away: Floats, target: Target, scales: Floats, blocks: tuple[str, ...]) -> Floats:
    squared = (away / scales) ** 2
    found = [squared[:, mask].mean(axis=1) for block in blocks if (mask := target.blocks((block,))).any()]
    return np.asarray(np.sqrt(np.mean(found, axis=0))) if found else np.zeros(len(away))


def last_day(target: Target, blocks: tuple[str, ...], plan: Plan) -> int:
    """Index of the last day on which anything in these blocks is dated; later days say nothing about them, but how late a region rose."""
    never = whole_days(plan)
    days = [-1.0]
    for item, low, high in zip(target.items, target.low, target.high, strict=True):
        if item.block in blocks and not np.isnan(low):
            days += [float(item.day)] if item.block != "onset" else [x for x in (low, high) if x < never]
    return int(max(days))


def up_to(plan: Plan, day: int) -> Plan:
    """A plan that ends as soon as a day has ended everywhere in the country."""
    start = dt.datetime.fromisoformat(plan.start)
    return plan.model_copy(update={"hours": min(plan.hours, 24 * (day + 1) + ZONES - start.hour)})


def least_distances(runs: Runs, target: Target, scales: Floats, blocks: tuple[str, ...], plan: Plan) -> Floats:
    """The least that the distances in these blocks can become, for histories known up to the last of their days, shape (runs,).

    A region that has not risen rises on the next day at the earliest; who is detained or dead stays so; a seat that fell has fallen.
    """
    return _distances(_gaps(*reach_of(runs, target, plan), target), target, scales, blocks)


def reach_of(runs: Runs, target: Target, plan: Plan) -> tuple[Floats, Floats]:
    """The least and the most that each item can become, for histories known up to the last of their days, each of shape (runs, items)."""
    known, never = runs.presence.shape[1], float(whole_days(plan))
    onset, killed = runs.onset(), runs.killed.sum(axis=1)
    low, high = np.full((2, runs.n, len(target.items)), np.nan)
    for k, item in enumerate(target.items):
        if item.block == "onset":
            day = onset[:, [r.id for r in plan.regions].index(item.of)]
            low[:, k], high[:, k] = (np.minimum(np.where(day < 0, later, day), never) for later in (known, never))
        elif item.block in ("participants", "detained"):
            now = np.log10(1 + getattr(runs, item.block)[:, min(item.day, known - 1)])
            settled = item.day < known
            low[:, k] = now if settled or item.block == "detained" else 0.0
            high[:, k] = now if settled else np.inf
        elif item.block == "deaths":
            low[:, k], high[:, k] = np.log10(1 + killed), np.inf
        elif item.block == "share":
            low[:, k], high[:, k] = 0.0, 1.0
        else:
            low[:, k], high[:, k] = runs.seat_lost[:, [r.id for r in plan.regions].index(item.of)], 1.0
    return low, high


def middle_of(target: Target) -> Floats:
    """The middle of each interval: where a fit line is evaluated; an open end counts as two days after the earliest."""
    high = np.where(target.onset, np.minimum(target.high, target.low + 4), target.high)
    return (target.low + high) / 2


def summary_of(items: Floats, target: Target) -> Floats:
    """Few smooth numbers for regression, shape (runs, numbers): regions risen by day 1 to 4, the other items, seats that fell."""
    blocks = np.array([i.block for i in target.items])
    onset, seats = items[:, blocks == "onset"], items[:, blocks == "seats"]
    risen = [np.mean(np.clip(day + 0.5 - onset, 0, 1), axis=1) for day in (1, 2, 3, 4)]
    others = items[:, ~np.isin(blocks, ("onset", "seats"))]
    return np.stack([*risen, *others.T, np.nansum(seats, axis=1)], axis=1)


def whole_days(plan: Plan) -> int:
    """Whole days of a plan: what is counted by day is known for these."""
    start = dt.datetime.fromisoformat(plan.start)
    return int((start.hour + start.minute / 60 + plan.hours) // 24)
