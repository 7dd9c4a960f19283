"""What a worker of a cluster does: it refuses work that is not of its own model and libraries, and else does it as a process here would.

Light to load, as the scheduler loads it too: what simulates is loaded when something is simulated.
"""

from __future__ import annotations

import io
import pickle
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qantar
from qantar.draws import SCHEME
from qantar.ensemble.model_hash import model_hash
from qantar.errors import Problems, StudyError, fail
from qantar.files.places import user_store

if TYPE_CHECKING:
    from qantar.scenario.plan import Plan

LIBRARIES = ("numpy", "numba", "llvmlite", "duckdb")
"""Those that a history or the files of its part depend on."""
MARK, ID, PLAN = "shared", "id", "plan.json"
_alone = threading.Lock()
"""A process makes one history at a time: threads of a worker would wait for each other anyway."""


@cache
def terms() -> Mapping[str, str]:
    """All that must be the same wherever histories of one store are made."""

    def of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "-"

    libraries = {name: of(name) for name in LIBRARIES}
    machine = {"python": platform.python_version(), "processor": platform.machine()}
    return {"model_sha256": model_hash(), "draw_scheme": str(SCHEME), "qantar": qantar.__version__} | machine | libraries


def compare(where: str, ours: Mapping[str, str], theirs: Mapping[str, str], problems: Problems) -> None:
    """Note what a machine has otherwise than this one."""
    for name, value in ours.items():
        if (there := theirs.get(name, "-")) != value:
            problems.add(where, None, name, "other_program", there=there, here=value)


def plan_folder(root: Path, name: str) -> Path:
    """Where a plan is kept for workers: once, and not with each of thousands of tasks."""
    return root / f"plan-{name[:24]}"


def perform(asked: Mapping[str, str], root: str, mark: str, depot: Any, packed: bytes) -> tuple[float, list[Any]]:
    """Call a function with each of some tasks; gives the seconds of processor time that took, and what came of each.

    Parameters
    ----------
    asked : `terms` of whoever asks
    root : folder of stores where it was asked
    mark : what stands in it, so that another folder of that name is known as another
    depot : the object store, if there is one; then a folder of this machine may stand for that root
    packed : function and tasks; a task's argument that is the root becomes the folder that stands for it here

    Raises
    ------
    StudyError
        If this worker has another model or other libraries, or does not see the folder. Such a worker takes no part.
    """
    where, problems = address(), Problems()
    compare(where, asked, terms(), problems)
    problems.raise_as(StudyError)
    place = Path(root)
    if not _is_shared(place, mark):
        if depot is None:
            raise fail(StudyError, root, "store_not_shared", worker=where)
        place = user_store()
    function, tasks = _Unpacking(packed, place, depot).load()
    with _alone:
        start = time.thread_time()
        done = [function(*(place if isinstance(a, Path) and a == Path(root) else a for a in task)) for task in tasks]
        return time.thread_time() - start, done


def address() -> str:
    """How the cluster calls this worker."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:  # called in no worker
        return platform.node()


def _is_shared(root: Path, mark: str) -> bool:
    try:
        return (root / MARK / ID).read_text(encoding="ascii") == mark
    except (OSError, ValueError):
        return False


def pack(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], keep: Callable[[Plan], str]) -> bytes:
    """Function and tasks as bytes; for each plan the name under which `keep` has kept it."""
    from qantar.scenario.plan import Plan

    class Packing(pickle.Pickler):
        def persistent_id(self, thing: Any) -> str | None:
            return keep(thing) if isinstance(thing, Plan) else None

    packed = io.BytesIO()
    Packing(packed, pickle.HIGHEST_PROTOCOL).dump((function, list(tasks)))
    return packed.getvalue()


class _Unpacking(pickle.Unpickler):
    """The same back again."""

    def __init__(self, packed: bytes, root: Path, depot: Any) -> None:
        super().__init__(io.BytesIO(packed))
        self.root, self.depot = root, depot

    def persistent_load(self, name: str) -> Plan:
        return kept_plan(self.root, name, self.depot)


@lru_cache(maxsize=64)
def kept_plan(root: Path, name: str, depot: Any) -> Plan:
    """A plan that was kept under its SHA-256.

    Raises
    ------
    ResultError
        If it is not there, or not what it was named after.
    """
    from qantar.errors import ResultError
    from qantar.scenario.plan import Plan

    folder = plan_folder(root, name)
    if depot is not None:
        depot.fetch_folder(folder)
    try:
        plan = Plan.model_validate_json((folder / PLAN).read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else PLAN
        raise fail(ResultError, folder, "broken_store", reason=reason) from None
    if plan.sha256() != name:
        raise fail(ResultError, folder, "broken_store", reason=f"SHA-256 {PLAN}")
    return plan
