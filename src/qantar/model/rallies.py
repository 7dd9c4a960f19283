"""Rallies: what begins is a gathering that is agreed on the evening before, at a common hour, and not one person at one instant.

    L = all terms of the log pressure of a place, with the effect of a day off
    every evening at 20:00, the place's time:
      rallies agreed on for the next day: Poisson, mean rally_rate x share of the country's residents x exp(L)
      call of each    = rally_size x (residents / 100,000)^rally_scaling x exp(rally_sd x normal), in people of the country
      hour of all     = rally_hour + 2 x normal, within 8 and 20
    for rally_hours from that hour on (of a step, the share that lies within them)
      a[place]   += call x exp(rally_turnout x L) / (rally_hours x those within the potential who can take part)

so that about as many come as the call says, fewer where few are left who would come at all, more where ties carry it on. Those of the
first day are agreed on in the first step, as in quiet times: until then nothing had changed. Rally_rate and rally_size are what trackers
of protest count in quiet months. Whether a rally is held is decided by what is known on the evening before; how many follow the call, by
how things stand at its hour. Protest is coordinated ahead through common knowledge (Chwe 2001, Rational Ritual); what is said today goes
with protest on the next day (Steinert-Threlkeld, Mocanu, Vespignani and Fowler 2015, EPJ Data Sci. 4).
The forms are assumptions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qantar.compiled import leaf
from qantar.model.chance import RALLY, RALLY_HOUR, RALLY_SIZE, normal, poisson
from qantar.model.world import Columns, World, day_off, excitement

NAME = "rallies"
PLACE: Columns = {
    "call": np.zeros(2),  # people who are called to the rally of an even and of an odd day, in people of the model's scale
    "rally_from": np.full(2, np.inf),  # hour since the start at which it begins
}
COUNTRY: Columns = {"all_residents": 0.0}
EVE, EARLIEST, LATEST, SPREAD = 20.0, 8.0, 20.0, 2.0
"""Hours of the day at which rallies are agreed on, and between which they begin; spread of their hour."""
SIZES = 64
"""Rallies of a place and day beyond so many are as large as the others on average."""


def begin(w: World, land: Any) -> World:
    """How many residents there are."""
    w.country["all_residents"] = land.residents.sum()
    return w


@leaf
def step(w: World) -> None:
    """Agree in the evening, and at the start as in quiet times; push while rallies last."""
    p, now = w.params[0], w.country[0]
    free = day_off(now, w.days_off, p)
    for k in range(len(w.place)):
        here = w.place[k]
        excited = excitement(w.terms[k], free)
        if now.t == 0:
            _agree(here, k, free, p, now)
        elif EVE <= here.clock < EVE + now.dt:
            _agree(here, k, excited, p, now)
        called = 0.0
        for slot in range(2):
            from_, until = here.rally_from[slot], here.rally_from[slot] + p.rally_hours
            called += here.call[slot] * max(min(until, now.hour + now.dt) - max(from_, now.hour), 0.0) / now.dt
        if called > 0:
            able = max(w.able[k].sum() * p.potential, 1.0)
            here.rally = called * math.exp(p.rally_turnout * excited) / (p.rally_hours * able)


@leaf
def _agree(here: Any, k: int, excited: float, p: Any, now: Any) -> None:
    """How many are called to the next day's rallies and when; expected is a part of a rally everywhere, of mean size and usual hour."""
    day = int((now.first_hour + now.hour + here.local_hour - EVE) // 24) + 1  # after the last evening
    rate = p.rally_rate * (here.residents / now.all_residents) * math.exp(excited)
    rallies = rate if now.expected else poisson(now.seed, RALLY, k, rate, day)
    sizes, drawn = 0.0, max(1, int(min(rallies, 1.0 * SIZES)))
    for number in range(drawn):
        luck = p.rally_sd / 2 if now.expected else normal(now, RALLY_SIZE, k, day * SIZES + number)
        sizes += math.exp(p.rally_sd * luck)
    size = p.rally_size * (here.residents / now.scale / 1e5) ** p.rally_scaling * sizes / drawn
    hour = min(max(p.rally_hour + SPREAD * normal(now, RALLY_HOUR, k, day), EARLIEST), LATEST)
    here.call[day % 2] = rallies * size * now.scale
    here.rally_from[day % 2] = 24.0 * day + hour - now.first_hour - here.local_hour
