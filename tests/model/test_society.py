"""Society, state and force: closed forms computed here again, laws of chance, directions through whole histories.

Every check is a function that is also run with a defect planted in the program, where it must fail: a check that no defect can
break shows nothing. Defects are planted from outside: a coefficient that a mechanism does not hear, or hears with the wrong sign
or size (`heard`); units, weapons or people that come twice or get lost.

Whatever rests on luck has a fixed budget of false alarms, 0.001 for the file: a test that rejects at 0.01 is done again on fresh
seeds with four times the sample, and fails only if it then rejects at 0.001 / (0.01 x number of such tests).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.packaged import freed, scenario
from kit.view import View, counted, hour, in_python, quick_records
from qantar.engine import loop
from qantar.engine.event import EventEngine
from qantar.engine.loop import History, simulate
from qantar.engine.meanfield import MeanFieldEngine
from qantar.engine.plain import PlainEngine
from qantar.model import (
    assemble,
    control,
    demands,
    diffusion,
    economy,
    forces,
    government,
    information,
    intervention,
    loyalty,
    organization,
    outcome,
    rallies,
    repression,
    seeding,
    shock,
    split,
    violence,
    weapons,
)
from qantar.model.build import Recorded, land_of
from qantar.model.contract import Counts, Rates
from qantar.model.government import Policy, VisibleState
from qantar.model.rules import DEAD, DETAINED, FIGHTING, N_STATES, PROTESTING, QUIET, WITHDRAWN
from qantar.model.world import ARMY, FOREIGN, GUARD, PRICE, Land, World
from qantar.population.build import blocks_of, class_sizes
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import arm_edits, resolve
from qantar.scenario.schema import MECHANISMS, STEP_KINDS, Edit
from qantar.verdicts.load import load_account

Change = tuple[str, str, Any]
Check = Callable[[], None]
Fault = Callable[[pytest.MonkeyPatch], None]


_plans: dict[str, Plan] = {}
_lands: dict[str, Land] = {}


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quick_records():
        yield


def country(*edits: Change, scale: float = 1.0) -> Plan:
    """The packaged country under these edits (path, op, value); at full size unless told otherwise."""
    if repr((edits, scale)) not in _plans:
        plan = resolve(scenario(), [Edit(path=p, op=op, value=value) for p, op, value in edits], scale=scale)
        _plans[repr((edits, scale))] = freed(plan)
    return _plans[repr((edits, scale))]


def land(*edits: Change) -> Land:
    if repr(edits) not in _lands:
        _lands[repr(edits)] = land_of(country(*edits), blocks_of(country(*edits)))
    return _lands[repr(edits)]


def number(name: str) -> int:
    """The number of a place by its English name; the largest of that name."""
    return max((p.population, k) for k, p in enumerate(country().places) if p.name_en == name)[1]


def region(id_: str) -> int:
    return [r.id for r in country().regions].index(id_)


def of_region(id_: str) -> np.ndarray:
    """Which places are in a region."""
    return np.array([p.region == region(id_) for p in country().places])


def places(**people: float) -> np.ndarray:
    """So many people in each of these places, nobody elsewhere."""
    found = np.zeros(len(country().places))
    for name, n in people.items():
        found[number(name)] = n
    return found


SERVICES = 3
"""Number of the sector in which the given crowds are."""


def counts(*, out: Any = 0, fights: Any = 0, home: Any = 0, moved: tuple[Any, ...] = (0, 0, 0, 0, 0)) -> Counts:
    """A country in which so many are in each state, everywhere or by place, and so many moved by quota in the last step."""
    people = class_sizes_of(country()).sum(axis=2)
    n = np.zeros((N_STATES, *people.shape))
    n[QUIET] = people
    for state, given in ((PROTESTING, out), (FIGHTING, fights), (WITHDRAWN, home)):
        n[state, :, SERVICES] = given
    quotas = np.array([np.broadcast_to(m, n.shape[1]) for m in moved], float)
    return Counts(n, np.zeros(n.shape[1:]), quotas)  # type: ignore[arg-type]


_sizes: dict[int, tuple[Plan, np.ndarray]] = {}


def class_sizes_of(plan: Plan) -> np.ndarray:
    if id(plan) not in _sizes:
        _sizes[id(plan)] = plan, class_sizes(plan)
    return _sizes[id(plan)][1]


def course(
    until: float,
    given: Counts | Callable[[int], Counts],
    *edits: Change,
    dt: float = 1.0,
    luck: int | None = None,
    of: Land | None = None,
    only: Sequence[str] | None = None,
    watch: Callable[[int, View, Rates], None] | None = None,
    first: Callable[[View], None] | None = None,
    **values: float,
) -> tuple[View, Rates]:
    """The world and the rates after the step that begins at this hour, if these counts held; numbers are expected ones, or drawn."""
    plan, params = country(*edits), defaults() | values
    mechanisms = only or plan.mechanisms
    world = View(assemble.new_world(of or land(*edits), params, dt, luck or 0, mechanisms, expected=luck is None))
    driver = Recorded(plan)
    if first is not None:
        first(world)
    for t in range(round(until / dt) + 1):
        rates = assemble.step(world.tables, given(t) if callable(given) else given, t, driver.due(t, dt))
        if watch is not None:
            watch(t, world, rates)
    return world, rates


def added(name: str, value: float, until: float, given: Any, *edits: Change, **values: Any) -> np.ndarray:
    """What a parameter adds to the log pressure, by place."""
    with_, without = (course(until, given, *edits, **values, **{name: v})[1].a for v in (value, 0.0))
    return np.log(with_ / without)


# --- planted defects --------------------------------------------------------------------------------------------------------


def heard(name: str, by: float, *modules: ModuleType) -> Fault:
    """These mechanisms hear a parameter as so many times what it is: 0 not at all, -1 with the wrong sign."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        for module in modules:
            for called, function in {k: f for k, f in vars(module).items() if k in ("begin", "step")}.items():

                def call(w: World, *more: Any, original: Any = function) -> Any:
                    kept = w.params[name][0]
                    w.params[name] = kept * by
                    found = original(w, *more)
                    w.params[name] = kept
                    return found

                patch.setattr(module, called, call)

    return plant


def told_of(name: str, value: float, step: Any) -> Any:
    """A step that takes another value for a parameter."""

    def found(w: World) -> None:
        kept = w.params[name][0]
        w.params[name] = value
        step(w)
        w.params[name] = kept

    return found


def after(module: ModuleType, spoil: Callable[[View, View], None]) -> Fault:
    """After each step of a mechanism something is spoilt, with what the world was before at hand."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def step(w: World, original: Any = module.step) -> None:
            before = View(w).copy()
            original(w)
            spoil(View(w), before)

        patch.setattr(module, "step", step)

    return plant


def instead(target: Any, name: str, make: Callable[[Any], Any]) -> Fault:
    """Something else in place of a function or constant, made from it; a mechanism's own functions then run in Python and see it."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        if target in assemble.MECHANISMS.values():
            for function, plain in in_python(target).items():
                patch.setattr(target, function, plain)
        patch.setattr(target, name, make(getattr(target, name)))

    return plant


def heard_by_policy(name: str, by: float) -> Fault:
    def make(init: Any) -> Any:
        def found(self: Any, land: Any, params: Any, *more: Any) -> None:
            init(self, land, {**params, name: params[name] * by}, *more)

        return found

    return instead(Policy, "__init__", make)


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "hour", hour)
        fault(patch)
        yield


# --- economy ------------------------------------------------------------------------------------------------------------------


def check_devaluation_weighs_on_hardship() -> None:
    by_class = [course(0, counts(), devaluation_slope=s)[1].g.reshape(len(country().places), -1, 4)[:, SERVICES] for s in (2.0, 0.0)]
    fall = math.log(431.67 / 382.6)
    assert np.log(by_class[0] / by_class[1]) == pytest.approx(2 * fall * np.tile([1.0, 0.8, 0.5, 0.3], (len(country().places), 1)))


def inhabited() -> np.ndarray:
    """Places with residents: the rest of a region may have none, nor police."""
    return land().residents > 0


def facing(given: Counts, *edits: Change, until: float = 0, **values: Any) -> np.ndarray:
    """Units that act in each place, from the arrests they make: c = n q / (n + q) gives q."""
    values = {"guard_ready": 0.0, "army_ready": 0.0, "aside_rate": 0.0, "arrest_rate": 0.001, "arrest_emergency": 1.0} | values
    quota = course(until, given, *edits, **values)[1].quota
    n, c = given.n[[PROTESTING, FIGHTING]].sum(axis=(0, 2)), (quota[1] + quota[4]) / values["arrest_rate"]
    return np.asarray(c * n / (n - c))[inhabited()]


# --- organization and what it asks --------------------------------------------------------------------------------------------

EVERYWHERE: Change = ("organizations.network.presence", "set", 1.0)


def check_calls_go_to_those_within_reach_by_their_clock() -> None:
    edits: tuple[Change, ...] = (
        ("organizations.network.presence", "set", 0.5),
        ("organizations.network.places", "set", ["KZ-ALA", "KZ-MAN"]),
        ("organizations.network.sectors", "set", ["mining", "services", "children"]),
    )
    there = of_region("KZ-ALA") | of_region("KZ-MAN")
    within = np.zeros(class_sizes_of(country()).shape[:2])
    within[np.ix_(there, [0, SERVICES])] = 0.5 * 0.2  # presence x reach; children cannot join
    found: dict[int, np.ndarray] = {}
    values = {"organization_reach": 0.2, "call_rate": 0.01, "call_hours": 6.0}
    course(24, counts(), *edits, watch=lambda t, w, r: found.update({t: r.b.copy()}), organization_capacity=1e8, **values)
    for t in range(24):
        calling = of_region("KZ-ALA") * (10 <= t < 16) + of_region("KZ-MAN") * (11 <= t < 17)  # an hour behind
        assert found[t] == pytest.approx(0.01 * within * calling[:, None]), t
    total = float((within * class_sizes_of(country()).sum(axis=2)).sum())
    few = course(12, counts(), *edits, organization_capacity=total / 8, **values)[1].b
    assert few == pytest.approx(0.01 * within / 8)
    late = (*edits, ("organizations.network.start", "set", 13.0), ("organizations.network.end", "set", 14.0))
    course(15, counts(), *late, watch=lambda t, w, r: found.update({t: r.b.copy()}), **values)
    assert [bool(found[t].any()) for t in (11, 12, 13, 14, 15)] == [False, False, True, False, False]


def hazards(rates: Rates, place: int) -> tuple[float, float]:
    """Rates per hour at which a protester goes home and begins to fight."""
    fights, leaves = rates.leave[PROTESTING, place, FIGHTING], rates.leave[PROTESTING, place, WITHDRAWN]
    total = -math.log(1 - fights - leaves) / rates.dt
    return total * leaves / (fights + leaves), total * fights / (fights + leaves)


def check_organization_holds_a_crowd_and_calms_its_place() -> None:
    values = {"organization_reach": 0.3, "protest_hours": 5.0, "violence_rate": 0.002}
    for dt in (0.5, 1.0):
        world, rates = course(
            12, counts(out=60), EVERYWHERE, dt=dt, organization_retention=1.4, organization_discipline=-0.7, arrest_rate=0, **values
        )
        home, fight = hazards(rates, number("Almaty"))
        assert home == pytest.approx(math.log(2) / (5 * math.exp(1.4 * 0.3)))
        assert fight == 0  # no place has turned yet
        assert world.violence_work == pytest.approx(0.002 * np.exp(0.7 * 0.3 * inhabited()) * (12 + dt))


def check_what_is_asked_is_pulled_towards_the_organizations() -> None:
    given = counts(out=200)
    for gap, pull, asked in ((-0.8, 1, -0.16), (2.0, 2, 0.8), (-2.0, 100, -2.0), (3.0, 100, 3.0)):
        edits = (EVERYWHERE, ("organizations.network.demand_gap", "set", gap))
        values = {"organization_reach": 0.2, "organization_demand": pull, "demand_drift": 0.5, "demand_repression": 0.0}
        world, _ = course(23, given, *edits, **values)
        assert world.demand == pytest.approx(np.full(17, 1.5))  # a day at half a level
        assert world.asked == pytest.approx(np.full(17, min(3.0, max(0.0, 1.5 + asked))))
    assert not course(23, counts(), EVERYWHERE, organization_demand=100)[0].asked.any()  # nobody is out, so nothing is asked


def check_a_demand_that_leads_moves_the_pressure() -> None:
    edits = (EVERYWHERE, ("organizations.network.demand_gap", "set", -2.0))
    found = added("lag_effect", 0.9, 3, counts(), *edits, organization_reach=0.25)
    assert found == pytest.approx(0.9 * -2 * 0.25 * inhabited())


# --- split, loyalty -------------------------------------------------------------------------------------------------------------

ASIDE: Change = ("steps.aside", "add_step", {"kind": "stand_aside", "places": ["KZ-ALA", "KZ-MAN"], "at": 0.0, "size": 0.8})


def check_a_split_is_told_to_drawn_seats_and_lifted() -> None:
    seats = {next(k for k, p in enumerate(country().places) if p.id == r.seat) for r in country().regions}
    found: list[np.ndarray] = []
    values = {"split_cities": 4, "split_hour": 5.2, "split_hours": 3.0, "order_obeyed": 0.7}
    split_on = ("mechanisms.split", "set", 1)
    course(12, counts(), split_on, luck=3, watch=lambda t, w, r: found.append(w.let_pass.copy()), **values)
    told = set(np.flatnonzero(found[6]).tolist())
    assert len(told) == 4
    assert told <= seats
    for t, ordered in enumerate(found):
        assert ordered == pytest.approx(np.where(np.isin(np.arange(len(ordered)), list(told)), 0.7 * (6 <= t <= 8), 0.0)), t


