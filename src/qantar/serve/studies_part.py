"""Studies of every kind: a form from the description, a run of the very command that it stands for, its result as the report draws it.

Nothing is written for a kind. What a client sends becomes words of a command one by one: values stand behind the names of their options,
places lie in the folder that is served, and the result is written below it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from qantar.errors import Problem, QantarError, ResultError, StudyError, fail
from qantar.files.cells import Choice, Number
from qantar.files.result import command_line, read_head, read_result
from qantar.report.sections import section_of
from qantar.report.write import PAGE
from qantar.serve.home import arms_of
from qantar.serve.part import Asked, Nothing, Operation, Page, Part, Served, Stream
from qantar.studies import KINDS, studies, study
from qantar.studies.blocks import Cell, Pair, label, pair
from qantar.studies.kind import ARMS, Study, checked, flag, names_file, options_of, type_of
from qantar.studies.shipped import result_in

ENTRIES = {"scenario": "scenario", "cases": "scenario", "account": "account", "accounts": "account"}
"""Options that name what can be opened, and what an entry must have for them."""
RESULTS = "results"
"""Folder below the one that is served in which results are written."""
WHOLE = "study"
"""Kind of the result of `qantar study`, which is a page of its own."""
ALONE = {
    "Content-Security-Policy": "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "unsafe-none",  # browsers refuse any other of what is sandboxed
}
"""What a page may do that somebody else may have written: nothing but show itself."""


@dataclass(frozen=True)
class Field:
    """One option as a form asks for it."""

    name: str
    """as on the command line"""
    control: str
    """entry, entries, switch, choice, number, lines, place or text"""
    help: Pair
    required: bool
    default: Any = None
    number: Number | None = None
    unit: Cell = ""
    choices: Sequence[str] = ()
    needs: str = ""
    offers: str = ""
    """what of the chosen scenario fits"""
    metavar: str = ""

    def schema(self) -> dict[str, Any]:
        """The same as JSON schema."""
        types = {"switch": "boolean", "number": "number", "lines": "array", "entries": "array"}
        found: dict[str, Any] = {"type": types.get(self.control, "string"), "description": self.help[0], "description_zh": self.help[1]}
        if self.number is not None:
            found |= {"type": "integer"} if self.number.whole else {}
            found |= {"minimum": self.number.low, "maximum": self.number.high, "unit": self.number.unit}
        if self.choices:
            found["enum"] = [*self.choices]
        if found["type"] == "array":
            found["items"] = {"type": "string"}
        return found if self.default is None else {**found, "default": self.default}


def fields(described: Study[Any]) -> list[Field]:
    """The options of a kind, in their order."""
    return [_field(described, name) for name in described.options.model_fields]


def _field(described: Study[Any], name: str) -> Field:
    option, info = options_of(described.options)[name], described.options.model_fields[name]
    held = type_of(info.annotation)
    several = held == tuple[str, ...]
    controls = {
        "entries" if several else "entry": option.argument and name in ENTRIES,
        "switch": held is bool,
        "choice": isinstance(option.fits, Choice),
        "number": isinstance(option.fits, Number),
        "place": held is Path,
        "lines": several,
    }
    default = None if info.is_required() else info.get_default()
    return Field(
        flag(name),
        next((control for control, applies in controls.items() if applies), "text"),
        pair(option.help),
        info.is_required(),
        [*default] if isinstance(default, tuple) else default,
        option.fits if isinstance(option.fits, Number) else None,
        label("unit", option.fits.unit) if isinstance(option.fits, Number) else "",
        option.fits.words if isinstance(option.fits, Choice) else (),
        ENTRIES.get(name, ""),
        "arms" if name == ARMS else "",
        option.metavar or "",
    )


def title_of(described: Study[Any]) -> Pair:
    """What a kind is called on a page."""
    return pair(f"report.part.{described.part or described.name}")


def _titled(kind: str) -> Pair:
    """What a result is called: of a kind, or of `qantar study`."""
    return pair("serve.studies.whole_account") if kind == WHOLE else title_of(study(kind))


def about(described: Study[Any]) -> Pair:
    """What a kind is for: the first paragraph of its help."""
    en, zh = (words.partition("\n\n")[0] for words in pair(f"cli.{described.name}"))
    return en, zh


# Pages


def overview(served: Served, asked: Mapping[str, str]) -> dict[str, Any]:
    """All kinds, what runs, and the results that there are."""
    results = [(folder, made) for folder, made in served.home.results() if made.get("kind") in (WHOLE, *KINDS)]
    return {
        "name": asked.get("name", ""),
        "kinds": [(d.name, title_of(d), about(d), d.simulates) for d in sorted(studies(), key=lambda d: d.simulates)],
        "runs": [run.as_dict() for run in served.runs.all()],
        "results": [(folder, _titled(made["kind"]), command_line(made)) for folder, made in results],
    }


def form(served: Served, asked: Mapping[str, str]) -> dict[str, Any]:
    """One kind with its form, filled in with its defaults, with what the address asks, or with the smallest study of the kind."""
    described = study(_known(asked["kind"]))
    own = fields(described)
    values: dict[str, Any] = {f.name: f.default for f in own}
    if asked.get("small"):
        values |= {flag(name): [*v] if isinstance(v, tuple) else v for name, v in described.small.items()}
    values |= {f.name: [asked[f.name]] if f.control in ("entries", "lines") else asked[f.name] for f in own if f.name in asked}
    if name := asked.get("name", ""):
        values |= {f.name: [name] if f.control == "entries" else name for f in own if f.control in ("entry", "entries")}
    return {
        "name": name,
        "kind": described.name,
        "title": title_of(described),
        "help": [p for p in zip(*(words.split("\n\n") for words in pair(f"cli.{described.name}")), strict=True) if "qantar " not in p[0]],
        "fields": own,
        "values": values,
        "entries": served.home.entries(),
        "files": served.home.files() if any(f.control in ("place", "lines") for f in own) else [],
        "simulates": described.simulates,
        "run": asked.get("run", ""),
    }


def result(served: Served, asked: Mapping[str, str]) -> dict[str, Any] | Response:
    """A stored result as the report draws it; of `qantar study` the page that it wrote, as it is, where it can ask us nothing."""
    folder = asked.get("folder", "")
    place = served.home.place(folder)
    if (head := read_head(place)) is not None and head.get("kind") == WHOLE:
        return HTMLResponse(_page_of_study(place), headers=ALONE)
    described, stored = result_in(place)
    return {"folder": folder, "title": title_of(described), "section": section_of(described.name, stored), "made": stored.made}


def _page_of_study(folder: Path) -> bytes:
    """The page of a study; a ResultError if it is not as it was written."""
    stored = read_result(folder, WHOLE)
    if stored is None or PAGE not in stored.content:
        raise fail(ResultError, folder, "folder_without", marker=PAGE)
    return stored.content[PAGE]


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise StudyError([Problem(kind, None, "kind", "not_one_of", {"value": kind, "choices": ", ".join(KINDS)})])
    return kind


# Operations


class Begin(Asked):
    """A study that is asked for: its kind, its options by the names of the command line, the language of what it says meanwhile."""

    kind: Annotated[str, BeforeValidator(Choice(KINDS))]
    options: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    lang: Annotated[str, BeforeValidator(Choice(("en", "zh")))] = "en"
    stays: bool = False


class Named(Asked):
    """A scenario."""

    name: str


class Numbered(Asked):
    """A run by its id."""

    id: str


def words_of(served: Served, kind: str, given: Mapping[str, Any]) -> list[str]:
    """The words of the command that options stand for, every value behind the name of its option.

    Raises
    ------
    StudyError
        With every mistake, each with the option it is made in, `--draws`.
    """
    described = study(kind)
    options = checked(described, {name: value for name, value in given.items() if value not in ("", None, [])})
    problems: list[Problem] = []
    words: list[str] = []
    arguments: list[str] = []
    for name, option in options_of(described.options).items():
        value, info = getattr(options, name), described.options.model_fields[name]
        if value is None or value is False or (not info.is_required() and value == info.get_default()):
            continue
        each = []
        for one in value if isinstance(value, tuple) else (value,):
            try:
                each.append(_word(served, name, one))
            except QantarError as error:
                problems += [replace(p, key=p.key or f"--{flag(name)}") for p in error.problems]
        if option.argument:
            arguments += each
        else:
            words += [f"--{flag(name)}"] if value is True else [f"--{flag(name)}={one}" for one in each]
    if problems:
        raise StudyError(problems)
    words.append(f"--out={_free(served, [*arguments[:1], kind, options.variant()])}")
    dashed = ["--", *arguments] if any(word.startswith("-") for word in arguments) else []
    return [kind, *words, *dashed] if dashed else [kind, *arguments, *words]


def _word(served: Served, name: str, value: Any) -> str:
    """One value as a word: of a case, ledger or file its name below the folder that is served."""
    word = str(value)
    if not word.isprintable():
        raise StudyError([Problem(flag(name), None, "", "control_character", {"value": word})])
    if name in ENTRIES:
        served.home.found(word)
        if ENTRIES[name] == "scenario":
            served.home.scenario(word)
        else:
            served.home.loaded(word)
        return word
    return served.home.called(served.home.place(word)) if names_file(name, value) else word


def _free(served: Served, parts: Sequence[str]) -> str:
    """A folder for a result that neither exists nor is being written: results of earlier runs stay."""
    plain = (re.sub(r"[^\w.-]+", "-", part).strip(".-") for part in parts if part)
    name = f"{RESULTS}/{'-'.join(plain)[:100]}"
    taken = {word for run in served.runs.all() for word in run.words if run.state == "running"}
    for n in range(1, 10_000):
        found = name if n == 1 else f"{name}-{n}"
        if not served.home.place(found).exists() and f"--out={found}" not in taken:
            return found
    raise StudyError([Problem(name, None, "", "output_exists", {})])


def command(served: Served, asked: Begin) -> dict[str, str]:
    """The command that options stand for; mistakes as when it is started."""
    return {"command": shlex.join(["qantar", *words_of(served, asked.kind, asked.options)])}


def arms(served: Served, asked: Named) -> dict[str, Any]:
    """Ready-made changes of a scenario: what `--arm` calls them, what people do, and what is said of them."""
    told = ("name_en", "name_zh", "note_en", "note_zh")
    return {
        "arms": [{"arm": name, **{k: getattr(arm, k) for k in told}} for name, arm in arms_of(served.home.scenario(asked.name)).items()]
    }


async def begin(served: Served, asked: Begin) -> dict[str, Any]:
    """Start a study."""
    words = await run_in_threadpool(words_of, served, asked.kind, asked.options)
    at = words.index("--") if "--" in words else len(words)
    run = await served.runs.start([*words[:at], "--json", *words[at:]], asked.lang, stays=asked.stays)
    return run.as_dict()


async def runs(served: Served, asked: Nothing) -> dict[str, Any]:
    """All runs that are remembered."""
    return {"runs": [run.as_dict() for run in served.runs.all()]}


async def watch(served: Served, asked: Numbered) -> Stream:
    """What a run says, until it ends."""
    return Stream(served.runs.watch(served.runs.of(asked.id)))


async def stop(served: Served, asked: Numbered) -> dict[str, Any]:
    """End a run."""
    run = served.runs.of(asked.id)
    served.runs.stop(run)
    return run.as_dict()


def results(served: Served, asked: Nothing) -> dict[str, Any]:
    """Results in the folder that is served, the newest first."""
    keys = ("kind", "scenario", "program", "command", "seed", "scale")
    return {"results": [{"folder": folder, **{k: made[k] for k in keys if k in made}} for folder, made in served.home.results()]}


def kinds(served: Served, asked: Nothing) -> dict[str, Any]:
    """Every kind with its options as JSON schema."""
    found = []
    for described in studies():
        own = fields(described)
        schema = {"type": "object", "properties": {f.name: f.schema() for f in own}, "additionalProperties": False}
        required = [f.name for f in own if f.required]
        words = [dict(zip(("en", "zh"), x, strict=True)) for x in (title_of(described), about(described))]
        found.append({"kind": described.name, "title": words[0], "about": words[1], "schema": {**schema, "required": required}})
    return {"studies": found}


PART = Part(
    "studies",
    pages=[
        Page("/studies", "studies.html.j2", overview, opens="scenario"),
        Page("/studies/{kind}", "study.html.j2", form),
        Page("/result", "result.html.j2", result),
    ],
    operations=[
        Operation("studies", "GET", "/studies", Nothing, kinds),
        Operation("arms", "GET", "/arms", Named, arms),
        Operation("command", "POST", "/command", Begin, command),
        Operation("begin", "POST", "/runs", Begin, begin, status=201),
        Operation("runs", "GET", "/runs", Nothing, runs),
        Operation("watch", "GET", "/runs/watch", Numbered, watch, streams=True),
        Operation("stop", "DELETE", "/runs", Numbered, stop),
        Operation("results", "GET", "/results", Nothing, results),
    ],
)
