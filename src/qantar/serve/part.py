"""What a part of the local page consists of: pages for people, operations for programs, each described once.

From an `Operation` follow its route, its checks and its entry in the OpenAPI description; from a `Page` its route and its place in the
contents. A new part is one file with a `PART` and one word in `app.PARTS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from qantar.serve.home import Home
from qantar.serve.live import Lives
from qantar.serve.runs import Runs


@dataclass(frozen=True)
class Served:
    """What operations and pages work with."""

    home: Home
    runs: Runs
    lives: Lives = field(default_factory=Lives)


class Asked(BaseModel):
    """What an operation is asked: the query of a GET or DELETE, else the JSON object of the body. Unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=False, hide_input_in_errors=True)


class Nothing(Asked):
    """An operation that is asked nothing."""


AskedT = TypeVar("AskedT", bound=Asked)


@dataclass(frozen=True)
class Upload:
    """An operation whose body is a file as it is; what else is asked stands in the query."""

    content: bytes


@dataclass(frozen=True)
class Stream:
    """Events of an operation, one after the other, as a browser's `EventSource` reads them; `gone` is called when nobody reads on."""

    events: AsyncIterator[Mapping[str, Any]]
    gone: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Operation(Generic[AskedT]):
    """One thing that a program can ask for.

    Parameters
    ----------
    name : of its sentence in the catalogue, `serve.api.NAME`, and its id in the OpenAPI description
    method : GET, POST, PUT or DELETE
    path : below /api
    asked : model of what it is asked
    does : what it does, in a thread of its own; an `async` function where it waits for others. Mistakes are raised as everywhere
    status : of the answer
    upload : whether the body is a file (`Upload` is then given besides)
    streams : whether it answers in events (`Stream`)
    """

    name: str
    method: str
    path: str
    asked: type[AskedT]
    does: Callable[..., Any]
    status: int = 200
    upload: bool = False
    streams: bool = False


@dataclass(frozen=True)
class Page:
    """One page for people.

    Parameters
    ----------
    path : its address
    template : of `templates`
    values : what the template is given, from what the address asks
    """

    path: str
    template: str
    values: Callable[[Served, Mapping[str, str]], Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A part of the local page; `serve.part.NAME` is what it is called, and each of its scripts and styles is `static/NAME.*`."""

    name: str
    pages: Sequence[Page] = ()
    operations: Sequence[Operation[Any]] = field(default_factory=tuple)
