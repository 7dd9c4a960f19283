"""GDELT events, 1.0 and 2.0: tab-separated without a header, 57 columns until March 2013, 58 since, 61 in version 2.0.

Version 2.0 has one more code (ADM2) of each of the three places. `ActionGeo_Type`: 1 a country, 2 a state of the US, 3 a city of the US,
4 a city, 5 a first-level unit; of 1, 2 and 5 the coordinates are the middle. Countries have codes of FIPS 10-4. Types are
CAMEO codes, of which the first three digits or two say the same less exactly. Programs read the news for GDELT, so confidence is low.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qantar.cases.world import of_fips
from qantar.importing.form import Cell, Provider

WIDTHS = (57, 58, 61)
_ACTOR = (
    "Code",
    "Name",
    "CountryCode",
    "KnownGroupCode",
    "EthnicCode",
    "Religion1Code",
    "Religion2Code",
    "Type1Code",
    "Type2Code",
    "Type3Code",
)
_PLACE = ("Type", "FullName", "CountryCode", "ADM1Code", "ADM2Code", "Lat", "Long", "FeatureID")


def names(width: int) -> list[str]:
    """Names of the columns of a file by their number: one of `WIDTHS`.

    >>> [names(w).index("ActionGeo_Lat") for w in WIDTHS], [len(names(w)) for w in WIDTHS]
    ([53, 53, 56], [57, 58, 61])
    """
    place = [p for p in _PLACE if width == 61 or p != "ADM2Code"]
    return [
        *("GLOBALEVENTID", "SQLDATE", "MonthYear", "Year", "FractionDate"),
        *(f"Actor{n}{part}" for n in (1, 2) for part in _ACTOR),
        *("IsRootEvent", "EventCode", "EventBaseCode", "EventRootCode", "QuadClass", "GoldsteinScale"),
        *("NumMentions", "NumSources", "NumArticles", "AvgTone"),
        *(f"{who}Geo_{part}" for who in ("Actor1", "Actor2", "Action") for part in place),
        "DATEADDED",
        *(["SOURCEURL"] if width > 57 else []),
    ]


def _without_header(cells: Sequence[str]) -> list[str] | None:
    bare = len(cells) in WIDTHS and cells[0].isdigit() and re.fullmatch(r"(?:19|20)\d{6}", cells[1], re.ASCII)
    return names(len(cells)) if bare else None


def _types(cell: Cell) -> tuple[str, ...]:
    code = cell("type").strip()
    return tuple(code[:n] for n in (4, 3, 2) if n <= len(code)) or (code,)


GDELT = Provider(
    "gdelt",
    "The GDELT Event Database",
    "The GDELT Project",
    "https://www.gdeltproject.org",
    "free for any use, with citation of the GDELT Project and a link to it",
    "yes",
    {
        "id": ("globaleventid",),
        "date": ("sqldate", "day"),
        "latitude": ("actiongeo_lat",),
        "longitude": ("actiongeo_long",),
        "place_precision": ("actiongeo_type",),
        "settlement": ("actiongeo_fullname",),
        "country": ("actiongeo_countrycode",),
        "type": ("eventcode",),
        "actor": ("actor1name",),
        "actor_2": ("actor2name",),
        "note": ("sourceurl",),
        "updated": ("dateadded",),
    },
    frozenset({"id", "date", "latitude", "longitude", "type"}),
    _types,
    precision=lambda code: {"1": "country", "2": "region", "5": "region"}.get(code.strip(), "point"),
    confidence=lambda cell: "low",
    without_header=_without_header,
    word_for_settlement=lambda name: name.split(",")[0].strip(),
    word_for_country=lambda code: of_fips(code.strip()),
)
