"""The model's rule of rallies held against a record of places and days, without simulating a country.

In: where and when rallies were written down, how large where that is known. Out: draws of what the rule's parameters may be (`fit`), and
what it says of days to come (`chances`, `onwards`). As in `model.rallies` and `model.diffusion`, evening by evening, given what was there:

    rallies of a place and day  ~ Poisson(rate x share of residents x w[place] x exp(L + e[day]))
    L        = day_off_effect on the evening of a day off + crowd_gain x known(A(here)) + near_gain x known(A(nearby))
               + media_gain x online x known(A(elsewhere)),          A(n) = n^2 / (n^2 + news_half^2), fading with half-life news_hours
    size     : log-normal, middle rally_size x (residents / 100,000)^rally_scaling x exp(rally_turnout x (L + e)), spread rally_sd
    recorded with probability 1 / (1 + (half / size)^steepness)

What the rule has not, but records have, is allowed for, so that it is not taken for contagion: places that rally more often than others of
their size (w, gamma with mean 1), and days that differ for reasons of their own (e, normal). The first is integrated in closed form, the
second by Laplace's method about its mode, given the first. Crowds of unknown size have one size, itself unknown. Not in it: who joins a
rally and when he goes home, forces, prices. Gains may be negative here; in the model they are not. Sampling is by rounds of importance
sampling, in normal scores of broad priors (`NAMES`): the first from the curvature at the mode, each further one from what was found so
far, all weighed by the mixture of the laws (Cappe, Guillin, Marin and Robert 2004, J. Comput. Graph. Stat. 13).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qantar.cases.case import Case
from qantar.cases.outlines import distance_km
from qantar.forecast.splits import REGIONS, Contagion, Wave, read_benchmark, wave_of
from qantar.inference.proposal import effective, equal
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Values = dict[str, float]
NAMES: Mapping[str, tuple[bool, float, float]] = {
    "rally_rate": (True, 1.3, 2.0),  # a day and 19 million residents, in whatever mood the wave is
    "media_gain": (False, 0.0, 3.0),
    "crowd_gain": (False, 0.0, 1.5),
    "near_gain": (False, 0.0, 1.5),
    "near_km": (True, 90.0, 0.9),
    "news_half": (True, 1000.0, 1.0),
    "news_hours": (True, 12.0, 0.7),
    "day_off_effect": (False, 0.0, 1.0),
    "rally_size": (True, 22.0, 1.0),
    "rally_scaling": (False, 0.3, 0.3),
    "rally_sd": (True, 1.4, 0.3),
    "rally_turnout": (False, 0.4, 0.4),
    "reported_half": (True, 100.0, 0.95),
    "reported_steepness": (True, 2.0, 0.3),
    "crowd": (True, 200.0, 1.0),  # people where no size is given
    "evenness": (True, 1.0, 1.0),  # of w: 1 / its variance
    "day_sd": (True, 0.5, 0.7),  # of e
}
"""Whether the logarithm is normal, middle, standard deviation (of the logarithm then): broad priors of what is sampled."""
SHARED = ("media_gain", "crowd_gain", "near_gain", "near_km", "news_half", "news_hours", "day_off_effect", "rally_turnout", "rally_size",
          "rally_scaling", "rally_sd")  # fmt: skip
"""What may be alike in all waves; the others are of one wave, or of its record."""
OF_SIZES = ("rally_turnout", "rally_size", "rally_scaling", "rally_sd")
"""Those that only a wave with sizes tells of."""
PEOPLE = 19e6
"""Residents to whom `rally_rate` refers: those of the country for which its prior holds."""
MEMORY = 7
"""Days that a crowd is remembered at most."""
GRID = np.geomspace(10, 800, 9)
"""Kilometres at which crowds nearby are summed; between them sums are interpolated."""

AWAY = np.arange(-20, 12.01, 0.1)
"""Logs of size less that at which half are written down, where their share is summed."""
SCORES = np.arange(-10, 10.01, 0.25)
DENSITY = np.exp(-(SCORES**2) / 2) / np.exp(-(SCORES**2) / 2).sum()
"""Of a normal law, at evenly spaced scores: for what is so smooth their sum is all but exact."""


@dataclass(frozen=True, eq=False)
class Rallies:
    """A wave as the rule sees it; arrays of places by days."""

    first: dt.date
    residents: Floats
    points: Floats
    """degrees east and north"""
    counts: Floats
    """rallies written down"""
    sized: Floats
    """people at those of known size"""
    unsized: Floats
    """how many have none"""
    elsewhere: tuple[Floats, Floats]
    """people, and rallies without a size, outside these places, shape (days,)"""
    sizes: Floats
    """rows of place, day, people: every rally of known size"""
    online: float
    start: int = 0
    """days from which on the rule is held against the record; those before are only remembered"""

    @cached_property
    def near(self) -> tuple[Floats, Floats]:
        """Crowds and rallies without a size nearby, at each distance of `GRID`, shape (distances, places, days)."""
        n, days = self.counts.shape
        found = np.zeros((2, len(GRID), n, days), np.float32)
        active = [np.flatnonzero(x.any(axis=1)) for x in (self.sized, self.unsized)]
        for k in range(0, n, 500):
            rows = slice(k, min(k + 500, n))
            for what, (some, crowd) in enumerate(zip(active, (self.sized, self.unsized), strict=True)):
                if not len(some):
                    continue
                km = np.stack([distance_km(p[None], self.points[some]) for p in self.points[rows]])
                same = np.arange(n)[rows, None] == some[None]
                for g, scale in enumerate(GRID):
                    weight = np.where(same, 0.0, np.exp(-km / scale)).astype(np.float32)
                    found[what, g, rows] = weight @ crowd[some].astype(np.float32)
        return found[0], found[1]

    @cached_property
    def off(self) -> Floats:
        """1 where the evening before a day was that of a day off: rallies are agreed on then."""
        return np.array([float((self.first.weekday() + d - 1) % 7 >= 5) for d in range(self.counts.shape[1])])

    def until(self, days: int) -> Rallies:
        """What was there before a day."""
        cut = {k: getattr(self, k)[:, :days] for k in ("counts", "sized", "unsized")}
        kept = self.sizes[self.sizes[:, 1] < days]
        return Rallies(self.first, self.residents, self.points, elsewhere=(self.elsewhere[0][:days], self.elsewhere[1][:days]),
                       sizes=kept, online=self.online, start=self.start, **cut)  # fmt: skip


def rallies_of(case: Case, wave: Wave, units: str, kinds: Sequence[str], online: float, start: int = 0) -> Rallies:
    """A wave of a case with the sizes that its events give: geometric middles of lowest and highest."""
    number, shape = {name: k for k, name in enumerate(wave.ids)}, wave.events.shape
    counts, sized, unsized = np.zeros((3, *shape))
    beyond, rows = np.zeros((2, shape[1])), []
    for e in case.record.events:
        day = (e.date - wave.first).days
        if e.kind not in kinds or not e.sure_of_its_day or not 0 <= day < shape[1]:
            continue
        unit = number.get(e.region_id if units == REGIONS else e.settlement_id or "")
        ends = [float(x) for x in (e.participants_low, e.participants_high) if x]
        people = float(np.exp(np.mean(np.log(ends)))) if ends else 0.0
        if unit is None:
            beyond[0, day] += people
            beyond[1, day] += not ends
            continue
        counts[unit, day] += 1
        sized[unit, day] += people
        unsized[unit, day] += not ends
        if ends:
            rows.append((unit, day, people))
    sizes = np.array(rows, float).reshape(-1, 3)
    return Rallies(wave.first, wave.residents, wave.points, counts, sized, unsized, (beyond[0], beyond[1]), sizes, online, start)


def wave_in(case: Case, online: float) -> Rallies:
    """The rallies of a case at the places and days of which its benchmark asks about contagion: places that are in it either way."""
    asked: Contagion | None = read_benchmark(case).contagion
    units, residents = (asked.units, asked.residents) if asked else (REGIONS, 0)
    wave = wave_of(case, units, residents, (asked and asked.last_day) or case.head.last_day)
    start = wave.day(asked.first_day) if asked and asked.first_day else 0
    return later(rallies_of(case, wave, units, ("protest",), online, start), max(0, start - MEMORY))


def later(r: Rallies, day: int) -> Rallies:
    """The same from a day on."""
    cut = {k: getattr(r, k)[:, day:] for k in ("counts", "sized", "unsized")}
    sizes = r.sizes[r.sizes[:, 1] >= day] - np.array([0.0, day, 0.0])
    return Rallies(r.first + dt.timedelta(days=day), r.residents, r.points, elsewhere=(r.elsewhere[0][day:], r.elsewhere[1][day:]),
                   sizes=sizes, online=r.online, start=r.start - day, **cut)  # fmt: skip


def values_of(z: Floats) -> Values:
    """Parameters at normal scores, in the order of `NAMES`.

    >>> values_of(np.zeros(len(NAMES)))["rally_size"]
    22.0
    """
    return {
        name: float(middle * np.exp(sd * x) if log else middle + sd * x)
        for (name, (log, middle, sd)), x in zip(NAMES.items(), np.clip(z, -8, 8), strict=True)
    }


def attention(n: Floats, half: float) -> Floats:
    """How much a crowd is noticed, as in the model."""
    square = np.asarray(n, float) ** 2
    return np.asarray(square / (square + half**2))


def known(seen: Floats, hours: float) -> Floats:
    """What is known on the evening before each day of what was seen on days, the last axis; nothing before the first."""
    out, keep = np.zeros_like(seen), 0.5 ** (24 / hours)
    for lag in range(min(MEMORY, seen.shape[-1] - 1)):
        if keep**lag < 0.01:
            break
        np.maximum(out[..., lag + 1 :], keep**lag * seen[..., : seen.shape[-1] - 1 - lag], out=out[..., lag + 1 :])
    return out


def crowds(r: Rallies, v: Values) -> tuple[Floats, Floats, Floats]:
    """Here, nearby and elsewhere, shape (places, days) each."""
    here = r.sized + v["crowd"] * r.unsized
    place = float(np.interp(np.log(v["near_km"]), np.log(GRID), np.arange(len(GRID))))
    k = min(int(place), len(GRID) - 2)
    part = place - k
    near = sum(
        (w * (r.near[0][g] + v["crowd"] * r.near[1][g]) for g, w in ((k, 1 - part), (k + 1, part)) if w > 0), np.zeros(r.counts.shape)
    )
    all_ = here.sum(axis=0) + r.elsewhere[0] + v["crowd"] * r.elsewhere[1]
    return here, np.asarray(near), all_[None] - here


def excitement(r: Rallies, v: Values) -> Floats:
    """L of the rule, shape (places, days)."""
    here, near, far = crowds(r, v)
    terms = [(v["crowd_gain"], here), (v["near_gain"], near), (v["media_gain"] * r.online, far)]
    found = v["day_off_effect"] * np.broadcast_to(r.off, r.counts.shape)
    for gain, crowd in terms:
        if gain:
            found = found + gain * known(attention(crowd, v["news_half"]), v["news_hours"])
    return np.clip(found, -30, 30)


def middle_size(r: Rallies, v: Values) -> Floats:
    """Log of the middle size of a quiet day's rally, shape (places,)."""
    return np.asarray(np.log(v["rally_size"]) + v["rally_scaling"] * np.log(r.residents / 1e5))


