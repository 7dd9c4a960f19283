"""Claims, argument, rival stories and accounts through the interface: what is chosen stands in the address, and the studies say what falls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from conftest import CASE
from kit.serving import Serving, serving
from qantar.messages import catalogue
from qantar.serve.claims_part import needs
from qantar.verdicts.claims import BASES, FLAGS

LARGEST = 300_000
"""Bytes of a page with all that it loads."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("root")) as there:
        yield there


def shown(served: Serving, address: str) -> str:
    answer = served.ask("GET", address)
    assert answer.status == 200, answer.text[:500]
    loads = re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text)
    assert len(answer.text.encode()) + sum(len(served.ask("GET", path).text.encode()) for path in loads) <= LARGEST
    return answer.text


def ids(page: str) -> set[str]:
    return set(re.findall(r'id="claim-(\w+)"', page))


def test_filters_and_words_narrow_the_claims_by_their_address(served: Serving) -> None:
    every = served.ask("GET", f"/api/claims?name={CASE}").json()
    whole = shown(served, f"/claims?name={CASE}")
    assert ids(whole) == {c["id"] for c in every["claims"]}
    assert len(ids(whole)) == every["of"]
    for name, key in (("kind", "kind"), ("verdict", "word"), ("basis", "basis"), ("section", "section"), ("flag", "flags")):
        value = re.findall(rf'<select name="{name}".*?<option value="([^"]+)"', whole, re.DOTALL)[0]
        fitting = {c["id"] for c in every["claims"] if value == str(c[key]) or (name == "flag" and value in c[key])}
        assert len(fitting) > 0
        assert ids(shown(served, f"/claims?name={CASE}&{name}={value}")) == fitting
    both = served.ask("GET", f"/api/claims?name={CASE}&kind=fact&words=LPG").json()["claims"]
    assert both
    assert all("LPG" in f"{c['claim_en']}{c['evidence_en']}{c['summary_en']}" and c["kind"] == "fact" for c in both)
    assert ids(shown(served, f"/claims?name={CASE}&words=no+claim+says+this+at+all")) == set()


def test_an_open_claim_shows_what_stands_behind_it(served: Serving) -> None:
    claim = next(c for c in served.ask("GET", f"/api/claims?name={CASE}").json()["claims"] if len(c["events"]) > 1 and c["flags"])
    page = unescape(shown(served, f"/claims?name={CASE}&claim={claim['id']}"))
    assert f'id="open-{claim["id"]}" aria-expanded="true"' in page
    for key in claim["sources"]:
        assert f'id="s-{key}"' in page
    assert all(f'id="event-{row}"' in page for row in claim["events"])
    assert all(need["en"] in page and need["zh"] in page for need in claim["needs"])
    targets = set(re.findall(r'<div class="behind">.*?</div>', page, re.DOTALL)[0].split('href="#')[1:])
    assert all(f'id="{target.partition(chr(34))[0]}"' in page for target in targets if target.startswith("event-"))


def test_every_basis_and_flag_says_what_a_firmer_verdict_would_need(served: Serving) -> None:
    judged = served.app.state.served.home.judged(CASE)
    for j in judged:
        assert needs(j)
    assert all(f"serve.claims.needs.{basis}" in catalogue("en") for basis in BASES)
    assert all(f"serve.claims.needs.flag.{flag}" in catalogue("en") for flag in FLAGS if flag != "memory")


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/claims?name=nobody", 404, "not_here"),
        ("/claims?name=../x", 404, "not_served"),
        (f"/claims?name={CASE}&kind=poem", 422, "not_one_of"),
        (f"/claims?name={CASE}&claim=C999", 422, "no_such_name"),
        (f"/claims?name={CASE}&colour=red", 422, "unknown_key"),
        (f"/argument?name={CASE}&without=C999", 422, "no_such_name"),
        (f"/weights?name={CASE}&without=I99", 422, "no_such_name"),
        (f"/weights?name={CASE}&pair=a:b", 422, ""),
        ("/weights?name=kazakhstan-2022/official", 422, "no_weights"),
        (f"/accounts?name={CASE}&name={CASE}", 422, "account_twice"),
        ("/accounts?name=", 422, "missing_key"),
        ("/claims", 404, "not_here"),
    ],
)
def test_a_mistake_in_an_address_is_said(served: Serving, address: str, status: int, code: str) -> None:
    page, answer = served.ask("GET", address), served.ask("GET", f"/api{address}")
    assert page.status in (200, status)
    assert "Traceback" not in page.text
    if code and not (address.startswith("/claims") and "claim=" in address):
        assert (answer.status, answer.code) == (status, code)
    assert answer.status < 500


