"""Estimates from elsewhere behind the priors of the model: writes evidence/priors/estimates.csv from the tables beside it.

Run `.venv/bin/python dev/priors.py` after a table or a fit was changed; a test compares the file with what this gives. What each
table is and where it comes from stands in evidence/priors/README.md. No table holds the event that the model is fitted to.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from fits import Floats, Ints, drawn_anew, fit_sizes, left_out, redraws, slope
from protest_waves import (
    TABLES,
    again_next_day,
    attention,
    crowd_nearby,
    days_between,
    france,
    germany,
    table,
    us_2020,
    with_day_effects,
)
from scipy.stats import norm

FILE = TABLES / "estimates.csv"

HOURS_OUT, FORCES_PER_PERSON, ORDERS = 6.0, 0.1, 2.0
"""Hours a participant is out on a day; units for each person out; how much orders and fights raise killing: assumptions."""
HALF, NORMAL_95, SCALING = 0.5, 1.96, 0.3
PROTESTS_LISTED, COUNTRIES, LISTED_DAYS = 15_239, 162, 11_048
"""Mass Mobilization as a whole: protests, countries, days from January 1990 to March 2020."""
WORDS = {
    "10s": (50, 100), "dozens": (50, 100), ">50": (50, 100), "100s": (100, 1000), "hundreds": (100, 1000), "Hundreds": (100, 1000),
    "a few hundred ": (200, 1000), "1000s": (1000, 10_000), "Thousands": (1000, 10_000),
}  # fmt: skip
"""Sizes that are given in words, at least 50 as the data set has none below."""
CODES = {24.0: (24, 100), 200.0: (100, 1000), 2000.0: (1000, 10_000)}
"""Numbers that the counters write for dozens, hundreds, thousands."""


WIDENED = {
    "rally_scaling": (
        "twice the spread of the US estimates, as in Kazakhstan small towns enter the international press with large protests only"
    ),
    "rally_sd": "from below the smallest to above the largest of the first three estimates",
    "rally_size": "from the smallest of these to what rallies of a whole wave had after it",
    "rally_rate": "a third beyond the smallest and the largest: what a tracker finds differs by year",
    "media_gain": (
        "all causes of a wave are in it, not news alone, and the waves are known ones: hence most mass below it, and three tenths on none"
    ),
    "rally_turnout": (
        "from none to twice the estimate over all days: in Russia larger networks raised numbers more than the chance of a protest"
    ),
    "crowd_gain": (
        "the estimate takes cities that rally often for cities that rally again; given how often each does, next to nothing is left: spike"
    ),
    "near_gain": (
        "to the 0.97 (log 2.65) of the Swing riots; half on none, as next to nothing is left given how often each city has events"
    ),
    "lethality": (
        "scatter of uprisings, less what errors of counting, orders, fights and forces make of it, as these are drawn as well; known "
        "uprisings are the deadly ones, so the median is rather too high"
    ),
    "lethality_security": ("drawn apart from lethality, so as wide as it but for a half: ratios are then wider than any seen"),
    "arrest_rate": ("ten times either way; half of arrests on the square, six hours out, one in eleven faced are assumptions"),
    "search_rate": (
        "ten times either way: three uprisings; half of arrests at home, and five times as many while they last as on the mean day, "
        "are assumptions"
    ),
    "force_ratio": (
        "five times below and ten times above the middle: forces in the country and forces in one city are both in the five figures"
    ),
    "potential": (
        "twice the share of the largest day, as not all come on one day, with a factor of two either way; only uprisings with a figure "
        "are in it, and these are large ones, so rounded down"
    ),
    "violence_rate": (
        "to both ends; peaceful protests reach an international data set more rarely than violent ones, so the lower end is a little "
        "lower still"
    ),
}
"""What was done to widen estimates into priors, and why, by parameter."""


class Prior(NamedTuple):
    """A prior as in parameters.toml, and what was done to widen the estimate it comes from."""

    parameter: str
    kind: str
    a: float
    b: float
    spike: float
    widened: str


@dataclass(frozen=True)
class Row:
    """One estimate, and the prior if one follows from it."""

    quantity: str
    estimate: float
    low: float
    high: float
    interval: str
    n: int
    left_out: tuple[float, float] | None = None
    prior: Prior | None = None

    def cells(self) -> list[str]:
        """As in the table."""
        figures = [self.estimate, self.low, self.high]
        out = self.left_out or (math.nan, math.nan)
        prior = [""] * 6
        if p := self.prior:
            prior = [p.parameter, p.kind, _short(p.a), _short(p.b), _short(p.spike), p.widened]
        return [self.quantity, *map(_short, figures), self.interval, str(self.n), *map(_short, out), *prior]


HEAD = ["quantity", "estimate", "low", "high", "interval", "n", "left_out_low", "left_out_high",
        "parameter", "kind", "a", "b", "spike", "widened"]  # fmt: skip
CLUSTERED = "95 %, errors by city"
ANEW = "95 %, cases drawn anew"
NONE = "smallest and largest"


def _short(x: float) -> str:
    """Three digits; nothing for what is not known."""
    return "" if math.isnan(x) else f"{x:.3g}"


def rounded(x: float, digits: int = 1) -> float:
    """To so many digits: a prior need not be known better."""
    return float(f"{x:.{digits - 1}e}")


def with_prior(row: Row, parameter: str, kind: str, a: float, b: float, spike: float = 0.0) -> Row:
    """The row with the prior that follows from it."""
    return replace(row, prior=Prior(parameter, kind, a, b, spike, WIDENED[parameter]))


def around(name: str, value: float, error: float, interval: str, n: int) -> Row:
    """An estimate with a standard error."""
    return Row(name, value, value - NORMAL_95 * error, value + NORMAL_95 * error, interval, n)


def redrawn(name: str, estimate: Callable[[Ints], float], n: int, cases: str, without: bool = False) -> Row:
    """An estimate from n cases, with an interval from drawing them anew and, if wanted, its range with one left out."""
    bounds = drawn_anew(n, estimate)
    return Row(name, estimate(np.arange(n)), *bounds, f"95 %, {cases} drawn anew", n, left_out(n, estimate) if without else None)


# --- sizes of rallies ---


def _sized_days() -> tuple[Floats, Floats, Floats, Ints]:
    """People at the rallies of a city's day in the United States (bounds), log residents, and the day."""
    wave, rows = us_2020(), []
    for row in table("us_2020_rallies"):
        given, residents = [float(s) for s in row["sizes"].split("+") if s], wave.residents[int(row["place"])]
        if given and sum(given) > 0 and residents > 0:
            total = float(np.mean(given)) * int(row["rallies"])
            low, high = CODES.get(total, (total, total)) if row["rallies"] == "1" else (total, total)
            rows.append((low, high, math.log(residents / 1e5), int(row["day"])))
    low_, high_, x, day = np.array(rows, float).T
    return low_, high_, x, day.astype(np.int64)


