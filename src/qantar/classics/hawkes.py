"""A self-exciting process: every event sets off others (Hawkes 1971, Biometrika 58; as clusters Hawkes and Oakes 1974, J. Appl. Prob. 11).

    rate(t)         mu + n sum over earlier events of beta exp(-beta (t - t_i))
    n               branching ratio: events that one event sets off itself, in the mean
    mean rate       mu / (1 - n)

Events are made as clusters: some come by themselves, each sets off Poisson(n) more after delays of mean 1 / beta. The ratio is found again
by maximum likelihood, by steps of expectation and maximization (Veen and Schoenberg 2008, J. Am. Stat. Assoc. 103): with p_ij the chance
that j set off i, n is the sum of all p_ij by the events that could be seen to set off one.

What is taken: the process begins with nothing at time 0. That loses some events at the start, few of many.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.study_keys import StudyKey, word

Floats: TypeAlias = NDArray[np.float64]
ROUNDS = 200


class Process(NamedTuple):
    """A process; times in one unit, any."""

    mu: float
    n: float
    beta: float


def events(process: Process, until: float, seed: int) -> Floats:
    """Times of events, in order.

    >>> len(events(Process(1.0, 0.0, 1.0), 1000.0, 1)) in range(900, 1100)
    True
    """
    draw = np.random.default_rng(word(seed, StudyKey.CLASSIC_EVENTS, 0))
    generation = draw.uniform(0, until, draw.poisson(process.mu * until))
    found = [generation]
    while len(generation):
        parents = np.repeat(generation, draw.poisson(process.n, len(generation)))
        generation = parents + draw.exponential(1 / process.beta, len(parents))
        generation = generation[generation < until]
        found.append(generation)
    return np.sort(np.concatenate(found))


@leaf
def _sums(times: Floats, mu: float, n: float, beta: float) -> tuple[float, float, float]:
    """Sums over events of: chance that it came by itself, chance that another set it off, the delay since then."""
    alone, set_off, delay = 0.0, 0.0, 0.0
    near, late = 0.0, 0.0  # sums over earlier events of exp(-beta age), and of age times that
    for i in range(len(times)):
        if i > 0:
            gap = times[i] - times[i - 1]
            shrink = np.exp(-beta * gap)
            late = shrink * (late + gap * (near + 1))
            near = shrink * (near + 1)
        rate = mu + n * beta * near
        alone += mu / rate
        set_off += n * beta * near / rate
        delay += n * beta * late / rate
    return alone, set_off, delay


def recovered(times: Floats, until: float) -> Process:
    """The process that makes these events likeliest."""
    mu, n, beta = len(times) / until / 2, 0.5, len(times) / until
    for _ in range(ROUNDS):
        alone, set_off, delay = _sums(times, mu, n, beta)
        could = len(times) - np.exp(-beta * (until - times)).sum()
        mu, n, beta = alone / until, set_off / could, set_off / max(delay, 1e-12)
    return Process(float(mu), float(n), float(beta))
