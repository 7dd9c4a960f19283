"""What may be asked of a history: one number each, read from what the store keeps of it.

`MEASURES` are those of experiments, on days and in regions of their choice; `OUTCOMES` those of a comparison of arms, of whole histories.
Counts of people are `log10(1 + people)`, so an effect is a ratio; shares are 0 or 1 in a history and become shares over seeds.
Participants and unrest are as reported, through the record model; deaths, seats and crowds in one settlement as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects.likeness import left
from qantar.ensemble.histories import Runs, arrays
from qantar.ensemble.store import Store
from qantar.model.outcome import UPRISING
from qantar.scenario.plan import Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """Histories with the largest crowd in one settlement by day and region, shape (runs, days, regions)."""

    runs: Runs
    gathering: Floats


@dataclass(frozen=True)
class Window:
    """What a measure looks at: indices of days since the start and of regions; and a number of people, where it has one."""

    days: list[int] | slice
    regions: list[int] | slice
    people: float = UPRISING


EVERYWHERE = Window(slice(None), slice(None))
"""All days and regions."""


@dataclass(frozen=True)
class Measure:
    """A unit (log10, regions, seats, share), how the number is read, shape (runs,), and its limits."""

    unit: str
    of: Callable[[Seen, Window], Floats]
    least: float = 0.0
    """no history can have less"""
    greatest: Callable[[Plan], float] = lambda plan: math.inf
    """nor more, with this plan"""


def read_seen(store: Store, n: int) -> Seen:
    """The first n histories of a store."""
    return _seen(*store.read(n))


def cut(seen: Seen, days: int) -> Seen:
    """The same to the end of a day; columns of whole histories stay those of whole histories."""
    r = seen.runs
    runs = replace(r, presence=r.presence[:, :days], participants=r.participants[:, :days], detained=r.detained[:, :days])
    return Seen(runs, seen.gathering[:, :days])


def seen_of(runs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Seen:
    """Histories as `ensemble.one_run` gives them."""
    days = {k: np.concatenate([d[k] for d, _ in runs]) for k in runs[0][0]}
    order = np.lexsort((days["day"], days["region"], days["run"]))
    return _seen({k: v[order] for k, v in days.items()}, {k: np.array([w[k] for _, w in runs]) for k in runs[0][1]})


def seen_whole(whole: dict[str, Any]) -> Seen:
    """Histories of which only the table of runs was kept: for measures that look at no day and no region."""
    n = len(whole["run"])
    none, flat = np.zeros((n, 0, 0)), np.zeros((n, 0))
    return Seen(Runs(none.astype(bool), flat, flat, flat, flat.astype(bool), np.zeros(n, bool), whole), none)


def _seen(days: dict[str, Any], whole: dict[str, Any]) -> Seen:
    shape = (len(whole["run"]), int(days["region"].max()) + 1, int(days["day"].max()) + 1)
    return Seen(arrays(days, whole), np.asarray(days["gathering"], float).reshape(shape).transpose(0, 2, 1))


def _log(x: Floats) -> Floats:
    return np.asarray(np.log10(1.0 + np.asarray(x, float)))


def _participants(s: Seen, at: Window) -> Floats:
    return np.asarray(s.runs.participants[:, at.days].sum(axis=1))


def _killed(s: Seen, at: Window) -> Floats:
    return np.asarray(s.runs.killed[:, at.regions].sum(axis=1))


def _first_region(s: Seen, at: Window) -> Floats:
    """Whether a region is among the first with reported unrest; 0 where there was none anywhere."""
    onset = np.where(s.runs.onset() < 0, np.inf, s.runs.onset())
    first = onset.min(axis=1)
    return np.asarray((np.isfinite(first) & (onset[:, at.regions].min(axis=1) == first)).astype(float))


def _over(s: Seen, at: Window) -> Floats:
    """Whether the largest crowd of the regions is below a tenth of its largest of the whole history, and there was one."""
    crowd = s.gathering[:, :, at.regions].max(axis=2)
    peak = crowd.max(axis=1)
    return np.asarray(((peak >= at.people) & (crowd[:, at.days].max(axis=1) < 0.1 * peak)).astype(float))


def _left(days: int) -> Callable[[Seen, Window], Floats]:
    """Share of the largest official count still out so many days later; 0 where it never was so many."""
    return lambda s, at: np.nan_to_num(left(s.runs, days, at.people), nan=0.0)


def _whole(column: str) -> Callable[[Seen, Window], Floats]:
    return lambda s, at: _log(s.runs.whole[column])


def _regions(plan: Plan) -> float:
    return float(len(plan.regions))


def _one(plan: Plan) -> float:
    return 1.0


def _ended(name: str) -> Callable[[Seen, Window], Floats]:
    return lambda s, at: (np.asarray(s.runs.whole["outcome"]).astype(str) == name).astype(float)


MEASURES = {
    "participants": Measure("log10", lambda s, at: _log(_participants(s, at))),
    "peak": Measure("log10", _whole("peak")),
    "crowd": Measure("log10", lambda s, at: _log(s.gathering[:, at.days][:, :, at.regions].max(axis=(1, 2)))),
    "duration": Measure("log10", lambda s, at: _log(s.runs.whole["hours"]), greatest=lambda plan: math.log10(1 + plan.hours)),
    "killed": Measure("log10", lambda s, at: _log(_killed(s, at))),
    "killed_per_participant": Measure("log10", lambda s, at: _log(_killed(s, at)) - _log(_participants(s, at)), -math.inf),
    "regions": Measure("regions", lambda s, at: s.runs.presence[:, at.days].any(axis=1).sum(axis=1).astype(float), greatest=_regions),
    "seats": Measure("seats", lambda s, at: np.asarray(s.runs.whole["seats_lost"], float), greatest=_regions),
    "uprising": Measure("share", lambda s, at: (np.asarray(s.runs.whole["peak"]) >= at.people).astype(float), greatest=_one),
    "first_region": Measure("share", _first_region, greatest=_one),
    "over": Measure("share", _over, greatest=_one),
    "left_3": Measure("share", _left(3), greatest=_one),
    "left_5": Measure("share", _left(5), greatest=_one),
    **{end: Measure("share", _ended(end), greatest=_one) for end in ("collapsed", "conceded", "settled")},
}


@dataclass(frozen=True)
class Outcome:
    """One number of a history that is compared between arms: how it is read, what is counted, and the smallest effect that counts."""

    measure: Measure
    natural: str
    """people, participant-days, regions, seats, or a share of histories"""
    smallest: float

    @property
    def unit(self) -> str:
        """log10, regions, seats or share."""
        return self.measure.unit

    def of(self, seen: Seen) -> Floats:
        """The number of each history, shape (runs,)."""
        return self.measure.of(seen, EVERYWHERE)


OUTCOMES = {
    "peak": Outcome(MEASURES["peak"], "people", 0.1),
    "participant_days": Outcome(MEASURES["participants"], "participant-days", 0.1),
    "regions": Outcome(MEASURES["regions"], "regions", 0.5),
    "killed": Outcome(Measure("log10", _whole("killed")), "people", 0.1),
    "security_killed": Outcome(Measure("log10", _whole("security_killed")), "people", 0.1),
    "detained": Outcome(Measure("log10", _whole("detained")), "people", 0.1),
    "seats_lost": Outcome(MEASURES["seats"], "seats", 0.1),
    "uprising": Outcome(MEASURES["uprising"], "share", 0.1),
}
"""Outcomes in people of the country; deaths of both sides. Participants are as officially counted; their bias is the same in base and arm.

Smallest effects, fixed before any run: 0.1 in log10 is a quarter more or fewer, a third of the error of one official count (0.3, `record`);
half a region is one region more in every other history; 0.1 seats, and 0.1 of histories with an uprising, are one history in ten.
"""
