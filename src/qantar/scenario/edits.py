"""Changes to a plan: one form, wherever they come from (arms, command line, Python), checked by the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from qantar.errors import Problems, ScenarioError, fail, nearest
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import Plan
from qantar.scenario.schema import MECHANISMS, STEP_KINDS, STEPS_MAX, Edit

_SET = re.compile(r"([A-Za-z0-9_.-]+)=(.+)")


def parse_set(words: Sequence[str]) -> list[Edit]:
    """Edits from `--set PATH=VALUE`; a value is a number, true, false or a word.

    >>> parse_set(["parameters.price_slope=0", "mechanisms.economy=off"])
    [Edit(path='parameters.price_slope', op='set', value=0.0, note=''), Edit(path='mechanisms.economy', op='off', value=None, note='')]

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
        try:
            edits.append(Edit(path=path, op="off") if value == "off" else Edit(path=path, value=float(value)))
        except ValueError:
            raise fail(ScenarioError, f"--set {path}", "not_a_number", value=value, unit="1") from None
    return edits


def apply(plan: Plan, edits: Sequence[Edit], problems: Problems, *, file: str = "", prefix: str = "edits") -> Plan:
    """The plan with these changes, in order; what does not fit goes to `problems` and is left out."""
    for n, edit in enumerate(edits):
        changed = plan.model_dump()

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
        else:
            _edit_number(changed, head, rest, edit, add)
        if len(problems.found) == before:
            changed["edits"] = [*changed["edits"], edit.model_dump(exclude_defaults=True)]
            plan = Plan.model_validate(changed)
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
    if edit.op == "scale" and name in known and isinstance(value, int | float):
        value = fixed.get(name, known[name].default) * value
    elif edit.op not in ("set", "off", "scale"):
        add("bad_edit", value=edit.op)
        return
    check_parameter(name, value, add)
    fixed[name] = value


_NUMBERS = {
    ("time", "hours"): ("hours", 1, STEPS_MAX),
    ("time", "step_hours"): ("step_hours", 0.05, 24),
    ("land", "price"): ("price", 0.01, 1e9),
    ("land", "inflation_excess"): ("inflation_excess", -1, 100),
    ("land", "internet"): ("internet", 0, 1),
}


def _edit_number(changed: dict[str, Any], head: str, rest: str, edit: Edit, add: Callable[..., None]) -> None:
    target, key, low, high = changed, "", 0.0, 1.0
    region, _, what = rest.rpartition(".")
    if (head, rest) in _NUMBERS:
        key, low, high = _NUMBERS[head, rest]
    elif head == "regions" and what in ("fuel", "police"):
        found = [r for r in changed["regions"] if r["id"] == region]
        if not found:
            add("unknown_region", value=region, choices=nearest(region, [r["id"] for r in changed["regions"]]))
            return
        target, key = found[0], what
    else:
        paths = ["parameters.NAME", "mechanisms.NAME", "steps.ID", "regions.ID.fuel", *(".".join(x) for x in _NUMBERS)]
        add("unknown_path", value=edit.path, choices=", ".join(paths))
        return
    if edit.op not in ("set", "scale") or isinstance(edit.value, bool) or not isinstance(edit.value, int | float):
        add("bad_edit", value=f"{edit.op} {edit.value}")
        return
    value = edit.value * (target[key] if edit.op == "scale" else 1)
    if not low <= value <= high:
        add("outside", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}", unit=key)
        return
    target[key] = type(target[key])(value)
    if math.ceil(changed["hours"] / changed["step_hours"]) > STEPS_MAX:
        add("too_many_steps", high=str(STEPS_MAX))
        return


def _edit_step(changed: dict[str, Any], rest: str, edit: Edit, plan: Plan, add: Callable[..., None]) -> None:
    steps = changed["steps"]
    if edit.op == "add_step":
        value = edit.value if isinstance(edit.value, dict) else {}
        places = value.get("places", [])
        known = {p["id"] for p in plan.places} | {plan.case, "all"} | {r["id"] for r in plan.regions}
        if (
            value.get("kind") not in STEP_KINDS
            or not isinstance(value.get("at"), int | float)
            or not isinstance(value.get("size"), int | float)
        ):
            add("bad_edit", value="add_step")
            return
        if unknown := [p for p in places if p not in known] or ([] if places else ["-"]):
            add("unknown_region", value=unknown[0], choices=nearest(unknown[0], known))
            return
        steps.append({"id": rest or f"added-{len(steps)}", "source": "edit", "hour": "assumed", **value})
        steps.sort(key=lambda s: s["at"])
        return
    name, _, what = rest.partition(".")
    found = [s for s in steps if s["id"] == name]
    if not found:
        add("unknown_step", value=name, choices=nearest(name, [s["id"] for s in steps]) or "-")
        return
    number = isinstance(edit.value, int | float) and not isinstance(edit.value, bool)
    if edit.op in ("off", "remove_step") and not what:
        steps.remove(found[0])
    elif edit.op == "shift_step" and number:
        found[0]["at"] += edit.value
        steps.sort(key=lambda s: s["at"])
    elif edit.op in ("set", "scale") and what == "size" and number:
        found[0]["size"] = edit.value * (found[0]["size"] if edit.op == "scale" else 1)
    else:
        add("bad_edit", value=f"{edit.op} {edit.value}")
        return


def check_parameter(name: str, value: object, add: Callable[..., None]) -> None:
    """A parameter exists and its value is within its limits."""
    known = parameters()
    if name not in known:
        add("unknown_parameter", value=name, choices=nearest(name, known))
    elif isinstance(value, bool) or not isinstance(value, int | float):
        add("not_a_number", value=value, unit=known[name].unit)
    elif not known[name].low <= value <= known[name].high:
        p = known[name]
        add("outside", value=f"{value:g}", low=f"{p.low:g}", high=f"{p.high:g}", unit=p.unit)
