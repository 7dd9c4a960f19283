"""Campaigns of the past (NAVCO 1.2) beside the model: tuned on half of them, tested on the other half (docs/explanation/methods.md).

In: the table of campaigns, or its packaged counts; histories of drawn countries. Out: what the model says of campaigns it was not shown,
and what is observed, with intervals.

    half        of a campaign: a coin keyed by seed and campaign id, so both parts of a campaign listed twice fall into one half
    tuned       success of violent and of nonviolent campaigns, one intercept each: a(type) such that in the tuning half
                sum over levels x of n(x) expit(a(type) + theta(x)) = successes of the type
    theta(x)    log odds of success at level x against the first level, in histories with an uprising: of one draw of coefficients, all
                countries and methods together; success, defection and people out as the model's rules have them; half a history added to
                each count. Draws without histories at a level are left out of it; 5 %, 50 % and 95 % over the others
    predicted   difference between the last and the first level, on the mix of types of the test half
    observed    the same difference there, interval of Newcombe (1998, Stat. Med. 17, method 10)
    naive       no contrast: the two levels alone

    defection       security forces defect              share of units that left or changed sides at least `histories.MASS`
    participation   people at the peak, of population   peak of people out, of residents; bands below 0.1 %, to 1 %, above
    goal            regime change                       not predicted: the model's crowd has no goal that is set before

Source: Chenoweth and Shay, NAVCO 1.2, Harvard Dataverse, doi:10.7910/DVN/0UZOTX, in the copy on GitHub, at
marsidmali/Exploring-Why-Civil-Resistance-Works. Its own terms were not seen, so only counts are packaged. Ongoing campaigns are left out;
0 participants is taken as not known.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.histories import MASS
from qantar.errors import DataError, Problems, fail
from qantar.files.cells import to_csv
from qantar.files.text import read_text
from qantar.model.outcome import UPRISING
from qantar.statistics import wilson
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SEED = 11
"""Of the halves that are packaged."""
TYPES = ("nonviolent", "violent")
BANDS = (0.001, 0.01)
"""Edges of participation, share of the population."""
LEVELS = {"defection": ("no", "yes"), "goal": ("other", "regime_change"), "participation": ("below_0.1%", "0.1_to_1%", "above_1%")}
PREDICTED = ("defection", "participation")
NEEDED = ("navco_id", "success", "ongoing", "nonviol", "regchange", "defect", "percentage_popular_participation")
COUNTS = "-navco.csv"
"""How the name of the table of counts ends, which lies beside the experiment that they are compared with."""
HEADER = ("half", "type", "contrast", "level", "campaigns", "successes")


def is_test(seed: int, campaign: int) -> bool:
    """Whether a campaign is in the half that tests.

    >>> sum(is_test(SEED, k) for k in range(1000)) in range(450, 551)
    True
    """
    return lot(seed, StudyKey.CAMPAIGN_HALF, campaign) < 0.5


Counts = dict[tuple[str, str, str, str], tuple[int, int]]
"""Campaigns and successes by half, type, contrast and level."""


def count(path: Path, seed: int = SEED) -> Counts:
    """Counts from the table of campaigns; raises DataError with every cell that is no number, or the columns that are missing."""
    rows = list(csv.DictReader(io.StringIO(read_text(path))))
    if not rows:
        raise fail(DataError, path, "empty_file")
    problems = Problems()
    for name in NEEDED:
        if name not in rows[0]:
            problems.add(path.name, 1, name, "missing_column", value=name)
    problems.raise_as(DataError)
    of_all = [(contrast, level) for contrast, levels in LEVELS.items() for level in levels]
    found: Counts = {(half, kind, *of): (0, 0) for half in ("tune", "test") for kind in TYPES for of in of_all}
    for line, row in enumerate(rows, 2):
        x = {name: _number(row[name], path, line, name, problems) for name in NEEDED}
        if any(v is None for v in x.values()) or x["ongoing"]:
            continue
        half = "test" if is_test(seed, int(x["navco_id"] or 0)) else "tune"
        levels = {"defection": int(x["defect"] or 0), "goal": int(x["regchange"] or 0)}
        if share := x["percentage_popular_participation"]:
            levels["participation"] = int(np.searchsorted(BANDS, share, "right"))
        for contrast, level in levels.items():
            key = (half, TYPES[0] if x["nonviol"] else TYPES[1], contrast, LEVELS[contrast][level])
            n, won = found[key]
            found[key] = (n + 1, won + int(x["success"] or 0))
    problems.raise_as(DataError)
    return found


def _number(cell: str, path: Path, line: int, name: str, problems: Problems) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    flag = name not in ("navco_id", "percentage_popular_participation")
    if flag and value not in (0, 1):
        problems.add(path.name, line, name, "not_one_of", value=cell, choices="0, 1")
        return None
    if not (flag or 0 <= value < 1e6):
        problems.add(path.name, line, name, "not_a_number", value=cell, unit="1")
        return None
    return value


def counts_csv(counts: Counts) -> str:
    """The counts as a table."""
    return to_csv(HEADER, [[*key, *value] for key, value in counts.items()])


def packed_counts(folder: Path) -> Counts:
    """The counts that lie in a folder of experiments; raises DataError if there are none."""
    path = next(iter(sorted(folder.glob(f"*{COUNTS}"))), None)
    if path is None:
        raise fail(DataError, folder, "no_campaigns", name=f"H..{COUNTS}")
    rows = csv.DictReader(io.StringIO(read_text(path)))
    return {(r["half"], r["type"], r["contrast"], r["level"]): (int(r["campaigns"]), int(r["successes"])) for r in rows}


@dataclass(frozen=True)
class Histories:
    """What the contrasts need of histories; shape (histories,)."""

    draw: Ints
    success: NDArray[np.bool_]
    peak: Floats
    """people"""
    residents: Floats
    gone: Floats
    """largest share of units that left or changed sides"""

    def levels(self, contrast: str) -> Ints:
        """Level of each history."""
        if contrast == "defection":
            return (self.gone >= MASS).astype(np.int64)
        return np.searchsorted(BANDS, self.peak / self.residents, "right").astype(np.int64)


def thetas(h: Histories, contrast: str) -> Floats:
    """Theta of each draw, shape (draws, levels); NaN where a draw has no history at a level or at the first."""
    level, rising = h.levels(contrast), h.peak >= UPRISING
    draws = np.unique(h.draw)
    found = np.full((len(draws), len(LEVELS[contrast])), np.nan)
    for row, k in enumerate(draws):
        odds = []
        for x in range(found.shape[1]):
            own = h.success[rising & (h.draw == k) & (level == x)]
            odds.append(math.log((own.sum() + 0.5) / ((~own).sum() + 0.5)) if len(own) else math.nan)
        found[row] = np.array(odds) - odds[0]
    return found


def intercept(n: Sequence[int], successes: int, theta: Sequence[float]) -> float:
    """The intercept that makes the expected successes right, by bisection; half a success is kept away from none and all."""
    target = min(max(float(successes), 0.5), sum(n) - 0.5)
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        expected = sum(k * _expit(middle + x) for k, x in zip(n, theta, strict=True))
        low, high = (middle, high) if expected < target else (low, middle)
    return (low + high) / 2


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


@dataclass(frozen=True)
class Contrast:
    """One contrast of the test half: last level less first."""

    name: str
    observed: float
    observed_low: float
    observed_high: float
    campaigns: tuple[int, int]
    """at the first and the last level"""
    predicted: float | None
    """None where the model says nothing"""
    predicted_low: float | None
    predicted_high: float | None
    naive: float
    """of the two levels alone: what the mix of types makes of the contrast"""
    draws: int
    """that say something"""


def newcombe(a: int, n: int, b: int, m: int) -> tuple[float, float, float]:
    """Difference b/m - a/n with its 95 % interval.

    >>> [round(x, 4) for x in newcombe(48, 80, 56, 70)]                     # Newcombe (1998), example (a)
    [0.2, 0.0524, 0.3339]
    """
    p, q = a / n, b / m
    (pl, pu), (ql, qu) = wilson(a, n), wilson(b, m)
    d = q - p
    return d, d - math.hypot(q - ql, pu - p), d + math.hypot(qu - q, p - pl)


def contrasts(counts: Counts, h: Histories | None) -> list[Contrast]:
    """All contrasts: tuned on one half, predicted and observed on the other."""
    return [_contrast(counts, h, name) for name in LEVELS]


def _contrast(counts: Counts, h: Histories | None, name: str) -> Contrast:
    levels = LEVELS[name]
    ends = [[sum(counts["test", kind, name, x][k] for kind in TYPES) for k in (0, 1)] for x in (levels[0], levels[-1])]
    (n, won), (m, won_there) = ends
    if not (n and m):
        raise fail(DataError, "campaigns", "empty_level", value=name)
    observed, campaigns = newcombe(won, n, won_there, m), (n, m)
    theta = thetas(h, name) if h is not None and name in PREDICTED else np.zeros((0, len(levels)))
    theta = theta[~np.isnan(theta).any(axis=1)]

    def difference(row: list[float]) -> float:
        low, high = 0.0, 0.0
        for kind in TYPES:
            tune = [counts["tune", kind, name, x] for x in levels]
            a = intercept([n for n, _ in tune], sum(s for _, s in tune), row)
            low += counts["test", kind, name, levels[0]][0] * _expit(a + row[0])
            high += counts["test", kind, name, levels[-1]][0] * _expit(a + row[-1])
        return high / m - low / n

    naive = difference([0.0] * len(levels))
    if not len(theta):
        return Contrast(name, *observed, campaigns, None, None, None, naive, 0)
    middle, low, high = np.quantile([difference(row) for row in theta.tolist()], (0.5, 0.05, 0.95)).tolist()
    return Contrast(name, *observed, campaigns, middle, low, high, naive, len(theta))


def levels_of(counts: Counts) -> list[tuple[str, int, int, float, float, float]]:
    """The two levels that are tuned: type, campaigns and successes of the tuning half, share and interval."""
    found = []
    for kind in TYPES:
        n, won = (sum(counts["tune", kind, "goal", x][k] for x in LEVELS["goal"]) for k in (0, 1))
        found.append((kind, n, won, won / n, *wilson(won, n)))
    return found
