"""Outcome: how a history ended, by rules written here, the same for every scenario.

    crowd P(t)   everyone out in the country, in people; peak P* its largest value
    quiet        P* below 1,000: no uprising to speak of
    collapsed    the capital's seat of government, or at least half of all seats, in the crowd's hands for 24 hours on end
    ongoing      more than P* / 10 out at some time of the last 24 hours, or a seat still in the crowd's hands at the end
    conceded     over, and what was granted is at or above what was asked for in at least half of the protest (weighted by days of
                 protest of the regions)
    settled      over, something was granted that fell short of it, and fewer than one in 1,000 of the peak were killed
    suppressed   over otherwise, under an emergency or an order to shoot, or with at least one in 1,000 of the peak killed or detained
    faded        over otherwise: nobody granted anything and nobody used force to speak of

The rules are tried in this order. Duration: hours from P first reaching 1,000 to P last above P* / 10. That a movement is over at
a tenth of its peak, that a seat must be held for a day, and one in 1,000 are conventions; no verdict may rest on one of them alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qantar.model.contract import Floats
from qantar.model.world import Bools

OUTCOMES = ("quiet", "collapsed", "ongoing", "conceded", "settled", "suppressed", "faded")
UPRISING = 1000.0
"""People out at once from whom on a history is an uprising; `ensemble.histories` asks the same of official participants."""
TENTH = 0.1
HELD_HOURS = 24.0
IN_A_THOUSAND = 0.001


@dataclass(frozen=True)
class Outcome:
    """How a history ended. Counts in people of the country."""

    name: str
    hours: float
    """duration; 0 for a quiet one"""
    peak: float
    killed: float
    """protesters and fighters"""
    security_killed: float
    detained: float
    seats_lost: int
    """regions whose seat of government was in the crowd's hands at some time"""


def judge(
    crowd: Floats,
    *,
    step_hours: float,
    seat_lost: Bools,
    capital: int,
    granted: Floats,
    asked: Floats,
    protest_days: Floats,
    force: bool,
    killed: float,
    security_killed: float,
    detained: float,
) -> Outcome:
    """The outcome of a history, by the rules above.

    `crowd`, shape (steps,), is everyone out in people of the country; `seat_lost`, shape (steps, regions), is bool. `granted`, `asked`
    and `protest_days`, shape (regions,), are those at the end: highest demand granted, demand put to the state, days with protest.
    `force` says whether an emergency or an order to shoot was ever in force; the last three count people since the start.

    A crowd that comes and goes, with nothing granted and no force:

    >>> none = dict(granted=np.zeros(1), asked=np.ones(1), protest_days=np.ones(1), force=False)
    >>> lost = dict(killed=0.0, security_killed=0.0, detained=0.0)
    >>> crowd = np.array([0.0, 2000, 5000, 100] + [0.0] * 30)
    >>> end = judge(crowd, step_hours=1.0, seat_lost=np.zeros((34, 1), bool), capital=0, **none, **lost)
    >>> end.name, end.hours
    ('faded', 2.0)
    """
    peak = float(crowd.max(initial=0.0))
    above = np.flatnonzero(crowd > TENTH * peak)
    begun = np.flatnonzero(crowd >= UPRISING)
    hours = float(above[-1] - begun[0] + 1) * step_hours if len(begun) else 0.0
    day = max(1, round(HELD_HOURS / step_hours))

    def held(lost: Bools) -> bool:
        runs = np.convolve(lost.astype(int), np.ones(day, int), "valid") if len(lost) >= day else np.zeros(1)
        return bool((runs == day).any())

    weight = protest_days / protest_days.sum() if protest_days.sum() > 0 else np.zeros_like(protest_days)
    met = float(weight @ ((granted > 0) & (granted >= np.floor(asked + 0.5))))
    if peak < UPRISING:
        name = "quiet"
    elif held(seat_lost[:, capital]) or held(2 * seat_lost.sum(axis=1) >= seat_lost.shape[1]):
        name = "collapsed"
    elif (crowd[-day:] > TENTH * peak).any() or seat_lost[-1].any():
        name = "ongoing"
    elif met >= 0.5:
        name = "conceded"
    elif (granted * weight).sum() > 0 and killed < IN_A_THOUSAND * peak:
        name = "settled"
    elif force or killed + detained >= IN_A_THOUSAND * peak:
        name = "suppressed"
    else:
        name = "faded"
    return Outcome(name, hours, peak, killed, security_killed, detained, int(seat_lost.any(axis=0).sum()))
