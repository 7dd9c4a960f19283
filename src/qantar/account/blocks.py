"""What every reader of a document gives: blocks of text in their order, each line with its place in the file.

In: the text a reader found. Out: `Prose`, a run of `Block`s and what the file says of itself. Sections, paragraphs and sentences are
counted from these alone, so that a text is numbered alike whatever kind of file it came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qantar.files.cells import printable

WORDS_MAX = 500_000
"""Characters of a text that is read: a book of two hundred pages, and within seconds."""


@dataclass(frozen=True)
class Block:
    """A heading (`level` 1 to 6) or a run of text lines (`level` 0), with the place of each line: a line, a paragraph or a page."""

    level: int
    lines: tuple[str, ...]
    places: tuple[int, ...]
    in_list: bool = False
    is_row: bool = False

    def after(self, k: int) -> Block:
        """What is left without its first lines."""
        return Block(self.level, self.lines[k:], self.places[k:], self.in_list, self.is_row)


@dataclass(frozen=True)
class Prose:
    """The text of a file.

    `words` is what the hash of the text is taken of, `meta` what the file says of itself (`title`, `lang`, `date`), `encoding` the guess
    that was made where the file does not say in what encoding it is.
    """

    blocks: tuple[Block, ...]
    words: str
    meta: dict[str, str] = field(default_factory=dict)
    encoding: str = ""


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064]")
"""Soft hyphens, blanks and joiners of no width, marks of direction: texts from web pages hold them inside words and names."""


def blocks_of(level: int, lines: Iterable[tuple[str, int]], in_list: bool = False) -> Iterator[Block]:
    """Blocks of the lines of one element; an indent of ideographic spaces, as Chinese texts use it, begins a new one."""
    found: list[tuple[str, int]] = []
    for raw, place in lines:
        clean = _INVISIBLE.sub("", printable(raw)).strip()
        if found and raw.startswith("\u3000"):
            yield _block(level, found, in_list)
            found = []
        if clean:
            found.append((clean, place))
    if found:
        yield _block(level, found, in_list)


def _block(level: int, found: Sequence[tuple[str, int]], in_list: bool) -> Block:
    return Block(level, tuple(line for line, _ in found), tuple(place for _, place in found), in_list)


CELL_MAX = 120
"""Characters of a cell of a table that is read as one line with its row; a longer one is a text that a table only arranges."""


def row_of(cells: Sequence[Sequence[Block]]) -> list[Block]:
    """A row of a table: one line where each cell holds a few words, else the blocks of its cells one after another."""
    full = [cell for cell in cells if cell]
    if len(full) < 2 or not all(_is_short(cell) for cell in full):
        return [block for cell in full for block in cell]
    line = " | ".join(cell[0].lines[0] for cell in full)
    return [Block(0, (line,), (full[0][0].places[0],), in_list=True, is_row=True)]


def _is_short(cell: Sequence[Block]) -> bool:
    return len(cell) == 1 and not cell[0].level and len(cell[0].lines) == 1 and len(cell[0].lines[0]) <= CELL_MAX


def words_of(blocks: Iterable[Block]) -> str:
    """The words of blocks, a line each."""
    return "\n".join(line for block in blocks for line in block.lines)
