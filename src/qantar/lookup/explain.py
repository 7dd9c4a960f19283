"""Explains a word: term, verdict, kind, basis, flag, table, column, quantity or error, from the catalogue and the schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qantar.errors import StudyError, fail, nearest, sentence
from qantar.lookup.check import TABLES
from qantar.messages import LANGUAGES, catalogue, column_meanings, key_meanings, keys_under, text
from qantar.record.complete import GATHERINGS, UNREST, VIOLENCE
from qantar.record.record import variables
from qantar.record.schema import EVENT_KINDS
from qantar.scenario.names import parameter_names

SORTS = ("verdict", "kind", "basis", "flag", "event")
"""Catalogue groups whose words have a meaning of their own in `SORT_meaning`."""
_LISTS = {"verdicts": "verdict", "kinds": "kind", "bases": "basis", "flags": "flag"}
_KINDS = {"gathering": GATHERINGS, "violence": VIOLENCE, "unrest": UNREST}
"""Terms that stand for kinds of events."""
ROOM = 34
"""Characters of what a cell may hold, in the table of columns."""


@dataclass(frozen=True)
class Explanation:
    """A word and what it means; `rows` holds further lines (columns of a table, words of a list)."""

    name: str
    sort: str
    meaning: str
    allowed: str = ""
    rows: tuple[tuple[str, str, str], ...] = ()


def words() -> dict[str, list[str]]:
    """Every word that can be explained, by sort."""
    return {
        "terms": keys_under("term"),
        **{sort: keys_under(f"{sort}_meaning") for sort in SORTS},
        "tables": list(TABLES),
        "parameters": list(parameter_names()),
        "quantities": [v.variable for v in variables()],
        "errors": [k for k in keys_under("error") if f"error.{k}.what" in catalogue("en")],
    }


def explain(name: str, lang: str) -> list[Explanation]:
    """All meanings of a word; `TABLE.COLUMN` or a bare column name explains columns. A StudyError has the nearest words if none is."""
    found = [*_named(name, lang), *_columns(name, lang), *_keys(name, lang)]
    if not found:
        found = [x for code in _codes(name) for x in _named(code, lang)]
    if not found:
        known = [w for group in words().values() for w in group] + [f"{t}.{c}" for t, c in (*column_meanings("en"), *key_meanings("en"))]
        raise fail(StudyError, name, "no_such_name", value=name, choices=nearest(name, known))
    return found


def _codes(label: str) -> list[str]:
    """Codes of verdicts, kinds, bases and flags that tables and pages show as this.

    >>> _codes("Partly right"), _codes("地址缺失")
    (['partly'], ['address-lost'])
    """
    shown = label.strip().lower()
    codes = [(sort, code) for sort in SORTS for code in keys_under(f"{sort}_meaning")]
    return [c for sort, c in codes if shown in {text(f"{sort}.{c}", lang).lower() for lang in LANGUAGES}]


def _named(name: str, lang: str) -> list[Explanation]:
    kinds = tuple((k, text(f"event.{k}", lang), text(f"event_meaning.{k}", lang)) for k in _KINDS.get(name, ()))
    found = [Explanation(name, "term", text(f"term.{name}", lang), rows=kinds)] if name in keys_under("term") else []
    for sort in SORTS:
        if name in keys_under(f"{sort}_meaning"):
            label = f"{name} ({text(f'{sort}.{name}', lang)})" if lang != "en" else name
            meaning = text(f"{sort}_meaning.{name}", lang)
            if sort == "event":
                meaning += " " * (lang == "en") + text(f"shows_meaning.{_shows(name)}", lang)
            found.append(Explanation(label, sort, meaning))
    if (listed := _LISTS.get(name)) is not None:
        rows = tuple((w, text(f"{listed}.{w}", lang), text(f"{listed}_meaning.{w}", lang)) for w in keys_under(f"{listed}_meaning"))
        found = [Explanation(name, listed, text(f"term.{name}", lang), rows=rows)]
    if name in TABLES:
        model = TABLES[name]
        meanings = column_meanings(lang)
        rows = tuple((c, _short(model.allowed(c)), meanings[(name, c)]) for c in model.model_fields)
        found.append(Explanation(name, "table", text(f"table.{name}", lang), rows=rows))
    for v in variables():
        if v.variable == name:
            limits = " … ".join("" if x is None else f"{x:g}" for x in (v.low, v.high))
            found.append(Explanation(name, "quantity", getattr(v, f"meaning_{lang}"), f"{v.unit} [{limits}]"))
    if name in ("parameters", *parameter_names()):
        found.append(_parameter(name, lang))
    if name in words()["errors"]:
        parts = (text(sentence(name, which), lang) for which in ("what", "rule", "mend"))
        found.append(Explanation(name, "error", re.sub(r"\{(\w+)(?:!r)?\}", r"<\1>", " ".join(parts))))
    return found


def _shows(kind: str) -> str:
    """What an event of a kind shows: a gathering, violence or neither."""
    return next((name for name in ("gathering", "violence") if kind in _KINDS[name]), "neither")


def _parameter(name: str, lang: str) -> Explanation:
    """A parameter, or all of them under the name `parameters`."""
    from qantar.scenario.parameters import parameters  # loads the compiler, which other words need not wait for

    if name == "parameters":
        rows = tuple((p, v.unit, getattr(v, f"meaning_{lang}")) for p, v in parameters().items())
        return Explanation(name, "parameter", text("out.parameters", lang), rows=rows)
    p = parameters()[name]
    limits = f"{text(f'unit.{p.unit}', lang)} [{p.low:g} … {p.high:g}]"
    lines = tuple((text(f"out.{k}", lang), v, "") for k, v in (("default", f"{p.default:g}"), ("prior", str(p.prior))))
    status = (text("out.status", lang), text(f"status.{p.status}", lang), p.source)
    return Explanation(name, "parameter", getattr(p, f"meaning_{lang}"), limits, (*lines, status))


def _short(allowed: str) -> str:
    """A long list of words cut to fit a table; `explain TABLE.COLUMN` shows it whole."""
    return allowed if len(allowed) <= ROOM else allowed[: ROOM - 2] + " …"


def _keys(name: str, lang: str) -> list[Explanation]:
    """Keys of the TOML files of a case, by their path, with or without the name of the file."""
    if not any(name in (path, f"{file}.{path}", file) for file, path in key_meanings(lang)):
        return []
    from qantar.lookup.keys import FILES, keys_of  # loads the scheme of a scenario, which other words need not wait for

    found = []
    for file in FILES:
        keys = keys_of(file)
        if name == file:
            rows = tuple((k.path, _short(k.allowed), key_meanings(lang)[file, k.path]) for k in keys)
            found.append(Explanation(f"{file}.toml", "keys", text(f"check.kind.{file}", lang), rows=rows))
        found += [
            Explanation(f"{file}.toml {k.path}", "key", key_meanings(lang)[file, k.path], k.allowed)
            for k in keys
            if name in (k.path, f"{file}.{k.path}")
        ]
    return found


def _columns(name: str, lang: str) -> list[Explanation]:
    wanted_table, _, wanted = name.rpartition(".")
    return [
        Explanation(f"{table}.{column}", "column", meaning, rows=_event_kinds(lang))
        if (table, column) == ("events", "kind")
        else Explanation(f"{table}.{column}", "column", meaning, TABLES[table].allowed(column))
        for (table, column), meaning in column_meanings(lang).items()
        if table in TABLES and column == wanted and wanted_table in ("", table)
    ]


def _event_kinds(lang: str) -> tuple[tuple[str, str, str], ...]:
    """Every kind of event with what it shows and what it means."""
    return tuple((k, text(f"shows.{_shows(k)}", lang), text(f"event_meaning.{k}", lang)) for k in EVENT_KINDS)
