"""The scenario of the packaged case and the plan it resolves to."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from pydantic import ValidationError

from conftest import CASE
from kit.faults import said
from kit.packaged import plan, scenario
from qantar.errors import ScenarioError
from qantar.population.build import blocks_of, class_sizes, layers_of
from qantar.scenario import rows
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import arm_edits, load_scenario, quiet_plan, resolve, with_arms
from qantar.scenario.schema import MECHANISMS, STEP_KINDS, Edit


@cache
def values(variable: str) -> dict[str, float]:
    return {
        v.region_id: float(v.value or 0) for v in scenario().case.record.region_values if v.variable == variable and v.value is not None
    }


def test_the_packaged_scenario_loads_and_says_where_everything_comes_from() -> None:
    file = scenario().file
    assert set(file.mechanisms) == set(MECHANISMS) - {"split", "seeding", "shock"}  # for rivals to switch on
    assert (file.time.start, file.time.hours) == (dt.datetime(2022, 1, 1), 384)  # noqa: DTZ001
    record = scenario().case.record
    events = {e.event_id: e for e in record.events}
    home = {r.region_id: r.region_id for r in record.regions} | {s.settlement_id: s.region_id for s in record.settlements}
    timed = placed = 0
    for step in file.steps:
        assert bool(step.events) == (step.assumption is None)
        rows = [events[e] for e in step.events]
        if rows and step.hour == "recorded":  # steps are in the country's time, six hours ahead; events in their region's
            instants = {record.instant(row) for row in rows}
            assert instants == {(step.at - dt.timedelta(hours=6)).replace(tzinfo=dt.UTC)}, step.id
            timed += 1
        named = {row.region_id for row in rows}
        if rows and step.place == "recorded" and "KZ" not in named:
            assert {home[p] for p in step.places} <= named, step.id
            placed += 1
    assert timed >= 11
    assert placed >= 13
    assert [s.id for s in file.steps if s.place == "assumed"] == ["price-free", "troops", "internet-restored"]


def test_resolving_is_pure() -> None:
    before = scenario().file.model_dump()
    edits = [Edit(path="time.hours", value=96), Edit(path="parameters.frailty", value=2), Edit(path="steps.cabinet", op="off")]
    one, other = (resolve(scenario(), edits, scale=0.01) for _ in range(2))
    assert one == other
    assert one.sha256() == other.sha256() != plan().sha256()
    assert scenario().file.model_dump() == before
    assert resolve(load_scenario(CASE)).sha256() == plan().sha256()
    assert Plan.model_validate_json(plan().as_json()).sha256() == plan().sha256()
    assert plan().model_copy(update={"price": plan().price + 1e-9}).sha256() != plan().sha256()


def test_the_plan_is_in_the_units_of_the_model() -> None:
    assert (plan().price, plan().internet, plan().inflation_excess) == (60, 0.858, 0.03)
    assert plan().hardship == [1.0, 0.8, 0.5, 0.3]
    assert {r.police for r in plan().regions} == {0.00393}
    assert plan().devaluation == pytest.approx(math.log(431.67 / 382.6), abs=1e-8)
    assert plan().forces == {"guard": 20_000, "army": 20_000, "site_guards": 1600, "foreign": 2500}
    assert [d + 1 for d, off in enumerate(plan().days_off) if off] == [1, 2, 3, 4, 7, 8, 9, 15, 16]
    at = {s.id: s.at for s in plan().steps}
    assert at["price-free"] == 0
    assert at["internet-cut"] == 4 * 24 + 16.5
    assert at["internet-restored"] - at["internet-cut"] == 111.5
    assert (at["emergency-almaty"], at["emergency-mangystau"]) == (4 * 24 + 1.5, 4 * 24 + 2.5)  # at the same hour of either clock
    assert {s.id: s.source for s in plan().steps if s.id in ("cabinet", "lifted-13", "price-free-atyrau")} == {
        "cabinet": "E080",
        "lifted-13": "E178;E179",
        "price-free-atyrau": "assumption",
    }
    assert plan().country == scenario().case.head.country == "KZ"
    assert [s.at for s in plan().steps] == sorted(at.values())


def test_places_are_the_settlements_and_what_is_left_of_each_region() -> None:
    record = scenario().case.record
    ids = [r.id for r in plan().regions]
    assert ids == sorted(r.region_id for r in record.regions)
    assert len(plan().places) == len(record.settlements) + 17
    for number, region in enumerate(ids):
        inside = [p for p in plan().places if p.region == number]
        assert [p.settlement for p in inside] == [True] * (len(inside) - 1) + [False]
        assert sum(p.population for p in inside) == values("population")[region]
        assert {p.local_hour for p in inside} <= {0.0, -1.0}
    west = {ids[p.region] for p in plan().places if p.local_hour == -1}
    assert west == {"KZ-AKT", "KZ-ATY", "KZ-KZY", "KZ-MAN", "KZ-ZAP"}


def test_every_region_has_the_seat_of_its_government_and_its_neighbours() -> None:
    record = scenario().case.record
    kinds = {s.settlement_id: (s.region_id, s.kind) for s in record.settlements}
    near = {r.id: r.adjacent for r in plan().regions}
    pairs = {frozenset((a.region_a, a.region_b)) for a in record.adjacency if a.adjacent}
    for r in plan().regions:
        assert kinds[r.seat] == (r.id, "region_capital")
        assert {frozenset((r.id, other)) for other in near[r.id]} == {p for p in pairs if r.id in p}
    assert plan().capital == "KZ-AST"
    assert near["KZ-AST"] == ["KZ-AKM"]  # an island in it


def test_the_record_decides_and_nobody_organizes() -> None:
    assert [s.id for s in plan().steps if s.given] == ["price-free", "price-free-atyrau"]  # no answer to unrest
    assert plan().signal == "threat"
    assert plan().drivers == dict.fromkeys(STEP_KINDS, "recorded")
    (network,) = plan().organizations
    assert network == rows.Organization(id="network", presence=0, places=[], sectors=[], demand_gap=0, start=0, end=4096)


def test_sectors_share_out_everyone_and_add_up_to_their_numbers() -> None:
    people = np.array([values("population")[r.id] for r in plan().regions])
    shares = np.array([r.sectors for r in plan().regions])
    assert shares.sum(axis=1) == pytest.approx(np.ones(17), abs=1e-8)
    assert shares.min() >= 0
    found = dict(zip([s.id for s in plan().sectors], people @ shares, strict=True))
    for sector in scenario().file.sectors:
        if sector.people is not None:
            assert found[sector.id] == pytest.approx(sector.people.value, rel=1e-6)
    known = values("mining_employed")
    assert known
    for number, r in enumerate(plan().regions):
        if r.id in known:
            assert shares[number, 0] * people[number] == pytest.approx(1000 * known[r.id], rel=1e-6)


def test_bands_are_log_normal_incomes_with_the_poverty_rate_and_the_gini_coefficient() -> None:
    normal = NormalDist()
    sigma = math.sqrt(2) * normal.inv_cdf(1.29 / 2)
    for r in plan().regions:
        below = np.cumsum(r.bands)
        assert below[-1] == pytest.approx(1, abs=1e-8)
        if r.id in values("poverty_rate"):
            assert below[0] == pytest.approx(values("poverty_rate")[r.id] / 100, abs=1e-8)
        else:  # twice the country's mean income: as poor as half the minimum is there
            country = values("poverty_rate")["KZ"] / 100
            assert normal.inv_cdf(below[0]) == pytest.approx(
                normal.inv_cdf(country) - math.log(values("income_rel")[r.id]) / sigma, abs=1e-6
            )
        low, middle, high = (normal.inv_cdf(x) for x in below[:3])
        for a, b, ratio in ((low, middle, 1.5), (middle, high, 2.5 / 1.5)):
            spread = math.log(ratio) / (b - a)
            assert 2 * normal.cdf(spread / math.sqrt(2)) - 1 == pytest.approx(0.29, abs=1e-5)  # the Gini coefficient of such a law


def test_cars_on_gas_add_up_to_the_national_number() -> None:
    fuel = {r.id: r.fuel for r in plan().regions}
    vehicles = {r: share * values("population")[r] / 4 for r, share in fuel.items()}
    assert sum(vehicles.values()) == pytest.approx(297_100, rel=1e-6)
    assert (vehicles["KZ-MAN"], vehicles["KZ-ATY"], vehicles["KZ-ZAP"]) == pytest.approx((71_700, 20_000, 15_650), rel=1e-6)
    assert max(fuel, key=lambda r: fuel[r]) == "KZ-MAN"


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.02, 0.01, 0.001])
def test_scale_divides_residents_exactly_and_keeps_places(scale: float) -> None:
    scaled = resolve(scenario(), scale=scale)
    sizes = class_sizes(scaled)
    people = np.array([p.population for p in plan().places])
    assert sizes.sum() == round(people.sum() * scale)
    assert scaled.model_copy(update={"scale": 1.0}) == plan()
    assert np.abs(sizes.sum(axis=(1, 2)) - people * scale).max() < 1
    blocks = blocks_of(scaled)
    assert (blocks.n, blocks.n_places, blocks.n_regions) == (sizes.sum(), 228, 17)
    if scale == 1:
        assert np.array_equal(sizes.sum(axis=(1, 2)), people)
        exact = np.array([np.outer(plan().regions[p.region].sectors, plan().regions[p.region].bands) for p in plan().places])
        assert np.abs(sizes - exact * people[:, None, None]).max() < 1.01


def test_layers_take_groups_of_their_own_or_those_of_the_sectors() -> None:
    layers = {x.name: x for x in layers_of(plan())}
    assert layers["workplace"].sizes == (8, 8, 4, 5, 6, 1)
    assert set(layers["household"].sizes) == {4}
    assert [x.online for x in layers.values()] == [False, False, False, True, True]


def test_every_arm_resolves_to_a_plan_of_its_own() -> None:
    found = {name: resolve(scenario(), arm_edits(scenario(), name)) for name in scenario().file.arms}
    assert len({p.sha256() for p in (*found.values(), plan())}) == len(found) + 1
    off = {s.id for s in plan().steps} - {s.id for s in found["no-price-rise"].steps}
    assert off == {s.id for s in plan().steps if s.kind == "price"} | {"concession-mangystau"}
    assert not [s for s in found["no-internet-cut"].steps if s.kind == "internet" and s.size < 2]
    assert found["bench-loud"].parameters == {"base_pressure": 2e-5, "potential": 1.0}
    assert {kind for kind, driver in found["by-policy"].drivers.items() if driver != "policy"} == {"stand_aside"}
    asides = [s for s in found["stand-aside"].steps if s.kind == "stand_aside"]
    assert [(s.size, s.places == ["KZ"]) for s in asides] == [(1, False)] * 6 + [(0, True)]  # and the end of it, everywhere
    assert [s.id for s in plan().steps if s.kind == "intervention"] == ["troops"]
    assert not [s for s in found["no-troops"].steps if s.kind == "intervention"]
    rivals = {name.removeprefix("rival-"): p for name, p in found.items() if name.startswith("rival-")}
    switched = {name: set(plan().mechanisms) ^ set(p.mechanisms) for name, p in rivals.items()}
    assert switched == {
        "home-grown": set(),
        "common-shock": {"diffusion", "shock"},
        "labour": set(),
        "seeding": {"seeding"},
        "split": {"diffusion", "split"},
        "composite": {"split"},
    }
    assert [(o.presence, o.sectors) for o in rivals["labour"].organizations] == [(1, ["mining", "industry"])]
    for p in rivals.values():  # on equal terms: a rival has no decisions of its own and fixes no parameter
        assert (p.steps, p.parameters, p.drivers, p.forces) == (plan().steps, plan().parameters, plan().drivers, plan().forces)
    with pytest.raises(ScenarioError) as caught:
        arm_edits(scenario(), "no-price-rice")
    assert [(p.code, "no-price-rise" in p.render()) for p in said(caught.value.problems)] == [("no_such_arm", True)]


ARM = """note_en = "Half the guard."
note_zh = "卫队减半。"
edits = [{ path = "forces.guard", op = "scale", value = 0.5 }]
"""


def test_an_arm_in_a_file_is_called_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "half.toml"
    path.write_text(ARM, encoding="utf-8")
    wider, names = with_arms(scenario(), ["no-troops", str(path)])
    assert names == ["no-troops", "half"]
    assert resolve(wider, arm_edits(wider, "half")).forces["guard"] == resolve(scenario()).forces["guard"] / 2
    assert "half" not in scenario().file.arms
    assert resolve(wider).sha256() == resolve(scenario()).sha256()


SCALES = (1.0, 0.1, 0.01, 0.001)
NAMES_OF_PLANS = {
    "": "d39eb249f96d59ea",
    "no-price-rise": "fbfa8be8f8ac61b5",
    "no-internet-cut": "07b025746b4ef80a",
    "by-policy": "bc054e3df8ca69f7",
    "stand-aside": "74e57ec4de5faafc",
    "no-troops": "21d55d4bf790f8e3",
    "rival-home-grown": "c17c580c2cac2533",
    "rival-common-shock": "6111a95d4ac5b866",
    "rival-labour": "63d689bfa118b9f2",
    "rival-seeding": "bbab077741fc3f38",
    "rival-split": "2cb5c718699fd101",
    "rival-composite": "24f93c8e68ea1bb2",
    "bench-loud": "7fceb522523751c5",
    "quiet": "21552c4643b6eb60",
}
"""Arm, "" for none and "quiet" for the quiet period -> first digits of the SHA-256 over the names of its plans at these scales.

