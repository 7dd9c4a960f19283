"""A scenario: a case, and what the simulation takes as given about it.

`scenario.toml` beside the tables of a case is the short form, for people (`schema`). `resolve` joins it with the tables into a
`Plan` and applies changes to it (`edits`).
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qantar.cases.case import Case, find_folder, read_case
from qantar.errors import DataError, Problems, ScenarioError, fail, nearest
from qantar.files.cells import Strict
from qantar.files.markup import TomlNotes, read_toml, toml_lines
from qantar.files.text import read_text
from qantar.scenario.edits import apply, parameter_fault, parse_set
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import FILE, Plan, country_offset, plan_of
from qantar.scenario.schema import SPREADS, Arm, Basis, Edit, ScenarioFile, step_fault

__all__ = [
    "AS_IS",
    "FILE",
    "Edit",
    "Plan",
    "Scenario",
    "apply",
    "arm_edits",
    "load_scenario",
    "parse_set",
    "read_scenario",
    "resolve",
    "with_arms",
]


AS_IS = "base"
"""The scenario without a change, where an arm may be named."""
FITTED_MAX = 8
"""Parameters that may be fitted at once."""
DEGREE_MAX = 2_000
"""Contacts that a resident may have: far beyond any life, far inside the counters."""


@dataclass(frozen=True)
class Scenario:
    """A case with what the simulation takes as given about it."""

    case: Case
    file: ScenarioFile


def load_scenario(name: str) -> Scenario:
    """A packaged scenario by name, or a folder with `case.toml` and `scenario.toml`.

    Raises
    ------
    ScenarioError, DataError
        With every problem found.
    """
    problems = Problems()
    folder = find_folder(name, "case.toml")
    if not (folder / FILE).is_file():
        raise fail(ScenarioError, folder, "folder_without", marker=FILE)
    scenario = read_scenario(folder, problems)
    problems.raise_as(DataError)
    assert scenario is not None
    return scenario


def read_scenario(folder: Path, problems: Problems, case: Case | None = None, *, whole: bool = True) -> Scenario | None:
    """As `load_scenario`, but adds to `problems`; None if a file is unusable.

    A case that was read already need not be read again; `whole` says whether that was without a problem. What a table lacks that has
    problems of its own is not said here once more, nor of an entry with a key that nobody knows; no arm is tried before all that is mended.
    """
    before = len(problems.found)
    case = case or read_case(folder, problems)
    whole = whole and len(problems.found) == before
    file = read_toml(folder / FILE, ScenarioFile, problems)
    if case is None or file is None:
        return None
    entries = {p.key.rpartition(".")[0] for p in problems.found[before:] if p.file == FILE} - {""}
    found = Problems()
    _check(case, file, TomlNotes.of(folder / FILE, found), found, whole=whole and not entries)
    problems.found += [p for p in found.found if not any(f"{p.key}.".startswith(f"{entry}.") for entry in entries)]
    return Scenario(case, file) if whole and len(problems.found) == before else None


def _check(case: Case, file: ScenarioFile, notes: TomlNotes, problems: Problems, *, whole: bool) -> None:
    """What one model alone cannot see: keys that must exist elsewhere, sums, and every arm by applying it."""
    before = len(problems.found)
    if whole and not len(case.record.regions):
        notes.add("time", "no_regions")
        return
    _check_ids(file, notes)
    _check_time(case, file, notes)
    _check_people(case, file, notes)
    if whole:
        _check_money(case.head.currency, file, notes)
    _check_steps(case, file, notes)
    _check_calibration(file, notes)
    _check_organizations(case, file, notes)
    sources = case.record.sources.ids()
    for key, basis in _bases(file):
        if basis.source is not None and case.record.sources.readable:
            notes.among(key, basis.source, sources, "unknown_source")
    for name, figure in file.parameters.items():
        if fault := parameter_fault(name, figure.value):
            notes.add(f"parameters.{name}", fault[0], **fault[1])
    if len(problems.found) > before or not whole:
        return
    plan = resolve(Scenario(case, file), problems=problems)
    for name, arm in file.arms.items():
        found = Problems()
        apply(plan, arm.edits, found, prefix=f"arms.{name}.edits")
        for p in found.found:
            notes.add(p.key, p.code, **p.args)


def _check_ids(file: ScenarioFile, notes: TomlNotes) -> None:
    for name in ("sectors", "layers", "steps", "organizations"):
        ids = [x.id for x in getattr(file, name)]
        for n, found in enumerate(ids):
            if found in ids[:n]:
                notes.add(f"{name}.{n}.id", "repeated_id", value=found, first=notes.lines.get((name, str(ids.index(found)), "id"), 1))


def _check_time(case: Case, file: ScenarioFile, notes: TomlNotes) -> None:
    """The history, what the state does in it, and its quiet period are of the days of the case, or within a year of them."""
    low, high = (day + dt.timedelta(days=366 * k) for day, k in ((case.head.first_day, -1), (case.head.last_day, 1)))
    moments = {
        "time.start": file.time.start,
        "time.hours": file.time.start + dt.timedelta(hours=file.time.hours),
        **{f"steps.{n}.at": step.at for n, step in enumerate(file.steps)},
    }
    if file.calibration and file.calibration.quiet:
        moments["calibration.quiet.start"] = file.calibration.quiet.start
    for key, moment in moments.items():
        if not low <= moment.date() <= high:
            notes.add(key, "day_outside", value=moment.date(), low=low, high=high)


def _check_people(case: Case, file: ScenarioFile, notes: TomlNotes) -> None:
    spreads = {*SPREADS, *(v.variable for v in case.record.region_values if v.unit == "thousand persons")}
    values, regions = case.record.region_values, case.record.regions.ids()
    for n, item in enumerate(file.economy.fuel_vehicles_by_region if case.record.regions.readable else ()):
        notes.among(f"economy.fuel_vehicles_by_region.{n}", item.region, regions, "unknown_region")
    for n, sector in enumerate(file.sectors):
        if values.readable and not values.spoilt:
            notes.among(f"sectors.{n}.spread", sector.spread, spreads)
        if (sector.people is None) != (sector.spread == "rest"):
            notes.add(f"sectors.{n}.people", "sector_without", value=sector.id)
    if sum(s.spread == "rest" for s in file.sectors) > 1:
        notes.add("sectors", "sector_without", value="rest")
    for n, layer in enumerate(file.layers):
        if layer.group is None and layer.scope != "workplace":
            notes.add(f"layers.{n}.group", "missing_key", value="group")
    widest = max(s.workgroup for s in file.sectors)
    degree = sum(x.repeats * ((x.group or widest) - 1) for x in file.layers)
    if degree > DEGREE_MAX:
        notes.add("layers", "outside", value=degree, low=0, high=DEGREE_MAX, unit="contacts")
    edges = [b.from_ for b in file.income.bands]
    if edges[0] != 0 or any(a >= b for a, b in itertools.pairwise(edges)):
        notes.add("income.bands", "bands_out_of_order")


def _check_money(currency: str, file: ScenarioFile, notes: TomlNotes) -> None:
    """Prices are in the currency of the case: that of the good for any measure of it, that of the dollar for one."""
    price, dollars = file.economy.price.unit, (file.economy.dollar, file.economy.dollar_reference)
    if not re.fullmatch(rf"{re.escape(currency)} an? \S.*", price):
        notes.add("economy.price", "wrong_unit", value=price, unit=f"{currency} a litre", variable="economy.price")
    for name, dollar in zip(("dollar", "dollar_reference"), dollars, strict=True):
        if dollar and dollar.unit != (unit := f"{currency} per US dollar"):
            notes.add(f"economy.{name}", "wrong_unit", value=dollar.unit, unit=unit, variable=f"economy.{name}")


def _check_organizations(case: Case, file: ScenarioFile, notes: TomlNotes) -> None:
    """Places, sectors and times of organizations; the capital."""
    regions = case.record.regions.ids()
    places = {*regions, *case.record.settlements.ids(), case.head.country}
    for n, o in enumerate(file.organizations):
        for value in o.places if _places_known(case) else ():
            notes.among(f"organizations.{n}.places", value, places)
        for value in o.sectors:
            notes.among(f"organizations.{n}.sectors", value, {s.id for s in file.sectors})
        if o.start is not None and o.end is not None and o.end <= o.start:
            start, end = (f"{moment:%Y-%m-%dT%H:%M}" for moment in (o.start, o.end))
            notes.add(f"organizations.{n}.start", "low_above_high", value=start, other="end", other_value=end)
    if file.government.capital is not None and case.record.regions.readable:
        notes.among("government.capital", file.government.capital, regions, "unknown_region")


def _places_known(case: Case) -> bool:
    """Whether the tables of places could be read: if not, nobody can say that a place is not in them."""
    return case.record.regions.readable and case.record.settlements.readable


def _check_steps(case: Case, file: ScenarioFile, notes: TomlNotes) -> None:
    """Places, events and sizes of the state's steps; and that hours and regions are those of the events, or said to be assumed."""
    record = case.record
    home = {**{r.region_id: r.region_id for r in record.regions}, **{s.settlement_id: s.region_id for s in record.settlements}}
    known = {*home, case.head.country}
    events, spoilt = {e.event_id: e for e in record.events}, record.regions.spoilt | record.settlements.spoilt
    offset = dt.timedelta(hours=country_offset(case) if len(record.regions) else 0)
    end, day = file.time.start + dt.timedelta(hours=file.time.hours), dt.timedelta(days=1)
    for n, step in enumerate(file.steps):
        for place in step.places if _places_known(case) else ():
            notes.among(f"steps.{n}.places", place, {*known, *spoilt}, "unknown_region")
        for event in step.events if record.events.readable else ():
            notes.among(f"steps.{n}.events", event, record.events.ids(), "unknown_event")
        if fault := step_fault(step.kind, step.size):
            notes.add(f"steps.{n}.size", fault[0], **fault[1])
        if step.at >= end:
            notes.add(f"steps.{n}.at", "step_after_end", value=f"{step.at:%Y-%m-%dT%H:%M}", end=f"{end:%Y-%m-%dT%H:%M}")
        rows = [events[e] for e in step.events if e in events]
        if not len(record.regions) or not rows or len(rows) < len(step.events) or not {*step.places} <= known:
            continue
        at = (step.at - offset).replace(tzinfo=dt.UTC)
        if step.hour == "recorded" and any(record.instant(row) != at for row in rows):
            notes.add(f"steps.{n}.at", "step_hour_differs", value=f"{step.at:%Y-%m-%dT%H:%M}", events=", ".join(step.events))
        elif not any(row.date - day <= step.at.date() <= (row.date_end or row.date) + day for row in rows):  # clocks differ by hours
            notes.add(f"steps.{n}.at", "step_day_differs", value=step.at.date(), events=", ".join(step.events))
        named = {row.region_id for row in rows}
        if step.place == "recorded" and case.head.country not in named and not {home.get(x, x) for x in step.places} <= named:
            notes.add(f"steps.{n}.places", "step_place_differs", value=", ".join(step.places), events=", ".join(step.events))


