"""The record model: what of a history would have been reported, by local day and region, and that wrong laws are told apart.

Tests of shares have a fixed seed and reject at 1e-6 each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.packaged import scenario
from qantar.draws import Purpose, uniform
from qantar.engine.loop import History, simulate
from qantar.model.outcome import Outcome
from qantar.model.rules import N_STATES
from qantar.reporting import history as histories
from qantar.reporting.history import history_seed, reported
from qantar.reporting.model import Reported, daily_peak, daily_sum, local_days, report, report_probability
from qantar.scenario.parameters import defaults
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve
from qantar.scenario.schema import Edit

PLAIN = {
    "reported_half": 100.0,
    "reported_cut": 3.0,
    "reported_steepness": 2.0,
    "participants_bias": 0.0,
    "detained_reported": 1.0,
    "deaths_reported": 1.0,
    "rest_share": 0.2,
}


# --- days ------------------------------------------------------------------------------------------------------------------


def test_days_change_at_midnight_of_the_place() -> None:
    day = local_days(72, 1.0, 0.0, np.array([0.0, -1.0, 3.0]))
    assert day.shape == (72, 3)
    assert day[:, 0].tolist() == [t // 24 for t in range(72)]
    assert np.flatnonzero(np.diff(day[:, 1])).tolist() == [24, 48]  # an hour later in the west: its step 24 is still the first day
    assert np.flatnonzero(np.diff(day[:, 2])).tolist() == [20, 44, 68]
    assert day.min() == 0  # what lies before the first day counts to it


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0, 2.0])
def test_days_do_not_depend_on_the_step(step: float) -> None:
    fine = local_days(int(96 / 0.25), 0.25, 7.5, np.array([0.0, -1.0]))
    assert np.array_equal(local_days(int(96 / step), step, 7.5, np.array([0.0, -1.0])), fine[:: int(step / 0.25)])


def test_a_history_that_begins_at_noon_has_half_a_first_day() -> None:
    assert np.bincount(local_days(48, 1.0, 12.0, np.zeros(1))[:, 0]).tolist() == [12, 24, 12]


def test_daily_peaks_and_sums() -> None:
    rng = np.random.default_rng(1)
    series = rng.poisson(3, (72, 4)).astype(float)
    offsets = np.array([0.0, -1.0, 0.0, 3.0])
    day = local_days(72, 1.0, 0.0, offsets)
    peak, total = daily_peak(series, day), daily_sum(series, day)
    for p, offset in enumerate(offsets):
        for d in range(len(peak)):
            of_day = [series[t, p] for t in range(72) if max(0, math.floor((t + offset) / 24)) == d]
            assert peak[d, p] == max(of_day, default=0)
            assert total[d, p] == sum(of_day)
    assert total.sum() == series.sum()


def test_a_crowd_at_midnight_is_of_another_day_in_the_west() -> None:
    series = np.zeros((48, 2))
    series[24] = 50  # the first hour of the second day of the country
    peak = daily_peak(series, local_days(48, 1.0, 0.0, np.array([0.0, -1.0])))
    assert peak.tolist() == [[0, 50], [50, 0]]


# --- how likely a day is reported ------------------------------------------------------------------------------------------------


@given(st.floats(1, 1e5), st.floats(0.5, 10))
def test_nobody_is_not_reported_half_of_half_and_everything_at_last(half: float, steepness: float) -> None:
    p = report_probability(np.array([0.0, half, half * 1e40]), half, steepness)
    assert p[0] == 0
    assert p[1] == pytest.approx(0.5)
    assert p[2] == pytest.approx(1)
    sizes = half * np.logspace(-6, 6, 49)
    p = report_probability(sizes, half, steepness)
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p <= 1)).all()
    assert p + p[::-1] == pytest.approx(np.ones(49))  # as likely above as not below, in the logarithm


def test_steepness_is_the_slope_of_the_log_odds() -> None:
    sizes = np.array([25.0, 50.0, 100.0, 400.0])
    p = report_probability(sizes, 100.0, 2.5)
    assert np.log(p / (1 - p)) == pytest.approx(2.5 * np.log(sizes / 100))


# --- what is seen -----------------------------------------------------------------------------------------------------------------


def look(days: int = 3, regions: int = 2, **more: Any) -> Reported:
    """One settlement a region, nobody out, unless said otherwise."""
    given = {
        "peak": np.zeros((days, regions)),
        "detained": np.zeros((days, regions)),
        "killed": np.zeros((days, regions)),
        "security_killed": np.zeros(regions),
        "cut": np.zeros((days, regions)),
        "region": np.arange(regions),
        "settlement": np.ones(regions, bool),
        "seed": 7,
    } | {k: v for k, v in more.items() if k not in PLAIN}
    return report(**given, values=PLAIN | {k: v for k, v in more.items() if k in PLAIN})


def test_when_nothing_happens_nothing_is_reported() -> None:
    found = look(30, 5)
    assert not found.presence.any()
    assert found.onset.tolist() == [-1] * 5
    assert found.gathering.sum() == found.participants.sum() == found.detained.sum() == found.killed.sum() == 0


def test_onset_is_the_first_reported_day() -> None:
    peak = np.zeros((5, 3))
    peak[3:, 0] = peak[1, 1] = peak[4, 1] = 1e12
    found = look(5, 3, peak=peak)
    assert found.presence.tolist() == (peak > 0).tolist()
    assert found.onset.tolist() == [3, 1, -1]


def test_a_gathering_is_the_largest_in_one_place_and_a_rest_counts_in_part() -> None:
    peak = np.array([[300.0, 200.0, 900.0, 50.0]])
    found = look(1, 2, peak=peak, region=np.array([0, 0, 0, 1]), settlement=np.array([True, True, False, False]), **zero(1, 4))
    assert found.gathering.tolist() == [[300, 10]]  # 0.2 x 900 = 180 in the rest of the first
    found = look(
        1, 2, peak=peak, region=np.array([0, 0, 0, 1]), settlement=np.array([True, True, False, False]), rest_share=0.5, **zero(1, 4)
    )
    assert found.gathering.tolist() == [[450, 25]]
    assert found.participants.tolist() == [1450]  # all of them, wherever they stand


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.01, 0.001])
def test_one_of_a_small_model_is_one_in_the_street(scale: float) -> None:
    given = {"region": np.array([0, 1]), "settlement": np.array([True, False]), "scale": scale, **zero(1, 2)}
    for people in (0, 1, 2, 30):
        found = look(1, 2, peak=np.full((1, 2), people / scale), **given)
        gathering = people / scale - (1 / scale - 1) if people else 0
        assert found.gathering[0] == pytest.approx([gathering, 0.2 * gathering])
        assert people != 1 or gathering == pytest.approx(1)
        assert found.participants == pytest.approx([2 * people / scale])  # but of the country it is as many as it stands for
    assert (look(1, 2, peak=np.full((1, 2), 0.5 / scale), **given).gathering[0] >= 0).all()


def zero(days: int, places: int) -> dict[str, np.ndarray]:
    return {"detained": np.zeros((days, places)), "killed": np.zeros((days, places)), "cut": np.zeros((days, 2))}


def test_participants_are_the_peaks_of_places_times_one_bias() -> None:
    peak = np.array([[100.0, 20.0], [0.0, 30.0]])
    assert look(2, 2, peak=peak).participants.tolist() == [120, 30]
    assert look(2, 2, peak=peak, participants_bias=-0.5).participants == pytest.approx(np.array([120, 30]) / math.sqrt(10))
    assert look(2, 2, peak=peak, participants_bias=1.0).participants == pytest.approx(np.array([1200, 300]))


def test_the_detained_are_counted_since_the_start_and_in_part() -> None:
    detained = np.array([[10.0, 0.0], [5.0, 5.0], [0.0, 20.0]])
    assert look(detained=detained).detained.tolist() == [10, 20, 40]
    assert look(detained=detained, detained_reported=0.85).detained == pytest.approx([8.5, 17, 34])


def test_the_dead_are_of_both_sides_and_counted_in_part() -> None:
    killed = np.array([[1.0, 0.0, 0.0], [0.0, 4.0, 2.0]])
    given = {"peak": np.zeros((2, 3)), "detained": np.zeros((2, 3)), "region": np.array([0, 0, 1]), "settlement": np.ones(3, bool)}
    found = look(2, 2, killed=killed, security_killed=np.array([0.0, 3.0]), deaths_reported=0.9, **given)
    assert found.killed == pytest.approx([4.5, 4.5])


def test_a_cut_makes_a_gathering_harder_to_report() -> None:
    days = 6000
    peak = np.full((days, 3), 200.0)
    cut = np.tile([0.0, 0.5, 1.0], (days, 1))
    shares = look(days, 3, peak=peak, cut=cut).presence.mean(axis=0)
    expected = [1 / (1 + (100 * times / 200) ** 2) for times in (1, 2, 3)]  # half is 100, 200, 300
    for share, p in zip(shares, expected, strict=True):
        assert abs(share - p) < 4.9 * math.sqrt(p * (1 - p) / days)
    assert abs(shares[1] - shares[0]) > 0.2


SIZES = np.array([25.0, 50.0, 100.0, 200.0, 400.0])
DAYS = 3000


def frequency_deviation(shares: np.ndarray, steepness: float, half: float = 100.0) -> float:
    """How far shares of reported days are from the probabilities of a law, in standard errors, at worst."""
    p = 1 / (1 + (half / SIZES) ** steepness)
    return float((np.abs(shares - p) / np.sqrt(p * (1 - p) / DAYS)).max())


@pytest.mark.parametrize("steepness", [0.7, 2.0, 4.0])
def test_days_are_reported_as_often_as_the_law_says_and_not_as_a_wrong_one_says(steepness: float) -> None:
    shares = look(DAYS, 5, peak=np.tile(SIZES, (DAYS, 1)), reported_steepness=steepness).presence.mean(axis=0)
    assert frequency_deviation(shares, steepness) < 4.9
    assert frequency_deviation(shares, 1.3 * steepness) > 4.9
    assert frequency_deviation(shares, steepness / 1.3) > 4.9
    assert frequency_deviation(shares, steepness, half=130) > 4.9


def test_whether_a_day_is_reported_depends_on_region_day_and_seed_alone() -> None:
    peak = np.full((40, 3), 100.0)
    first = look(40, 3, peak=peak).presence
    assert 0.2 < first.mean() < 0.8
    more = look(50, 4, peak=np.full((50, 4), 100.0)).presence  # another region, more days
    assert np.array_equal(more[:40, :3], first)
    peak[7, 1] = 1e9
    louder = look(40, 3, peak=peak).presence
    assert louder[7, 1]
    assert np.array_equal(np.delete(louder, 7, axis=0), np.delete(first, 7, axis=0))
    assert not np.array_equal(look(40, 3, peak=np.full((40, 3), 100.0), seed=8).presence, first)
    u = [[uniform(7, Purpose.REPORT, r, d, 0) for r in range(3)] for d in range(40)]
    assert np.array_equal(first, np.array(u) < 0.5)


def test_a_larger_gathering_is_reported_whenever_a_smaller_one_is() -> None:
    small, large = (look(400, 3, peak=np.full((400, 3), n)).presence for n in (60.0, 90.0))
    assert (large | ~small).all()
    assert large.sum() > small.sum()


# --- from a history --------------------------------------------------------------------------------------------------------------


def plan_of(*edits: Edit, scale: float = 0.01) -> Plan:
    return resolve(scenario(), edits, scale=scale)


def history(plan: Plan, steps: int | None = None, **arrays: np.ndarray) -> History:
    """A history in which nothing happens but what these arrays say."""
    steps = steps or math.ceil(plan.hours / plan.step_hours)
    empty = {name: np.zeros((steps, len(plan.places))) for name in ("protesting", "fighting", "joined", "killed", "detained")}
    empty |= {name: np.zeros((steps, len(plan.regions))) for name in ("security_killed", "offline")}
    empty |= {
        "seat_lost": np.zeros((steps, len(plan.regions)), bool),
        "states": np.zeros((steps, N_STATES)),
        "changed_sides": np.zeros(steps),
        "aside": np.zeros(steps),
    }
    return History(
        plan.step_hours,
        plan.scale,
        **(empty | arrays),
        decisions=(),
        outcome=Outcome("quiet", 0.0, 0.0, 0.0, 0.0, 0.0, 0),
        moves=None,
        updates=0,
        visits=0,
        stopped=False,
    )


def offline(plan: Plan) -> np.ndarray:
    """Who is without any internet in a history under the decisions of this plan, by step and region."""
    quick = [m for m in plan.mechanisms if m == "information"]
    return simulate(plan.model_copy(update={"mechanisms": quick, "scale": 0.0005}), defaults(), 1).offline


def place(plan: Plan, name: str) -> int:
    return next(k for k, p in enumerate(plan.places) if p.name_en == name)


def region(plan: Plan, name: str) -> int:
    return next(k for k, r in enumerate(plan.regions) if r.id == name)


def test_a_history_is_seen_in_people_of_the_country_on_its_local_days() -> None:
    plan = plan_of()
    out, killed, detained = (np.zeros((384, len(plan.places))) for _ in range(3))
    almaty, zhanaozen = place(plan, "Almaty"), place(plan, "Zhanaozen")
    out[30, almaty], out[48, zhanaozen] = 7, 9  # 48: midnight in Almaty, 23:00 of the second day in the west
    killed[60, almaty], detained[60, almaty], detained[100, zhanaozen] = 0.5, 2, 1
    killed[62, almaty], detained[101, zhanaozen] = 0.5, 2
    security = np.zeros((384, len(plan.regions)))
    security[200:, region(plan, "KZ-ALA")] = 2
    found = reported(history(plan, protesting=out, killed=killed, detained=detained, security_killed=security), plan, defaults(), 1)
    assert found.presence.shape == (16, 17)
    expected = np.zeros((16, 17))
    expected[1, region(plan, "KZ-ALA")], expected[1, region(plan, "KZ-MAN")] = 700 - 99, 900 - 99  # one of the model is one in the street
    assert found.gathering == pytest.approx(expected)
    assert found.participants == pytest.approx(np.where(np.arange(16) == 1, 1600, 0))
    assert found.detained == pytest.approx(0.85 * np.repeat([0, 200, 500], [2, 2, 12]))
    dead = np.zeros(17)
    dead[region(plan, "KZ-ALA")] = 0.95 * 300
    assert found.killed == pytest.approx(dead)


def test_a_history_broken_off_goes_on_as_on_its_last_day_and_adds_nothing_to_sums() -> None:
    plan = plan_of()
    almaty, ala = place(plan, "Almaty"), region(plan, "KZ-ALA")
    out, killed, detained = (np.zeros((40, len(plan.places))) for _ in range(3))
    out[:, almaty], out[10, almaty], out[30, almaty] = 1e6, 3e6, 2e6
    out[5, place(plan, "Aktobe")] = 1e6  # on the first day alone
    killed[35, almaty], detained[35, almaty] = 1, 2
    found = reported(history(plan, 40, protesting=out, killed=killed, detained=detained), plan, defaults(), 1)
    assert found.presence.shape == (16, 17)
    assert found.presence[:, ala].all()
    assert found.gathering[:, ala] == pytest.approx(np.array([3e8] + [2e8] * 15) - 99)
    assert found.presence[:, region(plan, "KZ-AKT")].tolist() == [True] + [False] * 15
    assert found.participants == pytest.approx([4e8] + [2e8] * 15)
    assert found.detained == pytest.approx(0.85 * np.repeat([0, 200], [1, 15]))
    assert found.killed[ala] == pytest.approx(0.95 * 100)


@pytest.mark.parametrize("steps", [24, 25, 48, 49])
def test_the_last_day_of_a_history_broken_off_is_that_of_the_place(steps: int) -> None:
    plan = plan_of()  # at midnight of the country, it is still the day before in the west
    out = np.zeros((steps, len(plan.places)))
    out[:, place(plan, "Zhanaozen")] = 1e6
    found = reported(history(plan, steps, protesting=out), plan, defaults(), 1)
    assert found.gathering[:, region(plan, "KZ-MAN")] == pytest.approx(np.full(16, 1e8 - 99))


def half_of_reports(plan: Plan, people: float) -> np.ndarray:
    """Share of seeds in which a gathering of so many in every settlement gets reported, by day and region."""
    out = np.full((384, len(plan.places)), 1 + (people - 1) * plan.scale)
    h = history(plan, protesting=out, offline=offline(plan))
    return np.mean([reported(h, plan, defaults() | {"reported_cut": 4.0}, seed).presence for seed in range(25)], axis=0)


def test_days_without_internet_are_reported_less_often() -> None:
    plan = plan_of()
    shares = half_of_reports(plan, 100)
    country = np.delete(shares, region(plan, "KZ-AST"), axis=1)
    assert country[[0, 1, 2, 11, 12]].mean() == pytest.approx(0.5, abs=0.07)
    assert country[5:9].mean() == pytest.approx(1 / 17, abs=0.03)  # 6 to 9 January: all day without
    assert shares[6:9, region(plan, "KZ-AST")].mean() == pytest.approx(0.5, abs=0.28)  # fixed lines worked in the capital
    never = plan_of(*(Edit(path=f"steps.{s.id}", op="off") for s in plan.steps if s.kind == "internet"))
    assert half_of_reports(never, 100)[5:9].mean() == pytest.approx(0.5, abs=0.07)
    off = plan_of(Edit(path="mechanisms.information", op="off"))
    assert half_of_reports(off, 100)[5:9].mean() == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_the_cut_of_a_day_is_the_share_of_its_hours_without_internet(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(Edit(path="time.step_hours", value=step))
    monkeypatch.setattr(histories, "report", lambda **given: given)
    cut: Any = reported(history(plan, offline=offline(plan)), plan, defaults(), 1)["cut"]  # type: ignore[index]
    first = 24 - math.ceil(16.5 / step) * step  # from half past four of the fifth, by the first step at or after it
    expected = np.zeros((16, 17))
    expected[4:10] = np.array([first, 24, 24, 24, 24, 8])[:, None] / 24
    expected[5:10, region(plan, "KZ-AST")] = np.array([12, 0, 0, 0, 0]) / 24
    assert cut == pytest.approx(expected)


@pytest.mark.parametrize("step", [0.25, 1.0])
def test_the_cut_is_what_the_history_says_and_not_the_plan(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Under another driver decisions are not those of the plan: the history alone knows when the internet was cut.
    plan = plan_of(Edit(path="time.step_hours", value=step))
    monkeypatch.setattr(histories, "report", lambda **given: given)
    without = np.zeros((round(384 / step), 17))
    without[round(30 / step) : round(54 / step), 3] = 0.4  # from six in the morning of the second day to the next
    without[:, 5] = 1.0
    cut: Any = reported(history(plan, offline=without), plan, defaults(), 1)["cut"]  # type: ignore[index]
    expected = np.zeros((16, 17))
    expected[1:3, 3] = 0.4 * 18 / 24, 0.4 * 6 / 24
    expected[:, 5] = 1.0
    assert cut == pytest.approx(expected)


def test_whoever_cuts_the_internet_the_history_says_so() -> None:
    never = plan_of(Edit(path="drivers.internet", value="off"))
    assert not offline(never).any()
    assert offline(plan_of())[24 * 6].tolist() == [float(r.id != "KZ-AST") for r in plan_of().regions]
    busy = [Edit(path=f"parameters.{name}", value=value) for name, value in (("base_pressure", 1e-4), ("potential", 0.5))]
    # Somebody is out from the start.
    always = plan_of(*busy, Edit(path="drivers.internet", value="policy"), Edit(path="parameters.rung_internet", value=1e-12))
    assert offline(always)[24:].all()
    assert not offline(always)[:6].any()  # it takes hours to decide


def cut_in(place_id: str, at: float = 0.0) -> Plan:
    """The internet is cut in one settlement and nowhere else."""
    base = plan_of()
    off = [Edit(path=f"steps.{s.id}", op="off") for s in base.steps if s.kind == "internet"]
    value = {"kind": "internet", "places": [place_id], "at": at, "size": 0}
    return plan_of(*off, Edit(path="steps.cut", op="add_step", value=value))


def test_a_cut_of_one_settlement_is_none_elsewhere() -> None:
    base = plan_of()
    plan = cut_in(base.places[place(base, "Zhanaozen")].id)
    shares = np.delete(half_of_reports(plan, 100), region(plan, "KZ-MAN"), axis=1)
    assert shares.mean() == pytest.approx(0.5, abs=0.07)
    people = [p.population for p in base.places if p.region == region(base, "KZ-MAN")]
    part = base.places[place(base, "Zhanaozen")].population / sum(people)
    assert offline(plan)[:, region(plan, "KZ-MAN")] == pytest.approx(np.full(384, part), abs=0.01)


def test_a_cut_before_the_start_is_one() -> None:
    assert half_of_reports(cut_in("KZ-MAN", at=-5.0), 100)[:, region(plan_of(), "KZ-MAN")].mean() < 0.2


@pytest.mark.parametrize("hours", [96, 480])
def test_a_history_has_as_many_days_as_its_hours(hours: int) -> None:
    plan = plan_of(Edit(path="time.hours", value=hours))
    found = reported(history(plan), plan, defaults(), 1)
    assert found.presence.shape == found.gathering.shape == (hours // 24, 17)
    assert len(found.participants) == len(found.detained) == hours // 24


def test_seeds_of_histories_differ_and_are_pure() -> None:
    found = {history_seed(5, draw, replicate) for draw in range(60) for replicate in range(60)}
    assert len(found) == 3600
    assert all(0 <= s < 2**63 for s in found)
    assert history_seed(5, 3, 4) == history_seed(5, 3, 4) != history_seed(6, 3, 4)
    low = np.array([s & 0xFF for s in found])
    assert np.bincount(low, minlength=256).max() < 50  # 14 a value on average
