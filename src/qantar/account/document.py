"""Reads the document under test: numbers its sections, paragraphs and sentences.

In: a text in Chinese, English or Russian, as Markdown, plain text, a web page (HTML, MHTML), DOCX or PDF, with or without a table of
contents. Out: a `Document`. The document itself is never stored: a ledger keeps positions, paraphrases and a SHA-256.

How the numbers come about, in this order:

1. headings that the file marks as such, if there are any below the title;
2. else the lines that match the document's own table of contents, under its numbers;
3. else short lines without closing punctuation that stand before a longer text.

What stands before the first section (title, date line, address) is section 0. A block of lines counts as one paragraph a line where most
lines end a sentence, and as one wrapped paragraph otherwise. A row of a table is a paragraph. What of each kind of file is read, and what
is not, is said in the modules `markdown`, `web`, `word` and `pdf`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from qantar.account.blocks import WORDS_MAX, Block, Prose, words_of
from qantar.account.markdown import markdown
from qantar.errors import DataError, fail
from qantar.files.decode import decoded
from qantar.files.text import NO_TEXT, read_bytes

LANGUAGES = ("zh", "en", "ru")
Position = tuple[int, int, int]
"""Section, paragraph, sentence; each paragraph counts from 1 in its section, each sentence from 1 in its paragraph."""


@dataclass(frozen=True)
class Sentence:
    """One sentence at its place, with the `line` on which its paragraph starts.

    A DOCX has no lines: there it is the number of the paragraph in the file, empty ones counted. In a PDF it is the number of the page.
    In a web page it is the line of the file on which the element begins that holds the paragraph.
    """

    position: Position
    text: str
    line: int


@dataclass(frozen=True)
class Section:
    """A numbered section; number 0 is what stands before the first heading."""

    number: int
    title: str
    line: int
    paragraphs: tuple[tuple[Sentence, ...], ...]


@dataclass(frozen=True)
class Document:
    """A document and the numbering of its parts; `encoding` is empty unless it had to be guessed."""

    name: str
    title: str
    language: str
    meta: dict[str, str]
    sections: tuple[Section, ...]
    sha256: str
    text_sha256: str
    encoding: str = ""

    def sentences(self) -> Iterator[Sentence]:
        """All sentences in order."""
        for section in self.sections:
            for paragraph in section.paragraphs:
                yield from paragraph


def read_document(path: Path) -> Document:
    """A document with its sections, paragraphs and sentences numbered; a DataError if the file cannot be read or holds no prose."""
    data = read_bytes(path)
    prose = _prose(path, data)
    if len(prose.words) > WORDS_MAX:
        raise fail(DataError, path, "too_many_letters", value=f"{len(prose.words):,}", high=f"{WORDS_MAX:,}")
    text = words_of(prose.blocks)
    named = prose.meta.get("lang", "")[:2].lower()
    if named not in LANGUAGES and _in_another_script(text):
        raise fail(DataError, path, "other_script")
    language = named if named in LANGUAGES else guess_language(text)
    title, sections = _sections(list(prose.blocks), language)
    if not any(s.paragraphs for s in sections):
        raise fail(DataError, path, "empty_document")
    return Document(
        name=path.name,
        title=prose.meta.get("title") or title or path.stem,
        language=language,
        meta=prose.meta,
        sections=tuple(sections),
        sha256=hashlib.sha256(data).hexdigest(),
        text_sha256=text_hash(prose.words),
        encoding=prose.encoding,
    )


def _prose(path: Path, data: bytes) -> Prose:
    """The text of a file by what it holds; its name only tells a web page that does not begin like one."""
    if b"%PDF-" in data[:1024]:
        from qantar.account.pdf import pdf

        return pdf(path, data)
    if data.startswith(b"PK\x03\x04"):
        from qantar.account.word import docx

        return docx(path, data)
    for kind, marks in NO_TEXT.items():
        if data.startswith(marks):
            raise fail(DataError, path, "office_file", kind=kind)
    from qantar.account.web import archived, is_archive, is_page, page

    if is_archive(data):
        return archived(path, data)
    if is_page(path, data):
        return page(path, data)
    source, encoding = decoded(path, data)
    if _is_json(source):
        raise fail(DataError, path, "office_file", kind="JSON")
    return replace(markdown(source), encoding=encoding)


def _is_json(source: str) -> bool:
    if not source[:200].lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(source)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def text_hash(source: str) -> str:
    """SHA-256 of the words alone: the same whatever the line ends, byte-order mark, trailing blanks or Unicode form.

    >>> text_hash("a \\r\\nb\\n\\n") == text_hash("a\\nb")
    True
    """
    plain = unicodedata.normalize("NFC", source).replace("\r\n", "\n")
    return hashlib.sha256("\n".join(line.rstrip() for line in plain.split("\n")).strip().encode()).hexdigest()


def guess_language(text: str) -> str:
    """`zh`, `ru` or `en`, by the script most letters belong to.

    >>> guess_language("В январе 2022 года"), guess_language("二〇二二年一月"), guess_language("In January 2022")
    ('ru', 'zh', 'en')
    """
    counts = {
        "zh": 3 * len(re.findall(r"[\u4e00-\u9fff]", text)),  # one Chinese character says about as much as three letters
        "ru": len(re.findall(r"[\u0400-\u04ff]", text)),
        "en": len(re.findall(r"[A-Za-z]", text)),
    }
    return max(counts, key=lambda k: counts[k])


def _in_another_script(text: str) -> bool:
    """Whether most letters are neither Chinese nor Latin nor Cyrillic: no sign would be found, and nothing would say so."""
    letters, known = (len(re.findall(p, text)) for p in (r"[^\W\d_]", r"[\u4e00-\u9fffA-Za-z\u00c0-\u024f\u0400-\u04ff]"))
    return 2 * known < letters


_CONTENTS = re.compile(r"目\s*[录錄]|(table of )?contents|содержание|оглавление", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:[（(]?[一二三四五六七八九十]{1,3}[）)、.．]|第[一二三四五六七八九十\d]+[章节部分]|\d{1,2}[.)、．]|[IVX]{1,5}[.)]|"
    r"(?:chapter|part|глава|часть)\s+\w+)\s*",
    re.IGNORECASE,
)
_CLOSING = "。！？!?.…；;：:，,"
ENDS = re.compile(r"[。！？!?.…：:；;][”’』」）)\]\"'»]*$")


def _sections(blocks: list[Block], language: str) -> tuple[str, list[Section]]:
    """The document's title and its sections; a table of contents becomes neither text nor section."""
    is_title = bool(blocks) and blocks[0].level == 1 and sum(b.level == 1 for b in blocks) == 1
    title = blocks[0].lines[0] if is_title else ""
    body = blocks[1:] if is_title else blocks
    contents = _Contents(_contents(body), sum(len(line) <= HEADING_MAX for b in body for line in b.lines))
    # Guess at headings only where the document marks none, or where its table of contents says what they are.
    plain_headings = not any(b.level for b in body) and (bool(contents) or not is_title)
    parts = _Parts(title, blocks[0].places[0] if blocks else 1, language)
    in_contents = False
    for index, block in enumerate(body):
        is_contents_title = bool(_CONTENTS.fullmatch(block.lines[0]))
        if is_contents_title or (in_contents and not block.level and (block.in_list or _is_contents_list(block))):
            in_contents = True
        elif block.level:
            in_contents = False
            parts.open(parts.upcoming, block.lines[0], block.places[0])
        else:
            in_contents = False
            after = body[index + 1] if index + 1 < len(body) else None
            parts.add(parts.strip_headings(block, after, contents) if plain_headings else block)
    return title, parts.sections()


