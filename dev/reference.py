"""Writes docs/reference from the program itself: commands from their help, tables from their models, errors and words from the catalogue.

The ODD page is `dev/odd.md` with its {{names}} filled in.

Run `.venv/bin/python dev/reference.py` after changing any of them; a test compares the pages with what this gives.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import qantar
from qantar.cli.main import build
from qantar.engine.loop import ORDER
from qantar.ensemble import histories as summary
from qantar.errors import MOST, sentence
from qantar.files.sheet import ROWS_MAX
from qantar.files.text import BYTES_MAX, DOCUMENT_MAX
from qantar.importing import headers
from qantar.lookup.check import TABLES
from qantar.lookup.explain import SORTS, words
from qantar.lookup.keys import FILES, keys_of
from qantar.messages import column_meanings, key_meanings, keys_under, text
from qantar.model import assemble, government, outcome, rules, world
from qantar.population.build import blocks_of
from qantar.record.load import NEEDED
from qantar.record.record import variables
from qantar.record.schema import DAYS_AROUND, SPAN_MAX
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import load_scenario, resolve

PACKAGE = Path(qantar.__file__).parent
REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
TEMPLATE = Path(__file__).parent / "odd.md"
CASE = "kazakhstan-2022"
SUBMODELS = {
    "population/blocks.py": (),
    "population/ties.py": (),
    "model/rules.py": (),
    "model/government.py": ("government",),
    **{f"model/{module.__name__.rpartition('.')[2]}.py": (name,) for name, module in assemble.MECHANISMS.items()},
    "model/assemble.py": ("base",),
    "model/outcome.py": (),
    "reporting/model.py": ("record",),
}
"""Files whose docstrings make up section 7 of the ODD page, and the groups of parameters that stand with each."""
INTERNAL = {
    *("t", "hour", "dt", "scale", "first_hour", "seed", "expected", "out", "fighting", "withdrawn", "dead", "killed", "detained"),
    *("region", "residents", "settlement", "local_hour", "police", "clock", "people", "seat", "dependence", "old_price"),
    *("inflation_excess", "devaluation", "mean_hardship", "internet", "all_guard", "all_residents"),
    *("wanted", "need", "surplus", "leaving", "share", "last_arrival", "arriving", "shift"),
}
"""Columns of a world that are no state of the country: time and counts of the last step, what does not change, sums within a step."""
NOTE = "<!-- Written by dev/reference.py. Change the program or the catalogue, not this page. -->\n"


def pages() -> dict[str, str]:
    """Name and content of every generated page."""
    return {
        "commands.md": _commands(),
        "python.md": _python(),
        "tables.md": _tables(),
        "keys.md": _keys(),
        "words.md": _words(),
        "headers.md": _headers(),
        "errors.md": _errors(),
        "parameters.md": _parameters(),
        "odd.md": _odd(),
    }


def _commands() -> str:
    parts = [NOTE, "# Commands\n", "Every command prints results on stdout and progress on stderr. `--lang` stands before the command.\n"]
    for name, command in _walk("qantar", build("en")):
        parts.append(f"## {name}\n\n```text\n{_help(name, command)}\n```\n")
    return "\n".join(parts)


HEAD = """# From Python

Everything that a command does can be done from Python or in a notebook, with the same names, checks and results. These are all public
names; what begins with an underscore, or stands elsewhere, may change. A study is done by `run_study` and read by `read_study`; what it
gives has `to_pandas()`, prints as sentences, and shows as the section of a page. Tables of a record, verdicts and onsets become frames by
`to_pandas`, days and hours become arrays by `to_xarray`; both need the extra `notebook` (`pip install 'qantar[notebook]'`).

