"""Baselines: nothing withheld is read (and whoever reads it is found out), closed forms, planted worlds, blanks that are no zeros."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import CASE
from qantar.forecast import baselines
from qantar.forecast.baselines import (
    ONSET,
    PRESENCE,
    Facts,
    distribution,
    expit,
    facts_of,
    logistic_hazard,
    onset_forecast,
    participants_forecast,
    pooled,
    presence_forecast,
    region_out,
    score_days,
    score_onsets,
    seen,
)
from qantar.forecast.power import detectable
from qantar.forecast.scores import log_score_days, paired
from qantar.record.observables import observe
from qantar.scenario.scenario import load_scenario, resolve

Floats = NDArray[np.float64]
nan = float("nan")


@cache
def packaged() -> tuple[Facts, list[str]]:
    scenario = load_scenario(CASE)
    plan = resolve(scenario)
    return facts_of(observe(scenario.case.record), plan), [r.id for r in plan.regions]


def made(low: Any, high: Any, *, n_days: int = 6, **more: Any) -> Facts:
    """Facts by hand: no presence nor participants unless given, regions of equal size."""
    n = len(low)
    blank = {
        "presence": np.full((n, n_days), nan), "participants_low": np.full(n_days, nan), "participants_high": np.full(n_days, nan),
        "residents": np.full(n, 1e6), "city": np.full(n, 1e5),
    }  # fmt: skip
    fields = {k: np.asarray(v, float) for k, v in (blank | more).items()}
    return Facts(np.asarray(low), np.asarray(high), **fields, known=np.ones(n, bool), last=n_days - 1)


# --- what a record says ------------------------------------------------------------------------------------------------


def test_the_packaged_record_as_days() -> None:
    facts, ids = packaged()
    assert (facts.low == facts.high).sum() == 6
    assert (facts.low[ids.index("KZ-MAN")], facts.high[ids.index("KZ-MAN")]) == (0, 1)
    assert (facts.low[ids.index("KZ-AKM")], facts.high[ids.index("KZ-AKM")]) == (4, facts.n_days)
    assert facts.presence.shape == (17, 16)
    assert np.isnan(facts.presence[:, 8:]).all()
    assert np.flatnonzero(~np.isnan(facts.participants_low)).tolist() == [1, 3, 4]
    assert (facts.participants_low[3], facts.participants_high[3]) == (36831, 38000)
    assert facts.city[ids.index("KZ-ALA")] == facts.residents[ids.index("KZ-ALA")]
    assert 18e6 < facts.residents.sum() < 20e6


def test_cut_facts_hold_what_was_known_by_that_evening() -> None:
    facts = made([1, 2, 4, 0], [1, 3, 4, 6], presence=np.ones((4, 6)), participants_low=np.arange(6), participants_high=np.arange(6))
    by = seen(facts, last=2)
    assert by.low.tolist() == [1, 2, 3, 0]
    assert by.high.tolist() == [1, 6, 6, 6]  # the second may have begun; the third has not
    assert np.isnan(by.presence[:, 3:]).all()
    assert not np.isnan(by.presence[:, :3]).any()
    assert np.isnan(by.participants_low).tolist() == [False] * 3 + [True] * 3
    without = seen(facts, known=np.array([True, False, True, True]))
    assert (without.low[1], without.high[1]) == (0, 6)
    assert np.isnan(without.presence[1]).all()
    assert np.isnan(without.participants_low).all()  # they contain the region that is withheld
    again = seen(without, known=np.ones(4, bool), last=5)
    assert np.array_equal(again.known, without.known)  # what was taken away does not come back


# --- leakage -----------------------------------------------------------------------------------------------------------


def changed(facts: Facts, known: NDArray[np.bool_], last: int, number: int) -> Facts:
    """The same facts with everything withheld made up anew."""
    rng = np.random.default_rng(number)
    n, days = facts.presence.shape
    low, high = facts.low.copy(), facts.high.copy()
    for r in range(n):
        if not known[r]:
            low[r], high[r] = np.sort(rng.integers(0, days + 1, 2))
        elif low[r] > last:
            low[r], high[r] = np.sort(rng.integers(last + 1, days + 1, 2))
        elif high[r] > last:
            high[r] = rng.integers(last + 1, days + 1)
    later = np.arange(days) > last
    presence = np.where(known[:, None] & ~later, facts.presence, rng.choice([0, 1, nan], (n, days)))
    figures = rng.choice([10.0, 1e4, 1e6, nan], days)
    free = later | (not known.all())
    ends = (np.where(free, figures, x) for x in (facts.participants_low, facts.participants_high))
    return replace(facts, low=low, high=high, presence=presence, **dict(zip(("participants_low", "participants_high"), ends, strict=True)))


Forecast = Callable[[Facts, NDArray[np.bool_], int], Any]
FORECASTS: dict[str, Forecast] = {
    **{f"onset, {n}": lambda f, known, last, n=n: onset_forecast(n, f, known=known, last=last) for n in ONSET},
    **{f"presence, {n}": lambda f, known, last, n=n: presence_forecast(n, f, known=known, last=last) for n in PRESENCE},
    **{f"participants, {n}": lambda f, known, last, n=n: participants_forecast(n, f, known=known, last=last) for n in PRESENCE},
}


def leaks(forecast: Forecast) -> bool:
    """Whether a forecast moves with anything withheld, for some regions or days."""
    facts = packaged()[0]
    n = len(facts.low)
    everyone, one, most = np.ones(n, bool), np.arange(n) != 5, np.arange(n) % 4 != 0
    for known, last in ((one, 14), (everyone, 2), (everyone, 3), (most, 3), (everyone, -1)):
        given = forecast(facts, known, last)
        for number in range(4):
            if not np.array_equal(given, forecast(changed(facts, known, last, number), known, last), equal_nan=True):
                return True
    return False


@pytest.mark.parametrize("name", FORECASTS)
def test_nothing_withheld_is_read(name: str) -> None:
    assert not leaks(FORECASTS[name])


def test_what_is_not_withheld_is_read() -> None:
    facts, everyone = packaged()[0], np.ones(17, bool)
    earlier = replace(facts, low=np.maximum(facts.low - 1, 0), high=np.maximum(facts.high - 1, 0), presence=1 - facts.presence)
    more = replace(earlier, participants_low=3 * facts.participants_low, participants_high=3 * facts.participants_high)
    for name, forecast in FORECASTS.items():
        moved = not np.array_equal(forecast(facts, everyone, 3), forecast(more, everyone, 3), equal_nan=True)
        assert moved != (name in ("presence, never", "participants, never")), name


def forgets(**kept: str) -> Callable[..., Facts]:
    """`seen` that leaves some fields as they were."""

    def careless(facts: Facts, **withheld: Any) -> Facts:
        return replace(seen(facts, **withheld), **{name: getattr(facts, name) for name in kept.values()})

    return careless


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("low", "onset, average"),
        ("high", "onset, average"),
        ("high", "onset, last"),
        ("low", "onset, population"),
        ("high", "onset, logistic"),
        ("participants_low", "onset, logistic"),
        ("participants_high", "participants, last"),
        ("presence", "presence, last"),
        ("presence", "presence, average"),
        ("presence", "presence, population"),
        ("presence", "participants, population"),
        ("high", "presence, logistic"),
    ],
)
def test_a_baseline_that_is_handed_too_much_is_found_out(field: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ("participants_low", "participants_high") if field.startswith("participants") else (field,)
    monkeypatch.setattr(baselines, "seen", forgets(**{f: f for f in whole}))
    assert leaks(FORECASTS[name])


def test_a_baseline_that_peeks_at_the_region_it_is_scored_on_is_found_out() -> None:
    def peeking(facts: Facts, known: NDArray[np.bool_], last: int) -> Floats:
        return np.tile(pooled(facts.allowed()), (len(known), 1))  # pooled with the region itself

    assert leaks(peeking)


# --- onset days --------------------------------------------------------------------------------------------------------


def test_pooled_firm_days_are_counted_with_one_more_region() -> None:
    p = pooled(made([0, 2, 2, 6], [0, 2, 2, 6]).allowed())
    assert p == pytest.approx((np.array([1, 0, 2, 0, 0, 0, 1]) + 1 / 7) / 5)
    assert pooled(np.zeros((0, 4), bool)) == pytest.approx(np.full(4, 0.25))


def test_pooled_intervals_have_the_largest_likelihood() -> None:
    facts = packaged()[0]
    allowed, rng = facts.allowed(), np.random.default_rng(1)

    def value(p: Floats) -> float:
        return float(np.log((p * allowed).sum(axis=1)).sum() + np.log(p).mean())

    best = pooled(allowed)
    assert best.sum() == pytest.approx(1)
    others = [(1 - w) * best + w * rng.dirichlet(np.full(17, a)) for w in (0.001, 0.01, 0.1) for a in (0.1, 1.0) for _ in range(50)]
    assert max(value(p) for p in others) < value(best)
    middle = np.bincount((facts.low + np.minimum(facts.high, facts.low + 4)) // 2, minlength=17)  # intervals by their middle
    assert value((middle + 1 / 17) / 18) < value(best) - 1


def test_days_of_a_constant_hazard_are_geometric() -> None:
    p = distribution(np.full((2, 5), 0.3))
    assert p[1] == pytest.approx([0.3 * 0.7**d for d in range(5)] + [0.7**5])
    assert distribution(np.array([0.2, 1.0, 0.5])).tolist() == pytest.approx([0.2, 0.8, 0, 0])


def test_equal_regions_have_the_hazard_of_events_by_exposure() -> None:
    facts = made([0, 2, 2, 5, 6, 0], [0, 2, 2, 5, 6, 6])  # the last says nothing
    hazard = 4 / (1 + 3 + 3 + 6 + 6)
    assert onset_forecast("population", facts)[5] == pytest.approx(distribution(np.full(6, hazard)), abs=1e-4)


def test_population_hazard_is_found_again_and_goes_with_residents() -> None:
    rng = np.random.default_rng(2)
    residents = rng.uniform(2e5, 2e6, 400)
    size = residents / residents.mean()
    day = np.minimum(np.floor(rng.exponential(1 / (0.1 * size))), 6).astype(int)
    low = np.maximum(day - rng.integers(0, 2, 400), 0)
    facts = made(low, np.where(low < day, day, np.minimum(low + 1, 6)), residents=residents)
    p = onset_forecast("population", seen(facts, known=np.arange(400) > 1))
    scale = -np.log1p(-p[0, 0]) / size[0]
    assert scale == pytest.approx(0.1, abs=4 * 0.1 / math.sqrt(150))
    assert -np.log1p(-p[1, 0]) / size[1] == pytest.approx(scale)


def test_a_region_that_may_have_risen_any_day_says_nothing() -> None:
    low, high = [0, 1, 3, 5], [0, 2, 3, 6]
    for name in ONSET:
        less = onset_forecast(name, made(low, high))
        more = onset_forecast(name, made([*low, 0], [*high, 6]), known=np.array([True] * 4 + [False]))
        assert more[:4] == pytest.approx(less, abs=1e-5), name


def test_last_is_the_pooled_day_one_later_and_then_its_hazard() -> None:
    facts = made([0, 1, 1, 3, 0], [0, 1, 1, 3, 6])
    known = np.array([True] * 4 + [False])
    p, average = (onset_forecast(name, facts, known=known)[4] for name in ("last", "average"))
    assert p == pytest.approx([0, *average[:5], average[5:].sum()])
    early = onset_forecast("last", facts, known=known, last=1)[4]
    hazard = [early[d] / early[d:].sum() for d in range(6)]
    assert hazard[2:] == pytest.approx([hazard[2]] * 4)  # that of day 1, the last that was seen
    assert hazard[0] == 0


def test_what_is_known_of_a_region_itself_is_kept() -> None:
    facts = made([2, 1, 3], [2, 2, 6])
    for name in ONSET:
        p = onset_forecast(name, facts, last=3)
        assert p.sum(axis=1) == pytest.approx(1)
        assert p[0].tolist() == [0, 0, 1, 0, 0, 0, 0]
        assert p[1, 1:3].sum() == pytest.approx(1)
        assert p[2, :3].sum() == 0
    assert onset_forecast("never", facts, last=3)[2, -1] == 1


def logistic_world(number: int, slope: float, contagion: float, n: int = 150) -> Facts:
    """Regions that rise by the logistic hazard itself, seen in intervals of one or two days."""
    rng = np.random.default_rng(number)
    city = np.exp(rng.normal(12, 0.8, n))
    day, centred = np.full(n, 8), np.log(city) - np.log(city).mean()
    for d in range(8):
        rises = rng.uniform(size=n) < expit(-2.5 + slope * centred + contagion * (day < d).mean())
        day = np.where((day == 8) & rises, d, day)
    low = 2 * (day // 2)
    wide = rng.uniform(size=n) < 0.5
    return made(np.where(wide & (day < 8), low, day), np.where(wide & (day < 8), low + 1, day), n_days=8, city=city)


def test_the_logistic_hazard_is_found_again() -> None:
    facts = logistic_world(3, 1.0, 2.0)
    found = logistic_hazard(facts)
    x = np.log(facts.city) - np.log(facts.city).mean()
    slopes = [np.polyfit(x, np.log(h / (1 - h)), 1) for h in found.T]
    assert slopes[0][0] == pytest.approx(1.0, abs=4 * 0.15)
    assert slopes[0][1] == pytest.approx(-2.5, abs=4 * 0.25)
    assert slopes[-1][1] - slopes[0][1] > 0.5  # more had risen
    elsewhere = logistic_hazard(replace(facts, city=np.roll(facts.city, 1)))[:, 0]  # cities of other regions
    assert abs(np.polyfit(np.roll(x, 1), np.log(elsewhere / (1 - elsewhere)), 1)[0]) < 4 * 0.15


def test_cities_help_where_they_matter_and_only_there() -> None:
    for slope, helps in ((1.5, True), (0.0, False)):
        facts = logistic_world(4, slope, 2.0)
        train = np.arange(150) < 75
        logistic, average = (
            log_score_days(onset_forecast(name, facts, known=train), facts.low, facts.high)[~train] for name in ("logistic", "average")
        )
        difference = paired(average, logistic)
        assert (difference.separated and difference.mean > 0) == helps


# --- the next day ------------------------------------------------------------------------------------------------------

PRESENT = [[0, 1, 1, nan, nan, nan], [0, 0, nan, nan, nan, nan], [1, nan, nan, nan, nan, nan], [nan, nan, 0, nan, nan, nan]]


def days_made(**more: Any) -> Facts:
    return made([1, 2, 0, 3], [1, 6, 0, 6], presence=PRESENT, **more)


def test_persistence_and_averages_by_hand() -> None:
    facts = days_made()
    assert presence_forecast("last", facts, last=2).tolist() == [1, 0, 1, 0]  # over blanks
    assert presence_forecast("last", facts, last=1)[3] == pytest.approx((2 + 0.5) / 6)  # no value yet: the share of all cells
    assert presence_forecast("average", facts, last=2) == pytest.approx([1.5 / 5, 3.5 / 6, 2.5 / 7, 3.5 / 7])
    assert presence_forecast("never", facts, last=2).tolist() == [0] * 4
    equal = presence_forecast("population", facts, last=2)  # of equal regions: the share of the others
    assert equal == pytest.approx([1 / 4, 3 / 5, 2 / 6, 3 / 6], abs=1e-4)


def test_population_presence_goes_with_residents() -> None:
    p = presence_forecast("population", days_made(residents=[2e6, 1e6, 1e6, 1e6]), last=2)
    assert np.log1p(-p[1]) != pytest.approx(np.log1p(-p[0]))
    sizes = np.array([2, 1, 1, 1]) / 1.25
    one = -np.log1p(-p[3]) / sizes[3]
    hits, cells = np.array([2, 0, 1]), np.array([3, 2, 1])
    others = sizes[:3]
    score = (hits * others / np.expm1(one * others) - (cells - hits) * others).sum()
    assert score == pytest.approx(0, abs=1e-3)  # the slope of the likelihood of the other regions


def test_a_blank_is_no_zero() -> None:
    facts = days_made()
    zeros = replace(facts, presence=np.nan_to_num(facts.presence))
    for name in set(PRESENCE) - {"never"}:
        assert not np.allclose(presence_forecast(name, facts, last=2), presence_forecast(name, zeros, last=2)), name


def test_logistic_presence_stays_as_often_as_it_stayed() -> None:
    facts = days_made()
    p = presence_forecast("logistic", facts, last=2)
    stays = (1 + 0.5) / (1 + 1)  # one known day after a day with unrest
    assert p[[0, 2]].tolist() == pytest.approx([stays, stays])
    assert p[1] == pytest.approx(logistic_hazard(seen(facts, last=2))[1, 3])


def test_participants_by_hand() -> None:
    figures = {"participants_low": [nan, 99, nan, nan, 999, nan], "participants_high": [nan, 99, nan, nan, 9999, nan]}
    facts = days_made(residents=[1e6, 2e6, 3e6, 4e6], **figures)
    assert math.isnan(participants_forecast("last", facts, last=0))
    assert participants_forecast("never", facts, last=0) == 0
    assert participants_forecast("last", facts, last=3) == pytest.approx(2)
    assert participants_forecast("last", facts, last=4) == pytest.approx(3.5)
    assert participants_forecast("average", facts, last=4) == pytest.approx((2 + 3.5) / 2)
    # 99 of the million where unrest was reported on that day; last known: the first and the third region
    assert participants_forecast("population", facts, last=2) == pytest.approx(math.log10(1 + 99 * 4))
    p = presence_forecast("logistic", facts, last=2)
    assert participants_forecast("logistic", facts, last=2) == pytest.approx(math.log10(1 + 99 * float(p @ [1, 2, 3, 4])))


# --- the packaged record -----------------------------------------------------------------------------------------------


def test_scores_of_the_packaged_record() -> None:
    facts, ids = packaged()
    scores = {s.name: s for s in score_onsets(facts)}
    assert list(scores) == list(ONSET)
    for s in scores.values():
        assert s.p.sum(axis=1) == pytest.approx(1)
        assert np.isfinite(s.log).all()
        assert (s.crps >= 0).all()
    never = scores["never"]
    expected = np.where(facts.high == 16, -math.log(400.5 / 401), -math.log(0.5 / 401))
    assert never.log == pytest.approx(expected)
    assert never.crps == pytest.approx(np.where(facts.high == 16, 0, 16 - facts.high))
    k = ids.index("KZ-KUS")
    own = pooled(np.delete(facts.allowed(), k, axis=0))
    assert scores["average"].log[k] == pytest.approx(-math.log((400 * own[4] + 0.5) / 401), abs=1e-6)
    assert np.array_equal(region_out("average", facts), scores["average"].p)
    assert paired(never.log, scores["average"].log).separated


def test_power_on_the_packaged_record_is_small() -> None:
    """How far apart two forecasters must be, in nats a region, before 17 onset intervals tell them apart."""
    facts = packaged()[0]
    average, even = region_out("average", facts), np.full((17, 17), 1 / 17)
    found = detectable(average, even, (facts.low, facts.high), records=300)
    firm = detectable(average, even, (facts.low, facts.low), records=300)
    assert found.power.share == pytest.approx(0.8, abs=0.02)
    assert 0.3 < found.difference.mean < 1.0
    assert firm.weight < found.weight  # days without doubt tell more


def test_day_ahead_scores_skip_blanks_and_know_the_range() -> None:
    facts = packaged()[0]
    scores = {s.name: s for s in score_days(facts)}
    for s in scores.values():
        assert np.array_equal(np.isnan(s.log), np.isnan(facts.presence.T))
        assert np.array_equal(np.isnan(s.brier), np.isnan(facts.presence.T))
    assert np.nanmean(scores["never"].brier) == pytest.approx(np.nanmean(facts.presence))
    last = scores["last"].participants
    assert np.flatnonzero(~np.isnan(last)).tolist() == [3, 4]  # before the first figure there is none to go on
    assert last[3] == pytest.approx(math.log10(36832 / 701))  # from the nearer end of the range
