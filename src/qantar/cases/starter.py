"""The texts of a new case: case.toml, scenario.toml and TODO.md, from the files of the folder `starter`, in the reader's language.

In: what is known of the country. Out: text by file name. The figures of the scenario are those of the world at large, and say so.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from qantar.cases.world import Country
from qantar.files.cells import printable
from qantar.messages import LANGUAGES, text
from qantar.record.schema import MONEY

FOLDER = Path(__file__).with_name("starter")
HOURS_MAX = 4096
"""Hours of a history: the most that scenario.toml may have."""
RESIDENTS = 20_000
"""Residents of the model that a first look takes."""
SHARES = {"farming": 0.1, "industry": 0.1, "services": 0.2, "children": 0.25, "vehicles": 0.0625, "guard": 0.001, "army": 0.003}
"""Of all residents; the comments of scenario.toml say how far countries differ."""


@dataclass(frozen=True)
class Start:
    """What the texts of a new case need."""

    id: str
    folder: Path
    country: Country
    days: tuple[dt.date, dt.date]
    given: bool
    """whether the days were asked for"""
    regions: list[str]
    capital: str
    """region of the capital; empty where its town is not known"""
    projection: tuple[float, float, float]
    own: bool
    """whether the regions are of a file of the user's"""
    towns: tuple[str, ...] = ()
    notes: tuple[tuple[str, dict[str, str]], ...] = ()
    without_seat: int = 0

    def with_towns(self, towns: list[str], notes: tuple[tuple[str, dict[str, str]], ...], without_seat: int) -> Start:
        """The same with ids of towns, notes on the borders, and how many regions have no seat."""
        return replace(self, towns=tuple(towns), notes=notes, without_seat=without_seat)


def texts(start: Start, lang: str) -> dict[str, str]:
    """The three texts, by file name."""
    values = {**_names(start, lang), **_figures(start), **_words(start, lang)}
    made = {}
    for name in ("case.toml", "scenario.toml", "TODO.md"):
        stem, suffix = name.split(".")
        made[name] = Template((FOLDER / f"{stem}.{lang}.{suffix}").read_text(encoding="utf-8")).substitute(values)
    return made


def quoted(words: str) -> str:
    """A string of TOML."""
    return json.dumps(" ".join(printable(words).split()), ensure_ascii=False)


def first_scale(people: int) -> float:
    """Residents of the model for each of the country that make a first look quick, rounded to one digit.

    >>> first_scale(19_000_000), first_scale(900)
    (0.001, 1.0)
    """
    share = min(1.0, RESIDENTS / people)
    return max(0.0001, round(share, -math.floor(math.log10(share))))


def _names(start: Start, lang: str) -> dict[str, str]:
    land, (en, zh) = start.country, months_in_words(*start.days)
    return {
        "id": start.id,
        "folder": str(start.folder),
        "iso2": land.iso2,
        "country": land.name_zh if lang == "zh" else land.name_en,
        "country_en": quoted(land.name_en),
        "country_zh": quoted(land.name_zh),
        "title_en": quoted(f"{land.name_en}, {en}"),
        "title_zh": quoted(f"{land.name_zh}，{zh}"),
    }


def months_in_words(first: dt.date, last: dt.date) -> tuple[str, str]:
    """The months of a stretch of days in both languages.

    >>> months_in_words(dt.date(2024, 6, 15), dt.date(2024, 7, 31)), months_in_words(dt.date(2024, 12, 1), dt.date(2025, 1, 9))[0]
    (('June to July 2024', '2024年6月至7月'), 'December 2024 to January 2025')
    """
    en, zh = f"{last:%B %Y}", f"{first.year}年{first.month}月"
    if first.year != last.year:
        return f"{first:%B %Y} to {en}", f"{zh}至{last.year}年{last.month}月"
    return (en, zh) if first.month == last.month else (f"{first:%B} to {en}", f"{zh}至{last.month}月")


