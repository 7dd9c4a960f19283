"""An environment of its own for the programs of others: made once in the user's cache folder, packages installed by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("laser-core>=1", "mesa>=3", "networkx", "numba", "numpy")  # networkx: an example that Mesa imports with all others
STAMP = "installed.txt"


def folder() -> Path:
    """Where the environment lies unless somebody says otherwise."""
    for base in (os.environ.get("XDG_CACHE_HOME"), os.environ.get("LOCALAPPDATA")):
        if base and Path(base).is_absolute():
            return Path(base) / "qantar-peers"
    return Path.home() / ".cache" / "qantar-peers"


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(venv: Path) -> bool:
    """Whether everything has been installed there."""
    stamp = venv / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == "\n".join(PACKAGES)


def prepare(venv: Path) -> Path:
    """The interpreter of the environment, which is made if it is not there yet.

    Raises
    ------
    subprocess.CalledProcessError
        If it could not be made: without a connection, for example.
    """
    if not installed(venv):
        print(f"installing {', '.join(PACKAGES)} into {venv} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python_of(venv)), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (venv / STAMP).write_text("\n".join(PACKAGES), encoding="utf-8")
    return python_of(venv)
