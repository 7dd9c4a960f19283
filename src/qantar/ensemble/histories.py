"""Prior-predictive summary: how many of the drawn histories show each recorded feature, through the record model.

A share is no probability of an outcome: draws of priors say what the priors allow, draws of a posterior what one fit does. Each feature
is a rule written down here, the same for every case; a blank of the record gives no feature.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.model.outcome import UPRISING
from qantar.record.observables import Observables
from qantar.scenario.scenario import Plan
from qantar.statistics import wilson

FACTOR = 2.0
"""A simulated number agrees with a recorded one if it lies within this factor of its range."""
DECLINE_DAYS, DECLINE_TO = 5, 0.1
"""A decline within days: participants this many days after their peak are at most this share of it."""
MASS = 0.05
"""Share of the state's units that left by themselves or changed sides, above which it was mass defection."""
PEOPLE, SIGNS = ("participants", "detained", "killed"), ("presence", "seat_lost", "stopped")
"""Arrays of `Runs`: numbers of people, and yes or no."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """One recorded feature: `kind` and `of` name it, `recorded` is what the record says; `shown` runs of `runs` show it."""

    kind: str
    of: str
    recorded: str
    shown: int
    runs: int
    median: float
    low: float
    high: float
    """of the simulated quantity: median, 5 % and 95 % quantile; NaN where there is none"""

    @property
    def share(self) -> float:
        """Share of runs that show the feature."""
        return self.shown / self.runs if self.runs else 0.0

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share over draws.

        >>> [round(x, 3) for x in Feature("onset", "KZ-MAN", "", 0, 100, 0, 0, 0).interval()]
        [0.0, 0.037]
        """
        return wilson(self.shown, self.runs)

    def numbers(self) -> str:
        """The simulated quantity in words: median (5 % to 95 %), or nothing.

        >>> Feature("detained", "", "", 0, 1, 1320.4, 0.0, 0.129).numbers()
        '1,320 (0–0.13)'
        """
        shown = [f"{x:,.0f}" if x >= 10 or x == int(x) else f"{x:.2g}" for x in (self.median, self.low, self.high) if not math.isnan(x)]
        return f"{shown[0]} ({shown[1]}–{shown[2]})" if shown else ""

    def as_dict(self) -> dict[str, Any]:
        """For machines; what is not a number is None."""
        low, high = self.interval()
        numbers = {k: None if math.isnan(v) else v for k, v in (("median", self.median), ("low", self.low), ("high", self.high))}
        shares = {"share": round(self.share, 4), "share_low": round(low, 4), "share_high": round(high, 4)}
        return {"kind": self.kind, "of": self.of, "recorded": self.recorded, "shown": self.shown, "runs": self.runs, **shares, **numbers}


@dataclass(frozen=True)
class Runs:
    """Histories as arrays, in the order of runs."""

    presence: Bools
    """shape (runs, days, regions)"""
    participants: Floats
    """shape (runs, days)"""
    detained: Floats
    """shape (runs, days), since the start"""
    killed: Floats
    """shape (runs, regions)"""
    seat_lost: Bools
    """whether the crowd ever held a region's seat of government, shape (runs, regions)"""
    stopped: Bools
    whole: dict[str, Any]
    """the table of runs, by column"""

    @property
    def n(self) -> int:
        """Runs."""
        return len(self.stopped)

    def onset(self) -> NDArray[np.int64]:
        """First reported day of each run and region, -1 if never."""
        return np.where(self.presence.any(axis=1), self.presence.argmax(axis=1), -1)


def arrays(days: dict[str, Any], whole: dict[str, Any]) -> Runs:
    """The store's columns as arrays; rows are ordered by run, region, day."""
    n = len(whole["run"])
    n_regions, n_days = int(days["region"].max()) + 1, int(days["day"].max()) + 1

    def shaped(name: str) -> NDArray[Any]:
        return np.asarray(days[name]).reshape(n, n_regions, n_days)

    return Runs(
        shaped("presence").transpose(0, 2, 1).astype(bool),
        shaped("participants")[:, 0, :],
        shaped("detained")[:, 0, :],
        shaped("killed")[:, :, 0],
        shaped("seat_lost")[:, :, 0].astype(bool),
        whole["stopped"].astype(bool),
        whole,
    )


def joined(parts: Sequence[Runs]) -> Runs:
    """Histories one after the other, as one; of the table of runs, the columns that all have."""
    names = [k for k in parts[0].whole if all(k in p.whole for p in parts)]
    whole = {k: np.concatenate([p.whole[k] for p in parts]) for k in names}
    return Runs(whole=whole, **{k: np.concatenate([getattr(p, k) for p in parts]) for k in (*PEOPLE, *SIGNS)})


