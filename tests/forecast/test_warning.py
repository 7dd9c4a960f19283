"""Early warning, on days made by hand: alarms that are right, wrong, late, never silent; and a regression that cannot look ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import poisson

from qantar.forecast.alarms import MONTH_DAYS, Rate, Warnings, ahead, first_days, follows, hazard_regression, judge
from qantar.forecast.scores import Share, brier, paired

DAYS = np.arange(60.0)
WAVES = np.array([20.0, 50.0])


def judged(*alarms: float, waves: tuple[float, ...] = (20.0, 50.0), h: float = 5.0, end: float = 59.0) -> Warnings:
    return judge(np.where(np.isin(DAYS, alarms), 0.9, 0.1), DAYS, np.array(waves), h=h, threshold=0.5, end=end)


def test_a_perfect_warner() -> None:
    w = judged(16, 48)
    assert (w.precision, w.recall) == (Share(2, 2), Share(2, 2))
    assert w.lead.tolist() == [4, 2]
    assert w.false_alarms == Rate(0, 45 / MONTH_DAYS)


def test_false_late_and_missing_alarms() -> None:
    w = judged(3, 20, 30)  # on the day itself is no warning
    assert w.precision == Share(0, 3)
    assert w.recall == Share(0, 2)
    assert np.isnan(w.lead).all()
    assert w.false_alarms.count == 3
    silent = judged()
    assert silent.precision == Share(0, 0)
    assert silent.false_alarms.count == 0


def test_days_in_a_row_are_one_alarm_and_a_warning_that_never_ends_is_many() -> None:
    assert judged(3, 4, 5).precision == Share(0, 1)
    assert judged(13, 14, 15, 16).precision == Share(1, 1)  # the 13th alone would have been false
    assert judged(13, 15).lead.tolist() == pytest.approx([5, math.nan], nan_ok=True)
    always = judged(*DAYS)
    # from 0, 5, 10, 15 (true), and anew from the wave on the 20th: 20, 25, ..., 45 (true), 50
    assert (always.precision, always.recall) == (Share(2, 11), Share(2, 2))
    assert always.false_alarms.per_month == pytest.approx(9 / (45 / MONTH_DAYS))
    assert always.lead.tolist() == [5, 5]


def test_what_was_not_seen_to_its_end_is_no_quiet_day() -> None:
    assert judged(58, waves=()).precision == Share(0, 0)
    assert judged(53, waves=()).precision == Share(0, 1)
    assert judged(53, waves=(), end=57).precision == Share(0, 0)
    assert judge(np.full(60, np.nan), DAYS, WAVES, h=5, threshold=0.5, end=59).recall == Share(0, 0)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_rate_has_garwoods_interval(count: int) -> None:
    rate = Rate(count, 4.0)
    low, high = rate.interval()
    assert poisson.cdf(count, high * 4) == pytest.approx(0.025)
    assert (1 - poisson.cdf(count - 1, low * 4) if count else 0.025) == pytest.approx(0.025)
    assert low <= rate.per_month <= high
    assert math.isnan(Rate(0, 0.0).per_month)
    assert Rate(0, 0.0).interval() == (0.0, math.inf)


def test_a_wave_is_the_first_day_with_enough_regions_at_once() -> None:
    assert first_days(np.array([1, 3, 2, 4]), 3) == 1
    assert first_days(np.array([[1, 1, 1, 1], [3, 0, 0, 0]]), 3).tolist() == [-1, 0]


def test_histories_that_had_their_wave_are_not_asked_for_another() -> None:
    wave = np.array([1, 3, 5, 6, -1])
    assert ahead(wave, 2, 3) == Share(2, 4)  # the third day and the fifth; the first day is gone, and the origin's own day would be
    assert ahead(wave, 3, 3) == Share(2, 3)
    assert ahead(np.array([0, 1]), 4, 3) == Share(0, 0)
    assert follows(np.array([2.0]), np.array([2.0, 3, 4, 5]), 2.0).tolist() == [[False, True, True, False]]


def world(seed: int, slope: float, n: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origins three days apart, one covariate, and waves whose hazard per day is exp(-2 + slope x)."""
    rng = np.random.default_rng(seed)
    origins = 3.0 * np.arange(n)
    x = rng.normal(size=(n, 1))
    rises = rng.uniform(size=n) < -np.expm1(-3 * np.exp(-2 + slope * x[:, 0]))
    return x, origins, origins[rises] + 1.5


def test_the_regression_finds_a_covariate_that_counts_and_none_that_does_not() -> None:
    for slope, separated in ((1.5, True), (0.0, False)):
        x, origins, waves = world(3, slope)
        p = hazard_regression(x, origins, waves, h=3.0)
        happened = follows(origins, waves, 3.0).any(axis=1)
        constant = np.array([happened[:i].mean() for i in range(20, len(happened))])
        gain = paired(brier(constant, happened[20:]), brier(p[20:], happened[20:]))
        assert (gain.separated and gain.mean > 0) == separated
        truth = -np.expm1(-3 * np.exp(-2 + slope * x[-5:, 0]))
        assert p[-5:] == pytest.approx(truth, abs=0.2)


def test_the_regression_sees_nothing_of_what_comes_later() -> None:
    x, origins, waves = world(4, 1.0, 40)
    p = hazard_regression(x, origins, waves, h=3.0)
    other_x, other_waves = x.copy(), waves[waves <= origins[20]]
    other_x[21:] = 7.0
    later = hazard_regression(other_x, origins, np.append(other_waves, [70.0, 71.0]), h=3.0)
    assert np.array_equal(p[:21], later[:21], equal_nan=True)
    assert not np.array_equal(p[21:], later[21:])
    early = hazard_regression(x, origins, waves[waves > origins[10]], h=3.0)  # what came before is seen
    assert not np.array_equal(p[:21], early[:21], equal_nan=True)
    assert np.isnan(p[0])
    assert not np.isnan(p[1:]).any()


def test_the_regression_stays_finite_where_nothing_ever_happened() -> None:
    x, origins, _ = world(5, 0.0, 30)
    p = hazard_regression(x, origins, np.array([]), h=3.0)
    assert ((p[1:] > 0) & (p[1:] < 0.5)).all()
    assert p[-1] < p[3]
