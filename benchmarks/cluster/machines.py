"""A scheduler of dask and workers, each a process of its own, started here and ended here by number."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

QUIET = {"DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s", "DASK_LOGGING__DISTRIBUTED": "error"}
COUNTED = "QANTAR_COUNTED"
"""Names a file in which workers note every history that they simulate."""
SLOWED = "QANTAR_SLOWED"
"""Seconds that each history takes longer, if any."""
COUNTING = Path(__file__).parent / "counting.py"
HOME = str(Path(__file__).parents[2])
"""What workers must find: they run in another folder, and `benchmarks` is in no environment."""


def python_path() -> str:
    """Where a worker looks for modules: here, then where this process does."""
    return os.pathsep.join([HOME, *filter(None, [os.environ.get("PYTHONPATH")])])


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(columns), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


class Machines:
    """Processes of a cluster in a folder.

    Parameters
    ----------
    folder : of their logs and of the file that says where the scheduler is
    before : words before each command, such as `ip netns exec NAME`
    counted : where every history that is simulated is noted, if anywhere
    """

    def __init__(self, folder: Path, before: Sequence[str] = (), counted: Path | None = None) -> None:
        self.folder, self.before, self.counted = folder, list(before), counted
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._port, self._log = 0, (folder / "machines.log").open("ab")

    @property
    def file(self) -> Path:
        """Where the scheduler says its address."""
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        """Of the scheduler, once it runs."""
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self, *words: str) -> None:
        """Start the scheduler, at the same port as before if there was one."""
        self.file.unlink(missing_ok=True)
        at = ["--port", str(self._port), "--scheduler-file", str(self.file), "--no-dashboard", *words]  # of two ports the last one counts
        self.scheduler = self._start("distributed.cli.dask_scheduler", at)
        while not (self.file.exists() and self.file.read_text().rstrip().endswith("}")):  # it is seen while it is written
            time.sleep(0.02)
        self._port = int(self.address.rpartition(":")[2])

    def start_worker(
        self, address: str | None = None, before: Sequence[str] | None = None, environment: Mapping[str, str] | None = None, *more: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        words = [address or self.address, *more, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder)]
        if self.counted:
            words += ["--preload", str(COUNTING)]
        worker = self._start("distributed.cli.dask_worker", words, before, environment)
        self.workers.append(worker)
        return worker

    def _start(
        self, module: str, words: Sequence[str], before: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        home = {
            **os.environ,
            **QUIET,
            "PYTHONPATH": python_path(),
            **({COUNTED: str(self.counted)} if self.counted else {}),
            **(environment or {}),
        }
        command = [*(self.before if before is None else before), sys.executable, "-m", module, *words]
        quiet: dict[str, int | IO[bytes]] = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": self._log}
        return subprocess.Popen(command, env=home, cwd=self.folder, **quiet)  # type: ignore[call-overload,no-any-return]

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._log.close()
