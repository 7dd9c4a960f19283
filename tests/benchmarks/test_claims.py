"""The finder of candidate claims against the plain rule, on labelled sentences; and the table of figures that ships."""

from __future__ import annotations

import csv
import doctest
import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks.claims import measure
from conftest import REPOSITORY

SHIPPED = {these.name: these for these in measure.labelled(measure.HERE, measure.SHIPPED)}
EVIDENCE = REPOSITORY / "evidence" / "claims.csv"


def evidence() -> list[dict[str, str]]:
    with EVIDENCE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", measure.SHIPPED)
def test_the_finder_beats_the_number_and_the_table_says_what_comes_out(name: str) -> None:
    rows = measure.measure(SHIPPED[name])
    found = {row["rule"]: row for row in rows}["finder"]
    assert float(found["ap_more_low"]) > 0
    assert float(found["recall20_more_low"]) > 0
    assert float(found["recall_at_cut"]) >= 0.55
    assert float(found["precision_at_cut"]) >= 0.7
    assert [row for row in evidence() if row["set"] == name] == rows


def test_the_table_has_every_set_and_says_where_it_came_from() -> None:
    rows = evidence()
    assert list(rows[0]) == measure.COLUMNS
    assert [row["set"] for row in rows[::2]] == [*measure.SHIPPED, "zh packaged essay", *measure.ENGLISH]
    assert {row["rule"] for row in rows} == {"has a number", "finder"}
    for row in rows:
        assert row["note"]
        if row["set"] in measure.ENGLISH:
            assert "github.com/" in row["note"]
            assert "not shipped" in row["note"]


def test_the_page_shows_the_figures_of_the_table() -> None:
    shown = (REPOSITORY / "docs" / "explanation" / "finding.md").read_text(encoding="utf-8")
    rows = evidence()
    for number, finder in zip(rows[::2], rows[1::2], strict=True):
        precision = [f"{float(r['ap']):.2f} ({float(r['ap_low']):.2f} to {float(r['ap_high']):.2f})" for r in (number, finder)]
        recall = [f"{float(r['recall20']):.2f}" for r in (number, finder)] + [f"{float(finder['recall20_best']):.2f}"]
        assert "| " + " | ".join([number["set"], number["sentences"], number["claims"], *precision, *recall]) + " |\n" in shown


def test_labels_are_complete_and_no_sentence_stands_twice() -> None:
    for file in {file for file, _, _ in measure.SHIPPED.values()}:
        with (measure.HERE / file).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert {row["claim"] for row in rows} == {"0", "1"}
        assert len({row["id"] for row in rows}) == len({row["sentence"] for row in rows}) == len(rows)
        assert sum(len(s.sentences) for name, s in SHIPPED.items() if measure.SHIPPED[name][0] == file) == len(rows)


def test_equals_count_by_the_mean_over_their_orders() -> None:
    claim, score = np.array([1.0, 0, 1, 0, 1, 0]), np.array([0.9, 0.5, 0.5, 0.5, 0.1, 0.1])
    orders = [np.array(o) for o in itertools.permutations(range(6)) if all(np.diff(score[list(o)]) <= 0)]
    each = [measure.both(claim[o], np.arange(6.0)[::-1]) for o in orders]
    assert measure.both(claim, score) == pytest.approx(np.mean(each, axis=0))
    assert doctest.testmod(measure).failed == 0


def test_public_sets_are_read_from_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (
        "d,1,Nineteen trams stopped on Friday.,1\nd,2,Are we there?,0\nd,3,Wages fell by a third.,1\nd,4,Let us sing.,0\nd,5,Thank you.,0\n"
    )
    (tmp_path / "policlaim_test.csv").write_text("doc,id,sentence,claim\n" + rows, encoding="utf-8")
    out = tmp_path / "figures.csv"
    assert measure.main([str(tmp_path), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "en PoliClaim test" in shown
    assert "CheckThat" not in shown
    written = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert written[-1]["ap"] == "1.000"
    assert written[:-2] == [row for row in evidence() if row["set"] in measure.SHIPPED]


def test_what_cannot_be_measured_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main([str(tmp_path)]) == 2
    assert "policlaim_test.csv" in capsys.readouterr().err
    (tmp_path / "other.md").write_text("Another text.\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="not the document"):
        measure.essay(tmp_path / "other.md")
