"""Proposes a verdict for a sentence that the record can judge: a count, the first day in a region, the day of a happening.

In: sentences, their language, and a case. Out: for each a `Proposal` with the rows of the record it rests on, or None. A proposal says
that a figure or a day lies inside or outside what the rows allow, and no more; a person writes the verdict. Precision comes before
recall: a sentence that denies, supposes, compares, speaks of a part of the people, of another year, country or place, names two figures,
a day's count where the record has running totals only, or nothing that says where, has none. The words are in `proposals.toml`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from qantar.account.candidates import NAME, READ_MAX, country_names, simplifier
from qantar.cases.case import Case
from qantar.lookup.likely import Places, dates_in, day_patterns, months
from qantar.messages import LANGUAGES, text
from qantar.record.observables import LASTING, Interval, Onset, observe
from qantar.record.schema import Event, Total

MARGIN = 0.05
"""Share by which a figure must lie beyond all statements before it is said to contradict them: figures are rounded."""
DAYS_OFF = 2
"""Days by which a happening must be misdated at least: what begins at night is told under either day."""


@dataclass(frozen=True)
class Proposal:
    """What the record says of one sentence: `supported` or `contradicted`, the ids of its rows, and why in both languages."""

    verdict: str
    rows: tuple[str, ...]
    why: dict[str, str]

    def cells(self) -> dict[str, str]:
        """The columns of a claim that hold it."""
        return {
            "proposed": self.verdict,
            "proposed_rows": ";".join(self.rows),
            **{f"proposed_{lang}": self.why[lang] for lang in LANGUAGES},
        }


def propose(sentences: Iterable[str], language: str, case: Case) -> list[Proposal | None]:
    """For each sentence the record's verdict on it, if it has one that is safe to propose."""
    judge = _Judge(case, language)
    return [judge.of(sentence[:READ_MAX]) for sentence in sentences]


def beyond_the_sum(sentences: Iterable[str], language: str, case: Case) -> list[bool]:
    """For each sentence whether it counts dead, and the record has only a sum over its events, which it does not fall short of.

    Such a sum is a lower bound, and whatever the events leave out was more: it cannot contradict the sentence.
    """
    judge = _Judge(case, language)
    return [judge.beyond_the_sum(sentence[:READ_MAX]) for sentence in sentences]


