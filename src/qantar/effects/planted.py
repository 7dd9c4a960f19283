"""Planted worlds: histories of the model play the case, and each goes through the whole procedure of the study, its answer being known.

In: histories of draws of the priors. Out: a row a world and part of an experiment: what was said, and what is so; and how often
each world would show again what its record holds.

    worlds      histories of the table that are uprisings, leave the quiet period quiet, and look like their own record (`likeness`: one
                that never ends has no base that could), by lot, those with crowds like the case's first; where a tested coefficient is
                fitted, with and without it in turn
    record      what a record like that of the case would hold of the history: the same dates and blanks, first days known as well, counts
                as officially given
    posterior   `rejection.calibrate` on that record: both modules, from the same table without the history itself, everything unknown
    answers     `Asking`: the experiment's own file, its states, its tested coefficients drawn anew unless they are fitted, the rules of
                `decision`
    truth       Delta at the true parameters under other seeds, against the smallest effect that counts; "near" where its 95 % interval
                (Student) holds that
    features    in what share of new histories, as many as there are fitted draws, each feature of its record is shown: at the true
                parameters (no model shows more: the rest is luck), and at those fitted to the record
    luck        the base against itself under other seeds: an effect that cannot be there, judged likewise, but that no guard withholds what
                the numbers say

Parts that no world could decide (`decision.ceiling`) are not asked: they are known before. Parts are judged one by one: putting those of
one hypothesis together can only withhold. Nothing is repeated under rivals, with everyone or over the priors alone. Luck and the lots of
tested coefficients are each world's own: with one for all, worlds would err together.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.asking import Asking
from qantar.effects.contrast import Answer, answers, cut_all, is_given, plans_of, run_part_arms, where_of
from qantar.effects.decision import DIRECTIONS
from qantar.effects.experiment_file import BASE, Experiment, Part
from qantar.effects.likeness import likeness
from qantar.effects.measures import MEASURES
from qantar.effects.parameter_sets import Draws, ceilings_of, loud_draws, unlearned
from qantar.effects.verdict import POLICY
from qantar.ensemble.histories import Runs, chosen, features
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import model_hash
from qantar.errors import StudyError, fail
from qantar.files.write import keep, read_kept
from qantar.forecast.baselines import facts_of
from qantar.forecast.power import hidden
from qantar.inference.calibration import predictive, quiet_uprisings, task_of
from qantar.inference.distance import deviations, items_of, target_of
from qantar.inference.problem import Problem, spec_of
from qantar.inference.rejection import Particles, Setup, calibrate
from qantar.record.observables import Dated, Interval, Observables, Onset, UnitDeaths
from qantar.scenario.parameters import Values, draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario
from qantar.study_keys import StudyKey, lot, word

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
THERE, NOT_THERE, NEAR = "there", "not-there", "near"
"""Whether what a part claims is so at the true parameters; near: within what seeds leave open."""
UNGUARDED: Mapping[str, Any] = {"uprisings": 1.0, "like": {}, "shown": 1.0, "control": 1.0, "attainable": 1.0, "ceiling": 1.0}
"""A ground that forbids no verdict."""
SEED_BITS = 40
"""Of a seed, as an experiment's file may hold it."""


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Parameters
    ----------
    worlds : at most
    table : draws of the priors that worlds and posteriors come from
    draws : of a world's posterior, all of which are run
    force_draws : times that their parameters of forces are drawn anew
    true_seeds : seeds behind the truth
    part : histories in a part of the store of the table
    """

    worlds: int = 24
    table: int = 20_000
    draws: int = 40
    force_draws: int = 8
    true_seeds: int = 20
    part: int = 50

    def setup(self, table: int) -> Setup:
        """The same as a fit is asked for; all that is looked at is the table."""
        return Setup(
            table=table, draws=table, rounds=0, near=self.draws, force_draws=self.force_draws, particles=self.draws, part=self.part
        )


class Told(NamedTuple):
    """Of one world or several: what was said and what is so, a row a part; how often each recorded feature is shown again."""

    parts: list[dict[str, Any]]
    shown: list[dict[str, Any]]


@dataclass(frozen=True)
class Open:
    """A part of an experiment, and in which share of draws of the priors its effect can be there at most."""

    spec: Experiment
    part: Part
    ceiling: float
    learned: bool
    """whether one of its carriers is fitted, so that the ceiling depends on the record"""

    @property
    def could_be_decided(self) -> bool:
        """Whether there can be a world in which it is decided."""
        return self.learned or decision.can_decide([self.ceiling])

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"hypothesis": self.spec.hypothesis, "part": self.part.id, "ceiling": self.ceiling, "tried": self.could_be_decided}


def parts_of(scenario: Scenario, specs: Sequence[Experiment], table: Runs, seed: int) -> list[Open]:
    """Every part of counterfactuals, and whether any world could decide it."""
    loud = Draws(loud_draws(table, seed))
    found = []
    for spec in (s for s in specs if s.type == "counterfactual"):
        ceilings, fresh = ceilings_of(scenario, spec, loud), unlearned(scenario, spec)
        found += [Open(spec, p, ceilings[p.id], bool({*spec.carriers(p)} - {*fresh})) for p in spec.parts]
    return found


def trimmed(spec: Experiment, parts: Sequence[Part], seed: int, replicates: int | None = None) -> Experiment:
    """Some parts of an experiment, with no more arms than these need, and luck of its own."""
    arms = {name for p in parts for name in (*p.contrast, p.control)}
    return spec.model_copy(
        update={
            "parts": list(parts),
            "arms": {name: arm for name, arm in spec.arms.items() if name in arms},
            "informative": {},
            "rivals": [],
            "seed": seed,
            "replicates": replicates or spec.replicates,
        }
    )


def record_of(history: Runs, record: Observables, plan: Plan, u: Floats) -> Observables:
    """What a record like this one would hold of a history.

    Parameters
    ----------
    history : one
    u : where first days lie within what is known of them, between 0 and 1, shape (regions,)
    """
    facts, start = facts_of(record, plan), dt.datetime.fromisoformat(plan.start).date()
    never, onset = facts.n_days, history.onset()[0]
    low, high = hidden(np.where(onset < 0, never, onset), np.asarray(facts.low), np.asarray(facts.high), u, never=never)
    onsets = [
        Onset(r.id, start + dt.timedelta(days=int(a)), None if b >= never else start + dt.timedelta(days=int(b)), None, "")
        for r, a, b in zip(plan.regions, low, high, strict=True)
        if any(o.region_id == r.id for o in record.onsets)
    ]
    risen = np.array([((onset >= 0) & (onset <= day)).sum() for day in range(history.participants.shape[1])], float)

    def dated(rows: Sequence[Dated], counts: Floats) -> tuple[Dated, ...]:
        days = [(row, (row.date - start).days) for row in rows]
        return tuple(replace(row, interval=_exactly(counts[day])) for row, day in days if 0 <= day < len(counts))

    killed, ids = history.killed[0], [r.id for r in plan.regions]
    most = ids[int(killed.argmax())]
    entered = {r: bool(history.seat_lost[0, ids.index(r)]) for r in ids}
    total = record.deaths_total and replace(record.deaths_total, interval=_exactly(killed.sum()))
    return replace(
        record,
        onsets=tuple(onsets),
        presence=np.full(record.presence.shape, np.nan),
        doubtful=np.zeros(record.doubtful.shape, np.bool_),
        regions_with_unrest=dated(record.regions_with_unrest, risen),
        participants=dated(record.participants, history.participants[0]),
        detained=dated(record.detained, history.detained[0]),
        deaths_over_time=(),
        deaths=(UnitDeaths(most, _exactly(killed.max()), "simulated", ()),) if record.deaths else (),
        deaths_total=total,
        seats_entered={r: None if known is None else entered[r] for r, known in record.seats_entered.items()},
    )


def _exactly(count: float) -> Interval:
    return Interval(float(count), float(count), float(count))


@dataclass(frozen=True)
class Planting:
    """What all worlds have in common: the case, its record and histories of draws of the priors, and which parts are asked."""

    scenario: Scenario
    problem: Problem
    asked: Sequence[Open]
    effort: Effort

    def record(self, number: int) -> Observables:
        """The record of the world that is this history."""
        problem = self.problem
        u = np.array([lot(problem.seed, StudyKey.RECORD_INTERVAL, r, number) for r in range(len(problem.plan.regions))])
        return record_of(chosen(problem.table, np.array([number])), problem.record, problem.plan, u)

    def numbers(self, runner: Runner) -> list[int]:
        """Which histories play the case: by lot, as large as it first, with and without what fitted coefficients carry in turn."""
        problem = self.problem
        setup = self.effort.setup(problem.table.n)
        quiet = quiet_uprisings(task_of(problem, self.scenario, (), runner), problem.table, setup)
        fit = [int(k) for k in quiet if self.is_like_itself(int(k))]
        kinds = [tuple(self.acts(part, k) for part in self.asked if part.learned) for k in fit]
        lots = {k: lot(problem.seed, StudyKey.PLANTED_WORLD, k) for k in fit}
        by_kind: dict[tuple[bool, ...], list[int]] = {}
        for k, kind in sorted(zip(fit, kinds, strict=True), key=lambda pair: lots[pair[0]]):
            by_kind.setdefault(kind, []).append(k)
        turns = sorted((not self.is_as_large(k), turn, lots[k], k) for of in by_kind.values() for turn, k in enumerate(of))
        return sorted(k for *_, k in turns[: self.effort.worlds])

    def is_as_large(self, number: int) -> bool:
        """Whether the crowd of a history is about as large as the case's: most uprisings of the priors are far smaller."""
        return bool(likeness(chosen(self.problem.table, np.array([number])), self.problem.record).get("peak", 1.0))

    def is_like_itself(self, number: int) -> bool:
        """Whether the rules would take the history for the country that its own record tells of, and the record says nothing else."""
        history, record, plan = chosen(self.problem.table, np.array([number])), self.record(number), self.problem.plan
        target = target_of(record, plan, detained=tuple(spec_of(self.scenario).detained))
        fits = not deviations(items_of(history, target, plan), target).any()
        return fits and all(likeness(history, record).values())

    def acts(self, part: Open, number: int) -> bool:
        """Whether a carrier of the effect of a part acts in a world."""
        values = draw(self.problem.seed, number)
        carriers = part.spec.carriers(part.part)
        return decision.ceiling(carriers, {name: np.array([values[name]]) for name in carriers}) > 0

    def posterior(self, number: int, record: Observables, runner: Runner) -> Particles:
        """What is fitted to the record of a world, from all other histories."""
        table, plan = self.problem.table, self.problem.plan
        itself = np.arange(table.n) == number
        target = target_of(record, plan, detained=tuple(spec_of(self.scenario).detained))
        problem = replace(self.problem, record=record, target=target, table=replace(table, stopped=table.stopped | itself))
        return calibrate(task_of(problem, self.scenario, (), runner), problem.table, self.effort.setup(table.n))

    def world(self, number: int, store: Path) -> Told:
        """All that is said of a world. One process, every history in the store."""
        runner = Runner(store, processes=1)
        record = self.record(number)
        fitted = self.posterior(number, record, runner)
        draws = Draws(fitted.values(), fitted.origin.tolist())
        rows = []
        specs = {p.spec.hypothesis: p.spec for p in self.asked}.values()
        for n, spec in enumerate(specs):
            seeds = [self.seed(number, 3 * n + k) for k in range(3)]
            parts = [p.part for p in self.asked if p.spec.hypothesis == spec.hypothesis]
            own = trimmed(spec, parts, seeds[0])
            asking = Asking(self.scenario, {"posterior": draws}, runner, self.problem.plan.scale, self.effort.draws, record=record)
            said = asking.answers(own)
            said = [a for a in said if a.state == said[-1].state]
            plain = trimmed(spec, list(map(without_guards, parts)), seeds[1], self.effort.true_seeds)
            state = POLICY if is_given(spec) else said[-1].state
            truth = self.truth(plain, number, state, runner)
            luck = self.luck(own, seeds[2], draws, said, state, runner)
            rows += [{"world": number, **row_of(a, t, c)} for a, t, c in zip(said, truth, luck, strict=True)]
        true = [draw(self.problem.seed, number)] * len(fitted.points)
        shown = self.shown(record, {"true": true, "fitted": fitted.values()}, self.seed(number, 3 * len(specs)), runner)
        return Told(rows, [{"world": number, **feature} for feature in shown])

    def name(self, number: int) -> str:
        """A file for a world that is kept, named by all that it depends on."""
        problem, target = self.problem, self.problem.target
        asked = [[p.spec.model_dump(mode="json"), p.part.id] for p in self.asked]
        of_record = [target.low.tolist(), target.high.tolist()]
        whole = [
            number,
            problem.seed,
            problem.plan.sha256(),
            problem.table.n,
            asdict(self.effort),
            asked,
            of_record,
            decision.sha256(),
            model_hash(),
        ]
        return f"world-{hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]}.json"

    def seed(self, number: int, what: int) -> int:
        """A seed of a world's own."""
        return word(self.problem.seed, StudyKey.PLANTED_WORLD, number, 1 + what) >> (64 - SEED_BITS)

    def shown(self, record: Observables, of: Mapping[str, Sequence[Values]], seed: int, runner: Runner) -> list[dict[str, Any]]:
        """Shares of new histories that show each feature of a record, by their parameters."""
        plan, part = self.problem.plan, self.effort.part
        found = {k: features(predictive(plan, values, runner, seed, "after", part=part), record, plan) for k, values in of.items()}
        names = [{"kind": f.kind, "of": f.of} for f in next(iter(found.values()))]
        return [name | {k: fs[n].share for k, fs in found.items()} for n, name in enumerate(names)]

    def truth(self, spec: Experiment, number: int, state: str, runner: Runner) -> list[Answer]:
        """Each part at the true parameters of a world, one draw of many seeds."""
        true = [draw(self.problem.seed, number)]
        return answers(self.scenario, spec, true, "truth", runner, scale=self.problem.plan.scale, state=state)

    def luck(self, spec: Experiment, seed: int, draws: Draws, said: Sequence[Answer], state: str, runner: Runner) -> list[Answer | None]:
        """The base less itself under other seeds, over the same draws: where nothing is compared, there is none."""
        of = draws.redrawn(unlearned(self.scenario, spec), spec.seed).spread(self.effort.draws).values
        base = {BASE: plans_of(self.scenario, spec, scale=self.problem.plan.scale, state=state, whole=True)[BASE]}
        other = spec.model_copy(update={"seed": seed})
        seen = [cut_all(run_part_arms(base, of, s, runner), s, base[BASE])[BASE] for s in (spec, other)]
        found: list[Answer | None] = []
        for a in said:
            here, there = (MEASURES[a.part.measure].of(s, where_of(a.part, base[BASE])).reshape(a.seeds.shape) for s in seen)
            found.append(None if a.is_level else replace(a, seeds=here - there, **UNGUARDED))
        return found


