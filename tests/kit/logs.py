"""The mapping file of a log that somebody keeps by hand: day, region, town and what happened."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """[source]
key = "log"
title = "A log"
licence = "own"
redistribution = "yes"
"""


def mapping(columns: Mapping[str, str] | None = None, kinds: Mapping[str, str] | None = None) -> str:
    """Its text, with more columns and kinds than the four and the march."""
    named = {"date": "day", "region": "region", "settlement": "town", "type": "what"} | {**(columns or {})}
    meant = {"march": "march"} | {**(kinds or {})}
    lines = ["[columns]", *(f'{k} = "{v}"' for k, v in named.items()), "[kinds]", *(f'"{k}" = "{v}"' for k, v in meant.items())]
    return HEAD + "\n".join(lines) + "\n"
