"""The section of the page that a study's result makes, and the templates that draw it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from types import CodeType
from typing import Any

import jinja2
from markupsafe import Markup

from qantar.cases.case import account_names
from qantar.ensemble.runner import Runner
from qantar.files.result import command_line, made_of
from qantar.report.pairs import both, message
from qantar.report.plots import draw_figure
from qantar.studies import study
from qantar.studies.blocks import Block, Figure, Sentence
from qantar.studies.kind import Result, ask, page_of, perform, result_of
from qantar.verdicts.load import Loaded


@dataclass(frozen=True)
class Section:
    """A stored result as a part of the page: what stands beside its heading, and what is folded under it, figures apart from all else."""

    part: str
    lead: list[Sentence]
    groups: list[tuple[bool, list[Block]]]
    command: str


def section_of(kind: str, result: Result) -> Section:
    """The section of a stored result."""
    described = study(kind)
    blocks = list(page_of(described, result))
    lead = [b for b in blocks if isinstance(b, Sentence) and b.role == "lead"]
    folded = groupby((b for b in blocks if b not in lead), key=lambda b: isinstance(b, Figure))
    return Section(described.part or kind, lead, [(drawn, list(group)) for drawn, group in folded], command_line(result.made))


def argued(loaded: Loaded) -> dict[str, Result]:
    """What studies of the ledger itself say: they read tables only, and are done on the spot."""
    account, beside = loaded.account, [name for name in account_names() if name.startswith(f"{loaded.name}/")]
    asked: dict[str, dict[str, Any]] = {
        "argument": {"account": loaded.name} if len(account.arguments) else {},
        "weigh": {"account": loaded.name} if account.rivals else {},
        "compare": {"accounts": (loaded.name, *beside)} if beside else {},
    }
    found = {}
    for kind, values in asked.items():
        if values:
            described = study(kind)
            files = perform(described, ask(described, values, [loaded]), Runner())
            found[kind] = result_of(files, made_of(files))
    return found


class _Compiled(jinja2.BytecodeCache):
    """Templates as they were compiled in this process: to do so for each page takes as long as to draw it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self.kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Any) -> None:
        self.kept[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def templates() -> jinja2.Environment:
    """The templates of the page, with what those of all blocks call."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("qantar.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=_COMPILED,
    )
    found.globals.update(t=message, both=both, draw_figure=draw_figure, section_of=section_of)
    return found


_FRAGMENT = """{% import "blocks.html.j2" as blocks with context %}<div class="qantar" data-lang="{{ lang }}"><style>{{ style }}</style>
{% for b in s.lead %}<p>{{ blocks.words(b.words) }}</p>{% endfor %}{{ blocks.inside(s) }}</div>"""
_PLAIN = (
    ".qantar[data-lang=en] [lang=zh]:not(.any),.qantar[data-lang=zh] [lang=en]:not(.any){display:none}"
    ".qantar .n{text-align:right}.qantar .small{font-size:85%}.qantar svg{max-width:100%;height:auto}"
)


def fragment(kind: str, result: Result, lang: str) -> str:
    """The section of a stored result by itself, in one language, as a notebook shows it."""
    drawn = templates().from_string(_FRAGMENT)
    return drawn.render(s=section_of(kind, result), lang=lang, style=Markup(_PLAIN))
