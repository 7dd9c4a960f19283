"""Studies: what can be asked of a scenario, one file a kind; the list of kinds is here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qantar.studies.kind import Study

KINDS = (
    "calibrate",
    "run",
    "counterfactual",
    "heldout",
    "rivals",
    "scale",
    "warning",
    "experiments",
    "policy",
    "sensitivity",
    "methods",
    "planted",
    "argument",
    "weigh",
    "compare",
    "benchmark",
    "classics",
    "waves",
)
"""Names of the kinds, each a file of this room; in this order they are listed, shown and made: planted worlds, which take longest and on
which nothing rests, after what else ships."""


def study(name: str) -> Study[Any]:
    """The description of a kind, loaded on first use: help of the others need not wait for its libraries.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    if name not in KINDS:
        raise KeyError(name)
    described: Study[Any] = import_module(f"qantar.studies.{name}").STUDY
    return described


def studies() -> list[Study[Any]]:
    """All kinds, in order."""
    return [study(name) for name in KINDS]
