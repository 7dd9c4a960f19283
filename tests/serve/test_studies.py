"""Studies through the interface: a form from the description, the real command in a process of its own, and what can go wrong with it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from conftest import CASE, HERE
from kit.serving import Serving, serving, with_tiny
from qantar.errors import QantarError
from qantar.files.result import sealed
from qantar.messages import text
from qantar.scenario.scenario import load_scenario
from qantar.serve import runs
from qantar.serve.studies_part import fields, words_of
from qantar.studies import KINDS, study
from qantar.studies.kind import flag, options_of

LONG = {"kind": "run", "options": {"scenario": "tiny", "draws": 100_000}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(HERE / "tiny", root / "tiny")
    shutil.copytree(HERE / "tiny", root / "-x")
    (root / "arm.toml").write_text("", encoding="utf-8")
    with serving(root) as there:
        yield there


def ended(served: Serving, number: str) -> dict[str, Any]:
    """The last that is told of a run."""
    events = served.ask("GET", f"/api/runs/watch?id={number}").text.split("data: ")
    last: dict[str, Any] = json.loads(events[-1])
    return last


def gone(process: Any) -> bool:
    """Whether a process ends within a minute."""
    until = time.monotonic() + 60
    while process.returncode is None and time.monotonic() < until:
        time.sleep(0.05)
    return process.returncode is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_form_of_a_kind_is_its_description(served: Serving, kind: str) -> None:
    page = unescape(served.ask("GET", f"/studies/{kind}").text)
    described = study(kind)
    assert re.findall(r'data-field="([\w-]+)"', page) == [flag(name) for name in described.options.model_fields]
    for field, option in zip(fields(described), options_of(described.options).values(), strict=True):
        assert all(text(option.help, lang) in page for lang in ("en", "zh"))
        if field.number is not None:
            low, high = (int(x) if field.number.whole else x for x in (field.number.low, field.number.high))
            assert f'min="{low}" max="{high}"' in page
    schemas = {s["kind"]: s["schema"] for s in served.ask("GET", "/api/studies").json()["studies"]}
    assert list(schemas[kind]["properties"]) == [flag(name) for name in described.options.model_fields]
    assert set(schemas[kind]["required"]) == {flag(n) for n, f in described.options.model_fields.items() if f.is_required()}
    small = served.ask("GET", f"/studies/{kind}?small=1").text
    assert all(f'value="{v}"' in small for v in described.small.values() if type(v) is int)


def test_a_filled_form_stands_for_a_command(served: Serving) -> None:
    asked = {
        "kind": "counterfactual",
        "options": {"scenario": "tiny", "arm": ["one", "arm.toml"], "draws": "2", "replicates": 4, "prior": True},
    }
    said = served.ask("POST", "/api/command", asked).json()["command"]
    assert said == "qantar counterfactual tiny --arm=one --arm=arm.toml --draws=2 --prior --out=results/tiny-counterfactual"


@pytest.mark.parametrize(
    ("kind", "options", "key", "code"),
    [
        ("run", {"scenario": "tiny", "draws": 0}, "--draws", "below"),
        ("run", {"scenario": "tiny", "draws": "many"}, "--draws", "not_a_number"),
        ("run", {"scenario": "tiny", "engine": "steam"}, "--engine", "not_one_of"),
        ("run", {"scenario": "tiny", "colour": "red"}, "--colour", "unknown_key"),
        ("run", {"draws": 3}, "--scenario", "missing_key"),
        ("run", {"scenario": "nobody"}, "--scenario", "not_here"),
        ("run", {"scenario": "../tiny"}, "--scenario", "not_served"),
        ("run", {"scenario": "tiny", "out": "/tmp/x"}, "--out", "unknown_key"),
        ("run", {"scenario": "tiny", "json": True}, "--json", "unknown_key"),
        ("counterfactual", {"scenario": "tiny", "arm": ["../secret.toml"]}, "--arm", "not_served"),
        ("counterfactual", {"scenario": "tiny", "arm": "one"}, "--arm", None),
        ("counterfactual", {"scenario": "tiny", "arm": ["one\0two"]}, "--arm", "control_character"),
        ("counterfactual", {"scenario": "tiny", "arm": ["x"], "posterior": "/etc/passwd"}, "--posterior", "not_served"),
        ("argument", {"account": "tiny", "from": "a/../../b"}, "--from", "not_served"),
        ("poem", {}, "kind", "not_one_of"),
    ],
)
def test_a_mistake_is_said_beside_its_option_before_anything_starts(
    served: Serving, kind: str, options: dict[str, Any], key: str, code: str | None
) -> None:
    before = len(served.ask("GET", "/api/runs").json()["runs"])
    for path in ("/api/command", "/api/runs"):
        answer = served.ask("POST", path, {"kind": kind, "options": options})
        assert 400 <= answer.status < 500
        problem = answer.json()["error"]["problems"][0]
        assert problem["key"] == key
        assert code in (None, problem["code"])
        assert problem["what"]
        assert problem["rule"]
    assert len(served.ask("GET", "/api/runs").json()["runs"]) == before


def test_no_value_becomes_another_option(served: Serving) -> None:
    home = served.app.state.served
    for value in ("--out=/tmp/x", "-h", "--json", "; rm -rf x", "$(x)", "a b"):
        words = words_of(home, "counterfactual", {"scenario": "tiny", "arm": [value], "set": [value]})
        assert words[:4] == ["counterfactual", "tiny", f"--arm={value}", f"--set={value}"]
        assert [w for w in words if w.startswith("--out=")] == ["--out=results/tiny-counterfactual"]
    words = words_of(home, "run", {"scenario": "-x", "draws": 2})
    assert words == ["run", "--draws=2", "--out=results/x-run", "--", "-x"]
    for value in ("--help", "--out=x"):
        with pytest.raises(QantarError):
            words_of(home, "run", {"scenario": value})


def test_a_study_is_run_told_and_drawn(served: Serving) -> None:
    begun = served.ask("POST", "/api/runs", {"kind": "argument", "options": {"account": CASE, "without": ["C004"]}, "stays": True})
    assert begun.status == 201
    last = ended(served, begun.json()["id"])
    assert (last["state"], last["problems"]) == ("done", [])
    assert last["command"] == f"qantar argument {CASE} --without=C004 --out={last['folder']}"
    assert (served.root / last["folder"] / "result.json").is_file()
    assert last["folder"] in [r["folder"] for r in served.ask("GET", "/api/results").json()["results"]]
    page = served.ask("GET", f"/result?folder={last['folder']}")
    assert page.status == 200
    assert "--without=C004" in page.text
    assert 'class="map-of-argument"' in page.text
    assert len(page.text) < 300_000
    assert last["folder"] in served.ask("GET", "/studies").text
    again = served.ask("POST", "/api/command", {"kind": "argument", "options": {"account": CASE}}).json()["command"]
    assert again.endswith("-argument-2")  # what was found before stays
    for folder in ("../x", "tiny", "", "nothing"):
        assert 400 <= served.ask("GET", f"/result?folder={folder}").status < 500


def test_a_study_of_an_account_is_the_page_that_it_wrote_where_it_can_ask_nothing(served: Serving) -> None:
    page = '<h1>An account</h1><script>document.title = "x"</script>'
    made = {"kind": "study", "command": {"name": "study", "options": {"account": CASE}}}
    folder = served.root / "results" / "whole"
    folder.mkdir(parents=True)
    for name, content in sealed({"report.html": page}, made).items():
        (folder / name).write_text(content, encoding="utf-8")
    listed = unescape(served.ask("GET", "/studies").text)
    assert 'href="/result?folder=results/whole"' in listed
    assert f"qantar study {CASE}" in listed
    answer = served.ask("GET", "/result?folder=results/whole")
    assert answer.text == page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert answer.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    (folder / "report.html").write_text("another", encoding="utf-8")
    assert "results/whole" in served.ask("GET", "/studies").text  # the list reads heads only
    refused = served.ask("GET", "/result?folder=results/whole")
    assert refused.status == 422
    assert "another" not in refused.text
    (folder / "result.json").write_text("{}", encoding="utf-8")
    assert "results/whole" not in served.ask("GET", "/studies").text


def test_arms_of_a_scenario_are_offered_wherever_a_kind_has_them(served: Serving) -> None:
    offered = served.ask("GET", f"/api/arms?name={CASE}").json()["arms"]
    assert [a["arm"] for a in offered] == [name for name in load_scenario(CASE).file.arms if not name.startswith("bench-")]
    assert all(a["note_en"] and a["note_zh"] for a in offered)
    for kind in KINDS:
        page = served.ask("GET", f"/studies/{kind}").text
        assert ('data-offers="arms"' in page) == ("arm" in study(kind).options.model_fields), kind
    assert served.ask("GET", "/api/arms?name=nobody").status == 404


def test_what_the_command_refuses_is_told_with_its_problems(served: Serving) -> None:
    begun = served.ask("POST", "/api/runs", {"kind": "argument", "options": {"account": "tiny"}, "stays": True, "lang": "zh"}).json()
    last = ended(served, begun["id"])
    assert last["state"] == "failed"
    assert last["problems"][0]["code"] == "no_argument"
    assert re.search("[\u4e00-\u9fff]", last["problems"][0]["what"])


def test_a_killed_run_leaves_the_server_serving_and_says_so(served: Serving) -> None:
    number = served.ask("POST", "/api/runs", LONG | {"stays": True}).json()["id"]
    os.kill(served.app.state.served.runs.of(number).process.pid, signal.SIGKILL)
    last = ended(served, number)
    assert (last["state"], last["signal"]) == ("killed", signal.SIGKILL)
    assert served.ask("GET", "/").status == 200
    assert text("serve.studies.state.killed", "en") in unescape(served.ask("GET", "/studies").text)


def test_a_run_is_stopped_by_hand_and_too_many_are_refused(served: Serving) -> None:
    numbers = [served.ask("POST", "/api/runs", LONG | {"stays": True}).json()["id"] for _ in range(runs.MOST)]
    refused = served.ask("POST", "/api/runs", LONG)
    assert (refused.status, refused.code) == (429, "too_many_runs")
    folders = {r["command"].partition("--out=")[2] for r in served.ask("GET", "/api/runs").json()["runs"] if r["id"] in numbers}
    assert len(folders) == runs.MOST  # no two write to one place
    for number in numbers:
        assert served.ask("DELETE", f"/api/runs?id={number}").json()["state"] == "stopped"
        assert ended(served, number)["state"] == "stopped"
        assert gone(served.app.state.served.runs.of(number).process)
    assert served.ask("DELETE", "/api/runs?id=none").status == 404


def test_a_run_that_nobody_watches_ends(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PATIENCE", 0.5)
    number = served.ask("POST", "/api/runs", LONG).json()["id"]
    connection = http.client.HTTPConnection("127.0.0.1", int(served.url.rpartition(":")[2]), timeout=60)
    connection.request("GET", f"/api/runs/watch?id={number}")
    answer = connection.getresponse()
    answer.readline()
    time.sleep(1)
    run = served.app.state.served.runs.of(number)
    assert run.state == "running"  # somebody watches
    answer.close()
    connection.close()
    for _ in range(600):
        if run.state != "running":
            break
        time.sleep(0.1)
    assert run.state == "stopped"


def test_a_server_ends_at_once_though_somebody_may_come_back_to_a_run(tmp_path: Path) -> None:
    with serving(with_tiny(tmp_path)) as brief:
        brief.ask("POST", "/api/runs", LONG)
        began = time.monotonic()
    assert time.monotonic() - began < runs.PATIENCE / 3


def test_progress_and_time_left_are_told_as_numbers() -> None:
    run = runs.Run("1", ("run", "x"), stays=True, lines=["compiling", "histories 3 / 12, about 70 s left"])
    assert run.as_dict()["progress"] == {"what": "histories", "done": "3", "total": "12", "left": "about 70 s left"}
    run.lines.append("历史 4 / 12，约剩60秒")
    assert run.as_dict()["progress"]["left"] == "约剩60秒"


def test_names_of_files_are_offered_from_the_folder_alone(served: Serving) -> None:
    offered = set(re.findall(r'<option value="([^"]+)"></option>', served.ask("GET", "/studies/counterfactual").text))
    assert {"arm.toml", "tiny/case.toml"} <= offered
    assert all((served.root / name).resolve().is_relative_to(Path(served.root).resolve()) for name in offered)
