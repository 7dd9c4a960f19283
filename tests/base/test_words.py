"""What a reader meets at the command line: help in the language asked, a record that can be searched, tables whose words stay whole."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qantar
from conftest import HERE
from kit.documents import document_of
from qantar.account.candidates import candidates
from qantar.account.document import read_document
from qantar.account.ledger import read_claims
from qantar.cli.main import build, main
from qantar.cli.text import column_widths, grid
from qantar.lookup.likely import likely
from qantar.lookup.show import WHOLE, show
from qantar.messages import catalogue, keys_under, text
from qantar.verdicts.claims import judge
from qantar.verdicts.hypotheses import read_trials
from qantar.verdicts.load import Loaded

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process: exit status, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "80")

    def ran(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return ran


# --- the parser of options, in Chinese ---------------------------------------------------------------------------------

ASKED: dict[str, tuple[str, ...]] = {
    "usage": ("list", "-h"),
    "options_here": ("list", "-h"),
    "command_here": ("-h",),
    "arguments": ("show", "-h"),
    "options": ("show", "-h"),
    "commands": ("-h",),
    "required": ("show", "-h"),
    "default": ("show", "-h"),
    "help": ("-h",),
    "install": ("-h",),
    "completion": ("-h",),
    "error": ("nothing",),
    "try": ("nothing",),
    "invalid": ("run", "x", "--draws", "0"),
    "missing_argument": ("show",),
    "missing_option": (),
    "missing_command": ("--debug",),
    "no_command": ("nothing",),
    "no_option": ("list", "--nothing"),
    "possible": ("verdicts", "x", "--kin", "fact"),
    "no_value": ("show", "x", "--find"),
    "extra": ("list", "a", "b"),
    "whole": ("run", "x", "--draws", "y"),
    "number": ("run", "x", "--scale", "y"),
    "least": ("run", "x", "--draws", "0"),
    "most": ("run", "x", "--scale", "9"),
}


def test_what_the_parser_says_is_known_whole() -> None:
    assert set(ASKED) == set(keys_under("parser"))


@pytest.mark.parametrize("key", [k for k, words in ASKED.items() if words])
def test_the_parser_speaks_the_readers_language(run: Run, key: str) -> None:
    # The English is the library's own: where it changes its wording, this test says so.
    parts = [p for p in re.split(r"\{\w+\}", catalogue("en")[f"parser.{key}"]) if p.strip()]
    _, out, err = run(*ASKED[key])
    english = " ".join((out + err).split())
    assert all(" ".join(p.split()) in english for p in parts)
    _, out, err = run("--lang", "zh", *ASKED[key])
    chinese = " ".join((out + err).split())
    assert all(p.strip() in chinese for p in re.split(r"\{\w+\}", catalogue("zh")[f"parser.{key}"]))
    assert not any(" ".join(p.split()) in chinese for p in parts if re.search(r"[A-Za-z]{3}", p))


def test_no_help_in_chinese_keeps_a_heading_in_english() -> None:
    def walk(command: Any) -> list[Any]:
        return [command, *(inner for child in getattr(command, "commands", {}).values() for inner in walk(child))]

    for command in walk(build("zh")):
        with command.make_context("qantar", [], resilient_parsing=True) as context:
            shown = command.get_help(context)
        assert not re.search(r"Usage|Options|Arguments|Commands|Show this|Install|required\]|default:", shown), shown


def test_a_mistake_in_what_was_asked_keeps_its_exit_status(run: Run) -> None:
    assert [run("--lang", lang, "list", "--nothing")[0] for lang in ("en", "zh")] == [2, 2]
    assert run("--version")[0] == 0
    assert run("list")[0] == 0


# --- the record, searched ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "words", "some"),
    [
        ("events", "airport", "E091"),
        ("events", "AIRPORT Almaty", "E091"),
        ("events", "机场", "E091"),
        ("events", "Алматы stand_aside", "E091"),  # the name of the place, in a language that the row is not in
        ("claims", "Mangystau", None),
        ("sources", "prosecutor", "pgo_2022_01_15"),
        ("totals", "detained", None),
    ],
)
def test_a_table_can_be_searched(loaded: Loaded, table: str, words: str, some: str | None) -> None:
    found = show(loaded, table, region=None, day=None, lang="en", find=words)
    hits, whole = found.value[table], loaded.tables()[table]
    assert 0 < len(hits) < len(whole)
    assert some is None or some in {next(iter(row.values())) for row in hits}
    assert found.lines[0] == f'{table}: {len(hits)} of {len(whole)} rows hold{"s" if len(hits) == 1 else ""} "{words}"'
    every = show(loaded, "observables", region=None, day=None, lang="en", find=words).value
    assert every[table] == hits
    assert set(every) == {"events", "claims", "totals", "sources"}


def test_a_search_keeps_to_region_and_day_and_says_what_was_not_found(loaded: Loaded) -> None:
    def found(words: str, **only: str | None) -> Any:
        return show(loaded, "events", **{"region": None, "day": None, **only}, lang="en", find=words)  # type: ignore[arg-type]

    all_of_them = found("airport").value["events"]
    ours = found("airport", region="KZ-ALA", day="2022-01-05").value["events"]
    assert ours == [e for e in all_of_them if e["region_id"] == "KZ-ALA" and e["date"] == "2022-01-05"]
    assert 0 < len(ours) < len(all_of_them)
    assert "does not mean that nothing happened" in found("zeppelin").lines[-1]


@pytest.mark.parametrize(
    ("table", "words"), [("events", "internet"), ("claims", "troops"), ("totals", "deaths"), ("sources", "prosecutor"), ("weights", "H")]
)
def test_many_rows_have_a_line_each_and_few_their_cells(loaded: Loaded, table: str, words: str) -> None:
    found = show(loaded, table, region=None, day=None, lang="en", find=words)
    ((title, lines),) = found.blocks
    assert title == table
    assert len(lines) == len(found.value[table]) > WHOLE
    assert all(said for _, said in lines)
    few = show(loaded, "events", region="KZ-ALA", day="2022-01-05", lang="en", find="akimat")
    assert [key for key, _ in few.blocks] == [row["event_id"] for row in few.value["events"]]
    assert len(few.blocks) <= WHOLE


def test_a_line_of_a_row_says_what_where_when_and_whence(loaded: Loaded) -> None:
    found = show(loaded, "observables", region=None, day=None, lang="en", find="internet")
    said = {title: dict(lines) for title, lines in found.blocks}
    assert said["events"]["E173"].startswith("10 Jan 2022, Almaty: internet restored; ")
    assert said["events"]["E173"].endswith("[rferl_31646931]")
    assert said["claims"]["C048"].startswith("partly right: ") or "[" in said["claims"]["C048"]
    assert found.lines[-1].endswith(f"`qantar show CASE {found.blocks[0][1][0][0]}`.")


def test_a_search_without_a_table_is_refused_with_every_table(run: Run, loaded: Loaded) -> None:
    code, _, err = run("show", "kazakhstan-2022", "C020", "--find", "party")
    assert code == 2
    assert "'C020' is no table" in err
    assert ", ".join(loaded.tables()) in err


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_claim_is_told_under_labels(run: Run, lang: str) -> None:
    code, out, _ = run("--lang", lang, "show", "kazakhstan-2022", "C055")
    assert code == 0
    labels = {"en": ("claim", "kind", "verdict", "basis", "evidence", "flags", "readers"), "zh": ("论断", "结论", "依据", "评阅人")}[lang]
    assert all(re.search(rf"^  {label} ", out, re.MULTILINE) for label in labels)
    assert not re.search(r"^(word|record|state|sentence)\b", out, re.MULTILINE)
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())


def test_a_row_shows_the_text_of_the_one_language_it_has(tiny: Path) -> None:
    from qantar.verdicts.load import load_account

    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(text.replace("It began on 2 March.", ""), encoding="utf-8")
    own = load_account(str(tiny))
    (block, *_) = show(own, "C1", region=None, day=None, lang="en").blocks
    assert dict(block[1])["claim"] == "事件始于3月2日。"
    rows = show(own, "claims", region=None, day=None, lang="en").blocks
    assert dict(rows[0][1])["claim_zh"] == "事件始于3月2日。"
    assert "claim_zh" not in dict(rows[1][1])


# --- tables whose words stay whole -------------------------------------------------------------------------------------

WORD = st.text(alphabet="abcdefgh", min_size=1, max_size=18)
CELL = st.lists(WORD, min_size=1, max_size=12).map(" ".join)


@given(columns=st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=7), wide=st.booleans())
def test_no_word_of_a_table_is_broken(columns: list[list[str]], wide: bool) -> None:
    widths = column_widths(columns, 80, widest=0 if wide else None, least=14)
    longest = [max(len(word) for cell in column for word in cell.split()) for column in columns]
    if widths is None:
        assert sum(longest) > 80
        return
    assert sum(widths) <= 80
    assert all(width >= word for width, word in zip(widths, longest, strict=True))
    assert not wide or sum(widths) == 80


def test_a_table_too_wide_for_its_words_is_told_in_blocks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    heads = [f"a-rather-long-heading-{n}" for n in range(6)]
    rows = [[f"participant-days-{n}-{k}" for n in range(6)] for k in range(2)]
    grid(heads, rows, title="Outcomes")
    out = capsys.readouterr().out
    assert all(word in out for word in [*heads[1:], *rows[0], *rows[1], "Outcomes"])


def test_words_of_verdicts_and_effects_are_whole_at_80_columns(run: Run) -> None:
    _, out, _ = run("verdicts", "kazakhstan-2022")
    shown = out.split("fact 79")[0]
    for word in ("contradicted", "prediction", "judgement", "undecided", "testable"):
        assert re.search(rf"(?<!\S){word}", shown), word
    assert "flags" in shown.splitlines()[2]  # the letters stand under a heading


# --- a ledger, checked -------------------------------------------------------------------------------------------------

TEXT = """# A tale

