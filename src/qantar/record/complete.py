"""Completes a record of few tables: what a row may leave unsaid, and tables that follow from the events.

In: tables as they were read, and a way to tell the region of a point. Out: the same tables with every row whole, and the names of those
that were made here. Nothing is made up: a first day is that of the first gathering in the events, a day without a gathering stays unknown,
and a toll is the sum over single happenings. What a person wrote is never replaced.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from qantar.errors import Problems
from qantar.files.cells import Row, Table
from qantar.record.schema import OWN, Event, OnsetRow, PresenceRow, Settlement, Source, Total

GATHERINGS = ("protest", "march", "road_blocked", "rail_blocked")
"""Kinds of event in which a crowd is out: unrest is present in a region. A strike alone is none."""
VIOLENCE = (
    "clash", "building_attacked", "building_seized", "infrastructure_attacked", "symbol_attacked", "prison_attacked", "armoury_seized",
    "airport_seized", "looting", "control_lost",
)  # fmt: skip
"""Kinds of violence by a crowd."""
UNREST = (*GATHERINGS, *VIOLENCE)
"""Kinds that show unrest where nobody wrote down first days: a crowd that storms a building was there."""
DERIVED = ("region_onset", "presence", "totals")
"""Tables that follow from the events where their file is not there."""
Span = tuple[dt.date, dt.date]
"""First and last day of a case."""
Locate = Callable[[float, float], str | None]
"""The region in which a point lies, given its longitude and latitude; None where it lies in none."""
Tables = dict[str, Table[Any]]


def complete_rows(tables: Tables, span: Span, locate: Locate, problems: Problems) -> Tables:
    """Every row whole: hours ahead of UTC, ids and regions of events."""
    regions = _changed(tables["regions"], lambda line, r: _zoned(r, r.utc_offset, span, tables["regions"].file, line, problems))
    offsets = {r.region_id: r.utc_offset for r in regions}
    homes = {s.settlement_id: s.region_id for s in tables["settlements"]}

    def settlement(line: int, s: Settlement) -> Any:
        if not tables["regions"].readable:
            return s
        return _zoned(s, offsets.get(s.region_id, s.utc_offset), span, tables["settlements"].file, line, problems)

    def event(line: int, e: Event) -> Event:
        region = e.region_id or homes.get(e.settlement_id or "") or _region_of(e, locate, tables["events"].file, line, problems)
        return e.model_copy(update={"event_id": e.event_id or f"E{line}", "region_id": region})

    return tables | {
        "regions": regions,
        "settlements": _changed(tables["settlements"], settlement),
        "events": _changed(tables["events"], event),
    }


def _changed(table: Table[Any], change: Callable[[int, Any], Any]) -> Table[Any]:
    return replace(table, rows=tuple(change(line, row) for line, row in table.numbered()))


def _zoned(row: Any, offset: float, span: Span, file: str, line: int, problems: Problems) -> Any:
    """A region or settlement with its hours ahead of UTC on the first day of the case: as written, by its time zone, or as given here."""
    if not math.isnan(row.utc_offset):  # written by a person
        return row
    if row.time_zone:
        offset = zone_offset(row.time_zone, span[0])
    elif math.isnan(offset):
        problems.add(file, line, "time_zone", "no_time_zone", value=row.name_en)
        offset = 0.0
    return row.model_copy(update={"utc_offset": offset})


def zone_offset(time_zone: str, day: dt.date) -> float:
    """Hours ahead of UTC of an IANA time zone at noon of a day.

    >>> zone_offset("Asia/Aqtau", dt.date(2022, 1, 4)), zone_offset("Europe/Paris", dt.date(2023, 6, 27))
    (5.0, 2.0)
    """
    noon = dt.datetime.combine(day, dt.time(12), ZoneInfo(time_zone))
    return (noon.utcoffset() or dt.timedelta()).total_seconds() / 3600


def _region_of(e: Event, locate: Locate, file: str, line: int, problems: Problems) -> str:
    """The region of an event that names neither region nor settlement, by its coordinates."""
    if e.lat is None or e.lon is None:
        problems.add(file, line, "region_id", "no_place", value=e.kind)
    elif region := locate(e.lon, e.lat):
        return region
    else:
        swapped = locate(e.lat, e.lon) if abs(e.lon) <= 90 else None
        code = "point_swapped" if swapped else "point_nowhere"
        problems.add(file, line, "lat", code, value=f"{e.lat:g}, {e.lon:g}", region=swapped or "-")
    return ""


def _with_own(sources: Table[Source], tables: Mapping[str, Table[Any]]) -> Table[Source]:
    """The sources, with a row for what names none, if anything does."""
    cites = any(getattr(row, "source", "") == OWN for name, table in tables.items() if name != "sources" for row in table)
    if not cites or OWN in sources.ids():
        return sources
    row = Source.model_validate(
        {
            "key": OWN,
            "title": "(no source is named)",
            "publisher": "the author of this case",
            "address_complete": "n/a",
            "licence": "not said",
            "how_obtained": "not said",
            "seen": "not-said",
        }
    )
    return replace(sources, rows=(*sources.rows, row), lines=(*sources.lines, 0))


@dataclass(frozen=True)
class Gathering:
    """What the events say of a gathering: the first and the last day on which it can have begun, and how long what lasted went on."""

    event: Event
    first: dt.date
    last: dt.date
    end: dt.date

    @property
    def certain(self) -> bool:
        """Whether it was on all of `days`."""
        return self.event.sure_of_its_day and self.sure

    @property
    def days(self) -> list[dt.date]:
        """From the first on which it can have begun to the last on which it can have been."""
        return [self.first + dt.timedelta(days=n) for n in range((self.end - self.first).days + 1)]

    @property
    def sure(self) -> bool:
        """Whether there was one at all: of a doubtful one nobody can say that the region had risen by then."""
        return self.event.confidence != "low"


def complete_tables(tables: Tables, country: str, span: Span, missing: Iterable[str]) -> tuple[Tables, tuple[str, ...]]:
    """The tables that follow from the events, where their file is `missing`; onsets of regions that have none; sources with all cited."""
    missing = set(missing)
    gatherings: dict[str, list[Gathering]] = {r.region_id: [] for r in tables["regions"]}
    for e in tables["events"]:
        if e.kind in UNREST and e.region_id in gatherings and (found := gathering(e, span)):
            gatherings[e.region_id].append(found)
    made: Tables = {}
    told = tables["region_onset"].ids()
    onsets = [_onset(region, found) for region, found in gatherings.items() if region not in told]
    if onsets:
        made["region_onset"] = _with(tables["region_onset"], onsets)
    if "presence" in missing and (presence := _presence(gatherings)):
        made["presence"] = _with(tables["presence"], presence)
    counted = any(t.quantity.startswith("deaths_") for t in tables["totals"])  # whoever counted the dead is not added to
    if not counted and not tables["totals"].spoilt and (totals := _tolls(tables["events"], country, span)):
        made["totals"] = _with(tables["totals"], totals)
    whole = tables | made
    return whole | {"sources": _with_own(tables["sources"], whole)}, tuple(name for name in DERIVED if name in made)


def gathering(e: Event, span: Span) -> Gathering | None:
    """A gathering on the days of a case; None where it was on none of them, or may have been on none."""
    first = max(e.date, span[0]) if e.one_happening else e.date
    end = min(e.date_end or e.date, span[1])
    if not span[0] <= first <= end:
        return None
    return Gathering(e, first, first if e.one_happening else end, end)


def _with(table: Table[Any], rows: Iterable[Row]) -> Table[Any]:
    """A table with further rows, which stand on no line of its file."""
    rows = tuple(rows)
    return replace(table, rows=(*table.rows, *rows), lines=(*table.lines, *(0 for _ in rows)))


def _onset(region: str, gatherings: list[Gathering]) -> OnsetRow:
    """First day and largest crowd of a region by its gatherings: without any, nothing is said of it."""
    if not gatherings:
        return OnsetRow.model_validate({"region_id": region, "confidence": "low", "source": OWN})
    first = min(gatherings, key=lambda g: (g.first, g.last))
    sure = [g for g in gatherings if g.sure] or gatherings
    by_then = min(sure, key=lambda g: (g.last, g.event.confidence != "high"))  # the first by which it must have begun
    latest = by_then.last
    stated = first.first == latest and any(g.certain and g.first == latest for g in gatherings)
    crowds = [g for g in gatherings if g.event.one_happening and (g.event.participants_high or g.event.participants_low)]
    largest = max(crowds, key=lambda g: g.event.participants_high or g.event.participants_low or 0, default=None)
    told: dict[str, Any] = {
        "region_id": region,
        "onset_date": latest if stated else None,
        "onset_earliest": first.first,
        "onset_latest": latest,
        "first_settlement": first.event.settlement,
        "confidence": by_then.event.confidence,
        "source": first.event.source,
        "sources_more": [by_then.event.source] if by_then.event.source != first.event.source else None,
    }
    if largest is not None:
        low, high = largest.event.participants_low, largest.event.participants_high
        told |= {"max_crowd_low": low, "max_crowd_high": high, "max_crowd_date": largest.first}
    return OnsetRow.model_validate({key: value for key, value in told.items() if value is not None})


def _presence(gatherings: Mapping[str, list[Gathering]]) -> list[PresenceRow]:
    """Days on which a gathering is certain, each day of one that lasted; nothing is said of any other."""
    days: dict[tuple[str, dt.date], str] = {}
    for region, found in gatherings.items():
        for g in found:
            for day in g.days if g.certain else ():
                days.setdefault((region, day), g.event.source)
    return [
        PresenceRow.model_validate({"region_id": region, "date": day, "unrest": 1, "source": source})
        for (region, day), source in sorted(days.items())
    ]


def _tolls(events: Iterable[Event], country: str, span: Span) -> list[Total]:
    """The dead of each region and of the country: sums over single happenings, lowest and highest where the events say so."""
    sums: dict[str, list[int]] = {}
    sources: dict[str, dict[str, None]] = {}
    for e in events:
        if not e.one_happening or e.region_id == country or not span[0] <= e.date <= span[1]:
            continue
        ends = [x for x in (e.deaths_low, e.deaths, e.deaths_high) if x is not None]
        if ends:
            for unit in (e.region_id, country):
                low, high = sums.setdefault(unit, [0, 0])
                sums[unit] = [low + min(ends), high + max(ends)]
                if max(ends):
                    sources.setdefault(unit, {})[e.source] = None
    return [
        Total.model_validate(
            {
                "total_id": f"deaths-{unit}",
                "as_of": span[1],
                "region_id": unit,
                "quantity": "deaths_cumulative",
                "value_low": low,
                "value_high": high,
                "status": "final",
                "stated_by": "sum over events.csv",
                "stated_by_zh": "events.csv 各事件之和",
                "source": next(iter(sources[unit])),
                "sources_more": [*sources[unit]][1:],
            }
        )
        for unit, (low, high) in sums.items()
        if high  # that no event counts any is not that there were none
    ]