def test_a_premise_that_is_let_fall_takes_with_it_what_rests_on_it(served: Serving) -> None:
    whole = served.ask("GET", f"/api/argument?name={CASE}").json()
    premise = next(p for p in whole["premises"] if p["label"] == "in" and p["falls"])
    page = shown(served, f"/argument?name={CASE}&without={premise['claim']}")
    fallen = re.findall(r'<section id="falls">.*?</section>', page, re.DOTALL)[0]
    assert {*premise["falls"].split(";")} <= set(re.findall(r"#claim-(\w+)", fallen))
    assert f'id="switch-{premise["claim"]}" aria-checked="false"' in page
    assert f'id="node-{premise["claim"]}" class="node out"' in page
    step = next(c["claim"] for c in whole["conclusions"] if c["label"] == "in" and c["claim"] in {p["claim"] for p in whole["premises"]})
    assert f'id="node-{step}" class="node out"' in shown(served, f"/argument?name={CASE}&without={step}")  # also where others support it
    assert f"--without={premise['claim']}" in page  # the command that says the same
    other = next(p["claim"] for p in whole["premises"] if p["claim"] != premise["claim"])
    asked = (f"{premise['claim']},{other}", f"{premise['claim']}&without={other}")
    joined, several = (served.ask("GET", f"/api/argument?name={CASE}&without={q}").json() for q in asked)
    assert joined["conclusions"] == several["conclusions"]


def test_items_that_are_left_out_are_not_weighed(served: Serving) -> None:
    whole, less = (served.ask("GET", f"/api/weights?name={CASE}{more}").json() for more in ("", "&without=I01"))
    assert [p["band_best"] for p in whole["pairs"]] != [p["band_best"] for p in less["pairs"]]
    page = shown(served, f"/weights?name={CASE}&without=I01")
    assert re.search(r'value="I01"[^>]* checked', page)
    assert page.count('name="without"') == len(whole["items"])
    pair = f"{whole['pairs'][-1]['a']}:{whole['pairs'][-1]['b']}"
    assert f'value="{pair}" selected' in shown(served, f"/weights?name={CASE}&pair={pair}")


def test_accounts_stand_side_by_side_question_by_question(served: Serving) -> None:
    page = shown(served, f"/accounts?name={CASE}")
    said = served.ask("GET", f"/api/accounts?name={CASE}").json()
    assert len(re.findall(r"<tr class=", page)) == len(said["questions"])
    two = shown(served, f"/accounts?name={CASE}&name={CASE}/split&only=contested")
    assert '<tr class="agreed"' not in two
    assert 'data-en="The official' not in two


def test_pages_without_an_account_offer_those_there_are(served: Serving) -> None:
    for path in ("/claims", "/argument", "/weights", "/accounts"):
        assert f'href="{path}?name={CASE}"' in shown(served, path)


def test_words_of_a_claim_are_never_markup(tiny: Path) -> None:
    table = tiny / "claims.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("It began on 2 March.", "It <script>x</script> began."), encoding="utf-8")
    with serving(tiny.parent) as there:
        page = shown(there, "/claims?name=tiny&claim=C1")
        assert "&lt;script&gt;x" in page
        assert "<script>x" not in page
        assert "C1" in ids(shown(there, "/claims?name=tiny&words=%3Cscript%3E"))
        for path in ("argument", "weights", "accounts"):
            assert 'class="warn"' in shown(there, f"/{path}?name=tiny")


def test_an_opened_claim_has_the_verdicts_of_both_readers(served: Serving) -> None:
    page = unescape(re.sub(r"<[^>]+>", "", shown(served, f"/claims?name={CASE}&claim=C027")))
    assert "first reader" in page
    assert "taken in the afternoon: event right, hour wrong" in page
    assert "first reader" not in shown(served, f"/claims?name={CASE}&claim=C087")
