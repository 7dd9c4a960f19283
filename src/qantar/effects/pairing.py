"""Effects: what changes in this model when one thing is different, over draws of parameters (docs/explanation/comparing.md).

In: a base plan, one or more arms (plans too), draws of all parameters from priors or a posterior. Out: for each arm and outcome Y

    Delta(theta) = mean over seeds of Y(arm) - Y(base)       one number a draw theta

and what follows from its distribution over draws. With no direction asked about, which is the default, each of these in at least 0.9 of
them, for a smallest effect delta that is fixed before (asked about a rise or a fall, the findings are those of `decision`):

    more       Delta >= delta                      not-more    Delta < delta, without one of the other two
    fewer      Delta <= -delta                     not-fewer   Delta > -delta, likewise
    same       |Delta| < delta                     undecided   none of them

Base and arm have the same parameters and seeds, so both worlds share all luck that the change leaves alone (common random numbers:
Glasserman and Yao 1992, Management Science 38; Kleinman, Spall and Naiman 1999, Management Science 45). What that saves is measured:

    gain = sum over draws of [Var Y(arm) + Var Y(base)] / sum over draws of Var [Y(arm) - Y(base)]       variances over the seeds of a draw

so many times more runs would independent seeds need for the same standard error; its interval resamples draws. Draws that an arm leaves
untouched add to the gain. Where an arm renumbers residents or steps, the same key is another person's luck: the pair is called unpaired.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects.answer import sentence
from qantar.effects.decision import BASE_LEAST, DIRECTIONS
from qantar.effects.effect import BASE, EITHER, Effect
from qantar.effects.inert import why_inert
from qantar.effects.measures import OUTCOMES, Seen, read_seen
from qantar.ensemble.run import STAMP
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, Store, keep_draws
from qantar.errors import Problems, StudyError, fail, nearest
from qantar.messages import LANGUAGES
from qantar.model.outcome import UPRISING
from qantar.population.build import class_sizes
from qantar.scenario.parameters import Values, draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, arm_edits, parse_set, resolve
from qantar.scenario.schema import Edit
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
ROUNDS = 1000
"""Resamples of the draws."""
FIRST = 3
"""Parts that are done first in the base and in all arms, to see early whether there is anything to compare."""
VARYING = 5
"""Draws in which an outcome must vary over seeds for the gain to be measured: from one or two, an interval would say nothing."""
NOT_MEASURED = (math.nan,) * 3


def pairing_gain(base: Floats, arm: Floats, seed: int) -> tuple[float, float, float]:
    """How many times fewer runs pairing needs than independent seeds, with a 95 % interval over draws, from Y of shape (draws, replicates).

    NaN with fewer than two seeds a draw, or where Y varies in fewer than `VARYING` draws; infinite where differences do not vary at all.
    """
    if base.shape[1] < 2:
        return NOT_MEASURED
    apart = base.var(axis=1, ddof=1) + arm.var(axis=1, ddof=1)
    paired = (arm - base).var(axis=1, ddof=1)
    if (apart > 0).sum() < VARYING:
        return NOT_MEASURED
    pick = resamples(seed, len(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = float(np.divide(apart.sum(), paired.sum()))
        again = apart[pick].sum(axis=1) / paired[pick].sum(axis=1)
    low, high = np.quantile(again[~np.isnan(again)], (0.025, 0.975), method="nearest")  # no mean of two bounds: one may be infinite
    return gain, float(low), float(high)


@functools.cache
def resamples(seed: int, draws: int) -> NDArray[np.int64]:
    """Draws drawn again with replacement, shape (ROUNDS, draws)."""
    found = [[lot(seed, StudyKey.EFFECT_RESAMPLE, k, b) for k in range(draws)] for b in range(ROUNDS)]
    return (draws * np.array(found)).astype(np.int64)


def plans_of(
    scenario: Scenario, arms: Sequence[str], edits: Sequence[Edit] = (), *, scale: float = 1.0, recorded: bool = False
) -> tuple[Plan, dict[str, Plan]]:
    """Base and arms of a scenario; raises ScenarioError for an unknown arm, or a change that does not fit.

    Parameters
    ----------
    arms : words, each an arm of the scenario, or changes such as `parameters.media_gain=0`, joined by `;`
    edits : applied to base and arms alike
    recorded : whether recorded decisions are replayed; by default the state answers by policy in base and arms
    """
    shared = [*(() if recorded else parse_set(["drivers.all=policy"])), *edits]
    found = {word: resolve(scenario, [*shared, *edits_of(scenario, word)], scale=scale) for word in arms}
    return resolve(scenario, shared, scale=scale), found


def edits_of(scenario: Scenario, word: str) -> list[Edit]:
    """What an arm changes: one of the scenario, or changes joined by `;`; raises ScenarioError where it is neither."""
    return parse_set(word.split(";")) if "=" in word else arm_edits(scenario, word)


def is_paired(base: Plan, arm: Plan) -> bool:
    """Whether a resident's number and an hour's number mean the same in both worlds, so that they share their luck."""
    same = (base.layers, base.step_hours) == (arm.layers, arm.step_hours)
    return same and np.array_equal(class_sizes(base), class_sizes(arm))


@dataclass(frozen=True)
class Effects:
    """What a comparison of arms with a base says."""

    recipes: dict[str, Recipe]
    """of the base (`BASE`) and of each arm"""
    draws: int
    basis: str
    """prior or posterior"""
    effects: list[Effect]
    """arm by arm, in the order asked, outcomes in the order of `OUTCOMES`"""
    history_sha256: dict[str, str]
    stopped: dict[str, int]
    """histories broken off because too many people were out"""
    differ: dict[str, float]
    """share of pairs in which the two histories differ at all, by arm"""
    unpaired: list[str]
    """arms in which the same seed is not the same luck"""
    uprisings: float
    """share of the base's histories with `UPRISING` people out at once"""

    @property
    def base(self) -> Recipe:
        """The recipe of the base."""
        return self.recipes[BASE]

    @property
    def stamp(self) -> str:
        """What every figure carries."""
        return STAMP if self.basis == "prior" else "fitted; holds in this model only"

    @property
    def judged(self) -> bool:
        """Whether the base is a world with uprisings."""
        return self.uprisings >= BASE_LEAST

    def of(self, arm: str, outcome: str) -> Effect:
        """The effect of an arm on an outcome."""
        return next(e for e in self.effects if (e.arm, e.outcome) == (arm, outcome))


