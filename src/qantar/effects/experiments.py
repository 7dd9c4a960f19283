"""Experiments as files: one for each hypothesis, written before it is run, and what the runs say.

An experiment (`experiments/H05.toml` of a case) has a question, parts, and for each part arms, an estimand and a smallest effect:

    Y(a)       a measure (`measures`) of a history under arm a, mean over the seeds of a draw theta
    Delta      sum over arms of weight x Y(a), one number a draw; the base is an arm too
    verdict    by the rules of `decision`, at the smallest effect; where a claim asserts that something makes no difference, supported and
               contradicted change places

Every part is run over draws of the priors and over the posterior. In both the coefficients that carry what is tested (`tests`) are drawn
anew from their priors, unless they are among the fitted: a dated decision is an input of the fit, and what stands beside a surge in time
would come out as its cause. The priors' draws are those of the table that had an uprising in its own history: where nobody goes out,
everything is without effect.

Up to the change (`replay_until`) the state's decisions are replayed as recorded; after it the state answers by policy, unless the file
says otherwise. Where the base by policy has too few uprisings to be judged, all is run once more with every other decision of the state as
recorded, and judged by that: "given what the state did", the effect that does not pass through the state's answer.

    tipping    the value of the named coefficient at which Delta reaches the smallest effect in half of the draws: a logistic regression
               on normal scores of the draws' ranks; none if its slope is within two standard errors of 0 or the value beyond 5 to 95 % of
               the draws
    chance     the share of `ROUNDS` lots in which the same numbers, with the sign of each seed's difference by lot, give "supported":
               what a true zero would give with these seeds (where absence is asserted: what an effect of the smallest size would give)
    ceiling    the share of draws in which a coefficient that carries the effect (`carriers`, by default all that are tested) lets it be
               there: known before anything is run, and an upper bound
    attainable the share of draws in which the smallest effect fits between the limits of the measure
    detectable the smallest effect that would be seen against none, from the luck of the seeds (`decision.detectable`)
    scaled     the same contrast with every resident, one seed, in some of the draws of the posterior, as a difference (mean over draws,
               95 % by Student's t)

Histories are hours of computing, so what a set of them said can be kept as a small file under a name made from all it depends on; wording,
smallest effects and directions are not among that.

A result carries the SHA-256 of each file and that of the rules. What was changed after its result shows as such.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.draws import SCHEME
from qantar.effects import decision
from qantar.effects.decision import ANSWERED, DIRECTIONS, Ground, Said, claimed, finding_of
from qantar.effects.measures import MEASURES, Window, read_seen, seen_of
from qantar.ensemble.local import run_ensemble
from qantar.ensemble.one_run import one_run
from qantar.ensemble.store import Recipe, keep_draws, model_hash
from qantar.errors import DataError, Problems, ScenarioError, StudyError, fail, nearest
from qantar.files.result import keep, read_kept
from qantar.files.tables import Choice, Date, Form, Key, Number, Strict, Text, Told, read_text, read_toml, toml_lines
from qantar.forecast.held_out import by_policy
from qantar.inference.diagnostics import effective_families
from qantar.inference.distance import up_to
from qantar.model.outcome import UPRISING
from qantar.record.schema import PEOPLE_MAX
from qantar.scenario.edits import apply
from qantar.scenario.parameters import Values, parameters
from qantar.scenario.plan import EXPERIMENTS, Plan
from qantar.scenario.scenario import Scenario, resolve
from qantar.scenario.schema import SIGNALS, Edit, Moment
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLDER = EXPERIMENTS
TYPES = ("counterfactual", "comparison", "none")
ASSERTS = ("effect", "absence")
BASE, EVERYONE = "base", "everyone"
POLICY, RECORDED = "policy", "recorded"
"""Whose decisions follow the change: those of the policy, or those of the record."""
ROUNDS = 1000
"""Lots of signs."""
DAILY = ("participants", "crowd", "regions", "over")
"""Measures that look at their days and at what was before: histories need not go on."""
RIDGE_SD = 2.5
"""Normal prior of the slope of a tipping value: keeps it finite where one value parts the draws without exception."""


Coefficient = Annotated[str, BeforeValidator(lambda v: Choice(tuple(parameters()))(v))]
Sign = Annotated[int, BeforeValidator(Number("1", -1, 1, whole=True))]


class ArmSpec(Told):
    """One arm: changes to the base, and what they are."""

    note_en: Text
    note_zh: Text
    edits: list[Edit] = Field(min_length=1)


class Part(Told):
    """One question of an experiment that has a number for an answer."""

    id: Annotated[str, BeforeValidator(Form(r"[a-z]", "a"))]
    asks_en: Text
    asks_zh: Text
    measure: Annotated[str, BeforeValidator(Choice(tuple(MEASURES)))]
    days: list[Date] = Field(default_factory=list)
    """of the measure; none: all"""
    regions: list[Key] = Field(default_factory=list)
    people: Annotated[float, BeforeValidator(Number("people", 1, PEOPLE_MAX))] = 1000.0
    contrast: dict[Key, Annotated[float, BeforeValidator(Number("1", -1000, 1000))]]
    """weight of each arm in Delta"""
    needs: Annotated[str | None, BeforeValidator(lambda v: v if v is None else Choice(tuple(MEASURES))(v))] = None
    """a measure that must reach `needs_least` in half of the base histories (`decision`): what is to be explained"""
    needs_least: Annotated[float, BeforeValidator(Number("1", 1e-9))] = 1.0
    direction: Annotated[str, BeforeValidator(Choice(tuple(DIRECTIONS)))]
    smallest: Annotated[float, BeforeValidator(Number("1", 1e-9))]
    smallest_en: Text
    smallest_zh: Text
    """the smallest effect in words"""
    asserts: Annotated[str, BeforeValidator(Choice(ASSERTS))] = "effect"
    coefficient: Key | None = None
    """of the tipping value"""
    carriers: dict[Coefficient, Sign] | None = None
    """coefficients without which the effect cannot be there, each with the sign that carries it, 0 for either; without this key all
    that are tested, with either sign; empty where the arm itself carries it"""


class Power(Strict):
    """For what is not run: how small a difference between a few regions and the others the record could show."""

    regions: list[Key] = Field(min_length=1)


class Experiment(Told):
    """One file."""

    hypothesis: Annotated[str, BeforeValidator(Form(r"H\d\d", "H05"))]
    type: Annotated[str, BeforeValidator(Choice(TYPES))]
    question_en: Text
    question_zh: Text
    rule_en: Text = ""
    rule_zh: Text = ""
    """the decision rule, where it is not the one of all parts"""
    caution_en: Text
    caution_zh: Text
    draws: Annotated[int, BeforeValidator(Number("draws", 1, 100_000, whole=True))] = 100
    replicates: Annotated[int, BeforeValidator(Number("seeds", 1, 10_000, whole=True))] = 3
    seed: Annotated[int, BeforeValidator(Number("1", 0, 2**40, whole=True))] = 1
    replay_until: Moment | None = None
    """decisions up to here are replayed as recorded, in base and arms; without it the state answers by policy from the start"""
    base: list[Edit] = Field(default_factory=list)
    """changes to base and arms alike; a driver named here, or in an arm, stays as it is put"""
    arms: dict[Key, ArmSpec] = Field(default_factory=dict)
    parts: list[Part] = Field(default_factory=list)
    tests: list[Key] = Field(default_factory=list)
    """coefficients that carry what is tested: those that are not fitted are drawn from their priors, whatever came with the fit"""
    rivals: list[Key] = Field(default_factory=list)
    """arms of the scenario under which all is repeated"""
    compare: list[Key] = Field(default_factory=list)
    """for a comparison of models: arms that have what is claimed"""
    signals: list[Key] = Field(default_factory=list)
    """for a comparison of policies: the signal claimed, and the one it is held against"""
    plain: list[Key] = Field(default_factory=list)
    """for a comparison of models: the accounts without what is claimed, each of which must be beaten"""
    judges: list[Annotated[str, BeforeValidator(Form(r"C\d\d\d", "C048"))]] = Field(default_factory=list)
    """claims of the account that say what is tested here, and so bear its verdict; others of the hypothesis are only near it"""
    margin: Annotated[float, BeforeValidator(Number("1", 1e-9))] = 1.0
    """of a comparison: nats, or hours"""
    power: Power | None = None

    @model_validator(mode="after")
    def _says_what_is_run(self) -> Experiment:
        runs = {"counterfactual": bool(self.parts), "comparison": bool((self.compare and self.plain) or self.signals), "none": True}
        if not runs[self.type]:
            raise PydanticCustomError("missing_key", "{code}", {"code": "missing_key", "value": "parts"})
        return self

    def carriers(self, part: Part) -> dict[str, int]:
        """Coefficients that carry the effect of a part, with their signs."""
        return dict.fromkeys(self.tests, 0) if part.carriers is None else dict(part.carriers)


@dataclass(frozen=True)
class Written:
    """An experiment with its file's name and SHA-256."""

    spec: Experiment
    file: str
    sha256: str


