"""Pages as HTML: every sentence in both languages, of which the page shows one; nothing in them but what was escaped or is ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

import qantar
from qantar.errors import QantarError
from qantar.messages import LANGUAGES
from qantar.report.pairs import attributes, option, safe_link
from qantar.report.sections import templates
from qantar.report.tables import labelled
from qantar.serve.home import Entry
from qantar.serve.part import Page, Part
from qantar.studies.blocks import pair


class Pages:
    """The templates of the local page, with the contents that every page shows."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.drawn = templates()
        rooms = ("qantar.serve", "qantar.report")
        self.drawn.loader = jinja2.ChoiceLoader([jinja2.PackageLoader(room, "templates") for room in rooms])
        contents = [(part.name, part.pages[0].path, part.pages[0].opens) for part in parts if part.pages]
        self.first = {page.path: part.pages[0].path for part in parts for page in part.pages}
        self.drawn.filters.update(labelled=labelled)
        self.drawn.globals.update(
            attr=attributes, option=option, safe_link=safe_link, pair=pair, contents=contents, version=qantar.__version__
        )

    def render(self, page: Page, values: Mapping[str, Any], entry: Entry | None) -> str:
        """A page with its values; the contents lead on with the entry that it is about."""
        return self.drawn.get_template(page.template).render(here=self.first[page.path], entry=entry, **values)

    def mistake(self, error: QantarError) -> str:
        """A page that says what was wrong with what was asked."""
        parts = ("what", "rule", "mend")
        problems = [{"file": p.file, **{part: tuple(p.part(part, lang) for lang in LANGUAGES) for part in parts}} for p in error.problems]
        return self.drawn.get_template("mistake.html.j2").render(here="", entry=None, problems=problems)
