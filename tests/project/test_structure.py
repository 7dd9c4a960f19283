"""How the project is built: rooms in order, no registry host, a package that carries its data, a dev.py an old Python can read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import qantar
from conftest import REPOSITORY

SOURCE = REPOSITORY / "src" / "qantar"
BASE = {"compiled", "draws", "errors", "files", "follow", "messages", "statistics", "study_keys"}
"""Rooms and files that every room may import; among them each only those named in `MAY_IMPORT`."""
_MODEL = {"record", "cases", "scenario", "population", "model", "engine", "reporting"}
_STUDIES = {"ensemble", "inference", "forecast", "effects", "stylized", "studies"}
MAY_IMPORT: dict[str, set[str]] = {
    "follow": set(),
    "compiled": set(),
    "draws": {"compiled"},
    "messages": set(),
    "statistics": set(),
    "study_keys": {"compiled", "draws"},
    "errors": {"messages"},
    "files": {"errors"},
    "record": BASE,
    "account": BASE | {"record", "scenario"},
    "cases": BASE | {"record"},
    "importing": BASE | {"record", "cases"},
    "scenario": BASE | {"record", "cases"},
    "population": BASE | {"scenario"},
    "model": BASE | {"scenario", "population"},
    "engine": BASE | {"scenario", "population", "model"},
    "reporting": BASE | {"scenario", "engine"},
    "ensemble": BASE | _MODEL,
    "inference": BASE | _MODEL | {"ensemble"},
    "forecast": BASE | _MODEL | {"ensemble", "inference"},
    "effects": BASE | _MODEL | {"ensemble", "inference", "forecast"},
    "stylized": BASE | _MODEL | {"ensemble", "effects"},
    "verdicts": BASE | _MODEL | {"ensemble", "inference", "effects", "account"},
    "classics": {"compiled", "draws", "study_keys"},
    "studies": BASE | _MODEL | _STUDIES | {"account", "verdicts", "classics"},
    "lookup": BASE | _MODEL | _STUDIES | {"account", "verdicts"},
    "report": BASE | _MODEL | _STUDIES | {"account", "verdicts"},
    "serve": BASE | _MODEL | _STUDIES | {"account", "verdicts", "lookup", "report", "importing"},
    "cli": BASE | _MODEL | _STUDIES | {"account", "verdicts", "lookup", "report", "importing", "serve"},
    "notebook": BASE | _MODEL | _STUDIES | {"report"},
}
"""Rooms that each room may import. (`__init__` names the public functions and imports them on use.)"""


def imports(path: Path) -> set[str]:
    """Rooms that a file imports."""
    return {name.split(".")[1] for name in modules(path)}


def modules(path: Path) -> set[str]:
    """Modules of ours that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if isinstance(node, ast.ImportFrom) and node.module == "qantar":
            names = [f"qantar.{a.name}" for a in node.names]
        if isinstance(node, ast.ImportFrom) and (node.module or "").count(".") == 1:
            names = [
                *names,
                *(f"{node.module}.{a.name}" for a in node.names if (SOURCE / node.module.split(".")[1] / f"{a.name}.py").is_file()),
            ]
        found |= {name for name in names if name.startswith("qantar.")}
    return found


def rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room not in ("__init__", "__main__"):
            found.setdefault(room, set()).update(imports(path) - {room})
    return found


def test_every_room_imports_only_rooms_it_may() -> None:
    found = rooms()
    assert set(found) == set(MAY_IMPORT)
    for room, needs in found.items():
        assert needs <= MAY_IMPORT[room] | {room}, f"{room} imports {needs - MAY_IMPORT[room]}"
    assert "record" in found["account"]  # the check sees imports indeed


def test_allowed_imports_make_no_circle() -> None:
    ready: set[str] = set()
    while len(ready) < len(MAY_IMPORT):
        more = {room for room, needs in MAY_IMPORT.items() if needs - {room} <= ready | {room}} - ready
        assert more, f"a circle among {set(MAY_IMPORT) - ready}"
        ready |= more


