"""The path of somebody who has only the manual, replayed on a real table: every command works, and says what she has to know."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path

import pytest
from openpyxl import load_workbook

from conftest import REPOSITORY, call_qantar

pytestmark = pytest.mark.timeout(300)  # a dozen commands, one of which simulates


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder, told = tmp_path_factory.mktemp("desk"), {}

    def call(*words: str) -> tuple[int, str]:
        done = call_qantar(*words, cwd=folder)
        told[" ".join(words)] = done.out + done.err
        return done.code, done.out + done.err

    runpy.run_path(str(REPOSITORY / "dev" / "newcomer.py"))["replay"](folder, call)
    return folder, told


def said(told: dict[str, str], begins: str) -> str:
    return " ".join(next(v for k, v in told.items() if k.startswith(begins)).split())


def test_what_was_proposed_for_the_columns_is_what_a_person_decided(desk: tuple[Path, dict[str, str]]) -> None:
    proposed = (desk[0] / "actions-mapping.toml").read_text(encoding="utf-8")
    for line in ('date = "date"', 'region = "departement"', 'count = "actions"'):
        assert line in proposed


def test_a_first_look_writes_nothing_and_names_the_lines(desk: tuple[Path, dict[str, str]]) -> None:
    look = said(desk[1], "import actions.csv --into")
    assert "nothing was imported yet" in look
    assert "189 taken" in look
    for line in ("106", "111", "116", "125"):
        assert f"line {line} departement" in look


def test_the_ledger_is_judged_and_shown(desk: tuple[Path, dict[str, str]]) -> None:
    folder, told = desk
    table = said(told, "verdicts ledger")
    for words in ("fact 8", "supported 5", "contradicted 1", "cause 2"):
        assert words in table
    made = json.loads((folder / "results" / "ledger" / "result.json").read_text(encoding="utf-8"))
    assert made["claims"] == 10


def test_the_what_if_says_at_what_scale_it_was_asked(desk: tuple[Path, dict[str, str]]) -> None:
    assert "1,000" in said(desk[1], "counterfactual")


def test_a_what_if_needs_no_arm_of_ones_own_and_says_what_was_left_out(desk: tuple[Path, dict[str, str]]) -> None:
    assert "What the state did, without ban (2023-04-19 08:00)." in said(desk[1], "counterfactual")


def test_sentence_and_record_stand_beside_each_claim_that_is_to_be_judged(desk: tuple[Path, dict[str, str]]) -> None:
    sheet = load_workbook(desk[0] / "ledger" / "claims.xlsx")["claims"]
    at = {cell.value: cell.column for cell in sheet[1]}
    texts = [row[at["(text)"] - 1].value for row in sheet.iter_rows(min_row=2)]
    essay = " ".join((desk[0] / "essay.md").read_text(encoding="utf-8").split())
    assert len(texts) >= 8
    assert all(text.split(" ", 1)[1] in essay for text in texts)
    assert all(cell.startswith("E") for cell in _ids(desk[0] / "hundred-days" / "events.csv"))


def _ids(events: Path) -> list[str]:
    with events.open(encoding="utf-8", newline="") as file:
        return [row["event_id"] for row in csv.DictReader(file)]


def replayed(download: str, folder: Path) -> dict[str, str]:
    """What each command of the morning said."""
    told: dict[str, str] = {}

    def call(*words: str) -> tuple[int, str]:
        done = call_qantar(*words, cwd=folder)
        told[" ".join(words)] = done.out + done.err
        return done.code, done.out + done.err

    newcomer = runpy.run_path(str(REPOSITORY / "dev" / "newcomer.py"))
    newcomer["replay_download"](folder, call, newcomer["DOWNLOADS"][download])
    return told


def evidence(folder: Path) -> dict[str, str]:
    """Of each claim with a verdict its place and evidence."""
    with (folder / "ledger" / "claims.csv").open(encoding="utf-8", newline="") as file:
        judged = [r for r in csv.DictReader(file) if r["verdict"] != "open"]
    assert len(judged) == 10
    return {f"{r['paragraph']}:{r['sentence']}": r["evidence_en"] for r in judged}


def test_a_download_and_a_text_become_a_page_with_ten_verdicts_that_begin_with_drafts(tmp_path: Path) -> None:
    told = replayed("acled", tmp_path)
    assert "60 read, 60 taken" in said(told, "new")
    assert "--arm steps.internet-cut=off" in said(told, "new")  # what the state did is drafted, and the what-if as well
    assert "no mistake of form" in said(told, "check senegal-2025")
    page = said(told, "study ledger")
    for words in ("fact 9", "supported 4", "partly right 3", "cause 1", "10 claims without words of yours"):
        assert words in page
    assert "nothing is kept" not in page
    drafted = evidence(tmp_path)
    assert all(words.startswith("[draft]") for words in drafted.values())
    assert "deaths: Senegal 8, Ziguinchor 5, Dakar 3" in drafted["4:4"]
    assert "Kaffrine 23 Oct" in drafted["5:1"]


def test_a_list_of_deaths_drafts_nine_of_ten_claims_on_deaths(tmp_path: Path) -> None:
    told = replayed("ucdp", tmp_path)
    assert "29 read, 29 taken" in said(told, "new")
    for words in ("fact 9", "supported 6", "partly right 3", "cause 1"):
        assert words in said(told, "study ledger")
    drafted = evidence(tmp_path)
    assert sum(words.startswith("[draft]") for words in drafted.values()) == 9
    for place, words in (
        ("2:4", "25 Sep 2031, Antananarivo: force used by the state, deaths 2;"),  # the settlement, without what it is
        ("3:2", "Regions with deaths, by the last day on which it can have begun: 25 Sep 1, 26 Sep 2"),
        ("3:5", "Madagascar 61 (54–70), Antananarivo (Analamanga) 26 (22–33)"),
        ("4:3", "5 Oct 0, 6 Oct 7–9"),
        ("5:2", "Events with most deaths: 1 Oct Betroka 6–8, 6 Oct Antananarivo 5–7"),
    ):
        assert words in drafted[place]
