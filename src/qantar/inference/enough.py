"""What a record has to be fitted to, said before hours are spent; and that a record which dates nothing cannot be fitted at all."""

from __future__ import annotations

import numpy as np

from qantar.errors import StudyError, fail
from qantar.inference.distance import Target, whole_days
from qantar.messages import LANGUAGES, text
from qantar.scenario.plan import Plan

BLOCKS = ("onset", "participants", "detained", "deaths", "seats")
"""Parts of a record, in the order in which they are told."""


def counts_of(target: Target, plan: Plan) -> dict[str, int]:
    """How much of each part a record knows: regions whose first day it bounds, days with a count, seats whose fate it knows."""
    never, counts = whole_days(plan), dict.fromkeys(BLOCKS, 0)
    for item, low, high in zip(target.items, target.low, target.high, strict=True):
        bounded = low > 0 or high < never if item.block == "onset" else not np.isnan(low)
        if item.block in counts and not np.isnan(low) and bounded:
            counts[item.block] += 1
    return counts


def enough(target: Target, plan: Plan) -> tuple[str, str]:
    """What the record knows, and what therefore cannot be learned, as a sentence or two in English and Chinese.

    Raises
    ------
    StudyError
        If it bounds the first day of no region and counts no participants: then nothing can be fitted to it.
    """
    counts = counts_of(target, plan)
    if not counts["onset"] + counts["participants"]:
        raise fail(StudyError, plan.case, "record_thin")
    lacking = [block for block in BLOCKS if not counts[block]]
    told = [
        text("fitted.record", lang, regions=len(plan.regions), **counts)
        + "".join(text("error.space", lang) + text(f"fitted.without_{block}", lang) for block in lacking)
        for lang in LANGUAGES
    ]
    return told[0], told[1]
