"""Starts a ledger for a new document, and compares a document with the ledger at hand."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from qantar.account.account import Account
from qantar.account.candidates import Candidate
from qantar.account.document import Document
from qantar.account.kept import KEPT, kept_text, rows_said
from qantar.account.schema import Claim
from qantar.account.workbook import in_both_forms
from qantar.errors import ResultError, fail
from qantar.files.cells import FIRST_DAY, LAST_DAY, is_reserved
from qantar.files.write import write_new
from qantar.record.record import Record

LONGEST = 120
"""Characters of a title or heading; a plain text may have taken a whole line for one."""


def uncovered(found: Iterable[Candidate], account: Account | None) -> list[tuple[Candidate, tuple[str, ...]]]:
    """Each candidate with the ids of the claims that cover it; an empty tuple means that the ledger has nothing on it."""
    return [(c, tuple(account.covers(c.sentence.position)) if account else ()) for c in found]


def slug(document: Document) -> str:
    """An id for a document: letters and digits of its file name, or of its hash where the name has none in ASCII."""
    name = re.sub(r"[^a-z0-9]+", "-", Path(document.name).stem.lower()).strip("-")[:40].strip("-")
    return f"account-{document.sha256[:8]}" if not name or is_reserved(name) else name


def write_skeleton(
    document: Document,
    found: list[Candidate],
    case: str,
    out: Path,
    proposed: Sequence[Mapping[str, object] | None] = (),
    beside: Mapping[str, Sequence[str]] | None = None,
    record: Record | None = None,
) -> None:
    """Write a ledger with one open claim per candidate: positions filled in, paraphrases and verdicts to be written.

    Title and headings of the document go into it; its sentences stand only in the workbook, beside the claims (`beside`). A ResultError if
    `out` is there already or cannot be written.

    Parameters
    ----------
    case : name of a packaged case, or the folder of an own one, from `out`
    proposed : columns of each candidate's claim that hold what the record proposes or drafts, or None
    beside : columns for the eye in the workbook, each with a cell a candidate
    record : of the case; what its rows say on which proposals rest is kept
    """
    if out.exists():
        raise fail(ResultError, out, "output_exists")
    rows = [_row(number, c, more or {}) for number, (c, more) in enumerate(zip_longest(found, proposed[: len(found)]), 1)]
    ids = [str(row[0]) for row in rows]
    eye = {column: dict(zip(ids, cells, strict=True)) for column, cells in (beside or {}).items()}
    tables = in_both_forms({"claims": rows, "sources": []}, document.language, eye, document.sha256)
    rests = {key: _resting(more) for key, more in zip(ids, proposed, strict=False) if more}
    said = rows_said(record, {row for named in rests.values() for row in named}) if record else {}
    kept = {key: {row: said[row] for row in named if row in said} for key, named in rests.items()} if said else {}
    write_new(out, {"account.toml": _head(document, case), **tables, **({KEPT: kept_text(kept)} if kept else {})})


def _resting(more: Mapping[str, object]) -> list[str]:
    """Rows of the record on which a claim rests as it is written: those it names, else those of its proposal."""
    return [row for row in str(more.get("events") or more.get("proposed_rows") or "").split(";") if row]


def case_from(folder: Path, out: Path) -> str:
    """How a ledger that will stand in `out` names the folder of a case: the way from there, which holds when both are moved together."""
    with suppress(ValueError):  # on another drive
        return Path(os.path.relpath(folder.resolve(), out.resolve())).as_posix()
    return folder.resolve().as_posix()


def _row(number: int, candidate: Candidate, more: Mapping[str, object]) -> list[object]:
    place = dict(zip(("section", "paragraph", "sentence"), candidate.sentence.position, strict=True))
    cells = {"claim_id": f"C{number:03d}", **place, "kind": candidate.kind, "verdict": "open", "reading": "one", **more}
    return [cells.get(column, "") for column in Claim.model_fields]


def _quoted(words: str, otherwise: str = "") -> str:
    """A string of TOML on one line, at most `LONGEST` characters; headings may hold anything, also nothing that can be seen.

    >>> print(_quoted("The 'tale' of it"), _quoted('A "b"') == '"A ' + chr(92) + '"b' + chr(92) + '""')
    "The 'tale' of it" True
    """
    shown = " ".join("".join(c for c in words if c.isprintable() or c.isspace()).split()) or otherwise
    short = shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
    return _string(short)


def _string(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _head(document: Document, case: str) -> str:
    name = slug(document)
    title = _quoted(document.title, name)
    sections = "".join(
        f"\n[[sections]]\nnumber = {s.number}\n"
        f"name_en = {_quoted(s.title, f'section {s.number}')}\nname_zh = {_quoted(s.title, f'第{s.number}节')}\n"
        for s in document.sections
    )
    dated = None
    with suppress(ValueError):
        dated = dt.date.fromisoformat(document.meta.get("date", "")[:10])
    known = dated is not None and FIRST_DAY <= dated <= LAST_DAY
    return f"""\
# A ledger of claims. Write evidence, a source and a verdict into the rows of claims.xlsx (or of claims.csv, the same table: change one of
# the two), and, before you publish any, the claim in your own words, never the document's sentence. `qantar check` tells what is missing.

id = "{name}"
case = {_string(case)}            # the record it is held against
title_en = {title}            # the document's own title and headings: translate what is not in this language
title_zh = {title}

[document]
language = "{document.language}"
{f"dated = {dated}" if known else "# dated = 2022-01-10"}
sha256 = "{document.sha256}"
text_sha256 = "{document.text_sha256}"

[files]
claims = "claims.csv"
sources = "sources.csv"      # your own sources, beside those of the case
{sections}"""
