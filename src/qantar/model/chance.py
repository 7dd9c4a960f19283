"""Luck of places, regions and the country: numbers keyed by what they are for, where, and step or count.

A history with its `expected` flag set (the mean-field twin) gets means and medians in their place. `now` is the record of the country.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qantar.compiled import jit, leaf
from qantar.draws import Purpose, uniform
from qantar.model.contract import Floats, Ints

_PLACE = int(Purpose.PLACE)
KILLED, ARRESTED, SEARCHED, SECURITY, FIGHTERS_KILLED, FIGHTERS_TAKEN, SEAT = range(7)
SEED_PLACE, SPLIT_PLACE, SHOCK, DEFECT, RALLY, RALLY_SIZE, RALLY_HOUR, VIOLENCE = range(8, 16)
"""What draws by place, region or day are for: part of their key, so never used again for something else."""
MANY = 500.0
"""Mean from which on a Poisson number spreads by less than 5 %."""


@leaf
def poisson(seed: int, what: int, where: int, mean: float, when: int) -> float:
    """A Poisson number by inversion; above `MANY` the mean rounded up or down at random.

    >>> poisson(1, KILLED, 3, 0.0, 5), poisson(1, KILLED, 3, 812.0, 5)
    (0.0, 812.0)
    """
    if not mean > 0.0:
        return 0.0
    u = uniform(seed, _PLACE, where, what, when)
    if mean > MANY:
        return float(np.floor(mean + u))  # beyond 2^63 too, which is no whole number of the machine
    number, term = 0.0, math.exp(-mean)
    total = term
    while u > total and number < 1000.0:
        number += 1.0
        term *= mean / number
        total += term
    return number


@leaf
def drawn(now: Any, what: int, where: int, mean: float) -> float:
    """How many there are in this step, of so many expected."""
    return mean if now.expected else poisson(now.seed, what, where, mean, now.t)


@leaf
def exponential(now: Any, what: int, where: int, when: int) -> float:
    """An exponential number with mean 1; expected is the median: what happens at a rate happens when half would have seen it."""
    return math.log(2.0) if now.expected else -math.log1p(-uniform(now.seed, _PLACE, where, what, when))


@leaf
def normal(now: Any, what: int, where: int, when: int) -> float:
    """A standard normal number; expected is the mean."""
    return 0.0 if now.expected else quantile(uniform(now.seed, _PLACE, where, what, when))


@leaf
def quantile(u: float) -> float:
    """The value below which a share u of a standard normal law lies (Wichura 1988, Appl. Stat. 37, algorithm AS 241).

    >>> [round(quantile(u), 6) for u in (0.025, 0.5, 0.8413447460685429)]
    [-1.959964, 0.0, 1.0]
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return _polynomial(r, MIDDLE[0]) * q / _polynomial(r, MIDDLE[1])
    r = math.sqrt(-math.log(u if q <= 0.0 else 1.0 - u))
    x = _polynomial(r - 1.6, TAIL[0]) / _polynomial(r - 1.6, TAIL[1])
    if r > 5.0:
        x = _polynomial(r - 5.0, FAR[0]) / _polynomial(r - 5.0, FAR[1])
    return -x if q < 0.0 else x


@leaf
def _polynomial(r: float, of: tuple[float, ...]) -> float:
    """Its value at r, highest power first."""
    value = 0.0
    for factor in of:
        value = value * r + factor
    return value


MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4, 1.3731693765509461125e4,
     1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4, 5.3941960214247511077e3,
     6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0, 3.64784832476320460504e0,
     5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip
"""Numerators and denominators of `quantile`."""


@jit
def pick(country: Any, what: int, weights: Floats, k: int) -> Ints:
    """K different numbers, likelier the larger their weight: the smallest exponential clocks (Efraimidis and Spirakis 2006).

    Expected are the likeliest, the first among equals.
    """
    race = np.full(len(weights), np.inf)
    for i in range(len(weights)):
        if weights[i] > 0:
            race[i] = exponential(country[0], what, i, 0) / weights[i]
    return np.argsort(race, kind="mergesort")[: min(k, (weights > 0).sum())]
