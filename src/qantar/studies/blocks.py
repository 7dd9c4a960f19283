"""What a study tells: sentences, tables and figures that know no language and no screen. Terminal and page draw the same ones.

In: stored results. Out: blocks whose words are keys of the catalogue, or pairs in both languages where a case brings its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from qantar.messages import LANGUAGES, catalogue, text

Pair: TypeAlias = tuple[str, str]
"""The same in English and Chinese."""


@dataclass(frozen=True)
class Named:
    """What has a name of its own in the program, and what that means in words: the terminal shows the name, the page both."""

    name: str
    meaning: Pair


Cell: TypeAlias = str | Pair | Named
Row: TypeAlias = Mapping[str, str]
"""A row of a stored table."""


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
    keys = (f"{group}.{name}", f"{group}.{name.replace(' ', '_')}")
    return next((pair(key) for key in keys if key in catalogue("en")), name)


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


def heads(group: str, keys: Iterable[str], words: Collection[str] = ()) -> list[Column]:
    """Columns with the headings `GROUP.KEY` of the catalogue; all hold numbers but those in `words`."""
    return [Column(pair(f"{group}.{key}"), number=key not in words) for key in keys]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading. `look`: "named" where rows have names, "features" where they have texts.

    `anchor`: what that heading leads to on a page that has it, before the heading itself.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: Cell = ""
    look: str = "named"
    anchor: str | None = None


@dataclass(frozen=True)
class Intervals:
    """A mark a row with an interval: (value, half its width or None, whether it stands apart); None where nothing is known."""

    names: Sequence[Cell]
    marks: Sequence[tuple[float, float | None] | None]


@dataclass(frozen=True)
class Shares:
    """Two intervals a row, each series under its words: low, value, high; None where nothing is known."""

    names: Sequence[Cell]
    series: Sequence[tuple[Pair, Sequence[tuple[float, float, float] | None]]]


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


@dataclass(frozen=True)
class Bands:
    """A tug of war, a row each: lowest, best and highest weight in decibel; negative pulls to the first end, positive to the second."""

    names: Sequence[Cell]
    bands: Sequence[tuple[float, float, float]]
    ends: tuple[Cell, Cell]


@dataclass(frozen=True)
class Node:
    """A box of a diagram: its name, what it says, its state in words and as one of `in`, `out`, `undecided`.

    `to`: where it leads, if not to its name on the page.
    """

    name: str
    says: Pair
    state: Pair
    label: str
    to: str = ""


@dataclass(frozen=True)
class Arrow:
    """From one node to another; `label` as of nodes, `linked` if it holds only together with others."""

    start: str
    end: str
    label: str
    linked: bool


@dataclass(frozen=True)
class Diagram:
    """Nodes and arrows between them."""

    nodes: Sequence[Node]
    arrows: Sequence[Arrow]


Plot: TypeAlias = Intervals | Shares | Evenings | Forest | Bands | Diagram


@dataclass(frozen=True)
class Figure:
    """A drawing with its table beside it; title and text are `report.figure.NAME.*`, its axis `report.axis.NAME`.

    `number` tells several of one name apart.
    """

    name: str
    plot: Plot
    table: Table
    number: int = 0


Block: TypeAlias = Sentence | Table | Figure
