"""The work by a compiled loop over everyone in every hour: the best plain one we could write.

Two numbers a resident, side by side in memory: what is left of the resistance (endless for whoever is not quiet or never joins) and how
many contacts are out. The loop subtracts and counts without a branch, so that the processor does many residents at once; who joined is
looked up only in pieces in which somebody did. Whoever is not quiet stands in a list.
"""

from __future__ import annotations

import os

import numba
import numpy as np

from benchmarks.peers.work import OUT, QUIET, RESTING, Floats, Ints, Numbers, Outcome, Singles, Small, States, Work, main

Ready = tuple[Ints, Floats, Ints, Numbers]
PIECE = 512
"""Residents of one class that are worn down in one go."""
NEVER = np.float32(np.inf)


def set_up(work: Work) -> Ready:
    """Pieces of one class each with their pressure, and the contacts."""
    cuts = [np.arange(a, b, PIECE) for a, b in zip(work.class_start[:-1], work.class_start[1:], strict=True)]
    first = np.append(np.concatenate(cuts), work.rules.residents)
    return first, np.repeat(work.pressure, [len(c) for c in cuts]), work.read("start"), work.read("contacts")


def history(work: Work, ready: Ready, seed: int) -> Outcome:
    """One history."""
    first, pressure, start, contacts = ready
    rules = work.rules
    threads = int(os.environ.get("NUMBA_NUM_THREADS", "1"))
    wear, bear = (_wear_by_threads, _bear_by_threads) if threads > 1 else (_wear, _bear)
    left, active = np.empty(rules.residents, np.float32), np.zeros(rules.residents, np.uint8)
    bear(left, first, pressure, seed)
    joining = np.empty(len(pressure), np.int64)
    who, state = np.empty(0, np.int32), np.empty(0, np.int8)
    joins = 0
    for hour in range(rules.hours):
        wear(left, active, first, pressure, rules.gain, joining)
        who, state, joined = _move(left, active, first, joining, who, state, start, contacts, rules.leave, rules.back, seed, hour)
        joins += joined
    return Outcome(joins, int((state == OUT).sum()), int((state == RESTING).sum()))


@numba.njit(cache=True)
def _uniform(seed: int, time: int, i: int) -> float:
    """A draw in [0, 1) from identity alone (splitmix64), the same on any number of threads."""
    z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(time) * np.uint64(0x2545F4914F6CDD1D)
    for x in (np.uint64(i), np.uint64(0)):
        z += x + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53


@numba.njit(cache=True)
def _resistance(seed: int, time: int, i: int) -> np.float32:
    return np.float32(-np.log1p(-_uniform(seed, time, i)))


@numba.njit(cache=True)
def _bear(left: Singles, first: Ints, pressure: Floats, seed: int) -> None:
    """First resistances."""
    for piece in range(len(pressure)):
        for i in range(first[piece], first[piece + 1]):
            left[i] = _resistance(seed, -1, i) if pressure[piece] > 0 else NEVER


@numba.njit(cache=True, parallel=True)
def _bear_by_threads(left: Singles, first: Ints, pressure: Floats, seed: int) -> None:
    for piece in numba.prange(len(pressure)):
        for i in range(first[piece], first[piece + 1]):
            left[i] = _resistance(seed, -1, i) if pressure[piece] > 0 else NEVER


@numba.njit(cache=True)
def _wear_piece(left: Singles, active: Small, pressure: float, gain: float) -> int:
    """An hour's work on residents of one class; how many join."""
    each, more, n = np.float32(pressure), np.float32(pressure * gain), np.int32(0)
    for i in range(len(left)):
        left[i] -= each + more * np.float32(active[i])
        n += np.int32(left[i] <= np.float32(0))
    return int(n)


@numba.njit(cache=True)
def _wear(left: Singles, active: Small, first: Ints, pressure: Floats, gain: float, joining: Ints) -> None:
    """An hour's work on everyone."""
    for piece in range(len(pressure)):
        a, b = first[piece], first[piece + 1]
        joining[piece] = _wear_piece(left[a:b], active[a:b], pressure[piece], gain) if pressure[piece] > 0 else 0


@numba.njit(cache=True, parallel=True)
def _wear_by_threads(left: Singles, active: Small, first: Ints, pressure: Floats, gain: float, joining: Ints) -> None:
    for piece in numba.prange(len(pressure)):
        a, b = first[piece], first[piece + 1]
        joining[piece] = _wear_piece(left[a:b], active[a:b], pressure[piece], gain) if pressure[piece] > 0 else 0


@numba.njit(cache=True)
def _move(
    left: Singles,
    active: Small,
    first: Ints,
    joining: Ints,
    who: Numbers,
    state: States,
    start: Ints,
    contacts: Numbers,
    leave: float,
    back: float,
    seed: int,
    hour: int,
) -> tuple[Numbers, States, int]:
    """Those who leave a state by their own draw, those who join, and what contacts see of them."""
    joiners, n = np.empty(joining.sum(), np.int32), 0
    for piece in np.flatnonzero(joining):
        for i in range(first[piece], first[piece + 1]):
            if left[i] <= 0:
                joiners[n] = i
                n += 1
    new_who, new_state = np.empty(len(who) + len(joiners), np.int32), np.empty(len(who) + len(joiners), np.int8)
    n = 0
    for x in range(len(who)):
        i, goes = who[x], state[x]
        u = _uniform(seed, hour, i)
        if goes == OUT and u < leave:
            goes = RESTING
            for k in range(start[i], start[i + 1]):
                active[contacts[k]] -= 1
        elif goes == RESTING and u < back:
            goes = QUIET
            left[i] = _resistance(seed + 1_000_003, hour, i)
        if goes != QUIET:
            new_who[n], new_state[n] = i, goes
            n += 1
    for i in joiners:
        left[i] = NEVER
        for k in range(start[i], start[i + 1]):
            active[contacts[k]] += 1
        new_who[n], new_state[n] = i, OUT
        n += 1
    return new_who[:n], new_state[:n], len(joiners)


if __name__ == "__main__":
    main(set_up, history, ())
