"""Base and arms of an experiment, and what the difference between them says of each part (docs/explanation/verdicts.md).

In: an experiment and a set of draws. Out: an `Answer` a part, judged by the rules of `decision`.

    Y(a)       a measure (`measures`) of a history under arm a, mean over the seeds of a draw theta
    Delta      sum over arms of weight x Y(a), one number a draw; the base is an arm too
    tipping    the value of the named coefficient at which Delta reaches the smallest effect in half of the draws: a logistic regression
               on normal scores of the draws' ranks; none if its slope is within two standard errors of 0 or the value beyond 5 to 95 % of
               the draws
    curve      the share of draws in which it does, by fifths of the draws in order of that coefficient: it is for whoever has an opinion
               of the coefficient
    control    the same as Delta, of an arm that is known to move the measure, less the base
    chance     the share of `ROUNDS` lots in which the same numbers, with the sign of each seed's difference by lot, give "supported":
               what a true zero would give with these seeds (where absence is asserted: what an effect of the smallest size would give)
    more       the same contrast with every resident, one seed, in some of the draws of the posterior, as a difference (mean over draws,
               95 % by Student's t)

Over the posterior the base runs to the end of the scenario even where a measure looks at some days only: whether it looks like the case
(`likeness`) is seen no sooner. Histories are hours of computing, so what a set of them said can be kept as a small file under a name made
from all it depends on; wording, smallest effects and directions are not among that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.draws import SCHEME
from qantar.effects import decision
from qantar.effects.decision import ANSWERED, DIRECTIONS, EXACT, LIKENESS, Ground, Said, claimed, finding_of
from qantar.effects.experiment_file import BASE, Experiment, Part, days_of
from qantar.effects.likeness import likeness
from qantar.effects.measures import MEASURES, OUTCOMES, Seen, Window, cut, read_seen, seen_of
from qantar.effects.verdict import INFORMATIVE, POLICY, RECORDED
from qantar.ensemble.one_run import one_run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws, model_hash
from qantar.files.write import keep, read_kept
from qantar.forecast.held_out import by_policy
from qantar.inference.distance import up_to
from qantar.record.observables import Observables, observe
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, resolve
from qantar.scenario.schema import Edit
from qantar.statistics import finite
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS = 1000
"""Lots of signs."""
LIKE = ("posterior", INFORMATIVE)
"""Bases whose histories must look like the case: draws of the priors are not made to, and those of a rival by how unrest spread only."""
DAILY = ("participants", "crowd", "regions", "over")
"""Measures that look at their days and at what was before."""
FIFTHS = 5
"""Points of a curve."""
RIDGE_SD = 2.5
"""Normal prior of the slope of a tipping value: keeps it finite where one value parts the draws without exception."""


def plans_of(
    scenario: Scenario, spec: Experiment, *, scale: float, under: Sequence[Edit] = (), state: str = POLICY, whole: bool = False
) -> dict[str, Plan]:
    """Base and arms of an experiment, to the last day that is looked at; with `whole`, the base to the end of the scenario.

    Up to the change (`replay_until`) the state's decisions are replayed as recorded; after it the state answers by policy, but for drivers
    that the file names. With the state as recorded all decisions are: "given what the state did". Changes of a rival, `under`, come first.
    """
    change = None if state == RECORDED else spec.replay_until
    drivers = [Edit(path="drivers.all", value=state)] if change is None else []
    plans = {}
    for name, edits in {BASE: [], **{name: arm.edits for name, arm in spec.arms.items()}}.items():
        plan = resolve(scenario, [*under, *drivers, *spec.base, *edits], scale=scale)
        if (days := days_asked(spec, plan)) is not None and not (whole and name == BASE):
            plan = up_to(plan, days - 1)
        if change is not None:
            free = by_policy(plan, (change - dt.datetime.fromisoformat(plan.start)).total_seconds() / 3600)
            named = {e.path.removeprefix("drivers.") for e in [*spec.base, *edits] if e.path.startswith("drivers.")}
            plan = free.model_copy(update={"drivers": free.drivers | {k: plan.drivers[k] for k in named & {*free.drivers}}})
        plans[name] = plan
    return plans


def days_asked(spec: Experiment, plan: Plan) -> int | None:
    """How many days from the start all parts look at; None where one looks at whole histories."""
    daily = all(p.days and {p.measure, p.needs or p.measure} <= {*DAILY} for p in spec.parts)
    return max(days_of(plan).index(day) for p in spec.parts for day in p.days) + 1 if daily else None


def is_given(spec: Experiment) -> bool:
    """Whether the file itself has all decisions as recorded, whoever is asked to take them."""
    return any(e.path == "drivers.all" and e.value == RECORDED for e in spec.base)


def cut_all(seen: Mapping[str, Seen], spec: Experiment, base: Plan) -> dict[str, Seen]:
    """Histories of base and arms to the last day that is looked at, so that one that goes on is as long as one that does not."""
    days = days_asked(spec, base)
    return {arm: of if days is None else cut(of, days) for arm, of in seen.items()}


@dataclass(frozen=True)
class Answer:
    """What one part says over one set of draws."""

    hypothesis: str
    part: Part
    basis: str
    """prior or posterior"""
    rival: str
    """arm under which it was repeated; empty for the model itself"""
    seeds: Floats
    """Delta by seed, shape (draws, replicates)"""
    coefficient: Floats
    """value of the coefficient in each draw, shape (draws,); empty if none is named"""
    seed: int
    level: Floats = field(default_factory=lambda: np.empty(0))
    """Y(base) by draw"""
    uprisings: float = 1.0
    """share of base histories that are uprisings"""
    shown: float = 1.0
    """share of base histories that show what is to be explained"""
    scale: float = 1.0
    state: str = POLICY
    ancestors: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """of each draw, shape (draws,); empty where each draw stands for itself"""
    scaled_down: Answer | None = None
    """with everyone: the answer at the scale of the experiment, whose draws at even distances these are"""
    attainable: float = 1.0
    """share of draws in which the smallest effect fits the measure"""
    ceiling: float = 1.0
    """share of draws in which the effect can be there, at most"""
    like: Mapping[str, float] = field(default_factory=dict)
    """share of base histories that look like the case, by what; empty where it is not asked"""
    control: float = 1.0
    """share of draws in which the control reaches the smallest effect"""

    @property
    def values(self) -> Floats:
        """Delta of each draw, shape (draws,)."""
        return np.asarray(self.seeds.mean(axis=1))

    @property
    def judgement(self) -> Said:
        """By the rules: verdict, finding, and the reason where it is not decided."""
        part, answered = self.part, self.state == RECORDED and self.part.measure in ANSWERED
        ground = Ground(self.uprisings, self.like, self.shown, self.control, answered, self.attainable, self.ceiling, level=self.is_level)
        return decision.judge(self.seeds, self.ancestors, part.smallest, DIRECTIONS[part.direction], part.asserts, ground)

    @property
    def is_level(self) -> bool:
        """Whether it compares nothing."""
        return abs(sum(self.part.contrast.values())) > 1e-9

    @property
    def reached(self) -> NDArray[np.bool_]:
        """In which draws the effect is at least the smallest one, shape (draws,)."""
        return np.asarray(DIRECTIONS[self.part.direction] * self.values >= self.part.smallest - EXACT)

    @property
    def verdict(self) -> str:
        """supported, contradicted, undecided, not-decidable or not-judged, of what the part claims."""
        return self.judgement.verdict

    def more(self) -> tuple[float, float, float]:
        """Delta with everyone less Delta scaled down: mean over the same draws and its 95 % interval."""
        from scipy.stats import t

        assert self.scaled_down is not None
        n, small = len(self.values), self.scaled_down.values
        difference = self.values - np.array([small[k] for k in even(len(small), n)])
        middle = float(difference.mean())
        half = float(t.ppf(0.975, n - 1) * difference.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
        return middle, middle - half, middle + half

    def scaled(self) -> str:
        """same, more, differs or unclear."""
        assert self.scaled_down is not None
        _, low, high = self.more()
        sign = 1 if self.scaled_down.judgement.finding.name == "supported" else -1
        return decision.scaled(low, high, self.part.smallest, sign * DIRECTIONS[self.part.direction])

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        judgement, part = self.judgement, self.part
        f, chance = judgement.finding, judgement.chance
        low, middle, high = np.quantile(self.values, (0.05, 0.5, 0.95)).tolist()
        level = np.quantile(self.level, (0.05, 0.5, 0.95)).tolist() if len(self.level) else [None] * 3
        row = {
            "hypothesis": self.hypothesis, "part": part.id, "basis": self.basis, "rival": self.rival, "state": self.state,
            "measure": part.measure, "unit": MEASURES[part.measure].unit, "direction": part.direction, "smallest": part.smallest,
            "asserts": part.asserts, "probability": chance.share, "probability_low": chance.low, "probability_high": chance.high,
            "likelihood": chance.word, "effect": middle, "low": low, "high": high, "base": level[1], "base_low": level[0],
            "base_high": level[2], "base_uprisings": self.uprisings, "base_shown": self.shown,
            **{f"base_{name}": self.like.get(name) for name in LIKENESS}, "control": self.control if part.control else None,
            "draws": f.draws, "independent": decision.independent(self.ancestors, f.draws),
            "replicates": self.seeds.shape[1], "reached": f.reached, "between": f.between, "reversed": f.reversed, "finding": f.name,
            "verdict": judgement.verdict, "reason": judgement.reason, "reason_share": judgement.share, "coefficient": part.coefficient,
            "tipping": None if part.coefficient is None else tipping_value(self.coefficient, self.reached),
            "chance": 0.0 if self.is_level else chance_of(self.seeds, part, self.seed),
            "detectable": finite(decision.detectable(self.seeds)), "moving": float(decision.moves(self.seeds).mean()),
            "attainable": self.attainable, "ceiling": self.ceiling, "scale": self.scale,
            "curve": curve_of(self.coefficient, self.reached) if part.coefficient else [],
        }  # fmt: skip
        if self.scaled_down is not None:
            row["scaled"] = self.scaled()
            row |= zip(("more", "more_low", "more_high"), map(finite, self.more()), strict=True)
        return row


def even(of: int, n: int) -> list[int]:
    """Numbers of n out of so many at even distances, or of all.

    >>> even(10, 4), even(2, 4)
    ([0, 2, 5, 7], [0, 1])
    """
    return [k * of // n for k in range(n)] if of > n else list(range(of))


def tipping_value(coefficient: Floats, reached: NDArray[np.bool_]) -> float | None:
    """Value of a coefficient at which the effect is reached in half of the draws; both of shape (draws,).

    >>> x = np.linspace(0.0, 1.0, 101)
    >>> round(tipping_value(x, x > 0.6), 1), tipping_value(x, x > 2), tipping_value(x, np.arange(101) % 2 == 0)
    (0.6, None, None)
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit, ndtr, ndtri
    from scipy.stats import rankdata

    n = len(reached)
    if n < 10 or reached.all() or not reached.any() or np.ptp(coefficient) == 0:
        return None
    z = ndtri((rankdata(coefficient) - 0.5) / n)
    sign = np.where(reached, 1.0, -1.0)

    def loss(b: Floats) -> float:
        return float(-log_expit(sign * (b[0] + b[1] * z)).sum() + (b[1] / RIDGE_SD) ** 2 / 2)

    a, b = minimize(loss, np.zeros(2)).x
    p = expit(a + b * z)
    w = p * (1 - p)
    bend = np.array([[np.sum(w), np.sum(w * z)], [np.sum(w * z), np.sum(w * z**2) + 1 / RIDGE_SD**2]])
    if np.linalg.det(bend) <= 0 or abs(b) < 2 * math.sqrt(np.linalg.inv(bend)[1, 1]):
        return None
    q = float(ndtr(-a / b))
    return float(np.quantile(coefficient, q)) if 0.05 <= q <= 0.95 else None


