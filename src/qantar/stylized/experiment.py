"""An experiment on drawn countries as it is written down before it is run: claims, conditions, how much is computed, what cannot be shown.

In: a folder of experiments of a case, or a file. Out: the experiment with the digest of its file. A case has one at most: the file whose
`type` is "stylized". Beside it lies the table of counts of past campaigns that it is compared with (`navco`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from qantar.cases.case import case_names, cases_folder
from qantar.effects.experiment_file import FOLDER, STYLIZED
from qantar.effects.interaction import KINDS
from qantar.effects.measures import EVERYWHERE, MEASURES, Seen
from qantar.errors import DataError, Problems, StudyError, fail
from qantar.files.cells import Choice, Key, Number, Strict, Text
from qantar.files.markup import read_toml
from qantar.files.write import sha256_of
from qantar.stylized.countries import ALLOCATIONS, BLOCK, METHODS, TRAITS, halves

Floats = NDArray[np.float64]
OUTCOMES = {"success": ("collapsed", "conceded"), "collapsed": ("collapsed",), "peak": ("peak",)}
"""Measures of a history (`effects.measures`) whose sum is an outcome: no history collapses and concedes."""
Whole = Annotated[int, BeforeValidator(Number("1", 1, 100_000, whole=True))]
Smallest = Annotated[float, BeforeValidator(Number("1", 1e-9))]


def outcome_of(name: str, histories: Seen) -> Floats:
    """One of `OUTCOMES` of each history."""
    return np.asarray(sum(MEASURES[measure].of(histories, EVERYWHERE) for measure in OUTCOMES[name]))


class Claim(Strict):
    """A method and the condition that is stated for it."""

    claim: Key
    method: Annotated[str, BeforeValidator(Choice(METHODS))]
    kind: Annotated[str, BeforeValidator(Choice(tuple(KINDS)))]
    condition: dict[Annotated[str, BeforeValidator(Choice(TRAITS))], bool] = Field(min_length=1)
    """by trait, in which half a country must lie"""
    condition_en: Text
    condition_zh: Text

    def holds(self, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """Whether it holds in the countries of these numbers."""
        return np.array([all(halves(n)[trait] == want for trait, want in self.condition.items()) for n in numbers], bool)

    def in_traits(self) -> str:
        """Its condition in one cell: `dominant; not heavy`."""
        return "; ".join(name if want else f"not {name}" for name, want in self.condition.items())


class NotRepresented(Strict):
    """Something the essay speaks of and the model has not, why, and what stands in its place."""

    what_en: Text
    what_zh: Text
    why_en: Text
    why_zh: Text
    instead_en: Text
    instead_zh: Text


class Experiment(Strict):
    """The file."""

    hypothesis: Key
    type: Annotated[str, BeforeValidator(Choice(("stylized",)))]
    question_en: Text
    question_zh: Text
    arms: list[Annotated[str, BeforeValidator(Choice(ALLOCATIONS))]]
    arms_en: Text
    arms_zh: Text
    outcome: Annotated[str, BeforeValidator(Choice(tuple(OUTCOMES)))]
    estimand_en: Text
    estimand_zh: Text
    rule_en: Text
    rule_zh: Text
    caution_en: Text
    caution_zh: Text
    countries: Whole
    draws: Whole
    seeds: Annotated[int, BeforeValidator(Number("1", 2, 1000, whole=True))]
    seed: Annotated[int, BeforeValidator(Number("1", 0, 2**62, whole=True))]
    smallest: dict[Annotated[str, BeforeValidator(Choice(tuple(OUTCOMES)))], Smallest]
    claims: list[Claim] = Field(min_length=1)
    not_represented: list[NotRepresented]


@dataclass(frozen=True)
class Shape:
    """How much is computed."""

    countries: int
    draws: int
    seeds: int

    @property
    def histories(self) -> int:
        """In all."""
        return self.countries * len(ALLOCATIONS) * self.draws * self.seeds


def shape_of(experiment: Experiment, countries: int | None = None, draws: int | None = None) -> Shape:
    """What is asked for, else what the file says.

    >>> shape_of(load_experiment(packaged_folder()).experiment, 16, 10).histories
    1920

    Raises StudyError if the number of countries is no multiple of `BLOCK`, or there are fewer than two draws.
    """
    shape = Shape(countries or experiment.countries, draws or experiment.draws, experiment.seeds)
    if shape.countries % BLOCK:
        raise fail(StudyError, "countries", "not_a_multiple", value=shape.countries, of=BLOCK)
    if shape.draws < 2:
        raise fail(StudyError, "draws", "outside", value=shape.draws, low="2", high="100000", unit="1")
    return shape


@dataclass(frozen=True)
class Written:
    """An experiment with the digest of its file."""

    experiment: Experiment
    sha256: str


def stylized_file(folder: Path) -> Path | None:
    """The file of a folder of experiments that says it is of drawn countries; None if there is none."""
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in sorted(folder.glob("*.toml")) if path.is_file())
    return next((path for path, content in texts if STYLIZED.search(content)), None)


def packaged_folder() -> Path:
    """The experiments of the first packaged case that has one on drawn countries."""
    folders = [cases_folder() / name / FOLDER for name in case_names()]
    return next(folder for folder in folders if stylized_file(folder) is not None)


def load_experiment(folder: Path, file: Path | None = None) -> Written:
    """The experiment of a folder, or that of a file.

    >>> load_experiment(packaged_folder()).experiment.hypothesis
    'H11'

    Raises DataError if there is none, or with every key that does not fit.
    """
    path = file or stylized_file(folder)
    if path is None:
        raise fail(DataError, folder, "no_stylized")
    problems = Problems()
    experiment = read_toml(path, Experiment, problems)
    if experiment is not None:
        if experiment.arms != list(ALLOCATIONS):
            problems.add(path.name, None, "arms", "not_one_of", value=", ".join(experiment.arms), choices=", ".join(ALLOCATIONS))
        for name in OUTCOMES:
            if name not in experiment.smallest:
                problems.add(path.name, None, f"smallest.{name}", "missing_key", value=name)
    problems.raise_as(DataError)
    assert experiment is not None
    return Written(experiment, sha256_of(path))
