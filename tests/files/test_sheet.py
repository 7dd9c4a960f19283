"""Tables as workbooks: what is written opens as text with lists to choose from, and what a spreadsheet made of it is read back or refused."""

from __future__ import annotations

import datetime as dt
import io
import re
import time
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from qantar.account.schema import KINDS, VERDICTS, Claim
from qantar.errors import Problems
from qantar.files.alike import digest, rows_sha256
from qantar.files.cells import to_csv
from qantar.files.read import read_table
from qantar.files.sheet import HELP, ROWS_MAX, to_workbook

HEAD = ["claim_id", "section", "paragraph", "kind", "claim_en", "verdict"]
ROW = ["C1", 1, 3.0, "fact", "It began.", "open"]
AFTERNOON = dt.datetime.combine(dt.date(2022, 1, 5), dt.time(16, 30))
HOSTILE = ["=1+1", "+x", "-x", "@x", "＝1", "<b>&amp;\"'", " two\nlines ", "3-6", "007", "汉字 кириллица 🙂", "_x0041_"]


def book(*rows: list[Any], title: str = "claims") -> Workbook:
    made = Workbook()
    made.active.title = title
    for row in (HEAD, *rows):
        made.active.append(row)
    return made


def read(tmp_path: Path, made: Workbook | bytes) -> tuple[list[Claim], list[tuple[str, int | None, str, str]]]:
    """Rows of a workbook, and its problems: file with sheet, row, column, rule."""
    path = tmp_path / "claims.xlsx"
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        made.save(path)
    problems = Problems()
    table = read_table(path, "claims", Claim, problems)
    assert all(p.render("en") and p.render("zh") for p in problems.found)
    return list(table), [(p.file, p.line, p.key, p.code) for p in problems.found]


def written(rows: list[list[object]]) -> bytes:
    about = {"kind": "What sort of claim."}
    return to_workbook(
        "claims", Claim, [[dict(zip(HEAD, r, strict=True)).get(c, "") for c in Claim.model_fields] for r in rows], about, ["=a", "b"]
    )


def test_what_is_written_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    rows = [[f"C{n}", 1, "3-6", "fact", text, "open"] for n, text in enumerate(HOSTILE, 1)]
    found, problems = read(tmp_path, written(rows))
    assert problems == []
    assert [c.claim_en for c in found] == [text.strip() for text in HOSTILE]
    assert {c.paragraph for c in found} == {"3-6"}  # no third of June


def test_every_cell_is_text_and_every_closed_list_can_be_chosen_from() -> None:
    opened = load_workbook(io.BytesIO(written([["C1", 1, "3-6", "fact", "=1+1", "open"]])))
    sheet = opened["claims"]
    assert opened.sheetnames == ["claims", HELP]
    assert sheet.freeze_panes == "B2"
    filled = [c for row in sheet.iter_rows() for c in row if c.value is not None]
    assert {(c.data_type, c.number_format) for c in filled} == {("s", "@")}
    assert {sheet.column_dimensions[c.column_letter].number_format for c in sheet[1]} == {"@"}  # what is typed later, too
    assert sheet["D1"].value is not None
    column = {c.value: c for c in sheet[1]}
    assert column["kind"].comment.text.startswith("What sort of claim.")
    assert all(c.comment for c in sheet[1])
    rules = {str(rule.sqref).split(":")[0]: rule for rule in sheet.data_validations.dataValidation}
    lists = {name: rules.get(f"{column[name].column_letter}2") for name in Claim.model_fields}
    assert {name for name, rule in lists.items() if rule} == {"kind", "verdict", "reading", "stance", "proposed"}
    for name, words in (("kind", KINDS), ("verdict", VERDICTS)):
        assert lists[name].formula1 == '"' + ",".join(words) + '"'
        assert len(lists[name].formula1) < 255  # a longer list opens as a damaged file
        assert lists[name].showErrorMessage
        assert not lists[name].showDropDown  # in XLSX this hides the arrow
    assert column["claim_en"].alignment.wrap_text
    assert sheet.column_dimensions[column["claim_en"].column_letter].width >= 40


