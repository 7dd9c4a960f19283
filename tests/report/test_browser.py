"""The page in a real browser: it works, fits a phone, speaks both languages, and passes the accessibility rules."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from conftest import HERE
from kit.browser import DESKTOP, PHONE  # first: without a browser these tests are skipped
from qantar.account.schema import LEDGER_MODELS
from qantar.report.write import study_account
from qantar.verdicts.load import load_account

pytestmark = pytest.mark.browser


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens the page of a study; whatever it wrote on the console, threw or asked of the network by the end of the test is a fault."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(
        folder: Path, *, size: dict[str, int] = DESKTOP, scheme: str = "light", locale: str = "en-US", at: str = "", scripts: bool = True
    ) -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme, locale=locale, java_script_enabled=scripts)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(120_000)  # a busy machine takes a while to draw
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else faults.append(request.url))
        page.goto((folder / "report.html").as_uri() + at)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Opener, study_folder: Path) -> Page:
    return open_page(study_folder)


@pytest.fixture(scope="module")
def record_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a case against which no account is held."""
    home = tmp_path_factory.mktemp("record")
    case = shutil.copytree(
        HERE / "tiny", home / "tiny", ignore=shutil.ignore_patterns("account.toml", *(f"{n}.csv" for n in LEDGER_MODELS))
    )
    place, _ = study_account(load_account(str(case)), home / "page")
    return place


def test_the_page_of_a_record_without_claims_moves_its_day_and_speaks_both_languages(open_page: Opener, record_folder: Path) -> None:
    page = open_page(record_folder)
    assert page.locator("#search").count() == 0
    rows = "rows => rows.filter(r => !r.hidden).map(r => r.cells[0].innerText.replace(/\\s+/g, ' '))"

    def days() -> tuple[str, set[str]]:
        return page.locator("#day-count .day-name:visible").inner_text(), {*page.eval_on_selector_all("#events tbody tr", rows)}

    first = days()
    page.locator("#before").click()
    second = days()
    assert first[0] != second[0]
    assert first[1] != second[1]  # the list of events follows the day
    page.locator("#day").press("ArrowRight")
    assert days() == first
    page.locator("#language").click()
    assert page.locator("#map h2").inner_text() == "记录地图"
    page.locator("#theme").click()


SAMPLE = """for (const rows of [".claims li", "#events tbody tr", "ul.sources li", ".plain li"]) {
  document.querySelectorAll(rows).forEach((row, n) => { if (n >= 12) row.remove(); }); }"""
"""Cuts long lists, whose rows come from one template, to twelve rows: the rules take seconds a thousand rows."""


VIOLATIONS = {"resultTypes": ["violations"]}
"""What is asked for: the way to each of the thousands of parts that break no rule need not be written down."""


