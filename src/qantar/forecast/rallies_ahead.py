"""Days that the model's rule of rallies would have: planted records, and forecasts from a fit (`forecast.rallies`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qantar.cases.outlines import distance_km
from qantar.forecast.rallies import PEOPLE, Rallies, Values, attention, crowds, day_effects, known, middle_size, rates
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST = 20.0
"""Rallies of a place and day that are expected at most where days are drawn: beyond it no record goes."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rallies that were drawn by the rule, shape (places, days)."""

    counts: Floats
    """written down"""
    sized: Floats
    """people at those"""
    sizes: Floats
    """as in `Rallies`"""


def onwards(
    r: Rallies,
    v: Values,
    w: Floats,
    day: int,
    days: int,
    draw: np.random.Generator,
    close: NDArray[np.float32] | None = None,
    *,
    whole: bool = False,
) -> Drawn:
    """Draw the days from one on, after what was there before it.

    Parameters
    ----------
    w : how much each place is above others
    close : what `closeness` gives, where the same is asked often
    whole : whether crowds that nobody wrote down are noticed on the spot as well, each with its own size; otherwise, as in the fit, only
        those written down, all of one size
    """
    n = len(r.residents)
    noticed = [np.pad(attention(c[:, :day], v["news_half"]), ((0, 0), (0, 1))) for c in crowds(r, v)]
    seen = [known(a, v["news_hours"])[:, day] for a in noticed]
    close = closeness(kilometres(r), v) if close is None else close
    keep, middle = 0.5 ** (24 / v["news_hours"]), middle_size(r, v)
    gains = v["crowd_gain"], v["near_gain"], v["media_gain"] * r.online
    counts, sized, rows = np.zeros((n, days)), np.zeros((n, days)), []
    for d in range(days):
        effect = v["day_sd"] * draw.standard_normal()
        off = float((r.first.weekday() + day + d - 1) % 7 >= 5)
        level = np.clip(v["day_off_effect"] * off + sum(g * s for g, s in zip(gains, seen, strict=True)), -30, 30)
        rate = v["rally_rate"] * r.residents / PEOPLE * w * np.exp(level + effect)
        place = np.repeat(np.arange(n), draw.poisson(np.minimum(rate, MOST)))
        log = middle[place] + v["rally_turnout"] * (level[place] + effect) + v["rally_sd"] * draw.standard_normal(len(place))
        slope = np.clip(v["reported_steepness"] * (log - np.log(v["reported_half"])), -50, 50)
        written = draw.random(len(place)) < 1 / (1 + np.exp(-slope))
        people = np.maximum(np.exp(np.minimum(log, 16)), 1.0)
        counts[:, d] = np.bincount(place[written], minlength=n)
        sized[:, d] = np.bincount(place[written], people[written], n)
        rows += [(p, d, s) for p, s in zip(place[written], people[written], strict=True)]
        here = np.bincount(place, people, n) if whole else v["crowd"] * counts[:, d]
        for k, crowd in enumerate((here, close @ here.astype(np.float32), here.sum() - here)):
            seen[k] = np.maximum(keep * seen[k], attention(crowd, v["news_half"]))
    return Drawn(counts, sized, np.array(rows, float).reshape(-1, 3))


def kilometres(r: Rallies) -> NDArray[np.float32]:
    """Between places, endless to itself, shape (places, places)."""
    found = np.stack([distance_km(p[None], r.points).astype(np.float32) for p in r.points])
    np.fill_diagonal(found, np.inf)
    return found


def closeness(km: NDArray[np.float32], v: Values) -> NDArray[np.float32]:
    """exp(-distance / near_km), 0 to itself."""
    return np.asarray(np.exp(-km / np.float32(v["near_km"])))


def planted(r: Rallies, v: Values, seed: int, number: int, *, sizes: bool) -> Rallies:
    """A record that the rule made in the places and days of another, with these parameters.

    Parameters
    ----------
    number : of the record: each has luck of its own
    sizes : whether it tells how large rallies were
    """
    draw, days = np.random.default_rng(word(seed, StudyKey.WAVE_AHEAD, number)), r.counts.shape[1]
    w = draw.gamma(v["evenness"], 1 / v["evenness"], len(r.residents))
    made = onwards(r, v, w, 0, days, draw, whole=True)
    nobody = np.zeros(made.counts.shape)
    sized, unsized = (made.sized, nobody) if sizes else (nobody, made.counts)
    nowhere = np.zeros(days), np.zeros(days)
    return Rallies(r.first, r.residents, r.points, made.counts, sized, unsized, nowhere, made.sizes if sizes else made.sizes[:0], r.online)


def place_effects(r: Rallies, v: Values) -> Floats:
    """How much each place is above others of its size, by all that is written down, shape (places,)."""
    return day_effects(r, rates(r, v)[:, r.start :], v)[1]


def chances(r: Rallies, v: Values, days: Ints) -> Floats:
    """Probability that something is written down on a day, each from what was there on the days before it, shape (places, days).

    Places are known by the days from `start` to the one before. The country's effect of a day is not known beforehand: its normal law is
    summed at seven points.
    """
    rate, found = rates(r, v), np.empty((len(r.residents), len(days)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    for k, day in enumerate(days):
        past = r.until(int(day))
        w = day_effects(past, rate[:, r.start : day], v)[1]
        expected = (w * rate[:, day])[:, None] * np.exp(v["day_sd"] * nodes)
        found[:, k] = -np.expm1(-expected) @ (weights / weights.sum())
    return found