def check_orders_are_obeyed_by_a_share() -> None:
    given = counts(out=500)
    told = facing(given, ASIDE, order_obeyed=0.5) / facing(given, order_obeyed=0.5)
    assert told == pytest.approx(np.where(of_region("KZ-ALA") | of_region("KZ-MAN"), 1 - 0.8 * 0.5, 1.0)[inhabited()])


def check_units_leave_by_the_odds_and_by_blood() -> None:
    place, n, dead, taken = number("Almaty"), 9000.0, 0.4, 2.0
    q0 = land().police[place] * 0.43
    troops: Change = ("steps.now", "add_step", {"kind": "intervention", "places": ["KZ-MAN"], "at": 0.0, "size": 10})
    values = {"aside_rate": 0.01, "aside_outnumbered": 0.6, "aside_deaths": 0.9, "aside_hours": 12.0, "intervention_loyalty": 0.5}
    still = {"defect_share": 0.0, "guard_ready": 0.0, "army_ready": 0.0, "police_on_duty": 0.43}
    more = {"intervention_delay": 0.0, "intervention_pace": 1e4, "intervention_frees": 0.0}
    for dt in (0.5, 1.0):
        left = harm = 0.0
        for t in range(round(10 / dt) + 1):
            q = q0 * (1 - left)
            rate = 0.01 * n / (n + q) * (n / q) ** 0.6 * (1 + harm / 10) ** 0.9 * math.exp(-0.5 * (t > 0))  # troops came in step 0
            left = left * 0.5 ** (dt / 12) if t else left
            left += (1 - left) * (1 - math.exp(-rate * dt))
            harm = harm * 0.5 ** (dt / 24) + 10 * dead + taken
        given = counts(out=places(Almaty=n), moved=(places(Almaty=dead), places(Almaty=taken), 0, 0, 0))
        world, _ = course(10, given, troops, dt=dt, **values, **still, **more)
        assert world.left[place] == pytest.approx(left)
        assert world.left[number("Aktau")] == 0  # nobody there


def check_defectors_are_a_share_of_those_who_leave_and_no_more_than_there_are() -> None:
    given, values = counts(out=2000), {"guard_ready": 0.0, "army_ready": 0.0, "police_on_duty": 0.5, "aside_outnumbered": 0.0}
    world, _ = course(0, given, aside_rate=0.05, defect_share=0.25, **values)
    assert world.defectors == pytest.approx(land().police * 0.5 * world.left / (1 - 0.25) * 0.25)  # the others may come back
    assert world.left.min() > 0
    small = replace(land(), police=np.full(len(land().police), 6.0))
    for seed in range(20):
        world, _ = course(8, given, of=small, luck=seed, aside_rate=10, defect_share=1, aside_hours=1, **values)
        assert world.defectors.max() <= 3
        assert world.defectors.sum() > 100


# --- intervention, forces --------------------------------------------------------------------------------------------------------

TROOPS: Change = ("steps.now", "add_step", {"kind": "intervention", "places": ["KZ-ALA", "KZ-AST"], "at": 2.0, "size": 250})


def check_troops_arrive_relieve_and_fight() -> None:
    people = land().residents * (of_region("KZ-ALA") | of_region("KZ-AST"))
    ready = 20_000 * 0.6 - 1600
    values = {"intervention_delay": 3.0, "intervention_pace": 100.0, "intervention_frees": 0.5, "intervention_fights": 0.4}
    for dt in (0.5, 1.0):

        def look(t: int, world: View, rates: Rates, dt: float = dt) -> None:
            arrived = min(250.0, 100 * dt * max(0, round((t * dt - 5) / dt) + 1))
            assert world.force[FOREIGN] == pytest.approx(0.4 * arrived * people / people.sum()), t
            assert world.tied == pytest.approx(1600 - 0.5 * arrived), t
            assert world.force[GUARD].sum() == pytest.approx(ready + 0.5 * arrived), t

        course(12, counts(), TROOPS, dt=dt, watch=look, **values)
    assert added("intervention_effect", 0.3, 4, counts(), TROOPS, **values) == pytest.approx(np.zeros(len(people)))
    assert added("intervention_effect", 0.3, 5, counts(), TROOPS, **values) == pytest.approx(np.full(len(people), 0.3))
    assert course(30, counts(), TROOPS, **(values | {"intervention_frees": 10.0}))[0].tied == 0  # no more than were tied
    few, _ = course(30, counts(), TROOPS, **(values | {"intervention_frees": 10.0, "guard_ready": 0.05}))
    assert few.force[GUARD].sum() == pytest.approx(1000)  # nor than are ready at all


def km(a: str, b: str) -> float:
    """Great-circle distance by the law of cosines."""
    here, there = (country().places[number(x)] for x in (a, b))
    (la, lo), (lb, mo) = ((math.radians(p.lat), math.radians(p.lon)) for p in (here, there))
    return 6371 * math.acos(math.sin(la) * math.sin(lb) + math.cos(la) * math.cos(lb) * math.cos(lo - mo))


def arrival(start: str, target: str, *, dt: float = 1.0, **values: float) -> float:
    """Hours from setting out to arriving, for Guards of one base and a crowd in one place."""
    alone = replace(land(), guard=places(**{start: 1000}), army=np.zeros(len(land().army)), site_guards=0.0)
    came: list[int] = []

    def look(t: int, world: View, rates: Rates) -> None:
        if world.force[GUARD, number(target)] > 0:
            came.append(t)

    still = {"police_on_duty": 0.0, "retake_rate": 0.0, "seize_rate": 0.0}
    course(90, counts(out=places(**{target: 5000})), dt=dt, of=alone, watch=look, **still, **values)
    return min(came) * dt


def check_the_way_takes_as_long_as_the_road_or_the_air() -> None:
    far, near = 1.3 * km("Almaty", "Aktau") / 50, 1.3 * km("Almaty", "Taldykorgan") / 50
    assert 45 < far < 65
    assert near < 8
    for dt in (0.5, 1.0):
        assert arrival("Almaty", "Aktau", dt=dt) == 4 + 8  # by air
        assert arrival("Almaty", "Aktau", dt=dt, airlift_hours=200.0) == math.ceil((4 + far) / dt) * dt
        assert arrival("Almaty", "Taldykorgan", dt=dt) == math.ceil((4 + near) / dt) * dt
    assert arrival("Almaty", "Aktau", airlift_hours=200.0, travel_kmh=100.0) == math.ceil(4 + far / 2)
    assert arrival("Almaty", "Aktau", airlift_hours=20.0, muster_hours=1.0) == 21


def check_men_are_neither_made_nor_lost() -> None:
    edits = (TROOPS, ("steps.before", "add_step", {"kind": "intervention", "places": ["KZ-MAN"], "at": -9.0, "size": 500}))
    still = {"intervention_delay": 0.0, "intervention_fights": 0.0, "intervention_frees": 0.5, "intervention_pace": 40.0}
    plan = noisy(*edits, hours=40)
    _, seen = told(plan, LIVELY | still | {"guard_ready": 0.5, "army_ready": 0.3, "force_ratio": 1.0}, 1)
    scale = plan.scale
    for world in seen:
        men = world.force[[GUARD, ARMY]].sum() + world.on_the_way.sum() + world.tied
        assert men == pytest.approx((20_000 * 0.5 + 20_000 * 0.3) * scale)
        assert world.force.min() >= -1e-9
    assert max(w.on_the_way.sum() for w in seen) > 100 * scale
    assert seen[-1].tied == pytest.approx((1600 - 0.5 * 750) * scale)


def check_units_go_where_they_are_wanted_and_no_more() -> None:
    # A base with a crowd of its own keeps what it needs: of a surplus of 50 no more than 50 ever leave, whichever unit they are of.
    alone = replace(land(), guard=places(Almaty=100), army=places(Almaty=100), site_guards=0.0)
    edits = (("steps.now", "add_step", {"kind": "emergency", "places": ["KZ"], "at": 0.0, "size": 1}),)
    gone: list[float] = []
    values = {"guard_ready": 1.0, "army_ready": 1.0, "police_on_duty": 0.0, "force_ratio": 0.3, "reinforce_rate": 0.1}

    def look(t: int, world: View, rates: Rates) -> None:
        gone.append(200 - world.force[[GUARD, ARMY], number("Almaty")].sum())

    course(60, counts(out=places(Almaty=500, Aktau=9000)), *edits, of=alone, watch=look, **values)
    assert gone[1] - gone[0] == pytest.approx((50 - gone[0]) * (1 - math.exp(-0.1)))
    assert 45 < gone[-1] <= 50 + 1e-9
    course(60, counts(out=places(Almaty=500, Aktau=99)), *edits, of=alone, watch=look, **values)
    assert gone[-1] == 0  # too few to be seen
    course(60, counts(out=places(Almaty=500, Aktau=9000)), of=alone, watch=look, **values)
    assert gone[-1] == 0  # without an emergency the army is in its barracks: the Guard is needed where it stands
    world, _ = course(60, counts(out=places(Aktau=100)), *edits, of=alone, **values)
    assert world.force[:, number("Aktau")].sum() == pytest.approx(30)


# --- arms ---------------------------------------------------------------------------------------------


def check_weapons_leave_the_store_and_never_exceed_it() -> None:
    values = {"police_on_duty": 0.0, "guard_ready": 0.0, "army_ready": 0.0, "armoury": 0.4}
    for dt in (0.5, 1.0):
        world, _ = course(6 - dt, counts(fights=200), dt=dt, loot_rate=0.1, **values)  # nobody stands against them: edge 1
        assert world.stock == pytest.approx(np.full(len(world.stock), math.exp(-0.6)))
        assert world.captured == pytest.approx(0.4 * land().police * (1 - math.exp(-0.6)))
    held, _ = course(5, counts(fights=200), loot_rate=0.1, **(values | {"police_on_duty": 1.0}))
    q = land().police
    edge = np.maximum(0, (200 - q) / (200 + q))  # arms_effect is 0: what is captured does not count
    held, _ = course(5, counts(fights=200), loot_rate=0.1, arms_effect=0.0, aside_rate=0.0, **(values | {"police_on_duty": 1.0}))
    assert held.stock == pytest.approx(np.exp(-0.1 * edge * 6))
    for rate in (0.5, 10.0):
        world, _ = course(60, counts(fights=200), loot_rate=rate, **values)
        assert (world.captured <= 0.4 * land().police + 1e-9).all()
        assert world.captured.sum() > 0.99 * 0.4 * land().police.sum()
    assert not course(9, counts(out=1e5), loot_rate=10, **values)[0].captured.any()  # protesters take none


def check_a_crowd_that_stands_there_weighs_as_well() -> None:
    q = land().police * 0.43
    values = {"guard_ready": 0.0, "army_ready": 0.0, "aside_rate": 0.0, "arms_effect": 0.0, "loot_rate": 0.1, "police_on_duty": 0.43}
    for given, crowd in ((counts(out=1000, fights=100), 100 + 0.3 * 1000), (counts(out=1000), 300), (counts(fights=100), 100)):
        edge = np.maximum(0, (crowd - q) / (crowd + q))
        assert (edge > 0).any()
        assert (edge == 0).any()
        found: list[float] = []

        def look(t: int, world: View, rates: Rates, found: list[float] = found) -> None:
            found.append(float(world.seat_lost[region("KZ-AKM")]))

        world, _ = course(19, given, crowd_weight=0.3, seize_rate=0.4, retake_rate=0.0, force_visible=1e5, watch=look, **values)
        assert world.stock == pytest.approx(np.exp(-0.1 * edge * 20))
        seat = edge[land().seat[region("KZ-AKM")]]
        assert found == [float(seat > 0 and 0.4 * seat * (t + 1) >= math.log(2)) for t in range(20)]
    assert not course(19, counts(out=1e6), crowd_weight=0.0, seize_rate=1.0, **values)[0].seat_lost.any()


# --- violence ---------------------------------------------------------------------------------------------------------------------


def check_harm_of_the_region_turns_places() -> None:
    given = counts(out=300, moved=(places(Almaty=0.5), places(Almaty=3.0), 0, 0, 0))
    world, _ = course(5, given, violence_rate=1e-4, violence_force=0.6)
    harms = [sum((10 * 0.5 + 3) * 0.5 ** (age / 24) for age in range(t)) for t in range(6)]  # up to the step before
    assert world.violence_work[number("Almaty")] == pytest.approx(1e-4 * sum((1 + harm) ** 0.6 for harm in harms))
    assert world.violence_work[number("Aktau")] == pytest.approx(6e-4)


def check_a_place_turns_by_its_rate_and_calms_down_when_hardly_anybody_is_out() -> None:
    there = number("Aktau")
    for dt in (0.5, 1.0, 2.0):
        found: list[bool] = []
        fights: list[float] = []

        def look(t: int, world: View, rates: Rates, found: list[bool] = found, fights: list[float] = fights) -> None:
            found.append(bool(world.violent[there]))
            fights.append(hazards(rates, there)[1])

        def given(t: int, dt: float = dt) -> Counts:
            return counts(out=places(Aktau=49.9 if 20 <= t * dt < 24 else 50.0))

        world, rates = course(40 - dt, given, dt=dt, watch=look, violence_rate=0.1, escalation_rate=0.03)
        first = math.ceil(math.log(2) / 0.1 / dt) - 1  # the step by whose end the rates have added up: half of all places have turned
        again = round(24 / dt) + first
        expected = [first <= t < round(20 / dt) or t >= again for t in range(round(40 / dt))]
        assert found == expected
        assert fights == pytest.approx([0.03 * x for x in expected])
        assert world.violence_turns[there] == 2
        assert not world.violent[np.arange(len(world.violent)) != there].any()
    half = rates.leave[FIGHTING, there, WITHDRAWN]  # by day
    assert (1 - half) ** (8 / 2.0) == pytest.approx(0.5)
    small = replace(land(), scale=0.01)  # fifty people would be half a person: two it is
    for people, turned in ((1.9, False), (2.0, True)):
        assert course(9, counts(out=people), of=small, violence_rate=0.1)[0].violent.all() == turned


