"""Which country and which days a download is about, before there is a case to import it into.

In: a file of a known provider, and perhaps a country. Out: an `Extent`. A table of one's own says neither in a column that is known.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from qantar.cases.world import country
from qantar.errors import DataError, Problem, fail
from qantar.files.cells import fold
from qantar.importing.days import Days, OrderUnknown
from qantar.importing.run import recognize

SHOWN = 5
"""Countries that are named."""


class Extent(NamedTuple):
    """The country of a file, as the file or whoever asks calls it, and the first and the last day of its rows there."""

    country: str
    first: dt.date
    last: dt.date


def extent_of(path: Path, where: str | None = None) -> Extent:
    """The extent of a download; of the rows of one country, if it is asked for and the file names countries.

    Raises
    ------
    QantarError
        If the file is of no known provider, names no country or several and none is asked for, or has no row with a day there.
    """
    source, form = recognize(path, None, None, None)
    at, which = form.columns.get("country"), form.columns["date"]
    wanted = None
    if where is not None:
        land = country(where)
        wanted = {fold(name) for name in (where, land.iso2, land.iso3, land.name_en, land.name_zh)}

    def rows() -> Iterator[list[str]]:
        lines = (cells for _, cells in islice(source.lines(), int(form.has_header), None))
        return (c for c in lines if len(c) > max(which, at or 0) and (at is None or wanted is None or fold(c[at]) in wanted))

    days = Days(dt.date(2000, 1, 1), lambda: (c[which] for c in rows()), None, source.counts_from_1904)
    named: Counter[str] = Counter()
    first = last = None
    try:
        for cells in rows():
            if (span := days.span(cells[which])) is None:
                continue
            first, last = min(first or span[0], span[0]), max(last or span[1], span[1])
            named[cells[at].strip() if at is not None else ""] += 1
    except OrderUnknown as unknown:
        args = {"value": unknown.value, "other": unknown.other, "column": form.names[which]}
        raise DataError([Problem(source.name, None, form.names[which], unknown.code, args)]) from None
    if first is None or last is None:
        raise fail(DataError, path, "no_rows_there", value=where or "-")
    if where is None and (at is None or len(named) > 1):
        raise fail(DataError, path, "whose_country", found=", ".join(name for name, _ in named.most_common(SHOWN)) or "-")
    return Extent(where or next(iter(named)), first, last)
