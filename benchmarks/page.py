"""`python -m benchmarks page [--viewers N] [--json]`: what a visitor of the local page waits for, on this machine.

    up            from the command to the first page
    click_at_once the story of all residents is asked for in that moment: until the first hours of both histories have come
    click_ready   the same once the page says that it is ready
    page          a stored page, asked for by one visitor with nothing else going on
    viewers       N visitors at once, each of whom opens all stored pages one after the other
    viewers_live  the same while a what-if on all residents runs for somebody else
    memory        most that server and worlds have needed, each

Each is given in seconds of the clock and of the processors: the first says what a visitor waits on a machine as busy as this one, the
second what of it is ours. Linux only: processor time of others is read from /proc.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import CASE

PAGES = tuple(path.format(name=CASE) for path in (
    "/", "/story?name={name}", "/api/story?name={name}", "/what-if?name={name}", "/claims?name={name}", "/argument?name={name}", "/studies",
))  # fmt: skip
"""Pages of what ships, each by its address."""
ASKED = {"name": CASE, "arm": "no-troops", "recorded": True, "draws": 20}
TICK = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


def main(words: Sequence[str]) -> int:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks page", description="What a visitor of the local page waits for.")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="figures for machines")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.viewers)
    if asked.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(f"{name:<16}" + ", ".join(f"{value:,.3g} {unit}" for unit, value in of.items()) for name, of in found.items()))
    return 0


def measure(folder: Path, viewers: int) -> dict[str, dict[str, float]]:
    """All figures, for a server of its own on an empty folder."""
    found: dict[str, dict[str, float]] = {"load_before": {"of one minute": os.getloadavg()[0]}}
    with served(folder) as server:
        found["up"] = {"s": server.waited, "s of processors": server.spent()}
        found["click_at_once"] = click(server)
        settle(server)
        found["click_ready"] = click(server)
        settle(server)
        alone = [waits(server.url, PAGES, 1) for _ in range(2)][1]  # what is read once has been read
        before = server.spent()
        found["page"] = summary(alone)
        found["viewers"] = summary(waits(server.url, PAGES, viewers)) | {"s of processors": server.spent() - before}
        with watching(server.url) as going:
            found["viewers_live"] = summary(waits(server.url, PAGES, viewers)) | {"what-if still runs": float(going())}
        found["memory"] = server.memory()
    found["load_after"] = {"of one minute": os.getloadavg()[0]}
    return found


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    waited: float
    """seconds until the first page had come"""

    def family(self) -> list[int]:
        """It and what it started."""
        of = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                of[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in of.items() if parent == pid]
        return found

    def spent(self) -> float:
        """Seconds of processors so far, of all of them and of those that have ended."""
        total = 0.0
        for pid in self.family():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += sum(map(int, fields[11:15])) * TICK  # its own, and of its children that were waited for
        return total

    def memory(self) -> dict[str, float]:
        """MB that it has needed at most, and the largest of those that it started."""
        most = {}
        for pid in self.family():
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            most[pid] = next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), 0.0)
        own = most.pop(self.process.pid)
        return {"MB of the server": own, "MB of a world": max(most.values(), default=0.0)}


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """`qantar serve` on a folder."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "qantar", "serve", str(folder), "--port", "0"]
    environment = {**os.environ, "QANTAR_STORE": str(folder / "store"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http://")).rstrip("/")
        while ask(url, "/") is None:
            time.sleep(0.005)
        yield Server(process, url, time.monotonic() - begun)
    finally:
        process.terminate()
        process.wait()


def ask(url: str, path: str, body: Any = None) -> bytes | None:
    """What came back; None if nothing is there."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=600)
    try:
        content = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, content, {"X-Qantar": "1", "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        found = answer.read()
        assert answer.status == 200, found
        return found
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def waits(url: str, paths: Sequence[str], viewers: int) -> list[float]:
    """Seconds that each of so many visitors at once waits for each of these, one after the other."""
    found: list[float] = []

    def visit() -> None:
        for path in paths:
            begun = time.monotonic()
            ask(url, path)
            found.append(time.monotonic() - begun)

    threads = [threading.Thread(target=visit) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """The middle, and the longest."""
    return {"s in the middle": statistics.median(seconds), "s at most": max(seconds)}


def click(server: Server) -> dict[str, float]:
    """Seconds until the first hours of both histories of a what-if on all residents."""
    before, begun, sides = server.spent(), time.monotonic(), set()
    with events(server.url) as told:
        for event in told:
            sides |= {event["side"]} if event["event"] == "hours" else set()
            if len(sides) == 2:
                return {"s": time.monotonic() - begun, "s of processors": server.spent() - before}
    raise AssertionError("no hours came")


@contextmanager
def events(url: str) -> Iterator[Iterator[dict[str, Any]]]:
    """A what-if that is watched, and left at the end of the block."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=600)
    connection.request("POST", "/api/what-if", json.dumps(ASKED), {"X-Qantar": "1"})
    answer = connection.getresponse()
    try:
        yield (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))
    finally:
        answer.close()
        connection.close()


@contextmanager
def watching(url: str) -> Iterator[Any]:
    """A what-if that somebody else watches for the time of the block; gives a function that says whether it still runs."""
    ended, first = threading.Event(), threading.Event()
    with events(url) as told:

        def watch() -> None:
            try:
                for event in told:
                    if event["event"] == "hours":
                        first.set()
            except (OSError, ValueError, AttributeError):  # it was left
                pass
            ended.set()

        threading.Thread(target=watch, daemon=True).start()
        first.wait(600)
        yield lambda: not ended.is_set()


def settle(server: Server) -> None:
    """Wait until nobody's what-if goes on and everything is warm."""
    while json.loads(ask(server.url, "/api/what-if/ready", {"name": CASE}) or b"{}").get("state") != "ready":
        time.sleep(0.1)
