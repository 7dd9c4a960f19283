"""One hour of the model: mechanisms in order, then the rates for the engine.

    pressure of a class = (base_pressure x time of day x day off x exp(terms of the place) + rallies) x exp(terms of the class)
                          + calls and seeds

Those out leave with a half-life, faster at night; rest; and come back to quiet with a new resistance. Protesters may begin to fight;
fighters leave with a half-life of their own. Detained are let go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from qantar.compiled import jit, leaf
from qantar.model import (
    control,
    demands,
    diffusion,
    economy,
    forces,
    grievance,
    information,
    intervention,
    loyalty,
    organization,
    rallies,
    repression,
    seeding,
    shock,
    split,
    violence,
    weapons,
    world,
)
from qantar.model.contract import Counts, Floats, Rates
from qantar.model.rules import DEAD, DETAINED, FIGHTING, KILLING, N_STATES, PROTESTING, QUIET, QUOTAS, TAKING, WITHDRAWN, Law
from qantar.model.world import EMERGENCY, SHOOT_ORDER, Land, StateStep, World, day_off, decided, decisions_of, excitement, filled, first_row
from qantar.scenario.names import parameter_names
from qantar.scenario.parameters import Values

MECHANISMS: dict[str, ModuleType] = {
    m.NAME: m
    for m in (
        information,
        economy,
        grievance,
        organization,
        demands,
        split,
        loyalty,
        intervention,
        forces,
        violence,
        weapons,
        seeding,
        control,
        repression,
        diffusion,
        shock,
        rallies,
    )
}
"""In the order in which they act within a step. One that is off is not called at all.

