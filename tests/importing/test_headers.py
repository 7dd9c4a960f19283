"""Headers of several languages, and what is no header of ours: most are known, and none is taken for another thing."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from conftest import HERE, REPOSITORY
from qantar.files.cells import fold
from qantar.importing.headers import known, readings
from qantar.importing.propose import propose
from qantar.importing.source import open_source

with (HERE / "importing" / "tables" / "headers.csv").open(encoding="utf-8", newline="") as _file:
    HEADERS = [(r["lang"], r["header"], r["field"]) for r in csv.DictReader(_file)]
LANGUAGES = ["en", "es", "fr", "ru", "zh"]


@pytest.mark.parametrize("lang", [*LANGUAGES, "de", "pt", "ar"])
def test_most_headers_of_a_language_are_known_and_none_is_taken_for_another(lang: str) -> None:
    of_it = [(header, field) for name, header, field in HEADERS if name == lang]
    assert len(of_it) >= (10 if lang in LANGUAGES else 4)
    found = {header: [r.field for r in sorted(readings(header), key=lambda r: r.rank)] for header, _ in of_it}
    wrong = [(header, found[header]) for header, field in of_it if found[header] and field not in found[header]]
    assert wrong == []
    assert sum(bool(found[h]) == bool(field) for h, field in of_it) >= 0.9 * len(of_it)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Qué pasó / what happened", "type"),
        ("Personas | people", "participants"),
        ("Ciudad (town)", "settlement"),
        ("Дата – date", "date"),
        ("Town (spelling of the paper)", "settlement"),
        ("Dead (low)", "deaths_low"),
        ("Muertos mín", "deaths_low"),
        ("Crowd, highest", "participants_high"),
        ("Total number of wounded", "injured"),
        ("最高人数", "participants_high"),
    ],
)
def test_a_header_in_two_languages_or_with_a_word_of_measure_is_known(header: str, field: str) -> None:
    assert field in [r.field for r in readings(header)]


@pytest.mark.parametrize(
    "header", ["Dead / injured", "Killed (police)", "Arrested (women)", "Town / date", "Low (wind)", "Deaths per million", "(", "/", ""]
)
def test_halves_that_differ_and_numbers_of_some_say_nothing(header: str) -> None:
    assert readings(header) == []


def columns(tmp_path: Path, *headers: str) -> dict[str, str]:
    rows = [f"{k},{','.join(f'{h} {k}' for h in headers)}" for k in range(3)]
    (tmp_path / "x.csv").write_text("\n".join([",".join(["k", *headers]), *rows]), encoding="utf-8")
    return {field: name for field, name, _ in propose(open_source(tmp_path / "x.csv"), "en").view.columns}


def test_a_link_is_no_name_of_a_source_where_there_is_one(tmp_path: Path) -> None:
    assert columns(tmp_path, "Link", "Fuente / source")["note_source"] == "Fuente / source"
    assert columns(tmp_path, "Link", "Town")["note_source"] == "Link"  # better where it was read than nothing


def test_of_a_sheet_that_tells_in_sentences_the_remarks_are_kept_behind_them(tmp_path: Path) -> None:
    found = columns(tmp_path, "What happened today", "Town", "Remarks", "What took place")
    assert (found["type"], found["note"], found["note_more"]) == ("What took place", "What took place", "Remarks")


def test_the_list_of_headers_is_clean() -> None:
    """No header stands twice in one field, and none is empty."""
    for field, headers in known().items():
        plain = [fold(h) or h for h in headers]
        assert all(plain), field
        assert len(headers) > 1 or field.endswith(("low", "high")), field


def test_the_manual_lists_every_header() -> None:
    page = (REPOSITORY / "docs" / "reference" / "headers.md").read_text(encoding="utf-8")
    assert [h for headers in known().values() for h in headers if h not in page] == []


@pytest.mark.parametrize(
    ("told", "field"), [("March;Strike;Clashes;Rain", "type + note"), ("March held in rain;Small;Many people;Rain", "note")]
)
def test_remarks_that_mostly_tell_of_kinds_say_what_happened_where_nothing_else_does(tmp_path: Path, told: str, field: str) -> None:
    rows = "".join(f"2030-03-0{k},Oneville,{words}\n" for k, words in enumerate(told.split(";"), 1))
    (tmp_path / "x.csv").write_text("day,town,Remarks\n" + rows, encoding="utf-8")
    found = propose(open_source(tmp_path / "x.csv"), "en").view.columns
    assert " + ".join(sorted((f for f, name, _ in found if name == "Remarks"), reverse=True)) == field
