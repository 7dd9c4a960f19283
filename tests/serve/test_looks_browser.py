"""Every page in the eight ways to look at it: rules of access, inside the screen, in one language; and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from conftest import CASE
from kit.browser import WHOLE, hurdles, violations
from kit.serving import Serving, serving, with_tiny

pytestmark = pytest.mark.browser
Look = Callable[..., Page]
PAGES = {
    "home": "/",
    "no page": "/nothing",
    "story": f"/story?name={CASE}&day=2022-01-05",
    "story of the record": "/story?name=tiny",
    "what if": f"/what-if?name={CASE}",
    "what if without a fit": "/what-if?name=tiny",
    "accounts": "/claims",
    "claims": f"/claims?name={CASE}&words=gas&claim=C016",
    "no claim": f"/claims?name={CASE}&words=nowhere",
    "argument": f"/argument?name={CASE}&without=C004",
    "no argument": "/argument?name=tiny",
    "rival stories": f"/weights?name={CASE}&without=I01",
    "side by side": f"/accounts?name={CASE}",
    "studies": "/studies?name=tiny",
    "study": "/studies/counterfactual?name=tiny",
    "study of accounts": "/studies/compare",
    "own case": "/own",
    "ledger": "/ledger?name=tiny",
}
MOST = 300_000
"""Bytes of a page with all that it loads."""
ENGLISH = """[...document.querySelectorAll("main :is(span, text, tspan)[lang=en]:not(.any)")].filter((e) => e.getClientRects().length).map((e) => e.textContent)"""
FOCUS = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const box = e.getClientRects()[0] ?? {width: 0};
  const [x, y] = [box.x + Math.min(box.width / 2, innerWidth / 2), box.y + Math.min(box.height / 2, 8)];
  const over = document.elementFromPoint(x, y);
  const ring = getComputedStyle(e).outlineStyle !== "none" || e.matches("svg a");
  return {is: e.id || e.outerHTML.slice(0, 90), seen: box.width > 0 && ring && (e.contains(over) || Boolean(over?.contains(e)))};
}"""
"""What has the focus, and whether it can be seen: with a ring, on the screen, under nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path_factory.mktemp("root"))) as there:
        yield there


@pytest.fixture(scope="module")
def one(browser: object, served: Serving) -> Iterator[Page]:
    """One page for all addresses: a new one each time costs more than most of what is asked of it."""
    from kit.browser import opened

    page = opened(browser, served.url, "/", refusals=True)  # type: ignore[arg-type]
    yield page
    page.context.close()


@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_a_page_keeps_nobody_out(one: Page, served: Serving, address: str) -> None:
    one.set_viewport_size({"width": 1280, "height": 900})
    sizes: list[int] = []
    one.on("response", count := lambda answer: sizes.append(len(answer.body())))
    one.goto(served.url + address, wait_until="networkidle")
    one.remove_listener("response", count)
    assert sum(sizes) < MOST
    one.evaluate("document.querySelectorAll('details:not(.strengths)').forEach((box) => { box.open = true; })")
    assert hurdles(one) == []
    one.locator("#language").click()
    assert one.evaluate(ENGLISH) == []
    one.locator("#language").click()
    assert one.faults == []  # type: ignore[attr-defined]


def test_a_fault_would_be_found(one: Page, served: Serving) -> None:
    one.goto(served.url + "/story?name=tiny")
    one.evaluate("document.getElementById('moment').removeAttribute('aria-label')")
    assert [v["id"] for v in violations(one, WHOLE)] == ["label"]
    one.evaluate("document.querySelector('h1').style.width = '2000px'")
    assert any("wider than the screen" in hurdle for hurdle in hurdles(one))


@pytest.mark.parametrize(
    "address", ["/", "/story?name=tiny", "/what-if?name=tiny", "/claims?name=tiny", "/studies/compare", "/own", "/ledger?name=tiny"]
)
def test_tab_goes_through_a_page_and_out_and_what_has_the_focus_is_seen(one: Page, served: Serving, address: str) -> None:
    one.set_viewport_size({"width": 390, "height": 844})
    one.goto(served.url + address, wait_until="networkidle")
    reached = []
    for _ in range(150):
        one.keyboard.press("Tab")
        at = one.evaluate(FOCUS)
        if at is None:
            break
        reached.append(at)
    else:
        pytest.fail(f"no way out: {reached[-3:]}")
    assert len(reached) > 10
    assert [at["is"] for at in reached if not at["seen"]] == []
