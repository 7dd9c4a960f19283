"""What the record of the packaged case holds, and that planted faults in any table are found."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path

import numpy as np

from qantar.cases.case import load_case
from qantar.record.complete import GATHERINGS
from qantar.record.load import load_record
from qantar.record.observables import Interval, disagreement, observe
from qantar.record.record import variables
from qantar.verdicts.load import Loaded


def test_the_tables_hold_what_the_data_sheet_says(loaded: Loaded) -> None:
    sizes = {name: len(table) for name, table in loaded.case.record.tables().items()}
    assert sizes == {
        "sources": 241,
        "regions": 17,
        "region_values": 292,
        "settlements": 211,
        "adjacency": 136,
        "events": 204,
        "presence": 105,
        "region_onset": 17,
        "totals": 65,
        "economy": 127,
        "forces": 20,
        "disagreements": 8,
        "variables": 0,
    }
    assert sum(loaded.case.record.value(r.region_id, "population") or 0 for r in loaded.case.record.regions) == 19_122_423


def test_onsets_are_intervals_and_six_are_firm(loaded: Loaded) -> None:
    onsets = {o.region_id: o for o in observe(loaded.case.record).onsets}
    assert len(onsets) == 17
    assert {k for k, o in onsets.items() if o.firm} == {"KZ-ATY", "KZ-ZAP", "KZ-ZHA", "KZ-KZY", "KZ-KUS", "KZ-SEV"}
    assert onsets["KZ-AKM"].latest is None  # perhaps never
    assert (onsets["KZ-VOS"].earliest.day, onsets["KZ-VOS"].latest) == (3, dt.date(2022, 1, 5))  # the documented disagreement
    assert all(o.stated is None or o.earliest <= o.stated for o in onsets.values())


def test_unknown_is_kept_apart_from_zero(loaded: Loaded) -> None:
    seen = observe(loaded.case.record)
    rows = dict(zip(seen.region_ids, seen.presence, strict=True))
    assert set(np.unique(seen.presence[~np.isnan(seen.presence)])) == {0.0, 1.0}
    assert rows["KZ-MAN"].tolist() == [1.0] * 8
    assert math.isnan(rows["KZ-KZY"][5])  # 6 January: the ministry and the press disagree
    assert math.isnan(rows["KZ-SHY"][2])  # 3 January: the onset interval still allows a start, so 0 is not known
    assert rows["KZ-SHY"][1] == 0
    assert (np.isnan(seen.presence).sum(), (seen.presence == 1).sum(), (seen.presence == 0).sum()) == (33, 52, 51)


def test_counts_of_regions_agree_with_the_stated_ones(loaded: Loaded) -> None:
    seen = observe(loaded.case.record)
    for stated in seen.regions_with_unrest:
        column = seen.presence[:, seen.days.index(stated.date)]
        sure, possible = int(np.nansum(column)), int(np.nansum(column) + np.isnan(column).sum())
        assert sure <= stated.interval.high
        assert possible >= stated.interval.low


def test_the_dated_series(loaded: Loaded) -> None:
    seen = observe(loaded.case.record)
    assert {d.date.day: (d.interval.low, d.interval.high) for d in seen.participants} == {
        2: (700, 700),
        4: (36_831, 38_000),
        5: (50_000, 50_000),
    }
    detained = {d.date.day: (d.interval.low, d.interval.high) for d in seen.detained}
    assert detained[6] == (2298, 2298)
    assert detained[11] == (9900, 9900)
    assert detained[7] == (3000, 3811)
    official = [d.interval.high for d in seen.detained if d.stated_by == "interior ministry"]
    assert official == sorted(official)  # a running total does not fall


def test_deaths_of_five_units_and_the_rest(loaded: Loaded) -> None:
    seen = observe(loaded.case.record)
    deaths = {u.region_id: u.interval for u in seen.deaths}
    assert deaths == {
        "KZ-ALA": Interval(139, 151, 151),
        "KZ-KZY": Interval(26, 26, 26),
        "KZ-SHY": Interval(20, 20, 20),
        "KZ-ZHA": Interval(17, 17, 17),
        "KZ-ALM": Interval(8, 8, 24),
        "": Interval(0, None, 16),
    }
    assert seen.deaths_total is not None
    assert seen.deaths_total.interval == Interval(188, 238, 241)
    final = sum(i.value or 0 for k, i in deaths.items() if k not in ("KZ-ALM", ""))
    assert final + deaths["KZ-ALM"].high == 238  # the parts add up to the whole


def test_seats(loaded: Loaded) -> None:
    seats = observe(loaded.case.record).seats_entered
    assert {k for k, v in seats.items() if v} == {"KZ-ALA", "KZ-ALM", "KZ-AKT", "KZ-ZHA"}
    assert {k for k, v in seats.items() if v is None} == {"KZ-ATY", "KZ-KZY", "KZ-VOS"}


def test_disagreements_are_intervals_over_the_rows_they_name(loaded: Loaded) -> None:
    record = loaded.case.record
    ranges = {d.disagreement_id: disagreement(record, d) for d in record.disagreements}
    found = {k: (i.low, i.high) if i else None for k, i in ranges.items()}
    assert found == {
        "D01": (188, 241),
        "D02": (139, 151),
        "D03": (9900, 16000),
        "D04": None,
        "D05": (8, 12),
        "D06": (2030, 3950),
        "D07": (3, 5),
        "D08": None,
    }


def test_days_are_local(loaded: Loaded) -> None:
    record = loaded.case.record
    assert (record.utc_offset("KZ-MAN"), record.utc_offset("KZ-ALA"), record.utc_offset("KZ")) == (5, 6, 6)
    cut = next(e for e in record.events if e.event_id == "E074")
    assert record.instant(cut) == dt.datetime(2022, 1, 5, 10, 30, tzinfo=dt.UTC)  # the blackout, as the sources give it in UTC
    west = next(e for e in record.events if e.event_id == "E009")
    assert record.instant(west) == dt.datetime(2022, 1, 3, 18, 0, tzinfo=dt.UTC)
    for event in record.events:
        if (instant := record.instant(event)) is not None:
            assert (instant + dt.timedelta(hours=record.utc_offset(event.region_id))).date() == event.date


def test_every_figure_has_a_source_and_every_source_of_a_row_exists(loaded: Loaded) -> None:
    known = {s.key for s in loaded.case.record.sources}
    for name, table in loaded.case.record.tables().items():
        if name not in ("sources", "adjacency"):
            assert all(row.source in known for row in table)


def test_no_outcome_reads_the_cap_decreed_because_of_the_unrest_or_ethnicity(loaded: Loaded) -> None:
    # Guards for later rooms: the register says in words that these may not be used, and nothing in the code names them.
    package = Path(__import__("qantar").__file__).parent
    code = "\n".join(p.read_text(encoding="utf-8") for p in package.rglob("*.py"))
    for name in ("kazakh_share", "lpg_cap_2022_01_06"):
        assert name in {v.variable for v in variables()}
        assert name not in code


def test_a_record_without_totals_still_has_observables(tiny: Path) -> None:
    totals = tiny / "totals.csv"
    totals.write_text(totals.read_text().split("\n")[0] + "\n")
    (tiny / "disagreements.csv").write_text((tiny / "disagreements.csv").read_text().split("\n")[0] + "\n")
    seen = observe(load_record(tiny, "XA"))
    assert seen.deaths_total is None
    assert seen.deaths == seen.participants == seen.detained == ()


def test_a_valid_case_is_clean(tiny: Path) -> None:
    assert load_case(str(tiny)).head.id == "tiny"


def test_first_gathering_among_events_fits_every_onset(loaded: Loaded) -> None:
    record = loaded.case.record
    for row in record.region_onset:
        first = min(e.date for e in record.events if e.region_id == row.region_id and e.kind in GATHERINGS)
        assert row.onset_earliest <= first
        assert row.onset_latest is None or first <= row.onset_latest


def test_notes_in_both_languages_name_the_same_figures(loaded: Loaded) -> None:
    # Digits survive translation, but for ten thousands (20,000 = 2万), hours, and days written out.
    def figures(text: str) -> set[str]:
        return {n for n in re.findall(r"\d{3,}", text.replace(",", "")) if not n.endswith("0000")}

    for event in loaded.case.record.events:
        assert event.note_zh
        assert figures(event.note) <= figures(event.note_zh) | {"300"}, event.event_id  # E069: 300 million = 3亿
