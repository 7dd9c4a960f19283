"""`python -m benchmarks [--only NAME] [--json]`: measures the rows of the bench and prints each with its bar.

`python -m benchmarks claims [FOLDER]` measures the finder of candidate claims instead, `python -m benchmarks peers` the event engine
beside other programs, `python -m benchmarks civil` the classic model of civil violence beside plain C and Mesa, `python -m benchmarks page`
what a visitor of the local page waits for.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.bench import ROWS, Row, bench, chosen
from qantar.ensemble.warm import compiled
from qantar.errors import QantarError

SAID = {"joins": "joins", "contact_updates": "contact updates", "ns_per_update": "ns for each", "peak_mb": "MB at most"}


def line(row: Row) -> str:
    """A row for people: value, unit, bar, whether all that is asked of it holds, and what it did.

    >>> line({"name": "cold_start", "value": 0.1, "unit": "s", "bar": 0.5, "holds": True})
    'cold_start               0.1 s (bar 0.5): holds'
    """
    value = "unknown" if row["value"] is None else f"{row['value']:.3g} {row['unit']}"
    did = ", ".join(f"{row[key]:,.0f} {words}" for key, words in SAID.items() if row.get(key) is not None)
    return f"{row['name']:<20} {value:>9} (bar {row['bar']:g}): {'holds' if row['holds'] else 'MISSED'}{'; ' + did if did else ''}"


def main() -> int:
    """Measure what is asked for."""
    if sys.argv[1:2] == ["claims"]:
        from benchmarks.claims.measure import main as measure_claims

        return measure_claims(sys.argv[2:])
    if sys.argv[1:2] == ["peers"]:
        from benchmarks.peers.compare import main as compare_peers

        return compare_peers(sys.argv[2:])
    if sys.argv[1:2] == ["civil"]:
        from benchmarks.civil.measure import main as measure_civil

        return measure_civil(sys.argv[2:])
    if sys.argv[1:2] == ["page"]:
        from benchmarks.page import main as measure_page

        return measure_page(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What a history costs here; `claims` first measures the finder, `peers` other programs, `civil` a classic model, "
        "`page` the local page.",
    )
    parser.add_argument("--only", action="append", metavar="NAME", default=[], help="a row, repeatable: " + ", ".join(ROWS))
    parser.add_argument("--json", action="store_true", help="rows for machines")
    asked = parser.parse_args()
    try:
        names = chosen(asked.only)
    except QantarError as error:
        sys.stderr.write("\n".join(p.render("en") for p in error.problems) + "\n")
        return 2
    if any(ROWS[name].engine for name in names) and not compiled():
        sys.stderr.write("compiling the engines, once ...\n")
        compiled(now=True)
    rows = bench(names, lambda name: print(f"{name} ...", file=sys.stderr, flush=True))
    print(json.dumps(rows, indent=1) if asked.json else "\n".join(map(line, rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
