"""The page: one file, nothing from outside, both languages, a table beside every plot, safe with hostile input."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qantar.account.load import Loaded, load_account
from qantar.record.observables import observe
from qantar.report.map import albers, draw
from qantar.report.page import render, safe_link
from qantar.scenario.case import load_case


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
    assert (study_folder / "report.html").stat().st_size <= 2_000_000


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
        assert f'id="{event.event_id}"' in page
    for hypothesis in loaded.account.hypotheses:
        assert f'id="{hypothesis.hypothesis_id}"' in page
    assert page.count('class="region ') == 17
    assert page.count('class="chip"') == 3


def test_both_languages_are_there(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    langs = [attrs.get("lang") for _, attrs in tags]
    assert langs.count("zh") > 1000
    assert langs.count("en") > 1000


def test_every_figure_has_its_table(page: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 4
    for figure in figures:
        assert "<table>" in figure
        assert figure.count("<svg") == 2  # one in each language
    assert figures[0].count("<tr>") == 9 + 6  # eight days, five statements, and the two heads
    assert all("#s-" in figure for figure in figures)  # sources beside each


def test_the_page_says_in_which_model_a_verdict_holds(page: str) -> None:
    assert "No model has been run" in page
    assert "没有运行模型" in page
    assert "77 %" in page
    assert "66 to 86 %" in page
    assert "0.54 to 0.82" in page


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


def test_a_case_with_blanks_only_is_drawn_without_figures(tiny: Path) -> None:
    for name in ("totals", "presence", "disagreements"):
        path = tiny / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").split("\n")[0] + "\n", encoding="utf-8")
    assert not observe(load_case(str(tiny)).record).days
    assert "<figure" not in render(load_account(str(tiny)))
