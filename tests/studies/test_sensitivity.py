"""Sensitivity: known answers through the same analysis, luck as an input, and the command from scenario to tables.

Samples are fixed by their seeds, so nothing here fails by chance; every known answer is also checked against a defect that must be caught.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from qantar import errors
from qantar.cli.text import tell
from qantar.ensemble import warm
from qantar.ensemble.one_run import one_run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.errors import StudyError
from qantar.inference.prior import ALONE, varied
from qantar.inference.variance import (
    OTHERS,
    SEED,
    STEP,
    Design,
    Index,
    ranked,
    screening,
    screening_design,
    shares,
    shares_design,
)
from qantar.scenario.edits import parse_set
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import load_scenario, resolve
from qantar.scenario.schema import Edit
from qantar.studies.kind import ask, perform, result_of, table_csv
from qantar.studies.sensitivity import OUTPUTS, STUDY, Effort, indices

Floats = np.ndarray[Any, np.dtype[np.float64]]
FREE = ("protest_hours", "participants_bias", "curfew_effect", "split_hour")
"""What the small plan leaves free; the last belongs to a mechanism that is off."""
FIXED = {k: v for k, v in defaults().items() if k not in FREE} | {"base_pressure": 3e-4, "potential": 1.0}
SMALL = Effort(trajectories=3, draws=4, most=2)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm.compiled(now=True)  # once, and not in every process started here


def by_input(indices: list[Index], measure: str) -> dict[str, Index]:
    return {x.input: x for x in indices if x.measure == measure}


# --- known answers ---------------------------------------------------------------------------------------------------------------


def ishigami(design: Design) -> Floats:
    """Ishigami and Homma (1990), a = 7, b = 0.1; the third input is what the study calls others."""
    x = np.pi * (2 * design.points - 1)
    return np.asarray(np.sin(x[..., 0]) + 7 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0]))


ISHIGAMI = {"alone": {"a": 0.3139, "b": 0.4424, OTHERS: 0.0, SEED: 0.0}, "total": {"a": 0.5576, "b": 0.4424, OTHERS: 0.2437, SEED: 0.0}}


@cache
def saltelli() -> Design:
    return shares_design(["a", "b"], ["c"], 1024, 3)


def agree(y: Floats) -> bool:
    """Whether the indices are those of Ishigami's function: within 0.05, and inside one and a half times their intervals."""
    found = shares(saltelli(), y, "y", 3)
    known = [(x, ISHIGAMI[x.measure][x.input]) for x in found]
    assert len(known) == 8
    return all(abs(x.value - v) <= 0.05 and abs(x.value - v) <= 1.5 * (x.high - x.value) + 1e-12 for x, v in known)


def test_shares_of_a_known_function() -> None:
    y = ishigami(saltelli())
    assert agree(y)
    for name, rows in (("seed", [SEED]), ("third", [SEED, OTHERS])):
        alone = by_input(shares(saltelli(), y, "y", 3), "alone")
        assert all(alone[row].low <= 0 <= alone[row].high for row in rows), name


@pytest.mark.parametrize("defect", ["rows shuffled", "columns exchanged", "fresh noise in one column"])
def test_defects_in_the_outputs_are_caught(defect: str) -> None:
    y, rng = ishigami(saltelli()), np.random.default_rng(0)
    if defect == "rows shuffled":
        y = rng.permutation(y.ravel()).reshape(y.shape)
    elif defect == "columns exchanged":
        y = y[:, [0, 2, 1, *range(3, y.shape[1])]]
    else:
        y[:, 2] += rng.normal(0, 1.5, len(y))
    assert not agree(y)


def test_luck_is_an_input_with_its_share_of_variance() -> None:
    design = shares_design(["a", "b"], ["c", "d"], 1024, 5)
    assert design.second.tolist() == [False] * 4 + [True] * 2  # A, a, b, others; seed, B
    luck = np.random.default_rng(1).normal(0, np.sqrt(1 / 12), (1024, 2))  # of a row's two seeds
    y = design.points[..., 0] + luck[:, design.second.astype(int)]
    found = shares(design, y, "y", 5)
    for measure in ("alone", "total"):
        for name, share in {"a": 0.5, "b": 0.0, OTHERS: 0.0, SEED: 0.5}.items():
            assert by_input(found, measure)[name].value == pytest.approx(share, abs=0.06)
    assert by_input(found, "total")["b"].value == 0  # the same luck: no effect is none at all
    fresh = design.points[..., 0] + np.random.default_rng(1).normal(0, np.sqrt(1 / 12), y.shape)
    assert by_input(shares(design, fresh, "y", 5), "total")["b"].value > 0.3  # what luck of its own a point would do


def test_an_output_that_never_changes_has_no_shares() -> None:
    assert shares(saltelli(), np.full((1024, 5), 3.0), "y", 3) == []


def linear(design: Design, luck: float = 0.0) -> Floats:
    return np.asarray(design.points @ [3.0, -2.0, 0.0] + luck * design.second)


