"""Makes a release: wheel and sdist, tried in an environment of their own, a list of what they bring with them, and hashes.

    python dev/release.py dist              build, try, list, hash
    python dev/release.py dist --key KEY    sign the hashes too, with a private key of OpenSSH

It needs the extra `release` (`pip install -e .[release]`). Nothing is uploaded. What is tried runs outside the checkout, from the installed
wheel alone. The hashes are checked with

    sha256sum --check SHA256SUMS
    ssh-keygen -Y check-novalidate -n qantar -s SHA256SUMS.sig < SHA256SUMS
"""

from __future__ import annotations

import argparse
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
)
"""Commands that must end well when nothing but the wheel is there."""


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


def run(command: list[str], cwd: Path, **more: str) -> None:
    """Run a command, and end with its words if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | more)
    if done.returncode:
        sys.exit(f"release: {' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def build(out: Path) -> list[Path]:
    """Wheel and sdist, the same bytes from the same commit: every file in them bears the day of the commit."""
    when = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=HOME, capture_output=True, text=True, check=True).stdout.strip()
    run([sys.executable, "-m", "hatchling", "build", "--directory", str(out)], HOME, SOURCE_DATE_EPOCH=when)
    return sorted([*out.glob("qantar-*.whl"), *out.glob("qantar-*.tar.gz")])


def try_out(package: Path, out: Path) -> None:
    """Install a package alone, run it outside the checkout, and write down what it brought with it."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        venv.create(home / "v", with_pip=True)
        python = str(home / "v" / "bin" / "python")
        pins = ["--constraint", str(HOME / "dev" / "constraints.txt")]
        run([python, "-m", "pip", "install", "--quiet", *pins, str(package)], home)
        for command in TRIED:
            print("  qantar", *command, flush=True)
            run([str(home / "v" / "bin" / "qantar"), *command], home)
        run([sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "-o", str(out / "sbom.json"), python], home)


def write_hashes(files: list[Path], out: Path) -> Path:
    """SHA256SUMS, as `sha256sum` reads it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    place = out / "SHA256SUMS"
    place.write_text("".join(lines), encoding="utf-8")
    return place


def main() -> None:
    """Make it, or say what is in the way."""
    parser = argparse.ArgumentParser(description="Make a release.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--key", type=Path, help="private key of OpenSSH to sign the hashes with")
    parser.add_argument("--rehearse", action="store_true", help="go on where version, citation and changes do not agree yet")
    asked = parser.parse_args()
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
    sums = write_hashes([*packages, out / "sbom.json"], out)
    if asked.key:
        run(["ssh-keygen", "-Y", "sign", "-f", str(asked.key), "-n", "qantar", str(sums)], out)
    print(f"{out}: {', '.join(sorted(p.name for p in out.iterdir()))}")


if __name__ == "__main__":
    main()
