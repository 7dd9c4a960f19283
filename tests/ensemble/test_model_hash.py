"""The hash of the model: what a reader sees, and where a file lies, changes nothing; what decides a number does."""

from __future__ import annotations

import ast
import shutil
from collections import Counter
from pathlib import Path

import pytest

import qantar
from qantar.ensemble import model_hash as hashing

model_hash = hashing.model_hash.__wrapped__
"""Computed each time it is asked: the sources change within a test."""


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources that `model_hash` looks at from now on."""
    home = Path(str(qantar.__file__)).parent
    copy = Path(shutil.copytree(home, tmp_path / "qantar", ignore=shutil.ignore_patterns("__pycache__", "cases", "report")))
    before = model_hash()
    monkeypatch.setattr(hashing.resources, "files", lambda name: copy)
    assert model_hash() == before
    return copy


def replaced(path: Path, old: str, new: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(old) == 1, (path, old)
    path.write_text(source.replace(old, new), encoding="utf-8")


def test_what_a_reader_sees_changes_no_hash_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, before = package(tmp_path, monkeypatch), model_hash()
    (copy / "messages" / "words.toml").write_text("")
    (copy / "population" / "measure.py").write_text("")  # it measures ties and makes none
    for name in hashing.MODULES.values():
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write("\n\n# changed\n")
    replaced(copy / "model" / "weapons.py", '"""Arms: armouries', '"""Weapons: armouries')
    replaced(copy / "model" / "weapons.py", '"""The crowd\'s strength in a fight in a place, in people of the model\'s scale."""', "")
    replaced(copy / "engine" / "loop.py", "import numpy as np\n", "import numpy as np  # arrays\n\n")
    replaced(copy / "scenario" / "parameters.toml", "Pressure on someone of average grievance by day", "Pressure")
    assert model_hash() == before


def test_a_module_that_moves_changes_no_hash_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, before = package(tmp_path, monkeypatch), model_hash()
    (copy / "force").mkdir()
    (copy / "model" / "weapons.py").rename(copy / "force" / "weapons.py")
    with pytest.raises(FileNotFoundError):
        model_hash()
    monkeypatch.setitem(hashing.MODULES, "arms", "force/weapons.py")
    replaced(copy / "model" / "control.py", "from qantar.model.weapons import edge, strength\n", "")
    replaced(
        copy / "model" / "control.py",
        "from qantar.model.world import Columns, World\n",
        "from qantar.model.world import Columns, World\nfrom qantar.force.weapons import edge\nfrom qantar.force.weapons import strength\n",
    )
    assert model_hash() == before
    monkeypatch.setitem(hashing.MODULES, "arms", "model/control.py")  # but a file under another's label does
    assert model_hash() != before


CHANGED_MODEL = [
    ("model/assemble.py", "NIGHT = (23.0, 7.0)", "NIGHT = (23.0, 6.0)"),
    ("model/weapons.py", "both = crowd + units", "both = crowd - units"),
    ("model/weapons.py", 'NAME = "arms"', 'NAME = "weapons"'),
    ("model/control.py", "import edge, strength", "import edge, strength as edge"),
    ("engine/loop.py", "stop_above: float = ", "stop_above: float = 1 + "),
    ("engine/horizon.py", "STRETCH = ", "STRETCH = 2 * "),
    ("population/ties.py", "repeats: int = 1", "repeats: int = 2"),
    ("reporting/model.py", "presence = u < p", "presence = u <= p"),
    ("reporting/history.py", ">> 1", ">> 2"),
    ("ensemble/one_run.py", '"default": defaults', '"default": dict'),
    ("draws.py", "import numpy as np", "import math as np"),
    ("compiled.py", 'error_model="numpy"', 'error_model="python"'),
    ("scenario/parameters.toml", "default = 0.00000006", "default = 0.00000007"),
]


@pytest.mark.parametrize(("name", "old", "new"), CHANGED_MODEL, ids=[f"{c[0]}-{c[2]}" for c in CHANGED_MODEL])
def test_the_hash_changes_with_what_decides_a_number(
    name: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, before = package(tmp_path, monkeypatch), model_hash()
    replaced(copy / name, old, new)
    assert model_hash() != before


def test_every_file_of_the_rooms_of_the_model_is_hashed() -> None:
    home = Path(str(qantar.__file__)).parent
    files = {f"{room}/{p.name}" for room in ("population", "model", "engine", "reporting") for p in (home / room).glob("*.py")}
    files -= {f"{room}/__init__.py" for room in ("population", "model", "engine", "reporting")}
    assert files - {"population/measure.py"} <= set(hashing.MODULES.values())
    assert len(set(hashing.MODULES.values())) == len(hashing.MODULES)


def test_no_two_hashed_files_define_what_is_imported_by_one_name() -> None:
    # Where a name is imported from is not hashed: so none that is may mean two things.
    home = Path(str(qantar.__file__)).parent
    trees = [ast.parse((home / name).read_text(encoding="utf-8")) for name in hashing.MODULES.values()]
    imports = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("qantar.")]
    names = {a.name for n in imports for a in n.names}
    defined = Counter(s.name for tree in trees for s in tree.body if isinstance(s, ast.FunctionDef | ast.ClassDef) and s.name in names)
    assert len(defined) > 50
    assert [name for name, n in defined.items() if n > 1] == []
