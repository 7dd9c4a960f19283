"""Cells of tables: what fits in one, with its unit and limits, said in the same words everywhere; and rows of cells."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, NoReturn, TypeGuard, TypeVar, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from qantar.errors import nearest

NUMBER_MAX = 1e15
"""No quantity of a country is larger, and whole numbers up to here are exact."""
FIRST_DAY, LAST_DAY = dt.date(1500, 1, 1), dt.date(2200, 12, 31)
"""Days of which anything can be recorded."""
NAME_MAX = 64
"""Characters of an id, which may become the name of a folder."""
STORE = "store"
DEVICES = ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
"""Names that Windows keeps for devices, whatever follows them after a full stop."""


def _wrong(code: str, **args: object) -> NoReturn:
    raise PydanticCustomError(code, "{code}", {"code": code, **{k: str(v) for k, v in args.items()}})


_PLAIN = re.compile(r"-?\d{1,400}(\.\d{1,400})?", re.ASCII)


@dataclass(frozen=True)
class Number:
    """A number with its unit and limits, written plainly: digits, one point, no thousands marks.

    A whole number may be written as a spreadsheet or a data frame writes it, 40.0 for 40.
    """

    unit: str
    low: float = -NUMBER_MAX
    high: float = NUMBER_MAX
    whole: bool = False

    def __call__(self, cell: object) -> object:
        if not (is_number(cell) or (isinstance(cell, str) and _PLAIN.fullmatch(cell))):
            _wrong("not_a_number", value=cell, unit=self.unit)
        value = float(cell)
        if value < self.low:
            _wrong("below", value=cell, low=f"{self.low:g}", unit=self.unit)
        if value > self.high:
            _wrong("above", value=cell, high=f"{self.high:g}", unit=self.unit)
        if self.whole and value != int(value):
            _wrong("not_whole", value=cell, unit=self.unit)
        return int(value) if self.whole else value

    def allowed(self) -> str:
        return f"{'whole number' if self.whole else 'number'} [{self.low:g}, {self.high:g}], {self.unit}"


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value from outside is a number that a double holds; yes and no are none.

    >>> is_number(3), is_number(True), is_number(10**400)
    (True, False, False)
    """
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


@dataclass(frozen=True)
class Choice:
    """One of a closed list of words."""

    words: tuple[str, ...]

    def __call__(self, cell: object) -> object:
        if cell not in self.words:
            _wrong("not_one_of", value=cell, choices=nearest(str(cell), self.words))
        return cell

    def allowed(self) -> str:
        return " | ".join(self.words)


@dataclass(frozen=True)
class Form:
    """Text of one form, given by a regular expression, with an example of a right one (several with | between), in no language."""

    pattern: str
    example: str

    def __call__(self, cell: object) -> object:
        if not isinstance(cell, str) or not re.fullmatch(self.pattern, cell, re.ASCII):
            _wrong("bad_form", value=cell, example=self.example)
        return cell

    def allowed(self) -> str:
        return f"like {self.example}"


class Day:
    """A calendar day, ISO 8601, inside the days of which anything can be recorded."""

    def __call__(self, cell: object) -> object:
        day = cell
        if isinstance(cell, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", cell, re.ASCII):
            with suppress(ValueError):
                day = dt.date.fromisoformat(cell)
        if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
            _wrong("not_a_date", value=cell)
        if not FIRST_DAY <= day <= LAST_DAY:
            _wrong("day_outside", value=day, low=FIRST_DAY, high=LAST_DAY)
        return day

    def allowed(self) -> str:
        return "date YYYY-MM-DD"


@dataclass(frozen=True)
class DayAndHour(Form):
    """A calendar day, with the hour where it is known."""

    def __call__(self, cell: object) -> object:
        Day()(str(super().__call__(cell))[:10])
        return cell


class TimeZone:
    """A time zone of the IANA database, by its name."""

    def __call__(self, cell: object) -> object:
        if cell not in _time_zones():
            _wrong("not_one_of", value=cell, choices=nearest(str(cell), sorted(_time_zones())))
        return cell

    def allowed(self) -> str:
        return "like Asia/Aqtau"


@cache
def _time_zones() -> set[str]:
    return available_timezones()


def _split(cell: object) -> object:
    return tuple(filter(None, cell.split(";"))) if isinstance(cell, str) else cell


_STEERING = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\ufff9-\\ufffb]")
"""Characters that steer a terminal or turn the direction of what follows: what is read would not be what stands there."""


