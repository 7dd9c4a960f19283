"""Parameters and their priors, and draws from them. Tests of shares have a fixed seed and reject at 1e-6 each."""

from __future__ import annotations

import itertools
import math
import re
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from kit.faults import CHINESE
from qantar.draws import Purpose, uniform
from qantar.scenario.parameters import GROUPS, Parameter, Prior, defaults, draw, parameters


def test_the_table_of_parameters_is_whole() -> None:
    table = parameters()
    assert len({p.number for p in table.values()}) == len(table) == 129
    assert len([group for group, _ in itertools.groupby(p.group for p in table.values())]) == len(GROUPS)  # each in one place
    assert {p.group for p in table.values()} == set(GROUPS)
    for name, p in table.items():
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name)
        assert p.low <= p.default <= p.high
        assert p.low < p.high
        assert p.meaning_en.endswith(".")
        assert not CHINESE.search(p.meaning_en)
        assert CHINESE.search(p.meaning_zh)
        assert p.meaning_zh.endswith("。")
        assert len(p.source) >= 8
        assert p.status in ("literature", "recorded", "assumption")
        assert p.status == "assumption" or not p.source.startswith("Assumption")
    assert defaults() == {name: p.default for name, p in table.items()}


def test_numbers_of_parameters_never_change() -> None:
    # They are keys of draws: a new parameter gets a new number, and one that goes takes its number with it.
    assert {name: p.number for name, p in parameters().items()} == NUMBERS


NUMBERS = {
    name: number
    for first, names in (
        (1, "base_pressure frailty protest_hours night_leaving night_activity day_off_effect rest_hours detention_hours potential"),
        (21, "inflation_slope fuel_contrast devaluation_slope"),
        (27, "price_effect"),
        (30, "grievance_slope legitimacy legitimacy_concession legitimacy_repression"),
        (40, "tie_local tie_online"),
        (43, "crowd_gain"),
        (45, "media_gain near_gain near_km news_half news_hours shared_cause"),
        (60, "concession_met concession_short concession_hours demand_drift demand_repression"),
        (80, "police_on_duty arrest_rate arrest_emergency search_rate lethality lethality_order lethality_security"),
        (87, "deterrence backlash backlash_contacts curfew_effect lethality_before search_before"),
        (100, "shutdown_effect framing_effect fixed_line"),
        (120, "reported_half reported_cut reported_steepness participants_bias detained_reported deaths_reported rest_share"),
        (140, "organization_reach call_rate call_hours organization_capacity organization_retention organization_discipline"),
        (146, "organization_demand lag_effect"),
        (150, "seed_places seed_people seed_hour seed_hours seed_escalation"),
        (160, "split_cities split_hour split_hours"),
        (170, "order_obeyed aside_rate aside_outnumbered aside_deaths aside_hours defect_share"),
        (180, "guard_ready army_ready force_ratio force_visible reinforce_rate muster_hours travel_kmh airlift_hours"),
        (190, "intervention_delay intervention_pace intervention_frees intervention_fights intervention_loyalty intervention_effect"),
        (200, "escalation_rate"),
        (202, "fight_hours armoury loot_rate arms_effect lethality_fight violence_rate violence_force"),
        (210, "seize_rate retake_rate"),
        (213, "seat_lethality seat_effect crowd_weight"),
        (220, "see_visible see_people_half see_clash_half see_seats_half"),
        (224, "weigh_participants weigh_spread weigh_clashes weigh_seats decide_hours relax_hours"),
        (230, "rung_price rung_cabinet rung_emergency rung_internet rung_intervention rung_shoot rung_framing"),
        (240, "shock_sd shock_hours"),
        (260, "rally_rate rally_size rally_scaling rally_sd rally_turnout rally_hour rally_hours"),
    )
    for number, name in enumerate(names.split(), first)
}


def test_priors_lie_mostly_inside_the_limits() -> None:
    grid = (np.arange(400) + 0.5) / 400
    for name, p in parameters().items():
        x = np.array([p.prior.quantile(u) for u in grid])
        assert (np.diff(x) > 0).all()
        assert ((x >= p.low) & (x <= p.high)).mean() > 0.95, name
        if p.prior.spike:
            assert p.low <= 0 <= p.high
        assert p.low <= x[20]
        assert x[-20] <= p.high


def test_what_a_hypothesis_is_about_may_be_without_effect() -> None:
    # Its prior is symmetric about no effect, or puts at least three tenths on it; nothing the account says is built in.
    effects = ["price_effect", "inflation_slope", "grievance_slope", "tie_local", "tie_online", "crowd_gain", "media_gain", "near_gain"]
    effects += ["demand_drift", "demand_repression", "fuel_contrast", "lethality_before", "search_before"]
    effects += ["devaluation_slope", "call_rate", "organization_demand", "seed_escalation", "order_obeyed", "aside_rate"]
    effects += ["defect_share", "intervention_frees", "intervention_fights", "arms_effect", "crowd_weight", "shared_cause"]
    effects += ["weigh_participants", "weigh_spread", "weigh_clashes", "weigh_seats"]
    for name in effects:
        assert parameters()[name].prior.spike >= 0.3
    for name, p in parameters().items():
        if p.low < 0 and name != "rally_scaling":  # an exponent that is measured, and no hypothesis is about it
            assert (p.prior.kind, p.prior.a, p.low) == ("normal", 0, -p.high), name


