"""The story in a real browser: hours move the record, days both maps; mouse, touch and keyboard alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from conftest import CASE
from kit.browser import PHONE  # first: without a browser these tests are skipped
from kit.serving import Serving, serving, with_tiny

pytestmark = pytest.mark.browser
Look = Callable[..., Page]
STORY = f"/story?name={CASE}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path_factory.mktemp("root"))) as there:
        there.ask("GET", f"/story?name={CASE}")  # read once for all
        yield there


def clock(page: Page) -> str:
    return re.sub(r"\s+", " ", page.locator("#clock").inner_text())


def states(page: Page) -> dict[str, int]:
    """How many regions the map of the record shows in which state."""
    return {word: page.locator(f"#recorded use.region.{word}").count() for word in ("present", "doubtful", "absent", "missing")}


def shares(page: Page) -> dict[str, str]:
    """What the table says of the histories."""
    return dict(
        page.eval_on_selector_all("#regions tbody tr", "rows => rows.map(r => [r.dataset.region, r.querySelector('.percent').textContent])")
    )


def happened(page: Page, selector: str = "#events") -> list[str]:
    """Events that are listed now."""
    return page.locator(f"{selector} li:visible .head").all_inner_texts()


def go(page: Page, day: int, hour: int) -> None:
    """Moves the slider as a mouse would."""
    page.locator("#moment").evaluate("(e, to) => { e.value = to; e.dispatchEvent(new Event('input')); }", 24 * (day - 1) + hour)
    expect(page.locator("#of-day")).to_have_attribute("data-n", str(day - 1))


def test_days_move_both_maps_the_sentences_and_the_list(look: Look) -> None:
    page = look(STORY)
    assert clock(page) == "5 January 2022 12:00–13:00"
    assert states(page) == {"present": 14, "doubtful": 1, "absent": 0, "missing": 2}
    fifth, opacity = shares(page), page.locator("#simulated use.share[data-region=KZ-AKT]").get_attribute("fill-opacity")
    assert float(opacity or 0) == pytest.approx(float(fifth["KZ-AKT"].split()[0]) / 100)
    page.locator("#before").click()
    expect(page.locator("#of-day")).to_have_attribute("data-n", "3")
    assert clock(page) == "4 January 2022 12:00–13:00"
    assert states(page) == {"present": 10, "doubtful": 3, "absent": 3, "missing": 1}
    assert shares(page) != fifth
    assert "10 regions with unrest reported, 3 reported but uncertain" in page.locator("#now").inner_text()
    go(page, 18, 0)
    assert set(shares(page).values()) == {"–"}
    assert page.locator("#not-simulated").is_visible()
    assert states(page)["missing"] == 17
    expect(page).to_have_url(re.compile("day=2022-01-18&hour=0$"))


def test_an_event_appears_at_its_hour_and_one_without_stays_all_day(look: Look) -> None:
    page = look(STORY)
    go(page, 1, 16)
    untimed = happened(page, "#untimed")
    assert untimed
    assert page.locator("#timed li:visible, #signs use:visible").count() == 0
    assert page.locator("#to-come").inner_text().endswith("1")
    page.locator("#moment").press("ArrowRight")
    assert clock(page) == "1 January 2022 17:00–18:00"
    assert [text.split()[0] for text in happened(page, "#timed")] == ["17:20"]
    assert page.locator("#signs use:visible").count() == 1
    assert page.locator("#to-come:visible").count() == 0
    assert happened(page, "#untimed") == untimed


def test_a_line_in_every_curve_of_days_stands_at_the_moment(look: Look) -> None:
    page = look(STORY)
    place = "lines => lines.map(l => l.hidden || l.hasAttribute('hidden') ? null : Number(l.getAttribute('x1')))"
    before = page.eval_on_selector_all(".plot .now", place)
    assert len(before) == 3
    go(page, 6, 12)
    after = page.eval_on_selector_all(".plot .now", place)
    assert all(b > a for a, b in zip(before, after, strict=True))
    go(page, 12, 0)
    assert page.eval_on_selector_all(".plot .now", place)[2] is None  # the record's own curve has ended by then


def test_play_begins_at_the_first_day_runs_and_stops(look: Look) -> None:
    page = look(STORY)
    page.locator("#speed").select_option("168")
    page.locator("#play").click()
    assert "Pause" in page.locator("#play").inner_text()
    assert page.locator("#now").get_attribute("aria-live") == "off"
    assert int(page.locator("#moment").input_value()) < 90  # not on from noon of the fifth
    expect(page.locator("#clock")).to_have_text(re.compile("19 January 2022"))
    expect(page.locator("#play")).to_have_text(re.compile("Play"))
    assert page.locator("#now").get_attribute("aria-live") == "polite"
    expect(page.locator("#of-day")).to_have_attribute("data-n", "18")
    page.locator("#play").click()
    page.locator("#play").click()
    assert "Play" in page.locator("#play").inner_text()
    at = clock(page)
    page.wait_for_timeout(500)
    assert clock(page) == at


def test_play_without_motion_goes_from_day_to_day(look: Look) -> None:
    page = look(STORY, reduced_motion="reduce")
    page.evaluate(
        "window.seen = []; new MutationObserver(() => seen.push(document.getElementById('moment').value)).observe(document.getElementById('hour'), {childList: true})"
    )
    page.locator("#play").click()
    for _ in range(100):
        page.wait_for_timeout(100)  # page.wait_for_function would evaluate text, which the page forbids
        if page.evaluate("seen.length") > 2:
            break
    page.locator("#play").click()
    assert {int(value) % 24 for value in page.evaluate("seen")} == {0}


def test_everything_goes_by_keyboard_alone(look: Look) -> None:
    page = look(STORY)
    reached: list[str] = []

    def tab() -> str:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        return reached[-1]

    assert any(tab() == "skip" and n for n in range(40)), reached
    page.keyboard.press("Enter")  # not through every source of every event
    assert any(tab() == "pick" and n for n in range(4)), reached
    for name in ("language", "theme", "play", "before", "moment", "after", "speed", "which"):
        assert name in reached, (name, reached)
    page.keyboard.press("Enter")
    assert page.locator(".pick[aria-pressed=true]").inner_text() == "Aktobe"
    assert page.locator("#only b").inner_text() == "Aktobe"
    page.locator("#moment").focus()
    page.keyboard.press("PageUp")
    expect(page.locator("#of-day")).to_have_attribute("data-n", "5")
    page.keyboard.press("Home")
    assert clock(page) == "1 January 2022 00:00–01:00"
    page.keyboard.press("End")
    assert clock(page) == "19 January 2022 23:00–24:00"
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowLeft")
    assert clock(page) == "18 January 2022 22:00–23:00"
    assert page.locator("#moment").get_attribute("aria-valuetext") == "18 January 2022, 22:00–23:00"


def test_a_region_is_chosen_on_either_map_and_in_the_table(look: Look) -> None:
    page = look(STORY, viewport=PHONE, has_touch=True)
    whole = len(happened(page))
    page.locator("#recorded use.region[data-region=KZ-MAN]").tap()
    of = set(page.eval_on_selector_all("#events li:not([hidden])", "rows => rows.map(r => r.dataset.region)"))
    assert of == {"KZ-MAN"}
    assert 0 < len(happened(page)) < whole
    assert page.locator(".outline:visible").count() == 4  # on both maps
    page.locator("#simulated use.share[data-region=KZ-AKM]").tap()
    assert page.locator(".pick[aria-pressed=true]").inner_text() == "Akmola"
    page.locator("#everywhere").tap()
    assert page.locator(".outline:visible").count() == 0
    assert len(happened(page)) == whole


def test_a_place_of_an_event_is_shown_on_the_map(look: Look) -> None:
    page = look(STORY)
    button = page.locator("#events li:visible .find").first
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    ring = page.locator("#ring")
    assert (ring.get_attribute("cx"), ring.get_attribute("cy")) == (button.get_attribute("data-x"), button.get_attribute("data-y"))
    go(page, 3, 12)
    assert not ring.is_visible()


def test_the_language_changes_all_that_is_said(look: Look) -> None:
    page = look(STORY)
    go(page, 4, 9)
    page.locator("#language").click()
    assert clock(page) == "2022年1月4日 09:00–10:00"
    assert "10个地区报道有动荡" in page.locator("#now").inner_text()
    assert "播放" in page.locator("#play").inner_text()
    assert page.locator("#moment").get_attribute("aria-label") == "日期和时刻"
    assert page.locator("#moment").get_attribute("aria-valuetext") == "2022年1月4日, 09:00–10:00"
    shown = "[...document.querySelectorAll('main :is(span, text)[lang=en]:not(.any)')].filter(e => e.getClientRects().length).length"
    assert page.evaluate(shown) == 0


def test_one_history_moves_its_crowds_by_the_hour_and_is_called_an_anecdote(look: Look) -> None:
    page = look(STORY)
    go(page, 5, 3)
    page.locator("#which").select_option("2")
    expect(page.locator("#one-state [data-is=shown]")).to_be_visible(timeout=300_000)
    assert "One history is an anecdote" in page.locator("#one-state").inner_text()
    assert page.locator("#simulated .percent:visible").count() == 0

    def crowds() -> tuple[str, list[str]]:
        return page.locator("#one-out").inner_text(), page.eval_on_selector_all(
            "#crowds circle", "all => all.map(c => c.getAttribute('r'))"
        )

    night = crowds()
    assert len(night[1]) > 5
    go(page, 5, 15)
    assert crowds()[0] != night[0]
    assert crowds()[1] != night[1]
    page.locator("#which").select_option("")
    assert page.locator("#crowds circle").count() == 0
    assert page.locator("#simulated .percent:visible").count() > 10


def test_an_address_gives_the_moment_again(look: Look) -> None:
    page = look(f"/story?name={CASE}&day=2022-01-03&hour=7")
    assert clock(page) == "3 January 2022 07:00–08:00"
    page.locator("#speed").select_option("3")
    page.locator("#play").click()
    page.wait_for_timeout(900)
    page.locator("#play").click()
    assert 24 * 2 + 7 < int(page.locator("#moment").input_value()) < 24 * 3 + 7  # on from there, not from the beginning


def test_a_case_without_histories_shows_its_record_alone(look: Look) -> None:
    page = look("/story?name=tiny")
    assert page.locator("svg.sheet").count() == 1
    assert clock(page).startswith("3 March 2030")
    page.locator("#before").click()
    expect(page.locator("#of-day")).to_have_attribute("data-n", "1")
    assert "only the record is shown" in page.locator("main").inner_text()
    go(page, 2, 23)
    assert [text.split()[0] for text in happened(page)] == ["23:30"]


def test_without_scripts_a_day_is_a_page(look: Look) -> None:
    page = look(STORY, java_script_enabled=False)
    assert page.locator(".player").is_hidden()
    page.get_by_role("link", name="4 Jan", exact=True).click()
    assert "10 regions with unrest reported" in page.locator("#now").inner_text()
    assert page.locator("#signs use").count() > 5
    assert page.locator("#recorded use.region.present").count() == 10
