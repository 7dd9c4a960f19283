"""A table that nobody knows: one command shows what it is taken for, a second imports it; nothing is taken unseen, no work is written over."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from conftest import Ran, call_qantar
from qantar.importing.first import place_of

TABLE = """No,When,Town,What happened,How many,Killed,Where read
1,2030-03-02,Oneville,March on the town hall,2k,0,Courier
2,2030-03-02,Oneville,Town hall stormed,hundreds,1,Courier
3,2030-03-03,Twoville,Fireworks seen,,,Radio
4,2030-03-04,Twoville,March,about 300,two,Radio
5,soon,Twoville,March,,,Radio
"""


@pytest.fixture
def qantar(tiny: Path) -> Callable[..., Ran]:
    (tiny.parent / "log.csv").write_text(TABLE, encoding="utf-8")
    return partial(call_qantar, cwd=tiny.parent)


def flat(done: Ran) -> str:
    return " ".join(done.out.split())


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_two_commands_bring_a_table_in_and_the_first_names_the_second(tiny: Path, qantar: Callable[..., Ran]) -> None:
    before = files(tiny)
    look = qantar("import", "log.csv", "--into", "tiny")
    assert (look.code, files(tiny)) == (2, before)
    told = flat(look)
    for words in (
        "nothing was imported yet",
        "What happened type + note March | March on the town hall",
        "How many participants 2k | hundreds | about 300",
        "not known: left out 1 Fireworks seen",
        "march 3 March (2); March on the town hall",
        "building_seized 1 Town hall stormed",
        "if it did not, it is building_attacked: Town hall stormed.",
        "Rows: 5 read, 3 taken, 2 not taken",
        'line 6 When "soon"',
        'line 5 Killed "two"',
    ):
        assert words in told
    following = told.rpartition("Next: qantar ")[2].split()
    assert following == ["import", "log.csv", "--mapping", "log-mapping.toml", "--into", "tiny"]
    assert qantar(*following).code == 0
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        ours = [(r["kind"], r["participants_low"], r["note"]) for r in csv.DictReader(file) if r["source"] == "log"]
    assert ours == [
        ("march", "2000", "March on the town hall [Courier]"), ("building_seized", "", "Town hall stormed [Courier]"), ("march", "300", "March [Radio]"),
    ]  # fmt: skip


def test_a_mapping_that_somebody_changed_is_shown_and_not_written_over(tiny: Path, qantar: Callable[..., Ran]) -> None:
    qantar("import", "log.csv", "--into", "tiny")
    place = tiny.parent / "log-mapping.toml"
    mended = place.read_text(encoding="utf-8").replace('"Fireworks seen" = ""', '"Fireworks seen" = "statement"')
    place.write_text(mended, encoding="utf-8")
    told = flat(qantar("import", "log.csv", "--into", "tiny"))
    assert place.read_text(encoding="utf-8") == mended
    assert "log-mapping.toml, which you have changed, takes it for this" in told
    assert "As before, kinds with their rows: march 3, building_seized 1, statement 1." in told
    assert "Town hall stormed" not in told  # what was looked over once is not told again word by word
    assert "Rows: 5 read, 4 taken, 1 not taken" in told


def test_an_untouched_mapping_follows_the_table(tiny: Path, qantar: Callable[..., Ran]) -> None:
    qantar("import", "log.csv", "--into", "tiny")
    (tiny.parent / "log.csv").write_text(TABLE.replace("Fireworks seen", "Shops looted"), encoding="utf-8")
    assert "looting 1 Shops looted" in flat(qantar("import", "log.csv", "--into", "tiny"))


def test_another_file_in_the_place_of_the_mapping_stays(tiny: Path, qantar: Callable[..., Ran]) -> None:
    (tiny.parent / "log-mapping.toml").write_text("mine\n", encoding="utf-8")
    done = qantar("import", "log.csv", "--into", "tiny")
    assert (done.code, "log-mapping.toml" in done.err) == (2, True)
    assert (tiny.parent / "log-mapping.toml").read_text(encoding="utf-8") == "mine\n"


def test_with_dry_run_not_even_the_mapping_is_written(tiny: Path, qantar: Callable[..., Ran]) -> None:
    before = files(tiny.parent)
    told = flat(qantar("import", "log.csv", "--into", "tiny", "--dry-run"))
    assert files(tiny.parent) == before
    assert told.endswith("Next: qantar import log.csv --into tiny")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("when,town\nsoon,Oneville\n", "log-mapping.toml, line"),
        ("day,town,what\n05/01/2030,Oneville,march\n", "--date-order"),
        ("day,thing,what\n2030-03-02,x,march\n", "names no place"),
    ],
)
def test_what_is_to_be_completed_is_said_and_the_look_is_repeated(tiny: Path, qantar: Callable[..., Ran], table: str, words: str) -> None:
    (tiny.parent / "log.csv").write_text(table, encoding="utf-8")
    done = qantar("import", "log.csv", "--into", "tiny")
    assert (done.code, words in flat(done)) == (2, True)
    assert flat(done).endswith("Then look again: qantar import log.csv --into tiny")


def test_options_that_were_given_stand_in_the_next_command(tiny: Path, qantar: Callable[..., Ran]) -> None:
    (tiny.parent / "my log.csv").write_text("day,town,what\n02/03/2030,Oneville,march\n", encoding="utf-8")
    told = flat(qantar("import", "my log.csv", "--into", "tiny", "--date-order", "dmy", "--encoding", "utf-8"))
    command = 'qantar import "my log.csv" --mapping "my log-mapping.toml" --into tiny --encoding utf-8 --date-order dmy'
    assert told.endswith(f"Next: {command}")
    assert f"# {command}" in (tiny.parent / "my log-mapping.toml").read_text(encoding="utf-8").replace("Then: ", "\n# ")


def test_machines_are_told_the_same(tiny: Path, qantar: Callable[..., Ran]) -> None:
    done = qantar("import", "log.csv", "--into", "tiny", "--json")
    made = json.loads(done.out)
    assert (done.code, made["imported"], made["mapping"], made["would"]["read"]) == (2, False, "log-mapping.toml", 5)
    assert {"type": "Fireworks seen", "kind": "", "rows": 1} in made["kinds"]
    assert {"as": "participants", "column": "How many"} in made["columns"]


@pytest.mark.parametrize(("folder", "place"), [("case", "t-mapping.toml"), ("a/case", "a/t-mapping.toml"), (".", "../t-mapping.toml")])
def test_the_mapping_lies_beside_the_case(folder: str, place: str) -> None:
    assert place_of(Path("elsewhere/t.csv"), Path(folder)).as_posix() == place


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_look_is_told_in_both_languages(tiny: Path, qantar: Callable[..., Ran], lang: str) -> None:
    told = flat(qantar("--lang", lang, "import", "log.csv", "--into", "tiny"))
    assert ("下一步：qantar import" in told) == (lang == "zh")
