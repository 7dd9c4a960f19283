"""The manual: docs/ as pages that can be searched, in English and Chinese, in a browser and without a network.

    .venv/bin/pip install --constraint dev/constraints.txt '.[manual]'
    .venv/bin/python dev/manual.py OUT

The pages are those of the repository. Before MkDocs reads them, links that lead out of docs/ are turned to copies of what they name, under
repository/, and the line that leads to the other language goes, since the head of every page has that choice. The build is strict: a link
or an anchor that leads nowhere, a page that `NAV` does not name, or anything that a page would fetch from another host fails it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
OUTSIDE = "repository"
"""Folder of the manual for files that lie outside docs/."""
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
OTHER_LANGUAGE = re.compile(r"^\[(?:中文|English)\]\([^)]*\)\n\n?", re.MULTILINE)
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
NOTE = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)
"""Who wrote a page that a program wrote. MkDocs takes a title only from a heading that comes first."""
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
"""All but the title, for the same reason."""
WRAPPED = re.compile(r"^(?!#)(.*[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])", re.MULTILINE)
"""Where a line of Chinese goes on in the next: a browser would show the break as a space."""
FETCHED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=["']?(https?:[^"' >]+)""")
"""What a page loads when it is opened."""
WORKER = "assets/worker.js"

NAV: dict[str, tuple[str, ...]] = {
    "Tutorial": ("tutorial/1-read-a-report", "tutorial/2-judge-one-claim", "tutorial/3-change-one-cause", "tutorial/4-your-own-account"),
    "How-to": (
        *("how-to/serve", "how-to/own-case", "how-to/new-country", "how-to/import", "how-to/own-account", "how-to/fact-checking-desk"),
        *("how-to/class", "how-to/own-experiment", "how-to/counterfactual", "how-to/calibrate", "how-to/rivals", "how-to/warning"),
        *("how-to/benchmark", "how-to/sensitivity", "how-to/methods", "how-to/from-acled", "how-to/from-netlogo", "how-to/from-mesa"),
        *("how-to/quote-a-cause", "how-to/add-a-mechanism", "how-to/scale", "how-to/bench"),
    ),
    "Explanation": (
        *("explanation/record", "explanation/trust", "explanation/finding", "explanation/argument", "explanation/weighing"),
        *("explanation/model", "explanation/priors", "explanation/inference", "explanation/forecasts", "explanation/comparing"),
        *("explanation/verdicts", "explanation/methods", "explanation/engine", "explanation/classics"),
    ),
    "Reference": (
        *("reference/words", "reference/commands", "reference/tables", "reference/keys", "reference/headers", "reference/parameters"),
        *("reference/errors", "reference/python", "reference/odd"),
    ),
    "Findings": ("findings/kazakhstan-2022", "findings/benchmark", "findings/waves", "findings/classics", "data-sheet", "data-sheets"),
    "About": ("model-card", "responsible-use", "trials", "status", "design-notes"),
}
"""Pages by kind, in order. A title is the heading of the page."""
IN_CHINESE = {
    "Tutorial": "教程", "How-to": "操作", "Explanation": "原理", "Reference": "查阅", "Findings": "结果", "About": "关于",
}  # fmt: skip


def links(text: str) -> Iterator[str]:
    """Files that a page names by a link, relative to it, without those on the web."""
    for match in LINK.finditer(CODE.sub("", text)):
        if not re.match(r"[a-z]+:", match[2]):
            yield match[2]


