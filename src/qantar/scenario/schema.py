"""What stands in `scenario.toml`: the short form of a scenario, for people. Every figure names its source or is an assumption."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.files.cells import Choice, Date, Day, Form, Key, Number, Strict, Text, Told

MECHANISMS = (
    "information", "economy", "grievance", "organization", "demands", "split", "loyalty", "intervention", "forces", "arms", "seeding",
    "control", "repression", "diffusion", "shock", "rallies", "violence",
)  # fmt: skip
STEP_KINDS = ("price", "concession", "internet", "emergency", "shoot_order", "framing", "intervention", "stand_aside")
DRIVERS = ("recorded", "policy", "off")
"""Who yields the decisions of a kind: the record, a policy that reacts to what the state sees, or nobody."""
POLICY_KINDS = ("price", "concession", "internet", "emergency", "shoot_order", "framing", "intervention")
"""Kinds that a policy can decide: all but orders to stand aside, which no state gives as an answer."""
SIGNALS = ("threat", "seats", "clashes", "spread", "participants")
"""What a policy reacts to; `threat` is a weighted mean of the four others."""
SPREADS = ("people", "rural", "urban", "rest")
OPS = ("set", "scale", "off", "add_step", "remove_step", "shift_step")
STEPS_MAX = 4096
"""Steps of a history: the range of the engine's clocks."""


def _moment(value: object) -> object:
    found = value if isinstance(value, dt.datetime) and value.tzinfo is None else None
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value, re.ASCII):
            found = dt.datetime.fromisoformat(value)
    except ValueError:
        pass
    if found is not None:
        Day()(found.date())
        return found
    raise PydanticCustomError("bad_form", "{code}", {"code": "bad_form", "value": str(value), "example": "2022-01-05T16:30"})


Moment = Annotated[dt.datetime, BeforeValidator(_moment)]
Share = Annotated[float, BeforeValidator(Number("share", 0, 1))]
Count = Annotated[int, BeforeValidator(Number("people", 1, 1000, whole=True))]


class Basis(Strict):
    """Where something comes from: a key of sources.csv, or an assumption in words."""

    source: Key | None = None
    assumption: Text | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Basis:
        if (self.source is None) == (self.assumption is None):
            raise PydanticCustomError("figure_without", "{code}", {"code": "figure_without"})
        return self


class Figure(Basis):
    """A number with its unit and where it comes from."""

    value: Annotated[float, BeforeValidator(Number("1"))]
    unit: Text


@dataclass(frozen=True)
class Fits:
    """A figure must be inside these limits and in this unit; if none is given, what holds its case against it asks for one."""

    unit: str
    low: float
    high: float

    def __call__(self, figure: Figure) -> Figure:
        if self.unit and figure.unit != self.unit:
            raise PydanticCustomError(
                "wrong_unit", "{code}", {"code": "wrong_unit", "value": figure.unit, "unit": self.unit, "variable": "value"}
            )
        if not self.low <= figure.value <= self.high:
            limits = {"low": f"{self.low:g}", "high": f"{self.high:g}", "unit": figure.unit}
            raise PydanticCustomError("outside", "{code}", {"code": "outside", "value": f"{figure.value:g}", **limits})
        return figure

    def allowed(self) -> str:
        return f"figure [{self.low:g}, {self.high:g}], {self.unit or 'in the currency of the case'}"


def _fits(unit: str, low: float, high: float) -> AfterValidator:
    return AfterValidator(Fits(unit, low, high))


class RegionFigure(Figure):
    """A figure of one region."""

    region: Key


class Time(Strict):
    """When the history begins, how long it runs, and which days are free."""

    start: Moment
    hours: Annotated[int, BeforeValidator(Number("hours", 1, STEPS_MAX, whole=True))]
    step_hours: Annotated[float, BeforeValidator(Number("hours", 0.05, 2))] = 1.0
    days_off: list[Date] = Field(default_factory=list)
    days_off_source: Basis | None = None

    @model_validator(mode="after")
    def _few_enough_steps(self) -> Time:
        if math.ceil(self.hours / self.step_hours) > STEPS_MAX:
            raise PydanticCustomError("too_many_steps", "{code}", {"code": "too_many_steps", "high": str(STEPS_MAX)})
        return self


