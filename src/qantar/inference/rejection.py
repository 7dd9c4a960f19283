"""Calibration: which parameters could have produced the record, found by simulation alone.

In: a plan, a record, histories of draws of the priors. Out: particles, each a full set of parameters with the seed of a history that comes
as near to the record as can be had. How it proceeds is told in docs/explanation/inference.md. In the words of the field:

- Rejection (Pritchard, Seielstad, Perez-Lezaun and Feldman 1999, Mol. Biol. Evol. 16): the draws nearest to how unrest spread that also
  leave the quiet period quiet. No draw is copied or moved, so they are independent.
- Draws of the priors alone rarely come near. So rounds follow that propose draws around those that did (`proposal`), and each draw is
  weighed by how much likelier it was proposed than the priors would have: what is estimated is the same, with more draws where it counts.
  The tolerance is the smallest within which draws are worth as many independent ones as are asked for.
- Most draws are only looked at: beyond a table of whole histories, which says how near is near, a history ends on the first evening by
  which it must be farther off than nearly all of the table, in later rounds than the tolerance so far (`ending`). What is accepted is the
  same as if it had gone on.
- Force and harm are fitted given that: the parameters of forces of each such draw are drawn anew many times, under the same luck of the
  history; of those that still come as near to how unrest spread and leave the quiet period quiet, the nearest to what force and harm
  were recorded takes the draw's place. Every draw stays, however well its force can be fitted: so force says nothing of how unrest
  spread, the feedback is cut (Plummer 2015, Stat. Comput. 25).
- A history under new parameters of forces ends on the first evening by which it must be farther off than the tolerance (`ending`).

Every draw is a pure function of seed, number and parameter, and every history is kept, so a run that was killed goes on where it was
and ends with the same particles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.ending import Ending
from qantar.ensemble.histories import Runs, chosen
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import StudyError, fail
from qantar.inference.distance import FORCE, MOBILIZATION, Target, distances, items_of
from qantar.inference.ending import Beyond, Restless, calm
from qantar.inference.prior import point_of, values_at
from qantar.inference.priors import Priors, favour, moved
from qantar.inference.proposal import Proposal, effective, equal, proposal_of, weights_of
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.scenario import Plan
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TOGETHER = 8
"""How many draws anew are simulated at once: a table of more would fill the memory of a small machine."""
LOOK = 0.01
"""A history beyond the table ends when it must be farther off than this share of the table."""
CHUNK = 5_000
"""Histories that are held in memory at once."""
QUIET = 1 << 30
"""What is added to the number of a draw for the luck of its quiet period."""
TIMES = 10.0
"""Histories with crowds so many times the largest that was recorded are broken off and never accepted."""
FORCE_GROUPS = ("repression", "loyalty", "intervention", "forces", "violence", "arms", "control")
FORCE_NAMES = ("detention_hours", "detained_reported", "deaths_reported", "demand_repression", "legitimacy_repression")
"""What is drawn anew in the second module: parameters of these groups, and these."""


@dataclass(frozen=True)
class Setup:
    """How much is computed: by default what ships was made with."""

    table: int = 20_000
    """draws of the priors with whole histories"""
    draws: int = 40_000
    """draws of the priors that are looked at, those of the table among them"""
    rounds: int = 2
    """rounds of proposals that follow"""
    proposed: int = 10_000
    """draws of each"""
    near: int = 150
    """independent draws that the nearest which leave the quiet period quiet are worth"""
    force_draws: int = 24
    """times that the parameters of forces of each are drawn anew"""
    particles: int = 150
    """of equal weight, which are the posterior"""
    part: int = 50
    """histories in a part of the store"""

    @property
    def in_all(self) -> int:
        """Draws of all laws."""
        return max(self.draws, self.table) + self.rounds * self.proposed


QUICK = Setup(table=300, draws=300, rounds=1, proposed=100, near=20, force_draws=4, particles=20, part=5)
"""Less than five minutes at 1:50: a look, not a result."""


@dataclass(frozen=True)
class Stage:
    """How one module went."""

    module: str
    tried: int
    """histories"""
    tolerance: float
    """within which the particles lie in this module's blocks"""
    within: float
    """share of the priors, or of the draws anew, within the tolerance of how unrest spread"""
    quiet: float
    """of those whose quiet period was simulated, the share that leaves it quiet"""
    draws: int
    """different draws behind the particles"""
    worth: float
    """independent draws that they are worth by their weights"""
    median: float
    """distance of the particles in this module's blocks"""


