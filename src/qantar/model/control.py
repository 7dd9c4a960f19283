"""Control: who holds the seat of government of each region, hour by hour.

    a seat that the state holds is lost at      seize_rate x edge of the crowd over the units there, per hour
    a seat that the crowd holds is retaken at   retake_rate x edge of the units over the crowd there, per hour
    log pressure of a region  += seat_effect while its seat is lost     (free sign)

Edge and strength are those of `arms`. A seat has a resistance of its own, drawn once for each time it changes hands: it falls when
the rates added up reach it. A place is contested while its seat is lost or the crowd there is stronger than the units; how much
deadlier that is is a coefficient with a free sign (seat_lethality, `repression`).
Buildings as what a revolt is about: Tilly (2003, The Politics of Collective Violence); the rates are assumptions.
"""

from __future__ import annotations

from typing import Any

from qantar.compiled import leaf
from qantar.model.chance import SEAT, exponential
from qantar.model.forces import acting
from qantar.model.weapons import edge, strength
from qantar.model.world import Columns, World

NAME = "control"
PLACE: Columns = {"contested": False}
REGION: Columns = {
    "seat_lost": False,  # whether the crowd holds the seat of government
    "seat_work": 0.0,  # done since it last changed hands
    "seat_turns": 0,  # how often it has changed hands
}
TERMS = ("seat",)


@leaf
def step(w: World) -> None:
    """Seats change hands."""
    p, now = w.params[0], w.country[0]
    for r in range(len(w.region)):
        region = w.region[r]
        seat = w.place[region.seat]
        crowd, units = strength(seat, p), acting(seat, p)
        losing, retaking = p.seize_rate * edge(crowd, units), p.retake_rate * edge(units, crowd)
        _fight_for_seat(region, r, (retaking if region.seat_lost else losing) * now.dt, now)
        seat.contested = region.seat_lost or edge(crowd, units) > 0
    for k in range(len(w.place)):
        w.term[k].seat = p.seat_effect * w.region[w.place[k].region].seat_lost


@leaf
def _fight_for_seat(region: Any, r: int, work: float, now: Any) -> None:
    """Where the work reaches the resistance, the holder changes, and the next resistance is drawn."""
    region.seat_work += work
    if region.seat_work > 0 and region.seat_work >= exponential(now, SEAT, r, region.seat_turns):
        region.seat_lost = not region.seat_lost
        region.seat_turns += 1
        region.seat_work = 0.0
