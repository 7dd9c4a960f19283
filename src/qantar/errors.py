"""What a user did wrong, said so that it can be mended: file, line, key, what, the rule, the mend.

A `Problem` holds no sentence, only a code and its arguments; the sentence comes from the catalogue in the reader's
language. Checks collect every problem first and raise once.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeVar

from qantar.messages import catalogue, text

MOST = 100
"""Problems that are listed of one file; what is wrong a hundred times has one cause, and the rest of the file is not read."""
LONGEST = 200
"""Characters that are shown of what a file holds."""
CHOICES = 1000
"""Characters of a list of what can be chosen: names of the program, and of rows."""


def shown(value: str, longest: int = LONGEST) -> str:
    """What came from outside, safe to print: characters that steer a terminal or turn a line round by their number, and not too long.

    >>> shown("a" + chr(27) + "[31m" + chr(0x202E) + "b")
    'a<U+001B>[31m<U+202E>b'
    """
    cut = value if len(value) <= longest else value[:longest] + "…"
    return "".join(c if c.isprintable() or c == "\n" else f"<U+{ord(c):04X}>" for c in cut)


def sentence(code: str, which: str) -> str:
    """Key of one of the three sentences of a problem: `what`, `rule` or `mend`.

    >>> sentence("unknown_claim", "rule"), sentence("unknown_claim", "mend")
    ('error.unknown_claim.rule', 'error.nearest')
    """
    key = f"error.{code}.{which}"
    return "error.nearest" if which == "mend" and key not in catalogue("en") else key


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in one place.

    `line` counts from 1 and is None where a line makes no sense (a missing file). `key` is the column, or the dotted
    path in a TOML or JSON file. `code` names three catalogue entries: `error.CODE.what`, `.rule` and `.mend`; without a
    mend of its own the mend is what exists, nearest spelling first (`error.nearest`).
    """

    file: str
    line: int | None
    key: str
    code: str
    args: dict[str, str] = field(default_factory=dict, hash=False)

    def part(self, which: str, lang: str = "en") -> str:
        """One of the three sentences: `what`, `rule` or `mend`."""
        args = {name: shown(value, CHOICES if name == "choices" else LONGEST) for name, value in self.args.items()}
        if self.code != "wrong_unit" and "unit" in args:  # there the unit is what must be written, not what is meant
            args["unit"] = catalogue(lang).get(f"unit.{args['unit']}", args["unit"])  # a case may have units of its own
        key = sentence(self.code, which)
        if "{choices}" in catalogue(lang)[key] and not args["choices"]:
            key = "error.nothing_to_choose"
        return text(key, lang, **args)

    def render(self, lang: str = "en") -> str:
        """Two lines for a terminal: where and what, then the rule and the mend."""
        line = "" if self.line is None else text("error.row" if ".xlsx [" in self.file else "error.line", lang, line=self.line)
        where = text("error.sep", lang).join(p for p in (shown(self.file), line, shown(self.key)) if p)
        help_ = text("error.space", lang).join(self.part(which, lang) for which in ("rule", "mend"))
        return f"{where}{text('error.colon', lang)}{self.part('what', lang)}\n  {help_}"

    def as_dict(self, lang: str = "en") -> dict[str, object]:
        """The one JSON shape of a problem, whichever door it leaves by."""
        parts = {which: self.part(which, lang) for which in ("what", "rule", "mend")}
        return {"file": self.file, "line": self.line, "key": self.key, "code": self.code, **parts}


class QantarError(Exception):
    """A user's mistake, with every problem found. Printed without a traceback; exit status 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(p.render() for p in self.problems))

    def __reduce__(self) -> tuple[type[QantarError], tuple[list[Problem]]]:
        # A process of ours that fails hands its problems over whole.
        return type(self), (self.problems,)


class ScenarioError(QantarError):
    """A case or scenario cannot be used as it is written."""


class DataError(QantarError):
    """A table of observed facts, or a ledger, breaks a rule."""


class StudyError(QantarError):
    """A study was asked for something that does not exist."""


class ResultError(QantarError):
    """A result cannot be read or written."""


T = TypeVar("T", covariant=True)


class _Numbered(Protocol[T]):
    @property
    def file(self) -> str: ...

    def numbered(self) -> Iterator[tuple[int, T]]: ...


class Problems:
    """Collects problems so that all are reported at once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._of: Counter[str] = Counter()

    def add(self, file: str | Path, line: int | None, key: str, code: str, /, **args: object) -> None:
        """Note one problem. Files are shown by name only when they lie in the folder under check."""
        self.found.append(Problem(str(file), line, key, code, {k: str(v) for k, v in args.items()}))
        self._of[str(file)] += 1
        if self._of[str(file)] == MOST:
            self.found.append(Problem(str(file), None, "", "more_problems", {"n": str(MOST)}))

    def full(self, file: str) -> bool:
        """Whether so much is wrong with a file already that the rest of it is not read."""
        return self._of[file] >= MOST

    def rows(self, table: _Numbered[T]) -> Iterator[tuple[int, T]]:
        """Rows of a table with their lines, as long as its file is not full."""
        for line, row in table.numbered():
            if self.full(table.file):
                return
            yield line, row

    def raise_as(self, error: type[QantarError]) -> None:
        """Raise if anything was found, in order of file and line."""
        if self.found:
            raise error(sorted(self.found, key=lambda p: (p.file, p.line or 0, p.key)))


def fail(error: type[QantarError], file: str | Path, code: str, /, **args: object) -> QantarError:
    """One problem about a whole file or name, ready to raise."""
    return error([Problem(str(file), None, "", code, {k: str(v) for k, v in args.items()})])


def needs(package: str, extra: str, command: str) -> None:
    """Raise a StudyError if the library of an extra is not installed."""
    if find_spec(package) is None:
        raise fail(StudyError, command, "missing_extra", package=package, extra=extra)


def nearest(word: str, choices: Iterable[str]) -> str:
    """What exists, nearest spelling first: all of a short list, the best few of a long one.

    >>> nearest("protset", ["march", "protest", "strike"])
    'protest, strike, march'
    """
    word, there = word[:LONGEST].lower(), sorted(set(choices))
    if len(there) > 8:  # the whole comparison only for those that share most letter pairs
        pairs = _pairs(word)
        there = sorted(there, key=lambda c: (-len(pairs & _pairs(c)) / (len(pairs) + len(_pairs(c))), c))[:40]
    near = {c: difflib.SequenceMatcher(None, word, c.lower()).ratio() for c in there}
    ranked = sorted(near, key=lambda c: (-near[c], c))
    if len(ranked) <= 8:
        return ", ".join(ranked)
    return ", ".join([*(c for c in ranked[:5] if near[c] >= 0.3 or c == ranked[0]), "…"])


@lru_cache(maxsize=100_000)
def _pairs(word: str) -> frozenset[str]:
    framed = f" {word[:LONGEST].lower()} "
    return frozenset(framed[k : k + 2] for k in range(len(framed) - 1))
