"""Evidence that ships with a case, as sections of the page: held-out scores, rivals, scale, sensitivity, early warning.

In: result folders in `fit/` of the case (`study.evidence`). Out: for each kind a sentence, rows for its tables and SVG text for its plots.
What was made for another scenario or by another version of the model is only named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qantar.errors import DataError, Problems
from qantar.messages import LANGUAGES, catalogue, text
from qantar.report.curves import GRID, INK, MUTED, A, B, svg
from qantar.scenario.case import Case
from qantar.scenario.parameters import parameters
from qantar.scenario.plan import FILE
from qantar.scenario.scenario import Scenario, read_scenario
from qantar.study.evidence import NEEDED, Evidence, of_this, read_evidence
from qantar.study.heldout import MODEL, REFERENCE
from qantar.study.scaling import CHANCE, name_of
from qantar.study.scores import SEPARATED
from qantar.study.sensitivity import OTHERS, OUTPUTS, SEED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, str]
Sentence = tuple[str, dict[str, object]]
"""Key and arguments of a message; an argument that differs between languages is a pair."""
KINDS = tuple(NEEDED)
DRAWN = ("participants", "regions")
"""Outputs of the sensitivity study that are drawn; the table holds all."""
LOOKS = {"model": (A, "o"), "unaware": (A, "s"), "regression": (B, "^"), "constant": (MUTED, "")}


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
    rules = {"heldout": _of_heldout, "rivals": _of_rivals, "scale": _of_scale, "sensitivity": _of_sensitivity, "warning": _of_warning}
    return rules[kind](evidence, scenario)


def _of_heldout(evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    found: list[Sentence] = []
    for partition in REFERENCE:
        own = [r for r in evidence.tables["scores"] if (r["partition"], r["forecaster"]) == (partition, MODEL)]
        for row in own:
            word = "same" if row["separated"] != "1" else "better" if float(row["against_mean"]) < 0 else "worse"
            found.append((f"report.evidence.heldout_{partition}_{word}", {}))
    ties = evidence.made["ties"]
    word = "same" if not ties["separated"] else "better" if ties["mean"] < 0 else "worse"
    low, high = (str(ties["mean"] + s * SEPARATED * ties["se"]) for s in (-1, 1))
    said = within(str(ties["mean"]), low, high)
    return [*found, (f"report.evidence.heldout_ties_{word}", {"difference": said})]


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


def _of_scale(evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    rows, made = evidence.tables["items"], evidence.made
    apart, beyond = (sum(r[k] == "1" for r in rows) for k in ("separated", "beyond"))
    said = {"draws": made["draws"], "residents": f"{int(made['residents']):,}", "n": f"{1 / float(made['scale']):g}", "of": len(rows)}
    said |= {"apart": apart, "chance": f"{CHANCE * len(rows):.0f}", "beyond": beyond}
    return [(f"report.evidence.scale_{'some' if apart else 'none'}", said)]


def scale_names(scenario: Scenario | None) -> Callable[[Row], tuple[str, str]]:
    """What a row of the comparison of scales is about, in both languages."""
    regions = list(scenario.case.record.regions) if scenario else []
    places = [{r.region_id: r.name_en for r in regions}, {r.region_id: r.name_zh for r in regions}]

    def of(row: Row) -> tuple[str, str]:
        en, zh = (name_of(row, lang, named) for lang, named in zip(LANGUAGES, places, strict=True))
        return en, zh

    return of


def _of_sensitivity(evidence: Evidence, scenario: Scenario | None) -> list[Sentence]:
    totals = {r["input"]: r for r in evidence.tables["indices"] if (r["measure"], r["output"]) == ("total", "participants")}
    named = [r for r in totals.values() if r["input"] in parameters()]
    if SEED not in totals or not named:
        return [("report.evidence.sensitivity_none", {})]
    luck, most = totals[SEED], max(named, key=lambda r: float(r["value"]))
    row = parameters()[most["input"]]
    shares = {k: percent(r["value"], r["low"], r["high"]) for k, r in (("luck", luck), ("most", most))}
    return [("report.evidence.sensitivity_most", {**shares, "name": (row.meaning_en, row.meaning_zh)})]


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


def indices(evidence: Evidence) -> list[tuple[str, dict[str, dict[str, Row]]]]:
    """Shares of variance by input, as (input, measure to output to row), in the order of the table."""
    found: dict[str, dict[str, dict[str, Row]]] = {}
    for r in evidence.tables["indices"]:
        if r["measure"] in ("alone", "total"):
            found.setdefault(r["input"], {"alone": {}, "total": {}})[r["measure"]][r["output"]] = r
    return list(found.items())


def outputs(evidence: Evidence) -> list[str]:
    """Outputs that have shares of variance."""
    have = {r["output"] for r in evidence.tables["indices"] if r["measure"] == "total"}
    return [o for o in OUTPUTS if o in have]


def by_evening(evidence: Evidence) -> tuple[list[str], list[tuple[str, bool, dict[str, Row]]]]:
    """Forecasters, and (date, whether a wave followed, row by forecaster) in order of date."""
    rows = evidence.tables["origins"]
    names = list(dict.fromkeys(r["forecaster"] for r in rows))
    found: dict[str, dict[str, Row]] = {}
    for r in rows:
        found.setdefault(r["date"], {})[r["forecaster"]] = r
    return names, [(day, any(r["followed"] == "1" for r in by.values()), by) for day, by in sorted(found.items())]


# --- plots -----------------------------------------------------------------------------------------------------------


def draw_evidence(found: Shipped, lang: str) -> dict[str, str]:
    """All plots by name, as SVG text."""
    plots: dict[str, Callable[[Axes], None]] = {}
    if e := found.shown.get("heldout"):
        for partition in REFERENCE:
            rows = [r for r in e.tables["scores"] if r["partition"] == partition]
            if rows:
                names = [label("forecaster", r["forecaster"], lang) for r in rows]
                plots[f"heldout-{partition}"] = partial(_intervals, rows, names, "against_mean", "against_se", f"heldout-{partition}", lang)
    if e := found.shown.get("rivals"):
        names = [arm_names(found.scenario)(r["rival"])[LANGUAGES.index(lang)] for r in e.tables["rivals"]]
        for name, mean, se in (("held-out", "held_out_difference", "held_out_se"), ("near", "near_difference", "near_se")):
            plots[f"rivals-{name}"] = partial(_intervals, e.tables["rivals"], names, mean, se, f"rivals-{name}", lang)
    if e := found.shown.get("scale"):
        rows, called = e.tables["items"], scale_names(found.scenario)
        plots["scale"] = partial(
            _intervals, rows, [called(r)[LANGUAGES.index(lang)] for r in rows], "in_spreads", "in_spreads_se", "scale", lang
        )
    if e := found.shown.get("sensitivity"):
        for output in DRAWN:
            if output in outputs(e):
                plots[f"sensitivity-{output}"] = partial(_shares, e, output, lang)
    if e := found.shown.get("warning"):
        plots["warning"] = partial(_evenings, e, lang)
    return {name: svg(draw, name, text(f"report.figure.{name}.title", lang), lang) for name, draw in plots.items()}


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.get_figure(root=True).set_size_inches(4.7, 1.2 + 0.3 * len(names))  # type: ignore[union-attr]
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.grid(axis="y", visible=False)


def _ticks(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(4))


def _intervals(rows: Sequence[Row], names: Sequence[str], mean: str, se: str, name: str, lang: str, ax: Axes) -> None:
    """A mark a row with two standard errors either way; filled where the rule tells it from the reference."""
    for y, row in enumerate(rows):
        if row[mean] == "":
            continue
        x, half = float(row[mean]), SEPARATED * float(row[se] or 0)
        ax.hlines(y, x - half, x + half, color=A, linewidth=1.8)
        apart = x != 0 and abs(x) >= half and row[se] != ""
        ax.plot([x], [y], "o", color=A, markersize=6, markerfacecolor=A if apart else "none")
    _rows(ax, names)
    _ticks(ax)
    ax.set_xlabel(text(f"report.axis.{name}", lang), fontsize=11)


def _shares(evidence: Evidence, output: str, lang: str, ax: Axes) -> None:
    """Shares of variance of each input, alone and in all."""
    inputs = [(name, by) for name, by in indices(evidence) if output in by["total"]]
    for measure, shift, colour, marker in (("alone", -0.16, B, "o"), ("total", 0.16, A, "s")):
        for y, (_, by) in enumerate(inputs):
            if (row := by[measure].get(output)) is not None:
                ax.hlines(y + shift, float(row["low"]), float(row["high"]), color=colour, linewidth=1.5)
                mark = {"color": colour, "markersize": 5, "label": text(f"sensitivity.{measure}", lang) if y == 0 else None}
                ax.plot([float(row["value"])], [y + shift], marker, **mark)  # type: ignore[arg-type]
    _rows(ax, [label("sensitivity", n, lang) if n in (SEED, OTHERS) else n for n, _ in inputs])
    _ticks(ax)
    ax.set_xlabel(text("sensitivity.axis.shares", lang))
    ax.get_figure(root=True).legend(loc="outside lower center", ncols=2)  # type: ignore[union-attr]


def _evenings(evidence: Evidence, lang: str, ax: Axes) -> None:
    """Every forecaster evening by evening; the evenings that a wave followed are shaded, thresholds are dashed."""
    names, days = by_evening(evidence)
    x = [dt.date.fromisoformat(day).toordinal() for day, _, _ in days]
    before = [d for d, (_, followed, _) in zip(x, days, strict=True) if followed]
    if before:  # in one piece: there is at most one wave
        ax.axvspan(min(before) - 0.5, max(before) + 0.5, color=GRID, linewidth=0)
    for t in evidence.made.get("thresholds", []):
        ax.axhline(100 * float(t), color=MUTED, linewidth=0.8, linestyle=":")
    for name in names:
        rows = [(d, by[name]) for d, (_, _, by) in zip(x, days, strict=True) if name in by and by[name]["probability"] != ""]
        colour, marker = LOOKS.get(name, (INK, "D"))
        if name == "model":
            whole = [(d, r) for d, r in rows if r["low"] != ""]
            low, high = ([100 * float(r[k]) for _, r in whole] for k in ("low", "high"))
            ax.fill_between([d for d, _ in whole], low, high, color=A, alpha=0.2, linewidth=0)
        look = {
            "color": colour,
            "marker": marker,
            "markersize": 3.5,
            "linewidth": 1.2,
            "markerfacecolor": "none" if marker == "s" else colour,
        }
        ax.plot([d for d, _ in rows], [100 * float(r["probability"]) for _, r in rows], label=label("forecaster", name, lang), **look)  # type: ignore[arg-type]
    figure = ax.get_figure(root=True)
    figure.set_size_inches(4.7, 4.4)  # type: ignore[union-attr]
    step = max(1, -(-len(x) // 6))
    ticks = x[::-1][::step][::-1]
    ax.set_xticks(ticks, [_tick(dt.date.fromordinal(t), lang) for t in ticks])
    ax.set_ylim(bottom=0)
    ax.set_ylabel(text("report.axis.warning", lang))
    figure.legend(loc="outside lower left")  # type: ignore[union-attr]


def _tick(date: dt.date, lang: str) -> str:
    return f"{date.month}/{date.day}" if lang == "zh" else f"{date.day} {date:%b}"


def helpers(found: Shipped) -> dict[str, Any]:
    """What the template calls."""
    return {
        "label_of": labels,
        "arm_note": arm_notes(found.scenario),
        "arm_name": arm_names(found.scenario),
        "around": around,
        "within": within,
        "shown_as": number,
        "scale_name": scale_names(found.scenario),
        "as_percent": percent,
        "sentences_of": lambda kind: sentences(kind, found.shown[kind], found.scenario),
        "indices_of": indices,
        "outputs_of": outputs,
        "by_evening": by_evening,
        "date_of": days_in_words,
    }
