"""Evidence that ships with a case: written whole with its stamps, read with care, shown only where it belongs, said in plain words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from kit.shipped import TABLES, reseal, ship
from qantar.cases.case import cases_folder
from qantar.errors import ResultError
from qantar.inference.posterior import FIT
from qantar.messages import catalogue
from qantar.report.page import render
from qantar.report.sections import section_of
from qantar.studies import study
from qantar.studies.blocks import Sentence, in_language
from qantar.studies.shipped import read_shipped, shipped
from qantar.verdicts.load import load_account

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
    monkeypatch.setattr("qantar.report.sections.draw_figure", lambda figure: "")
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


def sentences(case: Path, kind: str) -> list[str]:
    """What a study that ships says, in English; small print left out."""
    result = shipped(load_account(str(case)).case).shown[kind]
    blocks = [b for b in study(kind).page(result) if isinstance(b, Sentence) and b.role != "note"]
    return [in_language(b.words, "en") for b in blocks]


def keys(case: Path, kind: str) -> list[str]:
    """Last parts of the keys of these sentences."""
    forms = {
        k: re.sub(r"\\\{\w+\\\}", ".+", re.escape(words))
        for k, words in catalogue("en").items()
        if k.startswith(("report.evidence.", "report.gist.", "warning."))
    }
    return [next(k.rpartition(".")[2] for k, form in forms.items() if re.fullmatch(form, words)) for words in sentences(case, kind)]


def test_sentences_follow_the_rules(case: Path) -> None:
    ship(case)
    planted = ["heldout_planted_all", "heldout_planted_fast"]
    assert keys(case, "heldout") == ["heldout_region_better", "heldout_day_same", "heldout_ties_better", "heldout_text", *planted]
    assert keys(case, "rivals") == ["rivals_worse", "rivals_alike"]
    alike = sentences(case, "rivals")[1]
    assert alike.endswith(": organized seeding, elite split.")  # one whose comparison is blank is not said to be alike
    assert keys(case, "scale") == ["scale", "scale_some", "scale_text"]
    assert keys(case, "warning") == ["warning_said", "warning_stands_out", "warning_one", "prior", "warning_text"]
    ship(case, "warning", wave=None, hindsight=True)
    assert keys(case, "warning")[2:4] == ["warning_none", "hindsight"]


@pytest.mark.parametrize(("low", "word"), [(0.07, "warning_stands_out"), (0.05, "warning_no_more")])
def test_an_eve_stands_out_only_beyond_the_interval_of_a_usual_one(
    case: Path, monkeypatch: pytest.MonkeyPatch, low: float, word: str
) -> None:
    tables = TABLES["warning"]()
    tables["start"][0]["low"] = low  # a usual evening reaches to 0.063
    monkeypatch.setitem(TABLES, "warning", lambda: tables)
    ship(case, "warning")
    assert word in keys(case, "warning")


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
        read_shipped(case, study("rivals"))
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
