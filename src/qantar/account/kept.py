"""What rows of the record said when a verdict was written on them: `kept.toml` in the folder of a ledger, and what has changed since.

In: the claims of a ledger and the record of its case. Out: the file, and `Change` rows. The file is written only when somebody asks for it
(`qantar account keep`): that says "these verdicts were written on the rows as they are now". It stands apart from the tables, so that no
spreadsheet can spoil it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import RootModel

from qantar.errors import Problems
from qantar.files.cells import printable
from qantar.files.markup import read_toml
from qantar.record.observables import observe
from qantar.record.record import Record

if TYPE_CHECKING:
    from qantar.account.schema import Claim

KEPT = "kept.toml"
"""In the folder of a ledger."""
Said = dict[str, str]
"""What a row says: its cells that are not empty, by column."""
Kept = dict[str, dict[str, Said]]
"""By claim id and row id."""
_HOW = ("event_id", "total_id", "external_id")
"""Columns that say which row it is, and nothing of what happened."""


class KeptFile(RootModel[Kept]):
    """`kept.toml`."""


@dataclass(frozen=True)
class Change:
    """One cell of a row of the record that is not what it was when the verdict was written; empty where there was or is nothing."""

    claim: str
    row: str
    column: str
    was: str
    now: str


def read_kept(folder: Path, problems: Problems) -> Kept:
    """What was kept for the ledger in a folder; nothing where there is no file."""
    path = folder / KEPT
    found = read_toml(path, KeptFile, problems) if path.exists() or path.is_symlink() else None
    return found.root if found else {}


def kept_text(kept: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """The file, one row of the record a table.

    >>> print(kept_text({"C1": {"E7": {"deaths": "3"}}}).split("\\n", 2)[2])
    ["C1"."E7"]
    "deaths" = "3"
    <BLANKLINE>
    """
    lines = ["# What the rows of the record said on which the verdicts rest: `qantar account keep` writes it.", ""]
    for claim, rows in kept.items():
        for row, said in rows.items():
            lines += [f"[{_quoted(claim)}.{_quoted(row)}]", *(f"{_quoted(column)} = {_quoted(cell)}" for column, cell in said.items()), ""]
    return "\n".join(lines)


def _quoted(words: str) -> str:
    return json.dumps(printable(words), ensure_ascii=False)


def rows_said(record: Record, wanted: Collection[str]) -> dict[str, Said]:
    """What each of these rows says now, by id: events and totals their cells, a region its first day of unrest."""
    rows = {**{e.event_id: e for e in record.events}, **{t.total_id: t for t in record.totals}}
    said = {key: _cells(rows[key].model_dump(mode="json")) for key in wanted if key in rows}
    regions = {r.region_id for r in record.regions} & {*wanted}
    onsets = {o.region_id: o for o in observe(record).onsets} if regions else {}
    return said | {key: _cells({"earliest": o.earliest, "latest": o.latest}) for key in regions if (o := onsets.get(key))}


def _cells(row: Mapping[str, object]) -> Said:
    """Cells as they stand in a table, without those that hold nothing.

    >>> _cells({"event_id": "E1", "deaths": 3, "sources_more": ["a", "b"], "note": ""})
    {'deaths': '3', 'sources_more': 'a;b'}
    """
    told = {k: ";".join(map(str, v)) if isinstance(v, list | tuple) else printable(str(v)) for k, v in row.items() if v not in (None, "")}
    return {k: v for k, v in told.items() if v and k not in _HOW}


def rests_on(claim: Claim) -> tuple[str, ...]:
    """Rows of the record on which a claim rests: those it names, else those of its proposal, which a verdict may have confirmed."""
    return tuple(dict.fromkeys(claim.events or claim.proposed_rows))


def keep(claims: Iterable[Claim], record: Record, kept: Kept, ids: Collection[str] = ()) -> Kept:
    """What is to be kept now: anew of these claims and of those that rest on further rows, of the others as it was."""
    claims = list(claims)
    said = rows_said(record, {row for c in claims for row in rests_on(c)})
    now: Kept = {}
    for c in claims:
        anew = c.claim_id in ids or c.claim_id in not_kept([c], kept)
        source = said if anew else kept.get(c.claim_id, {})
        now[c.claim_id] = {row: source[row] for row in rests_on(c) if row in source}
    return {claim: rows for claim, rows in now.items() if rows}


def not_kept(claims: Iterable[Claim], kept: Kept) -> list[str]:
    """Ids of claims that rest on rows of which nothing was kept for them."""
    return [c.claim_id for c in claims if {*rests_on(c)} - {*kept.get(c.claim_id, ())}]


def changes(claims: Iterable[Claim], record: Record, kept: Kept) -> list[Change]:
    """Every cell that has changed since, of rows on which a claim still rests."""
    resting = {c.claim_id: [row for row in rests_on(c) if row in kept.get(c.claim_id, ())] for c in claims}
    now = rows_said(record, {row for rows in resting.values() for row in rows})
    found = []
    for claim, rows in resting.items():
        for row in rows:
            was, is_now = kept[claim][row], now.get(row, {})
            columns = [k for k in dict.fromkeys((*was, *is_now)) if was.get(k, "") != is_now.get(k, "")]
            found += [Change(claim, row, k, was.get(k, ""), is_now.get(k, "")) for k in columns]
    return found