def read_experiments(scenario: Scenario, problems: Problems) -> list[Written]:
    """The experiments of a case, in the order of their files; what is wrong goes to `problems`."""
    found = []
    folder = scenario.case.folder / FOLDER
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
        before = len(problems.found)
        try:
            source = read_text(path)
        except DataError as error:
            problems.found += [replace(p, file=path.name) for p in error.problems]
            continue
        if re.search(r'^type = "stylized"$', source, re.MULTILINE):  # has a reader of its own: `methods`
            continue
        spec = read_toml(path, Experiment, problems)
        if spec is None:
            continue
        _check(scenario, spec, path, problems)
        if len(problems.found) == before:
            found.append(Written(spec, path.name, sha256_of(path)))
    return found


def load_experiments(scenario: Scenario) -> list[Written]:
    """As `read_experiments`.

    Raises
    ------
    ScenarioError
        With every problem in any of the files.
    """
    problems = Problems()
    found = read_experiments(scenario, problems)
    problems.raise_as(ScenarioError)
    return found


def chosen(written: Sequence[Written], only: Sequence[str]) -> list[Written]:
    """Those of these hypotheses; all if none is named.

    Raises
    ------
    StudyError
        For one that has no experiment.
    """
    names = [w.spec.hypothesis for w in written]
    for name in only:
        if name not in names:
            raise fail(StudyError, f"--only {name}", "not_one_of", value=name, choices=nearest(name, names) or "-")
    return [w for w in written if not only or w.spec.hypothesis in only]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(scenario: Scenario, spec: Experiment, path: Path, problems: Problems) -> None:
    """What one model alone cannot see: arms, places, days, coefficients, and every change by applying it."""
    lines = toml_lines(read_text(path))

    def add(key: str, code: str, **args: object) -> None:
        parts = tuple(key.split("."))
        line = next((lines[parts[:k]] for k in range(len(parts), 0, -1) if parts[:k] in lines), None)
        problems.add(path.name, line, key, code, **args)

    plan = resolve(scenario)
    _check_named(spec, path, plan, add)
    for n, part in enumerate(spec.parts):
        _check_part(part, f"parts.{n}", spec, plan, add)
    for key in ("rivals", "compare", "plain"):
        for arm in getattr(spec, key):
            if arm not in scenario.file.arms:
                add(key, "not_one_of", value=arm, choices=nearest(arm, scenario.file.arms))
    for name in spec.tests:
        if name not in parameters():
            add("tests", "not_one_of", value=name, choices=nearest(name, parameters()))
    for signal in spec.signals:
        if signal not in SIGNALS:
            add("signals", "not_one_of", value=signal, choices=nearest(signal, SIGNALS))
    for name, edits in (("base", spec.base), *((f"arms.{k}.edits", a.edits) for k, a in spec.arms.items())):
        faults = Problems()
        apply(plan, [*([] if name == "base" else spec.base), *edits], faults, prefix=name)
        for p in faults.found:
            add(name, p.code, **p.args)


