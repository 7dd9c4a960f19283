"""Reads a DOCX as blocks.

In: the bytes of a file. Out: `Prose`; the place of a line is the number of its paragraph in the file. A DOCX is a ZIP of XML parts. Only
the parts with the text, its notes and its styles are unpacked, each up to a limit, and read by a parser that expands no entities and
fetches nothing; macros, pictures and embedded files are not touched. Elements are known by their names without the name space, so that
both forms of the format are read.

Read are paragraphs, tables, text boxes, inserted text, and notes, whose marks stand in the text as [1] and whose words follow at the end.
Not read are deleted and hidden text, fields' instructions, comments, page headers and footers, a table of contents, and the numbers of
lists and headings, which are not in the text.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qantar.account.blocks import Block, Prose, blocks_of, row_of, words_of
from qantar.errors import DataError, Problems, QantarError, fail

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

PART_MAX = 30_000_000
"""Bytes of a part, unpacked: half a million letters, each with a style of its own, have fewer."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What unpacking a damaged or locked ZIP ends with."""


def docx(path: Path, data: bytes) -> Prose:
    """The text of a DOCX; a DataError if the file is damaged, is no DOCX, or unpacks to more than is read."""
    package = _Package(path, data)
    main = package.related("", "officeDocument") or "word/document.xml"
    root = package.part(main)
    body = None if root is None else next((e for e in root if _name(e) == "body"), None)
    if root is None or body is None or _name(root) != "document":
        raise fail(DataError, path, "office_file", kind="ZIP / Excel / PowerPoint / OpenDocument")
    parts = {kind: package.part(package.related(main, kind)) for kind in ("styles", "footnotes", "endnotes")}
    reader = _Reader(_Styles.of(parts["styles"]))
    blocks = [*reader.blocks(body)]
    blocks += reader.notes({"footnote": parts["footnotes"], "endnote": parts["endnotes"]})
    if reader.has_title:  # its headings stand one level below it
        blocks = [
            Block(b.level and min(6, b.level + 1), b.lines, b.places, b.in_list, b.is_row) if b.level < 9 else _as_title(b) for b in blocks
        ]
    return Prose(tuple(blocks), words_of(blocks))


def _as_title(block: Block) -> Block:
    return Block(1, block.lines, block.places)


class _Package:
    """The ZIP file and its parts."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> QantarError:
        return fail(DataError, self.path, "broken_document", kind="ZIP / DOCX", reason=str(error))

    def part(self, name: str) -> Element | None:
        """A part as a tree; None if there is none of this name."""
        from lxml import etree

        try:
            size = self.zip.getinfo(name).file_size
        except KeyError:
            return None
        if size > PART_MAX:
            problems = Problems()
            problems.add(self.path, None, name, "file_too_large", value=f"{size / 1e6:.1f}", high=f"{PART_MAX / 1e6:g}")
            raise DataError(problems.found)
        try:
            source = self.zip.read(name)  # no more than the size above, whatever is packed in it
            if b"<!DOCTYPE" in source[:4000].replace(b"\0", b""):
                raise ValueError("DOCTYPE")
            parser = etree.XMLParser(
                resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
            )
            return etree.fromstring(source, parser)
        except (*_BROKEN, etree.XMLSyntaxError) as error:
            raise self._broken(error) from None

    def related(self, name: str, kind: str) -> str:
        """The part that another names as its `kind`; an empty string if none."""
        folder, file = posixpath.split(name)
        tree = self.part(posixpath.join(folder, "_rels", f"{file}.rels"))
        for link in () if tree is None else tree:
            if str(link.get("Type")).endswith(f"/{kind}") and link.get("TargetMode") != "External":
                target = str(link.get("Target"))
                return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        return ""


def _name(element: Element) -> str:
    """The name of an element without its name space; empty for what is no element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _child(element: Element | None, *names: str) -> Element | None:
    """The element that is reached from another by the names of children."""
    for name in names:
        element = None if element is None else next((e for e in element if _name(e) == name), None)
    return element


def _value(element: Element | None, attribute: str = "val") -> str:
    if element is None:
        return ""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == attribute), "")


def _is_on(element: Element | None) -> bool:
    return element is not None and _value(element) not in ("0", "false", "off")


TITLE = 9
"""Stands for the level of a title until it is known whether there are headings beside it."""


@dataclass(frozen=True)
class _Styles:
    """The level of a heading that each style makes, and the styles that are not read."""

    levels: dict[str, int] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    @classmethod
    def of(cls, root: Element | None) -> _Styles:
        styles = {_value(e, "styleId"): e for e in (() if root is None else root) if _name(e) == "style"}
        levels, unread = dict[str, int](), set[str]()
        for key in styles:
            level, skipped = _style(key, styles)
            levels[key] = level
            if skipped:
                unread.add(key)
        return cls(levels, frozenset(unread))


