"""The resolved form of a scenario: everything explicit and in the model's units, as data with a SHA-256 of its own."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Any

from pydantic import Field

from qantar.cases.case import Case
from qantar.errors import Problems
from qantar.files.cells import Strict
from qantar.scenario import rows
from qantar.scenario.schema import MECHANISMS, STEP_KINDS, STEPS_MAX, Economy, Income, ScenarioFile, Sector

FILE = "scenario.toml"
EXPERIMENTS = "experiments"
"""Folder of a case's experiments."""
FORCES = ("guard", "army", "site_guards", "foreign")


class Plan(Strict):
    """Everything a history depends on but its seed and its draw of parameters; figures in the model's units."""

    case: str
    country: str
    """code that stands for the whole country"""
    start: str
    hours: int
    step_hours: float
    days_off: list[bool]
    scale: float
    mechanisms: list[str]
    regions: list[rows.Region]
    places: list[rows.Place]
    """in order of region"""
    sectors: list[rows.Sector]
    hardship: list[float]
    layers: list[rows.Layer]
    price: float
    inflation_excess: float
    internet: float
    devaluation: float
    """log of the dollar's price at the start over that of the reference year"""
    forces: dict[str, float]
    """guard, army, site_guards, foreign (those a policy asks for), in people of the country"""
    capital: str
    """region of the country's seat of government"""
    signal: str
    """what a policy reacts to"""
    drivers: dict[str, str]
    """who yields the decisions of each kind: recorded, policy or off"""
    policy_from: float | None = None
    """hours since the start up to which a policy looks on at what is decided in its place; none: it decides from the start"""
    organizations: list[rows.Organization]
    steps: list[rows.Step]
    """in order of time"""
    parameters: dict[str, float]
    """values that are fixed; all others are drawn from their priors, or at their defaults"""
    edits: list[dict[str, Any]] = Field(default_factory=list)

    def as_json(self) -> str:
        """One text for one plan: keys sorted, no spaces; without `policy_from` where a policy decides from the start.

        >>> from qantar.scenario.scenario import load_scenario, resolve
        >>> plan = resolve(load_scenario("kazakhstan-2022"))
        >>> Plan.model_validate_json(plan.as_json()) == plan
        True
        """
        left_out = {"policy_from"} if self.policy_from is None else None
        return json.dumps(self.model_dump(exclude=left_out), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def replayed(self) -> list[str]:
        """Recorded decisions of a changed plan: their cause may be absent in the world where they are replayed."""
        changed = [e for e in self.edits if not str(e["path"]).startswith(("drivers.", "time."))]
        return [s.id for s in self.steps if changed and not s.given and self.drivers[s.kind] == "recorded"]

    def sha256(self) -> str:
        """The name of the plan."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()


def country_offset(case: Case) -> float:
    """Hours ahead of UTC of the country's own time: that of its easternmost regions."""
    return max(float(r.utc_offset) for r in case.record.regions)


def plan_of(case: Case, file: ScenarioFile, *, scale: float, problems: Problems) -> Plan:
    """The plan of a case and its scenario file. Pure: the same in, the same out."""
    values = {(v.region_id, v.variable): float(v.value) for v in case.record.region_values if v.value is not None}
    people = {r: values.get((r, "population"), 0.0) for r in sorted(r.region_id for r in case.record.regions)}
    regions = _regions(case, file, people, values, problems)
    sizes = {s.settlement_id: s.population_used or 0 for s in case.record.settlements}
    start, economy = file.time.start, file.economy
    dollar, before = economy.dollar, economy.dollar_reference
    days = math.ceil((start.hour + start.minute / 60 + file.time.hours) / 24)

    def hours(moment: dt.datetime) -> float:
        return (moment - start).total_seconds() / 3600

    return Plan(
        case=case.head.id,
        country=case.head.country,
        start=start.isoformat(timespec="minutes"),
        hours=file.time.hours,
        step_hours=file.time.step_hours,
        days_off=[(start.date() + dt.timedelta(days=d)) in file.time.days_off for d in range(days)],
        scale=scale,
        mechanisms=[m for m in MECHANISMS if m in file.mechanisms],
        regions=regions,
        places=list(_places(case, people, problems)),
        sectors=[rows.Sector(id=s.id, takes_part=s.takes_part, workgroup=s.workgroup) for s in file.sectors],
        hardship=[b.hardship for b in file.income.bands],
        layers=[rows.Layer(**dict(x)) for x in file.layers],
        price=economy.price.value,
        inflation_excess=round((economy.inflation.value - economy.inflation_reference.value) / 100, 9),
        internet=file.information.internet.value / 100,
        devaluation=round(math.log(dollar.value / before.value), 9) if dollar and before else 0.0,
        forces={name: figure.value if (figure := getattr(file.repression, name)) else 0.0 for name in FORCES},
        capital=file.government.capital or max(regions, key=lambda r: sizes.get(r.seat, 0)).id,
        signal=file.government.signal,
        drivers={kind: file.government.drivers.get(kind, "recorded") for kind in STEP_KINDS},
        organizations=[
            rows.Organization(
                **{k: getattr(o, k) for k in ("id", "places", "sectors", "demand_gap")},
                presence=o.presence.value,
                start=hours(o.start) if o.start else 0.0,
                end=hours(o.end) if o.end else float(STEPS_MAX),
            )
            for o in file.organizations
        ],
        steps=[
            rows.Step(
                **{k: getattr(s, k) for k in ("id", "kind", "places", "size", "given", "hour")},
                at=hours(s.at),
                source=";".join(s.events) or "assumption",
            )
            for s in sorted(file.steps, key=lambda s: s.at)
        ],
        parameters={name: f.value for name, f in file.parameters.items()},
    )


def _regions(
    case: Case, file: ScenarioFile, people: dict[str, float], values: dict[tuple[str, str], float], problems: Problems
) -> list[rows.Region]:
    """Regions in order of id, with the shares of their residents."""
    for r in people:
        if (r, "population") not in values:
            problems.add("region_values.csv", None, r, "no_population", value=r)
    sectors = _sector_shares(file.sectors, people, values, problems)
    bands, fuel = _band_shares(file.income, people, values), _fuel_shares(file.economy, people)
    seats = {s.region_id: s.settlement_id for s in case.record.settlements if s.kind == "region_capital"}
    pairs = {(p.region_a, p.region_b) for p in case.record.adjacency if p.adjacent}
    return [
        rows.Region(
            id=r,
            sectors=[round(sectors[s.id][r], 9) for s in file.sectors],
            bands=[round(x, 9) for x in bands[r]],
            fuel=round(fuel[r], 9),
            police=file.repression.police.value / 100_000,
            seat=seats.get(r, r),
            adjacent=sorted({other for pair in pairs if r in pair for other in pair if other != r}),
        )
        for r in people
    ]


def _places(case: Case, people: dict[str, float], problems: Problems) -> Iterable[rows.Place]:
    """Settlements of known size, then what is left of the region; regions in order of id."""
    country_hour = country_offset(case)
    for number, region in enumerate(sorted(case.record.regions, key=lambda r: r.region_id)):
        left = people[region.region_id]
        for s in case.record.settlements:
            if s.region_id == region.region_id:
                size = int(s.population_used or 0)
                left -= size
                hour = float(s.utc_offset) - country_hour
                names = {"id": s.settlement_id, "name_en": s.name_en, "name_zh": s.name_zh}
                yield rows.Place(**names, region=number, lat=s.lat, lon=s.lon, local_hour=hour, population=size, settlement=True)
        if left < 0:
            problems.add("settlements.csv", None, region.region_id, "settlements_exceed", value=region.region_id)
        yield rows.Place(
            id=region.region_id,
            region=number,
            name_en=f"{region.name_en}, rest",
            name_zh=f"{region.name_zh}其余地区",
            lat=region.lat,
            lon=region.lon,
            local_hour=float(region.utc_offset) - country_hour,
            population=int(max(0, left)),
            settlement=False,
        )


def _sector_shares(
    sectors: list[Sector], people: dict[str, float], values: dict[tuple[str, str], float], problems: Problems
) -> dict[str, dict[str, float]]:
    """Share of each sector in the residents of each region; what is over in one region is taken off evenly."""
    weights = {
        "people": people,
        "urban": {r: n * values.get((r, "urban_share"), 50.0) / 100 for r, n in people.items()},
        "rural": {r: n * (1 - values.get((r, "urban_share"), 50.0) / 100) for r, n in people.items()},
    }
    share: dict[str, dict[str, float]] = {}
    for s in sectors:
        if s.people is None:
            continue
        if s.spread in weights:
            total = sum(weights[s.spread].values())
            share[s.id] = {r: s.people.value * w / total / people[r] if total and people[r] else 0.0 for r, w in weights[s.spread].items()}
        else:  # a variable of the regions, in thousands of persons where known
            known = {r: 1000 * values[r, s.spread] for r in people if (r, s.spread) in values}
            rest = max(0.0, s.people.value - sum(known.values()))
            others = sum(n for r, n in people.items() if r not in known)
            share[s.id] = {r: known[r] / n if r in known else rest / others for r, n in people.items()}
    for r in people:
        total = sum(shares[r] for shares in share.values())
        for shares in share.values():
            shares[r] /= max(1.0, total)
    for s in sectors:
        if s.people is None:
            share[s.id] = {r: max(0.0, 1 - sum(share[o.id][r] for o in sectors if o.people is not None)) for r in people}
    national = sum(s.people.value for s in sectors if s.people is not None)
    if national > sum(people.values()):
        problems.add(FILE, None, "sectors", "sectors_exceed", value=f"{national:,.0f}", high=f"{sum(people.values()):,.0f}")
    return share


def _band_shares(income: Income, people: dict[str, float], values: dict[tuple[str, str], float]) -> dict[str, list[float]]:
    """Share of residents in each band, by region.

    Incomes are log-normal; a Gini coefficient G gives the spread sigma = sqrt(2) x quantile((G + 1) / 2) of the logarithm
    (Aitchison and Brown 1957). Where a poverty rate is known, it places the minimum; elsewhere the region's mean income does,
    against the country's poverty rate and mean income.
    """
    normal = NormalDist()
    sigma = math.sqrt(2) * normal.inv_cdf((income.gini.value + 1) / 2)
    country = next((v for (r, name), v in values.items() if name == "poverty_rate" and r not in people), 5.0)
    by_region = {}
    for r in people:
        if 0 < values.get((r, "poverty_rate"), 0.0) < 100:
            z = normal.inv_cdf(values[r, "poverty_rate"] / 100)
        else:
            z = normal.inv_cdf(min(max(country, 0.1), 99.9) / 100) - math.log(max(0.01, values.get((r, "income_rel"), 1.0))) / sigma
        below = [0.0] + [normal.cdf(z + math.log(b.from_) / sigma) for b in income.bands[1:]] + [1.0]
        by_region[r] = [high - low for low, high in itertools.pairwise(below)]
    return by_region


def _fuel_shares(economy: Economy, people: dict[str, float]) -> dict[str, float]:
    """Share of each region's households whose car runs on the good."""
    known = {x.region: x.value for x in economy.fuel_vehicles_by_region}
    rest = max(0.0, economy.fuel_vehicles.value - sum(known.values()))
    others = sum(n for r, n in people.items() if r not in known)
    vehicles = {r: known.get(r, rest * n / others if others else 0.0) for r, n in people.items()}
    return {r: min(1.0, economy.household.value * vehicles[r] / n) if n else 0.0 for r, n in people.items()}
