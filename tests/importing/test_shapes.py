"""Tables as providers have written them over the years, with rows that were made up: genuine files of each shape were tried by hand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from conftest import call_qantar
from qantar.errors import QantarError
from qantar.importing.extent import extent_of
from qantar.importing.objects import NAMES_MAX
from qantar.importing.propose import propose
from qantar.importing.run import import_file
from qantar.importing.source import open_source
from qantar.importing.ucdp import NAMES


def put(folder: Path, rows: list[list[object]], name: str = "download.csv", separator: str = ",") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


def kinds(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        return [(r["date"], r["region_id"], r["kind"]) for r in csv.DictReader(file) if r["external_id"]]


OLD = [
    "GWNO",
    "EVENT_ID_CNTY",
    "EVENT_DATE",
    "EVENT_TYPE",
    "ACTOR1",
    "INTER1",
    "INTER2",
    "COUNTRY",
    "ADMIN1",
    "LOCATION",
    "LATITUDE",
    "LONGITUDE",
]


def test_types_of_acled_before_2018_are_told_by_who_took_part(tiny: Path) -> None:
    here = ["Tinyland", "Onia", "Oneville", "15.0", "10.5"]
    told = [
        ("Riots/Protests", "5", "0"),
        ("Riots/Protests", "6", "1"),
        ("Violence against civilians", "1", "7"),
        ("Remote violence", "2", "7"),
    ]
    rows = [[1, f"T{n}", "02-March-2030", kind, "Somebody", by, other, *here] for n, (kind, by, other) in enumerate(told)]
    summary = import_file(put(tiny.parent, [OLD, *rows]), tiny)
    assert [kind for *_, kind in kinds(tiny)] == ["clash", "protest", "repression"]
    assert (summary.format, dict(summary.taken.reasons)) == ("acled", {"no_kind": 1})


def ged(n: int) -> dict[str, object]:
    said = {
        "id": n, "year": 2030, "type_of_violence": 1, "where_prec": 1, "country": "Tinyland", "date_prec": 1, "date_start": "2030-03-02T00:00:00",
        "date_end": "2030-03-02T00:00:00", "best": 3, "event_clarity": 1, "side_a": "Government of Tinyland", "source_headline": None,
    }  # fmt: skip
    return dict.fromkeys(NAMES, "") | said


def test_a_release_of_ucdp_may_have_no_header_or_be_json_or_points_on_a_map(tiny: Path) -> None:
    point = {"latitude": 15.0, "longitude": 10.5}
    bare = put(tiny.parent, [list((ged(1) | point).values())])
    answer = tiny.parent / "answer.json"
    answer.write_text(json.dumps({"TotalCount": 1, "Result": [ged(2) | point]}), encoding="utf-8")
    fields = {name: value for name, value in ged(3).items() if name not in point}
    shape = {"type": "Point", "coordinates": [10.5, 15.0]}
    on_map = tiny.parent / "ged.geojson"
    on_map.write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": fields, "geometry": shape}]}),
        encoding="utf-8",
    )
    for path in (bare, answer, on_map):
        summary = import_file(path, tiny)
        assert (summary.format, summary.taken.read, len(summary.taken.rows)) == ("ucdp", 1, 1)
    assert len(kinds(tiny)) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "broken_json_table"),
        ('[{"a": "\\ud800"}]', "broken_json_table"),  # half a character
        ('{"error": "no key"}', "json_without_rows"),
        ("[NaN]", "json_without_rows"),
        ('[{"type": "Feature", "properties": "none"}]', "json_without_rows"),
        (json.dumps([{f"day {n}": 1} for n in range(NAMES_MAX + 1)]), "json_of_many_names"),
    ],
)
def test_json_that_is_no_table_is_refused(content: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(QantarError) as caught:
        open_source(path)
    assert [p.code for p in caught.value.problems] == [code]


def test_a_number_that_is_larger_than_any_stays_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"n": 1e999, "m": 2.0, "k": NaN}]', encoding="utf-8")
    assert [cells for _, cells in open_source(path).lines()] == [["n", "m", "k"], ["1e999", "2", ""]]


def gdelt(n: int, land: str, kind: int, day: str = "20300302") -> list[object]:
    row: list[object] = [""] * 58
    row[0], row[1], row[26] = n, day, "141"
    row[49:55] = kind, "Somewhere", land, "", "15.0", "10.5"
    return row


def test_gdelt_says_the_country_by_its_own_code(tmp_path: Path) -> None:
    path = put(tmp_path, [gdelt(1, "CI", 1), gdelt(2, "US", 1), gdelt(3, "SW", 4, "20300411")], separator="\t")
    made = call_qantar("new", "chile", "--events", str(path), "--country", "CHL", "--json", cwd=tmp_path).json()
    assert (made["first_day"], made["last_day"]) == ("2030-03-02", "2030-03-02")
    assert made["events"]["unmatched"] == {"only_country": 1, "outside_country": 1, "outside_days": 1}


def test_a_file_of_years_says_which_days_are_busiest(tmp_path: Path) -> None:
    days = ["02-March-2024", "01-June-2027", "20-June-2027", "02-March-2030"]
    rows = [
        [1, f"T{n}", day, "Riots/Protests", "x", "6", "0", "Senegal", "Dakar", "Dakar", "14.69", "-17.44"] for n, day in enumerate(days)
    ]
    path = put(tmp_path, [OLD, *rows])
    with pytest.raises(QantarError) as caught:
        extent_of(path)
    (problem,) = caught.value.problems
    assert problem.code == "days_of_years"
    assert "--first-day 2027-06-01 --last-day 2027-07-01" in problem.render("en")
    assert extent_of(path, of_days=False).first.year == 2024
    span = ("--first-day", "2027-06-01", "--last-day", "2027-06-30")
    assert call_qantar("new", "a", "--events", str(path), *span, "--json", cwd=tmp_path).json()["events"]["taken"] == 2


def columns(source: Path, tiny: Path) -> dict[str, str]:
    """What the command that looks at a table takes its columns for."""
    done = call_qantar("import", str(source), "--into", str(tiny), "--json", cwd=tiny.parent)
    return {c["as"]: c["column"] for c in done.json()["columns"]}


def test_days_in_three_columns_and_a_part_of_the_world(tiny: Path) -> None:
    header = ["id", "country", "region", "startday", "startmonth", "startyear", "endday", "endmonth", "endyear", "location"]
    rows = [[n, "Tinyland", "Africa", 2, 3, 2030, 3, 3, 2030, "Oneville"] for n in range(5_600)]
    taken = columns(put(tiny.parent, [header, *rows]), tiny)
    assert taken == {
        "id": "id",  # also of more rows than values are kept
        "country": "country",
        "settlement": "location",
        "date": "date (startyear, startmonth, startday)",
        "date_end": "end date (endyear, endmonth, endday)",
    }
    assert next(iter(open_source(tiny.parent / "download.csv").lines()))[1][-1] == taken["date_end"]


def test_days_in_three_columns_are_read_whatever_is_empty_at_the_end_of_a_row(tmp_path: Path) -> None:
    rows = [["year", "month", "day", "note"], [2030, 3, 2, "x"], [2030, 3, 2, None]]
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    ends = put(tmp_path, [rows[0], [*rows[1], ""], [*rows[2], "", ""]])
    for path in (tmp_path / "book.xlsx", ends):
        assert [cells[4:] for _, cells in open_source(path).lines()][1:] == [["2030-3-2"]] * 2
    other = put(tmp_path, [rows[0], [2030, 3, 2], [*rows[1], "y"]])
    assert [len(cells) for _, cells in open_source(other).lines()] == [5, 3, 6]  # of a text nobody knows which cell is wrong


def test_headers_in_camel_case_and_the_column_that_names_places_of_the_case(tiny: Path) -> None:
    header = [
        "CityTown",
        "Location",
        "StateTerritory",
        "Country",
        "Date",
        "EstimateLow",
        "EstimateHigh",
        "EventType",
        "ReportedArrests",
        "Events",
    ]
    rows = [["Oneville", f"steps of the hall {n}", "Onia", "Tinyland", "3/22/2030", 20, 40, "protest", 3, 1] for n in range(30)]
    assert columns(put(tiny.parent, [header, *rows]), tiny) == {
        "settlement": "CityTown",
        "region": "StateTerritory",
        "country": "Country",
        "date": "Date",
        "participants_low": "EstimateLow",
        "participants_high": "EstimateHigh",
        "type": "EventType",
        "detained": "ReportedArrests",
    }


def test_of_several_sheets_the_one_with_known_headers_is_read_and_the_book_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, out = Workbook(), io.BytesIO()
    book.active.append(["Region", "State", "Incidents"])
    book.create_sheet("Empty")
    events = book.create_sheet("Home")
    for row in (["Date", "Town", "Event type", "Dead"], ["2030-03-02", "Oneville", "march", 1]):
        events.append(row)
    book.save(out)
    path = tmp_path / "book.xlsx"
    path.write_bytes(out.getvalue())
    opened: list[Path] = []
    monkeypatch.setattr("qantar.importing.source._refuse_entities", opened.append)
    source = open_source(path)
    assert (source.sheet, [name for name, _ in source.heads], len(opened)) == ("Home", ["Sheet", "Home"], 1)
    assert 'sheet = "Home"' in propose(source, "en").text
