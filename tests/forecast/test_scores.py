"""Scores: closed forms, properness by enumeration, calibration on data that are calibrated; each with a score that is wrong.

Statistical checks use fixed seeds and a margin of four standard errors (one false alarm in 16,000 checks); each names a defect it finds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import binom, ttest_rel

from qantar.forecast.power import between, detectable, hidden, score_differences
from qantar.forecast.scores import (
    HISTORIES,
    Difference,
    Share,
    brier,
    coverage_days,
    crps_days,
    log_score,
    log_score_days,
    mass,
    paired,
    probability,
)
from qantar.statistics import wilson

Floats = NDArray[np.float64]
DAYS = arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 6))


def rng(number: int) -> np.random.Generator:
    return np.random.default_rng(number)


def hist(days: NDArray[np.int64], n: int) -> Floats:
    return np.bincount(days, minlength=n) / len(days)


# --- CRPS --------------------------------------------------------------------------------------------------------------


def integral(p: Floats, y: int, low: int, high: int) -> float:
    """The integral of (F(z) - 1{y <= z})^2 over days, without the stretch from low to high."""
    z = np.arange(len(p) - 1)
    return float((((np.cumsum(p)[:-1] - (y <= z)) ** 2)[(z < low) | (z >= high)]).sum())


@given(DAYS, st.integers(0, 6))
def test_days_score_as_the_distances_between_samples(days: NDArray[np.int64], y: int) -> None:
    apart = np.abs(days - y).mean() - np.abs(days[:, None] - days).mean() / 2
    assert crps_days(hist(days, 7), y, y).item() == pytest.approx(apart, abs=1e-12)


@given(DAYS, st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)))
def test_an_interval_takes_its_stretch_out_of_the_integral(days: NDArray[np.int64], numbers: tuple[int, int, int]) -> None:
    (low, y, high), p = sorted(numbers), hist(days, 7)
    assert crps_days(p, low, high).item() == pytest.approx(integral(p, y, low, high), abs=1e-12)
    shown = int(((days >= low) & (days <= high)).sum())
    assert log_score_days(p, low, high, len(days)).item() == pytest.approx(-math.log((shown + 0.5) / (len(days) + 1)))


@given(DAYS, st.tuples(*[st.integers(0, 6)] * 4))
def test_less_is_judged_the_wider_an_interval_is(days: NDArray[np.int64], numbers: tuple[int, ...]) -> None:
    (least, low, high, most), p = sorted(numbers), hist(days, 7)
    assert 0 <= crps_days(p, least, most).item() <= crps_days(p, low, high).item() + 1e-12
    assert crps_days(p, 0, 6).item() == 0


# --- properness, by enumeration ----------------------------------------------------------------------------------------

GRID = [np.array(c) / 8 for c in itertools.product(range(9), repeat=4) if sum(c) == 8]
TRUTHS = [np.array(t) / 8 for t in ((2, 2, 2, 2), (1, 4, 2, 1), (5, 1, 1, 1), (1, 1, 0, 6), (0, 3, 5, 0))]
"""Distributions over four days (the last: never); the truths are among the forecasts."""


def gain(score: Callable[[Floats, int], float]) -> float:
    """The most that somebody who knows the truth expects to gain by saying something else; 0 of a proper score."""
    most = 0.0
    for truth in TRUTHS:
        expected = [sum(g * score(f, y) for y, g in enumerate(truth) if g) for f in (truth, *GRID)]
        most = max(most, expected[0] - min(expected))
    return most


def fixed_stretch(f: Floats, y: int) -> float:
    """Days 1 to 2 are in doubt whatever happens."""
    return integral(f, y, 1, 2)


def moving_windows(f: Floats, y: int) -> float:
    """Log score where the day or the day with one neighbour is told, each window as likely whichever of its days is true."""
    return float(np.mean([log_score_days(f, a, min(a + 1, 3), 10**9).item() for a in (y - 1, y)]))


PROPER: dict[str, Callable[[Floats, int], float]] = {
    "crps": lambda f, y: crps_days(f, y, y).item(),
    "crps, a stretch left out": fixed_stretch,
    "log": lambda f, y: log_score_days(f, y, y, 10**9).item(),
    "log, moving windows": moving_windows,
    "log, parts": lambda f, y: log_score_days(f, 2 * (y // 2), 2 * (y // 2) + 1, 10**9).item(),
    "brier": lambda f, y: brier(f[:2].sum(), y < 2).item(),
}
IMPROPER: dict[str, Callable[[Floats, int], float]] = {
    "the mass itself": lambda f, y: -f[y],
    "absolute error of the mean": lambda f, y: abs(float((f * np.arange(4)).sum()) - y),
    "plain error without the spread": lambda f, y: float((f * np.abs(np.arange(4) - y)).sum()),
    "middle of an interval taken for the day": lambda f, y: crps_days(f, 2 * (y > 0), 2 * (y > 0)).item(),
    "crps, interval that moves with the outcome": lambda f, y: crps_days(f, 2 * (y // 2), 2 * (y // 2) + 1).item(),
    "window that always begins on the day": lambda f, y: log_score_days(f, y, min(y + 1, 3), 10**9).item(),
}


@pytest.mark.parametrize("name", PROPER)
def test_nobody_gains_by_saying_what_they_do_not_believe(name: str) -> None:
    assert gain(PROPER[name]) < 1e-6


@pytest.mark.parametrize("name", IMPROPER)
def test_improper_scores_are_found_out(name: str) -> None:
    assert gain(IMPROPER[name]) > 0.01


def test_the_left_out_stretch_is_what_the_interval_score_gives_inside_it() -> None:
    for f in GRID:
        assert fixed_stretch(f, 1) == fixed_stretch(f, 2) == pytest.approx(crps_days(f, 1, 2).item())


@pytest.mark.parametrize("truth", [0.05, 0.3, 0.5, 0.9])
def test_counts_cost_at_most_half_of_one_history(truth: float) -> None:
    said = np.linspace(0, 1, 200_001)
    expected = truth * log_score(20 * said, 20) + (1 - truth) * log_score(20 * (1 - said), 20)
    assert abs(said[expected.argmin()] - truth) <= 1 / 40 + 1e-5


# --- counts, shares, calibration -----------------------------------------------------------------------------------------


def test_probabilities_from_counts() -> None:
    assert probability(0) == pytest.approx(0.5 / 401)
    assert probability(400) == pytest.approx(400.5 / 401)
    assert probability(100) + probability(HISTORIES - 100) == pytest.approx(1)
    assert log_score(np.array([3.0, np.nan]), 9).tolist() == pytest.approx([-math.log(0.35), np.nan], nan_ok=True)


def test_log_score_of_an_interval_counts_the_days_allowed() -> None:
    assert mass(np.array([[0.5, 0.2, 0.3]] * 2), [0, 2], [1, 2]).tolist() == pytest.approx([0.7, 0.3])
    assert log_score_days(np.array([1.0, 0.0]), 1, 1).item() == pytest.approx(-math.log(0.5 / 401))


def test_shares_have_wilsons_interval() -> None:
    assert Share(3, 10).interval() == wilson(3, 10)
    low, high = Share(3, 10).interval()  # ends solve (p - share)^2 = z^2 p (1 - p) / n
    assert [(p - 0.3) ** 2 for p in (low, high)] == pytest.approx([1.959964**2 * p * (1 - p) / 10 for p in (low, high)])
    assert math.isnan(Share(0, 0).share)
    assert Share(0, 0).interval() == (0.0, 1.0)


def test_central_intervals_of_days_hold_what_they_promise() -> None:
    """Outcomes drawn from the forecast: shares are at least the level, by as much as days are whole; one too sure falls short of it."""
    n, days = 4000, 17
    p = rng(3).dirichlet(np.full(days, 0.8), n)
    y = np.array([rng(4 + k).choice(days, p=p[k]) for k in range(n)])

    def promised(p: Floats, level: float) -> float:
        by = np.cumsum(p, axis=1)
        first, last = (np.argmax(by >= q, axis=1) for q in ((1 - level) / 2, (1 + level) / 2))
        return float(np.mean([p[k, a : b + 1].sum() for k, (a, b) in enumerate(zip(first, last, strict=True))]))

    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    for level in (0.5, 0.9):
        margin = 4 * math.sqrt(level * (1 - level) / n)
        sure, possible = coverage_days(p, y, y, level)
        assert sure == possible
        assert promised(p, level) >= level
        assert abs(sure.share - promised(p, level)) < margin
        assert coverage_days(sharp, y, y, level)[0].share < promised(sharp, level) - margin


def test_an_interval_may_be_covered_for_certain_possibly_or_not() -> None:
    p = np.tile([0.04, 0.5, 0.42, 0.04, 0.0], (4, 1))  # the central 90 % runs from day 1 to day 2
    sure, possible = coverage_days(p, [1, 2, 3, 0], [2, 4, 4, 1])
    assert (sure, possible) == (Share(1, 4), Share(3, 4))
    assert coverage_days(np.array([[0.0, 0.0, 1.0]]), [2], [2]) == (Share(1, 1), Share(1, 1))  # never, and it never came


# --- differences, power --------------------------------------------------------------------------------------------------


def test_paired_differences_agree_with_the_paired_t_test() -> None:
    a, b = rng(7).normal(0, 1, 17), rng(8).normal(0.3, 1, 17)
    found, known = paired(a, b), ttest_rel(a, b)
    assert found.mean / found.se == pytest.approx(known.statistic)
    assert found.interval() == pytest.approx((found.mean - 2 * found.se, found.mean + 2 * found.se))
    assert paired(b, a).mean == -found.mean
    assert paired(np.append(a, np.nan), np.append(b, 99.0)) == found


def test_what_is_below_two_standard_errors_is_not_separated() -> None:
    assert Difference(2.0, 1.0, 9).separated
    assert Difference(-2.0, 1.0, 9).separated
    assert not Difference(1.999, 1.0, 9).separated
    assert not paired(np.ones(5), np.ones(5)).separated
    assert not paired(np.array([4.0]), np.array([1.0])).separated  # one region has no error
    assert not paired(np.array([np.nan]), np.array([1.0])).separated


def test_power_of_two_days_is_the_binomial_one() -> None:
    """Firm days, two of them, n regions: the number that rise on the first is binomial, and decides alone."""
    n, truth, rival, m = 17, 0.5, 0.2, HISTORIES
    p, q = (np.tile([x, 1 - x], (n, 1)) for x in (truth, rival))
    score = [(log_score_days(q[0], d, d) - log_score_days(p[0], d, d)).item() for d in (0, 1)]

    def separated(k: int) -> bool:
        d = paired(np.array([score[0]] * k + [score[1]] * (n - k)), 0.0)
        return d.separated and d.mean > 0

    exact = sum(float(binom.pmf(k, n, truth)) for k in range(n + 1) if separated(k))
    firm = (np.zeros(n, np.int64), np.zeros(n, np.int64))
    found = detectable(p, q, firm, power=1.0, records=1000, m=m)  # not reached: the rival itself is judged
    assert found.weight == 1
    assert abs(found.power.share - exact) < 4 * math.sqrt(exact * (1 - exact) / 1000)
    expected = truth * score[0] + (1 - truth) * score[1]
    assert abs(found.difference.mean - expected) < 4 * found.difference.se
    assert abs(exact - 0.8) > 4 * math.sqrt(exact * (1 - exact) / 1000)  # the check would notice another power


def test_the_smallest_difference_has_the_power_asked_for_and_grows_with_it() -> None:
    truth, rival = np.tile([0.5, 0.3, 0.1, 0.1], (17, 1)), np.tile([0.1, 0.1, 0.2, 0.6], (17, 1))
    intervals = (np.array([0, 1] * 8 + [1]), np.array([0, 2] * 8 + [3]))
    half, most = (detectable(truth, rival, intervals, power=w, records=300) for w in (0.5, 0.8))
    assert half.power.share == pytest.approx(0.5, abs=0.01)
    assert most.power.share == pytest.approx(0.8, abs=0.01)
    assert 0 < half.difference.mean < most.difference.mean
    assert most == detectable(truth, rival, intervals, power=0.8, records=300)
    less = detectable(truth, rival, (np.zeros(17, np.int64), np.full(17, 2)), power=0.8, records=300)
    assert less.power.share < 0.8  # blurred days tell less: out of reach


def test_nobody_beats_the_truth_and_equals_are_rarely_separated() -> None:
    truth = np.tile([0.4, 0.3, 0.2, 0.1], (17, 1))
    intervals = (np.array([0, 1] * 8 + [1]), np.array([0, 2] * 8 + [3]))
    u = rng(9).uniform(size=(2000, 17, 2))
    for rival in ([0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.25, 0.05]):
        differences = score_differences(truth, np.tile(rival, (17, 1)), intervals, u).mean(axis=1)
        assert differences.mean() > -4 * differences.std() / math.sqrt(2000)
    close = score_differences(truth, between(truth, np.tile([0.1, 0.2, 0.3, 0.4], (17, 1)), 0.001), intervals, u)
    apart = np.abs(close.mean(axis=1)) >= 2 * close.std(axis=1, ddof=1) / math.sqrt(17)
    assert 0.02 < apart.mean() < 0.12  # two standard errors of 17: 6 %


def test_hidden_days_say_no_more_than_that_they_are_inside() -> None:
    """Each window of three days comes from each of its days equally often, and holds it."""
    u = (np.arange(300) + 0.5) / 300
    counts = np.zeros((13, 10), int)
    for day in range(10):
        low, high = hidden(np.full(300, day), np.full(300, 2), np.full(300, 4), u, never=9)
        assert ((low <= day) & (day <= high)).all()
        for a, b in zip(low, high, strict=True):
            counts[a if b - a == 2 or a else b - 2, day] += 1
    assert set(counts[counts > 0]) == {100}
    low, high = hidden(np.array([3, 5, 9]), np.full(3, 5), np.full(3, 9), u[:3], never=9)
    assert (low.tolist(), high.tolist()) == ([3, 5, 5], [3, 9, 9])  # not before 5: known if earlier
