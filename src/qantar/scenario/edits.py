"""Changes to a plan: one form, wherever they come from (arms, command line, Python), checked by the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from qantar.errors import Problems, ScenarioError, fail, nearest
from qantar.files.cells import NUMBER_MAX, is_number
from qantar.scenario import rows
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import FORCES, Plan
from qantar.scenario.schema import DRIVERS, MECHANISMS, POLICY_KINDS, SIGNALS, STEP_KINDS, STEPS_MAX, Edit, step_fault

_SET = re.compile(r"([A-Za-z0-9_.-]{1,200})=(.+)", re.DOTALL)
_FIGURE = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII)
"""A number on a command line: plain digits, no marks inside it."""


def parse_set(words: Sequence[str]) -> list[Edit]:
    """Edits from `--set PATH=VALUE`; a value is a number, `off`, or words where the path takes them, lists by commas.

    >>> parse_set(["parameters.price_effect=0", "mechanisms.economy=off"])
    [Edit(path='parameters.price_effect', op='set', value=0.0, note=''), Edit(path='mechanisms.economy', op='off', value=None, note='')]
    >>> [e.value for e in parse_set(["drivers.all=policy", "organizations.unions.sectors=mining,industry"])]
    ['policy', ['mining', 'industry']]

    Raises
    ------
    ScenarioError
        If a word is not of this form.
    """
    return [_parsed(word) for word in words]


def _parsed(word: str) -> Edit:
    match = _SET.fullmatch(word)
    if match is None:
        raise fail(ScenarioError, "--set", "bad_form", value=word, example="parameters.price_effect=0")
    path, value = match.groups()
    if path.startswith(("drivers.", "government.")):
        return Edit(path=path, value=value)
    if path.startswith("organizations.") and path.endswith((".places", ".sectors")):
        return Edit(path=path, value=value.split(","))
    if value == "off":
        return Edit(path=path, op="off")
    if not _FIGURE.fullmatch(value) or abs(float(value)) > NUMBER_MAX:
        raise fail(ScenarioError, f"--set {path}", "not_a_number", value=value, unit="1")
    return Edit(path=path, value=float(value))


class _EditError(Exception):
    """Why an edit does not fit: a code of the catalogue and its arguments."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def apply(plan: Plan, edits: Sequence[Edit], problems: Problems, *, file: str = "", prefix: str = "edits") -> Plan:
    """The plan with these changes, in order; what does not fit goes to `problems` and is left out."""
    for n, edit in enumerate(edits):
        head, _, rest = edit.path.partition(".")
        change = _step if edit.op == "add_step" else _CHANGES.get(head, _number)
        try:
            changed = change(plan, rest, edit)
        except _EditError as why:
            problems.add(file or "edits", None, f"{prefix}.{n}.{edit.path}", why.code, **why.values)
        else:
            plan = Plan.model_validate({**dict(plan), **changed, "edits": [*plan.edits, edit.model_dump(exclude_defaults=True)]})
    for o in plan.organizations:
        if edits and o.start >= o.end:
            args = {"value": f"{o.start:g}", "other": "end", "other_value": f"{o.end:g}"}
            problems.add(file or "edits", None, f"{prefix}.organizations.{o.id}.start", "low_above_high", **args)
    return plan


def _among(value: Any, known: Collection[str], code: str = "not_one_of") -> None:
    if value not in known:
        raise _EditError(code, value=value, choices=nearest(str(value), known))