def without_guards(part: Part) -> Part:
    """A part without what only says whether it may be judged."""
    return part.model_copy(update={"control": None, "needs": None})


def row_of(said: Answer, truth: Answer, luck: Answer | None) -> dict[str, Any]:
    """What was said of a part of a world, what is so, and what was said of luck alone."""
    judgement, (effect, low, high) = said.judgement, interval_of(truth.seeds[0])
    return {
        "hypothesis": said.hypothesis, "part": said.part.id, "state": said.state, "effect": effect, "effect_low": low, "effect_high": high,
        "smallest": said.part.smallest, "truth": truth_of(said.part, low, high), "probability": judgement.chance.share,
        "likelihood": judgement.chance.word, "verdict": judgement.verdict, "reason": judgement.reason,
        "draws": decision.independent(said.ancestors, len(said.values)), "luck": luck.verdict if luck else "",
    }  # fmt: skip


def interval_of(values: Floats) -> tuple[float, float, float]:
    """Mean over seeds and its 95 % interval by Student's t; from one seed anything is possible.

    >>> interval_of(np.array([1.0, 1.0])), interval_of(np.array([1.0]))
    ((1.0, 1.0, 1.0), (1.0, -inf, inf))
    """
    from scipy.stats import t

    n, middle = len(values), float(values.mean())
    half = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.inf
    return middle, middle - half, middle + half


