"""Any table by a mapping file: four published data sets, the proposal that is written for a table, and mappings that are wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import HERE, REPOSITORY, Ran
from kit import logs
from qantar.errors import QantarError
from qantar.importing.mapping import read_mapping
from qantar.importing.propose import propose
from qantar.importing.run import import_file
from qantar.importing.source import open_source
from qantar.messages import LANGUAGES
from qantar.record.schema import EVENT_KINDS

TABLES = HERE / "importing" / "tables"
SHARED = REPOSITORY.parent / "shared" / "data"
Frame = tuple[str, float, float, float, float]


def case_of(folder: Path, country: str, days: tuple[str, str], regions: dict[str, Frame]) -> Path:
    """The tiny case made into another country: regions that are rectangles, each with name, west, south, east, north."""
    head = (folder / "case.toml").read_text(encoding="utf-8")
    for old, new in (
        ("XA", country),
        ("2030-03-01", days[0]),
        ("2030-03-05", days[1]),
        ("Tinyland", {"KZ": "Kazakhstan"}.get(country, "Land")),
    ):
        head = head.replace(old, new)
    (folder / "case.toml").write_text(head, encoding="utf-8")
    rows, shapes = [], []
    for key, (name, west, south, east, north) in regions.items():
        lat, lon = (south + north) / 2, (west + east) / 2
        rows.append([key, name, name, "region", name, lat, lon, 1, "gazette"])
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        names = {"id": key, "name_en": name, "label_lon": lon, "label_lat": lat}
        shapes.append({"type": "Feature", "properties": names, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    with (folder / "regions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["region_id", "name_en", "name_zh", "type", "capital", "lat", "lon", "utc_offset", "source"], *rows])
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": shapes}), encoding="utf-8")
    for name in ("settlements.csv", "region_values.csv", "events.csv", "neighbours.geojson"):  # of Tinyland, which has few residents
        (folder / name).unlink()
    return folder


def test_a_former_region_is_told_with_the_regions_that_lie_in_it(tiny: Path, qantar: Callable[..., Ran]) -> None:
    counties: dict[str, Frame] = {  # Natural Earth, which ships, has the provinces of before 2013
        "KE-31": ("Nakuru", 35.6, -0.9, 36.5, 0.2),
        "KE-44": ("Uasin Gishu", 35.0, 0.2, 35.6, 0.9),
        "KE-28": ("Mombasa", 39.6, -4.1, 39.8, -3.9),
    }
    case_of(tiny, "KE", ("2007-12-27", "2008-02-28"), counties)
    rows = ["2007-12-30,Rift Valley Province,,march", "2007-12-30,Coast Province,,march", "2007-12-30,,Nowhere,march"]
    (tiny.parent / "log.csv").write_text("\n".join(["day,region,town,what", *rows]) + "\n", encoding="utf-8")
    (tiny.parent / "log.toml").write_text(logs.mapping(), encoding="utf-8")
    done = import_file(tiny.parent / "log.csv", tiny, mapping=tiny.parent / "log.toml")
    assert [r.within for r in done.taken.refused["unknown_place"]] == ["KE-31 KE-44", "", ""]  # of the Coast the case has one county only
    told = " ".join(qantar("import", "log.csv", "--mapping", "log.toml", "--into", str(tiny)).out.split())
    assert '"Rift Valley Province" – a larger unit, perhaps a former one, with these regions of the case: KE-31 KE-44.' in told


COUNTRIES: dict[str, tuple[str, tuple[str, str], dict[str, Frame]]] = {
    "us-2020": (
        "US",
        ("2020-05-26", "2020-07-05"),
        {
            "US-MN": ("Minnesota", -97.3, 43.5, -89.5, 49.4),
            "US-IL": ("Illinois", -91.5, 37, -87.4, 42.5),
            "US-OR": ("Oregon", -124.6, 42, -116.5, 46.2),
        },
    ),
    "france-2023": (
        "FR",
        ("2023-04-18", "2023-06-29"),
        {"FR-21": ("Côte-d'Or", 4, 46.9, 5.5, 48), "FR-75": ("Paris", 2.2, 48.8, 2.5, 48.9), "FR-91": ("Essonne", 1.9, 48.3, 2.6, 48.8)},
    ),
    "germany-2015": (
        "DE",
        ("2015-01-01", "2016-12-31"),
        {"DE-SN": ("Sachsen", 11.9, 50.2, 15.1, 51.7), "DE-BY": ("Bayern", 9.0, 47.3, 13.8, 50.2)},
    ),
    "mass-mobilization": (
        "KZ",
        ("1994-05-01", "1996-12-31"),
        {"KZ-ALA": ("Almaty", 76.7, 43.1, 77.1, 43.4), "KZ-MAN": ("Mangystau", 49, 41, 57, 46)},
    ),
}


@pytest.fixture(params=COUNTRIES)
def country(request: pytest.FixtureRequest, tiny: Path) -> tuple[str, Path]:
    return request.param, case_of(tiny, *COUNTRIES[request.param])


EXPECTED = {
    "us-2020": (
        [
            ("2020-05-26", "", "US-MN", "city-day total", "", "2 events; 2000.0200.0"),
            ("2020-05-31", "", "US-IL", "event", "200", ""),
            ("2020-05-31", "", "US-MN", "city-day total", "", "2 events; 5450.0200.0"),
            ("2020-05-31", "", "US-OR", "event", "", ""),
        ],
        {"outside_country": 2},
    ),
    "france-2023": (
        [
            ("2023-04-18", "", "FR-21", "event", "", ""),
            ("2023-04-18", "", "FR-75", "event", "", ""),
            ("2023-04-18", "", "FR-91", "region-day total", "", "2 events"),
        ],
        {"unknown_place": 3},
    ),
    "mass-mobilization": (
        [(day, "", "KZ-ALA", "event", n, "") for day, n in zip(
            ("1994-05-18", "1995-07-27", "1996-01-30", "1996-11-17", "1996-12-08"), ("300", "60", "200", "500", "3000"), strict=True
        )],
        {"outside_days": 1, "unknown_place": 1},
    ),
}  # fmt: skip


def test_counts_of_a_place_and_a_day_are_events(country: tuple[str, Path]) -> None:
    name, folder = country
    done = import_file(TABLES / f"{name}.csv", folder, mapping=TABLES / f"{name}.toml")
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert done.taken.read == len(rows) + done.taken.reasons.total()
    if name == "germany-2015":
        assert [(r["region_id"], r["kind"]) for r in rows if r["settlement"] != "Freital"] == [
            ("DE-BY", "building_attacked"), ("DE-BY", "building_attacked"), ("DE-SN", "clash"),
        ]  # fmt: skip
        assert {r["kind"] for r in rows} == {"protest", "clash", "building_attacked"}
        return
    found, reasons = EXPECTED[name]
    columns = ("date", "date_end", "region_id", "scope", "participants_low", "number_basis")
    assert sorted(tuple(r[c] for c in columns) for r in rows) == found
    assert dict(done.taken.reasons) == reasons
    again = import_file(TABLES / f"{name}.csv", folder, mapping=TABLES / f"{name}.toml")  # rows without ids are known again
    assert (again.changes.added, again.changes.unchanged) == (0, len(rows))


ORIGINALS = {
    "us-2020": ("us-2020/city_day.csv", 4081),
    "france-2023": ("france-2023/dept_day.csv", 193),
    "germany-2015": ("germany-2015-arvig/place_day.csv", 5182),
    "mass-mobilization": ("mass-mobilization/central_asia_1990_2020.csv", 324),
}


def test_the_whole_data_sets_can_be_imported(country: tuple[str, Path]) -> None:
    name, folder = country
    path, rows = ORIGINALS[name]
    if not (SHARED / path).is_file():
        pytest.skip("the data sets are not part of the project")
    done = import_file(SHARED / path, folder, mapping=TABLES / f"{name}.toml")
    assert done.taken.read == rows
    assert len(done.taken.rows) + done.taken.duplicates + done.taken.reasons.total() == rows
    assert set(done.taken.reasons) <= {"outside_country", "outside_days", "unknown_place", "kind_left_empty"}
    assert done.changes.added == len(done.taken.rows) >= 5


@pytest.mark.parametrize("name", COUNTRIES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_proposal_finds_the_columns_and_can_be_used(name: str, lang: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    told = propose(open_source(TABLES / f"{name}.csv"), lang).text
    path.write_text(told.replace('# kind = "protest"', 'kind = "protest"'), encoding="utf-8")  # as its reader decides
    proposed, ours = (read_mapping(p).columns.model_dump() for p in (path, TABLES / f"{name}.toml"))
    assert {f: c for f, c in ours.items() if c} == {f: c for f, c in proposed.items() if c and f in ours and ours[f]}
    extra = {f for f, c in proposed.items() if c and not ours[f]}
    assert extra <= {"detained"}  # a flag that a few rows do not show to be one


def test_a_proposal_says_what_must_be_decided(tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text('Datum;Stadt;Art;"Text"\n05.01.2022;A;Streik;=1\n06.02.2022;B;Weird "x"\n', encoding="cp1252")
    text = propose(open_source(table), "en").text
    assert "Needed: in 05.01.2022" in text
    assert '# date_order = "dmy"' in text
    table.write_text("when,city\nsoon,A\n", encoding="utf-8")
    assert "no column was found that holds dates" in propose(open_source(table), "en").text


def test_a_proposal_is_written_anew_until_somebody_changes_it(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    def proposed(name: str) -> int:
        return qantar("import", str(TABLES / f"{name}.csv"), "--propose", "m.toml").code

    assert (proposed("us-2020"), proposed("us-2020"), proposed("france-2023")) == (0, 0, 0)
    written = (tmp_path / "m.toml").read_text(encoding="utf-8")
    assert "departement" in written
    for change in (written.replace("departement", "Departement"), written.partition("\n")[2], "", 'date = "x"\n'):
        (tmp_path / "m.toml").write_text(change, encoding="utf-8")
        assert proposed("us-2020") == 2
        assert (tmp_path / "m.toml").read_text(encoding="utf-8") == change


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (('date = "date"', 'date = "day"'), "mapping_column", 10),
        (('date = "date"\n', ""), "missing_key", 9),
        (('latitude = "lat"\n', ""), "mapping_without_place", 9),
        (('kind = "protest"', ""), "mapping_without_kind", 9),
        (('kind = "protest"', 'kind = "party"'), "not_one_of", 19),
        (('licence = "MIT"\n', ""), "missing_key", 2),
        (('key = "ccc"', 'key = "../x"'), "bad_form", 3),
        (("[columns]", '[read]\nencoding = "latin9"\n\n[columns]'), "not_one_of", 10),
        (("[columns]", "[columns]\nplace = 1"), "unknown_key", 10),
    ],
)
def test_a_mapping_that_is_wrong_is_said_with_its_line(tiny: Path, change: tuple[str, str], code: str, line: int) -> None:
    path = tiny.parent / "mapping.toml"
    path.write_text((TABLES / "us-2020.toml").read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(QantarError) as caught:
        import_file(TABLES / "us-2020.csv", tiny, mapping=path)
    assert [(p.code, p.line) for p in caught.value.problems] == [(code, line)]
    assert not (tiny / "unmatched.csv").exists()


SHEET = """Date,District,Town,Type of event,Crowd size,Killed,Remarks,Where I read it
2030-03-02,Onia,Oneville,Rally,"2,000-3,000",,a,The Courier
2030-03-03,Tinyland,,Rail blockade,hundreds,,b,
2030-03-04,Twoia,Twoville,Rally,"3,000+",2,c,
2030-03-04,Twoia,,Shoot-on-sight order,about 1500,,d,
2030-03-05,Tinyland,,Rally,about 900,,e,
"""


def test_a_table_as_an_analyst_keeps_it(tiny: Path) -> None:
    table, mapping = tiny.parent / "sheet.csv", tiny.parent / "sheet.toml"
    table.write_text(SHEET, encoding="utf-8")
    mapping.write_text(propose(open_source(table), "en").text, encoding="utf-8")
    columns = {f: c for f, c in read_mapping(mapping).columns.model_dump().items() if c}
    assert columns == {
        "date": "Date", "region": "District", "settlement": "Town", "type": "Type of event", "participants": "Crowd size", "deaths": "Killed",
        "note": "Remarks", "note_source": "Where I read it",
    }  # fmt: skip
    assert read_mapping(mapping).kinds == {"Rally": "protest", "Rail blockade": "rail_blocked", "Shoot-on-sight order": "shoot_order"}
    import_file(table, tiny, mapping=mapping)
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "sheet"]
    assert [(r["region_id"], r["kind"], r["participants_low"], r["participants_high"]) for r in rows] == [
        ("XA-ONE", "protest", "2000", "3000"),
        ("XA", "rail_blocked", "", ""),  # of the whole country
        ("XA-TWO", "protest", "3000", ""),
        ("XA-TWO", "shoot_order", "1500", "1500"),
        ("XA", "protest", "900", "900"),
    ]
    assert [r["scope"] for r in rows] == ["event"] * 4 + ["national day total"]  # a crowd of the whole country is a count of its day
    assert (rows[1]["number_basis"], rows[0]["note"]) == ("hundreds", "a [The Courier]")


def test_columns_that_are_not_used_are_listed(tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text("date,city,Sonstiges\n2030-03-02,Oneville,Marsch\n2030-03-03,Oneville,Streik\n", encoding="utf-8")
    text = propose(open_source(table), "en").text
    assert "# Sonstiges  # Marsch | Streik" in text
    assert '\n# kind = "protest"' in text  # no kind holds of every row where a column may say it


TOLD = """Date,Town,What happened,Rows of people,Where read,Hurt
2030-03-02,Oneville,Parliament stormed,hundreds,Courier,
2030-03-02,Oneville,"Ministers meet, nothing said",some,Courier,2
2030-03-03,Oneville,Fireworks seen,,Radio,
2030-03-03,Twoville,Parliament stormed and set on fire,2k,Radio,3
"""


def test_free_text_is_the_note_too_and_kinds_are_explained_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "told.csv").write_text(TOLD, encoding="utf-8")
    proposal = propose(open_source(tmp_path / "told.csv"), "en")
    (tmp_path / "told.toml").write_text(proposal.text, encoding="utf-8")
    columns = read_mapping(tmp_path / "told.toml").columns
    assert (columns.type, columns.note, columns.note_source, columns.injured) == ("What happened", "What happened", "Where read", "Hurt")
    assert proposal.view.numbers == ["Rows of people"]  # one of three
    assert proposal.view.types == ["Ministers meet, nothing said", "Fireworks seen"]
    lines = proposal.text.splitlines()
    assert '"Parliament stormed" = "building_seized"  # building_attacked, if the crowd did not hold it' in lines
    assert '"Parliament stormed and set on fire" = "building_attacked"' in lines
    assert [k for k in EVENT_KINDS if not any(line.startswith(f"# {k}: ") for line in lines)] == []


def test_words_of_a_list_are_no_note(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,town,type\n2030-03-02,A,march\n2030-03-03,B,strike\n", encoding="utf-8")
    assert "\nnote = " not in propose(open_source(tmp_path / "x.csv"), "en").text


@pytest.mark.parametrize("header", ["How many", "Turnout", "сколько", "参加人数", "Cuántos"])
def test_a_crowd_is_known_by_its_header_if_some_values_are_figures_or_words_for_crowds(tmp_path: Path, header: str) -> None:
    table = tmp_path / "x.csv"
    for cells, taken in ((("hundreds", "some", "2k"), True), (("a", "b", "c"), False)):
        rows = "".join(f"2030-03-0{n};A;{cell}\n" for n, cell in enumerate(cells, 1))
        table.write_text(f"date;town;{header}\n{rows}", encoding="utf-8")
        assert ("\nparticipants = " in propose(open_source(table), "en").text) == taken


LOG = """#;Day;Town;What happened;Type;Dead;Injured;Arrested;Broken windows;Read in
1;2030-03-02;Oneville;pupils march;march;1;156 police;3;12;Courier
2;2030-03-03;Oneville;a shop burns;fire;0;2;;7;Radio
3;2030-03-03;Twoville;a car burns;fire;-;2-3;;?;Radio
"""


def test_a_proposal_for_a_log_takes_every_column_and_says_what_is_left(tiny: Path, qantar: Callable[..., Ran]) -> None:
    table = tiny.parent / "log.csv"
    table.write_text(LOG, encoding="utf-8")
    said = " ".join(qantar("import", "log.csv", "--propose", "log.toml").out.split())
    assert "columns with numbers that are not used: Broken windows." in said
    assert "1 type has no kind yet, and its rows will be left out: fire." in said
    mapping = read_mapping(tiny.parent / "log.toml")
    assert {f: c for f, c in mapping.columns.model_dump().items() if c} == {
        "id": "#", "date": "Day", "settlement": "Town", "type": "Type", "deaths": "Dead", "injured": "Injured", "detained": "Arrested",
        "note": "What happened", "note_source": "Read in",
    }  # fmt: skip
    assert "!!! These columns hold numbers and are not used: Broken windows." in (tiny.parent / "log.toml").read_text(encoding="utf-8")
    done = import_file(table, tiny, mapping=tiny.parent / "log.toml")
    assert done.taken.reasons == {"kind_left_empty": 2}
    assert [(c.line, c.column, c.value) for c in done.taken.left_out["bad_number"]] == [(2, "Injured", "156 police")]


@pytest.mark.parametrize(("header", "cells", "taken"), [("No", "123", True), ("Nr.", "123", True), ("№", "123", True), ("编号", "123", True),
                                                        ("No", "112", False), ("No", "1 3", False), ("Notes", "123", False)])  # fmt: skip
def test_running_numbers_are_ids_if_each_stands_once(tmp_path: Path, header: str, cells: str, taken: bool) -> None:
    table = tmp_path / "log.csv"
    table.write_text(f"{header};Day;Town\n" + "".join(f"{c.strip()};2030-03-02;Oneville\n" for c in cells), encoding="utf-8")
    assert ("\nid = " in propose(open_source(table), "en").text) == taken


def test_all_types_are_told(tiny: Path, qantar: Callable[..., Ran]) -> None:
    kinds = "".join(f'"kind {n}" = "march"\n' for n in range(30))
    head = '[source]\nkey = "x"\ntitle = "X"\nlicence = "own"\n[columns]\ndate = "day"\nsettlement = "town"\ntype = "what"\n[kinds]\n'
    (tiny.parent / "m.toml").write_text(head + kinds, encoding="utf-8")
    rows = [f"2030-03-02,Oneville,kind {n}" for n in range(30)]
    (tiny.parent / "x.csv").write_text("\n".join(["day,town,what", *rows]), encoding="utf-8")
    told = qantar("import", "x.csv", "--mapping", "m.toml", "--into", "tiny", "--dry-run").out
    assert [n for n in range(30) if f"kind {n} " not in told] == []
    assert "--json" not in told


def test_a_mapping_is_checked_as_one(tiny: Path, qantar: Callable[..., Ran]) -> None:
    text = (TABLES / "us-2020.toml").read_text(encoding="utf-8")
    for folder in (tiny.parent, tiny):
        (folder / "mapping.toml").write_text(text, encoding="utf-8")
        told = qantar("check", str(folder / "mapping.toml"))
        assert (told.code, "for qantar import --mapping" in " ".join(told.out.split())) == (0, True)
    (tiny.parent / "mapping.toml").write_text(text.replace('kind = "protest"', ""), encoding="utf-8")
    told = qantar("check", "mapping.toml")
    assert (told.code, told.err.count("mapping.toml, line")) == (2, 1)
    assert "does not say of which kind" in told.err