@dataclass(frozen=True)
class Early:
    """What the first histories of base and arms say, before the others are done."""

    histories: int
    """of the base"""
    uprisings: int
    """of these"""
    inert: tuple[str, ...]
    """arms in which all of them are as in the base"""


def counterfactual(
    base: Plan,
    arms: Mapping[str, Plan],
    *,
    draws: int = 100,
    replicates: int = 4,
    seed: int = 1,
    posterior: Sequence[Values] | None = None,
    direction: str = EITHER,
    smallest: Mapping[str, float] | None = None,
    runner: Runner | None = None,
    early: Callable[[Early], None] = lambda seen: None,
) -> Effects:
    """Compare arms with a base; histories that the store holds are not computed again.

    Parameters
    ----------
    draws : of parameters, at least 1; with a posterior, at most as many as it has
    replicates : seeds of each draw, at least 1; with fewer than two the gain of pairing cannot be measured
    seed : of draws, networks and luck: the same for base and arms
    posterior : draws of some parameters, taken at even distances; all others are drawn from their priors. By default all are
    direction : "either", "rise" or "fall"
    smallest : by outcome, above 0, in place of those of `OUTCOMES`
    runner : by default one that says nothing
    early : called once, if there is more to do then, with what the first histories say

    Raises
    ------
    StudyError, ResultError
        As a runner; StudyError also for an unknown outcome or direction, a smallest effect that is not above 0, no arm, or one that cannot
        differ from the base.
    """
    check(base, arms, direction, smallest)
    runner = runner or Runner()
    given = given_of(seed, draws, posterior)
    draws = len(given) or draws
    recipes = recipes_of({BASE: base, **arms}, seed, replicates, keep_draws(runner.store, given) if given else "")
    runs = _simulated(recipes, draws * replicates, runner, early)
    return compared(recipes, runs, draws, direction, smallest)