def test_screening_of_a_linear_function_is_exact() -> None:
    design = screening_design(["a", "b", "c"], 5, 2)
    assert set(np.unique(design.points)) == {1 / 8, 3 / 8, 5 / 8, 7 / 8}
    assert (np.abs(np.diff(design.points[:, :-1], axis=1)).sum(axis=2) == 0.5).all()  # one at a time, by half of the prior
    assert (design.points[:, -1] == design.points[:, -2]).all()
    assert design.second.tolist() == [False] * 4 + [True]
    found = screening(design, linear(design, 0.7), "y", 2)
    expected = {"a": 1.5, "b": 1.0, "c": 0.0, SEED: 0.7}
    assert {k: x.value for k, x in by_input(found, "size").items()} == pytest.approx(expected)
    for k, x in by_input(found, "direction").items():
        assert (x.value, x.low, x.high) == pytest.approx(({"a": 1.5, "b": -1.0, "c": 0.0}[k],) * 3)
    assert pytest.approx(2 / 3) == STEP
    assert ranked(found) == ("a", "b", "c")


def test_screening_of_shuffled_outputs_is_not_that_of_the_function() -> None:
    design = screening_design(["a", "b", "c"], 5, 2)
    y = linear(design)
    shuffled = np.random.default_rng(0).permutation(y.ravel()).reshape(y.shape)
    assert by_input(screening(design, shuffled, "y", 2), "size")["c"].value > 0.1


def test_intervals_of_sizes_hold_the_truth_about_as_often_as_they_say() -> None:
    # mu* of y = a x b is 1/2 E|other| = 1/4; 19 of 20 intervals should hold it. Bootstrap of 30 trajectories: at least 85 %.
    held = 0
    for seed in range(60):
        design = screening_design(["a", "b"], 30, seed)
        x = by_input(screening(design, design.points.prod(axis=2), "y", seed), "size")["a"]
        held += x.low <= 0.25 <= x.high
    assert 51 <= held < 60  # an interval that always holds it says nothing


def test_the_rank_is_over_outputs_of_any_unit() -> None:
    rows = {("y", "a"): 1000.0, ("y", "b"): 900.0, ("z", "a"): 0.0, ("z", "b"): 0.001, ("z", "c"): 0.0}
    found = [Index("size", o, i, v, v, v) for (o, i), v in rows.items()] + [Index("size", "y", SEED, 9e9, 0, 9e9)]
    assert ranked(found) == ("b", "a", "c")