def place(file: Path) -> Path:
    """Where a file of the repository lies in the manual. What is no page gets a name that a browser shows and does not store."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS)
    inside = Path(OUTSIDE) / file.relative_to(REPOSITORY)
    return inside if inside.suffix in (".md", ".png", ".svg") else inside.with_name(f"{inside.name}.txt")


def sources() -> list[Path]:
    """All files of the manual: those of docs/, and those outside that a page of the manual names, and so on."""
    found = sorted(p for p in DOCS.rglob("*") if p.is_file())
    for page in found:  # grows meanwhile
        if page.suffix == ".md":
            for link in links(page.read_text(encoding="utf-8")):
                target = (page.parent / link).resolve()
                if target.is_file() and target.is_relative_to(REPOSITORY) and target not in found:
                    found.append(target)
    return found


def rewritten(page: Path) -> str:
    """The text of a page as the manual has it."""
    text = OTHER_LANGUAGE.sub("", NOTE.sub("", page.read_text(encoding="utf-8")), count=1)

    def turned(match: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", match[2]):
            return match[0]
        target = (page.parent / match[2]).resolve()
        if target.name.endswith(".zh.md") and (plain := target.with_name(target.name.replace(".zh.md", ".md"))).exists():
            target = plain  # each language finds its own
        lies = os.path.relpath(place(target), place(page).parent) if target.is_file() else match[2]
        return f"{match[1]}{Path(lies).as_posix()}{match[3]}"

    parts = CODE.split(text)
    return "".join(part if k % 2 else unwrapped(LINK.sub(turned, part)) for k, part in enumerate(parts))


def unwrapped(text: str) -> str:
    """Chinese without breaks inside a paragraph; other text as it was.

    >>> unwrapped("一行，\\n下一行。\\n\\nOne line\\nand another\\n# 标题\\n正文")
    '一行，下一行。\\n\\nOne line\\nand another\\n# 标题\\n正文'
    """
    return WRAPPED.sub(r"\1", text)


def anchor(heading: str, _separator: str = "-") -> str:
    """The anchor of a heading, as in the repository.

    >>> anchor("Civil violence: Epstein 2002"), anchor("一条论断")
    ('civil-violence-epstein-2002', '一条论断')
    """
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchored(chinese: str, english: str) -> str:
    """A Chinese page whose headings answer to the anchors of the English page too, since English pages link to them."""
    theirs = [anchor(h) for h in HEADING.findall(re.sub(r"```.*?```", "", english, flags=re.DOTALL))]
    parts = CODE.split(chinese)
    if len([h for part in parts[::2] for h in HEADING.findall(part)]) != len(theirs):
        return chinese  # then such a link is a broken one
    names = iter(theirs)
    parts[::2] = [HEADING.sub(lambda m: f'<a id="{next(names)}"></a>\n\n{m[0]}', part) for part in parts[::2]]
    return "".join(parts)


def stage(folder: Path) -> None:
    """Write the pages for MkDocs."""
    (folder / WORKER).parent.mkdir(parents=True)
    shutil.copyfile(REPOSITORY / "dev" / "manual_worker.js", folder / WORKER)
    for file in sources():
        into = folder / place(file)
        into.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            text = rewritten(file)
            if file.name.endswith(".zh.md") and (twin := file.with_name(file.name.replace(".zh.md", ".md"))).exists():
                text = anchored(text, twin.read_text(encoding="utf-8"))
            into.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(file, into)


def settings(pages: Path, out: Path) -> dict[str, Any]:
    """What MkDocs is asked for."""

    def scheme(name: str, to: str, icon: str) -> dict[str, Any]:
        toggle = {"icon": icon, "name": to}
        return {"media": f"(prefers-color-scheme: {name})", "scheme": {"light": "default", "dark": "slate"}[name], "toggle": toggle}

    languages: list[dict[str, Any]] = [
        {"locale": "en", "name": "English", "default": True, "build": True},
        {"locale": "zh", "name": "中文", "build": True, "site_name": "qantar使用手册", "nav_translations": IN_CHINESE},
    ]
    return {
        "site_name": "The manual of qantar",
        "docs_dir": str(pages),
        "site_dir": str(out),
        "strict": True,
        "use_directory_urls": False,  # pages open from a folder, without a server
        "theme": {
            "name": "material",
            "language": "en",
            "font": False,  # none is fetched
            "features": [
                *("navigation.tabs", "navigation.top", "navigation.footer"),
                *("content.code.copy", "search.highlight", "search.suggest"),
            ],
            "palette": [
                scheme("light", "Dark", "material/weather-night"),
                scheme("dark", "Light", "material/weather-sunny"),
            ],
        },
        "extra": {"generator": False},
        "plugins": [
            {"search": {"separator": r'[\s\u200b\-_,:!=\[\]()"`/，。：；、]+|\.(?!\d)'}},
            {"i18n": {"docs_structure": "suffix", "fallback_to_default": True, "languages": languages}},
            "offline",
        ],
        "markdown_extensions": [
            *("tables", "sane_lists", "pymdownx.highlight", "pymdownx.superfences"),
            {"toc": {"permalink": True, "slugify": anchor}},
        ],
        "nav": [{"qantar": "index.md"}, *({part: [f"{page}.md" for page in inside]} for part, inside in NAV.items())],
        "not_in_nav": f"/{OUTSIDE}/",
        "validation": {
            "nav": {"omitted_files": "warn", "not_found": "warn", "absolute_links": "warn"},
            "links": {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"},
        },
    }  # fmt: skip


def alone(out: Path) -> list[str]:
    """Give search the worker of this project in place of one on the web; then what pages would still fetch from other hosts."""
    found = []
    for page in sorted(out.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        ours = Path(os.path.relpath(out / WORKER, page.parent)).as_posix()
        text = re.sub(r"(<script src=\"?)https://[^\"> ]*iframe-worker/shim", rf"\1{ours}", text)
        page.write_text(text, encoding="utf-8")
        found += [f"{page.relative_to(out)}: {address}" for address in FETCHED.findall(text)]
    return found


def main(out: Path) -> int:
    """Build the manual into a folder that is new, empty or an older manual."""
    try:
        from mkdocs.commands.build import build
        from mkdocs.config import load_config
        from mkdocs.exceptions import Abort
    except ImportError:
        print("dev/manual.py needs the extra `manual`: pip install --constraint dev/constraints.txt '.[manual]'", file=sys.stderr)
        return 2
    if out.exists() and any(out.iterdir()) and not (out / "sitemap.xml").exists():
        print(f"{out}: holds something that is no manual. Name another folder, or empty it.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    with tempfile.TemporaryDirectory() as room:
        pages = Path(room) / "docs"
        stage(pages)
        file = Path(room) / "mkdocs.yml"
        file.write_text("site_name: qantar\n", encoding="utf-8")
        config = load_config(str(file), **settings(pages, out.resolve()))
        logging.getLogger("jieba").setLevel(logging.WARNING)  # it tells of its dictionary
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        except Abort as problem:
            print(problem, file=sys.stderr)
            return 1
        finally:
            config.plugins.on_shutdown()
    fetched = alone(out)
    for what in fetched:
        print(f"fetched from another host: {what}", file=sys.stderr)
    print(out / "index.html")
    return 1 if fetched else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python dev/manual.py OUT")
    sys.exit(main(Path(sys.argv[1])))
