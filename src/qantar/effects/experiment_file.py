"""Experiments as files: one for each hypothesis, written before it is run.

An experiment (`experiments/H05.toml` of a case) has a question, parts, and for each part arms, an estimand and a smallest effect; what its
runs say is for `contrast`. A result carries the SHA-256 of each file and that of the rules: what was changed afterwards shows as such.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.effects.decision import DIRECTIONS
from qantar.effects.measures import MEASURES
from qantar.errors import DataError, Problems, ScenarioError, StudyError, fail, nearest
from qantar.files.cells import Choice, Date, Form, Key, Number, Strict, Text, Told
from qantar.files.markup import read_toml, toml_lines
from qantar.files.text import read_text
from qantar.files.write import sha256_of
from qantar.record.schema import PEOPLE_MAX
from qantar.scenario.edits import apply
from qantar.scenario.parameters import Prior, parameters
from qantar.scenario.plan import EXPERIMENTS, Plan
from qantar.scenario.scenario import Scenario, resolve
from qantar.scenario.schema import SIGNALS, Edit, Moment

FOLDER = EXPERIMENTS
ORDERED = ("fuel", "first_day", "seat", "dead")
"""Figures of regions that can be ranked: dependence on the good, first day of unrest, whether the seat was entered, dead a resident."""
STYLIZED = re.compile(r'^type = "stylized"$', re.MULTILINE)
"""What a file says of itself that is of drawn countries: it has a reader of its own."""
BASE = "base"
Coefficient = Annotated[str, BeforeValidator(lambda v: Choice(tuple(parameters()))(v))]
Sign = Annotated[int, BeforeValidator(Number("1", -1, 1, whole=True))]


class ArmSpec(Told):
    """One arm: changes to the base, and what they are."""

    note_en: Text
    note_zh: Text
    edits: list[Edit] = Field(min_length=1)


class Part(Told):
    """One question of an experiment that has a number for an answer."""

    id: Annotated[str, BeforeValidator(Form(r"[a-z]", "a"))]
    asks_en: Text
    asks_zh: Text
    measure: Annotated[str, BeforeValidator(Choice(tuple(MEASURES)))]
    days: list[Date] = Field(default_factory=list)
    """of the measure; none: all"""
    regions: list[Key] = Field(default_factory=list)
    people: Annotated[float, BeforeValidator(Number("people", 1, PEOPLE_MAX))] = 1000.0
    contrast: dict[Key, Annotated[float, BeforeValidator(Number("1", -1000, 1000))]]
    """weight of each arm in Delta"""
    needs: Annotated[str | None, BeforeValidator(lambda v: v if v is None else Choice(tuple(MEASURES))(v))] = None
    """a measure that must reach `needs_least` in half of the base histories (`decision`): what is to be explained"""
    needs_least: Annotated[float, BeforeValidator(Number("1", 1e-9))] = 1.0
    direction: Annotated[str, BeforeValidator(Choice(tuple(DIRECTIONS)))]
    smallest: Annotated[float, BeforeValidator(Number("1", 1e-9))]
    smallest_en: Text
    smallest_zh: Text
    """the smallest effect in words"""
    asserts: Annotated[str, BeforeValidator(Choice(("effect", "absence")))] = "effect"
    coefficient: Key | None = None
    """of the tipping value"""
    carriers: dict[Coefficient, Sign] | None = None
    """coefficients without which the effect cannot be there, each with the sign that carries it, 0 for either; without this key all
    that are tested, with either sign; empty where the arm itself carries it"""
    control: Key | None = None
    """an arm that is known to move the measure in the direction of the part: less the base it must reach the smallest effect, or the test
    sees nothing"""


class Order(Told):
    """One question that the record alone can answer, with no simulation: whether two rankings of the regions agree (`orders`)."""

    id: Annotated[str, BeforeValidator(Form(r"[a-z]", "a"))]
    asks_en: Text
    asks_zh: Text
    of: Annotated[str, BeforeValidator(Choice(ORDERED))]
    by: Annotated[str, BeforeValidator(Choice(ORDERED))]
    direction: Annotated[str, BeforeValidator(Choice(tuple(DIRECTIONS)))]
    """rise: regions with more of one have more of the other; fall: less, or sooner"""


class Informative(Strict):
    """A prior that says what the literature finds of a tested coefficient, beside the one that takes no side."""

    prior: Prior
    source: Text


class Power(Strict):
    """For what is not run: how small a difference between a few regions and the others the record could show."""

    regions: list[Key] = Field(min_length=1)


class Experiment(Told):
    """One file."""

    hypothesis: Annotated[str, BeforeValidator(Form(r"H\d\d", "H05"))]
    type: Annotated[str, BeforeValidator(Choice(("counterfactual", "comparison", "none")))]
    question_en: Text
    question_zh: Text
    rule_en: Text = ""
    rule_zh: Text = ""
    """the decision rule, where it is not the one of all parts"""
    caution_en: Text
    caution_zh: Text
    draws: Annotated[int, BeforeValidator(Number("draws", 1, 100_000, whole=True))] = 100
    replicates: Annotated[int, BeforeValidator(Number("seeds", 1, 10_000, whole=True))] = 3
    seed: Annotated[int, BeforeValidator(Number("1", 0, 2**40, whole=True))] = 1
    replay_until: Moment | None = None
    """decisions up to here are replayed as recorded, in base and arms; without it the state answers by policy from the start"""
    base: list[Edit] = Field(default_factory=list)
    """changes to base and arms alike; a driver named here, or in an arm, stays as it is put"""
    arms: dict[Key, ArmSpec] = Field(default_factory=dict)
    parts: list[Part] = Field(default_factory=list)
    orders: list[Order] = Field(default_factory=list)
    """parts that need no run"""
    tests: list[Key] = Field(default_factory=list)
    """coefficients that carry what is tested: those that are not fitted are drawn from their priors, whatever came with the fit"""
    informative: dict[Coefficient, Informative] = Field(default_factory=dict)
    """priors under which all is judged a second time"""
    rivals: list[Key] = Field(default_factory=list)
    """arms of the scenario under which all is repeated"""
    compare: list[Key] = Field(default_factory=list)
    """for a comparison of models: arms that have what is claimed"""
    signals: list[Key] = Field(default_factory=list)
    """for a comparison of policies: the signal claimed, and the one it is held against"""
    plain: list[Key] = Field(default_factory=list)
    """for a comparison of models: the accounts without what is claimed, each of which must be beaten"""
    judges: list[Annotated[str, BeforeValidator(Form(r"C\d\d\d", "C048"))]] = Field(default_factory=list)
    """claims of the account that say what is tested here, and so bear its verdict; others of the hypothesis are only near it"""
    margin: Annotated[float, BeforeValidator(Number("1", 1e-9))] = 1.0
    """of a comparison: nats, or hours"""
    power: Power | None = None

    @model_validator(mode="after")
    def _says_what_is_run(self) -> Experiment:
        runs = {"counterfactual": bool(self.parts), "comparison": bool((self.compare and self.plain) or self.signals), "none": True}
        if not runs[self.type]:
            raise PydanticCustomError("missing_key", "{code}", {"code": "missing_key", "value": "parts"})
        return self

    def carriers(self, part: Part) -> dict[str, int]:
        """Coefficients that carry the effect of a part, with their signs."""
        return dict.fromkeys(self.tests, 0) if part.carriers is None else dict(part.carriers)


@dataclass(frozen=True)
class Written:
    """An experiment with its file's name and SHA-256."""

    spec: Experiment
    file: str
    sha256: str


