"""The experiments of a case, one file a hypothesis, run and judged: what each causal claim is worth in this model.

In: the files of a case (`effects.experiment_file`), draws of the priors that had an uprising, and the posterior where one ships. Out: for
each hypothesis a `Trial` (`verdicts.hypotheses`), by the rules of `effects.decision`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from qantar.effects import decision
from qantar.effects.asking import Asking
from qantar.effects.comparison import compared_rows, policy_row, power_row
from qantar.effects.contrast import FIFTHS, Answer, plans_of
from qantar.effects.decision import DECIDED, DIRECTIONS
from qantar.effects.experiment_file import FOLDER, Experiment, Written, chosen, load_experiments
from qantar.effects.inert import acting
from qantar.effects.orders import order_row
from qantar.effects.parameter_sets import Draws, ceilings_of, loud_draws
from qantar.effects.verdict import judged
from qantar.effects.versions import COLUMNS, Row, merged, read_versions
from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.forecast.rivals import fitted_draws
from qantar.inference.posterior import FIT, known_table, read_fit, told_unused
from qantar.inference.problem import prior_table
from qantar.scenario.scenario import Scenario, resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Figure, Forest, Pair, Sentence, Table, heads, joined, pair
from qantar.studies.cells import arm_name
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study, cell
from qantar.verdicts.hypotheses import WITHHELD, Trial, chance_of, expected_by_chance, summed, trials_of

OF_CURVE = ("hypothesis", "part", "basis", "rival", "state", "coefficient")
"""What names a curve in its table."""
HOW = ("null", "reversed", "mixed")
"""Findings that a contradicted part can rest on."""
TABLE_PART = 50
"""Histories in a part of the table of the priors."""


class ExperimentOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    only: Annotated[tuple[str, ...], Option("cli.opt_hypothesis", metavar="HYPOTHESIS")] = ()
    draws: Annotated[int | None, kind.whole("cli.opt_most_draws", "draws", 1, 100_000)] = None
    rivals: Annotated[int, kind.whole("cli.opt_under_rivals", "draws", 0, 100_000, metavar="DRAWS")] = 20
    everyone: Annotated[int, kind.whole("cli.opt_everyone", "draws", 0, 100_000, metavar="DRAWS")] = 0
    kept: Annotated[Path | None, Option("cli.opt_kept_answers", metavar="FOLDER", neutral=True)] = None
    fits: Annotated[Path | None, Option("cli.opt_rival_fits", metavar="FOLDER", neutral=True)] = None
    table: Annotated[int, kind.whole("cli.opt_table", "draws", 30, 1_000_000)] = 2_000
    known: kind.KnownTable = None
    seed: kind.Seed = 2022
    scale: kind.Scale = 0.1


def run(asked: Asked[ExperimentOptions], runner: Runner) -> Outcome:
    """Every experiment that can be run, and a verdict on each hypothesis."""
    options, scenario = asked.options, asked.named
    written = chosen(load_experiments(scenario), options.only)
    plan = resolve(scenario, scale=options.scale)
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    tried = [w.spec for w in written if w.spec.type == "counterfactual"]
    for spec in tried:
        refuse_idle(scenario, spec)
    size = options.table if tried else 0
    draws = draws_of(scenario, size, runner, seed=options.seed, scale=options.scale, known=known)
    if draws and tried:  # what could be found at all, told before hours of computing
        of = list(draws.values())[-1]
        parts = [f"{spec.hypothesis}{part} {100 * s:.0f} %" for spec in tried for part, s in ceilings_of(scenario, spec, of).items()]
        runner.note(pair("experiment.before", parts=", ".join(parts)))
    accounts = {name for spec in tried for name in spec.rivals} if options.rivals else set()
    fits = {} if options.fits is None else fitted_draws(options.fits, sorted(accounts))
    if lacking := sorted(accounts - {*fits}):
        runner.note(pair("experiment.no_fit", names=", ".join(lacking)))
    rivals = {arm: Draws(values) for arm, values in fits.items()}
    trying = Trying(scenario, draws, runner, options.scale, options.draws, options.rivals, options.everyone, options.kept, rivals)
    pairs = trying.all(written)
    trials = [trial for trial, _ in pairs]
    facts = {
        "draws": {basis: len(of.values) for basis, of in draws.items()},
        "rules": {"version": decision.VERSION, "sha256": decision.sha256()},
        "expected_supported_by_chance": expected_by_chance(trials),
        "trials": list(map(stored_trial, trials)),
    }
    return Outcome(tables_of(pairs), facts, plan, options.seed)


def refuse_idle(scenario: Scenario, spec: Experiment) -> None:
    """Raises StudyError for a part whose worlds are one under several names: no history could tell them apart."""
    plans = plans_of(scenario, spec, scale=kind.STUDY_SCALE)
    for part in spec.parts:
        worlds = [acting(plans[name]) for name, weight in part.contrast.items() if weight]
        if len(worlds) > 1 and all(world == worlds[0] for world in worlds):
            raise fail(StudyError, f"{FOLDER}/{spec.hypothesis}.toml", "experiment_idle", part=part.id, arms=", ".join(part.contrast))


def draws_of(scenario: Scenario, size: int, runner: Runner, *, seed: int, scale: float, known: Runs | None = None) -> dict[str, Draws]:
    """Draws of the priors with an uprising, and of the posterior if one of this model ships with the case.

    Parameters
    ----------
    size : draws of the priors looked at; with 0 nothing is needed and nothing is looked up
    known : histories of the first of them, from a packed table of this plan, seed and version of the model

    Raises
    ------
    ResultError
        As `run_ensembles`.
    """
    if not size:
        return {}
    plan = resolve(scenario, scale=scale)
    table = prior_table(plan, size, seed, runner, part=TABLE_PART, known=known)
    draws = {"prior": Draws(loud_draws(table, seed))}
    fit = read_fit(scenario.case.folder)
    if unused := told_unused(scenario, plan):
        runner.note(unused)
    elif fit is None:
        runner.note(pair("experiment.unfitted", folder=scenario.case.folder / FIT))
    else:
        draws["posterior"] = Draws(fit.posterior.values, fit.posterior.ancestors.tolist())
    return {basis: of for basis, of in draws.items() if of.values}


class Trying(Asking):
    """How the experiments of one study are run."""

    def all(self, written: Sequence[Written]) -> list[tuple[Trial, list[Answer]]]:
        """Run every experiment that can be run.

        Raises
        ------
        ScenarioError, StudyError, ResultError
            As `answers`.
        """
        earlier = read_versions(self.scenario.case.folder / FIT / STUDY.name)
        pairs = []
        for w in written:
            own = self.answers(w.spec) if w.spec.type == "counterfactual" else []
            pairs.append((trial_of(self.scenario, w, own, self.runner, earlier), own))
        return pairs


def trial_of(scenario: Scenario, w: Written, own: Sequence[Answer], runner: Runner | None = None, earlier: Sequence[Row] = ()) -> Trial:
    """The verdict on one hypothesis.

    Parameters
    ----------
    own : answers, where it is a counterfactual
    earlier : what hypotheses were said to be before, rows of a table of versions
    """
    spec = w.spec
    word, basis, rows, flips = _said(scenario, spec, own, runner or Runner())
    declared = (spec.rule_en, spec.rule_zh) if spec.type == "none" else ("", "")
    trial = Trial(spec.hypothesis, spec.type, word, basis, rows, flips, w.sha256, judges=tuple(spec.judges), declared=declared)
    return replace(trial, versions=tuple(merged(earlier, [trial.now])))


def _said(scenario: Scenario, spec: Experiment, own: Sequence[Answer], runner: Runner) -> tuple[str, str, list[dict[str, Any]], list[str]]:
    """Verdict, basis, rows and rivals that flip it."""
    if spec.type == "none":
        rows = [power_row(scenario, spec.hypothesis, spec.power.regions)] if spec.power else []
        return "not-testable", "none", rows + [{**r, "verdict": "not-testable"} for r in compared_rows(scenario, spec) or []], []
    if spec.signals:
        progress = runner.named(spec.hypothesis).stage("draws")
        row = policy_row(scenario, spec.hypothesis, spec.signals[0], spec.signals[1], spec.margin, progress)
        return row["verdict"], "prior", [row], []
    if spec.compare:
        compared = compared_rows(scenario, spec)
        if compared is None:
            return "not-run", "none", [], []
        return decision.any_of([r["verdict"] for r in compared]), "experiment", compared, []
    if not own:
        return "not-run", "none", [], []
    rows = [a.as_dict() for a in own] + [order_row(scenario, spec.hypothesis, part) for part in spec.orders]
    verdict, basis = judged(rows)
    here = {r["part"]: r["probability"] for r in rows if not r["rival"] and r["basis"] in ("prior", "posterior")}  # the latter comes last
    under = [r for r in rows if r["rival"] and r["verdict"] != "not-judged"]
    turned = {r["rival"] for r in under if decision.turned(here[r["part"]], r["probability"])}
    return verdict, basis, rows, sorted(turned)


def stored_trial(t: Trial) -> dict[str, Any]:
    """A verdict as `result.json` holds it: what `trials_of` reads."""
    return {
        "hypothesis": t.hypothesis, "type": t.type, "verdict": t.verdict, "basis": t.basis, "words": t.words, "flips": t.flips,
        "judges": t.judges, "file_sha256": t.sha256, "rules_version": t.rules, "reason_en": t.why("en"), "reason_zh": t.why("zh"),
        "rows": t.rows,
    }  # fmt: skip


def tables_of(pairs: Sequence[tuple[Trial, Sequence[Answer]]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of all parts, the effect in each draw, and what each hypothesis was said to be under each version of the rules."""
    rows = [r for t, _ in pairs for r in t.rows]
    names = [k for k in dict.fromkeys(k for r in rows for k in r) if k != "curve"]
    curves = [
        {**{k: r[k] for k in OF_CURVE}, "value": cell(value, 6), "draws": n, "reached": hits}
        for r in rows
        for value, n, hits in r.get("curve", ())
    ]
    by_draw = [
        (a.hypothesis, a.part.id, a.basis, a.rival, a.state, k, cell(d, 6), cell(a.coefficient[k], 6) if len(a.coefficient) else "")
        for _, own in pairs
        for a in own
        for k, d in enumerate(a.values)
    ]
    return {
        "experiments": [{n: cell(r.get(n), 6) for n in names} for r in rows],
        "draws": [dict(zip(STUDY.columns["draws"], row, strict=True)) for row in by_draw],
        "curves": curves,
        "versions": [{k: row.get(k, "") for k in COLUMNS} for t, _ in pairs for row in t.versions],
    }