def recorded(middle: Floats, v: Values) -> Floats:
    """Probability that a rally is written down, by the middle of its log size: the mean of a logistic over a normal law.

    It is summed at some middles, and its logarithm interpolated between them: how large rallies are hangs on how it falls where few are
    written down, and there the usual approximation (MacKay 1992, Neural Comput. 4, 720) is off by a fifth.
    """
    slope = v["reported_steepness"] * (AWAY[:, None] + v["rally_sd"] * SCORES)
    sums = 1 / (1 + np.exp(-np.maximum(slope, -700)))
    found = np.interp(middle - np.log(v["reported_half"]), AWAY, np.log(sums @ DENSITY))
    return np.asarray(np.exp(found))


def rates(r: Rallies, v: Values, excited: Floats | None = None) -> Floats:
    """Expected rallies that are written down, on a day like others, in a place like others, shape (places, days)."""
    level = excitement(r, v) if excited is None else excited
    share = v["rally_rate"] * r.residents / PEOPLE
    written = recorded(middle_size(r, v)[:, None] + v["rally_turnout"] * level, v)
    return np.asarray(share[:, None] * np.exp(level) * written)


def day_effects(r: Rallies, rate: Floats, v: Values) -> tuple[Floats, Floats, Floats]:
    """Mode of the effects of days, how much each place is above others, and expected rallies a day under both."""
    y, k, tau2 = r.counts[:, r.start :], v["evenness"], v["day_sd"] ** 2
    of_place, of_day = y.sum(axis=1), y.sum(axis=0)
    e = np.zeros(y.shape[1])
    for _ in range(8):
        w = (k + of_place) / (k + rate @ np.exp(e))
        base = w @ rate
        for _ in range(3):
            m = base * np.exp(e)
            e = e + np.clip((of_day - m - e / tau2) / (m + 1 / tau2), -1, 1)
    w = (k + of_place) / (k + rate @ np.exp(e))
    return e, w, (w @ rate) * np.exp(e)


