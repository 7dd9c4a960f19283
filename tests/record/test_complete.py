"""A record of few tables: what follows from the events, and that nothing a person wrote is replaced."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import pytest

from conftest import call_qantar
from qantar.cases.case import load_case
from qantar.errors import DataError
from qantar.inference.distance import _harm
from qantar.record.complete import zone_offset
from qantar.record.observables import observe
from qantar.record.record import Record
from qantar.report.map import HEIGHT_MAX, draw, signs
from qantar.report.page import render
from qantar.report.pairs import message
from qantar.verdicts.claims import judge
from qantar.verdicts.load import load_account

FEW = "date,kind,lat,lon,participants_low,deaths_low,deaths,deaths_high\n"
ROWS = (
    "2030-03-02,protest,15,10.5,40,,,\n2030-03-04,clash,15,10.6,,1,2,4\n2030-03-05,clash,15,11.4,,,3,\n2030-03-03,protest,15,10.4,90,,,\n"
)


def few(tiny: Path, events: str = FEW + ROWS) -> Path:
    """The tiny case with regions, their shapes and events, and nothing else."""
    for path in tiny.iterdir():
        if path.name not in ("case.toml", "regions.csv", "regions.geojson"):
            path.unlink()
    (tiny / "regions.csv").write_text(
        "region_id,name_en,lat,lon,time_zone\nXA-ONE,Onia,15,10.5,Africa/Lagos\nXA-TWO,Twoia,15,11.5,Africa/Cairo\n"
    )
    return few_again(tiny, events)


def few_again(tiny: Path, events: str) -> Path:
    """The same few tables with other events."""
    (tiny / "events.csv").write_text(events)
    return tiny


def record(folder: Path) -> Record:
    return load_case(str(folder)).record


def test_events_with_a_date_a_point_and_a_kind_make_a_record(tiny: Path) -> None:
    found = record(few(tiny))
    assert [(e.event_id, e.region_id, e.scope, e.source) for e in found.events] == [
        ("E2", "XA-ONE", "event", "own"),
        ("E3", "XA-ONE", "event", "own"),
        ("E4", "XA-TWO", "event", "own"),
        ("E5", "XA-ONE", "event", "own"),
    ]
    assert [(s.key, s.seen) for s in found.sources] == [("own", "not-said")]
    assert found.derived == ("region_onset", "presence", "totals")
    assert {"sources", "settlements", "totals", "presence", "adjacency"} <= {*found.missing}


def test_first_days_and_tolls_follow_from_the_events(tiny: Path) -> None:
    seen = observe(record(few(tiny)))
    one, two = seen.onsets
    assert (one.earliest, one.latest, one.firm) == (dt.date(2030, 3, 2), dt.date(2030, 3, 2), True)
    assert (two.earliest.day, two.firm) == (5, True)  # of a clash: whoever wrote no first days is not told that none was there
    assert [d.day for d in seen.days] == [1, 2, 3, 4, 5]
    assert [n for n, present in enumerate(seen.presence[0], 1) if present == 1] == [2, 3, 4]
    assert np.isnan(seen.presence[0][[0, 4]]).all()  # a day without an event is not a day without unrest
    assert np.isnan(seen.presence[1]).tolist() == [True] * 4 + [False]
    assert seen.deaths_total is not None
    assert {u.basis for u in (seen.deaths_total, *seen.deaths)} == {"events"}  # nobody's count of the whole
    assert (seen.deaths_total.interval.low, seen.deaths_total.interval.high) == (4, 7)
    assert {u.region_id: str(u.interval) for u in seen.deaths} == {"XA-ONE": "1–4", "XA-TWO": "3"}


@pytest.mark.parametrize(
    ("row", "firm", "interval"),
    [
        ("2030-03-02,2030-03-04,protest,15,10.5,date uncertain", False, (2, 4)),  # some day of three
        ("2030-03-02,,strike,15,10.5,event", False, (1, None)),  # not a gathering
        ("2030-02-20,,protest,15,10.5,event", False, (1, None)),  # before the days of the case
        ("2030-03-02,,march,15,10.5,claim", True, (2, 2)),
    ],
)
def test_what_a_row_says_of_the_first_day(tiny: Path, row: str, firm: bool, interval: tuple[int, int | None]) -> None:
    seen = observe(record(few(tiny, f"date,date_end,kind,lat,lon,scope\n{row}\n")))
    onset = seen.onsets[0]
    assert (onset.firm, (onset.earliest.day, onset.latest and onset.latest.day)) == (firm, interval)
    assert len(seen.days) == 0  # none of these is a day on which a gathering is certain


def test_of_a_region_of_which_nothing_is_recorded_nothing_is_said(tiny: Path) -> None:
    folder = few(tiny, "date,kind,region_id\n2030-03-02,march,XA-ONE\n")
    seen = observe(record(folder))
    assert [o.confidence for o in seen.onsets] == ["medium", None]
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', page_of(folder).split('class="onset')[1].split("</table>")[0])
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row)[-4:-1] for row in rows]  # seat, crowd, confidence
    assert [["not known" in seat, "not known" in crowd, sure] for seat, crowd, sure in cells] == [
        [True, True, "–"],  # the region of which nothing is recorded may have begun first
        [True, True, str(message("confidence.medium"))],
    ]
    assert "unclear whether entered" not in page_of(folder)


def test_a_sum_has_the_sources_of_its_events_and_rows_stand_by_day(tiny: Path) -> None:
    head = "date,kind,region_id,deaths,source\n"
    folder = few(tiny, head + "2030-03-03,clash,XA-ONE,2,p\n2030-03-02,clash,XA-ONE,3,q\n2030-03-04,statement,XA-ONE,0,r\n")
    row = "{0},{0},{0},n/a,CC0,read,whole\n"
    (folder / "sources.csv").write_text(
        "key,title,publisher,address_complete,licence,how_obtained,seen\n" + "".join(row.format(k) for k in "pqr")
    )
    total = observe(record(folder)).deaths_total
    assert total is not None
    assert total.sources == ("p", "q")
    page = page_of(folder)
    assert re.findall(r'id="event-(E\d)"', page) == ["E3", "E2", "E4"]
    assert "0 dead" not in page  # of a statement


def test_a_source_that_nobody_named_is_told_as_such(tiny: Path) -> None:
    folder = few(tiny)
    figure = re.search(r'<figure id="figure-deaths">.*?</figure>', page_of(folder), re.DOTALL)
    assert figure is not None
    assert ">own</a>" not in figure[0]
    told = call_qantar("show", str(folder), cwd=tiny.parent).out
    assert "no source is named" in figure[0]
    assert "no source is named" in told


def test_what_lasted_counts_on_each_of_its_days(tiny: Path) -> None:
    head = "date,date_end,kind,lat,lon,scope,participants_low\n"
    inside, before, after = "2030-03-02,2030-03-04", "2030-02-26,2030-03-02", "2030-03-04,2030-03-09"
    for days, first, counted in ((inside, 2, [2, 3, 4]), (before, 1, [1, 2]), (after, 4, [4, 5])):
        seen = observe(record(few(tiny, f"{head}{days},clash,15,10.5,event,70\n")))
        assert (seen.onsets[0].stated, seen.onsets[0].firm) == (dt.date(2030, 3, first), True)
        assert [n for n, word in enumerate(seen.words()["XA-ONE"], 1) if word == "present"] == counted
    assert not len(observe(record(few(tiny, f"{head}2030-02-20,2030-02-26,clash,15,10.5,event,70\n"))).days)


def test_a_day_inside_what_lasted_is_not_quiet(tiny: Path) -> None:
    folder = few(tiny, "date,date_end,kind,region_id\n2030-03-02,2030-03-04,protest,XA-ONE\n")
    (folder / "presence.csv").write_text("region_id,date,unrest\nXA-ONE,2030-03-03,0\n")
    with pytest.raises(DataError) as caught:
        record(folder)
    assert [(p.file, p.code) for p in caught.value.problems] == [("presence.csv", "presence_conflict")]


def test_a_doubtful_report_leaves_later_days_certain_and_bounds_nothing(tiny: Path) -> None:
    head = "date,date_end,kind,lat,lon,scope,confidence,source\n"
    (sources := few(tiny) / "sources.csv").write_text(
        "key,title,publisher,address_complete,licence,how_obtained,seen\np,P,P,n/a,CC0,read,whole\nq,Q,Q,n/a,CC0,read,whole\n"
    )
    rows = "2030-03-02,,protest,15,10.5,event,low,p\n2030-03-04,,march,15,10.5,event,medium,q\n2030-03-05,,march,15,10.5,event,high,q\n"
    found = record(few_again(sources.parent, head + rows))
    seen = observe(found)
    onset, row = seen.onsets[0], found.region_onset.rows[0]
    assert (onset.earliest.day, onset.latest and onset.latest.day, onset.stated, onset.confidence) == (2, 4, None, "medium")
    assert seen.words()["XA-ONE"] == ["missing", "missing", "missing", "present", "present"]
    assert (row.source, row.sources_more) == ("p", ("q",))
    doubtful_alone = observe(record(few_again(tiny, head + rows.splitlines(keepends=True)[0]))).onsets[0]
    assert (doubtful_alone.latest, doubtful_alone.confidence) == (dt.date(2030, 3, 2), "low")
    both = head + rows.replace("2030-03-04", "2030-03-02")
    assert observe(record(few_again(tiny, both))).onsets[0].stated == dt.date(2030, 3, 2)


def test_what_is_written_is_kept(tiny: Path) -> None:
    before = record(tiny)
    assert (before.missing, before.derived) == (("variables",), ())
    onsets = tiny / "region_onset.csv"
    onsets.write_text("".join(onsets.read_text().splitlines(keepends=True)[:2]))
    after = record(tiny)
    assert after.derived == ("region_onset",)
    assert after.region_onset.rows[0] == before.region_onset.rows[0]
    assert (after.region_onset.rows[1].region_id, after.region_onset.rows[1].onset_date) == ("XA-TWO", dt.date(2030, 3, 3))
    assert after.totals == before.totals


def test_a_point_off_the_coast_belongs_to_the_nearest_region_and_one_at_sea_to_none(tiny: Path) -> None:
    assert record(few(tiny, "date,kind,lat,lon\n2030-03-02,protest,15,12.2\n")).events.rows[0].region_id == "XA-TWO"
    for point, rule in (("15,13", "point_nowhere"), ("10.5,15", "point_swapped")):
        with pytest.raises(DataError) as caught:
            record(few(tiny, f"date,kind,lat,lon\n2030-03-02,protest,{point}\n"))
        assert [(p.file, p.line, p.key, p.code) for p in caught.value.problems] == [("events.csv", 2, "lat", rule)]


def test_a_column_is_written_for_every_row_or_for_none(tiny: Path) -> None:
    with pytest.raises(DataError) as caught:
        record(few(tiny, "date,kind,lat,lon,source,confidence\n2030-03-02,protest,15,10.5,,\n"))
    assert {(p.line, p.key, p.code) for p in caught.value.problems} == {(2, "source", "missing_source"), (2, "confidence", "empty_cell")}


def test_an_event_without_a_settlement_is_drawn_at_its_point(tiny: Path) -> None:
    case = load_case(str(few(tiny)))
    sheet = draw(case)
    drawn = signs(case.record, sheet, [dt.date(2030, 3, 2)])
    assert [(s.day, (s.x, s.y)) for s in drawn] == [(0, sheet.places["E2"])]


def test_hours_follow_the_time_zone_of_the_day() -> None:
    assert [zone_offset("Europe/Paris", dt.date(2023, month, 1)) for month in (1, 7)] == [1.0, 2.0]
    assert zone_offset("Asia/Kathmandu", dt.date(2020, 1, 1)) == 5.75


def test_an_hour_is_told_by_the_zone_on_its_own_day(tiny: Path) -> None:
    found = record(few(tiny, "date,time_local,kind,region_id\n2030-03-02,12:00,protest,XA-TWO\n2030-06-02,12:00,protest,XA-TWO\n"))
    assert [found.instant(e) for e in found.events] == [
        dt.datetime(2030, 3, 2, 10, tzinfo=dt.UTC),
        dt.datetime(2030, 6, 2, 9, tzinfo=dt.UTC),  # summer time in Egypt
    ]


REGISTER = "variable,unit,low,high,meaning_en\nbread_price,money a loaf,0,1000,Price of a loaf\nfx_usd,som per euro,0,1000,Rate of the central bank\n"


def test_a_case_has_its_own_currency_and_quantities(tiny: Path) -> None:
    case = tiny / "case.toml"
    case.write_text(case.read_text().replace('country = "XA"', 'country = "XA"\ncurrency = "som"'))
    (tiny / "variables.csv").write_text(REGISTER)
    (tiny / "economy.csv").write_text(
        "date,series,region_id,value,unit,method,confidence,source\n"
        "2030-02-01,bread_price,XA,30,money a loaf,read,high,gazette\n"
        "2030-02-01,fx_usd,XA,90,som per euro,read,high,gazette\n"
        "2030-02-01,minimum_wage,XA,900,som a month,read,high,gazette\n"
    )
    found = record(tiny)
    assert [found.register[name].unit for name in ("bread_price", "fx_usd", "minimum_wage")] == [
        "money a loaf",
        "som per euro",
        "som a month",
    ]
    (tiny / "variables.csv").unlink()
    with pytest.raises(DataError) as caught:
        record(tiny)
    assert {(p.line, p.key, p.code) for p in caught.value.problems} == {(2, "series", "unknown_variable"), (3, "unit", "wrong_unit")}


def test_a_case_without_an_account_has_a_page_of_its_record(tiny: Path) -> None:
    folder, home = str(few(tiny)), tiny.parent
    told = {f["kind"] for f in call_qantar("check", folder, "--json", cwd=home).json()["files"]}
    assert {"table events", "absent region_onset", "absent presence", "absent totals"} <= told
    done = call_qantar("study", folder, "--out", "page", cwd=home)
    assert "No account has been held against it yet" in " ".join(done.out.split())
    page = (home / "page" / "report.html").read_text()
    assert 'id="verdicts"' not in page
    for sentence in ("Verdicts are written", "结论由本台账", "The verdicts say", "qantar verdicts", "Verdicts on causes"):
        assert sentence not in page + done.out
    assert sorted(p.name for p in (home / "page").iterdir()) == ["report.html", "result.json"]
    assert "verdicts.csv" not in done.out
    again = call_qantar("study", folder, "--out", "page", cwd=home)
    assert "writing" in done.err
    assert "writing" not in again.err  # the study of a record is whole without a table of verdicts
    assert "not quiet" in page  # where days without an event are unknown
    assert page.count('id="event-E') == 4


def page_of(folder: Path) -> str:
    """The page, its languages side by side and its blanks as blanks."""
    return render(load_account(str(folder))).replace("\u00a0", " ")


def test_a_page_says_what_it_counts_and_shows_the_figures_of_a_row(tiny: Path) -> None:
    head = "date,kind,lat,lon,participants_low,participants_high,deaths_low,deaths,deaths_high,injured,detained\n"
    page = page_of(
        few(
            tiny,
            f"{head}2030-03-02,protest,15,10.5,500,1000,1,2,4,1200,7\n2030-03-03,strike,15,11.4,,,,,,,\n2030-03-04,march,15,10.5,1,1,,0,,,\n",
        )
    )
    for en, zh in (
        ("500–1,000 people", "500–1,000人参加"),
        ("2 (1–4) dead", "死亡2 (1–4)人"),
        ("1,200 injured", "受伤1,200人"),
        ("7 detained", "被拘留7人"),
        ("1 person", "1人参加"),
        ("0 dead", "死亡0人"),
        ("1 region with unrest reported", "1个地区报道有动荡"),
        ("Strikes only, which are not counted as unrest: Twoia.", "只有罢工、不计为动荡的：Twoia。"),
        ("strikes only", "只有罢工"),
        (" or later, or never", "或更晚，也可能从未发生"),
        ("sum of the events listed, lowest and highest", "所列事件之和，最低与最高"),
        ("what no event counts is missing from them", "事件未计的不在其内"),
        ("(protest, march, road blocked, railway blocked)", "（抗议、游行、公路被堵、铁路被堵）"),
    ):
        assert en in page, en
        assert zh in page, zh
    assert "final count; the range" not in page
    assert page.count("Strikes only,") == 1  # on its day
    strikes = next(row for row in page.split("<tr") if "strikes only" in row)
    assert "Twoia" in strikes


def test_a_source_without_address_and_publisher_is_counted_among_those_nobody_can_look_up(tiny: Path) -> None:
    sources = tiny / "sources.csv"
    plain = sources.read_text(encoding="utf-8")
    ids = ("C1", "C2")  # both cite the gazette

    def flagged(row: str) -> list[bool]:
        kept = [line if not line.startswith("gazette,") else row for line in plain.splitlines()]
        sources.write_text("\n".join(kept) + "\n", encoding="utf-8")
        found = {j.claim.claim_id: j.flags for j in judge(load_account(str(tiny)).account)}
        return [[f for f in ("address-lost", "no-address") if f in found[i]] for i in ids]

    assert flagged("gazette,The Gazette,Tinyland Gazette,,,no,facts cited only,read,whole") == [["address-lost"]] * 2
    assert flagged("gazette,The Gazette,Tinyland Gazette,,,n/a,facts cited only,read,whole") == [[], []]
    assert flagged("gazette,table.xlsx,(not said),,https://example.org/2,n/a,not stated,imported,whole") == [[], []]
    assert flagged("gazette,table.xlsx,(not said),,,n/a,not stated,imported,whole") == [["no-address"]] * 2  # it never had one
    told = " ".join(call_qantar("verdicts", str(tiny), cwd=tiny.parent).out.split())
    assert "on sources whose address was not kept. 2 claims rest on sources that have no address and no publisher" in told


def test_rows_that_may_not_be_passed_on_are_never_exported(tiny: Path) -> None:
    sources = tiny / "sources.csv"
    head, *rows = sources.read_text().splitlines()
    sources.write_text("\n".join([f"{head},redistribution", *(f"{row},{'no' if row.startswith('letter') else ''}" for row in rows)]) + "\n")
    assert record(tiny).withheld() == {"letter": 4}
    done = call_qantar("export", str(tiny), "--out", "crate", cwd=tiny.parent)
    assert done.code != 0
    assert "whose terms forbid" in " ".join(done.err.split())
    assert not (tiny.parent / "crate").exists()


def test_what_was_kept_of_such_rows_is_not_exported_either(tiny: Path) -> None:
    sources = tiny / "sources.csv"
    head, *rows = sources.read_text().splitlines()
    log = "log,A Log,A Provider,2030-03-02,,n/a,terms,imported,whole,no"
    sources.write_text("\n".join([f"{head},redistribution", *(f"{row}," for row in rows), log]) + "\n")
    (tiny / "kept.toml").write_text('["C1"."E9"]\n"note" = "Words of the provider"\n"source" = "log"\n')
    assert not record(tiny).withheld()  # the row itself is gone
    done = call_qantar("export", str(tiny), "--out", "crate", cwd=tiny.parent)
    assert done.code != 0
    assert "whose terms forbid" in " ".join(done.err.split())


def test_a_page_leaves_out_the_words_of_rows_that_may_not_be_passed_on_and_says_so(tiny: Path) -> None:
    head = "date,kind,region_id,participants_low,note,source,sources_more\n"
    rows = "2030-03-02,march,XA-ONE,70,Words of the provider,letter,\n2030-03-03,march,XA-ONE,,Own words,mine,\n"
    folder = few(tiny, head + rows + "2030-03-04,march,XA-ONE,,Words of both,mine,letter\n")
    sources = folder / "sources.csv"
    sources.write_text(
        "key,title,publisher,address_complete,licence,how_obtained,seen,redistribution\n"
        "letter,A Letter,L,n/a,terms,read,whole,no\nmine,Mine,M,n/a,CC0,read,whole,\n"
    )
    page = page_of(folder)
    for words in ("2 rows of the record come from A Letter (letter), marked as not to be passed on", "70–… people", "Own words"):
        assert words in page
    assert not re.search("Words of (the provider|both)", page)
    told = " ".join(call_qantar("study", str(folder), "--out", "page", cwd=tiny.parent).out.split())
    assert "2 rows of letter may not be passed on" in told
    for path in (tiny.parent / "page").iterdir():
        assert not re.search(b"Words of (the provider|both)", path.read_bytes()), path
    assert json.loads((tiny.parent / "page" / "result.json").read_text())["licences"] == [
        "CC0",
        "terms",
        "not said",
    ]  # the last of rows without a source
    assert "Words of the provider" in call_qantar("show", str(folder), "events", cwd=tiny.parent).out
    sources.write_text(sources.read_text().replace("whole,no", "whole,yes"))
    assert "Words of the provider" in page_of(folder)
    assert "may not be passed on" not in call_qantar("study", str(folder), "--out", "page", cwd=tiny.parent).out


def test_a_country_long_from_north_to_south_keeps_to_the_height_of_a_sheet(tiny: Path) -> None:
    shapes = tiny / "regions.geojson"
    whole = json.loads(shapes.read_text())
    for n, feature in enumerate(whole["features"]):
        x, y = 10 + n * 1.0, -20.0
        feature["geometry"]["coordinates"] = [[[x, y], [x + 1, y], [x + 1, 40], [x, 40], [x, y]]]
    shapes.write_text(json.dumps(whole))
    sheet = draw(load_case(str(tiny)))
    assert sheet.height == HEIGHT_MAX
    xs = [x for x, _ in sheet.places.values()]
    assert abs(sum(xs) / len(xs) - sheet.width / 2) < 20  # in the middle


def test_counts_of_others_do_not_hide_the_dead_of_the_events(tiny: Path) -> None:
    folder = few(tiny)
    head = "total_id,as_of,region_id,quantity,value_low,status,stated_by,source\n"
    (folder / "sources.csv").write_text("key,title,publisher,address_complete,licence,how_obtained,seen\np,P,P,n/a,CC0,read,whole\n")
    (folder / "totals.csv").write_text(f"{head}T1,2030-03-02,XA,participants,500,day,police,p\n")
    seen = observe(record(folder))
    assert [d.interval.low for d in seen.participants] == [500]
    assert seen.deaths_total is not None
    (folder / "totals.csv").write_text(f"{head}T1,2030-03-05,XA,deaths_cumulative,9,final,police,p\n")
    counted = observe(record(folder))
    assert counted.deaths_total is not None
    assert counted.deaths_total.interval.high == 9  # whoever counted the dead is not added to


def test_what_may_be_in_the_toll_twice_is_named_beside_it(tiny: Path) -> None:
    folder, home = (
        few(tiny, FEW + "2030-03-04,clash,15,10.6,,,4,\n2030-03-04,clash,15,10.6,90,,5,\n2030-03-05,march,15,11.4,5,,,\n"),
        tiny.parent,
    )
    events = folder / "events.csv"
    shown = call_qantar("show", str(folder), "--json", cwd=home).json()
    assert (shown["deaths_total"]["interval"]["low"], shown["dead_perhaps_twice"]) == (9, [["E2", "E3"]])
    told = {name: " ".join(call_qantar(name, str(folder), cwd=home).out.split()) for name in ("show", "check")}
    assert "in the sum twice: E2, E3." in told["show"]
    assert "Perhaps twice: 1 group of rows of one day, place and kind: E2, E3." in told["check"]
    figure = re.search(r'<figure id="figure-deaths">.*?</figure>', page_of(folder), re.DOTALL)
    assert figure is not None
    assert "in the sum twice:</span>" in figure[0]
    assert '<a href="#event-E2">E2</a>, <a href="#event-E3">E3</a></p>' in figure[0]
    events.write_text(events.read_text().replace(",,5,", ",,,"))  # the second row counts no dead
    assert "dead_perhaps_twice" not in call_qantar("show", str(folder), "--json", cwd=home).json()
    assert call_qantar("check", str(folder), "--json", cwd=home).json()["perhaps_twice"] == [["E2", "E3"]]
    assert "in the sum twice" not in page_of(folder)


def test_a_range_that_nobody_narrowed_has_no_best_figure(tiny: Path) -> None:
    folder = few(tiny, FEW + "2030-03-04,clash,15,10.6,,5,,19\n2030-03-05,clash,15,11.4,,,4,\n")
    seen = observe(record(folder))
    assert seen.deaths_total is not None
    assert (str(seen.deaths_total.interval), seen.deaths_total.interval.value) == ("9–23", None)
    figure = re.search(r'<figure id="figure-deaths">.*?</figure>', page_of(folder), re.DOTALL)
    assert figure is not None
    assert "9–23" in figure[0]
    assert "final count" not in figure[0]
    dots = re.findall(r'<path class="a f" d="([^"]*)"', figure[0])
    assert len(dots) == 1  # of the one region whose dead are one number


def test_a_final_count_that_is_a_range_leaves_the_rest_a_range(tiny: Path) -> None:
    folder = few(tiny)
    (folder / "sources.csv").write_text("key,title,publisher,address_complete,licence,how_obtained,seen\np,P,P,n/a,CC0,read,whole\n")
    (folder / "totals.csv").write_text(
        "total_id,as_of,region_id,quantity,value_low,value_high,status,stated_by,source\n"
        "T1,2030-03-05,XA,deaths_cumulative,20,30,final,police,p\nT2,2030-03-05,XA-ONE,deaths_cumulative,12,15,final,police,p\n"
    )
    seen = observe(record(folder))
    assert seen.deaths_total is not None
    assert [str(u.interval) for u in (seen.deaths_total, *seen.deaths)] == ["20–30", "12–15", "0–18"]
    shares = {item.of: (low, high) for item, low, high in _harm(seen) if item.block == "share"}
    assert shares == {"XA-ONE": (pytest.approx(12 / 30), pytest.approx(15 / 20))}


def test_a_count_of_the_whole_country_on_a_day_is_one_to_fit_to(tiny: Path) -> None:
    head = "event_id,date,scope,kind,region_id,participants_low,participants_high\n"
    rows = (
        "E1,2030-03-02,national day total,march,XA,300,500\n"
        "E2,2030-03-03,national day total,protest,XA,,40\n"
        "E3,2030-03-03,event,march,XA,10,10\n"  # one of several, perhaps
        "E4,2030-03-04,event,march,XA-ONE,90,90\n"
    )
    folder = few(tiny, head + rows)
    found = record(folder)
    assert [(d.date.day, str(d.interval), d.total_id) for d in observe(found).participants] == [
        (2, "300–500", "participants-E1"),
        (3, "40", "participants-E2"),
    ]
    assert "totals" not in found.derived  # somebody states them
    (folder / "sources.csv").write_text("key,title,publisher,address_complete,licence,how_obtained,seen\np,P,P,n/a,CC0,read,whole\n")
    head = "total_id,as_of,region_id,quantity,value_low,status,stated_by,source\n"
    (folder / "totals.csv").write_text(f"{head}T1,2030-03-02,XA,participants,500,day,police,p\n")
    assert [d.total_id for d in observe(record(folder)).participants] == ["T1"]  # what a person wrote is not added to


def test_a_region_is_quiet_on_days_of_which_an_event_says_so(tiny: Path) -> None:
    head = "date,date_end,scope,kind,region_id,settlement,confidence\n"
    rows = (
        "2030-03-01,2030-03-02,event,quiet,XA,,high\n"  # the whole country
        "2030-03-02,,event,protest,XA-ONE,,high\n"  # and yet
        "2030-03-03,,event,quiet,XA-ONE,Oneville,high\n"  # one town of it
        "2030-03-04,2030-03-05,event,quiet,XA-ONE,,high\n"
        "2030-03-04,,event,quiet,XA-TWO,,low\n"
        "2030-03-03,2030-03-05,date uncertain,clash,XA-TWO,,high\n"
        "2030-03-05,2030-03-09,event,quiet,XA-TWO,,high\n"
    )
    seen = observe(record(few(tiny, head + rows)))
    assert seen.words() == {
        "XA-ONE": ["absent", "present", "missing", "absent", "absent"],
        "XA-TWO": ["absent", "absent", "missing", "missing", "missing"],
    }


def test_the_dead_of_a_happening_of_no_certain_day_are_in_the_toll(tiny: Path) -> None:
    head = "date,date_end,scope,kind,region_id,deaths\n"
    rows = (
        "2030-03-02,,event,clash,XA-ONE,1\n"
        "2030-03-02,2030-03-05,date uncertain,clash,XA-ONE,2\n"
        "2030-02-26,2030-03-04,date uncertain,clash,XA-TWO,4\n"  # perhaps before the days of the case
        "2030-02-20,2030-02-26,date uncertain,clash,XA-TWO,8\n"
        "2030-03-05,,claim,clash,XA-ONE,16\n"
    )
    seen = observe(record(few(tiny, head + rows)))
    assert seen.deaths_total is not None
    assert (str(seen.deaths_total.interval), [str(u.interval) for u in seen.deaths]) == ("3–7", ["3", "0–4"])


def test_events_without_dead_make_no_toll(tiny: Path) -> None:
    assert observe(record(few(tiny, FEW + "2030-03-02,protest,15,10.5,40,,0,\n"))).deaths_total is None
