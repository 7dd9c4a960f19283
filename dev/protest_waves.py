"""Waves of protest as places by days: where and when something happened, what was lately out there and nearby.

Read from the tables in evidence/priors by `priors.py`.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from fits import Bools, Floats, Ints
from scipy.optimize import brentq

from qantar.forecast.hazards import Hazards, fit_hazards

TABLES = Path(__file__).parents[1] / "evidence" / "priors"
LEAST_RESIDENTS = 10_000.0
"""Cities that are followed whether or not anything happened there."""
NEWS_HALF, NEWS_KEPT = 1000.0, 0.25
"""People at whom half of the attention is reached, and share of a crowd that is remembered after a day: middles of their priors."""
UNSIZED = 200.0
"""People at a rally or an event whose size is not given: the median of those given."""


def table(name: str) -> list[dict[str, str]]:
    """A table beside the estimates."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def days_between(start: str, end: str) -> int:
    """Days of a stretch, both ends counted.

    >>> days_between("2020-01-01", "2020-01-02")
    2
    """
    return (dt.date.fromisoformat(end) - dt.date.fromisoformat(start)).days + 1


@dataclass(frozen=True, eq=False)
class Wave:
    """Where and when something happened in a country: places by days."""

    lat: Floats
    lon: Floats
    residents: Floats
    events: Floats
    people: Floats

    @cached_property
    def cities(self) -> Ints:
        """Places that are followed on every day."""
        return np.flatnonzero(self.residents >= LEAST_RESIDENTS)

    @cached_property
    def happened(self) -> Bools:
        """Whether anything did, in cities."""
        return self.events[self.cities] > 0

    @cached_property
    def news(self) -> Floats:
        """The largest crowd remembered on the evening before, of every place."""
        before = np.zeros_like(self.people)
        for day in range(1, before.shape[1]):
            before[:, day] = np.maximum(self.people[:, day - 1], NEWS_KEPT * before[:, day - 1])
        return before

    @cache  # noqa: B019 - a wave lives as long as the program
    def nearby(self, nearest: float, farthest: float) -> Floats:
        """People remembered at a distance between two bounds, for each city."""
        found = np.empty(self.happened.shape)
        there = np.flatnonzero(self.news.any(axis=1))  # elsewhere is no crowd to be remembered
        for first in range(0, len(self.cities), 500):
            here = self.cities[first : first + 500, None]
            north = self.lat[here] - self.lat[there]
            east = (self.lon[here] - self.lon[there]) * np.cos(np.radians((self.lat[here] + self.lat[there]) / 2))
            km = 111.2 * np.hypot(north, east)
            counts = (km >= nearest) & (km < farthest) & (here != there)
            found[first : first + 500] = counts.astype(np.float32) @ self.news[there].astype(np.float32)
        return found

    @cached_property
    def hazard_by_day(self) -> Floats:
        """Of an average city."""
        rate: Floats = -np.log1p(-np.clip(self.happened.mean(0), 1e-12, 0.999))
        return rate


def attention(people: Floats) -> Floats:
    """How much a crowd is noticed, 0 to 1, as in the model."""
    return people**2 / (people**2 + NEWS_HALF**2)


def _wave(name: str, events: str, days: int, people_of: str) -> Wave:
    places = table(f"{name}_places")
    lat, lon, residents = (np.array([float(p[c] or "nan") for p in places]) for c in ("lat", "lon", "population"))
    counted, people = np.zeros((len(places), days)), np.zeros((len(places), days))
    for row in table(events):
        cell = int(row["place"]), int(row["day"])
        sizes = [float(s) for s in row.get("sizes", "").split("+") if s]
        counted[cell] = float(row[people_of])
        people[cell] = counted[cell] * (np.mean(sizes) if sizes else UNSIZED)
    return Wave(lat, lon, residents, counted, people)


@cache
def us_2020() -> Wave:
    """Rallies of the racial-justice wave, 26 May to 30 June 2020."""
    return _wave("us_2020", "us_2020_rallies", 36, "rallies")


@cache
def germany(kind: str = "events") -> Wave:
    """Anti-refugee unrest of 2015 and 2016, or its demonstrations alone."""
    return _wave("germany_2015", "germany_2015_events", 731, kind)


def with_day_effects(wave: Wave, *columns: Floats, days: slice = slice(None)) -> Hazards:
    """Coefficients of columns for the log hazard of a city's day, with an effect of each day; the first is that of log residents."""
    log_residents = np.broadcast_to(np.log(wave.residents[wave.cities] / 1e5)[:, None], wave.happened.shape)
    day = np.broadcast_to(np.arange(wave.happened.shape[1]), wave.happened.shape)
    city = np.broadcast_to(np.arange(len(wave.cities))[:, None], wave.happened.shape)
    x = np.stack([c[:, days].ravel() for c in (log_residents, *columns)], axis=1)
    return fit_hazards(wave.happened[:, days].ravel(), x, day[:, days].ravel(), city[:, days].ravel())


@cache
def france() -> Wave:
    """Actions at ministers' visits by departement: their days are those of the visits, so nothing spreads by itself."""
    rows = table("france_2023_actions")
    names = sorted({r["departement"] for r in rows})
    counted = np.zeros((len(names), 73))
    for row in rows:
        counted[names.index(row["departement"]), days_between("2023-04-18", row["date"]) - 1] += int(row["actions"])
    none = np.full(len(names), math.nan)
    return Wave(none, none, np.full(len(names), LEAST_RESIDENTS), counted, counted)


def _chances(rate: Floats, events: float) -> Floats:
    """Of an event on each of some days, if so many are expected on all of them and each has the country's rate."""
    level = brentq(lambda b: float(-np.expm1(-np.exp(b) * rate).sum() - events), -15, 30)
    chances: Floats = -np.expm1(-np.exp(level) * rate)
    return chances


def again_next_day(wave: Wave, least: float) -> tuple[Floats, Floats]:
    """Seen and expected next days with an event, by city, after events of so many people.

    Expected given that the city has as many events on all other days as were seen, each day at the country's rate.
    """
    seen, expected = np.zeros(len(wave.cities)), np.zeros(len(wave.cities))
    last = wave.happened.shape[1] - 1
    for c in np.flatnonzero((wave.happened.sum(1) >= 2) & (wave.happened.sum(1) < last)):
        for day in np.flatnonzero(wave.happened[c, :last]):
            if wave.people[wave.cities[c], day] >= least:
                others = np.delete(wave.hazard_by_day, day)
                seen[c] += wave.happened[c, day + 1]
                expected[c] += _chances(others, wave.happened[c].sum() - 1.0)[day]
    return seen, expected


def crowd_nearby(wave: Wave, band: tuple[int, int], least: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Seen and expected events by city, where at least so many people were out nearby lately and where fewer were.

    Expected are as many in a city, over all days, as were seen, each day at the country's rate.
    """
    close = wave.nearby(*band)[:, 1:] >= least
    seen, rate = wave.happened[:, 1:], wave.hazard_by_day[1:]
    some = np.flatnonzero(seen.any(1) & ~seen.all(1))
    expected = np.zeros(seen.shape)
    for c in some:
        expected[c] = _chances(rate, float(seen[c].sum()))
    parts = [(x * where).sum(1)[some] for where in (close, ~close) for x in (seen, expected)]
    return parts[0], parts[1], parts[2], parts[3]
