"""Makes the packaged cases that come from a table of events, with the commands that anybody's own case is made with.

    python dev/packaged.py [CASE]...

In: a folder of `dev/packaged` for each, with the table as it was published (`table.csv`), how it is read (`mapping.toml`), and what a
person writes: title, limits and licences (`about.toml`), the account (`account.md`), its verdicts (`claims.csv`) and sources
(`sources.csv`), and what forecasts are asked (`benchmark.toml`). Out: the folders of `src/qantar/cases`, and `made.csv` with the SHA-256 of
all that went in and came out. The same in gives the same out.

us-2020 and germany-2015-arvig were made while residents of all regions followed a rule; now those of their countries are counted. Made anew
they have other residents, and their frozen questions (`benchmark.toml`) need other ids, as old and new scores would be of different things.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from newcomer import call, judge
from qantar.cases.outlines import homes
from qantar.files.cells import fold

HERE = Path(__file__).with_name("packaged")
CASES = HERE.parent.parent / "src" / "qantar" / "cases"
MADE = HERE / "made.csv"
TOWN = 5_000
"""Residents from which a place of a table becomes a settlement of its own."""
BORDER_KM = 15.0
"""How far off its region a town may be put by borders that were simplified."""
NOT_SHIPPED = ("TODO.md", "imported.csv")
"""What a new case says to whoever fills it in, and what the next import of the same table needs."""
Call = Callable[..., tuple[int, str]]
Rows = list[dict[str, str]]


def names() -> list[str]:
    """Names of the cases that are made here."""
    return sorted(p.name for p in HERE.iterdir() if p.is_dir())


def make(name: str, home: Path, call: Call) -> Path:
    """Makes the folder of a case in `home`, where it must not be yet; `call` runs a command of qantar there.

    Raises
    ------
    RuntimeError
        At the first command that fails, with what it said.
    """

    def do(*words: str) -> None:
        code, said = call(*words)
        if code:
            raise RuntimeError(f"qantar {' '.join(words)}: {said}")

    given, made, ledger = HERE / name, home / name, home / "ledger"
    here = f"./{name}"  # the folder, not what is packaged already
    about = tomllib.loads((given / "about.toml").read_text(encoding="utf-8"))
    days = ("--first-day", about["first_day"], "--last-day", about["last_day"])
    do("new", "draft", "--country", about["country"], *days, "--out", name)  # the name of a packaged case is taken
    head(made / "case.toml", name, about)
    write(home / f"{name}.csv", placed(made, prepared(read(given / "table.csv"))))
    do("import", f"{name}.csv", "--mapping", str(given / "mapping.toml"), "--into", here)
    do("account", "new", str(given / "account.md"), "--case", here, "--out", ledger.name)
    judge(ledger / "claims.csv", given / "claims.csv")
    account(ledger / "account.toml", name, about["account"])
    for file in ("account.toml", "claims.csv"):
        shutil.move(ledger / file, made / file)
    shutil.rmtree(ledger)
    for file in ("account.md", "benchmark.toml"):
        shutil.copyfile(given / file, made / file)
    shutil.copyfile(given / "sources.csv", made / "account_sources.csv")
    do("account", "keep", here)
    for file in NOT_SHIPPED:
        (made / file).unlink()
    do("check", here, "--document", f"{here}/account.md")
    return made


# --- the table ------------------------------------------------------------------------------------------------------------


def prepared(rows: Rows) -> Rows:
    """The rows of a table with a number each, places without the state that is repeated in them, and sizes of crowds that are one figure.

    Where a day has several events of one place, the table writes their sizes one after the other ("2000.0200.0"), and nobody can tell
    where one ends: of such rows no size is taken, nor where some events have none.
    """
    found = []
    for number, row in enumerate(rows, 1):
        kept = {"No": str(number), **row}
        if "city" in kept:
            kept["city"] = kept["city"].removesuffix(f", {kept['state']}")
        if "size_sum" in kept:
            size, one = kept.pop("size_sum"), kept["events"] == kept["n_sized"] == "1"
            kept["size"] = size.partition(".")[0] if one else ""  # means of two figures have fractions
        found.append(kept)
    return found


def placed(case: Path, rows: Rows) -> Rows:
    """The rows of a table without coordinates that lie in another region than the one that is named: mistaken, or off a simplified border.

    The settlements of the case are completed from the table. A town that a simplified border put into the next region goes to the one that
    the table names. A town of 5,000 or more that is missing is added, if it lies inside its region: a new case has the largest of a country
    only.
    """
    if not rows or "lat" not in rows[0]:
        return rows
    towns, found = Towns(case), []
    place, region = ("city", "state") if "city" in rows[0] else ("place", "region")
    ids, outlines = shapes(case)
    spots = np.array([[float(r["lon"] or 0), float(r["lat"] or 0)] for r in rows])
    for row, spot, home, off in zip(rows, spots, *homes(outlines, spots), strict=True):
        code = towns.codes.get(fold(row[region]), "")
        astray = bool(code and row["lat"]) and ids[home] != code
        found.append(row | ({"lat": "", "lon": ""} if astray else {}))
        if not (code and row["lat"]) or towns.find(code, row[place]):
            continue
        if astray and homes([outlines[ids.index(code)]], spot[None])[1][0] <= BORDER_KM:
            towns.move(towns.find(ids[home], row[place]), code)
        elif not astray and off == 0 and int(row["population"] or 0) >= TOWN:
            towns.add(f"T{row['No']}", row[place], code, row)
    write(case / "settlements.csv", towns.rows)
    return found


class Towns:
    """The settlements of a case. No region gets more people by those that come to it: the last count as far as there are any left."""

    def __init__(self, case: Path) -> None:
        self.rows, regions = read(case / "settlements.csv"), read(case / "regions.csv")
        self.codes = {fold(word): r["region_id"] for r in regions for word in (r["region_id"].partition("-")[2], *words_of(r))}
        self._zones = {r["region_id"]: r["time_zone"] for r in regions}
        self._left = {v["region_id"]: int(v["value"]) for v in read(case / "region_values.csv") if v["variable"] == "population"}
        self._named: dict[tuple[str, str], dict[str, str]] = {}
        for town in self.rows:
            self._left[town["region_id"]] -= int(town["population_used"])
            for word in words_of(town):
                self._named.setdefault((town["region_id"], fold(word)), town)

    def find(self, region: str, name: str) -> dict[str, str] | None:
        """The settlement of a region that is called so."""
        return self._named.get((region, fold(name)))

    def move(self, town: dict[str, str] | None, region: str) -> None:
        """Counts a town with another region, unless it is the seat of its own."""
        if town is None or town["kind"] == "region_capital":
            return
        self._left[town["region_id"]] += int(town["population_used"])
        town |= {"region_id": region, "note": "off a simplified border: in the region that the table names"}
        self._settle(town)

    def add(self, key: str, name: str, region: str, row: dict[str, str]) -> None:
        """Adds a town of the table."""
        town = dict.fromkeys(self.rows[0], "") | {"settlement_id": key, "name_en": name, "kind": "settlement", "region_id": region}
        town |= {"lat": row["lat"], "lon": row["lon"], "population_geonames": row["population"], "time_zone": self._zones[region]}
        self.rows.append(town | {"note": "place and people from the table", "source": "geonames"})
        self._settle(self.rows[-1])

    def _settle(self, town: dict[str, str]) -> None:
        people = min(int(town["population_geonames"]), self._left[town["region_id"]])
        self._left[town["region_id"]] -= people
        town["population_used"] = str(people)
        for word in words_of(town):
            self._named.setdefault((town["region_id"], fold(word)), town)


def words_of(row: dict[str, str]) -> list[str]:
    """Names of a region or town."""
    return [row["name_en"], *filter(None, row["aliases"].split(";"))]


def shapes(case: Path) -> tuple[list[str], list[Any]]:
    """Ids and outlines of the regions of a case."""
    features = json.loads((case / "regions.geojson").read_text(encoding="utf-8"))["features"]
    outlines = [[[np.array(ring) for ring in polygon] for polygon in f["geometry"]["coordinates"]] for f in features]
    return [f["properties"]["id"] for f in features], outlines


# --- what a person writes -------------------------------------------------------------------------------------------------


def head(file: Path, name: str, about: dict[str, Any]) -> None:
    """Writes name, titles, limits and licences into the `case.toml` of a new case."""
    told = file.read_text(encoding="utf-8").split("\n", 2)[2]  # the first line speaks of TODO.md
    for key, value in {"id": name, **{k: about[k] for k in ("title_en", "title_zh", "limits_en", "limits_zh")}}.items():
        told = replaced(told, key, value)
    more = "".join("\n[[attributions]]\n" + "".join(f"{k} = {quoted(v)}\n" for k, v in block.items()) for block in about["attributions"])
    said = f"# {about['title_en']}. Made by dev/packaged.py; docs/data-sheets.md says from what."
    file.write_text(f"{said}\n\n{told.rstrip()}\n{more}", encoding="utf-8")


def account(file: Path, name: str, about: dict[str, Any]) -> None:
    """Writes names, and headings in Chinese, into the `account.toml` of a new ledger."""
    told = file.read_text(encoding="utf-8").split("\n", 2)[2]  # the first lines speak of a workbook
    named = {"id": name, "case": name, "title_en": about["title_en"], "title_zh": about["title_zh"]}
    for key, value in {**named, "sources": "account_sources.csv"}.items():
        told = replaced(told, key, value)
    told = told.replace("\n[document]", "".join(f"{key} = {quoted(about[key])}\n" for key in ("about_en", "about_zh")) + "\n[document]", 1)
    before, *sections = told.split("[[sections]]")
    sections = [replaced(section, "name_zh", words) for section, words in zip(sections, about["sections_zh"], strict=True)]
    first = "# The ledger of account.md. Made by dev/packaged.py; docs/data-sheets.md says from what.\n"
    file.write_text(first + "[[sections]]".join([before, *sections]), encoding="utf-8")


def replaced(told: str, key: str, value: str) -> str:
    """TOML with another string for the first such key."""
    found, times = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {quoted(value)}", told, count=1)
    if not times:
        raise ValueError(f"no key {key}")
    return found


def quoted(words: str) -> str:
    """A string of TOML."""
    return json.dumps(words, ensure_ascii=False)


# --- files ----------------------------------------------------------------------------------------------------------------


def read(file: Path) -> Rows:
    """A table."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write(file: Path, rows: Rows) -> None:
    """A table, with the columns of its first row."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sums(name: str, case: Path) -> Rows:
    """SHA-256 of what went into a case and of the case: rows of `made.csv`."""
    folders = (("in", HERE / name), ("out", case))
    return [
        {"case": name, "side": side, "file": p.name, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()}
        for side, folder in folders
        for p in sorted(folder.iterdir())
    ]


def main(asked: Iterable[str]) -> None:
    """Make the cases asked for, or all, and write down their sums."""
    asked = list(asked) or names()
    rows = [row for row in read(MADE) if row["case"] not in asked] if MADE.exists() else []
    for name in asked:
        with tempfile.TemporaryDirectory() as place:
            made = make(name, Path(place), partial(call, cwd=Path(place)))
            shutil.rmtree(CASES / name, ignore_errors=True)
            shutil.copytree(made, CASES / name)
        rows += sums(name, CASES / name)
        print(name, f"{sum(p.stat().st_size for p in (CASES / name).iterdir()) / 1e3:.0f} kB", flush=True)
    write(MADE, sorted(rows, key=lambda r: (r["case"], r["side"], r["file"])))


if __name__ == "__main__":
    main(sys.argv[1:])
