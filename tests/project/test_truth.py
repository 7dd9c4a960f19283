"""No sentence denies what the program does, or claims for it what only readers of a ledger do."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import qantar
from conftest import REPOSITORY
from qantar.messages import LANGUAGES, catalogue

KNOWN = tomllib.loads(Path(__file__).with_name("denials.toml").read_text(encoding="utf-8"))
PATTERNS = {lang: re.compile("|".join(KNOWN[lang]["patterns"]), re.IGNORECASE) for lang in LANGUAGES}
ALLOWED = [entry["text"] for entry in KNOWN["allowed"]]
HISTORY = ("CHANGELOG.md",)
"""Pages about earlier versions."""


def sentences() -> Iterator[tuple[str, str, str]]:
    """Everything a reader may see: (where, language, text) of the catalogue, the pages, docstrings and the texts of packaged cases."""
    for lang in LANGUAGES:
        yield from ((key, lang, message) for key, message in catalogue(lang).items())
    for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "dev").glob("*.md")]:
        if page.name not in HISTORY:
            lang = "zh" if page.stem.endswith(".zh") else "en"
            plain = re.sub(r"[*_`]", "", page.read_text(encoding="utf-8"))
            yield page.name, lang, plain if lang == "zh" else " ".join(plain.split())
    package = Path(qantar.__file__).parent
    for module in package.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                yield module.name, "en", " ".join(node.value.value.split())
    for file in package.rglob("cases/**/*.toml"):
        for lang in LANGUAGES:
            yield file.name, lang, file.read_text(encoding="utf-8")


def denials(text: str, lang: str) -> list[str]:
    """What in a text matches a pattern and is not allowed, with some words around it."""
    found = [text[max(0, m.start() - 60) : m.end() + 60] for m in PATTERNS[lang].finditer(text)]
    return [f for f in found if not any(a in f for a in ALLOWED)]


def test_no_sentence_denies_what_the_program_does() -> None:
    wrong = [(where, denials(text, lang)) for where, lang, text in sentences()]
    assert [w for w in wrong if w[1]] == []


def test_every_exception_is_still_needed() -> None:
    everything = "\n".join(text for _, _, text in sentences())
    assert [a for a in ALLOWED if a not in everything] == []
    assert all(entry["why"] for entry in KNOWN["allowed"])


# Sentences of an earlier version, all of them false now.
PLANTED = [
    ("en", "(Causes will be held against a simulation of the whole population; this version runs none, and says so in every verdict.)"),
    ("en", "Nothing is fitted yet, so shares over draws are no probabilities."),
    ("en", "It is not fitted and judges no claim: `model` is null in every verdict."),
    ("en", "A causal claim written as an experiment with a rule of decision. None has been run in this version."),
    ("en", "No model has been run: facts are judged from the record, causes at most from the order of events."),
    ("en", "Nothing of it is fitted yet; every number is in the table of parameters."),
    ("en", "They are not fitted or scored yet."),
    ("en", "This version runs none of them: it has no simulation."),
    ("en", "Here judged from the order of recorded events only; to be tested in a simulation."),
    ("en", "judging the claims"),
    ("zh", "因果论断将来用全体人口的模拟来检验；本版本不做模拟，每个结论都注明这一点。"),
    ("zh", "模型尚未拟合，因此各次抽取中的占比不是概率。"),
    ("zh", "对全体人口逐小时的模拟。尚未拟合，不判断任何论断。"),
    ("zh", "写成实验的因果论断，附判定规则。本版本一个也没有运行。"),
    ("zh", "没有运行模型：事实按记录判断，因果至多按事件先后判断。"),
    ("zh", "目前只按记录中事件的先后来判，有待用模拟检验。"),
    ("zh", "判定论断"),
]


@pytest.mark.parametrize(("lang", "sentence"), PLANTED)
def test_a_false_sentence_is_found(lang: str, sentence: str) -> None:
    assert denials(sentence, lang)
