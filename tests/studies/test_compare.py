"""Accounts side by side: agreement and contradiction by question, and what cannot be compared."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from qantar.cases.case import cases_folder
from qantar.cli.main import main
from qantar.ensemble.runner import Runner
from qantar.errors import DataError, StudyError
from qantar.studies.compare import STUDY, pairs_of
from qantar.studies.kind import ask, perform, result_of
from qantar.verdicts.load import load_account

ACCOUNTS = ("kazakhstan-2022", "kazakhstan-2022/official", "kazakhstan-2022/split")


def answer(account: str, question: str, stance: str) -> dict[str, str]:
    return {"account": account, "question": question, "stance": stance}


def test_accounts_agree_contradict_or_say_nothing() -> None:
    answers = [
        answer("a", "Q1", "asserts"), answer("b", "Q1", "asserts"),
        answer("a", "Q2", "asserts"), answer("b", "Q2", "denies"),
        answer("a", "Q3", "denies"),
        answer("b", "Q4", "denies"),
        answer("a", "Q5", "denies"), answer("a", "Q5", "asserts"), answer("b", "Q5", "asserts"),
    ]  # fmt: skip
    found = {r["question"]: r["relation"] for r in pairs_of(["a", "b"], ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6"], answers)}
    assert found == {"Q1": "agree", "Q2": "contradict", "Q3": "only_one", "Q4": "only_other", "Q5": "mixed"}


def test_the_three_accounts_of_the_packaged_week() -> None:
    files = perform(STUDY, ask(STUDY, {"accounts": ACCOUNTS}), Runner())
    tables = result_of(files, json.loads(files["result.json"])).tables
    assert [a["account"] for a in tables["accounts"]] == [load_account(name).account.head.id for name in ACCOUNTS]
    for row, name in zip(tables["accounts"], ACCOUNTS, strict=True):
        account = load_account(name).account
        assert int(row["claims"]) == len(account.claims) >= 15
        assert len(account.arguments) >= 10
    relations = {r["relation"] for r in tables["pairs"]}
    assert {"agree", "contradict"} <= relations
    asked = {q["question"] for q in tables["questions"]}
    assert {a["question"] for a in tables["answers"]} <= asked
    assert all(a["verdict"] and (a["claim_en"] and a["claim_zh"]) for a in tables["answers"])


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_one_account_is_no_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert "needs two accounts" in refused(["compare", "kazakhstan-2022"], capsys)


@pytest.mark.parametrize("other", ["kazakhstan-2022", str(cases_folder() / "kazakhstan-2022")])
def test_an_account_is_not_compared_with_itself(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Name another one" in refused(["compare", "kazakhstan-2022", other], capsys)


def test_accounts_of_different_cases_are_refused(tmp_path: Path) -> None:
    tiny = Path(__file__).parents[1] / "tiny"
    with pytest.raises(StudyError, match="different cases"):
        perform(STUDY, ask(STUDY, {"accounts": ("kazakhstan-2022", str(tiny))}), Runner())


def test_a_case_without_questions_says_what_is_missing(tiny: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    head = (other / "account.toml").read_text(encoding="utf-8")
    (other / "account.toml").write_text(head.replace('id = "tiny"', 'id = "other"'), encoding="utf-8")
    with pytest.raises(StudyError, match="no questions"):
        perform(STUDY, ask(STUDY, {"accounts": (str(tiny), str(other))}), Runner())


@pytest.mark.parametrize(("question", "stance", "code"), [("Q99", "asserts", "unknown_case_question"), ("Q01", "", "empty_cell")])
def test_a_question_that_the_case_does_not_have_is_named(tmp_path: Path, question: str, stance: str, code: str) -> None:
    case = cases_folder() / "kazakhstan-2022"
    folder = Path(shutil.copytree(case, tmp_path / "case", ignore=shutil.ignore_patterns("fit", "experiments", "accounts")))
    rows = list(csv.DictReader((folder / "claims.csv").read_text(encoding="utf-8").splitlines()))
    rows[4] |= {"question": question, "stance": stance}
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError) as error:
        load_account(str(folder))
    (problem,) = error.value.problems
    assert (problem.file, problem.line, problem.code) == ("claims.csv", 6, code)
