"""Days as people and programs write them, read without guessing: what could be two days is refused until the order is given.

Read are 2022-01-05 (also with an hour), 05 January 2022, January 5, 2022, 5-Jan-22, 20220105, 2022年1月5日, numbers of days
of a spreadsheet, and 05/01/2022 (also with points and dashes) once the order of day and month is known: from the column itself, where
some day is above 12. Without a year, 5 January is that of the year nearest to the days of the case. Spans of days are two of these, or
12-14 July 2022, July 12-14, 2022, 2022年7月12日至14日.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from qantar.files.cells import FIRST_DAY, LAST_DAY

ORDERS = ("dmy", "mdy", "ymd")
"""Orders of day, month and year that can be asked for."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTH = {name: k for names in (_MONTHS, _FULL, (*_MONTHS[:8], "sept", *_MONTHS[9:])) for k, name in enumerate(names, 1)}
_HOUR = r"(?:[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d\d:?\d\d)?)?"
_ISO = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_HOUR}", re.ASCII)
_YEAR_FIRST = re.compile(rf"(\d{{4}})[/.](\d{{1,2}})[/.](\d{{1,2}}){_HOUR}", re.ASCII)
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)
_PACKED = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\d{6})?", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ .-]+([A-Za-z]{3,9})\.?(?:[ ,.-]+(\d{4}|\d\d))?", re.ASCII)
_NAME_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?", re.ASCII)
_NUMBERS = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}|\d\d){_HOUR}", re.ASCII)
_TO = r"\s*(?:-|–|—|to|until|till|至|到)\s*"
_SPAN_NAMED = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?{_TO}(\d{{1,2}})(?:st|nd|rd|th)?([ .-]+[A-Za-z]{{3,9}}\b.*)", re.ASCII)
_SPAN_NAME_FIRST = re.compile(rf"([A-Za-z]{{3,9}}\.? )(\d{{1,2}})(?:st|nd|rd|th)?{_TO}(\d{{1,2}})(?:st|nd|rd|th)?(|,? \d{{4}})", re.ASCII)
_SPAN_CHINESE = re.compile(rf"(\d{{4}}年)(\d{{1,2}}月)(\d{{1,2}}日){_TO}(\d{{1,2}}月)?(\d{{1,2}}日)", re.ASCII)
_SPAN = re.compile(r"(.{4,}?)(?:\s+(?:-|to|until|till)\s+|\s*[–—至到]\s*|/(?=\d{4}-))(.{4,})", re.ASCII)
_SERIAL = re.compile(r"([1-9]\d{4})(?:\.\d+)?", re.ASCII)


class OrderUnknown(Exception):  # noqa: N818 - it is told to the user in other words
    """Day and month of a column cannot be told apart, or not in the same way in every row: examples are kept."""

    def __init__(self, code: str, value: str, other: str = "") -> None:
        self.code, self.value, self.other = code, value, other
        super().__init__(code)