class Sector(Told):
    """What people do, by which they meet; `people` is the national number."""

    id: Key
    name_en: Text
    name_zh: Text
    people: Annotated[Figure, _fits("persons", 0, 1e11)] | None = None
    spread: Key
    workgroup: Count
    takes_part: bool = True


class Band(Strict):
    """A band of income from a multiple of the subsistence minimum, and its hardship."""

    from_: Annotated[float, BeforeValidator(Number("times the minimum", 0))] = Field(alias="from")
    hardship: Share


class Income(Strict):
    """How income is shared out in each region."""

    gini: Annotated[Figure, _fits("1", 0.01, 0.99)]
    bands: list[Band] = Field(min_length=1, max_length=8)


class LayerSpec(Strict):
    """A layer of ties; without `group`, groups are those of the sectors."""

    id: Key
    scope: Annotated[str, BeforeValidator(Choice(("place", "workplace", "region", "country")))]
    group: Count | None = None
    repeats: Annotated[int, BeforeValidator(Number("times", 1, 50, whole=True))] = 1
    online: bool = False


class Economy(Told):
    """The good whose price moved, who depends on it, and inflation."""

    good_en: Text
    good_zh: Text
    price: Annotated[Figure, _fits("", 0.01, 1e9)]
    inflation: Annotated[Figure, _fits("percent", -99, 1e5)]
    inflation_reference: Annotated[Figure, _fits("percent", -99, 1e5)]
    dollar: Annotated[Figure, _fits("", 1e-6, 1e9)] | None = None
    dollar_reference: Annotated[Figure, _fits("", 1e-6, 1e9)] | None = None
    household: Annotated[Figure, _fits("persons", 1, 50)]
    fuel_vehicles: Annotated[Figure, _fits("vehicles", 0, 1e10)]
    fuel_vehicles_by_region: list[Annotated[RegionFigure, _fits("vehicles", 0, 1e10)]] = Field(default_factory=list)


class Information(Strict):
    """Use of the internet."""

    internet: Annotated[Figure, _fits("percent", 0, 100)]


class Repression(Strict):
    """Forces of the state."""

    police: Annotated[Figure, _fits("per 100,000 residents", 0, 100_000)]
    guard: Annotated[Figure, _fits("persons", 0, 1e9)] | None = None
    army: Annotated[Figure, _fits("persons", 0, 1e9)] | None = None
    site_guards: Annotated[Figure, _fits("persons", 0, 1e9)] | None = None
    foreign: Annotated[Figure, _fits("persons", 0, 1e9)] | None = None


