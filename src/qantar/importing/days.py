"""Days as people and programs write them, read without guessing: what could be two days is refused until the order is given.

Read are 2022-01-05 (also with an hour), 05 January 2022, January 5, 2022, 5-Jan-22, 5 de enero de 2022 and the like in six languages, also
behind the day of the week, 20220105, 2022年1月5日, numbers of days of a spreadsheet, and 05/01/2022 (also with points and dashes) once the
order of day and month is known: from the column itself, where some day is above 12. Without a year, 5 January is that of the year nearest
to the days of the case. Spans of days are two of these, or 12-14 July 2022, July 12-14, 2022, 12-14/7/2022, 2022年7月12日至14日.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from qantar.files.cells import FIRST_DAY, LAST_DAY, fold

ORDERS = ("dmy", "mdy", "ymd")
"""Orders of day, month and year that can be asked for."""
_LOCALES = ("en", "es", "fr", "de", "pt", "ru")
"""Languages whose names of months and days of the week are known."""
_DAY = r"([0-9]{1,2})(?:st|nd|rd|th|er|º|ª|\.)?"
_WORD = r"[^\W\d_]{3,12}"
_YEAR = r"(?:(?:[ ,.-]+| (?:de|del|of) )([0-9]{4}|[0-9]{2})(?: г\.?)?)?"
_HOUR = r"(?:[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d\d:?\d\d)?)?"
_ISO = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_HOUR}", re.ASCII)
_YEAR_FIRST = re.compile(rf"(\d{{4}})[/.](\d{{1,2}})[/.](\d{{1,2}}){_HOUR}", re.ASCII)
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)
_PACKED = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\d{6})?", re.ASCII)
_NAMED = re.compile(rf"{_DAY}(?:[ .-]+| (?:de|of) )({_WORD})\.?{_YEAR}", re.IGNORECASE)
_NAME_FIRST = re.compile(rf"({_WORD})\.? {_DAY}(?:,? ([0-9]{{4}}))?", re.IGNORECASE)
_WEEKDAY = re.compile(rf"({_WORD})\.?,? +(.+)")
_NUMBERS = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}|\d\d){_HOUR}", re.ASCII)
_WITHOUT_YEAR = re.compile(r"(\d{1,2})(?:/(\d{1,2})|\.(\d{1,2})\.)", re.ASCII)
_TO = r"\s*(?:-|–|—|/|to|until|till|a|al|au|bis|至|到)\s*"
_SPAN_NAMED = re.compile(rf"{_DAY}{_TO}{_DAY}((?:[ .-]+| (?:de|of) ){_WORD}\b.*)", re.IGNORECASE)
_SPAN_NAME_FIRST = re.compile(rf"({_WORD}\.? ){_DAY}{_TO}{_DAY}(|,? [0-9]{{4}})", re.IGNORECASE)
_SPAN_CHINESE = re.compile(rf"(\d{{4}}年)(\d{{1,2}}月)(\d{{1,2}}日){_TO}(\d{{1,2}}月)?(\d{{1,2}}日)", re.ASCII)
_SPAN_DAY_FIRST = re.compile(r"(\d{1,2})\s*[-–—]\s*(\d{1,2})([/.]\d{1,2}[/.](?:\d{4}|\d\d)|/\d{1,2}|\.\d{1,2}\.)", re.ASCII)
_SPAN = re.compile(r"(.{4,}?)(?:\s+(?:-|to|until|till)\s+|\s*[–—至到]\s*|/(?=\d{4}-))(.{4,})", re.ASCII)
_SERIAL = re.compile(r"([1-9]\d{4})(?:\.\d+)?", re.ASCII)


@cache
def _named_in_calendars() -> tuple[dict[str, int], frozenset[str]]:
    """Numbers of months and the days of the week by their names and short forms, folded, where a name is that of one month."""
    from babel import Locale

    months: dict[str, set[int]] = defaultdict(set)
    weekdays: set[str] = set()
    for locale in map(Locale.parse, _LOCALES):
        for context, width in product(("format", "stand-alone"), ("wide", "abbreviated")):
            for k, name in locale.months[context][width].items():
                months[fold(name)].add(k)
            weekdays |= {fold(name) for name in locale.days[context][width].values()}
    months["sept"].add(9)
    return {name: k for name, (k, *others) in months.items() if not others}, frozenset(weekdays)


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
        if _SPAN_DAY_FIRST.fullmatch(cell.strip()) and self._order() != "dmy":
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
            if self._order() == "ymd":
                return self._date(self._year(m[1]), int(m[3]), int(m[4])) if len(m[4]) == 2 else None
            a, b = int(m[1]), int(m[3])
            return self._date(self._year(m[4]), *((b, a) if self.order == "dmy" else (a, b)))
        if m := _WITHOUT_YEAR.fullmatch(cell):
            a, b = int(m[1]), int(m[2] or m[3])
            return self._nearest(*((a, b) if self._order() == "mdy" else (b, a)))
        if (m := _WEEKDAY.fullmatch(cell)) and fold(m[1]) in _named_in_calendars()[1]:
            return self._read(m[2])
        return None

    def _order(self) -> str:
        if self.order is None:
            self.order = order_of(self.column())
        return self.order

    def _named(self, digits: str | None, name: str, day: str) -> dt.date | None:
        month = _named_in_calendars()[0].get(fold(name), 0)
        return self._date(self._year(digits), month, int(day)) if digits else self._nearest(month, int(day))

    def _nearest(self, month: int, day: int) -> dt.date | None:
        """The day of the year nearest to the days of the case."""
        found = [d for y in range(self.near.year - 1, self.near.year + 2) if (d := self._date(y, month, day))]
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
    if m := _SPAN_DAY_FIRST.fullmatch(cell):
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
    for whole, cell in {(c, end) for c in map(str.strip, cells) for end in _ends(c) or (c,)}:
        if _NUMBERS.fullmatch(cell) or _WITHOUT_YEAR.fullmatch(cell):
            either = min(either or cell, cell)
            a, b = (int(n) for n in re.findall(r"\d+", cell)[:2])
            if a > 12 or _SPAN_DAY_FIRST.fullmatch(whole):
                first = cell
            if b > 12:
                second = cell
    if first and second:
        raise OrderUnknown("date_order_mixed", first, second)
    if not (first or second):
        raise OrderUnknown("date_order_unknown", either)
    return "dmy" if first else "mdy"
