"""Single cells of a ledger are changed and nothing else, whichever file counts, and nobody's edit is lost to another's."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import HERE
from qantar.account.edit import add_row, for_the_eye, open_tables, remove_row, set_cell
from qantar.account.workbook import align
from qantar.errors import QantarError


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE / "tiny", tmp_path / "tiny"))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "claims.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def code(do: Callable[[], object]) -> str:
    with pytest.raises(QantarError) as refused:
        do()
    return refused.value.problems[0].code


def test_a_cell_is_changed_and_no_other(ledger: Path) -> None:
    before = rows(ledger)
    set_cell(ledger, "claims", "C4", "kind", before[3]["kind"], "prediction")
    set_cell(ledger, "claims", "C1", "claim_en", before[0]["claim_en"], 'He said "3-6, =A1".\nAnd more.')
    after = rows(ledger)
    assert after[3]["kind"] == "prediction"
    assert after[0]["claim_en"] == 'He said "3-6, =A1".\nAnd more.'
    changed = {(k, c) for k, (a, b) in enumerate(zip(before, after, strict=True)) for c in a if a[c] != b[c]}
    assert changed == {(3, "kind"), (0, "claim_en")}


def test_what_does_not_fit_is_refused_and_nothing_written(ledger: Path) -> None:
    before = (ledger / "claims.csv").read_bytes()
    assert code(lambda: set_cell(ledger, "claims", "C1", "verdict", "supported", "true")) == "not_one_of"
    assert code(lambda: set_cell(ledger, "claims", "C1", "section", "1", "one")) == "not_a_number"
    assert code(lambda: set_cell(ledger, "claims", "C9", "verdict", "supported", "open")) == "no_such_row"
    assert code(lambda: set_cell(ledger, "claims", "C1", "claim_id", "C1", "C5")) == "unknown_cell"
    assert code(lambda: set_cell(ledger, "claims", "C1", "colour", "", "red")) == "unknown_cell"
    assert code(lambda: set_cell(ledger, "arguments", "C1", "verdict", "", "open")) == "no_such_table"
    assert (ledger / "claims.csv").read_bytes() == before


def test_an_edit_of_somebody_else_is_not_written_over(ledger: Path) -> None:
    set_cell(ledger, "claims", "C1", "verdict", "supported", "partly")
    assert code(lambda: set_cell(ledger, "claims", "C1", "verdict", "supported", "contradicted")) == "changed_meanwhile"
    assert rows(ledger)[0]["verdict"] == "partly"
    set_cell(ledger, "claims", "C1", "evidence_en", rows(ledger)[0]["evidence_en"], "Another cell of the row is free.")
    set_cell(ledger, "claims", "C1", "verdict", "supported", "partly")  # the same twice is no quarrel
    seen = rows(ledger)[1]
    set_cell(ledger, "claims", "C2", "evidence_en", seen["evidence_en"], "New.")
    assert code(lambda: remove_row(ledger, "claims", "C2", seen)) == "changed_meanwhile"


def test_two_who_write_at_once_lose_nothing(ledger: Path) -> None:
    """Each adds to a note what it read, again after every refusal: at the end all letters are there."""
    cell = "corrections"

    def write(letter: str) -> None:
        for _ in range(10):
            while True:
                seen = next(r for r in open_tables(ledger)["claims"].rows if r["claim_id"] == "C1").get(cell, "")
                with suppress(QantarError):
                    set_cell(ledger, "claims", "C1", cell, seen, seen + letter)
                    break

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rows(ledger)[0][cell]) == ["a"] * 10 + ["b"] * 10


def test_rows_come_and_go(ledger: Path) -> None:
    new = add_row(ledger, "claims", {"section": "1", "paragraph": "1", "kind": "fact", "claim_en": "Three.", "verdict": "open"})
    assert new["claim_id"] == "C5"
    assert code(lambda: add_row(ledger, "claims", {**new})) == "row_there"
    assert code(lambda: add_row(ledger, "claims", {"section": "1"})) == "empty_cell"
    remove_row(ledger, "claims", "C5", new)
    assert [r["claim_id"] for r in rows(ledger)] == ["C1", "C2", "C3", "C4"]


def test_a_workbook_that_counts_is_taken_over_first(ledger: Path) -> None:
    """Written in both forms, then changed in the workbook alone, then in the page: both changes stand, and the workbook keeps its columns."""
    from openpyxl import load_workbook

    align(ledger, beside={"text": {"C1": "It began, they say."}, "record": {"C1": "E1"}})
    book = load_workbook(ledger / "claims.xlsx")
    sheet = book["claims"]
    column = [c.value for c in sheet[1]].index("verdict") + 1
    sheet.cell(2, column).value = "partly"
    book.save(ledger / "claims.xlsx")
    assert open_tables(ledger)["claims"].path.suffix == ".xlsx"
    set_cell(ledger, "claims", "C2", "verdict", "contradicted", "open")
    assert [r["verdict"] for r in rows(ledger)][:2] == ["partly", "open"]
    assert open_tables(ledger)["claims"].path.suffix == ".csv"
    eye = for_the_eye(ledger)
    assert (eye["text"]["C1"], eye["record"]["C1"], eye["text"]["C2"]) == ("It began, they say.", "E1", "")


def test_a_table_that_would_lose_something_is_refused(ledger: Path) -> None:
    path = ledger / "claims.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("agreed", "agreed,lost", 1), encoding="utf-8")
    before = path.read_bytes()
    assert code(lambda: set_cell(ledger, "claims", "C2", "verdict", "contradicted", "open")) == "cell_count"
    assert path.read_bytes() == before