DRAWS = 1000


@cache
def drawn() -> dict[str, np.ndarray]:
    rows = [draw(77, number) for number in range(DRAWS)]
    return {name: np.array([row[name] for row in rows]) for name in parameters()}


def distribution(prior: Prior, x: np.ndarray) -> np.ndarray:
    """P(X <= x) of a prior without its spike."""
    normal = np.vectorize(NormalDist().cdf)
    a, b = prior.a, prior.b
    if prior.kind == "uniform":
        return np.clip((x - a) / (b - a), 0, 1)
    if prior.kind == "loguniform":
        return np.clip(np.log(x / a) / math.log(b / a), 0, 1)
    if prior.kind == "halfnormal":
        return 2 * normal(x / b) - 1
    return normal(np.log(x / a) / b) if prior.kind == "lognormal" else normal((x - a) / b)


def deviation(values: np.ndarray, p: Parameter, prior: Prior) -> float:
    """Distance from a prior in units of rejection: Kolmogorov and Smirnov's, cut at the limits, and the share of zeros."""
    zero = values == 0 if prior.spike else np.zeros(len(values), bool)
    spread = math.sqrt(prior.spike * (1 - prior.spike) * len(values))
    of_spike = abs(zero.sum() - prior.spike * len(values)) / (4.9 * spread) if spread else 0.0
    x = np.sort(values[~zero])
    inside = (x > p.low) & (x < p.high)
    rank = np.arange(len(x))[inside] / len(x)
    cdf = distribution(prior, x[inside])
    apart = max((cdf - rank).max(), (rank + 1 / len(x) - cdf).max()) * math.sqrt(len(x))
    return max(of_spike, float(apart) / 2.69)


def test_draws_follow_their_priors() -> None:
    for name, p in parameters().items():
        values = drawn()[name]
        assert deviation(values, p, p.prior) < 1, name
        assert values.min() >= p.low
        assert values.max() <= p.high
        assert (
            len(np.unique(values[values != 0])) > 0.9 * DRAWS * (1 - p.prior.spike) - 1 or p.low == values.min() or p.high == values.max()
        )


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("frailty", {"b": 3.4}),
        ("base_pressure", {"a": 3e-9}),
        ("concession_met", {"b": 1.8}),
        ("concession_met", {"a": 0.3}),
        ("demand_drift", {"b": 0.8}),
        ("protest_hours", {"a": 8.0}),
        ("reported_steepness", {"b": 0.5}),
        ("price_effect", {"spike": 0.6}),
        ("tie_local", {"spike": 0.0}),
        ("shared_cause", {"kind": "loguniform", "a": 0.01}),
    ],
)
def test_a_wrong_prior_is_told_apart(name: str, wrong: dict[str, Any]) -> None:
    p = parameters()[name]
    assert deviation(drawn()[name], p, p.prior.model_copy(update=wrong)) > 1


def test_quantiles_are_the_inverse_of_the_distribution() -> None:
    for p in parameters().values():
        u = np.linspace(0.02, 0.98, 33)
        assert distribution(p.prior, np.array([p.prior.quantile(x) for x in u])) == pytest.approx(u)


def test_draws_are_pure_functions_of_seed_number_and_parameter() -> None:
    assert draw(77, 5) == draw(77, 5) == {name: v[5] for name, v in drawn().items()}
    assert list(draw(1, 0)) == list(parameters())
    assert draw(77, 5, {"frailty": 0.25}) == draw(77, 5) | {"frailty": 0.25}
    p = parameters()["frailty"]
    assert p.draw(77, 9) == p.prior.quantile(uniform(77, Purpose.PARAMETER, 9, 2, 0))
    assert all(a != b for a, b in zip(draw(77, 5).values(), draw(78, 5).values(), strict=True) if a and b)


def test_parameters_are_independent_of_each_other() -> None:
    continuous = [name for name, p in parameters().items() if not p.prior.spike]
    ranks = np.array([np.argsort(np.argsort(drawn()[name])) for name in continuous])
    correlation = np.corrcoef(ranks)[np.triu_indices(len(continuous), 1)]
    assert 2000 < len(correlation) < 6000  # pairs
    assert np.abs(correlation).max() < 5.9 / math.sqrt(DRAWS)
    spikes = np.array([drawn()[name] == 0 for name, p in parameters().items() if p.prior.spike])
    assert np.abs(np.corrcoef(spikes)[np.triu_indices(len(spikes), 1)]).max() < 5.3 / math.sqrt(DRAWS)
    neighbours = [np.corrcoef(r[1:], r[:-1])[0, 1] for r in ranks]
    assert np.abs(neighbours).max() < 5.3 / math.sqrt(DRAWS)