def likelihood(r: Rallies, v: Values) -> float:
    """Log of the probability of the record under the rule, up to a constant."""
    from scipy.special import gammaln

    level = excitement(r, v)
    rate = rates(r, v, level)[:, r.start :]
    y, k, tau2 = r.counts[:, r.start :], v["evenness"], v["day_sd"] ** 2
    e, _, expected = day_effects(r, rate, v)
    of_place = y.sum(axis=1)
    some = np.nonzero(y)
    total = float(y[some] @ np.log(np.maximum(rate[some], 1e-300)) + y.sum(axis=0) @ e)
    total += float((gammaln(k + of_place) - gammaln(k) + k * np.log(k) - (k + of_place) * np.log(k + rate @ np.exp(e))).sum())
    total += float((-(e**2) / (2 * tau2) - np.log1p(tau2 * expected) / 2).sum())
    rows = r.sizes[r.sizes[:, 1] >= r.start]
    if len(rows):
        i, d = rows[:, 0].astype(int), rows[:, 1].astype(int)
        middle = middle_size(r, v)[i] + v["rally_turnout"] * (level[i, d] + e[d - r.start])
        log = np.log(rows[:, 2])
        far = (log - middle) / v["rally_sd"]
        seen = -np.logaddexp(0, -v["reported_steepness"] * (log - np.log(v["reported_half"])))
        total += float((-(far**2) / 2 - np.log(v["rally_sd"]) + seen - np.log(np.maximum(recorded(middle, v), 1e-300))).sum())
    return total if np.isfinite(total) else -np.inf