```python
import qantar

loaded = qantar.load_account("kazakhstan-2022")
judged = qantar.judge(loaded.account)
qantar.to_pandas(judged).groupby("verdict").size()
```
"""


def _python() -> str:
    """Public names with their signature and what they say of themselves."""
    parts = [NOTE, HEAD]
    for name in qantar.__all__:
        found = getattr(qantar, name)
        if inspect.isclass(found) or not callable(found):
            continue
        signature = _signature(found)
        parts.append(f"## {name}\n\n```python\n{name}{signature}\n```\n\n```text\n{inspect.getdoc(found)}\n```\n")
    errors = [name for name in qantar.__all__ if inspect.isclass(found := getattr(qantar, name)) and issubclass(found, Exception)]
    parts.append("## Errors\n\n" + "\n".join(f"- `{name}`: {inspect.getdoc(getattr(qantar, name))}" for name in errors) + "\n")
    return "\n".join(parts)


HEADERS = """# Headers of a table of your own

When you bring a table of your own into a case, `qantar import` looks at the header of each column and at some of its values, and says what
it takes the column for. These are the headers that it knows, by what they stand for. Capitals, accents and marks do not matter. A column
that is called otherwise is not lost: name it in the mapping file. The how-to page
[Bring downloaded data into a case](../how-to/import.md) tells how.

