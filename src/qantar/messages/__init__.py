"""The message catalogue: every sentence a person reads, in English and Chinese, by key.

In: the files of this folder, where both languages of a message stand side by side under its full key, and `columns.csv` (what each column
of each table means). A file holds what is changed together: a room of the program, or a study with its options, tables, part of the page
and errors. Out: `text(key, lang, ...)`. Nothing here knows what the sentences are about.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")
_HERE = Path(__file__).parent
_STRING = r'"""[\s\S]*?"""|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_MESSAGE = re.compile(rf"(?:#.*\n|\n)*\[(.+)\]\nen = ({_STRING})\nzh = ({_STRING})\n")
"""One message. The files are TOML of this form only: `tomllib` takes four times as long, and `--help` waits for it."""
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


@cache
def catalogue(lang: str) -> dict[str, str]:
    """All messages of one language by key, file by file in the order of their names.

    >>> catalogue("en")["verdict.partly"]
    'partly right'
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no catalogue for {lang!r}; there are {', '.join(LANGUAGES)}")
    which = LANGUAGES.index(lang)
    return {key: both[which] for key, both in _messages().items()}


@cache
def _messages() -> dict[str, tuple[str, str]]:
    messages: dict[str, tuple[str, str]] = {}
    for file in sorted(_HERE.rglob("*.toml")):
        for key, both in read_messages(file.read_text(encoding="utf-8"), file.name):
            if key in messages:
                raise ValueError(f"message {key} stands twice, the second time in {file.name}")
            messages[key] = both
    return messages


def read_messages(source: str, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Key and both languages of each message of one file; ValueError where anything else stands, say a third name."""
    at = 0
    while at < len(source):
        message = _MESSAGE.match(source, at)
        if message is None:
            raise ValueError(f'{name}, line {source.count(chr(10), 0, at) + 1}: the next message is not [KEY], en = "...", zh = "..."')
        yield message[1].replace('"', ""), (_unquoted(message[2]), _unquoted(message[3]))
        at = message.end()


def _unquoted(string: str) -> str:
    inside = string[3:-3].strip("\n") if string.startswith('"""') else string[1:-1]
    return re.sub(r"\\(.)", lambda m: _ESCAPES[m[1]], inside) if "\\" in inside else inside


class _Filler(string.Formatter):
    """Fills a message; `{n:region|regions}` is the first word where n is 1, else the second.

    >>> [_Filler().format("{n} {n:region|regions}", n=n) for n in (1, 2, "1,000")]
    ['1 region', '2 regions', '1,000 regions']
    """

    def format_field(self, value: object, format_spec: str) -> str:
        one, several, more = format_spec.partition("|")
        return super().format_field(value, format_spec) if not several else one if str(value) == "1" else more


_FILLER = _Filler()


def text(key: str, lang: str, /, **args: object) -> str:
    """The message `key` in `lang`, its placeholders filled. A key that does not exist is a fault of ours: KeyError.

    >>> text("verdict.contradicted", "zh"), text("report.claims_n", "en", n=1)
    ('与记录不符', '1 claim')
    """
    message = catalogue(lang)[key]
    return _FILLER.vformat(message, (), args) if args else message


def days_in_words(first: dt.date, last: dt.date, lang: str, year: int | None = None) -> str:
    """A day or a stretch of days: month and year once where both ends have the same, the year only where it is not `year`.

    >>> days = dt.date(2019, 10, 14), dt.date(2019, 11, 15)
    >>> days_in_words(*days, "en"), days_in_words(*days, "zh", 2019)
    ('14 Oct–15 Nov 2019', '10月14日至11月15日')
    """

    def whole(day: dt.date, *, dated: bool) -> str:
        if lang == "zh":
            return (f"{day.year}年" if dated else "") + f"{day.month}月{day.day}日"
        return f"{day.day} {day:%b}" + (f" {day.year}" if dated else "")

    there, here = (day.year != year for day in (first, last))
    if first == last:
        return whole(first, dated=there)
    same_year, same_month = first.year == last.year, (first.year, first.month) == (last.year, last.month)
    if lang == "zh":
        end = f"{last.day}日" if same_month else whole(last, dated=here and not same_year)
        return f"{whole(first, dated=there)}至{end}"
    start = f"{first.day}" if same_month else whole(first, dated=there and not same_year)
    return f"{start}–{whole(last, dated=here)}"


def keys_under(prefix: str) -> list[str]:
    """Names directly below a prefix, in the order of the catalogue: `keys_under("verdict")` lists the verdicts."""
    start = prefix + "."
    return list(dict.fromkeys(k[len(start) :].split(".")[0] for k in catalogue("en") if k.startswith(start)))


@cache
def column_meanings(lang: str) -> dict[tuple[str, str], str]:
    """Meaning of every column, by (table, column)."""
    with (_HERE / "columns.csv").open(encoding="utf-8", newline="") as file:
        return {(r["table"], r["column"]): r[f"meaning_{lang}"] for r in csv.DictReader(file)}


def key_meanings(lang: str) -> dict[tuple[str, str], str]:
    """Meaning of every key of the TOML files of a case, by (file, path)."""
    with (_HERE / "keys.csv").open(encoding="utf-8", newline="") as file:
        return {(r["file"], r["key"]): r[f"meaning_{lang}"] for r in csv.DictReader(file)}


def language(asked: str | None = None, env: Mapping[str, str] = os.environ) -> str:
    """The language to speak: the one asked for, else `QANTAR_LANG`, else the locale, else English.

    >>> language(env={"LANG": "zh_CN.UTF-8"}), language(env={}), language("en", env={"LANG": "zh_CN.UTF-8"})
    ('zh', 'en', 'en')
    """
    wishes = [asked, *(env.get(name) for name in ("QANTAR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))]
    first = next((w for w in wishes if w), "en")
    return "zh" if first.lower().startswith("zh") else "en"
