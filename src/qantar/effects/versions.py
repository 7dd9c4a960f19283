"""What each hypothesis was said to be under each version of the decision rules.

In: the table that ships with a result (`versions.csv`), and what the rules say now. Out: one table of both. The same answers of the same
histories are judged again whenever a rule changes; what was said before stays beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qantar.effects.decision import VERSION
from qantar.files.cells import to_csv
from qantar.files.result import read_checked

FILE = "versions.csv"
COLUMNS = ("hypothesis", "rules_version", "verdict", "basis", "reason_en", "reason_zh")
Row = dict[str, str]


def read_versions(folder: Path) -> list[Row]:
    """The table of a result, if there is one; raises ResultError if it is not as it was written, or lacks the table."""
    stored = read_checked(folder, folder.name, columns={FILE.removesuffix(".csv"): COLUMNS})
    return [] if stored is None else [{k: r[k] for k in COLUMNS} for r in stored.rows(FILE)]


def merged(earlier: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """What was said under other versions of the rules, and what is said now; by hypothesis, the oldest version first.

    >>> row = lambda h, v, word: {"hypothesis": h, "rules_version": str(v), "verdict": word}
    >>> [(r["rules_version"], r["verdict"]) for r in merged([row("H08", 1, "contradicted"), row("H08", VERSION, "x"), row("H09", 1, "x")],
    ...                                                     [row("H08", VERSION, "not-judged")])] == [
    ...     ("1", "contradicted"), (str(VERSION), "not-judged")]
    True
    """
    asked = {r["hypothesis"] for r in now}
    old = [r for r in earlier if r["hypothesis"] in asked and r["rules_version"] != str(VERSION)]
    return sorted([*old, *now], key=lambda r: (r["hypothesis"], int(r["rules_version"])))


def versions_csv(rows: Sequence[Row]) -> str:
    """The table as text."""
    return to_csv(list(COLUMNS), [[r.get(k, "") for k in COLUMNS] for r in rows])
