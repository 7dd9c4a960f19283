"""Starts a case of any country on open data: regions, towns, residents as an assumption, and a scenario that runs.

In: a name, a country, days, perhaps a file of regions of one's own. Out: the files of a folder, and what to tell who asked for it.
What happened there nobody knows yet: events.csv has its header alone.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from qantar.cases import outlines as geo
from qantar.cases.adm1 import Own, read_adm1
from qantar.cases.case import packaged_names
from qantar.cases.starter import Start, texts
from qantar.cases.world import Area, Country, Town, country
from qantar.errors import DataError, StudyError, fail
from qantar.files.cells import FolderName, printable, to_csv
from qantar.files.write import write_new
from qantar.messages import text
from qantar.record.schema import SPAN_MAX, Event

PAIRS_MAX = 60
"""Regions up to which every pair has its row in adjacency.csv; of more, only neighbours."""
TOWNS_MAX = 1500
"""Towns of a country that become places of their own, the largest; the rest of a region is one place in any case."""
BESIDE_KM = 30.0
"""How far a town may lie from regions of one's own to be counted with the nearest."""
BY_OTHERS = "-99"
"""How Natural Earth begins the code of a part that the country does not hold, or that is held apart."""


@dataclass(frozen=True)
class Place:
    """A region of the new case."""

    id: str
    area: Area
    km2: float
    label: tuple[float, float]
    """longitude and latitude of a point well inside"""
    residents: int
    seat: int | None
    """number of the town of its seat"""
    zone: str


@dataclass(frozen=True)
class New:
    """A case as it was written."""

    folder: Path
    facts: dict[str, Any]
    """country, days, counts of regions, settlements and residents, properties that a file of one's own was read by"""
    notes: tuple[tuple[str, dict[str, str]], ...]
    """keys of the catalogue and their arguments: what must be known of these borders"""


def new_case(
    name: str, where: str, out: Path, *, days: tuple[dt.date, dt.date] | None = None, adm1: Path | None = None, lang: str = "en"
) -> New:
    """Write the folder of a new case.

    Parameters
    ----------
    name : id of the case
    where : ISO 3166-1 code or name of the country
    out : the folder, which must not be there yet
    days : first and last day; without them the month of today, to be mended
    adm1 : GeoJSON of the first-level regions; without it those of Natural Earth
    lang : language of comments and of TODO.md

    Raises
    ------
    QantarError
        For a name that is none or taken, an unknown country, days the wrong way round, a folder that is there, a file that cannot be used.
    """
    _check_name(name)
    given, span = days is not None, days or _this_month()
    _check_days(*span)
    land = country(where)
    own = read_adm1(adm1) if adm1 else None
    if out.exists() or out.is_symlink():
        raise fail(StudyError, out, "case_there")
    left_out = 0
    if own and adm1:
        before, land = len(land.towns), _within(land, own, adm1)
        left_out = before - len(land.towns)
    towns, areas = _towns(land, own)
    places = _places(land, areas, towns)
    notes = (*_notes(land, own), *((("new.note.left_out", {"n": str(left_out)}),) if left_out else ()))
    start = Start(name, out, land, span, given, [p.id for p in places], _capital(land, places, towns), _projection(areas), own is not None)
    start = start.with_towns([f"G{t.geonameid}" for t in towns], notes, sum(p.seat is None for p in places))
    write_new(out, {**_tables(land, places, towns, adm1), **texts(start, lang)})
    facts = {
        "country": land.iso2,
        "first_day": str(span[0]),
        "last_day": str(span[1]),
        "regions": len(places),
        "settlements": len(towns),
        "residents": land.people,
        **({"id_property": own.id_key, "name_property": own.name_key} if own else {}),
    }
    return New(out, facts, notes)


def _check_name(name: str) -> None:
    try:
        TypeAdapter(FolderName).validate_python(name)
    except ValidationError as error:
        said = dict(error.errors()[0].get("ctx", {}))
        raise fail(StudyError, "NAME", str(said.pop("code")), **{"value": name, **said, "example": "peru-2029"}) from None
    if name.lower() in {n.lower() for n in packaged_names()}:
        raise fail(StudyError, "NAME", "case_name_taken", value=name)


def _this_month() -> tuple[dt.date, dt.date]:
    first = dt.datetime.now(dt.UTC).date().replace(day=1)
    return first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)


def _check_days(first: dt.date, last: dt.date) -> None:
    if first > last:
        raise fail(StudyError, "--first-day", "low_above_high", value=first, other="--last-day", other_value=last)
    if (last - first).days >= SPAN_MAX:
        raise fail(StudyError, "--last-day", "long_span", value=last, first=first, high=SPAN_MAX)


