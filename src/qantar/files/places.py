"""Where things of this user lie."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def user_store(environment: Mapping[str, str] = os.environ) -> Path:
    """Where histories of this user are kept, whatever the current folder; nothing is made yet.

    `QANTAR_STORE` as it is, else `qantar-store` in the first cache folder that can be written to, else a temporary one. It may be
    deleted at any time: what is asked for again is computed again.
    """
    if environment.get("QANTAR_STORE"):
        return Path(environment["QANTAR_STORE"])
    home = environment.get("HOME")
    for base in (environment.get("XDG_CACHE_HOME"), environment.get("LOCALAPPDATA"), home and f"{home}/.cache"):
        if base and Path(base).is_absolute():
            there = next(p for p in (Path(base), *Path(base).parents) if p.exists())
            if os.access(there, os.W_OK) and there.is_dir():
                return Path(base) / "qantar-store"
    return Path(tempfile.gettempdir()) / f"qantar-store-{os.getuid() if hasattr(os, 'getuid') else 0}"
