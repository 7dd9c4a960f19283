"""The message catalogue: every sentence a person reads, in English and Chinese, by key.

In: `en.toml` and `zh.toml` (same keys, same placeholders; a test holds them together) and `columns.csv` (what each
column of each table means). Out: `text(key, lang, ...)`. Nothing here knows what the sentences are about.
"""

from __future__ import annotations

import csv
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "zh")


@cache
def catalogue(lang: str) -> dict[str, str]:
    """All messages of one language, keys joined by dots.

    >>> catalogue("en")["verdict.partly"]
    'partly right'
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no catalogue for {lang!r}; there are {', '.join(LANGUAGES)}")
    source = resources.files(__package__).joinpath(f"{lang}.toml").read_text(encoding="utf-8")
    return dict(_flatten(tomllib.loads(source), ""))


def _flatten(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value).strip("\n")


def text(key: str, lang: str, /, **args: object) -> str:
    """The message `key` in `lang`, its placeholders filled. A key that does not exist is a fault of ours: KeyError.

    >>> text("verdict.contradicted", "zh")
    '与记录不符'
    """
    message = catalogue(lang)[key]
    return message.format(**args) if args else message


def keys_under(prefix: str) -> list[str]:
    """Names directly below a prefix, in the order of the catalogue: `keys_under("verdict")` lists the verdicts."""
    start = prefix + "."
    return list(dict.fromkeys(k[len(start) :].split(".")[0] for k in catalogue("en") if k.startswith(start)))


@cache
def column_meanings(lang: str) -> dict[tuple[str, str], str]:
    """Meaning of every column, by (table, column)."""
    source = resources.files(__package__).joinpath("columns.csv").read_text(encoding="utf-8")
    return {(r["table"], r["column"]): r[f"meaning_{lang}"] for r in csv.DictReader(source.splitlines())}


def language(asked: str | None = None, env: Mapping[str, str] = os.environ) -> str:
    """The language to speak: the one asked for, else `QANTAR_LANG`, else the locale, else English.

    >>> language(env={"LANG": "zh_CN.UTF-8"}), language(env={}), language("en", env={"LANG": "zh_CN.UTF-8"})
    ('zh', 'en', 'en')
    """
    wishes = [asked, *(env.get(name) for name in ("QANTAR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))]
    first = next((w for w in wishes if w), "en")
    return "zh" if first.lower().startswith("zh") else "en"