A mechanism is one file and one word here. The file says its equations and holds `NAME` and `step`, compiled, which is called once an
hour with the `World`; where needed, columns of its own (`COUNTRY`, `REGION`, `PLACE`), the names of its terms (`TERMS` by place,
`CLASS_TERMS` by class), and `begin`, plain Python, which is called once before the first hour and gives the world it was given, or one
with other arrays. What concerns one place or region alone is a function of its row, of the parameters `p` and the country `now`.
"""

NIGHT = (23.0, 7.0)
PARTS = ("COUNTRY", "REGION", "PLACE", "SECTOR", "ORGANIZATION")


def columns(part: str) -> world.Columns:
    """Columns of a table, those of every mechanism among them, whether it is on or not; terms in the order in which they are added up."""
    if part in ("TERMS", "CLASS_TERMS"):
        return {name: 0.0 for m in MECHANISMS.values() for name in getattr(m, part, ())}
    return world.merged([getattr(world, part), *(getattr(m, part, {}) for m in MECHANISMS.values())])


@cache
def _first_row(part: str) -> Any:
    return first_row(dict.fromkeys(parameter_names(), 0.0) if part == "PARAMETERS" else columns(part))


def _table(part: str, *shape: int) -> Any:
    """As many rows, at the start."""
    row = _first_row(part)
    return np.full(shape, row[0], row.dtype)


def law_of(params: Values, seed: int, mechanisms: Sequence[str]) -> Law:
    """What the engine must know for a whole history."""
    factors = diffusion.factors(params, ties="diffusion" in mechanisms, harm="repression" in mechanisms)
    return Law(seed, params["frailty"], params["potential"], factors, params["fixed_line"])


def new_world(land: Land, params: Values, dt: float, seed: int, mechanisms: Sequence[str], *, expected: bool = False) -> World:
    """The country at the start of a history; `expected` asks for expected numbers in place of drawn ones."""
    places, sectors, bins = land.n_places, len(land.takes_part), len(land.hardship)
    rows = {"COUNTRY": 1, "REGION": land.n_regions, "PLACE": places, "SECTOR": sectors, "ORGANIZATION": len(land.organizations)}
    country, region, place, sector, organization = (filled(_table(part, n), land) for part, n in rows.items())
    country["dt"], country["seed"], country["expected"] = dt, seed, expected
    region["people"] = land.by_region(land.residents.astype(float))
    for row, body in zip(organization, land.organizations, strict=True):
        row["demand_gap"], row["start"], row["end"] = body.demand_gap, body.start, body.end
    term, class_term = _table("TERMS", places), _table("CLASS_TERMS", land.n_regions, sectors, bins)
    values = _table("PARAMETERS", 1)
    values[0] = tuple(params[name] for name in parameter_names())
    w = World(
        params=values,
        country=country,
        region=region,
        place=place,
        sector=sector,
        term=term,
        class_term=class_term,
        organization=organization,
        on=np.array([name in mechanisms for name in MECHANISMS]),
        decisions=decisions_of((), places),
        hardship=land.hardship.astype(float),
        days_off=land.days_off,
        able=np.asarray(land.sector_residents * land.takes_part, float),
        presence=np.array([o.presence for o in land.organizations], float).reshape(-1, places, sectors),
        km=np.zeros((0, 0)),
        nearness=np.zeros((0, 0)),
        nearby=np.zeros(places),
        on_the_way=np.zeros((0, 0, 0)),
        terms=_numbers(term),
        class_terms=_numbers(class_term),
        factor=np.zeros(class_term.shape),
        a=np.zeros(places),
        g=np.zeros(places * sectors * bins),
        b=np.zeros((places, sectors)),
        leave=np.zeros((N_STATES, places, N_STATES)),
        quota=np.zeros((len(QUOTAS), places)),
        connectivity=np.zeros(places, np.int64),
    )
    for name, mechanism in MECHANISMS.items():
        if name in mechanisms and hasattr(mechanism, "begin"):
            w = mechanism.begin(w, land)
    return w


def _numbers(rows: Any) -> Floats:
    """The same memory with a dimension more in place of columns, which must all be floats."""
    return np.asarray(rows.view(np.float64).reshape(*rows.shape, len(rows.dtype.names)))


def step(w: World, counts: Counts, t: int, steps: Sequence[StateStep] = ()) -> Rates:
    """All mechanisms that are on, then the rates of this step. The next step writes to the same arrays: whoever keeps them copies."""
    if steps:
        w = w._replace(decisions=decisions_of(steps, len(w.place)))
    hour(w, t, counts.n.astype(float), counts.moved.astype(float))
    quota: Any = w.quota if w.country["expected"][0] else w.quota.astype(np.int64)
    return Rates(float(w.country["dt"][0]), w.a, w.g, w.b, w.connectivity, w.leave, quota)


@leaf
def hour(w: World, t: int, n: Floats, moved: Floats) -> None:
    """The whole hour, compiled: who is where, mechanisms, rates."""
    look(w, t, n, moved)
    _act(w)
    rate(w)


def _in_order(mechanisms: Sequence[ModuleType], first: int = 0) -> Callable[[World], None]:
    """One function that calls one mechanism after the other, each if it is on; it becomes part of the one that calls it."""
    if len(mechanisms) == 1:
        mechanism = mechanisms[0].step

        def act(w: World) -> None:
            if w.on[first]:
                mechanism(w)

    else:
        half = len(mechanisms) // 2
        before, after = _in_order(mechanisms[:half], first), _in_order(mechanisms[half:], first + half)

        def act(w: World) -> None:
            before(w)
            after(w)

    return jit(act, inline="always", _nrt=False)  # type: ignore[call-arg]


_act = _in_order(list(MECHANISMS.values()))


@leaf
def look(w: World, t: int, n: Floats, moved: Floats) -> None:
    """The time, what an engine told of the last step, and orders of the state that several mechanisms hear."""
    now = w.country[0]
    now.t, now.hour, now.out, now.fighting = t, t * now.dt, 0.0, 0.0
    for r in range(len(w.region)):
        region = w.region[r]
        region.out = region.dead = region.killed = region.detained = 0.0
    w.b[:] = 0.0
    w.quota[:] = 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        here.clock = (now.first_hour + now.hour + here.local_hour) % 24.0
        here.emergency = decided(w.decisions, EMERGENCY, k, here.emergency) > 0
        here.shoot_order = decided(w.decisions, SHOOT_ORDER, k, here.shoot_order) > 0
        here.escalation = here.rally = 0.0
        _count(here, w.region[here.region], n[:, k], moved[:, k])
        now.out += here.out
        now.fighting += here.fighting


@leaf
def _count(here: Any, region: Any, n: Floats, moved: Floats) -> None:
    """Who is where in a place, and in its region, of numbers by state and sector, and by quota."""
    here.out = here.fighting = here.withdrawn = 0.0
    for s in range(n.shape[1]):
        here.out += n[PROTESTING, s] + n[FIGHTING, s]
        here.fighting += n[FIGHTING, s]
        here.withdrawn += n[WITHDRAWN, s]
        region.dead += n[DEAD, s]
    region.out += here.out
    for quota in KILLING:
        region.killed += moved[quota]
    for quota in TAKING:
        region.detained += moved[quota]


@leaf
def rate(w: World) -> None:
    """Rates from the terms the mechanisms left."""
    p, now = w.params[0], w.country[0]
    free = day_off(now, w.days_off, p)
    rested, released = 1 - 0.5 ** (now.dt / p.rest_hours), 1 - 0.5 ** (now.dt / p.detention_hours)
    for k in range(len(w.place)):
        here = w.place[k]
        profile = p.night_activity if is_night(here.clock) else 1.0
        w.a[k] = p.base_pressure * profile * math.exp(excitement(w.terms[k], free)) + here.rally
        w.connectivity[k] = here.connectivity
        _leave(here, p, now.dt, w.leave[:, k])
        w.leave[WITHDRAWN, k, QUIET], w.leave[DETAINED, k, QUIET] = rested, released
    _rate_classes(w.class_terms, w.sector, w.place, w.factor, w.g)


@leaf
def _rate_classes(terms: Floats, sector: Any, place: Any, factor: Floats, g: Floats) -> None:
    """The factor of each class: terms differ by region, sector and bin, so places of one region share it."""
    regions, sectors, bins = factor.shape
    for r in range(regions):
        for s in range(sectors):
            for b in range(bins):
                factor[r, s, b] = math.exp(excitement(terms[r, s, b], 0.0)) * sector[s].takes_part
    c = 0
    for k in range(len(place)):
        for s in range(sectors):
            for b in range(bins):
                g[c] = factor[place[k].region, s, b]
                c += 1


@leaf
def is_night(clock: float) -> bool:
    """Whether an hour of the day, 0 to 24, lies in the night."""
    return clock >= NIGHT[0] or clock < NIGHT[1]


@leaf
def _leave(here: Any, p: Any, dt: float, leave: Floats) -> None:
    """Probabilities of leaving the square in this step; two rates compete for one protester."""
    sooner = p.night_leaving if is_night(here.clock) else 1.0
    leaving = math.log(2.0) * sooner / (p.protest_hours * here.staying)
    either = -math.expm1(-(leaving + here.escalation) * dt)
    leave[PROTESTING, FIGHTING] = either * here.escalation / (leaving + here.escalation)
    leave[PROTESTING, WITHDRAWN] = either - leave[PROTESTING, FIGHTING]
    leave[FIGHTING, WITHDRAWN] = -math.expm1(-math.log(2.0) * sooner * dt / p.fight_hours)
