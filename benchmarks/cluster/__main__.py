"""`python -m benchmarks.cluster kills|slow|slurm|pace`: what is shown of many machines, on one (docs/how-to/scale.md)."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

EVIDENCE = Path(__file__).parents[2] / "evidence" / "cluster"


def main() -> int:
    """Do what is asked for; 1 if anything was not the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("what", choices=("kills", "slow", "slurm", "pace"))
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=0.5, help="seconds from the first part after a kill to the next kill, in the mean")
    parser.add_argument("--runs", type=int, default=120, help="histories of each of three recipes")
    parser.add_argument("--depot", action="store_true", help="histories also go to an object store")
    parser.add_argument("--out", type=Path, default=EVIDENCE)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qantar-cluster-") as folder:
        if asked.what == "kills":
            from benchmarks.cluster.kills import rounds

            out = asked.out / ("kills-depot.csv" if asked.depot else "kills.csv")
            done = rounds(Path(folder), asked.seed, asked.kills, asked.every, asked.runs, out, asked.depot)
            for r in done:
                sys.stdout.write(f"{r}\n")
            return 0 if all(r.same for r in done) else 1
        if asked.what == "slow":
            from benchmarks.cluster.slow import shown

            return 0 if shown(Path(folder), asked.seed, asked.runs, asked.out / "slow.csv") else 1
        if asked.what == "slurm":
            from benchmarks.cluster import slurm

            if lacking := slurm.lacking():
                sys.stdout.write(f"SLURM is not installed here ({', '.join(lacking)}), so nothing is shown.\n")
                return 0
            return 0 if slurm.shown(Path(folder), asked.seed, asked.runs, asked.out / "slurm.csv") else 1
        from benchmarks.cluster.pace import measured

        measured(Path(folder), asked.out)
        return 0


if __name__ == "__main__":
    sys.exit(main())
