"""From histories to numbers that can be compared with the record, and how far a history is from it.

Every history becomes one row of `items`: first reported day of each region, who was first, how many regions had risen by a day, official
participants, how many of them were left days after the peak, detained, deaths, the share of the country's deaths in one region, which
seats of government fell, and how many. A record is an interval for each item, or a blank:

    deviation  e = how far the item lies outside its interval; 0 inside; a blank counts nothing
    distance   d = sqrt( mean over blocks of the mean over items of (e / s)^2 )

Blocks are onsets, who was first, the stair of regions risen, participants, the decline, detained, deaths, share, seats and how many of
them fell: each counts once, however many items it has. The last stands beside the seats because a model that cannot say which seats fall
would come nearest to them if none ever did. Scales s are the error of the record alone, fixed before anything is fitted: how far draws of
the priors spread says nothing of how well a number is known. The same functions serve a recorded and a simulated ("pseudo") record.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import DECLINE_DAYS, DECLINE_TO, Runs
from qantar.record.observables import Dated, Interval, Observables
from qantar.scenario.scenario import Plan

Floats = NDArray[np.float64]
ERRORS = {
    "onset": 1.0, "first": 0.5, "stair": 1.0, "participants": 0.3, "decline": 0.3,
    "detained": 0.2, "deaths": 0.3, "share": 0.15, "seats": 0.5, "fallen": 1.0,
}  # fmt: skip
"""Errors of the record by block: days; yes or no; regions; log10 (0.3, a factor of two, is the bias assumed of official counts); share; a
seat more or less."""
ONSET_CAP = 5.0
"""Days: no onset counts as farther off, so that one region that never rose does not outweigh all others."""
DECLINE_LEAST = 1e-3
"""A smaller share left after the peak counts as this one."""
MOBILIZATION = ("onset", "first", "stair", "participants", "decline")
FORCE = ("detained", "deaths", "share", "seats", "fallen")
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

    def sha256(self) -> str:
        """What a record says, as a key: the same as long as no interval of it changes."""
        said = [[i.block, i.of, i.day, f"{a:.6g}", f"{b:.6g}"] for i, a, b in zip(self.items, self.low, self.high, strict=True)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

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
    rows = _onsets(record, plan, first)
    openers = ";".join(_may_be_first(record))
    rows.append((Item("first", openers), *((1.0, 1.0) if openers else (np.nan, np.nan))))

    def dated(counts: tuple[Dated, ...]) -> Iterator[tuple[int, Interval]]:
        return ((day, c.interval) for c in counts if 0 <= (day := (c.date - first).days) < n_days)

    rows += [(Item("stair", "country", day), known.low, known.high) for day, known in dated(record.regions_with_unrest)]
    if record.participants:
        peak = max(record.participants, key=lambda c: c.interval.high)
        if (day := (peak.date - first).days + DECLINE_DAYS) < n_days:
            rows.append((Item("decline", "country", day), float(np.log10(DECLINE_LEAST)), float(np.log10(DECLINE_TO))))
    rows += [(Item("participants", "country", day), *_logs(known)) for day, known in dated(record.participants)]
    wanted = tuple(c for c in record.detained if not detained or c.date in detained)
    rows += [(Item("detained", "country", day), *_logs(known)) for day, known in dated(wanted)]
    rows += _harm(record)
    for r in plan.regions:
        entered = record.seats_entered.get(r.id)
        value = np.nan if entered is None else float(entered)
        rows.append((Item("seats", r.id), value, value))
    known = list(record.seats_entered.values())
    fell, unknown = sum(v is True for v in known), sum(v is None for v in known)
    rows.append((Item("fallen", "country"), *((float(fell), float(fell + unknown)) if known else (np.nan, np.nan))))
    items, low, high = zip(*rows, strict=True)
    return Target(items, np.array(low, float), np.array(high, float))


def _may_be_first(record: Observables) -> list[str]:
    """Regions of which one rose first: those that may have risen by the day on which one surely had. None where that tells nothing."""
    by_then = min((o.latest for o in record.onsets if o.latest is not None), default=None)
    found = [o.region_id for o in record.onsets if by_then is not None and o.earliest <= by_then]
    return found if len(found) < len(record.onsets) else []


def _onsets(record: Observables, plan: Plan, first: dt.date) -> list[tuple[Item, float, float]]:
    """The first day of each region, in days since the start."""
    onsets, never = {o.region_id: o for o in record.onsets}, whole_days(plan)
    rows: list[tuple[Item, float, float]] = []
    for r in plan.regions:
        if (o := onsets.get(r.id)) is None:
            rows.append((Item("onset", r.id), np.nan, np.nan))
        else:
            rows.append((Item("onset", r.id), (o.earliest - first).days, never if o.latest is None else (o.latest - first).days))
    return rows


def _harm(record: Observables) -> list[tuple[Item, float, float]]:
    """The dead of the country, and the share of them where most died."""
    if (total := record.deaths_total) is None:
        return []
    rows = [(Item("deaths", "country"), *_logs(total.interval))]
    main = max(record.deaths, key=lambda u: u.interval.at_most if u.region_id else 0, default=None)
    least, most = total.interval.at_least, total.interval.at_most
    if main is not None and main.region_id and most:
        share = main.interval.low / most, min(1.0, main.interval.high / least) if least else 1.0
        rows.append((Item("share", main.region_id), *share))
    return rows


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
        elif item.block == "first":
            columns.append(_opened(onset, [ids.index(name) for name in item.of.split(";") if name], never))
        elif item.block == "stair":
            columns.append((onset <= item.day).sum(axis=1).astype(float))
        elif item.block == "decline":
            columns.append(_left(runs, item.day))
        elif item.block == "deaths":
            columns.append(np.log10(1 + total))
        elif item.block == "share":
            columns.append(np.divide(runs.killed[:, ids.index(item.of)], total, out=np.zeros(runs.n), where=total > 0))
        elif item.block == "fallen":
            columns.append(runs.seat_lost.sum(axis=1).astype(float))
        else:
            columns.append(runs.seat_lost[:, ids.index(item.of)].astype(float))
    return np.stack(columns, axis=1)


def _opened(onset: Floats, openers: list[int], never: int) -> Floats:
    """Whether one of these regions is among the first of a history, shape (runs,); onset by region, `never` where there is none."""
    first = onset.min(axis=1)
    return np.asarray(((onset[:, openers].min(axis=1, initial=never) == first) & (first < never)).astype(float))


def _left(runs: Runs, day: int) -> Floats:
    """Log10 of the share of the most participants up to a day that is left on it: later crowds alter nothing. Without any, nothing fell."""
    peak = runs.participants[:, : day + 1].max(axis=1)
    share = np.divide(runs.participants[:, day], peak, out=np.ones(runs.n), where=peak > 0)
    return np.asarray(np.log10(np.maximum(share, DECLINE_LEAST)))


def scales_of(target: Target) -> Floats:
    """The scale of each item: the error of the record, shape (items,)."""
    return np.array([ERRORS[i.block] for i in target.items])


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
        elif item.block == "first":
            ids = [r.id for r in plan.regions]
            rose = np.where(onset < 0, never, onset).astype(float)
            opened = _opened(rose, [ids.index(name) for name in item.of.split(";") if name], int(never))
            low[:, k], high[:, k] = opened, np.where((onset >= 0).any(axis=1) | (known >= never), opened, 1.0)
        elif item.block == "stair":
            risen = ((onset >= 0) & (onset <= item.day)).sum(axis=1)
            low[:, k], high[:, k] = risen, risen if item.day < known else len(plan.regions)
        elif item.block == "decline":
            low[:, k], high[:, k] = (_left(runs, item.day),) * 2 if item.day < known else (np.log10(DECLINE_LEAST), 0.0)
        elif item.block in ("participants", "detained"):
            now = np.log10(1 + getattr(runs, item.block)[:, min(item.day, known - 1)])
            settled = item.day < known
            low[:, k] = now if settled or item.block == "detained" else 0.0
            high[:, k] = now if settled else np.inf
        elif item.block == "deaths":
            low[:, k], high[:, k] = np.log10(1 + killed), np.inf
        elif item.block == "share":
            low[:, k], high[:, k] = 0.0, 1.0
        elif item.block == "fallen":
            low[:, k], high[:, k] = runs.seat_lost.sum(axis=1), len(plan.regions)
        else:
            low[:, k], high[:, k] = runs.seat_lost[:, [r.id for r in plan.regions].index(item.of)], 1.0
    return low, high


def middle_of(target: Target) -> Floats:
    """The middle of each interval: where a fit line is evaluated; an open end counts as two days after the earliest."""
    high = np.where(target.onset, np.minimum(target.high, target.low + 4), target.high)
    return (target.low + high) / 2


def summary_of(items: Floats, target: Target) -> Floats:
    """Few smooth numbers for regression, shape (runs, numbers): all items but onsets and single seats."""
    blocks = np.array([i.block for i in target.items])
    return items[:, ~np.isin(blocks, ("onset", "seats"))]


def whole_days(plan: Plan) -> int:
    """Whole days of a plan: what is counted by day is known for these."""
    start = dt.datetime.fromisoformat(plan.start)
    return int((start.hour + start.minute / 60 + plan.hours) // 24)
