"""A table of malformed inputs: what is spoilt, through which door it comes, and what must be said of it, where.

Each row spoils one thing of the tiny case (`tests/tiny`), of the packaged scenario or of a document. The answer is exact: no other code may
be found, so that one fault gives one problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conftest import HERE

TINY = HERE / "tiny"
LONG = "9" * 400
DIGITS = "٣"
ANY = -1
"""of a line: not said, because the fault has no line of its own"""


@dataclass(frozen=True)
class Spoilt:
    """One malformed input."""

    what: str
    door: str
    """folder: `check FOLDER`; alone: `check FILE` by itself; ledger, scenario, experiment, arm, set, outline: their own doors"""
    file: str
    content: bytes | str
    """of the file; for `set` and `outline` the words or the text"""
    codes: frozenset[str]
    """what may be found; all else is one problem too many"""
    line: int | None = ANY
    key: str = ""


def tiny(file: str) -> str:
    return (TINY / file).read_text(encoding="utf-8")


def cell(file: str, line: int, column: str, value: str) -> str:
    """The text of a table with one cell replaced; a column that is not there is added."""
    rows = [row.split(",") for row in tiny(file).strip().split("\n")]
    if column not in rows[0]:
        rows = [[*row, column if k == 0 else ""] for k, row in enumerate(rows)]
    quoted = '"' + value.replace('"', '""') + '"' if set(value) & set(',"\n\r') else value
    rows[line - 1][rows[0].index(column)] = quoted
    return "\n".join(",".join(row) for row in rows) + "\n"


def cells(file: str, line: int, columns: str, values: dict[str, str], *, door: str = "folder") -> Iterator[Spoilt]:
    """Each value in each column: a value stands with the codes that answer it."""
    for column in columns.split():
        for value, codes in values.items():
            what = f"{column}={ascii(value)[:24]}"
            yield Spoilt(what, door, file, cell(file, line, column, value), frozenset(codes.split()), line, column)


def swapped(door: str, file: str, pairs: list[tuple[str, str, str, str]], *, line: int | None = ANY) -> Iterator[Spoilt]:
    """Text replaced once in a file of the tiny case: old, new, codes, key."""
    for old, new, codes, key in pairs:
        text = tiny(file)
        assert old in text, (file, old)
        what = f"{old[:20]}->{ascii(new)[:28]}-{len(new)}"
        yield Spoilt(what, door, file, text.replace(old, new, 1), frozenset(codes.split()), line, key)


NOT_NUMBERS = dict.fromkeys(
    [
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e300",
        "1E5",
        "1_000",
        DIGITS,
        "４０",
        "1,000",
        "40 people",
        "0x28",
        "--5",
        "5%",
        "4.0.0",
        ".",
        "½",
        "４0",
    ],
    "not_a_number",
)
BEYOND = {LONG: "above", "1" + "0" * 300: "above", "99999999999": "above", "-1": "below", "-" + LONG: "below"}
COUNTS = {**NOT_NUMBERS, **BEYOND, "40.5": "not_whole", "40.0000001": "not_whole"}
FAR_DAYS = {
    "9999-12-31": "day_outside",
    "0001-01-01": "day_outside",
    "2130-03-02": "day_outside",
    "1030-03-02": "day_outside",
    "2030-02-30": "not_a_date",
    "2030-3-2": "not_a_date",
    "02.03.2030": "not_a_date",
    "20300302": "not_a_date",
    "2030-03-02T00:00": "not_a_date",
    "٢٠٣٠-٠٣-٠٢": "not_a_date",
    "10000-01-01": "not_a_date",
}
STEERING = {f"a{c}b": "control_character" for c in "\x1b\x00\x07\x7f\x9b\u202e\u202a\u2066\u2069\u2028\ufeff" if c != "\x00"}
NO_IDS = dict.fromkeys(["..", ".", "-", "a/b", "a b", "x" * 300, "x" * 65, "été", "a\\b", "-x", "x-", ".x"], "bad_form")


def tables() -> Iterator[Spoilt]:
    yield from cells("events.csv", 2, "participants_low", COUNTS)
    yield from cells("events.csv", 2, "participants_high", {LONG: "above", "99999999999": "above", "4000": "more_than_residents"})
    yield from cells("events.csv", 4, "deaths", {**BEYOND, "3001": "more_than_residents", "1" * 308: "above"})
    yield from cells("totals.csv", 3, "value_high", {LONG: "above", "1e9": "not_a_number", "3001": "more_than_residents"})
    yield from cells("forces.csv", 2, "strength_high", {LONG: "above", "٣٠": "not_a_number"})
    yield from cells("region_values.csv", 2, "value", {**NOT_NUMBERS, LONG: "above", "1" + "0" * 14: "above", "-1000": "below"})
    yield from cells("economy.csv", 2, "value", {LONG: "above", "1001": "above", "-51": "below", "∞": "not_a_number"})
    yield from cells("adjacency.csv", 2, "shared_border_km", {LONG: "above", "40101": "above", "-1": "below", "NaN": "not_a_number"})
    yield from cells("adjacency.csv", 2, "adjacent", {"2": "above", "yes": "not_a_number", "0.5": "not_whole"})
    yield from cells("settlements.csv", 2, "geonameid", {"1" + "0" * 300: "above", "-7": "below", "7.5": "not_whole"})
    yield from cells("settlements.csv", 2, "population_used", {LONG: "above", "8_00": "not_a_number"})
    yield from cells(
        "settlements.csv", 2, "lat", {"91": "above", "-91": "below", "10.5": "outside_region", "NaN": "not_a_number", LONG: "above"}
    )
    yield from cells("settlements.csv", 2, "utc_offset", {"15": "above", "-13": "below", "UTC+1": "not_a_number"})
    yield from cells("regions.csv", 2, "lon", {"181": "above", "inf": "not_a_number"})
    yield from cells("regions.csv", 2, "utc_offset", {"25": "above", "": "empty_cell", "１": "not_a_number"})
    yield from cells("events.csv", 2, "date", FAR_DAYS)
    yield from cells("events.csv", 2, "date_end", {k: v for k, v in FAR_DAYS.items() if k != "1030-03-02"})
    yield from cells("presence.csv", 3, "date", FAR_DAYS | {"2030-03-06": "day_outside", "2030-02-28": "day_outside"})
    yield from cells("totals.csv", 2, "as_of", FAR_DAYS)
    yield from cells("economy.csv", 2, "date", FAR_DAYS | {"1979-03-01": "day_outside"})
    yield from cells("forces.csv", 2, "arrival", FAR_DAYS)
    yield from cells("region_onset.csv", 2, "first_violence", FAR_DAYS)
    yield from cells(
        "region_onset.csv", 2, "emergency_from", {"2030-02-31": "not_a_date", "2030-03-02T25:00": "bad_form", "9999-12-31": "day_outside"}
    )
    yield from cells("region_onset.csv", 3, "onset_earliest", {"": "empty_cell"})
    yield from cells("events.csv", 2, "time_local", dict.fromkeys(["24:00", "7:30", "07:60", "٠٧:٣٠", "noon"], "bad_form"))
    for file, line, column in [
        ("events.csv", 2, "note"),
        ("events.csv", 2, "actor_zh"),
        ("claims.csv", 3, "claim_en"),
        ("sources.csv", 4, "title"),
        ("regions.csv", 2, "name_en"),
        ("settlements.csv", 2, "aliases"),
        ("second_reading.csv", 2, "why_zh"),
    ]:
        yield from cells(file, line, column, STEERING)
    yield from cells("sources.csv", 4, "key", dict.fromkeys(NO_IDS, "bad_form unknown_source"))
    for file, line, column in [("totals.csv", 3, "total_id"), ("forces.csv", 2, "force_id"), ("events.csv", 2, "settlement_id")]:
        yield from cells(file, line, column, NO_IDS)
    yield from cells("events.csv", 2, "sources_more", dict.fromkeys(["..", "a b", "letter;x y", "é"], "bad_form"))
    yield from cells("claims.csv", 4, "hypothesis_id", dict.fromkeys(["..", "H 1", "x" * 300], "bad_form"))
    yield from cells(
        "claims.csv",
        2,
        "claim_id",
        {
            "..": "bad_form unknown_claim",
            "C": "bad_form unknown_claim",
            "C" + "1" * 300: "bad_form unknown_claim",
            "1C": "bad_form unknown_claim",
        },
    )
    yield from cells("claims.csv", 2, "section", {"100001": "above", "-1": "below", "1.5": "not_whole", DIGITS: "not_a_number"})
    yield from cells("claims.csv", 2, "paragraph", dict.fromkeys(["0", "1-", "a", "9999999", "1-9999999"], "bad_form"))
    yield from cells(
        "events.csv", 2, "settlement", {"Twoville": "settlement_name", "二城": "settlement_name", "TWOVILLE": "settlement_name"}
    )
    yield from cells("events.csv", 2, "region_id", {"xa-one": "bad_form", "XA-ONE-TWO": "bad_form", "X": "bad_form", "..": "bad_form"})


def more_tables() -> Iterator[Spoilt]:
    """Headers, rows and whole files."""
    yield from swapped(
        "folder",
        "events.csv",
        [("event_id,date", f"event_id,date,x{k}", "unknown_column", f"x{k}") for k in ("", "\x1b[2J", "\u202e")],
        line=1,
    )
    events = tiny("events.csv")
    last = events.strip().split("\n")[1]
    for file, content, codes, line, key in [
        ("events.csv", events + last.replace("E1,", "E4,") + "\n", "repeated_row", 5, "event_id"),
        ("events.csv", events + last + "\n", "repeated_id", 5, "event_id"),
        (
            "totals.csv",
            tiny("totals.csv") + tiny("totals.csv").strip().split("\n")[1].replace("T1,", "T9,") + "\n",
            "repeated_row",
            6,
            "total_id",
        ),
        (
            "forces.csv",
            tiny("forces.csv") + tiny("forces.csv").strip().split("\n")[1].replace("F1,", "F2,") + "\n",
            "repeated_row",
            3,
            "force_id",
        ),
        ("adjacency.csv", tiny("adjacency.csv") + "XA-TWO,XA-ONE,0,0,107,107\n", "adjacency_differs", 3, "adjacent"),
        ("adjacency.csv", tiny("adjacency.csv") + "XA-TWO,XA-TWO,1,0,107,107\n", "pair_of_one", 3, "region_b"),
        ("adjacency.csv", tiny("adjacency.csv") + "XA-ONE,XA-TWO,1,110,107,107\n", "repeated_id", 3, "region_b"),
        ("events.csv", "sep=;\n" + events, "wrong_delimiter", 1, ""),
        ("events.csv", "sep=\t\n" + events, "wrong_delimiter", 1, ""),
        ("events.csv", events.replace(",", ";"), "wrong_delimiter", 1, ""),
        ("events.csv", "", "empty_file", None, ""),
        ("events.csv", "\n\n\n", "empty_file", None, ""),
        ("events.csv", "sep=,\n", "empty_file", None, ""),
        ("events.csv", "a\0b", "broken_csv", 1, ""),
        ("events.csv", events + '"open', "broken_csv", 5, ""),
        ("events.csv", events + "E9," + "x" * 200_000 + "\n", "broken_csv", 5, ""),
        ("events.csv", events + "E9,too,few\n", "cell_count", 5, ""),
        ("events.csv", ",".join(["x"] * 100_000) + "\n", "unknown_column missing_column", ANY, ""),
        ("events.csv", ",".join(f"x{k}" for k in range(100_000)) + "\n", "unknown_column more_problems", ANY, ""),
        ("presence.csv", tiny("presence.csv") + "XA-ONE,2030-03-04,x,gazette\n" * 5_000, "not_a_number more_problems", ANY, ""),
        ("presence.csv", tiny("presence.csv") + "XA-ONE,2030-03-04,1,gazette\n" * 50_001, "too_many_rows", ANY, ""),
        ("sources.csv", tiny("sources.csv").replace("[A letter]", "\x1b]0;x\x07"), "control_character", 3, "title"),
        ("sources.csv", tiny("sources.csv").replace(",no,facts", ",maybe,facts"), "not_one_of", 3, "address_complete"),
        ("regions.csv", tiny("regions.csv").replace(",10.5,", ",15,"), "outside_region", 2, "lat"),
        ("regions.csv", tiny("regions.csv").replace(",15,10.5,", ",10.5,15,"), "outside_region", 2, "lat"),
        ("settlements.csv", tiny("settlements.csv").replace(",15,10.5,", ",10.5,15,"), "outside_region", 2, "lat"),
        ("settlements.csv", tiny("settlements.csv").replace(",800,", ",1001,"), "parts_exceed", None, "population_used"),
        ("forces.csv", tiny("forces.csv").replace(",10,12,", ",10,5,"), "low_above_high", 2, "strength_low"),
        (
            "region_values.csv",
            tiny("region_values.csv").replace("XA,population,3000", "XA,population,4000"),
            "sum_differs",
            None,
            "population",
        ),
        ("regions.csv", tiny("regions.csv").replace(",2,gazette", ",99,gazette"), "above", 3, "utc_offset"),
        (
            "regions.csv",
            tiny("regions.csv").replace("name_en,name_zh,", "").replace("Onia,一州,", "").replace("Twoia,二州,", ""),
            "missing_column",
            1,
            "",
        ),
        ("region_onset.csv", "\n".join(tiny("region_onset.csv").split("\n")[:2]) + "\n", "region_absent", None, "region_id"),
        ("disagreements.csv", tiny("disagreements.csv").replace("T3;T4", "T3;T9"), "unknown_row", 2, "rows"),
        ("totals.csv", tiny("totals.csv").replace("T2,2030-03-03", "T2,1030-03-03"), "day_outside", 3, "as_of"),
    ]:
        codes_ = frozenset(codes.split())
        yield Spoilt(f"{codes}-{len(content)}", "folder", file, content, codes_, line, key if len(codes_) == 1 else "")
    for name, content, codes in [
        ("utf-16", events.encode("utf-16"), "not_utf8"),
        ("utf-16 without mark", events.encode("utf-16-le"), "not_utf8"),
        ("gb18030", events.encode("gb18030"), "not_utf8"),
        ("latin", events.replace("gather", "se réunissent à l'été").encode("cp1252", "replace"), "not_utf8"),
        ("cp1251", events.replace("People gather.", "Люди собрались на площади").encode("cp1251", "replace"), "not_utf8"),
        ("koi8-r", events.replace("People gather.", "Люди собрались на площади").encode("koi8-r", "replace"), "not_utf8"),
        ("random", b"a,b\n" + bytes(range(128, 256)), "not_utf8 not_utf8_unknown"),
        ("zip", b"PK\x03\x04" + b"\0" * 50, "office_file"),
        ("old excel", b"\xd0\xcf\x11\xe0" + b"\0" * 50, "office_file"),
        ("pdf", b"%PDF-1.7\n", "office_file"),
        ("rtf", b"{\\rtf1 x}", "office_file"),
        ("gzip", b"\x1f\x8b\x08\0", "office_file"),
        ("png", b"\x89PNG\r\n", "office_file"),
        ("40 MB", b"a" * 40_000_001, "file_too_large"),
    ]:
        yield Spoilt(name, "folder", "events.csv", content, frozenset(codes.split()))
    for name, header, codes in [
        ("none of ours", "source,note,confidence,kind\nx,y,z,w\n", "unknown_table"),
        ("a list of people", "name,age,country,kind,region_id,vehicles,place,note,source,a,b,c,d,e,f,g,h,i\n", "unknown_table"),
        ("two columns", "a,b\n1,2\n", "unknown_table"),
        ("sep=;", "sep=;\nevent_id;date\n", "wrong_delimiter"),
        ("nothing", "", "unknown_table"),
        ("binary", b"\xff\xfe\x00", "not_utf8"),
    ]:
        yield Spoilt(name, "alone", "some table.csv", header, frozenset(codes.split()))
    yield Spoilt("cell", "alone", "presence.csv", cell("presence.csv", 2, "unrest", "2"), frozenset({"above"}), 2, "unrest")
    yield Spoilt("unit", "alone", "economy.csv", cell("economy.csv", 2, "unit", "share"), frozenset({"wrong_unit"}), 2, "unit")
    yield Spoilt("twice", "alone", "events.csv", events + last.replace("E1,", "E4,") + "\n", frozenset({"repeated_row"}), 5, "event_id")


SHAPE = '"label_lon": 10.5, "label_lat": 15.0}'
RING = "[[10.0, 14.5], [11.0, 14.5], [11.0, 15.5], [10.0, 15.5], [10.0, 14.5]]"
POLYGON = '{"type": "Polygon", "coordinates": [' + RING + "]}"


def shapes() -> Iterator[Spoilt]:
    def of(old: str, *answers: tuple[str, str, str]) -> Iterator[Spoilt]:
        yield from swapped("folder", "regions.geojson", [(old, new, codes, key) for new, codes, key in answers], line=None)

    lon, lat = "features.0.properties.label_lon", "features.0.properties.label_lat"
    yield from of(
        '"label_lon": 10.5',
        *(
            (f'"label_lon": {v}', "not_a_number", lon)
            for v in ("NaN", "Infinity", "-Infinity", "1e999", LONG, "true", '"10.5"', "[10.5]", "{}")
        ),
        *((f'"label_lon": {v}', "outside", lon) for v in ("1e300", "181", "-180.1")),
        ('"label_lon": null', "missing_key", lon),
        ('"lon": 10.5', "missing_key", lon),
    )
    yield from of(
        '"label_lat": 15.0',
        *((f'"label_lat": {v}', "outside", lat) for v in ("90.5", "-91", "1" + "0" * 300)),
        ('"label_lat": NaN', "not_a_number", lat),
    )
    yield from of(
        '"area_km2": 12000',
        *(
            (f'"area_km2": {v}', c, "features.0.properties.area_km2")
            for v, c in [
                ("NaN", "not_a_number"),
                ('"big"', "not_a_number"),
                ("-1", "outside"),
                ("1e300", "outside"),
                ("[]", "not_a_number"),
            ]
        ),
    )
    name = "features.0.properties.id"
    yield from of(
        '"id": "XA-ONE"',
        *((f'"id": {v}', "bad_form", name) for v in ("1", "[]", "{}", '["XA-ONE"]', "1.5", "true")),
        ('"id": null', "missing_key", name),
        ('"id": ""', "missing_key", name),
        ('"shapeISO": "XA-ONE"', "missing_key", name),
    )
    yield from of(
        '"id": "XA-ONE"', ('"id": "XA-TWO"', "repeated_id region_absent", ""), ('"id": "XA-ANY"', "unknown_region region_absent", "")
    )
    name = "features.0.properties.name_en"
    yield from of(
        '"name_en": "Onia"',
        *((f'"name_en": {v}', "bad_form", name) for v in ("1", "[]", "{}", "true")),
        ('"name_en": null', "missing_key", name),
        ('"shapeName": "Onia"', "missing_key", name),
    )
    yield from of('"name_en": "Onia"', *((f'"name_en": "a{c}b"', "control_character", name) for c in ("\\u001b", "\\u202e", "\\u2066")))
    yield from of('"name_zh": "一州"', ('"name_zh": 7', "bad_form", "features.0.properties.name_zh"))
    place = "features.0.geometry.coordinates"
    yield from of(
        RING,
        *(
            (v, "bad_shape", place)
            for v in (
                "[[10.0, 14.5], [11.0, 14.5], [11.0, 15.5], [10.0, 15.5]]",
                "[[10.0, 14.5], [11.0, 14.5], [10.0, 14.5]]",
                "[[10, 14.5], [10, 14.5], [10, 14.5], [10, 14.5]]",
                "[[10, 14], [11, 15], [12, 16], [10, 14]]",
                "[[NaN, 14.5], [11.0, 14.5], [11.0, 15.5], [NaN, 14.5]]",
                "[[Infinity, 14.5], [11.0, 14.5], [11.0, 15.5], [Infinity, 14.5]]",
                f"[[{LONG}, 14.5], [11.0, 14.5], [11.0, 15.5], [{LONG}, 14.5]]",
                "[[true, 14.5], [11.0, 14.5], [11.0, 15.5], [true, 14.5]]",
                '[["10", 14.5], [11.0, 14.5], [11.0, 15.5], ["10", 14.5]]',
                "[[10], [11], [11], [10]]",
                "[[10, 91], [11, 14.5], [11, 15.5], [10, 91]]",
                "[[190, 14.5], [191, 14.5], [191, 15.5], [190, 14.5]]",
                "[10, 14.5, 11, 14.5]",
                "[]",
                "7",
                "{}",
                "null",
            )
        ),
    )
    exchanged = "[[14.5, 10.0], [15.5, 10.0], [15.5, 11.0], [14.5, 11.0], [14.5, 10.0]]"
    yield from swapped("folder", "regions.geojson", [(RING, exchanged, "outside_region", "lat")], line=2)
    yield from of(
        POLYGON,
        *(
            (v, "not_a_polygon", "features.0.geometry.type")
            for v in (
                "null",
                "7",
                "[]",
                "{}",
                '{"type": "Point", "coordinates": [10, 15]}',
                '{"type": "LineString", "coordinates": [[10, 15], [11, 15]]}',
                '{"type": "GeometryCollection", "geometries": []}',
                '{"type": ["Polygon"], "coordinates": []}',
            )
        ),
        *(
            (v, "empty_shape", place)
            for v in (
                '{"type": "Polygon", "coordinates": []}',
                '{"type": "MultiPolygon", "coordinates": []}',
                '{"type": "MultiPolygon", "coordinates": [[]]}',
            )
        ),
        *(
            (v, "bad_shape", place)
            for v in (
                '{"type": "Polygon", "coordinates": null}',
                '{"type": "Polygon"}',
                '{"type": "Polygon", "coordinates": {}}',
                '{"type": "MultiPolygon", "coordinates": [7]}',
                '{"type": "MultiPolygon", "coordinates": [[[10, 14]]]}',
            )
        ),
    )
    whole = tiny("regions.geojson")
    for file, content, codes, key in [
        ("regions.geojson", "[]", "not_geojson", "type"),
        ("regions.geojson", "7", "not_geojson", "type"),
        ("regions.geojson", "null", "", ""),
        ("regions.geojson", "{}", "not_geojson", "type"),
        ("regions.geojson", '{"type": "FeatureCollection"}', "not_geojson", "type"),
        ("regions.geojson", '{"type": "FeatureCollection", "features": {}}', "not_geojson", "type"),
        ("regions.geojson", '{"type": "Topology", "features": []}', "not_geojson", "type"),
        ("regions.geojson", '{"type": "FeatureCollection", "features": []}', "region_absent", ""),
        ("regions.geojson", '{"type": "FeatureCollection", "features": [null, 7, []]}', "missing_key not_a_polygon", ""),
        ("regions.geojson", whole[:200], "broken_json", ""),
        ("regions.geojson", "", "broken_json", ""),
        ("regions.geojson", "[" * 5_000 + "]" * 5_000, "too_deep", ""),
        ("regions.geojson", "[" * 200 + "]" * 200, "too_deep", ""),
        ("regions.geojson", whole.replace("[10.0, 14.5]", "[10.0, [" + "[" * 100 + "]" * 100 + "]]", 1), "too_deep", ""),
        (
            "regions.geojson",
            whole.replace('"area_km2": 12000', '"area_km2": ' + "9" * 5_000, 1),
            "not_a_number",
            "features.0.properties.area_km2",
        ),
        (
            "lakes.geojson",
            '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name_en": "Lake"}, "geometry": null}]}',
            "not_a_polygon",
            "features.0.geometry.type",
        ),
        (
            "lakes.geojson",
            '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": ' + POLYGON + "}]}",
            "missing_key",
            "features.0.properties.name_en",
        ),
        (
            "lakes.geojson",
            '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name_en": "Lake", "label_lon": NaN}, "geometry": '
            + POLYGON
            + "}]}",
            "not_a_number",
            "features.0.properties.label_lon",
        ),
        ("neighbours.geojson", '{"type": "FeatureCollection", "features": [7]}', "missing_key not_a_polygon", ""),
        (
            "neighbours.geojson",
            '{"type": "FeatureCollection", "features": [' + "7," * 5_000 + "7]}",
            "missing_key not_a_polygon more_problems",
            "",
        ),
        ("neighbours.geojson", " " * 20_000_001, "file_too_large", ""),
    ]:
        if codes:
            yield Spoilt(f"{codes}-{len(content)}-{hash_of(content)}", "folder", file, content, frozenset(codes.split()), ANY, key)


def hash_of(content: str) -> str:
    return format(sum(map(ord, content[:500])) % 0xFFFF, "04x")


def heads() -> Iterator[Spoilt]:
    """case.toml and account.toml."""
    yield from swapped(
        "folder",
        "case.toml",
        [
            *(('id = "tiny"', f'id = "{v}"', "bad_form", "id") for v in ("..", ".", "a/b", "x" * 300, "", "a b", "-x")),
            *(('id = "tiny"', f'id = "{v}"', "reserved_name", "id") for v in ("store", "STORE", "con", "NUL")),
            ('id = "tiny"', "id = 7", "bad_form", "id"),
            ('id = "tiny"', 'id = ["tiny"]', "bad_form", "id"),
            ('country = "XA"', 'country = "xa"', "bad_form", "country"),
            ('country = "XA"', 'country = "XAA"', "bad_form", "country"),
            ('title_en = "Tinyland, March 2030"', 'title_en = "a\\u001b[31mb"', "control_character", "title_en"),
            ('title_en = "Tinyland, March 2030"', 'title_en = "a\\u202eb"', "control_character", "title_en"),
            ("first_day = 2030-03-01", "first_day = 9999-12-31", "day_outside", "first_day"),
            ("first_day = 2030-03-01", "first_day = 0001-01-01", "day_outside", "first_day"),
            ("first_day = 2030-03-01", "first_day = 1930-03-01", "long_span", "last_day"),
            ("first_day = 2030-03-01", "first_day = 2030-03-09", "low_above_high day_outside", ""),
            ("first_day = 2030-03-01", "first_day = 2030-03-01T00:00:00", "not_a_date", "first_day"),
            ("first_day = 2030-03-01", "first_day = 1.5", "not_a_date", "first_day"),
            ("first_day = 2030-03-01", 'first_day = "1 March"', "not_a_date", "first_day"),
            ("last_day = 2030-03-05", "last_day = 2130-03-05", "long_span", "last_day"),
            ("parallel_1 = 10", "parallel_1 = nan", "not_a_number", "projection.parallel_1"),
            ("parallel_1 = 10", "parallel_1 = inf", "not_a_number", "projection.parallel_1"),
            ("parallel_1 = 10", "parallel_1 = true", "not_a_number", "projection.parallel_1"),
            ("parallel_1 = 10", f"parallel_1 = {LONG}", "not_a_number", "projection.parallel_1"),
            ("parallel_1 = 10", f"parallel_1 = {'9' * 5_000}", "not_a_number", ""),
            ("parallel_1 = 10", f"parallel_1 = 0x{'f' * 5_000}", "not_a_number", ""),
            ("parallel_1 = 10", "parallel_1 = 91", "above", "projection.parallel_1"),
            ("parallel_1 = 10", "parallel_1 = -20", "no_cone", "projection"),
            ("meridian = 11", "meridian = 181", "above", "projection.meridian"),
            ("meridian = 11", "merdian = 11", "missing_key unknown_key", ""),
            ("[projection]", "[projektion]", "missing_key unknown_key", ""),
            ("[[attributions]]", "[attributions]", "wrong_type", "attributions"),
            ("meridian = 11", "meridian = " + "[" * 5_000 + "]" * 5_000, "too_deep", ""),
            ("meridian = 11", "meridian = " + "[" * 100 + "]" * 100, "too_deep", ""),
            ("meridian = 11", "a" + ".a" * 20_000 + " = 1\nmeridian = 11", "too_deep", ""),
            ("meridian = 11", 'meridian = 11\n"a\\u001bb" = 1', "unknown_key", ""),
            ("meridian = 11", "meridian = 11\nmeridian = 12", "broken_toml", ""),
            ("meridian = 11", "meridian = ", "broken_toml", ""),
            ("meridian = 11", "meridian = 11 # " + "x" * 500_000, "file_too_large", ""),
            (
                "[[attributions]]",
                "[[glossary]]\nterm_en = 7\nterm_zh = 7\nmeaning_en = 7\nmeaning_zh = 7\n[[attributions]]",
                "wrong_type",
                "",
            ),
        ],
    )
    yield from swapped(
        "folder",
        "account.toml",
        [
            *(('id = "tiny"', f'id = "{v}"', "bad_form", "id") for v in ("..", ".", "a/b", "x" * 300, "a..")),
            *(('id = "tiny"', f'id = "{v}"', "reserved_name", "id") for v in ("store", "aux")),
            *(
                ('claims = "claims.csv"', f'claims = "{v}"', "bad_form", "files.claims")
                for v in ("claims.csv/", "./claims.csv", "a//b", "x" * 300, "")
            ),
            *(
                ('claims = "claims.csv"', f'claims = "{v}"', "path_escapes", "files.claims")
                for v in ("../claims.csv", "/etc/passwd", "a/../../b", "C:claims.csv")
            ),
            ('claims = "claims.csv"', 'claims = "none.csv"', "file_missing", ""),
            ('claims = "claims.csv"', 'claims = "a\\u0000b"', "control_character", "files.claims"),
            ('claims = "claims.csv"', "claims = 7", "wrong_type", "files.claims"),
            ('title_en = "A tale of Tinyland"\ntitle_zh = "小国故事"', 'title_en = " "', "bad_form missing_key", ""),
            ('title_en = "A tale of Tinyland"', 'title_en = "\\u001b[2J"', "control_character", "title_en"),
            ('language = "en"', 'language = "fa"', "not_one_of", "document.language"),
            ("dated = 2030-03-06", "dated = 9999-01-01", "day_outside", "document.dated"),
            ("dated = 2030-03-06", "dated = 12:00:00", "not_a_date", "document.dated"),
            ("number = 1", f"number = {LONG}", "not_a_number", "sections.0.number"),
            ("number = 1", "number = -1", "below", "sections.0.number"),
            ("number = 1", "number = 1.5", "not_whole", "sections.0.number"),
            ("0000000000000000000000000000000000000000000000000000000000000000", "0", "bad_form", "document.sha256"),
        ],
    )


EXPERIMENT = "H05.toml"


def packaged() -> Iterator[Spoilt]:
    """The packaged scenario, arms, changes on a command line, experiments: old text, new text, codes, key."""
    for old, new, codes, key in [
        ('start = "2022-01-01T00:00"', 'start = "9999-12-31T23:00"', "day_outside", "time.start"),
        ('start = "2022-01-01T00:00"', 'start = "0001-01-01T00:00"', "day_outside", "time.start"),
        ('start = "2022-01-01T00:00"', 'start = "2032-01-01T00:00"', "day_outside", "time.start"),
        ('start = "2022-01-01T00:00"', "start = 2022-01-01", "bad_form", "time.start"),
        ('start = "2022-01-01T00:00"', 'start = "2022-13-01T00:00"', "bad_form", "time.start"),
        ('start = "2021-12-01T00:00"', 'start = "1921-12-01T00:00"', "day_outside", "calibration.quiet.start"),
        ("hours = 384", "hours = nan", "not_a_number", "time.hours"),
        ("hours = 384", "hours = 1" + "0" * 400, "not_a_number", "time.hours"),
        ("hours = 384", "hours = 5000", "above", "time.hours"),
        ("hours = 384", "hours = 384.5", "not_whole", "time.hours"),
        ("days_off = [2022-01-01", "days_off = [1641340800", "not_a_date", "time.days_off.0"),
        ("days_off = [2022-01-01", "days_off = [9999-01-01", "day_outside", "time.days_off.0"),
        ('events = ["E003"]', 'events = ["E 3"]', "bad_form", "steps.0.events.0"),
        ('events = ["E003"]', 'events = ["E999"]', "unknown_event", "steps.0.events"),
        ("[arms.no-price-rise]", '[arms."no price rise"]', "bad_form", "arms.no price rise"),
        ("[arms.no-price-rise]", '[arms."\\u001b[2J"]', "bad_form", "arms.\x1b[2J"),
    ]:
        yield Spoilt(f"{key}-{new[:30]}-{len(new)}", "scenario", "scenario.toml", f"{old}\0{new}", frozenset(codes.split()), ANY, key)
    for old, new, codes, key in [
        ("contrast = { base = 1, no-cut = -1 }", "contrast = { base = nan, no-cut = -1 }", "not_a_number", "parts.0.contrast.base"),
        ("contrast = { base = 1, no-cut = -1 }", "contrast = { base = inf, no-cut = -1 }", "not_a_number", "parts.0.contrast.base"),
        ("contrast = { base = 1, no-cut = -1 }", "contrast = { base = 1e300, no-cut = -1 }", "above", "parts.0.contrast.base"),
        ("contrast = { base = 1, no-cut = -1 }", "contrast = { base = true, no-cut = -1 }", "not_a_number", "parts.0.contrast.base"),
        ("contrast = { base = 1, no-cut = -1 }", 'contrast = { base = "1_0", no-cut = -1 }', "not_a_number", "parts.0.contrast.base"),
        ('hypothesis = "H05"', 'hypothesis = "H06"', "not_one_of", "hypothesis"),
        ('hypothesis = "H05"', 'hypothesis = "../H05"', "bad_form", "hypothesis"),
        ("smallest = 0.0706", "smallest = nan", "not_a_number", "parts.0.smallest"),
        ("smallest = 0.0706", f"smallest = {LONG}", "not_a_number", "parts.0.smallest"),
        ("days = [2022-01-06, 2022-01-07]", "days = [9999-01-06]", "day_outside", "parts.0.days.0"),
        ("days = [2022-01-06, 2022-01-07]", "days = [1641340800]", "not_a_date", "parts.0.days.0"),
        ('replay_until = "2022-01-04T20:00"', 'replay_until = "2023-01-04T20:00"', "day_outside", "replay_until"),
        ('replay_until = "2022-01-04T20:00"', 'replay_until = "9999-12-31T20:00"', "day_outside", "replay_until"),
        ("draws = 100", "draws = 100_001", "above", "draws"),
        ("draws = 100", f"draws = {LONG}", "not_a_number", "draws"),
        ("seed = 2022", "seed = -1", "below", "seed"),
        ("[arms.no-cut]", '[arms."no cut"]', "bad_form", "arms.no cut"),
        ('question_en = "Does', 'question_en = "\\u202eDoes', "control_character", "question_en"),
        ("draws = 100", "draws = " + "[" * 5_000 + "]" * 5_000, "too_deep", ""),
    ]:
        yield Spoilt(f"{key}-{new[:30]}-{len(new)}", "experiment", EXPERIMENT, f"{old}\0{new}", frozenset(codes.split()), ANY, key)
    step = 'path = "steps.x", op = "add_step", value = {{ kind = "internet", places = ["KZ"], at = {}, size = {} }}'
    for edit, codes in [
        (step.format("1e300", 1), "outside"),
        (step.format("-1e300", 1), "outside"),
        (step.format("4097", 1), "outside"),
        (step.format("inf", 1), "bad_edit"),
        (step.format("nan", 1), "bad_edit"),
        (step.format(LONG, 1), "bad_edit"),
        (step.format(1, "nan"), "bad_edit"),
        (step.format(1, LONG), "bad_edit"),
        (step.format(1, 1e300), "not_one_of"),
        (step.format("true", 1), "bad_edit"),
        ('path = "time.hours", op = "scale", value = 1e307', "outside"),
        ('path = "time.hours", op = "scale", value = inf', "bad_edit"),
        ('path = "time.hours", op = "scale", value = nan', "bad_edit"),
        (f'path = "time.hours", op = "scale", value = {LONG}', "bad_edit"),
        (f'path = "time.hours", value = {LONG}', "bad_edit"),
        ('path = "time.hours", value = "96"', "bad_edit"),
        ('path = "time.step_hours", op = "scale", value = 1e-300', "outside"),
        ('path = "land.price", op = "scale", value = 1e307', "outside"),
        ('path = "land.price", value = [1]', "bad_edit"),
        ('path = "forces.army", op = "scale", value = 1e300', "outside"),
        ('path = "regions.KZ-ALA.fuel", value = 1e300', "outside"),
        ('path = "regions.KZ-NONE.fuel", value = 1', "unknown_region"),
        ('path = "parameters.price_slope", op = "scale", value = 1e307', "outside"),
        (f'path = "parameters.price_slope", op = "scale", value = {LONG}', "not_a_number"),
        ('path = "parameters.price_slope", value = nan', "not_a_number"),
        ('path = "parameters.none", value = 1', "unknown_parameter"),
        ('path = "steps.internet-cut", op = "shift_step", value = 1e300', "outside"),
        ('path = "steps.internet-cut", op = "shift_step", value = nan', "bad_edit"),
        ('path = "steps.internet-cut.size", value = 1e307', "not_one_of"),
        ('path = "steps.internet-cut.size", op = "scale", value = inf', "bad_edit"),
        ('path = "../x", value = 1', "bad_form"),
        (f'path = "{"x" * 300}", value = 1', "bad_form"),
        ('path = "time.hours", op = "explode"', "not_one_of"),
        ('path = "land.price", value = ' + "[" * 100 + "]" * 100, "too_deep"),
    ]:
        text = f'note_en = "x"\nnote_zh = "某"\n\nedits = [{{ {edit} }}]\n'
        yield Spoilt(f"{edit[:60]}-{len(edit)}", "arm", "own-arm.toml", text, frozenset(codes.split()))
    for word in [
        "1_000",
        DIGITS,
        "４",
        "nan",
        "inf",
        "-Infinity",
        "1e400",
        "1e300",
        "0x1",
        "1,5",
        "--1",
        "",
        "１e3",
        "true",
        "None",
        " 1",
        "1 ",
        "9" * 400,
    ]:
        code = "bad_form" if word == "" else "not_a_number"
        yield Spoilt(ascii(word)[:24], "set", "--set", f"parameters.price_slope={word}", frozenset({code}))
    for word in ["", "=", "price_slope", "parameters.price slope=1", "../x=1", "x" * 300 + "=1"]:
        yield Spoilt(ascii(word)[:24], "set", "--set", word, frozenset({"bad_form"}))


def documents() -> Iterator[Spoilt]:
    for name, content, codes in [
        ("rtf", "{\\rtf1\\ansi\\par On 5 January 200 people came.\\par}", "office_file"),
        ("pdf", b"%PDF-1.4\n1 0 obj\n", "office_file"),
        ("docx", b"PK\x03\x04" + b"\0" * 100, "office_file"),
        ("doc", b"\xd0\xcf\x11\xe0" + b"\0" * 100, "office_file"),
        ("json", '{"text": "On 5 January 200 people came."}', "office_file"),
        ("json list", '["On 5 January 200 people came."]', "office_file"),
        ("json deep", "[" * 100_000, "office_file empty_document"),
        ("web page", "<!DOCTYPE html>\n<html><body>200 people</body></html>", "office_file"),
        ("web page without doctype", "<html><body>200 people</body></html>", "office_file"),
        ("gzip", b"\x1f\x8b\x08\0\0", "office_file"),
        ("jpeg", b"\xff\xd8\xff\xe0", "office_file"),
        ("persian", "# یادداشت\n\nمردم در میدان بودند.\n", "other_script"),
        ("georgian", "ხალხი ქუჩაში გამოვიდა.", "other_script"),
        ("nothing", "", "empty_document"),
        ("code", "```\nx\n```\n", "empty_document"),
        ("quotes", ">" * 100_000, "empty_document"),
        ("control characters", "\x1b\x07\u202e\u2066", "empty_document"),
        ("gb18030", "阿拉木图有三百人上街。".encode("gb18030"), "not_utf8"),
        ("cp1251", "В Алматы вышли люди.".encode("cp1251"), "not_utf8"),
        ("utf-16", "People came.".encode("utf-16"), "not_utf8"),
        ("20 MB", "x " * 10_000_000, "file_too_large"),
        ("one giant line", "x" * 1_000_001, "file_too_large"),
    ]:
        yield Spoilt(name, "outline", "document.md", content, frozenset(codes.split()))


def all_of_them() -> list[Spoilt]:
    makers: list[Callable[[], Iterator[Spoilt]]] = [tables, more_tables, shapes, heads, packaged, documents]
    return [s for make in makers for s in make()]


SPOILT = all_of_them()
