"""What needs no run: exact tests of orders, and whether histories look like the case."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from kit.packaged import scenario
from qantar.draws import Purpose, uniform
from qantar.effects.experiment_file import load_experiments
from qantar.effects.likeness import left, likeness
from qantar.effects.orders import FIGURES, order_row, orders, twice_mid_ranks
from qantar.ensemble.histories import Runs
from qantar.record.observables import Observables, observe
from qantar.scenario.scenario import resolve
from qantar.studies.experiments import order_words
from qantar.verdicts.hypotheses import Trial


def drawn(n: int, key: int) -> np.ndarray:
    return np.array([uniform(9, int(Purpose.STUDY), k, 0, key) for k in range(n)])


@pytest.mark.parametrize(("x", "y"), [
    ([1, 2, 3, 4, 5], [2, 1, 3, 5, 4]),
    ([1, 1, 2, 3, 3, 3], [1, 2, 2, 2, 5, 4]),
    ([0, 0, 0, 1, 1, 0], [3, 1, 2, 9, 8, 7]),
    ([1, 1, 1], [1, 2, 3]),
])  # fmt: skip
def test_all_orders_are_counted(x: list[float], y: list[float]) -> None:
    """Against every permutation, one by one."""
    a, b = np.array(x, float), np.array(y, float)
    ranks = np.array(twice_mid_ranks(a)), np.array(twice_mid_ranks(b))
    every = [int(np.dot(ranks[0], p)) for p in itertools.permutations(ranks[1])]
    seen = int(np.dot(*ranks))
    expected = [np.mean([e >= seen for e in every]), np.mean([e <= seen for e in every]), np.mean([e == max(every) for e in every])]
    assert orders(a, b)[:2] == pytest.approx(expected[:2])
    assert orders(a, b)[2] <= expected[2] + 1e-12  # the best of all arrangements, which ties may leave out of reach
    assert orders(b, a) == pytest.approx(orders(a, b))


def test_two_groups_give_the_rank_sum_test() -> None:
    from scipy.stats import mannwhitneyu

    few = np.array([1.0] * 4 + [0.0] * 9)
    y = drawn(13, 3) + 0.3 * few
    known = mannwhitneyu(y[:4], y[4:], alternative="greater", method="exact").pvalue
    assert orders(few, y)[0] == pytest.approx(known)


def test_by_chance_one_in_twenty_is_found_at_most() -> None:
    found = [orders(np.arange(7.0), drawn(7, 100 + k))[0] <= 0.05 for k in range(100)]
    assert 0 < sum(found) <= 16  # at most 5 expected; beyond 16 in 1 of 40,000


def test_a_planted_order_is_found_and_a_reversed_one_contradicts() -> None:
    spec = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H02")
    part = spec.orders[0]
    row = order_row(scenario(), "H02", part)
    assert row["regions"] == 17
    assert 0 < row["agree_best"] <= row["agree_low"] <= row["agree_high"] <= 1
    assert (row["top"], row["top_is_first"], row["top_by_chance"]) == ("KZ-MAN", True, 1 / 17)
    turned = order_row(scenario(), "H02", part.model_copy(update={"direction": "rise"}))
    assert turned["agree_high"] == pytest.approx(row["oppose_high"])
    words = {row["finding"]: turned["finding"], turned["finding"]: row["finding"]}
    assert words.get("order-fits", "order-reversed") == "order-reversed"
    same = order_row(scenario(), "H02", part.model_copy(update={"of": "fuel", "by": "fuel", "direction": "rise"}))
    assert (same["finding"], same["verdict"]) == ("order-fits", "undecided")  # supports nothing
    against = order_row(scenario(), "H02", part.model_copy(update={"of": "fuel", "by": "fuel"}))
    assert (against["finding"], against["verdict"]) == ("order-reversed", "contradicted")
    for r in (row, turned, same, against, row | {"top": None}):
        for words in order_words(r):
            assert "{" not in words
            assert "e+" not in words
    assert "KZ-MAN ranks first in both; by chance it would in 5.88 %." in order_words(row)[0]
    trial = Trial("H02", "counterfactual", "contradicted", "fitted", [against], [], "")
    assert trial.ordered == [against]


def test_figures_of_regions_are_ranges_in_order_and_blanks_stay_out() -> None:
    plan, record = resolve(scenario()), observe(scenario().case.record)
    for name, figure in FIGURES.items():
        of = figure(plan, record)
        assert all(low <= high for low, high in of.values()), name
    assert len(FIGURES["seat"](plan, record)) == sum(v is not None for v in record.seats_entered.values()) < 17
    dead = FIGURES["dead"](plan, record)
    known = {u.region_id for u in record.deaths if u.region_id}
    assert {name for name, (low, _) in dead.items() if low > 0} == known
    assert len({round(high, 12) for name, (_, high) in dead.items() if name not in known}) == 1  # what is left, shared out by residents


# --- Likeness ------------------------------------------------------------------------------------------------------------


def histories(participants: list[float], killed: float, entered: bool) -> Runs:
    days, n = len(participants), 2
    counts = np.array([participants, [0.0] * days])
    return Runs(
        np.zeros((n, days, 1), bool), counts, np.zeros((n, days)), np.array([[killed], [0.0]]), np.array([[entered], [False]]),
        np.zeros(n, bool), {},
    )  # fmt: skip


def test_a_history_like_the_case_is_recognised_and_what_it_lacks_is_named() -> None:
    record = observe(scenario().case.record)  # 50,000 participants, 188 to 241 dead, four seats entered
    week = [0.0, 30_000.0, 60_000.0, 20_000.0, 10.0, 0.0, 0.0, 0.0]
    assert likeness(histories(week, 238, True), record) == {"peak": 0.5, "dead": 0.5, "over": 0.5, "seats": 0.5}
    assert likeness(histories([3.1 * x for x in week], 238, True), record)["peak"] == 0  # 186,000
    assert likeness(histories([x / 3.7 for x in week], 238, True), record)["peak"] == 0
    assert likeness(histories(week, 62, False), record) == {"peak": 0.5, "dead": 0.0, "over": 0.5, "seats": 0.0}
    assert likeness(histories(week, 724, True), record)["dead"] == 0
    assert likeness(histories([*week[:3], *[60_000.0] * 5], 238, True), record)["over"] == 0
    bare: Observables = replace(record, participants=(), deaths_total=None, seats_entered={"KZ-ALA": None})
    assert likeness(histories(week, 238, True), bare) == {}  # what the record does not say is not asked


def test_what_is_left_is_read_so_many_days_after_the_largest_count() -> None:
    runs = histories([0.0, 4000.0, 1000.0, 500.0, 200.0], 0, False)
    assert left(runs, 1)[0] == 0.25
    assert left(runs, 3)[0] == 0.05
    assert left(runs, 9)[0] == 0.05  # the last day
    assert np.isnan(left(runs, 3)[1])  # nobody was out
