"""A process that a command starts ends with it, from its first moment on.

Processes that compute follow the one that asked once they have begun; before, while they load libraries for some seconds, nobody but this
module looks after them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import MutableMapping

DRIVER = "QANTAR_DRIVER"
"""Variable of the environment that names the process of a command to those that it starts."""
EVERY = 0.2
"""Seconds between two looks."""


def lead(environment: MutableMapping[str, str] = os.environ) -> None:
    """From now on what this process starts ends with it."""
    environment[DRIVER] = str(os.getpid())


def follow() -> None:
    """End this process as soon as the command that started it has ended; where no command did, nothing happens."""
    driver = os.getppid()
    if os.name != "nt" and os.environ.get(DRIVER) == str(driver):  # on Windows a process keeps the number of a parent that is gone
        threading.Thread(target=_watch, args=(driver,), daemon=True).start()


def _watch(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(EVERY)
    os._exit(1)