def _listed_sizes(country: str = "") -> tuple[Floats, Floats, Floats]:
    """Bounds of the sizes in the Central Asian rows, and log residents of the place (0 where it is not one city)."""
    residents = {row["location"]: float(row["residents"]) for row in table("mm_kazakhstan_places")}
    rows = []
    for row in table("mm_central_asia"):
        given = row["participants"]
        if country in ("", row["country"]) and (given in WORDS or given.isdigit()) and (not country or row["location"] in residents):
            bounds = WORDS.get(given) or (float(given), float(given))
            rows.append((*bounds, math.log(residents[row["location"]] / 1e5) if country else 0.0))
    low, high, x = np.array(rows, float).T
    return low, high, x


def _size_rows(name: str, low: Floats, high: Floats, x: Floats, least: float) -> tuple[Row, Row]:
    """Slope and scatter of sizes, with intervals."""
    fit = fit_sizes(low, high, x, least)
    again = [fit_sizes(low[k], high[k], x[k], least) for k in redraws(len(x), 60)]
    bounds = np.quantile(np.array(again), (0.025, 0.975), axis=0)
    return (
        Row(f"log size on log residents: {name}", fit.slope, bounds[0, 1], bounds[1, 1], ANEW, len(x)),
        Row(f"scatter of log size, residents given: {name}", fit.sd, bounds[0, 2], bounds[1, 2], ANEW, len(x)),
    )


