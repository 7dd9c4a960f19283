"""What of a case a sentence may be about: events and judged claims of the same day and place.

In: sentences, a case, the claims of a ledger of that case. Out: ids. `likely` is strict: a sentence and an event belong together if the
sentence names a day of the event and a place of it, its settlement or its region. `near` reads a document as a person does: a day may
hang on the day named before, a sentence that names none goes on with that of the sentence before, and a day alone, a place alone or words
that are rare in the record are enough. No more is compared; whether they say the same, a reader finds out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from qantar.account.candidates import place_pattern, scored
from qantar.account.document import Document, Position, Section, Sentence
from qantar.account.schema import Claim
from qantar.cases.case import Case
from qantar.files.cells import fold
from qantar.lookup.counts import acts_in, counted_in, figures_in
from qantar.lookup.days import OTHER_TIME, another_time, dates_in, day_after, days_named, months
from qantar.lookup.rows import QUANTITIES, counted
from qantar.messages import LANGUAGES, text
from qantar.record.observables import days_between
from qantar.record.schema import Event


@dataclass(frozen=True)
class Likely:
    """Ids of events and of claims that share a day and a place with a sentence, in the order of their tables."""

    events: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def likely(sentences: Iterable[str], language: str, case: Case, claims: Iterable[Claim] = ()) -> list[Likely]:
    """For each sentence of a document in `language` what it may be about."""
    span = case.head.first_day, case.head.last_day
    places = {lang: Places(case, lang) for lang in {language, *LANGUAGES}}
    known: dict[str, tuple[set[dt.date], set[str]]] = {}
    for claim in claims:
        said = [_about(getattr(claim, f"claim_{lang}"), lang, span, places[lang]) for lang in LANGUAGES]
        known[claim.claim_id] = {day for days, _ in said for day in days}, {place for _, where in said for place in where}
    events = [(e.event_id, e.date, e.date_end or e.date, {e.region_id, e.settlement_id}) for e in case.record.events]
    by_day = {d: [(key, at) for key, first, last, at in events if first <= d <= last] for d in days_between(*span)}

    @cache
    def near(days: frozenset[dt.date], where: frozenset[str]) -> Likely:
        hits = {key for d in days for key, at in by_day[d] if at & where}
        claimed = tuple(key for key, (on, at) in known.items() if on & days and at & where)
        return Likely(tuple(key for key, *_ in events if key in hits), claimed)

    named = (_about(sentence, language, span, places[language]) for sentence in sentences)
    return [near(frozenset(days), frozenset(where)) for days, where in named]


OF_ITS_DAY = {"act", "figure", "place", "finished"}
"""Signs of a sentence that tells what happened: only such a one goes on with the day of the sentence before."""
OF_ANOTHER_DAY = {"act", "place"}
"""Those of a sentence that goes on with the day of the paragraph before."""
RARE = 2
"""Rows, at most, in which a word stands that is told from others by it; a name alone stands in one."""
SHARED = {"zh": 3}
"""Rare words that a sentence and a row share, at least, to be of one matter; in other languages two. Of Chinese, pairs of signs overlap."""
AROUND = dt.timedelta(days=1)
"""How far from a sentence's own day a row of the same words may be: what happens at night is told under either day."""


@dataclass(frozen=True)
class When:
    """Days that a sentence of a document is about, and how it says so."""

    days: frozenset[dt.date]
    how: str
    """`named` by day and month or by another day, `told` in its paragraph or the heading, `before` in an earlier paragraph, or empty"""
    placed: bool | None = False
    """whether a place was named before it in its paragraph or in the heading; None where that is not known"""
    kind: str = "fact"
    """the first guess at the kind of claim it makes"""


