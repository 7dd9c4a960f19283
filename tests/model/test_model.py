"""The mechanisms: closed forms computed here again, directions of every parameter, and what "does nothing" means.

Rates are looked at from outside: what a parameter adds to the log of a place's pressure is the log of the pressure with it less
that without it. Unless a test says otherwise the country is the packaged one at full size, under the decisions as recorded, with
the counts given here and not simulated. Tests of shares have a fixed seed and reject at 1e-6 each.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kit.packaged import freed, scenario
from kit.view import View, counted, in_python
from kit.view import hour as hour_by_mechanism
from qantar.engine.loop import simulate
from qantar.engine.meanfield import MeanFieldEngine
from qantar.model import assemble, chance, diffusion, government
from qantar.model import world as world_module
from qantar.model.build import Recorded, land_of
from qantar.model.chance import SHOCK, poisson
from qantar.model.contract import Counts, Rates, no_rates
from qantar.model.diffusion import SHAPE
from qantar.model.rules import (
    CLOCK,
    DEAD,
    DETAINED,
    FIGHTING,
    FULL,
    KILLING,
    MOBILE_CUT,
    N_STATES,
    NONE,
    PROTESTING,
    QUIET,
    QUOTAS,
    TAKING,
    WITHDRAWN,
    Law,
    advance,
    first_resistance,
    own_resistance,
    resistance,
)
from qantar.model.world import ARMY, FOREIGN, GUARD, KINDS, Land, StateStep, World, merged
from qantar.population.blocks import class_of, lay_out
from qantar.population.build import blocks_of, class_sizes
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve
from qantar.scenario.schema import STEP_KINDS, Edit

START = dt.datetime(2022, 1, 1)  # noqa: DTZ001  the country's time, as in the scenario


Change = tuple[str, str, Any]
_plans: dict[str, Plan] = {}
_lands: dict[str, Land] = {}


def country(*edits: Change) -> Plan:
    """The country at full size under these edits (path, op, value)."""
    if repr(edits) not in _plans:
        _plans[repr(edits)] = resolve(scenario(), [Edit(path=path, op=op, value=value) for path, op, value in edits])
    return _plans[repr(edits)]


def land(*edits: Change) -> Land:
    """What of it does not change."""
    if repr(edits) not in _lands:
        _lands[repr(edits)] = land_of(country(*edits), blocks_of(country(*edits)))
    return _lands[repr(edits)]


def small(scale: float, hours: int, *edits: Edit) -> Plan:
    return freed(resolve(scenario(), [Edit(path="time.hours", value=hours), *edits], scale=scale))


def hour(moment: str) -> int:
    """Hours from the start of the history to a moment of January 2022 in the country's time, like `5T16`."""
    day, clock = moment.split("T")
    return int((dt.datetime(2022, 1, int(day), int(clock)) - START).total_seconds() // 3600)  # noqa: DTZ001


def number(name: str, plan: Plan | None = None) -> int:
    """The number of a place by its English name."""
    return next(k for k, p in enumerate((plan or country()).places) if p.name_en == name)


def region_of(region: str) -> np.ndarray:
    """Numbers of the places of a region."""
    ids = [r.id for r in country().regions]
    return np.array([k for k, p in enumerate(country().places) if ids[p.region] == region])


# --- counts that are given, and what the mechanisms make of them ------------------------------------------------------------


@cache
def residents() -> np.ndarray:
    """By place and sector."""
    return class_sizes(country()).sum(axis=2)


def counts(*, out: Any = 0, fight: Any = 0, dead: Any = 0, held: Any = 0, home: Any = 0, moved: tuple[Any, ...] = ()) -> Counts:
    """So many people in each state, everywhere or by place; `out` in peace, `moved` by quota in the last step. All in one sector."""
    n = np.zeros((N_STATES, *residents().shape))
    n[QUIET] = residents()
    for state, people in ((PROTESTING, out), (FIGHTING, fight), (DEAD, dead), (DETAINED, held), (WITHDRAWN, home)):
        n[state, :, 3] = people
    quotas = np.zeros((len(QUOTAS), n.shape[1]))
    for quota, people in enumerate(moved):
        quotas[quota] = people
    return Counts(n, np.zeros(n.shape[1:]), quotas)  # type: ignore[arg-type]


def only(place: str, people: float) -> np.ndarray:
    found = np.zeros(len(country().places))
    found[number(place)] = people
    return found


def crowd() -> Counts:
    """Every place out of order: some out, some of them fighting, some gone home, some dead or detained, and more each hour."""
    return counts(out=180, fight=20, dead=5, held=40, home=100, moved=(0.03, 0.8, 0.5, 0.02, 0.2))


@dataclass
class Situation:
    """The world at an hour, the rates for the next step, and what was decided so far."""

    world: View
    rates: Rates
    law: Law
    values: dict[str, float]
    decisions: list[StateStep]

    def a(self, place: str) -> float:
        return float(self.rates.a[number(place)])

    def g(self, place: str, bin_: int) -> float:
        """Of a class of the fourth sector."""
        return float(self.rates.g.reshape(len(country().places), -1, len(country().hardship))[number(place), 3, bin_])

    def spread(self, place: str = "Zhanaozen") -> float:
        """Pressure on the poorest against that on those who are best off."""
        return self.g(place, 0) / self.g(place, 3)

    def leaving(self, place: str, old: int, new: int) -> float:
        return float(self.rates.leave[old, number(place), new])


NO_RALLY = {"rally_rate": 0.0}
"""What pushes is the base pressure alone, so that its logarithm shows each term."""


def course(given: Counts | Callable[[int], Counts], until: int, **values: float) -> list[Rates]:
    """The rates of each hour up to one, without rallies and under the decisions as recorded."""
    params = defaults() | NO_RALLY | values
    world, driver = assemble.new_world(land(), params, 1.0, 0, country().mechanisms, expected=True), Recorded(country())
    found = []
    for t in range(until + 1):
        rates = assemble.step(world, given(t) if callable(given) else given, t, driver.due(t, 1.0))
        found.append(rates._replace(a=rates.a.copy(), connectivity=rates.connectivity.copy()))
    return found


def situation(
    at: float, given: Counts | Callable[[int], Counts], *edits: Change, dt: float = 1.0, luck: int | None = None, **values: float
) -> Situation:
    """What holds at this hour if these counts held until then; numbers are the expected ones, or drawn with a seed as luck."""
    plan, params = country(*edits), defaults() | values
    world = assemble.new_world(land(*edits), params, dt, luck or 0, plan.mechanisms, expected=luck is None)
    recorded = Recorded(plan)
    kinds = {kind for kind, driver in plan.drivers.items() if driver == "policy"}
    policy = government.Policy(land(*edits), params, plan.signal, kinds, plan.forces["foreign"])
    decisions: list[StateStep] = []
    for t in range(round(at / dt) + 1):
        now = given(t) if callable(given) else given
        steps = recorded.due(t, dt) + policy.decide(government.visible_state(land(*edits), world, now), t * dt, dt)
        decisions += steps
        rates = assemble.step(world, now, t, steps)
    return Situation(View(world), rates, assemble.law_of(params, 0, plan.mechanisms), params, decisions)


def effect(name: str, value: float, place: str, at: int, given: Counts | Callable[[int], Counts], **values: Any) -> float:
    """What a parameter adds to the log pressure of a place at an hour."""
    edits = values.pop("edits", ())
    with_, without = (situation(at, given, *edits, **NO_RALLY | values | {name: v}).a(place) for v in (value, 0.0))
    return math.log(with_ / without)


# --- a mechanism whose coefficients are zero does nothing -------------------------------------------------------------------

LOUD = {
    "base_pressure": 5e-5,
    "potential": 0.5,
    "day_off_effect": 0.2,
    "rally_rate": 20,
    "rally_size": 20_000,
    "legitimacy_concession": 0.1,
    "legitimacy_repression": -0.1,
    "concession_met": 0.5,
    "concession_short": -0.5,
    "deterrence": 0.5,
    "backlash": 0.2,
    "backlash_contacts": 0.3,
    "curfew_effect": -0.3,
    "shutdown_effect": 0.4,
    "framing_effect": -0.3,
    "arrest_rate": 0.02,
    "lethality": 0.005,
    "devaluation_slope": 2,
    "organization_reach": 0.1,
    "organization_retention": 1,
    "organization_discipline": 1,
    "lag_effect": 2,
    "aside_rate": 0.01,
    "aside_outnumbered": 0.3,
    "aside_deaths": 0.3,
    "intervention_loyalty": 0.5,
    "intervention_effect": -0.5,
    "intervention_fights": 0.5,
    "violence_rate": 0.5,
    "violence_force": 0.3,
    "escalation_rate": 0.2,
    "crowd_weight": 0.5,
    "loot_rate": 1,
    "armoury": 1,
    "arms_effect": 10,
    "seat_lethality": 0.5,
    "seat_effect": 0.5,
    "split_hour": 24,
    "seed_hour": 24,
    "shock_sd": 0.5,
}
"""Much happens, and every mechanism has a bite."""

OFF = tuple(name for name in assemble.MECHANISMS if name not in country().mechanisms)
"""Mechanisms that the packaged scenario leaves off."""
ALL_ON: tuple[Change, ...] = (
    *((f"mechanisms.{name}", "set", 1) for name in OFF),
    ("organizations.network.presence", "set", 0.5),
    ("organizations.network.demand_gap", "set", -1),
    ("steps.aside", "add_step", {"kind": "stand_aside", "places": ["KZ-ALA", "KZ-MAN"], "at": 40.0, "size": 1}),
)

NOTHING = {
    # Beside its effects it tells where the good has become dearer, by which diffusion knows a common cause.
    "economy": ["price_effect", "inflation_slope", "devaluation_slope", "shared_cause"],
    "grievance": ["grievance_slope"],
    # What an organization asks for reaches no resident: the state decides by the record here.
    "organization": ["call_rate", "organization_retention", "organization_discipline", "organization_demand", "lag_effect"],
    # What was granted is kept here and read by grievance, whose coefficient for it belongs to this effect.
    "demands": ["concession_met", "concession_short", "legitimacy_concession"],
    "split": ["split_cities"],
    "loyalty": ["order_obeyed", "aside_rate"],
    "intervention": ["intervention_frees", "intervention_fights", "intervention_loyalty", "intervention_effect"],
    # Without men there is nobody to send; those whom foreign troops relieve would be sent on, so none must be.
    "forces": ["guard_ready", "army_ready", "intervention_frees"],
    # A place that is violent is so by its protesters alone.
    "violence": ["escalation_rate"],
    # People go on fighting without it, but take no weapons.
    "arms": ["loot_rate"],
    "seeding": ["seed_people", "seed_escalation"],
    # Beside its effects it moves people: without rates nobody is taken. Lives lost by security move nobody.
    "repression": ["deterrence", "backlash", "backlash_contacts", "curfew_effect", "arrest_rate", "search_rate", "lethality"],
    # To whom a seat belongs moves nobody by itself.
    "control": ["seat_effect", "seat_lethality"],
    "diffusion": ["tie_local", "tie_online", "crowd_gain", "media_gain", "near_gain"],
    # Beside its effects it cuts the internet, which acts on ties online and on news, so these must be without effect too;
    # or nothing is cut (next test).
    "information": ["shutdown_effect", "framing_effect", "tie_online", "media_gain"],
    "shock": ["shock_sd"],
    "rallies": ["rally_rate"],
}
"""What must be zero for a mechanism to do nothing. Both histories get the same values: they differ in the list of mechanisms."""


@cache
def digest(mechanism_off: str, zero: tuple[str, ...], steps_off: tuple[str, ...] = ()) -> str:
    edits = [Edit(path=path, op=op, value=value) for path, op, value in ALL_ON]
    edits += [Edit(path=f"steps.{s}", op="off") for s in steps_off]
    if mechanism_off:
        edits.append(Edit(path=f"mechanisms.{mechanism_off}", op="off"))
    history = simulate(small(0.001, 166, *edits), defaults() | LOUD | dict.fromkeys(zero, 0.0), 3)
    assert history.joined.sum() > 100
    return history.sha256()


@pytest.mark.parametrize("name", assemble.MECHANISMS)
def test_a_mechanism_without_coefficients_is_as_good_as_off(name: str) -> None:
    zero = tuple(NOTHING[name])
    assert digest("", zero) == digest(name, zero)
    assert digest("", ()) != digest("", zero)  # and with them it does something


def test_information_without_effects_and_without_cuts_is_as_good_as_off() -> None:
    cuts = tuple(s.id for s in country().steps if s.kind == "internet")
    zero = ("shutdown_effect", "framing_effect")
    assert digest("", zero, cuts) == digest("information", zero, cuts)
    assert digest("", zero, cuts) != digest("", zero)  # cuts do something through ties and news alone


def test_every_mechanism_is_named_here() -> None:
    assert set(NOTHING) == set(assemble.MECHANISMS) == set(country(*ALL_ON).mechanisms)
    assert set(OFF) == {name for name, module in assemble.MECHANISMS.items() if "Off unless" in str(module.__doc__)}


# --- every parameter moves something in the stated direction ----------------------------------------------------------------

UP, DOWN = 1, -1
FREE = (-1.0, 0.0, 1.0)


def pressure(place: str) -> Callable[[Situation], float]:
    return lambda s: s.a(place)


def phi(*contacts: int) -> Callable[[Situation], float]:
    return lambda s: float(s.law.factors[contacts])


def quota(kind: int) -> Callable[[Situation], float]:
    return lambda s: float(s.rates.quota[kind].sum())


def leaving(old: int, new: int) -> Callable[[Situation], float]:
    return lambda s: s.leaving("Almaty", old, new)


def all_of(name: str) -> Callable[[Situation], float]:
    """Of an array of the world, the sum over places or regions."""
    return lambda s: float(getattr(s.world, name).sum())


def sent_to(place: str) -> Callable[[Situation], float]:
    return lambda s: float(s.world.force[[GUARD, ARMY], number(place)].sum())


def units(kind: int) -> Callable[[Situation], float]:
    return lambda s: float(s.world.force[kind].sum())


def relieved(s: Situation) -> float:
    """Men of the Guard whom foreign troops have freed from sites."""
    return land().site_guards - float(s.world.tied)


def signal(name: str) -> Callable[[Situation], float]:
    """A signal to the state of 30,000 people out, 2,000 fighters and a lost seat, under the values of the situation."""
    return lambda s: government.signals(30_000, 0.2, 2000, 1, s.values)[name]


def decided(kind: str, *, back: bool = False) -> Callable[[Situation], float]:
    """Hour at which the policy first takes a decision of a kind, or takes it back; a thousand if it does not."""
    taken_back = {"internet": FULL, "emergency": 0}
    return lambda s: min(
        (x.at for x in s.decisions if (x.kind, x.source) == (kind, "policy") and (x.size == taken_back.get(kind)) == back), default=1000.0
    )


def gone(t: int) -> Counts:
    """A crowd until noon of 4 January, then nobody."""
    return crowd() if t <= hour("4T12") else counts()


def raid(t: int) -> Counts:
    """Twenty thousand fight in Almaty for half a day, then nobody does anywhere."""
    return counts(fight=only("Almaty", 20_000)) if t <= 12 else counts()


def growing(t: int) -> Counts:
    """More out every hour, everywhere."""
    return counts(out=2.0 * (t + 1))


def on(name: str) -> tuple[Change, ...]:
    return ((f"mechanisms.{name}", "set", 1),)


def by_policy(seen: str = "participants") -> tuple[Change, ...]:
    return (("drivers.all", "set", "policy"), ("government.signal", "set", seen))


def network(gap: float = 0.0) -> tuple[Change, ...]:
    """An organization that is everywhere."""
    return (("organizations.network.presence", "set", 1), ("organizations.network.demand_gap", "set", gap))


ASIDE = (("steps.aside", "add_step", {"kind": "stand_aside", "places": ["KZ-ALA"], "at": 0.0, "size": 1}),)
FREE_IN_ATYRAU = (("steps.price-free", "off", None),)
"""The good has become dearer there alone."""
BATTLE = counts(fight=only("Almaty", 20_000))
MARCH = {"given": counts(out=only("Zhanaozen", 2000)), "reinforce_rate": 0.001}
"""A crowd in a city that is no base, with few units at a time on the way to it."""
ROAD = MARCH | {"airlift_hours": 200}
LADDER = {"edits": by_policy(), "given": growing}


def moods(seed: int) -> tuple[float, float]:
    """The first two draws of a shock."""
    now = assemble.new_world(land(), defaults(), 1.0, seed, []).country[0]
    return chance.normal(now, SHOCK, 0, 0), chance.normal(now, SHOCK, 0, 1)


LUCK = next(seed for seed in range(100) if moods(seed)[0] > 0.5 > -0.5 > moods(seed)[1])
"""A shock that rises at first and then would fall."""


SIGNS: list[tuple[str, tuple[float, ...], int, Callable[[Situation], float], str, dict[str, Any]]] = [
    ("base_pressure", (1e-8, 1e-7), UP, pressure("Almaty"), "1T12", {}),
    ("frailty", (0, 0.5, 3), UP, lambda s: float(resistance(0.9, s.law.frailty)), "1T12", {}),
    ("potential", (0, 0.01, 0.1, 1), DOWN, lambda s: float(first_resistance(0.005, s.law.potential, s.law.frailty)), "1T12", {}),
    ("protest_hours", (3, 6), DOWN, leaving(PROTESTING, WITHDRAWN), "1T12", {}),
    ("night_leaving", (1, 2), UP, leaving(PROTESTING, WITHDRAWN), "1T02", {}),
    ("night_activity", (0.1, 0.2), UP, pressure("Almaty"), "1T02", {}),
    ("day_off_effect", FREE, UP, pressure("Almaty"), "1T12", {}),
    ("rest_hours", (12, 24), DOWN, leaving(WITHDRAWN, QUIET), "1T12", {}),
    ("detention_hours", (120, 240), DOWN, leaving(DETAINED, QUIET), "1T12", {}),
    ("rally_rate", (0, 1, 10), UP, pressure("Almaty"), "2T14", {}),
    ("rally_size", (0, 10, 30), UP, pressure("Almaty"), "2T14", {}),
    ("rally_scaling", (-0.5, 0, 0.5), UP, pressure("Almaty"), "2T14", {}),  # of more than 100,000 residents
    ("rally_sd", (0.5, 1, 2), UP, pressure("Almaty"), "2T20", {"luck": LUCK, "rally_rate": 1000, "rally_hours": 12}),
    ("rally_turnout", (0, 0.5, 1), UP, pressure("Almaty"), "2T14", {}),
    ("rally_hour", (10, 11.5, 16), DOWN, pressure("Almaty"), "2T11", {}),  # before, within and after it
    ("rally_hours", (1, 3, 6), DOWN, pressure("Almaty"), "2T14", {}),  # the same call over a longer time
    ("price_effect", (0, 3), UP, pressure("Zhanaozen"), "1T12", {}),
    ("fuel_contrast", (0, 0.5, 1), DOWN, pressure("Almaty"), "1T12", {"price_effect": 3}),  # where few depend on it
    ("inflation_slope", (0, 3), UP, lambda s: s.g("Zhanaozen", 0), "1T12", {}),
    ("devaluation_slope", (0, 3), UP, lambda s: s.g("Zhanaozen", 0), "1T12", {}),
    ("grievance_slope", (0, 3), UP, Situation.spread, "1T12", {}),
    ("legitimacy", (0.2, 0.5, 0.8), DOWN, Situation.spread, "1T12", {}),
    ("legitimacy_concession", (-0.1, 0, 0.1), DOWN, Situation.spread, "8T12", {}),
    ("legitimacy_repression", (-0.1, 0, 0.1), DOWN, Situation.spread, "8T12", {}),
    ("tie_local", (0, 1.65, 5), UP, phi(2, 0, 0), "1T00", {}),
    ("tie_online", (0, 0.5, 5), UP, phi(0, 2, 0), "1T00", {}),
    ("crowd_gain", (0, 1), UP, pressure("Almaty"), "8T12", {}),
    ("media_gain", (0, 0.3), UP, pressure("Almaty"), "4T12", {}),
    ("near_gain", (0, 0.3), UP, pressure("Almaty"), "4T12", {}),
    ("near_km", (50, 150, 500), UP, pressure("Almaty"), "4T12", {}),
    ("news_half", (30, 300), DOWN, pressure("Almaty"), "4T12", {}),
    ("shared_cause", (0, 0.5, 1), DOWN, pressure("Almaty"), "4T12", {"edits": FREE_IN_ATYRAU}),
    ("news_hours", (3, 12), UP, pressure("Almaty"), "4T18", {"given": gone}),
    ("concession_met", FREE, UP, pressure("Zhanaozen"), "5T04", {"demand_drift": 0, "demand_repression": 0}),
    ("concession_short", FREE, UP, pressure("Zhanaozen"), "5T04", {}),
    ("concession_hours", (12, 48), UP, pressure("Zhanaozen"), "8T12", {"concession_met": 1, "concession_short": 1}),
    ("demand_drift", (0, 1), DOWN, pressure("Zhanaozen"), "5T04", {"concession_met": 1, "demand_repression": 0}),
    ("demand_repression", (0, 1), DOWN, pressure("Zhanaozen"), "5T04", {"concession_met": 1, "demand_drift": 0}),
    ("police_on_duty", (0.2, 0.6), UP, quota(1), "4T12", {}),
    ("arrest_rate", (0, 0.003), UP, quota(1), "4T12", {}),
    ("arrest_emergency", (1, 3), UP, quota(1), "8T12", {}),
    ("search_rate", (0, 0.002), UP, quota(2), "8T12", {}),
    ("lethality", (0, 0.0003), UP, quota(0), "8T12", {}),
    ("lethality_order", (1, 3), UP, quota(0), "8T12", {}),
    ("lethality_security", (0, 0.00003), UP, lambda s: float(s.world.security_dead.sum()), "8T12", {}),
    ("lethality_before", (0, 0.1, 1), UP, quota(0), "4T12", {}),
    ("search_before", (0, 0.1, 1), UP, quota(2), "4T12", {}),
    ("deterrence", FREE, UP, pressure("Almaty"), "4T12", {"given": counts(out=5000)}),  # less risk than alone
    ("backlash", FREE, UP, pressure("Almaty"), "4T12", {}),
    ("backlash_contacts", FREE, UP, phi(0, 0, 2), "1T00", {}),
    ("curfew_effect", FREE, UP, pressure("Almaty"), "8T12", {}),
    ("shutdown_effect", FREE, UP, pressure("Almaty"), "8T12", {}),
    ("framing_effect", FREE, UP, pressure("Almaty"), "8T12", {}),
    ("fixed_line", (0, 0.25, 1), UP, pressure("Nur-Sultan"), "7T12", {}),
    ("organization_reach", (0.001, 0.02, 0.2), UP, all_of("organized"), "1T12", {"edits": network()}),
    ("call_rate", (0, 0.001), UP, all_of("b"), "1T12", {"edits": network()}),
    ("call_hours", (1, 6), UP, all_of("b"), "1T14", {"edits": network()}),
    ("organization_capacity", (500, 20_000), UP, all_of("b"), "1T12", {"edits": network()}),
    ("organization_retention", FREE, DOWN, leaving(PROTESTING, WITHDRAWN), "1T12", {"edits": network()}),
    ("organization_discipline", FREE, DOWN, all_of("violence_work"), "1T12", {"edits": network(), "violence_rate": 1e-5}),
    ("organization_demand", (0, 5), UP, all_of("asked"), "1T12", {"edits": network(1)}),
    ("lag_effect", FREE, UP, pressure("Almaty"), "1T12", {"edits": network(1)}),
    ("seed_places", (0, 3, 10), UP, lambda s: float((s.world.b.sum(axis=1) > 0).sum()), "1T12", {"edits": on("seeding"), "seed_hour": 0}),
    ("seed_people", (0, 10, 100), UP, all_of("b"), "1T12", {"edits": on("seeding"), "seed_hour": 0}),
    ("seed_hour", (0, 24), DOWN, all_of("b"), "1T12", {"edits": on("seeding")}),
    ("seed_hours", (6, 24), UP, all_of("b"), "1T12", {"edits": on("seeding"), "seed_hour": 0}),
    ("seed_escalation", (0, 0.05), UP, all_of("escalation"), "1T12", {"edits": on("seeding"), "seed_hour": 0}),
    ("split_cities", (0, 3, 10), UP, all_of("let_pass"), "1T12", {"edits": on("split"), "split_hour": 0}),
    ("split_hour", (0, 24), DOWN, all_of("let_pass"), "1T12", {"edits": on("split")}),
    ("split_hours", (6, 24), UP, all_of("let_pass"), "1T12", {"edits": on("split"), "split_hour": 0}),
    ("order_obeyed", (0, 0.5, 1), UP, all_of("ordered"), "1T12", {"edits": ASIDE}),
    ("aside_rate", (0, 0.0001, 0.01), UP, all_of("left"), "1T12", {}),
    ("aside_outnumbered", FREE, UP, all_of("left"), "1T12", {"given": counts(out=50_000)}),
    ("aside_deaths", FREE, UP, all_of("left"), "1T12", {}),
    ("aside_hours", (6, 24), UP, all_of("left"), "2T12", {}),
    ("defect_share", (0, 0.02, 0.3), UP, all_of("defectors"), "1T12", {"aside_rate": 0.01}),
    ("intervention_delay", (2, 6, 12), DOWN, relieved, "6T12", {}),
    ("intervention_pace", (3, 30), UP, relieved, "6T18", {}),
    ("intervention_frees", (0, 0.5, 1), UP, relieved, "6T18", {}),
    ("intervention_fights", (0, 0.5, 1), UP, units(FOREIGN), "6T18", {}),
    ("intervention_loyalty", FREE, DOWN, all_of("left"), "8T12", {}),
    ("intervention_effect", FREE, UP, pressure("Zhanaozen"), "8T12", {}),
    ("guard_ready", (0.3, 0.6), UP, units(GUARD), "1T12", {"given": counts()}),
    ("army_ready", (0, 0.2), UP, units(ARMY), "1T12", {"given": counts()}),
    ("force_ratio", (0.2, 0.3, 1), UP, sent_to("Zhanaozen"), "3T12", {"given": MARCH["given"]}),
    ("force_visible", (100, 5000), DOWN, sent_to("Zhanaozen"), "3T12", MARCH),
    ("reinforce_rate", (0.001, 0.01), UP, sent_to("Zhanaozen"), "2T00", {"given": MARCH["given"]}),
    ("muster_hours", (1, 4, 30), DOWN, sent_to("Zhanaozen"), "1T12", MARCH),
    ("travel_kmh", (20, 50), UP, sent_to("Zhanaozen"), "2T00", ROAD),
    ("airlift_hours", (2, 8, 40), DOWN, sent_to("Zhanaozen"), "1T18", MARCH),
    ("violence_rate", (0, 0.001, 0.1), UP, lambda s: float((s.world.violence_work + s.world.violence_turns).sum()), "1T12", {}),
    ("violence_force", FREE, UP, all_of("violence_work"), "1T12", {"violence_rate": 1e-5}),
    ("escalation_rate", (0, 0.0005), UP, leaving(PROTESTING, FIGHTING), "1T12", {"violence_rate": 10}),
    ("fight_hours", (4, 8), DOWN, leaving(FIGHTING, WITHDRAWN), "1T12", {}),
    ("armoury", (0.05, 0.3), UP, all_of("captured"), "1T12", {"given": BATTLE}),
    ("loot_rate", (0, 0.1), UP, all_of("captured"), "1T12", {"given": BATTLE}),
    ("arms_effect", (0, 1), UP, all_of("security_dead"), "1T12", {"given": BATTLE}),
    ("lethality_fight", (1, 5), UP, quota(3), "8T12", {}),
    ("crowd_weight", (0, 0.1, 0.5), UP, all_of("captured"), "1T12", {"given": counts(out=only("Almaty", 200_000))}),
    ("seize_rate", (0.002, 0.2), UP, all_of("seat_lost"), "1T12", {"given": BATTLE}),
    ("retake_rate", (0.002, 0.2), DOWN, all_of("seat_lost"), "2T12", {"given": raid}),
    ("seat_lethality", FREE, UP, quota(3), "1T12", {"given": BATTLE}),
    ("seat_effect", FREE, UP, pressure("Almaty"), "1T12", {"given": BATTLE}),
    (
        "see_visible",
        (100, 1000, 10_000),
        DOWN,
        lambda s: float(sum(len(x.places) for x in s.decisions if x.kind == "emergency")),
        "1T12",
        {"edits": by_policy()},
    ),
    ("see_people_half", (2000, 20_000), DOWN, signal("participants"), "1T00", {}),
    ("see_clash_half", (50, 500), DOWN, signal("clashes"), "1T00", {}),
    ("see_seats_half", (0.5, 2), DOWN, signal("seats"), "1T00", {}),
    ("weigh_participants", (0, 0.5, 1), UP, signal("threat"), "1T00", {}),  # above the mean of the others
    ("weigh_spread", (0, 0.5, 1), DOWN, signal("threat"), "1T00", {}),
    ("weigh_clashes", (0, 0.5, 1), UP, signal("threat"), "1T00", {}),
    ("weigh_seats", (0, 0.5, 1), DOWN, signal("threat"), "1T00", {}),
    ("decide_hours", (2, 6), UP, decided("emergency"), "1T12", {"edits": by_policy()}),
    ("relax_hours", (6, 24), UP, decided("emergency", back=True), "5T12", {"edits": by_policy(), "given": raid, "rung_emergency": 0.3}),
    ("rung_price", (0.02, 0.1, 0.3), UP, decided("price"), "1T23", LADDER),
    ("rung_cabinet", (0.02, 0.1, 0.3), UP, decided("concession"), "1T23", LADDER | {"rung_price": 1}),  # without a mere promise
    ("rung_emergency", (0.02, 0.1, 0.3), UP, decided("emergency"), "1T23", LADDER),
    ("rung_internet", (0.02, 0.1, 0.3), UP, decided("internet"), "1T23", LADDER),
    ("rung_intervention", (0.02, 0.1, 0.3), UP, decided("intervention"), "1T23", LADDER),
    ("rung_shoot", (0.02, 0.1, 0.3), UP, decided("shoot_order"), "1T23", LADDER),
    ("rung_framing", (0.02, 0.1, 0.3), UP, decided("framing"), "1T23", LADDER),
    ("shock_sd", (0, 1, 2), UP, pressure("Almaty"), "1T00", {"edits": on("shock"), "luck": LUCK}),
    ("shock_hours", (6, 36, 1000), UP, pressure("Almaty"), "1T06", {"edits": on("shock"), "luck": LUCK}),
]


@pytest.mark.parametrize(("name", "values", "sign", "observed", "at", "more"), SIGNS, ids=[s[0] for s in SIGNS])
def test_every_parameter_moves_something_in_its_direction(
    name: str, values: tuple[float, ...], sign: int, observed: Callable[[Situation], float], at: str, more: dict[str, Any]
) -> None:
    given = more.get("given", crowd())
    others = {k: v for k, v in more.items() if k not in ("given", "edits")}
    found = [observed(situation(hour(at), given, *more.get("edits", ()), **others, **{name: v})) for v in values]
    assert np.all(sign * np.diff(found) > 0), found


def test_no_parameter_is_left_out_and_free_signs_go_both_ways() -> None:
    table = {name: p for name, p in parameters().items() if p.group != "record"}
    assert [s[0] for s in SIGNS] == list(table)
    for name, values, *_ in SIGNS:
        assert (values[0] < 0) == (table[name].low < 0)
        if table[name].low < 0 and name != "rally_scaling":  # no effect must be as likely below as above; that one is measured
            assert table[name].prior.kind == "normal"
            assert table[name].prior.a == 0
            assert min(values) < 0 < max(values)


@pytest.mark.parametrize(
    ("name", "values"), [("tie_local", (0, 2, 6)), ("tie_online", (0, 4)), ("backlash_contacts", (-1, 0, 1))], ids=lambda x: str(x)
)
def test_what_acts_through_ties_moves_the_total_of_joins(name: str, values: tuple[float, ...]) -> None:
    plan = small(0.002, 60)
    loud = defaults() | LOUD | {"arrest_rate": 0.3, "police_on_duty": 1.0, "detention_hours": 1000, "backlash_contacts": 0.0}
    joins = [simulate(plan, loud | {name: v}, 5).joined.sum() for v in values]
    assert np.all(np.diff(joins) > 0), joins


# --- economy ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "price"), [("1T00", 120.0), ("3T11", 120.0), ("3T12", 87.5), ("4T20", 50.0)])
def test_the_price_term_of_mangystau(at: str, price: float) -> None:
    # Nowhere do more depend on it, so the effect of a doubling is the whole of it there.
    found = effect("price_effect", 2.5, "Zhanaozen", hour(at), counts())
    assert found == pytest.approx(2.5 * math.log2(price / 60), rel=1e-9)
    fuel = [country().regions[country().places[number(p)].region].fuel for p in ("Almaty", "Zhanaozen")]
    if price == 120:
        assert effect("price_effect", 2.5, "Almaty", hour(at), counts()) == pytest.approx(found * fuel[0] / fuel[1])
        assert 0 < fuel[0] < 0.2 * fuel[1]


def test_the_price_is_that_of_atyrau_there() -> None:
    found = [effect("price_effect", 2.5, place, 0, counts(), fuel_contrast=0) for place in ("Atyrau", "Almaty")]
    assert found == pytest.approx([2.5 * math.log2(115 / 60), 2.5])


def test_the_contrast_of_regions_goes_from_none_to_that_of_the_figures() -> None:
    dependence = np.array([country().regions[p.region].fuel for p in country().places])
    for contrast in (0.0, 0.5, 1.0):
        with_, without = (situation(0, counts(), price_effect=v, fuel_contrast=contrast) for v in (2.5, 0.0))
        term = np.log(with_.rates.a / without.rates.a)
        assert term == pytest.approx(2.5 * (dependence / dependence.max()) ** contrast * np.log2(with_.world.price / 60))
    nobody = [("regions.KZ-ALA.fuel", "set", 0.0)]
    assert effect("price_effect", 2.5, "Almaty", 0, counts(), edits=nobody, fuel_contrast=1) == 0
    assert effect("price_effect", 2.5, "Almaty", 0, counts(), edits=nobody, fuel_contrast=0) == pytest.approx(2.5)
    none = [(f"regions.{r.id}.fuel", "set", 0.0) for r in country().regions]
    assert effect("price_effect", 2.5, "Almaty", 0, counts(), edits=none, fuel_contrast=0.5) == 0


def test_the_inflation_term_is_the_hardship_times_what_prices_rose_more() -> None:
    base = situation(0, counts(), inflation_slope=0)
    found = situation(0, counts(), inflation_slope=10)
    for bin_, hardship in enumerate((1.0, 0.8, 0.5, 0.3)):
        assert math.log(found.g("Almaty", bin_) / base.g("Almaty", bin_)) == pytest.approx(10 * (0.084 - 0.054) * hardship)


def test_what_was_decided_before_the_start_holds_from_the_start() -> None:
    early = ("steps.early", "add_step", {"kind": "price", "places": ["KZ-ALA"], "at": -50.0, "size": 90})
    edits = (early, ("steps.price-free", "off", None))
    dependence = float((land().fuel_dependence / land().fuel_dependence.max())[number("Almaty")])
    for at in (0, 10):
        assert effect("price_effect", 2.0, "Almaty", at, counts(), edits=edits) == pytest.approx(2 * dependence * math.log2(1.5))
        assert effect("price_effect", 2.0, "Aktau", at, counts(), edits=edits) == 0


# --- grievance -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("moved", "legitimacy"), [({}, 0.4), ({"legitimacy_concession": 0.1}, 0.6), ({"legitimacy_concession": 0.5}, 1.0)])
def test_grievance_is_hardship_times_what_is_missing_in_legitimacy(moved: dict[str, float], legitimacy: float) -> None:
    # By 8 January the government has gone: two levels granted everywhere.
    found = situation(hour("8T12"), counts(), grievance_slope=4, legitimacy=0.4, inflation_slope=0, **moved)
    assert found.spread() == pytest.approx(math.exp(4 * (1.0 - 0.3) * (1 - legitimacy)))


def test_the_dead_of_a_region_move_its_legitimacy() -> None:
    given = counts(dead=only("Almaty", 99))
    found = situation(3, given, grievance_slope=4, legitimacy=0.4, inflation_slope=0, legitimacy_repression=-0.15)
    assert found.spread("Almaty") == pytest.approx(math.exp(4 * 0.7 * (1 - (0.4 - 0.15 * 2))))
    assert found.spread("Zhanaozen") == pytest.approx(math.exp(4 * 0.7 * 0.6))


def test_someone_of_average_grievance_is_under_the_base_pressure() -> None:
    found = situation(0, counts(), grievance_slope=1, inflation_slope=0).world.class_term["grievance"][land().region]
    sizes = class_sizes(country())
    assert float((np.broadcast_to(found, sizes.shape) * sizes).sum() / sizes.sum()) == pytest.approx(0, abs=1e-6)


# --- diffusion -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", [-0.4, 0.0, 0.7])
def test_the_table_of_contacts(harm: float) -> None:
    values = defaults() | {"tie_local": 1.65, "tie_online": 0.5, "backlash_contacts": harm}
    found = assemble.law_of(values, 1, country().mechanisms).factors
    assert found.shape == SHAPE
    for x, y, z in np.ndindex(*SHAPE):
        exact = 256 * (1 + 1.65 * x + 0.5 * y) * math.exp(harm * z)
        assert abs(found[x, y, z] - min(max(exact, 32), 2**20)) <= 0.5000001


def test_ties_and_harm_are_nothing_when_their_mechanism_is_off() -> None:
    values = defaults() | {"backlash_contacts": 0.5}
    assert (assemble.law_of(values, 1, []).factors == 256).all()
    assert np.ptp(assemble.law_of(values, 1, ["diffusion"]).factors, axis=2).max() == 0
    assert np.ptp(assemble.law_of(values, 1, ["repression"]).factors, axis=(0, 1)).max() == 0


def attention(n: float, half: float) -> float:
    """The form of the docstring, written otherwise."""
    return 1 / (1 + (half / n) ** 2) if n else 0.0


@pytest.mark.parametrize(("people", "part"), [(0, 0.0), (50, 1 / 101), (500, 0.5), (1500, 0.9), (10**9, 1.0)])
def test_safety_in_numbers(people: int, part: float) -> None:
    given = counts(out=only("Almaty", people))
    assert effect("crowd_gain", 1.2, "Almaty", 3, given, news_half=500) == pytest.approx(1.2 * part)
    assert effect("crowd_gain", 1.2, "Aktau", 3, given, news_half=500) == 0
    assert attention(people, 500) == pytest.approx(part)


def test_news_of_others_is_known_by_those_online_and_fades_by_its_half_life() -> None:
    given = counts(out=only("Almaty", 900))

    def until_noon(t: int) -> Counts:
        return given if t < 12 else counts()

    def term(place: str, at: int, given: Any, **more: Any) -> float:
        values = {"news_half": 300, "news_hours": 12, "fixed_line": 0.25, "near_gain": 0} | more
        return effect("media_gain", 0.8, place, at, given, **values)

    online = 0.858
    assert term("Aktau", 3, given) == pytest.approx(0.8 * online * 0.9)
    assert term("Almaty", 3, given) == pytest.approx(0)  # one's own are not news
    for later in (0, 1, 12, 24):  # what was known fades, not the crowd behind it
        assert term("Aktau", 11 + later, until_noon) == pytest.approx(0.8 * online * 0.9 * 0.5 ** (later / 12))
    assert term("Aktau", 11 + 12, lambda t: given if t in (3, 11) else counts()) == pytest.approx(0.8 * online * 0.9 * 0.5)
    # A cut stops news and takes back none: the mobile internet from 4T21 on, all of it from 5T17 on.
    cut, none = hour("4T21"), hour("5T17")
    assert term("Aktau", cut - 1, given) == pytest.approx(0.8 * online * 0.9)
    for at in (cut, cut + 5, cut + 15, none - 1):
        faded = 0.5 ** ((at - cut + 1) / 12)
        assert term("Aktau", at, given) == pytest.approx(0.8 * online * 0.9 * max(0.25, faded))
    assert term("Aktau", none + 23, given) == pytest.approx(0.8 * online * 0.9 * 0.5 ** ((none + 24 - cut) / 12))
    late = counts(out=only("Almaty", 900))
    assert term("Aktau", none + 5, lambda t: late if t >= none else counts()) == 0  # nobody tells of what begins then
    assert term("Nur-Sultan", none + 25, lambda t: late if t > none + 19 else counts()) == pytest.approx(0.8 * online * 0.9 * 0.25)


def test_what_is_near_fades_with_the_distance_and_with_time() -> None:
    given = counts(out=only("Almaty", 900))
    places = country().places
    here, there = places[number("Almaty")], places[number("Nur-Sultan")]
    (la, lo), (lb, mo) = ((math.radians(p.lat), math.radians(p.lon)) for p in (here, there))
    km = 6371 * math.acos(math.sin(la) * math.sin(lb) + math.cos(la) * math.cos(lb) * math.cos(lo - mo))
    assert 950 < km < 1000  # as the crow flies
    seen = attention(900 * math.exp(-km / 400), 300)
    for at, faded in ((3, 1.0), (3 + 6, 0.5), (3 + 12, 0.25)):
        found = effect(
            "near_gain", 0.6, "Nur-Sultan", at, lambda t: given if t <= 3 else counts(), near_km=400, news_half=300, news_hours=6
        )
        assert found == pytest.approx(0.6 * seen * faded)
    assert effect("near_gain", 0.6, "Almaty", 3, given, near_km=400, news_half=300) == pytest.approx(0)


ELSEWHERE = (*FREE_IN_ATYRAU, ("steps.early", "add_step", {"kind": "price", "places": ["KZ-MAN"], "at": -50.0, "size": 90}))
"""The good has become dearer in Atyrau and Mangystau alone."""


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
def test_a_common_cause_is_that_the_same_good_has_become_dearer(shared: float) -> None:
    given = counts(out=only("Almaty", 900) + only("Atyrau", 600))
    values = {"edits": ELSEWHERE, "news_half": 700, "shared_cause": shared, "near_gain": 0}
    alone = 1 - shared
    heard = {"Zhanaozen": alone * 1500 + shared * 600, "Nur-Sultan": alone * 1500, "Almaty": alone * 600, "Atyrau": alone * 900}
    for at in (3, hour("5T00")):  # once dearer, it has been so, though Mangystau has its old price back by then and more
        for place, n in heard.items():
            online = 0.858 * (1 if at == 3 else 0.5 ** (4 / 12))
            found = effect("media_gain", 0.8, place, at, given, fixed_line=0, **values)
            assert found == pytest.approx(0.8 * online * attention(n, 700), abs=1e-12), (at, place)
    places = country().places
    lat, lon = np.radians([[p.lat, p.lon] for p in places]).T
    k = number("Atyrau"), number("Almaty")
    for place in heard:
        j = number(place)
        cos = [np.sin(lat[j]) * np.sin(lat[i]) + np.cos(lat[j]) * np.cos(lat[i]) * np.cos(lon[j] - lon[i]) for i in k]
        km = 6371 * np.arccos(np.clip(cos, -1, 1))
        same = [place in ("Zhanaozen", "Atyrau"), False]
        crowds = [n * math.exp(-d / 900) * (alone + shared * s) * (i != j) for n, d, s, i in zip((600, 900), km, same, k, strict=True)]
        found = effect("near_gain", 0.6, place, 3, given, near_km=900, **{key: v for key, v in values.items() if key != "near_gain"})
        assert found == pytest.approx(0.6 * attention(sum(crowds), 700), abs=1e-12), place
    nobody = effect("media_gain", 0.8, "Zhanaozen", 3, given, **values | {"edits": (*ELSEWHERE, ("mechanisms.economy", "off", None))})
    assert nobody == pytest.approx(0.8 * 0.858 * attention(alone * 1500, 700))  # where no price is told there is no common cause


@pytest.mark.parametrize("step", [1.0, 0.5, 2.0])
def test_what_is_known_fades_by_its_half_life_whatever_the_step(step: float) -> None:
    def until_six(t: int) -> Counts:
        return counts(out=only("Almaty", 900 if t * step < 6 else 0))

    for at in (4, 18, 30):
        values = {"near_gain": 0, "news_hours": 12, **NO_RALLY}
        with_, without = (situation(at, until_six, dt=step, media_gain=x, **values).a("Aktau") for x in (0.8, 0.0))
        faded = 0.5 ** (max(0, at - (6 - step)) / 12)
        assert math.log(with_ / without) == pytest.approx(0.8 * 0.858 * 0.9 * faded)


# --- demands ---------------------------------------------------------------------------------------------------------------

MANGYSTAU_ALONE = (("steps.cabinet", "off", None),)
"""Without the next concession, so that the first one may fade."""


def test_a_concession_fades_by_half_in_its_half_life() -> None:
    at = hour("4T20")
    for later, part in ((-1, 0.0), (0, 1.0), (30, 0.5), (60, 0.25)):
        found = effect(
            "concession_short", -0.8, "Zhanaozen", at + later, crowd(), edits=MANGYSTAU_ALONE, concession_hours=30, demand_drift=1
        )
        assert found == pytest.approx(-0.8 * part)
    assert effect("concession_short", -0.8, "Almaty", at, crowd(), edits=MANGYSTAU_ALONE, demand_drift=1) == 0


def test_a_concession_is_met_or_short_by_what_is_asked() -> None:
    at = hour("4T20")
    out = counts(out=100)
    days = (at + 1) / 24
    for rise, met in ((0.0, True), (0.1, True), (0.499, True), (0.501, False), (1.0, False), (2.0, False)):  # prices were asked for
        drift = rise / days
        assert effect("concession_met", 0.8, "Zhanaozen", at, out, demand_drift=drift) == pytest.approx(0.8 * met), rise
        assert effect("concession_short", 0.8, "Zhanaozen", at, out, demand_drift=drift) == pytest.approx(0.8 * (not met)), rise
    assert effect("concession_met", 0.8, "Zhanaozen", at, counts(), demand_drift=5) == pytest.approx(0.8)  # nothing is asked


@pytest.mark.parametrize(("at", "granted"), [("4T20", 1), ("5T09", 2)])
def test_half_a_level_more_than_was_granted_is_the_next_rung(at: str, granted: int) -> None:
    # A government is granted to all on 5 January. Nine dead are one level of the logarithm, so demands are exact.
    given = counts(out=100, dead=only("Zhanaozen", 9))
    for demand, met in ((granted + 0.4375, True), (granted + 0.5, False)):
        values = {"demand_drift": 0, "demand_repression": demand - 1}
        assert situation(hour(at), given, **values).world.demand[land().region[number("Zhanaozen")]] == demand
        assert effect("concession_met", 0.8, "Zhanaozen", hour(at), given, **values) == pytest.approx(0.8 * met)
        assert effect("concession_short", 0.8, "Zhanaozen", hour(at), given, **values) == pytest.approx(0.8 * (not met))


@pytest.mark.parametrize(("scale", "enough"), [(1.0, 10), (0.5, 5), (0.25, 2.5), (0.2, 2), (0.01, 2), (0.001, 2)])
def test_a_protest_is_ten_people_and_two_of_the_model_at_least(scale: float, enough: float) -> None:
    almaty = int(land().region[number("Almaty")])
    for people, expected in ((0.99 * enough, 0.0), (enough, 3 / 24)):
        smaller = replace(land(), scale=scale)
        world = View(assemble.new_world(smaller, defaults(), 1.0, 0, country().mechanisms, expected=True))
        for t in range(3):
            assemble.step(world.tables, counts(out=only("Almaty", people)), t)
        assert world.protest_days[almaty] == pytest.approx(expected)
        assert world.protest_days.sum() == world.protest_days[almaty]
        assert (world.demand[almaty] >= 1) == (expected > 0)


def test_demands_rise_with_days_of_protest_and_blood_up_to_the_system() -> None:
    almaty, mangystau = (int(land().region[number(p)]) for p in ("Almaty", "Zhanaozen"))

    def demand(at: int, **values: float) -> np.ndarray:
        given = counts(out=only("Almaty", 50), dead=only("Almaty", 9))
        return situation(at, given, **values).world.demand

    assert demand(0, demand_drift=0, demand_repression=0)[almaty] == 1
    assert demand(47, demand_drift=0.4, demand_repression=0)[almaty] == pytest.approx(1 + 0.4 * 2)
    assert demand(23, demand_drift=0, demand_repression=0.6)[almaty] == pytest.approx(1 + 0.6)
    assert demand(47, demand_drift=5, demand_repression=5)[almaty] == 3
    assert demand(47, demand_drift=5)[mangystau] == 0
    assert situation(47, counts(out=only("Almaty", 9))).world.demand[almaty] == 0  # too few for a protest
    half = situation(47.5, counts(out=only("Almaty", 50)), dt=0.5, demand_drift=0.4).world.demand
    assert half[almaty] == pytest.approx(1 + 0.4 * 2)  # days, whatever the step
    for step, last in ((1.0, 47.0), (0.5, 47.5)):
        days = situation(last, counts(out=only("Almaty", 50)), dt=step).world.protest_days
        assert days == pytest.approx(np.where(np.arange(len(days)) == almaty, 2.0, 0.0))


def test_what_was_granted_is_not_taken_back() -> None:
    less = {"kind": "concession", "places": ["KZ-MAN"], "at": 120.0, "size": 1}
    later = situation(130, counts(), ("steps.less", "add_step", less)).world
    there = land().region[number("Zhanaozen")]
    assert set(later.granted) == {2.0}
    assert later.granted_at[there] == 120
    assert set(np.delete(later.granted_at, there)) == {hour("5T09")}


# --- repression ------------------------------------------------------------------------------------------------------------


POLICE_ALONE: tuple[Change, ...] = tuple((f"forces.{name}", "set", 0) for name in ("guard", "army", "site_guards"))
"""With `"aside_rate": 0` police are the only units, and all of those on duty act."""


@cache
def police(place: str) -> float:
    return float(residents()[number(place)].sum()) * 393 / 100_000


@pytest.mark.parametrize("people", [0, 40, 1000, 50_000])
def test_epsteins_risk_of_arrest(people: int) -> None:
    q = police("Aktau") * 0.43
    given = counts(out=only("Aktau", 0.75 * people), fight=only("Aktau", 0.25 * people))
    found = effect("deterrence", 1.5, "Aktau", 3, given, edits=POLICE_ALONE, police_on_duty=0.43, aside_rate=0)
    risk, alone = (1 - math.exp(-2.3 * q / (n + 1)) for n in (people, 0))
    assert found == pytest.approx(-1.5 * (risk - alone), rel=1e-9)  # in an empty square it is in the base pressure
    assert (found > 0) == (people > 0)


def test_who_faces_whom_and_what_comes_of_it() -> None:
    given = counts(out=only("Almaty", 2700), fight=only("Almaty", 300), home=only("Almaty", 500))
    q = police("Almaty") * 0.5
    facing = 3000 * q / (3000 + q)
    peace, fight = 0.9 * facing, 0.1 * facing
    free = police("Almaty") - facing  # who can search: those off the square and those who face nobody on it
    home = 500 * free / (500 + free)
    values = {
        "aside_rate": 0,
        "police_on_duty": 0.5,
        "arrest_rate": 0.004,
        "arrest_emergency": 2.5,
        "search_rate": 0.003,
        "lethality": 0.0004,
        "lethality_order": 4,
        "lethality_security": 0.0001,
        "lethality_before": 0.2,
        "lethality_fight": 6,
        "search_before": 0.3,
    }
    expected = {  # killed, arrested, searched, fighters killed, arrested
        "4T12": (0.0004 * 0.2 * peace, 0.004 * peace, 0.003 * 0.3 * home, 0.0004 * 0.2 * 6 * fight, 0.004 * fight),
        "5T01": (0.0004 * 0.2 * peace, 0.004 * peace, 0.003 * 0.3 * home, 0.0004 * 0.2 * 6 * fight, 0.004 * fight),
        "5T02": (0.0004 * peace, 0.004 * 2.5 * peace, 0.003 * home, 0.0004 * 6 * fight, 0.004 * 2.5 * fight),
        "6T12": (0.0004 * peace, 0.004 * 2.5 * peace, 0.003 * home, 0.0004 * 6 * fight, 0.004 * 2.5 * fight),
        "8T12": (0.0004 * 4 * peace, 0.004 * 2.5 * peace, 0.003 * home, 0.0004 * 4 * 6 * fight, 0.004 * 2.5 * fight),
    }
    for at, means in expected.items():
        found = situation(hour(at), given, *POLICE_ALONE, **values)
        assert found.rates.quota[:, number("Almaty")] == pytest.approx(means)
        assert found.rates.quota.sum() == pytest.approx(sum(means))  # nobody is out elsewhere
    half = situation(hour("8T12"), given, *POLICE_ALONE, dt=0.5, **values)
    assert half.rates.quota[:, number("Almaty")] == pytest.approx(np.array(expected["8T12"]) / 2)
    before, under = hour("5T02"), hour("8T12") - hour("5T02") + 1
    dead = situation(hour("8T12"), given, *POLICE_ALONE, **values).world.security_dead
    assert dead.sum() == pytest.approx(0.0001 * (peace + 6 * fight) * (0.2 * before + under))
    never = situation(hour("5T01"), given, *POLICE_ALONE, **(values | {"lethality_before": 0.0, "search_before": 0.0}))
    assert never.rates.quota[:, number("Almaty")] == pytest.approx([0, 0.004 * peace, 0, 0, 0.004 * fight])
    assert never.world.security_dead.sum() == 0


@pytest.mark.parametrize(("out", "home", "on_duty"), [(0, 500, 0.3), (10**6, 500, 0.3), (10**6, 500, 1.0), (0, 10**6, 0.6)])
def test_searches_are_made_by_men_who_are_free(out: float, home: float, on_duty: float) -> None:
    given = counts(out=only("Almaty", out), home=only("Almaty", home))
    values = {"aside_rate": 0, "police_on_duty": on_duty, "search_rate": 0.01, "search_before": 1}
    men = police("Almaty")
    q = men * on_duty
    free = men * (1 - on_duty) + q**2 / (out + q)
    found = situation(3, given, *POLICE_ALONE, **values).rates.quota[2, number("Almaty")]
    assert found == pytest.approx(0.01 / (1 / home + 1 / free))
    assert found <= 0.01 * min(home, free)
    assert (free < 100) == (out > 0 and on_duty == 1)  # all at the square, and hardly one of them can leave it


def test_who_is_out_in_peace_and_in_a_fight_faces_the_same_units() -> None:
    # The meeting is shared out by who is there; fighters change how deadly it is, not how many meet.
    values = {"aside_rate": 0, "lethality_fight": 1}
    at, total = hour("6T12"), []
    for fighters in (0, 700, 3000):
        given = counts(out=only("Almaty", 3000 - fighters), fight=only("Almaty", fighters))
        quota = situation(at, given, *POLICE_ALONE, **values).rates.quota[:, number("Almaty")]
        assert quota[list(KILLING)].sum() > 0
        assert quota[3] / quota[list(KILLING)].sum() == pytest.approx(fighters / 3000)
        total.append((quota[list(KILLING)].sum(), quota[1] + quota[4]))
    assert total == [pytest.approx(total[0])] * 3


@pytest.mark.parametrize(("captured", "share"), [(0, 0.0), (60, 0.2), (300, 1.0), (9000, 1.0)])
def test_armed_fighters_are_deadlier_to_units_and_die_no_less(captured: float, share: float) -> None:
    there = number("Almaty")
    given = counts(out=only("Almaty", 2700), fight=only("Almaty", 300))
    values = defaults() | {"lethality_security": 0.0001, "lethality_fight": 6, "arms_effect": 2.5, "lethality_before": 1}
    found = []
    for weapons in (0.0, captured):
        world = View(assemble.new_world(land(*POLICE_ALONE), values, 1.0, 0, ["repression"], expected=True))
        world.captured[there] = weapons
        assemble.step(world.tables, given, 0)
        found.append(world)
    q = police("Almaty") * values["police_on_duty"]
    facing = 3000 * q / (3000 + q)
    assert found[1].security_dead.sum() == pytest.approx(0.0001 * facing * (0.9 + 0.1 * 6 * (1 + 2.5 * share)))
    assert np.array_equal(found[0].quota, found[1].quota)


def test_a_fight_for_a_seat_changes_lives_lost_on_both_sides_by_one_factor() -> None:
    given = counts(fight=only("Almaty", 40_000) + only("Zhanaozen", 40_000))  # the seat is that of Almaty alone
    values = {"aside_rate": 0, "seize_rate": 0, "lethality_before": 1}
    plain, worse = (situation(0, given, *POLICE_ALONE, seat_lethality=x, **values) for x in (0.0, 0.7))
    for place, times in (("Almaty", math.exp(0.7)), ("Zhanaozen", 1.0)):
        before, after = (s.rates.quota[:, number(place)] for s in (plain, worse))
        assert after[3] == pytest.approx(times * before[3])
        assert after[4] == before[4] > 0  # arrests are no deadlier
        region = land().region[number(place)]
        assert worse.world.security_dead[region] == pytest.approx(times * plain.world.security_dead[region])
    weak = counts(fight=only("Almaty", 1000))  # fewer than the units: nothing is fought over
    assert situation(0, weak, *POLICE_ALONE, seat_lethality=0.7, **values).rates.quota == pytest.approx(
        situation(0, weak, *POLICE_ALONE, seat_lethality=0.0, **values).rates.quota
    )


def test_backlash_remembers_the_region_with_a_half_life_of_a_day() -> None:
    def once(t: int) -> Counts:
        return counts(moved=tuple(only("Almaty", n) for n in (2, 3, 4, 1, 6))) if t == 5 else counts()

    for later, harm in ((-1, 0.0), (0, 43.0), (24, 21.5), (48, 10.75)):  # three killed, thirteen detained
        assert effect("backlash", 0.7, "Almaty", 5 + later, once) == pytest.approx(0.7 * math.log(1 + harm))
    assert effect("backlash", 0.7, "Zhanaozen", 5, once) == 0


EMERGENCIES = [
    ("5T01", ""),
    ("5T02", "ALA"),  # from half past one
    ("5T03", "MAN ALA"),  # from half past two, half past one there
    ("5T12", "MAN ALA"),
    ("5T13", "MAN ALA ALM"),  # from half past twelve
    ("5T15", "MAN ALA ALM"),
    ("5T16", "MAN ALA ALM AST"),
    ("5T19", "MAN ALA ALM AST"),
    ("5T20", "AKM AKT ALA ALM AST ATY KAR KUS KZY MAN PAV SEV SHY VOS YUZ ZAP ZHA"),
    ("13T06", "AKM AKT ALA ALM AST ATY KAR KUS KZY MAN PAV SEV SHY VOS YUZ ZAP ZHA"),
    ("13T07", "AKM AKT ALA ALM AST ATY KAR KUS KZY MAN SHY VOS YUZ ZAP ZHA"),
    ("13T08", "AKM AKT ALA ALM AST ATY KAR KUS KZY MAN SHY VOS YUZ ZHA"),  # at seven there
    ("14T17", "AKM AKT ALA ALM AST ATY KAR KUS KZY MAN SHY VOS YUZ ZHA"),
    ("14T18", "AKM AKT ALA ALM AST ATY KUS KZY MAN ZHA"),
    ("15T06", "AKM AKT ALA ALM AST ATY KUS KZY MAN ZHA"),
    ("15T07", "AKT ALA ALM AST ATY KUS KZY MAN ZHA"),
    ("16T07", "AKT ALA ALM AST ATY KUS KZY MAN ZHA"),
    ("16T08", "ALA ALM AST ATY KUS KZY MAN ZHA"),  # at seven there
]


def test_the_curfew_is_where_and_when_it_was() -> None:
    with_, without = (course(counts(), hour("16T08"), curfew_effect=value) for value in (-0.7, 0.0))
    for at, regions in EMERGENCIES:
        expected = np.zeros(len(country().places))
        for region in regions.split():
            expected[region_of(f"KZ-{region}")] = -0.7
        assert np.log(with_[hour(at)].a / without[hour(at)].a) == pytest.approx(expected), at


# --- information -----------------------------------------------------------------------------------------------------------

INTERNET = [  # level of the country, and of the capital
    ("1T00", FULL, FULL),
    ("4T20", FULL, FULL),
    ("4T21", MOBILE_CUT, MOBILE_CUT),  # from half past eight
    ("4T22", MOBILE_CUT, MOBILE_CUT),
    ("5T00", MOBILE_CUT, MOBILE_CUT),
    ("5T16", MOBILE_CUT, MOBILE_CUT),
    ("5T17", NONE, NONE),  # from half past four
    ("6T11", NONE, NONE),
    ("6T12", NONE, MOBILE_CUT),
    ("8T12", NONE, MOBILE_CUT),
    ("10T07", NONE, MOBILE_CUT),
    ("10T08", FULL, FULL),
    ("16T23", FULL, FULL),
]


def test_the_internet_is_where_and_when_it_was() -> None:
    capital = np.isin(np.arange(len(country().places)), region_of("KZ-AST"))
    lost = np.zeros(3)
    lost[[NONE, MOBILE_CUT, FULL]] = 1.0, 0.7, 0.0
    with_, without = (course(counts(), hour("16T23"), shutdown_effect=value, fixed_line=0.3) for value in (0.9, 0.0))
    for at, level, of_capital in INTERNET:
        expected = np.where(capital, of_capital, level)
        t = hour(at)
        assert np.array_equal(with_[t].connectivity, expected), at
        assert np.log(with_[t].a / without[t].a) == pytest.approx(0.9 * lost[expected], abs=1e-12)


@pytest.mark.parametrize("online", [0.0, 0.3, 1.0])
def test_what_a_cut_does_does_not_depend_on_how_many_use_the_internet(online: float) -> None:
    edits = (("land.internet", "set", online),)
    for at, lost in (("4T12", 0), ("4T21", 0.75), ("6T00", 1)):
        found = effect("shutdown_effect", 0.9, "Aktau", hour(at), counts(), edits=edits, fixed_line=0.25)
        assert found == pytest.approx(0.9 * lost), at


def test_words_about_terrorists_count_from_7_january_on() -> None:
    for at, part in (("7T13", 0), ("7T14", 1), ("16T00", 1)):
        assert effect("framing_effect", -0.6, "Almaty", hour(at), counts()) == pytest.approx(-0.6 * part)
    taken_back = ("steps.enough", "add_step", {"kind": "framing", "places": ["KZ-ALA"], "at": 200.0, "size": 0})
    for place, part in (("Almaty", 0), ("Aktau", 1)):
        assert effect("framing_effect", -0.6, place, 200, counts(), edits=(taken_back,)) == pytest.approx(-0.6 * part)


# --- the hour as a whole -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.05, 0.1, 1 / 6, 0.25, 0.3, 0.5, 1.0, 2.0])
def test_every_decision_falls_due_once_and_never_before_it_is_made(step: float) -> None:
    minutes = [("steps." + f"m{m}", "add_step", {"kind": "framing", "places": ["KZ"], "at": m / 60, "size": 1}) for m in range(-90, 300)]
    plan = country(*minutes)
    driver = Recorded(plan)
    found: dict[str, list[float]] = {s.id: [] for s in plan.steps}
    for t in range(math.ceil(plan.hours / step)):
        due = driver.due(t, step)
        assert [s.at for s in due] == sorted(s.at for s in due)
        for s in due:
            found[s.id].append(t * step)
    for s in plan.steps:
        assert len(found[s.id]) == 1, s
        late = found[s.id][0] - max(0.0, s.at)
        assert -1e-9 <= late < step + 1e-9, s  # the first step at or after it


@pytest.mark.parametrize(
    ("at", "step", "acts"), [(-5, 1, 0), (0, 1, 0), (20.25, 1, 21), (20.25, 0.5, 20.5), (20.25, 0.25, 20.25), (21, 1, 21)]
)
def test_a_decision_acts_from_the_first_step_at_or_after_it(at: float, step: float, acts: float) -> None:
    words = ("steps.words", "add_step", {"kind": "framing", "places": ["KZ-ALA"], "at": at, "size": 1})
    there = np.isin(np.arange(len(country().places)), region_of("KZ-ALA"))
    for when in (w for w in (0, acts - step, acts, 22) if w >= 0):
        expected = there & (when >= acts)
        assert np.array_equal(situation(when, counts(), words, dt=step).world.framing.astype(bool), expected), when


@pytest.mark.parametrize(
    ("edits", "missing"),
    [
        ([], set()),
        ([("drivers.internet", "off", None)], {"internet"}),
        ([("drivers.emergency", "set", "policy"), ("drivers.framing", "off", None)], {"emergency", "framing"}),
        ([("drivers.all", "set", "policy")], {"price", "concession", "internet", "emergency", "shoot_order", "framing", "intervention"}),
        ([("drivers.all", "off", None)], {"price", "concession", "internet", "emergency", "shoot_order", "framing", "intervention"}),
    ],
    ids=["all", "no cut", "two", "policy", "nobody"],
)
def test_the_record_yields_the_kinds_it_decides_and_what_is_given(edits: list[Change], missing: set[str]) -> None:
    extra = ("steps.extra", "add_step", {"kind": "framing", "places": ["KZ"], "at": 7.0, "size": 1})
    plan = country(*edits, extra)
    driver = Recorded(plan)
    found = {s.id for t in range(plan.hours) for s in driver.due(t, 1.0)}
    given = {"price-free", "price-free-atyrau", "extra"}  # what no state decides in answer, and what an edit adds
    assert found == {s.id for s in plan.steps if s.kind not in missing} | given
    assert set(plan.replayed()) == found - given  # of a changed plan


def test_the_clock_of_a_step_is_capped_and_nothing_stops_it() -> None:
    assert advance(3.9, 1.0, 0.0, 1.0) == round(3.9 * CLOCK)
    assert advance(1e300, 1e300, 0.0, 1.0) == advance(math.inf, 1.0, 0.0, 0.5) == advance(4.1, 1.0, 0.0, 1.0) == 4 * CLOCK
    assert advance(3.0, 1.0, 0.0, 2.0) == 4 * CLOCK  # of a step, not of an hour
    assert advance(math.nan, 1.0, 0.0, 1.0) == advance(math.inf, 0.0, 0.0, 1.0) == advance(1.0, 1.0, -math.nan, 1.0) == 0
    assert advance(-1.0, 1.0, 0.0, 1.0) == advance(0.0, 1.0, 0.0, 1.0) == 0
    assert advance(1.0, 1.0, -2.0, 1.0) == 0
    assert advance(1.0, 1.0, 2.0, 1.0) == 3 * CLOCK


def test_night_is_local() -> None:
    def a(at: int) -> np.ndarray:
        s = situation(at, counts(), night_activity=0.25, night_leaving=3, escalation_rate=0)
        home = [s.leaving(place, old, WITHDRAWN) for old in (PROTESTING, FIGHTING) for place in ("Almaty", "Zhanaozen")]
        return np.array([s.a("Almaty"), s.a("Zhanaozen"), *home])

    day, evening, night, morning = (a(t) for t in (12, 23, 26, 31))
    assert evening[:2] / day[:2] == pytest.approx([0.25, 1])  # 23:00 in Almaty is 22:00 in the west
    assert night[:2] / day[:2] == pytest.approx([0.25, 0.25])
    assert morning[:2] / day[:2] == pytest.approx([1, 0.25])
    assert (evening > day).tolist() == [False, False, True, False, True, False]
    assert 1 - night[2:] == pytest.approx((1 - day[2:]) ** 3)  # protesters and fighters alike


def test_states_are_left_by_half_lives_whatever_the_step() -> None:
    values = {"protest_hours": 4, "rest_hours": 20, "detention_hours": 100, "fight_hours": 7, "escalation_rate": 0}
    half_lives = {(PROTESTING, WITHDRAWN): 4, (WITHDRAWN, QUIET): 20, (DETAINED, QUIET): 100, (FIGHTING, WITHDRAWN): 7}
    for step in (0.25, 0.5, 1.0):
        found = situation(12, counts(), dt=step, **values).rates.leave
        assert found.min() >= 0
        assert found.sum(axis=2).max() <= 1
        for (old, new), half_life in half_lives.items():
            assert (1 - found[old, :, new]) ** (half_life / step) == pytest.approx(0.5)
            assert found[old].sum() == pytest.approx(found[old, :, new].sum())
        assert found[QUIET].sum() == found[DEAD].sum() == 0


@pytest.mark.parametrize("rate", [0.01, 0.3, 5.0])
def test_going_home_and_beginning_to_fight_compete_whatever_the_step(rate: float) -> None:
    home, values = math.log(2) / 4, {"protest_hours": 4, "escalation_rate": rate, "violence_rate": 10}  # all places have turned violent
    for step in (0.25, 0.5, 1.0):
        found = situation(12, counts(out=60), dt=step, **values).rates.leave[PROTESTING]
        assert 1 - found.sum(axis=1) == pytest.approx(np.full(len(found), math.exp(-(home + rate) * step)))
        assert found[:, FIGHTING] / found[:, WITHDRAWN] == pytest.approx(np.full(len(found), rate / home))
        assert not found[:, [QUIET, PROTESTING, DETAINED, DEAD]].any()


def test_days_off_are_those_of_the_calendar() -> None:
    with_, without = (course(counts(), hour("16T23"), day_off_effect=value) for value in (0.5, 0.0))
    free = {t // 24 + 1 for t in range(384) if with_[t].a[0] > without[t].a[0]}
    assert free == {1, 2, 3, 4, 7, 8, 9, 15, 16}
    assert with_[12].a / without[12].a == pytest.approx(np.full(len(with_[0].a), math.exp(0.5)))


def test_pressure_is_the_product_of_its_terms() -> None:
    # All effects at once add up in the logarithm: together they are the sum of what each does alone.
    names = ("price_effect", "crowd_gain", "media_gain", "near_gain", "deterrence", "backlash", "curfew_effect", "framing_effect")
    still = dict.fromkeys(names, 0.0)
    at = hour("7T20")
    alone = sum(effect(name, 0.4, "Almaty", at, crowd(), **{k: v for k, v in still.items() if k != name}) for name in names)
    all_, none = (situation(at, crowd(), **NO_RALLY, **dict.fromkeys(names, x)).a("Almaty") for x in (0.4, 0.0))
    together = all_ / none
    assert math.log(together) == pytest.approx(alone)
    bare = situation(12, counts(), **still, base_pressure=1e-6, day_off_effect=0)
    assert bare.a("Almaty") == pytest.approx(1e-6)


OF_PLACE = ("violent", "violence_work", "violence_turns", "known_here", "known_near", "known_far", "rally_from")


def test_the_scale_of_the_model_changes_no_rate() -> None:
    part, plan, whole = 0.01, country(*ALL_ON), land(*ALL_ON)
    people = ("residents", "sector_residents", "police", "guard", "army", "site_guards")
    reduced = replace(whole, scale=part, **{name: getattr(whole, name) * part for name in people})
    battle = counts(out=280, fight=20 + only("Almaty", 20_000), dead=5, held=40, home=100, moved=(0.03, 0.8, 0.5, 0.02, 0.2))
    few = Counts(*(np.asarray(x) * part for x in (battle.n, battle.joined, battle.moved)))  # type: ignore[arg-type]
    values = defaults() | LOUD | {"demand_drift": 0.1}
    kinds = dict.fromkeys(("concession", "price", "framing"), "policy")
    found = []
    for country_, given in ((whole, battle), (reduced, few)):
        world = View(assemble.new_world(country_, values, 1.0, 0, plan.mechanisms, expected=True))
        driver = Recorded(plan.model_copy(update={"drivers": plan.drivers | kinds}))
        policy, decided, pushed, pressed = government.Policy(country_, values, "threat", set(kinds), 2500), [], 0.0, []
        for t in range(hour("8T12")):
            sight = government.visible_state(country_, world.tables, given)
            steps = driver.due(t, 1.0) + policy.decide(sight, float(t), 1.0)
            decided += steps
            rates = assemble.step(world.tables, given, t, steps)
            pushed = pushed + rates.b
            pressed.append(rates.a.copy())
        found.append((rates, world, decided, (pushed, np.array(pressed)), sight))
    (one, world, decided, (pushed, pressed), sight), (other, small_world, decided_small, (pushed_small, pressed_small), sight_small) = found
    inhabited = whole.residents > 1000  # where more than one of the smaller model would take part
    assert pressed_small[:, inhabited] == pytest.approx(pressed[:, inhabited], rel=1e-9)
    assert other.a == pytest.approx(one.a, rel=1e-9)
    assert other.g == pytest.approx(one.g, rel=1e-9)
    assert pushed_small == pytest.approx(pushed, rel=1e-9)
    assert other.leave == pytest.approx(one.leave, rel=1e-9)
    assert other.quota == pytest.approx(one.quota * part, rel=1e-9)
    assert decided_small == decided
    assert sight_small.people == pytest.approx(sight.people)
    assert sight_small.clashes == pytest.approx(sight.clashes)
    for share in ("demand", "asked", "organized", "gap", "ordered", "let_pass", "left", "stock", "staying", "contested", *OF_PLACE):
        assert getattr(small_world, share) == pytest.approx(getattr(world, share)), share
    assert np.array_equal(small_world.seat_lost, world.seat_lost)
    for people_of in ("security_dead", "harm", "force", "foreign_due", "tied", "defectors", "captured", "call"):
        assert getattr(small_world, people_of) == pytest.approx(getattr(world, people_of) * part), people_of
    # It was worth comparing: much of it happened.
    assert world.seat_lost.any()
    assert world.violent.any()
    assert world.call.max() > 1000
    assert min(world.left.max(), world.defectors.max(), world.captured.max(), *world.force.sum(axis=1)) > 0
    assert {s.kind for s in decided if s.source == "policy"} == set(kinds)


def test_a_new_mechanism_is_a_module_and_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    rumour = ModuleType("rumour")

    def begin(w: World, land: Land) -> World:
        w.place["heard"][number("Almaty")] = 3.0
        return w

    def step(w: World) -> None:
        w.place["heard"] *= 0.5
        w.term["rumour"] = w.place["heard"]

    vars(rumour).update(NAME="rumour", PLACE={"heard": 1.0}, TERMS=("rumour",), begin=begin, step=step)
    for name, plain in in_python(assemble).items():  # compiled for tables without its columns
        monkeypatch.setattr(assemble, name, plain)
    monkeypatch.setattr(assemble, "hour", hour_by_mechanism)
    monkeypatch.setattr(assemble, "MECHANISMS", {**assemble.MECHANISMS, "rumour": rumour})
    assemble._first_row.cache_clear()
    try:
        with_, without = (assemble.new_world(land(), defaults(), 1.0, 0, on) for on in (["rumour"], []))
        for t, heard in ((0, 0.5), (1, 0.25)):
            more = assemble.step(with_, counts(), t).a / assemble.step(without, counts(), t).a
            expected = np.where(np.arange(len(more)) == number("Almaty"), 3.0, 1.0) * heard
            assert np.log(more) == pytest.approx(expected)
    finally:
        assemble._first_row.cache_clear()


def test_no_two_mechanisms_declare_one_column() -> None:
    with pytest.raises(ValueError, match="known_far"):
        merged([diffusion.PLACE, {"known_far": 0.0}])


def test_children_are_under_no_pressure() -> None:
    g = situation(hour("8T12"), crowd()).rates.g.reshape(len(country().places), -1, len(country().hardship))
    sectors = [s.id for s in country().sectors]
    assert (g[:, sectors.index("children")] == 0).all()
    assert (np.delete(g, sectors.index("children"), axis=1) > 0).all()


def test_no_coefficient_overflows() -> None:
    extreme = {
        name: p.high
        for name, p in parameters().items()
        if p.group in ("rallies", "economy", "grievance", "diffusion", "repression", "violence")
    }
    s = situation(hour("8T12"), counts(out=1e6, moved=(1e4, 1e4, 0)), **(extreme | {"deterrence": -10.0}))
    assert np.isfinite(s.rates.a).all()
    assert np.isfinite(s.rates.g).all()
    assert s.law.factors.max() <= 2**20


@pytest.mark.parametrize("given", [counts(), counts(out=1e6, fight=1e6, home=1e5, moved=(1e4,) * 5)], ids=["nobody out", "all out"])
@pytest.mark.parametrize("drivers", [(), by_policy("threat")], ids=["recorded", "by policy"])
@pytest.mark.parametrize("luck", [None, 1], ids=["expected", "drawn"])
@pytest.mark.parametrize(("limit", "at"), [("low", "6T08"), ("high", "6T12"), ("high", "6T21")])
def test_no_value_inside_the_limits_gives_a_rate_that_is_none(
    limit: str, at: str, drivers: tuple[Change, ...], given: Counts, luck: int | None
) -> None:
    values = {name: getattr(p, limit) for name, p in parameters().items()}
    s = situation(hour(at), given, *ALL_ON, *drivers, luck=luck, **values)
    for name in ("a", "g", "b", "leave", "quota"):
        found = getattr(s.rates, name)
        assert np.isfinite(found).all(), name
        assert found.min() >= 0, name
    assert (s.world.rally.max() > 0) == (limit == "high" and at == "6T21")  # no rate, no rally
    assert s.rates.leave.sum(axis=2).max() <= 1 + 1e-12
    for name in ("left", "ordered", "let_pass", "stock", "organized", "known_here", "known_near", "known_far"):
        assert 0 <= getattr(s.world, name).min() <= getattr(s.world, name).max() <= 1, name
    for name in ("force", "defectors", "captured", "security_dead", "harm", "tied"):
        assert np.min(getattr(s.world, name)) >= 0, name
        assert np.isfinite(getattr(s.world, name)).all(), name


WORDS = re.compile(r"ethnic|relig|muslim|islam|christian|mosque|church|kazakhs|kazakh_share|mother.?tongue|民族|宗教|信仰|族裔", re.I)


def keys(item: Any) -> set[str]:
    if isinstance(item, dict):
        return set(item) | {k for inner in item.values() for k in keys(inner)}
    return {k for inner in item for k in keys(inner)} if isinstance(item, list) else set()


def test_no_pressure_knows_ethnicity_or_religion() -> None:
    assert WORDS.search("share of Muslims")
    for name, p in parameters().items():
        assert not WORDS.search(" ".join((name, p.meaning_en, p.meaning_zh))), name
    found = keys(country().model_dump())
    assert {"fuel", "police", "hardship", "sectors"} <= found
    assert not [k for k in found if WORDS.search(k)]
    assert not [s.id for s in country().sectors if WORDS.search(s.id)]


# --- draws of whole numbers -------------------------------------------------------------------------------------------------

N = 20_000


def poisson_deviation(drawn: np.ndarray, mean: float) -> float:
    """The larger of the deviations of mean and variance from those of a Poisson law, in standard errors."""
    n = len(drawn)
    of_mean = (drawn.mean() - mean) / math.sqrt(mean / n)
    of_variance = (drawn.var(ddof=1) - mean) / math.sqrt((mean + 2 * mean**2) / n)  # fourth central moment m + 3 m^2
    return max(abs(of_mean), abs(of_variance))


def numbers(what: int, mean: float, t: int, seed: int = 21) -> np.ndarray:
    """Numbers of N places with one mean."""
    return np.array([poisson(seed, what, place, mean, t) for place in range(N)])


@pytest.mark.parametrize("mean", [0.02, 0.7, 6.0, 120.0, 499.0])
def test_whole_numbers_have_the_mean_and_the_spread_of_a_poisson_law(mean: float) -> None:
    drawn = numbers(1, mean, 7)
    assert np.array_equal(drawn, np.rint(drawn))
    assert poisson_deviation(drawn, mean) < 4.9
    assert poisson_deviation(drawn, mean * (1 + 12 / math.sqrt(mean * N))) > 4.9  # a mean a little off is told apart
    rng = np.random.default_rng(1)
    assert poisson_deviation(rng.normal(mean, math.sqrt(0.6 * mean), N), mean) > 4.9  # and so is a narrower spread


def test_small_numbers_come_as_often_as_they_should() -> None:
    drawn = numbers(0, 1.5, 3)
    for k in range(7):
        p = math.exp(-1.5) * 1.5**k / math.factorial(k)
        assert abs((drawn == k).sum() - N * p) < 4.9 * math.sqrt(N * p * (1 - p))


def test_large_numbers_are_the_mean_rounded_up_or_down() -> None:
    drawn = numbers(2, 812.3, 3)
    assert set(np.unique(drawn)) == {812.0, 813.0}
    assert abs((drawn == 813).sum() - N * 0.3) < 4.9 * math.sqrt(N * 0.3 * 0.7)
    assert [poisson(21, 2, 0, mean, 3) for mean in (1e19, 1e29)] == [1e19, 1e29]  # beyond the whole numbers of the machine


def test_numbers_of_places_steps_and_kinds_are_independent_and_pure() -> None:
    found = np.array([numbers(what, 5.0, t) for t in (3, 4) for what in (0, 1)])
    assert np.abs(np.corrcoef(found)[np.triu_indices(4, 1)]).max() < 4.9 / math.sqrt(N)
    assert abs(np.corrcoef(found[0][1:], found[0][:-1])[0, 1]) < 4.9 / math.sqrt(N)
    assert np.array_equal(found[1][::-1], [poisson(21, 1, p, 5.0, 3) for p in reversed(range(N))])  # what else is drawn does not matter
    assert not np.array_equal(found[0], numbers(0, 5.0, 3, seed=22))
    assert (numbers(0, 0.0, 3) == 0).all()


def test_expected_numbers_are_the_means() -> None:
    for expected in (True, False):
        now = assemble.new_world(land(), defaults(), 1.0, 21, [], expected=expected).country[0]
        for mean in (0.0, 0.3, 1e6 + 0.5):
            found = chance.drawn(now, 0, 4, mean)
            assert found == (mean if expected else poisson(21, 0, 4, mean, 0)), mean
        assert (chance.exponential(now, 0, 4, 0) == math.log(2)) == expected
        assert (chance.normal(now, 0, 4, 0) == 0) == expected


def test_a_normal_number_is_that_of_the_tables() -> None:
    for u in (1e-300, 1e-12, 1e-3, 0.0749, 0.0751, 0.3, 0.5, 0.6, 0.9249, 0.9251, 1 - 1e-9, 1 - 2**-52):
        assert chance.quantile(u) == NormalDist().inv_cdf(u)


@pytest.mark.parametrize("expected", [True, False])
def test_an_engine_of_people_gets_whole_quotas(expected: bool) -> None:
    world = assemble.new_world(land(), defaults(), 1.0, 21, country().mechanisms, expected=expected)
    quota = assemble.step(world, crowd(), 0).quota
    assert quota.any()
    assert quota.dtype.kind == ("f" if expected else "i")
    assert (quota == np.rint(quota)).all() != expected


def test_every_kind_of_decision_is_known() -> None:
    assert KINDS == STEP_KINDS
    assert [getattr(world_module, kind.upper()) for kind in KINDS] == list(range(len(KINDS)))


# --- whole histories --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["event", "plain", "mean"])
def test_nobody_is_lost(engine: str) -> None:
    police = [Edit(path=f"regions.{r.id}.police", value=0.05) for r in country().regions]  # enough for every move by quota
    plan = small(0.0003, 112, *police)
    sizes = class_sizes(plan).sum(axis=2)
    values = (
        defaults()
        | LOUD
        | {
            "base_pressure": 3e-4,
            "lethality": 0.05,
            "lethality_before": 0.5,
            "arrest_rate": 0.06,
            "search_rate": 0.05,
            "escalation_rate": 0.3,
            "violence_rate": 1.0,
        }
    )
    history, seen = counted(plan, values, 2, engine)
    assert len(seen) == 112
    before = np.zeros_like(sizes, float)
    for now in seen:
        assert now.n.min() >= -1e-9
        assert now.n.sum(axis=0) == pytest.approx(sizes, abs=1e-6)
        assert (now.n[DEAD] >= before - 1e-9).all()
        before = now.n[DEAD].astype(float)
        if engine != "mean":
            assert np.array_equal(now.n.sum(axis=0), sizes)
            assert now.n.dtype.kind == now.joined.dtype.kind == "i"
    assert history.states.sum(axis=1) == pytest.approx(np.full(112, sizes.sum()))
    assert history.killed.sum() == pytest.approx(seen[-1].n[DEAD].sum())
    assert min(history.joined.sum(), history.detained.sum(), history.killed.sum()) > 1
    assert min(sum(c.moved[k].sum() for c in seen) for k in range(len(QUOTAS))) > 1
    assert (np.diff(history.security_killed, axis=0) >= 0).all()
    assert (history.moves is None) == (engine == "mean")
    for found, told in (
        (history.protesting, [(c.n[PROTESTING] + c.n[FIGHTING]).sum(axis=1) for c in seen]),
        (history.fighting, [c.n[FIGHTING].sum(axis=1) for c in seen]),
        (history.joined, [c.joined.sum(axis=1) for c in seen]),
        (history.killed, [c.moved[list(KILLING)].sum(axis=0) for c in seen]),
        (history.detained, [c.moved[list(TAKING)].sum(axis=0) for c in seen]),
        (history.states, [c.n.sum(axis=(1, 2)) for c in seen]),
    ):
        assert found == pytest.approx(np.array(told), rel=0 if engine != "mean" else 1e-12, abs=0)


def test_the_twin_takes_by_quota_before_the_rest_leaves() -> None:
    blocks = lay_out(np.full((1, 1, 1), 1000), np.zeros(1, np.int64))
    twin = MeanFieldEngine(blocks, Law(1, 0.0, 1.0, np.full((1, 1, 1), 256), 0.0))
    rates = no_rates(1, 1, 1)
    rates.a[:] = math.log(2)
    assert twin.step(rates).n[:, 0, 0] == pytest.approx([500, 500, 0, 0, 0, 0])
    rates = no_rates(1, 1, 1)
    rates.quota[:, 0] = 20, 380, 50, 5, 20  # killed and detained in the street; nobody is at home or fights yet
    rates.leave[PROTESTING, :, WITHDRAWN] = 0.3
    rates.leave[PROTESTING, :, FIGHTING] = 0.4
    rates.leave[FIGHTING, :, WITHDRAWN] = 0.2
    found = twin.step(rates)
    assert found.n[:, 0, 0] == pytest.approx([500, 30, 380, 30, 20, 40])
    assert found.moved[:, 0] == pytest.approx([20, 380, 0, 0, 0])
    found = twin.step(rates)
    assert found.moved[:, 0] == pytest.approx([20, 10, 30, 5, 20])  # no more than there are
    assert found.n[:, 0, 0] == pytest.approx([500, 0, 380 + 10 + 30 + 20, 0.2 * 15, 45, 0.8 * 15])


def first_joins(frailty: float, potential: float) -> tuple[np.ndarray, np.ndarray]:
    """Who can join: the step of their first join (-1: never), and the clock after each step, under constant pressure."""
    edits = [Edit(path=f"mechanisms.{name}", op="off") for name in assemble.MECHANISMS]
    plan = small(0.001, 96, *edits).model_copy(update={"layers": []})
    values = defaults() | {"base_pressure": 0.02, "night_activity": 1.0, "day_off_effect": 0.0, "frailty": frailty, "potential": potential}
    moves = simulate(plan, values, 8).moves
    assert moves is not None
    blocks = blocks_of(plan)
    takes_part = np.array([s.takes_part for s in plan.sectors])
    part = np.array([takes_part[class_of(i, blocks) // blocks.n_bins % blocks.n_sectors] for i in range(blocks.n)])
    first = np.full(blocks.n, -1)
    table = moves.table()
    joins = table[table["old"] == QUIET][::-1]
    first[joins["resident"].astype(int)] = joins["step"]
    assert (first[~part] == -1).all()
    law = assemble.law_of(values, 8, [])
    assert all(own_resistance(i, 0, law) / 2**56 <= 0.02 * (first[i] + 1) + 1e-9 for i in np.flatnonzero(first >= 0)[:500])
    return first[part], np.cumsum([advance(0.02, 1.0, 0.0, 1.0)] * 96) / CLOCK


def joins_deviation(first: np.ndarray, clock: np.ndarray, frailty: float, potential: float) -> float:
    """Chi-square of twelve stretches of eight hours and those who never join, in standard deviations (Wilson and Hilferty)."""
    quiet = 1 - potential + potential * (np.exp(-clock) if frailty == 0 else (1 + frailty * clock) ** (-1 / frailty))
    edges = np.concatenate([[1.0], quiet[7::8]])
    expected = np.append(-np.diff(edges), edges[-1]) * len(first)
    found = np.append(np.bincount(first[first >= 0] // 8, minlength=12), (first < 0).sum())
    k = len(expected) - 1
    x = float(((found - expected) ** 2 / expected).sum())
    return ((x / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))


@pytest.mark.parametrize("potential", [1.0, 0.4])
@pytest.mark.parametrize(("frailty", "wrong"), [(0.0, 0.3), (1.5, 1.0)])
def test_without_ties_and_under_constant_pressure_people_join_by_the_law_of_resistances(
    frailty: float, wrong: float, potential: float
) -> None:
    first, clock = first_joins(frailty, potential)
    assert clock[-1] == pytest.approx(1.92)
    assert joins_deviation(first, clock, frailty, potential) < 4.9
    assert joins_deviation(first, clock, frailty, 0.8 * potential) > 4.9
    assert potential < 1 or joins_deviation(first, clock, wrong, potential) > 4.9


def test_half_the_step_changes_joins_and_the_peak_by_less_than_a_twentieth() -> None:
    plan = small(0.01, 96)
    values = defaults() | {"base_pressure": 2e-4, "potential": 0.8}
    found = []
    for step in (1.0, 0.5):
        histories = [simulate(plan.model_copy(update={"step_hours": step}), values, seed) for seed in range(3)]
        found.append([np.mean([(h.joined.sum(), h.protesting.sum(axis=1).max()) for h in histories], axis=0)])
    joins, peak = (found[1][0] / found[0][0]).tolist()
    assert found[0][0][0] > 5000
    assert abs(joins - 1) < 0.05
    assert abs(peak - 1) < 0.05


@pytest.mark.parametrize("frailty", [0.0, 2.0])
def test_without_ties_the_mean_field_twin_is_the_mean_of_histories(frailty: float) -> None:
    # Pressure does not depend on who is out (no diffusion), and with very many police arrests are in proportion to the crowd:
    # all is linear, and expected numbers are the means of numbers. What is left is the luck of three histories.
    everywhere = [Edit(path=f"regions.{r.id}.police", value=1) for r in country().regions]
    plan = small(0.005, 168, Edit(path="mechanisms.diffusion", op="off"), *everywhere).model_copy(update={"layers": []})
    values = defaults() | {"base_pressure": 1e-3, "potential": 0.6, "frailty": frailty, "police_on_duty": 1.0, "arrest_rate": 0.01}
    twin = simulate(plan, values, 1, engine="mean")
    histories = [simulate(plan, values, seed) for seed in range(3)]
    assert twin.sha256() == hashlib.sha256(np.rint(twin.protesting * 1e6).astype("<i8").tobytes()).hexdigest()
    assert twin.sha256() == simulate(plan, values, 2, engine="mean").sha256()  # no luck in it
    assert twin.sha256() != replace(twin, protesting=twin.protesting + 1e-5).sha256()
    for name, margin in (("joined", 0.03), ("protesting", 0.03), ("detained", 0.08)):
        found = [getattr(h, name).sum() for h in histories]
        assert min(found) > 500
        assert abs(getattr(twin, name).sum() / np.mean(found) - 1) < margin, name
    by_day = np.array([h.joined.sum(axis=1).reshape(7, 24).sum(axis=1) for h in histories]).mean(axis=0)
    assert twin.joined.sum(axis=1).reshape(7, 24).sum(axis=1) == pytest.approx(by_day, rel=0.12)


def test_rallies_of_the_mean_field_twin_are_the_mean_of_histories() -> None:
    # Rallies are small enough that hardly anybody is called by two.
    plan = small(0.01, 47, *(Edit(path=f"mechanisms.{name}", op="off") for name in assemble.MECHANISMS if name != "rallies"))
    plan = plan.model_copy(update={"layers": []})
    values = defaults() | {"base_pressure": 0.0, "potential": 0.5, "rally_rate": 2000, "rally_size": 200, "rally_sd": 0.6, "rally_hour": 12}
    twin = simulate(plan, values, 1, engine="mean")
    histories = [simulate(plan, values, seed) for seed in range(4)]
    found = [h.joined.sum() for h in histories]
    assert min(found) > 1000
    assert abs(twin.joined.sum() / np.mean(found) - 1) < 0.08
    large = twin.joined.sum(axis=0) > 100
    assert large.sum() > 3
    by_place = np.mean([h.joined.sum(axis=0) for h in histories], axis=0)
    assert by_place[large] == pytest.approx(twin.joined.sum(axis=0)[large], rel=0.35)
    days = twin.joined[:36].reshape(3, 12, -1).sum(axis=(1, 2))
    assert days[1] > 0 == days[0] == days[2]  # all at one hour in it, and an hour later in the west
