"""Which parameters move what, over the whole prior: a screening of all of them, then shares of variance of the few that move most.

In: a plan. Out: indices, each with a 95 % interval, for five outputs of a history as it would have been reported. Every point of the cube
of priors (`prior`) is a set of parameters. Both methods are SALib's (Herman and Usher 2017, J. Open Source Softw. 2).

Screening (Morris 1991, Technometrics 33; Campolongo, Cariboni and Saltelli 2007, Environ. Model. Softw. 22). Along a trajectory one
parameter after the other steps half-way through its prior, from one of the quantiles 1/8, 3/8, 5/8, 7/8 to another:

    size       mean |change of the output| over trajectories (mu*), interval by bootstrap
    direction  mean change for a step upwards (mu), interval by Student's t

The `most` parameters with the largest size go on: the mean over outputs of a parameter's share in the sum of sizes.

Shares of variance (Sobol 2001, Math. Comput. Simul. 55; Saltelli et al. 2010, Comput. Phys. Commun. 181) of these parameters, of all others
taken together and drawn from their priors as well (`others`), and of the seed:

    alone      Var(E[Y | x]) / Var(Y)             first-order index, interval by bootstrap
    total      E[Var(Y | all but x)] / Var(Y)     total index: alone, and in company with other inputs

How luck enters: the seed of a history is one more input, called `seed`. A row of a design (a trajectory, or a row of Saltelli's matrices)
has two seeds. All its points share the first, so that they differ by what was changed and nothing else (common random numbers), and what
has no effect has exactly none; the input `seed` changes the first into the second with all parameters the same. Its size is what
a change of luck does; its total index is the share of variance between histories with the same parameters.

A design is kept column by column: the points at one position of all rows are one recipe, whose run k is row k. So rows have seeds of
their own and columns share them. The recipes of the second seed differ by their base seed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.draws import Purpose, bits
from qantar.ensemble.histories import Runs, arrays
from qantar.ensemble.local import run_ensemble, write_part
from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import in_processes
from qantar.ensemble.store import Recipe, Store, keep_draws
from qantar.errors import StudyError, fail, needs
from qantar.inference.prior import values_at, varied
from qantar.scenario.parameters import Values, draw, parameters
from qantar.scenario.scenario import Plan

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
OUTPUTS = ("participants", "regions", "killed", "detained", "seats")
"""log10(1 + peak of official participants), regions with reported unrest by the end of the fifth day, log10(1 + reported deaths),
log10(1 + reported detained), seats of government that the crowd ever held."""
DAYS = 5
SEED, OTHERS = "seed", "others"
"""Names of the inputs that are no parameter."""
LEVELS = 4
STEP = LEVELS / 2 / (LEVELS - 1)
"""SALib's step between levels, as a share of the range from the first to the last."""
RESAMPLES, CONFIDENCE = 1000, 0.95
PART = 10
"""Histories in a part of the store."""
_SAMPLE, _RESAMPLE, _SECOND = ((1 << 24) + k for k in range(3))
"""Keys of draws of a study: points of a design, resamples, second seeds."""


@dataclass(frozen=True)
class Effort:
    """How much is computed."""

    trajectories: int = 20
    """of the screening, at least 2"""
    draws: int = 128
    """rows of the shares of variance, a power of 2"""
    most: int = 8
    """parameters that go on from the first to the second"""

    def histories(self, n: int) -> tuple[int, int]:
        """How many histories screening and shares take, with n parameters.

        >>> Effort(trajectories=2, draws=4, most=3).histories(10)
        (24, 28)
        """
        return self.trajectories * (n + 2), self.draws * (min(self.most, n) + 2 + (self.most < n) + 1)


QUICK = Effort(trajectories=4, draws=16, most=4)
"""A look, not a result."""


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


