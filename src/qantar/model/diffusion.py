"""Diffusion: through ties (a table for the engine), through the crowd in the square, through news of other places.

    phi(x, y, z)             =  (1 + tie_local x + tie_online y) x exp(backlash_contacts z)
    attention A(n)           =  n^2 / (n^2 + news_half^2)
    log pressure of a place  += crowd_gain x known(A(out here))
    log pressure of a place  += media_gain x known(online share x A(out elsewhere))
    log pressure of a place  += near_gain x known(A(out nearby))

x, y are contacts active in person and online, z contacts killed or detained. What is known fades with half-life news_hours, so that a
cut of the internet stops news and takes back none; crowds nearby are weighted by exp(-distance / near_km). Of what happens in another
place, the share shared_cause weighs only where both places have the same cause, that is where the same good has become dearer. Attention
is flat for what is usual and ends where everybody has heard: small protests are hardly reported, large ones always (McCarthy, McPhail and
Smith 1996, Am. Sociol. Rev. 61). That joining rises with those already out is old (Granovetter 1978, Am. J. Sociol. 83; Kuran 1991, World
Politics 44) and measured for ties (Gonzalez 2020, J. Public Econ. 188), online networks (Enikolopov, Makarin and Petrova 2020,
Econometrica 88) and places (Aidt, Leon-Ablan and Satchell 2022, J. Politics 84). These forms are assumptions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.compiled import leaf
from qantar.model.contract import Floats
from qantar.model.rules import FACTOR, FACTOR_MAX, FACTOR_MIN, FULL, MOBILE_CUT
from qantar.model.world import Columns, Land, World
from qantar.scenario.parameters import Values

NAME = "diffusion"
PLACE: Columns = {  # what is known in a place, 0 to 1
    "known_here": 0.0,
    "known_near": 0.0,
    "known_far": 0.0,
}
COUNTRY: Columns = {"internet": 1.0}
TERMS = ("crowd", "near", "media")
SHAPE = (24, 12, 8)
"""Contacts counted one by one, in person, online and harmed; more count as that many."""


def factors(params: Values, *, ties: bool, harm: bool) -> NDArray[np.int64]:
    """The engine's table phi, in 2^-8; 1 everywhere for what is off."""
    x, y, z = (np.arange(n, dtype=float) for n in SHAPE)
    rise = np.ones((len(x), len(y)))
    if ties:
        rise = 1 + params["tie_local"] * x[:, None] + params["tie_online"] * y[None, :]
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
    half, keep = p.news_half * now.scale, 0.5 ** (now.dt / p.news_hours)
    everywhere = same = 0.0
    for k in range(len(w.place)):
        everywhere += w.place[k].out
        same += w.place[k].out * w.place[k].dearer
    if p.near_gain > 0:
        _look_around(w.place, w.nearness, p.shared_cause, w.nearby)
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        far = (1 - p.shared_cause) * (everywhere - here.out) + p.shared_cause * here.dearer * (same - here.out)
        here.known_here = max(keep * here.known_here, attention(here.out, half))
        here.known_near = max(keep * here.known_near, attention(w.nearby[k], half))
        here.known_far = max(keep * here.known_far, now.internet * reach(here, p) * attention(max(far, 0.0), half))
        term.crowd, term.near, term.media = p.crowd_gain * here.known_here, p.near_gain * here.known_near, p.media_gain * here.known_far


@leaf
def attention(n: float, half: float) -> float:
    """How much a crowd of n is noticed, 0 to 1; a half at `half`.

    >>> [attention(n, 100.0) for n in (0.0, 10.0, 100.0)]
    [0.0, 0.009900990099009901, 0.5]
    """
    return n**2 / (n**2 + half**2)


@leaf
def _look_around(place: Any, nearness: Floats, shared: float, nearby: Floats) -> None:
    """Who is out nearby, for every place: crowd by crowd, as most places have none."""
    nearby[:] = 0.0
    for other in range(len(place)):
        n = place[other].out
        if n > 0:
            for k in range(len(nearby)):
                nearby[k] += nearness[other, k] * n * (1 - shared + shared * place[other].dearer * place[k].dearer)


@leaf
def reach(here: Any, p: Any) -> float:
    """Share still online of those who use the internet in a place."""
    if here.connectivity == MOBILE_CUT:
        return p.fixed_line  # type: ignore[no-any-return]
    return 1.0 if here.connectivity == FULL else 0.0
