"""A release: one version everywhere, packages that say what they need, hashes that are checked by others' tools."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from conftest import REPOSITORY
from qantar.cli.main import build


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", REPOSITORY / "dev" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tree(place: Path, version: str, cited: str, changes: str) -> Path:
    (place / "src" / "qantar").mkdir(parents=True)
    (place / "src" / "qantar" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (place / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {cited}\n")
    (place / "CHANGELOG.md").write_text(f"# Changelog\n\n## {changes}\n")
    return place


@pytest.mark.parametrize(
    ("version", "cited", "changes", "wrong"),
    [
        ("1.2.0", "1.2.0", "1.2.0 (2027-01-05)", []),
        ("1.2.0", "1.1.0", "1.2.0 (2027-01-05)", ["CITATION.cff"]),
        ("1.2.0", "1.2.0", "1.2.0 (unreleased)", ["CHANGELOG.md"]),
        ("1.2", "1.2", "1.2 (2027-01-05)", ["src/qantar/__init__.py"]),
    ],
)
def test_a_tree_whose_versions_disagree_is_no_release(
    release: ModuleType, tmp_path: Path, version: str, cited: str, changes: str, wrong: list[str]
) -> None:
    assert [line.split(":")[0] for line in release.faults(_tree(tmp_path, version, cited, changes))] == wrong


def test_this_tree_lacks_at_most_the_day_of_its_release(release: ModuleType) -> None:
    assert [line.split(":")[0] for line in release.faults()] in ([], ["CHANGELOG.md"])


@pytest.mark.skipif(not shutil.which("ssh-keygen") or not shutil.which("sha256sum"), reason="tools of a system are not there")
def test_hashes_and_their_signature_are_checked_by_the_tools_of_a_system(release: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    sums = release.write_hashes([tmp_path / "a.whl"], tmp_path)
    release.run(["sha256sum", "--check", sums.name], tmp_path)
    release.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], tmp_path)
    release.run(["ssh-keygen", "-Y", "sign", "-f", "key", "-n", "qantar", sums.name], tmp_path)
    check = ["ssh-keygen", "-Y", "check-novalidate", "-n", "qantar", "-s", "SHA256SUMS.sig"]
    for content, right in ((sums.read_bytes(), True), (sums.read_bytes() + b"x", False)):
        done = subprocess.run(check, cwd=tmp_path, input=content, capture_output=True, check=False)
        assert (done.returncode == 0) == right
    (tmp_path / "a.whl").write_bytes(b"other")
    with pytest.raises(SystemExit, match=r"a\.whl"):
        release.run(["sha256sum", "--check", sums.name], tmp_path)


def test_the_pythons_that_are_tried_are_those_that_are_named(release: ModuleType) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [found[1] for c in project["classifiers"] if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", c))]
    assert tuple(named) == release.PYTHONS
    assert project["requires-python"] == f">={named[0]}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ERROR: Could not find a version that satisfies the requirement opencc>=1.1.9 (from qantar)", "no wheel of opencc"),
        (
            "ERROR: Cannot install qantar==0.1.0 because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n"
            "    qantar 0.1.0 depends on numba>=0.62\n    The user requested (constraint) numba==0.68.1\n\n"
            "Additionally, some packages in these conflicts have no matching distributions available for your environment:\n    numba\n",
            "no wheel of numba",
        ),
        ("ERROR: something  else", "ERROR: something else"),
    ],
)
def test_what_pip_lacks_is_said_in_three_words(release: ModuleType, words: str, said: str) -> None:
    assert release.lacking(words) == said


def test_a_table_says_where_the_wheel_can_be_installed(release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        lacks = "win_arm64" in command and "--constraint" not in command
        return subprocess.CompletedProcess(command, int(lacks), "", "satisfies the requirement numba>=0.62" if lacks else "")

    monkeypatch.setattr(release.subprocess, "run", pip)
    rows = release.matrix(Path("qantar.whl"), tmp_path)
    assert len(rows) == len(release.PYTHONS) * len(release.SYSTEMS)
    assert {row["newest versions"] for row in rows if row["system"] == "Windows arm64"} == {"no wheel of numba"}
    assert {row["tested versions"] for row in rows} == {"yes"}
    assert all("--dry-run" in command and "--only-binary=:all:" in command for command in asked)
    assert len((tmp_path / release.MATRIX).read_text(encoding="utf-8").splitlines()) == 1 + len(rows)


def test_the_container_takes_what_a_release_makes_and_says_what_the_program_knows(release: ModuleType) -> None:
    text = (REPOSITORY / "packaging" / "Containerfile").read_text(encoding="utf-8")
    steps = dict(re.findall(r"(?m)^([A-Z]+) ((?:.*\\\n)*.*)", text))
    assert set(steps) == {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
    python = re.fullmatch(r"python:(3\.\d+)-slim", steps["FROM"])
    assert python
    assert python[1] in release.PYTHONS
    wheel, pins, place = steps["COPY"].split()
    assert (wheel, place) == ("dist/qantar-*.whl", "/tmp/")
    assert REPOSITORY / pins == release.PINS
    commands = [shlex.split(c) for c in steps["RUN"].replace("\\\n", " ").split("&&")]
    assert [c[0] for c in commands] == ["pip", "rm", "useradd", "mkdir", "chown"]
    assert {word for word in commands[0] if word.startswith("/")} == set(commands[1][1:]) == {"/tmp/constraints.txt", "/tmp/qantar-*.whl"}
    assert steps["USER"] == commands[2][-1] == commands[4][1]
    assert steps["WORKDIR"] == commands[3][1] == commands[4][2]
    known = build("en")
    shown = [shlex.split(line) for line in re.findall(r"podman run .* qantar (.+)", text)] + [json.loads(steps["CMD"])]
    assert json.loads(steps["ENTRYPOINT"]) == ["qantar"]
    assert len(shown) == 3
    for words in shown:
        command = known.commands.get(words[0], known)
        options = {o for p in command.params for o in p.opts} | {"--help"}
        assert {w for w in words if w.startswith("--")} <= options


ELSEWHERE = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "opencc": "opencc-python"}
"""What conda calls a package by another name."""


def test_the_recipe_for_conda_needs_what_the_package_needs() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recipe = yaml.safe_load((REPOSITORY / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    wanted = {}
    for line in project["dependencies"]:
        name, bound = re.match(r"([\w-]+)(.*)", line).groups()  # type: ignore[union-attr]
        wanted[ELSEWHERE.get(name, name)] = bound
    found = dict(line.split(" ") for line in recipe["requirements"]["run"])
    assert found == wanted | {"python": project["requires-python"]}
    assert recipe["context"]["version"] in (REPOSITORY / "src" / "qantar" / "__init__.py").read_text(encoding="utf-8")


def test_metadata_of_archives_and_forms_can_be_read() -> None:
    archive = json.loads((REPOSITORY / ".zenodo.json").read_text(encoding="utf-8"))
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert archive["title"] == cited["title"]
    assert archive["license"] == cited["license"]
    forms = [p for p in (REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if p.stem != "config"]
    assert len(forms) == 3
    for form in forms:
        read = yaml.safe_load(form.read_text(encoding="utf-8"))
        assert read["name"]
        assert any(field.get("validations", {}).get("required") for field in read["body"])
