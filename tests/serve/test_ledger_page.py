"""A ledger through the interface: cells are written, mistakes told, what ships is not touched."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from conftest import CASE
from kit.serving import Serving, serving, with_tiny


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path)) as there:
        yield there


def cells(served: Serving) -> list[dict[str, str]]:
    with (served.root / "tiny" / "claims.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_cell_goes_into_the_file(served: Serving) -> None:
    body = {"name": "tiny", "row": "C1", "column": "claim_en", "seen": "It began on 2 March.", "value": "It began on the second."}
    answer = served.ask("PUT", "/api/ledger/cell", body)
    assert (answer.status, answer.json()["row"]["claim_en"]) == (200, "It began on the second.")
    assert cells(served)[0]["claim_en"] == "It began on the second."
    again = served.ask("PUT", "/api/ledger/cell", {**body, "value": "Another."})
    assert (again.status, again.code) == (409, "changed_meanwhile")
    assert "It began on the second." in again.json()["error"]["problems"][0]["what"]
    told = served.ask("PUT", "/api/ledger/cell", {**body, "value": "Another."}, {"X-Qantar": "1", "Accept-Language": "zh"})
    assert "已被他处改动" in told.json()["error"]["problems"][0]["what"]


def test_rows_come_and_go(served: Serving) -> None:
    new = {"section": "1", "paragraph": "2", "kind": "fact", "verdict": "open"}
    answer = served.ask("POST", "/api/ledger/row", {"name": "tiny", "cells": new})
    assert (answer.status, answer.json()["row"]["claim_id"]) == (201, "C5")
    gone = served.ask("POST", "/api/ledger/remove", {"name": "tiny", "row": "C5", "cells": answer.json()["row"]})
    assert gone.status == 200
    assert [r["claim_id"] for r in cells(served)] == ["C1", "C2", "C3", "C4"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [(CASE, 422, "ships_with_qantar"), ("../x", 404, "not_served"), ("nothing", 404, "not_here"), ("", 404, "not_served")],
)
def test_only_ledgers_of_ones_own_are_written(served: Serving, name: str, status: int, code: str) -> None:
    body = {"name": name, "row": "C1", "column": "verdict", "seen": "supported", "value": "open"}
    answer = served.ask("PUT", "/api/ledger/cell", body)
    assert (answer.status, answer.code) == (status, code)


def test_what_is_wrong_is_told_with_file_and_line(served: Serving) -> None:
    assert served.ask("GET", "/api/check?name=tiny").json()["problems"] == []
    path = served.root / "tiny" / "claims.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("contradicted", "wrong", 1), encoding="utf-8")
    problem = served.ask("GET", "/api/check?name=tiny").json()["problems"][0]
    assert (problem["en"]["file"], problem["en"]["line"], problem["en"]["key"]) == ("claims.csv", 3, "verdict")
    assert problem["zh"]["what"] != problem["en"]["what"]
    assert served.ask("GET", "/ledger?name=tiny").status == 200  # where it can be mended


def test_the_page_holds_no_words_of_the_ledger_as_markup(served: Serving) -> None:
    answer = served.ask("GET", f"/ledger?name={quote('tiny')}")
    assert answer.status == 200
    assert len(answer.text) < 300_000
    assert served.ask("GET", "/ledger?name=tiny&table=arguments").status == 422
