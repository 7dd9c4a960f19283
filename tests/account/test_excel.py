"""A workbook keeps to the limits of Excel, and what other programs make of its texts is what was written."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from openpyxl import Workbook

from qantar.account.schema import Claim
from qantar.errors import DataError
from qantar.files.sheet import WRITTEN_MAX, to_workbook
from qantar.importing.source import open_source
from qantar.messages import LANGUAGES, column_meanings, text

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HARD = [
    "=1+1",
    "+1",
    "-3-6",
    "@SUM(A1)",
    '=HYPERLINK("http://a.b")',
    "http://a.b/c",
    "'x",
    "_x000D_",
    "bell\x07",
    "<b>&amp;</b>",
    "  x  ",
    "x" * WRITTEN_MAX,
]
"""Texts that a spreadsheet may take for something else."""


def book(cells: list[str], language: str = "en") -> bytes:
    rows = [[f"C{n:03d}", cell, *[""] * (len(Claim.model_fields) - 2)] for n, cell in enumerate(cells, 1)]
    about = {column: meaning for (table, column), meaning in column_meanings(language).items() if table == "claims"}
    return to_workbook("claims", Claim, rows, about, text("sheet.claims", language).split("\n"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_parts_of_a_workbook_keep_to_the_limits_of_excel(language: str) -> None:
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(book(HARD, language))) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    trees = {name: ElementTree.fromstring(content) for name, content in parts.items() if name.endswith((".xml", ".rels"))}
    titles = [sheet.get("name", "") for sheet in trees["xl/workbook.xml"].iter(f"{MAIN}sheet")]
    assert all(0 < len(title) <= 31 and not re.search(r"[\[\]:*?/\\]", title) for title in titles)
    assert not [*trees["xl/workbook.xml"].iter(f"{MAIN}definedName")] or all(
        name.get("name") == "_xlnm._FilterDatabase" for name in trees["xl/workbook.xml"].iter(f"{MAIN}definedName")
    )
    assert 0 < len([*trees["xl/styles.xml"].iter(f"{MAIN}xf")]) <= 64_000
    sheets = [tree for name, tree in trees.items() if name.startswith("xl/worksheets/sheet")]
    lists = [check for sheet in sheets for check in sheet.iter(f"{MAIN}dataValidation")]
    assert len(lists) == 5
    for check in lists:
        assert len(check.findtext(f"{MAIN}formula1", "")) <= 255
        for word, most in (("error", 225), ("errorTitle", 32), ("prompt", 255), ("promptTitle", 32)):
            assert len(check.get(word, "")) <= most
        assert re.fullmatch(r"[A-Z]{1,3}\d+(:[A-Z]{1,3}\d+)?", check.get("sqref", ""))
    for sheet in sheets:
        assert not [*sheet.iter(f"{MAIN}f"), *sheet.iter(f"{MAIN}hyperlink")]
        assert all(len((t.text or "").encode("utf-16-le")) <= 2 * WRITTEN_MAX for t in sheet.iter(f"{MAIN}t"))
    shapes = next(content for name, content in parts.items() if name.endswith(".vml"))
    comments = next(tree for name, tree in trees.items() if "/comment" in name)
    assert len(re.findall(rb"<(?:\w+:)?shape\b", shapes)) == len([*comments.iter(f"{MAIN}comment")]) == len(Claim.model_fields)
    assert [*trees["xl/worksheets/sheet1.xml"].iter(f"{MAIN}legacyDrawing")]


def test_texts_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "claims.xlsx"
    path.write_bytes(book(HARD))
    assert [cells[1] for _, cells in open_source(path, sheet="claims").lines()][1:] == [t.replace("\x07", "") for t in HARD]
    made, out = Workbook(), io.BytesIO()
    made.active.append(["day", "town", "_x005F_x000D_ and one_x000D_\ntwo"])  # as Excel writes them
    made.save(out)
    path.write_bytes(out.getvalue())
    assert [cells[2] for _, cells in open_source(path).lines()] == ["_x000D_ and one\ntwo"]


def test_a_text_too_long_for_a_spreadsheet_is_refused_and_not_cut() -> None:
    with pytest.raises(DataError) as caught:
        book(["x", "\U0001f600" * (WRITTEN_MAX // 2 + 1)])
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.args["high"]) == ("cell_too_long", 3, "32,767")
    assert all(problem.render(lang) for lang in LANGUAGES)
