"""What forecasts of a case are asked, written down before any is scored, and what a record answers.

In: a case with `benchmark.toml`. Out: for each split the units (towns or regions) with their events by day, and its questions: of which
unit and day, and what was recorded. A forecast gives each question probabilities of whole numbers 0 to `largest`:

    first   will a unit without an event so far have its first tomorrow: 0 or 1, asked every evening
    any     will a unit have an event tomorrow: 0 or 1, asked every evening
    week    on which of the days that are tested will a unit without an event so far have its first: 0, 1, ..., the last for never;
            asked once, on the evening before the first of them
    count   how many rows will the record have of a unit in the coming seven days, `largest` standing for so many or more; asked each week

An event is a row of the record of a kind that shows unrest (`record.complete.UNREST`) and is sure of its day, which is the one on which it
begins. A unit of which nothing is recorded counts as without event: one that was missed and one that was not there are told apart nowhere.

Each split is frozen by a SHA-256 over its question and everything that it rests on: units, and events to the last day tested.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from qantar.cases.case import Case, case_names, find_folder
from qantar.cases.outlines import distance_km
from qantar.errors import DataError, Problems, StudyError, fail
from qantar.files.cells import Choice, Date, FolderName, Number, Sha256, Strict, Text, Told
from qantar.files.markup import read_toml
from qantar.files.result import sha256
from qantar.record.complete import UNREST
from qantar.record.observables import observe
from qantar.record.schema import KM_MAX, PEOPLE_MAX

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FILE = "benchmark.toml"
FIRST, ANY, WEEK, COUNT = "first", "any", "week", "count"
HELD_OUT = {"held_out_region": "region", "held_out_day": "day"}
"""Targets that `qantar heldout` hides and scores, and what it calls their partitions."""
PLACES, REGIONS = "places", "regions"
DAYS_MAX = 366
Units = Annotated[str, BeforeValidator(Choice((PLACES, REGIONS)))]
Least = Annotated[int, BeforeValidator(Number("people", 0, PEOPLE_MAX, whole=True))]
Near = Annotated[float, BeforeValidator(Number("km", 1, KM_MAX))]
Days = Annotated[int, BeforeValidator(Number("days", 1, DAYS_MAX, whole=True))]


class Split(Told):
    """One question, the days from which it may be learnt, and those on which it is asked."""

    id: FolderName
    asks_en: Text
    asks_zh: Text
    note_en: Text = ""
    note_zh: Text = ""
    """what a reader must know before trusting the scores"""
    target: Annotated[str, BeforeValidator(Choice((FIRST, ANY, WEEK, COUNT, *HELD_OUT)))]
    units: Units
    residents: Least = 0
    """a town counts from so many on"""
    train_first: Date | None = None
    train_last: Date | None = None
    test_first: Date | None = None
    test_last: Date | None = None
    near_km: Near = 100.0
    """what is nearby"""
    largest: Annotated[int, BeforeValidator(Number("number", 1, 1000, whole=True))] = 1
    sha256: Sha256 | None = None


class Contagion(Strict):
    """Where it is asked whether events nearby go with events."""

    target: Annotated[str, BeforeValidator(Choice((FIRST, ANY)))]
    units: Units
    residents: Least = 0
    first_day: Date | None = None
    last_day: Date | None = None
    """the stretch that is looked at; by default the whole case"""
    near_km: Near
    days: Days
    """for which an event is looked back at"""


class Step(Strict):
    """A day at which the record, and not the world, may have changed."""

    day: Date
    weeks: Annotated[int, BeforeValidator(Number("weeks", 1, 52, whole=True))]
    """before it and from it on"""
    units: Units


class Benchmark(Strict):
    """`benchmark.toml`."""

    splits: list[Split] = Field(min_length=1)
    contagion: Contagion | None = None
    step: Step | None = None


@dataclass(frozen=True)
class Wave:
    """Units of a case by days."""

    first: dt.date
    ids: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    """in English and Chinese"""
    residents: Floats
    """shape (units,)"""
    points: Floats
    """degrees east and north, shape (units, 2)"""
    events: Ints
    """rows of the record that begin on a day, shape (units, days)"""

    def day(self, date: dt.date) -> int:
        """The number of a calendar day."""
        return (date - self.first).days

    def near(self, km: float) -> Any:
        """1 where two different units lie so close together, sparse, shape (units, units)."""
        from scipy.sparse import csr_array

        found = [np.flatnonzero(distance_km(point[None], self.points) <= km) for point in self.points]
        pairs = [(k, j) for k, close in enumerate(found) for j in close.tolist() if j != k]
        rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
        return csr_array((np.ones(len(pairs)), (rows, columns)), shape=(len(found), len(found)))


@dataclass(frozen=True)
class Questions:
    """What one split asks: of which unit, of which day (for `count` the first of seven, for `week` the first of all), and the answers."""

    unit: Ints
    day: Ints
    answer: Ints
    """shape (questions,)"""
    largest: int

    def __len__(self) -> int:
        return len(self.unit)


def with_benchmark() -> list[str]:
    """Packaged cases that say what forecasts of them are asked."""
    return [name for name in case_names() if (find_folder(name, "case.toml") / FILE).is_file()]


def read_benchmark(case: Case) -> Benchmark:
    """What forecasts of a case are asked; a DataError has every problem of the file."""
    problems = Problems()
    found = read_toml(case.folder / FILE, Benchmark, problems)
    if found is not None:
        check(found, case, problems)
    problems.raise_as(DataError)
    assert found is not None  # no problem means it was read
    return found


def check(found: Benchmark, case: Case, problems: Problems) -> None:
    """Problems of what is asked that only show beside the case: days in a wrong order or outside it, an id twice."""
    head, seen = case.head, set[str]()
    for n, split in enumerate(found.splits, 1):
        key = f"splits.{n}"
        if split.id in seen:
            problems.add(FILE, None, f"{key}.id", "split_twice", value=split.id)
        seen.add(split.id)
        if split.target in HELD_OUT:
            continue
        days = [("first_day", head.first_day), *((k, getattr(split, k)) for k in DAY_KEYS), ("last_day", head.last_day)]
        for name, day in days:
            if day is None:
                problems.add(FILE, None, f"{key}.{name}", "missing_key", value=name)
        given = [(name, day) for name, day in days if day is not None]
        for (before, a), (name, b) in pairwise(given):
            if a > b:
                problems.add(FILE, None, f"{key}.{name}", "split_days", value=b, other=before, other_value=a)
        if split.target == COUNT and split.test_first and split.test_last and ((split.test_last - split.test_first).days + 1) % 7:
            problems.add(FILE, None, f"{key}.test_last", "split_weeks", value=split.test_last, first=split.test_first)


DAY_KEYS = ("train_first", "train_last", "test_first", "test_last")


def dated(split: Split) -> tuple[dt.date, dt.date, dt.date, dt.date]:
    """First and last day of what is learnt from, and of what is tested."""
    found = split.train_first, split.train_last, split.test_first, split.test_last
    assert all(d is not None for d in found)  # `check` was there first
    return found  # type: ignore[return-value]


def wave_of(case: Case, units: str, residents: int, last: dt.date) -> Wave:
    """Units of a case with their events, from its first day to a last one.

    Raises
    ------
    StudyError
        If the case has fewer than two such units.
    """
    record, first = case.record, case.head.first_day
    if units == REGIONS:
        rows = [
            (r.region_id, (r.name_en, r.name_zh), record.value(r.region_id, "population") or np.nan, r.lon, r.lat) for r in record.regions
        ]
    else:
        towns = ((s, s.population_used or s.population_geonames or 0) for s in record.settlements)
        rows = [(s.settlement_id, (s.name_en, s.name_zh or s.name_en), float(n), s.lon, s.lat) for s, n in towns if n >= max(residents, 1)]
    if len(rows) < 2:
        raise fail(StudyError, case.folder, "too_few_units", n=len(rows), units=units)
    number = {row[0]: k for k, row in enumerate(rows)}
    events = np.zeros((len(rows), (last - first).days + 1), np.int64)
    for e in record.events:
        unit = number.get(e.region_id if units == REGIONS else e.settlement_id or "")
        if unit is not None and e.kind in UNREST and e.sure_of_its_day and first <= e.date <= last:
            events[unit, (e.date - first).days] += 1
    people = np.array([row[2] for row in rows])
    people = np.where(np.isnan(people), np.nanmean(people) if (~np.isnan(people)).any() else 1.0, people)
    return Wave(first, tuple(r[0] for r in rows), tuple(r[1] for r in rows), people, np.array([r[3:] for r in rows], float), events)


def wave_for(case: Case, split: Split) -> Wave:
    """The units of a split, to the last day that is tested."""
    return wave_of(case, split.units, split.residents, dated(split)[3])


def questions_of(wave: Wave, split: Split) -> Questions:
    """What a split asks, and what the record answers; a question about a day stands before those about later ones."""
    _, _, start, end = (wave.day(d) for d in dated(split))
    happened = wave.events > 0
    n, days = len(wave.ids), np.arange(start, end + 1)
    if split.target == COUNT:
        weeks = days[::7]
        counts = np.stack([wave.events[:, d : d + 7].sum(axis=1) for d in weeks])
        return Questions(np.tile(np.arange(n), len(weeks)), np.repeat(weeks, n), np.minimum(counts, split.largest).ravel(), split.largest)
    if split.target == WEEK:
        free = np.flatnonzero(~happened[:, :start].any(axis=1))
        later = happened[free, start : end + 1]
        answer = np.where(later.any(axis=1), later.argmax(axis=1), len(days))
        return Questions(free, np.full(len(free), start), answer, len(days))
    asked = free_before(happened)[:, days] if split.target == FIRST else np.ones((n, len(days)), bool)
    day, unit = np.nonzero(asked.T)
    return Questions(unit, days[day], happened[unit, days[day]].astype(np.int64), 1)


def free_before(happened: Bools) -> Bools:
    """Whether a unit had no event before each day, shape (units, days).

    >>> free_before(np.array([[False, True, False]])).tolist()
    [[True, True, False]]
    """
    return np.asarray(np.cumsum(happened, axis=1) - happened == 0)


def fingerprint(case: Case, split: Split) -> str:
    """SHA-256 over the question of a split and all rows of the record that it rests on."""
    asked = split.model_dump(mode="json", exclude={"sha256", "asks_en", "asks_zh", "note_en", "note_zh"})
    if split.target in HELD_OUT:
        seen = observe(case.record)
        rests: object = [
            [[o.region_id, str(o.earliest), str(o.latest)] for o in seen.onsets],
            [[str(d) for d in seen.days], np.nan_to_num(seen.presence, nan=-1).astype(int).tolist()],
        ]
    else:
        wave = wave_for(case, split)
        unit, day = np.nonzero(wave.events)
        rests = [
            [[i, round(float(n)), *np.round(p, 4).tolist()] for i, n, p in zip(wave.ids, wave.residents, wave.points, strict=True)],
            [[int(u), int(d), int(wave.events[u, d])] for u, d in zip(unit, day, strict=True)],
        ]
    return sha256(json.dumps([asked, rests], sort_keys=True))


def frozen(case: Case, splits: Sequence[Split]) -> dict[str, str]:
    """The SHA-256 of each split by id.

    Raises
    ------
    StudyError
        If one is not what the file says: the question or the record has changed since it was frozen.
    """
    found, problems = {s.id: fingerprint(case, s) for s in splits}, Problems()
    for n, split in enumerate(splits, 1):
        if split.sha256 not in (None, found[split.id]):
            problems.add(case.folder / FILE, None, f"splits.{n}.sha256", "split_changed", value=split.id, found=found[split.id])
    problems.raise_as(StudyError)
    return found