def _notes(land: Country, own: Own | None) -> tuple[tuple[str, dict[str, str]], ...]:
    """What must be known of the borders that the data have."""
    if own:
        return (("new.note.own", {}),)
    said: list[tuple[str, dict[str, str]]] = [("new.note.borders", {})]
    if land.iso2 in ("UA", "RU"):
        said.append(("new.note.crimea", {}))
    if land.iso2 in ("XK", "TW", "EH", "PS"):
        said.append(("new.note.status", {}))
    if parts := [printable(a.name) for a in land.areas if a.id.startswith(BY_OTHERS)]:
        said.append(("new.note.parts", {"names": ", ".join(parts)}))
    return tuple(said)


def _towns(land: Country, own: Own | None) -> tuple[list[Town], tuple[Area, ...]]:
    """Towns by size with the number of their region, and regions with the people of their known places."""
    towns, areas = list(land.towns), land.areas
    if own:
        home = geo.homes([a.outline for a in own.areas], np.array([(t.lon, t.lat) for t in towns]).reshape(-1, 2))[0]
        towns = [replace(t, area=int(n)) for t, n in zip(towns, home, strict=True)]
        known = np.bincount(home, [t.people for t in towns], minlength=len(own.areas)) if towns else np.zeros(len(own.areas))
        areas = tuple(replace(a, people=int(n)) for a, n in zip(own.areas, known, strict=True))
    largest = {t.area: n for n, t in reversed(list(enumerate(towns)))}
    kept = [t for n, t in enumerate(towns) if n < TOWNS_MAX or largest[t.area] == n or t.name == land.capital]
    return kept, areas


def _within(land: Country, own: Own, file: Path) -> Country:
    """The country as far as one's own regions cover it: without towns far from all of them, and with that much fewer residents.

    Raises
    ------
    DataError
        If no town of the country is near them.
    """
    off = geo.homes([a.outline for a in own.areas], np.array([(t.lon, t.lat) for t in land.towns]).reshape(-1, 2))[1]
    towns = tuple(t for t, km in zip(land.towns, off, strict=True) if km <= BESIDE_KM)
    if land.towns and not towns:
        raise fail(DataError, file.name, "regions_elsewhere", country=land.name_en)
    share = sum(t.people for t in towns) / sum(t.people for t in land.towns) if land.towns else 1.0
    return replace(land, towns=towns, people=round(land.people * share))


def residents(whole: int, known: Sequence[int], km2: Sequence[float], counted: Sequence[int] = ()) -> list[int]:
    """Residents of regions that sum to the country's.

    Where the residents of a region were `counted` (0 where not), it has its share of the counted of what the others leave. The others
    follow a rule, off by a fifth in the middle of the regions of 34 countries, by a factor of two in one of ten (dev/residents.py).

    The people of known places live where those are. The others, of villages mostly, are shared out by the geometric mean of known people
    and area: a city has no villages, a desert few. A region without any known place has its share by area of what is left; where nothing
    is left, such regions share a thousandth, and the others are cut in proportion.

    >>> residents(1000, [300, 100, 0], [1.0, 1.0, 2.0])
    [490, 210, 300]
    >>> residents(1000, [300, 100, 0], [1.0, 1.0, 2.0], [30, 10, 0])
    [525, 175, 300]
    """
    places, size = np.array(known, float), np.maximum(np.array(km2, float), 1e-9)
    empty = places == 0
    exact = whole * size / size.sum()
    if not empty.all():
        exact[empty] *= max(whole - places.sum(), whole / 1000) / whole
        rest = whole - exact[empty].sum()
        mixed = np.sqrt(places * size)
        cut = min(1.0, rest / places.sum())
        exact[~empty] = (cut * places + max(0.0, rest - places.sum()) * mixed / mixed.sum())[~empty]
    given = np.array(counted or [0] * len(known), float)
    if given.any():
        exact[given > 0] = (given / given.sum() * (whole - exact[given == 0].sum()))[given > 0]
    counts = np.floor(exact).astype(int)
    for n in np.argsort(counts - exact, kind="stable")[: whole - int(counts.sum())]:
        counts[n] += 1
    return [int(n) for n in counts]