def page(result: Result) -> Iterator[Block]:
    """For each hypothesis its verdict and why, the rivals under which it flips; all effects; what was said before."""
    trials = trials_of(result.made, list(result.tables["versions"]))
    yield Sentence(pair("experiment.chance", **summed(list(trials.values()))), "lead")
    yield Sentence(pair("experiment.title"))
    for trial in trials.values():
        yield from _sentences(trial, result.scenario)
    if rows_of(trials):
        yield forest_of(trials, result.scenario)
        yield Sentence(pair("experiment.note"), "note")
    yield Sentence(pair("experiment.rules", version=result.made["rules"]["version"]), "note")
    for table in (curves_table(trials), accounts_table(trials, result.scenario), versions_table(trials)):
        if table:
            yield table


def _sentences(trial: Trial, scenario: Scenario | None) -> Iterator[Block]:
    """The verdict as it must be quoted; why there is none; what the record could show."""
    flips = flips_of(trial, scenario)
    yield Sentence(joined([f"{trial.hypothesis}  ", trial.quoted, *([pair("report.semicolon"), flips] if flips else [])]))
    if trial.why("en"):
        yield Sentence(pair("experiment.why", why=(trial.why("en"), trial.why("zh"))))
    if trial.quiet is not None:
        yield Sentence(pair("experiment.quiet", share=f"{100 * trial.quiet:.0f}"))
    for r in trial.ordered:
        yield Sentence(order_words(r))
    for r in trial.rows:
        if r["measure"] == "power":
            few, least = {"few": r["few"], "of": r["of"]}, r["detectable"]
            yield Sentence(pair("experiment.never", **few) if least is None else pair("experiment.power", **few, ratio=f"{least:.2g}"))


