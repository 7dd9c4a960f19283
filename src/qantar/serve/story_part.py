"""The days of a case on the map, hour by hour: what the record has beside what simulated histories have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool

from qantar.effects.effect import BASE
from qantar.ensemble.run import Result
from qantar.errors import StudyError, fail
from qantar.files.cells import Number
from qantar.inference.posterior import posterior_of
from qantar.messages import LANGUAGES, days_in_words
from qantar.report.curves import draw_all
from qantar.report.page import counted, figure_sources, figures_of
from qantar.report.pairs import day_in
from qantar.report.simulated import CURVES, draw_simulated
from qantar.serve.part import Asked, Operation, Page, Part, Served
from qantar.serve.story import NOON, Story, as_values, cite, story_of
from qantar.serve.world import Ended, Live, crowds_of
from qantar.studies.blocks import joined, pair

MOST_DAYS = 31
"""Of a table by day; of a longer story, those around the day that is shown."""
SPEEDS = (3, 6, 24, 168)
"""Hours of the story in a second of play."""
SPEED = 6
LETTERS = {"present": "p", "doubtful": "d", "absent": "a", "missing": "m"}
"""States of a region on a day as the page keeps them."""


class AskedStory(Asked):
    """Of which case."""

    name: str


class AskedHistory(AskedStory):
    """Which history of those that ship, from 0."""

    run: Annotated[int, BeforeValidator(Number("histories", 0, 10_000, whole=True))] = 0


async def history(served: Served, asked: AskedHistory) -> dict[str, Any]:
    """One of the histories that ship, lived through once more for its hours; and whether it is the same."""
    result, live = await run_in_threadpool(_asked_for, served, asked)
    served.lives.admit()
    found: dict[str, Any] = {}
    async with aclosing(served.lives.histories({BASE: live})) as told:
        async for _, message in told:
            if isinstance(message, Ended):
                found = message.found
    same = found.pop("sha256") == result.runs.whole["sha256"][asked.run]
    return {"run": asked.run, "runs": result.runs.n, "same": bool(same), **found}


def _asked_for(served: Served, asked: AskedHistory) -> tuple[Result, Live]:
    """What ships, and one of its runs.

    Raises
    ------
    QantarError
        If no histories ship with the case, or not so many.
    """
    scenario, shown = served.home.scenario(asked.name), story_of(served, asked.name).sim
    if shown is None:
        raise fail(StudyError, asked.name, "no_posterior", value=scenario.case.head.id)
    result = shown.result
    if asked.run >= result.runs.n:
        raise fail(StudyError, "run", "above", value=asked.run, high=result.runs.n - 1, unit="histories")
    given = served.home.keep("posterior", asked.name, lambda _: posterior_of(scenario).values)
    return result, Live.of(result.recipe, asked.run, given, crowds_of)


def story(served: Served, asked: AskedStory) -> dict[str, Any]:
    """The whole story for programs."""
    return as_values(story_of(served, asked.name))


def values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """The page at a moment, of the day on which most happened unless the address names one; without a case, the cases there are."""
    name = query.get("name", "")
    if not name:
        return {"story": None, "entries": [e for e in served.home.entries() if e.case and not e.faulty]}
    told = story_of(served, name)
    n, hour = _moment(told, query)
    first = max(0, min(n - MOST_DAYS // 2, len(told.days) - MOST_DAYS))
    figures = draw_all(told.case.record, told.seen)
    if told.sim:
        figures = {**draw_simulated(told.sim, told.seen), **{k: v for k, v in figures.items() if k not in CURVES}}
    return {
        **_of_day(told, n),
        "name": name,
        "hour": hour,
        "chosen": "day" in query,
        "figures": figures,
        "figure_sources": figure_sources(told.case.record, told.seen),
        "letters": {region: "".join(LETTERS[word] for word in row) for region, row in told.presence.items()},
        "percents": {region: [None if x is None else round(100 * x) for x in row] for region, row in told.shares.items()},
        "rows": list(_rows(told, range(first, min(first + MOST_DAYS, len(told.days))))),
        "earlier": told.days[max(0, first - MOST_DAYS // 2 - 1)] if first else None,
        "later": told.days[min(first + MOST_DAYS + MOST_DAYS // 2, len(told.days) - 1)] if first + MOST_DAYS < len(told.days) else None,
        "listed": joined([told.regions[r] for i in told.sheet.insets for r in i.regions], pair("report.comma")),
        "counted": counted(),
        "spots": _spots(told) if told.sim else {},
        "speeds": SPEEDS,
        "speed": SPEED,
    }


def day_values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """What changes on the page from day to day."""
    told = story_of(served, query.get("name", ""))
    return _of_day(told, _moment(told, query)[0])


def _of_day(told: Story, n: int) -> dict[str, Any]:
    """What a day's sentences, list and signs need."""
    there = told.days[n]
    return {
        "story": told,
        "n": n,
        "there": there,
        "whole_day": tuple(days_in_words(there, there, lang) for lang in LANGUAGES),
        "in_sum": _in_sum(told, n),
        "day_count": {word: told.counts[n][word] for word in LETTERS},
        "places_of": told.places_of,
        "cite": cite,
        "figures_of": figures_of,
        "day": day_in(told.case.head.first_day.year),
    }


def _in_sum(told: Story, n: int) -> dict[str, Any]:
    """The numbers of a day: of the record, and of the histories where it was simulated."""
    day = told.days[n]
    found: dict[str, Any] = {name: "; ".join(told.stated(name, day)) for name in CURVES}
    risen = told.risen[n]
    found["simulated"] = risen and {name: _range(told.curve(name)[n]) for name in CURVES} | {"regions": _range(risen)}
    return found


def _range(values: Any) -> dict[str, str]:
    """The middle and both ends of quantiles in words: what lies between histories leaves no more than three digits.

    >>> _range([0.4, 24308.1, 107951.9])
    {'low': '0', 'middle': '24,300', 'high': '108,000'}
    """
    low, middle, high = (f"{float(f'{values[k]:.3g}'):,.0f}" for k in (0, len(values) // 2, -1))
    return {"low": low, "middle": middle, "high": high}


def _spots(told: Story) -> dict[str, tuple[float, float]]:
    """Where people of a place of the model stand on the map: in their settlement, else in the middle of their region."""
    assert told.sim is not None
    at = {s.id: (s.x, s.y) for s in told.sheet.regions} | told.sheet.places
    return {p.id: at[p.id] for p in told.sim.result.recipe.plan.places if p.id in at}


def _rows(told: Story, places: range) -> Iterator[dict[str, Any]]:
    """Rows of the table by day."""
    for n in places:
        yield {"n": n, "day": told.days[n], "counts": told.counts[n], "events": told.events[n], **_in_sum(told, n)}


def _moment(told: Story, query: Mapping[str, str]) -> tuple[int, int]:
    """Which day and hour an address names; what is no day of the story gives the day on which most happened."""
    try:
        n = (dt.date.fromisoformat(query.get("day", "")) - told.days[0]).days
    except ValueError:
        n = -1
    hour = query.get("hour", "")
    here = n if 0 <= n < len(told.days) else told.fullest
    return here, min(int(hour), 23) if hour.isascii() and hour.isdigit() and len(hour) < 3 else NOON


PART = Part(
    "story",
    pages=[Page("/story", "story.html.j2", values, opens="case"), Page("/story/day", "story_day.html.j2", day_values)],
    operations=[
        Operation("story", "GET", "/story", AskedStory, story),
        Operation("story_history", "GET", "/story/history", AskedHistory, history),
    ],
)