def _places(land: Country, areas: Sequence[Area], towns: Sequence[Town]) -> list[Place]:
    """Regions with ids, residents, seats and time zones."""
    km2 = [geo.area(a.outline) for a in areas]
    people = residents(land.people, [a.people for a in areas], km2, [a.residents for a in areas])
    seats: dict[int, int] = {}
    for n, town in enumerate(towns):
        if town.area not in seats or (town.name == land.capital and towns[seats[town.area]].name != land.capital):
            seats[town.area] = n
    spots = np.array([(t.lon, t.lat) for t in towns]).reshape(-1, 2)
    found = []
    for n, (key, area) in enumerate(zip(_ids(land.iso2, areas), areas, strict=True)):
        label = geo.label_point(area.outline)
        largest = next((t for t in towns if t.area == n), None)
        if largest is None and len(towns):
            largest = towns[int(np.argmin(geo.distance_km(np.array(label), spots)))]
        zone = largest.zone if largest else f"Etc/GMT{-round(label[0] / 15):+d}"
        found.append(Place(key, area, km2[n], label, people[n], seats.get(n), zone))
    return found


def _ids(iso2: str, areas: Sequence[Area]) -> list[str]:
    """Ids of regions: ISO 3166-2 where that is what the data have, once; else the country's code and a number."""
    fits = [bool(re.fullmatch(rf"{iso2}-[A-Z0-9]{{1,6}}", a.id)) for a in areas]
    taken: set[str] = set()
    found = []
    numbers = (f"{iso2}-{n:03d}" for n in itertools.count(1))
    known = {a.id for a in areas}
    for area, fit in zip(areas, fits, strict=True):
        key = area.id if fit and area.id not in taken else next(n for n in numbers if n not in known)
        taken.add(key)
        found.append(key)
    return found


def _capital(land: Country, places: Sequence[Place], towns: Sequence[Town]) -> str:
    """The region of the country's capital; "" where that town is not known."""
    return next((p.id for p in places if p.seat is not None and towns[p.seat].name == land.capital), "")


def _projection(areas: Sequence[Area]) -> tuple[float, float, float]:
    return geo.projection([a.outline for a in areas])


# --- the tables -----------------------------------------------------------------------------------------------------------


def _tables(land: Country, places: Sequence[Place], towns: Sequence[Town], adm1: Path | None) -> dict[str, str]:
    spots = {n: _spot(places[t.area], t, exact=places[t.area].seat == n) for n, t in enumerate(towns)}
    return {
        "regions.csv": _regions(places, towns, spots, adm1),
        "regions.geojson": _geojson(places),
        "settlements.csv": _settlements(places, towns, spots),
        "adjacency.csv": _adjacency(places, spots),
        "region_values.csv": _values(land, places),
        "sources.csv": _sources(adm1, {p.area.counted_by for p in places} - {""}),
        "events.csv": to_csv([c for c in Event.model_fields if c in EVENT_COLUMNS], []),
    }


EVENT_COLUMNS = (
    "event_id", "date", "date_end", "time_local", "region_id", "settlement", "settlement_id", "lat", "lon", "kind", "scope",
    "participants_low", "participants_high", "deaths_low", "deaths", "deaths_high", "deaths_security", "injured", "detained", "actor",
    "confidence", "note", "source", "sources_more", "external_id",
)  # fmt: skip
"""Columns of a new events.csv: all of the table but those of a second language and of single numbers that few sources give."""
Spot = tuple[float, float, bool]
"""Longitude, latitude, and whether the point was moved."""


def _spot(place: Place, town: Town, *, exact: bool) -> Spot:
    """Where a town is put: a seat of a region inside its outline, which is simplified and may leave it outside."""
    here = np.array([[town.lon, town.lat]])
    if not exact or geo.contains(place.area.outline, here)[0]:
        return town.lon, town.lat, False
    return *geo.inside_near(place.area.outline, (town.lon, town.lat)), True


def _name(area: Area, number: int) -> str:
    return printable(area.name) or printable(area.local) or f"region {number}"


def _regions(places: Sequence[Place], towns: Sequence[Town], spots: dict[int, Spot], adm1: Path | None) -> str:
    header = ["region_id", "name_en", "name_zh", "aliases", "type", "capital", "lat", "lon", "time_zone", "note", "source"]
    rows = []
    for n, p in enumerate(places, 1):
        lon, lat, _ = spots[p.seat] if p.seat is not None else (*p.label, False)
        seat = printable(towns[p.seat].name) if p.seat is not None else "not known"  # a column that is there holds something in every row
        local = printable(p.area.local).replace(";", ",") if p.area.local != p.area.name else ""
        note = f"called {printable(p.area.id)} in the data" if p.area.id and p.area.id != p.id else ""
        name = _name(p.area, n)
        place = [round(lat, 5), round(lon, 5), p.zone]
        rows.append(
            [p.id, name, printable(p.area.name_zh), local, "region", seat, *place, note, "own_regions" if adm1 else "natural_earth"]
        )
    return to_csv(header, rows)


