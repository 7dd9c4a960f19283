"""Rival stories weighed on the evidence: explicit Bayesian process tracing (Bennett 2015; Fairfield and Charman 2017, 2022; Zaks 2021).

In: stories, items and weights of a ledger. Out: for each pair of stories, how far the evidence moves the odds, as a band from the lowest
to the highest that the coders hold possible; what each item adds; and what would turn the order round.

Items that are one witness count once: of a group, the item that says most. What was looked for and not seen says less, the smaller the
chance that it would have been seen. A coder's lowest, best and highest value are read as a triangular distribution, independent between
items that are different witnesses; the band of a sum holds 95 % of it, and that of several coders reaches from the lowest to the highest of
theirs, so that what coders see differently stays in it. What all coders might get wrong in the same direction is not in it: beside it
stand the sum if every weight erred to one side, and the error an item that would turn the order round. The sum is a statement about
these stories and these items, never a probability that somebody did something.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qantar.account.weights import NOTHING, YES, Band, Item, RivalsFile, Story, Weight, Weights, coded
from qantar.files.result import sha256
from qantar.files.write import sha256_of as file_sha256
from qantar.statistics import NORMAL_95

PRIOR_ODDS = 9.0
"""A verdict must hold for every reader whose odds before the evidence lie between 1 to 9 and 9 to 1."""
PRIOR = 10 * math.log10(PRIOR_ODDS)
APART = 10.0
"""Decibel between two coders from which an item is shown first."""


def absent(weight: float, seen: float) -> float:
    """What an item that was not seen says, in decibel.

    `weight` is what it would say if it had surely been seen had it been there, `seen` the chance of that. Under the story that forbids it,
    not seeing it is certain; under the other its probability is 1 - seen x (1 - 10^(-|weight|/10)), a mixture of "not there" and "there,
    not seen".

    >>> absent(10.0, 1.0), absent(10.0, 0.0), round(absent(-10.0, 0.5), 2)
    (10.0, 0.0, -2.6)
    """
    if seen >= 1:
        return weight
    return math.copysign(-10 * math.log10(1 - seen * (1 - 10 ** (-abs(weight) / 10))), weight) if weight and seen else 0.0


def joined(coders: Iterable[Band]) -> Band:
    """The weights of several coders as one."""
    bands = list(coders)
    return Band(min(b.low for b in bands), math.fsum(b.best for b in bands) / len(bands), max(b.high for b in bands))


@dataclass(frozen=True)
class Weighed:
    """One item with what it says for every pair of stories."""

    item: Item
    weights: Weights
    coders: dict[str, Weights]

    @property
    def largest(self) -> float:
        """The most it says about any pair."""
        return max(abs(band.best) for band in self.weights.values())

    @property
    def apart(self) -> float:
        """The largest difference between the best weights of two coders."""
        pairs = self.weights
        return max(max(c[p].best for c in self.coders.values()) - min(c[p].best for c in self.coders.values()) for p in pairs)


def weighed(items: Iterable[Item], by_coder: Mapping[str, Mapping[str, Weights]]) -> list[Weighed]:
    """Every item with its weights, in the order of their ids; an item that nobody coded is left out."""
    found = []
    for item in sorted(items, key=lambda i: i.item_id):
        coders = {c: {pair: _seen(band, item) for pair, band in w.items()} for c, w in by_coder.get(item.item_id, {}).items()}
        if coders:
            pairs = next(iter(coders.values()))
            found.append(Weighed(item, {pair: joined(c[pair] for c in coders.values()) for pair in pairs}, coders))
    return found


def _seen(band: Band, item: Item) -> Band:
    return band if item.present == YES[0] else Band(*(absent(w, item.seen) for w in (band.low, band.best, band.high)))


def counted(items: Sequence[Weighed]) -> list[Weighed]:
    """Of each group of items that are one witness, the one that says most; the rest as they are."""
    best: dict[str, Weighed] = {}
    for w in items:
        group = w.item.group or f"={w.item.item_id}"
        if group not in best or w.largest > best[group].largest:
            best[group] = w
    return list(best.values())


def total(items: Sequence[Weighed], a: str, b: str) -> Band:
    """The sum over items: its middle over the coders, and from the lowest to the highest that 95 % of any coder's sum holds."""
    sums = [_sum([w.coders[c][a, b] for w in items if c in w.coders]) for c in sorted({c for w in items for c in w.coders})]
    if not sums:
        return NOTHING
    return Band(min(x.low for x in sums), math.fsum(x.best for x in sums) / len(sums), max(x.high for x in sums))


