"""A case of one's own in a real browser: what a command says stands on the page when it has ended, its mistakes too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kit.serving import Serving, serving

pytestmark = pytest.mark.browser
Look = Callable[..., Page]
WAIT = 120_000.0
"""Milliseconds in which a command ends on a busy machine."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as there:
        yield there


def test_a_command_says_on_the_page_what_it_says_in_a_terminal(look: Look, served: Serving) -> None:
    page = look("/own")
    form = page.locator("#new form")
    form.locator("[name=name]").fill("my-case")
    form.locator("[name=country]").select_option("PE")
    form.locator("button").click()
    said = page.locator("#new .done")
    expect(said.locator("pre")).to_contain_text("26 regions", timeout=WAIT)
    expect(said.locator("code")).to_contain_text("qantar new --country=PE")
    assert (served.root / "my-case" / "case.toml").is_file()
    form.locator("button").click()  # a folder of this name is there now
    expect(said).to_contain_text("This needs you:", timeout=WAIT)
    expect(said.locator("pre")).to_contain_text("my-case", timeout=WAIT)
