"""Evidence that ships with a case: written whole with its stamps, read with care, shown only where it belongs, said in plain words."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qantar.cases.case import cases_folder
from qantar.cli import main as cli
from qantar.cli import text as terminal
from qantar.ensemble.store import model_hash
from qantar.errors import ResultError
from qantar.files.result import command_line
from qantar.forecast import held_out as heldout
from qantar.inference.posterior import FIT
from qantar.report import evidence as sections
from qantar.report.page import render
from qantar.report.sections import section_of
from qantar.scenario.scenario import load_scenario, resolve
from qantar.studies import rivals, study
from qantar.studies import scale as scaling
from qantar.studies import warning as outlook
from qantar.studies.evidence import of_this, read_evidence
from qantar.studies.shipped import read_shipped, shipped
from qantar.verdicts.load import load_account
from shipped import TABLES, reseal, ship
from test_outlook import planted_study  # noqa: F401 (a fixture)

CASE = "kazakhstan-2022"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A copy of the packaged case without anything shipped."""
    return Path(shutil.copytree(cases_folder() / CASE, tmp_path / CASE, ignore=shutil.ignore_patterns(FIT)))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a case with all of them."""
    home = tmp_path_factory.mktemp("shipped") / CASE
    shutil.copytree(cases_folder() / CASE, home, ignore=shutil.ignore_patterns(FIT))
    ship(home)
    return render(load_account(str(home)))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plots: they take seconds and are looked at once."""
    monkeypatch.setattr("qantar.report.page.draw_evidence", lambda found: {})
    monkeypatch.setattr("qantar.report.page.draw_all", lambda *a: {})


def part(page: str, kind: str) -> str:
    (found,) = re.findall(rf'<section id="{kind}"[^>]*>.*?</section>', page, re.DOTALL)
    return str(found)


@pytest.mark.parametrize("kind", TABLES)
def test_what_ships_is_shown_with_its_command_and_plots(shown: str, kind: str) -> None:
    text = part(shown, kind)
    assert f"qantar {kind} {CASE} --seed=1" in text
    assert f'<a href="#{kind}">' in shown
    assert f'id="stale-{kind}"' not in shown
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert len(figures) == {"heldout": 2, "rivals": 2, "scale": 1, "sensitivity": 2, "warning": 1}[kind]
    for figure in figures:
        assert figure.count('role="img"') == 1  # for both languages
        assert "<table" in figure
    assert "nan" not in re.sub(r"<[^>]*>", "", text).split()
    assert text.count('lang="zh"') > 10


def test_numbers_are_those_of_the_tables(shown: str) -> None:
    assert "−0.31 [−0.55, −0.07]" in part(shown, "heldout")
    assert part(shown, "heldout").count("9 to 14 of 17") == 7  # in English, a forecaster of regions each
    assert "0.62 [0.49, 0.75]" in part(shown, "sensitivity")
    text = part(shown, "warning")
    assert "61 / 400" in text
    assert "15\u00a0% [12, 18]" in text
    assert "31 December 2021" in text
    assert "3 January 2022" in text


def test_ids_stay_unique_and_links_lead_somewhere(shown: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', shown)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', shown)) <= set(ids)


def test_sentences_follow_the_rules(case: Path) -> None:
    def said(kind: str) -> list[str]:
        found = sections.shipped(load_account(str(case)).case)
        return [key.rpartition(".")[2] for key, _ in sections.sentences(kind, found.shown[kind], found.scenario)]

    ship(case)
    assert said("rivals") == ["rivals_worse", "rivals_alike"]
    found = sections.shipped(load_account(str(case)).case)
    alike = sections.sentences("rivals", found.shown["rivals"], found.scenario)[1][1]["names"]
    assert alike == ("organized seeding, elite split", "有组织的“播种”、精英分裂")  # one whose comparison is blank is not said to be alike
    assert said("warning") == ["warning_said", "warning_stands_out", "warning_one", "warning_prior"]
    ship(case, "warning", wave=None, hindsight=True)
    assert said("warning")[2:] == ["warning_none", "hindsight"]