def first(runs: Runs, n: int) -> Runs:
    """The first n histories."""
    return chosen(runs, slice(n))


def chosen(runs: Runs, rows: NDArray[np.int64] | slice) -> Runs:
    """These histories, in this order."""
    return Runs(whole={k: v[rows] for k, v in runs.whole.items()}, **{k: getattr(runs, k)[rows] for k in (*PEOPLE, *SIGNS)})


def features(runs: Runs, record: Observables, plan: Plan) -> list[Feature]:
    """Every recorded feature that the histories could show."""
    first = dt.datetime.fromisoformat(plan.start).date()
    n_days = runs.presence.shape[1]
    ids = [r.id for r in plan.regions]
    onset = runs.onset()
    found = [*_onsets(onset, runs, record, ids, first)]
    for dated in record.regions_with_unrest:
        day = (dated.date - first).days
        if 0 <= day < n_days:
            count = ((onset >= 0) & (onset <= day)).sum(axis=1).astype(float)
            shown = (count >= dated.interval.low) & (count <= dated.interval.high)
            found.append(_feature("regions", str(dated.date), str(dated.interval), shown, count))
    for kind, rows, table in (("participants", record.participants, runs.participants), ("detained", record.detained, runs.detained)):
        for dated in rows:
            day = (dated.date - first).days
            if 0 <= day < n_days:
                value = table[:, day]
                found.append(
                    _feature(kind, str(dated.date), str(dated.interval), _within(value, dated.interval.low, dated.interval.high), value)
                )
    total = runs.killed.sum(axis=1)
    if record.deaths_total is not None:
        known = record.deaths_total.interval
        found.append(_feature("deaths", "country", str(known), _within(total, known.low, known.high), total))
        for unit in record.deaths:
            share = (unit.interval.value or 0) / (known.value or 1)
            if unit.region_id in ids and share > 0.5:
                value = np.divide(runs.killed[:, ids.index(unit.region_id)], total, out=np.zeros(runs.n), where=total > 0)
                found.append(_feature("deaths_share", unit.region_id, f"{share:.2f}", (value > 0.5) & (total > 0), value))
    found += _stylized(onset, runs, record, plan, first)
    return found


def _stylized(onset: NDArray[np.int64], runs: Runs, record: Observables, plan: Plan, first: dt.date) -> Iterable[Feature]:
    """The shape of the week: a jump over borders, what followed price cuts, where people died, how it ended, who left."""
    n_days = runs.presence.shape[1]
    ids = [r.id for r in plan.regions]
    yield from _jump(onset, runs, record, plan, first)
    openers = _openers(record)
    cuts = [day for day in _price_cuts(plan, openers) if 0 <= day < n_days - 1]
    if cuts:
        rises = np.stack([runs.participants[:, day + 1] > runs.participants[:, day] for day in cuts], axis=1)
        days = "; ".join(str(first + dt.timedelta(days=day)) for day in cuts)
        yield _feature("rise_after_cuts", ";".join(openers), days, np.asarray(rises.all(axis=1)), rises.sum(axis=1).astype(float))
    known = record.seats_entered
    entered, unknown = sum(v is True for v in known.values()), sum(v is None for v in known.values())
    lost = runs.seat_lost.sum(axis=1).astype(float)
    if entered:
        recorded = str(entered) if not unknown else f"{entered}–{entered + unknown}"
        yield _feature("seats", "country", recorded, np.asarray((lost >= entered) & (lost <= entered + unknown)), lost)
        total = runs.killed.sum(axis=1)
        share = np.divide((runs.killed * runs.seat_lost).sum(axis=1), total, out=np.full(runs.n, np.nan), where=total > 0)
        there = sum(u.interval.value or 0 for u in record.deaths if u.region_id in ids and known.get(u.region_id or "") is True)
        if record.deaths_total is not None and record.deaths_total.interval.value:
            yield _feature("deaths_at_seats", "country", f"≥ {there / record.deaths_total.interval.value:.2f}", share > 0.5, share)
    peak = runs.participants.max(axis=1)
    later = np.minimum(runs.participants.argmax(axis=1) + DECLINE_DAYS, n_days - 1)
    left = np.divide(runs.participants[np.arange(runs.n), later], peak, out=np.full(runs.n, np.nan), where=peak >= UPRISING)
    in_time = runs.participants.argmax(axis=1) + DECLINE_DAYS < n_days
    yield _feature("decline", str(DECLINE_DAYS), f"≤ {DECLINE_TO:g}", (left <= DECLINE_TO) & in_time, left)
    gone = np.maximum(runs.whole["changed_sides"], runs.whole["stood_aside"])
    gone = np.where(peak >= UPRISING, gone, np.nan)
    yield _feature("no_defection", "country", f"< {MASS:g}", gone < MASS, gone)