# --- what is known ------------------------------------------------------------------------------------------------------------------


def check_what_is_known_of_crowds() -> None:
    given, twice = counts(out=places(Aktau=600)), counts(out=places(Aktau=1200))
    values = {"media_gain": 1.5, "near_gain": 0.0, "crowd_gain": 0.7, "news_half": 400.0, "news_hours": 10.0, "shared_cause": 0.4}
    dear = ("steps.price-free", "off", None)  # in Atyrau alone: not in Almaty, and not in Aktau
    attention = 0.6**2 * 600**2 / (0.6**2 * 600**2 + 400**2)
    none = ("steps.none", "add_step", {"kind": "internet", "places": ["KZ"], "at": 20.0, "size": 0})
    for at, of, known in ((3, given, 1.0), (13, lambda t: given if t <= 3 else counts(), 0.5), (30, given, 0.5 ** (11 / 10))):
        for place, term in (("Almaty", 1.5 * 0.858 * attention * known), ("Aktau", None)):
            found = course(at, of, dear, none, rally_rate=0.0, **values)[0].tables.term
            k = number(place)
            own = known if at == 13 else 1.0  # one's own crowd needs no internet
            expected = 0.7 * own * 600**2 / (600**2 + 400**2) if term is None else 0.0
            assert found["media"][k] == pytest.approx(term or 0.0)
            assert found["crowd"][k] == pytest.approx(expected)
    more = course(3, twice, dear, none, **values)[0].tables.term["media"][number("Almaty")]
    assert more == pytest.approx(1.5 * 0.858 / (1 + (400 / 720) ** 2))


# --- rallies ------------------------------------------------------------------------------------------------------------------------

WORDS: tuple[Change, ...] = tuple(
    (f"steps.words{k}", "add_step", {"kind": "framing", "places": ["KZ"], "at": at, "size": size})
    for k, at, size in ((1, 16.0, 1), (2, 22.5, 0))
)
"""Words that weigh on the evening, on which rallies are agreed, and neither at noon nor at night."""
RALLY = {
    "base_pressure": 0.0, "price_effect": 0.0, "framing_effect": 0.6, "day_off_effect": 0.3, "potential": 0.2, "rally_rate": 2.0,
    "rally_size": 40.0, "rally_sd": 0.8, "rally_scaling": 0.7, "rally_turnout": 0.8, "rally_hour": 13.5, "rally_hours": 2.0,
}  # fmt: skip


def called() -> np.ndarray:
    """Who is called to the rallies of 2 January, expected: the mean of a lognormal size is above its median."""
    people = land().residents
    return np.asarray(2 * people / people.sum() * math.exp(0.6 + 0.3) * 40 * math.exp(0.8**2 / 2) * (people / 1e5) ** 0.7)


def check_rallies_are_agreed_on_in_the_evening_by_residents_and_pressure() -> None:
    behind = np.array([p.local_hour for p in country().places])
    for dt in (0.5, 1.0, 2.0):
        world, rates = course(22, counts(), *WORDS, dt=dt, **RALLY)
        assert world.call[:, 1] == pytest.approx(called())  # the second day
        assert world.rally_from[:, 1] == pytest.approx(24 + 13.5 - behind)
        assert world.call[:, 0] == pytest.approx(called() / math.exp(0.6))  # the first, agreed on at the start: as in quiet times
        assert world.rally_from[:, 0] == pytest.approx(13.5 - behind)
        assert not rates.a.any()  # over by now
    later, _ = course(46, counts(), *WORDS, **RALLY)
    assert later.call[:, 0] == pytest.approx(called() / math.exp(0.6))  # and on the second evening there are no such words
    assert later.call[:, 1] == pytest.approx(called())
    late = later.rally_from[:, 0]
    assert late == pytest.approx(48 + 13.5 - behind)
    for usual, held in ((5.0, 8.0), (23.0, 20.0)):  # by daylight
        world, _ = course(22, counts(), **RALLY | {"rally_hour": usual})
        assert world.rally_from[:, 1] == pytest.approx(24 + held - behind)


def check_the_pressure_of_a_rally_adds_up_to_its_call() -> None:
    able = class_sizes_of(country()).sum(axis=2)[:, [0, 1, 2, 3, 5]].sum(axis=1)  # without children
    behind = np.array([p.local_hour for p in country().places])
    words = (WORDS[0],)  # they last
    calls = ((0, called() / math.exp(0.6)), (1, called()))
    for dt in (0.25, 0.5, 1.0, 2.0):
        for hours in (1.0, 2.7, 12.0):
            total = np.zeros(len(able))

            def look(t: int, world: View, rates: Rates, dt: float = dt, hours: float = hours, total: np.ndarray = total) -> None:
                total += rates.a * dt
                excited, expected = 0.3 + 0.6 * (t * dt >= 16), np.zeros(len(able))
                for day, call in calls:
                    from_ = 24 * day + 13.5 - behind
                    within = np.clip(np.minimum(t * dt + dt, from_ + hours) - np.maximum(t * dt, from_), 0, None)
                    expected += call * within / hours
                right = expected * math.exp(0.8 * excited) / np.maximum(0.2 * able, 1)
                assert (abs(rates.a * dt - right) <= np.maximum(1e-6 * right, 1e-15)).all(), (t, dt)

            course(60 - dt, counts(), *words, dt=dt, watch=look, **RALLY | {"rally_hours": hours})
            early = np.clip(16 - (13.5 - behind), 0, hours) / hours  # of the first rally, before the words
            first = calls[0][1] * (early * math.exp(0.8 * 0.3) + (1 - early) * math.exp(0.8 * 0.9))
            assert total * np.maximum(0.2 * able, 1) == pytest.approx(first + calls[1][1] * math.exp(0.8 * 0.9))


def at_the_hour_alone(w: View, before: View) -> None:
    """A rally pushes in whole steps, from the one after its hour."""
    now, p = w.tables.country[0], w.tables.params[0]
    on = (w.rally_from <= now.hour) & (now.hour < w.rally_from + p.rally_hours)
    w.rally = w.rally * on.any(axis=1)


# --- seats, seeds, repression -----------------------------------------------------------------------------------------------------------


def check_seats_fall_by_the_edge_and_are_retaken() -> None:
    q = land().police * 0.43
    fights = counts(fights=4 * q)
    weak = counts(fights=q / 4)
    still = {"guard_ready": 0.0, "army_ready": 0.0, "loot_rate": 0.0, "police_on_duty": 0.43, "aside_rate": 0.0, "force_visible": 1e5}
    values = still | {"seize_rate": 0.2, "retake_rate": 0.1}
    found: list[float] = []

    def look(t: int, world: View, rates: Rates) -> None:
        found.append(float(world.seat_lost.mean()))

    course(60, lambda t: fights if t < 20 else weak, watch=look, **values)
    fall = math.log(2) / (0.2 * 0.6)  # the median; (4 - 1) / (4 + 1) is the edge of either side in its turn
    back = math.log(2) / (0.1 * 0.6)
    assert found == [0.0 if t + 1 < fall or t - 20 + 1 >= back else 1.0 for t in range(61)]
    found.clear()

    def with_arms(world: View) -> None:
        world.captured = 2 * q  # half of them are armed
        world.defectors = 0.5 * q

    course(20, fights, watch=look, first=with_arms, **values, arms_effect=3.0)
    crowd, units = 4 * (1 + 3 * 0.5) + 0.5 * 4, 0.5
    fall = math.log(2) / (0.2 * (crowd - units) / (crowd + units))
    assert found == [float(t + 1 >= fall) for t in range(21)]
    lost = np.isin(np.arange(17), [region("KZ-MAN")])

    def lose(world: View) -> None:
        world.seat_lost = lost.copy()

    hours = still | {"retake_rate": 0.0, "seize_rate": 0.0}
    assert added("seat_effect", -0.4, 3, counts(), first=lose, **hours) == pytest.approx(-0.4 * of_region("KZ-MAN"))


def check_seeds_push_in_their_places_and_hours() -> None:
    able = class_sizes_of(country()).sum(axis=2)[:, [0, 1, 2, 3, 5]].sum(axis=1)  # without children
    pushed = np.zeros((len(able), 6))
    fighting: set[int] = set()

    def look(t: int, world: View, rates: Rates) -> None:
        nonlocal pushed
        pushed = pushed + rates.b * world.dt
        fighting.update(np.flatnonzero(world.escalation > 0.02).tolist())
        assert bool(rates.b.any()) == (7 <= t * world.dt < 7 + 5)

    seeds = ("mechanisms.seeding", "set", 1)
    values = {"seed_places": 5, "seed_people": 300.0, "seed_hour": 7.0, "seed_hours": 5.0, "seed_escalation": 0.1, "escalation_rate": 0.01}
    values |= {"potential": 0.2}
    for dt in (0.5, 1.0):
        pushed[:] = 0
        fighting.clear()
        course(20, counts(), seeds, dt=dt, luck=4, watch=look, **values)
        drawn = np.flatnonzero(pushed[:, SERVICES])
        assert set(drawn) == fighting
        assert len(drawn) == 5
        assert all(country().places[k].settlement for k in drawn)
        assert pushed[drawn][:, [0, 1, 2, 3, 5]] == pytest.approx(np.repeat(300 / (0.2 * able[drawn]), 5).reshape(5, 5))
        assert not pushed[:, 4].any()


def check_what_units_and_crowd_do_to_each_other_is_bounded_by_the_smaller() -> None:
    rng = np.random.default_rng(5)
    n, q = 10 ** rng.uniform(0, 4, len(land().police)), 10 ** rng.uniform(-2, 7, len(land().police))
    f = n * rng.uniform(0, 1, len(n))
    given, of = counts(out=n - f, fights=f), replace(land(), police=q)
    values = {"police_on_duty": 1.0, "guard_ready": 0.0, "army_ready": 0.0, "aside_rate": 0.0, "loot_rate": 0.0, "force_visible": 1e5}
    rates = {"arrest_rate": 0.02, "lethality": 0.01, "lethality_before": 0.5, "lethality_fight": 3.0, "lethality_security": 0.004}
    lost = np.zeros(17, bool)
    lost[[3, 8]] = True

    def lose(world: View) -> None:
        world.seat_lost = lost.copy()

    world, found = course(0, given, of=of, first=lose, **values, **rates, seat_lethality=0.7, seize_rate=0.0, retake_rate=0.0)
    c = n * q / (n + q)
    seat = np.zeros(len(n), bool)
    seat[land().seat] = lost | (f > q)[land().seat]
    held = 0.5 * np.exp(0.7 * seat)
    assert found.quota[1] + found.quota[4] == pytest.approx(0.02 * c)
    assert ((found.quota[1] + found.quota[4]) / 0.02 <= np.minimum(n, q) * (1 + 1e-9)).all()
    assert found.quota[0] == pytest.approx(0.01 * held * c * (n - f) / n)
    assert found.quota[3] == pytest.approx(np.minimum(0.01 * held * c * 3 * f / n, f))
    deaths = 0.004 * held * c * ((n - f) / n + 3 * f / n)
    assert world.security_dead == pytest.approx(land().by_region(deaths))


def staying_behind(world: View, before: View) -> None:
    """Units that set out and are still where they were."""
    world.force = np.maximum(world.force, before.force)


