"""What a sentence counts: a figure of people, exact or a bound, in digits or words, and of whom.

In: a sentence and its language. Out: a `Count`, or None where it counts nobody, several, or a part of the people. The words are in
`proposals.toml`. Who kills or arrests is no part of those who are counted, and what is said "of whom" follows is another count.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from qantar.account.candidates import simplifier
from qantar.lookup.days import day_patterns
from qantar.lookup.numerals import in_digits
from qantar.record.observables import Interval

ROUGH = 0.1
"""Share by which a figure that is "about" another may be off."""
PEOPLE = 20
"""A number from which on it is told by itself from hours, ages and streets."""
SIGNS = {"": "", "over": "> ", "least": "≥ ", "under": "< ", "most": "≤ "}
"""How a bound is written."""


BOUND = "¦ "
"""What stands for the words of a bound, so that its figure cannot be taken for a year."""
DAY = "d0"
"""What stands for a day, of which no number can be a figure of people."""


class Count(NamedTuple):
    """So many people of a quantity; `bound` is one of `SIGNS`; `partial` says that they may not be all (of all killed, the protesters)."""

    quantity: str
    figure: float
    bound: str = ""
    rough: bool = False
    partial: bool = False

    def fits(self, span: Interval) -> bool:
        """Whether some number of a range is as the sentence says.

        >>> few = Interval(17, None, 18)
        >>> [Count("deaths_cumulative", *said).fits(few) for said in ((17,), (18, "over"), (18, "least"), (30, "under"), (19, "", True))]
        [True, False, True, True, True]
        """
        off = ROUGH if self.rough else 0
        low, high = span.low * (1 - off), span.high * (1 + off)
        return {
            "": low <= self.figure <= high,
            "over": self.figure < high,
            "least": self.figure <= high,
            "under": self.figure > low,
            "most": self.figure >= low,
        }[self.bound]

    def above(self, high: float) -> bool:
        """Whether it says more than so many."""
        return self.bound in ("", "over", "least") and self.figure > high

    def below(self, low: float) -> bool:
        """Whether it says fewer than so many."""
        return self.bound in ("", "under", "most") and self.figure < low

    def __str__(self) -> str:
        return SIGNS[self.bound] + ("≈ " if self.rough and not self.bound else "") + f"{self.figure:,.10g}"


class Clause(NamedTuple):
    """A part of a sentence between semicolons: as it is said, and its words with numbers in digits, its days and bound taken out."""

    said: str
    words: str
    bound: str = ""
    near: bool = False


def clauses(sentence: str, language: str) -> list[Clause]:
    """Parts of a sentence that say one thing each, as the patterns expect them.

    >>> [(c.words, c.bound) for c in clauses("By 4 May more than fifty people died; the rest fled.", "en")]
    [('By d0 ¦ 50 people died', 'over'), (' the rest fled.', '')]
    """
    said = simplifier().convert(sentence) if language == "zh" else sentence.replace("’", "'")
    return [_clause(part, language) for part in re.split("[;；]", said)]


def _clause(said: str, language: str) -> Clause:
    undated = said
    for day in day_patterns(language):
        undated = day.sub(DAY, undated)
    words = pattern("of_them", language).sub(" ", in_digits(undated, language))
    for bound in ("least", "over", "most", "under", "near"):
        before, after = _bound(bound, language)
        if before.search(words):
            return Clause(said, before.sub(BOUND, words), "" if bound == "near" else bound, bound == "near")
        if after and after.search(words):
            return Clause(said, after.sub(lambda m: f"{m[1]}人", words), bound)
    return Clause(said, words)


def count_in(clause: Clause, language: str) -> Count | None:
    """The one count of a clause, of all people and of one quantity."""
    said = without_actor(clause.words, language)
    quantities = _quantities(said, language)
    bare = pattern("crowd", language).sub(" ", said)
    partial = len(quantities) == 2 and _quantities(bare, language) == [q for q in quantities if q != "participants"]
    if partial:
        said, quantities = bare, _quantities(bare, language)
    if len(quantities) != 1 or any(says(f"guard.{g}", said, language) for g in ("bound", "part")):
        return None
    figure = figure_in(said, language)
    rough = clause.near or says("about", said, language)
    return None if figure is None else Count(quantities[0], figure, clause.bound, rough, partial)


def counted_in(sentence: str, language: str) -> set[str]:
    """What of an event a sentence speaks of by number or name: its dead, injured or detained.

    >>> sorted(counted_in("Two people died, and nobody was arrested.", "en")), counted_in("A crowd came.", "en")
    (['deaths', 'detained'], set())
    """
    said = "; ".join(clause.words for clause in clauses(sentence, language))
    return {q.removesuffix("_cumulative") for q in _quantities(said, language)} - {"participants"}


def acts_in(sentence: str, language: str) -> set[str]:
    """Kinds of what was done for a whole country or region that a sentence names: a cut of the internet, a state of emergency.

    >>> acts_in("A state of emergency was declared.", "en"), acts_in("They stormed the airport.", "en")
    ({'emergency_declared'}, set())
    """
    said = "; ".join(clause.words for clause in clauses(sentence, language))
    return {kind for kind, rule in words()["event"].items() if not rule.get("local") and says(f"event.{kind}", said, language)}


def figures_in(sentence: str, language: str) -> set[int]:
    """Every whole number of a sentence that may count people, in digits or words, but no day: those of `PEOPLE` and more.

    >>> sorted(figures_in("On 4 May some 3,000 came, 64 were held for 2 days.", "en"))
    [64, 3000]
    """
    said = "; ".join(clause.words for clause in clauses(sentence, language))
    return {
        n for found in re.findall(rf"(?<![\w.,])(?:{_GROUPED}|\d+)(?![\w.,]\d)", said) if (n := int(re.sub(r"\D", "", found))) >= PEOPLE
    }


def years_in(said: str, language: str) -> set[int]:
    """Years that a text says to be some.

    >>> sorted(years_in("In 2019 and in May 2020 some 2021 people came.", "en")), years_in("2019年共有2020人", "zh")
    ([2019, 2020], {2019})
    """
    found = re.findall(words()["year"][language], said, re.IGNORECASE)
    return {int(y) for one in found for y in (one if isinstance(one, tuple) else (one,)) if y}


def _quantities(said: str, language: str) -> list[str]:
    return [q for q in words()["count"] if says(f"count.{q}", said, language)]


def without_actor(said: str, language: str) -> str:
    """A text without those who killed, wounded or took the people it counts.

    >>> without_actor("The police killed 17 people.", "en"), without_actor("17 policemen were killed.", "en")
    ('  killed 17 people.', '17 policemen were killed.')
    >>> without_actor("警察打死17人", "zh"), without_actor("Полиция убила 11 человек", "ru")
    (' 打死17人', '  убила 11 человек')
    """
    return _actor(language).sub(" ", said)


@cache
def _actor(language: str) -> re.Pattern[str]:
    data = words()["actor"]
    gap = rf"(?:(?!{data['not'][language]}).){{0,40}}?"
    who, did, by = data["who"][language], data["did"][language], "|".join(data["by"][language])
    if language == "zh":
        return re.compile(rf"{who}(?={gap}{did})|{by}")
    return re.compile(rf"(?<!\w){who}(?!\w)(?={gap}(?<!\w){did})|(?<!\w)(?:{by})(?!\w)", re.IGNORECASE)


@cache
def _bound(name: str, language: str) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """Words of a bound right before a figure, and right after it (Chinese)."""
    data = words()["bound"][name]
    before = "|".join(data[language])
    if language == "zh":
        after = re.compile(rf"(\d)(?:{data['after']})") if "after" in data else None
        return re.compile(rf"(?:{before})\s?(?=\d)"), after
    return re.compile(rf"(?<!\w)(?:{before})\s+(?=\d)", re.IGNORECASE), None


_TIMES = r"\b\d{1,2}[:.]\d\d\b|\b\d+(?:st|nd|rd|th)\b"
_GROUPED = r"\d{1,3}(?:[,\u00a0\u202f ]\d{3})+"
_NUMBER = re.compile(
    rf"(?<![\dA-Za-z\u0400-\u04ff.,])({_GROUPED}|\d+(?:[.,]\d+)?)"
    r"(\s?(?:thousand|hundred|тысяч\w*|тыс\.?)|万|千|百)?(?!\s?[%‰％])"
)
_TIMES_OF = {"thousand": 1e3, "hundred": 1e2, "万": 1e4, "千": 1e3, "百": 1e2}


def figure_in(said: str, language: str) -> float | None:
    """The one figure of people in a text; None if there is none or several, or an ordinal. Years and lengths are no such figure.

    >>> figure_in("By d0 some 16,000 people were detained.", "en"), figure_in("全国约1.6万人被拘留", "zh")
    (16000.0, 16000.0)
    >>> figure_in("12 and 14 were hurt", "en"), figure_in("12 in 1 afternoon", "en"), figure_in("2 тысячи человек.", "ru")
    (None, 12.0, 2000.0)
    """
    plain = said
    for form in (words()["year"][language], _TIMES, words()["measure"][language]):
        plain = re.compile(form, re.IGNORECASE).sub(" ", plain)
    found = list(_NUMBER.finditer(plain))
    of_people = len(found) == 1 and re.match(words()["people"][language], plain[found[0].end() :], re.IGNORECASE)
    if not of_people or re.search(words()["ordinal"][language], plain, re.IGNORECASE) or re.search(r"\d\s?%|％|\d[-–—]\d", plain):
        return None
    digits, unit = found[0][1], (found[0][2] or "").strip()
    value = float(re.sub(r"\D", "", digits) if re.fullmatch(_GROUPED, digits) else digits.replace(",", "."))
    return value * (1e3 if unit.startswith("тыс") else _TIMES_OF.get(unit, 1))


@cache
def words() -> dict[str, Any]:
    """`proposals.toml`."""
    return tomllib.loads(Path(__file__).with_name("proposals.toml").read_text(encoding="utf-8"))


@cache
def pattern(name: str, language: str) -> re.Pattern[str]:
    """One pattern for a list of `proposals.toml`."""
    part = words()
    for step in name.split("."):
        part = part[step]
    forms = "|".join(part[language]) or r"(?!)"
    outside = r"" if name == "of_them" else r"(?<!\w)"
    return re.compile(forms if language == "zh" else rf"{outside}(?:{forms})(?!\w)", re.IGNORECASE)


def says(name: str, said: str, language: str) -> bool:
    """Whether any word of a list of `proposals.toml` stands in a text."""
    return bool(pattern(name, language).search(said))
