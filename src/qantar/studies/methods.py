"""Four methods of revolution in drawn countries: does each do better where the condition holds that is stated for it.

The experiment is written down before it is run, in a file of the case that asks (`stylized.experiment`); what is compared and how it is
judged says `stylized.comparison`. Nothing is sorted by outcome: a table of conditions, never a ranking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from qantar.effects import decision
from qantar.effects.experiment_file import FOLDER
from qantar.effects.versions import FILE, merged, read_versions, versions_csv
from qantar.ensemble.run import STAMP, made_by
from qantar.ensemble.runner import Runner
from qantar.files.cells import Number
from qantar.inference.posterior import FIT
from qantar.statistics import finite
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Figure, Intervals, Pair, Row, Sentence, Table, heads, joined, pair
from qantar.studies.cells import within
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Rows, Ships, Study
from qantar.stylized.comparison import Comparison, Judged, Whole, compared, pack, simulated
from qantar.stylized.countries import ALLOCATIONS, BLOCK, TRAITS, country, halves
from qantar.stylized.experiment import Shape, Written, load_experiment, packaged_folder, shape_of
from qantar.stylized.navco import Counts, count, levels_of, packed_counts
from qantar.verdicts.hypotheses import stylized

QUICK = (BLOCK, 10)
"""Countries and draws of a look."""
SHARE = ("part", "share", "low", "high")
"""Columns of the shares of variance."""
CaseOption = Option("cli.opt_methods_case", argument=True, metavar="SCENARIO")
FileOption = Option("cli.opt_experiment", metavar="FILE")


class MethodsOptions(Options):
    """What can be asked."""

    scenario: Annotated[str | None, CaseOption] = None
    countries: Annotated[int | None, kind.whole("cli.opt_countries", "countries", 1, 4096)] = None
    draws: Annotated[int | None, kind.whole("cli.opt_method_draws", "draws", 2, 100_000)] = None
    quick: Annotated[bool, Option("cli.opt_methods_quick")] = False
    seed: Annotated[int | None, Option("cli.opt_methods_seed", Number("number", 0, 2**62, whole=True))] = None
    experiment: Annotated[Path | None, FileOption] = None
    navco: Annotated[Path | None, Option("cli.opt_navco", metavar="FILE")] = None
    pack: Annotated[Path | None, Option("cli.opt_pack_methods", metavar="FILE", neutral=True, writes="file")] = None


def run(asked: Asked[MethodsOptions], runner: Runner) -> Outcome:
    """The experiment of a case: that of the scenario, or the packaged one."""
    options = asked.options
    folder = packaged_folder() if asked.scenario is None else asked.scenario.case.folder / FOLDER
    written = load_experiment(folder, options.experiment)
    counts = packed_counts(folder) if options.navco is None else count(options.navco)
    countries, draws = (a or b for a, b in zip((options.countries, options.draws), QUICK if options.quick else (None, None), strict=True))
    shape = shape_of(written.experiment, countries, draws)
    seed = written.experiment.seed if options.seed is None else options.seed
    runs = simulated(shape, seed, runner)
    outcome = outcome_of(folder.parent, written, counts, runs, shape, seed)
    made = {**made_by(), **asdict(shape), "seed": seed}
    elsewhere = {} if options.pack is None else {options.pack: pack(runs, made)}
    return replace(outcome, facts={**outcome.facts, "quick": options.quick}, elsewhere=elsewhere)


def outcome_of(case: Path, written: Written, counts: Counts, runs: Sequence[Whole], shape: Shape, seed: int) -> Outcome:
    """What histories say, with what the claims were said to be under earlier rules in the result that ships with the case."""
    result = compared(written.experiment, counts, runs, shape, seed)
    facts = facts_of(result, written, counts)
    row = stylized(facts)[written.experiment.hypothesis].now
    files = {FILE: versions_csv(merged(read_versions(case / FIT / STUDY.name), [row]))}
    return Outcome(tables_of(result, facts, counts), facts, seed=seed, files=files)


def facts_of(result: Comparison, written: Written, counts: Counts) -> dict[str, Any]:
    """What `result.json` says: claims with their numbers, shares of variance, campaigns, and the words of the experiment."""
    experiment = result.experiment
    sentences = ("question", "rule", "caution")
    return {
        "experiment_sha256": written.sha256,
        "rules": {"version": decision.VERSION, "sha256": decision.sha256()},
        "hypothesis": experiment.hypothesis,
        "stamp": STAMP,
        **asdict(result.shape),
        "histories": result.shape.histories,
        "seed": result.seed,
        "ceiling": result.ceiling,
        "supported_expected_by_chance": result.by_chance,
        "claims": [claim_row(r, experiment.outcome) for r in result.rows],
        "variance": [dict(zip(SHARE, (part, *map(finite, numbers)), strict=True)) for part, *numbers in result.shares],
        "campaigns": [asdict(c) for c in result.contrasts],
        "tuned": [dict(zip(("type", "campaigns", "successes", "share", "low", "high"), x, strict=True)) for x in levels_of(counts)],
        "outcomes": result.ends,
        "not_represented": [x.model_dump() for x in experiment.not_represented],
        "history_sha256": result.history_sha256,
        "words": {k: [getattr(experiment, f"{k}_{lang}") for lang in ("en", "zh")] for k in sentences},
        "conditions_in_words": {c.in_traits(): [c.condition_en, c.condition_zh] for c in experiment.claims},
    }


def claim_row(r: Judged, main: str) -> dict[str, Any]:
    """A claim on one outcome: what the rule says and the numbers behind it."""
    i, answer = r.interaction, r.answer
    share, low, high = i.share()
    claim = {"claim": r.claim.claim, "method": r.claim.method, "kind": r.claim.kind, "condition": r.claim.condition}
    asked = {"outcome": r.outcome, "main": r.outcome == main, "smallest": r.smallest}
    said = {"finding": i.finding, "verdict": answer.verdict, "reason": answer.reason, "reason_share": answer.share}
    reached = {"reached": i.reached, "draws": i.draws, "share": share, "share_low": low, "share_high": high}
    interaction = {"interaction": i.mean, "interaction_low": i.low, "interaction_high": i.high}
    own = {"": r.own.mean, "_low": r.own.low, "_high": r.own.high}
    return {
        **claim, **asked, **said, **reached, **interaction,
        "reached_against_unorganized": r.own.reached, **{f"against_unorganized{k}": v for k, v in own.items()},
        "over_draws_low": i.spread[0], "over_draws_high": i.spread[1], "noise": i.noise,
        "countries_with": i.countries[0], "countries_without": i.countries[1], "supported_by_chance": r.by_chance,
        "moving": r.moving, "detectable": finite(decision.detectable(r.seeds)),
    }  # fmt: skip


def tables_of(result: Comparison, facts: Mapping[str, Any], counts: Counts) -> dict[str, Rows]:
    """The tables of the folder; yes and no in them are True and False."""
    traits = [
        {"country": n, **{f"upper_{t}": halves(n)[t] for t in TRAITS}, **dict(list(asdict(country(result.seed, n)).items())[1:])}
        for n in range(result.shape.countries)
    ]
    by_condition = [
        {"claim": r.claim.claim, "method": r.claim.method, "kind": r.claim.kind, "condition": r.claim.in_traits(), "outcome": r.outcome}
        | {"countries": side, "allocation": allocation, **dict(zip(("mean", "low", "high"), cells, strict=True))}
        for r in result.rows
        for side, table in zip(("with", "without"), r.levels.tolist(), strict=True)
        for allocation, cells in zip(ALLOCATIONS, table, strict=True)
    ]
    interactions = [{**c, "condition": r.claim.in_traits()} for c, r in zip(facts["claims"], result.rows, strict=True)]
    keys = ("half", "type", "contrast", "level", "campaigns", "successes")
    tables: dict[str, Rows] = {
        "interactions": interactions,
        "conditions": by_condition,
        "variance": [dict(zip(SHARE, row, strict=True)) for row in result.shares],
        "countries": traits,
        "campaigns": facts["campaigns"],
        "campaign-counts": [dict(zip(keys, (*key, *value), strict=True)) for key, value in counts.items()],
    }
    return {name: [{k: str(v) if isinstance(v, bool) else v for k, v in row.items()} for row in rows] for name, rows in tables.items()}


def page(result: Result) -> Iterator[Block]:
    """Conditions first, then what the rule says, shares of variance, past campaigns, and what is not represented. Nothing is sorted."""
    made, claims = result.made, [r for r in result.tables["interactions"] if r["main"] == "True"]
    words: Mapping[str, Sequence[str]] = made.get("words", {})
    if "question" in words:
        yield Sentence(_pair(words["question"]), "lead")
    about = {k: made[k] for k in ("countries", "draws", "seeds", "seed")}
    yield Sentence(pair("methods.head", n=f"{int(made['histories']):,}", **about))
    yield conditions(result, claims)
    yield interactions(claims)
    by_chance = f"{float(made['supported_expected_by_chance']):.2f}"
    yield Sentence(pair("methods.ceiling", share=f"{100 * float(made['ceiling']):.0f}", chance=by_chance))
    yield Sentence(pair("methods.moving", share=f"{100 * max(float(r['moving']) for r in claims):.0f}"))
    yield variance(result.tables["variance"])
    yield campaigns(result.tables["campaigns"])
    yield Sentence(pair("methods.selected"), "note")
    yield Sentence(pair("methods.title_absent"))
    for absent in made.get("not_represented", ()):
        cells = {k: (absent[f"{k}_en"], absent[f"{k}_zh"]) for k in ("what", "why", "instead")}
        yield Sentence(pair("methods.absent", **cells), "note")
    for name in ("rule", "caution"):
        if name in words:
            yield Sentence(_pair(words[name]))


def _pair(words: Sequence[str]) -> Pair:
    en, zh = words
    return en, zh


def conditions(result: Result, claims: Rows) -> Table:
    """Mean outcome of every allocation where a condition holds, and where it does not."""
    outcome, in_words = claims[0]["outcome"], result.made.get("conditions_in_words", {})
    by: dict[tuple[str, ...], list[str]] = {}
    for r in result.tables["conditions"]:
        if r["outcome"] == outcome:
            key = (r["claim"], r["kind"], r["condition"], r["countries"])
            by.setdefault(key, []).append(within(r["mean"], r["low"], r["high"]))
    rows: list[list[Cell]] = [
        [claim, pair("methods.otherwise") if side == "without" else _pair(in_words.get(condition, (condition, condition))), *cells]
        for (claim, _, condition, side), cells in by.items()
    ]
    title = pair("methods.title_conditions", outcome=pair(f"method_outcome.{outcome}"))
    words = ("claim", "condition")
    return Table([*heads("methods", words, words), *heads("method", ALLOCATIONS)], rows, title)


def interactions(claims: Rows) -> Figure:
    """What the rule says of every claim, and the numbers behind it."""
    keys = ("claim", "method", "asked", "interaction", "own", "noise", "reached", "in_this_model", "chance")
    rows: list[list[Cell]] = []
    for r in claims:
        share, low, high = (f"{100 * float(r[k]):.0f}" for k in ("share", "share_low", "share_high"))
        asked = ("≥ {:g}" if r["kind"] == "matters" else "|…| < {:g}").format(float(r["smallest"]))
        own = _signed(r, "against_unorganized", "against_unorganized_low", "against_unorganized_high", 3)
        reached = f"{r['reached']} / {r['draws']}, {share} % [{low}, {high}]"
        mean = _signed(r, "interaction", "interaction_low", "interaction_high", 3)
        finding, chance = pair(f"methods.finding.{r['verdict']}"), f"{100 * float(r['supported_by_chance']):.0f} %"
        noise = f"{float(r['noise']):.3f}"
        rows.append([r["claim"], pair(f"method.{r['method']}"), asked, mean, own, noise, reached, finding, chance])
    table = Table(heads("methods", keys, words=("claim", "method", "asked", "in_this_model")), rows, pair("methods.title_claims"))
    names = [joined([r["claim"], " ", pair(f"method.{r['method']}")]) for r in claims]
    ends = [(float(r["interaction"]), float(r["interaction_low"]), float(r["interaction_high"])) for r in claims]
    return Figure("methods", Intervals(names, [(mean, (high - low) / 2) for mean, low, high in ends]), table)


def variance(shares: Rows) -> Table:
    """What the outcome varies with; nothing where it does not vary."""
    rows: list[list[Cell]] = []
    for r in shares:
        share, low, high = (f"{100 * float(r[k]):.1f}".replace("-", "−") if r[k] else "–" for k in ("share", "low", "high"))
        rows.append([pair(f"methods.part.{r['part']}"), f"{share} %", f"[{low}, {high}]"])
    columns = heads("methods", ("source_of_variance", "share", "interval"), words=["source_of_variance"])
    return Table(columns, rows, pair("methods.title_variance"))


def campaigns(contrasts: Rows) -> Table:
    """What the model says of past campaigns that it was not shown, and what is observed."""
    keys = ("contrast_head", "predicted", "naive", "observed", "campaigns", "of_draws")
    rows: list[list[Cell]] = []
    for r in contrasts:
        predicted = pair("methods.not_predicted") if r["predicted"] == "" else _signed(r, "predicted", "predicted_low", "predicted_high")
        observed = _signed(r, "observed", "observed_low", "observed_high")
        name = pair(f"methods.contrast.{r['name']}")
        rows.append([name, predicted, _sign(r["naive"]), observed, r["campaigns"].strip("()"), r["draws"]])
    return Table(heads("methods", keys, words=["contrast_head"]), rows, pair("methods.title_campaigns"))


def _sign(cell: str, digits: int = 2) -> str:
    return f"{float(cell):+.{digits}f}".replace("-", "−")


def _signed(row: Row, value: str, low: str, high: str, digits: int = 2) -> str:
    """A number with its sign and its interval."""
    return f"{_sign(row[value], digits)} [{_sign(row[low], digits)}, {_sign(row[high], digits)}]"


STUDY = Study(
    "methods",
    MethodsOptions,
    run,
    page,
    Ships(minutes=60, options={"draws": 40}, places={"pack": "methods.npz"}),
    small={"countries": BLOCK, "draws": 2},
    columns={
        "interactions": ("claim", "method", "kind", "outcome", "main", "smallest", "verdict", "reached", "draws", "interaction", "moving"),
        "conditions": ("claim", "kind", "condition", "outcome", "countries", "allocation", "mean", "low", "high"),
        "variance": SHARE,
        "campaigns": ("name", "predicted", "naive", "observed", "campaigns", "draws"),
    },
    facts=("hypothesis", "experiment_sha256", "rules", "countries", "draws", "seeds", "histories", "ceiling", "claims"),
)
