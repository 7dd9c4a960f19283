"""What if, in a real browser: chosen by keyboard, watched, stopped, shared; readable for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from conftest import CASE
from kit.browser import hurdles
from kit.serving import Serving, serving

pytestmark = pytest.mark.browser
Look = Callable[..., Page]
SMALL = f"/what-if?name={CASE}&recorded=1&draws=2&scale=0.001&set=time.hours%3D110"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("root")) as there:
        yield there


def wait(page: Any, says: str, seconds: float = 120) -> None:
    """Until something is so; the page's policy forbids a browser's own way to wait, which compiles text."""
    end = time.monotonic() + seconds
    while not page.evaluate(says):
        assert time.monotonic() < end, says
        time.sleep(0.05)


DONE = "document.getElementById('stop').hidden && document.querySelectorAll('#effects tbody tr').length > 0"


def test_by_keyboard_alone_from_the_choice_to_the_finding(look: Look, served: Serving) -> None:
    page = look(SMALL, refusals=True, reduced_motion="reduce")
    assert page.locator("#go").is_disabled()  # nothing is changed yet
    page.locator("#group-mechanisms summary").focus()
    page.keyboard.press("Enter")
    page.locator("[data-change='mechanisms.diffusion']").focus()
    page.keyboard.press("Space")
    assert "without: How contacts" in page.locator("#words").inner_text()
    assert "'mechanisms.diffusion=off'" not in page.locator("#command").text_content()  # a plain word needs no quotes
    page.locator("#go").focus()
    page.keyboard.press("Enter")
    wait(page, DONE)
    assert page.locator("#effects tbody tr").count() == 8
    assert page.locator("#said").inner_text().startswith("In this model")
    assert page.locator("#digests li").count() == 2
    wait(page, "document.getElementById('hour').value !== document.getElementById('hour').max")  # not the last hour, when all are at home
    drawn = "Array.from(document.querySelectorAll('#now tbody tr:first-child td'), (cell) => cell.textContent)"
    assert any(int(cell.replace(",", "")) > 0 for cell in page.evaluate(drawn)[:2])
    assert "most people out" in page.locator("#draw-now").inner_text()
    page.locator("#hour").focus()
    before = page.locator("#clock").inner_text()
    page.keyboard.press("ArrowLeft")
    wait(page, f"document.getElementById('clock').textContent !== {before!r}")
    page.locator("#follow").wait_for(state="visible")
    page.locator("#which").select_option("0")
    page.locator("#play").focus()
    page.keyboard.press("Enter")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    assert page.locator("#play").get_attribute("aria-pressed") == "false"
    page.locator("#language").click()
    assert page.locator("#said").inner_text().startswith("在本模型中")
    page.locator("#language").click()
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert hurdles(page) == []


def test_a_link_sets_the_page_up_again(look: Look, served: Serving) -> None:
    page = look(SMALL, refusals=True, reduced_motion="reduce")
    page.locator("#group-strengths > summary").click()
    page.locator("#find").fill("rally_rate")
    slider = page.locator("[data-name=rally_rate] [type=range]")
    slider.focus()
    page.keyboard.press("End")
    value = page.locator("[data-name=rally_rate] [type=number]").input_value()
    assert float(value) > 3
    page.locator("#find").fill("")
    page.locator("#group-drivers summary").click()
    page.locator("[data-driver=internet]").select_option("off")
    assert "together" in page.locator("#words").inner_text()  # two changes are not judged apart
    link, command = (page.locator(f"#{name}").text_content() for name in ("link", "command"))
    assert f"parameters.rally_rate={value}" in command
    page.goto(link)
    assert page.locator("#link").text_content() == link
    assert page.locator("#command").text_content() == command
    assert page.locator("[data-driver=internet]").input_value() == "off"
    page.locator("#share summary").click()
    with page.expect_download() as saved:
        page.locator("#file").click()
    page.goto(served.url + SMALL)
    page.locator("#share summary").click()
    page.locator("#opened").set_input_files(saved.value.path())
    page.wait_for_url("**arm=*")
    assert page.locator("#command").text_content() == command
    page.locator("#group-arms input[value=no-troops]").check()
    assert "rally_rate" not in page.locator("#command").text_content()  # a ready-made change takes the place of all others
    assert "--arm no-troops" in page.locator("#command").text_content()


def test_it_is_stopped_and_mistakes_are_said(look: Look, served: Serving) -> None:
    page = look(
        SMALL.replace("draws=2", "draws=20").replace("scale=0.001", "scale=0.1") + "&replicates=4&arm=no-price-rise",
        refusals=True,
        reduced_motion="reduce",
    )
    page.locator("#go").click()
    wait(page, "document.getElementById('clock').textContent.length > 0")
    page.locator("#stop").click()
    wait(page, "document.getElementById('status').textContent.includes('Stopped')")
    assert page.evaluate("document.activeElement.id") == "go"
    page.goto(served.url + SMALL + "&arm=parameters.rally_rate%3D-5")
    page.locator("#go").click()
    wait(page, "document.getElementById('mistake').textContent.length > 0")
    assert "outside" in page.locator("#mistake").inner_text()
    assert page.locator("#go").is_enabled()
