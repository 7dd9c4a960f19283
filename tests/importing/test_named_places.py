"""Places by their names alone: the whole country in several languages, districts in brackets, and the cell that is to blame."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from conftest import Ran, call_qantar
from kit.logs import mapping
from qantar.importing.places import Names
from qantar.importing.run import Summary, import_file
from qantar.record.schema import Region, Settlement

NAMES = [
    "NACIONAL",
    "Nacional",
    "Todo el país",
    "whole country",
    "Nationwide",
    "по всей стране",
    "全国",
    "tout le pays",
    "landesweit",
    "Tinyland",
]


def brought(tiny: Path, rows: list[tuple[str, ...]]) -> Summary:
    path = tiny.parent / "log.csv"
    path.with_suffix(".toml").write_text(mapping({"note": "told"}, {"clash": "clash"}), encoding="utf-8")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("day", "region", "town", "what", "told"), *((*row, "")[:5] for row in rows)])
    return import_file(path, tiny, mapping=path.with_suffix(".toml"))


def ours(tiny: Path) -> list[dict[str, str]]:
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        return [r for r in csv.DictReader(file) if r["source"] == "log"]


@pytest.mark.parametrize("name", NAMES)
def test_words_for_the_whole_country_are_the_country(tiny: Path, name: str) -> None:
    days = ["2030-03-01", "2030-03-02", "2030-03-03", "2030-03-04"]
    brought(tiny, list(zip(days, [name, name, "", name], ["", "-", name, name], ["march"] * 4, strict=True)))
    assert [(r["region_id"], r["settlement"]) for r in ours(tiny)] == [("XA", "")] * 4


@pytest.mark.parametrize(
    ("region", "town", "column", "value"),
    [("Nowhere", "", "region", "Nowhere"), ("Nowhere", "-", "region", "Nowhere"), ("Nowhere", "Sometown", "region", "Nowhere"),
     ("", "Sometown", "town", "Sometown"), ("?", "Sometown", "town", "Sometown")],
)  # fmt: skip
def test_an_unknown_place_is_told_by_the_cell_that_is_not_known(tiny: Path, region: str, town: str, column: str, value: str) -> None:
    (row,) = brought(tiny, [("2030-03-02", region, town, "march")]).taken.refused["unknown_place"]
    assert (row.column, row.value) == (column, value)


def test_a_region_of_a_name_that_two_have_is_answered_with_their_ids(tiny: Path) -> None:
    text = (tiny / "regions.csv").read_text(encoding="utf-8")
    (tiny / "regions.csv").write_text(text.replace("Twoia", "Onia"), encoding="utf-8")
    done = brought(
        tiny, [("2030-03-02", "Onia", "", "march"), ("2030-03-02", "Onia", "Twoville", "march"), ("2030-03-03", "XA-TWO", "", "march")]
    )
    (row,) = done.taken.refused["ambiguous_region"]
    assert (row.column, row.value, row.hint) == ("region", "Onia", "XA-ONE, XA-TWO")
    assert [r["region_id"] for r in ours(tiny)] == ["XA-TWO", "XA-TWO"]
    told = " ".join(call_qantar("import", "log.csv", "--mapping", "log.toml", "--into", "tiny", cwd=tiny.parent).out.split())
    assert "write the id of the one that is meant" in told
    assert "say the region too" not in told


@pytest.mark.parametrize(
    ("region", "town", "place"),
    [
        ("Onia", "Oneville (Old Town)", ("XA-ONE", "S1")),
        ("Onia", "Market Quarter (Oneville)", ("XA-ONE", "S1")),
        ("", "Oneville（老城）", ("XA-ONE", "S1")),
        ("", "Smallham (Twoia)", ("XA-TWO", "")),
        ("Onia (north)", "", ("XA-ONE", "")),
        ("Onia", "Nowhere (Nothing)", ("XA-ONE", "")),
    ],
)
def test_a_place_with_a_district_or_region_in_brackets_is_known(region: str, town: str, place: tuple[str, str]) -> None:
    regions = [
        Region.model_validate({"region_id": r, "name_en": n, "lat": 1, "lon": 1}) for r, n in (("XA-ONE", "Onia"), ("XA-TWO", "Twoia"))
    ]
    towns = [
        Settlement.model_validate({"settlement_id": s, "name_en": n, "region_id": r, "lat": 1, "lon": 1})
        for s, n, r in (("S1", "Oneville", "XA-ONE"), ("S2", "Twoville", "XA-TWO"))
    ]
    found = Names(regions, towns).find(region, town)
    assert (found.region, found.settlement) == place


TWICE = [
    ("2030-03-02", "Onia", "Oneville (Lowlands)", "clash", "Army fires, airport seized"),
    ("2030-03-02", "Onia", "Lowlands", "clash", "Fighting at the airport"),
    ("2030-03-03", "Onia", "Oneville", "clash; march", "Army fires, march goes on"),
    ("2030-03-03", "Onia", "Oneville", "march", "Marchers were shot at"),
    ("2030-03-03", "Twoia", "Lowlands", "clash", "Another place of this name"),
]


def told(tiny: Path) -> Ran:
    return call_qantar("import", "log.csv", "--mapping", "log.toml", "--into", "tiny", cwd=tiny.parent)


def test_one_place_under_two_names_is_perhaps_twice_and_a_row_taken_out_stays_out(tiny: Path) -> None:
    done = brought(tiny, TWICE)
    assert [[r["note"] for r in group] for group in done.duplicates] == [
        ["Army fires, airport seized", "Fighting at the airport"],
        ["Army fires, march goes on", "Marchers were shot at"],  # of two kinds, and the words of one tell of the other's
    ]
    lines = (tiny / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny / "events.csv").write_text("".join(x for x in lines if "Fighting at the airport" not in x), encoding="utf-8")
    again = " ".join(told(tiny).out.split())
    assert len(ours(tiny)) == 4
    assert "1 row of earlier imports was taken out of events.csv by hand, and stays out." in again
    assert 'clash "Fighting at the airport"' in again
    assert "0 added" in again
    assert "1 row of earlier imports was taken out" in " ".join(told(tiny).out.split())  # said each time
    left = [x for x in (tiny / "imported.csv").read_text(encoding="utf-8").splitlines() if not x.endswith(",E005")]
    assert len(left) == 5
    (tiny / "imported.csv").write_text("\n".join(left) + "\n", encoding="utf-8")
    assert "1 added" in told(tiny).out
    assert len(ours(tiny)) == 5


def test_a_row_that_was_taken_out_and_is_gone_from_all_events_comes_back_with_the_rest(tiny: Path) -> None:
    brought(tiny, TWICE)
    lines = (tiny / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny / "events.csv").write_text("".join(x for x in lines if ",log," not in x), encoding="utf-8")
    assert brought(tiny, TWICE).changes.added == 5  # a record that is begun anew


def test_rows_that_an_import_removed_may_come_back(tiny: Path) -> None:
    brought(tiny, TWICE)
    path = tiny.parent / "log.csv"
    whole = path.read_text(encoding="utf-8")
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert import_file(path, tiny, mapping=path.with_suffix(".toml"), remove_gone=True).changes.removed == 1
    path.write_text(whole, encoding="utf-8")
    assert import_file(path, tiny, mapping=path.with_suffix(".toml")).changes.added == 1


def test_a_file_of_somebody_else_in_the_place_of_the_list_is_left_alone(tiny: Path) -> None:
    (tiny / "imported.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"imported\.csv"):
        brought(tiny, TWICE)
    assert (tiny / "imported.csv").read_text(encoding="utf-8") == "a,b\n1,2\n"
