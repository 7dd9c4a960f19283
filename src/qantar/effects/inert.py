"""Whether an arm can change anything: what of a plan acts in its histories, and what its drivers and mechanisms pass over.

In: two plans. Out: None if they may differ, else why no history of one can differ from that of the other. A change that acts only once
something happens (a cut that a policy never orders) is seen in histories alone.
"""

from __future__ import annotations

from typing import Any

from qantar.inference.prior import varied
from qantar.scenario.plan import Plan


def why_inert(base: Plan, arm: Plan) -> str | None:
    """Why an arm is its base under another name, as a code of the catalogue; None if it may differ.

    arm_not_in_force: it changes recorded steps of a kind that the record does not decide; arm_without_policy: it changes how a policy
    decides where none does; arm_without_effect: all is as it was, or belongs to a mechanism that is off.

    >>> from qantar.scenario.scenario import load_scenario, parse_set, resolve
    >>> given, policy = load_scenario("kazakhstan-2022"), ["drivers.all=policy"]
    >>> base, arm, cut = (resolve(given, parse_set([*policy, *more])) for more in ([], ["steps.troops=off"], ["drivers.internet=off"]))
    >>> why_inert(base, arm), why_inert(base, cut)
    ('arm_not_in_force', None)
    """
    if acting(base) != acting(arm):
        return None
    decided = {kind for kind, driver in base.drivers.items() if driver == "recorded"}
    if any(s.kind not in decided for s in [*base.steps, *arm.steps] if (s in base.steps) != (s in arm.steps)):
        return "arm_not_in_force"
    if "policy" not in base.drivers.values() and _read_by_policy(base) != _read_by_policy(arm):
        return "arm_without_policy"
    return "arm_without_effect"


def acting(plan: Plan) -> dict[str, Any]:
    """A plan without what no history of it reads: equal ones give the same histories under the same parameters and seeds."""
    last = (-(-plan.hours // plan.step_hours) - 1) * plan.step_hours
    steps = [s for s in plan.steps if s.at <= last and (s.given or plan.drivers[s.kind] == "recorded")]
    free = {s.kind for s in steps if not s.given}
    policy = "policy" in plan.drivers.values()
    matter, _ = varied(plan.model_copy(update={"parameters": {}}))
    return plan.model_dump(exclude={"edits", "steps", "drivers", "parameters", "organizations", "signal", "policy_from"}) | {
        "steps": [(s.kind, s.places, s.at, s.size) for s in steps],
        "drivers": {k: d if d == "policy" or k in free else "off" for k, d in plan.drivers.items()},
        "parameters": {k: v for k, v in plan.parameters.items() if k in matter},
        "organizations": [o for o in plan.organizations if o.presence],
        "policy": (plan.signal, plan.policy_from) if policy else None,
    }


def _read_by_policy(plan: Plan) -> tuple[Any, ...]:
    groups = varied(plan.model_copy(update={"parameters": {}}))[1].get("no_policy", ())
    return plan.signal, plan.policy_from, {k: v for k, v in plan.parameters.items() if k in groups}
