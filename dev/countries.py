"""Makes a case of every country that `qantar new` knows, checks it, draws its map; and runs those that are named.

    python dev/countries.py FOLDER             all of them, checked and drawn
    python dev/countries.py FOLDER FJ SG RU    these, and one short history each

Prints one line a country and, last, how many were right. A country whose folder is there is not made again.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

from qantar.cases.case import load_case
from qantar.cases.new import new_case
from qantar.cases.starter import first_scale
from qantar.cases.world import countries
from qantar.ensemble.one_run import one_run
from qantar.ensemble.store import Recipe
from qantar.errors import Problems
from qantar.lookup.check import check
from qantar.report.map import Sheet, draw
from qantar.scenario.scenario import load_scenario, resolve

DAYS = (dt.date(2029, 3, 1), dt.date(2029, 3, 7))


def main() -> None:
    """Go through the countries; exit status 1 if one of them has a fault."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    began, wrong = time.monotonic(), 0
    for code in wanted or countries():
        try:
            print(code, _one(folder / f"c-{code.lower()}", code, run=bool(wanted)), flush=True)
        except Exception as fault:
            wrong += 1
            print(code, "WRONG", type(fault).__name__, str(fault)[:600], flush=True)
    n = len(wanted or countries())
    print(f"{n - wrong} of {n} right, {time.monotonic() - began:.0f} s")
    sys.exit(bool(wrong))


def _one(place: Path, code: str, *, run: bool) -> str:
    start = time.process_time()
    facts = {} if place.exists() else new_case(place.name, code, place, days=DAYS, adm1=None, lang="en").facts
    made, start = time.process_time() - start, time.process_time()
    problems = Problems()
    check(str(place), problems)
    assert not problems.found, [p.render() for p in problems.found[:5]]
    case = load_case(str(place))
    sheet = draw(case)
    fault = _fault_of(sheet)
    assert not fault, fault
    seconds = f"{made:.1f} s made, {time.process_time() - start:.1f} s checked and drawn, sheet {sheet.width}x{sheet.height}"
    said = f"{facts.get('regions', '')} regions {facts.get('settlements', '')} settlements {seconds}"
    return f"{said}, {_run(place)}" if run else said


def _fault_of(sheet: Sheet) -> str:
    """What is wrong with a map: an empty region, or a country so thin that it must span the globe."""
    empty = [s.id for s in sheet.regions if not s.path]
    if len(empty) > len(sheet.regions) / 3:
        return f"no outline: {', '.join(empty)}"
    outside = [s.id for s in sheet.regions if not (0 <= s.x <= sheet.width and 0 <= s.y <= sheet.height)]
    if outside:
        return f"labels off the sheet: {', '.join(outside)}"
    return "" if 30 <= sheet.height <= 20_000 else f"height {sheet.height}"


def _run(place: Path) -> str:
    """One history at a small scale, with parameters drawn from their priors."""
    scenario, start = load_scenario(str(place)), time.process_time()
    people = sum(v.value for v in scenario.case.record.region_values if v.region_id != scenario.case.head.country)
    plan = resolve(scenario, scale=first_scale(int(people)))
    _, whole = one_run(Recipe(plan, 1, "event", "prior", 1), 0)
    return f"ran at {plan.scale:g} in {time.process_time() - start:.1f} s: {whole['sha256'][:12]}"


if __name__ == "__main__":
    main()
