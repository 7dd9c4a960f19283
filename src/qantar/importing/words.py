"""The kind of event that a few words tell of: "Town hall set on fire" is a building attacked. For a proposal that a person looks over.

In: what stands in a cell, in English, Spanish, French, Russian, Chinese, some words also in German and Portuguese (`words.toml`). Out: a
kind of the record, or none. A wrong kind is worse than none: what is only planned, demanded, tried or denied has none. Of several
happenings in one cell the first that shows unrest counts, else the first.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from qantar.files.cells import fold
from qantar.record.complete import UNREST
from qantar.record.schema import EVENT_KINDS


class _Rule(NamedTuple):
    kind: str
    groups: tuple[str, ...]
    """lists of words of each of which one must be there, in any order"""
    but: str
    """words of which none may be there"""


_NOT_A_DEED = frozenset({
    "quiet", "concession", "statement", "talks", "price_rise", "price_cut", "emergency_lifted", "emergency_declared", "emergency_extended",
    "internet_restored", "internet_cut", "strike_ended", "stand_aside",
})  # fmt: skip
"""Kinds of which "no", "will" or "cancelled" takes nothing away."""
_TRIED = frozenset({*UNREST, "retaken", "airport_retaken", "arrest_official", "detained"}) - {"protest", "march", "clash"}
"""Kinds that a try does not make: whoever tried to storm a building was out, and did not storm it."""
_GATHERINGS = frozenset({"protest", "march", "strike"})
_ACTORS = re.compile("抗议者|抗议人群|示威者|示威人群|罢工者")
_CLAUSE = re.compile(r"[,;|.:!?，。；：、！？]|\s[–—-]\s")
_CJK = re.compile("[\u3400-\u9fff]")


def may_be_only_attacked(told: str, kind: str) -> bool:
    """Whether words of a building or an airport that was held may tell of one that was entered and left: `building_attacked`.

    >>> may_be_only_attacked("Parliament stormed", "building_seized"), may_be_only_attacked("Parliament occupied", "building_seized")
    (True, False)
    """
    return kind in ("building_seized", "airport_seized") and not _listed("held").search(_plain(told))


def kind_of(told: str) -> str:
    """The kind of event that words tell of, empty where none is plain.

    >>> kind_of("Town hall set on fire"), kind_of("March against police violence"), kind_of("Police fire on a march")
    ('building_attacked', 'march', 'repression')
    >>> kind_of("Strike planned for Monday"), kind_of("Сожжён офис партии"), kind_of("示威者占领议会")
    ('', 'building_attacked', 'building_seized')
    """
    own = "_".join(fold(told).split())
    if own in EVENT_KINDS:
        return own
    plain = _plain(re.sub(r"\([^)]*\)", " ", told))
    if alone := next((kind for kind, words in _table()["alone"].items() if plain.strip() in words), ""):
        return alone
    return foremost(kinds_in(told))


def kinds_in(told: str) -> list[str]:
    """The kinds of the happenings that words tell of, up to one that did not happen.

    >>> kinds_in("Police fire on a crowd, airport seized; 2 killed")
    ['repression', 'airport_seized', 'deaths']
    """
    plain = _plain(re.sub(r"\([^)]*\)", " ", told))
    kinds: list[str] = []
    for clause in _CLAUSE.split(_ACTORS.sub("人群", plain)):
        if (found := _of_clause(clause)) == "-":
            break
        kinds += [found] if found else []
    return kinds


_OF_AUTHORITIES = frozenset(EVENT_KINDS) - {
    *UNREST, "strike", "quiet", "dispersed_peacefully", "repression", "detained", "deaths", "injuries", "damage_total",
}  # fmt: skip


def act_of_authority(told: str) -> str:
    """What an authority did, or was done to it, by the words of a note: the kind told first, empty where that is of a crowd or not plain.

    >>> act_of_authority("The governor imposed a curfew."), act_of_authority("The party met in Oneville.")
    ('emergency_declared', '')
    >>> act_of_authority("Mobile data were cut during clashes."), act_of_authority("A march passed the cut-off fields.")
    ('internet_cut', '')
    """
    first = next(iter(kinds_in(told)), "")
    return first if first in _OF_AUTHORITIES else ""


def foremost(kinds: Iterable[str]) -> str:
    """The first kind that shows unrest, else the first, of happenings that are told together.

    >>> foremost(["", "repression", "airport_seized"]), foremost(["", "deaths", "detained"]), foremost([])
    ('airport_seized', 'deaths', '')
    """
    told = list(filter(None, kinds))
    return next((kind for kind in told if kind in UNREST), told[0] if told else "")


def _of_clause(clause: str) -> str:
    """The kind of a clause; `-` where it tells of something that did not happen, which ends the search."""
    if (asked := _listed("demanded").search(clause)) is not None:
        head = _first(clause[: asked.start()])
        return head if head in _GATHERINGS else "-"
    if (about := _listed("about").search(clause)) is not None:
        head = _first(clause[: about.start()])
        if head in _GATHERINGS or about[0].strip() == "抗议":
            return _real(head or "protest", clause[: about.start()])
    return _real(_first(clause), clause)


def _real(kind: str, clause: str) -> str:
    return "-" if kind and kind not in _NOT_A_DEED and _listed("unreal").search(clause) else kind


def _first(clause: str) -> str:
    """The kind of the first rule that fits."""
    tried = _listed("attempted").search(clause) is not None

    def fits(rule: _Rule) -> bool:
        if tried and rule.kind in _TRIED:
            return False
        return all(_words(g).search(clause) for g in rule.groups) and not (rule.but and _words(rule.but).search(clause))

    return next((rule.kind for rule in _rules() if fits(rule)), "")


@cache
def _table() -> dict[str, Any]:
    """`words.toml`, which says how words are written there."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


@cache
def _rules() -> list[_Rule]:
    return [_Rule(r["kind"], tuple(map(_whole, r["words"])), _whole(r.get("but", ""))) for r in _table()["rules"]]


def _whole(words: str) -> str:
    """A list of words with the lists that it names."""
    lists = _table()["lists"]
    while "@" in words:
        words = re.sub(r"@(\w+)", lambda m: lists[m[1]], words)
    return words


def _listed(name: str) -> re.Pattern[str]:
    return _words(_whole(f"@{name}"))


def _plain(told: str) -> str:
    """Small letters without accents; a French market and the month are no march."""
    told = re.sub(r"\bmarchés?\b", "market", told.casefold().replace("’", "'"))
    told = re.sub(r"\bmarch (?=\d)|\b(?:in|of|\d+) march\b", "", told)
    return "".join(c for c in unicodedata.normalize("NFKD", told) if not unicodedata.combining(c))


@cache
def _words(beginnings: str) -> re.Pattern[str]:
    """What finds one of a list of beginnings of words."""

    def one(word: str) -> str:
        bare = re.escape(_plain(word.rstrip("|").replace("_", " ")).strip()).replace(r"\ ", r"\w*\s+(?:\w+\s+)?" if _long(word) else r"\s+")
        return bare if _CJK.search(word) else rf"\b{bare}" + (r"\b" if word.endswith("|") else "")

    return re.compile("|".join(map(one, beginnings.split())))


def _long(word: str) -> bool:
    """Whether the parts of an expression are beginnings themselves, as Russian bends each of them."""
    return bool(re.search("[а-я]", word))
