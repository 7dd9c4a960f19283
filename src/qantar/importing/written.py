"""How what a downloaded file says is written into events.csv: one line of plain text, digits, degrees, and ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from qantar.files.cells import NAME_MAX, printable

_DEGREES = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{1,20})?", re.ASCII)


def made_id(cells: Sequence[str]) -> str:
    """The id of a row without one: the same as long as no cell of it changes."""
    return hashlib.sha256("\x1f".join(cells).encode("utf-8", "replace")).hexdigest()[:16]


def event_id(key: str, name: str) -> str:
    """The id of an event in the record: that of its provider; empty where it cannot be one, and the event is numbered.

    >>> event_id("acled", "KAZ1234"), event_id("own", "a b")
    ('acled-KAZ1234', '')
    """
    whole = f"{key}-{name}"
    fits = len(whole) <= NAME_MAX and re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", name, re.ASCII)
    return whole if fits else ""


def plain(text: str) -> str:
    """Text of one line without characters that steer a terminal; what looks like HTML stays text."""
    return printable(" ".join(text.split())) if text else ""


HARMLESS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9 _.,:/-]*)?(?:\|(?:[A-Za-z0-9][A-Za-z0-9 _.,:/-]*)?)*", re.ASCII)
"""Cells joined by a mark of which none can be a formula or steer a terminal."""


def digits(number: int | None) -> str:
    """A count as it stands in a cell; what is not known is left empty."""
    return "" if number is None else str(number)


def degrees(cell: str) -> float | None:
    """What a cell with a coordinate says, with a point or a comma; None if it is none."""
    cell = cell.strip()
    return float(cell.replace(",", ".")) if _DEGREES.fullmatch(cell) else None


def written(degrees: float) -> str:
    """Degrees to a tenth of a metre.

    >>> written(15.0), written(43.2567), written(-0.1)
    ('15', '43.2567', '-0.1')
    """
    return f"{degrees:.6f}".rstrip("0").rstrip(".")


def age(updated: str) -> tuple[float, str]:
    """Orders times of change: numbers of seconds, or text that begins with the year."""
    return (float(updated), "") if re.fullmatch(r"\d{1,20}", updated, re.ASCII) else (0, updated)
