"""Evidence that ships with a case, as sections of the page: rivals, early warning.

In: result folders in `fit/` of the case (`studies.evidence`). Out: for each kind a sentence, rows for its tables and its plots.
What was made for another scenario or by another version of the model is only named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from qantar.cases.case import Case
from qantar.errors import DataError, Problems
from qantar.forecast.scores import SEPARATED
from qantar.messages import LANGUAGES, catalogue, text
from qantar.report.figures import Plot, Rows, same, steps
from qantar.report.pairs import Pair, pair
from qantar.scenario.plan import FILE
from qantar.scenario.scenario import Scenario, read_scenario
from qantar.studies.evidence import NEEDED, Evidence, of_this, read_evidence

Row = dict[str, str]
Sentence = tuple[str, dict[str, object]]
"""Key and arguments of a message; an argument that differs between languages is a pair."""
KINDS = tuple(NEEDED)
LOOKS = {"model": ("a", "o"), "unaware": ("a", "s"), "regression": ("b", "^"), "constant": ("m", "-")}


@dataclass(frozen=True)
class Shipped:
    """What the page shows of it, and what it only names."""

    scenario: Scenario | None
    shown: dict[str, Evidence]
    stale: list[str]


def shipped(case: Case) -> Shipped:
    """The evidence in the folder of a case.

    Raises
    ------
    ResultError
        If a folder is not as it was written.
    DataError
        If the scenario it belongs to cannot be read.
    """
    found = {kind: e for kind in KINDS if (e := read_evidence(case.folder, kind)) is not None}
    if not found or not (case.folder / FILE).is_file():
        return Shipped(None, {}, list(found))
    problems = Problems()
    scenario = read_scenario(case.folder, problems, case)
    problems.raise_as(DataError)
    assert scenario is not None  # no problem means it was read
    shown = {kind: e for kind, e in found.items() if of_this(e, scenario)}
    return Shipped(scenario, shown, [kind for kind in found if kind not in shown])


# --- words -----------------------------------------------------------------------------------------------------------


def label(group: str, name: str, lang: str) -> str:
    """The word for a name in a table; the name itself where the catalogue has none."""
    key = f"{group}.{name.replace(' ', '_')}"
    return text(key, lang) if key in catalogue(lang) else name


def labels(group: str, name: str) -> tuple[str, str]:
    """The same in both languages."""
    en, zh = (label(group, name, lang) for lang in LANGUAGES)
    return en, zh


def arm_notes(scenario: Scenario | None) -> Callable[[str], tuple[str, str]]:
    """What a rival says, in both languages, from its arm; its key where there is none of that name."""
    arms = {} if scenario is None else scenario.file.arms

    def of(key: str) -> tuple[str, str]:
        return (arms[key].note_en, arms[key].note_zh) if key in arms else (key, key)

    return of


def arm_names(scenario: Scenario | None) -> Callable[[str], tuple[str, str]]:
    """What a reader calls a rival, in both languages; its key where its arm has no name."""
    arms = {} if scenario is None else scenario.file.arms

    def of(key: str) -> tuple[str, str]:
        short = key.removeprefix("rival-")
        return (arms[key].name_en or short, arms[key].name_zh or short) if key in arms else (short, short)

    return of


def number(cell: str, digits: int = 2) -> str:
    """A cell as it is read; a dash where there is nothing."""
    return "–" if cell == "" else f"{float(cell):.{digits}f}".replace("-", "−")


def around(row: Row, mean: str, se: str, digits: int = 2) -> str:
    """A mean with two standard errors either way."""
    if row[mean] == "":
        return "–"
    if row[se] == "":
        return number(row[mean], digits)
    low, high = (str(float(row[mean]) + s * SEPARATED * float(row[se])) for s in (-1, 1))
    return within(row[mean], low, high, digits)


def within(value: str, low: str, high: str, digits: int = 2) -> str:
    """A value with its interval."""
    if value == "" or low == "":
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def percent(value: str, low: str = "", high: str = "") -> str:
    """A share in percent, with its interval if it has one."""

    def hundred(cell: str) -> str:
        x = 100 * float(cell)
        return f"{x:.0f}" if x >= 10 or x == 0 else f"{x:.1f}"

    if value == "":
        return "–"
    return f"{hundred(value)}\u00a0%" + (f" [{hundred(low)}, {hundred(high)}]" if low != "" else "")


def sentences(kind: str, evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    """What a table says, in words for a reader who does not read tables; the rule of each is fixed here."""
    rules = {"rivals": _of_rivals, "warning": _of_warning}
    return rules[kind](evidence, scenario)


def _of_rivals(evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    rows = evidence.tables["rivals"]
    home = str(evidence.made.get("home", rows[0]["rival"]))
    apart = [r for r in rows if r["held_out_separated"] == "1" and r["rival"] != home]
    alike = [r for r in rows if r["held_out_separated"] != "1" and r["rival"] != home and r["held_out_difference"] != ""]
    better = [r["rival"] for r in apart if float(r["held_out_difference"]) < 0]
    worse = [r["rival"] for r in apart if float(r["held_out_difference"]) >= 0]

    called = arm_names(scenario)

    def named(keys: Sequence[str]) -> tuple[str, str]:
        en, zh = zip(*map(called, keys), strict=True)
        return ", ".join(en), "、".join(zh)

    found: list[Sentence] = []
    for word, names in (("better", better), ("worse", worse), ("alike", [r["rival"] for r in alike])):
        if names:
            found.append((f"report.evidence.rivals_{word}", {"names": named(names), "home": called(home)}))
    return found


def _of_warning(evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    said = {r["what"]: r for r in evidence.tables["start"]}
    if not {"with", "without", "usual"} <= set(said):
        return []
    shares = {f"p_{k}": percent(r["share"], r["low"], r["high"]) for k, r in said.items()}
    stands = said["with"]["low"] != "" and said["usual"]["high"] != "" and float(said["with"]["low"]) > float(said["usual"]["high"])
    when = {"day": days_in_words(str(evidence.made.get("eve", ""))), "h": evidence.made.get("horizon", "")}
    found: list[Sentence] = [
        ("report.evidence.warning_said", {**shares, **when}),
        (f"report.evidence.warning_{'stands_out' if stands else 'no_more'}", {}),
    ]
    wave = evidence.made.get("wave")
    found.append(("report.evidence.warning_one", {"day": days_in_words(str(wave))}) if wave else ("report.evidence.warning_none", {}))
    found.append(("warning.hindsight" if evidence.made["hindsight"] else "report.evidence.warning_prior", {}))
    return found


def days_in_words(day: str) -> tuple[str, str]:
    """A date in both languages; as it stands where it is none."""
    try:
        date = dt.date.fromisoformat(day)
    except ValueError:
        return day, day
    return f"{date.day} {date:%B %Y}", f"{date.year}年{date.month}月{date.day}日"


def by_evening(evidence: Evidence) -> tuple[list[str], list[tuple[str, bool, dict[str, Row]]]]:
    """Forecasters, and (date, whether a wave followed, row by forecaster) in order of date."""
    rows = evidence.tables["origins"]
    names = list(dict.fromkeys(r["forecaster"] for r in rows))
    found: dict[str, dict[str, Row]] = {}
    for r in rows:
        found.setdefault(r["date"], {})[r["forecaster"]] = r
    return names, [(day, any(r["followed"] == "1" for r in by.values()), by) for day, by in sorted(found.items())]


# --- plots -----------------------------------------------------------------------------------------------------------


def draw_evidence(found: Shipped) -> dict[str, Markup]:
    """All plots by name."""
    plots: dict[str, Callable[[Pair], Markup]] = {}
    if e := found.shown.get("rivals"):
        names = [arm_names(found.scenario)(r["rival"]) for r in e.tables["rivals"]]
        for name, mean, se in (("held-out", "held_out_difference", "held_out_se"), ("near", "near_difference", "near_se")):
            plots[f"rivals-{name}"] = partial(_intervals, e.tables["rivals"], names, mean, se, f"rivals-{name}")
    if e := found.shown.get("warning"):
        plots["warning"] = partial(_evenings, e)
    return {name: draw(pair(f"report.figure.{name}.title")) for name, draw in plots.items()}


def _range(values: Sequence[float], least: tuple[float, float] = (0, 0)) -> tuple[float, float]:
    """Range of an axis that holds all values and a little room."""
    low, high = min(*values, *least), max(*values, *least)
    room = 0.04 * (high - low or 1)
    return low - room, high + room


def _intervals(rows: Sequence[Row], names: Sequence[Pair], mean: str, se: str, name: str, title: Pair) -> Markup:
    """A mark a row with two standard errors either way; filled where the rule tells it from the reference."""
    found = [(k, float(r[mean]), SEPARATED * float(r[se] or 0), r[se] != "") for k, r in enumerate(rows) if r[mean] != ""]
    lines = Rows(names)
    plot = lines.plot(_range([x + s * half for _, x, half, _ in found for s in (-1, 1)]))
    levels = steps(*plot.x, 5)
    plot.x_axis(levels, [same(f"{v:g}".replace("-", "\u2212")) for v in levels])
    plot.lines([((0, plot.y[0]), (0, plot.y[1]))], "m")
    plot.lines((((x - half, lines.line(k)), (x + half, lines.line(k))) for k, x, half, _ in found), "a thick")
    for apart, look in ((True, "a f"), (False, "a hollow")):
        plot.marks(((x, lines.line(k)) for k, x, half, known in found if (x != 0 and abs(x) >= half and known) is apart), "o", look)
    return plot.html(title, pair(f"report.axis.{name}"))


def _evenings(evidence: Evidence, title: Pair) -> Markup:
    """Every forecaster evening by evening; the evenings that a wave followed are shaded, thresholds are dashed."""
    names, days = by_evening(evidence)
    x = [dt.date.fromisoformat(day).toordinal() for day, _, _ in days]
    thresholds = [100 * float(t) for t in evidence.made.get("thresholds", [])]
    series = {n: [(d, by[n]) for d, (_, _, by) in zip(x, days, strict=True) if n in by and by[n]["probability"] != ""] for n in names}
    top = 1.05 * max([*thresholds, *(100 * float(r["high"] or r["probability"]) for rows in series.values() for _, r in rows)], default=1)
    plot = Plot((min(x) - 0.6, max(x) + 0.6), (0, top), height=280, left=34, right=22)
    before = [d for d, (_, followed, _) in zip(x, days, strict=True) if followed]
    if before:  # in one piece: there is at most one wave
        plot.boxes([((min(before) - 0.5, 0), (max(before) + 0.5, top))], "g f")
    levels = steps(0, top)
    plot.y_axis(levels, [same(f"{v:g}") for v in levels])
    plot.lines((((plot.x[0], t), (plot.x[1], t)) for t in thresholds), "m dots")
    for name, rows in series.items():
        look, sign = LOOKS.get(name, ("k", "D"))
        if name == "model":
            whole = [(d, r) for d, r in rows if r["low"] != ""]
            high, low = ([(float(d), 100 * float(r[k])) for d, r in whole] for k in ("high", "low"))
            plot.area(high, low, "a f faint")
        points = [(float(d), 100 * float(r["probability"])) for d, r in rows]
        plot.curve(points, look)
        fill = f"{look} hollow" if sign == "s" else f"{look} f"
        plot.marks(points if sign != "-" else (), sign, fill, 2.6)
        plot.key(sign, look if sign == "-" else fill, labels("forecaster", name))
    ticks = x[::-1][:: max(1, -(-len(x) // 6))][::-1]
    dates = [dt.date.fromordinal(t) for t in ticks]
    plot.x_axis(ticks, [(f"{d.day} {d:%b}", f"{d.month}/{d.day}") for d in dates], grid=False)
    return plot.html(title, None, pair("report.axis.warning"))


def helpers(found: Shipped) -> dict[str, Any]:
    """What the template calls."""
    return {
        "label_of": labels,
        "arm_note": arm_notes(found.scenario),
        "arm_name": arm_names(found.scenario),
        "around": around,
        "within": within,
        "shown_as": number,
        "as_percent": percent,
        "sentences_of": lambda kind: sentences(kind, found.shown[kind], found.scenario),
        "by_evening": by_evening,
        "date_of": days_in_words,
    }
