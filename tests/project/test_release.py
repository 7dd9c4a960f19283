"""A release: one version everywhere, packages that say what they need, hashes that are checked by others' tools."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from conftest import REPOSITORY


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
