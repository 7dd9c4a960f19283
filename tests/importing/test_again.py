"""A table without ids, mended and imported again: nothing is doubled unnoticed, and no id comes to name another event."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Ran, call_qantar
from kit.logs import mapping
from qantar.importing.run import Summary, import_file

MAPPING = mapping({"participants": "crowd", "deaths": "dead", "note": "told"}, {"riot": "clash"})
HEADER = ["day", "region", "town", "what", "crowd", "dead", "told"]
LOG = [
    ["2030-03-01", "Onia", "Onevile", "march", "", "", "by the river [Courier]"],
    ["2030-03-02", "Onia", "Oneville", "march", "500", "", "at noon [Courier]"],
    ["2030-03-02", "Onia", "Oneville", "march", "700", "", "at night [Gazette]"],
    ["2030-03-03", "Twoia", "Twoville", "riot", "", "1", "shops burn [Gazette]"],
    ["2030-03-04", "Twoia", "Twoville", "riot", "", "", ""],
]


@pytest.fixture
def log(tiny: Path) -> Path:
    (tiny.parent / "log.toml").write_text(MAPPING, encoding="utf-8")
    return tiny.parent / "log.csv"


def put(log: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> None:
    with log.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def brought(log: Path, tiny: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Summary:
    put(log, rows, header)
    return import_file(log, tiny, mapping=log.with_suffix(".toml"))


def events(tiny: Path) -> dict[str, dict[str, str]]:
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        return {r["event_id"]: r for r in csv.DictReader(file) if r["source"] == "log"}


def with_cell(k: int, column: str, cell: str) -> list[list[str]]:
    rows = [list(row) for row in LOG]
    rows[k][HEADER.index(column)] = cell
    return rows


@pytest.mark.parametrize(
    ("k", "column", "cell"),
    [
        (0, "town", "Oneville"),
        (0, "town", "Somewhere"),
        (0, "day", "2030-03-02"),
        (0, "what", "riot"),
        (1, "crowd", "600"),
        (2, "told", "at night  [The Gazette]"),
        (3, "dead", "2"),
        (4, "told", "two cars burn [Courier]"),
    ],
)
def test_a_row_that_is_mended_keeps_its_id(log: Path, tiny: Path, k: int, column: str, cell: str) -> None:
    brought(log, tiny, LOG)
    before = events(tiny)
    done = brought(log, tiny, with_cell(k, column, cell)).changes
    assert (done.added, done.changed, done.unchanged, len(done.mended), done.absent) == (0, 1, 4, 1, [])
    after = events(tiny)
    assert list(after) == list(before)
    ((old, new),) = done.mended
    assert (old["note"] or new["note"], new["event_id"]) == (old["note"] or after[new["event_id"]]["note"], old["event_id"])
    assert after[new["event_id"]] == new != old
    again = brought(log, tiny, with_cell(k, column, cell)).changes
    assert (again.added, again.changed, again.unchanged, again.mended) == (0, 0, 5, [])


def test_an_id_stays_with_its_event_when_a_refused_row_is_mended(log: Path, tiny: Path) -> None:
    rows = with_cell(1, "day", "soon")
    assert brought(log, tiny, rows).taken.reasons == {"bad_date": 1}
    before = {r["note"]: name for name, r in events(tiny).items()}
    assert brought(log, tiny, LOG).changes.added == 1
    after = {r["note"]: name for name, r in events(tiny).items()}
    assert {note: after[note] for note in before} == before


def test_ids_last_when_the_mapping_or_another_column_changes(log: Path, tiny: Path) -> None:
    mapping = log.with_suffix(".toml")
    mapping.write_text(MAPPING.replace('note = "told"\n', "").replace('"march" = "march"', '"march" = "protest"'), encoding="utf-8")
    brought(log, tiny, LOG)
    before = list(events(tiny))
    mapping.write_text(MAPPING, encoding="utf-8")
    done = brought(log, tiny, LOG).changes
    assert (done.added, done.changed, list(events(tiny))) == (0, 4, before)
    wider = [[*row, "seen"] for row in LOG]
    assert brought(log, tiny, wider, [*HEADER, "mark"]).changes.unchanged == 5
    mapping.write_text(MAPPING.replace('date = "day"', 'id = "No"\ndate = "day"'), encoding="utf-8")
    numbered = [[*row, str(n)] for n, row in enumerate(LOG, 1)]
    done = brought(log, tiny, numbered, [*HEADER, "No"]).changes
    assert (done.added, done.unchanged, list(events(tiny))) == (0, 5, before)
    assert sorted(r["external_id"] for r in events(tiny).values()) == list("12345")
    numbered[0][2:5] = ["Twoville", "riot", "90"]
    assert brought(log, tiny, numbered, [*HEADER, "No"]).changes.changed == 1  # with an id of its own, whatever is mended


def test_what_may_be_another_event_is_added_and_told(log: Path, tiny: Path) -> None:
    brought(log, tiny, LOG)
    rows = with_cell(3, "told", "a bus is stopped [Radio]")
    done = brought(log, tiny, rows).changes
    assert (done.added, len(done.absent), done.mended) == (1, 1, [])
    ((old, new),) = done.perhaps
    assert (old["note"], new["note"]) == ("shops burn [Gazette]", "a bus is stopped [Radio]")
    assert len(events(tiny)) == 6


def test_another_file_of_the_same_source_replaces_nothing(log: Path, tiny: Path) -> None:
    brought(log, tiny, LOG[:2])
    before = events(tiny)
    later = [["2030-03-04", *row[1:]] for row in LOG[:2]]
    done = brought(log, tiny, later).changes
    assert (done.added, done.mended, len(done.absent), len(done.perhaps)) == (2, [], 2, 2)
    assert {name: events(tiny)[name] for name in before} == before


def test_two_rows_that_could_be_meant_are_not_told_apart(log: Path, tiny: Path) -> None:
    rows = [["2030-03-02", "Onia", "Oneville", "march", crowd, "", ""] for crowd in ("500", "700")]
    brought(log, tiny, rows)
    done = brought(log, tiny, [[*rows[0][:4], "90", "", ""], [*rows[0][:4], "80", "", ""]]).changes
    assert (done.added, done.mended, len(done.perhaps)) == (2, [], 2)


def test_a_number_that_was_left_out_is_put_in_when_its_cell_is_mended(log: Path, tiny: Path) -> None:
    brought(log, tiny, with_cell(1, "dead", "two"))
    before = list(events(tiny))
    done = brought(log, tiny, with_cell(1, "dead", "2")).changes
    assert (done.added, done.changed, list(events(tiny))) == (0, 1, before)
    assert [r["deaths"] for r in events(tiny).values()] == ["", "2", "", "1", ""]


def test_rows_that_are_gone_from_the_file_are_removed_on_request_and_no_others(log: Path, tiny: Path) -> None:
    brought(log, tiny, LOG)
    with (tiny / "events.csv").open("a+", encoding="utf-8", newline="") as file:
        file.seek(0)
        columns = next(csv.reader(file))
        for cells in ({"event_id": "H1", "source": "log"}, {"event_id": "H2"}):  # written by hand, one of them for the same source
            row = {"date": "2030-03-03", "region_id": "XA-TWO", "kind": "clash", **cells}
            csv.DictWriter(file, columns, lineterminator="\n").writerow(row)
    kept = [row for row in with_cell(0, "day", "soon") if "[Gazette]" not in row[-1]]  # two are gone, one cannot be read
    put(log, kept)
    stays = import_file(log, tiny, mapping=log.with_suffix(".toml"), dry_run=True).changes
    assert (stays.removed, len(stays.absent)) == (0, 3)
    told = said(log, tiny, "--remove-gone").partition("2 events of earlier imports were removed from events.csv:")[2]
    for words in ('"at night [Gazette]" E006', '"shops burn [Gazette]" E007'):
        assert words in told
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        ids = [r["event_id"] for r in csv.DictReader(file)]
    assert ids == ["E1", "E2", "E3", "E004", "E005", "E008", "H1", "H2"]


def test_a_row_that_stands_in_the_file_but_is_not_taken_is_not_gone(log: Path, tiny: Path) -> None:
    mapping = log.with_suffix(".toml")
    mapping.write_text(MAPPING.replace('date = "day"', 'id = "No"\ndate = "day"'), encoding="utf-8")
    numbered = [[*row, str(n)] for n, row in enumerate(LOG, 1)]
    brought(log, tiny, numbered, [*HEADER, "No"])
    numbered[1][0] = "soon"
    put(log, numbered[:-1], [*HEADER, "No"])
    done = import_file(log, tiny, mapping=mapping, remove_gone=True)
    assert [r["external_id"] for r in done.changes.taken_away] == ["5"]
    assert [r["external_id"] for r in done.changes.absent] == ["2"]
    assert done.as_dict()["removed_events"] == ["log-5"]


def said(log: Path, tiny: Path, *options: str) -> str:
    told: Ran = call_qantar("import", "log.csv", "--mapping", "log.toml", "--into", str(tiny), *options, cwd=tiny.parent)
    assert told.code == 0
    return " ".join(told.out.split())


def test_the_summary_names_what_was_mended_what_is_gone_and_what_is_perhaps_twice(log: Path, tiny: Path) -> None:
    put(log, LOG)
    told = said(log, tiny)
    assert "No column holds an id" in told
    twice = told.partition("Perhaps twice: 1 ")[2]
    for words in (
        '2030-03-02 Oneville march "at noon [Courier]" (line 3) E005',
        '2030-03-02 Oneville march "at night [Gazette]" (line 4) E006',
    ):
        assert words in twice
    put(log, with_cell(0, "town", "Oneville")[:-1])
    told = said(log, tiny)
    assert 'settlement "Onevile" → "Oneville"' in told.partition("1 row is an earlier one that was mended")[2]
    assert "2030-03-04 Twoville clash E008" in told.partition("1 event of earlier imports is not in this file")[2]
    put(log, with_cell(3, "told", "a bus is stopped [Radio]"))
    assert (
        'note "shops burn [Gazette]" → "a bus is stopped [Radio]"' in said(log, tiny).partition("may be an earlier one that was mended")[2]
    )


def test_a_line_is_told_of_rows_of_the_file_only(log: Path, tiny: Path) -> None:
    put(log, LOG[:1])
    import_file(log, tiny, mapping=log.with_suffix(".toml"))
    mapping = log.with_suffix(".toml")
    mapping.write_text(MAPPING.replace('key = "log"', 'key = "copy"'), encoding="utf-8")
    twice = said(log, tiny).partition("Perhaps twice: 1 ")[2]  # the same row, so the same made id, of two sources
    assert '[Courier]" (line 2) E005' in twice
    assert '[Courier]" E004' in twice


def test_a_row_without_an_id_gets_one_that_can_be_typed_and_never_that_of_another(log: Path, tiny: Path) -> None:
    brought(log, tiny, LOG[1:])
    assert list(events(tiny)) == ["E004", "E005", "E006", "E007"]  # after E1, E2, E3, which a person wrote
    brought(log, tiny, LOG)  # a row that stands first in the file
    assert list(events(tiny)) == ["E004", "E005", "E006", "E007", "E008"]
    lines = (tiny / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny / "events.csv").write_text("".join(x for x in lines if not x.startswith("E005,")), encoding="utf-8")
    assert [r["event_id"] for r in brought(log, tiny, LOG).changes.taken_out] == ["E005"]
    assert list(events(tiny)) == ["E004", "E006", "E007", "E008"]  # what somebody took out stays out
    lines = (tiny / "imported.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny / "imported.csv").write_text("".join(x for x in lines if not x.endswith(",E005\n")), encoding="utf-8")
    assert brought(log, tiny, LOG).changes.added == 1
    assert list(events(tiny)) == ["E004", "E006", "E007", "E008", "E009"]  # a gap is not filled


def test_ids_of_an_older_import_stay(log: Path, tiny: Path) -> None:
    brought(log, tiny, LOG)
    text = (tiny / "events.csv").read_text(encoding="utf-8")
    old = {name: f"log-{row['external_id']}" for name, row in events(tiny).items()}
    for name, long in old.items():
        text = text.replace(f"{name},", f"{long},")
    (tiny / "events.csv").write_text(text, encoding="utf-8")
    done = brought(log, tiny, with_cell(1, "crowd", "600")).changes
    assert (done.added, done.changed, done.unchanged, list(events(tiny))) == (0, 1, 4, list(old.values()))


def test_an_id_of_the_file_that_can_be_none_is_numbered_and_known_again(log: Path, tiny: Path) -> None:
    mapping = log.with_suffix(".toml")
    mapping.write_text(MAPPING.replace('date = "day"', 'id = "No"\ndate = "day"'), encoding="utf-8")
    numbered = [[*row, f"no. {n}"] for n, row in enumerate(LOG, 1)]
    brought(log, tiny, numbered, [*HEADER, "No"])
    before = events(tiny)
    assert list(before) == ["E004", "E005", "E006", "E007", "E008"]
    numbered[0][2] = "Oneville"
    done = brought(log, tiny, numbered[:4], [*HEADER, "No"]).changes
    assert (done.added, done.changed, [r["event_id"] for r in done.absent], list(events(tiny))) == (0, 1, ["E008"], list(before))