def read_experiments(scenario: Scenario, problems: Problems) -> list[Written]:
    """The experiments of a case, in the order of their files; what is wrong goes to `problems`."""
    found = []
    for path, spec in read_forms(scenario.case.folder, problems):
        _check(scenario, spec, path, problems)
        if not any(p.file == path.name for p in problems.found):  # nor anything that its reader noted
            found.append(Written(spec, path.name, sha256_of(path)))
    return found


def read_forms(case: Path, problems: Problems) -> Iterator[tuple[Path, Experiment]]:
    """The files of experiments of a case, each by itself; what is wrong goes to `problems`."""
    folder = case / FOLDER
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
        with suppress(DataError):  # said by who reads it next
            if STYLIZED.search(read_text(path)):  # has a reader of its own: `methods`
                continue
        if (spec := read_toml(path, Experiment, problems)) is not None:
            yield path, spec


def load_experiments(scenario: Scenario) -> list[Written]:
    """As `read_experiments`; raises ScenarioError with every problem in any of the files."""
    problems = Problems()
    found = read_experiments(scenario, problems)
    problems.raise_as(ScenarioError)
    return found


def chosen(written: Sequence[Written], only: Sequence[str]) -> list[Written]:
    """Those of these hypotheses, all if none is named; raises StudyError for one that has no experiment, and if there are none."""
    if not written:
        raise fail(StudyError, FOLDER, "no_experiments")
    names = [w.spec.hypothesis for w in written]
    for name in only:
        if name not in names:
            raise fail(StudyError, f"--only {name}", "not_one_of", value=name, choices=nearest(name, names))
    return [w for w in written if not only or w.spec.hypothesis in only]


