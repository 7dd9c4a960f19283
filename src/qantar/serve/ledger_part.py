"""A ledger of one's own in the browser: every cell is written as soon as it is left, and never over what somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from qantar.account.edit import Written, add_row, for_the_eye, open_tables, remove_row, set_cell
from qantar.account.ledger import read_head
from qantar.account.workbook import HANDLED
from qantar.cases.case import packaged_names
from qantar.errors import Problems, QantarError, StudyError, fail, nearest
from qantar.lookup.check import check as check_folder
from qantar.messages import LANGUAGES, column_meanings
from qantar.serve.part import Asked, Operation, Page, Part, Served
from qantar.studies.blocks import pair

FIRST = {"claims": ("evidence", "verdict", "kind", "claim", "source", "events"), "sources": ("title", "publisher", "date", "url")}
"""Columns that are shown at once; the others are folded. Of those in two languages, that of the document."""
LONG = ("claim", "evidence", "summary", "corrections", "proposed", "note", "title", "about", "text")
"""Columns that are written in sentences begin so."""


class Ledger(Asked):
    """A ledger by its name."""

    name: str = Field(max_length=500)


class Cell(Ledger):
    """One cell, with what was in it and what shall be."""

    table: str = "claims"
    row: str = Field(max_length=200)
    column: str
    seen: str = Field(max_length=100_000)
    value: str = Field(max_length=100_000)


class NewRow(Ledger):
    """A new row."""

    table: str = "claims"
    cells: dict[str, str] = Field(default_factory=dict, max_length=100)


class OldRow(Ledger):
    """A row as it was seen."""

    table: str = "claims"
    row: str = Field(max_length=200)
    cells: dict[str, str] = Field(default_factory=dict, max_length=100)


def folder_of(served: Served, name: str) -> Path:
    """The folder of a ledger that may be edited: one of the user's own; a StudyError for any other."""
    if name in packaged_names():
        raise fail(StudyError, name, "ships_with_qantar")
    folder = Path(served.home.found(name))
    if not (folder / "account.toml").is_file():
        own = [e.name for e in served.home.entries() if e.account and not e.packaged]
        raise fail(StudyError, name, "no_ledger_here", choices=nearest(name, own))
    return folder


def tables(served: Served, asked: Ledger) -> dict[str, Any]:
    """Tables of a ledger as they stand, and what its workbook has beside the claims."""
    folder = folder_of(served, asked.name)
    told = {name: {"file": w.path.name, "columns": w.columns, "rows": w.rows} for name, w in open_tables(folder).items()}
    return {"name": asked.name, "tables": told, "beside": for_the_eye(folder)}


def write(served: Served, asked: Cell) -> dict[str, Any]:
    """One cell."""
    return {"row": set_cell(folder_of(served, asked.name), asked.table, asked.row, asked.column, asked.seen, asked.value)}


def add(served: Served, asked: NewRow) -> dict[str, Any]:
    """One row more."""
    return {"row": add_row(folder_of(served, asked.name), asked.table, asked.cells)}


def remove(served: Served, asked: OldRow) -> dict[str, Any]:
    """One row less."""
    remove_row(folder_of(served, asked.name), asked.table, asked.row, asked.cells)
    return {"removed": asked.row}


def check(served: Served, asked: Ledger) -> dict[str, Any]:
    """What `qantar check` says of a folder: each problem with file, line, what, rule and mend, in both languages."""
    problems = Problems()
    files = check_folder(served.home.found(asked.name), problems)
    return {
        "files": [{"file": f.file, "kind": f.kind, "rows": f.rows} for f in files],
        "problems": [{lang: p.as_dict(lang) for lang in LANGUAGES} for p in problems.found],
    }


def values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """The page of a ledger; without a name, the ledgers that there are."""
    name, table = query.get("name", ""), query.get("table", "claims")
    own = [e for e in served.home.entries() if e.account and not e.packaged]
    if not name:
        return {"name": "", "own": own}
    folder = folder_of(served, name)
    found = open_tables(folder)
    if table not in found:
        raise fail(StudyError, table, "no_such_table", choices=nearest(table, found))
    meanings = {lang: column_meanings(lang) for lang in LANGUAGES}
    model = HANDLED[table]
    keys = _sources(served, name, found)
    head = read_head(folder, Problems())
    first = _first(table, "zh" if head is not None and head.document.language == "zh" else "en")
    columns = [
        {
            "name": column,
            "title": pair(f"serve.ledger.field.{first[column]}") if column in first else None,
            "meaning": pair(f"serve.ledger.hint.{first[column]}")
            if column in first
            else tuple(meanings[lang].get((table, column), column) for lang in LANGUAGES),
            "choices": [(word, pair(f"{kind}.{word}") if (kind := _kind(column)) else word) for word in model.choices(column)],
            "long": column.startswith(LONG) and not model.choices(column),
            "allowed": model.allowed(column),
            "first": column in first,
            "keys": column == "source",
        }
        for column in [*first, *(c for c in found[table].columns if c not in first)]
        if column != found[table].key and column in found[table].columns
    ]
    return {
        "name": name, "own": own, "table": table, "tables": list(found), "columns": columns, "key": found[table].key,
        "file": found[table].path.name, "keys": keys,
    }  # fmt: skip


def _sources(served: Served, name: str, found: Mapping[str, Written]) -> dict[str, str]:
    """Keys of the sources that a verdict may name, with their titles: those of the ledger, and of its case where both can be read."""
    own = {row.get("key", ""): row.get("title", "") for row in found["sources"].rows} if "sources" in found else {}
    try:
        return {key: source.title for key, source in served.home.loaded(name).account.sources.items()} | own
    except QantarError:
        return own


def _first(table: str, lang: str) -> dict[str, str]:
    """Columns that are shown at once, each with what it is called by."""
    fields = HANDLED[table].model_fields
    wanted = {c: stem for stem in FIRST[table] for c in (stem, f"{stem}_{lang}")}
    return {c: stem for c, stem in wanted.items() if c in fields}


def _kind(column: str) -> str:
    return column if column in ("verdict", "kind") else ""


PART = Part(
    "ledger",
    pages=[Page("/ledger", "ledger.html.j2", values, opens="ledger")],
    operations=[
        Operation("ledger", "GET", "/ledger", Ledger, tables),
        Operation("ledger_cell", "PUT", "/ledger/cell", Cell, write),
        Operation("ledger_row", "POST", "/ledger/row", NewRow, add, 201),
        Operation("ledger_remove", "POST", "/ledger/remove", OldRow, remove),
        Operation("check", "GET", "/check", Ledger, check),
    ],
)
