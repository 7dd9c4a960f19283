"""What a part of the local page consists of: pages for people, operations for programs, each described once.

From an `Operation` follow its route, its checks and its entry in the OpenAPI description; from a `Page` its route and its place in the
contents. A new part is one file with a `PART` and one word in `app.PARTS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from qantar.errors import Problems, StudyError
from qantar.files.read import add_validation
from qantar.serve.home import Home
from qantar.serve.live import Lives
from qantar.serve.runs import Runs


@dataclass(frozen=True)
class Served:
    """What operations and pages work with."""

    home: Home
    runs: Runs
    others: bool = False
    """whether others than this machine can ask: what is shown to them is passed on"""
    lives: Lives = field(default_factory=Lives)


class Asked(BaseModel):
    """What an operation is asked: the query of a GET or DELETE, else the JSON object of the body. Unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=False, hide_input_in_errors=True)


class Nothing(Asked):
    """An operation that is asked nothing."""


AskedT = TypeVar("AskedT", bound=Asked)


def ask(model: type[AskedT], given: Mapping[str, Any], where: str) -> AskedT:
    """What was asked, checked: of an operation, or of a page by its address.

    Raises
    ------
    StudyError
        With every mistake, at `where`.
    """
    problems = Problems()
    try:
        return model(**{str(k): v for k, v in given.items()})
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=True):
            if not item["loc"]:
                item["loc"] = ("",)
            add_validation(item, where, None, str(item["loc"][0]), problems, in_table=False)
        problems.raise_as(StudyError)
        raise


def lists(model: type[Asked], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What an address asks: of each name the last value, or all of them where the model has a list."""
    several = {n for n, f in model.model_fields.items() if str(f.annotation).startswith(("list", "tuple"))}
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = [*found.get(name, ()), value] if name in several else value
    return found


@dataclass(frozen=True)
class Upload:
    """An operation whose body is a file as it is; what else is asked stands in the query."""

    content: bytes


@dataclass(frozen=True)
class Stream:
    """Events of an operation, one after the other, as a browser's `EventSource` reads them; closed when nobody reads on."""

    events: AsyncIterator[Mapping[str, Any]]


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
    gives : type of what it answers, where that is neither
    """

    name: str
    method: str
    path: str
    asked: type[AskedT]
    does: Callable[..., Any]
    status: int = 200
    upload: bool = False
    streams: bool = False
    gives: str = "application/json"


@dataclass(frozen=True)
class Page:
    """One page for people.

    Parameters
    ----------
    path : its address
    template : of `templates`
    values : what the template is given, from what the address asks; or the whole answer
    asked : model of what the address asks, if that is checked; its path may hold a name in braces
    opens : what an entry must have to be opened by this page as `?name=` (a field of `home.Entry`); nothing if it opens none
    """

    path: str
    template: str
    values: Callable[[Served, Any], Mapping[str, Any] | Response]
    asked: type[Asked] | None = None
    opens: str = ""


@dataclass(frozen=True)
class Part:
    """A part of the local page; `serve.part.NAME` is what it is called, and each of its scripts and styles is `static/NAME.*`."""

    name: str
    pages: Sequence[Page] = ()
    operations: Sequence[Operation[Any]] = field(default_factory=tuple)
