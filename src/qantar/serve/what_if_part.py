"""What if: one thing is changed, and the same people live through the other history, on the page as it happens.

What is asked is what `qantar counterfactual` is asked, and the histories are its very own: the same plans, draws and seeds. The page gets
them hour by hour, and after each draw what the draws so far say, by the rules and in the words of that study.
"""

from __future__ import annotations

import datetime as dt
import math
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from qantar.effects.effect import BASE
from qantar.effects.measures import Seen
from qantar.effects.pairing import as_dict, check, compared, given_of, is_paired, plans_of, recipes_of
from qantar.ensemble.histories import joined
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, keep_draws
from qantar.errors import QantarError, StudyError, fail
from qantar.files.cells import Number
from qantar.inference.prior import varied
from qantar.messages import LANGUAGES, catalogue, days_in_words
from qantar.population.build import class_sizes
from qantar.report.map import draw as sheet_of
from qantar.scenario.parameters import GROUPS, Parameter, Values, parameters
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Scenario, parse_set, resolve
from qantar.scenario.schema import DRIVERS, MECHANISMS, POLICY_KINDS, STEP_KINDS, StepSpec
from qantar.serve import arm_file
from qantar.serve.home import arms_of
from qantar.serve.live import SIDES
from qantar.serve.part import Asked, Operation, Page, Part, Served, Stream, Upload
from qantar.serve.world import Hours, Live, seen_of
from qantar.studies.blocks import Pair, pair
from qantar.studies.blocks import joined as in_a_row
from qantar.studies.counterfactual import COARSE, CounterfactualOptions, cells, draws_of

PEOPLE_MAX = 30_000_000
"""People who are simulated at once, in each of the two worlds."""
DRAWS_MAX, SEEDS_MAX = 20, 4
WORD_MAX = 2000
"""Letters of a change."""
STOPS = 24
"""Steps of a slider: quantiles of what was thought possible beforehand, between its outermost twentieths."""
SCALES = (1.0, 0.1, 0.02)
Word = Annotated[str, Field(max_length=WORD_MAX)]


class Case(Asked):
    """A case, and how many of its people are simulated."""

    name: Word
    scale: Annotated[float, BeforeValidator(Number("people per person", 1e-4, 1))] = 1.0


