"""Interactions: does a method do better against the others where a condition holds; and what the outcome varies with.

In: outcomes Y of shape (countries, methods, draws, seeds), the same countries and seeds for all methods and draws, and which countries
fulfil a condition. Seeds are averaged inside a draw. Per draw k of the coefficients

    advantage A(c, k) = Y(method) - mean of Y(other methods)                            in country c
    interaction I(k)  = mean of A over countries with the condition - mean over those without it

A claim that the condition matters is one that I rises; a claim that it does not, one that I lies between the smallest effects (rules:
`decision`). I(k) carries the luck of its seeds and countries (`noise`, its typical standard error): that blurs a share, so it makes
"undecided" likelier, and a claim that is contradicted may only mean that nothing happened. What chance alone supports is found
by giving the condition to other countries (`by_chance`). The mean of I over draws has a Welch interval with countries as the units.

Shares of variance: components of a crossed design of countries, methods, draws and seeds by their mean squares (Searle, Casella and
McCulloch 1992, Variance Components, ch. 4), all taken as random; they may come out below 0. Intervals: countries and draws drawn
again at the same time (Owen 2007, Ann. Appl. Stat. 1, the pigeonhole bootstrap, which is wide rather than narrow).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.effects.decision import claimed, finding_of
from qantar.statistics import wilson
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SHUFFLES, ROUNDS = 400, 400
"""Conditions given to other countries; resamples of countries and draws."""
KINDS = {"matters": (1, "effect"), "does_not_matter": (0, "absence")}
"""What each kind of claim is to the rules of `decision`, direction and what it asserts: a rise; or that there is none of either sign."""
SHARES = ("country", "method", "country_method", "parameters", "parameters_with_others", "luck")
"""Of the variance; `country_method` is the interaction averaged over draws, `parameters_with_others` whatever a draw does in some
countries or with some methods only."""


@dataclass(frozen=True)
class Interaction:
    """What the rule says of one claim and outcome."""

    finding: str
    reached: int
    """draws that do what the claim says"""
    draws: int
    mean: float
    low: float
    high: float
    """of I over draws, with its 95 % interval, countries as the units"""
    noise: float
    """typical standard error of I in one draw"""
    spread: tuple[float, float]
    """5 % and 95 % quantile of I over draws"""
    countries: tuple[int, int]
    """with and without the condition"""

    def share(self) -> tuple[float, float, float]:
        """Share of draws that do what the claim says, with its 95 % interval."""
        return self.reached / self.draws, *wilson(self.reached, self.draws)


def advantage(y: Floats, method: int, others: Sequence[int]) -> Floats:
    """A by country, shape (countries, draws, ...), from outcomes of shape (countries, methods, draws, ...) and numbers of methods."""
    return np.asarray(y[:, method] - y[:, list(others)].mean(axis=1))


def per_draw(a: Floats, holds: Bools) -> Floats:
    """I of each draw (and seed), shape (draws, ...), from advantages of shape (countries, draws, ...).

    >>> per_draw(advantage(np.array([[[1.0], [0.5]], [[0.25], [0.0]]]), 0, [1]), np.array([True, False]))
    array([0.25])
    """
    return np.asarray(a[holds].mean(axis=0) - a[~holds].mean(axis=0))


def rule(values: Floats, smallest: float, kind: str) -> tuple[str, int]:
    """The finding, and how many draws do what the claim says.

    >>> rule(np.array([0.1] * 8 + [0.0] * 2), 0.1, "matters"), rule(np.array([-0.3] * 10), 0.1, "does_not_matter")
    (('undecided', 8), ('contradicted', 0))
    """
    direction, asserts = KINDS[kind]
    found = finding_of(values, smallest, direction)
    return claimed(found.name, asserts), found.reached if kind == "matters" else found.between


def interaction(a: Floats, holds: Bools, smallest: float, kind: str = "matters") -> Interaction:
    """One claim, from advantages of shape (countries, draws) and where the condition holds: in two countries at least, and in two not."""
    from scipy.stats import t as student

    values = per_draw(a, holds)
    finding, reached = rule(values, smallest, kind)
    sides = (a[holds], a[~holds])
    n = tuple(len(s) for s in sides)
    terms = [s.mean(axis=1).var(ddof=1) / len(s) for s in sides]
    se = math.sqrt(sum(terms))
    df = sum(terms) ** 2 / sum(x**2 / (m - 1) for x, m in zip(terms, n, strict=True)) if se > 0 else 1.0
    half = float(student.ppf(0.975, df)) * se if se > 0 else 0.0
    noise = math.sqrt(float(np.mean(sum(s.var(axis=0, ddof=1) / len(s) for s in sides))))
    low, high = np.quantile(values, (0.05, 0.95)).tolist()
    mean = float(values.mean())
    return Interaction(finding, reached, len(values), mean, mean - half, mean + half, noise, (low, high), (n[0], n[1]))


def by_chance(a: Floats, holds: Bools, smallest: float, kind: str, seed: int) -> float:
    """How often the rule says "supported" when the condition is given to as many other countries, drawn at random."""
    return float(np.mean([rule(per_draw(a, holds[order]), smallest, kind)[0] == "supported" for order in shuffles(seed, len(holds))]))


@functools.lru_cache(maxsize=8)
def shuffles(seed: int, n: int) -> NDArray[np.int64]:
    """Orders of n countries, shape (`SHUFFLES`, n)."""
    u = [[lot(seed, StudyKey.CONDITION_SHUFFLE, k, b) for k in range(n)] for b in range(SHUFFLES)]
    return np.argsort(np.array(u), axis=1, kind="stable")


def components(means: Floats, within: Floats, seeds: int) -> Floats:
    """Components of variance, in the order of `SHARES`, from means and variances over seeds, shape (countries, methods, draws).

    >>> means = np.zeros((4, 3, 5)) + np.array([0.0, 1.0, 0.0, 1.0])[:, None, None]
    >>> components(means, np.zeros(means.shape), 2).round(3).tolist()
    [0.333, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    shape, luck = means.shape, float(within.mean())
    subsets = [s for size in (3, 2, 1) for s in itertools.combinations(range(3), size)]
    found: dict[tuple[int, ...], float] = {}
    for subset in subsets:
        effect = np.zeros(())
        for size in range(len(subset) + 1):  # inclusion and exclusion over marginal means
            for part in itertools.combinations(subset, size):
                away = tuple(f for f in range(3) if f not in part)
                effect = effect + (-1) ** (len(subset) - size) * means.mean(axis=away, keepdims=True)
        repeats = seeds * math.prod(shape[f] for f in range(3) if f not in subset)
        square = repeats * float((effect**2).sum()) / math.prod(shape[f] - 1 for f in subset)
        above = sum(
            seeds * math.prod(shape[f] for f in range(3) if f not in other) * value
            for other, value in found.items()
            if set(subset) < set(other)
        )
        found[subset] = (square - luck - above) / repeats
    with_others = found[0, 2] + found[1, 2] + found[0, 1, 2]
    return np.array([found[0,], found[1,], found[0, 1], found[2,], with_others, luck])


def shares(y: Floats, seed: int) -> list[tuple[str, float, float, float]]:
    """Shares of variance by name, each with its 95 % interval; NaN where Y does not vary."""
    means, within = y.mean(axis=3), y.var(axis=3, ddof=1)

    def of(at: tuple[NDArray[np.int64], ...]) -> Floats:
        parts = components(means[at], within[at], y.shape[3])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(parts / parts.sum())

    c, m, k = means.shape
    value = of(np.ix_(np.arange(c), np.arange(m), np.arange(k)))
    rounds = []
    for b in range(ROUNDS):
        u = np.array([lot(seed, StudyKey.COUNTRY_RESAMPLE, i, b) for i in range(c + k)])
        rounds.append(of(np.ix_((c * u[:c]).astype(int), np.arange(m), (k * u[c:]).astype(int))))
    kept = np.array(rounds)
    kept = kept[~np.isnan(kept).any(axis=1)]
    low, high = np.quantile(kept, (0.025, 0.975), axis=0) if len(kept) else (np.full(len(SHARES), np.nan),) * 2
    return [(name, float(v), float(x), float(z)) for name, v, x, z in zip(SHARES, value, low, high, strict=True)]
