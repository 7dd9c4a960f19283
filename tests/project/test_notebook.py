"""Studies and frames from Python: what a notebook gets is what a command writes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qantar
from conftest import CASE, REPOSITORY, call_qantar
from qantar.errors import ResultError, StudyError
from qantar.scenario.parameters import defaults
from qantar.verdicts.load import Loaded

NOTEBOOKS = sorted((REPOSITORY / "docs" / "notebooks").glob("*.ipynb"))


def test_a_study_from_python_is_the_one_of_the_command(tmp_path: Path) -> None:
    found = qantar.run_study("weigh", account=CASE)
    ran = call_qantar("weigh", CASE, "--out", "theirs", "--json", cwd=tmp_path).json()
    assert {**found.as_dict(), "folder": ran["folder"]} == ran
    again = qantar.read_study(found.save(tmp_path / "ours"))
    assert (again.kind, again.as_dict()) == ("weigh", found.as_dict())
    assert [p.name for p in sorted((tmp_path / "ours").iterdir())] == [p.name for p in sorted((tmp_path / "theirs").iterdir())]


def test_its_tables_are_frames_with_numbers(tmp_path: Path) -> None:
    found = qantar.run_study("weigh", account=CASE)
    frame = found.to_pandas("items")
    assert len(frame) == len(found.result.tables["items"])
    assert not set(found.tables) - set(found.as_dict())
    with pytest.raises(ResultError) as caught:
        found.to_pandas("itmes")
    assert (caught.value.problems[0].code, "items" in caught.value.problems[0].args["choices"]) == ("not_one_of", True)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_notebook_shows_what_the_page_says_in_one_language(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QANTAR_LANG", lang)
    found = qantar.run_study("weigh", account=CASE)
    shown = found._repr_html_()
    assert shown.startswith(f'<div class="qantar" data-lang="{lang}">')
    assert shown.count("<table") >= 1
    assert "<script" not in shown
    assert str(found).splitlines()[0] in found.sentences(lang)


def test_a_kind_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        qantar.run_study("wiegh", account=CASE)
    assert "weigh" in caught.value.problems[0].args["choices"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError):
        qantar.read_study(tmp_path / "empty")


def test_every_kind_is_told_in_a_notebook() -> None:
    # A figure or a table that only the page can draw would fail here.
    from qantar.cases.case import cases_folder
    from qantar.studies import studies
    from qantar.studies.shipped import place_of

    shown = 0
    for described in studies():
        if described.ships and not described.ships.packed:
            place = place_of(cases_folder() / CASE, described, described.ships)
            if (place / "result.json").is_file():
                assert "<table" in qantar.read_study(place)._repr_html_()
                shown += 1
    assert shown


def test_rows_of_any_kind_are_frames(loaded: Loaded) -> None:
    events = qantar.to_pandas(loaded.case.record.events)
    assert (len(events), events["sources_more"].map(type).unique().tolist()) == (len(loaded.case.record.events), [str])
    judged = qantar.to_pandas(qantar.judge(loaded.account))
    assert {"id", "verdict"} <= set(judged.columns)
    onsets = qantar.to_pandas(qantar.observe(loaded.case.record).onsets)
    assert onsets["region_id"].tolist() == [r.region_id for r in loaded.case.record.regions]


def test_what_a_record_and_a_history_say_are_arrays_with_names(loaded: Loaded) -> None:
    seen = qantar.observe(loaded.case.record)
    record = qantar.to_xarray(seen)
    assert record.presence.sel(region="KZ-MAN", day="2022-01-04").item() == 1
    assert np.isnan(record.presence.sel(region="KZ-KZY", day="2022-01-06").item())
    plan = qantar.resolve(qantar.load_scenario(CASE), [qantar.Edit(path="time.hours", value=48)], scale=0.001)
    history = qantar.simulate(plan, defaults(), seed=1)
    hours = qantar.to_xarray(history, plan)
    assert hours.protesting.dims == ("hour", "place")
    assert (hours.sizes["hour"], hours.sizes["place"]) == history.protesting.shape
    assert hours.protesting.sum("place").values.tolist() == pytest.approx(history.protesting.sum(axis=1).tolist())
    assert json.dumps(hours.place.values.tolist()) == json.dumps([p.id for p in plan.places])


def outputs(notebook: dict[str, Any]) -> list[str]:
    """What cells print and give, without how it is drawn."""
    found = [o for cell in notebook["cells"] for o in cell.get("outputs", [])]
    return ["".join(o["text"] if o["output_type"] == "stream" else o["data"]["text/plain"]) for o in found]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_gives_what_it_shows(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QANTAR_LANG", "en")
    spec = importlib.util.spec_from_file_location("notebooks", REPOSITORY / "dev" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert outputs(module.executed(notebook, tmp_path)) == outputs(notebook), "run dev/notebooks.py"
    assert outputs(notebook)


def test_there_are_three_notebooks() -> None:
    assert [p.stem[0] for p in NOTEBOOKS] == ["1", "2", "3"]
