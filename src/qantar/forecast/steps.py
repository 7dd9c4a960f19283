"""A day from which a list of events has many more rows: whether more happened, or more was written down.

In: rows of a record by unit and kind in as many weeks before a day as from it on. Out: how many times as many there are, and what two
simple readings of that would look like.

    record   from the day on every happening is written down with a chance that is f times as large, whatever and wherever it is: then kinds
             and units all grow by the same f, and what nobody misses, as it is written down anyway, grows least
    world    more happens; nothing says that places or kinds share a factor

Rows are taken for Poisson with as much more scatter as weeks of one unit have (quasi-Poisson). `apart` is Pearson's chi-square of one
common factor over its degrees of freedom, divided by that scatter: near 1 if one factor will do, with the chance of as much under it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.statistics import NORMAL_95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grown:
    """Rows of one kind or unit before and from the day on."""

    name: str
    before: int
    after: int
    scatter: float
    """variance of a week's rows over their mean, at least 1"""

    @property
    def factor(self) -> float:
        """How many times as many rows there are; NaN of none before."""
        return self.after / self.before if self.before else math.nan

    def interval(self) -> tuple[float, float]:
        """95 %, on the log scale; half a row is added to each side so that nothing is infinite."""
        middle = math.log((self.after + 0.5) / (self.before + 0.5))
        half = NORMAL_95 * math.sqrt(self.scatter * (1 / (self.after + 0.5) + 1 / (self.before + 0.5)))
        return math.exp(middle - half), math.exp(middle + half)


@dataclass(frozen=True)
class Common:
    """Whether one factor will do for all."""

    apart: float
    chance: float
    """of at least as much under one factor"""
    of: int


def scatter_of(weeks: Floats) -> float:
    """Variance of weekly rows over their mean within each half, shape (units, halves, weeks); at least 1.

    >>> scatter_of(np.full((3, 2, 4), 5.0))
    1.0
    """
    mean = weeks.mean(axis=2)
    variance = weeks.var(axis=2, ddof=1)
    return max(1.0, float(variance.sum() / max(float(mean.sum()), 1e-12)))


def grown(names: Sequence[str], weeks: Floats) -> list[Grown]:
    """Each kind or unit, rows of shape (units, 2, weeks); the scatter is that of all together."""
    scatter = scatter_of(weeks)
    return [Grown(n, int(w[0].sum()), int(w[1].sum()), scatter) for n, w in zip(names, weeks, strict=True)]


def common(found: Sequence[Grown]) -> Common:
    """Pearson's test of one factor for all, with the scatter of weeks taken out.

    >>> common([Grown("a", 10, 50, 1.0), Grown("b", 20, 100, 1.0)]).apart
    0.0
    """
    from scipy.stats import chi2

    rows = np.array([[g.before, g.after] for g in found if g.before + g.after], float)
    expected = rows.sum(axis=1, keepdims=True) * rows.sum(axis=0) / rows.sum()
    statistic, of = float(((rows - expected) ** 2 / expected).sum()), len(rows) - 1
    scatter = found[0].scatter
    return Common(statistic / of / scatter, float(chi2.sf(statistic / scatter, of)), len(rows))
