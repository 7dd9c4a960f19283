"""The export: every file is there with its hash, a reader of the library opens it, nothing foreign is touched, the same bytes again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from conftest import CASE, Ran
from kit.shipped import reseal
from qantar import errors
from qantar.errors import ResultError, StudyError
from qantar.report import crate
from qantar.report.crate import METADATA, RELEASED, export, lost
from qantar.report.write import study_account
from qantar.studies import studies
from qantar.studies.shipped import place_of
from qantar.verdicts.load import Loaded


@pytest.fixture(scope="module")
def study(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / CASE
    study_account(loaded, folder)
    return folder


@pytest.fixture(scope="module")
def made(study: Path, loaded: Loaded) -> Path:
    out = study.parent / "crate"
    export(loaded, study, out)
    return out


def test_a_reader_of_the_library_finds_every_file_with_its_hash(loaded: Loaded, made: Path) -> None:
    out = made
    found = ROCrate(str(out))
    files = {e.id: e for e in found.data_entities}
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} - {METADATA}
    assert set(files) == there
    assert {
        "study/report.html",
        "study/verdicts.csv",
        "study/verdicts.json",
        "data/events.csv",
        "data/claims.csv",
        "experiments/H05.toml",
    } <= there
    for name, entity in files.items():
        assert entity["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert found.root_dataset["license"]
    assert found.root_dataset["name"].startswith(loaded.account.head.title_en)


def test_every_id_that_is_referred_to_is_described(made: Path) -> None:
    graph = json.loads((made / METADATA).read_text(encoding="utf-8"))["@graph"]
    known = {e["@id"] for e in graph}
    assert len(known) == len(graph)

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            return {str(value["@id"])} if set(value) == {"@id"} else set().union(*map(references, value.values()), set())
        return set().union(*map(references, value), set()) if isinstance(value, list) else set()

    used = set().union(*(references({k: v for k, v in e.items() if k != "@id"}) for e in graph))
    assert {u for u in used - known if not u.startswith("https://w3id.org/ro/crate/")} == set()
    actions = {e["@id"]: e for e in graph if e["@type"] == "CreateAction"}
    ship = {s.name: place_of(Path(), s, s.ships) for s in studies() if s.ships is not None and not s.ships.packed}
    assert len(ship) >= 8
    assert set(actions) == {"#study", *(f"#{kind}" for kind in ship)}
    assert actions["#study"]["name"] == f"qantar study {CASE}"
    for kind in ship:
        assert actions[f"#{kind}"]["name"].startswith(f"qantar {kind}")
        assert (ship[kind] / "result.json").as_posix() in {e["@id"] for e in actions[f"#{kind}"]["result"]}


def test_verdicts_leave_with_model_and_basis_inside(made: Path) -> None:
    rows = json.loads((made / "study" / "verdicts.json").read_text(encoding="utf-8"))
    assert len(rows) == 153
    for r in rows:
        assert ("in this model" in r["verdict"]) == (r["basis"] in ("experiment", "assumed", "fitted", "prior"))
        assert r["repeat"]


def test_the_same_study_gives_the_same_bytes_and_an_older_export_is_replaced(loaded: Loaded, study: Path, made: Path) -> None:
    first = (made / METADATA).read_bytes()
    again = study.parent / "again"
    for _ in range(2):
        assert export(loaded, study, again)[0] == again
        assert (again / METADATA).read_bytes() == first
    assert sorted(p.name for p in study.parent.iterdir()) == ["again", "crate", CASE]


def _edit(out: Path) -> None:
    (out / "study" / "verdicts.csv").write_text("mine", encoding="utf-8")


def _forge(out: Path) -> None:
    (out / "data" / "thesis.txt").write_text("years of work", encoding="utf-8")
    text = (out / METADATA).read_text(encoding="utf-8")
    (out / METADATA).write_text(text.replace("data/events.csv", "data/thesis.txt"), encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [
        _edit,
        _forge,
        lambda out: (out / "thesis.txt").write_text("mine", encoding="utf-8"),
        lambda out: (out / "study" / "mine").mkdir(),
        lambda out: (out / "data" / "link").symlink_to(out),
        lambda out: (out / METADATA).write_text("{}", encoding="utf-8"),
        lambda out: (out / METADATA).unlink(),
    ],
    ids=["edited", "forged", "a file", "a folder", "a link", "no description", "none at all"],
)
def test_an_export_that_was_changed_is_kept(
    loaded: Loaded, study: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], object]
) -> None:
    out = Path(shutil.copytree(made, tmp_path / "crate"))
    assert lost(out) == []
    spoil(out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(ResultError) as error:
        export(loaded, study, out)
    assert error.value.problems[0].code == "not_a_result"
    monkeypatch.setattr(crate, "refuse_foreign", lambda out, lost: None)  # it came only after the first look
    place, _ = export(loaded, study, out)
    assert place == out.with_name("crate-2")
    assert lost(place) == []
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_nothing_foreign_is_replaced_and_no_other_folder_is_taken_for_a_study(loaded: Loaded, study: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ResultError):
        export(loaded, study, own)
    assert (own / "thesis.txt").read_text(encoding="utf-8") == "x"
    for spoil in ("report.html", "result.json"):
        copy = tmp_path / f"copy-{spoil}"
        shutil.copytree(study, copy)
        (copy / spoil).write_text("{}", encoding="utf-8")
        with pytest.raises(ResultError):
            export(loaded, copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_of_other_data_is_refused(loaded: Loaded, study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    data = json.loads((copy / "result.json").read_text(encoding="utf-8"))["data"]
    reseal(copy, data={**data, "case": {**data["case"], "events.csv": "0" * 64}})
    with pytest.raises(ResultError) as error:
        export(loaded, copy, tmp_path / "out")
    assert error.value.problems[0].code == "other_record"


def test_without_the_extra_it_says_what_to_install(loaded: Loaded, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="qantar\\[provenance\\]"):
        export(loaded, study, tmp_path / "out")


def test_the_command_exports_and_a_missing_study_is_explained(qantar: Callable[..., Ran], study: Path, tmp_path: Path) -> None:
    ran = qantar("export", CASE, "--study", str(study), "--out", str(tmp_path / "crate"), "--json")
    assert ran.json()["files"] >= 40
    missing = qantar("export", CASE, "--study", str(tmp_path / "nothing"), "--out", str(tmp_path / "crate2"))
    assert missing.code == 2
    assert "qantar study" in missing.err


def test_the_date_is_that_of_the_version() -> None:
    from conftest import REPOSITORY

    assert f"date-released: {RELEASED}" in (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