def test_designs_are_pure_functions_of_their_seed() -> None:
    one, again, other = (shares_design(["a"], ["b"], 8, seed).points for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    one, again, other = (screening_design(["a", "b"], 8, seed).points for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


# --- which parameters can matter ---------------------------------------------------------------------------------------------------


@cache
def country(*words: str, hours: int = 48) -> Plan:
    edits = [Edit(path="time.hours", value=hours), *parse_set(words)]
    return resolve(load_scenario(CASE), edits, scale=0.002)


def test_parameters_of_what_is_off_are_left_out() -> None:
    names, left = varied(country())
    groups = {name: p.group for name, p in parameters().items()}
    assert {groups[n] for n in left["off"]} == {"seeding", "split", "shock"}
    assert {groups[n] for n in left["no_policy"]} == {"government"}
    assert {groups[n] for n in left["absent"]} == {"organization"}
    assert set(names) | {n for found in left.values() for n in found} == set(parameters())
    assert len(names) + sum(map(len, left.values())) == len(parameters())
    names, left = varied(
        country("drivers.internet=policy", "mechanisms.split=1", "parameters.frailty=1", "organizations.network.presence=1")
    )
    assert {"rung_internet", "split_hour", "call_rate"} <= set(names)
    assert left["fixed"] == ("base_pressure", "frailty")  # the first by the case itself
    assert {groups[n] for n in left["off"]} == {"seeding", "shock"}


@pytest.mark.parametrize("group", [*ALONE, "government"])
def test_what_is_left_out_changes_nothing_and_would_if_it_were_on(group: str) -> None:
    # Loud enough that everything happens: fighting, deaths, seats lost; units answer, foreign ones come.
    all_on = ["organizations.network.presence=1", *(f"mechanisms.{m}=1" for m in ("split", "shock", "seeding"))]
    policy = "drivers.all=policy"
    off = country(*all_on, *([] if group == "government" else [policy, f"mechanisms.{group}=off"]), hours=144)
    assert moves(country(*all_on, policy, hours=144), group)
    assert not moves(off, group)
    left = {n for found in varied(off)[1].values() for n in found}
    assert left >= {n for n, p in parameters().items() if p.group == group}


def test_organization_without_organizations_changes_nothing() -> None:
    assert not moves(country("drivers.all=policy", hours=144), "organization")


def moves(plan: Plan, group: str) -> bool:
    """Whether a history or what is seen of it changes when all parameters of a group go to the other end of their limits."""
    values = defaults() | {"rally_rate": 30.0, "rally_size": 300.0, "potential": 0.1, "violence_rate": 1.0, "crowd_weight": 0.5}
    values |= {"escalation_rate": 0.05, "decide_hours": 1.0, "demand_drift": 0.05}
    values |= {name: 0.02 for name in values if name.startswith("rung_")}
    if group == "seeding":  # among so few residents as many as stand there would be nobody, and three days later nobody is left
        values |= {"seed_people": 100_000.0, "seed_hour": 24.0}
    if group == "split":  # while units are out in many cities
        values |= {"split_cities": 17.0, "split_hour": 36.0, "order_obeyed": 1.0}
    own = {n: p for n, p in parameters().items() if p.group == group}
    moved = values | {n: (p.low if values[n] > (p.low + p.high) / 2 else p.high) for n, p in own.items()}
    assert moved != values
    return history(plan, values) != history(plan, moved)


def history(plan: Plan, values: dict[str, float]) -> str:
    days, whole = one_run(Recipe(plan, 3, sampling="given"), 0, [values])
    seen = b"".join(np.asarray(days[k]).tobytes() for k in ("presence", "participants", "detained", "killed", "seat_lost"))
    return f"{whole['sha256']} {hashlib.sha256(seen).hexdigest()}"


def test_nothing_left_to_vary_is_said() -> None:
    plan = country().model_copy(update={"parameters": defaults()})
    with pytest.raises(StudyError) as caught:
        indices(plan, SMALL, 1, Runner(Path("nowhere")))
    assert [p.code for p in caught.value.problems] == ["nothing_varies"]
    assert all(p.render("en") and p.render("zh") for p in caught.value.problems)


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(StudyError) as caught:
        perform(STUDY, ask(STUDY, {"scenario": CASE}), Runner(Path("nowhere")))
    assert "qantar[sensitivity]" in str(caught.value)


# --- through histories -------------------------------------------------------------------------------------------------------------


@cache
def small() -> Plan:
    """A country of which nearly everything is fixed."""
    return country(hours=24).model_copy(update={"parameters": FIXED})


Found = tuple[list[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return indices(small(), SMALL, 4, Runner(tmp_path_factory.mktemp("one"), 1))


def row(found: Found, measure: str, output: str, name: str) -> dict[str, Any]:
    (only,) = [r for r in found[0] if (r["measure"], r["output"], r["input"]) == (measure, output, name)]
    return only


def test_any_number_of_processes_gives_the_same_and_nothing_is_done_twice(found: Found, tmp_path: Path) -> None:
    done: list[tuple[str, int, int]] = []
    notes: list[Any] = []
    runner = Runner(tmp_path, 2, lambda *x: done.append(x), notes.append)
    assert indices(small(), SMALL, 4, runner) == found
    n = sum(SMALL.histories(3))
    assert [f"{n:,}" in words[0] for words in notes] == [True]
    assert n == found[1]["histories"]
    assert (done[0], done[-1]) == (("histories", 0, n), ("histories", n, n))
    assert [d for _, d, _ in done] == sorted(d for _, d, _ in done)
    parts = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    assert indices(small(), SMALL, 4, Runner(tmp_path, 1)) == found
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == parts


def test_what_was_found(found: Found) -> None:
    rows, facts = found
    assert set(facts["ranked"]) == {"protest_hours", "participants_bias", "curfew_effect"}
    assert facts["left_out"]["off"] == ("split_hour",)
    assert {r["input"] for r in rows if r["measure"] == "total"} == {*facts["ranked"][:2], OTHERS, SEED}
    assert facts["histories"] == 3 * 5 + 4 * 6
    assert len(facts["keys"]) == 5 + 6
    none = row(found, "size", "participants", "curfew_effect")  # no curfew on the first day
    assert (none["value"], none["low"], none["high"]) == (0, 0, 0)
    assert row(found, "size", "participants", "protest_hours")["value"] > 0.02
    assert row(found, "size", "participants", SEED)["value"] > 0
    assert set(facts["constant"]) <= set(OUTPUTS)
    assert all(r["low"] <= r["value"] <= r["high"] for r in rows)
    assert min(r["low"] for r in rows) < 0
    assert {r["stamp"] for r in rows} == {"illustration, not fitted"}


def test_tables_in_both_languages(found: Found, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    made = {"scenario": CASE, "scale": 0.002, "seed": 4, **found[1]}
    result = result_of({"indices.csv": table_csv(found[0])}, made)
    size = row(found, "size", "participants", "protest_hours")
    for lang, words in (("en", ("not fitted", "seats lost", "95 % interval")), ("zh", ("未经拟合", "随机因素", "失守"))):
        tell(STUDY.page(result), lang)
        out = capsys.readouterr().out
        assert all(word in out for word in words)
        assert f"{size['value']:.2f} [{size['low']:.2f}, {size['high']:.2f}]".replace("-", "−") in out
