"""Priors as one number each: where a draw lies between 0 and 1, spike first.

A parameter whose prior has a spike at zero is zero for q below the spike; above it q runs through the rest of the prior. So every draw of
all parameters is a point of a cube with uniform density, which is what a calibration moves in, and what sensitivity
analysis samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qantar.scenario.parameters import Parameter, Values, parameters
from qantar.scenario.plan import Plan

Floats = NDArray[np.float64]


def value_at(p: Parameter, q: float) -> float:
    """The value of a parameter at q, 0 < q < 1.

    >>> from qantar.scenario.parameters import parameters
    >>> p = parameters()["price_effect"]                   # three tenths of its prior sit on zero
    >>> value_at(p, 0.29), round(value_at(p, 0.65), 3) == round(p.prior.quantile(0.5), 3)
    (0.0, True)
    """
    spike = p.prior.spike
    return 0.0 if q <= spike else p.at((q - spike) / (1 - spike), 1.0)


def values_at(row: Floats) -> Values:
    """All parameters at one point of the cube; coordinates in the order of the table."""
    return {name: value_at(p, float(q)) for (name, p), q in zip(parameters().items(), row, strict=True)}


def columns_of(names: Sequence[str]) -> list[int]:
    """Which coordinates of the cube are those of these parameters."""
    table = list(parameters())
    return [table.index(name) for name in names]


def point_of(seed: int, number: int) -> Floats:
    """The point of a draw of the priors, shape (parameters,): `values_at` gives the draw back, but for the last digits.

    >>> from qantar.scenario.parameters import draw
    >>> found, drawn = values_at(point_of(1, 7)), draw(1, 7)
    >>> max(abs(found[k] - drawn[k]) / (1e-9 + abs(drawn[k])) for k in drawn) < 1e-6
    True
    """
    row = []
    for p in parameters().values():
        u, v = p.uniforms(seed, number)
        spike = p.prior.spike
        row.append(v if v < spike else spike + (1 - spike) * u)
    return np.array(row)


ALONE = ("economy", "grievance", "demands", "information", "organization", "seeding", "split", "intervention", "control",
         "diffusion", "shock", "rallies", "violence")  # fmt: skip
"""Groups of parameters that nothing but the mechanism of that name reads; those of arms, forces, loyalty and repression are not."""


def varied(plan: Plan) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Parameters that can matter in a plan, in the order of the table; and the others by reason."""
    policy = "policy" in plan.drivers.values()
    present = any(o.presence > 0 for o in plan.organizations)

    def reason(name: str, group: str) -> str:
        if name in plan.parameters:
            return "fixed"
        if group in ALONE and group not in plan.mechanisms:
            return "off"
        if group == "organization" and not present:
            return "absent"
        return "no_policy" if group == "government" and not policy else ""

    reasons = {name: reason(name, p.group) for name, p in parameters().items()}
    names = tuple(name for name, why in reasons.items() if not why)
    return names, {why: tuple(n for n, w in reasons.items() if w == why) for why in sorted(set(reasons.values())) if why}
