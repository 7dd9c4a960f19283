"""UCDP GED, the Georeferenced Event Dataset of the Uppsala Conflict Data Program, and its monthly candidate events.

Codes by the GED codebook. `date_prec`: 1 the day is known, 2 to 5 some days to a year, whose ends are `date_start` and `date_end`.
`where_prec`: 1 the place, 2 within about 25 km, 3 the district, 4 the region, 5 a line or an estimate, 6 the country, 7 sea or air.
`type_of_violence`: 1 with a state on one side, 2 between groups, 3 against civilians. `event_clarity`: 2 where several events are one row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qantar.importing.form import Cell, Provider

NAMES = (
    "id", "relid", "year", "active_year", "code_status", "type_of_violence", "conflict_dset_id", "conflict_new_id", "conflict_name",
    "dyad_dset_id", "dyad_new_id", "dyad_name", "side_a_dset_id", "side_a_new_id", "side_a", "side_b_dset_id", "side_b_new_id", "side_b",
    "number_of_sources", "source_article", "source_office", "source_date", "source_headline", "source_original", "where_prec",
    "where_coordinates", "where_description", "adm_1", "adm_2", "latitude", "longitude", "geom_wkt", "priogrid_gid", "country",
    "country_id", "region", "event_clarity", "date_prec", "date_start", "date_end", "deaths_a", "deaths_b", "deaths_civilians",
    "deaths_unknown", "best", "high", "low", "gwnoa", "gwnob",
)  # fmt: skip
"""Columns of a release since 2019, some of which were published without a header."""


def _without_header(cells: Sequence[str]) -> Sequence[str] | None:
    bare = len(cells) == len(NAMES) and cells[0].isdigit() and re.fullmatch(r"(?:19|20)\d\d", cells[2], re.ASCII)
    return NAMES if bare and cells[5] in ("1", "2", "3") else None


_WHERE = {"2": "rough", "3": "rough", "4": "region", "5": "region", "6": "country", "7": "country"}


def _types(cell: Cell) -> tuple[str, ...]:
    code = cell("type").strip()
    if code == "3" and cell("actor").strip().casefold().startswith("government of "):
        return "3/government", "3"
    return (code,)


def _confidence(cell: Cell) -> str:
    return "low" if cell("certainty").strip() == "2" else "medium"


def _town(words: str) -> str:
    """The name of a place without what it is, as the codebook writes it behind.

    >>> _town("Oneville town"), _town("Kabul city"), _town("Cape Town")
    ('Oneville', 'Kabul', 'Cape Town')
    """
    return re.sub(r"(?<=\w) (?:town|city|village)$", "", words.strip())


UCDP = Provider(
    "ucdp",
    "UCDP Georeferenced Event Dataset (GED)",
    "Uppsala Conflict Data Program",
    "https://ucdp.uu.se/downloads/",
    "CC BY 4.0",
    "yes",
    {
        "id": ("id",),
        "date": ("date_start",),
        "date_latest": ("date_end",),
        "time_precision": ("date_prec",),
        "latitude": ("latitude",),
        "longitude": ("longitude",),
        "place_precision": ("where_prec",),
        "region": ("adm_1",),
        "settlement": ("where_coordinates",),
        "country": ("country",),
        "type": ("type_of_violence",),
        "deaths_low": ("low", "low_est"),
        "deaths": ("best", "best_est"),
        "deaths_high": ("high", "high_est"),
        "actor": ("side_a",),
        "actor_2": ("side_b",),
        "note": ("source_headline", "source_article"),
        "note_source": ("source_office",),
        "certainty": ("event_clarity",),
    },
    frozenset({"id", "date", "date_latest", "type", "latitude", "longitude", "deaths"}),
    _types,
    precision=lambda code: _WHERE.get(code.strip(), "point"),
    confidence=_confidence,
    word_for_settlement=_town,
    without_header=_without_header,
)