def test_no_study_imports_another() -> None:
    shared = {"kind", "blocks", "cells", "shipped", "repeat"}
    for path in (SOURCE / "studies").glob("*.py"):
        others = {name for name in modules(path) if name.startswith("qantar.studies.")}
        if path.stem not in {"__init__", "shipped", "repeat"}:
            assert {name.split(".")[2] for name in others} <= shared, path.name


def circles(needs: dict[str, set[str]]) -> set[str]:
    """What is left of a graph when nothing more can be taken away that needs only what is gone."""
    left = dict(needs)
    while ready := {name for name, those in left.items() if not those & left.keys()}:
        left = {name: those for name, those in left.items() if name not in ready}
    return set(left)


def test_no_file_imports_itself_through_others() -> None:
    names = {path: ".".join(("qantar", *path.relative_to(SOURCE).with_suffix("").parts)) for path in SOURCE.rglob("*.py")}
    assert not circles({name: modules(path) - {name} for path, name in names.items() if not name.endswith("__init__")})
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}) == {"a", "b", "c"}  # the check sees a circle


LINES, FUNCTION = 450, 60
"""A file and a function that a reader still takes in."""
ONE_PIECE = {"effects/decision.py"}
"""The decision rules have a hash of their own: it stands for one file that holds them all."""


def test_files_and_functions_are_short() -> None:
    for path in SOURCE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        name = path.relative_to(SOURCE).as_posix()
        assert source.count("\n") < LINES or name in ONE_PIECE, name
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                assert node.end_lineno - node.lineno < FUNCTION, f"{name}: {node.name}"


def test_public_names_exist_and_are_about_a_page() -> None:
    assert 10 <= len(qantar.__all__) <= 40
    for name in qantar.__all__:
        assert getattr(qantar, name) is not None
    with pytest.raises(AttributeError):
        _ = qantar.nothing
    for module in ("qantar.cli.main", "qantar.lookup.explain", "qantar.lookup.check"):  # no module of ours may hide a public function
        import_module(module)
    assert all(callable(getattr(qantar, name)) for name in qantar.__all__ if name != "__version__")


def test_help_does_not_load_heavy_libraries() -> None:
    code = "import sys; sys.argv = ['qantar', '--help']\nfrom qantar.cli.main import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([m for m in ('numpy', 'matplotlib', 'pydantic', 'jinja2', 'babel', 'rich.table', 'openpyxl') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [REPOSITORY / line for line in listed.stdout.splitlines() if (REPOSITORY / line).is_file()]


def test_no_file_names_a_registry_host() -> None:
    hosts = re.compile(r"(pythonhosted|pypi|npmjs|deb\.debian)\.(org|com|net)")
    for path in tracked():
        if path.suffix not in (".png",):
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path


def test_the_wheel_carries_data_templates_and_messages(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        str(tmp_path),
        str(REPOSITORY),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        str(p.relative_to(SOURCE.parent))
        for p in SOURCE.rglob("*")
        if p.suffix in (".csv", ".toml", ".geojson", ".j2", ".css", ".js", ".typed", ".py", ".zip", ".md")
    }
    assert needed <= names
    inside = [n.partition("cases/kazakhstan-2022/")[2] for n in needed if "cases/kazakhstan-2022/" in n]
    assert len([n for n in inside if "/" not in n]) == 29
    assert len([n for n in inside if n.startswith("experiments/H")]) == 17
    assert any(n.endswith("NOTICE") for n in names)


def test_set_up_can_be_read_by_an_old_python() -> None:
    # dev.py must get far enough on Python 3.6 to find a newer one.
    ast.parse((REPOSITORY / "dev" / "__main__.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    standard = sys.stdlib_module_names
    tree = ast.parse((REPOSITORY / "dev" / "__main__.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for name in [a.name for a in node.names] if isinstance(node, ast.Import) else []:
            assert name in standard


def test_set_up_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "dev", "nothing"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "study|test" in done.stderr


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["test"] + project["build-system"]["requires"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (REPOSITORY / "dev/constraints.txt").read_text().splitlines()
        if "==" in line
    }
    for requirement in wanted:
        assert re.split(r"[><=\[]", requirement)[0].lower().replace("_", "-") in pinned, requirement
