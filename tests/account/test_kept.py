"""What the rows of the record said when a verdict was written on them: a later change is noticed, with the claim, the cell and the mend."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import HERE, Ran, call_qantar
from qantar.account.kept import Change, not_kept
from qantar.errors import DataError
from qantar.files.cells import to_csv
from qantar.verdicts.claims import judge
from qantar.verdicts.load import load_account


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The tiny case and ledger; its first claim rests on an event and a total."""
    folder = Path(shutil.copytree(HERE / "tiny", tmp_path / "mine"))
    lines = (folder / "claims.csv").read_text(encoding="utf-8").splitlines()
    assert "events" not in lines[0]
    told = [f"{lines[0]},events", f"{lines[1]},E1;T1", *(f"{line}," for line in lines[2:])]
    (folder / "claims.csv").write_text("\n".join(told) + "\n", encoding="utf-8")
    return folder


def put(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_check_says_of_which_verdicts_nothing_is_kept_and_writes_nothing(mine: Path, qantar: Callable[..., Ran]) -> None:
    held = {p.name: p.read_bytes() for p in mine.iterdir()}
    assert "1 claim rests on rows of the record of which nothing is kept: `qantar account keep mine`" in " ".join(
        qantar("check", "mine").out.split()
    )
    assert {p.name: p.read_bytes() for p in mine.iterdir()} == held
    kept = qantar("account", "keep", "mine", "--json").json()
    assert (kept["claims"], kept["rows"]) == (1, 2)
    shown = qantar("check", "mine", "--json").json()
    assert (shown["not_kept"], shown["changed"]) == (0, [])
    assert {"file": "kept.toml", "kind": "kept", "rows": 0} in shown["files"]


def test_a_changed_row_is_named_with_claim_cell_and_mend_until_it_was_read_again(mine: Path, qantar: Callable[..., Ran]) -> None:
    qantar("account", "keep", "mine")
    put(mine, "totals.csv", "T1,2030-03-03,XA,participants,40,60", "T1,2030-03-03,XA,participants,40,90")
    account = load_account(str(mine)).account
    first = account.claims.rows[0].claim_id
    assert account.changed == (Change(first, "T1", "value_high", "60", "90"),)
    assert [j.claim.claim_id for j in judge(account) if "rows-changed" in j.flags] == [first]
    for words in (("check", "mine"), ("verdicts", "mine")):
        told = " ".join(qantar(*words).out.split())
        assert f'{first}: T1 value_high "60" → "90"' in told
        assert f"qantar account keep mine {first}" in told
    assert qantar("check", "mine", "--json").json()["changed"][0]["row"] == "T1"
    qantar("account", "keep", "mine")  # without its name the claim stays as it is
    assert load_account(str(mine)).account.changed
    assert qantar("account", "keep", "mine", first).code == 0
    assert not load_account(str(mine)).account.changed


def test_a_row_that_is_gone_is_told_with_what_it_said(mine: Path, qantar: Callable[..., Ran]) -> None:
    qantar("account", "keep", "mine")
    rows = (mine / "totals.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (mine / "totals.csv").write_text("".join(r for r in rows if not r.startswith("T1,")), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_account(str(mine))
    (problem,) = caught.value.problems
    assert (problem.key, problem.code) == ("events", "vanished_record_row")
    assert "value_low 40" in problem.render("en")


def test_a_verdict_that_names_another_row_is_to_be_kept_anew(mine: Path) -> None:
    call_qantar("account", "keep", "mine", cwd=mine.parent)
    put(mine, "claims.csv", "E1;T1", "E1;T2")
    account = load_account(str(mine)).account
    assert not_kept(account.claims, account.kept) == [account.claims.rows[0].claim_id]
    call_qantar("account", "keep", "mine", cwd=mine.parent)
    assert list(load_account(str(mine)).account.kept[account.claims.rows[0].claim_id]) == ["E1", "T2"]


@pytest.mark.parametrize("events", ["", "T3;T4"])
def test_a_confirmed_proposal_rests_on_its_rows_whether_or_not_the_verdict_names_them(tiny: Path, events: str) -> None:
    (tiny.parent / "essay.md").write_text("# A week\n\nIn total 5 people died across the country.\n", encoding="utf-8")
    assert call_qantar("account", "new", "essay.md", "--case", "tiny", "--out", "own", cwd=tiny.parent).code == 0
    own = tiny.parent / "own"
    with (own / "claims.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    row |= {"claim_en": "Five died.", "verdict": "supported", "evidence_en": "So the Gazette says.", "source": "gazette", "events": events}
    (own / "claims.csv").write_text(to_csv([*row], [[*row.values()]]), encoding="utf-8")
    account = load_account(str(own)).account
    (claim,) = account.claims
    assert (";".join(claim.events), not_kept([claim], account.kept), account.changed) == (events, [], ())
    put(tiny, "totals.csv", "XA,deaths_cumulative,5,5", "XA,deaths_cumulative,5,9")
    (change,) = load_account(str(own)).account.changed
    assert (change.claim, change.row, change.was, change.now) == ("C001", "T3", "5", "9")


def test_what_is_kept_survives_a_spreadsheet_and_a_spoilt_file_is_told(mine: Path, qantar: Callable[..., Ran]) -> None:
    qantar("account", "sheet", "mine")
    qantar("account", "keep", "mine")
    (mine / "claims.csv").unlink()  # the workbook alone is left
    assert qantar("check", "mine", "--json").json()["not_kept"] == 0
    put(mine, "kept.toml", '"value_low" = "40"', '"value_low" = 40')
    assert [(p["file"], p["code"]) for p in qantar("check", "mine", "--json").json()["problems"]] == [("kept.toml", "not_a_text")]


def test_a_claim_nobody_made_cannot_be_kept(mine: Path, qantar: Callable[..., Ran]) -> None:
    assert qantar("account", "keep", "mine", "C999").code == 2
    assert not (mine / "kept.toml").exists()
