"""What a downloaded file holds for a case: rows taken, and rows and cells that were not, each counted once with its reason."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

EVENT_COLUMNS = (
    "event_id", "date", "date_end", "region_id", "settlement", "settlement_id", "lat", "lon", "kind", "scope",
    "participants_low", "participants_high", "number_basis", "deaths_low", "deaths", "deaths_high", "injured", "detained",
    "actor", "confidence", "note", "source", "external_id",
)  # fmt: skip
"""Columns of events.csv that an import fills."""
UNMATCHED_COLUMNS = ("source", "file", "line", "reason", "column", "value", "external_id", "date", "place", "type")
REASONS = (
    "cell_count", "no_date", "bad_date", "low_above_high", "outside_days", "outside_country", "only_country", "swapped_coordinates",
    "bad_coordinates", "no_place", "unknown_place", "ambiguous_place", "ambiguous_region", "unknown_kind", "no_kind", "kind_left_empty",
    "bad_number", "more_than_residents", "count_zero", "no_id",
)  # fmt: skip
"""Why a row is not taken."""
LINES = 5
"""Rows that are told of each reason; all of them stand in unmatched.csv."""
Row = dict[str, str]
Unmatched = Callable[[Sequence[object]], None]


class Refused(NamedTuple):
    """A row that was not taken: its line, and the column and the cell that are the reason, where there is one."""

    line: int
    column: str
    value: str
    hint: str = ""
    """what may have been meant"""
    within: str = ""
    """regions of the case that lie in a larger unit of this name"""


@dataclass
class Taken:
    """What a file holds for a case."""

    rows: dict[str, Row] = field(default_factory=dict)
    """by external id"""
    line_of: dict[tuple[str, str], int] = field(default_factory=dict)
    """line of each row in the file, by source and external id as they are written"""
    told: dict[str, str] = field(default_factory=dict)
    """what a cell with types says, of rows read by a mapping, by external id"""
    read: int = 0
    duplicates: int = 0
    """the same row once more"""
    superseded: int = 0
    """the same id with other content, of which the newer was kept"""
    near: int = 0
    swapped: int = 0
    elsewhere: int = 0
    """rows whose named region is not the one their coordinates lie in"""
    spans: int = 0
    """rows of which one cell holds the first and the last day"""
    words: Counter[str] = field(default_factory=Counter)
    """crowds in words, which have no number"""
    lowest: int = 0
    """injured and detained of which the low end of a range was kept"""
    unnamed: Counter[str] = field(default_factory=Counter)
    """places that the case does not know, of rows that have only the names of region and place"""
    apart: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """places, with the region that the row names, of which the case knows one in another region only, the third"""
    reasons: Counter[str] = field(default_factory=Counter)
    refused: dict[str, list[Refused]] = field(default_factory=dict)
    """the first rows of each reason"""
    blanked: Counter[str] = field(default_factory=Counter)
    """cells that were left out of rows that were taken, by the reason"""
    left_out: dict[str, list[Refused]] = field(default_factory=dict)
    """the first cells of each reason"""
    still: set[str] = field(default_factory=set)
    """those of the ids and notes to be watched that rows have which were not taken, and so are in the file all the same"""
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """type of the file and kind of qantar, empty where there is none, `?` where the type is not known"""
    first: dt.date | None = None
    last: dt.date | None = None
