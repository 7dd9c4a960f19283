"""What a study is: one description, `STUDY` in a file of this room, from which its command, help, JSON, folder, repetition and page follow.

It ties together a model of its options, a function that does it, and one that tells its stored tables in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import core_schema

from qantar.ensemble.model_hash import model_hash
from qantar.ensemble.run import case_sha256, made_by
from qantar.ensemble.runner import Runner
from qantar.errors import Problems, StudyError, nearest
from qantar.files.cells import Choice, Number, Strict, to_csv
from qantar.files.read import add_validation
from qantar.files.result import command_line, csv_rows_of, sealed
from qantar.files.write import sha256_of
from qantar.scenario.plan import Plan
from qantar.scenario.scenario import Edit, Scenario, arm_edits, load_scenario, parse_set, with_arms
from qantar.studies.blocks import Block, Sentence, pair
from qantar.verdicts.load import Loaded, load_accounts

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Option:
    """One option: the key of its help, what fits, and how it is asked for on a command line."""

    help: str
    fits: Number | Choice | None = None
    """limits and unit, or a list of words; anything of the field's type if None"""
    argument: bool = False
    """whether it stands alone, without its name"""
    metavar: str | None = None
    """what stands for its value in help; by default its type"""
    neutral: bool = False
    """whether it changes no number of a result: such an option is not kept in it"""
    writes: str = ""
    """"file" or "folder" if it names a place where something else is written: a packed table, or a result"""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        schema, fits = handler(source), self.fits
        return schema if fits is None else core_schema.no_info_before_validator_function(lambda v: v if v is None else fits(v), schema)


def whole(key: str, unit: str, low: float, high: float, metavar: str | None = None) -> Option:
    """A whole number inside limits."""
    return Option(key, Number(unit, low, high, whole=True), metavar=metavar)


class Options(Strict):
    """What a study is asked, as data; every field says in an `Option` what fits."""

    def variant(self) -> str:
        """What the name of its folder ends in, where results that are asked for in different ways should not replace each other."""
        return ""


def options_of(model: type[Options]) -> dict[str, Option]:
    """The `Option` of every field, by name."""
    return {name: next(m for m in info.metadata if isinstance(m, Option)) for name, info in model.model_fields.items()}


def flag(name: str) -> str:
    """How a field is called on a command line and in a result: `force_rounds` is `force-rounds`, `set_` is `set`.

    >>> flag("force_rounds"), flag("set_")
    ('force-rounds', 'set')
    """
    return name.rstrip("_").replace("_", "-")


def type_of(annotation: Any) -> Any:
    """The type a field holds, without what is said about it and without None.

    >>> type_of(Annotated[int, "x"] | None), type_of(list[str] | None)
    (<class 'int'>, list[str])
    """
    if get_origin(annotation) is Annotated:
        return type_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return type_of(next(a for a in get_args(annotation) if a is not NoneType))
    return annotation


OptionsT = TypeVar("OptionsT", bound=Options)
ARMS, ARM_FILE = "arm", ".toml"
"""The option that names arms of a scenario, in every kind that has any; how an arm ends that is a file."""
ScenarioName = Annotated[str, Option("cli.arg_scenario", argument=True, metavar="SCENARIO")]
AccountName = Annotated[str, Option("cli.arg_account", argument=True, metavar="ACCOUNT")]
Seed = Annotated[int, whole("cli.opt_seed", "number", 0, 2**40)]
LongSeed = Annotated[int, whole("cli.opt_seed", "number", 0, 2**63 - 1)]
Scale = Annotated[float, Option("cli.opt_scale", Number("people per person", 1e-4, 1))]
QuickScale = Annotated[float | None, Option("cli.opt_scale_look", Number("people per person", 1e-4, 1))]
Quick = Annotated[bool, Option("cli.opt_quick")]
Arms = Annotated[tuple[str, ...], Option("cli.opt_arm", metavar="ARM")]
Settings = Annotated[tuple[str, ...], Option("cli.opt_set", metavar="PATH=VALUE")]
KnownTable = Annotated[Path | None, Option("cli.opt_known", metavar="FILE", neutral=True)]
QUICK_SCALE, STUDY_SCALE = 0.02, 0.1
"""Residents simulated for each resident where a quick look is asked, and where nothing is."""


def scale_of(scale: float | None, quick: bool) -> float:
    """The scale that was asked for, or what goes without saying."""
    return scale or (QUICK_SCALE if quick else STUDY_SCALE)


@dataclass(frozen=True)
class Asked(Generic[OptionsT]):
    """Options that were checked, and what they are about: a scenario, or accounts; where a study has none of its own, None or none."""

    options: OptionsT
    scenario: Scenario | None = None
    arms: Sequence[str] = ()
    """names of the arms that were asked for; those read from a file are in the scenario"""
    accounts: Sequence[Loaded] = ()

    @property
    def named(self) -> Scenario:
        """The scenario, of a study whose options name one."""
        assert self.scenario is not None
        return self.scenario

    @property
    def edits(self) -> list[Edit]:
        """What the arms that were asked for change in the scenario, and then `--set`.

        Raises
        ------
        ScenarioError
            If there is no arm of a name, or a change is not written as one.
        """
        settings: Sequence[str] = getattr(self.options, "set_", ())
        return [e for name in self.arms for e in arm_edits(self.named, name)] + parse_set(list(settings))


