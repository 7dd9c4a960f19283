"""Laws that draws are proposed by, and their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from qantar.inference.proposal import MOVED, REST, Proposal, effective, equal, proposal_of, weights_of

N = 40_000
Floats = np.ndarray[Any, np.dtype[np.float64]]


def law() -> Proposal:
    return Proposal(np.array([0, 2]), np.array([1.5, -0.5]), np.array([[0.5, 0.0], [0.3, 0.7]]))


def prior(n: int = N, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).random((n, 4))


def proposed(n: int = N, seed: int = 2) -> Floats:
    return law().points(prior(n, seed), np.random.default_rng(seed + 1).random(n))


def test_the_moved_scores_follow_the_law_and_the_others_the_prior() -> None:
    z, u = ndtri(proposed()), np.random.default_rng(3).random(N)
    moved = z[u >= REST]
    assert moved[:, [0, 2]].mean(axis=0) == pytest.approx([1.5, -0.5], abs=0.02)
    assert np.cov(moved[:, [0, 2]].T) == pytest.approx(np.array([[0.25, 0.15], [0.15, 0.58]]), abs=0.02)
    assert np.cov(z[u < REST].T) == pytest.approx(np.eye(4), abs=0.06)
    assert moved[:, [1, 3]].std(axis=0) == pytest.approx([1, 1], abs=0.02)


def check_weights(weights: Floats, points: Floats) -> None:
    """Weighted draws are draws of the priors: their weights average 1, and so do scores and squares."""
    z = ndtri(points)
    assert weights.mean() == pytest.approx(1, abs=0.03)
    assert (weights @ z / len(z)) == pytest.approx(np.zeros(4), abs=0.04)
    assert (weights @ z**2 / len(z)) == pytest.approx(np.ones(4), abs=0.08)


def test_weights_make_draws_of_the_priors_of_a_mixture() -> None:
    points = np.concatenate([prior(N // 2, 5), proposed()])
    weights = weights_of(points, [law()], [N // 2, N])
    check_weights(weights, points)
    assert weights.max() <= 1 / (1 / 3 + 2 / 3 * REST)  # the prior bounds them
    assert weights_of(prior(5), [], [7]).tolist() == [1] * 5


@pytest.mark.parametrize("fault", ["the counts", "the mean", "the root"])
def test_wrong_weights_are_caught(fault: str) -> None:
    points = np.concatenate([prior(N // 2, 5), proposed()])
    wrong = {
        "the counts": ([law()], [N, N // 2]),
        "the mean": ([replace(law(), mean=np.array([1.2, -0.5]))], [N // 2, N]),
        "the root": ([replace(law(), root=1.3 * law().root)], [N // 2, N]),
    }
    with pytest.raises(AssertionError):
        check_weights(weights_of(points, *wrong[fault]), points)


def test_a_law_moves_what_the_near_draws_moved() -> None:
    points, weights = prior(400, 7), np.ones(400)
    assert MOVED == 3
    assert len(proposal_of(points, weights).columns) == 0
    points[:, 1] = 0.7 + 0.3 * points[:, 1]  # shifted
    points[:, 3] = 0.3 + 0.4 * points[:, 3]  # narrower
    found = proposal_of(points, weights)
    assert found.columns.tolist() == [1, 3]
    assert found.mean == pytest.approx(ndtri(points[:, [1, 3]]).mean(axis=0))
    assert found.root @ found.root.T == pytest.approx(np.cov(ndtri(points[:, [1, 3]]).T, bias=True) + 0.2 * np.eye(2))
    doubled = proposal_of(np.concatenate([points, points[:100]]), np.ones(500))
    weighted = proposal_of(points, np.where(np.arange(400) < 100, 2.0, 1.0))
    assert weighted.mean == pytest.approx(doubled.mean)
    assert weighted.root == pytest.approx(doubled.root)


def test_a_law_that_moves_nothing_is_the_prior() -> None:
    none = Proposal(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 0)))
    points = prior(10)
    assert np.array_equal(none.points(points, np.full(10, 0.9)), points)
    assert none.density(points) == pytest.approx(np.ones(10))


def test_draws_of_equal_weight_stand_as_often_as_they_weigh() -> None:
    weights = np.array([0.5, 3.0, 0.0, 1.25, 0.25])
    for start in (0.01, 0.4, 0.99):
        times = np.bincount(equal(weights, 100, start), minlength=5)
        assert np.abs(times - 20 * weights).max() < 1
        assert times.sum() == 100
    assert effective(weights) == pytest.approx(25 / (0.25 + 9 + 1.5625 + 0.0625))
    assert effective(np.zeros(3)) == 0