def given_of(seed: int, draws: int, posterior: Sequence[Values] | None) -> list[Values]:
    """Draws of all parameters from at most so many rows of a posterior, at even distances; what these leave open is drawn from its prior.

    None where there is no posterior: then all are drawn from the priors as histories are made.
    """
    rows = posterior or []
    draws = min(draws, len(rows))
    return [draw(seed, k) | dict(rows[k * len(rows) // draws]) for k in range(draws)]


def recipes_of(plans: Mapping[str, Plan], seed: int, replicates: int, given: str = "") -> dict[str, Recipe]:
    """The recipes of base and arms; `given` names a table of draws."""
    return {k: Recipe(plan, seed, "event", "given" if given else "prior", replicates, given=given) for k, plan in plans.items()}


def _simulated(recipes: Mapping[str, Recipe], n: int, runner: Runner, early: Callable[[Early], None]) -> dict[str, Seen]:
    """Histories of base and arms by one set of processes."""
    asked = list(recipes.values())
    first, order = in_order(asked, n, runner.store)
    waiting, left = {part for part in order if part[1] in first}, len(order)

    def tell(which: int, number: int) -> None:
        nonlocal left
        left -= 1
        if (which, number) in waiting:
            waiting.remove((which, number))
            if left and not waiting:
                early(_early(recipes, first, n, runner.store))

    if order and not waiting:
        early(_early(recipes, first, n, runner.store))
    stores = runner.ensembles(asked, n, order=order, finished=tell)
    return {label: read_seen(store, n) for label, store in zip(recipes, stores, strict=True)}


def in_order(recipes: Sequence[Recipe], n: int, root: Path) -> tuple[list[int], list[tuple[int, int]]]:
    """The first parts, and all that the store lacks by index of the recipe and number, in an order that tells early what is to come.

    Draws are taken at even distances, ever closer. The first `FIRST` parts are done in all recipes, so that they can be compared; then each
    recipe is at other draws, so that what was done of all of them speaks for many draws.
    """
    parts = -(-n // recipes[0].part)
    bits = max(1, (parts - 1).bit_length())
    spread = sorted(range(parts), key=lambda k: f"{k:0{bits}b}"[::-1])
    first, rest = spread[:FIRST], spread[FIRST:]
    which = range(len(recipes))
    order = [(j, number) for number in first for j in which]
    order += [(j, rest[(k + j * len(rest) // len(recipes)) % len(rest)]) for k in range(len(rest)) for j in which]
    missing = [set(Store.of(root, recipe).missing(n)) for recipe in recipes]
    return first, [(j, number) for j, number in order if number in missing[j]]


def _early(recipes: Mapping[str, Recipe], first: Sequence[int], n: int, root: Path) -> Early:
    """What the first parts say."""
    found = {label: Store.of(root, replace(recipe, only=tuple(first))).read(n)[1] for label, recipe in recipes.items()}
    shas = {label: list(whole["sha256"]) for label, whole in found.items()}
    loud = np.asarray(found[BASE]["peak"], float) >= UPRISING
    return Early(len(loud), int(loud.sum()), tuple(label for label in recipes if label != BASE and shas[label] == shas[BASE]))


def check(base: Plan, arms: Mapping[str, Plan], direction: str = EITHER, smallest: Mapping[str, float] | None = None) -> None:
    """Refuses what cannot be compared, as `counterfactual` does."""
    if not arms or BASE in arms:
        raise fail(StudyError, "--arm", "no_arm")
    if direction not in (EITHER, *DIRECTIONS):
        raise fail(StudyError, "--direction", "not_one_of", value=direction, choices=", ".join((EITHER, *DIRECTIONS)))
    for name, value in (smallest or {}).items():
        if name not in OUTCOMES:
            raise fail(StudyError, f"--delta {name}", "not_one_of", value=name, choices=nearest(name, OUTCOMES))
        if not 0 < value < np.inf:
            raise fail(StudyError, f"--delta {name}", "not_above_zero", value=f"{value:g}")
    problems = Problems()
    for name, arm in arms.items():
        if why := why_inert(base, arm):
            problems.add(f"--arm {name}", None, "", why)
    problems.raise_as(StudyError)


def compared(
    recipes: Mapping[str, Recipe],
    seen: Mapping[str, Seen],
    draws: int,
    direction: str = EITHER,
    smallest: Mapping[str, float] | None = None,
) -> Effects:
    """What the histories of base and arms say, draw by draw, those of a draw side by side; parameters as of `counterfactual`."""
    smallest, sign = smallest or {}, DIRECTIONS.get(direction, 0)
    base, runs = recipes[BASE], {label: found.runs for label, found in seen.items()}
    shape = (draws, base.replicates)
    shas = {label: np.asarray(r.whole["sha256"]).astype(str) for label, r in runs.items()}
    effects, arms = [], [label for label in recipes if label != BASE]
    uprisings = float(OUTCOMES["uprising"].of(seen[BASE]).mean())
    unpaired = [label for label in arms if not is_paired(base.plan, recipes[label].plan)]
    for label in arms:
        assert np.array_equal(runs[label].whole["seed"], runs[BASE].whole["seed"])  # else no pair is one
        for name, outcome in OUTCOMES.items():
            y, x = (outcome.of(seen[k]).reshape(shape) for k in (label, BASE))
            gain = NOT_MEASURED if label in unpaired else pairing_gain(x, y, base.seed)
            effects.append(Effect(label, name, smallest.get(name, outcome.smallest), sign, x, y, gain, uprisings >= BASE_LEAST))
    return Effects(
        dict(recipes),
        draws,
        "posterior" if base.given else "prior",
        effects,
        history_sha256={label: hashlib.sha256("".join(found).encode()).hexdigest() for label, found in shas.items()},
        stopped={label: int(r.stopped.sum()) for label, r in runs.items()},
        differ={label: float((shas[label] != shas[BASE]).mean()) for label in arms},
        unpaired=unpaired,
        uprisings=uprisings,
    )


def as_dict(found: Effects) -> dict[str, Any]:
    """Everything for machines but the plans: what was compared, how, and each effect."""
    base, rows = found.base, [e.as_dict() for e in found.effects]
    about = {
        "scenario": base.plan.case,
        "basis": found.basis,
        "judged": found.judged,
        "by_policy": "policy" in base.plan.drivers.values(),
        "histories": found.draws * base.replicates,
        "uprisings": found.uprisings,
    }
    arms: dict[str, Any] = {}
    for label, r in found.recipes.items():
        arm = arms[label] = {
            "edits": r.plan.edits,
            "key": r.key(),
            "plan_sha256": r.plan.sha256(),
            "history_sha256": found.history_sha256[label],
            "replayed": r.plan.replayed(),
            "stopped": found.stopped[label],
        }
        if label != BASE:
            own, differ = [row for row in rows if row["arm"] == label], {"pairs_that_differ": found.differ[label]}
            arm |= {"paired": label not in found.unpaired, **differ}
            arm |= {f"sentence_{lang}": sentence(label, own, about | differ, lang) for lang in LANGUAGES}
    return {
        "stamp": found.stamp,
        "calibrated": found.basis == "posterior",
        **about,
        "scale": base.plan.scale,
        "draws": found.draws,
        "replicates": base.replicates,
        "seed": base.seed,
        "arms": arms,
        "effects": rows,
    }
