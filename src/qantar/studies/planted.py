"""Planted worlds: what the rules of experiments say where the answer is known, because it was put in.

Each world is a whole small study: a drawn country, a true set of parameters, a record made by them, draws of the priors, those nearest to
the record in place of a posterior, and one experiment judged by the rules of `decision`: nine of ten draws, twice. Guards
that can only withhold a decision (ancestors, the base, controls, ceilings, everyone) are not in it. Two days are quiet, then a shock to
everybody's pressure begins. All is known of a world but the size of the shock and the base pressure. Five kinds:

    on        the shock is large (`shock_of`); the arm takes it away
    off       the shock is so small that it does next to nothing; the arm takes it away
    drawn     the shock is a draw of its prior, as large or small as it comes; the arm takes it away
    nothing   the arm changes nothing but luck: an effect that cannot be there
    unseen    the record is made without the shock, the arm brings it: no record could tell its size

The truth is Delta at the true parameters, over `true_seeds` seeds: at least the smallest effect, or not. Error rates and their bars stand
in `rates`; saying nothing breaks none of them, so how many true effects are found stands beside them. This tries the rules where what is
tested is learned from the record. The experiments draw it anew from its prior, where no rule can find more than the ceiling of that prior:
their verdicts are not tried here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.contrast import Answer
from qantar.effects.experiment_file import BASE, Part
from qantar.effects.measures import MEASURES, Seen, Window, seen_of
from qantar.effects.verdict import judged
from qantar.ensemble.histories import Runs
from qantar.ensemble.one_run import one_run
from qantar.ensemble.pool import in_processes
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, model_hash
from qantar.errors import StudyError, fail
from qantar.files.cells import to_csv
from qantar.files.programs import sha256_of
from qantar.files.write import keep, read_kept
from qantar.reporting.history import history_seed
from qantar.scenario.parameters import Values, draw, parameters
from qantar.scenario.plan import Plan
from qantar.statistics import wilson
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Row, Sentence, Table, heads, pair
from qantar.studies.cells import percent
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study
from qantar.study_keys import StudyKey, lot
from qantar.stylized.countries import base_plan

Floats = NDArray[np.float64]
KINDS = ("on", "off", "drawn", "nothing", "unseen")
HALF = ("nothing", "unseen")
"""Kinds of which half as many are made: their bars are hard to miss."""
QUIET, STOP = 48.0, 300_000.0
"""Hours of the quiet days before the shock, and people out at once that break a history off."""
SMALLEST = 0.301
"""Twice as many people out (log10)."""
_WORDS = dict.fromkeys(("asks_en", "asks_zh", "smallest_en", "smallest_zh"), "planted")
PART = Part.model_validate(
    {"id": "a", "measure": "peak", "contrast": {BASE: 1, "arm": -1}, "direction": "rise", "smallest": SMALLEST, **_WORDS}
)
SHOCK, SHOCK_LEAST, SHOCK_MOST = "price_effect", 0.12, 6.0
"""The coefficient of the shock (log pressure) and its prior: nobody knows its order of magnitude, so evenly on the logarithm."""
UNKNOWN = "base_pressure"
"""What nobody knows of a world beside the shock. With everything unknown 40 of 600 draws are no neighbourhood and nothing is
decided: no error, and no news."""
BASE_TIMES = 20.0
"""Base pressure for each of its prior: with less, a quiet day has nobody out and a record says nothing."""


@dataclass(frozen=True)
class Setup:
    """How large worlds are, and how many histories stand behind each number.

    Parameters
    ----------
    scale : residents of the model for each of the country
    hours : of a history
    draws : of the priors
    near : those of them that stand for a posterior
    seeds : of each in an experiment
    true_seeds : seeds behind the truth
    """

    scale: float = 0.01
    hours: int = 96
    draws: int = 600
    near: int = 40
    seeds: int = 2
    true_seeds: int = 20

    def as_dict(self) -> dict[str, Any]:
        """All that a reader of a result may want to know."""
        return {
            "scale": self.scale, "hours": self.hours, "quiet": QUIET, "draws": self.draws, "near": self.near, "seeds": self.seeds,
            "true_seeds": self.true_seeds, "smallest": SMALLEST, "shock": [SHOCK_LEAST, SHOCK_MOST], "base_times": BASE_TIMES,
        }  # fmt: skip


FULL, QUICK = Setup(), Setup(scale=0.0005, hours=72, draws=12, near=4, seeds=2, true_seeds=2)
RULES = (
    "studies/planted", "effects/decision", "effects/contrast", "effects/verdict", "stylized/countries", "effects/measures", "study_keys"
)  # fmt: skip
"""Files that a verdict depends on, besides the model: worlds that were judged by others are not read."""


class PlantedOptions(Options):
    """What can be asked."""

    each: Annotated[int, kind.whole("cli.opt_each", "worlds", 1, 100_000)] = 100
    quick: Annotated[bool, Option("cli.opt_planted_quick")] = False
    seed: kind.Seed = 2022


def run(asked: Asked[PlantedOptions], runner: Runner) -> Outcome:
    """Every world, and how often the rules were wrong."""
    options, setup = asked.options, QUICK if asked.options.quick else FULL
    rows = worlds(options.seed, options.each, runner, setup=setup)
    rules = {"version": decision.VERSION, "sha256": decision.sha256()}
    facts: dict[str, Any] = {"setup": setup.as_dict(), "rules": rules, "rates": rates(rows)}
    return Outcome({}, facts | ({"quick": True} if options.quick else {}), seed=options.seed, files=tables_of(rows))


def tables_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Worlds and rates as tables, numbers with all their digits."""
    tables = {"worlds": rows, "rates": rates(rows)}
    return {f"{name}.csv": to_csv(list(table[0]), [list(r.values()) for r in table]) for name, table in tables.items()}


