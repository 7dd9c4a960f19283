"""Makes dev/residents.csv: residents of first-level regions that somebody counted, for the countries of which open tables have them.

    python dev/residents.py FOLDER [--measure]

In: a folder with five tables under CC BY 4.0. Of the COVID-19 Open Data (github GoogleCloudPlatform/covid-19-open-data, src/data):
`metadata.csv` and `knowledge_graph.csv` (names and Wikidata items of regions), `census.csv` (figures of national offices of statistics) and
`worldpop_stratified.csv` (WorldPop's estimates of 2020, on censuses); of Johns Hopkins University (github CSSEGISandData/COVID-19,
csse_covid_19_data): `UID_ISO_FIPS_LookUp_Table.csv` (figures of national offices for some countries); and the regions of Natural Earth as
`admin1.json` of dev/geodata.py, for their Wikidata items. Out: the figures, and with `--measure` how far the rule by which `qantar new`
shares out residents elsewhere (`qantar.cases.new.residents`), and others, are from them.

A country is taken from the first of census, Johns Hopkins and WorldPop that has regions where four fifths of its people live by the rule;
of WorldPop only where the regions have at most a tenth more than the country's figure: a city within another region is counted twice there.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qantar.cases import outlines as geo
from qantar.cases import world
from qantar.cases.new import residents
from qantar.files.cells import fold
from qantar.importing.places import bare

OUT = Path(__file__).with_name("residents.csv")
COVERED, ABOVE = 0.8, 1.1
SOURCES = ("census", "johns_hopkins", "worldpop")
Figures = dict[int, int]
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    """Read, match, write, and measure if asked."""
    folder = Path(sys.argv[1])
    tables = read(folder)
    rows: list[tuple[str, int, str]] = []
    known: dict[str, Figures] = {}
    for code in world.countries():
        land = world.country(code)
        shares = residents(land.people, [a.people for a in land.areas], [geo.area(a.outline) for a in land.areas])
        for source in SOURCES:
            found = match(land, tables[source].get(code, {}), tables["items"][code])
            covered = sum(shares[n] for n in found) / max(1, land.people)
            if len(found) > 2 and covered >= COVERED and (source != "worldpop" or sum(found.values()) <= ABOVE * land.people):
                rows += [(land.areas[n].id, people, source) for n, people in sorted(found.items())]
                known[code] = found
                break
    ids = [i for i, _, _ in rows]
    rows = [row for row in rows if ids.count(row[0]) == 1]
    with OUT.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("region", "residents", "source"), *rows])
    print(f"{len(rows)} regions of {len(known)} countries: {', '.join(sorted(known))}")
    if "--measure" in sys.argv:
        measure(known)


def read(folder: Path) -> dict[str, dict[str, dict]]:
    """Figures by source and country, by code or name of the region; and the Wikidata items of codes and of Natural Earth's regions."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    named = {r["key"]: r["subregion1_name"] for r in rows("metadata.csv") if r["subregion1_code"] and not r["subregion2_code"]}
    item = {r["key"]: r["wikidata"] for r in rows("knowledge_graph.csv")}
    found: dict[str, dict[str, dict]] = {name: defaultdict(dict) for name in (*SOURCES, "items")}
    for source, name, column in (("census", "census.csv", "population"), ("worldpop", "worldpop_stratified.csv", "all")):
        for r in rows(name):
            if r["key"].count("_") == 1 and r[column]:
                land = r["key"][:2]
                found[source][land][(r["key"].replace("_", "-"), item.get(r["key"], ""), named.get(r["key"], ""))] = int(float(r[column]))
    for r in rows("UID_ISO_FIPS_LookUp_Table.csv"):
        if r["Province_State"] and not r["Admin2"] and r["Population"]:
            found["johns_hopkins"][r["iso2"]][("", "", r["Province_State"])] = int(float(r["Population"]))
    for f in json.loads((folder / "admin1.json").read_text(encoding="utf-8"))["features"]:
        names = f["properties"]
        if names.get("wikidataid"):
            found["items"][names["iso_3166_2"][:2]][names["wikidataid"]] = names["iso_3166_2"]
    return found


def match(land: world.Country, figures: dict[tuple[str, str, str], int], items: dict[str, str]) -> Figures:
    """Figures by the number of the region: by code, else by Wikidata item, else by a name that one region has."""
    codes = {a.id: n for n, a in enumerate(land.areas)}
    names: dict[str, set[int]] = defaultdict(set)
    for n, area in enumerate(land.areas):
        for name in filter(None, (area.name, area.local)):
            names[bare(fold(name))].add(n)
    found: Figures = {}
    for (code, item, name), people in figures.items():
        n = codes.get(code, codes.get(items.get(item, "")))
        if n is None and len(one := names.get(bare(fold(name)), set())) == 1:
            (n,) = one
        if n is not None and n not in found and people > 0:
            found[n] = people
    return found


def measure(known: dict[str, Figures]) -> None:
    """How far rules are from the figures, as a factor: one half of the countries to choose on, the other to test."""
    rules: dict[str, Rule] = {
        "as it is": lambda k, s: np.sqrt(k * s),
        "known people": lambda k, s: k,
        "known^0.7 area^0.3": lambda k, s: k**0.7 * s**0.3,
        "known, dense less (30)": lambda k, s: k / (1 + k / s / 30),
        "known, dense less (100)": lambda k, s: k / (1 + k / s / 100),
        "known, dense less (300)": lambda k, s: k / (1 + k / s / 300),
    }
    halves = sorted(known)[::2], sorted(known)[1::2]
    print("factor between shares: median, 75, 90, 95 %, worst, rms of logs | the same of the other half")
    for name, rule in rules.items():
        print(f"{name:26}", " | ".join(told([off(code, known[code], rule) for code in half]) for half in halves))


def off(code: str, figures: Figures, rule: Rule) -> np.ndarray:
    """Logs of the ratios between shares by a rule and by the figures."""
    land = world.country(code)
    people, size = np.array([a.people for a in land.areas], float), np.array([geo.area(a.outline) for a in land.areas])
    at = [n for n in sorted(figures) if people[n] > 0]
    rest, mixed = max(0.0, land.people - people.sum()), rule(np.maximum(people, 1.0), size)
    shared = people * min(1.0, land.people / people.sum()) + rest * mixed / mixed[people > 0].sum()
    ours, theirs = shared[at], np.array([figures[n] for n in at], float)
    return np.log(ours / ours.sum() / (theirs / theirs.sum()))


def told(found: list[np.ndarray]) -> str:
    """Quantiles as factors."""
    logs = np.abs(np.concatenate(found))
    return " ".join(f"{np.exp(np.quantile(logs, q)):.2f}" for q in (0.5, 0.75, 0.9, 0.95, 1)) + f" {np.sqrt((logs**2).mean()):.3f}"


if __name__ == "__main__":
    main()
