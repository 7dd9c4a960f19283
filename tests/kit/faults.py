"""Faults as data: tables of spoilt inputs in `tests/invalid/*.toml`, and the one runner that holds an answer against them.

A row spoils one thing and says what must be answered; `tests/invalid/README.md` says how rows are written. The answer is exact: one fault
gives one problem, with this rule, at this place, and it can be said in both languages.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from conftest import CASE, HERE
from qantar.cases.case import cases_folder
from qantar.errors import Problem
from qantar.messages import LANGUAGES
from qantar.scenario.schema import Edit

TABLES = HERE / "invalid"
TINY = HERE / "tiny"
PACKAGED = cases_folder() / CASE
CHINESE = re.compile(r"[\u4e00-\u9fff]")
REPEATED = re.compile("«(.+?)×([0-9]+)»", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """One row of a table: which door the input comes through, how it is spoilt, and what must be said."""

    table: str
    number: int
    door: str
    sound: str
    """text that the table spoils, where it brings its own"""
    row: dict[str, Any] = field(hash=False)

    def __str__(self) -> str:
        names = (self.table, self.file, self.key, self.row["rule"], self.number)
        return re.sub(r"[^\w.=-]+", "_", "-".join(str(name) for name in names), flags=re.ASCII)

    @property
    def file(self) -> str:
        """The file that is spoilt; changes and words of a command line have none."""
        return str(self.row.get("file", ""))

    @property
    def key(self) -> str:
        """The key that is named: that of the row, the column of its cell, or the second of two changes."""
        return f"edits.1.{self.row['path']}" if "path" in self.row else str(self.row.get("key", self.row.get("column", "")))

    def content(self, whole: str) -> bytes:
        """The input as it is spoilt, from the text of the sound one."""
        row = self.row
        if "bytes" in row:
            return bytes.fromhex(repeated(row["bytes"]))
        text = repeated(row["content"]) if "content" in row else whole
        if "column" in row:
            text = cell(text, row["line"], row["column"], repeated(row["value"]))
        if "becomes" in row:
            assert row["text"] in text, f"{self}: {row['text']} does not stand in the sound file"
            text = text.replace(row["text"], repeated(row["becomes"]), -1 if row.get("everywhere") else 1)
        text = repeated(row.get("before", "")) + text + repeated(row.get("after", ""))
        return text.encode(row.get("coded", "utf-8"), "replace" if "coded" in row else "strict")


def repeated(text: str) -> str:
    """`«ab×3»` is `ababab`, and `«x#,×3»` is `x0,x1,x2,`."""
    return REPEATED.sub(lambda m: "".join(m[1].replace("#", str(k)) for k in range(int(m[2]))) if "#" in m[1] else m[1] * int(m[2]), text)


def cell(text: str, line: int, column: str, value: str) -> str:
    """A table with one cell replaced; a column that is not there is added."""
    rows = list(csv.reader(io.StringIO(text)))
    if column not in rows[0]:
        rows = [[*row, "" if number else column] for number, row in enumerate(rows)]
    rows[line - 1][rows[0].index(column)] = value
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def tiny(file: str) -> str:
    """The text of a file of the tiny case."""
    return (TINY / file).read_text(encoding="utf-8")


def faults(*tables: str) -> list[Fault]:
    """The faults of these tables, or of all; a row with many values is as many faults."""
    paths = [TABLES / f"{name}.toml" for name in tables] or sorted(TABLES.glob("*.toml"))
    found = []
    for path in paths:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = [one for row in table["faults"] for one in one_each(table.get("values", {}), table.get("every", {}) | row)]
        found += [
            Fault(path.stem, number, row.get("door", table["door"]), table.get("sound", ""), row) for number, row in enumerate(rows, 1)
        ]
    return found


def one_each(lists: dict[str, dict[str, list[str]]], row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each of its inputs: several stand in the row itself, or in lists that it names, under the rules they break."""
    several = next((name for name in ("values", "becomes", "content") if isinstance(row.get(name), list)), None)
    if several:
        yield from ({**row, "value" if several == "values" else several: one} for one in row[several])
    elif "values" in row:
        chosen = [lists[name] for name in row["values"].split()]
        yield from ({**row, "value": value, "rule": rule} for each in chosen for rule, values in each.items() for value in values)
    else:
        yield row


def together(*tables: str) -> dict[str, list[Fault]]:
    """Faults that are found at once when they are made at once, by the name of their group."""
    groups: dict[str, list[Fault]] = {}
    for fault in faults(*tables):
        for name in fault.row.get("together", "").split():
            groups.setdefault(name, []).append(fault)
    return groups


def change(fault: Fault) -> Edit:
    """The change that a row of the table of changes asks for."""
    return Edit(path=fault.row["path"], op=fault.row.get("op", "set"), value=fault.row.get("value"))


def hold(fault: Fault, found: list[Problem], spoilt: str = "") -> None:
    """Fails unless these problems are what must be said of a fault; `spoilt` is the text in which lines are counted."""
    row, told = fault.row, [(p.file, p.line, p.key, p.code) for p in found][:5]
    assert found, "accepted"
    assert {p.code for p in found} == {row["rule"], *row.get("also", "").split()}, told
    assert len(found) == 1 or "also" in row or row.get("many"), told
    assert len(found) <= 201
    hits = [p for p in found if (p.key, p.code) == (fault.key, row["rule"]) and p.file == row.get("named", p.file)]
    assert hits, told
    if "at" in row:
        assert hits[0].line == spoilt[: spoilt.index(row["at"])].count("\n") + 1, told
    elif "line" in row:
        assert hits[0].line == (row["line"] or None), told
    for words in row.get("says", []):
        assert words in hits[0].render(), hits[0].render()
    said({p.code: p for p in found}.values())


def said(problems: Iterable[Problem]) -> list[Problem]:
    """The same problems, after making sure that each can be said in both languages, in print and as data."""
    found = list(problems)
    for problem in found:
        for lang in LANGUAGES:
            text = problem.render(lang)
            assert all(problem.part(which, lang) for which in ("what", "rule", "mend"))
            assert all(c.isprintable() or c == "\n" for c in text)
            assert len(text) < 1500
            assert json.dumps(problem.as_dict(lang))
        assert CHINESE.search(problem.render("zh"))
        assert not CHINESE.search(problem.part("rule"))
    return found
