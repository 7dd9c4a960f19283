"""What a ledger must fulfil beyond its single cells: within a claim, between tables, and against the rows of its case."""

from __future__ import annotations

import re
from collections.abc import Collection

from qantar.account.account import Account
from qantar.account.arguments import check_inferences
from qantar.account.kept import Kept
from qantar.account.schema import (
    HAN,
    Claim,
    numbers_of,
)
from qantar.errors import Problems, nearest
from qantar.files.cells import Table
from qantar.record.checks import check_repeated
from qantar.scenario.names import parameter_names


def check_tables(account: Account, problems: Problems) -> None:
    """The tables by themselves, and against each other where both can be read."""
    claims = account.claims
    ids = check_repeated(claims, "claim_id", problems)
    hypotheses = check_repeated(account.hypotheses, "hypothesis_id", problems)
    read_twice = account.second_reading.ids()
    for line, claim in problems.rows(claims):
        check_claim(claim, claims.file, line, problems)
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


def check_events(claims: Table[Claim], rows: Collection[str], rows_and_regions: Collection[str], kept: Kept, problems: Problems) -> None:
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
    return len(HAN.findall(evidence)) < EVIDENCE_SIGNS and len(re.findall(r"\w+", HAN.sub("", evidence))) < EVIDENCE_WORDS


def _check_place(claim: Claim, file: str, line: int, problems: Problems) -> None:
    for column in ("paragraph", "sentence"):
        span = getattr(claim, column)
        if span and not len(numbers_of(span)):
            problems.add(file, line, column, "low_above_high", value=span.split("-")[0], other=column, other_value=span.split("-")[1])
    if claim.sentence and "-" in claim.paragraph:
        problems.add(file, line, "sentence", "sentence_of_range", value=claim.sentence)


def check_claim(claim: Claim, file: str, line: int, problems: Problems) -> None:
    """What a claim needs by itself."""
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
        if en and len(HAN.findall(en)) * 2 > len(en):
            problems.add(file, line, f"{what}_en", "wrong_language", language="en")
        if zh and not HAN.search(zh):
            problems.add(file, line, f"{what}_zh", "wrong_language", language="zh")
    evidence = {k: v for k in ("evidence_en", "evidence_zh") if (v := getattr(claim, k))}
    if not of_value and evidence and all(map(_bare, evidence.values())):
        problems.add(file, line, next(iter(evidence)), "evidence_short", value=next(iter(evidence.values())))
    if claim.source is None and not of_value and claim.verdict != "unverifiable":  # what was searched for and not found has no source
        if claim.events:
            problems.add(file, line, "source", "source_of_rows", value=", ".join(claim.events), row=claim.events[0])
        else:
            problems.add(file, line, "source", "missing_source")
    if (claim.kind == "judgement") != (claim.verdict == "not-empirical") and claim.kind != "prediction":
        problems.add(file, line, "verdict", "verdict_of_kind", value=claim.verdict, kind=claim.kind)
