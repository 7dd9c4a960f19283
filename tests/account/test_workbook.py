"""A ledger in both forms, CSV and workbook: one source of truth, and never a verdict that no person wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from conftest import HERE, Ran, call_qantar
from qantar.account.ledger import read_claims
from qantar.errors import DataError
from qantar.verdicts.claims import judge
from qantar.verdicts.load import load_account

ESSAY = """# A week

On 3 March some 50 people across the country took part in the protests. In total 9,000 people died in Tinyland.

Across the country 5 people died in total. It was a just cause.
"""


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made")
    shutil.copytree(HERE / "tiny", home / "case")
    (home / "essay.md").write_text(ESSAY, encoding="utf-8")
    assert call_qantar("account", "new", "essay.md", "--case", "case", "--out", "mine", cwd=home).code == 0
    return home


@pytest.fixture
def mine(_made: Path, tmp_path: Path) -> Path:
    """A new ledger of the essay, beside its case."""
    shutil.copytree(_made / "case", tmp_path / "case")
    return Path(shutil.copytree(_made / "mine", tmp_path / "mine"))


def fill(ledger: Path, column: str, row: int, value: object, name: str = "claims") -> None:
    book = load_workbook(ledger / f"{name}.xlsx")
    book[name].cell(row, columns(book[name])[column]).value = value
    book.save(ledger / f"{name}.xlsx")


def columns(sheet: Any) -> dict[str, int]:
    """Number of each column of a sheet, from its head."""
    return {cell.value: cell.column for cell in sheet[1]}


def beside(ledger: Path) -> dict[str, tuple[str, str]]:
    """The cells for the eye in the workbook of claims, by claim id: text, record."""
    sheet = load_workbook(ledger / "claims.xlsx")["claims"]
    at = columns(sheet)
    return {row[0].value: (row[at["(text)"] - 1].value or "", row[at["(record)"] - 1].value or "") for row in sheet.iter_rows(min_row=2)}


def put(ledger: Path, old: str, new: str) -> None:
    text = (ledger / "claims.csv").read_text(encoding="utf-8")
    assert old in text
    (ledger / "claims.csv").write_text(text.replace(old, new, 1), encoding="utf-8")


def codes(ledger: Path) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        load_account(str(ledger))
    return [(p.file, p.code) for p in caught.value.problems]


def test_a_new_ledger_stands_in_both_forms_and_both_say_the_same(mine: Path, qantar: Callable[..., Ran]) -> None:
    assert sorted(p.name for p in mine.iterdir()) == [
        "account.toml", "claims.csv", "claims.xlsx", "kept.toml", "sources.csv", "sources.xlsx", "written.toml",
    ]  # fmt: skip
    both = list(load_account(str(mine)).account.claims)
    (mine / "claims.csv").unlink()
    assert list(load_account(str(mine)).account.claims) == both
    shown = qantar("check", "mine")
    assert (shown.code, "claims.xlsx" in shown.out, "Claims are read from claims.xlsx" in shown.err) == (0, True, True)


def test_sentence_and_record_stand_beside_the_claim_and_are_no_part_of_the_ledger(mine: Path, qantar: Callable[..., Ran]) -> None:
    text, record = beside(mine)["C002"]
    assert text == "0.1:2 In total 9,000 people died in Tinyland."
    assert record.startswith("proposed: contradicted: 9,000 lies outside the record's interval [4, 6]")
    row = "1 Apr 2030, Tinyland: deaths 4–6, independent, list of names"
    assert row in load_account(str(mine)).account.claims.rows[1].evidence_en  # the row, not its id alone
    assert record.count(row) == 1  # in what others counted; not once more as a row
    sheet = load_workbook(mine / "claims.xlsx")["claims"]
    at = columns(sheet)
    assert sheet.cell(1, at["(text)"]).comment.text.startswith("For reading only")
    dress = {name: sheet.column_dimensions[sheet.cell(1, c).column_letter] for name, c in at.items()}
    seen = [name for name in at if not dress[name].hidden]
    assert seen[:8] == ["claim_id", "(text)", "(record)", "claim_en", "verdict", "evidence_en", "source", "events"]
    assert sum(dress[name].width for name in seen[:8]) < 220  # characters: one screen
    assert seen[8:] == ["kind", "section", "paragraph", "sentence", "sources_more"]
    assert "9,000 people died" not in (mine / "claims.csv").read_text(encoding="utf-8")
    fill(mine, "(text)", 3, "Something else.")  # is no change of the ledger
    assert load_account(str(mine)).account.claims.file == "claims.csv"
    put(mine, "C004,", "C005,")
    assert load_account(str(mine)).account.claims.rows[3].claim_id == "C005"
    assert qantar("check", "mine/claims.xlsx").code == 0


def test_a_column_in_which_something_stands_is_not_folded_and_any_order_is_read(mine: Path, qantar: Callable[..., Ran]) -> None:
    held = load_account(str(mine)).account.claims.rows
    put(mine, "claim_id,section,paragraph,sentence,", "claim_id,sentence,paragraph,section,")
    lines = (mine / "claims.csv").read_text(encoding="utf-8").splitlines()
    turned = [",".join([a, d, c, b, rest]) for a, b, c, d, rest in (line.split(",", 4) for line in lines[1:])]
    (mine / "claims.csv").write_text("\n".join([lines[0], *turned]) + "\n", encoding="utf-8")
    account = load_account(str(mine)).account  # turned, and no change
    assert (account.claims.file, list(account.claims)) == ("claims.csv", list(held))
    fill(mine, "summary_en", 2, "Said so.")
    assert qantar("account", "sheet", "mine").code == 0  # writes claims.csv
    (mine / "claims.xlsx").unlink()
    assert qantar("account", "sheet", "mine").code == 0
    sheet = load_workbook(mine / "claims.xlsx")["claims"]
    hidden = {name for name, c in columns(sheet).items() if sheet.column_dimensions[sheet.cell(1, c).column_letter].hidden}
    assert ("summary_en" in hidden, "summary_zh" in hidden, "corrections" in hidden) == (False, True, True)


def test_sheet_puts_the_sentences_of_a_document_beside_the_claims_anew(mine: Path, qantar: Callable[..., Ran]) -> None:
    fill(mine, "paragraph", 5, "1")
    fill(mine, "sentence", 5, "1-2")
    fill(mine, "events", 5, "T1")
    assert beside(mine)["C004"][0].startswith("0.2:2 It was")  # tells its own place, though the claim was moved
    held = load_account(str(mine)).account.claims.rows
    assert qantar("account", "sheet", "mine", "--document", "essay.md").code == 2  # there is none yet
    (mine.parent / "essay.md").write_text(ESSAY.replace("some 50", "some 60"), encoding="utf-8")
    shown = qantar("account", "sheet", "mine", "--document", "essay.md")
    assert (shown.code, "this is not the document the ledger" in shown.err) == (0, True)
    text, record = beside(mine)["C004"]
    assert text.splitlines() == [
        "0.1:1 On 3 March some 60 people across the country took part in the protests.",
        "0.1:2 In total 9,000 people died in Tinyland.",
    ]
    assert record.startswith("Counted by others: 1 Apr 2030, Tinyland: deaths 5, final, court")
    assert "\nT1 3 Mar 2030, Tinyland: participants 40–60" in record
    assert list(load_account(str(mine)).account.claims) == list(held)
    put(mine, "0,2,1,", "0,2,2,")
    assert "sentences beside the claims: qantar account sheet mine --document" in " ".join(qantar("account", "sheet", "mine").out.split())


def test_the_file_that_was_changed_is_read_whichever_it_is(mine: Path, qantar: Callable[..., Ran]) -> None:
    before = (mine / "claims.csv").read_bytes()
    fill(mine, "claim_en", 2, "Fifty came on the third.")
    account = load_account(str(mine)).account
    assert (account.claims.file, account.claims.rows[0].claim_en) == (
        "claims.xlsx [claims]",
        "Fifty came on the third.",
    )
    files = {f["file"]: f for f in qantar("check", "mine", "--json").json()["files"]}
    assert (files["claims.csv"]["kind"], files["claims.xlsx"]["rows"]) == ("unread", 4)
    assert (mine / "claims.csv").read_bytes() == before


def test_the_csv_alone_was_changed(mine: Path) -> None:
    put(mine, "fact,,,open", "fact,In CSV.,,open")
    account = load_account(str(mine)).account
    assert (account.claims.file, account.claims.rows[0].claim_en) == ("claims.csv", "In CSV.")


def test_where_both_were_changed_neither_is_read(mine: Path, qantar: Callable[..., Ran]) -> None:
    fill(mine, "claim_en", 2, "In the workbook.")
    put(mine, "fact,,,open", "fact,In CSV.,,open")
    assert codes(mine) == [("claims.csv", "two_tables")]
    held = {p.name: p.read_bytes() for p in mine.iterdir()}
    refused = qantar("account", "sheet", "mine")
    assert (refused.code, "claims.csv and claims.xlsx say different things" in refused.err) == (2, True)
    assert {p.name: p.read_bytes() for p in mine.iterdir()} == held
    (mine / "written.toml").unlink()  # without the mark it cannot be told either
    assert codes(mine) == [("claims.csv", "two_tables")]
    (mine / "claims.csv").unlink()  # the mend
    assert qantar("account", "sheet", "mine").code == 0
    assert "In the workbook." in (mine / "claims.csv").read_text(encoding="utf-8")
    assert load_account(str(mine)).account.claims.file == "claims.csv"


def test_the_same_change_in_both_is_no_conflict(mine: Path) -> None:
    fill(mine, "claim_en", 2, "Both.")
    put(mine, "fact,,,open", "fact,Both.,,open")
    assert load_account(str(mine)).account.claims.rows[0].claim_en == "Both."


def test_sheet_writes_the_other_form_and_leaves_the_one_that_counts(mine: Path, tiny: Path, qantar: Callable[..., Ran]) -> None:
    fill(mine, "claim_en", 2, "=not a formula")
    fill(mine, "key", 2, "my-text", "sources")
    assert codes(mine)[0] == ("claims.xlsx [claims]", "formula_cell")
    book = load_workbook(mine / "claims.xlsx")
    book["claims"].cell(2, columns(book["claims"])["claim_en"]).data_type = "s"
    book.save(mine / "claims.xlsx")
    refused = qantar("account", "sheet", "mine")
    assert (refused.code, json.loads(qantar("account", "sheet", "mine", "--json").out or "[]")) == (
        0,
        refused.code and [],
    ) or refused.code == 0
    assert "'=not a formula" in (mine / "claims.csv").read_text(encoding="utf-8")
    assert "my-text" in (mine / "sources.csv").read_text(encoding="utf-8")
    done = qantar("account", "sheet", str(tiny), "--json").json()  # a ledger that never had workbooks
    assert done == [{"read": "claims.csv", "wrote": "claims.xlsx", "rows": 4}]
    assert load_account(str(tiny)).account.claims.file == "claims.csv"


def test_a_proposal_is_no_verdict(mine: Path, qantar: Callable[..., Ran]) -> None:
    judged = {j.claim.claim_id: j for j in judge(load_account(str(mine)).account)}
    assert {k: (j.word, j.claim.proposed, j.flags) for k, j in judged.items()} == {
        "C001": ("open", "supported", ("proposed",)),
        "C002": ("open", "contradicted", ("proposed",)),
        "C003": ("open", "supported", ("proposed",)),
    }  # C004 has no proposal, and nobody has written into it
    assert "3 have a proposal" in " ".join(qantar("check", "mine").out.split())
    assert (qantar("check", "mine", "--json").json()["open"], qantar("check", "mine", "--json").json()["proposed"]) == (3, 3)
    table = qantar("verdicts", "mine", "--flag", "proposed", env={"COLUMNS": "160"}).out
    assert "(proposed: contradicted)" in table
    assert "C004" not in table
    assert "（提议：与记录不符）" in qantar("--lang", "zh", "verdicts", "mine").out.replace("(", "（").replace(")", "）")
    assert "lies outside the record's interval [4, 6]" in " ".join(qantar("show", "mine", "C002").out.split())
    assert not json.loads(qantar("verdicts", "mine", "--claim-review").out)["@graph"]
    fill(mine, "verdict", 2, "supported")
    fill(mine, "evidence_en", 2, "So the Gazette says.")
    (first, *_) = judge(load_account(str(mine)).account)
    assert (first.word, first.claim.proposed, "proposed" in first.flags) == ("supported", "supported", False)


def test_a_draft_is_no_verdict_and_a_claim_without_paraphrase_is_told_by_its_place(mine: Path, qantar: Callable[..., Ran]) -> None:
    first = load_account(str(mine)).account.claims.rows[0]
    assert (first.events, first.source, first.drafted) == (("T1",), "gazette", True)
    assert first.evidence_en.startswith("[draft] The record has: 3 Mar 2030, Tinyland: participants 40–60, day, gazette (Tinyland Gazette)")
    drafts = [c.claim_id for c in load_account(str(mine)).account.claims if c.drafted]
    assert drafts == ["C001", "C002", "C003"]
    assert f"{len(drafts)} claims have evidence in the program's words" in " ".join(qantar("check", "mine").out.split())
    fill(mine, "verdict", 2, "supported")  # before anybody has read the draft
    (judged, *_) = judge(load_account(str(mine)).account)
    assert {"draft", "unparaphrased"} <= {*judged.flags}
    found = qantar("check", "mine", "--json").json()
    assert (found["problems"], found["drafts"], found["unparaphrased"], found["not_kept"]) == ([], 3, 1, 0)
    table = " ".join(qantar("verdicts", "mine", env={"COLUMNS": "160"}).out.split())
    assert "section 0, paragraph 1, sentence 1" in table
    assert "took part in the protests" not in table  # never the document's own sentence
    assert "第0节第1段第1句" in "".join(qantar("--lang", "zh", "verdicts", "mine", env={"COLUMNS": "160"}).out.split())
    left_out = qantar("verdicts", "mine", "--claim-review")
    assert (json.loads(left_out.out)["@graph"], "C001" in left_out.err) == ([], True)
    assert qantar("account", "keep", "mine").code == 0
    assert qantar("study", "mine").code == 0
    page = (mine.parent / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    assert ("section 0, paragraph 1, sentence 1" in page, "evidence as drafted" in page, "[draft]" in page) == (True, True, False)
    (mine.parent / "essay.md").write_text(ESSAY, encoding="utf-8")
    assert qantar("study", "mine", "--document", "essay.md").code == 0  # at one's own desk the sentence says more than its place
    page = (mine.parent / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    assert ("took part in the protests" in page, "only where the document may be shown" in page) == (True, True)
    assert "took part in the protests" not in (mine.parent / "results" / "mine" / "verdicts.csv").read_text(encoding="utf-8")
    fill(mine, "evidence_en", 2, "So the Gazette says.")
    fill(mine, "claim_en", 2, "Some fifty came.")
    (judged, *_) = judge(load_account(str(mine)).account)
    assert not {"draft", "unparaphrased"} & {*judged.flags}
    assert len(json.loads(qantar("verdicts", "mine", "--claim-review").out)["@graph"]) == 1


def test_a_proposal_rests_on_rows_of_the_record(mine: Path) -> None:
    put(mine, "supported,T1", "supported,T999")
    assert {code for _, code in codes(mine)} == {"unknown_record_row"}


def test_an_own_account_stands_beside_an_own_case(tiny: Path, tmp_path: Path, qantar: Callable[..., Ran]) -> None:
    case = tiny.rename(tmp_path / "my case")
    for name in ("account.toml", "claims.csv", "hypotheses.csv", "second_reading.csv", "tensions.csv"):
        (case / name).unlink()
    (tmp_path / "text.md").write_text(
        "# T\n\nIn total 5 people died across the country.\n\nOn 2 March 2030 crowds came to Onetown.\n", encoding="utf-8"
    )
    outline = qantar("account", "outline", "text.md", "--case", "my case")
    assert (outline.code, "proposed: supported" in outline.out) == (0, True)
    new = qantar("account", "new", "text.md", "--case", "my case", "--out", "mine", "--json")
    assert (new.code, new.json()["proposed"]) == (0, 1)
    assert 'case = "../my case"' in (tmp_path / "mine" / "account.toml").read_text(encoding="utf-8")
    assert load_account(str(tmp_path / "mine")).case.folder.resolve() == case.resolve()
    for words in (("check", "mine"), ("verdicts", "mine"), ("study", "mine"), ("account", "outline", "text.md", "--ledger", "mine")):
        ran = qantar(*words)
        assert ran.code == 0, ran.err
    assert "only proposed" in (tmp_path / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    nowhere = qantar("account", "new", "text.md", "--case", "elsewhere", "--out", "other")
    assert (nowhere.code, (tmp_path / "other").exists()) == (2, False)


def test_what_a_desk_needs_is_read_and_given_on(mine: Path, qantar: Callable[..., Ran]) -> None:
    book = load_workbook(mine / "claims.xlsx")
    sheet = book["claims"]
    column = columns(sheet)
    told = {
        "claim_en": "Fifty came on the third.", "verdict": "supported", "evidence_en": "So the Gazette says.",
        "source": "gazette", "said_by": "A. Speaker", "said_on": "2022-01-12", "link": "https://example.org/a;b",
        "archived": "https://example.org/1 https://example.org/2", "checked_by": "B. Checker", "checked_on": "2026-01-02",
        "corrections": "2026-01-03: a date.", "summary_en": "The paper's own count.",
    }  # fmt: skip
    for name, value in told.items():
        sheet.cell(2, column[name]).value = value
    book.save(mine / "claims.xlsx")
    (review,) = json.loads(qantar("verdicts", "mine", "--claim-review").out)["@graph"]
    said = review["itemReviewed"]
    assert (said["author"]["name"], said["datePublished"], said["appearance"]["url"]) == (
        "A. Speaker",
        "2022-01-12",
        "https://example.org/a;b",
    )
    assert said["appearance"]["archivedAt"] == ["https://example.org/1", "https://example.org/2"]
    assert (review["contributor"]["name"], review["datePublished"], review["abstract"]) == (
        "B. Checker",
        "2026-01-02",
        "The paper's own count.",
    )
    assert review["correction"] == "2026-01-03: a date."
    assert json.loads(qantar("--lang", "zh", "verdicts", "mine", "--claim-review").out)["@graph"][0]["claimReviewed"] == told["claim_en"]
    assert "A. Speaker" in qantar("show", "mine", "C001").out
    sheet.cell(2, column["link"]).value = "javascript:alert(1)"
    book.save(mine / "claims.xlsx")
    assert codes(mine) == [("claims.xlsx [claims]", "bad_form")]


def test_a_workbook_out_of_the_folder_is_not_followed(mine: Path, tmp_path: Path) -> None:
    (mine / "claims.xlsx").rename(tmp_path / "elsewhere.xlsx")
    (mine / "claims.xlsx").symlink_to(tmp_path / "elsewhere.xlsx")
    assert codes(mine) == [("account.toml", "path_escapes")]
    assert read_claims(mine) is not None


def test_a_workbook_alone_is_known_by_its_columns(mine: Path, tmp_path: Path, qantar: Callable[..., Ran]) -> None:
    shutil.copy(mine / "claims.xlsx", tmp_path / "theirs.xlsx")
    assert qantar("check", "theirs.xlsx", "--json").json()["files"] == [{"file": "theirs.xlsx", "kind": "table claims", "rows": 4}]
    fill(mine, "claim_id", 3, "C001")
    assert [p["code"] for p in qantar("check", "mine/claims.xlsx", "--json").json()["problems"]] == ["repeated_id"]


def test_rows_into_which_nothing_was_written_are_no_claims(mine: Path, qantar: Callable[..., Ran]) -> None:
    account = load_account(str(mine)).account
    assert [(c.claim_id, c.blank) for c in account.claims] == [("C001", False), ("C002", False), ("C003", False), ("C004", True)]
    assert [j.claim.claim_id for j in judge(account)] == ["C001", "C002", "C003"]  # three have a proposal
    shown = qantar("check", "mine", "--json").json()
    assert (shown["open"], shown["blank"]) == (3, 1)
    assert "1 row without a verdict or a word of yours counts as no claim" in " ".join(qantar("check", "mine").out.split())
    fill(mine, "claim_en", 5, "The cause was just.")
    assert len(judge(load_account(str(mine)).account)) == 4


def test_a_value_judgement_needs_neither_evidence_nor_a_source(mine: Path) -> None:
    for column, value in (("kind", "judgement"), ("claim_en", "The cause was just."), ("verdict", "not-empirical")):
        fill(mine, column, 5, value)
    (judged,) = [j for j in judge(load_account(str(mine)).account) if j.claim.claim_id == "C004"]
    assert (judged.basis, judged.flags) == ("judgement", ())
    fill(mine, "verdict", 5, "supported")  # any other verdict does
    assert {code for _, code in codes(mine)} >= {"judged_without", "missing_source", "verdict_of_kind"}
