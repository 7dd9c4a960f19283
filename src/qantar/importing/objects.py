"""A table that is written as JSON: the answer of a provider's API, or GeoJSON whose points are events.

In: bytes of a JSON file. Out: rows of text, the names of the fields first. Each object is a row; what is nested in one is kept as JSON. Of
GeoJSON the properties are the fields, and the point is `longitude` and `latitude`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qantar.errors import DataError, fail
from qantar.files.sheet import plain_text

Line = tuple[int, list[str]]
NAMES_MAX = 1_000
"""Different names of fields."""
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""Where half a character may stand, by its number."""


def rows_of(path: Path, data: bytes) -> Callable[[], Iterator[Line]]:
    """What gives the header and the rows of a JSON file, numbered from 1; a DataError where it is none or has no list of objects."""
    try:
        found = json.loads(data, parse_constant=lambda _: None, parse_float=_number)
        if _HALF.search(data):
            json.dumps(found, ensure_ascii=False).encode()
        objects = [_flat(o) for o in _objects(found)]
    except (ValueError, RecursionError) as error:
        raise fail(DataError, path, "broken_json_table", reason=error) from None
    names = list(dict.fromkeys(name for o in objects for name in o))
    if not names:
        raise fail(DataError, path, "json_without_rows")
    if len(names) > NAMES_MAX:
        raise fail(DataError, path, "json_of_many_names", n=len(names), high=NAMES_MAX)

    def rows() -> Iterator[Line]:
        yield 1, names
        for k, o in enumerate(objects, 2):
            yield k, [plain_text(o.get(n, "")) for n in names]

    return rows


def _number(digits: str) -> float | str:
    """A number; one that is larger than any stays as it is written, and is refused where a number is asked for."""
    return value if math.isfinite(value := float(digits)) else digits


def _objects(found: Any) -> Iterator[dict[str, Any]]:
    """The longest list of objects, at the top or one below it."""
    lists = [found] if isinstance(found, list) else list(found.values()) if isinstance(found, dict) else []
    longest = max((v for v in lists if isinstance(v, list)), key=len, default=[])
    return (o for o in longest if isinstance(o, dict))


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    """An object without what is nested in it; of a feature its properties and its point."""
    fields, geometry = one, None
    if one.get("type") == "Feature":
        fields, geometry = (dict(x) if isinstance(x := one.get(name), dict) else {} for name in ("properties", "geometry"))
    if geometry and geometry.get("type") == "Point" and isinstance(geometry.get("coordinates"), list):
        taken = {name.casefold() for name in fields}
        for name, value in zip(("longitude", "latitude"), geometry["coordinates"], strict=False):
            if name not in taken:
                fields[name] = value
    return {
        name: "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in fields.items()
    }
