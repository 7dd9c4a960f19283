"""The curves: recorded series with the range over sources.

In: the record and its observables. Out: figures as HTML by name (`figures`).
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

from qantar.record.observables import Dated, Interval, Observables, UnitDeaths, days_between
from qantar.record.record import Record
from qantar.report.figures import WIDTH, Plot, Rows, same, steps, width_of
from qantar.studies.blocks import Pair, pair

LABELS = 10
"""At most so many days are named on an axis."""
MONTH = 31
"""Days that one name of a month may stand for; a longer stretch is named by its ends."""


def draw_all(record: Record, seen: Observables) -> dict[str, Markup]:
    """All figures by name."""
    drawings: dict[str, tuple[Sequence[object], Callable[[Pair, Record, Observables], Markup]]] = {
        "regions": (seen.days, _regions),
        "participants": (seen.participants, _participants),
        "detained": (seen.detained, _detained),
        "deaths": (seen.deaths, _deaths),
    }
    return {name: draw(pair(f"report.figure.{name}.title"), record, seen) for name, (rows, draw) in drawings.items() if rows}


def span_of(days: Sequence[dt.date]) -> tuple[float, float]:
    """Range of an axis of days."""
    return days[0].toordinal() - 0.6, days[-1].toordinal() + 0.6


def day_axis(plot: Plot, days: Sequence[dt.date], *, grid: bool = True) -> Pair:
    """Ticks at calendar days of one stretch; gives the title of the axis, which names the month."""
    plot.dated = True
    shown = days[:: -(-len(days) // LABELS)]
    plot.x_axis([d.toordinal() for d in shown], [same(str(d.day)) for d in shown], grid=grid)
    middle, first, last = days[len(days) // 2], days[0], days[-1]
    if len(days) > MONTH:
        en = f"{first:%B}{'' if first.year == last.year else f' {first.year}'} to {last:%B %Y}"
        return pair("report.axis.day", month=(en, f"{first.year}年{first.month}月至{last.year}年{last.month}月"))
    return pair("report.axis.day", month=(f"{middle:%B %Y}", f"{middle.year}年{middle.month}月"))


def _ends(x: float, interval: Interval) -> tuple[tuple[float, float], tuple[float, float]]:
    return (x, interval.low), (x, interval.high)


def _regions(title: Pair, record: Record, seen: Observables) -> Markup:
    doubtful = seen.doubtful.sum(axis=0)
    sure = np.nansum(seen.presence, axis=0) - doubtful
    missing = np.isnan(seen.presence).sum(axis=0)
    n = len(seen.region_ids)
    plot = Plot(span_of(seen.days), (0, n), left=26)
    x_title = day_axis(plot, seen.days, grid=False)
    levels = range(0, n + 1, 4)
    plot.y_axis(levels, [same(str(k)) for k in levels])
    bottom = np.zeros(len(seen.days))
    for name, heights, look in (("sure", sure, "a f"), ("doubtful", doubtful, "a f half"), ("missing", missing, "a dash")):
        tops = bottom + heights
        ends = zip(seen.days, bottom.tolist(), tops.tolist(), strict=True)
        plot.boxes((((d.toordinal() - 0.3, low), (d.toordinal() + 0.3, high)) for d, low, high in ends if high > low), look)
        plot.key("#", look, pair(f"report.figure.regions.{name}"))
        bottom = tops
    computed = {s.key for s in record.sources if s.seen == "computed"}
    stated = [_ends(d.date.toordinal() + 0.42, d.interval) for d in seen.regions_with_unrest if d.source not in computed]  # beside its bar
    if stated:
        plot.lines(stated, "k")
        plot.marks(itertools.chain(*stated), "D", "k f", 3)
        plot.key("D", "k f", pair("report.figure.regions.stated"))
    return plot.html(title, x_title, pair("report.axis.regions", n=n))


def _counts(rows: Sequence[Dated], *, room: float = 1.1) -> tuple[Plot, Pair]:
    """An empty drawing of people by day, from the one before the first row to the one after the last; and the title of its lower axis."""
    day = dt.timedelta(days=1)
    days = days_between(rows[0].date - day, rows[-1].date + day)
    top = room * max(d.interval.high for d in rows)
    levels = steps(0, top)
    named = [same(f"{v:,.0f}") for v in levels]
    plot = Plot(span_of(days), (0, top), left=max(width_of(n[0]) for n in named) + 12)
    plot.y_axis(levels, named)
    return plot, day_axis(plot, days, grid=False)


def _participants(title: Pair, record: Record, seen: Observables) -> Markup:
    """Each figure with what it covers: the first words of its note."""
    notes = {t.total_id: (t.note, t.note_zh or t.note) for t in record.totals}
    plot, x_title = _counts(seen.participants, room=1.45)
    ends = [_ends(d.date.toordinal(), d.interval) for d in seen.participants]
    plot.lines(ends, "a")
    plot.marks(itertools.chain(*ends), "o", "a f", 3.5)
    for d in seen.participants:
        en, zh = (re.split(r"[;；]", n)[0] for n in notes[d.total_id])
        lines = [textwrap.wrap(en, 17), textwrap.wrap(zh, 8)]
        said = ("\n".join([str(d.interval), *lines[0]]), "\n".join([str(d.interval), *lines[1]]))
        x, y = plot.at(d.date.toordinal(), d.interval.high)
        high = 1.15 * 12.5 * (max(map(len, lines)) + 1)
        half = max(width_of(line) for words in said for line in words.split("\n")) / 2
        plot.words(min(max(x, half + 2), WIDTH - half - 2), max(y - high + 4, 12), said)
    return plot.html(title, x_title, pair("report.axis.participants"))


def _detained(title: Pair, record: Record, seen: Observables) -> Markup:
    """One series for each body that states figures; the one with most of them first."""
    names = {t.total_id: (t.stated_by or t.stated_by_zh, t.stated_by_zh or t.stated_by) for t in record.totals}
    series: dict[Pair, list[Dated]] = {}
    for d in seen.detained:
        en, zh = names[d.total_id]
        series.setdefault((en or "", zh or ""), []).append(d)
    ranked = sorted(series.items(), key=lambda item: (-len(item[1]), item[0]))
    plot, x_title = _counts(seen.detained)
    looks = zip(itertools.cycle("oDs^v"), itertools.cycle(("a", "b", "k")), strict=False)  # never by colour alone
    for (name, rows), (sign, colour) in zip(ranked, looks, strict=False):
        ends = [_ends(d.date.toordinal(), d.interval) for d in rows]
        plot.lines(ends, colour)
        plot.marks(itertools.chain(*ends), sign, f"{colour} f", 3.5)
        plot.key(sign, f"{colour} f", name)
    return plot.html(title, x_title, pair("report.axis.detained"))


def _deaths(title: Pair, record: Record, seen: Observables) -> Markup:
    units = [seen.deaths_total, *seen.deaths] if seen.deaths_total else list(seen.deaths)
    highest = max(u.interval.high for u in units)
    rows = Rows([_unit_name(u, record) for u in units])
    plot = rows.plot((0, highest or 1), room=max(width_of(str(u.interval)) for u in units) + 14)
    levels = steps(0, highest or 1, 4)
    plot.x_axis(levels, [same(f"{v:,.0f}") for v in levels])
    for n, unit in enumerate(units):
        y, found = rows.line(n), unit.interval
        plot.lines([((found.low, y), (found.high, y))], "a thick")
        plot.marks([(found.low, y), (found.high, y)], "|", "a")
        if found.value is not None:
            plot.marks([(found.value, y)], "o", "a hollow" if unit.basis == "withdrawn" else "a f")
        plot.note(found.high, y, same(str(found)), anchor="start", dx=9, dy=4)
    return plot.html(title, pair("report.axis.deaths"))


def _unit_name(unit: UnitDeaths, record: Record) -> Pair:
    if unit.region_id in ("", record.country):
        return pair(f"report.deaths.{'country' if unit.region_id else 'rest'}")
    place = next((p for p in record.settlements if p.settlement_id == unit.settlement_id), None)
    named = place or record.region(unit.region_id)
    return named.name_en or named.name_zh, named.name_zh or named.name_en
