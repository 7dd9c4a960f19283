"""What if: the very histories of the command, told as they happen; who leaves ends them, and a killed world ends nothing else."""

from __future__ import annotations

import csv
import hashlib
import http.client
import itertools
import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from benchmarks.page import waits
from conftest import CASE, HERE, call_qantar
from kit.serving import Serving, serving
from qantar.effects.effect import BASE
from qantar.engine.diary import diary
from qantar.inference.posterior import shipped_posterior
from qantar.messages import LANGUAGES
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import load_scenario, resolve
from qantar.serve.arm_file import arm_of, read, written
from qantar.serve.what_if_part import PEOPLE_MAX, WhatIf, _stops, comparison
from qantar.serve.world import Hours, Stop, _Teller

SMALL = {
    "name": CASE,
    "arm": "mechanisms.diffusion=off",
    "scale": 0.001,
    "set": ["time.hours=60"],
    "prior": True,
    "recorded": True,
    "seed": 3,
}
LONG = {"name": CASE, "arm": "no-troops", "recorded": True, "draws": 20, "replicates": 4, "scale": 0.05}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(HERE / "tiny", root / "cases" / "tiny")
    with serving(root) as there:
        yield there


def events(answer: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.split("\n\n") if line]


class Watching:
    """A what-if that is read event by event, and may be left."""

    def __init__(self, served: Serving, asked: dict[str, Any]) -> None:
        self.connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=120)
        self.connection.request("POST", "/api/what-if", json.dumps(asked), {"X-Qantar": "1"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def until(self, kind: str) -> dict[str, Any]:
        for line in self.answer:
            if line.startswith(b"data: ") and (event := json.loads(line[6:]))["event"] == kind:
                return dict(event)
        raise AssertionError(f"no {kind}")

    def leave(self) -> None:
        self.answer.close()
        self.connection.close()


def settled(served: Serving) -> str:
    """The state once nobody's what-if runs; waits for it."""
    for _ in range(600):
        state = served.ask("POST", "/api/what-if/ready", {"name": CASE, "scale": SMALL["scale"]}).json()["state"]
        if state == "ready":
            return str(state)
        time.sleep(0.1)
    return str(state)


def test_the_histories_are_those_of_the_command(served: Serving, tmp_path: Path) -> None:
    asked = {**SMALL, "draws": 3, "replicates": 2}
    begun, *told = events(served.ask("POST", "/api/what-if", asked).text)
    assert [begun["event"], told[-1]["event"]] == ["begun", "done"]
    program, *words = shlex.split(begun["command"])
    ran = call_qantar(*words, "--json", cwd=tmp_path)
    assert (program, ran.code) == ("qantar", 0), ran.err
    kept = json.loads((tmp_path / ran.json()["folder"] / "result.json").read_text(encoding="utf-8"))
    draws = [e for e in told if e["event"] == "draw"]
    for side, label in ((BASE, BASE), ("changed", SMALL["arm"])):
        streamed = hashlib.sha256("".join(e["sha256"][side] for e in draws).encode()).hexdigest()
        assert streamed == kept["arms"][label]["history_sha256"]
    with (tmp_path / ran.json()["folder"] / "effects.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(draws[-1]["effects"])
    for row, effect in zip(rows, draws[-1]["effects"], strict=True):
        for k in ("median", "low", "high", "share", "gain"):
            assert (row[k] == "") == (effect[k] is None)
            assert effect[k] is None or float(row[k]) == pytest.approx(effect[k], rel=1e-8)
        assert (row["finding"], row["more"]) == (effect["finding"], str(effect["more"]))
    assert [draws[-1]["sentence"][k] for k in (0, 1)] == [kept["arms"][SMALL["arm"]][f"sentence_{lang}"] for lang in LANGUAGES]
    assert [bool(e.get("rows")) for e in draws] == [False, True] * 3  # what a draw says needs all of its pairs
    assert any(e["sha256"][BASE] != e["sha256"]["changed"] for e in draws)
    shared = served.ask("GET", f"/api/what-if/file?{urlencode(asked, doseq=True)}")
    file = tmp_path / shared.headers["Content-Disposition"].partition('"')[2].rstrip('"')
    file.write_text(shared.text, encoding="utf-8")
    again = call_qantar(*shlex.split(shared.text.splitlines()[0].removeprefix("# qantar ")), "--json", cwd=tmp_path)
    told_again = json.loads((tmp_path / again.json()["folder"] / "result.json").read_text(encoding="utf-8"))["arms"]
    assert told_again[file.stem]["history_sha256"] == kept["arms"][SMALL["arm"]]["history_sha256"]
    assert served.ask("POST", f"/api/what-if/file?name={CASE}", file.read_bytes()).json() == {"arm": SMALL["arm"]}


@pytest.mark.parametrize(
    "arm", ["no-troops", "stand-aside", "parameters.rally_rate=0.25;mechanisms.split=1;drivers.internet=off;steps.troops.size=500"]
)
def test_a_change_comes_back_from_its_file(served: Serving, arm: str) -> None:
    scenario = load_scenario(CASE)
    file = written(arm_of(scenario, arm), "a line for people").encode()
    assert read(scenario, file) == arm


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not toml", "broken_toml"),
        (b'note_en = "x"\nnote_zh = "x"\nedits = [{ path = "parameters.nothing", value = 1 }]', "unknown_parameter"),
        (b'note_en = "x"\nnote_zh = "x"\nedits = [{ path = "parameters.rally_rate", op = "scale", value = 2 }]', "only_in_a_file"),
        (b"\xff\xfe\x00", None),
        (b"", None),
    ],
)
def test_a_file_that_is_none_is_told_with_what_is_wrong(served: Serving, content: bytes, code: str | None) -> None:
    answer = served.ask("POST", f"/api/what-if/file?name={CASE}", content)
    assert answer.status == 422
    assert code in (None, answer.code)


def test_every_hour_is_told_once_and_adds_up(served: Serving) -> None:
    told = events(served.ask("POST", "/api/what-if", {**SMALL, "draws": 1}).text)
    for side in (BASE, "changed"):
        rows = [row for e in told if e["event"] == "hours" and e["side"] == side for row in e["rows"]]
        assert [row[0] for row in rows] == list(range(1, 61))
        assert max(row[1] for row in rows) > 0
        for _, out, _, _, _, regions, seats, by_region in rows:
            assert len(by_region) == len(told[0]["regions"])
            assert abs(out - sum(by_region)) <= len(by_region)
            assert regions == sum(n > 0 for n in by_region)
            assert 0 <= seats <= len(by_region)
        for k in (2, 3, 4):
            assert all(a[k] <= b[k] for a, b in itertools.pairwise(rows))  # since the start


def test_the_draws_are_those_of_the_fit_that_ships(served: Serving) -> None:
    asked = WhatIf(name=CASE, arm="no-troops", recorded=True, draws=7, scale=0.001)
    found = comparison(served.app.state.served, asked)
    fit = shipped_posterior(load_scenario(CASE))
    assert fit is not None
    for k in range(7):
        row = fit.values[k * len(fit.values) // 7]
        lives = found.lives(k)
        assert all(lives[side].values[name] == value for side in lives for name, value in row.items() if name not in found.base.parameters)
        assert lives[BASE].seed == lives["changed"].seed
    assert not comparison(served.app.state.served, asked.model_copy(update={"prior": True})).given


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "nowhere"}, 404, "not_here"),
        ({"arm": ""}, 422, "no_such_arm"),
        ({"arm": "no-such-arm"}, 422, "no_such_arm"),
        ({"arm": "parameters.rally_rate=x"}, 422, "not_a_number"),
        ({"arm": "parameters.inform_rate=-1;;"}, 422, "bad_form"),
        ({"arm": "mechanisms.split=off"}, 422, "arm_without_effect"),
        ({"draws": 21}, 422, "above"),
        ({"draws": 0}, 422, "below"),
        ({"replicates": 5}, 422, "above"),
        ({"scale": 2}, 422, "above"),
        ({"set": "time.hours=3"}, 422, "not_a_list"),
        ({"set": ["time.hours=99999"]}, 422, "outside"),
        ({"posterior": "../x.csv"}, 404, "not_served"),
        ({"engine": "plain"}, 422, "unknown_key"),
    ],
)
def test_a_mistake_is_said_before_anything_begins(served: Serving, change: dict[str, Any], status: int, code: str) -> None:
    answer = served.ask("POST", "/api/what-if", {**SMALL, **change})
    assert (answer.status, answer.code) == (status, code)


