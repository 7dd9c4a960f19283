"""The answer of a comparison in one sentence that cannot be misread: which way the largest crowd goes, in how many draws, in which model.

In: what a comparison says of one arm, as data. Out: the sentence in each language. Neither way is asked for: a reader who takes something
away and one who adds it get the same sentence about the same histories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qantar.messages import text
from qantar.model.outcome import UPRISING

MILLION = 1_000_000
LEAD = "peak"
"""The outcome of the sentence; those that also go one way follow by name."""


def amount(x: float, lang: str = "en", digits: int = 3) -> str:
    """A count in so many digits, as people write it; from a million on in millions, or in tens of thousands (万).

    >>> [amount(x) for x in (0, 0.04, 0.35, 7, 211.4, 4321, 1_121_800)], amount(1_121_800, "zh")
    (['0', '0', '0.3', '7', '211', '4,320', '1.12m'], '112万')
    """
    if x >= MILLION:
        short = float(f"{x:.{digits}g}") / (10_000 if lang == "zh" else MILLION)
        return text("answer.million", lang, n=f"{short:,.10g}")
    if x < 10:
        return f"{round(x, 1) + 0.0:g}"
    return f"{float(f'{x:.{digits}g}'):,.0f}"


def level(x: float, unit: str, lang: str = "en", digits: int = 3) -> str:
    """An outcome as it stands in a table: a share in percent, else a count.

    >>> level(0.35, "share"), level(35, "people")
    ('35 %', '35')
    """
    return f"{100 * x:.0f} %" if unit == "share" else amount(x, lang, digits)


def sentence(arm: str, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any], lang: str) -> str:
    """What follows for an arm, from its effects (a row an outcome, each with its `answer`) and what `pairing.as_dict` says about all."""
    helped = "recorded" if about["by_policy"] else "fit" if about["basis"] == "prior" else "draws"
    if not about["pairs_that_differ"]:
        return text(
            "answer.inert", lang, arm=arm, n=about["histories"], help=text("answer.try_recorded", lang) if about["by_policy"] else ""
        ).strip()
    if not about["judged"]:
        n = about["histories"]
        args = {"n": n, "k": round(about["uprisings"] * n), "people": amount(UPRISING, lang)}
        return text("answer.not-judged", lang, arm=arm, help=text(f"answer.try_{helped}", lang, case=about["scenario"]), **args)
    lead = next(r for r in rows if r["outcome"] == LEAD)
    where = text(f"answer.in_{about['basis']}", lang) + text("answer.by_policy" if about["by_policy"] else "answer.as_recorded", lang)
    counts = {k: lead[k] for k in ("draws", "more", "same", "fewer")}
    levels = {"base": amount(lead["base_median"], lang), "with_": amount(lead["arm_median"], lang)}
    levels["pct"] = f"{100 * (10 ** lead['smallest'] - 1):.0f}"
    said = text(f"answer.{lead['answer']}", lang, where=where, arm=arm, **counts, **levels)
    for way in ("more", "fewer"):
        names = [text(f"outcome.{r['outcome']}", lang) for r in rows if r["outcome"] != LEAD and r["answer"] == way]
        if names:
            said += text(f"answer.also_{way}", lang, names=text("error.sep", lang).join(names))
    return said
