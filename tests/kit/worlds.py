"""Generated countries: sizes, ties, rules and rates at random, and a comparison of engines move by move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qantar.model.contract import Rates
from qantar.model.rules import DEAD, DETAINED, FIGHTING, FULL, N_STATES, PROTESTING, QUIET, QUOTAS, WITHDRAWN, Law
from qantar.population.blocks import Blocks, lay_out
from qantar.population.ties import Layer, Ties, tie


@dataclass
class World:
    blocks: Blocks
    ties: Ties
    law: Law
    rates: list[Rates]


def factors(local: float, online: float, harmed: float) -> np.ndarray:
    x, y, z = np.ogrid[:16, :8, :8]
    return np.clip(np.rint(256 * (1 + local * x + online * y) * np.exp(harmed * z)), 32, 2**20).astype(np.int64)


def world(number: int, *, residents: int = 500, steps: int = 40) -> World:
    """The generated country of this number: 1 to `residents` people in 1 to 5 places, hardly quiet to very loud; in every fourth,
    some wake late, in two of five, only some take part at all, and in every third they come to gatherings."""
    rng = np.random.default_rng(number)
    n_places, n_sectors, n_bins = (int(rng.integers(1, top + 1)) for top in (5, 3, 2))
    n = int(rng.choice([1, 2, 3, rng.integers(1, 30), rng.integers(30, residents + 1)]))
    sizes = rng.multinomial(n, rng.dirichlet(np.full(n_places * n_sectors * n_bins, 0.5))).reshape(n_places, n_sectors, n_bins)
    region = np.sort(rng.integers(0, n_places, n_places))
    region = np.unique(region, return_inverse=True)[1]
    blocks = lay_out(sizes, region)
    layers = [
        Layer("home", "place", (int(rng.integers(1, 6)),) * n_sectors),
        Layer("work", "workplace", tuple(int(x) for x in rng.integers(1, 6, n_sectors))),
        Layer("street", "place", (int(rng.integers(1, 7)),) * n_sectors),
        Layer("near", "region", (2,) * n_sectors, repeats=int(rng.integers(0, 4)), online=True),
        Layer("far", "country", (2,) * n_sectors, repeats=int(rng.integers(0, 3)), online=True),
    ]
    seed = int(rng.integers(0, 2**62))
    law = Law(
        seed,
        float(rng.choice([0.0, 0.3, 2.0])),
        float(np.random.default_rng([number, 2]).uniform(0.1, 1)) if number % 5 in (1, 4) else 1.0,
        factors(rng.uniform(0, 3), rng.uniform(0, 3), rng.choice([0.0, rng.uniform(-1, 1)])),
        float(rng.uniform()),
    )
    rates = some_rates(rng, blocks, steps)
    rates = sleepers(number, blocks, rates) if number % 4 == 0 else rates
    return World(blocks, tie(blocks, layers, seed), law, gatherings(number, rates) if number % 3 == 0 else rates)


def sleepers(number: int, blocks: Blocks, rates: list[Rates]) -> list[Rates]:
    """The same rates, but half the sectors of places feel no pressure until a step of their own, and some never do."""
    rng = np.random.default_rng([number, 1])
    wake = rng.integers(0, max(1, 3 * len(rates) // 2), (blocks.n_places, blocks.n_sectors)) * (
        rng.uniform(size=(blocks.n_places, 1)) < 0.7
    )
    pressed = [t >= wake for t in range(len(rates))]
    return [r._replace(g=r.g * np.repeat(on.ravel(), blocks.n_bins), b=r.b * on) for r, on in zip(rates, pressed, strict=True)]


def gatherings(number: int, rates: list[Rates]) -> list[Rates]:
    """The same rates, and in some places a rally of three steps in every eight, which presses on all who are there."""
    rng = np.random.default_rng([number, 3])
    if not rates:
        return rates
    n_places = len(rates[0].a)
    start = rng.integers(0, 8, n_places)
    size = 10.0 ** rng.uniform(-2, 0, n_places) * (rng.uniform(size=n_places) < 0.7)
    return [r._replace(a=r.a + size * ((t - start) % 8 < 3)) for t, r in enumerate(rates)]


def some_rates(rng: np.random.Generator, blocks: Blocks, steps: int) -> list[Rates]:
    """Rates that jump, fall quiet, cut and restore the internet, turn to fighting, arrest, kill, release and send home."""
    n_places, n_sectors = blocks.n_places, blocks.n_sectors
    level = np.full(n_places, FULL, np.int64)
    a = 10.0 ** rng.uniform(-4, -1, n_places)
    g = rng.uniform(0, 2, blocks.n_classes) * (rng.uniform(size=blocks.n_classes) < 0.9)
    found = []
    for _ in range(steps):
        a = np.where(rng.uniform(size=n_places) < 0.1, 10.0 ** rng.uniform(-5, 0.5, n_places), a)
        if rng.uniform() < 0.05:
            g = rng.uniform(0, 2, blocks.n_classes)
        level = np.where(rng.uniform(size=n_places) < 0.12, rng.integers(0, 3, n_places), level)
        b = np.where(rng.uniform(size=(n_places, n_sectors)) < 0.1, rng.uniform(0, 0.05, (n_places, n_sectors)), 0.0)
        leave = np.zeros((N_STATES, n_places, N_STATES))
        leave[PROTESTING, :, WITHDRAWN] = rng.uniform(0, 0.5)
        leave[PROTESTING, :, DEAD] = rng.uniform(0, 0.02)
        leave[PROTESTING, :, FIGHTING] = rng.uniform(0, 0.2, n_places)
        leave[FIGHTING, :, WITHDRAWN] = rng.uniform(0, 0.3, n_places)
        leave[FIGHTING, :, DEAD] = rng.uniform(0, 0.05)
        leave[WITHDRAWN, :, QUIET] = rng.uniform(0, 0.6, n_places)
        leave[DETAINED, :, QUIET] = rng.uniform(0, 0.3)
        quota = rng.integers(0, 4, (len(QUOTAS), n_places)) * (rng.uniform(size=(len(QUOTAS), n_places)) < 0.3)
        found.append(Rates(float(rng.choice([0.5, 1.0])), a.copy(), g.copy(), b, level.copy(), leave, quota.astype(np.int64)))
    return found


def first_difference(w: World, one: Any, other: Any) -> str:
    """Steps both engines and says where they first differ; empty if never. Checks what must always hold on the way."""
    for t, rates in enumerate(w.rates):
        x, y = one.step(rates), other.step(rates)
        for name in ("n", "joined", "moved"):
            if not np.array_equal(getattr(x, name), getattr(y, name)):
                return f"step {t}: counts {name}"
        if x.n.sum() != w.blocks.n or x.n.min() < 0:
            return f"step {t}: residents lost"
    a, b = one.moves.table(), other.moves.table()
    if not np.array_equal(a, b):
        return "moves"
    return "" if one.moves.sha256() == other.moves.sha256() else "digest"
