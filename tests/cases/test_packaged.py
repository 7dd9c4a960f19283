"""The packaged cases that come from a table: made again as they ship, and their verdicts rest on figures that the record has."""

from __future__ import annotations

import csv
import datetime as dt
import re
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import REPOSITORY, call_qantar
from qantar.cases.case import case_names, cases_folder
from qantar.record.complete import gathering
from qantar.record.schema import Event
from qantar.report.map import draw
from qantar.report.write import study_account
from qantar.verdicts.load import Loaded, load_account

MADE = ("france-2023", "germany-2015-arvig", "us-2020")


@pytest.fixture(scope="module")
def packaged() -> dict[str, Any]:
    sys.path.insert(0, str(REPOSITORY / "dev"))
    try:
        return runpy.run_path(str(REPOSITORY / "dev" / "packaged.py"))
    finally:
        sys.path.remove(str(REPOSITORY / "dev"))


loaded = cache(load_account)


def test_what_ships_is_what_was_made(packaged: dict[str, Any]) -> None:
    assert packaged["names"]() == [*MADE]
    assert {*MADE} < {*case_names()}
    now = [row for name in MADE for row in packaged["sums"](name, cases_folder() / name)]
    assert now == packaged["read"](packaged["MADE"]), "run dev/packaged.py"


def test_a_case_is_made_again_by_the_commands_of_an_own_case(packaged: dict[str, Any], tmp_path: Path) -> None:
    def call(*words: str) -> tuple[int, str]:
        done = call_qantar(*words, cwd=tmp_path)
        return done.code, done.out + done.err

    made, ships = packaged["make"]("france-2023", tmp_path, call), cases_folder() / "france-2023"
    assert [p.name for p in sorted(made.iterdir())] == [p.name for p in sorted(ships.iterdir())]
    assert [p.name for p in made.iterdir() if p.read_bytes() != (ships / p.name).read_bytes()] == []


