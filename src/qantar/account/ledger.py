"""The ledger: every claim of one account, where it stands in the document, what was found, and how it was judged.

In: a folder with `account.toml`, `claims.csv` and, if there are any, its other tables and sources of its own; the events it cites are those
of the case it names. Any of the tables may be a workbook instead (`claims.xlsx`); of two that were written alike, the one that was changed
since is read, and two that differ otherwise are refused. Out: an `Account`. It holds positions, paraphrases and the document's SHA-256,
never its sentences: those stand in a workbook for the eye alone, and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from qantar.account.arguments import Inference, check_inferences
from qantar.account.kept import Change, Kept, read_kept
from qantar.account.weights import Item, RivalsFile, Weight, check_stories, check_weights
from qantar.errors import Problems, nearest
from qantar.files.cells import Choice, Date, FolderName, Form, Key, Keys, Number, R, Row, Sha256, Strict, Table, Text, Title, Told, numbered
from qantar.files.read import TomlNotes, inside, read_table, read_toml
from qantar.messages import text
from qantar.record.load import check_repeated, check_sources
from qantar.record.schema import Source
from qantar.scenario.names import parameter_names

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
_HAN = re.compile(r"[\u4e00-\u9fff]")
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
        inside_paragraph = self.section == section and paragraph in _numbers(self.paragraph)
        return inside_paragraph and (self.sentence is None or sentence in _numbers(self.sentence))


def is_draft(words: str) -> bool:
    """Whether a text bears the mark of a draft, in either language.

    >>> is_draft(" [Draft] The record has a march."), is_draft("［草稿］记录中有游行。"), is_draft("A draft was found."), is_draft("")
    (True, True, False, False)
    """
    return words.strip().casefold().startswith(tuple(DRAFT.values()))


def _numbers(span: str) -> range:
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


def read_head(folder: Path, problems: Problems) -> AccountFile | None:
    """The checked `account.toml` of a folder."""
    return read_toml(folder / "account.toml", AccountFile, problems)


def read_tables_alone(folder: Path, problems: Problems) -> list[Table[Any]]:
    """The tables of a ledger whose head cannot be used, each checked by itself under the name it has if the head does not say otherwise."""
    found: dict[str, Table[Any]] = {}
    for name, model in LEDGER_MODELS.items():
        there = any((folder / f"{name}{suffix}").is_file() for suffix in TWINS)
        if there and (path := the_one(folder / f"{name}.csv", name, problems)):
            found[name] = read_table(path, name, model, problems)
    for line, claim in problems.rows(found["claims"]) if "claims" in found else ():
        _check_claim(claim, found["claims"].file, line, problems)
    return list(found.values())


def read_claims(folder: Path) -> Account | None:
    """Head and claims of a ledger, without its case and whatever is wrong with them; None where there is no head."""
    quiet = Problems()
    head = read_head(folder, quiet) if (folder / "account.toml").is_file() else None
    if head is None:
        return None
    tables: dict[str, Table[Any]] = {name: Table(name, "", (), ()) for name in (*LEDGER_MODELS, "own_sources")}
    tables["claims"] = _optional_table(folder, head, "claims", Claim, quiet)
    return Account(folder, head, **tables, rivals=None, sources={}, kept=read_kept(folder, quiet), changed=())


def read_account(
    folder: Path,
    head: AccountFile,
    case_sources: Table[Source],
    problems: Problems,
    rows: Collection[str] | None = None,
    arms: Collection[str] | None = None,
    regions: Collection[str] = (),
) -> Account:
    """The ledger in `folder`, every table checked; what is wrong goes to `problems`.

    `rows` are the ids of the events and totals of its case, `arms` those of its scenario; None where they could not be read, and nothing
    is said of them then. `regions` are those of its case, on whose first days a proposal may rest.
    """
    tables: dict[str, Table[Any]] = {n: _optional_table(folder, head, n, model, problems) for n, model in LEDGER_MODELS.items()}
    own = _optional_table(folder, head, "sources", Source, problems)
    check_repeated(own, "key", problems)
    taken = {s.key for s in case_sources}
    for line, source in problems.rows(own):
        if source.key in taken:
            problems.add(own.file, line, "key", "source_of_case", value=source.key)
    sources = {s.key: s for s in (*case_sources, *own)}
    spoilt = case_sources.spoilt | own.spoilt
    rivals, kept = _rivals(folder, head, arms, problems), read_kept(folder, problems)
    account = Account(folder, head, **tables, rivals=rivals, own_sources=own, sources=sources, kept=kept, changed=())
    if case_sources.readable and own.readable:
        for table in (account.claims, account.hypotheses, account.second_reading, account.items):
            check_sources(table, {*sources, *spoilt}, problems)
    _check(account, problems)
    if rows is not None:
        _check_events(account.claims, rows, {*rows, *regions}, kept, problems)
    if rows is not None and account.rivals is not None and all(t.readable for t in tables.values()):
        known, stories = {*rows, *account.claims.ids()}, [s.id for s in account.rivals.stories]
        check_weights(stories, account.items, account.weights, known, problems)
    return account


def _rivals(folder: Path, head: AccountFile, arms: Collection[str] | None, problems: Problems) -> RivalsFile | None:
    if head.files.rivals is None:
        return None
    path = inside(folder, head.files.rivals, file="account.toml", line=None, key="files.rivals", problems=problems)
    rivals = read_toml(path, RivalsFile, problems) if path else None
    if path and rivals:
        check_stories(rivals, arms, TomlNotes.of(path, problems))
    return rivals


def _optional_table(folder: Path, head: AccountFile, name: str, model: type[R], problems: Problems) -> Table[R]:
    file = getattr(head.files, name)
    if file is None:
        return Table(name, f"{name}.csv", (), ())
    path = inside(folder, file, file="account.toml", line=None, key=f"files.{name}", problems=problems)
    path = the_one(path, name, problems) if path else None
    return read_table(path, name, model, problems) if path else Table(name, file, (), (), readable=False)


WRITTEN = "written.toml"
"""In the folder of a ledger: what its tables held when CSV and workbook were written alike."""


class Written(Strict):
    """`written.toml`: SHA-256 of the cells of a table as both files of it were written."""

    claims: Sha256 | None = None
    sources: Sha256 | None = None


def the_one(path: Path, name: str, problems: Problems) -> Path | None:
    """The file in which a table stands: the one that is named, or the workbook (CSV) beside it if that alone is there or was changed."""
    from qantar.files.sheet import rows_sha256

    other = twin(path)
    if other is None or not (other.exists() or other.is_symlink()):
        return path
    if not inside(path.parent, other.name, file="account.toml", line=None, key=f"files.{name}", problems=problems):
        return None
    if not (path.exists() or path.is_symlink()):
        return other
    models: dict[str, type[Row]] = {**LEDGER_MODELS, "sources": Source}
    columns = list(models[name].model_fields)
    said, beside = rows_sha256(path, name, columns), rows_sha256(other, name, columns)
    if said == beside and said is not None:
        return path
    mark = path.parent / WRITTEN
    written = getattr((read_toml(mark, Written, Problems()) if mark.is_file() else None) or Written(), name, None)
    if written is not None and written in (said, beside):
        return other if said == written else path
    problems.add(path.name, None, "", "two_tables", file=path.name, other=other.name)
    return None


def twin(path: Path) -> Path | None:
    """The workbook in which a table in CSV may stand as well, and the other way round; None of any other file."""
    return path.with_suffix(TWINS[path.suffix]) if path.suffix in TWINS else None


TWINS = {".csv": ".xlsx", ".xlsx": ".csv"}


def _check(account: Account, problems: Problems) -> None:
    """The tables by themselves, and against each other where both can be read."""
    claims = account.claims
    ids = check_repeated(claims, "claim_id", problems)
    hypotheses = check_repeated(account.hypotheses, "hypothesis_id", problems)
    read_twice = account.second_reading.ids()
    for line, claim in problems.rows(claims):
        _check_claim(claim, claims.file, line, problems)
        _check_section(account, claim.section, claims.file, line, "section", problems)
        if account.second_reading.readable and claim.reading in ("agreed", "settled") and claim.claim_id not in read_twice:
            problems.add(claims.file, line, "reading", "reading_without", claim=claim.claim_id, value=claim.reading)
        if account.hypotheses.readable and claim.hypothesis_id and claim.hypothesis_id not in hypotheses:
            choices = nearest(claim.hypothesis_id, hypotheses)
            problems.add(claims.file, line, "hypothesis_id", "unknown_hypothesis", value=claim.hypothesis_id, choices=choices)
    for line, hypothesis in problems.rows(account.hypotheses):
        for name in hypothesis.coefficients:
            if name not in parameter_names():
                choices = nearest(name, parameter_names())
                problems.add(account.hypotheses.file, line, "coefficients", "unknown_parameter", value=name, choices=choices)
        for claim_id in hypothesis.claims if claims.readable else ():
            if claim_id not in ids:
                problems.add(account.hypotheses.file, line, "claims", "unknown_claim", value=claim_id, choices=nearest(claim_id, ids))
    check_repeated(account.arguments, "id", problems)
    if claims.readable:
        _check_readings(account, ids, problems)
        _check_tensions(account, ids, problems)
        check_inferences(account.arguments, ids, problems)
    for line, inference in problems.rows(account.arguments):
        if inference.section is not None:
            _check_section(account, inference.section, account.arguments.file, line, "place", problems)


def _check_section(account: Account, section: int, file: str, line: int, column: str, problems: Problems) -> None:
    """That a section is one of those that `account.toml` names, if it names any."""
    known = [s.number for s in account.head.sections]
    if known and section not in known:
        problems.add(file, line, column, "unknown_section", value=section, choices=", ".join(map(str, sorted(known))))


def _check_events(claims: Table[Claim], rows: Collection[str], rows_and_regions: Collection[str], kept: Kept, problems: Problems) -> None:
    """That the rows of the record which claims name are there; of one that was there, what it said."""
    for line, claim in problems.rows(claims):
        for column, known in (("events", rows), ("proposed_rows", rows_and_regions)):
            for key in getattr(claim, column):
                if key not in known and (was := kept.get(claim.claim_id, {}).get(key)):
                    said = ", ".join(f"{k} {v}" for k, v in was.items())
                    problems.add(claims.file, line, column, "vanished_record_row", value=key, said=said)
                elif key not in known:
                    problems.add(claims.file, line, column, "unknown_record_row", value=key, choices=nearest(key, known))


def check_questions(account: Account, questions: Collection[str], problems: Problems) -> None:
    """That every question a claim answers is one of the case, and that the claim says whether it says yes or no."""
    for line, claim in problems.rows(account.claims):
        if claim.question and claim.question not in questions:
            choices = nearest(claim.question, questions)
            problems.add(account.claims.file, line, "question", "unknown_case_question", value=claim.question, choices=choices)
        if (claim.question is None) != (claim.stance is None):
            problems.add(account.claims.file, line, "stance" if claim.question else "question", "empty_cell")


def _check_tensions(account: Account, ids: set[str], problems: Problems) -> None:
    table = account.tensions
    check_repeated(table, "tension_id", problems)
    for line, tension in problems.rows(table):
        for side in ("first", "second"):
            named = getattr(tension, side)
            if not named:
                problems.add(table.file, line, side, "empty_cell")
            for claim_id in named:
                if claim_id not in ids:
                    problems.add(table.file, line, side, "unknown_claim", value=claim_id, choices=nearest(claim_id, ids))
        if not (tension.note_en or tension.note_zh):
            problems.add(table.file, line, "note_en", "empty_cell")
        for both in sorted({*tension.first} & {*tension.second}):
            problems.add(table.file, line, "second", "tension_with_itself", value=both)


def _check_readings(account: Account, ids: set[str], problems: Problems) -> None:
    table = account.second_reading
    check_repeated(table, "claim_id", problems)
    claims = {c.claim_id: c for c in account.claims}
    for line, reading in problems.rows(table):
        found = claims.get(reading.claim_id)
        if reading.claim_id in account.claims.spoilt:
            continue
        if found is None:
            problems.add(table.file, line, "claim_id", "unknown_claim", value=reading.claim_id, choices=nearest(reading.claim_id, ids))
        elif (found.verdict, found.reading) != (reading.settled, reading.reading) or reading.first == reading.second != reading.settled:
            ledger = {"ledger": found.verdict, "marked": found.reading}
            args = {"claim": reading.claim_id, "value": reading.settled, "reading": reading.reading, **ledger}
            problems.add(table.file, line, "settled", "reading_conflict", **args)
        elif reading.reading == "settled" and not (reading.why_en or reading.why_zh):
            problems.add(table.file, line, "why_en", "empty_cell")


EVIDENCE_WORDS, EVIDENCE_SIGNS = 3, 6
"""Fewest words (signs in Chinese) that can say what a source says: "Forty to sixty.", not "Wrong."."""


def _bare(evidence: str) -> bool:
    """Whether a text is too short to be evidence.

    >>> _bare("Wrong."), _bare("不对。"), _bare("Forty to sixty."), _bare("没有此类报道。")
    (True, True, False, False)
    """
    return len(_HAN.findall(evidence)) < EVIDENCE_SIGNS and len(re.findall(r"\w+", _HAN.sub("", evidence))) < EVIDENCE_WORDS


def _check_place(claim: Claim, file: str, line: int, problems: Problems) -> None:
    for column in ("paragraph", "sentence"):
        span = getattr(claim, column)
        if span and not len(_numbers(span)):
            problems.add(file, line, column, "low_above_high", value=span.split("-")[0], other=column, other_value=span.split("-")[1])
    if claim.sentence and "-" in claim.paragraph:
        problems.add(file, line, "sentence", "sentence_of_range", value=claim.sentence)


def _check_claim(claim: Claim, file: str, line: int, problems: Problems) -> None:
    _check_place(claim, file, line, problems)
    if claim.proposed and not claim.proposed_rows:
        problems.add(file, line, "proposed_rows", "empty_cell")
    if claim.verdict == "open":
        return
    of_value = claim.verdict == "not-empirical"  # its source is the document itself, and no evidence bears on it
    for what in ("claim", "evidence"):
        en, zh = getattr(claim, f"{what}_en"), getattr(claim, f"{what}_zh")
        if what == "evidence" and not en and not zh and not of_value:
            problems.add(file, line, f"{what}_en", "judged_without", value=claim.verdict)
        if en and len(_HAN.findall(en)) * 2 > len(en):
            problems.add(file, line, f"{what}_en", "wrong_language", language="en")
        if zh and not _HAN.search(zh):
            problems.add(file, line, f"{what}_zh", "wrong_language", language="zh")
    evidence = {k: v for k in ("evidence_en", "evidence_zh") if (v := getattr(claim, k))}
    if not of_value and evidence and all(map(_bare, evidence.values())):
        problems.add(file, line, next(iter(evidence)), "evidence_short", value=next(iter(evidence.values())))
    if claim.source is None and not of_value and claim.verdict != "unverifiable":  # what was searched for and not found has no source
        problems.add(file, line, "source", "missing_source")
    if (claim.kind == "judgement") != (claim.verdict == "not-empirical") and claim.kind != "prediction":
        problems.add(file, line, "verdict", "verdict_of_kind", value=claim.verdict, kind=claim.kind)
