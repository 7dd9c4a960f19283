"""The curves: recorded series with the range over sources, one SVG per language, coloured by the page.

Colours are placeholders that become CSS variables, so that one drawing serves light and dark. Figures are byte-equal
when repeated: fixed hash salt, no date, the font that ships with matplotlib for measuring.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qantar.messages import text
from qantar.record.load import Record
from qantar.record.observables import Dated, Interval, Observables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"#010101": "var(--ink)", "#020202": "var(--muted)", "#030303": "var(--grid)", "#040404": "var(--a)", "#050505": "var(--b)"}
INK, MUTED, GRID, A, B = _COLOURS


def draw_all(record: Record, seen: Observables, lang: str) -> dict[str, str]:
    """All figures by name, as SVG text."""
    drawings: dict[str, Callable[[Axes], None]] = {}
    if seen.days:
        drawings["regions"] = lambda ax: _regions(ax, seen, lang)
    if seen.participants:
        drawings["participants"] = lambda ax: _participants(ax, seen, lang)
    if seen.detained:
        drawings["detained"] = lambda ax: _detained(ax, record, seen, lang)
    if seen.deaths:
        drawings["deaths"] = lambda ax: _deaths(ax, record, seen, lang)
    return {name: _svg(draw, name, text(f"report.figure.{name}.title", lang), lang) for name, draw in drawings.items()}


def _svg(draw: Callable[[Axes], None], name: str, title: str, lang: str) -> str:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    style: Any = {
        "svg.fonttype": "none", "svg.hashsalt": f"{name}-{lang}", "font.family": "DejaVu Sans", "font.size": 11,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "xtick.color": INK, "ytick.color": INK,
        "grid.color": GRID, "grid.linewidth": 0.8, "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False,
        "axes.spines.right": False, "figure.figsize": (4.7, 3.1), "axes.titlesize": 11, "legend.frameon": False, "legend.fontsize": 10,
    }  # fmt: skip
    with plt.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font.*")  # the browser draws the text, in its own font
        figure, ax = plt.subplots(layout="constrained")
        draw(ax)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{title}">', svg, count=1)
    svg = re.sub(r'id="([\w.-]+)"', rf'id="{name}-{lang}-\1"', svg)
    svg = re.sub(r'(xlink:)?href="#([\w-]+)"', rf'href="#{name}-{lang}-\2"', svg)
    svg = re.sub(r"url\(#([\w-]+)\)", rf"url(#{name}-{lang}-\1)", svg)
    svg = (
        svg.replace("'DejaVu Sans'", "inherit")
        .replace("font: 11px inherit", "font-size: 11px")
        .replace("font: 10px inherit", "font-size: 10px")
    )
    for placeholder, variable in _COLOURS.items():
        svg = svg.replace(placeholder, variable)
    return svg.strip()


def _days(ax: Axes, days: Sequence[dt.date], lang: str) -> None:
    """Ticks at calendar days of one stretch, with the month in the label."""
    step = -(-len(days) // 8)  # at most eight labels
    ax.set_xticks([d.toordinal() for d in days[::step]], [str(d.day) for d in days[::step]])
    ax.set_xlim(days[0].toordinal() - 0.6, days[-1].toordinal() + 0.6)
    month = f"{days[0].year}年{days[0].month}月" if lang == "zh" else f"{days[0]:%B %Y}"
    ax.set_xlabel(text("report.axis.day", lang, month=month))


def _stretch(rows: Sequence[Dated]) -> list[dt.date]:
    """Every day from the one before the first row to the one after the last."""
    first = rows[0].date - dt.timedelta(days=1)
    return [first + dt.timedelta(days=n) for n in range((rows[-1].date - first).days + 2)]


def _bar(ax: Axes, x: float, interval: Interval, colour: str, **more: Any) -> None:
    """An interval as a thick line with its ends marked; a single value as a dot."""
    ax.plot([x, x], [interval.low, interval.high], color=colour, linewidth=5, alpha=0.45, solid_capstyle="butt")
    ax.plot([x, x], [interval.low, interval.high], color=colour, marker="o", markersize=5, linestyle="none", **more)


def _regions(ax: Axes, seen: Observables, lang: str) -> None:
    days = [d.toordinal() for d in seen.days]
    sure = np.nansum(seen.presence, axis=0)
    missing = np.isnan(seen.presence).sum(axis=0)
    ax.bar(days, sure, width=0.62, color=A, label=text("report.figure.regions.sure", lang))
    unknown = text("report.figure.regions.missing", lang)
    ax.bar(days, missing, bottom=sure, width=0.62, color="none", edgecolor=A, hatch="////", linewidth=0.8, label=unknown)
    for n, d in enumerate(seen.regions_with_unrest):
        label = text("report.figure.regions.stated", lang) if n == 0 else None
        ax.plot([d.date.toordinal()] * 2, [d.interval.low, d.interval.high], color=B, linewidth=2, marker="_", markersize=12, label=label)
    _days(ax, seen.days, lang)
    ax.set_ylim(0, 1.35 * len(seen.region_ids))
    ax.set_yticks(range(0, len(seen.region_ids) + 1, 4))
    ax.set_ylabel(text("report.axis.regions", lang, n=len(seen.region_ids)))
    ax.grid(axis="x", visible=False)
    ax.legend(loc="upper left", ncols=1, labelspacing=0.2)


def _count_axis(ax: Axes, rows: Sequence[Dated], label: str) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ax.set_ylim(0, 1.2 * max(d.interval.high for d in rows))
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_ylabel(label)


def _participants(ax: Axes, seen: Observables, lang: str) -> None:
    for d in seen.participants:
        _bar(ax, d.date.toordinal(), d.interval, A)
        at = (d.date.toordinal(), d.interval.high)
        ax.annotate(str(d.interval), at, textcoords="offset points", xytext=(0, 8), ha="center")
    _days(ax, _stretch(seen.participants), lang)
    _count_axis(ax, seen.participants, text("report.axis.participants", lang))


def _detained(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    """One series for each body that states figures; the one with most of them first."""
    names = {t.total_id: (t.stated_by_zh if lang == "zh" else t.stated_by) or t.stated_by for t in record.totals}
    series: dict[str, list[Dated]] = {}
    for d in seen.detained:
        series.setdefault(names[d.total_id], []).append(d)
    ranked = sorted(series.items(), key=lambda item: (-len(item[1]), item[0]))
    for (name, rows), colour, sign in zip(ranked, (A, B, INK), ("o", "D", "s"), strict=False):
        x = [d.date.toordinal() for d in rows]
        ax.fill_between(x, [d.interval.low for d in rows], [d.interval.high for d in rows], color=colour, alpha=0.3, linewidth=0)
        ax.plot(x, [d.interval.high for d in rows], color=colour, marker=sign, markersize=5, label=name)
    _days(ax, _stretch(seen.detained), lang)
    _count_axis(ax, seen.detained, text("report.axis.detained", lang))
    ax.legend(loc="upper left")


def _deaths(ax: Axes, record: Record, seen: Observables, lang: str) -> None:
    rows = [seen.deaths_total, *seen.deaths] if seen.deaths_total else list(seen.deaths)
    names = []
    for n, unit in enumerate(rows):
        interval = unit.interval
        ax.plot([interval.low, interval.high], [n, n], color=A, linewidth=5, alpha=0.45, solid_capstyle="butt")
        if interval.value is not None:
            ax.plot([interval.value], [n], color=A, marker="o", markersize=6, linestyle="none")
        ax.annotate(str(interval), (interval.high, n), textcoords="offset points", xytext=(8, -4))
        names.append(_unit_name(unit.region_id, record, lang))
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.6 * max(u.interval.high for u in rows))
    ax.set_xlabel(text("report.axis.deaths", lang))
    ax.grid(axis="y", visible=False)


def _unit_name(region_id: str, record: Record, lang: str) -> str:
    if region_id in ("", record.country):
        return text(f"report.deaths.{'country' if region_id else 'rest'}", lang)
    region = record.region(region_id)
    return region.name_zh if lang == "zh" else region.name_en