@dataclass(frozen=True)
class Near:
    """Ids of the rows of the record near a sentence: all, in the order they are told, and those of its own day and place or words.

    Of the day that stands before it in its paragraph they are its own only by words. Of a sentence that names a day, no place, and counts,
    those surely of that day are its own that have any of what it counts, or a figure of it. What the
    state did on that day, if the sentence names it, is its own wherever it was noted.
    """

    rows: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def near(document: Document, case: Case) -> dict[Position, Near]:
    """For each sentence of a document the rows of the record near it.

    First those that share rare words or names with it; then, of its day, those at its places, then those that share most words; each time
    those whose day is certain before the others. A sentence
    that names no day goes on with the day before it in its section (at first that of the heading), if it tells what happened and names no
    other month or year; where that day was named in an earlier paragraph, a row must share a place or words with it too. If it names
    places, only their rows count, and they alone do where no day is known. Totals belong to the day they count up to.
    """
    language = document.language
    places, matter = Places(case, language, listed=True), Matter(case, language)
    region_of = {s.settlement_id: s.region_id for s in case.record.settlements}
    rows = matter.rows
    found: dict[Position, Near] = {}
    for sentence, when in days_of(document, case).items():
        said = sentence.text
        where = places.within(said)
        around = {region_of[town] for town in where if town in region_of}
        named = matter.named_in(said)
        alike = [row for row in matter.alike(said) if row.close(when) and (not where or row.at(where, around) or row.key in named)]
        on = [row for row in rows if any(row.first <= day <= row.last for day in when.days)]
        own = when.how == "named"
        here = [row for row in on if row.at(where, around)] or [row for row in rows if not own and row.at(where, around)]
        if own and not where:
            quantities, figures = counted_in(said, language), figures_in(said, language)
            here = [row for row in on if row.dated and (row.counts.keys() & quantities or figures & {*row.counts.values()})]
        acts = acts_in(said, language) if own else set()
        here += [row for row in on if row.kind in acts and row not in here]
        words = words_of(said, language)
        rest = on if own or (when.how == "told" and not here) else []
        ranked = [sorted(some, key=lambda row: (not row.dated, -len(row.words & words))) for some in (here, rest)]
        at_once = tuple(
            dict.fromkeys(row.key for row in (*(here if own else ()), *(row for row in alike if row in on and when.how != "before")))
        )
        found[sentence.position] = Near(tuple(dict.fromkeys(row.key for some in (alike, *ranked) for row in some)), at_once)
    return found


@dataclass(frozen=True)
class Row:
    """A row of the record as a sentence is held against it: its id, days and place, the words it is told in, and names among them."""

    key: str
    first: dt.date
    last: dt.date
    region: str
    town: str | None
    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    """the most of each quantity of which it has any"""
    dated: bool = True
    """whether its day is known"""
    called: str = ""
    """its settlement, as the list calls it"""
    kind: str = ""

    def at(self, where: set[str], around: set[str]) -> bool:
        """Whether it is at one of the places named; `around` are the regions of the towns among them.

        A region that is called like its town counts for what has no town: of Nairobi the region only what is not placed in another town.
        """
        return bool({self.town, self.called} & where) or (self.region in where and (self.town is None or self.region not in around))

    def close(self, when: When) -> bool:
        """Whether it is of the days of a sentence, or of those around them; any is, where the sentence names none."""
        return when.how in ("", "before") or any(self.first - AROUND <= day <= self.last + AROUND for day in when.days)


class Matter:
    """What the rows of a record are told of, by words that are rare in it."""

    def __init__(self, case: Case, language: str) -> None:
        self.language = language
        usual = sorted((*case.place_names(), *months(language)), key=len, reverse=True)
        self.common = re.compile("|".join(map(re.escape, usual)), re.IGNORECASE)
        told = {e.event_id: (language == "zh" and e.note_zh) or e.note for e in case.record.events}
        self.rows = [
            Row(
                e.event_id, e.date, e.date_end or e.date, e.region_id, e.settlement_id, _told_in(e, language), names_of(told[e.event_id]),
                {q: max(filter(None, span)) for q in QUANTITIES if any(span := counted(e, q) or ())}, e.scope != "date uncertain",
                e.settlement, e.kind,
            )
            for e in case.record.events
        ]  # fmt: skip
        counted_by_others = case.record.totals if "totals" not in case.record.derived else ()  # a sum over the rows is none of them
        self.rows += [Row(t.total_id, t.as_of, t.as_of, t.region_id, t.settlement_id) for t in counted_by_others]
        notes = {key: words_of(note, language) for key, note in told.items()}
        often = Counter(word for words in notes.values() for word in words if not word.isdigit())
        named = Counter(name for row in self.rows for name in row.names)
        self.rare = {key: {word for word in words if 0 < often[word] <= RARE} for key, words in notes.items()}
        self.names = {row.key: {n for n in row.names if named[n] <= (RARE if " " in n else 1)} for row in self.rows}

    def alike(self, said: str) -> list[Row]:
        """Rows that share a name or several words with a sentence, which are rare in the record; those that share most first."""
        words, names = words_of(said, self.language), names_of(said, self.common)
        least = SHARED.get(self.language, 2)
        shared = {row.key: (len(names & self.names[row.key]), len(words & self.rare.get(row.key, set()))) for row in self.rows}
        found = [row for row in self.rows if shared[row.key][0] or shared[row.key][1] >= least]
        return sorted(found, key=lambda row: tuple(-n for n in shared[row.key]))

    def named_in(self, said: str) -> set[str]:
        """Ids of the rows of which a sentence has a name."""
        names = names_of(said, self.common)
        return {key for key, own in self.names.items() if names & own}


def _told_in(event: Event, language: str) -> frozenset[str]:
    lang = language if language in LANGUAGES else LANGUAGES[0]
    return frozenset(words_of(f"{text(f'event.{event.kind}', lang)} {(language == 'zh' and event.note_zh) or event.note}", language))


