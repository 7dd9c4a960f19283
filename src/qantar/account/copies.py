"""Finds paraphrases that are not: claims of a ledger that share a run of words with the document at hand.

In: the claims and the document. Out: problems with line and column. A ledger holds positions and paraphrases, never the document's
sentences, so that it can be given away where the document cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from qantar.account.document import Document
from qantar.account.schema import Claim
from qantar.errors import Problems
from qantar.files.cells import Table

RUN = {"en": 12, "zh": 20}
"""Words (characters in Chinese) in a row that are a copy."""
WHOLE = {"en": 6, "zh": 10}
"""Words (characters) of a sentence of the document that is a copy if a claim consists of it."""


def check_copies(claims: Table[Claim], document: Document, problems: Problems) -> None:
    """Note each claim whose wording is the document's, in the column that holds it."""
    sentences = {lang: [_words(s.text, lang) for s in document.sentences()] for lang in RUN}
    runs = {lang: set(_runs(list(chain.from_iterable(said)), RUN[lang])) for lang, said in sentences.items()}
    whole = {lang: {tuple(one) for one in said if len(one) >= WHOLE[lang]} for lang, said in sentences.items()}
    for line, claim in claims.numbered():
        for lang, gap in (("en", " "), ("zh", "")):
            said = _words(getattr(claim, f"claim_{lang}"), lang)
            copied = next((run for run in _runs(said, RUN[lang]) if run in runs[lang]), ())
            if tuple(said) in whole[lang]:
                copied = tuple(said)
            if copied:
                problems.add(claims.file, line, f"claim_{lang}", "copied", value=gap.join(copied))


def _runs(words: list[str], n: int) -> Iterator[tuple[str, ...]]:
    """Each n words in a row; a list of names (joined by 、) is no wording of anybody's."""
    for k in range(len(words) - n + 1):
        run = tuple(words[k : k + n])
        if "、" not in run:
            yield run


def _words(text: str, lang: str) -> list[str]:
    """Words in small letters, or Chinese characters and the marks that join a list, without what else stands between them.

    >>> _words("The Square was full.", "en"), _words("广场，满了。", "zh")
    (['the', 'square', 'was', 'full'], ['广', '场', '满', '了'])
    """
    return re.findall(r"\w+" if lang == "en" else r"[\u4e00-\u9fff、]|[^\W_\u4e00-\u9fff]+", text.casefold())
