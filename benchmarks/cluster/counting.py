"""What a worker loads before it works (`dask worker --preload`): every history that it simulates is noted in a file, as it is begun."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.cluster.machines import COUNTED, SLOWED
from qantar.ensemble import local
from qantar.ensemble.store import Recipe


def dask_setup(worker: object) -> None:
    """Called by dask when the worker starts."""
    real, place = vars(local)["one_run"], os.environ[COUNTED]

    def counted(recipe: Recipe, run: int, given: Sequence[Any] = (), *more: Any) -> Any:
        handle = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{recipe.seed} {run}\n".encode())
        os.close(handle)
        time.sleep(float(os.environ.get(SLOWED, 0)))
        return real(recipe, run, given, *more)

    vars(local)["one_run"] = counted
