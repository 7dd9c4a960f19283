"""Reads Markdown and plain text as blocks.

In: the text of a file. Out: `Prose`. Code blocks are not read; HTML tags are dropped, a style or a script with what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from qantar.account.blocks import Block, Prose, blocks_of


def markdown(source: str) -> Prose:
    """The blocks of a Markdown or plain text, with the keys of its front matter; places are lines."""
    meta, body, first_line = _front_matter(source)
    return Prose(tuple(_Reader(body, first_line).blocks()), source, meta)


def _front_matter(source: str) -> tuple[dict[str, str], str, int]:
    """Keys of a leading `---` block, the body, and the line on which the body starts."""
    match = re.match(r"(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n\1[ \t]*(?:\r?\n|$)", source, re.DOTALL)
    if not match:
        return {}, source, 1
    pairs = (re.match(r"([\w-]+)\s*[:=]\s*(.*)", line) for line in match.group(2).splitlines())
    meta = {p.group(1).lower(): p.group(2).strip().strip("\"'") for p in pairs if p}
    return meta, source[match.end() :], match.group(0).count("\n") + 1


_RAISED = re.compile(r"<sup\b[^<>]*>(\d{1,4})</sup>", re.IGNORECASE)
"""The number of a note, which without its tags would end the word or the number before it."""
_HTML = re.compile(r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1\s*>|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
"""What of HTML is not read: comments, programs and styles as a whole, of all else the tags."""
_UNREAD = re.compile(r"<(/?)(script|style)\b", re.IGNORECASE)


def _in_place_of(html: str) -> str:
    """What stands for HTML that is not read: the ends of its lines, so that lines are counted on, or the blank that a <br> is.

    >>> _in_place_of("<b>"), _in_place_of("<br/>"), _in_place_of("<!-- a\\nb -->")
    ('', ' ', '\\n')
    """
    return "\n" * html.count("\n") or (" " if html[:3].lower() == "<br" else "")


class _Reader:
    """Goes through the tokens of a text and keeps in mind what a blank line does not end: lists, and a program or a style inside HTML."""

    def __init__(self, body: str, first_line: int) -> None:
        self.body = _RAISED.sub(r"[\1]", body)
        self.first_line = first_line
        self.unread = ""
        """The tag, `script` or `style`, that was opened further up and is closed further down."""
        lower = self.body.lower()
        self.last_end = {
            tag: lower.count("\n", 0, lower.rfind(f"</{tag}") + 1) if f"</{tag}" in lower else -1 for tag in ("script", "style")
        }

    def blocks(self) -> Iterator[Block]:
        level, line, depth, number = 0, 0, 0, ""
        for token in MarkdownIt("commonmark").disable("code").parse(self.body):
            if token.type in ("list_item_open", "list_item_close"):
                depth += token.nesting
                number = f"{token.info}{token.markup} " if token.info else ""
            if token.type in ("heading_open", "paragraph_open"):
                level = int(token.tag[1]) if token.type == "heading_open" else 0
                line = token.map[0] if token.map else 0
            elif token.type == "inline":
                yield from self._lines(level, number + self._inline_text(token.children or [], line), line, depth > 0)
                number = ""
            elif token.type == "html_block":
                line = token.map[0] if token.map else 0
                yield from self._lines(0, self._html_text(token.content, line), line, depth > 0)

    def _lines(self, level: int, text: str, line: int, in_list: bool) -> Iterator[Block]:
        return blocks_of(level, ((raw, self.first_line + line + k) for k, raw in enumerate(text.split("\n"))), in_list)

    def _inline_text(self, tokens: Sequence[Token], line: int) -> str:
        """The text of a paragraph, without tags and without what stands in a program or a style."""
        parts, unread = list[str](), self.unread
        for token in tokens:
            text = "\n" if token.type in ("softbreak", "hardbreak") else token.content
            is_html = token.type == "html_inline"
            if is_html and (tag := _UNREAD.match(text)):
                name = tag[2].lower()
                unread = unread or name if not tag[1] else "" if name == unread else unread
            parts.append(_in_place_of(text) if is_html or unread else text)
        self._go_on(unread, line)
        return "".join(parts)

    def _html_text(self, html: str, line: int) -> str:
        """The text of a block of HTML, from where a program or a style of an earlier block ends."""
        before = ""
        if self.unread:
            end = re.search(rf"</{self.unread}\b[^<>]*>", html, re.IGNORECASE)
            before, html = (_in_place_of(html[: end.end()]), html[end.end() :]) if end else (_in_place_of(html), "")
            if not end:
                return before
        self._go_on(_left_open(html), line)
        return before + _HTML.sub(lambda m: _in_place_of(m.group(0)), html)

    def _go_on(self, unread: str, line: int) -> None:
        """Keep a tag open beyond its block if it is closed at all: else a word on HTML would swallow the rest of the text."""
        self.unread = unread if unread and self.last_end[unread] > line else ""


def _left_open(html: str) -> str:
    """The program or style that a block of HTML opens and does not close.

    >>> _left_open("<div><script>a"), _left_open("<style>a</style>"), _left_open("<!-- <script> -->")
    ('script', '', '')
    """
    opened = ""
    for part in _HTML.finditer(html):
        if tag := part.group(1):
            opened = "" if re.search(rf"</{tag}\s*>\Z", part.group(0), re.IGNORECASE) else tag.lower()
    return opened