def _check(scenario: Scenario, spec: Experiment, path: Path, problems: Problems) -> None:
    """What one model alone cannot see: arms, places, days, coefficients, and every change by applying it."""
    lines = toml_lines(read_text(path))

    def add(key: str, code: str, **args: object) -> None:
        parts = tuple(key.split("."))
        line = next((lines[parts[:k]] for k in range(len(parts), 0, -1) if parts[:k] in lines), None)
        problems.add(path.name, line, key, code, **args)

    def known(key: str, names: Iterable[str], choices: Iterable[str], code: str = "not_one_of") -> None:
        allowed = list(choices)
        for name in names:
            if name not in allowed:
                add(key, code, value=name, choices=nearest(name, allowed))

    plan = resolve(scenario)
    days, regions = days_of(plan), [r.id for r in plan.regions]
    known("hypothesis", [spec.hypothesis], [path.stem])
    if spec.replay_until is not None and spec.replay_until.date() not in days:
        add("replay_until", "day_outside", value=spec.replay_until.date(), low=days[0], high=days[-1])
    known("power.regions", spec.power.regions if spec.power else (), regions, "unknown_region")
    for n, part in enumerate(spec.parts):
        known(f"parts.{n}.contrast", part.contrast, [BASE, *spec.arms])
        known(f"parts.{n}.control", [part.control] if part.control else [], spec.arms)
        known(f"parts.{n}.regions", part.regions, regions, "unknown_region")
        for day in part.days:
            if day not in days:
                add(f"parts.{n}.days", "outside", value=str(day), low=str(days[0]), high=str(days[-1]), unit="1")
        known(f"parts.{n}.coefficient", [part.coefficient] if part.coefficient is not None else [], parameters())
    for key in ("rivals", "compare", "plain"):
        known(key, getattr(spec, key), scenario.file.arms)
    known("tests", spec.tests, parameters())
    known("informative", spec.informative, spec.tests)
    known("signals", spec.signals, SIGNALS)
    for name, edits in (("base", spec.base), *((f"arms.{k}.edits", a.edits) for k, a in spec.arms.items())):
        faults = Problems()
        apply(plan, [*([] if name == "base" else spec.base), *edits], faults, prefix=name)
        for p in faults.found:
            add(name, p.code, **p.args)


def days_of(plan: Plan) -> list[dt.date]:
    """Calendar days of a plan."""
    start = dt.datetime.fromisoformat(plan.start)
    n = math.ceil((start.hour + start.minute / 60 + plan.hours) / 24)
    return [start.date() + dt.timedelta(days=k) for k in range(n)]