class _Judge:
    """A case, as sentences of one language speak of it."""

    def __init__(self, case: Case, language: str) -> None:
        self.case, self.language = case, language
        self.record, self.observed = case.record, observe(case.record)
        self.first, self.last = case.head.first_day, case.head.last_day
        self.places = Places(case, language)
        named = [(name, key) for key, names in case.record.names().items() for name in names if language == "zh" and len(name) > 1]
        self.names = sorted(named, key=lambda pair: -len(pair[0]))
        countries = country_names(language)
        own = {countries.get(case.head.country, ""), getattr(case.head, f"country_{language}", "")} - {""}
        self.home = re.compile("|".join(map(re.escape, own)) or r"(?!)", re.IGNORECASE)
        least = 2 if language == "zh" else 4  # letters of a name that is told from other words
        others = [re.escape(name) for code, name in countries.items() if code != case.head.country and len(name) >= least]
        self.abroad = re.compile("|".join(others) if language == "zh" else rf"\b(?:{'|'.join(others)})\b")

    def of(self, sentence: str) -> Proposal | None:
        """The proposal for one sentence."""
        said = simplifier().convert(sentence) if self.language == "zh" else sentence.replace("’", "'")
        if said.rstrip("”’』」）)]\"'» \t").endswith(("?", "？", "!", "！")) or _says("guard.unsure", said, self.language):
            return None
        if _says("guard.other_time", said, self.language) or self.abroad.search(said) or self._other_year(said):
            return None
        days = sorted(set(dates_in(said, self.language, self.first, self.last)))
        where = self._unit(said)
        if where is None or self._names_unknown(said):
            return None
        return self._count(said, days, where) or self._first_day(said, days, where) or self._happening(said, days, where)

    def beyond_the_sum(self, sentence: str) -> bool:
        """Whether a sentence counts dead whom the sum over the events may leave out."""
        said = simplifier().convert(sentence) if self.language == "zh" else sentence.replace("’", "'")
        spelt = re.search(_data()["spelt"][self.language], said, re.IGNORECASE)
        figure = _figure(said, self.language)
        if "totals" not in self.record.derived or not _says("count.deaths_cumulative", said, self.language) or not (spelt or figure):
            return False
        region, _ = self._unit(said) or (self.record.country, None)
        units = [u for u in (self.observed.deaths_total, *self.observed.deaths) if u is not None]
        listed = next((u.interval.low for u in units if u.region_id == region), 0)
        return figure is None or figure >= listed

    def _other_year(self, said: str) -> bool:
        """Whether a year is named that is none of the case, or a day that is."""
        years = {
            int(y)
            for y in re.findall(_data()["year"][self.language], said, re.IGNORECASE)
            for y in (y if isinstance(y, tuple) else (y,))
            if y
        }
        dated = [m for pattern in day_patterns(self.language) for m in pattern.finditer(said)]
        outside = any(not list(dates_in(m.group(0), self.language, self.first, self.last)) for m in dated)
        return outside or any(not self.first.year <= y <= self.last.year for y in years)

    def _unit(self, said: str) -> tuple[str, str | None] | None:
        """Region and settlement that a sentence is about, the country if it names no place; None if it names several."""
        ids: set[str] = set()
        rest = said
        for name, key in self.names:  # the whole name before its stem: 阿拉木图州 is not 阿拉木图
            if name in rest:
                ids, rest = ids | {key}, rest.replace(name, " ")
        ids = ids or self.places.within(rest)
        regions = {i for i in ids if any(r.region_id == i for r in self.record.regions)}
        towns = {s.settlement_id: s.region_id for s in self.record.settlements if s.settlement_id in ids}
        if len(regions | set(towns.values())) > 1 or (len(towns) > 1 and not regions):
            return None
        if not ids:
            return self.record.country, None
        (region,) = regions or set(towns.values())
        return (region, None) if regions else (region, next(iter(towns)))

    def _names_unknown(self, said: str) -> bool:
        """Whether a name stands in it that the case does not know: it may be about another place."""
        if self.language == "zh":
            return bool(_pattern("elsewhere", "zh").search(self.places.any.sub("", self.home.sub("", said))))
        plain = self.places.any.sub(" ", self.home.sub(" ", said))
        for pattern in day_patterns(self.language):
            plain = pattern.sub(" ", plain)
        months_and_rest = {*months(self.language), "csto", "одкб", "region", "city", "square", "область", "collective", "security"}
        return any(name.casefold().rstrip("'s") not in months_and_rest for name in NAME.findall(plain) if not self._of_country(name))

    def _of_country(self, name: str) -> bool:
        """Whether a name is that of the country or made of it: Kazakhstan's, Kazakh, Kazakhs."""
        own = self.case.head.country_en if self.language == "en" else country_names(self.language).get(self.case.head.country, "")
        return len(own) > 4 and name[:5].casefold() == own[:5].casefold()

    # --- counts

    def _count(self, said: str, days: list[dt.date], where: tuple[str, str | None]) -> Proposal | None:
        quantities = [q for q in _data()["count"] if _says(f"count.{q}", said, self.language)]
        if len(quantities) > 1 and "participants" in quantities:
            return None
        if (
            len(quantities) != 1
            or not self._anchored(said, where)
            or any(_says(f"guard.{g}", said, self.language) for g in ("bound", "part"))
        ):
            return None
        figure = _figure(said, self.language)
        if figure is None or len(days) > 1:
            return None
        (quantity,) = quantities
        running, rough = _says("total", said, self.language), _says("about", said, self.language)
        if quantity == "participants":
            return None if running or not days else self._day_count(quantity, figure, days[0], where, rough=rough)
        if days:
            if running:
                return self._running(quantity, figure, days[0], where)
            return self._of_happenings(quantity, figure, days[0], where)
        return self._lasting(quantity, figure, where)

    def _anchored(self, said: str, where: tuple[str, str | None]) -> bool:
        """Whether a sentence says where: if not, it may speak of the town that the sentence before it names."""
        return where[0] != self.record.country or bool(self.home.search(said)) or _says("whole", said, self.language)

    def _totals(self, quantity: str, where: tuple[str, str | None]) -> list[Total]:
        return [t for t in self.record.totals if (t.quantity, t.region_id, t.settlement_id) == (quantity, *where)]

    def _lasting(self, quantity: str, figure: float, where: tuple[str, str | None]) -> Proposal | None:
        """Against counts of the whole made afterwards; against all that was ever stated, if it is outside."""
        every = self._totals(quantity, where)
        rows = [t for t in every if t.status in LASTING]
        return self._against(figure, rows, every, quantity, "lasting") if rows else None

    def _running(self, quantity: str, figure: float, day: dt.date, where: tuple[str, str | None]) -> Proposal | None:
        """Against the running totals of that day, and, if it is outside, of the days with a total around it."""
        every = [t for t in self._totals(quantity, where) if t.status != "computed"]
        before, after = [t.as_of for t in every if t.as_of < day], [t.as_of for t in every if t.as_of > day]
        rows = [t for t in every if t.as_of == day and t.status not in ("withdrawn", "claim")]
        if not rows or not before or not after:
            return None
        around = [t for t in every if max(before) <= t.as_of <= min(after)]
        return self._against(figure, rows, around, quantity, "running", day)

    def _day_count(self, quantity: str, figure: float, day: dt.date, where: tuple[str, str | None], *, rough: bool) -> Proposal | None:
        if where[0] != self.record.country:
            return self._of_happenings(quantity, figure, day, where)
        rows = [t for t in self._totals(quantity, where) if t.as_of == day and t.status == "day"]
        if not rows:
            return None
        span = _over(rows)
        if rough and span.low * 0.9 <= figure <= span.high * 1.1:
            return self._told("supported", figure, span, [t.total_id for t in rows], quantity, "day", day)
        return self._against(figure, rows, (), quantity, "day", day)

    def _of_happenings(self, quantity: str, figure: float, day: dt.date, where: tuple[str, str | None]) -> Proposal | None:
        """Against single happenings of the day and place that have a figure: they support it, and never speak against it."""
        if where[0] == self.record.country:
            return None
        rows = [e for e in self.record.events if e.date == day and e.scope == "event" and self._at(e, where) and _counted(e, quantity)]
        spans = [s for e in rows if (s := _counted(e, quantity))]
        if len(rows) != 1 or not spans[0].low <= figure <= spans[0].high:
            return None
        return self._told("supported", figure, spans[0], [rows[0].event_id], quantity, "day", day)

    def _at(self, event: Event, where: tuple[str, str | None]) -> bool:
        region, settlement = where
        return region in (self.record.country, event.region_id) and settlement in (None, event.settlement_id)

    def _against(
        self, figure: float, rows: Sequence[Total], every: Sequence[Total], quantity: str, kind: str, day: dt.date | None = None
    ) -> Proposal | None:
        """Supported inside the range of `rows`; contradicted clearly outside the range of `every`; between the two nothing is proposed."""
        span = _over(rows)
        if span.low <= figure <= span.high:
            return self._told("supported", figure, span, [t.total_id for t in rows], quantity, kind, day)
        hull = _over(every) if every else span
        summed = kind == "lasting" and "totals" in self.record.derived
        most = math.inf if summed else hull.high * (1 + MARGIN)  # whatever the events listed leave out was more, never less
        if hull.low * (1 - MARGIN) <= figure <= most:
            return None
        wider = {"lasting": "ever", "running": "around"}.get(kind, kind)
        return self._told("contradicted", figure, hull, [t.total_id for t in every or rows], quantity, wider, day)

    def _told(
        self, verdict: str, figure: float, span: Interval, rows: Sequence[str], quantity: str, kind: str, day: dt.date | None = None
    ) -> Proposal:
        numbers = {"figure": f"{figure:,g}" if figure < 1e6 else f"{figure:,.0f}", "low": f"{span.low:,.0f}", "high": f"{span.high:,.0f}"}
        key = "inside" if verdict == "supported" else "outside"

        def why(lang: str) -> str:
            of = text(f"proposal.{kind}", lang, quantity=text(f"proposal.count.{quantity}", lang), day=day)
            return text(f"proposal.{key}", lang, of=of, rows=_listed(rows, lang), **numbers)

        return Proposal(verdict, tuple(rows), {lang: why(lang) for lang in LANGUAGES})

    # --- days

    def _first_day(self, said: str, days: list[dt.date], where: tuple[str, str | None]) -> Proposal | None:
        region, town = where
        if (
            not _near(days)
            or not self._anchored(said, where)
            or not (_says("first.begins", said, self.language) and _says("first.what", said, self.language))
        ):
            return None
        onsets = [o for o in self.observed.onsets if o.latest is not None] if region == self.record.country else self._onset(region, town)
        latest = [o.latest for o in onsets if o.latest]
        if not latest:
            return None
        low, high = min(o.earliest for o in onsets), min(latest)
        rows = [o.region_id for o in onsets if o.earliest <= high] if region == self.record.country else [region]
        verdict = "supported" if any(low <= day <= high for day in days) else "contradicted"
        if verdict == "contradicted" and "region_onset" in self.record.derived and days[0] < low:
            return None  # of a first day that follows from the events listed nobody says that it was no earlier
        return self._dated(verdict, days, low, high, rows, "first")

    def _onset(self, region: str, town: str | None) -> list[Onset]:
        """The onset of a region, if the sentence names it or its capital; another town may have begun later."""
        own = next(r for r in self.record.regions if r.region_id == region)
        capital = next((s.settlement_id for s in self.record.settlements if s.region_id == region and s.kind == "region_capital"), None)
        if town not in (None, capital) or (town is not None and own.type != "city"):
            return []
        return [o for o in self.observed.onsets if o.region_id == region]

    def _happening(self, said: str, days: list[dt.date], where: tuple[str, str | None]) -> Proposal | None:
        kinds = [kind for kind in _data()["event"] if _says(f"event.{kind}", said, self.language)]
        if not _near(days) or len(kinds) != 1:
            return None
        rule, (kind,) = _data()["event"][kinds[0]], kinds
        wanted = {kind, *rule.get("also", ())}
        known = [e for e in self.record.events if e.kind in wanted and e.scope == "event" and self._at(e, where)]
        of_place = where[0] != self.record.country or not rule.get("local")
        known = [e for e in known if e.confidence != "low"]
        rows = [e for e in known if any(e.date <= day <= (e.date_end or e.date) for day in days)]
        if rows and of_place:
            found = [e.date for e in rows]
            return self._dated("supported", days, min(found), max(found), [e.event_id for e in rows][:5], "happening")
        if not rows and known and of_place and rule.get("once"):
            low, high = min(e.date for e in known), max(e.date_end or e.date for e in known)
            if (low - days[-1]).days >= DAYS_OFF or (days[0] - high).days >= DAYS_OFF:
                return self._dated("contradicted", days, low, high, [e.event_id for e in known][:5], "happening")
        return None

    def _dated(self, verdict: str, days: Sequence[dt.date], low: dt.date, high: dt.date, rows: Sequence[str], kind: str) -> Proposal:
        key = "inside" if verdict == "supported" else "outside"
        args = {"figure": " / ".join(map(str, days)), "low": low, "high": high}
        why = {
            lang: text(f"proposal.{key}", lang, of=text(f"proposal.{kind}", lang), rows=_listed(rows, lang), **args) for lang in LANGUAGES
        }
        return Proposal(verdict, tuple(rows), why)


