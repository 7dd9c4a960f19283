"""The command line as a user meets it: help that teaches, JSON, status 2 and one clear sentence, no traceback."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook

from conftest import CASE, HERE, STUDY, Ran, run_qantar
from kit.documents import CHINESE, ENGLISH, RUSSIAN
from qantar.cases.case import cases_folder
from qantar.cli.main import build
from qantar.cli.text import ALIKE, SHOWN, problem_text
from qantar.errors import DataError, Problem
from qantar.files.result import sealed
from qantar.files.write import write_result
from qantar.verdicts.load import load_account

COMMANDS = [*((name,) for name in build("en").commands), ("account", "outline"), ("account", "new")]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_help_teaches_in_both_languages(qantar: Callable[..., Ran], words: tuple[str, ...], lang: str) -> None:
    ran = qantar("--lang", lang, *words, "--help")
    assert ran.code == 0
    assert "cli." not in ran.out  # no key shows through
    if words and words != ("account",):
        assert f"qantar {' '.join(words)}" in ran.out
        assert ("Example" in ran.out) if lang == "en" else ("示例" in ran.out or "例" in ran.out)


def test_help_is_quick() -> None:
    best = min(_seconds("--help") for _ in range(3))
    assert best <= 0.5


def _seconds(*words: str) -> float:
    start = time.perf_counter()
    assert run_qantar(*words).code == 0
    return time.perf_counter() - start


def test_verdicts_as_json_lists_153_claims(qantar: Callable[..., Ran]) -> None:
    rows = qantar("verdicts", CASE, "--json").json()
    assert len(rows) == 153
    for row in rows:
        assert {"id", "kind", "verdict", "basis", "effect", "low", "high", "tipping", "sources", "repeat"} <= set(row)
        assert row["sources"]
        assert row["repeat"].startswith("qantar ")
        assert ("in this model" in row["verdict"]) == (row["basis"] in ("experiment", "assumed", "fitted", "prior"))
    assert len({r["id"] for r in rows}) == 153


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--kind", "fact"], 89),
        (["--verdict", "contradicted"], 26),
        (["--kind", "fact", "--verdict", "contradicted"], 23),
        (["--section", "9"], 7),
        (["--flag", "readers-differed"], 25),
    ],
)
def test_verdicts_can_be_filtered(qantar: Callable[..., Ran], options: list[str], expected: int) -> None:
    assert len(qantar("verdicts", CASE, "--json", *options).json()) == expected


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_table_shows_every_claim_and_what_it_rests_on(qantar: Callable[..., Ran], lang: str) -> None:
    ran = qantar("--lang", lang, "verdicts", CASE)
    assert all(f"C{n:03d}" in ran.out for n in range(1, 154))
    assert "48" in ran.out
    said = "".join(ran.out.split())  # lines are wrapped
    assert ("theprogramcheckstheirform,nottheirtruth" in said) == (lang == "en")
    assert ("程序只检查形式，不验证真伪" in said) == (lang == "zh")


@pytest.mark.parametrize("options", [[], ["--kind", "fact"], ["--kind", "cause"], ["--verdict", "not-judged"]])
def test_the_table_says_of_what_it_shows_who_judged_it(qantar: Callable[..., Ran], options: list[str]) -> None:
    said = " ".join(qantar("verdicts", CASE, *options).out.split())
    assert "model has been run" not in said
    assert ("written by the readers of this ledger" in said) == ("--verdict" not in options)
    assert ("bear the verdict of an experiment" in said) == (options != ["--kind", "fact"])


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (("verdicts", "kazakstan-2022"), ("kazakstan-2022", "kazakhstan-2022")),
        (("study", "no-such-case"), ("there is no case or account 'no-such-case'", "kazakhstan-2022")),
        (("verdicts", CASE, "--kind", "facts"), ("facts", "fact, cause")),
        (("verdicts", CASE, "--verdict", "true"), ("true", "supported")),
        (("verdicts", CASE, "--flag", "x"), ("x", "memory")),
        (("verdicts", CASE, "--section", "nine"), ("--section", "valid integer")),
        (("explain", "grievence"), ("grievence", "Nearest")),
        (("show", CASE, "C999"), ("C999", "C099")),
        (("show", CASE, "events", "--region", "KZ-MAM"), ("KZ-MAM", "KZ-MAN")),
        (("account", "outline", "nowhere.md"), ("nowhere.md", "there is no such file")),
        (("check", "nowhere.csv"), ("nowhere.csv", "Nearest")),
        (("--lang", "fr", "list"), ("fr", "en, zh")),
        (("show", CASE, "events", "--day", "2022-02-30"), ("2022-02-30", "not a date")),
        (("verdicts", CASE, "--section", "44"), ("44", "0, 1, 2")),
        (("account", "outline", "."), ("it is a folder",)),
        (("studdy", CASE), ("studdy",)),
        (("study",), ("ACCOUNT",)),
    ],
    ids=lambda w: " ".join(w) if isinstance(w, tuple) else "",
)
def test_a_mistake_gives_status_2_and_no_traceback(qantar: Callable[..., Ran], words: tuple[str, ...], fragments: tuple[str, ...]) -> None:
    ran = qantar(*words)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert ran.out == ""
    for fragment in fragments:
        assert fragment in ran.err


def test_qantar_alone_shows_its_help(qantar: Callable[..., Ran]) -> None:
    ran = qantar()
    assert "Traceback" not in ran.err
    assert "study" in ran.out + ran.err
    assert qantar("-h").code == 0


def test_an_edited_copy_of_the_packaged_case_is_what_is_studied(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(cases_folder() / CASE, tmp_path / "copy"))
    lines = (copy / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "events.csv").write_text("".join(line for line in lines if "E170" not in line), encoding="utf-8")
    assert {r["table"]: r["rows"] for r in qantar("list", "copy", "--json").json()}["events"] == 203
    (copy / "regions.geojson").unlink()
    ran = qantar("study", "copy")
    assert ran.code == 2
    assert "regions.geojson" in ran.err


def test_one_unreadable_file_gives_one_problem(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    # A spreadsheet saved with semicolons must not be told as a hundred claims that are missing.
    copy = Path(shutil.copytree(cases_folder() / CASE, tmp_path / "copy"))
    text = (copy / "claims.csv").read_text(encoding="utf-8")
    (copy / "claims.csv").write_text(text.replace(",", ";"), encoding="utf-8")
    problems = qantar("check", "copy", "--json").json()["problems"]
    assert [p["code"] for p in problems] == ["wrong_delimiter"]
    (copy / "claims.csv").write_bytes(text.encode("gb18030"))
    assert [p["code"] for p in qantar("check", "copy", "--json").json()["problems"]] == ["not_utf8"]
    (copy / "claims.csv").unlink()
    assert [p["code"] for p in qantar("check", "copy", "--json").json()["problems"]] == ["file_missing"]


def test_a_document_that_is_not_there_stops_a_study_before_it_writes(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    ran = qantar("study", CASE, "--document", "nope.md", "--out", "r")
    assert ran.code == 2
    assert not (tmp_path / "r").exists()


def test_claims_where_the_document_has_no_text_are_named(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "short.md").write_text("# T\n\nIn 2022 it began.\n", encoding="utf-8")
    ran = qantar("verdicts", CASE, "--document", "short.md")
    assert "152 claims stand where this document has no text: C002" in ran.err


def test_debug_shows_the_whole_traceback(tmp_path: Path) -> None:
    ran = run_qantar("--debug", "verdicts", "nowhere", cwd=tmp_path)
    assert ran.code != 0
    assert "Traceback" in ran.err


def test_an_error_has_one_json_shape(qantar: Callable[..., Ran]) -> None:
    ran = qantar("verdicts", "nowhere", "--json")
    assert (ran.code, ran.out) == (2, "")
    (problem,) = json.loads(ran.err)["error"]["problems"]
    assert set(problem) == {"file", "line", "key", "code", "what", "rule", "mend"}


def test_errors_speak_the_readers_language(qantar: Callable[..., Ran]) -> None:
    assert "没有" in qantar("verdicts", "nowhere", env={"LANG": "zh_CN.UTF-8"}).err
    assert "没有" in qantar("--lang", "zh", "verdicts", "nowhere").err
    assert "there is no" in qantar("--lang", "en", "verdicts", "nowhere", env={"LANG": "zh_CN.UTF-8"}).err


def test_study_writes_a_whole_folder_and_says_where(study_folder: Path) -> None:
    assert sorted(p.name for p in study_folder.iterdir()) == ["report.html", "result.json", "verdicts.csv"]
    result = json.loads((study_folder / "result.json").read_text(encoding="utf-8"))
    assert result["claims"] == 153
    assert result["model"]["runs"] == 60
    assert [h["same"] for h in result["simulated_again"]["histories"]] == [True, True]
    assert [e["same"] for e in result["simulated_again"]["effects"]] == [True]
    assert result["model"]["stamp"] == "fitted to this record; holds in this model"
    assert result["calibrated"] is True
    assert result["agreement"]["same"] == 91
    assert "root" not in json.dumps(result)
    assert str(study_folder) not in json.dumps(result)


def test_a_study_repeated_gives_the_same_bytes(study_folder: Path, tmp_path: Path) -> None:
    ran = run_qantar(*STUDY, cwd=tmp_path, env={"PYTHONHASHSEED": "7", "LANG": "zh_CN.UTF-8", "TZ": "Asia/Almaty"})
    assert ran.code == 0
    again = tmp_path / "results" / CASE
    for path in study_folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    assert str(Path("results") / CASE / "report.html") in ran.out


def test_an_older_result_is_replaced_and_nothing_else(tiny: Path, qantar: Callable[..., Ran], tmp_path: Path) -> None:
    study = ("study", str(tiny), "--draws", "0")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    ran = qantar(*study, "--out", "mine")
    assert ran.code == 2
    assert "thesis.txt" in ran.err
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    old = tmp_path / "old"
    assert qantar(*study, "--out", "old").code == 0
    (tiny / "claims.csv").write_text(
        (tiny / "claims.csv").read_text(encoding="utf-8").replace("2 March.", "2 March 2030."), encoding="utf-8"
    )
    whole = (old / "report.html").read_text(encoding="utf-8")
    assert qantar(*study, "--out", "old").code == 0
    assert (old / "report.html").read_text(encoding="utf-8") != whole
    whole = (old / "report.html").read_text(encoding="utf-8")
    (old / "report.html").write_text("annotated by hand")
    assert qantar(*study, "--out", "old").code == 2
    assert (old / "report.html").read_text() == "annotated by hand"
    (old / "report.html").write_text(whole, encoding="utf-8")
    assert sorted(p.name for p in old.iterdir()) == ["report.html", "result.json", "verdicts.csv"]
    (old / "notes.txt").write_text("mine")  # beside a result: still nobody's to delete
    assert qantar(*study, "--out", "old").code == 2
    assert (old / "notes.txt").read_text() == "mine"
    (old / "result.json").unlink()  # files that only look like ours
    (old / "notes.txt").unlink()
    assert qantar(*study, "--out", "old").code == 2
    assert sorted(p.name for p in old.iterdir()) == ["report.html", "verdicts.csv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "old", "tiny"]


def test_a_reader_that_stops_early_is_no_fault() -> None:
    command = f"{sys.executable} -m qantar verdicts {CASE} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr


def test_a_text_about_elsewhere_and_a_silent_record_are_said(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "chile.md").write_text(
        "# Chile\n\nOn 18 October 2019 riders jumped the gates of the metro in Santiago.\n", encoding="utf-8"
    )
    there = "Crowds filled the square of Almaty on 5 January 2022, and 40 people were seen in Aktau.\n"
    (tmp_path / "here.md").write_text(f"# Here\n\n{there}", encoding="utf-8")
    elsewhere, here = (qantar("account", "new", name).out for name in ("chile.md", "here.md"))
    assert ("--case FOLDER" in elsewhere, "--case FOLDER" in here) == (True, False)
    assert "proposes no verdict" in elsewhere


def _without_the_texts(path: Path) -> tuple[str, str]:
    """Every part of a workbook without the column `(text)`, and that column."""
    book = load_workbook(path)
    texts = [c for sheet in book for column in sheet.iter_cols() if column[0].value == "(text)" for c in column[1:]]
    told = "\n".join(str(c.value) for c in texts)
    for cell in texts:
        cell.value = None
    rest = io.BytesIO()
    book.save(rest)
    with zipfile.ZipFile(rest) as parts:
        return "".join(parts.read(name).decode("utf-8", "replace") for name in parts.namelist()), told


@pytest.mark.parametrize("text", [CHINESE, ENGLISH, RUSSIAN], ids=["zh", "en", "ru"])
def test_a_new_ledger_is_valid_and_open(qantar: Callable[..., Ran], tmp_path: Path, text: str) -> None:
    (tmp_path / "My essay.md").write_text(text, encoding="utf-8")
    ran = qantar("account", "new", "My essay.md")
    assert ran.code == 0
    folder = tmp_path / "my-essay-ledger"
    account = load_account(str(folder)).account
    assert {c.verdict for c in account.claims} == {"open"}
    counts = qantar("check", str(folder), "--json").json()
    assert (counts["blank"], counts["open"]) == (len(account.claims), 0)  # rows to be written, and no claim until they are
    assert qantar("verdicts", str(folder), "--json").json() == []
    assert account.head.document.language == {CHINESE: "zh", ENGLISH: "en", RUSSIAN: "ru"}[text]
    assert account.head.title_en == {CHINESE: "一次事件", ENGLISH: "A tale", RUSSIAN: "My essay"}[text]
    heading = {CHINESE: "经过和原因", ENGLISH: "How it began", RUSSIAN: "Конец"}[text]
    assert heading in [section.name_en for section in account.head.sections]
    assert len(list(folder.glob("*.xlsx"))) == 2
    written = "".join(p.read_text(encoding="utf-8") for p in folder.iterdir() if p.suffix != ".xlsx")
    word = {CHINESE: "生气", ENGLISH: "anger", RUSSIAN: "вышли"}[text]
    held = {p.name: _without_the_texts(p) for p in folder.glob("*.xlsx")}
    assert word not in written  # not a word of the document
    assert not any(word in kept for kept, _ in held.values())
    assert [word in texts for _, texts in held.values()].count(True) == 1  # but in the column for the eye, which nothing reads
    assert not any(word in str(row.model_dump()) for row in account.claims)
    again = qantar("account", "new", "My essay.md")
    assert again.code == 2
    assert "exists already" in again.err
    # once there is a ledger, the outline has nothing left, and says that the document is the right one
    outline = qantar("account", "outline", "My essay.md", "--ledger", str(folder), "--json").json()
    assert outline["document_is"] == "same"
    assert all(c["covered_by"] for c in outline["candidates"])
    assert qantar("study", str(folder), "--draws", "0").code == 0


def test_outline_of_a_document_without_a_ledger(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "essay.txt").write_text(CHINESE, encoding="utf-8")
    ran = qantar("account", "outline", "essay.txt")
    assert ran.code == 0
    assert "qantar account new" in ran.out
    assert "五千人" in ran.out
    data = qantar("account", "outline", "essay.txt", "--json").json()
    assert data["ledger"] is None
    assert [s["number"] for s in data["sections"]] == [0, 1, 2, 3]
    assert all(not c["covered_by"] for c in data["candidates"])


@pytest.mark.parametrize("words", [("verdicts", CASE), ("study", CASE, "--draws", "0"), ("account", "outline")])
def test_a_different_document_at_hand_is_noticed(qantar: Callable[..., Ran], tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "other.md").write_text(ENGLISH, encoding="utf-8")
    options = ("other.md", "--ledger", CASE) if words[0] == "account" else ("--document", "other.md")
    ran = qantar(*words, *options)
    assert ran.code == 0
    assert "not the document" in ran.err
    assert "38846f627165" in ran.err


def test_the_guess_at_an_encoding_is_told(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_bytes(CHINESE.encode("gb18030"))
    (tmp_path / "e.txt").write_bytes(CHINESE.encode("utf-16"))  # its mark says it
    assert "GB18030" in qantar("account", "outline", "d.txt").out
    assert qantar("account", "outline", "d.txt", "--json").json()["guessed_encoding"] == "GB18030"
    assert qantar("account", "outline", "e.txt", "--json").json()["guessed_encoding"] is None


def test_list_and_show(qantar: Callable[..., Ran]) -> None:
    assert next(case for case in qantar("list", "--json").json() if case["id"] == CASE) | {"title": ""} == {
        "id": CASE,
        "title": "",
        "first": "2022-01-01",
        "last": "2022-01-19",
        "events": 204,
        "regions": 17,
        "claims": 153,
        "sources": 241,
    }
    assert {r["table"]: r["rows"] for r in qantar("list", CASE, "--json").json()}["events"] == 204
    seen = qantar("show", CASE, "--json").json()
    assert len(seen["onset"]) == 17
    assert seen["deaths_total"]["interval"] == {"low": 188, "value": 238, "high": 241}
    assert qantar("show", CASE, "onset", "--region", "KZ-AKM", "--json").json()["onset"][0]["latest"] is None
    events = qantar("show", CASE, "events", "--region", "KZ-ALA", "--day", "2022-01-05", "--json").json()
    assert {e["region_id"] for e in events} == {"KZ-ALA"}
    assert all(e["date"] <= "2022-01-05" <= (e["date_end"] or e["date"]) for e in events)
    assert "E060" in {e["event_id"] for e in events}  # the night of 4-5 January belongs to both days


@pytest.mark.parametrize("name", ["C020", "E061", "H04", "KZ-MAN", "T30", "F14", "D01", "pgo_2022_01_15", "G607610"])
def test_show_one_row_by_its_id(qantar: Callable[..., Ran], name: str) -> None:
    for lang in ("en", "zh"):
        ran = qantar("--lang", lang, "show", CASE, name)
        assert ran.code == 0
        assert name in ran.out


def test_show_tells_a_stored_result_as_its_command_did(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    out = tmp_path / "policy"
    ran, data = (qantar("--lang", "zh", "policy", CASE, "--draws", "2", "--out", str(out), *more) for more in ([], ["--json"]))
    *told, _ = ran.out.splitlines()  # the last line says where it was written
    assert qantar("--lang", "zh", "show", str(out)).out.splitlines() == told
    assert qantar("show", str(out), "--json").json() == data.json()
    (out / "signals.csv").write_text("signal\nthreat\n", encoding="utf-8")
    changed = qantar("show", str(out))
    assert changed.code == 2
    assert "signals.csv" in changed.err
    write_result(tmp_path / "study", sealed({"a.csv": "x\n1\n"}, {"kind": "study"}))
    assert "a result of `qantar study` cannot be told here" in qantar("show", str(tmp_path / "study")).err


def test_explain_knows_what_it_lists(qantar: Callable[..., Ran]) -> None:
    from qantar.lookup.explain import explain

    known = qantar("explain", "--json").json()
    assert set(known) >= {"terms", "verdict", "flag", "tables", "quantities", "errors"}
    for names in known.values():
        for name in names:
            for lang in ("en", "zh"):
                assert explain(name, lang)
    (column,) = qantar("explain", "events.participants_low", "--json").json()
    assert "people" in column["allowed"]
    assert len(qantar("explain", "source", "--json").json()) > 5  # a column of many tables
    assert "percent" in qantar("explain", "cpi_yoy").out


def test_an_own_case_goes_the_whole_way(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    shutil.copytree(HERE / "tiny", tmp_path / "mine")
    assert qantar("check", "mine").code == 0
    ran = qantar("study", "mine")
    assert ran.code == 0
    page = (tmp_path / "results" / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Twoia" in page
    assert "Kazakhstan" not in page
    assert "哈萨克斯坦" not in page


def test_experiments_say_what_cannot_be_tested_and_name_their_stages(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    small = ("--table", "30", "--scale", "0.002", "--draws", "2", "--rivals", "0", "--store", str(tmp_path / "store"))
    ran = qantar("experiments", CASE, "--only", "H07", *small, "--out", str(tmp_path / "out"), "--json")
    (trial,) = ran.json()["trials"]
    assert (trial["hypothesis"], trial["words"]) == ("H07", "not-testable")
    again = qantar("--lang", "zh", "experiments", CASE, "--only", "H03", *small, "--out", str(tmp_path / "out"))
    assert "在此无法检验" in again.out
    assert qantar("experiments", CASE, "--only", "H5", *small).code == 2


def test_the_column_of_the_claim_keeps_room_beside_long_verdicts(qantar: Callable[..., Ran]) -> None:
    ran = qantar("verdicts", CASE, env={"COLUMNS": "80"})
    assert ran.code == 0, ran.err
    assert "Quoted: united action" in ran.out  # 21 letters on one line, though its verdict says that priors could not be judged
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize("command", ["run", "calibrate", "counterfactual", "rivals", "sensitivity"])
def test_every_command_with_arms_reads_them_from_files(qantar: Callable[..., Ran], tmp_path: Path, command: str) -> None:
    (tmp_path / "own.toml").write_text('note_en = "x"\nnote_zh = "某"\nedits = [{ path = "forces.gard", value = 1 }]\n', encoding="utf-8")
    ran = qantar(command, CASE, "--arm", "own.toml")
    assert ran.code == 2
    assert "own.toml, line 3, edits.0.forces.gard" in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["own.toml"]


def test_a_fault_that_stands_in_a_hundred_lines_is_explained_a_few_times() -> None:
    alike = [Problem("a.csv", line, "p", "not_a_date", {"value": "x"}) for line in range(2, 2 + ALIKE)]
    once = problem_text(DataError([*alike, Problem("a.csv", 99, "p", "not_a_date", {"value": "x"})]), "en", as_json=False)
    assert once.count(alike[0].part("mend")) == SHOWN
    assert f"in {ALIKE + 1 - SHOWN} more lines: {SHOWN + 2}, " in once
    assert once.endswith(f"{ALIKE + 1} problems.\n")
    all_of_them = problem_text(DataError(alike), "en", as_json=False)
    assert all_of_them.count(alike[0].part("mend")) == ALIKE
    assert len(json.loads(problem_text(DataError([*alike, *alike]), "en", as_json=True))["error"]["problems"]) == 2 * ALIKE
