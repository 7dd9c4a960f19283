"""A downloaded file becomes events of a case: every provider, every way to write a day, and every row counted once."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Ran, call_qantar
from kit.logs import mapping
from qantar.cases.case import load_case
from qantar.errors import Problems, QantarError
from qantar.files.decode import ENCODINGS
from qantar.files.read import read_table
from qantar.importing.days import Days, OrderUnknown
from qantar.importing.form import FIELDS, IN_NOTE, kinds_of
from qantar.importing.gdelt import names
from qantar.importing.places import Shapes
from qantar.importing.run import PROVIDERS, import_file
from qantar.importing.taken import EVENT_COLUMNS, REASONS
from qantar.messages import LANGUAGES, keys_under, text
from qantar.record.observables import perhaps_twice
from qantar.record.schema import EVENT_KINDS, Event


def words(line: str) -> list[str]:
    return line.split()


ACLED = words(
    "event_id_cnty event_date year time_precision disorder_type event_type sub_event_type actor1 assoc_actor_1 inter1 actor2 assoc_actor_2 inter2"
    " interaction civilian_targeting iso region country admin1 admin2 admin3 location latitude longitude geo_precision source source_scale notes"
    " fatalities tags timestamp"
)
UCDP = words(
    "id relid year active_year code_status type_of_violence conflict_dset_id conflict_new_id conflict_name dyad_dset_id dyad_new_id dyad_name"
    " side_a_dset_id side_a_new_id side_a side_b_dset_id side_b_new_id side_b number_of_sources source_article source_office source_date"
    " source_headline source_original where_prec where_coordinates where_description adm_1 adm_2 latitude longitude geom_wkt priogrid_gid country"
    " country_id region event_clarity date_prec date_start date_end deaths_a deaths_b deaths_civilians deaths_unknown best high low gwnoa gwnob"
)
PROTEST = {
    "event_id_cnty": "XAA1", "event_date": "2030-03-02", "time_precision": "1", "event_type": "Protests", "sub_event_type": "Peaceful protest",
    "actor1": "Protesters (Tinyland)", "country": "Tinyland", "admin1": "Onia", "location": "Oneville", "latitude": "15.0", "longitude": "10.5",
    "geo_precision": "1", "source": "Gazette", "notes": "People gather.", "fatalities": "0", "timestamp": "1",
}  # fmt: skip
CLASH = {
    "id": "7", "type_of_violence": "1", "side_a": "Government of Tinyland", "side_b": "Rebels", "where_prec": "1", "where_coordinates": "Oneville",
    "latitude": "15", "longitude": "10.5", "country": "Tinyland", "event_clarity": "1", "date_prec": "1", "date_start": "2030-03-02 00:00:00.000",
    "date_end": "2030-03-02 00:00:00.000", "best": "3", "high": "5", "low": "2",
}  # fmt: skip


def table(columns: list[str], rows: list[dict[str, str]], separator: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def acled(*changes: dict[str, str]) -> str:
    return table(ACLED, [{**PROTEST, "event_id_cnty": f"XAA{n}", **change} for n, change in enumerate(changes, 1)])


def put(folder: Path, content: str | bytes, name: str = "download.csv") -> Path:
    path = folder.parent / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(folder: Path, name: str = "events.csv") -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ours(folder: Path) -> list[dict[str, str]]:
    return [r for r in rows_of(folder) if r["external_id"]]


def refused(folder: Path) -> dict[str, str]:
    return {r["line"]: r["reason"] for r in rows_of(folder, "unmatched.csv")}


def codes(path: Path, folder: Path, **options: Any) -> list[tuple[str, int | None]]:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(QantarError) as caught:
        import_file(path, folder, **options)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before  # nothing half-written
    for problem in caught.value.problems:
        assert all(problem.render(lang) for lang in ("en", "zh"))
    return [(p.code, p.line) for p in caught.value.problems]


# --- providers -----------------------------------------------------------------------------------------------------------


def test_a_row_of_acled_becomes_an_event_with_its_source(tiny: Path) -> None:
    by_hand = rows_of(tiny)
    summary = import_file(put(tiny, acled({"fatalities": "2"})), tiny)
    assert (summary.format, summary.taken.read, summary.changes.added, summary.changes.by_hand) == ("acled", 1, 1, 3)
    (row,) = ours(tiny)
    assert {k: v for k, v in row.items() if v} == {
        "event_id": "acled-XAA1", "date": "2030-03-02", "region_id": "XA-ONE", "settlement": "Oneville", "settlement_id": "S1", "lat": "15",
        "lon": "10.5", "kind": "protest", "scope": "event", "deaths": "2", "actor": "Protesters (Tinyland)", "confidence": "medium",
        "note": "People gather. [Gazette]", "source": "acled", "external_id": "XAA1",
    }  # fmt: skip
    assert [{k: r[k] for k in before} for r, before in zip(rows_of(tiny), by_hand, strict=False)] == by_hand
    (source,) = [r for r in rows_of(tiny, "sources.csv") if r["key"] == "acled"]
    assert (source["redistribution"], source["address_complete"], source["seen"]) == ("no", "yes", "whole")


def test_what_is_written_can_be_loaded_with_the_columns_that_a_record_has(tiny: Path) -> None:
    import_file(put(tiny, acled({}, {"time_precision": "2", "event_type": "Riots", "sub_event_type": "Mob violence"})), tiny)
    for name, model in (("events.csv", set(Event.model_fields)), ("sources.csv", {"redistribution"})):
        rows = rows_of(tiny, name)
        kept = [c for c in rows[0] if (c in model if name == "events.csv" else c not in model)]
        put(tiny, table(kept, [{c: r[c] for c in kept} for r in rows]), f"tiny/{name}")
    events = {e.event_id: e for e in load_case(str(tiny)).record.events}
    assert events["acled-XAA1"].one_happening
    assert (events["acled-XAA2"].scope, events["acled-XAA2"].date_end) == ("date uncertain", dt.date(2030, 3, 5))


def test_precision_of_days_and_places_of_acled(tiny: Path) -> None:
    rows = acled({}, {"time_precision": "2"}, {"time_precision": "3"}, {"geo_precision": "3"}, {"geo_precision": "2"})
    import_file(put(tiny, rows), tiny)
    found = {r["external_id"]: (r["date"], r["date_end"], r["scope"], r["lat"], r["confidence"]) for r in ours(tiny)}
    assert found == {
        "XAA1": ("2030-03-02", "", "event", "15", "medium"),
        "XAA2": ("2030-02-27", "2030-03-05", "date uncertain", "15", "medium"),
        "XAA3": ("2030-03-01", "2030-03-31", "date uncertain", "15", "medium"),
        "XAA4": ("2030-03-02", "", "event", "", "low"),  # the region itself is a guess
        "XAA5": ("2030-03-02", "", "event", "15", "medium"),
    }


def test_crowds_stand_among_the_tags_of_acled(tiny: Path) -> None:
    tags = ("women targeted: politicians; crowd size=around 3,000", "crowd size=between 200 and 300", "crowd size=at least 500",
            "crowd size=several hundred", "crowd size=no report", "local administrators")  # fmt: skip
    summary = import_file(put(tiny, acled(*({"tags": t} for t in tags))), tiny)
    found = [(r["participants_low"], r["participants_high"], r["number_basis"]) for r in ours(tiny)]
    assert found == [
        ("3000", "3000", "around 3,000"),
        ("200", "300", ""),
        ("500", "", ""),
        ("", "", "several hundred"),
        *[("", "", "")] * 2,
    ]
    assert summary.taken.words == {"several hundred": 1}


def test_what_an_authority_did_is_read_from_the_note_of_a_catch_all(tiny: Path) -> None:
    notes = ("The ministry cut off mobile data.", "The governor lifted the curfew.", "Clashes went on after the curfew.", "Something else.")
    other = {"event_type": "Strategic developments", "sub_event_type": "Other"}
    summary = import_file(put(tiny, acled(*(other | {"notes": note} for note in notes))), tiny)
    assert [r["kind"] for r in ours(tiny)] == ["internet_cut", "emergency_lifted"]
    assert refused(tiny) == {"4": "no_kind", "5": "no_kind"}
    assert summary.taken.kinds[f"{other['event_type']}/Other", "internet_cut"] == 1


def test_ucdp_keeps_low_best_and_high_deaths(tiny: Path) -> None:
    rows = [
        CLASH,
        {**CLASH, "id": "8", "type_of_violence": "3", "date_prec": "2", "date_end": "2030-03-04"},
        {**CLASH, "id": "9", "type_of_violence": "3", "side_a": "Rebels"},
        {**CLASH, "id": "10", "where_prec": "6"},
        {**CLASH, "id": "11", "low": "9"},
    ]
    summary = import_file(put(tiny, table(UCDP, rows)), tiny)
    assert [(r["external_id"], r["kind"], r["deaths_low"], r["deaths"], r["deaths_high"], r["scope"]) for r in ours(tiny)] == [
        ("7", "clash", "2", "3", "5", "event"),
        ("8", "repression", "2", "3", "5", "date uncertain"),
    ]
    assert refused(tiny) == {"4": "no_kind", "5": "only_country", "6": "low_above_high"}
    assert (summary.licence, summary.redistribution) == ("CC BY 4.0", "yes")


@pytest.mark.parametrize("width", [57, 58, 61])
def test_gdelt_is_read_without_a_header(tiny: Path, width: int) -> None:
    def line(**cells: str) -> str:
        given = {"SQLDATE": "20300303", "EventCode": "1451", "ActionGeo_Type": "4", "ActionGeo_FullName": "Oneville, Onia, Tinyland",
                 "ActionGeo_Lat": "15", "ActionGeo_Long": "10.5", "Actor1Name": 'PROTESTER "X', "DATEADDED": "20300304"}  # fmt: skip
        return "\t".join({**given, **cells}.get(n, "") for n in names(width))

    lines = [line(GLOBALEVENTID="1"), line(GLOBALEVENTID="2", EventCode="010"), line(GLOBALEVENTID="3", ActionGeo_Type="1")]
    summary = import_file(put(tiny, "\n".join(lines) + "\n", "20300303.export.CSV"), tiny)
    assert (summary.format, summary.taken.read) == ("gdelt", 3)
    (row,) = ours(tiny)
    assert (row["event_id"], row["kind"], row["settlement"], row["confidence"], row["date"]) == (
        "gdelt-1",
        "clash",
        "Oneville",
        "low",
        "2030-03-03",
    )
    assert refused(tiny) == {"2": "no_kind", "3": "only_country"}


def test_the_table_of_kinds_names_kinds_of_a_record_only() -> None:
    for provider in PROVIDERS:
        kinds = kinds_of(provider.key)
        assert {k for k in kinds.values() if k} <= {*EVENT_KINDS, IN_NOTE}
        assert {"protest", "clash"} & set(kinds.values())
        assert set(provider.columns) <= set(FIELDS)
    assert set(keys_under("importing.reason")) == set(REASONS)


# --- days ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2022-01-05", "2022-01-05"),
        ("2022-1-5 00:00:00.000", "2022-01-05"),
        ("2022-01-05T16:30:00Z", "2022-01-05"),
        ("05 January 2022", "2022-01-05"),
        ("January 5, 2022", "2022-01-05"),
        ("5-Jan-22", "2022-01-05"),
        ("5-Sept-2022", "2022-09-05"),
        ("20220105", "2022-01-05"),
        ("2022年1月5日", "2022-01-05"),
        ("44566", "2022-01-05"),
        ("44566.75", "2022-01-05"),
        ("05/01/2022", "2022-01-05"),
        ("5.1.22", "2022-01-05"),
        ("05/01-2022", None),
        ("31 February 2022", None),
        ("2022", None),
        ("5 Foo 2022", None),
        ("9999-99-99", None),
        ("２０２２-01-05", None),
        ("5 January", "2022-01-05"),
        ("Dec 31", "2021-12-31"),
        ("Wed 5 Jan", "2022-01-05"),
        ("Wednesday, January 5, 2022", "2022-01-05"),
        ("mar 5 jan 2022", "2022-01-05"),  # a day of the week in French, a month in English
        ("Mar 5", "2022-03-05"),
        ("5 de enero de 2022", "2022-01-05"),
        ("miércoles 5 de enero", "2022-01-05"),
        ("1er février 2022", "2022-02-01"),
        ("5. März 2022", "2022-03-05"),
        ("5 de março de 2022", "2022-03-05"),
        ("5 января 2022 г.", "2022-01-05"),
        ("05/01", "2022-01-05"),
        ("5.1.", "2022-01-05"),
        ("31/12", "2021-12-31"),
        ("5.1", None),
        ("Foo 5 Jan 2022", None),
        ("5 de foo de 2022", None),
    ],
)
def test_days_are_read_as_they_are_written(cell: str, day: str | None) -> None:
    found = Days(dt.date(2022, 1, 1), lambda: ["13/01/2022"]).day(cell)
    assert (found and found.isoformat()) == day


@pytest.mark.parametrize(
    ("cell", "first", "last"),
    [
        ("2-4 March 2030", 2, 4),
        ("2nd to 4th March", 2, 4),
        ("March 2 – 4, 2030", 2, 4),
        ("2 March - 4 March 2030", 2, 4),
        ("2030-03-02/2030-03-04", 2, 4),
        ("2030-03-02 to 2030-03-04", 2, 4),
        ("2030年3月2日至4日", 2, 4),
        ("02/03/2030 - 13/03/2030", 2, 13),
        ("2 March 2030", 2, 2),
        ("2-13/03/2030", 2, 13),
        ("2-4/3/2030", 2, 4),
        ("2-4.3.", 2, 4),
        ("2/4 March 2030", 2, 4),
        ("2 a 4 de marzo de 2030", 2, 4),
        ("2. bis 4. März", 2, 4),
        ("4-2 March 2030", None, None),
        ("2-40 March 2030", None, None),
        ("March - April 2030", None, None),
        ("2-4", None, None),
    ],
)
def test_spans_of_days_are_read_as_they_are_written(cell: str, first: int | None, last: int | None) -> None:
    found = Days(dt.date(2030, 3, 1), lambda: [cell]).span(cell)
    assert found == (None if first is None or last is None else (dt.date(2030, 3, first), dt.date(2030, 3, last)))


def test_a_day_without_a_year_and_a_span_follow_the_order_of_the_column() -> None:
    by_month = Days(dt.date(2030, 3, 1), lambda: ["3/13/2030"])
    assert by_month.day("3/2") == dt.date(2030, 3, 2)
    assert by_month.span("2-4/3/2030") is None  # the day first, in a column with the month first
    with pytest.raises(OrderUnknown):
        Days(dt.date(2030, 3, 1), lambda: ["3/2"]).day("3/2")


def test_days_of_a_workbook_may_count_from_1904() -> None:
    assert Days(dt.date(2022, 1, 1), lambda: (), counts_from_1904=True).day("43104") == dt.date(2022, 1, 5)


@pytest.mark.parametrize(
    ("column", "code"),
    [(["05/01/2022", "06/02/2022"], "date_order_unknown"), (["13/01/2022", "01/13/2022"], "date_order_mixed")],
)
def test_day_and_month_are_not_guessed(column: list[str], code: str) -> None:
    with pytest.raises(OrderUnknown) as caught:
        Days(dt.date(2022, 1, 1), lambda: column).day("05/01/2022")
    assert caught.value.code == code


def test_ambiguous_days_are_refused_until_the_order_is_given(tiny: Path) -> None:
    path = put(tiny, acled({"event_date": "03/02/2030"}, {"event_date": "03/04/2030"}))
    assert codes(path, tiny) == [("date_order_unknown", 2)]
    import_file(path, tiny, date_order="mdy")
    assert [r["date"] for r in ours(tiny)] == ["2030-03-02", "2030-03-04"]


# --- encodings, separators, containers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "encoding", "told"),
    [
        ("Толпа собралась на площади у акимата, полиция отступила", "cp1251", "CP1251"),
        ("人群聚集在广场，警察撤退，没有人受伤", "gb18030", "GB18030"),
        ("Des manifestants se sont rassemblés à côté de la préfecture, où l'été", "cp1252", "Windows-1252"),
        ("Толпа 人群 é", "utf-8", "UTF-8"),
        ("Толпа 人群 é", "utf-8-sig", "UTF-8"),
        ("Толпа 人群 é", "utf-16", "UTF-16"),
    ],
)
def test_encodings_are_told_from_the_bytes(tiny: Path, note: str, encoding: str, told: str) -> None:
    summary = import_file(put(tiny, acled({"notes": note, "source": ""}).encode(encoding)), tiny)
    assert summary.encoding == told
    assert [r["note"] for r in ours(tiny)] == [note]


@pytest.mark.parametrize("codec", ENCODINGS)
def test_every_encoding_that_is_read_can_be_asked_for(tiny: Path, codec: str) -> None:
    summary = import_file(put(tiny, acled({}).encode(codec)), tiny, encoding=codec)
    assert (summary.encoding, summary.guessed) == (ENCODINGS[codec], False)
    assert all(codec in text("cli.opt_encoding", lang) for lang in LANGUAGES)


def test_a_damaged_utf_8_file_is_not_read_in_another_encoding(tiny: Path) -> None:
    content = acled({"notes": "Толпа собралась"}, {"notes": "HERE"}).encode().replace(b"HERE", b"caf\xe9 \xe9t\xe9")
    assert codes(put(tiny, content), tiny) == [("unknown_encoding", 3)]
    summary = import_file(put(tiny, acled({"notes": "é, é, à"}).encode("cp1252")), tiny, encoding="cp1252")
    assert not summary.guessed


def test_what_is_not_in_the_encoding_asked_for_is_refused_with_its_line(tiny: Path) -> None:
    path = put(tiny, acled(*({} for _ in range(200)), {"notes": "é"}).encode("cp1252"))
    assert [code for code, _ in codes(path, tiny, encoding="utf-8")] == ["not_in_encoding"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_told_from_the_header(tiny: Path, separator: str) -> None:
    content = table(ACLED, [{**PROTEST, "notes": "a,b;c|d\te", "latitude": "15,0" if separator == ";" else "15"}], separator)
    import_file(put(tiny, content), tiny)
    assert [(r["lat"], r["note"]) for r in ours(tiny)] == [("15", "a,b;c|d e [Gazette]")]


def test_a_line_that_tells_the_separator_is_not_the_header(tiny: Path) -> None:
    import_file(put(tiny, "sep=;\r\n" + table(ACLED, [PROTEST, {**PROTEST, "event_date": "x", "event_id_cnty": "XAA2"}], ";")), tiny)
    assert refused(tiny) == {"4": "bad_date"}


LOG = [["day", "region", "town", "what"], ["2-4 March", "Onia", "Onevile", "march"], ["3 March", "Onia", "Oneville", "march"]]


def looked(tiny: Path, rows: list[list[str]], *words: str) -> str:
    """What an import of these rows of a log says."""
    put(tiny, mapping(), "log.toml")
    put(tiny, "\n".join(";".join(r) for r in rows), "log.csv")
    told = call_qantar("import", "log.csv", "--mapping", "log.toml", "--into", str(tiny), *words, cwd=tiny.parent)
    assert told.code == 0
    return " ".join(told.out.split())


@pytest.mark.parametrize("above", [[], [["Protests of March, 2030"]], [["Protests, seen by me"], ["as of May", "draft"]]])
@pytest.mark.parametrize("is_book", [True, False])
def test_a_title_above_the_header_a_span_and_a_mistyped_town(tiny: Path, above: list[list[str]], is_book: bool) -> None:
    log = put(tiny, mapping(), "log.toml")
    wide = [["e", "f"], ["", "x"], ["", "x"]] if len(above) > 1 else [[], [], []]  # two cells are a title beside five, not beside four
    rows = [*above, *([*row, *more] for row, more in zip(LOG, wide, strict=True))]
    path = workbook(tiny, rows) if is_book else put(tiny, "\n".join(";".join(r) for r in rows), "log.csv")
    done = import_file(path, tiny, mapping=log)
    assert (done.titles, done.taken.spans, done.unnamed) == (len(above), 1, [("Onevile", 1, "Oneville (XA-ONE)")])
    found = [(r["date"], r["date_end"], r["region_id"], r["settlement_id"]) for r in ours(tiny)]
    assert found == [("2030-03-02", "2030-03-04", "XA-ONE", ""), ("2030-03-03", "", "XA-ONE", "S1")]


@pytest.mark.parametrize(
    ("cell", "reason"), [("600300200", "more_than_residents"), ("many", "bad_number"), ("-1", "bad_number"), ("270 arrested", "bad_number")]
)
def test_a_number_that_is_none_is_left_out_and_listed_and_its_row_is_taken(tiny: Path, cell: str, reason: str) -> None:
    path = put(tiny, acled({}, {"event_id_cnty": "XAA2", "fatalities": cell}))
    done = import_file(path, tiny)
    assert (done.changes.added, done.taken.reasons.total(), dict(done.taken.blanked)) == (2, 0, {reason: 1})
    assert [(c.line, c.column, c.value) for c in done.taken.left_out[reason]] == [(3, "fatalities", cell)]
    assert refused(tiny) == {"3": reason}
    assert [r["deaths"] for r in ours(tiny)] == ["0", ""]
    assert done.as_dict()["cells_left_out"] == {reason: 1}
    told = call_qantar("import", str(path), "--into", str(tiny), cwd=tiny.parent).out
    assert f'line 3 fatalities "{cell}"' in " ".join(told.split())


def test_a_first_look_names_lines_and_places(tiny: Path) -> None:
    said = looked(tiny, [["A log"], *LOG, *[["soon", "Onia", "", "march"]] * 7], "--dry-run")
    for words in (
        "taken for a title: 1",
        "1 row gives two days",
        'bad_date: line 5 day "soon"; line 6 day "soon"; ',
        'line 9 day "soon" …',
        "Onevile (1) – perhaps Oneville (XA-ONE)?",
    ):
        assert words in said, said
    assert not (tiny / "unmatched.csv").exists()


def test_a_place_that_is_not_found_is_told_with_what_may_be_meant(tiny: Path) -> None:
    rows = [["2 March", "Twoia", "Oneville", "march"], ["2 March", "", "Twovile", "march"], ["2 March", "Onnia", "", "march"],
            ["2 March", "Onnia", "Nowhere", "march"], ["", "Onia", "", "march"]]  # fmt: skip
    said = looked(tiny, [LOG[0], *rows])
    for words in (
        "1 row names a town that lies in another region than the one it names.",
        "Twoia / Oneville (1): Oneville → XA-ONE",
        'unknown_place: line 3 town "Twovile" – perhaps Twoville (XA-TWO)?; line 4 region "Onnia" – perhaps Onia (XA-ONE)?; line 5 region "Onnia" – perhaps Onia (XA-ONE)?',
        'no_date: line 6 day ""',
    ):
        assert words in said, said
    assert [r["region_id"] for r in ours(tiny)] == ["XA-TWO"]
    assert import_file(tiny.parent / "log.csv", tiny, mapping=tiny.parent / "log.toml").taken.unnamed == {}


def workbook(tiny: Path, rows: list[list[Any]], name: str = "download.xlsx", front: bool = False) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    if front:
        book.active.append(["Read me"])
        book.create_sheet("Data")
    for row in rows:
        book.worksheets[-1].append(row)
    path = tiny.parent / name
    book.save(path)
    return path


def test_a_workbook_with_true_dates_serials_and_formulas(tiny: Path) -> None:
    def cells(**change: Any) -> list[Any]:
        return [{**PROTEST, "latitude": 15.0, "longitude": 10.5, "fatalities": 1.0, **change}.get(c) for c in ACLED]

    rows = [
        ACLED,
        cells(event_date=dt.date(2030, 3, 2)),
        cells(event_id_cnty="XAA2", event_date=47545),
        cells(event_id_cnty="XAA3", notes="=1+1"),
    ]
    summary = import_file(workbook(tiny, rows, front=True), tiny)
    assert (summary.format, summary.taken.read) == ("acled", 3)
    found = {r["external_id"]: (r["date"], r["deaths"], r["note"]) for r in ours(tiny)}
    assert found["XAA1"] == ("2030-03-02", "1", "People gather. [Gazette]")
    assert found["XAA2"][0] == "2030-03-03"
    assert found["XAA3"][2] == "Gazette"  # a formula without a kept value says nothing


def test_an_archive_with_one_table_is_read(tiny: Path) -> None:
    path = tiny.parent / "ged.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("GEDEvent.csv", table(UCDP, [CLASH]))
        archive.writestr("__MACOSX/._GEDEvent.csv", "x")
    assert import_file(path, tiny).changes.added == 1
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("second.csv", "a,b\n")
    assert codes(path, tiny) == [("archive_of_several", None)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n\n", "empty_file"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 100, "no_table"),
        (b"%PDF-1.7 ...", "no_table"),
        (b"PK\x03\x04" + b"x" * 100, "broken_archive"),
        (b"a,b\n1,2\n", "unknown_format"),
        (acled({}).encode() + b'XAA2,"2030', "broken_csv"),
        (acled({"notes": "x" * 140_000}).encode(), "cell_too_long"),
    ],
)
def test_files_that_are_no_table_are_refused(tiny: Path, content: bytes, code: str) -> None:
    assert [c for c, _ in codes(put(tiny, content), tiny)] == [code]


def test_a_workbook_with_entities_is_refused(tiny: Path) -> None:
    path = workbook(tiny, [ACLED])
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + parts["xl/worksheets/sheet1.xml"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert codes(path, tiny) == [("broken_archive", None)]


def test_a_workbook_that_unfolds_to_more_than_memory_holds_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qantar.importing.source.BOOK_MAX", 1_000)
    assert codes(workbook(tiny, [ACLED]), tiny) == [("file_too_large", None)]


def test_missing_files_and_folders(tiny: Path) -> None:
    assert codes(tiny.parent / "none.csv", tiny) == [("file_missing", None)]
    assert codes(tiny, tiny) == [("is_folder", None)]
    assert codes(put(tiny, acled({})), tiny, mapping=tiny / "none.toml") == [("file_missing", None)]
    (tiny / "case.toml").rename(tiny.parent / "case.toml")
    assert codes(put(tiny, acled({})), tiny) == [("folder_without", None)]


# --- rows that are not taken ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_date": ""}, "no_date"),
        ({"event_date": "soon"}, "bad_date"),
        ({"event_date": "2030-03-06"}, "outside_days"),
        ({"latitude": "40"}, "outside_country"),
        ({"latitude": "10.5", "longitude": "15"}, "swapped_coordinates"),
        ({"latitude": "10.5", "longitude": "15", "country": "Elsewhere"}, "outside_country"),
        ({"latitude": "north"}, "bad_coordinates"),
        ({"latitude": ""}, "bad_coordinates"),
        ({"latitude": "999"}, "bad_coordinates"),
        ({"latitude": "", "longitude": "", "admin1": "", "location": ""}, "no_place"),
        ({"latitude": "", "longitude": "", "admin1": "", "location": "Nowhere"}, "unknown_place"),
        ({"sub_event_type": "Something new"}, "unknown_kind"),
        ({"event_type": "Strategic developments", "sub_event_type": "Other"}, "no_kind"),
        ({"event_id_cnty": " "}, "no_id"),
    ],
)
def test_a_row_that_is_not_taken_is_listed_with_line_and_reason(tiny: Path, change: dict[str, str], reason: str) -> None:
    summary = import_file(put(tiny, acled({}, change)), tiny)
    assert refused(tiny) == {"3": reason}
    assert (summary.taken.read, summary.changes.added, dict(summary.taken.reasons)) == (2, 1, {reason: 1})


def test_a_row_with_too_few_cells_is_listed(tiny: Path) -> None:
    import_file(put(tiny, acled({}) + "XAA2,2030-03-02\r\n" + acled({}).splitlines()[1].replace("XAA1", "XAA3") + ",,\r\n"), tiny)
    assert refused(tiny) == {"3": "cell_count"}
    assert [r["external_id"] for r in ours(tiny)] == ["XAA1", "XAA3"]


def test_exchanged_coordinates_are_taken_on_request(tiny: Path) -> None:
    path = put(tiny, acled({"latitude": "10.5", "longitude": "15.0"}))
    summary = import_file(path, tiny, swap=True)
    assert (summary.taken.swapped, [(r["lat"], r["lon"]) for r in ours(tiny)]) == (1, [("15", "10.5")])


def test_a_point_just_off_the_coast_belongs_to_the_nearest_region(tiny: Path) -> None:
    near = {"longitude": "12.05"}
    summary = import_file(put(tiny, acled(near, {**near, "country": "Elsewhere"}, {"longitude": "12.2"})), tiny)
    assert ([r["region_id"] for r in ours(tiny)], summary.taken.near) == (["XA-TWO"], 1)
    assert refused(tiny) == {"3": "outside_country", "4": "outside_country"}


def test_a_point_in_a_neighbouring_country_is_not_taken(tiny: Path) -> None:
    ring = [[12.0, 14.0], [13.0, 14.0], [13.0, 16.0], [12.0, 16.0], [12.0, 14.0]]
    shape = {"type": "Feature", "properties": {"name_en": "Next"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    put(tiny, json.dumps({"type": "FeatureCollection", "features": [shape]}), "tiny/neighbours.geojson")
    import_file(put(tiny, acled({"longitude": "12.05"})), tiny)
    assert refused(tiny) == {"2": "outside_country"}


@pytest.mark.parametrize(
    ("region", "place", "found"),
    [
        ("Onia", "", ("XA-ONE", "")),
        ("ONIA region", "", ("XA-ONE", "")),
        ("Önia", "", ("XA-ONE", "")),
        ("一州", "", ("XA-ONE", "")),
        ("XA-TWO", "", ("XA-TWO", "")),
        ("two", "", ("XA-TWO", "")),
        ("", "二城", ("XA-TWO", "S2")),
        ("Twoia", "twoville", ("XA-TWO", "S2")),
        ("Onia", "Somewhere", ("XA-ONE", "")),
        ("Onia", "Twoville", ("XA-ONE", "")),
    ],
)
def test_without_coordinates_names_decide(tiny: Path, region: str, place: str, found: tuple[str, str]) -> None:
    import_file(put(tiny, acled({"latitude": "", "longitude": "", "admin1": region, "location": place})), tiny)
    assert [(r["region_id"], r["settlement_id"]) for r in ours(tiny)] == [found]


def test_points_are_found_as_the_exact_test_finds_them() -> None:
    case = load_case("kazakhstan-2022")
    shapes = Shapes(case.shapes["regions"])
    index = shapes.inside(np.array([r.lon for r in case.record.regions]), np.array([r.lat for r in case.record.regions]))
    assert [shapes.ids[k] for k in index] == [r.region_id for r in case.record.regions]  # also a city inside another region
    inside = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]}
    ring = Shapes([{"properties": {"id": "R"}, "geometry": inside}])
    assert ring.inside(np.array([0.5, 2.0, 5.0]), np.array([0.5, 2.0, 2.0])).tolist() == [0, -1, -1]  # a hole is outside
    assert ring.nearest(np.array([4.05, 4.2]), np.array([2.0, 2.0])).tolist() == [0, -1]


# --- once and again ------------------------------------------------------------------------------------------------------


def test_importing_again_changes_nothing(tiny: Path) -> None:
    path = put(tiny, acled({}, {"notes": "Another"}))
    import_file(path, tiny)
    before = (tiny / "events.csv").read_bytes()
    again = import_file(path, tiny).changes
    assert (tiny / "events.csv").read_bytes() == before
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)


def test_a_newer_file_updates_by_id_and_a_list_of_deleted_events_removes(tiny: Path) -> None:
    import_file(put(tiny, acled({}, {}, {})), tiny)
    events = rows_of(tiny)
    events[0]["note"] = "edited, by hand"
    put(tiny, table(list(events[0]), events), "tiny/events.csv")
    newer = put(tiny, acled({"fatalities": "4"}, {}, {}, {}).replace("XAA3,", "XAA9,"))
    deleted = put(tiny, "event_id_cnty,deleted_timestamp\nXAA2,1\nXAA77,1\n", "deleted.csv")
    done = import_file(newer, tiny, deleted=deleted).changes
    assert (done.added, done.changed, done.removed, done.unchanged, len(done.absent), done.by_hand) == (2, 1, 1, 0, 1, 3)
    assert {r["external_id"]: r["deaths"] for r in ours(tiny)} == {"XAA1": "4", "XAA3": "0", "XAA4": "0", "XAA9": "0"}
    assert rows_of(tiny)[0]["note"] == "edited, by hand"


def test_a_list_of_deleted_events_needs_the_ids(tiny: Path) -> None:
    assert codes(put(tiny, acled({})), tiny, deleted=put(tiny, "a,b\n1,2\n", "d.csv")) == [("deleted_without_ids", None)]


def test_two_providers_stand_side_by_side(tiny: Path) -> None:
    import_file(put(tiny, acled({}, {"event_date": ""})), tiny)
    import_file(put(tiny, table(UCDP, [CLASH, {**CLASH, "id": "8", "date_start": ""}]), "ged.csv"), tiny)
    import_file(put(tiny, acled({}, {"event_date": "x"})), tiny)
    assert {r["source"] for r in ours(tiny)} == {"acled", "ucdp"}
    assert [(r["source"], r["reason"]) for r in rows_of(tiny, "unmatched.csv")] == [("ucdp", "no_date"), ("acled", "bad_date")]


def test_one_row_twice_is_dropped_and_of_one_id_the_newer_is_kept(tiny: Path) -> None:
    changes = [
        {},
        {"event_id_cnty": "XAA1"},
        {"event_id_cnty": "B", "timestamp": "9", "notes": "new"},
        {"event_id_cnty": "B", "timestamp": "5"},
    ]
    taken = import_file(put(tiny, acled(*changes)), tiny).taken
    assert (taken.duplicates, taken.superseded, len(taken.rows)) == (1, 1, 2)
    assert [r["note"] for r in ours(tiny) if r["external_id"] == "B"] == ["new [Gazette]"]


def test_likely_duplicates_are_shown_and_kept(tiny: Path) -> None:
    summary = import_file(put(tiny, acled({}, {"location": "ONEVILLE", "notes": "Told otherwise"}, {"location": "Elsewhere"})), tiny)
    assert [[r["event_id"] for r in group] for group in summary.duplicates] == [
        ["E1", "acled-XAA1", "acled-XAA2"]
    ]  # E1 was written by hand
    assert len(ours(tiny)) == 3
    assert summary.duplicates[0][0]["settlement"] == "Oneville"


def test_the_import_and_the_record_find_the_same_rows_twice(tiny: Path) -> None:
    by_hand = [
        {"event_id": "H1", "date": "2030-03-02", "region_id": "XA-ONE", "settlement": "Ónevílle", "kind": "protest"},
        {"event_id": "H2", "date": "2030-03-02", "region_id": "XA-ONE", "lat": "10.601", "lon": "15.001", "kind": "strike"},
        {"event_id": "H3", "date": "2030-03-02", "region_id": "XA-ONE", "lat": "10.6", "lon": "15", "kind": "strike"},
        {"event_id": "H4", "date": "2030-03-02", "region_id": "XA-ONE", "settlement": "Oneville", "kind": "no such kind"},
    ]
    put(tiny, table([*by_hand[0], "lat", "lon"], by_hand), "tiny/events.csv")
    summary = import_file(put(tiny, acled({})), tiny)
    assert [[r["event_id"] for r in group] for group in summary.duplicates] == [["H1", "acled-XAA1"]]
    events = read_table(tiny / "events.csv", "events", Event, Problems())
    assert [[e.event_id for e in group] for group in perhaps_twice(events)] == [["H1", "acled-XAA1"], ["H2", "H3"]]


def test_a_table_of_few_columns_is_whole_after_an_import(tiny: Path, qantar: Callable[..., Ran]) -> None:
    put(tiny, "date,settlement_id,kind\n2030-03-02,S1,protest\n2030-03-03,S2,protest\n", "tiny/events.csv")
    for name in ("region_onset", "presence", "totals", "disagreements", "tensions"):
        (tiny / f"{name}.csv").unlink()
    (tiny / "account.toml").unlink()
    import_file(put(tiny, acled({"notes": "Another"})), tiny)
    done = qantar("check", str(tiny))
    assert done.code == 0, done.err
    assert [[r[c] for c in ("event_id", "scope", "confidence", "source")] for r in rows_of(tiny)[:2]] == [
        ["E2", "event", "medium", "own"],  # as the record called them before
        ["E3", "event", "medium", "own"],
    ]


def test_a_folder_without_events_gets_them(tiny: Path) -> None:
    (tiny / "events.csv").unlink()
    import_file(put(tiny, acled({})), tiny)
    assert list(rows_of(tiny)[0]) == list(EVENT_COLUMNS)


def test_more_rows_than_a_table_may_have_are_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qantar.importing.take.ROWS_MAX", 3)
    assert codes(put(tiny, acled({}, {}, {}, {})), tiny) == [("too_many_rows", None)]


def test_what_is_hostile_stays_text(tiny: Path) -> None:
    hostile = {"notes": '=HYPERLINK("http://x")\r\n<script>alert(1)</script>\x1b[31m\u202e\x00', "location": "@cmd", "source": "<b>"}
    import_file(put(tiny, acled(hostile)), tiny)
    (row,) = ours(tiny)
    assert row["note"] == '\'=HYPERLINK("http://x") <script>alert(1)</script>[31m [<b>]'
    assert row["settlement"] == "'@cmd"
    import_file(put(tiny, acled({**hostile, "event_date": "=x\x07"})), tiny)
    assert rows_of(tiny, "unmatched.csv")[0]["value"] == "'=x"


def test_an_unmatched_csv_of_somebody_else_is_left_alone(tiny: Path) -> None:
    put(tiny, "a,b\n1,2\n", "tiny/unmatched.csv")
    assert codes(put(tiny, acled({})), tiny) == [("not_our_unmatched", None)]


def test_a_broken_events_csv_is_said_and_left(tiny: Path) -> None:
    put(tiny, (tiny / "events.csv").read_text(encoding="utf-8") + "E9,2030\n", "tiny/events.csv")
    assert codes(put(tiny, acled({})), tiny) == [("cell_count", 5)]


# --- the command ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_command_says_what_became_of_each_row(tiny: Path, qantar: Callable[..., Ran], lang: str) -> None:
    put(tiny, acled({}, {"event_date": "2031-01-01"}, {"latitude": "10.5", "longitude": "15"}))
    ran = qantar("--lang", lang, "import", "download.csv", "--into", "tiny", "--dry-run")
    assert ran.code == 0, ran.err
    assert "outside_days" in ran.out
    assert "--swap" in ran.out
    assert "importing." not in ran.out
    assert not (tiny / "unmatched.csv").exists()
    told = qantar("import", "download.csv", "--into", "tiny", "--json").json()
    assert (told["read"], told["taken"], told["unmatched"]) == (3, 1, {"outside_days": 1, "swapped_coordinates": 1})
    assert (tiny / "unmatched.csv").exists()


def test_the_command_wants_one_of_two_places(tiny: Path, qantar: Callable[..., Ran]) -> None:
    put(tiny, acled({}))
    assert qantar("import", "download.csv").code == 2
    assert "cp1251" in qantar("import", "download.csv", "--into", "tiny", "--encoding", "latin9").err


# --- what may go wrong ---------------------------------------------------------------------------------------------------


def test_a_stop_between_two_files_leaves_a_folder_that_is_whole(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tiny, acled({}))
    events = (tiny / "events.csv").read_bytes()
    replace = Path.replace

    def broken(self: Path, target: Path) -> Path:
        if target.name == "events.csv":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(QantarError) as caught:
            import_file(path, tiny)
    assert [p.code for p in caught.value.problems] == ["cannot_write"]
    assert (tiny / "events.csv").read_bytes() == events
    assert "acled" in {r["key"] for r in rows_of(tiny, "sources.csv")}  # a source that nothing cites yet does no harm
    assert not list(tiny.glob(".qantar-*"))
    assert import_file(path, tiny).changes.added == 1


def test_of_a_formula_the_kept_value_is_read(tiny: Path) -> None:
    path = workbook(tiny, [ACLED, [{**PROTEST, "notes": "=1+1"}.get(c) for c in ACLED]])
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet], n = re.subn(
        rb"<c r=\"(\w+)\"([^>]*)><f>1\+1</f><v ?/?>(</v>)?</c>", rb'<c r="\1" t="str"><f>1+1</f><v>kept</v></c>', parts[sheet]
    )
    assert n == 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    import_file(path, tiny)
    assert [r["note"] for r in ours(tiny)] == ["kept [Gazette]"]


PIECES = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"\r",
    b"\n",
    b",",
    b";",
    b"\t",
    b"=1",
    b"9" * 30,
    b"-",
    b"nan",
    b"inf",
    b"1e9",
    "\u0665".encode(),
    b"\xef\xbb\xbf",
]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.sampled_from(PIECES)), max_size=4))
def test_whatever_a_file_holds_the_answer_is_a_summary_or_a_problem(tiny: Path, cuts: list[tuple[int, int, bytes]]) -> None:
    content = acled({}, {"event_date": "3/2/2030", "latitude": "1e5"}, {"fatalities": "1,000"}).encode()
    for at, length, piece in cuts:
        content = content[:at] + piece + content[at + length :]
    told: list[str] = []
    try:
        taken = import_file(put(tiny, content), tiny, dry_run=True).taken
    except QantarError as error:
        told = [p.render(lang) for p in error.problems for lang in ("en", "zh")]
    assert told or taken.read == len(taken.rows) + taken.duplicates + taken.superseded + taken.reasons.total()


# --- a case that begins with a download -----------------------------------------------------------------------------------


def test_a_download_gives_a_new_case_its_country_and_days(tmp_path: Path) -> None:
    here = {"country": "Senegal", "admin1": "Dakar", "location": "Dakar", "latitude": "14.69", "longitude": "-17.44"}
    there = {
        "country": "Mali",
        "admin1": "Bamako",
        "location": "Bamako",
        "latitude": "12.65",
        "longitude": "-8.0",
        "event_date": "2030-06-01",
    }
    one = put(tmp_path / "x", acled({**here, "event_date": "2030-02-11"}, {**here, "event_date": "2030-03-02"}))
    made = call_qantar("new", "senegal-2030", "--events", str(one), "--json", cwd=tmp_path).json()
    assert (made["country"], made["first_day"], made["last_day"], made["events"]["taken"]) == ("SN", "2030-02-11", "2030-03-02", 2)
    assert len(ours(tmp_path / "senegal-2030")) == 2
    both = put(tmp_path / "x", acled(here, there), "both.csv")
    refused_ = call_qantar("new", "b", "--events", str(both), cwd=tmp_path)
    assert "Senegal, Mali" in " ".join(refused_.err.split())
    chosen = call_qantar("new", "b", "--events", str(both), "--country", "SEN", "--json", cwd=tmp_path).json()
    assert (chosen["first_day"], chosen["last_day"], chosen["events"]["taken"]) == ("2030-03-02", "2030-03-02", 1)
    assert "no row" in call_qantar("new", "c", "--events", str(both), "--country", "PER", cwd=tmp_path).err
    assert "--country / --events" in call_qantar("new", "c", cwd=tmp_path).err
    broken = put(tmp_path / "x", one.read_text(encoding="utf-8") + 'XAA9,2030-03-02,"', "broken.csv")
    assert call_qantar("new", "c", "--events", str(broken), cwd=tmp_path).code == 2
    assert not (tmp_path / "c").exists()  # nothing half-written
