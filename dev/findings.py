"""Writes docs/findings from stored results: every sentence and table a study tells, as Markdown.

    python dev/findings.py              the pages, from results of the packaged case and those in evidence
    python dev/findings.py --score      the table of forecasts is made first, from the packaged cases and evidence/benchmark/entries.csv

A test compares the pages with what this gives.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from qantar.cases.case import load_case
from qantar.files.result import command_line
from qantar.messages import text
from qantar.studies import study
from qantar.studies.blocks import Block, Cell, Figure, Sentence, Table, in_language, pair
from qantar.studies.kind import Row, Rows, page_of
from qantar.studies.shipped import result_in, shipped

CASE = "kazakhstan-2022"
HOME = Path(__file__).parent.parent
PAGES = HOME / "docs" / "findings"
SCORES, ENTRIES = HOME / "evidence" / "benchmark" / "result", HOME / "evidence" / "benchmark" / "entries.csv"
CLASSICS, WAVES = HOME / "evidence" / "classics", HOME / "evidence" / "waves"
LONG = 15
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

Which rows are this program's own? "This model", its simulated country fitted to the rest of the record of Kazakhstan; "qantar-prior",
fitted to nothing, for the United States; and "qantar-rallies", its rule of how rallies bring more rallies, fitted to the days of training.
All others are plain rules and regressions. Whether it would have warned of January 2022, evening by evening, stands on
[the other page of findings](kazakhstan-2022.md#would-it-have-warned).

"""
OF_NEARNESS = "C022"
OF_WAVES = """<!-- Written by dev/findings.py from evidence/waves. Make the results again, not this page. -->
# What came out: waves that foretell each other

Does what is known of unrest in one country hold in the next? Each wave is left out in turn, and the others say what its numbers should be:
how much news of rallies elsewhere, a crowd at home or one nearby raise the rate of the next. Then its own record answers. Few waves say
little of how far countries differ, so what they foretell is wide, and a wide range is easily right. What the waves together say of one more
is then put in place of the prior of the packaged case, to see what that changes there. The priors that ship stay as they are.

**One claim.** {claim}

How much a crowd nearby draws, `near_gain`, is among the numbers below.

"""


def pages() -> dict[Path, str]:
    """All pages by place."""
    return {
        PAGES / f"{CASE}.md": page(),
        PAGES / "benchmark.md": benchmark_page(),
        PAGES / "classics.md": classics_page(),
        PAGES / "waves.md": waves_page(),
    }


def benchmark_page() -> str:
    """What the stored table of forecasts says."""
    described, result = result_in(SCORES)
    parts = [OF_BENCHMARK.format(claim=_worked(OF_NEARNESS)), f"`{command_line(result.made)}`\n\n"]
    return "".join([*parts, *_told(page_of(described, result))])


def classics_page() -> str:
    """What the result on classic models tells."""
    described, result = result_in(CLASSICS)
    return "".join([HEAD_CLASSICS, f"`{command_line(result.made)}`\n\n", *_told(page_of(described, result))])


def waves_page() -> str:
    """What waves foretell of each other, what their prior changes for the packaged case, and uprisings on each other's force."""
    described, result = result_in(WAVES / "result")
    parts = [OF_WAVES.format(claim=_worked(OF_NEARNESS)), f"`{command_line(result.made)}`\n\n", *_told(page_of(described, result))]
    return "".join([*parts, *_of_the_case(), *_of_force()])


def _rows(name: str) -> list[dict[str, str]]:
    with (WAVES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1), *("| " + " | ".join(r) + " |" for r in rows)]
    return "\n".join(lines) + "\n\n"


def _number(row: dict[str, str], digits: int = 2) -> str:
    """A value with its interval, where it has one."""
    value, *ends = (f"{float(row[k]):.{digits}f}".replace("-", "−") for k in ("value", "low", "high"))
    return value if row["low"] == "nan" else f"{value} [{ends[0]}, {ends[1]}]"


