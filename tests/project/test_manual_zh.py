"""The manual in Chinese says what the English one says: the same numbers, commands, claims and headings, page by page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from conftest import REPOSITORY
from kit.glossary import glossary

ROOMS = ("tutorial", "explanation")
CHINESE = [p for room in ROOMS for p in sorted((REPOSITORY / "docs" / room).glob("*.zh.md"))]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
IDENTITY = re.compile(r"(?<![A-Za-z])[A-Z]\d{2,3}(?![\dA-Za-z])")
"""Names of claims, events, hypotheses and inferences."""
TIMES = {"万": 1e4, "亿": 1e8, "million": 1e6, "billion": 1e9}


def english_of(page: Path) -> Path:
    return page.with_name(page.name.replace(".zh.md", ".md"))


def headings(page: str) -> list[int]:
    return [len(h) for h in re.findall(r"^(#+) ", BLOCK.sub("", page), re.MULTILINE)]


def commands(page: str) -> list[str]:
    """What is typed, without comments and without the option that asks for Chinese."""
    lines = "".join(inside for kind, inside in BLOCK.findall(page) if kind == "sh").splitlines()
    return [" ".join(line.split("#")[0].replace(" --lang zh", "").split()) for line in lines]


def files(page: str) -> list[str]:
    """What the reader is asked to save."""
    return [inside for kind, inside in BLOCK.findall(page) if kind not in ("sh", "text")]


def identities(page: str) -> set[str]:
    return set(IDENTITY.findall(page))


def numbers(page: str) -> Counter[float]:
    """Numbers in figures, in prose, tables and shown output; a month is a word in English and a figure in Chinese."""
    plain = "".join(part if n % 3 == 0 else "" for n, part in enumerate(BLOCK.split(page)))
    plain += "".join(inside for kind, inside in BLOCK.findall(page) if kind == "text")
    plain = re.sub(r"\]\([^)]*\)", "]", plain)
    plain = re.sub(r"^\d+\. ", "", plain, flags=re.MULTILINE)
    plain = re.sub(r"\d{1,2}月", " ", IDENTITY.sub(" ", plain))
    found = re.findall(r"(\d[\d,]*(?:\.\d+)?)(?: ?(万|亿|million|billion))?", plain)
    return Counter(round(float(digits.replace(",", "")) * TIMES.get(unit, 1), 6) for digits, unit in found)


def differences(chinese: str, english: str) -> list[str]:
    here, there = numbers(chinese), numbers(english)
    same = {
        "headings": headings(chinese) == headings(english),
        "commands": commands(chinese) == commands(english),
        "files": files(chinese) == files(english),
        "claims": identities(chinese) == identities(english),
        f"numbers: only Chinese {dict(here - there)}, only English {dict(there - here)}": here == there,
    }
    return [what for what, equal in same.items() if not equal]


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.stem)
def test_a_page_in_chinese_says_what_the_english_one_says(page: Path) -> None:
    chinese, english = (p.read_text(encoding="utf-8") for p in (page, english_of(page)))
    assert differences(chinese, english) == []
    assert f"\n[English]({english_of(page).name})\n" in chinese
    assert f"\n[中文]({page.name})\n" in english


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.stem)
def test_links_of_a_page_in_chinese_stay_in_chinese(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    translated = [t for t in targets if (page.parent / t.replace(".md", ".zh.md")).exists() and not t.endswith(".zh.md")]
    assert translated == [english_of(page).name]


def test_every_page_of_the_tutorial_and_of_explanation_is_there_in_chinese() -> None:
    english = {p for room in ROOMS for p in (REPOSITORY / "docs" / room).glob("*.md") if not p.name.endswith(".zh.md")}
    assert {p.name for p in english} == {english_of(p).name for p in CHINESE}


def stray(page: str) -> list[str]:
    """Stars that a reader would see: emphasis that ends in a full stop ends only before a space. The model of censorship has a c*."""
    shown = re.sub(r"<(pre|code)\b.*?</\1>", "", MarkdownIt().render(page), flags=re.DOTALL)
    return re.findall(r"(?<!c)\*.{0,20}", shown)


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.stem)
def test_emphasis_is_seen_as_such(page: Path) -> None:
    assert stray(page.read_text(encoding="utf-8")) == []


def test_emphasis_that_is_not_closed_is_noticed() -> None:
    assert stray("**规则。** 每人*一个*阈值c*。\n") == []
    assert stray("**规则。**每人一个阈值。\n") != []


def explained(english: str) -> set[str]:
    """Words that a page sets in italics at first use, in the singular."""
    marked = re.findall(r"(?<!\*)\*([a-z][a-z ]*[a-z])\*(?!\*)", BLOCK.sub("", english))
    return {word.removesuffix("s") for word in marked} & glossary().keys()


@pytest.mark.parametrize("page", CHINESE, ids=lambda p: p.stem)
def test_a_word_that_is_explained_is_that_of_the_glossary(page: Path) -> None:
    chinese, english = (p.read_text(encoding="utf-8") for p in (page, english_of(page)))
    assert [word for word in sorted(explained(english)) if f"*{glossary()[word]}*" not in chinese] == []


def test_words_are_explained_on_most_pages() -> None:
    assert sum(bool(explained(english_of(p).read_text(encoding="utf-8"))) for p in CHINESE) > len(CHINESE) / 2


ENGLISH = "# A\n\n## B\n\n```sh\nqantar show x C019  # it\n```\n\nOn 4 January 1.5 million of 20 (C019).\n\n```csv\na,1\n```\n"
IN_CHINESE = "# 甲\n\n## 乙\n\n```sh\nqantar --lang zh show x C019  # 它\n```\n\n1月4日，20个中的150万（C019）。\n\n```csv\na,1\n```\n"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("20", "21"), "numbers"),
        (("150万", "15万"), "numbers"),
        (("（C019）", "（C020）"), "claims"),
        (("show x", "show y"), "commands"),
        (("## 乙\n", ""), "headings"),
        (("## 乙", "### 乙"), "headings"),
        (("a,1", "a,2"), "files"),
    ],
)
def test_a_change_of_one_page_alone_is_noticed(change: tuple[str, str], what: str) -> None:
    assert differences(IN_CHINESE, ENGLISH) == []
    (found,) = differences(IN_CHINESE.replace(*change, 1), ENGLISH)
    assert found.startswith(what)
