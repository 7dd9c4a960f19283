"""`qantar show` and `qantar explain`: names of regions, days over two months, what counts as unrest."""

from __future__ import annotations

from pathlib import Path

import pytest

from qantar.errors import StudyError
from qantar.lookup.explain import explain
from qantar.lookup.show import Shown, show
from qantar.record.complete import GATHERINGS, UNREST, VIOLENCE
from qantar.record.schema import EVENT_KINDS
from qantar.verdicts.load import load_account

NAMED = "XA-ONE,Onía,一州"


def shown(folder: Path, what: str = "onset", region: str | None = None, lang: str = "en") -> Shown:
    return show(load_account(str(folder)), what, region=region, day=None, lang=lang)


def accented(tiny: Path) -> Path:
    path = tiny / "regions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("XA-ONE,Onia,一州", NAMED), encoding="utf-8")
    return tiny


@pytest.mark.parametrize("asked", ["Onía", "onia", "ONIA", "一州"])
def test_a_region_is_known_by_its_names(tiny: Path, asked: str) -> None:
    for what in ("onset", "observables", "events"):
        found = shown(accented(tiny), what, asked)
        by_id = shown(tiny, what, "XA-ONE")
        assert found.value == by_id.value
        assert any(line.endswith(" is XA-ONE.") for line in found.lines)
        assert not any("XA-ONE." in line for line in by_id.lines)


def test_the_country_is_known_by_its_name_and_a_mistake_is_told_names(tiny: Path) -> None:
    assert {r["region_id"] for r in shown(tiny, "events", "Tinyland").value} == {"XA"}
    with pytest.raises(StudyError) as caught:
        shown(tiny, "events", "Onai")
    assert "Onia" in str(caught.value.problems[0].args)


def test_days_over_two_months_name_both(tiny: Path) -> None:
    case = tiny / "case.toml"
    case.write_text(case.read_text(encoding="utf-8").replace("2030-03-05", "2030-04-02"), encoding="utf-8")
    (tiny / "presence.csv").unlink()
    assert shown(tiny).tables[0][1][4] == "1 Mar–2 Apr"
    assert shown(tiny, lang="zh").tables[0][1][4] == "3月1日至4月2日"


def test_an_open_first_day_is_later_or_never(tiny: Path) -> None:
    onsets = tiny / "region_onset.csv"
    onsets.write_text("".join(onsets.read_text(encoding="utf-8").splitlines(keepends=True)[:1]), encoding="utf-8")
    events = tiny / "events.csv"
    rows = events.read_text(encoding="utf-8").replace("S2,protest", "S2,strike")
    events.write_text(rows, encoding="utf-8")
    (tiny / "presence.csv").unlink()
    one, two = shown(tiny).tables[0][2]
    assert one[3] == "2030-03-02"
    assert two[3] == "later, or never; strikes only"


def test_every_kind_of_event_says_what_it_means_and_whether_it_counts() -> None:
    for lang, words in (("en", ("a gathering", "violence", "neither")), ("zh", ("聚集", "暴力", "都不是"))):
        (column,) = explain("events.kind", lang)
        told = {kind: what for kind, what, meaning in column.rows if meaning}
        assert list(told) == list(EVENT_KINDS)
        assert {k for k, what in told.items() if what == words[0]} == {*GATHERINGS}
        assert {k for k, what in told.items() if what == words[1]} == {*VIOLENCE}
        assert {*told.values()} == {*words}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("strike", "alone it is not counted as unrest"),
        ("clash", "Violence: counted"),
        ("march", "A gathering: counted"),
        ("looting", "Viol"),
    ],
)
def test_a_kind_is_explained_by_its_own_name(word: str, said: str) -> None:
    assert said in explain(word, "en")[0].meaning


@pytest.mark.parametrize(("word", "kinds"), [("gathering", GATHERINGS), ("violence", VIOLENCE), ("unrest", UNREST)])
def test_what_counts_is_listed_under_its_word(word: str, kinds: tuple[str, ...]) -> None:
    found = explain(word, "en")[0]
    assert tuple(kind for kind, _, _ in found.rows) == kinds


def test_both_verdicts_and_the_reason_stand_where_two_readers_differed() -> None:
    loaded = load_account("kazakhstan-2022")
    ((_, lines),) = [b for b in show(loaded, "C027", region=None, day=None, lang="en").blocks if b[0].startswith("C027")]
    said = dict(lines)["readers"].split("\n")
    assert said[1:] == [
        "first reader: partly right",
        "second reader: contradicted",
        "why: attempts in the night, taken in the afternoon: event right, hour wrong",
    ]
    ((_, agreed),) = [b for b in show(loaded, "C087", region=None, day=None, lang="en").blocks if b[0].startswith("C087")]
    assert "\n" not in dict(agreed)["readers"]


def test_a_hypothesis_says_what_its_experiment_found() -> None:
    loaded = load_account("kazakhstan-2022")
    blocks = show(loaded, "H05", region=None, day=None, lang="en").blocks
    assert ("experiment", [("verdict", loaded.trials()["H05"].said("en"))]) in blocks
