"""One effect: what an outcome is without an arm and with it, draw by draw, and what follows.

In: pairs of histories by draw and seed. Out: the difference of each draw with its seeds averaged, levels in counts, in how many draws it is
at least the smallest effect that counts, and the finding, asked in both directions or in one (`pairing` says the rule).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects.decision import DIRECTIONS, Finding, finding_of, noise_of
from qantar.effects.measures import OUTCOMES
from qantar.statistics import finite, wilson

Floats = NDArray[np.float64]
BASE = "base"
EITHER = "either"
"""No direction is asked about: each outcome says which way it goes."""
NOT_JUDGED = "not-judged"


@dataclass(frozen=True)
class Effect:
    """One arm and outcome: pairs of histories by draw and seed, and what follows."""

    arm: str
    outcome: str
    smallest: float
    direction: int
    """1 asks about a rise, -1 about a fall, 0 about neither"""
    base_values: Floats
    """Y(base), shape (draws, replicates)"""
    arm_values: Floats
    """Y(arm), same shape and seeds"""
    gain: tuple[float, float, float]
    """by which factor pairing saves runs, with its 95 % interval; NaN where it cannot be measured"""
    judged: bool = True
    """whether enough of the base's histories are uprisings"""

    @property
    def values(self) -> Floats:
        """Delta of each draw, shape (draws,)."""
        return np.asarray((self.arm_values - self.base_values).mean(axis=1))

    def as_dict(self) -> dict[str, Any]:
        """For machines. Quantiles 5, 50 and 95 % over draws; what cannot be measured is None.

        `median`, `low` and `high` are of the effect; `times`, likewise, say it as so many times as many; levels are counts. The middle of a
        share is that of all histories, which is what the answer counts.
        """
        outcome, draws = OUTCOMES[self.outcome], len(self.values)
        answer = answer_of(self.values, self.smallest)
        asked = finding_of(self.values, self.smallest, self.direction) if self.direction else answer
        # Draws that go the way asked about; with none, the most that go one way or stay.
        reached = {0: max(answer.reached, answer.between, answer.reversed), 1: answer.reached, -1: answer.reversed}[self.direction]
        share_low, share_high = wilson(reached, draws)
        difference = self.arm_values - self.base_values
        effect = _over_draws(self.values)
        log = outcome.unit == "log10"
        levels: dict[str, float] = {}
        for name, y in ((BASE, self.base_values), ("arm", self.arm_values)):
            over_draws = _over_draws(y.mean(axis=1))
            over_draws[0] = float(y.mean()) if outcome.natural == "share" else over_draws[0]
            levels |= _named(name, (max(0.0, float(10**v - 1)) for v in over_draws) if log else over_draws)  # from log10 (1 + people)
        return {
            "arm": self.arm, "outcome": self.outcome, "unit": outcome.unit,
            **dict(zip(("median", "low", "high"), effect, strict=True)),
            **_named("times", (10**v if log else None for v in effect)),
            "level_unit": outcome.natural, **levels,
            "direction": next((name for name, sign in DIRECTIONS.items() if sign == self.direction), EITHER),
            "smallest": self.smallest, "draws": draws, "more": answer.reached, "same": answer.between, "fewer": answer.reversed,
            "share": reached / draws, "share_low": share_low, "share_high": share_high,
            "answer": answer.name if self.judged else NOT_JUDGED, "finding": asked.name if self.judged else NOT_JUDGED,
            "pairs_up": int((difference > 0).sum()), "pairs_down": int((difference < 0).sum()),
            "pairs_same": int((difference == 0).sum()), "noise": finite(noise_of(difference)),
            **dict(zip(("gain", "gain_low", "gain_high"), map(finite, self.gain), strict=True)),
        }  # fmt: skip


def _over_draws(values: Floats) -> list[float]:
    """Median, 5 and 95 %."""
    return np.quantile(values, (0.5, 0.05, 0.95)).tolist()  # type: ignore[no-any-return]


def _named(name: str, found: Iterable[float | None]) -> dict[str, Any]:
    return dict(zip((f"{name}_median", f"{name}_low", f"{name}_high"), found, strict=True))


ANSWERS = {"supported": "more", "reversed": "fewer", "null": "same", "mixed": "not-more", "undecided": "undecided"}
"""What a finding about a rise says where no direction is asked about."""


def answer_of(values: Floats, smallest: float) -> Finding:
    """Which way values go, by the same rule asked in both directions; `reached` counts rises and `reversed` falls.

    >>> [answer_of(np.array(x), 0.1).name for x in ([0.2] * 10, [-0.2] * 9 + [0.2], [0.0] * 10, [0.0] * 5 + [0.2] * 5)]
    ['more', 'fewer', 'same', 'not-fewer']
    """
    rise, fall = (finding_of(values, smallest, sign) for sign in (1, -1))
    turned = rise.name == "undecided" and fall.name == "mixed"
    return replace(rise, name="not-fewer" if turned else ANSWERS[rise.name])