CLOSED_FORMS: list[tuple[Check, dict[str, Fault]]] = [
    (check_devaluation_weighs_on_hardship, {"flipped": heard("devaluation_slope", -1, economy)}),
    (
        check_calls_go_to_those_within_reach_by_their_clock,
        {
            "too many": heard("call_rate", 1.1, organization),
            "all day": instead(organization, "CALL_FROM", lambda x: 0.0),
            "no end of capacity": heard("organization_capacity", 1e6, organization),
        },
    ),
    (
        check_organization_holds_a_crowd_and_calms_its_place,
        {"retention": heard("organization_retention", -1, organization), "discipline": heard("organization_discipline", -1, violence)},
    ),
    (
        check_what_is_asked_is_pulled_towards_the_organizations,
        {
            "dropped": heard("organization_demand", 0, demands),
            "the other way": after(organization, lambda w, before: setattr(w, "gap", -w.gap)),
        },
    ),
    (check_a_demand_that_leads_moves_the_pressure, {"flipped": heard("lag_effect", -1, organization)}),
    (
        check_a_split_is_told_to_drawn_seats_and_lifted,
        {"not lifted": heard("split_hours", 10, split), "one too many": heard("split_cities", 1.25, split)},
    ),
    (check_orders_are_obeyed_by_a_share, {"by all": heard("order_obeyed", 2, loyalty), "by none": heard("order_obeyed", 0, loyalty)}),
    (
        check_units_leave_by_the_odds_and_by_blood,
        {name: heard(name, -1, loyalty) for name in ("aside_outnumbered", "aside_deaths", "intervention_loyalty")}
        | {"never back": heard("aside_hours", 1e9, loyalty)},
    ),
    (
        check_defectors_are_a_share_of_those_who_leave_and_no_more_than_there_are,
        {"twice": heard("defect_share", 2, loyalty), "none": heard("defect_share", 0, loyalty)},
    ),
    (
        check_troops_arrive_relieve_and_fight,
        {
            "come twice": after(intervention, lambda w, before: setattr(w, "force", 2 * w.force - before.force)),
            "at once": heard("intervention_pace", 10, intervention),
            "free none": heard("intervention_frees", 0, intervention),
            "all fight": heard("intervention_fights", 2.5, intervention),
            "calm": heard("intervention_effect", -1, intervention),
        },
    ),
    (
        check_the_way_takes_as_long_as_the_road_or_the_air,
        {
            "as the crow flies": heard("travel_kmh", forces.DETOUR, forces),
            "no muster": heard("muster_hours", 0, forces),
            "no air": heard("airlift_hours", 100, forces),
        },
    ),
    (
        check_men_are_neither_made_nor_lost,
        {
            "in two places": after(forces, staying_behind),
            "relieved twice": after(intervention, lambda w, before: setattr(w, "force", 2 * w.force - before.force)),
        },
    ),
    (
        check_units_go_where_they_are_wanted_and_no_more,
        {
            "ratio": heard("force_ratio", 1.2, forces),
            "rate": heard("reinforce_rate", 2, forces),
            "unseen": heard("force_visible", 0, forces),
        },
    ),
    (
        check_weapons_leave_the_store_and_never_exceed_it,
        {
            "faster": heard("loot_rate", 1.1, weapons),
            "a store without end": after(weapons, lambda w, before: setattr(w, "stock", np.ones_like(w.stock))),
        },
    ),
    (
        check_a_crowd_that_stands_there_weighs_as_well,
        {
            "not in the armoury": heard("crowd_weight", 0, weapons),
            "not at the seat": heard("crowd_weight", 0, control),
            "fighters twice": instead(weapons, "strength", lambda f: lambda here, p: f(here, p) + p.crowd_weight * here.fighting),
        },
    ),
    (
        check_harm_of_the_region_turns_places,
        {"flipped": heard("violence_force", -1, violence), "dropped": heard("violence_force", 0, violence)},
    ),
    (
        check_a_place_turns_by_its_rate_and_calms_down_when_hardly_anybody_is_out,
        {
            "faster": heard("violence_rate", 1.2, violence),
            "for good": after(violence, lambda w, before: setattr(w, "violent", w.violent | before.violent)),
            "few are enough": instead(violence, "LEAST", lambda x: 40.0),
            "fights everywhere": after(violence, lambda w, before: setattr(w, "escalation", w.tables.params["escalation_rate"][0])),
            "no patience the second time": after(
                violence, lambda w, before: setattr(w, "violence_work", np.maximum(w.violence_work, before.violence_work))
            ),
        },
    ),
    (
        check_what_is_known_of_crowds,
        {
            "for ever": heard("news_hours", 1e9, diffusion),
            "in proportion": instead(diffusion, "attention", lambda f: lambda n, half: n / (n + half)),
            "no common cause": heard("shared_cause", 0, diffusion),
            "a cut takes back": after(
                diffusion, lambda w, before: w.tables.term.__setitem__("media", w.tables.term["media"] * (w.connectivity > 0))
            ),
            "the sign": heard("crowd_gain", -1, diffusion),
        },
    ),
    (
        check_rallies_are_agreed_on_in_the_evening_by_residents_and_pressure,
        {
            "rate": heard("rally_rate", 1.1, rallies),
            "size": heard("rally_size", 0.9, rallies),
            "the median size": heard("rally_sd", 0, rallies),
            "towns alike": heard("rally_scaling", 0, rallies),
            "by another's pressure": heard("framing_effect", 0, information),
            "at noon": instead(rallies, "EVE", lambda x: 12.0),
            "at midnight": instead(rallies, "EVE", lambda x: 22.0),
            "at any hour": instead(rallies, "LATEST", lambda x: 24.0),
        },
    ),
    (
        check_the_pressure_of_a_rally_adds_up_to_its_call,
        {
            "all who can": instead(rallies, "step", lambda f: told_of("potential", 1.0, f)),
            "turnout": heard("rally_turnout", -1, rallies),
            "longer": heard("rally_hours", 1.5, rallies),
            "whole steps": after(rallies, at_the_hour_alone),
        },
    ),
    (
        check_seats_fall_by_the_edge_and_are_retaken,
        {
            "sooner": heard("seize_rate", 1.5, control),
            "not retaken": heard("retake_rate", 0, control),
            "weapons": heard("arms_effect", 0, control),
            "effect": heard("seat_effect", -1, control),
        },
    ),
    (
        check_seeds_push_in_their_places_and_hours,
        {
            "more people": heard("seed_people", 1.1, seeding),
            "longer": heard("seed_hours", 2, seeding),
            "peaceful": heard("seed_escalation", 0, seeding),
        },
    ),
    (
        check_what_units_and_crowd_do_to_each_other_is_bounded_by_the_smaller,
        {
            "units count twice": instead(repression, "acting", lambda acting: lambda *of: 2 * acting(*of)),
            "seats": heard("seat_lethality", -1, repression),
            "fighters": heard("lethality_fight", 1.2, repression),
        },
    ),
]


@pytest.mark.parametrize("check", [c for c, _ in CLOSED_FORMS], ids=lambda c: c.__name__[6:])
def test_closed_form(check: Check) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "fault"),
    [pytest.param(c, fault, id=f"{c.__name__[6:]}: {name}") for c, faults in CLOSED_FORMS for name, fault in faults.items()],
)
def test_a_closed_form_sees_a_planted_defect(check: Check, fault: Fault) -> None:
    with planted(fault), pytest.raises(AssertionError):
        check()


# --- whole histories: what always holds -----------------------------------------------------------------------------------------

CALM = {"frailty": 0.0, "night_activity": 1.0, "night_leaving": 1.0, "day_off_effect": 0.0}
LIVELY = (
    defaults()
    | CALM
    | dict.fromkeys(("price_effect", "inflation_slope", "grievance_slope", "crowd_gain", "media_gain", "near_gain"), 0.0)
    | {
        "base_pressure": 0.002,
        "potential": 1.0,
        "rally_rate": 0.0,
        "violence_rate": 10.0,
        "arrest_rate": 0.05,
        "arrest_emergency": 1.0,
        "lethality": 0.05,
        "lethality_security": 0.02,
    }
    | {"escalation_rate": 0.02, "seize_rate": 0.3, "retake_rate": 0.3, "force_visible": 20.0}
)
"""Much happens within a day, and nothing but pressure of the base makes people join."""

ENGINES = {"event": EventEngine, "plain": PlainEngine, "mean": MeanFieldEngine}


_noisy: dict[str, Plan] = {}
_blocks: dict[int, Any] = {}


def noisy(*edits: Change, hours: int = 24, dt: float = 1.0, scale: float = 0.002, ties: bool = False) -> Plan:
    """A small country under an emergency."""
    key = repr((edits, hours, dt, scale, ties))
    if key not in _noisy:
        _noisy[key] = _a_noisy(*edits, hours=hours, dt=dt, scale=scale, ties=ties)
    return _noisy[key]


def _a_noisy(*edits: Change, hours: int, dt: float, scale: float, ties: bool) -> Plan:
    emergency = ("steps.alarm", "add_step", {"kind": "emergency", "places": ["KZ"], "at": 0.0, "size": 1})
    plan = country(("time.hours", "set", hours), ("time.step_hours", "set", dt), emergency, *edits, scale=scale)
    return plan if ties else plan.model_copy(update={"layers": []})


def told(plan: Plan, values: dict[str, float], seed: int, engine: str = "event") -> tuple[History, list[View]]:
    """A history, and the world after each step."""
    seen: list[View] = []

    def step(w: World, *more: Any, original: Any = assemble.step) -> Rates:
        rates: Rates = original(w, *more)
        seen.append(View(w).copy())
        return rates

    if id(plan) not in _blocks:
        blocks = blocks_of(plan)
        _blocks[id(plan)] = plan, blocks, land_of(plan, blocks)  # with the plan, so that its id is its own
    _, blocks, of = _blocks[id(plan)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "step", step)
        patch.setattr(loop, "blocks_of", lambda plan: blocks)
        patch.setattr(loop, "land_of", lambda plan, blocks: of)
        return simulate(plan, values, seed, engine=engine), seen


ALL_ON: tuple[Change, ...] = (
    *((f"mechanisms.{m}", "set", 1) for m in MECHANISMS),
    EVERYWHERE,
    ASIDE,
    TROOPS,
    ("drivers.internet", "set", "policy"),
    ("drivers.shoot_order", "set", "policy"),
)
VIOLENT = LIVELY | {
    "seed_hour": 5.0, "split_hour": 5.0, "call_rate": 0.01, "defect_share": 0.3, "aside_rate": 0.02, "violence_force": 0.5, "violence_rate": 0.5,
    "rally_rate": 50.0, "rally_size": 20_000.0, "potential": 0.6,
    "intervention_fights": 0.5, "intervention_delay": 2.0, "decide_hours": 2.0, "shock_sd": 0.5, "tie_local": 0.5,
}  # fmt: skip


def check_everyone_is_somewhere(engine: str) -> None:
    plan = noisy(*ALL_ON, hours=40, scale=0.0005, ties=True)
    sizes = class_sizes(plan).sum(axis=2)
    history, seen = counted(plan, VIOLENT, 3, engine)
    assert min(history.killed.sum(), history.detained.sum(), history.fighting.sum(), history.security_killed[-1].sum()) > 3
    assert history.changed_sides[-1] > 0
    dead = np.zeros(sizes.shape)
    for now in seen:
        assert now.n.sum(axis=0) == pytest.approx(sizes, abs=1e-6)
        assert now.n.min() >= -1e-9
        assert (now.n[DEAD] >= dead - 1e-9).all()
        dead = now.n[DEAD].astype(float)
    assert history.killed.sum() == pytest.approx(dead.sum())
    assert history.detained.min() >= 0
    assert history.detained.sum() >= seen[-1].n[DETAINED].sum() - 1e-6
    assert (np.diff(history.security_killed, axis=0) >= 0).all()


def check_nobody_joins_without_pressure(engine: str) -> None:
    nothing = [("mechanisms." + m, "off", None) for m in ("seeding", "split", "rallies")]
    history = simulate(noisy(*nothing, hours=30, scale=0.0005, ties=True), VIOLENT | {"base_pressure": 0.0}, 1, engine=engine)
    assert history.joined.sum() == history.protesting.sum() == 0
    assert history.outcome.name == "quiet"


def check_very_many_police_bound_a_crowd_by_twice_who_joins_in_an_hour(engine: str) -> None:
    # Police no fewer than the crowd face half of it at least. With one arrest an hour for each who is faced, n after an hour is
    # n / 2 + who joined at most: never above twice the largest number who join in an hour. Whole numbers are drawn: a tenth more.
    everywhere = [(f"regions.{r.id}.police", "set", 1) for r in country().regions]
    values = LIVELY | {"police_on_duty": 1.0, "arrest_rate": 1.0, "protest_hours": 200.0, "deterrence": 0.0, "aside_rate": 0.0}
    history = simulate(noisy(*everywhere), values, 2, engine=engine)
    out, joined = history.protesting.sum(axis=1), history.joined.sum(axis=1)
    assert out.max() <= 2 * joined.max() * (1 if engine == "mean" else 1.1)
    assert joined.sum() > 5 * out.max()  # most who joined were taken


def leaky(patch: pytest.MonkeyPatch) -> None:
    """A hundredth of those who fight is told of by no engine."""
    for engine in ENGINES.values():

        def step(self: Any, rates: Rates, original: Any = engine.step) -> Counts:
            found: Counts = original(self, rates)
            n = found.n.copy()
            n[FIGHTING] -= n[FIGHTING] // 100 + (n[FIGHTING] > 0)
            return Counts(n, found.joined, found.moved)

        patch.setattr(engine, "step", step)


def rising(rate: Any) -> Any:
    """The dead come back."""

    def found(w: World) -> None:
        rate(w)
        w.leave[DEAD, :, QUIET] = 0.1

    return found


def stirred(rate: Any) -> Any:
    """A pressure that comes from nowhere."""

    def found(w: World) -> None:
        rate(w)
        w.a[:] += 1e-4

    return found


@pytest.mark.parametrize("engine", ["event", "mean"])
@pytest.mark.parametrize("values", [VIOLENT, {}], ids=["violent", "defaults"])
def test_the_compiled_hour_is_its_mechanisms_in_order(monkeypatch: pytest.MonkeyPatch, values: dict[str, float], engine: str) -> None:
    plan = noisy(*ALL_ON, ("mechanisms.control", "off", None), hours=60, scale=0.002)
    kept = simulate(plan, {**defaults(), **values}, 6, engine=engine)
    hours: list[int] = []
    monkeypatch.setattr(assemble, "hour", lambda w, t, *more: (hours.append(t), hour(w, t, *more)))
    found = simulate(plan, {**defaults(), **values}, 6, engine=engine)
    assert hours == list(range(60))
    assert found.sha256() == kept.sha256()
    for name in ("security_killed", "seat_lost", "changed_sides", "aside", "offline"):
        assert np.array_equal(getattr(found, name), getattr(kept, name)), name
    assert (found.outcome, found.decisions) == (kept.outcome, kept.decisions)
    backwards = dict(reversed(assemble.MECHANISMS.items()))  # an order that histories would show
    monkeypatch.setattr(assemble, "MECHANISMS", backwards)
    assert not values or simulate(plan, {**defaults(), **values}, 6, engine=engine).sha256() != kept.sha256()


