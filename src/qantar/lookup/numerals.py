"""Numbers in words, as digits, so that a figure is found however it is written: two hundred, двести, 二百.

In: a text and its language. Out: the same text. Words are in `numerals.toml`. What could be two numbers stays two.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any


def in_digits(text: str, language: str) -> str:
    """A text in which every number is in digits, thousands grouped: 2,000 after a month is no year.

    >>> in_digits("Some hundred thousand came, twenty-five were hurt; five or six fled, 2.5 thousand stayed.", "en")
    'Some 100,000 came, 25 were hurt; 5 or 6 fled, 2,500 stayed.'
    >>> in_digits("Двести пять человек, две тысячи сорок", "ru"), in_digits("二百三十八人，二十万人，十一名，第一人", "zh")
    ('205 человек, 2,040', '238人，200000人，11名，第一人')
    """
    if language == "zh":
        return _runs(language).sub(lambda m: str(_chinese(m.group(0))), text)
    return _runs(language).sub(lambda m: _in_one_run(m.group(0), language), text)


def number(word: str, language: str) -> int | None:
    """The one whole number that a word or digits say.

    >>> number("three", "en"), number("十二", "zh"), number("14", "ru"), number("some", "en")
    (3, 12, 14, None)
    """
    if word.isascii() and word.isdigit():
        return int(word)
    if language == "zh":
        return _chinese(word) if {*word} <= {*_data()["zh"]["ones"], *_data()["zh"]["times"]} else None
    found = in_digits(word, language)
    plain = found.replace(",", "")
    return int(plain) if plain.isascii() and plain.isdigit() else None


def _in_one_run(run: str, language: str) -> str:
    """Words that follow each other, as one number or as several."""
    parts = re.split(f"({_data()[language]['joint']})", run, flags=re.IGNORECASE)
    told, total, current, room = "", 0.0, 0.0, 0.0
    begun = False
    for between, word in zip(["", *parts[1::2]], parts[::2], strict=True):
        value, times = _value(word, language)
        if begun and not times and (value >= room or value == 0):
            told, total, current, begun = f"{told}{_plain(total + current)}{between}", 0.0, 0.0, False
        if times and value >= 1_000:
            total, current = total + (current or (0.0 if begun else 1.0)) * value, 0.0
            room = value
        elif times:
            current, room = (current or 1.0) * value, value
        else:
            current += value
            room = _room(value)
        begun = True
    return told + _plain(total + current)


def _room(value: float) -> float:
    """What may still be added after a number: ones after tens, tens after hundreds, nothing after ones."""
    return 10 if 20 <= value < 100 and value % 10 == 0 else 100 if value >= 100 and value % 100 == 0 else 0


def _plain(value: float) -> str:
    return f"{value:,.0f}"


def _value(word: str, language: str) -> tuple[float, bool]:
    """What a word says, and whether it multiplies."""
    if word[0].isdigit():
        return float(word.replace(",", ".")), False
    for kind in ("ones", "times"):
        for pattern, value in _patterns(language, kind):
            if pattern.fullmatch(word):
                return value, kind == "times"
    raise AssertionError(word)  # the run was made of these words


@cache
def _patterns(language: str, kind: str) -> list[tuple[re.Pattern[str], float]]:
    return [(re.compile(form, re.IGNORECASE), float(value)) for form, value in _data()[language][kind].items()]


@cache
def _runs(language: str) -> re.Pattern[str]:
    data = _data()[language]
    if language == "zh":
        signs = "".join((*data["ones"], *data["times"]))
        return re.compile(rf"(?<![\d.第数几上成{signs}])[{signs}]{{1,12}}{data['counted']}")
    ones, times = "|".join(data["ones"]), "|".join(data["times"])
    decimal = rf"(?<![\w.,])\d{{1,6}}(?:[.,]\d{{1,2}})?(?=\s+(?:{times})(?!\w))"
    first = rf"(?<![\w-])(?:{ones}|{data['alone']})(?!\w)"
    return re.compile(rf"(?:{first}|{decimal})(?:{data['joint']}(?:{ones}|{times})(?!\w)){{0,9}}", re.IGNORECASE)


def _chinese(signs: str) -> int:
    ones, times = _data()["zh"]["ones"], _data()["zh"]["times"]
    total = block = digit = 0
    for sign in signs:
        if sign in ones:
            digit = ones[sign]
        elif (factor := times[sign]) < 10_000:
            block, digit = block + (digit or 1) * factor, 0
        else:
            total, block, digit = (total + block + digit or 1) * factor, 0, 0
    return int(total + block + digit)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("numerals.toml").read_text(encoding="utf-8"))
