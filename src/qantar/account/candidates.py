"""Finds candidate claims in a document: sentences with a figure, a date, a place, an act or a cause.

In: a `Document`, and names of places. Out: `Candidate` rows. The cues are in `cues.toml`, as regular expressions by language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from qantar.account.document import ENDS, Document, Sentence

CUES = ("figure", "date", "place", "act", "causal")
HEADING_WORDS = {"en": 8, "ru": 8, "zh": 14}
"""Words (characters in Chinese) of a line without closing punctuation that may be a heading."""


@dataclass(frozen=True)
class Candidate:
    """A sentence that looks like a claim one could check, and the words that make it look so, by sort of cue."""

    sentence: Sentence
    cues: dict[str, tuple[str, ...]]

    @property
    def kind(self) -> str:
        """First guess at the kind of claim: causal wording alone makes it a cause."""
        return "cause" if set(self.cues) == {"causal"} else "fact"


def candidates(document: Document, places: Iterable[str] = (), country: str = "") -> list[Candidate]:
    """Sentences with figures, dates, places, acts (of violence, of the state, of protest) or causal wording, in order; no headings.

    Parameters
    ----------
    places : names of places of the case, in any language; the world's countries are known without.
    country : ISO 3166-1 alpha-2 code of the country the account is about: its name alone is no cue.
    """
    patterns = _cue_patterns(document.language)
    countries = _countries(document.language)
    names = {*places, *countries.values()} - {countries.get(country, "")}
    place = place_pattern(tuple(sorted(names)), document.language)
    found = []
    for sentence in document.sentences():
        rest = re.sub(r"https?://\S+|^\s*\d{1,2}[.)、．]", " ", sentence.text)
        cues = {"date": _hits(patterns["date"], rest)}
        rest = patterns["date"].sub(" ", rest)  # the digits of a date are not a figure of their own
        cues |= {"place": _hits(place, rest), **{sort: _hits(patterns[sort], rest) for sort in ("figure", "act", "causal")}}
        if any(cues.values()) and not _is_heading(sentence.text, cues, document.language):
            found.append(Candidate(sentence, {k: cues[k] for k in CUES if cues[k]}))
    return found


def _is_heading(text: str, cues: dict[str, tuple[str, ...]], language: str) -> bool:
    """Whether a short line that does not end as a sentence says no more than when or where: "Wednesday: Escalation"."""
    size = len(re.sub(r"\s+", "", text)) if language == "zh" else len(text.split())
    says_more = cues["figure"] or cues["act"] or cues["causal"]
    return not says_more and size <= HEADING_WORDS[language] and not ENDS.search(text)


def _hits(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.group(0).strip() for m in pattern.finditer(text)))


@cache
def _cue_patterns(language: str) -> dict[str, re.Pattern[str]]:
    cues = tomllib.loads(Path(__file__).with_name("cues.toml").read_text(encoding="utf-8"))
    return {sort: re.compile("|".join(expressions), re.IGNORECASE) for sort, expressions in cues[language].items()}


@cache
def _countries(language: str) -> dict[str, str]:
    """The world's countries by their codes of two letters."""
    from babel import Locale

    return {code: name for code, name in Locale(language).territories.items() if len(code) == 2 and code.isalpha()}


@cache
def place_pattern(names: tuple[str, ...], language: str) -> re.Pattern[str]:
    """One pattern for all names. Chinese names lose their generic ending, Russian ones their case ending."""
    stems = set()
    for name in names:
        if language == "zh" and re.fullmatch(r"[\u4e00-\u9fff·]{2,}", name):
            stems.add(re.escape(re.sub(r"(?<=..)(?:州|市|地区|区)$", "", name)))
        elif language == "ru" and re.search(r"[\u0400-\u04ff]", name):
            word = name.split()[0]
            stems.add(rf"\b{re.escape(word[:-2] if len(word) > 5 else word)}\w{{0,4}}\b")
        elif language == "en" and re.match(r"[A-Za-z]{3}", name):
            stems.add(rf"\b{re.escape(name)}\b")
    return re.compile("|".join(sorted(stems, key=lambda s: (-len(s), s))) or r"(?!)")
