"""A table that is written as JSON: the answer of a provider's API, or GeoJSON whose points are events.

In: bytes of a JSON file. Out: rows of text, the names of the fields first. Each object is a row; what is nested in one is kept as JSON. Of
GeoJSON the properties are the fields, and the point is `longitude` and `latitude`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qantar.errors import DataError, fail
from qantar.files.sheet import plain_text

Line = tuple[int, list[str]]


def rows_of(path: Path, data: bytes) -> list[Line]:
    """The header and the rows of a JSON file, numbered from 1; a DataError where it is none or has no list of objects."""
    try:
        found = json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise fail(DataError, path, "broken_json_table", reason=error) from None
    objects = [_flat(o) for o in _objects(found)]
    names = list(dict.fromkeys(name for o in objects for name in o))
    if not names:
        raise fail(DataError, path, "json_without_rows")
    return [(1, names), *((k, [plain_text(o.get(n, "")) for n in names]) for k, o in enumerate(objects, 2))]


def _objects(found: Any) -> Iterator[dict[str, Any]]:
    """The longest list of objects, at the top or one below it."""
    lists = [found] if isinstance(found, list) else list(found.values()) if isinstance(found, dict) else []
    longest = max((v for v in lists if isinstance(v, list)), key=len, default=[])
    return (o for o in longest if isinstance(o, dict))


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    """An object without what is nested in it; of a feature its properties and its point."""
    fields = dict(one.get("properties") or {}) if one.get("type") == "Feature" else dict(one)
    geometry = one.get("geometry") if one.get("type") == "Feature" else None
    if isinstance(geometry, dict) and geometry.get("type") == "Point" and isinstance(geometry.get("coordinates"), list):
        taken = {name.casefold() for name in fields}
        for name, value in zip(("longitude", "latitude"), geometry["coordinates"], strict=False):
            if name not in taken:
                fields[name] = value
    return {
        str(name): "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in fields.items()
    }