@pytest.mark.parametrize(("low", "word"), [(0.07, "warning_stands_out"), (0.05, "warning_no_more")])
def test_an_eve_stands_out_only_beyond_the_interval_of_a_usual_one(
    case: Path, monkeypatch: pytest.MonkeyPatch, low: float, word: str
) -> None:
    made = TABLES["warning"]
    tables = made()
    tables["start"][0]["low"] = low  # a usual evening reaches to 0.063
    monkeypatch.setitem(TABLES, "warning", lambda: tables)
    ship(case, "warning")
    found = sections.shipped(load_account(str(case)).case)
    assert word in [k.rpartition(".")[2] for k, _ in sections.sentences("warning", found.shown["warning"], found.scenario)]


def lead(case: Path, kind: str) -> str:
    """What stands beside the heading of a section, in English."""
    (sentence,) = section_of(kind, shipped(load_account(str(case)).case).shown[kind]).lead
    return str(sentence.words[0])


def test_the_share_of_luck_is_said_where_there_is_one(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(case, "sensitivity")
    assert "luck alone leaves 62\u00a0% [49, 75] of the variance" in lead(case, "sensitivity")
    rows = TABLES["sensitivity"]()["indices"]
    monkeypatch.setitem(TABLES, "sensitivity", lambda: {"indices": [r for r in rows if r["output"] != "participants"]})
    ship(case, "sensitivity")
    assert "the same in every history" in lead(case, "sensitivity")


@pytest.mark.usefixtures("fast")
def test_nothing_shipped_nothing_said(case: Path) -> None:
    page = render(load_account(str(case)))
    assert "stale-" not in page
    assert not any(f'<section id="{kind}"' in page for kind in TABLES)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("change", [{"model_sha256": "0" * 64}, {"plan_sha256": "0" * 64}, {"scale": 7}, {"scale": "x"}])
def test_what_was_made_otherwise_is_named_and_not_shown(case: Path, change: dict[str, Any]) -> None:
    ship(case, "heldout")
    ship(case, "rivals")
    reseal(case / FIT / "rivals", **change)
    page = render(load_account(str(case)))
    assert '<section id="heldout"' in page
    assert '<section id="rivals"' not in page
    (line,) = re.findall(r'<p class="small" id="stale-rivals">.*?</p>', page)
    assert "another version of the model" in line
    assert "另一版模型" in line


@pytest.mark.usefixtures("fast")
def test_a_scenario_changed_afterwards_makes_it_stale(case: Path) -> None:
    ship(case, "warning")
    file = case / "scenario.toml"
    text = file.read_text(encoding="utf-8")
    assert "size = 120 " in text
    file.write_text(text.replace("size = 120 ", "size = 110 ", 1), encoding="utf-8")
    assert 'id="stale-warning"' in render(load_account(str(case)))


@pytest.mark.usefixtures("fast")
def test_a_quick_look_is_called_so(case: Path) -> None:
    ship(case, "rivals", quick=True)
    assert "not a result" in part(render(load_account(str(case))), "rivals")


def test_a_folder_that_was_changed_is_refused(case: Path) -> None:
    ship(case, "heldout", "rivals", "sensitivity")
    (case / FIT / "heldout" / "scores.csv").write_text("partition\nregion\n")
    with pytest.raises(ResultError, match="changed"):
        read_shipped(case, study("heldout"))
    (case / FIT / "rivals" / "rivals.csv").unlink()
    with pytest.raises(ResultError, match=r"rivals\.csv"):
        read_evidence(case, "rivals")
    made = case / FIT / "sensitivity" / "result.json"
    whole = made.read_text(encoding="utf-8")
    made.write_text(whole.replace('"sensitivity"', '"heldout"', 1), encoding="utf-8")
    with pytest.raises(ResultError, match="not as qantar wrote it"):
        read_shipped(case, study("sensitivity"))
    made.write_text(whole, encoding="utf-8")
    reseal(made.parent, kind="heldout")
    with pytest.raises(ResultError, match="no result of"):
        read_shipped(case, study("sensitivity"))
    made.write_text("{")
    with pytest.raises(ResultError):
        read_shipped(case, study("sensitivity"))


def test_a_column_that_is_missing_is_named(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{k: v for k, v in r.items() if k != "against_se"} for r in TABLES["heldout"]()["scores"]]
    monkeypatch.setitem(TABLES, "heldout", lambda: {"scores": rows})
    ship(case, "heldout")
    with pytest.raises(ResultError, match="against_se"):
        read_shipped(case, study("heldout"))


# --- the commands write what the page reads --------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: str) -> dict[str, Any]:
    """A command in this process with its study made up; gives result.json."""
    monkeypatch.setattr("qantar.warm.compiled", lambda now=False: True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--out", "out"])
    assert ended.value.code == 0
    made: dict[str, Any] = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert made["model_sha256"] == model_hash()
    assert made["plan_sha256"] == resolve(load_scenario(CASE), scale=made["scale"]).sha256()
    assert made["kind"] == words[0]
    assert command_line(made).startswith(f"qantar {words[0]} {CASE} --")
    assert made["command"]["options"]["seed"] == made["seed"]
    home = tmp_path / "case"
    shutil.copytree(tmp_path / "out", home / FIT / words[0])
    evidence = read_evidence(home, words[0])  # as the page reads it: no column is missing
    assert evidence is not None
    assert of_this(evidence, load_scenario(CASE))
    return made


def test_heldout_writes_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qantar.forecast.power import Detectable
    from qantar.forecast.scores import Difference, Share

    d = Difference(0.1, 0.2, 17)
    power = Detectable(d, Share(80, 100), Share(2, 100), 0.5)
    scores = [heldout.Score(p, n, d, d, d) for p in ("region", "day") for n in ("never", "model")]
    monkeypatch.setattr(heldout, "held_out", lambda *a, **k: heldout.HeldOut(scores, power, Difference(-0.3, 0.1, 17)))
    made = run(monkeypatch, tmp_path, "heldout", CASE, "--table", "300", "--near", "7", "--seed", "3")
    assert command_line(made) == f"qantar heldout {CASE} --table=300 --near=7 --seed=3 --scale=0.1"
    assert made["detectable"]["difference"]["mean"] == 0.1
    assert made["ties"] == {"mean": -0.3, "se": 0.1, "n": 17, "separated": True}
    assert "result.json" in capsys.readouterr().out


def test_scale_writes_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = TABLES["scale"]()["items"]
    given: list[int] = []
    monkeypatch.setattr(scaling, "at_scales", lambda scenario, values, *a, **k: given.append(len(values)) or rows)
    made = run(monkeypatch, tmp_path, "scale", CASE, "--draws", "3")
    assert given == [made["draws"]] == [3]
    assert command_line(made) == f"qantar scale {CASE} --draws=3 --seed=2022"
    assert made["residents"] > 19_000_000
    printed = " ".join(capsys.readouterr().out.split())
    assert "broken off as too large" in printed
    assert "participants (log10), day 4" not in printed  # within chance
    assert "1 of 4 numbers" in printed


def test_rivals_writes_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, regions = (TABLES["rivals"]()[k] for k in ("rivals", "regions"))
    found = SimpleNamespace(tolerance=1.5, home="rival-home-grown", rows=lambda: rows[:2], regions=lambda ids: regions)
    monkeypatch.setattr(rivals, "compare", lambda *a, **k: found)
    made = run(monkeypatch, tmp_path, "rivals", CASE, "--quick", "--arm", "rival-home-grown", "--arm", "rival-seeding")
    assert made["quick"]
    assert "--arm=rival-home-grown --arm=rival-seeding --quick" in command_line(made)
    assert "seeding" in capsys.readouterr().out


def test_warning_writes_its_folder_and_prints_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    planted_study: Any,  # noqa: F811
) -> None:
    found, _ = planted_study()
    monkeypatch.setattr(outlook, "outlook", lambda *a, **k: found)
    monkeypatch.setenv("COLUMNS", "200")
    made = run(monkeypatch, tmp_path, "warning", CASE, "--quick", "--draws", "40", "--horizon", "3")
    assert made["scale"] == cli.QUICK_SCALE
    assert made["eve"] == "2021-12-31"
    assert made["wave"] == "2022-01-03"
    printed = capsys.readouterr().out
    for words in ("one wave in this record", "Quick look", "66.7 %", "2 / 3", "separated", "log score less constant"):
        assert words in printed
    rows = list(csv.DictReader((tmp_path / "out" / "origins.csv").open(encoding="utf-8")))
    assert [r["probability"] for r in rows if r["forecaster"] == "model"][:1] == ["0.7"]
    for lang in ("en", "zh"):
        terminal.outlook_tables(found, False, lang)
    assert "一次浪潮" in capsys.readouterr().out
