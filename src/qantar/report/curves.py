"""The curves: recorded series with the range over sources, one SVG per language, coloured by the page.

Colours are placeholders that become CSS variables, so that one drawing serves light and dark. Figures are byte-equal
when repeated: fixed hash salt, no date, the font that ships with matplotlib for measuring.
"""

from __future__ import annotations

import datetime as dt
import html
import io
import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qantar.messages import text
from qantar.record.load import Record
from qantar.record.observables import Dated, Interval, Observables, UnitDeaths, days_between

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"#010101": "var(--ink)", "#020202": "var(--muted)", "#030303": "var(--grid)", "#040404": "var(--a)", "#050505": "var(--b)"}
INK, MUTED, GRID, A, B = _COLOURS


def draw_all(record: Record, seen: Observables, lang: str) -> dict[str, str]:
    """All figures by name, as SVG text."""
    drawings: dict[str, Callable[[Axes], None]] = {}
    if seen.days:
        drawings["regions"] = lambda ax: _regions(ax, record, seen, lang)
    if seen.participants:
        drawings["participants"] = lambda ax: _participants(ax, record, seen, lang)
    if seen.detained:
        drawings["detained"] = lambda ax: _detained(ax, record, seen, lang)
    if seen.deaths:
        drawings["deaths"] = lambda ax: _deaths(ax, record, seen, lang)
    return {name: svg(draw, name, text(f"report.figure.{name}.title", lang), lang) for name, draw in drawings.items()}


