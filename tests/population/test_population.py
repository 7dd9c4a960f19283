"""The population: layout against brute force, ties that are mutual and of the promised shape, and the network they make.

Everything here follows from numbers of residents and keys, so most tests are exact; the few that are not compare a
network of thousands with what random graphs of that kind are known to be like.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.worlds import world
from qantar.population.batch import BATCH, batch, contacts_of
from qantar.population.blocks import RESIDENTS_MAX, Blocks, apportion, class_of, lay_out, place_of
from qantar.population.measure import _distance, measure
from qantar.population.ties import SCOPES, Layer, Ties, contacts, tie

GENERATED = [world(number, residents=120, steps=0) for number in range(90)]
AWKWARD = [lay_out(np.full((3, 2, 1), size), np.array([0, 0, 1])) for size in (0, 1, 2, 3, 5)]
COUNTRIES = [w.blocks for w in GENERATED] + AWKWARD


def one_place(n: int) -> Blocks:
    return lay_out(np.array([[[n]]]), np.array([0]))


def known(blocks: Blocks, ties: Ties) -> tuple[list[list[int]], list[list[int]]]:
    """Contacts of every resident: in person, and the rest."""
    room = np.empty(max(1, ties.degree_max), np.int64)
    local, online = [], []
    for i in range(blocks.n):
        n_local, n_all = contacts(i, blocks, ties, room)
        assert n_local <= n_all <= ties.degree_max
        local.append(room[:n_local].tolist())
        online.append(room[n_local:n_all].tolist())
    return local, online


def pairs(near: list[list[int]]) -> Counter[tuple[int, int]]:
    return Counter((i, j) for i, others in enumerate(near) for j in others)


def homes(blocks: Blocks) -> dict[str, list[int]]:
    """The block of each resident in each scope, by counting through all residents."""
    sizes = np.diff(blocks.class_start)
    workplace = np.repeat(np.arange(blocks.n_classes) // blocks.n_bins, sizes)
    place = workplace // blocks.n_sectors
    region = blocks.region_of_place[place]
    return dict(zip(SCOPES, (x.tolist() for x in (place, workplace, region, 0 * place)), strict=True))


# --- layout ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 3, 40, 3000]), st.integers(0, 10**6))
def test_layout_is_what_counting_through_gives(n_places: int, n_sectors: int, n_bins: int, top: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = (
        rng.integers(0, top, (n_places, n_sectors, n_bins))
        * rng.integers(0, 2, (n_places, 1, 1))
        * rng.integers(0, 2, (n_places, n_sectors, n_bins))
    )
    region = np.cumsum(rng.integers(0, 2, n_places))
    blocks = lay_out(sizes, region)
    class_ = np.repeat(np.arange(sizes.size), sizes.ravel())
    place = class_ // (n_sectors * n_bins)
    assert blocks.n == len(class_) == sizes.sum()
    look = (
        range(blocks.n)
        if blocks.n < 200
        else np.unique(np.concatenate([np.clip(blocks.class_start + k, 0, blocks.n - 1) for k in (-1, 0, 1)]))
    )
    assert [class_of(i, blocks) for i in look] == [class_[i] for i in look]
    assert [place_of(i, blocks) for i in look] == [place[i] for i in look]
    assert blocks.place_start.tolist() == [int((place < p).sum()) for p in range(n_places + 1)]
    assert blocks.region_start.tolist() == [int((region[place] < r).sum()) for r in range(region[-1] + 2)]


def test_the_largest_country_has_its_residents_where_they_belong() -> None:
    rng = np.random.default_rng(1)
    sizes = apportion(RESIDENTS_MAX, rng.uniform(size=(300, 4, 3)) ** 4)
    sizes[17] = 0
    sizes[299, 3, 2] += RESIDENTS_MAX - sizes.sum()
    blocks = lay_out(sizes, np.sort(rng.integers(0, 20, 300)))
    assert blocks.n == RESIDENTS_MAX
    for i in [int(x) for x in blocks.class_start[:-1]] + [blocks.n - 1] + rng.integers(0, blocks.n, 500).tolist():
        assert class_of(i, blocks) == np.searchsorted(blocks.class_start, i, side="right") - 1


@pytest.mark.parametrize(
    ("sizes", "region"),
    [
        ([[[-1]]], [0]),
        ([[[RESIDENTS_MAX]], [[1]]], [0, 0]),
        ([[[1]], [[1]]], [1, 0]),
        ([[[1]], [[1]]], [0]),
    ],
    ids=["negative", "too many", "regions out of order", "a place without region"],
)
def test_a_layout_that_cannot_be_is_refused(sizes: list[list[list[int]]], region: list[int]) -> None:
    with pytest.raises(ValueError, match=r"class sizes|ordered by region"):
        lay_out(np.array(sizes), np.array(region))


@given(st.integers(0, 10**9), st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=12))
def test_apportioned_numbers_add_up_and_stay_within_one_of_the_exact_share(total: int, weights: list[float]) -> None:
    whole = apportion(total, np.array(weights)).tolist()
    if sum(weights) == 0:
        assert whole == [0] * len(weights)
        return
    assert sum(whole) == total
    for k, weight in zip(whole, weights, strict=True):
        assert abs(k - Fraction(weight) * total / sum(map(Fraction, weights))) < 1 + Fraction(1, 10**6)
        assert k == 0 or weight > 0


def test_apportioning_goes_by_remainder_then_by_position() -> None:
    assert apportion(7, np.array([[0.5, 0.25], [0.25, 0.0]])).tolist() == [[3, 2], [2, 0]]  # 3.5, 1.75, 1.75: the larger remainders
    assert apportion(50, np.ones(100)).tolist() == [1] * 50 + [0] * 50


# --- ties ------------------------------------------------------------------------------------------------------------


def test_contacts_found_side_by_side_are_those_found_one_by_one() -> None:
    many = lay_out(np.array([[[5000, 1], [3, 4100]], [[0, 2], [60, 5000]]]), np.array([0, 1]))  # blocks of both numbers of rounds
    layers = [Layer("home", "place", (4, 4)), Layer("work", "workplace", (3, 1)), Layer("far", "country", (2, 2), repeats=2, online=True)]
    rng = np.random.default_rng(2)
    for blocks, ties in [*((w.blocks, w.ties) for w in GENERATED), (many, tie(many, layers, 3))]:
        room, b = np.empty(max(1, ties.degree_max), np.int64), batch(ties)
        n = int(rng.integers(1, BATCH + 1))
        b.who[:n] = rng.integers(0, blocks.n, n)
        b.class_[:n] = [class_of(int(i), blocks) for i in b.who[:n]]
        contacts_of(b, n, ties)
        for m in range(n):
            n_local, n_all = contacts(int(b.who[m]), blocks, ties, room)
            assert (b.n_local[m], b.n_all[m]) == (n_local, n_all)
            assert b.contacts[m * ties.degree_max :][:n_all].tolist() == room[:n_all].tolist()


def test_contacts_are_mutual_and_never_oneself() -> None:
    seen = 0
    for w in GENERATED:
        for near in known(w.blocks, w.ties):
            count = pairs(near)
            seen += len(count)
            for (i, j), times in count.items():
                assert i != j
                assert count[j, i] == times
    assert seen > 10_000


def test_in_the_largest_country_contacts_are_mutual_too() -> None:
    blocks = one_place(RESIDENTS_MAX)
    ties = tie(blocks, [Layer("home", "place", (4,)), Layer("far", "country", (2,), repeats=2, online=True)], 2**63 - 1)
    rng = np.random.default_rng(1)
    room = np.empty(ties.degree_max, np.int64)
    for i in [0, 1, RESIDENTS_MAX - 1, *rng.integers(0, RESIDENTS_MAX, 60).tolist()]:
        n_local, n_all = contacts(i, blocks, ties, room)
        others = room[:n_all].tolist()
        assert (n_local, n_all) == (3, 5)
        for k, j in enumerate(others):
            n_theirs, n_of_them = contacts(j, blocks, ties, room)
            assert 0 <= j < blocks.n
            assert i in (room[:n_theirs] if k < 3 else room[n_theirs:n_of_them])


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("g", [1, 2, 3, 5, 8])
def test_one_division_is_a_partition_into_groups_that_stay_in_their_block(scope: str, g: int) -> None:
    for blocks in COUNTRIES:
        local, online = known(blocks, tie(blocks, [Layer("x", scope, (g,) * blocks.n_sectors)], 5))
        assert not any(online)
        block = homes(blocks)[scope]
        groups = {tuple(sorted([i, *others])) for i, others in enumerate(local)}
        # Everyone names the same group as all others in it, so groups are disjoint and all are tied to all.
        assert sorted(i for group in groups for i in group) == list(range(blocks.n))
        sizes: dict[int, list[int]] = {}
        for group in groups:
            assert len({block[i] for i in group}) == 1
            sizes.setdefault(block[group[0]], []).append(len(group))
        for b, found in sizes.items():
            whole, rest = divmod(block.count(b), g)
            assert sorted(found) == sorted([g] * whole + [rest] * (rest > 0))


def test_matchings_give_each_at_most_one_partner() -> None:
    for blocks in COUNTRIES:
        local, online = known(blocks, tie(blocks, [Layer("x", "region", (2,) * blocks.n_sectors, repeats=3)], 5))
        block = homes(blocks)["region"]
        for i, others in enumerate(local):
            size = block.count(block[i])
            assert len(others) == 3 or (size % 2 == 1 and len(others) < 3)
        for start, stop in zip(blocks.region_start, blocks.region_start[1:], strict=False):
            assert sum(map(len, local[start:stop])) == 3 * ((stop - start) // 2 * 2)
        assert not any(online)


def test_those_met_in_person_come_first_whatever_the_order_of_layers() -> None:
    blocks = lay_out(np.full((4, 2, 1), 30), np.array([0, 0, 1, 1]))
    far, home = Layer("far", "country", (2, 2), repeats=6, online=True), Layer("home", "place", (4, 4))
    for layers in ([far, home], [home, far]):
        local, online = known(blocks, tie(blocks, layers, 5))
        place = homes(blocks)["place"]
        assert all(place[i] == place[j] for i, near in enumerate(local) for j in near)
        assert sum(place[i] != place[j] for i, near in enumerate(online) for j in near) > blocks.n  # most of 6 x 240
        assert {len(x) for x in online} == {6}


def test_workplaces_may_differ_by_sector_and_someone_met_twice_counts_twice() -> None:
    blocks = lay_out(np.full((2, 3, 2), 12), np.array([0, 1]))
    local, _ = known(blocks, tie(blocks, [Layer("work", "workplace", (1, 4, 8))], 3))
    sector = [b % 3 for b in homes(blocks)["workplace"]]
    assert {(s, len(near)) for s, near in zip(sector, local, strict=True)} == {(0, 0), (1, 3), (2, 7)}
    two = one_place(2)
    assert known(two, tie(two, [Layer("a", "place", (2,)), Layer("b", "region", (2,))], 3))[0] == [[1, 1], [0, 0]]
    assert known(two, tie(two, [], 3)) == ([[], []], [[], []])


def test_another_seed_gives_other_ties_and_the_same_seed_the_same() -> None:
    blocks = lay_out(np.full((2, 2, 1), 500), np.array([0, 1]))
    layers = [Layer("home", "place", (4, 4)), Layer("far", "country", (2, 2), repeats=2)]
    first, again, other = (pairs(known(blocks, tie(blocks, layers, seed))[0]) for seed in (1, 1, 2))
    assert first == again
    assert (first & other).total() < 0.02 * first.total()
    once, twice = (pairs(known(blocks, tie(blocks, [Layer("far", "country", (2, 2), repeats=k)], 1))[0]) for k in (1, 2))
    assert once < twice  # divisions of one layer are drawn apart, and one more does not move the others
    assert (once & (twice - once)).total() < 0.02 * once.total()
    first_place = Counter({(i + 1000, j + 1000): k for (i, j), k in first.items() if max(i, j) < 1000})
    assert (first & first_place).total() < 0.02 * first.total()  # places as large as one another are not tied alike


@pytest.mark.parametrize(
    "layer",
    [Layer("x", "place", (2, 3)), Layer("x", "street", (2, 2)), Layer("x", "workplace", (2, 2, 2))],
    ids=["sizes differ in a block", "unknown scope", "a size too many"],
)
def test_a_layer_that_cannot_be_is_refused(layer: Layer) -> None:
    with pytest.raises(ValueError):
        tie(lay_out(np.ones((1, 2, 1), int), np.array([0])), [layer], 1)


# --- the network -----------------------------------------------------------------------------------------------------


def test_degree_is_the_sum_over_divisions() -> None:
    layers = [
        Layer("home", "place", (4,)),
        Layer("work", "workplace", (10,)),
        Layer("street", "place", (6,)),
        Layer("far", "country", (2,), repeats=5, online=True),
    ]
    whole = one_place(12_000)  # divisible by all sizes
    network = measure(whole, tie(whole, layers, 1), seed=1)
    assert (network.degree, network.degree_local, network.degree_sd) == (3 + 9 + 5 + 5, 3 + 9 + 5, 0.0)
    odd = one_place(11_999)  # one short: in each layer one group lacks one
    near = known(odd, tie(odd, layers, 1))
    assert sum(map(len, near[0])) == 17 * 11_999 - (3 + 9 + 5)
    assert sum(map(len, near[1])) == 5 * 11_998


def test_clustering_is_one_in_cliques_near_none_in_matchings_and_in_between_by_formula() -> None:
    blocks = one_place(60_000)
    home, far = Layer("home", "place", (5,)), Layer("far", "country", (2,), repeats=4)
    cliques, matchings, both = (measure(blocks, tie(blocks, layers, 2), seed=1, pairs=0) for layers in ([home], [far], [home, far]))
    assert cliques.clustering == 1.0
    assert matchings.clustering < 0.001
    assert both.clustering == pytest.approx(4 * 3 / (8 * 7), abs=0.002)  # of the pairs of 8 contacts, those among 4


def test_paths_in_a_random_graph_are_as_long_as_they_should_be() -> None:
    n, k = 50_000, 6
    blocks = one_place(n)
    network = measure(blocks, tie(blocks, [Layer("far", "country", (2,), repeats=k)], 3), seed=1, sampled=10, pairs=150)
    # Bollobas and Fernandez de la Vega 1982, Combinatorica 2: the diameter is near this; typical distances are a little less.
    assert network.path_length == pytest.approx(math.log(n) / math.log(k - 1), abs=0.5)
    assert network.connected == 1.0
    rings = measure(blocks, tie(blocks, [Layer("home", "place", (10,)), Layer("far", "country", (2,))], 3), seed=1, sampled=10, pairs=60)
    assert rings.path_length > network.path_length + 1  # more contacts, but most know each other


def test_distances_are_those_of_a_search_from_one_end() -> None:
    blocks = lay_out(np.array([[[40]], [[25]]]), np.array([0, 1]))
    ties = tie(blocks, [Layer("home", "place", (3,)), Layer("near", "region", (2,))], 4)
    near = known(blocks, ties)[0]
    unconnected = 0
    for a in range(blocks.n):
        reached = {a: 0}
        queue = deque([a])
        while queue:
            i = queue.popleft()
            for j in near[i]:
                if j not in reached:
                    reached[j] = reached[i] + 1
                    queue.append(j)
        for b in range(blocks.n):
            if a != b:
                assert _distance(a, b, lambda i: (near[i], 0)) == reached.get(b)
                unconnected += b not in reached
    assert unconnected >= 2 * 40 * 25
    network = measure(blocks, ties, seed=1, pairs=2000)
    assert network.connected == pytest.approx(1 - unconnected / (65 * 64), abs=0.05)
