"""An import from end to end: a file that was downloaded becomes rows of a case, and a summary says what became of each of its rows.

In: a file and the folder of a case. Out: events.csv, sources.csv, unmatched.csv and imported.csv in that folder, and, where no step of
scenario.toml says yet what the state did, that file with steps; all of them or none, and a `Summary`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from qantar.cases.acts import ACTS, with_steps
from qantar.errors import DataError, Problems, fail
from qantar.files.read import parse_row
from qantar.files.write import write_files
from qantar.importing.acled import ACLED
from qantar.importing.country import read_country
from qantar.importing.form import Form
from qantar.importing.gdelt import GDELT
from qantar.importing.mapping import MappingFile, Reading, form_of, read_mapping
from qantar.importing.places import Names
from qantar.importing.source import Source, open_source
from qantar.importing.tables import (
    EVENTS,
    IMPORTED,
    IMPORTED_COLUMNS,
    SOURCE_COLUMNS,
    SOURCES,
    UNMATCHED,
    Changes,
    Raw,
    brought_by,
    events_text,
    imported,
    merge_events,
    merge_source,
    of_others,
    read_raw,
)
from qantar.importing.take import take
from qantar.importing.taken import EVENT_COLUMNS, UNMATCHED_COLUMNS, Row, Taken, Unmatched
from qantar.importing.ucdp import UCDP
from qantar.importing.words import kinds_in
from qantar.record.observables import at_one_place, perhaps_twice
from qantar.record.schema import Event

PROVIDERS = (ACLED, UCDP, GDELT)
SCENARIO = "scenario.toml"
"""Of a case; it gets steps only where it has none."""


@dataclass
class Summary:
    """What became of the rows of a file."""

    file: str
    format: str
    """`acled`, `ucdp`, `gdelt` or `mapping`"""
    encoding: str
    guessed: bool
    taken: Taken
    changes: Changes
    with_ids: bool
    """whether the rows have ids of their own"""
    duplicates: list[list[Row]]
    unnamed: list[tuple[str, int, str]]
    """places that the case does not know, the most frequent first: name, rows, and a settlement that is spelt almost like it"""
    titles: int
    """rows above the header"""
    licence: str
    redistribution: str
    events: int
    """rows of events.csv afterwards"""
    written: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """ids of the steps that were drafted in `scenario.toml`"""

    @property
    def files(self) -> list[str]:
        """Files of the case that the import makes or changes."""
        return [EVENTS, SOURCES, UNMATCHED, IMPORTED, *([SCENARIO] if self.steps else [])]

    def as_dict(self) -> dict[str, object]:
        """The same for machines."""
        t, c = self.taken, self.changes
        return {
            "file": self.file,
            "format": self.format,
            "encoding": self.encoding,
            "encoding_guessed": self.guessed,
            "titles": self.titles,
            "read": t.read,
            "taken": len(t.rows),
            "duplicates": t.duplicates,
            "superseded": t.superseded,
            "unmatched": dict(sorted(t.reasons.items())),
            "unmatched_first": {reason: [row._asdict() for row in rows] for reason, rows in sorted(t.refused.items())},
            "cells_left_out": dict(sorted(t.blanked.items())),
            "cells_left_out_first": {reason: [cell._asdict() for cell in cells] for reason, cells in sorted(t.left_out.items())},
            "near": t.near,
            "swapped": t.swapped,
            "named_elsewhere": t.elsewhere,
            "spans": t.spans,
            "crowds_in_words": dict(t.words.most_common()),
            "lowest_kept": t.lowest,
            "unknown_places": [{"name": name, "rows": n, "like": like} for name, n, like in self.unnamed],
            "towns_elsewhere": [{"name": a, "region_named": b, "lies_in": c, "rows": n} for (a, b, c), n in t.apart.most_common()],
            "first": t.first.isoformat() if t.first else None,
            "last": t.last.isoformat() if t.last else None,
            "kinds": [{"type": k, "kind": v, "rows": n} for (k, v), n in t.kinds.most_common()],
            "added": c.added,
            "changed": c.changed,
            "removed": c.removed,
            "unchanged": c.unchanged,
            "absent": len(c.absent),
            "absent_events": [r["event_id"] for r in c.absent],
            "taken_out_events": [r["event_id"] for r in c.taken_out],
            "removed_events": [r["event_id"] for r in c.taken_away],
            "mended": [{"event_id": new["event_id"], **differing(old, new)} for old, new in c.mended],
            "perhaps_mended": [{"earlier": old["event_id"], "event_id": new["event_id"], **differing(old, new)} for old, new in c.perhaps],
            "with_ids": self.with_ids,
            "by_hand": c.by_hand,
            "likely_duplicates": [[r.get("event_id", "") for r in group] for group in self.duplicates],
            "licence": self.licence,
            "redistribution": self.redistribution,
            "events": self.events,
            "written": self.written,
            "steps": self.steps,
        }


def differing(old: Row, new: Row) -> dict[str, list[str]]:
    """Columns in which two rows differ, ids left out, each with both cells.

    >>> differing({"event_id": "a", "kind": "march"}, {"event_id": "b", "kind": "strike"})
    {'kind': ['march', 'strike']}
    """
    columns = (c for c in EVENT_COLUMNS if c not in ("event_id", "external_id"))
    return {c: [old.get(c, ""), new.get(c, "")] for c in columns if old.get(c, "") != new.get(c, "")}


def import_file(
    path: Path,
    folder: Path,
    *,
    mapping: Path | None = None,
    encoding: str | None = None,
    date_order: str | None = None,
    swap: bool = False,
    deleted: Path | None = None,
    remove_gone: bool = False,
    dry_run: bool = False,
    lang: str = "en",
) -> Summary:
    """Put the events of a file into the case in a folder.

    Parameters
    ----------
    mapping : the mapping file of a table that is of no known provider
    date_order : the order of day and month where the file does not show it: `dmy`, `mdy` or `ymd`
    swap : whether rows that lie in the country only with latitude and longitude exchanged are taken so
    deleted : a list of events that the provider has withdrawn, with their ids
    remove_gone : whether rows that earlier imports of this source brought and that the file no longer has are removed
    dry_run : whether nothing is written
    lang : language of the comment above steps that are drafted in `scenario.toml`

    Raises
    ------
    QantarError
        With every problem of the case, the mapping or the file; then nothing was written.
    """
    country = read_country(folder)
    mapped = read_mapping(mapping) if mapping else None
    source, form = recognize(path, mapped, mapping, encoding)
    gone = _deleted(deleted, form, encoding) if deleted else set()
    events, sources = read_raw(folder / EVENTS, EVENT_COLUMNS), read_raw(folder / SOURCES, SOURCE_COLUMNS)
    made: list[Summary] = []

    def build(place: Path) -> Sequence[str]:
        with _rows_to(place, folder, UNMATCHED, UNMATCHED_COLUMNS, form.key) as write:
            watched = imported(events, form.key) if remove_gone else frozenset()
            taken = take(source, form, country, write, date_order=date_order, swap=swap, watched=watched)
        brought = brought_by(folder / IMPORTED, form.key)
        changes = merge_events(events, form.key, taken.rows, gone, brought=brought, remove_gone=remove_gone, still=taken.still)
        with _rows_to(place, folder, IMPORTED, IMPORTED_COLUMNS, form.key) as write:
            for name, event in changes.brought.items():
                write((form.key, name, event))
        merge_source(sources, form.source, f"{source.name} (SHA-256 {source.sha256[:16]}…)")
        (place / EVENTS).write_bytes(events_text(events))
        (place / SOURCES).write_text(sources.text(), encoding="utf-8", newline="")
        made.append(_summary(source, form, taken, changes, events, country.names))
        made[0].steps = _draft_steps(place, folder, events, country.code, lang)
        return sorted(made[0].files, key=lambda name: name != SOURCES)

    if dry_run:
        with TemporaryDirectory() as nowhere:
            build(Path(nowhere))
    else:
        write_files(folder, build)
        made[0].written = made[0].files
    return made[0]


def _draft_steps(place: Path, folder: Path, events: Raw, country: str, lang: str) -> list[str]:
    """Write to `place` the scenario of a case with steps for the acts that its events tell of; their ids, none where nothing is written."""
    try:
        scenario = (folder / SCENARIO).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return []
    kind = events.at("kind")
    acts = (dict(zip(events.header, map(str.strip, row), strict=True)) for row in events.rows if row[kind].strip() in ACTS)
    told, steps = with_steps(scenario, acts, country, lang)
    if steps:
        (place / SCENARIO).write_text(told, encoding="utf-8", newline="")
    return steps


@contextmanager
def _rows_to(place: Path, folder: Path, name: str, columns: Sequence[str], key: str) -> Iterator[Unmatched]:
    """Writes a table row by row: first those of other sources, as they stand in the folder, then those it is called with."""
    with (place / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(of_others(folder / name, columns, key))
        yield writer.writerow


def recognize(path: Path, mapped: MappingFile | None, mapping: Path | None, encoding: str | None) -> tuple[Source, Form]:
    """A file ready to be read, and how; a DataError if it is of no known provider and no mapping is given."""
    asked = mapped.read if mapped else Reading()
    source = open_source(path, encoding or asked.encoding, asked.sheet)
    first = _first(source)
    if mapped is not None and mapping is not None:
        return source, form_of(mapping, mapped, first)
    for sheet, row in source.heads or ((source.sheet, first),):
        found = next((f for p in PROVIDERS if (f := p.form(row)) is not None), None)
        if found is not None:
            return (source if sheet == source.sheet else open_source(path, encoding, sheet)), found
    raise fail(DataError, path, "unknown_format", found=", ".join(c.strip() for c in first if c.strip()))


def _first(source: Source) -> list[str]:
    """The first row of a table."""
    line = next(source.lines(), None)
    if line is None:
        raise fail(DataError, source.path, "empty_file")
    return line[1]


def _deleted(path: Path, form: Form, encoding: str | None) -> set[str]:
    """Ids in a list of deleted events: the column that is called as in the file itself."""
    source = open_source(path, encoding)
    header = [c.strip().lstrip("\ufeff").lower() for c in _first(source)]
    wanted = form.names[form.columns["id"]] if "id" in form.columns else ""
    if not wanted or wanted.lower() not in header:
        raise fail(DataError, path, "deleted_without_ids", value=wanted or "id", found=", ".join(header))
    k = header.index(wanted.lower())
    rows = source.lines()
    next(rows)
    return {name for _, cells in rows if k < len(cells) and (name := " ".join(cells[k].split()))}


def _summary(source: Source, form: Form, taken: Taken, changes: Changes, events: Raw, names: Names) -> Summary:
    return Summary(
        file=source.name,
        format="mapping" if form.of_mapping else form.key,
        encoding=source.encoding,
        guessed=source.guessed,
        taken=taken,
        changes=changes,
        with_ids="id" in form.columns,
        duplicates=_perhaps_twice(events, changes.ours, taken.told),
        unnamed=[(name, n, names.like(name)) for name, n in taken.unnamed.most_common()],
        titles=source.titles,
        licence=form.source["licence"],
        redistribution=form.source["redistribution"],
        events=len(events.rows),
    )


def _perhaps_twice(events: Raw, ours: set[str], told: Mapping[str, str]) -> list[list[Row]]:
    """Rows of events.csv that may be one event by the rule of the record, at least one of them `ours`; a row with a fault is none.

    Where a mapping chose one kind of several that the words of a row hold (`told`), a row of one of the others may be the same.
    """
    typed = [e for row in events.dicts() if (e := parse_row(row, Event, EVENTS, 0, Problems())) is not None]
    groups = perhaps_twice(typed)
    if told:
        found = {e.event_id for group in groups for e in group}
        for together in at_one_place(e for e in typed if e.event_id not in found):
            if len({e.kind for e in together}) > 1 and ours & {e.event_id for e in together}:
                groups += _alike(together, told)
    return [[{c: str(getattr(e, c) or "") for c in EVENT_COLUMNS} for e in group] for group in groups if ours & {e.event_id for e in group}]


def _alike(together: Sequence[Event], told: Mapping[str, str]) -> list[list[Event]]:
    """Events of one day and place of which one tells in words of the kind of another."""
    kinds = [{e.kind, *kinds_in(told.get(e.external_id) or e.note)} for e in together]
    found: list[list[Event]] = []
    left = list(range(len(together)))
    while left:
        first = left.pop(0)
        same = [k for k in left if together[first].kind in kinds[k] or together[k].kind in kinds[first]]
        if same:
            found.append([together[k] for k in (first, *same)])
            left = [k for k in left if k not in same]
    return found
