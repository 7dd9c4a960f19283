"""Four methods in drawn countries: equal budgets, nothing but allocation differs, the state is the same, and a result without a ranking."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import CASE, REPOSITORY
from qantar.cli.main import main
from qantar.cli.text import tell
from qantar.effects import interaction
from qantar.effects.experiment_file import FOLDER
from qantar.engine.loop import simulate
from qantar.ensemble.one_run import values_of
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.errors import StudyError
from qantar.messages import text
from qantar.model import assemble, organization
from qantar.model.build import land_of
from qantar.model.rules import N_STATES
from qantar.population.build import blocks_of
from qantar.scenario.parameters import defaults, draw, parameters
from qantar.scenario.plan import Plan
from qantar.studies.blocks import Table
from qantar.studies.kind import Outcome, ask, result_of, table_csv
from qantar.studies.methods import STUDY, outcome_of
from qantar.stylized.comparison import Comparison, Whole, compared, recipes_of, unpack
from qantar.stylized.countries import ALLOCATIONS, BLOCK, DAYS, METHODS, TRAITS, base_plan, calls, country, halves, plan_of
from qantar.stylized.experiment import Shape, load_experiment, packaged_folder, stylized_file
from qantar.stylized.navco import Counts, counts_csv, packed_counts

HOME = packaged_folder()
WRITTEN, COUNTS = load_experiment(HOME), packed_counts(HOME)
NUMBERS = st.integers(0, 255)
SEEDS = st.integers(0, 2**40)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What chance supports and the intervals of shares need fewer here than in a result."""
    monkeypatch.setattr(interaction, "SHUFFLES", 60)
    monkeypatch.setattr(interaction, "ROUNDS", 60)
    interaction.shuffles.cache_clear()
    yield
    interaction.shuffles.cache_clear()


def with_organizers(plan: Plan) -> Iterator[tuple[int, float, float, float]]:
    """By hour at which organizers are at work: people among whom they are, within reach, and what calls add, summed over people."""
    land = land_of(plan, blocks_of(plan))
    values = {**defaults(), "call_rate": 0.01, "call_hours": 6.0}
    world = assemble.new_world(land, values, 1.0, 1, ["organization"])
    nobody = np.zeros((N_STATES, *world.able.shape)), np.zeros_like(world.quota)
    for t in range(plan.hours):
        at_work = [o for o in land.organizations if o.start <= t < o.end]
        if not at_work:
            continue
        assemble.look(world, t, *nobody)
        organization.step(world)
        people = land.sector_residents * land.takes_part
        within = (np.minimum(1.0, values["organization_reach"] * sum(o.presence for o in at_work)) * people).sum()
        found = ((sum(o.presence for o in at_work) * people).sum(), within, (world.b * people).sum())
        yield t, *(float(f"{x:.9g}") for x in found)


