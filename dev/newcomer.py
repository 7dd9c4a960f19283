"""Replays newcomers' mornings, from nothing to a page: a table, or a download of ACLED or UCDP, a text, ten claims, one what-if.

    python dev/newcomer.py FOLDER

Every command is one of the manual. Prints each with the seconds that the machine took; what a person needs beside it is reading.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
DESK = TESTS / "newcomer"
WHAT_IF = """
[[steps]]
id = "ban"
kind = "emergency"
places = ["FR"]
at = "2023-04-19T08:00"
size = 1
assumption = "invented: gatherings are forbidden"
"""
"""What the state did, as the manual has it; the change that leaves it out needs no name."""
NOT_YET = 2
"""Status of an import that only shows what a table is taken for."""
SCALE, TEN_DAYS = "0.001", "time.hours=240"
"""A first look: one resident in a thousand, and no more days than are needed to see whether anything differs."""


def replay(folder: Path, call: Callable[..., tuple[int, str]]) -> None:
    """The whole path in an empty folder; `call` runs a command of qantar there and gives its exit status and what it said.

    Raises
    ------
    RuntimeError
        At the first command that fails, with what it said.
    """
    do = partial(_do, call)
    for name in ("actions.csv", "essay.md"):
        (folder / name).write_bytes((DESK / name).read_bytes())
    do("new", "hundred-days", "--country", "FRA", "--first-day", "2023-04-18", "--last-day", "2023-06-29")
    do("import", "actions.csv", "--into", "hundred-days", status=NOT_YET)
    decide(folder / "actions-mapping.toml")
    do("import", "actions.csv", "--into", "hundred-days", status=NOT_YET)
    do("import", "actions.csv", "--mapping", "actions-mapping.toml", "--into", "hundred-days")
    do("check", "hundred-days")
    do("show", "hundred-days", "events", "--find", "Hérault")
    do("account", "outline", "essay.md", "--case", "hundred-days")
    do("account", "new", "essay.md", "--case", "hundred-days", "--out", "ledger")
    judge(folder / "ledger" / "claims.csv", DESK / "answers.csv", source="cent-jours")
    do("check", "ledger", "--document", "essay.md")
    do("account", "keep", "ledger")
    do("verdicts", "ledger")
    do("study", "ledger")
    with (folder / "hundred-days" / "scenario.toml").open("a", encoding="utf-8") as file:
        file.write(WHAT_IF)
    do("check", "hundred-days")
    arm = ("--arm", "steps.ban=off", "--recorded")
    do("counterfactual", "hundred-days", *arm, "--scale", SCALE, "--draws", "4", "--set", TEN_DAYS)


@dataclass(frozen=True)
class Download:
    """A morning with a download: the case that is made of it, and the files on the desk (`DESK`)."""

    case: str
    table: str
    text: str


DOWNLOADS = {"acled": Download("senegal-2025", "acled.csv", "report"), "ucdp": Download("madagascar-2031", "ucdp.csv", "weeks")}


def replay_download(folder: Path, call: Callable[..., tuple[int, str]], morning: Download) -> None:
    """The path of a download, in an empty folder; as `replay`. Its drafts of evidence are what the person begins with."""
    do = partial(_do, call)
    text = f"{morning.text}.md"
    for name in (morning.table, text):
        (folder / name).write_bytes((DESK / name).read_bytes())
    do("new", morning.case, "--events", morning.table)
    do("check", morning.case)
    do("account", "new", text, "--case", morning.case, "--out", "ledger")
    complete(folder / "ledger" / "claims.csv", DESK / f"{morning.text}.verdicts.csv")
    do("study", "ledger", "--document", text)


def _do(call: Callable[..., tuple[int, str]], *words: str, status: int = 0) -> str:
    began = time.monotonic()
    code, said = call(*words)
    print(f"{time.monotonic() - began:6.1f} s  qantar {' '.join(words)}", flush=True)
    if code != status:
        raise RuntimeError(f"qantar {' '.join(words)}: {said}")
    return said


def complete(claims: Path, verdicts: Path) -> None:
    """Judge ten claims: what a draft lacks is written behind it, and a verdict chosen."""
    with verdicts.open(encoding="utf-8", newline="") as file:
        answers = {a.pop("place"): a for a in csv.DictReader(file)}
    with claims.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if (answer := answers.get("-".join((row["section"], row["paragraph"], row["sentence"])))) is not None:
            row |= {**answer, "evidence_en": f"{row['evidence_en']} {answer['evidence_en']}".strip()}
    with claims.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def decide(mapping: Path) -> None:
    """Complete the mapping that was proposed: no column says what happened, and the counts are no more than a list of volunteers."""
    told = mapping.read_text(encoding="utf-8")
    for proposed, decided in (
        ('# kind = "protest"', 'kind = "protest"'),
        ('confidence = "medium"', 'confidence = "low"'),
        ('key = "actions"', 'key = "cent-jours"'),
        ('licence = "not stated: ask who publishes the data"', 'licence = "MIT"'),
        ('redistribution = "no"', 'redistribution = "yes"'),
    ):
        told = told.replace(proposed, decided)
    mapping.write_text(told, encoding="utf-8")


def judge(claims: Path, verdicts: Path, **everywhere: str) -> None:
    """Fill in the claims as a person would in a spreadsheet; sentences that were not listed get a row, listed ones without a verdict go.

    Parameters
    ----------
    verdicts : a table with the place of each claim and what is written into its row
    everywhere : what is written into every row that says nothing else
    """
    with verdicts.open(encoding="utf-8", newline="") as file:
        answers = {a.pop("place"): a for a in csv.DictReader(file)}
    with claims.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    columns, rows = list(listed[0]), []
    found = {"-".join((r["section"], r["paragraph"], r["sentence"])): r for r in listed}
    for number, (place, answer) in enumerate(answers.items(), 1):
        row = found.get(place, dict.fromkeys(columns, "") | dict(zip(("section", "paragraph", "sentence"), place.split("-"), strict=True)))
        rows.append({**row, "claim_id": f"C{number:03d}", "reading": "one", **everywhere, **answer})
    with claims.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def call(*words: str, cwd: Path | None = None) -> tuple[int, str]:
    """Runs a command of qantar; gives its exit status and what it said."""
    done = subprocess.run([sys.executable, "-m", "qantar", *words], cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main() -> None:
    """Replay in an empty folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    downloads = ((name, partial(replay_download, morning=morning)) for name, morning in DOWNLOADS.items())
    for name, path in (("table", replay), *downloads):
        (folder / name).mkdir()
        path(folder / name, partial(call, cwd=folder / name))


if __name__ == "__main__":
    main()
