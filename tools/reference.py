"""Writes docs/reference from the program itself: commands from their help, tables from their models, errors and words from the catalogue.

Run `.venv/bin/python tools/reference.py` after changing any of them; a test compares the pages with what this gives.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from qantar.cli import build
from qantar.explain import SORTS, words
from qantar.messages import column_meanings, text
from qantar.record.load import variables
from qantar.record.schema import Variable
from qantar.scenario.parameters import parameters
from qantar.validate import TABLES

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py. Change the program or the catalogue, not this page. -->\n"


def pages() -> dict[str, str]:
    """Name and content of every generated page."""
    return {
        "commands.md": _commands(),
        "tables.md": _tables(),
        "words.md": _words(),
        "errors.md": _errors(),
        "parameters.md": _parameters(),
    }


def _commands() -> str:
    parts = [NOTE, "# Commands\n", "Every command prints results on stdout and progress on stderr. `--lang` stands before the command.\n"]
    for name, command in _walk("qantar", build("en")):
        parts.append(f"## {name}\n\n```text\n{_help(name, command)}\n```\n")
    return "\n".join(parts)


def _parameters() -> str:
    parts = [
        NOTE,
        "# Parameters\n",
        "Every coefficient of the model, once. A prior with a share on 0 says with that share that there is no effect. "
        "*literature*: a published figure or range; *recorded*: from the tables of the case; *assumption*: neither.\n",
    ]
    group = ""
    for name, p in parameters().items():
        if p.group != group:
            group = p.group
            heads = "| parameter | unit | limits | default | prior | status | meaning and source |"
            parts.append(f"\n## {group}\n\n{heads}\n" + "| --- " * 7 + "|")
        limits = f"{p.low:g} to {p.high:g}"
        parts.append(f"| `{name}` | {p.unit} | {limits} | {p.default:g} | {p.prior} | {p.status} | {p.meaning_en} *{p.source}* |")
    return "\n".join(parts) + "\n"


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child, inner in getattr(command, "commands", {}).items():
        yield from _walk(f"{name} {child}", inner)


def _help(name: str, command: Any) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        command.main(args=["--help"], prog_name=name, standalone_mode=False, terminal_width=100, max_content_width=100)
    return "\n".join(line.rstrip() for line in out.getvalue().strip().split("\n"))


def _tables() -> str:
    meanings = column_meanings("en")
    parts = [
        NOTE,
        "# Tables\n",
        'An empty cell is always "not known", never zero, unless its row says otherwise. UTF-8, comma, one header line.\n',
    ]
    for name, model in {**TABLES, "variables": Variable}.items():
        title = text(f"table.{name}", "en") if name != "variables" else "The register of quantities: the one unit each is written in."
        parts.append(f"## {name}\n\n{title}\n\n| column | allowed | required | meaning |\n| --- | --- | --- | --- |")
        for column, info in model.model_fields.items():
            allowed = model.allowed(column).replace("|", "\\|")
            parts.append(f"| `{column}` | {allowed} | {'yes' if info.is_required() else ''} | {meanings[(name, column)]} |")
        parts.append("")
    parts.append("## Quantities\n\n| quantity | unit | meaning |\n| --- | --- | --- |")
    parts += [f"| `{v.variable}` | {v.unit} | {v.meaning_en} |" for v in variables()]
    return "\n".join(parts) + "\n"


def _words() -> str:
    parts = [NOTE, "# Words\n", "What `qantar explain` says.\n", "## terms\n"]
    parts += [f"- **{name}**: {text(f'term.{name}', 'en')}" for name in words()["terms"]]
    for sort in SORTS:
        parts.append(f"\n## {sort}\n")
        parts += [f"- **{w}** ({text(f'{sort}.{w}', 'en')}): {text(f'{sort}_meaning.{w}', 'en')}" for w in words()[sort]]
    return "\n".join(parts) + "\n"


def _errors() -> str:
    parts = [
        NOTE,
        "# Errors\n",
        "Each error says file, line and key, what is wrong, the rule, and the mend. Status 2; nothing is written.\n",
    ]
    for name in words()["errors"]:
        sentences = (text(f"error.{name}.{part}", "en") for part in ("what", "rule", "mend"))
        what, rule, mend = (re.sub(r"\{(\w+)(?:!r)?\}", r"`\1`", s) for s in sentences)
        parts.append(f"## {name}\n\n{what[0].upper() + what[1:]}\n\nRule: {rule}\n\nMend: {mend}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    for page, content in pages().items():
        (REFERENCE / page).write_text(content, encoding="utf-8", newline="\n")
