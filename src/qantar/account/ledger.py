"""The ledger: every claim of one account, where it stands in the document, what was found, and how it was judged.

In: a folder with `account.toml`, `claims.csv` and, if there are any, its other tables and sources of its own; the events it cites are those
of the case it names. Any of the tables may be a workbook instead (`claims.xlsx`); of two that were written alike, the one that was changed
since is read, and two that differ otherwise are refused. Out: an `Account`. It holds positions, paraphrases and the document's SHA-256,
never its sentences: those stand in a workbook for the eye alone, and are not read.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from qantar.account.account import Account
from qantar.account.checks import (
    check_claim,
    check_events,
    check_tables,
)
from qantar.account.kept import read_kept
from qantar.account.schema import (
    LEDGER_MODELS,
    AccountFile,
    Claim,
)
from qantar.account.twins import TWINS, the_one
from qantar.account.weights import RivalsFile, check_stories, check_weights
from qantar.errors import Problems
from qantar.files.cells import R, Table
from qantar.files.markup import TomlNotes, read_toml
from qantar.files.read import inside, read_table
from qantar.record.checks import check_repeated, check_sources
from qantar.record.schema import Source


def read_head(folder: Path, problems: Problems) -> AccountFile | None:
    """The checked `account.toml` of a folder."""
    return read_toml(folder / "account.toml", AccountFile, problems)


def read_tables_alone(folder: Path, problems: Problems) -> list[Table[Any]]:
    """The tables of a ledger whose head cannot be used, each checked by itself under the name it has if the head does not say otherwise."""
    found: dict[str, Table[Any]] = {}
    for name, model in LEDGER_MODELS.items():
        there = any((folder / f"{name}{suffix}").is_file() for suffix in TWINS)
        if there and (path := the_one(folder / f"{name}.csv", name, problems)):
            found[name] = read_table(path, name, model, problems)
    for line, claim in problems.rows(found["claims"]) if "claims" in found else ():
        check_claim(claim, found["claims"].file, line, problems)
    return list(found.values())


def read_claims(folder: Path) -> Account | None:
    """Head and claims of a ledger, without its case and whatever is wrong with them; None where there is no head."""
    quiet = Problems()
    head = read_head(folder, quiet) if (folder / "account.toml").is_file() else None
    if head is None:
        return None
    tables: dict[str, Table[Any]] = {name: Table(name, "", (), ()) for name in (*LEDGER_MODELS, "own_sources")}
    tables["claims"] = _optional_table(folder, head, "claims", Claim, quiet)
    return Account(folder, head, **tables, rivals=None, sources={}, kept=read_kept(folder, quiet), changed=(), quoted={})


def read_account(
    folder: Path,
    head: AccountFile,
    case_sources: Table[Source],
    problems: Problems,
    rows: Collection[str] | None = None,
    arms: Collection[str] | None = None,
    regions: Collection[str] = (),
) -> Account:
    """The ledger in `folder`, every table checked; what is wrong goes to `problems`.

    `rows` are the ids of the events and totals of its case, `arms` those of its scenario; None where they could not be read, and nothing
    is said of them then. `regions` are those of its case, on whose first days a proposal may rest.
    """
    tables: dict[str, Table[Any]] = {n: _optional_table(folder, head, n, model, problems) for n, model in LEDGER_MODELS.items()}
    own = _optional_table(folder, head, "sources", Source, problems)
    check_repeated(own, "key", problems)
    taken = {s.key for s in case_sources}
    for line, source in problems.rows(own):
        if source.key in taken:
            problems.add(own.file, line, "key", "source_of_case", value=source.key)
    sources = {s.key: s for s in (*case_sources, *own)}
    spoilt = case_sources.spoilt | own.spoilt
    rivals, kept = _rivals(folder, head, arms, problems), read_kept(folder, problems)
    account = Account(folder, head, **tables, rivals=rivals, own_sources=own, sources=sources, kept=kept, changed=(), quoted={})
    if case_sources.readable and own.readable:
        for table in (account.claims, account.hypotheses, account.second_reading, account.items):
            check_sources(table, {*sources, *spoilt}, problems)
    check_tables(account, problems)
    if rows is not None:
        check_events(account.claims, rows, {*rows, *regions}, kept, problems)
    if rows is not None and account.rivals is not None and all(t.readable for t in tables.values()):
        known, stories = {*rows, *account.claims.ids()}, [s.id for s in account.rivals.stories]
        check_weights(stories, account.items, account.weights, known, problems)
    return account


def _rivals(folder: Path, head: AccountFile, arms: Collection[str] | None, problems: Problems) -> RivalsFile | None:
    if head.files.rivals is None:
        return None
    path = inside(folder, head.files.rivals, file="account.toml", line=None, key="files.rivals", problems=problems)
    rivals = read_toml(path, RivalsFile, problems) if path else None
    if path and rivals:
        check_stories(rivals, arms, TomlNotes.of(path, problems))
    return rivals


def _optional_table(folder: Path, head: AccountFile, name: str, model: type[R], problems: Problems) -> Table[R]:
    file = getattr(head.files, name)
    if file is None:
        return Table(name, f"{name}.csv", (), ())
    path = inside(folder, file, file="account.toml", line=None, key=f"files.{name}", problems=problems)
    path = the_one(path, name, problems) if path else None
    return read_table(path, name, model, problems) if path else Table(name, file, (), (), readable=False)


EVIDENCE_WORDS, EVIDENCE_SIGNS = 3, 6
"""Fewest words (signs in Chinese) that can say what a source says: "Forty to sixty.", not "Wrong."."""
