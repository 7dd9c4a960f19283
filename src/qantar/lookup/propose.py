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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qantar.account.candidates import NAME, READ_MAX, country_names
from qantar.account.document import Document, Position
from qantar.cases.case import Case
from qantar.lookup.counts import Clause, Count, clauses, count_in, figure_in, pattern, says, words, years_in
from qantar.lookup.days import another_time, dates_in, day_patterns, month_ends, months, without_comparison
from qantar.lookup.likely import Places, When, days_of
from qantar.lookup.rows import counted
from qantar.messages import LANGUAGES, text
from qantar.record.observables import LASTING, Interval, Onset, observe
from qantar.record.schema import Event, Total

MARGIN = 0.05
"""Share by which a figure must lie beyond all statements before it is said to contradict them: figures are rounded."""
TWICE = 2
"""How many times the people of all happenings of a day and place a figure must be before these speak against it."""
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
    """For each sentence, each by itself, the record's verdict on it, if it has one that is safe to propose."""
    judge = _Judge(case, language)
    return [judge.of(sentence[:READ_MAX]) for sentence in sentences]


def propose_in(document: Document, case: Case) -> dict[Position, Proposal | None]:
    """The same for the sentences of a document, of which some have their day from the sentence before."""
    judge = _Judge(case, document.language)
    return {s.position: judge.of(s.text[:READ_MAX], when) for s, when in days_of(document, case).items()}


def beyond_the_sum(sentences: Iterable[str], language: str, case: Case) -> list[bool]:
    """For each sentence whether it counts dead, and the record has only a sum over its events, which it does not fall short of.

    Such a sum is a lower bound, and whatever the events leave out was more: it cannot contradict the sentence.
    """
    judge = _Judge(case, language)
    return [judge.beyond_the_sum(sentence[:READ_MAX]) for sentence in sentences]


class _About(NamedTuple):
    """The days and the place that a part of a sentence is about."""

    days: list[dt.date]
    where: tuple[str, str | None]
    sure: bool
    """whether it names the day itself"""
    placed: bool | None
    """whether a place was named before it in its paragraph; None where nothing is known of what stands before it"""


ALONE = When(frozenset(), "", placed=None)
"""A sentence of which nothing is known that stands before it."""


