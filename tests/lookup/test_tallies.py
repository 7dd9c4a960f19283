"""What the record adds up to, beside sentences that speak of a whole or a rank."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import HERE
from qantar.account.candidates import candidates
from qantar.account.document import read_document
from qantar.cases.case import Case, load_case
from qantar.lookup.draft import drafts
from qantar.lookup.propose import propose_in
from qantar.lookup.tallies import tallies

EVENTS = (
    "event_id,date,date_end,scope,kind,region_id,settlement,participants_low,participants_high,deaths\n"
    "E1,2030-03-01,,event,march,XA-ONE,Oneville,200,300,0\n"
    "E2,2030-03-02,,event,clash,XA-ONE,Oneville,,,1\n"
    "E3,2030-03-03,,event,march,XA-TWO,Twoville,400,450,\n"
    "E4,2030-03-01,2030-03-04,date uncertain,clash,XA-TWO,Twoville,,,2\n"
    "E5,2030-03-05,,event,protest,XA-ONE,Oneville,,,\n"
)
VILLAGE = "E6,2030-03-05,,event,clash,XA-TWO,Threeham,,,1\n"
"""A happening in a village that the case does not know."""


@pytest.fixture
def case(tiny: Path) -> Case:
    for name in ("totals", "region_onset", "presence", "disagreements"):
        (tiny / f"{name}.csv").unlink(missing_ok=True)
    (tiny / "events.csv").write_text(EVENTS, encoding="utf-8")
    return load_case(str(tiny))


def added(case: Case, folder: Path, words: str) -> list[str]:
    (folder / "essay.md").write_text(f"# A week\n\n{words}\n", encoding="utf-8")
    document = read_document(folder / "essay.md")
    return [tally.said for sentence in document.sentences() for tally in tallies(document, case)[sentence.position]]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (
            "In all, 9 people were killed.",
            "Added up over the events, deaths: Tinyland 3, Twoia 2, Onia 1.",
        ),
        (
            "In Oneville alone more people died than elsewhere.",
            "Added up over the events, deaths: Tinyland 3, Onia 1, Oneville 1, Twoia 2.",
        ),
        (
            "The first man was killed in Oneville.",
            "Events with deaths: the first 2 Mar Oneville or 1–4 Mar Twoville, the last 2 Mar Oneville or 1–4 Mar Twoville.",
        ),
        (
            "Both regions rose.",
            "Regions with unrest, by the last day on which it can have begun: 1 Mar 1, 3 Mar 2 (of 2). Last: Twoia 3 Mar.",
        ),
        (
            "People were shot in both regions.",
            "Regions with deaths, by the last day on which it can have begun: 2 Mar 1, 4 Mar 2 (of 2). Last: Twoia 4 Mar.",
        ),
        (
            "Every day more people marched.",
            "In the events, participants by day: 1 Mar 200–300, 2 Mar 0 (and 1 uncounted), 3 Mar 400–450, 4 Mar 0, 5 Mar 0 (and 1 uncounted).",
        ),
        ("It was the deadliest day.", "Days with most deaths in the events: 2 Mar 1."),
        ("Some people died during these days.", "Added up over the events, deaths: Tinyland 3, Twoia 2, Onia 1."),
        ("It was the deadliest clash.", "Events with most deaths: 1–4 Mar Twoville 2, 2 Mar Oneville 1."),
        ("The killing slowed down.", "In the events, deaths by day: 1 Mar 0, 2 Mar 1, 3 Mar 0, 4 Mar 0, 5 Mar 0, 1–4 Mar 2."),
        (
            "In the first days there were no deaths.",
            "In the events, deaths by day: 1 Mar 0, 2 Mar 1, 3 Mar 0, 4 Mar 0, 5 Mar 0, 1–4 Mar 2.",
        ),
        ("It was the largest march of all.", "Largest crowds in the events: 3 Mar Twoville 400–450, 1 Mar Oneville 200–300."),
        ("The number of protests fell.", "Events that show unrest, by day: 1 Mar 1, 2 Mar 1, 3 Mar 1, 4 Mar 0, 5 Mar 1."),
        ("全国共有9人死亡。", "各事件相加，死亡：小国 3，二州 2，一州 1。"),
    ],
)
def test_a_whole_or_a_rank_is_answered_by_a_sum(case: Case, tmp_path: Path, sentence: str, said: str) -> None:
    assert added(case, tmp_path, sentence) == [said]


def test_a_place_that_only_the_list_has_is_a_place(tiny: Path, case: Case, tmp_path: Path) -> None:
    (tiny / "events.csv").write_text(EVENTS + VILLAGE, encoding="utf-8")
    said = added(load_case(str(tiny)), tmp_path, "Around Threeham 9 people were killed.")
    assert said == ["Added up over the events, deaths: Tinyland 4, Threeham 1, Twoia 3, Onia 1."]
    assert added(case, tmp_path, "Around Threeham 9 people were killed.") == []


def test_regions_that_are_called_alike_are_told_apart(tiny: Path, case: Case, tmp_path: Path) -> None:
    regions = (tiny / "regions.csv").read_text(encoding="utf-8").replace("Twoia", "Onia")
    (tiny / "regions.csv").write_text(regions, encoding="utf-8")
    (said,) = added(load_case(str(tiny)), tmp_path, "In all, 9 people were killed.")
    assert said == "Added up over the events, deaths: Tinyland 3, Onia (XA-TWO) 2, Onia (XA-ONE) 1."


@pytest.mark.parametrize("a_range", [("9,8,10", "9 (8–10)"), ("10,8,10", "8–10"), ("9,,", "9")])
def test_of_a_sum_the_best_figure_stands_with_its_range(tiny: Path, tmp_path: Path, a_range: tuple[str, str]) -> None:
    figures, told = a_range
    head = EVENTS.splitlines()[0] + ",deaths_low,deaths_high\n"
    for name in ("totals", "region_onset", "presence", "disagreements"):
        (tiny / f"{name}.csv").unlink(missing_ok=True)
    (tiny / "events.csv").write_text(f"{head}E1,2030-03-02,,event,clash,XA-ONE,Oneville,,,{figures}\n", encoding="utf-8")
    (said,) = added(load_case(str(tiny)), tmp_path, "In all, 9 people were killed.")
    assert said == f"Added up over the events, deaths: Tinyland {told}, Onia {told}."


@pytest.mark.parametrize(
    "sentence", ["A man was killed in Oneville on 2 March.", "People marched.", "The largest town is Oneville.", "所有人都来了。"]
)
def test_a_single_happening_has_none(case: Case, tmp_path: Path, sentence: str) -> None:
    assert added(case, tmp_path, sentence) == []


def test_what_others_counted_is_not_added_up_from_events(tmp_path: Path) -> None:
    case = load_case(str(HERE / "tiny"))
    assert {"deaths_cumulative"} <= {t.quantity for t in case.record.totals}
    assert "totals" not in case.record.derived
    assert not any("Added up" in said for said in added(case, tmp_path, "In all, 9 people were killed."))


def test_a_sum_is_drafted_as_evidence_with_its_rows_and_sources(case: Case, tmp_path: Path) -> None:
    (tmp_path / "essay.md").write_text("# A week\n\nIn all, 9 people were killed in Tinyland by 5 March, and 900 fled.\n", encoding="utf-8")
    document = read_document(tmp_path / "essay.md")
    found = candidates(document, case.place_names(), case.head.country)
    every = propose_in(document, case)
    (cells,) = drafts(found, [every[c.sentence.position] for c in found], document, case)
    assert cells["evidence_en"].startswith("[draft] Added up over the events, deaths: Tinyland 3")
    assert (cells["events"], cells["source"]) == ("E2;E4", "own")


@pytest.mark.parametrize(
    "sentence",
    [
        "In all, many people were killed.",
        "Officially 40 people were killed.",
        "They rose on 2 March 2030.\n\nForty people were killed.",
        "官方称有40人死亡。",
    ],
)
def test_what_others_counted_stands_beside_a_number(tmp_path: Path, sentence: str) -> None:
    case = load_case(str(HERE / "tiny"))
    (said,) = added(case, tmp_path, sentence)
    final = next(
        t for t in case.record.totals if t.quantity == "deaths_cumulative" and t.region_id == case.head.country and t.status == "final"
    )
    assert f"{final.value_low}, {final.status}, {final.stated_by}" in said


@pytest.mark.parametrize(
    "sentence", ["A man was killed.", "On 2 March 2030, 4 people were killed.", "They rose 9 times against the dead hand."]
)
def test_no_count_stands_beside_what_counts_nobody(tmp_path: Path, sentence: str) -> None:
    assert added(load_case(str(HERE / "tiny")), tmp_path, sentence) == []


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("In 2019 more than 40 people were killed in Oneville.", False),
        ("The deadliest day of 2019 was 3 May.", False),
        ("In 2019 he won; in 2030 more than 9 people were killed in all.", True),
        ("In 2030 more people were killed in all than in 2019.", True),
        ("It was the deadliest day since 2019.", True),
    ],
)
def test_a_sentence_on_another_year_has_no_sum_of_this_one(sentence: str, told: bool, case: Case, tmp_path: Path) -> None:
    assert bool(added(case, tmp_path, sentence)) == told
