"""Days that a table has in three columns, year, month and day, are put together in one more column at the end of each row.

In: rows of a table, the header first. Out: the same rows with a column such as `date (startyear, startmonth, startday)` for each three
columns that belong together, which is then read like any other. Mass Mobilization, SCAD and GTD write their days so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from qantar.files.cells import fold

_PARTS = {
    "year": ("year", "yr", "ano", "annee", "jahr", "год", "年"),
    "month": ("month", "mon", "mo", "mes", "mois", "monat", "месяц", "月"),
    "day": ("day", "dy", "dia", "jour", "tag", "день", "日"),
}
"""Words for the parts of a day, folded; the longer of two that fit is meant."""
_ENDS = frozenset(("e", "end", "ending", "to", "last", "until", "fin", "final", "ende", "fim", "конец"))
Line = tuple[int, list[str]]


def days_together(rows: Iterator[Line], *, cut: bool = False) -> Iterator[Line]:
    """Rows with their days put together; one that has not as many cells as the header still has not.

    Parameters
    ----------
    cut : whether a row ends with its last cell that is not empty, as in a workbook
    """
    head = next(rows, None)
    if head is None:
        return iter(())
    line, names = head
    found = threes(names)
    if not found:
        return chain((head,), rows)
    header = (line, [*names, *(f"{what} ({names[y]}, {names[m]}, {names[d]})" for what, (y, m, d) in found)])
    width = len(names)

    def joined() -> Iterator[Line]:
        for number, cells in rows:
            if not any(cells[width:]):
                cells = cells[:width]
            if cut:
                cells = [*cells, *[""] * (width - len(cells))]
            if len(cells) >= width:
                cells[width:width] = [_day(cells[y], cells[m], cells[d]) for _, (y, m, d) in found]
            yield number, cells

    return chain((header,), joined())


def threes(names: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    """Columns of year, month and day that belong together, each three with whether it is the first or the last day.

    >>> threes(["id", "startday", "startmonth", "startyear", "endday", "endmonth", "endyear"])
    [('date', (3, 2, 1)), ('end date', (6, 5, 4))]
    >>> threes(["iyear", "imonth", "iday"]), threes(["year", "event_date"]), threes(["Año", "Mes", "Día"])
    ([('date', (0, 1, 2))], [], [('date', (0, 1, 2))])
    """
    stems: dict[str, dict[str, int]] = defaultdict(dict)
    for k, name in enumerate(names):
        for stem, part in _read(fold(name).replace(" ", "")):
            stems[stem].setdefault(part, k)
    whole = [(stem, (p["year"], p["month"], p["day"])) for stem, p in stems.items() if len(p) == len(_PARTS)]
    return [("end date" if stem in _ENDS else "date", parts) for stem, parts in whole]


def _read(name: str) -> Iterator[tuple[str, str]]:
    """What stands beside the word for a part of a day in a header, and the part."""
    fits = [(len(word), part, word) for part, words in _PARTS.items() for word in words if name.endswith(word) or name.startswith(word)]
    if fits:
        size, part, word = max(fits)
        yield (name[:-size] if name.endswith(word) else name[size:]), part


def _day(year: str, month: str, day: str) -> str:
    """One text for a day in three cells, empty where none of them says anything."""
    year, month, day = (c.strip().removesuffix(".0") for c in (year, month, day))
    if not (year or month or day):
        return ""
    if month.isdigit():
        return f"{year}-{month}-{day}"
    return f"{day} {month} {year}"
