"""Reads the text of a PDF as blocks.

In: the bytes of a file. Out: `Prose`; the place of a line is its page. A PDF knows no paragraphs, only lines of letters. Lines that stand
at the edge of page after page are left out, words broken at the end of a line are joined, and a paragraph ends where a line does that
ends a sentence and leaves room. Nothing in the file is run.
"""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qantar.account.blocks import WORDS_MAX, Prose, blocks_of, words_of
from qantar.errors import DataError, fail

PAGES_MAX = 1_000
"""Pages of a file that is read."""
EDGE = 2
"""Lines at the top and at the foot of a page that may be no text."""
REPEATED = 3
"""Pages on which a line at the edge stands, figures aside, that is no text."""
UNREADABLE = 0.2
"""Share of letters without a name from which on the text is none."""
TAIL = 60
"""Letters at the end of a line that are looked at for a broken word or the end of a sentence: as long as any word."""
Line = tuple[str, int]
"""A line and its page."""


def pdf(path: Path, data: bytes) -> Prose:
    """The text of a PDF; a DataError if the file is damaged or locked, or holds only pictures of text."""
    pages = _pages(path, data)
    words = "".join("".join(page).replace(" ", "") for page in pages)
    strange = sum(1 for c in words if c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or (c < " " and c != "\t"))
    if not any(c.isalpha() for c in words) or strange > UNREADABLE * len(words):
        raise fail(DataError, path, "no_words_in_pages", pages=len(pages))
    lines = [(line, number) for number, page in enumerate(_without_edges(pages), 1) for line in page]
    blocks = tuple(block for text, page in _paragraphs(lines) for block in blocks_of(0, [(text, page)]))
    return Prose(blocks, words_of(blocks))


def _pages(path: Path, data: bytes) -> list[list[str]]:
    """The lines of each page, as the file draws them."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it makes of a damaged file is nothing a reader can mend
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted
        many = 0 if locked else len(reader.pages)
        pages = [] if locked or many > PAGES_MAX else _read(reader)
    except Exception as error:  # a damaged file ends in any error there is, also those of Python itself
        raise fail(DataError, path, "broken_document", kind="PDF", reason=str(error) or type(error).__name__) from None
    if locked:
        raise fail(DataError, path, "locked_document")
    if many > PAGES_MAX:
        raise fail(DataError, path, "too_many_pages", value=many, high=PAGES_MAX)
    return pages


def _read(reader: Any) -> list[list[str]]:
    """The lines of each page, until there are far more than a document may have."""
    pages, size = list[list[str]](), 0
    for page in reader.pages:
        text = page.extract_text()
        pages.append(text.split("\n"))
        size += len(text)
        if size > 2 * WORDS_MAX:
            break
    return pages


_PAGE_NUMBER = re.compile(r"\W*(?:(?:page|p\.|стр\.?|страница|第)\s*)?#(?:\s*(?:/|of|из|页)\s*#?)?\W*", re.IGNORECASE)


def _without_edges(pages: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The pages without running heads, running feet and page numbers."""
    found = Counter(mark for page in pages for mark in {_mark(line) for line in _edges(page)})
    often = min(REPEATED, max(2, len(pages)))

    def is_edge(line: str) -> bool:
        mark = _mark(line)
        return not mark or (len(mark) < TAIL and bool(_PAGE_NUMBER.fullmatch(mark))) or found[mark] >= often

    for page in pages:
        lines = list(page)
        for end in (0, -1):
            for _ in range(EDGE):
                while lines and not lines[end].strip():
                    lines.pop(end)
                if lines and is_edge(lines[end]):
                    lines.pop(end)
        yield lines


def _edges(page: Sequence[str]) -> list[str]:
    full = [line for line in page if line.strip()]
    return [*full[:EDGE], *full[max(EDGE, len(full) - EDGE) :]]


def _mark(line: str) -> str:
    """A line as it is on every page, its figures aside."""
    return re.sub(r"\d+", "#", " ".join(line.lower().split()))


_CLOSED = re.compile(r"[。！？!?.…：:；;][”’』」）)\]\"'»]*(?:\[?\d{0,3}\]?)$")
_BULLET = re.compile(r"\s*(?:[•‣▪●○◦■–—*-]\s|[（(]?\d{1,2}[.)）、]\s)")
_BEGINS = re.compile(r"\s*[\"“«「『(（\[]*[A-ZА-ЯЁ\d\u4e00-\u9fff]")


def _paragraphs(lines: Sequence[Line]) -> Iterator[Line]:
    """Lines joined to paragraphs, each with the page on which it begins."""
    sizes = sorted(len(text.strip()) for text, _ in lines if text.strip())
    width = sizes[-1 - len(sizes) // 10] if sizes else 0
    compounds = {word.lower() for text, _ in lines for word in re.findall(r"\b\w+-\w+", text)}
    open_: list[Line] = []
    blank = False
    for text, page in lines:
        if not text.strip():
            blank = True
            continue
        if open_ and _ends(open_[-1], (text, page), width, blank):
            yield _joined(open_, compounds)
            open_ = []
        open_.append((text, page))
        blank = False
    if open_:
        yield _joined(open_, compounds)


def _ends(above: Line, here: Line, width: int, blank: bool) -> bool:
    """Whether a paragraph ends between two lines."""
    text = above[0].strip()
    closed = bool(_CLOSED.search(text[-TAIL:]))
    if blank and above[1] == here[1] and (closed or len(text) < 0.75 * width):
        return True
    if closed:
        return len(text) < 0.85 * width or here[0].startswith(("   ", "\u3000")) or bool(_BULLET.match(here[0]))
    return len(text) < 0.6 * width and bool(_BEGINS.match(here[0]))


_KEPT = re.compile(r"(?:^|\W)(?:по|кое|из|во|в)-$|-(?:то|либо|нибудь|таки|за|под)(?:\W|$)", re.IGNORECASE)
"""Russian words that are written with a hyphen wherever they stand."""


def _joined(lines: Sequence[Line], compounds: set[str]) -> Line:
    parts = [lines[0][0].strip()]
    for raw, _ in lines[1:]:
        here = raw.strip()
        parts[-1], between = _seam(parts[-1], here, compounds)
        parts += [between, here] if between else [here]
    return "".join(parts), lines[0][1]


def _seam(above: str, here: str, compounds: set[str]) -> tuple[str, str]:
    """The line above as it goes on in the next, and what stands between: a hyphen goes unless the word has one elsewhere too."""
    if above.endswith("\u00ad"):
        return above[:-1], ""
    left, right = re.search(r"(\w+)[-\u2010]$", above[-TAIL:]), re.match(r"[a-zа-яё]\w{0,60}", here)
    if left and right:
        kept = f"{left[1]}-{right[0]}".lower() in compounds or _KEPT.search(f"{left[1]}-") or _KEPT.match(f"-{right[0]}")
        return above if kept else above[:-1], ""
    wide = "\u2e80" <= above[-1] <= "\uffef" and "\u2e80" <= here[0] <= "\uffef"
    return above, "" if wide else " "
