"""Everything that ships, made in one go: order, what is made again and what is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from qantar.files.result import sealed
from qantar.files.write import write_result
from qantar.studies import making, studies
from qantar.studies.kind import PRIOR_TABLE
from qantar.studies.making import Step, make_all

CASE = "kazakhstan-2022"


class Night:
    """Commands that write a small result each; the night ends before one of them."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked, self.begun, self.content, self.ends_before = root, [], [], "a\n1\n", ""
        self.shipped: dict[str, list[str]] = {}

    def run(self, words: Sequence[str]) -> None:
        name = words[0] if "--method=neural" not in words else "neural"
        if name == self.ends_before:
            raise KeyboardInterrupt
        self.asked.append(name)
        fit = self.root / "case" / "fit"
        self.shipped[name] = sorted(p.parent.relative_to(fit).as_posix() for p in fit.rglob("result.json"))
        reads = name in ("heldout", "warning", "experiments", "planted")
        assert (f"--known={self.root / 'beside' / PRIOR_TABLE}" in words) == (reads or name == "neural")
        for option in ("--out", *["--pack"] * (name == "run")):
            content = {"a.csv": self.content, "sample.csv": "a\n"}
            write_result(Path(words[words.index(option) + 1]), sealed(content, {"kind": option, "name": name}))

    def make(self) -> list[str]:
        self.asked, self.begun = [], []
        return make_all(CASE, self.root / "case", self.root / "made", self.root / "beside", self.run, self.begin)

    def begin(self, step: Step) -> None:
        self.begun.append(step)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_everything_is_made_after_what_it_rests_on_and_ships_at_once(night: Night) -> None:
    made = night.make()
    fit = night.root / "case" / "fit"
    assert night.asked[:3] == ["calibrate", "neural", "run"]  # all others rest on the fit
    assert "." in night.shipped["neural"]
    assert "rivals" in night.shipped["experiments"]
    folders = {night_folder(s.name, ships.folder) for s in studies() for ships in s.shipping()}
    assert {p.parent.relative_to(fit).as_posix() for p in fit.rglob("result.json")} == folders
    assert len(made) == len(folders) == len(night.begun)
    assert [(s.number, s.of) for s in night.begun] == [(k, len(folders)) for k in range(1, len(folders) + 1)]
    assert json.loads((fit / "page" / "result.json").read_text())["kind"] == "--pack"
    assert not list(fit.rglob("neural/sample.csv"))


def night_folder(name: str, folder: str | None) -> str:
    return name if folder is None else folder or "."


def test_a_night_that_ended_early_goes_on_where_it_was(night: Night) -> None:
    night.ends_before = "experiments"
    with pytest.raises(KeyboardInterrupt):
        night.make()
    before = list(night.asked)
    night.ends_before = ""
    night.make()
    assert night.asked[0] == "experiments"
    assert not {*before} & {*night.asked}
    assert night.make() == []


def test_what_rests_on_something_else_is_made_again(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    every = night.make()
    shutil.rmtree(night.root / "case" / "fit" / "rivals")  # made again, to other numbers
    night.content = "a\n2\n"
    again = night.make()
    assert again == every[every.index("rivals") :]
    assert night.make() == []
    monkeypatch.setattr(making, "model_hash", lambda: "0" * 64)
    assert night.make() == every


def test_the_same_numbers_leave_alone_what_rests_on_them(night: Night) -> None:
    night.make()
    shutil.rmtree(night.root / "case" / "fit" / "rivals")
    assert night.make() == ["rivals"]
