"""Naive forecasts that a model must beat: of the first day of unrest by region, and of the next day.

In: `Facts`, what a record holds. Out: probabilities of each onset day (0 to n_days, the last one "never"), probabilities of presence on the
next day, and its participants. `seen` cuts the facts to the regions and days a forecast may look at *before* a baseline gets them; that is
the only way in, so nothing withheld can be read.

Onset day of region r; p is the pooled distribution of the regions seen:
    never       all on "never"
    last        each day as the day before: p one day later
    average     p, which maximizes the likelihood of the intervals (Turnbull 1976, J. R. Stat. Soc. B 38) with one more region spread evenly
                over all days, so that every day stays possible
    population  hazard 1 - exp(-c residents / mean residents) on every day, c by the same likelihood
    logistic    logit of the hazard on day d = b0 + b1 log(largest city) + b2 (share of the regions seen that rose before d) + b3 (log10 of
                the last known participants before d), a figure of the whole country and so blank where a region is withheld
Penalized: the b have independent normal priors, standard deviations `INTERCEPT_SD` and `SLOPE_SD`, fixed before anything was scored.
An interval counts by its likelihood, the sum over its days. A forecast for a region that is seen is conditioned on what is known of it.

Next day's presence; its participants:
    never       0; nobody
    last        the last value that is no blank; the last figure
    average     the share of known cells of other regions; the geometric mean of the figures
    population  1 - exp(-c residents / mean residents), c from those cells; the last figure by resident of the regions with unrest then,
                times residents of those with unrest last known
    logistic    the hazard above where nobody is out, else the share of known days with unrest that were followed by one; the last figure as
                for population, with residents weighted by the forecast presence

What happens on the same days in other regions is given in a region-out forecast: it says where unrest arose, not when it broke out at all.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.scores import HISTORIES, crps_days, event_scores, log_score_days, outside
from qantar.record.observables import Observables
from qantar.scenario.plan import Plan

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
INTERCEPT_SD, SLOPE_SD = 5.0, 2.0
"""Of the priors of the logistic hazard: a slope is per unit of log city (e-fold), of share risen, of log10 participants."""


@dataclass(frozen=True)
class Facts:
    """What the record holds, regions in the order of the plan, days since its start; blanks are NaN."""

    low: Ints
    """first day on which the region's unrest may have begun, shape (regions,)"""
    high: Ints
    """the last such day; n_days stands for never"""
    presence: Floats
    """1, 0 or NaN, shape (regions, n_days)"""
    participants_low: Floats
    """national, shape (n_days,)"""
    participants_high: Floats
    residents: Floats
    """shape (regions,)"""
    city: Floats
    """residents of the region's largest settlement, shape (regions,)"""
    known: Bools
    """regions that may be looked at, shape (regions,)"""
    last: int
    """the last day that may be looked at"""

    @property
    def n_days(self) -> int:
        """Days of the plan."""
        return int(self.presence.shape[1])

    def allowed(self) -> Bools:
        """Whether a region's unrest may have begun on a day, shape (regions, n_days + 1)."""
        day = np.arange(self.n_days + 1)
        return (day >= self.low[:, None]) & (day <= self.high[:, None])


def facts_of(record: Observables, plan: Plan) -> Facts:
    """The record of a case as arrays over the days of a plan."""
    start = dt.datetime.fromisoformat(plan.start)
    first, n_days, n = start.date(), math.ceil((start.hour + start.minute / 60 + plan.hours) / 24), len(plan.regions)
    onsets = {o.region_id: o for o in record.onsets}
    rows = dict(zip(record.region_ids, record.presence, strict=True))
    low, high, presence = np.zeros(n, np.int64), np.full(n, n_days), np.full((n, n_days), np.nan)
    residents, city = [], []
    for k, region in enumerate(r.id for r in plan.regions):
        own = [p for p in plan.places if p.region == k]
        residents.append(sum(p.population for p in own))
        city.append(max([p.population for p in own if p.settlement] or [p.population for p in own]))
        if region in onsets:
            o = onsets[region]
            low[k] = min(max((o.earliest - first).days, 0), n_days)
            high[k] = n_days if o.latest is None else min((o.latest - first).days, n_days)
        for date, value in zip(record.days, rows.get(region, ()), strict=False):
            if 0 <= (day := (date - first).days) < n_days:
                presence[k, day] = value
    bottom, top = np.full(n_days, np.nan), np.full(n_days, np.nan)
    for dated in record.participants:
        if 0 <= (day := (dated.date - first).days) < n_days:
            bottom[day], top[day] = dated.interval.low, dated.interval.high
    return Facts(low, high, presence, bottom, top, np.array(residents), np.array(city), np.ones(n, np.bool_), n_days - 1)


