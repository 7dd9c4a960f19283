"""Effects: what changes in this model when one thing is different, over draws of parameters, with seeds averaged inside each draw.

In: a base plan, one or more arms (plans too), draws of all parameters from priors or a posterior. Out: for each arm and outcome Y

    Delta(theta) = mean over seeds of Y(arm) - Y(base)       one number a draw theta

and what follows from its distribution over draws. The smallest effect that counts, delta, and the direction asked about are fixed before:

    supported      Delta >= delta in at least 0.9 of the draws
    contradicted   Delta < delta in at least 0.9: "null" if |Delta| < delta is, "reversed" if Delta <= -delta is, else "mixed"
    undecided      otherwise

A fall is asked about by turning the sign of Delta. All of it holds in this model only. Arms stand in the order asked; nothing ranks them.

Base and arm have the same parameters and the same seeds, and draws are keyed by what they are for, not by order: both worlds share all
luck that the change leaves alone (common random numbers). How much that saves is measured, not assumed:

    gain = sum over draws of [Var Y(arm) + Var Y(base)] / sum over draws of Var [Y(arm) - Y(base)]       variances over the seeds of a draw

so many times more runs would independent seeds need for the same standard error; its interval resamples draws. Draws that an arm leaves
untouched add to the gain. Where an arm renumbers residents or steps, the same key is another person's luck: the pair is called unpaired.

Sources: Glasserman and Yao (1992), Management Science 38; Kleinman, Spall and Naiman (1999), Management Science 45.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.draws import Purpose, uniform
from qantar.errors import DataError, Problems, StudyError, fail, nearest
from qantar.model.outcome import UPRISING
from qantar.population.build import class_sizes
from qantar.scenario.edits import check_parameter
from qantar.scenario.parameters import Values, draw
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, arm_edits, parse_set, resolve
from qantar.scenario.schema import Edit
from qantar.study.ensemble import one_run, run_ensemble
from qantar.study.posterior import HEAD
from qantar.study.run import RESULT_VERSION, STAMP, made_by
from qantar.study.store import Recipe, Store, keep_draws, kept_draws
from qantar.study.summary import Runs, arrays, wilson
from qantar.tables import read_text, refuse_foreign, to_csv, write_folder

Floats = NDArray[np.float64]
BASE = "base"
DIRECTIONS = {"rise": 1, "fall": -1}
ROUNDS, RESAMPLE = 1000, 5000
"""Resamples of the draws, and what they are called among the draws of a study."""
TIMED = 3
"""Histories of different draws that are timed to say how long all will take."""
VARYING = 5
"""Draws in which an outcome must vary over seeds for the gain to be measured: from one or two, an interval would say nothing."""
EXACT = 1e-12
"""What rounding may take from an effect that is exactly the smallest one."""


@dataclass(frozen=True)
class Outcome:
    """One number of a history: its unit, the smallest effect that counts, and how it is read from runs."""

    unit: str
    """log10, regions, seats or share"""
    smallest: float
    of: Callable[[Runs], Floats]


def _log(x: Any) -> Floats:
    return np.asarray(np.log10(1.0 + np.asarray(x, float)))


OUTCOMES = {
    "peak": Outcome("log10", 0.1, lambda r: _log(r.whole["peak"])),
    "participant_days": Outcome("log10", 0.1, lambda r: _log(r.participants.sum(axis=1))),
    "regions": Outcome("regions", 0.5, lambda r: (r.onset() >= 0).sum(axis=1).astype(float)),
    "killed": Outcome("log10", 0.1, lambda r: _log(r.whole["killed"])),
    "security_killed": Outcome("log10", 0.1, lambda r: _log(r.whole["security_killed"])),
    "detained": Outcome("log10", 0.1, lambda r: _log(r.whole["detained"])),
    "seats_lost": Outcome("seats", 0.1, lambda r: np.asarray(r.whole["seats_lost"], float)),
    "uprising": Outcome("share", 0.1, lambda r: (np.asarray(r.whole["peak"]) >= UPRISING).astype(float)),
}
"""Outcomes in people of the country; deaths of both sides. Participants are as officially counted; their bias is the same in base and arm.

