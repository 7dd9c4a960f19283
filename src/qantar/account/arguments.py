"""The argument of an account: which of its claims are inferred from which others, and by what kind of reasoning.

In: `arguments.csv` of a ledger. Kinds of reasoning have their usual names (Walton, Reed and Macagno 2008, Argumentation Schemes) and the
questions that each leaves to be asked; both stand in `schemes.toml`, in two languages.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Collection
from importlib import resources
from typing import Annotated

from pydantic import BeforeValidator, Field

from qantar.errors import Problems, nearest
from qantar.files.cells import Choice, Form, Key, Keys, Row, Strict, Table, Text, numbered

LINKS = ("linked", "convergent")
"""Premises that are needed together, or each of which supports the conclusion by itself."""


class Scheme(Strict):
    """A kind of reasoning."""

    name_en: Text
    name_zh: Text
    questions: dict[Key, dict[str, Text]] = Field(min_length=1)
    """what a critic asks of it, by key, in `en` and `zh`"""


@functools.cache
def schemes() -> dict[str, Scheme]:
    """Kinds of reasoning by key.

    >>> schemes()["precedent"].name_en
    'precedent'
    """
    content = tomllib.loads(resources.files(__package__).joinpath("schemes.toml").read_text(encoding="utf-8"))
    return {name: Scheme.model_validate(each) for name, each in content.items()}


class Inference(Row):
    """A step of the argument: premises, the conclusion drawn from them, and how."""

    id: Annotated[str, BeforeValidator(numbered("A01"))]
    conclusion: Key
    premises: Annotated[Keys, Field(min_length=1)]
    link: Annotated[str, BeforeValidator(Choice(LINKS))]
    scheme: Annotated[str, BeforeValidator(Choice(tuple(schemes())))]
    place: Annotated[str, BeforeValidator(Form(r"\d{1,6}\.\d{1,6}(-\d{1,6})?(:\d{1,6}(-\d{1,6})?)?", "6.3 | 6.3:1-2"))] | None = None
    open: Keys = ()
    """keys of the questions of its scheme that the account leaves open"""
    note_en: Text = ""
    note_zh: Text = ""

    @property
    def section(self) -> int | None:
        """The section of its place, if it has one."""
        return int(self.place.partition(".")[0]) if self.place else None

    @property
    def units(self) -> dict[str, tuple[str, ...]]:
        """Premises that stand or fall together, by the name of the part of the inference that they carry.

        >>> Inference(id="A1", conclusion="C3", premises="C1;C2", link="convergent", scheme="sign").units
        {'A1:C1': ('C1',), 'A1:C2': ('C2',)}
        """
        if self.link == "linked" or len(self.premises) == 1:
            return {self.id: self.premises}
        return {f"{self.id}:{p}": (p,) for p in self.premises}


def check_inferences(table: Table[Inference], claims: Collection[str], problems: Problems) -> None:
    """Adds to `problems` what is wrong between the rows and the claims of the ledger."""
    for line, row in problems.rows(table):
        for column, ids in (("conclusion", (row.conclusion,)), ("premises", row.premises)):
            for claim in ids:
                if claim not in claims:
                    problems.add(table.file, line, column, "unknown_claim", value=claim, choices=nearest(claim, claims))
        if row.conclusion in row.premises:
            problems.add(table.file, line, "premises", "begs_the_question", claim=row.conclusion)
        if twice := next((p for k, p in enumerate(row.premises) if p in row.premises[:k]), None):
            problems.add(table.file, line, "premises", "premise_twice", claim=twice)
        known = schemes()[row.scheme].questions
        for key in row.open:
            if key not in known:
                problems.add(table.file, line, "open", "unknown_question", value=key, scheme=row.scheme, choices=", ".join(known))
