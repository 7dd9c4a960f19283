"""Draws and permutations: published answers, structured keys, far tails, and planted faults that the same tests reject.

Every test here has a fixed seed; `reject` is a chi-square at 1e-6 a test, so that a correct generator passes the whole
file with probability above 0.9999 over seeds, and each planted fault below is rejected by a wide margin.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qantar import compiled
from qantar.draws import (
    A_MAX,
    C_MAX,
    SEED_MAX,
    Purpose,
    bits,
    check_key,
    permute,
    philox,
    rounds,
    stream,
    to_unit,
    uniform,
    unpermute,
    word,
)

Z, F = np.uint64(0), np.uint64(0xFFFFFFFF)


def chi_square(counts: np.ndarray, expected: float) -> float:
    """Deviation of a chi-square statistic from its mean in standard deviations (Wilson and Hilferty 1931)."""
    k = counts.size - 1
    x = float(((counts - expected) ** 2 / expected).sum())
    return ((x / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))


def reject(counts: np.ndarray, expected: float) -> bool:
    return abs(chi_square(counts, expected)) > 4.9  # two-sided 1e-6


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((Z, Z, Z, Z), (Z, Z), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((F, F, F, F), (F, F), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_gives_the_published_answers(counter: tuple[int, ...], key: tuple[int, ...], answer: str) -> None:
    words = philox(*map(np.uint64, counter), *map(np.uint64, key))
    assert " ".join(f"{int(w):08x}" for w in words) == answer


def test_draws_do_not_change_with_time() -> None:
    # Golden: a change here changes every result and needs a new SCHEME.
    assert [int(bits(seed, 1, a, 0, c)) for seed, a, c in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (SEED_MAX, A_MAX, C_MAX))] == GOLDEN


GOLDEN = [3176273496269431701, 16339018170378656979, 1280261657130249558, 16124069398900951421, 6767943932585458175]


@given(st.integers(0, A_MAX), st.integers(0, A_MAX), st.integers(0, C_MAX), st.integers(0, 2**16 - 1), st.data())
def test_different_keys_have_different_counters(a: int, b: int, c: int, purpose: int, data: st.DataObject) -> None:
    other = data.draw(
        st.sampled_from(
            [
                (a ^ 1 << data.draw(st.integers(0, 39)), b, c, purpose),
                (a, b ^ 1 << data.draw(st.integers(0, 39)), c, purpose),
                (a, b, c ^ 1 << data.draw(st.integers(0, 31)), purpose),
                (a, b, c, purpose ^ 1 << data.draw(st.integers(0, 15))),
            ]
        )
    )
    x, y = bits(1, purpose, a, b, c), bits(1, other[3], *other[:3])
    assert x != y
    assert 10 <= int(x ^ y).bit_count() <= 54  # one bit of the key moves about half of the answer


KEYS: dict[str, Callable[[int], tuple[int, int, int]]] = {
    "counting": lambda n: (n, 0, 0),
    "high bits": lambda n: (n << 20, 0, 0),
    "episodes": lambda n: (7, 0, n),
    "pairs": lambda n: (n % 300, n // 300, 0),
    "pairs swapped": lambda n: (n // 300, n % 300, 0),
    "the same twice": lambda n: (n, n, n),
    "steps of 65,536": lambda n: (n * 65_536 % A_MAX, n, 0),
}
N = 90_000


def keyed(seed: int, purpose: int, a: int, b: int, c: int) -> float:
    """The same question put to number a of a stream."""
    k1, k2 = map(np.uint64, stream(seed, purpose, b, c))
    return to_unit(np.uint64(word(a, k1, k2)))


@pytest.mark.parametrize("draw", [uniform, keyed], ids=["draws", "streams"])
@pytest.mark.parametrize("name", KEYS)
def test_uniform_and_independent_on_structured_keys(name: str, draw: Callable[..., float]) -> None:
    # int: numba types an enum anew at every call
    u = np.array([draw(11, int(Purpose.RESISTANCE), *KEYS[name](n)) for n in range(N)])
    assert not reject(np.bincount((u * 256).astype(int), minlength=256), N / 256)
    pairs = (u[:-1] * 16).astype(int) * 16 + (u[1:] * 16).astype(int)  # neighbours in the key
    assert not reject(np.bincount(pairs, minlength=256), (N - 1) / 256)
    low = (u * 2**52).astype(np.int64) & 255  # the low bits too
    assert not reject(np.bincount(low, minlength=256), N / 256)
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 5 / math.sqrt(N)


@pytest.mark.parametrize("draw", [uniform, keyed], ids=["draws", "streams"])
def test_two_seeds_purposes_and_steps_are_independent(draw: Callable[..., float]) -> None:
    first = np.array([draw(11, 1, n, 0, 0) for n in range(N)])
    for key in ((12, 1, 0, 0), (11, 2, 0, 0), (11, 1, 0, 1), (11, 1, 1, 0)):
        other = np.array([draw(key[0], key[1], n, *key[2:]) for n in range(N)])
        joint = (first * 16).astype(int) * 16 + (other * 16).astype(int)
        assert not reject(np.bincount(joint, minlength=256), N / 256)


@pytest.mark.parametrize("draw", [uniform, keyed], ids=["draws", "streams"])
def test_the_far_tail_is_there(draw: Callable[..., float]) -> None:
    # Low resistances decide who joins first: the smallest of many draws must be as small as it should be.
    smallest = np.array([min(draw(s, 1, n, 0, 0) for n in range(2000)) for s in range(400)]) * 2000
    counts = np.histogram(1 - np.exp(-smallest), bins=20, range=(0, 1))[0]  # near exponential: uniform after this
    assert not reject(counts, 20)


def test_words_of_a_stream_do_not_change_with_time_and_are_all_different() -> None:
    k1, k2 = map(np.uint64, stream(1, 1, 0, 0))
    assert [int(word(i, k1, k2)) for i in (0, 1, 2**40 - 1)] == GOLDEN_WORDS
    assert len({int(word(i, k1, k2)) for i in range(N)}) == N


GOLDEN_WORDS = [3156306643067814474, 10135626612592183388, 11069893711523460547]


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_one_bit_of_a_number_moves_half_of_its_word(shift: int) -> None:
    k1, k2 = map(np.uint64, stream(9, 1, 0, 0))
    moved = [(int(word(i, k1, k2)) ^ int(word(i ^ 1 << shift, k1, k2))).bit_count() for i in range(0, 40_000, 7)]
    assert abs(np.mean(moved) - 32) < 5 * 4 / math.sqrt(len(moved))


def test_two_streams_are_no_shifted_copies() -> None:
    # With one key alone, a second stream whose key is d steps of the first one's increment farther says the same d numbers earlier.
    k1, k2, k3 = (np.uint64(bits(3, 1, n, 0, 0)) for n in range(3))
    with np.errstate(over="ignore"):
        later = k1 + np.uint64(5) * np.uint64(0x9E3779B97F4A7C15)
    assert [int(word(n, later, k2)) for n in range(100)] == [int(word(n + 5, k1, k2)) for n in range(100)]
    assert not {int(word(n, later, k3)) for n in range(N)} & {int(word(n, k1, k2)) for n in range(N)}


def test_a_poor_generator_is_rejected() -> None:
    linear = np.array([((n * 6364136223846793005 + 1442695040888963407) % 2**64) / 2**64 for n in range(N)])
    joint = (linear[:-1] * 16).astype(int) * 16 + (linear[1:] * 16).astype(int)
    assert reject(np.bincount(joint, minlength=256), (N - 1) / 256)


def test_a_key_that_would_be_cut_is_refused() -> None:
    check_key(SEED_MAX, A_MAX, A_MAX, C_MAX)
    for bad in ({"seed": -1}, {"seed": SEED_MAX + 1}, {"seed": 0, "a": A_MAX + 1}, {"seed": 0, "c": C_MAX + 1}):
        with pytest.raises(ValueError, match="outside"):
            check_key(**bad)


def test_purposes_are_numbered_once() -> None:
    assert len({int(p) for p in Purpose}) == len(Purpose)
    assert all(0 < p < 2**16 for p in Purpose)


@pytest.mark.parametrize("n", [*range(1, 40), 64, 97, 100, 255, 256, 257, 1000, 4095, 4096, 4097, 65_536, 70_001])
def test_a_permutation_is_a_bijection_and_its_inverse_undoes_it(n: int) -> None:
    key = np.uint64(bits(5, int(Purpose.BLOCK), n, 0, 0))
    sent = np.array([permute(key, n, i) for i in range(n)])
    assert np.array_equal(np.sort(sent), np.arange(n))
    assert all(unpermute(key, n, j) == i for i, j in enumerate(sent))


def orders(n: int, keys: int) -> np.ndarray:
    index = {order: k for k, order in enumerate(itertools.permutations(range(n)))}
    found = [index[tuple(permute(np.uint64(bits(9, int(Purpose.BLOCK), k, 0, 0)), n, i) for i in range(n))] for k in range(keys)]
    return np.bincount(found, minlength=math.factorial(n))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_orders_of_a_small_block_are_equally_likely(n: int) -> None:
    keys = 100 * math.factorial(n)
    assert not reject(orders(n, keys), 100)


@pytest.mark.parametrize("n", [6, 7, 12, 30, 101, 5000])
def test_everybody_is_as_likely_to_go_anywhere_and_pairs_too(n: int) -> None:
    keys = 20_000
    picks = [0, 1, n - 1]
    sent = np.array([[permute(np.uint64(bits(3, int(Purpose.BLOCK), k, 1, 0)), n, i) for i in picks] for k in range(keys)])
    cells = min(n, 40)
    for column in sent.T:
        low, high = np.arange(cells) * n // cells, (np.arange(cells) + 1) * n // cells
        counts = np.histogram(column, bins=[*low, n])[0]
        assert abs(chi_square(counts * (n / cells) / (high - low), keys / cells)) < 4.9
    neighbours = np.abs(sent[:, 0] - sent[:, 1])  # two neighbours land d apart with probability 2 (n - d) / (n (n - 1))
    d = np.arange(1, n)
    expected = keys * 2 * (n - d) / (n * (n - 1))
    near = d <= max(1, n // 10)
    seen = np.isin(neighbours, d[near]).sum()
    mean = expected[near].sum()
    assert abs(seen - mean) < 5 * math.sqrt(mean)


def test_too_few_rounds_are_rejected() -> None:
    import qantar.draws as module

    few = 2
    shift, sides = module._shift, module.sides

    def weak(key: np.uint64, n: int, i: int) -> int:
        width, height = sides(n)
        while True:
            x, y = i % width, i // width
            for r in range(few):
                if r % 2 == 0:
                    x = (x + shift(key, r, y, width)) % width
                else:
                    y = (y + shift(key, r, x, height)) % height
            i = y * width + x
            if i < n:
                return i

    index = {order: k for k, order in enumerate(itertools.permutations(range(5)))}
    found = [index[tuple(weak(np.uint64(bits(9, 2, k, 0, 0)), 5, i) for i in range(5))] for k in range(12_000)]
    assert reject(np.bincount(found, minlength=120), 100)
    assert rounds(5) > few


def test_compiled_code_belongs_to_its_sources(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    before = compiled.fingerprint()
    copy = tmp_path / "qantar"
    copy.mkdir()
    (copy / "rules.py").write_text("A = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(copy / "compiled.py"))
    one = compiled.fingerprint()
    (copy / "rules.py").write_text("A = 2\n")  # a file that a kernel calls, not the kernel's own
    assert len({before, one, compiled.fingerprint()}) == 3


def test_the_cache_folder_is_the_users_or_a_temporary_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert compiled.cache_folder({"NUMBA_CACHE_DIR": "/somewhere"}).as_posix() == "/somewhere"
    mine = compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    assert mine.parent == tmp_path / "qantar"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert compiled.cache_folder({"XDG_CACHE_HOME": str(blocked)}).is_dir()
