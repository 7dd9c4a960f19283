"""Drafts of evidence for the rows of a new ledger, from the rows of the record that a sentence is held against.

In: candidate claims of a document, what the record proposes of them, and a case. Out: cells of claims: the ids of rows, their sources, and
a text that says what they have, marked as a draft. A claim has one where the record proposes something, where it tells a fact of a day
and a place or words of which the record has a few rows, or where it counts or orders what the record adds up. No draft says whether these
bear the sentence out.
"""

from __future__ import annotations

from collections.abc import Sequence

from qantar.account.candidates import Candidate
from qantar.account.document import Document
from qantar.account.schema import DRAFT
from qantar.cases.case import Case
from qantar.lookup.likely import near
from qantar.lookup.propose import Proposal
from qantar.lookup.rows import key_of, names_of_places, what_it_says
from qantar.lookup.tallies import tallies
from qantar.messages import LANGUAGES, text
from qantar.record.schema import NOT_SAID, Event, Total

FEW = 3
"""Rows that one draft tells. Of more than these of a day and place nobody knows which is meant; of a proposal the others are named."""


def drafts(found: Sequence[Candidate], proposed: Sequence[Proposal | None], document: Document, case: Case) -> list[dict[str, str]]:
    """For each candidate the cells that can be drafted, empty if none; in English where the program does not speak its language."""
    lang = document.language if document.language in LANGUAGES else LANGUAGES[0]
    rows: dict[str, Event | Total] = {e.event_id: e for e in case.record.events} | {t.total_id: t for t in case.record.totals}
    around, names, added = near(document, case), names_of_places(case, lang), tallies(document, case)
    publishers = {s.key: s.title if s.publisher in ("", NOT_SAID) else s.publisher for s in case.record.sources}
    cells: list[dict[str, str]] = []
    for candidate, proposal in zip(found, proposed, strict=True):
        own = around[candidate.sentence.position].own
        sums = added[candidate.sentence.position] if candidate.kind == "fact" and not proposal else []
        few = own if candidate.kind == "fact" and len(own) <= FEW and not any(tally.whole for tally in sums) else ()
        ids = [i for i in (proposal.rows if proposal else few) if i in rows]
        if not (ids or sums):
            cells.append({})
            continue
        by = [publishers.get(rows[i].source, rows[i].source) for i in ids[:FEW]]
        named = [f" ({one})" if len({*by[k:]}) > 1 or k + 1 == len(by) else "" for k, one in enumerate(by)]  # the last for all, if alike
        told = [f"{what_it_says(rows[i], names, lang)}{whose}" for i, whose in zip(ids, named, strict=False)]
        told += [", ".join(key_of(rows[i]) for i in ids[FEW:])] if ids[FEW:] else []
        main, *more = dict.fromkeys((*(rows[i].source for i in ids), *(key for tally in sums for key in tally.sources)))
        has = [text("out.draft_rows", lang, rows=text("report.semicolon", lang).join(told))] if told else []
        words = f"{DRAFT[lang]} {' '.join([*(tally.said for tally in sums), *has])}"
        events = dict.fromkeys((*ids, *(row for tally in sums for row in tally.rows)))
        cells.append({"events": ";".join(events), "source": main, "sources_more": ";".join(more), f"evidence_{lang}": words})
    return cells
