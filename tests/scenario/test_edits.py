"""Changes to a scenario, in words and in files, and the plan that they lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from kit.faults import change, faults, said
from kit.packaged import plan, scenario
from qantar.errors import Problems, ScenarioError
from qantar.scenario import rows
from qantar.scenario.edits import parse_set
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import resolve
from qantar.scenario.schema import MECHANISMS, POLICY_KINDS, STEP_KINDS, Edit

NEW_STEP = {"kind": "concession", "places": ["KZ-MAN", "KZ-ATY"], "at": 30.5, "size": 1}


def step(p: Plan, name: str) -> rows.Step:
    return next(s for s in p.steps if s.id == name)


def region(p: Plan, name: str) -> rows.Region:
    return next(r for r in p.regions if r.id == name)


def fixed(p: Plan) -> dict[str, float]:
    """Parameters whose values the packaged case does not fix so."""
    return {k: v for k, v in p.parameters.items() if plan().parameters.get(k) != v}


def driven(p: Plan) -> dict[str, str]:
    """Kinds whose decisions are not those of the record."""
    return {kind: driver for kind, driver in p.drivers.items() if driver != "recorded"}


def network(p: Plan) -> dict[str, Any]:
    """What differs from an organization that is nowhere, everywhere and always."""
    (found,) = p.organizations
    return {k: v for k, v in found if v != getattr(plan().organizations[0], k)}


TROOPS = {"kind": "intervention", "places": ["KZ-ALA"], "at": 120.0, "size": 500}
ASIDE = {"kind": "stand_aside", "places": ["KZ-ALA"], "at": 108.0, "size": 0.5}

CHANGES: list[tuple[str, str, Any, Callable[[Plan], object], object]] = [
    ("parameters.frailty", "set", 2, fixed, {"frailty": 2.0}),
    ("parameters.frailty", "scale", 0.5, fixed, {"frailty": 0.5}),  # of the default
    ("parameters.price_effect", "off", None, fixed, {"price_effect": 0.0}),
    ("mechanisms.economy", "off", None, lambda p: "economy" in p.mechanisms, False),
    ("mechanisms.economy", "set", True, lambda p: p.mechanisms, [m for m in MECHANISMS if m not in ("split", "seeding", "shock")]),
    ("mechanisms.seeding", "set", 1, lambda p: p.mechanisms, [m for m in MECHANISMS if m not in ("split", "shock")]),
    ("drivers.internet", "set", "policy", driven, {"internet": "policy"}),
    ("drivers.internet", "set", "off", driven, {"internet": "off"}),
    ("drivers.internet", "off", None, driven, {"internet": "off"}),
    ("drivers.internet", "set", "recorded", lambda p: p.drivers, dict.fromkeys(STEP_KINDS, "recorded")),
    ("drivers.stand_aside", "off", None, driven, {"stand_aside": "off"}),
    ("drivers.all", "set", "policy", driven, dict.fromkeys(POLICY_KINDS, "policy")),  # no state orders its units aside as an answer
    ("drivers.all", "off", None, driven, dict.fromkeys(STEP_KINDS, "off")),
    ("government.signal", "set", "seats", lambda p: p.signal, "seats"),
    ("organizations.network.presence", "set", 0.5, network, {"presence": 0.5}),
    ("organizations.network.presence", "scale", 3, network, {}),
    ("organizations.network.demand_gap", "set", -1, network, {"demand_gap": -1.0}),
    ("organizations.network.start", "set", 48, network, {"start": 48.0}),
    ("organizations.network.end", "scale", 0.5, network, {"end": 2048.0}),
    ("organizations.network.places", "set", ["KZ-MAN", "KZ"], network, {"places": ["KZ-MAN", "KZ"]}),
    ("organizations.network.sectors", "set", ["mining"], network, {"sectors": ["mining"]}),
    ("organizations.network", "off", None, network, {}),
    ("forces.guard", "set", 0, lambda p: p.forces, {"guard": 0, "army": 20_000, "site_guards": 1600, "foreign": 2500}),
    ("forces.army", "scale", 0.5, lambda p: p.forces["army"], 10_000),
    ("forces.site_guards", "set", 100, lambda p: p.forces["site_guards"], 100),
    ("forces.foreign", "set", 1e4, lambda p: p.forces["foreign"], 10_000),
    ("land.devaluation", "set", -0.5, lambda p: p.devaluation, -0.5),
    ("steps.troops.size", "scale", 2, lambda p: step(p, "troops").size, 4060),
    ("steps.more", "add_step", TROOPS, lambda p: {k: getattr(step(p, "more"), k) for k in TROOPS}, TROOPS),
    ("steps.aside", "add_step", ASIDE, lambda p: {k: getattr(step(p, "aside"), k) for k in ASIDE}, ASIDE),
    ("time.hours", "set", 96, lambda p: p.hours, 96),
    ("time.step_hours", "set", 0.5, lambda p: p.step_hours, 0.5),
    ("land.price", "scale", 1.5, lambda p: p.price, 90.0),
    ("land.inflation_excess", "set", 0, lambda p: p.inflation_excess, 0.0),
    ("land.internet", "set", 0.5, lambda p: p.internet, 0.5),
    ("regions.KZ-MAN.fuel", "set", 0.1, lambda p: region(p, "KZ-MAN").fuel, 0.1),
    ("regions.KZ-MAN.police", "scale", 2, lambda p: region(p, "KZ-MAN").police, 0.00786),
    ("steps.price-free.size", "set", 90, lambda p: step(p, "price-free").size, 90),
    ("steps.price-free.size", "scale", 0.5, lambda p: step(p, "price-free").size, 60),
    ("steps.price-free", "off", None, lambda p: [s for s in p.steps if s.id == "price-free"], []),
    ("steps.cabinet", "remove_step", None, lambda p: [s for s in p.steps if s.id == "cabinet"], []),
    ("steps.cabinet", "shift_step", -24, lambda p: step(p, "cabinet").at, 81.0),
    ("steps.early", "add_step", NEW_STEP, lambda p: {k: getattr(step(p, "early"), k) for k in NEW_STEP}, NEW_STEP),
]


@pytest.mark.parametrize(("path", "op", "value", "found", "expected"), CHANGES, ids=[f"{c[0]}-{c[1]}" for c in CHANGES])
def test_a_change_changes_what_it_names_and_nothing_else(
    path: str, op: str, value: Any, found: Callable[[Plan], object], expected: object
) -> None:
    edit = Edit(path=path, op=op, value=value)
    changed = resolve(scenario(), [edit])
    assert found(changed) == expected
    assert changed.edits == [edit.model_dump(exclude_defaults=True)]
    head, _, name = path.partition(".")
    lists = ("parameters", "mechanisms", "steps", "regions", "drivers", "organizations", "forces")
    may = {head if head in lists else name, "edits"}
    same = {k for k, v in plan() if getattr(changed, k) == v}
    assert set(plan().model_dump()) - same <= may
    assert [s.at for s in changed.steps] == sorted(s.at for s in changed.steps)


def test_changes_add_up_in_order() -> None:
    edits = [
        Edit(path="parameters.frailty", value=2),
        Edit(path="parameters.frailty", op="scale", value=0.5),
        Edit(path="steps.a", op="add_step", value=NEW_STEP),
        Edit(path="steps.a.size", value=2),
        Edit(path="steps.a", op="shift_step", value=2),
        Edit(path="mechanisms.economy", op="off"),
        Edit(path="mechanisms.economy", value=1),
    ]
    found = resolve(scenario(), edits)
    assert found.parameters == {"base_pressure": 0.0, "frailty": 1.0}
    assert (step(found, "a").size, step(found, "a").at) == (2, 32.5)
    assert found.mechanisms == plan().mechanisms
    assert resolve(scenario(), edits[:1]).parameters == {"base_pressure": 0.0, "frailty": 2.0}


def test_the_last_driver_of_a_kind_counts() -> None:
    edits = parse_set(
        ["drivers.all=policy", "drivers.internet=off", "drivers.price=recorded", "forces.guard=100", "organizations.network.presence=1"]
    )
    edits += [Edit(path="forces.guard", op="scale", value=3), Edit(path="organizations.network.presence", op="scale", value=0.25)]
    found = resolve(scenario(), edits)
    others = dict.fromkeys(set(POLICY_KINDS) - {"internet", "price"}, "policy")
    assert driven(found) == {"internet": "off", **others}
    assert (found.forces["guard"], network(found)) == (300, {"presence": 0.25})
    assert network(resolve(scenario(), [*edits, Edit(path="organizations.network", op="off")])) == {}


def test_an_added_step_may_name_the_country_as_the_file_does() -> None:
    added = resolve(scenario(), [Edit(path="steps.new", op="add_step", value=NEW_STEP | {"places": ["KZ"]})])
    assert step(added, "new").places == ["KZ"]


def test_an_added_step_is_given_and_does_not_hang_on_who_decides() -> None:
    added = resolve(scenario(), [Edit(path="steps.new", op="add_step", value=NEW_STEP)])
    assert step(added, "new").given is True
    with pytest.raises(ScenarioError) as caught:
        resolve(scenario(), [Edit(path="steps.new", op="add_step", value=NEW_STEP | {"given": False})])
    assert [p.code for p in said(caught.value.problems)] == ["bad_edit"]


@pytest.mark.parametrize(
    ("edits", "replayed"),
    [
        ([], False),
        (["time.hours=300", "drivers.all=policy", "drivers.price=recorded"], False),  # the same world, longer or otherwise governed
        (["parameters.frailty=2"], True),
        (["mechanisms.economy=off", "drivers.internet=policy"], True),
    ],
)
def test_decisions_are_replayed_where_the_world_was_changed(edits: list[str], replayed: bool) -> None:
    found = resolve(scenario(), parse_set(edits))
    recorded = [s.id for s in found.steps if not s.given and found.drivers[s.kind] == "recorded"]
    assert recorded
    assert found.replayed() == (recorded if replayed else [])


def test_two_added_steps_cannot_share_a_name() -> None:
    edit = Edit(path="steps.new", op="add_step", value=NEW_STEP)
    with pytest.raises(ScenarioError) as caught:
        resolve(scenario(), [edit, edit])
    assert [(p.key, p.code) for p in said(caught.value.problems)] == [("edits.1.steps.new", "repeated_id")]


def test_all_wrong_changes_are_named_at_once() -> None:
    wrong = faults("changes")[:90]  # of more than a hundred not all are listed
    edits = [change(fault) for fault in wrong]
    with pytest.raises(ScenarioError) as caught:
        resolve(scenario(), edits)
    assert sorted(p.code for p in said(caught.value.problems)) == sorted(fault.row["rule"] for fault in wrong)
    problems = Problems()
    assert resolve(scenario(), edits, problems=problems) == plan()
    assert len(problems.found) == len(wrong)


def test_a_change_that_is_none_is_refused_before_it_reaches_a_plan() -> None:
    for bad in ({"path": "a b"}, {"path": "time.hours", "op": "delete"}, {"op": "set"}, {"path": "time.hours", "values": 1}):
        with pytest.raises(ValidationError):
            Edit.model_validate(bad)


def test_words_of_the_command_line() -> None:
    words = ["parameters.price_effect=0", "mechanisms.economy=off", "steps.price-free.size=1e2", "time.hours=96"]
    assert [(e.path, e.op, e.value) for e in parse_set(words)] == [
        ("parameters.price_effect", "set", 0.0),
        ("mechanisms.economy", "off", None),
        ("steps.price-free.size", "set", 100.0),
        ("time.hours", "set", 96.0),
    ]
    assert resolve(scenario(), parse_set(words)).hours == 96
    words = ["drivers.internet=off", "drivers.all=policy", "government.signal=seats", "organizations.network=off", "forces.army=0"]
    words += ["organizations.network.sectors=mining,industry", "organizations.network.places=KZ-MAN", "organizations.network.start=7.5"]
    assert [(e.op, e.value) for e in parse_set(words)] == [
        ("set", "off"),
        ("set", "policy"),
        ("set", "seats"),
        ("off", None),
        ("set", 0.0),
        ("set", ["mining", "industry"]),
        ("set", ["KZ-MAN"]),
        ("set", 7.5),
    ]
    assert resolve(scenario(), parse_set(words)).organizations[0].start == 7.5
    for word, code in (
        ("time.hours", "bad_form"),
        ("=1", "bad_form"),
        ("time.hours=many", "not_a_number"),
        ("organizations.network.presence=all", "not_a_number"),
        ("drivers.all=", "bad_form"),
    ):
        with pytest.raises(ScenarioError) as caught:
            parse_set([word])
        assert [p.code for p in said(caught.value.problems)] == [code]
