"""Where draws are proposed once it is known which of them come near: a normal law around those, beside the prior.

    z            normal score of a place in the prior: each prior is a standard normal law in it
    proposal     rest x prior + (1 - rest) x N(mean, covariance + spread x I) in the scores of the moved parameters, the prior in all others
    weight       1 / sum over the laws of (share of all draws from it) x (its density / that of the prior)

Mean and covariance are those of weighted draws that came near. Every draw is weighed by the mixture of all laws that draws were made with
(Owen and Zhou 2000, J. Am. Stat. Assoc. 95; Beaumont, Cornuet, Marin and Robert 2009, Biometrika 96, for rejection by rounds), so weights
are bounded where one of them is the prior, and what they estimate is the same whatever the proposals are. How many independent draws such
weights are worth is (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.inference.diagnostics import scores_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
REST = 0.2
"""Share of a proposal that is the prior."""
SPREAD = 0.2
"""What is added to the covariance of scores, of which that of the prior is 1: the draws that came near are few."""
MOVED = 3.0
"""Standard errors by which mean or variance of a score differ from those of the prior in a parameter that is moved."""


@dataclass(frozen=True)
class Proposal:
    """A law of places in the prior."""

    columns: Ints
    """parameters that are moved"""
    mean: Floats
    root: Floats
    """lower triangle whose square is the covariance, shape (moved, moved)"""

    def points(self, prior: Floats, u: Floats) -> Floats:
        """Places of draws of this law, from as many draws of the prior.

        Parameters
        ----------
        prior : places of draws of the prior, shape (draws, parameters)
        u : uniform numbers, which choose those that stay as they are, shape (draws,)

        Examples
        --------
        >>> law = Proposal(np.array([0]), np.array([3.0]), np.array([[0.1]]))
        >>> law.points(np.array([[0.5, 0.4], [0.5, 0.4]]), np.array([0.1, 0.9])).round(3).tolist()
        [[0.5, 0.4], [0.999, 0.4]]
        """
        from scipy.special import ndtr

        found = prior.copy()
        moved = u >= REST
        scores = self.mean + scores_of(prior[np.ix_(moved, self.columns)]) @ self.root.T
        found[np.ix_(moved, self.columns)] = np.clip(ndtr(scores), 1e-12, 1 - 1e-12)
        return found

    def density(self, points: Floats) -> Floats:
        """Density at some places against that of the prior, shape (draws,).

        >>> law = Proposal(np.array([0]), np.array([0.0]), np.array([[1.0]]))           # the prior itself
        >>> law.density(np.array([[0.2], [0.9]])).round(12).tolist()
        [1.0, 1.0]
        """
        z = scores_of(points[:, self.columns])
        own = np.linalg.solve(self.root, (z - self.mean).T).T
        log = (z**2).sum(axis=1) / 2 - (own**2).sum(axis=1) / 2 - np.log(np.diag(self.root)).sum()
        return np.asarray(REST + (1 - REST) * np.exp(log))


def proposal_of(points: Floats, weights: Floats) -> Proposal:
    """The law around weighted draws; it moves the parameters whose scores they show to differ from the prior's."""
    z, w = scores_of(points), weights / weights.sum()
    worth = effective(weights)
    mean = w @ z
    variance = w @ (z - mean) ** 2
    columns = np.flatnonzero((np.abs(mean) * np.sqrt(worth) > MOVED) | (np.abs(variance - 1) * np.sqrt(worth / 2) > MOVED))
    away = z[:, columns] - mean[columns]
    covariance = (away * w[:, None]).T @ away + SPREAD * np.eye(len(columns))
    return Proposal(columns, mean[columns], np.linalg.cholesky(covariance))


def weights_of(points: Floats, proposals: Sequence[Proposal], counts: Sequence[int]) -> Floats:
    """Weights of draws, whichever law each came from, shape (draws,).

    Parameters
    ----------
    proposals : after the prior
    counts : draws from the prior and from each of them

    Examples
    --------
    >>> weights_of(np.array([[0.5]]), [], [10]).tolist()
    [1.0]
    """
    share = np.array(counts, float) / sum(counts)
    mixture = np.full(len(points), share[0])
    for law, of in zip(proposals, share[1:], strict=True):
        mixture += of * law.density(points)
    return np.asarray(1 / mixture)


def effective(weights: Floats) -> float:
    """How many independent draws weighted ones are worth.

    >>> effective(np.array([1.0, 1.0, 2.0, 0.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0


def equal(weights: Floats, n: int, start: float) -> Ints:
    """Rows of n draws of equal weight: systematic resampling, so a draw stands as often as it weighs, but for less than one.

    >>> equal(np.array([1.0, 2.0, 1.0]), 4, 0.5).tolist()
    [0, 1, 1, 2]
    """
    ends = np.cumsum(weights / weights.sum())
    return np.asarray(np.minimum(np.searchsorted(ends, (np.arange(n) + start) / n, side="right"), len(weights) - 1))