Kept histories and answers are filed under the names of their plans.
"""


@pytest.mark.parametrize("arm", NAMES_OF_PLANS)
def test_plans_of_the_packaged_case_keep_their_names(arm: str) -> None:
    assert set(NAMES_OF_PLANS) == {"", "quiet", *scenario().file.arms}
    if arm == "quiet":
        plans = [quiet_plan(scenario(), [], scale=scale) for scale in SCALES]
    else:
        plans = [resolve(scenario(), arm_edits(scenario(), arm) if arm else [], scale=scale) for scale in SCALES]
    names = "".join(p.sha256() for p in plans if p is not None)
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == NAMES_OF_PLANS[arm]


def test_a_number_in_a_row_keeps_the_form_it_was_written_in() -> None:
    whole, real = (resolve(scenario(), [Edit(path="steps.price-free.size", value=v)]) for v in (90, 90.0))
    assert whole.steps == real.steps
    assert [p.as_json().count('"size":90,') for p in (whole, real)] == [1, 0]
    assert Plan.model_validate_json(whole.as_json()).as_json() == whole.as_json()


def test_rows_cannot_be_altered_and_know_their_fields() -> None:
    row = plan().regions[0]
    with pytest.raises(ValidationError):
        row.police = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        rows.Region.model_validate({**row.model_dump(), "polcie": 1.0})
