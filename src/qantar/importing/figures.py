"""How many people, as tables write it: figures, figures about so high, at least so high, and from one to another.

Read is what can only be meant in one way: 1500, 1,500, 1.500, 1 500, 2k, 3 mil, 1.2 million, 3万; about 8,000, ~400, 3000?; 3,000+, more
than 1000, over 2k; 2,000-3,000, 1000 a 2000, 5 - 6 thousand, between 200 and 300. Words such as "hundreds" are no figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from qantar.importing.written import plain
from qantar.record.schema import PEOPLE_MAX

NONE = frozenset((*"-–—?", "--", "n/a", "N/A", "n.a.", "NA", "s/d", "S/D", "n/d", "N/D", "н/д", "无", "不详", "不明"))
"""What stands in a cell where nothing is known."""
_TIMES = {
    1_000: ("k", "thousand", "mil", "mille", "tausend", "тыс", "тысяч", "тысячи", "тысяча", "千"),
    10_000: ("万",),
    1_000_000: ("million", "millions", "millón", "millon", "millones", "milhão", "milhões", "mio", "millionen", "млн", "百万"),
}
_FACTOR = {word: factor for factor, words in _TIMES.items() for word in words}
_ABOUT = (
    "about", "around", "approx", "approximately", "ca", "c", "cca", "circa", "some", "roughly", "nearly", "almost", "close to",
    "an estimated", "estimated", "est", "~", "≈", "±", "+/-", "+-", "unos", "unas", "cerca de", "alrededor de", "aprox",
    "aproximadamente", "casi", "más o menos", "mas o menos", "estimado", "uns", "umas", "por volta de", "mais ou menos", "quase",
    "em torno de", "environ", "env", "près de", "pres de", "à peu près", "approximativement", "autour de", "quelque", "presque",
    "etwa", "rund", "ungefähr", "ungef", "zirka", "fast", "knapp", "gegen", "около", "ок", "примерно", "прибл", "приблизительно",
    "порядка", "почти", "约", "大约", "大概", "将近", "接近", "近", "حوالي", "نحو", "قرابة",
)  # fmt: skip
_ABOUT_AFTER = ("左右", "上下", "approx.", "aprox.", "approximately", "environ", "примерно", "or so")
"""What says the same behind a figure."""
_LEAST = (
    "more than", "over", "at least", ">", "≥", ">=", "más de", "mas de", "al menos", "mais de", "plus de", "au moins", "über", "mehr als",
    "mindestens", "более", "больше", "свыше", "не менее", "超过", "至少", "逾",
)  # fmt: skip
_TO = ("-", "–", "—", "to", "a", "à", "bis", "до", "至", "到")
_BETWEEN = {"between": "and", "entre": "y|e|et", "zwischen": "und", "from": "to", "de": "a|à", "von": "bis", "от": "до"}
_PEOPLE = (
    "people", "persons", "protesters", "demonstrators", "personas", "manifestantes", "pessoas", "personnes", "manifestants", "menschen",
    "personen", "человек", "人", "名",
)  # fmt: skip


def _one_of(words: object) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_NUMBER = rf"([0-9][0-9.,'’ \u00a0\u202f]*)\s*({_one_of(_FACTOR)})?\.?"
_FIGURE = re.compile(
    rf"(?:(?P<about>{_one_of(_ABOUT)})(?:\.\s*|\s*(?=[0-9])|\s+)|(?P<least>{_one_of(_LEAST)})\s*)?{_NUMBER}"
    rf"(?:\s*(?:{_one_of(_TO)})\s*{_NUMBER}|\s*(?P<plus>\+))?\s*(?:{_one_of(_PEOPLE)})?\s*(?P<doubt>\(?\?\)?|\(?(?:{_one_of(_ABOUT_AFTER)})\)?)?",
    re.IGNORECASE,
)
_SPAN = re.compile("|".join(rf"{a}\s+(.+?)\s+(?:{b})\s+(.+)" for a, b in _BETWEEN.items()), re.IGNORECASE)
_PLAIN = re.compile(r"([0-9]{1,12})(?:\.0*)?")
_GROUPED = re.compile(r"([1-9][0-9]{0,2}(?:([.,'’ \u00a0\u202f])[0-9]{3})(?:\2[0-9]{3})*)(?:(?!\2)[.,]0+)?")
_DECIMAL = re.compile(r"[0-9]{1,6}(?:[.,][0-9]{1,2})?")


class Figure(NamedTuple):
    """Lowest and highest number; without a highest where it is only at least so high."""

    low: int
    high: int | None
    sure: bool = True
    """False where it is only about so high, or doubted"""


def read_figure(cell: str) -> Figure | None:
    """The figure that a cell writes; None where it is none, or could be two.

    >>> [read_figure(c) for c in ("2,000-3,000", "3 mil", "more than 1000")]
    [Figure(low=2000, high=3000, sure=True), Figure(low=3000, high=3000, sure=True), Figure(low=1000, high=None, sure=True)]
    >>> read_figure("60.000?"), read_figure("hundreds"), read_figure("1.200 mil")
    (Figure(low=60000, high=60000, sure=False), None, None)
    """
    cell = " ".join(cell.split())
    if cell.isascii() and cell.isdigit() and len(cell) < 13:  # nearly all of them
        return _figure(int(cell), int(cell))
    if span := _SPAN.fullmatch(cell):
        cell = "-".join(filter(None, span.groups()))
    if (found := _FIGURE.fullmatch(cell)) is None:
        return None
    first, times, last, also = found.group(3, 4, 5, 6)
    sure = not (found["about"] or found["doubt"])
    low = _number(first, times)
    if last is None:
        return _figure(low, None if found["least"] or found["plus"] else low, sure=sure, open_=bool(found["least"] or found["plus"]))
    high = _number(last, also)
    if low is None or high is None or found["least"]:
        return None
    if also and not times:  # of "5 - 6 thousand" the first is thousands too, of "500 - 2 thousand" it is not
        many = _number(first, also)
        low = many if many is not None and many <= high else low
    return _figure(low, high, sure=sure) if low <= high else None


def _figure(low: int | None, high: int | None, *, sure: bool = True, open_: bool = False) -> Figure | None:
    if low is None or low > PEOPLE_MAX or (high or 0) > PEOPLE_MAX:
        return None
    return Figure(low, None if open_ else high, sure)


def _number(digits: str, times: str | None) -> int | None:
    """A whole number; with a word for thousands also a decimal, but none that could be groups of three digits.

    >>> _number("1.500", None), _number("1.2", "million"), _number("1.5", None), _number("1,50,000", None)
    (1500, 1200000, None, None)
    """
    digits = digits.strip()
    if times:
        return int(Decimal(digits.replace(",", ".")) * _FACTOR[times.lower()]) if _DECIMAL.fullmatch(digits) else None
    if found := _GROUPED.fullmatch(digits) or _PLAIN.fullmatch(digits):
        return int(re.sub(r"[^0-9]", "", found[1]))
    return None


NUMBERS = (
    "count", "participants", "participants_low", "participants_high", "deaths_low", "deaths", "deaths_high", "injured", "detained",
)  # fmt: skip
OF_TWO = ("participants", "deaths", "injured", "detained")
"""Numbers that may be written as a range; of one without columns for its ends the low one is kept."""


def as_told(cell: Callable[[str], str]) -> Iterator[str]:
    """What a row says of its figures beside them: a crowd in words, and what is only about so high or doubted."""
    for name in NUMBERS[1:]:
        told = cell(name)
        figure = read_figure(told) if told and told not in NONE else None
        if name == "participants" and told not in NONE and (figure is None or not figure.sure):
            yield plain(told)
        elif figure is not None and not figure.sure:
            yield f"{name} {plain(told)}"