class WhatIf(Case):
    """What `qantar counterfactual` is asked, of one arm, within what a visitor can wait for."""

    arm: Word
    set: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    recorded: bool = False
    draws: Annotated[int, BeforeValidator(Number("draws", 1, DRAWS_MAX, whole=True))] = 10
    replicates: Annotated[int, BeforeValidator(Number("seeds", 1, SEEDS_MAX, whole=True))] = 1
    seed: Annotated[int, BeforeValidator(Number("number", 0, 2**63 - 1, whole=True))] = 1
    prior: bool = False
    posterior: Word = ""

    def command(self, arm: str = "") -> str:
        """The command that makes the same histories, and keeps them; with its arm under another name, if one is given."""
        words = ["qantar", "counterfactual", self.name, "--arm", arm or self.arm]
        words += [w for change in self.set for w in ("--set", change)] + ["--recorded"] * self.recorded + ["--prior"] * self.prior
        words += ["--posterior", self.posterior] if self.posterior else []
        return shlex.join([*words, "--draws", str(self.draws), "--replicates", str(self.replicates),
                           "--seed", str(self.seed), "--scale", f"{self.scale:g}"])  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A what-if that can be lived through: recipes of both worlds, and the draws they take."""

    asked: WhatIf
    recipes: dict[str, Recipe]
    given: Sequence[Values]
    draws: int
    notes: list[Pair]
    paired: bool

    @property
    def base(self) -> Plan:
        """The plan that nothing was changed in."""
        return self.recipes[BASE].plan

    def lives(self, run: int) -> dict[str, Live]:
        """The two histories of a run."""
        return {side: Live.of(r, run, self.given, seen_of) for side, r in zip(SIDES, self.recipes.values(), strict=True)}


def comparison(served: Served, asked: WhatIf) -> Comparison:
    """What is compared; raises what the command would, and a StudyError for more people than fit."""
    scenario = served.home.scenario(asked.name)
    base, arms = plans_of(scenario, [asked.arm], parse_set(asked.set), scale=asked.scale, recorded=asked.recorded)
    check(base, arms)
    _check_people(base)
    file = str(served.home.place(asked.posterior)) if asked.posterior else None
    options = CounterfactualOptions(scenario=asked.name, arm=(asked.arm,), prior=asked.prior, posterior=file and Path(file))
    posterior = draws_of(options, scenario)
    given = given_of(asked.seed, asked.draws, posterior)
    kept = keep_draws(Runner().store, given) if given else ""
    recipes = recipes_of({BASE: base, **arms}, asked.seed, asked.replicates, kept)
    return Comparison(asked, recipes, given, len(given) or asked.draws, _notes(asked), is_paired(base, arms[asked.arm]))


def _check_people(plan: Plan) -> None:
    whole = sum(p.population for p in plan.places)
    if whole * plan.scale > PEOPLE_MAX:
        args = {"value": f"{round(whole * plan.scale):,}", "high": f"{PEOPLE_MAX:,}", "scale": f"{_fits(whole):g}"}
        raise fail(StudyError, "scale", "too_many_people", **args)


def _fits(people: int) -> float:
    """The largest scale that may be simulated live, a round number.

    >>> _fits(19_000_000), _fits(1_100_000_000)
    (1.0, 0.02)
    """
    most = PEOPLE_MAX / max(people, 1)
    digit = 10.0 ** math.floor(math.log10(most))
    return min(1.0, digit * max(k for k in (1, 2, 5) if k * digit <= most))


def _notes(asked: WhatIf) -> list[Pair]:
    """What should be read before anything else. Whether the case has a fit stands on the page from the first, and with every finding."""
    if (people := round(1 / asked.scale)) <= COARSE:
        return []
    return [pair("counterfactual.coarse", people=f"{people:,}", uprising="1,000", scale=f"{1 / COARSE:g}")]


async def ready(served: Served, asked: Case) -> dict[str, str]:
    """Get ready for the click that may follow; raises what it would of the people of the case."""

    def check_first() -> None:
        scenario = served.home.scenario(asked.name)
        _check_people(resolve(scenario, scale=asked.scale))
        given_of(1, 1, draws_of(CounterfactualOptions(scenario=asked.name, arm=("-",)), scenario))  # reads the fit, and loads what draws

    await run_in_threadpool(check_first)
    return {"state": served.lives.ready()}


def as_file(served: Served, asked: WhatIf) -> Response:
    """What is changed, as a file for `--arm`, with the command that it is meant for."""
    scenario = served.home.scenario(asked.name)
    comparison(served, asked)  # a file that the command would refuse is of no use
    arm = arm_file.arm_of(scenario, asked.arm)
    name = arm_file.called(arm)
    content = arm_file.written(arm, asked.command(name))
    return Response(content, media_type="application/toml", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def from_file(served: Served, asked: Case, upload: Upload) -> dict[str, str]:
    """What such a file changes, as `--arm` says it."""
    return {"arm": arm_file.read(served.home.scenario(asked.name), upload.content)}


async def what_if(served: Served, asked: WhatIf) -> Stream:
    """Live through all draws."""
    found = await run_in_threadpool(comparison, served, asked)
    served.lives.admit()
    return Stream(_events(served, found))


async def _events(served: Served, found: Comparison) -> AsyncIterator[Mapping[str, Any]]:
    seen: dict[str, list[Seen]] = {label: [] for label in found.recipes}
    sides = dict(zip(SIDES, found.recipes, strict=True))
    n = found.draws * found.asked.replicates
    try:
        yield {"event": "begun", **await run_in_threadpool(_begun, found)}
        for run in range(n):
            if (state := served.lives.ready()) != "ready":
                yield {"event": "waits", "state": state}
            async with aclosing(served.lives.histories(found.lives(run))) as histories:
                async for side, message in histories:
                    if isinstance(message, Hours):
                        yield {"event": "hours", "run": run, "side": side, "rows": message.rows}
                    else:
                        seen[sides[side]].append(message.found)
            whole = (run + 1) % found.asked.replicates == 0
            said = await run_in_threadpool(_effects, found, seen, (run + 1) // found.asked.replicates) if whole else {}
            shas = {side: str(seen[label][-1].runs.whole["sha256"][0]) for side, label in sides.items()}
            yield {"event": "draw", "run": run, "sha256": shas, **said}
        yield {"event": "done"}
    except QantarError as error:
        yield {
            "event": "failed",
            "problems": [{part: [p.part(part, lang) for lang in LANGUAGES] for part in ("what", "rule", "mend")} for p in error.problems],
        }


def _begun(found: Comparison) -> dict[str, Any]:
    """What a page must know before the first hour."""
    plan, asked = found.base, found.asked
    first = dt.datetime.fromisoformat(plan.start)
    days = [first.date() + dt.timedelta(days=k) for k in range(math.ceil((first.hour + first.minute / 60 + plan.hours) / 24))]
    replayed = len(found.recipes[asked.arm].plan.replayed())
    return {
        "hours": plan.hours, "step_hours": plan.step_hours, "first_hour": first.hour + first.minute / 60,
        "days": [[days_in_words(d, d, lang, first.year) for lang in LANGUAGES] for d in days],
        "regions": [r.id for r in plan.regions], "residents": int(class_sizes(plan).sum()),
        "draws": found.draws, "replicates": asked.replicates, "command": asked.command(), "paired": found.paired,
        "notes": [*found.notes, *([pair("counterfactual.replayed", arm=asked.arm, n=replayed)] if replayed else []),
                  *([] if found.paired else [pair("counterfactual.unpaired", arm=asked.arm)])],
    }  # fmt: skip


def _effects(found: Comparison, seen: Mapping[str, Sequence[Seen]], draws: int) -> dict[str, Any]:
    """What the draws so far say, as the study says it."""
    runs = {k: Seen(joined([s.runs for s in x]), np.concatenate([s.gathering for s in x])) for k, x in seen.items()}
    effects = compared(found.recipes, runs, draws)
    said = as_dict(effects)
    arm = said["arms"][found.asked.arm]
    return {
        "draws": draws, "stamp": said["stamp"], "judged": said["judged"], "effects": said["effects"],
        "sentence": [arm[f"sentence_{lang}"] for lang in LANGUAGES],
        "told": pair("counterfactual.fitted" if said["calibrated"] else "counterfactual.not_fitted"),
        "rows": [[c if isinstance(c, tuple) else (c, c) for c in cells(row)] for row in said["effects"]],
    }  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One thing that can be changed: the change as `--arm` writes it, what it is, and what stands behind it."""

    change: str
    name: Pair
    about: Pair = ("", "")
    small: Pair = ("", "")
    on: bool = True
    """whether it is in force"""
    policy: bool = False
    """whether it acts only where a policy decides"""


