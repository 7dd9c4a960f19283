"""Tables that fit a phone: where there is no room beside each other, cells stand below each other, each after the name of its column.

In: the page as HTML, its tables with one row of heads. Out: the same with a class and a number on each table, and style rules that hold the
names of columns, once a table and not once a cell. Nothing is scripted.
"""

from __future__ import annotations

import html
import itertools
import re

from markupsafe import Markup

_TABLE = re.compile(r"<table(?P<more>[^>]*)>(?P<before>(?:<caption>.*?</caption>\s*)?)<thead><tr>(?P<heads>.*?)</tr></thead>", re.DOTALL)
_WHOLE = re.compile(_TABLE.pattern + r"(?P<rows>.*?)</table>", re.DOTALL)
_ROW, _CELL = re.compile(r"<tr\b.*?</tr>", re.DOTALL), re.compile(r"<t([dh])\b")
_HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_TONGUE = re.compile(r'<span(?: class="any")? lang="(en|zh)">(.*?)</span>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def narrowed(page: str) -> str:
    """The page with rules that name the cells of its tables on a phone.

    >>> print(narrowed("<style></style><table><thead><tr><th>day</th><th>n</th></tr></thead>").replace("<table", chr(10) + "<table"))
    <style>@media (max-width:640px){#t1 td:nth-child(2)::before{content:"n"}}</style>
    <table id="t1" class="rows"><thead><tr><th>day</th><th>n</th></tr></thead>
    """
    rules: list[str] = []

    def mark(table: re.Match[str]) -> str:
        more, number = table["more"], next(numbers)
        name = re.search(r'id="([^"]+)"', more)
        key = name[1] if name else f"t{number}"
        rules.extend(_rules(key, _HEAD.findall(table["heads"])))
        css = re.search(r'class="([^"]*)"', more)
        more = more.replace(css[0], f'class="{css[1]} rows"') if css else more + ' class="rows"'
        more = more if name else f' id="{key}"' + more
        return f"<table{more}>{table['before']}<thead><tr>{table['heads']}</tr></thead>"

    numbers = itertools.count(1)
    marked = _TABLE.sub(mark, page)
    style = "@media (max-width:640px){" + "".join(rules) + "}"
    return marked.replace("</style>", style + "</style>", 1) if rules else marked


def labelled(page: str) -> str:
    """The same for a page whose style may hold no rules of its own: each cell bears the name of its column in both languages.

    >>> page = "<table><thead><tr><th>a</th><th>n</th></tr></thead><tbody><tr><th>1</th><td>2</td></tr></tbody></table>"
    >>> print(labelled(page).partition("<tbody>")[2])
    <tr><th>1</th><td data-en="n" data-zh="n">2</td></tr></tbody></table>
    """

    def mark(table: re.Match[str]) -> str:
        heads = [tuple(html.escape(_words(head, lang)) for lang in ("en", "zh")) for head in _HEAD.findall(table["heads"])]

        def row(found: re.Match[str]) -> str:
            names = iter(heads)

            def cell(begins: re.Match[str]) -> str:
                en, zh = next(names, ("", ""))
                return f'{begins[0]} data-en="{en}" data-zh="{zh}"' if begins[1] == "d" and en + zh else begins[0]

            return _CELL.sub(cell, found[0])

        css = re.search(r'class="([^"]*)"', table["more"])
        more = table["more"].replace(css[0], f'class="{css[1]} rows"') if css else table["more"] + ' class="rows"'
        return f"<table{more}>{table['before']}<thead><tr>{table['heads']}</tr></thead>{_ROW.sub(row, table['rows'])}</table>"

    return Markup(_WHOLE.sub(mark, str(page)))


def _rules(key: str, heads: list[str]) -> list[str]:
    found = []
    for column, head in enumerate(heads[1:], 2):
        en, zh = (_words(head, lang) for lang in ("en", "zh"))
        if not en + zh:
            continue
        place = f"#{key} td:nth-child({column})::before"
        found.append(f"{place}{{content:{_quoted(en)}}}")
        if zh != en:
            found.append(f"html[data-lang=zh] {place}{{content:{_quoted(zh)}}}")
    return found


def _words(head: str, lang: str) -> str:
    """What a head says in a language."""
    own = _TONGUE.sub(lambda m: m[2] if m[1] == lang or "any" in m[0] else "", head)
    return html.unescape(_TAG.sub("", own)).strip()


def _quoted(words: str) -> str:
    """A string of CSS inside a <style> of HTML: nothing in it can end either.

    >>> print(_quoted('a "b" </style>'))
    "a \\22 b\\22  \\3c /style\\3e "
    """
    return '"' + re.sub(r'["\\<>&\n\r\f\x00]', lambda m: f"\\{ord(m[0]):x} ", words) + '"'
