"""Plots: in their place, inside their frame, both languages, the same bytes; tables that stack; findings from tables."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import CASE
from qantar.cases.case import cases_folder
from qantar.inference.posterior import Fit, read_fit
from qantar.report.figures import NARROW, WIDTH, Plot, Rows, same, shape, steps, width_of
from qantar.report.findings import findings, groups, shown_by_half
from qantar.report.map import _closed, _thinned
from qantar.report.tables import narrowed
from qantar.verdicts.claims import agreement, judge
from qantar.verdicts.hypotheses import by_hypothesis, read_trials
from qantar.verdicts.load import Loaded

PACKAGED = cases_folder() / CASE


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_round_inside_and_not_too_many(low: float, length: float, most: int) -> None:
    high = low + length
    found = steps(low, high, most)
    assert len(found) <= most
    assert all(low - 1e-9 * abs(low) - 1e-9 <= v <= high + 1e-9 * abs(high) + 1e-9 for v in found)
    gaps = {f"{b - a:.6g}" for a, b in pairwise(found)}
    assert len(gaps) <= 1
    for gap in gaps:
        assert f"{float(gap):e}"[0] in "125"
    if most >= 4:
        assert len(found) >= 1


def test_points_are_where_their_numbers_are() -> None:
    plot = Plot((0, 10), (0, 100), height=200, left=40, right=20, top=10, bottom=30)
    assert plot.at(0, 0) == (40, 170)
    assert plot.at(10, 100) == (WIDTH - 20, 10)
    plot.lines([((0, 0), (10, 100))], "a")
    assert plot.parts == [f'<path class="a" d="M40 170L{WIDTH - 20:g} 10"/>']
    plot.lines([], "a")
    assert len(plot.parts) == 1  # nothing drawn, nothing written


@pytest.mark.parametrize("sign", "oDs^v-#|")
def test_every_mark_is_a_path_around_its_point(sign: str) -> None:
    assert re.fullmatch(r"[mhvlaz0-9. -]+", shape(sign))


def test_words_stand_once_where_they_are_the_same_and_are_escaped() -> None:
    plot = Plot((0, 1), (0, 1))
    plot.note(0, 0, same("7"))
    plot.note(0, 0, ("<b>\nday", "<b>\n天"))
    assert plot.parts[0].count("<text") == 1
    assert "lang" not in plot.parts[0]
    assert 'lang="en"' in plot.parts[1]
    assert 'lang="zh"' in plot.parts[2]
    assert "<b>" not in "".join(plot.parts)
    assert "&lt;b&gt;" in plot.parts[1]


def test_long_names_stand_above_their_rows() -> None:
    short, long = Rows([("a", "甲"), ("b", "乙")]), Rows([("a name that is much too long to stand beside", "甲"), ("b", "乙")])
    assert short.beside
    assert not long.beside
    assert long.widest > NARROW
    assert long.plot((0, 1)).height > short.plot((0, 1)).height
    assert width_of("甲乙") > width_of("ab")


def test_tables_carry_the_names_of_their_columns_once_and_safely() -> None:
    head = '<th scope="col">{}</th>'
    table = "<table><thead><tr>" + head.format("day") + head.format('<span lang="en">a "b" &lt;/style&gt;</span><span lang="zh">甲</span>')
    page = narrowed(
        "<style></style>" + table + '</tr></thead></table><table id="events" class="x"><thead><tr><th>p</th><th>q</th></tr></thead>'
    )
    style = page.split("</style>")[0]
    assert '#t1 td:nth-child(2)::before{content:"a \\22 b\\22  \\3c /style\\3e "}' in style
    assert 'html[data-lang=zh] #t1 td:nth-child(2)::before{content:"甲"}' in style
    assert '#events td:nth-child(2)::before{content:"q"}' in style
    assert '<table id="events" class="x rows">' in page
    assert page.count("</style>") == 1
    assert narrowed("<style></style><p>no table</p>") == "<style></style><p>no table</p>"


@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 5000)), min_size=3, max_size=40))
def test_a_border_as_steps_leads_through_the_same_points(tenths: list[tuple[int, int]]) -> None:
    points = [(x / 10, y / 10) for x, y in tenths]
    numbers = [float(x) for x in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", _closed(points))]
    x, y = numbers[:2]
    found = [(x, y)]
    for dx, dy in zip(numbers[2::2], numbers[3::2], strict=True):
        x, y = x + dx, y + dy
        found.append((round(x, 1), round(y, 1)))
    assert found == points


def test_a_thinned_border_stays_near_and_keeps_its_ends() -> None:
    ring = [(x / 2, (x % 5) * 0.02) for x in range(200)] + [(50.0, 80.0)]
    found = _thinned(ring, 0.3)
    assert found[0] == ring[0]
    assert found[-1] == ring[-1]
    assert len(found) < 10
    assert set(found) <= set(ring)


# --- findings --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit() -> Fit:
    found = read_fit(PACKAGED)
    assert found is not None
    return found


def test_findings_are_counted_from_the_tables(loaded: Loaded, fit: Fit) -> None:
    trials = by_hypothesis(read_trials(PACKAGED))
    judged = judge(loaded.account, read_trials(PACKAGED))
    found = findings(judged, agreement(loaded.account), fit, trials)
    assert len(found) == 5
    facts = [j for j in judged if j.claim.kind == "fact"]
    assert found[0].number[0] == f"{sum(j.word == 'contradicted' for j in facts)} of {len(facts)}"
    assert [j.word for j in found[1].claims] == ["contradicted"] * 3
    assert all(j.claim.reading == "agreed" for j in found[1].claims)
    assert found[2].number[0] == "91 of 116"
    shown, of = shown_by_half(fit)
    assert found[3].number == (f"{shown} of {of}", f"{shown} / {of}")
    assert (shown, of) == (sum(float(r["share"]) >= 0.5 for r in fit.fit), len(fit.fit))
    assert "238" in found[3].says[0]
    decided = sum(t.verdict in ("supported", "contradicted") for t in trials.values())
    assert found[4].number[0] == f"{decided} of {len(trials)}"


def test_findings_follow_a_change_of_the_tables(loaded: Loaded, fit: Fit) -> None:
    fit.fit[0]["share"], old = "0.1", fit.fit[0]["share"]
    assert shown_by_half(fit)[0] == sum(float(r["share"]) >= 0.5 for r in fit.fit)
    fit.fit[0]["share"] = old
    judged = judge(loaded.account)
    assert [f.to for f in findings(judged, None, None, {})] == ["verdicts", "", "trust"]
    assert findings([], None, None, {}) == []


def test_groups_hold_every_claim_once_the_contradicted_first(loaded: Loaded) -> None:
    judged = judge(loaded.account, read_trials(PACKAGED))
    found = groups(judged)
    ids = [j.claim.claim_id for _, _, rows in found for j in rows]
    assert sorted(ids) == sorted(j.claim.claim_id for j in judged)
    assert found[0][:2] == ("fact", "contradicted")
    assert found[0][2][0].claim.claim_id != "C001"  # a slip of the pen is not what a reader should see first
