"""What happened, resident by resident, and its SHA-256.

A history is a list of moves (step, resident, old state, new state). The digest is taken over the rows sorted by step and
resident, packed little-endian as 4, 8, 1 and 1 bytes; nothing floating enters it, so it does not depend on the engine,
on threads or on the order in which moves were found.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOVE = np.dtype([("step", "<u4"), ("resident", "<u8"), ("old", "u1"), ("new", "u1")])


@dataclass
class Moves:
    """Moves in the order they were found."""

    parts: list[NDArray[np.void]]

    def add(self, step: int, who: NDArray[np.int64], old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        """Note the moves of one step."""
        if len(who):
            order = np.argsort(who)  # nobody moves twice in a step
            part = np.empty(len(who), MOVE)
            part["step"], part["resident"], part["old"], part["new"] = step, who[order], old[order], new[order]
            self.parts.append(part)

    def table(self) -> NDArray[np.void]:
        """All moves, sorted by step and resident."""
        return np.concatenate(self.parts) if self.parts else np.empty(0, MOVE)

    def sha256(self) -> str:
        """64 hexadecimal digits.

        >>> Moves([]).sha256()[:12]
        'e3b0c44298fc'
        """
        return hashlib.sha256(self.table().tobytes()).hexdigest()
