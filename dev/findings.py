"""Writes docs/findings from stored results: every sentence and table a study tells, as Markdown.

One page holds what ships with the packaged case, one the classic models, whose result lies in `evidence/classics`. Run
`.venv/bin/python dev/findings.py` after a result was made again; a test compares the page on classic models with what this gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qantar.cases.case import load_case
from qantar.files.result import command_line
from qantar.messages import text
from qantar.studies import study
from qantar.studies.blocks import Block, Cell, Figure, Sentence, Table, in_language, pair
from qantar.studies.kind import page_of
from qantar.studies.shipped import result_in, shipped

CASE = "kazakhstan-2022"
ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "findings"
CLASSICS = ROOT / "evidence" / "classics"
LONG = 12
"""Rows from which on a table is folded."""
HEAD = """<!-- Written by dev/findings.py from the results that ship with the case. Make a result again, not this page. -->
# What came out: Kazakhstan, January 2022

An essay explains an uprising. This page holds what the program found out about it: which parameters of a simulated country could have
produced the record, what that country foresees of days and regions that it was not shown, how rival accounts of the same days compare, and
what experiments say about causes. Nothing here was typed. Each sentence and each table is made from a stored result, under the command
that made it, so that anybody can make it again and look for a difference. All of it holds in the model, and the model misses most of what
the record says of that week. Read it as the record of a test that the model failed, not as an explanation.

**One claim.** {claim}

"""
WORKED = "C055"
HEAD_CLASSICS = """<!-- Written by dev/findings.py from evidence/classics. Make the result again, not this page. -->
# What came out: classic models

Six published models, run again by the command below. Each table sets what was published beside what comes out here, with the source and how
near is near enough. Nothing was changed to come nearer; what is not obtained is said to be. The rules of each model, and what was taken
where a paper leaves something open, are in [classic models](../explanation/classics.md).

"""


def pages() -> dict[str, str]:
    """Name and content of every page."""
    return {f"{CASE}.md": page(), "classics.md": classics()}


def classics() -> str:
    """What the result on classic models tells."""
    described, result = result_in(CLASSICS)
    return "".join([HEAD_CLASSICS, f"`{command_line(result.made)}`\n\n", *_told(page_of(described, result))])


def page() -> str:
    """What ships with the packaged case."""
    results = shipped(load_case(CASE)).shown
    parts = [HEAD.format(claim=_worked())]
    for kind, result in results.items():
        parts.append(f"## {text(f'report.part.{study(kind).part or kind}', 'en')}\n\n`{command_line(result.made)}`\n\n")
        parts += _told(page_of(study(kind), result))
    return "".join(parts)


def _worked() -> str:
    """A claim of the essay with what was found, as the program has it."""
    from qantar.verdicts.claims import judge
    from qantar.verdicts.load import load_account

    loaded = load_account(CASE)
    judged = next(j for j in judge(loaded.account, loaded.trials()) if j.claim.claim_id == WORKED)
    words = text(f"verdict.{judged.word}", "en"), text(f"basis.{judged.basis}", "en")
    return (
        f"{WORKED} of the essay, in our words: {judged.claim.claim_en} The verdict: *{words[0]}* ({words[1]}). {judged.claim.evidence_en}"
    )


def _told(blocks: Iterator[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Sentence):
            words = _plain(block.words)
            yield {"lead": f"**{words}**", "warn": f"> {words}", "note": f"*{words}*"}.get(block.role, words) + "\n\n"
        elif isinstance(block, Table):
            yield (f"{_plain(block.title)}\n\n" if block.title else "") + _table(block)
        elif isinstance(block, Figure):
            yield f"{_plain(pair(f'report.figure.{block.name}.title'))}\n\n{_table(block.table)}"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(_plain(c.head) for c in table.columns) + " |"]
    lines.append("|" + "|".join(" ---: " if c.number else " --- " for c in table.columns) + "|")
    lines += ["| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in row) + " |" for row in table.rows]
    whole = "\n".join(lines) + "\n\n"
    return whole if len(table.rows) < LONG else f"<details><summary>{len(table.rows)} rows</summary>\n\n{whole}</details>\n\n"


def _plain(cell: Cell) -> str:
    return " ".join(str(in_language(cell, "en")).split())


if __name__ == "__main__":
    for name, content in pages().items():
        (PAGES / name).write_text(content, encoding="utf-8")