def test_a_command_that_fails_ends_the_making(packaged: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no room"):
        packaged["make"]("us-2020", tmp_path, lambda *words: (1, "no room"))


def test_sizes_that_run_into_each_other_are_not_taken(packaged: dict[str, Any]) -> None:
    row = {"city": "Oakland, CA", "state": "CA"}
    cells = [("1", "1", "12.5"), ("2", "2", "200300"), ("3", "1", "40"), ("1", "0", "")]
    found = packaged["prepared"]([{**row, "events": events, "n_sized": sized, "size_sum": size} for events, sized, size in cells])
    assert [r["size"] for r in found] == ["12", "", "", ""]
    assert {r["city"] for r in found} == {"Oakland"}


@pytest.mark.parametrize("name", MADE)
def test_an_account_is_whole_in_both_languages_and_claims_no_test(name: str) -> None:
    account = loaded(name).account
    assert len(account.claims) >= 12
    assert {c.kind for c in account.claims} == {"fact", "cause", "prediction", "judgement"}
    assert not account.changed
    for c in account.claims:
        assert c.claim_en, c.claim_id
        assert c.claim_zh, c.claim_id
        assert c.kind == "judgement" or (c.evidence_en and c.evidence_zh and c.source), c.claim_id
        if c.kind == "cause":
            assert c.verdict in ("unverifiable", "partly"), c.claim_id
            assert re.search(r"[Uu]ntested here|Not checkable here|not a cause tested|the record cannot tell", c.evidence_en), c.claim_id
    words = (cases_folder() / name / "account.md").read_text(encoding="utf-8").split()
    assert 250 <= len(words) <= 500


@pytest.mark.parametrize(
    ("name", "licence", "owner"),
    [("us-2020", "MIT", "nonviolent-action-lab"), ("france-2023", "MIT", "Cedric Rossi"), ("germany-2015-arvig", "CC0", "Bencek")],
)
def test_licence_and_owner_stand_in_the_case_and_in_the_notice(name: str, licence: str, owner: str) -> None:
    told = [a for a in loaded(name).case.head.attributions if a.licence == licence]
    assert [owner in a.text_en and owner in a.text_zh for a in told] == [True]
    assert owner in (REPOSITORY / "NOTICE").read_text(encoding="utf-8")


# --- figures --------------------------------------------------------------------------------------------------------------


def count(event: Event) -> int:
    found = re.match(r"(\d+) events", event.number_basis)
    return int(found[1]) if found else 1


def counts(one: Loaded, key: Callable[[Event], Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for event in one.case.record.events:
        found[key(event)] += count(event)
    return found


def holds(one: Loaded, claim_id: str, figures: Iterable[object]) -> None:
    """That the evidence of a claim gives each of these figures, in both languages."""
    claim = one.account.claim(claim_id)
    assert claim is not None
    for words in (claim.evidence_en, claim.evidence_zh):
        said = set(re.findall(r"-?\d+(?:\.\d+)?", words.replace(",", "")))
        for figure in figures:
            assert str(figure) in said, (claim_id, figure, words)


def place(event: Event) -> tuple[str, str]:
    return event.region_id, event.settlement


def test_figures_of_france() -> None:
    one = loaded("france-2023")
    days, months, regions = (counts(one, key) for key in (lambda e: e.date, lambda e: e.date.month, lambda e: e.region_id))
    week = counts(one, lambda e: e.date.weekday())
    holds(one, "C002", [sum(days.values())])
    holds(one, "C005", [regions.pop("FR-75"), max(regions.values())])
    holds(one, "C008", [len(regions) + 1, 96])
    holds(one, "C009", [sum(days.values()), months[4], months[5], months[6]])
    holds(one, "C010", [week[3] + week[4], week[6]])
    assert max(n for day, n in days.items() if day.month > 4) == 10
    seen, exchanged = pairs(one)
    holds(one, "C016", [seen, *np.percentile(exchanged, [5, 95]).astype(int)])


def pairs(one: Loaded) -> tuple[int, list[int]]:
    """Pairs of neighbours with actions one to three days apart; and after exchanging the regions at random, a thousand times."""
    record = one.case.record
    ids = {r.region_id: n for n, r in enumerate(record.regions)}
    there = np.zeros(((record.span[1] - record.span[0]).days + 1, len(ids)))
    for event in record.events:
        there[(event.date - record.span[0]).days, ids[event.region_id]] = 1
    near = np.zeros((len(ids), len(ids)))
    for a in record.adjacency:
        near[ids[a.region_a], ids[a.region_b]] = near[ids[a.region_b], ids[a.region_a]] = a.adjacent
    then = sum(there[:-lag].T @ there[lag:] for lag in (1, 2, 3))
    mixed = (np.random.default_rng(seed).permutation(len(ids)) for seed in range(1000))
    return int((near * then).sum()), [int((near[order][:, order] * then).sum()) for order in mixed]


def test_figures_of_the_united_states() -> None:
    one = loaded("us-2020")
    record, days, week = one.case.record, counts(one, lambda e: e.date), counts(one, lambda e: e.date.weekday())
    first: dict[tuple[str, str], dt.date] = {}
    region: dict[str, dt.date] = {}
    for e in record.events:
        first[place(e)] = min(first.get(place(e), e.date), e.date)
        region[e.region_id] = min(region.get(e.region_id, e.date), e.date)
    on = {n: len({place(e) for e in record.events if e.date == dt.date(2020, 6, n)}) for n in (6, 18, 19, 20)}
    sizes = [e.participants_low for e in record.events if e.participants_low]
    on_6 = [e.participants_low for e in record.events if e.participants_low and e.date == dt.date(2020, 6, 6)]
    late = [(count(e), e.settlement == "New York") for e in record.events if e.date > dt.date(2020, 6, 14)]
    assert (len(region), max(region.values())) == (51, dt.date(2020, 5, 30))
    holds(one, "C003", [days[dt.date(2020, 6, 6)], on[6], days[dt.date(2020, 5, 31)]])
    holds(one, "C004", [on[6], len(on_6), sum(on_6)])
    holds(one, "C005", [sum(d <= dt.date(2020, 6, 7) for d in first.values()), len(first)])
    holds(one, "C007", [round(100 * (week[5] + week[6]) / sum(days.values())), week[5], sum(days.values())])
    holds(one, "C008", [on[19]])
    assert (on[18], on[20]) == (5, 9)
    holds(one, "C009", [round(100 * sum(n for n, york in late if york) / sum(n for n, _ in late))])
    holds(one, "C010", [len(sizes), int(np.median(sizes))])
    people = {s.settlement_id: (s.population_geonames, s.lat, s.lon) for s in record.settlements}
    known = {place(e): people[e.settlement_id] for e in record.events if e.settlement_id}
    size, lat, lon = np.array([known[p] for p in known]).T
    begun = np.array([first[p].toordinal() for p in known])
    small, large = size < 20_000, size >= 100_000
    holds(one, "C006", [len(known), small.sum(), large.sum(), len(first) - len(known)])
    by_then = begun <= dt.date(2020, 5, 31).toordinal()
    holds(one, "C015", [round(100 * by_then[large].mean()), round(100 * by_then[small].mean()), f"{ranked(begun, size):.2f}"])
    a, b = np.radians([lat, np.full_like(lat, 44.97997)])
    away = np.arccos(np.clip(np.sin(a) * np.sin(b) + np.cos(a) * np.cos(b) * np.cos(np.radians(lon + 93.26384)), -1, 1))
    holds(one, "C014", [f"{ranked(begun, away):.2f}", len(known)])


def ranked(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def test_figures_of_germany() -> None:
    one = loaded("germany-2015-arvig")
    months, years = (counts(one, lambda e, n=n: str(e.date)[:n]) for n in (7, 4))  # type: ignore[misc]
    holds(one, "C001", [years["2015"]])
    holds(one, "C002", [years["2016"]])
    holds(one, "C003", [months["2015-12"], months["2016-01"]])
    in_half = Counter({k: n for k, n in counts(one, lambda e: (str(e.date)[:7], e.kind)).items() if k[1] != "protest"})
    halves = [sum(n for (month, _), n in in_half.items() if f"{year}-01" <= month <= f"{year}-06") for year in (2015, 2016)]
    with (REPOSITORY / "dev/packaged/germany-2015-arvig/by_source.csv").open(encoding="utf-8", newline="") as file:
        cited = {row.pop("month"): {k: int(n) for k, n in row.items()} for row in csv.DictReader(file)}
    told = {k: [cited[m][k] for m in ("2015-12", "2016-01", "2016-02", "2016-03")] for k in ("answers", "others")}
    holds(one, "C004", [*halves, *told["answers"][:2], *told["others"]])
    holds(one, "C002", [sum(c[k] for m, c in cited.items() if m[:4] == y) for y in ("2015", "2016") for k in ("answers", "others")])
    holds(one, "C006", [cited[f"2015-{m}"]["arson_answers"] + cited[f"2015-{m}"]["arson_others"] for m in (10, 11, 12)])
    shown = (REPOSITORY / "docs" / "data-sheets.md").read_text(encoding="utf-8")
    for month, name in (("2015-10", "October 2015"), ("2016-01", "January 2016"), ("2016-12", "December 2016")):
        c = cited[month]
        assert f"| {name} | {c['events']} | {c['answers']} | {c['others']} | {c['arson_answers'] + c['arson_others']} |" in shown
    states = counts(one, lambda e: (e.region_id, e.date.year))
    holds(one, "C008", [states["DE-BY", 2015], states["DE-BY", 2016], states["DE-SH", 2015], states["DE-SH", 2016]])
    east = {f"DE-{code}" for code in ("SN", "BB", "ST", "TH", "MV", "BE")}
    holds(one, "C007", [round(100 * sum(states[r, y] for r in east) / years[str(y)]) for y in (2015, 2016)])
    marches = counts(one, lambda e: (e.date.year, e.kind))
    holds(one, "C009", [marches[2015, "protest"], marches[2016, "protest"]])


# --- what they asked of the house -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "certain"),
    [("event", True), ("city-day total", True), ("region-day total", True), ("city total to date", False), ("claim", False)],
)
def test_a_total_of_one_day_shows_unrest_on_that_day(scope: str, certain: bool) -> None:
    day = dt.date(2020, 6, 6)
    event = Event.model_validate({"date": str(day), "region_id": "US-DC", "kind": "protest", "scope": scope})
    found = gathering(event, (day, day))
    assert found is not None
    assert found.certain is certain


def test_a_map_of_many_small_regions_has_codes_for_names() -> None:
    assert draw(loaded("us-2020").case).crowded
    assert not draw(loaded("germany-2015-arvig").case).crowded


def test_a_page_hides_the_rows_of_other_days_and_names_the_text_beside_the_ledger(tmp_path: Path) -> None:
    study_account(loaded("france-2023"), tmp_path / "page", partial(print))
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r'<tr id="event-[^"]*" data-from="(\d+)"[^>]*?( hidden)?>', page)
    (peak,) = re.findall(r'<input type="range" id="day"[^>]* value="(\d+)"', page)
    assert len(rows) == 189
    assert all(bool(hidden) == (day != peak) for day, hidden in rows)
    assert "<noscript><style>#events tr[hidden]{display:table-row}" in page
    assert "beside the ledger as account.md" in page
