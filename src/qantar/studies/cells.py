"""What stored tables and scenarios hold, as cells of a table that is told: numbers with intervals, names of arms and regions, features."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

from qantar.ensemble.histories import Feature
from qantar.forecast.scores import SEPARATED
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import AS_IS, Scenario
from qantar.studies.blocks import Cell, Intervals, Pair, Row, joined, pair
from qantar.studies.kind import Result


def scale_words(scale: float) -> Pair:
    """How many residents are simulated, in words.

    >>> scale_words(0.1)[0]
    'one simulated resident for every 10, counts are of the whole country'
    """
    return pair("out.scale_full") if scale == 1 else pair("out.scale_part", n=f"{1 / scale:g}")


def left_out(result: Result) -> Sequence[str]:
    """What the question that a result answers leaves out by choice."""
    found: Sequence[str] = result.made["command"]["options"].get("without", ())
    return found


def arm_name(key: str, scenario: Scenario | None) -> Pair:
    """What a reader calls an arm; its key where it has no name."""
    short, arm = key.removeprefix("rival-"), scenario.file.arms.get(key) if scenario else None
    if arm is None and key == AS_IS:
        return pair("out.as_it_is")
    return (short, short) if arm is None else (arm.name_en or short, arm.name_zh or short)


def arm_note(key: str, scenario: Scenario | None) -> Pair:
    """What an arm says; its key where there is none of that name."""
    arm = scenario.file.arms.get(key) if scenario else None
    if arm is None and key == AS_IS:
        return pair("out.as_it_is_note")
    return (key, key) if arm is None else (arm.note_en, arm.note_zh)


def number(cell: str, digits: int = 2) -> str:
    """A cell as it is read; a dash where there is nothing.

    >>> number("-0.123"), number("")
    ('−0.12', '–')
    """
    return "–" if cell == "" else f"{float(cell):.{digits}f}".replace("-", "−")


def within(value: str, low: str, high: str, digits: int = 2) -> str:
    """A value with its interval."""
    if value == "" or low == "":
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def around(row: Row, mean: str, se: str, digits: int = 2) -> str:
    """A mean with two standard errors either way."""
    if row[mean] == "":
        return "–"
    if row[se] == "":
        return number(row[mean], digits)
    low, high = (str(float(row[mean]) + s * SEPARATED * float(row[se])) for s in (-1, 1))
    return within(row[mean], low, high, digits)


def percent(value: str, low: str = "", high: str = "") -> str:
    """A share in percent, with its interval if it has one.

    >>> percent("0.123"), percent("0.004", "0", "0.01")
    ('12\\xa0%', '0.4\\xa0% [0, 1.0]')
    """

    def hundred(cell: str) -> str:
        x = 100 * float(cell)
        return f"{x:.0f}" if x >= 10 or x == 0 else f"{x:.1f}"

    if value == "":
        return "–"
    return f"{hundred(value)}\u00a0%" + (f" [{hundred(low)}, {hundred(high)}]" if low != "" else "")


def calendar_day(cell: str) -> Pair:
    """A date in words.

    >>> calendar_day("2022-01-03")
    ('3 January 2022', '2022年1月3日')
    """
    date = dt.date.fromisoformat(cell)
    return f"{date.day} {date:%B %Y}", f"{date.year}年{date.month}月{date.day}日"


def told_apart(cell: str) -> Pair:
    """Whether two standard errors tell a row from what it is compared with, in words."""
    return pair("heldout.separated" if cell == "1" else "heldout.not_separated")


def intervals(names: Sequence[Cell], rows: Iterable[Row], mean: str, se: str) -> Intervals:
    """A mark a row: a mean, and two standard errors either way."""

    def mark(row: Row) -> tuple[float, float | None] | None:
        return None if row[mean] == "" else (float(row[mean]), None if row[se] == "" else SEPARATED * float(row[se]))

    return Intervals(names, list(map(mark, rows)))


def either(row: Row, name: str) -> Pair:
    """A text in both languages; where a ledger has it in one only, that one.

    >>> either({"claim_en": "", "claim_zh": "来了一千人。"}, "claim")
    ('来了一千人。', '来了一千人。')
    """
    en, zh = row[f"{name}_en"], row[f"{name}_zh"]
    return en or zh, zh or en


def region_names(result: Result) -> dict[str, Pair]:
    """Names of regions by id, in both languages; none where the scenario is not at hand."""
    regions = result.scenario.case.record.regions if result.scenario else ()
    return {r.region_id: (r.name_en, r.name_zh) for r in regions}


def recorded_feature(row: Row, result: Result) -> Cell:
    """What a row of features is of: regions by their names, a day as it is."""
    return feature_label(row["kind"], row["of"], region_names(result))


def feature_label(kind: str, of: str, names: Mapping[str, Pair]) -> Pair:
    """The same of any feature."""
    return pair(f"feature.{kind}", of=joined([names.get(part, part) for part in of.split(";")], pair("report.comma")))


def shown_share(share: str | float, low: str | float, high: str | float) -> str:
    """A share of histories in percent with its interval.

    >>> shown_share("0.5", "0.25", "0.8")
    '50 % (25–80)'
    """
    return f"{100 * float(share):.0f} % ({100 * float(low):.0f}–{100 * float(high):.0f})"


def simulated_numbers(row: Row) -> Cell:
    """What was simulated: median (5 % to 95 %); of a first day, which day of the histories that is."""
    median, low, high = (float(row[k] or "nan") for k in ("median", "low", "high"))
    if math.isnan(median):
        return ""
    if row["kind"] == "onset":
        return pair("out.day_of", median=f"{median + 1:.0f}", low=f"{low + 1:.0f}", high=f"{high + 1:.0f}")
    return Feature(row["kind"], row["of"], "", 0, 0, median, low, high).numbers()


def parameter(name: str) -> Cell:
    """A parameter by its meaning, its key and its unit."""
    row = parameters()[name]
    en, zh = pair(f"unit.{row.unit}")
    return f"{row.meaning_en} ({name}, {en})", f"{row.meaning_zh}（{name}，{zh}）"


def short(cell: str) -> str:
    """A number of three digits.

    >>> short("0.000123456")
    '0.000123'
    """
    return f"{float(cell):.3g}"
