"""Changes to a plan: one form, wherever they come from (arms, command line, Python), checked by the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from qantar.errors import Problems, ScenarioError, fail, nearest
from qantar.files.cells import NUMBER_MAX, is_number
from qantar.scenario import rows
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import Plan
from qantar.scenario.schema import DRIVERS, MECHANISMS, POLICY_KINDS, SIGNALS, STEP_KINDS, STEPS_MAX, Edit, step_fault

_SET = re.compile(r"([A-Za-z0-9_.-]{1,200})=(.+)", re.DOTALL)
_FIGURE = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII)
"""A number on a command line: plain digits, no marks inside it."""


def parse_set(words: Sequence[str]) -> list[Edit]:
    """Edits from `--set PATH=VALUE`; a value is a number, `off`, or words where the path takes them, lists by commas.

    >>> parse_set(["parameters.price_slope=0", "mechanisms.economy=off"])
    [Edit(path='parameters.price_slope', op='set', value=0.0, note=''), Edit(path='mechanisms.economy', op='off', value=None, note='')]
    >>> [e.value for e in parse_set(["drivers.all=policy", "organizations.unions.sectors=mining,industry"])]
    ['policy', ['mining', 'industry']]

    Raises
    ------
    ScenarioError
        If a word is not of this form.
    """
    edits = []
    for word in words:
        match = _SET.fullmatch(word)
        if match is None:
            raise fail(ScenarioError, "--set", "bad_form", value=word, example="parameters.price_slope=0")
        path, value = match.groups()
        if path.startswith(("drivers.", "government.")):
            edits.append(Edit(path=path, value=value))
            continue
        if path.startswith("organizations.") and path.endswith((".places", ".sectors")):
            edits.append(Edit(path=path, value=value.split(",")))
            continue
        if value == "off":
            edits.append(Edit(path=path, op="off"))
        elif _FIGURE.fullmatch(value) and abs(float(value)) <= NUMBER_MAX:
            edits.append(Edit(path=path, value=float(value)))
        else:
            raise fail(ScenarioError, f"--set {path}", "not_a_number", value=value, unit="1")
    return edits


def apply(plan: Plan, edits: Sequence[Edit], problems: Problems, *, file: str = "", prefix: str = "edits") -> Plan:
    """The plan with these changes, in order; what does not fit goes to `problems` and is left out."""
    for n, edit in enumerate(edits):
        changed = dict(plan)  # by field; what is in there is replaced, never altered

        def add(code: str, where: str = f"{prefix}.{n}.{edit.path}", **args: object) -> None:
            problems.add(file or "edits", None, where, code, **args)

        before = len(problems.found)
        head, _, rest = edit.path.partition(".")
        if edit.op == "add_step" or head == "steps":
            _edit_step(changed, rest, edit, plan, add)
        elif head == "mechanisms":
            _edit_mechanism(changed, rest, edit, add)
        elif head == "parameters":
            _edit_parameter(changed, rest, edit, add)
        elif head == "drivers":
            _edit_driver(changed, rest, edit, add)
        elif head == "organizations":
            _edit_organization(changed, rest, edit, plan, add)
        elif edit.path == "government.signal":
            _edit_signal(changed, edit, add)
        else:
            _edit_number(changed, head, rest, edit, add)
        if len(problems.found) == before:
            changed["edits"] = [*changed["edits"], edit.model_dump(exclude_defaults=True)]
            plan = Plan.model_validate(changed)
    for o in plan.organizations:
        if edits and o.start >= o.end:
            args = {"value": f"{o.start:g}", "other": "end", "other_value": f"{o.end:g}"}
            problems.add(file or "edits", None, f"{prefix}.organizations.{o.id}.start", "low_above_high", **args)
    return plan


def _edit_mechanism(changed: dict[str, Any], name: str, edit: Edit, add: Callable[..., None]) -> None:
    if name not in MECHANISMS:
        add("not_one_of", value=name, choices=nearest(name, MECHANISMS))
    elif edit.op == "off":
        changed["mechanisms"] = [m for m in changed["mechanisms"] if m != name]
    elif edit.op == "set" and edit.value in (True, 1):
        changed["mechanisms"] = [m for m in MECHANISMS if m in (*changed["mechanisms"], name)]
    else:
        add("bad_edit", value=edit.op)


def _edit_parameter(changed: dict[str, Any], name: str, edit: Edit, add: Callable[..., None]) -> None:
    known = parameters()
    fixed = changed["parameters"]
    value: Any = 0.0 if edit.op == "off" else edit.value
    if edit.op == "scale" and name in known and is_number(value):
        value = fixed.get(name, known[name].default) * value
    elif edit.op not in ("set", "off", "scale"):
        add("bad_edit", value=edit.op)
        return
    check_parameter(name, value, add)
    changed["parameters"] = {**fixed, name: value}


def _edit_driver(changed: dict[str, Any], kind: str, edit: Edit, add: Callable[..., None]) -> None:
    value = "off" if edit.op == "off" else edit.value
    if kind not in (*STEP_KINDS, "all"):
        add("not_one_of", value=kind, choices=nearest(kind, (*STEP_KINDS, "all")))
    elif edit.op not in ("set", "off"):
        add("bad_edit", value=edit.op)
    elif value not in DRIVERS:
        add("not_one_of", value=value, choices=", ".join(DRIVERS))
    elif value == "policy" and kind not in (*POLICY_KINDS, "all"):
        add("not_one_of", value=value, choices="recorded, off")
    else:
        kinds = (POLICY_KINDS if value == "policy" else STEP_KINDS) if kind == "all" else (kind,)
        changed["drivers"] = changed["drivers"] | dict.fromkeys(kinds, value)


def _edit_signal(changed: dict[str, Any], edit: Edit, add: Callable[..., None]) -> None:
    if edit.op != "set":
        add("bad_edit", value=edit.op)
    elif edit.value not in SIGNALS:
        add("not_one_of", value=edit.value, choices=", ".join(SIGNALS))
    else:
        changed["signal"] = edit.value


_OF_ORGANIZATIONS = {
    "presence": (0, 1, "share"),
    "demand_gap": (-3, 3, "levels"),
    "start": (0, STEPS_MAX, "hours"),
    "end": (0, STEPS_MAX, "hours"),
}


def _edit_organization(changed: dict[str, Any], rest: str, edit: Edit, plan: Plan, add: Callable[..., None]) -> None:
    name, _, what = rest.partition(".")
    organization = next((o for o in plan.organizations if o.id == name), None)
    new: dict[str, Any] = {}
    if organization is None:
        add("not_one_of", value=name, choices=nearest(name, [o.id for o in plan.organizations]) or "-")
    elif edit.op == "off" and not what:
        new["presence"] = 0.0
    elif what in ("places", "sectors") and edit.op == "set" and _are_words(edit.value):
        places = [p.id for p in plan.places] + [r.id for r in plan.regions] + [plan.country]
        known = places if what == "places" else [s.id for s in plan.sectors]
        if unknown := [x for x in edit.value if x not in known]:
            add("not_one_of", value=unknown[0], choices=nearest(unknown[0], known))
        else:
            new[what] = edit.value
    elif what in _OF_ORGANIZATIONS and edit.op in ("set", "scale") and is_number(edit.value):
        low, high, unit = _OF_ORGANIZATIONS[what]
        value = edit.value * (getattr(organization, what) if edit.op == "scale" else 1)
        if not low <= value <= high:
            add("outside", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}", unit=unit)
        else:
            new[what] = float(value)
    else:
        add("bad_edit", value=f"{edit.op} {edit.value}")
    if new:
        changed["organizations"] = [o.model_copy(update=new) if o.id == name else o for o in plan.organizations]


_UNITS = {
    "hours": "hours",
    "step_hours": "hours",
    "price": "money",
    "internet": "share",
    "fuel": "share",
    "foreign": "share",
    "devaluation": "log",
}
_NUMBERS = {
    ("time", "hours"): ("hours", 1, STEPS_MAX),
    ("time", "step_hours"): ("step_hours", 0.05, 2),
    ("land", "price"): ("price", 0.01, 1e9),
    ("land", "inflation_excess"): ("inflation_excess", -1, 100),
    ("land", "internet"): ("internet", 0, 1),
    ("land", "devaluation"): ("devaluation", -5, 5),
    **{("forces", name): (name, 0, 1e9) for name in ("guard", "army", "site_guards", "foreign")},
}


def _edit_number(changed: dict[str, Any], head: str, rest: str, edit: Edit, add: Callable[..., None]) -> None:
    low, high = 0.0, 1.0
    region, _, key = rest.rpartition(".")
    if (head, rest) in _NUMBERS:
        key, low, high = _NUMBERS[head, rest]
        before = changed["forces"][key] if head == "forces" else changed[key]
    elif head == "regions" and key in ("fuel", "police", "foreign"):
        regions = {r.id: r for r in changed["regions"]}
        if region not in regions:
            add("unknown_region", value=region, choices=nearest(region, list(regions)))
            return
        before = getattr(regions[region], key)
    else:
        lists = ["parameters.NAME", "mechanisms.NAME", "drivers.KIND", "steps.ID", "regions.ID.fuel", "organizations.ID.presence"]
        paths = [*lists, "government.signal", *(".".join(x) for x in _NUMBERS)]
        add("unknown_path", value=edit.path, choices=", ".join(paths))
        return
    if edit.op not in ("set", "scale") or not is_number(edit.value):
        add("bad_edit", value=f"{edit.op} {edit.value}")
        return
    value = edit.value * (before if edit.op == "scale" else 1)
    if key == "hours" and math.isfinite(value) and value != int(value):
        add("not_whole", value=f"{value:g}", unit="hours")
        return
    if not low <= value <= high:
        add("outside", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}", unit="people" if head == "forces" else _UNITS.get(key, "1"))
        return
    value = type(before)(value)
    if head == "forces":
        changed["forces"] = {**changed["forces"], key: value}
    elif head == "regions":
        changed["regions"] = [r.model_copy(update={key: value}) if r.id == region else r for r in changed["regions"]]
    else:
        changed[key] = value
    if math.ceil(changed["hours"] / changed["step_hours"]) > STEPS_MAX:
        add("too_many_steps", high=str(STEPS_MAX))


_STEP_KEYS = {"kind", "places", "at", "size"}


def _edit_step(changed: dict[str, Any], rest: str, edit: Edit, plan: Plan, add: Callable[..., None]) -> None:
    name, _, what = rest.partition(".")
    steps = list(plan.steps)
    row = next((k for k, s in enumerate(steps) if s.id == name), None)
    if edit.op == "add_step":
        step = _added(rest or f"added-{len(steps)}", edit.value, plan, add)
        if step is not None and row is not None:
            add("repeated_id", value=name, first=row + 1)
        elif step is not None:
            steps.append(step)
    elif row is None:
        add("unknown_step", value=name, choices=nearest(name, [s.id for s in steps]) or "-")
    elif edit.op in ("off", "remove_step") and not what:
        del steps[row]
    elif edit.op == "shift_step" and not what and is_number(edit.value):
        steps[row] = steps[row].model_copy(update={"at": steps[row].at + edit.value})
        _check_hour(steps[row], add)
    elif edit.op in ("set", "scale") and what == "size" and is_number(edit.value):
        steps[row] = steps[row].model_copy(update={"size": edit.value * (steps[row].size if edit.op == "scale" else 1)})
        _check_size(steps[row], add)
    else:
        add("bad_edit", value=f"{edit.op} {edit.value}")
    changed["steps"] = sorted(steps, key=lambda s: s.at)


def _added(name: str, value: Any, plan: Plan, add: Callable[..., None]) -> rows.Step | None:
    """A new step from a table of kind, places, at (hours since the start) and size; None with the problem noted."""
    fits = isinstance(value, dict) and set(value) == _STEP_KEYS and value["kind"] in STEP_KINDS
    if not fits or not is_number(value["at"]) or not is_number(value["size"]) or not _are_words(value["places"]) or "." in name:
        add("bad_edit", value="add_step")
        return None
    known = {*(p.id for p in plan.places), *(r.id for r in plan.regions), plan.country}
    if unknown := [p for p in value["places"] if p not in known] or ([] if value["places"] else ["-"]):
        add("unknown_region", value=unknown[0], choices=nearest(str(unknown[0]), known))
        return None
    step = rows.Step(id=name, source="edit", given=True, hour="assumed", **value)
    return step if _check_size(step, add) and _check_hour(step, add) else None


def _check_hour(step: rows.Step, add: Callable[..., None]) -> bool:
    """A step lies in the longest history there can be, or as long before its start."""
    fits = bool(abs(step.at) <= STEPS_MAX)
    if not fits:
        add("outside", value=f"{step.at:g}", low=f"{-STEPS_MAX}", high=f"{STEPS_MAX}", unit="hours")
    return fits


def _check_size(step: rows.Step, add: Callable[..., None]) -> bool:
    fault = step_fault(step.kind, step.size)
    if fault is not None:
        add(fault[0], **fault[1])
    return fault is None


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in value)


def check_parameter(name: str, value: Any, add: Callable[..., None]) -> None:
    """A parameter exists and its value is within its limits."""
    known = parameters()
    if name not in known:
        add("unknown_parameter", value=name, choices=nearest(name, known))
    elif not is_number(value):
        add("not_a_number", value=value, unit=known[name].unit)
    elif not known[name].low <= value <= known[name].high:
        p = known[name]
        add("outside", value=f"{value:g}", low=f"{p.low:g}", high=f"{p.high:g}", unit=p.unit)
