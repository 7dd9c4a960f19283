"""Four methods compared in drawn countries: does each do better against the others where its condition holds (docs/explanation/methods.md).

In: an experiment (`experiment`), histories of every country under every allocation. Out: one `Judged` a claim and outcome, outcomes by
condition, shares of variance, and contrasts of past campaigns (`navco`). A method is an allocation of equal means (`countries`).

Every country is run under every allocation with the same draws of coefficients and the same seeds. Allocations always stand in the same
order; nothing is sorted by outcome. An interaction against the others also moves where the condition does something for one of them, so a
claim that a condition matters is supported only if the rules of `decision` support it against the unorganized case alone (`own`), too.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.decision import Ground, Said
from qantar.effects.interaction import KINDS, Interaction, advantage, by_chance, interaction, per_draw, shares
from qantar.effects.measures import seen_whole
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe
from qantar.stylized.countries import ALLOCATIONS, METHODS, country, plan_of
from qantar.stylized.experiment import OUTCOMES, Claim, Experiment, Shape, outcome_of
from qantar.stylized.navco import Contrast, Counts, Histories, contrasts

Floats = NDArray[np.float64]
Whole = dict[str, Any]
"""The table of runs of one country under one allocation, by column."""
PART = 20
"""Histories in a part of the store, at most."""
STOP_ABOVE = 1e12
"""People out above which a history is broken off: never, or the largest risings would have no end."""
KEPT = ("draw", "peak", "changed_sides", "stood_aside", "outcome")
"""What `compared` needs of a history, besides its digest."""


@dataclass(frozen=True)
class Judged:
    """A claim, an outcome, and what the rule says."""

    claim: Claim
    outcome: str
    smallest: float
    interaction: Interaction
    own: Interaction
    """the same against the unorganized case alone: free of what a condition does for the other methods"""
    by_chance: float
    """how often the interaction alone would be "supported" with the condition given to other countries; the finding asks for more"""
    levels: Floats
    """mean outcome with and without the condition by allocation, with 95 % interval over countries, shape (2, allocations, 3)"""
    seeds: Floats
    """the interaction by draw and seed, shape (draws, seeds)"""
    ceiling: float
    """share of draws in which organizers change any history at all: in the others every interaction is exactly 0"""

    @property
    def answer(self) -> Said:
        """By the rules; but a claim that a condition matters is supported by both comparisons or not at all."""
        kind, ground = self.claim.kind, Ground(ceiling=self.ceiling)
        answer = decision.judge(self.seeds, np.empty(0, np.int64), self.smallest, *KINDS[kind], ground)
        alone = kind == "matters" and answer.verdict == "supported" and self.own.finding != "supported"
        return Said("undecided", answer.finding, answer.chance) if alone else answer

    @property
    def moving(self) -> float:
        """Share of draws in which the interaction is not exactly 0."""
        return float(decision.moves(self.seeds).mean())


@dataclass(frozen=True)
class Comparison:
    """Everything the experiment says."""

    experiment: Experiment
    shape: Shape
    seed: int
    rows: list[Judged]
    """claims in the order of the file, outcomes in that of `OUTCOMES`"""
    ceiling: float
    shares: list[tuple[str, float, float, float]]
    """of the variance of the file's outcome: name, share, 95 % interval"""
    contrasts: list[Contrast]
    history_sha256: str
    ends: dict[str, dict[str, int]]
    """histories by allocation and how they ended"""

    @property
    def by_chance(self) -> float:
        """Claims that a condition matters which chance alone would support, of the file's outcome."""
        return sum(r.by_chance for r in self.main if r.claim.kind == "matters")

    @property
    def main(self) -> list[Judged]:
        """Rows of the file's outcome: those the rule is for."""
        return [r for r in self.rows if r.outcome == self.experiment.outcome]


def recipes_of(seed: int, countries: int, seeds: int, part: int = PART) -> list[Recipe]:
    """A recipe for each country and allocation, country by country."""
    return [
        Recipe(plan_of(seed, n, method), seed, "event", "prior", seeds, STOP_ABOVE, part)
        for n in range(countries)
        for method in ALLOCATIONS
    ]


def simulated(shape: Shape, seed: int, runner: Runner) -> list[Whole]:
    """Tables of runs of all countries and allocations; histories that the store holds are not computed again."""
    n = shape.draws * shape.seeds
    recipes = recipes_of(seed, shape.countries, shape.seeds, min(PART, n))  # a part is done whole, however few of it are asked for
    return [store.read(n)[1] for store in runner.ensembles(recipes, n)]


