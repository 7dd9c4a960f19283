"""The page: one file, nothing from outside, both languages, a table beside every plot, safe with hostile input."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qantar.cases.case import load_case
from qantar.record.observables import observe
from qantar.report.map import albers, draw
from qantar.report.page import day_in, render, safe_link
from qantar.verdicts.load import Loaded, load_account


@pytest.fixture(scope="session")
def page(study_folder: Path) -> str:
    return (study_folder / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="session")
def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    return Tags(page).tags


def test_the_page_is_one_small_file(study_folder: Path) -> None:
    assert (study_folder / "report.html").stat().st_size <= 1_400_000


def test_nothing_is_fetched(page: str, tags: list[tuple[str, dict[str, str | None]]]) -> None:
    for tag, attrs in tags:
        for name in ("src", "srcset", "data", "action", "poster", "background"):
            assert name not in attrs, (tag, attrs)
        if tag != "a":
            assert not (attrs.get("href") or "#").startswith("http"), (tag, attrs)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_links_lead_to_http_or_into_the_page(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    links = [attrs["href"] or "" for tag, attrs in tags if tag == "a"]
    assert links
    for link in links:
        assert link.startswith(("http://", "https://")) or link.removeprefix("#") in ids, link


def test_ids_are_unique(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_claim_event_region_and_hypothesis_is_there(page: str, loaded: Loaded) -> None:
    for claim in loaded.account.claims:
        assert f'id="{claim.claim_id}"' in page
    for event in loaded.case.record.events:
        assert f'id="event-{event.event_id}"' in page
    for hypothesis in loaded.account.hypotheses:
        assert f'id="hypothesis-{hypothesis.hypothesis_id}"' in page
    assert page.count('class="region ') == 17
    assert page.count('class="chip"') == 3


def test_both_languages_are_there(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    langs = [attrs.get("lang") for _, attrs in tags]
    assert langs.count("zh") > 1000
    assert langs.count("en") > 1000


def test_every_figure_has_its_table(page: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    for figure in figures:
        assert "<table" in figure
        assert figure.count('role="img"') + figure.count("map-of-argument") == 1  # one drawing for both languages
        assert re.search(r'<text lang="zh"|<span lang="zh">', figure)
    of_the_model = (
        "argument",
        "weigh",
        "calibrate",
        "experiments",
        "heldout-",
        "rivals-",
        "scale",
        "sensitivity-",
        "warning",
    )  # these show nothing recorded
    recorded = [f for f in figures if not f.startswith(tuple(f'<figure id="figure-{name}' for name in of_the_model))]
    assert len(recorded) == 6
    assert recorded[0].count("<tr>") == 9 + 6  # eight days, five statements, and the two heads
    assert len(figures) >= 11
    assert all("#s-" in figure for figure in recorded)  # sources beside each


def test_the_page_says_in_which_model_a_verdict_holds(page: str) -> None:
    assert "such a verdict holds in this model only, and says on what it rests" in page
    assert "这样的结论只在本模型中成立，并注明依据" in page
    assert "78 %" in page
    assert "70 to 85 %" in page
    assert "0.62 to 0.82" in page


def test_attributions_are_printed(page: str) -> None:
    for text in ("geokz 1.0.2", "CC BY 4.0", "Natural Earth", "GeoNames", "imply no opinion"):
        assert text in page


def test_hostile_words_stay_words(tiny: Path) -> None:
    attack = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    for file, old in (("claims.csv", "It began on 2 March."), ("events.csv", "People gather."), ("sources.csv", "The Gazette of 2 March")):
        text = (tiny / file).read_text(encoding="utf-8")
        (tiny / file).write_text(text.replace(old, '"' + attack.replace('"', '""') + '"'), encoding="utf-8")
    text = (tiny / "sources.csv").read_text(encoding="utf-8")
    (tiny / "sources.csv").write_text(text.replace("https://example.org/2", "javascript:alert(1)"), encoding="utf-8")
    page = render(load_account(str(tiny)))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert Tags(page).tags.count(("script", {})) == 1


@pytest.mark.parametrize(
    ("address", "link"),
    [("https://a.org/x", "https://a.org/x"), ("javascript:alert(1)", ""), ("https://a.org/…", ""), ("", ""), ("ftp://a", "")],
)
def test_only_whole_web_addresses_are_links(address: str, link: str) -> None:
    assert safe_link(address) == link


def test_the_projection_keeps_areas(loaded: Loaded) -> None:
    # Equal-area: the area drawn is proportional to the area on the ground, region by region (simplified shapes: 3 %).
    p = loaded.case.head.projection
    project = albers(p.parallel_1, p.parallel_2, p.meridian)

    def area(rings: list[list[list[float]]]) -> float:
        total = 0.0
        for n, ring in enumerate(rings):
            points = [project(*xy[:2]) for xy in ring]
            size = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(points))) / 2
            total += size if n == 0 else -size
        return total

    ratios = []
    for feature in loaded.case.shapes["regions"]:
        geometry = feature["geometry"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        if feature["properties"]["area_km2"] > 2000:
            ratios.append(sum(map(area, parts)) * 6371.0**2 / feature["properties"]["area_km2"])
    assert len(ratios) == 14
    assert max(ratios) / min(ratios) < 1.03
    assert 0.97 < sum(ratios) / 14 < 1.03


def test_north_is_up_and_almaty_lies_south_east(loaded: Loaded) -> None:
    sheet = draw(loaded.case)
    almaty, oral, petropavl = (sheet.places[k] for k in ("G1526384", "G608668", "G1520172"))
    assert almaty[0] > 0.7 * sheet.width
    assert almaty[1] > petropavl[1]
    assert oral[0] < 0.3 * sheet.width
    assert all(0 <= x <= sheet.width and 0 <= y <= sheet.height for x, y in sheet.places.values())


ODD = {
    "no claims": [(f"{name}.csv", None, None) for name in ("claims", "hypotheses", "second_reading", "tensions")],
    "no facts": [("claims.csv", ",fact,", ",cause,")],
    "English only": [("claims.csv", "事件始于3月2日。", ""), ("claims.csv", "《公报》如此说。", "")],
    "no events": [("events.csv", None, None)],
    "a crowd of at most": [
        ("region_onset.csv", "seat_of_government", "max_crowd_high,seat_of_government"),
        ("region_onset.csv", "2030-03-02,not taken", "2030-03-02,500,not taken"),
        ("region_onset.csv", "2030-03-03,unclear", "2030-03-03,,unclear"),
    ],
    "mathematics in a note": [("totals.csv", "40,60,day,gazette,,", "40,60,day,$a_b^{ $,from $5 to $10,")],
    "a name that hides": [("totals.csv", "to_date,police", "to_date,_police")],
    "a low end only": [("disagreements.csv", "rows,unit", "rows,low,unit"), ("disagreements.csv", "T3;T4,people", ",3,people")],
    "no final count": [("totals.csv", "5,5,final", "5,5,revised")],
    "one seat unknown, open onset": [("region_onset.csv", "2030-03-03,2030-03-02,2030-03-03", "2030-03-03,2030-03-02,")],
    "half an hour": [("regions.csv", "10.5,1,gazette", "10.5,5.5,gazette")],
    "several bodies": [
        (
            "totals.csv",
            "T2,2030-03-03,XA,detained_cumulative,7,7,to_date,police,,gazette\n",
            "".join(f"T2{n},2030-03-0{n},XA,detained_cumulative,{n},{n},to_date,body {n},,gazette\n" for n in range(1, 6)),
        )
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_what_check_calls_clean_can_be_drawn(tiny: Path, name: str) -> None:
    for file, old, new in ODD[name]:
        path = tiny / file
        text = path.read_text(encoding="utf-8")
        assert old is None or old in text
        path.write_text(text.split("\n")[0] + "\n" if old is None else text.replace(old, new or ""), encoding="utf-8")
    page = render(load_account(str(tiny)))  # loading raises on any problem
    ids = [attrs["id"] for _, attrs in Tags(page).tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    if name == "several bodies":
        assert all(f"body {n}" in page.split("<table>")[0] or page.count(f"body {n}") >= 3 for n in range(1, 6))
    if name == "mathematics in a note":
        assert "$a_b^{ $" in page


def test_dates_over_a_turn_of_the_year_keep_both_years() -> None:
    day = day_in(2022)

    def said(first: dt.date, last: dt.date) -> str:
        return day(first, last).replace("\u00a0", " ")  # a date is not broken

    assert "29 Dec 2021–2 Jan" in said(dt.date(2021, 12, 29), dt.date(2022, 1, 2))
    assert "2021年12月29日至31日" in said(dt.date(2021, 12, 29), dt.date(2021, 12, 31))
    assert "29–31 Dec 2021" in said(dt.date(2021, 12, 29), dt.date(2021, 12, 31))
    assert "4–7 Jan" in said(dt.date(2022, 1, 4), dt.date(2022, 1, 7))


def test_a_country_over_the_date_line_is_drawn_in_one_piece() -> None:
    project = albers(60, 70, 180)
    (east, _), (west, _) = project(179.9, 65), project(-179.9, 65)
    assert abs(east - west) < 0.01


def test_a_case_with_blanks_only_is_drawn_without_figures(tiny: Path) -> None:
    for name in ("totals", "presence", "disagreements"):
        path = tiny / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").split("\n")[0] + "\n", encoding="utf-8")
    assert not observe(load_case(str(tiny)).record).days
    assert "<figure" not in render(load_account(str(tiny)))


def test_every_source_listed_is_cited_somewhere(page: str) -> None:
    listed = set(re.findall(r'id="s-([^"]+)"', page))
    assert len(listed) > 150
    assert listed == set(re.findall(r'href="#s-([^"]+)"', page))


def test_the_simulation_is_shown_beside_the_record_and_not_overstated(page: str) -> None:
    (part,) = re.findall(r'<section id="simulated".*?</section>', page, re.DOTALL)
    assert "Fitted to this record. Shares hold in this model only" in page
    assert "2 of the 60 simulated histories that ship, drawn by lot (seed 1), were simulated again on this machine: the same" in part
    assert "Illustration, not fitted" not in part
    assert "no probabilities of what would happen elsewhere or again" in page
    assert "1:10 model" in part
    shares = re.findall(r'data-shares="([^"]*)"', part)
    assert len(shares) == 17
    assert all(0 <= float(x) <= 1 for row in shares for x in row.split())
    assert len({len(row.split()) for row in shares}) == 1
    onsets = re.findall(r"<tr><th scope=\"row\">", part)
    assert len(onsets) > 17 + 15  # a row a region, and the other features
    assert re.search(r"<code class=\"hash\">[0-9a-f]{64}</code>", part)


def test_without_histories_the_page_shows_no_simulation(loaded: Loaded) -> None:
    page = render(loaded)
    assert "the program checks their form, not their truth" in page
    assert 'id="simulated"' not in page
