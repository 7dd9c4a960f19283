"""A ledger for the hand: its claims and sources as workbooks beside the tables in CSV, both saying the same.

In: rows of cells by table, or the folder of a ledger. Out: files by name. `written.toml` holds what both files of a table said when they
were written, so that the one that was changed since can be told from the other: there is never a second source of truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qantar.account.ledger import read_head
from qantar.account.schema import Claim
from qantar.account.twins import WRITTEN, the_one, twin
from qantar.errors import DataError, Problems
from qantar.files.alike import cells_of, digest
from qantar.files.cells import Row, to_csv
from qantar.files.read import inside, read_table
from qantar.files.sheet import Beside, to_workbook
from qantar.files.write import write_bytes
from qantar.messages import LANGUAGES, column_meanings, text
from qantar.record.schema import Source

HANDLED: dict[str, type[Row]] = {"claims": Claim, "sources": Source}
"""Tables that are written in both forms: those that a person fills in from the first row to the last."""


ORDER = (
    "claim_id", "(text)", "(record)", "claim_en", "claim_zh", "verdict", "evidence_en", "evidence_zh", "source", "events",
    "kind", "section", "paragraph", "sentence", "sources_more",
)  # fmt: skip
"""Columns of the workbook of claims that stand first: on one screen what was said, what the record has, the claim, the verdict and what it
rests on. The two in brackets are for the eye; CSV has none of them: it can be given away where the document cannot."""
TOLD_IN_RECORD = frozenset({"proposed", "proposed_rows", "proposed_en", "proposed_zh"})
"""Columns that say what the column for the eye says as well."""
ForTheEye = Mapping[str, Mapping[str, str]]
"""Of such a column its cell by claim id."""


def in_both_forms(rows: Mapping[str, Sequence[Sequence[object]]], language: str, beside: ForTheEye, sha: str) -> dict[str, str | bytes]:
    """Files of tables of all columns, by name: CSV, workbook with help in a language (English where it is another), and the mark.

    `sha` is the SHA-256 of the document whose words stand `beside` the claims.
    """
    files: dict[str, str | bytes] = {}
    for name, cells in rows.items():
        files[f"{name}.csv"] = to_csv(list(HANDLED[name].model_fields), cells)
        files[f"{name}.xlsx"] = _workbook(name, cells, language, beside, sha)
    return {**files, WRITTEN: _mark({name: _digest(name, cells) for name, cells in rows.items()})}


def _workbook(name: str, cells: Sequence[Sequence[object]], language: str, beside: ForTheEye, sha: str) -> bytes:
    lang = language if language in LANGUAGES else LANGUAGES[0]
    about = {column: meaning for (table, column), meaning in column_meanings(lang).items() if table == name}
    notes = text(f"sheet.{name}", lang).split("\n")
    columns = [
        Beside(column, text(f"sheet.{column}", lang, sha=sha[:12]), [told.get(str(row[0]), "") for row in cells])
        for column, told in beside.items()
    ]
    folded = _folded(HANDLED[name], language, cells) | (_seldom(cells) if name == "claims" else set())
    return to_workbook(name, HANDLED[name], cells, about, notes, columns if name == "claims" else (), folded, ORDER)


def _seldom(cells: Sequence[Sequence[object]]) -> set[str]:
    """Columns of claims beyond those that stand first, as long as nothing was written into them."""
    columns = list(Claim.model_fields)
    usual = {"", "one"}  # of `reading` what a new row has
    unused = {c for k, c in enumerate(columns) if all(str(row[k] or "") in usual for row in cells)}
    return {c for c in columns if c not in ORDER and (c in unused or c in TOLD_IN_RECORD)}


def _folded(model: type[Row], language: str, cells: Sequence[Sequence[object]]) -> set[str]:
    """Columns of the language that the document is not in, as long as nothing stands in them."""
    other = {"en": "zh", "zh": "en"}.get(language)
    pairs = {(f"{c[:-3]}_en", f"{c[:-3]}_zh") for c in model.model_fields if c.endswith(("_en", "_zh"))}
    columns = list(model.model_fields)
    both = {en if other == "en" else zh for en, zh in pairs if other and {en, zh} <= {*columns}}
    return {c for c in both if not any(row[columns.index(c)] for row in cells)}


def _digest(name: str, cells: Sequence[Sequence[object]]) -> str:
    return digest([list(HANDLED[name].model_fields), *([str(c) for c in row] for row in cells)])


def _mark(digests: Mapping[str, str]) -> str:
    said = "".join(f'{name} = "{value}"\n' for name, value in digests.items())
    return f"# What CSV and workbook said when they were written alike: tells which was changed since. Leave it as it is.\n{said}"


@dataclass(frozen=True)
class Aligned:
    """One table that stands in both forms now: the file that was read, and the one that was written from it."""

    read: str
    wrote: str
    rows: int


def align(folder: Path, language: str = "", beside: ForTheEye | None = None, sha: str = "") -> list[Aligned]:
    """Write the other form of each table anew from the one that counts; that one is left as it is.

    But a workbook of claims that is to have columns for the eye (`beside`, of the document `sha`) is written anew in either case.
    `language` of the help in workbooks is that of the document, if empty. A DataError if a table cannot be read, has columns that a
    ledger does not know, or if both its files were changed.
    """
    problems = Problems()
    head = read_head(folder, problems)
    problems.raise_as(DataError)
    assert head is not None  # no problem means it was read
    found: dict[str, tuple[Path, Path, list[list[str]]]] = {}
    for name, model in HANDLED.items():
        file = getattr(head.files, name)
        named = inside(folder, file, file="account.toml", line=None, key=f"files.{name}", problems=problems) if file else None
        path = the_one(named, name, problems) if named else None
        other = twin(path) if path else None
        if path is None or other is None:
            continue
        quiet = Problems()
        if read_table(path, name, model, quiet).readable:
            header, *body = cells_of(path, name)
            by_column = [dict(zip(header, row, strict=False)) for row in body]
            found[name] = path, other, [[row.get(column, "") for column in model.model_fields] for row in by_column]
        else:
            problems.found += quiet.found
    problems.raise_as(DataError)
    for name, (path, other, rows) in found.items():
        for form in (other, path) if beside and name == "claims" else (other,):
            if form.suffix == ".xlsx":
                write_bytes(form, _workbook(name, rows, language or head.document.language, beside or {}, sha))
            elif form == other:
                write_bytes(form, to_csv(list(HANDLED[name].model_fields), rows).encode())
    if found:
        write_bytes(folder / WRITTEN, _mark({name: _digest(name, rows) for name, (*_, rows) in found.items()}).encode())
    return [Aligned(path.name, other.name, len(rows)) for path, other, rows in found.values()]
