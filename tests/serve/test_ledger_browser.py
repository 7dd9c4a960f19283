"""A ledger in a real browser: written by keyboard alone, two tabs at once, both languages, without a fault of accessibility."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kit.serving import Serving, serving, with_tiny

pytestmark = pytest.mark.browser
Look = Callable[..., Page]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path)) as there:
        yield there


def written(served: Serving, column: str, row: int = 0) -> str:
    with (served.root / "tiny" / "claims.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[row].get(column, "")


def test_a_claim_is_judged_by_keyboard_alone(look: Look, served: Serving) -> None:
    page = look("/ledger?name=tiny", refusals=True)
    field = page.locator("#C4-evidence_en")
    field.focus()
    field.press("End")
    field.type(" Said so.")
    page.keyboard.press("Tab")
    expect(page.locator("[data-row=C4] .state").filter(has_text="Written.")).to_have_count(1)
    assert written(served, "evidence_en", 3) == "A judgement. Said so."
    page.locator("#words").fill("it began on")
    expect(page.locator(".card:visible")).to_have_count(1)
    assert "1 of 4" in page.locator("#count").inner_text()


def test_a_word_that_does_not_fit_is_told_and_not_written(look: Look, served: Serving) -> None:
    page = look("/ledger?name=tiny", refusals=True)
    page.locator("[data-row=C1] summary").click()
    field = page.locator("#C1-section")
    field.fill("one")
    field.press("Tab")
    expect(page.locator("[data-row=C1] .wrong .state")).to_contain_text("Not written:")
    assert written(served, "section") == "1"
    field.fill("1")
    field.press("Tab")
    expect(page.locator("[data-row=C1] .wrong")).to_have_count(0)


def test_two_tabs_never_lose_an_edit(look: Look, served: Serving) -> None:
    one, other = look("/ledger?name=tiny", refusals=True), look("/ledger?name=tiny", refusals=True)
    for page in (one, other):
        expect(page.locator(".card")).to_have_count(4)
    one.locator("#C1-claim_en").fill("One says so.")
    one.locator("#C1-claim_en").press("Tab")
    expect(one.locator("[data-row=C1] .state").filter(has_text="Written.")).to_have_count(1)
    other.locator("#C1-claim_en").fill("The other says so.")
    other.locator("#C1-claim_en").press("Tab")
    expect(other.locator("[data-row=C1] .wrong .state")).to_contain_text("One says so.")
    assert written(served, "claim_en") == "One says so."
    other.get_by_role("button", name="Write mine all the same").click()
    expect(other.locator("[data-row=C1] .state").filter(has_text="Written.")).to_have_count(1)
    assert written(served, "claim_en") == "The other says so."
    one.locator("#C1-claim_en").fill("Mine.")
    one.locator("#C1-claim_en").press("Tab")
    one.get_by_role("button", name="Take the other version").click()
    expect(one.locator("#C1-claim_en")).to_have_value("The other says so.")


def test_rows_are_added_and_taken_out(look: Look, served: Serving) -> None:
    page = look("/ledger?name=tiny", refusals=True)
    expect(page.locator(".card")).to_have_count(4)
    page.locator("#add").click()
    expect(page.locator(".card")).to_have_count(5)
    page.locator("[data-row=C5] summary").click()
    remove = page.locator("[data-row=C5] .remove")
    remove.click()
    expect(page.locator(".card")).to_have_count(5)  # once more, to be sure
    remove.click()
    expect(page.locator(".card")).to_have_count(4)