def sizes() -> Iterator[Row]:
    """How large rallies are."""
    low, high, x, day = _sized_days()
    slope_, sd = _size_rows("US 2020, all rallies of a city's day", low, high, x, 0.0)
    yield with_prior(slope_, "rally_scaling", "normal", SCALING, 0.15)
    yield with_prior(sd, "rally_sd", "uniform", 1.0, 1.8)
    seen = low >= 20
    yield from _size_rows("US 2020, those of 20 people and more, truncated there", low[seen], high[seen], x[seen], 20.0)
    yield from _size_rows("Kazakhstan 1990-2020, truncated at 50 people", *_listed_sizes("Kazakhstan"), 50.0)
    for name, when in (("first three days", day <= 2), ("after 18 June", day >= 24)):
        fit, n = fit_sizes(low[when], high[when], x[when]), int(when.sum())
        yield _people(f"people at the median rally, city of 100,000, US 2020: {name}", fit.level, NORMAL_95 * fit.sd / math.sqrt(n), n)
    yield from _two_counts(fit_sizes(low, high, x).sd)


def _people(name: str, level: float, error: float, n: int) -> Row:
    """A median on the scale of people."""
    return Row(name, math.exp(level), math.exp(level - error), math.exp(level + error), "95 %, from the scatter", n)


def _two_counts(sd: float) -> Iterator[Row]:
    """Median size of what a tracker counts, if an international data set holds its largest: all of them, or a tenth."""
    low, high, _ = _listed_sizes("Kazakhstan")
    x = float(np.mean(_listed_sizes("Kazakhstan")[2]))
    listed = len([r for r in table("mm_central_asia") if r["country"] == "Kazakhstan"]) / LISTED_DAYS
    middle = float(np.median(np.log(low * high) / 2))
    rates = [int(r["protests"]) / days_between(r["start"], r["end"]) for r in table("tracker_counts")]
    medians = [middle - SCALING * x - norm.isf(0.5 * listed / found / rate) * sd for rate in rates for found in (1.0, 0.3, 0.1)]
    row = Row("people at the median protest of a tracker, city of 100,000, Kazakhstan: from two counts", math.exp(np.mean(medians)),
              math.exp(min(medians)), math.exp(max(medians)), NONE, len(low))  # fmt: skip
    yield with_prior(row, "rally_size", "loguniform", 5, 100)


# --- how often ---


def base_rate() -> Iterator[Row]:
    """Protests a day in quiet times."""
    counts = table("tracker_counts")
    rates = [int(r["protests"]) / days_between(r["start"], r["end"]) for r in counts]
    middle = math.exp(float(np.mean(np.log(rates))))
    row = Row("protests a day, Kazakhstan, three stretches of a tracker 2018-2021", middle, min(rates), max(rates), NONE,
              sum(int(r["protests"]) for r in counts))  # fmt: skip
    yield with_prior(row, "rally_rate", "loguniform", 0.4, 4)


def residents() -> Iterator[Row]:
    """Whether rallies come in proportion to residents; the model says so."""
    for name, wave in (
        ("US 2020", us_2020()),
        ("Germany 2015-16, all events", germany()),
        ("Germany 2015-16, demonstrations", germany("demonstrations")),
    ):
        found = with_day_effects(wave)
        yield around(f"log rate of events on log residents: {name}", found.value[0], found.error[0], CLUSTERED, int(wave.happened.sum()))


# --- waves ---


def _log_ratio(name: str, peak: Floats, calm: Floats) -> Row:
    """Of two mean numbers a day."""

    def again(k: Ints) -> float:
        rng = np.random.default_rng(int(k[0]) + 1)
        return float(np.log(rng.choice(peak, len(peak)).mean() / rng.choice(calm, len(calm)).mean()))

    low, high = drawn_anew(10_000, again)
    return Row(name, math.log(peak.mean() / calm.mean()), low, high, "95 %, days drawn anew", len(peak) + len(calm))


