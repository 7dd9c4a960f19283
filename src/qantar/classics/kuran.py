"""Preference falsification: revolutions that nobody foresaw (Kuran 1989, Public Choice 61; the arithmetic 1991, World Politics 44).

    S       share of people who oppose the government in public
    T_i     the S from which on i opposes it in public: where what is gained by speaking one's mind outweighs what it costs to be seen
    A       the thresholds of a society in order, "threshold sequence"
    outcome the least S that is the share of people with T_i <= S

One person's threshold, which nobody sees, decides between a tenth and nine tenths of a society: A and A'. The same change does nearly
nothing to another society, B and B'.

What is taken: somebody joins when S reaches the threshold, not when it passes it. It is the arithmetic of `granovetter`, with shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qantar.classics.granovetter import joined

SEQUENCES: Mapping[str, Sequence[int]] = {
    "A": (0, 20, 20, 30, 40, 50, 60, 70, 80, 100),
    "A'": (0, 10, 20, 30, 40, 50, 60, 70, 80, 100),
    "B": (0, 20, 30, 40, 50, 60, 70, 80, 90, 100),
    "B'": (0, 10, 30, 40, 50, 60, 70, 80, 90, 100),
}
"""Thresholds of ten people, percent (Kuran 1991, pp. 20-22)."""


def opposition(thresholds: Sequence[float]) -> float:
    """Percent who oppose the government in public in the end; thresholds in percent.

    >>> [opposition(SEQUENCES[name]) for name in ("A", "A'")]
    [10.0, 90.0]
    """
    n = len(thresholds)
    return 100 * joined([t * n / 100 for t in thresholds]) / n
