"""Hands on what comes to a port, so many seconds later, both ways: `python -m benchmarks.cluster.relay PORT HOST PORT SECONDS`."""

from __future__ import annotations

import asyncio
import sys


async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """All bytes of one direction, in order, each so much later."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    async def send() -> None:
        while True:
            at, content = await waiting.get()
            await asyncio.sleep(max(0.0, at - clock()))
            if not content:
                writer.close()
                return
            writer.write(content)
            await writer.drain()

    sending = asyncio.create_task(send())
    while content := await reader.read(1 << 16):
        waiting.put_nowait((clock() + seconds, content))
    waiting.put_nowait((clock() + seconds, b""))
    await sending


async def serve(port: int, host: str, to: int, seconds: float) -> None:
    """For ever."""

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, to)
        await asyncio.gather(hand_on(reader, back, seconds), hand_on(there, writer, seconds), return_exceptions=True)

    async with await asyncio.start_server(taken, port=port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