## Start

It began on 2 March when a crowd of perhaps a thousand people walked up the hill to the palace. A thousand came to the old square.

三月二日有一千多人沿着大路走上山坡来到宫殿前面要求降低面包的价格。
"""


@pytest.mark.parametrize(
    ("claim", "column", "copied"),
    [
        ("a crowd of perhaps a thousand people walked up the hill to", "claim_en", True),  # twelve words
        ("a crowd of perhaps a thousand people walked up the hill", "claim_en", False),  # eleven
        ("A Thousand came, to the OLD square", "claim_en", True),  # a whole sentence
        ("Some thousand went up.", "claim_en", False),
        ("有一千多人沿着大路走上山坡来到宫殿前面要求", "claim_zh", True),
        ("有一千多人走上山坡，来到宫殿前面", "claim_zh", False),
    ],
)
def test_a_paraphrase_that_copies_the_document_is_a_problem(
    tiny: Path, tmp_path: Path, run: Run, claim: str, column: str, copied: bool
) -> None:
    document = tmp_path / "tale.md"
    document.write_text(TEXT, encoding="utf-8")
    old = "It began on 2 March." if column == "claim_en" else "事件始于3月2日。"
    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(text.replace(old, f'"{claim}"'), encoding="utf-8")
    code, _, err = run("check", str(tiny), "--document", str(document))
    assert code == (2 if copied else 0)
    assert (f"claims.csv, line 2, {column}: copied from the document" in err) == copied
    assert run("check", str(tiny))[0] == 0  # nothing can be said without the document


def test_check_says_how_many_claims_are_open(tiny: Path, run: Run) -> None:
    assert "Claims: 4 with a verdict, 0 open." in run("check", str(tiny))[1]
    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(
        text.replace("C1,1,1,1,fact", "C9,1,1,1,fact,A crowd came.,,open,,,,,,one\nC1,1,1,1,fact"), encoding="utf-8"
    )
    code, out, _ = run("check", str(tiny))
    assert code == 0
    assert "Claims: 4 with a verdict, 1 open." in out
    assert "clean" not in out


def test_a_document_without_a_ledger_is_refused(run: Run, tmp_path: Path, tiny: Path) -> None:
    (tiny / "account.toml").unlink()
    document = tmp_path / "tale.md"
    document.write_text(TEXT, encoding="utf-8")
    code, _, err = run("check", str(tiny), "--document", str(document))
    assert code == 2
    assert "there is no ledger" in err


# --- candidates --------------------------------------------------------------------------------------------------------


def labelled(sample: str, lang: str) -> list[tuple[bool, str]]:
    """Sentences of our own wording, each called a claim or not by one judge; those called `held` were written after the acts were listed."""
    with Path(__file__).with_name("outline.csv").open(encoding="utf-8", newline="") as file:
        return [(r["claim"] == "1", r["text"]) for r in csv.DictReader(file) if (r["sample"], r["language"]) == (sample, lang)]


def found_in(text: str, lang: str, loaded: Loaded) -> bool:
    document = document_of([text], lang)
    return bool(candidates(document, loaded.case.place_names(), loaded.case.head.country))


@pytest.mark.parametrize(("sample", "recall"), [("tuned", 0.95), ("held", 0.65)])
@pytest.mark.parametrize("lang", ["en", "zh", "ru"])
def test_candidates_are_claims_and_most_acts_are_found(loaded: Loaded, sample: str, lang: str, recall: float) -> None:
    rows = labelled(sample, lang)
    assert len(rows) >= 30
    counts = Counter((claim, found_in(text, lang, loaded)) for claim, text in rows)
    assert counts[True, True] >= recall * sum(claim for claim, _ in rows)
    assert counts[True, True] >= 0.95 * (counts[True, True] + counts[False, True])


@pytest.mark.parametrize(
    ("line", "lang"),
    [
        ("Wednesday: Escalation", "en"),
        ("3 January", "en"),
        ("Almaty, 5 January", "en"),
        ("3 января", "ru"),
        ("第三章 镇压与抵抗", "zh"),
    ],
)
def test_a_bare_heading_is_no_claim(loaded: Loaded, line: str, lang: str) -> None:
    assert not found_in(line, lang, loaded)
    assert found_in(line + {"en": " was quiet.", "ru": " было тихо.", "zh": "过后，街上安静了两天。"}[lang], lang, loaded)


def test_every_sign_has_its_words() -> None:
    table = tomllib.loads((Path(qantar.__file__).parent / "account" / "signs.toml").read_text(encoding="utf-8"))
    assert set(table["sign"]) - {"length"} == set(keys_under("cue"))


# --- what a candidate may be about -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "event", "other"),
    [
        ("On 5 January the city hall of Almaty was stormed.", "E068", "E027"),
        ("1月5日，阿拉木图市政府大楼遭到冲击。", "E068", "E027"),
        ("5 января в Алматы захватили здание акимата.", "E068", "E027"),
        ("Crowds met in Aktobe on 4-5 January 2022.", "E027", "E068"),
    ],
)
def test_events_of_the_same_day_and_place_stand_below_a_sentence(loaded: Loaded, tmp_path: Path, text: str, event: str, other: str) -> None:
    (tmp_path / "one.md").write_text(text, encoding="utf-8")
    document = read_document(tmp_path / "one.md")
    found = candidates(document, loaded.case.place_names(), loaded.case.head.country)
    (near,) = likely([c.sentence.text for c in found], document.language, loaded.case, loaded.account.claims)
    assert event in near.events
    assert other not in near.events
    for key in near.events:
        row = next(e for e in loaded.case.record.events if e.event_id == key)
        assert row.date.month == 1
        assert 4 <= row.date.day <= 5 or row.date_end


@pytest.mark.parametrize(
    "text", ["On 5 January it was cold.", "Almaty is large.", "On 5 May Almaty was calm.", "On 5 January 1986 Almaty shook."]
)
def test_a_sentence_without_day_or_place_of_the_record_is_near_nothing(loaded: Loaded, tmp_path: Path, text: str) -> None:
    (tmp_path / "one.md").write_text(text, encoding="utf-8")
    document = read_document(tmp_path / "one.md")
    found = candidates(document, loaded.case.place_names(), loaded.case.head.country)
    assert [x for x in likely([c.sentence.text for c in found], "en", loaded.case, loaded.account.claims) if x.events or x.claims] == []


def test_judged_claims_of_the_same_day_and_place_stand_there_too(loaded: Loaded, run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("In the night of 4-5 January the city hall of Almaty was taken.", encoding="utf-8")
    code, out, _ = run("account", "outline", str(tmp_path / "one.md"))
    assert code == 0
    assert "C027" in out  # the packaged ledger judges a claim about it
    own = read_claims(loaded.case.folder)
    assert own is not None
    assert len(own.claims) == len(loaded.account.claims)


# --- small commands are quick ------------------------------------------------------------------------------------------

LIGHT = [
    ["list"], ["list", "kazakhstan-2022"], ["explain", "onset"], ["explain"], ["show", "kazakhstan-2022", "E055"],
    ["show", "kazakhstan-2022", "events", "--find", "airport"], ["check", "tests/tiny/events.csv"], ["account", "outline", "docs/explanation/record.md"],
]  # fmt: skip
HEAVY = ("numba", "scipy", "matplotlib", "duckdb", "pyarrow", "jinja2")
SEEN = """
import contextlib, io, json, sys
from qantar.cli.main import main
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main(words)
    print(json.dumps([words, sorted(set(json.loads(sys.argv[2])) & set(sys.modules))]))