@settings(max_examples=30)
@given(SEEDS, NUMBERS)
def test_every_method_has_the_same_organizers_for_the_same_days(seed: int, number: int) -> None:
    found = {}
    for method in ALLOCATIONS[:-1]:
        plan = plan_of(seed, number, method)
        assert all(0 < o.presence <= 1 for o in plan.organizations)
        days = [range(int(o.start) // 24, int(o.end) // 24) for o in plan.organizations]
        assert sorted({d for r in days for d in r}) == sorted(d for r in days for d in r)  # never two calls at once
        hours = list(with_organizers(plan)) if seed % 7 == 0 else []
        at_work = [hour[0] for hour in hours]
        assert not hours or len(at_work) == 24 * DAYS
        found[method] = (sum(len(r) for r in days), [hour[1:] for hour in hours])
        assert found[method][0] == DAYS
    for one, other in itertools.pairwise(found.values()):
        assert sorted(one[1]) == sorted(other[1])
    assert plan_of(seed, number, "unorganized").organizations == []


@pytest.mark.parametrize("number", [0, 9, 22])
def test_calls_press_as_much_whatever_the_method(number: int) -> None:
    # People, reach and pressure of all hours, in the model's own arrays.
    found = [sorted(hour[1:] for hour in with_organizers(plan_of(1, number, m))) for m in ALLOCATIONS[:-1]]
    assert len(found[0]) == 24 * DAYS
    assert found[0][-1][2] > 0
    assert all(other == found[0] for other in found[1:])


def test_a_budget_that_is_not_equal_would_be_seen() -> None:
    plan = plan_of(1, 0, "central_city")
    more = [o.model_copy(update={"presence": 1.01 * o.presence}) for o in plan.organizations]
    one, other = (list(with_organizers(p)) for p in (plan, plan.model_copy(update={"organizations": more})))
    assert all(x[1] < y[1] for x, y in zip(one, other, strict=True))


def differences(one: Any, other: Any, path: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {d for k in one for d in differences(one[k], other[k], f"{path}.{k}".lstrip("."))}
    return set() if one == other else {path}


@settings(max_examples=30)
@given(SEEDS, NUMBERS)
def test_plans_of_a_country_differ_in_allocation_alone(seed: int, number: int) -> None:
    plans = {m: plan_of(seed, number, m).model_dump() for m in ALLOCATIONS}
    for one, other in itertools.combinations(ALLOCATIONS, 2):
        assert differences(plans[one], plans[other]) == {"organizations"}
    keys = {"id", "presence", "places", "sectors", "demand_gap", "start", "end"}
    for plan in plans.values():
        assert all(o.keys() == keys and o["demand_gap"] == country(seed, number).gap for o in plan["organizations"])


def test_no_method_has_a_coefficient_of_its_own() -> None:
    # Every coefficient but the country's shock, and the pressure without one, is drawn from its prior, alike under all allocations.
    for n in (0, 7):
        drawn = [values_of(r, 3) for r in recipes_of(5, 8, 2)[n * len(ALLOCATIONS) : (n + 1) * len(ALLOCATIONS)]]
        assert all(d == drawn[0] for d in drawn)
        prior = draw(5, 1)
        assert {k for k in prior if prior[k] != drawn[0][k]} == {"base_pressure", "price_effect"}
    # No file of the model names a method.
    for path in (REPOSITORY / "src" / "qantar" / "model").glob("*.py"):
        assert not any(m in path.read_text() for m in ALLOCATIONS[:-1]), path
    assert not any(m in name for name in parameters() for m in ALLOCATIONS)


@given(SEEDS, NUMBERS)
def test_a_country_is_drawn_from_its_ranges(seed: int, number: int) -> None:
    c, plan = country(seed, number), base_plan(seed, number)
    assert 4e6 <= c.residents <= 16e6
    assert 0.3 <= c.urban <= 0.9
    assert 1 <= c.shock <= 4
    assert (c.urban >= 0.6, c.capital >= 0.4, c.foreign > 0) == (c.upper["urban"], c.upper["dominant"], c.upper["aided"])
    towns = [p.population for p in plan.places if p.id[0] == "T"]
    districts = [p.population for p in plan.places if p.id[0] == "D"]
    assert sum(towns) + sum(districts) == c.residents
    assert 20 <= len(towns) <= 30
    assert max(districts) < sorted(towns)[-2]
    assert towns[0] == max(towns) or c.capital < 0.35  # a capital with few people may be second
    assert [p.region for p in plan.places] == sorted(p.region for p in plan.places)
    assert all(abs(sum(r.sectors) - 1) < 1e-6 and abs(sum(r.bands) - 1) < 1e-6 for r in plan.regions)
    assert {r.seat for r in plan.regions} <= {p.id for p in plan.places}


def test_conditions_are_balanced_in_every_block() -> None:
    upper = np.array([[halves(n)[t] for t in TRAITS] for n in range(BLOCK)])
    for three in itertools.combinations(range(len(TRAITS)), 3):
        assert len({tuple(row) for row in upper[:, three]}) == 8
    for claim in WRITTEN.experiment.claims:
        assert claim.holds(range(BLOCK)).sum() == BLOCK / 2 ** len(claim.condition)


def test_the_state_is_the_same_in_every_country() -> None:
    plans = [base_plan(1, n) for n in range(8)]
    assert all(
        (p.drivers, p.signal, p.mechanisms, p.hours, p.scale) == (plans[0].drivers, plans[0].signal, plans[0].mechanisms, 240, 0.005)
        for p in plans
    )
    assert set(plans[0].drivers.values()) == {"policy", "off"}
    assert all(s.kind == "price" and s.given for p in plans for s in p.steps)


def test_with_steps_of_a_day_no_call_ever_falls_due() -> None:
    # Why years are not representable: the reason that the experiment's file gives.
    values = {**defaults(), "call_rate": 1.0, "organization_reach": 1.0, "base_pressure": 0.0, "call_hours": 14.0}
    plan = plan_of(1, 0, "central_city").model_copy(update={"mechanisms": ["organization"], "parameters": {}, "scale": 0.001})
    assert simulate(plan.model_copy(update={"step_hours": 1.0, "hours": 72}), values, 1).joined.sum() > 0
    assert simulate(plan.model_copy(update={"step_hours": 24.0, "hours": 2400}), values, 1).joined.sum() == 0


def test_an_unknown_method_is_said() -> None:
    with pytest.raises(StudyError, match="central_city"):
        calls(base_plan(1, 0), "central_town")


# --- the experiment on planted histories ---


def made_up(shape: Shape, better: dict[str, float]) -> list[Whole]:
    """Tables of runs in which a method succeeds more often by so much where its first claim's condition holds."""
    rng, e = np.random.default_rng(4), WRITTEN.experiment
    first = {c.method: c for c in reversed(e.claims)}
    runs = []
    for n in range(shape.countries):
        u = rng.uniform(size=shape.draws * shape.seeds)
        for m in ALLOCATIONS:
            p = 0.3 + (better.get(m, 0.0) if m in first and first[m].holds([n])[0] else 0.0)
            won = u < p
            runs.append(
                {
                    "run": np.arange(len(u)),
                    "draw": np.arange(len(u)) // shape.seeds,
                    "sha256": np.where(won, "aa" * 32, "bb" * 32),
                    "outcome": np.where(won, "conceded", "faded"),
                    "peak": np.where(u < 0.5, 5000.0, 200000.0),
                    "changed_sides": np.where(u < 0.3, 0.1, 0.0),
                    "stood_aside": np.zeros(len(u)),
                }
            )
    return runs


SHAPE = Shape(64, 40, 2)


def planted(better: dict[str, float], counts: Counts = COUNTS) -> Comparison:
    return compared(WRITTEN.experiment, counts, made_up(SHAPE, better), SHAPE, 1)


def stored(better: dict[str, float]) -> tuple[Outcome, dict[str, str]]:
    """What a study of planted histories found, and its tables as text."""
    outcome = outcome_of(HOME.parent, WRITTEN, COUNTS, made_up(SHAPE, better), SHAPE, 1)
    return outcome, {f"{name}.csv": table_csv(rows) for name, rows in outcome.tables.items()} | {
        k: str(v) for k, v in outcome.files.items()
    }


def test_a_planted_interaction_supports_its_own_claim() -> None:
    found = planted({"countryside": 0.6})
    said = {(r.claim.claim, r.claim.kind): r.answer.verdict for r in found.main}
    assert said["C078", "matters"] == "supported"
    # Two other conditions leave out agrarian countries, so those methods gain on the others without doing better themselves.
    assert [r.interaction.finding for r in found.main if r.claim.kind == "matters"].count("supported") == 3
    assert [r.answer.verdict for r in found.main if r.claim.kind == "matters"].count("supported") == 1
    assert found.by_chance < 0.1
    for r in found.main:  # against the unorganized case alone, no other method has anything
        assert (abs(r.own.mean) < 0.1) == (r.claim.claim != "C078")
    none = planted({})
    assert {r.interaction.finding for r in none.main if r.claim.kind == "matters"} == {"contradicted"}
    assert (none.ceiling, found.ceiling) == (0.0, 1.0)
    # Where no method moves anything there is nothing to compare: neither "contradicted" nor a "supported" that costs nothing.
    assert {r.answer.verdict for r in none.main} == {"not-decidable"}
    assert {r.moving for r in none.main} == {0.0}
    assert min(r.moving for r in found.main) > 0.9


def test_nothing_is_sorted_by_outcome_and_no_country_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    names = re.compile(r"Kazakh|Russia|China|Cuba|France|Vietnam|Syria|Ukraine|哈萨克|俄罗斯|中国|越南|古巴|法国")
    order = []
    for best in ("nationwide_rising", "central_city"):
        outcome, files = stored({best: 0.6})
        rows = outcome.tables["conditions"]
        order.append([(r["claim"], r["kind"], r["outcome"], r["countries"], r["allocation"]) for r in rows])
        assert [r["allocation"] for r in rows][: len(ALLOCATIONS)] == list(ALLOCATIONS)
        order.append([(c["claim"], c["outcome"]) for c in outcome.facts["claims"]])
        assert not names.search("".join(files.values()) + json.dumps(outcome.facts, ensure_ascii=False))
        for lang in ("en", "zh"):
            tell(STUDY.page(result_of(files, outcome.facts)), lang)
            out = capsys.readouterr().out
            assert not names.search(out)
            assert not re.search(r"\b(best|worst|rank \d|winner|most successful)\b|最佳|最好的|第一名", out)
    assert order[0] == order[2]
    assert order[1] == order[3]
    assert METHODS == ("central_city", "countryside", "urban_guerrilla", "nationwide_rising")


def test_the_terminal_says_what_is_stored(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    outcome, files = stored({"countryside": 0.6})
    tell(STUDY.page(result_of(files, outcome.facts)), "en")
    out, data = capsys.readouterr().out.replace("−", "-"), outcome.facts
    main = [c for c in data["claims"] if c["main"]]
    assert all(f"{c['interaction']:+.3f}" in out and f"{c['reached']} / {c['draws']}" in out for c in main)
    assert text("methods.not_predicted", "en") in out
    assert all(x["what_en"][:40] in out and x["why_en"][:40] in out for x in data["not_represented"])
    assert all(c.condition_en in out for c in WRITTEN.experiment.claims)
    assert all(getattr(WRITTEN.experiment, f"{k}_en") in " ".join(out.split()) for k in ("question", "rule", "caution"))
    assert [c["verdict"] for c in main] == [r.answer.verdict for r in planted({"countryside": 0.6}).main]
    assert sum(x["share"] for x in data["variance"]) == pytest.approx(1)


def test_a_result_without_the_words_of_its_experiment_names_conditions_by_their_traits() -> None:
    outcome, files = stored({})
    older = {k: v for k, v in outcome.facts.items() if k not in ("words", "conditions_in_words")}
    tables = [b for b in STUDY.page(result_of(files, older)) if isinstance(b, Table)]
    assert tables[0].rows[0][1] == ("dominant; not heavy",) * 2


# --- the file, and the command ---


@pytest.mark.parametrize(("words", "part"), [(["--countries", "20"], "multiple of 16"), (["--experiment", "none.toml"], "none.toml")])
def test_wrong_input_is_said_before_anything_runs(words: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["methods", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"), *words])
    assert caught.value.code == 2
    assert part in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_another_case_has_its_own_experiment_and_campaigns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = Path(shutil.copytree(HOME.parent, tmp_path / "mine", ignore=shutil.ignore_patterns("fit", "experiments")))
    (mine / FOLDER).mkdir()
    packaged = stylized_file(HOME)
    assert packaged is not None
    out = tmp_path / "out"

    def run(*more: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(["methods", str(mine), "--countries", "16", "--draws", "2", "--out", str(out), *more])
        printed = capsys.readouterr()
        return int(str(caught.value.code or 0)), printed.out + printed.err

    status, printed = run()
    assert status == 2
    assert "no experiment on drawn countries" in printed
    (mine / FOLDER / "H03.toml").write_text(
        packaged.read_text().replace('hypothesis = "H11"', 'hypothesis = "H03"').replace("seed = 11", "seed = 5")
    )
    status, printed = run()
    assert status == 2
    assert "no table of past campaigns" in printed
    doubled = {k: (2 * n, 2 * won) for k, (n, won) in COUNTS.items()}
    (mine / FOLDER / "H03-navco.csv").write_text(counts_csv(doubled))
    with pytest.MonkeyPatch.context() as patch:  # histories are made up here; that ensembles are kept is tested with the store
        runs = iter(made_up(Shape(16, 2, 2), {"countryside": 0.5}))
        patch.setattr(Runner, "ensembles", lambda runner, recipes, n: [SimpleNamespace(read=lambda n: ({}, next(runs)))] * len(recipes))
        status, printed = run()
    assert status == 0, printed
    result = json.loads((out / "result.json").read_text())
    assert (result["hypothesis"], result["seed"], result["command"]["options"]["scenario"]) == ("H03", 5, CASE)
    assert [c["campaigns"] for c in result["campaigns"]] == [[2 * n for n in c.campaigns] for c in planted({}).contrasts]
    assert result["histories"] == 16 * len(ALLOCATIONS) * 2 * 2 == sum(n for ends in result["outcomes"].values() for n in ends.values())


def test_histories_are_packed_where_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = made_up(Shape(16, 2, 2), {})
    given = iter(runs)
    monkeypatch.setattr(Runner, "ensembles", lambda runner, recipes, n: [SimpleNamespace(read=lambda n: ({}, next(given)))] * len(recipes))
    asked = ask(STUDY, {"countries": 16, "draws": 2, "pack": tmp_path / "packed.npz"})
    outcome = STUDY.run(asked, Runner(tmp_path))
    ((place, content),) = outcome.elsewhere.items()
    assert isinstance(content, bytes)
    place.write_bytes(content)
    again, about = unpack(place)
    assert (about["countries"], about["draws"], about["seeds"], about["seed"]) == (16, 2, 2, WRITTEN.experiment.seed)
    assert [r["outcome"].tolist() for r in again] == [r["outcome"].tolist() for r in runs]


def test_parts_that_are_kept_are_not_computed_again(tmp_path: Path) -> None:
    def tiny(recipe: Recipe) -> Recipe:
        few = {"scale": 0.0002, "hours": 30, "mechanisms": ["economy", "organization"]}
        return replace(recipe, plan=recipe.plan.model_copy(update=few), part=3)

    (recipe, *_), told = [tiny(r) for r in recipes_of(1, 1, 2)], list[int]()
    runner = Runner(tmp_path, 1, lambda stage, done, total: told.append(done))
    runner.ensembles([recipe], 4)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    runner.ensembles([recipe], 4)
    assert told[0] == 0
    assert sorted(told[1:3]) in ([3, 4], [1, 4])  # parts of three and one, in whichever order they are done
    assert told[3:] == [4]
    assert len(before) == 4
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == before


def test_the_counts_of_another_table_are_used() -> None:
    one, two = (planted({}, counts).contrasts[0] for counts in (COUNTS, {k: (2 * n, 2 * won) for k, (n, won) in COUNTS.items()}))
    assert two.campaigns == tuple(2 * n for n in one.campaigns)
