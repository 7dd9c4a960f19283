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

import numpy as np
from numpy.typing import NDArray

from qantar.model.contract import Counts, Floats
from qantar.model.rules import FACTOR, FACTOR_MAX, FACTOR_MIN, FULL, MOBILE_CUT
from qantar.model.world import Draws, Land, World
from qantar.scenario.parameters import Values

NAME = "diffusion"
SHAPE = (24, 12, 8)
"""Contacts counted one by one, in person, online and harmed; more count as that many."""
EARTH_KM = 6371.0


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


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Terms of the crowd, of news and of what is near."""
    land = world.land
    n = counts.out
    reference = params["news_half"] * land.scale
    if counts is not world.counts:
        half = params["crowd_half"] * land.scale
        world.terms["crowd"] = params["crowd_gain"] * n**2 / (n**2 + half**2)
        world.terms["near"] = params["near_gain"] * np.log1p(_nearness(world, params["near_km"]) @ n / reference)
    keep = 0.5 ** (world.dt / params["news_hours"])
    world.news = np.maximum(n, keep * world.news)
    heard = world.news.sum() - world.news
    world.terms["media"] = params["media_gain"] * online_share(world, params) * np.log1p(heard / reference)


def online_share(world: World, params: Values) -> Floats:
    """Share of residents who are online, by place."""
    return world.land.internet * reach(world, params)


def reach(world: World, params: Values) -> Floats:
    """Share still online of those who use the internet, by place."""
    return np.array([0.0, params["fixed_line"], 1.0])[world.connectivity]


assert (MOBILE_CUT, FULL) == (1, 2)  # the order of `share`


def _nearness(world: World, near_km: float) -> Floats:
    """exp(-distance / near_km) between places, 0 on the diagonal."""
    if "nearness" not in world.cache:
        near = np.exp(-distances(world.land) / near_km)
        np.fill_diagonal(near, 0.0)
        world.cache["nearness"] = near
    return np.asarray(world.cache["nearness"])


def distances(land: Land) -> Floats:
    """Great-circle distances between places in km (haversine); by stretches of rows, so that no copy as large as the whole is made."""
    lat, lon = np.radians(land.lat), np.radians(land.lon)
    km = np.empty((len(lat), len(lat)))
    for first in range(0, len(lat), 64):
        rows = slice(first, first + 64)
        a = np.sin((lat[rows, None] - lat) / 2) ** 2
        a += np.cos(lat[rows, None]) * np.cos(lat) * np.sin((lon[rows, None] - lon) / 2) ** 2
        km[rows] = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(a, 0, 1)))
    return km
