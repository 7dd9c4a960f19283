"""Diffusion: through ties (a table for the engine), through the crowd in the square, through news of other places.

    phi(x, y, z)             =  (1 + tie_local f(x) + tie_online f(y)) x exp(backlash_contacts z)
    f(x)                     =  x, or with tie_midpoint m > 0:  x^4 / (x^4 + m^4) x m   (a threshold-like rise to m)
    log pressure of a place  += crowd_gain x n^2 / (n^2 + crowd_half^2)
    log pressure of a place  += media_gain x online share x log(1 + heard elsewhere / news_half)
    log pressure of a place  += near_gain x log(1 + seen nearby / news_half)

x, y are contacts active in person and online, z contacts killed or detained; n everyone out in the place. "Heard" are
protesters elsewhere in the country, remembered with half-life news_hours; "nearby" are protesters weighted by
exp(-distance / near_km). That joining rises with those already out is old (Granovetter 1978, Am. J. Sociol. 83; Kuran 1991,
World Politics 44) and measured for ties (Gonzalez 2020, J. Public Econ. 188), online networks (Enikolopov, Makarin and Petrova 2020,
Econometrica 88) and places (Aidt, Leon-Ablan and Satchell 2022, J. Politics 84). These forms are assumptions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.model.contract import Floats
from qantar.model.rules import FACTOR, FACTOR_MAX, FACTOR_MIN, FULL, MOBILE_CUT
from qantar.model.world import Columns, Land, World
from qantar.scenario.parameters import Values

NAME = "diffusion"
PLACE: Columns = {"news": 0.0}  # protesters whom people there have heard of lately
COUNTRY: Columns = {"internet": 1.0}
TERMS = ("crowd", "near", "media")
SHAPE = (24, 12, 8)
"""Contacts counted one by one, in person, online and harmed; more count as that many."""


def factors(params: Values, *, ties: bool, harm: bool) -> NDArray[np.int64]:
    """The engine's table phi, in 2^-8; 1 everywhere for what is off."""
    x, y, z = (np.arange(n, dtype=float) for n in SHAPE)
    rise = np.ones((len(x), len(y)))
    if ties:
        m = params["tie_midpoint"]
        local, online = (n if m == 0 else m * n**4 / (n**4 + m**4) for n in (x, y))
        rise = 1 + params["tie_local"] * local[:, None] + params["tie_online"] * online[None, :]
    backlash = np.exp(params["backlash_contacts"] * z) if harm else np.ones(len(z))
    table = np.rint(FACTOR * rise[:, :, None] * backlash)
    return np.clip(table, FACTOR_MIN, FACTOR_MAX).astype(np.int64)


def begin(w: World, land: Land) -> World:
    """How near places are: exp(-distance / near_km), 0 to itself."""
    near = np.exp(-land.km / w.params["near_km"][0])
    np.fill_diagonal(near, 0.0)
    return w._replace(nearness=near)


@leaf
def step(w: World) -> None:
    """Terms of the crowd, of news and of what is near."""
    p, now = w.params[0], w.country[0]
    half, reference, keep = p.crowd_half * now.scale, p.news_half * now.scale, 0.5 ** (now.dt / p.news_hours)
    _look_around(w.place, w.nearness, w.nearby)
    everywhere = 0.0
    for k in range(len(w.place)):
        here = w.place[k]
        here.news = max(here.out, keep * here.news)
        everywhere += here.news
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        term.crowd = p.crowd_gain * here.out**2 / (here.out**2 + half**2)
        term.near = p.near_gain * math.log1p(w.nearby[k] / reference)
        online = now.internet * reach(here, p)
        term.media = p.media_gain * online * math.log1p((everywhere - here.news) / reference)


@leaf
def _look_around(place: Any, nearness: Floats, nearby: Floats) -> None:
    """Who is out nearby, for every place: crowd by crowd, as most places have none."""
    nearby[:] = 0.0
    for other in range(len(place)):
        n = place[other].out
        if n > 0:
            for k in range(len(nearby)):
                nearby[k] += nearness[other, k] * n


@leaf
def reach(here: Any, p: Any) -> float:
    """Share still online of those who use the internet in a place."""
    if here.connectivity == MOBILE_CUT:
        return p.fixed_line  # type: ignore[no-any-return]
    return 1.0 if here.connectivity == FULL else 0.0
