"""Which country and which days a download is about, before there is a case to import it into.

In: a file of a known provider, and perhaps a country. Out: an `Extent`. A table of one's own says neither in a column that is known.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from qantar.cases.world import country
from qantar.errors import DataError, Problem, fail
from qantar.files.cells import fold
from qantar.importing.days import Days, OrderUnknown
from qantar.importing.run import recognize
from qantar.record.schema import SPAN_MAX

SHOWN = 5
"""Countries that are named."""


STRETCH = 31
"""Days of the busiest stretch that is proposed where a file spans more than a case may."""


class Extent(NamedTuple):
    """The country of a file, as the file or whoever asks calls it, and the first and the last day of its rows there."""

    country: str
    first: dt.date
    last: dt.date


def extent_of(path: Path, where: str | None = None, *, of_days: bool = True) -> Extent:
    """The extent of a download; of the rows of one country, if it is asked for and the file names countries.

    Parameters
    ----------
    of_days : whether the days are those of a case: most downloads hold years, of which a case is a part

    Raises
    ------
    QantarError
        If the file is of no known provider, names no country or several and none is asked for, has no row with a day there, or spans more
        days than a case may.
    """
    source, form = recognize(path, None, None, None)
    at, which = form.columns.get("country"), form.columns["date"]
    word = form.word_for_country
    wanted = None
    if where is not None:
        land = country(where)
        wanted = {fold(name) for name in (where, land.iso2, land.iso3, land.name_en, land.name_zh)}

    def rows() -> Iterator[list[str]]:
        lines = (cells for _, cells in islice(source.lines(), int(form.has_header), None))
        return (c for c in lines if len(c) > max(which, at or 0) and (at is None or wanted is None or fold(word(c[at])) in wanted))

    days = Days(dt.date(2000, 1, 1), lambda: (c[which] for c in rows()), None, source.counts_from_1904)
    named: Counter[str] = Counter()
    by_day: Counter[dt.date] = Counter()
    try:
        for cells in rows():
            if (span := days.span(cells[which])) is None:
                continue
            by_day.update(set(span))
            named[word(cells[at]) if at is not None else ""] += 1
    except OrderUnknown as unknown:
        args = {"value": unknown.value, "other": unknown.other, "column": form.names[which]}
        raise DataError([Problem(source.name, None, form.names[which], unknown.code, args)]) from None
    if not by_day:
        raise fail(DataError, path, "no_rows_there", value=where or "-")
    if where is None and (at is None or len(named) > 1):
        raise fail(DataError, path, "whose_country", found=", ".join(name for name, _ in named.most_common(SHOWN)) or "-")
    first, last = min(by_day), max(by_day)
    if of_days and (last - first).days >= SPAN_MAX:
        begin, n = busiest(by_day)
        end = begin + dt.timedelta(days=STRETCH - 1)
        raise fail(DataError, path, "days_of_years", first=first, last=last, high=SPAN_MAX, begin=begin, end=end, n=n, days=STRETCH)
    return Extent(where or next(iter(named)), first, last)


def busiest(by_day: Mapping[dt.date, int]) -> tuple[dt.date, int]:
    """The first day of the stretch with most rows, and how many these are.

    >>> busiest({dt.date(2010, 1, 1): 3, dt.date(2014, 10, 28): 2, dt.date(2014, 10, 31): 2})
    (datetime.date(2014, 10, 28), 4)
    """
    days = sorted(by_day)
    best, begin, last, held = 0, days[0], 0, 0
    for k, day in enumerate(days):
        while last < len(days) and (days[last] - day).days < STRETCH:
            held += by_day[days[last]]
            last += 1
        if held > best:
            best, begin = held, day
        held -= by_day[days[k]]
    return begin, best
