"""The rules for one resident against closed forms and whole-number arithmetic without limits, and planted faults.

Tests of shares have a fixed seed and reject at 1e-6 each, so that correct rules pass the whole file with probability
above 0.9999 over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.worlds import factors
from qantar.draws import C_MAX, Purpose, stream, to_unit, word
from qantar.model.contract import no_rates
from qantar.model.rules import (
    CLOCK,
    DEAD,
    DETAINED,
    FACTOR_MAX,
    FACTOR_MIN,
    FIGHTING,
    FULL,
    KILLING,
    LEVELS,
    MOBILE_CUT,
    N_STATES,
    NEVER,
    NONE,
    PROTESTING,
    QUIET,
    QUOTAS,
    RESISTANCE,
    STATES,
    STEP_MAX,
    TAKING,
    WITHDRAWN,
    Law,
    advance,
    clock_needed,
    factor,
    first_resistance,
    is_active,
    is_harmed,
    is_online,
    least_resistance,
    lot,
    next_state,
    own_resistance,
    resistance,
    word_below,
    worn,
)

R_MAX = int(127.999 * RESISTANCE)
U = st.one_of(
    st.integers(0, 2**64 - 1).map(lambda word: to_unit(np.uint64(word))),
    st.integers(0, 51).map(lambda k: 2.0**-k - 2.0**-53),  # the tails, at all orders of magnitude
    st.integers(0, 52).map(lambda k: 2.0**-k * (1 - 2.0**-53) if k else 0.5),
)
FRAILTY = st.one_of(st.just(0.0), st.floats(1e-3, 4.0), st.sampled_from([1e-9, 1.0, 50.0, 1e6]))
R = st.one_of(st.just(NEVER), st.integers(1, R_MAX), st.integers(0, 62).map(lambda k: 2**k), st.integers(1, 200))
POTENTIAL = st.one_of(st.sampled_from([1.0, 0.5, 1 / 3, 0.02, 1e-9, 0.0]), st.floats(1e-6, 1.0))
PHI = st.one_of(st.integers(FACTOR_MIN, FACTOR_MAX), st.integers(5, 20).map(lambda k: 2**k))


def lomax(u: float, frailty: float) -> Decimal:
    """The resistance at a quantile, to 60 digits."""
    with localcontext(prec=60):
        exponential = -(1 - Decimal(u)).ln()
        power = exponential * Decimal(frailty)
        if power > 10_000:
            return Decimal("Infinity")
        return exponential if frailty == 0 else (power.exp() - 1) / Decimal(frailty)


# --- resistance ------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(U, FRAILTY)
def test_resistance_is_the_closed_form(u: float, frailty: float) -> None:
    found, exact = resistance(u, frailty), lomax(u, frailty)
    if found == NEVER:
        assert exact > Decimal("127.9989")
    else:
        assert 1 <= found <= R_MAX + 2**10
        # Half a unit, and what doubles lose: the exponent is right to about 1 in 2^52 of itself.
        loss = exact * (1 + Decimal(frailty) * exact) * Decimal(2) ** -50
        assert abs(found - max(Decimal(1), exact * RESISTANCE)) <= Decimal("0.5001") + loss * RESISTANCE


def test_a_small_frailty_is_nearly_none() -> None:
    for u in (2.0**-53, 0.01, 0.5, 0.99, 1 - 2.0**-53):
        assert resistance(u, 1e-8) == pytest.approx(resistance(u, 0.0), rel=1e-6)
        assert resistance(u, 1e-8) >= resistance(u, 0.0)  # a heavier tail


@given(U, U, FRAILTY)
def test_a_larger_draw_never_resists_less(u: float, v: float, frailty: float) -> None:
    assert resistance(min(u, v), frailty) <= resistance(max(u, v), frailty)


@pytest.mark.parametrize("frailty", [0.0, 0.3, 2.0])
def test_the_smallest_draws_keep_their_precision(frailty: float) -> None:
    # They decide who is first among billions. A draw is (k + 1/2) / 2^52, so R is 8, 24, 40, ... units, as good as exactly.
    assert to_unit(np.uint64(0)) == 2.0**-53
    assert [resistance(to_unit(np.uint64(k << 12)), frailty) for k in range(2000)] == [8 + 16 * k for k in range(2000)]
    assert resistance(1e-300, frailty) == 1


def test_a_heavy_tail_is_never_and_does_not_overflow() -> None:
    for frailty, u in product((1.0, 4.0, 100.0, 1e6), (0.999, 1 - 2.0**-30, 1 - 2.0**-53)):
        found = resistance(u, frailty)
        assert (found == NEVER) == (lomax(u, frailty) >= Decimal("127.999"))
    assert resistance(1 - 2.0**-53, 0.0) / RESISTANCE == pytest.approx(53 * math.log(2))  # not reached without frailty
    assert [clock_needed(NEVER, phi) for phi in (FACTOR_MIN, 256, FACTOR_MAX)] == [NEVER] * 3
    assert worn(NEVER, FACTOR_MAX, STEP_MAX) == NEVER


RESIDENTS = 60_000


def law(frailty: float = 0.0, potential: float = 1.0, seed: int = 17) -> Law:
    return Law(seed, frailty, potential, np.full((1, 1, 1), 256, np.int64), 0.5)


def deviation(drawn: Law, tested: Law, episode: int = 0) -> float:
    """Kolmogorov and Smirnov's distance of residents' resistances from a law, times the root of how many; 2.69 is 1e-6."""
    r = np.sort(np.array([own_resistance(i, episode, drawn) for i in range(RESIDENTS)], np.int64))
    x = r[r < NEVER] / RESISTANCE
    cdf = -tested.potential * np.expm1(-x if tested.frailty == 0 else -np.log1p(x * tested.frailty) / tested.frailty)
    rank = np.arange(len(x))
    return float(max((cdf - rank / RESIDENTS).max(), ((rank + 1) / RESIDENTS - cdf).max()) * math.sqrt(RESIDENTS))


@pytest.mark.parametrize(("frailty", "wrong"), [(0.0, 0.1), (0.5, 0.6), (2.0, 1.85)])
def test_residents_resistances_follow_the_law_and_not_a_neighbouring_one(frailty: float, wrong: float) -> None:
    for potential in (1.0, 0.4):
        assert deviation(law(frailty, potential), law(frailty, potential)) < 2.69
    assert deviation(law(frailty), law(wrong)) > 2.69
    assert deviation(law(wrong), law(frailty)) > 2.69
    assert deviation(law(frailty, 0.4), law(frailty, 0.43)) > 2.69


@pytest.mark.parametrize("potential", [0.0, 0.02, 0.4, 1.0])
def test_a_share_takes_part_and_the_others_never_do(potential: float) -> None:
    never = sum(own_resistance(i, 0, law(0.0, potential)) == NEVER for i in range(RESIDENTS))
    assert abs(never - RESIDENTS * (1 - potential)) <= 4.9 * math.sqrt(RESIDENTS * potential * (1 - potential))
    born = tuple(map(np.uint64, stream(17, int(Purpose.RESISTANCE), 0, 0)))
    for i in range(2000):  # a larger potential: the same people and more, and who takes part now resists less
        small, large = (own_resistance(i, 0, law(0.5, p)) for p in (0.5 * potential, potential))
        assert small >= large
        assert own_resistance(i, 0, law(0.5)) == resistance(to_unit(np.uint64(word(i, *born))), 0.5)  # all of them
        assert own_resistance(i, 3, law(0.5, potential)) == own_resistance(i, 3, law(0.5))  # whoever is back has joined once


def test_who_comes_back_resists_by_the_same_law_whatever_the_potential() -> None:
    assert deviation(law(0.5, 0.02), law(0.5), episode=2) < 2.69


@settings(max_examples=200)
@given(U, POTENTIAL, FRAILTY)
def test_the_first_resistance_is_the_closed_form(u: float, potential: float, frailty: float) -> None:
    found = first_resistance(u, potential, frailty)
    if u >= potential:
        assert found == NEVER
    elif u / potential < 1:
        assert found == resistance(u / potential, frailty)
    else:
        assert found == NEVER


def test_episodes_draw_anew() -> None:
    keys = [tuple(map(np.uint64, stream(17, int(Purpose.RESISTANCE), 0, e))) for e in range(3)]
    u = np.array([[to_unit(np.uint64(word(i, *keys[e]))) for e in range(3)] for i in range(20_000)])
    drawn = [[own_resistance(i, e, law()) for e in range(3)] for i in range(100)]
    assert drawn == [[resistance(x, 0.0) for x in row] for row in u[:100]]
    assert np.abs(np.corrcoef(u.T)[np.triu_indices(3, 1)]).max() < 4.9 / math.sqrt(20_000)


# Not 2^64 - 1: no bound is above it.
WORD = st.one_of(st.integers(0, 2**64 - 2), st.integers(0, 63).map(lambda k: 2**64 - 1 - 2**k), st.integers(0, 63).map(lambda k: 2**k))


@settings(max_examples=200)
@given(WORD, FRAILTY, POTENTIAL, st.integers(0, 63 * CLOCK))
def test_the_bound_on_draws_misses_nobody_and_is_close(word: int, frailty: float, potential: float, clock: int) -> None:
    needed = clock_needed(first_resistance(to_unit(np.uint64(word)), potential, frailty), 256)
    if needed != NEVER:
        assert word < word_below(needed, frailty, potential)  # the least clock at which this draw joins
        if needed <= clock:
            assert word < word_below(clock, frailty, potential)
    x = Decimal(clock) / CLOCK
    exact = 1 - (-x).exp() if frailty == 0 else 1 - (-(1 + x * Decimal(frailty)).ln() / Decimal(frailty)).exp()
    exact *= Decimal(potential)
    assert exact < Decimal(word_below(clock, frailty, potential) + 1) / 2**64 < exact * (1 + Decimal("1.1e-9")) + Decimal("1.1e-15")


@settings(max_examples=300)
@given(
    st.one_of(WORD, st.tuples(POTENTIAL, st.integers(-3, 3)).map(lambda x: min(max(int(x[0] * 2**64) + (x[1] << 11), 0), 2**64 - 2))),
    FRAILTY,
    POTENTIAL,
)
def test_the_bound_on_resistances_is_below_all_of_them_and_close_to_the_small_ones(word: int, frailty: float, potential: float) -> None:
    u = to_unit(np.uint64(word))
    bound, found = least_resistance(np.uint64(word), potential), first_resistance(u, potential, frailty)
    assert 0 <= bound <= found
    if bound != NEVER:
        assert bound / RESISTANCE == pytest.approx(u / potential, rel=1e-9, abs=2**-55)


# --- work ------------------------------------------------------------------------------------------------------------


@given(R, PHI)
def test_the_clock_needed_is_the_quotient_rounded_up(r: int, phi: int) -> None:
    exact = -(-r // phi)
    assert clock_needed(r, phi) == (NEVER if r == NEVER else exact)
    if r != NEVER:
        assert clock_needed(r, phi) * phi >= r > (clock_needed(r, phi) - 1) * phi
        assert worn(r, phi, exact - 1) == r - phi * (exact - 1) >= 1


# A step: what the clock advances by, a factor, and whether to settle for no reason.
STEPS = st.lists(
    st.tuples(st.one_of(st.integers(0, STEP_MAX), st.integers(0, 48).map(lambda k: CLOCK >> k)), PHI, st.booleans()),
    min_size=1,
    max_size=30,
)


def by_wearing(r: int, steps: list[tuple[int, int, bool]]) -> Iterator[bool]:
    """Whether someone joins in each step, as the plain engine finds out."""
    left = r
    for m, phi, _ in steps:
        yield m >= clock_needed(left, phi)
        left = worn(left, phi, m)
        assert 0 < left <= r


def by_clock(r: int, steps: list[tuple[int, int, bool]]) -> Iterator[bool]:
    """As the event engine does: settled when the factor changes, or for no reason."""
    left, since, now, before = r, 0, 0, 256
    for m, phi, settle in steps:
        if settle or phi != before:
            left, since, before = worn(left, before, now - since), now, phi
        now += m
        needed = clock_needed(left, phi)
        yield needed != NEVER and since + needed <= now


def by_sum(r: int, steps: list[tuple[int, int, bool]]) -> Iterator[bool]:
    """As it is defined, in integers without limits."""
    work = 0
    for m, phi, _ in steps:
        work += m * phi
        yield r != NEVER and work >= r


@settings(max_examples=200)
@given(R, STEPS)
def test_worn_down_or_by_the_clock_or_added_up_all_join_at_the_same_step(r: int, steps: list[tuple[int, int, bool]]) -> None:
    first = {next((t for t, joins in enumerate(way(r, steps)) if joins), None) for way in (by_wearing, by_clock, by_sum)}
    assert len(first) == 1


POSITIVE = st.floats(0, 1e3)


@given(POSITIVE, POSITIVE, st.floats(-1e3, 1e3), st.sampled_from([0.25, 0.5, 1.0, 24.0]))
def test_a_step_adds_the_pressure_to_the_nearest_unit_and_four_at_most(a: float, g: float, b: float, dt: float) -> None:
    found = advance(a, g, b, dt)
    assert 0 <= found <= STEP_MAX
    assert found == int(np.rint(min(max(a * g + b, 0.0) * dt, 4.0) * CLOCK))  # plain Python doubles: no fused products


def test_steps_at_the_borders() -> None:
    assert [advance(8.0, 1.0, 0.0, 1.0), advance(1e300, 1e300, 0.0, 1.0), advance(0.0, 1.0, -1.0, 1.0)] == [STEP_MAX, STEP_MAX, 0]
    assert [advance(2.0**-48, 1.0, 0.0, 1.0), advance(2.0**-50, 1.0, 0.0, 1.0), advance(0.0, 5.0, 2.0, 0.5)] == [1, 0, CLOCK]


def test_the_factor_is_the_table_capped_at_its_edges() -> None:
    table = factors(1.5, 0.7, -0.3)
    for x, y, z, connected in product((0, 1, 14, 15, 16, 32_767), (0, 1, 7, 8, 32_767), (0, 1, 7, 8, 32_767), (True, False)):
        assert factor(x, y, z, connected, table) == table[min(x, 15), min(y, 7) if connected else 0, min(z, 7)]
    assert factor(0, 0, 0, True, table) == 256
    assert factor(3, 9, 0, False, table) == factor(3, 0, 0, True, table) < factor(3, 9, 0, True, table)


# --- who is online, who goes where, who is taken -------------------------------------------------------------------------


def test_who_is_online() -> None:
    assert (LEVELS[NONE], LEVELS[MOBILE_CUT], LEVELS[FULL]) == ("none", "mobile cut", "full")
    n, share = 40_000, 0.3
    assert not any(is_online(i, NONE, 3, share) for i in range(1000))
    assert all(is_online(i, FULL, 3, share) for i in range(1000))
    fixed = [is_online(i, MOBILE_CUT, 3, share) for i in range(n)]
    assert abs(sum(fixed) - n * share) < 4.9 * math.sqrt(n * share * (1 - share))
    assert all(is_online(i, MOBILE_CUT, 3, 0.4) for i in range(n) if fixed[i])  # more lines: the same people and more


def test_states_that_contacts_see() -> None:
    assert len(STATES) == N_STATES == 6
    assert [s for s in range(N_STATES) if is_active(s)] == [PROTESTING, FIGHTING]
    assert [s for s in range(N_STATES) if is_harmed(s)] == [DETAINED, DEAD]


def test_quotas_kill_and_detain_those_out_and_search_those_at_home() -> None:
    assert {QUOTAS[k] for k in KILLING} == {(PROTESTING, DEAD), (FIGHTING, DEAD)}
    assert {QUOTAS[k] for k in TAKING} == {(PROTESTING, DETAINED), (WITHDRAWN, DETAINED), (FIGHTING, DETAINED)}
    assert sorted(KILLING + TAKING) == list(range(len(QUOTAS)))


def gone(p: list[float], state: int, n: int = 80_000) -> np.ndarray:
    leave = np.array(p)
    return np.bincount([next_state(i, state, 12, leave, 5) for i in range(n)], minlength=N_STATES)


@pytest.mark.parametrize(
    ("p", "state"),
    [
        ([0.1, 0.0, 0.25, 0.05, 0.02, 0.08], PROTESTING),
        ([0.5, 0.0, 0.0, 0.5, 0.0, 0.0], WITHDRAWN),
        ([0.001, 0, 0, 0, 0, 0], DETAINED),
        ([0.0, 0.0, 0.1, 0.3, 0.01, 0.0], FIGHTING),
    ],
    ids=["some stay", "none stay", "nearly all stay", "fighters"],
)
def test_people_go_as_often_as_their_probabilities_say(p: list[float], state: int) -> None:
    found, expected = gone(p, state), np.array(p)
    expected[state] += 1 - expected.sum()
    assert not found[expected == 0].any()
    for k in np.flatnonzero(expected):
        assert abs(found[k] - found.sum() * expected[k]) < 4.9 * math.sqrt(found.sum() * expected[k] * (1 - expected[k]))
    shifted = np.roll(expected, 1)
    assert np.abs(found - found.sum() * shifted).max() > 4.9 * math.sqrt(found.sum())  # what is next to it is told apart


def test_nobody_moves_without_a_probability_and_a_row_of_one_moves_all() -> None:
    nothing = no_rates(1, 1, 1).leave[PROTESTING, 0]
    assert all(next_state(i, PROTESTING, 0, nothing, 5) == PROTESTING for i in range(500))
    assert all(next_state(i, PROTESTING, 0, np.eye(N_STATES)[QUIET], 5) == QUIET for i in range(500))


def test_steps_are_independent() -> None:
    p = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    seen = np.array([[next_state(i, PROTESTING, step, p, 5) for step in (0, 1, C_MAX)] for i in range(20_000)])
    assert np.abs(np.corrcoef(seen.T)[np.triu_indices(3, 1)]).max() < 4.9 / math.sqrt(20_000)


def test_lots_are_drawn_apart_for_each_quota_and_step() -> None:
    order = {(quota, step): np.argsort([lot(i, quota, step, 9) for i in range(2000)]) for quota in range(len(QUOTAS)) for step in range(3)}
    place = np.array([np.argsort(x) for x in order.values()])
    assert np.abs(np.corrcoef(place)[np.triu_indices(15, 1)]).max() < 4.9 / math.sqrt(2000)
