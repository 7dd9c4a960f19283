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
from qantar.record.observables import Observables
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
    detained : dates
        Whose counts of detained are used, all if none is named: later ones contain the earlier ones.
    """
    first = dt.datetime.fromisoformat(plan.start).date()
    n_days = whole_days(plan)
    items: list[Item] = []
    low: list[float] = []
    high: list[float] = []

    def add(item: Item, a: float, b: float) -> None:
        items.append(item)
        low.append(a)
        high.append(b)

    onsets = {o.region_id: o for o in record.onsets}
    for r in plan.regions:
        o = onsets.get(r.id)
        if o is None:
            add(Item("onset", r.id), np.nan, np.nan)
        else:
            add(Item("onset", r.id), (o.earliest - first).days, n_days if o.latest is None else (o.latest - first).days)
    for block, rows in (("participants", record.participants), ("detained", record.detained)):
        for dated in rows:
            day = (dated.date - first).days
            if 0 <= day < n_days and (block == "participants" or not detained or dated.date in detained):
                add(Item(block, "country", day), _log(dated.interval.low), _log(_top(dated.interval.high, dated.interval.low)))
    total = record.deaths_total
    if total is not None:
        add(Item("deaths", "country"), _log(total.interval.low), _log(_top(total.interval.high, total.interval.low)))
        main = max(record.deaths, key=lambda u: u.interval.value or 0, default=None)
        if main is not None and main.region_id and total.interval.value:
            ends = [x / total.interval.value for x in (main.interval.low, _top(main.interval.high, main.interval.low))]
            add(Item("share", main.region_id), ends[0], ends[1])
    for r in plan.regions:
        entered = record.seats_entered.get(r.id)
        add(Item("seats", r.id), *((np.nan, np.nan) if entered is None else (float(entered), float(entered))))
    return Target(tuple(items), np.array(low), np.array(high))


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
    onset = np.array([i.block == "onset" for i in target.items])
    return np.asarray(np.sqrt(errors**2 + np.where(onset, 0.0, spread) ** 2))


def deviations(items: Floats, target: Target) -> Floats:
    """How far each item lies outside its interval, shape (runs, items); 0 for blanks.

    >>> t = Target((Item("onset", "A"), Item("onset", "B")), np.array([2.0, np.nan]), np.array([3.0, np.nan]))
    >>> deviations(np.array([[1.0, 9.0], [3.0, 9.0], [16.0, 9.0]]), t)[:, 0].tolist()
    [1.0, 0.0, 5.0]
    """
    away = np.maximum(np.maximum(target.low - items, items - target.high), 0.0)
    onset = np.array([i.block == "onset" for i in target.items])
    away = np.where(onset, np.minimum(away, ONSET_CAP), away)
    return np.where(np.isnan(target.low), 0.0, away)


def distances(items: Floats, target: Target, scales: Floats, blocks: tuple[str, ...]) -> Floats:
    """Distance of each history from a record in these blocks, shape (runs,); 0 where the record says nothing in them."""
    squared = (deviations(items, target) / scales) ** 2
    found = [squared[:, mask].mean(axis=1) for block in blocks if (mask := target.blocks((block,))).any()]
    return np.asarray(np.sqrt(np.mean(found, axis=0))) if found else np.zeros(len(items))


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


def distances_so_far(runs: Runs, target: Target, scales: Floats, blocks: tuple[str, ...], plan: Plan) -> Floats:
    """The least that the distances in these blocks can become, for histories that end early, shape (runs,).

    A region that has not risen by the end of the last day rises on the next at the earliest; all else is known, if that is `last_day`.
    """
    mask = target.blocks(blocks)
    known = target.only(blocks)
    return distances(items_of(runs, known, plan), known, scales[mask], blocks)


def pseudo_target(target: Target, row: Floats) -> Target:
    """A simulated history as a record: as wide as the real one, item by item, and as blank."""
    width = np.minimum(np.where(np.isnan(target.low), np.nan, target.high - target.low), ONSET_CAP)
    return Target(target.items, row - width / 2, row + width / 2)


def middle_of(target: Target) -> Floats:
    """The middle of each interval: where a fit line is evaluated; an open end counts as two days after the earliest."""
    onset = np.array([i.block == "onset" for i in target.items])
    high = np.where(onset, np.minimum(target.high, target.low + 4), target.high)
    return (target.low + high) / 2


def summary_of(items: Floats, target: Target) -> tuple[Floats, tuple[str, ...]]:
    """Few smooth numbers for regression: regions risen by day, and the other items; shape (runs, numbers), and their names."""
    blocks = np.array([i.block for i in target.items])
    onset, seats = items[:, blocks == "onset"], items[:, (blocks == "seats")]
    risen = [np.mean(np.clip(day + 0.5 - onset, 0, 1), axis=1) for day in (1, 2, 3, 4)]
    names = [f"risen by day {day + 1}" for day in (1, 2, 3, 4)]
    others = [k for k, block in enumerate(blocks) if block not in ("onset", "seats")]
    names += [f"{target.items[k].block} {target.items[k].of} {target.items[k].day}".strip() for k in others]
    columns = [*risen, *(items[:, k] for k in others), np.nansum(seats, axis=1)]
    return np.stack(columns, axis=1), (*names, "seats")


def _log(x: float) -> float:
    return float(np.log10(1 + x))


def _top(high: float | None, low: float) -> float:
    return low if high is None else high


def whole_days(plan: Plan) -> int:
    """Whole days of a plan: what is counted by day is known for these."""
    start = dt.datetime.fromisoformat(plan.start)
    return int((start.hour + start.minute / 60 + plan.hours) // 24)
