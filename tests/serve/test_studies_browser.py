"""Studies in a real browser: filled in, mistaken, run, watched, stopped, read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from conftest import CASE
from kit.serving import Serving, serving, with_tiny

pytestmark = pytest.mark.browser
Look = Callable[..., Page]
WAIT = 300_000.0
"""Milliseconds in which a small study ends on a busy machine."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path_factory.mktemp("root"))) as there:
        yield there


def test_a_mistake_stands_beside_its_field_and_the_command_follows_what_is_filled(look: Look) -> None:
    page = look("/studies/run?name=tiny", refusals=True)
    expect(page.locator("#command")).to_have_text("qantar run tiny --out=results/tiny-run")
    page.locator("#option-draws").fill("0")
    expect(page.locator("#mistake-draws")).to_contain_text("below 1")
    assert page.locator("#option-draws").get_attribute("aria-invalid") == "true"
    page.locator("#option-draws").fill("7")
    page.locator("#option-defaults").press(" ")
    expect(page.locator("#command")).to_have_text("qantar run tiny --draws=7 --defaults --out=results/tiny-run")
    expect(page.locator("#mistake-draws")).to_have_text("")
    page.locator("#language").click()
    assert page.locator("#start").inner_text() == "启动"


def test_arms_of_the_scenario_are_ticked_or_written(look: Look) -> None:
    page = look(f"/studies/counterfactual?name={CASE}", refusals=True)
    box = page.locator("[data-offers=arms] input[value=no-troops]")
    box.check()
    page.locator("#option-arm").press_sequentially("\nsteps.troops=off")
    expect(page.locator("#command")).to_have_text(
        f"qantar counterfactual {CASE} --arm=no-troops --arm=steps.troops=off --out=results/{CASE}-counterfactual"
    )
    box.uncheck()
    assert page.locator("#option-arm").input_value() == "steps.troops=off"
    page.locator("#option-scenario").select_option("tiny")
    expect(box).to_have_count(0)


def test_a_study_is_started_watched_and_read_by_keyboard(look: Look) -> None:
    page = look(f"/studies/weigh?name={CASE}", refusals=True)
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#state [data-state=running]")).to_be_visible(timeout=WAIT)
    assert "run=" in page.url
    page.reload()  # the run goes on, and is found again
    expect(page.locator("#state [data-state=done]")).to_be_visible(timeout=WAIT)
    expect(page.locator("#outcome table").first).to_be_visible(timeout=WAIT)
    page.locator("#whole").press("Enter")
    expect(page.locator("#result")).to_be_visible()


def test_what_is_missing_is_said_when_it_is_started(look: Look) -> None:
    page = look("/studies/counterfactual?name=tiny", refusals=True)
    page.locator("#option-draws").fill("9")
    page.wait_for_timeout(1000)
    assert page.locator("#mistake-arm").inner_text() == ""
    page.locator("#start").click()
    expect(page.locator("#mistake-arm")).not_to_have_text("")
    assert page.evaluate("document.activeElement.id") == "option-arm"


def test_a_study_is_stopped(look: Look) -> None:
    page = look("/studies/run?name=tiny&draws=100000", refusals=True)
    page.locator("#start").click()
    page.locator("#stop").click(timeout=WAIT)
    expect(page.locator("#state [data-state=stopped]")).to_be_visible(timeout=WAIT)
    assert page.locator("#start").is_enabled()
