"""The first look at a table that nobody knows: what its columns and words are taken for is written beside the case, and tried on every row.

In: a table and the folder of a case. Out: a `FirstLook`. No event is written: a person reads what was taken for what, and imports then.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from qantar.errors import Problem, Problems, QantarError
from qantar.files.write import refuse_foreign_file, write_bytes
from qantar.importing.country import read_country
from qantar.importing.mapping import check_mapping, is_mapping
from qantar.importing.propose import View, is_untouched, propose, view_of, with_kinds
from qantar.importing.run import Summary, import_file
from qantar.importing.source import open_source


@dataclass(frozen=True)
class FirstLook:
    """What an import would do with a table."""

    mapping: Path
    is_changed: bool
    """whether somebody has changed the mapping since it was proposed: it is used as it is, and never written over"""
    view: View | None
    """what the columns and words are taken for; None for a mapping that cannot be read"""
    summary: Summary | None
    """what would become of each row; None if the mapping must be completed first"""
    problems: Sequence[Problem]
    """what must be completed"""
    added: Sequence[str] = ()
    """words of the table of which a mapping that somebody has changed said nothing, and that were added to it with a proposal"""
    to_add: Sequence[str] = ()
    """words that could not be added there"""

    def as_dict(self, lang: str) -> dict[str, object]:
        """The same for machines."""
        view, summary = self.view, self.summary
        return {
            "imported": False,
            "mapping": str(self.mapping),
            "mapping_changed": self.is_changed,
            "columns": [{"as": f, "column": name} for f, name, _ in view.columns] if view else [],
            "unused": view.unused if view else [],
            "unused_numbers": view.numbers if view else [],
            "kinds": [{"type": t, "kind": kind, "rows": n} for t, kind, n in view.kinds] if view else [],
            "rows_of_kinds": view.rows_of if view else {},
            "kinds_added": list(self.added),
            "kinds_to_add": list(self.to_add),
            "would": summary.as_dict() if summary else None,
            "problems": [p.as_dict(lang) for p in self.problems],
        }


def place_of(table: Path, folder: Path) -> Path:
    """Where the mapping of a table is put: beside the folder of the case.

    >>> place_of(Path("kenya.xlsx"), Path("my-case")).as_posix()
    'kenya-mapping.toml'
    """
    beside = folder.parent if folder.name not in ("", "..") else folder / ".."
    return beside / f"{table.stem}-mapping.toml"


def first_look(
    table: Path, folder: Path, lang: str, then: str, *, encoding: str | None = None, date_order: str | None = None, swap: bool = False,
    dry_run: bool = False,
) -> FirstLook:  # fmt: skip
    """Propose a mapping for a table, or take the one that lies there if somebody has changed it, and try it.

    Parameters
    ----------
    then : the command that imports, for a comment in the mapping
    dry_run : whether not even the mapping is written

    Raises
    ------
    QantarError
        Where the case or the table cannot be read, or another file stands in the place of the mapping.
    """
    place = place_of(table, folder)
    source = open_source(table, encoding)
    is_changed = is_mapping(place) and not is_untouched(place)
    with ExitStack() as stack:
        used = place
        if dry_run and not is_changed:
            used = Path(stack.enter_context(TemporaryDirectory())) / place.name
        if not is_changed:
            refuse_foreign_file(used, is_untouched)
            write_bytes(used, propose(source, lang, then, read_country(folder).names).text.encode())
        found = Problems()
        mapping = check_mapping(used, found)
        added: Sequence[str] = ()
        to_add: Sequence[str] = ()
        if is_changed and mapping is not None and not found.found and not dry_run:
            added, to_add = _add_kinds(place, view_of(open_source(table, encoding, mapping.read.sheet), mapping).missing, lang)
            mapping = check_mapping(used, found) if added else mapping
        summary, problems = None, found.found
        if not problems:
            try:
                summary = import_file(table, folder, mapping=used, encoding=encoding, date_order=date_order, swap=swap, dry_run=True)
            except QantarError as error:
                problems = error.problems
        view = view_of(open_source(table, encoding, mapping.read.sheet), mapping) if mapping else None
        return FirstLook(place, is_changed, view, summary, problems, added, to_add)


def _add_kinds(place: Path, missing: Sequence[str], lang: str) -> tuple[Sequence[str], Sequence[str]]:
    """Write words that are missing into a mapping; those that were added, and those that could not be."""
    if not missing:
        return (), ()
    try:
        new = with_kinds(place.read_bytes().decode(), missing, lang)
    except UnicodeDecodeError:
        new = None
    if new is None:
        return (), missing
    write_bytes(place, new.encode())
    return missing, ()
