"""Exact tests on the record alone: whether two rankings of the regions agree more than chance would have them.

In: two figures a region, each with the lowest and the highest value that the sources allow. Out: the share of all orders of the second that
agree with the first at least as much as the one that is seen (and that oppose it as much), exactly, and what could have come out at best.

Agreement is the sum over regions of the product of both mid-ranks (Spearman 1904, Am. J. Psychol. 15; with two values on one side it is the
rank sum of Wilcoxon 1945, Biometrics 1). All orders are counted, ties and all, by adding region after region to the groups of equal values,
so nothing is drawn and nothing is approximated. It needs no model and shows no cause: regions differ in more than what is ranked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.decision import DIRECTIONS, ORDERS
from qantar.effects.experiment_file import Order
from qantar.effects.verdict import RECORD
from qantar.record.observables import Observables, observe
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve

Floats = NDArray[np.float64]
Range = tuple[float, float]
"""Lowest and highest value that the sources allow."""
DIGITS = 9
"""Figures that differ by rounding alone are ties."""


def of_fuel(plan: Plan, record: Observables) -> dict[str, Range]:
    """Share of residents who depend on cars on the good, as the scenario has it."""
    return {r.id: (r.fuel, r.fuel) for r in plan.regions}


def of_first_day(plan: Plan, record: Observables) -> dict[str, Range]:
    """First day of unrest as a number; without a latest day, any day up to the last of the record."""
    return {o.region_id: (o.earliest.toordinal(), (o.latest or max(record.days)).toordinal()) for o in record.onsets}


def of_seat(plan: Plan, record: Observables) -> dict[str, Range]:
    """Whether the seat of government was entered; regions of which nobody says so are left out."""
    return {name: (float(entered),) * 2 for name, entered in record.seats_entered.items() if entered is not None}


def of_dead(plan: Plan, record: Observables) -> dict[str, Range]:
    """Dead a resident; in regions without a figure none, or what the others leave over, shared out by residents."""
    people = {r.id: sum(p.population for p in plan.places if plan.regions[p.region] is r) for r in plan.regions}
    known = {u.region_id: u.interval for u in record.deaths if u.region_id}
    rest = next((u.interval.high for u in record.deaths if not u.region_id), 0.0)
    others = sum(n for name, n in people.items() if name not in known)
    ranges = {name: (known[name].low, known[name].high) if name in known else (0.0, rest * n / others) for name, n in people.items()}
    return {name: (low / people[name], high / people[name]) for name, (low, high) in ranges.items()}


FIGURES: Mapping[str, Callable[[Plan, Observables], dict[str, Range]]] = {
    "fuel": of_fuel, "first_day": of_first_day, "seat": of_seat, "dead": of_dead
}  # fmt: skip


def order_row(scenario: Scenario, hypothesis: str, part: Order) -> dict[str, Any]:
    """One test as a row beside those of the parts that are run: what all orders say of those that are seen."""
    plan, record = resolve(scenario), observe(scenario.case.record)
    of, by = (FIGURES[name](plan, record) for name in (part.of, part.by))
    names = [r.id for r in plan.regions if r.id in of and r.id in by]
    sign = DIRECTIONS[part.direction]
    readings = [
        orders(np.array([of[n][i] for n in names]), sign * np.array([by[n][k] for n in names])) for i in (0, 1) for k in (0, 1)
    ]  # a figure of one value reads the same twice
    agree, oppose, best = zip(*readings, strict=True)
    tops = [n for n in names if of[n] == max(of[m] for m in names)]
    first = [n for n in names if sign * by[n][0] == max(sign * by[m][0] for m in names)]
    word = decision.of_order(agree, oppose)
    return {
        "hypothesis": hypothesis, "part": part.id, "basis": RECORD, "rival": "", "measure": "order", "unit": "share",
        "direction": part.direction, "effect": None, "low": None, "high": None, "regions": len(names), "agree_low": min(agree),
        "agree_high": max(agree), "oppose_low": min(oppose), "oppose_high": max(oppose), "agree_best": min(best),
        "top": tops[0] if len(tops) == 1 else None,
        "top_is_first": tops[0] in first, "top_by_chance": len(first) / len(names), "finding": word, "verdict": ORDERS[word],
        "reason": "order" if word == "order-silent" else "", "reason_share": max(agree) if word == "order-silent" else None,
        "tipping": None, "chance": 0.0,
    }  # fmt: skip


def orders(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Shares of all orders of y that agree with x at least as much as this one, and at most as much; and that agree as much as any could.

    >>> orders(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    (0.16666666666666666, 1.0, 0.16666666666666666)
    >>> [round(p, 3) for p in orders(np.array([1.0, 1.0, 2.0]), np.array([3.0, 2.0, 1.0]))]
    [1.0, 0.333, 0.333]
    """
    a, b = sorted((twice_mid_ranks(x), twice_mid_ranks(y)), key=lambda ranks: -len({*ranks}))  # fewer groups are fewer states
    groups, sizes = zip(*sorted(Counter(b).items()), strict=True)
    most = int(np.dot(sorted(a), sorted(b)))
    ways: dict[tuple[int, ...], Floats] = {sizes: np.eye(1, most + 1)[0]}
    for rank in a:  # give this region a place in one of the groups that have one left
        longer: dict[tuple[int, ...], Floats] = {}
        for left, counts in ways.items():
            for g, value in enumerate(groups):
                if left[g]:
                    key, step = (*left[:g], left[g] - 1, *left[g + 1 :]), rank * value
                    moved = longer.setdefault(key, np.zeros(most + 1))
                    moved[step:] += left[g] * counts[: len(counts) - step]
        ways = longer
    (counts,) = ways.values()
    seen, everything = int(np.dot(a, b)), math.factorial(len(a))
    return float(counts[seen:].sum() / everything), float(counts[: seen + 1].sum() / everything), float(counts[-1] / everything)


def twice_mid_ranks(x: Floats) -> Sequence[int]:
    """Ranks from 1, ties at their middle, times two so that they are whole.

    >>> twice_mid_ranks(np.array([5.0, 1.0, 5.0]))
    [5, 2, 5]
    """
    from scipy.stats import rankdata

    return [int(2 * r) for r in rankdata(np.round(x, DIGITS))]