def _near(days: Sequence[dt.date]) -> bool:
    """Whether a sentence names one day, or two that follow each other: a night."""
    return len(days) == 1 or (len(days) == 2 and (days[1] - days[0]).days == 1)


def _listed(rows: Sequence[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(rows)


def _over(rows: Sequence[Total]) -> Interval:
    """The range over several statements."""
    highs = [t.value_low if t.value_high is None else t.value_high for t in rows]
    return Interval(min(t.value_low for t in rows), None, max(highs))


def _counted(event: Event, quantity: str) -> Interval | None:
    """The range of a count of one happening, if the record has it."""
    name = quantity.removesuffix("_cumulative")
    best = getattr(event, name, None)
    low, high = (getattr(event, f"{name}_{end}", None) for end in ("low", "high"))
    found = [x for x in (low, best, high) if x is not None]
    return Interval(min(found), best, max(found)) if found else None


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("proposals.toml").read_text(encoding="utf-8"))


@cache
def _pattern(name: str, language: str) -> re.Pattern[str]:
    part = _data()
    for step in name.split("."):
        part = part[step]
    words = "|".join(part[language])
    return re.compile(words if language == "zh" else rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


def _says(name: str, said: str, language: str) -> bool:
    """Whether any word of a list of `proposals.toml` stands in a sentence."""
    return bool(_pattern(name, language).search(said))


_TIMES = r"\b\d{1,2}[:.]\d\d\b|\b\d+(?:st|nd|rd|th)\b"
_GROUPED = r"\d{1,3}(?:[,\u00a0\u202f ]\d{3})+"
_NUMBER = re.compile(
    rf"(?<![\dA-Za-z\u0400-\u04ff.,])({_GROUPED}|\d+(?:[.,]\d+)?)"
    r"(\s?(?:thousand|hundred|тысяч\w*|тыс\.?)|万|千|百)?(?!\s?[%‰％])"
)
_TIMES_OF = {"thousand": 1e3, "hundred": 1e2, "万": 1e4, "千": 1e3, "百": 1e2}


def _figure(said: str, language: str) -> float | None:
    """The one figure of a sentence that is no day, year or hour; None if there is none or several, or one in words.

    >>> _figure("By 7 January 2022 some 16,000 people were detained.", "en"), _figure("全国约1.6万人被拘留", "zh")
    (16000.0, 16000.0)
    >>> _figure("12 and 14 were hurt", "en"), _figure("two of 12", "en"), _figure("Погибли 2 тысячи человек.", "ru")
    (None, None, 2000.0)
    """
    plain = said
    for pattern in day_patterns(language):
        plain = pattern.sub(" ", plain)
    for pattern in (re.compile(_data()["year"][language], re.IGNORECASE), re.compile(_TIMES)):
        plain = pattern.sub(" ", plain)
    found = _NUMBER.findall(plain)
    if len(found) != 1 or re.search(_data()["spelt"][language], plain, re.IGNORECASE) or re.search(r"\d\s?%|％|\d[-–—]\d", plain):
        return None
    digits, unit = found[0][0], found[0][1].strip()
    number = float(re.sub(r"\D", "", digits) if re.fullmatch(_GROUPED, digits) else digits.replace(",", "."))
    return number * (1e3 if unit.startswith("тыс") else _TIMES_OF.get(unit, 1))