def _geojson(places: Sequence[Place]) -> str:
    features = []
    for n, p in enumerate(places, 1):
        names = {"id": p.id, "name_en": _name(p.area, n), "name_zh": printable(p.area.name_zh)}
        numbers = {"label_lon": round(p.label[0], 4), "label_lat": round(p.label[1], 4), "area_km2": round(p.km2, 1)}
        rings = [[ring.tolist() for ring in polygon] for polygon in p.area.outline]
        feature = {"type": "Feature", "properties": names | numbers, "geometry": {"type": "MultiPolygon", "coordinates": rings}}
        features.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"


def _settlements(places: Sequence[Place], towns: Sequence[Town], spots: dict[int, Spot]) -> str:
    """Towns; where those of a region have more people than the region was given, all of them are counted smaller."""
    header = ["settlement_id", "geonameid", "name_en", "aliases", "kind", "region_id", "lat", "lon"]
    total = [sum(t.people for t in towns if t.area == n) for n in range(len(places))]
    rows = []
    for n, t in enumerate(towns):
        p = places[t.area]
        share = min(1.0, p.residents / total[t.area])
        lon, lat, moved = spots[n]
        note = "moved into the simplified outline of its region" if moved else ""
        kind = "region_capital" if p.seat == n else "settlement"
        used = int(t.people * share)
        name = printable(t.name)
        named = [f"G{t.geonameid}", t.geonameid, name, printable(t.aliases), kind]
        rows.append([*named, p.id, round(lat, 5), round(lon, 5), t.people, used, t.zone, note, "geonames"])
    return to_csv([*header, "population_geonames", "population_used", "time_zone", "note", "source"], rows)


def _adjacency(places: Sequence[Place], spots: dict[int, Spot]) -> str:
    shared = geo.borders([p.area.outline for p in places])
    pairs = itertools.combinations(range(len(places)), 2) if len(places) <= PAIRS_MAX else sorted(shared)
    seats = np.array([spots[p.seat][:2] if p.seat is not None else p.label for p in places])
    middles = np.array([p.label for p in places])
    rows = []
    for a, b in pairs:
        km = shared.get((a, b), 0.0)
        apart = [round(float(geo.distance_km(points[a], points[b])), 1) for points in (seats, middles)]
        rows.append([places[a].id, places[b].id, int(km > 1), round(km, 1), *apart])
    return to_csv(["region_a", "region_b", "adjacent", "shared_border_km", "capital_distance_gc_km", "centroid_distance_gc_km"], rows)


def _values(land: Country, places: Sequence[Place]) -> str:
    header = ["region_id", "variable", "value", "unit", "reference_date", "method", "confidence", "note", "source"]
    ruled = [text("new.method", "en"), "low", "assumption, not a count", "computed"]
    rows: list[list[object]] = []
    for p in places:
        counted = [text("new.method_counted", "en"), "medium", f"{p.area.residents} in the source", p.area.counted_by]
        rows.append([p.id, "population", p.residents, "persons", "undated", *(counted if p.area.counted_by else ruled)])
    whole = ["persons", "undated", "national figure of GeoNames", "medium", "", "geonames"]
    return to_csv(header, [*rows, [land.iso2, "population", land.people, *whole]])


def _sources(adm1: Path | None, counted: Set[str]) -> str:
    from qantar.cases.world import about

    made = about()
    header = ["key", "title", "publisher", "date", "address", "address_complete", "licence", "how_obtained", "seen"]
    towns, regions = made["settlements"], made["regions"]
    rows = [
        ["geonames", "Countries and cities", "GeoNames", "", "https://www.geonames.org", "no", towns["licence"], towns["package"], "copy"],
        ["computed", "Computed by qantar new from the other sources", "(this folder)", "", "", "n/a", "CC BY 4.0", "computed", "computed"],
    ]
    for key in sorted(counted):
        title, publisher = made["residents"]["data"][key]
        rows.append([key, title, publisher, "", "", "no", made["residents"]["licence"], "figures of regions that qantar ships", "copy"])
    if adm1:
        title = printable(adm1.name)
        rows.append(["own_regions", title, "not known", "", "", "no", "not known: write it here", "own file", "copy"])
    else:
        earth = ["https://www.naturalearthdata.com", "no", regions["licence"], f"{regions['package']}, simplified", "copy"]
        rows.append(["natural_earth", "Admin-1 states and provinces, 1:10m", "Natural Earth", "", *earth])
    return to_csv(header, rows)