def _inside(value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise _EditError("outside", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}", unit=unit)


def _changed(edit: Edit, before: float) -> Any:
    """The number that an edit sets, or the one before times it."""
    if edit.op not in ("set", "scale") or not is_number(edit.value):
        raise _EditError("bad_edit", value=f"{edit.op} {edit.value}")
    return edit.value * (before if edit.op == "scale" else 1)


def _mechanism(plan: Plan, name: str, edit: Edit) -> dict[str, Any]:
    _among(name, MECHANISMS)
    if edit.op == "off":
        return {"mechanisms": [m for m in plan.mechanisms if m != name]}
    if edit.op == "set" and edit.value in (True, 1):
        return {"mechanisms": [m for m in MECHANISMS if m in (*plan.mechanisms, name)]}
    raise _EditError("bad_edit", value=edit.op)


def _parameter(plan: Plan, name: str, edit: Edit) -> dict[str, Any]:
    value: Any = 0.0 if edit.op == "off" else edit.value
    if edit.op not in ("set", "off", "scale"):
        raise _EditError("bad_edit", value=edit.op)
    if edit.op == "scale" and name in parameters() and is_number(value):
        value = plan.parameters.get(name, parameters()[name].default) * value
    if fault := parameter_fault(name, value):
        raise _EditError(fault[0], **fault[1])
    return {"parameters": {**plan.parameters, name: value}}


def _driver(plan: Plan, kind: str, edit: Edit) -> dict[str, Any]:
    value = "off" if edit.op == "off" else edit.value
    _among(kind, (*STEP_KINDS, "all"))
    if edit.op not in ("set", "off"):
        raise _EditError("bad_edit", value=edit.op)
    if value not in DRIVERS:
        raise _EditError("not_one_of", value=value, choices=", ".join(DRIVERS))
    if value == "policy" and kind not in (*POLICY_KINDS, "all"):
        raise _EditError("not_one_of", value=value, choices="recorded, off")
    kinds = (kind,) if kind != "all" else POLICY_KINDS if value == "policy" else STEP_KINDS
    return {"drivers": plan.drivers | dict.fromkeys(kinds, value)}


_OF_ORGANIZATIONS = {
    "presence": (0, 1, "share"),
    "demand_gap": (-3, 3, "levels"),
    "start": (0, STEPS_MAX, "hours"),
    "end": (0, STEPS_MAX, "hours"),
}


def _organization(plan: Plan, rest: str, edit: Edit) -> dict[str, Any]:
    name, _, what = rest.partition(".")
    organizations = {o.id: o for o in plan.organizations}
    _among(name, organizations)
    new: Any = 0.0
    if edit.op == "off" and not what:
        what = "presence"
    elif what in ("places", "sectors") and edit.op == "set" and _are_words(edit.value):
        new = edit.value
        for value in new:
            _among(value, _places_of(plan) if what == "places" else [s.id for s in plan.sectors])
    elif what in _OF_ORGANIZATIONS:
        new = float(_changed(edit, getattr(organizations[name], what)))
        _inside(new, *_OF_ORGANIZATIONS[what])
    elif what and what not in ("places", "sectors"):
        raise _EditError("not_one_of", value=what, choices=nearest(what, [*_OF_ORGANIZATIONS, "places", "sectors"]))
    else:
        raise _EditError("bad_edit", value=f"{edit.op} {edit.value}")
    return {"organizations": [o.model_copy(update={what: new}) if o.id == name else o for o in plan.organizations]}


def _places_of(plan: Plan) -> list[str]:
    return [*(p.id for p in plan.places), *(r.id for r in plan.regions), plan.country]


_REGIONAL = {"fuel": "share", "police": "1"}
_NUMBERS = {
    ("time", "hours"): ("hours", 1, STEPS_MAX, "hours"),
    ("time", "step_hours"): ("step_hours", 0.05, 2, "hours"),
    ("land", "price"): ("price", 0.01, 1e9, "money"),
    ("land", "inflation_excess"): ("inflation_excess", -1, 100, "1"),
    ("land", "internet"): ("internet", 0, 1, "share"),
    ("land", "devaluation"): ("devaluation", -5, 5, "log"),
    **{("forces", name): (name, 0, 1e9, "people") for name in FORCES},
}
"""Field of the plan, limits and unit of a number, by its path."""


def _number(plan: Plan, rest: str, edit: Edit) -> dict[str, Any]:
    head = edit.path.partition(".")[0]
    if (head, rest) not in _NUMBERS:
        lists = ["parameters.NAME", "mechanisms.NAME", "drivers.KIND", "steps.ID", "regions.ID.fuel", "organizations.ID.presence"]
        paths = [*lists, "government.signal", *(".".join(x) for x in _NUMBERS)]
        raise _EditError("unknown_path", value=edit.path, choices=", ".join(paths))
    key, low, high, unit = _NUMBERS[head, rest]
    before = plan.forces[key] if head == "forces" else getattr(plan, key)
    value = _changed(edit, before)
    if key == "hours" and math.isfinite(value) and value != int(value):
        raise _EditError("not_whole", value=f"{value:g}", unit="hours")
    _inside(value, low, high, unit)
    value = type(before)(value)
    if head == "forces":
        return {"forces": {**plan.forces, key: value}}
    time = {"hours": plan.hours, "step_hours": plan.step_hours, key: value}
    if math.ceil(time["hours"] / time["step_hours"]) > STEPS_MAX:
        raise _EditError("too_many_steps", high=str(STEPS_MAX))
    return {key: value}


def _region(plan: Plan, rest: str, edit: Edit) -> dict[str, Any]:
    name, _, key = rest.rpartition(".")
    if key not in _REGIONAL:
        return _number(plan, rest, edit)  # which says what paths there are
    regions = {r.id: r for r in plan.regions}
    _among(name, regions, "unknown_region")
    value = _changed(edit, getattr(regions[name], key))
    _inside(value, 0, 1, _REGIONAL[key])
    return {"regions": [r.model_copy(update={key: float(value)}) if r.id == name else r for r in plan.regions]}


def _signal(plan: Plan, rest: str, edit: Edit) -> dict[str, Any]:
    if rest != "signal":
        return _number(plan, rest, edit)
    if edit.op != "set":
        raise _EditError("bad_edit", value=edit.op)
    if edit.value not in SIGNALS:
        raise _EditError("not_one_of", value=edit.value, choices=", ".join(SIGNALS))
    return {"signal": edit.value}


def _step(plan: Plan, rest: str, edit: Edit) -> dict[str, Any]:
    name, _, what = rest.partition(".")
    steps = list(plan.steps)
    row = next((k for k, s in enumerate(steps) if s.id == name), None)
    if edit.op == "add_step":
        step = _added(rest or f"added-{len(steps)}", edit.value, plan)
        if row is not None:
            raise _EditError("repeated_id", value=name, first=row + 1)
        steps.append(step)
    elif row is None:
        raise _EditError("unknown_step", value=name, choices=nearest(name, [s.id for s in steps]))
    elif edit.op in ("off", "remove_step") and not what:
        del steps[row]
    elif edit.op == "shift_step" and not what and is_number(edit.value):
        steps[row] = _checked(steps[row].model_copy(update={"at": steps[row].at + edit.value}), "at")
    elif edit.op in ("set", "scale") and what == "size":
        steps[row] = _checked(steps[row].model_copy(update={"size": _changed(edit, steps[row].size)}), "size")
    else:
        raise _EditError("bad_edit", value=f"{edit.op} {edit.value}")
    return {"steps": sorted(steps, key=lambda s: s.at)}


def _added(name: str, value: Any, plan: Plan) -> rows.Step:
    """A new step from a table of kind, places, at (hours since the start) and size."""
    fits = isinstance(value, dict) and set(value) == {"kind", "places", "at", "size"} and value["kind"] in STEP_KINDS
    if not fits or not is_number(value["at"]) or not is_number(value["size"]) or not _are_words(value["places"]) or "." in name:
        raise _EditError("bad_edit", value="add_step")
    for place in value["places"] or ["-"]:
        _among(place, _places_of(plan), "unknown_region")
    return _checked(rows.Step(id=name, source="edit", given=True, hour="assumed", **value), "size", "at")


def _checked(step: rows.Step, *what: str) -> rows.Step:
    """A step, if its size is one of its kind, and its hour in the longest history there can be, or as long before its start."""
    if "size" in what and (fault := step_fault(step.kind, step.size)):
        raise _EditError(fault[0], **fault[1])
    if "at" in what:
        _inside(step.at, -STEPS_MAX, STEPS_MAX, "hours")
    return step


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in value)


def parameter_fault(name: str, value: Any) -> tuple[str, dict[str, Any]] | None:
    """Why a parameter cannot have a value: a code of the catalogue and its arguments; None if it can."""
    if (p := parameters().get(name)) is None:
        return "unknown_parameter", {"value": name, "choices": nearest(name, parameters())}
    if not is_number(value):
        return "not_a_number", {"value": value, "unit": p.unit}
    if not p.low <= value <= p.high:
        return "outside", {"value": f"{value:g}", "low": f"{p.low:g}", "high": f"{p.high:g}", "unit": p.unit}
    return None


_CHANGES: dict[str, Callable[[Plan, str, Edit], dict[str, Any]]] = {
    "mechanisms": _mechanism,
    "parameters": _parameter,
    "drivers": _driver,
    "organizations": _organization,
    "regions": _region,
    "government": _signal,
    "steps": _step,
}
"""What changes a plan, by the first word of a path; all other paths are those of `_NUMBERS`."""
