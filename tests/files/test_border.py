"""What the border lets in: special files, legal edge cases that look like faults, time and memory, and the reported inputs."""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import CASE
from kit.faults import TINY, cell, tiny
from qantar.account.candidates import candidates
from qantar.account.document import read_document
from qantar.account.skeleton import write_skeleton
from qantar.cases.case import load_case
from qantar.errors import MOST, DataError, Problems, QantarError, nearest
from qantar.files.cells import NUMBER_MAX
from qantar.files.text import read_text
from qantar.lookup.check import check
from qantar.record.load import load_record
from qantar.record.observables import observe
from qantar.record.record import variables
from qantar.record.schema import PEOPLE_MAX
from qantar.report.page import render
from qantar.verdicts.load import load_account


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "tiny"))


def codes(folder: Path) -> set[tuple[str, str]]:
    problems = Problems()
    check(str(folder), problems)
    return {(p.file, p.code) for p in problems.found}


# --- special files -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
@pytest.mark.parametrize("name", ["claims.csv", "regions.geojson", "case.toml", "account.toml", "lakes.geojson"])
def test_a_pipe_is_refused_and_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert (name, "not_a_file") in codes(folder)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="the system has no such device")
@pytest.mark.parametrize("name", ["events.csv", "regions.geojson", "case.toml"])
def test_a_device_is_refused_and_not_read_for_ever(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    assert codes(folder) == {(name, "not_a_file")}


def test_a_pipe_is_no_document(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "essay.md")
    with pytest.raises(DataError) as caught:
        read_document(tmp_path / "essay.md")
    assert [p.code for p in caught.value.problems] == ["not_a_file"]


@pytest.mark.parametrize("name", ["case.toml", "account.toml", "events.csv", "regions.geojson", "lakes.geojson", "disagreements.csv"])
def test_a_folder_in_place_of_a_file_is_said_and_not_passed_over(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert (name, "is_folder") in codes(folder)


def test_a_link_in_a_circle_or_to_nothing_is_said(folder: Path) -> None:
    (folder / "events.csv").unlink()
    (folder / "events.csv").symlink_to(folder / "events.csv")
    (folder / "disagreements.csv").unlink()
    (folder / "disagreements.csv").symlink_to(folder / "nowhere.csv")
    assert codes(folder) == {("events.csv", "file_unreadable"), ("disagreements.csv", "file_missing")}


@pytest.mark.parametrize("target", ["x" * 300, "x" * 5_000, "a\0b"])
def test_a_path_that_cannot_be_is_no_path(target: str) -> None:
    for door in (lambda: check(target, Problems()), lambda: load_account(target), lambda: load_case(target)):
        with pytest.raises(QantarError) as caught:
            door()
        assert caught.value.problems[0].code in ("no_such_path", "no_such_case")
        assert len(caught.value.problems[0].render("zh")) < 1_000


# --- legal, though it looks like a fault -----------------------------------------------------------------------------------


def test_counts_as_a_data_frame_writes_them_are_counts(folder: Path) -> None:
    (folder / "events.csv").write_text(tiny("events.csv").replace(",40,60,", ",40.0,60.00,"), encoding="utf-8")
    assert not codes(folder)
    event = load_case(str(folder)).record.events.rows[0]
    assert (event.participants_low, event.participants_high) == (40, 60)


def test_a_line_that_names_the_separator_is_passed_over_and_lines_keep_their_numbers(folder: Path) -> None:
    (folder / "events.csv").write_text("sep=,\n" + cell(tiny("events.csv"), 3, "kind", "x"), encoding="utf-8")
    problems = Problems()
    check(str(folder), problems)
    assert [(p.line, p.key, p.code) for p in problems.found] == [(4, "kind", "not_one_of")]
    (folder / "events.csv").write_text("sep=,\r\n" + tiny("events.csv"), encoding="utf-8", newline="")
    assert not codes(folder)
    assert load_case(str(folder)).record.events.lines == (3, 4, 5)


def test_a_region_that_stayed_quiet_needs_no_onset(folder: Path) -> None:
    (folder / "region_onset.csv").write_text(
        tiny("region_onset.csv").replace("XA-TWO,2030-03-03,2030-03-02,2030-03-03", "XA-TWO,,,"), encoding="utf-8"
    )
    events = [row for row in tiny("events.csv").split("\n") if not row.startswith("E2")]
    (folder / "events.csv").write_text("\n".join(events), encoding="utf-8")
    assert codes(folder) == {("presence.csv", "onset_conflict")}  # one of its days is still called a day of unrest
    (folder / "presence.csv").write_text(tiny("presence.csv").replace("XA-TWO,2030-03-03,1", "XA-TWO,2030-03-03,0"), encoding="utf-8")
    assert not codes(folder)
    seen = observe(load_record(folder, "XA"))
    onset = seen.onsets[1]
    assert (onset.region_id, onset.earliest.isoformat(), onset.latest, onset.stated) == ("XA-TWO", "2030-03-04", None, None)
    assert seen.presence[1].tolist() == [0, 0, 0]


def test_one_language_is_enough(folder: Path) -> None:
    for file, pairs in {
        "case.toml": ['title_zh = "小国，2030年3月"\n', 'country_zh = "小国"\n', 'text_zh = "为测试虚构。"\n'],
        "account.toml": ['title_zh = "小国故事"\n', 'name_zh = "开始"\n'],
        "regions.csv": [",name_zh", ",一州", ",二州"],
        "disagreements.csv": [",matter_zh", ",死亡人数", ",versions_zh", ",五人，或四至六人。"],
        "hypotheses.csv": [",statement_zh", ",物价有影响。"],
    }.items():
        text = tiny(file)
        for part in pairs:
            assert part in text
            text = text.replace(part, "", 1)
        (folder / file).write_text(text, encoding="utf-8")
    assert not codes(folder)
    loaded = load_account(str(folder))
    assert loaded.account.head.title_zh == loaded.account.head.title_en == "A tale of Tinyland"
    assert [r.name_zh for r in loaded.case.record.regions] == ["Onia", "Twoia"]
    (folder / "regions.csv").write_text(
        tiny("regions.csv").replace("name_en,", "").replace("Onia,", "").replace("Twoia,", ""), encoding="utf-8"
    )
    assert not codes(folder)
    assert [r.name_en for r in load_case(str(folder)).record.regions] == ["一州", "二州"]


def test_tables_that_a_case_can_do_without_may_be_missing_but_not_misspelt(folder: Path) -> None:
    for name in ("disagreements.csv", "forces.csv", "economy.csv", "lakes.geojson", "neighbours.geojson"):
        (folder / name).unlink()
    assert not codes(folder)
    (folder / "disagrements.csv").write_text(tiny("disagreements.csv"), encoding="utf-8")
    assert codes(folder) == {("disagreements.csv", "file_missing")}


def test_an_empty_record_has_a_page_that_says_so(folder: Path) -> None:
    for name in ("events", "presence", "totals", "disagreements", "forces", "economy"):
        (folder / f"{name}.csv").write_text(tiny(f"{name}.csv").split("\n")[0] + "\n", encoding="utf-8")
    assert not codes(folder)
    assert "The record holds no event and no day of unrest" in render(load_account(str(folder)))
    for name in ("regions", "region_onset", "region_values", "settlements", "adjacency"):
        (folder / f"{name}.csv").write_text(tiny(f"{name}.csv").split("\n")[0] + "\n", encoding="utf-8")
    (folder / "regions.geojson").write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    assert codes(folder) == {("scenario.toml", "no_regions")}
    (folder / "scenario.toml").unlink()
    assert not codes(folder)
    assert "The case has no regions, so there is no map." in render(load_account(str(folder)))
    assert "The record holds no event" not in render(load_account(str(TINY)))


def test_what_was_searched_for_and_not_found_has_no_source(folder: Path) -> None:
    (folder / "claims.csv").write_text(
        tiny("claims.csv").replace("没有能判定的材料。,H1,letter,", "没有能判定的材料。,H1,,"), encoding="utf-8"
    )
    assert not codes(folder)
    (folder / "claims.csv").write_text(tiny("claims.csv").replace(",gazette,memory,settled", ",,memory,settled"), encoding="utf-8")
    assert codes(folder) == {("claims.csv", "missing_source")}


def test_a_pair_may_stand_both_ways_round(folder: Path) -> None:
    (folder / "adjacency.csv").write_text(tiny("adjacency.csv") + "XA-TWO,XA-ONE,1,110,107,107\n", encoding="utf-8")
    assert not codes(folder)


# --- the register of quantities ----------------------------------------------------------------------------------------------


def test_every_quantity_has_both_limits_and_people_the_same() -> None:
    for v in variables():
        assert v.low is not None, v.variable
        assert v.high is not None, v.variable
        assert -NUMBER_MAX < v.low < v.high < NUMBER_MAX
        if v.unit in ("people", "persons"):
            assert v.high == PEOPLE_MAX


# --- the reported inputs -----------------------------------------------------------------------------------------------------

E1, E2, *_ = tiny("events.csv").split("\n")[1:]


@pytest.mark.parametrize(
    ("text", "codec", "guess"),
    [
        ("People gather. 人群聚集。", "gb18030", "GB18030"),
        ("E1,2030-03-02,protest,人群聚集。,gazette", "gb18030", "GB18030"),
        ("E1,2030-03-02,protest,Люди собрались,gazette", "cp1251", "CP1251"),
        ("Город Алматы, 5 января", "cp1251", "CP1251"),
        ("E1,2030-03-02,protest,Люди собрались,gazette", "koi8-r", "KOI8-R"),
        ("E1,2030-03-02,protest,une réunion à l’été", "cp1252", "Windows-1252"),
        ("Straße, Köln, Größe", "latin-1", "Windows-1252"),
        ("no mark at all", "utf-16-le", "UTF-16"),
    ],
)
def test_an_encoding_is_told_from_few_letters_among_many(tmp_path: Path, text: str, codec: str, guess: str) -> None:
    (tmp_path / "x.csv").write_bytes(("event_id,date,kind,note,source\n" * 20 + text + "\n").encode(codec))
    with pytest.raises(DataError) as caught:
        read_text(tmp_path / "x.csv")
    problem = caught.value.problems[0]
    assert (problem.code, problem.args["guess"]) == ("not_utf8", guess)


def test_no_encoding_is_named_where_none_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n" + bytes(range(128, 192)) * 4)
    with pytest.raises(DataError) as caught:
        read_text(tmp_path / "x.csv")
    assert caught.value.problems[0].code == "not_utf8_unknown"


# --- time and memory ---------------------------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_the_nearest_of_thousands_of_names_are_found_at_once() -> None:
    names = [f"source_{k}_2030" for k in range(2_000)]
    assert nearest("sorce_1234_2030", names).startswith("source_1234_2030")
    assert seconds(lambda: [nearest(f"sorce_{k}_2030", names) for k in range(100)]) < 5  # 400 took over a minute


def many_events(folder: Path, n: int, source: str = "gazette") -> None:
    head = tiny("events.csv").split("\n")[0]
    rows = [f"X{k},2030-03-03,,,XA-TWO,,,protest,event,{k % 60},,,,medium,Note {k}.,,{source.format(k)}," for k in range(n)]
    (folder / "events.csv").write_text("\n".join([head, E1, E2, *rows]) + "\n", encoding="utf-8")
    (folder / "disagreements.csv").unlink(missing_ok=True)


def test_time_grows_with_the_number_of_events_and_not_with_its_square(folder: Path) -> None:
    def of(n: int) -> float:
        many_events(folder, n)
        return seconds(lambda: codes(folder))

    of(100)
    few, many = of(1_000), of(8_000)
    assert not codes(folder)
    assert many < 16 * few + 0.2


def test_a_fault_in_every_row_is_listed_a_hundred_times(folder: Path) -> None:
    many_events(folder, 4_000, "nowhere{}")
    problems = Problems()
    assert seconds(lambda: check(str(folder), problems)) < 8
    assert len(problems.found) == MOST + 1
    assert problems.found[-1].code == "more_problems"


SHAPES_OF_TEXT = {
    "headings": lambda n: "".join(f"# Heading {k}\n\nText {k} here.\n\n" for k in range(n // 30)),
    "contents": lambda n: (
        "Title\n\nContents\n\n"
        + "".join(f"{k}. Heading number {k} of the text .. {k}\n" for k in range(1, n // 90))
        + "".join(f"\n{k}. Heading number {k} of the text\nA sentence stands here.\n" for k in range(1, n // 90))
    ),
    "short lines": lambda n: "Contents\n\n" + "".join(f"{k}. Chapter {k}\n" for k in range(1, 50)) + "\n" + "short line here\n" * (n // 16),
    "one line": lambda n: "word " * (n // 5),
    "initials": lambda n: "A. " * (n // 3),
    "brackets": lambda n: "（油价" * (n // 9),
    "numerals": lambda n: "一" * (n // 3),
    "tags": lambda n: "<div>\n" + "<b " * (n // 3),
    "quotes": lambda n: ("> " * 50 + "x\n") * (n // 101),
    "lists": lambda n: "".join("  " * (k % 200) + "- x\n" for k in range(n // 210)),
    "links": lambda n: "[a](" * (n // 4),
}


@pytest.mark.parametrize("shape", SHAPES_OF_TEXT)
def test_no_shape_of_a_document_takes_time_that_grows_with_its_square(tmp_path: Path, shape: str) -> None:
    def of(n: int) -> float:
        (tmp_path / "essay.md").write_text(SHAPES_OF_TEXT[shape](n), encoding="utf-8")

        def read() -> None:
            with suppress(DataError):  # nothing in it but marks
                candidates(read_document(tmp_path / "essay.md"))

        return seconds(read)

    of(2_000)
    few, many = of(10_000), of(80_000)
    assert many < 20 * few + 0.3  # eight times the text; the square would be 64
    assert many < 8


# --- found by a second attack ---------------------------------------------------------------------------------------------------


def _codes(folder: Path) -> list[str]:
    problems = Problems()
    check(str(folder), problems)
    assert all(p.render("en") and p.render("zh") for p in problems.found)
    return [p.code for p in problems.found]


def test_a_file_of_another_name_is_no_fault(tiny: Path) -> None:
    (tiny / "notes.toml").write_text("a = 1\n")
    assert _codes(tiny) == []


def test_a_link_in_a_circle_is_refused(tiny: Path) -> None:
    (tiny / "claims.csv").unlink()
    (tiny / "claims.csv").symlink_to("claims.csv")
    assert "path_escapes" in _codes(tiny)


def test_half_a_character_is_refused(tiny: Path) -> None:
    shapes = (tiny / "regions.geojson").read_text(encoding="utf-8")
    (tiny / "regions.geojson").write_text(shapes.replace('"name_en": "', '"name_en": "\\ud800', 1), encoding="utf-8")
    assert "broken_json" in _codes(tiny)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [("date", "2030-99-99", "bad_form"), ("date", "soon", "bad_form"), ("address", "https://exa mple", "bad_form")]
    + [("date", d, "") for d in ("2030", "2030-03", "2030-03-02", "2029/2030")] + [("address", "doi:10.1/x y", "")],
)  # fmt: skip
def test_dates_and_addresses_of_sources(tiny: Path, column: str, value: str, code: str) -> None:
    with (tiny / "sources.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    rows[0][head.index(column)] = value
    with (tiny / "sources.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    assert _codes(tiny) == [code] * bool(code)


def test_a_damaged_result_that_ships_is_not_clean(tiny: Path) -> None:
    (tiny / "fit" / "experiments").mkdir(parents=True)
    (tiny / "fit" / "experiments" / "result.json").write_text("{}")
    assert _codes(tiny) == ["seal_differs"]


@pytest.mark.parametrize(("name", "text"), [("store.md", "# A"), ("n" * 100 + ".md", "# A"), ("a.md", "# \u200b\u202e")])
def test_a_new_ledger_of_odd_documents_is_clean(tmp_path: Path, name: str, text: str) -> None:
    document = tmp_path / name
    document.write_text(f"---\ndate: 0001-01-01\n---\n{text}\n\nIn January 2022 some 300 people died in Almaty.\n", encoding="utf-8")
    read = read_document(document)
    write_skeleton(read, [], CASE, tmp_path / "ledger")
    assert _codes(tmp_path / "ledger") == []
