"""Priors other than those of the table: from a file, and as weights of draws that were made with the table's.

    cases = ["us-2020"]

    [priors.crowd_gain]
    kind = "lognormal"
    a = 0.5
    b = 1.0
    spike = 0.4

A draw of the table's priors counts by how much likelier its values are under the file's: density by density, and share by share where a
prior has a part on zero. Nothing is drawn anew, so every history that was simulated before serves again. Where the table's prior has
nothing, there is nothing: a wider prior is cut to it, and what is left of it is the whole. `cases` are those whose records the priors
were learned from: fitted under these, one of them would count twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from qantar.errors import DataError, Problems, nearest
from qantar.files.cells import Key
from qantar.files.markup import read_toml
from qantar.inference.prior import columns_of
from qantar.scenario.parameters import Prior, parameters

Floats = NDArray[np.float64]
Priors = Mapping[str, Prior]
BEYOND, LEAST = 0.001, 0.5
"""Share of the table's prior at either end that no draw is counted on, and share of another that must lie between the ends."""


class _File(BaseModel):
    """A table of priors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    priors: dict[str, Prior] = Field(min_length=1)
    cases: tuple[Key, ...] = ()


def read_priors(path: Path, case: str = "") -> dict[str, Prior]:
    """Priors by parameter, for a fit to the record of a case.

    Raises
    ------
    DataError
        With every problem: a parameter that there is not, a part on zero where the table has none, a prior that lies where the table's
        draws do not, or priors that were learned from this case.
    """
    problems = Problems()
    found = read_toml(path, _File, problems)
    if found is not None and case in found.cases:
        problems.add(path.name, None, "cases", "prior_of_the_case", value=case)
    for name, prior in ({} if found is None else found.priors).items():
        if name not in parameters():
            problems.add(path.name, None, f"priors.{name}", "no_such_name", value=name, choices=nearest(name, parameters()))
        elif prior.spike and not parameters()[name].prior.spike:
            problems.add(path.name, None, f"priors.{name}.spike", "prior_spike", value=f"{prior.spike:g}", name=name)
        elif prior.spike < 1 and not (there := _there(prior, parameters()[name].prior)) >= LEAST:
            problems.add(path.name, None, f"priors.{name}", "prior_elsewhere", value=str(prior), name=name, share=f"{100 * there:.2g}")
    problems.raise_as(DataError)
    assert found is not None  # no problem means it was read
    return found.priors


def _there(prior: Prior, own: Prior) -> float:
    """Share of a prior that lies where draws of the table's do."""
    return below(prior, own.quantile(1 - BEYOND)) - below(prior, own.quantile(BEYOND))


def write_priors(priors: Priors, cases: Iterable[str]) -> str:
    """The file that `read_priors` reads.

    >>> print(write_priors({"rally_size": Prior(kind="lognormal", a=20, b=1)}, ["us-2020", "chile-2019"]))
    cases = ["us-2020", "chile-2019"]
    <BLANKLINE>
    [priors.rally_size]
    kind = "lognormal"
    a = 20
    b = 1
    spike = 0
    <BLANKLINE>
    """
    parts = [f'[priors.{name}]\nkind = "{p.kind}"\na = {p.a:g}\nb = {p.b:g}\nspike = {p.spike:g}\n' for name, p in priors.items()]
    return "\n".join([f"cases = {json.dumps(list(cases))}\n", *parts])


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
    """How much likelier draws are under these priors than under the table's, shape (draws,).

    The limits of the table cut values, not priors: a draw beyond them counts by where it was before it was cut.

    Parameters
    ----------
    points : in the cube of the table's priors, shape (draws, parameters)
    """
    found = np.ones(len(points))
    for column, (name, prior) in zip(columns_of(list(priors)), priors.items(), strict=True):
        own, q = parameters()[name].prior, points[:, column]
        on_zero = q <= own.spike
        x = np.array([0.0 if zero else _uncut(own, float(u)) for u, zero in zip(q, on_zero, strict=True)])
        off = (1 - prior.spike) / (1 - own.spike) * density(prior, x) / np.maximum(density(own, x), 1e-300)
        found *= np.where(on_zero, prior.spike / own.spike if own.spike else 0.0, off)
    return found


def _uncut(own: Prior, q: float) -> float:
    """The value at a place of the table's prior, not cut at the limits of its parameter."""
    return own.quantile((q - own.spike) / (1 - own.spike))


def _within(prior: Prior, own: Prior) -> tuple[float, float]:
    """Shares of a prior below the lowest and up to the highest value that the table's has, before values are cut at limits."""
    ends = {"uniform": (own.a, own.b), "loguniform": (own.a, own.b), "normal": (-math.inf, math.inf)}
    low, high = ends.get(own.kind, (0.0, math.inf))
    return below(prior, low), below(prior, high)


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
        own = parameters()[name].prior
        low, high = _within(prior, own)
        for k, q in enumerate(points[:, column]):
            if q <= own.spike:
                found[k, column] = q / own.spike * prior.spike
            else:
                found[k, column] = prior.spike + (1 - prior.spike) * (below(prior, _uncut(own, float(q))) - low) / (high - low)
    return np.asarray(np.clip(found, 1e-12, 1 - 1e-12))


def moved(name: str, u: float, prior: Prior) -> float:
    """The place in the table's prior of the value at u of another, 0 < u < 1: `places` backwards.

    >>> prior = Prior(kind="lognormal", a=50, b=0.8)           # a seventh of it lies beyond what the table has
    >>> there = np.full((1, len(parameters())), moved("near_km", 0.01, prior))
    >>> round(float(places(there, {"near_km": prior})[0, columns_of(["near_km"])[0]]), 6)
    0.01
    """
    own = parameters()[name].prior
    if u <= prior.spike:
        return u / prior.spike * own.spike
    low, high = _within(prior, own)
    x = prior.quantile(low + (high - low) * (u - prior.spike) / (1 - prior.spike))
    return float(np.clip(own.spike + (1 - own.spike) * below(own, x), 1e-12, 1 - 1e-12))
