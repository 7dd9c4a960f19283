"""A case of one's own through the interface: each step is its command in the folder that is served, and nothing leads outside or in as an option."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import HERE
from kit.serving import Serving, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as there:
        yield there


def done(served: Serving, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A command, when it has ended."""
    begun = served.ask("POST", path, body)
    assert begun.status == 202, begun.text
    watched = served.ask("GET", f"/api/runs/watch?id={begun.json()['id']}")  # what nobody watches is ended after a while
    run: dict[str, Any] = json.loads(watched.text.split("data: ")[-1])
    return run


def test_a_case_is_made_filled_and_judged(served: Serving) -> None:
    made = done(served, "/api/own/new", {"name": "fr", "country": "FR", "first_day": "2023-04-18", "last_day": "2023-06-29"})
    assert made["state"] == "done", made
    assert "regions" in made["printed"]
    for name in ("actions.csv", "essay.md"):
        assert served.ask("PUT", f"/api/own/file?name={name}", (HERE / "newcomer" / name).read_bytes()).status == 201
    looked = done(served, "/api/own/import", {"file": "actions.csv", "into": "fr", "lang": "zh"})
    assert looked["state"] == "failed"  # a first look imports nothing, as in a terminal
    assert "actions-mapping.toml" in looked["printed"]
    mapping = served.root / "actions-mapping.toml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace('# kind = "protest"', 'kind = "protest"'), encoding="utf-8")
    taken = done(served, "/api/own/import", {"file": "actions.csv", "into": "fr", "mapping": "actions-mapping.toml"})
    assert taken["state"] == "done", taken
    assert served.ask("GET", "/api/check?name=fr").json()["problems"] == []
    assert done(served, "/api/own/ledger", {"document": "essay.md", "case": "fr", "out": "judged"})["state"] == "done"
    assert len(served.ask("GET", "/api/ledger?name=judged").json()["tables"]["claims"]["rows"]) > 5
    assert done(served, "/api/own/keep", {"name": "judged"})["state"] == "done"
    page = served.ask("GET", "/own").text
    assert "judged" in page
    assert len(page) < 300_000


def test_a_mistake_is_the_commands_own(served: Serving) -> None:
    run = done(served, "/api/own/new", {"name": "x", "country": "Atlantis"})
    assert run["state"] == "failed"
    assert "Atlantis" in "".join(run["lines"])
    assert not (served.root / "x").exists()


@pytest.mark.parametrize("name", ["../x.csv", "a/b.csv", "x.exe", ".hidden.csv", "/etc/x.csv", "x"])
def test_files_go_into_the_folder_and_nowhere_else(served: Serving, name: str) -> None:
    from urllib.parse import quote

    before = {p for p in served.root.parent.rglob("*") if p.is_file()}
    assert served.ask("PUT", f"/api/own/file?name={quote(name, safe='')}", b"x").status in (404, 422)
    assert {p for p in served.root.parent.rglob("*") if p.is_file()} == before


def test_a_file_of_the_user_is_not_written_over(served: Serving) -> None:
    (served.root / "mine.csv").write_bytes(b"mine")
    answer = served.ask("PUT", "/api/own/file?name=mine.csv", b"other")
    assert (answer.status, answer.code) == (409, "another_there")
    assert (served.root / "mine.csv").read_bytes() == b"mine"
    assert served.ask("PUT", "/api/own/file?name=mine.csv", b"mine").status == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("new", {"name": "--out=/tmp/elsewhere", "country": "FR"}),
        ("new", {"name": "../elsewhere", "country": "FR"}),
        ("import", {"file": "../t.csv", "into": "fr"}),
        ("import", {"file": "t.csv", "into": "../fr"}),
        ("ledger", {"document": "/etc/passwd", "case": "fr", "out": "x"}),
        ("ledger", {"document": "t.md", "case": "kazakhstan-2022", "out": "../x"}),
        ("keep", {"name": "kazakhstan-2022"}),
    ],
)
def test_no_name_leads_out_or_becomes_an_option(served: Serving, path: str, body: dict[str, str]) -> None:
    shutil.copytree(HERE / "tiny", served.root / "fr")
    answer = served.ask("POST", f"/api/own/{path}", body)
    if answer.status == 202:  # a name that begins with a dash stands behind `--`: it is a name, and not a good one
        run = answer.json()
        while run["state"] == "running":
            time.sleep(0.2)
            run = {r.id: r.as_dict() for r in served.app.state.served.runs.all()}[run["id"]]
        assert run["state"] == "failed"
        assert not Path("/tmp/elsewhere").exists()
    else:
        assert answer.status in (404, 422), json.dumps(answer.json())
