"""A folder with many faults in many files: `qantar check` tells them all at once, and none of them twice in other words."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import call_qantar
from qantar.cases import case
from qantar.errors import Problems
from qantar.lookup.check import check, look
from qantar.verdicts import load

STEP = """
[[steps]]
id = "{id}"
kind = "{kind}"
places = ["XA"]
at = "2030-03-01T12:00"
size = 0
{rest}
"""
FAULTS = [
    # file, what stands there, what is put in its place, rule, key
    ("case.toml", 'licence = "CC0"', 'licence = "CC0"\nlicense = "CC0"', "unknown_key", "attributions.0.license"),
    ("account.toml", 'language = "en"', 'language = "eng"', "not_one_of", "document.language"),
    ("regions.csv", "region_id,", "region_idd,", "unknown_column", "region_idd"),
    ("events.csv", "E1,2030-03-02,", "E1,2030-03-32,", "not_a_date", "date"),
    ("events.csv", "gazette,\n", "gazete,\n", "unknown_source", "source"),
    ("totals.csv", "XA,participants,", "XA,participant,", "unknown_variable", "quantity"),
    ("sources.csv", "gazette,The Gazette of 2 March,Tinyland Gazette,2030-03-02,", "gazette,The Gazette,,2030-03-02,", "empty_cell", "publisher"),
    ("claims.csv", "C2,1,1,2,fact", "C2,1,1,2,facts", "not_one_of", "kind"),
    ("claims.csv", "So the Gazette.,", "So.,", "evidence_short", "evidence_en"),
    ("hypotheses.csv", "none,无,C3,gazette", "none,无,C9,gazette", "unknown_claim", "claims"),
    ("scenario.toml", "hours = 48", "hours = 48\nhour = 48", "unknown_key", "time.hour"),
    ("scenario.toml", "mechanisms = []", 'mechanisms = ["informations"]', "not_one_of", "mechanisms.0"),
    ("scenario.toml", "", STEP.format(id="cut", kind="internet", rest='events = ["E77"]'), "unknown_event", "steps.0.events"),
    ("scenario.toml", "", '\n[arms.x]\nnote_en = "x"\nnote_zh = "x"\nedits = [{ path = "steps.cutt", op = "off" }]\n', "unknown_step", "arms.x.edits.0.steps.cutt"),
]  # fmt: skip


def spoil(folder: Path, faults: list[tuple[str, str, str, str, str]]) -> None:
    for file, old, new, *_ in faults:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, (file, old)
        (folder / file).write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


def told(folder: Path) -> list[tuple[str, str, str]]:
    problems = Problems()
    check(str(folder), problems)
    return [(Path(p.file).name, p.code, p.key) for p in problems.found]


WAIT = {"account.toml": {"unknown_claim"}, "scenario.toml": {"unknown_event", "unknown_step"}}
"""What can only be told once a file can be used at all, where a value of it that is needed is wrong."""
HALTS = ("language", "mechanisms = []")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f[0]}-{f[3]}")
def test_a_fault_alone_is_told_once(tiny: Path, fault: tuple[str, str, str, str, str]) -> None:
    spoil(tiny, [fault])
    also = [("regions.csv", "missing_column", "region_id")] if fault[0] == "regions.csv" else []
    assert told(tiny) == [(fault[0], fault[3], fault[4]), *also]


def test_faults_in_many_files_are_told_at_once(tiny: Path) -> None:
    """All but those of one file that hang on a value of it: no arm is tried in a scenario that has another fault."""
    faults = [f for f in FAULTS if not f[1].startswith(HALTS) and f[3] != "unknown_step"]
    assert len({f[0] for f in faults}) == 8
    spoil(tiny, faults)
    found = told(tiny)
    assert sorted(found) == sorted([*((f[0], f[3], f[4]) for f in faults), ("regions.csv", "missing_column", "region_id")])


def test_where_a_head_cannot_be_used_its_tables_are_checked_all_the_same(tiny: Path) -> None:
    spoil(tiny, FAULTS)
    wait = {rule for rules in WAIT.values() for rule in rules}
    assert {(f[0], f[3], f[4]) for f in FAULTS if f[3] not in wait} <= {*told(tiny)}
    (tiny / "case.toml").write_text("id = 3\n", encoding="utf-8")
    assert {"case.toml", "account.toml", "events.csv", "claims.csv", "scenario.toml"} <= {file for file, *_ in told(tiny)}


def test_an_unknown_key_hides_no_other_problem_of_its_file(tiny: Path) -> None:
    spoil(tiny, [f for f in FAULTS if f[0] == "scenario.toml" and f[3] in ("unknown_key", "unknown_event")])
    assert sorted(code for _, code, _ in told(tiny)) == ["unknown_event", "unknown_key"]


@pytest.mark.parametrize("broken", ["account.toml", "case.toml", "scenario.toml", "events.csv"])
def test_what_hangs_on_no_mistake_is_told_with_it_and_the_rest_is_named(tiny: Path, broken: str) -> None:
    """One round tells what is wrong in each file by itself, and in files that are tied to whole ones."""
    faults = {
        "account.toml": ("account.toml", 'language = "en"', 'language = "eng"', "not_one_of", "document.language"),
        "case.toml": ("case.toml", "id = ", "idd = ", "unknown_key", "idd"),
        "scenario.toml": ("scenario.toml", "mechanisms = []", 'mechanisms = ["informations"]', "not_one_of", "mechanisms.0"),
        "events.csv": ("events.csv", "E1,2030-03-02,", "E1,2030-03-32,", "not_a_date", "date"),
    }
    others = {
        "scenario.toml": (
            "scenario.toml",
            "",
            STEP.format(id="cut", kind="internet", rest='events = ["E77"]'),
            "unknown_event",
            "steps.0.events",
        ),
        "claims.csv": ("claims.csv", "So the Gazette.,", "So.,", "evidence_short", "evidence_en"),
    }
    spoil(tiny, [faults[broken], *others.values()])
    (tiny / "experiments").mkdir(exist_ok=True)
    (tiny / "experiments" / "H9.toml").write_text('hypothesis = "H9"\ntype = "nonee"\n')
    problems = Problems()
    looked = look(str(tiny), problems)
    found = {(Path(p.file).name, p.code) for p in problems.found}
    assert (broken, faults[broken][3]) in found
    assert ("claims.csv", "evidence_short") in found
    assert ("H9.toml", "not_one_of") in found
    tied = broken in ("account.toml", "events.csv")  # the scenario is checked beside a case that can be used
    assert (("scenario.toml", "unknown_event") in found) == tied
    waits = {"account.toml": ("account", "arms"), "case.toml": ("case",), "scenario.toml": ("scenario",), "events.csv": ("arms",)}
    assert looked.waits == waits[broken]
    shown = call_qantar("check", str(tiny), cwd=tiny.parent)
    assert shown.err.count("Not looked at until") == len(waits[broken])
    assert shown.code == 2


def test_a_folder_is_read_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(folder: Path, problems: Problems) -> case.Case | None:
        read.append(folder.name)
        return case.read_case(folder, problems)

    monkeypatch.setattr(load, "read_case", counted)
    done = call_qantar("check", str(tiny), "--json", cwd=tiny.parent)
    assert done.code == 0
    assert read == [tiny.name]
    assert done.json()["waits"] == []