def _check_named(spec: Experiment, path: Path, plan: Plan, add: Callable[..., None]) -> None:
    """The hypothesis is that of the file's name; the day of the change and the regions of a power are of the plan."""
    if spec.hypothesis != path.stem:
        add("hypothesis", "not_one_of", value=spec.hypothesis, choices=path.stem)
    days, regions = days_of(plan), [r.id for r in plan.regions]
    if spec.replay_until is not None and spec.replay_until.date() not in days:
        add("replay_until", "day_outside", value=spec.replay_until.date(), low=days[0], high=days[-1])
    for region in spec.power.regions if spec.power else ():
        if region not in regions:
            add("power.regions", "unknown_region", value=region, choices=nearest(region, regions))


def _check_part(part: Part, key: str, spec: Experiment, plan: Plan, add: Callable[..., None]) -> None:
    regions, days = [r.id for r in plan.regions], days_of(plan)
    for arm in part.contrast:
        if arm != BASE and arm not in spec.arms:
            add(f"{key}.contrast", "not_one_of", value=arm, choices=nearest(arm, [BASE, *spec.arms]))
    for region in part.regions:
        if region not in regions:
            add(f"{key}.regions", "unknown_region", value=region, choices=nearest(region, regions))
    for day in part.days:
        if day not in days:
            add(f"{key}.days", "outside", value=str(day), low=str(days[0]), high=str(days[-1]), unit="1")
    if part.coefficient is not None and part.coefficient not in parameters():
        add(f"{key}.coefficient", "not_one_of", value=part.coefficient, choices=nearest(part.coefficient, parameters()))


