"""Standard streams that are closed, full or broken, and a width that is none: what is said then, and with which exit status."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO


def prepare(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make both streams fit to write to: what a console cannot show is replaced, and what was closed goes nowhere.

    A number of columns that no terminal has (`COLUMNS=0`) is forgotten; the terminal's own holds then, or 80.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the program began: its number must not become that of a file
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  open as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", **({} if stream.isatty() else {"encoding": "utf-8"}))
    if not re.fullmatch(r"[1-9]\d{0,3}", environment.get("COLUMNS", "80"), re.ASCII):
        del environment["COLUMNS"]


def complain(words: str) -> None:
    """Write to stderr; where that cannot be done nobody is told, and nothing else changes."""
    with suppress(OSError, ValueError):
        sys.stderr.write(words)


def is_broken(stream: TextIO) -> bool:
    """Whether a stream takes nothing more: asked with an empty line, as one that keeps nothing back fails on what is new only."""
    try:
        stream.write("\n")
        stream.flush()
    except (OSError, ValueError):
        return True
    return False


def settle() -> None:
    """Let what a broken stream still holds go nowhere: the interpreter would try again at its end, and change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):  # a stream that is no file holds nothing back
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
