"""What-ifs as they happen: one at a time, its two worlds side by side, each in a process (`world`) that stays warm.

The server's own process passes messages on and computes nothing, so that whoever looks at other pages does not wait. A world that was
killed, or does not end when it is told to, is replaced by a new one at the next what-if.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from multiprocessing.context import SpawnProcess
from typing import Any

from qantar.effects.effect import BASE
from qantar.ensemble.warm import compiled
from qantar.errors import Problem, QantarError, StudyError, fail
from qantar.scenario.plan import Plan
from qantar.serve.world import Ended, Failed, Hours, Live, Prepare, Stop, world

CHANGED = "changed"
SIDES = (BASE, CHANGED)
GRACE = 3.0
"""Seconds in which a world must end its history when it is told to."""
RESTS = 900.0
"""Seconds without a what-if after which the worlds are closed: they hold memory."""
WAITS = 10.0
"""Seconds that a visitor who was let in has to begin."""


DIED = object()
"""Heard in place of a message when the process of a world is gone."""


class Far:
    """The server's end of a world."""

    def __init__(self, side: str, heard: asyncio.Queue[tuple[Far, Any]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.side, self.heard, self.busy, self.gone = side, heard, False, False
        self.wire, theirs = spawn.Pipe()
        self.process = spawn.Process(target=world, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        threading.Thread(target=self._listen, args=(asyncio.get_running_loop(),), daemon=True).start()

    def send(self, message: Any) -> None:
        """Say something to it; whether it still is there is heard, not seen here."""
        self.busy = self.busy or not isinstance(message, Stop)
        with contextlib.suppress(OSError):
            self.wire.send(message)

    def kill(self) -> None:
        """End it at once."""
        self.busy, self.gone = False, True
        self.process.kill()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        message: Any = None
        with contextlib.suppress(RuntimeError):  # the server has ended
            while message is not DIED:
                try:
                    message = self.wire.recv()
                except Exception:  # closed, or half a message of a process that was killed
                    message = DIED
                loop.call_soon_threadsafe(self._hear, message)
        self.wire.close()

    def _hear(self, message: Any) -> None:
        self.gone = self.gone or message is DIED
        if self.busy:  # else nobody waits for it
            self.heard.put_nowait((self, message))


class Lives:
    """The worlds of a server."""

    def __init__(self) -> None:
        self._worlds: dict[str, Far] = {}
        self._heard: asyncio.Queue[tuple[Far, Any]] = asyncio.Queue()
        self._taken = False
        self._ready: Plan | None = None
        self._work: asyncio.Task[None] | None = None
        """getting ready, or ending what was left"""
        self._compiler: SpawnProcess | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def ready(self, plan: Plan) -> str:
        """Get ready for a base, if nobody is being served: "ready", "preparing", "compiling" (once on a machine) or "busy"."""
        if self._taken:
            return "busy"
        if self._work is None and (self._ready != plan or not self._whole()):
            self._work = asyncio.ensure_future(self._prepare(plan))
        if self._work is not None:
            return "compiling" if self._compiler else "preparing"
        return "ready"

    async def begin(self) -> None:
        """Take the worlds for one what-if, which must soon ask for `histories`; a StudyError if another has them."""
        if self._taken:
            raise fail(StudyError, "what-if", "too_many_what_ifs")
        self._taken = True
        self._later(WAITS, self.leave)

    def leave(self) -> None:
        """Give them back; a history that goes on is ended."""
        self._taken = False
        self._later(RESTS, self._close)
        if any(w.busy for w in self._worlds.values()) and self._work is None:
            self._work = asyncio.ensure_future(self._settle())

    async def histories(self, lives: Mapping[str, Live]) -> AsyncIterator[tuple[str, Hours | Ended]]:
        """What happens in the two worlds until both histories have ended.

        Raises
        ------
        QantarError
            If a world has died, or says why it cannot.
        """
        self._later(None)
        while self._work is not None:
            await asyncio.wait([self._work])
        await self._compile()
        self._start()
        for side, live in lives.items():
            self._worlds[side].send(live)
        while any(w.busy for w in self._worlds.values()):
            far, message = await self._next()
            yield far.side, message

    async def close(self) -> None:
        """The server ends."""
        if self._work is not None:
            self._work.cancel()
        self._later(None)
        if self._compiler is not None:
            self._compiler.kill()
        self._close()

    async def _next(self) -> tuple[Far, Any]:
        """The next message of a world that is not gone."""
        while True:
            far, message = await self._heard.get()
            if self._worlds.get(far.side) is not far:
                continue
            far.busy = isinstance(message, Hours)
            if message is DIED:
                raise fail(StudyError, "what-if", "world_died")
            if isinstance(message, Failed):
                raise QantarError(message.problems or [Problem("what-if", None, "", "world_failed", {"name": message.name})])
            return far, message

    async def _prepare(self, plan: Plan) -> None:
        try:
            await self._compile()
            self._start()
            for far in self._worlds.values():
                far.send(Prepare(plan))
            while any(w.busy for w in self._worlds.values()):
                await self._next()
            self._ready = plan
        except QantarError:
            self._ready = None  # the what-if itself will say why
        finally:
            self._work = None
            if not self._taken:
                self._later(RESTS, self._close)

    async def _compile(self) -> None:
        """Once on a machine: a minute or two, by processes of their own."""
        if not compiled():
            self._compiler = multiprocessing.get_context("spawn").Process(target=compiled, kwargs={"now": True})
            self._compiler.start()
            await asyncio.to_thread(self._compiler.join)
            self._compiler = None

    async def _settle(self) -> None:
        """Tell what goes on to end, and kill what does not."""
        try:
            for far in self._worlds.values():
                far.send(Stop())
            with contextlib.suppress(QantarError, TimeoutError):
                async with asyncio.timeout(GRACE):
                    while any(w.busy for w in self._worlds.values()):
                        await self._next()
            for far in self._worlds.values():
                if far.busy:
                    far.kill()
        finally:
            self._work = None

    def _whole(self) -> bool:
        return len(self._worlds) == len(SIDES) and all(w.process.is_alive() for w in self._worlds.values())

    def _start(self) -> None:
        """Worlds in the place of those that are not there."""
        for side in SIDES:
            if side not in self._worlds or self._worlds[side].gone or not self._worlds[side].process.is_alive():
                self._worlds[side] = Far(side, self._heard)

    def _close(self) -> None:
        for far in self._worlds.values():
            far.kill()
        self._worlds, self._ready = {}, None

    def _later(self, seconds: float | None, do: Callable[[], None] = lambda: None) -> None:
        """Do something after a while, unless something else is said before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, do)