@pytest.mark.parametrize("name", assemble.MECHANISMS)
def test_a_mechanism_that_is_compiled_does_what_it_does_in_python(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One column after the other is the same, after hours in which all that can happen does, at that of rallies."""
    plan = country(*ALL_ON)
    found = []
    for compiled in (True, False):
        if not compiled:
            for function, plain in in_python(assemble.MECHANISMS[name]).items():
                monkeypatch.setattr(assemble.MECHANISMS[name], function, plain)
            monkeypatch.setattr(assemble, "hour", hour)
        battle = counts(out=180, fights=20 + places(Almaty=20_000), home=100, moved=(0.03, 0.8, 0.5, 0.02, 0.2))
        found.append(course(39, battle, *ALL_ON, luck=2, **VIOLENT | {"rally_hours": 6.0}))
    assert found[0][0].rally.max() > 0
    assert set(plan.mechanisms) == set(assemble.MECHANISMS)
    (world, rates), (other, same) = found
    for part in ("country", "region", "place", "term", "class_term"):
        one, two = getattr(world.tables, part), getattr(other.tables, part)
        assert not [column for column in one.dtype.names if one[column].tobytes() != two[column].tobytes()], part
    assert world.on_the_way.tobytes() == other.on_the_way.tobytes()
    assert [x.tobytes() for x in rates[1:]] == [x.tobytes() for x in same[1:]]


def test_the_event_engine_is_the_plain_one_with_everything_on() -> None:
    plan = noisy(*ALL_ON, hours=30, scale=0.0005, ties=True)
    event, plain, other = (simulate(plan, VIOLENT, seed, engine=e) for e, seed in (("event", 6), ("plain", 6), ("plain", 7)))
    assert event.sha256() == plain.sha256() != other.sha256()
    assert np.array_equal(event.fighting, plain.fighting)
    assert event.fighting.sum() > 100
    assert (event.outcome, event.decisions) == (plain.outcome, plain.decisions)


INVARIANTS: list[tuple[Callable[[str], None], Sequence[str], dict[str, Fault]]] = [
    # The event engine does not look at the dead again, so no rate can raise them there.
    (check_everyone_is_somewhere, tuple(ENGINES), {"leak": leaky}),
    (check_everyone_is_somewhere, ("plain", "mean"), {"the dead rise": instead(assemble, "rate", rising)}),
    (check_nobody_joins_without_pressure, tuple(ENGINES), {"from nowhere": instead(assemble, "rate", stirred)}),
    (
        check_very_many_police_bound_a_crowd_by_twice_who_joins_in_an_hour,
        ("event", "mean"),
        {"half of them": instead(repression, "acting", lambda acting: lambda *of: acting(*of) * 1e-3)},
    ),
]


@pytest.mark.parametrize(
    ("check", "engine"),
    [
        pytest.param(c, e, id=f"{c.__name__[6:]}: {e}")
        for c in dict.fromkeys(i[0] for i in INVARIANTS)
        for e in next(i[1] for i in INVARIANTS if i[0] is c)
    ],
)
def test_what_always_holds(check: Callable[[str], None], engine: str) -> None:
    check(engine)


@pytest.mark.parametrize(
    ("check", "engine", "fault"),
    [
        pytest.param(c, e, f, id=f"{c.__name__[6:]}: {e}, {name}")
        for c, engines, faults in INVARIANTS
        for e in engines
        for name, f in faults.items()
    ],
)
def test_what_always_holds_sees_a_planted_defect(check: Callable[[str], None], engine: str, fault: Fault) -> None:
    with planted(fault), pytest.raises(AssertionError):
        check(engine)


# --- what rests on luck -----------------------------------------------------------------------------------------------------------


def two_sided(z: float) -> float:
    return 2 * NormalDist().cdf(-abs(z))


def chi_square(found: np.ndarray, expected: np.ndarray) -> float:
    """P-value of counts against what is expected of them (Wilson and Hilferty); one degree of freedom for the total."""
    k = found.size - 1
    x = float(((found - expected) ** 2 / expected).sum())
    return 1 - NormalDist().cdf(((x / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k)))


def student_below(t: float, freedom: int) -> float:
    """P(T < t) of Student's law with an odd number of degrees of freedom (Abramowitz and Stegun 26.7.3)."""
    assert freedom % 2 == 1
    angle = math.atan(t / math.sqrt(freedom))
    total, term = 0.0, math.cos(angle)
    for k in range(1, freedom - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k + 1) / (k + 2)
    return 0.5 + (angle + math.sin(angle) * total) / math.pi


def test_student_below_is_that_of_the_tables() -> None:
    for freedom, t in ((1, 6.314), (3, 2.353), (3, 4.541), (15, 1.753), (15, 2.602)):
        p = 0.05 if (freedom, t) in ((1, 6.314), (3, 2.353), (15, 1.753)) else 0.01
        assert student_below(-t, freedom) == pytest.approx(p, rel=2e-3)


def falls_short(differences: np.ndarray, least: float) -> float:
    """P-value of "the mean difference is at least `least`" against less, by Student's test on pairs."""
    excess = differences - least
    spread = float(excess.std(ddof=1))
    if spread < 1e-12:  # a coefficient that nobody hears gives twice the same history
        return float(excess.mean() >= 0)
    return student_below(float(excess.mean()) / spread * math.sqrt(len(excess)), len(excess) - 1)


def hold(p_value: Callable[[range], float], size: int, times: int = 4) -> None:
    """Fails in one case of 1,000 times the number of tests, if all is well: two stages, the second on fresh seeds."""
    if p_value(range(size)) < 0.01:
        again = p_value(range(1000, 1000 + times * size))
        assert again >= 0.001 / (0.01 * (len(LAWS) + len(DIRECTIONS))), again


def hold_if_planted(p_value: Callable[[range], float], size: int) -> None:
    """The same bar, for a defect: what fails on a quarter of the seeds need not be done on all of them, four times as many again."""
    for few in (max(2, size // 4), size):
        hold(p_value, few, times=1)
    hold(p_value, size)


def calls_make_people_join(seeds: range) -> float:
    """Nothing but calls: whoever can be called joins at call_rate x reach, each alone."""
    only = [(f"mechanisms.{m}", "off", None) for m in MECHANISMS if m != "organization"]
    plan = noisy(*only, EVERYWHERE, scale=0.0005)
    values = LIVELY | {"base_pressure": 0.0, "organization_reach": 0.3, "call_rate": 0.2, "call_hours": 13.0, "organization_capacity": 1e8}
    values |= {"protest_hours": 200.0, "rest_hours": 500.0}  # so that hardly anyone joins twice
    able = class_sizes(plan).sum(axis=2)[:, [0, 1, 2, 3, 5]].sum(axis=1)
    behind = np.array([p.local_hour for p in plan.places]) == -1
    calls = np.arange(24)[:, None] - np.where(behind, 10, 9)  # that have been made by the end of an hour
    quiet = np.exp(-0.2 * 0.3 * np.clip(np.vstack([np.full(len(able), -1), calls]), 0, 13))
    expected = np.array([[float((able * (quiet[t] - quiet[t + 1]))[who].sum()) for who in (behind, ~behind)] for t in range(24)])
    joined = sum(simulate(plan, values, seed).joined for seed in seeds)
    found = np.array([[float(joined[t][who].sum()) for who in (behind, ~behind)] for t in range(24)])  # type: ignore[index]
    possible = expected > 0
    assert found[~possible].sum() == 0
    rest = len(seeds) * able.sum()
    never = [rest - found.sum(), rest - len(seeds) * expected.sum()]
    return chi_square(np.append(found[possible], never[0]), np.append(len(seeds) * expected[possible], never[1]))


def seats_fall_after_exponential_times(seeds: range) -> float:
    """Fighters and no units: the hour in which a seat falls, mean and spread known, at 0.2 an hour."""
    given, params, rate = counts(fights=50), defaults() | {"seize_rate": 0.2, "police_on_duty": 0.0}, 0.2
    times = []
    for seed in seeds:
        world, fell = View(assemble.new_world(land(), params, 1.0, seed, ["control"])), np.zeros(17)
        for t in range(200):
            assemble.step(world.tables, given, t)
            fell += ~world.seat_lost
            if world.seat_lost.all():
                break
        assert world.seat_lost.all()
        times.append(fell + 1)
    p = 1 - math.exp(-rate)  # hours are counted from one: a geometric law
    return two_sided((np.mean(times) - 1 / p) / math.sqrt((1 - p) / p**2 / (17 * len(seeds))))


def the_shock_has_its_spread_and_memory(seeds: range) -> float:
    """Variance at the start and later, and the correlation of stretches of six hours."""
    params = defaults() | {"shock_sd": 1.7, "shock_hours": 20.0}
    paths = []
    for seed in seeds:
        world, path = assemble.new_world(land(), params, 2.0, seed, ["shock"]), []
        for t in range(24):
            assemble.step(world, QUIET_COUNTRY, t)
            assert np.ptp(world.term["shock"]) == 0  # the same everywhere
            path.append(world.term["shock"][0])
        paths.append(np.array(path).reshape(8, 3))
    x = np.array(paths)
    assert np.ptp(x, axis=2).max() == 0  # and for six hours
    n, x = len(seeds), x[:, :, 0]
    keep = math.exp(-6 / 20)
    spread = [two_sided(((x[:, k] ** 2).sum() / 1.7**2 - n) / math.sqrt(2 * n)) for k in (0, 7)]
    step = (x[:, 7] - keep * x[:, 6]) / (1.7 * math.sqrt(1 - keep**2))  # standard normal, and independent of the stretch before
    memory = [two_sided(((step**2).sum() - n) / math.sqrt(2 * n)), two_sided((step * x[:, 6] / 1.7).sum() / math.sqrt(n))]
    return min(1.0, 4 * min(spread + memory))


QUIET_COUNTRY = counts()


def drawn(name: str, what: str, seeds: range, k: str) -> list[np.ndarray]:
    """The places that a rival draws before anything has happened."""
    return [np.flatnonzero(assemble.new_world(land(), defaults() | {k: 1.0}, 1.0, seed, [name]).place[what]) for seed in seeds]


def seeds_fall_on_people(seeds: range) -> float:
    """A settlement is drawn with a chance in proportion to its residents."""
    people = np.array([p.population * p.settlement for p in country().places], float)
    largest = np.argsort(-people)[:5]
    found = np.concatenate(drawn("seeding", "seeded", seeds, "seed_places"))
    n = np.array([(found == k).sum() for k in largest], float)
    share = people[largest] / people.sum()
    return chi_square(np.append(n, len(found) - n.sum()), len(found) * np.append(share, 1 - share.sum()))


def splits_fall_on_any_seat(seeds: range) -> float:
    found = np.concatenate(drawn("split", "told", seeds, "split_cities"))
    n = np.array([(found == k).sum() for k in land().seat], float)
    return chi_square(n, np.full(17, len(found) / 17))


def seeds_bring_out_their_people(seeds: range) -> float:
    """About seed_people in each place: of those within the potential, 1 - exp(-seed_people / all of them), and nobody else."""
    only = [(f"mechanisms.{m}", "off", None) for m in MECHANISMS if m != "seeding"]
    plan = noisy(*only, ("mechanisms.seeding", "set", 1), scale=0.01, dt=2.0)
    values = LIVELY | {"base_pressure": 0.0, "protest_hours": 200.0, "rest_hours": 500.0}
    values |= {"seed_places": 3, "seed_people": 3000.0, "seed_hour": 3.0, "seed_hours": 12.0, "potential": 0.4}
    able = class_sizes(plan).sum(axis=2)[:, [0, 1, 2, 3, 5]].sum(axis=1)
    found = mean = variance = 0.0
    for seed in seeds:
        history, seen = told(plan, values, seed)
        places = np.flatnonzero(seen[0].seeded)
        there = able[places]
        p = 0.4 * (1 - np.exp(-3000 * plan.scale / (0.4 * there)))
        found += history.joined.sum()
        mean += (there * p).sum()
        variance += (there * p * (1 - p)).sum()
        assert set(np.flatnonzero(history.joined.sum(axis=0))) <= set(places)
    return two_sided((found - mean) / math.sqrt(variance))


def places_turn_violent_after_exponential_times(seeds: range) -> float:
    """Sixty people out in each place: the hour in which it turns at 0.1 an hour, and a time of its own when it turns again."""
    params, rate, people = defaults() | {"violence_rate": 0.1}, 0.1, counts(out=60)
    times = []
    for seed in seeds:
        world, turned = View(assemble.new_world(land(), params, 1.0, seed, ["violence"])), []
        t = 0
        for _ in range(2):
            peaceful = np.zeros(len(world.violent))
            while not world.violent.all():
                assemble.step(world.tables, people, t)
                peaceful += ~world.violent
                t += 1
                assert t < 1000
            turned.append(peaceful + 1)
            assemble.step(world.tables, QUIET_COUNTRY, t)
            assert not world.violent.any()
        times.append(turned)
    first, second = np.concatenate(times, axis=1)
    p = 1 - math.exp(-rate)  # hours are counted from one: a geometric law
    spread, n = math.sqrt((1 - p) / p**2), len(first)
    means = [two_sided((x.mean() - 1 / p) / (spread / math.sqrt(n))) for x in (first, second)]
    variance = ((first - 1 / p) ** 2).mean() / spread**2 - 1  # of a geometric law the fourth moment is 9 + p^2 / (1 - p)
    more = [two_sided(variance / math.sqrt((8 + p**2 / (1 - p)) / n))]
    own = [two_sided(float(((first - 1 / p) * (second - 1 / p)).sum()) / spread**2 / math.sqrt(n))]
    return min(1.0, 4 * min(means + more + own))


DAYS = 14


def rallies_of(seeds: range, **values: float) -> tuple[np.ndarray, np.ndarray]:
    """Calls of each seed, day and place, in people of the country, and the hours of rallies there."""
    params = defaults() | values
    calls, hours = [], []
    behind = np.array([p.local_hour for p in country().places])
    for seed in seeds:
        world = View(assemble.new_world(land(), params, 1.0, seed, ["rallies"]))
        for day in range(DAYS):
            for t in (24 * day + 20, 24 * day + 21):  # eight in the evening, here and in the west
                assemble.step(world.tables, QUIET_COUNTRY, t)
            slot = (day + 1) % 2
            calls.append(world.call[:, slot].copy())
            hours.append(world.rally_from[:, slot] + behind - 24 * (day + 1))
    shape = (len(seeds), DAYS, len(behind))
    return np.reshape(calls, shape), np.reshape(hours, shape)


def rallies_are_as_many_as_their_rate_says(seeds: range) -> float:
    """Without a spread of sizes a call says how many there are: of Poisson's law, by residents, each day anew."""
    people = land().residents
    usual = 30 * (people / 1e5) ** 0.5
    number_ = np.divide(
        rallies_of(seeds, rally_rate=20.0, rally_sd=0.0)[0], usual, where=usual > 0, out=np.zeros((len(seeds), DAYS, len(people)))
    )
    assert number_ == pytest.approx(np.rint(number_))
    mean = 20 * people / people.sum()
    cells = len(seeds) * DAYS
    large = mean > 0.3
    assert 5 <= large.sum() < 30
    parts = [two_sided((number_[:, :, of].sum() - cells * mean[of].sum()) / math.sqrt(cells * mean[of].sum())) for of in (large, ~large)]
    z = (number_[:, :, large] - mean[large]) / np.sqrt(mean[large])
    variance = ((z**2).sum() - z.size) / math.sqrt(cells * (2 + 1 / mean[large]).sum())
    again = (z[:, 1:] * z[:, :-1]).sum() / math.sqrt(z[:, 1:].size)
    return min(1.0, 4 * min([*parts, two_sided(variance), two_sided(float(again))]))


def rallies_have_sizes_of_a_lognormal_law(seeds: range) -> float:
    """Rallies are so rare that hardly one in a hundred calls is that of two of them."""
    calls = rallies_of(seeds, rally_rate=0.5, rally_sd=1.3, rally_scaling=0.4)[0]
    people = land().residents
    usual = np.broadcast_to(np.where(people > 0, 30 * (np.maximum(people, 1) / 1e5) ** 0.4, 1.0), calls.shape)
    z = np.log(calls[calls > 0] / usual[calls > 0]) / 1.3
    assert len(z) > 4 * len(seeds)
    spread = two_sided(((z**2).sum() - len(z)) / math.sqrt(2 * len(z)))
    return min(1.0, 2 * min(two_sided(z.sum() / math.sqrt(len(z))), spread))


def rallies_begin_around_their_hour_by_day(seeds: range) -> float:
    hours = rallies_of(seeds, rally_hour=18.0)[1].ravel()
    assert hours.max() == 20
    edges = [8, 14, 15, 16, 17, 18, 19, 20]
    below = [NormalDist(18, 2).cdf(x) for x in edges]
    found = [*np.histogram(hours[hours < 20], edges)[0], (hours == 20).sum()]
    expected = [below[1], *np.diff(below[1:]), 1 - below[-1]]
    return chi_square(np.array(found, float), len(hours) * np.array(expected))


def rallies_bring_out_whom_they_call(seeds: range) -> float:
    """Of those within the potential of a place 1 - exp(-call / all of them), and nobody else."""
    only = [(f"mechanisms.{m}", "off", None) for m in MECHANISMS if m != "rallies"]
    plan = noisy(*only, scale=0.01, hours=47)
    values = LIVELY | {"base_pressure": 0.0, "protest_hours": 200.0, "rest_hours": 500.0, "potential": 0.3}
    values |= {"rally_rate": 40.0, "rally_size": 20_000.0, "rally_hour": 12.0, "rally_hours": 2.5, "rally_turnout": 2.0}
    able = class_sizes(plan).sum(axis=2)[:, [0, 1, 2, 3, 5]].sum(axis=1)
    found = mean = variance = 0.0
    for seed in seeds:
        history, seen = told(plan, values, seed)
        call = seen[30].call.sum(axis=1)  # of both days: later the first gives way to the third
        p = 0.3 * (1 - np.exp(-call / np.maximum(0.3 * able, 1)))
        assert (call > 0).sum() > 5
        found += history.joined.sum()
        mean += (able * p).sum()
        variance += (able * p * (1 - p)).sum()
        assert not history.joined[:, call == 0].any()
        assert not history.joined[:8].any()
    return two_sided((found - mean) / math.sqrt(variance))


def everybody_takes_part(law_of: Any) -> Any:
    return lambda params, *more: law_of({**params, "potential": 1.0}, *more)


def level(pick: Any) -> Any:
    return lambda now, what, weights, k: pick(now, what, (weights > 0).astype(float), k)


LAWS: list[tuple[Callable[[range], float], int, dict[str, Fault]]] = [
    (calls_make_people_join, 2, {"a tenth faster": heard("call_rate", 1.1, organization)}),
    (
        seats_fall_after_exponential_times,
        20,
        {"30 % faster": heard("seize_rate", 1.3, control), "slower": heard("seize_rate", 0.7, control)},
    ),
    (
        the_shock_has_its_spread_and_memory,
        100,
        {"wider": heard("shock_sd", 1.3, shock), "longer": heard("shock_hours", 4, shock), "shorter": heard("shock_hours", 0.25, shock)},
    ),
    (seeds_fall_on_people, 300, {"on any place alike": instead(seeding, "pick", level)}),
    (splits_fall_on_any_seat, 300, {"in order": instead(split, "pick", lambda pick: lambda now, what, weights, k: np.arange(k))}),
    (seeds_bring_out_their_people, 4, {"half more": heard("seed_people", 1.5, seeding)}),
    (
        places_turn_violent_after_exponential_times,
        3,
        {
            "30 % faster": heard("violence_rate", 1.3, violence),
            "slower": heard("violence_rate", 0.75, violence),
            "the same patience again": instead(violence, "exponential", lambda f: lambda now, what, k, n: f(now, what, k, 0)),
            "all at once": instead(violence, "exponential", lambda f: lambda now, what, k, n: f(now, what, 0, n)),
        },
    ),
    (
        rallies_are_as_many_as_their_rate_says,
        12,
        {
            "a tenth more": heard("rally_rate", 1.1, rallies),
            "in every place alike": after(rallies, lambda w, before: setattr(w, "call", w.call.mean(axis=0))),
            "as expected": instead(rallies, "poisson", lambda f: lambda seed, what, k, mean, day: float(round(mean))),
            "every day again": instead(rallies, "poisson", lambda f: lambda seed, what, k, mean, day: f(seed, what, k, mean, 0)),
        },
    ),
    (
        rallies_have_sizes_of_a_lognormal_law,
        40,
        {
            "wider": heard("rally_sd", 1.3, rallies),
            "larger": heard("rally_size", 1.5, rallies),
            "towns": heard("rally_scaling", 0, rallies),
            "all of one size": heard("rally_sd", 0, rallies),
        },
    ),
    (
        rallies_begin_around_their_hour_by_day,
        3,
        {"an earlier hour": heard("rally_hour", 0.98, rallies), "wider": instead(rallies, "SPREAD", lambda x: 2.3)},
    ),
    (
        rallies_bring_out_whom_they_call,
        4,
        {
            "half as many": instead(rallies, "step", lambda f: told_of("potential", 0.6, f)),
            "everybody takes part": instead(assemble, "law_of", everybody_takes_part),
        },
    ),
]


@pytest.mark.parametrize(("law", "size"), [law[:2] for law in LAWS], ids=[law[0].__name__ for law in LAWS])
def test_law_of_chance(law: Callable[[range], float], size: int) -> None:
    hold(law, size)


@pytest.mark.parametrize(
    ("law", "size", "fault"),
    [pytest.param(f, n, fault, id=f"{f.__name__}: {name}") for f, n, faults in LAWS for name, fault in faults.items()],
)
def test_a_law_of_chance_sees_a_planted_defect(law: Callable[[range], float], size: int, fault: Fault) -> None:
    with planted(fault), pytest.raises(AssertionError):
        hold_if_planted(law, size)


# --- directions, through whole histories ----------------------------------------------------------------------------------------------

Seen = tuple[History, list[View]]


@dataclass(frozen=True)
class Direction:
    """That a history has more (or less) of something at the higher value of a parameter than at the lower, on the same seeds."""

    name: str
    low: float
    high: float
    of: Callable[[Seen], float]
    least: float
    """smallest effect: difference of the logarithms of what is counted plus one; below zero, that it falls by as much"""
    fault: Fault
    edits: tuple[Change, ...] = ()
    values: tuple[tuple[str, float], ...] = ()
    hours: int = 20


def killed(seen: Seen) -> float:
    return float(seen[0].killed.sum())


def joins(seen: Seen) -> float:
    return float(seen[0].joined.sum())


def fighters(seen: Seen) -> float:
    return float(seen[0].fighting.sum())


def seat_hours(seen: Seen) -> float:
    return float(seen[0].seat_lost.sum() * seen[0].step_hours)


def units_where_the_crowd_is(seen: Seen) -> float:
    """Units sent, in people of the country, weighted by who is out."""
    out = seen[0].protesting
    units = np.array([w.force.sum(axis=0) for w in seen[1]]) / seen[0].scale
    return float((units * out).sum() / out.sum())


def minutes_out(seen: Seen) -> float:
    """Minutes out for each who joined."""
    return float(seen[0].protesting.sum() * seen[0].step_hours * 60 / seen[0].joined.sum())


def aside(seen: Seen) -> float:
    """Of a thousand units, who stand aside by themselves at the end."""
    return 1000 * float(seen[0].aside[-1])


def turned(seen: Seen) -> float:
    return 1000 * float(seen[0].changed_sides[-1])


def taken(seen: Seen) -> float:
    return float(seen[0].detained.sum())


def rule(seen: Seen) -> float:
    """Hours since decisions of the state, added up."""
    return sum(20 - s.at for s in seen[0].decisions if s.source == "policy")


OPEN = (("steps.all", "add_step", {"kind": "stand_aside", "places": ["KZ"], "at": 0.0, "size": 1}),)
CLOSED_AGAIN = (*OPEN, ("steps.back", "add_step", {"kind": "stand_aside", "places": ["KZ"], "at": 10.0, "size": 0}))
HERE = (("steps.here", "add_step", {"kind": "intervention", "places": ["KZ-ALA"], "at": 0.0, "size": 2500}),)
MANY = (("steps.here", "add_step", {"kind": "intervention", "places": ["KZ"], "at": 0.0, "size": 100_000}),)
LEADS = (EVERYWHERE, ("organizations.network.demand_gap", "set", 2.0))
GIFT = ("steps.gift", "add_step", {"kind": "concession", "places": ["KZ"], "at": 4.0, "size": 1})
SPLIT = (("mechanisms.split", "set", 1),)
SEEDED = (("mechanisms.seeding", "set", 1),)

WEAK = (("police_on_duty", 0.1), ("guard_ready", 0.0))
AGREED = (("base_pressure", 1e-4), ("rally_rate", 100.0), ("rally_size", 10_000.0), ("rally_hour", 12.0))

RULED = (("drivers.emergency", "set", "policy"), ("government.signal", "set", "participants"))
LOW_RUNGS = (("rung_emergency", 0.05), ("decide_hours", 2.0), ("see_people_half", 3e5))
ASIDES = (("aside_rate", 0.03),)
QUICK = (("intervention_delay", 0.0), ("intervention_pace", 1e6))
REACH = (("organization_reach", 0.5),)
ARMED = (("loot_rate", 1.0), ("armoury", 3.0), ("police_on_duty", 0.2))
FAST = (("reinforce_rate", 1.0), ("muster_hours", 0.0), ("airlift_hours", 2.0))
ALL_OBEY = (("order_obeyed", 1.0),)
SOON = (("seed_hour", 0.0), ("seed_hours", 12.0), ("seed_people", 2000.0))

DIRECTIONS = [
    Direction("devaluation_slope", 0, 10, joins, 0.2, heard("devaluation_slope", -1, economy)),
    Direction("call_rate", 0, 0.005, joins, 0.1, heard("call_rate", 0, organization), (EVERYWHERE,), (*REACH, ("organization_capacity", 1e8))),
    Direction("organization_retention", 0, 2, minutes_out, 0.1, heard("organization_retention", -1, organization), (EVERYWHERE,), REACH),
    Direction("organization_discipline", 0, 2, fighters, -0.2, heard("organization_discipline", -1, violence), (EVERYWHERE,), (*REACH, ("violence_rate", 0.1))),
    Direction("lag_effect", 0, 0.5, joins, 0.2, heard("lag_effect", -1, organization), LEADS, REACH),
    Direction("organization_demand", 0, 10, joins, -0.2, heard("organization_demand", 0, demands), (*LEADS, GIFT), (*REACH, ("concession_met", 1.0), ("concession_short", -1.0))),
    Direction("split_cities", 0, 17, seat_hours, 0.5, heard("split_cities", 0, split), SPLIT, (*ALL_OBEY, ("split_hour", 0.0))),
    Direction("order_obeyed", 0, 1, killed, -0.5, heard("order_obeyed", 0, loyalty), OPEN),
    Direction("order_obeyed", 0, 1, seat_hours, 0.5, heard("order_obeyed", 0, loyalty), OPEN),
    Direction("aside_rate", 0, 0.1, killed, -0.2, heard("aside_rate", 0, loyalty)),
    Direction("aside_rate", 0, 0.1, seat_hours, 0.1, heard("aside_rate", 0, loyalty)),
    Direction("aside_outnumbered", -1, 1, aside, 0.5, heard("aside_outnumbered", -1, loyalty), (), ASIDES),
    Direction("aside_deaths", 0, 1, aside, 0.3, heard("aside_deaths", -1, loyalty), (), ASIDES),
    Direction("defect_share", 0, 0.3, turned, 0.5, heard("defect_share", 0, loyalty), (), ASIDES),
    Direction("intervention_loyalty", 0, 2, aside, -0.5, heard("intervention_loyalty", -1, loyalty), HERE, (*ASIDES, *QUICK)),
    Direction("intervention_effect", -0.5, 0.5, joins, 0.3, heard("intervention_effect", -1, intervention), HERE, QUICK),
    Direction("intervention_frees", 0, 1, units_where_the_crowd_is, 0.1, heard("intervention_frees", 0, intervention), HERE, QUICK),
    Direction("intervention_fights", 0, 1, units_where_the_crowd_is, 0.2, heard("intervention_fights", 0, intervention), HERE, QUICK),
    Direction("intervention_fights", 0, 1, killed, 0.2, heard("intervention_fights", 0, intervention), MANY, QUICK),
    Direction("force_ratio", 0, 1, units_where_the_crowd_is, 0.1, heard("force_ratio", 0, forces), (), FAST),
    Direction("violence_force", -0.5, 0.5, fighters, 0.3, heard("violence_force", -1, violence), (), (("violence_rate", 0.01),)),
    Direction("violence_rate", 0.01, 1, fighters, 0.5, heard("violence_rate", 0, violence)),
    Direction("escalation_rate", 0.002, 0.02, fighters, 0.5, heard("escalation_rate", 0, violence)),
    Direction("crowd_weight", 0, 1, seat_hours, 0.3, heard("crowd_weight", 0, control), (), (("escalation_rate", 0.0), *WEAK)),
    Direction("potential", 0.1, 1.0, joins, 0.5, instead(assemble, "law_of", everybody_takes_part)),
    Direction("rally_rate", 5, 500, joins, 0.3, heard("rally_rate", 0, rallies), (), AGREED, 40),
    Direction("rally_size", 200, 20_000, joins, 0.3, heard("rally_size", 0, rallies), (), AGREED, 40),
    Direction("rally_turnout", 0, 2, joins, 0.1, heard("rally_turnout", 0, rallies), (), (*AGREED, ("price_effect", 2.0), ("fuel_contrast", 0.0)), 40),
    Direction("media_gain", 0, 2, joins, 0.3, heard("media_gain", 0, diffusion)),
    Direction("near_gain", 0, 2, joins, 0.3, heard("near_gain", 0, diffusion)),
    Direction("crowd_gain", 0, 2, joins, 0.3, heard("crowd_gain", 0, diffusion)),
    Direction("shared_cause", 0, 1, joins, -0.3, heard("shared_cause", 0, diffusion), (("steps.price-free", "off", None),), (("media_gain", 2.0),)),
    Direction("lethality_fight", 1, 10, killed, 0.2, heard("lethality_fight", 0, repression)),
    Direction("arms_effect", 0, 10, seat_hours, 0.2, heard("arms_effect", 0, control), (), ARMED),
    Direction("seize_rate", 0.02, 0.5, seat_hours, 0.3, heard("seize_rate", 0, control), OPEN, ALL_OBEY),
    Direction("retake_rate", 0, 3, seat_hours, -0.1, heard("retake_rate", 0, control), CLOSED_AGAIN, (*ALL_OBEY, ("fight_hours", 1.0), ("seize_rate", 1.0))),
    Direction("seat_effect", -1, 1, joins, 0.1, heard("seat_effect", -1, control), OPEN, (*ALL_OBEY, ("seize_rate", 2.0))),
    Direction("seat_lethality", 0, 1.5, killed, 0.1, heard("seat_lethality", -1, repression), OPEN, (("order_obeyed", 0.8), ("lethality", 0.1))),
    Direction("decide_hours", 0, 8, rule, -0.3, heard_by_policy("decide_hours", 0), RULED, LOW_RUNGS),
    Direction("rung_emergency", 0.05, 0.45, rule, -0.2, heard_by_policy("rung_emergency", 0), RULED, LOW_RUNGS),
    Direction("see_people_half", 3e6, 3e4, rule, 0.2, heard_by_policy("see_people_half", 1e-9), RULED, LOW_RUNGS),
    Direction("seed_people", 0, 2000, joins, 0.1, heard("seed_people", 0, seeding), SEEDED, (*SOON[:2], ("base_pressure", 1e-4))),
    Direction("seed_escalation", 0, 1, fighters, 0.1, heard("seed_escalation", 0, seeding), SEEDED, SOON),
]  # fmt: skip
PAIRS = 4
_histories: dict[Any, float] = {}


def moves(d: Direction, fault: str = "") -> None:
    """The direction holds; with a defect planted, the histories are its own."""

    def p_value(seeds: range) -> float:
        def seen(seed: int, value: float) -> float:
            key = (d.name, d.of, value, d.edits.__repr__(), d.values, seed, fault)
            if key not in _histories:
                plan = noisy(*d.edits, hours=d.hours, dt=2.0)
                _histories[key] = d.of(told(plan, LIVELY | dict(d.values) | {d.name: value}, seed))
            return _histories[key]

        differences = np.array([math.log(seen(s, d.high) + 1) - math.log(seen(s, d.low) + 1) for s in seeds])
        return falls_short(differences * math.copysign(1, d.least), abs(d.least))

    if fault:
        hold_if_planted(p_value, PAIRS)
    else:
        hold(p_value, PAIRS)


NAMES = [f"{d.name}: {d.of.__name__}" for d in DIRECTIONS]


@pytest.mark.parametrize("direction", DIRECTIONS, ids=NAMES)
def test_direction(direction: Direction) -> None:
    moves(direction)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=NAMES)
def test_a_direction_sees_a_planted_defect(direction: Direction) -> None:
    with planted(direction.fault), pytest.raises(AssertionError):
        moves(direction, "planted")


# --- rivals read nothing of the record ------------------------------------------------------------------------------------------------


def check_places_of_rivals_are_not_those_of_the_record() -> None:
    steps = [s.id for s in country().steps]
    none = tuple((f"steps.{s}", "off", None) for s in steps)
    others = tuple((f"steps.{s}", "shift_step", -100.0) for s in steps)
    aside = ("steps.aside", "add_step", {"kind": "stand_aside", "places": ["KZ-VOS"], "at": 0.0, "size": 1})
    for name, what in (("seeding", "seeded"), ("split", "told"), ("shock", "mood")):
        on = (f"mechanisms.{name}", "set", 1)
        found = []
        for edits in ((on,), (on, *none), (on, *others), (on, aside)):
            drawn = [getattr(course(0, QUIET_COUNTRY, *edits, luck=seed)[0], what) for seed in range(6)]
            found.append([d.tolist() for d in drawn])
        assert found[0] == found[1] == found[2] == found[3]
        assert len({repr(d) for d in found[0]}) > 3  # not always the same


def reading(world: View, before: View) -> None:
    """A seed where the record has an emergency, if it has one by now."""
    if world.emergency.any():
        world.seeded = world.emergency


def told_by_decisions(world: View, before: View) -> None:
    if PRICE in world.decisions.kind:
        world.told = world.decisions.where[list(world.decisions.kind).index(PRICE)]


def test_places_of_rivals_are_not_those_of_the_record() -> None:
    check_places_of_rivals_are_not_those_of_the_record()
    for module, spoil in ((repression, reading), (split, told_by_decisions)):
        with planted(after(module, spoil)), pytest.raises(AssertionError):
            check_places_of_rivals_are_not_those_of_the_record()


RIVALS = [name for name in scenario().file.arms if name.startswith("rival-")]


def test_there_are_rivals() -> None:
    assert {"rival-home-grown", "rival-common-shock", "rival-labour", "rival-seeding", "rival-split", "rival-composite"} <= set(RIVALS)


@pytest.mark.parametrize("engine", ["event", "mean"])
@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_resolves_and_runs(name: str, engine: str) -> None:
    plan = freed(resolve(scenario(), [Edit(path="time.hours", value=48), *arm_edits(scenario(), name)], scale=0.002))
    assert plan.sha256() != country(("time.hours", "set", 48), scale=0.002).sha256()
    history = simulate(plan, defaults() | {"base_pressure": 1e-4, "potential": 0.5}, 4, engine=engine)
    assert history.protesting.shape == (48, len(plan.places))
    assert np.isfinite(history.protesting).all()
    assert history.joined.sum() > 10


# --- hypotheses -----------------------------------------------------------------------------------------------------------------------


def check_every_hypothesis_names_coefficients_that_may_be_nothing() -> None:
    account = load_account(CASE)
    hypotheses = {h.hypothesis_id: h for h in account.account.hypotheses.rows}
    assert sorted(hypotheses) == [f"H{k:02}" for k in range(1, 17)]
    for name, hypothesis in hypotheses.items():
        assert bool(hypothesis.coefficients) == (hypothesis.test != "none"), name
        for coefficient in hypothesis.coefficients:
            prior = parameters()[coefficient].prior
            symmetric = prior.kind == "normal" and prior.a == 0
            assert symmetric or prior.spike > 0, (name, coefficient)
            drawn = sorted(parameters()[coefficient].draw(1, k) for k in range(400))
            below, above = sum(x < 0 for x in drawn), sum(x > 0 for x in drawn)
            if symmetric and not prior.spike:
                assert abs(below - above) < 100  # five standard errors: and limits cut none of the sides off
            else:
                assert 400 - below - above > 400 * prior.spike - 50


def test_every_hypothesis_names_coefficients_that_may_be_nothing() -> None:
    check_every_hypothesis_names_coefficients_that_may_be_nothing()
    table = parameters()
    for name, prior in (("backlash", {"a": 0.1}), ("arms_effect", {"spike": 0.0})):
        worse = table[name].model_copy(update={"prior": table[name].prior.model_copy(update=prior)})
        fault = instead(sys.modules[__name__], "parameters", lambda f, n=name, w=worse: lambda: {**table, n: w})
        with planted(fault), pytest.raises(AssertionError):
            check_every_hypothesis_names_coefficients_that_may_be_nothing()


# --- the state by policy --------------------------------------------------------------------------------------------------------------

LOOK = {
    **{f"rung_{x}": 0.9 for x in ("price", "cabinet", "emergency", "internet", "intervention", "shoot", "framing")},
    "see_visible": 100.0, "see_people_half": 1000.0, "see_clash_half": 50.0, "see_seats_half": 2.0,
    "weigh_participants": 1.0, "weigh_spread": 0.5, "weigh_clashes": 0.25, "weigh_seats": 0.25,
    "decide_hours": 0.0, "relax_hours": 10.0,
}  # fmt: skip
KINDS = set(STEP_KINDS) - {"stand_aside"}


def sight(clashes: float = 0.0, seats: Sequence[str] = (), **people: float) -> VisibleState:
    """People out by region (the end of its id), fighters in the two largest cities, seats lost."""
    out = np.zeros(17)
    for name, n in people.items():
        out[region(f"KZ-{name}")] = n
    return VisibleState(out, clashes, np.isin(np.arange(17), [region(f"KZ-{s}") for s in seats]))


def decided(
    seen: Callable[[int], VisibleState], hours: int, signal: str = "participants", kinds: Any = KINDS, **values: float
) -> list[Any]:
    """Kind, hour, size and places of what a policy decides."""
    policy = Policy(land(), defaults() | LOOK | values, signal, set(kinds), 2500.0)
    return [(s.kind, s.at, s.size, s.places) for t in range(hours) for s in policy.decide(seen(t), float(t), 1.0)]


def check_a_decision_is_made_where_its_signal_reaches_its_rung() -> None:
    there = sight(60.0, ("ALA", "MAN", "KZY"), ALA=2000, MAN=150, KZY=99, AKT=751)
    of = {"participants": 3000 / 4000, "spread": 3 / 17, "clashes": 60 / 110, "seats": 3 / 5}
    of["threat"] = (of["participants"] + 0.5 * of["spread"] + 0.25 * of["clashes"] + 0.25 * of["seats"]) / 2
    for signal, value in of.items():
        for rung in ("price", "cabinet", "emergency", "internet", "intervention", "shoot", "framing"):
            below, above = (decided(lambda t: there, 3, signal, **{f"rung_{rung}": value + d}) for d in (0.001, -0.001))
            kinds = {"price": ["price", "concession"], "cabinet": ["concession"], "shoot": ["shoot_order"]}.get(rung, [rung])
            first = [kind for kind, at, *_ in above if at == 0]
            passed = [k for k, *_ in decided(lambda t: there, 3, signal)]  # above 0.9 already: none
            assert not passed
            assert not below, (signal, rung)
            assert first == kinds, (signal, rung)


def check_a_decision_takes_its_hours_even_if_all_is_calm_by_then() -> None:
    for hours in (0, 5):
        once = decided(lambda t: sight(ALA=5000 * (t == 2)), 30, rung_cabinet=0.8, decide_hours=hours)
        assert once == [("concession", 2.0 + hours, 2.0, tuple(range(len(land().residents))))]


def check_a_decision_is_taken_back_after_calm() -> None:
    there = tuple(np.flatnonzero(of_region("KZ-ALA")).tolist())

    def emergencies(crowd: dict[int, float], relax: float) -> list[tuple[float, float]]:
        found = decided(lambda t: sight(ALA=crowd.get(t, 0)), 100, kinds={"emergency"}, rung_emergency=0.5, relax_hours=relax)
        assert all(kind == "emergency" and where == there for kind, _, _, where in found)
        return [(at, size) for _, at, size, _ in found]

    # The signal is at half its rung when the peak has faded to 333: 24 log2(3) = 38.04 hours after one of 1,000,
    # 24 log2(1.2) = 6.3 hours after one of 400.
    assert emergencies({0: 1000}, 10) == [(0, 1), (39 + 10, 0)]
    assert emergencies({0: 1000, 45: 400, 80: 1000}, 20) == [(0, 1), (52 + 20, 0), (80, 1)]  # calm begins anew, and so does the state
    kinds = {"price", "concession", "intervention", "framing", "internet", "shoot_order"}
    low = {f"rung_{x}": 0.5 for x in ("price", "cabinet", "intervention", "framing", "internet", "shoot")}
    found = decided(lambda t: sight(ALA=1000 * (t == 0)), 60, kinds=kinds, **low)
    assert sorted((kind, size) for kind, at, size, _ in found if at == 49) == [("framing", 0), ("internet", 2), ("shoot_order", 0)]
    first = [
        ("concession", 1),
        ("concession", 2),
        ("framing", 1),
        ("internet", 0),
        ("intervention", 2500),
        ("price", 60),
        ("shoot_order", 1),
    ]
    assert sorted((kind, size) for kind, at, size, _ in found if at == 0) == first
    assert len(found) == 10


def check_an_emergency_spreads_as_unrest_is_seen() -> None:
    def seen(t: int) -> VisibleState:
        return sight(ALA=5000, MAN=200 * (t >= 3), KZY=99, AKT=150 * (t >= 7))

    rungs = {"rung_emergency": 0.5, "rung_internet": 0.5, "rung_price": 0.5}
    found = decided(seen, 12, kinds={"emergency", "internet", "price"}, **rungs)
    for kind in ("emergency", "price"):
        where = [(at, places) for k, at, _, places in found if k == kind]
        assert where == [(at, tuple(np.flatnonzero(of_region(r)).tolist())) for at, r in ((0, "KZ-ALA"), (3, "KZ-MAN"), (7, "KZ-AKT"))]
    assert [(at, len(places)) for k, at, _, places in found if k == "internet"] == [(0, len(land().residents))]
    troops = decided(seen, 12, kinds={"intervention"}, rung_intervention=0.5)
    assert troops == [("intervention", 0.0, 2500.0, (number("Almaty"),))]


def check_nothing_is_decided_when_nothing_is_seen() -> None:
    rungs = {f"rung_{x}": 0.01 for x in ("price", "cabinet", "emergency", "internet", "intervention", "shoot", "framing")}
    for signal in ("threat", "seats", "clashes", "spread", "participants"):
        assert not decided(lambda t: sight(), 300, signal, **rungs)


def check_each_kind_has_its_driver() -> None:
    mixed: tuple[Change, ...] = (("drivers.emergency", "set", "policy"), ("drivers.internet", "off", None))
    values = LIVELY | LOOK | {"rung_emergency": 0.3, "decide_hours": 3.0, "see_people_half": 20000.0, "police_on_duty": 0.1}
    plan = country(("time.hours", "set", 126), *mixed, scale=0.001)
    history = simulate(plan, values, 1, engine="mean")
    recorded = {s.id for s in plan.steps if s.at <= 125}
    by = {s.id: s for s in history.decisions}
    assert {s.kind for s in by.values() if s.source == "policy"} == {"emergency"}
    assert not [s for s in by.values() if s.kind == "internet"]
    assert {s.id for s in plan.steps if s.kind not in ("emergency", "internet") and s.id in recorded} < set(by)
    assert not [s for s in by.values() if s.kind == "emergency" and s.id in recorded]
    assert [s.at for s in history.decisions] == sorted(s.at for s in history.decisions)
    every = country(("time.hours", "set", 126), ("drivers.all", "set", "policy"), scale=0.001)
    history = simulate(
        every,
        values
        | {f"rung_{x}": 0.3 for x in ("price", "cabinet", "internet")}
        | {f"rung_{x}": 1.0 for x in ("shoot", "framing", "intervention")},
        1,
        engine="mean",
    )
    given = {s.id for s in every.steps if s.given}  # what made people rise is given, whoever answers
    assert {s.id for s in history.decisions if s.source != "policy"} == given
    assert given
    assert {s.kind for s in history.decisions if s.source == "policy"} == {"price", "concession", "emergency", "internet"}
    nobody = country(("time.hours", "set", 126), ("drivers.all", "off", None), scale=0.001)
    assert {s.id for s in simulate(nobody, values, 1, engine="mean").decisions} == given


def all_rungs(**changed: Any) -> Fault:
    return instead(government, "LADDER", lambda ladder: tuple(r._replace(**changed) for r in ladder))


def one_sided(signals: Any) -> Any:
    """The threat is that of participants."""
    return lambda *seen: (found := signals(*seen)) | {"threat": found["participants"]}


def everything_recorded(patch: pytest.MonkeyPatch) -> None:
    """The record yields all it has, whoever should decide."""

    def due(self: Any, t: int, dt: float) -> Any:
        return tuple(s for s in EVERY_STEP if (t - 1) * dt < s.at <= t * dt)

    patch.setattr(Recorded, "due", due)


EVERY_STEP = Recorded(country(scale=0.001)).steps

POLICY: list[tuple[Check, dict[str, Fault]]] = [
    (
        check_a_decision_is_made_where_its_signal_reaches_its_rung,
        {
            "half": heard_by_policy("see_people_half", 1.1),
            "visible": heard_by_policy("see_visible", 0.9),
            "weights": instead(government, "signals", one_sided),
            "rungs swapped": all_rungs(rung="rung_price"),
        },
    ),
    (check_a_decision_takes_its_hours_even_if_all_is_calm_by_then, {"at once": heard_by_policy("decide_hours", 0)}),
    (
        check_a_decision_is_taken_back_after_calm,
        {
            "sooner": heard_by_policy("relax_hours", 0.9),
            "for good": all_rungs(back=None),
            "a short memory": instead(government, "DAY_HOURS", lambda x: 12.0),
        },
    ),
    (check_an_emergency_spreads_as_unrest_is_seen, {"everywhere": all_rungs(national=True), "unseen": heard_by_policy("see_visible", 0)}),
    (
        check_nothing_is_decided_when_nothing_is_seen,
        {"ghosts": instead(government, "signals", lambda f: lambda *seen: {k: v + 0.02 for k, v in f(*seen).items()})},
    ),
    (check_each_kind_has_its_driver, {"both": everything_recorded, "nobody": instead(Policy, "decide", lambda f: lambda *a: ())}),
]


@pytest.mark.parametrize("check", [c for c, _ in POLICY], ids=lambda c: c.__name__[6:])
def test_policy(check: Check) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "fault"), [pytest.param(c, f, id=f"{c.__name__[6:]}: {name}") for c, faults in POLICY for name, f in faults.items()]
)
def test_policy_sees_a_planted_defect(check: Check, fault: Fault) -> None:
    with planted(fault), pytest.raises(AssertionError):
        check()


