"""What a record has to be fitted to, said before hours are spent; and that a record which dates nothing cannot be fitted at all."""

from __future__ import annotations

import numpy as np

from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.inference.distance import Target, whole_days
from qantar.inference.variance import pace
from qantar.messages import LANGUAGES, text
from qantar.scenario.plan import Plan

BLOCKS = ("onset", "participants", "detained", "deaths", "seats")
"""Parts of a record, in the order in which they are told."""
LONG = 1_000
"""Histories from which it is worth a few to learn how long they take."""
COMPARED = 2
"""Regions whose first day must be bounded before one of them can be foreseen from the others."""


def counts_of(target: Target, plan: Plan) -> dict[str, int]:
    """How much of each part a record knows: regions whose first day it bounds, days with a count, seats whose fate it knows."""
    never, counts = whole_days(plan), dict.fromkeys(BLOCKS, 0)
    for item, low, high in zip(target.items, target.low, target.high, strict=True):
        bounded = low > 0 or high < never if item.block == "onset" else not np.isnan(low)
        if item.block in counts and not np.isnan(low) and bounded:
            counts[item.block] += 1
    return counts


def enough(target: Target, plan: Plan, *, quiet: bool = True) -> tuple[str, str]:
    """What the record knows, and what therefore cannot be learned, as a sentence or two in English and Chinese.

    Parameters
    ----------
    quiet : whether the scenario names a period that must stay quiet

    Raises
    ------
    StudyError
        If it bounds the first day of no region and counts no participants: then nothing can be fitted to it.
    """
    counts = counts_of(target, plan)
    if not counts["onset"] + counts["participants"]:
        raise fail(StudyError, plan.case, "record_thin")
    lacking = [*(block for block in BLOCKS if not counts[block]), *([] if quiet else ["quiet"])]
    return told("record", *(f"without_{name}" for name in lacking), regions=len(plan.regions), **counts)


def enough_regions(target: Target, plan: Plan) -> tuple[str, str]:
    """In how many regions what is foreseen can be held against the record, and what few of them are worth, in English and Chinese.

    Raises
    ------
    StudyError
        If it bounds the first day of fewer than two: then none can be foreseen from the others.
    """
    n = counts_of(target, plan)["onset"]
    if n < COMPARED:
        raise fail(StudyError, plan.case, "regions_few", n=n, least=COMPARED)
    return told("foreseen", *(["foreseen_some"] if n < len(plan.regions) else []), n=n, regions=len(plan.regions))


def announce(plan: Plan, seed: int, n: int, runner: Runner) -> None:
    """Tell whoever waits how many histories there will be at most, and how long they take at the pace of a few; nothing of a short look."""
    if n < LONG:
        return
    processes = runner.hands
    minutes = max(1, round(n * pace(plan, seed) / processes / 60))
    en, zh = (text("out.sens_plan", lang, n=f"{n:,}", minutes=f"{minutes:,}", processes=processes) for lang in LANGUAGES)
    runner.note((en, zh))


def told(*keys: str, **numbers: int) -> tuple[str, str]:
    """Messages about a fit, one after the other, in English and Chinese."""
    en, zh = (text("error.space", lang).join(text(f"fitted.{key}", lang, **numbers) for key in keys) for lang in LANGUAGES)
    return en, zh
