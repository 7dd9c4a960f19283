"""Makes a release: wheel and sdist, tried in an environment of their own, a list of what they bring with them, and hashes.

    python dev/release.py dist              build, try, list, hash
    python dev/release.py dist --key KEY    sign the hashes too, with a private key of OpenSSH
    python dev/release.py dist --matrix     only see for which Pythons and systems the wheel in `dist` can be installed from binaries

It needs the extra `release` (`pip install -e .[release]`). Nothing is uploaded. What is tried runs outside the checkout, from the installed
wheel alone. The hashes are checked with

    sha256sum --check SHA256SUMS
    ssh-keygen -Y check-novalidate -n qantar -s SHA256SUMS.sig < SHA256SUMS
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HOME = Path(__file__).parent.parent
TRIED = (
    ["check", "kazakhstan-2022"],
    ["study", "kazakhstan-2022", "--out", "report"],
    ["verdicts", "kazakhstan-2022", "--claim-review"],
    ["new", "peru-2029", "--country", "PER", "--first-day", "2029-03-01", "--last-day", "2029-03-14"],
    ["check", "peru-2029"],
    ["classics", "--seeds", "2", "--ticks", "1000", "--out", "classics"],
    ["show", "classics"],
)
"""Commands that must end well when nothing but the wheel is there."""
PINS = HOME / "dev" / "constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86_64": ("manylinux2014_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"),
    "Linux aarch64": ("manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64"),
    "macOS arm64": ("macosx_14_0_arm64",),
    "macOS x86_64": ("macosx_14_0_x86_64",),
    "Windows x86_64": ("win_amd64",),
    "Windows arm64": ("win_arm64",),
}
"""Kinds of machines, by the tags of wheels that one of them takes (glibc 2.28, macOS 14)."""
MATRIX = "installs.csv"
LINES = 3
"""Last lines that are shown of what a command says."""


def faults(home: Path = HOME) -> list[str]:
    """What keeps a tree from being a release: one version everywhere, with its changes and a day."""
    version = _first(r'__version__ = "([^"]+)"', home / "src" / "qantar" / "__init__.py")
    cited = _first(r"(?m)^version: (\S+)", home / "CITATION.cff")
    changes = _first(r"(?m)^## (.+)$", home / "CHANGELOG.md")
    found = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        found.append(f"src/qantar/__init__.py: {version} is no semantic version")
    if cited != version:
        found.append(f"CITATION.cff: version {cited}, but the package is {version}")
    if not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", changes):
        found.append(f"CHANGELOG.md: the first section is '{changes}', not '{version} (YEAR-MONTH-DAY)'")
    return found


def _first(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(encoding="utf-8"))
    return found[1] if found else "?"


def run(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command says; ends with its words if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=False, env=env)
    if done.returncode:
        sys.exit(f"release: {' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(out: Path) -> list[Path]:
    """Wheel and sdist, the same bytes from the same commit: every file in them bears the day of the commit."""
    when = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=HOME, capture_output=True, text=True, check=True).stdout.strip()
    run([sys.executable, "-m", "hatchling", "build", "--directory", str(out)], HOME, os.environ | {"SOURCE_DATE_EPOCH": when})
    return sorted([*out.glob("qantar-*.whl"), *out.glob("qantar-*.tar.gz")])


def try_out(package: Path, out: Path) -> None:
    """Install a package alone, run it outside the checkout with a new home and nothing else around it, and write down what it brought."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        venv.create(home / "v", with_pip=True)
        programs = home / "v" / ("Scripts" if os.name == "nt" else "bin")
        python = str(programs / "python")
        alone = {"HOME": place, "PATH": os.defpath, **{k: os.environ[k] for k in ("SYSTEMROOT", "TEMP") if k in os.environ}}
        pins = ["--constraint", str(PINS)]
        run([python, "-m", "pip", "install", "--quiet", *pins, str(package)], home)
        for command in TRIED:
            print("  qantar", *command, flush=True)
            said = run([str(programs / "qantar"), *command], home, alone).strip().splitlines()
            print(*(f"    {line}" for line in said[-LINES:]), sep="\n", flush=True)
        run([sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "-o", str(out / "sbom.json"), python], home)


def write_hashes(files: list[Path], out: Path) -> Path:
    """SHA256SUMS, as `sha256sum` reads it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    place = out / "SHA256SUMS"
    place.write_text("".join(lines), encoding="utf-8")
    return place


def matrix(wheel: Path, out: Path) -> list[dict[str, str]]:
    """For each Python and kind of machine, what the index lacks so that a wheel could be installed without a compiler; written, too.

    Only names and versions are asked for. Conditions such as `sys_platform` are those of this machine: pip knows no other way.
    """
    rows = []
    for python in PYTHONS:
        for system, tags in SYSTEMS.items():
            found = {"python": python, "system": system}
            for kind, more in {"tested versions": ["--constraint", str(PINS)], "newest versions": []}.items():
                words = ["--dry-run", "--ignore-installed", "--only-binary=:all:", "--python-version", python]
                places = ["--target", str(out / "nowhere"), *(word for tag in tags for word in ("--platform", tag))]
                command = [sys.executable, "-m", "pip", "install", *words, *places, *more, str(wheel)]
                done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
                found[kind] = "yes" if done.returncode == 0 else lacking(done.stdout + done.stderr)
            print("  {python}  {system:15} {tested versions:30} {newest versions}".format(**found), flush=True)
            rows.append(found)
    with (out / MATRIX).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return rows


def lacking(words: str) -> str:
    """What pip could not find, by its words.

    >>> lacking("ERROR: Could not find a version that satisfies the requirement opencc>=1.1.9 (from qantar)\\nERROR: No matching ...")
    'no wheel of opencc'
    """
    forms = (r"no matching distributions available for your environment:\s+([\w.-]+)", r"satisfies the requirement ([\w.-]+)")
    found = next(filter(None, (re.search(form, words) for form in forms)), None)
    return f"no wheel of {found[1].lower()}" if found else " ".join(words.split())[-200:]


def main() -> None:
    """Make it, or say what is in the way."""
    parser = argparse.ArgumentParser(description="Make a release.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--key", type=Path, help="private key of OpenSSH to sign the hashes with")
    parser.add_argument("--rehearse", action="store_true", help="go on where version, citation and changes do not agree yet")
    parser.add_argument("--matrix", action="store_true", help="only the table of Pythons and systems, of the wheel that is there")
    asked = parser.parse_args()
    if asked.matrix:
        matrix(next(asked.out.resolve().glob("qantar-*.whl")), asked.out.resolve())
        return
    if found := faults():
        print("\n".join(found), file=sys.stderr)
        if not asked.rehearse:
            sys.exit(1)
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    packages = build(out)
    for package in packages:
        print(package.name, f"{package.stat().st_size / 1e6:.1f} MB", flush=True)
        try_out(package, out)
    print("can be installed without a compiler", flush=True)
    matrix(next(p for p in packages if p.suffix == ".whl"), out)
    sums = write_hashes([*packages, out / "sbom.json", out / MATRIX], out)
    if asked.key:
        run(["ssh-keygen", "-Y", "sign", "-f", str(asked.key), "-n", "qantar", str(sums)], out)
    print(f"{out}: {', '.join(sorted(p.name for p in out.iterdir()))}")


if __name__ == "__main__":
    main()