# --- outcome ------------------------------------------------------------------------------------------------------------------------

SEATS = 4
CROWD = np.array([0.0, 500, 2000, 5000, 4000, 501] + [500.0] * 5 + [0.0] * 50)


def end(crowd: np.ndarray = CROWD, *, lost: dict[int, range] | None = None, dt: float = 1.0, **changed: Any) -> outcome.Outcome:
    """How a history of 61 steps ended, in which nothing was granted and no force used, unless changed; the capital is region 2."""
    seats = np.zeros((len(crowd), SEATS), bool)
    for seat, hours in (lost or {}).items():
        seats[list(hours), seat] = True
    given = {
        "granted": np.zeros(SEATS), "asked": np.full(SEATS, 1.4), "protest_days": np.array([1.0, 2.0, 0.0, 0.0]), "force": False,
        "killed": 0.0, "security_killed": 0.0, "detained": 0.0,
    } | changed  # fmt: skip
    return outcome.judge(crowd, step_hours=dt, seat_lost=seats, capital=2, **given)


def check_every_rule_of_the_outcome() -> None:
    late = CROWD.copy()
    late[-24] = 500.5
    later = np.roll(late, -1)
    one = np.array([1.0, 0.0, 0.0, 0.0])
    two = np.array([0.0, 1.0, 0.0, 0.0])
    cases: list[tuple[str, outcome.Outcome]] = [
        ("quiet", end(np.array([999.0] * 30))),
        ("ongoing", end(np.array([1000.0] * 30))),
        ("collapsed", end(lost={2: range(10, 34)})),
        ("faded", end(lost={2: range(10, 33)})),
        ("faded", end(lost={0: range(10, 50)})),  # one of four, and not the capital
        ("collapsed", end(lost={0: range(10, 34), 1: range(10, 34)})),
        ("collapsed", end(lost={0: range(10, 34), 1: range(10, 20), 3: range(20, 34)})),  # half at every hour
        ("faded", end(lost={0: range(10, 33), 1: range(10, 34)})),
        ("collapsed", end(lost={2: range(10, 58)}, dt=0.5)),
        ("faded", end(lost={2: range(10, 57)}, dt=0.5)),
        ("ongoing", end(late)),
        ("faded", end(later)),
        ("ongoing", end(lost={0: range(60, 61)})),
        ("faded", end(lost={0: range(59, 60)})),
        ("conceded", end(granted=two)),  # two thirds of the protest, and 1.4 is the first rung
        ("settled", end(granted=one)),  # a third of it
        ("settled", end(granted=two, asked=np.full(SEATS, 1.5))),  # half a level more is the next rung
        ("faded", end(granted=np.array([0.0, 0.0, 3.0, 3.0]))),  # where nobody protested
        ("settled", end(granted=one, killed=4.9)),
        ("suppressed", end(granted=one, killed=5.0)),
        ("suppressed", end(force=True)),
        ("suppressed", end(killed=1.0, detained=4.0)),
        ("faded", end(killed=1.0, detained=3.9, security_killed=100.0)),
    ]
    assert [found.name for _, found in cases] == [name for name, _ in cases]
    assert {name for name, _ in cases} == set(outcome.OUTCOMES)


