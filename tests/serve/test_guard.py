"""Who may ask the local page what: other hosts, other sites, strangers and too much are refused before anything is done."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.serving import Serving, serving
from qantar.serve.guard import COOKIE, LARGEST


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("root")) as there:
        yield there


def port(served: Serving) -> str:
    return served.url.rpartition(":")[2]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}", "", "[::2]:{port}"])
def test_another_host_is_refused(served: Serving, host: str) -> None:
    for path in ("/", "/api/entries", "/static/look.js"):
        answer = served.ask("GET", path, headers={"Host": host.format(port=port(served))})
        assert (answer.status, answer.code) == (403, "wrong_host")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_this_machine_is_answered_by_its_names(served: Serving, host: str) -> None:
    assert served.ask("GET", "/", headers={"Host": host.format(port=port(served))}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"X-Qantar": "1", "Origin": "http://evil.example"},
        {"X-Qantar": "1", "Origin": "null"},
        {"X-Qantar": "1", "Origin": "http://127.0.0.1:1"},
        {"Content-Type": "text/plain"},
    ],
)
def test_what_another_site_can_send_changes_nothing(served: Serving, headers: dict[str, str]) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = served.ask(method, "/api/entries", {}, headers)
        assert (answer.status, answer.code) == (403, "not_ours")


def test_our_own_page_is_let_through(served: Serving) -> None:
    for headers in ({"X-Qantar": "1"}, {"X-Qantar": "1", "Origin": served.url}):
        assert served.ask("POST", "/api/entries", {}, headers).code == "not_allowed"  # past the guard: there is no such method


def test_no_leave_is_given_to_other_sites(served: Serving) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-qantar"}
    answer = served.ask("OPTIONS", "/api/entries", headers=asked)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_every_answer_forbids_what_is_not_ours(served: Serving) -> None:
    for path, status in (("/", 200), ("/api/entries", 200), ("/static/look.js", 200), ("/nothing", 404)):
        answer = served.ask("GET", path)
        assert answer.status == status
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe-eval" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in policy


def test_too_much_is_refused_before_it_is_read(served: Serving) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(port(served)), timeout=60)
    connection.putrequest("POST", "/api/entries")
    connection.putheader("X-Qantar", "1")
    connection.putheader("Content-Length", str(LARGEST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_beyond_this_machine_a_token_is_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, token="secret") as there:
        assert there.ask("GET", "/").status == 401
        assert there.ask("GET", "/api/entries", headers={"Authorization": "Bearer wrong"}).status == 401
        assert there.ask("GET", "/api/entries", headers={"Cookie": f"{COOKIE}=wrong"}).status == 401
        assert there.ask("GET", "/?token=wrong").status == 401
        assert there.ask("GET", "/api/entries", headers={"Authorization": "Bearer secret"}).status == 200
        assert there.ask("GET", "/api/entries", headers={"Cookie": f"{COOKIE}=secret"}).status == 200
        assert there.ask("POST", "/api/entries", {}, {"Authorization": "Bearer secret"}).status == 403
        connection = http.client.HTTPConnection("127.0.0.1", int(port(there)))
        connection.request("GET", "/?token=secret")
        first = connection.getresponse()
        assert first.status == 303
        assert first.headers["Location"] == "/"  # the token does not stay in the address
        assert "HttpOnly" in str(first.headers["Set-Cookie"])
        assert "samesite=strict" in str(first.headers["Set-Cookie"]).lower()
