"""The first page: what can be opened, and from each the way to what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from qantar.serve.part import Nothing, Operation, Page, Part, Served


def values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """What there is."""
    return {"entries": served.home.entries()}


def entries(served: Served, asked: Nothing) -> dict[str, Any]:
    """The same for programs."""
    return {"entries": [asdict(entry) for entry in served.home.entries()]}


PART = Part(
    "home",
    pages=[Page("/", "home.html.j2", values)],
    operations=[Operation("entries", "GET", "/entries", Nothing, entries)],
)