def _openers(record: Observables) -> list[str]:
    earliest = min(o.earliest for o in record.onsets)
    return [o.region_id for o in record.onsets if o.earliest == earliest]


def _price_cuts(plan: Plan, regions: list[str]) -> list[int]:
    """Days on which the price fell in these regions, by the recorded decisions."""
    homes = {p.id: plan.regions[p.region].id for p in plan.places}
    price, days = dict.fromkeys(regions, plan.price), []
    start = dt.datetime.fromisoformat(plan.start)
    for s in sorted((s for s in plan.steps if s.kind == "price"), key=lambda s: s.at):
        named = {homes.get(x, x) for x in s.places}
        for region in regions:
            if region in named or plan.country in named:
                if s.size < price[region]:
                    days.append(int((start.hour + start.minute / 60 + s.at) // 24))
                price[region] = s.size
    return sorted(set(days))


def _jump(onset: NDArray[np.int64], runs: Runs, record: Observables, plan: Plan, first: dt.date) -> Iterable[Feature]:
    """The day on which most regions rose: at least as many in the simulation, most of them next to none that rose before."""
    by_day = Counter((o.stated or o.earliest) for o in record.onsets)
    day, n = max(by_day.items(), key=lambda item: (item[1], -item[0].toordinal()))
    k = (day - first).days
    if not 0 < k < runs.presence.shape[1]:
        return
    ids = [r.id for r in plan.regions]
    beside = np.array([[other.id in r.adjacent for other in plan.regions] for r in plan.regions])
    before = (onset >= 0) & (onset < k)
    new = onset == k
    apart = new & ~(before[:, None, :] & beside[None]).any(axis=2)
    count = new.sum(axis=1).astype(float)
    shown = (count >= n) & (2 * apart.sum(axis=1) > count) & before.any(axis=1)
    recorded_before = {o.region_id for o in record.onsets if (o.stated or o.earliest) < day}
    risen = [o.region_id for o in record.onsets if (o.stated or o.earliest) == day]
    alone = sum(not (recorded_before & set(plan.regions[ids.index(r)].adjacent)) for r in risen)
    yield _feature("jump", str(day), f"{n} ({alone})", shown, count)


def _onsets(onset: NDArray[np.int64], runs: Runs, record: Observables, ids: list[str], first: dt.date) -> list[Feature]:
    n_days = runs.presence.shape[1]
    found, intervals = [], []
    for o in record.onsets:
        low = (o.earliest - first).days
        high = n_days - 1 if o.latest is None else (o.latest - first).days
        day = onset[:, ids.index(o.region_id)]
        shown = (day >= low) & (day <= high) if o.latest is not None else ((day >= low) | (day < 0))
        intervals.append(shown)
        when = str(o.earliest) if o.firm else f"{o.earliest}–{o.latest or '…'}"
        value = np.where(day < 0, np.nan, day.astype(float))
        found.append(_feature("onset", o.region_id, when, shown, value))
    matched = np.sum(intervals, axis=0).astype(float)
    earliest = min(o.earliest for o in record.onsets)
    openers = _openers(record)
    day = np.where(onset < 0, 10**6, onset)
    opener_first = np.zeros(runs.n, bool)
    for region in openers:
        own = day[:, ids.index(region)]
        others = np.delete(day, ids.index(region), axis=1).min(axis=1)
        opener_first |= (own < 10**6) & (own <= others)
    found.append(_feature("first", ";".join(openers), str(earliest), opener_first, np.full(runs.n, np.nan)))
    found.append(_feature("onsets_matched", str(len(ids)), str(len(ids)), matched >= len(ids), matched))
    return found


def _within(value: Floats, low: float, high: float) -> Bools:
    return (value >= low / FACTOR) & (value <= high * FACTOR)


def _feature(kind: str, of: str, recorded: str, shown: Bools, value: Floats) -> Feature:
    known = value[~np.isnan(value)]
    median, low, high = np.quantile(known, (0.5, 0.05, 0.95)) if len(known) else (np.nan,) * 3
    return Feature(kind, of, recorded, int(shown.sum()), len(shown), float(median), float(low), float(high))


def presence_shares(runs: Runs) -> Floats:
    """Share of runs in which unrest of a region's day gets reported, shape (days, regions)."""
    return np.asarray(runs.presence.mean(axis=0))


def curves(runs: Runs) -> dict[str, Floats]:
    """Quantiles over runs of the national curves, each of shape (quantiles, days)."""
    return {name: np.quantile(getattr(runs, name), QUANTILES, axis=0) for name in ("participants", "detained")}