@dataclass
class Particles:
    """What was accepted; arrays have a row a particle."""

    points: Floats
    """in the cube of the priors, shape (particles, parameters)"""
    items: Floats
    mobilization: Floats
    force: Floats
    """distances of the two modules"""
    seeds: Ints
    """seed of the history behind each particle"""
    origin: Ints
    """number of the draw that each is, or whose parameters of forces were drawn anew"""
    weights: Floats
    """how much each counts, in shares of a draw of the priors"""
    trace: list[Stage] = field(default_factory=list)

    def values(self) -> list[Values]:
        """The parameters of each particle."""
        return [values_at(row) for row in self.points]


ARRAYS = ("points", "items", "mobilization", "force", "seeds", "origin", "weights")
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
    priors: Priors = field(default_factory=dict)
    """what holds in place of the table's priors; draws are still made with those, and weighed"""


def points_of(seed: int, numbers: Sequence[int] | Ints) -> Floats:
    """Points of draws of the priors, shape (draws, parameters)."""
    return np.stack([point_of(seed, int(k)) for k in numbers])


def calibrate(task: Task, table: Runs, setup: Setup) -> Particles:
    """Particles of the posterior, both modules, of equal weight."""
    return of_equal_weight(follow(task, nearest(task, table, setup), setup), setup.particles, task.seed)


def of_equal_weight(p: Particles, n: int, seed: int) -> Particles:
    """As many particles of equal weight, in an order by lot: the first few of them are a sample of all."""
    rows = equal(p.weights, n, lot(seed, StudyKey.EQUAL_WEIGHT, 0))
    rows = rows[np.argsort([lot(seed, StudyKey.POSTERIOR_ORDER, k) for k in range(n)], kind="stable")]
    arrays: dict[str, Any] = {name: getattr(p, name)[rows] for name in ARRAYS}
    return Particles(**{**arrays, "weights": np.ones(n)}, trace=p.trace)


def nearest(task: Task, table: Runs, setup: Setup) -> Particles:
    """The first module: draws nearest to the record that leave the quiet period quiet.

    Parameters
    ----------
    table : whole histories of draws 0, 1, ... of the priors at the seed of the task; draws after them are looked at

    Raises
    ------
    StudyError
        If no draw does.
    """
    search = _Search(task, setup, [max(setup.draws, table.n)])
    search.add(_looked_at(task, table, setup))
    found = search.accepted()
    for _ in range(setup.rounds):
        search.propose(proposal_of(found.points, found.weights), float(found.mobilization.max()))
        found = search.accepted()
    return found


class Looked(NamedTuple):
    """Draws that may be near: their numbers, what their histories say, their distances."""

    numbers: Ints
    items: Floats
    mobilization: Floats

    def take(self, rows: Ints) -> Looked:
        """Some of them."""
        return Looked(self.numbers[rows], self.items[rows], self.mobilization[rows])


def _joined(parts: Sequence[Looked]) -> Looked:
    """Those of several."""
    return Looked(
        np.concatenate([p.numbers for p in parts]),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.mobilization for p in parts]),
    )


