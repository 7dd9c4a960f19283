"""What one change would have changed in this model: arms beside a base, over draws of the parameters (`effects.pairing`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from qantar.effects.answer import level
from qantar.effects.effect import BASE, EITHER
from qantar.effects.figure import draw_effects
from qantar.effects.pairing import FIRST, VARYING, Early, Effects, as_dict, counterfactual, plans_of
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.inference.posterior import read_draws, shipped_posterior, told_unused
from qantar.messages import LANGUAGES
from qantar.model.outcome import UPRISING
from qantar.scenario.parameters import Values
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, parse_set
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Pair, Row, Sentence, Table, heads, pair
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Study

COARSE = 100
"""People for whom one simulated person may stand, before a handful of them makes an uprising."""
NARROW = 9
"""Letters of an interval that stand on one line of a narrow table."""
HEADS = ("base", "with", "difference", "draws", "finding")


class CounterfactualOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    arm: Annotated[tuple[str, ...], Option("cli.opt_cf_arm", metavar="ARM")]
    set_: Annotated[tuple[str, ...], Option("cli.opt_cf_set", metavar="PATH=VALUE")] = ()
    draws: Annotated[int, kind.whole("cli.opt_cf_draws", "draws", 1, 100_000)] = 100
    replicates: Annotated[int, kind.whole("cli.opt_cf_replicates", "seeds", 1, 10_000)] = 4
    seed: kind.LongSeed = 1
    scale: kind.Scale = 0.1
    posterior: Annotated[Path | None, Option("cli.opt_cf_posterior", metavar="FILE")] = None
    prior: Annotated[bool, Option("cli.opt_cf_prior")] = False
    recorded: Annotated[bool, Option("cli.opt_recorded")] = False
    direction: Annotated[str, Option("cli.opt_direction")] = EITHER
    delta: Annotated[tuple[str, ...], Option("cli.opt_delta", metavar="OUTCOME=NUMBER")] = ()


def run(asked: Asked[CounterfactualOptions], runner: Runner) -> Outcome:
    """Effects of every arm on every outcome, those of each draw, and the sentence that follows."""
    options, scenario = asked.options, asked.named
    base, arms = plans_of(scenario, asked.arms, parse_set(options.set_), scale=options.scale, recorded=options.recorded)

    if (people := round(1 / base.scale)) > COARSE:
        runner.note(pair("counterfactual.coarse", people=f"{people:,}", uprising=f"{UPRISING:,.0f}", scale=f"{1 / COARSE:g}"))

    posterior = draws_of(options, scenario)
    if posterior is None and not options.prior:
        unfitted = pair("counterfactual.unfitted", case=options.scenario, name=scenario.case.head.id)
        runner.note(told_unused(scenario) or unfitted)

    def tell(early: Early) -> None:
        for words in first_words(early, recorded=options.recorded):
            runner.note(words)

    found = counterfactual(
        base, arms, draws=options.draws, replicates=options.replicates, seed=options.seed, posterior=posterior,
        direction=options.direction, smallest=smallest_of(options.delta), runner=runner,
        early=tell,
    )  # fmt: skip
    return outcome_of(found, scenario)


def draws_of(options: CounterfactualOptions, scenario: Scenario) -> list[Values] | None:
    """Draws of a posterior: those of a file, else those that ship with the scenario; None for the priors."""
    if options.prior:
        return None
    if options.posterior is not None:
        return read_draws(options.posterior)
    ships = shipped_posterior(scenario)
    return None if ships is None else ships.values


def smallest_of(words: tuple[str, ...]) -> dict[str, float]:
    """Smallest effects from `OUTCOME=NUMBER`.

    >>> smallest_of(("peak=0.3",))
    {'peak': 0.3}

    Raises
    ------
    StudyError
        If a word is not of this form.
    """
    smallest = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            smallest[name] = float(number)
        except ValueError:
            raise fail(StudyError, "--delta", "bad_form", value=word, example="peak=0.1") from None
    return smallest


def first_words(early: Early, *, recorded: bool) -> Iterator[Pair]:
    """What the first histories of a comparison foretell, while it goes on."""
    for arm in early.inert:
        yield pair("counterfactual.early_inert", arm=arm, n=early.histories)
    if 2 * early.uprisings < early.histories:
        helped = "" if recorded else pair("counterfactual.early_recorded")
        yield pair("counterfactual.early_quiet", k=early.uprisings, n=early.histories, help=helped)


def outcome_of(found: Effects, scenario: Scenario) -> Outcome:
    """Tables and facts of a comparison: effects a row an arm and outcome, and a row a draw; with what the scenario says of its own arms."""
    marks = {"stamp": found.stamp, "scale": f"{found.base.plan.scale:g}"}
    facts = as_dict(found)
    rows = [{**row, **marks} for row in facts.pop("effects")]
    draws = [
        {"arm": e.arm, "outcome": e.outcome, "draw": k, "effect": float(v), **marks} for e in found.effects for k, v in enumerate(e.values)
    ]
    for name, arm in facts["arms"].items():
        if (own := scenario.file.arms.get(name)) is not None:
            arm |= {"note_en": own.note_en, "note_zh": own.note_zh}
        elif gone := left_out(found.base.plan, found.recipes[name].plan):
            arm |= dict(zip(("note_en", "note_zh"), pair("counterfactual.left_out", steps=", ".join(gone)), strict=True))
    facts |= {"recipe": found.base.as_dict(), "plans": {label: r.plan.model_dump() for label, r in found.recipes.items()}}
    return Outcome({"effects": rows, "draws": draws}, facts, found.base.plan, found.base.seed, draw_effects(found))


def left_out(base: Plan, arm: Plan) -> list[str]:
    """Steps of the state that are in force in the base and not in an arm, each with its moment."""
    start = dt.datetime.fromisoformat(base.start)

    def in_force(plan: Plan) -> list[str]:
        return [s.id for s in plan.steps if plan.drivers[s.kind] == "recorded" or (s.given and plan.drivers[s.kind] != "off")]

    gone = {*in_force(base)} - {*in_force(arm)}
    return [f"{s.id} ({start + dt.timedelta(hours=s.at):%Y-%m-%d %H:%M})" for s in base.steps if s.id in gone]


def page(result: Result) -> Iterator[Block]:
    """What follows for each arm; then, in the order asked, outcomes without it and with it and in how many draws they differ; then how."""
    made = result.made
    arms = {name: arm for name, arm in made["arms"].items() if name != BASE}
    for name, arm in arms.items():
        answer = (arm["sentence_en"], arm["sentence_zh"])
        if "note_en" in arm:
            answer = pair("counterfactual.arm", arm=name, note=(arm["note_en"], arm["note_zh"]), answer=answer)
        yield Sentence(answer, "lead")
    columns = [Column(pair("out.what"), wide=True), *heads("counterfactual", HEADS, words=["finding"])]
    effects = {name: [row for row in result.tables["effects"] if row["arm"] == name] for name in arms}
    for name, rows in effects.items():
        way = rows[0]["direction"]
        title = pair("counterfactual.title", arm=name, asked="" if way == EITHER else pair(f"counterfactual.{way}"))
        yield Table(columns, list(map(cells, rows)), title)
    yield Sentence(pair("counterfactual.not_fitted" if made["basis"] == "prior" else "counterfactual.fitted"), "warn")
    yield Sentence(about(made, len(arms)))
    yield Sentence(pair("counterfactual.note"), "note")
    for name, arm in arms.items():
        if arm["pairs_that_differ"]:
            yield Sentence(paired_words(name, arm, effects[name][0]))
        if arm["replayed"]:
            yield Sentence(pair("counterfactual.replayed", arm=name, n=len(arm["replayed"])))
    for name, arm in made["arms"].items():
        if arm["stopped"]:
            yield Sentence(pair("counterfactual.stopped", arm=name, n=arm["stopped"], limit=f"{made['recipe']['stop_above']:,.0f}"))


def about(made: Mapping[str, Any], n: int) -> Pair:
    """What was compared, and how."""
    scale = float(made["scale"])
    how = {
        "arms": pair("counterfactual.one_arm") if n == 1 else pair("counterfactual.arms", n=n),
        "basis": pair(f"counterfactual.{made['basis']}"),
        "people": pair("counterfactual.people_all") if scale == 1 else pair("counterfactual.people", n=f"{1 / scale:g}"),
        "state": pair("counterfactual.by_policy" if made["by_policy"] else "counterfactual.recorded"),
        "hours": made["plans"][BASE]["hours"],
    }
    return pair("counterfactual.head", case=made["scenario"], **{k: made[k] for k in ("draws", "replicates", "seed")}, **how)


def paired_words(name: str, arm: Mapping[str, Any], first: Row) -> Pair:
    """What the pairing saved."""
    if not arm["paired"]:
        return pair("counterfactual.unpaired", arm=name)
    if first["gain"] == "":
        return pair("counterfactual.no_gain", arm=name, least=VARYING)
    gains = {k: gain(first[column]) for k, column in (("gain", "gain"), ("low", "gain_low"), ("high", "gain_high"))}
    return pair("counterfactual.pairing", arm=name, **gains, **{k: first[f"pairs_{k}"] for k in ("up", "down", "same")})


def gain(cell: str) -> str:
    """A gain; nothing is infinite: there the differences do not vary.

    >>> gain("12.345"), gain("4321"), gain("")
    ('12.3', '4,321', '∞')
    """
    return "∞" if cell == "" else f"{float(cell):.3g}" if float(cell) < 1000 else f"{float(cell):,.0f}"


def cells(row: Row) -> list[Cell]:
    """Outcome, its level without and with the arm, the difference, draws that go up, stay and go down, and the finding."""
    unit = row["level_unit"]

    def count(x: float, digits: int, lang: str) -> str:
        return level(x, unit, lang, digits)

    def change(x: float, digits: int, lang: str) -> str:
        if row["unit"] == "log10":
            return f"×{x:.2g}" if x < 100 else f"×{x:,.0f}"
        return f"{round(100 * x) + 0.0:+.0f} %" if unit == "share" else f"{round(x, 1) + 0.0:+g}"

    base, arm = (over(row, f"{name}_", count) for name in ("base", "arm"))
    if unit == "share":  # shares of all histories stand on both sides, so theirs is the difference, not that of the middle draw
        row = {**row, "median": str(float(row["arm_median"]) - float(row["base_median"]))}
    difference = over(row, "times_" if row["unit"] == "log10" else "", change)
    counts = f"{row['more']}/{row['same']}/{row['fewer']}"
    return [pair(f"outcome.{row['outcome']}"), base, arm, difference, counts, pair(f"finding.{row['finding']}")]


def over(row: Row, prefix: str, shown: Callable[[float, int, str], str]) -> Pair:
    """A median over its interval; `shown`: a number in so many digits, in a language."""
    middle, *ends = (float(row[f"{prefix}{k}"]) for k in ("median", "low", "high"))

    def told(lang: str) -> str:
        low, high = (shown(x, 2, lang) for x in ends)
        separator = "–" if len(low + high) <= NARROW else "–\n"
        return shown(middle, 3, lang) + ("" if low == high else f"\n{low}{separator}{high}")

    en, zh = map(told, LANGUAGES)
    return en, zh


STUDY = Study(
    "counterfactual",
    CounterfactualOptions,
    run,
    page,
    small={
        "scenario": "kazakhstan-2022", "arm": ("parameters.base_pressure=0", "drivers.intervention=off"), "draws": 6, "replicates": 2,
        "set_": ("time.hours=24", "parameters.base_pressure=0.0001"), "scale": 0.001, "prior": True,
    },
    columns={
        "effects": ("arm", "outcome", "unit", "median", "low", "high", "level_unit", "more", "same", "fewer", "finding", "gain"),
        "draws": ("arm", "outcome", "draw", "effect"),
    },
    facts=("arms", "basis", "judged", "by_policy", "draws", "replicates", "plans"),
    alike=lambda asked: FIRST * len(asked.arms),
)  # fmt: skip
