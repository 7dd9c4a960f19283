"""Calibration: which parameters could have produced the record, found by simulation alone.

In: a plan, a record, the names of the fitted parameters. Out: particles, each a full set of parameters with the seed of a history that
comes as near to the record as can be had. How it proceeds is told in docs/explanation/inference.md. In the words of the field:

- Rounds are sequential Monte Carlo for approximate Bayesian computation (Del Moral, Doucet and Jasra 2012, Stat. Comput. 22; Sisson, Fan
  and Tanaka 2007, PNAS 104). The tolerance falls to the median of the particles' different distances.
- A move is z' = sqrt(1 - b^2) z + b xi for a random choice of coordinates, z and xi normal scores of the point in the cube of the priors
  (`prior`). It leaves the prior as it is (Cotter, Roberts, Stuart and White 2013, Stat. Sci. 28), so particles are equally weighted.
- Mobilization (onsets and participants) is fitted first, with moves of all parameters; then force and harm given it, with moves of the
  parameters of forces only, each particle along its own chain: the feedback is cut (Plummer 2015, Stat. Comput. 25).
- A proposal's history ends on the first evening by which it must be farther off than the tolerance, whatever comes (`ending`).

Every proposal is a pure function of seed, round, particle and parameter, and every history is kept, so a run that was killed goes on where
it was and ends with the same particles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import StudyError, fail
from qantar.inference.distance import FORCE, MOBILIZATION, Target, distances, items_of
from qantar.inference.ending import Beyond, Restless, calm
from qantar.inference.prior import point_of, values_at
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.scenario import Plan
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STEP = 0.3
"""b of a small move: the scores of the coordinates that move keep 95 % of where they were."""
FRESH = 0.25
"""Share of coordinates that are drawn anew in a large move."""
KEPT = 0.5
"""Share of the particles that the next tolerance keeps. A quarter is faster, and half as many ancestors were left after three rounds."""
TIMES = 10.0
"""Histories with crowds so many times the largest that was recorded are broken off and never accepted."""
SWEEPS, MOVED = 4, 0.5
"""In a round everyone proposes again, at most so many times, until this share has moved: copies must part before the next tolerance."""
ACCEPTED_LEAST = 0.03
"""Rounds end when fewer proposals than this are accepted: tolerance would fall by luck of the seed only."""
FORCE_GROUPS = ("repression", "loyalty", "intervention", "forces", "arms", "control")
FORCE_NAMES = ("detention_hours", "detained_reported", "deaths_reported", "demand_repression", "legitimacy_repression")
"""What moves in the second module: parameters of these groups, and these."""
FORCE_KEY = 10_000
"""First number of a round of the second module."""


@dataclass(frozen=True)
class Setup:
    """How much is computed: by default what ships was made with, two to three hours on two cores.

    Rounds come nearer to the record and leave fewer independent ancestors, particles cost time: six rounds of 200 end with nine.
    """

    table: int = 20_000
    """draws of the priors"""
    particles: int = 200
    rounds: int = 6
    """of the first module, at most"""
    force_rounds: int = 3
    keep: int = 200
    """particles that ship as the posterior"""
    part: int = 50
    """histories in a part of the store"""


QUICK = Setup(table=400, particles=30, rounds=2, force_rounds=1, keep=30, part=5)
"""Less than five minutes at 1:50: a look, not a result."""


@dataclass(frozen=True)
class Round:
    """One round: module, tolerance, shares of particles within it and of proposals accepted, different particles left, median distance."""

    module: str
    number: int
    tolerance: float
    alive: float
    """share of the particles before the round that lay within it: how much smaller the part of the prior became"""
    accepted: float
    quiet: float
    """of the proposals within the tolerance, the share that leaves the quiet period quiet"""
    distinct: int
    median: float


@dataclass
class Particles:
    """The state of a calibration; arrays have a row a particle."""

    points: Floats
    """in the cube of the priors, shape (particles, parameters)"""
    items: Floats
    mobilization: Floats
    force: Floats
    """distances of the two modules"""
    seeds: Ints
    """seed of the history behind each particle"""
    origin: Ints
    """which particle of the first round each descends from"""
    trace: list[Round] = field(default_factory=list)

    def values(self) -> list[Values]:
        """The parameters of each particle."""
        return [values_at(row) for row in self.points]

    def distinct(self) -> int:
        """How many different points there are."""
        return len(np.unique(self.points, axis=0))


ARRAYS = ("points", "items", "mobilization", "force", "seeds", "origin")
"""Arrays of `Particles`."""


@dataclass(frozen=True)
class Task:
    """What is fitted to what."""

    plan: Plan
    target: Target
    scales: Floats
    quiet: Plan | None
    """the period before the start"""
    quiet_regions: int
    """most regions that may be reported on one day of it"""
    seed: int
    runner: Runner = field(default_factory=Runner)
    held: tuple[str, ...] = ()
    """parameters fitted in the first module: the second leaves them where they are"""


def points_of(seed: int, numbers: Sequence[int] | Ints) -> Floats:
    """Points of draws of the priors, shape (draws, parameters)."""
    return np.stack([point_of(seed, int(k)) for k in numbers])


def calibrate(task: Task, table: Runs, setup: Setup) -> Particles:
    """Particles of the posterior, both modules, from histories of draws 0, 1, ... of the priors at the seed of the task."""
    particles = _first(task, table, setup)
    for r in range(setup.rounds):
        particles, found = _mobilize(task, particles, r, setup)
        if found.accepted < ACCEPTED_LEAST:
            break
    return follow(task, particles, setup)


def follow(task: Task, particles: Particles, setup: Setup) -> Particles:
    """The second module: force and harm, given how unrest spread."""
    limit = max(particles.mobilization)  # the first module's tolerance still holds
    for r in range(setup.force_rounds):
        particles = _force(task, particles, r, limit, setup)
    return particles


def _first(task: Task, table: Runs, setup: Setup) -> Particles:
    """The draws of the table nearest to the record that leave the quiet period quiet."""
    items = items_of(table, task.target, task.plan)
    near = np.where(table.stopped, np.inf, distances(items, task.target, task.scales, MOBILIZATION))
    order = np.argsort(near, kind="stable")
    order = order[np.isfinite(near[order])]
    chosen: list[int] = []
    while len(chosen) < setup.particles and len(order):
        batch, order = order[: setup.particles], order[setup.particles :]
        calm = _calm(task, points_of(task.seed, batch), (4, len(chosen)), setup)
        chosen += [int(k) for k in batch[calm]]
    if not chosen:
        raise fail(StudyError, task.plan.case, "never_quiet")
    numbers = np.array(chosen[: setup.particles])
    far = distances(items, task.target, task.scales, FORCE)
    seeds = np.array([history_seed(task.seed, int(k), 0) for k in numbers])
    return Particles(points_of(task.seed, numbers), items[numbers], near[numbers], far[numbers], seeds, np.arange(len(numbers)))


def _mobilize(task: Task, p: Particles, number: int, setup: Setup) -> tuple[Particles, Round]:
    """One round of the first module."""
    # Of different distances: else copies of one lucky history, which hardly ever move, would pull the tolerance down to their own.
    tolerance = float(np.quantile(np.unique(p.mobilization), KEPT))
    alive = np.flatnonzero(p.mobilization <= tolerance)
    pick = np.array([lot(task.seed, StudyKey.PARTICLE_COPIED, i, number) for i in range(len(p.seeds))])
    source = np.where(p.mobilization <= tolerance, np.arange(len(pick)), alive[(pick * len(alive)).astype(int)])
    kept = len(alive) / len(pick)
    p = _rows(p, source)
    has_moved = np.zeros(len(pick), np.bool_)
    shares = []
    for sweep in range(SWEEPS):
        points = moved(p.points, task.seed, key := number * SWEEPS + sweep)
        proposed = _compared(task, p, points, (1, key), tolerance, "mobilization", setup)
        within = proposed.mobilization <= tolerance
        accepted = within.copy()
        accepted[within] = _calm(task, points[within], (3, key), setup)
        p = _taken(p, accepted, proposed)
        has_moved |= accepted
        shares.append((within.mean(), accepted.mean()))
        if has_moved.mean() >= MOVED:
            break
    near_enough, taken = np.mean(shares, axis=0)
    quiet = taken / near_enough if near_enough else 0.0
    found = Round("mobilization", number, tolerance, kept, float(taken), float(quiet), p.distinct(), float(np.median(p.mobilization)))
    return replace(p, trace=[*p.trace, found]), found


def _force(task: Task, p: Particles, number: int, limit: float, setup: Setup) -> Particles:
    """One round of the second module: each particle goes on from where it is, none is copied or dropped."""
    tolerance = float(np.quantile(p.force, KEPT))
    free = np.array([name in moving(task.held) for name in parameters()])
    points = moved(p.points, task.seed, FORCE_KEY + number, free)
    proposed = _compared(task, p, points, (2, number), limit, "force", setup)
    accepted = (proposed.mobilization <= limit) & (proposed.force <= np.maximum(tolerance, p.force))
    accepted[accepted] = _calm(task, points[accepted], (5, number), setup)
    p = _taken(p, accepted, proposed)
    found = Round("force", number, tolerance, 1.0, float(accepted.mean()), 1.0, p.distinct(), float(np.median(p.force)))
    return replace(p, trace=[*p.trace, found])


def moving(held: Sequence[str] = ()) -> set[str]:
    """Parameters that move in the second module."""
    return {name for name, p in parameters().items() if p.group in FORCE_GROUPS or name in FORCE_NAMES} - {*held}


def _compared(task: Task, p: Particles, points: Floats, key: tuple[int, int], limit: float, what: str, setup: Setup) -> Particles:
    """What the particles would be at these points, each with a history of its own.

    One that was broken off, or cannot come within the limit of the first module any more, is infinitely far.
    """
    runs, seeds = _histories(task, task.plan, points, key, what, setup, Beyond(task.target, task.scales, MOBILIZATION, limit))
    items = items_of(runs, task.target, task.plan)
    near, far = (np.where(runs.stopped, np.inf, distances(items, task.target, task.scales, blocks)) for blocks in (MOBILIZATION, FORCE))
    return replace(p, points=points, items=items, mobilization=near, force=far, seeds=seeds)


def moved(points: Floats, seed: int, number: int, free: NDArray[np.bool_] | None = None) -> Floats:
    """Proposals: half of the particles, by lot, make a small move of about half of the coordinates, the others draw some of them anew.

    Both leave a uniform cube uniform, whatever the choice of coordinates. The normal scores move, not the points.
    """
    from scipy.special import ndtr, ndtri

    n, width = points.shape
    free = np.ones(width, np.bool_) if free is None else free
    fresh = np.array([[lot(seed, 2 * k, i, number) for k in range(width)] for i in range(n)])
    choice = np.array([[lot(seed, 2 * k + 1, i, number) for k in range(width)] for i in range(n)])
    large = np.array([lot(seed, StudyKey.MOVE_KIND, i, number) for i in range(n)]) < 0.5
    b = np.where(large[:, None], (choice < FRESH).astype(float), np.where(choice < 0.5, STEP, 0.0)) * free
    scores = np.sqrt(1 - b**2) * ndtri(points) + b * ndtri(fresh)
    return np.where(b == 0, points, np.clip(ndtr(scores), 1e-12, 1 - 1e-12))


def _histories(task: Task, plan: Plan, points: Floats, key: tuple[int, int], what: str, setup: Setup, ending: Ending) -> tuple[Runs, Ints]:
    """The histories of these points, each with a seed of its own and ended when it need not go on, and the seeds."""
    seed = history_seed(task.seed, *((1 << 30) + 1000 * key[0] + key[1], 1))
    name = keep_draws(task.runner.store, [values_at(row) for row in points])
    recipe = Recipe(plan, seed, sampling="given", given=name, part=setup.part, stop_above=stop_of(task.target), ending=ending)
    runs = task.runner.histories(recipe, len(points), what)
    return runs, np.asarray(runs.whole["seed"], np.int64)


def stop_of(target: Target) -> float:
    """People out at once above which a history is broken off: many times the largest count of the record; two million if it has none."""
    counts = [high for i, high in zip(target.items, target.high, strict=True) if i.block == "participants" and not np.isnan(high)]
    return TIMES * float(10 ** max(counts)) if counts else 2_000_000.0


def _calm(task: Task, points: Floats, key: tuple[int, int], setup: Setup) -> NDArray[np.bool_]:
    """Whether the quiet period stays without a wave at these points."""
    if task.quiet is None or not len(points):
        return np.ones(len(points), np.bool_)
    return calm(_histories(task, task.quiet, points, key, "quiet", setup, Restless(task.quiet_regions))[0], task.quiet_regions)


def _rows(p: Particles, rows: Ints) -> Particles:
    """These particles, in this order."""
    return replace(p, **{k: getattr(p, k)[rows] for k in ARRAYS})


def _taken(p: Particles, accepted: NDArray[np.bool_], proposed: Particles) -> Particles:
    """Proposals in place of the particles that accepted them."""
    taken = {k: getattr(p, k).copy() for k in ARRAYS}
    for name, array in taken.items():
        array[accepted] = getattr(proposed, name)[accepted]
    return replace(p, **taken)
