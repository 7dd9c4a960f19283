"""Finds candidate claims in a document: sentences whose score reaches a cut.

In: a `Document`, and names of places. Out: `Candidate` rows. The score, between 0 and 1, is a sum over signs that a sentence asserts
something of the world (a figure, a time, an act, a finished event, ...) and signs that it does not (a question, a demand, an opinion, a
heading, ...). Signs, weights and cut are in `signs.toml`. It tells sentences worth a look from others and knows nothing of what is true.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from qantar.account.document import Document, Sentence

HEADING_WORDS = {"en": 9, "ru": 9, "zh": 16}
"""Words of a line without closing punctuation that may be a heading."""
READ_MAX = 2_000
"""Characters of a sentence that are looked at: longer ones are tables or rubbish, and would take long."""
LONG = 30
"""Words from which on a sentence is simply long."""
HAN_PER_WORD = 1.6
"""Chinese characters that say as much as a word."""
ENDS = ("。", ".", "…", "；", ";")
CLOSERS = " \t”’』」）)]\"'»"
NAME = re.compile(r"(?<=[\w,;] )(?!I\b|I'|Mr|Mrs|Ms|God\b)[A-ZА-ЯЁ][\w'-]+")
"""A capital inside a sentence."""
OF_FACT = {"figure", "share", "time", "place", "act"}
"""Signs beside which the sign of a cause does not make a sentence a claim about causes alone."""
REPORTED = {"figure", "time", "source", "finished"}
"""Signs beside which words of what is to come report what was planned or said."""


@dataclass(frozen=True)
class Candidate:
    """A sentence, how much it looks like a claim one could check (0 to 1), the words that make it look so or not, by sign, and a kind."""

    sentence: Sentence
    score: float
    signs: dict[str, tuple[str, ...]]
    kind: str = "fact"

    def weightiest(self, most: int) -> list[str]:
        """The signs that moved the score most, in either direction."""
        return sorted(self.signs, key=lambda sign: -abs(_weight(sign, self.signs[sign])))[:most]


def candidates(document: Document, places: Iterable[str] = (), country: str = "") -> list[Candidate]:
    """Sentences whose score reaches the cut, in order.

    Parameters
    ----------
    places : names of places of the case, in any language; the world's countries are known without.
    country : ISO 3166-1 alpha-2 code of the country the account is about: its name alone is no sign.
    """
    found = scored(document.sentences(), document.language, places, country)
    return [c for c in found if c.score >= cut()]


def cut() -> float:
    """The score from which on a sentence is a candidate."""
    return float(_data()["cut"])


def scored(sentences: Iterable[Sentence], language: str, places: Iterable[str] = (), country: str = "") -> list[Candidate]:
    """All sentences of a text with their scores and signs, in order; `places` and `country` as above."""
    finder = _Finder(language, places, country)
    return [finder.weighed(sentence) for sentence in sentences]


class _Finder:
    """The signs of one language, with the names of places that count and of the country that does not."""

    def __init__(self, language: str, places: Iterable[str], country: str) -> None:
        countries = country_names(language)
        home = {countries[country]} if country in countries else set()
        self.language = language
        self.patterns = _patterns(language)
        self.place = place_pattern(tuple(sorted({*places, *countries.values()} - home)), language)
        self.home = place_pattern(tuple(home), language)

    def weighed(self, sentence: Sentence) -> Candidate:
        """The sentence with its score and signs."""
        text = _plain(sentence.text[:READ_MAX], self.language)
        size = len(re.findall(r"[\u4e00-\u9fff]", text)) / HAN_PER_WORD if self.language == "zh" else len(text.split())
        length = min(1.0, max(0.0, (size - 1) / (LONG - 1)))
        signs = self._signs(text, size)
        total = _data()["bias"] + _data()["sign"]["length"]["weight"] * length + sum(_weight(sign, words) for sign, words in signs.items())
        return Candidate(sentence, 1 / (1 + math.exp(-total)), signs, self._kind(text, signs.keys()))

    def _kind(self, text: str, signs: Set[str]) -> str:
        """First guess at the kind of claim (`signs.toml` says how)."""
        says = {kind: bool(pattern.search(text)) for kind, pattern in _kind_patterns(self.language).items()}
        if says["judgement"] and not signs & {"figure", "source"}:
            return "judgement"
        if says["count"] and "figure" in signs:
            return "fact"
        if says["cause"]:
            return "cause"
        if "forecast" in signs and not signs & REPORTED:
            return "prediction"
        return "cause" if "cause" in signs and not signs & OF_FACT else "fact"

    def _signs(self, text: str, size: float) -> dict[str, tuple[str, ...]]:
        """The words of each sign that a sentence shows, in the order of the table."""
        rest = _pointers().sub(" ", text).strip()
        untimed = self.patterns["time"].sub(" ", rest)  # the digits of a date are no figure of their own, a month is no name
        where = {"figure": untimed, "about_text": text}
        found = {sign: _hits(pattern, where.get(sign, rest)) for sign, pattern in self.patterns.items()}
        found["place"] = _hits(self.place, rest)
        found["name"] = tuple(name for name in _hits(NAME, self.home.sub(" ", untimed)) if name not in found["place"])
        bare = rest.rstrip(CLOSERS)
        if bare.endswith(("?", "？")):
            found["question"] = (bare[-1],)
        elif bare.endswith(("!", "！")):
            found["exclaim"] = (bare[-1],)
        elif not bare.endswith(ENDS) and size <= HEADING_WORDS[self.language]:
            found["heading"] = (rest,)
        return {sign: found[sign] for sign in _data()["sign"] if found.get(sign)}


def _weight(sign: str, words: tuple[str, ...]) -> float:
    rule = _data()["sign"][sign]
    return float(rule["weight"] * min(len(words), rule.get("most", 1)))


def _plain(text: str, language: str) -> str:
    """The text as the patterns expect it: straight apostrophes, simplified characters."""
    return simplifier().convert(text) if language == "zh" else text.replace("’", "'")


@cache
def simplifier() -> Any:
    """What turns traditional characters into simplified ones."""
    from opencc import OpenCC

    return OpenCC("tw2s")  # the table of Taiwan also turns 著火 into 着火, which t2s leaves


def _hits(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.group(0).strip() for m in pattern.finditer(text)))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("signs.toml").read_text(encoding="utf-8"))


@cache
def _pointers() -> re.Pattern[str]:
    return re.compile("|".join(_data()["pointers"]), re.IGNORECASE)


@cache
def _patterns(language: str) -> dict[str, re.Pattern[str]]:
    """The pattern of each sign that has words in a language."""
    return {
        sign: re.compile(_alternatives(rule, language), re.IGNORECASE)
        for sign, rule in _data()["sign"].items()
        if {"any", language} & rule.keys()
    }


@cache
def _kind_patterns(language: str) -> dict[str, re.Pattern[str]]:
    return {kind: re.compile(_alternatives(rule, language), re.IGNORECASE) for kind, rule in _data()["kind"].items()}


def _alternatives(rule: dict[str, Any], language: str) -> str:
    anywhere = list(rule.get("any", ()))
    words = "|".join(rule.get(language, ()))
    if language == "zh":
        return "|".join([*anywhere, words] if words else anywhere)
    excepted = rf"(?!(?:{'|'.join(rule['except'])})(?!\w))" if "except" in rule else ""
    return "|".join([*anywhere, rf"(?<!\w){excepted}(?:{words})(?!\w)"])


@cache
def country_names(language: str) -> dict[str, str]:
    """The world's countries by their codes of two letters."""
    from babel import Locale

    return {code: name for code, name in Locale(language).territories.items() if len(code) == 2 and code.isalpha()}


def _without_accents(name: str) -> str:
    return unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)))


@cache
def place_pattern(names: tuple[str, ...], language: str) -> re.Pattern[str]:
    """One pattern for all names. Chinese names lose their generic ending, Russian ones their case ending; Latin ones may lose accents."""
    stems = set()
    for name in names:
        if language == "zh" and re.fullmatch(r"[\u4e00-\u9fff·]{2,}", name):
            stems.add(re.escape(re.sub(r"(?<=..)(?:州|市|地区|区)$", "", name)))
        elif language == "ru" and re.search(r"[\u0400-\u04ff]", name):
            word = name.split()[0]
            stems.add(rf"\b{re.escape(word[:-2] if len(word) > 5 else word)}\w{{0,4}}\b")
        elif language == "en" and re.match(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]{3}", name):
            stems |= {rf"\b{re.escape(form)}\b" for form in (name, _without_accents(name))}
    return re.compile("|".join(sorted(stems, key=lambda s: (-len(s), s))) or r"(?!)")
