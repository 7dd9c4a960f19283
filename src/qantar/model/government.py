"""Government by policy: a ladder of decisions, each taken some hours after what the state sees has passed its rung.

    signals, each between 0 and 1, of the last day (a peak fades with half-life 24 h):
        participants   n / (n + see_people_half), n everyone out, added up over regions
        spread         share of regions with at least see_visible people out
        clashes        f / (f + see_clash_half), f fighters in the two largest cities
        seats          s / (s + see_seats_half), s seats of government in the crowd's hands
        threat         mean of the four, weighted by weigh_participants, weigh_spread, weigh_clashes, weigh_seats
    a decision is made    decide_hours after the signal first reached its rung (rung_price, rung_cabinet, rung_emergency, ...)
    it is in force        also where it was made in the policy's place: until `policy_from` of the plan the policy only looks on
    it is taken back      after the signal has been below half its rung for relax_hours (emergency, cut, order to shoot, framing)

Price cuts with a promise of level 1 (one rung) and an emergency go to regions with unrest to be seen and, once made, to others as soon
as unrest is seen there; the cabinet (level 2), the
cut, the request for troops, hostile words and the order to shoot are for the country; troops are asked for the largest city. Rungs
have no order a priori: which step comes first is an outcome. Which signal a policy reacts to is chosen by name in the scenario, and so
is, kind by kind, whether the record, the policy or nobody decides. Ladders of escalation: Davenport (2007, Annu. Rev. Polit. Sci. 10),
Pierskalla (2010, J. Confl. Resolut. 54); this one is an assumption. The same class reacts to simulated events and to recorded ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qantar.model.contract import Counts, Floats, Ints
from qantar.model.world import Bools, Land, StateStep, World
from qantar.scenario.parameters import Values

DAY_HOURS = 24.0


class Rung(NamedTuple):
    """A decision on the ladder: kind of step, parameter of its rung, size, whether it is for the country, size when taken back."""

    name: str
    kind: str
    rung: str
    size: float
    national: bool
    back: float | None = None


LADDER = (
    Rung("price", "price", "rung_price", 0.0, False),
    Rung("promise", "concession", "rung_price", 1.0, False),
    Rung("cabinet", "concession", "rung_cabinet", 2.0, True),
    Rung("emergency", "emergency", "rung_emergency", 1.0, False, 0.0),
    Rung("internet", "internet", "rung_internet", 0.0, True, 2.0),
    Rung("intervention", "intervention", "rung_intervention", 0.0, True),
    Rung("shoot", "shoot_order", "rung_shoot", 1.0, True, 0.0),
    Rung("framing", "framing", "rung_framing", 1.0, True, 0.0),
)
"""Size 0 of a price stands for the old price, size 0 of an intervention for the troops that the scenario says would be asked for."""


def _is_of(rung: Rung, size: float, lower: bool) -> bool:
    """Whether a step of the rung's kind is the decision that the rung stands for, by its size; `lower`: it lowers a price."""
    if rung.kind == "price":
        return lower
    if rung.kind == "concession":
        return (size >= 2) == rung.national
    return size == 0 if rung.kind == "internet" else size > 0


class VisibleState(NamedTuple):
    """What the state can see in one hour, in people of the country."""

    people: Floats
    """out, by region"""
    clashes: float
    """fighters in the two largest cities"""
    seats: Bools
    """seats of government in the crowd's hands, by region"""


def visible_state(land: Land, world: World, counts: Counts) -> VisibleState:
    """What there is to see at the start of a step."""
    cities = largest_cities(land)
    clashes = float(counts.fighting[cities].sum()) / land.scale
    return VisibleState(land.by_region(counts.out) / land.scale, clashes, world.region["seat_lost"])


def largest_cities(land: Land) -> Ints:
    """Numbers of the two largest settlements."""
    return np.argsort(-np.where(land.settlement, land.residents, 0), kind="stable")[:2]


SIGNALS = ("participants", "spread", "clashes", "seats")


def signals(people: float, regions: float, clashes: float, seats: float, params: Values) -> dict[str, float]:
    """The signals of the docstring from people out, share of regions with unrest, fighters, and seats lost.

    >>> half = {"see_people_half": 10.0, "see_clash_half": 1.0, "see_seats_half": 1.0}
    >>> weights = {f"weigh_{name}": 1.0 for name in SIGNALS}
    >>> signals(10, 0.5, 1, 1, half | weights)["threat"]
    0.5
    """
    readings = {
        "participants": people / (people + params["see_people_half"]),
        "spread": regions,
        "clashes": clashes / (clashes + params["see_clash_half"]),
        "seats": seats / (seats + params["see_seats_half"]),
    }
    weights = [params[f"weigh_{name}"] for name in SIGNALS]
    total = sum(weights)
    readings["threat"] = sum(w * readings[name] for w, name in zip(weights, SIGNALS, strict=True)) / total if total > 0 else 0.0
    return readings