def waves() -> Iterator[Row]:
    """How many times the number a day rises in a national wave."""
    us, de = us_2020().events.sum(0), germany().events.sum(0)
    found = [_log_ratio("log rise of a wave, US 2020: its three largest days against 22-30 June", np.sort(us)[-3:], us[27:])]
    first = max(range(365 - 7), key=lambda day: de[day : day + 7].sum())
    found.append(_log_ratio("log rise of a wave, Germany: largest week of 2015 against January to June", de[first : first + 7], de[:181]))
    yield from found
    jump = _log_ratio("the same, January 2016 (its count may have changed then; not used)", de[365:396], de[:181])
    listed: dict[str, list[str]] = {}
    for row in table("mm_twelve_waves"):
        listed.setdefault(row["country"], []).append(row["start_date"])
    ordinary = PROTESTS_LISTED / COUNTRIES / LISTED_DAYS
    rises = np.array([math.log(len(d) / days_between(min(d), max(d)) / ordinary) for d in listed.values()])

    def typical(k: Ints) -> float:
        return float(rises[k].mean())

    yield redrawn("log rise of a wave: twelve waves against a country's mean day", typical, len(rises), "waves", without=True)
    for country in ("Kyrgyzstan", "Uzbekistan", "Kazakhstan"):
        days = sorted(dt.date.fromisoformat(r["start_date"]) for r in table("mm_central_asia") if r["country"] == country)
        most = max(sum(0 <= (b - a).days < 30 for b in days) for a in days)
        rise = math.log(most / 30 / ((len(days) - most) / (LISTED_DAYS - 30)))
        name = f"log rise in the fullest thirty days 1990-2020, {country}"
        yield around(name, rise, 1 / math.sqrt(most), "95 %, Poisson", len(days))
    yield jump
    together = np.concatenate([[r.estimate for r in found], rises])

    def root(k: Ints) -> float:
        return float(np.sqrt(np.mean(together[k] ** 2)))

    typical_rise = redrawn("log rise of a wave, root mean square of US, Germany and the twelve", root, len(together), "waves", without=True)
    yield with_prior(typical_rise, "media_gain", "halfnormal", 0, rounded(typical_rise.estimate), spike=0.3)


def turnout() -> Iterator[Row]:
    """Whether rallies are larger on days that have more of them."""
    low, high, x, day = _sized_days()
    number = us_2020().happened.sum(0)
    size = np.log(low * high) / 2 - SCALING * x
    for when, last in (("all days", 35), ("to 7 June, as the wave rose", 12)):
        days = [d for d in range(last + 1) if (day == d).sum() >= 3]
        mean, weight = np.array([size[day == d].mean() for d in days]), np.array([(day == d).sum() for d in days], float)
        log_number = np.log(number[days])

        def again(k: Ints, log_number: Floats = log_number, mean: Floats = mean, weight: Floats = weight) -> float:
            return slope(log_number[k], mean[k], weight[k])

        name = f"mean log size on log number of rallies by day, US 2020: {when}"
        row = redrawn(name, again, len(days), "days", without=True)
        yield with_prior(row, "rally_turnout", "uniform", 0, 0.8) if last == 35 else row


# --- spread ---


def momentum() -> Iterator[Row]:
    """Whether a city where something happened has it again on the next day."""
    us, later = us_2020(), slice(1, None)
    yesterday = np.zeros(us.happened.shape)
    yesterday[:, 1:] = us.happened[:, :-1]
    crowd = attention(us.news[us.cities])
    for name, column in (("any rally yesterday", yesterday), ("at full attention to a crowd there", crowd)):
        found = with_day_effects(us, column, days=later)
        row = around(f"log hazard of a rally, US 2020, beyond day and residents: {name}", found.value[1], found.error[1], CLUSTERED,
                     int(us.happened.sum()))  # fmt: skip
        yield with_prior(row, "crowd_gain", "halfnormal", 0, rounded(row.estimate), spike=0.3) if column is crowd else row
    cases = [
        ("US 2020", us, 0.0),
        ("US 2020, after 1,000 people or more", us, 1000.0),
        ("Germany 2015-16", germany(), 0.0),
        ("France 2023 (control)", france(), 0.0),
    ]
    for name, wave, least in cases:
        seen, expected = again_next_day(wave, least)
        some = np.flatnonzero(expected > 0)

        def again(k: Ints, seen: Floats = seen[some], expected: Floats = expected[some]) -> float:
            return float(np.log(max(seen[k].sum(), HALF) / expected[k].sum()))

        yield redrawn(f"log of days with an event again on the next day over those expected, {name}", again, len(some), "cities")


BANDS = ((0, 50), (50, 150), (150, 400))
"""Kilometres."""


