"""Reads a web page as blocks: an HTML file, or a page saved as one file with all it shows (MHTML).

In: the bytes of a file. Out: `Prose`; the place of a line is the line of the file on which its element begins. The page is parsed, never
read as text, and nothing is fetched or run. Read is what a browser shows without its programs, and of a page that marks its text
(`article`, `main`) only that: no navigation, no side column, no foot. What a style sheet hides is read, as style sheets are not; what the
element itself hides is not, nor are numbers that a browser puts before the items of a list.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qantar.account.blocks import Block, Prose, blocks_of, row_of, words_of
from qantar.errors import DataError, fail
from qantar.files.decode import decoded

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

DEPTH_MAX = 256
"""Elements inside each other, at most: where the parser stops."""
_PAGES = (".html", ".htm", ".xhtml")
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(
    rb"<meta\b[^>]{0,200}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,100}?\bencoding\s*=\s*[\"']([\w.:-]{1,40})", re.IGNORECASE
)
_ARCHIVE = re.compile(rb"(?:From|Subject|Date|MIME-Version|Content-Type|Snapshot-Content-Location|X-[\w-]+):", re.IGNORECASE)


def is_page(path: Path, data: bytes) -> bool:
    """Whether a file is HTML: it begins like a page, also in UTF-16, or is called one."""
    start = data[:4000]
    return path.suffix.lower() in _PAGES or bool(_START.match(start) or _START.match(start.lstrip(b"\xff\xfe").replace(b"\0", b"")))


def is_archive(data: bytes) -> bool:
    """Whether a file is MHTML."""
    head = re.split(rb"\r?\n\r?\n", data[:8000], maxsplit=1)[0]
    return (
        bool(_ARCHIVE.match(head))
        and re.search(rb"^content-type:\s*(multipart/related|text/html)", head, re.IGNORECASE | re.MULTILINE) is not None
    )


def archived(path: Path, data: bytes) -> Prose:
    """The text of the page in an MHTML file: its first part of HTML."""
    from email import message_from_bytes
    from email.message import Message

    try:
        parts = list(message_from_bytes(data).walk())
    except RecursionError:  # parts inside parts without end
        raise fail(DataError, path, "too_deep", high=DEPTH_MAX) from None
    for part in parts:
        body = part.get_payload(decode=True) if part.get_content_type() in ("text/html", "application/xhtml+xml") else None
        if isinstance(body, bytes):
            charset = part.get_content_charset("") if isinstance(part, Message) else ""
            return page(path, body, charset)
    raise fail(DataError, path, "broken_document", kind="MHTML", reason="no text/html")


def page(path: Path, data: bytes, charset: str = "") -> Prose:
    """The text of a page; its encoding is `charset`, if one came with it, or what the page names."""
    named = _NAMED.search(data[:4000])
    said = charset or (next(filter(None, named.groups())).decode("ascii") if named else "")
    source, encoding = decoded(path, data, said)
    root = _tree(path, source)
    reader = _Reader()
    for part in _told(root):
        reader.element(part)
    reader.flush()
    blocks = tuple(reader.blocks)
    return Prose(blocks, words_of(blocks), _meta(root, blocks), encoding)


def _tree(path: Path, source: str) -> Element:
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:  # nothing in it at all
        raise fail(DataError, path, "broken_document" if source.strip() else "empty_document", kind="HTML", reason=error.msg) from None
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):  # what follows is missing from the tree
        raise fail(DataError, path, "too_deep", high=DEPTH_MAX)
    if root is None:
        raise fail(DataError, path, "empty_document")
    return root


def _told(root: Element) -> list[Element]:
    """The elements that hold the text of a page.

    Of several articles one is the text if it is longer than all others together, which then announce other texts.
    """
    mains = [e for e in root.iter("main", "article", "div") if e.tag == "main" or e.get("role") == "main"]
    area = mains[:1] or [root]
    articles = [e for e in area[0].iter("article") if not any(a.tag == "article" for a in e.iterancestors())]
    if articles:
        sizes = [len(" ".join("".join(map(str, e.itertext())).split())) for e in articles]
        if 2 * max(sizes) > sum(sizes):
            longest = articles[sizes.index(max(sizes))]
            around = len(" ".join("".join(map(str, area[0].itertext())).split())) if mains else 0
            return [longest] if 2 * max(sizes) > around else area
        if not mains:
            return articles
    return area


def _meta(root: Element, blocks: tuple[Block, ...]) -> dict[str, str]:
    """Title and date that a page states. Its language is not asked: many templates say English whatever is written in them."""
    said = {str(e.get("property") or e.get("name") or "").lower(): str(e.get("content") or "").strip() for e in root.iter("meta")}
    headings = [block.lines[0] for block in blocks if block.level == 1]
    title = headings[0] if len(headings) == 1 else said.get("og:title") or " ".join((root.findtext(".//title") or "").split())
    date = said.get("article:published_time") or said.get("date") or said.get("dc.date") or ""
    return {key: value for key, value in (("title", title), ("date", date)) if value}


_SKIPPED = re.compile(
    "script|style|template|noscript|head|svg|canvas|object|embed|iframe|audio|video|button|select|option|datalist|textarea|input|nav|rt|rp|"
    "annotation"
)
"""Elements that are never text of a page: programs, styles, forms, players, menus, readings above a line."""
_ASIDE = frozenset(("aside", "footer"))
"""Elements of an article or main part that belong to the page rather than to the text, unless they hold notes."""
_HIDDEN = frozenset(("mw-editsection", "noprint", "sr-only", "visually-hidden", "screen-reader-text"))
"""Classes by which pages mark what is not shown."""
_INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|math|mi|mn|mo|mrow|q|ruby|rb|s|samp|small|span|"
    "strike|strong|sub|sup|time|tt|u|var|wbr"
)
_NONE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_NOTES = re.compile(r"footnote|endnote|doc-(?:foot|end)note", re.IGNORECASE)


class _Reader:
    """Goes through a page in order and gathers its blocks."""

    def __init__(self, in_list: bool = False) -> None:
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.level = 0
        self.line = 1
        self.in_list = in_list
        self.verbatim = False
        self.in_text = False
        """Whether this is inside an article or a main part, where what stands aside is no part of it."""

    def flush(self) -> None:
        """End the block at hand; an empty line, as two line breaks make it, has ended one before."""
        for text in re.split(r"\n\s*\n", "".join(self.parts)):
            self.blocks += blocks_of(self.level, ((line, self.line) for line in text.split("\n")), self.in_list)
        self.parts = []

    def text(self, words: str | None, line: int | None) -> None:
        if words and not self.verbatim:
            words = re.sub(r"[ \t\r\n\f]+", " ", words)
        if words:
            if not any(part.strip() for part in self.parts):
                self.line = line or self.line
            self.parts.append(words)

    def element(self, element: Element) -> None:
        """The text of an element and of all in it; what follows it is left to the caller."""
        tag = str(element.tag).lower()
        if self._is_hidden(element, tag):
            return
        if tag in ("sup", "q", "br"):
            self._marked(element, tag)
        elif _INLINE.fullmatch(tag):
            self._inside(element)
        elif tag == "tr":
            self._row(element)
        else:
            self._block(element, tag)

    def _is_hidden(self, element: Element, tag: str) -> bool:
        if not isinstance(element.tag, str) or _SKIPPED.fullmatch(tag) or element.get("hidden") is not None:
            return True
        if tag == "dialog" and element.get("open") is None:
            return True
        classes = str(element.get("class") or "").split()
        if _HIDDEN.intersection(classes) or _NONE.search(str(element.get("style") or "")):
            return True
        notes = " ".join((str(element.get("role")), str(element.get("id")), *classes))
        return self.in_text and tag in _ASIDE and not _NOTES.search(notes)

    def _inside(self, element: Element) -> None:
        line = element.sourceline
        self.text(element.text, line)
        for child in element:
            self.element(child)
            self.text(child.tail, line if child.sourceline is None else child.sourceline)

    def _marked(self, element: Element, tag: str) -> None:
        """A line break, the number of a note, or a quotation, whose marks a browser adds."""
        if tag == "br":
            self.parts.append("\n")
            return
        words = "".join(map(str, element.itertext())).strip()
        if tag == "sup" and re.fullmatch(r"\d{1,4}", words):
            self.text(f"[{words}]", element.sourceline)
            return
        self.parts += ["“"] * (tag == "q")
        self._inside(element)
        self.parts += ["”"] * (tag == "q")

    def _block(self, element: Element, tag: str) -> None:
        self.flush()
        before = self.level, self.in_list, self.verbatim, self.in_text
        self.in_text = self.in_text or tag in ("article", "main") or element.get("role") == "main"
        if re.fullmatch(r"h[1-6]", tag):
            self.level = int(tag[1])
        if tag in ("ul", "ol"):
            self.in_list = True
        if tag == "pre":
            self.verbatim = True
        if not (tag == "pre" and len(element) == 1 and element[0].tag == "code"):
            self._inside(element)
        self.flush()
        self.level, self.in_list, self.verbatim, self.in_text = before

    def _row(self, row: Element) -> None:
        self.flush()
        cells = []
        for child in row:
            inner = _Reader(self.in_list)
            inner.in_text = self.in_text
            inner.element(child)
            inner.flush()
            cells.append(inner.blocks)
        self.blocks += row_of(cells)
