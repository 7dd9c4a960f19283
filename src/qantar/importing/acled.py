"""ACLED: Armed Conflict Location & Event Data, as its export tool and its API write it since 2022, and as files of earlier years have it.

Codes by the ACLED codebook. `time_precision`: 1 the day is known, 2 only the week, 3 only the month. `geo_precision`: 1 the place, 2 a part
of the region near the place named, 3 only the region. `inter1`: 1 or "State forces". `tags`: of a demonstration how many came, in a figure
or in words, as "crowd size=around 500", with other tags behind a semicolon. Until 2018 there was one level of types, and riots were
told from protests by who took part: `inter1` or `inter2` 5 for rioters, 6 for protesters.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

from qantar.importing.form import Cell, Provider, Span


def _types(cell: Cell) -> tuple[str, ...]:
    kind, sub = cell("type").strip(), cell("subtype").strip()
    if not sub:
        sides = {cell("by").strip(), cell("by_2").strip()}
        return (f"{kind}/{'rioters' if '5' in sides else 'state forces' if cell('by').strip() == '1' else 'others'}", kind)
    kind = f"{kind}/{sub}"
    by_the_state = cell("by").strip().casefold() in ("1", "state forces")
    return (f"{kind}/state forces", kind) if by_the_state else (kind,)


def _days(precision: str, day: dt.date, _: dt.date) -> Span:
    if precision.strip() == "2":
        return day - dt.timedelta(days=3), day + dt.timedelta(days=3)
    if precision.strip() == "3":
        return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return day, day


_CROWD = re.compile(r"(?:^|;)\s*crowd size\s*=\s*([^;]*)", re.IGNORECASE)


def _crowd(tags: str) -> str:
    """How many came, as the tags say it; empty where they say nothing.

    >>> _crowd("women targeted: politicians; crowd size=around 3,000"), _crowd("crowd size=no report"), _crowd("local administrators")
    ('around 3,000', '', '')
    """
    found = _CROWD.search(tags)
    told = found[1].strip() if found else ""
    return "" if told.casefold() == "no report" else told


ACLED = Provider(
    "acled",
    "Armed Conflict Location & Event Data (ACLED)",
    "ACLED",
    "https://acleddata.com",
    "ACLED terms of use: cite ACLED; the data may not be passed on",
    "no",
    {
        "id": ("event_id_cnty",),
        "date": ("event_date",),
        "time_precision": ("time_precision",),
        "latitude": ("latitude",),
        "longitude": ("longitude",),
        "place_precision": ("geo_precision",),
        "region": ("admin1",),
        "settlement": ("location",),
        "country": ("country",),
        "type": ("event_type",),
        "subtype": ("sub_event_type",),
        "by": ("inter1",),
        "by_2": ("inter2",),
        "participants": ("tags",),
        "deaths": ("fatalities",),
        "actor": ("actor1",),
        "actor_2": ("actor2",),
        "note": ("notes",),
        "note_source": ("source",),
        "updated": ("timestamp",),
    },
    frozenset({"id", "date", "type", "latitude", "longitude"}),
    _types,
    _days,
    lambda code: {"2": "rough", "3": "region"}.get(code.strip(), "point"),
    word_for_crowd=_crowd,
)