class Government(Strict):
    """Who yields the decisions of the state, by kind, and what a policy reacts to."""

    capital: Key | None = None
    """region of the country's seat of government; without it, the one with the largest seat"""
    signal: Annotated[str, BeforeValidator(Choice(SIGNALS))] = "threat"
    drivers: dict[Annotated[str, BeforeValidator(Choice(STEP_KINDS))], Annotated[str, BeforeValidator(Choice(DRIVERS))]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _policy_can_decide(self) -> Government:
        for kind, driver in self.drivers.items():
            if driver == "policy" and kind not in POLICY_KINDS:
                raise PydanticCustomError("not_one_of", "{code}", {"code": "not_one_of", "value": driver, "choices": "recorded, off"})
        return self


class OrganizationSpec(Told):
    """Committees, unions or parties; without places or sectors, all of them. `presence` is the share of residents among whom it is."""

    id: Key
    name_en: Text
    name_zh: Text
    presence: Annotated[Figure, _fits("share", 0, 1)]
    places: list[Key] = Field(default_factory=list)
    sectors: list[Key] = Field(default_factory=list)
    demand_gap: Annotated[float, BeforeValidator(Number("levels", -3, 3))] = 0.0
    start: Moment | None = None
    end: Moment | None = None


class StepSpec(Strict):
    """A decision of the state; `events` names the rows of events.csv that record it."""

    id: Key
    kind: Annotated[str, BeforeValidator(Choice(STEP_KINDS))]
    places: list[Key] = Field(min_length=1)
    at: Moment
    size: Annotated[float, BeforeValidator(Number("1", 0))]
    events: list[Key] = Field(default_factory=list)
    assumption: Text | None = None
    given: bool = False
    """whether it is no answer to unrest: then it is replayed whoever decides"""
    hour: Annotated[str, BeforeValidator(Choice(("assumed", "recorded")))] = "recorded"
    place: Annotated[str, BeforeValidator(Choice(("assumed", "recorded")))] = "recorded"

    @model_validator(mode="after")
    def _has_a_basis(self) -> StepSpec:
        if bool(self.events) == (self.assumption is not None):
            raise PydanticCustomError("figure_without", "{code}", {"code": "figure_without"})
        return self


def step_fault(kind: str, size: float) -> tuple[str, dict[str, str]] | None:
    """What is wrong with the size of a step of this kind: a code of the catalogue and its arguments; None if nothing is."""
    if not math.isfinite(size):
        return "not_a_number", {"value": str(size), "unit": "1"}
    if kind == "internet" and size not in (0, 1, 2):
        return "not_one_of", {"value": f"{size:g}", "choices": "0, 1, 2"}
    low, high = {"price": (0.01, 1e9), "concession": (0, 3), "intervention": (0, 1e7), "stand_aside": (0, 1)}.get(kind, (0, 2))
    if not low <= size <= high:
        return "outside", {"value": f"{size:g}", "low": f"{low:g}", "high": f"{high:g}", "unit": "1"}
    return None


class Edit(Strict):
    """One change: `parameters.NAME`, `mechanisms.NAME`, `steps.ID`, `steps.ID.size`, `land.price`, `time.hours` ..."""

    path: Annotated[str, BeforeValidator(Form(r"[A-Za-z0-9_.-]{1,200}", "parameters.price_effect"))]
    op: Annotated[str, BeforeValidator(Choice(OPS))] = "set"
    value: Any = None
    note: Text = ""


class Arm(Told):
    """A named list of changes."""

    name_en: Text = ""
    name_zh: Text = ""
    """what a reader calls it; its key where nothing is said"""
    note_en: Text
    note_zh: Text
    edits: list[Edit] = Field(min_length=1)


class Quiet(Basis):
    """A period without the recorded wave: what is fitted must leave it quiet. `most_regions` may be reported on one day of it."""

    start: Moment
    hours: Annotated[int, BeforeValidator(Number("hours", 1, STEPS_MAX, whole=True))]
    most_regions: Annotated[int, BeforeValidator(Number("regions", 0, 1000, whole=True))]


class CalibrationSpec(Strict):
    """Which parameters are fitted, in two modules: how unrest spread, then force and harm given it; and to which counts of detained."""

    mobilization: list[Key] = Field(min_length=1)
    force: list[Key] = Field(default_factory=list)
    detained: list[Date] = Field(default_factory=list)
    """dates of the counts that are used; all of the record, if none is named"""
    quiet: Quiet | None = None

    @property
    def fitted(self) -> list[str]:
        """Names of all fitted parameters."""
        return [*self.mobilization, *self.force]


class ScenarioFile(Strict):
    """`scenario.toml`."""

    mechanisms: list[Annotated[str, BeforeValidator(Choice(MECHANISMS))]]
    time: Time
    sectors: list[Sector] = Field(min_length=1, max_length=12)
    income: Income
    layers: list[LayerSpec] = Field(max_length=12)
    economy: Economy
    information: Information
    repression: Repression
    government: Government = Field(default_factory=Government)
    organizations: list[OrganizationSpec] = Field(default_factory=list, max_length=12)
    parameters: dict[Key, Figure] = Field(default_factory=dict)
    steps: list[StepSpec] = Field(default_factory=list)
    arms: dict[Key, Arm] = Field(default_factory=dict)
    calibration: CalibrationSpec | None = None