def check_the_order_of_the_rules() -> None:
    # A history to which all rules apply but the first and the last; then one rule after the other does not.
    late = CROWD.copy()
    late[-1] = 501
    all_ = {"granted": np.full(SEATS, 3.0), "force": True, "detained": 500.0}
    short = {**all_, "granted": np.full(SEATS, 1.0), "asked": np.full(SEATS, 3.0)}
    found = [
        end(late / 10, lost={2: range(61)}, **all_),
        end(late, lost={2: range(61)}, **all_),
        end(late, lost={2: range(40, 61)}, **all_),
        end(CROWD, **all_),
        end(CROWD, **short),
        end(CROWD, **{**short, "granted": np.zeros(SEATS)}),
        end(CROWD),
    ]
    assert [f.name for f in found] == list(outcome.OUTCOMES)


def check_numbers_of_the_outcome() -> None:
    found = end(lost={0: range(3, 5), 3: range(9, 10)}, killed=3.0, security_killed=2.0, detained=7.0, dt=0.5)
    assert (found.peak, found.killed, found.security_killed, found.detained, found.seats_lost) == (5000, 3, 2, 7, 2)
    assert found.hours == 2.0  # from 2,000 to 501, four half hours; a tenth of the peak exactly is over
    assert end(np.array([999.0] * 30)).hours == 0


