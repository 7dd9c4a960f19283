"""Drawn countries, and equal means put to use in different places, sectors and days (docs/explanation/methods.md).

In: a seed, the number of a country, the name of an allocation. Out: a `Plan`. No country stands for a real one. The state is the same
everywhere and answers by policy.

Six traits are drawn by halves, so that a condition holds in half of the countries and says nothing about any other: of each `BLOCK`
countries, two stand in every combination of upper and lower halves of any three traits (a fraction 2^(6-2) of resolution IV: Box, Hunter
and Hunter 2005, Statistics for Experimenters). Within its half a trait is uniform.

    urban       townspeople 0.3 to 0.9 of residents; the others live in districts, most of them farm; industry is where towns are
    large       residents 4 to 16 million; area follows
    dominant    the capital's share of townspeople 0.2 to 0.6; its people are 1 to 2.5 times as seldom poor
    heavy       police 1.2 to 5 and soldiers 1 to 12 per 1,000 residents
    aided       upper half: foreign troops, one for 2,000 residents, come if the state asks; lower half: none
    strong      people among whom organizers are, 5 to 35 per 1,000 residents
    other draws 20 to 30 towns, 6 to 10 regions; rank-size slope of towns 0.5 to 1.2; 10 to 100 residents per km2; organizers' demand 0 to 2
                levels ahead of the crowd's; a shock that for `SHOCK_HOURS` hours raises everybody's log pressure by 1 to 4

Ranges are assumptions, near what is known of countries where a source is named (all recalled, none looked up): World Bank, World
Development Indicators, for urban population (0.15 to 1; the lower end here lets the budgets fit), largest city (0.03 to 1, median 0.3)
and armed forces; Harrendorf, Heiskanen and Malby (2010, HEUNI) for police; Rosen and Resnick (1980, J. Urban Econ. 8) for the rank-size
slope. The shock is set by trial so that about half of the histories are uprisings with nobody organized (52 % of 320 at 2.5, 68 % at
4): with less, nothing could matter to anything.

All coefficients are drawn from their priors, the same for all allocations, but `price_effect`: the shock is a price that all depend on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.errors import StudyError, fail, nearest
from qantar.population.blocks import apportion
from qantar.population.build import class_sizes
from qantar.scenario import rows
from qantar.scenario.plan import Plan
from qantar.scenario.schema import POLICY_KINDS, STEP_KINDS
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
TRAITS = ("urban", "large", "dominant", "heavy", "aided", "strong")
BLOCK = 2 ** (len(TRAITS) - 2)
"""Countries in which the halves of the traits are balanced."""
METHODS = ("central_city", "countryside", "urban_guerrilla", "nationwide_rising")
"""In the order in which the essay names them."""
ALLOCATIONS = (*METHODS, "mass_campaign", "unorganized")
"""All that are compared; the last has no organizers at all."""
SCALE = 0.005
"""Residents of the model for each of the country: the same everywhere, so that no threshold in people means another thing elsewhere."""
HOURS, SHOCK_HOURS = 240, 120
FIRST_DAY, DAYS = 1, 4
"""Day on which organizers begin, and days on which they are at work: as many in every allocation."""
LARGEST = 6
"""Towns of an urban guerrilla."""
TOWN, DISTRICT = "T", "D"
"""First letters of the ids of places."""
KM_PER_DEGREE = 111.2
MECHANISMS = (
    "information", "economy", "grievance", "organization", "demands", "loyalty", "intervention", "forces", "violence", "arms",
    "repression", "control", "diffusion", "rallies",
)  # fmt: skip
"""Mechanisms of a made-up country: those of the packaged case."""
LAYERS = (
    rows.Layer(id="household", scope="place", group=4, repeats=1, online=False),
    rows.Layer(id="workplace", scope="workplace", group=None, repeats=1, online=False),
    rows.Layer(id="neighbourhood", scope="place", group=6, repeats=1, online=False),
    rows.Layer(id="online-near", scope="region", group=2, repeats=3, online=True),
    rows.Layer(id="online-far", scope="country", group=2, repeats=2, online=True),
)
"""Its layers of ties, likewise."""
SECTORS = (
    rows.Sector(id="farming", takes_part=True, workgroup=4),
    rows.Sector(id="industry", takes_part=True, workgroup=12),
    rows.Sector(id="services", takes_part=True, workgroup=6),
    rows.Sector(id="at_home", takes_part=False, workgroup=1),
)


@dataclass(frozen=True)
class Country:
    """What is drawn of a country."""

    upper: dict[str, bool]
    """by trait, whether it lies in its upper half"""
    residents: int
    urban: float
    """townspeople, share of residents"""
    capital: float
    """its people, share of townspeople"""
    prosperity: float
    """how many times as seldom its people are poor"""
    police: float
    soldiers: float
    """Guard and army; both per resident"""
    foreign: float
    """troops that come if asked for"""
    organized: float
    """people among whom organizers are, per resident"""
    gap: float
    """levels by which organizers' demand leads the crowd's"""
    slope: float
    """of the log size of towns on log rank"""
    area: float
    """km2"""
    shock: float
    """log"""


def _between(u: float, low: float, high: float) -> float:
    return low + u * (high - low)


def _log_between(u: float, low: float, high: float) -> float:
    return float(low * (high / low) ** u)


def _uniform(seed: int, number: int, what: int, who: int = 0) -> float:
    """A uniform number of a country, by what it is for and of whom."""
    return lot(seed, StudyKey.COUNTRY, number, what + 64 * who)


def halves(number: int) -> dict[str, bool]:
    """Which traits of a country lie in their upper half.

    >>> [sum(halves(n)[trait] for n in range(BLOCK)) for trait in TRAITS]
    [8, 8, 8, 8, 8, 8]
    """
    a, b, c, d = (bool(number >> k & 1) for k in range(4))
    return dict(zip(TRAITS, (a, b, c, d, a ^ b ^ c, b ^ c ^ d), strict=True))


def country(seed: int, number: int) -> Country:
    """The country of this number: a pure function of both.

    >>> country(1, 5) == country(1, 5), country(1, 5).residents == country(2, 5).residents
    (True, False)
    """
    u, upper = partial(_uniform, seed, number), halves(number)
    x = {name: (u(k) + upper[name]) / 2 for k, name in enumerate(TRAITS)}
    residents = round(_log_between(x["large"], 4e6, 16e6))
    return Country(
        upper,
        residents,
        urban=_between(x["urban"], 0.3, 0.9),
        capital=_between(x["dominant"], 0.2, 0.6),
        prosperity=_between(x["dominant"], 1.0, 2.5),
        police=_log_between(x["heavy"], 0.0012, 0.005),
        soldiers=_log_between(x["heavy"], 0.001, 0.012),
        foreign=residents / 2000 if upper["aided"] else 0.0,
        organized=_log_between(x["strong"], 0.005, 0.035),
        gap=_between(u(10), 0.0, 2.0),
        slope=_between(u(11), 0.5, 1.2),
        area=residents / _log_between(u(12), 10, 100),
        shock=_between(u(13), 1.0, 4.0),
    )


def made_up_plan(hours: int, **own: Any) -> Plan:
    """The plan of a country that is made up: what all such countries have alike, and the fields that are its own."""
    alike = {
        "start": "2000-01-01T00:00",
        "step_hours": 1.0,
        "days_off": [False] * math.ceil(hours / 24),
        "mechanisms": list(MECHANISMS),
        "layers": list(LAYERS),
        "inflation_excess": 0.0,
        "internet": 0.6,
        "devaluation": 0.0,
        "signal": "threat",
        "organizations": [],
    }
    return Plan(hours=hours, **alike, **own)


@lru_cache(maxsize=1024)
def base_plan(seed: int, number: int) -> Plan:
    """The plan of a country with nobody organized.

    >>> plan = base_plan(1, 0)
    >>> 20 <= sum(p.id.startswith(TOWN) for p in plan.places) <= 30, plan.organizations
    (True, [])
    """
    c, u = country(seed, number), partial(_uniform, seed, number)
    n_towns, n_regions = 20 + int(11 * u(14)), 6 + int(5 * u(15))
    urban, side = c.urban * c.residents, math.sqrt(c.area)
    others = apportion(round((1 - c.capital) * urban), np.asarray((np.arange(n_towns - 1) + 1.0) ** -c.slope, np.float64))
    towns = [round(c.capital * urban), *others.tolist()]
    # Districts are smaller than the second town: what the state watches in the two largest cities, and where foreign troops go, are towns.
    left = c.residents - sum(towns)
    districts = apportion(left, np.ones(max(n_regions, math.ceil(left / (0.9 * sorted(towns)[-2]))))).tolist()
    at = side * np.array([[u(16, k), u(17, k)] for k in range(n_towns)])
    middle = side * np.array([[u(18, k), u(19, k)] for k in range(len(districts))])
    # The capital and the largest other towns are seats; everything belongs to the nearest seat.
    seats = [0, *(1 + np.argsort(-others, kind="stable")[: n_regions - 1]).tolist()]
    home, around = (np.argmin(((xy[:, None] - at[seats]) ** 2).sum(axis=2), axis=1) for xy in (at, middle))
    home[seats] = np.arange(n_regions)
    places, regions = [], []
    for r in range(n_regions):
        inside, outside = np.flatnonzero(home == r).tolist(), np.flatnonzero(around == r).tolist()
        places += [_place(f"{TOWN}{k:02d}", r, towns[k], at[k]) for k in inside]
        places += [_place(f"{DISTRICT}{k:02d}", r, districts[k], middle[k]) for k in outside]
        in_towns, in_districts = sum(towns[k] for k in inside), sum(districts[k] for k in outside)
        regions.append(_region(c, r, f"{TOWN}{seats[r]:02d}", in_towns / (in_towns + in_districts)))
    soldiers = c.soldiers * c.residents
    return made_up_plan(
        HOURS,
        case="drawn-country",
        country="COUNTRY",
        scale=SCALE,
        regions=regions,
        places=places,
        sectors=list(SECTORS),
        hardship=[0.2, 0.7],
        price=1.0,
        forces={"guard": soldiers / 3, "army": 2 * soldiers / 3, "site_guards": soldiers / 12, "foreign": c.foreign},
        capital="R00",
        drivers={kind: "policy" if kind in POLICY_KINDS else "off" for kind in STEP_KINDS},
        # A price that moves by itself; it doubles, so that the effect is the rise of the log pressure.
        steps=[
            rows.Step(id=name, kind="price", places=["COUNTRY"], at=at, size=size, source="assumption", given=True, hour="assumed")
            for name, at, size in (("shock", 0.0, 2.0), ("shock-over", float(SHOCK_HOURS), 1.0))
        ],
        parameters={"base_pressure": 0.0, "price_effect": c.shock},  # what begins is a rally
    )


def _region(c: Country, r: int, seat: str, urban: float) -> rows.Region:
    """Two thirds can take part. Of them four fifths farm outside towns; of the others two fifths work in industry. Half are poor."""
    able, farming, poor = 2 / 3, 0.8 * (1 - urban), 0.5 / (c.prosperity if r == 0 else 1.0)
    return rows.Region(
        id=f"R{r:02d}",
        sectors=[round(x, 9) for x in (able * farming, able * (1 - farming) * 0.4, able * (1 - farming) * 0.6, 1 - able)],
        bands=[round(1 - poor, 9), round(poor, 9)],
        fuel=1.0,
        police=c.police,
        seat=seat,
        adjacent=[],
    )


def _place(name: str, region: int, people: int, at: Floats) -> rows.Place:
    """A place near the equator, where a degree is as long either way. Districts are settlements too: only those can be named alone."""
    return rows.Place(
        id=name,
        region=region,
        name_en=name,
        name_zh=name,
        lat=round(float(at[1]) / KM_PER_DEGREE, 6),
        lon=round(float(at[0]) / KM_PER_DEGREE, 6),
        local_hour=0.0,
        population=int(people),
        settlement=True,
    )


class Call(NamedTuple):
    """Where, whom and on which days all organizers are at work."""

    places: list[str]
    sectors: list[str]
    first: int
    days: int


def calls(plan: Plan, method: str) -> list[Call]:
    """The allocation of a method, as on the page: `DAYS` days in all, no two at once; raises StudyError for an unknown one."""
    if method not in ALLOCATIONS:
        raise fail(StudyError, method, "not_one_of", value=method, choices=nearest(method, ALLOCATIONS))
    towns, districts = ([p.id for p in plan.places if p.id[0] == kind] for kind in (TOWN, DISTRICT))
    size = {p.id: p.population for p in plan.places}
    seats = {r.id: r.seat for r in plan.regions}
    able, workers, half = [s.id for s in plan.sectors if s.takes_part], ["industry", "services"], DAYS // 2
    if method == "central_city":
        return [Call([seats[plan.capital]], able, FIRST_DAY, DAYS)]
    if method == "countryside":
        outside = [t for t in towns if t != seats[plan.capital]]
        return [Call(districts, able, FIRST_DAY, half), Call(outside, able, FIRST_DAY + half, half)]
    if method == "urban_guerrilla":
        largest = sorted(towns, key=lambda t: (-size[t], t))[:LARGEST]
        return [Call(largest, workers, FIRST_DAY + 2 * k, 1) for k in range(DAYS)]
    if method == "nationwide_rising":
        return [Call([*seats.values()], workers, FIRST_DAY, DAYS)]
    if method == "mass_campaign":
        return [Call([*towns, *districts], able, FIRST_DAY + 5 * k, half) for k in range(2)]
    return []


def plan_of(seed: int, number: int, method: str) -> Plan:
    """The plan of a country under a method. Plans of one country differ in nothing but `organizations`.

    All organizers are at work at once: presence x people is the country's `organized`, counted in residents of the model, whatever the
    method. So is, times `organization_reach`, everyone within reach, and with it what calls add to the pressure, summed over people.

    >>> [len(plan_of(1, 0, m).organizations) for m in ALLOCATIONS]
    [1, 2, 4, 1, 2, 0]
    """
    plan, c = base_plan(seed, number), country(seed, number)
    sizes = class_sizes(plan).sum(axis=2)
    ids, sectors = [p.id for p in plan.places], [s.id for s in plan.sectors]
    organizations = []
    for k, call in enumerate(calls(plan, method)):
        people = sizes[np.ix_([ids.index(x) for x in call.places], [sectors.index(x) for x in call.sectors])].sum()
        organizations.append(
            rows.Organization(
                id=f"call-{k}",
                presence=float(c.organized * sizes.sum() / people),
                places=call.places,
                sectors=call.sectors,
                demand_gap=c.gap,
                start=24.0 * call.first,
                end=24.0 * (call.first + call.days),
            )
        )
    return plan.model_copy(update={"organizations": organizations})
