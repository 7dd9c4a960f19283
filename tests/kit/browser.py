"""A real browser for tests: Debian's Chromium, headless. In integration its absence is a failure, elsewhere a skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    if os.environ.get("QANTAR_CI"):
        pytest.fail("no Chromium: in integration a skipped browser test is a failure", pytrace=False)
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium fonts-wqy-microhei)", allow_module_level=True)

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402  (after the skip: a machine without a browser needs it not)

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def started() -> Iterator[Browser]:
    """A browser until the end of the block."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield found
        found.close()


def opened(browser: Browser, url: str, address: str, *, refusals: bool = False, **look: Any) -> Page:
    """A page of a server; `page.faults` has what it threw, wrote on the console or asked of another host.

    With `refusals` an answer that tells a mistake, which the browser notes on the console by itself, is no fault.
    """
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US", **look})
    context.set_default_timeout(120_000)
    page = context.new_page()
    faults: list[str] = []
    page.faults = faults  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: None if refusals and "status of 4" in message.text else faults.append(message.text))
    page.on("request", lambda request: None if request.url.startswith((url, "data:")) else faults.append(request.url))
    page.goto(url + address)
    return page