class _Parts:
    """Collects paragraphs under the section that is open."""

    def __init__(self, title: str, line: int, language: str) -> None:
        self.language = language
        self.found: list[tuple[int, str, int, list[tuple[Sentence, ...]]]] = [(0, title, line, [])]

    @property
    def upcoming(self) -> int:
        return len(self.found)

    def open(self, number: int, title: str, line: int) -> None:
        self.found.append((number, title, line, []))

    def strip_headings(self, block: Block, after: Block | None, contents: _Contents) -> Block:
        """Open a section for each heading at the start of a plain block; returns what is left of the block."""
        if block.is_row or (block.in_list and (len(block.lines) > 1 or (after is not None and after.in_list))):
            return block  # a table, or a list, not a numbered heading that Markdown takes for one
        followed = [*block.lines, after.lines[0] if after else ""]
        for k, line in enumerate(block.lines):
            alone = k == len(block.lines) - 1 and after is not None
            number = _heading_number(line, followed[k + 1], contents, self.upcoming, alone=alone)
            if number is None:
                return block.after(k)
            if number >= 0:
                self.open(number, line, block.places[k])
        return block.after(len(block.lines))

    def add(self, block: Block) -> None:
        number, _, _, paragraphs = self.found[-1]
        for text, offset in _paragraphs(block):
            place, sentences = (number, len(paragraphs) + 1), enumerate(split_sentences(text, self.language), 1)
            paragraphs.append(tuple(Sentence((*place, n), s, block.places[offset]) for n, s in sentences))

    def sections(self) -> list[Section]:
        return [Section(number, title, line, tuple(ps)) for number, title, line, ps in self.found if number or ps]


def _is_contents_list(block: Block) -> bool:
    return all(_NUMBERED.match(line) for line in block.lines)