def _figures(start: Start) -> dict[str, str]:
    people, (first, last) = start.country.people, start.days
    hours = min(HOURS_MAX, 24 * ((last - first).days + 1))
    p1, p2, meridian = start.projection
    free = [first + dt.timedelta(days=d) for d in range(math.ceil(hours / 24))]
    weekend = _weekend(start.country.iso2)
    return {
        "first_day": str(first),
        "last_day": str(last),
        "quiet_start": str(first - dt.timedelta(weeks=4)),
        "hours": str(hours),
        "days_off": _lines([str(day) for day in free if day.weekday() in weekend]),
        "scale": f"{first_scale(people):g}",
        "parallel_1": f"{p1:g}",
        "parallel_2": f"{p2:g}",
        "meridian": f"{meridian:g}",
        "currency": _currency(start.country.iso2, first),
        **{name: str(int(people * share)) for name, share in SHARES.items()},
    }


def _words(start: Start, lang: str) -> dict[str, str]:
    notes = [text(key, lang, **args) for key, args in start.notes]
    data = [text(f"new.data.{key}", lang) for key in ("towns", "regions_own" if start.own else "regions", "residents", "adjacency")]
    seats = text("new.seats", lang)
    if start.without_seat:
        seats += text("new.no_seat", lang, n=start.without_seat)
    return {
        "attributions": _attributions(start),
        "capital": f'capital = "{start.capital}"' if start.capital else f'# capital = "{start.regions[0]}"',
        "region": start.regions[0],
        "settlement": start.towns[0] if start.towns else "-",
        "day_note": "" if start.given else text("new.days_assumed", lang),
        "method": text("new.method_short", lang),
        "seat_note": seats,
        "data": "\n".join(f"- {line}" for line in [*data, *notes]),
    }


def _attributions(start: Start) -> str:
    """Who must be named, in both languages, with what must be known of the borders."""
    borders = {lang: text("error.space", lang).join(text(key, lang, **args) for key, args in start.notes) for lang in LANGUAGES}
    kinds = [("own" if start.own else "regions", text(f"new.licence.{'own' if start.own else 'regions'}", "en")), ("towns", "CC BY 4.0")]
    counted = {a.counted_by for a in start.country.areas} - {""}
    kinds += [] if start.own else [(f"residents_{key}", "CC BY 4.0") for key in sorted(counted)]
    blocks = []
    for kind, licence in kinds:
        said = {lang: text(f"new.attribution.{kind}", lang) for lang in LANGUAGES}
        if kind in ("own", "regions"):
            said = {lang: words + text("error.space", lang) + borders[lang] for lang, words in said.items()}
        lines = [f"text_{lang} = {quoted(said[lang])}" for lang in LANGUAGES]
        blocks.append("\n".join(["[[attributions]]", *lines, f"licence = {quoted(licence)}"]))
    return "\n\n".join(blocks)


def _currency(iso2: str, day: dt.date) -> str:
    """The ISO 4217 code of what is paid with on a day, as the Unicode CLDR has it."""
    from babel.numbers import get_territory_currencies

    found = get_territory_currencies(iso2, day)
    return str(found[0]) if found else MONEY


def _weekend(iso2: str) -> set[int]:
    """Days of the week that are free, Monday 0, as the Unicode CLDR has them; Saturday and Sunday where it has none."""
    from babel import Locale, UnknownLocaleError

    try:
        found = Locale.parse(f"und_{iso2}")
    except (UnknownLocaleError, ValueError):
        return {5, 6}
    start, end = found.weekend_start, found.weekend_end
    return {(start + n) % 7 for n in range((end - start) % 7 + 1)}


def _lines(days: list[str], wide: int = 8) -> str:
    """A list that is broken into lines."""
    rows = [", ".join(days[n : n + wide]) for n in range(0, len(days), wide)]
    return rows[0] if len(rows) == 1 else "".join(f"\n  {row}," for row in rows) + "\n" if rows else ""
