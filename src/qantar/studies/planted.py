"""Planted worlds: how often the whole procedure of the study is wrong, and what it finds, where the answer is known (`effects.planted`).

In: a scenario with experiments. Out: a row a world and part, rates by part against the bars that were stated before, what could have
come out, and how much of its record each world would show again. By default 24 worlds of 40 draws each, of some 2,500 histories: more than
an hour on two cores beyond the table of the priors and the quiet period of its uprisings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np

from qantar.effects import decision
from qantar.effects.decision import DECIDED
from qantar.effects.experiment_file import FOLDER, chosen, load_experiments
from qantar.effects.planted import NEAR, NOT_THERE, THERE, Effort, Planting, parts_of, worlds
from qantar.ensemble.histories import HALF
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.inference.calibration import Terms
from qantar.inference.posterior import known_table
from qantar.scenario.scenario import resolve
from qantar.statistics import wilson
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Figure, Row, Sentence, Shares, Table, heads, joined, pair
from qantar.studies.cells import feature_label, percent, scale_words, shown_share
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study, cell
from qantar.verdicts.hypotheses import WITHHELD

QUICK = Effort(worlds=4, table=400, draws=8, force_draws=2, true_seeds=4)
"""Some minutes at 1:50: whether everything works. So few draws decide nothing."""
ALL = "all"
"""What a rate over all parts is of."""
WRONG, FOUND, LUCK = 0.1, 0.4, 0.0
"""Bars: of what is decided, at most so much is wrong; of effects that are there, at least so much is found; luck is never an effect."""
RANGE: Mapping[str, Callable[[Sequence[int]], float]] = {"least": min, "middle": median, "most": max}
WORDS = ("supported", "contradicted", "undecided", "not-decidable", "not-judged")


class PlantedOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    only: Annotated[tuple[str, ...], Option("cli.opt_hypothesis", metavar="HYPOTHESIS")] = ()
    worlds: Annotated[int | None, kind.whole("cli.opt_worlds", "worlds", 1, 100_000)] = None
    table: Annotated[int | None, kind.whole("cli.opt_table", "draws", 30, 1_000_000)] = None
    draws: Annotated[int | None, kind.whole("cli.opt_world_draws", "draws", 1, 100_000)] = None
    force_draws: Annotated[int | None, kind.whole("cli.opt_force_draws", "number", 0, 10_000)] = None
    true_seeds: Annotated[int | None, kind.whole("cli.opt_true_seeds", "seeds", 1, 10_000)] = None
    kept: Annotated[Path | None, Option("cli.opt_kept_worlds", metavar="FOLDER", neutral=True)] = None
    known: kind.KnownTable = None
    quick: Annotated[bool, Option("cli.opt_planted_quick")] = False
    seed: kind.Seed = 2022
    scale: kind.QuickScale = None


def run(asked: Asked[PlantedOptions], runner: Runner) -> Outcome:
    """Every world, and how often the procedure was wrong."""
    options, scenario = asked.options, asked.named
    names = ("worlds", "table", "draws", "force_draws", "true_seeds")
    effort = replace(QUICK if options.quick else Effort(), **{k: v for k in names if (v := getattr(options, k)) is not None})
    specs = [w.spec for w in chosen(load_experiments(scenario), options.only)]
    if all(spec.type != "counterfactual" for spec in specs):
        raise fail(StudyError, FOLDER, "no_counterfactuals")
    plan = resolve(scenario, scale=kind.scale_of(options.scale, options.quick))
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    problem = Terms(scenario, effort.setup(effort.table), options.seed, scale=plan.scale, known=known).problem(runner)
    every = parts_of(scenario, specs, problem.table, options.seed)
    planting = Planting(scenario, problem, [p for p in every if p.could_be_decided], effort)
    rows, shown = worlds(planting, numbers := planting.numbers(runner), runner, options.kept)
    facts: dict[str, Any] = {
        "quick": options.quick, "effort": asdict(effort), "worlds_made": len(numbers), "parts": [p.as_dict() for p in every],
        "rules": {"version": decision.VERSION, "sha256": decision.sha256()}, "rates": rates(rows),
    }  # fmt: skip
    return Outcome(
        {"worlds": rows, "rates": rates(rows), "features": [{k: cell(x, 3) for k, x in r.items()} for r in shown]},
        facts,
        plan,
        options.seed,
    )


def rates(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How often, by part and over all: `hits` of `of`, the share with its 95 % interval, and its bar where it has one.

    Of worlds whose truth is near the smallest effect, what is decided is neither right nor wrong. `least` says that a bar is to be reached,
    not kept.

    >>> one = {"hypothesis": "H01", "part": "a", "truth": "not-there", "verdict": "supported", "reason": "", "luck": "contradicted"}
    >>> [(r["of_part"], r["rate"], r["hits"], r["of"], r["holds"]) for r in rates([one])][:2]
    [('all', 'wrong', 1, 1, False), ('all', 'found', 0, 0, None)]
    """
    parts = list(dict.fromkeys(f"{r['hypothesis']} {r['part']}" for r in rows))
    return [rate for name in (ALL, *parts) for rate in _rates(name, [r for r in rows if name in (ALL, f"{r['hypothesis']} {r['part']}")])]


