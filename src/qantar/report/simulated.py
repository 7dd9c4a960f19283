"""What a set of simulated histories adds to the page: shares on the map, curves with bands, and the onset table.

In: a `Result` of runs and the record's observables. Out: numbers and SVG text; nothing here judges a claim.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qantar.messages import text
from qantar.record.observables import Dated, Observables
from qantar.report.curves import INK, A, B, axis_of_days, svg
from qantar.study.run import Result
from qantar.study.summary import QUANTILES, Feature, curves, presence_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUIET_AT = 1_000
CURVES = ("participants", "detained")


@dataclass(frozen=True)
class OnsetRow:
    """One region: how many histories have its first reported day when, against the record's interval."""

    region_id: str
    within: Feature
    never: float
    """share of histories in which no unrest of the region is reported"""
    shares: tuple[float, ...]
    """share of histories that report unrest, by day of the page"""


@dataclass(frozen=True)
class Simulated:
    """Everything the page says about the histories."""

    result: Result
    days: tuple[dt.date, ...]
    onsets: dict[str, OnsetRow]
    others: list[Feature]
    """features other than onsets"""
    table: dict[str, list[tuple[dt.date, list[float]]]]
    """quantiles of the national curves, by quantity and day"""

    @property
    def runs(self) -> int:
        """Histories."""
        return self.result.runs.n

    @property
    def n_days(self) -> int:
        """Days of a history."""
        return int(self.result.runs.presence.shape[1])

    @property
    def quiet_at(self) -> int:
        """People out at once up to whom a history counts as quiet."""
        return QUIET_AT

    @property
    def quiet(self) -> int:
        """Histories in which never more than that were out."""
        return int((self.result.runs.whole["peak"] < QUIET_AT).sum())


def simulated(result: Result, days: Sequence[dt.date]) -> Simulated:
    """The histories as the page shows them; `days` are those of the record's map."""
    plan = result.recipe.plan
    first = dt.datetime.fromisoformat(plan.start).date()
    shares = presence_shares(result.runs)
    onset = result.runs.onset()
    by_region = {f.of: f for f in result.features if f.kind == "onset"}

    def share(day: dt.date, k: int) -> float:
        n = (day - first).days
        return float(shares[n, k]) if 0 <= n < len(shares) else 0.0

    rows = {
        r["id"]: OnsetRow(r["id"], by_region[r["id"]], float((onset[:, k] < 0).mean()), tuple(share(day, k) for day in days))
        for k, r in enumerate(plan.regions)
        if r["id"] in by_region
    }
    table = {
        name: [(first + dt.timedelta(days=d), values[:, d].tolist()) for d in range(values.shape[1])]
        for name, values in curves(result.runs).items()
    }
    return Simulated(result, tuple(days), rows, [f for f in result.features if f.kind != "onset"], table)


def draw_simulated(sim: Simulated, seen: Observables, lang: str) -> dict[str, str]:
    """Figures of the national curves, simulated and recorded, by name."""
    recorded = {"participants": seen.participants, "detained": seen.detained}

    def figure(name: str) -> str:
        key = f"simulated-{name}"
        title = text(f"report.figure.{key}.title", lang)
        return svg(lambda ax: _curve(ax, sim.table[name], recorded[name], name, lang), key, title, lang)

    return {f"simulated-{name}": figure(name) for name in CURVES}


def _curve(ax: Axes, rows: list[tuple[dt.date, list[float]]], recorded: Sequence[Dated], name: str, lang: str) -> None:
    """Bands of quantiles over histories, the record as diamonds; on a scale of tenfolds that has a zero."""
    days = [d for d, _ in rows]
    x = [d.toordinal() for d in days]
    q = _tenfolds(np.array([v for _, v in rows]).T)
    wide, narrow = (text(f"report.figure.band{n}", lang) for n in (90, 50))
    look: Any = {"color": A, "linewidth": 0}
    ax.fill_between(x, q[0], q[-1], alpha=0.22, label=wide, **look)
    ax.fill_between(x, q[1], q[-2], alpha=0.4, label=narrow, **look)
    ax.plot(x, q[len(QUANTILES) // 2], color=A, linewidth=1.8, label=text("report.figure.median", lang))
    for n, d in enumerate(recorded):
        ends = _tenfolds(np.array([d.interval.low, d.interval.high]))
        label = text("report.figure.recorded", lang) if n == 0 else None
        at = d.date.toordinal()
        ax.plot([at, at], ends, color=B, linewidth=1.5, marker="D", markersize=4.5, label=label)
    axis_of_days(ax, days, lang)
    highest = max(float(q.max()), *(float(_tenfolds(np.array([d.interval.high]))[0]) for d in recorded), 1.0)
    ticks = list(range(int(np.ceil(highest)) + 1))
    ax.set_yticks(ticks, ["0", *(f"{10 ** (n - 1):,}" for n in ticks[1:])])
    ax.set_ylim(-0.1, ticks[-1] * 1.45)
    ax.set_ylabel(text(f"report.axis.{name}", lang), color=INK)
    ax.legend(loc="upper left", ncols=2, labelspacing=0.2, columnspacing=1)


def _tenfolds(value: Any) -> Any:
    """Logarithm to base 10 from 1 up, with zero one tick below 1."""
    return np.where(value > 1, 1 + np.log10(np.maximum(value, 1)), value)
