"""Who may ask: the program's own page in this browser, and nobody else.

A page of any other site can make a browser send requests here, and a name that it points at this machine (DNS rebinding) can make them look
like its own. So: the Host must be one that was chosen; what changes anything must carry a header that no other site can send without asking
first, and an Origin, if any, of this host; beyond this machine a token is asked for as well. What is sent is bounded before it is read.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response

from qantar.errors import StudyError, fail
from qantar.serve.answers import refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
OURS = b"x-qantar"
"""Header that requests which change something carry; another site's page cannot send it without leave, which is never given."""
COOKIE = "qantar-token"
LARGEST = 64 * 2**20
"""Bytes that a request may bring."""
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "style-src-attr 'unsafe-inline'", "img-src 'self' data:",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip
"""What pages may do: nothing that was not served from here. Widths of bars are attributes of style, which hold numbers of ours."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Stands before the application.

    Parameters
    ----------
    host : the address that is listened on
    port : its port
    token : what must be shown where others than this machine can ask; None on loopback
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], host: str, port: int, token: str | None) -> None:
        self.app, self.token = app, token
        names = {*LOOPBACK, f"[{host}]" if ":" in host else host}
        self.hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items() if k.lower().encode() not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        answer = self._refused(scope)
        if answer is not None:
            await answer(scope, receive, with_headers)
            return
        await self.app(scope, _bounded(receive), with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """What is answered in the application's place; None lets the request through."""
        headers = {k.lower(): v for k, v in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self.token is None and host not in self.hosts:
            return refusal(fail(StudyError, host or "Host", "wrong_host", choices=", ".join(sorted(self.hosts))), 403, scope)
        if scope["method"] not in SAFE:
            origin = headers.get(b"origin", b"").decode("latin-1").lower()
            if OURS not in headers or (origin and origin.partition("://")[2] != host):
                return refusal(fail(StudyError, origin or "Origin", "not_ours"), 403, scope)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST:
            return refusal(fail(StudyError, "Content-Length", "too_large_request", limit=f"{LARGEST >> 20} MB"), 413, scope)
        return None if self.token is None else self._unknown(scope, headers)

    def _unknown(self, scope: Scope, headers: dict[bytes, bytes]) -> Response | None:
        """The answer to somebody who shows no token; with one in the address, the way on, with a cookie in its place."""
        assert self.token is not None
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if asked and _same(asked, self.token) and scope["method"] == "GET":
            on = RedirectResponse(scope["path"], 303)
            on.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return on
        shown = headers.get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
        try:
            cookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
        except CookieError:
            cookie = None
        if any(_same(word, self.token) for word in (shown, cookie.value if cookie else "")):
            return None
        return refusal(fail(StudyError, "token", "no_token"), 401, scope)


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


class TooLargeError(Exception):
    """More came than a request may bring, whatever it had announced."""


def _bounded(receive: Receive) -> Receive:
    came = 0

    async def read() -> MutableMapping[str, Any]:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > LARGEST:
            raise TooLargeError
        return message

    return read