A header may stand in two languages, parted by a stroke, a dash or a word for *or*, or with one of them in brackets:
`Qué pasó / what happened`, `Ciudad (town)`. Halves that mean different things say nothing: `Dead / injured` is not known, and neither is
`Killed (police)`, which counts some only. If two columns fit, the one whose header stands earlier here is taken.
"""


def _headers() -> str:
    """What each column is called in the languages that are known."""
    parts = [NOTE, HEADERS, "| is read as | headers |\n| --- | --- |"]
    parts += [f"| `{field}` | {_escaped(', '.join(found))} |" for field, found in headers.known().items()]
    for name, told in (
        ("low", "\nBefore or after a header of `participants` or `deaths` these make it the low end"),
        ("high", "\nThese make it the high end"),
        ("around", "\nThese may stand before or after any header"),
    ):
        parts.append(f"{told}: {', '.join(headers.words(name))}.")
    return "\n".join(parts) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("#", "\\#")


def _signature(function: Any) -> str:
    """Parameters with their types and defaults; … stands for a default that is a function."""
    found = inspect.signature(function)
    given = [
        p.replace(default=_Dots() if callable(p.default) and p.default is not p.empty else p.default) for p in found.parameters.values()
    ]
    plain = found.replace(parameters=given)
    return re.sub(r"((?:: |-> ))'([^']*)'", r"\1\2", str(plain))


class _Dots:
    def __repr__(self) -> str:
        return "…"


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
    for name, model in TABLES.items():
        title = text(f"table.{name}", "en") if name != "variables" else "The register of quantities: the one unit each is written in."
        parts.append(f"## {name}\n\n{title}\n\n| column | allowed | required | meaning |\n| --- | --- | --- | --- |")
        for column, info in model.model_fields.items():
            allowed = model.allowed(column).replace("|", "\\|")
            parts.append(f"| `{column}` | {allowed} | {'yes' if info.is_required() else ''} | {meanings[(name, column)]} |")
        parts.append("")
    parts.append(_limits())
    parts.append("## Quantities\n\n| quantity | unit | lowest | highest | meaning |\n| --- | --- | --- | --- | --- |")
    parts += [f"| `{v.variable}` | {v.unit} | {v.low:,.15g} | {v.high:,.15g} | {v.meaning_en} |" for v in variables()]
    return "\n".join(parts) + "\n"


def _keys() -> str:
    """Keys of the files that head a case, its scenario and what forecasts of it are asked."""
    figure = (
        'A *figure* is written `{ value = 12, unit = "percent", source = "KEY" }` with a key of sources.csv, or with `assumption = "why"` '
        "in place of a source. Where a text is asked for in English and in Chinese, one of the two is enough."
    )
    parts = [NOTE, "# Keys of case.toml, scenario.toml and benchmark.toml\n", figure + "\n"]
    for file in FILES:
        parts.append(f"## {file}.toml\n\n| key | needed | may hold | meaning |\n| --- | --- | --- | --- |")
        for key in keys_of(file):
            held = key.allowed.replace("|", "or")
            parts.append(f"| `{key.path}` | {'yes' if key.needed else ''} | {held} | {key_meanings('en')[file, key.path]} |")
        parts.append("")
    return "\n".join(parts)


def _limits() -> str:
    """What is read at most, and which days a table may speak of."""
    sizes = [f"`{ending}` {most / 1e6:g} MB" for ending, most in BYTES_MAX.items()]
    days = [f"{name} {n} days" if n < 366 else f"{name} {n // 366} years" for name, n in DAYS_AROUND.items()]
    return (
        f"## Limits\n\nRead are regular files only, up to: {', '.join(sizes)}; a document {DOCUMENT_MAX / 1e6:g} MB. "
        f"A table has at most {ROWS_MAX:,} rows. Of one file the first {MOST} problems are listed. "
        f"A case has at most {SPAN_MAX:,} days; "
        f"before its first and after its last day a table may reach: {', '.join(days)}.\n\n"
        f"A case needs {', '.join(f'`{name}.csv`' for name in NEEDED)} and `regions.geojson`. Any other file may be missing. "
        "Where a text is asked for in English and in Chinese, one of the two is enough.\n"
    )


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
        sentences = (text(sentence(name, part), "en") for part in ("what", "rule", "mend"))
        several = (re.sub(r"\{\w+:[^{}|]*\|([^{}]*)\}", r"\1", s) for s in sentences)
        what, rule, mend = (re.sub(r"\{(\w+)(?:!r)?\}", r"`\1`", s) for s in several)
        parts.append(f"## {name}\n\n{what[0].upper() + what[1:]}\n\nRule: {rule}\n\nMend: {mend}\n")
    return "\n".join(parts)


def _odd() -> str:
    template = TEMPLATE.read_text(encoding="utf-8")
    found = {**_odd_numbers(), **_odd_tables(), "submodels": _submodels()}
    if unused := set(found) ^ set(re.findall(r"\{\{(\w+)\}\}", template)):
        raise ValueError(f"dev/odd.md and dev/reference.py differ on {sorted(unused)}")
    fields = {"b", "quota", "on_the_way", *(name for part in ("COUNTRY", "REGION", "PLACE") for name in assemble.columns(part))} - INTERNAL
    if unsaid := fields - set(re.findall(r"`(\w+)`", template)):
        raise ValueError(f"dev/odd.md says nothing of these columns of a World: {sorted(unsaid)}")
    return NOTE.replace("this page", "this page; text: dev/odd.md") + "\n" + re.sub(r"\{\{(\w+)\}\}", lambda m: found[m[1]], template)


def _odd_numbers() -> dict[str, str]:
    scenario = load_scenario(CASE)
    plan, known = resolve(scenario), parameters().values()
    blocks = blocks_of(plan)
    return {
        "case": CASE,
        "n_parameters": str(len(known)),
        "n_assumption": str(sum(p.status == "assumption" for p in known)),
        "n_spike": str(sum(p.prior.spike > 0 for p in known)),
        "factor": f"{summary.FACTOR:g}",
        "outcomes": ", ".join(outcome.OUTCOMES),
        "dated": ", ".join(government.DATED),
        "mass": f"{100 * summary.MASS:g} %",
        "residents": f"{blocks.n:,}",
        "n_classes": f"{blocks.n_classes:,}",
        "n_places": str(len(plan.places)),
        "n_settlements": str(sum(p.settlement for p in plan.places)),
        "n_regions": str(len(plan.regions)),
        "n_layers": str(len(plan.layers)),
        "n_units": str(len(world.UNITS)),
        "units": ", ".join(world.UNITS),
        "kinds": ", ".join(f"`{kind}`" for kind in plan.drivers),
        "n_organizations": str(len(plan.organizations)),
        "presence": ", ".join(f"{o.presence:g}" for o in plan.organizations),
        "n_states": str(rules.N_STATES),
        "states": ", ".join(rules.STATES),
        "levels": ", ".join(rules.LEVELS),
        "sectors": "; ".join(s.name_en + ("" if s.takes_part else " (never join)") for s in scenario.file.sectors),
        "hardship": ", ".join(f"{h:g}" for h in plan.hardship),
        "step_hours": f"{plan.step_hours:g}",
        "hours": str(plan.hours),
        "start": plan.start.replace("T", " "),
        "quotas": "; ".join(f"{rules.STATES[old]} → {rules.STATES[new]}" for old, new in rules.QUOTAS),
        "mechanisms_off": ", ".join(f"`{m}`" for m in assemble.MECHANISMS if m not in plan.mechanisms),
        "site_guards": f"{plan.forces['site_guards']:,.0f}",
        "n_steps": str(len(plan.steps)),
    }


def _odd_tables() -> dict[str, str]:
    scenario = load_scenario(CASE)
    plan = resolve(scenario)
    layers = [(x.id, x.scope, str(x.group or "by sector"), str(x.repeats), "online" if x.online else "in person") for x in plan.layers]
    steps = [(f"`{kind}`", driver, str(sum(s.kind == kind for s in plan.steps))) for kind, driver in plan.drivers.items()]
    rivals = [(f"`{name}`", arm.note_en) for name, arm in scenario.file.arms.items() if name.startswith("rival-")]
    return {
        "patterns": _table(("pattern", "rule"), [(f"`{k}`", text(f"feature.{k}", "en", of="…")) for k in keys_under("feature")]),
        "layers": _table(("layer", "blocks", "group of", "times", "met"), layers),
        "hour": _table(("", "step", "file"), [(str(n), name, f"`{file}`") for n, (name, file) in enumerate(ORDER, 1)]),
        "steps": _table(("kind", "driver", "recorded decisions"), steps),
        "rivals": _table(("arm", "what it says"), rivals),
    }


def _submodels() -> str:
    """Docstring, parameters, and what is read of other groups, file by file."""
    known, parts, said = parameters(), [], set[str]()
    for file, groups in SUBMODELS.items():
        source = (PACKAGE / file).read_text(encoding="utf-8")
        docstring = source.split('"""')[1].strip()
        parts.append(f"### `{file}`\n\n```text\n{docstring}\n```\n")
        if file == "model/government.py":
            rungs = [(r.name, f"`{r.kind}`", f"`{r.rung}`", _whom(r), "no" if r.back is None else "yes") for r in government.LADDER]
            parts.append("The ladder; its lines have no order:\n\n" + _table(("decision", "kind", "at", "for", "taken back"), rungs) + "\n")
        own = {name: p for name, p in known.items() if p.group in groups}
        rows = [(f"`{n}`", p.unit, f"{p.default:g}", str(p.prior), p.status, p.meaning_en) for n, p in own.items()]
        if rows:
            parts.append(_table(("parameter", "unit", "default", "prior", "status", "meaning"), rows) + "\n")
        names = dict.fromkeys(re.findall(r'(?:\bp\.|(?:params|values)\[")(\w+)', source))
        read = [n for n in names if n in known and n not in own]
        if read:
            parts.append("Reads also: " + ", ".join(f"`{n}` ({known[n].group})" for n in read) + ".\n")
        said |= set(own)
    if unsaid := set(known) - said:
        raise ValueError(f"no submodel of dev/reference.py holds {sorted(unsaid)}")
    return "\n".join(parts).rstrip()


def _whom(rung: government.Rung) -> str:
    return "the country" if rung.national else "regions with unrest"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])


if __name__ == "__main__":
    for page, content in pages().items():
        (REFERENCE / page).write_text(content, encoding="utf-8", newline="\n")
