"""A table of a ledger as CSV and as workbook, side by side: which of the two counts."""

from __future__ import annotations

from pathlib import Path

from qantar.account.schema import (
    LEDGER_MODELS,
)
from qantar.errors import Problems
from qantar.files.alike import rows_sha256
from qantar.files.cells import Row, Sha256, Strict
from qantar.files.markup import read_toml
from qantar.files.read import inside
from qantar.record.schema import Source

WRITTEN = "written.toml"
"""In the folder of a ledger: what its tables held when CSV and workbook were written alike."""


class Written(Strict):
    """`written.toml`: SHA-256 of the cells of a table as both files of it were written."""

    claims: Sha256 | None = None
    sources: Sha256 | None = None


def the_one(path: Path, name: str, problems: Problems) -> Path | None:
    """The file in which a table stands: the one that is named, or the workbook (CSV) beside it if that alone is there or was changed."""
    other = twin(path)
    if other is None or not (other.exists() or other.is_symlink()):
        return path
    if not inside(path.parent, other.name, file="account.toml", line=None, key=f"files.{name}", problems=problems):
        return None
    if not (path.exists() or path.is_symlink()):
        return other
    models: dict[str, type[Row]] = {**LEDGER_MODELS, "sources": Source}
    columns = list(models[name].model_fields)
    said, beside = rows_sha256(path, name, columns), rows_sha256(other, name, columns)
    if said == beside and said is not None:
        return path
    mark = path.parent / WRITTEN
    written = getattr((read_toml(mark, Written, Problems()) if mark.is_file() else None) or Written(), name, None)
    if written is not None and written in (said, beside):
        return other if said == written else path
    problems.add(path.name, None, "", "two_tables", file=path.name, other=other.name)
    return None


def twin(path: Path) -> Path | None:
    """The workbook in which a table in CSV may stand as well, and the other way round; None of any other file."""
    return path.with_suffix(TWINS[path.suffix]) if path.suffix in TWINS else None


TWINS = {".csv": ".xlsx", ".xlsx": ".csv"}
