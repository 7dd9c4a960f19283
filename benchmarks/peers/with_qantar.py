"""The work by qantar's event engine, without mechanisms: ties are computed when somebody moves, nothing is read from the arrays."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.country import nation, share
from benchmarks.peers.work import Outcome, Work, main
from qantar.engine.event import EventEngine
from qantar.model.contract import Rates, no_rates
from qantar.model.rules import FACTOR, PROTESTING, QUIET, WITHDRAWN, Law
from qantar.population.blocks import Blocks
from qantar.population.ties import Ties

Ready = tuple[Blocks, Ties, Rates]


def set_up(work: Work) -> Ready:
    """Layout, ties and the rates of every hour."""
    blocks, ties = nation(work.rules.residents)
    nothing = no_rates(blocks.n_places, blocks.n_sectors, blocks.n_classes)
    leave = nothing.leave.copy()
    leave[PROTESTING, :, WITHDRAWN] = work.rules.leave
    leave[WITHDRAWN, :, QUIET] = work.rules.back
    return blocks, ties, nothing._replace(a=np.full(blocks.n_places, work.base), g=share(blocks), leave=leave)


def history(work: Work, ready: Ready, seed: int) -> Outcome:
    """One history."""
    blocks, ties, rates = ready
    out = np.arange(ties.degree_max + 1)
    factors = np.rint(FACTOR * (1 + work.rules.gain * (out[:, None] + out))).astype(np.int64)[:, :, None]
    engine = EventEngine(blocks, ties, Law(seed, 0.0, 1.0, factors, 1.0))
    joins = 0
    for _ in range(work.rules.hours):
        joins += int(engine.step(rates).joined.sum())
    n = engine.counts.n.sum(axis=(1, 2))
    return Outcome(joins, int(n[PROTESTING]), int(n[WITHDRAWN]))


if __name__ == "__main__":
    main(set_up, history, ("qantar",))