@dataclass(frozen=True)
class Strength:
    """A parameter as a slider."""

    name: str
    p: Parameter
    stops: str
    """of the slider, from what was thought possible beforehand"""
    last: int
    thought: str
    policy: bool
    """whether it acts only where a policy decides"""
    fitted: tuple[str, ...]
    """median and the range of nine in ten draws of the fit, where it is fitted"""


def values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """What can be changed in a case."""
    name = query.get("name", "")
    if not name:
        return {"name": "", "entries": [e for e in served.home.entries() if e.scenario and not e.faulty]}
    scenario = served.home.scenario(name)
    facts = served.home.keep("what_if", name, lambda _: _facts(name, scenario))
    return {"name": name, "fits": _fits_of(served, scenario), **facts}


def strengths(served: Served, asked: Case) -> dict[str, Any]:
    """Parameters as sliders, which the page asks for when the rest of it stands."""
    return values(served, {"name": asked.name})


def _facts(name: str, scenario: Scenario) -> dict[str, Any]:
    """What the page says of a case."""
    plan = resolve(scenario)
    fit = draws_of(CounterfactualOptions(scenario=name, arm=("-",)), scenario)
    people = sum(p.population for p in plan.places)
    most = _fits(people)
    return {
        "case": scenario.case, "people": people, "fitted": fit is not None, "sheet": sheet_of(scenario.case),
        "scales": [most, *(s for s in SCALES if s < most)],
        "arms": _arms(scenario), "steps": _steps(scenario), "mechanisms": _mechanisms(plan),
        "drivers": [(kind, [d for d in DRIVERS if d != "policy" or kind in POLICY_KINDS]) for kind in STEP_KINDS],
        "strengths": _strengths(plan, fit or []), "draws_max": DRAWS_MAX, "seeds_max": SEEDS_MAX, "unit_of": _unit,
    }  # fmt: skip


def _arms(scenario: Scenario) -> list[Choice]:
    """Ready-made changes."""
    return [
        Choice(key, (arm.name_en or key, arm.name_zh or key), (arm.note_en, arm.note_zh), (key, key))
        for key, arm in arms_of(scenario).items()
    ]


