"""Randomness as a pure function of seed, purpose, identity and time: no stream, no state, no order.

Two worlds that differ in one thing share all other luck, and no result depends on threads or on who else exists.

A draw is one Philox4x32-10 block (Salmon et al. 2011, SC11, Random123): the seed is its 64-bit key, its 128-bit counter
holds purpose (16 bits), a (40), b (40) and c (32) side by side, so that different keys never meet. Permutations of a
block are additive Feistel networks on a near-square grid (Black and Rogaway 2002, CT-RSA, "generalized Feistel"), walked
until they fall inside the block; their round keys come from one draw.

Where everyone is asked the same question, one such draw gives two keys of a stream, and each resident's word is a cheap mix of
number and keys (`stream`, `word`): a tenth of the cost, and the processor does eight at a time.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf

SCHEME = 2
"""Version of everything in this file that decides a number; it goes into every result."""


class Purpose(IntEnum):
    """What a draw is for, and what a, b, c mean. Numbers are retired, never used again."""

    RESISTANCE = 1
    """a resident, b 0, c episode"""
    BLOCK = 2
    """a block, b layer: key of a permutation"""
    SAMPLE = 3
    """a number in the sample, b which sample: residents looked at when the network is measured"""
    FIXED_LINE = 4
    """a resident: whether a cut of mobile internet leaves them online"""
    EXIT = 5
    """a resident, b 0, c step: whether and where someone who is not quiet goes"""
    QUOTA = 6
    """a resident, b which quota, c step: who is taken when few are"""
    PLACE = 7
    """a place, b what, c step: whole numbers from rates of places"""
    PARAMETER = 8
    """a number of the draw, b number of the parameter: priors"""
    REPORT = 9
    """a region, b day: whether unrest of that day gets reported"""
    HISTORY = 10
    """a number of the draw, b replicate: seed of a history"""
    STUDY = 11
    """a number in a sample, b round, c what: moves of a calibration, resamples, ties between ranks"""


_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32, _16, _12, _8 = np.uint64(32), np.uint64(16), np.uint64(12), np.uint64(8)
SEED_MAX = 2**63 - 1
A_MAX = B_MAX = 2**40 - 1
C_MAX = 2**32 - 1


@leaf
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Philox4x32-10: four 32-bit words from a counter of four and a key of two, all held in 64 bits.

    The published answer to all zeros:

    >>> z = np.uint64(0)
    >>> [f"{int(x):08x}" for x in philox(z, z, z, z, z, z)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@leaf
def bits(seed: int, purpose: int, a: int, b: int, c: int) -> np.uint64:
    """64 random bits.

    Parameters
    ----------
    seed : int, 0 to 2^63 - 1
    purpose : int, 0 to 65,535, a `Purpose`
    a, b : int, 0 to 2^40 - 1
    c : int, 0 to 2^32 - 1
        Larger numbers are cut; `check_key` refuses them at the border.

    Examples
    --------
    >>> bits(1, Purpose.RESISTANCE, 5, 0, 0) == bits(1, Purpose.RESISTANCE, 5, 0, 0)
    True
    """
    s, p, x, y, z = np.uint64(seed), np.uint64(purpose), np.uint64(a), np.uint64(b), np.uint64(c)
    c0 = x & _LOW
    c1 = y & _LOW
    c2 = ((x >> _32) & np.uint64(0xFF)) | (((y >> _32) & np.uint64(0xFF)) << _8) | ((p & np.uint64(0xFFFF)) << _16)
    w0, w1, _, _ = philox(c0, c1, c2, z & _LOW, s & _LOW, s >> _32)
    return (w1 << _32) | w0


@leaf
def stream(seed: int, purpose: int, b: int, c: int) -> tuple[np.uint64, np.uint64]:
    """Two keys for a question that is put to everybody: purpose, b and c as in `bits`, whose largest a is kept for this.

    >>> stream(1, Purpose.EXIT, 0, 5) == stream(1, Purpose.EXIT, 0, 5), stream(1, Purpose.EXIT, 0, 5) == stream(1, Purpose.EXIT, 0, 6)
    (True, False)
    """
    s, p, y, z = np.uint64(seed), np.uint64(purpose), np.uint64(b), np.uint64(c)
    c2 = np.uint64(0xFF) | (((y >> _32) & np.uint64(0xFF)) << _8) | ((p & np.uint64(0xFFFF)) << _16)
    w0, w1, w2, w3 = philox(_LOW, y & _LOW, c2, z & _LOW, s & _LOW, s >> _32)
    return (w1 << _32) | w0, (w3 << _32) | w2


@leaf
def word(i: int, k1: np.uint64, k2: np.uint64) -> np.uint64:
    """64 random bits for number i of a stream.

    The mix of SplitMix64 (Steele, Lea and Flood 2014, OOPSLA; constants of Stafford's variant 13), with a second key between its
    two multiplications, so that no two streams are shifted copies of each other. Different i give different words.

    >>> word(5, *stream(1, Purpose.EXIT, 0, 0)) != word(6, *stream(1, Purpose.EXIT, 0, 0))
    True
    """
    z = np.uint64(i) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(k1)  # keys that went through Python are plain numbers
    z = ((z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)) ^ np.uint64(k2)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@leaf
def to_unit(word: np.uint64) -> float:
    """64 bits as a number in (0, 1), never 0 nor 1: (k + 1/2) / 2^52 with k the upper 52 bits.

    52 and not 53: a double holds k + 1/2 exactly only below 2^52; with 53 bits the upper half would round to even, and
    the largest k to 1, where log(1 - u) has no value.

    >>> 0 < to_unit(np.uint64(0)) < 1e-15 and 0.999 < to_unit(np.uint64(2**64 - 1)) < 1
    True
    """
    return (float(word >> _12) + 0.5) / 4503599627370496.0


@leaf
def uniform(seed: int, purpose: int, a: int, b: int, c: int) -> float:
    """A number in (0, 1); arguments as in `bits`.

    >>> 0 < uniform(1, Purpose.RESISTANCE, 0, 0, 0) < 1
    True
    """
    return to_unit(bits(seed, purpose, a, b, c))


def check_key(seed: int, a: int = 0, b: int = 0, c: int = 0) -> None:
    """Refuse a key that would be cut, where keys come from outside.

    >>> check_key(0, a=2**40)
    Traceback (most recent call last):
    ...
    ValueError: a = 1099511627776 is outside 0 to 1099511627775
    """
    for name, value, high in (("seed", seed, SEED_MAX), ("a", a, A_MAX), ("b", b, B_MAX), ("c", c, C_MAX)):
        if not 0 <= value <= high:
            raise ValueError(f"{name} = {value} is outside 0 to {high}")


# --- permutations ----------------------------------------------------------------------------------------------------

ROUNDS = 10
"""Rounds for a block of any size; more for small ones, where each round moves few bits (`rounds`)."""


@leaf
def rounds(n: int) -> int:
    """Rounds of the network for a block of n: enough that all orders of a small block are equally likely (tested).

    >>> rounds(4), rounds(10_000_000)
    (24, 10)
    """
    return 24 if n < 4096 else ROUNDS


@leaf
def _mix(x: np.uint64) -> np.uint64:
    """The finalizer of MurmurHash3 (Appleby 2011): every input bit moves every output bit with probability near 1/2."""
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


@leaf
def _shift(key: np.uint64, number: int, other: int, size: int) -> int:
    """How far one half moves in one round: 0 to size - 1, by the other half."""
    mixed = _mix(key ^ (np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)) ^ (np.uint64(other) << np.uint64(20)))
    return int((mixed >> _32) * np.uint64(size) >> _32)


@leaf
def sides(n: int) -> tuple[int, int]:
    """Width and height of the smallest near-square grid that holds n cells."""
    width = int(np.ceil(np.sqrt(float(n))))
    return width, (n + width - 1) // width


@leaf
def permute(key: np.uint64, n: int, i: int) -> int:
    """Where a keyed permutation of 0..n-1 sends i. Costs about 6 ns a round and stores nothing.

    >>> sorted(permute(np.uint64(7), 6, i) for i in range(6))
    [0, 1, 2, 3, 4, 5]
    """
    width, height = sides(n)
    count = rounds(n)
    while True:
        x, y = i % width, i // width
        for r in range(count):
            if r % 2 == 0:
                x += _shift(key, r, y, width)
                x -= width if x >= width else 0
            else:
                y += _shift(key, r, x, height)
                y -= height if y >= height else 0
        i = y * width + x
        if i < n:
            return i


@leaf
def unpermute(key: np.uint64, n: int, j: int) -> int:
    """The inverse: which i `permute` sends to j.

    >>> [unpermute(np.uint64(7), 6, permute(np.uint64(7), 6, i)) for i in range(6)]
    [0, 1, 2, 3, 4, 5]
    """
    width, height = sides(n)
    count = rounds(n)
    while True:
        x, y = j % width, j // width
        for r in range(count - 1, -1, -1):
            if r % 2 == 0:
                x -= _shift(key, r, y, width)
                x += width if x < 0 else 0
            else:
                y -= _shift(key, r, x, height)
                y += height if y < 0 else 0
        j = y * width + x
        if j < n:
            return j


@leaf
def permute_round(
    key: NDArray[np.uint64], number: int, moved: NDArray[np.uint32], other: NDArray[np.uint32], size: NDArray[np.uint32], n: int
) -> None:
    """One round of `permute` for n positions of many blocks side by side: the processor does several at a time."""
    for k in range(n):
        v = np.int64(moved[k]) + _shift(key[k], number, other[k], size[k])
        moved[k] = min(np.uint64(v), np.uint64(v - np.int64(size[k])))  # below 0 is far above any size


@leaf
def unpermute_round(
    key: NDArray[np.uint64], number: int, moved: NDArray[np.uint32], other: NDArray[np.uint32], size: NDArray[np.uint32], n: int
) -> None:
    """Likewise one round of `unpermute`."""
    for k in range(n):
        v = np.int64(moved[k]) - _shift(key[k], number, other[k], size[k])
        moved[k] = min(np.uint64(v), np.uint64(v + np.int64(size[k])))