def seen(facts: Facts, *, known: Bools | None = None, last: int | None = None) -> Facts:
    """The facts cut to the regions known, shape (regions,), and to the days up to `last`, from -1 on; everything else is blank.

    By the evening of day `last` an interval that ends later is open, and one that starts later says "not yet". National figures
    contain the withheld regions and go with them.
    """
    known = facts.known if known is None else facts.known & known
    last = facts.last if last is None else min(facts.last, last)
    later = np.arange(facts.n_days) > last
    blank = later | (not known.all())
    return replace(
        facts,
        low=np.where(known, np.minimum(facts.low, last + 1), 0),
        high=np.where(known & (facts.high <= last), facts.high, facts.n_days),
        presence=np.where(known[:, None] & ~later, facts.presence, np.nan),
        participants_low=np.where(blank, np.nan, facts.participants_low),
        participants_high=np.where(blank, np.nan, facts.participants_high),
        known=known,
        last=last,
    )


def pooled(allowed: Bools) -> Floats:
    """The distribution that best explains intervals, with one more region spread evenly, shape (n_days + 1,).

    From the days allowed, shape (regions, n_days + 1), each row with at least one.

    >>> pooled(np.array([[True, False], [True, False], [True, True]])).round(3).tolist()     # the third says nothing
    [0.833, 0.167]
    """
    n = allowed.shape[1]
    p = np.full(n, 1.0 / n)
    for _ in range(10_000):
        split = allowed * p
        new = ((split / split.sum(axis=1, keepdims=True)).sum(axis=0) + 1.0 / n) / (len(allowed) + 1)
        if np.abs(new - p).max() < 1e-10:
            break
        p = new
    return p


def _last(facts: Facts) -> Floats:
    """The hazard of the day before; after the last day seen, that day's."""
    p = pooled(facts.allowed()[facts.known])
    hazard = p[:-1] / np.cumsum(p[::-1])[::-1][:-1]
    before = np.minimum(np.arange(facts.n_days) - 1, facts.last)
    return np.tile(distribution(np.where(before < 0, 0.0, hazard[before])), (len(facts.low), 1))


def _population(facts: Facts) -> Floats:
    from scipy.optimize import minimize_scalar

    allowed, size = facts.allowed(), facts.residents / facts.residents.mean()

    def p(log_c: float) -> Floats:
        return distribution(np.tile((-np.expm1(-np.exp(log_c) * size))[:, None], (1, facts.n_days)))

    best = minimize_scalar(lambda c: -_log_likelihood(p(c), allowed, facts.known), bounds=(-12.0, 4.0), method="bounded")
    return p(float(best.x))


def logistic_hazard(facts: Facts) -> Floats:
    """Hazard of each region and day, fitted to what may be seen, shape (regions, n_days)."""
    from scipy.optimize import minimize

    x, allowed = _covariates(facts), facts.allowed()
    scale = np.array([INTERCEPT_SD, *[SLOPE_SD] * (x.shape[2] - 1)])

    def loss(b: Floats) -> float:
        return 0.5 * float(((b / scale) ** 2).sum()) - _log_likelihood(distribution(expit(x @ b)), allowed, facts.known)

    best = minimize(loss, np.array([-2.0, *[0.0] * (x.shape[2] - 1)]), method="L-BFGS-B")
    return expit(x @ best.x)