def plan_of(seed: int, number: int, setup: Setup = FULL) -> Plan:
    """The country of a world, small and short; the shock comes after the quiet days and its size is left to the draws."""
    plan = base_plan(seed, number)
    fixed = {k: v for k, v in plan.parameters.items() if k != SHOCK}
    steps = [s.model_copy(update={"at": s.at + QUIET}) for s in plan.steps if s.at + QUIET < setup.hours]
    days_off = [False] * (setup.hours // 24)
    return plan.model_copy(update={"scale": setup.scale, "hours": setup.hours, "days_off": days_off, "steps": steps, "parameters": fixed})


def arms_of(plan: Plan, kind: str) -> tuple[Plan, Plan]:
    """The country that makes the record, and the arm beside it: of the two with and without the shock, or the same twice."""
    without = plan.model_copy(update={"parameters": {**plan.parameters, SHOCK: 0.0}})
    return {"nothing": (plan, plan), "unseen": (without, plan)}.get(kind, (plan, without))


def shock_of(seed: int, number: int, k: int, kind: str = "") -> float:
    """The shock of draw k of a world, by its prior; for `on` from the upper half of the range, for `off` from the lowest third of logs."""
    u = lot(seed, StudyKey.PLANTED_WORLD, k, number)
    if kind == "on":
        return SHOCK_MOST * (1 + u) / 2
    return float(SHOCK_LEAST * (SHOCK_MOST / SHOCK_LEAST) ** (u / 3 if kind == "off" else u))


def _own_seed(seed: int, number: int) -> int:
    """Seed of all that is drawn of a world."""
    return history_seed(seed, number, int(StudyKey.PLANTED_WORLD))


def truth_of(seed: int, number: int, kind: str = "", setup: Setup = FULL) -> Values:
    """The true parameters of a world."""
    return _louder(draw(_own_seed(seed, number), setup.draws), shock_of(seed, number, setup.draws, kind))


def drawn(seed: int, number: int, k: int, setup: Setup = FULL) -> Values:
    """Draw k of the priors of a world: what is known of it is the truth in every draw."""
    own = _own_seed(seed, number)
    return _louder({**draw(own, setup.draws), UNKNOWN: parameters()[UNKNOWN].draw(own, k)}, shock_of(seed, number, k))


def _louder(values: Values, shock: float) -> Values:
    return {**values, SHOCK: shock, "base_pressure": BASE_TIMES * values["base_pressure"]}


def simulated(plan: Plan, values: Sequence[Values], seed: int, replicates: int) -> Runs:
    """Histories of these parameters, so many seeds of each."""
    recipe = Recipe(plan, seed, sampling="given", replicates=replicates, stop_above=STOP)
    return seen_of([one_run(recipe, k, values) for k in range(len(values) * replicates)]).runs


def record_of(runs: Runs) -> Floats:
    """What a record of a history would hold: log participants by day and regions with reported unrest by day, shape (runs, 2 x days)."""
    return np.concatenate([np.log10(1 + runs.participants), runs.presence.sum(axis=2)], axis=1)


def world(seed: int, number: int, kind: str, setup: Setup = FULL) -> dict[str, Any]:
    """One study of a world, and the truth.

    Parameters
    ----------
    seed : of all worlds
    number : which country
    kind : one of `KINDS`
    """
    arms = arms_of(plan_of(seed, number, setup), kind)
    own, effect = _own_seed(seed, number), true_effect(seed, number, kind, setup)
    prior = [drawn(seed, number, k, setup) for k in range(setup.draws)]
    table = record_of(simulated(arms[0], prior, own + 2, 1))
    record = record_of(simulated(arms[0], [truth_of(seed, number, kind, setup)], own + 3, 1))[0]
    scale = np.maximum(table.std(axis=0), 0.1)
    near = np.argsort(np.abs((table - record) / scale).mean(axis=1), kind="stable")[: setup.near]
    rows = []
    luck = own + 5 if kind == "nothing" else own + 4
    for basis, values in (("prior", prior[: setup.near]), ("posterior", [prior[int(k)] for k in near])):
        seeds = _difference(arms, kind, values, (own + 4, luck), setup.seeds)
        rows.append(Answer("planted", PART, basis, "", seeds, np.array([]), seed).as_dict())
    verdict, basis = judged(rows)
    return {"kind": kind, "number": number, "effect": effect, "true": effect >= SMALLEST, "verdict": verdict, "basis": basis}


def true_effect(seed: int, number: int, kind: str, setup: Setup = FULL) -> float:
    """What the shock does to the peak at the true parameters (log10), seeds averaged; in `nothing`, the same history twice."""
    own, true = _own_seed(seed, number), [truth_of(seed, number, kind, setup)]
    return float(_difference(arms_of(plan_of(seed, number, setup), kind), kind, true, (own, own), setup.true_seeds).mean())


def _difference(arms: tuple[Plan, Plan], kind: str, values: Sequence[Values], luck: tuple[int, int], replicates: int) -> Floats:
    """What the shock does to the peak (log10) of each draw and seed, shape (draws, replicates); the luck is that of each arm."""
    of, other = (_peak(plan, values, seed, replicates) for plan, seed in zip(arms, luck, strict=True))
    return other - of if kind == "unseen" else of - other  # there the shock is in the arm


def _peak(plan: Plan, values: Sequence[Values], seed: int, replicates: int) -> Floats:
    """The measure of each draw and seed, shape (draws, replicates)."""
    runs = simulated(plan, values, seed, replicates)
    return MEASURES["peak"].of(Seen(runs, np.empty((0, 0, 0))), Window([0], [0])).reshape(len(values), replicates)


def wanted(n: int, kinds: Sequence[str] = KINDS) -> list[tuple[int, str]]:
    """Number and kind of each world; of the kinds in `HALF`, half as many.

    >>> len(wanted(100)), wanted(1)
    (400, [(0, 'on'), (0, 'off'), (0, 'drawn'), (0, 'nothing'), (0, 'unseen')])
    """
    return [(k, kind) for k in range(n) for kind in kinds if kind not in HALF or 2 * k < n]


def worlds(seed: int, n: int, runner: Runner, *, kinds: Sequence[str] = KINDS, setup: Setup = FULL) -> list[dict[str, Any]]:
    """Worlds of every kind; those that were done before are read from the folder of stores.

    Parameters
    ----------
    n : worlds of each kind; of those in `HALF`, half as many

    Raises
    ------
    StudyError
        If a process dies.
    ResultError
        If a world that was kept is not as it was written.
    """
    folder = runner.store / f"planted-{model_hash()[:16]}-{_rules()[:16]}-{seed}{'' if setup == FULL else '-quick'}"
    asked, progress = wanted(n, kinds), runner.stage("worlds")
    missing = [w for w in asked if not _file(folder, *w).is_file()]
    done = len(asked) - len(missing)
    progress(done, len(asked))

    def finished(_: tuple[int, int, str, Setup], row: dict[str, Any]) -> None:
        nonlocal done
        keep(_file(folder, row["number"], row["kind"]), row)
        done += 1
        progress(done, len(asked))

    try:
        in_processes(world, [(seed, *w, setup) for w in missing], runner.processes, finished)
    except BrokenProcessPool:
        raise fail(StudyError, folder, "world_dies") from None
    return [read_kept(_file(folder, *w)) for w in asked]


def _rules() -> str:
    """SHA-256 of the files that judge a world."""
    root = Path(str(resources.files("qantar")))
    return sha256_of({name: (root / f"{name}.py").read_text(encoding="utf-8") for name in RULES})


def _file(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{kind}-{number:04d}.json"


def rates(worlds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Error rates with their 95 % intervals and the bar of each, which holds where the rate that was seen is not above it.

    Of worlds (on, off, drawn) whose true effect is too small, those called supported; of those where it is large enough, contradicted; of
    the drawn worlds called so, those that are not: what nine of ten draws of a posterior promise; of `unseen`, those decided by experiment.

    >>> one = {"kind": "off", "true": False, "verdict": "supported", "basis": "experiment"}
    >>> [(r["rate"], r["of"], r["share"]) for r in rates([one])][0]
    ('wrong supported', 1, 1.0)
    """
    plain, random = [w for w in worlds if w["kind"] not in HALF], [w for w in worlds if w["kind"] == "drawn"]
    small, large = [w for w in plain if not w["true"]], [w for w in plain if w["true"]]
    so, not_so = ([w for w in random if w["verdict"] == verdict] for verdict in ("supported", "contradicted"))
    nothing, unseen = ([w for w in worlds if w["kind"] == name] for name in HALF)
    decided = [w for w in unseen if w["basis"] == "experiment" and w["verdict"] in decision.DECIDED]
    table = (
        ("wrong supported", sum(w["verdict"] == "supported" for w in small), len(small), 0.1),
        ("wrong contradicted", sum(w["verdict"] == "contradicted" for w in large), len(large), 0.1),
        ("untrue among supported", sum(not w["true"] for w in so), len(so), 0.1),
        ("true among contradicted", sum(w["true"] for w in not_so), len(not_so), 0.1),
        ("nothing supported", sum(w["verdict"] == "supported" for w in nothing), len(nothing), 0.05),
        ("unseen decided by experiment", len(decided), len(unseen), 0.1),
        ("right supported", sum(w["verdict"] == "supported" for w in large), len(large), None),
        ("right contradicted", sum(w["verdict"] == "contradicted" for w in small), len(small), None),
    )
    rows = []
    for name, hits, n, bar in table:
        low, high = wilson(hits, n)
        share = hits / n if n else 0.0
        rows.append({"rate": name, "hits": hits, "of": n, "share": share, "low": low, "high": high, "bar": bar,
                     "holds": None if bar is None or not n else share <= bar})  # fmt: skip
    return rows


def page(result: Result) -> Iterator[Block]:
    """Whether the rules can be trusted, in words, and every rate against its bar.

    What a world said is not kept, so it is not judged by later rules: the words name the version that judged it, the first where none is
    named.
    """
    rows = {r["rate"]: r for r in result.tables["rates"]}
    small, large = rows["wrong supported"], rows["wrong contradicted"]
    counts = {"small": small["of"], "large": large["of"], "wrong": small["hits"], "missed": large["hits"]}
    version = result.made.get("rules", {}).get("version", 1)
    yield Sentence(pair("report.planted_text", **counts, right=rows["right supported"]["hits"], version=version), "lead")
    columns = heads("planted", ("rate", "worlds", "share", "bar", "holds"), words=("rate", "holds"))
    yield Table(columns, list(map(_cells, rows.values())), pair("planted.title"))
    yield Sentence(pair("planted.note", seeds=result.made["setup"]["true_seeds"]), "note")


def _cells(r: Row) -> list[Cell]:
    """What is counted, how often of how many, the share with its interval, its bar, and whether that holds."""
    share = percent(r["share"], r["low"], r["high"]) if r["of"] != "0" else "–"
    holds: Cell = "" if r["holds"] == "" else pair("out.yes" if r["holds"] == "True" else "out.no")
    bar = "" if r["bar"] == "" else percent(r["bar"])
    return [pair(f"planted.{r['rate'].replace(' ', '_')}"), f"{r['hits']} / {r['of']}", share, bar, holds]


def is_current(made: Mapping[str, Any]) -> bool:
    """Whether it was made in worlds as these."""
    return bool(made["setup"] == FULL.as_dict())


STUDY = Study(
    "planted",
    PlantedOptions,
    run,
    page,
    Ships(minutes=85),
    small={"each": 1, "quick": True},
    columns={
        "worlds": ("kind", "number", "effect", "true", "verdict", "basis"),
        "rates": ("rate", "hits", "of", "share", "low", "high", "bar", "holds"),
    },
    facts=("setup", "rates"),
    current=is_current,
)