def days_of(plan: Plan) -> list[dt.date]:
    """Calendar days of a plan."""
    start = dt.datetime.fromisoformat(plan.start)
    n = math.ceil((start.hour + start.minute / 60 + plan.hours) / 24)
    return [start.date() + dt.timedelta(days=k) for k in range(n)]


def plans_of(scenario: Scenario, spec: Experiment, *, scale: float, under: Sequence[Edit] = (), state: str = POLICY) -> dict[str, Plan]:
    """Base and arms of an experiment, to the last day that is looked at.

    Parameters
    ----------
    under : changes of a rival, to all of them
    state : whose decisions follow the change
    """
    found = {}
    for name, edits in {BASE: [], **{name: arm.edits for name, arm in spec.arms.items()}}.items():
        if spec.replay_until is None or state == RECORDED:
            shared = [*under, Edit(path="drivers.all", value=state), *spec.base]
            found[name] = _to_the_last_day(resolve(scenario, [*shared, *edits], scale=scale), spec)
            continue
        plan = _to_the_last_day(resolve(scenario, [*under, *spec.base, *edits], scale=scale), spec)
        named = {e.path.removeprefix("drivers.") for e in [*spec.base, *edits] if e.path.startswith("drivers.")}
        hour = (spec.replay_until - dt.datetime.fromisoformat(plan.start)).total_seconds() / 3600
        free = by_policy(plan, hour)
        drivers = {kind: plan.drivers[kind] if kind in named else driver for kind, driver in free.drivers.items()}
        found[name] = free.model_copy(update={"drivers": drivers})
    return found


def state_of(spec: Experiment, state: str) -> str:
    """Whose decisions follow the change, when the file has its say: all of them may be recorded in base and arms."""
    return RECORDED if any(e.path == "drivers.all" and e.value == RECORDED for e in spec.base) else state


