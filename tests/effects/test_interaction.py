"""The estimator, its rule and its shares on planted outcomes: what is there is found, what is not there is not."""

from __future__ import annotations

import numpy as np
import pytest

from qantar.effects.interaction import Floats, advantage, by_chance, components, interaction, per_draw, rule, shares, shuffles

C, M, K, S = 64, 4, 40, 2
HOLDS = np.arange(C) % 2 == 0
OTHERS = [1, 2, 3]


def planted(seed: int, effect: float, *, share: float = 1.0, methods_differ: float = 0.0) -> Floats:
    """Yes or no outcomes in which method 0 does better by `effect` where the condition holds, in so many of the draws."""
    rng = np.random.default_rng(seed)
    p = 0.2 + 0.3 * rng.uniform(size=(C, 1, K, 1)) + np.zeros((C, M, K, 1))
    p[:, 0] += methods_differ
    acts = (np.arange(K) < share * K)[None, :, None]
    p[:, 0] += effect * HOLDS[:, None, None] * acts
    return (rng.uniform(size=(C, M, K, S)) < p).astype(float)


def over_others(y: Floats) -> Floats:
    """Advantage of method 0, shape (countries, draws)."""
    return advantage(y.mean(axis=3), 0, OTHERS)


def findings(effect: float, kind: str, runs: int, **more: float) -> list[str]:
    return [interaction(over_others(planted(k, effect, **more)), HOLDS, 0.1, kind).finding for k in range(runs)]


def test_a_planted_interaction_is_found_in_at_least_95_of_100_worlds() -> None:
    assert findings(0.4, "matters", 100).count("supported") >= 95


@pytest.mark.parametrize("main_effect", [0.0, 0.3])
def test_where_nothing_is_planted_none_of_200_worlds_supports_it(main_effect: float) -> None:
    # A method that is better everywhere is no interaction.
    found = findings(0.0, "matters", 200, methods_differ=main_effect)
    assert found.count("supported") == 0


def test_an_effect_in_too_few_draws_is_not_supported() -> None:
    assert findings(0.45, "matters", 100, share=0.6).count("supported") == 0


def test_that_a_condition_does_not_matter_is_contradicted_where_it_does() -> None:
    assert findings(0.45, "does_not_matter", 100).count("contradicted") >= 95


def test_the_interval_of_the_mean_covers_the_truth() -> None:
    # 95 % nominal over 300 worlds: 92 % to 98 % is within three standard errors of the count.
    inside = 0
    for k in range(300):
        i = interaction(over_others(planted(1000 + k, 0.15)), HOLDS, 0.1)
        inside += i.low <= 0.15 <= i.high
    assert 0.912 <= inside / 300 <= 0.988


def test_countries_are_the_units_of_the_interval() -> None:
    # More seeds of the same countries do not make it narrower where countries differ.
    rng = np.random.default_rng(5)
    y = np.zeros((C, M, 10, 1)) + rng.normal(size=(C, M, 1, 1))
    once, often = (interaction(over_others(np.repeat(y, n, axis=3)), HOLDS, 0.1) for n in (2, 50))
    assert (once.low, once.high) == pytest.approx((often.low, often.high))


def test_the_interaction_is_a_difference_of_differences() -> None:
    a = np.array([[1.0, 0.0], [3.0, 0.0], [1.0, 5.0], [0.0, 0.0]])
    assert per_draw(a, np.array([True, True, False, False])).tolist() == [1.5, -2.5]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0.1] * 9 + [0.0], "matters", "supported"),
        ([0.1] * 8 + [0.0] * 2, "matters", "undecided"),
        ([0.1] + [0.0] * 9, "matters", "contradicted"),
        ([0.1] * 2 + [0.0] * 8, "matters", "undecided"),
        ([0.09, -0.09] * 5, "does_not_matter", "supported"),
        ([0.3, -0.3] * 5, "does_not_matter", "contradicted"),
        ([0.3, 0.0] * 5, "does_not_matter", "undecided"),
    ],
)
def test_the_rule_at_its_borders(values: list[float], kind: str, expected: str) -> None:
    assert rule(np.array(values), 0.1, kind)[0] == expected


def test_chance_is_measured_by_giving_the_condition_to_others() -> None:
    a = over_others(planted(3, 0.45))
    assert by_chance(a, HOLDS, 0.1, "matters", 1) < 0.02
    # Where methods differ in nothing, "does not matter" is supported whoever has the condition.
    assert by_chance(np.zeros((C, K)), HOLDS, 0.1, "does_not_matter", 1) == 1.0
    assert sorted(shuffles(1, 7)[0].tolist()) == list(range(7))


def test_components_of_variance_are_without_bias() -> None:
    wanted = np.array([1.0, 0.25, 0.5, 1.5, 0.2, 0.6])
    found = []
    for k in range(150):
        rng = np.random.default_rng(k)
        sizes = [(12, 1, 1, 1), (1, 6, 1, 1), (12, 6, 1, 1), (1, 1, 10, 1), (12, 6, 10, 1), (12, 6, 10, 2)]
        y = sum(rng.normal(0, v**0.5, size) for v, size in zip(wanted, sizes, strict=True))
        found.append(components(y.mean(axis=3), y.var(axis=3, ddof=1), 2))
    mean, se = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(mean - wanted) < 4 * se).all(), (mean, se)


def test_shares_add_up_and_lie_in_their_intervals() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(0, 1, (16, 1, 1, 1)) + rng.normal(0, 1, (16, 4, 12, 2))
    found = {name: (v, low, high) for name, v, low, high in shares(y, 1)}
    assert sum(v for v, _, _ in found.values()) == pytest.approx(1)
    assert found["country"][1] < 0.5 < found["country"][2]
    assert found["method"][1] < 0.02
    assert all(low <= high for _, low, high in found.values())


def test_an_outcome_that_never_varies_has_no_shares() -> None:
    assert all(np.isnan(v) for _, v, _, _ in shares(np.zeros((4, 3, 4, 2)), 1))