@dataclass(frozen=True)
class Sensitivity:
    """Everything a sensitivity study says."""

    indices: list[Index]
    inputs: tuple[str, ...]
    """parameters that were varied, ranked by the screening, the first first; then the seed"""
    chosen: tuple[str, ...]
    """inputs of the shares of variance"""
    left_out: dict[str, tuple[str, ...]]
    """parameters that cannot matter in this plan, by reason: off, no_policy, absent, fixed"""
    constant: tuple[str, ...]
    """outputs that were the same in all histories of the shares of variance, which therefore have none"""
    histories: int
    history_sha256: tuple[str, ...]
    """digests of all histories, in order of column and row"""
    keys: tuple[str, ...]
    """keys of the recipes, one a column"""

    def find(self, measure: str, output: str, name: str) -> Index | None:
        """One index; None if there is none."""
        return next((x for x in self.indices if (x.measure, x.output, x.input) == (measure, output, name)), None)


def screening_design(names: Sequence[str], trajectories: int, seed: int) -> Design:
    """Trajectories through the middles of four slices of each prior; at the end of each the seed changes, and nothing else."""
    from SALib.sample import morris

    n = len(names)
    edge = 1 / (2 * LEVELS)
    problem = {"num_vars": n, "names": list(names), "bounds": [[edge, 1 - edge]] * n}
    points = morris.sample(problem, trajectories, num_levels=LEVELS, seed=_key(seed, _SAMPLE, 0)).reshape(trajectories, n + 1, n)
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

    more = {"num_levels": LEVELS, "num_resamples": RESAMPLES, "conf_level": CONFIDENCE, "seed": _key(seed, _RESAMPLE, 0)}
    found = {
        k: STEP * np.asarray(v, float) for k, v in morris.analyze(design.problem, design.sample, y.ravel(), **more).items() if k != "names"
    }
    half = t.ppf((1 + CONFIDENCE) / 2, len(y) - 1) * found["sigma"] / np.sqrt(len(y))
    sizes = zip(design.inputs, found["mu_star"], found["mu_star_conf"], strict=True)
    directions = zip(design.inputs, found["mu"], half, strict=True)
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
    sample = sobol.sample(problem, draws, calc_second_order=False, seed=_key(seed, _SAMPLE, 1))
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
    more = {"num_resamples": RESAMPLES, "conf_level": CONFIDENCE, "seed": _key(seed, _RESAMPLE, 1)}
    found = sobol.analyze(design.problem, y.ravel(), calc_second_order=False, **more)
    return [
        Index(measure, output, name, float(v), float(v - half), float(v + half))
        for measure, key in (("alone", "S1"), ("total", "ST"))
        for name, v, half in zip(design.inputs, found[key], found[f"{key}_conf"], strict=True)
    ]


def outputs_of(runs: Runs) -> Floats:
    """The outputs of each history, shape (runs, outputs), in the order of `OUTPUTS`."""
    onset = runs.onset()
    columns = (
        np.log10(1 + runs.participants.max(axis=1)),
        ((onset >= 0) & (onset < DAYS)).sum(axis=1),
        np.log10(1 + runs.killed.sum(axis=1)),
        np.log10(1 + runs.detained[:, -1]),
        runs.seat_lost.sum(axis=1),
    )
    return np.stack([np.asarray(c, float) for c in columns], axis=1)


def sensitivity(
    plan: Plan,
    root: Path,
    *,
    effort: Effort | None = None,
    seed: int = 1,
    processes: int | None = None,
    told: Callable[[int, float], None] = lambda histories, seconds: None,
    progress: Progress = lambda done, total: None,
) -> Sensitivity:
    """Screen all parameters that can matter in a plan, then share out the variance among the few that move most.

    Parameters
    ----------
    plan : Plan
    root : Path
        Folder of stores: what is there is not computed again.
    effort : Effort, optional
        How much is computed.
    seed : int
        Of designs, histories and resamples.
    processes : int, optional
        By default one a core; changes nothing.
    told : callable
        Called before anything is computed, with histories and expected seconds if none of them is kept.
    progress : callable
        Called with histories done and in all.

    Raises
    ------
    StudyError
        If SALib is missing, nothing can vary, or a process dies again and again.
    ResultError
        If the store cannot be written.
    """
    needs("SALib", "sensitivity", "sensitivity")
    effort = effort or Effort()
    names, left_out = varied(plan)
    if not names:
        raise fail(StudyError, plan.case, "nothing_varies")
    first_n, second_n = effort.histories(len(names))
    total = first_n + second_n
    told(total, total * _pace(plan, seed) / (processes or os.cpu_count() or 1))
    design = screening_design(names, effort.trajectories, seed)
    y, digests, keys = _evaluate(design, names, plan, seed, root, processes, lambda done: progress(done, total))
    indices = [x for k, name in enumerate(OUTPUTS) for x in screening(design, y[:, :, k], name, seed)]
    order = ranked(indices)
    chosen, others = order[: effort.most], [n for n in names if n not in order[: effort.most]]
    design = shares_design(chosen, others, effort.draws, seed)
    y, more, more_keys = _evaluate(design, [*chosen, *others], plan, seed, root, processes, lambda done: progress(first_n + done, total))
    of_variance = {name: shares(design, y[:, :, k], name, seed) for k, name in enumerate(OUTPUTS)}
    constant = tuple(name for name, found in of_variance.items() if not found)
    indices += [x for found in of_variance.values() for x in found]
    return Sensitivity(indices, (*order, SEED), design.inputs, left_out, constant, total, (*digests, *more), (*keys, *more_keys))


