"""Reads the document under test: numbers its sections, paragraphs and sentences.

In: any Markdown or text file in UTF-8, in Chinese, English or Russian, with or without front matter or a table of contents. Out: a
`Document`. The document itself is never stored: a ledger keeps positions, paraphrases and a SHA-256.

How the numbers come about, in this order:

1. headings of Markdown, if there are any below the title;
2. else the lines that match the document's own table of contents, under its numbers;
3. else short lines without closing punctuation that stand before a longer text.

What stands before the first section (title, date line, address) is section 0. Code blocks are not read; HTML tags are dropped, a style or
a script with what stands in it. A block of lines counts as one paragraph a line where most lines end a sentence, and as one wrapped
paragraph otherwise.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from qantar.errors import DataError, fail
from qantar.files.cells import printable
from qantar.files.read import DOCUMENT_MAX, read_bytes, read_text

LANGUAGES = ("zh", "en", "ru")
Position = tuple[int, int, int]
"""Section, paragraph, sentence; each paragraph counts from 1 in its section, each sentence from 1 in its paragraph."""


@dataclass(frozen=True)
class Sentence:
    """One sentence at its place, with the line of the file on which its paragraph starts."""

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
    """A document and the numbering of its parts."""

    name: str
    title: str
    language: str
    meta: dict[str, str]
    sections: tuple[Section, ...]
    sha256: str
    text_sha256: str

    def sentences(self) -> Iterator[Sentence]:
        """All sentences in order."""
        for section in self.sections:
            for paragraph in section.paragraphs:
                yield from paragraph


def read_document(path: Path) -> Document:
    """A document with its sections, paragraphs and sentences numbered; a DataError if the file cannot be read or is no prose in UTF-8."""
    source = read_text(path, DOCUMENT_MAX)
    if kind := _no_prose(source):
        raise fail(DataError, path, "office_file", kind=kind)
    meta, body, first_line = _front_matter(source)
    named = meta.get("lang", "")[:2].lower()
    if named not in LANGUAGES and _in_another_script(body):
        raise fail(DataError, path, "other_script")
    language = named if named in LANGUAGES else guess_language(body)
    blocks = list(_blocks(body, first_line))
    title, sections = _sections(blocks, language)
    if not any(s.paragraphs for s in sections):
        raise fail(DataError, path, "empty_document")
    return Document(
        name=path.name,
        title=meta.get("title") or title or path.stem,
        language=language,
        meta=meta,
        sections=tuple(sections),
        sha256=hashlib.sha256(read_bytes(path, DOCUMENT_MAX)).hexdigest(),
        text_sha256=text_hash(source),
    )


def _no_prose(source: str) -> str:
    """What kind of file a text is that no person reads as it stands; empty for prose."""
    start = source[:200].lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        return "HTML"
    if not start.startswith(("{", "[")):
        return ""
    try:
        json.loads(source)
    except RecursionError:
        return "JSON"
    except ValueError:
        return ""
    return "JSON"


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


def _front_matter(source: str) -> tuple[dict[str, str], str, int]:
    """Keys of a leading `---` block, the body, and the line on which the body starts."""
    match = re.match(r"(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n\1[ \t]*(?:\r?\n|$)", source, re.DOTALL)
    if not match:
        return {}, source, 1
    pairs = (re.match(r"([\w-]+)\s*[:=]\s*(.*)", line) for line in match.group(2).splitlines())
    meta = {p.group(1).lower(): p.group(2).strip().strip("\"'") for p in pairs if p}
    return meta, source[match.end() :], match.group(0).count("\n") + 1


@dataclass(frozen=True)
class _Block:
    """A Markdown heading (`level` 1 to 6) or a run of text lines (`level` 0)."""

    level: int
    lines: tuple[str, ...]
    line: int
    in_list: bool = False


def _blocks(body: str, first_line: int) -> Iterator[_Block]:
    level, line, depth, number = 0, first_line, 0, ""
    for token in MarkdownIt("commonmark").disable("code").parse(_RAISED.sub(r"[\1]", body)):
        if token.type in ("list_item_open", "list_item_close"):
            depth += token.nesting
            number = f"{token.info}{token.markup} " if token.info else ""
        if token.type in ("heading_open", "paragraph_open"):
            level = int(token.tag[1]) if token.type == "heading_open" else 0
            line = first_line + (token.map[0] if token.map else 0)
        elif token.type == "inline":
            yield from _split_indented(level, number + _inline_text(token.children or []), line, depth > 0)
            number = ""
        elif token.type == "html_block":
            bare = _HTML.sub(lambda m: _in_place_of(m.group(0)), token.content)
            if bare.strip():
                yield from _split_indented(0, bare, first_line + (token.map[0] if token.map else 0), depth > 0)


_RAISED = re.compile(r"<sup\b[^<>]*>(\d{1,4})</sup>", re.IGNORECASE)
"""The number of a note, which without its tags would end the word or the number before it."""
_HTML = re.compile(r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1\s*>|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
"""What of HTML is not read: comments, programs and styles as a whole, of all else the tags."""
_UNREAD = re.compile(r"<(/?)(?:script|style)\b", re.IGNORECASE)


def _in_place_of(html: str) -> str:
    """What stands for HTML that is not read: the ends of its lines, so that lines are counted on, or the blank that a <br> is.

    >>> _in_place_of("<b>"), _in_place_of("<br/>"), _in_place_of("<!-- a\\nb -->")
    ('', ' ', '\\n')
    """
    return "\n" * html.count("\n") or (" " if html[:3].lower() == "<br" else "")


def _inline_text(tokens: Sequence[Token]) -> str:
    """The text of a paragraph, without tags and without what stands in a program or a style."""
    parts, unread = list[str](), False
    for token in tokens:
        text = "\n" if token.type in ("softbreak", "hardbreak") else token.content
        is_html = token.type == "html_inline"
        if is_html and (tag := _UNREAD.match(text)):
            unread = not tag[1]
        parts.append(_in_place_of(text) if is_html or unread else text)
    return "".join(parts)


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064]")
"""Soft hyphens, blanks and joiners of no width, marks of direction: texts from web pages hold them inside words and names."""


def _split_indented(level: int, text: str, line: int, in_list: bool) -> Iterator[_Block]:
    """The lines of one Markdown block; an indent of ideographic spaces, as Chinese texts use it, begins a new one."""
    lines: list[str] = []
    start = line
    for number, raw in enumerate(text.split("\n")):
        clean = _INVISIBLE.sub("", printable(raw)).strip()
        if lines and raw.startswith("\u3000"):
            yield _Block(level, tuple(lines), start, in_list)
            lines = []
        if clean:
            start = start if lines else line + number
            lines.append(clean)
    if lines:
        yield _Block(level, tuple(lines), start, in_list)


_CONTENTS = re.compile(r"目\s*[录錄]|(table of )?contents|содержание|оглавление", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:[（(]?[一二三四五六七八九十]{1,3}[）)、.．]|第[一二三四五六七八九十\d]+[章节部分]|\d{1,2}[.)、．]|[IVX]{1,5}[.)]|"
    r"(?:chapter|part|глава|часть)\s+\w+)\s*",
    re.IGNORECASE,
)
_CLOSING = "。！？!?.…；;：:，,"
ENDS = re.compile(r"[。！？!?.…：:；;][”’』」）)\]\"'»]*$")


def _sections(blocks: list[_Block], language: str) -> tuple[str, list[Section]]:
    """The document's title and its sections; a table of contents becomes neither text nor section."""
    is_title = bool(blocks) and blocks[0].level == 1 and sum(b.level == 1 for b in blocks) == 1
    title = blocks[0].lines[0] if is_title else ""
    body = blocks[1:] if is_title else blocks
    contents = _Contents(_contents(body), sum(len(line) <= HEADING_MAX for b in body for line in b.lines))
    # Guess at headings only where the document marks none, or where its table of contents says what they are.
    plain_headings = not any(b.level for b in body) and (bool(contents) or not is_title)
    parts = _Parts(title, blocks[0].line if blocks else 1, language)
    in_contents = False
    for index, block in enumerate(body):
        is_contents_title = bool(_CONTENTS.fullmatch(block.lines[0]))
        if is_contents_title or (in_contents and not block.level and (block.in_list or _is_contents_list(block))):
            in_contents = True
        elif block.level:
            in_contents = False
            parts.open(parts.upcoming, block.lines[0], block.line)
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

    def strip_headings(self, block: _Block, after: _Block | None, contents: _Contents) -> _Block:
        """Open a section for each heading at the start of a plain block; returns what is left of the block."""
        if block.in_list and (len(block.lines) > 1 or (after is not None and after.in_list)):
            return block  # a list, not a numbered heading that Markdown takes for one
        followed = [*block.lines, after.lines[0] if after else ""]
        for k, line in enumerate(block.lines):
            alone = k == len(block.lines) - 1 and after is not None
            number = _heading_number(line, followed[k + 1], contents, self.upcoming, alone=alone)
            if number is None:
                return _Block(0, block.lines[k:], block.line + k, block.in_list)
            if number >= 0:
                self.open(number, line, block.line + k)
        return _Block(0, (), block.line + len(block.lines), block.in_list)

    def add(self, block: _Block) -> None:
        number, _, _, paragraphs = self.found[-1]
        for text, offset in _paragraphs(block):
            place, sentences = (number, len(paragraphs) + 1), enumerate(split_sentences(text, self.language), 1)
            paragraphs.append(tuple(Sentence((*place, n), s, block.line + offset) for n, s in sentences))

    def sections(self) -> list[Section]:
        return [Section(number, title, line, tuple(ps)) for number, title, line, ps in self.found if number or ps]


def _is_contents_list(block: _Block) -> bool:
    return all(_NUMBERED.match(line) for line in block.lines)


def _contents(blocks: list[_Block]) -> list[str]:
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


def _paragraphs(block: _Block) -> list[tuple[str, int]]:
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
