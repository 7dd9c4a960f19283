"""The table of parameters: one number in one place, for validation, help, manual and forms.

`parameters.toml` holds them all: what each means, its unit and limits, the value used when nothing is drawn, and the prior from
which it is drawn. A prior with a `spike` puts that probability on zero, where the effect is absent.
"""

from __future__ import annotations

import functools
import math
from importlib import resources
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from qantar.draws import Purpose, uniform
from qantar.errors import Problems, ScenarioError
from qantar.files.cells import Choice, Number, Strict, Text
from qantar.files.markup import read_toml

Values = dict[str, float]
"""Value of every parameter, by name."""

_PARAMETER = int(Purpose.PARAMETER)
GROUPS = (
    "base", "rallies", "economy", "grievance", "diffusion", "demands", "repression", "information", "organization", "seeding", "split",
    "loyalty", "intervention", "forces", "violence", "arms", "control", "government", "shock", "record",
)  # fmt: skip
KINDS = ("uniform", "loguniform", "normal", "halfnormal", "lognormal")
Real = Annotated[float, BeforeValidator(Number("1"))]


class Prior(Strict):
    """A distribution by two numbers, and a share of it that sits on zero.

    uniform, loguniform: from a to b. normal: mean a, standard deviation b. halfnormal: above zero, standard deviation b of the
    normal it is half of. lognormal: median a, standard deviation b of the logarithm.
    """

    kind: Annotated[str, BeforeValidator(Choice(KINDS))]
    a: Real = 0.0
    b: Real
    spike: Annotated[float, BeforeValidator(Number("share", 0, 1))] = 0.0

    @model_validator(mode="after")
    def _is_a_distribution(self) -> Prior:
        ordered = self.kind in ("uniform", "loguniform")
        if (ordered and self.a >= self.b) or (not ordered and self.b <= 0) or (self.kind in ("loguniform", "lognormal") and self.a <= 0):
            value = f"{self.kind} {self.a:g}, {self.b:g}"
            raise PydanticCustomError("bad_prior", "{code}", {"code": "bad_prior", "value": value})
        return self

    def quantile(self, u: float) -> float:
        """The value below which a share u of the prior without its spike lies.

        >>> Prior(kind="lognormal", a=2, b=1).quantile(0.5)
        2.0
        >>> Prior(kind="loguniform", a=1, b=100).quantile(0.5)
        10.0
        """
        if self.kind == "uniform":
            return self.a + u * (self.b - self.a)
        if self.kind == "loguniform":
            return float(self.a * (self.b / self.a) ** u)
        z = NormalDist().inv_cdf(0.5 + u / 2 if self.kind == "halfnormal" else u)
        if self.kind == "lognormal":
            return self.a * math.exp(self.b * z)
        return self.a * (self.kind == "normal") + self.b * z

    def __str__(self) -> str:
        """In a few words: `lognormal(2, 0.5), 30 % on 0`."""
        numbers = f"{self.b:g}" if self.kind == "halfnormal" else f"{self.a:g}, {self.b:g}"
        return f"{self.kind}({numbers})" + (f", {100 * self.spike:g} % on 0" if self.spike else "")


class Parameter(Strict):
    """One row of the table."""

    number: Annotated[int, BeforeValidator(Number("1", 1, 9999, whole=True))]
    """key of its draws: never changed, never used again"""
    group: Annotated[str, BeforeValidator(Choice(GROUPS))]
    unit: Text
    default: Real
    low: Real
    high: Real
    prior: Prior
    status: Annotated[str, BeforeValidator(Choice(("literature", "recorded", "assumption")))]
    meaning_en: Text
    meaning_zh: Text
    source: Text

    @model_validator(mode="after")
    def _default_fits(self) -> Parameter:
        if not self.low <= self.default <= self.high:
            args = {"code": "outside", "value": f"{self.default:g}", "low": f"{self.low:g}", "high": f"{self.high:g}", "unit": self.unit}
            raise PydanticCustomError("outside", "{code}", args)
        return self

    def at(self, u: float, v: float) -> float:
        """The value at quantile u of the prior without its spike, cut at the limits; zero where v falls into the spike."""
        return 0.0 if v < self.prior.spike else min(max(self.prior.quantile(u), self.low), self.high)

    def uniforms(self, seed: int, number: int) -> tuple[float, float]:
        """The two uniform numbers behind draw `number`: a pure function of seed, draw and parameter."""
        return uniform(seed, _PARAMETER, number, self.number, 0), uniform(seed, _PARAMETER, number, self.number, 1)

    def draw(self, seed: int, number: int) -> float:
        """The value in draw `number`."""
        return self.at(*self.uniforms(seed, number))


class _File(BaseModel):
    """`parameters.toml`: a table a parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    parameters: dict[str, Parameter] = Field(min_length=1)


@functools.cache
def parameters() -> dict[str, Parameter]:
    """The table, by name, in the order of the file.

    >>> parameters()["frailty"].unit
    '1'
    """
    return read_parameters(Path(str(resources.files(__package__))) / "parameters.toml")


def read_parameters(path: Path) -> dict[str, Parameter]:
    """A table of parameters from a file.

    Raises
    ------
    ScenarioError
        With every problem of the file.
    """
    problems = Problems()
    file = read_toml(path, _File, problems)
    problems.raise_as(ScenarioError)
    assert file is not None
    return file.parameters


def defaults() -> Values:
    """The value of every parameter when nothing is drawn."""
    return {name: p.default for name, p in parameters().items()}


def draw(seed: int, number: int, fixed: dict[str, Any] | None = None) -> Values:
    """All parameters of one draw from their priors; `fixed` ones keep their value."""
    return {name: p.draw(seed, number) for name, p in parameters().items()} | (fixed or {})
