"""A loaded ledger, with the sources of its case and its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qantar.account.arguments import Inference
from qantar.account.kept import Change, Kept
from qantar.account.schema import (
    AccountFile,
    Claim,
    Hypothesis,
    SecondReading,
    Tension,
)
from qantar.account.weights import Item, RivalsFile, Weight
from qantar.files.cells import Table
from qantar.record.schema import Source

if TYPE_CHECKING:
    from qantar.account.document import Document, Position


QUOTED_MAX = 300
"""Characters of a document that stand for one claim, at most."""


@dataclass(frozen=True)
class Account:
    """A loaded ledger, with the sources of its case and its own."""

    folder: Path
    head: AccountFile
    claims: Table[Claim]
    hypotheses: Table[Hypothesis]
    second_reading: Table[SecondReading]
    tensions: Table[Tension]
    arguments: Table[Inference]
    items: Table[Item]
    weights: Table[Weight]
    rivals: RivalsFile | None
    own_sources: Table[Source]
    """those that the case does not have"""
    sources: dict[str, Source]
    kept: Kept
    """what rows said when verdicts were written on them"""
    changed: tuple[Change, ...]
    """what they say otherwise now"""
    quoted: Mapping[str, str]
    """sentences of the document for claims that nobody has paraphrased, by id; empty where the document is not at hand"""

    def claim(self, claim_id: str) -> Claim | None:
        """One claim by its id."""
        return next((c for c in self.claims if c.claim_id == claim_id), None)

    def beside(self, document: Document) -> Account:
        """The same with the sentences of its document for the claims with a verdict that nobody has paraphrased.

        Of a document that is not the one the ledger was written for there are none.
        """
        if self.match(document) == "other":
            return self
        unsaid = [c for c in self.claims if c.unparaphrased and c.verdict != "open"]
        words = {c.claim_id: " ".join(s.text for s in document.sentences() if c.covers(s.position)) for c in unsaid}
        return replace(self, quoted={key: shortened(said) for key, said in words.items() if said})

    def told(self, claim: Claim) -> tuple[str, str]:
        """A claim in English and Chinese, of which one may be empty: in its own words, else by its sentence, else by its place."""
        sentence = self.quoted.get(claim.claim_id) if claim.unparaphrased else None
        return (f"“{sentence}”",) * 2 if sentence else claim.told

    def resting_on(self, row_id: str) -> Iterator[Claim]:
        """Claims whose verdict rests on this event or total: those to read again when the row changes."""
        return (c for c in self.claims if row_id in c.events)

    def section_name(self, number: int, lang: str) -> str:
        """Our name of a section, or its number."""
        return next((str(getattr(s, f"name_{lang}")) for s in self.head.sections if s.number == number), str(number))

    def match(self, document: Document) -> str:
        """How a document relates to the one the ledger was written for: `same`, `same-text` or `other`."""
        return self.head.document.match(document)

    def covers(self, position: Position) -> Iterator[str]:
        """Ids of the claims at a sentence."""
        return (c.claim_id for c in self.claims if c.covers(position))


def shortened(said: str) -> str:
    """The beginning of what is quoted, if it is long.

    >>> shortened("They came."), len(shortened("They came. " * 100)) == QUOTED_MAX
    ('They came.', True)
    """
    return said if len(said) <= QUOTED_MAX else said[: QUOTED_MAX - 1] + "…"
