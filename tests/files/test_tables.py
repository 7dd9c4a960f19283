"""The border: cells, CSV, TOML lines, paths, and writing whole or not at all."""

from __future__ import annotations

import csv
import io
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qantar.errors import DataError, Problems, nearest
from qantar.files.cells import to_csv
from qantar.files.markup import toml_lines
from qantar.files.read import inside, parse_row, read_table
from qantar.files.text import read_text
from qantar.record.schema import Event, Source

GOOD = {
    "event_id": "E1",
    "date": "2022-01-05",
    "region_id": "KZ-ALA",
    "kind": "protest",
    "scope": "event",
    "confidence": "high",
    "note": "x",
    "source": "s",
}


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("date", "2022-02-30", "not_a_date"),
        ("date", "05.01.2022", "not_a_date"),
        ("date", "1641340800", "not_a_date"),
        ("time_local", "24:00", "bad_form"),
        ("participants_low", "36,831", "not_a_number"),
        ("participants_low", "about 30", "not_a_number"),
        ("participants_low", "1_000", "not_a_number"),
        ("participants_low", "٣٠", "not_a_number"),
        ("participants_low", "nan", "not_a_number"),
        ("participants_low", "30.5", "not_whole"),
        ("participants_low", "-5", "below"),
        ("kind", "protset", "not_one_of"),
        ("confidence", "High", "not_one_of"),
        ("region_id", "Almaty", "bad_form"),
        ("note", "a\x07b", "control_character"),
        ("date", "", "empty_cell"),
        ("source", "", "missing_source"),
    ],
)
def test_a_bad_cell_is_named(column: str, cell: str, code: str) -> None:
    problems = Problems()
    assert parse_row(GOOD | {column: cell}, Event, "events.csv", 7, problems) is None
    (problem,) = problems.found
    assert (problem.file, problem.line, problem.key, problem.code) == ("events.csv", 7, column, code)
    for lang in ("en", "zh"):
        assert cell in problem.render(lang) or not cell or "\x07" in cell


def test_all_bad_cells_of_a_row_are_reported_at_once() -> None:
    problems = Problems()
    parse_row(GOOD | {"date": "x", "kind": "y", "deaths": "z"}, Event, "events.csv", 2, problems)
    assert {p.key for p in problems.found} == {"date", "kind", "deaths"}


def test_an_empty_cell_is_unknown_and_not_zero() -> None:
    row = parse_row(GOOD | {"participants_low": "", "deaths": "0"}, Event, "events.csv", 2, Problems())
    assert row is not None
    assert row.participants_low is None
    assert row.deaths == 0


cells = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters='",\n'), max_size=12)


@given(st.lists(st.fixed_dictionaries({"title": cells.filter(str.strip), "publisher": cells.filter(str.strip)}), min_size=1, max_size=6))
def test_a_table_written_as_csv_reads_back_with_its_lines(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "sources.csv"
    fixed = {"address_complete": "no", "licence": "l", "how_obtained": "h", "seen": "copy"}
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["key", *rows[0], *fixed], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"key": f"k{n}", **row, **fixed} for n, row in enumerate(rows))
    path.write_bytes(out.getvalue().encode())
    problems = Problems()
    table = read_table(path, "sources", Source, problems)
    assert not problems.found
    assert [(r.title, r.publisher) for r in table] == [(r["title"].strip(), r["publisher"].strip()) for r in rows]
    text = path.read_text(encoding="utf-8").split("\n")
    assert all(text[line - 1].startswith(f"k{n},") for n, line in enumerate(table.lines))


