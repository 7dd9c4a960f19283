"""Writes a mapping file for a table that nobody knows: what each column seems to say, by its header and its values, to be looked over.

In: a table. Out: the text of a TOML file with comments in the reader's language. Nothing is decided here: a wrong line is mended by hand.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from qantar.errors import DataError, fail
from qantar.files.cells import printable
from qantar.files.decode import CODECS
from qantar.files.text import read_text
from qantar.importing.days import Days, OrderUnknown, order_of
from qantar.importing.figures import NONE, read_figure
from qantar.importing.form import kind_among
from qantar.importing.headers import known, readings
from qantar.importing.mapping import Columns, MappingFile, listed
from qantar.importing.places import Names
from qantar.importing.source import Source
from qantar.importing.words import kind_of, may_be_only_attacked
from qantar.messages import text
from qantar.record.schema import EVENT_KINDS

ROWS = 20_000
"""Rows that are looked at."""
VALUES = 5_000
"""Different values of a column that are kept of them."""
TYPES_MAX = 1_000
"""Types that are listed, and that a column of types may have."""
_CROWDS = (
    "hundreds", "thousands", "dozens", "several hundred", "several thousand", "a few hundred", "cientos", "miles", "decenas", "centaines",
    "milliers", "dizaines", "сотни", "тысячи", "десятки", "数百", "数千", "几百", "几千", "数百人", "数千人",
)  # fmt: skip
"""Crowds in words, as cells hold them beside figures."""
NUMBERS = 0.2
"""Share of figures from which a column that is not used is named."""
TOLD = 0.5
"""Share of remarks that tell of a kind from which they say what happened, where no column is called so."""
_NUMBERS = ("count", "deaths", "deaths_low", "deaths_high", "injured", "detained")
_MARK = "# qantar wrote this file; nobody has changed it yet: "


@dataclass(frozen=True)
class _Column:
    name: str
    values: Counter[str]
    rows: int
    """rows of the table that were looked at"""
    is_unlike: bool
    """whether no two rows that were looked at have the same in it"""

    def share(self, fits: Callable[[str], object]) -> float:
        """Share of the values that are not empty that fit."""
        full = sum(self.values.values())
        return sum(n for v, n in self.values.items() if fits(v)) / full if full else 0


class View(NamedTuple):
    """What a table is taken for, to be looked over."""

    rows: int
    """rows of the table that were looked at"""
    columns: list[tuple[str, str, str]]
    """what is read, the column that says it, and some of its values"""
    unused: list[str]
    """columns that are not used"""
    numbers: list[str]
    """those of them that hold numbers"""
    kinds: list[tuple[str, str, int]]
    """types of the table, the kind that each was taken for, empty where none is plain, and how many rows have it"""
    rows_of: dict[str, int]
    """rows that have each kind; those that have none under an empty one"""
    beside: int
    """rows that have a kind, and words besides of which none is plain"""
    lost: frozenset[str]
    """types of rows that have no kind"""
    missing: list[str]
    """types of which the mapping says nothing"""

    @property
    def types(self) -> list[str]:
        """Types that have no kind yet."""
        return [name for name, kind, _ in self.kinds if not kind]


class Proposal(NamedTuple):
    """A mapping file, and what its reader must look at first."""

    text: str
    view: View


def propose(source: Source, lang: str, then: str = "", names: Names | None = None) -> Proposal:
    """A mapping file for a table; `then` is the command that uses it, for a comment, and `names` are the places of the case meant."""
    columns, seen = _columns(source)
    found = {f: c for f, c in _match(columns, names).items() if c is not None}
    if "type" not in found and (note := found.get("note")) is not None and _allows("type", note) and note.share(kind_of) >= TOLD:
        found["type"] = note  # a description that tells what happened
    if "type" in found and _is_told(found["type"]):  # a kind says less than the words, which are to stay
        found |= {"note": found["type"]} | ({"note_more": found["note"]} if found.get("note", found["type"]) is not found["type"] else {})
    kinds = {name.casefold(): kind_of(name) for name, _ in _types(found["type"])} if "type" in found else {}
    view = _view(columns, seen, found, kinds)
    unused = [c for c in columns if c.name not in {used.name for used in found.values()}]
    command = then or f"qantar import {printable(source.name)} --mapping mapping.toml --into FOLDER"
    return Proposal(_marked(_written(source, found, unused, view, command, lang)), view)


def view_of(source: Source, mapping: MappingFile) -> View:
    """What a mapping takes the columns and words of a table for."""
    columns, seen = _columns(source)
    named = {f: n.strip() for f, n in mapping.columns.model_dump().items() if n}
    kinds = {t.strip().casefold(): kind for t, kind in mapping.kinds.items()}
    found = {f: c for f, n in named.items() for c in columns if c.name == n}
    return _view(columns, seen, found, kinds)


def _columns(source: Source) -> tuple[list[_Column], int]:
    """The columns of a table with their values, and how many rows were looked at."""
    rows = source.lines()
    first = next(rows, None)
    if first is None:
        raise fail(DataError, source.path, "empty_file")
    header = [printable(c.strip().lstrip("\ufeff")) for c in first[1]]
    counts: list[Counter[str]] = [Counter() for _ in header]
    all_of: list[set[str] | None] = [set() for _ in header]
    seen = 0
    for _, cells in islice(rows, ROWS):
        seen += 1
        for k, cell in enumerate(cells[: len(header)]):
            if not (value := cell.strip()):
                continue
            if len(counts[k]) < VALUES:
                counts[k][value] += 1
            if (before := all_of[k]) is not None:
                size = len(before)
                before.add(value)
                all_of[k] = before if len(before) > size else None
    unlike = [before is not None and len(before) > 0.9 * seen for before in all_of]
    return [_Column(n, c, seen, u) for n, c, u in zip(header, counts, unlike, strict=True) if n], seen


def _view(columns: Sequence[_Column], seen: int, found: Mapping[str, _Column], kinds: Mapping[str, str]) -> View:
    unused = [c for c in columns if c.name not in {used.name for used in found.values()}]
    types = _types(found["type"]) if "type" in found else []
    rows: Counter[str] = Counter()
    lost: set[str] = set()
    beside = 0
    for cell, n in found["type"].values.items() if types else ():
        parts = [*map(printable, listed(cell))]
        kind = kind_among([printable(cell), *parts], kinds) or ""
        rows[kind] += n
        beside += n if kind and not all(kinds.get(p.casefold()) for p in parts) else 0
        lost |= {p.casefold() for p in parts if not kind}
    return View(
        seen,
        [(f, _bare(c.name), _examples(c)) for c in columns for f, taken in found.items() if taken.name == c.name],
        [_bare(c.name) for c in unused],
        [_bare(c.name) for c in unused if c.share(_is_figure) >= NUMBERS],
        [(t, kinds.get(t.casefold(), ""), n) for t, n in types],
        dict(rows),
        beside,
        frozenset(t for t, _ in types if t.casefold() in lost),
        [t for t, _ in types if t.casefold() not in kinds],
    )


def is_untouched(path: Path) -> bool:
    """Whether a file is a mapping as it was written here, so that it may be written anew."""
    first, _, rest = read_text(path).partition("\n")
    return f"{first}\n{rest}" == _marked(rest)


def _marked(whole: str) -> str:
    """The file, headed by a line that tells whether anybody has changed it."""
    return f"{_MARK}{hashlib.sha256(whole.encode()).hexdigest()[:16]}\n{whole}"


def _is_told(column: _Column) -> bool:
    """Whether a column of types holds sentences rather than the words of a list."""
    long = [v for v in column.values if len(v.split()) > 2 or (not v.isascii() and len(v) > 5)]
    return 3 * len(long) >= len(column.values) > 0


def _bare(name: str) -> str:
    return " ".join(name.split())


def _match(columns: Sequence[_Column], names: Names | None) -> dict[str, _Column | None]:
    """The column of each field, by its header if its values allow, else by its values."""
    found: dict[str, _Column | None] = {}
    left = list(columns)
    for field in known():
        named = sorted((r.rank, k) for k, c in enumerate(left) for r in readings(c.name) if r.field == field)
        if names is not None and field in ("region", "settlement"):
            named = _of_the_case(field, named, left, names)
        found[field] = next((left[k] for _, k in named if _allows(field, left[k])), None)
        if (taken := found[field]) is not None:
            left.remove(taken)
    if found["date"] is None:
        found["date"] = next((c for c in left if c.share(_is_day) > 0.9), None)
    if found["date"] is None and found["date_end"] is not None:
        found["date"], found["date_end"] = found["date_end"], None
    if (found["latitude"] is None) != (found["longitude"] is None):
        found["latitude"] = found["longitude"] = None
    return found


def _of_the_case(field: str, named: Sequence[tuple[int, int]], left: Sequence[_Column], names: Names) -> list[tuple[int, int]]:
    """Columns of places, those first that name most places of the case: "region" may be a part of the world, "location" a square.

    Of several columns for the region those go that name none; the only one stays if nothing else says where a row lies.
    """
    fits = names.region if field == "region" else names.settlement
    shares = {k: left[k].share(fits) for _, k in named}
    best = max(shares.values(), default=0.0)
    towns = {k for k, c in enumerate(left) for r in readings(c.name) if r.field == "settlement"} - set(shares)
    if field == "region" and (best or towns):
        named = [(rank, k) for rank, k in named if shares[k]]
    return sorted(named, key=lambda of: (-round(shares[of[1]], 1), of))


def _allows(field: str, column: _Column) -> bool:
    if field in ("date", "date_end"):
        return column.share(_is_day) > 0.5  # the rest is refused, and told
    if field in ("latitude", "longitude"):
        return column.share(lambda v: re.fullmatch(r"[+-]?\d{1,3}([.,]\d+)?", v, re.ASCII)) > 0.9
    if field in _NUMBERS and column.values.total() > 20 and {*column.values} in ({"0", "1"}, {"1"} if field == "count" else None):
        return False  # yes and no, not how many
    if field in _NUMBERS or field in ("participants_low", "participants_high"):
        return column.share(_is_figure) > 0.5  # the rest is refused, or kept as words, and told
    if field == "participants":
        return column.share(lambda v: _is_figure(v) or v.casefold() in _CROWDS) >= NUMBERS
    if field == "id":
        return column.is_unlike
    if field == "type":
        return len(column.values) <= TYPES_MAX
    return bool(column.values)


def _is_figure(value: str) -> bool:
    return value in NONE or read_figure(value) is not None


def _is_day(value: str) -> bool:
    try:
        return Days(dt.date(2000, 1, 1), lambda: (), order="dmy").span(value) is not None or (
            Days(dt.date(2000, 1, 1), lambda: (), order="mdy").span(value) is not None
        )
    except OrderUnknown:
        return True


def _written(source: Source, found: Mapping[str, _Column], unused: Sequence[_Column], view: View, then: str, lang: str) -> str:
    """The file, with a comment above each part."""

    def said(key: str, **args: object) -> str:
        return text(f"importing.{key}", lang, **args)

    def note(key: str, **args: object) -> str:
        return "".join(f"# {line}\n" for line in said(key, **args).splitlines())

    key = re.sub(r"[^A-Za-z0-9_-]+", "-", source.path.stem).strip("-").lower()[:40] or "table"
    parts = [
        note("head", file=printable(source.name), example=then),
        "\n" + note("source"),
        f'[source]\nkey = {_string(key)}\ntitle = {_string(source.name)}\npublisher = ""\n',
        f"licence = {_string(said('licence'))}\n",
        note("redistribution") + 'redistribution = "no"\n',
        "\n[read]\n",
    ]
    if source.encoding:
        codec = CODECS[source.encoding]
        parts.append(note("encoding_guessed" if source.guessed else "encoding") + f"encoding = {_string(codec)}\n")
    if source.sheet:
        parts.append(f"sheet = {_string(source.sheet)}\n")
    if (date := found.get("date")) is not None:
        parts.append(_order(date, note))
    parts.append("\n" + note("columns", fields=", ".join(Columns.model_fields)) + "[columns]\n")
    if date is None:
        parts.append(note("no_date") + 'date = ""\n')
    parts += [f"{f} = {_string(c.name)}{_comment(_examples(c))}\n" for f, c in found.items()]
    if view.numbers:
        parts.append("\n" + note("numbers", columns=", ".join(view.numbers)) + "\n")
    if unused:  # one of them may say what happened: then no kind holds of every row
        parts.append(note("unused") + "".join(f"# {_bare(c.name)}{_comment(_examples(c))}\n" for c in unused))
    parts.append("\n" + note("every_row") + "[every_row]\n")
    parts.append(('# kind = "protest"\n' if unused or "type" in found else 'kind = "protest"\n') + 'confidence = "medium"\n')
    if view.kinds:
        parts.append("\n" + note("kinds") + "[kinds]\n" + _kinds([(name, kind) for name, kind, _ in view.kinds], lang))
        parts.append("\n" + note("all_kinds") + _all_kinds(lang))
    return "".join(parts)


def _kinds(kinds: Iterable[tuple[str, str]], lang: str) -> str:
    """Lines under [kinds], those first that are to be decided."""
    hint = text("importing.stormed", lang)
    told = sorted(kinds, key=lambda k: bool(k[1]))
    return "".join(f"{_string(t)} = {_string(k)}{_comment(hint if may_be_only_attacked(t, k) else '')}\n" for t, k in told)


def _all_kinds(lang: str) -> str:
    return "".join(f"# {k}: {text(f'event_meaning.{k}', lang)}\n" for k in EVENT_KINDS)


def with_kinds(whole: str, types: Sequence[str], lang: str) -> str | None:
    """A mapping that somebody has changed, with a line under [kinds] for each of these types; no letter that was there is lost or moved.

    None where [kinds] is no table in it that lines can be added to.
    """
    block = "".join(f"# {line}\n" for line in text("importing.added", lang).splitlines())
    block += _kinds([(t, kind_of(t)) for t in types], lang)
    if f"# {EVENT_KINDS[0]}: " not in whole:
        block += f"# {text('importing.all_kinds', lang)}\n" + _all_kinds(lang)
    if (head := re.search(r"^[ \t]*\[[ \t]*kinds[ \t]*\].*$", whole, re.MULTILINE)) is None:
        at, block = len(whole), f"\n[kinds]\n{block}"
    else:
        following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(whole, head.end())
        at, block = following.start() if following else len(whole), f"\n{block}\n"
    if whole[:at] and not whole[:at].endswith("\n"):
        block = f"\n{block}"
    new = whole[:at] + (block.replace("\n", "\r\n") if "\r\n" in whole else block) + whole[at:]
    try:
        before, after = tomllib.loads(whole.lstrip("\ufeff")), tomllib.loads(new.lstrip("\ufeff"))
    except tomllib.TOMLDecodeError:
        return None
    kept = {t: k for t, k in after.get("kinds", {}).items() if t in before.get("kinds", {})}
    same = {k: v for k, v in after.items() if k != "kinds"} == {k: v for k, v in before.items() if k != "kinds"}
    return new if same and kept == before.get("kinds", {}) else None


def _order(date: _Column, note: Callable[..., str]) -> str:
    try:
        order = order_of(date.values)
    except OrderUnknown as unknown:
        if not unknown.value:  # no day is written in numbers alone
            return ""
        return note("order_unknown", value=unknown.value) + '# date_order = "dmy"\n'
    return f'date_order = "{order}"\n'


def _types(column: _Column) -> list[tuple[str, int]]:
    """Types of a column with their rows, the most frequent first; what is listed in one cell counts one by one."""
    parts: Counter[str] = Counter()
    spelt: dict[str, str] = {}
    for value, n in column.values.most_common():
        for bare in map(printable, listed(value)):
            parts[spelt.setdefault(bare.casefold(), bare)] += n
    return parts.most_common(TYPES_MAX)


def _examples(column: _Column) -> str:
    return " | ".join(printable(" ".join(v.split()))[:30] for v, _ in column.values.most_common(3))


def _comment(told: str) -> str:
    return f"  # {told}" if told else ""


def _string(value: str) -> str:
    """A basic string of TOML.

    >>> print(_string('a "b"'))
    "a \\"b\\""
    """
    return json.dumps(printable(" ".join(value.split())), ensure_ascii=False)
