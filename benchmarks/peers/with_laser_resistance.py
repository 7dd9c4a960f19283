"""The work by LASER with resistances instead of a draw for everyone in each tick."""

from __future__ import annotations

from functools import partial

from benchmarks.peers.with_laser import history, set_up
from benchmarks.peers.work import main

if __name__ == "__main__":
    main(set_up, partial(history, resistances=True), ("laser-core",))