def truth_of(part: Part, low: float, high: float) -> str:
    """Whether what a part claims is so, from the 95 % interval of the true effect.

    >>> from types import SimpleNamespace as P
    >>> claim = P(direction="fall", smallest=0.1, asserts="effect")
    >>> truth_of(claim, -0.3, -0.2), truth_of(claim, -0.15, -0.05), truth_of(claim, 0.2, 0.3)
    ('there', 'near', 'not-there')
    """
    sign = DIRECTIONS[part.direction]
    least, most = sorted((sign * low, sign * high))
    if least < part.smallest - decision.EXACT <= most:
        return NEAR
    return THERE if (least >= part.smallest - decision.EXACT) == (part.asserts == "effect") else NOT_THERE


def worlds(planting: Planting, numbers: Sequence[int], runner: Runner, folder: Path | None = None) -> Told:
    """Every world, each in one process; what was simulated before is read from the store.

    Parameters
    ----------
    folder : of worlds that are kept: what is there is not simulated again, what is new is written there

    Raises
    ------
    StudyError
        If a process dies.
    ResultError
        If a history or a world that was kept is not as it was written.
    """
    progress, paths = runner.stage("worlds"), {k: folder / planting.name(k) for k in numbers} if folder else {}
    found = {k: Told(**read_kept(path)) for k, path in paths.items() if path.is_file()}
    progress(len(found), len(numbers))

    def done(task: tuple[Planting, int, Path], told: Told) -> None:
        found[task[1]] = told
        if folder:
            keep(paths[task[1]], told._asdict())
        progress(len(found), len(numbers))

    try:
        runner.each(one_world, [(planting, k, runner.store) for k in numbers if k not in found], done)
    except BrokenExecutor:
        raise fail(StudyError, runner.store, "world_dies") from None
    told = [found[k] for k in numbers]
    return Told([row for of in told for row in of.parts], [row for of in told for row in of.shown])


def one_world(planting: Planting, number: int, store: Path) -> Told:
    """A world, where another process can find it."""
    return planting.world(number, store)