def near() -> Iterator[Row]:
    """Whether crowds nearby count beyond those anywhere."""
    us, de = us_2020(), germany()
    for data, wave, heard in (
        ("US 2020, at full attention to crowds", us, attention),
        ("Germany 2015-16, per event of the last days (log)", de, np.log1p),
    ):
        scale = 1.0 if heard is attention else 1 / 200
        columns = [heard(wave.nearby(*band) * scale) for band in BANDS]
        own = heard(wave.news[wave.cities] * scale)
        found = with_day_effects(wave, own, *columns, days=slice(1, None))
        for band, value, error in zip(BANDS, found.value[2:], found.error[2:], strict=True):
            name = f"log hazard, {band[0]}-{band[1]} km away, beyond day, residents and own crowd: {data}"
            row = around(name, value, error, CLUSTERED, int(wave.happened.sum()))
            yield with_prior(row, "near_gain", "halfnormal", 0, 1, spike=0.5) if wave is us and band == BANDS[-1] else row


def near_given_cities() -> Iterator[Row]:
    """The same, given how often each city has events at all."""
    for data, wave, least in (("US 2020, 1,000 people or more", us_2020(), 1000.0), ("Germany 2015-16, any event", germany(), 100.0)):
        for band in BANDS:
            parts = crowd_nearby(wave, band, least)

            def again(k: Ints, parts: tuple[Floats, ...] = parts) -> float:
                a, b, c, d = (max(float(x[k].sum()), HALF) for x in parts)
                return math.log(a / b) - math.log(c / d)

            name = f"log of events over those expected with against without, {band[0]}-{band[1]} km away: {data}"
            yield redrawn(name, again, len(parts[0]), "cities")


# --- uprisings ---


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan


def _middle(row: dict[str, str], what: str) -> float:
    """Geometric mean of the lowest and highest figure given."""
    low, high = _number(row[f"{what}_low"]), _number(row[f"{what}_high"])
    return math.sqrt(low * high) if high == high else low


ENDED = {"chile-2019": "2020-03-15"}
"""Ends that are given by month only."""


def uprisings() -> dict[str, dict[str, float]]:
    """Figures of each uprising that are known; participant-days are the sum over days, or peak x (1 + share x other days)."""
    people = {r["id"]: float(r["residents"]) for r in table("residents")}
    found = {}
    for row in table("uprisings"):
        end = ENDED.get(row["id"], row["end"])
        days = float(days_between(row["start"], end)) if len(end) == 10 else math.nan
        peak, cumulative = _middle(row, "peak"), _number(row["cumulative"])
        found[row["id"]] = {
            "deaths": _middle(row, "deaths"), "detained": _middle(row, "detained"), "forces": _middle(row, "forces"),
            "peak": peak, "days": days,
            "participant_days": cumulative if cumulative == cumulative else peak * (1 + MEAN_TO_PEAK * (days - 1)),
            "security": _number(row["security_deaths"]), "residents": people.get(row["id"], math.nan),
        }  # fmt: skip
    return found


MEAN_TO_PEAK = 0.16
"""People out on the mean day of a wave against its largest day, within a factor of 2.5 (an assumption; two waves are estimated below)."""


def mean_to_peak() -> Iterator[Row]:
    """For the two waves of which the sum over days is known."""
    us = us_2020().people.sum(0)
    (honduras,) = (r for r in table("uprisings") if r["id"] == "honduras-2017")
    days = days_between("2017-11-05", "2017-12-23")  # those of its sum
    shares = us.mean() / us.max(), _number(honduras["cumulative"]) / days / _middle(honduras, "peak")
    yield Row(
        "people out on the mean day over the largest: US 2020, Honduras 2017", float(np.mean(shares)), min(shares), max(shares), NONE, 2
    )


@dataclass(frozen=True)
class Ratio:
    """Decimal logs of a ratio, over the uprisings of which it is known."""

    name: str
    logs: Floats

    @property
    def mean(self) -> float:
        """Of the logs."""
        return float(self.logs.mean())

    @property
    def sd(self) -> float:
        """Of the logs."""
        return float(self.logs.std(ddof=1))

    def rows(self) -> tuple[Row, Row]:
        """Mean and standard deviation."""

        def mean(k: Ints) -> float:
            return float(self.logs[k].mean())

        def sd(k: Ints) -> float:
            return float(self.logs[k].std(ddof=1)) if len(k) > 1 else 0.0

        names = [f"{self.name}, log10: {what}" for what in ("mean", "standard deviation")]
        first, second = (redrawn(name, f, len(self.logs), "uprisings", without=True) for name, f in zip(names, (mean, sd), strict=True))
        return first, second


