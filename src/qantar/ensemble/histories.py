"""Prior-predictive summary: how many of the drawn histories show each recorded feature, through the record model.

A share is no probability of an outcome: draws of priors say what the priors allow, draws of a posterior what one fit does. Each feature
is a rule written down here, the same for every case; a blank of the record gives no feature.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.model.outcome import UPRISING
from qantar.record.observables import Dated, Interval, Observables
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
HALF = 0.5
"""Histories show a feature of a record if at least this share of them does."""
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

    def sha256(self) -> str:
        """SHA-256 over the digests of all histories."""
        return hashlib.sha256("".join(self.whole["sha256"]).encode()).hexdigest()

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
    beside = _Beside(runs, record, plan)
    parts = (beside.onsets, beside.counts, beside.deaths, beside.jump, beside.cuts, beside.seats, beside.end)
    return [feature for part in parts for feature in part()]


class _Beside:
    """Histories beside a record."""

    def __init__(self, runs: Runs, record: Observables, plan: Plan) -> None:
        self.runs, self.record, self.plan = runs, record, plan
        self.start = dt.datetime.fromisoformat(plan.start)
        self.ids, self.n_days, self.onset = [r.id for r in plan.regions], runs.presence.shape[1], runs.onset()
        self.told = [o for o in record.onsets if o.latest is not None or self.day(o.earliest) > 0]
        """first days of which the record says anything"""
        self.earliest = min((o.earliest for o in self.told), default=None)
        self.openers = [o.region_id for o in self.told if o.earliest == self.earliest]

    def day(self, date: dt.date) -> int:
        return (date - self.start.date()).days

    def dated(self, rows: Iterable[Dated]) -> Iterator[tuple[Dated, int]]:
        """Figures of the days that were simulated, with the number of the day."""
        return ((row, day) for row in rows if 0 <= (day := self.day(row.date)) < self.n_days)

    def onsets(self) -> Iterator[Feature]:
        """When each region rose, which was first, and how many rose in time."""
        in_time = []
        for o in self.told:
            day, low = self.onset[:, self.ids.index(o.region_id)], self.day(o.earliest)
            in_time.append((day >= low) | (day < 0) if o.latest is None else (day >= low) & (day <= self.day(o.latest)))
            when = str(o.earliest) if o.firm else f"{o.earliest}–{o.latest or '…'}"
            yield _feature("onset", o.region_id, when, in_time[-1], np.where(day < 0, np.nan, day.astype(float)))
        if not self.told:
            return
        day = np.where(self.onset < 0, 10**6, self.onset)
        opener_first = np.zeros(self.runs.n, bool)
        for region in self.openers:
            own = day[:, self.ids.index(region)]
            others = np.delete(day, self.ids.index(region), axis=1).min(axis=1, initial=10**6)  # a country may be one region
            opener_first |= (own < 10**6) & (own <= others)
        yield _feature("first", ";".join(self.openers), str(self.earliest), opener_first, np.full(self.runs.n, np.nan))
        matched, n = np.sum(in_time, axis=0).astype(float), len(self.told)
        yield _feature("onsets_matched", str(n), str(n), matched >= n, matched)

    def counts(self) -> Iterator[Feature]:
        """Regions with unrest, participants and detained by date."""
        for row, day in self.dated(self.record.regions_with_unrest):
            count = ((self.onset >= 0) & (self.onset <= day)).sum(axis=1).astype(float)
            shown = (count >= row.interval.low) & (count <= row.interval.high)
            yield _feature("regions", str(row.date), str(row.interval), shown, count)
        for kind in ("participants", "detained"):
            for row, day in self.dated(getattr(self.record, kind)):
                value = getattr(self.runs, kind)[:, day]
                yield _feature(kind, str(row.date), str(row.interval), _within(value, row.interval), value)

    def deaths(self) -> Iterator[Feature]:
        """How many died, and whether most of them where the record says so."""
        if self.record.deaths_total is None:
            return
        known, total = self.record.deaths_total.interval, self.runs.killed.sum(axis=1)
        yield _feature("deaths", "country", str(known), _within(total, known), total)
        for unit in self.record.deaths:
            share = (unit.interval.value or 0) / (known.value or 1)
            if unit.region_id in self.ids and share > 0.5:
                there = self.runs.killed[:, self.ids.index(unit.region_id)]
                value = np.divide(there, total, out=np.zeros(self.runs.n), where=total > 0)
                yield _feature("deaths_share", unit.region_id, f"{share:.2f}", (value > 0.5) & (total > 0), value)

    def jump(self) -> Iterator[Feature]:
        """The day on which most regions rose: at least as many in the simulation, most of them next to none that rose before."""
        rose = {o.region_id: o.stated or o.earliest for o in self.told}
        if not rose:
            return
        day, n = max(Counter(rose.values()).items(), key=lambda item: (item[1], -item[0].toordinal()))
        k = self.day(day)
        if not 0 < k < self.n_days:
            return
        beside = np.array([[other.id in r.adjacent for other in self.plan.regions] for r in self.plan.regions])
        before, new = (self.onset >= 0) & (self.onset < k), self.onset == k
        apart = new & ~(before[:, None, :] & beside[None]).any(axis=2)
        count = new.sum(axis=1).astype(float)
        shown = (count >= n) & (2 * apart.sum(axis=1) > count) & before.any(axis=1)
        earlier = {region for region, when in rose.items() if when < day}
        alone = sum(rose[r.id] == day and not earlier & {*r.adjacent} for r in self.plan.regions if r.id in rose)
        yield _feature("jump", str(day), f"{n} ({alone})", shown, count)

    def cuts(self) -> Iterator[Feature]:
        """Whether more went out on the day after each cut of the price where it began."""
        cuts = [day for day in self.price_cuts() if 0 <= day < self.n_days - 1]
        if cuts:
            rises = np.stack([self.runs.participants[:, day + 1] > self.runs.participants[:, day] for day in cuts], axis=1)
            days = "; ".join(str(self.start.date() + dt.timedelta(days=day)) for day in cuts)
            shown, times = np.asarray(rises.all(axis=1)), rises.sum(axis=1).astype(float)
            yield _feature("rise_after_cuts", ";".join(self.openers), days, shown, times)

    def price_cuts(self) -> list[int]:
        """Days on which the price fell in the regions that rose first, by the recorded decisions."""
        homes = {p.id: self.ids[p.region] for p in self.plan.places}
        price, days = dict.fromkeys(self.openers, self.plan.price), set()
        for s in sorted((s for s in self.plan.steps if s.kind == "price"), key=lambda s: s.at):
            named = {homes.get(x, x) for x in s.places}
            for region in self.openers:
                if region in named or self.plan.country in named:
                    if s.size < price[region]:
                        days.add(int((self.start.hour + self.start.minute / 60 + s.at) // 24))
                    price[region] = s.size
        return sorted(days)

    def seats(self) -> Iterator[Feature]:
        """How many seats of government the crowd entered, and whether most died there."""
        known, runs = self.record.seats_entered, self.runs
        entered, unknown = sum(v is True for v in known.values()), sum(v is None for v in known.values())
        if not entered:
            return
        lost = runs.seat_lost.sum(axis=1).astype(float)
        recorded = str(entered) if not unknown else f"{entered}–{entered + unknown}"
        yield _feature("seats", "country", recorded, np.asarray((lost >= entered) & (lost <= entered + unknown)), lost)
        if self.record.deaths_total is not None and (all_known := self.record.deaths_total.interval.value):
            total = runs.killed.sum(axis=1)
            share = np.divide((runs.killed * runs.seat_lost).sum(axis=1), total, out=np.full(runs.n, np.nan), where=total > 0)
            there = sum(u.interval.value or 0 for u in self.record.deaths if u.region_id in self.ids and known.get(u.region_id) is True)
            yield _feature("deaths_at_seats", "country", f"≥ {there / all_known:.2f}", share > 0.5, share)

    def end(self) -> Iterator[Feature]:
        """Whether it was over within days, and whether the state's units stayed."""
        runs, peak = self.runs, self.runs.participants.max(axis=1)
        later = runs.participants.argmax(axis=1) + DECLINE_DAYS
        there = runs.participants[np.arange(runs.n), np.minimum(later, self.n_days - 1)]
        left = np.divide(there, peak, out=np.full(runs.n, np.nan), where=peak >= UPRISING)
        yield _feature("decline", str(DECLINE_DAYS), f"≤ {DECLINE_TO:g}", (left <= DECLINE_TO) & (later < self.n_days), left)
        gone = np.where(peak >= UPRISING, np.maximum(runs.whole["changed_sides"], runs.whole["stood_aside"]), np.nan)
        yield _feature("no_defection", "country", f"< {MASS:g}", gone < MASS, gone)


def _within(value: Floats, known: Interval) -> Bools:
    return (value >= known.low / FACTOR) & (value <= known.high * FACTOR)


def _feature(kind: str, of: str, recorded: str, shown: Bools, value: Floats) -> Feature:
    known = value[~np.isnan(value)]
    median, low, high = np.quantile(known, (0.5, 0.05, 0.95)) if len(known) else (np.nan,) * 3
    return Feature(kind, of, recorded, int(shown.sum()), len(shown), float(median), float(low), float(high))


def curves(runs: Runs) -> dict[str, Floats]:
    """Quantiles over runs of the national curves, each of shape (quantiles, days)."""
    return {name: np.quantile(getattr(runs, name), QUANTILES, axis=0) for name in ("participants", "detained")}
