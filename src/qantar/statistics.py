"""Intervals of shares; numbers for machines."""

from __future__ import annotations

import math

NORMAL_95 = 1.959964
"""Standard errors either way of a 95 % interval."""


def wilson(hits: float, n: float) -> tuple[float, float]:
    """95 % interval of a share, `hits` of `n` (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212); without any of `n`, all there is.

    >>> [round(x, 3) for x in wilson(9, 10)], wilson(0, 0)
    ([0.596, 0.982], (0.0, 1.0))
    """
    if not n:
        return 0.0, 1.0
    z, p = NORMAL_95, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def finite(x: float) -> float | None:
    """A number that JSON can hold."""
    return x if math.isfinite(x) else None
