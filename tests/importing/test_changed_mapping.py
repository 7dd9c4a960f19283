"""A mapping that somebody has changed: words that it lacks are added with a proposal, and nothing that stood there is lost."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from conftest import Ran, call_qantar
from qantar.importing.mapping import read_mapping
from qantar.importing.propose import with_kinds
from qantar.record.schema import EVENT_KINDS

TABLE = """No,When,Town,Lo ocurrido,How many
1,2030-03-02,Oneville,March on the town hall; town hall stormed,2k
2,2030-03-02,Oneville,Fireworks seen,hundreds
3,2030-03-03,Twoville,Strike; Fireworks seen,
"""
NAMED = """# mine
[source]
key = "log"
title = "My log"
licence = "own"

[columns]
id = "No"
date = "When"
settlement = "Town"
type = "Lo ocurrido"  # named by hand
{kinds}
[every_row]
confidence = "high"
"""


@pytest.fixture
def place(tiny: Path) -> Path:
    (tiny.parent / "log.csv").write_text(TABLE, encoding="utf-8")
    return tiny.parent / "log-mapping.toml"


@pytest.fixture
def qantar(tiny: Path) -> Callable[..., Ran]:
    return partial(call_qantar, cwd=tiny.parent)


def flat(told: str) -> str:
    return " ".join(told.split())


def test_words_that_a_mapping_lacks_are_added_and_the_next_command_imports(tiny: Path, place: Path, qantar: Callable[..., Ran]) -> None:
    mine = NAMED.format(kinds="")
    place.write_text(mine, encoding="utf-8")
    told = flat(qantar("import", "log.csv", "--into", "tiny").out)
    after = place.read_text(encoding="utf-8")
    assert after.startswith(mine)
    assert read_mapping(place).kinds == {
        "Fireworks seen": "", "March on the town hall": "march", "town hall stormed": "building_seized", "Strike": "strike",
    }  # fmt: skip
    assert "4 words of the table had no line in log-mapping.toml" in told
    assert "where all kinds are listed" in told
    assert [k for k in EVENT_KINDS if f"\n# {k}: " not in after] == []
    assert "Rows: 3 read, 2 taken, 1 not taken" in told
    again = flat(qantar("import", "log.csv", "--into", "tiny").out)
    assert place.read_text(encoding="utf-8") == after
    assert "had no line" not in again
    assert "not known: left out 1 Fireworks seen" in again  # still wrong, so told again
    assert qantar("import", "log.csv", "--mapping", "log-mapping.toml", "--into", "tiny").code == 0
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        assert [r["kind"] for r in csv.DictReader(file) if r["source"] == "log"] == ["march", "strike"]


def test_rows_are_counted_and_not_words(place: Path, qantar: Callable[..., Ran]) -> None:
    told = flat(qantar("import", "log.csv", "--into", "tiny").out)
    assert "no column" not in told
    place.unlink()
    (place.parent / "log.csv").write_text(TABLE.replace("Lo ocurrido", "Qué pasó / what happened"), encoding="utf-8")
    told = flat(qantar("import", "log.csv", "--into", "tiny").out)
    assert "not known: left out 1 Fireworks seen (2)" in told  # two rows have the words, one of them a kind besides
    assert "march 1 March on the town hall" in told
    assert "strike 1 Strike" in told
    assert "building_seized 0 town hall stormed" in told


def test_a_mapping_given_to_the_import_names_the_command_that_adds(place: Path, qantar: Callable[..., Ran]) -> None:
    place.write_text(NAMED.format(kinds='[kinds]\n"Fireworks seen" = ""\n'), encoding="utf-8")
    told = flat(qantar("import", "log.csv", "--mapping", "log-mapping.toml", "--into", "tiny", "--dry-run").out)
    assert "by: qantar import log.csv --into tiny" in told


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "kinds", ["", '[kinds]\n"Strike" = "march"  # I know better\n', ' [ kinds ] # here\n', '[kinds]\n"a [b]" = "march"'],
)  # fmt: skip
def test_what_somebody_wrote_stays_wherever_it_stands(kinds: str, newline: str) -> None:
    mine = NAMED.format(kinds=kinds + "\n").replace("\n", newline)
    new = with_kinds(mine, ["Strike called", "Parliament stormed"], "en")
    assert new is not None
    read, was = tomllib.loads(new), tomllib.loads(mine)
    added = {"Strike called": "strike", "Parliament stormed": "building_seized"}
    assert read == was | {"kinds": was.get("kinds", {}) | added}
    left = iter(new.split(newline))
    assert all(line in left for line in mine.split(newline))  # every line, in its order
    assert "\n" not in new.replace(newline, "")


@pytest.mark.parametrize("kinds", ['kinds."x" = "march"', "[kinds"])
def test_where_kinds_is_no_table_nothing_is_written_and_it_is_said(place: Path, qantar: Callable[..., Ran], kinds: str) -> None:
    mine = (kinds + "\n" if "." in kinds else "") + NAMED.format(kinds="" if "." in kinds else kinds)
    place.write_text(mine, encoding="utf-8")
    done = qantar("import", "log.csv", "--into", "tiny")
    assert place.read_text(encoding="utf-8") == mine
    assert done.code == 2
    if "." in kinds:
        assert "none could be added" in flat(done.out)


def test_with_dry_run_a_changed_mapping_is_not_added_to(place: Path, qantar: Callable[..., Ran]) -> None:
    place.write_text(NAMED.format(kinds=""), encoding="utf-8")
    qantar("import", "log.csv", "--into", "tiny", "--dry-run")
    assert place.read_text(encoding="utf-8") == NAMED.format(kinds="")


def test_a_second_import_tells_what_is_new_and_the_rest_in_short(tiny: Path, place: Path, qantar: Callable[..., Ran]) -> None:
    kinds = '[kinds]\n"Fireworks seen" = ""\n"March on the town hall" = "march"\n"Strike" = "strike"\n'
    place.write_text(NAMED.format(kinds=kinds), encoding="utf-8")
    command = ("import", "log.csv", "--mapping", "log-mapping.toml", "--into", "tiny")
    assert "Rows that are new or changed, by kind: march 1, strike 1." in flat(qantar(*command).out)
    (tiny.parent / "log.csv").write_text(TABLE + "4,2030-03-04,Twoville,Strike,\n", encoding="utf-8")
    told = flat(qantar(*command).out)
    assert "Rows that are new or changed, by kind: strike 1. As before, kinds with their rows: march 1, strike 1." in told
    assert told.index("1 added") < told.index("As before")