@dataclass(frozen=True)
class Fit:
    """Draws of normal scores after the record, of equal weight, shape (draws, parameters)."""

    z: Floats
    worth: float
    """independent draws that they are worth (Kish 1965)"""


ROUNDS = 6
"""Of draws, each from a law shaped by those before."""
FREEDOM = 8
"""Degrees of freedom of that law: its tails must be heavier than those of what is sought."""


def fit(r: Rallies, seed: int, number: int = 0, draws: int = 800) -> Fit:
    """Sample the rule's parameters given a record.

    Parameters
    ----------
    number : of the fit: each has luck of its own
    draws : of each round
    """
    from scipy.optimize import minimize

    def log_density(z: Floats) -> float:
        return likelihood(r, values_of(z)) - float(z @ z) / 2

    n, draw = len(NAMES), np.random.default_rng(word(seed, StudyKey.WAVE_WALK, number))
    at = minimize(lambda z: -log_density(z), np.zeros(n), method="L-BFGS-B", options={"maxiter": 60, "maxfun": 60 * (n + 1)}).x
    law = _Law(at, np.linalg.cholesky(_covariance(log_density, at)))  # type: ignore[arg-type]
    z, log, laws = np.zeros((0, n)), np.zeros(0), []
    for _ in range(ROUNDS):
        fresh = law.draws(draws, draw)
        laws.append(law)
        z, log = np.concatenate([z, fresh]), np.append(log, [log_density(x) for x in fresh])
        mixture = np.logaddexp.reduce([each.log_density(z) for each in laws], axis=0)
        weights = np.exp(log - mixture - (log - mixture).max())
        tempered = _flattened(weights, 4 * n)
        mean = tempered @ z / tempered.sum()
        away = z - mean
        law = _Law(mean, np.linalg.cholesky((away * tempered[:, None]).T @ away / tempered.sum() + 0.01 * np.eye(n)))
    return Fit(z[equal(weights, draws, 0.5)], effective(weights))


