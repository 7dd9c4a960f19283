"""Claims, argument, rival stories and accounts in a real browser: mouse and keyboard, back and forth, both languages, the rules of access."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from conftest import CASE
from kit.serving import Serving, serving

pytestmark = pytest.mark.browser
Look = Callable[..., Page]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("root")) as there:
        yield there


def test_claims_are_narrowed_opened_and_gone_back_from(look: Look) -> None:
    page = look(f"/claims?name={CASE}")
    rows = page.locator(".claims > li")
    every = rows.count()
    page.select_option("#by-kind", "fact")
    expect(page.locator("#count")).not_to_contain_text(f"{every} of")
    assert "kind=fact" in page.url
    facts = rows.count()
    assert 0 < facts < every
    page.locator("#words").fill("Almaty")
    page.wait_for_url("**words=Almaty**")
    assert 0 < rows.count() < facts
    assert page.locator("#words").evaluate("box => box === document.activeElement")
    first = rows.first.locator("a.row")
    first.focus()
    first.press("Enter")
    expect(page.locator(".behind .needs")).to_be_visible()
    assert "claim=" in page.url
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.go_back()
    expect(page.locator(".behind")).to_have_count(0)
    page.reload()
    assert page.locator("#by-kind").input_value() == "fact"
    page.locator("#language").click()
    assert page.locator("h1").inner_text() == "每条论断的结论"


def test_a_premise_falls_by_mouse_and_stands_again_by_key(look: Look) -> None:
    page = look(f"/argument?name={CASE}")
    page.locator("#node-C004 rect").click()
    expect(page.locator("#said")).to_contain_text("C004")
    assert "without=C004" in page.url
    switch = page.locator("#switch-C004")
    assert switch.get_attribute("aria-checked") == "false"
    assert page.locator("#falls").is_visible()
    switch.focus()
    switch.press(" ")
    expect(page.locator("#falls")).to_have_count(0)
    assert "without" not in page.url
    assert page.evaluate("document.activeElement.id") == "switch-C004"
    page.locator("#node-C004").press("Enter")
    expect(page.locator("#falls")).to_be_visible()
    page.go_back()
    expect(page.locator("#falls")).to_have_count(0)


def test_an_item_is_left_out_and_counted_again(look: Look) -> None:
    page = look(f"/weights?name={CASE}")
    before = page.locator("#sum").inner_text()
    page.locator("#leave-I08").press(" ")
    expect(page.locator("#all-in")).to_be_visible()
    assert page.locator("#sum").inner_text() != before
    assert "without=I08" in page.url
    page.locator("#all-in").click()
    expect(page.locator("#all-in")).to_have_count(0)
    assert page.locator("#sum").inner_text() == before


def test_without_scripts_the_same_is_there(look: Look) -> None:
    page = look(f"/claims?name={CASE}", java_script_enabled=False)
    page.select_option("#by-verdict", "contradicted")
    page.locator("form.asks button").click()
    assert "verdict=contradicted" in page.url
    page.locator(".claims a.row").first.click()
    assert page.locator(".behind").count() == 1