DATED: dict[str, Callable[[str, float], bool]] = {
    "emergency": lambda kind, size: kind == "emergency" and size > 0,
    "cabinet": lambda kind, size: kind == "concession" and size >= 2,
    "internet": lambda kind, size: kind == "internet" and size == 0,
    "intervention": lambda kind, size: kind == "intervention",
    "shoot_order": lambda kind, size: kind == "shoot_order" and size > 0,
}
"""The five decisions whose hour is compared with a record; the first of each counts. A cut of mobile internet alone is no cut here."""


def first_hours(decisions: Iterable[tuple[str, float, float]]) -> dict[str, float]:
    """Hour of the first decision of each dated kind, from (kind, size, hour); NaN if it is never taken.

    >>> first_hours([("internet", 1, 90.0), ("internet", 0, 112.5), ("internet", 0, 130.0)])["internet"]
    112.5
    """
    known = list(decisions)
    return {name: min((at for kind, size, at in known if fits(kind, size)), default=math.nan) for name, fits in DATED.items()}


@dataclass
class _Rung:
    """Where a decision stands: hour at which it falls due, whether it is in force and where, and since when all is calm."""

    due: float | None = None
    decided: bool = False
    places: frozenset[int] = frozenset()
    calm: float | None = None


class Policy:
    """The driver that yields decisions from what the state sees. `kinds` are those it may decide."""

    def __init__(self, land: Land, params: Values, signal: str, kinds: set[str], foreign: float) -> None:
        self.land, self.params, self.signal = land, params, signal
        self.foreign = foreign
        self.rungs = [(r, _Rung()) for r in LADDER if r.kind in kinds]
        self.price = land.price.copy()
        self.peak = np.zeros(land.n_regions)
        self.clashes = self.seats = 0.0

    def follow(self, steps: Iterable[StateStep]) -> None:
        """Takes note of what was decided in its place: it does not decide that again where it is in force, and may take it back."""
        for step in steps:
            places = list(step.places)
            lower = step.kind == "price" and step.size < float(self.price[places].mean())
            if step.kind == "price":
                self.price[places] = step.size
            regions = frozenset(self.land.region[places].tolist())
            for rung, state in self.rungs:
                if rung.kind != step.kind:
                    continue
                wide = not rung.national or rung.kind == "intervention" or len(regions) == self.land.n_regions
                if wide and _is_of(rung, step.size, lower):
                    state.due, state.decided, state.places, state.calm = step.at, True, state.places | regions, None
                elif rung.back is not None and step.size == rung.back:
                    state.places -= regions
                    if not state.places:
                        state.due, state.decided, state.calm = None, False, None

    def decide(self, view: VisibleState, hour: float, dt: float) -> tuple[StateStep, ...]:
        """Decisions that fall due at this hour, after a look at what there is to see."""
        seen, visible = self.look(view, dt)
        return tuple(s for rung, state in self.rungs for s in self._climb(rung, state, seen, visible, hour))

    def look(self, view: VisibleState, dt: float) -> tuple[float, Bools]:
        """The signal, and the regions with unrest to be seen, after one more step."""
        keep = 0.5 ** (dt / DAY_HOURS)
        self.peak = np.maximum(view.people, keep * self.peak)
        self.clashes = max(view.clashes, keep * self.clashes)
        self.seats = max(float(view.seats.sum()), keep * self.seats)
        visible = self.peak >= self.land.visible(self.params["see_visible"])
        return signals(float(self.peak.sum()), float(visible.mean()), self.clashes, self.seats, self.params)[self.signal], visible

    def _climb(self, rung: Rung, state: _Rung, seen: float, visible: Bools, hour: float) -> list[StateStep]:
        """What happens on one rung in this hour."""
        height = self.params[rung.rung]
        if state.due is None and seen > 0 and seen >= height:
            state.due = hour + self.params["decide_hours"]
        if state.due is None or hour < state.due:
            return []
        if state.decided and rung.back is not None:
            state.calm = (hour if state.calm is None else state.calm) if seen < height / 2 else None
            if state.calm is not None and hour - state.calm >= self.params["relax_hours"]:
                step = self._step(rung, rung.back, state.places, hour)
                state.due, state.decided, state.places, state.calm = None, False, frozenset(), None
                return [step]
        regions = set(range(self.land.n_regions)) if rung.national else set(np.flatnonzero(visible).tolist())
        new = frozenset(regions - state.places) if not (rung.national and state.decided) else frozenset[int]()
        if not new:
            return []
        state.decided, state.places = True, state.places | new
        return [self._step(rung, rung.size, new, hour)]

    def _step(self, rung: Rung, size: float, regions: frozenset[int], hour: float) -> StateStep:
        land = self.land
        places = tuple(np.flatnonzero(np.isin(land.region, sorted(regions))).tolist())
        if rung.kind == "price":
            size = float(land.price.mean())
        elif rung.kind == "intervention":
            size, places = self.foreign, (int(largest_cities(land)[0]),)
        return StateStep(f"policy-{rung.name}", rung.kind, places, hour, size, "policy")
