"""What a set of simulated histories adds to the page: shares on the map, curves with bands, and the onset table.

In: a `Result` of runs and the record's observables. Out: numbers and figures; nothing here judges a claim.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from qantar.ensemble.histories import QUANTILES, Feature, curves
from qantar.ensemble.run import Result
from qantar.record.observables import Dated, Observables
from qantar.report.curves import day_axis, span_of
from qantar.report.figures import Plot, same, tenfolds, width_of
from qantar.studies.blocks import Pair, pair

CURVES = ("participants", "detained")


@dataclass(frozen=True)
class OnsetRow:
    """Of one region: how many histories have its first reported day when, against the record's interval."""

    within: Feature
    never: float
    """share of histories in which no unrest of the region is reported"""
    shares: tuple[float, ...]
    """share of histories that report unrest, by day of the page"""


@dataclass(frozen=True)
class Simulated:
    """Everything the page says about the histories."""

    result: Result
    onsets: dict[str, OnsetRow]
    others: list[Feature]
    """features other than onsets"""
    table: dict[str, list[tuple[dt.date, list[float]]]]
    """quantiles of the national curves, by quantity and day"""
    QUIET_AT = 1_000
    """People out at once up to whom a history counts as quiet."""

    @property
    def runs(self) -> int:
        """Histories."""
        return self.result.runs.n

    @property
    def scale(self) -> Pair:
        """How many people one of the model stands for, in words."""
        scale = self.result.recipe.plan.scale
        return pair("out.scale_full") if scale == 1 else pair("out.scale_part", n=f"{1 / scale:g}")

    @property
    def peak(self) -> float:
        """Most people out at once, in the middle history."""
        return float(np.median(self.result.runs.whole["peak"]))

    @property
    def quiet(self) -> int:
        """Histories in which never more than that were out."""
        return int((self.result.runs.whole["peak"] < self.QUIET_AT).sum())


def simulated(result: Result, days: Sequence[dt.date]) -> Simulated:
    """The histories as the page shows them; `days` are those of the record's map."""
    plan = result.recipe.plan
    first = dt.datetime.fromisoformat(plan.start).date()
    shares = result.runs.presence.mean(axis=0)
    onset = result.runs.onset()
    by_region = {f.of: f for f in result.features if f.kind == "onset"}

    def share(day: dt.date, k: int) -> float:
        n = (day - first).days
        return float(shares[n, k]) if 0 <= n < len(shares) else 0.0

    rows = {
        r.id: OnsetRow(by_region[r.id], float((onset[:, k] < 0).mean()), tuple(share(day, k) for day in days))
        for k, r in enumerate(plan.regions)
        if r.id in by_region
    }
    table = {
        name: [(first + dt.timedelta(days=d), values[:, d].tolist()) for d in range(values.shape[1])]
        for name, values in curves(result.runs).items()
    }
    return Simulated(result, rows, [f for f in result.features if f.kind != "onset"], table)


def draw_simulated(sim: Simulated, seen: Observables) -> dict[str, Markup]:
    """Figures of the national curves, simulated and recorded, by name."""
    return {f"simulated-{name}": _curve(sim.table[name], getattr(seen, name), name) for name in CURVES}


def _curve(rows: list[tuple[dt.date, list[float]]], recorded: Sequence[Dated], name: str) -> Markup:
    """Bands of quantiles over histories, the record as diamonds; on a scale of tenfolds that has a zero."""
    days = [d for d, _ in rows]
    q = list(zip(*([tenfolds(v) for v in values] for _, values in rows), strict=True))
    highest = max(*map(max, q), *(tenfolds(d.interval.high) for d in recorded), 1.0)
    ticks = list(range(math.ceil(highest) + 1))
    labels = [same("0"), *(same(f"{10 ** (n - 1):,}") for n in ticks[1:])]
    plot = Plot(span_of(days), (-0.1, ticks[-1] + 0.1), height=250, left=max(width_of(said[0]) for said in labels) + 12)
    plot.y_axis(ticks, labels)
    x_title = day_axis(plot, days, grid=False)

    def along(values: Sequence[float]) -> list[tuple[float, float]]:
        return [(d.toordinal(), v) for d, v in zip(days, values, strict=True)]

    for low, high, look, key in ((0, -1, "a f faint", "band90"), (1, -2, "a f half", "band50")):
        plot.area(along(q[high]), along(q[low]), look)
        plot.key("#", look, pair(f"report.figure.{key}"))
    plot.curve(along(q[len(QUANTILES) // 2]), "a thick")
    plot.key("-", "a thick", pair("report.figure.median"))
    ends = [[(d.date.toordinal(), tenfolds(v)) for v in (d.interval.low, d.interval.high)] for d in recorded]
    if ends:
        plot.lines(((a, b) for a, b in ends), "b")
        plot.marks((p for both_ends in ends for p in both_ends), "D", "b f", 3)
        plot.key("D", "b f", pair("report.figure.recorded"))
    title = pair(f"report.figure.simulated-{name}.title")
    return plot.html(title, x_title, pair(f"report.axis.{name}"))
