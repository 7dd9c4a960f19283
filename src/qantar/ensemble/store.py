"""The durable store of histories: parts that are whole or absent, and so resumable at any moment.

A store is a folder named by everything its numbers depend on: the plan, the engine, how parameters are drawn, the base seed,
and the sources of the model. Runs are kept in parts of `PART` runs; a part is a folder with two Parquet tables and a seal, written aside,
flushed to disk and renamed. A part that is there is done; nothing else needs to be remembered.

Whoever makes a part claims it first, by a lock that ends with its process (`Store.claimed`): so several processes, also of several
commands and of several machines that share the folder, make each part once.

The seal says what the part is (recipe, number, numbers of its runs) and the SHA-256 of both tables. It is compared before anything is
read: a part with a flipped bit, of another recipe, under another number or without a file is an error that names it, never a number.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from qantar.draws import SCHEME
from qantar.ensemble.ending import Ending
from qantar.ensemble.model_hash import model_hash as model_hash
from qantar.errors import ResultError, fail
from qantar.files.locks import claimed, is_claimed
from qantar.files.places import user_store
from qantar.files.write import flush, write_new
from qantar.scenario.scenario import Plan

version = functools.cache(metadata.version)
"""Of a library. Asked of the disk each time, it took most of the time of a key."""
STORE = user_store()
"""Where histories are kept unless somebody says otherwise."""
PART = 4
"""Runs in a part unless a recipe says otherwise: what is lost at most when the power fails, a core."""
DAYS, RUNS, SEAL, DRAWS = "days.parquet", "runs.parquet", "seal.json", "draws.json"
FORMAT = "2-"
"""How folders of a store begin: parts of the first format had no seal, and are left where they are."""


@dataclass(frozen=True)
class Recipe:
    """Everything a set of runs depends on. Run k is draw k // replicates, replicate k % replicates."""

    plan: Plan
    seed: int
    engine: str = "event"
    sampling: str = "prior"
    """prior: parameters are drawn; default: every run at the table's defaults; given: as kept under `given`"""
    replicates: int = 1
    stop_above: float = 2_000_000.0
    part: int = PART
    """runs in a part"""
    given: str = ""
    """name of a table of draws (`keep_draws`) whose row k is draw k"""
    only: tuple[int, ...] = ()
    """numbers of the parts that are wanted; none: all. What a part holds does not depend on it"""
    ending: Ending | None = None
    """a rule by which histories end early"""
    seeds: tuple[int, ...] = ()
    """of the histories of draws; none: drawn from the seed"""

    def as_dict(self) -> dict[str, Any]:
        """As data, without the plan, which goes beside it, and without what changes no number."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("plan", "only", "ending", "seeds")}
        return plain | ({"ending": self.ending.as_dict()} if self.ending else {}) | ({"seeds": self.seeds} if self.seeds else {})

    def size(self, number: int, runs: int) -> int:
        """How many of the first `runs` a part holds."""
        return min((number + 1) * self.part, runs) - number * self.part

    def key(self) -> str:
        """SHA-256 of the recipe with plan, draw scheme and model."""
        versions = [platform.python_version(), *(version(name) for name in ("numpy", "numba", "llvmlite"))]
        parts = {**self.as_dict(), "plan": self.plan.sha256(), "scheme": SCHEME, "model": model_hash(), "versions": versions}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def keep_draws(root: Path, draws: Sequence[Mapping[str, float]]) -> str:
    """Keep a table of draws under a root, whole or not at all; gives its name, the SHA-256 of what it holds.

    Raises
    ------
    ResultError
        When it cannot be written.
    """
    rows = [{name: float(value) for name, value in sorted(d.items())} for d in draws]
    content = json.dumps(rows)
    name = hashlib.sha256(content.encode()).hexdigest()
    folder = draws_folder(root, name)
    if folder.exists():
        kept_draws(root, name)
    else:
        write_new(folder, {DRAWS: content})
    return name


def draws_folder(root: Path, name: str) -> Path:
    """Where a table of draws is kept."""
    return root / f"draws-{name[:24]}"


@functools.lru_cache(maxsize=4)
def kept_draws(root: Path, name: str) -> list[dict[str, float]]:
    """A table of draws that was kept.

    Raises
    ------
    ResultError
        When it is not there, or not what it was named after.
    """
    path = draws_folder(root, name) / DRAWS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise fail(ResultError, path.parent, "broken_store", reason=error.strerror or DRAWS) from None
    if hashlib.sha256(content).hexdigest() != name:
        raise fail(ResultError, path.parent, "broken_store", reason=f"SHA-256 {DRAWS}")
    return json.loads(content)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Store:
    """The folder of one recipe."""

    folder: Path
    size: int = PART
    """runs in a part"""
    only: tuple[int, ...] = ()
    """parts that are looked at; none: all"""
    key: str = ""
    """of the recipe: what the seals of its parts name"""

    @classmethod
    def of(cls, root: Path, recipe: Recipe) -> Store:
        """The store of a recipe under a root; nothing is written yet."""
        key = recipe.key()
        return cls(root / f"{FORMAT}{key[:24]}", recipe.part, recipe.only, key)

    def part(self, number: int) -> Path:
        """Where a part stands when it is whole."""
        return self.folder / f"part-{number:05d}"

    def missing(self, runs: int) -> list[int]:
        """Numbers of the parts that are not there yet.

        Raises
        ------
        ResultError
            When something else stands where a part belongs.
        """
        numbers = self._numbers(runs)
        if wrong := [self.part(n) for n in numbers if not self.part(n).is_dir() and os.path.lexists(self.part(n))]:
            raise fail(ResultError, wrong[0], "broken_store", reason=os.strerror(errno.ENOTDIR))
        return [n for n in numbers if not self.part(n).exists()]

    def write(self, number: int, days: dict[str, Any], runs: dict[str, Any]) -> None:
        """Write a part aside and rename it.

        Raises
        ------
        ResultError
            When it cannot be written; then there is no such part.
        """

        def build(aside: Path) -> None:
            with _database(threads=1).cursor() as con:
                for name, table in ((DAYS, days), (RUNS, runs)):
                    con.register("part", table)
                    con.execute(f"COPY (SELECT * FROM part) TO '{_quoted(aside / name)}' (FORMAT parquet)")
            (aside / SEAL).write_bytes(self._seal(number, np.unique(runs["run"]).tolist(), aside))

        self._place(number, build)

    def take(self, number: int, files: Mapping[str, bytes], source: str) -> None:
        """Put a part in its place that was made elsewhere.

        Parameters
        ----------
        files : as `files_of` gives them
        source : where they come from, for whoever has to delete them there

        Raises
        ------
        ResultError
            When they are no part of this store under this number, or cannot be written.
        """

        def build(aside: Path) -> None:
            for name in (DAYS, RUNS, SEAL):
                (aside / name).write_bytes(files.get(name, b""))
            self._verify(number, aside, source)

        self._place(number, build)

    def files_of(self, number: int) -> dict[str, bytes]:
        """The files of a part, as they were written.

        Raises
        ------
        ResultError
            When it is not as it was written.
        """
        self._verify(number)
        return {name: (self.part(number) / name).read_bytes() for name in (DAYS, RUNS, SEAL)}

    def _place(self, number: int, build: Callable[[Path], None]) -> None:
        """Build a part aside and rename it."""
        import duckdb

        aside = self.folder / f".{uuid4().hex[:12]}-part-{number:05d}"
        try:
            aside.mkdir(parents=True)
            build(aside)
            for path in (*(aside / name for name in (DAYS, RUNS, SEAL)), aside):
                flush(path)
            try:
                aside.rename(self.part(number))
            except OSError:  # another process was first, with the same
                if not self.part(number).is_dir():
                    raise
            flush(self.folder)
        except (OSError, duckdb.Error) as error:
            raise fail(ResultError, self.folder, "cannot_write", reason=_reason(error)) from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def read(self, runs: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both tables, as columns, in order of run; runs beyond `runs` are left out.

        Raises
        ------
        ResultError
            When a part is missing, not as it was written, or not of this store.
        """
        import duckdb

        for number in (numbers := self._numbers(runs)):
            self._verify(number)
        parts = [self.part(number) for number in numbers]
        try:
            with _database().cursor() as con:
                return _read(con, parts, DAYS, runs, "run, region, day"), _read(con, parts, RUNS, runs, "run")
        except duckdb.Error as error:
            raise fail(ResultError, self.folder, "broken_store", reason=str(error).splitlines()[0]) from None

    def _seal(self, number: int, runs: list[int], folder: Path) -> bytes:
        """The seal of a part whose tables lie in a folder."""
        tables = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (DAYS, RUNS)}
        return json.dumps({"recipe": self.key, "part": number, "runs": runs, "sha256": tables}).encode()

    def _verify(self, number: int, folder: Path | None = None, source: str = "") -> None:
        """Refuses a part that is not what its seal says, byte for byte, or whose seal is not of this place."""
        folder, first = folder or self.part(number), number * self.size
        where = source or folder
        try:
            seal = (folder / SEAL).read_bytes()
            runs = json.loads(seal)["runs"]
            same = seal == self._seal(number, runs, folder) and 0 < len(runs) <= self.size and runs == [*range(first, first + len(runs))]
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else SEAL
            raise fail(ResultError, where, "broken_store", reason=reason) from None
        if not same:
            raise fail(ResultError, where, "broken_store", reason=SEAL)

    def _numbers(self, runs: int) -> list[int]:
        stop = -(-runs // self.size)
        return [n for n in sorted(self.only) if 0 <= n < stop] if self.only else list(range(stop))

    @contextmanager
    def claimed(self, number: int) -> Iterator[bool | None]:
        """Make a part alone: False if another process makes it now, None where the file system knows no locks.

        Raises
        ------
        ResultError
            When nothing can be written there.
        """
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                alone = held.enter_context(claimed(self._claim(number)))
            except OSError as error:
                raise fail(ResultError, self.folder, "cannot_write", reason=_reason(error)) from None
            yield alone

    def is_claimed(self, number: int) -> bool:
        """Whether another process makes a part now."""
        return is_claimed(self._claim(number))

    def _claim(self, number: int) -> Path:
        return self.folder / f".claim-{number:05d}"

    def sweep(self) -> None:
        """Delete what processes that were stopped left behind; whatever else lies there is left alone."""
        left: dict[int, list[Path]] = {}
        for path in self.folder.glob(".*-*"):
            if made := re.fullmatch(r"\.(?:claim|[0-9a-f]+-part)-(\d{5,})", path.name):
                left.setdefault(int(made.group(1)), []).append(path)
        for number, paths in left.items():
            with suppress(OSError), claimed(self._claim(number)) as alone:
                for path in paths if alone else ():
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)


@functools.cache
def _database(threads: int | None = None) -> Any:
    """A database in memory, one for the whole process: to open it takes longer than to write a part."""
    import duckdb

    return duckdb.connect(":memory:", config={"threads": threads} if threads else {})


def _read(con: Any, parts: Iterable[Path], name: str, runs: int, order: str) -> dict[str, Any]:
    files = ", ".join(f"'{_quoted(p / name)}'" for p in parts)
    if not files:
        return {}
    query = f"SELECT * FROM read_parquet([{files}]) WHERE run < {int(runs)} ORDER BY {order}"
    found = con.execute(query).fetchnumpy().items()
    # What was not a number comes back as nothing, with whatever lies under the mask.
    return {k: v.filled(np.nan) if isinstance(v, np.ma.MaskedArray) and v.dtype.kind == "f" else np.asarray(v) for k, v in found}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _reason(error: Exception) -> str:
    """Why nothing could be written, in the system's words."""
    number = re.search(r'"errno":"(\d+)"', str(error))  # how DuckDB passes on what the system said
    return os.strerror(int(number.group(1))) if number else getattr(error, "strerror", None) or str(error).splitlines()[0]