def compared(experiment: Experiment, counts: Counts, runs: Sequence[Whole], shape: Shape, seed: int) -> Comparison:
    """What the experiment says, from tables of runs, country by country, allocations in order."""
    full = (shape.countries, len(ALLOCATIONS), shape.draws, shape.seeds)
    whole = {k: np.concatenate([np.asarray(r[k]) for r in runs]) for k in ("run", "sha256", *KEPT)}
    seen = seen_whole(whole)
    y = {name: outcome_of(name, seen).reshape(full) for name in OUTCOMES}
    sha, ends = (whole[k].astype(str).reshape(full) for k in ("sha256", "outcome"))
    ceiling = float((sha[:, :-1] != sha[:, -1:]).any(axis=(0, 1, 3)).mean())
    counted = {m: zip(*(x.tolist() for x in np.unique(ends[:, k], return_counts=True)), strict=True) for k, m in enumerate(ALLOCATIONS)}
    residents = np.repeat([float(country(seed, n).residents) for n in range(shape.countries)], sha[0].size)
    gone = np.maximum(whole["changed_sides"], whole["stood_aside"])
    return Comparison(
        experiment,
        shape,
        seed,
        [judged(claim, name, y[name], experiment.smallest[name], ceiling, seed) for claim in experiment.claims for name in y],
        ceiling,
        shares(y[experiment.outcome], seed),
        contrasts(counts, Histories(whole["draw"], y["success"].ravel() > 0, whole["peak"], residents, gone)),
        hashlib.sha256("".join(sha.ravel()).encode()).hexdigest(),
        {method: dict(pairs) for method, pairs in counted.items()},
    )


def judged(claim: Claim, outcome: str, y: Floats, smallest: float, ceiling: float, seed: int) -> Judged:
    """One claim on one outcome, y of shape (countries, allocations, draws, seeds)."""
    holds, method, means = claim.holds(range(len(y))), ALLOCATIONS.index(claim.method), y.mean(axis=3)
    others = [ALLOCATIONS.index(m) for m in METHODS if m != claim.method]
    over_others, over_none = advantage(means, method, others), advantage(means, method, [ALLOCATIONS.index("unorganized")])
    return Judged(
        claim,
        outcome,
        smallest,
        interaction(over_others, holds, smallest, claim.kind),
        own=interaction(over_none, holds, smallest, claim.kind),
        by_chance=by_chance(over_others, holds, smallest, claim.kind, seed),
        levels=levels(y, holds),
        seeds=per_draw(advantage(y, method, others), holds),
        ceiling=ceiling,
    )


def levels(y: Floats, holds: NDArray[np.bool_]) -> Floats:
    """Mean outcome with and without a condition, by allocation, with Student's interval over countries, shape (2, allocations, 3)."""
    from scipy.stats import t as student

    sides = []
    for side in (holds, ~holds):
        of_country = y[side].mean(axis=(2, 3))
        n = len(of_country)
        mean = of_country.mean(axis=0)
        half = student.ppf(0.975, n - 1) * of_country.std(axis=0, ddof=1) / np.sqrt(n)
        sides.append(np.stack([mean, mean - half, mean + half], axis=1))
    return np.array(sides)


def pack(runs: Sequence[Whole], made: dict[str, Any]) -> bytes:
    """What was kept of all histories as one compressed archive, country by country, allocations in order; eight bytes of each digest.

    >>> runs = [{k: np.zeros(2) for k in KEPT} | {"outcome": np.array(["faded", "conceded"]), "sha256": np.array(["ab" * 32] * 2)}]
    >>> path = Path("histories.npz")
    >>> _ = path.write_bytes(pack(runs, {"seed": 1}))
    >>> [r["outcome"].tolist() for r in unpack(path)[0]], unpack(path)[1], path.unlink()
    ([['faded', 'conceded']], {'seed': 1}, None)
    """
    out = io.BytesIO()
    columns: dict[str, Any] = {
        k: np.stack([np.asarray(r[k]).astype(str) if k == "outcome" else np.asarray(r[k], float) for r in runs]) for k in KEPT
    }
    digests = [[list(bytes.fromhex(str(x)[:16])) for x in r["sha256"]] for r in runs]
    about = np.frombuffer(json.dumps(made, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(out, made=about, sha256=np.array(digests, np.uint8), **columns)
    return out.getvalue()


def unpack(path: Path) -> tuple[list[Whole], dict[str, Any]]:
    """Histories that were packed, for `compared`, and how they were made."""
    with np.load(path, allow_pickle=False) as archive:
        made = json.loads(archive["made"].tobytes())
        columns = {k: archive[k] for k in KEPT}
        digests = [np.array([x.tobytes().hex() for x in row]) for row in archive["sha256"]]
    return [
        {"run": np.arange(len(sha)), "sha256": sha, **{k: column[n] for k, column in columns.items()}} for n, sha in enumerate(digests)
    ], made
