"""The section of the page that a study's result makes: its blocks as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import jinja2
from markupsafe import Markup

from qantar.files.result import command_line
from qantar.report.pairs import both, message
from qantar.report.plots import draw_figure
from qantar.studies import study
from qantar.studies.blocks import Block, Figure, Sentence
from qantar.studies.kind import Result, page_of


@dataclass(frozen=True)
class Section:
    """What stands beside the heading, and what is folded under it: figures in a row, everything else one by one."""

    lead: list[Sentence]
    groups: list[tuple[bool, list[Block]]]


def section_of(kind: str, result: Result) -> Section:
    """A stored result as a section."""
    blocks = list(page_of(study(kind), result))
    lead = [b for b in blocks if isinstance(b, Sentence) and b.role == "lead"]
    return Section(lead, list(_grouped([b for b in blocks if b not in lead])))


def _grouped(blocks: list[Block]) -> Iterator[tuple[bool, list[Block]]]:
    for drawn, group in groupby(blocks, key=lambda b: isinstance(b, Figure)):
        yield drawn, list(group)


def section_html(kind: str, result: Result) -> Markup:
    """A stored result as a section of the page."""
    return _html("section", study(kind).part or kind, section_of(kind, result), result)


def folded_html(kind: str, result: Result) -> Markup:
    """A stored result inside a section about something else: what stands beside its heading is a paragraph, the rest is folded."""
    return _html("folded", kind, section_of(kind, result), result)


def figure_html(figure: Figure) -> Markup:
    """A figure with its table."""
    return _html("figure", figure)


def _html(macro: str, *args: object) -> Markup:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qantar.report", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(t=message, both=both, command_line=command_line, draw_figure=draw_figure)
    return Markup(getattr(environment.get_template("blocks.html.j2").module, macro)(*args))