def svg(draw: Callable[[Axes], None], name: str, title: str, lang: str) -> str:
    """One figure as SVG text, coloured by the page; `name` keeps its ids apart from those of others."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": f"{name}-{lang}", "font.family": "DejaVu Sans", "font.size": 12,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "xtick.color": INK, "ytick.color": INK,
        "grid.color": GRID, "grid.linewidth": 0.8, "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False,
        "axes.spines.right": False, "figure.figsize": (4.7, 3.1),  "legend.frameon": False, "legend.fontsize": 10.5,
    }  # fmt: skip
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font.*")  # the browser draws the text, in its own font
        figure = Figure(layout="constrained")  # without pyplot: a notebook keeps its own backend
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{html.escape(title)}">', svg, count=1)
    svg = re.sub(r'id="([\w.-]+)"', rf'id="{name}-{lang}-\1"', svg)
    svg = re.sub(r'(xlink:)?href="#([\w-]+)"', rf'href="#{name}-{lang}-\2"', svg)
    svg = re.sub(r"url\(#([\w-]+)\)", rf"url(#{name}-{lang}-\1)", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)  # measured in one font, drawn in the reader's
    svg = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)  # a hundredth of a point is enough
    for placeholder, variable in _COLOURS.items():
        svg = svg.replace(placeholder, variable)
    return svg.strip()


def axis_of_days(ax: Axes, days: Sequence[dt.date], lang: str) -> None:
    """Ticks at calendar days of one stretch, with the month in the label."""
    step = -(-len(days) // 8)  # at most eight labels
    ax.set_xticks([d.toordinal() for d in days[::step]], [str(d.day) for d in days[::step]])
    ax.set_xlim(days[0].toordinal() - 0.6, days[-1].toordinal() + 0.6)
    middle = days[len(days) // 2]
    month = f"{middle.year}年{middle.month}月" if lang == "zh" else f"{middle:%B %Y}"
    ax.set_xlabel(text("report.axis.day", lang, month=month))


def _stretch(rows: Sequence[Dated]) -> tuple[dt.date, ...]:
    """Every day from the one before the first row to the one after the last."""
    day = dt.timedelta(days=1)
    return days_between(rows[0].date - day, rows[-1].date + day)


def _bar(ax: Axes, x: float, interval: Interval, colour: str, marker: str = "o", **more: Any) -> None:
    """An interval as a line with its ends marked; a single value as one mark."""
    ax.plot([x, x], [interval.low, interval.high], color=colour, linewidth=1.5, marker=marker, markersize=4.5, **more)


def _regions(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    days = [d.toordinal() for d in seen.days]
    doubtful = seen.doubtful.sum(axis=0)
    sure = np.nansum(seen.presence, axis=0) - doubtful
    missing = np.isnan(seen.presence).sum(axis=0)
    bars = (("sure", sure, {"color": A}), ("doubtful", doubtful, {"color": A, "alpha": 0.45}), ("missing", missing, _HATCH))
    bottom = np.zeros(len(days))
    for name, heights, look in bars:
        ax.bar(days, heights, bottom=bottom, width=0.56, label=text(f"report.figure.regions.{name}", lang), **look)
        bottom += heights
    computed = {s.key for s in record.sources if s.seen == "computed"}
    stated = [d for d in seen.regions_with_unrest if d.source not in computed]
    for n, d in enumerate(stated):
        label = text("report.figure.regions.stated", lang) if n == 0 else None
        x = d.date.toordinal() + 0.4  # beside its bar
        ax.plot([x, x], [d.interval.low, d.interval.high], color=INK, linewidth=1.5, marker="D", markersize=4, label=label)
    axis_of_days(ax, seen.days, lang)
    ax.set_ylim(0, 1.55 * len(seen.region_ids))
    ax.set_yticks(range(0, len(seen.region_ids) + 1, 4))
    ax.set_ylabel(text("report.axis.regions", lang, n=len(seen.region_ids)))
    ax.grid(axis="x", visible=False)
    ax.legend(loc="upper left", ncols=2, labelspacing=0.2, columnspacing=1)


_HATCH: dict[str, Any] = {"color": "none", "edgecolor": A, "hatch": "////", "linewidth": 0.8}


def _count_axis(ax: Axes, rows: Sequence[Dated], label: str) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.set_ylim(0, 1.2 * max(d.interval.high for d in rows))
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_ylabel(label)


def _participants(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    """Each figure with what it covers: the first words of its note."""
    notes = {t.total_id: (t.note_zh if lang == "zh" else t.note) for t in record.totals}
    for d in seen.participants:
        _bar(ax, d.date.toordinal(), d.interval, A)
        covers = re.split(r"[;；]", notes[d.total_id])[0]
        label = f"{d.interval}\n{covers}" if covers else str(d.interval)
        at = (d.date.toordinal(), d.interval.high)
        ax.annotate(label, at, textcoords="offset points", xytext=(0, 7), ha="center", fontsize=10)
    axis_of_days(ax, _stretch(seen.participants), lang)
    _count_axis(ax, seen.participants, text("report.axis.participants", lang))


def _detained(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    """One series for each body that states figures; the one with most of them first."""
    names = {t.total_id: (t.stated_by_zh if lang == "zh" else t.stated_by) or t.stated_by for t in record.totals}
    series: dict[str, list[Dated]] = {}
    for d in seen.detained:
        series.setdefault(names[d.total_id], []).append(d)
    ranked = sorted(series.items(), key=lambda item: (-len(item[1]), item[0]))
    looks = zip(itertools.cycle("oDs^v"), itertools.cycle((A, B, INK)), strict=False)  # never by colour alone
    for (name, rows), (sign, colour) in zip(ranked, looks, strict=False):
        for n, d in enumerate(rows):
            _bar(ax, d.date.toordinal(), d.interval, colour, sign, label=name.lstrip("_") if n == 0 else None)
    axis_of_days(ax, _stretch(seen.detained), lang)
    _count_axis(ax, seen.detained, text("report.axis.detained", lang))
    ax.legend(loc="upper left")


def _deaths(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    rows = [seen.deaths_total, *seen.deaths] if seen.deaths_total else list(seen.deaths)
    names = []
    for n, unit in enumerate(rows):
        interval = unit.interval
        ax.plot([interval.low, interval.high], [n, n], color=A, linewidth=2, marker="|", markersize=9)
        if interval.value is not None:
            fill = A if unit.basis == "final" else "none"  # hollow: a figure that was withdrawn
            ax.plot([interval.value], [n], color=A, marker="o", markersize=5.5, markerfacecolor=fill, linestyle="none")
        ax.annotate(str(interval), (interval.high, n), textcoords="offset points", xytext=(8, -4))
        names.append(_unit_name(unit, record, lang))
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.6 * max(u.interval.high for u in rows))
    ax.set_xlabel(text("report.axis.deaths", lang))
    ax.grid(axis="y", visible=False)


def _unit_name(unit: UnitDeaths, record: Record, lang: str) -> str:
    if unit.region_id in ("", record.country):
        return text(f"report.deaths.{'country' if unit.region_id else 'rest'}", lang)
    place = next((p for p in record.settlements if p.settlement_id == unit.settlement_id), None)
    named = place or record.region(unit.region_id)
    return named.name_zh if lang == "zh" else named.name_en
