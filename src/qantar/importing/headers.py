"""What the header of a column says that it holds, in the words of several languages (`headers.toml`).

In: a header. Out: fields of a mapping that it may mean, the surest first. A header may stand in two languages, parted by a stroke or with
one in brackets ("Ciudad / town"); halves that mean different things say nothing, nor does "Killed (police)", which counts some only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

from qantar.files.cells import fold

_COUNTED = ("participants", "deaths")
"""Fields of which a low and a high number are told apart."""
_PEOPLE = {*_COUNTED, "participants_low", "participants_high", "deaths_low", "deaths_high", "injured", "detained", "count"}
_PARTED = re.compile(r"\s*[/|／｜\n–—]\s*|\s+(?:-|or|o|ou|oder|или)\s+|或")
_CAMEL = re.compile(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])")
"""Between words that are written together, as in EstimateLow."""
_BRACKETS = re.compile(r"[(（\[【]([^)）\]】]*)[)）\]】]")


class Reading(NamedTuple):
    """A field that a header may mean, and how sure that is: the less the surer."""

    field: str
    rank: int


def readings(header: str) -> list[Reading]:
    """Fields that a header may mean.

    >>> [r.field for h in ("Dead (low)", "Qué pasó / what happened", "Killed (police)", "Dead / injured") for r in readings(h)]
    ['deaths_low', 'type']
    >>> [r.field for r in readings("EventType")]
    ['type']
    """
    header = _CAMEL.sub(" ", header)
    if whole := _of(header):
        return whole
    found = [_of(part) for part in _parts(header)]
    known = [part for part in found if part]
    shared = [r for r in known[0] if all(r.field in {other.field for other in part} for part in known)] if known else []
    if len(known) < len(found):
        shared = [r for r in shared if r.field not in _PEOPLE]
    return [Reading(r.field, r.rank + 1) for r in shared]


def _parts(header: str) -> list[str]:
    """The halves of a header, those that stand in brackets too."""
    inner = _BRACKETS.findall(header)
    return [p for part in (_BRACKETS.sub(" ", header), *inner) for p in _PARTED.split(part) if fold(p) and fold(p) not in _word("around")]


def _of(part: str) -> list[Reading]:
    name = fold(part) or part.strip()
    if found := _fields().get(name):
        return found
    for bare in _without(name, "around"):
        if found := _fields().get(bare):
            return found
    for end in ("low", "high"):
        bares = [b for one in (name, *_without(name, "around")) for b in _without(one, end)]
        for bare in (b for one in bares for b in (one, *_without(one, "around"))):
            if found := [Reading(f"{r.field}_{end}", r.rank) for r in _fields().get(bare, ()) if r.field in _COUNTED]:
                return found
    return []


def _without(name: str, words: str) -> Iterator[str]:
    """A name without words of a list before or after it, one after the other."""
    seen = {name}
    left = [name]
    while left:
        whole = left.pop(0)
        for word, (before, after) in product(_word(words), ((True, False), (False, True))):
            gap = "" if _CJK.search(word) else " "
            bare = whole
            if before and whole.startswith(word + gap):
                bare = whole[len(word + gap) :].strip()
            elif after and whole.endswith(gap + word):
                bare = whole[: -len(gap + word)].strip()
            if bare and bare not in seen:
                seen.add(bare)
                left.append(bare)
                yield bare


_CJK = re.compile("[\u3400-\u9fff]")


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("headers.toml").read_text(encoding="utf-8"))


def known() -> dict[str, list[str]]:
    """Headers of each field, as the list has them."""
    return {field: _listed(headers) for field, headers in _table()["fields"].items()}


def words(name: str) -> list[str]:
    """Words that may stand before or after a header: `low`, `high` or `around`."""
    return _listed(_table()["words"][name])


def _listed(headers: str) -> list[str]:
    return [" ".join(h.split()) for h in headers.split(";")]


@cache
def _fields() -> dict[str, list[Reading]]:
    """The fields of each header, as it is compared."""
    found: dict[str, list[Reading]] = {}
    for field, headers in known().items():
        for rank, header in enumerate(headers):
            name = fold(header) or header
            if field not in {r.field for r in found.setdefault(name, [])}:
                found[name].append(Reading(field, 2 * rank))
    return found


@cache
def _word(name: str) -> frozenset[str]:
    return frozenset(map(fold, words(name)))
