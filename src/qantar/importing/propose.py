"""Writes a mapping file for a table that nobody knows: what each column seems to say, by its header and its values, to be looked over.

In: a table. Out: the text of a TOML file with comments in the reader's language. Nothing is decided here: a wrong line is mended by hand.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from qantar.errors import DataError, fail
from qantar.files.cells import fold, printable
from qantar.files.read import CODECS, read_text
from qantar.importing.days import Days, OrderUnknown, order_of
from qantar.importing.figures import NONE, read_figure
from qantar.importing.mapping import Columns, MappingFile
from qantar.importing.source import Source
from qantar.importing.words import kind_of, may_be_only_attacked
from qantar.messages import text
from qantar.record.schema import EVENT_KINDS

ROWS = 20_000
"""Rows that are looked at."""
TYPES_MAX = 1_000
"""Types that are listed, and that a column of types may have."""
_HEADERS: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "event id", "eventid", "uid", "event id cnty", "globaleventid", "no", "nr", "num", "number", "row", "n°", "#", "编号", "序号",
        "事件编号", "номер",
    ),
    "date": (
        "date", "when", "event date", "day", "start date", "date start", "startdate", "date begin", "onset", "datum", "date debut", "jour",
        "fecha", "quand", "cuando", "wann", "日期", "时间", "开始日期", "事件日期", "дата", "когда", "дата начала",
    ),
    "date_end": ("end date", "date end", "enddate", "date fin", "结束日期", "дата окончания"),
    "latitude": ("latitude", "lat", "y", "纬度", "широта", "breite"),
    "longitude": ("longitude", "lon", "long", "lng", "x", "经度", "долгота", "länge"),
    "region": (
        "region id", "admin1", "adm1", "adm 1", "region", "district", "county",
        "governorate", "province", "state", "departement", "department", "oblast", "bundesland",
        "省", "省份", "地区", "область", "регион",
    ),
    "settlement": (
        "settlement", "city", "town", "place", "location", "locality", "municipality", "where", "ville", "commune", "ort", "城市", "地点",
        "город", "место",
    ),
    "country": ("country", "country name", "pays", "land", "国家", "страна"),
    "type": (
        "type", "event type", "type of event", "kind", "kinds", "category", "what", "what happened",
        "event", "que paso", "hecho", "suceso", "evenement", "что произошло", "событие", "事件", "发生了什么",
        "sub event type", "subtype", "action type", "tipo", "类型", "тип",
    ),
    "count": ("count", "events", "n", "n events", "number of events", "actions", "protests", "事件数"),
    "participants": (
        "participants", "participants estimate", "size", "size sum", "crowd", "crowd size", "people", "number of people", "attendance",
        "how many", "how many people", "turnout", "protesters", "demonstrators", "participantes", "asistentes", "cuantos", "manifestantes",
        "manifestants", "combien", "nombre de manifestants", "teilnehmer", "人数", "参加人数", "规模", "多少人", "участники", "участников",
        "численность", "сколько", "количество участников",
    ),
    "participants_low": ("participants low", "size low", "crowd low"),
    "participants_high": ("participants high", "size high", "crowd high"),
    "deaths": (
        "deaths", "fatalities", "killed", "deaths best", "best", "dead", "death", "died", "muertos", "muertes", "fallecidos",
        "mortos", "morts", "tote", "死亡", "погибшие",
    ),
    "deaths_low": ("deaths low", "low"),
    "deaths_high": ("deaths high", "high"),
    "injured": ("injured", "wounded", "injuries", "hurt", "heridos", "feridos", "blessés", "verletzte", "受伤", "раненые"),
    "detained": ("detained", "arrests", "arrested", "detainees", "detenidos", "detidos", "arrêtés", "festgenommene", "拘留", "задержанные"),
    "actor": ("actor", "actor1", "side a", "organizer", "group", "who", "参与者"),
    "note_source": (
        "source", "sources", "reference", "references", "where i read it", "where read", "read", "read in", "seen in", "newspaper", "paper",
        "link", "url", "medium", "media", "leido en", "lu dans", "fuente", "fuentes", "fonte", "quelle",
        "来源", "出处", "источник",
    ),
    "note": (
        "note", "notes", "description", "summary", "title", "remarks", "comment", "comments", "what happened", "what", "descripción",
        "备注", "描述", "описание",
    ),
}  # fmt: skip
_CROWDS = (
    "hundreds", "thousands", "dozens", "several hundred", "several thousand", "a few hundred", "cientos", "miles", "decenas", "centaines",
    "milliers", "dizaines", "сотни", "тысячи", "десятки", "数百", "数千", "几百", "几千", "数百人", "数千人",
)  # fmt: skip
"""Crowds in words, as cells hold them beside figures."""
NUMBERS = 0.2
"""Share of figures from which a column that is not used is named."""
_MARK = "# qantar wrote this file; nobody has changed it yet: "


@dataclass(frozen=True)
class _Column:
    name: str
    values: Counter[str]
    rows: int
    """rows of the table that were looked at"""

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

    @property
    def types(self) -> list[str]:
        """Types that have no kind yet."""
        return [name for name, kind, _ in self.kinds if not kind]


class Proposal(NamedTuple):
    """A mapping file, and what its reader must look at first."""

    text: str
    view: View


def propose(source: Source, lang: str, then: str = "") -> Proposal:
    """A mapping file for a table; `then` is the command that uses it, for a comment."""
    columns, seen = _columns(source)
    found = {f: c for f, c in _match(columns).items() if c is not None}
    if "type" in found and "note" not in found and _is_told(found["type"]):
        found["note"] = found["type"]  # a kind says less than the words, which are to stay
    view = _view(columns, seen, found, kind_of)
    unused = [c for c in columns if c.name not in {used.name for used in found.values()}]
    command = then or f"qantar import {printable(source.name)} --mapping mapping.toml --into FOLDER"
    return Proposal(_marked(_written(source, found, unused, view, command, lang)), view)


def view_of(source: Source, mapping: MappingFile) -> View:
    """What a mapping takes the columns and words of a table for."""
    columns, seen = _columns(source)
    named = {f: n.strip() for f, n in mapping.columns.model_dump().items() if n}
    kinds = {t.strip().casefold(): kind for t, kind in mapping.kinds.items()}
    found = {f: c for f, n in named.items() for c in columns if c.name == n}
    return _view(columns, seen, found, lambda name: kinds.get(name.casefold(), ""))


def _columns(source: Source) -> tuple[list[_Column], int]:
    """The columns of a table with their values, and how many rows were looked at."""
    rows = source.lines()
    first = next(rows, None)
    if first is None:
        raise fail(DataError, source.path, "empty_file")
    header = [printable(c.strip().lstrip("\ufeff")) for c in first[1]]
    counts: list[Counter[str]] = [Counter() for _ in header]
    seen = 0
    for _, cells in islice(rows, ROWS):
        seen += 1
        for k, cell in enumerate(cells[: len(header)]):
            if cell.strip() and len(counts[k]) < 5_000:
                counts[k][cell.strip()] += 1
    return [_Column(n, c, seen) for n, c in zip(header, counts, strict=True) if n], seen


def _view(columns: Sequence[_Column], seen: int, found: Mapping[str, _Column], kind: Callable[[str], str]) -> View:
    unused = [c for c in columns if c.name not in {used.name for used in found.values()}]
    return View(
        seen,
        [(f, _bare(c.name), _examples(c)) for c in columns for f, taken in found.items() if taken.name == c.name],
        [_bare(c.name) for c in unused],
        [_bare(c.name) for c in unused if c.share(_is_figure) >= NUMBERS],
        [(t, kind(t), n) for t, n in _types(found["type"])] if "type" in found else [],
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


def _match(columns: Sequence[_Column]) -> dict[str, _Column | None]:
    """The column of each field, by its header if its values allow, else by its values."""
    found: dict[str, _Column | None] = {}
    left = list(columns)
    for field, words in _HEADERS.items():
        named = [c for w in words for c in left if (fold(c.name) or c.name) == (fold(w) or w)]
        found[field] = next((c for c in named if _allows(field, c)), None)
        if (taken := found[field]) is not None:
            left.remove(taken)
    if found["date"] is None:
        found["date"] = next((c for c in left if c.share(_is_day) > 0.9), None)
    if found["date"] is None and found["date_end"] is not None:
        found["date"], found["date_end"] = found["date_end"], None
    if (found["latitude"] is None) != (found["longitude"] is None):
        found["latitude"] = found["longitude"] = None
    return found


def _allows(field: str, column: _Column) -> bool:
    if field in ("date", "date_end"):
        return column.share(_is_day) > 0.5  # the rest is refused, and told
    if field in ("latitude", "longitude"):
        return column.share(lambda v: re.fullmatch(r"[+-]?\d{1,3}([.,]\d+)?", v, re.ASCII)) > 0.9
    if (
        field in ("deaths", "deaths_low", "deaths_high", "injured", "detained")
        and {*column.values} == {"0", "1"}
        and column.values.total() > 20
    ):
        return False  # yes and no, not how many
    if field in ("count", "participants_low", "participants_high", "deaths", "deaths_low", "deaths_high", "injured", "detained"):
        return column.share(_is_figure) > 0.5  # the rest is refused, or kept as words, and told
    if field == "participants":
        return column.share(lambda v: _is_figure(v) or v.casefold() in _CROWDS) >= NUMBERS
    if field == "id":
        return len(column.values) == column.values.total() > 0.9 * column.rows
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
        parts.append("\n" + note("kinds") + "[kinds]\n")
        hint = said("stormed")
        for name, kind, _ in sorted(view.kinds, key=lambda k: bool(k[1])):  # those that are to be decided first
            parts.append(f"{_string(name)} = {_string(kind)}{_comment(hint if may_be_only_attacked(name, kind) else '')}\n")
        parts.append("\n" + note("all_kinds"))
        parts += [f"# {k}: {text(f'event_meaning.{k}', lang)}\n" for k in EVENT_KINDS]
    return "".join(parts)


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
        for part in re.split(r"[;|]", value):
            if bare := re.sub(r":\s*\d+$", "", part.strip()).strip():
                parts[spelt.setdefault(printable(bare).casefold(), printable(bare))] += n
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
