"""A government by policy, fed with the record: what it sees, when it acts, and that its dates follow what it is fed with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from conftest import CASE, Ran
from qantar.effects.policy_dates import CLASH, Dates, constant_error, date_policies, recorded_hours, sights
from qantar.model.build import land_of
from qantar.model.government import DATED, Policy, VisibleState, first_hours
from qantar.model.world import StateStep
from qantar.population.build import blocks_of
from qantar.record.complete import VIOLENCE
from qantar.scenario.parameters import defaults
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.scenario.schema import POLICY_KINDS, SIGNALS


@cache
def given() -> tuple[Scenario, Plan]:
    scenario = load_scenario(CASE)
    return scenario, resolve(scenario)


@cache
def seen() -> list[VisibleState]:
    return sights(*given())


def at(day: int, hour: float) -> int:
    return round((day - 1) * 24 + hour)


def region(name: str) -> int:
    return [r.id for r in given()[1].regions].index(name)


def test_participants_reach_the_official_totals_and_stop_at_midnight() -> None:
    most = [max(s.people.sum() for s in seen()[24 * d : 24 * d + 24]) for d in range(16)]
    assert most[1] == pytest.approx(700)
    assert most[3] == pytest.approx((36831 + 38000) / 2)
    assert most[4] == pytest.approx(50000)
    assert seen()[at(2, 6)].people.sum() == 0  # before the first event of the day
    assert seen()[at(2, 14)].people[region("KZ-MAN")] > 0
    assert seen()[at(3, 2)].people.sum() == 0


def test_clashes_are_those_of_the_two_largest_cities() -> None:
    loud = [t for t, s in enumerate(seen()) if s.clashes]
    assert loud[0] == at(4, 22)  # the night of the 4th: its hour is not recorded
    assert loud[-1] < at(8, 0)
    assert {s.clashes for s in seen()} == {0.0, CLASH}  # none in the capital


def test_whatever_the_record_calls_violence_is_a_clash() -> None:
    scenario, plan = given()
    record = scenario.case.record
    others = [e.model_copy(update={"kind": "symbol_attacked"}) if e.kind in VIOLENCE else e for e in record.events]
    changed = replace(record, events=replace(record.events, rows=tuple(others)))
    found = sights(replace(scenario, case=replace(scenario.case, record=changed)), plan)
    assert [s.clashes for s in found] == [s.clashes for s in seen()]


def test_seats_are_lost_and_retaken_as_recorded() -> None:
    def held(name: str) -> tuple[int, int]:
        hours = [t for t, s in enumerate(seen()) if s.seats[region(name)]]
        assert hours == list(range(hours[0], hours[-1] + 1))
        return hours[0], hours[-1]

    assert held("KZ-ALA") == (at(5, 15), at(6, 21))  # 14:30 to 21:32
    assert held("KZ-AKT")[0] == at(5, 15)  # 14:00 there
    assert at(5, 0) < held("KZ-ZHA")[0] <= at(5, 14)
    lost = {k for s in seen() for k in np.flatnonzero(s.seats)}
    assert lost == {region(r) for r in ("KZ-ALA", "KZ-ALM", "KZ-AKT", "KZ-ZHA")}


def test_the_five_dates_and_the_constant() -> None:
    start = dt.datetime.fromisoformat(given()[1].start)
    dates = {k: start + dt.timedelta(hours=h) for k, h in recorded_hours(given()[1]).items()}
    shown = {k: f"{d:%d %H:%M}" for k, d in dates.items()}
    assert shown == {
        "emergency": "05 01:30", "cabinet": "05 09:00", "internet": "05 16:30", "intervention": "05 22:30", "shoot_order": "07 14:00",
    }  # fmt: skip
    assert constant_error(np.array(list(recorded_hours(given()[1]).values()))) == pytest.approx(14.8)


def dates(signal: str, sights: list[VisibleState], **values: float) -> dict[str, float]:
    plan = given()[1]
    land = land_of(plan, blocks_of(plan))
    policy = Policy(land, defaults() | values, signal, set(POLICY_KINDS), 2500.0)
    steps = [s for t, sight in enumerate(sights) for s in policy.decide(sight, float(t), 1.0)]
    return first_hours((s.kind, s.size, s.at) for s in steps)


def followed(*steps: tuple[str, float, float, str]) -> tuple[Policy, set[str]]:
    """A policy that looked on at these steps (kind, hour, size, region; empty: everywhere), and what it then decides with all in the streets."""
    land = land_of(given()[1], blocks_of(given()[1]))
    rungs = dict.fromkeys((k for k in defaults() if k.startswith("rung_")), 0.01)
    policy = Policy(land, defaults() | rungs | {"decide_hours": 0.0, "relax_hours": 6.0}, "spread", set(POLICY_KINDS), 2500.0)
    for kind, hour, size, name in steps:
        places = np.flatnonzero(land.region == region(name)) if name else np.arange(len(land.region))
        policy.follow([StateStep("x", kind, tuple(places.tolist()), hour, size, "record")])
    everywhere = VisibleState(np.full(land.n_regions, 1e6), 0.0, np.zeros(land.n_regions, bool))
    return policy, {s.id.removeprefix("policy-") for s in policy.decide(everywhere, 100.0, 1.0)}


def test_what_was_decided_in_its_place_is_not_decided_again() -> None:
    _, alone = followed()
    assert alone == {"price", "promise", "cabinet", "emergency", "internet", "intervention", "shoot", "framing"}
    national = {"cabinet": ("concession", 2.0), "internet": ("internet", 0.0), "shoot": ("shoot_order", 1.0), "framing": ("framing", 1.0)}
    for name, (kind, size) in national.items():
        assert followed((kind, 90.0, size, ""))[1] == alone - {name}
        assert followed((kind, 90.0, size, "KZ-MAN"))[1] == alone  # in one region only: the rung is for the country
    assert followed(("intervention", 90.0, 2030.0, "KZ-ALA"))[1] == alone - {"intervention"}
    assert followed(("internet", 90.0, 1.0, ""))[1] == alone  # mobile internet alone is not the cut
    assert followed(("price", 0.0, 120.0, ""))[1] == alone  # a rise is no cut
    assert followed(("price", 0.0, 120.0, ""), ("price", 90.0, 70.0, ""))[1] == alone - {"price"}
    assert followed(("emergency", 90.0, 1.0, ""), ("emergency", 95.0, 0.0, ""))[1] == alone  # lifted again


def test_in_one_region_it_is_decided_for_the_others_and_may_be_taken_back() -> None:
    policy, _ = followed(("emergency", 90.0, 1.0, "KZ-MAN"))
    (state,) = [s for rung, s in policy.rungs if rung.name == "emergency"]
    assert len(state.places) == policy.land.n_regions  # the others were added
    policy, decided = followed(("internet", 90.0, 0.0, ""))
    assert "internet" not in decided
    nobody = VisibleState(np.zeros(policy.land.n_regions), 0.0, np.zeros(policy.land.n_regions, bool))
    later = [s for t in range(101, 600) for s in policy.decide(nobody, float(t), 1.0)]
    assert [(s.kind, s.size) for s in later if s.kind == "internet"] == [("internet", 2.0)]


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_signal_follows_its_own_input_and_no_other(signal: str) -> None:
    low = dict.fromkeys(("rung_emergency", "rung_cabinet", "rung_internet", "rung_intervention", "rung_shoot"), 0.01)
    loud = dates(signal, seen(), **low)
    assert not any(np.isnan(h) for h in loud.values())
    blind = {
        "seats": lambda s: s._replace(seats=np.zeros_like(s.seats)),
        "clashes": lambda s: s._replace(clashes=0.0),
        "spread": lambda s: s._replace(people=np.zeros_like(s.people)),
        "participants": lambda s: s._replace(people=np.zeros_like(s.people)),
        "threat": lambda s: VisibleState(np.zeros_like(s.people), 0.0, np.zeros_like(s.seats)),
    }
    quiet = dates(signal, [blind[signal](s) for s in seen()], **low)
    assert all(np.isnan(h) for h in quiet.values())
    for other, hide in blind.items():
        if signal not in ("threat", other) and {signal, other} != {"spread", "participants"} and other != "threat":
            # an emergency goes to regions where people are seen, whatever the signal
            kept = {k: h for k, h in dates(signal, [hide(s) for s in seen()], **low).items() if k != "emergency"}
            assert kept == {k: h for k, h in loud.items() if k != "emergency"}, other


def test_what_comes_a_day_later_is_answered_a_day_later() -> None:
    nothing = VisibleState(np.zeros_like(seen()[0].people), 0.0, np.zeros_like(seen()[0].seats))
    late = [nothing] * 24 + seen()[:-24]
    one, other = dates("threat", seen()), dates("threat", late)
    shifted = {k: other[k] - one[k] for k in DATED if not np.isnan(one[k])}
    assert len(shifted) >= 3
    assert set(shifted.values()) == {24.0}


def test_errors_count_a_step_never_taken_as_taken_at_the_end() -> None:
    recorded = np.array([100.0, 100, 100, 100, 100])
    d = Dates("threat", np.array([[90.0, 110, 100, 100, 384]]), recorded, np.array([0, 0, 0, 0, 1.0]))
    assert d.errors() == pytest.approx([(10 + 10 + 0 + 0 + 284) / 5])


def test_draws_are_the_same_for_every_signal_and_repeat() -> None:
    one, two = date_policies(*given(), draws=3, signals=("seats", "spread"))
    again = date_policies(*given(), draws=3, signals=("spread",))[0]
    assert np.array_equal(two.hours, again.hours)
    assert not np.array_equal(one.hours, two.hours)
    assert not np.array_equal(date_policies(*given(), draws=3, seed=2, signals=("spread",))[0].hours, two.hours)
    assert replace(one, signal="x").errors().shape == (3,)


def test_the_command_prints_the_constant_and_what_it_is_not(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    ran = qantar("policy", CASE, "--draws", "2", "--out", str(tmp_path / "policy"))
    assert ran.code == 0
    assert "14.8" in ran.out
    assert "not fitted" in ran.out
    assert "draws 10 / 10" in ran.err
    data = qantar("policy", CASE, "--draws", "2", "--out", str(tmp_path / "policy"), "--json").json()
    assert [s["signal"] for s in data["signals"]] == list(SIGNALS)
    assert data["constant"]["at"] == "2022-01-05T16:30"
    assert all(0 <= s["share_better_than_constant"] <= 1 for s in data["signals"])
    assert {(s["signal"], s["step"]) for s in data["steps"]} == {(signal, step) for signal in SIGNALS for step in DATED}


def test_the_hour_is_printed_with_files_and_what_is_off(qantar: Callable[..., Ran]) -> None:
    rows = qantar("show", CASE, "--step", "--json").json()
    assert [r["name"] for r in rows if not r["on"]] == ["split", "seeding", "shock"]
    assert rows[0]["name"] == "decisions of the record"
    assert {"model/government.py", "model/control.py", "engine/event.py"} <= {r["file"] for r in rows}
    assert "off in this scenario" in qantar("show", CASE, "--step").out