def _sum(bands: Sequence[Band]) -> Band:
    """The sum of independent triangular distributions: mean, and 95 % around it (by their variances, as a normal distribution).

    >>> _sum([Band(-3, 0, 3)] * 6)
    Band(low=-5.8799, best=0.0, high=5.8799)
    """
    mean = math.fsum((x.low + x.best + x.high) / 3 for x in bands)
    squares = (x.low**2 + x.best**2 + x.high**2 - x.low * x.best - x.low * x.high - x.best * x.high for x in bands)
    half = NORMAL_95 * math.sqrt(math.fsum(squares) / 18)
    return Band(round(mean - half, 4), round(mean, 4), round(mean + half, 4))


def one_sided(items: Sequence[Weighed], a: str, b: str) -> Band:
    """The sum if every weight were at its lowest, or every one at its highest."""
    bands = [w.weights[a, b] for w in items]
    return Band(math.fsum(x.low for x in bands), math.fsum(x.best for x in bands), math.fsum(x.high for x in bands))


@dataclass(frozen=True)
class Pair:
    """Story `a` against story `b`: bands in decibel, positive for `a`."""

    a: str
    b: str
    band: Band
    one_sided: Band
    """if every weight erred in the same direction"""
    naive: Band
    """every item counted, as if none were the same witness"""
    own: Band
    """the account's own arguments alone"""
    rest: Band
    """all others"""
    disinterested: Band
    """without items whose source has an interest"""
    without: dict[str, Band]
    """each counted item left out"""

    @property
    def odds(self) -> tuple[float, float]:
        """Lowest and highest odds of a to b, over the band and over readers from 1 to 9 to 9 to 1."""
        return 10 ** ((self.band.low - PRIOR) / 10), 10 ** ((self.band.high + PRIOR) / 10)

    @property
    def verdict(self) -> str:
        """The story that is ahead for every such reader and every weight in the band; nothing if there is none."""
        return ahead(self.band, self.a, self.b)

    @property
    def bias(self) -> float:
        """Decibel by which every counted item would have to err in the same direction for the order to turn round."""
        return abs(self.band.best) / len(self.without) if self.without else 0.0

    @property
    def fragile(self) -> tuple[str, ...]:
        """Items without which nothing, or another story, is ahead."""
        return tuple(item for item, band in self.without.items() if self.verdict and ahead(band, self.a, self.b) != self.verdict)


def ahead(band: Band, a: str, b: str) -> str:
    """The story that is ahead over a whole band and for every reader; nothing if there is none.

    >>> ahead(Band(10, 20, 30), "a", "b"), ahead(Band(9, 20, 30), "a", "b")
    ('a', '')
    """
    return a if band.low > PRIOR else b if band.high < -PRIOR else ""


def tipping(band: Band) -> tuple[float, float, float]:
    """Prior probability of the first of two stories from which on it is ahead: at the lowest, best and highest weight.

    >>> [round(p, 3) for p in tipping(Band(0, 10, 20))]
    [0.5, 0.091, 0.01]
    """
    low, best, high = (1 / (1 + 10 ** (w / 10)) for w in (band.low, band.best, band.high))
    return low, best, high


def compare(items: Sequence[Weighed], a: str, b: str) -> Pair:
    """Two stories on all items."""
    used = counted(items)
    without = {w.item.item_id: total(counted([x for x in items if x is not w]), a, b) for w in used}
    own, rest = ([w for w in items if w.item.own == word] for word in YES)
    free = [w for w in items if w.item.interest == "none"]
    return Pair(
        a,
        b,
        band=total(used, a, b),
        one_sided=one_sided(used, a, b),
        naive=total(items, a, b),
        own=total(counted(own), a, b),
        rest=total(counted(rest), a, b),
        disinterested=total(counted(free), a, b),
        without=without,
    )


@dataclass(frozen=True)
class Weighing:
    """All stories on all items."""

    stories: tuple[Story, ...]
    """the one that the evidence favours most first"""
    items: tuple[Weighed, ...]
    pairs: tuple[Pair, ...]
    """each pair once, the story that is ahead at the best weights first"""


def sha256_of(rivals: RivalsFile, *tables: Path) -> str:
    """One SHA-256 over the stories and the tables of items and weights; not over its own registration."""
    told = rivals.model_dump(mode="json", exclude={"registered"})
    return sha256(json.dumps([told, list(map(file_sha256, tables))], sort_keys=True))


def weigh(stories: Sequence[Story], items: Iterable[Item], weights: Iterable[Weight]) -> Weighing:
    """Weigh stories on items; the rows were checked (`check_weights`)."""
    ids = sorted(s.id for s in stories)
    every = weighed(items, coded(weights, ids))
    used = counted(every)
    score = {s: math.fsum(total(used, s, other).best for other in ids) for s in ids}
    order = sorted(ids, key=lambda s: (-score[s], s))
    pairs = [compare(every, a, b) for k, a in enumerate(order) for b in order[k + 1 :]]
    by_id = {s.id: s for s in stories}
    return Weighing(tuple(by_id[s] for s in order), tuple(every), tuple(pairs))
