"""Results that ship with a case: which there are, and which of them are of the present scenario and model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qantar.cases.case import Case, case_names
from qantar.ensemble.store import model_hash
from qantar.errors import DataError, Problems, ResultError, fail
from qantar.files.result import RESULT, command_words, complete, read_checked, read_result
from qantar.files.write import copy_result, write_bytes
from qantar.inference.posterior import FIT, current_plan
from qantar.scenario.plan import FILE
from qantar.scenario.scenario import Scenario, load_scenario, read_scenario
from qantar.studies import KINDS, studies, study
from qantar.studies.kind import Result, Ships, Study, result_of


@dataclass(frozen=True)
class Shipped:
    """Results of a case: those that are shown, and names of those that were made for another scenario or model."""

    scenario: Scenario | None
    shown: dict[str, Result]
    stale: list[str]


def shipped(case: Case) -> Shipped:
    """The results in the folder of a case.

    Raises
    ------
    ResultError
        If one is not as it was written.
    DataError
        If the scenario they belong to cannot be read.
    """
    results = {s.name: r for s in studies() if s.ships and not s.ships.packed and (r := read_shipped(case.folder, s)) is not None}
    if not results or not (case.folder / FILE).is_file():
        return Shipped(None, {}, list(results))
    problems = Problems()
    scenario = read_scenario(case.folder, problems, case)
    problems.raise_as(DataError)
    assert scenario is not None  # no problem means it was read
    shown = {}
    for kind, result in results.items():
        if is_current(result, scenario) and study(kind).current(result.made):
            others = {name: r for name, r in result.others.items() if is_current(r, scenario)}
            shown[kind] = replace(result, scenario=scenario, others=others)
    return Shipped(scenario, shown, [k for k in results if k not in shown])


def read_shipped(folder: Path, described: Study[Any]) -> Result | None:
    """What ships of one kind in the folder of a case; None if nothing does.

    Raises
    ------
    ResultError
        If a table is missing, was changed after it was written, or lacks a column.
    """
    assert described.ships is not None
    facts = ("command", "seed", *described.facts)
    stored = read_checked(place_of(folder, described, described.ships), described.name, facts, described.columns)
    if stored is None:
        return None
    others = {}
    for ships in described.also:
        if (other := read_result(place_of(folder, described, ships), described.name)) is not None:
            others[str(ships.folder)] = result_of(other.content, other.made)
    return replace(result_of(stored.content, stored.made), others=others)


def to_make(case: str) -> list[dict[str, Any]]:
    """What ships with a case of this name, in the order it is made: what a result rests on comes before it.

    Each with its folder in `fit`, the words of its command, its options that name a place, whether what is packed ships, and its minutes.
    """
    found = []
    for described in studies():
        options = {"scenario": case} if "scenario" in described.options.model_fields else {}
        for ships in described.shipping():
            words = command_words({"command": {"name": described.name, "options": {**options, **ships.options}}})
            found.append(
                {
                    "folder": described.folder(ships),
                    "words": words,
                    "places": dict(ships.places),
                    "packed": ships.packed,
                    "minutes": ships.minutes,
                }
            )
    return found


LEFT_OUT = (".svg", "sample.csv")
"""How files end that do not ship: the page draws its own figures, and nothing reads the sample of the networks."""


def install(result: Path, place: Path) -> None:
    """Put a result where it ships.

    Raises
    ------
    ResultError
        If there is no whole result, or something else at the place.
    """
    if place.name != FIT:
        copy_result(result, place, *LEFT_OUT)
        return
    if (stored := read_result(result)) is None:
        raise fail(ResultError, result, "folder_without", marker=RESULT)
    for name, content in (*stored.content.items(), (RESULT, stored.said)):  # the other results lie in the same folder
        write_bytes(place / name, content)


def place_of(folder: Path, study: Study[Any], ships: Ships) -> Path:
    """Where a result ships in the folder of a case."""
    return folder / FIT / study.folder(ships)


def result_in(folder: Path) -> tuple[Study[Any], Result]:
    """The kind of a result and the result itself, with its scenario, for names of places, if that is packaged.

    Raises
    ------
    ResultError
        If the folder holds no whole result, or one of a kind that cannot be told.
    """
    if (stored := read_result(folder)) is None:
        raise fail(ResultError, folder, "folder_without", marker=RESULT)
    if (name := stored.made.get("kind")) not in KINDS:
        raise fail(ResultError, folder / RESULT, "not_told", value=name, choices=", ".join(KINDS))
    described = study(str(name))
    complete(stored, ("command", *described.facts), described.columns)
    result = result_of(stored.content, stored.made)
    named = stored.made.get("scenario")
    return described, replace(result, scenario=load_scenario(named) if named in case_names() else None)


def is_current(result: Result, scenario: Scenario) -> bool:
    """Whether it was made for this scenario, unchanged, by this version of the model; of one about no single plan, by this version."""
    if "plan_sha256" not in result.made:
        return result.made.get("model_sha256") == model_hash()
    return current_plan(result.made, scenario) is not None