Smallest effects, fixed before any run: 0.1 in log10 is a quarter more or fewer, a third of the error of one official count (0.3, `record`);
half a region is one region more in every other history; 0.1 seats, and 0.1 of histories with an uprising, are one history in ten.
"""


@dataclass(frozen=True)
class Effect:
    """One arm and outcome: pairs of histories by draw and seed, and what follows."""

    arm: str
    outcome: str
    smallest: float
    direction: int
    """1 asks about a rise, -1 about a fall"""
    base_values: Floats
    """Y(base), shape (draws, replicates)"""
    arm_values: Floats
    """Y(arm), same shape and seeds"""
    gain: tuple[float, float, float]
    """by which factor pairing saves runs, with its 95 % interval; NaN where it cannot be measured"""

    @property
    def values(self) -> Floats:
        """Delta of each draw, shape (draws,)."""
        return np.asarray((self.arm_values - self.base_values).mean(axis=1))

    def as_dict(self) -> dict[str, Any]:
        """For machines. Quantiles 5, 50 and 95 % over draws; what cannot be measured is None."""
        median, low, high = np.quantile(self.values, (0.5, 0.05, 0.95)).tolist()
        finding = finding_of(self.values, self.smallest, self.direction)
        share_low, share_high = wilson(finding.reached, finding.draws)
        pairs = np.sign(self.arm_values - self.base_values)
        levels: dict[str, float] = {}
        for name, y in ((BASE, self.base_values), ("arm", self.arm_values)):
            found = np.quantile(y.mean(axis=1), (0.5, 0.05, 0.95)).tolist()
            levels |= dict(zip((f"{name}_median", f"{name}_low", f"{name}_high"), found, strict=True))
        return {
            "arm": self.arm,
            "outcome": self.outcome,
            "unit": OUTCOMES[self.outcome].unit,
            "median": median,
            "low": low,
            "high": high,
            "direction": next(name for name, sign in DIRECTIONS.items() if sign == self.direction),
            "smallest": self.smallest,
            "draws": finding.draws,
            "reached": finding.reached,
            "between": finding.between,
            "reversed": finding.reversed,
            "share": finding.reached / finding.draws,
            "share_low": share_low,
            "share_high": share_high,
            "finding": finding.name,
            "pairs_up": int((pairs > 0).sum()),
            "pairs_down": int((pairs < 0).sum()),
            "pairs_same": int((pairs == 0).sum()),
            "noise": _finite(noise_of(self.arm_values - self.base_values)),
            **dict(zip(("gain", "gain_low", "gain_high"), map(_finite, self.gain), strict=True)),
            **levels,
        }


@dataclass(frozen=True)
class Finding:
    """What the rule says, and the draws behind it."""

    name: str
    """supported, null, reversed, mixed (these three: contradicted) or undecided"""
    reached: int
    between: int
    reversed: int

    @property
    def draws(self) -> int:
        """All draws."""
        return self.reached + self.between + self.reversed


def finding_of(values: Floats, smallest: float, direction: int = 1) -> Finding:
    """The rule of the docstring.

    Parameters
    ----------
    values : shape (draws,)
    smallest : above 0
    direction : 1 or -1

    Examples
    --------
    >>> finding_of(np.array([0.1] * 9 + [0.0]), 0.1).name, finding_of(np.array([-0.2] * 9 + [0.2]), 0.1).name
    ('supported', 'reversed')
    """
    signed = direction * values
    reached, back = (int((x >= smallest - EXACT).sum()) for x in (signed, -signed))
    n = len(values)
    between = n - reached - back

    def most(count: int) -> bool:
        return 10 * count >= 9 * n  # in whole numbers: no rounding at the border

    names = {"supported": reached, "null": between, "reversed": back, "mixed": between + back}
    return Finding(next((name for name, count in names.items() if most(count)), "undecided"), reached, between, back)


def noise_of(difference: Floats) -> float:
    """Typical standard error of Delta within a draw, from the luck that its seeds leave; NaN with one seed. Shape (draws, replicates)."""
    n = difference.shape[1]
    return float(np.sqrt(difference.var(axis=1, ddof=1).mean() / n)) if n > 1 else float("nan")


def pairing_gain(base: Floats, arm: Floats, seed: int) -> tuple[float, float, float]:
    """How many times fewer runs pairing needs than independent seeds, with a 95 % interval over draws.

    Parameters
    ----------
    base, arm : shape (draws, replicates)
        Y of the same draws and seeds.
    seed : int
        Of the resamples.

    Returns
    -------
    gain, low, high : NaN with fewer than two seeds a draw, or where Y varies in fewer than `VARYING` draws; infinite where differences
        do not vary at all.
    """
    if base.shape[1] < 2:
        return (float("nan"),) * 3
    apart = base.var(axis=1, ddof=1) + arm.var(axis=1, ddof=1)
    paired = (arm - base).var(axis=1, ddof=1)
    if (apart > 0).sum() < VARYING:
        return (float("nan"),) * 3
    pick = resamples(seed, len(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = float(np.divide(apart.sum(), paired.sum()))
        again = apart[pick].sum(axis=1) / paired[pick].sum(axis=1)
    low, high = np.quantile(again[~np.isnan(again)], (0.025, 0.975), method="nearest")  # no mean of two bounds: one may be infinite
    return gain, float(low), float(high)


@functools.cache
def resamples(seed: int, draws: int) -> NDArray[np.int64]:
    """Draws drawn again with replacement, shape (ROUNDS, draws)."""
    found = [[uniform(seed, int(Purpose.STUDY), k, b, RESAMPLE) for k in range(draws)] for b in range(ROUNDS)]
    return (draws * np.array(found)).astype(np.int64)


def plans_of(
    scenario: Scenario, arms: Sequence[str], edits: Sequence[Edit] = (), *, scale: float = 1.0, recorded: bool = False
) -> tuple[Plan, dict[str, Plan]]:
    """Base and arms of a scenario.

    Parameters
    ----------
    arms : words, each an arm of the scenario, or changes such as `parameters.media_gain=0`, joined by `;`
    edits : applied to base and arms alike
    recorded : whether recorded decisions are replayed; by default the state answers by policy in base and arms

    Raises
    ------
    ScenarioError
        For an unknown arm, or a change that does not fit.
    """
    shared = [*(() if recorded else parse_set(["drivers.all=policy"])), *edits]
    changes = {word: parse_set(word.split(";")) if "=" in word else arm_edits(scenario, word) for word in arms}
    found = {word: resolve(scenario, [*shared, *own], scale=scale) for word, own in changes.items()}
    return resolve(scenario, shared, scale=scale), found


def smallest_of(words: Sequence[str]) -> dict[str, float]:
    """Smallest effects from `OUTCOME=NUMBER`.

    >>> smallest_of(["peak=0.3"])
    {'peak': 0.3}

    Raises
    ------
    StudyError
        If a word is not of this form.
    """
    found = {}
    for word in words:
        name, _, number = word.partition("=")
        value = _number(number)
        if isinstance(value, str):
            raise fail(StudyError, "--delta", "bad_form", value=word, example="peak=0.1")
        found[name] = value
    return found


def is_paired(base: Plan, arm: Plan) -> bool:
    """Whether a resident's number and an hour's number mean the same in both worlds, so that they share their luck."""
    same = (base.layers, base.step_hours) == (arm.layers, arm.step_hours)
    return same and np.array_equal(class_sizes(base), class_sizes(arm))


def read_draws(path: Path) -> list[Values]:
    """Draws from a file: a CSV with one column a parameter and one row a draw, all of the same weight.

    What `qantar.study.posterior` writes beside the parameters is passed over.

    Raises
    ------
    DataError
        With every cell that does not fit.
    """
    problems = Problems()
    rows = list(csv.reader(io.StringIO(read_text(path))))
    names = rows[0] if rows else []
    if len(rows) < 2:
        raise fail(DataError, path, "empty_file")
    for name in {n for n in names if names.count(n) > 1}:
        problems.add(path.name, 1, name, "repeated_column", value=name)
    found: list[Values] = []
    for line, cells in enumerate(rows[1:], 2):
        if len(cells) != len(names):
            problems.add(path.name, line, "", "cell_count", found=len(cells), expected=len(names))
            continue
        values = {name: _number(cell) for name, cell in zip(names, cells, strict=True) if name not in HEAD}
        for name, value in values.items():
            check_parameter(name, value, lambda code, name=name, line=line, **args: problems.add(path.name, line, name, code, **args))
        found.append(values)  # type: ignore[arg-type]
    problems.raise_as(DataError)
    return found


def _number(cell: str) -> float | str:
    """A number, or what stands there instead."""
    try:
        return float(cell)
    except ValueError:
        return cell


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

    @property
    def base(self) -> Recipe:
        """The recipe of the base."""
        return self.recipes[BASE]

    @property
    def stamp(self) -> str:
        """What every figure carries."""
        return STAMP if self.basis == "prior" else "fitted; holds in this model only"

    def of(self, arm: str, outcome: str) -> Effect:
        """The effect of an arm on an outcome."""
        return next(e for e in self.effects if (e.arm, e.outcome) == (arm, outcome))


def counterfactual(
    base: Plan,
    arms: Mapping[str, Plan],
    *,
    draws: int = 100,
    replicates: int = 4,
    seed: int = 1,
    posterior: Sequence[Values] | None = None,
    direction: str = "rise",
    smallest: Mapping[str, float] | None = None,
    root: Path = Path("results/store"),
    processes: int | None = None,
    expect: Callable[[float, int, int], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Effects:
    """Compare arms with a base; histories that the store holds are not computed again.

    Parameters
    ----------
    base : Plan
    arms : mapping of name to Plan
    draws : int, >= 1
        Of parameters; with a posterior, at most as many as it has.
    replicates : int, >= 1
        Seeds of each draw; with fewer than two the gain of pairing cannot be measured.
    seed : int
        Base seed of draws, networks and luck: the same for base and arms.
    posterior : sequence of values, optional
        Draws of some parameters, taken at even distances; all others are drawn from their priors. By default all are.
    direction : "rise" or "fall"
        Which effect is asked about.
    smallest : mapping of outcome to number above 0, optional
        In place of those of `OUTCOMES`.
    root : Path
        Folder of stores.
    expect : callable, optional
        Called once, before anything long, with the seconds that all will take, from timing a few histories, how many there are
        in all, and how many are missing.
    progress : callable
        Called with histories done and in all.

    Raises
    ------
    StudyError
        For an unknown outcome or direction, a smallest effect that is not above 0, or no arm; and as `run_ensemble`.
    ResultError
        As `run_ensemble`.
    """
    _check(arms, direction, smallest or {})
    rows = posterior or []
    draws = min(draws, len(rows) or draws)
    given = [draw(seed, k) | dict(rows[k * len(rows) // draws]) for k in range(draws)] if rows else []
    name = keep_draws(root, given) if given else ""
    sampling = "given" if given else "prior"
    recipes = {k: Recipe(p, seed, "event", sampling, replicates, given=name) for k, p in {BASE: base, **arms}.items()}
    n = draws * replicates
    if expect is not None:
        expect(*expected(list(recipes.values()), n, root, processes=processes))
    runs: dict[str, Runs] = {}
    for number, (label, recipe) in enumerate(recipes.items()):
        store = run_ensemble(
            recipe,
            n,
            root,
            processes=processes,
            progress=lambda done, _, before=number * n: progress(before + done, len(recipes) * n),  # type: ignore[misc]
        )
        runs[label] = arrays(*store.read(n))
    return _compared(recipes, runs, draws, DIRECTIONS[direction], smallest or {})


def _check(arms: Mapping[str, Plan], direction: str, smallest: Mapping[str, float]) -> None:
    if not arms or BASE in arms:
        raise fail(StudyError, "--arm", "no_arm")
    if direction not in DIRECTIONS:
        raise fail(StudyError, "--direction", "not_one_of", value=direction, choices=", ".join(DIRECTIONS))
    for name, value in smallest.items():
        if name not in OUTCOMES:
            raise fail(StudyError, f"--delta {name}", "not_one_of", value=name, choices=nearest(name, OUTCOMES))
        if not 0 < value < np.inf:
            raise fail(StudyError, f"--delta {name}", "not_above_zero", value=f"{value:g}")


def expected(recipes: Sequence[Recipe], runs: int, root: Path, *, processes: int | None = None) -> tuple[float, int, int]:
    """Seconds that the missing histories will take, from the mean of a few of different draws; all histories; those missing."""
    left = sum(min(r.part, runs - number * r.part) for r in recipes for number in Store.of(root, r).missing(runs))
    if not left:
        return 0.0, len(recipes) * runs, 0
    recipe = recipes[0]
    given = kept_draws(root, recipe.given) if recipe.given else []
    numbers = range(0, runs, recipe.replicates)[:TIMED]
    one_run(recipe, 0, given)  # loads the machine code
    start = time.perf_counter()
    for number in numbers:
        one_run(recipe, number, given)
    each = (time.perf_counter() - start) / len(numbers)
    return left * each / min(processes or os.cpu_count() or 1, left), len(recipes) * runs, left


def _compared(recipes: dict[str, Recipe], runs: dict[str, Runs], draws: int, direction: int, smallest: Mapping[str, float]) -> Effects:
    base = recipes[BASE]
    shape = (draws, base.replicates)
    shas = {label: np.asarray(r.whole["sha256"]).astype(str) for label, r in runs.items()}
    effects, arms = [], [label for label in recipes if label != BASE]
    unpaired = [label for label in arms if not is_paired(base.plan, recipes[label].plan)]
    for label in arms:
        assert np.array_equal(runs[label].whole["seed"], runs[BASE].whole["seed"])  # else no pair is one
        for name, outcome in OUTCOMES.items():
            y, x = (outcome.of(runs[k]).reshape(shape) for k in (label, BASE))
            gain = (float("nan"),) * 3 if label in unpaired else pairing_gain(x, y, base.seed)
            effects.append(Effect(label, name, smallest.get(name, outcome.smallest), direction, x, y, gain))
    return Effects(
        recipes,
        draws,
        "posterior" if base.given else "prior",
        effects,
        {label: hashlib.sha256("".join(found).encode()).hexdigest() for label, found in shas.items()},
        {label: int(r.stopped.sum()) for label, r in runs.items()},
        {label: float((shas[label] != shas[BASE]).mean()) for label in arms},
        unpaired,
    )


def _finite(x: float) -> float | None:
    return x if np.isfinite(x) else None


def as_dict(found: Effects) -> dict[str, Any]:
    """Everything for machines but the plans: what was compared, how, and each effect."""
    base = found.base
    return {
        "scenario": base.plan.case,
        "stamp": found.stamp,
        "basis": found.basis,
        "calibrated": found.basis == "posterior",
        "scale": base.plan.scale,
        "draws": found.draws,
        "replicates": base.replicates,
        "seed": base.seed,
        "arms": {
            label: {
                "edits": r.plan.edits,
                "key": r.key(),
                "plan_sha256": r.plan.sha256(),
                "history_sha256": found.history_sha256[label],
                "replayed": r.plan.replayed(),
                "stopped": found.stopped[label],
                **({} if label == BASE else {"paired": label not in found.unpaired, "pairs_that_differ": found.differ[label]}),
            }
            for label, r in found.recipes.items()
        },
        "effects": [e.as_dict() for e in found.effects],
    }


def _cell(value: Any) -> Any:
    """A cell of ten digits; still a number, so that no spreadsheet takes a minus sign for a formula."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def files_of(found: Effects, record_sha256: str, plots: Mapping[str, str] | None = None, command: str = "") -> dict[str, str]:
    """The folder's files as text, `result.json` last; plots by file name."""
    rows = [e.as_dict() for e in found.effects]
    stamp = [found.stamp, f"{found.base.plan.scale:g}"]
    by_draw = [[e.arm, e.outcome, k, _cell(float(v)), *stamp] for e in found.effects for k, v in enumerate(e.values)]
    files = {
        "effects.csv": to_csv([*rows[0], "stamp", "scale"], [[*map(_cell, row.values()), *stamp] for row in rows]),
        "draws.csv": to_csv(["arm", "outcome", "draw", "effect", "stamp", "scale"], by_draw),
        **(plots or {}),
    }
    provenance = {
        "result_version": RESULT_VERSION,
        "kind": "counterfactual",
        "command": command,
        **made_by(),
        "record_sha256": record_sha256,
        **as_dict(found),
        "recipe": found.base.as_dict(),
        "plans": {label: r.plan.model_dump() for label, r in found.recipes.items()},
        "files": {name: hashlib.sha256(content.encode()).hexdigest() for name, content in files.items()},
    }
    return {**files, "result.json": json.dumps(provenance, indent=1, ensure_ascii=False) + "\n"}


def write(found: Effects, out: Path, record_sha256: str, plots: Mapping[str, str] | None = None, command: str = "") -> dict[str, Any]:
    """Write the result's folder whole or not at all; an older result there is replaced, anything else refused. Gives its provenance.

    Raises
    ------
    ResultError
        When `out` holds something else, or cannot be written.
    """
    refuse_foreign(out)
    files = files_of(found, record_sha256, plots, command)
    write_folder(out, files)
    return json.loads(files["result.json"])  # type: ignore[no-any-return]