def _ratio(name: str, values: dict[str, float], without: tuple[str, ...] = ()) -> Ratio:
    return Ratio(name, np.array([math.log10(v) for key, v in values.items() if v == v and key not in without]))


def killed() -> Iterator[Row]:
    """Deaths a participant-day, and killing by the hour."""
    u = uprisings()
    whole = _ratio("dead a participant-day, whole uprisings", {k: v["deaths"] / v["participant_days"] for k, v in u.items()})
    rows = table("intense_days")
    days = {r["id"]: _middle(r, "deaths") / _middle(r, "participant_days") for r in rows}
    intense = _ratio("dead a participant-day, their worst days", days)
    yield from (*whole.rows(), *intense.rows())
    median = 10 ** ((whole.mean + intense.mean) / 2)
    share = FORCES_PER_PERSON / (1 + FORCES_PER_PERSON)
    hourly = median / (HOURS_OUT * share * ORDERS)
    natural = math.log(10)
    among = (max(whole.sd, intense.sd) * natural) ** 2
    of_count, of_orders, of_fights, of_forces = math.log(2.5), 0.8, 0.8, _forces(u).sd * natural
    sd = math.sqrt(among - of_count**2 - of_orders**2 - of_fights**2 - of_forces**2)
    name = f"killed per hour and person faced: {HOURS_OUT:g} h out, {share:.2f} of the crowd faced, {ORDERS:g} for orders and fights"
    low, high = (hourly * math.exp(sign * NORMAL_95 * sd) for sign in (-1, 1))
    row = Row(name, hourly, low, high, "95 % of uprisings", len(whole.logs) + len(intense.logs))
    yield with_prior(row, "lethality", "lognormal", rounded(hourly), rounded(sd, 2))
    security = _ratio("security dead per dead", {k: v["security"] / v["deaths"] for k, v in u.items()})
    mean, spread = security.rows()
    a = rounded(10**security.mean * hourly * math.sqrt(ORDERS))
    yield with_prior(mean, "lethality_security", "lognormal", a, 2.0)
    yield spread
    for r in table("mm_responses_by_size"):
        if r["size"] in ENDS:
            yield _share(
                f"share of protests of {r['size']} people in which the state killed, all countries", int(r["killings"]), int(r["n"])
            )


ENDS = ("50-99", ">10000")
"""Smallest and largest class of size."""


def _forces(u: dict[str, dict[str, float]]) -> Ratio:
    return _ratio("forces per participant at the peak", {k: v["forces"] / v["peak"] for k, v in u.items()})


def taken() -> Iterator[Row]:
    """Arrests, and forces."""
    u = uprisings()
    detained = _ratio("detained a participant-day", {k: v["detained"] / v["participant_days"] for k, v in u.items()}, PARTIAL)
    mean, sd = detained.rows()
    share = FORCES_PER_PERSON / (1 + FORCES_PER_PERSON)
    square = HALF * 10**detained.mean / (HOURS_OUT * share)
    yield with_prior(mean, "arrest_rate", "loguniform", rounded(square / 10), rounded(square * 10))
    yield sd
    by_force = _ratio("detained per member of the forces and day", {k: v["detained"] / v["forces"] / v["days"] for k, v in u.items()})
    mean, sd = by_force.rows()
    hourly = HALF * 10**by_force.mean / 24 * BURST
    yield with_prior(mean, "search_rate", "loguniform", rounded(hourly / 10), rounded(hourly * 10))
    yield sd
    forces = _forces(u)
    mean, sd = forces.rows()
    yield with_prior(mean, "force_ratio", "loguniform", rounded(10**forces.mean / 5), rounded(10**forces.mean * 10))
    yield sd


PARTIAL = ("gdr-1989",)
"""Detained in one city only."""
BURST = 5.0