def _flattened(weights: Floats, worth: float) -> Floats:
    """Weights to the largest power, at most 1, at which they are worth so many draws: a few that weigh all would give a law of no width.

    As Koblents and Miguez (2015, Stat. Comput. 25) do.
    """
    low, high = 0.0, 1.0
    if effective(weights) >= worth:
        return weights
    for _ in range(20):
        power = (low + high) / 2
        low, high = (power, high) if effective(weights**power) >= worth else (low, power)
    return np.asarray(weights**low)


@dataclass(frozen=True)
class _Law:
    """Student's t in many dimensions."""

    mean: Floats
    root: Floats

    def draws(self, size: int, draw: np.random.Generator) -> Floats:
        n = len(self.mean)
        wide = np.sqrt(FREEDOM / draw.chisquare(FREEDOM, size))
        return np.asarray(self.mean + (draw.standard_normal((size, n)) @ self.root.T) * wide[:, None])

    def log_density(self, z: Floats) -> Floats:
        """Up to a constant that all such laws share."""
        away = np.linalg.solve(self.root, (z - self.mean).T)
        n = len(self.mean)
        return np.asarray(-np.log(np.diag(self.root)).sum() - (FREEDOM + n) / 2 * np.log1p((away**2).sum(axis=0) / FREEDOM))


def _covariance(log_density: Callable[[Floats], float], at: Floats) -> Floats:
    """From the curvature at the mode; no direction is wider than the broad prior, as its own curvature is in it."""
    n, middle = len(at), log_density(at)
    width, drop = np.full(n, 0.2), np.ones(n)

    def off(k: int, j: int, a: float, b: float) -> float:
        z = at.copy()
        z[k] += a
        z[j] += b
        return log_density(z)

    for k in range(n):
        for _ in range(5):
            drop[k] = 2 * middle - off(k, k, width[k], 0) - off(k, k, -width[k], 0)
            if 0.2 < drop[k] < 4:
                break
            width[k] *= float(np.clip(np.sqrt(1 / max(drop[k], 0.04)), 0.2, 2.5))
    h = np.diag(drop / width**2)
    for k in range(n):
        for j in range(k):
            a, b = width[k], width[j]
            h[k, j] = h[j, k] = -(off(k, j, a, b) - off(k, j, a, -b) - off(k, j, -a, b) + off(k, j, -a, -b)) / (4 * a * b)
    values, axes = np.linalg.eigh(h)
    return np.asarray((axes / np.maximum(values, 1.0)) @ axes.T)
