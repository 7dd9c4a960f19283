"""Features of the record in a stored table, as cells: what they are of, and how many histories show them."""

from __future__ import annotations

import math

from qantar.ensemble.histories import Feature
from qantar.messages import LANGUAGES
from qantar.studies.blocks import Cell, Pair, Row, in_language, pair
from qantar.studies.kind import Result


def region_names(result: Result) -> dict[str, Pair]:
    """Names of regions by id, in both languages; none where the scenario is not at hand."""
    regions = result.scenario.case.record.regions if result.scenario else ()
    return {r.region_id: (r.name_en, r.name_zh) for r in regions}


def recorded_feature(row: Row, result: Result) -> Cell:
    """What a row of features is of: regions by their names, a day as it is."""
    names = region_names(result)
    parts = [names.get(part, part) for part in row["of"].split(";")]
    en, zh = ([in_language(p, lang) for p in parts] for lang in LANGUAGES)
    return pair(f"feature.{row['kind']}", of=(", ".join(en), "、".join(zh)))


def shown_share(share: str, low: str, high: str) -> str:
    """A share of histories in percent with its interval.

    >>> shown_share("0.5", "0.25", "0.8")
    '50 % (25–80)'
    """
    return f"{100 * float(share):.0f} % ({100 * float(low):.0f}–{100 * float(high):.0f})"


def simulated_numbers(row: Row) -> Cell:
    """What was simulated: median (5 % to 95 %); of a first day, which day of the histories that is."""
    median, low, high = (float(row[k] or "nan") for k in ("median", "low", "high"))
    if math.isnan(median):
        return ""
    if row["kind"] == "onset":
        return pair("out.day_of", median=f"{median + 1:.0f}", low=f"{low + 1:.0f}", high=f"{high + 1:.0f}")
    return Feature(row["kind"], row["of"], "", 0, 0, median, low, high).numbers()