def order_words(r: Mapping[str, Any]) -> Pair:
    """What two rankings say, and what could have come out."""
    shares = {k: f"{100 * r[k]:.3g}" for k in ("agree_low", "agree_high", "oppose_low", "oppose_high", "agree_best", "top_by_chance")}
    first = "tied" if r["top"] is None else "first" if r["top_is_first"] else "later"
    told = {"part": r["part"], "says": pair(f"experiment.{r['finding']}"), "n": r["regions"], "top": r["top"] or "", **shares}
    return pair("experiment.orders", first=pair(f"experiment.top_{first}", **told), **told)


def flips_of(trial: Trial, scenario: Scenario | None) -> Pair | None:
    """Rivals under which a counterfactual has another verdict, or that it has none, or that it was not repeated."""
    if trial.type != "counterfactual" or trial.verdict == "not-run" or (trial.verdict in WITHHELD and not trial.flips):
        return None
    if trial.flips:
        names = joined([arm_name(x, scenario) for x in trial.flips], pair("report.comma"))
        return joined([pair("experiment.flips"), pair("report.colon"), names])
    same = "steady" if trial.verdict in DECIDED else "open_too"
    return pair(f"experiment.{same}", n=len(trial.repeated)) if trial.repeated else pair("experiment.alone")


def rows_of(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    """Parts with an effect and a smallest one, as judged, of the model itself, by hypothesis: fitted where it was."""
    own = [r for _, trial in sorted(trials.items()) for r in trial.leading]
    return [r for r in own if r.get("smallest") and r.get("effect") is not None]


def forest_of(trials: Mapping[str, Trial], scenario: Scenario | None) -> Figure:
    """All effects in one figure: in smallest effects that count, in the direction asked about; its table has them in their units."""
    rows = rows_of(trials)
    parts = list(dict.fromkeys((r["hypothesis"], r["part"]) for r in rows))
    names = [joined([f"{h} ", arm_name(part, scenario)]) for h, part in parts]
    series: dict[str, list[tuple[int, float, float, float]]] = {}
    for r in rows:
        sign = DIRECTIONS.get(r.get("direction", "rise"), 1)
        low, middle, high = (sign * r[k] / r["smallest"] for k in ("low", "effect", "high"))
        series.setdefault(r["basis"], []).append((parts.index((r["hypothesis"], r["part"])), low, middle, high))
    keys = ("hypothesis", "part", "effect", "smallest", "probable", "detectable", "ceiling", "says")
    columns = heads("experiment", keys, words=("hypothesis", "part", "probable", "says"))
    return Figure("experiments", Forest(names, series), Table(columns, list(map(_cells, rows)), look="", anchor="hypothesis-"))


def _cells(r: Mapping[str, Any]) -> list[Cell]:
    """Hypothesis, part, effect with its range and tipping value, what counts, how probable it is, what would be seen and could be found;
    what the part says.
    """
    basis = pair(f"experiment.basis.{r['basis']}")
    spread = f"{r['effect']:.3g} ({r['low']:.3g} … {r['high']:.3g}) "  # no dash: ends may be negative
    effect: list[Cell] = [spread, pair(f"unit.{r['unit']}")]
    if r.get("tipping") is not None:
        value = f"{r['coefficient']} = {r['tipping']:.3g}"
        effect += [pair("report.semicolon"), pair("experiment.tipping"), pair("report.colon"), value]
    seen: Cell = "–"
    if r.get("moving") is not None:
        seen = pair("experiment.undefined") if r["detectable"] is None else f"{r['detectable']:.3g}"
    most = "–" if r.get("ceiling") is None else pair("experiment.ceiling_at_most", share=f"{100 * r['ceiling']:.0f}")
    says: list[Cell] = [pair(f"experiment.{r['verdict']}")]
    if r["verdict"] == "contradicted" and r.get("finding") in HOW:
        says += [" (", pair(f"experiment.how.{r['finding']}"), ")"]
    part = joined([r["part"].removeprefix("rival-"), " (", basis, ")"])
    probable: list[Cell] = [pair(f"experiment.{key}", **args) for key, args in chance_of(r)] or ["–"]
    return [r["hypothesis"], part, joined(effect), f"{r['smallest']:.3g}", joined(probable), seen, most, joined(says)]


def curves_table(trials: Mapping[str, Trial]) -> Table | None:
    """How the probability goes with the tested coefficient, in fifths of the draws that the verdict rests on; None without any."""
    rows: list[list[Cell]] = []
    for name, trial in sorted(trials.items()):
        for r in trial.leading:
            if curve := r.get("curve"):
                points = [f"{value:.2g}: {hits}/{n}" for value, n, hits in curve]
                rows.append([f"{name} {r['part']}", r["coefficient"], *points, *["–"] * (FIFTHS - len(points))])
    columns = [*heads("experiment", ("part", "coefficient"), words=("part", "coefficient"))]
    columns += [Column(pair("experiment.fifth", n=str(n + 1))) for n in range(FIFTHS)]
    return Table(columns, rows, pair("experiment.curves_title")) if rows else None


def accounts_table(trials: Mapping[str, Trial], scenario: Scenario | None) -> Table | None:
    """How probable each part is under each account; None where none was repeated."""
    accounts = sorted({name for trial in trials.values() for name in trial.repeated})
    rows: list[list[Cell]] = []
    for name, trial in sorted(trials.items()):
        for own in trial.leading if trial.repeated else []:
            under = {r["rival"]: r for r in trial.rows if r["rival"] and r["part"] == own["part"]}
            cells = [_likelihood(r) for r in (own, *map(under.get, accounts))]
            rows.append([f"{name} {own['part']}", *cells])
    columns = [Column(pair("experiment.part")), Column(pair("experiment.own_account")), *(Column(arm_name(x, scenario)) for x in accounts)]
    return Table(columns, rows, pair("experiment.accounts_title")) if rows else None


def _likelihood(r: Mapping[str, Any] | None) -> Cell:
    """The word for a probability; a dash where there is none, and where the base is not the case."""
    if r is None or r.get("probability") is None or r["verdict"] == "not-judged":
        return "–"
    return pair(f"likelihood.{r['likelihood']}")


def versions_table(trials: Mapping[str, Trial]) -> Table | None:
    """What each hypothesis was said to be under each version of the rules; None where there is one version only."""
    words = {name: {**{int(r["rules_version"]): r["verdict"] for r in t.versions}, t.rules: t.verdict} for name, t in trials.items()}
    versions = sorted({v for of in words.values() for v in of})
    if len(versions) < 2:
        return None
    columns = [Column(pair("experiment.hypothesis")), *(Column(pair("experiment.version", version=v)) for v in versions)]
    rows = [[name, *(pair(f"experiment.{of[v]}") if v in of else "–" for v in versions)] for name, of in words.items()]
    return Table(columns, rows, pair("experiment.versions_title"))


STUDY = Study(
    "experiments",
    ExperimentOptions,
    run,
    page,
    Ships(
        minutes=200,
        options={"table": 20_000, "draws": 40, "rivals": 20, "everyone": 8},
        places={"kept": "experiments", "fits": "rivals", "known": kind.PRIOR_TABLE},
    ),
    small={"scenario": "kazakhstan-2022", "only": ("H03", "H04", "H07"), "table": 40, "draws": 2, "rivals": 0, "scale": 0.001},
    columns={
        "experiments": ("hypothesis", "part", "basis", "rival", "effect", "low", "high", "verdict"),
        "draws": ("hypothesis", "part", "basis", "rival", "state", "draw", "effect", "coefficient"),
        "curves": (*OF_CURVE, "value", "draws", "reached"),
        "versions": COLUMNS,
    },
    facts=("trials", "rules", "scale"),
)
