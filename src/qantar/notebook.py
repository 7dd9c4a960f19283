"""Studies from Python and in a notebook: the same results as on the command line, as objects with a table, a text and a picture.

In: the name of a kind of study with its options, or a folder that holds a result. Out: a `StudyResult`. What a notebook shows of it is the
section that the page of a case would have. `to_pandas` and `to_xarray` turn what other functions give into frames and arrays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qantar.engine.loop import History
from qantar.ensemble.histories import Runs
from qantar.ensemble.runner import Runner, at_work
from qantar.ensemble.store import STORE
from qantar.errors import ResultError, StudyError, fail, nearest, needs
from qantar.files.cells import Table
from qantar.files.result import made_of
from qantar.files.write import write_result
from qantar.messages import language
from qantar.record.observables import Observables
from qantar.scenario.plan import Plan
from qantar.studies import KINDS
from qantar.studies import study as described_as
from qantar.studies.blocks import Sentence, in_language
from qantar.studies.kind import Result, as_json, ask, page_of, perform, result_of
from qantar.studies.shipped import result_in

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class StudyResult:
    """What a study found, as it is stored.

    Parameters
    ----------
    kind : of study
    result : how it was made, and its tables
    files : as a folder holds them; empty for one that was read from a folder
    """

    kind: str
    result: Result = field(repr=False)
    files: Mapping[str, str | bytes] = field(default_factory=dict, repr=False)

    @property
    def made(self) -> Mapping[str, Any]:
        """How it was made: command, seed, versions, hashes."""
        return self.result.made

    @property
    def tables(self) -> list[str]:
        """Names of its tables."""
        return list(self.result.tables)

    def to_pandas(self, table: str | None = None) -> pd.DataFrame:
        """A table as a data frame, numbers as numbers; by default the first.

        Raises
        ------
        ResultError
            If it has no such table.
        """
        names = self.tables
        if table is None and names:
            table = names[0]
        if table not in names:
            raise fail(ResultError, self.kind, "not_one_of", value=table, choices=nearest(table or "", names))
        return _frame(as_json(Result({}, {table: self.result.tables[table]}))[table])

    def as_dict(self) -> dict[str, Any]:
        """The same as `--json` gives."""
        return as_json(self.result)

    def sentences(self, lang: str | None = None) -> list[str]:
        """What it says in words, in English or Chinese."""
        blocks = page_of(described_as(self.kind), self.result)
        return [in_language(b.words, lang or language()) for b in blocks if isinstance(b, Sentence) and b.role != "head"]

    def save(self, folder: str | Path) -> Path:
        """Write it as a folder; gives the place, which lies beside the one asked for if something else is there."""
        return write_result(Path(folder), self.files)

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def _repr_html_(self) -> str:
        from qantar.report.sections import fragment

        return fragment(self.kind, self.result, language())


def run_study(
    kind: str,
    *,
    processes: int | None = None,
    store: str | Path | None = None,
    cluster: str | None = None,
    depot: str | None = None,
    **options: Any,
) -> StudyResult:
    """Do a study: the same as its command.

    Parameters
    ----------
    kind : as its command is called
    processes : at most so many; by default one a core
    store : folder in which histories are kept; by default that of the commands
    cluster, depot : addresses of a cluster that does the work and of an object store, as `--cluster` and `--depot`
    options : as those of the command, with `_` for `-`

    Raises
    ------
    StudyError, ScenarioError, DataError, ResultError
        As the command says them.

    Examples
    --------
    >>> found = run_study("weigh", account="kazakhstan-2022")
    >>> found.tables[0], found.made["kind"]
    ('stories', 'weigh')
    """
    if kind not in KINDS:
        raise fail(StudyError, "run_study", "not_one_of", value=kind, choices=nearest(kind, KINDS))
    described = described_as(kind)
    asked = ask(described, {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})
    with at_work(Runner(Path(store or STORE), processes), cluster, depot) as runner:
        files = perform(described, asked, runner)
    return StudyResult(kind, result_of(files, made_of(files), asked.scenario), files)


def read_study(folder: str | Path) -> StudyResult:
    """A result that a command wrote, or one that ships with a case.

    Raises
    ------
    ResultError
        If the folder holds no whole result.
    """
    described, result = result_in(Path(folder))
    return StudyResult(described.name, result)


def to_pandas(rows: Table[Any] | Iterable[Any] | StudyResult) -> pd.DataFrame:
    """Rows as a data frame: a table of a record or a ledger, verdicts as `judge` gives them, onsets of `observe`, or a study's first table.

    Raises
    ------
    StudyError
        If pandas is not installed.
    """
    return rows.to_pandas() if isinstance(rows, StudyResult) else _frame(map(_flat, rows))


def _flat(row: Any) -> dict[str, Any]:
    """A row as cells; several keys in one are joined as in its file."""
    cells = row.as_dict() if hasattr(row, "as_dict") else row.model_dump() if hasattr(row, "model_dump") else vars(row)
    return {name: ";".join(map(str, cell)) if isinstance(cell, tuple | list) else cell for name, cell in cells.items()}


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    needs("pandas", "notebook", "to_pandas")
    import pandas

    return pandas.DataFrame.from_records(list(rows))


def to_xarray(found: Observables | History | Runs, plan: Plan | None = None) -> xr.Dataset:
    """Arrays with their dimensions named: what a record says by region and day, one history by hour and place, or many by run.

    Parameters
    ----------
    plan : that of histories, which gives their regions, places and hours names; without it they are numbered

    Raises
    ------
    StudyError
        If xarray is not installed.
    """
    needs("xarray", "notebook", "to_xarray")
    import xarray

    if isinstance(found, Observables):
        shape, named = ("region", "day"), {"region": list(found.region_ids), "day": [_moment(d) for d in found.days]}
        return xarray.Dataset({"presence": (shape, found.presence), "doubtful": (shape, found.doubtful)}, coords=named)
    names: dict[str, Any] = {}
    if plan is not None:
        names = {"region": [r.id for r in plan.regions], "place": [p.id for p in plan.places]}
        start = dt.datetime.fromisoformat(plan.start)
    if isinstance(found, History):
        hours = {name: (("hour", "place"), getattr(found, name)) for name in ("protesting", "fighting", "joined", "killed", "detained")}
        if plan is not None:
            names["hour"] = [start + dt.timedelta(hours=found.step_hours * (n + 1)) for n in range(len(found.protesting))]
        return xarray.Dataset(hours, coords={k: names[k] for k in ("hour", "place") if k in names})
    arrays = {
        "presence": (("run", "day", "region"), found.presence),
        "participants": (("run", "day"), found.participants),
        "detained": (("run", "day"), found.detained),
        "killed": (("run", "region"), found.killed),
        "seat_lost": (("run", "region"), found.seat_lost),
    }
    if plan is not None:
        names["day"] = [_moment(start.date() + dt.timedelta(days=n)) for n in range(found.participants.shape[1])]
    return xarray.Dataset(arrays, coords={k: names[k] for k in ("day", "region") if k in names})


def _moment(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())
