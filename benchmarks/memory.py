"""How much memory a process has needed. Uses nothing but Python, so that programs of others can be measured with it."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_mb() -> float | None:
    """Largest memory of this process so far, in MB (10^6 bytes); None where the system does not say.

    Linux carries `ru_maxrss` over from the parent that started a process, however small the new one is, so that its own
    high-water mark is read there.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e6
