"""A real browser for tests: Debian's Chromium, headless. In integration its absence is a failure, elsewhere a skip."""

from __future__ import annotations

import itertools
import json
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

from axe_playwright_python.base import AXE_SCRIPT  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402  (after the skip: a machine without a browser needs it not)

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
        expect.set_options(timeout=60_000)
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


SAMPLE = """for (const whole of document.querySelectorAll("main *")) {
  if (whole.children.length < 5 || whole.closest("[hidden]")) continue;
  const seen = new Map();
  for (const part of [...whole.children]) {
    const form = [part, ...part.querySelectorAll("*")].map((e) => `${e.localName}.${e.getAttribute("class") ?? ""}`);
    const kind = [...new Set(form)].sort().join();
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) > 2) {
      part.style.display = "none";
      part.toggleAttribute("data-left-out", true);
    }
  }
}"""
"""Of rows of one form two are left to be seen: the rules take seconds a thousand rows, and pages go on counting theirs."""
ASK = """(async (options) => {
  const out = [...document.querySelectorAll("[data-left-out]")].map((part) => [part, document.createComment("")]);
  for (const [part, place] of out) part.replaceWith(place);
  try {
    return (await axe.run(options)).violations;
  } finally {
    for (const [part, place] of out.reverse()) place.replaceWith(part);
  }
})"""
"""What is hidden breaks no rule, but each rule would walk through it: it is not there while they are asked."""
SCHEMES = ("light", "dark")
WHOLE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
SEEN = {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]}}
"""What may differ from one look to another; the rest is asked of two of them."""


def violations(page: Page, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Rules of access that a page breaks, by axe, which is brought in once: to read it costs as much as a small page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(f"{ASK}({json.dumps(options)})")
    return found


def hurdles(page: Page, *, sampled: bool = True) -> list[str]:
    """What keeps people out of an open page, in the eight ways to look at it: phone and desktop, light and dark, English and Chinese."""
    found = []
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for _ in range(2):
            page.locator("#language").click()
            lang = page.evaluate("document.documentElement.dataset.lang")
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                found.append(f"{size['width']} {lang}: wider than the screen")
    if sampled:
        page.evaluate(SAMPLE)
    for n, (size, scheme, lang) in enumerate(itertools.product((DESKTOP, PHONE), SCHEMES, ("zh", "en"))):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.locator("#language").click()
        assert page.evaluate("document.documentElement.dataset.lang") == lang
        for fault in violations(page, WHOLE if n in (1, 6) else SEEN):
            where = "; ".join(node["html"][:120] for node in fault["nodes"][:3])
            found.append(f"{size['width']} {scheme} {lang}: {fault['id']}: {where}")
    return found
