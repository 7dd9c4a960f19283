"""The event engine beside other programs: same work, figures within chance, and the table that ships. Nothing is timed."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import compare, country, dense, environment, with_qantar, work
from benchmarks.peers.compare import PEERS, SETTINGS, SIZES, THREADS, WITHIN
from conftest import REPOSITORY

RESIDENTS, SEEDS = 10_000, range(1, 7)
EVIDENCE = REPOSITORY / "evidence" / "peers.csv"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> work.Work:
    folder = tmp_path_factory.mktemp("country")
    country.make(RESIDENTS, folder)
    return work.read(folder, SETTINGS["many"])


def outcomes(these: work.Work, peer: Any, seeds: range = SEEDS, **more: Any) -> np.ndarray:
    ready = peer.set_up(these)
    return np.array([peer.history(these, ready, seed, **more) for seed in seeds], float)


@pytest.fixture(scope="module")
def ours(many: work.Work) -> np.ndarray:
    return outcomes(many, with_qantar)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many standard errors the means of two samples lie apart, for joins, residents out and resting."""
    error = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    return np.abs(one.mean(axis=0) - other.mean(axis=0)) / error


def test_the_dense_loop_gives_what_the_engine_gives_within_chance(many: work.Work, ours: np.ndarray) -> None:
    theirs = outcomes(many, dense)
    assert 0.15 * RESIDENTS < ours[:, 0].mean() < 0.25 * RESIDENTS
    assert apart(ours, theirs).max() < WITHIN
    assert len({tuple(x) for x in theirs}) == len(SEEDS)


@pytest.mark.parametrize("change", [{"gain": 0.0}, {"leave": 1 / 12}, {"back": 1 / 48}])
def test_a_rule_left_out_or_halved_would_be_seen(many: work.Work, ours: np.ndarray, change: dict[str, float]) -> None:
    other = replace(many, rules=replace(many.rules, **change))
    assert apart(ours, outcomes(other, dense)).max() > WITHIN


@pytest.mark.parametrize(
    ("module", "package", "more"), [("laser", "laser", {}), ("laser", "laser", {"resistances": True}), ("mesa", "mesa", {})]
)
def test_programs_of_others_too_where_they_are_installed(
    many: work.Work, ours: np.ndarray, module: str, package: str, more: dict[str, Any]
) -> None:
    pytest.importorskip(package)
    peer = import_module(f"benchmarks.peers.with_{module}")
    assert apart(ours, outcomes(many, peer, range(1, 4), **more)).max() < WITHIN


def test_contacts_are_written_as_the_engine_computes_them(many: work.Work) -> None:
    start, contacts = many.read("start"), many.read("contacts")
    blocks, ties = country.nation(RESIDENTS)
    room = np.empty(ties.degree_max, np.int64)
    for i in (0, 1234, RESIDENTS - 1):
        _, n = country.contacts(i, blocks, ties, room)
        assert contacts[start[i] : start[i + 1]].tolist() == room[:n].tolist()
    pairs = np.repeat(np.arange(RESIDENTS), np.diff(start)), contacts
    counts = [np.sort(a.astype(np.int64) * RESIDENTS + b) for a, b in (pairs, pairs[::-1])]
    assert np.array_equal(*counts)  # ties go both ways, so that counts kept by one side are right for the other
    assert 15 < len(contacts) / RESIDENTS < 17


def comparison(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, peers: tuple[str, ...] = ("qantar", "mesa")) -> compare.Comparison:
    these = compare.Comparison(Path(), list(peers), {}, 600.0, 3, spread={"few": np.ones(3)}, compiling=dict.fromkeys(peers, 0.0))
    these.contacts = dict.fromkeys(SIZES, 1.0)
    monkeypatch.setattr(these, "run", run)
    return these


def found(seconds: float, joins: int = 1000) -> dict[str, Any]:
    return {"outcomes": [[joins, 10, 50]], "seconds": [seconds], "cpu": [seconds], "set_up_s": 0.0, "peak_mb": 100.0, "versions": {}}


def test_what_would_take_too_long_is_not_run_and_says_how_long_it_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    these = comparison(lambda peer, n, *_: found(n * (5e-4 if peer == "mesa" else 1e-7)), monkeypatch)
    for size in SIZES:
        list(these.measure("few", size))
    rows = {(r["peer"], r["residents"]): r for r in these.rows}
    assert rows["mesa", 10**6]["ratio"] == pytest.approx(5000)
    assert rows["mesa", 10**7] | {"note": "", "threads": 0} == {
        "setting": "few",
        "peer": "mesa",
        "threads": 0,
        "residents": 10**7,
        "expected_s": pytest.approx(5000),
        "note": "",
    }
    assert "not run: about 83 minutes by the trend" in compare.line(rows["mesa", 10**7])


def test_figures_that_differ_by_more_than_chance_are_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for joins, agrees in ((1005, True), (1006, False)):  # one standard deviation is 1, so that four errors of a difference are 5.7
        these = comparison(lambda peer, *_, joins=joins: found(1.0, joins if peer == "mesa" else 1000), monkeypatch)
        *_, row = these.measure("few", 10**5)
        assert row["agrees"] == agrees
        assert ("**no**" in compare.line(row)) != agrees


def test_a_program_that_dies_leaves_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    these = comparison(lambda peer, *_: found(1.0) if peer == "qantar" else {"note": "ended with status -9"}, monkeypatch)
    *_, row = these.measure("few", 10**5)
    assert "ended with status -9" in compare.line(row)
    assert compare.read_csv(compare.as_csv(these.rows, {}))[-1]["note"] == "ended with status -9"


def test_the_environment_lies_in_the_users_cache_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    at = environment.folder()
    assert at == tmp_path / "qantar-peers"
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_: (at.mkdir(exist_ok=True), ran.append(words)))
    for _ in range(2):
        assert environment.prepare(at) == environment.python_of(at)
    assert [words[1:3] for words in ran] == [["-m", "venv"], ["-m", "pip"]]
    assert ran[1][-len(environment.PACKAGES) :] == list(environment.PACKAGES)


def test_the_command_is_found_and_the_process_of_a_program_prints_what_is_read(many: work.Work) -> None:
    asked = [sys.executable, "-m", "benchmarks", "peers", "--help"]
    assert "--limit" in subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    words = [str(many.folder), str(many.folder), str(SETTINGS["few"]), "2", "60"]
    command = [sys.executable, "-m", "benchmarks.peers.dense", *words]
    environ = os.environ | {"NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert len(told["outcomes"]) == len(told["seconds"]) == len(told["cpu"]) == 2
    assert told["versions"]["numba"]


def test_the_page_shows_the_table_that_ships_and_every_size_has_its_row() -> None:
    text = EVIDENCE.read_text(encoding="utf-8")
    rows = compare.read_csv(text)
    assert text.splitlines()[0].startswith(",".join(compare.COLUMNS))
    page = (REPOSITORY / "benchmarks" / "peers" / "README.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        these = [r for r in rows if r["setting"] == setting]
        assert compare.table(these) in page
        threads = [(p, t) for p in PEERS for t in ((1, THREADS) if PEERS[p].threads else (1,))]
        assert [(r["residents"], r["peer"], r["threads"]) for r in these] == [(n, *x) for n in SIZES for x in threads]
        assert all(r["agrees"] for r in these if r.get("seconds") and r["peer"] != "qantar")
    assert doctest.testmod(compare).failed == 0
