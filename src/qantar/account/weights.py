"""Rival stories of one happening, the items of evidence that bear on them, and how strongly: the files of explicit process tracing.

In: `rivals.toml`, `items.csv` and `weights.csv` of a ledger. A weight says how much more likely an item is under one story than under
another, in decibel: ten times the decimal logarithm of the ratio of likelihoods (Good 1950; Fairfield and Charman 2017, Political Analysis
25; 2022, Social Inquiry and Bayesian Inference). Nobody is certain: it is a lowest, a best and a highest value, at least 3 dB apart, and
no item says more than 30 dB, a thousand to one. Of each coder, the weights of an item must agree with each other: that of a against c is
that of a against b and of b against c, added up.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from qantar.errors import Problems, nearest
from qantar.files.cells import Choice, Date, Key, Keys, Number, Row, Sha256, Strict, Table, Text, Title, Told, numbered
from qantar.files.markup import TomlNotes
from qantar.record.checks import check_repeated

MOST, NARROWEST, TOLERANCE = 30.0, 3.0, 1.0
"""Decibel: the most that an item may say, the narrowest band, and by how much weights of one coder may disagree with each other."""
INTERESTS = ("none", "state", "opposition", "foreign", "party", "business", "unknown")
YES = ("yes", "no")
Decibel = Annotated[float, BeforeValidator(Number("decibel", -MOST, MOST))]
Yes = Annotated[str, BeforeValidator(Choice(YES))]


class Story(Told):
    """One of several stories of which at most one is true: what happened, by which mechanism."""

    id: Key
    name_en: Title
    name_zh: Title
    story_en: Title
    story_zh: Title
    forbids_en: Title
    forbids_zh: Title
    """what would hardly be seen if it were true"""
    arm: Key | None = None
    """the rival of the scenario that is nearest to it, if the model has one"""


class Registered(Strict):
    """When stories, items and weights were last written, and their SHA-256 (`verdicts.tracing.sha256_of`): later changes show."""

    date: Date
    sha256: Sha256


class RivalsFile(Told):
    """`rivals.toml`."""

    question_en: Title
    question_zh: Title
    both_en: Title
    both_zh: Title
    """what is meant where two stories seem to hold at once"""
    stories: list[Story] = Field(min_length=2)
    registered: Registered | None = None


class Item(Row):
    """Something that was seen, or looked for and not seen."""

    item_id: Annotated[str, BeforeValidator(numbered("I01"))]
    evidence: Keys = ()
    """rows of the record or claims of the ledger that say so"""
    sources: Keys = ()
    """of what neither has"""
    what_en: Text
    what_zh: Text
    present: Yes
    seen: Annotated[float, BeforeValidator(Number("share", 0, 1))]
    """chance that it would have been seen, had it been there"""
    group: Key | None = None
    """items that are one witness"""
    interest: Annotated[str, BeforeValidator(Choice(INTERESTS))]
    """of who says so"""
    own: Yes
    """whether the account itself argues with it"""


class Weight(Row):
    """What one coder thinks an item says for story `a` against story `b`."""

    item: Key
    coder: Key
    blind: Yes
    """whether the coder had not seen the other codings"""
    a: Key
    b: Key
    low: Decibel
    best: Decibel
    high: Decibel
    reason_en: Text = ""
    reason_zh: Text = ""


@dataclass(frozen=True)
class Band:
    """A weight, or a sum of weights, in decibel."""

    low: float
    best: float
    high: float

    def __add__(self, other: Band) -> Band:
        return Band(self.low + other.low, self.best + other.best, self.high + other.high)

    def __neg__(self) -> Band:
        return Band(-self.high, -self.best, -self.low)


NOTHING = Band(0.0, 0.0, 0.0)
Weights = dict[tuple[str, str], Band]
"""Of each pair of stories, in both directions."""


def complete(given: Mapping[tuple[str, str], Band], stories: Sequence[str]) -> Weights | None:
    """The weights of all pairs from those given: along the fewest steps, bands added up; None if a story is not reached.

    >>> complete({("a", "b"): Band(1, 3, 5), ("b", "c"): Band(-2, 0, 2)}, "abc")[("c", "a")]
    Band(low=-7, best=-3, high=1)
    """
    known: Weights = {(s, s): NOTHING for s in stories}
    known |= {(b, a): -band for (a, b), band in given.items()} | dict(given)
    for _ in stories:
        longer = dict[tuple[str, str], Band]()
        for (a, b), (c, d) in itertools.product(sorted(known), sorted(given) + sorted((b, a) for a, b in given)):
            if b == c and (a, d) not in known:
                longer.setdefault((a, d), known[a, b] + known[c, d])
        known |= longer
    return known if len(known) == len(stories) ** 2 else None


def check_stories(rivals: RivalsFile, arms: Collection[str] | None, notes: TomlNotes) -> None:
    """Adds to `notes` stories that stand twice, and those whose arm is none of the scenario (`arms`; None if it cannot be read)."""
    stories = [s.id for s in rivals.stories]
    for k, story in enumerate(rivals.stories):
        if story.id in stories[:k]:
            notes.add(f"stories.{k}.id", "repeated_story", value=story.id)
        if story.arm is not None and arms is not None:
            notes.among(f"stories.{k}.arm", story.arm, arms, "unknown_arm")


def check_weights(stories: Sequence[str], items: Table[Item], weights: Table[Weight], known: Collection[str], problems: Problems) -> None:
    """Adds to `problems` what is wrong between stories, items, weights and the ids of record and ledger (`known`)."""
    check_repeated(items, "item_id", problems)
    for line, item in problems.rows(items):
        for key in {*item.evidence} - {*known}:
            problems.add(items.file, line, "evidence", "unknown_evidence", value=key, choices=nearest(key, known))
    own: dict[tuple[str, str], dict[tuple[str, str], tuple[int, Weight]]] = {}
    ids = items.ids()
    for line, w in problems.rows(weights):
        _check_weight(w, weights.file, line, ids, stories, problems)
        pairs = own.setdefault((w.item, w.coder), {})
        if (w.a, w.b) in pairs or (w.b, w.a) in pairs:
            problems.add(weights.file, line, "a", "weighed_twice", item=w.item, coder=w.coder, value=f"{w.a}, {w.b}")
        pairs[w.a, w.b] = line, w
    if problems.found:
        return
    for (name, coder), pairs in own.items():
        _check_coherent(weights.file, name, coder, pairs, stories, problems)
    coders = sorted({w.coder for w in weights})
    for line, item in items.numbered():
        for coder in coders:
            if (item.item_id, coder) not in own:
                problems.add(items.file, line, "item_id", "not_weighed", item=item.item_id, coder=coder)


def _check_weight(w: Weight, file: str, line: int, items: Collection[str], stories: Sequence[str], problems: Problems) -> None:
    if w.item not in items:
        problems.add(file, line, "item", "unknown_item", value=w.item, choices=nearest(w.item, items))
    for column, story in (("a", w.a), ("b", w.b)):
        if story not in stories:
            problems.add(file, line, column, "unknown_story", value=story, choices=", ".join(stories))
    if w.a == w.b:
        problems.add(file, line, "b", "same_story", value=w.b)
    if not w.low < w.best < w.high or w.high - w.low < NARROWEST:
        problems.add(file, line, "best", "narrow_band", low=w.low, best=w.best, high=w.high, narrowest=NARROWEST)


def _check_coherent(
    file: str, item: str, coder: str, pairs: Mapping[tuple[str, str], tuple[int, Weight]], stories: Sequence[str], problems: Problems
) -> None:
    """That the weights of one coder for one item reach all stories, and agree with each other."""
    given = {pair: Band(w.low, w.best, w.high) for pair, (_, w) in pairs.items()}
    last, _ = max(pairs.values(), key=lambda p: p[0])
    if complete(given, stories) is None:
        problems.add(file, last, "a", "story_not_reached", item=item, coder=coder)
        return
    for (a, b), (line, w) in pairs.items():
        without = {pair: band for pair, band in given.items() if pair != (a, b)}
        around = complete(without, stories) if len(without) >= len(stories) - 1 else None
        if around is not None and abs(around[a, b].best - w.best) > TOLERANCE:
            problems.add(file, line, "best", "incoherent", item=item, a=a, b=b, value=w.best, expected=around[a, b].best)
            return


def coded(weights: Iterable[Weight], stories: Sequence[str]) -> dict[str, dict[str, Weights]]:
    """Weights of all pairs by item and coder, from rows that were checked."""
    given: dict[str, dict[str, dict[tuple[str, str], Band]]] = {}
    for w in weights:
        given.setdefault(w.item, {}).setdefault(w.coder, {})[w.a, w.b] = Band(w.low, w.best, w.high)
    return {
        item: {coder: found for coder in sorted(of) if (found := complete(of[coder], stories)) is not None}
        for item, of in sorted(given.items())
    }