def ask(study: Study[OptionsT], values: Mapping[str, Any], at_hand: Sequence[Loaded] = ()) -> Asked[OptionsT]:
    """Options from data, checked, with their scenario or accounts read; an account at hand is not read again.

    Raises
    ------
    StudyError
        If an option is unknown, or its value does not fit.
    ScenarioError, DataError
        If the scenario or an account cannot be read.
    """
    options = checked(study, values)
    name = getattr(options, "scenario", None)
    if name is None:
        accounts = getattr(options, "accounts", None) or [getattr(options, "account", None)]
        return Asked(options, accounts=load_accounts(filter(None, accounts), at_hand))
    scenario, arms = with_arms(load_scenario(name), list(getattr(options, ARMS, None) or ()))
    return Asked(options, scenario, arms)


def checked(study: Study[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Options from data, under the names of fields or those that a result keeps."""
    problems, fields = Problems(), {flag(name): name for name in study.options.model_fields}
    try:
        return study.options(**{fields.get(name, name): value for name, value in values.items()})
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = flag(str(item["loc"][0]))
            if item["type"] == "extra_forbidden":
                item["ctx"] = {"choices": nearest(name, map(flag, study.options.model_fields))}
            add_validation(item, study.name, None, f"--{name}", problems, in_table=False)
        problems.raise_as(StudyError)
        raise


@dataclass(frozen=True)
class Outcome:
    """What a study found, before it is written.

    Parameters
    ----------
    tables : rows by name of the table; all rows of one have the same columns
    facts : what `result.json` says of it besides the common provenance
    plan : what was simulated, where it was one plan
    seed : base of all its draws
    files : further files of the folder by name
    elsewhere : what goes to places that options name (`Option.writes`): a packed table, or the files of a result
    """

    tables: Mapping[str, Rows]
    facts: Mapping[str, Any] = field(default_factory=dict)
    plan: Plan | None = None
    seed: int | None = None
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    elsewhere: Mapping[Path, bytes | Mapping[str, str | bytes]] = field(default_factory=dict)


PRIOR_TABLE = "prior-table.npz"
"""The packed table of draws of the priors that evidence begins with; the fit that ships makes it."""


@dataclass(frozen=True)
class Ships:
    """How a study's result ships with a case.

    Parameters
    ----------
    minutes : what it took for the packaged case on two cores
    options : what it is asked there besides the scenario
    places : options that name a file or folder of `evidence`, which does not ship
    folder : in the `fit` of the case, "" for that itself; by default the name of the study
    packed : whether not the result ships but what its option `pack` writes
    """

    minutes: float
    options: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None
    packed: bool = False

    @property
    def from_table(self) -> bool:
        """Whether it begins with the table of draws of the priors."""
        return PRIOR_TABLE in self.places.values()


@dataclass(frozen=True)
class Result:
    """A result as it is stored: how it was made, and its tables, cells as text; with the scenario it is about, where that is at hand."""

    made: Mapping[str, Any]
    tables: Mapping[str, list[dict[str, str]]]
    scenario: Scenario | None = None
    others: Mapping[str, Result] = field(default_factory=dict)
    """what else of this kind ships with the case (`Study.also`), by folder"""


@dataclass(frozen=True)
class Study(Generic[OptionsT]):
    """A kind of study.

    Parameters
    ----------
    name : of its command, its folder and its messages
    options : model of what it can be asked
    run : does it
    page : tells a stored result in blocks, for terminal and page alike
    ships : how it ships with a case; None if it does not
    also : other results of this kind that ship with it
    part : of the page, if that is not called as the study
    small : options of the smallest study that shows everything: what tests and examples run
    simulates : whether it needs the engine, which is then compiled first; what was finished of its histories outlasts it
    alike : how many of the first parts that are finished say nothing new of the time that is left
    columns : columns that a reader may count on, by table
    facts : what `result.json` must hold besides the common provenance
    current : whether a result was made as the study would make it now, for what its plan and the model do not decide
    """

    name: str
    options: type[OptionsT]
    run: Callable[[Asked[OptionsT], Runner], Outcome]
    page: Callable[[Result], Iterator[Block]]
    ships: Ships | None = None
    small: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Sequence[str] = ()
    also: Sequence[Ships] = ()
    part: str = ""
    simulates: bool = True
    alike: Callable[[Asked[OptionsT]], int] = lambda asked: 0
    current: Callable[[Mapping[str, Any]], bool] = lambda made: True

    def shipping(self) -> list[Ships]:
        """All results of this kind that ship."""
        return [*([self.ships] if self.ships else []), *self.also]

    def folder(self, ships: Ships) -> str:
        """Where one of them lies in the `fit` of a case, "" for that itself."""
        return self.name if ships.folder is None else ships.folder


def perform(study: Study[OptionsT], asked: Asked[OptionsT], runner: Runner) -> dict[str, str | bytes]:
    """The files of a result, `result.json` last.

    Raises
    ------
    StudyError, ResultError, ScenarioError
        As the study does.
    """
    return files_of(study, asked, study.run(asked, runner))


def files_of(study: Study[OptionsT], asked: Asked[OptionsT], outcome: Outcome) -> dict[str, str | bytes]:
    """The files of what a study found, `result.json` last: how it is made again and what it rests on, the same for every kind."""
    tables = {f"{name}.csv": table_csv(rows, study.columns.get(name, ())) for name, rows in outcome.tables.items()}
    made = {"kind": study.name, **made_by()}
    if (plan := outcome.plan) is not None:
        made |= {"scenario": plan.case, "scale": plan.scale, "plan_sha256": plan.sha256()}
    made["command"] = command_of(study.name, asked)
    if outcome.seed is not None:
        made["seed"] = outcome.seed
    if asked.scenario is not None:
        made["record_sha256"] = case_sha256(asked.scenario.case)
    return sealed(tables | dict(outcome.files), made | dict(outcome.facts))


def command_of(name: str, asked: Asked[Any]) -> dict[str, Any]:
    """A command as data: the options that change a number, of a file its SHA-256 (never where it lies), of a scenario its id.

    Options that were not set are left out, so that a result says what was asked and no more.
    """
    kept: dict[str, Any] = {}
    for field_name, option in options_of(type(asked.options)).items():
        value = getattr(asked.options, field_name)
        if option.neutral or value is None or value is False or value == ():
            continue
        if field_name == "scenario" and asked.scenario is not None:
            value = asked.scenario.case.head.id
        kept[flag(field_name)] = [_kept(field_name, v) for v in value] if isinstance(value, tuple) else _kept(field_name, value)
    return {"name": name, "options": kept}


def names_file(name: str, value: Any) -> bool:
    """Whether the value of an option is the place of a file or folder."""
    return isinstance(value, Path) or (name == ARMS and Path(value).suffix == ARM_FILE)


def _kept(name: str, value: Any) -> Any:
    return {"sha256": sha256_of(Path(value))} if names_file(name, value) else value


def result_of(files: Mapping[str, str | bytes], made: Mapping[str, Any], scenario: Scenario | None = None) -> Result:
    """A result from its files."""
    tables = {name.removesuffix(".csv"): csv_rows_of(content) for name, content in files.items() if name.endswith(".csv")}
    return Result(made, tables, scenario)


def page_of(study: Study[Any], result: Result) -> Iterator[Block]:
    """What a stored result says; of a quick look, that it is one; of one of another model, whose numbers it tells."""
    if (was := result.made.get("model_sha256")) not in (None, model_hash()):
        words = {"program": result.made.get("program", "qantar"), "was": str(was)[:12], "here": model_hash()[:12]}
        yield Sentence(pair("report.evidence.other_model", **words, again=command_line(result.made)), "warn")
    yield from study.page(result)
    if result.made.get("quick"):
        yield Sentence(pair("report.evidence.quick"), "warn")


def table_csv(rows: Rows, columns: Sequence[str] = ()) -> str:
    """Rows as a table: numbers of ten digits, yes and no as 1 and 0, nothing for what is not a number; without rows, these columns."""
    return to_csv(list(rows[0] if rows else columns), [[cell(v) for v in row.values()] for row in rows])


def cell(value: Any, digits: int = 10) -> object:
    """A value as a table holds it, a number of so many digits.

    >>> [cell(v) for v in (True, 1 / 3, float("nan"), 7, "text")]
    [1, 0.3333333333, '', 7, 'text']
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "" if value != value else float(f"{value:.{digits}g}")
    return value


def as_json(result: Result) -> dict[str, Any]:
    """A stored result for machines: all that `result.json` says but its inputs, and the rows of every table.

    Cells that are written as numbers are numbers, yes and no written as words are true and false, empty ones are null. Rows that
    `result.json` holds itself are left as they are; a table that is called like something else in it is found under the name of its file.
    """
    made = {k: v for k, v in result.made.items() if k not in ("plan", "plans", "keys", "result_version", "seal")}
    tables = {f"{name}.csv" if name in made else name: rows for name, rows in result.tables.items() if not isinstance(made.get(name), list)}
    return {**made, **{name: [{k: _value(v) for k, v in row.items()} for row in rows] for name, rows in tables.items()}}


def _value(cell: str) -> str | int | float | bool | None:
    if cell in ("True", "False"):
        return cell == "True"
    for read in (int, float):
        with suppress(ValueError):
            return read(cell) if cell.strip() == cell and cell not in ("nan", "inf") else cell
    return cell or None