def _covariates(facts: Facts) -> Floats:
    """One, log city, share of the other regions seen that rose before, log participants before, shape (regions, n_days, 4).

    What is not known at all counts as the mean of what is: a blank is no zero. After the last day seen, all stays as it was.
    """
    n, days = len(facts.low), np.arange(facts.n_days)
    split = facts.allowed() * pooled(facts.allowed()[facts.known])
    by = np.cumsum(split / split.sum(axis=1, keepdims=True), axis=1) * facts.known[:, None]
    others = (by.sum(axis=0) - by) / np.maximum(facts.known.sum() - facts.known, 1)[:, None]
    before = np.minimum(days - 1, facts.last)
    risen = np.where(before < 0, 0.0, others[:, before])
    figures = _log_participants(facts)
    dated = np.flatnonzero(~np.isnan(figures))
    latest = [figures[dated[dated < d][-1]] - figures[dated].mean() if (dated < d).any() else 0.0 for d in days]
    log_city = np.log(facts.city) - np.log(facts.city).mean()
    return np.stack([np.ones((n, len(days))), np.tile(log_city[:, None], (1, len(days))), risen, np.tile(latest, (n, 1))], axis=2)


def _log_participants(facts: Facts) -> Floats:
    """log10(1 + participants), the middle of each range, shape (n_days,)."""
    return np.asarray((np.log10(1 + facts.participants_low) + np.log10(1 + facts.participants_high)) / 2)


def distribution(hazard: Floats) -> Floats:
    """Days of a first event from its hazard on each day, the last entry "never"; shape (..., n_days) to (..., n_days + 1).

    >>> distribution(np.array([0.5, 0.5])).tolist()
    [0.5, 0.25, 0.25]
    """
    until = np.cumprod(1 - hazard, axis=-1)
    before = np.concatenate([np.ones_like(until[..., :1]), until[..., :-1]], axis=-1)
    return np.concatenate([hazard * before, until[..., -1:]], axis=-1)


