"""Which inputs of a model move its outputs: a screening of all parameters, then shares of variance of the few that move most.

In: names of parameters, outputs of histories at the points of a design. Out: indices, each with a 95 % interval. Every point of the cube
of priors (`prior`) is a set of parameters. Both methods are SALib's (Herman and Usher 2017, J. Open Source Softw. 2).

Screening (Morris 1991, Technometrics 33; Campolongo, Cariboni and Saltelli 2007, Environ. Model. Softw. 22): along a trajectory one
parameter after the other steps half-way through its prior, from one of the quantiles 1/8, 3/8, 5/8, 7/8 to another.

    size       mean |change of the output| over trajectories (mu*), interval by bootstrap
    direction  mean change for a step upwards (mu), interval by Student's t

Shares of variance (Sobol 2001, Math. Comput. Simul. 55; Saltelli et al. 2010, Comput. Phys. Commun. 181) of the parameters that come first
(`ranked`), of all others taken together and drawn from their priors as well (`others`), and of the seed:

    alone      Var(E[Y | x]) / Var(Y)             first-order index, interval by bootstrap
    total      E[Var(Y | all but x)] / Var(Y)     total index: alone, and in company with other inputs

The seed of a history is one more input. A row of a design (a trajectory, or a row of Saltelli's matrices) has two seeds: its points share
the first, so that they differ by what was changed and nothing else (common random numbers), and the input `seed` changes it into the
second. A design is kept column by column: the points at one position of all rows are one recipe, whose run k is row k.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.one_run import one_run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, Store, keep_draws
from qantar.inference.prior import columns_of, values_at
from qantar.scenario.parameters import draw, parameters
from qantar.scenario.scenario import Plan
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
SEED, OTHERS = "seed", "others"
"""Names of the inputs that are no parameter."""
LEVELS = 4
STEP = LEVELS / 2 / (LEVELS - 1)
"""SALib's step between levels, as a share of the range from the first to the last."""
RESAMPLES, CONFIDENCE = 1000, 0.95
PART = 10
"""Histories in a part of the store."""


@dataclass(frozen=True)
class Index:
    """One number with its 95 % interval."""

    measure: str
    """size or direction (screening), alone or total (shares of variance)"""
    output: str
    input: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Design:
    """Where to evaluate, and with which of a row's two seeds."""

    inputs: tuple[str, ...]
    """as analysed, the seed last"""
    points: Floats
    """coordinates of the parameters, shape (rows, columns, parameters)"""
    second: NDArray[np.bool_]
    """whether a column has the second seed, shape (columns,)"""
    problem: dict[str, Any]
    sample: Floats
    """as SALib's analysis takes it, shape (rows x columns, coordinates)"""


def screening_design(names: Sequence[str], trajectories: int, seed: int) -> Design:
    """Trajectories through the middles of four slices of each prior; at the end of each the seed changes, and nothing else."""
    from SALib.sample import morris

    n = len(names)
    edge = 1 / (2 * LEVELS)
    problem = {"num_vars": n, "names": list(names), "bounds": [[edge, 1 - edge]] * n}
    points = morris.sample(problem, trajectories, num_levels=LEVELS, seed=_key(seed, StudyKey.DESIGN_POINTS, 0)).reshape(
        trajectories, n + 1, n
    )
    points = np.concatenate([points, points[:, -1:]], axis=1)
    second = np.arange(n + 2) == n + 1
    luck = np.broadcast_to(np.where(second, edge + STEP * (1 - 2 * edge), edge), (trajectories, n + 2))
    sample = np.concatenate([points, luck[..., None]], axis=2).reshape(-1, n + 1)
    problem = {"num_vars": n + 1, "names": [*names, SEED], "bounds": [[edge, 1 - edge]] * (n + 1)}
    return Design((*names, SEED), points, second, problem, sample)


def screening(design: Design, y: Floats, output: str, seed: int) -> list[Index]:
    """Sizes and directions of all inputs on one output, y of shape (rows, columns); the seed has no direction."""
    from SALib.analyze import morris
    from scipy.stats import t

    more = {"num_levels": LEVELS, "num_resamples": RESAMPLES, "conf_level": CONFIDENCE, "seed": _key(seed, StudyKey.DESIGN_RESAMPLE, 0)}
    analysis = morris.analyze(design.problem, design.sample, y.ravel(), **more)
    effects = {k: STEP * np.asarray(v, float) for k, v in analysis.items() if k != "names"}
    half = t.ppf((1 + CONFIDENCE) / 2, len(y) - 1) * effects["sigma"] / np.sqrt(len(y))
    sizes = zip(design.inputs, effects["mu_star"], effects["mu_star_conf"], strict=True)
    directions = zip(design.inputs, effects["mu"], half, strict=True)
    indices = [Index("size", output, name, v, max(0.0, v - h), v + h) for name, v, h in sizes]
    return indices + [Index("direction", output, name, v, v - h, v + h) for name, v, h in directions if name != SEED]


