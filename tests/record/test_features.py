"""Stylized facts: each rule on histories made by hand, one that shows the fact and one that just does not."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from qantar.ensemble.histories import DECLINE_DAYS, MASS, Feature, Runs, features
from qantar.record.observables import Observables, observe
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve

DAYS = 16


@cache
def given() -> tuple[Plan, Observables]:
    scenario = load_scenario(CASE)
    return resolve(scenario), observe(scenario.case.record)


def ids() -> list[str]:
    return [r.id for r in given()[0].regions]


def history(**more: Any) -> Runs:
    """One history in which nothing was reported, but for what is given."""
    n = len(ids())
    presence = np.zeros((1, DAYS, n), bool)
    for region, day in more.get("onset", {}).items():
        presence[0, day:, ids().index(region)] = True
    participants = np.zeros((1, DAYS))
    for day, people in more.get("participants", {}).items():
        participants[0, day] = people
    killed, lost = np.zeros((1, n)), np.zeros((1, n), bool)
    for region, dead in more.get("killed", {}).items():
        killed[0, ids().index(region)] = dead
    for region in more.get("lost", ()):
        lost[0, ids().index(region)] = True
    whole = {"changed_sides": np.array([more.get("changed", 0.0)]), "stood_aside": np.array([more.get("aside", 0.0)])}
    return Runs(presence, participants, np.zeros((1, DAYS)), killed, lost, np.zeros(1, bool), whole)


def found(kind: str, **more: Any) -> Feature:
    return next(f for f in features(history(**more), given()[1], given()[0]) if f.kind == kind)


FIRST = {"KZ-MAN": 1}
APART = ("KZ-SEV", "KZ-PAV", "KZ-ALA", "KZ-KUS", "KZ-AST", "KZ-VOS", "KZ-SHY")
BESIDE = ("KZ-ATY", "KZ-AKT")


def test_the_record_says_what_it_says() -> None:
    said = {f.kind: f.recorded for f in features(history(), given()[1], given()[0])}
    assert said["jump"] == "7 (5)"  # Aktobe and Atyrau lie beside Mangystau
    assert said["rise_after_cuts"] == "2022-01-03; 2022-01-04"
    assert said["seats"] == "4–7"
    assert said["deaths_at_seats"] == "≥ 0.74"


def test_a_jump_needs_as_many_regions_and_most_of_them_apart_on_the_recorded_day() -> None:
    jump = {**FIRST, **dict.fromkeys(APART, 2)}
    assert found("jump", onset=jump).shown == 1
    assert found("jump", onset=dict.fromkeys(APART, 2)).shown == 0  # nobody was out before
    assert found("jump", onset={**FIRST, **dict.fromkeys(APART, 3)}).shown == 0  # a day late
    assert found("jump", onset={**FIRST, **dict.fromkeys(APART[:6], 2)}).shown == 0  # one too few
    # all neighbours of five that rose before: most are not apart
    early = dict.fromkeys(("KZ-MAN", "KZ-KAR", "KZ-AKM", "KZ-ALM", "KZ-YUZ"), 1)
    assert found("jump", onset={**early, **dict.fromkeys((*BESIDE, "KZ-PAV", "KZ-VOS", "KZ-ALA", "KZ-SHY", "KZ-ZHA"), 2)}).shown == 0


def test_participants_must_rise_after_both_cuts() -> None:
    assert found("rise_after_cuts", participants={2: 100, 3: 200, 4: 201}).shown == 1
    assert found("rise_after_cuts", participants={2: 100, 3: 200, 4: 200}).shown == 0
    assert found("rise_after_cuts", participants={2: 100, 3: 90, 4: 200}).shown == 0


def test_seats_and_the_dead_where_they_fell() -> None:
    four = ("KZ-ALA", "KZ-ALM", "KZ-AKT", "KZ-ZHA")
    assert found("seats", lost=four).shown == 1
    assert found("seats", lost=four[:3]).shown == 0
    assert found("seats", lost=ids()[:8]).shown == 0
    assert found("deaths_at_seats", lost=four[:1], killed={"KZ-ALA": 51, "KZ-KZY": 50}).shown == 1
    assert found("deaths_at_seats", lost=four[:1], killed={"KZ-ALA": 50, "KZ-KZY": 51}).shown == 0
    assert found("deaths_at_seats", lost=four[:1]).shown == 0  # nobody died


@pytest.mark.parametrize(
    ("participants", "shown"),
    [
        ({4: 5000, 4 + DECLINE_DAYS: 500}, 1),
        ({4: 5000, 4 + DECLINE_DAYS: 501}, 0),
        ({4: 999, 4 + DECLINE_DAYS: 0}, 0),  # no uprising to decline from
        ({DAYS - DECLINE_DAYS: 5000}, 0),  # its end is not seen
        ({DAYS - DECLINE_DAYS - 1: 5000}, 1),
    ],
)
def test_a_decline_within_days(participants: dict[int, float], shown: int) -> None:
    assert found("decline", participants=participants).shown == shown


def test_no_mass_defection_is_said_of_uprisings_only() -> None:
    up = {4: 2000.0}
    assert found("no_defection", participants=up, changed=MASS - 0.001).shown == 1
    assert found("no_defection", participants=up, changed=MASS).shown == 0
    assert found("no_defection", participants=up, aside=MASS).shown == 0
    assert found("no_defection", participants={4: 900.0}).shown == 0
