"""The days of a case over HTTP: what the record and the histories have, no more, for any case; mistakes are told as everywhere."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import CASE, HERE
from kit.serving import Serving, serving
from qantar.cases.case import load_case
from qantar.inference.packed import read
from qantar.record.observables import observe
from qantar.report.map import draw, signs
from qantar.scenario.scenario import load_scenario
from qantar.serve.app import create_app
from qantar.serve.story import story_of


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def write(path: Path, table: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(table[0]))
        out.writeheader()
        out.writerows(table)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("root")
    shutil.copytree(HERE / "tiny", place / "tiny")
    # No region: nothing to draw. No settlement, and an event nowhere: a map without places. A scenario that cannot be read hides no record.
    bare = shutil.copytree(HERE / "tiny", place / "bare")
    for path in bare.glob("*.csv"):
        if path.name not in ("regions.csv", "events.csv"):
            path.unlink()
    for name in ("scenario.toml", "account.toml"):
        (bare / name).unlink()
    (bare / "regions.csv").write_text("region_id,name_en,name_zh,lat,lon,time_zone\n", encoding="utf-8")
    (bare / "events.csv").write_text("date,region_id,kind,note\n2030-03-02,XA,protest,Somewhere.\n", encoding="utf-8")
    (bare / "regions.geojson").write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    placeless = shutil.copytree(HERE / "tiny", place / "placeless")
    (placeless / "settlements.csv").unlink()
    for path in placeless.glob("*.csv"):
        table = rows(path)
        if table and "settlement_id" in table[0]:
            write(path, [{k: v for k, v in row.items() if k not in ("settlement_id", "settlement")} for row in table])
    (placeless / "scenario.toml").write_text("this is no scenario", encoding="utf-8")
    bound = shutil.copytree(HERE / "tiny", place / "bound")
    write(bound / "sources.csv", [{**row, "redistribution": "no"} for row in rows(bound / "sources.csv")])
    return place


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Serving]:
    with serving(root) as there:
        yield there


def story(served: Serving, name: str = CASE) -> dict:  # type: ignore[type-arg]
    answer = served.ask("GET", f"/api/story?name={name}")
    assert answer.status == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def visible(page: str, lang: str = "en") -> str:
    """About what a reader sees of a page."""
    other = "zh" if lang == "en" else "en"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", re.sub(rf'<(span|tspan) lang="{other}">.*?</\1>', "", page, flags=re.DOTALL)))


def test_the_record_is_told_as_it_stands(served: Serving) -> None:
    told, record = story(served), load_case(CASE).record
    seen = observe(record)
    assert [d["date"] for d in told["days"]] == [str(dt.date(2022, 1, n)) for n in range(1, 20)]
    words = seen.words()
    for region in told["regions"]:
        assert region["recorded"] == words[region["id"]] + ["missing"] * (19 - len(seen.days))  # not known is not quiet
    assert {e["event_id"] for e in told["events"]} == {e.event_id for e in record.events}
    assert sum("time_local" in e for e in told["events"]) == sum(e.time_local is not None for e in record.events) > 40
    assert {key for e in told["events"] for key in (e["source"], *e.get("sources_more", ()))} == told["sources"].keys()
    assert told["days"][4]["recorded"]["participants"] == ["50,000"]


def test_the_histories_are_those_that_ship(served: Serving) -> None:
    told = story(served)
    result = read(load_scenario(CASE))
    assert result is not None
    presence, ids = result.runs.presence, [r.id for r in result.recipe.plan.regions]
    assert told["simulated"]["histories"] == result.runs.n
    assert told["simulated"]["calibrated"]
    for region in told["regions"]:
        shares = [round(float(x), 3) for x in presence[:, :, ids.index(region["id"])].mean(axis=0)]
        assert region["simulated"] == [*shares, None, None, None]  # the last three days were not simulated
    assert 0.2 < np.mean([region["simulated"][4] for region in told["regions"]]) < 0.95
    fifth = told["days"][4]["simulated"]
    assert fifth["participants"][2] == pytest.approx(np.median(result.runs.participants[:, 4]), abs=0.1)
    assert fifth["regions"][1] == np.median(presence[:, 4].sum(axis=1))
    assert told["days"][18]["simulated"] is None


def test_what_is_sent_is_small(served: Serving) -> None:
    page = served.ask("GET", f"/story?name={CASE}").text
    more = sum(len(served.ask("GET", f"/static/{name}").text.encode()) for name in set(re.findall(r'"/static/([^"]+)"', page)))
    assert len(page.encode()) + more <= 300_000
    assert len(served.ask("GET", f"/api/story?name={CASE}").text.encode()) <= 150_000


def test_the_page_tells_each_day_without_scripts(served: Serving) -> None:
    page = served.ask("GET", f"/story?name={CASE}&day=2022-01-01").text
    assert "0 regions with unrest reported, 1 reported but uncertain, 16 quiet" in visible(page)
    assert "17:20 protest Zhanaozen, Mangystau" in visible(page)
    assert "First gathering, at the akimat" in page
    days = re.findall(r'<a href="\?name=kazakhstan-2022&amp;day=(2022-01-\d\d)">', page)
    assert days == [f"2022-01-{n:02}" for n in range(1, 20)]
    for day in days[::5]:
        assert f"{int(day[-2:])} Jan 2022" in visible(served.ask("GET", f"/story?name={CASE}&day={day}").text)


def test_every_source_of_a_day_that_can_be_followed_is_a_link(served: Serving) -> None:
    record, day = load_case(CASE).record, dt.date(2022, 1, 5)
    page = served.ask("GET", "/story/day?name=kazakhstan-2022&day=2022-01-05").text
    cited = {key for e in record.events if e.date <= day <= (e.date_end or e.date) for key in (e.source, *e.sources_more)}
    links = {s.address for s in record.sources if s.key in cited and s.address.startswith("http") and "…" not in s.address}
    assert len(links) > 20
    assert {link.replace("&amp;", "&") for link in re.findall(r'<a href="([^"]+)" rel="noreferrer noopener">', page)} == links


def test_a_sign_waits_for_the_hour_of_its_event() -> None:
    case = load_case(CASE)
    found = {(s.kind, s.x, s.y): s.hour for s in signs(case.record, draw(case), (dt.date(2022, 1, 1),))}
    assert set(found.values()) == {17}  # the one gathering of that day, at 17:20
    fifth = signs(case.record, draw(case), (dt.date(2022, 1, 5),))
    assert {s.hour for s in fifth} > {0}
    assert all(s.hour == 0 for s in signs(case.record, draw(case), (dt.date(2022, 1, 6),)) if s.kind == "violence")


def test_any_case_has_its_days(served: Serving) -> None:
    told = story(served, "tiny")
    assert told["simulated"] is None
    assert [d["recorded"]["regions"] for d in told["days"]][1] == {"present": 1, "missing": 1}
    page = visible(served.ask("GET", "/story?name=tiny&day=2030-03-03&hour=0").text)
    assert "00:00–01:00" in page
    assert "only the record is shown" in page
    assert "Five dead." in page
    assert "People in the streets, as stated: 40–60." in page


def test_a_case_without_regions_is_a_list_of_days(served: Serving) -> None:
    page = served.ask("GET", "/story?name=bare").text
    assert "<figure><figcaption><h2>" not in page
    assert "The case has no regions, so there is no map." in visible(page)
    assert "Somewhere." in page
    assert story(served, "bare")["regions"] == []


def test_a_case_without_settlements_has_a_map_without_places(served: Serving) -> None:
    page = served.ask("GET", "/story?name=placeless").text
    assert 'id="recorded"' in page
    assert 'class="town"' not in page
    assert '<g id="signs"></g>' in page
    assert "People gather" in page


def test_histories_that_cannot_be_read_hide_no_record(served: Serving, root: Path) -> None:
    folder = shutil.copytree(root / "tiny", root / "packed")
    (folder / "fit" / "page").mkdir(parents=True)
    (folder / "fit" / "page" / "result.json").write_text(json.dumps({"kind": "nothing"}), encoding="utf-8")
    page = visible(served.ask("GET", "/story?name=packed").text)
    assert "cannot be read, so only the record is shown" in page
    assert "qantar check packed" in page
    assert "People gather" in page


def test_a_long_case_shows_the_days_around_the_one_chosen(served: Serving, root: Path) -> None:
    folder = shutil.copytree(root / "tiny", root / "long")
    head = folder / "case.toml"
    head.write_text(head.read_text(encoding="utf-8").replace("2030-03-05", "2032-12-31"), encoding="utf-8")
    (folder / "scenario.toml").unlink()
    page = served.ask("GET", "/story?name=long&day=2031-06-15").text
    days = re.findall(r'<tr data-n="(\d+)"', page)
    assert len(days) == 31
    assert int(days[0]) < (dt.date(2031, 6, 15) - dt.date(2030, 3, 1)).days < int(days[-1])
    assert "earlier days" in visible(page)
    assert "later days" in visible(page)
    assert len(page) < 150_000


def test_words_that_may_not_be_passed_on_stand_on_this_machine_only(root: Path) -> None:
    alone, shared = (create_app(root, token=token).state.served for token in (None, "secret"))
    notes = {
        name: {e.note for e in story_of(served, "bound").case.record.events} for name, served in (("alone", alone), ("shared", shared))
    }
    assert "People gather." in notes["alone"]
    assert notes["shared"] == {""}
    assert story_of(shared, "bound").withheld == load_case(str(root / "bound")).record.withheld() != {}
    assert story_of(alone, "bound").withheld == {}
    with serving(root, token="secret") as there:
        page = there.ask("GET", "/story?name=bound", headers={"Authorization": "Bearer secret"}).text
    assert "marked as not to be passed on" in page
    assert "People gather" not in page


@pytest.mark.parametrize(
    "query", ["day=2021-01-01", "day=nonsense", "hour=99", "hour=-1", "hour=1e5", "hour=²", "day=9999-99-99", "day=", "more=1"]
)
def test_a_moment_that_is_none_gives_the_fullest_day(served: Serving, query: str) -> None:
    answer = served.ask("GET", f"/story?name=tiny&{query.replace('²', '%C2%B2')}")
    assert answer.status == 200
    assert "3 Mar 2030" in visible(answer.text)


@pytest.mark.parametrize("name", ["nothing", "../x", "/etc", "a%00b", "%ED%A0%80"])
def test_a_name_that_is_none_is_a_mistake_of_the_asker(served: Serving, name: str) -> None:
    for path in ("/api/story", "/story", "/story/day"):
        assert served.ask("GET", f"{path}?name={name}").status == 404
    assert served.ask("GET", "/api/story").code == "missing_key"
    assert served.ask("GET", f"/api/story?name={CASE}&more=1").status == 422


def test_without_a_name_the_page_offers_what_there_is(served: Serving) -> None:
    page = served.ask("GET", "/story").text
    assert '<a href="/story?name=kazakhstan-2022">' in page
    assert '<a href="/story?name=placeless">' in page


def test_no_markup_of_others_is_markup(served: Serving, root: Path) -> None:
    folder = shutil.copytree(root / "tiny", root / "marked")
    evil = "<img src=x onerror=alert(1)>\"'"
    write(folder / "events.csv", [{**row, "note": evil, "note_zh": evil} for row in rows(folder / "events.csv")])
    write(folder / "sources.csv", [{**row, "publisher": evil, "title": evil} for row in rows(folder / "sources.csv")])
    write(folder / "regions.csv", [{**row, "name_en": evil, "name_zh": evil} for row in rows(folder / "regions.csv")])
    for path in ("/story?name=marked", "/story/day?name=marked&day=2030-03-03"):
        page = served.ask("GET", path).text
        assert "<img" not in page
        assert "&lt;img" in page


def test_a_history_by_the_hour_is_the_one_that_ships(served: Serving) -> None:
    told, result = served.ask("GET", f"/api/story/history?name={CASE}&run=3").json(), read(load_scenario(CASE))
    assert result is not None
    assert told["same"]
    assert told["runs"] == result.runs.n
    ids = {p.id for p in result.recipe.plan.places}
    assert {p["id"] for p in told["places"]} <= ids
    whole = np.zeros(16 * 24)
    for place in told["places"]:
        assert place["out"][0] > 0
        assert place["out"][-1] > 0
        assert place["from"] == int(place["from"])
        at = int(place["from"])
        part = place["out"][: len(whole) - at]
        whole[at : at + len(part)] += part
    peak = result.runs.whole["peak"][3]
    assert 0.7 * peak < whole.max() <= peak  # zones shift the hours of places against each other


def test_a_history_that_does_not_ship_is_refused_and_one_that_does_is_told(served: Serving) -> None:
    for query, status, code in (
        (f"name={CASE}&run=60", 422, "above"),
        (f"name={CASE}&run=-1", 422, "below"),
        (f"name={CASE}&run=x", 422, "not_a_number"),
        ("name=nothing", 404, "not_here"),
        ("name=bare", 422, "folder_without"),
        ("name=tiny", 422, "no_posterior"),
    ):
        answer = served.ask("GET", f"/api/story/history?{query}")
        assert (answer.status, answer.code) == (status, code)
