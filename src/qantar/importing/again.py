"""Rows without an id of their own, known again: which row of an earlier import a row of the file is.

In: rows that are gone from a file and rows that are new in it. Out: pairs. What is not certain is only told: an id that named one event
must never come to name another.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from qantar.files.cells import fold
from qantar.importing.places import ALIKE

Row = dict[str, str]

MADE = re.compile(r"[0-9a-f]{16}(?:-\d+)?", re.ASCII)
"""An id that an import made for a row without one."""
PAIRS_MAX = 1_000_000
"""Pairs of rows that are compared; among more, only rows that say the same are known again."""
_FIGURES = (
    "participants_low", "participants_high", "number_basis", "deaths_low", "deaths", "deaths_high", "injured", "detained",
)  # fmt: skip
_SLIPS = {"day", "place", "kind"}
"""What may differ in a row that is mended."""
_TOLD = ("date", "date_end", "region_id", "settlement", "settlement_id", "lat", "lon", "kind", "scope", *_FIGURES, "actor", "note")
"""Columns that say what happened; `confidence` and the ids say how it is known."""


class Again(NamedTuple):
    """Numbers of rows that are gone, with the names of the rows of the file that they are."""

    same: dict[int, str]
    """rows that say the same"""
    mended: dict[int, str]
    perhaps: list[tuple[int, str]]
    """rows that may be one, and may not"""


def known_again(gone: Sequence[Row], new: Mapping[str, Row], there: int) -> Again:
    """Which of the rows that are gone stand in the file in other words.

    Parameters
    ----------
    gone : rows of earlier imports, without an id of their own, that the file does not have as they were
    new : rows of the file that no earlier import had
    there : rows of earlier imports without an id that the file has as they were

    Two rows are one, mended, if both tell of one day, place and kind with one note, so that only figures or the spelling differ; and, where
    the file has most earlier rows as they were, if only one of day, place and kind differs and the same note stands in both. No other row
    may come into question for either.

    >>> told = dict(date="2030-03-02", region_id="A", kind="march")
    >>> known_again([told | {"settlement": "Onevile"}], {"x": told | {"settlement": "Oneville"}}, 0).mended
    {0: 'x'}
    """
    same = _same(gone, new)
    left = [k for k in range(len(gone)) if k not in same]
    taken = set(same.values())
    added = [name for name in new if name not in taken]
    if not left or len(left) * len(added) > PAIRS_MAX:
        return Again(same, {}, [])
    mostly = there + len(same) >= len(left)
    sure: list[tuple[int, str]] = []
    near: dict[str, tuple[int, int]] = {}
    for name in added:
        for k in left:
            old, now = gone[k], new[name]
            differ = _differ(old, now)
            slip = mostly and len(differ) == 1 and differ <= _SLIPS and old.get("note", "") == now.get("note", "") != ""
            if slip or not differ:
                sure.append((k, name))
            noted = bool(old.get("note") and now.get("note"))
            if len(differ) < 3 and (noted or not differ & {"day", "place"}) and not {"day", "place"} <= differ:
                near[name] = min(near.get(name, (9, 0)), (len(differ), k))
    ways: Counter[int | str] = Counter(end for pair in sure for end in pair)
    mended = {k: name for k, name in sure if ways[k] == ways[name] == 1}
    done = set(mended.values())
    return Again(same, mended, [(k, name) for name, (_, k) in near.items() if name not in done and k not in mended])


def _same(gone: Sequence[Row], new: Mapping[str, Row]) -> dict[int, str]:
    """Rows that say the same in every column."""

    def said(row: Row) -> tuple[str, ...]:
        return tuple(row.get(c, "") for c in _TOLD)

    names = defaultdict(list)
    for name, row in new.items():
        names[said(row)].append(name)
    return {k: names[said(row)].pop(0) for k, row in enumerate(gone) if names.get(said(row))}


def _differ(a: Row, b: Row) -> set[str]:
    """Which of day, place, kind and note differ by more than their spelling, and `figures` where these differ besides.

    >>> march = dict(date="2030-03-02", region_id="A", settlement="Oneville", kind="march", note="", deaths="1")
    >>> sorted(_differ(march, march | {"settlement": "Onevile", "deaths": "2"})), sorted(_differ(march, march | {"kind": "strike"}))
    ([], ['kind'])
    """

    def alike(column: str, empty: bool) -> bool:
        x, y = fold(a.get(column, "")), fold(b.get(column, ""))
        return x == y or (not (x and y) and empty) or (bool(x and y) and SequenceMatcher(None, x, y).ratio() >= ALIKE)

    def equal(*columns: str) -> bool:
        return all(a.get(c, "") == b.get(c, "") for c in columns)

    agree: dict[str, Callable[[], bool]] = {
        "day": lambda: equal("date", "date_end"),
        "place": lambda: equal("region_id") and alike("settlement", empty=False) and (bool(a.get("settlement")) or equal("lat", "lon")),
        "kind": lambda: equal("kind"),
        "note": lambda: alike("note", empty=True),
    }
    found = {thing for thing, agrees in agree.items() if not agrees()}
    return found | {"figures"} if found and not equal(*_FIGURES) else found
