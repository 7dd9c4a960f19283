"""Published against obtained: every figure of a classic model with its source, what comes out here, and how near is near enough.

In: seeds and ticks. Out: `Run`s, one a model, variant and seed, and `Figure`s made of them. A tolerance is what the source can be read to,
or a tenth where chance is in both figures. Where a figure is not obtained, that is said and nothing is changed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qantar.classics import epstein, granovetter, hawkes, kuran, lang_de_sterck, moro

SEEDS, TICKS = 20, 3000
AMERICAN = "Granovetter 1978, Am. J. Sociol. 83"
WORLD = "Kuran 1991, World Politics 44, pp. 20-22"
ARAB = "Lang and De Sterck 2014, Math. Soc. Sci. 69, sect. 2"
REBELLION, MESA = "NetLogo Rebellion, Info", "Mesa 3, epstein_civil_violence"
EARLIER = "earlier"
"""Measured for this project before, not published: there is nobody to cite."""
VIOLENT = "Moro 2016, PLoS ONE 11(4), fig. 1"
PUT_IN = "put_in"
"""Hawkes and Oakes (1974), with a ratio of ours."""
RATIOS = (0.3, 0.6, 0.9)
"""Branching ratios that are to be found again."""
PROCESS_MU, PROCESS_BETA, PROCESS_EVENTS = 1.0, 2.0, 2000
ARMED = (0.04, 0.02, 0.01)
"""Share of cells with revolutionaries: the first was chosen beforehand, as many as police; the others show how much hangs on it."""


@dataclass(frozen=True)
class Run:
    """A model run once with luck of its own."""

    model: str
    variant: str
    seed: int
    outcome: str
    """in words; empty where there is only a number"""
    value: float
    """Epstein: mean ticks between outbursts; Moro: share of police killed; Hawkes: the branching ratio that is found"""
    n: int
    """Epstein: waits between outbursts; Moro: ticks; Hawkes: events"""
    peak: int = 0
    """Epstein: most actives"""


@dataclass(frozen=True)
class Figure:
    """A published figure, and what was obtained."""

    model: str
    quantity: str
    variant: str
    published: float | str
    obtained: float | str
    error: float
    """half the 95 % interval of what was obtained; not a number where no chance is in it"""
    tolerance: float
    source: str
    share: float = math.nan
    """of histories with the published outcome, where outcomes are compared"""

    @property
    def within(self) -> bool:
        """Whether it was obtained: a number within the tolerance, a word exactly."""
        if isinstance(self.published, str) or isinstance(self.obtained, str):
            return self.published == self.obtained
        return abs(self.obtained - self.published) <= self.tolerance


def exact(model: str, quantity: str, variant: str, published: float, obtained: float, tolerance: float, source: str) -> Figure:
    """A figure without chance in it."""
    return Figure(model, quantity, variant, published, obtained, math.nan, tolerance, source)


def of_granovetter(_: Sequence[Run]) -> list[Figure]:
    """Crowds of a hundred people."""
    sd, before = granovetter.critical_sd()
    return [
        exact("granovetter", "crowd", "uniform", 100, granovetter.joined(range(100)), 0, f"{AMERICAN}, p. 1424"),
        exact("granovetter", "crowd", "one_changed", 1, granovetter.joined([0, 2, *range(2, 100)]), 0, f"{AMERICAN}, p. 1424"),
        exact("granovetter", "critical_sd", "normal", 12.2, sd, 0.05, f"{AMERICAN}, p. 1427"),
        exact("granovetter", "crowd", "below_critical", 6, before, 0.5, f"{AMERICAN}, p. 1428, fig. 2"),
        exact("granovetter", "crowd", "above_critical", 100, granovetter.normal_outcome(sd + 0.01), 0.5, f"{AMERICAN}, p. 1428, fig. 2"),
    ]


def of_kuran(_: Sequence[Run]) -> list[Figure]:
    """Public opposition in societies of ten."""
    published = {"A": 10, "A'": 90, "B": 10, "B'": 20}
    return [exact("kuran", "opposition", name, n, kuran.opposition(kuran.SEQUENCES[name]), 0, WORLD) for name, n in published.items()]


def of_lang(_: Sequence[Run]) -> list[Figure]:
    """Ends of the share who take part, and the edges between the starts that lead to them, to two digits."""
    return [
        Figure("lang_de_sterck", "ends", name, in_order(lang_de_sterck.stated(x)), in_order(lang_de_sterck.found(x)), math.nan, 0.005, ARAB)
        for name, x in lang_de_sterck.REGIMES.items()
    ]


def in_order(ends: Sequence[lang_de_sterck.End]) -> str:
    """Ends with the edges between their starts; r where each start stays.

    >>> in_order(lang_de_sterck.stated(lang_de_sterck.REGIMES["failed"]))
    '0.00 |0.30| r |0.70| 1.00'
    """
    words = ["r" if math.isnan(e.end) else f"{e.end:.2f}" for e in ends]
    return " ".join(w if last else f"{w} |{e.high:.2f}|" for w, e, last in zip(words, ends, [e.high == 1 for e in ends], strict=True))


def of_epstein(runs: Sequence[Run]) -> list[Figure]:
    """Waiting times between outbursts, by what is done to cops per active."""
    figures = []
    for variant, expected, source in (("floor", 22.7, REBELLION), ("round", 41.8, MESA), ("none", math.nan, REBELLION)):
        own = [r for r in runs if r.variant == variant]
        bursts = "outbursts" if any(r.n for r in own) else "no_outbursts"
        words = "no_outbursts" if math.isnan(expected) else "outbursts"
        figures.append(Figure("epstein", "outbursts", variant, words, bursts, math.nan, math.nan, source))
        if not math.isnan(expected):
            mean, error = mean_of([r.value for r in own if r.n], [r.n for r in own if r.n])
            figures.append(Figure("epstein", "wait", variant, expected, mean, error, 0.1 * expected, EARLIER))
    return figures


def of_moro(runs: Sequence[Run]) -> list[Figure]:
    """The outcome that most histories have, with as many revolutionaries as were chosen beforehand."""
    figures = []
    for (p, r), outcome in moro.PUBLISHED.items():
        variant = moro_variant(ARMED[0], p, r)
        outcomes = Counter(x.outcome for x in runs if x.variant == variant)
        most = max(outcomes, key=lambda word: outcomes[word], default="")
        figures.append(
            Figure("moro", "outcome", variant, outcome, most, math.nan, math.nan, VIOLENT, outcomes[outcome] / max(1, outcomes.total()))
        )
    return figures


def of_hawkes(runs: Sequence[Run]) -> list[Figure]:
    """The branching ratio that was put in, and that which is found."""
    figures = []
    for n in RATIOS:
        values = [r.value for r in runs if r.variant == f"{n:g}"]
        mean, error = mean_of(values, [1] * len(values))
        figures.append(Figure("hawkes", "branching", f"{n:g}", n, mean, error, 0.03, PUT_IN))
    return figures


MODELS: Mapping[str, Callable[[Sequence[Run]], list[Figure]]] = {
    "granovetter": of_granovetter,
    "kuran": of_kuran,
    "epstein": of_epstein,
    "lang_de_sterck": of_lang,
    "moro": of_moro,
    "hawkes": of_hawkes,
}
"""By year, but the process, which is no model of unrest, last."""


def mean_of(values: Sequence[float], n: Sequence[int]) -> tuple[float, float]:
    """Mean of all that seeds hold, n of a mean each, and half its 95 % interval: every seed is left out once (jackknife).

    >>> [round(x, 2) for x in mean_of([1.0, 2.0, 3.0], [1, 1, 1])], mean_of([1.0, 4.0], [2, 1])[0]
    ([2.0, 1.13], 2.0)
    """
    if not values:
        return math.nan, math.nan
    sums, weights = np.multiply(values, n), np.asarray(n)
    mean = float(sums.sum() / weights.sum())
    if len(values) < 2:
        return mean, math.nan
    without = (sums.sum() - sums) / (weights.sum() - weights)
    return mean, float(1.96 * math.sqrt((len(values) - 1) * np.var(without)))


def moro_variant(armed: float, p: float, r: float) -> str:
    """Name of a setting.

    >>> moro_variant(0.04, 0.9, 0.3)
    'p=0.9, r=0.3, s=0.04'
    """
    return f"p={p:g}, r={r:g}, s={armed:g}"


def runs_of(models: Iterable[str], seed: int, ticks: int) -> list[Run]:
    """Every variant of each model that has luck in it, once."""
    runs: list[Run] = []
    for model in models:
        if model in WITH_LUCK:
            runs += WITH_LUCK[model](seed, ticks)
    return runs


def _epstein(seed: int, ticks: int) -> list[Run]:
    runs = []
    for variant, rounding in epstein.ROUNDINGS.items():
        actives = epstein.simulate(epstein.Civil(rounding=rounding), seed, ticks)
        waits = epstein.waits(actives)
        mean = float(waits.mean()) if len(waits) else math.nan
        runs.append(Run("epstein", variant, seed, "", mean, len(waits), int(actives.max(initial=0))))
    return runs


def _moro(seed: int, ticks: int) -> list[Run]:
    runs = []
    for armed in ARMED:
        for p, r in moro.PUBLISHED:
            ended = moro.simulate(moro.Revolution(p, r, revolutionaries=armed), seed, ticks)
            runs.append(Run("moro", moro_variant(armed, p, r), seed, ended.outcome, ended.police, ended.ticks))
    return runs


def _hawkes(seed: int, _: int) -> list[Run]:
    runs = []
    for n in RATIOS:
        until = PROCESS_EVENTS * (1 - n) / PROCESS_MU
        times = hawkes.events(hawkes.Process(PROCESS_MU, n, PROCESS_BETA), until, seed)
        runs.append(Run("hawkes", f"{n:g}", seed, "", hawkes.recovered(times, until).n, len(times)))
    return runs


WITH_LUCK: Mapping[str, Callable[[int, int], list[Run]]] = {"epstein": _epstein, "moro": _moro, "hawkes": _hawkes}


def figures_of(models: Iterable[str], runs: Sequence[Run]) -> list[Figure]:
    """Published against obtained, model by model."""
    return [figure for model in models for figure in MODELS[model]([r for r in runs if r.model == model])]