def _contents(blocks: list[Block]) -> list[str]:
    """Entries of the table of contents, without their numbers; empty if there is none."""
    for index, block in enumerate(blocks):
        if _CONTENTS.fullmatch(block.lines[0]):
            entries = list(block.lines[1:])
            if not entries:
                for after in blocks[index + 1 :]:
                    if after.level or not (after.in_list or _is_contents_list(after)):
                        break
                    entries += after.lines
            return [_NUMBERED.sub("", e, count=1).strip() for e in entries]
    return []


HEADING_MAX = 60
"""Characters of a heading, at most."""
COMPARISONS = 50_000
"""Short lines of a document times entries of its contents with which each is compared letter by letter, at most: a few seconds."""


class _Contents:
    """The entries of a table of contents, and which of them a line is."""

    def __init__(self, entries: list[str], short_lines: int) -> None:
        self.entries = [_letters(e) for e in entries]
        self.places = {e: k for k, e in reversed([*enumerate(self.entries)])}
        self.matchers: dict[int, difflib.SequenceMatcher[str]] = {}
        self.reach = max(8, COMPARISONS // max(1, short_lines))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def place(self, line: str, upcoming: int) -> int | None:
        """Number of the entry that a line is, word for word or nearly; None if it is none. Of very many entries only `reach` are tried."""
        letters = _letters(line)
        if letters in self.places:
            return self.places[letters] + 1
        start = max(0, min(upcoming - 1, len(self.entries)) - self.reach // 2)
        found, best = None, 0.6
        for k in range(start, min(start + self.reach, len(self.entries))):
            if k not in self.matchers:
                self.matchers[k] = difflib.SequenceMatcher(None, "", self.entries[k])
            matcher = self.matchers[k]
            matcher.set_seq1(letters)
            if matcher.real_quick_ratio() < best or matcher.quick_ratio() < best:
                continue
            ratio = matcher.ratio()
            if ratio > best or (found is None and ratio >= best):
                found, best = k + 1, ratio
        return found


def _heading_number(line: str, following: str, contents: _Contents, upcoming: int, *, alone: bool) -> int | None:
    """The section number of a plain line, -1 for an unnumbered heading above sections, None for ordinary text.

    `alone` tells that the line is a block of its own with text after it.
    """
    bare = _NUMBERED.sub("", line, count=1).strip()
    if len(line) > HEADING_MAX or not bare:
        return None
    if contents:
        place = contents.place(bare, upcoming)
        if place is not None and place >= upcoming:
            return place
        return -1 if _NUMBERED.match(line) and line[-1] not in _CLOSING else None
    if line[-1] in _CLOSING or re.fullmatch(r"[\d\s./年月日:-]+|https?://\S+", line):
        return None
    marked = alone and (bool(_NUMBERED.match(line)) or line.isupper())
    return upcoming if marked or len(following) > 2 * len(line) else None


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _paragraphs(block: Block) -> list[tuple[str, int]]:
    """Paragraphs of a block, each with the offset of its first line."""
    ends = sum(bool(ENDS.search(line)) for line in block.lines[:-1])
    if not block.in_list and len(block.lines) > 1 and 2 * ends >= len(block.lines) - 1:
        return [(line, offset) for offset, line in enumerate(block.lines)]
    wide = any("\u4e00" <= line[-1] <= "\u9fff" for line in block.lines[:1])  # Chinese lines join without a blank
    return [(("" if wide else " ").join(block.lines), 0)] if block.lines else []


_CHINESE = re.compile(r"(?:（[^（）]*）|[^。！？!?])*(?:[。！？!?]+[”’』」）)】]*|$)")
_SHORT = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|Gen|Col|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|fig|Fig|approx|ca|cf|U\.S|e\.g|i\.e|p|pp)|"
    r"\b(?:г|гг|т\.е|т\.д|т\.п|ул|им|тыс|руб|см|стр|чел|др|пр)|\b[A-ZА-ЯЁ])\.$"
)

_SHORT_MAX = 12
"""Characters of an abbreviation, at most."""


def split_sentences(text: str, language: str) -> list[str]:
    """Sentences of a paragraph.

    >>> split_sentences("It began on 2 Jan. 2022. Mr. X left!  Then?", "en")
    ['It began on 2 Jan. 2022.', 'Mr. X left!', 'Then?']
    >>> split_sentences("他说：“走（！）吧。”然后走了", "zh")
    ['他说：“走（！）吧。”', '然后走了']
    """
    if language == "zh":
        return [s.strip() for s in _CHINESE.findall(text) if s.strip()]
    found: list[str] = []
    parts: list[str] = []
    for piece in re.split(r"(?<=[.!?…])[\"'”’»)]*\s+(?=[\"'“‘«(]*[A-ZА-ЯЁ\d])", text):
        if parts and not _SHORT.search(parts[-1], max(0, len(parts[-1]) - _SHORT_MAX)):
            found.append(" ".join(parts))
            parts = []
        if parts or piece.strip():
            parts.append(piece if parts else piece.strip())
    return [*found, " ".join(parts)] if parts else found
