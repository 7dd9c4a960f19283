"""Who leaves a state in a step: killed and detained by quota, the rest by their own draw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import jit
from qantar.draws import to_unit, word
from qantar.model.contract import Ints, Rates
from qantar.model.rules import N_STATES, QUOTAS, exit_keys, following, lot_keys

_QUOTAS = np.array(QUOTAS)


@jit
def exits_of(busy: Any, place: NDArray[np.int32], rates: Rates, seed: int, step: int) -> tuple[Ints, Ints, Ints]:
    """Moves of those who are not quiet: by quota first, the rest by their own draw. Whose, new states, moves by quota.

    `place` is that of each class.
    """
    new = np.full(len(busy), -1, np.int32)
    moved = _by_quota(busy, place, rates.quota, new, seed, step)
    leave = rates.leave
    total = np.zeros(leave.shape[:2])
    for new_state in range(N_STATES):  # in the order in which `following` adds them up
        total += leave[:, :, new_state]
    k1, k2 = exit_keys(step, seed)
    n = 0
    who, states = np.empty(len(busy), np.int64), np.empty(len(busy), np.int64)
    for x in range(len(busy)):
        b = busy[x]
        old, goes = b.state, new[x]
        if goes < 0:
            u, p = to_unit(word(b.who, k1, k2)), place[b.class_]
            if u >= total[old, p]:
                continue
            goes = following(u, old, leave[old, p])
        if goes != old:
            who[n], states[n] = x, goes
            n += 1
    return who[:n], states[:n], moved


@jit
def _by_quota(busy: Any, place: NDArray[np.int32], quota: Ints, new: NDArray[np.int32], seed: int, step: int) -> Ints:
    """In each place, those of a quota's state with the smallest lots move, as many as the quota says."""
    n_places = quota.shape[1]
    moved = np.zeros(quota.shape, np.int64)
    if not quota.any():
        return moved
    start = np.zeros(N_STATES * n_places + 1, np.int64)  # residents in order of state and place
    for x in range(len(busy)):
        start[busy[x].state * n_places + place[busy[x].class_] + 1] += 1
    start = np.cumsum(start)
    filled, order = start.copy(), np.empty(len(busy), np.int64)
    for x in range(len(busy)):
        group = busy[x].state * n_places + place[busy[x].class_]
        order[filled[group]] = x
        filled[group] += 1
    for number in range(len(_QUOTAS)):
        state, target = _QUOTAS[number]
        for p in range(n_places):
            if quota[number, p] > 0:
                there = order[start[state * n_places + p] : start[state * n_places + p + 1]]
                there = there[new[there] < 0]
                moved[number, p] = min(quota[number, p], len(there))
                for x in _smallest(there, moved[number, p], number, busy, seed, step):
                    new[x] = target
    return moved


@jit
def _smallest(candidates: Ints, k: int, number: int, busy: Any, seed: int, step: int) -> Ints:
    """The k of the candidates with the smallest lots, ties by resident number."""
    n = len(candidates)
    k1, k2 = lot_keys(number, step, seed)
    # Lots are spread evenly: the k smallest lie below this but for luck beyond six standard deviations, and then all are sorted.
    share = min(1.0, (k + 6.0 * math.sqrt(k) + 10.0) / max(n, 1))
    limit = np.uint64(share * 18446744073709549568.0)
    few, n_few = np.empty(n, np.int64), 0
    for x in candidates:
        if word(busy[x].who, k1, k2) <= limit:
            few[n_few] = x
            n_few += 1
    if n_few < k:
        few, n_few = candidates, n
    few = few[:n_few]
    who, lots = np.empty(n_few, np.int64), np.empty(n_few, np.uint64)
    for y in range(n_few):
        who[y] = busy[few[y]].who
    by_number = np.argsort(who, kind="mergesort")
    for y in range(n_few):
        lots[y] = word(who[by_number[y]], k1, k2)
    order = np.argsort(lots, kind="mergesort")
    return few[by_number[order[:k]]]
