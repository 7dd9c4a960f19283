"""Set-up: finds a Python, says what is missing, does again only what changed."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from conftest import REPOSITORY


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev" / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module, "STAMP", str(tmp_path / ".venv" / "qantar-stamp"))
    monkeypatch.setattr(module.subprocess, "run", lambda *a, **k: pytest.fail(f"ran {a}"))
    return module


def test_a_newer_python_is_found(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("python3.9", "python3.12", "python3.13"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dev.sys, "version_info", (3, 9, 1))
    assert dev.find_python() == str(tmp_path / "python3.13")


def test_what_is_compiled_is_kept_wherever_bytecode_is_switched_off(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(dev.sys, "argv", ["dev", "study"])
    monkeypatch.setattr(dev, "find_python", lambda: dev.sys.executable)
    monkeypatch.setattr(dev, "study", lambda: seen.append("PYTHONDONTWRITEBYTECODE" in dev.os.environ))
    dev.main()
    assert seen == [False]


def test_no_python_names_what_to_install(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dev.sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer(.|\n)*apt-get install"):
        dev.find_python()


def test_a_missing_venv_module_names_its_package(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dev, "HERE", str(tmp_path))
    monkeypatch.setattr(dev.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", "ensurepip is not available\n"))
    with pytest.raises(SystemExit, match="python3-venv"):
        dev.build_environment([])
    assert list(tmp_path.iterdir()) == []  # no broken environment is left


def test_the_environment_is_renamed_only_when_whole(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dev, "HERE", str(tmp_path))
    monkeypatch.setattr(dev, "VENV", str(tmp_path / ".venv"))

    def make(arguments: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        if "venv" in arguments:
            Path(arguments[-1]).mkdir(exist_ok=True)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(dev.subprocess, "run", make)
    monkeypatch.setattr(dev, "install_dependencies", lambda python, extras: pytest.fail("stopped here"))
    with pytest.raises(pytest.fail.Exception):
        dev.build_environment([])
    assert not (tmp_path / ".venv").exists()
    monkeypatch.setattr(dev, "install_dependencies", lambda python, extras: 0.0)
    dev.build_environment([])
    assert (tmp_path / ".venv").is_dir()


@pytest.mark.parametrize(
    ("have", "asked", "done"), [([], [], True), (["test"], [], True), ([], ["test"], False), (["neural"], ["test"], False)]
)
def test_nothing_is_done_again_when_nothing_changed(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, have: list[str], asked: list[str], done: bool
) -> None:
    python = Path(dev.venv_python())
    python.parent.mkdir(parents=True)
    python.write_text("")
    Path(dev.STAMP).write_text("\n".join(dev.needed(have)) + "\n")
    steps: list[str] = []
    monkeypatch.setattr(dev, "install_dependencies", lambda python, extras: steps.append("dependencies") or 0.0)
    monkeypatch.setattr(dev, "pip", lambda python, arguments, what: steps.append(what))
    dev.set_up(asked)
    assert steps == ([] if done else ["dependencies", "installing qantar"])
    assert Path(dev.STAMP).read_text().splitlines() == list(dev.needed(sorted({*have, *asked})))


def test_a_changed_source_installs_qantar_again(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(dev.venv_python())
    python.parent.mkdir(parents=True)
    python.write_text("")
    deps, extras, _ = dev.needed([])
    Path(dev.STAMP).write_text(f"{deps}\n{extras}\npackage of another day\n")
    steps: list[str] = []
    monkeypatch.setattr(dev, "pip", lambda python, arguments, what: steps.append(what))
    dev.set_up([])
    assert steps == ["installing qantar"]


def test_evidence_is_taken_over_into_the_sources(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed, home = tmp_path / "installed" / dev.ACCOUNT / "fit", tmp_path / "home"
    place = home / "src" / "qantar" / "cases" / dev.ACCOUNT / "fit"
    for folder, name in ((installed, "new"), (place, "old")):
        folder.mkdir(parents=True)
        (folder / name).write_text(name)
    monkeypatch.setattr(dev, "HERE", str(home))
    monkeypatch.setattr(dev, "set_up", lambda extras: None)
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=f"{tmp_path / 'installed'}\n"))

    def ends_early(arguments: list[str], what: str, **more: Any) -> None:
        assert arguments[1:] == ["-m", "qantar", "evidence", dev.ACCOUNT]
        raise SystemExit(1)

    monkeypatch.setattr(dev, "run", ends_early)
    with pytest.raises(SystemExit):
        dev.evidence()
    assert [p.name for p in place.iterdir()] == ["new"]
    dev.take_over(str(place), str(place))
    assert [p.name for p in place.iterdir()] == ["new"]
