"""A command that asks a cluster for histories, in a process of its own: `python -m benchmarks.cluster.driver JOB.json`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

import numpy as np

from qantar.ensemble.local import run_ensembles
from qantar.ensemble.runner import Runner, at_work
from qantar.ensemble.store import Recipe, Store
from qantar.scenario.plan import Plan


@dataclass(frozen=True)
class Job:
    """What is asked: the first `runs` histories of a recipe a seed, of the plan in a file."""

    plan: str
    seeds: tuple[int, ...]
    runs: int
    store: str
    cluster: str
    depot: str | None = None
    processes: int | None = None
    """workers that jobs of SLURM should run"""

    def recipes(self) -> list[Recipe]:
        """One a seed."""
        plan = Plan.model_validate_json(Path(self.plan).read_text(encoding="utf-8"))
        return [Recipe(plan, seed) for seed in self.seeds]

    def parts(self) -> int:
        """Parts in all."""
        return len(self.seeds) * -(-self.runs // Recipe.part)

    def there(self) -> int:
        """Parts that stand in the store."""
        return len(list(Path(self.store).glob("2-*/part-*")))

    def start(self, file: Path, before: Sequence[str] = (), log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Ask in a process of its own."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")
        words = [*before, sys.executable, "-m", "benchmarks.cluster.driver", str(file)]
        to = subprocess.DEVNULL if log is None else log
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=to, stderr=to)

    def serially(self, store: str) -> str:
        """The digest of the same, made one after the other by one process that nobody disturbs."""
        recipes = self.recipes()
        run_ensembles(recipes, self.runs, Path(store), processes=1)
        return digest(Path(store), recipes, self.runs)


def digest(root: Path, recipes: Sequence[Recipe], runs: int) -> str:
    """SHA-256 over every cell of every table, to the last bit, after it was seen that each run is there once."""
    total = sha256()
    for recipe in recipes:
        tables = Store.of(root, recipe).read(runs)
        if tables[1]["run"].tolist() != list(range(runs)):
            raise ValueError(f"runs are missing or twice in {root}")
        for table in tables:
            for name, column in table.items():
                total.update(name.encode() + (repr(column.tolist()).encode() if column.dtype == object else np.asarray(column).tobytes()))
    return total.hexdigest()


def _say(words: str | tuple[str, str]) -> None:
    sys.stdout.write((words if isinstance(words, str) else words[0]) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Ask."""
    said = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    job = Job(**{**said, "seeds": tuple(said["seeds"])})
    with at_work(Runner(Path(job.store), job.processes, note=_say), job.cluster, job.depot) as runner:
        runner.ensembles(job.recipes(), job.runs)


if __name__ == "__main__":
    main()
