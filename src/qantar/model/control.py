"""Control: who holds the seat of government and the airport of each region, hour by hour.

    a seat that the state holds is lost at      seize_rate x edge of the crowd over the units there, per hour
    a seat that the crowd holds is retaken at   retake_rate x edge of the units over the crowd there, per hour
    an airport likewise, airport_rate times as fast
    log pressure of a region  += seat_effect while its seat is lost     (free sign)

Edge and strength are those of `arms`. A seat has a resistance of its own, drawn once for each time it changes hands: it falls when
the rates added up reach it. Units cannot be flown to a region whose airport is lost (`forces`). A place is contested while its seat is
lost or the crowd there is stronger than the units; how much deadlier that is is a coefficient with a free sign (seat_lethality,
`repression`).
Buildings as what a revolt is about: Tilly (2003, The Politics of Collective Violence); the rates are assumptions.
"""

from __future__ import annotations

import numpy as np

from qantar.model.contract import Counts, Floats
from qantar.model.forces import acting
from qantar.model.weapons import edge, strength
from qantar.model.world import AIRPORT, SEAT, Bools, Draws, World
from qantar.scenario.parameters import Values

NAME = "control"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Seats and airports change hands."""
    seat = world.land.seat
    lost = world.seat_lost.any() or world.airport_lost.any()
    if "seat" in world.terms and not (lost or world.contested.any() or counts.fighting.any() or world.defectors.any()):
        return
    crowd, units = strength(world, counts, params)[seat], acting(world, params)[seat]
    world.contested[:] = False
    if crowd.any() or lost:
        losing, retaking = params["seize_rate"] * edge(crowd, units), params["retake_rate"] * edge(units, crowd)
        world.seat_lost = _change_hands(world, draws, SEAT, world.seat_lost, np.where(world.seat_lost, retaking, losing))
        speed = params["airport_rate"]
        rates = np.where(world.airport_lost, retaking, losing) * speed
        world.airport_lost = _change_hands(world, draws, AIRPORT, world.airport_lost, rates)
    world.contested[seat] = world.seat_lost | (edge(crowd, units) > 0)
    world.terms["seat"] = (params["seat_effect"] * world.seat_lost.astype(float))[world.land.region]


def _change_hands(world: World, draws: Draws, what: int, lost: Bools, rate: Floats) -> Bools:
    """Work done on each; where it reaches the resistance, the holder changes and the next resistance is drawn."""
    n = len(lost)
    work, times = world.cache.setdefault(f"hands {what}", (np.zeros(n), np.zeros(n, np.int64)))
    work += rate * world.dt
    changed = np.array([work[r] > 0 and work[r] >= draws.exponential(what, r, int(times[r])) for r in range(n)])
    work[changed] = 0.0
    times[changed] += 1
    return np.asarray(lost ^ changed)