def _check_calibration(file: ScenarioFile, notes: TomlNotes) -> None:
    """Fitted parameters exist, stand there once, are not fixed, and are few: a thin record carries no more."""
    if (spec := file.calibration) is None:
        return
    for module in ("mobilization", "force"):
        for n, name in enumerate(getattr(spec, module)):
            notes.among(f"calibration.{module}.{n}", name, parameters())
            if name in parameters() and (name in file.parameters or spec.fitted.count(name) > 1):
                notes.add(f"calibration.{module}.{n}", "fitted_twice", value=name)
    if len(spec.fitted) > FITTED_MAX:
        notes.add("calibration", "outside", value=len(spec.fitted), low=1, high=FITTED_MAX, unit="parameters")


def quiet_plan(scenario: Scenario, edits: Sequence[Edit] = (), *, scale: float = 1.0) -> Plan | None:
    """The plan of the quiet period of a scenario's calibration; None if it names none."""
    spec = scenario.file.calibration
    if spec is None or spec.quiet is None:
        return None
    time = scenario.file.time.model_copy(update={"start": spec.quiet.start, "hours": spec.quiet.hours})
    return resolve(Scenario(scenario.case, scenario.file.model_copy(update={"time": time})), edits, scale=scale)


def _bases(item: Any, path: str = "") -> Iterable[tuple[str, Basis]]:
    """Every figure of the file with its path."""
    if isinstance(item, Basis):
        yield path, item
    elif isinstance(item, Strict):
        for name in type(item).model_fields:
            yield from _bases(getattr(item, name), f"{path}.{name}".lstrip("."))
    elif isinstance(item, list):
        for number, inner in enumerate(item):
            yield from _bases(inner, f"{path}.{number}")
    elif isinstance(item, dict):
        for name, inner in item.items():
            yield from _bases(inner, f"{path}.{name}")