def ranked(indices: Sequence[Index]) -> tuple[str, ...]:
    """Parameters by the mean over outputs of their share in the sum of sizes, largest first, ties in the order they came."""
    shares: dict[str, float] = {}
    for output in dict.fromkeys(x.output for x in indices):
        sizes = {x.input: x.value for x in indices if (x.measure, x.output) == ("size", output) and x.input != SEED}
        total = sum(sizes.values()) or 1.0
        for name, size in sizes.items():
            shares[name] = shares.get(name, 0.0) + size / total
    return tuple(sorted(shares, key=lambda name: -shares[name]))


def shares_design(chosen: Sequence[str], others: Sequence[str], draws: int, seed: int) -> Design:
    """Saltelli's matrices: A, then A with one input after the other from B, then B. Coordinates: chosen, others, seed."""
    from SALib.sample import sobol

    names = [*chosen, *others]
    groups = [*chosen, *[OTHERS] * len(others), SEED]
    problem = {"num_vars": len(names) + 1, "names": [*names, SEED], "bounds": [[0, 1]] * (len(names) + 1), "groups": groups}
    sample = sobol.sample(problem, draws, calc_second_order=False, seed=_key(seed, StudyKey.DESIGN_POINTS, 1))
    matrix = np.clip(sample, 1e-9, 1 - 1e-9).reshape(draws, -1, len(names) + 1)
    second = (matrix[:, :, -1] == matrix[:, -1:, -1]).all(axis=0)
    return Design(tuple(dict.fromkeys(groups)), matrix[:, :, :-1], second, problem, sample)


def shares(design: Design, y: Floats, output: str, seed: int) -> list[Index]:
    """Shares of the variance of one output, y of shape (rows, columns); none if it is the same everywhere.

    An interval may begin below 0 and end above 1: an estimate of a small share is not cut off.
    """
    from SALib.analyze import sobol

    if np.ptp(y[:, [0, -1]]) == 0:
        return []
    more = {"num_resamples": RESAMPLES, "conf_level": CONFIDENCE, "seed": _key(seed, StudyKey.DESIGN_RESAMPLE, 1)}
    analysis = sobol.analyze(design.problem, y.ravel(), calc_second_order=False, **more)
    return [
        Index(measure, output, name, float(v), float(v - half), float(v + half))
        for measure, key in (("alone", "S1"), ("total", "ST"))
        for name, v, half in zip(design.inputs, analysis[key], analysis[f"{key}_conf"], strict=True)
    ]


def _key(seed: int, what: StudyKey, number: int) -> int:
    """A seed for somebody else's generator: 1 to 2^32 - 1, a pure function of ours."""
    return word(seed, what, number) % (2**32 - 1) + 1


def pace(plan: Plan, seed: int, runs: int = 4) -> float:
    """Seconds a history, from a few draws of the priors after one that loads the code."""
    recipe = Recipe(plan, seed, sampling="given")
    given = [draw(seed, k) for k in range(runs + 1)]
    one_run(recipe, 0, given)
    start = time.perf_counter()
    for k in range(1, runs + 1):
        one_run(recipe, k, given)
    return (time.perf_counter() - start) / runs


@dataclass(frozen=True)
class Evaluated:
    """What histories at the points of a design gave."""

    outputs: Floats
    """shape (rows, columns, outputs)"""
    history_sha256: list[str]
    """digests of all histories, in order of column and row"""
    keys: list[str]
    """of the recipes, one a column"""


def evaluate(
    design: Design, names: Sequence[str], plan: Plan, seed: int, runner: Runner, outputs: Callable[[Store, int], Floats]
) -> Evaluated:
    """Outputs at all points of a design.

    Parameters
    ----------
    names : of the parameters, in the order of the coordinates
    outputs : reads them from the first runs of a store, shape (runs, outputs)
    """
    seeds, recipes = (seed, word(seed, StudyKey.SECOND_SEED, 0) >> 1), []
    for c, second in enumerate(design.second):
        points = np.full((len(design.points), len(parameters())), 0.5)  # what cannot matter is at the middle of its prior
        points[:, columns_of(names)] = design.points[:, c]
        given = keep_draws(runner.store, [values_at(row) for row in points])
        recipes.append(Recipe(plan, seeds[int(second)], sampling="given", given=given, part=PART))
    rows = len(design.points)
    stores = runner.ensembles(recipes, rows)
    digests = [sha for store in stores for sha in store.read(rows)[1]["sha256"]]
    return Evaluated(np.stack([outputs(store, rows) for store in stores], axis=1), digests, [recipe.key() for recipe in recipes])