_NAME = r"[^\W\d_a-z][\w'’-]{2,}"
_NAMES = re.compile(rf"{_NAME}(?:\s(?:(?:de|del|la|of|the|von|di)\s){{0,2}}{_NAME})*")


def names_of(said: str, common: re.Pattern[str] | None = None) -> frozenset[str]:
    """Names in a text, each by the beginnings of its words: two words with capitals, or one that begins no sentence and is not `common`.

    >>> sorted(names_of("Toma de Lima; a fire in Horgos. The police came."))
    ['horgo', 'toma lima']
    """
    found = set()
    for match in _NAMES.finditer(said):
        words = [word for word in match.group(0).split() if word[0].isupper()]
        found |= {f"{_stem(a)} {_stem(b)}" for a, b in pairwise(words)}
        before = said[: match.start()].rstrip(" *_\"'“«‘(")
        alone = len(words) == 1 and len(words[0]) >= LONG and (before[-1:].islower() or before.endswith(","))
        if alone and not (common and common.fullmatch(words[0])):
            found.add(_stem(words[0]))
    return frozenset(found)


LONG = 5
"""Letters of a word that is told from others, and of its beginning that is compared."""


def _stem(word: str) -> str:
    return word[:LONG].casefold()


def words_of(said: str, language: str) -> set[str]:
    """Beginnings of the longer words of a text, and its numbers; of Chinese each two signs that stand together.

    >>> sorted(words_of("200 cars were burnt", "en")), sorted(words_of("冲进机场", "zh"))
    (['200', 'burnt'], ['冲进', '机场', '进机'])
    """
    numbers = set(re.findall(r"\d{2,}", said))
    if language == "zh":
        return numbers | {said[k : k + 2] for k in range(len(said) - 1) if said[k : k + 2].isalpha()}
    return numbers | {_stem(word) for word in re.findall(rf"[^\W\d]{{{LONG},}}", said)}


def days_of(document: Document, case: Case) -> dict[Sentence, When]:
    """Each sentence of a document, in order, with the days it is about."""
    language, span = document.language, (case.head.first_day, case.head.last_day)
    places, found = Places(case, language), {}
    for section in document.sections:
        last: frozenset[dt.date] = frozenset(dates_in(section.title, language, *span))
        named_in, heading, paragraph, placed = 0, places.within(section.title), 0, False
        for c in scored(_sentences(section), language, case.place_names(), case.head.country):
            said, at = c.sentence.text, c.sentence.position[1]
            placed, paragraph = (placed and at == paragraph), at
            own = days_named(said, language, *span)
            hangs = frozenset() if own else day_after(said, language, last)
            if own or hangs or another_time(said, language):
                last, named_in = (own or hangs) - OTHER_TIME, at
            told = named_in in (0, at)
            goes_on = (
                c.kind in (("fact", "cause") if named_in == at else ("fact",))
                and (OF_ITS_DAY if named_in == at else OF_ANOTHER_DAY) & c.signs.keys()
            )
            how = "named" if own or hangs - OTHER_TIME else ("told" if told else "before") if last and goes_on else ""
            found[c.sentence] = When(last if how else frozenset(), how, placed or bool(heading), c.kind)
            placed = placed or bool(places.within(said))
    return found


def _sentences(section: Section) -> Iterator[Sentence]:
    for paragraph in section.paragraphs:
        yield from paragraph


def _about(text: str, language: str, span: tuple[dt.date, dt.date], places: Places) -> tuple[set[dt.date], set[str]]:
    """Days and places that a text names; places only beside a day."""
    days = set(dates_in(text, language, *span))
    return days, places.within(text) if days else set()


def place_of(event: Event) -> str | None:
    """The settlement of an event: its id, else its name, else None."""
    return event.settlement_id or event.settlement or None


class Places:
    """Ids of regions and settlements by their names in one language, and the pattern of all these names (`any`).

    If `listed`, also the names of settlements that only the events have; such a name is its own id.
    """

    def __init__(self, case: Case, language: str, *, listed: bool = False) -> None:
        own = {e.settlement for e in case.record.events if e.settlement and not e.settlement_id} if listed else set()
        self.listed = {fold(name): name for name in own}
        self.any = place_pattern((*case.place_names(), *sorted(own)), language)
        self.each = {key: place_pattern(names, language) for key, names in case.record.names().items()}
        self.known: dict[str, set[str]] = {}

    def within(self, text: str) -> set[str]:
        """Ids of the places that a text names."""
        found: set[str] = set()
        for hit in {m.group(0) for m in self.any.finditer(text)}:
            if hit not in self.known:
                self.known[hit] = {key for key, pattern in self.each.items() if pattern.fullmatch(hit)}
                self.known[hit] |= {self.listed[fold(hit)]} if fold(hit) in self.listed else set()
            found |= self.known[hit]
        return found
