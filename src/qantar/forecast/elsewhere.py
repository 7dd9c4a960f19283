"""Forecasts that were made elsewhere, as a table: read with care, so that nobody is scored on half of a question.

A row is one value of one question with its probability:

    entry,split,unit,date,value,p
    my-model,us-2020-first,G4699066,2020-06-03,1,0.0125

`date` is the day that is asked for; of a count the first day of its week, of `week` the first day that is tested. `value` is a whole number
from 0 to what the split calls largest (`qantar benchmark --questions` writes what is asked). Where the answer is yes or no, the row of 1
alone will do; else the probabilities of a question must add up to 1 within `TOLERANCE`, and are then scaled to 1. Values may be draws:
each with one over their number. An entry answers all questions of a split that it names, or none.

Whoever only says how probable it is that anything happens at all writes one row with the value `AT_ALL`. How much, or when, is then spread
as the reference spreads it: p(k) = p x r(k) / (1 - r(nothing)) for every k but nothing. So the difference of log scores from the reference
is that of the answers to "at all?" alone, and neither is credited with what it did not say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from qantar.errors import DataError, Problems, nearest
from qantar.files.cells import Date, Key, Number, Row
from qantar.files.read import read_table
from qantar.forecast.entries import DAILY, REFERENCE, WEEKLY, Task, forecasts

Floats = NDArray[np.float64]
TOLERANCE = 0.001
OURS = {*DAILY, *WEEKLY}
Answers = dict[str, dict[str, Floats]]
"""Probabilities, shape (questions, largest + 1), by split and entry."""


AT_ALL = "any"
"""The value that stands for anything at all."""


class Value(Number):
    """A whole number, or `AT_ALL`."""

    def __call__(self, cell: object) -> object:
        return AT_ALL if isinstance(cell, str) and cell.strip() == AT_ALL else super().__call__(cell)

    def allowed(self) -> str:
        return f"{super().allowed()}, {AT_ALL}"


class Said(Row):
    """One value of one question, and how probable an entry takes it to be."""

    whole: ClassVar = ()
    entry: Key
    split: Key
    unit: Key
    date: Date
    value: Annotated[int | Literal["any"], BeforeValidator(Value("number", 0, 1000, whole=True))]
    p: Annotated[float, BeforeValidator(Number("share", 0, 1))]


def read_entries(path: Path, tasks: Mapping[str, Task]) -> Answers:
    """The forecasts of a table.

    Raises
    ------
    DataError
        With every row that names no split, unit or day of these, says something twice or that cannot be; and every question whose
        probabilities are not there, or do not add up.
    """
    problems = Problems()
    table = read_table(path, "forecasts", Said, problems)
    places = {name: {key: k for k, key in enumerate(keys_of(task))} for name, task in tasks.items()}
    found: Answers = {}
    lines: dict[tuple[str, str, int], int] = {}
    given: dict[tuple[str, str, int, int], int] = {}
    whole: dict[tuple[str, str], set[int]] = {}
    for line, row in problems.rows(table):
        if (question := _place(row, line, table.file, places, tasks, problems)) is None:
            continue
        asked = tasks[row.split].questions
        value = row.value if isinstance(row.value, int) else 1 if asked.largest == 1 else -1
        if value > asked.largest:
            problems.add(table.file, line, "value", "forecast_too_large", value=value, high=asked.largest, split=row.split)
            continue
        first = lines.setdefault((row.split, row.entry, question), line)
        if first != line and (value < 0) != (question in whole.get((row.split, row.entry), ())):
            problems.add(table.file, line, "value", "forecast_mixed", value=row.value, unit=row.unit, date=row.date, first=first)
            continue
        if (first := given.setdefault((row.split, row.entry, question, value), line)) != line:
            problems.add(table.file, line, "value", "forecast_twice", value=row.value, unit=row.unit, date=row.date, first=first)
            continue
        if value < 0:
            whole.setdefault((row.split, row.entry), set()).add(question)
        empty = np.full((len(asked), asked.largest + 1), np.nan)
        found.setdefault(row.split, {}).setdefault(row.entry, empty)[question, value] = row.p
    if not problems.found and not found:
        problems.add(table.file, None, "", "no_forecasts")
    problems.raise_as(DataError)  # what is missing because a row is wrong need not be said as well
    for (split, entry), questions in whole.items():
        _spread(found[split][entry], tasks[split], sorted(questions))
    for split, entries in found.items():
        for entry, p in entries.items():
            _complete(p, split, entry, lines, list(places[split]), table.file, problems)
    problems.raise_as(DataError)
    return found


def _spread(p: Floats, task: Task, questions: list[int]) -> None:
    """Probabilities of every value where only that of anything at all was said, which stands in the last column."""
    said = p[questions, -1].copy()
    like = forecasts(task)[REFERENCE][questions].copy()
    like[:, task.nothing] = 0
    like += 1e-12 * (np.arange(like.shape[1]) != task.nothing)  # a reference that rules all out spreads evenly
    p[questions] = said[:, None] * like / like.sum(axis=1, keepdims=True)
    p[questions, task.nothing] = 1 - said


def keys_of(task: Task) -> list[tuple[str, dt.date]]:
    """Unit and date of every question of a split."""
    wave, asked = task.wave, task.questions
    return [(wave.ids[u], wave.first + dt.timedelta(days=int(d))) for u, d in zip(asked.unit, asked.day, strict=True)]


def _place(
    row: Said, line: int, file: str, places: Mapping[str, Mapping[tuple[str, dt.date], int]], tasks: Mapping[str, Task], problems: Problems
) -> int | None:
    """The number of the question that a row answers; None where there is none, which is a problem."""
    if row.entry in OURS:
        problems.add(file, line, "entry", "forecast_name_taken", value=row.entry, names=", ".join(sorted(OURS)))
    elif row.split not in places:
        problems.add(file, line, "split", "no_such_split", value=row.split, choices=nearest(row.split, places))
    elif (number := places[row.split].get((row.unit, row.date))) is not None:
        return number
    elif row.unit not in (ids := tasks[row.split].wave.ids):
        problems.add(file, line, "unit", "no_such_name", value=row.unit, choices=nearest(row.unit, ids))
    else:
        days = sorted(day for unit, day in places[row.split] if unit == row.unit)
        told = ", ".join(map(str, days[:3])) + (" …" if len(days) > 3 else "") if days else "–"
        problems.add(file, line, "date", "not_asked", value=row.date, unit=row.unit, split=row.split, days=told)
    return None


def _complete(
    p: Floats,
    split: str,
    entry: str,
    lines: Mapping[tuple[str, str, int], int],
    keys: list[tuple[str, dt.date]],
    file: str,
    problems: Problems,
) -> None:
    """Fill in what goes without saying, and scale to 1; or say which questions are not answered."""
    blank = np.isnan(p).all(axis=1)
    if blank.any():
        unit, day = keys[int(blank.argmax())]
        problems.add(file, None, "", "forecast_incomplete", entry=entry, split=split, n=int(blank.sum()), of=len(p), unit=unit, date=day)
    if p.shape[1] == 2:
        p[:, 0] = np.where(np.isnan(p[:, 0]), 1 - p[:, 1], p[:, 0])
    p[:] = np.nan_to_num(p)
    total = p.sum(axis=1)
    for k in np.flatnonzero(~blank & (np.abs(total - 1) > TOLERANCE)):
        unit, day = keys[k]
        problems.add(file, lines[split, entry, int(k)], "p", "forecast_sum", value=f"{total[k]:.4g}", unit=unit, date=day)
    p /= np.where(total > 0, total, 1)[:, None]
