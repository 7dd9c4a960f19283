"""Rows of a ledger and its head: every claim of one account, where it stands in the document, what was found, and how it was judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from qantar.account.arguments import Inference
from qantar.account.weights import Item, Weight
from qantar.files.cells import Choice, Date, FolderName, Form, Key, Keys, Number, Row, Sha256, Strict, Text, Title, Told, numbered
from qantar.messages import text

if TYPE_CHECKING:
    from qantar.account.document import Document, Position

KINDS = ("fact", "cause", "prediction", "judgement")
VERDICTS = ("supported", "partly", "contradicted", "unverifiable", "not-empirical", "open")
READINGS = ("agreed", "settled", "first-only", "second-only", "one")
STANCES = ("asserts", "denies")
PROPOSALS = ("supported", "contradicted")
"""What the record may propose of a figure or a day: inside what its rows allow, or outside."""
DRAFT = {"en": "[draft]", "zh": "［草稿］"}
"""What a text begins with that the program wrote from rows of the record and no person has read."""
SECTIONS_MAX = 100_000
HAN = re.compile(r"[\u4e00-\u9fff]")
Verdict = Annotated[str, BeforeValidator(Choice(VERDICTS))]


class _Several:
    """Several of a kind, one after the other with blanks between: an address may hold a semicolon."""

    def __call__(self, cell: object) -> object:
        return tuple(cell.split()) if isinstance(cell, str) else cell

    def allowed(self) -> str:
        return "addresses with blanks between"


Address = Annotated[str, BeforeValidator(Form(r"https?://[^\s\"<>]+", "https://example.org/page"))]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_Several())]
_FOLDER = r"(?=.{1,255}\Z)[^\\\"<>|\x00-\x1f\x7f]*[^\\\"<>|\s\x00-\x1f\x7f]"
CaseName = Annotated[str, BeforeValidator(Form(_FOLDER, "kazakhstan-2022 | ../my-case"))]
"""A packaged case, or the folder of an own one, from the folder of the ledger."""
Range = Annotated[str, BeforeValidator(Form(r"[1-9]\d{0,5}(-[1-9]\d{0,5})?", "3 | 3-6"))]


class Claim(Row):
    """One checkable (or, said so, not checkable) claim of the account."""

    claim_id: Annotated[str, BeforeValidator(numbered("C001"))]
    section: Annotated[int, BeforeValidator(Number("number", 0, SECTIONS_MAX, whole=True))]
    paragraph: Range
    sentence: Range | None = None
    kind: Annotated[str, BeforeValidator(Choice(KINDS))]
    claim_en: Text = ""
    claim_zh: Text = ""
    verdict: Verdict
    evidence_en: Text = ""
    evidence_zh: Text = ""
    hypothesis_id: Key | None = None
    source: Key | None = None
    sources_more: Keys = ()
    reading: Annotated[str, BeforeValidator(Choice(READINGS))] = "one"
    events: Keys = ()
    question: Key | None = None
    stance: Annotated[str, BeforeValidator(Choice(STANCES))] | None = None
    proposed: Annotated[str, BeforeValidator(Choice(PROPOSALS))] | None = None
    proposed_rows: Keys = ()
    proposed_en: Text = ""
    proposed_zh: Text = ""
    said_by: Text = ""
    said_on: Date | None = None
    link: Address = ""
    archived: Addresses = ()
    checked_by: Text = ""
    checked_on: Date | None = None
    corrections: Text = ""
    summary_en: Text = ""
    summary_zh: Text = ""

    @property
    def blank(self) -> bool:
        """Whether nobody has written anything into the row, nor the record proposes anything: a candidate that is no claim.

        >>> row = {"claim_id": "C1", "section": "6", "paragraph": "3", "kind": "fact"}
        >>> Claim(**row, verdict="open").blank, Claim(**row, verdict="open", claim_en="They came.").blank
        (True, False)
        >>> Claim(**row, verdict="open", evidence_en="[draft] The record has a march.", events="E1").blank
        True
        """
        by_hand = (self.source or self.events) and not self.drafted  # a draft comes with them
        evidence = [e for e in (self.evidence_en, self.evidence_zh) if e and not is_draft(e)]
        return self.verdict == "open" and not (self.claim_en or self.claim_zh or evidence or by_hand) and self.proposed is None

    @property
    def drafted(self) -> bool:
        """Whether evidence still stands as the program drafted it from rows of the record."""
        return is_draft(self.evidence_en) or is_draft(self.evidence_zh)

    @property
    def evidence(self) -> tuple[str, str]:
        """Evidence in English and Chinese, without the mark of a draft: `drafted` says whose words these are.

        >>> row = {"claim_id": "C1", "section": "6", "paragraph": "3", "kind": "fact", "verdict": "partly"}
        >>> Claim(**row, evidence_en="[draft] The record has a march.").evidence
        ('The record has a march.', '')
        """
        return undrafted(self.evidence_en), undrafted(self.evidence_zh)

    @property
    def unparaphrased(self) -> bool:
        """Whether nobody has written what the claim says in words of their own: it is told by its place."""
        return not (self.claim_en or self.claim_zh)

    @property
    def told(self) -> tuple[str, str]:
        """The claim in English and Chinese, of which one may be empty; where nobody has paraphrased it, its place in the document.

        >>> Claim(claim_id="C1", section="2", paragraph="3", sentence="1", kind="fact", verdict="open").told[0]
        'section 2, paragraph 3, sentence 1'
        """
        if not self.unparaphrased:
            return self.claim_en, self.claim_zh
        key = "out.claim_at_sentence" if self.sentence else "out.claim_at_paragraph"
        where = {"section": self.section, "paragraph": self.paragraph, "sentence": self.sentence or ""}
        return text(key, "en", **where), text(key, "zh", **where)

    def in_words(self, lang: str) -> str:
        """The same in one language, or in the other where it has only that."""
        en, zh = self.told
        return (zh or en) if lang == "zh" else (en or zh)

    @property
    def only_proposed(self) -> bool:
        """Whether the record proposes a verdict that no person has written yet."""
        return self.verdict == "open" and self.proposed is not None

    @property
    def sources(self) -> tuple[str, ...]:
        """All source keys, the main one first."""
        return ((self.source,) if self.source else ()) + self.sources_more

    @property
    def place(self) -> str:
        """Section, paragraph and sentence as one label.

        >>> Claim(claim_id="C1", section="6", paragraph="3-6", kind="fact", verdict="open").place
        '6.3-6'
        """
        return f"{self.section}.{self.paragraph}" + (f":{self.sentence}" if self.sentence else "")

    def covers(self, position: Position) -> bool:
        """Whether the sentence at this position belongs to the claim."""
        section, paragraph, sentence = position
        inside_paragraph = self.section == section and paragraph in numbers_of(self.paragraph)
        return inside_paragraph and (self.sentence is None or sentence in numbers_of(self.sentence))


def is_draft(words: str) -> bool:
    """Whether a text bears the mark of a draft, in either language.

    >>> is_draft(" [Draft] The record has a march."), is_draft("［草稿］记录中有游行。"), is_draft("A draft was found."), is_draft("")
    (True, True, False, False)
    """
    return words.strip().casefold().startswith(tuple(DRAFT.values()))


def undrafted(words: str) -> str:
    """A text without the mark of a draft."""
    mark = next((m for m in DRAFT.values() if words.strip().casefold().startswith(m)), "")
    return words.strip()[len(mark) :].lstrip()


def numbers_of(span: str) -> range:
    """Numbers of a range as it is written: `3` or `3-6`."""
    low, _, high = span.partition("-")
    return range(int(low), int(high or low) + 1)


class Hypothesis(Row):
    """A causal claim as an experiment: what is varied, what is measured, by which rule it is decided."""

    hypothesis_id: Key
    statement_en: Text
    statement_zh: Text
    test: Annotated[str, BeforeValidator(Choice(("counterfactual", "comparison", "both", "stylized", "none")))]
    vary: Text
    outcome_metric: Text
    support_if: Text
    contradict_if: Text
    record_to_calibrate: Text
    caution: Text
    note_en: Text = ""
    note_zh: Text = ""
    coefficients: Keys = ()
    claims: Keys = ()
    source: Key


class SecondReading(Row):
    """A claim that a second reader judged without seeing the first verdict: both verdicts, and how a difference was settled."""

    claim_id: Key
    first: Verdict
    second: Verdict
    settled: Verdict
    why_en: Text = ""
    why_zh: Text = ""
    sources: Keys = ()

    @property
    def reading(self) -> str:
        """How the ledger marks such a claim."""
        return "agreed" if self.first == self.second else "settled"


class Tension(Row):
    """Claims of the account that do not go together: whoever holds the first gives up the second."""

    tension_id: Key
    first: Keys
    second: Keys
    note_en: Text = ""
    note_zh: Text = ""


class DocumentId(Strict):
    """Which document the ledger was written for; its words are not kept. An account that stands in no one document has no hashes."""

    language: Annotated[str, BeforeValidator(Choice(("en", "zh", "ru")))]
    dated: Date | None = None
    sha256: Sha256 | None = None
    text_sha256: Sha256 | None = None

    def match(self, document: Document) -> str:
        """How a document relates to this one: `same`, `same-text` or `other`."""
        if document.sha256 == self.sha256:
            return "same"
        return "same-text" if document.text_sha256 == self.text_sha256 else "other"


class SectionName(Told):
    """A short name of ours for a section of the document."""

    number: Annotated[int, BeforeValidator(Number("number", 0, SECTIONS_MAX, whole=True))]
    name_en: Text
    name_zh: Text


class Files(Strict):
    """Tables of the ledger, inside its own folder."""

    claims: Text = "claims.csv"
    hypotheses: Text | None = None
    second_reading: Text | None = None
    tensions: Text | None = None
    arguments: Text | None = None
    rivals: Text | None = None
    items: Text | None = None
    weights: Text | None = None
    sources: Text | None = None


class AccountFile(Told):
    """`account.toml`."""

    id: FolderName
    case: CaseName
    title_en: Title
    title_zh: Title
    about_en: Text = ""
    about_zh: Text = ""
    document: DocumentId
    files: Files = Files()
    sections: list[SectionName] = Field(default_factory=list)


LEDGER_MODELS: dict[str, type[Row]] = {
    "claims": Claim,
    "hypotheses": Hypothesis,
    "second_reading": SecondReading,
    "tensions": Tension,
    "arguments": Inference,
    "items": Item,
    "weights": Weight,
}
