"""Documentation that is true and complete: generated pages are current, blocks run, figures agree, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import pkgutil
import re
import shlex
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import qantar
from conftest import REPOSITORY
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
    spec = importlib.util.spec_from_file_location("reference", REPOSITORY / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, content in module.pages().items():
        assert (module.REFERENCE / name).read_text(encoding="utf-8") == content, f"run tools/reference.py: {name} is out of date"


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
        for line in re.findall(r"(?:`|\.venv/bin/)qantar ([a-z][^`\n#]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            words = [w for w in shlex.split(line.strip(), posix=False) if not w.startswith("-")]
            node = command
            for word in words:
                if word in getattr(node, "commands", {}):
                    node = node.commands[word]
                    seen += 1
                elif getattr(node, "commands", None) is not None and word.islower() and node is command and words.index(word) == 0:
                    pytest.fail(f"{page.name}: qantar {line}")
            for option in re.findall(r"--[a-z][a-z-]*", line):
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
    assert f"{seen['copy-address-lost']} of 240" in page
    assert f"{seen['copy']} more in a copy" in page


def test_the_citation_and_the_changelog_name_this_version() -> None:
    assert f"version: {qantar.__version__}" in (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {qantar.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
