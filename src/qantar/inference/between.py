"""How far several calibrations that share nothing but the model and the record differ: what luck of the seed does to what is published.

    median of a parameter    standard deviation between runs of its place in the prior, over the standard deviation of that place
                             in the posterior (the mean over runs)
    share of a feature       standard deviation between runs, over that of a share of as many independent histories, sqrt(p (1 - p) / n)

The first ought to be small beside one, the second about one: each run asks other histories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import Feature

Floats = NDArray[np.float64]
MEDIAN, SHARE = "median", "share"


@dataclass(frozen=True)
class Between:
    """One published number in several runs."""

    number: str
    """median or share"""
    of: str
    """which parameter or feature"""
    mean: float
    sd: float
    """between runs"""
    expected: float
    """standard deviation of the posterior, or of a share"""

    @property
    def ratio(self) -> float:
        """The first over the second; 0 where no run differs."""
        return self.sd / self.expected if self.sd else 0.0


def between(names: Sequence[str], scores: Sequence[Floats], shown: Sequence[Sequence[Feature]]) -> list[Between]:
    """Every published number of two or more runs.

    Parameters
    ----------
    names : the fitted parameters
    scores : their normal scores in the posterior of each run, shape (particles, parameters)
    shown : features of the fitted histories of each run, the same in the same order
    """
    from scipy.special import ndtr

    places = [ndtr(x) for x in scores]
    medians, spread = np.array([np.median(x, axis=0) for x in places]), np.array([x.std(axis=0) for x in places]).mean(axis=0)
    rows = [_row(MEDIAN, name, medians[:, k], float(spread[k])) for k, name in enumerate(names)]
    for same in zip(*shown, strict=True):
        shares = np.array([f.share for f in same])
        p = float(shares.mean())
        rows.append(_row(SHARE, f"{same[0].kind}:{same[0].of}", shares, float(np.sqrt(p * (1 - p) / same[0].runs))))
    return rows


def _row(number: str, of: str, values: Floats, expected: float) -> Between:
    return Between(number, of, float(values.mean()), float(values.std(ddof=1)), expected)
