"""Documentation that is true and complete: generated pages are current, blocks run, figures agree, links lead somewhere."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import pkgutil
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import qantar
from conftest import REPOSITORY, Ran
from qantar.cli.main import build
from qantar.inference.posterior import read_fit
from qantar.messages import text
from qantar.report.findings import shown_by_half
from qantar.verdicts.claims import judge
from qantar.verdicts.load import Loaded

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
MODULES = [m.name for m in pkgutil.walk_packages(qantar.__path__, "qantar.") if not m.name.endswith("__main__")]


def test_examples_in_docstrings_run() -> None:
    tried = 0
    for name in ["qantar", *MODULES]:
        result = doctest.testmod(import_module(name))
        assert result.failed == 0, name
        tried += result.attempted
    assert tried >= 25


def test_every_module_says_its_idea() -> None:
    for name in MODULES:
        assert import_module(name).__doc__, name


def test_reference_pages_are_what_the_program_says() -> None:
    spec = importlib.util.spec_from_file_location("reference", REPOSITORY / "dev" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, content in module.pages().items():
        assert (module.REFERENCE / name).read_text(encoding="utf-8") == content, f"run dev/reference.py: {name} is out of date"


def test_the_manual_has_every_page_once() -> None:
    source = ast.parse((REPOSITORY / "dev" / "manual.py").read_text(encoding="utf-8"))  # read, not run: its build needs another library
    (nav,) = [n.value for n in source.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "NAV"]
    named = [str(c.value) for v in nav.values for c in ast.walk(v) if isinstance(c, ast.Constant)] if isinstance(nav, ast.Dict) else []
    docs = REPOSITORY / "docs"
    pages = {p.relative_to(docs).with_suffix("").as_posix() for p in PAGES if p.is_relative_to(docs) and not p.name.endswith(".zh.md")}
    assert sorted(named) == sorted(pages - {"index"})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_python_in_the_readme_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, page, "exec"), {})
    (expected,) = re.findall(r"^# (.*)$", block, re.MULTILINE)
    assert capsys.readouterr().out.strip() == expected


def test_both_readmes_show_the_same_commands() -> None:
    def commands(page: str) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / page).read_text(encoding="utf-8"), re.DOTALL)
        return [line.split("#")[0].strip() for line in "".join(blocks).splitlines()]

    assert commands("README.md") == commands("README.zh.md")


def test_the_output_in_the_readme_is_the_programs(study_home: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"then it prints\n\n```text\n(.*?)```", readme, re.DOTALL)
    printed = (study_home / "printed.txt").read_text(encoding="utf-8")
    assert printed == shown


@pytest.mark.parametrize(("page", "lang"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_the_claim_and_the_figures_in_the_readme_are_those_of_the_tables(page: str, lang: str, loaded: Loaded) -> None:
    shown = (REPOSITORY / page).read_text(encoding="utf-8")
    (judged,) = [j for j in judge(loaded.account) if j.claim.claim_id in re.findall(r"C\d\d\d", shown.split("##")[1])]
    assert f"| {getattr(judged.claim, f'claim_{lang}')} |" in shown
    assert f"| {getattr(judged.claim, f'evidence_{lang}')} |" in shown
    assert f"**{text(f'verdict.{judged.word}', lang)}**" in shown
    assert text(f"reading.{judged.claim.reading}", lang) in shown
    assert all(f"*{text(f'flag.{flag}', lang)}*" in shown for flag in judged.flags if flag != "seen-in-copy")
    fit = read_fit(loaded.case.folder)
    assert fit is not None
    features, of = shown_by_half(fit)
    assert (f"{features} of {of}" if lang == "en" else f"{of}项中的{features}项") in shown
    (deaths,) = [r for r in fit.fit if (r["kind"], r["of"]) == ("deaths", "country")]
    assert f"{float(deaths['median']):,.0f}".replace(",", "," if lang == "en" else "") in shown


def test_every_command_in_the_pages_exists() -> None:
    command = build("en")
    seen = 0
    for page in PAGES:
        for line in re.findall(r"(?:`|\.venv/bin/)qantar (?:--lang zh )?([a-z][^`\n#]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            words = [w for w in shlex.split(line.strip(), posix=False) if not w.startswith("-")]
            node = command
            for word in words:
                if word in getattr(node, "commands", {}):
                    node = node.commands[word]
                    seen += 1
                elif getattr(node, "commands", None) is not None and word.islower() and node is command and words.index(word) == 0:
                    pytest.fail(f"{page.name}: qantar {line}")
            for option in re.findall(r"--[a-z][a-z0-9-]*", line):
                names = {o for p in (*node.params, *command.params) for o in (*p.opts, *p.secondary_opts)} | {"--help"}
                assert option in names, f"{page.name}: {line}"
    assert seen > 15


def test_flags_in_the_page_on_trust_are_the_ledgers(loaded: Loaded) -> None:
    counts = Counter(f for j in judge(loaded.account) for f in j.flags)
    page = (REPOSITORY / "docs" / "explanation" / "trust.md").read_text(encoding="utf-8")
    assert {f: int(n) for f, n in re.findall(r"^\| ([a-z-]+) \| (\d+) \|", page, re.MULTILINE)} == dict(counts)


def test_sources_in_the_data_sheet_are_counted(loaded: Loaded) -> None:
    seen = Counter(s.seen for s in loaded.case.record.sources)
    page = (REPOSITORY / "docs" / "data-sheet.md").read_text(encoding="utf-8")
    assert f"{seen['copy-address-lost']} of {len(loaded.case.record.sources)}" in page
    assert f"{seen['copy']} more in a copy" in page


def test_the_citation_and_the_changelog_name_this_version() -> None:
    assert f"version: {qantar.__version__}" in (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {qantar.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


# --- the form of a page --------------------------------------------------------------------------------------------------

FORM = [
    REPOSITORY / "README.md",
    *(p for room in ("tutorial", "how-to", "explanation") for p in sorted((REPOSITORY / "docs" / room).glob("*.md"))),
]
CHINESE = [REPOSITORY / "README.zh.md", *(p for p in FORM if p.name.endswith(".zh.md"))]
FORM = [p for p in FORM if p not in CHINESE]
PRIVATE = r"twins?|nats|ridges?|loud(?:er|est)?|told|famil(?:y|ies)|everyone|the bases?|at 1:10"
"""Words of the makers that no reader knows."""
EXPLAINED = r"priors?|posteriors?|draws?|seeds?|particles?|ceilings?|tipping values?|log scores?|rivals?|arms?|ledgers?"
"""Words of the trade: a page that uses one explains it where it first stands, and sets it in italics there."""


def prose(page: str) -> str:
    """A page without pictures, addresses of links, and what is code."""
    plain = re.sub(r"```.*?```|`[^`]*`|!\[[^]]*\]\([^)]*\)", " ", page, flags=re.DOTALL)
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", plain)


def opening(page: str) -> str:
    """What stands between the title and the first heading, without the link to the other language."""
    head = prose(page).split("\n## ")[0].split("\n", 1)[1]
    return re.sub(r"^(?:中文|English)$", "", head, flags=re.MULTILINE)


def faults_of_form(page: str) -> Iterator[str]:
    """What a political scientist who has never programmed would stumble over."""
    if not 60 <= len(opening(page).split()) <= 140:
        yield "length of the opening"
    if re.search(r"\d", opening(page)):
        yield "a number in the opening"
    if not re.search(r"\bC\d\d\d\b", page):
        yield "no claim"
    yield from (f"private: {m[0]}" for m in re.finditer(rf"\b(?:{PRIVATE})\b", prose(page), re.IGNORECASE))
    first: dict[str, str] = {}
    for m in re.finditer(rf"(\*?)\b({EXPLAINED})\b", prose(page), re.IGNORECASE):
        first.setdefault(m[2].lower().rstrip("s"), m[1])
    yield from (f"not explained: {word}" for word, mark in first.items() if not mark)


@pytest.mark.parametrize("page", FORM, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_page_opens_in_plain_words_and_shows_a_claim(page: Path) -> None:
    assert list(faults_of_form(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", ["data-sheet.md", "data-sheets.md", "design-notes.md", "index.md", "model-card.md", "responsible-use.md"])
def test_other_pages_open_likewise(name: str) -> None:
    content = (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
    assert [f for f in faults_of_form(content) if not f.startswith(("private", "not explained"))] == []


def faults_of_chinese_form(page: str) -> Iterator[str]:
    """The same of a page in Chinese, as far as it does not hang on words; a word of English is some two characters."""
    if not 120 <= len(re.findall(r"[\u4e00-\u9fff]", opening(page))) <= 280:
        yield "length of the opening"
    if re.search(r"\d", opening(page)):
        yield "a number in the opening"
    if not re.search(r"(?<![A-Z\d])C\d\d\d(?!\d)", page):
        yield "no claim"


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.stem)
def test_a_page_in_chinese_opens_likewise(page: Path) -> None:
    assert list(faults_of_chinese_form(page.read_text(encoding="utf-8"))) == []


def test_both_readmes_show_the_same_claim() -> None:
    here, there = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.zh.md", "README.md"))
    assert re.findall(r"C\d\d\d", here) == re.findall(r"C\d\d\d", there)


GOOD = "# Title\n\n" + "word " * 80 + "\n\n## One claim\n\nC019 says so. A *draw* is one set of values; ten draws follow.\n"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("word " * 80, "word " * 50), "length of the opening"),
        (("word " * 80, "word " * 150), "length of the opening"),
        (("word word", "word 17"), "a number in the opening"),
        (("C019", "A claim"), "no claim"),
        (("says so", "loses 2 nats"), "private: nats"),
        (("says so", "holds with everyone"), "private: everyone"),
        (("*draw*", "draw"), "not explained: draw"),
    ],
)
def test_a_page_that_breaks_the_form_is_noticed(change: tuple[str, str], fault: str) -> None:
    assert list(faults_of_form(GOOD)) == []
    assert list(faults_of_form(GOOD.replace(*change, 1))) == [fault]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("字" * 150, "字" * 90), "length of the opening"),
        (("字" * 150, "字" * 300), "length of the opening"),
        (("字字", "字17"), "a number in the opening"),
        (("C019", "某论断"), "no claim"),
    ],
)
def test_a_page_in_chinese_that_breaks_the_form_is_noticed(change: tuple[str, str], fault: str) -> None:
    good = "# 题\n\n[English](x.md)\n\n" + "字" * 150 + "\n\n## 一条论断\n\n论断C019如此说。\n"
    assert list(faults_of_chinese_form(good)) == []
    assert list(faults_of_chinese_form(good.replace(*change, 1))) == [fault]


# --- what a page shows is what the program prints ------------------------------------------------------------------------

SHOWN = [
    p for p in (*FORM, *CHINESE) if p.parent.name in ("tutorial", "how-to", "explanation") and "```text" in p.read_text(encoding="utf-8")
]
SLOW = ("counterfactual", "study")
"""What is computed once, for the page in English; that the page in Chinese has the same figures is tested in test_manual_zh.py."""
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def missing(shown: str, printed: str) -> list[str]:
    """Pieces of a shown output (… stands for lines left out) that the program does not print in this order."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    at, absent = 0, []
    for piece in re.split(r"^…\n", shown, flags=re.MULTILINE):
        found = lines.find(piece.strip("\n"), at)
        if found < 0:
            absent.append(piece)
        at = max(at, found)
    return absent


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", SHOWN, ids=lambda p: p.stem)
def test_the_output_on_a_page_is_the_programs(page: Path, qantar: Callable[..., Ran], tmp_path: Path) -> None:
    """Commands are run in order, each line that begins with the program's name; files that the page has the reader save are saved."""
    content = page.read_text(encoding="utf-8")
    printed, compared, left_out = "", 0, False
    for block in BLOCK.finditer(content):
        kind, inside = block.groups()
        if kind == "sh":
            printed = ""
            lines = re.findall(r"^\.venv/bin/qantar ([^#\n]*)", inside, re.MULTILINE)
            left_out = page in CHINESE and any(set(SLOW) & set(line.split()) for line in lines)
            for line in [] if left_out else lines:
                ran = qantar(*shlex.split(line))
                assert ran.code == 0, ran.err
                printed += ran.out
        elif kind == "text" and not left_out:
            assert missing(inside, printed) == []
            compared += 1
        elif kind in ("markdown", "csv"):
            (name,) = re.findall(r"`([\w/.-]+)`[:：]\n\n$", content[: block.start()])
            (tmp_path / name).write_text(inside, encoding="utf-8")
    assert compared


def test_an_output_that_differs_is_noticed() -> None:
    printed = "C087  8.6:7   \n  kind  fact\n  verdict  contradicted\n"
    assert missing("C087  8.6:7\n…\n  verdict  contradicted\n", printed) == []
    assert missing("C087  8.6:7\n  verdict  contradicted\n", printed)
    assert missing("  verdict  contradicted\n…\n  kind  fact\n", printed)


def test_the_tutorial_has_four_steps() -> None:
    assert [p.stem[0] for p in FORM if p.parent.name == "tutorial"] == ["1", "2", "3", "4"]
    assert {p.parent.name for p in SHOWN} >= {"tutorial", "explanation"}
