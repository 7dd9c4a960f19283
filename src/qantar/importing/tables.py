"""What an import changes in the folder of a case: events.csv and sources.csv by rows, unmatched.csv and imported.csv whole for its source.

imported.csv says which rows imports have brought, so that one that somebody took out of events.csv stays out.

Rows that were not imported keep every character of their cells. All files are made aside and put in their places at the end, sources first:
a stop between two of them leaves a folder that is whole.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from qantar.errors import DataError, Problems, fail
from qantar.files.cells import quoted
from qantar.files.read import csv_rows
from qantar.files.sheet import ROWS_MAX
from qantar.files.text import BYTES_MAX, read_text
from qantar.importing.again import MADE, Again, known_again
from qantar.importing.taken import EVENT_COLUMNS, Row
from qantar.record.schema import Event

EVENTS, SOURCES, UNMATCHED, IMPORTED = "events.csv", "sources.csv", "unmatched.csv", "imported.csv"
IMPORTED_COLUMNS = ("source", "external_id", "event_id")
SOURCE_COLUMNS = ("key", "title", "publisher", "date", "address", "address_complete", "licence", "how_obtained", "seen", "redistribution")
MARK = "imported by qantar: "
"""How the cell `how_obtained` of a source begins that an import wrote."""


NUMBERED = re.compile(r"E(\d{1,9})", re.ASCII)
"""An id that a person can read and type, of a row that brings none."""


@dataclass
class Raw:
    """A table as it stands in its file."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int] = field(default_factory=list)
    """line of each row that was read"""

    def at(self, column: str) -> int:
        """Number of a column, added at the end if it is not there."""
        if column not in self.header:
            self.header.append(column)
            for row in self.rows:
                row.append("")
        return self.header.index(column)

    def dicts(self) -> Iterator[Row]:
        """Rows by the names of their columns."""
        return (dict(zip(self.header, map(str.strip, row), strict=True)) for row in self.rows)

    def text(self) -> str:
        """The table as CSV; cells are written as they are."""
        out: list[str] = []
        writer = csv.writer(_Collect(out), lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return "".join(out)


class _Collect:
    def __init__(self, out: list[str]) -> None:
        self.write = out.append


def read_raw(path: Path, columns: Sequence[str]) -> Raw:
    """A table cell by cell; one with these columns and no rows where there is no file."""
    if not path.exists() and not path.is_symlink():
        return Raw(list(columns), [])
    problems = Problems()
    rows: list[list[str]] = []
    lines: list[int] = []
    header: list[str] = []
    for line, cells in csv_rows(read_text(path), path.name, problems):
        if not header:
            header = [c.strip() for c in cells]
            while len(header) > 1 and not header[-1]:
                header.pop()
            if twice := next((c for c in header if header.count(c) > 1), ""):
                problems.add(path.name, line, twice, "repeated_column", value=twice)
            continue
        if len(cells) > len(header) and not any(cells[len(header) :]):
            cells = cells[: len(header)]
        if len(cells) != len(header):
            problems.add(path.name, line, "", "cell_count", found=len(cells), expected=len(header))
        rows.append(list(cells))
        lines.append(line)
    problems.raise_as(DataError)
    return Raw(header or list(columns), rows, lines)


@dataclass
class Changes:
    """How many rows of a source were changed in which way."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    taken_away: list[Row] = field(default_factory=list)
    """the rows that were removed"""
    absent: list[Row] = field(default_factory=list)
    """rows of an earlier import that this file does not have; they stay"""
    mended: list[tuple[Row, Row]] = field(default_factory=list)
    """rows without an id of their own as they were and as they are"""
    perhaps: list[tuple[Row, Row]] = field(default_factory=list)
    """rows that stay, and rows that are added and may be the same"""
    by_hand: int = 0
    """rows that no import wrote"""
    taken_out: list[Row] = field(default_factory=list)
    """rows of the file that an earlier import brought and that somebody took out of the table: they stay out"""
    brought: dict[str, str] = field(default_factory=dict)
    """event ids of all rows that imports of the source brought, by external id"""
    new_kinds: Counter[str] = field(default_factory=Counter)
    """kinds of the rows that are new or changed"""
    ours: set[str] = field(default_factory=set)
    """ids of the events that are new or changed"""


def imported(events: Raw, key: str) -> frozenset[str]:
    """External ids and notes of the rows that imports of a source brought."""
    ours = [row for row in events.dicts() if row.get("source") == key and row.get("external_id")]
    return frozenset(told for row in ours for told in (row["external_id"], row.get("note", "")) if told)


def merge_events(
    events: Raw,
    key: str,
    rows: Mapping[str, Row],
    deleted: set[str],
    *,
    brought: Mapping[str, str] = MappingProxyType({}),
    remove_gone: bool = False,
    still: Set[str] = frozenset(),
) -> Changes:
    """Put the rows of a source into events.csv: new ones at the end by day, changed ones in their places; take deleted ones away.

    A new row without an id that can stand in the record is numbered, E001 and so on in the order of days; it keeps that id as long as it
    stands there, and is known again by `external_id`. Rows without an id of their own whose words have changed are looked for among those
    that are gone (`again.known_again`). Of the rows that earlier imports have `brought`, those that are no longer in the table were taken
    out by somebody and are not put back, unless all of the source are gone from it. With `remove_gone` the imported rows that are not among
    `rows` are taken away too, but those whose external id or note is in `still`.
    """
    done = Changes()
    _said_in_full(events)
    at = {c: events.at(c) for c in EVENT_COLUMNS}
    seen: set[str] = set()
    new = {str(quoted(name)): row for name, row in rows.items() if name not in deleted}
    gone = {str(quoted(name)) for name in deleted}
    words = list(events.dicts())
    here = {row["external_id"] for row in words if row["source"] == key}
    out = {name: new.pop(name) for name in [*new] if name in brought and name not in here} if here - {""} else {}
    done.taken_out = [{**row, "event_id": brought[name]} for name, row in out.items()]
    known = _known_again([(k, row) for k, row in enumerate(words) if row["source"] == key], new)
    kept: list[list[str]] = []
    for k, row in enumerate(events.rows):
        name, mine = words[k]["external_id"], words[k]["source"] == key
        name = known.same.get(k) or known.mended.get(k) or name
        done.by_hand += not name
        absent = name not in new and not {name, words[k]["note"]} & still
        if name and mine and (name in gone or (remove_gone and absent)):
            done.removed += 1
            done.taken_away.append(words[k])
            continue
        kept.append(row)
        if not name or not mine or name in seen:  # the same id twice, by hand: left as it is
            continue
        if name not in new:
            done.absent.append(words[k])
            continue
        seen.add(name)
        _change(row, at, new[name], done)
        if k in known.mended:
            done.mended.append((words[k], dict(zip(events.header, row, strict=True))))
    added = _add(events, kept, {name: row for name, row in new.items() if name not in seen}, [*brought.values()], done)
    removed = {row["event_id"] for row in done.taken_away}
    done.perhaps = [(words[k], added[name]) for k, name in known.perhaps if words[k]["event_id"] not in removed]
    if len(kept) > ROWS_MAX:
        raise fail(DataError, EVENTS, "too_many_rows", high=f"{ROWS_MAX:,}")
    events.rows = kept
    done.new_kinds = Counter(row["kind"] for row in events.dicts() if row["event_id"] in done.ours)
    other = {words[k]["external_id"] for k in (*known.same, *known.mended)} | {row["external_id"] for row in done.taken_away}
    done.brought = {name: event for name, event in brought.items() if name not in other}
    done.brought |= {row["external_id"]: row["event_id"] for row in events.dicts() if row["source"] == key and row["external_id"]}
    return done


def _add(events: Raw, kept: list[list[str]], new: Mapping[str, Row], before: Sequence[str], done: Changes) -> dict[str, Row]:
    """Put new rows behind those that are kept, by day, of one day as in the file; who has no id is numbered above all and `before`."""
    at = {c: events.at(c) for c in EVENT_COLUMNS}
    added: dict[str, Row] = {}
    taken = {row[at["event_id"]].strip() for row in kept}
    number = max((int(m[1]) for name in (*taken, *before) if (m := NUMBERED.fullmatch(name))), default=0)
    for name, cells in sorted(new.items(), key=lambda item: item[1]["date"]):
        row = [""] * len(events.header)
        for c, v in cells.items():
            row[at[c]] = v
        number += not cells["event_id"]
        row[at["event_id"]] = _free(cells["event_id"] or f"E{number:03d}", taken)
        taken.add(row[at["event_id"]])
        done.ours.add(row[at["event_id"]])
        done.added += 1
        kept.append(row)
        added[name] = dict(zip(events.header, row, strict=True))
    return added


def _said_in_full(events: Raw) -> None:
    """Columns that a table has for all of its rows or not at all, with what the record takes for a row without them (`complete_rows`)."""
    for column in Event.whole:
        if column not in events.header:
            k, default = events.at(column), Event.model_fields[column].default
            for line, row in zip(events.lines, events.rows, strict=True):
                row[k] = default or f"E{line}"


def _change(row: list[str], at: Mapping[str, int], cells: Row, done: Changes) -> None:
    """Put the cells of a row of the file into the row that is there, which keeps its id."""
    differ = {c for c, v in cells.items() if c != "event_id" and row[at[c]].strip() != v}
    for c in differ:
        row[at[c]] = cells[c]
    if differ <= {"external_id"}:
        done.unchanged += 1
    else:
        done.changed += 1
        done.ours.add(row[at["event_id"]])


def _known_again(rows: Sequence[tuple[int, Row]], new: Mapping[str, Row]) -> Again:
    """Rows of a source that are in its file in other words, by their numbers in events.csv."""
    held = {row["external_id"] for _, row in rows}
    made = [(k, row) for k, row in rows if MADE.fullmatch(row["external_id"])]
    gone = {k: row for k, row in made if row["external_id"] not in new}
    numbers = list(gone)
    found = known_again(list(gone.values()), {name: row for name, row in new.items() if name not in held}, len(made) - len(gone))
    return Again(
        {numbers[k]: name for k, name in found.same.items()},
        {numbers[k]: name for k, name in found.mended.items()},
        [(numbers[k], name) for k, name in found.perhaps],
    )


def _free(wanted: str, taken: set[str]) -> str:
    """An id that no row has."""
    n = 1
    free = wanted
    while free in taken:
        n += 1
        free = f"{wanted[: 64 - len(str(n)) - 1]}-{n}"
    return free


def merge_source(sources: Raw, source: Mapping[str, str], how: str) -> None:
    """Put the row of a source into sources.csv; one that is there says how it was last imported, and if it is not to be passed on."""
    at = {c: sources.at(c) for c in SOURCE_COLUMNS}
    there = next((r for r in sources.rows if r[at["key"]].strip() == source["key"]), None)
    if there is None:
        cells = {**source, "how_obtained": MARK + how}
        row = [""] * len(sources.header)
        for c in SOURCE_COLUMNS:
            row[at[c]] = str(quoted(cells.get(c, "")))
        sources.rows.append(row)
        return
    if there[at["how_obtained"]].startswith(MARK):
        there[at["how_obtained"]] = MARK + how
    if source["redistribution"] == "no" and not there[at["redistribution"]].strip():
        there[at["redistribution"]] = "no"


def events_text(events: Raw) -> bytes:
    """events.csv, if it is small enough to be read again."""
    content = events.text().encode()
    if len(content) > BYTES_MAX[".csv"]:
        raise fail(DataError, EVENTS, "file_too_large", value=f"{len(content) / 1e6:.1f}", high=f"{BYTES_MAX['.csv'] / 1e6:g}")
    return content


def brought_by(path: Path, key: str) -> dict[str, str]:
    """Event ids of the rows that imports of a source brought, by external id."""
    return {name: event for source, name, event in _lines(path, IMPORTED_COLUMNS) if source == key}


def of_others(path: Path, columns: Sequence[str], key: str) -> Iterator[Sequence[str]]:
    """Rows of imported.csv or unmatched.csv that imports of other sources left there."""
    return (row for row in _lines(path, columns) if row[0] != key)


def _lines(path: Path, columns: Sequence[str]) -> Iterator[Sequence[str]]:
    """Rows of a table that only imports write; a file that is none of ours is refused."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != tuple(columns):
                raise fail(DataError, path, "not_our_unmatched")
            for row in reader:
                if row and len(row) != len(columns):
                    raise fail(DataError, path, "not_our_unmatched")
                if row:
                    yield row
    except (UnicodeError, csv.Error, OSError):
        raise fail(DataError, path, "not_our_unmatched") from None
