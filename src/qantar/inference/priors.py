"""Priors other than those of the table: from a file, and as weights of draws that were made with the table's.

    [priors.crowd_gain]
    kind = "lognormal"
    a = 0.5
    b = 1.0
    spike = 0.4

A draw of the table's priors counts by how much likelier its values are under the file's: density by density, and share by share where a
prior has a part on zero. Nothing is drawn anew, so every history that was simulated before serves again. Where the table's prior has
nothing, there is nothing: a wider prior is cut to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from qantar.errors import DataError, Problems, nearest
from qantar.files.markup import read_toml
from qantar.inference.prior import columns_of, value_at
from qantar.scenario.parameters import Prior, parameters

Floats = NDArray[np.float64]
Priors = Mapping[str, Prior]


class _File(BaseModel):
    """A table of priors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    priors: dict[str, Prior] = Field(min_length=1)


def read_priors(path: Path) -> dict[str, Prior]:
    """Priors by parameter.

    Raises
    ------
    DataError
        With every problem: a parameter that there is not, a part on zero where the table has none.
    """
    problems = Problems()
    found = read_toml(path, _File, problems)
    for name, prior in ({} if found is None else found.priors).items():
        if name not in parameters():
            problems.add(path.name, None, f"priors.{name}", "no_such_name", value=name, choices=nearest(name, parameters()))
        elif prior.spike and not parameters()[name].prior.spike:
            problems.add(path.name, None, f"priors.{name}.spike", "prior_spike", value=f"{prior.spike:g}", name=name)
    problems.raise_as(DataError)
    assert found is not None  # no problem means it was read
    return found.priors


def write_priors(priors: Priors) -> str:
    """The file that `read_priors` reads.

    >>> print(write_priors({"rally_size": Prior(kind="lognormal", a=20, b=1)}))
    [priors.rally_size]
    kind = "lognormal"
    a = 20
    b = 1
    spike = 0
    <BLANKLINE>
    """
    parts = [f'[priors.{name}]\nkind = "{p.kind}"\na = {p.a:g}\nb = {p.b:g}\nspike = {p.spike:g}\n' for name, p in priors.items()]
    return "\n".join(parts)


def density(prior: Prior, x: Floats) -> Floats:
    """Of the part off zero.

    >>> density(Prior(kind="uniform", a=0, b=2), np.array([1.0, 3.0])).tolist()
    [0.5, 0.0]
    """
    a, b = prior.a, prior.b
    x = np.asarray(x, float)
    if prior.kind == "uniform":
        return np.where((x >= a) & (x <= b), 1 / (b - a), 0.0)
    if prior.kind == "normal":
        return np.asarray(np.exp(-(((x - a) / b) ** 2) / 2) / (b * math.sqrt(2 * math.pi)))
    if prior.kind == "halfnormal":
        return np.where(x >= 0, 2 * np.exp(-((x / b) ** 2) / 2) / (b * math.sqrt(2 * math.pi)), 0.0)
    safe = np.maximum(x, 1e-300)
    if prior.kind == "loguniform":
        return np.where((x >= a) & (x <= b), 1 / (safe * math.log(b / a)), 0.0)
    return np.where(x > 0, np.exp(-((np.log(safe / a) / b) ** 2) / 2) / (safe * b * math.sqrt(2 * math.pi)), 0.0)


def below(prior: Prior, x: float) -> float:
    """Share of the part off zero that lies below x: `Prior.quantile` backwards.

    >>> p = Prior(kind="loguniform", a=1, b=100)
    >>> below(p, p.quantile(0.3))
    0.3
    """
    from scipy.special import ndtr

    a, b = prior.a, prior.b
    if prior.kind == "uniform":
        share = (x - a) / (b - a)
    elif prior.kind == "loguniform":
        share = math.log(x / a) / math.log(b / a) if x > 0 else 0.0
    elif prior.kind == "halfnormal":
        share = 2 * float(ndtr(x / b)) - 1
    elif prior.kind == "lognormal":
        share = float(ndtr(math.log(x / a) / b)) if x > 0 else 0.0
    else:
        share = float(ndtr((x - a) / b))
    return min(max(share, 0.0), 1.0)


def favour(points: Floats, priors: Priors) -> Floats:
    """How much likelier draws are under these priors than under the table's, shape (draws,); mean 1 over draws of the table's.

    Parameters
    ----------
    points : in the cube of the table's priors, shape (draws, parameters)
    """
    found = np.ones(len(points))
    for column, (name, prior) in zip(columns_of(list(priors)), priors.items(), strict=True):
        p, q = parameters()[name], points[:, column]
        old = p.prior
        x = np.array([value_at(p, float(u)) for u in q])
        on_zero = q <= old.spike
        off = (1 - prior.spike) / (1 - old.spike) * density(prior, x) / np.maximum(density(old, x), 1e-300)
        found *= np.where(on_zero, prior.spike / old.spike if old.spike else 0.0, off)
    return found


def places(points: Floats, priors: Priors) -> Floats:
    """The same points, where they lie in these priors and not in the table's; shape as given.

    >>> from qantar.scenario.parameters import parameters
    >>> same = {name: p.prior for name, p in parameters().items()}
    >>> points = np.full((1, len(same)), 0.7)
    >>> bool(np.allclose(places(points, same), points))
    True
    """
    found = points.copy()
    for column, (name, prior) in zip(columns_of(list(priors)), priors.items(), strict=True):
        p = parameters()[name]
        for k, q in enumerate(points[:, column]):
            spike = p.prior.spike
            found[k, column] = (
                q / spike * prior.spike if q <= spike else prior.spike + (1 - prior.spike) * below(prior, value_at(p, float(q)))
            )
    return np.asarray(np.clip(found, 1e-12, 1 - 1e-12))


def moved(name: str, u: float, prior: Prior) -> float:
    """The point of the table's prior whose value lies at u of another."""
    own = parameters()[name].prior
    if u < prior.spike:
        return u / prior.spike * own.spike
    x = prior.quantile((u - prior.spike) / (1 - prior.spike))
    return float(np.clip(own.spike + (1 - own.spike) * below(own, x), 1e-12, 1 - 1e-12))
