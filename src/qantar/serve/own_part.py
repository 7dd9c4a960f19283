"""A case of one's own in the browser: made, filled from a table, checked; a text becomes a ledger. Each step is a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field

from qantar.cases.world import country_names
from qantar.errors import StudyError, fail
from qantar.files.write import write_bytes
from qantar.serve.ledger_part import folder_of
from qantar.serve.part import Asked, Operation, Page, Part, Served, Upload

TABLES = (".csv", ".tsv", ".xlsx", ".zip", ".json", ".txt")
TEXTS = (".md", ".txt", ".docx", ".pdf", ".html", ".htm", ".mhtml")
"""Files that hold a table, and those that hold a text; the likelier first."""
SUFFIXES = (*dict.fromkeys((*TABLES, *TEXTS)), ".toml", ".geojson")
"""Files that may be brought: tables, texts, mappings and shapes."""
WIDE = 96
"""Columns of what a command prints for the page."""
Word = Field(max_length=200)


class File(Asked):
    """A file to be brought into the folder that is served."""

    name: str = Word


class NewCase(Asked):
    """A case to be made."""

    name: str = Word
    country: str = Word
    first_day: str = Field("", max_length=20)
    last_day: str = Field("", max_length=20)
    lang: str = "en"


class Import(Asked):
    """A table that is in the folder, to go into a case."""

    file: str = Word
    into: str = Word
    mapping: str = Field("", max_length=200)
    date_order: str = Field("", max_length=3)
    remove_gone: bool = False
    lang: str = "en"


class NewLedger(Asked):
    """A text that is in the folder, to become a ledger."""

    document: str = Word
    case: str = Word
    out: str = Word
    lang: str = "en"


class Keep(Asked):
    """A ledger whose rows of the record are noted as they are."""

    name: str = Word
    lang: str = "en"


def bring(served: Served, asked: File, upload: Upload) -> dict[str, Any]:
    """Write a file into the folder, under a name that is free or that holds the same."""
    path = PurePosixPath(asked.name)
    if len(path.parts) != 1 or path.suffix.lower() not in SUFFIXES or asked.name.startswith("."):
        raise fail(StudyError, asked.name, "unknown_file_kind", choices=", ".join(SUFFIXES))
    place = served.home.place(asked.name)
    if place.exists() and place.read_bytes() != upload.content:
        raise fail(StudyError, asked.name, "another_there")
    write_bytes(place, upload.content)
    return {"name": served.home.called(place), "bytes": len(upload.content)}


async def new_case(served: Served, asked: NewCase) -> dict[str, Any]:
    """`qantar new`."""
    served.home.place(asked.name)
    days = [w for name, day in (("first", asked.first_day), ("last", asked.last_day)) if day for w in (f"--{name}-day={day}",)]
    return await _begin(served, ["new", f"--country={asked.country}", *days, "--", asked.name], asked.lang)


async def import_table(served: Served, asked: Import) -> dict[str, Any]:
    """`qantar import`; without a mapping of a table that nobody knows, a first look."""
    for name in filter(None, (asked.file, asked.into, asked.mapping)):
        served.home.place(name)
    more = [f"--mapping={asked.mapping}"] if asked.mapping else []
    more += [f"--date-order={asked.date_order}"] if asked.date_order else []
    more += ["--remove-gone"] if asked.remove_gone else []
    return await _begin(served, ["import", f"--into={asked.into}", *more, "--", asked.file], asked.lang)


async def new_ledger(served: Served, asked: NewLedger) -> dict[str, Any]:
    """`qantar account new`."""
    served.home.place(asked.document)
    served.home.place(asked.out)
    served.home.found(asked.case)
    return await _begin(served, ["account", "new", f"--case={asked.case}", f"--out={asked.out}", "--", asked.document], asked.lang)


async def keep(served: Served, asked: Keep) -> dict[str, Any]:
    """`qantar account keep`."""
    folder_of(served, asked.name)
    return await _begin(served, ["account", "keep", "--", asked.name], asked.lang)


async def _begin(served: Served, words: Sequence[str], lang: str) -> dict[str, Any]:
    """Start a command; a short name from a client stands behind `--` or `=`, so that it cannot become an option."""
    run = await served.runs.start(words, "zh" if lang == "zh" else "en", columns=WIDE)
    return run.as_dict()


def values(served: Served, query: Mapping[str, str]) -> dict[str, Any]:
    """Cases and ledgers of one's own, tables and texts that lie in the folder."""
    entries = [e for e in served.home.entries() if not e.packaged]
    files = sorted(p.name for p in served.home.root.iterdir() if p.is_file() and p.suffix.lower() in SUFFIXES)
    return {
        "cases": [e for e in entries if e.case],
        "ledgers": [e for e in entries if e.account],
        "files": files,
        "tables": [f for end in TABLES for f in files if f.lower().endswith(end)],
        "texts": [f for end in TEXTS for f in files if f.lower().endswith(end)],
        "mappings": [f for f in files if f.endswith("-mapping.toml")],
        "countries": country_names(),
    }


PART = Part(
    "own",
    pages=[Page("/own", "own.html.j2", values)],
    operations=[
        Operation("own_file", "PUT", "/own/file", File, bring, 201, upload=True),
        Operation("own_new", "POST", "/own/new", NewCase, new_case, 202),
        Operation("own_import", "POST", "/own/import", Import, import_table, 202),
        Operation("own_ledger", "POST", "/own/ledger", NewLedger, new_ledger, 202),
        Operation("own_keep", "POST", "/own/keep", Keep, keep, 202),
    ],
)