def check_the_outcome_does_not_depend_on_the_scale() -> None:
    values = LIVELY | {"base_pressure": 2e-4, "decide_hours": 3.0, "rung_price": 0.1, "rung_emergency": 0.1}
    drivers = [(f"drivers.{kind}", "set", "policy") for kind in KINDS]
    for police in (0.004, 0.3):
        edits = [(f"regions.{r.id}.police", "set", police) for r in country().regions]
        plans = [
            country(("time.hours", "set", 72), *drivers, *edits, scale=scale) for scale in (0.02, 0.1)
        ]  # 100 people are two of the smaller model
        one, other = (simulate(p, values, 1, engine="mean") for p in plans)
        assert one.outcome.name == other.outcome.name
        for name in ("peak", "killed", "detained", "security_killed"):
            assert getattr(one.outcome, name) == pytest.approx(getattr(other.outcome, name), rel=0.02), name
        assert one.outcome.hours == other.outcome.hours
        assert [(s.id, s.at) for s in one.decisions] == [(s.id, s.at) for s in other.decisions]
        assert len(one.decisions) > 3


def constant(name: str, value: float) -> Fault:
    return instead(outcome, name, lambda x: value)


OUTCOME: list[tuple[Check, dict[str, Fault]]] = [
    (
        check_every_rule_of_the_outcome,
        {
            "uprising": constant("UPRISING", 998.0),
            "tenth": constant("TENTH", 0.11),
            "a day": constant("HELD_HOURS", 23.0),
            "one in a thousand": constant("IN_A_THOUSAND", 0.0011),
        },
    ),
    (check_the_order_of_the_rules, {"uprising": constant("UPRISING", 100.0), "held": constant("HELD_HOURS", 20.0)}),
    (check_numbers_of_the_outcome, {"tenth": constant("TENTH", 0.09)}),
    (
        check_the_outcome_does_not_depend_on_the_scale,
        {
            "police": instead(loop, "land_of", lambda f: lambda *a: replace(f(*a), police=f(*a).police ** 1.3)),
            "seen": instead(
                government,
                "visible_state",
                lambda f: lambda land, w, c: f(land, w, c)._replace(people=land.by_region(c.n[PROTESTING].sum(axis=1))),
            ),
        },
    ),
]


@pytest.mark.parametrize("check", [c for c, _ in OUTCOME], ids=lambda c: c.__name__[6:])
def test_outcome(check: Check) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "fault"), [pytest.param(c, f, id=f"{c.__name__[6:]}: {name}") for c, faults in OUTCOME for name, f in faults.items()]
)
def test_outcome_sees_a_planted_defect(check: Check, fault: Fault) -> None:
    with planted(fault), pytest.raises(AssertionError):
        check()