class _Judge:
    """A case, as sentences of one language speak of it."""

    def __init__(self, case: Case, language: str) -> None:
        self.case, self.language = case, language
        self.record, self.observed = case.record, observe(case.record)
        self.first, self.last = case.head.first_day, case.head.last_day
        self.summed = "totals" in self.record.derived
        self.places = Places(case, language)
        named = [(name, key) for key, names in case.record.names().items() for name in names if language == "zh" and len(name) > 1]
        self.names = sorted(named, key=lambda pair: -len(pair[0]))
        countries = country_names(language)
        own = {countries.get(case.head.country, ""), getattr(case.head, f"country_{language}", "")} - {""}
        self.home = re.compile("|".join(map(re.escape, own)) or r"(?!)", re.IGNORECASE)
        least = 2 if language == "zh" else 4  # letters of a name that is told from other words
        others = [re.escape(name) for code, name in countries.items() if code != case.head.country and len(name) >= least]
        self.abroad = re.compile("|".join(others) if language == "zh" else rf"\b(?:{'|'.join(others)})\b")

    def of(self, sentence: str, when: When = ALONE) -> Proposal | None:
        """The proposal for one sentence: the first that any part of it has; a part without day or place has those of the part before."""
        if when.kind != "fact":  # that the day of an alleged cause is right says nothing of the cause
            return None
        if sentence.rstrip("”’』」）)]\"'» \t").endswith(("?", "？", "!", "！")):
            return None
        days, where = when.days if when.how == "named" else frozenset(), None
        for clause in clauses(without_comparison(sentence, self.language), self.language):
            own = frozenset(dates_in(clause.said, self.language, self.first, self.last))
            sure = bool(own) or not days  # a day that hangs on another may be misread
            days = own or days
            unit = self._unit(clause.words)
            if unit is None:
                return None
            where = unit if where is None or unit[0] != self.record.country else where
            if self._silent(clause):
                continue
            about = _About(sorted(days), where, sure=sure, placed=when.placed)
            if found := self._count(clause, about) or self._first_day(clause.words, about) or self._happening(clause.words, about):
                return found
        return None

    def _silent(self, clause: Clause) -> bool:
        """Whether a part of a sentence denies or supposes, or speaks of another time or place."""
        said = clause.words
        other = says("guard.unsure", said, self.language) or says("guard.other_time", said, self.language)
        return other or bool(self.abroad.search(said)) or self._other_year(clause.said) or self._names_unknown(said)

    def beyond_the_sum(self, sentence: str) -> bool:
        """Whether a sentence counts dead whom the sum over the events may leave out."""
        said = "; ".join(clause.words for clause in clauses(sentence, self.language))
        figure = figure_in(said, self.language)
        if not self.summed or not says("count.deaths_cumulative", said, self.language) or not re.search(r"\d", said):
            return False
        region, _ = self._unit(said) or (self.record.country, None)
        units = [u for u in (self.observed.deaths_total, *self.observed.deaths) if u is not None]
        listed = next((u.interval.low for u in units if u.region_id == region), 0)
        return figure is None or figure >= listed

    def _other_year(self, said: str) -> bool:
        """Whether a year is named that is none of the case, or a day that is."""
        dated = [m for pattern in day_patterns(self.language) for m in pattern.finditer(said)]
        outside = any(not list(dates_in(m.group(0), self.language, self.first, self.last)) for m in dated)
        return outside or any(not self.first.year <= y <= self.last.year for y in years_in(said, self.language))

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
            return bool(pattern("elsewhere", "zh").search(self.places.any.sub("", self.home.sub("", said))))
        plain = self.places.any.sub(" ", self.home.sub(" ", said))
        for day in day_patterns(self.language):
            plain = day.sub(" ", plain)
        known = {*months(self.language), *words()["institution"][self.language]}
        return any(name.casefold().removesuffix("'s") not in known for name in NAME.findall(plain) if not self._of_country(name))

    def _of_country(self, name: str) -> bool:
        """Whether a name is that of the country or made of it: Kazakhstan's, Kazakh, Kazakhs."""
        own = self.case.head.country_en if self.language == "en" else country_names(self.language).get(self.case.head.country, "")
        return len(own) > 4 and name[:5].casefold() == own[:5].casefold()

    # --- counts

    def _count(self, clause: Clause, about: _About) -> Proposal | None:
        count = count_in(clause, self.language)
        running = says("total", clause.words, self.language)
        if count is None or not (self._anchored(clause.words, about) or (running and about.placed is False)):
            return None
        days, ends = about.days, month_ends(clause.said, self.language, self.first, self.last)
        if len(days) > 1:
            return None
        if count.quantity == "participants":
            return None if running or not days else self._day_count(count, about)
        if running and (days or ends):
            return self._running(count, days[0] if days else ends[0], about)
        if days:
            return self._of_happenings(count, about)
        if running and another_time(clause.said, self.language):
            return None
        return self._lasting(count, about) or self._of_happenings(count, about, running=running)

    def _anchored(self, said: str, about: _About) -> bool:
        """Whether a sentence says where: if not, it may speak of the town that the sentence before it names."""
        return about.where[0] != self.record.country or bool(self.home.search(said)) or says("whole", said, self.language)

    def _totals(self, quantity: str, where: tuple[str, str | None]) -> list[Total]:
        return [t for t in self.record.totals if (t.quantity, t.region_id, t.settlement_id) == (quantity, *where)]

    def _lasting(self, count: Count, about: _About) -> Proposal | None:
        """Against counts of the whole made afterwards; against all that was ever stated, if it is outside."""
        every = self._totals(count.quantity, about.where)
        rows = [t for t in every if t.status in LASTING]
        return self._against(count, rows, every, "lasting") if rows else None

    def _running(self, count: Count, day: dt.date, about: _About) -> Proposal | None:
        """Against the running totals of that day, and, if it is outside, of the days with a total around it; or against the sum so far."""
        if self.summed and day >= self.last:
            return self._lasting(count, about)
        if self.summed:
            events = [e for e in self._happenings(count.quantity, about.where) if e.date <= day]
            return self._summed(count, events, "sum", day, low=True) if events else None
        every = [t for t in self._totals(count.quantity, about.where) if t.status != "computed"]
        before, after = [t.as_of for t in every if t.as_of < day], [t.as_of for t in every if t.as_of > day]
        rows = [t for t in every if t.as_of == day and t.status not in ("withdrawn", "claim")]
        if not rows or not before or not after:
            return None
        around = [t for t in every if max(before) <= t.as_of <= min(after)]
        return self._against(count, rows, around, "running", day)

    def _day_count(self, count: Count, about: _About) -> Proposal | None:
        if about.where[0] != self.record.country:
            return self._of_happenings(count, about)
        (day,) = about.days
        rows = [t for t in self._totals(count.quantity, about.where) if t.as_of == day and t.status == "day"]
        return self._against(count, rows, (), "day", day) if rows else None

    def _of_happenings(self, count: Count, about: _About, *, running: bool = False) -> Proposal | None:
        """Against single happenings of the day and place that have a figure, or, without a day, of the place.

        One of them supports it, or the sum where the record is a list of them. They speak against it only by far, of a day and place that
        it names itself, and never where one of them may be larger: there may have been more than what is listed.
        """
        if about.where[0] == self.record.country:
            return None
        day = about.days[0] if about.days else None
        rows = [e for e in self._happenings(count.quantity, about.where) if day in (None, e.date)]
        some = [e for e in rows if _counted(e, count.quantity).high]
        alone = [e for e in some if count.fits(_counted(e, count.quantity))] if not running else []
        summed = some if len(some) == 1 or (self.summed and count.quantity != "participants") else []
        for events in (summed, alone if len(alone) == 1 and (not day or summed) else []):
            if events and (found := self._summed(count, events, "day" if day else "place", day)):
                return found
        highs = [self._most(e, count.quantity) for e in rows]
        if not day or not about.sure or count.partial or not highs or not count.above(TWICE * sum(highs)):
            return None
        span = Interval(min(_counted(e, count.quantity).low for e in rows), None, sum(highs))
        return self._told("contradicted", count, span, [e.event_id for e in rows], "day", day)

    def _happenings(self, quantity: str, where: tuple[str, str | None]) -> list[Event]:
        return [e for e in self.record.events if e.scope == "event" and self._at(e, where) and _has(e, quantity)]

    def _most(self, event: Event, quantity: str) -> float:
        """The most of a quantity at a happening; no end where only the least is known, or nobody is sure."""
        open_ = quantity == "participants" and event.participants_high is None
        return math.inf if open_ or event.confidence == "low" else _counted(event, quantity).high

    def _summed(self, count: Count, events: Sequence[Event], kind: str, day: dt.date | None, *, low: bool = False) -> Proposal | None:
        """Against the sum over events: supported inside it; contradicted, if asked, where it says fewer."""
        spans = [_counted(e, count.quantity) for e in events]
        span = Interval(sum(s.low for s in spans), None, sum(s.high for s in spans))
        rows = [e.event_id for e in events if _counted(e, count.quantity).high]
        if count.fits(span):
            return self._told("supported", count, span, rows, kind, day)
        if low and not count.partial and count.below(span.low * (1 - MARGIN)):
            return self._told("contradicted", count, span, rows, kind, day)
        return None

    def _at(self, event: Event, where: tuple[str, str | None]) -> bool:
        region, settlement = where
        return region in (self.record.country, event.region_id) and settlement in (None, event.settlement_id)

    def _against(
        self, count: Count, rows: Sequence[Total], every: Sequence[Total], kind: str, day: dt.date | None = None
    ) -> Proposal | None:
        """Supported inside the range of `rows`; contradicted clearly outside the range of `every`; between the two nothing is proposed."""
        span = _over(rows)
        if count.fits(span):
            return self._told("supported", count, span, [t.total_id for t in rows], kind, day)
        hull = _over(every) if every else span
        summed = kind == "lasting" and self.summed
        most = math.inf if summed else hull.high * (1 + MARGIN)  # whatever the events listed leave out was more, never less
        if count.partial or not (count.below(hull.low * (1 - MARGIN)) or count.above(most)):
            return None
        wider = {"lasting": "ever", "running": "around"}.get(kind, kind)
        return self._told("contradicted", count, hull, [t.total_id for t in every or rows], wider, day)

    def _told(self, verdict: str, count: Count, span: Interval, rows: Sequence[str], kind: str, day: dt.date | None = None) -> Proposal:
        numbers = {"figure": str(count), "low": f"{span.low:,.0f}", "high": f"{span.high:,.0f}"}
        key = "outside" if verdict == "contradicted" else "fits" if count.bound or count.rough else "inside"

        def why(lang: str) -> str:
            of = text(f"proposal.{kind}", lang, quantity=text(f"proposal.count.{count.quantity}", lang), day=day)
            return text(f"proposal.{key}", lang, of=of, rows=_listed(rows, lang), **numbers)

        return Proposal(verdict, tuple(rows), {lang: why(lang) for lang in LANGUAGES})

    # --- days

    def _first_day(self, said: str, about: _About) -> Proposal | None:
        days, (region, town) = about.days, about.where
        if (
            not _near(days)
            or not self._anchored(said, about)
            or not (says("first.begins", said, self.language) and says("first.what", said, self.language))
        ):
            return None
        onsets = [o for o in self.observed.onsets if o.latest is not None] if region == self.record.country else self._onset(region, town)
        latest = [o.latest for o in onsets if o.latest]
        if not latest:
            return None
        low, high = min(o.earliest for o in onsets), min(latest)
        rows = [o.region_id for o in onsets if o.earliest <= high] if region == self.record.country else [region]
        verdict = "supported" if any(low <= day <= high for day in days) else "contradicted"
        if verdict == "contradicted" and not about.sure:
            return None
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

    def _happening(self, said: str, about: _About) -> Proposal | None:
        days, where = about.days, about.where
        kinds = [kind for kind in words()["event"] if says(f"event.{kind}", said, self.language)]
        if not _near(days) or len(kinds) != 1:
            return None
        rule, (kind,) = words()["event"][kinds[0]], kinds
        wanted = {kind, *rule.get("also", ())}
        known = [e for e in self.record.events if e.kind in wanted and e.scope == "event" and self._at(e, where)]
        of_place = where[0] != self.record.country or not rule.get("local")
        known = [e for e in known if e.confidence != "low"]
        rows = [e for e in known if any(e.date <= day <= (e.date_end or e.date) for day in days)]
        if rows and of_place:
            found = [e.date for e in rows]
            return self._dated("supported", days, min(found), max(found), [e.event_id for e in rows][:5], "happening")
        if not rows and known and of_place and rule.get("once") and about.sure:
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


def _has(event: Event, quantity: str) -> bool:
    """Whether a happening has a count of a quantity."""
    return counted(event, quantity.removesuffix("_cumulative")) is not None


def _counted(event: Event, quantity: str) -> Interval:
    low, high = counted(event, quantity.removesuffix("_cumulative")) or (0, 0)
    ends = [x for x in (low, high) if x is not None]
    return Interval(min(ends), None, max(ends))
