"""The local page on a free port of this machine, as a browser and other programs meet it."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from qantar.serve.app import create_app


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """Of the first problem."""
        return str(self.json()["error"]["problems"][0]["code"])


@dataclass
class Serving:
    """A server that runs."""

    url: str
    root: Path
    app: Any
    ours: Mapping[str, str] = field(default_factory=lambda: {"X-Qantar": "1"})

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request with the header of our own pages, unless other headers are given; a body that is not bytes goes as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, dict(self.ours if headers is None else headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())


def with_tiny(root: Path) -> Path:
    """The folder, with a copy of the tiny case in it."""
    shutil.copytree(Path(__file__).parent.parent / "tiny", root / "tiny")
    return root


@contextmanager
def serving(root: Path, host: str = "127.0.0.1", token: str | None = None, *, warm: bool = False) -> Iterator[Serving]:
    """Serve a folder until the end of the block."""
    import socket

    listening = socket.create_server((host, 0))
    port = listening.getsockname()[1]
    app = create_app(root, host, port, token, warm=warm)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Serving(f"http://127.0.0.1:{port}", root, app)
    server.should_exit = True
    thread.join(10)
    listening.close()
