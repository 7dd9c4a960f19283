"""What a person who judges a claim should see beside it: the sentences it stands for, and the rows of the record that may decide it.

In: places in a document or rows of a case. Out: texts, for the columns of a workbook that are for the eye (`files.sheet.Beside`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qantar.account.document import Document, Sentence
from qantar.account.ledger import Claim
from qantar.cases.case import Case
from qantar.lookup.likely import near
from qantar.messages import LANGUAGES, days_in_words, text
from qantar.record.schema import Event, Total

TEXT, RECORD = "text", "record"
"""Names of the two columns."""
LETTERS = 4_000
"""Characters of a text, at most: a claim may cover whole paragraphs."""
ROWS = 8
"""Rows of the record, at most."""
FIGURES = ("deaths", "deaths_security", "injured", "injured_security", "detained")


def placed(sentences: Iterable[Sentence]) -> str:
    """Sentences with their places, one a line: where a claim is moved, its text still says what it is the text of."""
    return _cut("\n".join(f"{s}.{p}:{n} {sentence.text}" for sentence in sentences for s, p, n in [sentence.position]))


def texts_of(claims: Iterable[Claim], document: Document) -> dict[str, list[Sentence]]:
    """The sentences of a document that each claim covers, by its id."""
    every = list(document.sentences())
    return {c.claim_id: [s for s in every if c.covers(s.position)] for c in claims}


def records(told: Sequence[Sequence[Sentence]], document: Document, case: Case, named: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """For some sentences of a document what the record has on them: what it proposes, the rows named, then the rows near (`likely.near`).

    Parameters
    ----------
    told : for each claim its sentences; what is said of rows is in English where the program does not speak the document's language
    named : for each why a verdict is proposed (may be empty), and the ids of the rows that the proposal or the verdict rests on
    """
    lang = document.language if document.language in LANGUAGES else LANGUAGES[0]
    rows: dict[str, Event | Total] = {e.event_id: e for e in case.record.events} | {t.total_id: t for t in case.record.totals}
    around, names = near(document, case), _names(case, lang)
    cells = []
    for sentences, (why, ids) in zip(told, named, strict=True):
        by_day = (row for sentence in sentences for row in around[sentence.position])
        wanted = [i for i in dict.fromkeys((*ids, *by_day)) if i in rows]
        lines = [why] if why else []
        lines += [row_in_words(rows[i], names, lang) for i in wanted[:ROWS]]
        if left := wanted[ROWS:]:
            lines.append(text("out.beside_more", lang, n=len(left)))
        cells.append(_cut("\n".join(lines)))
    return cells


def row_in_words(row: Event | Total, names: Mapping[str, str], lang: str) -> str:
    """One row of the record in a line: its id, when, where (by the `names` of places), what, how many, and what is noted of it."""
    where = row.settlement_id or row.region_id
    place = (isinstance(row, Event) and row.settlement) or names.get(where, where)
    if isinstance(row, Event):
        key, days = row.event_id, days_in_words(row.date, row.date_end or row.date, lang)
        said = [text(f"event.{row.kind}", lang), _span("participants", row.participants_low, row.participants_high)]
        said += [f"{name} {value:,}" for name in FIGURES if (value := getattr(row, name)) is not None]
    else:
        key, days = row.total_id, days_in_words(row.as_of, row.as_of, lang)
        said = [_span(row.quantity, row.value_low, row.value_high), row.status, row.stated_by]
    note = (lang == "zh" and row.note_zh) or row.note
    return f"{key} {days}, {place}: {', '.join(filter(None, said))}" + (f'; "{note}"' if note else "") + f" [{row.source}]"


def _names(case: Case, lang: str) -> dict[str, str]:
    """Names of the settlements, the regions and the country, by their ids."""
    places = (*((r.region_id, r) for r in case.record.regions), *((s.settlement_id, s) for s in case.record.settlements))
    return {**{key: getattr(place, f"name_{lang}") for key, place in places}, case.head.country: getattr(case.head, f"country_{lang}")}


def _span(name: str, low: int | None, high: int | None) -> str:
    """A quantity between two numbers, of which one may be unknown.

    >>> _span("deaths", 3, 3), _span("participants", 1000, None), _span("participants", None, None)
    ('deaths 3', 'participants 1,000–', '')
    """
    if low is None and high is None:
        return ""
    ends = ["" if x is None else f"{x:,}" for x in (low, high)]
    return f"{name} {ends[0] if low == high else '–'.join(ends)}"


def _cut(words: str) -> str:
    return words if len(words) <= LETTERS else words[: LETTERS - 1] + "…"