"""


def test_small_commands_load_no_heavy_library() -> None:
    import json

    words = [*LIGHT, ["verdicts", "kazakhstan-2022"]]
    asked = [sys.executable, "-c", SEEN, json.dumps(words), json.dumps(HEAVY)]
    done = subprocess.run(asked, cwd=HERE.parent, capture_output=True, check=True, text=True)
    loaded = [json.loads(line) for line in done.stdout.splitlines()]
    assert [w for w, _ in loaded] == words
    assert [(w, m) for w, m in loaded[:-1] if m] == []
    assert set(loaded[-1][1]) <= {"numba", "scipy"}  # verdicts read the results of experiments, and numba looks for scipy


def test_the_verdict_of_an_experiment_is_quoted_in_the_readers_language(loaded: Loaded) -> None:
    shown = [
        (judged, dict(show(loaded, judged.claim.claim_id, region=None, day=None, lang="zh").blocks[0][1]))
        for judged in judge(loaded.account, read_trials(loaded.case.folder))
        if judged.trial is not None
    ]
    assert shown
    assert all(text(f"experiment.{judged.trial.verdict}", "zh") in block["实验"] for judged, block in shown if judged.trial is not None)
    assert not [block["实验"] for _, block in shown if re.search("in this model|independent|not testable", block["实验"])]