def printable(text: str) -> str:
    """A text without characters that steer a terminal or turn the direction of a line.

    >>> printable("a" + chr(27) + "b" + chr(0x202E) + "c")
    'abc'
    """
    return _STEERING.sub("", text)


def fold(name: str) -> str:
    """A name as it is compared.

    >>> fold("Côte-d'Or") == fold("COTE D OR"), fold("Жаңаөзен") == fold("жаңаөзен")
    (True, True)
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain.casefold()).split())


def spellings(name: str) -> tuple[str, ...]:
    """A name of a place as it is compared: whole, then without what stands in brackets behind it, then that: a district or a region.

    >>> spellings("Ayacucho (Huamanga)"), spellings("Oneville")
    (('ayacucho huamanga', 'ayacucho', 'huamanga'), ('oneville',))
    """
    found = re.fullmatch(r"\s*([^(（\[]+)[(（\[]([^)）\]]+)[)）\]]\s*", name)
    return tuple(dict.fromkeys(filter(None, map(fold, (name, *(found.groups() if found else ()))))))


def _plain_text(cell: object) -> object:
    if isinstance(cell, str) and _STEERING.search(cell):
        _wrong("control_character", value=cell)
    return cell


def _not_blank(cell: object) -> object:
    if isinstance(cell, str) and not cell.strip():
        _wrong("blank_text")
    return cell


def is_reserved(name: str) -> bool:
    """Whether folders of results cannot have this name: that of the store, and those of devices.

    >>> is_reserved("Store"), is_reserved("con.2022"), is_reserved("com1"), is_reserved("concord")
    (True, True, True, False)
    """
    return name.lower() == STORE or name.lower().split(".")[0] in DEVICES


def _not_reserved(cell: object) -> object:
    if isinstance(cell, str) and is_reserved(cell):
        _wrong("reserved_name", value=cell)
    return cell


_NAME = rf"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{{0,{NAME_MAX - 2}}}[A-Za-z0-9_])?"

Text = Annotated[str, BeforeValidator(_plain_text)]
Title = Annotated[Text, BeforeValidator(_not_blank)]
"""A text that says something."""
Date = Annotated[dt.date, BeforeValidator(Day())]
Clock = Annotated[str, BeforeValidator(Form(r"([01]\d|2[0-3]):[0-5]\d", "16:30"))]
Moment = Annotated[str, BeforeValidator(DayAndHour(r"\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d)?", "2022-01-05T16:30"))]
Key = Annotated[str, BeforeValidator(Form(_NAME, "pgo_2022_01_15"))]
"""An id: letters, digits, `_`, and inside also `.` and `-`; at most `NAME_MAX` characters."""
Sha256 = Annotated[str, BeforeValidator(Form(r"[0-9a-f]{64}", "0123456789abcdef" * 4))]


def numbered(example: str) -> Form:
    """The form of an id of a ledger: letters, then a number, as in the example."""
    return Form(r"(?=.{2,64}\Z)[A-Za-z][A-Za-z_.-]*\d[\w.-]*", example)


FolderName = Annotated[str, BeforeValidator(_not_reserved), BeforeValidator(Form(_NAME, "kazakhstan-2022"))]
"""An id after which a folder of results is named."""
Keys = Annotated[tuple[Key, ...], BeforeValidator(_split)]
Words = Annotated[tuple[Text, ...], BeforeValidator(_split)]
Zone = Annotated[str, BeforeValidator(TimeZone())]
Confidence = Annotated[str, BeforeValidator(Choice(("high", "medium", "low")))]


class Strict(BaseModel):
    """Checked once, then frozen; a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(Strict):
    """Written by the author of a case: where a text is asked for in English and in Chinese, one of the two stands for both."""

    @model_validator(mode="before")
    @classmethod
    def _one_language_is_enough(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for here, other in twins(cls):
                if given.get(here) in (None, "") and given.get(other) not in (None, ""):
                    given = {**given, here: given[other]}
        return given


@cache
def twins(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Pairs of required fields that hold one text in two languages, each way round."""
    fields = model.model_fields
    pairs = [(en, en[:-2] + "zh") for en in fields if en.endswith("_en") and en[:-2] + "zh" in fields]
    both = [(en, zh) for en, zh in pairs if fields[en].is_required() and fields[zh].is_required()]
    return (*both, *((zh, en) for en, zh in both))


class Row(Told):
    """One row of a table.

    `whole` names columns that a table may leave out, but not single cells of them: who writes down sources does so for every row.
    """

    whole: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def allowed(cls, column: str) -> str:
        """What a cell of this column may hold, in words for help and manual."""
        for rule in cls._rules(column):
            allowed = getattr(rule, "allowed", None)
            if allowed is not None:
                return str(allowed())
        return "keys joined by ;" if str(cls.model_fields[column].annotation).startswith("tuple[") else "text"

    @classmethod
    def choices(cls, column: str) -> tuple[str, ...]:
        """The words of a closed list that a cell of this column is one of; none where there is no such list."""
        return next((rule.words for rule in cls._rules(column) if isinstance(rule, Choice)), ())

    @classmethod
    def _rules(cls, column: str) -> Iterator[object]:
        """What checks the cells of a column."""
        info = cls.model_fields[column]
        inner = [m for part in get_args(info.annotation) for m in getattr(part, "__metadata__", ())]
        yield from (getattr(part, "func", None) for part in (*info.metadata, *inner))


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Table(Generic[R]):
    """The rows of one file, each with the line it starts on."""

    name: str
    file: str
    rows: tuple[R, ...]
    lines: tuple[int, ...]
    readable: bool = True
    """False when the file or its header could not be read: then nothing can be said about what it lacks."""
    spoilt: frozenset[str] = frozenset()
    """first cells (the ids) of rows with a fault: they stand in the file, though not among the rows"""

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def numbered(self) -> Iterator[tuple[int, R]]:
        """Pairs of (line in the file, row)."""
        return zip(self.lines, self.rows, strict=True)

    def ids(self) -> set[str]:
        """What the first column holds, in good rows and in those with a fault."""
        first = next(iter(type(self.rows[0]).model_fields)) if self.rows else ""
        return {str(getattr(row, first)) for row in self.rows} | self.spoilt


def to_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV text safe to open in a spreadsheet: a cell that would be read as a formula gets a leading quote mark.

    Full-width signs begin a formula too, where a spreadsheet speaks Chinese or Japanese.

    >>> to_csv(["a", "b", "c"], [["=1+1", "＝1+1", -5]])
    "a,b,c\\n'=1+1,'＝1+1,-5\\n"
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([quoted(cell) for cell in row] for row in rows)
    return out.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def quoted(cell: object) -> object:
    """A cell as it may stand in a table that a spreadsheet opens: what would be read as a formula begins with a quote mark.

    >>> quoted("=1+1"), quoted("5 > 3"), quoted(-5), quoted(None)
    ("'=1+1", '5 > 3', -5, '')
    """
    if not isinstance(cell, str):
        return "" if cell is None else cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n")
    return "'" + text if unicodedata.normalize("NFKC", text[:1]) in _FORMULA else text


def is_guarded(cell: str) -> bool:
    """Whether the quote mark at the beginning of a cell is there to keep a spreadsheet from reading a formula.

    >>> is_guarded("'=1+1"), is_guarded("'tis so")
    (True, False)
    """
    return cell[:1] == "'" and unicodedata.normalize("NFKC", cell[1:2]) in _FORMULA
