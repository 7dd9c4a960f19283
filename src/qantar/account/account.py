"""A loaded ledger, with the sources of its case and its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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

    def claim(self, claim_id: str) -> Claim | None:
        """One claim by its id."""
        return next((c for c in self.claims if c.claim_id == claim_id), None)

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
