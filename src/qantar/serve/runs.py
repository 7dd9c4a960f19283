"""Runs of the program for a browser: each is the very command that a terminal would do, in a process of its own.

A run that is killed, or fails, leaves the server serving. With nobody watching for a while it ends, unless it was asked to go
on; what was finished of its histories is kept where the command keeps it, and a repeated command continues there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qantar.errors import StudyError, fail

MOST = 2
"""Runs at once: each takes all cores it finds."""
PATIENCE = 20.0
"""Seconds that a run goes on with nobody watching: a page may be loaded again."""
REMEMBERED = 50
"""Finished runs of which the end is still told."""
LINES = 400
"""Lines of progress that are kept of a run."""


_COUNT = re.compile(r"(?P<what>.*?) (?P<done>\d+) / (?P<total>\d+)(?:[,，] ?(?P<left>.*))?")


@dataclass
class Run:
    """One run: what was asked, how far it is, and how it ended."""

    id: str
    words: tuple[str, ...]
    stays: bool
    state: str = "running"
    """running, done, failed or stopped"""
    lines: list[str] = field(default_factory=list)
    answer: Any = None
    """what the command printed as JSON: its result, or its problems"""
    printed: str = ""
    """what it printed, where that is no JSON"""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0
    process: asyncio.subprocess.Process | None = None

    def as_dict(self) -> dict[str, Any]:
        """A run as pages and programs see it: without the tables of its result, which lie in its folder."""
        answer = self.answer if isinstance(self.answer, dict) else {}
        ended = self.process.returncode if self.process is not None else None
        problems = answer.get("error", {}).get("problems", []) if isinstance(answer.get("error"), dict) else []
        counts = [found.groupdict() for line in self.lines if (found := _COUNT.fullmatch(line))]
        return {
            "id": self.id,
            "kind": self.words[0],
            "command": shlex.join(["qantar", *(word for word in self.words if word != "--json")]),
            "state": "killed" if self.state == "failed" and ended is not None and ended < 0 else self.state,
            "signal": -ended if ended is not None and ended < 0 else None,
            "progress": counts[-1] if counts else None,
            "lines": [] if problems else self.lines[-20:],
            "printed": self.printed,
            "folder": answer.get("folder"),
            "problems": problems,
        }


class Runs:
    """All runs of a server.

    Parameters
    ----------
    root : the folder that commands run in
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._runs: dict[str, Run] = {}
        self._ids = itertools.count(1)
        self._followed: set[asyncio.Task[None]] = set()
        self._left: set[asyncio.Task[None]] = set()
        """those who wait whether somebody comes back to a run"""

    async def start(self, words: Sequence[str], lang: str, *, stays: bool = False, columns: int = 200) -> Run:
        """Begin a command, whose lines are as wide as so many columns.

        Raises
        ------
        StudyError
            If as many run as may.
        """
        busy = [run for run in self._runs.values() if run.state == "running"]
        if len(busy) >= MOST:
            raise fail(StudyError, words[0], "too_many_runs", n=MOST)
        run = Run(str(next(self._ids)), tuple(words), stays)
        self._runs[run.id] = run
        for old in [r.id for r in self._runs.values() if r.state != "running"][: max(0, len(self._runs) - REMEMBERED)]:
            del self._runs[old]
        run.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "qantar", f"--lang={lang}", *words, cwd=self.root, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            env={**os.environ, "COLUMNS": str(columns)}, limit=2**26,
        )  # fmt: skip
        _keep(self._follow(run), self._followed)
        if not stays:
            _keep(self._leave(run), self._left)
        return run

    def of(self, name: str) -> Run:
        """A run by its id; a StudyError if there is none."""
        if name not in self._runs:
            raise fail(StudyError, name, "no_run")
        return self._runs[name]

    def all(self) -> list[Run]:
        """All that is remembered, the newest first."""
        return [*reversed(self._runs.values())]

    def stop(self, run: Run) -> None:
        """End a run and all that it started."""
        if run.state == "running" and run.process is not None:
            run.state = "stopped"
            with contextlib.suppress(ProcessLookupError):
                if hasattr(os, "killpg"):
                    os.killpg(run.process.pid, signal.SIGTERM)
                else:  # Windows: what it started ends when it is gone (`pool.follow_parent`)
                    run.process.terminate()

    async def close(self) -> None:
        """End all runs; the server ends."""
        for run in self._runs.values():
            self.stop(run)
        for task in self._left:
            task.cancel()
        await asyncio.gather(*self._followed, return_exceptions=True)

    async def watch(self, run: Run) -> AsyncIterator[Mapping[str, Any]]:
        """What happens to a run from now on, the last time when it has ended."""
        run.watchers += 1
        try:
            while True:
                changed = run.changed
                yield run.as_dict()
                if run.state != "running":
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), 10)
        finally:
            run.watchers -= 1
            if not run.stays:
                _keep(self._leave(run), self._left)

    async def _leave(self, run: Run) -> None:
        """End a run that nobody comes back to."""
        await asyncio.sleep(PATIENCE)
        if not run.watchers:
            self.stop(run)

    async def _follow(self, run: Run) -> None:
        """Note what a process says until it ends."""
        process = run.process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        output = asyncio.ensure_future(process.stdout.read())
        async for line in process.stderr:
            run.lines = [*run.lines[1 - LINES :], line.decode("utf-8", "replace").rstrip()]
            self._tell(run)
        said, status = await output, await process.wait()
        printed = said.decode("utf-8", "replace")
        run.answer = _json_in("\n".join(run.lines) if status else printed)
        run.printed = "" if run.answer is not None else printed
        if run.state == "running":
            run.state = "failed" if status else "done"
        self._tell(run)

    def _tell(self, run: Run) -> None:
        run.changed.set()
        run.changed = asyncio.Event()


def _keep(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    """Begin something that goes on by itself: a loop only holds on to tasks that somebody else holds too."""
    task = asyncio.ensure_future(work)
    among.add(task)
    task.add_done_callback(among.discard)


def _json_in(words: str) -> Any:
    """The first JSON object in what a command said: its result on stdout, its problems after progress on stderr; None without one.

    >>> _json_in('compiling'), _json_in('compiling\\n{"error": 1}\\n')
    (None, {'error': 1})
    """
    begins = words.find("{") if words.startswith("{") else words.find("\n{") + 1
    with contextlib.suppress(ValueError):
        return json.JSONDecoder().raw_decode(words[begins:])[0]
    return None