def test_more_people_than_fit_are_refused_with_a_scale_that_fits(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qantar.serve.what_if_part.PEOPLE_MAX", 1_000_000)
    for path in ("/api/what-if", "/api/what-if/ready"):
        answer = served.ask("POST", path, {**SMALL, "scale": 1} if path.endswith("if") else {"name": CASE})
        assert (answer.status, answer.code) == (422, "too_many_people")
        assert "0.05" in answer.json()["error"]["problems"][0]["mend"]
    assert sum(p.population for p in resolve(load_scenario(CASE)).places) < PEOPLE_MAX  # all residents of this case do fit


def test_what_ifs_take_turns_and_who_leaves_ends_his(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Watching(served, LONG)
    first.until("hours")
    lives = served.app.state.served.lives
    worlds = dict(lives._worlds)
    assert served.ask("POST", "/api/what-if/ready", {"name": CASE}).json() == {"state": "busy"}
    told = events(served.ask("POST", "/api/what-if", {**SMALL, "draws": 2}).text)
    assert [e["event"] for e in told[:2]] + [told[-1]["event"]] == ["begun", "waits", "done"]
    assert told[1]["state"] == "busy"
    first.until("draw")  # the first went on meanwhile, in turns
    assert lives._worlds == worlds  # and nobody's country took more memory than those two
    monkeypatch.setattr("qantar.serve.live.WAITING", 0)
    refused = served.ask("POST", "/api/what-if", SMALL)
    assert (refused.status, refused.code) == (429, "too_many_histories")
    first.until("hours")
    assert any(w.busy for w in worlds.values())
    first.leave()
    assert settled(served) == "ready"
    assert not any(w.busy for w in worlds.values())
    assert lives._worlds == worlds  # they ended their histories at the next step, and were not killed for it


def test_twenty_visitors_of_stored_pages_do_not_wait_for_a_what_if(served: Serving, record_property: Callable[[str, object], None]) -> None:
    paths = ("/", f"/story?name={CASE}", f"/what-if?name={CASE}")
    waits(served.url, paths, 1)  # what is read once has been read
    alone = median(waits(served.url, paths, 20))
    going = Watching(served, LONG)
    going.until("hours")
    beside = waits(served.url, paths, 20)
    assert served.ask("POST", "/api/what-if/ready", {"name": CASE}).json() == {"state": "busy"}  # it still goes on
    going.leave()
    record_property("seconds of a visitor, alone and beside a what-if", (round(alone, 3), round(median(beside), 3)))
    assert len(beside) == 20 * len(paths)
    assert median(beside) < 5 * alone + 0.5  # a history of these takes the processors for longer, and a what-if has 160
    assert settled(served) == "ready"


def test_a_killed_world_is_said_and_replaced(served: Serving) -> None:
    watching = Watching(served, LONG)
    watching.until("hours")
    killed = served.app.state.served.lives._worlds["changed"].process.pid
    os.kill(killed, signal.SIGKILL)
    said = watching.until("failed")
    assert set(said["problems"][0]) == {"what", "rule", "mend"}
    assert all(len(sentences) == len(LANGUAGES) and all(sentences) for sentences in said["problems"][0].values())
    assert served.ask("GET", "/").status == 200
    again = events(served.ask("POST", "/api/what-if", {**SMALL, "draws": 1}).text)
    assert again[-1]["event"] == "done"
    assert served.app.state.served.lives._worlds["changed"].process.pid != killed


def test_worlds_are_there_from_the_beginning_and_end_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, warm=True) as there:
        for _ in range(600):
            if worlds := list(there.app.state.served.lives._worlds.values()):
                break
            time.sleep(0.1)
    for far in worlds:
        far.process.join(20)
        assert far.process.exitcode is not None


class Wire:
    """A pipe that keeps what was sent, and has a message to be read after so many looks."""

    def __init__(self, stop_after: int) -> None:
        self.sent: list[Any] = []
        self.left = stop_after

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def poll(self) -> bool:
        self.left -= 1
        return self.left < 0

    def recv(self) -> Any:
        return Stop()


def test_a_history_is_told_in_parts_and_ends_when_told() -> None:
    plan = resolve(load_scenario(str(HERE / "tiny")))
    clock = iter(np.arange(0, 100, 0.03).tolist())
    wire = Wire(stop_after=20)
    tell = _Teller(wire, plan, lambda: next(clock))  # type: ignore[arg-type]
    rows = diary(48, len(plan.places), len(plan.regions))
    rows.protesting[:] = 2.0
    steps = [tell(t, rows) for t in range(21)]
    assert steps == [False] * 20 + [True]
    tell.send()
    parts = [m.rows for m in wire.sent if isinstance(m, Hours)]
    assert [row[0] for part in parts for row in part] == list(range(1, 22))
    assert 4 < len(parts) < 12  # not a message a step


def test_sliders_stay_inside_the_limits() -> None:
    for name, p in parameters().items():
        stops = [float(x) for x in _stops(p)]
        assert stops == sorted(set(stops)), name
        assert p.low <= stops[0] < stops[-1] <= p.high, name
        assert len(stops) > 5, name


def test_the_page_offers_what_the_case_has(served: Serving) -> None:
    page = served.ask("GET", f"/what-if?name={CASE}").text
    scenario = load_scenario(CASE)
    for name in scenario.file.arms:
        assert (f'value="{name}"' in page) != name.startswith("bench-"), name
    assert all(f'data-change="steps.{s.id}"' in page for s in scenario.file.steps)
    assert 'data-name="rally_rate"' in served.ask("GET", f"/what-if/strengths?name={CASE}").text
    assert 'data-name="rally_rate"' not in page  # it comes when the rest stands
    assert [served.ask("GET", f"/what-if/strengths{q}").status for q in ("", "?name=nowhere")] == [422, 404]
    assert "has no fit to its record" not in page
    loaded = sum(
        len(served.ask("GET", f"/static/{f}").text.encode()) for f in ("page.css", "serve.css", "look.js", "what_if.css", "what_if.js")
    )
    assert len(page.encode()) + loaded <= 200_000
    own = served.ask("GET", "/what-if?name=cases/tiny").text
    assert own.index("has no fit to its record") < own.index('id="change"')
    assert "/what-if?name=cases/tiny" in served.ask("GET", "/what-if").text
    assert served.ask("GET", "/what-if?name=nowhere").status == 404
