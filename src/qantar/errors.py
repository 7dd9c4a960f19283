"""What a user did wrong, said so that it can be mended: file, line, key, what, the rule, the mend.

A `Problem` holds no sentence, only a code and its arguments; the sentence comes from the catalogue in the reader's
language. Checks collect every problem first and raise once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from qantar.messages import text


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in one place.

    `line` counts from 1 and is None where a line makes no sense (a missing file). `key` is the column, or the dotted
    path in a TOML or JSON file. `code` names three catalogue entries: `error.CODE.what`, `.rule` and `.mend`.
    """

    file: str
    line: int | None
    key: str
    code: str
    args: dict[str, str] = field(default_factory=dict, hash=False)

    def part(self, which: str, lang: str = "en") -> str:
        """One of the three sentences: `what`, `rule` or `mend`."""
        args = dict(self.args)
        if self.code != "wrong_unit" and "unit" in args:  # there the unit is what must be written, not what is meant
            args["unit"] = text(f"unit.{args['unit']}", lang)
        return text(f"error.{self.code}.{which}", lang, **args)

    def render(self, lang: str = "en") -> str:
        """Two lines for a terminal: where and what, then the rule and the mend."""
        line = "" if self.line is None else text("error.line", lang, line=self.line)
        where = text("error.sep", lang).join(p for p in (self.file, line, self.key) if p)
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


class Problems:
    """Collects problems so that all are reported at once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, file: str | Path, line: int | None, key: str, code: str, /, **args: object) -> None:
        """Note one problem. Files are shown by name only when they lie in the folder under check."""
        self.found.append(Problem(str(file), line, key, code, {k: str(v) for k, v in args.items()}))

    def raise_as(self, error: type[QantarError]) -> None:
        """Raise if anything was found, in order of file and line."""
        if self.found:
            raise error(sorted(self.found, key=lambda p: (p.file, p.line or 0, p.key)))


def fail(error: type[QantarError], file: str | Path, code: str, /, **args: object) -> QantarError:
    """One problem about a whole file or name, ready to raise."""
    return error([Problem(str(file), None, "", code, {k: str(v) for k, v in args.items()})])


def needs(package: str, extra: str, command: str) -> None:
    """Whether the library of an extra is there.

    Raises
    ------
    StudyError
        If it is not installed.
    """
    if find_spec(package) is None:
        raise fail(StudyError, command, "missing_extra", package=package, extra=extra)


def nearest(word: str, choices: Iterable[str]) -> str:
    """What exists, nearest spelling first: all of a short list, the best few of a long one.

    >>> nearest("protset", ["march", "protest", "strike"])
    'protest, strike, march'
    """
    near = {c: difflib.SequenceMatcher(None, word.lower(), c.lower()).ratio() for c in choices}
    ranked = sorted(near, key=lambda c: (-near[c], c))
    if len(ranked) <= 8:
        return ", ".join(ranked)
    return ", ".join([*(c for c in ranked[:5] if near[c] >= 0.3 or c == ranked[0]), "…"])
