"""Results that earlier versions wrote (`tests/old`, as they were): read and told as what they are, or refused with the way on.

`form-1` is of 26, `other-model` of 29 and `lacking` of 30 November 2026.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import REPOSITORY, Ran
from qantar.ensemble.model_hash import model_hash
from qantar.errors import ResultError
from qantar.files.result import RESULT, read_result
from qantar.files.write import foreign

OLD = REPOSITORY / "tests" / "old"


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("form-1", "other_form", ["qantar 0.1.0", "qantar heldout kazakhstan-2022 --seed"]),
        ("lacking", "result_lacks", ["qantar 0.1.0", "planted", "qantar heldout kazakhstan-2022"]),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_command_that_makes_it_again(
    qantar: Callable[..., Ran], name: str, code: str, said: list[str], lang: str
) -> None:
    before = tree(OLD / name)
    ran = qantar("--lang", lang, "show", str(OLD / name))
    assert ran.code == 2
    assert ran.out == ""
    assert RESULT in ran.err
    assert [word for word in said if word not in " ".join(ran.err.split())] == []
    assert "Traceback" not in ran.err
    assert tree(OLD / name) == before


def test_a_result_of_another_model_is_told_as_one(qantar: Callable[..., Ran], tmp_path: Path) -> None:
    folder = shutil.copytree(OLD / "other-model", tmp_path / "scale")
    ran = qantar("show", str(folder))
    assert ran.code == 0
    assert "c6da63b64895" in ran.out
    assert model_hash()[:12] in ran.out
    assert "qantar scale kazakhstan-2022" in " ".join(ran.out.split())
    for command in (("rerun", str(folder)), ("export", str(folder), "--out", str(tmp_path / "crate"))):
        again = qantar(*command)
        assert "Traceback" not in again.err
        assert again.code in (0, 2)
    assert qantar("rerun", str(folder)).code == 2


def test_an_old_result_is_not_overwritten_unless_it_is_known_as_ours(tmp_path: Path) -> None:
    assert foreign(OLD / "other-model") == []
    assert foreign(OLD / "form-1") != []
    with pytest.raises(ResultError) as caught:
        read_result(OLD / "form-1")
    assert [p.code for p in caught.value.problems] == ["other_form"]
