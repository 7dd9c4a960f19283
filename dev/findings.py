"""Writes docs/findings from stored results: every sentence and table a study tells, as Markdown.

    python dev/findings.py              the pages, from results of the packaged case, of evidence/benchmark and evidence/classics
    python dev/findings.py --score      the table of forecasts is made first, from the packaged cases and evidence/benchmark/entries.csv

A test compares the pages with what this gives.
"""

from __future__ import annotations

import subprocess
import sys
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
HOME = Path(__file__).parent.parent
PAGES = HOME / "docs" / "findings"
SCORES, ENTRIES = HOME / "evidence" / "benchmark" / "result", HOME / "evidence" / "benchmark" / "entries.csv"
CLASSICS = HOME / "evidence" / "classics"
LONG = 14
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
OF_BENCHMARK = """<!-- Written by dev/findings.py from evidence/benchmark. Score again with --score; do not edit this page. -->
# What came out: forecasts of all cases side by side

Can anybody say tomorrow where unrest will break out? Here plain rules, a plain regression and whatever else was handed in answer the same
questions about several waves. The questions were written down, with a fingerprint of the rows they rest on, before anything was scored.
Nobody sees the day that is asked for. Whoever does worse than the rule that things stay as they were has learnt nothing that helps. Two
forecasts are called different only if they differ by more than planted records, made without any difference, would show. Beside that stand
a test of contagion and a look at a list that suddenly grew. Nothing here was typed; one command makes this page again.

**One claim.** {claim}

That question, whether nearness carries unrest, is asked below of three other waves.

Which rows are this program's own simulated country? "This model", fitted to the rest of the record of Kazakhstan, and "qantar-prior",
fitted to nothing, for the United States. All others are plain rules and regressions. Whether it would have warned of January 2022, evening
by evening, stands on [the other page of findings](kazakhstan-2022.md#would-it-have-warned).

"""
OF_NEARNESS = "C022"


def pages() -> dict[Path, str]:
    """All pages by place."""
    return {PAGES / f"{CASE}.md": page(), PAGES / "benchmark.md": benchmark_page(), PAGES / "classics.md": classics_page()}


def benchmark_page() -> str:
    """What the stored table of forecasts says."""
    described, result = result_in(SCORES)
    parts = [OF_BENCHMARK.format(claim=_worked(OF_NEARNESS)), f"`{command_line(result.made)}`\n\n"]
    return "".join([*parts, *_told(page_of(described, result))])


def classics_page() -> str:
    """What the result on classic models tells."""
    described, result = result_in(CLASSICS)
    return "".join([HEAD_CLASSICS, f"`{command_line(result.made)}`\n\n", *_told(page_of(described, result))])


def score() -> None:
    """Make the table of forecasts from nothing."""
    entry = [f"--entry={ENTRIES}"] if ENTRIES.is_file() else []
    subprocess.run([sys.executable, "-m", "qantar", "benchmark", *entry, f"--out={SCORES}"], check=True, stdout=subprocess.DEVNULL)


def page() -> str:
    """The page of the packaged case."""
    results = shipped(load_case(CASE)).shown
    parts = [HEAD.format(claim=_worked(WORKED))]
    for kind, result in results.items():
        parts.append(f"## {text(f'report.part.{study(kind).part or kind}', 'en')}\n\n`{command_line(result.made)}`\n\n")
        parts += _told(page_of(study(kind), result))
    return "".join(parts)


def _worked(claim: str) -> str:
    """A claim of the essay with what was found, as the program has it."""
    from qantar.verdicts.claims import judge
    from qantar.verdicts.load import load_account

    loaded = load_account(CASE)
    judged = next(j for j in judge(loaded.account, loaded.trials()) if j.claim.claim_id == claim)
    words = text(f"verdict.{judged.word}", "en"), text(f"basis.{judged.basis}", "en")
    return f"{claim} of the essay, in our words: {judged.claim.claim_en} The verdict: *{words[0]}* ({words[1]}). {judged.claim.evidence_en}"


def _told(blocks: Iterator[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Sentence):
            words = _plain(block.words)
            yield {"lead": f"**{words}**", "warn": f"> {words}", "note": f"*{words}*", "head": f"### {words}"}.get(
                block.role, words
            ) + "\n\n"
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
    if "--score" in sys.argv[1:]:
        score()
    for place, content in pages().items():
        place.write_text(content, encoding="utf-8")