def _style(key: str, styles: dict[str, Element]) -> tuple[int, bool]:
    """The level of a style and whether its text is not read: its own word, else that of the style it is based on."""
    for _ in range(20):  # styles may be based on each other in a circle
        style = styles.get(key)
        if style is None:
            break
        name = _value(_child(style, "name")).lower()
        if name.startswith("toc ") or _is_on(_child(style, "rPr", "vanish")):
            return 0, True
        if name == "title":
            return TITLE, False
        if heading := re.fullmatch(r"heading (\d)", name):
            return min(6, int(heading[1])), False
        outline = _value(_child(style, "pPr", "outlineLvl"))
        if outline.isdecimal():
            return (min(6, int(outline) + 1), False) if int(outline) < 9 else (0, False)
        key = _value(_child(style, "basedOn"))
    return 0, False


_SKIPPED = frozenset(
    ("del", "moveFrom", "delText", "instrText", "delInstrText", "rt", "rPr", "pPr", "sectPr", "sdtPr", "fldData", "annotationRef")
)
_WORDS = {"t": None, "tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": " "}
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


class _Reader:
    """Goes through the body of a document in order."""

    def __init__(self, styles: _Styles) -> None:
        self.styles = styles
        self.paragraph = 0
        self.has_title = False
        self.cited: dict[tuple[str, str], int] = {}
        """The number of each note that is cited, by its kind and its id in the file."""
        self.boxes: list[Element] = []
        self.carried = ""
        """Text of a paragraph whose end was deleted: it goes on in the next."""

    def blocks(self, element: Element) -> Iterator[Block]:
        """The blocks of a body, a cell, a text box, or of what encloses them."""
        for child in element:
            name = _name(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                yield from self._table(child)
            elif name not in _SKIPPED:
                yield from self.blocks(child)

    def _paragraph(self, element: Element) -> Iterator[Block]:
        self.paragraph += 1
        place = self.paragraph
        marks = _child(element, "pPr")
        style = _value(_child(marks, "pStyle"))
        boxes, self.boxes = self.boxes, []
        text = self.carried + "".join(self._words(element))
        self.carried = ""
        if _child(marks, "rPr", "del") is not None:
            self.carried = text
        elif style not in self.styles.unread:
            level = self._level(marks, style)
            self.has_title |= level == TITLE and bool(text.strip())
            in_list = _child(marks, "numPr") is not None and not level
            lines = [" ".join(text.split())] if level else text.split("\n")
            yield from blocks_of(level, ((line, place) for line in lines), in_list)
        inner, self.boxes = self.boxes, boxes
        for box in inner:
            yield from self.blocks(box)

    def _level(self, marks: Element | None, style: str) -> int:
        outline = _value(_child(marks, "outlineLvl"))
        if outline.isdecimal() and int(outline) < 9:
            return min(6, int(outline) + 1)
        return self.styles.levels.get(style, 0)

    def _words(self, element: Element) -> Iterator[str]:
        """The visible words of a paragraph or a part of it; text boxes are put aside until it ends."""
        for child in element:
            name = _name(child)
            if name in _WORDS:
                yield _WORDS[name] or child.text or ""
            elif name in _NOTES:
                key = (_NOTES[name], _value(child, "id"))
                yield f"[{self.cited.setdefault(key, len(self.cited) + 1)}]"
            elif name == "txbxContent":
                self.boxes.append(child)
            elif name == "AlternateContent":  # the same thing in several forms
                forms = [e for e in child if _name(e) in ("Choice", "Fallback")]
                yield from self._words(forms[0]) if forms else ()
            elif name == "r" and _is_on(_child(child, "rPr", "vanish")):
                continue
            elif name and name not in _SKIPPED:
                yield from self._words(child)

    def _table(self, table: Element) -> Iterator[Block]:
        for row in _inside(table, "tr"):
            if _child(row, "trPr", "del") is None:
                yield from row_of([[*self.blocks(cell)] for cell in _inside(row, "tc")])

    def notes(self, parts: dict[str, Element | None]) -> Iterator[Block]:
        """The notes that the text cites, in the order in which it does."""
        found = {(kind, _value(note, "id")): note for kind, root in parts.items() for note in (() if root is None else root)}
        for number, key in enumerate(self.cited, 1):  # a note may cite another: it is too late for that one
            if key in found:
                lines = [line for block in self.blocks(found[key]) for line in block.lines]
                yield from blocks_of(0, [(" ".join([f"[{number}]", *lines]), self.paragraph)], in_list=True)


def _inside(element: Element, name: str) -> Iterator[Element]:
    """Children of a name, also where content controls enclose them."""
    for child in element:
        if _name(child) == name:
            yield child
        elif _name(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _inside(child, name)