def resolve(scenario: Scenario, edits: Sequence[Edit] = (), *, scale: float = 1.0, problems: Problems | None = None) -> Plan:
    """The plan of a scenario under edits. Pure: the same in, the same out.

    Parameters
    ----------
    edits : applied in order
    scale : residents of the model for each resident of the country, above 0, at most 1
    problems : where to put what does not fit; without it, it is raised

    Raises
    ------
    ScenarioError
        With every edit that does not fit.
    """
    own = Problems()
    if not 0 < scale <= 1:
        raise fail(ScenarioError, "scale", "outside", value=f"{scale:g}", low="0.0001", high="1", unit="share")
    plan = apply(plan_of(scenario.case, scenario.file, scale=scale, problems=own), edits, own)
    if problems is None:
        own.raise_as(ScenarioError)
    else:
        problems.found += own.found
    return plan


def with_arms(scenario: Scenario, words: Sequence[str]) -> tuple[Scenario, list[str]]:
    """A scenario with those arms that were written as files, and the names of all that are asked for.

    Parameters
    ----------
    words : names of arms, or files ending in `.toml` with the keys of an arm; such an arm is called as its file

    Raises
    ------
    ScenarioError, DataError
        With every problem found in the files.
    """
    arms, problems, names = dict(scenario.file.arms), Problems(), []
    for word in words:
        path = Path(word)
        names.append(path.stem if path.suffix == ".toml" else word)
        if path.suffix != ".toml" or (arm := read_toml(path, Arm, problems)) is None:
            continue
        if path.stem in arms:
            problems.add(path.name, None, "", "arm_exists", value=path.stem)
            continue
        line, found = toml_lines(read_text(path)).get(("edits",)), Problems()
        resolve(scenario, arm.edits, problems=found)
        problems.found += [replace(p, file=path.name, line=line) for p in found.found]
        arms[path.stem] = arm
    problems.raise_as(ScenarioError)
    return Scenario(scenario.case, scenario.file.model_copy(update={"arms": arms})), names


def arm_edits(scenario: Scenario, name: str) -> list[Edit]:
    """The edits of a named arm; of `AS_IS` none.

    Raises
    ------
    ScenarioError
        If there is none of that name.
    """
    if name == AS_IS and name not in scenario.file.arms:
        return []
    if name not in scenario.file.arms:
        known = [*scenario.file.arms, *(f"steps.{s.id}=off" for s in scenario.file.steps)]
        raise fail(ScenarioError, f"--arm {name}", "no_such_arm", value=name, choices=nearest(name, known) or "-")
    return scenario.file.arms[name].edits