def test_the_parts_of_a_workbook_stand_in_the_order_of_the_standard() -> None:
    """ECMA-376, 18.3.1.99: a spreadsheet program repairs (empties) a sheet whose parts are out of order."""
    order = [
        "sheetPr",
        "dimension",
        "sheetViews",
        "sheetFormatPr",
        "cols",
        "sheetData",
        "autoFilter",
        "dataValidations",
        "pageMargins",
        "legacyDrawing",
    ]
    with zipfile.ZipFile(io.BytesIO(written([["C1", 1, 1, "fact", "=x", "open"]]))) as archive:
        assert archive.testzip() is None
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, content in parts.items():
        if name.endswith((".xml", ".rels", ".vml")):
            ET.fromstring(content)
    told = [re.sub(r"\{.*\}", "", e.tag) for e in ET.fromstring(parts["xl/worksheets/sheet1.xml"])]
    assert [t for t in order if t in told] == told
    assert b"<f>" not in parts["xl/worksheets/sheet1.xml"]
    targets = re.findall(rb'Target="/?([^"]+)"', b"".join(v for k, v in parts.items() if k.endswith("sheet1.xml.rels")))
    assert targets
    assert all(t.decode() in parts for t in targets)


def test_what_a_spreadsheet_made_of_cells_is_turned_back(tmp_path: Path) -> None:
    made = book(ROW, ["C2", 2, "4", "fact", dt.date(2022, 1, 5), "open"], ["C3", 2, 1, "fact", 0.1, "open"], [None] * 6)
    made.active.append(["C4", 2, 1, "fact", AFTERNOON, "open"])
    found, problems = read(tmp_path, made)
    assert problems == []
    assert [(c.claim_id, c.paragraph, c.claim_en) for c in found] == [
        ("C1", "3", "It began."),
        ("C2", "4", "2022-01-05"),
        ("C3", "1", "0.1"),
        ("C4", "1", "2022-01-05T16:30"),
    ]


def with_cell(where: str, value: object) -> Callable[[], Workbook]:
    def make() -> Workbook:
        made = book(ROW, ["C2", *ROW[1:]])
        made.active[where] = value
        return made

    return make


def merged() -> Workbook:
    made = book(ROW)
    made.active.merge_cells("A2:A3")
    return made


def two_sheets() -> Workbook:
    made = book(ROW)
    made.create_sheet(HELP)
    made.create_sheet("notes")
    return made


def no_table() -> Workbook:
    made = book(ROW, title="Tabelle1")
    made.create_sheet("notes")
    return made


SHEET = "claims.xlsx [claims]"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (with_cell("E3", "=A1&B1"), (SHEET, 3, "claim_en", "formula_cell")),
        (with_cell("E3", "#REF!"), (SHEET, 3, "claim_en", "formula_cell")),
        (with_cell("F3", "maybe"), (SHEET, 3, "verdict", "not_one_of")),
        (with_cell("C3", dt.date(2022, 6, 3)), (SHEET, 3, "paragraph", "bad_form")),
        (with_cell("H3", "beside"), (SHEET, 3, "", "cells_beyond")),
        (with_cell("D1", "sort"), (SHEET, 1, "sort", "unknown_column")),
        (merged, ("claims.xlsx", None, "", "merged_cells")),
        (two_sheets, (SHEET, None, "", "other_sheet")),
        (no_table, (SHEET, None, "", "no_such_sheet")),
        (lambda: Workbook(), ("claims.xlsx [Sheet]", None, "", "empty_file")),
        (lambda: b"no archive", ("claims.xlsx", None, "", "broken_sheet")),
        (lambda: b"PK\x03\x04" + bytes(50), ("claims.xlsx", None, "", "broken_sheet")),
    ],
)
def test_what_cannot_be_told_apart_is_refused_where_it_is(tmp_path: Path, make: Callable[[], Any], problem: tuple[object, ...]) -> None:
    assert problem in read(tmp_path, make())[1]


