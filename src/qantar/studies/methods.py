"""The stylized experiment on four methods of revolution: does each do better against the others where its condition holds.

In: the experiment as written down before (`H11.toml`), a seed. Out: one `Interaction` a claim and outcome, outcomes by condition, shares
of variance, what the model cannot represent, and contrasts of past campaigns (`navco`). A method is an allocation of equal means
(`countries`).

Every country is run under every allocation with the same draws of coefficients and the same seeds. Each pair of country and allocation
has a recipe of its own, kept in the store: what was stopped goes on. Allocations always stand in the same order; nothing is sorted by
outcome.

    success     the history ends as `collapsed` or `conceded` (`model/outcome.py`)
    collapsed   it ends as `collapsed`
    peak        log10(1 + people out at the peak)
    ceiling     share of draws in which organizers change any history at all: in the others every interaction is exactly 0, so a claim
                that a condition matters cannot be supported in more draws than these

An interaction against the others also moves where the condition does something for one of them; the same against the unorganized case
alone stands beside it (`own`), and a claim that a condition matters is supported only if the rule supports it there too.

All else is judged by the rules of `decision`, as any experiment is: where the interaction is exactly 0 in more than half of the draws, no
method moves the outcome and there is nothing to compare.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from qantar.effects import decision
from qantar.effects.decision import Ground, Said
from qantar.effects.interaction import ASSERTS, DIRECTION, KINDS, Interaction, by_chance, by_seed, interaction, shares
from qantar.effects.versions import FILE as FILE_VERSIONS
from qantar.effects.versions import merged, read_versions, versions_csv
from qantar.ensemble.run import STAMP, made_by
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import STORE, Recipe
from qantar.errors import DataError, Problems, StudyError, fail
from qantar.files.cells import Choice, Key, Number, Strict, Text, to_csv
from qantar.files.read import read_toml
from qantar.files.result import sealed
from qantar.files.write import is_packed, write_file
from qantar.inference.posterior import FIT
from qantar.stylized.countries import ALLOCATIONS, BLOCK, METHODS, TRAITS, country, halves, plan_of
from qantar.stylized.navco import Contrast, Counts, Histories, contrasts, counts_csv, levels_of, packaged
from qantar.verdicts.hypotheses import stylized

Floats = NDArray[np.float64]
FILE = "H11.toml"
PART = 20
"""Histories in a part of the store."""
STOP_ABOVE = 1e12
"""People out above which a history is broken off: never, or the largest risings would have no end."""
QUICK = (BLOCK, 10)
"""Countries and draws of a look."""
OUTCOMES: dict[str, Callable[[dict[str, Any]], Floats]] = {
    "success": lambda r: np.isin(np.asarray(r["outcome"]).astype(str), ("collapsed", "conceded")).astype(float),
    "collapsed": lambda r: (np.asarray(r["outcome"]).astype(str) == "collapsed").astype(float),
    "peak": lambda r: np.log10(1 + np.asarray(r["peak"], float)),
}
KEPT = ("draw", "peak", "changed_sides", "stood_aside", "outcome")
"""What `judged` needs of a history, besides its digest."""
Whole = Annotated[int, BeforeValidator(Number("1", 1, 100_000, whole=True))]
Smallest = Annotated[float, BeforeValidator(Number("1", 1e-9))]


class Claim(Strict):
    """A method and the condition that is stated for it."""

    claim: Key
    method: Annotated[str, BeforeValidator(Choice(METHODS))]
    kind: Annotated[str, BeforeValidator(Choice(KINDS))]
    condition: dict[Annotated[str, BeforeValidator(Choice(TRAITS))], bool] = Field(min_length=1)
    """by trait, in which half a country must lie"""
    condition_en: Text
    condition_zh: Text

    def holds(self, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """Whether it holds in the countries of these numbers."""
        return np.array([all(halves(n)[trait] == want for trait, want in self.condition.items()) for n in numbers], bool)


class NotRepresented(Strict):
    """Something the essay speaks of and the model has not, why, and what stands in its place."""

    what_en: Text
    what_zh: Text
    why_en: Text
    why_zh: Text
    instead_en: Text
    instead_zh: Text


class Experiment(Strict):
    """`H11.toml`."""

    hypothesis: Key
    type: Annotated[str, BeforeValidator(Choice(("stylized",)))]
    question_en: Text
    question_zh: Text
    arms: list[Annotated[str, BeforeValidator(Choice(ALLOCATIONS))]]
    arms_en: Text
    arms_zh: Text
    outcome: Annotated[str, BeforeValidator(Choice(tuple(OUTCOMES)))]
    estimand_en: Text
    estimand_zh: Text
    rule_en: Text
    rule_zh: Text
    caution_en: Text
    caution_zh: Text
    countries: Whole
    draws: Whole
    seeds: Annotated[int, BeforeValidator(Number("1", 2, 1000, whole=True))]
    seed: Annotated[int, BeforeValidator(Number("1", 0, 2**62, whole=True))]
    smallest: dict[Annotated[str, BeforeValidator(Choice(tuple(OUTCOMES)))], Smallest]
    claims: list[Claim] = Field(min_length=1)
    not_represented: list[NotRepresented]


@dataclass(frozen=True)
class Shape:
    """How much is computed."""

    countries: int
    draws: int
    seeds: int

    @property
    def histories(self) -> int:
        """In all."""
        return self.countries * len(ALLOCATIONS) * self.draws * self.seeds


def shape_of(e: Experiment, countries: int | None = None, draws: int | None = None) -> Shape:
    """What is asked for, else what the file says.

    >>> shape_of(load_experiment().experiment, 16, 10).histories
    1920

    Raises
    ------
    StudyError
        If the number of countries is no multiple of `BLOCK`, or there are fewer than two draws.
    """
    found = Shape(e.countries if countries is None else countries, e.draws if draws is None else draws, e.seeds)
    if found.countries < 1 or found.countries % BLOCK:
        raise fail(StudyError, "countries", "not_a_multiple", value=found.countries, of=BLOCK)
    if found.draws < 2:
        raise fail(StudyError, "draws", "outside", value=found.draws, low="2", high="100000", unit="1")
    return found


@dataclass(frozen=True)
class Loaded:
    """An experiment with the digest of its file."""

    experiment: Experiment
    sha256: str
    counts: Counts
    """of past campaigns"""


def folder() -> Path:
    """Where the packaged experiment lies."""
    return Path(str(resources.files("qantar"))) / "cases" / "kazakhstan-2022" / "experiments"


def load_experiment(path: Path | None = None) -> Loaded:
    """The packaged experiment, or that of a file.

    >>> load_experiment().experiment.hypothesis
    'H11'

    Raises
    ------
    DataError
        With every key that does not fit.
    """
    path = path or folder() / FILE
    problems = Problems()
    found = read_toml(path, Experiment, problems)
    if found is not None:
        if found.arms != list(ALLOCATIONS):
            problems.add(path.name, None, "arms", "not_one_of", value=", ".join(found.arms), choices=", ".join(ALLOCATIONS))
        for name in OUTCOMES:
            if name not in found.smallest:
                problems.add(path.name, None, f"smallest.{name}", "missing_key", value=name)
    problems.raise_as(DataError)
    assert found is not None
    return Loaded(found, hashlib.sha256(path.read_bytes()).hexdigest(), packaged(folder()))


@dataclass(frozen=True)
class Row:
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
    """share of draws in which organizers change any history at all"""

    @property
    def said(self) -> Said:
        """By the rules; but a claim that a condition matters is supported by both comparisons or not at all."""
        kind, ground = self.claim.kind, Ground(ceiling=self.ceiling)
        said = decision.judge(self.seeds, np.empty(0, np.int64), self.smallest, DIRECTION[kind], ASSERTS[kind], ground)
        alone = kind == "matters" and said.verdict == "supported" and self.own.finding != "supported"
        return Said("undecided", said.finding, "disagree") if alone else said

    @property
    def moving(self) -> float:
        """Share of draws in which the interaction is not exactly 0."""
        return float(decision.moves(self.seeds).mean())


@dataclass(frozen=True)
class Found:
    """Everything the experiment says."""

    loaded: Loaded
    shape: Shape
    seed: int
    rows: list[Row]
    """claims in the order of the file, outcomes in that of `OUTCOMES`"""
    ceiling: float
    shares: list[tuple[str, float, float, float]]
    """of the variance of the file's outcome: name, share, 95 % interval"""
    contrasts: list[Contrast]
    history_sha256: str
    outcomes: dict[str, dict[str, int]]
    """histories by allocation and how they ended"""

    @property
    def by_chance(self) -> float:
        """Claims that a condition matters which chance alone would support, of the file's outcome."""
        return sum(r.by_chance for r in self.main if r.claim.kind == "matters")

    @property
    def main(self) -> list[Row]:
        """Rows of the file's outcome: those the rule is for."""
        return [r for r in self.rows if r.outcome == self.loaded.experiment.outcome]