@dataclass
class Days:
    """Reads the cells of one column, each different text once.

    Parameters
    ----------
    near : a day of the case; of a year with two digits the century nearest to it is meant
    column : gives every cell of the column, for the order of day and month; read only when a cell needs it
    order : the order if it is known
    """

    near: dt.date
    column: Callable[[], Iterable[str]]
    order: str | None = None
    counts_from_1904: bool = False
    _known: dict[str, dt.date | None] = field(default_factory=dict)

    def day(self, cell: str) -> dt.date | None:
        """The day of a cell, None if it is none. Raises OrderUnknown."""
        try:
            return self._known[cell]
        except KeyError:
            found = self._read(cell.strip())
            if len(self._known) < 200_000:
                self._known[cell] = found
            return found

    def span(self, cell: str) -> tuple[dt.date, dt.date] | None:
        """First and last day of a cell, the same for a single day; None if it is neither. Raises OrderUnknown."""
        if (day := self.day(cell)) is not None:
            return day, day
        if (ends := _ends(cell.strip())) is None:
            return None
        first, last = map(self.day, ends)
        return None if first is None or last is None or last < first else (first, last)

    def _read(self, cell: str) -> dt.date | None:
        for form in (_ISO, _YEAR_FIRST, _CHINESE, _PACKED):
            if m := form.fullmatch(cell):
                return self._date(int(m[1]), int(m[2]), int(m[3]))
        if m := _NAMED.fullmatch(cell):
            return self._named(m[3], m[2], m[1])
        if m := _NAME_FIRST.fullmatch(cell):
            return self._named(m[3], m[1], m[2])
        if m := _SERIAL.fullmatch(cell):
            first = dt.date(1904, 1, 1) if self.counts_from_1904 else dt.date(1899, 12, 30)
            return first + dt.timedelta(days=int(m[1]))
        if m := _NUMBERS.fullmatch(cell):
            if self.order is None:
                self.order = order_of(self.column())
            if self.order == "ymd":
                return self._date(self._year(m[1]), int(m[3]), int(m[4])) if len(m[4]) == 2 else None
            a, b = int(m[1]), int(m[3])
            return self._date(self._year(m[4]), *((b, a) if self.order == "dmy" else (a, b)))
        return None

    def _named(self, digits: str | None, month: str, day: str) -> dt.date | None:
        years = [self._year(digits)] if digits else range(self.near.year - 1, self.near.year + 2)
        found = [d for y in years if (d := self._date(y, _MONTH.get(month.lower(), 0), int(day)))]
        return min(found, key=lambda d: abs(d - self.near), default=None)

    def _year(self, digits: str) -> int:
        if len(digits) == 4:
            return int(digits)
        return min((c + int(digits) for c in range(1500, 2200, 100)), key=lambda y: (abs(y - self.near.year), -y))

    @staticmethod
    def _date(year: int, month: int, day: int) -> dt.date | None:
        try:
            found = dt.date(year, month, day)
        except ValueError:
            return None
        return found if FIRST_DAY <= found <= LAST_DAY else None


def _ends(cell: str) -> tuple[str, str] | None:
    """Both days of a span, each with its month and year.

    >>> _ends("12-14 July 2022"), _ends("July 12 to 14"), _ends("30 June - 2 July 2022"), _ends("2022-07-12/2022-07-14"), _ends("soon")
    (('12 July 2022', '14 July 2022'), ('July 12', 'July 14'), ('30 June', '2 July 2022'), ('2022-07-12', '2022-07-14'), None)
    """
    if m := _SPAN_NAMED.fullmatch(cell):
        return m[1] + m[3], m[2] + m[3]
    if m := _SPAN_NAME_FIRST.fullmatch(cell):
        return m[1] + m[2] + m[4], m[1] + m[3] + m[4]
    if m := _SPAN_CHINESE.fullmatch(cell):
        return m[1] + m[2] + m[3], m[1] + (m[4] or m[2]) + m[5]
    return (m[1], m[2]) if (m := _SPAN.fullmatch(cell)) else None


def order_of(cells: Iterable[str]) -> str:
    """The order of day and month in a column of dates like 05/01/2022: what is above 12 is a day. Raises OrderUnknown.

    >>> order_of(["05/01/2022", "13/01/2022"]), order_of(["01/05/2022", "1/13/2022"])
    ('dmy', 'mdy')
    """
    first = second = either = ""
    for cell in {end for c in cells for end in _ends(c.strip()) or (c.strip(),)}:
        if m := _NUMBERS.fullmatch(cell):
            either = min(either or cell, cell)
            if int(m[1]) > 12:
                first = cell
            if int(m[3]) > 12:
                second = cell
    if first and second:
        raise OrderUnknown("date_order_mixed", first, second)
    if not (first or second):
        raise OrderUnknown("date_order_unknown", either)
    return "dmy" if first else "mdy"