def test_a_sheet_of_another_name_is_read_if_it_is_the_only_one(tmp_path: Path) -> None:
    found, problems = read(tmp_path, book(ROW, title="Лист1"))
    assert problems == []
    assert found[0].claim_id == "C1"


def _part(made: Workbook, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The archive of a workbook with one part changed."""
    out, whole = io.BytesIO(), io.BytesIO()
    made.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = old.read(part)
            new.writestr(part, change(content) if part == name else content)
    return out.getvalue()


SHEET_XML = "xl/worksheets/sheet1.xml"


def test_a_million_empty_rows_with_a_format_are_not_read(tmp_path: Path) -> None:
    empty = b"".join(b'<row r="%d" s="1" customFormat="1"/>' % n for n in range(3, 1_048_577))
    data = _part(book(ROW), SHEET_XML, lambda xml: xml.replace(b"</sheetData>", empty + b"</sheetData>"))
    begun = time.process_time()
    found, problems = read(tmp_path, data)
    assert problems == []
    assert len(found) == 1
    assert time.process_time() - begun < 5  # reading them takes a minute


def test_a_word_below_a_million_rows_is_no_reason_to_read_them(tmp_path: Path) -> None:
    data = _part(
        book(ROW), SHEET_XML, lambda xml: xml.replace(b"</sheetData>", b'<row r="1000000"><c r="A1000000"><v>1</v></c></row></sheetData>')
    )
    assert read(tmp_path, data) == ([], [(SHEET, 1_000_000, "", "too_many_rows"), (SHEET, None, "", "empty_file")][:1])
    assert ROWS_MAX < 1_000_000


def test_entities_and_swollen_parts_are_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    for name in (SHEET_XML, "xl/styles.xml"):
        assert read(tmp_path, _part(book(ROW), name, lambda xml: bomb + xml))[1] == [("claims.xlsx", None, "", "broken_sheet")]
    swollen = _part(book(ROW), "xl/styles.xml", lambda xml: xml + b" " * 41_000_000)
    assert len(swollen) < 100_000
    assert read(tmp_path, swollen)[1] == [("claims.xlsx", None, "", "sheet_too_large")]


def test_a_cut_archive_is_refused_in_our_own_words(tmp_path: Path) -> None:
    whole = written([["C1", 1, 1, "fact", "x", "open"]])
    for part in range(1, 20):
        problems = read(tmp_path, whole[: len(whole) * part // 20])[1]
        assert [code for *_, code in problems] == ["broken_sheet"]


def test_both_forms_of_a_table_have_one_digest(tmp_path: Path) -> None:
    rows = [["C1", 1, 1, "fact", "two\r\nlines", "open"], ["C2", 1, "3-6", "fact", "=1+1", "open"], ["C3", 1, 2, "fact", "'tis", "open"]]
    (tmp_path / "claims.xlsx").write_bytes(written(rows))
    cells = [[dict(zip(HEAD, r, strict=True)).get(c, "") for c in Claim.model_fields] for r in rows]
    (tmp_path / "claims.csv").write_text(to_csv(list(Claim.model_fields), cells), encoding="utf-8-sig")
    one = rows_sha256(tmp_path / "claims.csv", "claims")
    assert one == rows_sha256(tmp_path / "claims.xlsx", "claims") == digest([[*Claim.model_fields], *([str(c) for c in r] for r in cells)])
    assert digest([["a", "b"], ["1", "2"]]) == digest([["a", " b ", ""], ["1", "2", ""], ["", "", ""]])
    assert digest([["a", "b"], ["1", "2"]]) != digest([["a", "b"], ["2", "1"]])
    assert rows_sha256(tmp_path / "none.csv", "claims") is None