def expit(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _log_likelihood(p: Floats, allowed: Bools, known: Bools) -> float:
    return float(np.log(np.maximum((p * allowed).sum(axis=1)[known], 1e-300)).sum())


ONSET: dict[str, Callable[[Facts], Floats]] = {
    "never": lambda facts: np.tile(np.eye(facts.n_days + 1)[-1], (len(facts.low), 1)),
    "last": _last,
    "average": lambda facts: np.tile(pooled(facts.allowed()[facts.known]), (len(facts.low), 1)),
    "population": _population,
    "logistic": lambda facts: distribution(logistic_hazard(facts)),
}


def onset_forecast(name: str, facts: Facts, *, known: Bools | None = None, last: int | None = None) -> Floats:
    """Probabilities of each region's onset day from what `seen` leaves, shape (regions, n_days + 1)."""
    given = seen(facts, known=known, last=last)
    allowed = given.allowed()
    p = ONSET[name](given) * allowed
    p = np.where(p.sum(axis=1, keepdims=True) > 0, p, allowed)  # what a baseline holds to be impossible has happened
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def region_out(name: str, facts: Facts) -> Floats:
    """Each region's onset from all others, shape (regions, n_days + 1)."""
    n = len(facts.low)
    return np.stack([onset_forecast(name, facts, known=np.arange(n) != r)[r] for r in range(n)])


def _presence_last(facts: Facts) -> Floats:
    """The last value that is known; where none is, the share of known cells with unrest."""
    cells = ~np.isnan(facts.presence)
    latest = facts.n_days - 1 - cells[:, ::-1].argmax(axis=1)
    value = facts.presence[np.arange(len(latest)), latest]
    return np.asarray(np.where(cells.any(axis=1), value, (np.nansum(facts.presence) + 0.5) / (cells.sum() + 1)))


def _presence_average(facts: Facts) -> Floats:
    hits, cells = np.nansum(facts.presence, axis=1), (~np.isnan(facts.presence)).sum(axis=1)
    return np.asarray((hits.sum() - hits + 0.5) / (cells.sum() - cells + 1))


def _presence_population(facts: Facts) -> Floats:
    from scipy.optimize import minimize_scalar

    size = facts.residents / facts.residents.mean()
    hits, cells = np.nansum(facts.presence, axis=1), (~np.isnan(facts.presence)).sum(axis=1)

    def rate(r: int) -> float:
        others = np.arange(len(size)) != r

        def loss(log_c: float) -> float:
            x = np.exp(log_c) * size[others]
            return float(((cells - hits)[others] * x - hits[others] * np.log(-np.expm1(-x))).sum())

        return float(np.exp(minimize_scalar(loss, bounds=(-12.0, 4.0), method="bounded").x))

    return np.array([-np.expm1(-rate(r) * size[r]) for r in range(len(size))])


def _presence_logistic(facts: Facts) -> Floats:
    out, after = facts.presence[:, :-1] == 1, facts.presence[:, 1:]
    stays = ((out & (after == 1)).sum() + 0.5) / ((out & ~np.isnan(after)).sum() + 1)
    now = _presence_last(facts)
    return np.asarray(now * stays + (1 - now) * logistic_hazard(facts)[:, facts.last + 1])


PRESENCE: dict[str, Callable[[Facts], Floats]] = {
    "never": lambda facts: np.zeros(len(facts.low)),
    "last": _presence_last,
    "average": _presence_average,
    "population": _presence_population,
    "logistic": _presence_logistic,
}


def presence_forecast(name: str, facts: Facts, *, last: int, known: Bools | None = None) -> Floats:
    """Probability of unrest in each region on the day after `last` (-1 to n_days - 2), shape (regions,)."""
    return PRESENCE[name](seen(facts, known=known, last=last))


def participants_forecast(name: str, facts: Facts, *, last: int, known: Bools | None = None) -> float:
    """log10(1 + participants) on the day after `last`, one number; NaN where no figure has been seen that it could rest on."""
    given = seen(facts, known=known, last=last)
    figures = _log_participants(given)
    dated = np.flatnonzero(~np.isnan(figures))
    if name == "never":
        return 0.0
    if not len(dated):
        return math.nan
    if name in ("last", "average"):
        return float(figures[dated[-1]] if name == "last" else figures[dated].mean())
    then = np.nansum(given.presence[:, dated[-1]] * given.residents)
    now = float((PRESENCE["last" if name == "population" else name](given) * given.residents).sum())
    return math.log10(1 + (10 ** float(figures[dated[-1]]) - 1) * now / then) if then else math.nan


@dataclass(frozen=True)
class OnsetScores:
    """A forecast scored region by region, each left out in turn, shape (regions,)."""

    name: str
    p: Floats
    """probabilities, shape (regions, n_days + 1)"""
    log: Floats
    """nats lost"""
    crps: Floats
    """days"""


def score_onsets(facts: Facts, more: Mapping[str, Floats] = MappingProxyType({}), *, m: int = HISTORIES) -> list[OnsetScores]:
    """All baselines on the onset days of a record, region-out, and more forecasts; probabilities as coarse as m histories make them."""
    forecasts = {name: region_out(name, facts) for name in ONSET} | dict(more)
    return [
        OnsetScores(name, p, log_score_days(p, facts.low, facts.high, m), crps_days(p, facts.low, facts.high))
        for name, p in forecasts.items()
    ]


@dataclass(frozen=True)
class DayScores:
    """A baseline scored on the next day, first origin the day before the first; blanks are NaN."""

    name: str
    log: Floats
    """nats lost on presence, shape (origins, regions)"""
    brier: Floats
    """the same shape"""
    participants: Floats
    """distance from the range of participants in log10, which is the CRPS of one number, shape (origins,)"""


def score_days(facts: Facts, *, m: int = HISTORIES) -> list[DayScores]:
    """All baselines on the next day, from each day to which the record reaches."""
    origins = range(-1, facts.n_days - 1)
    low, high = (np.log10(1 + x) for x in (facts.participants_low, facts.participants_high))
    found = []
    for name in PRESENCE:
        p = np.stack([presence_forecast(name, facts, last=last) for last in origins])
        guess = np.array([participants_forecast(name, facts, last=last) for last in origins])
        found.append(DayScores(name, *event_scores(p, facts.presence.T, m), np.abs(outside(guess, low, high))))
    return found
