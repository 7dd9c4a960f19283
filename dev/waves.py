"""Makes a case of each data set of other waves at hand, imports it, checks it and draws it: the path of an own case, on real files.

    python dev/waves.py FOLDER_OF_DATA FOLDER_OF_CASES

Prints what became of the rows of each; a data set that has no days or no places must be refused with the reason.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from newcomer import call

TABLES = Path(__file__).resolve().parent.parent / "tests" / "importing" / "tables"
WAVES = (
    ("usa-spring-2020", "USA", "2020-05-26", "2020-06-30", "us-2020/city_day.csv", "us-2020"),
    ("france-spring-2023", "FRA", "2023-04-18", "2023-06-29", "france-2023/dept_day.csv", "france-2023"),
    ("germany-2015", "DEU", "2015-01-01", "2016-11-30", "germany-2015-arvig/place_day.csv", "germany-2015"),
    ("kyrgyzstan-2010", "KGZ", "2010-03-01", "2010-06-30", "mass-mobilization/central_asia_1990_2020.csv", "mass-mobilization"),
    ("ukraine-2013", "UKR", "2013-11-21", "2014-03-08", "mass-mobilization/twelve_waves_national.csv", "mass-mobilization"),
    ("belarus-2020", "BLR", "2020-08-09", "2021-03-25", "uprisings/uprisings.csv", "uprisings"),
    ("navco", "AFG", "1978-01-01", "1979-12-31", "navco-1.2/navco12.csv", ""),
)
"""Case, country, first and last day, table, mapping; without one the table is refused for want of days."""


def main() -> None:
    """Go through the waves; exit status 1 if one of them has a fault."""
    data, cases = map(Path, sys.argv[1:])
    cases.mkdir(parents=True, exist_ok=True)
    wrong = [name for name, *how in WAVES if not _one(data, cases / name, *how)]
    print(f"{len(WAVES) - len(wrong)} of {len(WAVES)} right", *wrong)
    sys.exit(bool(wrong))


def _one(data: Path, case: Path, country: str, first: str, last: str, table: str, mapping: str) -> bool:
    began = time.monotonic()
    days = ("--first-day", first, "--last-day", last)
    made = call("new", case.name, "--country", country, "--out", str(case), *days) if not case.exists() else (0, "")
    if not mapping:
        code, told = call("import", str(data / table), "--into", str(case))
        print(f"== {case.name}: refused\n{told}")
        return made[0] == 0 and code == 2
    steps = [
        ("import", str(data / table), "--mapping", str(TABLES / f"{mapping}.toml"), "--into", str(case)),
        ("check", str(case)),
        ("study", str(case), "--out", str(case.with_name(f"{case.name}-page"))),
    ]
    done = [made, *(call(*words) for words in steps)]
    print(f"== {case.name}: {time.monotonic() - began:.0f} s")
    print(*(told for _, told in done[1:3]), sep="\n", flush=True)
    if any(code for code, _ in done):
        print(*(f"{code}: {told[-1500:]}" for code, told in done), sep="\n")
    return not any(code for code, _ in done)


if __name__ == "__main__":
    main()