def _of_the_case() -> Iterator[str]:
    """Both priors side by side for the packaged case."""
    rows = {(r["what"], r["prior"]): r for r in _rows("kazakhstan.csv")}
    words = {
        "peak": ("draws of the prior with 10,000 to 300,000 out at the peak", 3),
        "limit": ("distance of the farthest of the nearest quiet histories", 2),
        "middle": ("distance of the middle one", 2),
        "shown": ("recorded features, of 44, that half of them or more show", 0),
        "score": ("log score of each region's first day, foretold from the others", 2),
    }
    yield "### What this changes for Kazakhstan\n\n`dev/left_out.py`\n\n"
    near = rows["shown", "table"]["of"]
    yield (
        f"As many draws of either prior were simulated, {rows['peak', 'table']['of']}, under the same luck, and the {near} nearest to how "
        "unrest spread that leave December quiet were taken: a small part of what the fit that ships looked at, so both are farther from "
        "the record than that, and the comparison is between the columns. Intervals are of 95 %, over draws; of scores two standard "
        "errors, which take regions for independent and are lower bounds.\n\n"
    )
    yield _markdown(
        ["", "prior of the table", "prior from the waves"],
        [[name, *(_number(rows[what, prior], digits) for prior in ("table", "waves"))] for what, (name, digits) in words.items()],
    )
    fitted = next(r for r in _shipped_fit() if r["parameter"] == "media_gain")
    new = next(r for r in result_in(WAVES / "result")[1].tables["foretold"] if not r["case"] and r["parameter"] == "media_gain")
    yield (
        "Of the numbers that waves tell of, the fit that ships learns one, `media_gain`: "
        f"{_three(fitted, 'posterior_')}. The waves foretell {_three(new, '')}.\n\n"
    )
    less = rows["score", "waves less table"]
    apart = float(less["low"]) > 0 or float(less["high"]) < 0
    yield f"Difference of the log scores, waves less table: {_number(less)}: {'told apart' if apart else 'not told apart'}.\n\n"
    whole = rows["score", "all of the table"]
    yield (
        f"With all {int(whole['of']):,} draws of the table that ship the score is {_number(whole)}: more draws help more than another "
        "prior does.\n\n" if float(whole["value"]) < min(float(rows["score", p]["value"]) for p in ("table", "waves")) else
        f"With all {int(whole['of']):,} draws of the table that ship the score is {_number(whole)}.\n\n"
    )  # fmt: skip
    after: dict[str, dict[str, dict[str, str]]] = {}
    for r in _rows("posterior.csv"):
        after.setdefault(r["parameter"], {})[r["prior"]] = r
    yield f"Parameters before, and of the {near} nearest: middle and 90 % interval.\n\n"
    yield _markdown(
        ["parameter", "prior of the table", "nearest", "prior from the waves", "nearest under it"],
        [
            [f"`{name}`", *(_three(by[prior], at) for prior in ("table", "waves") for at in ("before_", ""))]
            for name, by in after.items()
        ],
    )  # fmt: skip


def _shipped_fit() -> Rows:
    return shipped(load_case(CASE)).shown["calibrate"].tables["learned"]


def _three(row: Row, at: str) -> str:
    low, middle, high = (f"{float(row[f'{at}q{q}']):.3g}".replace("-", "−") for q in ("05", "50", "95"))
    return f"{middle} ({low} … {high})"


def _of_force() -> Iterator[str]:
    """Uprisings on each other's dead and detained."""
    rows = _rows("force.csv")
    inside = sum(float(r["low"]) <= float(r["log10"]) <= float(r["high"]) for r in rows)
    yield "### Force: uprisings that foretell each other\n\n"
    yield (
        "No wave with places and days counts dead or detained, so none of them says anything of force. Uprisings of which both "
        "participants and dead, or detained, are known do, by one number each. The prior of the table for Kazakhstan is made from all of "
        f"them and from nothing of Kazakhstan in 2022: it is the prior that leaves it out, and nothing changes. {inside} of {len(rows)} "
        "figures lie inside the 90 % interval that the others foretell (Student's t of the decimal logs).\n\n"
    )
    yield _markdown(
        ["uprising", "what, a participant-day", "figure", "foretold from the others"],
        [
            [r["uprising"], r["what"], *(_power(r["log10"]), f"{_power(r['foretold'])} ({_power(r['low'])} … {_power(r['high'])})")]
            for r in rows
        ],
    )  # fmt: skip


def _power(log10: str) -> str:
    return f"{10 ** float(log10):.1g}".replace("-", "−")


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
