"""Histories as they happen: two worlds (`world`), each in a process that stays warm, and whose turn it is to have them.

The server's own process passes messages on and computes nothing, so that whoever looks at other pages does not wait. Who wants histories
gets both worlds for as long as these take, then the next who asks: so however many visitors there are, no more than two countries are in
memory, and what-ifs at once take turns draw by draw. A world that was killed, or does not end when it is told to, is replaced by a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
from collections.abc import AsyncGenerator, Coroutine, Mapping
from multiprocessing.context import SpawnProcess
from typing import Any

from qantar.effects.effect import BASE
from qantar.ensemble.warm import compiled
from qantar.errors import Problem, QantarError, StudyError, fail
from qantar.serve.world import Ended, Failed, Hours, Live, Stop, Warm, world

CHANGED = "changed"
SIDES = (BASE, CHANGED)
GRACE = 3.0
"""Seconds in which a world must end its history when it is told to."""
RESTS = 900.0
"""Seconds without a history after which the worlds are closed: they hold memory."""
WAITING = 4
"""Visitors who may wait for their turn: each further one would wait longer than anybody looks at a page."""

DIED = object()
"""Heard in place of a message when the process of a world is gone."""


class Far:
    """The server's end of a world."""

    def __init__(self, side: str, heard: asyncio.Queue[tuple[Far, Any]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.side, self.heard, self.busy, self.warm, self.gone = side, heard, False, False, False
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

    @property
    def there(self) -> bool:
        """Whether it can be asked for anything."""
        return not self.gone and self.process.is_alive()

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
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._warming: asyncio.Task[None] | None = None
        self._compiling: asyncio.Task[None] | None = None
        self._compiler: SpawnProcess | None = None
        self._timer: asyncio.TimerHandle | None = None

    def ready(self) -> str:
        """Whether a history would begin at once; if the worlds are not warm, they are from now on getting so.

        "ready", "preparing", "compiling" (once on a machine), or "busy": others have the worlds, and take turns with whoever comes.
        """
        if self._compiling is not None:
            return "compiling"
        if len(self._worlds) == len(SIDES) and all(far.there and far.warm for far in self._worlds.values()):
            return "busy" if self._turn.locked() else "ready"
        if self._warming is None:
            self._warming = self._keep(self._warm())
        return "preparing"

    def admit(self) -> None:
        """A StudyError if as many wait for their turn as may."""
        if self._waiting >= WAITING:
            raise fail(StudyError, "histories", "too_many_histories", n=WAITING)

    async def histories(self, asked: Mapping[str, Live | Warm]) -> AsyncGenerator[tuple[str, Hours | Ended]]:
        """What happens in these worlds until what each was asked is done; when nobody reads on, they are told to end.

        Whoever reads slowly holds nobody up: what he has not read yet is kept.

        Raises
        ------
        QantarError
            If a world has died, or says why it cannot.
        """
        told: asyncio.Queue[tuple[str, Hours | Ended] | QantarError | None] = asyncio.Queue()
        turn = self._keep(self._take_turn(asked, told))
        try:
            while (message := await told.get()) is not None:
                if isinstance(message, QantarError):
                    raise message
                yield message
        finally:
            turn.cancel()

    async def close(self) -> None:
        """The server ends."""
        for task in self._tasks:
            task.cancel()
        self._rest(None)
        if self._compiler is not None:
            self._compiler.kill()
        self._close()

    async def _take_turn(self, asked: Mapping[str, Live | Warm], told: asyncio.Queue[Any]) -> None:
        """Have the worlds do what is asked, when it is time, and tell what they say; at the end why they could not, or None."""
        end: QantarError | None = None
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        self._rest(None)
        try:
            await self._compiled()
            for side in asked:
                if side not in self._worlds or not self._worlds[side].there:
                    self._worlds[side] = Far(side, self._heard)
                self._worlds[side].send(asked[side])
            while self._busy():
                far, message = await self._next()
                told.put_nowait((far.side, message))
        except QantarError as error:
            end = error
        finally:
            await self._settle()
            self._rest(RESTS)
            self._turn.release()
        told.put_nowait(end)

    def _busy(self) -> bool:
        return any(far.busy for far in self._worlds.values())

    async def _next(self) -> tuple[Far, Any]:
        """The next message of a world that is not gone."""
        while True:
            far, message = await self._heard.get()
            if self._worlds.get(far.side) is not far:
                continue
            far.busy = isinstance(message, Hours)
            if message is DIED:
                raise fail(StudyError, "histories", "world_died")
            if isinstance(message, Failed):
                raise QantarError(message.problems or [Problem("histories", None, "", "world_failed", {"name": message.name})])
            far.warm = True
            return far, message

    async def _warm(self) -> None:
        try:
            with contextlib.suppress(QantarError):  # who asks for a history will hear why
                async for _ in self.histories(dict.fromkeys(SIDES, Warm())):
                    pass
        finally:
            self._warming = None

    async def _compiled(self) -> None:
        """Once on a machine the engines are compiled, whoever leaves meanwhile."""
        if not compiled():
            self._compiling = self._compiling or self._keep(self._compile())
            await asyncio.wait([self._compiling])

    async def _compile(self) -> None:
        """Half a minute of two cores, by processes of their own."""
        self._compiler = multiprocessing.get_context("spawn").Process(target=compiled, kwargs={"now": True})
        self._compiler.start()
        await asyncio.to_thread(self._compiler.join)
        self._compiling = None

    async def _settle(self) -> None:
        """Tell what goes on to end, and kill what does not."""
        for far in self._worlds.values():
            if far.busy:
                far.send(Stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while self._busy():
                    with contextlib.suppress(QantarError):
                        await self._next()
        for far in self._worlds.values():
            if far.busy:
                far.kill()

    def _close(self) -> None:
        for far in self._worlds.values():
            far.kill()
        self._worlds = {}

    def _rest(self, seconds: float | None) -> None:
        """Close the worlds after a while, unless somebody wants them before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._close)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