def _rates(name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    clear = [r for r in rows if r["truth"] != NEAR]
    there, absent = ([r for r in clear if r["truth"] == truth] for truth in (THERE, NOT_THERE))
    decided, tried = [r for r in clear if r["verdict"] in DECIDED], [r for r in rows if r["luck"]]

    def said(of: Sequence[Mapping[str, Any]], *words: str) -> int:
        return sum(r["verdict"] in words for r in of)

    table = [
        ("wrong", said(absent, "supported") + said(there, "contradicted"), len(decided), WRONG, False),
        ("found", said(there, "supported"), len(there), FOUND, True),
        ("luck-supported", sum(r["luck"] == "supported" for r in tried), len(tried), LUCK, False),
        ("ruled-out", said(absent, "contradicted"), len(absent), None, False),
        *((word, said(rows, word), len(rows), None, False) for word in WORDS),
        *((truth, sum(r["truth"] == truth for r in rows), len(rows), None, False) for truth in (THERE, NOT_THERE, NEAR)),
    ]
    found = []
    for rate, hits, n, bar, least in table:
        share, (low, high) = hits / n if n else 0.0, wilson(hits, n)
        holds = None if bar is None or not n else (share >= bar if least else share <= bar)
        found.append(
            {"of_part": name, "rate": rate, "hits": hits, "of": n, "share": share, "low": low, "high": high, "bar": bar, "holds": holds}
        )
    return found


def page(result: Result) -> Iterator[Block]:
    """Whether the procedure can be trusted, in words; every bar; each part with what was said and why not more; what could not come out."""
    made, rows = result.made, result.tables["worlds"]
    by = {(r["of_part"], r["rate"]): r for r in result.tables["rates"]}
    counts = {k: by[ALL, k] for k in ("wrong", "found", "luck-supported")}
    told = {f"{k.partition('-')[0]}_{end}": int(r[end]) for k, r in counts.items() for end in ("hits", "of")}
    yield Sentence(pair("report.planted_text", worlds=made["worlds_made"], version=made["rules"]["version"], **told), "lead")
    yield Sentence(pair("planted.stamp", scale=scale_words(made["scale"]), **made["effort"]), "stamp")
    columns = heads("planted", ("rate", "worlds", "share", "bar", "holds"), words=("rate", "holds"))
    yield Table(columns, list(map(_bar, counts.values())), pair("planted.title"))
    yield Sentence(pair("planted.features", **_again(result.tables["features"])))
    yield _features(result.tables["features"])
    columns = heads(
        "planted", ("part", "there", "supported", "contradicted", "undecided", "withheld", "wrong", "why"), words=("part", "why")
    )
    names = [name for name in dict.fromkeys(r["of_part"] for r in result.tables["rates"]) if name != ALL]
    yield Table(columns, [_part(name, by, rows) for name in names], pair("planted.parts"))
    if shut := [p for p in made["parts"] if not p["tried"]]:
        cells = [f"{p['hypothesis']}{p['part']} {100 * p['ceiling']:.0f} %" for p in shut]
        yield Sentence(pair("planted.shut", parts=joined(cells, pair("report.comma"))), "note")
    yield Sentence(pair("planted.note", seeds=made["effort"]["true_seeds"]), "note")


def _again(rows: Sequence[Row]) -> dict[str, str]:
    """How many features of their records half of new histories show, at true and at fitted parameters: median, least and most of worlds."""
    by_world = [[r for r in rows if r["world"] == world] for world in dict.fromkeys(r["world"] for r in rows)]
    counts = {k: [sum(float(r[k]) >= HALF for r in own) for own in by_world] for k in ("true", "fitted")} | {"of": list(map(len, by_world))}
    return {"worlds": str(len(by_world)), **{f"{k}_{at}": f"{f(n):.0f}" for k, n in counts.items() for at, f in RANGE.items()}}


def _features(rows: Sequence[Row]) -> Figure:
    """The same by kind of feature: the mean share of new histories that show it, and the middle half over worlds and features."""
    kinds, keys = list(dict.fromkeys(r["kind"] for r in rows)), ("true", "fitted")
    names = [feature_label(of, "…", {}) for of in kinds]
    marks = {key: [_spread([float(r[key]) for r in rows if r["kind"] == of]) for of in kinds] for key in keys}
    told = [[shown_share(middle, low, high) for low, middle, high in own] for own in marks.values()]
    cells = [list(row) for row in zip(names, *told, strict=True)]
    table = Table(heads("planted", ("feature", *keys), words=("feature",)), cells, look="features")
    return Figure("planted", Shares(names, [(pair(f"planted.{key}"), own) for key, own in marks.items()]), table)


def _spread(shares: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, mean and upper quartile."""
    low, high = np.quantile(shares, (0.25, 0.75)).tolist()
    return low, float(np.mean(shares)), high


def _bar(r: Row) -> list[Cell]:
    """What is counted, how often of how many, the share with its interval, its bar, and whether that holds."""
    share = percent(r["share"], r["low"], r["high"]) if r["of"] != "0" else "–"
    holds: Cell = "–" if r["holds"] == "" else pair("out.yes" if r["holds"] == "1" else "out.no")
    bar = pair("planted.at_least" if r["rate"] == "found" else "planted.at_most", share=percent(r["bar"]))
    return [pair(f"planted.rate_{r['rate']}"), f"{r['hits']} / {r['of']}", share, bar, holds]


def _part(name: str, by: Mapping[tuple[str, str], Row], rows: Sequence[Row]) -> list[Cell]:
    """A part: how often it is so, what was said of it, how often that was wrong, and what most often withheld a verdict."""
    counts = {rate: int(r["hits"]) for (of, rate), r in by.items() if of == name}
    wrong = by[name, "wrong"]
    reasons = Counter(r["reason"] for r in rows if f"{r['hypothesis']} {r['part']}" == name and r["verdict"] in WITHHELD)
    why: Cell = "–"
    if reasons:
        reason, n = min(reasons.items(), key=lambda item: (-item[1], item[0]))
        why = joined([pair(f"planted.why_{reason}"), f" ({n})"])
    withheld = str(sum(counts[word] for word in WITHHELD))
    truth = f"{counts[THERE]} / {by[name, THERE]['of']}"
    said = [str(counts[word]) for word in ("supported", "contradicted", "undecided")]
    return [name, truth, *said, withheld, f"{wrong['hits']} / {wrong['of']}", why]


STUDY = Study(
    "planted",
    PlantedOptions,
    run,
    page,
    Ships(minutes=75, places={"kept": "worlds", "known": kind.PRIOR_TABLE}),
    small={
        "scenario": "kazakhstan-2022",
        "only": ("H02", "H12"),
        "worlds": 1,
        "table": 30,
        "draws": 2,
        "force_draws": 1,
        "true_seeds": 2,
        "scale": 0.001,
    },
    columns={
        "worlds": ("world", "hypothesis", "part", "effect", "truth", "verdict", "reason", "luck"),
        "rates": ("of_part", "rate", "hits", "of", "share", "low", "high", "bar", "holds"),
        "features": ("world", "kind", "of", "true", "fitted"),
    },
    facts=("effort", "parts", "rules", "rates"),
)