# Four of the eight ways to look: any two of size, scheme and language stand together in one of them.
@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [(DESKTOP, "light", "en-US"), (DESKTOP, "dark", "zh-CN"), (PHONE, "light", "zh-CN"), (PHONE, "dark", "en-US")],
    ids=["desktop-light-en", "desktop-dark-zh", "phone-light-zh", "phone-dark-en"],
)
def test_accessible_and_inside_the_screen(open_page: Opener, study_folder: Path, size: dict[str, int], scheme: str, locale: str) -> None:
    page = open_page(study_folder, size=size, scheme=scheme, locale=locale)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    if (size, scheme, locale) != (DESKTOP, "light", "en-US"):  # the whole page once, a sample of its rows else
        page.evaluate(SAMPLE)
    page.evaluate("document.querySelectorAll('details').forEach((box, n) => { if (n % 5 === 0) box.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    found = Axe().run(page, options=VIOLATIONS)
    assert found.violations_count == 0, found.generate_report()


def test_axe_would_find_a_fault(page: Page) -> None:
    page.evaluate(SAMPLE)
    page.evaluate("document.getElementById('day').labels[0].remove()")  # a slider without a name
    found = Axe().run(page, options=VIOLATIONS)
    assert [v["id"] for v in found.response["violations"]] == ["label"]


def test_the_slider_moves_the_map_the_count_and_the_events(page: Page) -> None:
    def present() -> tuple[int, int]:
        return page.locator("use.region.present").count(), page.locator("use.region.doubtful").count()

    def day() -> str:
        return page.locator("#day-count .day-name:visible").inner_text().replace("\u00a0", " ")

    assert day() == "5 Jan"
    assert present() == (14, 1)
    for _ in range(9):
        page.locator("#before").click()
    assert day() == "1 Jan"
    assert present() == (0, 1)
    assert "0 regions with unrest reported, 1 reported but uncertain, 16 quiet" in page.locator("#day-count").inner_text()
    assert page.locator("use[data-region=KZ-MAN]").get_attribute("aria-label") == "Mangystau: reported, but uncertain"
    assert page.locator("#events tbody tr:visible").count() == 2
    page.locator("#day").press("ArrowRight")
    assert day() == "2 Jan"


def test_a_region_is_chosen_by_mouse_and_by_keyboard(page: Page) -> None:
    mangystau = page.locator("use[data-region=KZ-MAN]")
    mangystau.click()
    assert mangystau.get_attribute("aria-pressed") == "true"
    assert page.locator("#event-region").input_value() == "KZ-MAN"
    regions = page.eval_on_selector_all("#events tbody tr:not([hidden])", "rows => [...new Set(rows.map(r => r.dataset.region))]")
    assert regions == ["KZ-MAN"]
    page.locator("use[data-region=KZ-ATY]").press("Enter")
    assert page.locator("#event-region").input_value() == "KZ-ATY"
    page.locator("button[data-region=KZ-ALA]").click()
    assert page.locator("#event-region").input_value() == "KZ-ALA"
    page.locator("button[data-region=KZ-ALA]").click()
    assert page.locator("#event-region").input_value() == ""


def test_a_choice_without_events_says_that_this_means_nothing(page: Page) -> None:
    page.locator("#event-region").select_option("KZ-AKT")
    for _ in range(3):
        page.locator("#after").click()
    assert page.locator("#events tbody tr:visible").count() == 0
    assert "does not mean that nothing happened" in page.locator("#events-none").inner_text()
    page.locator("#events-all").click()
    assert page.locator("#events tbody tr:visible").count() > 5


def test_filters_narrow_the_claims(page: Page) -> None:
    shown = page.locator(".claims li:not([hidden])")
    assert shown.count() == 153
    page.locator("[data-filter=kind]").select_option("fact")
    page.locator("[data-filter=verdict]").select_option("contradicted")
    assert shown.count() == 23
    assert page.locator("#shown").inner_text() == "23 of 153 shown"
    page.locator("[data-filter=flags]").select_option("readers-differed")
    assert shown.count() == 4
    page.locator("#search").fill("longed socialist")
    assert shown.count() == 1
    page.locator("#search").fill("社会主义政府")
    assert shown.count() == 0  # the search reads what is shown, not the other language
    page.locator("#reset").click()
    assert shown.count() == 153
    page.locator("[data-show-flag=seen-in-copy]").click()
    assert shown.count() == 120


def test_the_language_switch_changes_words_labels_and_title(page: Page) -> None:
    assert page.locator("html").get_attribute("lang") == "en"
    page.locator("#language").click()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert "哈萨克斯坦" in page.title()
    assert page.locator("#verdicts h2").inner_text() == "全部论断"
    assert page.locator("use[data-region=KZ-MAN]").get_attribute("aria-label") == "曼格斯套州: 报道有动荡"
    assert page.locator("[data-filter=kind] option").nth(1).inner_text() == "事实"
    visible = page.evaluate(
        "[...document.querySelectorAll('main span[lang=en]:not(.any), main text[lang=en]')].filter(e => e.getClientRects().length).length"
    )
    assert visible == 0
    page.locator("#language").click()
    assert page.locator("#verdicts h2").inner_text() == "Every claim"


def test_the_theme_button_turns_light_to_dark(page: Page) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.locator("#theme").click()
    assert ground() != light
    page.locator("#theme").click()
    assert ground() == light


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_first_screen_holds_the_findings(open_page: Opener, study_folder: Path, locale: str) -> None:
    page = open_page(study_folder, size={"width": 1280, "height": 800}, locale=locale)
    boxes = [item.bounding_box() for item in page.locator(".findings li").all()]
    assert len(boxes) == 5
    assert all(box is not None and box["y"] + box["height"] <= 800 for box in boxes)


WIDE = """() => [...document.querySelectorAll("table, pre, figure, svg:not(.map-of-argument)")].filter((e) => e.getClientRects().length
  && (e.scrollWidth > e.clientWidth + 1 && e.matches("table, pre, figure")
      || e.getBoundingClientRect().right > e.parentElement.getBoundingClientRect().right + 1)).map((e) => e.id || e.outerHTML.slice(0, 80))"""
"""What is wider than what it stands in, or holds more than it shows; the map of an argument lies in a box of its own that scrolls."""
COVERED = """() => {
  const inside = (row, css) => [...row.querySelectorAll(css)].flatMap((e) => [...e.getClientRects()]);
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  const words = (row, css) => { const found = [];
    for (const part of row.querySelectorAll(css)) { const range = document.createRange(); range.selectNodeContents(part); found.push(...range.getClientRects()); }
    return found; };
  return [...document.querySelectorAll(".claims summary")].filter((row) => row.getClientRects().length).filter((row) => {
    const parts = [words(row, ".id"), [...inside(row, ".badge"), ...words(row, ".badge")], words(row, ".text"), inside(row, ".flag")];
    return parts.some((some, n) => parts.slice(n + 1).flat().some((b) => some.some((a) => !apart(a, b))));
  }).map((row) => row.parentElement.id);
}"""
"""Claims whose number, badge, words and flags lie on each other."""


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_table_scrolls_sideways_and_no_badge_covers_words(
    open_page: Opener, study_folder: Path, size: dict[str, int], locale: str
) -> None:
    page = open_page(study_folder, size=size, locale=locale)
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert page.locator("table:visible").count() > 20
    assert page.evaluate(WIDE) == []
    assert page.evaluate(COVERED) == []
    page.evaluate("document.querySelector('.claims .text').style.margin = '-1.4rem 0 0 -6rem'")  # as it was once
    page.evaluate("document.querySelector('#t1').style.width = '2000px'")
    assert page.evaluate(WIDE)
    assert page.evaluate(COVERED)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_part_that_is_folded_opens_for_its_address(open_page: Opener, study_folder: Path, scripts: bool) -> None:
    page = open_page(study_folder, scripts=scripts)
    inner = page.locator("#heldout figure").first
    assert not inner.is_visible()
    page.locator("#heldout summary h2").click()
    assert inner.is_visible()
    page.goto((study_folder / "report.html").as_uri() + "#hypothesis-H05")
    if scripts:
        assert page.locator("#hypothesis-H05").is_visible()
        page.locator("nav a[href='#fit']").click()
        page.locator("#fit figure").first.wait_for(state="visible")  # the address is followed after the click


def test_filters_open_the_groups_that_hold_what_they_find(page: Page) -> None:
    assert page.locator(".group[open]").count() == 1
    page.locator("[data-filter=kind]").select_option("prediction")
    assert page.locator(".claims li:visible").count() == 7
    page.locator("#reset").click()
    assert page.locator(".group[open]").count() == 1
    assert page.locator(".claims li:visible").first.locator(".badge").inner_text().strip().endswith("contradicted")


def test_an_address_with_a_claim_opens_it(open_page: Opener, study_folder: Path) -> None:
    page = open_page(study_folder, at="#C055")
    assert page.locator("#C055").get_attribute("open") is not None
    assert page.locator("#C055 p").is_visible()
    page.locator("#C055 a[href^='#s-']").first.click()  # leads to the source, in a list that opens for it
    assert page.locator(page.evaluate("'#' + CSS.escape(location.hash.slice(1))")).is_visible()


def test_without_scripts_everything_can_be_read(open_page: Opener, study_folder: Path) -> None:
    page = open_page(study_folder, scripts=False)
    assert page.locator(".claims li").count() == 153
    assert page.locator(".claims li").first.is_visible()
    assert page.locator("#events tbody tr").last.is_visible()
    assert not page.locator("#search").is_visible()


def test_chinese_is_drawn_with_a_chinese_font(open_page: Opener, study_folder: Path) -> None:
    # Without a font every character is the same empty box; two different characters must differ in their pixels.
    page = open_page(study_folder, locale="zh-CN")
    drawn = page.evaluate(
        """["哈", "萨"].map(c => { const k = document.createElement("canvas"); k.width = k.height = 40; const x = k.getContext("2d");
        x.font = "32px " + getComputedStyle(document.body).fontFamily; x.fillText(c, 2, 34); return k.toDataURL(); })"""
    )
    if drawn[0] == drawn[1] and not os.environ.get("QANTAR_CI"):
        pytest.skip("no Chinese font on this machine (Debian: apt-get install fonts-wqy-microhei)")
    assert drawn[0] != drawn[1]
