"""Streams that are closed or full, widths that no terminal has, names that no system takes: one sentence and exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import CASE
from qantar.cli import main as cli
from qantar.cli import streams

FULL = Path("/dev/full")
LONG = "x" * 300
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def status(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(words))
    return int(left.value.code or 0)


@pytest.fixture(params=["kept back", "at once"])
def full(request: pytest.FixtureRequest) -> Iterator[object]:
    stream = FULL.open("w", encoding="utf-8")
    if request.param == "at once":  # as under PYTHONUNBUFFERED
        stream.reconfigure(write_through=True, line_buffering=True)
    yield stream
    stream.close()


@needs_full
@pytest.mark.parametrize("words", [("verdicts", CASE), ("verdicts", CASE, "--json"), ("--help",), ("list",)], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_sentence(
    words: tuple[str, ...], full: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    assert status(*words) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "standard output" in said
    assert "Traceback" not in said


@needs_full
def test_a_full_disk_behind_both_streams_changes_no_exit_status(monkeypatch: pytest.MonkeyPatch, full: object) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    with FULL.open("w", encoding="utf-8") as second:
        monkeypatch.setattr(sys, "stderr", second)
        assert status("verdicts", CASE) == 2
        second.flush()  # nothing is left to fail on when the interpreter ends


@pytest.mark.parametrize("words", [("verdicts", "nonsense"), ("verdicts", "--nonsense"), ("nonsense",)], ids=" ".join)
def test_a_mistake_is_a_mistake_when_stderr_is_closed(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert status(*words) == 2


def test_closed_streams_stop_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert status("verdicts", CASE) == 0


@pytest.mark.parametrize("columns", ["0", "-1", "³", "", "99999999999", "wide", "08"])
def test_a_width_that_no_terminal_has_is_forgotten(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("explain", "flags")
    monkeypatch.setenv("COLUMNS", "80")
    assert status(*asked) == 0
    expected = capsys.readouterr().out
    assert len(expected) > 500
    monkeypatch.setenv("COLUMNS", columns)
    assert status(*asked) == 0
    assert capsys.readouterr().out == expected


def test_a_width_that_a_terminal_can_have_is_kept() -> None:
    for columns in ("1", "80", "9999"):
        environment = {"COLUMNS": columns}
        streams.prepare(environment)
        assert environment == {"COLUMNS": columns}


@pytest.mark.parametrize(
    "words",
    [
        ("run", CASE, "--draws", "1", "--scale", "0.001", "--out", LONG),
        ("run", CASE, "--draws", "1", "--scale", "0.001", "--store", LONG),
        ("study", CASE, "--out", LONG),
        ("calibrate", CASE, "--quick", "--out", LONG),
        ("heldout", CASE, "--quick", "--out", LONG),
        ("counterfactual", CASE, "--arm", "no-internet-cut", "--out", LONG),
        ("export", CASE, "--out", LONG),
        ("rerun", LONG),
        ("check", LONG),
        ("verdicts", LONG),
        ("account", "outline", LONG),
        ("account", "new", LONG),
        ("account", "new", CASE, "--out", LONG),
    ],
    ids=lambda words: " ".join(w for w in words if w != LONG),
)
def test_a_name_of_300_characters_is_refused_in_a_sentence(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(*words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_debug_shows_where_the_system_refused() -> None:
    with pytest.raises(OSError, match="too long"):
        cli.main(["--debug", "rerun", LONG])


FOLLOWER = "import qantar, time; print('up', flush=True); time.sleep(60)"
DRIVER = f"""
import subprocess, sys, time
from qantar.follow import lead
if "lead" in sys.argv:
    lead()
child = subprocess.Popen([sys.executable, "-c", {FOLLOWER!r}], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt" or not Path("/proc/self/stat").exists(), reason="asks /proc")
@pytest.mark.parametrize("leads", [True, False])
def test_what_a_command_started_ends_with_it(leads: bool) -> None:
    clean = {k: v for k, v in os.environ.items() if k != "QANTAR_DRIVER"}
    with subprocess.Popen([sys.executable, "-c", DRIVER, *["lead"] * leads], stdout=subprocess.PIPE, text=True, env=clean) as driver:
        assert driver.stdout is not None
        child = int(driver.stdout.readline())
        driver.kill()
    try:
        until = time.monotonic() + (10 if leads else 1)
        while (there := is_running(child)) and time.monotonic() < until:
            time.sleep(0.05)
        assert there is not leads  # without a leader it lives on: the look sees that
    finally:
        if is_running(child):
            os.kill(child, 9)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
