"""The engines: equal to each other and to the definition resident by resident, and to closed forms where there are any.

An engine has no answer of its own to check against, so the comparison itself is tested: faults are planted in the event
engine's source, one at a time, and the same generated countries must find each of them.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kit.worlds import World, factors, first_difference, sleepers, world
from qantar.draws import word
from qantar.engine import busy, due, event, exits, horizon, memory, movers, queue, resident, touched
from qantar.engine import contacts as seen
from qantar.engine.event import EventEngine
from qantar.engine.history import Moves
from qantar.engine.plain import PlainEngine
from qantar.model.contract import Rates, no_rates
from qantar.model.rules import (
    DEAD,
    DETAINED,
    FIGHTING,
    FULL,
    N_STATES,
    NEVER,
    PROTESTING,
    QUIET,
    QUOTAS,
    STATES,
    WITHDRAWN,
    Law,
    advance,
    is_online,
    lot,
    next_state,
    own_resistance,
)
from qantar.population.blocks import class_of, lay_out
from qantar.population.ties import Layer, contacts, tie
from qantar.scenario.schema import STEPS_MAX

COUNTRIES = 500
WORLDS = 80
"""Small generated countries within which every planted fault must be found."""
ROOM = 4096
"""Rows of the table where faults are sought: more than anybody needs there."""


def restless(number: int) -> World:
    """A small generated country with strong ties online and internet that comes and goes; in every third, some wake late."""
    w = world(number, residents=120, steps=25)
    rng = np.random.default_rng(number)
    flips = [
        np.where(rng.uniform(size=w.blocks.n_places) < 0.3, rng.integers(0, 3, w.blocks.n_places), rates.connectivity) for rates in w.rates
    ]
    rates = [r._replace(connectivity=level) for r, level in zip(w.rates, flips, strict=True)]
    rates = sleepers(number, w.blocks, rates) if number % 3 == 1 else rates
    return replace(w, law=w.law._replace(factors=factors(1.0, 3.0, -0.5)), rates=rates)


@cache
def small_worlds() -> list[World]:
    found = (restless(number) for number in itertools.count())
    return list(itertools.islice((w for w in found if w.blocks.n >= 30), WORLDS))


def difference(w: World, engine: Any = EventEngine) -> str:
    return first_difference(w, PlainEngine(w.blocks, w.ties, w.law), engine(w.blocks, w.ties, w.law))


def noticed(w: World, engine: Any) -> bool:
    """Whether an engine differs, or comes upon a number that compiled code would wrap around in silence."""
    try:
        return difference(w, engine) != ""
    except OverflowError:
        return True


def ran(w: World) -> EventEngine:
    engine = EventEngine(w.blocks, w.ties, w.law)
    for rates in w.rates:
        engine.step(rates)
    return engine


# --- the engines against each other ----------------------------------------------------------------------------------


def happened(w: World, moves: np.ndarray) -> Iterator[str]:
    """What kinds of things there are in a history, once for each time."""
    joined: Counter[int] = Counter()
    out: set[int] = set()
    level = np.full(w.blocks.n_places, FULL)
    place = np.searchsorted(w.blocks.place_start, np.arange(w.blocks.n), side="right") - 1
    todo = {step: list(rows) for step, rows in itertools.groupby(moves.tolist(), key=lambda row: row[0])}
    for step, rates in enumerate(w.rates):
        active = {place[i] for i in out}
        yield from ("cut under protest" for p in active if rates.connectivity[p] < level[p])
        yield from ("restored under protest" for p in active if rates.connectivity[p] > level[p])
        level = rates.connectivity
        for _, i, old, new in todo.get(step, []):
            if old == QUIET:
                joined[i] += 1
                yield "join" if joined[i] == 1 else "join of a later episode"
            if new in (DETAINED, DEAD):
                yield "detained" if new == DETAINED else "dead"
            if FIGHTING in (old, new):
                yield f"fighter: {STATES[old]} to {STATES[new]}"
            (out.add if new in (PROTESTING, FIGHTING) else out.discard)(i)


def test_the_event_engine_is_the_plain_one_in_every_generated_country() -> None:
    seen: Counter[str] = Counter()
    among: list[float] = []
    """potentials of countries in which not all would take part, and somebody did"""
    for number in range(COUNTRIES):
        w = world(number)
        plain, other = PlainEngine(w.blocks, w.ties, w.law), EventEngine(w.blocks, w.ties, w.law)
        assert first_difference(w, plain, other) == "", number
        seen.update(happened(w, plain.moves.table()))
        among += [w.law.potential] if w.law.potential < 1 and len(plain.moves.table()) else []
        assert np.array_equal(np.sort(other.busy["who"]), np.flatnonzero((plain.state != QUIET) & (plain.state != DEAD)))
        known = other.busy["met"][other.busy["met"] != busy.NIL]  # contacts are kept of those whom contacts see, and of nobody else
        assert len(known) == len(set(known.tolist())) == int(other.met.ends[1] - other.met.ends[0])
        assert len(known) == np.isin(plain.state, (PROTESTING, FIGHTING, DETAINED)).sum()
    assert min(seen[x] for x in ("join", "join of a later episode", "detained", "dead")) > 1000, seen
    assert len(among) > COUNTRIES / 4
    assert min(among) < 0.2
    assert min(seen[x] for x in ("cut under protest", "restored under protest")) > 100, seen
    ways = ("protesting to fighting", "fighting to withdrawn", "fighting to detained", "fighting to dead")
    assert {x for x in seen if x.startswith("fighter")} == {f"fighter: {x}" for x in ways}
    assert min(seen[f"fighter: {x}"] for x in ways) > 500, seen


def test_residents_beyond_what_an_index_holds_are_found_by_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 16)
    monkeypatch.setattr(event, "WAKES_MAX", 2)  # and after two classes that woke late, all count as awake
    for number in range(60):
        w = world(number)
        engine = EventEngine(w.blocks, w.ties, w.law)
        assert engine.table.direct == (w.blocks.n <= 16)
        assert first_difference(w, PlainEngine(w.blocks, w.ties, w.law), engine) == "", number


@pytest.mark.parametrize("number", [2, 33, 35, 36])
def test_the_event_engine_is_the_plain_one_at_scale(number: int) -> None:
    w = world(number, residents=20_000)
    assert w.blocks.n > 4000
    plain, other = PlainEngine(w.blocks, w.ties, w.law), EventEngine(w.blocks, w.ties, w.law)
    assert first_difference(w, plain, other) == ""
    moves = other.moves.table()
    assert len(moves) > w.blocks.n * w.law.potential
    assert other.table.used[0] > 2000
    assert (w.law.potential < 1) == (number == 36)
    if number in (33, 35):
        assert np.bincount(moves["step"]).max() > event.CHUNK


def test_neither_chunks_nor_the_order_of_finding_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event, "CHUNK", 3)
    rng = np.random.default_rng(1)
    for number in (2, 3, 4, 10, 13, 33):
        w = world(number)
        monkeypatch.setattr(event, "CHUNK", 4096)
        straight = ran(w)
        monkeypatch.setattr(event, "CHUNK", 3)
        shuffled = EventEngine(w.blocks, w.ties, w.law)
        for rates in w.rates:
            shuffled.busy = rng.permutation(shuffled.busy)
            shuffled.step(rates)
        assert len(straight.moves.table()) > 50
        assert straight.moves.sha256() == shuffled.moves.sha256()
        assert straight.updates == shuffled.updates


# --- the definition --------------------------------------------------------------------------------------------------


def take(new: list[int], state: list[int], place: list[int], rates: Rates, step: int, seed: int) -> None:
    """Moves by quota: of those in a place and state whom no quota has moved yet, the smallest lots."""
    for number, (old, target) in enumerate(QUOTAS):
        for p, k in enumerate(rates.quota[number]):
            there = [i for i in range(len(state)) if place[i] == p and state[i] == new[i] == old]
            for i in sorted(there, key=lambda i: (int(lot(i, number, step, seed)), i))[:k]:
                new[i] = target


def by_definition(w: World) -> list[tuple[int, int, int, int]]:
    """All moves, from work added up in integers without limits and contacts looked up from the other side."""
    people, law, per_place = range(w.blocks.n), w.law, w.blocks.n_sectors * w.blocks.n_bins
    class_ = [class_of(i, w.blocks) for i in people]
    place = [c // per_place for c in class_]
    near, far = [], []
    room = np.empty(max(1, w.ties.degree_max), np.int64)
    for i in people:
        n_local, n_all = contacts(i, w.blocks, w.ties, room)
        near.append(room[:n_local].tolist())
        far.append(room[n_local:n_all].tolist())
    state, episode, work, moves = [QUIET] * w.blocks.n, [0] * w.blocks.n, [0] * w.blocks.n, []
    for t, rates in enumerate(w.rates):
        reached = [is_online(i, int(rates.connectivity[place[i]]), law.seed, law.fixed_line) for i in people]
        new = list(state)
        for i in people:
            if state[i] == QUIET:
                p, sector = place[i], class_[i] // w.blocks.n_bins % w.blocks.n_sectors
                x = sum(state[j] in (PROTESTING, FIGHTING) for j in near[i])
                y = sum(state[j] in (PROTESTING, FIGHTING) and reached[j] for j in far[i]) if reached[i] else 0
                z = sum(state[j] in (DETAINED, DEAD) for j in near[i])
                work[i] += advance(rates.a[p], rates.g[class_[i]], rates.b[p, sector], rates.dt) * int(
                    law.factors[min(x, 15), min(y, 7), min(z, 7)]
                )
                resists = own_resistance(i, episode[i], law)
                if resists != NEVER and work[i] >= resists:
                    new[i] = PROTESTING
        take(new, state, place, rates, t, law.seed)
        for i in people:
            if state[i] != QUIET and new[i] == state[i]:
                new[i] = next_state(i, state[i], t, rates.leave[state[i], place[i]], law.seed)
            if new[i] != state[i]:
                moves.append((t, i, state[i], new[i]))
            if new[i] == QUIET != state[i]:
                episode[i], work[i] = episode[i] + 1, 0
        state = new
    return moves


def test_both_engines_are_the_definition() -> None:
    moved = 0
    for w in [*small_worlds(), *(world(number, residents=120, steps=30) for number in range(30))]:
        found = by_definition(w)
        assert ran(w).moves.table().tolist() == found
        assert difference(w) == ""
        moved += len(found)
    assert moved > 3000


# --- planted faults --------------------------------------------------------------------------------------------------

IMPORT = re.compile(r"^from qantar\.(?:compiled|engine\.(?:resident|exits|contacts|horizon|due|movers)) import (?:\([^)]*\)|.*)\n", re.M)
SOURCE = "\n".join(
    IMPORT.sub("", Path(module.__file__).read_text(encoding="utf-8")).replace("from __future__ import annotations\n", "")
    for module in (resident, exits, seen, horizon, due, movers, event)
)
"""The event engine as one program: what it imports from its own files is left out."""
CONNECT = "        self._connect(rates.connectivity)\n"
ADVANCE = SOURCE[SOURCE.index("        signs = _advance(") : SOURCE.index("        if signs & PASSED:\n")]
RAISE = "        if signs & PASSED:\n            self._raise_horizons()\n"
DUE = "        joiners = self._ready() if signs else NOBODY\n"
ACTIVE, HARMED = "int(is_active(new[x])) - int(is_active(old[x]))", "int(is_harmed(new[x])) - int(is_harmed(old[x]))"
FAULTS = {
    "whoever's contacts change: work not kept": ("change", "row.work += worked(phi, clocks.now[c]) - worked(old, clocks.now[c])", "pass"),
    "work at the new factor only": ("change", " - worked(old, clocks.now[c])", ""),
    "work by the clock before the step": ("change", "worked(phi, clocks.now[c])", "worked(phi, clocks.before[c])"),
    "the old factor at another level of internet": ("change", "nation.level[c]", "2 - nation.level[c]"),
    "a bound taken for the resistance": ("sooner", "row.basis == BOUND", "False"),
    "the resistance added to its bound again": ("sooner", "row.basis = EXACT", "pass"),
    "thought to be far away": ("sooner", "1.000000001", "0.8"),
    "woken: not counted": ("_wake", "count_woken(woken, self.busy, self.met, self.table, self.nation)", "0"),
    "woken: all counted, also those awake": ("count_woken", "woken[row.class_]", "True"),
    "woken: the dead forgotten": ("_wake", "== DEAD", "== N_STATES"),
    "woken: contacts as before": ("_wake", 'self.busy["met"] = NIL', "pass"),
    "woken: offline people counted": ("count_woken", "end if reached else far", "end"),
    "woken: not told afterwards": ("_wake", "self.clocks.awake[woken] = True", "pass"),
    "nobody wakes": ("_advance", "PASSED | WAKES", "PASSED"),
    "nobody looked at after a cut or restoration": (
        "_connect",
        "sweep(after, self.table, self.clocks, self.nation)",
        "np.empty(0, np.int64)",
    ),
    "looked at after a cut, not queued": ("_connect", "enqueue_rows(slots, self.table, self.calendar)", "pass"),
    "looked at after a cut: work not kept": ("sweep", "row.work += worked(phi, now) - worked(old, now)", "pass"),
    "nobody withdrawn by a cut": ("_connect", '_chunks(np.flatnonzero(is_active_array(self.busy["state"])))', "[]"),
    "offline people are seen online": ("told", "n_all = n_local", "pass"),
    "internet of another place": ("told", "nation.level[b.class_]", "nation.level[-1]"),
    "clocks before connectivity": ("step", CONNECT + ADVANCE, ADVANCE + CONNECT),
    "counts before connectivity": ("step", CONNECT + ADVANCE + RAISE + DUE, ADVANCE + RAISE + DUE + CONNECT),
    "killed and detained unseen": ("told", HARMED, "0"),
    "departures unseen": ("told", ACTIVE, "int(is_active(new[x]))"),
    "online contacts told as if met in person": ("told", "near if k < n_local else far", "near"),
    "contacts kept for the next one": ("told", "b.met = NIL", "pass"),
    "contacts of the detained forgotten": ("told", "not is_seen(new[x])", "not is_active(new[x])"),
    "the last mover meets nobody": ("meet", "range(len(movers))", "range(len(movers) - 1)"),
    "met a moment ago: a second row": ("_kept", "entry = table.entries[where]", "entry = 0"),
    "horizon raised: the untouched forgotten": ("_raise_horizons", "enqueue(who, key, class_, self.calendar)", "pass"),
    "horizon raised: the touched forgotten": ("_raise_horizons", "enqueue_rows(slots, self.table, self.calendar)", "pass"),
    "horizon raised after joins are decided": ("step", RAISE + DUE, DUE + RAISE),
    "the bound on draws too low": ("untouched_due", "word_below(clocks.horizon[c],", "word_below(clocks.horizon[c] * 9 // 10,"),
    "potential: half as many below the bound": ("untouched_due", "law.frailty, law.potential)", "law.frailty, law.potential / 2)"),
    "potential: everybody whom nobody met": ("untouched_due", "u, law.potential, law.frailty", "u, 1.0, law.frailty"),
    "potential: everybody with an active contact": (
        "touch_resident",
        "first_resistance(to_unit(drawn), nation.law.potential,",
        "first_resistance(to_unit(drawn), 1.0,",
    ),
    "potential: everybody who was far away": (
        "sooner",
        "first_resistance(to_unit(drawn), nation.law.potential,",
        "first_resistance(to_unit(drawn), 1.0,",
    ),
    "potential: the bound of another": ("sooner", "least_resistance(drawn, nation.law.potential)", "least_resistance(drawn, 1.0)"),
    "the last of a stretch unseen": ("_low_draws", "min(first + 64, end)", "min(first + 63, end)"),
    "touched: thought to be queued beyond the horizon": ("touch_resident", "key if key <= clocks.horizon[c] else NEVER", "key"),
    "stale keys trusted": ("_is_due", "clock_needed(left(row, phi, before), phi) <= clocks.now[c] - before", "True"),
    "too early, not put back": ("_is_due", "sooner(row, phi, before, clocks.horizon[c], nation)", "False"),
    "smallest lots: largest": ("_smallest", "order[:k]", "order[len(order) - k :]"),
    "smallest lots: lowest numbers": ("_smallest", "by_number[order[:k]]", "by_number[:k]"),
    "smallest lots: first found": ("_smallest", "few[by_number[order[:k]]]", "candidates[:k]"),
    "lots of another step": ("_smallest", "lot_keys(number, step, seed)", "lot_keys(number, step + 1, seed)"),
    "exits of another step": ("exits_of", "exit_keys(step, seed)", "exit_keys(step + 1, seed)"),
    "taken twice": ("_by_quota", "there = there[new[there] < 0]", "pass"),
    "the same resistance again": ("_set_states", "table.episode[b.slot] += 1", "pass"),
    "back with the old clock": ("_set_states", "clocks.now[b.class_]", "clocks.before[b.class_]"),
    "back with an old key": ("_set_states", "row.queued = NEVER", "pass"),
    "back without a key": (
        "_rekey",
        "sooner(row, factor_at(row, nation.level[c], nation), clocks.now[c], clocks.horizon[c], nation)",
        "False",
    ),
    "back with the factor of a stranger": ("_set_states", "factor_at(row, nation.level[b.class_], nation)", "256"),
    "fighters not busy": ("_stay", "busy[x].state != QUIET and ", "busy[x].state not in (QUIET, N_STATES - 1) and "),
    "fighters thought to have gone": ("told", ACTIVE, "int(new[x] == PROTESTING) - int(old[x] == PROTESTING)"),
    "fighters not withdrawn by a cut": ("is_active_array", "is_active(s)", "s == PROTESTING"),
    "fighters neither killed nor detained": ("_by_quota", "range(len(_QUOTAS))", "range(3)"),
}


def planted(function: str, right: str, wrong: str) -> str:
    """The source with one text of a function replaced."""
    start = SOURCE.index(f"def {function}(")
    end = SOURCE.find("def ", start + 4)
    body = SOURCE[start:end] if end > 0 else SOURCE[start:]
    assert right in body, f"{function} has changed: plant the fault anew"
    return SOURCE[:start] + body.replace(right, wrong, 1) + SOURCE[start + len(body) :]


def engine_of(source: str) -> Any:
    """The event engine of a source, not compiled (that takes half a minute); what it calls in other files is."""
    module = ModuleType("planted")
    module.__dict__["jit"] = module.__dict__["leaf"] = lambda function: function
    exec(compile("from __future__ import annotations\n" + source, "planted", "exec"), module.__dict__)

    def table(class_start: np.ndarray) -> touched.Touched:  # in Python `row.work` needs a record array
        return touched.touched(class_start)._replace(rows=np.zeros(ROOM, np.dtype((np.record, touched.ROW))))

    def calendar(n_classes: int, most: int) -> queue.Calendar:
        return queue.calendar(n_classes, most)._replace(entry=np.zeros(ROOM, np.dtype((np.record, queue.ENTRY))))

    module.__dict__["prefetch"] = lambda array, k: None
    module.__dict__["touched"] = SimpleNamespace(touched=table, with_room=touched.with_room)
    module.__dict__["queue"] = SimpleNamespace(calendar=calendar, with_room=queue.with_room)
    module.__dict__["BUSY"] = np.dtype((np.record, busy.BUSY))
    for name in ("exit_keys", "lot_keys"):  # what comes back to Python is a plain number, which may be taken for a signed one
        module.__dict__[name] = lambda *given, keys=module.__dict__[name]: tuple(map(np.uint64, keys(*given)))
    module.__dict__["word"] = lambda *given: np.uint64(word(*given))
    return module.__dict__["EventEngine"]


def test_the_source_as_it_is_passes_where_faults_are_sought() -> None:
    engine = engine_of(SOURCE)
    with np.errstate(over="ignore"):  # work runs over, as it may
        assert [difference(w, engine) for w in small_worlds()] == [""] * WORLDS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    engine = engine_of(planted(*FAULTS[fault]))
    with np.errstate(over="ignore"):
        assert any(noticed(w, engine) for w in small_worlds())


# --- closed forms ----------------------------------------------------------------------------------------------------


def outside(found: int, n: int, share: float) -> bool:
    """Whether a count is farther from a binomial mean than chance allows once in a million."""
    return abs(found - n * share) > 4.9 * math.sqrt(n * share * (1 - share))


def survival(work: float, frailty: float) -> float:
    return math.exp(-work) if frailty == 0 else (1 + work * frailty) ** (-1 / frailty)


@pytest.mark.parametrize(("frailty", "potential"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.3)])
def test_without_ties_as_many_have_joined_as_the_survival_function_says(frailty: float, potential: float) -> None:
    n = 100_000
    blocks = lay_out(np.full((2, 2, 1), n), np.array([0, 1]))
    engine = EventEngine(blocks, tie(blocks, [], 4), Law(4, frailty, potential, factors(5.0, 5.0, 0.0), 0.5))
    rates = no_rates(2, 2, 4)._replace(a=np.array([0.001, 0.02]), g=np.array([1.0, 2.0, 1.0, 2.0]), dt=0.5)
    pressure = np.array([[0.001, 0.002], [0.02, 0.04]])
    other_law, other_pressure, other_potential = 0, 0, 0
    for step in range(1, 101):
        counts = engine.step(rates)
        assert (counts.n.sum(axis=0) == n).all()
        if step in (4, 20, 100):
            for found, work in zip(counts.n[PROTESTING].ravel(), pressure.ravel() * 0.5 * step, strict=True):
                assert not outside(int(found), n, potential * (1 - survival(work, frailty))), (step, work)
                other_law += outside(int(found), n, potential * (1 - survival(work, frailty + 0.1)))
                other_pressure += outside(int(found), n, potential * (1 - survival(work * 1.05, frailty)))
                other_potential += outside(int(found), n, 0.9 * potential * (1 - survival(work, frailty)))
    assert min((other_law, other_pressure) if potential == 1.0 else (other_potential,)) >= 2  # the budget is narrow enough to notice


def test_in_pairs_the_second_joins_at_the_factor_of_the_first() -> None:
    # Without frailty work has no memory: pairs with 0, 1 or 2 active are a Markov chain, exact in steps of any length.
    pairs, m = 20_000, 0.02
    blocks = lay_out(np.array([[[2 * pairs]]]), np.array([0]))
    for online in (False, True):
        ties = tie(blocks, [Layer("pair", "country", (2,), online=online)], 6)
        engine = EventEngine(blocks, ties, Law(6, 0.0, 1.0, factors(0.0 if online else 4.0, 4.0 if online else 0.0, 0.0), 0.5))
        one, two = -math.expm1(-m), -math.expm1(-5 * m)
        chain = np.array([[(1 - one) ** 2, 2 * one * (1 - one), one**2], [0, 1 - two, two], [0, 0, 1]])
        room = np.empty(1, np.int64)
        for _ in range(20):
            engine.step(no_rates(1, 1, 1)._replace(a=np.array([m])))
        active = np.zeros(2 * pairs, int)
        active[engine.moves.table()["resident"].astype(int)] = 1
        partner = []
        for i in range(2 * pairs):
            contacts(i, blocks, ties, room)
            partner.append(int(room[0]))
        found = np.bincount(active + active[partner], minlength=3) // 2
        for k, share in enumerate(np.linalg.matrix_power(chain, 20)[0]):
            assert not outside(int(found[k]), pairs, share), (online, k)


def loud_world(seed: int, halves: int, *, converted: bool = True, potential: float = 1.0) -> World:
    """A country of 20,000 over 96 hours, where most join because of others."""
    rng = np.random.default_rng(7)
    blocks = lay_out(rng.multinomial(20_000, rng.dirichlet(np.full(24, 2.0))).reshape(6, 2, 2), np.array([0, 0, 1, 1, 2, 2]))
    layers = [
        Layer("home", "place", (4, 4)),
        Layer("work", "workplace", (10, 8)),
        Layer("street", "place", (6, 6)),
        Layer("far", "country", (2, 2), repeats=4, online=True),
    ]
    leave = np.zeros((N_STATES, 6, N_STATES))
    for old, new, hourly in ((PROTESTING, WITHDRAWN, 0.1), (PROTESTING, DETAINED, 0.01), (WITHDRAWN, QUIET, 0.05), (DETAINED, QUIET, 0.02)):
        leave[old, :, new] = 1 - (1 - hourly) ** (1 / halves) if converted else hourly
    rates = no_rates(6, 2, 24, dt=1 / halves)._replace(a=0.002 * np.array([1, 0.5, 2, 1, 0.2, 0.8]), leave=leave)
    law = Law(seed, 0.5, potential, factors(2.0, 1.0, -0.2), 0.5)
    return World(blocks, tie(blocks, layers, seed), law, [rates] * (96 * halves))


def loud(seed: int, halves: int, *, converted: bool = True) -> tuple[int, int]:
    """Joins and participants in it."""
    moves = ran(loud_world(seed, halves, converted=converted)).moves.table()
    who = moves["resident"][moves["old"] == QUIET]
    return len(who), len(np.unique(who))


@pytest.mark.parametrize(("seed", "digest"), [(1, "743bd24db171f809"), (2, "d7a8ab5106b52ff4")])
def test_where_all_would_take_part_moves_are_those_of_a_model_without_a_potential(seed: int, digest: str) -> None:
    # Digests of this country before there was a potential.
    assert ran(loud_world(seed, 1)).moves.sha256()[:16] == digest
    assert ran(loud_world(seed, 1, potential=0.999)).moves.sha256()[:16] != digest


def test_nobody_outside_the_potential_ever_joins_and_fewer_contacts_come_of_it() -> None:
    joined = {}
    for potential in (0.0, 0.1, 0.3, 1.0):
        w = loud_world(1, 1, potential=potential)
        moves = ran(w).moves.table()
        joined[potential] = np.unique(moves["resident"][moves["old"] == QUIET])
        assert all(own_resistance(int(i), 0, w.law) < NEVER for i in joined[potential])
    assert not len(joined[0.0])
    assert [0 < len(joined[x]) < 20_000 * x for x in (0.1, 0.3, 1.0)] == [True] * 3
    assert len(joined[0.1]) < 0.25 * len(joined[0.3]) + 4.9 * math.sqrt(
        len(joined[0.3])
    )  # less than in proportion: who joins brings others


def test_half_the_step_changes_joins_and_participants_by_less_than_five_in_a_hundred() -> None:
    for seed in (1, 2, 3):
        hour, half = loud(seed, 1), loud(seed, 2)
        assert min(hour) > 3000
        assert half == pytest.approx(hour, rel=0.05)
    assert loud(1, 2, converted=False) != pytest.approx(loud(1, 1), rel=0.05)  # chances per hour taken as per half hour


# --- parts -----------------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_rows_in_order_however_they_were_found() -> None:
    rng = np.random.default_rng(3)
    straight, shuffled, other = Moves([]), Moves([]), Moves([])
    packed = b""
    for step in (0, 1, 70_000):
        who = np.sort(rng.choice(2**40, 50, replace=False))
        old, new = rng.integers(0, N_STATES, 50), rng.integers(0, N_STATES, 50)
        packed += b"".join(struct.pack("<IQBB", step, *row) for row in zip(who.tolist(), old.tolist(), new.tolist(), strict=True))
        order = rng.permutation(50)
        straight.add(step, who, old, new)
        shuffled.add(step, who[order], old[order], new[order])
        other.add(step, who, old, np.where(who == who[7], new ^ 1, new))
        straight.add(step, who[:0], old[:0], new[:0])  # a step in which nothing moved
    assert straight.sha256() == shuffled.sha256() == hashlib.sha256(packed).hexdigest()
    assert other.sha256() != straight.sha256()


def test_nothing_happens_without_pressure_and_counts_say_so() -> None:
    blocks = lay_out(np.array([[[3, 0], [0, 4]]]), np.array([0]))
    for make in (PlainEngine, EventEngine):
        engine = make(blocks, tie(blocks, [Layer("home", "place", (3, 3))], 1), Law(1, 0.0, 1.0, factors(1, 1, 1), 0.5))
        for _ in range(3):
            counts = engine.step(no_rates(1, 2, 4))
            assert counts.n[QUIET].tolist() == [[3, 4]]
            assert (counts.n.sum(), counts.joined.sum(), counts.moved.sum()) == (7, 0, 0)
        assert engine.moves.sha256() == hashlib.sha256().hexdigest()


def test_a_quota_larger_than_those_there_takes_all_and_says_how_many() -> None:
    blocks = lay_out(np.array([[[40]]]), np.array([0]))
    loud_hour = no_rates(1, 1, 1)._replace(a=np.array([0.5]))
    split = no_rates(1, 1, 1)
    split.leave[PROTESTING, :, FIGHTING] = 0.5
    arrests: Rates = no_rates(1, 1, 1)._replace(quota=np.array([[3], [1000], [5], [2], [1000]]))
    for make in (PlainEngine, EventEngine):
        engine = make(blocks, tie(blocks, [], 1), Law(1, 0.0, 1.0, factors(1, 1, 1), 0.5))
        joined = int(engine.step(loud_hour).joined.sum())
        fighters = int(engine.step(split).n[FIGHTING].sum())
        counts = engine.step(arrests)
        assert 40 > joined > fighters + 3 > 5
        assert counts.moved.ravel().tolist() == [3, joined - fighters - 3, 0, 2, fighters - 2]  # the killed are not detained too
        assert counts.n[:, 0, 0].tolist() == [40 - joined, 0, joined - 5, 0, 5, 0]


def test_a_calendar_gives_everyone_back_in_the_step_that_reaches_them_and_uses_entries_again() -> None:
    rng = np.random.default_rng(4)
    q = queue.calendar(3, 4)  # fewer than there will be
    mine: list[set[tuple[int, int]]] = [set(), set(), set()]
    now, horizon = [0, 0, 0], [0, 0, 0]
    most = number = 0
    for _ in range(600):
        c = int(rng.integers(0, 3))
        before, now[c] = now[c], now[c] + int(rng.integers(0, 50) ** rng.integers(0, 4))
        if now[c] > horizon[c]:
            passed, horizon[c] = horizon[c], 3 * now[c]
            queue.set_days(q, c, passed, now[c], horizon[c])
        key, who = np.empty((2, len(mine[c]) + 1), np.int64)
        assert q.soonest[c] == min((k for k, _ in mine[c]), default=horizon[c] + 1)
        n = queue.take_due(q, c, before, now[c], horizon[c], key, who, 0) if q.soonest[c] <= now[c] else 0
        reached = {(k, i) for k, i in mine[c] if k <= now[c]}
        assert set(zip(key[:n].tolist(), who[:n].tolist(), strict=True)) == reached
        assert n == len(reached)
        mine[c] -= reached
        for key_of_new in rng.integers(now[c], horizon[c] + 1, int(rng.integers(0, 12))).tolist():
            if key_of_new > now[c]:
                q = queue.with_room(q, 1)
                queue.push(q, c, key_of_new, number)
                mine[c].add((key_of_new, number))
                number += 1
        most = max(most, sum(map(len, mine)))
    assert number > 1000
    assert q.free[1] - 1 == most  # no more entries than ever stood there at once


@pytest.mark.parametrize("most", [10**6, 100], ids=["direct", "hashed"])
def test_the_table_finds_everyone_touched_and_nobody_else(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", most)  # in a hash table numbers meet; and there is room for fewer than there will be
    rng = np.random.default_rng(5)
    blocks = lay_out(rng.multinomial(100_000, np.full(7, 1 / 7)).reshape(7, 1, 1), np.arange(7))
    who = rng.permutation(blocks.n)[:8000].tolist()
    t = touched.touched(blocks.class_start)
    assert t.direct == (most > blocks.n)
    for slot, i in enumerate(who[:4000]):
        t = touched.with_room(t, 1)
        where = touched.seek(t, i)
        assert t.entries[where] == 0
        assert touched.touch(t, where, i, class_of(i, blocks), i + 1, touched.EXACT, NEVER) == slot
    assert [touched.find(t, i) for i in who[:4000]] == list(range(4000))
    assert [touched.who_of(t, slot) for slot in range(4000)] == who[:4000]
    assert {touched.find(t, i) for i in who[4000:]} == {touched.NIL}
    for c in range(7):
        chain, slot = [], int(t.first[c])
        while slot != touched.NIL:
            chain.append(touched.who_of(t, slot))
            slot = int(t.after[slot])
        assert sorted(chain) == sorted(i for i in who[:4000] if class_of(i, blocks) == c)


def test_a_class_whose_numbers_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="a class can have 4294967296 residents, one has 4294967297"):
        touched.touched(np.array([0, 1, 2**32 + 2]))


def test_the_longest_and_loudest_history_stays_inside_the_integers() -> None:
    # At the cap of every step for as many steps as there may be, clocks reach 2^62 and horizons twice that.
    blocks = lay_out(np.full((1, 1, 1), 40), np.array([0]))
    law = Law(3, 0.0, 1.0, np.full((1, 1, 1), 256, np.int64), 0.5)
    rates = no_rates(1, 1, 1)
    rates.a[:] = 100.0
    rates.leave[PROTESTING, :, WITHDRAWN] = rates.leave[WITHDRAWN, :, QUIET] = 0.5
    w = World(blocks, tie(blocks, [], 3), law, [rates] * STEPS_MAX)
    assert first_difference(w, PlainEngine(blocks, w.ties, law), EventEngine(blocks, w.ties, law)) == ""