def _key(seed: int, what: int, number: int) -> int:
    """A seed for somebody else's generator: 1 to 2^32 - 1, a pure function of ours."""
    return int(bits(seed, int(Purpose.STUDY), number, 0, what)) % (2**32 - 1) + 1


def _pace(plan: Plan, seed: int, runs: int = 4) -> float:
    """Seconds a history, from a few draws of the priors after one that loads the code."""
    recipe = Recipe(plan, seed, sampling="given")
    given = [draw(seed, k) for k in range(runs + 1)]
    one_run(recipe, 0, given)
    start = time.perf_counter()
    for k in range(1, runs + 1):
        one_run(recipe, k, given)
    return (time.perf_counter() - start) / runs


def _points(names: Sequence[str], points: Floats) -> list[Values]:
    """Sets of parameters at these coordinates, shape (rows, names); those that cannot matter at the middle of their priors."""
    table = list(parameters())
    full = np.full((len(points), len(table)), 0.5)
    full[:, [table.index(name) for name in names]] = points
    return [values_at(row) for row in full]


def _evaluate(
    design: Design, names: Sequence[str], plan: Plan, seed: int, root: Path, processes: int | None, progress: Callable[[int], None]
) -> tuple[Floats, list[str], list[str]]:
    """Outputs at all points of a design, shape (rows, columns, outputs), the digests of all histories, the keys of the recipes."""
    seeds = {False: seed, True: int(bits(seed, int(Purpose.STUDY), 0, 0, _SECOND)) >> 1}
    rows = len(design.points)
    recipes = [
        Recipe(
            plan,
            seeds[bool(second)],
            sampling="given",
            given=keep_draws(root, _points(names, design.points[:, c])),
            part=PART,
        )
        for c, second in enumerate(design.second)
    ]
    ahead(recipes, rows, root, processes, progress)
    found = [arrays(*run_ensemble(recipe, rows, root, processes=processes).read(rows)) for recipe in recipes]
    digests = [sha for runs in found for sha in runs.whole["sha256"]]
    return np.stack([outputs_of(runs) for runs in found], axis=1), digests, [recipe.key() for recipe in recipes]


def ahead(recipes: Sequence[Recipe], rows: int, root: Path, processes: int | None, progress: Callable[[int], None]) -> None:
    """Do parts of many short recipes by one set of processes: a hundred ensembles would start theirs a hundred times.

    If a process dies, this gives up: `run_ensemble`, which comes after, does what is missing.
    """
    left = [(recipe, root, part, rows) for recipe in recipes for part in Store.of(root, recipe).missing(rows)]
    done = len(recipes) * rows - sum(_size(recipe, part, rows) for recipe, _, part, _ in left)
    progress(done)

    def tell(task: tuple[Recipe, Path, int, int], _: int) -> None:
        nonlocal done
        done += _size(task[0], task[2], rows)
        progress(done)

    with suppress(BrokenProcessPool):
        in_processes(write_part, left, processes, tell)


def _size(recipe: Recipe, part: int, rows: int) -> int:
    """Histories in a part."""
    return min((part + 1) * recipe.part, rows) - part * recipe.part