def recipes_of(seed: int, countries: int, seeds: int) -> list[Recipe]:
    """A recipe for each country and allocation, country by country."""
    return [
        Recipe(plan_of(seed, n, method), seed, "event", "prior", seeds, STOP_ABOVE, PART)
        for n in range(countries)
        for method in ALLOCATIONS
    ]


def methods(
    loaded: Loaded,
    *,
    countries: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
    root: Path = STORE,
    processes: int | None = None,
    packed: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Run the experiment; histories that the store holds are not computed again.

    Parameters
    ----------
    countries : int, optional
        A multiple of `BLOCK`, so that every condition holds in as many countries as chance would have it; like `draws` (2 at least) and
        `seed` by default what the file says.
    packed : Path, optional
        A file that is to hold what `judged` needs of every history (`pack`).
    progress : callable
        Called with histories done and in all.

    Raises
    ------
    StudyError
        As `shape_of`.
    """
    e = loaded.experiment
    shape, seed = shape_of(e, countries, draws), e.seed if seed is None else seed
    recipes, n = recipes_of(seed, shape.countries, e.seeds), shape.draws * e.seeds
    runner = Runner(root, processes, lambda stage, done, total: progress(done, total))
    runs = [store.read(n)[1] for store in runner.ensembles(recipes, n)]
    if packed is not None:
        write_file(packed, pack(runs, {**made_by(), **asdict(shape), "seed": seed}), is_packed)
    return judged(loaded, runs, shape, seed)


def pack(runs: Sequence[dict[str, Any]], made: dict[str, Any]) -> bytes:
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


def unpack(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Histories that were packed, for `judged`, and how they were made."""
    with np.load(path, allow_pickle=False) as found:
        made = json.loads(found["made"].tobytes())
        columns = {k: found[k] for k in KEPT}
        digests = [np.array([x.tobytes().hex() for x in row]) for row in found["sha256"]]
    return [
        {"run": np.arange(len(sha)), "sha256": sha, **{k: column[n] for k, column in columns.items()}} for n, sha in enumerate(digests)
    ], made


def judged(loaded: Loaded, runs: Sequence[dict[str, Any]], shape: Shape, seed: int) -> Found:
    """What the experiment says, from tables of runs, country by country, allocations in order."""
    e, full = loaded.experiment, (shape.countries, len(ALLOCATIONS), shape.draws, shape.seeds)
    y = {name: np.array([of(r) for r in runs]).reshape(full) for name, of in OUTCOMES.items()}
    sha = np.array([np.asarray(r["sha256"]).astype(str) for r in runs]).reshape(full)
    differs = (sha[:, :-1] != sha[:, -1:]).any(axis=(0, 1, 3))
    ceiling = float(differs.mean())
    ends = np.array([np.asarray(r["outcome"]).astype(str) for r in runs]).reshape(full)
    rows = []
    for claim in e.claims:
        holds, method = claim.holds(range(shape.countries)), ALLOCATIONS.index(claim.method)
        others = [ALLOCATIONS.index(m) for m in METHODS if m != claim.method]
        for name, values in y.items():
            own = interaction(values, method, [ALLOCATIONS.index("unorganized")], holds, e.smallest[name], claim.kind)
            ask = (values, method, others, holds, e.smallest[name], claim.kind)
            found = interaction(*ask), own, by_chance(*ask, seed), levels(values, holds), by_seed(*ask[:4])
            rows.append(Row(claim, name, e.smallest[name], *found, ceiling))
    every = hashlib.sha256("".join(sha.ravel()).encode()).hexdigest()
    names = {m: dict(zip(*(x.tolist() for x in np.unique(ends[:, k], return_counts=True)), strict=True)) for k, m in enumerate(ALLOCATIONS)}
    return Found(
        loaded,
        shape,
        seed,
        rows,
        ceiling,
        shares(y[e.outcome], seed),
        contrasts(loaded.counts, histories(runs, y["success"], seed)),
        every,
        names,
    )


def levels(y: Floats, holds: NDArray[np.bool_]) -> Floats:
    """Mean outcome with and without a condition, by allocation, with Student's interval over countries, shape (2, allocations, 3)."""
    from scipy.stats import t as student

    found = []
    for side in (holds, ~holds):
        of_country = y[side].mean(axis=(2, 3))
        n = len(of_country)
        mean = of_country.mean(axis=0)
        half = student.ppf(0.975, n - 1) * of_country.std(axis=0, ddof=1) / np.sqrt(n)
        found.append(np.stack([mean, mean - half, mean + half], axis=1))
    return np.array(found)


def histories(runs: Sequence[dict[str, Any]], success: Floats, seed: int) -> Histories:
    """What contrasts of campaigns need of all histories."""
    per = len(runs[0]["run"])
    people = np.repeat([country(seed, k // len(ALLOCATIONS)).residents for k in range(len(runs))], per)

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([np.asarray(r[name]) for r in runs])

    gone = np.maximum(column("changed_sides"), column("stood_aside"))
    return Histories(column("draw"), success.ravel() > 0, column("peak"), people.astype(float), gone)


def as_dict(found: Found) -> dict[str, Any]:
    """Everything for machines."""
    e = found.loaded.experiment
    claims = []
    for r in found.rows:
        i, said = r.interaction, r.said
        least = decision.detectable(r.seeds)
        share, low, high = i.share()
        claims.append(
            {
                "claim": r.claim.claim,
                "method": r.claim.method,
                "kind": r.claim.kind,
                "condition": r.claim.condition,
                "outcome": r.outcome,
                "main": r.outcome == e.outcome,
                "smallest": r.smallest,
                "finding": i.finding,
                "verdict": said.verdict,
                "reason": said.reason,
                "reason_share": said.share,
                "reached": i.reached,
                "draws": i.draws,
                "share": share,
                "share_low": low,
                "share_high": high,
                "interaction": i.mean,
                "interaction_low": i.low,
                "interaction_high": i.high,
                "reached_against_unorganized": r.own.reached,
                "against_unorganized": r.own.mean,
                "against_unorganized_low": r.own.low,
                "against_unorganized_high": r.own.high,
                "over_draws_low": i.spread[0],
                "over_draws_high": i.spread[1],
                "noise": i.noise,
                "countries_with": i.countries[0],
                "countries_without": i.countries[1],
                "supported_by_chance": r.by_chance,
                "moving": r.moving,
                "detectable": least if np.isfinite(least) else None,
            }
        )
    return {
        "hypothesis": e.hypothesis,
        "stamp": STAMP,
        **asdict(found.shape),
        "histories": found.shape.histories,
        "seed": found.seed,
        "ceiling": found.ceiling,
        "supported_expected_by_chance": found.by_chance,
        "claims": claims,
        "variance": [dict(zip(("part", "share", "low", "high"), _finite(row), strict=True)) for row in found.shares],
        "campaigns": [asdict(c) for c in found.contrasts],
        "tuned": [
            dict(zip(("type", "campaigns", "successes", "share", "low", "high"), x, strict=True)) for x in levels_of(found.loaded.counts)
        ],
        "outcomes": found.outcomes,
        "not_represented": [x.model_dump() for x in e.not_represented],
        "history_sha256": found.history_sha256,
    }


def _finite(row: tuple[str, float, float, float]) -> list[Any]:
    return [row[0], *(x if np.isfinite(x) else None for x in row[1:])]


def files_of(found: Found, command: Mapping[str, Any]) -> dict[str, str]:
    """The folder's files as text, `result.json` last."""
    data = as_dict(found)
    flat = [{**c, "condition": _words(c["condition"])} for c in data["claims"]]
    by_condition = [
        [r.claim.claim, r.claim.method, r.claim.kind, _words(r.claim.condition), r.outcome, side, allocation, *map(_digits, cells)]
        for r in found.rows
        for side, table in zip(("with", "without"), r.levels, strict=True)
        for allocation, cells in zip(ALLOCATIONS, table.tolist(), strict=True)
    ]
    traits = [
        [n, *(halves(n)[t] for t in TRAITS), *map(_digits, list(asdict(country(found.seed, n)).values())[1:])]
        for n in range(found.shape.countries)
    ]
    heads = ["country", *(f"upper_{t}" for t in TRAITS), *list(asdict(country(found.seed, 0)))[1:]]
    files = {
        "interactions.csv": to_csv(list(flat[0]), [[_digits(v) for v in c.values()] for c in flat]),
        "conditions.csv": to_csv(
            ["claim", "method", "kind", "condition", "outcome", "countries", "allocation", "mean", "low", "high"], by_condition
        ),
        "variance.csv": to_csv(["part", "share", "low", "high"], [[_digits(v) for v in row] for row in found.shares]),
        "countries.csv": to_csv(heads, traits),
        "campaigns.csv": to_csv(list(data["campaigns"][0]), [[_digits(v) for v in c.values()] for c in data["campaigns"]]),
        "campaign-counts.csv": counts_csv(found.loaded.counts),
    }
    whole = stylized({**data, "experiment_sha256": found.loaded.sha256})[data["hypothesis"]]
    files[FILE_VERSIONS] = versions_csv(merged(read_versions(folder().parent / FIT / "methods"), [whole.now]))
    provenance = {
        "kind": "methods",
        **made_by(),
        "command": command,
        "experiment_sha256": found.loaded.sha256,
        "rules": {"version": decision.VERSION, "sha256": decision.sha256()},
        **data,
    }
    return sealed(files, provenance)


def _words(condition: dict[str, bool]) -> str:
    """A condition in one cell.

    >>> _words({"dominant": True, "heavy": False})
    'dominant; not heavy'
    """
    return "; ".join(name if want else f"not {name}" for name, want in condition.items())


def _digits(value: Any) -> Any:
    return float(f"{value:.10g}") if isinstance(value, float) else value
