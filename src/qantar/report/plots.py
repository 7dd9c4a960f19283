"""Plots of blocks: what a study tells as numbers, drawn for the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from qantar.report.diagram import draw_diagram
from qantar.report.figures import Plot, Rows, same, signed, steps, tenfolds
from qantar.studies.blocks import Bands, Cell, Diagram, Evenings, Figure, Forest, Intervals, Pair, Shares, in_language, label, pair

LOOKS = {"model": ("a", "o"), "unaware": ("a", "s"), "regression": ("b", "^"), "constant": ("m", "-")}
"""Look and sign of a forecaster, by name."""
BASES = {"prior": ("a", "o", -0.22), "posterior": ("b", "D", 0.0), "everyone": ("k", "s", 0.22)}
"""Look, sign and place above or below its row, by what an effect rests on."""
MOST = 30.0
"""The axis of effects ends at so many smallest ones; longer lines run out of it."""


def draw_figure(figure: Figure) -> Markup:
    """The drawing of a figure, without its table."""
    drawers: dict[type, Callable[..., Markup]] = {
        Intervals: _intervals, Shares: _shares, Evenings: _evenings, Forest: _forest, Bands: _bands, Diagram: draw_diagram
    }  # fmt: skip
    return drawers[type(figure.plot)](figure.plot, figure.name, pair(f"report.figure.{figure.name}.title"))


def _names(cells: Iterable[Cell]) -> list[Pair]:
    return [cell if isinstance(cell, tuple) else same(in_language(cell, "en")) for cell in cells]


def _range(values: Sequence[float], least: tuple[float, float] = (0, 0)) -> tuple[float, float]:
    """Range of an axis that holds all values and a little room."""
    low, high = min(*values, *least), max(*values, *least)
    room = 0.04 * (high - low or 1)
    return low - room, high + room


def _rows(names: Iterable[Cell], ends: Sequence[float]) -> tuple[Rows, Plot]:
    """Rows with an axis that holds these numbers, and a line at nothing."""
    lines = Rows(_names(names))
    plot = lines.plot(_range(ends))
    levels = steps(*plot.x, 5)
    plot.x_axis(levels, [signed(v) for v in levels])
    plot.lines([((0, plot.y[0]), (0, plot.y[1]))], "m")
    return lines, plot


def _intervals(data: Intervals, name: str, title: Pair) -> Markup:
    """A mark a row with its interval; filled where the interval keeps clear of nothing."""
    marks = [(k, m[0], m[1] or 0.0, m[1] is not None) for k, m in enumerate(data.marks) if m is not None]
    lines, plot = _rows(data.names, [x + s * half for _, x, half, _ in marks for s in (-1, 1)])
    plot.lines((((x - half, lines.line(k)), (x + half, lines.line(k))) for k, x, half, _ in marks), "a thick")
    for apart, look in ((True, "a f"), (False, "a hollow")):
        plot.marks(((x, lines.line(k)) for k, x, half, known in marks if (x != 0 and abs(x) >= half and known) is apart), "o", look)
    return plot.html(title, pair(f"report.axis.{name}"))


def _shares(data: Shares, name: str, title: Pair) -> Markup:
    """Two shares of each row, the first above the second."""
    lines, plot = _rows(data.names, [v for _, rows in data.series for r in rows if r is not None for v in r])
    for (words, own), (shift, look, sign) in zip(data.series, ((-0.13, "b", "o"), (0.13, "a", "s")), strict=True):
        rows = [(k, *r) for k, r in enumerate(own) if r is not None]
        plot.lines((((low, lines.line(k) + shift), (high, lines.line(k) + shift)) for k, low, _, high in rows), look)
        plot.marks(((value, lines.line(k) + shift) for k, _, value, _ in rows), sign, f"{look} f", 3.2)
        plot.key(sign, f"{look} f", words)
    return plot.html(title, pair(f"report.axis.{name}"))


def _evenings(data: Evenings, name: str, title: Pair) -> Markup:
    """Every forecaster evening by evening; the evenings that a wave followed are shaded, thresholds are dashed."""
    x = list(data.days)
    thresholds = [100 * t for t in data.thresholds]
    series = {n: [(d, p) for d, p in zip(x, points, strict=True) if p is not None] for n, points in data.series.items()}
    tops = [100 * (p[0] if p[2] is None else p[2]) for points in series.values() for _, p in points]
    top = 1.05 * max([*thresholds, *tops], default=1)
    plot = Plot((min(x) - 0.6, max(x) + 0.6), (0, top), height=280, left=34, right=22)
    if before := [d for d, followed in zip(x, data.followed, strict=True) if followed]:  # in one piece: there is at most one wave
        plot.boxes([((min(before) - 0.5, 0), (max(before) + 0.5, top))], "g f")
    levels = steps(0, top)
    plot.y_axis(levels, [same(f"{v:g}") for v in levels])
    plot.lines((((plot.x[0], t), (plot.x[1], t)) for t in thresholds), "m dots")
    for forecaster, found in series.items():
        look, sign = LOOKS.get(forecaster, ("k", "D"))
        if forecaster == "model":
            whole = [(float(d), low, high) for d, (_, low, high) in found if low is not None and high is not None]
            plot.area([(d, 100 * high) for d, _, high in whole], [(d, 100 * low) for d, low, _ in whole], "a f faint")
        points = [(float(d), 100 * p[0]) for d, p in found]
        plot.curve(points, look)
        fill = f"{look} hollow" if sign == "s" else f"{look} f"
        plot.marks(points if sign != "-" else (), sign, fill, 2.6)
        plot.key(sign, look if sign == "-" else fill, *_names([label("forecaster", forecaster)]))
    ticks = x[::-1][:: max(1, -(-len(x) // 6))][::-1]
    dates = [dt.date.fromordinal(t) for t in ticks]
    plot.x_axis(ticks, [(f"{d.day} {d:%b}", f"{d.month}/{d.day}") for d in dates], grid=False)
    return plot.html(title, None, pair("report.axis.warning"))


def _forest(data: Forest, name: str, title: Pair) -> Markup:
    """A line a row and basis, priors, posterior, everyone from above; dashed at the smallest effect that counts."""
    lines = Rows(_names(data.names), each=27)
    end = tenfolds(MOST)
    plot = lines.plot((-end, end))
    ticks = [-10.0, -1.0, 0.0, 1.0, 10.0]
    plot.x_axis([tenfolds(t) for t in ticks], [signed(t) for t in ticks])
    plot.lines([((0, plot.y[0]), (0, plot.y[1]))], "m")
    plot.lines([((1, plot.y[0]), (1, plot.y[1]))], "m dash")
    for basis, (look, sign, shift) in BASES.items():
        rows = data.series.get(basis, ())
        x = [[tenfolds(min(max(v, -MOST), MOST)) for v in values] for _, *values in rows]
        y = [lines.line(k) + shift for k, *_ in rows]
        plot.lines((((low, k), (high, k)) for k, (low, _, high) in zip(y, x, strict=True)), look)
        plot.marks(((middle, k) for k, (_, middle, _) in zip(y, x, strict=True)), sign, f"{look} f", 3)
        if rows:
            plot.key(sign, f"{look} f", pair(f"experiment.basis.{basis}"))
    return plot.html(title, pair(f"report.axis.{name}"))


def _bands(data: Bands, name: str, title: Pair) -> Markup:
    """What each item pulls, to the left for the first end and to the right for the second; filled where its whole band is on one side."""
    lines, plot = _rows(data.names, [v for band in data.bands for v in band])
    plot.lines((((low, lines.line(k)), (high, lines.line(k))) for k, (low, _, high) in enumerate(data.bands)), "a thick")
    for one_sided, look in ((True, "a f"), (False, "a hollow")):
        rows = [(k, best) for k, (low, best, high) in enumerate(data.bands) if (low > 0 or high < 0) is one_sided]
        plot.marks(((best, lines.line(k)) for k, best in rows), "o", look)
    (left_en, left_zh), (right_en, right_zh) = _names(data.ends)
    return plot.html(title, pair(f"report.axis.{name}", left=(left_en, left_zh), right=(right_en, right_zh)))