def _to_the_last_day(plan: Plan, spec: Experiment) -> Plan:
    """Up to the last day of all parts, if none looks farther."""
    if not all(p.days and {p.measure, p.needs or p.measure} <= {*DAILY} for p in spec.parts):
        return plan
    return up_to(plan, max(days_of(plan).index(day) for p in spec.parts for day in p.days))


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
    beside: Answer | None = None
    """with everyone: the answer at the scale of the experiment, whose draws at even distances these are"""
    attainable: float = 1.0
    """share of draws in which the smallest effect fits the measure"""
    ceiling: float = 1.0
    """share of draws in which the effect can be there, at most"""

    @property
    def values(self) -> Floats:
        """Delta of each draw, shape (draws,)."""
        return np.asarray(self.seeds.mean(axis=1))

    @property
    def said(self) -> Said:
        """By the rules: verdict, finding, and the reason where it is not decided."""
        part, answered = self.part, self.state == RECORDED and self.part.measure in ANSWERED
        ground = Ground(self.uprisings, self.shown, answered, self.attainable, self.ceiling)
        return decision.judge(self.seeds, self.ancestors, part.smallest, DIRECTIONS[part.direction], part.asserts, ground)

    @property
    def verdict(self) -> str:
        """supported, contradicted, undecided or not-judged, of what the part claims."""
        return self.said.verdict

    def tipping(self) -> float | None:
        """The tipping value of the named coefficient, if there is one."""
        if self.part.coefficient is None:
            return None
        reached = DIRECTIONS[self.part.direction] * self.values >= self.part.smallest
        return tipping_value(self.coefficient, reached)

    def chance(self) -> float:
        """What a true zero would give; 0 where Delta compares nothing (a level)."""
        if abs(sum(self.part.contrast.values())) > 1e-9:
            return 0.0
        return chance_of(self.seeds, self.part, self.seed)

    def more(self) -> tuple[float, float, float]:
        """Delta with everyone less Delta beside it: mean over the same draws and its 95 % interval."""
        from scipy.stats import t

        assert self.beside is not None
        n, there = len(self.values), self.beside.values
        difference = self.values - np.array([there[k] for k in even(len(there), n)])
        middle = float(difference.mean())
        half = float(t.ppf(0.975, n - 1) * difference.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
        return middle, middle - half, middle + half

    def scaled(self) -> str:
        """same, more, differs or unclear."""
        assert self.beside is not None
        _, low, high = self.more()
        found = 1 if self.beside.said.finding.name == "supported" else -1
        return decision.scaled(low, high, self.part.smallest, found * DIRECTIONS[self.part.direction])

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        said, part = self.said, self.part
        f = said.finding
        compared = {}
        if self.beside is not None:
            more = dict(zip(("more", "more_low", "more_high"), map(finite, self.more()), strict=True))
            compared = {"scaled": self.scaled(), **more}
        low, middle, high = np.quantile(self.values, (0.05, 0.5, 0.95)).tolist()
        before = np.quantile(self.level, (0.05, 0.5, 0.95)).tolist() if len(self.level) else [None] * 3
        return {
            "hypothesis": self.hypothesis,
            "part": part.id,
            "basis": self.basis,
            "rival": self.rival,
            "state": self.state,
            "measure": part.measure,
            "unit": MEASURES[part.measure].unit,
            "direction": part.direction,
            "smallest": part.smallest,
            "asserts": part.asserts,
            "effect": middle,
            "low": low,
            "high": high,
            "base": before[1],
            "base_low": before[0],
            "base_high": before[2],
            "base_uprisings": self.uprisings,
            "base_shown": self.shown,
            "draws": f.draws,
            "independent": effective_families(self.ancestors) if len(self.ancestors) else float(f.draws),
            "replicates": self.seeds.shape[1],
            "reached": f.reached,
            "between": f.between,
            "reversed": f.reversed,
            "finding": f.name,
            "verdict": said.verdict,
            "reason": said.reason,
            "reason_share": said.share,
            "coefficient": part.coefficient,
            "tipping": self.tipping(),
            "chance": self.chance(),
            "detectable": finite(decision.detectable(self.seeds)),
            "moving": float(decision.moves(self.seeds).mean()),
            "attainable": self.attainable,
            "ceiling": self.ceiling,
            "scale": self.scale,
            **compared,
        }


def even(of: int, n: int) -> list[int]:
    """Numbers of n out of so many at even distances, or of all.

    >>> even(10, 4), even(2, 4)
    ([0, 2, 5, 7], [0, 1])
    """
    return [k * of // n for k in range(n)] if of > n else list(range(of))


def finite(x: float) -> float | None:
    """A number that JSON can hold."""
    return x if math.isfinite(x) else None


def tipping_value(coefficient: Floats, reached: NDArray[np.bool_]) -> float | None:
    """Value of a coefficient at which the effect is reached in half of the draws.

    Parameters
    ----------
    coefficient : shape (draws,)
    reached : bool, shape (draws,)

    Examples
    --------
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


def run_part_arms(
    plans: Mapping[str, Plan],
    values: Sequence[Values],
    spec: Experiment,
    root: Path,
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Histories of base and arms over the same draws and seeds; those that the store holds are not computed again."""
    given = keep_draws(root, values)
    n = len(values) * spec.replicates
    found = {}
    for number, (name, plan) in enumerate(plans.items()):
        recipe = Recipe(plan, spec.seed, sampling="given", replicates=spec.replicates, given=given, part=4 * spec.replicates)
        store = run_ensemble(
            recipe,
            n,
            root,
            processes=processes,
            progress=lambda done, _, before=number * n: progress(before + done, len(plans) * n),  # type: ignore[misc]
        )
        found[name] = read_seen(store, n)
    return found


def answers(
    scenario: Scenario,
    spec: Experiment,
    values: Sequence[Values],
    basis: str,
    root: Path,
    *,
    scale: float = 0.1,
    rival: str = "",
    state: str = POLICY,
    ancestors: Sequence[int] = (),
    ceilings: Mapping[str, float] = MappingProxyType({}),
    kept: Path | None = None,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Answer]:
    """Run one experiment over a set of draws.

    Parameters
    ----------
    values : draws of all parameters
    basis : "prior", "posterior" or "everyone"
    rival : an arm of the scenario, under which all is repeated
    state : whose decisions follow the change, "policy" or "recorded"
    ancestors : of each draw; none where each draw stands for itself
    ceilings : by part, `decision.ceiling`
    kept : folder of what sets of histories said: what is there is not simulated again, what is new is written there

    Raises
    ------
    ScenarioError, StudyError, ResultError
        As `resolve` and `run_ensemble`.
    """
    under = scenario.file.arms[rival].edits if rival else []
    plans = plans_of(scenario, spec, scale=scale, under=under, state=state)
    path = None if kept is None else kept / f"{spec.hypothesis}-{_name_of(plans, values, spec)}.json"
    if path is not None and path.is_file():
        said = read_kept(path)
    else:
        seen = run_part_arms(plans, values, spec, root, processes=processes, progress=progress)
        said = _said(seen, plans[BASE], spec)
        if path is not None:
            keep(path, said)
    found = []
    for part in spec.parts:
        name, of_part = part.coefficient, said["parts"][part.id]
        coefficient = np.array([v[name] for v in values]) if name else np.empty(0)
        delta, level = np.array(of_part["delta"], float), np.array(of_part["level"], float)
        base = level, said["uprisings"], float(of_part["shown"])
        of_draws = coefficient, spec.seed, *base, scale, state_of(spec, state), np.array(ancestors, np.int64)
        limits, sign = MEASURES[part.measure].limits(plans[BASE]), DIRECTIONS[part.direction]
        fits = decision.attainable(level, part.contrast, BASE, limits, part.smallest, sign)
        answer = Answer(spec.hypothesis, part, basis, rival, delta, *of_draws, attainable=fits, ceiling=ceilings.get(part.id, 1.0))
        found.append(answer)
    return found


def _said(seen: Mapping[str, Any], base: Plan, spec: Experiment) -> dict[str, Any]:
    """What histories of base and arms say: Delta by draw and seed, Y(base) by draw and the share that shows what is to be explained, a part
    each; the share of uprisings.
    """
    shape = (-1, spec.replicates)
    parts = {}
    for part in spec.parts:
        where = where_of(part, base)
        y = {arm: MEASURES[part.measure].of(seen[arm], where).reshape(shape) for arm in {**part.contrast, BASE: 0}}
        delta = sum((w * y[arm] for arm, w in part.contrast.items()), np.zeros_like(y[BASE], float))
        shown = MEASURES[part.needs].of(seen[BASE], where) >= part.needs_least if part.needs else np.ones(1)
        parts[part.id] = {"delta": delta.tolist(), "level": y[BASE].mean(axis=1).tolist(), "shown": float(shown.mean())}
    return {"uprisings": float((np.asarray(seen[BASE].runs.whole["peak"], float) >= UPRISING).mean()), "parts": parts}


def _name_of(plans: Mapping[str, Plan], values: Sequence[Values], spec: Experiment) -> str:
    """A name made from all that `_said` depends on."""
    of_part = {"id", "measure", "days", "regions", "people", "contrast", "needs", "needs_least"}
    asked = [p.model_dump(mode="json", include=of_part) for p in spec.parts]
    parts = {"plans": {k: p.sha256() for k, p in plans.items()}, "draws": [dict(v) for v in values], "parts": asked}
    whole = {**parts, "replicates": spec.replicates, "seed": spec.seed, "model": model_hash(), "scheme": SCHEME}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]


def effect_of(
    scenario: Scenario, spec: Experiment, part: Part, values: Sequence[Values], number: int, *, scale: float, state: str = POLICY
) -> float:
    """Delta of one draw, computed again without a store.

    Parameters
    ----------
    values : all draws of the experiment, because a draw's seeds follow from its number
    number : of the draw
    """
    plans = plans_of(scenario, spec, scale=scale, state=state)
    where, total = where_of(part, plans[BASE]), 0.0
    for arm, weight in part.contrast.items():
        recipe = Recipe(plans[arm], spec.seed, sampling="given", replicates=spec.replicates)
        runs = [one_run(recipe, number * spec.replicates + r, values) for r in range(spec.replicates)]
        total += weight * float(MEASURES[part.measure].of(seen_of(runs), where).mean())
    return total


def where_of(part: Part, plan: Plan) -> Window:
    """Days and regions of a part as indices."""
    days, ids = days_of(plan), [r.id for r in plan.regions]
    return Window(
        [days.index(d) for d in part.days] or list(range(len(days))),
        [ids.index(r) for r in part.regions] or list(range(len(ids))),
        part.people,
    )