def took_part() -> Iterator[Row]:
    """Largest day against residents: a lower bound of who would take part at all."""
    share = _ratio("participants of the largest day per resident", {k: v["peak"] / v["residents"] for k, v in uprisings().items()})
    mean, sd = share.rows()
    natural = math.log(10)
    spread = math.hypot(share.sd * natural, math.log(2))
    yield with_prior(mean, "potential", "lognormal", 0.01, rounded(spread, 2))
    yield sd


def _share(name: str, k: int, n: int) -> Row:
    """A share, with Wilson's interval."""
    z, p = NORMAL_95, k / n
    middle, half = (p + z**2 / 2 / n) / (1 + z**2 / n), z * math.sqrt(p * (1 - p) / n + z**2 / 4 / n**2) / (1 + z**2 / n)
    return Row(name, p, middle - half, middle + half, "95 %, Wilson", n)


def _log_odds(name: str, rows: list[dict[str, str]], answer: str) -> Row:
    """Of an answer of the state with protester violence in the same protest (a half added to each cell)."""
    violent = [r["protesterviolence"] == "1.0" for r in rows]
    did = [r[answer] == "1" for r in rows]
    cells = [sum(v is a and d is b for v, d in zip(violent, did, strict=True)) + HALF for a in (True, False) for b in (True, False)]
    value, error = math.log(cells[0] * cells[3] / cells[1] / cells[2]), NORMAL_95 * math.sqrt(sum(1 / c for c in cells))
    return Row(name, value, value - error, value + error, "95 %, Woolf", len(rows))


def violence() -> Iterator[Row]:
    """How many protests turn violent, by size, and by the hour."""
    by_size = {r["size"]: (int(r["protester_violence"]), int(r["n"])) for r in table("mm_responses_by_size")}
    everywhere = sum(k for k, _ in by_size.values()), sum(n for _, n in by_size.values())
    shares = [_share("share of protests with protester violence, all countries", *everywhere)]
    shares += [_share(f"the same, {size} people", *by_size[size]) for size in ENDS]
    rows = table("mm_central_asia")
    for name, some in (("Central Asia", rows), ("Kazakhstan", [r for r in rows if r["country"] == "Kazakhstan"])):
        shares.append(_share(f"the same, {name} 1990-2020", sum(r["protesterviolence"] == "1.0" for r in some), len(some)))
    yield from shares
    low, high = min(r.estimate for r in shares), max(r.estimate for r in shares)
    rates = -math.log1p(-low) / 12, -math.log1p(-high) / 3
    name = "places turning violent per hour: smallest share over 12 h, largest over 3 h"
    row = Row(name, math.sqrt(rates[0] * rates[1]), *rates, NONE, len(rows))
    yield with_prior(row, "violence_rate", "loguniform", 0.005, rounded(rates[1]))
    for answer in ("arrests", "crowddispersal", "killings", "shootings"):
        name = f"log odds of {answer} with protester violence in the same protest, Central Asia (either may come first)"
        yield _log_odds(name, rows, answer)


def duration() -> Iterator[Row]:
    """How many protests are over on the day they begin."""
    rows = table("mm_central_asia")
    for name, some in (("", rows), (" with protester violence", [r for r in rows if r["protesterviolence"] == "1.0"])):
        one_day = sum(r["start_date"] == r["end_date"] for r in some)
        yield _share(f"share of protests{name} that end on the day they begin, Central Asia", one_day, len(some))


def seats() -> Iterator[Row]:
    """In how many uprisings a seat of government was entered."""
    known = [r for r in table("seats") if r["entered"]]
    some = [int(r["entered"]) for r in known if int(r["entered"]) > 0]
    yield _share("share of uprisings in which a seat of government was entered, of those of which it is said", len(some), len(known))
    yield _share("the same, of all (where nothing is said none is counted)", len(some), len(table("uprisings")))
    yield Row("places in which one was entered, where any was (at least)", float(np.mean(some)), min(some), max(some), NONE, len(some))


def estimates() -> list[Row]:
    """All, in the order of the file."""
    parts = (
        sizes, base_rate, residents, waves, turnout, momentum, near, near_given_cities,
        mean_to_peak, killed, taken, took_part, violence, duration, seats,
    )  # fmt: skip
    return [row for part in parts for row in part()]


def content() -> str:
    """The file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(row.cells() for row in estimates())
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_text(content(), encoding="utf-8")
    print(f"{FILE}: {len(FILE.read_text(encoding='utf-8').splitlines()) - 1} estimates")