class _Search:
    """All draws that may be near, whichever law they were made with.

    Parameters
    ----------
    counts : draws of the priors
    """

    def __init__(self, task: Task, setup: Setup, counts: list[int]) -> None:
        self.task, self.setup, self.counts = task, setup, counts
        self.laws: list[Proposal] = []
        self.looked = Looked(np.zeros(0, np.int64), np.zeros((0, len(task.target.items))), np.zeros(0))
        self.quiet: dict[int, bool] = {}

    def add(self, found: Looked) -> None:
        """More draws, in the order of their distance."""
        both = _joined([self.looked, found])
        order = np.argsort(both.mobilization, kind="stable")
        order = order[np.isfinite(both.mobilization[order])]
        self.looked = both.take(order)

    def propose(self, law: Proposal, limit: float) -> None:
        """One more round, of which those within a limit are kept."""
        setup, first = self.setup, sum(self.counts)
        self.laws.append(law)
        self.counts.append(setup.proposed)
        ending = Beyond(self.task.target, self.task.scales, MOBILIZATION, limit)
        for start in range(first, first + setup.proposed, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, first + setup.proposed))
            seeds = np.array([history_seed(self.task.seed, int(k), 0) for k in numbers])
            runner = self.task.runner.within("proposed", start - self.counts[0], setup.rounds * setup.proposed)
            runs = _histories(
                replace(self.task, runner=runner), self.task.plan, self.points(numbers), seeds, "proposed", setup.part, ending
            )
            self.add(_near(self.task, runs, numbers, limit))

    def points(self, numbers: Ints) -> Floats:
        """Places in the prior of draws, by the law that each was made with."""
        found = points_of(self.task.seed, numbers)
        ends = np.cumsum(self.counts)
        for k, law in enumerate(self.laws):
            own = np.flatnonzero((numbers >= ends[k]) & (numbers < ends[k + 1]))
            if len(own):
                u = np.array([lot(self.task.seed, StudyKey.PROPOSED_LAW, int(n)) for n in numbers[own]])
                found[own] = law.points(found[own], u)
        return found

    def accepted(self) -> Particles:
        """The nearest that leave the quiet period quiet, as many as are worth the independent draws that are asked for."""
        setup, tried, batch = self.setup, 0, max(20, self.setup.near // 2)
        points, weights, quiet = np.zeros((0, len(parameters()))), np.zeros(0), np.zeros(0, np.bool_)
        while tried < len(self.looked.numbers) and effective(weights[quiet]) < setup.near:
            numbers = self.looked.numbers[tried : tried + batch]
            fresh = self.points(numbers)
            tried += len(numbers)
            weight = weights_of(fresh, self.laws, self.counts) * favour(fresh, self.task.priors)
            points, weights = np.concatenate([points, fresh]), np.append(weights, weight)
            quiet = np.append(quiet, self._quiet(numbers, fresh))
        rows = np.flatnonzero(quiet)
        if not len(rows):
            raise fail(StudyError, self.task.plan.case, "never_quiet")
        if not weights[rows].any():
            raise fail(StudyError, "--prior", "prior_of_no_draw", n=len(rows))
        worth = np.cumsum(weights[rows]) ** 2 / np.cumsum(weights[rows] ** 2)  # `effective` of the first, of the first two, ...
        rows = rows[: int(np.argmax(worth >= setup.near)) + 1] if worth[-1] >= setup.near else rows
        last = int(rows[-1]) + 1
        numbers, items, near = self.looked.take(rows)
        share, within = float(weights[rows].sum() / weights[:last].sum()), float(weights[:last].sum() / sum(self.counts))
        of_all = float(worth[len(rows) - 1])
        stage = Stage("mobilization", sum(self.counts), float(near.max()), within, share, len(rows), of_all, float(np.median(near)))
        far = distances(items, self.task.target, self.task.scales, FORCE)
        seeds = np.array([history_seed(self.task.seed, int(k), 0) for k in numbers])
        return Particles(points[rows], items, near, far, seeds, numbers, weights[rows], [stage])

    def _quiet(self, numbers: Ints, points: Floats) -> NDArray[np.bool_]:
        """Which of these draws leave the quiet period quiet; each is simulated once."""
        unknown = np.array([k for k, number in enumerate(numbers.tolist()) if number not in self.quiet], int)
        found = quiet_before(self.task, numbers[unknown], points[unknown], self.setup.part)
        self.quiet |= dict(zip(numbers[unknown].tolist(), found.tolist(), strict=True))
        return np.array([self.quiet[number] for number in numbers.tolist()], bool)


def _looked_at(task: Task, table: Runs, setup: Setup) -> Looked:
    """All draws of the table, and of those beyond it the ones nearer than most of the table."""
    found = [_near(task, table, np.arange(table.n), np.inf)]
    known = found[0].mobilization[np.isfinite(found[0].mobilization)]
    limit = float(np.quantile(known, LOOK, method="higher")) if len(known) else 0.0
    ending = Beyond(task.target, task.scales, MOBILIZATION, limit)
    for first in range(table.n, setup.draws, CHUNK):
        last = min(first + CHUNK, setup.draws)
        only = tuple(range(first // setup.part, -(-last // setup.part)))
        recipe = Recipe(task.plan, task.seed, part=setup.part, only=only, stop_above=stop_of(task.target), ending=ending)
        runner = task.runner.within("looked", first - table.n, setup.draws - table.n)
        runs = runner.histories(recipe, last, "looked", first)
        numbers = np.asarray(runs.whole["draw"], np.int64)
        fresh = np.flatnonzero(numbers >= first)  # a part may begin before
        found.append(_near(task, chosen(runs, fresh), numbers[fresh], limit))
    return _joined(found)


def _near(task: Task, runs: Runs, numbers: Ints, limit: float) -> Looked:
    """Those of some histories within a limit; one that was broken off is infinitely far."""
    items = items_of(runs, task.target, task.plan)
    near = np.where(runs.stopped, np.inf, distances(items, task.target, task.scales, MOBILIZATION))
    return Looked(numbers, items, near).take(np.flatnonzero(np.isinf(limit) | (near <= limit)))


def follow(task: Task, p: Particles, setup: Setup) -> Particles:
    """The second module: force and harm, given how unrest spread. Every draw stays, nearer to force and harm or where it was."""
    limit, drawn = float(p.mobilization.max()), [p]
    for first in range(0, setup.force_draws, TOGETHER):
        drawn += _anew(task, p, range(first, min(first + TOGETHER, setup.force_draws)), limit, setup)
    force = np.stack([np.where(x.mobilization <= limit, x.force, np.inf) for x in drawn])
    within = float(np.isfinite(force[1:]).mean()) if setup.force_draws else 0.0
    which, quiet = _nearest_quiet(task, p.origin, force, np.stack([x.points for x in drawn]), setup)
    every = np.arange(len(p.origin))
    arrays: dict[str, Any] = {name: np.stack([getattr(x, name) for x in drawn])[which, every] for name in ARRAYS}
    taken = replace(p, **arrays)
    tried = setup.force_draws * len(every)
    stage = Stage("force", tried, float(taken.force.max()), within, quiet, len(every), effective(p.weights), float(np.median(taken.force)))
    return replace(taken, trace=[*p.trace, stage])


def _nearest_quiet(task: Task, numbers: Ints, force: Floats, points: Floats, setup: Setup) -> tuple[Ints, float]:
    """Which time of drawing is the nearest to force and harm that leaves the quiet period quiet, for each draw; and the share that does.

    Parameters
    ----------
    numbers : of the draws
    force : distances, shape (times, draws): the first time as in the first module, which is quiet
    points : shape (times, draws, parameters)
    """
    force, looked_at = force.copy(), np.zeros(force.shape, np.bool_)
    looked_at[0] = True
    quiet: list[bool] = []
    while True:
        which = force.argmin(axis=0)
        if not len(rows := np.flatnonzero(~looked_at[which, np.arange(len(numbers))])):
            return which, float(np.mean(quiet)) if quiet else 1.0
        times = which[rows]
        found = quiet_before(task, numbers[rows], points[times, rows], setup.part)
        looked_at[times, rows] = True
        force[times[~found], rows[~found]] = np.inf
        quiet += found.tolist()


def _anew(task: Task, p: Particles, numbers: range, limit: float, setup: Setup) -> list[Particles]:
    """The same draws under the same luck, with parameters of forces drawn anew, once for each number.

    One that was broken off, or cannot come within the limit of the first module any more, is infinitely far.
    """
    names = moving(task.held)
    free = {column: name for column, name in enumerate(parameters()) if name in names}
    points = np.stack([p.points] * len(numbers))
    for place, number in enumerate(numbers):
        for column, name in free.items():
            drawn = [lot(task.seed, column, int(k), 1 + number) for k in p.origin]
            points[place, :, column] = [moved(name, u, task.priors[name]) for u in drawn] if name in task.priors else drawn
    flat = points.reshape(-1, points.shape[2])
    runner = task.runner.within("force", numbers.start * len(p.origin), setup.force_draws * len(p.origin))
    ending = Beyond(task.target, task.scales, MOBILIZATION, limit)
    runs = _histories(replace(task, runner=runner), task.plan, flat, np.tile(p.seeds, len(numbers)), "force", setup.part, ending)
    items = items_of(runs, task.target, task.plan)
    near, far = (np.where(runs.stopped, np.inf, distances(items, task.target, task.scales, blocks)) for blocks in (MOBILIZATION, FORCE))
    parts = [np.split(x, len(numbers)) for x in (items, near, far)]
    return [replace(p, points=own, items=i, mobilization=m, force=f) for own, i, m, f in zip(points, *parts, strict=True)]


def moving(held: Sequence[str] = ()) -> set[str]:
    """Parameters that are drawn anew in the second module."""
    return {name for name, p in parameters().items() if p.group in FORCE_GROUPS or name in FORCE_NAMES} - {*held}


def _histories(task: Task, plan: Plan, points: Floats, seeds: Ints, what: str, part: int, ending: Ending) -> Runs:
    """The histories of these points with these seeds, each ended when it need not go on."""
    name = keep_draws(task.runner.store, [values_at(row) for row in points])
    luck = tuple(seeds.tolist())
    recipe = Recipe(plan, task.seed, sampling="given", given=name, seeds=luck, part=part, stop_above=stop_of(task.target), ending=ending)
    return task.runner.histories(recipe, len(points), what)


def stop_of(target: Target) -> float:
    """People out at once above which a history is broken off: many times the largest count of the record; two million if it has none."""
    counts = [high for i, high in zip(target.items, target.high, strict=True) if i.block == "participants" and not np.isnan(high)]
    return TIMES * float(10 ** max(counts)) if counts else 2_000_000.0


def quiet_before(task: Task, numbers: Ints, points: Floats, part: int) -> NDArray[np.bool_]:
    """Whether the quiet period stays without a wave at these points.

    Parameters
    ----------
    numbers : of the draws that the points are of, or descend from: each has one luck in its quiet period
    part : histories in a part of the store
    """
    if task.quiet is None or not len(points):
        return np.ones(len(points), np.bool_)
    seeds = np.array([history_seed(task.seed, QUIET + int(k), 0) for k in numbers])
    runs = _histories(task, task.quiet, points, seeds, "quiet", part, Restless(task.quiet_regions))
    return calm(runs, task.quiet_regions)