def curve_of(coefficient: Floats, reached: NDArray[np.bool_]) -> list[tuple[float, int, int]]:
    """Shares by fifths of the draws in order of a coefficient: its median, draws, and those in which the effect is reached. Equal values
    (many are 0) stay together, so fifths may be larger, and fewer.

    >>> curve_of(np.arange(10.0), np.arange(10) >= 5)
    [(0.5, 2, 0), (2.5, 2, 0), (4.5, 2, 1), (6.5, 2, 2), (8.5, 2, 2)]
    >>> curve_of(np.array([0.0] * 6 + [1.0, 2.0, 3.0, 4.0]), np.ones(10, bool))
    [(0.0, 6, 6), (1.5, 2, 2), (3.5, 2, 2)]
    """
    values, ranks = np.unique(coefficient, return_inverse=True)
    below = np.searchsorted(np.sort(coefficient), values)  # draws with a smaller value
    fifth = (FIFTHS * below // len(coefficient))[ranks]
    rows = [fifth == k for k in np.unique(fifth)]
    return [(float(np.median(coefficient[of])), int(of.sum()), int(reached[of].sum())) for of in rows]


def chance_of(seeds: Floats, part: Part, seed: int) -> float:
    """Share of lots of signs in which what is not so would be "supported". Seeds: shape (draws, replicates)."""
    draws, times = seeds.shape
    sign = DIRECTIONS[part.direction]
    true = sign * part.smallest if part.asserts == "absence" else 0.0
    hits = 0
    for r in range(ROUNDS):
        lots = np.array([[lot(seed, StudyKey.EFFECT_SIGN, k, r * times + j) for j in range(times)] for k in range(draws)])
        values = np.where(lots < 0.5, -1.0, 1.0) * seeds + true
        hits += claimed(finding_of(values.mean(axis=1), part.smallest, sign).name, part.asserts) == "supported"
    return hits / ROUNDS


def run_part_arms(plans: Mapping[str, Plan], values: Sequence[Values], spec: Experiment, runner: Runner) -> dict[str, Any]:
    """Histories of base and arms over the same draws and seeds; those that the store holds are not computed again."""
    n, part, given = len(values) * spec.replicates, 4 * spec.replicates, keep_draws(runner.store, values)
    recipes = [Recipe(p, spec.seed, sampling="given", replicates=spec.replicates, given=given, part=part) for p in plans.values()]
    return {name: read_seen(store, n) for name, store in zip(plans, runner.ensembles(recipes, n), strict=True)}


def answers(
    scenario: Scenario,
    spec: Experiment,
    values: Sequence[Values],
    basis: str,
    runner: Runner,
    *,
    scale: float = 0.1,
    rival: str = "",
    state: str = POLICY,
    ancestors: Sequence[int] = (),
    ceilings: Mapping[str, float] = MappingProxyType({}),
    folder: Path | None = None,
    record: Observables | None = None,
) -> list[Answer]:
    """Run one experiment over a set of draws of all parameters; basis, rival, state and ancestors are as in `Answer`.

    Raises what `resolve` and a runner raise.

    Parameters
    ----------
    ceilings : by part, `decision.ceiling`
    folder : of what sets of histories said: what is there is not simulated again, what is new is written there
    record : what the base must look like; by default the record of the case
    """
    under = scenario.file.arms[rival].edits if rival else []
    record = (record or observe(scenario.case.record)) if basis in LIKE and not rival else None
    plans = plans_of(scenario, spec, scale=scale, under=under, state=state, whole=record is not None)
    numbers = _numbers_of(plans, values, spec, runner, record, folder)
    if is_given(spec):  # the file has its say
        state = RECORDED
    found = []
    for part in spec.parts:
        name, of_part = part.coefficient, numbers["parts"][part.id]
        level, measure = np.array(of_part["level"], float), MEASURES[part.measure]
        limits = measure.least, measure.greatest(plans[BASE])
        found.append(
            Answer(
                spec.hypothesis,
                part,
                basis,
                rival,
                seeds=np.array(of_part["delta"], float),
                coefficient=np.array([v[name] for v in values]) if name else np.empty(0),
                seed=spec.seed,
                level=level,
                uprisings=numbers["uprisings"],
                like=numbers["like"],
                control=_reaches(of_part["control"], part),
                shown=float(of_part["shown"]),
                scale=scale,
                state=state,
                ancestors=np.array(ancestors, np.int64),
                attainable=decision.attainable(level, part.contrast, BASE, limits, part.smallest, DIRECTIONS[part.direction]),
                ceiling=ceilings.get(part.id, 1.0),
            )
        )
    return found


def _numbers_of(
    plans: Mapping[str, Plan],
    values: Sequence[Values],
    spec: Experiment,
    runner: Runner,
    record: Observables | None,
    folder: Path | None,
) -> dict[str, Any]:
    """What a set of histories said: as it was kept in `folder`, or else simulated, and kept there."""
    path = None if folder is None else folder / f"{spec.hypothesis}-{_name_of(plans, values, spec, record)}.json"
    if path is not None and path.is_file():
        return read_kept(path)
    seen = run_part_arms(plans, values, spec, runner)
    like = {} if record is None else likeness(seen[BASE].runs, record)
    numbers = _numbers(cut_all(seen, spec, plans[BASE]), plans[BASE], spec) | {"like": like}
    if path is not None:
        keep(path, numbers)
    return numbers


def _numbers(seen: Mapping[str, Any], base: Plan, spec: Experiment) -> dict[str, Any]:
    """What histories of base and arms say: Delta by draw and seed, Y(base) and what the control does by draw, and the share that shows what
    is to be explained, a part each; the share of uprisings.
    """
    shape = (-1, spec.replicates)
    parts = {}
    for part in spec.parts:
        where = where_of(part, base)
        y = {arm: MEASURES[part.measure].of(seen[arm], where).reshape(shape) for arm in {**part.contrast, BASE: 0}}
        delta = sum((w * y[arm] for arm, w in part.contrast.items()), np.zeros_like(y[BASE], float))
        shown = MEASURES[part.needs].of(seen[BASE], where) >= part.needs_least if part.needs else np.ones(1)
        known = MEASURES[part.measure].of(seen[part.control], where).reshape(shape) - y[BASE] if part.control else np.empty((0, 1))
        of = {"delta": delta.tolist(), "level": y[BASE].mean(axis=1).tolist(), "control": known.mean(axis=1).tolist()}
        parts[part.id] = {**of, "shown": float(shown.mean())}
    return {"uprisings": float(OUTCOMES["uprising"].of(seen[BASE]).mean()), "parts": parts}


def _reaches(difference: Sequence[float], part: Part) -> float:
    """Share of draws in which a control reaches the smallest effect; 1 where there is none."""
    return float(np.mean(DIRECTIONS[part.direction] * np.array(difference) >= part.smallest - EXACT)) if len(difference) else 1.0


def _name_of(plans: Mapping[str, Plan], values: Sequence[Values], spec: Experiment, record: Observables | None) -> str:
    """A name made from all that `_numbers` depends on."""
    of_part = {"id", "measure", "days", "regions", "people", "contrast", "control", "needs", "needs_least"}
    asked = [p.model_dump(mode="json", include=of_part) for p in spec.parts]
    parts = {"plans": {k: p.sha256() for k, p in plans.items()}, "draws": [dict(v) for v in values], "parts": asked}
    whole = {**parts, "replicates": spec.replicates, "seed": spec.seed, "model": model_hash(), "scheme": SCHEME}
    if record is not None:
        whole["like"] = repr((record.participants, record.deaths_total, record.seats_entered))
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]


def effect_of(
    scenario: Scenario, spec: Experiment, part: Part, values: Sequence[Values], number: int, *, scale: float, state: str = POLICY
) -> float:
    """Delta of the draw of this number among all of the experiment, computed again without a store: its seeds follow from the number."""
    plans = plans_of(scenario, spec, scale=scale, state=state)
    where, total = where_of(part, plans[BASE]), 0.0
    for arm, weight in part.contrast.items():
        recipe = Recipe(plans[arm], spec.seed, sampling="given", replicates=spec.replicates)
        runs = [one_run(recipe, number * spec.replicates + r, values) for r in range(spec.replicates)]
        seen = cut_all({arm: seen_of(runs)}, spec, plans[BASE])[arm]
        total += weight * float(MEASURES[part.measure].of(seen, where).mean())
    return total


def where_of(part: Part, plan: Plan) -> Window:
    """Days and regions of a part as indices."""
    days, ids = days_of(plan), [r.id for r in plan.regions]
    return Window(
        [days.index(d) for d in part.days] or list(range(len(days))),
        [ids.index(r) for r in part.regions] or list(range(len(ids))),
        part.people,
    )
