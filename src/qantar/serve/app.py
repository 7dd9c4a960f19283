"""The application: pages and operations of all parts behind the guard."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from qantar.errors import QantarError, StudyError, fail
from qantar.serve.answers import as_json, refusal
from qantar.serve.guard import Guard, TooLargeError
from qantar.serve.home import Home
from qantar.serve.openapi import READ, described
from qantar.serve.pages import Pages
from qantar.serve.part import Operation, Page, Part, Served, Stream, Upload, ask, lists
from qantar.serve.runs import Runs

PARTS = ("home", "story", "what_if", "claims", "studies", "own", "ledger")
"""Parts in the order of the contents: one file each."""
STATUS = {
    **dict.fromkeys(("no_run", "not_here", "no_such_address", "not_served"), 404),
    **dict.fromkeys(("changed_meanwhile", "another_there", "output_exists", "not_a_result"), 409),
    "not_allowed": 405,
    **dict.fromkeys(("too_many_runs", "too_many_histories"), 429),
}  # fmt: skip
"""Status of a mistake by its code; any other is 422."""
FIRST = 2.0
"""Seconds that the first pages have before everything is loaded that simulates."""
PRESSED = 5
"""How hard answers are compressed: a page of 250 KB becomes one of 56 in 3 ms."""
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def parts() -> list[Part]:
    """The description of every part."""
    return [import_module(f"qantar.serve.{name}_part").PART for name in PARTS]


def create_app(root: Path, host: str = "127.0.0.1", port: int = 8765, token: str | None = None, *, warm: bool = False) -> Starlette:
    """The local page of a folder.

    Parameters
    ----------
    root : the folder of the user
    host, port : where it will be listened on: any other Host is refused
    token : what visitors must show; None where only this machine can ask
    warm : whether what simulates is loaded from the beginning, and not by the first visitor who comes near it
    """
    served, there = Served(Home(root), Runs(root), others=token is not None), parts()
    pages = Pages(there)
    operations = [operation for part in there for operation in part.operations]
    document = described(operations)

    async def openapi(request: Request) -> Response:
        return as_json(document)

    async def static(request: Request) -> Response:
        return _static(request.path_params["name"])

    routes: list[BaseRoute] = [
        Route("/api/openapi.json", openapi),
        Route("/static/{name}", static),
        *(Route(f"/api{o.path}", _answer(served, o), methods=[o.method]) for o in operations),
        *(Route(page.path, _page(served, pages, page)) for part in there for page in part.pages),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if warm:
            asyncio.get_running_loop().call_later(FIRST, served.lives.ready)
        yield
        await served.runs.close()
        await served.lives.close()

    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host, port=port, token=token), Middleware(GZipMiddleware, compresslevel=PRESSED)],
        exception_handlers={QantarError: _mistake, HTTPException: _unknown, TooLargeError: _too_large, OSError: _refused_by_system},
        lifespan=lifespan,
    )
    app.state.served, app.state.pages = served, pages
    return app


def _answer(served: Served, operation: Operation[Any]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        asked = ask(operation.asked, await _given(request, operation), operation.path)
        given = [served, asked, *([Upload(await request.body())] if operation.upload else [])]
        if inspect.iscoroutinefunction(operation.does):
            found = await operation.does(*given)
        else:
            found = await run_in_threadpool(operation.does, *given)
        if isinstance(found, Stream):
            return _streamed(found)
        return found if isinstance(found, Response) else as_json(found, operation.status)

    return answer


async def _given(request: Request, operation: Operation[Any]) -> Mapping[str, Any]:
    """What was sent: of an address the last value of each name (a list where the model asks for several), else the object of the body."""
    if operation.method in READ or operation.upload:
        return lists(operation.asked, request.query_params.multi_items())
    try:
        body = json.loads(await request.body())
        json.dumps(body, ensure_ascii=False).encode()  # half a letter cannot be written anywhere
    except (ValueError, RecursionError):
        raise fail(StudyError, request.url.path, "no_json") from None
    if not isinstance(body, dict):
        raise fail(StudyError, request.url.path, "no_json")
    return body


def _streamed(stream: Stream) -> Response:
    async def lines() -> AsyncIterator[str]:
        try:
            async for event in stream.events:
                yield f"data: {json.dumps(event, ensure_ascii=False, default=str)}\n\n"
        finally:
            with contextlib.suppress(Exception):
                await stream.events.aclose()  # type: ignore[attr-defined]

    return StreamingResponse(lines(), media_type="text/event-stream")


def _page(served: Served, pages: Pages, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        asked: Any = {**request.query_params, **request.path_params}
        if page.asked is not None:
            asked = ask(page.asked, lists(page.asked, [*request.query_params.multi_items(), *request.path_params.items()]), page.path)
        values = await run_in_threadpool(page.values, served, asked)
        if isinstance(values, Response):
            return values
        entry = await run_in_threadpool(served.home.entry, values.get("name", ""))
        return HTMLResponse(await run_in_threadpool(pages.render, page, values, entry))

    return answer


def _static(name: str) -> Response:
    """A file of the page's own, or of the report's style; no other."""
    kind = TYPES.get(f".{name.rpartition('.')[2]}")
    for room, folder in (("qantar.serve", "static"), ("qantar.report", "templates")):
        for file in resources.files(room).joinpath(folder).iterdir():
            if kind is not None and file.name == name:
                return Response(file.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})
    raise HTTPException(404)


async def _mistake(request: Request, error: Exception) -> Response:
    assert isinstance(error, QantarError)
    status = STATUS.get(error.problems[0].code, 422)
    if request.url.path.startswith("/api/") or request.method != "GET":
        return refusal(error, status, request.scope)
    return HTMLResponse(request.app.state.pages.mistake(error), status)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "no_such_address", 405: "not_allowed"}.get(error.status_code, "no_such_address")
    return await _mistake(request, fail(StudyError, request.url.path, code))


async def _too_large(request: Request, error: Exception) -> Response:
    return refusal(fail(StudyError, request.url.path, "too_large_request", limit="64 MB"), 413, request.scope)


async def _refused_by_system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    return refusal(fail(StudyError, request.url.path, "system", reason=error.strerror or "?"), 422, request.scope)