HEADER = b"key,title,publisher,address_complete,licence,how_obtained,seen\n"


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"key,title\nk,\xd0\xe2\n", "not_utf8", 2),
        (HEADER + b'k,"open\n', "broken_csv", 2),
        (HEADER + b"k,too,few\n", "cell_count", 2),
        (b"key,title\nk,a\0b\n", "control_character", 2),
        (b"key,titel\n", "unknown_column", 1),
        (b"key,key\n", "repeated_column", 1),
        (b"key\n", "missing_column", 1),
        (b"", "empty_file", None),
        (HEADER.replace(b",", b";"), "wrong_delimiter", 1),
        (HEADER.replace(b",", b"\t"), "wrong_delimiter", 1),
        (b"PK\x03\x04xlsx", "office_file", None),
        (HEADER + b"k,t,p,yes,l,h,copy,\n", "cell_count", 2),
    ],
)
def test_a_broken_table_says_where(tmp_path: Path, content: bytes, code: str, line: int | None) -> None:
    path = tmp_path / "sources.csv"
    path.write_bytes(content)
    problems = Problems()
    read_table(path, "sources", Source, problems)
    assert (code, line) in [(p.code, p.line) for p in problems.found]


def test_empty_columns_that_a_spreadsheet_adds_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "sources.csv"
    path.write_bytes(HEADER.replace(b"seen", b"seen,,") + b"k,t,p,yes,l,h,copy,,\n")
    problems = Problems()
    assert len(read_table(path, "sources", Source, problems)) == 1
    assert not problems.found


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "codec", "guess"),
    [("哈萨克斯坦", "gb18030", "GB18030"), ("Казахстан", "cp1251", "CP1251"), ("a résumé", "cp1252", "1252"), ("a", "utf-16", "UTF-16")],
)
def test_a_wrong_encoding_is_guessed(tmp_path: Path, text: str, codec: str, guess: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(("a\n" + text * 3 + "\n").encode(codec))
    with pytest.raises(DataError, match=guess):
        read_text(path)


names = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
values = st.one_of(st.integers(), st.text("abc[]{}#=\"'", max_size=6), st.lists(st.integers(), max_size=3))


@given(
    st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=4),
    st.lists(st.dictionaries(names, values, min_size=1, max_size=2), max_size=3),
)
def test_the_line_of_every_toml_key_is_found(tables: dict[str, dict[str, object]], series: list[dict[str, object]]) -> None:
    lines: list[str] = []
    expected = {}

    def put(path: tuple[str, ...], entries: dict[str, object]) -> None:
        for key, value in entries.items():
            written = str(value) if not isinstance(value, str) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            if isinstance(value, list):  # over several lines
                written = "[\n" + "".join(f"  {v},  # ] = comment\n" for v in value) + "]"
            expected[(*path, key)] = len("\n".join(lines).split("\n")) + 1 if lines else 1
            lines.append(f"{key} = {written}")

    for name, entries in tables.items():
        lines.append(f"[{name}]")
        put((name,), entries)
    for n, entries in enumerate(series):
        lines.append("[[zzzzz]]")
        put(("zzzzz", str(n)), entries)
    source = "\n".join(lines) + "\n"
    tomllib.loads(source)  # the text is TOML indeed
    found = toml_lines(source)
    assert {k: found.get(k) for k in expected} == expected


@pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "a/../../x", "C:\\x", "a\\b"])
def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    problems = Problems()
    assert inside(tmp_path, name, file="account.toml", line=3, key="files.claims", problems=problems) is None
    assert problems.found[0].code == "path_escapes"


def test_a_link_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.csv").write_text("x")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "out.csv")
    problems = Problems()
    assert inside(tmp_path / "in", "link.csv", file="f", line=None, key="k", problems=problems) is None
    assert inside(tmp_path / "in", "fine.csv", file="f", line=None, key="k", problems=problems) == tmp_path / "in" / "fine.csv"


@given(st.text(min_size=1, max_size=20))
def test_no_exported_cell_is_a_formula(cell: str) -> None:
    _, (back, _) = csv.reader(io.StringIO(to_csv(["a", "b"], [[cell, ""]]), newline=""))
    assert back[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert back.removeprefix("'") == cell.replace("\r\n", "\n").replace("\r", "\n").removeprefix("'")


def test_the_nearest_spelling_comes_first() -> None:
    assert nearest("KZ-MAM", [f"KZ-{x}" for x in ("ALA", "MAN", "ATY", "AKT", "ZAP", "ZHA", "KUS", "KAR", "VOS")]).startswith("KZ-MAN")
