"""Compiles every kernel ahead of time, on a country of a few residents, so that it happens once and can be announced.

It is not in `ensemble.model_hash.MODULES`: it makes no history, so changing it does not make a table of histories stale.
"""

from __future__ import annotations

import gc

import numpy as np

from qantar.compiled import FOLDER
from qantar.draws import Purpose, bits, uniform
from qantar.engine.diary import diary, note
from qantar.engine.event import EventEngine
from qantar.engine.plain import PlainEngine
from qantar.ensemble.pool import in_processes
from qantar.model import assemble
from qantar.model.contract import no_rates
from qantar.model.rules import DETAINED, PROTESTING, QUIET, WITHDRAWN, Law
from qantar.model.world import Land
from qantar.population.blocks import lay_out
from qantar.population.ties import Layer, tie
from qantar.scenario.parameters import defaults

MARK = "engines-compiled"
PARTS = ("hour", "engine")
"""What is compiled side by side: each takes about half of the time."""


def compiled(*, now: bool = False) -> bool:
    """Whether the engines of these sources are compiled on this machine; with `now` they are after the call, by a process a part."""
    mark = FOLDER / MARK
    if now:
        in_processes(exercise, [(part,) for part in PARTS], None, lambda part, done: None)
        mark.touch()
    return mark.exists()


def exercise(part: str) -> None:
    """Every kernel of a part once. Called in a process of its own."""
    gc.disable()  # what a compiler thinks of is large and soon gone: to look for it meanwhile takes a fourteenth of the time
    try:
        {"engine": _step_engine, "hour": _do_hour}[part]()
    finally:
        gc.enable()


def _step_engine() -> None:
    """The event engine: joins, arrests, departures, returns, a cut and its end."""
    _step(EventEngine)
    bits(1, Purpose.HISTORY, 1, 1, 1)


def _do_hour() -> None:
    """An hour of the mechanisms, what is noted of it, and the plain engine."""
    plain = _step(PlainEngine)
    uniform(1, 1, 1, 1, 1)
    world = assemble.new_world(_land(), defaults(), 1.0, 1, list(assemble.MECHANISMS))
    assemble.step(world, plain.counts, 0)
    note(diary(1, 2, 2), 0, world, plain.counts.n, plain.counts.joined, plain.counts.moved)


def _step(engine: type[EventEngine | PlainEngine]) -> EventEngine | PlainEngine:
    """A country of 80 residents, twelve hours."""
    blocks = lay_out(np.full((2, 1, 1), 40), np.array([0, 1]))
    layers = [Layer("home", "place", (4,)), Layer("net", "country", (2,), 2, online=True)]
    law = Law(1, 0.5, 1.0, np.full((2, 2, 2), 256, np.int64) + np.arange(8).reshape(2, 2, 2) * 64, 0.5)
    rates = no_rates(2, 1, 2)
    rates.a[:] = 0.3
    rates.leave[PROTESTING, :, WITHDRAWN] = rates.leave[WITHDRAWN, :, QUIET] = rates.leave[DETAINED, :, QUIET] = 0.3
    rates.quota[1:, :] = 1
    found = engine(blocks, tie(blocks, layers, 1), law)
    for t in range(12):
        rates.connectivity[:] = (2, 1, 0, 2)[t // 3]
        found.step(rates)
    return found


def _land() -> Land:
    """A country of two places, each a region."""
    two, one, yes = np.ones(2), np.ones(1), np.ones(1, np.bool_)
    places = np.array([0, 1])
    return Land(
        places + 40, places, two, two, two, one, 1.0, yes, two, two, 0.0, 1.0, two, two, two, 0.0, places, 0, np.ones(2, np.bool_),
        0.0, np.full((2, 1), 40), (), yes, 0.0, 1.0,
    )  # fmt: skip
