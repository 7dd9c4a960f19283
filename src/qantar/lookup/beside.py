"""What a person who judges a claim should see beside it: the sentences it stands for, and the rows of the record that may decide it.

In: places in a document or rows of a case. Out: texts, for the columns of a workbook that are for the eye (`files.sheet.Beside`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qantar.account.document import Document, Sentence
from qantar.account.schema import Claim
from qantar.cases.case import Case
from qantar.lookup.likely import near
from qantar.lookup.rows import names_of_places, row_in_words, what_it_says
from qantar.lookup.tallies import tallies
from qantar.messages import LANGUAGES, text
from qantar.record.schema import Event, Total

TEXT, RECORD = "text", "record"
"""Names of the two columns."""
LETTERS = 4_000
"""Characters of a text, at most: a claim may cover whole paragraphs."""
ROWS, SOME = 8, 3
"""Rows of the record, at most; and of those that are only near, where nothing else is told."""


def placed(sentences: Iterable[Sentence]) -> str:
    """Sentences with their places, one a line: where a claim is moved, its text still says what it is the text of."""
    return _cut("\n".join(f"{s}.{p}:{n} {sentence.text}" for sentence in sentences for s, p, n in [sentence.position]))


def texts_of(claims: Iterable[Claim], document: Document) -> dict[str, list[Sentence]]:
    """The sentences of a document that each claim covers, by its id."""
    every = list(document.sentences())
    return {c.claim_id: [s for s in every if c.covers(s.position)] for c in claims}


def records(
    told: Sequence[Sequence[Sentence]], document: Document, case: Case, named: Sequence[tuple[str, Sequence[str], str]]
) -> list[str]:
    """For some sentences of a document what the record has on them: what it proposes and adds up to, then the rows named, else those near.

    Rows named and those of the sentence's own day and place (`likely.near`) are told with what is noted of them; beside a sum of all there
    is, only rows named. Of rows that are only near there is the number then, and where nothing else is, some of them. What the evidence of
    the claim says already is not said again.

    Parameters
    ----------
    told : for each claim its sentences; what is said of rows is in English where the program does not speak the document's language
    named : for each why a verdict is proposed (may be empty), the ids of the rows that the proposal or the verdict rests on, and the
        evidence as it stands
    """
    lang = document.language if document.language in LANGUAGES else LANGUAGES[0]
    rows: dict[str, Event | Total] = {e.event_id: e for e in case.record.events} | {t.total_id: t for t in case.record.totals}
    around, names, added = near(document, case), names_of_places(case, lang), tallies(document, case)
    cells = []
    for sentences, (why, ids, evidence) in zip(told, named, strict=True):
        whole = any(tally.whole for sentence in sentences for tally in added[sentence.position])
        own = [row for sentence in sentences if not whole for row in around[sentence.position].own]
        by_day = (row for sentence in sentences for row in around[sentence.position].rows)
        wanted = [i for i in dict.fromkeys((*ids, *own, *by_day)) if i in rows]
        sums = [tally.said for sentence in sentences for tally in added[sentence.position]]
        meant = [i for i in wanted if i in {*ids, *own}][:ROWS]
        only_near = [] if meant or sums else wanted[:SOME]
        lines = [why] if why else []
        lines += [said for said in sums if said not in evidence]
        for row in (rows[i] for i in meant):
            elsewhere = what_it_says(row, names, lang) in evidence
            lines += [row_in_words(row, names, lang, elsewhere=elsewhere)] if row.note or not elsewhere else []
        lines += [row_in_words(rows[i], names, lang) for i in only_near]
        if left := len(wanted) - len(meant) - len(only_near):
            lines.append(text("out.beside_more", lang, n=left))
        cells.append(_cut("\n".join(lines)))
    return cells


def _cut(words: str) -> str:
    return words if len(words) <= LETTERS else words[: LETTERS - 1] + "…"
