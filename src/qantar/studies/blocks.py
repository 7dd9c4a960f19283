"""What a study tells: sentences, tables and figures that know no language and no screen. Terminal and page draw the same ones.

In: stored results. Out: blocks whose words are keys of the catalogue, or pairs in both languages where a case brings its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from qantar.forecast.scores import SEPARATED
from qantar.messages import LANGUAGES, catalogue, text
from qantar.scenario.scenario import Scenario

Pair: TypeAlias = tuple[str, str]
"""The same in English and Chinese."""


@dataclass(frozen=True)
class Named:
    """What has a name of its own in the program, and what that means in words: the terminal shows the name, the page both."""

    name: str
    meaning: Pair


Cell: TypeAlias = str | Pair | Named


def pair(key: str, **args: object) -> Pair:
    """A message of the catalogue in both languages; an argument that differs between them is a pair.

    >>> pair("verdict.partly")
    ('partly right', '部分相符')
    """
    en, zh = (text(key, lang, **{k: in_language(v, lang) for k, v in args.items()}) for lang in LANGUAGES)
    return en, zh


def in_language(cell: Any, lang: str) -> Any:
    """A cell as one language reads it.

    >>> in_language(("day", "日"), "zh"), in_language("1.5", "zh")
    ('日', '1.5')
    """
    if isinstance(cell, Named):
        return cell.name
    return cell[LANGUAGES.index(lang)] if isinstance(cell, tuple) else cell


def joined(cells: Sequence[Cell], separator: Cell = "") -> Pair:
    """Cells as one, in both languages.

    >>> joined(["H05 ", pair("verdict.partly")]), joined(["a", "b"], pair("report.comma"))
    (('H05 partly right', 'H05 部分相符'), ('a, b', 'a、b'))
    """
    en, zh = (in_language(separator, lang).join(in_language(cell, lang) for cell in cells) for lang in LANGUAGES)
    return en, zh


def label(group: str, name: str) -> Cell:
    """The word for a name in a table; the name itself where the catalogue has none."""
    key = f"{group}.{name.replace(' ', '_')}"
    return pair(key) if key in catalogue("en") else name


@dataclass(frozen=True)
class Sentence:
    """A paragraph.

    `role`: "lead" stands beside the heading, "warn" is a caution, "note" is small print, "head" heads what follows, "stamp" says what the
    next table holds for.
    """

    words: Cell
    role: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds numbers, and whether it takes what is left of the width of a terminal."""

    head: Cell
    number: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading. `look`: "named" where rows have names, "features" where they have texts.

    `anchor`: what that heading leads to on a page that has it, before the heading itself.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: Cell = ""
    look: str = "named"
    anchor: str = ""


@dataclass(frozen=True)
class Intervals:
    """A mark a row with an interval: (value, half its width or None, whether it stands apart); None where nothing is known."""

    names: Sequence[Cell]
    marks: Sequence[tuple[float, float | None] | None]


@dataclass(frozen=True)
class Shares:
    """Two intervals a row, alone and in all: low, value, high."""

    names: Sequence[Cell]
    series: Mapping[str, Sequence[tuple[float, float, float] | None]]


@dataclass(frozen=True)
class Evenings:
    """Probabilities day by day: ordinals of days, days that were followed, thresholds; for each series (probability, low, high) or None."""

    days: Sequence[int]
    followed: Sequence[bool]
    thresholds: Sequence[float]
    series: Mapping[str, Sequence[tuple[float, float | None, float | None] | None]]


@dataclass(frozen=True)
class Forest:
    """Effects in smallest effects that count, by what they rest on: number of the row, low, middle, high."""

    names: Sequence[Cell]
    series: Mapping[str, Sequence[tuple[int, float, float, float]]]


Plot: TypeAlias = Intervals | Shares | Evenings | Forest


@dataclass(frozen=True)
class Figure:
    """A drawing with its table beside it; title and text are `report.figure.NAME.*`, its axis `report.axis.NAME`."""

    name: str
    plot: Plot
    table: Table


Block: TypeAlias = Sentence | Table | Figure


def scale_words(scale: float) -> Pair:
    """How many residents are simulated, in words.

    >>> scale_words(0.1)[0]
    '1:10 model, counts multiplied back'
    """
    return pair("out.scale_full") if scale == 1 else pair("out.scale_part", n=f"{1 / scale:g}")


def arm_name(key: str, scenario: Scenario | None) -> Pair:
    """What a reader calls an arm; its key where it has no name."""
    short, arm = key.removeprefix("rival-"), scenario.file.arms.get(key) if scenario else None
    return (short, short) if arm is None else (arm.name_en or short, arm.name_zh or short)


def arm_note(key: str, scenario: Scenario | None) -> Pair:
    """What an arm says; its key where there is none of that name."""
    arm = scenario.file.arms.get(key) if scenario else None
    return (key, key) if arm is None else (arm.note_en, arm.note_zh)


# --- cells from text -----------------------------------------------------------------------------------------------------------

Row: TypeAlias = Mapping[str, str]


def number(cell: str, digits: int = 2) -> str:
    """A cell as it is read; a dash where there is nothing.

    >>> number("-0.123"), number("")
    ('−0.12', '–')
    """
    return "–" if cell == "" else f"{float(cell):.{digits}f}".replace("-", "−")


def within(value: str, low: str, high: str, digits: int = 2) -> str:
    """A value with its interval."""
    if value == "" or low == "":
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def around(row: Row, mean: str, se: str, digits: int = 2) -> str:
    """A mean with two standard errors either way."""
    if row[mean] == "":
        return "–"
    if row[se] == "":
        return number(row[mean], digits)
    low, high = (str(float(row[mean]) + s * SEPARATED * float(row[se])) for s in (-1, 1))
    return within(row[mean], low, high, digits)


def percent(value: str, low: str = "", high: str = "") -> str:
    """A share in percent, with its interval if it has one.

    >>> percent("0.123"), percent("0.004", "0", "0.01")
    ('12\\xa0%', '0.4\\xa0% [0, 1.0]')
    """

    def hundred(cell: str) -> str:
        x = 100 * float(cell)
        return f"{x:.0f}" if x >= 10 or x == 0 else f"{x:.1f}"

    if value == "":
        return "–"
    return f"{hundred(value)}\u00a0%" + (f" [{hundred(low)}, {hundred(high)}]" if low != "" else "")


def calendar_day(cell: str) -> Pair:
    """A date in words.

    >>> calendar_day("2022-01-03")
    ('3 January 2022', '2022年1月3日')
    """
    date = dt.date.fromisoformat(cell)
    return f"{date.day} {date:%B %Y}", f"{date.year}年{date.month}月{date.day}日"


def told_apart(cell: str) -> Pair:
    """Whether two standard errors tell a row from what it is compared with, in words."""
    return pair("heldout.separated" if cell == "1" else "heldout.not_separated")


def mark(row: Row, mean: str, se: str) -> tuple[float, float | None] | None:
    """What `Intervals` draws of a row: a mean, and two standard errors."""
    return None if row[mean] == "" else (float(row[mean]), None if row[se] == "" else SEPARATED * float(row[se]))
