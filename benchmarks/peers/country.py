"""The country that all simulate: places, classes and ties of the packaged case, at any size."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.peers.work import Floats, Numbers, Rules, write
from qantar.compiled import jit
from qantar.population.blocks import Blocks, Ints
from qantar.population.build import blocks_of, layers_of
from qantar.population.ties import Ties, contacts, tie
from qantar.scenario.scenario import Plan, load_scenario, resolve

CASE = "kazakhstan-2022"
TIES_SEED = 1
"""All histories run on the same ties."""
HOURS = 384
GAIN = 4.0
LEAVE, BACK = 1 / 6, 1 / 24
"""Chance in an hour to go home, and to have rested: the defaults of the packaged case, 6 and 24 hours in the mean."""


@cache
def _plan() -> Plan:
    return resolve(load_scenario(CASE))


@cache
def nation(residents: int) -> tuple[Blocks, Ties]:
    """So many residents in the places and classes of the packaged case, and their ties."""
    plan = _plan()
    sized = plan.model_copy(update={"scale": residents / sum(p.population for p in plan.places)})
    blocks = blocks_of(sized)
    return blocks, tie(blocks, layers_of(sized), TIES_SEED)


def share(blocks: Blocks) -> Floats:
    """Part of the pressure that each class bears: its hardship, and nothing for those who take no part."""
    plan = _plan()
    by_kind = np.outer([s.takes_part for s in plan.sectors], plan.hardship)
    return np.tile(by_kind.ravel(), blocks.n_places).astype(float)


def make(residents: int, folder: Path) -> None:
    """Write the country down for those who do not compute ties."""
    blocks, ties = nation(residents)
    start, of = written(blocks, ties)
    rules = Rules(blocks.n, HOURS, GAIN, LEAVE, BACK, ties.degree_max)
    write(folder, rules, class_start=blocks.class_start, share=share(blocks), start=start, contacts=of)


@jit
def written(blocks: Blocks, ties: Ties) -> tuple[Ints, Numbers]:
    """Contacts of everyone, one after the other, and where those of each begin."""
    start = np.zeros(blocks.n + 1, np.int64)
    of = np.empty(blocks.n * ties.degree_max, np.int32)
    room = np.empty(max(1, ties.degree_max), np.int64)
    for i in range(blocks.n):
        _, n = contacts(i, blocks, ties, room)
        for k in range(n):
            of[start[i] + k] = room[k]
        start[i + 1] = start[i] + n
    return start, of[: start[blocks.n]].copy()
