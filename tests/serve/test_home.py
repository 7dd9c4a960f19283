"""What is served: the folder and what ships, under names that lead nowhere else."""

from __future__ import annotations

import gzip
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import CASE, HERE
from kit.serving import Serving, serving
from qantar.errors import QantarError
from qantar.serve.home import Home


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(HERE / "tiny", root / "cases" / "tiny")
    (root / "spoilt").mkdir()
    (root / "spoilt" / "case.toml").write_text("not toml at all", encoding="utf-8")
    outside = tmp_path_factory.mktemp("outside")
    shutil.copytree(HERE / "tiny", outside / "secret")
    (root / "link").symlink_to(outside / "secret", target_is_directory=True)
    with serving(root) as there:
        yield there


def test_what_ships_and_what_lies_there_is_found(served: Serving) -> None:
    entries = {e["name"]: e for e in served.ask("GET", "/api/entries").json()["entries"]}
    assert {CASE, "cases/tiny", "spoilt"} <= set(entries)
    assert "link" not in entries
    assert entries[CASE]["packaged"]
    assert entries["cases/tiny"]["scenario"]
    assert entries["spoilt"]["faulty"]
    assert not entries["cases/tiny"]["faulty"]


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret",
        "/etc",
        "cases/../../x",
        "link",
        "link/account.toml",
        "C:\\x",
        "cases\\..\\..\\x",
        "",
        " ",
        "a\0b",
        "a\nb",
        "x" * 5000,
        "\ud800",
    ],
)
def test_no_name_leads_outside(served: Serving, name: str) -> None:
    with pytest.raises(QantarError) as refused:
        Home(served.root).found(name)
    assert refused.value.problems[0].code in ("not_served", "not_here")
    with pytest.raises(QantarError):
        Home(served.root).loaded(name)


def test_an_account_is_read_again_when_a_file_changed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(HERE / "tiny", tmp_path / "tiny"))
    home = Home(tmp_path)
    first = home.loaded("tiny")
    assert home.loaded("tiny") is first
    (folder / "claims.csv").write_text((folder / "claims.csv").read_text(encoding="utf-8"), encoding="utf-8")
    assert home.loaded("tiny") is not first


def test_the_first_page_names_what_can_be_opened_and_shows_no_markup_of_others(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(HERE / "tiny", tmp_path / "tiny"))
    head = folder / "account.toml"
    head.write_text(head.read_text(encoding="utf-8").replace('title_en = "', 'title_en = "<script>x</script>'), encoding="utf-8")
    with serving(tmp_path) as there:
        page = there.ask("GET", "/").text
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert len(page) < 300_000


def test_the_contents_lead_on_with_the_case_that_is_looked_at(served: Serving) -> None:
    page = served.ask("GET", f"/claims?name={CASE}/official").text
    assert f'href="/claims?name={CASE}/official"' in page
    assert 'href="/story"' in page  # an account has no days of its own
    assert f'href="/what-if?name={CASE}"' in served.ask("GET", f"/story?name={CASE}").text


PAGES = (
    "/", *(f"{path}?name={CASE}" for path in ("/story", "/what-if", "/claims", "/argument", "/weights", "/accounts", "/api/story")),
    "/studies", "/studies/counterfactual", "/own", "/ledger",
)  # fmt: skip
LARGEST, ON_THE_WIRE = 300_000, 100_000


@pytest.mark.parametrize("path", PAGES)
def test_a_page_with_all_that_it_loads_is_small_and_smaller_on_the_wire(served: Serving, path: str) -> None:
    def sent(address: str) -> bytes:
        request = urllib.request.Request(served.url + address, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            content = bytes(answer.read())
            assert (answer.headers["Content-Encoding"] == "gzip") == (content[:2] == b"\x1f\x8b")
            return content

    page = sent(path)
    whole = gzip.decompress(page)
    loaded = [sent(f"/static/{name}") for name in sorted(set(re.findall(r'"/static/([^"]+)"', whole.decode())))]
    assert len(page) + sum(map(len, loaded)) <= ON_THE_WIRE
    assert len(whole) + sum(len(gzip.decompress(x) if x[:2] == b"\x1f\x8b" else x) for x in loaded) <= LARGEST