def _steps(scenario: Scenario) -> list[Choice]:
    """What the state did, in order of time."""
    names = {r.region_id: (r.name_en, r.name_zh) for r in scenario.case.record.regions}
    names |= {s.settlement_id: (s.name_en, s.name_zh) for s in scenario.case.record.settlements}
    names[scenario.case.head.country] = pair("serve.what_if.whole_country")
    sources = {e.event_id: e.source for e in scenario.case.record.events}

    def told(s: StepSpec) -> Choice:
        where = in_a_row([names.get(p, (p, p)) for p in s.places], pair("report.comma"))
        day = s.at.date()
        when = tuple(f"{days_in_words(day, day, lang, scenario.file.time.start.year)} {s.at:%H:%M}" for lang in LANGUAGES)
        what = pair(_step_key(s), size=f"{s.size:g}", unit=scenario.file.economy.price.unit)
        comma = pair("report.comma")
        whose = (s.assumption, s.assumption) if s.assumption else in_a_row([f"{e} ({sources.get(e, '?')})" for e in s.events], comma)
        guessed = pair("serve.what_if.hour_assumed") if s.hour == "assumed" else ("", "")
        about = pair("serve.what_if.step", when=when, where=where)
        return Choice(f"steps.{s.id}", what, about, in_a_row([(s.id, s.id), pair("report.colon"), whose, guessed]))

    return [told(s) for s in sorted(scenario.file.steps, key=lambda s: s.at)]


def _step_key(s: StepSpec) -> str:
    """The message of a step: what the internet becomes has one for each size, and what ends has one of its own."""
    if s.kind == "internet":
        return f"serve.what_if.internet.{s.size:g}"
    ended = s.size == 0 and s.kind in ("emergency", "shoot_order", "framing")
    return f"serve.what_if.ended.{s.kind}" if ended else f"serve.what_if.did.{s.kind}"


def _mechanisms(plan: Plan) -> list[Choice]:
    return [Choice(f"mechanisms.{m}", pair(f"serve.what_if.part.{m}"), small=(m, m), on=m in plan.mechanisms) for m in MECHANISMS]


def _strengths(plan: Plan, fit: Sequence[Values]) -> dict[str, list[Strength]]:
    """Parameters that can act, by group."""
    free = plan.model_copy(update={"parameters": {}})
    always, _ = varied(free)
    sometimes, _ = varied(free.model_copy(update={"drivers": {**plan.drivers, "price": "policy"}}))
    found: dict[str, list[Strength]] = {group: [] for group in GROUPS}
    for name in sometimes:
        p = parameters()[name]
        stops = _stops(p)
        fitted = np.quantile([row[name] for row in fit], (0.5, 0.05, 0.95)) if fit and name in fit[0] else ()
        ends = f"{p.prior.spike:.0%} 0; " * (p.prior.spike > 0) + f"{stops[0 if p.prior.spike == 0 else 1]}–{stops[-1]}"
        row = Strength(name, p, " ".join(stops), len(stops) - 1, ends, name not in always, tuple(f"{x:.3g}" for x in fitted))
        found[p.group].append(row)
    return {group: rows for group, rows in found.items() if rows}


def _stops(p: Parameter) -> list[str]:
    """Values at even distances in what was thought possible beforehand, between its outermost twentieths; and 0, where it may be."""
    of = {float(f"{p.at(0.05 + 0.9 * k / STOPS, 1.0):.3g}") for k in range(STOPS + 1)}
    return [f"{x:g}" for x in sorted(of | ({0.0} if p.low <= 0 <= p.high else set()))]


def _unit(unit: str) -> Pair:
    en, zh = (catalogue(lang).get(f"unit.{unit}", unit) for lang in LANGUAGES)
    return en, zh


def _fits_of(served: Served, scenario: Scenario) -> list[str]:
    """Files of draws in results of the folder that are fits of this case."""
    case = scenario.case.head.id
    made = [folder for folder, m in served.home.results() if (m.get("kind"), m.get("scenario")) == ("calibrate", case)]
    return [f"{folder}/posterior.csv" for folder in made if (served.home.root / folder / "posterior.csv").is_file()]


PART = Part(
    "what_if",
    pages=[
        Page("/what-if", "what_if.html.j2", values, opens="scenario"),
        Page("/what-if/strengths", "what_if_strengths.html.j2", strengths, Case),
    ],
    operations=[
        Operation("what_if", "POST", "/what-if", WhatIf, what_if, streams=True),
        Operation("what_if_ready", "POST", "/what-if/ready", Case, ready),
        Operation("what_if_file", "GET", "/what-if/file", WhatIf, as_file, gives="application/toml"),
        Operation("what_if_opened", "POST", "/what-if/file", Case, from_file, upload=True),
    ],
)
